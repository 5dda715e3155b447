"""Networks and their exports, each made once for the tests of a module."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from export_helpers import export_beside, settled


@pytest.fixture(scope="module")
def models():
    """A function that returns the settled network of a name, made once."""
    made = {}
    return lambda name: made[name] if name in made else made.setdefault(name, settled(f"{name}.yaml"))


@pytest.fixture(scope="module")
def written(models, tmp_path_factory):
    """A function that exports a model, once for each set of arguments, and returns the path."""
    paths = {}
    root = tmp_path_factory.mktemp("with space")

    def write(form, name, **arguments):
        key = (form, name, *sorted(arguments.items()))
        if key not in paths:
            paths[key] = export_beside(form, copy.deepcopy(models(name)), root / f"{len(paths)} {name}.pt", **arguments)
        return Path(paths[key])

    return write
