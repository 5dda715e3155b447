"""What 8 bits cost and gain: figures, likeness of scores and time of exported files, against their own float32.

    python benchmarks/quantize.py best.pt [more.pt ...] --data my.yaml --imgsz 320 [--formats onnx openvino]

Each checkpoint is exported in float32 and in 8 bits, both files are validated on the `val` split, and they take turns
on one picture at a time; the ratio is the median of neighbours' ratios. `correlation` is that of all scores with
PyTorch's, on pictures of the `val` split.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PICTURES = 24  # for the correlation and the time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="+", help="checkpoints")
    parser.add_argument("--data", required=True)
    parser.add_argument("--calibration", default="val", help="split that is calibrated on")
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--formats", nargs="+", default=["onnx", "openvino"], choices=["onnx", "openvino"])
    parser.add_argument("--rounds", type=int, default=5, help="passes over the pictures for the time")
    parser.add_argument("--json", help="file for the figures")
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    os.environ.update(YOLO_OFFLINE="1", OMP_NUM_THREADS="1")
    rows = []
    for weights in args.weights:
        for name in args.formats:
            row = measure(Path(weights), name, args)
            rows.append(row)
            print(json.dumps(row), flush=True)
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")


def measure(weights: Path, name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one checkpoint in one format."""
    import torch

    from ultralytics import YOLO
    from ultralytics.cfg.tasks import TASK2METRIC
    from ultralytics.nn.autobackend import AutoBackend
    from ultralytics.utils.files import file_size

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        suffix = {"onnx": ".onnx", "openvino": "_openvino_model"}[name]
        files = {}
        for bits in (32, 8):
            options = {"data": args.data, "split": args.calibration} if bits == 8 else {}
            target = Path(folder) / f"{weights.stem}_{bits}{suffix}"
            model = YOLO(weights)
            files[bits] = model.export(
                format=name, imgsz=args.imgsz, quantize=bits, device="cpu", file=str(target), **options
            )
        key = TASK2METRIC[model.task]
        figures = {bits: validated(file, model.task, args) for bits, file in files.items()}
        pictures = loaded(model.task, args)
        opened = {bits: AutoBackend(file, verbose=False) for bits, file in files.items()}
        return {
            "weights": str(weights),
            "format": name,
            "metric": key,
            **{f"metric {bits}": round(figures[bits][key], 4) for bits in files},
            "correlation": round(likeness(opened[8], AutoBackend(str(weights), verbose=False), pictures), 5),
            **timed(opened, pictures, args.rounds),
            **{f"MB {bits}": round(file_size(file), 1) for bits, file in files.items()},
        }


def validated(file: str, task: str, args: argparse.Namespace) -> dict[str, float]:
    """Return the figures of a file on the `val` split."""
    from ultralytics import YOLO

    options = {"imgsz": args.imgsz, "batch": 1, "workers": 0, "plots": False, "verbose": False, "device": "cpu"}
    with tempfile.TemporaryDirectory() as folder:
        return YOLO(file, task=task).val(data=args.data, project=folder, **options).results_dict


def loaded(task: str, args: argparse.Namespace) -> list[Any]:
    """Return pictures of the `val` split as a network takes them, (1, C, H, W)."""
    import torch

    from ultralytics.cfg.tasks import TASK_INFOS
    from ultralytics.data.calibration import CalibrationPictures, calibration_files, calibration_loader, network_input

    files = calibration_files(args.data, task, fraction=PICTURES)
    pictures = CalibrationPictures(files, (args.imgsz, args.imgsz), centre=TASK_INFOS[task].class_folders)
    return [torch.from_numpy(network_input(batch)) for batch in calibration_loader(pictures)]


def likeness(exported: Any, network: Any, pictures: list[Any]) -> float:
    """Return how far all scores of a file go together with those of its network."""
    import numpy as np
    import torch

    from ultralytics.nn.backends.base import ExportPlan, as_list
    from ultralytics.nn.backends.quality import compare_scores, scores_of

    plan = ExportPlan(final_rows=bool(exported.end2end), metadata={"names": exported.names})
    scores = []
    for run in (exported, network):
        with torch.no_grad():
            scores.append(np.concatenate([scores_of(as_list(run(x))[0].numpy(), plan) for x in pictures]))
    return compare_scores(*scores).correlation or 0.0


def timed(opened: dict[int, Any], pictures: list[Any], rounds: int) -> dict[str, float]:
    """Return the milliseconds of a picture in float32 and in 8 bits, taking turns, and the ratio of neighbours."""
    times: dict[int, list[float]] = {bits: [] for bits in opened}
    for turn in range(rounds + 1):
        for x in pictures:
            for bits, backend in opened.items():
                start = time.perf_counter()
                backend(x)
                if turn:  # the first pass warms up
                    times[bits].append(time.perf_counter() - start)
    ratio = statistics.median(b / a for a, b in zip(times[32], times[8], strict=True))
    spent = {f"ms {bits}": round(statistics.median(values) * 1e3, 1) for bits, values in times.items()}
    return {**spent, "ratio": round(ratio, 3)}


if __name__ == "__main__":
    main()
