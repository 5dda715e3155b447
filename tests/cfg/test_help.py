"""`yolo help WORD`: every word is explained from its record, and nothing is said twice."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_wrong_values import OBJECTS, is_short

from ultralytics.cfg.cli import entrypoint, main
from ultralytics.cfg.cli_help import CLI_HELP_MSG, argument_help, help_text, mode_help
from ultralytics.cfg.cli_parse import parse_command, parse_key_value_pair
from ultralytics.cfg.commands import DYNAMIZE, SPECIALS
from ultralytics.cfg.errors import ConfigError, shown
from ultralytics.cfg.idle import IDLE
from ultralytics.cfg.schema import ARGS, GROUPS
from ultralytics.cfg.tasks import MODE_INFOS, MODES, TASK_INFOS, TASKS
from ultralytics.models.yolo.model import BUNDLES
from ultralytics.nn.dynamic.dynamize import EXPERTS

ROOT = Path(__file__).resolve().parents[2]
OWN = {"task", "mode"}  # words of their own


def rows_of(text: str) -> dict[str, str]:
    """Return the arguments that a help text lists, with what stands behind them."""
    return dict(re.findall(r"^    (\w+) +(\S.*)$", text, re.MULTILINE))


def modes_of(name: str) -> tuple[str, ...]:
    return ARGS[name].modes or GROUPS[ARGS[name].group].modes


def test_list_of_words(capsys):
    assert main([]) == main(["help"]) == main(["-h"]) == main(["--help"]) == 0
    assert capsys.readouterr().out.count(CLI_HELP_MSG) == 4
    assert all(re.search(rf"\b{word}\b", CLI_HELP_MSG) for word in (*MODES, *TASKS, *SPECIALS))


@pytest.mark.parametrize("mode", MODES)
def test_modes(mode):
    text, info = help_text([mode]), MODE_INFOS[mode]
    assert text.startswith(f"yolo {mode}: {info.about}") and all(example in text for example in info.examples)
    listed = {name: rest for name, rest in rows_of(text).items() if name in ARGS}
    assert set(listed) == {name for name in ARGS if mode in modes_of(name)} - OWN
    for name, rest in listed.items():
        assert rest.startswith(str(ARGS[name].default)) and ARGS[name].help in rest
    assert all(GROUPS[ARGS[name].group].title in text for name in listed)


def test_every_argument_serves_a_mode():
    assert {name for name in ARGS if not modes_of(name)} == set()
    for row in ARGS.values():
        assert set(modes_of(row.name)) <= set(MODES) and set(row.tasks) <= set(TASKS)
    for mode, idle in IDLE.items():
        assert all(mode in modes_of(name) and f"[no effect: {why}]" in mode_help(mode) for name, why in idle.items())


@pytest.mark.parametrize("task", TASKS)
def test_tasks(task):
    text, info = help_text([task]), TASK_INFOS[task]
    assert info.about in text and f"yolo {task} train" in text and f"yolo {task} predict" in text
    assert set(rows_of(text)) & set(ARGS) == {name for name, row in ARGS.items() if task in row.tasks}
    assert bool(info.family) == (task not in BUNDLES)
    if not info.family:
        assert info.model in text and info.metric in text
    both = help_text(["train", task])
    assert both.startswith(f"yolo {task} train: ") and both == help_text([task, "train"])
    wanted = {name for name, row in ARGS.items() if "train" in modes_of(name) and (not row.tasks or task in row.tasks)}
    assert set(rows_of(both)) & set(ARGS) == wanted - OWN


@pytest.mark.parametrize("name", SPECIALS)
def test_commands(name):
    text, row = help_text([name]), SPECIALS[name]
    assert text.startswith(f"yolo {name}: {row.about}") and all(example in text for example in row.examples)
    assert set(row.rows) <= set(rows_of(text))
    assert len(row.examples) == (0 if row.family else 2)
    if row.home:
        module, _, function = row.home.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
    for default in row.args:
        assert default.check(default.default) == default.default


@pytest.mark.parametrize("name", [name for name, row in SPECIALS.items() if row.args])
def test_arguments_of_commands(name):
    row = SPECIALS[name]
    assert row.complete({}) == row.defaults
    with pytest.raises(ConfigError, match=f"'yolo {name}' does not know"):
        row.read({"foo": 1})
    for key, arg in row.rows.items():
        for value in OBJECTS:
            try:
                row.read({key: value})
            except ConfigError as error:
                assert is_short(str(error)) and str(error).startswith(f"{key}={shown(value)} ("), value
            else:
                assert value is None or arg.read is not None or isinstance(value, (arg.kind, int, torch.Tensor))


def test_examples_are_commands():
    words = [*MODE_INFOS.values(), *SPECIALS.values()]
    for example in (example for row in words for example in row.examples):
        program, *rest = example.partition(" >")[0].split()
        command = parse_command([word for word in rest if not word.startswith("cfg=")])
        assert program == "yolo"
        row = SPECIALS.get(command.special or "")
        if row and row.args and row.name not in {"quickstart", "tune"}:
            row.read(dict(parse_key_value_pair(word, row.rows) for word in command.words if "=" in word))
    for task in TASKS:
        for example in re.findall(r"^    yolo (.*)$", help_text([task]), re.MULTILINE):
            assert parse_command(example.split()).overrides["task"] == task


def test_the_confidence_of_each_mode_is_told():
    for mode in ("predict", "track", "val"):
        assert "predict 0.25, track 0.1, val 0.001 (obb 0.01)" in rows_of(mode_help(mode))["conf"]


def test_arguments(capsys):
    entrypoint("help lr0 epochs=3")
    out = capsys.readouterr().out
    assert "lr0: learning rate" in out and "a whole number of 1 or more" in out and "modes    train\n" in out
    assert "yolo26n-seg.pt for segment" in argument_help("model")
    assert "tasks    obb" in argument_help("angle")
    for row in ARGS.values():
        assert row.allowed in argument_help(row.name)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("help lr1", r"'lr1' is no mode, task, command or argument. Did you mean .*lr0"),
        ("trian --help", "Did you mean train"),
        ("help segmnt", "Did you mean segment"),
        ("help dynamise", "Did you mean dynamize"),
        ("help qqqqq", "'yolo help' lists the words"),
    ],
)
def test_unknown_words(words, part):
    with pytest.raises(SyntaxError, match=part):
        entrypoint(words)


def test_commands_that_are_not_built():
    for name, row in SPECIALS.items():
        if row.family:
            with pytest.raises(NotImplementedError, match=r"not built|no cloud"):
                entrypoint(f"{name} count")


def test_one_number_of_experts():
    assert DYNAMIZE.defaults["num_experts"] == EXPERTS


def test_help_loads_no_network_code():
    code = "import sys; from ultralytics.cfg.cli import main; main(['train', '--help']); print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    loaded = set(out.stdout.splitlines()[-1].split())
    assert out.returncode == 0 and not loaded & {"torch", "numpy", "cv2", "PIL", "requests", "matplotlib"}
