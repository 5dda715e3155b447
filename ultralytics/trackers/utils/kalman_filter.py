"""Motion of boxes: Kalman filters of constant velocity, for one box or for many at once.

The state is four coordinates of a box and their velocities per frame (Kalman 1960; for boxes, Bewley et al. 2016,
arXiv:1602.00763). All functions take any number of leading axes, so a hundred tracks cost hardly more than one. What
the coordinates are, and how noise grows with the size of a box, is all that the two classes differ in.
"""

from __future__ import annotations

import numpy as np

__all__ = ["KalmanFilterXYAH", "KalmanFilterXYWH"]

POSITION = 1 / 20  # standard deviation of a coordinate, as a share of the side that it is measured by
VELOCITY = 1 / 160  # and of its velocity
SHARES = np.repeat((POSITION, VELOCITY), 4)
SURE = 0.05  # the share of a measurement's noise that stays at confidence 1
FIRST = (2, 10)  # how much less is known of position and velocity when a track starts


class KalmanFilterXYAH:
    """Filter of centre x, centre y, aspect ratio (width over height) and height."""

    # Standard deviations of the ratio, which has no size to be a share of.
    ratio_process, ratio_measured = 1e-2, 1e-1
    ratio_velocity = 1e-5

    @staticmethod
    def encode(boxes: np.ndarray) -> np.ndarray:
        """Return boxes (..., 4) centre, width, height in the coordinates of the state."""
        state = np.array(boxes, dtype=np.float64)
        state[..., 2] /= state[..., 3]
        return state

    @staticmethod
    def decode(state: np.ndarray) -> np.ndarray:
        """Return the boxes (..., 4) centre, width, height of states (..., 4 or 8)."""
        boxes = np.array(state[..., :4])
        boxes[..., 2] *= boxes[..., 3]
        return boxes

    def camera(self, mean: np.ndarray, turn: np.ndarray, sides: np.ndarray) -> np.ndarray:
        """Return the matrices (N, 4, 4) by which coordinates change when the camera moves.

        Args:
            mean: (N, 8) states.
            turn: (2, 2) map of points.
            sides: (2, 2) map of width and height.
        """
        boxes = self.decode(mean)
        grown = boxes[:, 2:] @ sides.T / boxes[:, 2:]
        out = _blocks(len(mean), turn, np.eye(2))
        out[:, 2, 2], out[:, 3, 3] = grown[:, 0] / grown[:, 1], grown[:, 1]
        return out

    def _process_noise(self, state: np.ndarray) -> np.ndarray:
        """Return variances (..., 8) that are added in a frame."""
        out = (state[..., 3:4] * SHARES) ** 2
        out[..., 2], out[..., 6] = self.ratio_process**2, self.ratio_velocity**2
        return out

    def _deviations(self, state: np.ndarray, share: float, ratio: float) -> np.ndarray:
        """Return standard deviations (..., 4) that are a share of the box's size."""
        out = np.repeat(share * state[..., 3:4], 4, -1)
        out[..., 2] = ratio
        return out

    def initiate(self, measurement: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean (..., 8) and covariance (..., 8, 8) of tracks that start with measurements (..., 4)."""
        z = np.asarray(measurement, dtype=np.float64)
        place = self._deviations(z, FIRST[0] * POSITION, self.ratio_process)
        speed = self._deviations(z, FIRST[1] * VELOCITY, self.ratio_velocity)
        covariance = np.zeros((*z.shape[:-1], 8, 8))
        _diagonal(covariance)[...] = np.concatenate((place, speed), -1) ** 2
        return np.concatenate((z, np.zeros_like(z)), -1), covariance

    def predict(self, mean: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean (..., 8) and covariance (..., 8, 8) one frame later."""
        noise = self._process_noise(mean)
        later, spread = np.array(mean, dtype=np.float64), np.array(covariance, dtype=np.float64)
        later[..., :4] += later[..., 4:]
        spread[..., :4, :] += spread[..., 4:, :]  # the transition adds velocities to positions, from the left
        spread[..., :, :4] += spread[..., :, 4:]  # and from the right
        _diagonal(spread)[...] += noise
        return later, spread

    def multi_predict(self, mean: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Do the same for means (N, 8); `predict` takes them as well."""
        return self.predict(mean, covariance)

    def project(
        self, mean: np.ndarray, covariance: np.ndarray, confidence: float | np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean (..., 4) and covariance (..., 4, 4) of the measurement that states let expect.

        Args:
            mean: (..., 8).
            covariance: (..., 8, 8).
            confidence: scores (...) in 0..1 of the measurements; the surer, the less noise.
        """
        variance = self._deviations(mean, POSITION, self.ratio_measured) ** 2
        if confidence is not None:
            variance *= np.maximum(1 - np.asarray(confidence, dtype=np.float64), SURE)[..., None]
        expected = np.array(covariance[..., :4, :4])
        _diagonal(expected)[...] += variance
        return np.array(mean[..., :4]), expected

    def update(
        self,
        mean: np.ndarray,
        covariance: np.ndarray,
        measurement: np.ndarray,
        confidence: float | np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and covariance after measurements (..., 4); see `project` for the confidence."""
        expected, spread = self.project(mean, covariance, confidence)
        gain = np.linalg.solve(spread, covariance[..., :4, :])  # (..., 4, 8), transposed
        surprise = np.asarray(measurement) - expected
        better = mean + (surprise[..., None, :] @ gain)[..., 0, :]
        return better, covariance - covariance[..., :, :4] @ gain

    def gating_distance(
        self,
        mean: np.ndarray,
        covariance: np.ndarray,
        measurements: np.ndarray,
        only_position: bool = False,
        metric: str = "maha",
    ) -> np.ndarray:
        """Return how far measurements (N, 4) are from what one state lets expect, squared.

        Args:
            mean: (8,).
            covariance: (8, 8).
            measurements: (N, 4).
            only_position: leave the size of boxes out.
            metric: `maha` in units of the expected deviation (Mahalanobis), `gaussian` in pixels.

        Raises:
            ValueError: another metric.
        """
        used = slice(0, 2 if only_position else 4)
        expected, spread = self.project(mean, covariance)
        away = np.asarray(measurements)[:, used] - expected[used]
        if metric == "gaussian":
            return (away**2).sum(1)
        if metric != "maha":
            raise ValueError(f"metric='{metric}' is not known; take 'maha' or 'gaussian'.")
        return (away.T * np.linalg.solve(spread[used, used], away.T)).sum(0)


class KalmanFilterXYWH(KalmanFilterXYAH):
    """Filter of centre x, centre y, width and height; noise along an axis goes with the side along it."""

    @staticmethod
    def encode(boxes: np.ndarray) -> np.ndarray:
        """Return a copy: boxes are the state's coordinates."""
        return np.array(boxes, dtype=np.float64)

    @staticmethod
    def decode(state: np.ndarray) -> np.ndarray:
        """Return the boxes (..., 4) of states (..., 4 or 8)."""
        return np.array(state[..., :4])

    def camera(self, mean: np.ndarray, turn: np.ndarray, sides: np.ndarray) -> np.ndarray:
        """Return the matrices (N, 4, 4) by which coordinates change when the camera moves."""
        return _blocks(len(mean), turn, sides)

    def _process_noise(self, state: np.ndarray) -> np.ndarray:
        """Return variances (..., 8) that are added in a frame."""
        return (state[..., [2, 3, 2, 3, 2, 3, 2, 3]] * SHARES) ** 2

    def _deviations(self, state: np.ndarray, share: float, ratio: float) -> np.ndarray:
        """Return standard deviations (..., 4) that are a share of width and height."""
        return share * state[..., [2, 3, 2, 3]]


def _blocks(count: int, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Return matrices (N, 4, 4) with two blocks (2, 2) on their diagonals."""
    out = np.zeros((count, 4, 4))
    out[:, :2, :2], out[:, 2:, 2:] = upper, lower
    return out


def _diagonal(matrices: np.ndarray) -> np.ndarray:
    """Return a writable view (..., n) of the diagonals of contiguous matrices (..., n, n)."""
    n = matrices.shape[-1]
    return matrices.reshape(*matrices.shape[:-2], n * n)[..., :: n + 1]
