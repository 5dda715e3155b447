"""Text that came from outside (class names, file names, metadata), made fit to be shown and to name a file.

A name may hold line breaks that look like further lines of a log, escapes that make a terminal act, or signs that turn
the direction of writing. `printable` shows such signs as escapes and keeps everything else, so that the names of
all languages stay as they are. Values in results, label files and checkpoints are never changed, only what is shown.
"""

from __future__ import annotations

import hashlib
import re

__all__ = ["console_text", "file_name", "label_text", "plot_text", "printable", "without_password"]

# Control characters, ends of lines and paragraphs, changes of the direction of writing, halves of surrogate pairs.
_CONTROLS = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_ACTING = re.compile(f"[{_CONTROLS}]")
# On the console the colours that `colorstr` makes, line breaks and tabs are ours.
_FOREIGN = re.compile(rf"(\x1b\[(?:0|1|4|3[0-7]|9[0-7])m|[\n\t])|[{_CONTROLS}]")
_NOT_IN_NAMES = re.compile(rf"[{_CONTROLS}\\/:*?\"<>|]")
_EDGES = re.compile(r"^\.+|[. ]+$")  # hidden files, parent folders, and what Windows drops
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})

_PASSWORD = re.compile(r"(\b\w+://[^\s/@:]*):[^\s/@]*@")

LABEL_LIMIT = 100  # characters of a class name in a table or on a picture
CHART_LIMIT = 40  # beside the axes of a chart, which get what room names leave
NAME_LIMIT = 120  # bytes of a file name without suffix; file systems allow 255, and numbers and suffixes come behind
MARK = 8  # hexadecimal digits that keep shortened names apart


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")


def printable(text: object, limit: int | None = None) -> str:
    r"""Return a text as one line that a terminal only shows: `a\nb` for a line break, `\x1b` for an escape.

    Args:
        text: what to show.
        limit: characters; a longer text ends in an ellipsis.
    """
    plain = str(text)
    if limit is not None and len(plain) > limit:
        plain = f"{plain[: limit - 1]}…"
    return _ACTING.sub(lambda found: _escaped(found[0]), plain)


def without_password(text: str) -> str:
    """Return a text with the passwords of addresses hidden: `rtsp://user:***@host/` for `rtsp://user:secret@host/`."""
    return _PASSWORD.sub(r"\1:***@", text)


def label_text(name: object) -> str:
    """Return a class name as tables, console lines and pictures show it."""
    return printable(name, LABEL_LIMIT)


def plot_text(name: object) -> str:
    """Return a class name as matplotlib draws it: dollar signs are no formulas, a leading underscore hides nothing."""
    text = printable(name, CHART_LIMIT).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def console_text(text: str) -> str:
    """Return a whole message in which line breaks and this package's colours act, and nothing else does."""
    return _FOREIGN.sub(lambda found: found[1] or _escaped(found[0]), text)


def file_name(text: object, limit: int = NAME_LIMIT) -> str:
    """Return a text as one part of a path that every file system takes and that cannot lead out of a folder.

    A text that is one already stays as it is. In another, odd characters become underscores, what is too long is cut
    off, and a short hash of the text behind it keeps names apart that would become equal.

    Args:
        text: a class name, or the name of a source without suffix.
        limit: bytes in UTF-8.
    """
    given = str(text)
    name = _EDGES.sub("_", _NOT_IN_NAMES.sub("_", given))
    if name.partition(".")[0].lower() in _DEVICES:
        name = f"_{name}"
    if name and name == given and len(name.encode()) <= limit:
        return name
    mark = hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()[:MARK]
    return f"{name.encode()[: limit - MARK - 1].decode(errors='ignore')}-{mark}"
