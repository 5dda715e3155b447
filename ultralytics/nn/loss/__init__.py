"""Losses: assignment, elementary terms, and one criterion per task."""
