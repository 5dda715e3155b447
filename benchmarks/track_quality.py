"""HOTA and IDF1 of every tracker on drawn films: this package against another installation of `ultralytics`.

    python benchmarks/track_quality.py --other /path/to/other/venv/bin/python
    python benchmarks/track_quality.py --other /path/to/other/venv/bin/python --weights best.pt

Both get the same detections of the same films through `tracker.update(detections, image)`, each tracker with the
settings of its package's own YAML. Detections are the true boxes with seeded faults (misses, shifted edges, boxes of
nothing, low scores of what is partly hidden), or those of a trained detector. Needs the extras 'track' and
'track-quality'.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
TRACKERS = ("bytetrack", "botsort", "ocsort", "deepocsort", "fasttrack", "tracktrack")
FIGURES = ("hota", "deta", "assa", "mota", "idf1", "switches")
NOTHING = np.zeros((0, 6), np.float32)


def faulty(film: Any, seed: int, misses: float = 0.1, nothings: float = 0.4) -> list[np.ndarray]:
    """Return detections (N, 6), corners, score and class, of all frames: true boxes with faults.

    Args:
        film: a `Film`.
        seed: of the faults.
        misses: share of wholly visible boxes that is missed; of hidden ones it grows to five times that.
        nothings: boxes of nothing in a frame, on average.
    """
    height, width = film.size_hw
    rng = np.random.default_rng((seed, 7))
    frames = []
    for number in range(len(film)):
        truth = film.truth(number).seen()
        size = np.tile(truth.boxes_xyxy[:, 2:] - truth.boxes_xyxy[:, :2], 2)
        boxes = truth.boxes_xyxy + rng.normal(0, 0.04, size.shape) * size
        scores = np.clip(0.3 + 0.55 * truth.visibility + rng.normal(0, 0.12, len(truth)), 0.05, 0.98)
        found = rng.random(len(truth)) > misses * (5 - 4 * truth.visibility)
        rows = np.column_stack((boxes, scores, truth.cls))[found]
        count = rng.poisson(nothings)
        middle, half = rng.uniform(0, (width, height), (count, 2)), rng.uniform(0.04, 0.15, (count, 2)) * height
        more = np.column_stack((middle - half, middle + half, rng.uniform(0.05, 0.6, count), rng.integers(0, 6, count)))
        rows = np.concatenate((rows, more))
        rows[:, :4] = np.clip(rows[:, :4], 0, (width, height, width, height))
        rows = rows[((rows[:, 2:4] - rows[:, :2]) > 2).all(1)]
        frames.append(rows[np.argsort(-rows[:, 4])].astype(np.float32))
    return frames


def detected(film: Any, weights: str, imgsz: int) -> list[np.ndarray]:
    """Return what a detector finds in all frames, in the form of `faulty`."""
    from ultralytics import YOLO

    model = YOLO(weights)
    results = (model.predict(picture, conf=0.1, imgsz=imgsz, verbose=False)[0] for picture in film)
    return [result.boxes.data.cpu().numpy() for result in results]


def track(settings: dict[str, Any]) -> None:
    """Run one tracker over all films, in the child process; writes rows of tracks beside each film's detections."""
    import cv2

    from ultralytics.engine.results import Boxes
    from ultralytics.trackers.track import TRACKER_MAP
    from ultralytics.utils import YAML, IterableSimpleNamespace
    from ultralytics.utils.checks import check_yaml

    name = settings["tracker"]
    args = IterableSimpleNamespace(**{**YAML.load(check_yaml(f"{name}.yaml")), **settings["changes"]})
    for folder in map(Path, settings["films"]):
        tracker = TRACKER_MAP[args.tracker_type](args)
        video, rows = cv2.VideoCapture(str(folder / "film.mp4")), [np.zeros((0, 9))]
        with np.load(folder / "detections.npz") as detections:
            for number in range(len(detections)):
                picture = video.read()[1]
                found = tracker.update(Boxes(detections[str(number)], picture.shape[:2]), picture)
                found = np.asarray(found, float).reshape(-1, 8)  # corners, id, score, class, row
                frame, unknown = np.full(len(found), number + 1), np.full(len(found), -1)
                size = found[:, 2:4] - found[:, :2]
                rows.append(
                    np.column_stack((frame, found[:, 4], found[:, :2], size, found[:, 5:6], found[:, 6] + 1, unknown))
                )
        np.save(folder / f"{settings['out']}.npy", np.concatenate(rows))


def run(python: str | None, settings: dict[str, Any]) -> None:
    """Run `track` by an interpreter; this one, with this tree's package, when None."""
    environment = {**os.environ, "YOLO_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    if python is not None:
        environment.pop("PYTHONPATH")
    command = [python or sys.executable, str(Path(__file__).resolve()), "--child", json.dumps(settings)]
    done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"{settings['tracker']}: {done.stderr.strip().splitlines()[-1]}")


def prepare(folder: Path, args: argparse.Namespace) -> list[Path]:
    """Write films, truth and detections, unless they are there; return their folders."""
    from ultralytics.data.generators.film import Film
    from ultralytics.data.generators.film_set import mot_rows

    folders = []
    for seed in range(args.films):
        film, place = Film(seed, size_hw=(240, 320), seconds=args.seconds), folder / str(seed)
        folders.append(place)
        if (place / "detections.npz").is_file():
            continue
        film.write(place / "film.mp4")
        np.save(place / "gt.npy", mot_rows(film))
        found = detected(film, args.weights, args.imgsz) if args.weights else faulty(film, seed)
        np.savez(place / "detections.npz", **{str(number): rows for number, rows in enumerate(found)})
    return folders


def judge(folders: list[Path], out: str) -> dict[str, np.ndarray]:
    """Return the figures of a tracker, film by film."""
    from ultralytics.trackers.measure import measure

    found = [measure(np.load(folder / "gt.npy"), np.load(folder / f"{out}.npy")) for folder in folders]
    return {name: np.array([getattr(one, name) for one in found], float) for name in FIGURES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", help="interpreter that has the other package; without it only ours is measured")
    parser.add_argument("--weights", help="detector whose detections are tracked, instead of true boxes with faults")
    parser.add_argument("--imgsz", type=int, default=192, help="input size of the detector")
    parser.add_argument("--films", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a film")
    parser.add_argument("--trackers", nargs="+", default=TRACKERS, choices=TRACKERS)
    parser.add_argument("--set", default="{}", help='settings to change for both, as JSON: {"gmc_method": "none"}')
    parser.add_argument("--folder", help="keep films and detections there, for further runs with the same arguments")
    parser.add_argument("--json", help="file for the figures of every film")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        track(json.loads(args.child))
        return
    sys.path.insert(0, str(ROOT))
    figures: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        folders = prepare(Path(args.folder or folder), args)
        print(f"{'':<22}" + "".join(f"{name:>10}" for name in FIGURES))
        for name in args.trackers:
            for side, python in (("ours", None), ("other", args.other))[: 1 + bool(args.other)]:
                settings = {"tracker": name, "changes": json.loads(args.set), "films": list(map(str, folders))}
                run(python, {**settings, "out": f"{name}-{side}"})
                found = judge(folders, f"{name}-{side}")
                figures[f"{name}, {side}"] = {key: values.tolist() for key, values in found.items()}
                print(
                    f"{name + ', ' + side:<22}" + "".join(f"{values.mean():10.4f}" for values in found.values()),
                    flush=True,
                )
    if args.json:
        Path(args.json).write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
