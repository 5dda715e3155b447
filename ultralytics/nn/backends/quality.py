"""Whether a file of few bits still says what its network says, seen on calibration pictures.

The fault that this looks for is common: one scale for boxes and scores, or ranges that miss what matters, and the file
runs without an error while its scores are all alike. Two signs tell: how far the scores go together with the network's,
and whether a class has the same score everywhere although the network's varies.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ultralytics.nn.backends.base import ExportPlan, as_list
from ultralytics.utils.log import LOGGER

__all__ = ["BrokenExportError", "Quality", "check_quality", "compare_scores", "scores_of"]

BATCHES = 8  # of calibration pictures that are compared
BROKEN, DOUBTFUL = 0.9, 0.99  # correlation of scores below which a file is refused, or a warning given
VARIES = 0.1  # difference of the largest and the smallest score from which on a network has found something


class BrokenExportError(RuntimeError):
    """A file whose scores have nothing to do with those of its network."""


@dataclass(frozen=True)
class Quality:
    """How the scores of a file compare with those of its network.

    Attributes:
        correlation: of all scores, 1 where they go together; None where the network itself finds nothing.
        constant: classes whose score in the file is the same everywhere, while the network's varies.
    """

    correlation: float | None
    constant: tuple[int, ...] = ()


def check_quality(run: Callable[[torch.Tensor], list[torch.Tensor]], model: nn.Module, plan: ExportPlan) -> Quality:
    """Compare a file with its network on calibration pictures, and say how far they agree.

    Args:
        run: the file: maps images (B, C, H, W) to its outputs.
        model: prepared network.
        plan: the export; its `pictures` are used.

    Raises:
        BrokenExportError: the file's scores are constant, or hardly go together with the network's.
    """
    ours, theirs = [], []
    for batch in itertools.islice(plan.pictures(), BATCHES):
        images = torch.from_numpy(batch)
        with torch.no_grad():
            theirs.append(scores_of(as_list(model(images.to(plan.device)))[0].cpu().float().numpy(), plan))
        ours.append(scores_of(run(images)[0].cpu().float().numpy(), plan))
    quality = compare_scores(np.concatenate(ours), np.concatenate(theirs))
    _judge(quality, plan)
    return quality


def scores_of(output: np.ndarray, plan: ExportPlan) -> np.ndarray:
    """Return the scores (B, classes, N) in a network's first output, by its layout.

    Final rows are one class of N scores, best first, since which row an object comes in is no matter. Where suppression
    has taken the low scores away, what counts is how far they reach above its threshold. Of an output that holds no
    scores everything counts.
    """
    if plan.class_maps:  # a class has the score 1 where it was chosen
        chosen = output[:, None] == np.arange(max(len(plan.metadata.get("names", ())), 2))[:, None, None]
        return chosen.astype(np.float32).reshape(len(output), 1, -1)
    if output.ndim == 2:  # classes of whole pictures
        return output[:, :, None]
    if output.ndim == 3 and (plan.nms or plan.final_rows):
        rows = -np.sort(-output[:, None, :, 4], axis=2)
        return np.maximum(rows - plan.conf, 0) if plan.nms else rows
    nc = len(plan.metadata.get("names", ()))
    if output.ndim == 3 and output.shape[1] >= 4 + nc:
        return output[:, 4 : 4 + nc]
    return output.reshape(len(output), 1, -1)


def compare_scores(ours: np.ndarray, theirs: np.ndarray) -> Quality:
    """Compare scores (B, classes, N) of a file with those of its network."""
    if not np.isfinite(ours).all():
        return Quality(0.0)
    moves = np.ptp(theirs, axis=(0, 2)) > VARIES
    still = np.ptp(ours, axis=(0, 2)) == 0
    if not moves.any():
        return Quality(None)
    constant = tuple(int(i) for i in np.flatnonzero(moves & still))
    if np.ptp(ours) == 0:
        return Quality(0.0, constant)
    return Quality(float(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1]), constant)


def _judge(quality: Quality, plan: ExportPlan) -> None:
    """Tell how good a file is, or refuse it."""
    if quality.correlation is None:
        LOGGER.warning(
            f"this network finds nothing in the calibration pictures, so whether the file of {plan.precision} bits is "
            "good cannot be told; validate it."
        )
        return
    told = f"correlation of scores with the network's: {quality.correlation:.5f}"
    if quality.constant or quality.correlation < BROKEN:
        names = plan.metadata.get("names", {})
        classes = ", ".join(str(names.get(i, i)) for i in quality.constant[:5])
        same = f"; the same score everywhere for: {classes}" if classes else ""
        raise BrokenExportError(
            f"the file of {plan.precision} bits is broken and was not kept ({told}{same}). Calibrate with pictures "
            "like those of the training (data=..., more of them by fraction=...), or export with quantize=16."
        )
    if quality.correlation < DOUBTFUL:
        LOGGER.warning(f"{told}; below {DOUBTFUL} validate the file before using it, and calibrate with more pictures.")
    else:
        LOGGER.info(told)
