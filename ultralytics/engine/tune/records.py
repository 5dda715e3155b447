"""The folder of a search: what was asked for, and what every trial gave.

| file | holds |
|---|---|
| `tune_args.yaml` | arguments, space and seed of the search; what `resume` goes on with |
| `tune_results.ndjson` | one line for each trial, in order; what a search goes on from |
| `tune_results.csv` | the same as a table: fitness, then the searched arguments |
| `best_hyperparameters.yaml` | the best trial's, for `yolo train cfg=` |
| `weights/` | best.pt and last.pt of the best trial |

Every file is replaced as a whole, so a killed search leaves none that is torn.
"""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from glob import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ultralytics.cfg.merge import get_save_dir
from ultralytics.cfg.values import starts_anew
from ultralytics.utils.files import atomic_folder, atomic_write
from ultralytics.utils.log import remove_colorstr
from ultralytics.utils.yaml_io import YAML

__all__ = ["SETTINGS_FILE", "Record", "Records", "find_search", "read_settings", "settings_file", "tried"]

SETTINGS_FILE = "tune_args.yaml"


@dataclass(frozen=True)
class Record:
    """What a trial gave.

    Attributes:
        iteration: number of the trial, from 1.
        fitness: mean over the data sets, 0 for each on which the training failed.
        hyperparameters: searched arguments and their values.
        datasets: name of a data set -> metrics there, `fitness` among them.
        save_dirs: name of a data set -> folder of the run.
        failed_datasets: names of data sets on which the training failed.
        reasons: name of a data set -> why it failed there.
        seconds: that the trial took.
        epochs: that it trained, over all data sets.
        epoch_seconds: that an epoch took, 0 where none was finished.
    """

    iteration: int
    fitness: float
    hyperparameters: dict[str, Any]
    datasets: dict[str, dict[str, float]] = field(default_factory=dict)
    save_dirs: dict[str, str] = field(default_factory=dict)
    failed_datasets: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    epochs: int = 0
    epoch_seconds: float = 0.0

    def line(self) -> str:
        """Return the record as JSON in one line; what is empty is left out."""
        always = {"iteration", "fitness", "hyperparameters", "datasets"}
        return json.dumps({k: v for k, v in asdict(self).items() if v or k in always})

    @classmethod
    def parse(cls, text: str) -> Record:
        """Return a record from its line; unknown keys of other versions are ignored.

        Raises:
            ValueError: it is none.
        """
        found = json.loads(text)
        if not isinstance(found, dict) or not isinstance(found.get("hyperparameters"), dict):
            raise ValueError("a trial has 'hyperparameters'")
        fitness = found.get("fitness")
        if isinstance(fitness, bool) or not isinstance(fitness, (int, float)) or not math.isfinite(fitness):
            raise ValueError(f"fitness={fitness!r} is no number")
        return cls(**{k: v for k, v in found.items() if k in cls.__dataclass_fields__})


def tried(records: Sequence[Record]) -> list[tuple[dict[str, Any], float]]:
    """Return what proposals are made from."""
    return [(record.hyperparameters, record.fitness) for record in records]


class Records:
    """The files of a search.

    Args:
        folder: of the search.
        keys: searched arguments, the columns of the table.
    """

    def __init__(self, folder: Path, keys: Sequence[str]) -> None:
        self.folder, self.keys = Path(folder), tuple(keys)
        self.file = self.folder / "tune_results.ndjson"
        self.csv = self.folder / "tune_results.csv"
        self.best_file = self.folder / "best_hyperparameters.yaml"
        self.weights = self.folder / "weights"
        self.all: list[Record] = []

    @property
    def best(self) -> Record | None:
        """The trial of the highest fitness, the first of equal ones; one that failed everywhere only if all did."""
        good = [record for record in self.all if len(record.failed_datasets) < max(1, len(record.datasets))]
        return max(good or self.all, key=lambda record: record.fitness, default=None)

    def load(self) -> None:
        """Read the trials of a search that goes on; from the table where that is all there is.

        Raises:
            ValueError: a line that is no trial, or one of another search; names file and line.
        """
        self.all = []
        if not self.file.exists():
            self.all = self._from_table() if self.csv.exists() else []
            return
        for number, text in enumerate(self.file.read_text(encoding="utf-8").splitlines(), 1):
            try:
                record = Record.parse(text)
                if missing := [key for key in self.keys if key not in record.hyperparameters]:
                    raise ValueError(f"the trial has no '{missing[0]}', which this search is about")
            except (ValueError, TypeError) as error:
                raise ValueError(f"{self.file}, line {number}: {error}.") from error
            self.all.append(record)

    def _from_table(self) -> list[Record]:
        """Return the trials of a table of earlier versions."""
        heads, *rows = csv.reader(self.csv.read_text(encoding="utf-8").splitlines() or ["-"])
        names = [head.strip() for head in heads]
        if names[:1] != ["fitness"] or any(key not in names for key in self.keys):
            raise ValueError(f"{self.csv}: the columns are not 'fitness' and the arguments of this search.")
        found = []
        for number, row in enumerate(rows, 1):
            try:
                fitness, *values = map(float, row)
                hyperparameters = dict(zip(names[1:], values, strict=True))
            except ValueError as error:
                raise ValueError(f"{self.csv}, line {number + 1}: {error}.") from error
            found.append(Record(number, fitness, {key: hyperparameters[key] for key in self.keys}))
        return found

    def add(self, record: Record) -> bool:
        """Take a trial in and write the files; return whether it is the best so far."""
        self.all.append(record)
        with atomic_write(self.file, "w") as file:
            file.writelines(f"{one.line()}\n" for one in self.all)
        with atomic_write(self.csv, "w") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["fitness", *self.keys])
            table.writerows(_row(one, self.keys) for one in self.all)
        return self.best is record

    def write_best(self, planned: int, note: str = "") -> None:
        """Write the best trial's hyper-parameters, with what is known about them as a comment."""
        best = self.best
        if best is None:
            return
        lines = [
            f"{len(self.all)}/{planned} trials complete{note}",
            f"Results saved to {self.folder}",
            f"Best fitness={best.fitness:.5g} observed at trial {best.iteration}",
            f"Best metrics are {best.datasets}",
            f"Best model is {self.weights}",
        ]
        header = "".join(f"# {remove_colorstr(line)}\n" for line in lines) + "\n"
        YAML.save(self.best_file, best.hyperparameters, header)

    def keep_weights(self, run: Path) -> None:
        """Copy the weights of the best trial; the older ones stay until the new ones are complete."""
        found = [path for path in (run / "weights" / "best.pt", run / "weights" / "last.pt") if path.is_file()]
        if not found:
            return
        with atomic_folder(self.weights) as folder:
            for path in found:
                shutil.copy2(path, folder / path.name)


def _row(record: Record, keys: Sequence[str]) -> list[Any]:
    """Return the cells of a trial, numbers by five digits."""
    values = [record.fitness, *(record.hyperparameters[key] for key in keys)]
    return [f"{value:.5g}" if isinstance(value, float) else value for value in values]


def settings_file(folder: Path) -> Path:
    """Return the file that says what a search is about."""
    return Path(folder) / SETTINGS_FILE


def find_search(resume: Any, given: Mapping[str, Any], task: str | None, mark: str) -> Path | None:
    """Return the folder of the search to go on with, None for a new one.

    Args:
        resume: its folder, or a file in it; True for the newest one of this `project` and `name`, `auto` for that where
            there is one; None or False for a new search.
        given: arguments of the call.
        task: name of the task.
        mark: file that every folder of a search has.

    Raises:
        FileNotFoundError: there is none, and `resume` is not `auto`.
    """
    if not resume:
        return None
    auto = starts_anew(resume)
    if resume is not True and not auto:
        folder = Path(resume)
        folder = folder.parent if folder.is_file() else folder
        if not (folder / mark).is_file():
            raise FileNotFoundError(f"resume='{resume}' is no folder of a search: it has no '{mark}'.")
        return folder.resolve()
    place = {key: given.get(key) for key in ("project", "name", "save_dir")}
    first = get_save_dir(SimpleNamespace(task=task, exist_ok=True, mode="tune", **place))
    found = [path for path in first.parent.glob(f"{escape(first.name)}*") if (path / mark).is_file()]
    if not found and auto:
        return None
    if not found:
        raise FileNotFoundError(f"resume=True: there is no search in '{first}' yet; name its folder: resume=path")
    return max(found, key=lambda path: (path / mark).stat().st_mtime).resolve()


def read_settings(folder: Path) -> Mapping[str, Any]:
    """Return what a search is about: `args`, `space` and `search`; nothing where its folder does not say.

    What a file may not decide is left out: whether checkpoints are trusted.

    Raises:
        ValueError: the file is no such description.
    """
    file = settings_file(folder)
    if not file.is_file():
        return {}
    found = YAML.load(file)
    if not all(isinstance(found.get(key), kind) for key, kind in (("args", dict), ("space", dict), ("search", str))):
        raise ValueError(f"{file} does not say what the search is about: it needs 'args', 'space' and 'search'.")
    return {**found, "args": {key: value for key, value in found["args"].items() if key != "trust"}}
