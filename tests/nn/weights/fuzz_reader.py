"""Reads made-up and damaged checkpoints for a while, in a process of its own that watches what reading does.

    python fuzz_reader.py programs|files SECONDS SEED FOLDER

`programs` are pickles that hypothesis composes of the classes of torch, torchvision, timm, numpy and this package;
`files` are real ones with a few changes. The process ends with an error, and leaves the file in FOLDER, when reading
raises anything but a `CheckpointError`, takes too long or too much memory, changes an object that was there before, or
does what an audit hook forbids: run or compile code, import, write a file, use the system, processes or the network.
"""

from __future__ import annotations

import functools
import importlib
import io
import pickle
import pickletools
import random
import resource
import signal
import sys
import time
import types
import warnings
import zipfile
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[3])]

import numpy as np  # noqa: E402
import timm.layers  # noqa: E402
import torch  # noqa: E402
import torchvision  # noqa: E402
from checkpoint_helpers import archive, call, glob, named, new, text, tup  # noqa: E402
from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch import nn  # noqa: E402

from ultralytics.nn.models import DetectionModel, RTDETRDetectionModel, SegmentationModel  # noqa: E402
from ultralytics.nn.weights import classes, library, revive  # noqa: E402
from ultralytics.nn.weights.checkpoint import load_checkpoint  # noqa: E402
from ultralytics.nn.weights.errors import CheckpointError  # noqa: E402
from ultralytics.nn.weights.plain import ENCODINGS  # noqa: E402

SECONDS_EACH = 30  # of the processor; the largest program that is allowed takes a few
GROWTH = 2**30  # bytes that the process may grow by
FORBIDDEN = ("os.", "subprocess.", "socket.", "ctypes.", "shutil.", "urllib.", "pty.", "winreg.", "ftplib.", "http.")
ALONE = frozenset({"exec", "compile", "import", "code.__new__", "pickle.find_class", "marshal.loads", "sys.setprofile"})
WRITING = frozenset("wax+")
HARMLESS = frozenset({"os.listdir", "os.scandir"})  # looking for the file

for encoding in ("cp437", "raw-unicode-escape", *ENCODINGS):
    b"x".decode(encoding)  # Python loads encodings when they are first used
for home in {*classes.HOMES.values(), *library.LAYERS, *library.ENUMS, *library.FUNCTIONS}:
    importlib.import_module(home)

# What the watch sees --------------------------------------------------------------------------------------------------

armed = False
events: list[str] = []


def watch(event: str, args: tuple) -> None:
    """Note what must not happen while a file is read."""
    if not armed or event in HARMLESS:
        return
    writes = event == "open" and isinstance(args[1], str) and WRITING & set(args[1])
    if writes or event in ALONE or event.startswith(FORBIDDEN):
        events.append(f"{event} {str(args)[:200]}")


def reachable() -> dict[tuple[str, ...], dict[str, int]]:
    """Return the attributes of all modules, classes, functions and other objects that the reader might come across."""
    roots = ("torch", "torchvision", "timm", "numpy", "ultralytics", "builtins", "collections", "datetime", "pathlib")
    found: dict[tuple[str, ...], dict[str, int]] = {}
    kept: list[Any] = []  # so that no identity is used again
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] not in roots or not isinstance(module, types.ModuleType):
            continue
        found[name,] = {key: id(value) for key, value in vars(module).items() if key != "__warningregistry__"}
        for key, value in list(vars(module).items()):
            own = getattr(value, "__dict__", None)
            if isinstance(own, (dict, types.MappingProxyType)) and not isinstance(value, types.ModuleType):
                found[name, key] = {str(k): id(v) for k, v in own.items() if k not in {"__abstractmethods__"}}
                kept += own.values()
            elif isinstance(value, (dict, list, set)):
                found[name, key] = {"length": len(value)}
    reachable.kept = kept  # type: ignore[attr-defined]
    return found


# What is read ---------------------------------------------------------------------------------------------------------


class TooLong(BaseException):
    """Reading has taken too much time."""


def _stop(*_: Any) -> None:
    raise TooLong


def attempt(data: bytes, folder: Path) -> bool:
    """Read one file; whether it holds a network.

    Raises:
        SystemExit: reading does what it must not.
    """
    global armed
    file = folder / "attempt.pt"
    file.write_bytes(data)
    events.clear()
    trouble = ""
    network: Any = None
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS_EACH)
    armed = True
    try:
        network, _ = load_checkpoint(file)
    except CheckpointError as error:
        if len(str(error)) > 5000:
            trouble = "a message of many pages"
    except BaseException as error:
        trouble = f"{type(error).__name__}: {str(error)[:500]}"
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    if network is not None:
        trouble = trouble or replaced(network)
    if events or trouble:
        (folder / "failed.pt").write_bytes(data)
        print(f"{folder / 'failed.pt'}: {trouble} {events[:5]}", flush=True)
        sys.exit(1)
    return network is not None


def replaced(network: nn.Module) -> str:
    """Return which code of a class an object of a network has something else for, if any."""
    for module in network.modules():
        for name in vars(module):
            default = next((vars(base)[name] for base in type(module).__mro__ if name in vars(base)), None)
            if name != "type" and (callable(default) or isinstance(default, (property, str))):
                return f"'{name}' of {type(module)} is replaced"
    return ""


# Programs -------------------------------------------------------------------------------------------------------------

EVIL = [
    *(("os", "system"), ("builtins", "eval"), ("builtins", "getattr"), ("builtins", "setattr"), ("builtins", "type")),
    *(("functools", "partial"), ("operator", "methodcaller"), ("enum", "Enum"), ("copyreg", "_reconstructor")),
    *(("torch.fx.graph_module", "reduce_graph_module"), ("torch.storage", "_load_from_bytes"), ("torch", "load")),
    *(("timm.models.rexnet", "SEWithNorm"), ("torchvision.tv_tensors._bounding_boxes", "Enum"), ("numpy", "ndarray")),
    *(("torch._utils", "_rebuild_qtensor"), ("torch._utils", "_rebuild_sparse_tensor"), ("dill._dill", "_load_type")),
    ("torch.nn.modules.module", "Module"),
]
NAN = b"G\x7f\xf8" + bytes(6)
KEYS = [
    *("_modules", "_parameters", "_buffers", "training", "_forward_hooks", "_non_persistent_buffers_set", "model"),
    *("forward", "append", "names", "yaml", "args", "save", "stride", "task", "f", "i", "type", "np", "criterion"),
    *(
        "criterion_path",
        "transforms",
        "conv",
        "bn",
        "act",
        "cv2",
        "cv3",
        "dfl",
        "detect",
        "end2end",
        "weight",
        "0",
        "1",
    ),
    *(
        "__class__",
        "__dict__",
        "ema",
        "train_args",
        "epoch",
        "modules",
        "_flat_weights_names",
        "_metadata",
        "kpt_shape",
    ),
]


def names() -> list[tuple[str, str]]:
    """Return names of what is in the modules of the libraries."""
    found = []
    for root in ("torch.nn", "torch._utils", "torchvision", "timm", "numpy", "ultralytics.nn", "torch.storage"):
        for name, module in list(sys.modules.items()):
            if f"{name}.".startswith(f"{root}.") and isinstance(module, types.ModuleType):
                found += [(name, key) for key in vars(module) if key.isascii()]
    return sorted(found)


def programs() -> st.SearchStrategy[bytes]:
    """Return a strategy for pickles."""
    layers = [(home, name) for home, group in library.LAYERS.items() for name in sorted(group)]
    own = [(cls.__module__, name) for name, home in classes.HOMES.items() for cls in [vars(sys.modules[home])[name]]]
    makers = [tuple(key.rsplit(".", 1)) for key in sorted(revive.MAKERS)]
    pools = [st.sampled_from(pool) for pool in (names(), EVIL, layers, own, makers)]
    global_ = st.one_of(*pools).map(lambda pair: glob(*pair))
    key = st.one_of(st.sampled_from(KEYS), st.text(max_size=3)).map(text)
    number = st.one_of(
        st.integers(0, 255).map(lambda n: b"K%c" % n), st.integers().map(lambda n: pickle.dumps(n, 2)[2:-1])
    )
    storage = st.tuples(
        st.sampled_from(["FloatStorage", "HalfStorage", "LongStorage", "BoolStorage"]), st.integers(0, 9)
    )
    reference = storage.map(
        lambda s: tup(text("storage"), glob("torch", s[0]), text("0"), text("cpu"), b"K%c" % s[1]) + b"Q"
    )
    atom = st.one_of(
        st.sampled_from([b"N", b"\x88", b"\x89", b"]", b"}", b")", b"\x8f", b"h\x00", b"h\x01", b"h\x02", NAN]),
        number,
        key,
        global_,
        reference,
        st.binary(max_size=9).map(lambda b: b"C%c" % len(b) + b),
    )

    def larger(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
        several = st.lists(inner, max_size=4).map(b"".join)
        state = st.lists(st.tuples(key, inner).map(b"".join), max_size=5).map(
            lambda rows: b"}(" + b"".join(rows) + b"u"
        )
        made = st.one_of(
            several.map(tup),
            several.map(lambda items: b"](" + items + b"e"),
            state,
            st.tuples(global_, several).map(lambda pair: call(*pair)),
            st.tuples(inner, several).map(lambda pair: call(*pair)),
            st.tuples(global_, state).map(lambda pair: new(*pair)),
            st.tuples(global_, state).map(lambda pair: new(pair[0], named(_modules=pair[1]))),
            st.tuples(inner, inner).map(lambda pair: b"".join(pair) + b"b"),
            st.tuples(inner, inner).map(lambda pair: b"".join(pair) + b"a"),
            st.tuples(inner, inner, inner).map(lambda parts: b"".join(parts) + b"s"),
            inner.map(lambda part: part + b"Q"),
            st.tuples(inner, key).map(lambda pair: call(glob("builtins", "getattr"), *pair)),
        )
        return st.tuples(made, st.sampled_from([b"", b"", b"q\x00", b"q\x01", b"q\x02"])).map(b"".join)

    program = st.recursive(atom, larger, max_leaves=30)
    whole = st.one_of(program, program.map(lambda part: named(model=part)), program.map(layered))
    return whole.map(lambda part: archive(b"\x80\x04" + part + b".", {"0": bytes(36)}))


def layered(part: bytes) -> bytes:
    """A network with something for a layer."""
    layers = new(glob("torch.nn.modules.container", "Sequential"), named(_modules=named(**{"0": part})))
    return named(model=new(glob("ultralytics.nn.tasks", "DetectionModel"), named(_modules=named(model=layers))))


def run_programs(until: float, start: int, folder: Path) -> tuple[int, int]:
    """Read programs; return how many, and how many were networks."""
    count, opened = 0, 0
    strategy = programs()
    quiet = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck), "phases": [Phase.generate]}
    while time.monotonic() < until:

        @seed(start + count)
        @settings(max_examples=50, **quiet)
        @given(data=strategy)
        def some(data: bytes) -> None:
            nonlocal count, opened
            count += 1
            opened += attempt(data, folder)

        some()
    return count, opened


# Files ----------------------------------------------------------------------------------------------------------------


@functools.cache
def originals() -> list[bytes]:
    """Small checkpoints of several kinds, as bytes."""
    torch.manual_seed(0)
    body = [[-1, 1, "Conv", [8, 3, 2]], [-1, 1, "DynamicConv", [8, 3, 2]], [-1, 1, "SPPF", [8, 5]]]
    cfg = {"nc": 1, "backbone": body, "head": [[[1, 2], 1, "Detect", ["nc"]]]}
    detect = DetectionModel(cfg, verbose=False)
    segment = SegmentationModel({**cfg, "head": [[[1, 2], 1, "Segment", ["nc", 2, 4]]]}, verbose=False)
    rows = [[[1, 2], 1, "RTDETRDecoder", ["nc", 16, 5, 2, 2, 1]]]
    decoder = RTDETRDetectionModel({**cfg, "head": rows}, verbose=False)
    optimizer = torch.optim.SGD(detect.parameters(), 0.1, momentum=0.9)
    running = {
        "epoch": 1,
        "ema": detect,
        "model": None,
        "optimizer": optimizer.state_dict(),
        "train_args": {"imgsz": 32, "data": "x"},
        "train_metrics": {"fitness": np.float64(0.5)},
        "continuation": {"model": detect.state_dict(), "results": {"a": [1, 2]}, "rng": torch.get_rng_state()},
    }
    made = []
    for content in (
        running,
        {"model": segment.half()},
        {"model": decoder},
        {"model": detect.eval().fuse(verbose=False)},
    ):
        for options in ({}, {"_use_new_zipfile_serialization": False}, {"pickle_protocol": 4}):
            buffer = io.BytesIO()
            torch.save(content, buffer, **options)
            made.append(buffer.getvalue())
    return made


def damaged(data: bytes, chance: random.Random, pool: list[tuple[str, str]]) -> bytes:
    """Return a file with a few changes."""
    if chance.random() < 0.15 or not data.startswith(b"PK"):
        return scratched(data, chance)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as made:
        for entry in old.namelist():
            content = old.read(entry)
            if entry.endswith("data.pkl"):
                content = edited(content, chance, pool)
            made.writestr(entry, content)
    return out.getvalue()


def scratched(data: bytes, chance: random.Random) -> bytes:
    """Change bytes anywhere, or cut the end off."""
    if chance.random() < 0.2:
        return data[: chance.randrange(len(data))]
    new_one = bytearray(data)
    for _ in range(chance.randrange(1, 12)):
        place = chance.randrange(len(data)) if chance.random() < 0.5 else chance.randrange(min(3000, len(data)))
        new_one[place] = chance.randrange(256)
    return bytes(new_one)


def edited(data: bytes, chance: random.Random, pool: list[tuple[str, str]]) -> bytes:
    """Change operations of a pickle: drop, repeat, exchange or replace some, other names, other numbers, cut."""
    places = [place for _, _, place in pickletools.genops(data)]
    steps = [data[a:b] for a, b in zip(places, [*places[1:], len(data)], strict=True)]
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        at, other = chance.randrange(len(steps)), chance.randrange(len(steps))
        kind = chance.randrange(8)
        if kind == 0:
            steps[at] = b""
        elif kind == 1:
            steps[at] *= chance.choice((2, 3, 200))
        elif kind == 2:
            steps[at], steps[other] = steps[other], steps[at]
        elif kind == 3:
            steps[at] = chance.choice(pickletools.opcodes).code.encode("latin1") + chance.randbytes(chance.randrange(9))
        elif kind == 4:
            names_at = [n for n, step in enumerate(steps) if step[:1] == b"c"] or [at]
            steps[chance.choice(names_at)] = glob(*chance.choice(pool))
        elif kind == 5:
            numbers = [n for n, step in enumerate(steps) if step[:1] in b"KMJ" and step] or [at]
            steps[chance.choice(numbers)] = chance.choice(
                (b"J\xff\xff\xff\xff", b"J\xff\xff\xff\x7f", b"K\x00", b"N", b"]")
            )
        elif kind == 6:
            texts = [n for n, step in enumerate(steps) if step[:1] == b"X"] or [at]
            steps[chance.choice(texts)] = text(chance.choice(KEYS))
        elif chance.random() < 0.3:
            del steps[at:]
            steps.append(b".")
        if not any(steps):
            break
    return b"".join(steps)


def run_files(until: float, start: int, folder: Path) -> tuple[int, int]:
    """Read damaged files; return how many, and how many were still networks."""
    chance, pool, sources = random.Random(start), names() + EVIL * 50, originals()
    assert all(attempt(source, folder) for source in sources)
    count, opened = 0, 0
    while time.monotonic() < until:
        count += 1
        opened += attempt(damaged(chance.choice(sources), chance, pool), folder)
    return count, opened


def main() -> None:
    kind, seconds, start, place = sys.argv[1:]
    folder = Path(place)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGVTALRM, _stop)
    torch.set_num_threads(1)
    runs = {"programs": run_programs, "files": run_files}
    runs[kind](time.monotonic() + 1.0, 0, folder)  # what is loaded or kept on first use is there afterwards
    sys.addaudithook(watch)
    before, size = reachable(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count, opened = runs[kind](time.monotonic() + float(seconds), int(start) + 1, folder)
    after = reachable()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - size) * 1024
    changed = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
    print(f"{count} {kind} read, {opened} were networks, {grown / 2**20:.0f} MiB more", flush=True)
    if changed or grown > GROWTH:
        print(f"changed: {changed[:20]}")
        sys.exit(1)


if __name__ == "__main__":
    assert torchvision and timm
    main()
