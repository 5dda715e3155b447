"""DVCLive: metrics by epoch, pictures and the best weights as an artifact."""

from __future__ import annotations

from functools import partial
from typing import Any

from ultralytics.utils.callbacks.base import active_callbacks
from ultralytics.utils.callbacks.integration import Integration, functions_of, numbers, plot_files, train_scalars
from ultralytics.utils.lazy import offer

__all__ = ["DVCLive"]


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

        self.live = Live(save_dvc_exp=True, cache_images=True)

    def on_pretrain_routine_end(self, trainer: Any) -> None:
        """Log the pictures of the labels."""
        self._pictures(trainer)

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
        for key, value in {**train_scalars(trainer), **numbers(trainer.metrics)}.items():
            self.live.log_metric(key, value)
        self._pictures(trainer)
        self._pictures(trainer.validator)
        self.live.next_step()
        self.in_training = False

    def on_train_end(self, trainer: Any) -> None:
        """Log the final metrics, the remaining pictures and the best weights; end the experiment."""
        for key, value in numbers(trainer.metrics).items():
            self.live.log_metric(key, value, plot=False)
        self._pictures(trainer)
        self._pictures(trainer.validator)
        if trainer.best.exists():
            self.live.log_artifact(str(trainer.best), type="model", name="best", copy=True)
        self.live.end()

    def _pictures(self, runner: Any) -> None:
        """Log the pictures that are new since the last time."""
        for file in plot_files(runner):
            if file not in self.sent:
                self.sent.add(file)
                self.live.log_image(file.name, str(file))


(
    on_pretrain_routine_start,
    on_pretrain_routine_end,
    on_train_start,
    on_train_epoch_start,
    on_fit_epoch_end,
    on_train_end,
) = functions_of(DVCLive)
active = partial(active_callbacks, __name__)

__getattr__, __dir__ = offer(__name__, {"callbacks": f"{__name__}:active()"})
