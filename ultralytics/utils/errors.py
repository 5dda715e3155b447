"""Errors that 8.1 named."""

from __future__ import annotations

__all__ = ["HUBModelError"]


class HUBModelError(Exception):
    """A model of the cloud service could not be found: never raised, but named by `except` clauses."""

    def __init__(self, message: str = "Model not found. There is no cloud service here; give a local file."):
        super().__init__(message)
