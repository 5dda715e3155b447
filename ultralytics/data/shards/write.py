"""Packing a data set into shards.

What goes where follows from the files alone, so a run that was interrupted goes on: a shard that is there with a note
of the same plan is not written again. Pictures to train on are shuffled once while packing, since an epoch can only
shuffle what lies in a few neighbouring shards.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ultralytics.cfg.commands import SHARDS
from ultralytics.cfg.merge import get_cfg
from ultralytics.cfg.values import read_file_size
from ultralytics.data.classify import ClassificationDataset
from ultralytics.data.dataset import YOLODataset
from ultralytics.data.describe.boxes import check_det_dataset
from ultralytics.data.describe.classes import check_cls_dataset
from ultralytics.data.describe.locate import img2label_paths
from ultralytics.data.labels.table import PackedLabels, PackedStrings
from ultralytics.data.shards.index import Places, Shard, SplitIndex, write_head
from ultralytics.data.shards.read import is_address
from ultralytics.utils.files import atomic_write
from ultralytics.utils.literals import parse_json
from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.net.fetch import sha256_of
from ultralytics.utils.tqdm import TQDM

__all__ = ["main", "write_shards"]

SPLITS = ("train", "val", "test")
FACTS = ("names", "nc", "channels", "kpt_shape", "flip_idx", "kpt_names", "kpt_oks_sigmas")
SMALLEST = 1 << 16  # bytes of a shard


class _AllPolygons(YOLODataset):
    """Labels as the files have them: polygons stay whatever the task."""

    keeps_polygons = True


def write_shards(data: str | Path, out: str | Path, size: str | int = "256MB", task: str = "", seed: int = 0) -> Path:
    """Pack a data set into shards.

    Args:
        data: data set YAML, or whatever else `data=` takes.
        out: folder to write into, new or one that an interrupted call has left.
        size: bytes of a shard, such as 256MB. A larger picture gets a shard of its own.
        task: `detect`, `segment`, `pose`, `obb` or `classify`; by default `pose` where the description has
            `kpt_shape`, else `detect`, whose labels keep their polygons and so serve segmentation too.
        seed: of the order in which pictures to train on are packed.

    Returns:
        The folder, which `data=` takes.

    Raises:
        ValueError: a size or task that is not possible, or an `out` with other shards.
        FileNotFoundError: missing images.
    """
    limit = read_file_size(size)
    if limit < SMALLEST:
        raise ValueError(f"size={size!r}: a shard should have at least {SMALLEST:,} bytes.")
    if is_address(str(out)):
        raise ValueError(f"out={out}: write to a folder, and copy it to the store with the store's own tool.")
    out = Path(out)
    described = check_cls_dataset(data) if task == "classify" else check_det_dataset(data)
    task = task or ("pose" if "kpt_shape" in described else "detect")
    out.mkdir(parents=True, exist_ok=True)
    splits = {}
    for split in SPLITS:
        if described.get(split) and described[split] not in [described.get(other) for other in splits]:
            splits[split] = _write_split(described, split, out, limit, task, seed)
    facts = {name: described[name] for name in FACTS if name in described}
    _refuse_others(out, {shard.name for shards, _ in splits.values() for shard in shards})
    write_head(out, {"task": task, **facts}, splits)
    for note in out.glob("*.tar.json"):
        note.unlink()
    total = sum(shard.images for shards, _ in splits.values() for shard in shards)
    LOGGER.info(f"{total:,} images in {sum(len(shards) for shards, _ in splits.values())} shards: data={out}")
    return out


def _refuse_others(out: Path, names: set[str]) -> None:
    others = sorted(path.name for path in out.glob("*.tar") if path.name not in names)
    if others:
        raise ValueError(f"'{out}' has shards of another data set or size: {others[0]}; give an empty folder.")


def _labels(described: Mapping[str, Any], split: str, task: str, prefix: str) -> PackedLabels:
    """Check the pictures and labels of a split and return those that can be used."""
    args = get_cfg(overrides={"task": task})
    if task == "classify":
        return ClassificationDataset(described[split], args, False, split, described["names"]).packed
    return _AllPolygons(img_path=described[split], data=described, task=task, hyp=args, prefix=prefix).packed


def _write_split(
    described: Mapping[str, Any], split: str, out: Path, limit: int, task: str, seed: int
) -> tuple[list[Shard], str]:
    """Write the shards and the index of a split and return them with the checksum of the index."""
    prefix = colorstr(f"{split}: ")
    labels = _labels(described, split, task, prefix)
    n = len(labels)
    order = np.random.default_rng(seed).permutation(n) if split == "train" else np.arange(n)
    sizes = np.array([os.stat(labels.files[i]).st_size for i in order], np.int64)
    parts = _cut(sizes, limit)
    shards, rows = [], []
    bar = TQDM(total=n, desc=f"{prefix}writing {len(parts)} shards")
    for number, part in enumerate(parts):
        members = [_Member(row, labels.files[int(order[row])], task) for row in part]
        shard, places = _write_shard(out / f"{split}-{number:05d}.tar", members)
        shards.append(shard)
        rows += [(number, *place) for place in places]
        bar.update(len(part))
    bar.close()
    table = np.array(rows, np.int64).reshape(-1, 4)
    places = Places(table[:, 0], table[:, 1], table[:, 2], table[:, 3])
    named = [f"{split}-{rows[k][0]:05d}.tar/{_Member(k, labels.files[int(order[k])], task).key}" for k in range(n)]
    taken = labels.take_images(order)
    kept = {name: getattr(taken, name) for name in ("shapes", "offsets", "cls", "boxes", "points", "point_ends")}
    packed = PackedLabels(PackedStrings(named), **kept, keypoints=taken.keypoints)
    return shards, SplitIndex.write(out / f"{split}.index.npz", packed, places)


def _cut(sizes: np.ndarray, limit: int) -> list[range]:
    """Cut pictures of these sizes into runs of about `limit` bytes."""
    parts, start, total = [], 0, 0
    for k, size in enumerate(sizes.tolist()):
        if total and total + size > limit:
            parts.append(range(start, k))
            start, total = k, 0
        total += size
    return [*parts, range(start, len(sizes))] if len(sizes) else []


@dataclass(frozen=True)
class _Member:
    """A picture on its way into a shard: its row in the index, its file, and the task of its labels."""

    row: int
    file: str
    task: str

    @property
    def key(self) -> str:
        """Name in the shard. A key of the WebDataset format ends at its first dot."""
        path = Path(self.file)
        return f"{self.row:09d}/{path.stem.replace('.', '_')}{path.suffix.lower()}"

    def labels(self) -> Iterator[tuple[str, bytes]]:
        """Yield label files: suffix and content."""
        if self.task == "classify":
            yield ".cls", Path(self.file).parent.name.encode("utf-8", "surrogateescape")
            return
        text = Path(img2label_paths([self.file])[0])
        if text.is_file():
            yield ".txt", text.read_bytes()


def _write_shard(path: Path, members: Sequence[_Member]) -> tuple[Shard, list[list[int]]]:
    """Write one tar file unless it is there, and return it with the start, size and CRC-32 of every picture."""
    note, plan = path.with_name(f"{path.name}.json"), _plan(members)
    known = _known(path, note, plan)
    if known is not None:
        return known
    places = []
    with atomic_write(path) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            content = Path(member.file).read_bytes()
            places.append([_append(tar, member.key, content), len(content), zlib.crc32(content)])
            for suffix, text in member.labels():  # for other readers; this package takes labels from the index
                _append(tar, str(Path(member.key).with_suffix(suffix)), text)
    shard = Shard(path.name, path.stat().st_size, len(members), sha256_of(path))
    with atomic_write(note, "w") as file:
        json.dump({"plan": plan, "shard": asdict(shard), "places": places}, file)
    return shard, places


def _append(tar: tarfile.TarFile, name: str, content: bytes) -> int:
    """Add a member that tells nothing of this machine, and return where its bytes begin."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, BytesIO(content))
    padded = -(-len(content) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    return tar.offset - padded


def _plan(members: Sequence[_Member]) -> str:
    """Return a text that stands for what a shard is to hold."""
    digest = hashlib.sha256()
    for member in members:
        status = os.stat(member.file)
        fact = f"{member.row}\0{member.file}\0{member.task}\0{status.st_size}\0{status.st_mtime_ns}\n"
        digest.update(fact.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _known(path: Path, note: Path, plan: str) -> tuple[Shard, list[list[int]]] | None:
    """Return what an earlier call has written, if it is the same."""
    try:
        head = parse_json(note.read_bytes(), 1 << 30)
        shard = Shard(**head["shard"])
        fits = head["plan"] == plan and path.stat().st_size == shard.bytes and sha256_of(path) == shard.sha256
        return (shard, [list(map(int, place)) for place in head["places"]]) if fits else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def main(args: Mapping[str, Any]) -> Path:
    """Run `yolo shards`.

    Args:
        args: what was given of data, out, size, task and seed.

    Raises:
        ValueError: without data or out.
    """
    chosen = SHARDS.complete(args)
    missing = [name for name in ("data", "out") if not chosen[name]]
    if missing:
        raise ValueError(f"yolo shards needs {' and '.join(f'{name}=...' for name in missing)}.")
    return write_shards(chosen["data"], chosen["out"], chosen["size"], chosen["task"] or "", chosen["seed"])
