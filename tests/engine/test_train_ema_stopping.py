from __future__ import annotations

import numpy as np
import pytest
import torch
import weights_rule
from torch import nn

from ultralytics.engine.train.ema import ModelEMA
from ultralytics.engine.train.stopping import EarlyStopping, epochs_in_time


def test_decay(golden):
    g = golden("schedules")
    default, quick = ModelEMA(nn.Linear(1, 1)), ModelEMA(nn.Linear(1, 1), decay=0.99, tau=10)
    np.testing.assert_allclose([default.decay(u) for u in g["ema.decay_default"][:, 0]], g["ema.decay_default"][:, 1])
    np.testing.assert_allclose([quick.decay(u) for u in g["ema.decay_099_tau10"][:, 0]], g["ema.decay_099_tau10"][:, 1])


def test_sequence(golden):
    g = golden("schedules")
    model = nn.Linear(3, 2)
    weights_rule.apply(model, g.meta.get("seed", 0))
    averages = [ModelEMA(model), ModelEMA(model, 0.99, 10, updates=3)]
    for k, row in enumerate(g["ema.sequence"]):
        with torch.no_grad():
            model.weight += 0.1 * (k + 1)
            model.bias *= 0.9
        got = []
        for average in averages:
            average.update(model)
            got += [average.ema.weight.flatten(), average.ema.bias]
        np.testing.assert_allclose(torch.cat(got).numpy(), row, atol=1e-6)
    assert [a.updates for a in averages] == g.meta["ema_updates_end"]


def test_counters_and_the_model_itself_stay_as_they_are():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    average = ModelEMA(model)
    model.train()(torch.randn(2, 3, 4, 4))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    average.update(model)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert int(average.ema[1].num_batches_tracked) == 0 and not average.ema.training
    assert not torch.equal(average.ema[1].running_mean, torch.zeros(4))
    assert not any(p.requires_grad for p in average.ema.parameters())


def test_attributes_are_copied_by_name():
    model = nn.Linear(1, 1)
    average = ModelEMA(model)
    model.names, model._secret, model.nc = {0: "a"}, 1, 5
    average.update_attr(model, include=("names", "missing"))
    assert average.ema.names == {0: "a"} and not hasattr(average.ema, "nc")
    average.update_attr(model, exclude=("names",))
    assert average.ema.nc == 5 and not hasattr(average.ema, "_secret")


def test_patience():
    stopper = EarlyStopping(patience=3)
    fitness = [0.1, 0.3, 0.2, 0.3, 0.25, 0.2]
    assert [stopper(epoch, f) for epoch, f in enumerate(fitness)] == [False, False, False, False, True, True]
    assert stopper.best_epoch == 1 and stopper.possible_stop


def test_possible_stop_comes_one_epoch_before():
    stopper = EarlyStopping(patience=2)
    states = []
    for epoch, f in enumerate([0.5, 0.4, 0.4]):
        stopper(epoch, f)
        states.append(stopper.possible_stop)
    assert states == [False, True, True]


def test_zero_fitness_never_stops_and_none_is_no_news():
    stopper = EarlyStopping(patience=2)
    assert not any(stopper(epoch, 0.0) for epoch in range(10))
    assert not stopper(99, None)
    forever = EarlyStopping(patience=0)
    assert not any(forever(epoch, 1.0 - epoch / 100) for epoch in range(90))


def test_state_round_trip():
    stopper, other = EarlyStopping(2), EarlyStopping(2)
    stopper(0, 0.7)
    stopper(1, 0.6)
    other.load_state_dict(stopper.state_dict())
    assert other.state_dict() == stopper.state_dict() and other(2, 0.6)


@pytest.mark.parametrize(
    ("hours", "elapsed", "done", "expected"), [(1, 360, 1, 10), (1, 3700, 4, 4), (0.5, 100, 3, 54)]
)
def test_epochs_in_time(hours, elapsed, done, expected):
    assert epochs_in_time(hours, elapsed, done) == expected
