"""Lines, zones and maps to the ground."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultralytics.solutions.geometry import Line, Zone, homography, joint_angle, named_zones, project, region_of

LEVEL, UPRIGHT = region_of([(0, 100), (200, 100)]), region_of([(100, 0), (100, 200)])
number = st.floats(-1000, 1000, allow_nan=False).map(lambda x: round(x, 2))
point = st.tuples(number, number)


def test_directions():
    assert LEVEL.crossed((50, 95), (50, 105)) == 1
    assert LEVEL.crossed((50, 105), (50, 95)) == -1
    assert UPRIGHT.crossed((95, 50), (105, 50)) == 1
    assert UPRIGHT.crossed((105, 50), (95, 50)) == -1


@pytest.mark.parametrize("points", [[(0, 100), (200, 100)], [(100, 0), (100, 200)], [(0, 20), (200, 180)]])
def test_the_order_of_points_does_not_matter(points):
    steps = [((50, 20), (60, 170)), ((60, 170), (50, 20)), ((20, 90), (180, 110)), ((5, 5), (6, 5))]
    one, two = region_of(points), region_of(points[::-1])
    assert [one.crossed(*step) for step in steps] == [two.crossed(*step) for step in steps]


def test_steps_that_pass_by_do_not_cross():
    short = region_of([(0, 100), (80, 100)])
    assert short.crossed((100, 95), (100, 105)) == 0
    assert short.crossed((75, 95), (100, 105)) == 0
    assert short.crossed((80, 95), (80, 105)) == 1  # through its end


def test_a_stop_on_the_line_is_one_crossing():
    steps = [(50, 90), (50, 100), (50, 110)]
    assert [LEVEL.crossed(a, b) for a, b in itertools.pairwise(steps)] == [1, 0]


@given(point, point, point, point)
def test_there_and_back_are_opposite(start, end, before, after):
    if start == end:
        return
    line = Line(start, end)
    assert line.crossed(before, after) == -line.crossed(after, before)


@given(point, point, st.lists(point, min_size=2, max_size=20))
def test_a_way_crosses_an_endless_line_as_often_as_its_ends_say(start, end, way):
    if math.dist(start, end) < 1:
        return
    (x1, y1), (x2, y2) = start, end
    length = math.dist(start, end)
    far = [((x1 - x2) / length * 1e5 + x1, (y1 - y2) / length * 1e5 + y1), ((x2 - x1) / length * 1e5 + x2, y2)]
    far[1] = ((x2 - x1) / length * 1e5 + x2, (y2 - y1) / length * 1e5 + y2)
    line = Line(*far)
    total = sum(line.crossed(a, b) for a, b in itertools.pairwise(way))
    assert total == int(line.is_inside(way[-1])) - int(line.is_inside(way[0]))


def test_zones():
    zone = region_of([(0, 0), (100, 0), (100, 100), (50, 20), (0, 100)])  # concave
    assert zone.contains((50, 10)) and zone.contains((5, 80)) and not zone.contains((50, 60))
    assert zone.box == (0, 0, 100, 100)
    assert not zone.is_upright
    assert zone.contains(type("P", (), {"x": 50, "y": 10}))


@given(st.integers(0, 99), st.integers(0, 99))
def test_zones_side_by_side_share_no_point(x, y):
    left = Zone(((0, 0), (50, 0), (50, 100), (0, 100)))
    right = Zone(((50, 0), (100, 0), (100, 100), (50, 100)))
    assert left.contains((x, y)) + right.contains((x, y)) == 1


@pytest.mark.parametrize(
    ("points", "text"),
    [
        ([(5, 5), (5, 5)], "two equal points"),
        ([(5, 5)], "too few points"),
        ([], "too few points"),
        ([(0, 0), (1, 1), (2, 2)], "no area"),
        ([(3, 3)] * 4, "no area"),
        ([(0, float("nan")), (1, 1)], "no numbers"),
    ],
)
def test_what_is_no_region(points, text):
    with pytest.raises(ValueError, match=text) as caught:
        region_of(points)
    assert "\n" not in str(caught.value)


def test_zone_names():
    square = [(0, 0), (9, 0), (9, 9)]
    assert list(named_zones(square)) == ["Region#01"]
    assert list(named_zones([square, square])) == ["Region#01", "Region#02"]
    assert list(named_zones({"left": square})) == ["left"]
    with pytest.raises(ValueError, match=r"'left'.*two points"):
        named_zones({"left": square[:2]})


def test_angles():
    assert joint_angle((0, 0), (5, 0), (10, 0)) == pytest.approx(180)
    assert joint_angle((0, 0), (5, 0), (5, 5)) == pytest.approx(90)
    assert joint_angle((5, -5), (5, 0), (5, -9)) == pytest.approx(0)


def test_ground():
    """A road of 7 by 20 metres, seen from above its near end."""
    rows = [[300, 100, 0, 20], [340, 100, 7, 20], [600, 400, 7, 0], [40, 400, 0, 0]]
    matrix = homography(rows)
    for x, y, east, north in rows:
        assert project(matrix, (x, y)) == pytest.approx((east, north), abs=1e-6)
    assert project(matrix, (320, 250))[0] == pytest.approx(3.5)
    with pytest.raises(ValueError, match="four points"):
        homography(np.array([[0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]]))
