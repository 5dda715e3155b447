"""Searches by Ray Tune on two cores, as a program of its own: two trials at a time, one that is killed, going on.

Usage: tune_ray_run.py FOLDER CASE. Prints one JSON line with what a test looks at.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0", "YOLO_OFFLINE": "1"}


def note_times(trainer: Any) -> None:
    """Leave when an epoch ended, by trial; the first trial waits in its first epoch until another one is there."""
    with open(trainer.save_dir / "times.txt", "a", encoding="utf-8") as file:
        file.write(f"{time.time()} {trainer.epoch} {os.getpid()}\n")
    deadline = time.monotonic() + 200
    while len(list(trainer.save_dir.parent.glob("*/times.txt"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)


def die_once(trainer: Any) -> None:
    """End the process of a trial when its second epoch is reported, the first time."""
    flag = trainer.save_dir.parent / "died.txt"
    if trainer.epoch == 2 and not flag.exists():
        flag.touch()
        os._exit(9)


def fail_late(trainer: Any) -> None:
    """Fail in the third epoch while the search's folder says so."""
    if trainer.epoch == 2 and (trainer.save_dir.parent / "fail.txt").exists():
        raise RuntimeError("no more")


def facts(results: Any) -> list[dict[str, Any]]:
    """Return what the trials gave."""
    return [
        {
            "config": one.config,
            "metrics": one.metrics,
            "path": one.path,
            "error": str(one.error or ""),
            "epochs": [] if one.metrics_dataframe is None else one.metrics_dataframe["epoch"].tolist(),
            "files": sorted(f.name for f in Path(one.checkpoint.path).glob("*.pt")) if one.checkpoint else [],
        }
        for one in results
    ]


def main(folder: Path, case: str) -> None:
    """Search."""
    import ray
    from ray import tune
    from train_helpers import make_data, settings

    from ultralytics import YOLO

    os.chdir(folder)
    data = make_data(folder / "data", 8, 4)
    model = YOLO(data.with_name("net.yaml"))
    args = settings(data, folder / "runs", epochs=4, batch=4, name="search", optimizer="AdamW", verbose=False)
    del args["model"]
    args |= {"use_ray": True, "grace_period": 1}
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20, log_to_driver=False)
    if case == "two":
        model.add_callback("on_fit_epoch_end", note_times)
        space = {"lr0": tune.loguniform(1e-4, 1e-2), "box": (1, 20), "close_mosaic": 1, "cos_lr": [True, False]}
        found = facts(model.tune(iterations=4, space=space, **args))
    elif case == "killed":
        model.add_callback("on_fit_epoch_end", die_once)
        found = facts(model.tune(iterations=1, space="lr0", search_alg="random", **args))
    else:
        model.add_callback("on_fit_epoch_end", fail_late)
        runs = folder / "runs" / "search" / "runs"
        runs.mkdir(parents=True)
        (runs / "fail.txt").touch()
        failed = facts(model.tune(iterations=1, space="lr0", search_alg="random", **{**args, "exist_ok": True}))
        (runs / "fail.txt").unlink()
        found = [*failed, *facts(model.tune(iterations=1, space="lr0", search_alg="random", resume=True, **args))]
    grid = tune.ResultGrid(tune.ExperimentAnalysis(str(folder / "runs" / "search")))
    print(json.dumps({"found": found, "read": len(grid)}, default=str))
    ray.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
