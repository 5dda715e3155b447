from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultralytics.cfg import keys, merge
from ultralytics.cfg.errors import ConfigError, close_names
from ultralytics.cfg.merge import (
    DEFAULT_CFG,
    DEFAULT_CFG_DICT,
    cfg2dict,
    check_cfg,
    check_dict_alignment,
    get_cfg,
    get_save_dir,
    modernise,
)
from ultralytics.cfg.schema import ARGS, GROUPS, defaults
from ultralytics.cfg.tasks import MODES, TASK2DATA, TASK2METRIC, TASK2MODEL, TASK_INFOS, TASKS
from ultralytics.utils.env import DEFAULT_CFG_PATH
from ultralytics.utils.settings import SETTINGS
from ultralytics.utils.yaml_io import YAML


@pytest.fixture(autouse=True)
def warn_again():
    merge.warn_once.cache_clear()


def test_default_yaml_agrees_with_the_schema():
    loaded = YAML.load(DEFAULT_CFG_PATH)
    assert list(loaded) == list(DEFAULT_CFG_DICT)
    assert loaded == DEFAULT_CFG_DICT
    assert {k: type(v) for k, v in loaded.items()} == {k: type(v) for k, v in DEFAULT_CFG_DICT.items()}
    text = DEFAULT_CFG_PATH.read_text(encoding="utf-8")
    assert all(row.help in text for row in ARGS.values())


def test_rows_are_sound():
    for name, row in ARGS.items():
        assert row.check(row.default) == row.default, name
        assert row.group in GROUPS and row.help and row.allowed
    assert keys.CFG_INT_MIN["epochs"] == 1 and "lr0" in keys.CFG_FRACTION_KEYS and "box" in keys.CFG_FLOAT_KEYS
    assert {"save", "nms", "channels_last"} <= keys.CFG_BOOL_KEYS and "split" in keys.CFG_STR_KEYS


def test_defaults():
    cfg = get_cfg()
    assert dict(cfg) == DEFAULT_CFG_DICT == defaults() == dict(DEFAULT_CFG)
    cfg.epochs = 3
    assert get_cfg().epochs == 100
    with pytest.raises(AttributeError, match="get_cfg"):
        cfg.none  # noqa: B018


def test_sources(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("epochs: 3\nlr0: 1e-3\n")
    assert get_cfg(file).lr0 == get_cfg(str(file)).lr0 == 0.001
    assert get_cfg(file, {"epochs": 5}).epochs == 5
    assert get_cfg({"epochs": 3}).batch == 16  # a partial one is filled up
    assert get_cfg(SimpleNamespace(epochs=3), SimpleNamespace(batch=8)).batch == 8
    assert get_cfg({"own": 1}).own == 1  # what the base knows is legal
    assert get_cfg({"own": 1}, {"own": 2}).own == 2
    with pytest.raises(TypeError, match="path, a dict or a namespace"):
        cfg2dict(3)


def test_nothing_passed_in_is_changed():
    base, custom = {"epochs": 3.0, "half": True}, {"hide_labels": True, "quantize": "INT8"}
    copies = dict(base), dict(custom)
    get_cfg(base, custom)
    assert (base, custom) == copies


def test_unknown_arguments():
    with pytest.raises(SyntaxError) as caught:
        get_cfg(overrides={"lrO": 0.1, "epoch": 3, "zzz": 1})
    text = str(caught.value)
    assert text.splitlines()[0].startswith("'lrO' is not a valid YOLO argument. Similar arguments are [")
    assert "'lr0=0.01'" in text and "'epochs=100'" in text and "'zzz' is not a valid YOLO argument. See all" in text
    cause = ValueError("x")
    with pytest.raises(SyntaxError) as caught:
        check_dict_alignment({"a": 1}, {"b": 2}, cause)
    assert caught.value.__cause__ is cause
    check_dict_alignment({"a": 1}, {"b": 2, "half": 1, "quantize": 1}, allowed_custom_keys={"b", "quantize"})
    assert get_cfg(overrides={"save_dir": "x", "augmentations": []}).save_dir == "x"


@pytest.mark.parametrize(
    ("key", "value", "result"),
    [
        ("batch", -1, -1),
        ("batch", 0.7, 0.7),
        ("batch", 16.0, 16),
        ("epochs", 3.0, 3),
        ("workers", 8.0, 8),
        ("time", None, None),
        ("conf", None, None),
        ("conf", 1, 1),
        ("auto_augment", None, None),
        ("amp", "FP16", "fp16"),
        ("amp", False, False),
        ("fraction", 0.5, 0.5),
        ("fraction", 2, 2),
        ("fraction", [0.5, 1], [0.5, 1.0]),
        ("fraction", [10, 20, 0], [10, 20, 0.0]),
        ("scale", (0.5, 1.5), (0.5, 1.5)),
        ("compile", "Default", "default"),
        ("quantize", "INT8", 8),
        ("quantize", "w16a16", 16),
        ("quantize", 32, 32),
        ("quantize", "W8A16", "w8a16"),
        ("freeze", "None", None),
        ("freeze", ["23.cv2"], ["23.cv2"]),
        ("cache", "RAM", "ram"),
        ("cache", None, False),
        ("copy_paste_mode", "Mixup", "mixup"),
        ("project", 5, "5"),
        ("name", 3, "3"),
        ("trust", True, True),
        ("line_width", 2.0, 2),
        ("workspace", 4, 4),
        ("opset", None, None),
    ],
)
def test_values(key, value, result):
    got = getattr(get_cfg(overrides={key: value}), key)
    assert got == result and type(got) is type(result)


@pytest.mark.parametrize(
    ("key", "value", "error", "part"),
    [
        ("epochs", 0, ValueError, "a whole number of 1 or more"),
        ("epochs", 3.5, TypeError, "a whole number"),
        ("epochs", "3", TypeError, r"epochs='3' \(str\)"),
        ("epochs", True, TypeError, "a whole number"),
        ("epochs", None, TypeError, "Default: 100"),
        ("lr0", 2, ValueError, r"a number in 0\.\.1"),
        ("lr0", "0.1", TypeError, "a number"),
        ("lr0", True, TypeError, "a number"),
        ("lr0", None, TypeError, "lr0=None"),
        ("conf", -0.1, ValueError, "or None"),
        ("batch", 0, ValueError, "-1 for automatic"),
        ("batch", 16.5, ValueError, "batch=16.5"),
        ("batch", "16", TypeError, "batch='16'"),
        ("batch", None, TypeError, "batch=None"),
        ("save", 1, TypeError, "True or False"),
        ("save", "True", TypeError, "True or False"),
        ("nms", 1, TypeError, "True or False, or None"),
        ("amp", None, ValueError, "'bf16'"),
        ("amp", 1, ValueError, "'bf16'"),
        ("fraction", 0, ValueError, "ratio"),
        ("fraction", 1.5, ValueError, "ratio"),
        ("fraction", True, TypeError, "ratio"),
        ("fraction", [1], ValueError, "test"),
        ("scale", 1.5, ValueError, "0..1"),
        ("scale", [1, 2, 3], TypeError, "two positive"),
        ("scale", ["a", 1], TypeError, "two positive"),
        ("scale", [1.5, 0.5], TypeError, "two positive"),
        ("compile", "fast", ValueError, "reduce-overhead"),
        ("quantize", "x", ValueError, "w8a32"),
        ("quantize", True, ValueError, "w8a32"),
        ("cache", "disc", ValueError, "'disk'"),
        ("copy_paste_mode", "foo", ValueError, "one of flip, mixup"),
        ("split", 3, TypeError, "text"),
        ("seed", -1, ValueError, "0 or more"),
        ("auto_augment", 3, TypeError, "text"),
        ("multi_scale", 2, ValueError, "0..1"),
    ],
)
def test_faults(key, value, error, part):
    with pytest.raises(error, match=part) as caught:
        get_cfg(overrides={key: value})
    assert isinstance(caught.value, ConfigError)
    assert str(caught.value).startswith(f"{key}=")


@given(
    st.sampled_from(sorted(ARGS)),
    st.none() | st.booleans() | st.integers(-3, 300) | st.floats() | st.text("a1.", max_size=3),
)
def test_every_value_is_taken_or_refused_cleanly(name, value):
    try:
        once = ARGS[name].check(value)
    except ConfigError as error:
        assert name in str(error)
    else:
        again = ARGS[name].check(once)
        assert again == once or once != once


def test_soft_check():
    cfg = {"epochs": "3", "lr0": "0.5", "save": 0, "iou": 7, "max_det": -5, "own": "x"}
    check_cfg(cfg, hard=False)
    assert cfg == {"epochs": 3, "lr0": 0.5, "save": False, "iou": 1.0, "max_det": 1, "own": "x"}
    with pytest.raises(ConfigError, match="epochs='x'"):
        check_cfg({"epochs": "x"}, hard=False)
    cfg = {"epochs": 3.0}
    check_cfg(cfg)
    assert cfg == {"epochs": 3} and type(cfg["epochs"]) is int


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"boxes": False}, {"show_boxes": False}),
        ({"line_thickness": 3}, {"line_width": 3}),
        ({"hide_labels": True}, {"show_labels": False}),
        ({"hide_labels": "False"}, {"show_labels": True}),
        ({"hide_conf": False}, {"show_conf": True}),
        ({"half": True}, {"quantize": 16}),
        ({"half": True, "int8": True}, {"quantize": 8}),
        ({"half": False}, {"quantize": None}),
        ({"half": "true"}, {"quantize": 16}),
        ({"half": True, "quantize": 32}, {"quantize": 32}),
        ({"end2end": True}, {"nms": False}),
        ({"end2end": False}, {"nms": None}),
        ({"end2end": False, "nms": True}, {"nms": True}),
        ({"label_smoothing": 0.1, "keras": True, "save_hybrid": True, "crop_fraction": 1}, {}),
        ({"multi_scale": True}, {"multi_scale": 0.5}),
        ({"multi_scale": False}, {"multi_scale": 0.0}),
    ],
)
def test_arguments_of_earlier_versions(old, new, capsys):
    assert modernise(old) == new
    out = capsys.readouterr().out
    assert out.count("WARNING") == len(old.keys() - new.keys() | old.keys() & {"multi_scale"})
    assert dict(get_cfg(overrides=old)) == {**DEFAULT_CFG_DICT, **new}
    assert capsys.readouterr().out == ""  # one warning in a process


def test_end2end_takes_a_bool():
    with pytest.raises(TypeError, match="end2end='x'"):
        get_cfg(overrides={"end2end": "x"})


def test_name_of_the_model(capsys):
    assert get_cfg(overrides={"name": "model", "model": "path/yolov8n.pt"}).name == "yolov8n"
    assert "name=yolov8n" in capsys.readouterr().out


def test_save_dir(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = Path(SETTINGS["runs_dir"])
    args = SimpleNamespace(task="detect", mode="train", project=None, name=None, exist_ok=False)
    assert get_save_dir(args) == runs / "detect" / "train"
    (runs / "detect" / "train").mkdir(parents=True)
    assert get_save_dir(args) == runs / "detect" / "train-2"
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert get_save_dir(args) == runs / "detect" / "train"
    monkeypatch.delenv("RANK")
    args.exist_ok, args.project, args.name = True, "p", "n"
    assert get_save_dir(args) == runs / "detect" / "p" / "n"
    assert get_save_dir(args, "other") == runs / "detect" / "p" / "other"
    args.task = "../../x"  # of somebody's checkpoint
    assert get_save_dir(args).relative_to(runs).parts[1:] == ("p", "n")
    args.task = "detect"
    args.project = str(tmp_path / "abs")
    assert get_save_dir(args) == tmp_path / "abs" / "n"
    args.save_dir = "x/y"
    assert get_save_dir(args) == tmp_path / "x" / "y"


def test_tasks():
    assert TASKS == ("detect", "segment", "semantic", "depth", "classify", "pose", "obb")
    assert MODES == ("train", "val", "predict", "export", "track", "benchmark")
    assert TASK2MODEL["segment"] == "yolo26n-seg.pt"
    assert TASK2DATA["obb"] == "dota8.yaml"
    assert TASK2METRIC["pose"] == "metrics/mAP50-95(P)"
    heads = [head for info in TASK_INFOS.values() for head in info.heads]
    assert len(heads) == len(set(heads))
    assert [i.suffix for i in TASK_INFOS.values()] == ["", "-seg", "-sem", "-depth", "-cls", "-pose", "-obb"]


def test_close_names():
    assert close_names("LR0", ["lr0", "lrf", "mosaic"])[0] == "lr0"
    assert close_names("xyz", ["lr0"]) == []
