"""Search by Ray Tune: spaces and refusals here, whole searches in processes of their own (slow)."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from train_helpers import make_data, settings

from ultralytics import YOLO
from ultralytics.cfg.errors import ConfigError
from ultralytics.engine.tune import ray as search

HERE = Path(__file__).resolve().parent


def test_ray_is_named_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    data = make_data(tmp_path / "data", 2, 1)
    given = {key: value for key, value in settings(data, tmp_path).items() if key != "model"}
    with pytest.raises(ImportError, match=r"use_ray=True needs the package 'ray', which is not installed.*\[tune\]"):
        YOLO(data.with_name("net.yaml")).tune(use_ray=True, **given)
    assert not (tmp_path / "tune").exists()


def test_nothing_of_ray_is_imported_unless_asked_for():
    code = "import sys, ultralytics.engine.tuner, ultralytics.utils.tuner; print({'ray', 'optuna'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_spaces():
    tune = pytest.importorskip("ray.tune")
    own = tune.uniform(1, 2)
    given = {
        "box": own,
        "lr0": (1e-4, 1e-2),
        "epochs": (3, 5),
        "optimizer": ["SGD", "AdamW"],
        "cls": 0.5,
        "cos_lr": True,
    }
    space = search.ray_space(given, "detect")
    assert space["box"] is own and space["cls"] == 0.5 and space["cos_lr"] is True
    assert {space["epochs"].sample() for _ in range(60)} == {3, 4, 5}
    assert space["optimizer"].categories == ["SGD", "AdamW"]
    assert all(1e-4 <= space["lr0"].sample() <= 1e-2 for _ in range(20))
    assert len(search.ray_space(None, "detect")) == 26
    with pytest.raises(ConfigError, match="Did you mean"):
        search.ray_space({"lro": own}, "detect")
    with pytest.raises(ConfigError, match="momentum"):
        search.ray_space({"momentum": 3}, "detect")


def test_searchers(monkeypatch):
    pytest.importorskip("ray.tune")
    assert type(search._searcher("random", "m", 0)).__name__ == "BasicVariantGenerator"
    with pytest.raises(ConfigError, match=r"search_alg='optun' is not valid; .*Did you mean optuna"):
        search._searcher("optun", "m", 0)
    monkeypatch.setitem(sys.modules, "hyperopt", None)
    with pytest.raises(
        ImportError, match="search_alg=hyperopt needs packages that are not installed: pip install hyper"
    ):
        search._searcher("hyperopt", "m", 0)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"search_alg=optuna needs the package 'optuna'.*\[tune\]"):
        search._searcher("optuna", "m", 0)


def test_the_share_of_a_trial():
    assert search._gpus(None, None, 0) == 0 and search._gpus(None, None, 4) == 1 and search._gpus(None, "cpu", 4) == 0
    assert search._gpus(0.5, None, 1) == 0.5
    with pytest.raises(ConfigError, match="gpu_per_trial=2 is not possible; Ray has 1 GPUs"):
        search._gpus(2, None, 1)
    with pytest.raises(ConfigError, match="gpu_per_trial='a'"):
        search._gpus("a", None, 1)


def run(folder: Path, case: str) -> dict:
    pytest.importorskip("ray.tune")
    places = os.pathsep.join(map(str, (HERE, HERE.parent, HERE.parent.parent)))
    done = subprocess.run(
        [sys.executable, str(HERE / "tune_ray_run.py"), str(folder), case],
        env={**os.environ, "PYTHONPATH": places},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_two_trials_side_by_side(tmp_path):
    pytest.importorskip("optuna")
    report = run(tmp_path, "two")
    assert report["read"] == len(report["found"]) == 4 and not any(one["error"] for one in report["found"])
    for one in report["found"]:
        assert set(one["config"]) == {"lr0", "box", "close_mosaic", "cos_lr"} and one["config"]["close_mosaic"] == 1
        assert one["epochs"] == list(range(1, len(one["epochs"]) + 1)) and one["files"] == ["best.pt", "last.pt"]
        assert "metrics/mAP50-95(B)" in one["metrics"]
    assert max(len(one["epochs"]) for one in report["found"]) == 5  # four, and the last validation
    times = []
    for file in (tmp_path / "runs" / "search" / "runs").glob("*/times.txt"):
        rows = [line.split() for line in file.read_text().splitlines()]
        times.append((float(rows[0][0]), float(rows[-1][0]), rows[0][2]))
    assert len({process for _, _, process in times}) == 4  # a process each
    spans = sorted(times)
    assert any(later[0] < earlier[1] for earlier, later in itertools.pairwise(spans))
    assert (tmp_path / "runs" / "search" / "best_hyperparameters.yaml").exists()


@pytest.mark.slow
def test_a_trial_whose_process_is_killed_goes_on_from_its_checkpoint(tmp_path):
    (one,) = run(tmp_path, "killed")["found"]
    assert not one["error"] and one["metrics"]["epoch"] == 5
    assert one["epochs"][-3:] == [3, 4, 5] and one["epochs"].count(1) == 1  # the first epochs were not made again
    (table,) = (tmp_path / "runs" / "search" / "runs").glob("*/results.csv")
    assert [line.split(",")[0] for line in table.read_text().splitlines()] == ["epoch", "1", "2", "3", "4"]


@pytest.mark.slow
def test_a_search_that_failed_goes_on(tmp_path):
    first, second = run(tmp_path, "failed")["found"]
    assert "no more" in first["error"] and first["metrics"]["epoch"] in (2, 3)
    assert not second["error"] and second["metrics"]["epoch"] == 5 and second["config"] == first["config"]
    assert second["epochs"].count(1) == 1
