"""Proposals: inside the space, functions of what they are given, better than chance, never the same twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.cfg.errors import ConfigValueError
from ultralytics.engine.tune import propose
from ultralytics.engine.tune.propose import SEARCHES, evolution, random_search, search_named
from ultralytics.engine.tune.space import read_space

SPACE = read_space({"lr0": (1e-5, 1e-2), "box": (1, 20), "epochs": (1, 50), "optimizer": ["SGD", "AdamW", "Adam"]})


def needs(name):
    if name == "optuna":
        pytest.importorskip("optuna")
    return SEARCHES[name]


def score(values: dict) -> float:
    """A hill whose top is inside of every range; one optimizer is better than the others."""
    heights = (np.log10(values["lr0"]) + 3, (values["box"] - 8) / 6, (values["epochs"] - 30) / 20)
    return float(np.exp(-sum(h * h for h in heights))) * (1.0 if values["optimizer"] == "AdamW" else 0.6)


def climb(search, trials: int, seed: int = 0, space=SPACE) -> list[tuple[dict, float]]:
    found = []
    for number in range(1, trials + 1):
        values = search(space, found, seed, number)
        found.append((values, score(values)))
    return found


@pytest.mark.parametrize("name", ["evolution", "random", "optuna"])
def test_proposals_are_inside_and_depend_on_nothing_else(name):
    search = needs(name)
    found = climb(search, 12)
    assert all(list(values) == list(SPACE) for values, _ in found)
    assert all(gene.holds(values[key]) for values, _ in found for key, gene in SPACE.items())
    np.random.default_rng(5).random(7)
    np.random.seed(9)
    assert climb(search, 12) == found
    assert search(SPACE, found[:8], 0, 9) == found[8][0]  # what a search that goes on asks for
    assert climb(search, 12, seed=1) != found


@pytest.mark.parametrize("seed", range(3))
def test_evolution_beats_chance(seed):
    evolved, drawn = climb(evolution, 60, seed), climb(random_search, 60, seed)
    assert max(s for _, s in evolved) > max(s for _, s in drawn)
    assert np.mean([s for _, s in evolved[30:]]) > 2 * np.mean([s for _, s in drawn[30:]])


def test_optuna_beats_chance():
    pytest.importorskip("optuna")
    assert np.mean([s for _, s in climb(SEARCHES["optuna"], 40)[20:]]) > np.mean(
        [s for _, s in climb(random_search, 40)]
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=40), st.integers(0, 2**31))
def test_any_fitness_is_taken(fitness, seed):
    found = [(random_search(SPACE, [], 0, number), value) for number, value in enumerate(fitness, 1)]
    values = evolution(SPACE, found, seed, len(found) + 1)
    assert all(gene.holds(values[key]) for key, gene in SPACE.items())


def test_steps_shrink_while_nothing_better_is_found():
    sizes = [propose._step_size(np.array([1.0, *[0.5] * stale])) for stale in range(0, 60, 10)]
    assert sizes[:3] == [0.2, 0.1, 0.05] and sizes[-1] == propose.LEAST_STEP
    assert propose._step_size(np.array([0.1, 0.2])) == 0.2


def test_late_steps_follow_the_best():
    rng = np.random.default_rng(0)
    along = rng.random(9)
    points = np.stack([along, along, rng.random(9) * 1e-3], 1)
    root = propose._directions(points)
    steps = rng.standard_normal((4000, 3)) @ root.T
    correlation = np.corrcoef(steps.T)
    assert correlation[0, 1] > 0.5 and abs(correlation[0, 2]) < 0.1
    assert steps.var(0).mean() == pytest.approx(1, rel=0.1) and steps.var(0).min() > 0.4
    assert (propose._directions(np.ones((9, 3))) == np.eye(3)).all()


def test_a_gain_makes_steps_smaller():
    space = read_space({"momentum": (0.0, 1.0, 0.1), "box": (0.0, 1.0)})
    found = [({"momentum": 0.5, "box": 0.5}, 1.0)]
    children = [evolution(space, found, 0, number) for number in range(2, 200)]
    spread = {key: np.std([child[key] for child in children]) for key in space}
    assert spread["momentum"] < 0.2 * spread["box"]


@pytest.mark.parametrize("name", list(SEARCHES))
def test_a_finite_space_is_tried_once(name):
    search = needs(name)
    space = read_space({"optimizer": ["SGD", "AdamW", "Adam"], "close_mosaic": (0, 2)})
    found = []
    while (values := search(space, found, 0, len(found) + 1)) is not None:
        found.append((values, float(len(found))))
    assert len(found) == 9 and len({tuple(values.items()) for values, _ in found}) == 9


def test_a_grid_goes_through_all_in_order():
    space = read_space({"optimizer": ["SGD", "Adam"], "close_mosaic": (0, 1)})
    found = [({"optimizer": "SGD", "close_mosaic": 1}, 0.5)]
    assert SEARCHES["grid"](space, found, 0, 2) == {"optimizer": "SGD", "close_mosaic": 0}
    with pytest.raises(ConfigValueError, match="search=grid: box has endless values"):
        SEARCHES["grid"](read_space("box"), [], 0, 1)


def test_unknown_search():
    assert search_named("evolution") is evolution
    with pytest.raises(ConfigValueError, match=r"search='evolutoin' is not valid; .* Did you mean evolution"):
        search_named("evolutoin")


def test_optuna_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(ImportError, match=r"search=optuna needs the package 'optuna'.*\[tune\]"):
        SEARCHES["optuna"](SPACE, [], 0, 1)
