import cv2
import numpy as np
import pytest

from ultralytics.trackers.utils.gmc import GMC


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(1)
    blocks = rng.integers(0, 255, (75, 100, 3), dtype=np.uint8)
    return cv2.GaussianBlur(cv2.resize(blocks, (800, 600), interpolation=cv2.INTER_NEAREST), (5, 5), 0)


def moved(scene, shift, degrees=0.0, scale=1.0):
    """Return two frames of a scene, and the map between them."""
    frame = scene[100:500, 100:700]
    matrix = cv2.getRotationMatrix2D((300, 200), degrees, scale)
    matrix[:, 2] += shift
    whole = matrix.copy()
    whole[:, 2] -= matrix[:, :2] @ [100, 100]  # of the larger scene, from which the border comes
    second = cv2.warpAffine(scene, whole, (600, 400))
    return frame, second, matrix


@pytest.mark.parametrize("method", ["sparseOptFlow", "orb", "sift", "ecc"])
@pytest.mark.parametrize("downscale", [1, 2])
def test_motion_is_found(scene, method, downscale):
    gmc = GMC(method, downscale)
    first, second, true = moved(scene, (6, -4), 1.0, 1.0 if method == "ecc" else 1.02)
    assert np.array_equal(gmc.apply(first), np.eye(2, 3))
    found = gmc.apply(second, np.array([[10, 10, 60, 60]]))
    corners = np.array([[0, 0, 1], [599, 0, 1], [0, 399, 1], [599, 399, 1]]).T
    assert np.abs(found @ corners - true @ corners).max() < 1.5
    gmc.reset_params()
    assert np.array_equal(gmc.apply(second), np.eye(2, 3))


@pytest.mark.parametrize("method", ["sparseOptFlow", "orb", "sift", "ecc"])
def test_where_nothing_can_be_found(scene, method):
    gmc, black = GMC(method), np.zeros((100, 120, 3), np.uint8)
    for frame in (black, black, scene[:90, :110], black, scene[:100, :120, 0], scene[:100, :120, :1]):
        found = gmc.apply(frame)
        assert found.shape == (2, 3) and np.isfinite(found).all()
        np.testing.assert_allclose(found[:, :2], np.eye(2), atol=0.2)


def test_methods():
    assert np.array_equal(GMC("none").apply(np.zeros((5, 5, 3), np.uint8)), np.eye(2, 3))
    assert GMC(None).method == "none" and GMC().method == "sparseOptFlow"
    with pytest.raises(ValueError, match="sparseOptFlow, orb, sift, ecc, none"):
        GMC("flow")
