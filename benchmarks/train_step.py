"""A training step on the processor in every arithmetic, with and without the allocator's thresholds.

    python benchmarks/train_step.py [--model yolov8n.yaml] [--imgsz 320] [--batch 16] [--threads N] [--rounds 3]

glibc returns every block over 32 MiB to the kernel as soon as it is free, so each step faults its activations in again;
`tune_allocator` keeps them. Its settings last for a process, so both sides run in processes of their own, in turns. The
figures are the shortest of several steps (forward, loss, backward) in milliseconds: anything longer was disturbed.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
BOXES = 20  # per image


def steps(model: str, imgsz: int, batch: int, threads: int, count: int, tuned: bool) -> dict[str, float]:
    """Return the shortest milliseconds of a step for every arithmetic and memory layout."""
    import torch

    from ultralytics.cfg.merge import get_cfg
    from ultralytics.engine.train.autobatch import random_batch
    from ultralytics.engine.train.mode import Precision
    from ultralytics.nn.models import DetectionModel
    from ultralytics.utils.device import tune_allocator

    if tuned:
        tune_allocator()
    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = DetectionModel(model, nc=3, verbose=False).train()
    network.args = get_cfg()
    images = random_batch(batch, imgsz, BOXES, torch.device("cpu"))
    modes = [Precision(dtype, nhwc) for dtype in ("float32", "bfloat16") for nhwc in (False, True)]
    best: dict[str, float] = {}
    for mode in modes:
        ours = copy.deepcopy(network)
        mode.apply_layout(ours)
        data = dict(images)
        if mode.channels_last:
            data["img"] = data["img"].contiguous(memory_format=torch.channels_last)
        times = []
        for _ in range(count + 1):
            begin = time.perf_counter()
            with mode.autocast(torch.device("cpu")):
                loss = ours(data)[0].sum()
            loss.backward()
            times.append(time.perf_counter() - begin)
            ours.zero_grad(set_to_none=True)
        best[f"{mode.dtype} {'NHWC' if mode.channels_last else 'NCHW'}"] = min(times[1:]) * 1e3
    return best


def run(options: dict[str, Any], tuned: bool) -> dict[str, float]:
    """Run `steps` in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--child", json.dumps({**options, "tuned": tuned})]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="yolov8n.yaml")
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=0, help="0 for torch's default")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(steps(**json.loads(args.child))))
        return
    keys = ("model", "imgsz", "batch", "threads")
    options = {**{key: getattr(args, key) for key in keys}, "count": args.steps}
    best: dict[bool, dict[str, float]] = {False: {}, True: {}}
    for _ in range(args.rounds):
        for tuned in (False, True):
            for mode, value in run(options, tuned).items():
                best[tuned][mode] = min(value, best[tuned].get(mode, value))
    print(f"{'ms per step':16}{'default':>10}{'tuned':>10}{'ratio':>8}{'of first':>10}")
    first = next(iter(best[True].values()))
    for mode, tuned_ms in best[True].items():
        plain_ms = best[False][mode]
        print(f"{mode:16}{plain_ms:10.0f}{tuned_ms:10.0f}{tuned_ms / plain_ms:8.2f}{tuned_ms / first:10.2f}")


if __name__ == "__main__":
    main()
