from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultralytics.engine.train.schedule import (
    StepPlan,
    accumulation,
    epoch_factor,
    multi_scale_size,
    one_cycle,
    scaled_decay,
    warmup_iterations,
)

RUNS = ["sgd_linear", "sgd_cos", "auto_short", "adamw_nowarm", "musgd"]


@pytest.mark.parametrize("kind", ["linear", "cos"])
@pytest.mark.parametrize("case", range(4))
def test_epoch_factor(golden, kind, case):
    g = golden("schedules")
    settings = g.meta["epoch_factor_cases"][case]
    got = [epoch_factor(e, settings["epochs"], settings["lrf"], kind == "cos") for e in range(settings["epochs"] + 1)]
    np.testing.assert_allclose(got, g[f"epoch_factor.{kind}.{case}"], atol=1e-12)


def test_warmup_iterations(golden):
    for warmup, epochs, batches, expected in golden("schedules")["warmup_iterations"]:
        assert warmup_iterations(warmup, int(epochs), int(batches)) == expected


@pytest.mark.parametrize("run", RUNS)
def test_plan_reproduces_the_recorded_runs(golden, run):
    """Learning rate, momentum, accumulation and the iterations that step, batch by batch."""
    g = golden("schedules")
    meta = g.meta[f"loop.{run}"]
    settings, batches = meta["settings"], meta["batches_per_epoch"]
    epochs, nbs = settings["epochs"], settings.get("nbs", 64)

    def factor(epoch):
        return epoch_factor(epoch, epochs, settings.get("lrf", 0.01), settings.get("cos_lr", False))

    plan = StepPlan(
        warmup=warmup_iterations(settings.get("warmup_epochs", 3.0), epochs, batches),
        accumulate=accumulation(nbs, settings["batch"], batches * epochs),
        bias_lr=meta["args_warmup_bias_lr"],
        momentum_start=settings.get("warmup_momentum", 0.8),
        momentum=meta["args_momentum"],
    )
    groups = [{"param_group": row["name"], "initial_lr": row["lr"] / factor(epochs - 1)} for row in meta["groups"]]
    for group, row in zip(groups, meta["groups"], strict=True):
        if row["momentum"] is not None:
            group["momentum"] = row["momentum"]
    momentum = [row["momentum"] or row["betas"][0] for row in meta["groups"]]
    rows, last, updates = [], -1, 0
    for ni in range(batches * epochs):
        epoch = ni // batches
        step = plan.at(ni, factor(epoch), groups)
        accumulate = step.accumulate if step else plan.accumulate
        lr = step.lr if step else [group["initial_lr"] * factor(epoch) for group in groups]
        if step:
            momentum = [new if new is not None else old for new, old in zip(step.momentum, momentum, strict=True)]
        if ni - last >= accumulate:
            last, updates = ni, updates + 1
        pairs = [value for pair in zip(lr, momentum, strict=True) for value in pair]
        rows.append([epoch, ni, accumulate, updates, *pairs])
    np.testing.assert_allclose(rows, g[f"loop.{run}"], atol=1e-9)


def test_decay_grows_with_the_batch_really_stepped():
    assert scaled_decay(0.0005, 64, 16) == pytest.approx(0.0005)
    assert scaled_decay(0.0005, 64, 128) == pytest.approx(0.001)
    assert scaled_decay(0.0005, 64, 3) == pytest.approx(0.0004921875)


def test_accumulation_has_limits():
    assert accumulation(64, 256) == 1
    assert accumulation(64, 1, iterations=10) == 10


def test_one_cycle_ends():
    ramp = one_cycle(0.2, 1.0, 50)
    assert ramp(0) == pytest.approx(0.2) and ramp(50) == pytest.approx(1.0) and ramp(25) == pytest.approx(0.6)


@given(imgsz=st.integers(64, 1280), share=st.floats(0, 0.9), stride=st.sampled_from([32, 64]), ni=st.integers(0, 10**6))
def test_multi_scale_sizes_are_in_range_and_repeatable(imgsz, share, stride, ni):
    size = multi_scale_size(imgsz, share, stride, 0, ni)
    assert size % stride == 0 and size == multi_scale_size(imgsz, share, stride, 0, ni)
    assert max(stride, int(imgsz * (1 - share)) - stride) <= size <= imgsz * (1 + share) + stride


def test_multi_scale_off_keeps_the_size():
    assert {multi_scale_size(640, 0.0, 32, 0, ni) for ni in range(50)} == {640}
