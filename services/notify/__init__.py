"""Notify: everyone concerned hears of it, live. Stream, public tracking by code, webhooks, and the landing page."""
