"""Parts of a training run that only watch it: closing the mosaic, pictures of batches, the time limit.

A hook is an object with methods named after the public events; the trainer calls it before the user's callbacks.
"""

from __future__ import annotations

import copy
import statistics
from dataclasses import replace
from typing import Any

from ultralytics.engine.train.stopping import epochs_in_time
from ultralytics.utils.dist import broadcast_object
from ultralytics.utils.log import LOGGER

__all__ = ["BatchPictures", "CloseMosaic", "Hook", "SpareCore", "TimeLimit", "close_mosaic", "keep_mosaic"]

TOO_SLOW = 1.5  # times a step with one thread less


class Hook:
    """Base class; a subclass defines the events it needs, such as `on_train_epoch_start(trainer)`."""

    def notify(self, event: str, trainer: Any) -> None:
        """Call the method of an event, if there is one."""
        method = getattr(self, event, None)
        if method is not None:
            method(trainer)


class CloseMosaic(Hook):
    """Have mixing augmentations turned off for the last `close_mosaic` epochs."""

    def __init__(self) -> None:
        self.closed: Any = None  # loader that has been told

    def on_train_epoch_start(self, trainer: Any) -> None:
        """Close it when its epoch has come."""
        closing = trainer.args.close_mosaic
        if not closing or trainer.epoch < trainer.epochs - closing or self.closed is trainer.train_loader:
            return
        self.closed = trainer.train_loader
        trainer._close_dataloader_mosaic()


def keep_mosaic(loader: Any) -> None:
    """Let a data set mix until it is told to stop; by itself it would stop by its own count of epochs."""
    if hasattr(loader.dataset, "close_mosaic_epoch"):
        loader.dataset.close_mosaic_epoch = None


def close_mosaic(loader: Any, args: Any) -> None:
    """Turn the mixing augmentations of a loader's data set off, where it has any; its workers start again."""
    if not hasattr(loader.dataset, "close_mosaic"):
        return
    LOGGER.info("Closing dataloader mosaic")
    loader.dataset.close_mosaic(hyp=copy.copy(args))
    if hasattr(loader, "reset"):
        loader.reset()


class BatchPictures(Hook):
    """Save pictures of the first batches, and of the first ones without mosaic."""

    def on_pretrain_routine_end(self, trainer: Any) -> None:
        """Plan which iterations to show and draw the label statistics."""
        if not trainer.args.plots:
            return
        closing = trainer.args.close_mosaic
        if closing and trainer.epochs > closing:
            first = (trainer.epochs - closing) * len(trainer.train_loader)
            trainer.plot_idx.extend(range(first, first + 3))
        if trainer.start_epoch == 0:
            trainer.plot_training_labels()

    def on_train_batch_end(self, trainer: Any) -> None:
        """Draw the batch if its turn has come."""
        if trainer.args.plots and trainer.iteration in trainer.plot_idx:
            trainer.plot_training_samples(trainer.batch, trainer.iteration)


class SpareCore(Hook):
    """Take one thread less when all cores together have become slower than that, because others use one of them.

    The threads of a step wait for each other thousands of times, so one core that is lent to another program makes
    every step several times slower. `OMP_NUM_THREADS` fixes the number and turns this off.
    """

    def on_train_epoch_end(self, trainer: Any) -> None:
        """Compare the epoch's steps with what one thread less took in the self-check."""
        mode, times = trainer.precision, trainer.batch_times
        if mode.threads < 2 or not mode.spare_s or not times or statistics.median(times) < TOO_SLOW * mode.spare_s:
            return
        threads = mode.threads - 1
        note = f"another program needs the processor since epoch {trainer.epoch + 1}"
        LOGGER.warning(
            f"a step on {mode.threads} threads took {statistics.median(times):.2g} s, which {threads} alone do in "
            f"{mode.spare_s:.2g} s: {note}. Using {threads} from here on (last bits of results depend on that)."
        )
        trainer.set_precision(replace(mode, threads=threads, note=note, spare_s=0.0))


class TimeLimit(Hook):
    """Fit the run into `time` hours: plan as many epochs as fit, and stop when the time is up."""

    def on_train_batch_end(self, trainer: Any) -> None:
        """Stop within an epoch."""
        # Several processes have to end after the same batch, so they wait for the epoch's end.
        if trainer.args.time and trainer.world_size == 1 and trainer.elapsed() > trainer.args.time * 3600:
            trainer.stop = True

    def on_epoch_measured(self, trainer: Any) -> None:
        """Plan the number of epochs anew from the mean length so far."""
        if not trainer.args.time:
            return
        elapsed = broadcast_object(trainer.elapsed())
        epochs = epochs_in_time(trainer.args.time, elapsed, trainer.epoch + 1)
        if epochs != trainer.epochs:
            trainer.set_epochs(epochs)
        trainer.stop |= trainer.epoch + 1 >= trainer.epochs or elapsed > trainer.args.time * 3600
