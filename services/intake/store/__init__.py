"""SQL of intake, and nothing but SQL."""
