"""Reads for desks, units and grid workers."""
