"""Shards: written from a data set, read from a folder and from a web server, damaged, interrupted and trained from."""

from __future__ import annotations

import functools
import json
import logging
import tarfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import yaml
from class_helpers import make_set
from hypothesis import given
from hypothesis import strategies as st

from ultralytics.cfg import entrypoint
from ultralytics.cfg.errors import ConfigError
from ultralytics.cfg.merge import get_cfg
from ultralytics.data.build import build_dataloader, build_yolo_dataset
from ultralytics.data.describe.boxes import check_det_dataset
from ultralytics.data.describe.classes import check_cls_dataset
from ultralytics.data.images.io import imread
from ultralytics.data.shards import read, write
from ultralytics.data.shards.index import ShardSetError
from ultralytics.data.shards.read import DamagedSampleError, ShardSet, is_shard_set
from ultralytics.data.shards.source import shuffled_in_windows
from ultralytics.data.shards.write import write_shards
from ultralytics.utils.downloads import DownloadError

SIZE = 1 << 16


def noise(path: Path, seed: int) -> None:
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (72, 64, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), pixels)


@pytest.fixture(scope="module")
def loose(tmp_path_factory) -> Path:
    """A data set of 40 pictures of 14 kB in loose files."""
    root = tmp_path_factory.mktemp("loose")
    for split, count, first in (("train", 32, 0), ("val", 8, 100)):
        for i in range(count):
            noise(root / "images" / split / f"p.{first + i}.png", first + i)
            label = root / "labels" / split / f"p.{first + i}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text("" if i == 3 else f"{i % 2} .5 .5 .{i % 4 + 6} .5 .6 .9\n1 .1 .1 .3 .1 .3 .3\n")
    (root / "loose.yaml").write_text(
        yaml.safe_dump({"path": str(root), "train": "images/train", "val": "images/val", "names": {0: "a", 1: "b"}})
    )
    return root


@pytest.fixture(scope="module")
def packed(loose, tmp_path_factory) -> Path:
    return write_shards(loose / "loose.yaml", tmp_path_factory.mktemp("packed") / "set", SIZE)


@pytest.fixture
def copy(packed, tmp_path) -> Path:
    """A copy of the set that a test may damage."""
    for file in packed.iterdir():
        (tmp_path / "copy").mkdir(exist_ok=True)
        (tmp_path / "copy" / file.name).write_bytes(file.read_bytes())
    return tmp_path / "copy"


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """Copies of remote shards go here."""
    monkeypatch.setattr(read.platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    monkeypatch.setattr("ultralytics.utils.net.fetch.MAX_WAIT", 0.01)
    return tmp_path / "cache"


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; drops connections in the middle of what `server.drops` counts."""

    def log_message(self, *args: object) -> None:
        """Write no log."""

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.server.asked.append(name)
        if self.server.drops.get(name, 0):
            self.server.drops[name] -= 1
            content = Path(self.translate_path(self.path)).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self.connection.close()
            return
        super().do_GET()


@pytest.fixture
def served(packed):
    service = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(packed)))
    service.asked, service.drops = [], {}
    thread = threading.Thread(target=service.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{service.server_address[1]}", service
    service.shutdown()
    service.server_close()


@pytest.fixture
def warned(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("ultralytics"), "propagate", True)
    caplog.set_level(logging.INFO)
    return lambda: "\n".join(record.getMessage() for record in caplog.records)


def opened(data, split="train", **changes):
    described = check_det_dataset(data)
    args = get_cfg(overrides={"task": "detect", "imgsz": 32, **changes})
    return build_yolo_dataset(args, described[split], 4, described, split)


# Writing --------------------------------------------------------------------------------------------------------------


def test_shards_hold_every_picture_in_a_format_of_others(packed):
    head = json.loads((packed / "shards.json").read_text())
    assert head["names"] == {"0": "a", "1": "b"} and head["task"] == "detect"
    shards = head["splits"]["train"]["shards"]
    assert len(shards) > 4 and sum(shard["images"] for shard in shards) == 32
    assert all(shard["bytes"] < SIZE + 30_000 for shard in shards)
    with tarfile.open(packed / shards[0]["name"]) as tar:
        names = tar.getnames()
        assert {member.mtime for member in tar} == {0}
    pictures = [name for name in names if name.endswith(".png")]
    # a key of the WebDataset format has no dot before its suffix; every picture has its labels beside it
    assert all(Path(name).stem.count(".") == 0 and name[:-4] + ".txt" in names for name in pictures)
    assert not list(packed.glob("*.json"))[1:]


def test_an_interrupted_run_goes_on(loose, tmp_path, monkeypatch):
    out, real, written = tmp_path / "set", write._append, []

    def stops(tar, name, content):
        written.append(name)
        if len(written) == 30:
            raise KeyboardInterrupt
        return real(tar, name, content)

    monkeypatch.setattr(write, "_append", stops)
    with pytest.raises(KeyboardInterrupt):
        write_shards(loose / "loose.yaml", out, SIZE)
    assert not (out / "shards.json").exists() and not is_shard_set(str(out))
    whole = {path.name: path.stat().st_mtime_ns for path in out.glob("*.tar")}
    assert whole and not list(out.glob(".*tmp"))
    monkeypatch.setattr(write, "_append", real)
    write_shards(loose / "loose.yaml", out, SIZE)
    assert {name: (out / name).stat().st_mtime_ns for name in whole} == whole
    assert len(opened(out)) == 32


def test_writing_twice_makes_the_same_bytes(loose, packed, tmp_path):
    again = write_shards(loose / "loose.yaml", tmp_path / "again", SIZE)
    for file in packed.glob("*.tar"):
        assert (again / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"size": "12"}, "at least"),
        ({"size": "many"}, "such as 256MB"),
        ({"out": "s3://bucket/x"}, "write to a folder"),
    ],
)
def test_impossible_requests_are_named(loose, tmp_path, changes, text):
    with pytest.raises(ValueError, match=text):
        write_shards(**{"data": loose / "loose.yaml", "out": tmp_path / "x", **changes})


def test_shards_of_another_data_set_are_left_alone(loose, tmp_path):
    (tmp_path / "other-00000.tar").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"other-00000\.tar"):
        write_shards(loose / "loose.yaml", tmp_path, SIZE)


def test_command(loose, tmp_path):
    entrypoint(f"shards data={loose / 'loose.yaml'} out={tmp_path / 'set'} size=64KiB")
    assert is_shard_set(str(tmp_path / "set"))
    with pytest.raises(ValueError, match="out="):
        entrypoint(f"shards data={loose / 'loose.yaml'}")


# Reading --------------------------------------------------------------------------------------------------------------


def test_samples_are_those_of_the_loose_files(loose, packed):
    sharded, plain = opened(packed), opened(loose / "loose.yaml")
    where = {Path(file).stem.replace(".", "_"): i for i, file in enumerate(plain.im_files)}
    assert len(sharded) == len(plain) == 32
    for i in range(32):
        ours, theirs = sharded.get_image_and_label(i), plain.get_image_and_label(where[Path(sharded.im_files[i]).stem])
        for key in ("img", "cls"):
            assert np.array_equal(ours[key], theirs[key])
        assert np.array_equal(ours["instances"].bboxes, theirs["instances"].bboxes)


def test_polygons_come_along(packed):
    described = check_det_dataset(packed)
    args = get_cfg(overrides={"task": "detect", "imgsz": 32})
    dataset = build_yolo_dataset(args, described["train"], 4, described, "train")
    assert dataset.packed.has_polygons


def test_share_and_memory_cache(packed, loose):
    part = opened(packed, fraction=0.25)
    assert len(part) == 8
    held = opened(packed, cache="ram")
    assert held.ram is not None and np.array_equal(held.load_image(5)[0], opened(packed).load_image(5)[0])
    assert opened(packed, cache="disk").cache is None


def batches(dataset, workers=0, epochs=1):
    loader = build_dataloader(dataset, 4, workers, seed=3, device="cpu")
    found = [list(batch["im_file"]) for _ in range(epochs) for batch in loader]
    loader.close()
    return found


def test_order_does_not_depend_on_workers_or_place(packed, served, cache):
    address, _ = served
    names = [[Path(file).name for file in batch] for batch in batches(opened(packed), 0, 2)]
    assert names[:8] != names[8:]
    assert [[Path(file).name for file in batch] for batch in batches(opened(packed), 2, 2)] == names
    assert [[Path(file).name for file in batch] for batch in batches(opened(address), 2, 2)] == names


@given(counts=st.lists(st.integers(0, 9), min_size=1, max_size=40), window=st.integers(1, 8), seed=st.integers(0, 99))
def test_windows_hold_few_shards_and_lose_no_picture(counts, window, seed):
    shards = np.repeat(np.arange(len(counts)), counts)
    order = shuffled_in_windows(shards, np.random.default_rng(seed), window)
    assert sorted(order.tolist()) == list(range(len(shards)))
    seen, groups = shards[order], []
    for shard in seen:
        if not groups or (shard not in groups[-1] and len(groups[-1]) == window):
            groups.append(set())
        groups[-1].add(int(shard))
    assert len(groups) == -(-len(set(seen.tolist())) // window)


def test_dropped_connections_are_taken_up_again(served, cache, warned):
    address, service = served
    service.drops = {"train-00001.tar": 2, "train.index.npz": 1, "shards.json": 1}
    dataset = opened(address)
    assert {tuple(dataset.get_image_and_label(i)["img"].shape) for i in range(32)} == {(32, 29, 3)}
    assert service.asked.count("train-00001.tar") >= 3
    copies = len(service.asked)
    again = opened(address)
    again.get_image_and_label(0)
    assert service.asked[copies:] == ["shards.json"] * 2  # nothing else is fetched twice


def test_an_address_without_a_set_says_so(served, cache, monkeypatch):
    address, _ = served
    monkeypatch.setattr(read, "RETRIES", 0)
    with pytest.raises(DownloadError, match=r"shards\.json"):
        check_det_dataset(f"{address}/nothing")


def test_other_addresses_go_through_fsspec(packed, cache):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for file in packed.iterdir():
        memory.pipe(f"/sets/small/{file.name}", file.read_bytes())
    assert len(opened("memory://sets/small")) == 32


# Damage ---------------------------------------------------------------------------------------------------------------


def damage(copy: Path, shard: int = 1) -> str:
    """Change a byte in a picture of a shard and return its name."""
    index = ShardSet(copy).index("train")
    row = int(np.flatnonzero(index.places.shard == shard)[1])
    file = copy / f"train-{shard:05d}.tar"
    content = bytearray(file.read_bytes())
    content[int(index.places.start[row]) + 200] ^= 255
    file.write_bytes(content)
    return index.labels.files[row]


def test_a_damaged_picture_is_named_and_skipped(copy, warned):
    name = damage(copy)
    dataset = opened(copy)
    files = {dataset.get_image_and_label(i)["im_file"] for i in range(32)}
    assert len(files) == 31 and name in warned() and not any(file.endswith(name) for file in files)
    again = warned()
    for i in range(32):
        dataset.get_image_and_label(i)
    assert warned() == again  # told once


def test_nothing_but_damage_is_an_error(copy):
    for file in copy.glob("train-*.tar"):
        file.write_bytes(file.read_bytes().replace(b"IDAT", b"IDAX"))
    with pytest.raises(DamagedSampleError, match="one after another"):
        opened(copy).get_image_and_label(0)


def test_a_damaged_or_missing_shard_is_named(copy):
    file = copy / "train-00002.tar"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    dataset = opened(copy)
    of_it = int(np.flatnonzero(dataset.source.index.places.shard == 2)[0])
    with pytest.raises(ShardSetError, match=r"train-00002\.tar.*bytes instead of"):
        dataset.get_image_and_label(of_it)
    file.write_bytes(bytes(len(content)))
    with pytest.raises(ShardSetError, match=r"train-00002\.tar.*no file where"):
        opened(copy).get_image_and_label(of_it)
    file.unlink()
    with pytest.raises(ShardSetError, match=r"train-00002\.tar.*missing"):
        opened(copy).get_image_and_label(of_it)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda head: head.update(format="other"), "'format'"),
        (lambda head: head["splits"]["train"]["shards"][0].update(name="../../etc/passwd"), "plain file name"),
        (lambda head: head["splits"]["train"]["shards"][0].update(bytes=-1), "whole numbers"),
        (lambda head: head["splits"]["train"].update(sha256="0" * 64), "checksum differs"),
        (lambda head: head["splits"]["train"]["shards"].pop(), "not those of the shards"),
        (lambda head: head["splits"]["train"]["shards"][0].update(evil=1), "evil"),
    ],
)
def test_heads_that_lie_are_refused(copy, change, text):
    head = json.loads((copy / "shards.json").read_text())
    change(head)
    (copy / "shards.json").write_text(json.dumps(head))
    with pytest.raises(ShardSetError, match=text):
        opened(copy)


def test_wrong_classes_and_tasks_are_refused(copy):
    head = json.loads((copy / "shards.json").read_text())
    (copy / "shards.json").write_text(json.dumps({**head, "names": ["a"], "nc": 1}))
    with pytest.raises(ValueError, match="class 1"):
        opened(copy)
    with pytest.raises(ConfigError, match="not of classes"):
        check_cls_dataset(copy)
    with pytest.raises(FileNotFoundError, match="'test'"):
        check_det_dataset(copy, split="test")


# Classes and training -------------------------------------------------------------------------------------------------


def test_classes_in_shards(tmp_path, warned):
    from ultralytics.data.shards.classes import ShardedClasses

    root = make_set(tmp_path / "set")
    plain = check_cls_dataset(root)
    out = write_shards(root, tmp_path / "packed", SIZE, task="classify")
    described = check_cls_dataset(out)
    assert described["names"] == plain["names"] and described["nc"] == plain["nc"]
    dataset = ShardedClasses(described["train"], get_cfg(overrides={"imgsz": 32}), names=described["names"])
    for i in range(len(dataset)):
        sample = dataset[i]
        loose = Path(plain["train"], described["names"][sample["cls"]], Path(sample["im_file"]).name)
        assert np.array_equal(dataset._read(sample["im_file"]), imread(loose))
    with pytest.raises(ConfigError, match="task=classify"):
        check_det_dataset(out)
    head = json.loads((out / "shards.json").read_text())
    for split in ("val", "test"):  # nothing to validate on is told, not replaced by what was trained on
        head["splits"].pop(split, None)
    (out / "shards.json").write_text(json.dumps(head))
    with pytest.raises(FileNotFoundError, match="'val'"):
        check_cls_dataset(out)


def test_training_and_validation_from_shards(packed, tmp_path):
    from ultralytics import YOLO

    run = {"imgsz": 32, "project": str(tmp_path), "workers": 0, "plots": False, "device": "cpu"}
    model = YOLO("yolov8n.yaml")
    model.train(data=str(packed), epochs=1, batch=8, **run)
    assert (tmp_path / "train" / "weights" / "last.pt").is_file()
    found = YOLO(tmp_path / "train" / "weights" / "last.pt").val(data=str(packed), **run)
    assert found.box.map50 >= 0 and found.nt_per_class.sum() == 14
