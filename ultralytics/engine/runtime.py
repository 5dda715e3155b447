"""Opening a model for prediction or validation, by one rule for both."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch

from ultralytics.nn.autobackend import AutoBackend
from ultralytics.utils.device import select_device, tune_allocator

__all__ = ["open_runtime"]


def open_runtime(
    args: SimpleNamespace, model: Any = None, verbose: bool = True, device: torch.device | None = None
) -> AutoBackend:
    """Return a runtime on `device`, or on the one that `args` asks for.

    A network is copied first, so the caller's own is not changed.

    Args:
        args: configuration: device, quantize, data, nms, channels_last, compile, dnn, trust and, where `model` is None,
            model.
        model: network, or path of a checkpoint or export.
        verbose: log device and format.
        device: where to run; chosen by `args.device` when None.
    """
    device = select_device(args.device, verbose=verbose) if device is None else device
    if getattr(device, "type", "") == "cpu":
        tune_allocator()
    with torch.inference_mode(False):  # parameters made inside could never take part in a gradient
        return AutoBackend(
            model=args.model if model is None else model,
            device=device,
            dnn=args.dnn,
            data=args.data,
            fp16=str(args.get("quantize")) == "16",
            fuse=True,
            verbose=verbose,
            channels_last=args.get("channels_last"),
            end2end=None if args.get("nms") is None else not args.nms,
            trust=bool(args.get("trust")),
            compile=args.get("compile") or False,
        ).eval()
