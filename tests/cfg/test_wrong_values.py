"""No wrong value of any argument ends in a traceback: every key of the schema meets values of every kind."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from train_helpers import make_data

from ultralytics import YOLO
from ultralytics.cfg import cli
from ultralytics.cfg.cli_parse import parse_command, parse_key_value_pair
from ultralytics.cfg.errors import ConfigError, shown
from ultralytics.cfg.merge import get_cfg
from ultralytics.cfg.schema import ARGS, EXTRA_ARGS, GROUPS
from ultralytics.engine.trainer import BaseTrainer

# What people type: other types, no value, signs, fractions, nested, empty, endless, huge, several lines.
TEXTS = [
    *(
        "None",
        "True",
        "False",
        "person",
        "320x640",
        "a,b",
        "a\nb",
        "''",
        "[1,2]",
        "[1]",
        "[]",
        "(1,2)",
        "{'a':1}",
        "{}",
    ),
    *(
        "0",
        "-1",
        "1",
        "0.5",
        "1.5",
        "-0.5",
        "-9",
        "1e400",
        "-1e400",
        "nan",
        "1e30",
        "4294967295",
        "99999999999999999999",
    ),
    *("[[1,2],[3]]", "[None]", "['a']", "[1e400]", "[1.5,2.5]", "(1,'a')", "b'x'", "{1}", "1j", "cpu,cuda:x"),
]
OBJECTS = [
    *(None, True, "person", "", "a\0b", 0, -1, 1.5, math.nan, math.inf, -math.inf, 10**400, [], [1], ["a"], [[1]]),
    *((1, "a"), {}, {"a": 1}, {1}, b"x", 1j, "x" * 5000, object(), np.float32("nan"), np.zeros(2), torch.zeros(())),
]
ROWS = {**ARGS, **EXTRA_ARGS}
DEFAULTS_HELP = {"mode", "model", "data", "source", "task"}  # None means that the command line chooses
UNTRIED = {("show", "True"), ("compile", "True")}  # opens a window; compiles for minutes


def is_refused(key: str, value: Any) -> bool:
    try:
        ROWS[key].check(value)
    except ConfigError:
        return True
    return False


def is_short(message: str) -> bool:
    return 0 < len(message.strip().splitlines()) <= 2 and len(message) < 1000


@pytest.mark.parametrize("key", ROWS)
def test_values_are_taken_or_refused_in_a_sentence(key):
    for value in OBJECTS:
        if key == "multi_scale" and isinstance(value, bool):  # of earlier versions, which are translated
            continue
        try:
            ROWS[key].check(value)
        except ConfigError as error:
            assert isinstance(error, (TypeError, ValueError))
            assert is_short(str(error)) and str(error).startswith(f"{key}={shown(value)} ("), value
            with pytest.raises(type(error)):
                get_cfg(overrides={key: value})
        else:
            get_cfg(overrides={key: value})


@pytest.mark.parametrize("key", ARGS)
def test_commands_are_refused_before_a_model_is_opened(key, monkeypatch, capsys):
    monkeypatch.setattr(cli, "open_model", lambda *_: pytest.fail("a model was opened"))
    for text in TEXTS:
        value = parse_key_value_pair(f"{key}={text}")[1]
        later = (key == "classes" and isinstance(value, str)) or (key == "multi_scale" and isinstance(value, bool))
        if later or not is_refused(key, value):  # class names are for open vocabularies, the switch is an old form
            continue
        words = ["predict", "model=x.pt", f"{key}={text}"]
        assert cli.run_guarded(lambda words=words: cli.main(words)) == 1, text
        message = capsys.readouterr().err
        assert is_short(message) and f"{key}=" in message, text


# The modes ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A data set, a network and a picture, in a folder of their own."""
    root = tmp_path_factory.mktemp("wrong")
    make_data(root, train=4, val=2)
    cv2.imwrite(str(root / "a.jpg"), np.zeros((64, 64, 3), np.uint8))
    return root


def command(mode: str, root: Path) -> dict[str, str]:
    """Return the arguments of a command that works."""
    common = {"model": root / "net.yaml", "imgsz": 32, "device": "cpu", "project": root / "runs", "exist_ok": True}
    data = {"data": root / "data.yaml", "batch": 2, "workers": 0, "plots": False}
    each = {
        "train": {**data, "epochs": 1, "amp": False, "optimizer": "SGD"},
        "val": data,
        "predict": {"source": root / "a.jpg", "save": False},
        "export": {"format": "torchscript", "name": "x"},
    }
    return {key: str(value) for key, value in {**common, **each[mode]}.items()}


class Enough(KeyboardInterrupt):
    """The first batch has been trained."""


def stop_early(self: BaseTrainer, event: str) -> None:
    if event == "on_train_batch_end":
        raise Enough


def odd_values(mode: str) -> list[tuple[str, str]]:
    """Return the values that the schema takes for the arguments of a mode and that are not what one would write."""
    pairs = []
    for key, row in ARGS.items():
        if mode in (row.modes or GROUPS[row.group].modes):
            read = {text: parse_key_value_pair(f"{key}={text}")[1] for text in TEXTS}
            pairs += [(key, t) for t, v in read.items() if key == "classes" or not is_refused(key, v)]
    return [pair for pair in pairs if pair not in UNTRIED and not (pair[0] in DEFAULTS_HELP and pair[1] == "None")]


def check_mode(mode: str, place: Path, monkeypatch, capfd, pairs: list[tuple[str, str]]) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr(BaseTrainer, "run_callbacks", stop_early)
    for key, text in pairs:
        words = [f"{k}={v}" for k, v in {**command(mode, place), "mode": mode, key: text}.items()]
        status = cli.run_guarded(lambda words=words: cli.main(words))
        message = capfd.readouterr().err.partition("ERROR ❌")[2]  # OpenCV speaks of cameras before
        message = message.replace("(YOLO_TRACEBACK=1 shows where this happened.)", "")
        if status == 1:
            assert is_short(message) and key in message, (key, text, message)
        else:
            assert status in {0, 130}, (key, text)


@pytest.mark.parametrize(
    "mode", ["predict", *(pytest.param(mode, marks=pytest.mark.slow) for mode in ("train", "val", "export"))]
)
def test_odd_values_in_a_mode(mode, place, monkeypatch, capfd):
    check_mode(mode, place, monkeypatch, capfd, [(k, t) for k, t in odd_values(mode) if k not in {"project", "name"}])


def test_odd_values_at_the_start_of_training(place, monkeypatch, capfd):
    keys = {"data", "batch", "device", "pretrained", "resume", "freeze", "optimizer", "fraction", "close_mosaic"}
    texts = {"4294967295", "person", "1e400", "[1,2]", "''"}
    check_mode("train", place, monkeypatch, capfd, [(k, t) for k, t in odd_values("train") if k in keys and t in texts])


@pytest.mark.parametrize("mode", ["train", "val", "predict", "export"])
def test_calls_from_python(mode, place, monkeypatch):
    monkeypatch.chdir(place)
    model = YOLO(place / "net.yaml")
    given = {"source": "a.jpg"} if mode == "predict" else {"data": "data.yaml"}
    for key, row in ROWS.items():
        if key in {"task", "mode", "model", "cfg"}:
            continue  # the method's own; `cfg` is a file of arguments
        wrong = next(value for value in OBJECTS[::-1] if is_refused(key, value))
        with pytest.raises(ConfigError, match=f"^{key}="):
            getattr(model, mode)(**{**given, key: wrong})
        assert row.check(row.default) == row.default


@pytest.mark.parametrize("value", [None, 5, ["a.pt"], {"nc": 1}, b"a.pt", "", "  ", "a\0b"])
def test_models_from_python(value):
    with pytest.raises(ConfigError, match=r"^model=.*takes the path of weights"):
        YOLO(value)


# Words ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["2024_05_17", "1.5", "1e5", "007", "-3", "1j", "True story", "a=b", "[1", "a[1.jpg"])
def test_names_of_files_are_no_numbers(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    words = ["predict", "model=1.5", f"source={name}", "conf=0.3"]
    assert parse_command(words).overrides == {"mode": "predict", "model": "1.5", "source": name, "conf": 0.3}


def test_files_win_over_literals(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parse_command(["source=0", "data=None", "pretrained=False", "name=None"]).overrides == {
        "source": 0,
        "data": None,
        "pretrained": False,
        "name": "None",
    }
    for name in ("0", "[1]"):
        (tmp_path / name).touch()
        assert parse_command([f"source={name}"]).overrides == {"source": name}


@pytest.mark.parametrize(
    ("text", "content", "part"),
    [
        ("[1,2]", None, r"cfg=\[1, 2\] \(list\)"),
        ("missing.yaml", None, "cfg='missing.yaml' does not exist"),
        (".", None, r"cfg='\.': "),
        ("a.yaml", "- 1\n- 2\n", "a.yaml: expected 'key: value'"),
        ("a.yaml", "epochs: [", "a.yaml, line 2"),
        ("a.yaml", "epochs: many\n", r"a.yaml: epochs='many' \(str\)"),
        ("a.yaml", "epoch: 3\n", "a.yaml: 'epoch' is not a valid YOLO argument.*epochs=100"),
        ("a.yaml", "1: 2\n", "a.yaml: '1' is not a valid"),
    ],
)
def test_argument_files(text, content, part, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / text).write_text(content, encoding="utf-8")
    with pytest.raises((ConfigError, OSError, ValueError), match=part):
        parse_command(["train", f"cfg={text}"])


def test_memory_that_runs_out(capsys):
    def fail():
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory: 9999 bytes")

    assert cli.run_guarded(fail) == 1
    assert "a smaller batch or imgsz needs less" in capsys.readouterr().err
