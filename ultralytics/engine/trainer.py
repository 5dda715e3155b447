"""`BaseTrainer`: setting up a training run, its loop, and the public methods that subclasses override.

The arithmetic of the recipe lives in `engine/train/`: schedule, optimizer, average, precision, checkpoints, recovery
and processes. What a task changes comes from its bundle (`spec`) and from the methods under "Override points". The
trainer never asks for a task's name.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ultralytics.cfg.errors import named
from ultralytics.cfg.idle import warn_without_effect
from ultralytics.cfg.merge import DEFAULT_CFG, get_cfg
from ultralytics.cfg.values import starts_anew
from ultralytics.data.describe.boxes import check_det_dataset
from ultralytics.engine.idle import warn_idle_methods
from ultralytics.engine.plots.curves import plot_results
from ultralytics.engine.task import Task
from ultralytics.engine.train import (
    autobatch,
    checkpointing,
    console,
    ddp,
    ending,
    loop,
    modules,
    optimizer,
    recovery,
    schedule,
    setup,
)
from ultralytics.engine.train.checkpointing import Progress
from ultralytics.engine.train.csvlog import CsvLog
from ultralytics.engine.train.ema import ModelEMA
from ultralytics.engine.train.extras import model_info_for_loggers
from ultralytics.engine.train.hooks import BatchPictures, CloseMosaic, SpareCore, TimeLimit, close_mosaic
from ultralytics.engine.train.mode import Precision
from ultralytics.engine.train.multi import MultiTrainer
from ultralytics.engine.train.process import training_process
from ultralytics.engine.train.resume import (
    Resumption,
    find_own,
    find_resumption,
    refuse_finished,
    require_same,
)
from ultralytics.nn.weights.checkpoint import load_checkpoint, save_checkpoint
from ultralytics.utils import env
from ultralytics.utils.callbacks import add_integration_callbacks, get_default_callbacks
from ultralytics.utils.checks import check_model_file_from_stem
from ultralytics.utils.device import select_device
from ultralytics.utils.dist import torch_distributed_zero_first
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.seeds import init_seeds, unset_deterministic
from ultralytics.utils.unbuilt import refuse

__all__ = ["BaseTrainer", "MultiTrainer"]

GRADIENT_NORM = 10.0
ONE_CLASS = "item"  # name of the only class with single_cls


class BaseTrainer:
    """Trains one model on one data set; `train()` does everything.

    Args:
        cfg: defaults to start from: a path, a dict or a namespace.
        overrides: arguments on top of them.
        _callbacks: event name -> functions of the trainer.

    Attributes:
        spec: bundle of the task, set by subclasses.
        args: merged arguments.
        model: the network in training (wrapped when several processes train).
        ema: its running average, what is validated and saved.
        initial_weights: a network whose weights the new one starts from.
        data: description of the data set.
        metrics, fitness, best_fitness: results of the last validation, and the best so far.
        progress: where the run stands, as saved in checkpoints.
    """

    spec: Task | None = None

    def __init__(
        self, cfg: Any = DEFAULT_CFG, overrides: Mapping[str, Any] | None = None, _callbacks: dict | None = None
    ) -> None:
        warn_idle_methods(self)
        overrides = dict(overrides or {})
        self.args = get_cfg(cfg, overrides)
        refuse_unbuilt(self.args)
        self.resumption: Resumption | None = None
        self.check_resume(overrides)
        self.callbacks = _callbacks or get_default_callbacks()
        self.rank, self.world_size = env.rank(), env.world_size()
        self.worker_devices = [] if self.world_size > 1 else ddp.devices_of(self.args.device)
        self.initial_weights: nn.Module | None = None
        self.model: Any = self.args.model
        self.ema: ModelEMA | None = None
        self.optimizer = self.scheduler = self.validator = None
        self.train_loader = self.test_loader = None
        self.data: dict[str, Any] | None = None
        self.metrics: dict[str, Any] | None = None
        self.fitness = self.best_fitness = None
        self.loss = self.loss_items = self.tloss = None
        self.loss_names: tuple[str, ...] = self.spec.loss_names if self.spec else ("loss",)
        self.lr: dict[str, float] = {}
        self.lf: Callable[[float], float] = lambda epoch: 1.0
        self.plots: dict[Path, Any] = {}
        self.plot_idx = [0, 1, 2]
        self.hooks = [CloseMosaic(), TimeLimit(), SpareCore(), BatchPictures()]
        self.progress, self.precision = Progress(), Precision()
        self.stop = self.joins_normalizer = False
        self.epoch = self.start_epoch = self.iteration = 0
        self.mean_loss_before: dict[str, torch.Tensor] = {}  # of the batches of an epoch that is taken up in its middle
        self.epochs = self.planned_epochs = self.args.epochs or 100
        self.batch: dict[str, Any] | None = None
        self.batch_size = self.args.batch
        self.save_period = self.args.save_period
        self.save_error: OSError | None = None
        self.batch_cuts = 0
        self.compiled: nn.Module | None = None
        self.compile_works = False
        self.train_time_start = self.epoch_time_start = time.time()
        self.epoch_time = 0.0
        self.batch_times: list[float] = []
        if len(self.worker_devices) > 1:
            ddp.require_devices(self.worker_devices)
            return  # the processes that this one starts do the rest
        self._prepare()

    def _prepare(self) -> None:
        """Choose device, seeds and run folder, and read the data set's description."""
        distributed = self.world_size > 1
        self.device = select_device(ddp.rank_device(self.args.device) if distributed else self.args.device)
        if distributed:
            self._setup_ddp()
            require_same(self.resumption)
        init_seeds(self.args.seed + max(self.rank, 0), self.args.deterministic)  # rank 0 builds what one process builds
        setup.claim_folder(self)
        try:
            if self.is_main:
                warn_without_effect("train", self.args)
                add_integration_callbacks(self)
            self.emit("on_pretrain_routine_start")
            if isinstance(self.model, (str, Path)):
                self.model = self.args.model = str(check_model_file_from_stem(str(self.model)))
            with torch_distributed_zero_first(env.local_rank()), named("data", self.args.data):
                self.data = self.get_dataset()
            setup.check_splits(self)
        except BaseException:
            self._release()
            raise

    @property
    def resume(self) -> bool:
        """Whether this is the continuation of a run."""
        return self.resumption is not None

    @resume.setter
    def resume(self, value: bool) -> None:
        if value and self.resumption is None:
            raise ValueError("to go on with a run, give its checkpoint: resume='path/to/last.pt'.")
        self.resumption = self.resumption if value else None

    @property
    def is_over(self) -> bool:
        """Whether `resume=auto` found the run finished."""
        return self.resumption is not None and self.resumption.is_over

    @property
    def nan_recovery_attempts(self) -> int:
        """Times that the run went back because loss or fitness was no number."""
        return self.progress.recoveries

    @nan_recovery_attempts.setter
    def nan_recovery_attempts(self, count: int) -> None:
        self.progress.recoveries = count

    @property
    def ddp(self) -> bool:
        """Whether several processes train."""
        return self.world_size > 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes files: the only one, or rank 0."""
        return self.rank in {-1, 0}

    # Callbacks --------------------------------------------------------------------------------------------------------

    def add_callback(self, event: str, callback: Callable) -> None:
        """Append a function of the trainer to an event."""
        self.callbacks.setdefault(event, []).append(callback)

    def set_callback(self, event: str, callback: Callable) -> None:
        """Replace an event's functions by one."""
        self.callbacks[event] = [callback]

    def run_callbacks(self, event: str) -> None:
        """Call the functions of an event."""
        for callback in self.callbacks.get(event, []):
            callback(self)

    def emit(self, event: str) -> None:
        """Let the hooks, then the callbacks, know of an event."""
        for hook in self.hooks:
            hook.notify(event, self)
        self.run_callbacks(event)

    # The run ----------------------------------------------------------------------------------------------------------

    def train(self) -> None:
        """Train from setup to the final validation.

        Raises:
            KeyboardInterrupt: on Ctrl-C, after saying how to go on.
            NothingToResumeError: the run to resume is finished.
        """
        if self.is_over:
            LOGGER.info(f"the run of '{self.resumption.path}' is finished; nothing is left to do.")
            setup.name_files(self, Path(self.args.save_dir))
            if len(self.worker_devices) <= 1:
                self._release()
        elif len(self.worker_devices) > 1:
            refuse_finished(self.resumption)
            self._adopt(ddp.launch(self, self.worker_devices))
        else:
            self._train_here()

    def _train_here(self) -> None:
        """Train in this process, alone or as one of several."""
        try:
            refuse_finished(self.resumption)
            with training_process(self.device, ddp.local_processes()), ddp.lost_process_explained(self.world_size):
                self._do_train()
        except KeyboardInterrupt:
            if self.is_main:
                console.interrupted(self)
            raise
        finally:
            self.emit("teardown")
            self._release()

    def _do_train(self) -> None:
        """Set up, go through the epochs, and make the final files."""
        self._setup_train()
        loop.run(self)
        ending.finish(self)

    def _setup_train(self) -> None:
        """Build network, loaders, optimizer, schedule and whatever else the epochs use."""
        setup.set_up(self)

    def _build_train_pipeline(self) -> None:
        """Build loaders, optimizer and schedule for the present batch size; called again for a smaller one."""
        setup.build_pipeline(self)

    def _setup_ddp(self) -> None:
        """Join the other training processes."""
        ddp.join_group(self.device)

    def set_precision(self, precision: Precision) -> None:
        """Compute in this arithmetic and memory layout from now on."""
        self.precision, self.amp = precision, precision.mixed
        self.progress.precision = precision.state()
        precision.apply_layout(modules.unwrap_model(self.model))
        precision.apply_threads()
        self.scaler = setup.scaler_for(precision, self.device)

    def autocast(self) -> contextlib.AbstractContextManager:
        """Return the context that forward passes of training and validation run in."""
        return self.precision.autocast(self.device)

    def set_epochs(self, epochs: int) -> None:
        """Plan another number of epochs and fit the schedule to it."""
        self.epochs = self.progress.epochs = epochs
        self._setup_scheduler()

    def elapsed(self) -> float:
        """Return the seconds this run has trained, before interruptions included."""
        return time.time() - self.train_time_start

    def _release(self) -> None:
        """Give back processes, locks and settings that outlive no run."""
        setup.close_loaders(self)
        if self.args.deterministic:
            unset_deterministic()
        if self.is_main:
            self.folder_lock.release()
        self._clear_memory()

    def report(self) -> dict[str, Any]:
        """Return what the process that started the training ones needs to know about the run."""
        keys = ("save_dir", "wdir", "last", "best", "csv", "best_fitness", "fitness", "epoch", "epochs", "args")
        return {**{key: getattr(self, key) for key in keys}, "metrics_object": getattr(self.validator, "metrics", None)}

    def _adopt(self, report: dict[str, Any]) -> None:
        """Take over what the training processes have made."""
        self.validator = ddp.FinishedValidator(report.pop("metrics_object", None))
        for name, value in report.items():
            setattr(self, name, value)

    def smallest_batch(self, images: int, size: int) -> int:
        """Return how many pictures a batch has to have: 2 where the network cannot learn from one alone, else 1.

        Args:
            images: pictures of the data set.
            size: batch size of a process.
        """
        share, most = images // self.world_size, -(-images // self.world_size)
        if share - (-(-most // size) - 1) * size > 1:
            return 1  # no batch is that small, so the network need not be asked
        side = int(self.args.imgsz * (1 - self.args.multi_scale)) // self.stride * self.stride
        shape = (self.data.get("channels", 3), max(side, self.stride), max(side, self.stride))
        return 2 if modules.single_values(modules.unwrap_model(self.model), shape) else 1

    # Override points --------------------------------------------------------------------------------------------------

    def check_resume(self, overrides: Mapping[str, Any]) -> None:
        """Find the checkpoint to resume from, if asked to, and take its arguments."""
        if not self.args.resume:
            return
        auto = starts_anew(self.args.resume)
        self.resumption = find_own(self.args, overrides) if auto else find_resumption(self.args, overrides)
        new_run = {"resume": False, "exist_ok": True}
        self.args = get_cfg(self.args, new_run) if self.resumption is None else self.resumption.args

    def get_dataset(self) -> dict[str, Any]:
        """Return the description of the data set: `train`, `val`, `nc`, `names`, `channels` ...

        With `single_cls` its only class is called `item`.
        """
        data = check_det_dataset(self.args.data)
        return {**data, "names": {0: ONE_CLASS}, "nc": 1} if self.args.single_cls else data

    def setup_model(self) -> dict[str, Any] | None:
        """Build the network, with start weights where there are any; return the checkpoint they came from."""
        if isinstance(self.model, nn.Module):
            return None
        checkpoint, weights, source = None, self.initial_weights, self.model
        if self.resumption is not None:
            weights, checkpoint = self.resumption.model, self.resumption.checkpoint
        elif weights is None and str(source).endswith(".pt"):
            weights, checkpoint = load_checkpoint(source, trust=bool(self.args.get("trust")))
        cfg = weights.yaml if weights is not None else source
        if isinstance(self.args.pretrained, (str, Path)) and self.resumption is None:
            with named("pretrained", self.args.pretrained):
                weights, _ = load_checkpoint(self.args.pretrained, trust=bool(self.args.get("trust")))
        elif self.args.pretrained is False and self.resumption is None:
            weights = None
        self.model = self.get_model(cfg=cfg, weights=weights, verbose=self.is_main)
        return checkpoint

    def get_model(self, cfg: Any = None, weights: nn.Module | None = None, verbose: bool = True) -> nn.Module:
        """Return a new network for the data set."""
        raise NotImplementedError(f"{type(self).__name__} must build its network in 'get_model'.")

    def get_validator(self) -> Any:
        """Return the validator that is called after every epoch."""
        raise NotImplementedError(f"{type(self).__name__} must return a validator from 'get_validator'.")

    def get_dataloader(self, dataset_path: Any, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:
        """Return the loader of one split."""
        raise NotImplementedError(f"{type(self).__name__} must build its loaders in 'get_dataloader'.")

    def build_dataset(self, img_path: Any, mode: str = "train", batch: int | None = None) -> Any:
        """Return the data set of one split."""
        raise NotImplementedError(f"{type(self).__name__} must build its data sets in 'build_dataset'.")

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Move a batch to the device and bring images into 0..1."""
        return batch

    def set_model_attributes(self) -> None:
        """Tell the network what it needs to know about data set and arguments."""
        self.model.names = self.data["names"]

    def set_class_weights(self) -> None:
        """Give the network weights per class, where the task has them."""

    def _setup_scheduler(self) -> None:
        """Make `lf`, an epoch's learning rate as a share of the initial one, and `scheduler`, which sets the rates.

        Called after the optimizer is built, and again when the number of epochs changes.
        """
        setup.build_schedule(self)

    def _get_warmup_iterations(self, num_batches: int) -> int:
        """Return the length of the warm-up in iterations, 0 for none, given the batches of an epoch."""
        return schedule.warmup_iterations(self.args.warmup_epochs, self.planned_epochs, num_batches)

    def _model_train(self) -> None:
        """Put the network into training mode; normalisation layers of frozen parts keep their statistics."""
        self.model.train()
        modules.freeze_norm_statistics(self.model, self.freeze_layer_names)

    def _close_dataloader_mosaic(self) -> None:
        """Turn mixing augmentations off; called once, when the last `close_mosaic` epochs begin."""
        close_mosaic(self.train_loader, self.args)

    def _get_memory(self, fraction: bool = False) -> float:
        """Return the memory in use in GiB: of the device, or of this process where that is a processor.

        Args:
            fraction: return the share of the device's memory instead, 0 on a processor.
        """
        return recovery.memory_share(self.device) if fraction else recovery.memory_in_use(self.device)

    def _clear_memory(self, threshold: float | None = None) -> None:
        """Give cached memory back to the device, with `threshold` only where a larger share of it is in use."""
        if threshold is None or self._get_memory(fraction=True) > threshold:
            recovery.free_memory(self.device)

    def auto_batch(self, max_num_obj: int = 0, dataset_size: int = 0) -> int:
        """Return the largest batch size that fits into memory."""
        return autobatch.check_train_batch_size(
            model=self.model,
            imgsz=self.args.imgsz,
            amp=self.args.amp,
            batch=self.batch_size,
            max_num_obj=max_num_obj,
            dataset_size=dataset_size,
        )

    def build_optimizer(
        self,
        model: nn.Module,
        name: str = "auto",
        lr: float = 0.001,
        momentum: float = 0.9,
        decay: float = 1e-5,
        iterations: float = 1e5,
    ) -> torch.optim.Optimizer:
        """Return the optimizer; `auto` chooses by the length of the run and writes its choice into the arguments."""
        if name == "auto":
            nc = (self.data or {}).get("nc", 10)
            choice = optimizer.auto_choice(nc, iterations)
            ignored = f"lr0={self.args.lr0} and momentum={self.args.momentum}"
            LOGGER.info(f"{colorstr('optimizer:')} 'optimizer=auto' chooses by itself and ignores {ignored}")
            name, lr, momentum = choice.name, choice.lr, choice.momentum
            self.args.optimizer, self.args.lr0, self.args.warmup_bias_lr = name, lr, 0.0
        built = optimizer.build(model, name, lr, momentum, decay)
        sizes = ", ".join(f"{len(g['params'])} {g['param_group']}({g['weight_decay']:g})" for g in built.param_groups)
        LOGGER.info(
            f"{colorstr('optimizer:')} {name}(lr={lr:g}, momentum={momentum:g}), tensors by group (decay): {sizes}"
        )
        return built

    def optimizer_step(self) -> None:
        """Step the optimizer with clipped gradients and let the average follow."""
        self.scaler.unscale_(self.optimizer)
        trained = [p for p in self.model.parameters() if p.grad is not None]
        nn.utils.clip_grad_norm_(trained, max_norm=GRADIENT_NORM)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.ema.update(self.model)

    def label_loss_items(self, loss_items: Any = None, prefix: str = "train") -> dict[str, float] | list[str]:
        """Return loss items under their names in results.csv, or only the names where none are given."""
        if loss_items is None:
            return [f"{prefix}/{name}" for name in self.loss_names]
        return {f"{prefix}/{name}": round(float(value), 5) for name, value in self.named_items(loss_items).items()}

    def named_items(self, items: Any) -> dict[str, torch.Tensor]:
        """Return loss items by name; a model of older code gives a tensor, in the order of `loss_names`."""
        if not isinstance(items, Mapping):
            values = torch.atleast_1d(items if isinstance(items, torch.Tensor) else torch.as_tensor(items))
            items = dict(zip(self.loss_names, values, strict=False))
        return {name: value.detach() for name, value in items.items()}

    def progress_string(self) -> str:
        """Return the heads of the progress table's columns."""
        return console.header(self.loss_names, self.device)

    def validate(self) -> tuple[dict[str, Any] | None, float | None]:
        """Validate the averaged model; return metrics and fitness (None on processes other than the first)."""
        if self.world_size > 1:
            ddp.sync_buffers(self.ema.ema)
        results = self.validator(self)
        if results is None:
            return None, None
        metrics = dict(results)
        fitness = metrics.pop("fitness", None)
        fitness = -float(self.loss.detach()) if fitness is None else fitness
        if self.best_fitness is None or fitness > self.best_fitness:
            self.best_fitness = fitness
        return metrics, fitness

    def save_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Add a row to results.csv."""
        self.log.append(self.epoch, self.elapsed(), metrics)

    def read_results_csv(self) -> dict[str, list]:
        """Return results.csv as column -> values."""
        return CsvLog.read(self.csv)

    def save_model(self) -> bool:
        """Save the state of the run: last.pt, best.pt when this epoch is the best, epochN.pt when its turn has come.
        Return whether something was saved.

        last.pt comes last: a run that is killed in between goes on from the epoch before and writes the others again.
        """
        self.progress.epoch = max(self.progress.epoch, self.epoch)  # a loop of somebody's own tells nothing else
        files = [self.best] if self.best_fitness == self.fitness else []
        period = self.save_period
        if period > 0 and self.epoch % period == 0:
            files.append(self.wdir / f"epoch{self.epoch}.pt")
        files.append(self.last)
        save_checkpoint(checkpointing.build_checkpoint(self, self.progress), *files)
        return True

    def resume_training(self, ckpt: dict[str, Any] | None) -> None:
        """Put the state of a checkpoint back and go on after its epoch."""
        if ckpt is not None:
            checkpointing.go_on(self, ckpt)

    def _load_checkpoint_state(self, ckpt: Mapping[str, Any]) -> None:
        """Put weights, average, optimizer, scaler, stopper and loss of a checkpoint back."""
        checkpointing.restore(self, ckpt)

    def _handle_nan_recovery(self, epoch: int) -> bool:
        """Go back to the last checkpoint if the loss or the fitness of an epoch is no number; return whether it did.

        The run then goes on at `start_epoch`.

        Raises:
            TrainingFailedError: after several returns.
        """
        loss = float(sum(self.tloss.values()))
        try:
            recovery.check_finite(loss, self.fitness, epoch, self.progress.recoveries)
        except recovery.RestartEpoch as restart:
            loop.go_back(self, restart)
            return True
        return False

    def extra_state(self) -> dict[str, Any]:
        """Return further plain values that a subclass wants back on resume."""
        return {}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        """Take back what `extra_state` returned."""

    def final_eval(self) -> None:
        """Strip the checkpoints to half-precision weights and validate the best ones.

        last.pt is stripped at the very end: until then an interrupted run can be resumed and does what is left to do.
        """
        ending.strip_and_validate(self)

    def model_facts(self) -> dict[str, float]:
        """Return size, cost and speed of the model, for loggers."""
        return model_info_for_loggers(self)

    def on_plot(self, name: Any, data: Any = None) -> None:
        """Remember a picture, for loggers."""
        path = Path(name)
        self.plots[path] = {"data": data, "timestamp": time.time()}

    def plot_metrics(self) -> None:
        """Draw results.png from results.csv."""
        if self.csv.exists():
            plot_results(file=self.csv, on_plot=self.on_plot)

    def plot_training_samples(self, batch: dict[str, Any], ni: int) -> None:
        """Draw a training batch."""

    def plot_training_labels(self) -> None:
        """Draw statistics of the training labels."""


def refuse_unbuilt(args: Any) -> None:
    """Raise for arguments whose features are not built; training without them would not be what was asked for."""
    if args.distill_model:
        refuse("distill", f"distill_model={args.distill_model}")
    if str(args.quantize) == "8":
        refuse("qat", "quantize=8 in training")


__getattr__, __dir__ = offer(__name__)
