"""Weights & Biases: configuration, curves, pictures, precision-recall tables and the best weights."""

from __future__ import annotations

from functools import partial
from typing import Any

from ultralytics.utils.callbacks.base import active_callbacks
from ultralytics.utils.callbacks.integration import Integration, functions_of, numbers, plot_files, train_scalars
from ultralytics.utils.lazy import offer

__all__ = ["WeightsAndBiases"]


class WeightsAndBiases(Integration):
    """Log into the project `args.project` (or `Ultralytics`) under the run's name."""

    name = "Weights & Biases"
    run: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.sent: set[Any] = set()

    def on_pretrain_routine_end(self, trainer: Any) -> None:
        """Start a run, unless the user has started one."""
        import wandb

        project = str(trainer.args.project or "Ultralytics").replace("/", "-")  # the service refuses slashes
        title = str(trainer.args.name or trainer.save_dir.name).replace("/", "-")
        self.run = wandb.run or wandb.init(project=project, name=title, config=dict(vars(trainer.args)))

    def on_train_epoch_end(self, trainer: Any) -> None:
        """Send losses and learning rates; after the first epochs also the pictures of training batches."""
        self.run.log(train_scalars(trainer), step=trainer.epoch + 1)
        if trainer.epoch < 2:
            self._send_pictures(trainer, trainer.epoch + 1)

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """Send metrics."""
        self.run.log(numbers(trainer.metrics), step=trainer.epoch + 1)

    def on_train_end(self, trainer: Any) -> None:
        """Send the remaining pictures, the curves as tables and the best weights; end the run."""
        import wandb

        step = trainer.epoch + 1
        self._send_pictures(trainer.validator, step)
        self._send_pictures(trainer, step)
        for x, y, x_title, y_title in getattr(trainer.validator.metrics, "curves_results", None) or ():
            title = f"{y_title}({x_title})"
            rows = [[float(a), float(b)] for a, b in zip(x, y.mean(0) if y.ndim > 1 else y, strict=True)]
            table = wandb.Table(columns=[x_title, y_title], data=rows)
            self.run.log({f"curves/{title}": wandb.plot.line(table, x_title, y_title, title=title)}, step=step)
        if trainer.best.exists():
            artifact = wandb.Artifact(type="model", name=f"run_{self.run.id}_model")
            artifact.add_file(str(trainer.best))
            self.run.log_artifact(artifact, aliases=["best"])
        self.run.finish()

    def _send_pictures(self, runner: Any, step: int) -> None:
        """Send the pictures that are new since the last time."""
        import wandb

        fresh = [path for path in plot_files(runner) if path not in self.sent]
        self.sent.update(fresh)
        if fresh:
            self.run.log({path.stem: wandb.Image(str(path)) for path in fresh}, step=step)


on_pretrain_routine_end, on_train_epoch_end, on_fit_epoch_end, on_train_end = functions_of(WeightsAndBiases)
on_pretrain_routine_start = on_pretrain_routine_end  # 8.1 began there
active = partial(active_callbacks, __name__)

__getattr__, __dir__ = offer(__name__, {"callbacks": f"{__name__}:active()"})
