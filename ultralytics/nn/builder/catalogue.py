"""`yolo blocks`: what a model YAML may name, and how a row becomes a constructor call.

Everything said here is read from the vocabulary, the constructors and their docstrings, so it cannot go stale.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ultralytics.nn.builder.argcheck import hints_of, show_hint
from ultralytics.nn.builder.registry import LayerSpec, ModelYamlError, lookup, registered
from ultralytics.utils.log import LOGGER

__all__ = ["Argument", "describe", "explain", "listing", "yaml_arguments"]

FROM_YAML = frozenset({"out", "out!", "wide", "arg"})
SCALED = "scaled by the model size"
NOTES = {
    "out": SCALED,
    "wide": SCALED,
    "out!": "as given, whatever the model size",
    "(out)": "channels out, not passed on",
}


@dataclass(frozen=True)
class Argument:
    """One argument of a block in a model YAML.

    Attributes:
        name: as in the constructor.
        kind: its type in words, empty where the constructor does not say.
        default: as written, empty for an argument that must be given.
        note: what the builder does with it, empty for one passed on as it is.
    """

    name: str
    kind: str = ""
    default: str = ""
    note: str = ""

    def __str__(self) -> str:
        return f"{self.name}={self.default}" if self.default else self.name


def yaml_arguments(spec: LayerSpec) -> list[Argument]:
    """Return the arguments that a row gives, in order: the constructor's, less what the builder fills in."""
    target = spec.resolve()
    try:
        known = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):  # a class written in C does not tell
        return []
    free = [p for p in known if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    hints, found = hints_of(target), []
    for place, token in enumerate(spec.call):
        if token == "(out)":
            found.append(Argument("c_out", "int", note=NOTES[token]))
            continue
        later = sum(t != "(out)" for t in spec.call[place + 1 :])
        count = max(len(free) - later, 0) if token == "*" else min(1, len(free))
        taken, free = free[:count], free[count:]
        if token == "*" or token in FROM_YAML:
            found += [_argument(p, hints.get(p.name), NOTES.get(token, "")) for p in taken]
    return found


def _argument(parameter: inspect.Parameter, hint: Any, note: str) -> Argument:
    default = "" if parameter.default is parameter.empty else repr(parameter.default)
    return Argument(parameter.name, "" if hint is None else show_hint(hint), default, note)


def listing(text: str = "") -> str:
    """Return a table of the blocks whose name contains `text`, whatever its case: name and YAML arguments."""
    rows = [(name, spec) for name, spec in sorted(registered().items()) if text.lower() in name.lower()]
    width = max([len("block"), *(len(name) for name, _ in rows)]) + 2
    lines = [f"{'block':<{width}}arguments in a model YAML"]
    lines += [f"{name:<{width}}[{', '.join(map(str, yaml_arguments(spec)))}]" for name, spec in rows]
    return "\n".join([*lines, "", "nn.X and torchvision.ops.X may be named too. More about one: yolo blocks C2f"])


def explain(name: str) -> str:
    """Return what a block is, its row, its arguments and how the row becomes a call.

    Raises:
        ModelYamlError: there is no such block; names the nearest ones.
    """
    spec = lookup(name)
    target = spec.resolve()
    core = target.func if isinstance(target, functools.partial) else target
    summary, described = _docstring(core)
    arguments, named = yaml_arguments(spec), _keywords(target)
    lines = [f"{name}  ({spec.path})", *[f"  {line}" for line in summary], ""]
    lines += [f"  row    [from, repeats, {name}, [{', '.join(map(str, arguments))}]]"]
    lines += [f"  call   {name}({', '.join(_call(spec, arguments))})"]
    if arguments:
        lines += ["", "  arguments"]
        lines += [_argument_line(a, described.get(a.name, "")) for a in arguments]
    if named:
        lines += ["", "  keywords, in braces at the end of the arguments: [..., {name: value}]"]
        lines += [_argument_line(a, described.get(a.name, "")) for a in named]
    notes = _notes(spec)
    lines += ["", *[f"  {note}" for note in notes]] if notes else []
    return "\n".join(lines)


def _keywords(target: Any) -> list[Argument]:
    """Return the keyword arguments that a row can give: those with plain values."""
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return []
    hints, plain = hints_of(target), (bool, int, float, str, type(None))
    fitting = [p for p in parameters if p.kind is p.KEYWORD_ONLY and isinstance(p.default, plain)]
    kinds = [(p, hints.get(p.name)) for p in fitting]
    return [_argument(p, hint, "") for p, hint in kinds if "Callable" not in str(hint)]


def _argument_line(argument: Argument, text: str) -> str:
    """Return one line about an argument: name, type, default, meaning."""
    facts = ", ".join(fact for fact in (argument.kind, f"{argument.default} if left out") if fact and fact[0] != " ")
    meaning = "; ".join(part for part in (text.rstrip("."), argument.note) if part)
    return f"    {argument.name:<12} {facts}{f': {meaning}' if meaning else ''}"


def _call(spec: LayerSpec, arguments: Sequence[Argument]) -> list[str]:
    """Return the constructor's arguments in words: those of the row by name, the others by where they come from."""
    sources = {"in": "channels of the source", "n": "repeats"}
    names = iter([a.name for a in arguments])
    count = sum(token in FROM_YAML or token == "(out)" for token in spec.call)
    rest = [a.name for a in arguments[count:]]
    parts = []
    for token in spec.call:
        if token == "(out)":
            next(names)
        elif token in FROM_YAML:
            parts.append(next(names))
        elif token == "*":
            parts += rest
        else:
            parts.append(f"<{sources.get(token) or f'{token[1:]} of the YAML'}>")
    return parts


def _notes(spec: LayerSpec) -> list[str]:
    """Return what the builder does besides calling the constructor."""
    inside = "n" in spec.call
    notes = ["repeats: inside the block" if inside else "repeats: copies one after the other"]
    if not {"out", "out!", "(out)"} & set(spec.call):
        rule = {"in": "as many as come in", "sum": "the sum of the sources'", "last": "those of the last source"}
        notes.append(f"channels out: {'by a rule of its own' if callable(spec.out) else rule[spec.out]}")
    for rule in (spec.adjust, spec.keywords):
        if rule is not None:
            notes.append(f"builder: {_first_line(rule)}")
    if spec.marks:
        notes.append("builder: a head after it gets depthwise classifier branches")
    return notes


def _first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _docstring(kind: type) -> tuple[list[str], dict[str, str]]:
    """Return the text of a class's docstring, and the meaning of its arguments, those of its base classes included."""
    meanings: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        own = inspect.cleandoc(base.__doc__ or "") if base.__module__.startswith("ultralytics") else ""
        section = re.search(r"^Args:\s*\n((?: {4}.*\n?|\n)*)", own, flags=re.MULTILINE)
        entries = re.findall(r"^ {4}([\w, ]+): (.*(?:\n {8,}.*)*)", section[1], flags=re.MULTILINE) if section else []
        for names, meaning in entries:
            meanings |= dict.fromkeys(names.split(", "), re.sub(r"\s+", " ", meaning))
    text = re.split(r"^\w+:\s*$", inspect.cleandoc(kind.__doc__ or ""), maxsplit=1, flags=re.MULTILINE)[0]
    return text.strip().splitlines(), meanings


def describe(args: Mapping[str, Any] | None = None) -> str:
    """Run `yolo blocks [NAME ...] [name=TEXT]`: explain blocks, or list all whose name contains a text.

    Args:
        args: words of the command: a block's name as key with the value True, and `name`.

    Returns:
        The text that was logged.

    Raises:
        ValueError: an unknown key.
        ModelYamlError: a word that is in no block's name.
    """
    words = dict(args or {})
    text = str(words.pop("name", "") or "")
    unknown = [key for key, value in words.items() if value is not True]
    if unknown:
        raise ValueError(f"'yolo blocks' knows names of blocks and name=TEXT, not {', '.join(unknown)}=...")
    if words:
        answer = "\n\n".join(_about(word) for word in words)
    else:
        answer = listing(text)
    LOGGER.info(answer)
    return answer


def _about(word: str) -> str:
    """Return the explanation of a block, or the list of those that contain the word."""
    try:
        return explain(word)
    except ModelYamlError:
        if any(word.lower() in name.lower() for name in registered()):
            return listing(word)
        raise
