"""Asking: sessions for people and programs."""
