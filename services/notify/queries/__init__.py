"""Reads of notify: the log as streams see it, the way of a report, webhooks."""
