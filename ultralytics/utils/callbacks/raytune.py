"""Ray Tune: report the metrics of every epoch to the trial that runs this training."""

from __future__ import annotations

import sys
from typing import Any

from ultralytics.utils.callbacks.integration import Integration, numbers

__all__ = ["RayTune"]


class RayTune(Integration):
    """Report to the trial; outside one nothing happens."""

    name = "Ray Tune"

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """Report metrics and the epoch's number, counted from 1."""
        if "ray" not in sys.modules:  # a trial always runs inside a Ray worker
            return
        from ray import train, tune

        if train.get_context().get_trial_id() is not None:
            tune.report({**numbers(trainer.metrics), "epoch": trainer.epoch + 1})
