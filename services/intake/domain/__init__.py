"""Decisions of intake. Standard library and shared.kernel only."""
