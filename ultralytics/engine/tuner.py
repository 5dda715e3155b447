"""`Tuner`: a search for the training arguments that give the best model, one training after another.

How proposals are made is in `engine/tune/propose.py`, what may change in `space.py`, one training in `trial.py`, the
files in `records.py`, keeping to a time in `budget.py`. Ray's search is `engine/tune/ray.py`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from torch import nn

from ultralytics.cfg.errors import ConfigValueError
from ultralytics.cfg.merge import DEFAULT_CFG, DEFAULT_CFG_DICT, cfg2dict, get_cfg
from ultralytics.cfg.tasks import TASK2DATA
from ultralytics.cfg.values import read_hours
from ultralytics.engine.plots.tuning import plot_tune_results
from ultralytics.engine.task import resolve
from ultralytics.engine.train import ddp
from ultralytics.engine.train.checkpointing import plain
from ultralytics.engine.train.runfolder import RunFolderLock, claim_new
from ultralytics.engine.tune.budget import PROBE_EPOCHS, Clock, Pace, choose_epochs, clock_text
from ultralytics.engine.tune.propose import search_named
from ultralytics.engine.tune.records import SETTINGS_FILE, Record, Records, find_search, read_settings, tried
from ultralytics.engine.tune.space import Choice, Gene, plain_space, read_space
from ultralytics.engine.tune.trial import Outcome, TrialStoppedError, run_trial
from ultralytics.utils import env
from ultralytics.utils.callbacks import get_default_callbacks
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.yaml_io import YAML

__all__ = ["OWN_ARGUMENTS", "SearchFailedError", "Tuner"]

OPEN_MODEL = "ultralytics.cfg.cli:open_model"  # finds the class that a model's name asks for
OWN_ARGUMENTS = frozenset({"space", "resume", "budget", "search"})  # beside those of training
MONGODB = frozenset({"mongodb_uri", "mongodb_db", "mongodb_collection"})
# What a search that goes on may be given anew: it has no effect on results.
FREE = frozenset({"device", "workers", "cache", "plots", "verbose", "exist_ok", "project", "name", "mode", "trust"})
MAX_FAILURES = 3  # of the first trials, after which the search is given up: something is wrong with all of them
REDRAW_S = 30.0  # trials that take longer have the charts drawn after each of them


class SearchFailedError(RuntimeError, ValueError):
    """No training of a search works. It is a RuntimeError, and a mistake of the caller."""


class Tuner:
    """Searches hyper-parameters by training with one set after another.

    Args:
        args: training arguments, `model` and `data` (one data set or a list) among them, and those of the search:
            `space` (see `read_space`), `search` (`evolution`, `random`, `grid` or `optuna`), `budget` (hours, or
            `"2h"`), `resume` (True, the folder of a search, or `auto` for one of this name if there is one).
        _callbacks: event name -> functions, for every training; they have to be importable.
        model: network whose weights every training starts from, instead of what `args["model"]` names.

    Attributes:
        space: genes by argument.
        tune_dir: folder of the search.
        records: its results, see `Records`.
        trainer: trainer class; None finds the one of the model.

    Raises:
        ConfigError: an unknown argument, in `space` too, or a wrong value.
        NotImplementedError: for results in MongoDB.
    """

    def __init__(
        self, args: Any = DEFAULT_CFG, _callbacks: dict | None = None, *, model: nn.Module | None = None
    ) -> None:
        given = _given(args)
        if MONGODB & set(given):
            raise NotImplementedError("results in MongoDB are not built; a search on several machines: use_ray=True.")
        self.own = {key: given.pop(key, None) for key in OWN_ARGUMENTS}
        self.hours = None if self.own["budget"] is None else _hours(self.own["budget"])
        self.prefix = colorstr("Tuner: ")
        self.callbacks = _callbacks or get_default_callbacks()
        self.model = model
        self.trainer: type | None = None
        given["mode"] = "train"
        folder = find_search(self.own["resume"], given, given.get("task"), SETTINGS_FILE)
        self.resumes = folder is not None
        if self.resumes:
            self.tune_dir = folder
            given = self._stored(given)
        elif given.get("data") is None:
            given["data"] = TASK2DATA[given.get("task") or DEFAULT_CFG_DICT["task"]]
            LOGGER.warning(f"'data' is missing. Using default 'data={given['data']}'.")
        self.args = get_cfg(overrides=given)
        self.space = read_space(self.own["space"], given.get("task"))
        self.search_name = self.own["search"] or "evolution"
        self.search = search_named(self.search_name)
        if given.get("optimizer") is None and "optimizer" not in self.space:
            given["optimizer"] = "AdamW"  # 'auto' would ignore lr0 and momentum
        elif given.get("optimizer") == "auto" and {"lr0", "momentum"} & set(self.space):
            LOGGER.warning("optimizer=auto chooses lr0 and momentum by itself, so a search over them compares nothing.")
        self.overrides = given
        self.seed = int(self.args.seed)
        if not self.resumes:
            reuse = self.args.exist_ok or bool(given.get("save_dir"))
            self.tune_dir = claim_new(self.args, name=self.args.name or "tune", reuse=reuse)
        self.records = Records(self.tune_dir, list(self.space))
        self.tune_file, self.tune_csv = self.records.file, self.records.csv
        LOGGER.info(f"{self.prefix}searching {', '.join(self.space)} in {self.tune_dir}")

    # Going on with a search -------------------------------------------------------------------------------------------

    def _stored(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of the search that goes on; those that cannot change are left as they were."""
        settings = read_settings(self.tune_dir)
        stored = dict(settings["args"])
        asked = {"space": None if self.own["space"] is None else plain_space(read_space(self.own["space"]))}
        asked = {**given, **asked, "search": self.own["search"]}
        kept = {**stored, "space": settings["space"], "search": settings["search"]}
        ignored = [k for k, v in asked.items() if v is not None and k not in FREE and plain(v) != kept.get(k)]
        if ignored:
            LOGGER.warning(f"a search that goes on keeps its settings; ignored: {', '.join(ignored)}.")
        self.own["space"], self.own["search"] = settings["space"], settings["search"]
        objects = {k: given[k] for k in ("augmentations",) if k in given}  # files cannot hold them
        return {**stored, **objects, **{k: v for k, v in given.items() if k in FREE}}

    def _save_settings(self) -> None:
        settings = {
            "args": {k: plain(v) for k, v in self.overrides.items() if k != "augmentations"},
            "space": plain_space(self.space),
            "search": self.search_name,
        }
        YAML.save(
            self.tune_dir / SETTINGS_FILE, settings, "# What this search is about; resume=True goes on with it.\n"
        )

    # The search -------------------------------------------------------------------------------------------------------

    def __call__(self, iterations: int = 300, cleanup: bool = True) -> dict[str, Any]:
        """Train until so many trials are done, those of a search that goes on included, or the budget is used up.

        Args:
            iterations: number of trials.
            cleanup: delete the weights of all trials but the best one.

        Returns:
            The best hyper-parameters, nothing where no trial was made.

        Raises:
            SearchFailedError: the first trials all fail.
            KeyboardInterrupt: on Ctrl-C, after saying how to go on.
        """
        self._check_call(iterations)
        clock = Clock(self.hours)
        lock = RunFolderLock(self.tune_dir)
        lock.acquire(wait_s=1.0)
        try:
            if self.resumes:
                self._take_up(cleanup)
            with self._spec_file() as spec:
                self._plan(spec, clock)
                self._save_settings()
                self._run(spec, iterations, cleanup, clock)
        except KeyboardInterrupt:
            LOGGER.info(f"{self.prefix}interrupted; go on with resume='{self.tune_dir}'")
            raise
        finally:
            self._draw()
            lock.release()
        self._report(iterations)
        return dict(self.records.best.hyperparameters) if self.records.best else {}

    def propose(self, number: int) -> dict[str, Any] | None:
        """Return the hyper-parameters of a trial, None where nothing new is left to try.

        The first trial has the arguments as they are, put into the ranges of the space.

        Args:
            number: of the trial, from 1; all before it are in `records`.
        """
        if number == 1:
            return {key: _start(gene, self.args.get(key)) for key, gene in self.space.items()}
        return self.search(self.space, tried(self.records.all), self.seed, number)

    def _check_call(self, iterations: int) -> None:
        ddp.refuse_rerun()
        if env.world_size() > 1:
            raise RuntimeError(
                "a search starts its own processes: call it without torchrun, with device=0,1 for several."
            )
        if isinstance(iterations, bool) or not isinstance(iterations, int) or iterations < 1:
            raise ConfigValueError(f"iterations={iterations!r} is not valid; it takes a whole number of 1 or more.")

    def _take_up(self, cleanup: bool) -> None:
        """Read what there is, and do what a killed search may have left undone after its last trial."""
        self.records.load()
        LOGGER.info(f"{self.prefix}going on after trial {len(self.records.all)} in {self.tune_dir}")
        if self.records.all:
            last = self.records.all[-1]
            self._settle(last, self.records.best is last, cleanup)

    @contextlib.contextmanager
    def _spec_file(self) -> Iterator[Path]:
        """Write what every training needs into a private file."""
        if self.trainer is None:
            opened = resolve(OPEN_MODEL)(str(self.args.model), self.overrides.get("task"), bool(self.args.get("trust")))
            self.trainer = opened._smart_load("trainer")
            self.model = self.model or (opened.model if opened.ckpt else None)
        weights = None if "model" in self.space else self.model
        attributes = {"initial_weights": weights} if weights is not None else {}
        listeners = {event: list(functions) for event, functions in self.callbacks.items()}
        job = ddp.WorkerSpec(self.trainer, dict(self.overrides), listeners, attributes)
        with tempfile.TemporaryDirectory(prefix="ultralytics-tune-") as folder:  # mode 700: nobody else can write here
            file = Path(folder) / "spec.pkl"
            file.write_bytes(ddp.pack(job))
            yield file

    def _plan(self, spec: Path, clock: Clock) -> None:
        """Measure an epoch and say how many trials of how many epochs fit into the budget."""
        if self.hours is None:
            return
        probe = self._train(spec, "probe", {"epochs": PROBE_EPOCHS, "time": None, "plots": False}, clock)
        failed = next((one.reason for one in probe.values() if one.reason), "")
        if failed:
            raise SearchFailedError(
                f"the training that measures an epoch failed: {failed}; log: {self._run_folder('probe')}"
            )
        epoch = sum(one.epoch_seconds for one in probe.values())
        other = sum(max(0.0, one.seconds - one.epochs * one.epoch_seconds) for one in probe.values())
        pace, limit = Pace(epoch, other), self.args.time
        if limit:
            clock.expected = other + limit * 3600 * len(probe)
        elif "epochs" not in self.space:
            given = self.overrides.get("epochs")
            if not self.resumes:
                self.overrides["epochs"] = given = choose_epochs(pace, clock.left, given)
            clock.expected = pace.trial_seconds(given or DEFAULT_CFG_DICT["epochs"])
        else:
            clock.expected = pace.trial_seconds(getattr(self.space["epochs"], "high", PROBE_EPOCHS))
        clock.learn(self.records.all)
        count = int(clock.left / max(clock.expected, 1e-6))
        LOGGER.info(
            f"{self.prefix}an epoch takes {clock_text(epoch)}, all else in a trial {clock_text(other)}: about {count} "
            f"trials of {self.overrides.get('epochs') or 'the asked'} epochs fit into {clock_text(clock.left)}"
        )

    def _run(self, spec: Path, iterations: int, cleanup: bool, clock: Clock) -> None:
        """Make trials until one of the ends is reached."""
        for number in range(len(self.records.all) + 1, iterations + 1):
            if not clock.fits_another():
                LOGGER.info(f"{self.prefix}the budget is used up: {clock_text(max(clock.left, 0))} are left, too few.")
                return
            proposal = self.propose(number)
            if proposal is None:
                LOGGER.info(f"{self.prefix}all that the space holds has been tried.")
                return
            told = ", ".join(f"{key}={value}" for key, value in proposal.items())
            LOGGER.info(f"\n{self.prefix}{colorstr('bold', f'trial {number}/{iterations}')} with {told}")
            try:
                outcomes = self._train(spec, str(number), proposal, clock)
            except TrialStoppedError:
                LOGGER.info(f"{self.prefix}the budget is used up; trial {number} is not complete and does not count.")
                return
            self._take(number, iterations, proposal, outcomes, cleanup)
            clock.learn(self.records.all)

    def _train(self, spec: Path, name: str, changes: Mapping[str, Any], clock: Clock) -> dict[str, Outcome]:
        """Train on every data set, and return what came of it by the data set's name."""
        found = {}
        for data_name, data in _named_data(self.overrides.get("data")).items():
            run = self._run_folder(name) / data_name
            found[data_name] = run_trial(spec, run, {**changes, "data": data}, clock.is_over, bool(self.args.verbose))
        return found

    def _run_folder(self, name: str) -> Path:
        return self.tune_dir / "trials" / name

    def _take(
        self, number: int, iterations: int, proposal: dict[str, Any], outcomes: Mapping[str, Outcome], cleanup: bool
    ) -> None:
        """Take the outcome of a trial in: files, messages, weights.

        Raises:
            SearchFailedError: this and all before have failed.
        """
        reasons = {name: one.reason for name, one in outcomes.items() if one.reason}
        record = Record(
            number,
            round(sum(one.fitness for one in outcomes.values()) / len(outcomes), 5),
            proposal,
            {name: one.metrics or {"fitness": 0.0} for name, one in outcomes.items()},
            {name: str(self._run_folder(str(number)) / name) for name in outcomes},
            list(reasons),
            reasons,
            round(sum(one.seconds for one in outcomes.values()), 3),
            sum(one.epochs for one in outcomes.values()),
            round(sum(one.epoch_seconds for one in outcomes.values()), 4),
        )
        is_best = self.records.add(record)
        for name, reason in reasons.items():
            log = Path(record.save_dirs[name]) / "train.log"
            LOGGER.warning(f"trial {number} failed on '{name}' and counts as fitness 0: {reason} (log: {log})")
        self._settle(record, is_best, cleanup)
        best = self.records.best
        self.records.write_best(iterations)
        LOGGER.info(
            f"{self.prefix}trial {number}/{iterations}: fitness {record.fitness:.5g} in {clock_text(record.seconds)}; "
            f"best {best.fitness:.5g} of trial {best.iteration}"
        )
        if record.seconds > REDRAW_S:
            self._draw()
        if number == MAX_FAILURES and all(len(one.failed_datasets) == len(one.datasets) for one in self.records.all):
            raise SearchFailedError(
                f"the first {number} trials have all failed, the last one: {next(iter(reasons.values()))}"
            )

    def _settle(self, record: Record, is_best: bool, cleanup: bool) -> None:
        """Keep the weights of the best trial, and delete those of a trial where that is wanted. May be repeated."""
        runs = [Path(folder) for folder in record.save_dirs.values()]
        if is_best and runs:
            self.records.keep_weights(runs[0])
        if cleanup:
            for run in runs:
                shutil.rmtree(run / "weights", ignore_errors=True)

    def _draw(self) -> None:
        if self.args.plots and self.records.all:
            plot_tune_results(self.records.file)

    def _report(self, iterations: int) -> None:
        self.records.write_best(iterations)
        if self.records.best is None:
            return
        best = self.records.best
        LOGGER.info(
            f"\n{self.prefix}{len(self.records.all)}/{iterations} trials complete. Best fitness {best.fitness:.5g} of "
            f"trial {best.iteration}.\n{self.prefix}Results in {self.tune_dir}; train with the best: "
            f"yolo train cfg={self.records.best_file} model=... data=..."
        )
        YAML.print(self.records.best_file)


# Parts ----------------------------------------------------------------------------------------------------------------


def _given(args: Any) -> dict[str, Any]:
    """Return what a user asked for; of a complete configuration only what is no default."""
    found = cfg2dict(args)
    if isinstance(args, SimpleNamespace):
        found = {k: v for k, v in found.items() if k not in DEFAULT_CFG_DICT or v != DEFAULT_CFG_DICT[k]}
    return found


def _hours(budget: Any) -> float:
    try:
        return read_hours(budget)
    except (TypeError, ValueError) as error:
        raise ConfigValueError(f"budget={budget!r} is not valid; it takes {error}.") from None


def _named_data(data: Any) -> dict[str, Any]:
    """Return the data sets by the name of their file, numbered where names are equal."""
    sets = [data] if data is None or isinstance(data, (str, os.PathLike)) else list(data)
    found: dict[str, Any] = {}
    for one in sets:
        stem = Path(str(one)).stem or "data"
        number = 2
        name = stem
        while name in found:
            name, number = f"{stem}-{number}", number + 1
        found[name] = None if one is None else str(one)
    return found


def _start(gene: Gene, value: Any) -> Any:
    """Return the value of the first trial: the argument as it is, or what the gene has nearest to it."""
    if isinstance(gene, Choice):
        return value if gene.holds(value) else gene.options[0]
    if gene.holds(value):
        return int(value) if gene.whole else value
    nearest = gene.position(value) if isinstance(value, (int, float)) else 0.5
    return gene.value(nearest)


__getattr__, __dir__ = offer(__name__)
