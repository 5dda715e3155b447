"""A full disk is told with the file that was written, whatever writes, and leaves no half file behind."""

from __future__ import annotations

import errno
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from class_helpers import make_set
from test_results import KINDS
from train_helpers import make_data, settings

from ultralytics import YOLO
from ultralytics.cfg.cli import main, run_guarded
from ultralytics.engine.plots.curves import plot_mc_curve
from ultralytics.engine.plots.files import write_image
from ultralytics.engine.predict_output import RunOutput
from ultralytics.engine.train.csvlog import CsvLog

FILLER = "filler.bin"


@pytest.fixture
def disk(tmp_path):
    """A disk of 256 KiB of its own; tests fill it with `leave`."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def leave(disk: Path, kib: int) -> None:
    """Fill a disk but for so many KiB."""
    free = shutil.disk_usage(disk).free - kib * 1024
    (disk / FILLER).write_bytes(b"x" * free)


def files_of(disk: Path) -> list[Path]:
    return sorted(path for path in disk.rglob("*") if path.is_file() and path.name != FILLER)


def check(error: OSError, disk: Path) -> Path:
    """Check that an error names a file of the disk in words; return the file."""
    assert error.errno == errno.ENOSPC and "disk full" in str(error)
    file = Path(error.filename)
    assert file.is_relative_to(disk) and not file.name.endswith(".tmp")
    return file


def test_picture(disk):
    leave(disk, 8)
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    with pytest.raises(OSError) as caught:
        write_image(disk / "a.png", noise)
    assert check(caught.value, disk) == disk / "a.png" and files_of(disk) == []
    with pytest.raises(OSError) as caught:
        KINDS["box"]().save(disk / "b.bmp")
    assert check(caught.value, disk) == disk / "b.bmp" and files_of(disk) == []


def test_label_rows(disk):
    result, file = KINDS["box"](), disk / "a.txt"
    result.save_txt(file)
    before = file.read_bytes()
    leave(disk, 0)
    with pytest.raises(OSError) as caught:
        for _ in range(200):  # the page that is begun is filled first
            result.save_txt(file)
    assert check(caught.value, disk) == file
    rows = file.read_bytes()
    assert len(rows) % len(before) == 0 and rows == before * (len(rows) // len(before))


def test_crops(disk):
    result = KINDS["box"]()
    result.orig_img = np.random.default_rng(0).integers(0, 255, (40, 80, 3), np.uint8)
    leave(disk, 4)
    with pytest.raises(OSError) as caught:
        for _ in range(20):
            result.save_crop(disk)
    file = check(caught.value, disk)
    assert file.suffix == ".jpg" and not file.exists()


def test_video(disk):
    output = RunOutput(disk)
    rng = np.random.default_rng(0)
    leave(disk, 32)
    with pytest.raises(OSError) as caught:
        for _ in range(200):
            output.video(disk / "film.mp4", rng.integers(0, 255, (96, 96, 3), np.uint8))
    output.close()
    assert check(caught.value, disk).stem == "film"


def test_table_of_a_run(disk):
    log = CsvLog(disk / "results.csv")
    log.append(0, 1.0, {"loss": 1.0})
    leave(disk, 0)
    with pytest.raises(OSError) as caught:
        for epoch in range(1, 1000):
            log.append(epoch, 1.0, {"loss": 1.0})
    assert check(caught.value, disk) == disk / "results.csv"
    assert (disk / "results.csv").read_text().endswith("\n")


def test_plots(disk):
    leave(disk, 4)
    curves = np.random.default_rng(0).random((3, 100))
    with pytest.raises(OSError) as caught:
        plot_mc_curve(np.linspace(0, 1, 100), curves, disk / "BoxF1_curve.png", {0: "a", 1: "b", 2: "c"})
    assert check(caught.value, disk) == disk / "BoxF1_curve.png" and files_of(disk) == []


# Whole runs -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    place = tmp_path_factory.mktemp("full")
    make_data(place, train=4, val=4)
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    cv2.imwrite(str(place / "a.jpg"), noise)
    return place


@pytest.mark.parametrize("switch", ["save", "save_txt", "save_crop"])
def test_predict(switch, disk, root, capsys):
    leave(disk, 12)
    words = [f"model={root / 'net.yaml'}", f"source={root / 'a.jpg'}", f"{switch}=True", f"project={disk}", "conf=0"]
    if switch != "save":
        words.append("save=False")
    status = 0
    for _ in range(40):
        status = run_guarded(lambda: main(["predict", *words, "imgsz=64", "max_det=3"]))
        if status:
            break
    error = capsys.readouterr().err
    assert status == 1 and "disk full" in error and str(disk) in error and "Traceback" not in error


def test_predictions_as_json(disk, root):
    model = YOLO(root / "net.yaml")
    leave(disk, 4)
    with pytest.raises(OSError) as caught:
        model.val(
            **{**settings(root / "data.yaml", disk, plots=False), "save_json": True, "conf": 0.0, "imgsz": 64},
        )
    assert check(caught.value, disk).name == "predictions.json"
    assert not [f for f in files_of(disk) if f.name.startswith("predictions")]


@pytest.mark.parametrize("kib", [0, 8, 24])
def test_training_names_what_it_wrote(kib, disk, root):
    leave(disk, kib)
    with pytest.raises(OSError) as caught:
        YOLO(root / "net.yaml").train(**settings(root / "data.yaml", disk, plots=True, epochs=1))
    check(caught.value, disk)


def test_classify_label_files(disk, tmp_path):
    data = make_set(tmp_path / "set")
    picture = next(data.rglob("*.jpg"))
    leave(disk, 0)
    with pytest.raises(OSError) as caught:
        YOLO("yolov8n-cls.yaml").predict(picture, imgsz=32, save_txt=True, project=disk)
    check(caught.value, disk)
