"""Readers for the few arguments that take more than one kind of value.

A reader gets the given value and returns the one to use; it raises `TypeError` or `ValueError` with the allowed values
as text, and the caller adds the argument's name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = [
    "QUANTIZE_ALIASES",
    "QUANTIZE_DOCS_URL",
    "QUANTIZE_VALID_VALUES",
    "is_number",
    "read_amp",
    "read_cache",
    "read_choice",
    "read_compile",
    "read_fraction",
    "read_freeze",
    "read_quantize",
    "read_scale",
]

QUANTIZE_DOCS_URL = "docs/export.md"
QUANTIZE_ALIASES: dict[str, int | str] = {
    **dict.fromkeys(("8", "int8", "w8a8"), 8),
    **dict.fromkeys(("16", "fp16", "w16a16"), 16),
    **dict.fromkeys(("32", "fp32", "w32a32"), 32),
    "w8a16": "w8a16",
    "w8a32": "w8a32",
}
QUANTIZE_VALID_VALUES = "8, 16, 32, 'int8', 'fp16', 'fp32', 'w8a8', 'w16a16', 'w32a32', 'w8a16', or 'w8a32'"
COMPILE_MODES = ("default", "reduce-overhead", "max-autotune-no-cudagraphs")


def is_number(value: Any) -> bool:
    """Whether a value is an int or a float; booleans are neither here."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def read_choice(*choices: str) -> Callable[[Any], str]:
    """Return a reader that accepts the given words in any case."""

    def read(value: Any) -> str:
        word = str(value).lower()
        if word not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return word

    return read


def read_amp(value: Any) -> bool | str:
    """Mixed precision: a bool, or the name of a precision in any case."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"fp16", "bf16", "fp32"}:
        return value.lower()
    raise ValueError("True, False, 'fp16', 'bf16' or 'fp32'")


def read_cache(value: Any) -> bool | str:
    """Image cache: a bool, `ram` or `disk`."""
    if isinstance(value, bool) or value is None:
        return bool(value)
    if isinstance(value, str) and value.lower() in {"ram", "disk"}:
        return value.lower()
    raise ValueError("True, False, 'ram' or 'disk'")


def read_compile(value: Any) -> bool | str:
    """Graph compilation: a bool or the name of a mode."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in COMPILE_MODES:
        return value.lower()
    raise ValueError("True, False, " + " or ".join(f"'{mode}'" for mode in COMPILE_MODES))


def read_freeze(value: Any) -> Any:
    """Layers to freeze: a count, a list of indices or of name pieces; the word `none` is None."""
    return None if isinstance(value, str) and value.lower() == "none" else value


def read_quantize(value: Any) -> int | str | None:
    """Export precision in its canonical form: 8, 16, 32, `w8a16` or `w8a32`."""
    if value is None:
        return None
    canonical = None if isinstance(value, bool) else QUANTIZE_ALIASES.get(str(value).lower())
    if canonical is None:
        raise ValueError(QUANTIZE_VALID_VALUES)
    return canonical


def read_scale(value: Any) -> float | tuple[float, float] | list[float]:
    """Scaling range of augmentation: one gain in 0..1, or the smallest and the largest factor."""
    if isinstance(value, (list, tuple)):
        if len(value) == 2 and all(map(is_number, value)) and 0 < value[0] <= value[1]:
            return value
        raise TypeError(
            "a number in 0..1, or two positive numbers: the smallest factor and the largest one, (0.5, 1.5)"
        )
    if not is_number(value):
        raise TypeError("a number in 0..1, or two positive numbers, (0.5, 1.5)")
    if not 0 <= value <= 1:
        raise ValueError("a number in 0..1; for a range give two numbers, (0.5, 1.5)")
    return value


def read_fraction(value: Any) -> float | int | list[float | int]:
    """Part of the data to use: a ratio in (0, 1], a count above 1, or a list of those for train, val and test."""
    if isinstance(value, (list, tuple)):
        if len(value) not in {2, 3}:
            raise ValueError("a list of [train, val] or [train, val, test]")
        return [_share(item, zero=i == 2) for i, item in enumerate(value)]
    return _share(value, zero=False)


def _share(value: Any, zero: bool) -> float | int:
    """Read one ratio or count; `zero` also allows none of the images."""
    allowed = "a ratio in (0, 1] or a whole number of images above 1" + (" or 0" if zero else "")
    if not is_number(value):
        raise TypeError(allowed)
    if 0 < value <= 1 or (zero and value == 0):
        return float(value)
    if value > 1 and value == int(value):
        return int(value)
    raise ValueError(allowed)
