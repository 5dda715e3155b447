from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ultralytics.utils import checks
from ultralytics.utils.checks import (
    check_file,
    check_imgsz,
    check_is_path_safe,
    check_model_file_from_stem,
    check_python,
    check_requirements,
    check_suffix,
    check_version,
    check_yaml,
    check_yolov5u_filename,
    is_ascii,
    parse_requirements,
    parse_version,
    require,
    requirements,
)

sizes = st.integers(1, 4000)


@given(sizes | st.lists(sizes, min_size=1, max_size=2), st.integers(1, 128), st.integers(0, 500))
def test_imgsz_laws(imgsz, stride, floor):
    fitted = check_imgsz(imgsz, stride=stride, floor=floor)
    sides = [fitted] if isinstance(fitted, int) else fitted
    given_sides = [imgsz] if isinstance(imgsz, int) else imgsz
    assert all(side % stride == 0 and floor <= side for side in sides)
    assert all(side - stride < max(old, floor) for side, old in zip(sides, given_sides, strict=True))
    assert check_imgsz(fitted, stride=stride, floor=floor) == fitted


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        (640, {}, 640),
        (630, {}, 640),
        ([640], {}, 640),
        ([640, 480], {}, [640, 480]),
        ((630, 470), {}, [640, 480]),
        ("640", {}, 640),
        ("480,640", {}, [480, 640]),
        ("[480, 640]", {}, [480, 640]),
        ([480, 640], {"max_dim": 1}, 640),
        (640, {"min_dim": 2}, [640, 640]),
        (10, {"floor": 64}, 64),
        (640, {"stride": torch.tensor([8.0, 16.0, 48.0])}, 672),
        (np.int64(320), {"stride": [8, 32]}, 320),
    ],
)
def test_imgsz_examples(args, kwargs, expected):
    assert check_imgsz(args, **kwargs) == expected


@pytest.mark.parametrize("bad", [640.0, None, [640.5], True, [], "640.5", {}])
def test_imgsz_types(bad):
    with pytest.raises(TypeError, match="imgsz="):
        check_imgsz(bad)


@pytest.mark.parametrize("bad", [0, -32, [1, 2, 3], [640, 0], "x", "640x480"])
def test_imgsz_values(bad):
    with pytest.raises(ValueError, match="imgsz="):
        check_imgsz(bad)


def test_imgsz_tells_what_it_changed(capsys):
    check_imgsz(630)
    assert "imgsz=630 does not fit stride 32; using [640]" in capsys.readouterr().out
    check_imgsz(640)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("current", "required", "met"),
    [
        ("1.2.3", ">=1.0", True),
        ("1.2.3", "1.2.4", False),
        ("1.2.3", "==1.2.3", True),
        ("1.2.3+cu130", "==1.2.3", True),
        ("1.2.3", ">1.2,<2.0", True),
        ("2.0.0", ">1.2,<2.0", False),
        ("1.2.3", "!=1.2.3", False),
        ("1.2.3", "<=1.2", False),
        ("1.10", ">1.9", True),
        ("2.3.1", "!=2.3.*", False),
        ("2.4.1", "!=2.3.*,>=2", True),
        ("2.3.1", "==2.3.*", True),
        ("1.5.2", "~=1.4", True),
        ("2.0", "~=1.4", False),
        ("1.4.9", "~=1.4.2", True),
        ("1.5.0", "~=1.4.2", False),
        ("1.2.3", "", True),
        ("torch", ">=1.0", True),
        ("no-such-package", ">=1.0", False),
    ],
)
def test_versions(current, required, met):
    assert check_version(current, required) is met


def test_version_errors(capsys):
    with pytest.raises(ModuleNotFoundError, match=r"foo >=2 is required, 1\.2 is installed"):
        check_version("1.2", ">=2", name="foo ", hard=True)
    with pytest.raises(ModuleNotFoundError, match="not installed"):
        check_version("no-such-package", ">=2", hard=True)
    assert not check_version("1.2", ">=2", name="foo", verbose=True)
    assert "foo >=2 is required" in capsys.readouterr().out
    assert parse_version("v2.1.0+cpu") == (2, 1, 0)
    assert parse_version("1.10rc1") == (1, 10, 0)
    assert parse_version("none") == (0, 0, 0)
    assert check_python("3.5")
    with pytest.raises(ModuleNotFoundError):
        check_python("3.99")
    assert not check_python("3.99", hard=False)


def test_require():
    assert require("json").loads("1") == 1
    with pytest.raises(ImportError, match=r"export needs the package 'no_such_pkg'.*ultralytics\[export\]"):
        require("no_such_pkg", extra="export", why="export")
    with pytest.raises(ImportError, match="pip install no_such_pkg"):
        require("no_such_pkg.sub")


def test_require_passes_inner_errors(tmp_path, monkeypatch):
    (tmp_path / "outer_pkg.py").write_text("import inner_pkg_missing")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="inner_pkg_missing") as caught:
        require("outer_pkg", extra="export")
    assert "ultralytics[export]" not in str(caught.value)


def test_requirements(tmp_path, capsys):
    file = tmp_path / "requirements.txt"
    file.write_text("# head\nnumpy>=1.0  # why\npyyaml\nno-such-package[extra]>=2\n\n")
    assert [(r.name, r.specifier) for r in parse_requirements(file)] == [
        ("numpy", ">=1.0"),
        ("pyyaml", ""),
        ("no-such-package", ">=2"),
    ]
    assert check_requirements(["numpy>=1.0", "pyyaml"])
    assert check_requirements("numpy>=1,<99; python_version > '3'")
    assert check_requirements([("no-such-package", "numpy")])
    assert not check_requirements(file)
    assert "pip install 'no-such-package>=2'" in capsys.readouterr().out
    assert check_requirements(file, exclude=("no-such-package",))
    assert not check_requirements("numpy>=99")
    assert check_requirements("opencv-python>=4")  # also when it is the one without windows
    assert "torch" in {r.name for r in parse_requirements(package="timm")}


def test_own_requirements_come_from_the_project(monkeypatch):
    def missing(_):
        raise PackageNotFoundError

    monkeypatch.setattr(requirements, "requires", missing)
    names = {r.name for r in parse_requirements("none.txt")}
    assert names == set() if sys.version_info < (3, 11) else {"torch", "numpy", "timm"} <= names


def test_suffix():
    check_suffix(["a.pt", "B.PT", ""], ".pt")
    check_suffix("a.yml", (".yaml", ".yml"))
    with pytest.raises(ValueError, match=r"'b\.txt' has the suffix '\.txt', allowed are \.pt"):
        check_suffix(["a.pt", "b.txt"], ".pt")


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("yolov5n.pt", "yolov5nu.pt"),
        ("yolov5s6.pt", "yolov5s6u.pt"),
        ("yolov3-tiny.pt", "yolov3-tinyu.pt"),
        ("weights/yolov3.pt", "weights/yolov3u.pt"),
        ("yolov5nu.pt", "yolov5nu.pt"),
        ("yolov5nu.yaml", "yolov5n.yaml"),
        ("yolov5n-seg.pt", "yolov5n-seg.pt"),
        ("yolov8n.pt", "yolov8n.pt"),
    ],
)
def test_u_names(name, becomes):
    assert check_yolov5u_filename(name) == becomes


def test_stems():
    assert str(check_model_file_from_stem("yolov8n")) == "yolov8n.pt"
    assert check_model_file_from_stem("yolov8n.yaml") == "yolov8n.yaml"
    assert check_model_file_from_stem("my_model") == "my_model"


def test_check_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("a: 1")
    assert check_file("mine.yaml") == "mine.yaml"
    assert check_yaml("coco8.yaml").endswith("cfg/datasets/coco8.yaml".replace("/", __import__("os").sep))
    assert check_yaml("datasets/coco8.yaml") == check_yaml("coco8.yaml")
    assert check_file("") == ""
    assert check_file("rtsp://10.0.0.1/stream") == "rtsp://10.0.0.1/stream"
    assert check_file("none.jpg", hard=False) == []
    with pytest.raises(FileNotFoundError, match=r"did you mean 'coco8\.yaml'"):
        check_yaml("cocoo8.yaml")
    with pytest.raises(FileNotFoundError, match=r"did you mean 'mine\.yaml'"):
        check_yaml("mime.yaml")
    with pytest.raises(ValueError, match="suffix"):
        check_yaml("coco8.txt")
    with pytest.raises(FileNotFoundError):
        check_file("../cfg/coco8.yaml")
    with pytest.raises(ValueError, match="cloud"):
        check_file("ul://user/data")


def test_several_files_of_one_name(tmp_path, monkeypatch):
    from ultralytics.utils.checks import files

    for folder in ("a", "b"):
        (tmp_path / "cfg" / folder).mkdir(parents=True)
        (tmp_path / "cfg" / folder / "twice.yaml").write_text("")
    monkeypatch.setattr(files, "ROOT", tmp_path)
    with pytest.raises(FileNotFoundError, match="several"):
        check_file("twice.yaml")
    assert check_file("a/twice.yaml") == str(tmp_path / "cfg" / "a" / "twice.yaml")


def test_small_ones(tmp_path):
    assert is_ascii("abc") and not is_ascii(["é"])
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_text("")
    (tmp_path / "b").write_text("")
    assert check_is_path_safe(tmp_path / "in", tmp_path / "in" / "a")
    assert not check_is_path_safe(tmp_path / "in", tmp_path / "in" / ".." / "b")
    assert not check_is_path_safe(tmp_path / "in", tmp_path / "in" / "none")


def test_system_table(capsys):
    info = checks.collect_system_info()
    out = capsys.readouterr().out
    assert "Setup complete" in out and "Python" in out
    assert info["CPU count"] >= 1
    assert info["Package Info"]["numpy"].startswith("✅")


def test_print_args(capsys):
    def job(a, b=2):
        checks.print_args(show_func=True)

    job(1)
    checks.print_args({"x": 1}, show_file=False)
    out = capsys.readouterr().out
    assert "job" in out and "a=1, b=2" in out and "x=1" in out
