"""Training on several processes: joining the group, starting one process per device, exact losses over all of them.

Two ways in. `device=0,1` (or `device=cpu,cpu`) starts the processes here: `python -m ultralytics.engine.train.ddp
SPEC`, where SPEC is a private pickle of the trainer class, its arguments, callbacks and start weights. Under
`torchrun`, on one machine or several, every process runs the same command and finds its place in the environment.

What crosses over is pickled by reference, so it has to be importable: functions and classes of modules are; those of
the script itself are found by running that script under the name `__mp_main__`, as `multiprocessing` does, which is
why such a script keeps its training call under `if __name__ == "__main__":`.
"""

from __future__ import annotations

import contextlib
import copy
import datetime
import importlib
import io
import os
import pickle
import runpy
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ultralytics.engine.task import resolve
from ultralytics.engine.train import meeting
from ultralytics.nn.builder.registry import admit, admitted, hold, register_entry, registered
from ultralytics.utils import env
from ultralytics.utils.device import parse_device, select_device
from ultralytics.utils.dist import find_free_network_port
from ultralytics.utils.log import LOGGER
from ultralytics.utils.overrides import replacements

__all__ = [
    "ProcessLostError",
    "WorkerSpec",
    "devices_of",
    "end_with_parent",
    "join_group",
    "launch",
    "leave_group",
    "lost_process_explained",
    "pack",
    "read_spec",
    "reduce_normalizer",
    "refuse_rerun",
    "require_devices",
    "total_over_ranks",
    "unpack",
    "worker_environment",
]

TIMEOUT_S = 10_800  # ranks may wait this long for each other (the first one builds label caches)
WORKER_FLAG = "ULTRALYTICS_TRAINING_WORKER"  # set in a process that this package starts, to the number of its parent
SCRIPT_NAMES = ("__main__", "__mp_main__")  # of the user's script: as it was started, and as a worker runs it
FAILURE_NOTE = ".failed"  # suffix of the file, named by its rank, that a failing process leaves beside the spec
# How Gloo, NCCL and the store say that the other end of a connection is gone.
SIGNS_OF_LOSS = (
    "Connection closed by peer",
    "Connection reset by peer",
    "Broken pipe",
    "remote process exited",
    "communicator was aborted",
    "Socket closed",
)
GRACE_S = 15  # for the other processes to end by themselves after one has failed


# Joining
# ----------------------------------------------------------------------------------------------------------------


def devices_of(device: Any) -> list[str]:
    """Return the devices that an argument lists, one entry each (`0,1` -> two), empty for automatic choice."""
    if isinstance(device, torch.device):
        return [str(device)]
    return [part for part in parse_device(device).split(",") if part]


def require_devices(devices: Sequence[str]) -> None:
    """Check that listed devices exist, before processes are started for them.

    Raises:
        ValueError: one does not; says which there are.
    """
    if set(devices) != {"cpu"}:
        select_device(",".join(devices), verbose=False)


def rank_device(device: Any) -> str:
    """Return the device of this process: the processor if asked for or without CUDA, else one GPU per local rank."""
    listed = devices_of(device)
    if not torch.cuda.is_available() or (listed and set(listed) <= {"cpu"}):
        return "cpu"
    local = max(env.local_rank(), 0)
    if len(listed) > 1:
        return listed[local % len(listed)]
    return str(local)


def join_group(device: torch.device) -> None:
    """Enter the process group that the environment describes, unless this process is in one already."""
    dist = torch.distributed
    if dist.is_initialized():
        return
    backend = "nccl" if device.type == "cuda" and dist.is_nccl_available() else "gloo"
    place = {"rank": env.rank(), "world_size": env.world_size()}
    dist.init_process_group(
        backend,
        store=meeting.open_store(**place) if meeting.keeps_store() else None,
        **place,
        timeout=datetime.timedelta(seconds=TIMEOUT_S),
    )


class ProcessLostError(ConnectionError):
    """Another training process has ended, so that this one cannot go on."""


@contextlib.contextmanager
def lost_process_explained(world_size: int) -> Iterator[None]:
    """Turn what the libraries say when another process is gone into one sentence.

    Raises:
        ProcessLostError: it is gone.
    """
    try:
        yield
    except RuntimeError as error:
        if world_size == 1 or not any(sign in str(error) for sign in SIGNS_OF_LOSS):
            raise
        raise ProcessLostError(
            f"rank {env.rank()}: another of the {world_size} training processes has ended, and this one cannot go on "
            "without it; the messages of that one say why. With resume=auto, torchrun's restart goes on from last.pt."
        ) from error


def leave_group() -> None:
    """Leave the process group, if in one."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def idle_parameters(model: nn.Module, batch: Mapping[str, Any]) -> list[str]:
    """Return the trained parameters that a batch's loss does not reach, found on a copy of the model."""
    probe = copy.deepcopy(model).train()
    probe(dict(batch))[0].sum().backward()
    return [name for name, p in probe.named_parameters() if p.requires_grad and p.grad is None]


def wrap(model: nn.Module, device: torch.device, find_unused: bool = False) -> nn.Module:
    """Wrap a model so that gradients are averaged over the processes.

    Args:
        model: network on its device.
        device: of this process.
        find_unused: some parameters may get no gradient; looking for them costs a walk over the graph every step.
    """
    ids = [device.index] if device.type == "cuda" else None
    return nn.parallel.DistributedDataParallel(model, device_ids=ids, find_unused_parameters=find_unused)


def local_processes() -> int:
    """Return how many training processes share this machine (`torchrun` says so in the environment)."""
    return max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1"))) if env.world_size() > 1 else 1


# Losses over all processes
# ------------------------------------------------------------------------------------------------


@torch.no_grad()
def total_over_ranks(value: torch.Tensor | float, device: torch.device | None = None) -> torch.Tensor:
    """Return the sum of a number over all processes."""
    total = torch.as_tensor(value, dtype=torch.float32, device=device).clone()
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(total)
    return total


def reduce_normalizer(local: torch.Tensor) -> torch.Tensor:
    """Return the divisor that makes the mean loss over the ranks the loss of the joined batch.

    A detection loss divides by the sum of its target scores, at least 1. Over W ranks with sums s_r and numerators
    n_r the joined loss is sum(n_r) / S with S = max(sum(s_r), 1), and the mean over ranks of n_r / (S / W) is just
    that.
    """
    total = total_over_ranks(local)
    return total.clamp(min=1) / torch.distributed.get_world_size()


def sync_buffers(model: nn.Module) -> None:
    """Give every process rank 0's buffers (BatchNorm statistics)."""
    for buffer in model.buffers():
        torch.distributed.broadcast(buffer, src=0)


# Starting processes
# -------------------------------------------------------------------------------------------------------


@dataclass
class WorkerSpec:
    """Everything a worker needs to be the trainer that the parent would have been.

    Attributes:
        trainer: trainer class.
        args: its arguments.
        callbacks: event name -> functions.
        attributes: further public state of the parent's trainer, such as `initial_weights`.
    """

    trainer: type
    args: dict[str, Any]
    callbacks: dict[str, list[Callable]] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)

    def make_trainer(self, changes: Mapping[str, Any] | None = None) -> Any:
        """Return the trainer.

        Args:
            changes: arguments on top of those of the spec.
        """
        trainer = self.trainer(overrides={**self.args, **(changes or {})}, _callbacks=self.callbacks)
        for name, value in self.attributes.items():
            setattr(trainer, name, value)
        return trainer


def refuse_rerun() -> None:
    """Raise in a worker that runs the user's script again to find its functions.

    Raises:
        RuntimeError: says how to keep the training call out of its way.
    """
    if os.environ.get(WORKER_FLAG):
        raise RuntimeError(
            "a training process reached the training call of your script while importing it. Put the call under "
            '`if __name__ == "__main__":`, because every process imports the script to find your functions.'
        )


def launch(trainer: Any, devices: Sequence[str]) -> dict[str, Any]:
    """Run a trainer's job on one process per device and return rank 0's report.

    Args:
        trainer: a trainer that has not been set up.
        devices: one entry per process.

    Raises:
        RuntimeError: if a process fails, or this is a worker's rerun of the user's script.
        TypeError: if something that has to cross over cannot.
    """
    refuse_rerun()
    if trainer.args.batch < 1 or trainer.args.batch != int(trainer.args.batch):
        raise ValueError(f"batch={trainer.args.batch} finds a size for one device; give a number with several devices.")
    with tempfile.TemporaryDirectory(
        prefix="ultralytics-train-"
    ) as folder:  # mode 700: nobody else can put a pickle here
        file, report = Path(folder) / "spec.pkl", Path(folder) / "report.pkl"
        file.write_bytes(pack(spec_of(trainer, devices)))
        _run_workers(len(devices), file)
        return pickle.loads(report.read_bytes()) if report.is_file() else {}


def spec_of(trainer: Any, devices: Sequence[str]) -> WorkerSpec:
    """Return what workers on these devices, one each, need to know of a trainer that has not been set up."""
    return WorkerSpec(
        type(trainer),
        {**vars(trainer.args), "device": ",".join(devices)},
        {event: list(functions) for event, functions in trainer.callbacks.items()},
        {"initial_weights": trainer.initial_weights},
    )


def pack(spec: WorkerSpec) -> bytes:
    """Pickle a spec with what the workers have to import first."""
    crossing = [spec.trainer, *(f for functions in spec.callbacks.values() for f in functions)]
    for item in crossing:
        _require_importable(item)
    blocks = {name: block.entry() for name, block in registered().items() if not block.builtin}
    for entry in blocks.values():
        if entry["path"].partition(":")[0] in SCRIPT_NAMES:
            _require_script(f"block '{entry['path']}'")
    replaced = replacements()
    for item in replaced.values():
        _require_importable(item)
    # By path, not pickled: a class of the script itself has to be found before anything is unpickled.
    paths = {place: f"{item.__module__}:{item.__qualname__}" for place, item in replaced.items()}
    parts = {"blocks": blocks, "replaced": paths, "admitted": admitted(), "script": _script()}
    return pickle.dumps(parts) + pickle.dumps(spec)


def _script() -> str | None:
    """Return the file of the running script, None in a notebook or an interactive session."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    started_as_module = getattr(main, "__spec__", None) is not None  # python -m ...: importable by its own name
    return str(Path(file).resolve()) if file and not started_as_module and Path(file).is_file() else None


def _require_script(what: str) -> None:
    """Raise when something of `__main__` has to cross over and there is no script to run again."""
    if _script() is None:
        raise TypeError(
            f"{what} was defined in a notebook or interactive session, which training processes cannot import. Move it "
            "into a module file and import it from there."
        )


def _require_importable(item: Any) -> None:
    """Raise when a callback or trainer class cannot be found again by name in another process."""
    module, name = getattr(item, "__module__", None), getattr(item, "__qualname__", None)
    label = f"'{name or item!r}'"
    if module in SCRIPT_NAMES:
        _require_script(label)
    try:
        pickle.dumps(item)
    except Exception as error:
        raise TypeError(
            f"{label} cannot be passed to training processes ({error}). Use a function or class at the top level of a "
            "module, not a lambda or one defined inside a function."
        ) from error


def worker_environment() -> dict[str, str]:
    """Return the environment of a process that reads a spec: it finds the modules that this one finds, and this one."""
    places = os.pathsep.join(part or os.getcwd() for part in sys.path)
    return {**os.environ, "PYTHONPATH": places, WORKER_FLAG: str(os.getpid())}


def _run_workers(count: int, file: Path) -> None:
    """Start the processes, wait for them, and end all of them when one fails or the user interrupts."""
    port = find_free_network_port()
    workers = []
    try:
        for rank in range(count):
            place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
            environment = {
                **worker_environment(),
                **{k: str(v) for k, v in place.items()},
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
            }
            workers.append(subprocess.Popen([sys.executable, "-m", __name__, str(file)], env=environment))
        _wait(workers, file.parent)
    except KeyboardInterrupt:
        _wait_for_end(workers)  # the terminal has interrupted them too; let them save and say how to resume
        raise
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait()


def _wait(workers: Sequence[subprocess.Popen], folder: Path) -> None:
    """Return when all have ended well; raise as soon as one has not, naming the one that failed first."""
    while True:
        codes = [worker.poll() for worker in workers]
        failed = [(rank, code) for rank, code in enumerate(codes) if code]
        if failed:
            _wait_for_end(workers)
            first = _first_to_fail(folder)  # the others lose their connection to it and may end before it does
            rank, code = next((pair for pair in failed if pair[0] == first), failed[0])
            raise RuntimeError(
                f"the training process of rank {rank} ended with exit code {code}; its messages are above."
            )
        if all(code == 0 for code in codes):
            return
        time.sleep(0.1)


def _first_to_fail(folder: Path) -> int | None:
    """Return the rank that was the first to write that it failed, None if none could."""
    notes = sorted(folder.glob(f"*{FAILURE_NOTE}"), key=lambda note: note.stat().st_mtime_ns)
    return int(notes[0].stem) if notes else None


def _wait_for_end(workers: Sequence[subprocess.Popen]) -> None:
    """Give processes a while to end by themselves."""
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline and any(worker.poll() is None for worker in workers):
        time.sleep(0.1)


@dataclass
class FinishedValidator:
    """Stands in the parent's trainer for the validator that ran in a worker: it has the metrics."""

    metrics: Any = None


# Inside a worker
# ----------------------------------------------------------------------------------------------------------


def end_with_parent() -> None:
    """End this process when the one that started it is gone, so that a killed run leaves no workers behind.

    It may be gone already: importing takes seconds.
    """
    parent = int(os.environ.get(WORKER_FLAG) or os.getppid())

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _load_script(path: str) -> None:
    """Run the user's script as `__mp_main__` and let pickles that say `__main__` find its names."""
    module = types.ModuleType("__mp_main__")
    module.__dict__.update(runpy.run_path(path, run_name="__mp_main__"))
    sys.modules["__main__"] = sys.modules["__mp_main__"] = module


def _needs_script(payload: bytes, parts: Mapping[str, Any]) -> bool:
    paths = [*(entry["path"] for entry in parts["blocks"].values()), *parts["replaced"].values()]
    return any(name.encode() in payload or any(path.startswith(f"{name}:") for path in paths) for name in SCRIPT_NAMES)


def read_spec(file: Path) -> WorkerSpec:
    """Read a spec in a worker, after importing what it refers to."""
    return unpack(Path(file).read_bytes())


def unpack(content: bytes) -> WorkerSpec:
    """Return what `pack` made bytes of, after importing what it refers to; for what this user has packed only."""
    stream = io.BytesIO(content)
    parts = pickle.load(stream)
    payload = stream.read()
    if parts["script"] and _needs_script(payload, parts):
        _load_script(parts["script"])
    for place, path in parts["replaced"].items():
        module, _, name = place.partition(":")
        setattr(importlib.import_module(module), name, resolve(path))
    modules, packages = parts["admitted"]
    for module in modules:
        admit(module)
    hold(packages)
    for name, entry in parts["blocks"].items():
        register_entry(name, entry)
    return pickle.loads(payload)


def main(arguments: Sequence[str]) -> int:
    """Train as one of several processes; `arguments` is the spec's path."""
    end_with_parent()
    file = Path(arguments[0])
    spec = read_spec(file)
    trainer = spec.make_trainer()
    try:
        trainer.train()
    except KeyboardInterrupt:
        return 130
    finally:
        leave_group()
    if env.rank() == 0:
        (file.parent / "report.pkl").write_bytes(pickle.dumps(trainer.report()))
    return 0


if __name__ == "__main__":
    try:
        status = main(sys.argv[1:])
    except Exception:
        with contextlib.suppress(OSError):
            Path(sys.argv[1]).with_name(f"{env.rank()}{FAILURE_NOTE}").touch()
        LOGGER.exception(f"training process of rank {env.rank()} failed")
        status = 1
    sys.stdout.flush()
    os._exit(status)  # prefetching threads of a failed rank must not keep the others waiting
