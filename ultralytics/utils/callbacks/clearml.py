"""ClearML: a task with the run's arguments, curves, pictures and the best weights."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ultralytics.utils.callbacks.base import active_callbacks
from ultralytics.utils.callbacks.integration import Integration, functions_of, numbers, plot_files, train_scalars
from ultralytics.utils.lazy import offer

__all__ = ["ClearML"]


class ClearML(Integration):
    """Log into the project `args.project` (or `Ultralytics`) under the run's name."""

    name = "ClearML"
    task: Any = None

    def on_pretrain_routine_start(self, trainer: Any) -> None:
        """Take the user's current task or make one, and attach the arguments."""
        from clearml import Task

        self.task = Task.current_task() or Task.init(
            project_name=str(trainer.args.project or "Ultralytics"),
            task_name=str(trainer.args.name or trainer.save_dir.name),
            tags=["Ultralytics"],
            output_uri=True,
            reuse_last_task_id=False,
            auto_connect_frameworks={"pytorch": False, "matplotlib": False},
        )
        self.task.connect(dict(vars(trainer.args)), name="General")

    def on_train_epoch_end(self, trainer: Any) -> None:
        """Report losses and learning rates; at the beginning also the pictures of training batches."""
        self._report(train_scalars(trainer), trainer.epoch)
        if trainer.epoch == 1:
            self._pictures(sorted(Path(trainer.save_dir).glob("train_batch*.jpg")), "Mosaic", trainer.epoch)

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """Report metrics."""
        self._report(numbers(trainer.metrics), trainer.epoch)

    def on_train_end(self, trainer: Any) -> None:
        """Report the plots and the final metrics, attach the best weights."""
        self._pictures(plot_files(trainer) + plot_files(trainer.validator), "Plots", trainer.epoch)
        for key, value in numbers(trainer.metrics).items():
            self.task.get_logger().report_single_value(key, value)
        if trainer.best.exists():
            self.task.update_output_model(
                model_path=str(trainer.best), model_name=str(trainer.args.name), auto_delete_file=False
            )

    def _report(self, scalars: dict[str, float], step: int) -> None:
        """Report numbers; the part before the slash is the chart, the rest the line in it."""
        for key, value in scalars.items():
            title, _, series = key.rpartition("/")
            self.task.get_logger().report_scalar(title or series, series, iteration=step, value=value)

    def _pictures(self, files: list[Path], title: str, step: int) -> None:
        for file in files:
            self.task.get_logger().report_image(title=title, series=file.stem, local_path=str(file), iteration=step)


def on_val_end(validator: Any) -> None:
    """Report the pictures of a validation to the task that runs, if one does."""
    from clearml import Task

    task = Task.current_task()
    for file in plot_files(validator) if task else ():
        task.get_logger().report_image(title="Validation", series=file.stem, local_path=str(file), iteration=0)


on_pretrain_routine_start, on_train_epoch_end, on_fit_epoch_end, on_train_end = functions_of(ClearML)
active = partial(active_callbacks, __name__)

__getattr__, __dir__ = offer(__name__, {"callbacks": f"{__name__}:active()"})
