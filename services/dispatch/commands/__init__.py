"""One use case a file: one function, one transaction."""
