"""Predicting and scoring as stages that hand over files."""
