"""The `yolo` command: read the words, then start a special command or a mode of a model.

Only what a command needs is imported, when it is needed: `version`, `help`, `cfg` and `settings` never touch torch.
"""

from __future__ import annotations

import importlib
import os
import pickle
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ultralytics.cfg.cli_help import CLI_HELP_MSG, help_text
from ultralytics.cfg.cli_parse import Command, merge_equals_args, parse_command, parse_key_value_pair, smart_value
from ultralytics.cfg.commands import SPECIALS
from ultralytics.cfg.errors import ConfigError, ConfigSyntaxError, ConfigValueError, close_names, named, shown
from ultralytics.cfg.merge import DEFAULT_CFG_DICT, checked, modernise
from ultralytics.cfg.schema import ARGS
from ultralytics.cfg.solutions import CLI_ARGS, SOLUTIONS, unknown_argument
from ultralytics.cfg.tasks import MODES, TASK2DATA, TASK2MODEL, TASKS
from ultralytics.cfg.values import starts_anew
from ultralytics.utils.env import ASSETS, DEFAULT_CFG_PATH, PYTHON_VERSION, VERSION, env_bool
from ultralytics.utils.files import get_latest_run
from ultralytics.utils.log import LOGGER, colorstr, remove_colorstr
from ultralytics.utils.settings import SETTINGS, default_settings
from ultralytics.utils.text import console_text
from ultralytics.utils.unbuilt import refuse

__all__ = [
    "copy_default_cfg",
    "entrypoint",
    "handle_yolo_login",
    "handle_yolo_settings",
    "handle_yolo_solutions",
    "main",
    "merge_equals_args",
    "parse_key_value_pair",
    "smart_value",
]

# What a user can mend: shown as one line. Anything else is a bug of ours and keeps its traceback.
USER_ERRORS = (ConfigError, ValueError, SyntaxError, OSError, ImportError, NotImplementedError, pickle.UnpicklingError)

VOCABULARY = "ultralytics.nn.tasks"  # fills the table of blocks, before a command loads the network code


def entrypoint(debug: str = "") -> None:
    """Run a command line.

    Args:
        debug: words to run instead of those of the process; errors are then raised as they are.

    Raises:
        SystemExit: with status 1 after a user's mistake, 130 after Ctrl-C (without `debug`).
    """
    if debug:
        main(debug.split())
        return
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # so that `modules:` of a YAML finds the user's files; last, so it shadows nothing
    status = run_guarded(lambda: main(sys.argv[1:]))
    if status:
        sys.exit(status)


def run_guarded(action: Callable[[], Any]) -> int:
    """Call `action` and turn what it raises into an exit status; mistakes of the user print a short message.

    `YOLO_TRACEBACK=1` shows where a message came from.
    """
    try:
        return int(action() or 0)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains while closing
        return 141  # 128 + SIGPIPE, what the shell reports for other programs
    except Exception as error:
        if _out_of_memory(error):
            text = "not enough memory for this run; a smaller batch or imgsz needs less."
            error = MemoryError(f"{text} ({' '.join(str(error).split())[:160]})")
        elif not (isinstance(error, USER_ERRORS) or isinstance(error.__cause__, USER_ERRORS)):
            raise
        if env_bool("YOLO_TRACEBACK"):
            traceback.print_exc()
        else:
            hint = "" if _says_all(error) else "\n(YOLO_TRACEBACK=1 shows where this happened.)"
            text = console_text(f"ERROR ❌ {str(error) or type(error).__name__}{hint}")
            print(text if sys.stderr.isatty() else remove_colorstr(text), file=sys.stderr)
        return 1


def _says_all(error: Exception) -> bool:
    """Whether a message was written for users: errors of the system have a number, those of imports a name."""
    own = {OSError: "errno", ImportError: "name"}
    written = any(isinstance(error, kind) and getattr(error, fact) is None for kind, fact in own.items())
    return written or isinstance(error, (ConfigError, NotImplementedError))


def _out_of_memory(error: Exception) -> bool:
    """Whether memory ran out, which torch reports as a RuntimeError of its own or as one of its allocator."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and ("out of memory" in str(error) or "can't allocate memory" in str(error))
    )


def main(words: Sequence[str]) -> int:
    """Run a command line given as words and return the exit status."""
    if not words:
        print(CLI_HELP_MSG)
        return 0
    command = parse_command(words)
    if command.special:
        return run_special(command)
    run_mode(command.overrides)
    return 0


def run_special(command: Command) -> int:
    """Run a special command and return the exit status."""
    name, words = command.special, list(command.words)
    if SPECIALS[name].home:
        return _forward(name, words)
    actions: dict[str, Callable[[list[str]], Any]] = {
        "help": lambda words: print(help_text(words)),
        "version": lambda _: print(VERSION),
        "checks": lambda _: _checks(),
        "settings": handle_yolo_settings,
        "cfg": lambda _: print(DEFAULT_CFG_PATH.read_text(encoding="utf-8"), end=""),
        "copy-cfg": lambda _: copy_default_cfg(),
        "solutions": handle_yolo_solutions,
        "login": handle_yolo_login,
        "logout": handle_yolo_login,
    }
    if name not in actions:
        refuse(SPECIALS[name].family, f"yolo {name}")
    return 1 if actions[name](words) is False else 0


def _forward(name: str, words: Sequence[str]) -> int:
    """Load the module of a command and call it with the arguments as a dictionary."""
    rows = SPECIALS[name].rows
    pairs = dict(parse_key_value_pair(word, rows) if "=" in word else (word, True) for word in words)
    importlib.import_module(VOCABULARY)
    module, _, function = SPECIALS[name].home.partition(":")
    getattr(importlib.import_module(module), function)(pairs)
    return 0


def _checks() -> None:
    """Print the system table; the version comes at once, the rest after torch has been loaded."""
    print(f"Ultralytics {VERSION} Python-{PYTHON_VERSION}, loading torch ...", flush=True)
    importlib.import_module("ultralytics.utils.checks.system").collect_system_info()


def copy_default_cfg() -> None:
    """Copy the defaults to `./default_copy.yaml` and say how to use the copy.

    Raises:
        FileExistsError: the copy exists and has been edited.
    """
    copy = Path.cwd() / DEFAULT_CFG_PATH.name.replace(".yaml", "_copy.yaml")
    if copy.exists() and copy.read_bytes() != DEFAULT_CFG_PATH.read_bytes():
        raise FileExistsError(f"'{copy}' exists and differs from the defaults; move it away first.")
    shutil.copyfile(DEFAULT_CFG_PATH, copy)
    print(f"'{DEFAULT_CFG_PATH}' copied to '{copy}'.\nUse it with: yolo cfg='{copy}' imgsz=320 batch=8")


def handle_yolo_settings(args: Sequence[str]) -> bool:
    """Show settings, restore them (`reset`) or change them (`key=value ...`).

    Returns:
        False after an error, which is reported in one line.
    """
    try:
        words = list(args)
        if words == ["reset"]:
            SETTINGS.reset()
        elif words:
            SETTINGS.update(dict(_setting(word) for word in merge_equals_args(words)))
        print(SETTINGS)
        return True
    except (KeyError, TypeError, ValueError, SyntaxError, OSError) as error:
        text = error.args[0] if isinstance(error, KeyError) else error  # str() of a KeyError has quotes around it
        LOGGER.warning(f"settings unchanged: {text}")
        return False


def _setting(word: str) -> tuple[str, Any]:
    """Read `key=value`; text settings take the value as it is written."""
    key, value = parse_key_value_pair(word)
    return key, word.partition("=")[2].strip() if isinstance(default_settings().get(key), str) else value


def handle_yolo_login(args: Sequence[str]) -> None:
    """Say that there is nothing to log in to."""
    refuse("cloud")


def handle_yolo_solutions(args: Sequence[str]) -> Any:
    """Start a video application by name.

    Args:
        args: name and `key=value` words in any order; a switch alone means True. Without a name objects are counted.

    Raises:
        ConfigError: an application or argument that there is not, or a wrong value; names the nearest ones.
    """
    words = merge_equals_args(list(args))
    names = [word for word in words if "=" not in word]
    known = [word for word in names if word in SOLUTIONS]
    if not words or "help" in names:
        print(help_text(["solutions", *known]))
        return None
    unknown = [word for word in names if word not in known and not _is_switch(word)]
    if unknown:
        close = close_names(unknown[0], SOLUTIONS)
        hint = f"Did you mean {' or '.join(close)}?" if close else f"There are {', '.join(SOLUTIONS)}."
        raise ConfigSyntaxError(f"'{unknown[0]}' is no solution. {hint}")
    if not known:
        LOGGER.warning(f"no solution named, using 'count'. There are {', '.join(SOLUTIONS)}.")
    return run_solution(known[0] if known else "count", _solution_arguments(words))


def _is_switch(word: str) -> bool:
    name = word.lstrip("-")
    return name == "half" or (name in CLI_ARGS and CLI_ARGS[name].kind is bool)


def _solution_arguments(words: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of a video application, checked."""
    given: dict[str, Any] = {}
    for word in words:
        if "=" in word:
            key, value = parse_key_value_pair(word.lstrip("-"), CLI_ARGS)
            given[key] = value
        elif _is_switch(word):
            given[word.lstrip("-")] = True
    if given.pop("half", False):
        LOGGER.warning("'half' is an argument of earlier versions; write 'quantize=16' instead.")
        given.setdefault("quantize", 16)
    for key in given:
        if key not in CLI_ARGS:
            raise unknown_argument(key, CLI_ARGS)
    return {key: CLI_ARGS[key].check(value) for key, value in given.items()}


def run_solution(name: str, args: dict[str, Any]) -> Any:
    """Run a video application: serve its page, or take it through a film."""
    from ultralytics.engine.task import resolve

    info = SOLUTIONS[name]
    idle = [key for key in args if key not in info.rows]
    if idle:
        LOGGER.warning(f"without effect in 'yolo solutions {name}': {', '.join(idle)}.")
    if info.launch:
        return resolve(info.launch)({key: value for key, value in args.items() if key in info.rows})
    from ultralytics.solutions.run import run_film

    model = str(args.get("model") or info.model)

    def opened() -> Any:
        with named("model", model):
            return open_model(model, None, bool(args.get("trust")))

    run_film(info, args, opened)
    return None


def run_mode(overrides: dict[str, Any]) -> Any:
    """Complete the arguments, open the model and start the mode."""
    args = complete(overrides)
    if args["mode"] in {"predict", "track"}:
        args.setdefault("save", True)  # a command without files would leave nothing behind
    words = args.pop("classes") if isinstance(args.get("classes"), str) else None  # class names, for open vocabularies
    # A benchmark takes a number here: the least value of the metric.
    say = {"verbose": args.pop("verbose")} if args["mode"] == "benchmark" and "verbose" in args else {}
    args = checked(args) | say  # before a model is opened, which takes seconds
    mode, task, name = args.pop("mode"), args.pop("task", None), args.pop("model")
    with named("model", name):
        model = open_model(str(name), task, bool(args.get("trust")))
    if task and task != model.task:
        LOGGER.warning(f"task={task} does not fit '{name}', which is a model for '{model.task}'; using that.")
    if words is not None and hasattr(model, "set_classes"):
        model.set_classes([word.strip() for word in words.split(",")])
    elif words is not None:
        ARGS["classes"].check(words)  # which says what other models take
    if mode == "train" and args.get("data") is None and starts_anew(args.get("resume")):
        args["data"] = TASK2DATA.get(model.task)
        LOGGER.warning(f"'data' is missing, using data={args['data']}.")
    unkept = {"stream": None} if mode in {"predict", "track"} else {}  # of a long film, results would fill the memory
    return getattr(model, mode)(**args, **unkept)


def complete(overrides: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with a mode, a valid task, a model and what the mode cannot go without.

    Raises:
        ValueError: no such mode or task.
    """
    args = modernise(overrides)
    if args.get("mode") is None:
        args["mode"] = DEFAULT_CFG_DICT["mode"]
        LOGGER.warning(f"no mode given, using '{args['mode']}'. Modes are {', '.join(MODES)}.")
    if args.get("task") == "track":
        args.update(task="detect", mode="track")
    for key, known in (("mode", MODES), ("task", TASKS)):
        value = args.get(key)
        if value is not None and value not in known:
            close = close_names(str(value), known)
            hint = f" Did you mean {' or '.join(close)}?" if close else ""
            raise ConfigValueError(f"{key}={shown(value)} is not valid; {key} is one of {', '.join(known)}.{hint}")
    if args.get("model") is None and starts_anew(args.get("resume")):
        args["model"] = TASK2MODEL[args.get("task") or DEFAULT_CFG_DICT["task"]]
        LOGGER.warning(f"'model' is missing, using model={args['model']}.")
    elif args.get("model") is None:
        args["model"] = args["resume"] if isinstance(args["resume"], str) else _latest_run()
    if args["mode"] in {"predict", "track"} and args.get("source") is None:
        args["source"] = str(ASSETS)
        LOGGER.warning(f"'source' is missing, using source={args['source']}.")
    if args["mode"] == "export" and not args.get("format"):
        args["format"] = DEFAULT_CFG_DICT["format"]
        LOGGER.warning(f"'format' is missing, using format={args['format']}.")
    return args


def _latest_run() -> str:
    """Return the newest last.pt below the current folder and the runs folder, which `resume=True` goes on with."""
    found = get_latest_run(".") or get_latest_run(SETTINGS["runs_dir"])
    if not found:
        raise FileNotFoundError("resume=True finds no last.pt below this folder; give its path: resume=path/to/last.pt")
    LOGGER.info(f"Resuming {colorstr('bold', found)}.")
    return found


def open_model(name: str, task: str | None, trust: bool) -> Any:
    """Open a model with the class that its name asks for."""
    from ultralytics.models import NAS, RTDETR, SAM, YOLO, FastSAM

    stem = Path(name).stem.lower()
    if "rtdetr" in stem:
        return RTDETR(name, trust=trust)
    if "fastsam" in stem:
        return FastSAM(name)
    if any(part in stem for part in ("sam_", "sam2_", "sam2.1_", "sam3")):
        return SAM(name)
    if "yolo_nas" in stem:
        return NAS(name)
    return YOLO(name, task=task, trust=trust)
