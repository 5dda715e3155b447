"""The events of a run as functions that do nothing: what is called where nobody listens, and when each event comes."""

from __future__ import annotations

from typing import Any

from ultralytics.utils.callbacks.events import EVENTS

__all__ = list(EVENTS)


def on_pretrain_routine_start(trainer: Any) -> None:
    """Once, before data and network are prepared."""


def on_pretrain_routine_end(trainer: Any) -> None:
    """Once, when data and network are prepared."""


def on_train_start(trainer: Any) -> None:
    """Once, before the first epoch."""


def on_train_epoch_start(trainer: Any) -> None:
    """Before every epoch."""


def on_train_batch_start(trainer: Any) -> None:
    """Before every batch."""


def optimizer_step(trainer: Any) -> None:
    """Before the optimizer steps."""


def on_before_zero_grad(trainer: Any) -> None:
    """Before gradients are set to zero."""


def on_train_batch_end(trainer: Any) -> None:
    """After every batch."""


def on_train_epoch_end(trainer: Any) -> None:
    """After the last batch of every epoch, before its validation."""


def on_fit_epoch_end(trainer: Any) -> None:
    """After every epoch with its validation, and after the final validation."""


def on_model_save(trainer: Any) -> None:
    """After a checkpoint is written."""


def on_train_end(trainer: Any) -> None:
    """Once, after the final validation."""


def on_params_update(trainer: Any) -> None:
    """After parameters have changed."""


def teardown(trainer: Any) -> None:
    """Last of all, also after an error."""


def on_val_start(validator: Any) -> None:
    """Before a validation."""


def on_val_batch_start(validator: Any) -> None:
    """Before every batch of a validation."""


def on_val_batch_end(validator: Any) -> None:
    """After every batch of a validation."""


def on_val_end(validator: Any) -> None:
    """After a validation."""


def on_predict_start(predictor: Any) -> None:
    """Before a prediction."""


def on_predict_batch_start(predictor: Any) -> None:
    """Before every batch of a prediction."""


def on_predict_postprocess_end(predictor: Any) -> None:
    """When the results of a batch are there, before they are drawn and saved."""


def on_predict_batch_end(predictor: Any) -> None:
    """After every batch of a prediction."""


def on_predict_end(predictor: Any) -> None:
    """After a prediction."""


def on_export_start(exporter: Any) -> None:
    """Before an export."""


def on_export_end(exporter: Any) -> None:
    """After an export."""
