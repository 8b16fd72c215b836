"""Plain functions and contracts that every service calls. Owns no data and takes no decision."""
