"""Reading the words of a command line: joining, splitting at `=`, turning text into values, sorting words by kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ultralytics.cfg.cli_help import SPECIALS
from ultralytics.cfg.errors import ConfigSyntaxError, close_names
from ultralytics.cfg.merge import DEFAULT_CFG_DICT, modernise, unknown_text
from ultralytics.cfg.schema import EXTRA_KEYS, REMOVED
from ultralytics.cfg.tasks import MODES, TASKS
from ultralytics.utils.literals import parse_literal
from ultralytics.utils.log import LOGGER
from ultralytics.utils.yaml_io import YAML

__all__ = ["Command", "merge_equals_args", "parse_command", "parse_key_value_pair", "smart_value"]

TEXT_KEYS = frozenset({"name", "project"})  # `name=3` is a name, not a number
OLD_KEYS = frozenset({"boxes", "hide_labels", "hide_conf", "line_thickness", "end2end", "half", "int8"}) | REMOVED
BARE_SWITCHES = frozenset({"half", "int8", "end2end", "nms", "multi_scale"}) | {
    key for key, value in DEFAULT_CFG_DICT.items() if isinstance(value, bool)
}
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


def parse_key_value_pair(pair: str = "key=value") -> tuple[str, Any]:
    """Split `key=value` at the first `=` and read the value.

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
    return key, text if key in TEXT_KEYS else smart_value(text)


def merge_equals_args(args: Sequence[str]) -> list[str]:
    """Join words that a shell took apart: `a = b`, `a= b`, `a =b`, and lists with blanks such as `a=[1, 2]`.

    Raises:
        SyntaxError: brackets that do not match.
    """
    joined: list[str] = []
    depth, waiting = 0, False
    for word in args:
        goes_on = depth > 0 or word.startswith("=") or (waiting and not re.match(r"\w+=", word))
        if joined and goes_on:
            joined[-1] += word
        else:
            joined.append(word)
        depth = joined[-1].count("[") - joined[-1].count("]")
        waiting = joined[-1].endswith("=")
        if depth < 0:
            break
    if depth:
        raise ConfigSyntaxError(f"'{joined[-1]}' has a '[' or ']' without its partner.")
    return joined


def parse_command(tokens: Iterable[str]) -> Command:
    """Sort the words of a command line into a special command, or task, mode and arguments.

    Explicit arguments win over those of a `cfg=` file, wherever they stand.

    Raises:
        SyntaxError: a word that is nothing known, with the closest known ones.
    """
    words = merge_equals_args(list(tokens))
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
                LOGGER.info(f"Reading arguments from '{value}'.")
                from_file = {k: v for k, v in YAML.load(value).items() if k != "cfg"}
            else:
                explicit[key] = value
        else:
            explicit.update(_read_word(token))
    overrides = {**from_file, **explicit}
    _refuse_unknown(overrides)
    return Command(overrides=overrides)


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
