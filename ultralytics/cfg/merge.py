"""Putting a configuration together: defaults, then a file or mapping, then the arguments of the call.

Old argument names are brought up to date here and nowhere else. Nothing that is passed in is changed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ultralytics.cfg.errors import ConfigSyntaxError, ConfigTypeError, ConfigValueError, close_names
from ultralytics.cfg.schema import ARGS, EXTRA_ARGS, EXTRA_KEYS, REMOVED, defaults
from ultralytics.utils import env
from ultralytics.utils.files import increment_path
from ultralytics.utils.log import LOGGER, warn_once
from ultralytics.utils.namespace import IterableSimpleNamespace
from ultralytics.utils.settings import SETTINGS
from ultralytics.utils.text import file_name
from ultralytics.utils.yaml_io import YAML

__all__ = [
    "DEFAULT_CFG",
    "DEFAULT_CFG_DICT",
    "DEFAULT_CFG_KEYS",
    "cfg2dict",
    "check_cfg",
    "check_dict_alignment",
    "checked",
    "deprecation_warn",
    "get_cfg",
    "get_save_dir",
    "modernise",
    "require_whole_batch",
    "unknown_text",
]

DEFAULT_CFG_DICT: dict[str, Any] = defaults()
DEFAULT_CFG_KEYS = DEFAULT_CFG_DICT.keys()
DEFAULT_CFG = IterableSimpleNamespace(**DEFAULT_CFG_DICT)

FALSE_WORDS = frozenset({"none", "false", "0"})


def deprecation_warn(arg: str, new_arg: str | None = None, version: str | None = None) -> None:
    """Warn, once in a process, that an argument is out of date.

    Args:
        arg: old argument.
        new_arg: what to write instead, if anything.
        version: accepted for older scripts.
    """
    advice = f"write '{new_arg}' instead." if new_arg else "it has no effect any more."
    warn_once(f"'{arg}' is an argument of earlier versions; {advice}")


def cfg2dict(cfg: str | Path | Mapping[str, Any] | SimpleNamespace) -> dict[str, Any]:
    """Return a configuration as a new dictionary; a path is read as YAML."""
    if isinstance(cfg, (str, Path)):
        return YAML.load(cfg)
    if isinstance(cfg, SimpleNamespace):
        return dict(vars(cfg))
    if isinstance(cfg, Mapping):
        return dict(cfg)
    raise ConfigTypeError(f"a configuration is a path, a dict or a namespace, not {type(cfg).__name__}: {cfg!r}.")


def _is_true(value: Any) -> bool:
    return str(value).lower() not in FALSE_WORDS


def modernise(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy in which arguments of earlier versions have today's names and values, with one warning each.

    Raises:
        ConfigTypeError: `end2end` is not a bool.
    """
    args = dict(given)
    for old, new in (("boxes", "show_boxes"), ("line_thickness", "line_width")):
        if old in args:
            deprecation_warn(old, new)
            args[new] = args.pop(old)
    for old, new in (("hide_labels", "show_labels"), ("hide_conf", "show_conf")):
        if old in args:
            deprecation_warn(old, new)
            args[new] = not _is_true(args.pop(old))
    if "end2end" in args:
        _replace_end2end(args)
    if "half" in args or "int8" in args:
        _replace_precision(args)
    for old in REMOVED & args.keys():
        deprecation_warn(old)
        del args[old]
    if isinstance(args.get("multi_scale"), bool):
        args["multi_scale"] = 0.5 * args["multi_scale"]
        warn_once(f"multi_scale is a share of the image size now, a bool is read as multi_scale={args['multi_scale']}.")
    return args


def _replace_end2end(args: dict[str, Any]) -> None:
    """`end2end=True` asks for the head without suppression, which is `nms=False`."""
    value = args.pop("end2end")
    if not isinstance(value, bool):
        raise ConfigTypeError(f"end2end={value!r} is not valid; it takes True or False. Today's argument is 'nms'.")
    args["nms"] = False if value else (True if args.get("nms") is True else None)
    deprecation_warn(f"end2end={value}", f"nms={args['nms']}")


def _replace_precision(args: dict[str, Any]) -> None:
    """`half` and `int8` are values of `quantize` today; an explicit `quantize` wins."""
    asked = {name: _is_true(args.pop(name)) for name in ("int8", "half") if name in args}
    bits = 8 if asked.get("int8") else 16 if asked.get("half") else None
    for name in asked:
        deprecation_warn(name, "quantize")
    args.setdefault("quantize", bits)


def unknown_text(name: str, base: Mapping[str, Any]) -> str:
    """Return the sentence about an unknown argument, with the closest known ones and their defaults."""
    close = [name if base.get(name) is None else f"{name}={base[name]}" for name in close_names(name, base)]
    hint = f" Similar arguments are {close}." if close else " See all arguments with 'yolo cfg'."
    return f"'{name}' is not a valid YOLO argument.{hint}"


def check_dict_alignment(
    base: Mapping[str, Any],
    custom: Mapping[str, Any],
    e: Exception | None = None,
    allowed_custom_keys: Collection[str] | None = None,
) -> None:
    """Refuse arguments that do not exist; those of earlier versions pass.

    Args:
        base: known arguments.
        custom: arguments to check.
        e: error that led here, kept as the cause.
        allowed_custom_keys: further legal names, by default `augmentations` and `save_dir`.

    Raises:
        SyntaxError: one line for every unknown name, with the closest known ones.
    """
    allowed = EXTRA_KEYS if allowed_custom_keys is None else allowed_custom_keys
    unknown = [name for name in modernise(custom) if name not in base and name not in allowed]
    if unknown:
        raise ConfigSyntaxError("\n".join(unknown_text(str(name), base) for name in unknown)) from e


def check_cfg(cfg: dict[str, Any], hard: bool = True) -> None:
    """Check types and ranges of all known arguments in `cfg` and bring values into their canonical form, in place.

    Args:
        cfg: configuration; the one function here that edits what it is given, since that is its public purpose.
        hard: raise for a wrong type or range; otherwise convert and clip.

    Raises:
        TypeError, ValueError: naming the argument, the value and what is allowed.
    """
    cfg.update(checked(cfg, hard))


def checked(cfg: Mapping[str, Any], hard: bool = True) -> dict[str, Any]:
    """Return a copy with all known arguments checked; see `check_cfg`."""
    rows = {name: ARGS.get(name) or EXTRA_ARGS.get(name) for name in cfg}
    return {n: v if rows[n] is None else rows[n].check(v) if hard else rows[n].cast(v) for n, v in cfg.items()}


def get_cfg(
    cfg: str | Path | Mapping[str, Any] | SimpleNamespace = DEFAULT_CFG_DICT,
    overrides: Mapping[str, Any] | SimpleNamespace | None = None,
) -> IterableSimpleNamespace:
    """Return a complete, checked configuration.

    Args:
        cfg: path of a YAML file, dict or namespace. Missing arguments get their defaults; further keys are kept.
        overrides: arguments that replace those of `cfg`.

    Returns:
        A new namespace.

    Raises:
        SyntaxError: an override that is not an argument; names close ones.
        TypeError, ValueError: a value of the wrong type or out of range.
    """
    base = {**DEFAULT_CFG_DICT, **modernise(cfg2dict(cfg))}
    custom = modernise(cfg2dict(overrides)) if overrides else {}
    check_dict_alignment(base, custom)
    merged = checked({**base, **custom})
    if merged["name"] == "model":
        merged["name"] = Path(str(merged["model"] or "")).stem
        LOGGER.warning(f"'name=model' becomes 'name={merged['name']}', after the model.")
    return IterableSimpleNamespace(**merged)


def require_whole_batch(mode: str, batch: int | float) -> int:
    """Return a batch size for a mode that cannot find one by itself.

    Raises:
        ConfigValueError: -1 or a share of memory, which only training understands.
    """
    if batch < 1:
        raise ConfigValueError(
            f"batch={batch} is not valid in {mode}: only training finds a size by itself. Give a number of images."
        )
    return int(batch)


def get_save_dir(args: SimpleNamespace, name: str | None = None) -> Path:
    """Return the folder of a run: `args.save_dir`, or a free `<project>/<name>`; nothing is created.

    A relative project lies under `<runs_dir>/<task>`; the name is `name`, else `args.name`, else the mode. Training
    processes other than the main one take the folder as it is.
    """
    if getattr(args, "save_dir", None):
        return Path(args.save_dir).resolve()
    task = getattr(args, "task", None)
    part = file_name(task) if task else ""  # a checkpoint may have named it: it must not lead anywhere else
    project = Path(SETTINGS["runs_dir"]) / part / str(getattr(args, "project", None) or "")
    folder = project / str(name or getattr(args, "name", None) or args.mode)
    reuse = bool(getattr(args, "exist_ok", False)) or env.rank() not in {-1, 0}
    return increment_path(folder, exist_ok=reuse).resolve()
