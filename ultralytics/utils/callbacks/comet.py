"""Comet: arguments, curves, pictures, detections, the confusion matrix, tables and the best weights.

Read from the environment: COMET_MODE (online, offline, disabled), COMET_PROJECT_NAME (else the project),
COMET_MODEL_NAME (else `Ultralytics`), COMET_EVAL_LOG_IMAGE_PREDICTIONS (true), COMET_MAX_IMAGE_PREDICTIONS (100),
COMET_EVAL_LOG_CONFUSION_MATRIX (false) and COMET_EVAL_BATCH_LOGGING_INTERVAL (1), which is noted only.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
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
from ultralytics.utils.env import env_bool
from ultralytics.utils.lazy import offer

__all__ = ["Comet", "image_annotations"]

Annotations = list[dict[str, Any]]


def _number_of(variable: str, default: int) -> int:
    text = os.environ.get(variable, "")
    return int(text) if text.strip().isdecimal() else default


class Comet(Integration):
    """Log into the project of the environment or `args.project`, else where the user's Comet settings say."""

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
            project = os.environ.get("COMET_PROJECT_NAME") or trainer.args.project
            kind = comet_ml.OfflineExperiment if mode == "offline" else comet_ml.Experiment
            self.experiment = kind(project_name=None if project is None else str(project))
        self.experiment.set_name(str(trainer.args.name or trainer.save_dir.name))
        self.experiment.log_parameters(dict(vars(trainer.args)))
        self.experiment.log_others(
            {
                "eval_batch_logging_interval": _number_of("COMET_EVAL_BATCH_LOGGING_INTERVAL", 1),
                "log_confusion_matrix_on_eval": env_bool("COMET_EVAL_LOG_CONFUSION_MATRIX"),
                "log_image_predictions": env_bool("COMET_EVAL_LOG_IMAGE_PREDICTIONS", default=True),
                "max_image_predictions": _number_of("COMET_MAX_IMAGE_PREDICTIONS", 100),
            }
        )
        self.experiment.log_other("Created from", "ultralytics")

    def on_train_epoch_end(self, trainer: Any) -> None:
        """Log losses."""
        self._metrics(learning_losses(trainer), trainer)

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """Log metrics and learning rates, after the first epoch also facts of the model."""
        for values in (numbers(trainer.metrics), numbers(trainer.lr), model_facts(trainer)):
            self._metrics(values, trainer)
        if env_bool("COMET_EVAL_LOG_CONFUSION_MATRIX"):
            self._confusion(trainer, trainer.epoch + 1)

    def on_train_end(self, trainer: Any) -> None:
        """Log weights, pictures, detections, the confusion matrix and the tables of the run; end the experiment."""
        if trainer.best.exists():
            title = os.environ.get("COMET_MODEL_NAME", "Ultralytics")
            self.experiment.log_model(title, file_or_folder=str(trainer.best), file_name="best.pt", overwrite=True)
        step = trainer.epoch * len(trainer.train_loader)
        for file in dict.fromkeys(plot_files(trainer.validator) + plot_files(trainer)):
            batch = split_batch(file)[1]
            self.experiment.log_image(str(file), name=file.stem, step=None if batch is None else step)
        self._confusion(trainer, trainer.epoch)
        self._detections(trainer.validator, step)
        if Path(trainer.csv).exists():
            self.experiment.log_table(str(trainer.csv))
        self.experiment.log_asset(str(Path(trainer.save_dir) / "args.yaml"))
        self.experiment.end()

    def _metrics(self, values: dict[str, float], trainer: Any) -> None:
        """Log numbers at the batch that the epoch ends with; epochs count from 1."""
        if values:
            epoch = trainer.epoch + 1
            self.experiment.log_metrics(values, step=epoch * len(trainer.train_loader), epoch=epoch)

    def _confusion(self, trainer: Any, epoch: int) -> None:
        """Log the confusion matrix of the last validation."""
        matrix = getattr(getattr(trainer.validator, "confusion_matrix", None), "matrix", None)
        if matrix is None:
            return
        labels = [str(name) for name in trainer.data["names"].values()]
        labels += ["background"] * (len(matrix) - len(labels))
        self.experiment.log_confusion_matrix(
            matrix=np.asarray(matrix, dtype=np.int64),
            labels=labels,
            max_categories=len(labels),
            epoch=epoch,
            step=epoch * len(trainer.train_loader),
        )

    def _detections(self, validator: Any, step: int) -> None:
        """Log pictures with their labels and detections, which a run with `save_json` keeps."""
        if not env_bool("COMET_EVAL_LOG_IMAGE_PREDICTIONS", default=True):
            return
        most = _number_of("COMET_MAX_IMAGE_PREDICTIONS", 100)
        for _, (file, boxes) in zip(range(most), image_annotations(validator), strict=False):
            self.experiment.log_image(str(file), name=file.stem, step=step, annotations=boxes)


def image_annotations(validator: Any) -> Iterator[tuple[Path, Annotations]]:
    """Yield every picture that has detections in `validator.jdict`, with its labels and detections as Comet takes them.

    Boxes are upper left corner, width and height in pixels of the picture, scores percentages.
    """
    found = defaultdict(list)
    for row in getattr(validator, "jdict", None) or ():
        if "bbox" in row:
            found[row["file_name"]].append(row)
    labels = getattr(getattr(getattr(validator, "dataloader", None), "dataset", None), "labels", None) or ()
    names = {number: str(validator.names[index]) for index, number in enumerate(validator.class_map)} if found else {}
    for label in labels if found else ():
        file = Path(label["im_file"])
        if file.name in found:
            predictions = [_box(row["bbox"], names[row["category_id"]], row["score"]) for row in found[file.name]]
            truth = {"name": "ground_truth", "data": list(_truth(label, validator.names))}
            yield file, [truth, {"name": "prediction", "data": predictions}]


def _truth(label: dict[str, Any], names: Any) -> Iterator[dict[str, Any]]:
    """Yield the labelled boxes of a picture."""
    height, width = label["shape"]
    for cls, (x, y, w, h) in zip(np.ravel(label["cls"]).astype(int), np.asarray(label["bboxes"]), strict=True):
        corner = [float(v) for v in ((x - w / 2) * width, (y - h / 2) * height, w * width, h * height)]
        yield _box(corner, f"gt_{names[int(cls)]}", 1.0)


def _box(corner_size: list[float], label: str, score: float) -> dict[str, Any]:
    return {"boxes": [corner_size], "label": label, "score": 100 * score}


on_pretrain_routine_start, on_train_epoch_end, on_fit_epoch_end, on_train_end = functions_of(Comet)
active = partial(active_callbacks, __name__)

__getattr__, __dir__ = offer(__name__, {"callbacks": f"{__name__}:active()"})
