"""`MultiTrainer`: the same fine-tuning on several data sets, one after the other, and a table of the outcomes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ultralytics.cfg.merge import get_cfg
from ultralytics.engine.plots.files import save_figure
from ultralytics.engine.train.runfolder import claim_new
from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER, colorstr

__all__ = ["MultiTrainer"]


class MultiTrainer:
    """Trains from the same start weights on every data set of a list.

    Args:
        trainer: trainer class.
        args: arguments of the runs; `data` lists the data sets.
        model: start weights (a network), or None to build what `args["model"]` names.
        _callbacks: event name -> functions, for every run.

    Attributes:
        save_dir: folder that holds one run folder per data set and `multitrain_results.json`.
        metrics: run name -> metrics of its final validation.
    """

    def __init__(
        self, trainer: type, args: Mapping[str, Any], model: nn.Module | None = None, _callbacks: dict | None = None
    ) -> None:
        data = args.get("data")
        if not isinstance(data, Sequence) or isinstance(data, str) or not data:
            raise ValueError(f"data={data!r}: training on several data sets takes a list of them.")
        self.trainer = trainer
        self.data = [str(d) for d in data]
        self.args = {k: v for k, v in args.items() if k not in {"data", "save_dir"}}
        self.model = model
        self.callbacks = _callbacks
        merged = get_cfg(overrides={**self.args, "mode": "train"})
        self.save_dir = claim_new(merged, name="multitrain", reuse=merged.exist_ok)
        self.metrics: dict[str, dict[str, float]] = {}

    def train(self) -> dict[str, dict[str, float]]:
        """Run all trainings and return their metrics by run name."""
        for i, (name, data) in enumerate(zip(self._names(), self.data, strict=True), 1):
            LOGGER.info(f"\n{colorstr('bold', f'Data set {i}/{len(self.data)}: {data}')}")
            place = {"project": str(self.save_dir), "name": name, "data": data}
            run = self.trainer(overrides={**self.args, **place}, _callbacks=self.callbacks)
            if isinstance(self.model, nn.Module):
                run.initial_weights = self.model
            run.train()
            found = getattr(getattr(run.validator, "metrics", None), "results_dict", None) or run.metrics or {}
            self.metrics[name] = {key: float(value) for key, value in found.items()}
            self.save_results()  # after every run, so that an interrupted series keeps what it has
        self.plot_results()
        return self.metrics

    def _names(self) -> list[str]:
        """Return one run name per data set, numbered where stems are equal."""
        stems = [Path(d).stem for d in self.data]
        before = [stems[:i].count(stem) for i, stem in enumerate(stems)]
        return [f"{stem}-{count + 1}" if count else stem for stem, count in zip(stems, before, strict=True)]

    def mean(self) -> dict[str, float]:
        """Return the mean over the runs of every metric that all of them have."""
        shared = [k for k in next(iter(self.metrics.values()), {}) if all(k in row for row in self.metrics.values())]
        return {key: float(np.mean([row[key] for row in self.metrics.values()])) for key in shared}

    def save_results(self) -> None:
        """Write `multitrain_results.json`: metrics by run, and their means."""
        with atomic_write(self.save_dir / "multitrain_results.json", "w") as file:
            json.dump({"results": self.metrics, "mean": self.mean()}, file, indent=2)

    def plot_results(self) -> None:
        """Draw the metrics of all runs as bars into `multitrain_results.png`."""
        if not self.args.get("plots", True) or not self.metrics:
            return
        import matplotlib.pyplot as plt  # slow to import

        keys, runs = list(self.mean()), list(self.metrics)
        figure, panels = plt.subplots(1, max(1, len(keys)), figsize=(3 * max(1, len(keys)), 3), squeeze=False)
        for panel, key in zip(panels[0], keys, strict=False):
            panel.bar(runs, [self.metrics[run][key] for run in runs])
            panel.set_title(key, fontsize=8)
            panel.tick_params(axis="x", rotation=45, labelsize=7)
        figure.tight_layout()
        save_figure(figure, self.save_dir / "multitrain_results.png")
        plt.close(figure)
