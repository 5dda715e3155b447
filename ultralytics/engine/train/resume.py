"""From `resume` to the checkpoint and the arguments to go on with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ultralytics.cfg.merge import DEFAULT_CFG_DICT, get_cfg, get_save_dir
from ultralytics.data.describe.remembered import check_remembered, is_elsewhere
from ultralytics.engine.train.checkpointing import continuation_of
from ultralytics.nn.weights.checkpoint import load_checkpoint
from ultralytics.utils.dist import all_gather_object
from ultralytics.utils.files import get_latest_run
from ultralytics.utils.log import LOGGER
from ultralytics.utils.settings import SETTINGS

__all__ = [
    "CHANGEABLE",
    "NothingToResumeError",
    "Resumption",
    "find_own",
    "find_resumption",
    "refuse_finished",
    "require_same",
]

# What a resumed run may change; anything else would make it another run.
CHANGEABLE = frozenset(
    {
        "imgsz",
        "batch",
        "device",
        "close_mosaic",
        "augmentations",
        "save_batches",
        "save_period",
        "workers",
        "cache",
        "patience",
        "time",
        "freeze",
        "val",
        "plots",
        "channels_last",
        "distill_model",
        "save_dir",
    }
)
NOT_SETTINGS = frozenset({"resume", "model", "mode", "task", "cfg", "trust", "exist_ok", "verbose"})


class NothingToResumeError(AssertionError, ValueError):
    """The checkpoint belongs to a finished run. Scripts of 8.x catch AssertionError; it is a mistake of the caller."""


@dataclass(frozen=True)
class Resumption:
    """A checkpoint to go on from.

    Attributes:
        path: the file.
        args: arguments of the run, the permitted changes applied.
        model: averaged model of the file, float32.
        checkpoint: the whole file.
        refusal: why the run cannot go on from there, empty where it can.
        is_over: the run is finished, and `resume=auto` asked for no more than that.
    """

    path: Path
    args: Any
    model: Any
    checkpoint: dict[str, Any]
    refusal: str = ""
    is_over: bool = False


def find_own(args: Any, overrides: Mapping[str, Any]) -> Resumption | None:
    """Return what `resume=auto` goes on with: the run in the folder that these arguments name, None for a new run.

    The folder gets no number: a job that is started again by a machine has to find its own.

    Raises:
        NothingToResumeError: the folder's last.pt is of another version.
    """
    folder = get_save_dir(get_cfg(args, {"exist_ok": True}))
    last = folder / "weights" / "last.pt"
    if not last.is_file():
        LOGGER.info(f"resume=auto: no run in '{folder}' yet, starting one.")
        return None
    LOGGER.info(f"resume=auto: going on with the run in '{folder}'.")
    found = find_resumption(get_cfg(args, {"resume": str(last)}), overrides)
    return replace(found, is_over=_is_finished(found.checkpoint) and bool(found.refusal))


def require_same(resumption: Resumption | None) -> None:
    """Check that all training processes go on from the same place; some may see another disk.

    Raises:
        FileNotFoundError: they do not; says which ranks see no checkpoint.
    """
    places = all_gather_object(None if resumption is None else resumption.checkpoint.get("epoch", -1))
    if len(set(places)) > 1:
        seen = ", ".join(f"rank {rank}: {'none' if at is None else f'epoch {at}'}" for rank, at in enumerate(places))
        raise FileNotFoundError(
            f"the training processes do not see the same last.pt ({seen}). The run's folder has to be on a disk that "
            "all machines share."
        )


def find_resumption(args: Any, overrides: Mapping[str, Any]) -> Resumption:
    """Find and read the checkpoint that `args.resume` means.

    Args:
        args: merged arguments; `resume` is a path, or True for the newest run below the current folder or `runs_dir`.
        overrides: what the caller asked for explicitly.

    Raises:
        FileNotFoundError: no checkpoint there.
        NothingToResumeError: the file holds no arguments of a run.
        RememberedDataError: the data set is an address, which has to be given again.
    """
    path = _checkpoint_path(args.resume)
    model, checkpoint = load_checkpoint(path, trust=bool(args.get("trust")))
    if not isinstance(checkpoint.get("train_args"), Mapping):
        raise NothingToResumeError(f"'{path}' cannot be resumed: it does not say how its run was started.")
    stored = {k: v for k, v in checkpoint["train_args"].items() if k in DEFAULT_CFG_DICT or k == "augmentations"}
    changes = _permitted(overrides, stored)
    stored |= changes
    stored |= {"model": str(path), "resume": str(path), "mode": "train", "trust": bool(args.get("trust"))}
    if not _exists(stored.get("data")) and overrides.get("data"):
        stored["data"] = overrides["data"]
    elif stored.get("data") is not None:
        check_remembered(stored["data"], path, own_reader=True)
    stored["save_dir"] = str(changes.get("save_dir") or _run_folder(path))
    return Resumption(path, get_cfg(overrides=stored), model, checkpoint, _refusal(path, checkpoint))


def refuse_finished(resumption: Resumption | None) -> None:
    """Raise where there is a run to resume and it cannot go on.

    Raises:
        NothingToResumeError: names the reason and what to do instead.
    """
    if resumption is not None and resumption.refusal:
        raise NothingToResumeError(resumption.refusal)


def _is_finished(checkpoint: Mapping[str, Any]) -> bool:
    epoch = checkpoint.get("epoch", -1)
    return epoch is None or (isinstance(epoch, int) and epoch < 0)


def _refusal(path: Path, checkpoint: Mapping[str, Any]) -> str:
    """Return why a run cannot go on from a checkpoint, an empty text where it can."""
    if continuation_of(checkpoint) is not None:
        return ""
    reason = (
        "the run it belongs to is finished"
        if _is_finished(checkpoint)
        else "it was written by another version and lacks what an exact continuation needs"
    )
    return (
        f"'{path}' cannot be resumed: {reason}. Start a new run from its weights instead: "
        f"yolo train model={path} data=... epochs=..."
    )


def _checkpoint_path(resume: bool | str | Path) -> Path:
    """Return the file that `resume` names; a run folder means its last checkpoint."""
    if isinstance(resume, (str, Path)) and str(resume).lower() != "true":
        path = Path(resume)
        if path.is_dir():
            path = next((p for p in (path / "weights" / "last.pt", path / "last.pt") if p.is_file()), path)
        if not path.is_file():
            raise FileNotFoundError(
                f"resume='{resume}': there is no such checkpoint. Name the run's weights/last.pt, or its folder."
            )
        return path.resolve()
    places = [Path(), Path(SETTINGS["runs_dir"])]
    newest = next((found for found in map(get_latest_run, places) if found), None)
    if newest is None:
        raise FileNotFoundError(
            f"resume=True: no last*.pt found below the current folder or '{places[1]}'. Name it: "
            "resume=path/to/weights/last.pt"
        )
    return Path(newest).resolve()


def _permitted(overrides: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes that a resumed run may make; warn about the others."""
    refused = [
        k
        for k, v in overrides.items()
        if k in stored and k not in CHANGEABLE | NOT_SETTINGS | {"data", "project", "name"} and v != stored[k]
    ]
    if refused:
        LOGGER.warning(
            f"a resumed run keeps its settings; ignored: {', '.join(f'{k}={overrides[k]}' for k in refused)}. "
            f"It may change {', '.join(sorted(CHANGEABLE))}."
        )
    # A `Model` passes on the standing values of the checkpoint (imgsz ...): equal values are no changes.
    return {k: v for k, v in overrides.items() if k in CHANGEABLE and (k not in stored or v != stored[k])}


def _exists(data: Any) -> bool:
    """Whether a data argument names a file, a folder, or something that is looked up by name on this machine."""
    if data is None or is_elsewhere(data):
        return False
    return Path(str(data)).exists() or not Path(str(data)).is_absolute()


def _run_folder(path: Path) -> Path:
    """Return the folder that the run goes on in: where its checkpoint lies, so that a moved run is found.

    What the file itself says about folders does not count: it could name any that this user may write to.
    """
    return path.parent.parent if path.parent.name == "weights" else path.parent
