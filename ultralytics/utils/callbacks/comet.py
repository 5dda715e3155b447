"""Comet: arguments, curves, pictures, the confusion matrix and the best weights.

Read from the environment: COMET_MODE (online, offline, disabled), COMET_PROJECT_NAME (else the project),
COMET_MODEL_NAME (else `Ultralytics`), COMET_EVAL_LOG_CONFUSION_MATRIX (false).
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from ultralytics.utils.callbacks.base import active_callbacks
from ultralytics.utils.callbacks.integration import Integration, functions_of, numbers, plot_files, train_scalars
from ultralytics.utils.env import env_bool
from ultralytics.utils.lazy import offer

__all__ = ["Comet"]


class Comet(Integration):
    """Log into the project `args.project` (or `ultralytics`)."""

    name = "Comet"
    experiment: Any = None

    def on_pretrain_routine_start(self, trainer: Any) -> None:
        """Take the running experiment or start one, and log all arguments."""
        import comet_ml

        mode = os.environ.get("COMET_MODE", "online").lower()
        if mode == "disabled":
            self.failed = True  # nothing to do for the rest of the run
            return
        self.experiment = comet_ml.get_running_experiment()
        if self.experiment is None:
            kind = comet_ml.OfflineExperiment if mode == "offline" else comet_ml.Experiment
            self.experiment = kind(
                project_name=os.environ.get("COMET_PROJECT_NAME") or str(trainer.args.project or "ultralytics")
            )
        self.experiment.set_name(str(trainer.args.name or trainer.save_dir.name))
        self.experiment.log_parameters(dict(vars(trainer.args)))

    def on_train_epoch_end(self, trainer: Any) -> None:
        """Log losses and learning rates."""
        self.experiment.log_metrics(train_scalars(trainer), step=trainer.epoch + 1, epoch=trainer.epoch + 1)

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """Log metrics."""
        self.experiment.log_metrics(numbers(trainer.metrics), step=trainer.epoch + 1, epoch=trainer.epoch + 1)

    def on_train_end(self, trainer: Any) -> None:
        """Log pictures, weights and, where asked for, the confusion matrix; end the experiment."""
        for file in dict.fromkeys(plot_files(trainer) + plot_files(trainer.validator)):
            self.experiment.log_image(str(file), name=file.stem)
        matrix = getattr(trainer.validator, "confusion_matrix", None)
        if env_bool("COMET_EVAL_LOG_CONFUSION_MATRIX") and matrix is not None:
            labels = [*trainer.data["names"].values(), "background"]
            self.experiment.log_confusion_matrix(matrix=matrix.matrix, labels=labels, step=trainer.epoch + 1)
        if trainer.best.exists():
            title = os.environ.get("COMET_MODEL_NAME", "Ultralytics")
            self.experiment.log_model(title, file_or_folder=str(trainer.best), file_name="best.pt", overwrite=True)
        self.experiment.end()


on_pretrain_routine_start, on_train_epoch_end, on_fit_epoch_end, on_train_end = functions_of(Comet)
active = partial(active_callbacks, __name__)

__getattr__, __dir__ = offer(__name__, {"callbacks": f"{__name__}:active()"})
