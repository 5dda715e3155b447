"""Comparing a model in all export formats, and models with one another."""
