"""Reading and writing `.pt` files.

Reading makes nothing live that is not known (`revive.py`), and old files become today's objects (`upgrade.py`).
Writing is atomic, and uses the public import paths, so that files of the published blocks load wherever those paths are
known.
"""

from __future__ import annotations

import copy
import io
import pickle
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ultralytics.cfg.merge import DEFAULT_CFG_DICT
from ultralytics.nn.builder import registry
from ultralytics.nn.builder.names import guess_model_task
from ultralytics.nn.builder.unbuilt import refuse_file
from ultralytics.nn.head.detect import Detect
from ultralytics.nn.models import Ensemble
from ultralytics.nn.weights.archive import entries_of
from ultralytics.nn.weights.classes import refusal
from ultralytics.nn.weights.errors import CheckpointError, UnsafeCheckpointError, shown
from ultralytics.nn.weights.facts import check_content
from ultralytics.nn.weights.revive import read_file
from ultralytics.nn.weights.rules import restores_itself
from ultralytics.nn.weights.trust import Dropped, read_trusted
from ultralytics.nn.weights.upgrade import upgrade_model
from ultralytics.utils.downloads import attempt_download_asset
from ultralytics.utils.env import VERSION
from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER

__all__ = [
    "CheckpointError",
    "UnsafeCheckpointError",
    "attempt_load_one_weight",
    "attempt_load_weights",
    "halved",
    "load_checkpoint",
    "save_checkpoint",
    "strip_optimizer",
    "torch_safe_load",
]

NETWORKS = ("ema", "model")  # where a checkpoint has its network, the better one first
INPLACE = (nn.Hardswish, nn.Hardtanh, nn.LeakyReLU, nn.ReLU, nn.ReLU6, nn.SiLU)


def torch_safe_load(
    weight: str | Path, safe_only: bool | None = None, *, trust: bool = False
) -> tuple[dict[str, Any], str]:
    """Read a checkpoint file without letting it run code.

    Args:
        weight: path, or the name of public weights, which are fetched where missing.
        safe_only: True wins over `trust`; kept for scripts, reading is safe by default.
        trust: let the file run whatever it asks for. Only for files whose maker you trust.

    Returns:
        The checkpoint, a dictionary with a network under `ema` or `model`, and the path it was read from.

    Raises:
        FileNotFoundError: no such file, and none to fetch.
        CheckpointError: the file is damaged or is no checkpoint.
        UnsafeCheckpointError: it asks for something that is not known to be harmless.
        NotImplementedError: the name is one of a family that is not built.
    """
    if not Path(weight).is_file():
        refuse_file(weight)
    file = Path(attempt_download_asset(weight))
    if not file.is_file():
        raise FileNotFoundError(
            f"'{weight}' does not exist (looked in '{Path.cwd()}' and in the settings' weights_dir), and it is not "
            "the name of public weights that could be fetched. Give the path of the file, or put it there."
        )
    trust = trust and not safe_only
    if trust:
        LOGGER.warning(f"loading '{file}' with trust=True: the file may run any code on this machine.")
    _check_container(file)
    content = _as_dictionary(_read(file, trust), file)
    for key in [k for k, v in content.items() if isinstance(v, Dropped)]:
        content[key] = None
    return content, str(file)


def _as_dictionary(content: Any, file: Path) -> dict[str, Any]:
    """Return a checkpoint's dictionary, made for a bare network, after checking that a network is in it."""
    if isinstance(content, nn.Module) or isinstance(getattr(content, "model", None), nn.Module):
        content = {"model": content if hasattr(content, "yaml") else getattr(content, "model", content)}
    if not isinstance(content, dict):
        raise CheckpointError(f"'{file}' holds {type(content).__name__}, not a checkpoint with a network.")
    networks = [content[key] for key in NETWORKS if content.get(key) is not None]
    for network in networks:
        lacking = placeholders(network) if isinstance(network, nn.Module) else [network]
        if lacking and isinstance(lacking[0], Dropped):
            wanted = lacking[0].wanted
            raise CheckpointError(f"'{file}' was not loaded: {refusal(*wanted.rpartition('.')[::2])}")
    if not networks or not all(isinstance(network, nn.Module) for network in networks):
        keys = ", ".join(shown(key, 40) for key in list(content)[:5])
        bare = bool(content) and all(isinstance(v, torch.Tensor) for v in content.values())
        hint = " It looks like a bare state_dict: build the model and use load_state_dict()." if bare else ""
        raise CheckpointError(f"'{file}' has no network under 'ema' or 'model'; its keys are {keys or 'none'}.{hint}")
    check_content(content)
    return content


def placeholders(network: nn.Module) -> list[Dropped]:
    """Return what the reader has left out among the layers of a network."""
    found, waiting, seen = [], [network], set()
    while waiting:
        module = waiting.pop()
        if isinstance(module, Dropped):
            found.append(module)
        elif module is not None and id(module) not in seen:
            seen.add(id(module))
            waiting += module._modules.values()
    return found


def _check_container(file: Path) -> None:
    """Recognise files that are not what torch writes, by their first bytes."""
    size = file.stat().st_size
    with open(file, "rb") as stream:
        head = stream.read(256)
    again = "Delete it and fetch it again."
    if not size:
        raise CheckpointError(f"'{file}' is empty. {again}")
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise CheckpointError(f"'{file}' is a web page, not weights: the download answered with an error page. {again}")
    if text.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"'{file}' is a Git LFS pointer; fetch the content with 'git lfs pull'.")
    if not head.startswith(b"PK"):
        if head[:1] != b"\x80":
            raise CheckpointError(f"'{file}' is no PyTorch file (it starts with {head[:8]!r}).")
        return
    try:
        with open(file, "rb") as stream:
            entries = list(entries_of(stream))
    except CheckpointError:
        raise CheckpointError(f"'{file}' is cut off or damaged ({size:,} bytes). {again}") from None
    if any(entry.endswith("/constants.pkl") for entry in entries):
        raise CheckpointError(
            f"'{file}' is a TorchScript export, not a checkpoint; name it '*.torchscript' to predict or validate "
            f"with it."
        )
    if not any(entry.endswith("/data.pkl") for entry in entries):
        some = [shown(entry, 60) for entry in entries[:3]]
        raise CheckpointError(f"'{file}' is a ZIP archive but no PyTorch file; it holds {some}.")


def _read(file: Path, trust: bool) -> Any:
    """Return the content of a file; whatever goes wrong names it."""
    if trust:
        return _read_trusted(file)
    try:
        return read_file(file)
    except CheckpointError as error:
        raise error.in_file(file) from error.__cause__


def _read_trusted(file: Path) -> Any:
    """Unpickle a file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on source changes and storages of old formats
            return read_trusted(file)
    except (RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile, IndexError, KeyError, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # not the file's content, but permission and the like
            raise
        reason = str(error).strip().split("\n")[0]
        raise CheckpointError(f"'{file}' is damaged or no PyTorch checkpoint ({reason}). Fetch it again.") from error


def load_checkpoint(
    weight: str | Path,
    device: torch.device | str | None = None,
    inplace: bool = True,
    fuse: bool = False,
    trust: bool = False,
) -> tuple[nn.Module, dict[str, Any]]:
    """Read a checkpoint and return its network, ready to predict, and the whole content.

    Args:
        weight: path, or the name of public weights.
        device: where the network goes; stays on the CPU where None.
        inplace: let activations overwrite their input.
        fuse: fold the norms.
        trust: see `torch_safe_load`.

    Returns:
        Network in float32 and evaluation mode, with the attributes `args` (training arguments over the defaults),
        `pt_path`, `task`, and the checkpoint's dictionary.
    """
    content, path = torch_safe_load(weight, trust=trust)
    with _consistent(path):
        networks = [upgrade_model(content[key], Dropped) for key in NETWORKS if content.get(key) is not None]
        model = networks[0].float()
    _adopt_blocks(model, path, trust)
    model = model.to(device or "cpu")
    with _consistent(path):
        model.args = {**DEFAULT_CFG_DICT, **(content.get("train_args") or getattr(model, "args", None) or {})}
        model.pt_path = path
        model.task = getattr(model, "task", None) or guess_model_task(model)
        for module in model.modules():
            if isinstance(module, (*INPLACE, Detect)):
                module.inplace = inplace
        return (model.fuse() if fuse and hasattr(model, "fuse") else model).eval(), content


@contextmanager
def _consistent(path: str) -> Iterator[None]:
    """Say of what goes wrong with a network that has been read that its file is to blame.

    The parts have been checked one by one, but no check covers how the parts of every kind of layer belong together.
    """
    try:
        yield
    except (CheckpointError, OSError):
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {shown(str(error))}"
        raise CheckpointError(f"the network in '{path}' does not hold together ({reason}). Fetch it again.") from error


def _adopt_blocks(model: nn.Module, path: str, trust: bool) -> None:
    """Make the blocks that a checkpoint names under `modules:` usable by later builds, if they may be imported.

    A checkpoint imports nothing: the module has to be one from which the user has registered a block, or which a YAML
    of theirs has named. Only with `trust` does its word count.
    """
    cfg = getattr(model, "yaml", None)
    modules = (cfg.get("modules") if isinstance(cfg, Mapping) else None) or {}
    if not isinstance(modules, Mapping):
        raise CheckpointError(f"'{path}' has a model YAML whose 'modules' is no mapping of names to import paths.")
    for name, entry in modules.items():
        fields = entry if isinstance(entry, Mapping) else {"path": entry}
        texts = (name, fields.get("path"), *(fields.get(key, "") for key in ("call", "like", "out")))
        if not all(isinstance(text, str) for text in texts):
            raise CheckpointError(f"'{path}' has a model YAML with an entry under 'modules' that is no import path.")
        place = ":".join(registry.split_path(fields["path"]))
        known = registry.registered().get(name)
        if known is not None and known.path == place:
            continue
        if not (trust or registry.admitted_block(place)):
            raise UnsafeCheckpointError(
                f"'{path}' uses the block '{shown(name)}' from '{shown(place)}', which is not registered here. Import "
                "the module that registers it first, or load the file with trust=True if you trust whoever made it.",
                place,
            )
        if known is None:
            if trust:
                registry.admit(place)
            try:
                registry.register_entry(name, entry)
            except ValueError as error:
                raise CheckpointError(f"'{path}' has a wrong entry under 'modules' of its YAML: {error}") from None


def attempt_load_weights(
    weights: str | Path | list[str | Path],
    device: torch.device | str | None = None,
    inplace: bool = True,
    fuse: bool = False,
) -> nn.Module:
    """Load one network, or an ensemble of several (name of 8.0 and 8.1).

    Raises:
        ValueError: the members of an ensemble have different classes.
    """
    files = weights if isinstance(weights, (list, tuple)) else [weights]
    members = [load_checkpoint(file, device, inplace, fuse)[0] for file in files]
    if len(members) == 1:
        return members[0]
    if len({len(m.names) for m in members}) > 1:
        raise ValueError(f"models of an ensemble must have the same classes, got {[len(m.names) for m in members]}.")
    ensemble = Ensemble()
    ensemble.extend(members)
    for name in ("names", "yaml"):
        setattr(ensemble, name, getattr(members[0], name))
    ensemble.stride = max((m.stride for m in members), key=lambda s: float(s.max()))
    return ensemble


def attempt_load_one_weight(
    weight: str | Path, device: torch.device | str | None = None, inplace: bool = True, fuse: bool = False
) -> tuple[nn.Module, dict[str, Any]]:
    """Load one network and its checkpoint (name of 8.0 and 8.1); `args` holds keys of today's configuration only."""
    model, content = load_checkpoint(weight, device, inplace, fuse)
    model.args = {key: value for key, value in model.args.items() if key in DEFAULT_CFG_DICT}
    return model, content


def halved(network: nn.Module) -> nn.Module:
    """Turn a network to half precision, in place, but for tensors with values that it cannot hold (above 65,504)."""

    def shorter(tensor: torch.Tensor) -> torch.Tensor:
        short = tensor.half() if tensor.is_floating_point() else tensor
        return tensor if (short.isinf() & tensor.isfinite()).any() else short

    return network._apply(shorter)


def save_checkpoint(content: Mapping[str, Any], *paths: str | Path) -> None:
    """Write a checkpoint to one or more files; each is replaced as a whole or stays as it was.

    Args:
        content: what to write; serialised once.
        paths: files.

    Raises:
        CheckpointError: something in it cannot be pickled.
        OSError: a file cannot be written; names it.
    """
    _warn_of_blocks(content)
    buffer = io.BytesIO()
    try:
        torch.save(dict(content), buffer)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise CheckpointError(
            f"cannot write {', '.join(map(str, paths))}: {error}. Classes and functions must be defined at the top "
            "level of a module to be saved."
        ) from error
    for path in paths:
        with atomic_write(path) as file:
            file.write(buffer.getbuffer())


def _warn_of_blocks(content: Mapping[str, Any]) -> None:
    """Warn of blocks that other processes will not find, or will not read."""
    networks = [value for value in content.values() if isinstance(value, nn.Module)]
    kinds = {type(module) for network in networks for module in network.modules()}
    in_script = sorted(kind.__qualname__ for kind in kinds if kind.__module__ == "__main__")
    if in_script:
        LOGGER.warning(
            f"blocks {in_script} are defined in the script that runs as the main program: other programs cannot load "
            "this file. Move them into a module file and import them from there."
        )
    restoring = sorted(kind.__qualname__ for kind in kinds if restores_itself(kind))
    if restoring:
        LOGGER.warning(
            f"blocks {restoring} restore their objects by a method '__setstate__', which reading a file does not run: "
            "this one can only be loaded with trust=True."
        )


def strip_optimizer(
    f: str | Path = "best.pt", s: str | Path = "", updates: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Reduce a training checkpoint to what prediction needs: the averaged network in half precision.

    Args:
        f: file to reduce.
        s: where to write it; `f` itself where empty.
        updates: entries to set in the result.

    Returns:
        What was written; empty where `f` is no checkpoint (a warning says so).
    """
    try:
        model, content = load_checkpoint(f)
    except (CheckpointError, UnsafeCheckpointError) as error:
        LOGGER.warning(f"Skipping {f}: {error}")
        return {}
    args = {**DEFAULT_CFG_DICT, **(content.get("train_args") or {})}
    slim = halved(copy.deepcopy(model))
    slim.args = {key: value for key, value in args.items() if key in DEFAULT_CFG_DICT}
    slim.requires_grad_(False)
    meta = {"date": datetime.now().astimezone().isoformat(), "version": VERSION}
    result = {
        **meta,
        **{key: value for key, value in content.items() if key != "continuation"},
        **dict.fromkeys(("optimizer", "best_fitness", "ema", "updates", "scaler", "stopper"), None),
        "model": slim,
        "epoch": -1,
        "train_args": slim.args,
        **(updates or {}),
    }
    target = Path(s or f)
    save_checkpoint(result, target)
    LOGGER.info(f"Optimizer stripped from {f},{f' saved as {s},' if s else ''} {target.stat().st_size / 1e6:.1f}MB")
    return result
