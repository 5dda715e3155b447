"""What a checkpoint of a running training holds, and putting it back so that the run goes on bit by bit.

The public keys let any reader of such files use the weights. The key `continuation` holds what only an exact resume
needs: float32 weights of the model in training, gradients that wait for their optimizer step, positions and
verdicts. All of it is plain tensors, numbers and text, which the safe reader of checkpoints takes.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import torch
from torch import nn

from ultralytics.engine.train.modules import unwrap_model
from ultralytics.engine.train.optimizer import align_state
from ultralytics.utils.git import package_repository
from ultralytics.utils.log import LOGGER
from ultralytics.utils.version import __version__

__all__ = [
    "FORMAT",
    "Progress",
    "build_checkpoint",
    "continuation_of",
    "go_on",
    "plain",
    "restore",
    "restore_weights",
]

FORMAT = 1
LICENSE = "AGPL-3.0-or-later"
DOCS = "https://docs.ultralytics.com"


@dataclass
class Progress:
    """Where a run stands; everything that decides how it goes on and is not a tensor.

    Attributes:
        epoch: last finished epoch from 0, -1 before the first.
        epochs: epochs planned (a time limit changes it).
        batch: images per iteration over all processes, after any automatic choice or reduction.
        batches: batches of the next epoch that are done too.
        last_step: iteration of the last optimizer step.
        elapsed: seconds of training so far.
        recoveries: times that the run fell back to its last checkpoint.
        stopped: the run has decided to end before its last planned epoch.
        lr_scale: factor that recoveries put on the learning rate.
        precision: see `Precision.state`.
    """

    epoch: int = -1
    epochs: int = 0
    batch: int = 0
    batches: int = 0
    last_step: int = -1
    elapsed: float = 0.0
    recoveries: int = 0
    stopped: bool = False
    lr_scale: float = 1.0
    precision: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Progress:
        """Rebuild from a checkpoint; unknown keys of later formats are ignored.

        Raises:
            ValueError: a value of another type than a run writes.
        """
        given = {k: state[k] for k in cls.__dataclass_fields__ if k in state}
        for key, value in given.items():
            kind = type(getattr(cls(), key))
            if type(value) is not kind and not (kind is float and type(value) is int):
                raise ValueError(f"the checkpoint's '{key}' is {value!r:.60}, not {kind.__name__}; no run writes that.")
        return cls(**given)


def plain(value: Any) -> Any:
    """Return a value as numbers, text, lists and dicts, so that safe readers of YAML and checkpoints accept it."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _clean_ema(ema: nn.Module) -> nn.Module:
    """Return a copy of the averaged model fit for pickling: no loss object, plain arguments, contiguous tensors."""
    saved = copy.deepcopy(ema)
    saved.criterion = None
    if hasattr(saved, "args"):
        saved.args = plain(saved.args if isinstance(saved.args, Mapping) else vars(saved.args))
    for p in saved.parameters():
        p.data = p.data.contiguous()
    return saved


def _waiting_gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the gradients accumulated since the last optimizer step, by parameter name."""
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def build_checkpoint(trainer: Any, progress: Progress) -> dict[str, Any]:
    """Return the dict to save for a trainer as it stands.

    Args:
        trainer: a set-up `BaseTrainer`.
        progress: where the run stands.
    """
    model = unwrap_model(trainer.model)
    criterion, repository = getattr(model, "criterion", None), package_repository()
    continuation = {
        "format": FORMAT,
        **vars(progress),
        "model": model.state_dict(),
        "gradients": _waiting_gradients(model),
        "mean_loss": dict(trainer.tloss) if progress.batches else {},
        "criterion": criterion.state_dict() if isinstance(criterion, nn.Module) else _plain_state(criterion),
        "stopper": trainer.stopper.state_dict(),
        "scheduler": {"last_epoch": progress.epoch},
        "results": trainer.log.as_columns(),
        "extra": trainer.extra_state(),
    }
    return {
        "epoch": progress.epoch,
        "best_fitness": trainer.best_fitness,
        "stopper": {k: continuation["stopper"][k] for k in ("best_fitness", "best_epoch")},
        "model": None,
        "ema": _clean_ema(trainer.ema.ema),
        "updates": trainer.ema.updates,
        "modelopt": None,
        "optimizer": trainer.optimizer.state_dict(),
        "scaler": trainer.scaler.state_dict(),
        "train_args": plain(vars(trainer.args)),
        "train_metrics": {**(trainer.metrics or {}), "fitness": trainer.fitness},
        "train_results": trainer.read_results_csv(),
        "date": datetime.now().astimezone().isoformat(),
        "version": __version__,
        "git": {fact: _text(getattr(repository, fact)) for fact in ("root", "branch", "commit", "message", "origin")},
        "license": LICENSE,
        "docs": DOCS,
        "continuation": continuation,
    }


def _plain_state(criterion: Any) -> dict[str, Any]:
    """Return the numbers that a loss object changes during training, where it says which those are."""
    names = getattr(criterion, "training_state", ())
    return {name: getattr(criterion, name) for name in names}


def continuation_of(checkpoint: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the continuation part of a checkpoint, None for files without one (finished runs, other writers)."""
    part = checkpoint.get("continuation")
    return part if part and checkpoint.get("optimizer") is not None else None


def restore_weights(trainer: Any, checkpoint: Mapping[str, Any]) -> None:
    """Put only the weights of a checkpoint back, of the model in training and of its average."""
    unwrap_model(trainer.model).load_state_dict(checkpoint["continuation"]["model"])
    trainer.ema.ema.load_state_dict(checkpoint["ema"].float().state_dict())
    trainer.ema.updates = int(checkpoint["updates"])


def go_on(trainer: Any, checkpoint: Mapping[str, Any]) -> None:
    """Put a checkpoint back into a trainer that has been set up the same way, which goes on after its epoch."""
    part = checkpoint["continuation"]
    trainer.progress = progress = Progress.from_state(part)
    if progress.epochs != trainer.epochs:
        trainer.set_epochs(progress.epochs)
    trainer._load_checkpoint_state(checkpoint)
    trainer.start_epoch, trainer.epoch = progress.epoch + 1, max(0, progress.epoch)
    rules = {key: checkpoint["train_args"].get(key) for key in ("time", "patience")}
    # A run that had ended before its last epoch goes on where the rule that ended it has been changed.
    trainer.stop = progress.stopped and all(trainer.args.get(key) == value for key, value in rules.items())
    trainer.log.load_columns(part["results"], progress.epoch)
    if progress.batches and progress.batch != trainer.batch_size:
        LOGGER.warning(f"with another batch size epoch {trainer.start_epoch + 1} begins anew.")
        progress.batches = 0
    trainer.mean_loss_before = {k: v.to(trainer.device) for k, v in (part.get("mean_loss") or {}).items()}
    trainer.train_time_start = time.time() - progress.elapsed
    if (trainer.start_epoch or progress.batches) and trainer.is_main:
        LOGGER.info(
            f"Resuming training {trainer.args.model} from epoch {trainer.start_epoch + 1} to {trainer.epochs} total "
            f"epochs{f', after its first {progress.batches} batches' if progress.batches else ''}"
        )


@torch.no_grad()
def restore(trainer: Any, checkpoint: Mapping[str, Any]) -> None:
    """Put a checkpoint back into a trainer that has been set up the same way.

    Raises:
        ValueError: if the file belongs to another network or optimizer.
    """
    try:
        _restore(trainer, checkpoint)
    except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"the checkpoint does not fit this run, so it cannot be continued exactly: {error}") from error


def _restore(trainer: Any, checkpoint: Mapping[str, Any]) -> None:
    """Put all parts of a checkpoint back; raises whatever a part that does not fit leads to."""
    part = checkpoint["continuation"]
    model = unwrap_model(trainer.model)
    restore_weights(trainer, checkpoint)
    trainer.optimizer.load_state_dict(checkpoint["optimizer"])
    align_state(trainer.optimizer)
    if checkpoint.get("scaler"):
        trainer.scaler.load_state_dict(checkpoint["scaler"])
    for name, p in model.named_parameters():
        waiting = part["gradients"].get(name) if p.requires_grad else None  # it may be frozen from here on
        p.grad = None if waiting is None else torch.empty_like(p).copy_(waiting)
    trainer.stopper.load_state_dict(part["stopper"])
    _restore_criterion(model, part.get("criterion") or {})
    trainer.best_fitness = checkpoint["best_fitness"]
    trainer.load_extra_state(part.get("extra") or {})


def _restore_criterion(model: nn.Module, state: Mapping[str, Any]) -> None:
    """Give the loss object its numbers back."""
    if not state:
        return
    if getattr(model, "criterion", None) is None:
        model.criterion = model.init_criterion()
    if isinstance(model.criterion, nn.Module):
        model.criterion.load_state_dict(dict(state))
        return
    known = getattr(model.criterion, "training_state", ())
    for name, value in state.items():
        if name not in known:
            raise ValueError(f"its loss has no '{name}'")
        setattr(model.criterion, name, value)
