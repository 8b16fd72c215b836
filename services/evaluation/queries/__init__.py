"""Reads: SQL → response models."""
