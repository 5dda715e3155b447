"""Drawn films: exact, seeded, complete, and full of what makes tracking hard."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ultralytics.data.generators.film import MIN_VISIBLE, Film, along
from ultralytics.data.generators.film_set import mot_rows, write_film
from ultralytics.data.generators.movers import random_movers
from ultralytics.data.generators.shapes import generate
from ultralytics.data.mot import read_rows

SMALL = {"size_hw": (120, 160), "seconds": 0.4, "movers": 5}


def still(*movers, **more) -> Film:
    return Film(**{"movers": movers, "posts": 0, "moving_camera": False, "size_hw": (120, 160), "seconds": 1, **more})


def test_same_seed_same_frames_in_any_order():
    first, second, other = Film(3, **SMALL), Film(3, **SMALL), Film(4, **SMALL)
    pictures = list(first)
    assert len(pictures) == len(first) == 12 and pictures[0].shape == (120, 160, 3) and pictures[0].dtype == np.uint8
    np.testing.assert_array_equal(pictures[7], second.image(7))
    np.testing.assert_array_equal(first.truth(7).corners, second.truth(7).corners)
    assert (pictures[0] != other.image(0)).mean() > 0.5
    assert (pictures[0] != pictures[1]).mean() > 0.3  # the camera moves and its sensor has noise


def test_ten_seconds_of_crossing_hiding_scaling_and_turning():
    film = Film()
    truths = [film.truth(number) for number in range(len(film))]
    assert len(film) == 300 and film.size_hw == (360, 640)
    seen = np.array([len(truth.seen()) for truth in truths])
    assert seen.min() >= 2 and seen.max() <= 14 and 4 <= seen.mean() <= 12
    rows = mot_rows(film)
    gaps = [np.diff(rows[rows[:, 1] == track, 0]).max(initial=1) for track in np.unique(rows[:, 1])]
    assert sum(gap > 5 for gap in gaps) >= 3  # hidden for a while and seen again under the same id
    assert ((rows[:, 8] < 0.8).mean() > 0.05) and (rows[:, 8] >= MIN_VISIBLE).all()
    mover = film.movers[0]
    assert np.ptp(mover.radius) > 0.2 * mover.radius.mean() and np.ptp(film.camera[:, 0, 2]) > 30


def test_movers_live_within_the_film():
    movers = random_movers(np.random.default_rng(0), 40, (90, 120), 60, 30.0, ("star", "ring"))
    assert {mover.name for mover in movers} == {"star", "ring"}
    for mover in movers:
        assert mover.start >= 0 and 0 < len(mover.path) == len(mover.radius) == len(mover.angle_rad) <= 60 - mover.start


def test_laid_out_paths_are_exact():
    film = still(along("circle", [(0, 20, 60), (20, 120, 60)], 15), along("square", [(5, 80, 0), (29, 80, 96)], 10))
    np.testing.assert_allclose(film.truth(10).centres, [[70, 60], [80, 20]])
    assert film.truth(10).ids.tolist() == [1, 2] and film.truth(10).cls.tolist() == [0, 2]
    assert film.truth(0).ids.tolist() == [1] and film.truth(25).ids.tolist() == [2]
    np.testing.assert_allclose(film.truth(0).boxes_xyxy, [[5, 45, 35, 75]])
    np.testing.assert_allclose(film.truth(29).corners[0], [[72.5, 88.5], [87.5, 88.5], [87.5, 103.5], [72.5, 103.5]])


def test_boxes_bound_what_is_painted():
    film = still(along("star", [(0, 80, 60), (29, 81, 60)], 30))
    ground = still(along("star", [(0, -90, -90), (29, -90, -90)], 30))
    changed = np.abs(film.image(0).astype(int) - ground.image(0)).sum(-1) > 60
    points = np.argwhere(changed)[:, ::-1]
    np.testing.assert_allclose([*points.min(0), *(points.max(0) + 1)], film.truth(0).boxes_xyxy[0], atol=2)
    assert len(ground.truth(0)) == 1 and len(ground.truth(0).seen()) == 0


def test_a_moving_camera_shows_ground_and_shapes_alike():
    """The ground is warped by OpenCV, shapes are moved as points: a cross on the ground has to stay under a shape."""
    film = Film(1, size_hw=(120, 160), seconds=1, movers=[along("circle", [(0, 70, 50), (29, 70, 50)], 6)], posts=0)
    film._ground[:] = 0
    film._ground[42 + 49 : 42 + 51, 56 + 69 : 56 + 71] = 255  # around (70, 50) of the world, 0.35 of the sides inwards
    for number in (0, 12, 29):
        x, y = film.truth(number).centres[0]
        rows, columns = np.nonzero(film._ground_seen(number)[..., 0] > 100)
        np.testing.assert_allclose([columns.mean() + 0.5, rows.mean() + 0.5], [x, y], atol=0.5)
    assert np.abs(np.diff(film.camera, axis=0)).max() > 0.2


@pytest.mark.parametrize(("centre", "expected"), [(60, 1.0), (0, 0.5), (-30, 0.0)])
def test_visibility_outside(centre, expected):
    film = still(along("square", [(0, centre, 60), (29, centre, 60)], 20))
    assert film.truth(3).visibility[0] == pytest.approx(expected, abs=0.03)


def test_visibility_behind_others_and_posts():
    back, front = (
        along(name, [(0, 60 + dx, 60), (29, 60 + dx, 60)], 20) for name, dx in (("circle", 0), ("square", 8))
    )
    film = still(back, front)
    assert 0.1 < film.truth(0).visibility[0] < 0.6 and film.truth(0).visibility[1] == 1
    assert still(front, back).truth(0).visibility.tolist()[1] == 1
    posted = Film(movers=[along("circle", [(0, 20, 60), (59, 140, 60)], 4)], size_hw=(120, 160), seconds=2, posts=1)
    seen = [posted.truth(number).visibility[0] for number in range(60)]
    assert min(seen) == 0 and seen[0] == seen[-1] == 1


def test_written_film_is_read_again_with_its_rows(tmp_path):
    film = Film(2, **SMALL)
    write_film(film, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "gt.txt", "obb"]
    video = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    assert video.get(cv2.CAP_PROP_FPS) == 30 and video.get(cv2.CAP_PROP_FRAME_COUNT) == 12
    for number in range(12):
        read, picture = video.read()
        assert read and np.abs(picture.astype(int) - film.image(number)).mean() < 12
    rows = read_rows(tmp_path / "gt.txt")
    np.testing.assert_allclose(rows, mot_rows(film)[np.lexsort(mot_rows(film)[:, 1::-1].T)], atol=1e-3)
    for number in range(12):
        truth = film.truth(number).seen()
        lines = (tmp_path / "obb" / f"film_{number + 1}.txt").read_text().splitlines()
        assert [int(line.split()[-1]) for line in lines] == truth.ids.tolist() and len(lines[0].split()) == 10


def test_data_set_with_a_film(tmp_path):
    keys = {"task": "track", "size": [96, 128], "counts": {"train": 2, "val": 1}, "seconds": 0.2, "seed": 5}
    generate(keys, tmp_path / "a")
    generate(keys, tmp_path / "b")
    names = {"film.mp4", "gt.txt", "obb", "images", "labels", "generator.json"}
    assert {path.name for path in (tmp_path / "a").iterdir()} == names
    for name in ("film.mp4", "gt.txt", "images/train/00000.jpg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert {row[0] for row in read_rows(tmp_path / "a" / "gt.txt")} == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Film(seconds=0), "no frame"),
        (lambda: Film(names=["star"], movers=[along("ring", [(0, 0, 0), (1, 1, 1)])]), "'ring'"),
        (lambda: along("ring", [(0, 0, 0)]), "two or more"),
        (lambda: along("ring", [(3, 0, 0), (3, 9, 9)]), "rising"),
        (lambda: Film(**SMALL).truth(12), "frames 0 to 11"),
    ],
)
def test_faults_are_named(make, text):
    with pytest.raises((ValueError, IndexError), match=text):
        make()


def test_failed_writing_leaves_nothing(tmp_path, monkeypatch):
    film = Film(2, **SMALL)
    monkeypatch.setattr(film, "image", lambda number: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        film.write(tmp_path / "film.mp4")
    assert list(tmp_path.iterdir()) == []
