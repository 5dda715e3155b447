"""Counts at lines and in zones against tracks that are known: laid out by hand, and those of drawn films."""

import itertools

import numpy as np
import pytest
from solutions_helpers import FakeModel, film, frame, row

from ultralytics.data.generators.film import Film, along
from ultralytics.solutions.counting import count_tracks, passage, share_of
from ultralytics.solutions.geometry import named_zones, region_of
from ultralytics.solutions.object_counter import ObjectCounter

LEVEL = [(0, 90), (320, 90)]
ZONE = [(100, 40), (220, 40), (220, 140), (100, 140)]


def true_rows(drawn: Film, least: float = 0.25) -> list[list[list[float]]]:
    """Rows of every frame of a film: what is seen of its true tracks."""
    frames = []
    for number in range(len(drawn)):
        truth = drawn.truth(number).seen(least)
        frames.append([row(x, y, i, c) for (x, y), i, c in zip(truth.centres, truth.ids, truth.cls, strict=True)])
    return frames


def positions(frames):
    for rows in frames:
        for x1, y1, x2, y2, track, _, cls in rows:
            yield track, cls, (x1 + x2) / 2, (y1 + y2) / 2


def counted(frames, region, size=(180, 320), **kwargs):
    counter = ObjectCounter(model=FakeModel(frames), region=region, verbose=False, **kwargs)
    return counter, film(counter, len(frames), height=size[0], width=size[1])[-1]


def crossing_film() -> Film:
    """Three down, two up, one back and forth, one that never gets there; one starts and ends hidden by nothing."""
    down = [along("circle", [(0, x, 20), (59, x, 160)]) for x in (40, 80, 120)]
    up = [along("square", [(0, x, 160), (59, x, 20)]) for x in (180, 220)]
    both = along("star", [(0, 260, 20), (29, 260, 160), (59, 260, 20)])
    never = along("cross", [(0, 300, 20), (59, 300, 80)])
    return Film(movers=[*down, *up, both, never], posts=0, moving_camera=False, seconds=2, size_hw=(180, 320))


def test_a_line_counts_both_directions_exactly():
    frames = true_rows(crossing_film())
    _, result = counted(frames, LEVEL)
    assert (result.in_count, result.out_count) == (4, 2)  # who comes back counts once, as it came first
    names = {"circle": {"IN": 3, "OUT": 0}, "triangle": {"IN": 0, "OUT": 0}}
    tally = count_tracks(region_of(LEVEL), positions(frames), dict(enumerate(Film().names)))
    assert (tally.in_count, tally.out_count) == (4, 2)
    assert tally.classwise_count["circle"] == names["circle"]
    assert tally.classwise_count["square"] == {"IN": 0, "OUT": 2}


def test_lost_and_found_ids_count_once_and_in_their_direction():
    """Each track is missing around the line, as behind a post, and comes back under its number."""
    frames = true_rows(crossing_film())
    gappy = [[one for one in rows if not 75 < one[1] + 10 < 105] for rows in frames]
    assert sum(map(len, gappy)) < sum(map(len, frames))
    _, result = counted(gappy, LEVEL)
    assert (result.in_count, result.out_count) == (4, 2)


def test_a_zone_counts_who_enters_by_direction():
    right = [along("circle", [(0, 20, y), (59, 300, y)]) for y in (60, 100)]
    left = [along("square", [(0, 300, y), (59, 20, y)]) for y in (80, 120)]
    past = along("star", [(0, 20, 160), (59, 300, 160)])
    drawn = Film(movers=[*right, *left, past], posts=0, moving_camera=False, seconds=2, size_hw=(180, 320))
    upright = [(100, 10), (180, 10), (180, 150), (100, 150)]
    _, result = counted(true_rows(drawn), upright)
    assert (result.in_count, result.out_count) == (2, 2)
    assert result.total_tracks == 5


def test_a_zone_that_is_wide_counts_down_and_up():
    frames = true_rows(crossing_film())
    _, result = counted(frames, [(0, 60), (320, 60), (320, 120), (0, 120)])
    assert (result.in_count, result.out_count) == (5, 2)  # the one that never crosses the line is in the zone


def test_standing_in_a_zone_is_no_entering():
    zone = region_of(ZONE)
    assert passage(zone, (150, 100), (150, 100)) == 0
    assert passage(zone, (90, 100), (110, 100)) == 1  # neither up nor down: told by the other axis
    assert passage(zone, (150, 145), (150, 135)) == -1
    assert passage(zone, (150, 135), (150, 145)) == 0  # leaves


@pytest.mark.parametrize("seed", range(6))
def test_films_are_counted_exactly(seed):
    """Every track of a film with posts and a moving camera: the first change of side is the count."""
    drawn = Film(seed=seed, size_hw=(180, 320), seconds=4, movers=12)
    frames = true_rows(drawn)
    y = 90.5
    sides: dict[int, list[int]] = {}
    for track, _, _, at in positions(frames):
        sides.setdefault(track, []).append(int(at >= y))
    changes = [next((b - a for a, b in itertools.pairwise(s) if a != b), 0) for s in sides.values()]
    _, result = counted(frames, [(-1000, y), (2000, y)])
    assert (result.in_count, result.out_count) == (changes.count(1), changes.count(-1))
    assert result.in_count + result.out_count > 0
    assert sum(sum(c.values()) for c in result.classwise_count.values()) == result.in_count + result.out_count


@pytest.mark.parametrize("seed", range(3))
def test_zones_that_cover_a_film_hold_everyone(seed):
    drawn = Film(seed=seed, size_hw=(180, 320), seconds=1, movers=12)
    zones = named_zones([[(x, -999), (x + 80, -999), (x + 80, 999), (x, 999)] for x in range(-400, 720, 80)])
    for rows in true_rows(drawn):
        middles = [(x, y) for _, _, x, y in positions([rows])]
        assert sum(share_of(zones, middles).values()) == len(middles)


def test_counts_stay_when_tracks_are_forgotten():
    counter, _ = counted(true_rows(crossing_film()), LEVEL)
    counter.forget_tracks(list(range(1, 8)))
    assert counter.counted_ids == set() and not counter.track_history
    assert (counter.in_count, counter.out_count) == (4, 2)


def test_subclasses_count_in_their_way():
    class Odd(ObjectCounter):
        def count_objects(self, current_centroid, track_id, prev_position, cls):
            if track_id % 2:
                super().count_objects(current_centroid, track_id, prev_position, cls)

    counter = Odd(model=FakeModel([[row(50, 80, 1), row(60, 80, 2)], [row(50, 99, 1), row(60, 99, 2)]]), region=LEVEL)
    assert film(counter, 2)[-1].in_count == 1


def test_counts_are_drawn_as_wanted(monkeypatch):
    texts = []
    frames = [[row(50, 80, 1), row(60, 99, 2)], [row(50, 99, 1), row(60, 80, 2)]]
    for switches in ({}, {"show_in": False}, {"show_out": False}, {"show_in": False, "show_out": False}):
        counter = ObjectCounter(model=FakeModel(frames), region=LEVEL, verbose=False, **switches)
        film(counter, 2)
        counter.annotator.display_analytics = lambda im, text, *rest: texts.append(text)
        counter.display_counts(frame())
    assert texts == [{"Circle": "IN 1 OUT 1"}, {"Circle": "OUT 1"}, {"Circle": "IN 1"}]


def test_two_equal_points_are_one_line():
    with pytest.raises(ValueError, match="two equal points") as caught:
        film(ObjectCounter(model=FakeModel([[]]), region=[(5, 5), (5, 5)], verbose=False), 1)
    assert "\n" not in str(caught.value)


def test_nothing_for_a_thousand_frames():
    counter = ObjectCounter(model=FakeModel([[]] * 1000), region=LEVEL, verbose=False)
    result = film(counter, 1000, height=32, width=32)[-1]
    assert (result.in_count, result.total_tracks, len(counter.track_history)) == (0, 0, 0)


def test_positions_that_are_no_numbers_count_nothing():
    nan = float("nan")
    frames = [[row(50, 80, 1)], [row(nan, nan, 1)], [row(50, 99, 1)]]
    _, result = counted(frames, LEVEL)
    assert np.isfinite(result.in_count)
