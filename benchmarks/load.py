"""How long it takes to open a checkpoint: this package against another installation of `ultralytics`.

    python benchmarks/load.py --other /path/to/other/venv/bin/python [--models yolov8n yolov8x ...] [--rounds 15]

The files are written first, with random weights in half precision, as training leaves them. The time is that of
`load_checkpoint(file)`, after one such call: reading the bytes, remaking the network, and turning it to single
precision. CPU time by default, which other work on the machine disturbs least. `--files` takes files of one's own.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pairs

MODELS = ("yolov8n", "yolov8x")


def write(model: str) -> str:
    """Write a checkpoint of a model with random weights into the current folder and return its name."""
    from ultralytics.nn.cost.info import model_from
    from ultralytics.nn.weights.checkpoint import save_checkpoint

    file = f"{model}.pt"
    save_checkpoint({"epoch": -1, "model": model_from(f"{model}.yaml").half(), "ema": None}, file)
    return file


def prepare(settings: dict[str, Any], file: str) -> Callable[[], Any]:
    """Return the work of one call."""
    import torch

    from ultralytics.nn.tasks import load_checkpoint

    torch.set_num_threads(settings["threads"])
    return lambda: load_checkpoint(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--other", help="interpreter that has the other package")
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    parser.add_argument("--files", nargs="*", default=[], help="further checkpoints")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=pairs.CLOCKS, default="cpu")
    parser.add_argument("--json", help="file for the figures")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        pairs.answer(prepare)
        return
    settings = {"threads": args.threads, "clock": args.clock}
    more = [str(Path(file).resolve()) for file in args.files]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        files = [write(model) for model in args.models]
        found = pairs.compare(__file__, args.other, [*files, *more], settings, args.rounds)
        os.chdir(pairs.ROOT)
    pairs.conclude(found, args.json, judged=bool(args.other))


if __name__ == "__main__":
    main()
