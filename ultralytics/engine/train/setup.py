"""Building a run, one function per part, in the order in which the trainer calls them.

Each takes the trainer and fills in the attributes it is about; what a subclass may want to change is reached through
the trainer's public methods.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR

from ultralytics.cfg.errors import ConfigValueError
from ultralytics.engine.train import amp, checkpointing, ddp, schedule
from ultralytics.engine.train.checkpointing import Progress
from ultralytics.engine.train.csvlog import CsvLog
from ultralytics.engine.train.ema import ModelEMA
from ultralytics.engine.train.extras import attempt_compile
from ultralytics.engine.train.hooks import keep_mosaic
from ultralytics.engine.train.mode import Precision
from ultralytics.engine.train.modules import apply_freeze, unwrap_model
from ultralytics.engine.train.process import cpu_threads, threads_are_pinned
from ultralytics.engine.train.runfolder import RunFolderLock, claim_new, remove_leftovers
from ultralytics.engine.train.stopping import EarlyStopping
from ultralytics.nn.cost.flops import count_flops
from ultralytics.nn.weights.checkpoint import save_checkpoint
from ultralytics.utils.checks import check_imgsz
from ultralytics.utils.dist import broadcast_object
from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.seeds import rng_state, set_rng_state
from ultralytics.utils.yaml_io import YAML

__all__ = [
    "build_loaders",
    "build_optimizer",
    "build_pipeline",
    "build_schedule",
    "check_splits",
    "claim_folder",
    "close_loaders",
    "held_out",
    "plan_steps",
    "renew_pipeline",
    "set_epoch_rates",
    "set_up",
]

LOADERS_END_S = 10.0  # loader processes notice within 5 s that their parent is gone
TRIAL_IMAGES = 16  # of a batch to try things with; four run fastest in another memory layout than sixteen


def set_up(trainer: Any) -> None:
    """Build everything that the loop uses."""
    trainer.setup_model()
    trainer.model = trainer.model.to(trainer.device)
    trainer.set_model_attributes()
    trainer.freeze_layer_names = apply_freeze(trainer.model, trainer.args.freeze, verbose=trainer.is_main)
    trainer.stride = max(int(unwrap_model(trainer.model).stride.max()), 32)
    size = check_imgsz(trainer.args.imgsz, stride=trainer.stride, floor=trainer.stride, max_dim=1)
    trainer.args.imgsz = size
    take_over_choices(trainer)
    if trainer.batch_size < 1:
        trainer.batch_size = trainer.args.batch = trainer.auto_batch()
    renew_pipeline(trainer)
    trainer.set_class_weights()
    choose_precision(trainer)
    if trainer.world_size > 1:
        distribute(trainer)
    if trainer.args.compile:
        trainer.compiled = attempt_compile(trainer.model, trainer.device, mode=trainer.args.compile)
    trainer.ema = ModelEMA(trainer.model)
    trainer.stopper = EarlyStopping(trainer.args.patience)
    trainer.resume_training(trainer.resumption.checkpoint if trainer.resumption else None)
    trainer.train_time_start = time.time() - trainer.progress.elapsed
    trainer.emit("on_pretrain_routine_end")
    if trainer.is_main and trainer.args.save and trainer.resumption is None:
        save_start(trainer)


def take_over_choices(trainer: Any) -> None:
    """Let a resumed run keep what it had decided for itself: arithmetic, and the batch size unless it is changed."""
    if trainer.resumption is None:
        return
    checkpoint = trainer.resumption.checkpoint
    trainer.progress = Progress.from_state(checkpoint["continuation"])
    if trainer.args.batch == checkpoint["train_args"].get("batch"):
        trainer.batch_size = trainer.args.batch = trainer.progress.batch


def save_start(trainer: Any) -> None:
    """Save the state before the first step, so that a run killed in its first epoch can be resumed too."""
    try:
        save_checkpoint(checkpointing.build_checkpoint(trainer, trainer.progress), trainer.last)
    except OSError as error:
        LOGGER.warning(f"the start of the run could not be saved: {error}")


def claim_folder(trainer: Any) -> None:
    """Choose and make the run folder, lock it against other runs, and write `args.yaml`."""
    folder = new_folder(trainer) if trainer.is_main else None
    name_files(trainer, Path(broadcast_object(str(folder))))
    trainer.args.save_dir = str(trainer.save_dir)
    trainer.args.name = trainer.args.name or trainer.save_dir.name
    trainer.log = CsvLog(trainer.csv if trainer.is_main else None)
    if not trainer.is_main:
        return
    trainer.folder_lock = RunFolderLock(trainer.save_dir)
    trainer.folder_lock.acquire(wait_s=0.0 if trainer.resumption is None else LOADERS_END_S)
    trainer.wdir.mkdir(parents=True, exist_ok=True)
    remove_leftovers(trainer.wdir)
    remove_leftovers(trainer.save_dir)
    if trainer.resumption is None:
        trainer.csv.unlink(missing_ok=True)
    if trainer.resumption is None or not trainer.resumption.refusal:
        YAML.save(trainer.save_dir / "args.yaml", checkpointing.plain(vars(trainer.args)))


def name_files(trainer: Any, folder: Path) -> None:
    """Tell a trainer where the files of its run are."""
    trainer.save_dir, trainer.wdir = folder, folder / "weights"
    trainer.last, trainer.best = trainer.wdir / "last.pt", trainer.wdir / "best.pt"
    trainer.csv = folder / "results.csv"


def new_folder(trainer: Any) -> Path:
    """Make a folder that no other run has, unless an existing one is asked for."""
    reuse = trainer.resumption is not None or trainer.args.exist_ok or bool(trainer.args.get("save_dir"))
    return claim_new(trainer.args, reuse=reuse)


@contextlib.contextmanager
def keep_generators() -> Iterator[None]:
    """Give the random generators their state back after the block."""
    state = rng_state()
    try:
        yield
    finally:
        set_rng_state(state)


def held_out(trainer: Any) -> Any:
    """Return where the pictures to validate on are, or None where the data set has none."""
    return trainer.data.get("val") or trainer.data.get("test") or None


def check_splits(trainer: Any) -> None:
    """Refuse a data set that lacks pictures which the run needs.

    Raises:
        ConfigValueError: says which, and what to do.
    """
    if not trainer.data.get("train"):
        raise ConfigValueError(f"data '{trainer.args.data}' has no 'train:' images, so it can only be validated on.")
    if held_out(trainer) is None and trainer.args.val:
        raise ConfigValueError(
            f"data '{trainer.args.data}' has neither 'val:' nor 'test:' images. Give some, or train with val=False: "
            "then no epoch is measured, and best.pt is the last one."
        )


def renew_pipeline(trainer: Any) -> None:
    """Let the trainer build loaders, optimizer and schedule for its batch size, and fit the rest to them."""
    close_loaders(trainer)
    trainer._build_train_pipeline()
    trainer.progress.batch, trainer.progress.epochs = trainer.batch_size, trainer.epochs
    trainer.validator = trainer.get_validator()
    if hasattr(trainer.validator, "args"):
        trainer.validator.args.device = str(trainer.device)  # the argument may list those of all processes
    keep_mosaic(trainer.train_loader)


def build_pipeline(trainer: Any) -> None:
    """Build loaders, optimizer and schedule for the present batch size."""
    build_loaders(trainer)
    build_optimizer(trainer)
    trainer._setup_scheduler()


def build_loaders(trainer: Any) -> None:
    """Build the loaders for the present batch size."""
    world = trainer.world_size
    if trainer.batch_size % world:
        below = trainer.batch_size // world * world
        raise ValueError(
            f"batch={trainer.batch_size} cannot be shared evenly by {world} processes; use "
            f"batch={below or world} or batch={below + world}."
        )
    size = trainer.batch_size // world
    factor = trainer.spec.val_batch_factor if trainer.spec else 1
    trainer.train_loader = trainer.get_dataloader(
        trainer.data["train"], batch_size=size, rank=trainer.rank, mode="train"
    )
    if (path := held_out(trainer)) is not None:
        # In validation every process takes a part of the images, and rank 0 gathers what they found.
        trainer.test_loader = trainer.get_dataloader(path, batch_size=size * factor, rank=trainer.rank, mode="val")


def close_loaders(trainer: Any) -> None:
    """End the worker processes and threads of the loaders."""
    for loader in (trainer.train_loader, trainer.test_loader):
        if hasattr(loader, "close"):
            loader.close()


def choose_precision(trainer: Any) -> None:
    """Decide the arithmetic of the run, or take the resumed run's."""
    if trainer.progress.precision:
        chosen = Precision.from_state(trainer.progress.precision)
    else:
        chosen = broadcast_object(_measured_precision(trainer) if trainer.is_main else None)
    trainer.set_precision(chosen)
    if trainer.is_main:
        LOGGER.info(f"{colorstr('AMP: ')}{chosen}")


def trial_batch(trainer: Any) -> dict[str, Any]:
    """Return a small batch of the run's own data, to try things with. Draws from the global generators."""
    dataset = trainer.train_loader.dataset
    count = min(TRIAL_IMAGES, len(dataset), trainer.batch_size)
    return trainer.preprocess_batch(dataset.collate_fn([dataset[i] for i in range(count)]))


def _measured_precision(trainer: Any) -> Precision:
    """Ask the self-check, with a batch of the run's own data."""
    args = trainer.args
    image = 3 * count_flops(unwrap_model(trainer.model), args.imgsz).true_gflops  # backward costs two forward passes
    images = trainer.batch_size // trainer.world_size
    work = amp.Workload(
        model=trainer.model,
        step_gflop=image * images,
        steps=len(trainer.train_loader) * trainer.epochs,
        images=images,
        batch=functools.partial(trial_batch, trainer),
        stream=functools.partial(_stream, trainer),
    )
    threads, pinned = cpu_threads(ddp.local_processes()), threads_are_pinned()
    return amp.choose_precision(args.amp, args.channels_last, trainer.device, work, threads, pinned)


def _stream(trainer: Any) -> Iterator[dict[str, Any]]:
    """Yield batches as training gets them, epoch after epoch; the training afterwards is not affected."""
    loader = trainer.train_loader
    try:
        for epoch in itertools.count():
            if hasattr(loader, "set_epoch"):
                loader.set_epoch(epoch)
            yield from (trainer.preprocess_batch(batch) for batch in loader)
    finally:
        if hasattr(loader, "reset"):
            loader.reset()


def distribute(trainer: Any) -> None:
    """Let the processes train one model."""
    network = trainer.model
    with keep_generators():
        batch = trial_batch(trainer)
        idle = ddp.idle_parameters(network, batch)
    if getattr(network, "criterion", None) is None and hasattr(network, "init_criterion"):
        network.criterion = network.init_criterion()
    trainer.joins_normalizer = hasattr(getattr(network, "criterion", None), "normalizer_reduce")
    if trainer.joins_normalizer:
        network.criterion.normalizer_reduce = ddp.reduce_normalizer
    trainer.model = ddp.wrap(network, trainer.device, find_unused=bool(idle))


def build_optimizer(trainer: Any) -> None:
    """Build the optimizer and decide after how many batches it steps."""
    args, images = trainer.args, len(trainer.train_loader.dataset)
    run = len(trainer.train_loader) * trainer.epochs
    trainer.accumulate = schedule.accumulation(args.nbs, trainer.batch_size, run)
    trainer.optimizer = trainer.build_optimizer(
        model=trainer.model,
        name=args.optimizer,
        lr=args.lr0,
        momentum=args.momentum,
        decay=schedule.scaled_decay(args.weight_decay, args.nbs, trainer.batch_size),
        iterations=math.ceil(images / max(trainer.batch_size, args.nbs)) * trainer.epochs,
    )


def plan_steps(trainer: Any) -> None:
    """Plan the warm-up, which leads to the trainer's accumulation and rates."""
    args = trainer.args
    trainer.plan = schedule.StepPlan(
        warmup=max(0, int(trainer._get_warmup_iterations(len(trainer.train_loader)))),
        accumulate=trainer.accumulate,
        bias_lr=args.warmup_bias_lr,
        momentum_start=args.warmup_momentum,
        momentum=args.momentum,
    )


def build_schedule(trainer: Any) -> None:
    """Build the scheduler for the trainer's number of epochs."""

    def factor(epoch: float) -> float:
        curve = schedule.epoch_factor(epoch, trainer.epochs, trainer.args.lrf, trainer.args.cos_lr)
        return curve * trainer.progress.lr_scale

    trainer.lf = factor
    trainer.scheduler = LambdaLR(trainer.optimizer, lr_lambda=factor)


def set_epoch_rates(trainer: Any) -> None:
    """Let the scheduler set the learning rates of the trainer's present epoch."""
    scheduler = trainer.scheduler
    scheduler.last_epoch = trainer.epoch - 1
    scheduler.optimizer._opt_called = True  # torch warns about schedulers that step first; this one means to
    scheduler.step()


def scaler_for(precision: Precision, device: torch.device) -> torch.amp.GradScaler:
    """Return the gradient scaler of an arithmetic; it does nothing where no scaling is needed."""
    return torch.amp.GradScaler(device.type, enabled=precision.scaled)
