"""Runs that are taken up in the middle of an epoch (`save_batches`)."""

from __future__ import annotations

import pytest
import torch
from train_helpers import make_data, settings, weights_of

from ultralytics.engine.train.checkpointing import continuation_of
from ultralytics.models.yolo.detect.train import DetectionTrainer
from ultralytics.nn.weights.checkpoint import load_checkpoint

# Twelve pictures, six batches an epoch; a step every second batch.
OPTIONS = {"epochs": 2, "batch": 2, "nbs": 4, "save_batches": 2, "warmup_epochs": 0.5, "val": False, "imgsz": 32}


class Interrupted(Exception):
    """Ends a run in the middle of an epoch."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("shapes"))


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def train(overrides, stop_at=None):
    """Run, interrupted after a batch if wanted, and return the trainer and the batches that it did."""
    trainer, seen = DetectionTrainer(overrides=overrides), []

    def note(t):
        seen.append(t.iteration)
        if t.iteration == stop_at:
            raise Interrupted

    trainer.add_callback("on_train_batch_end", note)
    if stop_at is None:
        trainer.train()
    else:
        with pytest.raises(Interrupted):
            trainer.train()
    return trainer, seen


def final(trainer):
    """Return the weights in training at the end, and the rows of results.csv without times."""
    rows = [row.split(",") for row in trainer.csv.read_text().split()]
    return weights_of(trainer.model), [row[:1] + row[2:] for row in rows]


@pytest.mark.parametrize(("stop_at", "first"), [(4, 4), (9, 8), (10, 10)], ids=["first-epoch", "between-steps", "late"])
def test_a_run_goes_on_with_the_next_batch_and_ends_the_same(data, tmp_path, stop_at, first):
    undisturbed, seen = train(settings(data, tmp_path / "a", **OPTIONS))
    assert seen == list(range(12))
    broken, _ = train(settings(data, tmp_path / "b", **OPTIONS), stop_at)
    part = continuation_of(load_checkpoint(broken.last)[1])
    assert (part["epoch"], part["batches"]) == (first // 6 - 1, first % 6)
    resumed, seen = train({"resume": str(broken.last)})
    assert seen == list(range(first, 12))
    (ours, rows), (theirs, expected) = final(resumed), final(undisturbed)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert rows == expected and len(rows) == 3


def test_off_by_default(data, tmp_path):
    broken, _ = train(settings(data, tmp_path, **{**OPTIONS, "save_batches": 0}), 10)
    assert continuation_of(load_checkpoint(broken.last)[1])["batches"] == 0
    assert train({"resume": str(broken.last)})[1] == list(range(6, 12))


def test_another_batch_size_begins_the_epoch_anew(data, tmp_path, capsys):
    broken, _ = train(settings(data, tmp_path, **OPTIONS), 10)
    resumed, seen = train({"resume": str(broken.last), "batch": 4})
    assert seen == [3, 4, 5] and resumed.progress.epoch == 1
    assert "begins anew" in "".join(capsys.readouterr())


def test_only_last_is_written_within(data, tmp_path):
    broken, _ = train(settings(data, tmp_path, **OPTIONS), 4)
    assert broken.last.is_file() and not broken.best.exists()
