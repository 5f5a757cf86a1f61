"""Inference strategies over a backend."""
