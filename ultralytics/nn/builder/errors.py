"""What is wrong with a model YAML, and where."""

from __future__ import annotations

import functools
from typing import Any

from ultralytics.utils.text import printable

__all__ = ["ModelYamlError", "UnbuiltBlockError"]

MAX_PROBLEM = 2000  # characters; messages quote what the YAML says


class ModelYamlError(ValueError):
    """A model YAML that cannot be built; says which file, row, module and argument, and what would be right.

    Attributes:
        file: YAML file, empty for a dictionary.
        row: index of the row over backbone and head together, None where no single row is at fault.
        module: module name of the row.
        argument: the argument at fault, where one is known.
    """

    def __init__(self, problem: str, *, file: str = "", row: int | None = None, module: str = "", argument: str = ""):
        problem = problem if len(problem) <= MAX_PROBLEM else f"{problem[:MAX_PROBLEM]}…"
        self.problem, self.file, self.row, self.module, self.argument = problem, str(file or ""), row, module, argument
        place = [self.file or "model YAML"]
        place += [f"row {row}"] if row is not None else []
        place += [f"module '{printable(module, 80)}'"] if module else []
        place += [f"argument '{argument}'"] if argument else []
        super().__init__(f"{', '.join(place)}: {problem}")

    def __reduce__(self):
        state = {"file": self.file, "row": self.row, "module": self.module, "argument": self.argument}
        return functools.partial(type(self), **state), (self.problem,)

    def at(self, **place: Any) -> ModelYamlError:
        """Return the same error with places filled in where it has none."""
        known = {key: getattr(self, key) for key in ("file", "row", "module", "argument")}
        merged = {key: place.get(key, old) if old in ("", None) else old for key, old in known.items()}
        return type(self)(self.problem, **merged)


class UnbuiltBlockError(ModelYamlError, NotImplementedError):
    """A model YAML that names a block of a family which this package does not build."""
