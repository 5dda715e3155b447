"""Ray Tune: report the metrics of every epoch to the trial that runs this training."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from ultralytics.utils.callbacks.base import active_callbacks
from ultralytics.utils.callbacks.integration import Integration, functions_of, numbers
from ultralytics.utils.lazy import offer

__all__ = ["RayTune"]


class RayTune(Integration):
    """Report to the trial; outside one nothing happens."""

    name = "Ray Tune"

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """Report metrics and the epoch's number, counted from 1."""
        if "ray" not in sys.modules:  # a trial always runs inside a Ray worker
            return
        from ray import tune

        if not hasattr(tune, "get_context"):  # until Ray 2.43 the context of a trial was that of its training
            from ray import train

            context = train.get_context()
        else:
            context = tune.get_context()
        if context.get_trial_id() is not None:
            tune.report({**numbers(trainer.metrics), "epoch": trainer.epoch + 1})


(on_fit_epoch_end,) = functions_of(RayTune)
active = partial(active_callbacks, __name__)

__getattr__, __dir__ = offer(__name__, {"callbacks": f"{__name__}:active()"})
