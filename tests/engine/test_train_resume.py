"""A run that is killed at any moment and resumed ends with the same bits as one that was never stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from train_helpers import make_data, settings

from ultralytics.models.yolo.detect.train import DetectionTrainer
from ultralytics.nn.weights.checkpoint import load_checkpoint, torch_safe_load

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("shapes"))


def killed_and_resumed(data, project, *options):
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(HERE / "kill_and_resume.py"), str(data), str(project), *options]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    ("options", "count"),
    [(("0", "SGD"), 5), pytest.param(("2", "auto", "all"), 9, marks=pytest.mark.slow)],
    ids=["thread", "processes"],
)
def test_killed_runs_end_like_the_undisturbed_one(data, tmp_path, options, count):
    cases, errors = killed_and_resumed(data, tmp_path, *options)
    assert len(cases) == count
    for case in cases:
        assert case["statuses"][-1] == 0, (case, errors)
        assert case["statuses"][0] == signal.SIGKILL or case["case"] == "random moments", (case, errors)
        assert case["last"] and case["best"] and case["csv"], case


# Rules of resuming ----------------------------------------------------------------------------------------------------


class Interrupted(Exception):
    """Ends a run in its second epoch."""


@pytest.fixture
def half_done(data, tmp_path, monkeypatch):
    """Return the last checkpoint of a run that ended in its second epoch of three."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def stop(t):
        if t.epoch == 1:
            raise Interrupted

    trainer = DetectionTrainer(overrides=settings(data, tmp_path, epochs=3, optimizer="auto", patience=7))
    trainer.add_callback("on_train_batch_end", stop)
    with pytest.raises(Interrupted):
        trainer.train()
    return trainer.last


def test_resume_keeps_settings_and_warns(half_done, capsys):
    t = DetectionTrainer(overrides={"resume": str(half_done), "lr0": 0.5, "epochs": 9, "patience": 3})
    assert (t.args.epochs, t.args.patience, t.args.imgsz) == (3, 3, 64) and t.save_dir == half_done.parent.parent
    out = capsys.readouterr().out
    assert "ignored" in out and "lr0=0.5" in out and "epochs=9" in out and "patience=3" not in out
    t.train()
    assert t.progress.epoch == 2 and t.read_results_csv()["epoch"] == [1, 2, 3]


def test_resume_takes_a_run_folder(half_done):
    t = DetectionTrainer(overrides={"resume": str(half_done.parent.parent)})
    assert t.resumption.path == half_done.resolve()
    t._release()


def test_resume_true_takes_the_newest_run_here(half_done, monkeypatch):
    monkeypatch.chdir(half_done.parent.parent)
    t = DetectionTrainer(overrides={"resume": True})
    assert t.resumption.path == half_done.resolve()
    t._release()


def test_moved_run_goes_on_where_it_lies(half_done, tmp_path):
    moved = tmp_path / "elsewhere"
    half_done.parent.parent.rename(moved)
    t = DetectionTrainer(overrides={"resume": str(moved / "weights" / "last.pt")})
    t.train()
    assert t.save_dir == moved and t.progress.epoch == 2


def test_precision_of_the_run_is_kept(data, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    held = {}

    def stop(t):
        held["precision"] = t.precision
        raise Interrupted

    first = DetectionTrainer(overrides=settings(data, tmp_path, amp="bf16", channels_last=True))
    first.add_callback("on_fit_epoch_end", stop)
    with pytest.raises(Interrupted):
        first.train()
    t = DetectionTrainer(overrides={"resume": str(first.last)})
    t.train()
    assert t.precision == held["precision"] and t.precision.dtype == "bfloat16" and t.precision.channels_last


def test_finished_run_cannot_be_resumed(data, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    done = DetectionTrainer(overrides=settings(data, tmp_path, epochs=1))
    done.train()
    before = {path: path.read_bytes() for path in done.save_dir.rglob("*") if path.is_file()}
    trainer = DetectionTrainer(overrides={"resume": str(done.last)})  # says so when it trains, as scripts expect
    with pytest.raises(AssertionError, match=r"cannot be resumed: the run it belongs to is finished"):
        trainer.train()
    assert {path: path.read_bytes() for path in done.save_dir.rglob("*") if path.is_file()} == before


def test_missing_checkpoint_is_a_clear_error(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"resume='nowhere\.pt'"):
        DetectionTrainer(overrides={"resume": "nowhere.pt"})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="no last"):
        DetectionTrainer(overrides={"resume": True})


def test_checkpoint_passes_the_restricted_reader(half_done):
    content, _ = torch_safe_load(half_done)
    part = content["continuation"]
    assert part["epoch"] == 0 and part["format"] == 1 and part["results"]["epoch"] == [1]
    model, _ = load_checkpoint(half_done)
    assert all(torch.equal(v, content["ema"].state_dict()[k]) for k, v in model.state_dict().items())


def test_another_network_is_refused(half_done):
    t = DetectionTrainer(overrides={"resume": str(half_done)})
    t.resumption.checkpoint["continuation"]["model"].popitem()
    with pytest.raises(ValueError, match="does not fit this run"):
        t.train()


@pytest.mark.parametrize(("first", "then"), [(2, None), (None, 2)])
def test_resume_with_another_freeze(data, tmp_path, monkeypatch, first, then):
    """Layers that were frozen get their first gradient now; those that are frozen now keep their weights."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def stop(t):
        if t.epoch == 1:
            raise Interrupted

    options = settings(data, tmp_path, epochs=3, freeze=first, warmup_epochs=0.0, nbs=4)
    trainer = DetectionTrainer(overrides=options)
    trainer.add_callback("on_train_batch_end", stop)
    with pytest.raises(Interrupted):
        trainer.train()
    t = DetectionTrainer(overrides={"resume": str(trainer.last), "freeze": then})
    t.add_callback("on_train_start", lambda t: setattr(t, "before", t.model.model[0].conv.weight.clone()))
    t.train()
    assert t.progress.epoch == 2 and torch.equal(t.before, t.model.model[0].conv.weight) == bool(then)
