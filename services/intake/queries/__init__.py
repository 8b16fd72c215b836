"""What intake tells: reads for screens, lists and indexes."""
