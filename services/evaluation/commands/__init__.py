"""What changes the counts: one use case a file."""
