"""Which hyper-parameters to try next. A proposal depends on the space, the results so far, the seed and the number of
the trial alone, so a search that was interrupted goes on as if it had not been.

The evolution: parents are the best trials, a child changes about half of its parent's genes by Gaussian steps in
positions 0..1. The steps shrink while nothing better is found, and after a while follow the directions in which the
best trials lie.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ultralytics.cfg.errors import ConfigValueError, close_names
from ultralytics.engine.tune.space import Choice, Gene
from ultralytics.utils.checks import require

__all__ = ["SEARCHES", "Tried", "evolution", "grid", "random_search", "search_named", "tpe"]

Tried = Sequence[tuple[Mapping[str, Any], float]]  # hyper-parameters and fitness of every trial, in order
Search = Callable[[Mapping[str, Gene], Tried, int, int], "dict[str, Any] | None"]

ELITE = 9  # best trials that may become parents
CHANGED = 0.5  # share of the genes that a child changes
STEP = 0.2  # standard deviation of a step, as a share of a range
LEAST_STEP = 0.02
PATIENCE = 10  # trials without a gain after which the step has halved
COVARIANCE_FROM = 30  # results from which on steps follow the best trials
DRAWS = 200  # attempts at a proposal that has not been tried


def search_named(name: str) -> Search:
    """Return the function of a search.

    Raises:
        ConfigValueError: there is none of that name.
    """
    if name not in SEARCHES:
        close = close_names(name, SEARCHES, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise ConfigValueError(f"search={name!r} is not valid; it is one of {', '.join(SEARCHES)}.{hint}")
    return SEARCHES[name]


def evolution(space: Mapping[str, Gene], tried: Tried, seed: int, number: int) -> dict[str, Any] | None:
    """Return hyper-parameters bred from the best trials.

    Args:
        space: genes by argument.
        tried: trials so far; without one the proposal is drawn from the whole space.
        seed: of the search.
        number: of the trial, from 1.

    Returns:
        Values by argument, None where everything that the space holds has been tried.
    """
    if not tried:
        return random_search(space, tried, seed, number)
    rng = np.random.default_rng((seed, number))
    points = np.array([[gene.position(values[key]) for key, gene in space.items()] for values, _ in tried])
    fitness = np.array([score for _, score in tried])
    best = np.argsort(-fitness, kind="stable")[:ELITE]
    excess = fitness[best] - fitness[best].min()
    # The worst of the best keeps a chance, and all have the same where none is better.
    weights = excess + max(float(excess.mean()), 1e-9)
    root = _directions(points[best]) if len(tried) >= COVARIANCE_FROM else np.eye(len(space))
    scale = _step_size(fitness) * np.array([getattr(gene, "gain", 1.0) for gene in space.values()])

    def child() -> dict[str, Any]:
        parent = best[rng.choice(len(best), p=weights / weights.sum())]
        changed = rng.random(len(space)) < CHANGED
        changed[rng.integers(len(space))] = True
        point = points[parent] + np.where(changed, scale * (root @ rng.standard_normal(len(space))), 0.0)
        values = {key: gene.value(float(at)) for (key, gene), at in zip(space.items(), point, strict=True)}
        # Options have no neighbours: one that changes becomes any other.
        drawn = {key: gene.value(float(rng.random())) for key, gene in space.items() if isinstance(gene, Choice)}
        kept = {key: tried[parent][0][key] for key in drawn}
        order = list(space)
        return values | {key: drawn[key] if changed[order.index(key)] else kept[key] for key in drawn}

    return _untried(space, tried, child)


def random_search(space: Mapping[str, Gene], tried: Tried, seed: int, number: int) -> dict[str, Any] | None:
    """Return hyper-parameters from anywhere in the space; arguments as those of `evolution`."""
    rng = np.random.default_rng((seed, number))

    def draw() -> dict[str, Any]:
        return {key: gene.value(float(rng.random())) for key, gene in space.items()}

    return _untried(space, tried, draw)


def tpe(space: Mapping[str, Gene], tried: Tried, seed: int, number: int) -> dict[str, Any] | None:
    """Return hyper-parameters by Optuna's tree-structured Parzen estimator; arguments as those of `evolution`.

    Raises:
        ImportError: Optuna is not installed.
    """
    optuna = require("optuna", extra="tune", why="search=optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kinds: dict[str, Any] = {}
    for key, gene in space.items():
        if isinstance(gene, Choice):
            kinds[key] = optuna.distributions.CategoricalDistribution(range(len(gene.options)))
        elif gene.whole:
            kinds[key] = optuna.distributions.IntDistribution(gene.low, gene.high)
        else:
            kinds[key] = optuna.distributions.FloatDistribution(gene.low, gene.high, log=gene.logarithmic)
    sampler = optuna.samplers.TPESampler(seed=int(np.random.SeedSequence((seed, number)).generate_state(1)[0]))
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for values, score in tried:
        study.add_trial(optuna.trial.create_trial(params=_for_optuna(space, values), distributions=kinds, value=score))

    def draw() -> dict[str, Any]:
        asked = study.ask(kinds)
        proposal = {
            key: gene.options[asked.params[key]]
            if isinstance(gene, Choice)
            else gene.value(gene.position(asked.params[key]))
            for key, gene in space.items()
        }
        study.tell(asked, state=optuna.trial.TrialState.FAIL)
        return proposal

    return _untried(space, tried, draw)


def grid(space: Mapping[str, Gene], tried: Tried, seed: int, number: int) -> dict[str, Any] | None:
    """Return the next of all combinations, in order; arguments as those of `evolution`.

    Raises:
        ConfigValueError: a range has endless values.
    """
    endless = [key for key, gene in space.items() if math.isinf(gene.count)]
    if endless:
        raise ConfigValueError(f"search=grid: {endless[0]} has endless values; give {{'choice': [...]}}.")
    known = {_key(space, values) for values, _ in tried}
    return next((values for values in _all(space) if _key(space, values) not in known), None)


SEARCHES: dict[str, Search] = {"evolution": evolution, "random": random_search, "grid": grid, "optuna": tpe}


# Parts ----------------------------------------------------------------------------------------------------------------


def _for_optuna(space: Mapping[str, Gene], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a trial, options by number and numbers inside their ranges."""
    return {
        key: int(gene.position(values[key]) * len(gene.options))
        if isinstance(gene, Choice)
        else min(max(values[key], gene.low), gene.high)
        for key, gene in space.items()
    }


def _step_size(fitness: np.ndarray) -> float:
    """Return the standard deviation of a step: halved by every `PATIENCE` trials that the best result is old."""
    stale = len(fitness) - 1 - int(np.argmax(fitness))
    return max(LEAST_STEP, STEP * 0.5 ** (stale / PATIENCE))


def _directions(points: np.ndarray) -> np.ndarray:
    """Return a matrix (G, G) that turns independent steps into steps along the spread of points (N, G).

    Its mean variance is 1. Half of it stays independent: few points span few directions, and none may be closed.
    """
    covariance = np.atleast_2d(np.cov(points, rowvar=False))
    mean = float(np.trace(covariance)) / len(covariance)
    if not mean > 1e-12:
        return np.eye(points.shape[1])
    return np.linalg.cholesky(0.5 * covariance / mean + 0.5 * np.eye(len(covariance)))


def _untried(space: Mapping[str, Gene], tried: Tried, draw: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """Return a proposal that has not been tried, None where there is none left.

    Where chance does not find one of the last few, they are counted through.
    """
    known = {_key(space, values) for values, _ in tried}
    for _ in range(DRAWS):
        proposal = draw()
        if _key(space, proposal) not in known:
            return proposal
    if math.prod(gene.count for gene in space.values()) > 100 * DRAWS:
        return proposal
    return grid(space, tried, 0, 0)


def _key(space: Mapping[str, Gene], values: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(repr(values[key]) if isinstance(gene, Choice) else float(values[key]) for key, gene in space.items())


def _all(space: Mapping[str, Gene]) -> Any:
    """Yield everything that a finite space holds."""
    key, *others = space
    gene = space[key]
    options = gene.options if isinstance(gene, Choice) else range(int(gene.low), int(gene.high) + 1)
    for option in options:
        rest = {name: space[name] for name in others}
        for values in _all(rest) if rest else ({},):
            yield {key: option, **values}
