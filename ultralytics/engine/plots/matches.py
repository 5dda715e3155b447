"""Four views of one validated image: its labels, and what was right, wrong and missed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from ultralytics.engine.plots.mosaics import plot_images
from ultralytics.ops.boxes import xyxy2xywh

__all__ = ["plot_match_views"]

_VIEWS = {"GT": "Ground Truth", "FP": "False Positives", "TP": "True Positives", "FN": "False Negatives"}


def plot_match_views(
    img: torch.Tensor,
    matches: Mapping[str, Mapping[str, list]],
    names: Mapping[int, str],
    im_name: str,
    save_dir: Path,
    show_labels: bool = True,
    show_conf: bool = True,
) -> None:
    """Write `save_dir/visualizations/<im_name>` with one tile per view.

    Args:
        img: `(3, H, W)` RGB image in 0..1.
        matches: lists of `bboxes` (corners or rotated, px), `cls` and, for predictions, `conf` under the keys `GT`,
            `TP`, `FP` and `FN`; also `masks` and `keypoints` where there are any.
        names: class index to class name.
        im_name: file name.
        save_dir: folder of the run.
        show_labels: write class names.
        show_conf: write scores.
    """
    fields: dict[str, list[torch.Tensor]] = {}
    tiles: list[int] = []
    for tile, kind in enumerate(_VIEWS):
        rows = matches.get(kind, {})
        count = len(rows.get("bboxes", ()))
        tiles += [tile] * count
        for key in ("bboxes", "cls", "masks", "keypoints"):
            fields.setdefault(key, []).extend(rows.get(key, ()))
        fields.setdefault("conf", []).extend(rows.get("conf") or [torch.ones(())] * count)

    stacked = {key: torch.stack([v.float().cpu() for v in values]) for key, values in fields.items() if values}
    boxes = stacked.get("bboxes", torch.zeros(0, 4))
    labels = {
        **stacked,
        "bboxes": xyxy2xywh(boxes) if boxes.shape[1] == 4 else boxes,
        "cls": stacked.get("cls", torch.zeros(0)).view(-1),
        "conf": stacked.get("conf", torch.zeros(0)).view(-1),
        "batch_idx": torch.tensor(tiles, dtype=torch.float32),
    }
    folder = save_dir / "visualizations"
    folder.mkdir(parents=True, exist_ok=True)
    plot_images(
        labels,
        img[None].expand(len(_VIEWS), -1, -1, -1),
        paths=list(_VIEWS.values()),
        fname=folder / im_name,
        names=dict(names),
        max_subplots=len(_VIEWS),
        conf_thres=0.001,
        show_labels=show_labels,
        show_conf=show_conf,
    )
