"""Calibration of depth models: the factor between their metres and those of a data set.

A model's distances may be right but for a common scale, above all on pictures of another camera. The head has two
numbers for that, `exp(a * ln(metres) + b)`. Only the scale is ever fitted: the power of a few pictures would bend the
distances of all others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ultralytics.data.images.shares import as_shares
from ultralytics.engine.metrics.depth import THRESHOLD
from ultralytics.engine.plots.panels import plot_depth_panels
from ultralytics.engine.task import SelectOptions
from ultralytics.models.yolo.depth.stages import resized_depth, select_depth
from ultralytics.nn.backends.pytorch import NativeRuntime
from ultralytics.nn.head.depth import Depth
from ultralytics.nn.weights.checkpoint import load_checkpoint, save_checkpoint, torch_safe_load
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER

__all__ = [
    "calibrate_checkpoint",
    "depth_head",
    "fit_calibration_selective",
    "select_calibration",
    "select_calibration_cv",
    "set_calibration",
    "write_calibration",
]

IDENTITY = (1.0, 0.0)
CANDIDATES = ("identity", "current", "scale-only")  # of equals, the first wins
NEAREST = 1e-3  # metres; smaller ones are unknown
FEWEST = 10  # pixels that an image needs
MAX_PIXELS = 20_000  # drawn from an image
STRATEGY = "two-fold-held-out-delta1"
PLOTTED, SHOWN = 3, 4  # batches that pictures are drawn of, and images of each

Pair = tuple[np.ndarray, np.ndarray]
Numbers = tuple[float, float]


def near_share(log_pred: np.ndarray, log_truth: np.ndarray, numbers: Numbers) -> float:
    """Return the share of pixels whose calibrated distance is within 1.25 times the truth, NaN of none.

    Args:
        log_pred: (N,) logarithms of predicted metres.
        log_truth: (N,) those of true ones.
        numbers: a and b.
    """
    if not len(log_pred):
        return float("nan")
    a, b = numbers
    return float((np.abs(a * log_pred + b - log_truth) < np.log(THRESHOLD)).mean())


def fitted_scale(log_pred: np.ndarray, log_truth: np.ndarray) -> Numbers:
    """Return the numbers that fit the scale alone: the mean log difference goes."""
    return (1.0, float(np.mean(log_truth - log_pred))) if len(log_pred) else IDENTITY


def best_candidate(scores: Mapping[str, float], margin: float = 0.0) -> str:
    """Return the candidate with the highest score; the others have to be better than identity by more than `margin`."""
    least = scores["identity"] + margin
    able = [name for name in CANDIDATES if name == "identity" or scores[name] > least]
    return max(able, key=lambda name: scores[name])


def select_calibration(
    lp_fit: np.ndarray,
    lg_fit: np.ndarray,
    lp_score: np.ndarray,
    lg_score: np.ndarray,
    current: Numbers = IDENTITY,
) -> dict[str, Any]:
    """Choose among leaving distances as they are, a scale of before, and one that is fitted.

    Args:
        lp_fit, lg_fit: (N,) logarithms of predicted and true metres to fit the scale to.
        lp_score, lg_score: (M,) those to measure candidates on.
        current: numbers of before.

    Returns:
        `a`, `b`, the candidate's `name`, and the `scores` of all.
    """
    lp_fit, lg_fit, lp_score, lg_score = (_flat(values) for values in (lp_fit, lg_fit, lp_score, lg_score))
    numbers = {"identity": IDENTITY, "current": current, "scale-only": fitted_scale(lp_fit, lg_fit)}
    scores = {name: near_share(lp_score, lg_score, numbers[name]) for name in CANDIDATES}
    name = best_candidate(scores)
    a, b = numbers[name]
    return {"a": float(a), "b": float(b), "name": name, "scores": scores}


def select_calibration_cv(
    pairs: Sequence[Pair], margin: float = 0.0, folds: int = 2, current: Numbers = IDENTITY
) -> dict[str, Any]:
    """Choose like `select_calibration`, each candidate being measured on images that it was not fitted to.

    Args:
        pairs: logarithms of predicted and true metres, (N,) each, for every image.
        margin: by how much others have to be better than identity.
        folds: parts that images are dealt to in turn.
        current: numbers of before.

    Returns:
        `a`, `b`, the candidate's `name`, and the mean scores over the parts as `cv_scores`.
    """
    parts = [(pairs[k::folds], [p for i, p in enumerate(pairs) if i % folds != k]) for k in range(folds)]
    found = []
    for held_out, rest in parts:
        if held_out and rest:
            found.append(select_calibration(*_joined(rest), *_joined(held_out), current)["scores"])
    if not found:
        return {"a": 1.0, "b": 0.0, "name": "identity", "cv_scores": dict.fromkeys(CANDIDATES, float("nan"))}
    scores = {name: float(np.mean([part[name] for part in found])) for name in CANDIDATES}
    name = best_candidate(scores, margin)
    a, b = {"identity": IDENTITY, "current": current, "scale-only": fitted_scale(*_joined(pairs))}[name]
    return {"a": float(a), "b": float(b), "name": name, "cv_scores": scores}


def _flat(values: Any) -> np.ndarray:
    return np.asarray(values, np.float64).reshape(-1)


def _joined(pairs: Sequence[Pair]) -> Pair:
    return tuple(np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))


# Models -----------------------------------------------------------------------------------------------------------


def depth_head(model: nn.Module) -> Depth:
    """Return the head that holds a model's calibration.

    Raises:
        ValueError: there is none.
    """
    head = next((module for module in model.modules() if isinstance(module, Depth)), None)
    if head is None:
        raise ValueError(f"{type(model).__name__} has no Depth head, so there is no scale to calibrate.")
    return head


def set_calibration(model: nn.Module, numbers: Numbers) -> None:
    """Give a model its calibration, in place and in float32, whatever the precision of its weights."""
    head = depth_head(model)
    for name, value in zip(("cal_a", "cal_b"), numbers, strict=True):
        old = getattr(head, name)
        setattr(head, name, torch.full((1,), value, dtype=torch.float32, device=old.device))


def calibration_of(model: nn.Module) -> Numbers:
    """Return a model's calibration."""
    head = depth_head(model)
    return float(head.cal_a), float(head.cal_b)


def collect_pairs(
    model: nn.Module, dataloader: Any, device: torch.device, max_images: int = 200, max_depth: float = 100.0
) -> list[Pair]:
    """Return logarithms of a model's metres, without calibration, and of true ones, for every image.

    Args:
        model: network, which stays as it is.
        dataloader: batches with `img` and `depth`.
        device: where to run.
        max_images: look at no more.
        max_depth: metres; truth that is not below counts as unknown.
    """
    runtime, (a, b) = NativeRuntime(model, device), calibration_of(model)
    draw, pairs, seen = np.random.default_rng(0), [], 0
    with torch.inference_mode():
        for batch in dataloader:
            images = as_shares(batch["img"][: max_images - seen].to(device), "a batch")
            truth = _with_channel(batch["depth"][: max_images - seen]).float()
            metres = resized_depth(select_depth(runtime.run(images), SelectOptions()), truth.shape[-2:]).cpu()
            for found, known in zip(metres, truth, strict=True):
                valid = ((known > NEAREST) & (known < max_depth) & found.isfinite() & (found > 0)).reshape(-1)
                places = np.flatnonzero(valid.numpy())
                if len(places) > MAX_PIXELS:
                    places = draw.choice(places, MAX_PIXELS, replace=False)
                if len(places) >= FEWEST:
                    logs = [np.log(values.reshape(-1).numpy()[places].astype(np.float64)) for values in (found, known)]
                    pairs.append(((logs[0] - b) / a, logs[1]))
            seen += len(images)
            if seen >= max_images:
                break
    return pairs


def _with_channel(depth: torch.Tensor) -> torch.Tensor:
    """Return targets (B, H, W) or (B, 1, H, W) as (B, 1, H, W)."""
    return depth[:, None] if depth.ndim == 3 else depth


def fit_calibration_selective(
    model: nn.Module,
    dataloader: Any,
    device: torch.device | str,
    max_images: int = 200,
    margin: float = 0.002,
    max_depth: float = 100.0,
) -> dict[str, Any] | None:
    """Choose a model's calibration by a data set; the model stays as it is.

    Args:
        model: network with a depth head.
        dataloader: batches with `img` and `depth`, in fixed order.
        device: where to run.
        max_images: look at no more.
        margin: by how much a candidate has to be better than leaving distances as they are.
        max_depth: metres; truth that is not below counts as unknown.

    Returns:
        As `select_calibration_cv`, and the number of `images`; None, with a warning, where fewer than two are usable.
    """
    pairs = collect_pairs(model, dataloader, torch.device(device), max_images, max_depth)
    if len(pairs) < 2:
        LOGGER.warning(f"depth calibration needs two images with known distances and got {len(pairs)}; skipped.")
        return None
    return {**select_calibration_cv(pairs, margin, current=calibration_of(model)), "images": len(pairs)}


# Files --------------------------------------------------------------------------------------------------------------


def calibrate_checkpoint(
    ckpt_path: str | Path,
    dataloader: Any,
    device: torch.device | str,
    plot_dir: str | Path | None = None,
    *,
    dataset_hash: str | None = None,
    validation_split: str | None = None,
    max_depth: float = 100.0,
    trust: bool = False,
) -> dict[str, Any] | None:
    """Calibrate the networks of a checkpoint and write it back, as a whole or not at all.

    Args:
        ckpt_path: file.
        dataloader: batches with `img` and `depth`, in fixed order.
        device: where to run.
        plot_dir: folder for pictures of before and after.
        dataset_hash: what stands for the data in the file's record.
        validation_split: name of the split there.
        max_depth: metres; truth that is not below counts as unknown.
        trust: open the file with the ordinary unpickler.

    Returns:
        The record, which the file has as `depth_calibration`; None where there was too little to choose by.
    """
    model, _ = load_checkpoint(ckpt_path, trust=trust)
    found = fit_calibration_selective(model, dataloader, device, max_depth=max_depth)
    if found is None:
        return None
    record = record_of(found, dataset_hash, validation_split)
    write_calibration(ckpt_path, record, ckpt_path, trust)
    LOGGER.info(
        f"{ckpt_path}: depth calibration '{found['name']}', factor {np.exp(found['b']):.4g}, chosen by "
        f"{found['images']} images"
    )
    if plot_dir is not None:
        set_calibration(model, IDENTITY)
        plot_calibrated(model, dataloader, torch.device(device), (found["a"], found["b"]), found["name"], plot_dir)
    return record


def write_calibration(
    ckpt_path: str | Path, record: Mapping[str, Any], target: str | Path, trust: bool = False
) -> Path:
    """Write a checkpoint with a calibration, all else as it is, and return the path.

    Args:
        ckpt_path: file to read.
        record: what `record_of` returned.
        target: file to write, which may be the same.
        trust: open the file with the ordinary unpickler.
    """
    content, _ = torch_safe_load(ckpt_path, trust=trust)
    for network in (content.get("ema"), content.get("model")):
        if isinstance(network, nn.Module):
            set_calibration(network, (record["a"], record["b"]))
    save_checkpoint({**content, "depth_calibration": dict(record)}, target)
    return Path(target)


def record_of(found: Mapping[str, Any], dataset_hash: str | None, split: str | None) -> dict[str, Any]:
    """Return what a file says about its calibration."""
    return {
        "status": "selected",
        "candidate": found["name"],
        "images": found["images"],
        "a": found["a"],
        "b": found["b"],
        "dataset_hash": dataset_hash,
        "validation_split": split,
        "strategy": STRATEGY,
        "scores": dict(found["cv_scores"]),
    }


def plot_calibrated(
    model: nn.Module, dataloader: Any, device: torch.device, numbers: Numbers, name: str, folder: str | Path
) -> list[Path]:
    """Draw the first batches with their truth, a network's distances, and those that calibration makes of them.

    Args:
        model: network without calibration.
        dataloader: batches with `img` and `depth`.
        device: where to run.
        numbers: a and b.
        name: candidate that they are of.
        folder: for `val_batch<n>_calibrated.jpg`.

    Returns:
        The files.
    """
    runtime, (a, b), files = NativeRuntime(model, device), numbers, []
    titles = ["raw", f"{name} x {np.exp(b):.3g}"]
    with torch.inference_mode():
        for n, batch in zip(range(PLOTTED), dataloader, strict=False):
            images = as_shares(batch["img"][:SHOWN].to(device), "a batch")
            truth = _with_channel(batch["depth"][:SHOWN])
            raw = resized_depth(select_depth(runtime.run(images), SelectOptions()), truth.shape[-2:])
            file = Path(folder) / f"val_batch{n}_calibrated.jpg"
            plot_depth_panels(images, [raw, (a * raw.log() + b).exp()], file, gt=truth, titles=titles)
            files.append(file)
    return files


__getattr__, __dir__ = offer(__name__)
