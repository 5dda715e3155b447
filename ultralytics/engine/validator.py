"""`BaseValidator`: a model and a labelled data set in, metrics out.

One loop serves two callers: a standalone validation of a checkpoint or export, and the end of a training epoch, which
also wants the losses. Tasks differ in their bundle (`spec`) and in the metric methods of their validator; every public
step may be overridden.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ultralytics.cfg.errors import named
from ultralytics.cfg.merge import get_cfg, get_save_dir, require_whole_batch
from ultralytics.data.describe.boxes import check_det_dataset
from ultralytics.engine.idle import warn_idle_methods
from ultralytics.engine.metrics.match import match_predictions
from ultralytics.engine.runtime import open_runtime
from ultralytics.engine.task import SelectOptions, Task
from ultralytics.nn.autobackend import AutoBackend
from ultralytics.nn.backends.pytorch import NativeRuntime
from ultralytics.utils.callbacks import add_integration_callbacks, get_default_callbacks
from ultralytics.utils.checks import check_imgsz
from ultralytics.utils.device import trim_allocator
from ultralytics.utils.dist import all_gather_object
from ultralytics.utils.env import rank, world_size
from ultralytics.utils.files import atomic_write
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.timing import Profile
from ultralytics.utils.tqdm import TQDM

__all__ = ["BaseValidator"]

STAGES = ("preprocess", "inference", "loss", "postprocess")
PLOTTED_BATCHES = 3
TWIN_PAYS_FROM = 32  # pictures


class BaseValidator:
    """Validates a model.

    Args:
        dataloader: loader of the split; built from the arguments when None.
        save_dir: output folder; by project and name when None.
        args: configuration: mapping or namespace.
        _callbacks: event name to list of functions; the defaults when None.

    Attributes:
        data: description of the data set; `names` and `nc` follow the model.
        training: whether a trainer called.
        metrics: the task's metrics object.
        stats: the figures of the last call.
        speed: milliseconds per picture of preprocess, inference, loss and postprocess.
        jdict: rows for `predictions.json`.
        seen: pictures so far.
        batch_i: index of the current batch.
        plotting: whether this call draws: standalone when asked to, in training at its end only.
    """

    spec: Task | None = None
    default_conf = 0.001

    def __init__(
        self,
        dataloader: Any = None,
        save_dir: str | Path | None = None,
        args: Any = None,
        _callbacks: dict[str, list[Callable]] | None = None,
    ) -> None:
        warn_idle_methods(self)
        self.args = get_cfg(overrides=None if args is None else dict(args))
        if self.args.conf is None:
            self.args.conf = self.default_conf
        self.dataloader = dataloader
        self.save_dir = Path(save_dir) if save_dir else get_save_dir(self.args)
        self.stride: Any = None
        self.data: dict[str, Any] | None = None
        self.device: torch.device | None = None
        self.training = True
        self.plotting = False
        self.names: Mapping[int, str] | None = None
        self.nc: int | None = None
        self.seen = 0
        self.batch_i: int | None = None
        self.stats: dict[str, float] = {}
        self.jdict: list[dict[str, Any]] = []
        self.speed = dict.fromkeys(STAGES, 0.0)
        self.iouv = torch.linspace(0.5, 0.95, 10)
        self.niou = self.iouv.numel()
        self.plots: dict[Path, dict[str, Any]] = {}
        self.metrics: Any = None
        self.confusion_matrix: Any = None
        self.end2end = False
        self._dtype = torch.float32  # of the network input
        self.exported = False  # the model is a file of another format, whose metadata says what its output is
        self.callbacks = _callbacks or get_default_callbacks()

    # The run ----------------------------------------------------------------------------------------------------------

    def __call__(self, trainer: Any = None, model: Any = None, **kwargs: Any) -> dict[str, float] | None:
        """Validate and return the figures.

        Args:
            trainer: the calling trainer: its model average is validated and the losses are returned too.
            model: network, or path of a checkpoint or export; the `model` argument when None.
            **kwargs: ignored.

        Returns:
            Metric keys and `fitness`, in training also `val/<loss>`, rounded; None on ranks other than the main one.
        """
        self.training = trainer is not None
        network = self._adopt(trainer) if self.training else self._open(model)
        guard = torch.no_grad if self.training else torch.inference_mode
        with guard():
            losses = self._run(network, trainer)
        return self._conclude(trainer, losses)

    def get_model(self, model: Any, trainer: Any = None) -> Any:
        """Return what is validated: the trainer's model average, or a runtime for `model` on the chosen device."""
        if trainer is not None:
            ema = getattr(trainer, "ema", None)
            return (ema.ema if ema is not None else trainer.model).eval()
        talk = bool(self.args.verbose) and rank() in {-1, 0}
        shared = world_size() > 1  # after distributed training every process goes on with its own device
        return open_runtime(self.args, model, verbose=talk, device=self.device if shared else None)

    def _adopt(self, trainer: Any) -> Any:
        """Take device, data and model from a trainer."""
        self.device, self.data = trainer.device, trainer.data
        stopper = getattr(trainer, "stopper", None)
        last = trainer.epoch >= trainer.epochs - 1 or bool(getattr(stopper, "possible_stop", False))
        self.plotting = bool(self.args.plots) and last
        self.stride = getattr(trainer, "stride", None) or self.stride
        return self.get_model(None, trainer)

    def _open(self, model: Any) -> Any:
        """Load a model for a standalone validation, and the data set for it."""
        add_integration_callbacks(self)
        self.args.batch = require_whole_batch("val", self.args.batch)
        runtime = self.get_model(model)
        self.device, self.stride = runtime.device, runtime.stride
        self._dtype = torch.float16 if runtime.fp16 else torch.float32
        self.exported = runtime.format != "pt"
        self.plotting = bool(self.args.plots)
        with named("data", self.args.data):
            self.data = self.get_data()
        fixed = runtime.format != "pt" and not runtime.dynamic
        wanted = _one_side(runtime.imgsz) if fixed else self.args.imgsz
        size = check_imgsz(wanted, stride=self.stride, max_dim=1)
        self.args.imgsz = size
        if runtime.format != "pt":
            if fixed:
                self.args.rect = False  # a fixed input size takes no rectangles
                self.args.batch = self.args.batch if runtime.free_batch else runtime.batch
            if self.args.augment:
                LOGGER.warning("augment=True works on PyTorch models only; validating without it.")
                self.args.augment = False
        if self.dataloader is None:
            self.dataloader = self.get_dataloader(self._split_path(), self.args.batch)
        batch = self.args.batch if fixed else 1
        runtime.warmup(imgsz=(batch, runtime.channels, size, size))
        return runtime

    def get_data(self) -> dict[str, Any]:
        """Return the description of the data set that `data` names."""
        return check_det_dataset(self.args.data)

    def _split_path(self) -> Any:
        path = self.data.get(self.args.split)
        if not path:
            known = [key for key in ("train", "val", "test", "minival") if self.data.get(key)]
            raise ValueError(
                f"data '{self.args.data}' has no split '{self.args.split}'; it has {', '.join(known)}. Use split=..."
            )
        return path

    def _run(self, network: Any, trainer: Any) -> dict[str, torch.Tensor]:
        """Go through the data set and return the sum of the losses."""
        timers = [Profile(device=self.device) for _ in STAGES]
        losses: dict[str, torch.Tensor] = {}
        self.run_callbacks("on_val_start")
        self.init_metrics(network.model if isinstance(network, AutoBackend) and network.format == "pt" else network)
        infer = self._fast_twin(network, trainer) if self.training else network
        self.jdict, self.seen = [], 0
        if self.plotting or self.args.save_txt:
            (self.save_dir / "labels" if self.args.save_txt else self.save_dir).mkdir(parents=True, exist_ok=True)
        bar = TQDM(self.dataloader, desc=self.get_desc(), total=len(self.dataloader))
        for self.batch_i, batch in enumerate(bar):
            self.run_callbacks("on_val_batch_start")
            with self._autocast(trainer):
                with timers[0]:
                    batch = self.preprocess(batch)
                with timers[1]:
                    preds = infer(batch["img"], augment=self.args.augment and not self.training)
                with timers[2]:
                    if self.training:
                        _accumulate(losses, network.loss(batch, preds)[1])
            with timers[3]:
                preds = self.postprocess(preds)
            self.update_metrics(preds, batch)
            if self.plotting and self.batch_i < PLOTTED_BATCHES and rank() in {-1, 0}:
                self.plot_val_samples(batch, self.batch_i)
                self.plot_predictions(batch, preds, self.batch_i)
            self.run_callbacks("on_val_batch_end")
        if self.device.type == "cpu" and not self.training:
            batch = preds = None
            trim_allocator()  # figures take memory of their own
        pictures = max(len(self.dataloader.dataset), 1)
        self.speed = {stage: timer.t / pictures * 1e3 for stage, timer in zip(STAGES, timers, strict=True)}
        return losses

    def _fast_twin(self, network: Any, trainer: Any) -> Callable[..., Any]:
        """Return a call that answers for the trainer's network.

        On a processor that is a folded copy, which takes half the time, where the set is large enough to pay for it and
        the trainer computes in float32, as the copy does.
        """
        mixed = getattr(getattr(trainer, "precision", None), "mixed", False)
        if self.device.type != "cpu" or mixed or len(self.dataloader.dataset) < TWIN_PAYS_FROM:
            return network
        return NativeRuntime(network, self.device, keep_branches=True).run

    def _autocast(self, trainer: Any) -> contextlib.AbstractContextManager:
        """Compute in the trainer's precision, so that its validation costs what a training step costs."""
        return trainer.autocast() if hasattr(trainer, "autocast") else contextlib.nullcontext()

    def _conclude(self, trainer: Any, losses: dict[str, torch.Tensor]) -> dict[str, float] | None:
        """Turn what was collected into figures, write and log them."""
        batches = len(self.dataloader)
        self.gather_stats()
        if world_size() > 1:
            losses, batches = _merge_ranks(losses, batches)
            if rank() not in {-1, 0}:
                return None
        self.stats = self.get_stats()
        self.finalize_metrics()
        self.print_results()
        self.run_callbacks("on_val_end")
        if self.training:
            mean = {name: value / max(batches, 1) for name, value in losses.items()}
            results = {**self.stats, **trainer.label_loss_items(mean.get("", mean), prefix="val")}
            return {name: round(float(value), 5) for name, value in results.items()}
        times = ", ".join(f"{time:.1f}ms {stage}" for stage, time in self.speed.items())
        LOGGER.info(f"Speed: {times} per image")
        if self.args.save_json and self.jdict:
            path = self.save_dir / "predictions.json"
            self.save_dir.mkdir(parents=True, exist_ok=True)
            LOGGER.info(f"Saving {path}...")
            with atomic_write(path) as stream:
                stream.write(json.dumps(self.jdict).encode())
            self.stats = self.eval_json(self.stats)
        if self.plotting or self.args.save_json or self.args.save_txt:
            LOGGER.info(f"Results saved to {colorstr('bold', self.save_dir)}")
        return self.stats

    # Steps that tasks and users may override --------------------------------------------------------------------------

    def get_dataloader(self, dataset_path: Any, batch_size: int) -> Any:
        """Return a loader of a split. Tasks define it."""
        raise NotImplementedError(f"{type(self).__name__} must define get_dataloader(dataset_path, batch_size).")

    def build_dataset(self, img_path: Any) -> Any:
        """Return the data set of a split. Tasks define it."""
        raise NotImplementedError(f"{type(self).__name__} must define build_dataset(img_path).")

    def preprocess(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the batch ready for the network."""
        return batch

    def select_options(self) -> SelectOptions:
        """Return the thresholds of the selection stage."""
        args = self.args
        return SelectOptions(
            conf=args.conf,
            iou=args.iou,
            agnostic=args.single_cls or args.agnostic_nms,
            multi_label=True,
            max_det=args.max_det,
            end2end=self.end2end,
        )

    def postprocess(self, preds: Any) -> Any:
        """Return the network's output as detections, one entry per picture."""
        return self.spec.select(preds, self.select_options())

    def init_metrics(self, model: Any) -> None:
        """Prepare the metrics for a model."""

    def update_metrics(self, preds: Any, batch: dict[str, Any]) -> None:
        """Count one batch."""

    def finalize_metrics(self) -> None:
        """Draw the confusion matrix and complete the metrics object, where the task has them."""
        if self.metrics is None:
            return
        if self.plotting:
            for normalize in (True, False):
                self.confusion_matrix.plot(normalize=normalize, save_dir=self.save_dir, on_plot=self.on_plot)
        self.metrics.speed = self.speed
        self.metrics.confusion_matrix = self.confusion_matrix
        self.metrics.save_dir = self.save_dir

    def get_stats(self) -> dict[str, float]:
        """Return the figures."""
        return {}

    def gather_stats(self) -> None:
        """Bring what the ranks counted to the main one; called after the last batch, also where there is one rank."""

    def print_results(self) -> None:
        """Log the table."""

    def get_desc(self) -> str:
        """Return the head of the table, which stands on the progress bar."""
        return ""

    @property
    def metric_keys(self) -> list[str]:
        """Names of the figures that `get_stats` returns."""
        return [] if self.metrics is None else self.metrics.keys

    def plot_val_samples(self, batch: dict[str, Any], ni: int) -> None:
        """Draw the labels of batch `ni`."""

    def plot_predictions(self, batch: dict[str, Any], preds: Any, ni: int) -> None:
        """Draw the predictions on batch `ni`."""

    def pred_to_json(self, preds: Any, batch: Any) -> None:
        """Append rows for `predictions.json`."""

    def eval_json(self, stats: dict[str, float]) -> dict[str, float]:
        """Return the figures, completed by an outside evaluation of `predictions.json`."""
        return stats

    def match_predictions(
        self, pred_classes: torch.Tensor, true_classes: torch.Tensor, iou: torch.Tensor, use_scipy: bool = False
    ) -> torch.Tensor:
        """Return which predictions are right at every overlap threshold.

        Args:
            pred_classes: (N,) classes, best score first.
            true_classes: (M,) classes.
            iou: (M, N) overlaps.
            use_scipy: maximise the sum of overlaps instead of letting the best score choose first.

        Returns:
            (N, 10) bool.
        """
        return match_predictions(pred_classes, true_classes, iou, self.iouv, use_scipy)

    def on_plot(self, name: Any, data: Any = None) -> None:
        """Remember a plot that was written; `plots` maps its path to data and time for the loggers."""
        self.plots[Path(name)] = {"data": data, "timestamp": Path(name).stat().st_mtime if Path(name).exists() else 0.0}

    def add_callback(self, event: str, callback: Callable) -> None:
        """Call `callback(validator)` at `event`."""
        self.callbacks.setdefault(event, []).append(callback)

    def run_callbacks(self, event: str) -> None:
        """Call the functions of an event."""
        for function in self.callbacks.get(event, []):
            function(self)


def _one_side(imgsz: Any) -> int:
    """Return the side of an export's fixed, square input."""
    sides = set(imgsz) if isinstance(imgsz, (list, tuple)) else {imgsz}
    if len(sides) > 1:
        raise ValueError(
            f"the exported model takes pictures of {imgsz} pixels only, and validation works on squares. "
            "Export it with one number, imgsz=640, or with dynamic=True."
        )
    return int(sides.pop())


def _accumulate(total: dict[str, torch.Tensor], items: Any) -> None:
    """Add one batch's loss items, a mapping or (for losses written for older releases) a vector, to the sums."""
    named = items if isinstance(items, Mapping) else {"": torch.as_tensor(items)}
    for name, value in named.items():
        total[name] = total[name] + value.detach() if name in total else value.detach().clone()


def _merge_ranks(losses: dict[str, torch.Tensor], batches: int) -> tuple[dict[str, torch.Tensor], int]:
    """Return the sums of losses and batches over all ranks."""
    parts = all_gather_object(({name: value.cpu() for name, value in losses.items()}, batches))
    names = dict.fromkeys(name for part in parts for name in part[0])  # a rank may have had no pictures
    return {name: sum(part[0].get(name, 0) for part in parts) for name in names}, sum(part[1] for part in parts)


__getattr__, __dir__ = offer(__name__)
