"""Model files that are built without a trial by an image: they are those that pass it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from ultralytics.cfg import models
from ultralytics.nn import checked, registry
from ultralytics.nn.build import construct, plan, probe
from ultralytics.nn.models import RTDETRDetectionModel
from ultralytics.nn.names import yaml_model_load
from ultralytics.nn.registry import ModelYamlError

FILES = sorted(p for p in Path(models.__path__[0]).rglob("*.yaml") if "RTDETRDecoder" in p.read_text())


class Cropped(nn.Module):
    """A block of one's own that loses the maps' edges."""

    def __init__(self, c1: int, c2: int, k: int = 5):
        super().__init__()
        self.conv = nn.Conv2d(c1, c2, k)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)


def sizes(path: Path) -> list[dict]:
    """Return the content of a file once per size that it has."""
    content = yaml_model_load(path)
    return [{**content, "scale": scale} for scale in content.get("scales") or [""]]


def test_the_record_is_that_of_the_files():
    assert len(FILES) == 6
    found = {checked.fingerprint(yaml_model_load(path)) for path in FILES}
    assert found == set(checked.CHECKED), f"CHECKED in nn/checked.py has to be {sorted(found)}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_recorded_files_pass_the_trial_at_every_size(path):
    for content in sizes(path):
        made = plan(content)
        head = construct(made)
        head[-1].num_queries = 1
        boxes = probe(head, made, 3, 64)[0]
        assert boxes.shape[-1] == 4, content["scale"]


def count_probes(monkeypatch):
    calls = []
    monkeypatch.setattr("ultralytics.nn.models.probe", lambda *args: calls.append(args) or probe(*args))
    return calls


def test_unchanged_files_are_built_without_a_trial(monkeypatch):
    calls = count_probes(monkeypatch)
    model = RTDETRDetectionModel("rtdetr-l.yaml", nc=3, verbose=False)
    assert not calls
    assert model.stride.tolist() == [32.0]
    assert not any(m.training != model.training for m in model.modules())
    RTDETRDetectionModel(model.yaml, ch=1, verbose=False)  # as from a checkpoint, which keeps the content
    assert not calls


def test_edited_content_is_tried(monkeypatch):
    calls = count_probes(monkeypatch)
    content = yaml_model_load("yolov8n-rtdetr.yaml")
    content["head"][-1][0] = content["head"][-1][0][:2]
    RTDETRDetectionModel(content, verbose=False)
    assert calls


def test_a_wrong_row_in_an_edited_file_is_named(tmp_path):
    text = next(path for path in FILES if path.stem == "yolov8-rtdetr").read_text()
    assert "[[-1, 12], 1, Concat, [1]]" in text
    wrong = tmp_path / "yolov8n-rtdetr.yaml"
    wrong.write_text(text.replace("[[-1, 12], 1, Concat, [1]]", "[[-1, 4], 1, Concat, [1]]"))
    with pytest.raises(ModelYamlError, match="row 17"):
        RTDETRDetectionModel(wrong, verbose=False)


@pytest.mark.parametrize("block", [Cropped, nn.Identity], ids=["own", "torch's"])
def test_a_block_under_a_name_of_this_package_is_tried(monkeypatch, block):
    for name in ("_BLOCKS", "_PICKLED_AS", "_ADMITTED"):
        monkeypatch.setattr(registry, name, type(getattr(registry, name))())
    content = yaml_model_load("yolov8n-rtdetr.yaml")
    assert checked.is_checked(content, plan(content))
    registry.register(block, "in, out, *", name="SPPF", replace=True)
    assert not checked.is_checked(content, plan(content))
    if block is Cropped:
        with pytest.raises(ModelYamlError, match=r"row 11, module 'Concat'"):
            RTDETRDetectionModel(content, verbose=False)
