"""The runner of the public tests, on a small suite in their style."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUNNER = Path(__file__).with_name("run.py")

SHARED = """
from ultralytics.utils import ASSETS, WEIGHTS_DIR

MODEL = WEIGHTS_DIR / "yolov8n.pt"
SOURCE = ASSETS / "bus.jpg"
"""

SUITE = """
import os, socket, subprocess, time
import pytest
from tests import MODEL, SOURCE
from ultralytics import YOLO
from ultralytics.utils import ASSETS

def test_weights_and_pictures_are_there():
    assert len(YOLO(MODEL)(SOURCE, imgsz=32)) == 1 and (ASSETS / "zidane.jpg").is_file()

def test_data_is_there():
    assert "inference" in YOLO("yolov8n-pose.pt").val(data="coco8-pose.yaml", imgsz=32, plots=False, workers=0).speed

def test_command():
    subprocess.run("yolo version", shell=True, check=True)

def test_wrong():
    assert 1 == 2, "one is not two"

def test_installs():
    subprocess.run(["pip", "install", "nothing"], check=True)

def test_fetches():
    socket.create_connection(("192.0.2.1", 80), timeout=1)

def test_asks_for_what_is_not_built():
    raise NotImplementedError("later")

@pytest.mark.skipif(True, reason="CUDA is not available")
def test_gpu():
    pass

@pytest.mark.parametrize("n", [1, 2])
def test_dies(n):
    os._exit(3) if n == 1 else None

def test_hangs():
    time.sleep(60)

def test_last():
    pass
"""

EXPECTED = {
    "test_weights_and_pictures_are_there": "passed",
    "test_data_is_there": "passed",
    "test_command": "passed",
    "test_wrong": "failed",
    "test_installs": "network",
    "test_fetches": "network",
    "test_asks_for_what_is_not_built": "not built",
    "test_gpu": "gpu",
    "test_dies[1]": "failed",
    "test_dies[2]": "passed",
    "test_hangs": "failed",
    "test_last": "passed",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    tests = folder / "tests"
    tests.mkdir()
    (tests / "__init__.py").write_text(SHARED)
    (tests / "test_small.py").write_text(SUITE)
    (tests / "test_broken.py").write_text("import a_module_that_nobody_has\n")
    report = folder / "report.json"
    command = [sys.executable, str(RUNNER), str(tests), "--limit", "20", "--json", str(report)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    return ended, json.loads(report.read_text()) if report.exists() else {}


def test_every_test_is_sorted_by_what_became_of_it(run):
    ended, report = run
    assert {row["test"].rpartition("::")[2]: row["kind"] for row in report["test_small.py"]} == EXPECTED, ended.stderr
    reasons = {row["test"].rpartition("::")[2]: row["reason"] for row in report["test_small.py"]}
    assert "one is not two" in reasons["test_wrong"] and "time limit" in reasons["test_hangs"]
    assert reasons["test_dies[1]"] == "process ended: 3"


def test_a_file_that_cannot_be_imported_is_a_failure(run):
    _, report = run
    (row,) = report["test_broken.py"]
    assert row["kind"] == "failed" and "a_module_that_nobody_has" in row["reason"]


def test_table_names_what_did_not_pass(run):
    ended, _ = run
    assert ended.returncode == 1
    assert "FAILED  test_small.py::test_wrong" in ended.stdout and "NOT BUILT  test_small.py::test_asks" in ended.stdout


def test_wrong_paths_are_named(tmp_path):
    ended = subprocess.run([sys.executable, str(RUNNER), str(tmp_path / "none")], capture_output=True, text=True)
    assert ended.returncode == 2 and "is no folder" in ended.stderr
    ended = subprocess.run(
        [sys.executable, str(RUNNER), str(tmp_path), "--files", "test_x.py"], capture_output=True, text=True
    )
    assert ended.returncode == 2 and "test_x.py" in ended.stderr
