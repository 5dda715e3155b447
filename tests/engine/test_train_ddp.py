"""Training on two processes of the CPU: exact losses, every image once, one writer, clear errors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import ddp_callbacks
import pytest
import torch
from train_helpers import make_data, settings

from ultralytics.engine.train import ddp
from ultralytics.models.yolo.detect.train import DetectionTrainer
from ultralytics.nn.weights.checkpoint import torch_safe_load

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed")

ONE_STEP_A_BATCH = {"epochs": 1, "nbs": 4, "save_period": 1, "warmup_epochs": 0.0, "lr0": 0.02}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("shapes"), train=14)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def train(data, project, *callbacks, **changes):
    trainer = DetectionTrainer(overrides=settings(data, project, **changes))
    trainer.add_callback("on_train_epoch_start", ddp_callbacks.freeze_norms)
    trainer.add_callback("on_train_batch_end", ddp_callbacks.note_images)
    for event, callback in callbacks:
        trainer.add_callback(event, callback)
    trainer.train()
    return trainer


def test_two_processes_are_one_joined_batch(data, tmp_path):
    """Weights, losses and images of two processes against one, with fixed BatchNorm statistics; a last batch of two."""
    one = train(data, tmp_path, name="one", **ONE_STEP_A_BATCH)
    two = train(data, tmp_path, name="two", device="cpu,cpu", **ONE_STEP_A_BATCH)
    assert two.save_dir == tmp_path / "two" or two.save_dir.name == "two"
    files = (torch_safe_load(t.save_dir / "weights" / "epoch0.pt")[0] for t in (one, two))
    a, b = (file["continuation"]["model"] for file in files)
    for key, value in a.items():
        torch.testing.assert_close(b[key], value, rtol=1e-4, atol=1e-6, msg=key)
    rows = [read_csv(t.save_dir) for t in (one, two)]
    for name in ("train/box_loss", "train/cls_loss", "train/dfl_loss", "val/cls_loss"):
        assert rows[1][name] == pytest.approx(rows[0][name], rel=2e-2 if "val" in name else 1e-3), name

    seen = [(tmp_path / f"seen-two-{rank}.txt").read_text().split("\n")[:-1] for rank in (0, 1)]
    images = Counter(line.split()[1] for part in seen for line in part)
    assert set(images.values()) == {1} and len(images) == 14 and all(seen)
    assert sorted(p.name for p in two.save_dir.iterdir()) == sorted(p.name for p in one.save_dir.iterdir())
    assert two.validator.metrics.keys == one.validator.metrics.keys
    assert two.best_fitness == pytest.approx(one.best_fitness, abs=1e-3)


def read_csv(folder):
    header, row = (folder / "results.csv").read_text().splitlines()
    return dict(zip(header.split(","), map(float, row.split(",")), strict=True))


@pytest.mark.slow
def test_torchrun_starts_the_same_training(data, tmp_path):
    code = (
        "import sys; from pathlib import Path; from train_helpers import settings\n"
        "from ultralytics.models.yolo.detect.train import DetectionTrainer\n"
        "DetectionTrainer(overrides=settings(Path(sys.argv[1]), Path(sys.argv[2]), epochs=1)).train()\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--master-port",
        str(free_port()),
    ]
    done = subprocess.run([*command, str(script), str(data), str(tmp_path)], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "run" / "weights" / "best.pt").is_file() and not (tmp_path / "run-2").exists()
    assert done.stdout.count("1 epochs completed") == 1


def free_port():
    from ultralytics.utils.dist import find_free_network_port

    return find_free_network_port()


def test_failure_of_one_process_ends_all(data, tmp_path):
    with pytest.raises(RuntimeError, match="process of rank 1 ended with exit code 1"):
        train(data, tmp_path, ("on_train_start", ddp_callbacks.fail_on_rank_one), device="cpu,cpu", epochs=50)


# What crosses over ----------------------------------------------------------------------------------------------------


def launching(data, tmp_path, **changes):
    return DetectionTrainer(overrides=settings(data, tmp_path, device="cpu,cpu", **changes))


def test_parent_makes_no_folder(data, tmp_path):
    launching(data, tmp_path)
    assert not list(tmp_path.iterdir())


def test_lambda_is_refused_with_advice(data, tmp_path):
    trainer = launching(data, tmp_path)
    trainer.add_callback("on_train_start", lambda t: None)
    with pytest.raises(TypeError, match="top level of a module"):
        trainer.train()


def test_function_of_a_notebook_is_refused_with_advice(data, tmp_path, monkeypatch):
    def callback(trainer):
        pass

    callback.__module__, callback.__qualname__ = "__main__", "callback"
    monkeypatch.setattr(sys.modules["__main__"], "__file__", None, raising=False)
    trainer = launching(data, tmp_path)
    trainer.add_callback("on_train_start", callback)
    with pytest.raises(TypeError, match="notebook or interactive session"):
        trainer.train()


def test_unguarded_script_is_told_about_the_guard(data, tmp_path, monkeypatch):
    monkeypatch.setenv(ddp.WORKER_FLAG, "1")
    with pytest.raises(RuntimeError, match="__main__"):
        launching(data, tmp_path).train()


@pytest.mark.parametrize("batch", [-1, 0.7])
def test_automatic_batch_needs_one_device(data, tmp_path, batch):
    with pytest.raises(ValueError, match="give a number with several devices"):
        launching(data, tmp_path, batch=batch).train()


def test_spec_round_trip(tmp_path):
    spec = ddp.WorkerSpec(DetectionTrainer, {"epochs": 3}, {"on_train_end": [ddp_callbacks.freeze_norms]})
    file = tmp_path / "spec.pkl"
    file.write_bytes(ddp.pack(spec))
    assert ddp.read_spec(file) == spec


def test_script_functions_are_found_by_running_the_script(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys; from pathlib import Path\n"
        "from ultralytics.engine.train import ddp\n"
        "def hello(trainer): return 'hello from the script'\n"
        "assert __name__ in {'__main__', '__mp_main__'}\n"
        "if __name__ == '__main__':\n"
        "    spec = ddp.WorkerSpec(dict, {}, {'on_train_end': [hello]})\n"
        "    Path(sys.argv[1]).write_bytes(ddp.pack(spec))\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    file = tmp_path / "spec.pkl"
    subprocess.run([sys.executable, str(script), str(file)], check=True, env=env)
    code = (
        "import sys; from pathlib import Path; from ultralytics.engine.train import ddp\n"
        "print(ddp.read_spec(Path(sys.argv[1])).callbacks['on_train_end'][0](None))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, env=env)
    assert done.stdout.strip() == "hello from the script", done.stderr


def test_devices_are_listed():
    assert ddp.devices_of("0,1") == ["0", "1"] and ddp.devices_of([0, 1]) == ["0", "1"]
    assert ddp.devices_of("cpu") == ["cpu"] and ddp.devices_of("cpu,cpu") == ["cpu", "cpu"]
    assert ddp.devices_of(None) == [] and ddp.devices_of("") == []


def test_batch_must_be_shared_evenly(data, tmp_path, monkeypatch):
    trainer = DetectionTrainer(overrides=settings(data, tmp_path, batch=5))
    trainer.world_size = 2
    with pytest.raises(ValueError, match="use batch=4 or batch=6"):
        from ultralytics.engine.train.setup import build_loaders

        build_loaders(trainer)
    trainer._release()


def test_script_path_is_known():
    main = sys.modules["__main__"]
    expected = getattr(main, "__spec__", None) is None and getattr(main, "__file__", None)
    assert bool(ddp._script()) == bool(expected and Path(main.__file__).is_file())
