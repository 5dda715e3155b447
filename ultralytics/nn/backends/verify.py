"""A fresh export is run once and compared with torch before it is said to be one.

The runtime runs in a process of its own (`trial`), since converters exist whose files take down whatever opens them.
That process starts while the file is written, so it costs little. Formats that torch itself runs are run here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from ultralytics.nn.backends.base import ExportFormat, ExportPlan, Limits
from ultralytics.nn.backends.torchscript_archive import UnsafeModelError
from ultralytics.nn.backends.trial import ERROR, IMAGES, MISSING, OUTPUTS
from ultralytics.utils.env import ASSETS, ROOT, package_version
from ultralytics.utils.log import LOGGER
from ultralytics.utils.silence import SWITCHES
from ultralytics.utils.text import printable

__all__ = ["ExportCheckError", "Trial", "disagreement", "exact", "trial_images"]

PICTURE = "shapes1.jpg"
SECONDS = 600  # for opening and running the file, which some runtimes compile first
MOST = 0.99  # of the values are within the limits
SAME_CLASS = {32: 0.99, 16: 0.9}  # of the pixels, by the bits of the weights
OUTLIER = 50  # the others differ by at most so many times as much
MATCHED = 0.5  # of the final rows: ties change places, and boxes at a threshold come and go
SIDE = 320  # pixels, of the images that the limits hold for; values grow with the image, and errors with them


class ExportCheckError(RuntimeError):
    """An exported file that does not run, or gives something else than torch; it was not kept."""


def trial_images(plan: ExportPlan) -> torch.Tensor:
    """Return different images (B, C, H, W) for a first run; where the batch is free, one more than was recorded."""
    height, width = plan.imgsz
    picture = cv2.resize(cv2.imread(str(ASSETS / PICTURE)), (width, height))
    planes = np.resize(picture[..., ::-1].transpose(2, 0, 1), (plan.channels, height, width)).astype(np.float32) / 255
    count = plan.batch + bool(plan.any_batch)
    noise = np.random.default_rng(0).random((count, *planes.shape), np.float32)
    # Half noise: neither networks that know pictures nor those that know noise blow up what rounding leaves.
    shares = np.linspace(0.5, 0.8, count, dtype=np.float32).reshape(-1, 1, 1, 1)
    return torch.from_numpy(planes * (1 - shares) + noise * shares)


class Trial:
    """One run of an export that is about to be written; a context, so that no process is left behind.

    Args:
        form: the format.
        plan: what is exported.
        wanted: what torch gives for the plan's `trial_images`.
    """

    def __init__(self, form: ExportFormat, plan: ExportPlan, wanted: Sequence[torch.Tensor]) -> None:
        self.form, self.plan = form, plan
        self.images = trial_images(plan)
        self.wanted = [y.float().cpu().numpy() for y in wanted]
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> Trial:
        if self.form.opener:
            self._room = tempfile.TemporaryDirectory(prefix="ultralytics-trial-")
            self.folder = Path(self._room.name)
            np.save(self.folder / IMAGES, self.images.numpy())
            try:
                self.process = self._start()
            except OSError as error:  # a program without an interpreter of its own
                LOGGER.debug(f"no process to check exports in: {error}")
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
        if self.form.opener:
            self._room.cleanup()

    def check(self, path: Path) -> None:
        """Run the file and compare.

        Raises:
            ExportCheckError: it cannot be run, or gives something else; names the versions of everything involved.
        """
        if not self.form.runs_here:
            return
        got = self._run_apart(path) if self.form.opener else self._run_here(path)
        if got is None:
            return
        problem = disagreement(got, self.wanted, self.plan, self.form.limits(self.plan))
        if problem:
            raise self._refusal(f"gives something else than torch: {problem}")

    def _start(self) -> subprocess.Popen:
        paths = [str(ROOT.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        # Threads that spin while they wait for each other take ten times as long where others compute too.
        environment = {"OMP_WAIT_POLICY": "passive", **os.environ, **SWITCHES, "PYTHONPATH": os.pathsep.join(paths)}
        command = [sys.executable, "-m", "ultralytics.nn.backends.trial", self.form.opener, *self.form.runtimes]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=self.folder, env=environment, text=True, errors="replace", **pipes)

    def _run_here(self, path: Path) -> list[np.ndarray] | None:
        try:
            runtime = self.form.load(path, self.plan.device)
        except UnsafeModelError as error:
            LOGGER.debug(f"not run: {error}")  # the writer has warned of it
            return None
        return [y.float().cpu().numpy() for y in runtime.forward(self.images)]

    def _run_apart(self, path: Path) -> list[np.ndarray] | None:
        """Return the outputs of the file; None, with a warning, where there is nothing to run it with."""
        if self.process is None:
            return None
        try:
            log, _ = self.process.communicate(f"{path.resolve()}\n", timeout=SECONDS)
        except subprocess.TimeoutExpired:
            LOGGER.warning(f"the export was not checked: running it once took more than {SECONDS} s.")
            return None
        status, self.process = self.process.returncode, None
        error = self.folder / ERROR
        reason = error.read_text(encoding="utf-8") if error.is_file() else log.strip()[-500:]
        if status == MISSING:
            LOGGER.warning(f"the export was not checked: {printable(reason, 500)}")
            return None
        if status < 0:
            name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
            raise self._refusal(f"takes down the process that runs it ({name})")
        if status:
            raise self._refusal(f"cannot be run: {printable(reason, 500)}")
        with np.load(self.folder / OUTPUTS) as stored:
            return [stored[key].astype(np.float32) for key in stored.files]

    def _refusal(self, problem: str) -> ExportCheckError:
        versions = ", ".join(f"{name} {package_version(name) or '?'}" for name in self.form.packages)
        return ExportCheckError(
            f"the {self.form.facts.title} file {problem.rstrip('.')}. It was not kept. Made from torch "
            f"{torch.__version__}{' by ' if versions else ''}{versions}; other versions may agree."
        )


@contextlib.contextmanager
def exact(device: torch.device) -> Iterator[None]:
    """Compute in float32 proper, on GPUs too, within the block."""
    if device.type != "cuda":
        yield
        return
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


# Comparison -----------------------------------------------------------------------------------------------------------


def disagreement(
    got: Sequence[np.ndarray], wanted: Sequence[np.ndarray], plan: ExportPlan, limits: Limits | None
) -> str:
    """Return how the outputs of a file differ from those of torch, empty where they agree.

    Args:
        got: outputs of the file.
        wanted: outputs of torch for the same images.
        plan: what was exported.
        limits: differences that are fine; None compares shapes alone, and that there are numbers.
    """
    shapes = [[tuple(y.shape) for y in side] for side in (got, wanted)]
    if shapes[0] != shapes[1]:
        return f"its outputs have the shapes {shapes[0]}, expected {shapes[1]}"
    for number, (ours, theirs) in enumerate(zip(got, wanted, strict=True)):
        if not np.isfinite(theirs).all():
            continue  # torch itself gives no numbers
        if not np.isfinite(ours).all():
            return f"output {number} holds values that are no numbers"
        if limits is None:
            continue
        compare = _rows if not number and (plan.nms or plan.final_rows) and ours.ndim == 3 else _values
        compare = _classes if plan.class_maps else compare
        if problem := compare(ours, theirs, plan, limits):
            return f"output {number}: {problem}"
    return ""


def _parts(shape: Sequence[int], plan: ExportPlan) -> dict[str, slice]:
    """Return where along axis 1 an output has what is measured in pixels and what is a score."""
    names = plan.metadata.get("names") or ()
    if len(shape) == 2 and plan.metadata.get("task") == "classify":
        return {"scores": slice(None)}
    if len(shape) != 3 or shape[1] < 4 + len(names):
        return {"values": slice(None)}
    ends = 4 + len(names)
    return {"boxes": slice(0, 4), "scores": slice(4, ends), "further values": slice(ends, None)}


def _values(ours: np.ndarray, theirs: np.ndarray, plan: ExportPlan, limits: Limits) -> str:
    """Compare outputs value by value."""
    for name, part in _parts(theirs.shape, plan).items():
        a, b = ours[:, part], theirs[:, part]
        if not b.size:
            continue
        error, largest = np.abs(a - b), float(np.abs(b).max())
        limit = limits.score * max(1, largest) if name == "scores" else limits.pixels * max(1, largest / SIDE)
        typical = float(np.quantile(error, MOST))
        if typical > limit or error.max() > OUTLIER * limit:
            return f"{name} differ by up to {error.max():.3g}, most by up to {typical:.3g} (limit {limit:.3g})"
        if name == "scores" and limits.correlation and b.std() > 1e-3:
            likeness = float(np.corrcoef(a.ravel(), b.ravel())[0, 1]) if a.std() > 0 else 0.0
            if likeness < limits.correlation:
                return f"scores correlate by {likeness:.3f} (limit {limits.correlation:g})"
    return ""


def _classes(ours: np.ndarray, theirs: np.ndarray, plan: ExportPlan, limits: Limits) -> str:
    """Compare class maps: nearly all pixels have the same class; classes whose logits are nearly equal may change."""
    share, least = float((ours == theirs).mean()), SAME_CLASS.get(plan.precision, MATCHED)
    return "" if share >= least else f"{share:.1%} of the pixels have the same class (limit {least:.0%})"


def _rows(ours: np.ndarray, theirs: np.ndarray, plan: ExportPlan, limits: Limits) -> str:
    """Compare final detections (B, N, 6 + E): most rows of every image have their like, wherever it stands."""
    for image, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        b = b[b[:, 4] > 0] if plan.nms else b
        if not len(b):
            continue
        pixels, score = limits.pixels * max(1, float(np.abs(b).max()) / SIDE), limits.score
        apart = np.abs(a[:, None] - b[None])
        alike = (apart[..., :4].max(-1) <= OUTLIER * pixels) & (apart[..., 4] <= OUTLIER * score)
        share = float((alike & (apart[..., 5] < 0.5)).any(0).mean())
        if share < MATCHED:
            return f"{share:.0%} of {len(b)} detections in image {image} are found again (limit {MATCHED:.0%})"
    return ""
