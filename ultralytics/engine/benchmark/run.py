"""`benchmark`: export, predict and validate a model in every format, each in a process of its own.

Runtimes do not always bear each other: two of them in one process may fight over a shared library, and one that crashes
takes the process along. So this process only plans, starts a child for each format, reads what it tells and writes the
table; no runtime is ever imported here.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ultralytics.cfg.errors import ConfigTypeError
from ultralytics.cfg.merge import get_cfg, get_save_dir, modernise
from ultralytics.cfg.schema import ARGS
from ultralytics.cfg.tasks import TASK2METRIC
from ultralytics.engine.benchmark.report import Row, reason_of, write_report
from ultralytics.engine.task import resolve
from ultralytics.nn.backends import FORMATS, FormatFacts
from ultralytics.nn.backends.base import ExportArgumentError
from ultralytics.nn.backends.table import refusal, resolve_format_name
from ultralytics.utils.log import LOGGER
from ultralytics.utils.settings import SETTINGS

__all__ = ["Job", "benchmark"]

CHILD = "ultralytics.engine.benchmark.child"
OPEN_BY_NAME = "ultralytics.cfg.cli:open_model"
OF_JOB = ("model", "data", "imgsz", "quantize", "device", "trust")
FOLDER_ARGS = ("project", "name", "exist_ok", "save_dir")


@dataclass(frozen=True)
class Job:
    """What one child measures.

    Attributes:
        model: checkpoint.
        family: `package.module:Class` of the model.
        format: name of the format; `-` for the checkpoint itself.
        task: its task.
        data: data set to validate on.
        imgsz: image size in pixels.
        device: where to run.
        quantize: precision of the export.
        export: further arguments of the export.
        val: further arguments of the validation.
        trust: open the checkpoint with the ordinary unpickler.
    """

    model: str
    family: str
    format: str
    task: str
    data: str
    imgsz: int | list[int]
    device: str
    quantize: int | str | None
    export: Mapping[str, Any] = field(default_factory=dict)
    val: Mapping[str, Any] = field(default_factory=dict)
    trust: bool = False


def benchmark(
    model: Any = None,
    data: Any = None,
    imgsz: int | list[int] = 160,
    quantize: int | str | None = None,
    device: Any = "cpu",
    verbose: bool | float = False,
    eps: float = 1e-3,
    format: str = "",
    **kwargs: Any,
) -> Any:
    """Measure a model in all export formats: size, metric, milliseconds per image.

    Every format has a process of its own, in which the model is exported, predicts once and is validated with one image
    at a time. Files go to the folder of the run: the exports, what the processes printed (`logs/`), the table as
    `benchmarks.csv` and the drawing `benchmarks.png`. The table is also added to `benchmarks.log` in the current
    folder.

    Args:
        model: a model, or the path of one. By default `yolo26n.pt` in the folder for weights.
        data: data set to validate on; by default the one it was trained on, else the task's.
        imgsz: image size in pixels.
        quantize: precision of the exports: 32, 16, 8, "w8a16", "w8a32"; empty is 32.
        device: where to run.
        verbose: raise at the first format that fails; a number instead is the least value of the metric.
        eps: milliseconds that are added before frames per second are worked out.
        format: one format, or several with commas; empty takes all.
        **kwargs: `beside`, a further model or a list of them, for rows below those of the first; `project`, `name`,
            `exist_ok`, `save_dir`; and arguments of exports and validations (`dynamic`, `nms`, `opset`, `split` ...),
            each given to those that take it.

    Returns:
        The table as a polars or pandas frame of texts, or a list of dictionaries where neither is installed.

    Raises:
        ExportArgumentError: no such format.
        AssertionError: with `verbose`, a format failed or a metric is too low.
    """
    started = time.perf_counter()
    if not isinstance(verbose, (bool, int, float)):
        raise ConfigTypeError(f"verbose={verbose!r} is not valid; benchmark takes True, False or the least metric.")
    facts = chosen_formats(format)
    kwargs = modernise({"quantize": quantize, **kwargs})
    given = _checked({**kwargs, "imgsz": imgsz, "device": device, "data": data})
    trust = bool(given.get("trust"))
    subjects = [_opened(one, trust) for one in (model, *(given.pop("beside", None) or ()))]
    metrics = {TASK2METRIC[subject.task] for subject in subjects}
    if len(metrics) > 1:
        raise ValueError(
            f"models of different tasks have no metric in common; these have {', '.join(sorted(metrics))}."
        )
    folder = _folder_of_run(given, subjects[0].task)
    rows: list[Row] = []
    for job in _jobs(subjects, given, folder):
        for row in _measured(job, facts, given, folder / "logs"):
            LOGGER.info(row.line())
            rows.append(row)
            if verbose and not isinstance(verbose, float) and row.error and not row.refused:
                raise AssertionError(f"Benchmark failure for {row.title}: {row.reason}")
    title = f"{' and '.join(Path(str(one.model_name)).name for one in subjects)} on {job.data} at imgsz={imgsz}"
    frame = write_report(rows, folder, title, metrics.pop(), eps, time.perf_counter() - started)
    _check_floor(rows, verbose)
    return frame


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call, checked; an unknown one or a wrong value raises."""
    merged = get_cfg(overrides=given)
    return {name: getattr(merged, name) for name in given}


def _jobs(models: Sequence[Any], given: Mapping[str, Any], folder: Path) -> Iterator[Job]:
    """Yield what is to be measured of each model: its checkpoint. The networks are saved into the folder of the run."""
    for model, path in zip(models, _saved(models, folder), strict=True):
        yield Job(
            model=str(path),
            family=_family(model),
            format="-",
            task=model.task,
            data=str(given["data"] or model.benchmark_data()),
            imgsz=given["imgsz"],
            device="cpu" if given["device"] is None else str(given["device"]),
            quantize=given["quantize"],
            trust=bool(given.get("trust") or model.overrides.get("trust")),
        )


def chosen_formats(names: str) -> list[FormatFacts]:
    """Return the rows of the formats that a text names, all where it is empty.

    Raises:
        ExportArgumentError: an unknown name; lists those that there are.
    """
    words = [word.strip() for word in str(names or "").split(",") if word.strip()]
    found = []
    for word in words:
        try:
            found.append(FORMATS["-" if word.lower() in {"-", "pt", "pytorch"} else resolve_format_name(word)[0]])
        except ValueError as error:
            raise ExportArgumentError(str(error)) from None
    return found or list(FORMATS.values())


def _opened(model: Any, trust: bool) -> Any:
    """Return the model itself, or the one that a path names."""
    if model is None:
        model = Path(SETTINGS["weights_dir"]) / "yolo26n.pt"
    if isinstance(model, (str, os.PathLike)):
        model = resolve(OPEN_BY_NAME)(str(ARGS["model"].check(model)), None, trust)
    if not callable(getattr(model, "benchmark_data", None)):
        raise ConfigTypeError(f"benchmark takes a model or the path of one, got {type(model).__name__}.")
    model._check_is_pytorch_model()
    return model


def _family(model: Any) -> str:
    """Return the import path of a model's class; of one that a child could not import, that of its public base."""
    classes = (cls for cls in type(model).__mro__ if cls.__module__ not in {"__main__", "__mp_main__"})
    found = next(cls for cls in classes if "<locals>" not in cls.__qualname__)
    return f"{found.__module__}:{found.__qualname__}"


def _folder_of_run(given: Mapping[str, Any], task: str) -> Path:
    places = {key: given[key] for key in FOLDER_ARGS if given.get(key) is not None}
    folder = get_save_dir(get_cfg(overrides={"task": task, "mode": "benchmark", **places}))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _saved(models: Sequence[Any], folder: Path) -> Iterator[Path]:
    """Save the networks into the folder of the run, beside which their exports go, under names that differ."""
    taken: set[str] = set()
    for model in models:
        stem = Path(str(model.model_name)).stem or "model"
        name = next(n for n in (stem, *(f"{stem}-{i}" for i in range(2, len(models) + 2))) if n not in taken)
        taken.add(name)
        model.save(folder / f"{name}.pt")
        yield folder / f"{name}.pt"


def _measured(job: Job, facts: Sequence[FormatFacts], given: Mapping[str, Any], logs: Path) -> Iterator[Row]:
    """Yield the row of every format for one model."""
    for form in facts:
        row = Row(model=Path(job.model).stem, title=form.title, format=form.name)
        if reason := _impossible(form, job):
            yield replace(row, reason=reason, error="NotImplementedError", refused=True)
            continue
        export = {name: value for name, value in given.items() if _exports(form, name)}
        if "data" in form.args and job.quantize not in {None, 16, 32}:
            export["data"] = job.data  # calibrated on what the metric is measured on, as in the public interface
        val = {name: value for name, value in given.items() if _validates(name)}
        log = logs / f"{Path(job.model).stem}.{'pytorch' if form.name == '-' else form.name}.txt"
        yield _run_child(replace(job, format=form.name, export=export, val=val), row, log)


def _impossible(form: FormatFacts, job: Job) -> str:
    """Return why no child needs to be started for a format; empty where one does."""
    if form.home is None:
        return refusal(form)
    if not (form.cpu if job.device == "cpu" else form.gpu):
        return f"{form.title} does not run on device={job.device}."
    return ""


def _exports(form: FormatFacts, name: str) -> bool:
    """Whether an argument belongs to the export to a format, beside those that every job has."""
    about_nms = name in {"conf", "iou", "max_det", "agnostic_nms"} and "nms" in form.args
    return name not in OF_JOB and (name in form.args or about_nms)


def _validates(name: str) -> bool:
    """Whether an argument belongs to the validation, which has one image at a time and draws nothing."""
    return name not in {*OF_JOB, *FOLDER_ARGS, "batch", "plots", "nms"} and "val" in ARGS[name].modes


def _run_child(job: Job, row: Row, log: Path) -> Row:
    """Start a child, wait for it and return the row with what it told."""
    log.parent.mkdir(parents=True, exist_ok=True)
    notes = log.with_suffix(".json")
    # Blocks of the user's own are found where this process finds them.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(part or os.getcwd() for part in sys.path)}
    with open(log, "wb") as stream:
        ended = subprocess.run(
            [sys.executable, "-m", CHILD, str(notes)],
            input=json.dumps(asdict(job)).encode(),
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            check=False,
        )
    told: dict[str, Any] = {}
    if notes.is_file():
        for line in notes.read_text(encoding="utf-8").splitlines():
            told |= json.loads(line)
        notes.unlink()
    if ended.returncode and not told.get("error"):
        told |= {"error": "RuntimeError", "reason": f"its process ended by {_ending(ended.returncode)}; see {log}."}
    known = {key: told[key] for key in ("size", "metric", "ms", "error", "refused") if key in told}
    return replace(row, **known, reason=reason_of(told.get("reason", "")))


def _ending(code: int) -> str:
    if code < 0:
        try:
            return f"signal {-code} ({signal.Signals(-code).name})"
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"


def _check_floor(rows: Sequence[Row], verbose: bool | float) -> None:
    """Raise where a metric is not above the number that `verbose` may be."""
    if not isinstance(verbose, float):
        return
    low = [f"{row.title} {row.metric:.4f}" for row in rows if row.metric is not None and row.metric <= verbose]
    if low:
        raise AssertionError(f"Benchmark failure: metric(s) < floor {verbose}: {', '.join(low)}.")
