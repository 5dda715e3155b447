"""Checkpoint files, and where their weights go."""
