"""Core ML: a `.mlpackage` folder for Apple's systems, converted from a recording by coremltools.

Only macOS runs such packages, so a fresh one is not run here: its description is read again and compared with the
network's inputs and outputs. The input is a picture, `image`, RGB, whose values the package divides by 255.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from ultralytics.nn.backends.base import ExportFormat, ExportPlan, Runtime, as_list
from ultralytics.nn.backends.metadata import MetadataError, parse_metadata
from ultralytics.utils.checks.requirements import require
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = ["CoreMlFormat"]

INPUT = "image"


class CoreMlFormat(ExportFormat):
    """`.mlpackage` folders."""

    name = "coreml"
    tools = (("coremltools", "coreml"),)
    runs_here = False
    packages = ("coremltools",)

    def check(self, args: Any, plan: ExportPlan) -> ExportPlan:
        """Refuse what is not built, and check that the converter is there.

        Raises:
            NotImplementedError: suppression in the package, a free batch or size, pictures of other than 3 channels.
        """
        plan = super().check(args, plan)
        self.needs_processor(plan)
        for name, asked in (("nms=True", plan.nms), (f"dynamic={args.dynamic}", plan.any_batch)):
            if asked:
                raise NotImplementedError(f"{name} is not built for format='coreml'; leave it out.")
        if plan.channels != 3 or plan.batch != 1:
            raise NotImplementedError(
                f"format='coreml' takes one picture of 3 channels at a time, not {plan.batch} of {plan.channels}."
            )
        return plan

    def export(self, model: nn.Module, plan: ExportPlan, path: Path) -> Path:
        """Record the network, convert the recording, store its weights in fewer bits, and write the package."""
        shape = (plan.batch, plan.channels, *plan.imgsz)
        with _quiet(), torch.no_grad():
            tools = require("coremltools", "coreml", "Core ML export")
            recording = torch.jit.trace(_Flat(model).eval(), torch.zeros(shape), strict=False, check_trace=False)
            package = tools.convert(
                recording,
                inputs=[tools.ImageType(INPUT, shape=shape, scale=1 / 255, bias=[0.0, 0.0, 0.0])],
                outputs=[tools.TensorType(name) for name in plan.outputs],
                convert_to="mlprogram",
                compute_precision=tools.precision.FLOAT16 if plan.half else tools.precision.FLOAT32,
                skip_model_load=True,
            )
            if plan.precision == 8:
                package = _weights_of_8_bits(tools, package)
            known = {key: str(value) for key, value in plan.metadata.items()}
            package.short_description, package.author = known.get("description", ""), known.get("author", "")
            package.version, package.license = known.get("version", ""), known.get("license", "")
            package.user_defined_metadata.update(known)
            package.save(str(path))
            _compare(tools.models.MLModel(str(path), skip_model_load=True).get_spec(), plan)
        return path

    def peek(self, path: Path) -> Mapping[str, Any]:
        """Return the metadata of a package; empty without coremltools."""
        try:
            tools = require("coremltools", "coreml", "reading Core ML packages")
            spec = tools.models.MLModel(str(path), skip_model_load=True).get_spec()
            return parse_metadata(dict(spec.description.metadata.userDefined), str(path))
        except MetadataError:
            raise
        except Exception as error:  # whatever the reader of a damaged package stumbles over
            LOGGER.debug(f"{path}: {error}")
            return {}

    def load(self, path: Path, device: torch.device, half: bool = False, trust: bool = False) -> Runtime:
        """Refuse: Apple's systems run the package in programs of their own."""
        raise NotImplementedError(
            f"{path} is a Core ML package, which Apple's own programs run and this one does not; use format='onnx'."
        )


class _Flat(nn.Module):
    """A network that gives one tensor, or a flat tuple of them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> Any:
        outputs = as_list(self.model(x))
        return outputs[0] if len(outputs) == 1 else tuple(outputs)


def _weights_of_8_bits(tools: ModuleType, package: Any) -> Any:
    """Return a package whose weights are stored in 8 bits, one scale for each channel."""
    optimize = tools.optimize.coreml
    way = optimize.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=512)
    return optimize.linear_quantize_weights(package, optimize.OptimizationConfig(global_config=way))


def _compare(spec: Any, plan: ExportPlan) -> None:
    """Check that a package takes and gives what it should.

    Raises:
        RuntimeError: it does not.
    """
    taken = [(one.name, one.type.imageType.height, one.type.imageType.width) for one in spec.description.input]
    given = [one.name for one in spec.description.output]
    if taken != [(INPUT, *plan.imgsz)] or given != list(plan.outputs):
        raise RuntimeError(f"the Core ML package takes {taken} and gives {given}; it was not kept.")


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide what the converter says about versions and its progress."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


__getattr__, __dir__ = offer(__name__, {"CoreMLBackend": "ultralytics.nn.backends.single:CoreMLBackend"})
