"""What each logger keeps of a run, written by the real library without a network and read back from its own files.

Keys, steps and titles were seen in runs of the published package, version 8.4.190, with the same libraries.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
TRAIN = {"train/box_loss", "train/cls_loss", "train/dfl_loss"}
RATES = {"lr/pg0", "lr/pg1", "lr/pg2"}
METRICS = {f"metrics/{name}(B)" for name in ("precision", "recall", "mAP50", "mAP50-95")}
LOSSES = {"val/box_loss", "val/cls_loss", "val/dfl_loss"}
FACTS = {"model/parameters", "model/GFLOPs", "model/speed_PyTorch(ms)"}
BATCHES = 3  # of an epoch
CURVES = {"BoxPR_curve", "BoxF1_curve", "BoxP_curve", "BoxR_curve"}
MATRICES = {"confusion_matrix", "confusion_matrix_normalized"}
PLOTS = CURVES | MATRICES | {"results", "labels"}
SAMPLES = {"train_batch0", "train_batch1", "train_batch2", "val_batch0_labels", "val_batch0_pred"}


def run(logger: str, package: str, folder: Path, before: list[list[str]] | None = None) -> Path:
    """Train with one logger in a process of its own; return the folder that holds what it kept."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    for words in before or []:
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    done = subprocess.run(
        [sys.executable, str(HERE / "logger_run.py"), logger, str(folder)],
        capture_output=True,
        text=True,
        env={**kept, "PATH": path, "PYTHONIOENCODING": "utf-8"},
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "logging stopped" not in done.stdout, done.stdout[-3000:]
    return folder


# TensorBoard ----------------------------------------------------------------------------------------------------------


def test_tensorboard(tmp_path):
    folder = run("tensorboard", "tensorboard", tmp_path)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "runs" / "run"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == TRAIN | RATES | METRICS | LOSSES
    assert events.Tags()["graph"]
    steps = {tag: [event.step for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert all(steps[tag] == ([1, 2, 3] if tag in METRICS else [1, 2]) for tag in steps)


# Weights & Biases -----------------------------------------------------------------------------------------------------


def wandb_records(file: Path) -> list[Any]:
    """Return the records of a run's file: pieces in blocks of 32 KiB, each with checksum, length and kind."""
    from wandb.proto import wandb_internal_pb2

    data, place, parts, found = file.read_bytes(), 7, b"", []
    while place + 7 <= len(data):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            found.append(record)
            parts = b""
    return found


def test_wandb(tmp_path):
    folder = run("wandb", "wandb", tmp_path)
    (file,) = folder.rglob("run-*.wandb")
    records = wandb_records(file)
    start = next(r.run for r in records if r.WhichOneof("record_type") == "run")
    assert start.project == str(folder / "runs").replace("/", "-") and start.display_name == "run"
    stepped = {r.metric.glob_name or r.metric.name: r.metric.step_metric for r in records if r.HasField("metric")}
    assert {key: stepped.get(key) for key in ("train/*", "lr/*", "metrics/*", "val/*")} == dict.fromkeys(
        ("train/*", "lr/*", "metrics/*", "val/*"), "epoch"
    )
    rows = []
    for record in records:
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            rows.append({i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in items})
    rows = [{k: v for k, v in row.items() if not k.startswith("_")} for row in rows]
    rows = [row for row in rows if row]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 2]  # epochs, the final validation, the end
    first, second, final, _ = rows
    assert set(first) >= TRAIN | RATES | METRICS | LOSSES | FACTS
    assert set(second) >= TRAIN | RATES | METRICS | LOSSES and not FACTS & set(second)
    assert set(final) >= METRICS and not LOSSES & set(final)
    curves = {f"curves/{name}(B)" for name in ("Precision-Recall", "F1-Confidence", "Precision-Confidence")}
    tables = {key.removesuffix("_table") for row in rows for key in row if key.startswith("curves/")}
    assert {*curves, "curves/Recall-Confidence(B)"} <= {name.partition("_table")[0] for name in tables}
    pictures = {item.key or item.nested_key[0] for r in records for item in r.history.item} & (PLOTS | SAMPLES)
    assert pictures == PLOTS | SAMPLES
    (artifact,) = [
        r.artifact for r in records if r.WhichOneof("record_type") == "artifact" and r.artifact.type == "model"
    ]
    assert artifact.name == f"run_{start.run_id}_model" and "best" in artifact.aliases
    assert [r.exit.exit_code for r in records if r.HasField("exit")] == [0]


# MLflow ---------------------------------------------------------------------------------------------------------------


def test_mlflow(tmp_path):
    folder = run("mlflow", "mlflow", tmp_path)
    store = folder / "runs" / "mlflow"
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{store / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(str(folder / "runs"))
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED" and found.info.run_name == "run"
    assert found.data.params["epochs"] == "2"
    plain = {key.replace("(", "").replace(")", "") for key in TRAIN | RATES | METRICS | LOSSES}
    assert plain <= set(found.data.metrics)
    steps = [m.step for m in client.get_metric_history(found.info.run_id, "metrics/mAP50B")]
    assert steps == [0, 1, 2]
    names = {Path(f.path).stem for f in client.list_artifacts(found.info.run_id)}
    assert PLOTS | SAMPLES | {"args", "weights"} <= names
    assert {f.path for f in client.list_artifacts(found.info.run_id, "weights")} == {
        "weights/best.pt",
        "weights/last.pt",
    }
    assert (store / "artifacts").is_dir() and not (folder / "mlruns").exists()


# ClearML --------------------------------------------------------------------------------------------------------------


def test_clearml(tmp_path):
    folder = run("clearml", "clearml", tmp_path)
    (task,) = [path for path in (folder / "offline").iterdir() if path.is_dir()]
    about = json.loads((task / "task.json").read_text(encoding="utf-8"))
    assert about["name"] == "run" and "Ultralytics" in json.dumps(about)
    lines = (task / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    events = [event for line in lines for event in json.loads(line)]
    scalars = {(e["metric"], e["variant"], e["iter"]) for e in events if e["type"] == "training_stats_scalar"}
    wanted = {(key.partition("/")[0], key, epoch) for key in TRAIN | RATES | LOSSES | METRICS for epoch in (0, 1)}
    assert wanted <= scalars
    assert {("metrics", key, 2) for key in METRICS} <= scalars and ("Epoch Time", "Epoch Time", 1) in scalars
    single = {variant for title, variant, _ in scalars if title == "Summary"}
    assert FACTS | METRICS | {"fitness"} <= single
    images = {(e["metric"], e["variant"], e["iter"]) for e in events if e["type"] == "training_debug_image"}
    assert {("Validation", "val_labels.jpg", 0), ("Validation", "val_pred.jpg", 0)} <= images
    assert {("Mosaic", "train.jpg", i) for i in range(3)} <= images
    assert {e["metric"] for e in events if e["type"] == "plot"} >= PLOTS


# Comet ----------------------------------------------------------------------------------------------------------------


def test_comet(tmp_path):
    folder = run("comet", "comet_ml", tmp_path)
    (archive,) = folder.glob("*.zip")
    with zipfile.ZipFile(archive) as opened:
        messages = [json.loads(line) for line in opened.read("messages.json").decode().splitlines()]
    by_type = defaultdict(list)
    for message in messages:
        by_type[message["type"]].append(message["payload"])
    metrics = defaultdict(set)
    for payload in by_type["metric_msg"]:
        if not payload["metric"]["metricName"].startswith(("sys.", "process")):
            metrics[payload["metric"]["metricName"]].add((payload["metric"]["step"], payload["metric"]["epoch"]))
    ends = {(BATCHES * epoch, epoch) for epoch in (1, 2, 3)}
    assert set(metrics) == TRAIN | RATES | METRICS | LOSSES | FACTS
    assert all(metrics[key] == ends for key in METRICS | RATES)
    assert all(metrics[key] == ends - {(3 * BATCHES, 3)} for key in TRAIN | LOSSES)
    assert all(metrics[key] == {(BATCHES, 1)} for key in FACTS)
    others = {payload["key"]: payload["value"] for payload in by_type["log_other"]}
    assert others["Created from"] == "ultralytics" and others["max_image_predictions"] == 100
    files = [payload["additional_params"] for payload in by_type["file_upload"]]
    assert {f["figName"] for f in files if "figName" in f} == PLOTS | SAMPLES
    names = {Path(f["fileName"]).name for f in files if "fileName" in f}
    assert names >= {"args.yaml", "results.csv", "best.pt", "confusion-matrix.json"}


# DVCLive --------------------------------------------------------------------------------------------------------------


def check_dvc(folder: Path) -> None:
    plots, summary = folder / "dvclive" / "plots", json.loads((folder / "dvclive" / "metrics.json").read_text())
    assert summary["metrics"].keys() == {key.removeprefix("metrics/") for key in METRICS}
    assert summary["model"].keys() == {key.removeprefix("model/") for key in FACTS}
    for key in TRAIN | RATES | METRICS | LOSSES:
        with (plots / "metrics" / f"{key}.tsv").open(newline="") as file:
            assert [row["step"] for row in csv.DictReader(file, delimiter="\t")] == ["0", "1"], key
    images = {str(path.relative_to(plots / "images")) for path in (plots / "images").rglob("*") if path.is_file()}
    assert {"train/labels.jpg", "train/train_batch/0.jpg", "val/val_batch_pred/0.jpg", "val/results.png"} <= images
    assert {f"val/{name}.png" for name in CURVES | MATRICES} <= images
    assert (plots / "sklearn" / "cf.json").exists()


def test_dvc_without_a_repository(tmp_path):
    check_dvc(run("dvc", "dvclive", tmp_path))


def test_dvc(tmp_path):
    if importlib.util.find_spec("dvclive") is None or shutil.which("git") is None:
        pytest.skip("dvclive or git is not installed")
    who = [["git", "config", f"user.{key}", value] for key, value in (("email", "a@example.org"), ("name", "a"))]
    start = [["git", "init", "-q"], *who, ["git", "commit", "-q", "--allow-empty", "-m", "first"]]
    folder = run("dvc", "dvclive", tmp_path, [*start, [sys.executable, "-m", "dvc", "init", "-q"]])
    assert (folder / "runs" / "run" / "weights" / "best.pt.dvc").exists() or (folder / "dvc.yaml").exists()


# Ray Tune -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ray(tmp_path_factory):
    folder = run("raytune", "ray", tmp_path_factory.mktemp("r"))
    (file,) = (folder / "ray" / "search").rglob("result.json")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert all(set(row) >= METRICS for row in rows) and Counter("val/box_loss" in row for row in rows)[True] == 2
