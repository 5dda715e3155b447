"""`ProfileModels`: parameters, FLOPs and the speed of several models in ONNX Runtime, as a table in Markdown."""

from __future__ import annotations

import glob
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.engine.task import resolve
from ultralytics.nn.backends.onnx import physical_cores
from ultralytics.nn.cost.flops import get_flops, get_num_params
from ultralytics.utils.cpu import get_cpu_info
from ultralytics.utils.device import select_device
from ultralytics.utils.log import LOGGER
from ultralytics.utils.silence import require_quietly

__all__ = ["ProfileModels"]

OPEN_BY_NAME = "ultralytics.cfg.cli:open_model"
SUFFIXES = (".pt", ".yaml", ".yml", ".onnx")
NOTHING = (0.0, 0.0)  # mean and deviation where nothing was timed


class ProfileModels:
    """Times models in ONNX Runtime and counts their parameters and FLOPs.

    Args:
        paths: checkpoints, model YAMLs, ONNX files, folders with these, or patterns.
        num_timed_runs: calls that are timed at least.
        num_warmup_runs: calls before that are not.
        min_time: seconds that a model is timed at least.
        imgsz: side of the images in pixels.
        quantize: precision of the ONNX files.
        trt: also time TensorRT, where the device is a GPU.
        device: where to run; chosen where None.
    """

    def __init__(
        self,
        paths: Sequence[str],
        num_timed_runs: int = 100,
        num_warmup_runs: int = 10,
        min_time: float = 60,
        imgsz: int = 640,
        quantize: int | str | None = 16,
        trt: bool = True,
        device: Any = None,
    ) -> None:
        self.paths = [paths] if isinstance(paths, str) else list(paths)
        self.num_timed_runs = num_timed_runs
        self.num_warmup_runs = num_warmup_runs
        self.min_time = min_time
        self.imgsz = imgsz
        self.quantize = quantize
        self.trt = trt
        self.device = select_device(device, verbose=False)

    def run(self) -> list[dict[str, Any]]:
        """Profile all models, print the table and return a dictionary for each.

        Keys: `model/name`, `model/parameters`, `model/GFLOPs`, `model/speed_ONNX(ms)`, `model/speed_TensorRT(ms)`.
        """
        files = self.get_files()
        if not files:
            LOGGER.warning(f"no models of {', '.join(SUFFIXES)} among {', '.join(map(str, self.paths))}.")
            return []
        LOGGER.info(f"Profiling: {[str(file) for file in files]}")
        lines, found = [], []
        for file in files:
            try:
                onnx_file, engine_file, info = self._prepared(file)
                times = self.profile_onnx_model(onnx_file), self.profile_tensorrt_model(engine_file)
            except Exception as error:  # one model that fails must not cost the others' figures
                LOGGER.error(f"'{file}' is left out: {error}")
                continue
            lines.append(self.generate_table_row(file.stem, *times, info))
            found.append(self.generate_results_dict(file.stem, *times, info))
        self.print_table(lines)
        return found

    def profile(self) -> list[dict[str, Any]]:
        """Do the same under the name of 8.1."""
        return self.run()

    def get_files(self) -> list[Path]:
        """Return the files of models that the paths name, in order."""
        files: list[str] = []
        for path in map(Path, self.paths):
            if path.is_dir():
                files += [str(one) for one in path.rglob("*") if one.suffix in SUFFIXES]
            elif path.suffix in {".yaml", ".yml"} or path.exists():
                files.append(str(path))  # a YAML may be one of the package's own
            else:
                files += glob.glob(str(path))
        return [Path(file) for file in sorted(set(files)) if Path(file).suffix in SUFFIXES]

    def _prepared(self, file: Path) -> tuple[str, str, tuple[float, float, float, float]]:
        """Return a model's ONNX file, its TensorRT file, and its layers, parameters, gradients and GFLOPs."""
        engine = str(file.with_suffix(".engine"))
        if file.suffix == ".onnx":
            return str(file), engine, self.get_onnx_model_info(str(file))
        model = resolve(OPEN_BY_NAME)(str(file), None, False)
        network = model.model
        info = (len(list(network.modules())), get_num_params(network), 0.0, get_flops(network, self.imgsz))
        options = {"quantize": self.quantize, "imgsz": self.imgsz, "device": self.device, "verbose": False}
        if self.trt and self.device.type != "cpu":
            engine = model.export(format="engine", **options)
        return model.export(format="onnx", **options), engine, info

    @staticmethod
    def get_onnx_model_info(onnx_file: str) -> tuple[float, float, float, float]:
        """Return layers, parameters, gradients and GFLOPs of an ONNX file, which tells none of them: zeros."""
        return 0.0, 0.0, 0.0, 0.0

    @staticmethod
    def iterative_sigma_clipping(data: np.ndarray, sigma: float = 2, max_iters: int = 3) -> np.ndarray:
        """Return the values that lie within `sigma` deviations of their mean, in up to `max_iters` rounds."""
        values = np.asarray(data)
        for _ in range(max_iters):
            kept = values[np.abs(values - values.mean()) <= sigma * values.std()]
            if len(kept) in {0, len(values)}:
                break
            values = kept
        return values

    @staticmethod
    def check_dynamic(tensor_shape: Sequence[Any]) -> bool:
        """Return whether an axis of an ONNX input is free."""
        return not all(isinstance(side, int) and side >= 0 for side in tensor_shape)

    def profile_tensorrt_model(self, engine_file: str, eps: float = 1e-3) -> tuple[float, float]:
        """Return mean and deviation in milliseconds of a TensorRT file; zeros without one and on processors."""
        if not self.trt or self.device.type == "cpu" or not Path(engine_file).is_file():
            return NOTHING
        model = resolve(OPEN_BY_NAME)(str(engine_file), None, False)
        picture = np.zeros((self.imgsz, self.imgsz, 3), np.uint8)
        options = {"imgsz": self.imgsz, "device": self.device, "verbose": False}
        return self._timed(lambda: model.predict(picture, **options)[0].speed["inference"], eps)

    def profile_onnx_model(self, onnx_file: str, eps: float = 1e-3) -> tuple[float, float]:
        """Return mean and deviation in milliseconds of an ONNX file on the processor, outliers left out."""
        runtime = require_quietly("onnxruntime", "export", "timing ONNX files")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = physical_cores()
        session = runtime.InferenceSession(str(onnx_file), options, providers=["CPUExecutionProvider"])
        image = session.get_inputs()[0]
        shape = (1, 3, self.imgsz, self.imgsz) if self.check_dynamic(image.shape) else image.shape
        pixels = np.random.default_rng(0).random(shape, np.float32).astype(_NUMBERS.get(image.type, np.float32))

        def call() -> float:
            start = time.perf_counter()
            session.run(None, {image.name: pixels})
            return (time.perf_counter() - start) * 1e3

        return self._timed(call, eps)

    def _timed(self, call: Callable[[], float], eps: float) -> tuple[float, float]:
        """Return mean and deviation of what calls say they took, after calls that warm up, without outliers."""
        started = time.perf_counter()
        for _ in range(self.num_warmup_runs):
            call()
        each = (time.perf_counter() - started) / max(self.num_warmup_runs, 1)
        runs = max(round(self.min_time / (each + eps)), self.num_timed_runs)
        times = self.iterative_sigma_clipping(np.array([call() for _ in range(runs)]), sigma=2, max_iters=5)
        return float(times.mean()), float(times.std())

    def generate_table_row(
        self,
        model_name: str,
        t_onnx: tuple[float, float],
        t_engine: tuple[float, float],
        model_info: tuple[float, float, float, float],
    ) -> str:
        """Return a line of the table."""
        _, parameters, _, gflops = model_info
        return (
            f"| {model_name:18s} | {self.imgsz} | - | {t_onnx[0]:.1f}±{t_onnx[1]:.1f} ms | "
            f"{t_engine[0]:.1f}±{t_engine[1]:.1f} ms | {parameters / 1e6:.1f} | {gflops:.1f} |"
        )

    @staticmethod
    def generate_results_dict(
        model_name: str,
        t_onnx: tuple[float, float],
        t_engine: tuple[float, float],
        model_info: tuple[float, float, float, float],
    ) -> dict[str, Any]:
        """Return what was found as a dictionary with the public keys."""
        _, parameters, _, gflops = model_info
        return {
            "model/name": model_name,
            "model/parameters": parameters,
            "model/GFLOPs": round(gflops, 3),
            "model/speed_ONNX(ms)": round(t_onnx[0], 3),
            "model/speed_TensorRT(ms)": round(t_engine[0], 3),
        }

    @staticmethod
    def print_table(table_rows: Sequence[str]) -> None:
        """Log the table in Markdown, with the public headings."""
        headings = (
            "Model",
            "size<br><sup>(pixels)",
            "mAP<sup>val<br>50-95",
            f"Speed<br><sup>CPU ({get_cpu_info()}) ONNX<br>(ms)",
            "Speed<br><sup>GPU TensorRT<br>(ms)",
            "params<br><sup>(M)",
            "FLOPs<br><sup>(B)",
        )
        lines = [f"| {' | '.join(headings)} |", f"|{'|'.join('-' * (len(one) + 2) for one in headings)}|"]
        LOGGER.info("\n\n" + "\n".join([*lines, *table_rows]))


_NUMBERS = {"tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8}
