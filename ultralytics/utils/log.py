"""The package's one logger, and coloured terminal text.

`LOGGER` writes plain lines to standard output; warnings and errors get their prefix from the formatter, so call sites
give the bare sentence. It does not pass records on to the root logger.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import sys
from typing import TextIO

from ultralytics.utils import env
from ultralytics.utils.text import console_text

__all__ = [
    "LOGGER",
    "LOGGING_NAME",
    "colorstr",
    "emojis",
    "prefix",
    "remove_colorstr",
    "set_level",
    "set_logging",
    "warn_once",
]

LOGGING_NAME = "ultralytics"

_SHADES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
ANSI_CODES = {
    **{name: f"\033[{30 + i}m" for i, name in enumerate(_SHADES)},
    **{f"bright_{name}": f"\033[{90 + i}m" for i, name in enumerate(_SHADES)},
    "end": "\033[0m",
    "bold": "\033[1m",
    "underline": "\033[4m",
}
_PREFIXES = {logging.WARNING: "WARNING ⚠️ ", logging.ERROR: "ERROR ❌ ", logging.CRITICAL: "ERROR ❌ "}


def colorstr(*args: object) -> str:
    """Colour a text for the terminal: `colorstr("red", "bold", "text")`; `colorstr("text")` is blue and bold.

    Returns the bare text where the `NO_COLOR` variable is set.
    """
    *styles, text = args if len(args) > 1 else ("blue", "bold", args[0])
    if os.environ.get("NO_COLOR"):
        return f"{text}"
    return "".join(ANSI_CODES[str(style)] for style in styles) + f"{text}" + ANSI_CODES["end"]


def remove_colorstr(input_string: str) -> str:
    """Return the text without terminal colour codes."""
    return re.sub(r"\033\[[0-9;]*[A-Za-z]", "", input_string)


def emojis(string: str = "") -> str:
    """Return the text, on Windows without the characters that its consoles cannot show."""
    return string.encode("ascii", "ignore").decode() if env.WINDOWS else string


def prefix() -> str:
    """The package's name, coloured, as a start of messages."""
    return colorstr("Ultralytics: ")


class _Formatter(logging.Formatter):
    """Message text with a prefix for warnings and errors; what a terminal would act upon is shown, not sent."""

    def format(self, record: logging.LogRecord) -> str:
        return console_text(_PREFIXES.get(record.levelno, "") + super().format(record))


class _StdoutHandler(logging.StreamHandler):
    """Handler that looks `sys.stdout` up for every record, so that redirected and captured output is honoured."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stdout

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; characters that the stream's encoding lacks are left out instead of raising."""
        try:
            text = self.format(record) + self.terminator
            if not self.stream.isatty():  # colour codes are for people, not for files and pipes
                text = remove_colorstr(text)
            encoding = getattr(self.stream, "encoding", None) or "utf-8"
            self.stream.write(text.encode(encoding, "ignore").decode(encoding))
            self.flush()
        except BrokenPipeError:  # `yolo cfg | head`: nobody reads on, the command ends
            raise
        except Exception:
            self.handleError(record)


def set_logging(name: str = LOGGING_NAME, verbose: bool = True) -> logging.Logger:
    """Set up a logger: one handler on standard output, INFO level, or ERROR when quiet or not the main rank."""
    logger = logging.getLogger(name)
    if not any(isinstance(handler, _StdoutHandler) for handler in logger.handlers):
        handler = _StdoutHandler()
        handler.setFormatter(_Formatter("%(message)s"))
        logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.INFO if verbose and env.rank() in {-1, 0} else logging.ERROR)
    return logger


def set_level(level: int | str) -> None:
    """Set how much the package says: a `logging` level or its name, such as `"WARNING"`."""
    LOGGER.setLevel(level)


LOGGER = set_logging(LOGGING_NAME, verbose=env.verbose())


@functools.cache
def warn_once(text: str) -> None:
    """Log a warning the first time that this process has it to say."""
    LOGGER.warning(text)
