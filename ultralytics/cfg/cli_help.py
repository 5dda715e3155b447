"""Texts that the command line prints. They are derived from the records of tasks, modes, commands and arguments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from textwrap import indent, wrap
from typing import Any

from ultralytics.cfg.arg import Arg
from ultralytics.cfg.commands import SPECIALS, Special
from ultralytics.cfg.errors import ConfigSyntaxError, close_names
from ultralytics.cfg.idle import IDLE
from ultralytics.cfg.schema import ARGS, GROUPS
from ultralytics.cfg.solutions import SOLUTIONS
from ultralytics.cfg.tasks import MODE_INFOS, MODES, TASK2DATA, TASK2MODEL, TASK_INFOS, TASKS
from ultralytics.utils.settings import default_settings
from ultralytics.utils.unbuilt import reason

__all__ = [
    "CLI_HELP_MSG",
    "PYTHON_HELP",
    "SOLUTIONS_HELP_MSG",
    "SOLUTION_MAP",
    "argument_help",
    "command_help",
    "help_text",
    "mode_help",
    "solution_help",
    "task_help",
]

WIDTH = 100  # of running text
MARGIN = " " * 4


def _sentence(family: str) -> str:
    """Return what is not built and what to do instead."""
    text = reason(family)
    return text[0].upper() + text[1:]


def _listed(words: Iterable[tuple[str, str]]) -> str:
    """Return lines of a word and what it is about."""
    return "\n".join(f"        {name:<12}{about}" for name, about in words)


CLI_HELP_MSG = f"""
    yolo [TASK] MODE [arg=value ...]

    MODE  what to do; `yolo help MODE` shows its arguments with their defaults

{_listed((row.name, row.about + (" (not built)" if row.family else "")) for row in MODE_INFOS.values())}

    TASK  what the model does; left out, the model decides

{_listed((row.name, row.about + (" (not built)" if row.family else "")) for row in TASK_INFOS.values())}

    arg   any argument of 'yolo cfg', in any order; a switch such as 'save_txt' alone means True

    yolo train data=coco8.yaml model=yolov8n.pt epochs=10 lr0=0.01
    yolo train data=shapes.yaml model=yolov8n-DynamicConv.yaml epochs=20 imgsz=160
    yolo val model=yolov8n.pt data=coco8.yaml batch=1 imgsz=640
    yolo predict model=yolov8n.pt source=path/to/images conf=0.4 save_txt
    yolo export model=yolov8n.pt format=onnx imgsz=224,128

    Special commands: yolo COMMAND ...

{_listed((row.name, row.about) for row in SPECIALS.values() if not row.family)}

    Not built: {", ".join(row.name for row in SPECIALS.values() if row.family)}; `yolo help WORD` tells another way
"""

PYTHON_HELP = (
    """
    from ultralytics import YOLO

    model = YOLO("yolov8n.yaml")  # a new model, or
    model = YOLO("yolov8n.pt")  # one with trained weights
    model.train(data="coco8.yaml", epochs=3)
    metrics = model.val()
    results = model("path/to/image.jpg")
    path = model.export(format="onnx")
"""
    + CLI_HELP_MSG
)

SOLUTION_MAP: dict[str, str | None] = {**{row.name: row.kind for row in SOLUTIONS.values()}, "help": None}

SOLUTIONS_HELP_MSG = f"""
    yolo solutions NAME [arg=value ...]

    NAME  the application; `yolo solutions NAME help` shows its arguments with their defaults

{_listed((row.name, row.about) for row in SOLUTIONS.values())}
"""


def help_text(words: Sequence[str]) -> str:
    """Return what the words of a `help` command mean, the list of all words where there are none.

    Args:
        words: modes, tasks, commands and arguments, with or without a value. A mode and a task together are one.

    Raises:
        ConfigSyntaxError: a word that is nothing known, with the closest known ones.
    """
    names = [word.partition("=")[0].strip().lstrip("-") for word in words]
    if names and names[0] in {"solutions", "solution"}:
        known = [name for name in names[1:] if name in SOLUTIONS]
        return "\n\n".join(solution_help(name) for name in dict.fromkeys(known)) or command_help("solutions")
    modes, tasks = [n for n in names if n in MODE_INFOS], [n for n in names if n in TASK_INFOS]
    task = tasks[0] if len(tasks) == 1 and modes else ""
    texts = [mode_help(name, task) for name in dict.fromkeys(modes)]
    texts += [] if task else [task_help(name) for name in dict.fromkeys(tasks)]
    for name in dict.fromkeys(n for n in names if n not in {*MODE_INFOS, *TASK_INFOS}):
        texts.append(command_help(name) if name in SPECIALS else argument_help(name))
    return "\n\n".join(texts) or CLI_HELP_MSG


def mode_help(name: str, task: str = "") -> str:
    """Return what a mode does, two examples, and its arguments by group; those of other tasks left out for a task."""
    info = MODE_INFOS[name]
    rows = [row for row in ARGS.values() if row.name not in {"task", "mode"} and name in _modes(row)]
    parts = [_head(f"{task} {name}".strip(), info.about, info.text, info.family), _commands(info.examples)]
    return "\n\n".join([*parts, *_grouped([row for row in rows if not task or _serves(row, task)], name, task)])


def task_help(name: str) -> str:
    """Return what a task is, its defaults, two examples, and the arguments that not every task uses."""
    info = TASK_INFOS[name]
    facts = (
        f"Names of its models and data sets end in '{info.suffix}'. " if info.suffix else ""
    ) + f"Defaults: model={info.model}, data={info.data}, imgsz={info.imgsz}; {info.metric} ranks models."
    stem = info.model.removesuffix(".pt")
    examples = (
        f"yolo {name} train model={stem}.yaml data={info.data}",
        f"yolo {name} predict model=best.pt source=a.jpg",
    )
    rows = [row for row in ARGS.values() if row.tasks and name in row.tasks]
    note = f"Arguments that only some tasks use; the others are in 'yolo help {name} train' and so on."
    return "\n\n".join(
        [_head(name, info.about, facts, info.family), _commands(examples), note, *_grouped(rows, "", name)]
    )


def command_help(name: str) -> str:
    """Return what a special command does, two examples, and its arguments with their defaults."""
    row = SPECIALS[name]
    usage = " ".join(filter(None, [f"yolo {name}", row.takes, "[arg=value ...]" if row.args else ""]))
    parts = [_head(name, row.about, row.text, row.family), *([_commands(row.examples)] if row.examples else [])]
    parts += [f"{MARGIN}Usage: {usage}"] if usage != f"yolo {name}" else []
    parts += [_table(row.args)] if row.args else []
    parts += _facts_of(row)
    return "\n\n".join(parts)


def _facts_of(row: Special) -> list[str]:
    """Return what a command takes besides arguments of its own."""
    if row.name == "settings":
        return [_lines((key, shown, "") for key, shown in _settings())]
    return [_listed((one.name, one.about) for one in SOLUTIONS.values())] if row.name == "solutions" else []


def solution_help(name: str) -> str:
    """Return what a video application does, an example, and the arguments that it uses with their defaults."""
    row = SOLUTIONS[name]
    rows = [replace(arg, default=row.model) if arg.name == "model" and row.model else arg for arg in row.rows.values()]
    source = "source=film.mp4" if "source" in row.rows else ""
    example = " ".join(filter(None, ["yolo solutions", name, source, row.example]))
    return "\n\n".join([_head(f"solutions {name}", row.about, row.text, ""), _commands([example]), _table(rows)])


def _settings() -> list[tuple[str, Any]]:
    return [(key, value) for key, value in default_settings().items() if key not in {"settings_version", "uuid"}]


def argument_help(name: str) -> str:
    """Return what one argument means, takes and defaults to; with tasks' defaults for `model` and `data`.

    Raises:
        ConfigSyntaxError: there is no such argument, mode, task or command; names the closest ones.
    """
    if name not in ARGS:
        close = close_names(name, (*MODES, *TASKS, *SPECIALS, *ARGS))
        hint = (
            f" Did you mean {', '.join(close)}?" if close else " 'yolo help' lists the words, 'yolo cfg' the arguments."
        )
        raise ConfigSyntaxError(f"'{name}' is no mode, task, command or argument.{hint}")
    row = ARGS[name]
    lines = [
        f"{name}: {row.help}",
        f"    group    {GROUPS[row.group].title}",
        f"    modes    {', '.join(_modes(row))}",
        f"    tasks    {', '.join(row.tasks) or 'all'}",
        f"    takes    {row.allowed}",
        f"    default  {row.default}",
    ]
    by_task = {"model": TASK2MODEL, "data": TASK2DATA}.get(name, {})
    lines += [f"             {value} for {task}" for task, value in by_task.items()]
    return "\n".join(lines)


# Parts ----------------------------------------------------------------------------------------------------------------


def _modes(row: Arg) -> tuple[str, ...]:
    return row.modes or GROUPS[row.group].modes


def _serves(row: Arg, task: str) -> bool:
    return not row.tasks or task in row.tasks


def _head(name: str, about: str, text: str, family: str) -> str:
    """Return the first lines: what it is, and what to do instead where it is not built."""
    more = _sentence(family) if family else text
    return f"yolo {name}: {about}" + (f"\n\n{indent(chr(10).join(wrap(more, WIDTH)), MARGIN)}" if more else "")


def _commands(examples: Iterable[str]) -> str:
    return "\n".join(f"{MARGIN}{example}" for example in examples)


def _grouped(rows: Sequence[Arg], mode: str, task: str) -> list[str]:
    """Return a table for every group of arguments."""
    groups = {key: [row for row in rows if row.group == key] for key in GROUPS}
    return [f"  {GROUPS[key].title}\n{_table(found, mode, task)}" for key, found in groups.items() if found]


def _table(rows: Iterable[Arg], mode: str = "", task: str = "") -> str:
    """Return lines of argument, default and meaning, with a remark where a mode or another task does not use it."""
    return _lines((row.name, row.default, row.help + _remark(row, mode, task)) for row in rows)


def _remark(row: Arg, mode: str, task: str) -> str:
    only = "" if task or not row.tasks else f" [{_tasks(row.tasks)}]"
    idle = IDLE.get(mode, {}).get(row.name, "")
    return only + (f" [no effect: {idle}]" if idle else "")


def _tasks(names: Sequence[str]) -> str:
    """Return tasks in words, by the one that is missing where there is but one among those that are built."""
    others = [task.name for task in TASK_INFOS.values() if task.name not in names and not task.family]
    return f"not {others[0]}" if len(others) == 1 else "/".join(names)


def _lines(rows: Iterable[tuple[str, Any, str]]) -> str:
    return "\n".join(f"{MARGIN}{name:<17}{default!s:<16}{about}".rstrip() for name, default, about in rows)
