"""Readers for the arguments that take more than a plain number, switch or text.

A reader gets the given value and returns the one to use; it raises `TypeError` or `ValueError` with the allowed values
as text, and the caller adds the argument's name. Its attribute `allowed` is the same text for the help.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

from ultralytics.cfg.errors import close_names
from ultralytics.utils.sizes import LARGEST_SIDE, image_sides

__all__ = [
    "LARGEST",
    "QUANTIZE_ALIASES",
    "QUANTIZE_DOCS_URL",
    "QUANTIZE_VALID_VALUES",
    "allows",
    "is_number",
    "plain",
    "read_amp",
    "read_batch",
    "read_cache",
    "read_choice",
    "read_classes",
    "read_compile",
    "read_data",
    "read_device",
    "read_dynamic",
    "read_file_size",
    "read_fraction",
    "read_freeze",
    "read_hours",
    "read_imgsz",
    "read_layers",
    "read_model",
    "read_models",
    "read_name",
    "read_path",
    "read_quantize",
    "read_scale",
    "read_source",
    "read_switch_or_path",
    "read_transforms",
    "read_word",
    "starts_anew",
    "suggestion",
]

UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}
MAX_DIGITS = 18  # of a number of bytes
LARGEST = 2**32 - 1  # seeds go up to this, and nothing else means as much
MOST_LAYERS = 10_000  # of a network; each is looked up by name

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
PLAIN_TYPES = (bool, int, float, complex, str, bytes, bytearray, list, tuple, set, frozenset, Mapping)
_ONE_DEVICE = r"(?:(?:cpu|mps|cuda|npu|xpu|meta)(?::-?\d+)?|-?\d+)"
DEVICE = re.compile(rf"(?:{_ONE_DEVICE}(?:,{_ONE_DEVICE})*)?|(?:tpu|intel|vulkan)\S*")

Reader = TypeVar("Reader", bound=Callable[[Any], Any])


def allows(text: str) -> Callable[[Reader], Reader]:
    """Decorate a reader with the words for what it takes."""

    def mark(reader: Reader) -> Reader:
        reader.allowed = text
        return reader

    return mark


def is_number(value: Any) -> bool:
    """Whether a value is an int or a float; booleans are neither here."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def plain(value: Any) -> Any:
    """Return a number of numpy or torch as one of Python, anything else as it is."""
    if isinstance(value, PLAIN_TYPES) or getattr(value, "ndim", None) != 0 or not hasattr(value, "item"):
        return value
    return value.item()


def _whole(value: Any, least: int = 0, most: int = LARGEST) -> int:
    """Return a value as a whole number in `least`..`most`."""
    value = plain(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("")
    if not least <= value <= most:
        raise ValueError("")
    return value


def suggestion(value: Any, words: Iterable[str]) -> str:
    """Return the end of a sentence that names the word a text is nearest to, nothing where none is near."""
    close = close_names(value, words, n=1) if isinstance(value, str) else []
    return f". Did you mean {close[0]!r}?" if close else ""


def read_choice(*choices: str) -> Callable[[Any], str]:
    """Return a reader that accepts the given words in any case."""

    @allows(f"one of {', '.join(choices)}")
    def read(value: Any) -> str:
        word = str(value).lower()
        if word not in choices:
            raise ValueError(f"one of {', '.join(choices)}{suggestion(value, choices)}")
        return word

    return read


@allows("bytes, or a number with KB, MB or GB, such as 256MB")
def read_file_size(value: Any) -> int:
    """A number of bytes, which may have a unit."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", str(value))
    if not match or match[2].upper() not in UNITS or len(match[1]) > MAX_DIGITS:
        raise ValueError(read_file_size.allowed)
    return round(float(match[1]) * UNITS[match[2].upper()])


@allows("text")
def read_word(value: Any) -> str:
    """A name; which ones there are is known where it is used."""
    if not isinstance(value, str):
        raise TypeError(read_word.allowed)
    return value


@allows("True, False, 'fp16', 'bf16' or 'fp32'")
def read_amp(value: Any) -> bool | str:
    """Mixed precision: a bool, or the name of a precision in any case."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"fp16", "bf16", "fp32"}:
        return value.lower()
    raise ValueError("True, False, 'fp16', 'bf16' or 'fp32'" + suggestion(value, ("fp16", "bf16", "fp32")))


@allows("a whole number of images, -1 for automatic, or a share of the GPU's memory such as 0.7")
def read_batch(value: Any) -> int | float:
    """A whole number of images, -1 for automatic, or a share of the GPU's memory."""
    if not is_number(value):
        raise TypeError(read_batch.allowed)
    if value == -1 or 0 < value < 1:
        return value
    try:
        return _whole(value, least=1)
    except (TypeError, ValueError):
        raise ValueError(read_batch.allowed) from None


@allows("True, False, 'ram' or 'disk'")
def read_cache(value: Any) -> bool | str:
    """Image cache: a bool, `ram` or `disk`."""
    if isinstance(value, bool) or value is None:
        return bool(value)
    if isinstance(value, str) and value.lower() in {"ram", "disk"}:
        return value.lower()
    raise ValueError(read_cache.allowed + suggestion(value, ("ram", "disk")))


@allows("class numbers: 0, or a list such as [0, 2]")
def read_classes(value: Any) -> int | list[int]:
    """Classes to keep: a number, or several in any collection; text is for open-vocabulary models, which check it."""
    try:
        return _numbers(value)
    except TypeError:
        hint = " (class names and their numbers: model.names)" if isinstance(value, str) else ""
        raise TypeError(read_classes.allowed + hint) from None
    except ValueError:
        raise ValueError(read_classes.allowed) from None


@allows("layer numbers: 10, or a list such as [4, 10] or [-2]")
def read_layers(value: Any) -> list[int] | None:
    """Layers by index, negative ones from the end: a number or several; False asks for none."""
    if value is False:
        return None
    try:
        found = _numbers(value, -LARGEST)
    except TypeError:
        raise TypeError(read_layers.allowed) from None
    except ValueError:
        raise ValueError(read_layers.allowed) from None
    return [found] if isinstance(found, int) else found


def _numbers(value: Any, least: int = 0) -> int | list[int]:
    """Return a whole number of `least` or more, or a list of such."""
    if is_number(value):
        return _whole(value, least)
    if hasattr(value, "tolist"):  # arrays and tensors
        value = value.tolist()
    if isinstance(value, (str, bytes, bytearray, Mapping)) or not isinstance(value, Collection):
        raise TypeError
    return [_whole(item, least) for item in value]


@allows("True, False, " + " or ".join(f"'{mode}'" for mode in COMPILE_MODES))
def read_compile(value: Any) -> bool | str:
    """Graph compilation: a bool or the name of a mode."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in COMPILE_MODES:
        return value.lower()
    raise ValueError(read_compile.allowed + suggestion(value, COMPILE_MODES))


@allows("True, False or 'batch'")
def read_dynamic(value: Any) -> bool | str:
    """Axes of an export that stay free: all, none, or that of the batch."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() == "batch":
        return "batch"
    raise ValueError(read_dynamic.allowed + suggestion(value, ("batch",)))


_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")


@allows("hours as a number, or a time such as '2h', '90m' or '1h30m'")
def read_hours(value: Any) -> float:
    """A length of time above 0 in hours: a number of them, or days, hours, minutes and seconds as text."""
    hours: float = 0
    if is_number(value):
        hours = value
    elif not isinstance(value, str):
        raise TypeError(read_hours.allowed)
    elif found := _DURATION.fullmatch(value.strip().lower().replace(" ", "")):
        hours = sum(
            float(part or 0) * share for part, share in zip(found.groups(), (24, 1, 1 / 60, 1 / 3600), strict=True)
        )
    if not 0 < hours <= LARGEST:
        raise ValueError(read_hours.allowed)
    return float(hours)


@allows("a device: cpu, mps, 0, a list such as [0, 1], -1 for an idle GPU, npu:0 or xpu:0")
def read_device(value: Any) -> Any:
    """A device by name or number, or several; whether it exists is found when it is used."""
    if isinstance(value, (list, tuple)):
        good = all(isinstance(v, (int, str)) and not isinstance(v, bool) for v in value)
        text = ",".join(map(str, value))
    else:
        good = isinstance(value, (int, str)) and not isinstance(value, bool)
        good = good or type(value).__module__ == "torch"  # torch.device
        text = str(value)
    if not good:
        raise TypeError(read_device.allowed)
    text = re.sub(r"[\s\[\]()'\"]|none", "", text.lower())
    if not DEVICE.fullmatch(text):
        raise ValueError(read_device.allowed + suggestion(text, ("cpu", "mps", "cuda")))
    return value


@allows("how many first layers to freeze, or a list of layer numbers and pieces of names such as [0, '23.cv2']")
def read_freeze(value: Any) -> Any:
    """Layers to freeze: a count, a list of indices or of name pieces; the word `none` is None."""
    if isinstance(value, str):
        return None if value.lower() == "none" else value
    if isinstance(value, (list, tuple)):
        items = [item if isinstance(item, str) else _or_allowed(item, read_freeze.allowed) for item in value]
        return items if isinstance(value, list) else tuple(items)
    return _or_allowed(value, read_freeze.allowed, most=MOST_LAYERS)


def _or_allowed(value: Any, allowed: str, most: int = LARGEST) -> int:
    """Return a whole number of 0 or more; other values raise with what is allowed."""
    try:
        return _whole(value, most=most)
    except (TypeError, ValueError) as error:
        raise type(error)(allowed) from None


@allows(f"pixels from 1 to {LARGEST_SIDE}: one number, or [height, width] for predict and export")
def read_imgsz(value: Any) -> int | list[int] | tuple[int, ...]:
    """An image size: one number, or height and width; text as on a command line is read."""
    try:
        sides = image_sides(value)
    except (TypeError, ValueError) as error:
        raise type(error)(read_imgsz.allowed) from None
    if len(sides) > 2:
        raise ValueError(read_imgsz.allowed)
    if isinstance(value, (list, tuple)):
        return tuple(sides) if isinstance(value, tuple) else sides
    return sides[0] if len(sides) == 1 else sides


@allows(QUANTIZE_VALID_VALUES)
def read_quantize(value: Any) -> int | str | None:
    """Export precision in its canonical form: 8, 16, 32, `w8a16` or `w8a32`."""
    if value is None:
        return None
    canonical = None if isinstance(value, bool) else QUANTIZE_ALIASES.get(str(value).lower())
    if canonical is None:
        raise ValueError(QUANTIZE_VALID_VALUES)
    return canonical


@allows("a number in 0..1, or two positive numbers: the smallest factor and the largest one, (0.5, 1.5)")
def read_scale(value: Any) -> float | tuple[float, float] | list[float]:
    """Scaling range of augmentation: one gain in 0..1, or the smallest and the largest factor."""
    if isinstance(value, (list, tuple)):
        if len(value) == 2 and all(map(is_number, value)) and 0 < value[0] <= value[1] <= LARGEST:
            return value
        raise TypeError(read_scale.allowed)
    if not is_number(value):
        raise TypeError("a number in 0..1, or two positive numbers, (0.5, 1.5)")
    if not 0 <= value <= 1:
        raise ValueError("a number in 0..1; for a range give two numbers, (0.5, 1.5)")
    return value


@allows("a ratio in (0, 1], a whole number of images above 1, or a list of these for [train, val] or with test")
def read_fraction(value: Any) -> float | int | list[float | int]:
    """Part of the data to use: a ratio in (0, 1], a count above 1, or a list of those for train, val and test."""
    if isinstance(value, (list, tuple)):
        if len(value) not in {2, 3}:
            raise ValueError("a list of [train, val] or [train, val, test]")
        return [_part(item, zero=i == 2) for i, item in enumerate(value)]
    return _part(value, zero=False)


def _part(value: Any, zero: bool) -> float | int:
    """Read one ratio or count; `zero` also allows none of the images."""
    allowed = "a ratio in (0, 1] or a whole number of images above 1" + (" or 0" if zero else "")
    if not is_number(value):
        raise TypeError(allowed)
    if 0 < value <= 1 or (zero and value == 0):
        return float(value)
    try:
        return _whole(value, least=2)
    except (TypeError, ValueError):
        raise ValueError(allowed) from None


# Files ----------------------------------------------------------------------------------------------------------------


@allows("a path")
def read_path(value: Any) -> str | os.PathLike:
    """A path as text or as an object."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(read_path.allowed)
    if "\0" in str(value):
        raise ValueError("a path, which has no null character")
    return value


@allows("text or a path")
def read_name(value: Any) -> str | os.PathLike:
    """The name of a folder; a number is one too."""
    if is_number(value):
        return str(value)
    try:
        return read_path(value)
    except TypeError:
        raise TypeError(read_name.allowed) from None


@allows("True, False or a path")
def read_switch_or_path(value: Any) -> Any:
    """A switch, or the path of the file to use."""
    if value is None or isinstance(value, bool):
        return value
    try:
        return read_path(value)
    except (TypeError, ValueError) as error:
        raise type(error)(read_switch_or_path.allowed) from None


def starts_anew(resume: Any) -> bool:
    """Whether an argument `resume` is that of a run which may be a new one: none, or `auto`."""
    return not resume or str(resume).lower() == "auto"


@allows("the path of a data set description or folder, or a list of these")
def read_data(value: Any) -> Any:
    """A data set, or several to train on one after the other."""
    given = value if isinstance(value, (list, tuple)) and value else [value]
    if not all(isinstance(item, (str, os.PathLike)) for item in given):
        raise TypeError(read_data.allowed)
    if any(not str(item).strip() or "\0" in str(item) for item in given):
        raise ValueError(read_data.allowed)
    return value


@allows("the path of weights or of a model description")
def read_model(value: Any) -> Any:
    """A path, or a network as an object."""
    if isinstance(value, PLAIN_TYPES) and not isinstance(value, str):
        raise TypeError(read_model.allowed)
    if isinstance(value, str) and (not value.strip() or "\0" in value):
        raise ValueError(read_model.allowed)
    return value


@allows("the path of weights, several with commas, or a list of models")
def read_models(value: Any) -> tuple[Any, ...]:
    """Models: one, or a list of them; a text that is no existing path is divided at its commas."""
    if isinstance(value, str) and not os.path.lexists(value):
        value = [word.strip() for word in value.split(",")]
    items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    try:
        return tuple(read_model(item) for item in items)
    except (TypeError, ValueError) as error:
        raise type(error)(read_models.allowed) from None


@allows("a path, a pattern, an address, a camera number, 'screen', a picture as an array, or a list of pictures")
def read_source(value: Any) -> Any:
    """What to predict on; objects (arrays, pictures, tensors, loaders) are looked at by the loaders."""
    if isinstance(value, (list, tuple)):
        wrong = any(item is None or (isinstance(item, PLAIN_TYPES) and not isinstance(item, str)) for item in value)
    else:
        wrong = isinstance(value, PLAIN_TYPES) and (isinstance(value, bool) or not isinstance(value, (int, str)))
    if wrong:
        raise TypeError(read_source.allowed)
    nameless = isinstance(value, str) and (not value.strip() or "\0" in value)
    if nameless or (isinstance(value, int) and not 0 <= value <= LARGEST):
        raise ValueError(read_source.allowed)
    return value


@allows("a list of transforms (objects that are called), from Python only")
def read_transforms(value: Any) -> Any:
    """Transforms of albumentations."""
    if not isinstance(value, (list, tuple)) or not all(map(callable, value)):
        raise TypeError(read_transforms.allowed)
    return value
