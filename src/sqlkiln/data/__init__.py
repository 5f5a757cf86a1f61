"""Datasets: questions with their databases."""
