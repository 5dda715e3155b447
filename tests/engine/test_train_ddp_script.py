"""A trainer's job as a program of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ultralytics.engine.trainer import BaseTrainer
from ultralytics.utils.dist import ddp_cleanup, generate_ddp_command, generate_ddp_file


@pytest.fixture
def trainer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from ultralytics.models.yolo.detect import DetectionTrainer

    overrides = {"model": "yolov8n.yaml", "data": "shapes.yaml", "device": "cpu,cpu", "imgsz": 32, "save": False}
    return DetectionTrainer(overrides=overrides)


def test_command_and_cleaning_up(trainer, tmp_path):
    command, file = generate_ddp_command(trainer)
    assert command[:3] == [sys.executable, "-m", "torch.distributed.run"] and command[-1] == file
    assert command[command.index("--nproc_per_node") + 1] == "2" and "--master_port" in command
    folder = Path(file).parent
    assert compile(Path(file).read_text(encoding="utf-8"), file, "exec") and folder.stat().st_mode & 0o77 == 0
    ddp_cleanup(trainer, file)
    assert not folder.exists()
    ddp_cleanup(trainer, tmp_path / "mine.py")
    assert tmp_path.exists()


def test_what_cannot_cross_over(trainer):
    trainer.add_callback("on_train_end", lambda t: None)
    with pytest.raises(TypeError, match="cannot be passed to training processes"):
        generate_ddp_file(trainer)


def test_the_program_trains(trainer):
    """One process of one: the program finds the trainer and reaches its set-up."""
    file = generate_ddp_file(trainer)
    try:
        spec = Path(file).parent / "spec.pkl"
        code = "import sys; from ultralytics.engine.train.ddp import read_spec; from pathlib import Path\n"
        code += f"spec = read_spec(Path({str(spec)!r})); print(spec.trainer.__name__, spec.args['device'])"
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
        assert out.stdout.split() == ["DetectionTrainer", "cpu,cpu"], out.stderr
    finally:
        ddp_cleanup(trainer, file)
    assert issubclass(type(trainer), BaseTrainer)
