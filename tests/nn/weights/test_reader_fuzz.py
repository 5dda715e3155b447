"""Made-up and damaged checkpoints in a process that watches what reading does; see `fuzz_reader.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("fuzz_reader.py")


def fuzz(kind: str, seconds: int, seed: int, folder: Path) -> None:
    environment = {**os.environ, "YOLO_CONFIG_DIR": str(folder), "YOLO_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), kind, str(seconds), str(seed), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=seconds + 300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert f"{kind} read" in done.stdout


@pytest.mark.parametrize("kind", ["programs", "files"])
def test_nothing_happens_but_reading(kind, tmp_path):
    fuzz(kind, 5, 0, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["programs", "files"])
def test_nothing_happens_but_reading_for_ten_minutes(kind, tmp_path):
    fuzz(kind, 600, int.from_bytes(os.urandom(3), "little"), tmp_path)
