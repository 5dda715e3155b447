import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.trackers.utils.kalman_filter import KalmanFilterXYAH, KalmanFilterXYWH

KINDS = [KalmanFilterXYAH, KalmanFilterXYWH]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 7), sure=st.booleans())
def test_many_at_once_are_many_one_by_one(kind, seed, count, sure):
    rng, motion = np.random.default_rng(seed), kind()
    z = motion.encode(rng.uniform(5, 500, (3, count, 4)))
    confidence = rng.uniform(0, 1, count) if sure else None
    mean, covariance = motion.initiate(z[0])
    for row in z[1:]:
        mean, covariance = motion.update(*motion.predict(mean, covariance), row, confidence)
    for i in range(count):
        one = motion.initiate(z[0, i])
        for row in z[1:]:
            one = motion.update(*motion.predict(*one), row[i], None if confidence is None else confidence[i])
        np.testing.assert_allclose(mean[i], one[0], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(covariance[i], one[1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_algebra_is_that_of_the_full_matrices(kind):
    motion, rng = kind(), np.random.default_rng(3)
    mean, covariance = motion.initiate(motion.encode(rng.uniform(10, 100, 4)))
    spread = rng.normal(size=(8, 8))
    covariance = covariance + spread @ spread.T  # not only a diagonal
    move, look = np.eye(8) + np.eye(8, k=4), np.eye(4, 8)
    later, moved = motion.predict(mean, covariance)
    noise = motion.predict(mean, np.zeros((8, 8)))[1]
    np.testing.assert_allclose(later, move @ mean)
    np.testing.assert_allclose(moved, move @ covariance @ move.T + noise, rtol=1e-9)
    z = motion.encode(rng.uniform(10, 100, 4))
    measured = motion.project(mean, np.zeros((8, 8)))[1]
    gain = covariance @ look.T @ np.linalg.inv(look @ covariance @ look.T + measured)
    got = motion.update(mean, covariance, z)
    np.testing.assert_allclose(got[0], mean + gain @ (z - look @ mean), rtol=1e-9)
    np.testing.assert_allclose(got[1], (np.eye(8) - gain @ look) @ covariance, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_given_is_not_changed(kind):
    motion = kind()
    mean, covariance = motion.initiate(motion.encode(np.array([10.0, 20, 30, 40])))
    before = mean.copy(), covariance.copy()
    motion.predict(mean, covariance)
    motion.update(mean, covariance, mean[:4] + 1)
    assert np.array_equal(mean, before[0]) and np.array_equal(covariance, before[1])
    assert np.allclose(motion.decode(mean), [10, 20, 30, 40])


def test_a_sure_measurement_counts_for_more():
    motion = KalmanFilterXYWH()
    state = motion.predict(*motion.initiate(np.array([10.0, 20, 30, 40])))
    z = np.array([20.0, 20, 30, 40])
    near, far = (abs(motion.update(*state, z, confidence)[0][0] - 20) for confidence in (0.99, 0.1))
    assert near < far


def test_another_metric_is_refused():
    motion = KalmanFilterXYAH()
    state = motion.initiate(np.array([10.0, 20, 0.5, 40]))
    assert motion.gating_distance(*state, np.zeros((3, 4)), only_position=True).shape == (3,)
    with pytest.raises(ValueError, match="maha"):
        motion.gating_distance(*state, np.zeros((1, 4)), metric="l1")
