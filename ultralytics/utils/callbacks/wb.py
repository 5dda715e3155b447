"""Weights & Biases: configuration, curves over epochs, pictures, curves of the validation and the best weights."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
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
)
from ultralytics.utils.lazy import offer

__all__ = ["WeightsAndBiases", "curve_rows"]

GROUPS = ("train/*", "lr/*", "metrics/*", "val/*")  # drawn over the epochs
CURVE_POINTS = 100
CURVE_PRESET = "wandb/area-under-curve/v0"


class WeightsAndBiases(Integration):
    """Log into the project `args.project` (or `Ultralytics`) under the run's name, one step of the service an epoch."""

    name = "Weights & Biases"
    run: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.sent: set[Any] = set()

    def on_pretrain_routine_end(self, trainer: Any) -> None:
        """Start a run, unless the user has started one; every argument becomes its configuration."""
        import wandb

        config = dict(vars(trainer.args))
        project = str(trainer.args.project or "Ultralytics").replace("/", "-")  # the service refuses slashes
        title = str(trainer.args.name or trainer.save_dir.name).replace("/", "-")
        self.run = wandb.run or wandb.init(project=project, name=title, config=config)
        for group in GROUPS:
            self.run.define_metric(group, step_metric="epoch")
        self.run.config.setdefaults(config)  # for a run that the user has started

    def on_train_epoch_end(self, trainer: Any) -> None:
        """Send losses and learning rates; at the beginning also the pictures of labels and training batches."""
        self.run.log({**learning_losses(trainer), "epoch": trainer.epoch + 1}, commit=False)
        self.run.log(numbers(trainer.lr), commit=False)
        if trainer.epoch < 2:
            self._send_pictures(trainer)

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """Send metrics, after the first epoch also facts of the model, and end the step."""
        if facts := model_facts(trainer):
            self.run.log(facts, commit=False)
        self.run.log({**numbers(trainer.metrics), "epoch": trainer.epoch + 1}, commit=True)

    def on_train_end(self, trainer: Any) -> None:
        """Send the remaining pictures, the curves of the validation and the best weights; end the run."""
        import wandb

        self._send_pictures(trainer.validator)
        self._send_pictures(trainer)
        if trainer.best.exists():
            artifact = wandb.Artifact(type="model", name=f"run_{self.run.id}_model")
            artifact.add_file(str(trainer.best))
            self.run.log_artifact(artifact, aliases=["best"])
        metrics = trainer.validator.metrics
        curves = zip(
            getattr(metrics, "curves", None) or (), getattr(metrics, "curves_results", None) or (), strict=False
        )
        for title, (x, y, x_title, y_title) in curves:
            self._send_curve(title, curve_rows(x, y, getattr(metrics, "names", None) or {}), x_title, y_title)
        self.run.log({"epoch": trainer.epoch}, commit=True)  # ends the step of the above
        self.run.finish()
        self.run = None

    def teardown(self, trainer: Any) -> None:
        """Mark a run that has not come to its end as failed."""
        if self.run is not None:
            self.run.finish(exit_code=1)

    def _send_pictures(self, runner: Any) -> None:
        """Send the pictures that are new since the last time."""
        import wandb

        for path in plot_files(runner):
            if path not in self.sent:
                self.sent.add(path)
                self.run.log({path.stem: wandb.Image(str(path))}, commit=False)

    def _send_curve(self, title: str, rows: list[list[Any]], x_title: str, y_title: str) -> None:
        """Send a curve for each class and their mean as a chart."""
        import wandb

        table = wandb.Table(data=rows, columns=["class", "y", "x"])
        titles = {"title": title, "x-axis-title": x_title, "y-axis-title": y_title}
        chart = wandb.plot_table(CURVE_PRESET, table, {"x": "x", "y": "y", "class": "class"}, titles)
        self.run.log({f"curves/{title}": chart}, commit=False)


def curve_rows(x: Any, y: Any, names: Mapping[int, str]) -> list[list[Any]]:
    """Return rows of class, y and x at a hundred points: the mean of all classes first, then every class.

    Args:
        x: (P,) points.
        y: (classes, P) values, or (P,) of one curve.
        names: class index to name; classes without one are numbered.
    """
    x, y = np.asarray(x, float), np.atleast_2d(np.asarray(y, float))
    if not y.size:
        return []
    points = np.linspace(x[0], x[-1], CURVE_POINTS).round(3)
    labels = [str(names.get(i, i)) for i in range(len(y))]
    curves = zip(["mean", *labels], [y.mean(0), *y], strict=True)
    return [
        [label, round(float(value), 3), float(point)]
        for label, curve in curves
        for point, value in zip(points, np.interp(points, x, curve), strict=True)
    ]


on_pretrain_routine_end, on_train_epoch_end, on_fit_epoch_end, on_train_end, teardown = functions_of(WeightsAndBiases)
on_pretrain_routine_start = on_pretrain_routine_end  # 8.1 began there
active = partial(active_callbacks, __name__)

__getattr__, __dir__ = offer(__name__, {"callbacks": f"{__name__}:active()"})
