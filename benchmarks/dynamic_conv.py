"""What dynamic convolution costs beside the plain network: layers, training, evaluation, ONNX Runtime.

    python benchmarks/dynamic_conv.py [--scale n] [--imgsz 640] [--rounds 7] [--parts onnx,layers,eval,train] [--json
    out.json]

Every figure is the median of ratios of pairs: plain and dynamic run one after the other, in changing order, so that a
slow moment of the machine hits both. Time is CPU time of this process at one thread, which other processes on the
machine disturb least. Bars are the project's promises; the exit status is 1 where one is missed.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import nn

from ultralytics.engine.exporter import Exporter
from ultralytics.nn.backends.pytorch import NativeRuntime
from ultralytics.nn.block.conv import Conv
from ultralytics.nn.block.parameternet import DynamicConv
from ultralytics.nn.models import DetectionModel
from ultralytics.utils.device import tune_allocator
from ultralytics.utils.log import set_level

BARS = {"layers train": 1.10, "model train": 1.05, "model eval": 1.05, "onnx fixed": 1.08, "onnx free": 1.12}
# Input channels, output channels, input side at 640 pixels of the five layers, at width 1.0.
LAYERS = {3: (128, 256, 160), 5: (256, 512, 80), 7: (512, 1024, 40), 16: (256, 256, 80), 19: (512, 512, 40)}
WIDTH = {"n": 0.25, "s": 0.5, "m": 0.75, "l": 1.0, "x": 1.25}
Work = Callable[[], object]


def cost(work: Work) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def paired(plain: Work, dynamic: Work, rounds: int) -> tuple[float, float, list[float]]:
    """Return median seconds of plain, median ratio dynamic / plain, and all ratios."""
    for work in (plain, dynamic):
        work()
    base, ratios = [], []
    for i in range(rounds):
        gc.collect()
        if i % 2:
            b, a = cost(dynamic), cost(plain)
        else:
            a, b = cost(plain), cost(dynamic)
        base.append(a)
        ratios.append(b / a)
    return statistics.median(base), statistics.median(ratios), ratios


def train_step(model: nn.Module, x: torch.Tensor) -> Work:
    """Forward and backward pass with a fixed gradient of the outputs."""
    model.train()

    def outputs() -> list[torch.Tensor]:
        y = model(x)
        return [y] if isinstance(y, torch.Tensor) else [y["boxes"], y["scores"]]

    torch.manual_seed(0)
    gradients = [torch.randn_like(y) for y in outputs()]

    def step() -> None:
        model.zero_grad(set_to_none=True)
        torch.autograd.backward(outputs(), gradients)

    return step


def eval_step(runtime: NativeRuntime, x: torch.Tensor) -> Work:
    """Forward pass as prediction and validation run it."""

    def step() -> None:
        with torch.inference_mode():
            runtime.run(x)

    return step


def layers(scale: str, imgsz: int, rounds: int, batch: int = 8) -> Iterator[tuple[str, str, Work, Work]]:
    """Yield the five layers in training: convolution, norm and activation, router included; then their sum."""
    steps = []
    for index, (c1, c2, side) in LAYERS.items():
        c1, c2 = (min(int(c * WIDTH[scale]), 4096) for c in (c1, c2))
        x = torch.randn(batch, c1, side * imgsz // 640, side * imgsz // 640, requires_grad=True)
        pair = [train_step(kind(c1, c2, 3, 2), x) for kind in (Conv, DynamicConv)]
        steps.append(pair)
        yield f"layer {index}", "", *pair
    yield (
        "five layers",
        "layers train",
        lambda: [plain() for plain, _ in steps],
        lambda: [dynamic() for _, dynamic in steps],
    )


def models(scale: str) -> tuple[nn.Module, nn.Module]:
    """Return the plain and the dynamic network."""
    return tuple(DetectionModel(f"yolov8{scale}{kind}.yaml", nc=3, verbose=False) for kind in ("", "-DynamicConv"))


def evaluation(scale: str, imgsz: int, rounds: int) -> Iterator[tuple[str, str, Work, Work]]:
    """Yield whole networks in evaluation: as they are run by default, in torch's own layout, in half precision."""
    pair, cpu = models(scale), torch.device("cpu")
    kinds = {"": ({}, "model eval"), "nchw, ": ({"channels_last": False}, "model eval"), "bf16, ": ({"half": True}, "")}
    for name, (options, bar) in kinds.items():
        runtimes = [NativeRuntime(model, cpu, **options) for model in pair]
        for batch in (1, 8):
            x = torch.rand(batch, 3, imgsz, imgsz)
            yield f"{name}batch {batch}", bar, *(eval_step(runtime, x) for runtime in runtimes)


def training(scale: str, imgsz: int, rounds: int, batch: int = 8) -> Iterator[tuple[str, str, Work, Work]]:
    """Yield whole networks in training, forward and backward."""
    x = torch.rand(batch, 3, imgsz, imgsz)
    yield f"batch {batch}", "model train", *(train_step(model, x) for model in models(scale))


def onnx(scale: str, imgsz: int, rounds: int) -> Iterator[tuple[str, str, Work, Work]]:
    """Yield exported networks in ONNX Runtime, one thread."""
    import onnxruntime

    pair = [model.eval() for model in models(scale)]

    def session(model: nn.Module, folder: Path, **options) -> onnxruntime.InferenceSession:
        model.pt_path = str(folder / "model.pt")
        path = Exporter(overrides={"format": "onnx", "imgsz": imgsz, **options})(model)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])

    with tempfile.TemporaryDirectory() as folder:
        for dynamic, batches in ((False, (1, 8)), (True, (1, 8))):
            ready: list = []
            for batch in batches:
                x = torch.rand(batch, 3, imgsz, imgsz).numpy()
                if not (dynamic and ready):
                    ready = [session(model, Path(folder), dynamic=dynamic, batch=batch) for model in pair]
                works = [lambda s=s, x=x: s.run(None, {"images": x}) for s in ready]
                kind = "free" if dynamic else "fixed"
                yield f"{kind}, batch {batch}", f"onnx {kind}", *works


# ONNX Runtime comes first, while the allocator is as its users have it; training sets it, see `tune_allocator`.
PARTS = {"onnx": onnx, "layers": layers, "eval": evaluation, "train": training}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--scale", default="n", choices=list(WIDTH))
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--json", default="", help="also write the figures to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    set_level("ERROR")
    print(f"torch {torch.__version__}, 1 thread, scale {options.scale}, {options.imgsz} px, {options.rounds} rounds\n")
    print(f"{'part':<7} {'case':<16} {'plain ms':>9} {'ratio':>7} {'quartiles':>15} {'bar':>6}")
    rows, missed = [], 0
    for part in sorted(options.parts.split(","), key=list(PARTS).index):
        if part != "onnx":
            tune_allocator()
        for case, bar, plain, dynamic in PARTS[part](options.scale, options.imgsz, options.rounds):
            seconds, ratio, ratios = paired(plain, dynamic, options.rounds)
            low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else (ratio, ratio, ratio)
            limit = BARS.get(bar)
            missed += limit is not None and ratio > limit
            verdict = "" if limit is None else f"{limit:.2f} {'ok' if ratio <= limit else 'MISSED'}"
            print(
                f"{part:<7} {case:<16} {1e3 * seconds:>9.1f} {ratio:>7.3f} {low:>7.3f} {high:>7.3f} {verdict:>6}",
                flush=True,
            )
            rows.append({"part": part, "case": case, "plain_ms": 1e3 * seconds, "ratio": ratio, "bar": limit})
    if options.json:
        Path(options.json).write_text(json.dumps({"settings": vars(options), "rows": rows}, indent=1), "utf-8")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
