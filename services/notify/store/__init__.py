"""SQL of notify, and nothing but SQL."""
