"""Helpers around models and torch that the public interface offers and that this package itself hardly needs."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ultralytics.nn.cost.flops import get_flops, get_num_params, input_channels
from ultralytics.utils.device import time_sync
from ultralytics.utils.log import LOGGER
from ultralytics.utils.unbuilt import refuse

__all__ = [
    "MODELOPT_REQUIREMENTS",
    "attempt_compile",
    "convert_optimizer_state_dict_to_fp16",
    "get_torch_device_backend",
    "is_qat",
    "model_info_for_loggers",
    "prepare_qat",
    "profile_ops",
    "qat_state",
    "restore_qat",
    "smart_inference_mode",
    "strip_qat",
    "torch_at_least",
    "torchvision_at_least",
]

MODELOPT_REQUIREMENTS = ["nvidia-modelopt>=0.44", "huggingface_hub"]  # of quantisation-aware training, not built
COMPILE_MODES = ("default", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")
FULL_PRECISION_STATE = {"step", "exp_avg", "exp_avg_sq", "square_avg"}


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, `2.4.1+cu121` -> (2, 4, 1)."""
    parts = version.partition("+")[0].split(".")
    return tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in parts[:3])


def torch_at_least(version: str) -> bool:
    """Whether torch is of this version or a later one."""
    return _numbers(torch.__version__) >= _numbers(version)


def torchvision_at_least(version: str) -> bool:
    """Whether torchvision is of this version or a later one; its files are not imported."""
    from importlib.metadata import PackageNotFoundError  # slow to import
    from importlib.metadata import version as installed

    try:
        return _numbers(installed("torchvision")) >= _numbers(version)
    except PackageNotFoundError:
        return False


def smart_inference_mode(mode: bool = True) -> Callable[[Callable], Callable]:
    """Decorate a function to run without gradients; within an outer inference mode it is left as it is."""

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def quiet(*args: Any, **kwargs: Any) -> Any:
            if not mode or torch.is_inference_mode_enabled():
                return function(*args, **kwargs)
            with torch.inference_mode():
                return function(*args, **kwargs)

        return quiet

    return decorate


def get_torch_device_backend(device: torch.device | str) -> Any:
    """Return the torch module of a device type (`torch.cuda`, `torch.mps`, `torch.cpu` ...)."""
    kind = torch.device(device).type
    backend = getattr(torch, kind, None)
    if backend is None:
        raise ValueError(f"torch {torch.__version__} has no module for devices of type '{kind}'.")
    return backend


def convert_optimizer_state_dict_to_fp16(state_dict: Mapping[str, Any]) -> dict[str, Any]:
    """Return an optimizer's state with float32 tensors halved, except those whose range half precision cannot hold."""

    def halved(name: str, value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or value.dtype != torch.float32 or name in FULL_PRECISION_STATE:
            return value
        short = value.half()
        return value if (short.isinf() & value.isfinite()).any() else short

    state = {key: {name: halved(name, v) for name, v in entry.items()} for key, entry in state_dict["state"].items()}
    return {**state_dict, "state": state}


def model_info_for_loggers(trainer: Any) -> dict[str, float]:
    """Return what loggers show of a trainer's model: parameters, GFLOPs at its image size, validation milliseconds."""
    model = trainer.model
    speed = (getattr(trainer.validator, "speed", None) or {}).get("inference", 0.0)
    return {
        "model/parameters": get_num_params(model),
        "model/GFLOPs": round(get_flops(model, trainer.args.imgsz), 3),
        "model/speed_PyTorch(ms)": round(float(speed), 3),
    }


def attempt_compile(
    model: nn.Module,
    device: torch.device,
    imgsz: int = 640,
    use_autocast: bool = False,
    warmup: bool = False,
    mode: bool | str = "default",
) -> nn.Module:
    """Return `torch.compile(model)`, or the model itself where that does not work.

    Args:
        model: the network.
        device: where it runs.
        imgsz: image size of the warm-up.
        use_autocast: warm up in mixed precision.
        warmup: compile now, with one batch, instead of at the first call.
        mode: of `torch.compile`; True is `default`, False does nothing.
    """
    if not mode:
        return model
    mode = "default" if mode is True else str(mode)
    if mode not in COMPILE_MODES:
        raise ValueError(f"compile={mode!r} is not valid; use True, False or one of {', '.join(COMPILE_MODES)}.")
    try:
        compiled = torch.compile(model, mode=mode)
        if warmup:
            begin = time.perf_counter()
            with torch.autocast(device.type, enabled=use_autocast), torch.no_grad():
                compiled(torch.zeros(1, input_channels(model), imgsz, imgsz, device=device))
            LOGGER.info(f"compiled the model ({mode}) in {time_sync(device) - begin:.1f} s")
    except Exception as error:  # torch.compile fails in many ways: no compiler, unsupported Python ...
        LOGGER.warning(f"torch.compile does not work here, running the model as it is: {str(error).splitlines()[0]}")
        return model
    return compiled


def profile_ops(
    input: torch.Tensor | Sequence[torch.Tensor],
    ops: nn.Module | Sequence[nn.Module],
    n: int = 10,
    device: torch.device | str | None = None,
    max_num_obj: int = 0,
) -> list[tuple[int, float, float, float, float, Any, Any] | None]:
    """Measure modules on inputs and log a table.

    Args:
        input: one tensor or several.
        ops: one module or several.
        n: runs to average over.
        device: where to run; the input's own by default.
        max_num_obj: accepted; the memory of the assignment is measured by `autobatch` on the real loss.

    Returns:
        Per input and module: parameters, GFLOPs, memory in GiB, forward and backward milliseconds, input and output
        shape; None where the module failed.
    """
    rows = []
    LOGGER.info("".join(f"{name:>14}" for name in ("Params", "GFLOPs", "mem (GiB)", "fwd (ms)", "bwd (ms)", "input")))
    for x in input if isinstance(input, (list, tuple)) else [input]:
        x = x.to(device or x.device).requires_grad_(x.is_floating_point())
        for op in ops if isinstance(ops, (list, tuple)) else [ops]:
            try:
                rows.append(_profile(op.to(x.device) if isinstance(op, nn.Module) else op, x, n))
                shown = [f"{v:>14.4g}" for v in rows[-1][:5]]
                LOGGER.info("".join(shown) + f"{tuple(x.shape)!s:>24}")
            except RuntimeError as error:
                LOGGER.warning(f"{type(op).__name__} failed: {error}")
                rows.append(None)
    return rows


def _profile(op: Any, x: torch.Tensor, n: int) -> tuple[int, float, float, float, float, Any, Any]:
    """Measure one module on one input."""
    params = get_num_params(op) if isinstance(op, nn.Module) else 0
    forward = backward = 0.0
    cuda = x.device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(x.device)
    for _ in range(n):
        start = time_sync(x.device)
        y = op(x)
        middle = time_sync(x.device)
        outputs = [t for t in (y if isinstance(y, (list, tuple)) else [y]) if torch.is_tensor(t) and t.requires_grad]
        if outputs:
            torch.autograd.backward([t.float().sum() for t in outputs])
        forward, backward = forward + middle - start, backward + time_sync(x.device) - middle
    memory = torch.cuda.max_memory_reserved(x.device) / 2**30 if cuda else 0.0
    gflops = get_flops(op, x.shape[-1]) if isinstance(op, nn.Module) and x.ndim == 4 else 0.0
    shape = tuple(y.shape) if torch.is_tensor(y) else None
    return params, gflops, memory, forward / n * 1e3, backward / n * 1e3, tuple(x.shape), shape


# Quantisation-aware training is not built: these answer for models that are not quantised -----------------------------


def prepare_qat(model: nn.Module, dataloader: Any, preprocess: Callable, batches: int = 8) -> nn.Module:
    """Not built: train normally and export weights of 16 bits instead."""
    refuse("qat")


def is_qat(model: nn.Module) -> bool:
    """Whether a model was prepared for quantisation-aware training: never here."""
    return False


def qat_state(model: nn.Module) -> None:
    """Return the quantisers' state: there is none."""
    return


def strip_qat(model: nn.Module) -> nn.Module:
    """Return the model without quantisers: the model itself."""
    return model


def restore_qat(model: nn.Module, state: Any) -> nn.Module:
    """Return the model with quantisers put back; only files without any can be restored."""
    if state:
        prepare_qat(model, None, lambda batch: batch)
    return model
