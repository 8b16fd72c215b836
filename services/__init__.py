"""The four services, and `city`, the one place that puts them together."""
