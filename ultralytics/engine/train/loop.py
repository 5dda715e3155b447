"""The training loop: epochs, batches, and what happens at the end of each.

The loop holds no state of its own: where the run stands is in the trainer's attributes, which callbacks may read, and
everything that a subclass may change is called as the trainer's method.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from ultralytics.data.samplers import EpochBatchSampler
from ultralytics.engine.train import checkpointing, console, ddp, modules, recovery, setup
from ultralytics.engine.train.process import reseed_epoch
from ultralytics.nn.weights.checkpoint import load_checkpoint, save_checkpoint
from ultralytics.utils.dist import broadcast_object
from ultralytics.utils.log import LOGGER

__all__ = ["run", "save"]

FULL = 0.5  # share of the device's memory in use above which cached blocks are given back between epochs
EMA_ATTRIBUTES = ("yaml", "nc", "args", "names", "stride", "class_weights")


def run(trainer: Any) -> None:
    """Run epochs until the last one, or until something asks to stop."""
    trainer.emit("on_train_start")
    setup.plan_steps(trainer)
    if trainer.is_main:
        console.announce(trainer)
    trainer.epoch = trainer.start_epoch
    while trainer.epoch < trainer.epochs and not trainer.stop:
        try:
            run_epoch(trainer)
            again = end_epoch(trainer)
        except recovery.RestartEpoch as restart:
            go_back(trainer, restart)
            again = True
        trainer.epoch = trainer.start_epoch if again else trainer.epoch + 1
    trainer.epoch = max(trainer.progress.epoch, 0)


# Batches --------------------------------------------------------------------------------------------------------------


def run_epoch(trainer: Any) -> None:
    """Go once through the training data."""
    begin_epoch(trainer)
    loader = trainer.train_loader
    done = trainer.progress.batches
    bar = console.EpochBar(loader, trainer.epoch, trainer.epochs, trainer._get_memory, done)
    try:
        for index, batch in enumerate(bar, done):
            begin = time.perf_counter()
            train_batch(trainer, index, batch)
            trainer.batch_times.append(time.perf_counter() - begin)
            boxes = len(trainer.batch.get("cls", trainer.batch["img"]))
            bar.show(trainer.tloss, boxes, trainer.batch["img"].shape[-1], last=index + 1 == len(loader))
            trainer.batch = None
            if trainer.stop:
                break
            save_within(trainer, index + 1)
    except (RuntimeError, MemoryError) as error:
        restart = recovery.smaller_batch(error, trainer.epoch, trainer.batch_size, trainer.batch_cuts)
        if restart is None or trainer.world_size > 1:
            raise
        raise restart from error
    trainer.lr = {f"lr/pg{i}": group["lr"] for i, group in enumerate(trainer.optimizer.param_groups)}
    trainer.emit("on_train_epoch_end")


def begin_epoch(trainer: Any) -> None:
    """Put model, generators, schedule and loader at the start of the epoch."""
    trainer.epoch_time_start = time.time()
    trainer._model_train()
    reseed_epoch(trainer.args.seed, trainer.epoch, max(trainer.rank, 0))
    setup.set_epoch_rates(trainer)
    trainer.tloss, trainer.batch_times = None, []
    trainer.emit("on_train_epoch_start")
    if hasattr(trainer.train_loader, "set_epoch"):
        trainer.train_loader.set_epoch(trainer.epoch)
    if trainer.progress.batches:
        go_on_within(trainer)
    if trainer.is_main:
        LOGGER.info(trainer.progress_string())


def go_on_within(trainer: Any) -> None:
    """Begin an epoch behind the batches that an interrupted run has done."""
    done = trainer.progress.batches
    if not isinstance(getattr(trainer.train_loader, "batch_sampler", None), EpochBatchSampler):
        LOGGER.warning("a loader of your own cannot begin in the middle of an epoch; the epoch begins anew.")
        trainer.progress.batches = 0
        return
    trainer.train_loader.set_epoch(trainer.epoch, done)
    trainer.tloss = trainer.mean_loss_before
    reseed_epoch(trainer.args.seed, trainer.epoch, max(trainer.rank, 0), done)


def save_within(trainer: Any, done: int) -> None:
    """Write last.pt in the middle of an epoch when `save_batches` says so, right after an optimizer step.

    Args:
        trainer: the trainer.
        done: batches of the epoch that are done.
    """
    wanted, progress = trainer.args.save_batches, trainer.progress
    rest = len(trainer.train_loader) - done
    if not wanted or not rest or done - progress.batches < wanted or progress.last_step != trainer.iteration:
        return
    progress.batches, progress.elapsed = done, trainer.elapsed()
    # Drawn from a place in the epoch, so that the run that goes on from here draws the same numbers.
    reseed_epoch(trainer.args.seed, trainer.epoch, max(trainer.rank, 0), done)
    if trainer.is_main and trainer.args.save:
        save(trainer, within=True)


def train_batch(trainer: Any, index: int, batch: dict[str, Any]) -> None:
    """Forward, backward and, when enough batches have accumulated, an optimizer step."""
    trainer.batch = batch
    trainer.iteration = ni = index + len(trainer.train_loader) * trainer.epoch
    trainer.emit("on_train_batch_start")
    warm_up(trainer, ni)
    with trainer.autocast():
        trainer.batch = batch = trainer.preprocess_batch(batch)
        loss, items = forward(trainer, batch)
    trainer.loss = loss.sum() * rank_scale(trainer, batch)
    trainer.loss_items = trainer.named_items(items)
    update_mean_loss(trainer, index)
    trainer.scaler.scale(trainer.loss).backward()
    if ni - trainer.progress.last_step >= trainer.accumulate:
        trainer.optimizer_step()
        trainer.progress.last_step = ni
    trainer.emit("on_train_batch_end")


def warm_up(trainer: Any, ni: int) -> None:
    """Set learning rates, momentum and accumulation while warming up."""
    groups = trainer.optimizer.param_groups
    step = trainer.plan.at(ni, trainer.lf(trainer.epoch), groups)
    trainer.accumulate = trainer.plan.accumulate if step is None else step.accumulate
    if step is None:
        return
    for group, lr, momentum in zip(groups, step.lr, step.momentum, strict=True):
        group["lr"] = lr
        if momentum is not None:
            group["momentum"] = momentum


def forward(trainer: Any, batch: dict[str, Any]) -> tuple[torch.Tensor, Any]:
    """Return loss and loss items of a batch; the network part runs compiled where that is asked for and works."""
    if trainer.compiled is None:
        with single_picture_explained(trainer):
            return trainer.model(batch)
    try:
        preds = trainer.compiled(batch["img"])
    except Exception as error:  # compilation happens at the first call and fails in many ways
        if trainer.compile_works:
            raise
        LOGGER.warning(f"torch.compile failed, training without it: {str(error).splitlines()[0]}")
        trainer.compiled = None
        return trainer.model(batch)
    trainer.compile_works = True
    return modules.unwrap_model(trainer.model).loss(batch, preds)


@contextlib.contextmanager
def single_picture_explained(trainer: Any) -> Iterator[None]:
    """Say what to do where a BatchNorm layer gets one value per channel."""
    try:
        yield
    except ValueError as error:
        if "Expected more than 1 value per channel" not in str(error):
            raise
        raise ValueError(
            f"a batch of one picture at imgsz={trainer.args.imgsz} gives a BatchNorm layer one value per channel, from "
            f"which it cannot learn. Use batch={2 * trainer.world_size} or more, or a larger imgsz."
        ) from error


def rank_scale(trainer: Any, batch: Mapping[str, Any]) -> torch.Tensor | float:
    """Return the factor that makes averaged gradients those of the joined batch; losses are sums over the batch."""
    if trainer.world_size == 1:
        return 1.0
    if not trainer.joins_normalizer:
        return float(trainer.world_size)
    mine = len(batch["img"])
    return ddp.total_over_ranks(mine, trainer.device) / mine


def update_mean_loss(trainer: Any, index: int) -> None:
    """Keep the mean of the loss items over the epoch's batches so far."""
    latest = {name: value.float() for name, value in trainer.loss_items.items()}
    if trainer.tloss is None:
        trainer.loss_names, trainer.tloss = tuple(latest), latest
        return
    share = 1 / (index + 1)
    trainer.tloss = {name: torch.lerp(trainer.tloss[name], value, share) for name, value in latest.items()}


# The end of an epoch --------------------------------------------------------------------------------------------------


def end_epoch(trainer: Any) -> bool:
    """Validate, log, decide whether to stop, and save; return True where the run went back and has to go on anew."""
    if trainer.world_size > 1:
        world = trainer.world_size
        trainer.tloss = {k: ddp.total_over_ranks(v, trainer.device) / world for k, v in trainer.tloss.items()}
    trainer.emit("on_epoch_measured")
    final = trainer.epoch + 1 >= trainer.epochs
    trainer.ema.update_attr(modules.unwrap_model(trainer.model), include=EMA_ATTRIBUTES)
    wanted = trainer.args.val or final or trainer.stop or trainer.stopper.possible_stop
    if wanted and setup.held_out(trainer) is not None and math.isfinite(float(sum(trainer.tloss.values()))):
        trainer._clear_memory(FULL)
        trainer.metrics, trainer.fitness = trainer.validate()
    trainer.fitness = broadcast_object(trainer.fitness)
    if trainer._handle_nan_recovery(trainer.epoch):
        return True
    patience_is_over = trainer.stopper(trainer.epoch + 1, trainer.fitness)
    trainer.stop = broadcast_object(trainer.stop or patience_is_over)
    now = time.time()
    trainer.epoch_time, trainer.epoch_time_start = now - trainer.epoch_time_start, now
    progress = trainer.progress
    progress.epoch, progress.elapsed, progress.stopped = trainer.epoch, trainer.elapsed(), trainer.stop
    progress.batches = 0
    if trainer.is_main:
        trainer.save_metrics({**trainer.label_loss_items(trainer.tloss), **(trainer.metrics or {}), **trainer.lr})
        if trainer.args.save or final or trainer.stop:
            save(trainer)
    trainer.emit("on_fit_epoch_end")
    trainer._clear_memory(FULL)
    return False


def save(trainer: Any, within: bool = False) -> None:
    """Save; a full disk leaves the older files as they are, is remembered in `save_error`, and the run goes on.

    Args:
        trainer: the trainer.
        within: in the middle of an epoch, which is no time to judge the weights: only last.pt is written.
    """
    modules.repair_non_finite(trainer.ema.ema, modules.unwrap_model(trainer.model))
    try:
        if within:
            save_checkpoint(checkpointing.build_checkpoint(trainer, trainer.progress), trainer.last)
            return
        saved = trainer.save_model()
    except OSError as error:
        trainer.save_error = error
        done = trainer.progress.epoch + 1
        LOGGER.error(f"epoch {done} could not be saved: {error}. Training goes on; earlier files are intact.")
        return
    trainer.save_error = None
    if saved is not False:
        trainer.emit("on_model_save")


# Going back -----------------------------------------------------------------------------------------------------------


def go_back(trainer: Any, restart: recovery.RestartEpoch) -> None:
    """Put the run back to its last checkpoint with one thing changed, so that it does not fail in the same way."""
    LOGGER.warning(str(restart))
    trainer.tloss = trainer.loss = trainer.loss_items = trainer.batch = None
    trainer.optimizer.zero_grad()
    trainer._clear_memory()
    checkpoint = None
    if trainer.is_main and trainer.last.exists():
        _, checkpoint = load_checkpoint(trainer.last, trust=bool(trainer.args.get("trust")))
    checkpoint = broadcast_object(checkpoint)
    if restart.batch is not None:
        trainer.batch_cuts += 1
        trainer.batch_size = trainer.args.batch = restart.batch
        trainer.progress.last_step, trainer.progress.batches = -1, 0
        setup.renew_pipeline(trainer)
        setup.plan_steps(trainer)
        if checkpoint is not None:
            checkpointing.restore_weights(trainer, checkpoint)
        return
    if checkpoint is None:
        raise recovery.TrainingFailedError(f"{restart}, but there is none to go back to (save=False).")
    reloads, scale = trainer.progress.recoveries + 1, trainer.progress.lr_scale
    trainer.resume_training(checkpoint)
    trainer.progress.recoveries, trainer.progress.lr_scale = reloads, scale
    recovery.soften(trainer)
