"""SQL, and nothing but SQL: each function takes a transaction, each statement is a constant at the top of its file."""
