"""What a domain may import: errors, clock, ids, area paths. Standard library only."""
