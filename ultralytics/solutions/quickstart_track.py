"""`yolo quickstart task=track`: train a small detector, follow the objects of a drawn film, measure the tracks.

The detector learns from frames of other films; the film, its true tracks and those frames are the data set
`shapes-track.yaml`. Everything it prints was measured in that run; where the library that measures tracks is missing,
it says so, and the files of both tracks are there to be measured later.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ultralytics.data.describe.boxes import check_det_dataset
from ultralytics.models.yolo.model import YOLO
from ultralytics.trackers.measure import EXTRA, LIBRARY, TrackQuality, measure
from ultralytics.trackers.settings import read_settings
from ultralytics.utils.checks.requirements import DISTRIBUTION
from ultralytics.utils.log import LOGGER

__all__ = ["TRACK", "TRACK_DEFAULTS", "track_run"]

TRACK = "track"
# Objects are small beside the film: more pixels. Nothing is validated before the end, which leaves time for epochs. The
# camera moves, and a detector that was trained for two minutes is never sure: a tracker that allows for both.
TRACK_DEFAULTS: dict[str, Any] = {
    "epochs": 24,
    "imgsz": 192,
    "close_mosaic": 8,
    "val": False,
    "tracker": "botsort.yaml",
}
MODEL, DATA = "yolov8n-DynamicConv.yaml", "shapes-track.yaml"
FILM, TRUTH = "film.mp4", "gt.txt"


def track_run(options: Mapping[str, Any]) -> dict[str, Any]:
    """Train, track and measure.

    Args:
        options: all training arguments that are not to have their usual value, `tracker`, and where wanted `model`,
            `data` (with a film and its truth) and `conf`.

    Returns:
        The figures and paths of the printed table; `quality` is a `TrackQuality`, or None where the extra
        'track-quality' is not installed.

    Raises:
        FileNotFoundError: the data set has no film, or there is no such tracker.
    """
    options = dict(options)
    name, data = options.pop("model", MODEL), options.pop("data", DATA)
    tracking = {key: options.pop(key) for key in ("tracker", "conf") if options.get(key) is not None}
    read_settings(tracking["tracker"])  # a slip is said before the training
    film, truth = _film(data)

    start = time.perf_counter()
    model = YOLO(name, task="detect")
    model.train(data=data, **options)
    folder, trained = model.trainer.save_dir, time.perf_counter()
    tracks = folder / TRACK / "tracks.csv"
    results = model.track(
        film, stream=True, tracks=tracks, imgsz=options["imgsz"], device=options.get("device"), verbose=False,
        save=True, project=folder, name=TRACK, exist_ok=True, **tracking,
    )  # fmt: skip
    frames = sum(1 for _ in results)
    tracked = time.perf_counter()
    figures = {
        "model": name,
        "parameters": sum(p.numel() for p in model.model.parameters()),
        "frames": frames,
        "quality": measure(truth, tracks) if find_spec(LIBRARY) else None,
        "train_seconds": trained - start,
        "frames_per_second": frames / (tracked - trained),
        "weights": model.trainer.best,
        "film": next((folder / TRACK).glob(f"{film.stem}.*")),
        "tracks": tracks,
        "truth": truth,
        "total_seconds": time.perf_counter() - start,
    }
    report(figures)
    return figures


def _film(data: str) -> tuple[Path, Path]:
    """Return a data set's film and the file of its true tracks."""
    folder = Path(check_det_dataset(data)["path"])
    for file in (folder / FILM, folder / TRUTH):
        if not file.is_file():
            raise FileNotFoundError(
                f"data={data} has no '{file.name}' in '{folder}'; a data set of shapes has with task: track."
            )
    return folder / FILM, folder / TRUTH


def report(figures: Mapping[str, Any]) -> None:
    """Print the closing table."""
    rows = [
        ("model", figures["model"], f"{figures['parameters']:,} parameters"),
        ("training", f"{figures['train_seconds']:.0f} s", f"everything {figures['total_seconds']:.0f} s"),
        ("film", f"{figures['frames']} frames", f"{figures['frames_per_second']:.0f} a second, tracked and written"),
        *_quality_rows(figures["quality"]),
        ("weights", figures["weights"], ""),
        ("drawn film", figures["film"], ""),
        ("tracks", figures["tracks"], ""),
        ("true tracks", figures["truth"], ""),
    ]
    lines = [f"{head:<14} {first!s:<46} {second!s}".rstrip() for head, first, second in rows]
    LOGGER.info("\n" + "\n".join(["Quickstart", "-" * 14, *lines]) + "\n")


def _quality_rows(found: TrackQuality | None) -> list[tuple[str, str, str]]:
    """Return the rows of the table that tell how good the tracks are."""
    if found is None:
        return [("quality", f"not measured; pip install '{DISTRIBUTION}[{EXTRA}]' brings what measures tracks", "")]
    boxes = f"{found.misses} misses, {found.false_boxes} false boxes of {found.true_boxes}"
    ids = f"{found.switches} switches, {found.true_tracks} tracks, {found.found_tracks} found"
    return [
        ("HOTA", f"{found.hota:.4f}", f"DetA {found.deta:.4f}, AssA {found.assa:.4f}"),
        ("MOTA", f"{found.mota:.4f}", boxes),
        ("IDF1", f"{found.idf1:.4f}", ids),
    ]
