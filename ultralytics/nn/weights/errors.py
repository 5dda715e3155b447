"""What goes wrong with checkpoint files."""

from __future__ import annotations

import pickle
from pathlib import Path

__all__ = ["CheckpointError", "UnsafeCheckpointError", "shown"]


class CheckpointError(ValueError, TypeError):
    """A file that is no usable checkpoint; the text says what it is instead and what to do.

    Also a `TypeError`, which is what scripts for version 8.4 catch.

    Attributes:
        place: where in the content of the file, outermost first.
    """

    def __init__(self, message: str):
        super().__init__(message)
        self.place: list[str] = []

    def in_file(self, file: str | Path) -> CheckpointError:
        """Return the same error with the file and the place in its text."""
        what = f"{self}{_at(self.place)}".rstrip(".")
        return CheckpointError(f"'{file}' is damaged or no PyTorch checkpoint ({what}). Fetch it again.")


class UnsafeCheckpointError(CheckpointError, pickle.UnpicklingError):
    """A checkpoint asks for something that is not known to be harmless; nothing of it has run.

    Attributes:
        wanted: dotted name it asked for.
    """

    def __init__(self, message: str, wanted: str = ""):
        super().__init__(message)
        self.wanted = wanted

    def in_file(self, file: str | Path) -> UnsafeCheckpointError:
        """Return the same error with the file and the place in its text."""
        return UnsafeCheckpointError(f"'{file}' was not loaded: {self}{_at(self.place)}", self.wanted)


def _at(place: list[str]) -> str:
    """Return a place in words; a long one is cut in the middle."""
    parts = place if len(place) <= 12 else [*place[:6], "...", *place[-6:]]
    return f" At: '{'.'.join(parts)}'." if parts else ""


def shown(value: object, limit: int = 120) -> str:
    """Return text of a file for a message: one line of printable characters, cut where it is long."""
    text = str(value) if isinstance(value, (str, int)) else f"<{type(value).__name__}>"
    text = text if len(text) <= limit else f"{text[:limit]}..."
    return "".join(letter if letter.isprintable() else "?" for letter in text)
