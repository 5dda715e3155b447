"""The process that measures one format: export, predict once, validate.

    python -m ultralytics.engine.benchmark.child NOTES < job.json

Every step that succeeded is a line of JSON in the file of notes, so that what was reached is known whatever happens
next.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ultralytics.cfg.tasks import TASK2METRIC
from ultralytics.engine.task import resolve
from ultralytics.utils.env import ASSETS
from ultralytics.utils.files import file_size

__all__ = ["main", "measure"]


def measure(job: Mapping[str, Any], tell: Callable[..., None]) -> None:
    """Do what a job says.

    Args:
        job: the fields of `run.Job`.
        tell: called with what is known after each step.
    """
    family = resolve(job["family"])
    common = {"imgsz": job["imgsz"], "device": job["device"], "verbose": False}
    half = {"quantize": job["quantize"]} if job["quantize"] is not None else {}
    model, path = family(job["model"], trust=job["trust"]), job["model"]
    if job["format"] != "-":
        path = model.export(format=job["format"], **common, **half, **job["export"])
        model = family(path)
    tell(size=file_size(path))
    model.predict(str(ASSETS / "shapes1.jpg"), save=False, **common, **half)
    results = model.val(data=job["data"], batch=1, plots=False, **common, **half, **job["val"])
    tell(metric=float(results.results_dict[TASK2METRIC[job["task"]]]), ms=float(results.speed["inference"]))


def main(arguments: list[str]) -> int:
    """Measure the job on standard input; the argument is the file of notes."""
    job = json.load(sys.stdin)
    with open(Path(arguments[0]), "w", encoding="utf-8") as notes:

        def tell(**known: Any) -> None:
            print(json.dumps(known), file=notes, flush=True)

        try:
            measure(job, tell)
        except Exception as error:  # whatever a converter or runtime raises is a row of the table
            traceback.print_exc()
            refused = isinstance(error, AssertionError)  # an argument that the format does not take
            tell(error=type(error).__name__, reason=str(error) or type(error).__name__, refused=refused)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
