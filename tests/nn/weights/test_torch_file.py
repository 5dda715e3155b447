"""Loading and saving by torch under the rules of this package, and other names for modules."""

from __future__ import annotations

import io
import json
import pickle
import sys

import pytest
import torch

from ultralytics.nn.models import DetectionModel
from ultralytics.nn.tasks import temporary_modules
from ultralytics.nn.weights.errors import CheckpointError, UnsafeCheckpointError
from ultralytics.utils.files import update_models
from ultralytics.utils.patches import torch_load, torch_save


class Payload:
    def __reduce__(self):
        return print, ("code of the file has run",)


def test_files_come_back(tmp_path):
    torch_save({"a": torch.ones(2)}, tmp_path / "x.pt")
    assert torch.equal(torch_load(tmp_path / "x.pt", map_location="cpu")["a"], torch.ones(2))
    assert torch.equal(torch_load(tmp_path / "x.pt", weights_only=True)["a"], torch.ones(2))
    buffer = io.BytesIO()
    torch_save([1], buffer)
    buffer.seek(0)
    assert torch_load(buffer) == [1]
    torch_save({"a": [torch.ones(2), (torch.nn.Linear(1, 1),)], "b": 1}, tmp_path / "y.pt")
    moved = torch_load(tmp_path / "y.pt", torch.device("meta"))
    assert moved["a"][0].is_meta and moved["a"][1][0].weight.is_meta and moved["b"] == 1
    (tmp_path / "z.pt").write_bytes(b"PK and then nothing")
    with pytest.raises(CheckpointError, match=r"z\.pt"):
        torch_load(tmp_path / "z.pt")


def test_files_run_nothing(tmp_path, capsys):
    torch_save(Payload(), tmp_path / "x.pt")
    for options in ({}, {"weights_only": False}):
        with pytest.raises(UnsafeCheckpointError):
            torch_load(tmp_path / "x.pt", **options)
    with pytest.raises(ValueError, match="trust=True"):
        torch_load(tmp_path / "x.pt", pickle_module=pickle)
    assert capsys.readouterr().out == ""
    torch_load(tmp_path / "x.pt", trust=True)
    assert "has run" in capsys.readouterr().out


def test_a_file_that_cannot_be_saved_stays(tmp_path):
    torch_save(1, tmp_path / "x.pt")
    with pytest.raises(Exception):
        torch_save(lambda: 0, tmp_path / "x.pt")
    assert torch_load(tmp_path / "x.pt") == 1 and [f.name for f in tmp_path.iterdir()] == ["x.pt"]


def test_old_checkpoints_written_anew(tmp_path):
    model = DetectionModel("yolov8n.yaml", nc=2, verbose=False)
    torch.save({"model": model, "ema": None, "train_args": {"imgsz": 64}, "version": "8.0.0"}, tmp_path / "old.pt")
    (written,) = update_models(("old.pt",), source_dir=tmp_path)
    content = torch_load(written)
    assert written == tmp_path / "updated_models" / "old.pt" and content["version"] != "8.0.0"
    assert next(content["model"].parameters()).dtype == torch.float16 and content["train_args"]["imgsz"] == 64


def test_other_names_for_modules():
    assert "old_json" not in sys.modules
    with temporary_modules({"old_json": "json"}, {"json.write": "json.dumps"}):
        import old_json

        assert old_json is json and json.write is json.dumps
    assert "old_json" not in sys.modules and not hasattr(json, "write")
    before = json.dumps
    with pytest.raises(KeyError), temporary_modules({"json": "io"}, {"json.dumps": "json.loads"}):
        assert sys.modules["json"] is io and json.dumps is json.loads
        raise KeyError
    assert sys.modules["json"] is json and json.dumps is before
    with pytest.raises(AttributeError), temporary_modules(attributes={"json.write": "json.nothing"}):
        pass
    with temporary_modules():
        pass
