"""TorchScript files whose program does more than predict."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from ultralytics import YOLO
from ultralytics.nn.autobackend import AutoBackend
from ultralytics.nn.backends.torchscript_archive import ModelFileError, UnsafeModelError, checked_copy

pytestmark = pytest.mark.filterwarnings("ignore")


class Harmless(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 1), nn.SiLU())

    def forward(self, x):
        return self.layers(x)


class WritesBySave(Harmless):
    def forward(self, x):
        torch.save(x, "written.bin")
        return self.layers(x)


class WritesByMapping(Harmless):
    def forward(self, x):
        return self.layers(x) + torch.from_file("written.bin", True, 16).sum()


def written(path: Path, module: type[nn.Module] = Harmless) -> Path:
    torch.jit.script(module().eval()).save(str(path))
    return path


def edited(path: Path, change) -> Path:
    """Pass every member's content through `change(name, content)`."""
    with zipfile.ZipFile(path) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(name, change(name, content))
    return path


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("module", [WritesBySave, WritesByMapping])
def test_programs_that_write_are_not_opened(module):
    file = written(Path("m.torchscript"), module)
    with pytest.raises(UnsafeModelError, match=r"m\.torchscript: '.*\.py' uses '(save|from_file)'.*trust=True"):
        AutoBackend(file)
    with pytest.raises(UnsafeModelError):
        YOLO(file, task="detect").predict(torch.zeros(1, 3, 32, 32))
    assert not Path("written.bin").exists()


def test_trust_opens_them(capsys):
    backend = AutoBackend(written(Path("m.torchscript"), WritesBySave), trust=True)
    assert "trust=True" in capsys.readouterr().out
    backend(torch.zeros(1, 3, 8, 8))
    assert Path("written.bin").exists()


def test_others_compute_the_same():
    file = written(Path("m.torchscript"))
    x = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(AutoBackend(file)(x), torch.jit.load(str(file))(x))


@pytest.mark.parametrize(
    "line",
    [
        "torch.save(x, 'f')",
        "x.save('f')",
        "torch . \\\n save(x, 'f')",
        "s = torch.save",
        "getattr(x, 'save')('f')",
        "getattr(torch, 'from_file')('f', True)",
        "ops.aten.from_file('f', True)",
        "ops.image.write_file('f', x)",
        "ops.mine.run('x')",
        "getattr(ops, 'mine').run('x')",
        "o = ops",
        "ops.aten.save.x",
        "rpc_sync('a', x)",
    ],
)
def test_every_way_to_such_an_operator(line):
    def change(name, content):
        return (
            content.replace(b"    return", f"    {line}\n    return".encode(), 1) if name.endswith(".py") else content
        )

    file = edited(written(Path("m.torchscript")), change)
    with pytest.raises(UnsafeModelError, match="uses '"):
        checked_copy(file)


@pytest.mark.parametrize(
    "line", ["torchvision_nms = ops.torchvision.nms", "a = ops.prim.NumToTensor(1)", "b = 'saved'"]
)
def test_what_exported_models_use_is_let_through(line):
    def change(name, content):
        return (
            content.replace(b"    return", f"    {line}\n    return".encode(), 1) if name.endswith(".py") else content
        )

    assert checked_copy(edited(written(Path("m.torchscript")), change)).getbuffer().nbytes > 1000


@pytest.mark.parametrize("code", [b"def f(:", b"\xff\xfe", b"(" * 5000, b"-" * 200_000 + b"1", b"a\0b"])
def test_texts_that_cannot_be_searched_are_not_opened(code):
    file = edited(written(Path("m.torchscript")), lambda name, content: code if name.endswith(".py") else content)
    with pytest.raises(UnsafeModelError, match="no program that can be checked"):
        AutoBackend(file)


def test_odd_archives_are_not_opened():
    file = written(Path("m.torchscript"))
    content = file.read_bytes()
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(archive.namelist()[0], b"")
    with pytest.raises(ValueError, match=r"m\.torchscript .*two members of one name"):
        AutoBackend(file)
    file.write_bytes(content)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data/bomb", bytes(100_000_000))
    with pytest.raises(ValueError, match=r"m\.torchscript unpacks to far more"):
        AutoBackend(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("m/model.json", b"{}")
        archive.writestr("m/constants.pkl", b"")
    with pytest.raises(ValueError, match=r"m\.torchscript is not a TorchScript file"):
        AutoBackend(file)


@pytest.fixture(scope="module")
def content() -> bytes:
    stream = io.BytesIO()
    torch.jit.save(torch.jit.script(Harmless().eval()), stream)
    return stream.getvalue()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6), st.floats(0.5, 1))
def test_any_damage_is_told(content, changes, share):
    raw = bytearray(content)
    for place, value in changes:
        raw[int(place * len(raw))] = value
    file = Path("damaged.torchscript")
    file.write_bytes(raw[: int(share * len(raw))] if share < 0.9 else raw)
    try:
        checked_copy(file)
    except ModelFileError as error:
        assert "damaged.torchscript" in str(error)
