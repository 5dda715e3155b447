"""Methods that the public interface has or had and that nothing calls here: a subclass that defines one is told.

Everything else that a subclass overrides is on the way that a run takes.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

from ultralytics.utils.log import LOGGER

__all__ = ["IDLE", "warn_idle_methods"]

# Class -> method -> why it is not called and what to override instead. docs/compatibility.md lists the same.
IDLE: Mapping[str, Mapping[str, str]] = {
    "BaseTrainer": {"build_targets": "the loss assigns targets; override init_criterion() of the network"},
    "BaseValidator": {"check_stats": "override get_stats(), which returns the figures"},
    "OBBValidator": {"coco_evaluate": "COCO has no rules for oriented boxes; override eval_json()"},
    "ClassificationValidator": {
        "match_predictions": "classes do not overlap; override update_metrics()",
        "pred_to_json": "there are no detections to write; override update_metrics()",
        "eval_json": "there are no detections to evaluate; override get_stats()",
    },
    "DepthValidator": {
        "match_predictions": "there are no detections to match; override update_metrics()",
        "pred_to_json": "there are no detections to write; override update_metrics()",
        "eval_json": "there are no detections to evaluate; override get_stats()",
    },
    "BasePredictor": {"save_preds": "override save_predicted_images(save_path, frame)"},
    "Exporter": {
        "_int8_calibration_images": "override get_int8_calibration_dataloader(), whose pictures every format takes",
        "_add_tflite_metadata": "override export_litert(), which writes format='tflite'",
        "export_tflite": "override export_litert(), which writes format='tflite'",
        "export_tfjs": "override export_litert(), which writes format='tfjs'",
    },
    "Model": {"is_hub_model": "there is no HUB; override _load()"},
}


def warn_idle_methods(runner: object) -> None:
    """Warn of every method that an object's class defines and that nothing calls, once per class."""
    _warn_class(type(runner))


@functools.cache
def _warn_class(cls: type) -> None:
    for base in cls.__mro__:
        if base.__module__.startswith("ultralytics."):
            for name, advice in IDLE.get(base.__name__, {}).items():
                if getattr(cls, name, None) is not getattr(base, name, None):
                    LOGGER.warning(f"{cls.__name__}.{name}() has no effect, nothing calls it: {advice}.")
