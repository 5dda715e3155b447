"""`torch.load` and `torch.save` as the public interface wraps them, by the rules of this package.

Loading runs nothing of the file's; saving replaces a file as a whole or leaves it.
"""

from __future__ import annotations

import io
import os
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import torch
from torch import nn

from ultralytics.nn.weights.checkpoint import halved, load_checkpoint, save_checkpoint
from ultralytics.nn.weights.errors import CheckpointError
from ultralytics.nn.weights.revive import read_file
from ultralytics.nn.weights.trust import trusting_pickle
from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER
from ultralytics.utils.version import __version__ as VERSION

__all__ = ["torch_load", "torch_save", "update_models"]


def torch_load(
    f: str | os.PathLike | IO[bytes],
    map_location: str | torch.device | Any = None,
    *args: Any,
    trust: bool = False,
    **kwargs: Any,
) -> Any:
    """Load what `torch.save` wrote.

    Args:
        f: path or open file.
        map_location: device for tensors and networks. The reader of this package knows no other kinds of it than
            names, and leaves everything on the CPU without one.
        *args, **kwargs: as for `torch.load`. With `weights_only=True` torch itself reads; otherwise this package's
            reader does, which knows networks and losses and calls nothing.
        trust: let the file run whatever it asks for. Only for files whose maker you trust.

    Raises:
        CheckpointError: the file is damaged.
        UnsafeCheckpointError: it asks for something that is not known to be harmless; nothing of it has run.
        ValueError: an unpickler of one's own without `trust`.
    """
    if kwargs.get("weights_only"):
        return torch.load(f, map_location, *args, **kwargs)
    if trust:
        return torch.load(
            f, map_location, *args, **{"pickle_module": trusting_pickle(), **kwargs, "weights_only": False}
        )
    if args or kwargs.get("pickle_module") is not None:
        raise ValueError("an unpickler of one's own may run what the file asks for; say so with trust=True.")
    try:
        content = read_file(f)
    except CheckpointError as error:
        raise error.in_file(f if isinstance(f, (str, os.PathLike)) else "the open file") from error.__cause__
    return moved(content, map_location) if isinstance(map_location, (str, torch.device)) else content


def moved(content: Any, device: str | torch.device) -> Any:
    """Return content with its tensors and networks on a device."""
    if isinstance(content, (torch.Tensor, nn.Module)):
        return content.to(device)
    if type(content) in {list, tuple}:
        return type(content)(moved(item, device) for item in content)
    if isinstance(content, dict):
        for key, value in content.items():
            content[key] = moved(value, device)
    return content


def torch_save(obj: Any, f: str | os.PathLike | IO[bytes], *args: Any, **kwargs: Any) -> None:
    """Save an object by `torch.save`, into a file that is replaced as a whole.

    Args:
        obj: what to save.
        f: path or open file.
        *args, **kwargs: as for `torch.save`.
    """
    if not isinstance(f, (str, os.PathLike)):
        torch.save(obj, f, *args, **kwargs)
        return
    buffer = io.BytesIO()
    torch.save(obj, buffer, *args, **kwargs)
    with atomic_write(f) as file:
        file.write(buffer.getbuffer())


def update_models(
    model_names: tuple[str, ...] = ("yolo26n.pt",), source_dir: str | Path = Path(), update_names: bool = False
) -> list[Path]:
    """Write checkpoints of old versions anew, in half precision, into `updated_models` beside them.

    Args:
        model_names: file names.
        source_dir: folder of the files.
        update_names: accepted for scripts; a checkpoint's class names stay those that it was trained with.

    Returns:
        The files written.
    """
    written = []
    for name in model_names:
        file = Path(source_dir) / name
        model, content = load_checkpoint(file)
        target = file.parent / "updated_models" / file.name
        facts = {"date": datetime.now().astimezone().isoformat(), "version": VERSION}
        save_checkpoint({**content, "ema": None, "model": halved(model), **facts}, target)
        LOGGER.info(f"'{file}' written anew as '{target}'.")
        written.append(target)
    return written
