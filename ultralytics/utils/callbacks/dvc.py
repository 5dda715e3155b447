"""DVCLive: metrics by epoch, pictures and the best weights as an artifact."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.utils.callbacks.base import active_callbacks
from ultralytics.utils.callbacks.integration import (
    Integration,
    functions_of,
    learning_losses,
    model_facts,
    numbers,
    plot_files,
    split_batch,
)
from ultralytics.utils.lazy import offer

__all__ = ["DVCLive", "pairs_of"]


class DVCLive(Integration):
    """Log with one step an epoch; the experiment is saved in the repository."""

    name = "DVCLive"
    live: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.sent: set[Any] = set()
        self.in_training = False

    def on_pretrain_routine_start(self, trainer: Any) -> None:
        """Start the experiment."""
        from dvclive import Live

        here = Path.cwd()
        tracked = any((folder / ".dvc").is_dir() for folder in (here, *here.parents))
        self.live = Live(save_dvc_exp=True, cache_images=tracked)  # without a repository there is nowhere to cache

    def on_pretrain_routine_end(self, trainer: Any) -> None:
        """Log the pictures of the labels."""
        self._pictures(trainer, "train")

    def on_train_start(self, trainer: Any) -> None:
        """Log all arguments."""
        self.live.log_params(dict(vars(trainer.args)))

    def on_train_epoch_start(self, trainer: Any) -> None:
        """From here on `on_fit_epoch_end` belongs to an epoch, not to the final validation."""
        self.in_training = True

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """Log the epoch's numbers and new pictures, and go to the next step."""
        if not self.in_training:
            return
        losses = learning_losses(trainer)
        for key, value in {**losses, **numbers(trainer.metrics), **numbers(trainer.lr)}.items():
            self.live.log_metric(key, value)
        for key, value in model_facts(trainer).items():
            self.live.log_metric(key, value, plot=False)
        self._pictures(trainer, "train")
        self._pictures(trainer.validator, "val")
        self.live.next_step()
        self.in_training = False

    def on_train_end(self, trainer: Any) -> None:
        """Log the final metrics, the remaining pictures and the best weights; end the experiment."""
        for key, value in {**learning_losses(trainer), **numbers(trainer.metrics), **numbers(trainer.lr)}.items():
            self.live.log_metric(key, value, plot=False)
        self._pictures(trainer, "val")
        self._pictures(trainer.validator, "val")
        matrix = getattr(getattr(trainer.validator, "confusion_matrix", None), "matrix", None)
        if matrix is not None and np.any(matrix):
            labels = [str(name) for name in trainer.validator.names.values()]
            true, found = pairs_of(matrix, labels + ["background"] * (len(matrix) - len(labels)))
            self.live.log_sklearn_plot("confusion_matrix", true, found, name="cf.json", normalized=True)
        if trainer.best.exists():
            self.live.log_artifact(str(trainer.best), copy=True, type="model")
        self.live.end()
        self.live = None

    def teardown(self, trainer: Any) -> None:
        """End an experiment whose run has not come to its end."""
        if self.live is not None:
            self.live.end()

    def _pictures(self, runner: Any, folder: str) -> None:
        """Log the pictures that are new since the last time, those of batches by their number."""
        for file in plot_files(runner):
            if file not in self.sent:
                self.sent.add(file)
                self.live.log_image(f"{folder}/{_numbered(file)}", str(file))


def _numbered(file: Path) -> str:
    """Return a name by which DVCLive shows pictures of batches as steps: `val_batch_pred/0.jpg`."""
    _, batch = split_batch(file)
    stem = re.sub(r"_batch\d+", "_batch", file.stem)
    return file.name if batch is None else f"{stem}/{batch}{file.suffix}"


def pairs_of(matrix: Any, labels: list[str]) -> tuple[list[str], list[str]]:
    """Return the labels and the predictions, one entry an object, that a confusion matrix counts.

    Args:
        matrix: (n, n) counts, predictions by label.
        labels: names of rows and columns.
    """
    counts = np.asarray(matrix).T.astype(int)
    cells = [(true, found) for true in range(len(labels)) for found in range(len(labels))]
    true = [labels[t] for t, f in cells for _ in range(counts[t, f])]
    return true, [labels[f] for t, f in cells for _ in range(counts[t, f])]


(
    on_pretrain_routine_start,
    on_pretrain_routine_end,
    on_train_start,
    on_train_epoch_start,
    on_fit_epoch_end,
    on_train_end,
    teardown,
) = functions_of(DVCLive)
active = partial(active_callbacks, __name__)

__getattr__, __dir__ = offer(__name__, {"callbacks": f"{__name__}:active()"})
