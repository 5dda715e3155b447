"""Training of class maps: resumed bit for bit, and on two processes as on one."""

from __future__ import annotations

from pathlib import Path

import ddp_callbacks
import pytest
import torch
from semantic_helpers import write_data
from shape_helpers import run_settings

from ultralytics.models.yolo.semantic import SemanticSegmentationTrainer
from ultralytics.nn.weights.checkpoint import load_checkpoint, torch_safe_load


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> str:
    return write_data(tmp_path_factory.mktemp("data"))


class Interrupted(Exception):
    """Ends a run."""


def test_resumed_run_ends_like_an_undisturbed_one(data, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    options = {"model": str(Path(data).with_name("net-sem.yaml")), "data": data, "cls_pw": 0.5, "nbs": 4}
    options = {**run_settings(tmp_path, epochs=3, mosaic=1.0, close_mosaic=1, batch=4), **options}
    whole = SemanticSegmentationTrainer(overrides={**options, "name": "whole"})
    whole.train()

    def stop(trainer):
        if trainer.epoch == 1:
            raise Interrupted

    first = SemanticSegmentationTrainer(overrides={**options, "name": "half"})
    first.add_callback("on_train_batch_end", stop)
    with pytest.raises(Interrupted):
        first.train()
    second = SemanticSegmentationTrainer(overrides={"resume": str(first.last)})
    second.train()
    a, b = (load_checkpoint(trainer.last)[0].state_dict() for trainer in (whole, second))
    assert all(torch.equal(a[key], b[key]) for key in a)
    tables = [[row.split(",") for row in t.csv.read_text().split()] for t in (whole, second)]
    assert [row[:1] + row[2:] for row in tables[0]] == [row[:1] + row[2:] for row in tables[1]]


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed")
def test_two_processes_are_one_joined_batch(data, tmp_path, monkeypatch):
    """Weights and figures of two processes against one, with fixed BatchNorm statistics."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    base = run_settings(tmp_path, epochs=1, nbs=4, batch=4, warmup_epochs=0.0, lr0=0.02, save_period=1)
    base |= {"model": str(Path(data).with_name("net-sem.yaml")), "data": data, "optimizer": "SGD"}
    trainers = []
    for name, device in (("one", "cpu"), ("two", "cpu,cpu")):
        trainer = SemanticSegmentationTrainer(overrides={**base, "name": name, "device": device})
        trainer.add_callback("on_train_epoch_start", ddp_callbacks.freeze_norms)
        trainer.train()
        trainers.append(trainer)
    a, b = (torch_safe_load(t.save_dir / "weights" / "epoch0.pt")[0]["continuation"]["model"] for t in trainers)
    for key, value in a.items():
        torch.testing.assert_close(b[key], value, rtol=1e-4, atol=1e-6, msg=key)
    one, two = (t.save_dir.joinpath("results.csv").read_text().splitlines() for t in trainers)
    for name, x, y in zip(one[0].split(","), one[1].split(","), two[1].split(","), strict=True):
        if name.startswith(("train/", "metrics/")):
            assert float(y) == pytest.approx(float(x), rel=1e-3, abs=1e-4), name
