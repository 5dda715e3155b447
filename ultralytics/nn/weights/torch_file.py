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

from ultralytics.nn.weights.checkpoint import load_checkpoint, save_checkpoint
from ultralytics.nn.weights.unpickle import reader
from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER
from ultralytics.utils.version import __version__ as VERSION

__all__ = ["torch_load", "torch_save", "update_models"]


def torch_load(f: str | os.PathLike | IO[bytes], *args: Any, trust: bool = False, **kwargs: Any) -> Any:
    """Load what `torch.save` wrote.

    Args:
        f: path or open file.
        *args, **kwargs: as for `torch.load`. With `weights_only=True` torch itself reads; otherwise this package's
            reader does, which knows networks and losses and calls nothing else.
        trust: let the file run whatever it asks for. Only for files whose maker you trust.

    Raises:
        UnsafeCheckpointError: it asks for something that is not known to be harmless; nothing of it has run.
    """
    if not kwargs.get("weights_only"):
        kwargs = {"pickle_module": reader(trust), **kwargs, "weights_only": False}
    return torch.load(f, *args, **kwargs)


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
        save_checkpoint({**content, "ema": None, "model": model.half(), **facts}, target)
        LOGGER.info(f"'{file}' written anew as '{target}'.")
        written.append(target)
    return written
