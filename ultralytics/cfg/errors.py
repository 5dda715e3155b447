"""Errors of configuration: what a user wrote, and what would be right.

Each is also the built-in type that the public interface promises, so `except ValueError` and the like keep working,
while the command line can tell a user's mistake from a bug.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["ConfigError", "ConfigSyntaxError", "ConfigTypeError", "ConfigValueError", "close_names"]


class ConfigError(Exception):
    """Base of all configuration errors."""


class ConfigTypeError(ConfigError, TypeError):
    """A value of the wrong type."""


class ConfigValueError(ConfigError, ValueError):
    """A value outside its range."""


class ConfigSyntaxError(ConfigError, SyntaxError):
    """An unknown argument, or a command line that cannot be read."""


def close_names(name: str, known: Iterable[str], n: int = 3) -> list[str]:
    """Return up to `n` known names that look like a mistyped one, upper and lower case aside, best first."""
    folded = {str(item).lower(): str(item) for item in known}
    return [folded[match] for match in difflib.get_close_matches(str(name).lower(), folded, n=n)]
