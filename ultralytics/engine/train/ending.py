"""The end of a training run: final files, stripped checkpoints, the last validation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ultralytics.engine.train import loop, setup
from ultralytics.nn.weights.checkpoint import load_checkpoint, strip_optimizer
from ultralytics.utils.dist import broadcast_object
from ultralytics.utils.log import LOGGER

__all__ = ["finish", "strip_and_validate"]


def finish(trainer: Any) -> None:
    """Make the final files: stripped checkpoints, last validation, plots."""
    done, hours = max(0, trainer.progress.epoch + 1 - trainer.start_epoch), trainer.elapsed() / 3600
    if trainer.save_error is not None:
        loop.save(trainer)
        if trainer.save_error is not None:
            raise trainer.save_error
    if trainer.is_main:
        LOGGER.info(f"\n{done} epochs completed in {hours:.3f} hours.")
        if trainer.args.plots:
            trainer.plot_metrics()
    trainer.final_eval()
    trainer.emit("on_train_end")


def strip_and_validate(trainer: Any) -> None:
    """Strip the checkpoints to half-precision weights and validate the best ones.

    last.pt is stripped at the very end: until then an interrupted run can be resumed and does what is left to do.
    """
    table = {"train_results": trainer.read_results_csv()}
    target = trainer.best if trainer.best.exists() else trainer.last
    if trainer.is_main and trainer.best.exists():
        strip_optimizer(trainer.best, updates=table)
    if setup.held_out(trainer) is not None and broadcast_object(target.exists()):
        _validate(trainer, target)
    if trainer.is_main and trainer.last.exists():
        strip_optimizer(trainer.last, updates=table)


def _validate(trainer: Any, file: Path) -> None:
    """Validate a checkpoint of the run on all processes; only the first one needs to see the file."""
    LOGGER.info(f"\nValidating {file}...")
    trainer.validator.args.plots = trainer.args.plots
    trainer.validator.args.compile = False  # was meant for training
    model: Any = file
    if trainer.world_size > 1:
        trust = bool(trainer.args.get("trust"))
        model = broadcast_object(load_checkpoint(file, trust=trust)[0] if trainer.is_main else None)
    trainer.metrics = trainer.validator(model=model)
    if trainer.metrics:
        trainer.metrics.pop("fitness", None)
    trainer.epoch += 1
    trainer.emit("on_fit_epoch_end")
