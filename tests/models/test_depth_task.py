"""Depth estimation in every mode, on drawn planes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from depth_helpers import depth_settings, make_depth_data

from ultralytics import YOLO
from ultralytics.cfg.cli import main as command_line
from ultralytics.engine.task import Frame, SelectOptions
from ultralytics.models.yolo.depth import DepthPredictor, DepthTrainer, DepthValidator
from ultralytics.models.yolo.depth.calibrate import set_calibration
from ultralytics.models.yolo.depth.stages import finish_depth, resized_depth, select_depth
from ultralytics.nn.weights.checkpoint import load_checkpoint, torch_safe_load

LOOK = {"imgsz": 64, "device": "cpu", "verbose": False}
KEYS = [f"metrics/{name}" for name in ("delta1", "delta2", "delta3", "abs_rel", "rmse", "silog")]
QUICK = {"imgsz": 64, "batch": 4, "workers": 0, "device": "cpu"}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return make_depth_data(tmp_path_factory.mktemp("planes"))


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory) -> YOLO:
    """A tiny network after two epochs, with everything that a run writes."""
    model = YOLO(data.with_name("net.yaml"))
    project = tmp_path_factory.mktemp("runs")
    model.train(**depth_settings(data, project, plots=True, cls_pw=0.5, multi_scale=0.2))
    return model


@pytest.fixture(scope="module")
def pictures(data) -> list[str]:
    return sorted(map(str, (data.parent / "images" / "val").iterdir()))


def same(a: dict[str, float], b: dict[str, float]) -> None:
    assert list(a) == list(b) and list(a.values()) == pytest.approx(list(b.values()), rel=1e-4, abs=1e-6)


# Training -------------------------------------------------------------------------------------------------------------


def test_training_writes_its_files(trained):
    folder = Path(trained.trainer.save_dir)
    assert trained.task == "depth" and isinstance(trained.trainer, DepthTrainer)
    header = (folder / "results.csv").read_text().splitlines()[0].split(",")
    assert header[2:12] == ["train/dlog_loss", "train/dgrad_loss", *KEYS, "val/dlog_loss", "val/dgrad_loss"]
    written = {file.name for file in folder.iterdir()}
    wanted = {"labels.jpg", "train_batch0.jpg", "val_batch0_labels.jpg", "val_batch0_pred.jpg", "results.png"}
    assert wanted | {"val_batch0_calibrated.jpg"} <= written
    assert trained.names == {0: "depth"} and list(trained.metrics.results_dict) == [*KEYS, "fitness"]


def test_training_ends_with_a_calibration(trained):
    for name in ("best", "last"):
        content, _ = torch_safe_load(Path(trained.trainer.save_dir) / "weights" / f"{name}.pt")
        record, head = content["depth_calibration"], content["model"].model[-1]
        assert record["status"] == "selected" and record["images"] == 4 and record["validation_split"] == "val"
        assert record["strategy"] == "two-fold-held-out-delta1" and set(record["scores"]) > {"identity", "current"}
        assert isinstance(record["dataset_hash"], str) and head.cal_b.dtype == torch.float32
        assert (float(head.cal_a), float(head.cal_b)) == pytest.approx((record["a"], record["b"]))
        assert next(content["model"].parameters()).dtype == torch.float16 and content["optimizer"] is None
    model, _ = load_checkpoint(trained.trainer.last)
    assert float(model.model[-1].cal_b) == pytest.approx(record["b"])


def test_a_calibration_that_fails_leaves_the_files(data, tmp_path, monkeypatch, capsys):
    def fail(*args, **kwargs):
        raise RuntimeError("no room")

    monkeypatch.setattr("ultralytics.models.yolo.depth.train.calibrate_checkpoint", fail)
    trainer = DepthTrainer(overrides=depth_settings(data, tmp_path, epochs=1))
    trainer.train()
    assert "depth calibration failed and was left out: RuntimeError: no room" in capsys.readouterr().out
    content, _ = torch_safe_load(trainer.best)
    assert "depth_calibration" not in content and content["epoch"] == -1


def test_resume_ends_with_the_same_bits(data, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    options = {"epochs": 3, "nbs": 16, "multi_scale": 0.3, "close_mosaic": 1}
    whole = DepthTrainer(overrides=depth_settings(data, tmp_path, name="whole", **options))
    whole.train()

    def stop(trainer):
        if trainer.epoch == 1:
            raise InterruptedError

    broken = DepthTrainer(overrides=depth_settings(data, tmp_path, name="broken", **options))
    broken.add_callback("on_train_batch_end", stop)
    with pytest.raises(InterruptedError):
        broken.train()
    resumed = DepthTrainer(overrides={"resume": str(broken.last)})
    resumed.train()
    states = [torch_safe_load(t.last)[0] for t in (whole, resumed)]
    for key, value in states[0]["model"].state_dict().items():
        assert torch.equal(states[1]["model"].state_dict()[key], value), key
    rows = [[{k: v for k, v in t.read_results_csv().items() if k != "time"}] for t in (whole, resumed)]
    assert rows[0] == rows[1] and states[0]["depth_calibration"] == states[1]["depth_calibration"]


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed")
def test_two_processes_measure_what_one_does(data, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    trainers = []
    for name, device in (("one", "cpu"), ("two", "cpu,cpu")):
        trainers.append(DepthTrainer(overrides=depth_settings(data, tmp_path, name=name, device=device, epochs=1)))
        trainers[-1].train()
    two = trainers[1].read_results_csv()
    model = YOLO(tmp_path / "two" / "weights" / "best.pt")
    alone = model.val(data=str(data), plots=False, project=str(tmp_path), **QUICK).results_dict
    assert [two[key][-1] for key in KEYS] == pytest.approx([alone[key] for key in KEYS], rel=1e-2, abs=1e-3)
    assert torch_safe_load(tmp_path / "two" / "weights" / "best.pt")[0]["depth_calibration"]["images"] == 4


def test_fine_tuning_takes_weights_of_a_detector(data, tmp_path):
    model = YOLO("yolo26n-depth.yaml")
    assert model.load(YOLO("yolo26n.yaml").model) is model
    detector = YOLO("yolo26n.yaml")
    trainer = DepthTrainer(overrides=depth_settings(data, tmp_path, model="yolo26n-depth.yaml", epochs=1))
    network = trainer.get_model("yolo26n-depth.yaml", weights=detector.model, verbose=False)
    assert torch.equal(network.model[4].cv1.conv.weight, detector.model.model[4].cv1.conv.weight)
    trainer._release()


# Validation -----------------------------------------------------------------------------------------------------------


def test_validation_prints_a_table_and_writes_maps(trained, data, tmp_path, capsys):
    options = {"data": str(data), "project": str(tmp_path), "name": "v", "save_txt": True, **QUICK}
    metrics = trained.val(**options)
    out = capsys.readouterr().out
    assert "delta1    abs_rel       rmse      silog" in out and "depth_val          4" in out
    assert (tmp_path / "v" / "val_batch0_pred.jpg").is_file()
    maps = sorted((tmp_path / "v" / "labels").iterdir())
    assert [file.name for file in maps] == [f"{i}.npy" for i in range(4)]
    assert np.load(maps[0]).shape == (48, 64) and np.load(maps[0]).dtype == np.float32
    assert metrics.speed["inference"] > 0


def test_figures_do_not_depend_on_batches(trained, data, tmp_path):
    options = {"data": str(data), "project": str(tmp_path), "plots": False, **QUICK}
    same(trained.val(**options).results_dict, trained.val(**{**options, "batch": 3}).results_dict)


def test_metrics_follow_max_depth_of_the_data(trained, data, tmp_path, capsys):
    near = data.with_name("near.yaml")
    near.write_text(data.read_text().replace("max_depth: 50", "max_depth: 0.5"))
    figures = trained.val(data=str(near), project=str(tmp_path), plots=False, **QUICK).results_dict
    assert set(figures.values()) == {0.0} and "nothing to measure predictions by" in capsys.readouterr().out


def test_exported_files_measure_the_same(trained, data, pictures, tmp_path):
    options = {"data": str(data), "project": str(tmp_path), "plots": False, **QUICK}
    ours = trained.val(**options).results_dict
    for form, extra in (("onnx", {"dynamic": True}), ("torchscript", {})):
        file = trained.export(format=form, imgsz=64, device="cpu", file=str(tmp_path), **extra)
        theirs = YOLO(file)
        assert theirs.task == "depth"
        same(theirs.val(**options).results_dict, ours)
        a, b = (model(pictures[0], **LOOK)[0].depth.data for model in (trained, theirs))
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_output_of_another_task_is_refused():
    with pytest.raises(ValueError, match="no depth map"):
        select_depth(torch.zeros(1, 84, 100), SelectOptions())


# Prediction -----------------------------------------------------------------------------------------------------------


def test_prediction(trained, pictures, tmp_path, capsys):
    results = trained(pictures, save=True, save_txt=True, project=str(tmp_path), name="p", imgsz=64, device="cpu")
    assert "4 labels saved" in capsys.readouterr().out
    for i, result in enumerate(results):
        depth = result.depth.data
        assert depth.shape == (48, 64) and depth.dtype == torch.float32 and len(result) == 1
        assert result.verbose() == f"depth {depth.min():.2f}-{depth.max():.2f}m, "
        np.testing.assert_array_equal(np.load(tmp_path / "p" / "labels" / f"{i}.npy"), depth.numpy())
        assert cv2.imread(str(tmp_path / "p" / f"{i}.jpg")).shape == (48, 64, 3)
        assert json.loads(result.to_json())[0]["name"] == "depth"


def test_pictures_are_stretched(trained):
    wide = np.random.default_rng(0).integers(0, 255, (30, 100, 3), np.uint8)
    square = cv2.resize(wide, (64, 64), interpolation=cv2.INTER_LINEAR)
    a, b = (trained(image, **LOOK)[0].depth.data for image in (wide, square))
    assert a.shape == (30, 100)
    torch.testing.assert_close(a, resized_depth(b[None, None], (30, 100))[0, 0], rtol=0.05, atol=0.05)


def test_a_film(trained, tmp_path):
    film = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter_fourcc(*"MJPG"), 5, (64, 48))
    for level in range(6):
        writer.write(np.full((48, 64, 3), 40 * level, np.uint8))
    writer.release()
    results = list(trained(str(film), stream=True, save=True, project=str(tmp_path), name="f", **LOOK))
    assert len(results) == 6 and all(result.depth.shape == (48, 64) for result in results)
    assert len([file for file in (tmp_path / "f").iterdir() if file.suffix in {".avi", ".mp4"}]) == 1


def test_finishing_goes_over_the_input_size():
    ramp = torch.arange(16.0).reshape(1, 1, 16).expand(1, 16, 16)
    result = finish_depth(ramp, Frame(np.zeros((31, 61, 3), np.uint8), "a.jpg", (64, 64), {0: "depth"}))
    torch.testing.assert_close(result.depth.data[0], torch.linspace(0, 15, 61))


def test_classes_of_the_bundle(data):
    entry = YOLO(data.with_name("net.yaml")).task_map["depth"]
    assert (entry["trainer"], entry["validator"], entry["predictor"]) == (DepthTrainer, DepthValidator, DepthPredictor)


# Calibration ----------------------------------------------------------------------------------------------------------


def test_calibrate_finds_a_factor_and_sets_it(trained, tmp_path, pictures):
    model = YOLO(trained.trainer.best)
    set_calibration(model.model, (1.0, 0.0))
    plain = model(pictures[0], **LOOK)[0].depth.data
    far = make_depth_data(tmp_path / "far", train=1, val=6, factor=8)
    a, b = model.calibrate(str(far), **QUICK)
    assert a == 1 and 1 < np.exp(b) < 20
    torch.testing.assert_close(model(pictures[0], **LOOK)[0].depth.data, plain * np.exp(b), rtol=1e-4, atol=1e-4)
    model.save(tmp_path / "saved.pt")
    again = YOLO(tmp_path / "saved.pt")
    assert again.ckpt["depth_calibration"]["b"] == b
    assert float(again.model.model[-1].cal_b) == pytest.approx(b, rel=1e-3)


def test_calibrate_on_the_command_line(trained, tmp_path, capsys):
    far, out = make_depth_data(tmp_path / "far", train=1, val=4, factor=8), tmp_path / "out.pt"
    before = Path(trained.trainer.best).read_bytes()
    words = [f"model={trained.trainer.best}", f"data={far}", "imgsz=64", "workers=0", "device=cpu"]
    assert command_line(["calibrate", *words, f"out={out}"]) == 0
    assert Path(trained.trainer.best).read_bytes() == before
    record = torch_safe_load(out)[0]["depth_calibration"]
    assert record["images"] == 4 and f"written to {out}" in capsys.readouterr().out
    with pytest.raises(ValueError, match="needs data="):
        command_line(["calibrate", f"model={trained.trainer.best}"])
    with pytest.raises(ValueError, match=r"net\.onnx is no checkpoint"):
        command_line(["calibrate", "model=net.onnx", f"data={far}"])


def test_calibrate_wants_two_pictures_and_a_depth_model(trained, tmp_path, capsys):
    lonely = make_depth_data(tmp_path / "one", train=1, val=1)
    assert YOLO(trained.trainer.best).calibrate(str(lonely), **QUICK) == (1.0, 0.0)
    assert "got 1; skipped" in capsys.readouterr().out
    with pytest.raises(TypeError, match="this is a model for 'detect'"):
        YOLO("yolov8n.yaml").calibrate(str(lonely))


# Wrong input ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("depth_scale: 0", "'depth_scale' must be a number above 0"),
        ("max_depth: -1", "'max_depth' must be a number above 0"),
    ],
)
def test_impossible_descriptions(data, tmp_path, change, message):
    wrong = data.with_name("wrong.yaml")
    wrong.write_text(data.read_text().replace("max_depth: 50\n", "") + change + "\n")
    with pytest.raises(ValueError, match=message):
        DepthTrainer(overrides=depth_settings(wrong, tmp_path))


def test_all_truth_invalid_trains_and_says_so(tmp_path, capsys):
    data = make_depth_data(tmp_path / "none", train=4, val=2)
    for file in (data.parent / "depth").rglob("*.png"):
        cv2.imwrite(str(file), np.zeros((48, 64), np.uint16))
    trainer = DepthTrainer(overrides=depth_settings(data, tmp_path, epochs=1))
    trainer.train()
    out = capsys.readouterr().out
    assert "nothing to measure predictions by" in out and "got 0; skipped" in out
    assert all(p.isfinite().all() for p in trainer.model.parameters()) and trainer.best.is_file()


def test_single_cls_and_classes_change_nothing(data, tmp_path):
    options = {"data": str(data), "project": str(tmp_path), "plots": False, **QUICK}
    model = YOLO(data.with_name("net.yaml"))
    plain = model.val(**options).results_dict
    same(model.val(single_cls=True, classes=[0], **options).results_dict, plain)


def test_loading_the_bundle_is_lazy():
    code = "import sys; from ultralytics import YOLO; sys.exit('ultralytics.models.yolo.depth.train' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, timeout=120).returncode == 0
