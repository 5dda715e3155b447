"""One training of a search, in a process of its own, so that its memory is given back whatever becomes of it.

The searching process writes an order, starts `python -m ultralytics.engine.tune.trial SPEC ORDER` and waits. The new
process reads the spec (`engine/train/ddp.py`), trains, and leaves its outcome in the folder of the run, where a search
that was killed finds it.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ultralytics.engine.train.ddp import WORKER_FLAG, end_with_parent, read_spec, worker_environment
from ultralytics.engine.train.runfolder import RunFolderLock
from ultralytics.utils.files import atomic_write
from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import printable

__all__ = ["Outcome", "TrialStoppedError", "run_trial"]

OUTCOME_FILE, LOG_FILE = "trial.json", "train.log"
GRACE_S = 10.0  # for a process that is told to end
REASON_LENGTH = 300


class TrialStoppedError(RuntimeError):
    """The time was up before the training had ended."""


@dataclass(frozen=True)
class Outcome:
    """What a training gave.

    Attributes:
        fitness: of the best epoch, 0 for a failed training.
        metrics: of the last validation, `fitness` among them.
        seconds: that the process ran, over all its attempts.
        epochs: that it trained.
        epoch_seconds: that an epoch took, 0 where none was finished.
        reason: why it failed, empty where it did not.
    """

    fitness: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    epochs: int = 0
    epoch_seconds: float = 0.0
    reason: str = ""


def run_trial(
    spec: Path, run: Path, args: Mapping[str, Any], stopped: Callable[[], bool] = lambda: False, echo: bool = True
) -> Outcome:
    """Train in a new process and return what came of it, or what an earlier search had made of it already.

    A run that was cut off goes on from its last.pt, which gives the same result as one that was not.

    Args:
        spec: file with the packed `WorkerSpec`.
        run: folder of the run.
        args: training arguments on top of those of the spec: numbers, texts and lists.
        stopped: whether to give up; asked several times a second.
        echo: repeat the messages of the process here.

    Raises:
        TrialStoppedError: `stopped` said so.
        KeyboardInterrupt: on Ctrl-C, after the process has ended.
    """
    known = _read_outcome(run / OUTCOME_FILE)
    if known is not None:
        return known
    _wait_for_another(run)
    last = run / "weights" / "last.pt"
    if last.is_file():
        LOGGER.info(f"going on with the interrupted run {run}")
    else:
        shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True, exist_ok=True)
    place = {
        "project": str(run.parent),
        "name": run.name,
        "exist_ok": True,
        "save_dir": None,
        "resume": str(last) if last.is_file() else False,
    }
    order = {"args": {**args, **place}, "outcome": str(run / OUTCOME_FILE)}
    with atomic_write(run / "order.json", "w") as file:
        json.dump(order, file)
    begin = time.monotonic()
    code = _run_process(
        [sys.executable, "-m", __name__, str(spec), str(run / "order.json")], run / LOG_FILE, stopped, echo
    )
    (run / "order.json").unlink(missing_ok=True)
    found = _read_outcome(run / OUTCOME_FILE)
    if found is None:
        found = Outcome(seconds=time.monotonic() - begin, reason=_ending(code))
        _write_outcome(run / OUTCOME_FILE, found)
    return found


def _wait_for_another(run: Path) -> None:
    """Wait until the process of a search that was killed has let go of a run; it ends by itself.

    Raises:
        RunFolderInUseError: it does not.
    """
    if run.is_dir():
        lock = RunFolderLock(run)
        lock.acquire(wait_s=GRACE_S)
        lock.release()


def _run_process(command: list[str], log: Path, stopped: Callable[[], bool], echo: bool) -> int:
    """Run a command with its messages in a file and return its exit code."""
    with open(log, "ab") as target, open(log, "rb") as reader:
        reader.seek(0, os.SEEK_END)
        process = subprocess.Popen(command, env=worker_environment(), stdout=target, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                if stopped():
                    raise TrialStoppedError
                _repeat(reader.read(), echo)
                time.sleep(0.1)
            _repeat(reader.read(), echo)
        except KeyboardInterrupt:
            _end(process)  # the terminal has interrupted it too; let it save
            raise
        finally:
            if process.poll() is None:
                process.terminate()
                _end(process)
        return process.returncode


def _end(process: subprocess.Popen) -> None:
    """Give a process a while to end by itself, then end it."""
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _repeat(content: bytes, echo: bool) -> None:
    if echo and content:
        sys.stdout.write(content.decode("utf-8", "replace"))
        sys.stdout.flush()


def _ending(code: int) -> str:
    """Return why a process ended that had no chance to say so."""
    if code >= 0:
        return f"the process ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    memory = "; was there not enough memory?" if name == "SIGKILL" else ""
    return f"the process was ended by signal {name}{memory}"


def _read_outcome(file: Path) -> Outcome | None:
    """Return the outcome in a file, None where there is none that makes sense."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        outcome = Outcome(**{k: v for k, v in found.items() if k in Outcome.__dataclass_fields__})
    except (OSError, ValueError, AttributeError, TypeError):
        return None
    return outcome if isinstance(outcome.fitness, (int, float)) and math.isfinite(outcome.fitness) else None


def _write_outcome(file: Path, outcome: Outcome) -> None:
    with atomic_write(file, "w") as stream:
        json.dump(asdict(outcome), stream, indent=2)


# Inside the process ---------------------------------------------------------------------------------------------------


def outcome_of(trainer: Any, seconds: float) -> Outcome:
    """Return what a finished training gave.

    Raises:
        ValueError: it has no fitness.
    """
    fitness = trainer.best_fitness
    if fitness is None or not math.isfinite(float(fitness)):
        raise ValueError(
            f"the fitness of the run is {fitness}; a search needs a validation split, and numbers from it."
        )
    metrics = getattr(getattr(trainer.validator, "metrics", None), "results_dict", None) or trainer.metrics or {}
    numbers = {k: float(v) for k, v in metrics.items() if isinstance(v, (int, float)) or getattr(v, "ndim", 1) == 0}
    rows = trainer.read_results_csv()
    times = [float(value) for value in rows.get("time", []) if value is not None]
    # The first epoch pays for warming up; the mean of the others is what more epochs would take.
    later = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else (times[0] if times else 0.0)
    return Outcome(float(fitness), {**numbers, "fitness": float(fitness)}, seconds, len(times), later)


def main(spec: Path, order: Path) -> int:
    """Train as a trial and leave its outcome; return the exit status."""
    begin = time.monotonic()
    end_with_parent()
    wanted = json.loads(order.read_text(encoding="utf-8"))
    file = Path(wanted["outcome"])
    try:
        job = read_spec(spec)
        os.environ.pop(WORKER_FLAG, None)  # from here on this is a process like any other, which may start more
        trainer = job.make_trainer(wanted["args"])
        trainer.train()
        outcome = outcome_of(trainer, time.monotonic() - begin)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        text = " ".join(str(error).split()) or "no message"
        reason = f"{type(error).__name__}: {printable(text, REASON_LENGTH)}"
        _write_outcome(file, Outcome(seconds=time.monotonic() - begin, reason=reason))
        LOGGER.exception("the training of this trial failed")
        return 1
    _write_outcome(file, outcome)
    return 0


if __name__ == "__main__":
    status = main(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.flush()
    os._exit(status)  # threads of a failed training must not keep the search waiting
