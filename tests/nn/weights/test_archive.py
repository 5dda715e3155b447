"""The containers of checkpoints: what is cut, compressed, shared or forged in them."""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
import zipfile

import numpy as np
import pytest
import torch
from checkpoint_helpers import archive, read, text
from timm.layers import CondConv2d
from torch import nn

from ultralytics.nn.block.parameternet import DynamicConv
from ultralytics.nn.block.tutorial import DynamicConv_Single
from ultralytics.nn.models import DetectionModel
from ultralytics.nn.weights.archive import opened
from ultralytics.nn.weights.checkpoint import load_checkpoint
from ultralytics.nn.weights.errors import CheckpointError


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()


def saved(content, **options) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def rewritten(data: bytes, change=lambda name, content: (name, content), **options) -> bytes:
    """Return an archive with changed entries."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", **options) as made:
        for entry in old.namelist():
            changed = change(entry, old.read(entry))
            if changed:
                made.writestr(*changed)
    return out.getvalue()


@pytest.mark.parametrize("keep", [0, 1, 3, 30, 0.1, 0.3, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_cut_files(net, keep, zipped):
    data = saved({"model": net}, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError):
        read(data[: keep if isinstance(keep, int) else int(len(data) * keep)])


def test_compressed_entries_are_refused(net):
    """A few bytes would become gigabytes."""
    data = rewritten(saved({"model": net}), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="compressed"):
        read(data)
    only = lambda name, content: (name, content)  # noqa: E731
    bomb = rewritten(archive(pickle.dumps(1), {"0": bytes(10**6)}), only, compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 10_000
    with pytest.raises(CheckpointError, match="compressed"):
        read(bomb)


def test_encrypted_entries_are_refused(net):
    data = bytearray(saved({"model": net}))
    data[6] |= 1  # flag of the first local header
    with pytest.raises(CheckpointError, match="encrypted"):
        read(bytes(data))


def test_entries_that_share_their_bytes_do_not_add_up():
    """A central directory may name the same megabyte a thousand times."""
    size, copies = 2**20, 40
    count = struct.pack("<i", size)
    pieces = [
        b"ctorch._utils\n_rebuild_tensor\n((X\x07\x00\x00\x00storagectorch\nByteStorage\n" + text(str(n))
        + text("cpu") + b"J" + count + b"tQK\x00J" + count + b"\x85K\x01\x85tR"
        for n in range(copies)
    ]  # fmt: skip
    data = archive(b"\x80\x02](" + b"".join(pieces) + b"e.", {str(n): b"" for n in range(copies)} | {"0": bytes(size)})
    with zipfile.ZipFile(io.BytesIO(data)) as made:
        real = made.getinfo("x/data/0")
    forged = bytearray(data)
    at = data.index(b"PK\x01\x02")
    while data[at : at + 4] == b"PK\x01\x02":
        name, extra, note = struct.unpack_from("<3H", data, at + 28)
        if b"x/data/" in data[at + 46 : at + 46 + name]:
            struct.pack_into("<3I", forged, at + 16, real.CRC, size, size)
            struct.pack_into("<I", forged, at + 42, real.header_offset)
        at += 46 + name + extra + note
    with pytest.raises(CheckpointError, match="longer than the file"):
        read(bytes(forged))


def test_the_order_of_bytes_is_this_machines(net):
    data = saved({"model": net})
    turned = rewritten(data, lambda name, content: (name, b"big" if name.endswith("/byteorder") else content))
    with pytest.raises(CheckpointError, match="order of bytes"):
        read(turned)
    without = rewritten(data, lambda name, content: None if name.endswith("/byteorder") else (name, content))
    assert isinstance(read(without)["model"], nn.Sequential)  # torch before 2.1


def test_storages_are_there_and_long_enough(net):
    data = saved({"model": net})
    for change in (
        lambda name, content: None if name.endswith("/data/1") else (name, content),
        lambda name, content: (name, content[:-1] if name.endswith("/data/0") else content),
    ):
        with pytest.raises(CheckpointError):
            read(rewritten(data, change))


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (0, 5, "begin as PyTorch files"),
        (1, 5, "begin as PyTorch files"),
        (2, {"little_endian": False}, "order of bytes"),
        (2, [], "order of bytes"),
        (4, "x", "list of storages"),
        (4, ["unknown"], "list of storages"),
        (4, [["x"]], "list of storages"),
        (4, [], "no storage"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_forged_streams(net, at, value, words):
    """The format before 1.6 is five pickles and the bytes of the storages."""
    data = saved({"model": net}, _use_new_zipfile_serialization=False)
    parts, place = [], io.BytesIO(data)
    for _ in range(5):
        start = place.tell()
        list(pickletools.genops(place))
        parts.append(data[start : place.tell()])
    assert isinstance(read(b"".join(parts) + data[place.tell() :])["model"], nn.Sequential)
    parts[at] = pickle.dumps(value, 2)
    with pytest.raises(CheckpointError, match=words):
        read(b"".join(parts) + data[place.tell() :])


@pytest.mark.filterwarnings("ignore")
def test_lengths_in_streams_are_checked(net):
    data = saved({"model": net}, _use_new_zipfile_serialization=False)
    start = data.rindex(b"\x80\x02]")
    for length in (2**62, -1, 2**31):
        forged = bytearray(data)
        end = data.index(b"e.", start) + 2
        struct.pack_into("<q", forged, end, length)
        with pytest.raises(CheckpointError, match="cut off"):
            read(bytes(forged))


def test_a_missing_file_is_no_damage(tmp_path):
    with pytest.raises(FileNotFoundError), opened(tmp_path / "nothing.pt"):
        pass


@pytest.mark.parametrize(
    "reference",
    [
        b"N",
        b"(X\x07\x00\x00\x00storaget",
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuJ\xff\xff\xff\xfft",
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n]X\x03\x00\x00\x00cpuK\x04t",
        b"(X\x07\x00\x00\x00storagecos\nsystem\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04t",
        b"(X\x07\x00\x00\x00storageX\x01\x00\x00\x00aX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04t",
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04(]ttt",
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04]t",
    ],
)
def test_references_are_of_storages(reference):
    call = b"\x80\x02ctorch._utils\n_rebuild_tensor\n(" + reference + b"QK\x00K\x02\x85K\x01\x85tR."
    with pytest.raises(CheckpointError):
        read(archive(call, {"0": np.arange(4, dtype=np.float32).tobytes()}))
    with pytest.raises(CheckpointError):
        read(archive(b"\x80\x02" + reference + b"Q."))


def test_networks_that_do_not_hold_together(tmp_path):
    """Each part is right by itself."""
    cfg = {"nc": 1, "backbone": [[-1, 1, "Conv", [8]]], "head": [[[0], 1, "Detect", ["nc"]]]}
    model = DetectionModel(cfg, verbose=False)
    model.model[0].__class__ = DynamicConv
    model.model[0].conv = nn.Sequential(nn.Linear(1, 1))  # the form of tutorials has another layer here
    torch.save({"model": model}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"network in '.*a\.pt' does not hold together"):
        load_checkpoint(tmp_path / "a.pt")


def test_converted_layers_are_as_large_as_their_weights(tmp_path):
    """A layer of the tutorial form says in numbers how large the one shall be that takes its place."""
    cfg = {"nc": 1, "backbone": [[-1, 1, "Conv", [8]]], "head": [[[0], 1, "Detect", ["nc"]]]}
    model = DetectionModel(cfg, verbose=False)
    single = DynamicConv_Single()
    single.routing, single.cond_conv = nn.Linear(3, 4), CondConv2d(3, 8, 1, num_experts=4)
    single.cond_conv.out_channels = 10**9
    model.model[0].__class__ = DynamicConv
    model.model[0].conv = nn.Sequential(single)
    torch.save({"model": model}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="weights instead of"):
        load_checkpoint(tmp_path / "a.pt")
