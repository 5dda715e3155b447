"""ClearML: a task with the run's arguments, curves, pictures and the best weights."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ultralytics.utils.callbacks.base import active_callbacks
from ultralytics.utils.callbacks.integration import (
    Integration,
    functions_of,
    model_facts,
    numbers,
    plot_files,
    split_batch,
    train_scalars,
)
from ultralytics.utils.lazy import offer

__all__ = ["ClearML"]


class ClearML(Integration):
    """Log into the project `args.project` (or `Ultralytics`) under the run's name; epochs count from 0."""

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
        """Report losses and learning rates; after the second epoch also the pictures of training batches."""
        self._report(train_scalars(trainer), trainer.epoch)
        if trainer.epoch == 1:
            self._samples(sorted(Path(trainer.save_dir).glob("train_batch*.jpg")), "Mosaic")

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """Report metrics and the epoch's time, after the first epoch also facts of the model."""
        seconds = float(trainer.epoch_time or 0.0)
        self._log.report_scalar(title="Epoch Time", series="Epoch Time", value=seconds, iteration=trainer.epoch)
        self._report(numbers(trainer.metrics), trainer.epoch)
        for key, value in model_facts(trainer).items():
            self._log.report_single_value(key, value)

    def on_val_end(self, validator: Any) -> None:
        """Report the pictures of a validation, where a task runs."""
        from clearml import Task

        self.task = self.task or Task.current_task()
        if self.task is not None:
            self._samples(sorted(Path(validator.save_dir).glob("val*.jpg")), "Validation")

    def on_train_end(self, trainer: Any) -> None:
        """Report the plots and the final metrics, attach the best weights."""
        files = [*plot_files(trainer), *plot_files(trainer.validator)]
        for file in dict.fromkeys(file for file in files if split_batch(file)[1] is None):
            self._plot(file)
        final = getattr(getattr(trainer.validator, "metrics", None), "results_dict", None) or trainer.metrics
        for key, value in numbers(final).items():
            self._log.report_single_value(key, value)
        if trainer.best.exists() and not self.task.is_offline():  # a session without a server takes no models
            self.task.update_output_model(
                model_path=str(trainer.best), model_name=str(trainer.args.name), auto_delete_file=False
            )

    @property
    def _log(self) -> Any:
        return self.task.get_logger()

    def _report(self, scalars: dict[str, float], epoch: int) -> None:
        """Report numbers; the part before the slash is the chart, the whole name the line in it."""
        for key, value in scalars.items():
            self._log.report_scalar(key.partition("/")[0], key, value, iteration=epoch)

    def _samples(self, files: list[Path], title: str) -> None:
        """Report pictures of batches as debug samples, by the number of their batch."""
        for file in files:
            series, batch = split_batch(file)
            self._log.report_image(title=title, series=series, local_path=str(file), iteration=batch or 0)

    def _plot(self, file: Path) -> None:
        """Report a picture among the plots."""
        from matplotlib.figure import Figure
        from matplotlib.image import imread

        figure = Figure(frameon=False)
        axes = figure.add_axes((0, 0, 1, 1), xticks=[], yticks=[])
        axes.axis("off")
        axes.imshow(imread(str(file)))
        self._log.report_matplotlib_figure(title=file.stem, series="", figure=figure, report_interactive=False)


on_pretrain_routine_start, on_train_epoch_end, on_fit_epoch_end, on_train_end, on_val_end = functions_of(ClearML)
active = partial(active_callbacks, __name__)

__getattr__, __dir__ = offer(__name__, {"callbacks": f"{__name__}:active()"})
