"""Reading the words of a command line: joining, splitting at `=`, turning text into values, sorting words by kind."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ultralytics.cfg.arg import Arg
from ultralytics.cfg.commands import SPECIALS
from ultralytics.cfg.errors import ConfigError, ConfigSyntaxError, close_names, named, shown
from ultralytics.cfg.merge import DEFAULT_CFG_DICT, checked, modernise, unknown_text
from ultralytics.cfg.schema import ARGS, EXTRA_ARGS, EXTRA_KEYS, REMOVED
from ultralytics.cfg.tasks import MODES, TASKS
from ultralytics.utils.literals import parse_literal
from ultralytics.utils.log import LOGGER
from ultralytics.utils.yaml_io import YAML

__all__ = ["Command", "merge_equals_args", "parse_command", "parse_key_value_pair", "smart_value"]

OLD_KEYS = frozenset({"boxes", "hide_labels", "hide_conf", "line_thickness", "end2end", "half", "int8"}) | REMOVED
BARE_SWITCHES = frozenset({"half", "int8", "end2end", "nms", "multi_scale"}) | {
    key for key, value in DEFAULT_CFG_DICT.items() if isinstance(value, bool)
}
HELP_WORDS = frozenset({"help", "--help", "-h"})  # anywhere in a command
LETTERS = {"h": "help", "v": "version", "c": "copy-cfg", "s": "solutions", "l": "logout"}
SPECIAL_WORDS = {**LETTERS, **{word: name for name in SPECIALS for word in (name, name.removesuffix("s"))}}


@dataclass(frozen=True)
class Command:
    """A command line that has been read.

    Attributes:
        special: name of a special command, or None.
        words: what follows a special command, unread.
        overrides: arguments with their values, `task` and `mode` among them.
    """

    special: str | None = None
    words: tuple[str, ...] = ()
    overrides: dict[str, Any] = field(default_factory=dict)


def smart_value(v: str) -> Any:
    """Turn text into a value: None, True and False in any case, Python literals, `cv2.NAME` constants, else the text.

    Nothing is evaluated.
    """
    word = v.strip().lower()
    if word in {"none", "true", "false"}:
        return {"none": None, "true": True, "false": False}[word]
    try:
        return parse_literal(v)
    except ValueError:
        pass
    if constant := re.fullmatch(r"cv2\.([A-Z][A-Z0-9_]*)", v.strip()):
        import cv2  # only where such a constant is named

        value = getattr(cv2, constant[1], v)
        return value if isinstance(value, (int, float)) else v
    return v


def parse_key_value_pair(pair: str = "key=value", rows: Mapping[str, Arg] | None = None) -> tuple[str, Any]:
    """Split `key=value` at the first `=` and read the value.

    Args:
        pair: the text.
        rows: arguments of a special command, beside those of the modes.

    Raises:
        SyntaxError: no `=`, no key or no value.
    """
    key, equals, text = pair.partition("=")
    key, text = key.strip(), text.strip()
    if not equals:
        raise ConfigSyntaxError(f"'{pair}' is not an argument; expected key=value.")
    if not key or not text:
        missing = "value" if key else "key"
        raise ConfigSyntaxError(f"'{pair}' has no {missing}; expected key=value, for example imgsz=640.")
    row = (rows or {}).get(key) or ARGS.get(key) or EXTRA_ARGS.get(key)
    return key, _READERS[row.written if row else "value"](text)


def _path_value(text: str, numbers: bool = False) -> Any:
    """Read a path: the name of an existing file or folder wins over everything else, text over numbers.

    None, True, False and lists keep their meaning, and with `numbers` plain digits, which count cameras.
    """
    if os.path.lexists(text):
        return text
    value = smart_value(text)
    number = isinstance(value, (int, float, complex)) and not isinstance(value, bool)
    return text if number and not (numbers and text.isdecimal()) else value


_READERS: dict[str, Callable[[str], Any]] = {
    "value": smart_value,
    "text": str,
    "path": _path_value,
    "source": partial(_path_value, numbers=True),
}


def merge_equals_args(args: Sequence[str]) -> list[str]:
    """Join words that a shell took apart: `a = b`, `a= b`, `a =b`, and lists with blanks such as `a=[1, 2]`.

    A list starts with its bracket; brackets elsewhere in a value, or in the name of a file that exists, are text.

    Raises:
        SyntaxError: a list whose brackets do not match.
    """
    joined: list[str] = []
    for word in args:
        last = joined[-1] if joined else ""
        waiting = last.endswith("=") or _depth(last) > 0
        if joined and (word.startswith("=") or (waiting and not re.match(r"\w+=", word))):
            joined[-1] += word
        else:
            joined.append(word)
    for word in joined:
        if _depth(word):
            raise ConfigSyntaxError(f"'{word}' has a '[' or ']' without its partner.")
    return joined


def _depth(word: str) -> int:
    """Return how many brackets of a list are open at the end of `key=[...`; 0 for values that are no lists."""
    value = word.partition("=")[2].lstrip()
    if not value.startswith("[") or os.path.lexists(value):
        return 0
    return value.count("[") - value.count("]")


def parse_command(tokens: Iterable[str]) -> Command:
    """Sort the words of a command line into a special command, or task, mode and arguments.

    Explicit arguments win over those of a `cfg=` file, wherever they stand.

    Raises:
        SyntaxError: a word that is nothing known, with the closest known ones.
    """
    words = merge_equals_args(list(tokens))
    asked = next((position for position, word in enumerate(words) if word in HELP_WORDS), None)
    if asked is not None:
        return Command("help", tuple(words[:asked] + words[asked + 1 :]))
    explicit: dict[str, Any] = {}
    from_file: dict[str, Any] = {}
    for position, word in enumerate(words):
        bare = word.strip().lstrip("-")
        if "=" not in word and bare in SPECIAL_WORDS and bare not in TASKS + MODES:
            return Command(SPECIAL_WORDS[bare], tuple(words[:position] + words[position + 1 :]))
        token = _tidy(word)
        if "=" in token:
            key, value = _read_pair(token)
            if key == "cfg" and value is not None:
                from_file = _arguments_of(value)
            else:
                explicit[key] = value
        else:
            explicit.update(_read_word(token))
    overrides = {**from_file, **explicit}
    _refuse_unknown(overrides)
    return Command(overrides=overrides)


def _arguments_of(file: Any) -> dict[str, Any]:
    """Return the arguments of a `cfg=` file, checked; errors name the file.

    Raises:
        ConfigError, OSError, YamlError: no such file, no YAML, or an argument that is not valid.
    """
    ARGS["cfg"].check(file)
    path = Path(str(file))
    if not path.exists():
        close = close_names(path.name, [entry.name for entry in path.parent.glob("*.y*ml")])
        hint = f"; did you mean {' or '.join(close)}?" if close else f" in '{Path.cwd()}'."
        raise FileNotFoundError(f"cfg={shown(str(file))} does not exist{hint}")
    with named("cfg", file):
        given = {str(k): v for k, v in YAML.load(path).items() if k != "cfg"}
    LOGGER.info(f"Reading arguments from '{path}'.")
    try:
        _refuse_unknown(given)
        checked(modernise(given))
    except ConfigError as error:
        raise type(error)(f"{path}: {error}") from None
    return given


def _tidy(word: str) -> str:
    """Remove leading dashes and a trailing comma, which people bring from other programs."""
    token = word.strip()
    if token.startswith("--"):
        LOGGER.warning(f"'{token}' needs no leading dashes, reading it as '{token[2:]}'.")
        token = token[2:]
    if token.endswith(","):
        LOGGER.warning(f"'{token}' needs no comma at the end, reading it as '{token[:-1]}'.")
        token = token[:-1]
    return token


def _read_pair(token: str) -> tuple[str, Any]:
    """Read `key=value`; for an incomplete one with an unknown key the key is what the error is about."""
    try:
        return parse_key_value_pair(token)
    except ConfigSyntaxError as error:
        key = token.partition("=")[0].strip()
        if key and key not in DEFAULT_CFG_DICT and key not in OLD_KEYS:
            raise ConfigSyntaxError(_unknown_word(key)) from error
        raise


def _read_word(token: str) -> dict[str, Any]:
    """Read a word without `=`: a task, a mode or a switch."""
    if token in TASKS:
        return {"task": token}
    if token in MODES:
        return {"mode": token}
    if token in BARE_SWITCHES:
        return {token: True}
    if token in DEFAULT_CFG_DICT:
        value = DEFAULT_CFG_DICT[token]
        raise ConfigSyntaxError(f"'{token}' needs a value: write {token}={'VALUE' if value is None else value}.")
    raise ConfigSyntaxError(_unknown_word(token))


def _unknown_word(token: str) -> str:
    """Return the sentence about an unknown word; candidates are all arguments, tasks, modes and special commands."""
    others = close_names(token, (*TASKS, *MODES, *SPECIALS))
    text = unknown_text(token, DEFAULT_CFG_DICT)
    return f"{text} Similar commands are {others}." if others else text


def _refuse_unknown(overrides: dict[str, Any]) -> None:
    unknown = [key for key in modernise(overrides) if key not in DEFAULT_CFG_DICT and key not in EXTRA_KEYS]
    if unknown:
        raise ConfigSyntaxError("\n".join(_unknown_word(key) for key in unknown))
