"""What intake does: one use case a file."""
