"""Errors of configuration: what a user wrote, and what would be right.

Each is also the built-in type that the public interface promises, so `except ValueError` and the like keep working,
while the command line can tell a user's mistake from a bug.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from ultralytics.utils.text import without_password

__all__ = [
    "ConfigError",
    "ConfigSyntaxError",
    "ConfigTypeError",
    "ConfigValueError",
    "check_keys",
    "close_names",
    "named",
    "shown",
]

SHOWN = 80  # characters of a value in a message


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


def shown(value: Any) -> str:
    """Return a value for a message: as Python writes it, in one line, without passwords and not too long."""
    try:
        text = without_password(repr(value).replace("\n", " "))
    except Exception:  # an object of the user's whose repr fails; the message is about its type
        text = object.__repr__(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 4]} ..."


@contextlib.contextmanager
def named(key: str, value: Any) -> Iterator[None]:
    """Let an error about a file that an argument names start with the argument, unless it speaks of it already.

    Raises:
        OSError, ValueError: of the type that was raised in the block.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        text = getattr(error, "strerror", None) or str(error)
        if key in text:
            raise
        kind = type(error) if isinstance(error, (OSError, ConfigError)) else ValueError
        about = "" if text.startswith(f"'{value}") else f"{shown(value)}: "
        raise kind(f"{key}={about}{text}") from error


def check_keys(command: str, given: Iterable[str], known: Collection[str]) -> None:
    """Refuse keys that a special command does not take.

    Args:
        command: name of the command, for the message.
        given: keys of the call.
        known: keys that it takes.

    Raises:
        ConfigValueError: names the unknown keys, the closest known ones and all that there are.
    """
    unknown = sorted(set(given) - set(known))
    if not unknown:
        return
    close = [f"{name}=" for name in dict.fromkeys(near for key in unknown for near in close_names(key, known, n=1))]
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    raise ConfigValueError(
        f"'yolo {command}' does not know {', '.join(unknown)}; allowed are {', '.join(known)}.{hint}"
    )
