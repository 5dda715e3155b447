"""Exporting a network: find the format, plan, prepare a copy, try it, write it, report.

    yolo export model=yolov8n.pt format=onnx [dynamic=true] [quantize=16] [nms=true] ...

What a format is able to do and how its file is written are in `ultralytics/nn/backends/`; no format's name appears
here.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ultralytics.cfg.idle import warn_without_effect
from ultralytics.cfg.merge import DEFAULT_CFG, get_cfg, get_save_dir
from ultralytics.cfg.tasks import TASK_INFOS
from ultralytics.engine.calibration import Calibration, data_for_calibration
from ultralytics.engine.idle import warn_idle_methods
from ultralytics.engine.unwritten import UnwrittenFormats, is_unwritten
from ultralytics.nn.backends.base import (
    ExportArgumentError,
    ExportFormat,
    ExportPlan,
    OwnFormat,
    as_list,
    format_class,
    validate_args,
)
from ultralytics.nn.backends.class_map import ClassMapModel
from ultralytics.nn.backends.litert import add_metadata
from ultralytics.nn.backends.quality import check_quality
from ultralytics.nn.backends.suppression import NMSModel
from ultralytics.nn.backends.table import (
    FORMATS,
    FP16_FORMATS,
    FP32_UNSUPPORTED_FORMATS,
    INT8_FORMATS,
    W8A16_FORMATS,
    W8A32_FORMATS,
    FormatFacts,
    export_formats,
    refusal,
    resolve_format_name,
)
from ultralytics.nn.backends.verify import Trial, exact, trial_images
from ultralytics.nn.builder.names import guess_model_task
from ultralytics.nn.hooks import copy_network
from ultralytics.nn.protocols import ForExport
from ultralytics.utils.callbacks import add_integration_callbacks, get_default_callbacks
from ultralytics.utils.checks.imgsz import check_imgsz
from ultralytics.utils.device import select_device
from ultralytics.utils.files import atomic_path, file_size
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.text import printable
from ultralytics.utils.version import __version__

__all__ = [
    "FP16_FORMATS",
    "FP32_UNSUPPORTED_FORMATS",
    "INT8_FORMATS",
    "W8A16_FORMATS",
    "W8A32_FORMATS",
    "ClassMapModel",
    "Exporter",
    "NMSModel",
    "export_formats",
    "try_export",
    "validate_args",
]

MIN_MB = 0.0005  # a smaller file cannot hold a network
LICENSE = "AGPL-3.0 License (https://ultralytics.com/license)"
DOCS = "https://docs.ultralytics.com"


def try_export(inner_func: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function that writes a file and returns its path (or a tuple that starts with it) with a report line.

    The first argument with a `prefix` text, or the default of that parameter, starts the line.
    """

    @functools.wraps(inner_func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        prefix = kwargs.get("prefix") or (inner_func.__kwdefaults__ or {}).get("prefix", "")
        start = time.perf_counter()
        try:
            result = inner_func(*args, **kwargs)
        except Exception as error:
            LOGGER.error(f"{prefix} export failure {time.perf_counter() - start:.1f}s: {error}")
            raise
        file = result[0] if isinstance(result, tuple) else result
        size = file_size(file)
        if size < MIN_MB:
            raise RuntimeError(f"{prefix} wrote {file} with {size:.4f} MB, which cannot hold a network.")
        took = time.perf_counter() - start
        LOGGER.info(f"{prefix} export success ✅ {took:.1f}s, saved as '{file}' ({size:.1f} MB)")
        return result

    return wrapper


class Exporter(Calibration, UnwrittenFormats):
    """Writes a network in another format, by its method for that format: `export_onnx()`, `export_torchscript()` ...

    A subclass may override such a method, also that of a format that is not built; it takes `model`, `im` and `file`
    from the attributes and returns the path of what it wrote.

    Args:
        cfg: configuration: path, mapping or namespace.
        overrides: values on top of it.
        _callbacks: functions by event; the package's own where None.

    Attributes:
        model: folded copy of the network, in evaluation mode.
        im: input (B, C, H, W) of zeros, on `device`; `imgsz` is its height and width.
        file: path of the network's own file, beside which exports go; `target` is that of the export.
        metadata: what the file says about itself.
        output_shape: shape of the first output.
        pretty_name: name of the network.
        plan: everything that is decided.
        data: data set of the calibration.
    """

    def __init__(self, cfg: Any = DEFAULT_CFG, overrides: Mapping[str, Any] | None = None, _callbacks: Any = None):
        warn_idle_methods(self)
        self.args = get_cfg(cfg, overrides)
        self.callbacks = _callbacks or get_default_callbacks()
        add_integration_callbacks(self)
        self.model: nn.Module | None = None
        self.plan: ExportPlan | None = None
        self.form: ExportFormat | None = None
        self.file: Path | None = None
        self.target: Path | None = None
        self.im: torch.Tensor | None = None
        self.metadata: dict[str, Any] = {}
        self.data: Any = self.args.data

    def __call__(self, model: nn.Module | None = None) -> str:
        """Export a network, which stays as it is, and return the path of what was written.

        Raises:
            ValueError: unknown format, or a model that cannot be exported.
            ExportArgumentError: an argument that the format does not take.
            NotImplementedError: a format or option that is not built; names another way.
        """
        if not isinstance(model, nn.Module):
            raise TypeError(f"export needs a network, got {type(model).__name__}.")
        start = time.perf_counter()
        facts, write = self._find(model)
        self.form = form = format_class(facts) if facts.home else OwnFormat(facts)
        calibrated = self.args.quantize in form.calibrated
        if not calibrated:
            warn_without_effect("export", self.args)
        class_maps = form.class_maps and bool(getattr(_head(model), "class_maps", False))
        common = replace(self._common_plan(model), class_maps=class_maps)
        plan = form.check(self.args, common)
        name = f"export_{facts.name}"
        if getattr(type(self), name, None) is getattr(Exporter, name, None):
            form.check_installed(self.args)
        self.target = self._target_file(model, facts)
        _check_writable(self.target)
        self.model = prepared = self._prepare(model, plan, form)
        self.run_callbacks("on_export_start")
        self._tried = outputs = self._dry_run(prepared, plan)
        names = tuple(f"output{i}" for i in range(len(outputs)))
        if calibrated:
            self.data = self.args.data or data_for_calibration(_trained_on(model), _task(model), _source(model))
        self.metadata = self._metadata(model, plan, facts)
        plan = replace(plan, outputs=names, ranks=tuple(y.ndim for y in outputs), metadata=self.metadata)
        self.plan, self.file = plan, self._own_file(model, FORMATS["-"])
        self.device, self.imgsz, self.pretty_name = plan.device, list(plan.imgsz), _display_name(model)
        shapes = [(plan.batch, *y.shape[1:]) for y in outputs]
        self.output_shape = shapes[0]
        LOGGER.info(
            f"\n{colorstr('PyTorch:')} starting from '{_source(model)}' with input shape "
            f"{(plan.batch, plan.channels, *plan.imgsz)} BCHW and output shape(s) "
            f"{', '.join(map(str, shapes))} ({_weight_mb(model):.1f} MB)"
        )
        if calibrated:
            self.plan = plan = replace(plan, pictures=self._calibration(form.facts.title))
        written = write()
        path = Path(written[0] if isinstance(written, tuple) else written)
        self._report(path, plan, self.args.data or _trained_on(model), time.perf_counter() - start)
        self.run_callbacks("on_export_end")
        return str(path)

    # Steps ------------------------------------------------------------------------------------------------------------

    def export_torchscript(self, prefix: str = "") -> str:
        """Write the prepared network as TorchScript and return the path."""
        return self._write(prefix)

    def export_onnx(self, prefix: str = "") -> str:
        """Write the prepared network as ONNX and return the path."""
        return self._write(prefix)

    def export_openvino(self, prefix: str = "") -> str:
        """Write the prepared network as an OpenVINO folder and return the path."""
        return self._write(prefix)

    def export_mnn(self, prefix: str = "") -> str:
        """Write the prepared network as MNN and return the path."""
        return self._write(prefix)

    def export_ncnn(self, prefix: str = "") -> str:
        """Write the prepared network as an ncnn folder and return the path."""
        return self._write(prefix)

    def export_litert(self, prefix: str = "") -> str:
        """Write the prepared network as LiteRT and return the path."""
        return self._write(prefix)

    def export_executorch(self, prefix: str = "") -> str:
        """Write the prepared network as an ExecuTorch folder and return the path."""
        return self._write(prefix)

    def export_pt2(self, prefix: str = "") -> str:
        """Write the prepared network by `torch.export` and return the path."""
        return self._write(prefix)

    def export_engine(self, prefix: str = "") -> str:
        """Write the prepared network as a TensorRT engine and return the path."""
        return self._write(prefix)

    def export_coreml(self, prefix: str = "") -> str:
        """Write the prepared network as a Core ML package and return the path."""
        return self._write(prefix)

    def _add_tflite_metadata(self, file: str | Path) -> None:
        """Append the metadata to a LiteRT file, for subclasses that write one."""
        add_metadata(Path(file), self.metadata)

    def _write(self, prefix: str) -> str:
        """Let the format write its file; `prefix` starts the log lines."""
        prefix = prefix or colorstr(f"{self.form.facts.title}:")
        return str(_write(self.form, self.model, self.plan, self.target, self._tried, prefix=prefix))

    def _find(self, model: nn.Module) -> tuple[FormatFacts, Callable[[], Any]]:
        """Return the format that was asked for, and the method that writes it."""
        name, guessed = resolve_format_name(self.args.format)
        if guessed:
            LOGGER.warning(f"format='{self.args.format}' is unknown; taking the closest one, '{name}'.")
        write = getattr(self, f"export_{name}", None)
        facts = FORMATS[name]
        if is_unwritten(write):
            raise NotImplementedError(refusal(facts, str(self._own_file(model, FORMATS["onnx"]))))
        return facts, write

    def _common_plan(self, model: nn.Module) -> ExportPlan:
        """Return what the arguments and the model decide, whatever the format."""
        args = self.args
        stride = int(max(_strides(model)))
        height, width = check_imgsz(args.imgsz, stride=stride, min_dim=2)
        batch = args.batch
        if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
            raise ExportArgumentError(f"'batch={batch}' is not an export batch; expected a whole number from 1.")
        device = select_device("cpu" if args.device is None else args.device, verbose=False)
        precision = args.quantize or 32
        return ExportPlan(
            imgsz=(height, width),
            batch=batch,
            dynamic=args.dynamic is True,
            free_batch=args.dynamic == "batch",
            precision=precision,
            device=device,
            channels=_channels(model),
            opset=args.opset,
            min_opset=max(getattr(type(module), "min_opset", 1) for module in model.modules()),
            final_rows=self._gives_rows(model),
            simplify=bool(args.simplify),
            nms=self._wants_nms(model),
            conf=0.25 if args.conf is None else args.conf,
            iou=args.iou,
            max_det=args.max_det,
            agnostic=bool(args.agnostic_nms),
        )

    def _gives_rows(self, model: nn.Module) -> bool:
        """Return whether the network itself gives final detections."""
        return self._end_to_end(model) or bool(getattr(_head(model), "final_rows", False))

    def _end_to_end(self, model: nn.Module) -> bool:
        """Return whether the one-to-one branch makes the predictions: asked for by nms=False, else as the model is."""
        head, nms = _head(model), self.args.nms
        two = bool(getattr(head, "has_two_branches", getattr(head, "end2end", False)))
        return two and self.form.end_to_end and (bool(getattr(head, "end2end", False)) if nms is None else not nms)

    def _wants_nms(self, model: nn.Module) -> bool:
        """Return whether suppression goes into the graph, or raise or warn where it cannot."""
        if not self.args.nms:
            return False
        head, task = _head(model), _task(model)
        if self._gives_rows(model):
            LOGGER.warning("nms=True is not needed: this model's head suppresses nothing by design; ignored.")
            return False
        if not hasattr(head, "xyxy"):
            raise ExportArgumentError(f"'nms=True' needs a model that predicts boxes; this one does '{task}'.")
        return True

    def _prepare(self, model: nn.Module, plan: ExportPlan, form: ExportFormat) -> nn.Module:
        """Return a folded copy, frozen and in evaluation mode, whose blocks know their target."""
        twin = copy_network(model).to(plan.device).float().eval()
        for parameter in twin.parameters():
            parameter.requires_grad = False
        if hasattr(twin, "end2end"):
            if twin.end2end and not form.end_to_end:
                LOGGER.warning(
                    f"{form.facts.title} does not run end-to-end heads; exporting the branch for suppression."
                )
            twin.end2end = self._end_to_end(model)
        if callable(getattr(twin, "fuse", None)):
            twin.fuse(verbose=False)
        for module in twin.modules():
            if isinstance(module, ForExport):
                module.for_export(plan.target)
            if hasattr(type(module), "export"):  # heads
                module.export, module.format = True, form.name
                for name, value in (
                    ("dynamic", plan.dynamic),
                    ("max_det", min(plan.max_det, _anchors(module, plan))),
                    ("agnostic_nms", plan.agnostic),
                    ("xyxy", plan.nms),
                    ("shape", None),
                ):
                    if hasattr(type(module), name):
                        setattr(module, name, value)
        nc, told = getattr(_head(twin), "nc", 0), hasattr(type(_head(twin)), "export")
        twin = twin if told else Decoded(twin).eval()
        if plan.class_maps:
            return ClassMapModel(twin).eval()
        if not plan.nms:
            return twin
        return NMSModel(
            twin,
            nc,
            plan.conf,
            plan.iou,
            plan.max_det,
            plan.agnostic,
            onnx=form.own_nms,
            matrix=form.static_nms,
            rotated=hasattr(_head(model), "ne"),  # an extra branch for angles
        ).eval()

    def _dry_run(self, model: nn.Module, plan: ExportPlan) -> list[torch.Tensor]:
        """Run once and return the outputs; also fills what a graph takes as constant, such as anchors."""
        self.im = torch.zeros(plan.batch, plan.channels, *plan.imgsz, device=plan.device)
        images = trial_images(plan).to(plan.device)
        with torch.no_grad(), exact(plan.device):
            # A form for one image is not one for several, however many the file takes.
            each = [as_list(model(part)) for part in images.split(1 if plan.dynamic_form == "single" else len(images))]
        return [torch.cat(parts) for parts in zip(*each, strict=True)]

    def _metadata(self, model: nn.Module, plan: ExportPlan, facts: FormatFacts) -> dict[str, Any]:
        """Return what the file says about itself; keys and forms are public (they are read by other programs)."""
        data = _trained_on(model)
        trained = f" trained on {data}" if data else ""
        given = {name: getattr(self.args, name) for name in facts.args if hasattr(self.args, name)}
        if "data" in given:
            given["data"] = given["data"] or self.data or data
        if "dynamic" in given:
            given["dynamic"] = plan.dynamic  # readers everywhere take it for the image size
        metadata = {
            "description": f"Ultralytics {_display_name(model)} model{trained}",
            "author": "Ultralytics",
            "date": datetime.now().astimezone().isoformat(),
            "version": __version__,
            "license": LICENSE,
            "docs": DOCS,
            "stride": int(max(_strides(model))),
            "task": _task(model),
            "head": type(_head(model)).__name__,
            "batch": plan.batch,
            "imgsz": list(plan.imgsz),
            "names": _names(model),
            "args": {k: v for k, v in given.items() if isinstance(v, (bool, int, float, str, type(None)))},
            "channels": plan.channels,
            "end2end": self._end_to_end(model),
        }
        if plan.free_batch:
            metadata["free_batch"] = True
        if (shape := getattr(_head(model), "kpt_shape", None)) is not None:
            metadata["kpt_shape"] = list(shape)
            if (keypoints := getattr(model, "kpt_names", None)) is not None:
                metadata["kpt_names"] = keypoints
        return metadata

    def _own_file(self, model: nn.Module, facts: FormatFacts, ending: str = "") -> Path:
        """Return the path beside the checkpoint, or in the current folder for a model YAML."""
        source = Path(_source(model))
        folder = source.parent if source.suffix == ".pt" else Path()
        return folder / f"{source.stem or 'model'}{ending}{facts.suffix}"

    def _target_file(self, model: nn.Module, facts: FormatFacts) -> Path:
        """Return where the export goes: where `file`, or `project` and `name`, say, else beside the checkpoint.

        Raises:
            ExportArgumentError: `file` has another suffix, by which nobody would know the format again.
        """
        args = self.args
        usual = self._own_file(model, facts, "_int8" if args.quantize == 8 and self.form.calibrated else "")
        if args.file:
            file = Path(args.file)
            if file.name.endswith(facts.suffix):
                return file
            if file.is_dir() or not file.suffix:
                return file / usual.name
            raise ExportArgumentError(
                f"'file={args.file}' is no name for format='{facts.name}'; expected one that ends in '{facts.suffix}', "
                "or a folder."
            )
        if args.project or (args.name and "name" not in facts.args):
            return get_save_dir(args) / usual.name
        return usual

    def _report(self, path: Path, plan: ExportPlan, data: Any, seconds: float) -> None:
        """Log where the file is and how to use it."""
        square = plan.imgsz[0] == plan.imgsz[1]
        size = plan.imgsz[0] if square else json.dumps(list(plan.imgsz)).replace(" ", "")
        task = self.metadata["task"]
        extra = f" data={printable(data)}" if data else ""
        note = "" if square else f"  (validation wants a square image size, such as imgsz={max(plan.imgsz)})"
        LOGGER.info(
            f"\nExport complete ({seconds:.1f}s)"
            f"\nResults saved to {colorstr('bold', path.resolve().parent)}"
            f"\nPredict:         yolo predict task={task} model={path} imgsz={size}"
            f"\nValidate:        yolo val task={task} model={path} imgsz={size}{extra}{note}"
            f"\nVisualize:       https://netron.app"
        )

    # Callbacks --------------------------------------------------------------------------------------------------------

    def add_callback(self, event: str, callback: Callable[[Exporter], Any]) -> None:
        """Call `callback(exporter)` at an event: `on_export_start` or `on_export_end`."""
        self.callbacks[event].append(callback)

    def run_callbacks(self, event: str) -> None:
        """Call everything that waits for an event."""
        for callback in self.callbacks.get(event, []):
            callback(self)


class Decoded(nn.Module):
    """A network whose head knows nothing of exports: of its pair (decoded, raw) the first is what a file gives."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> Any:
        """Return the decoded output alone, other kinds of output as they are."""
        y = self.model(x)
        pair = isinstance(y, (list, tuple)) and len(y) == 2 and not isinstance(y[1], torch.Tensor)
        return y[0] if pair else y


@try_export
def _write(
    form: ExportFormat,
    model: nn.Module,
    plan: ExportPlan,
    file: Path,
    wanted: list[torch.Tensor],
    *,
    prefix: str = "",
) -> Path:
    """Let the format write its file, which takes its place when it was run and found good."""
    LOGGER.info(f"\n{prefix} starting export with torch {torch.__version__}...")
    with Trial(form, plan, wanted) as trial, atomic_path(file) as made:
        form.export(model, plan, made)
        trial.check(made)
        if plan.pictures is not None:
            check_quality(form.load(made, torch.device("cpu")).forward, model, plan)
    return file


# Facts of a model ----------------------------------------------------------------------------------------------------


def _check_writable(target: Path) -> None:
    """Raise before any work where an export could not be stored.

    Raises:
        PermissionError: the folder, or the nearest one above it that exists, cannot be written to.
    """
    folder = next((one for one in target.absolute().parents if one.exists()), Path())
    if not os.access(folder, os.W_OK):
        raise PermissionError(
            errno.EACCES, "no export can be written into this folder; choose another by file= or project=", str(folder)
        )


def _head(model: nn.Module) -> nn.Module:
    layers = getattr(model, "model", model)
    return layers[-1] if isinstance(layers, nn.Sequential) and len(layers) else model


def _strides(model: nn.Module) -> list[float]:
    stride = getattr(model, "stride", None)
    values = stride.flatten().tolist() if isinstance(stride, torch.Tensor) else stride
    if values is None:
        return [32.0]
    return list(values) if isinstance(values, (list, tuple)) else [float(values)]


def _anchors(head: nn.Module, plan: ExportPlan) -> int:
    """Number of predictions per image: one per cell of every level; heads without levels see to it themselves."""
    if getattr(head, "stride", None) is None:
        return plan.max_det
    height, width = plan.imgsz
    return sum(-(-height // int(s)) * -(-width // int(s)) for s in _strides(head) if s >= 1)


def _channels(model: nn.Module) -> int:
    facts = getattr(model, "yaml", None)
    found = (facts.get("channels") or facts.get("ch")) if isinstance(facts, Mapping) else None
    if found:
        return int(found)
    return next((m.in_channels for m in model.modules() if isinstance(getattr(m, "in_channels", None), int)), 3)


def _task(model: nn.Module) -> str:
    task = getattr(model, "task", None)
    return task if task in TASK_INFOS else guess_model_task(model)


def _names(model: nn.Module) -> dict[int, str]:
    names = getattr(model, "names", None)
    if isinstance(names, Mapping):
        return {int(k): str(v) for k, v in names.items()}
    return dict(enumerate(map(str, names or [])))


def _source(model: nn.Module) -> str:
    """Return the file that the model came from."""
    facts = getattr(model, "yaml", None)
    from_yaml = facts.get("yaml_file") if isinstance(facts, Mapping) else None
    return str(getattr(model, "pt_path", None) or getattr(model, "yaml_file", None) or from_yaml or "model")


def _trained_on(model: nn.Module) -> Any:
    """Return the data set in a network's training arguments, None where it has none."""
    args = getattr(model, "args", None)
    return args.get("data") if isinstance(args, dict) else None


def _display_name(model: nn.Module) -> str:
    return Path(_source(model)).stem.replace("yolo", "YOLO")


def _weight_mb(model: nn.Module) -> float:
    file = Path(_source(model))
    if file.suffix == ".pt" and file.is_file():
        return file_size(file)
    return sum(p.numel() * p.element_size() for p in model.parameters()) / 2**20


__getattr__, __dir__ = offer(__name__, {"QUANTIZE_PRECISIONS": "ultralytics.nn.backends.table:QUANTIZE_PRECISIONS"})
