"""Decisions about a case: pure values and functions, told the time and the ids they need."""
