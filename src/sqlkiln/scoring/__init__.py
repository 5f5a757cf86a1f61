"""Metrics and the statistics about them."""
