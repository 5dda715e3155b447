"""`FamilyTrainer`: a detection trainer whose network and validator are those that its bundle names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from ultralytics.cfg.merge import DEFAULT_CFG
from ultralytics.engine.task import resolve
from ultralytics.models.yolo.detect.train import DetectionTrainer

__all__ = ["FamilyTrainer"]


class FamilyTrainer(DetectionTrainer):
    """Trains a task that finds boxes and something more. A subclass sets `spec`."""

    def __init__(
        self, cfg: Any = DEFAULT_CFG, overrides: Mapping[str, Any] | None = None, _callbacks: dict | None = None
    ) -> None:
        super().__init__(cfg, {**(overrides or {}), "task": self.spec.name}, _callbacks)

    def network_options(self) -> dict[str, Any]:
        """Return what the data set decides about the network beside classes and channels."""
        return {}

    def get_model(self, cfg: Any = None, weights: nn.Module | None = None, verbose: bool = True) -> nn.Module:
        """Return a network for the data set, with start weights where given."""
        options = {"nc": self.data["nc"], "ch": self.data.get("channels", 3), **self.network_options()}
        model = resolve(self.spec.model)(cfg, **options, verbose=verbose)
        if weights is not None:
            if self.args.cls_remap:
                self.set_model_names_for_load(model)
            model.load(weights, verbose=verbose)
        return model

    def get_validator(self) -> Any:
        """Return the validator of the run."""
        plain = super().get_validator()
        kind = resolve(self.spec.validator)
        return kind(plain.dataloader, save_dir=plain.save_dir, args=plain.args, _callbacks=plain.callbacks)
