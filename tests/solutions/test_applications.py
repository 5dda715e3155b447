"""Every application but counting, on tracks that are known: values, drawings, calls of version 8.1."""

import json
import math

import cv2
import numpy as np
import pytest
import torch
from solutions_helpers import NAMES, FakeModel, film, found, frame, row

from ultralytics import solutions
from ultralytics.engine.results import Results
from ultralytics.solutions.ai_gym import Exercise
from ultralytics.solutions.analytics import draw_chart
from ultralytics.solutions.heatmap import add_warmth
from ultralytics.solutions.object_blurrer import blur_box
from ultralytics.solutions.parking_slots import read_slots, slot_grid, write_slots
from ultralytics.solutions.speed_estimation import speed_kmh
from ultralytics.utils.log import LOGGER, warn_once

SQUARE = [(20, 90), (150, 90), (150, 160), (20, 160)]
WAYS = [[row(20 + 8 * i, 50, 1), row(180 - 8 * i, 150, 2, 1)] for i in range(20)]


@pytest.fixture
def log(caplog):
    LOGGER.addHandler(caplog.handler)
    yield caplog
    LOGGER.removeHandler(caplog.handler)


def run(kind, frames, parts=None, **kwargs):
    """An application after it has seen all frames, and its results."""
    size = kwargs.pop("size", {})
    application = kind(model=FakeModel(frames, **(parts or {})), verbose=False, **kwargs)
    return application, film(application, len(frames), **size)


# Speed ----------------------------------------------------------------------------------------------------------------


def test_speed_by_frame_rate():
    """8 px of 0.1 m in a tenth of a second are 8 m/s, 28.8 km/h."""
    application, results = run(solutions.SpeedEstimator, WAYS, fps=10, meter_per_pixel=0.1)
    assert [result.speed_dict for result in results[:5]] == [{}, {}, {}, {}, {1: 28, 2: 28}]
    assert results[-1].speed_dict == {1: 28, 2: 28}
    assert application.locked_ids == {1, 2}
    application.forget_tracks([1])
    assert application.spd == {2: 28}


def test_speed_does_not_depend_on_frames_that_are_missing():
    gappy = [rows if i % 3 else [] for i, rows in enumerate(WAYS)]
    _, results = run(solutions.SpeedEstimator, gappy, fps=10, meter_per_pixel=0.1)
    assert results[-1].speed_dict == {1: 28, 2: 28}


def test_speed_by_time_stamps():
    application = solutions.SpeedEstimator(model=FakeModel(WAYS), verbose=False, fps=99, meter_per_pixel=0.1)
    seconds = [0, 0.1, 0.3, 0.7, 0.8, 0.9]  # a film of uneven rate: 4 steps in 0.8 s
    results = [application(frame(), timestamp=s) for s in seconds]
    assert results[4].speed_dict[1] == int(4 * 0.8 / 0.8 * 3.6)
    standing = solutions.SpeedEstimator(model=FakeModel(WAYS), verbose=False, max_hist=2)
    standing(frame(), timestamp=5.0)
    with pytest.raises(ValueError, match="time"):
        standing(frame(), timestamp=5.0)


def test_speed_by_calibration():
    """The same pixels are more metres far away than nearby."""
    road = [[80, 50, 0, 40], [120, 50, 8, 40], [200, 190, 8, 0], [0, 190, 0, 0]]
    ways = [[row(90 + i, 60, 1, side=10), row(90 + i, 170, 2, side=10)] for i in range(5)]
    _, results = run(solutions.SpeedEstimator, ways, fps=10, calibration=road)
    far, near = results[-1].speed_dict[1], results[-1].speed_dict[2]
    assert far > 2 * near
    assert near == int(4 * 8 / (200 * (175 - 50) / 140 + 40 * (190 - 175) / 140) / 0.4 * 3.6)  # road width there


def test_speeds_are_capped_and_computed_once():
    _, results = run(solutions.SpeedEstimator, WAYS, fps=30, meter_per_pixel=1, max_speed=90)
    assert results[-1].speed_dict == {1: 90, 2: 90}
    assert speed_kmh([(0, 0), (3, 4)], [1, 2]) == pytest.approx(18)


# Zones ----------------------------------------------------------------------------------------------------------------


def test_queue():
    frames = [[row(50, y, 1), row(60, 100, 2)] for y in range(80, 120, 5)]
    _, results = run(solutions.QueueManager, frames, region=SQUARE)
    assert [result.queue_count for result in results] == [0, 1, 2, 2, 2, 2, 2, 2]
    with pytest.raises(ValueError, match="three or more"):
        solutions.QueueManager(region=SQUARE[:2], verbose=False)


def test_regions():
    frames = [[row(50, y, 1), row(60, 100, 2)] for y in range(80, 120, 5)]
    _, results = run(solutions.RegionCounter, frames, region={"a": SQUARE, "b": [(0, 0), (70, 0), (70, 85)]})
    assert [result.region_counts["a"] for result in results] == [1, 1, 2, 2, 2, 2, 2, 2]
    assert [result.region_counts["b"] for result in results][:3] == [0, 0, 0]
    application, results = run(solutions.RegionCounter, frames, region=SQUARE)
    assert results[-1].region_counts == {"Region#01": 2}
    application.add_region("all", [(0, 0), (199, 0), (199, 199), (0, 199)], (0, 0, 0), (255, 255, 255))
    application.model.frames = iter(frames)
    assert film(application, 1)[0].region_counts == {"Region#01": 1, "all": 2}


def test_trackzone_hides_what_is_outside():
    seen = []

    class Watched(FakeModel):
        def track(self, source, **kwargs):
            seen.append(source)
            return super().track(source, **kwargs)

    zone = solutions.TrackZone(model=Watched([[row(60, 100, 1)]]), region=SQUARE, verbose=False)
    result = zone(frame())
    assert result.total_tracks == 1
    assert seen[0][100, 100].all() and not seen[0][50, 100].any()
    assert (result.plot_im[10, 10] == 90).all()  # the frame itself stays bright
    with pytest.raises(ValueError, match="three or more"):
        solutions.TrackZone(region=SQUARE[:2], verbose=False)


@pytest.mark.parametrize("kind", ["ObjectCounter", "QueueManager", "TrackZone", "RegionCounter", "ParkingManagement"])
def test_regions_may_be_arrays(kind):
    _, results = run(getattr(solutions, kind), WAYS[:2], region=np.array(SQUARE))
    assert results[-1].total_tracks == 2


# Pictures -------------------------------------------------------------------------------------------------------------


def noise(height=200, width=200):
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)


@pytest.mark.parametrize("side", [20, 400])
def test_blur_hides_small_and_large_objects(side):
    image = noise(600, 600)
    blur_box(image, (300 - side / 2, 300 - side / 2, 300 + side / 2, 300 + side / 2), 0.5)
    half = side // 2 - 2
    inside = image[300 - half : 300 + half, 300 - half : 300 + half]
    assert inside.std() < 12 < image[:50, :50].std()
    before = image.copy()
    blur_box(image, (700, 700, 900, 900), 0.5)
    assert (image == before).all()


def test_blur(log):
    application, results = run(solutions.ObjectBlurrer, WAYS, blur_ratio=0.05)
    assert application.blur_ratio == 50 and "hides nothing" in log.text
    assert results[-1].total_tracks == 2


def test_crops(tmp_path, log):
    folder = tmp_path / "crops"
    application, results = run(solutions.ObjectCropper, WAYS[:3], crop_dir=str(folder), show=True)
    assert [result.total_crop_objects for result in results] == [2, 4, 6]
    assert sorted(path.name for path in folder.iterdir()) == [f"crop_{i}.jpg" for i in range(1, 7)]
    assert set(results[-1].speed) == {"predict", "solution"}
    assert "show=True has no effect" in log.text
    assert "tracker" not in application.model.calls[0]
    run(solutions.ObjectCropper, WAYS[:1], crop_dir=str(folder))
    assert len(list(folder.iterdir())) == 8  # nothing was written over


def test_heatmap():
    application, results = run(solutions.Heatmap, WAYS, colormap=cv2.COLORMAP_JET)
    assert application.heatmap.max() >= 2
    assert results[-1].in_count == 0
    path = results[-1].plot_im[50, 30:170].astype(int).sum(1)
    assert (path != results[-1].plot_im[100, 100].astype(int).sum()).any()
    _, results = run(solutions.Heatmap, [[row(50, y, 1)] for y in range(60, 140, 5)], region=[(0, 100), (199, 100)])
    assert results[-1].in_count == 1


def test_warmth():
    heat = np.zeros((20, 30), np.float32)
    add_warmth(heat, (5, 5, 15, 15))
    assert heat[10, 10] == 2 and heat[5, 5] == 0
    add_warmth(heat, (-10, -10, 5, 5), "rect")
    assert heat[0, 0] == 2
    add_warmth(heat, (100, 100, 120, 120))
    add_warmth(heat, (5, 5, 5, 9))
    assert heat.sum() == 2 * 25 + 2 * (heat[5:15, 5:15] > 0).sum()


def test_vision_eye():
    _, results = run(solutions.VisionEye, WAYS, vision_point=(100, 100))
    assert results[-1].total_tracks == 2
    assert (results[-1].plot_im[98:103, 98:103] != 90).any()


def test_instance_segmentation(log):
    mask = torch.zeros(1, 200, 200)
    mask[0, 40:60, 40:60] = 1
    rows = [[row(50, 50, 1)]]
    _, results = run(solutions.InstanceSegmentation, rows, {"masks": iter([mask])}, show_boxes=False)
    assert (results[-1].plot_im[50, 50] != 90).any() and (results[-1].plot_im[20, 20] == 90).all()
    run(solutions.InstanceSegmentation, rows)
    assert "gives no masks" in log.text


@pytest.mark.parametrize("kind", ["line", "area", "bar", "pie"])
def test_analytics(kind):
    frames = [[*WAYS[i % 20][: 1 + i % 2], row(9, 9, 3, 2)] for i in range(31)]
    _, results = run(solutions.Analytics, frames, analytics_type=kind, figsize=(4, 3))
    assert results[-1].plot_im.shape == (300, 400, 3)
    assert results[-1].classwise_count == {"circle": 1, "square": 1}
    assert results[0].plot_im is results[1].plot_im  # drawn anew every 30 frames
    assert results[-1].plot_im is not results[0].plot_im


def test_charts_of_nothing():
    for kind in ("line", "area", "bar", "pie"):
        assert draw_chart(kind, [], {}, (3, 2)).shape == (200, 300, 3)
        assert draw_chart(kind, [1], {"a": [0]}, (3, 2)).shape == (200, 300, 3)


# Exercises ------------------------------------------------------------------------------------------------------------


def person(angle: float, conf: float = 0.9) -> torch.Tensor:
    keypoints = torch.full((1, 17, 3), conf)
    turn = math.radians(angle)
    keypoints[0, 6, :2] = torch.tensor([100.0, 50])
    keypoints[0, 8, :2] = torch.tensor([100.0, 100])
    keypoints[0, 10, :2] = torch.tensor([100 + 50 * math.sin(turn), 100 - 50 * math.cos(turn)])
    return keypoints


def test_workout():
    angles = [170, 160, 120, 80, 60, 100, 150, 170, 80, 150, 90, 89, 145, 146, 80]
    counts = [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4]
    rows = [[row(100, 100, 1)] for _ in angles]
    _, results = run(solutions.AIGym, rows, {"keypoints": map(person, angles)})
    assert [result.workout_count for result in results] == [[count] for count in counts]
    assert results[-1].workout_stage == ["down"]
    assert results[2].workout_angle == [pytest.approx(120, abs=1e-3)]


def test_workout_of_joints_that_are_not_seen(log):
    rows = [[row(100, 100, 1)]] * 2
    _, results = run(solutions.AIGym, rows, {"keypoints": iter([person(170), person(60, conf=0.1)])})
    assert results[-1].workout_stage == ["up"]
    with pytest.raises(ValueError, match="0 to 16"):
        run(solutions.AIGym, rows, {"keypoints": iter([person(170)] * 2)}, kpts=[6, 8, 40])
    run(solutions.AIGym, rows)
    assert "gives no keypoints" in log.text


def test_an_exercise_counts_only_from_up_to_down():
    exercise = Exercise()
    for angle in (60, 100, 60, 150, 60):
        exercise.move(angle, 145, 90)
    assert (exercise.count, exercise.stage) == (1, "down")


# Distance and parking -------------------------------------------------------------------------------------------------


def test_distance_of_a_pair():
    application, results = run(solutions.DistanceCalculation, WAYS[:2], pair=[1, 2])
    assert results[0].pixels_distance == pytest.approx(math.dist((20, 50), (180, 150)))
    assert results[0].plot_im is not None and not hasattr(results[0], "meters_distance")
    application.select()
    application.model.frames = iter(WAYS)
    assert film(application, 1)[0].pixels_distance == 0
    with pytest.raises(ValueError, match="two tracks"):
        application.select(1, 2, 3)


def test_distance_in_metres():
    ground = [[0, 0, 0, 0], [200, 0, 20, 0], [200, 200, 20, 20], [0, 200, 0, 20]]
    _, results = run(solutions.DistanceCalculation, WAYS[:1], pair=[1, 2], calibration=ground)
    assert results[0].meters_distance == pytest.approx(math.dist((2, 5), (18, 15)))

    _, results = run(solutions.DistanceCalculation, WAYS[:1], pair=[1, 2], meter_per_pixel=0.5)
    assert results[0].meters_distance == pytest.approx(results[0].pixels_distance / 2)


def test_distance_by_mouse():
    application, _ = run(solutions.DistanceCalculation, WAYS[:1])
    application.mouse_event_for_distance(cv2.EVENT_LBUTTONDOWN, 20, 50, 0, None)
    application.mouse_event_for_distance(cv2.EVENT_LBUTTONDOWN, 180, 150, 0, None)
    application.mouse_event_for_distance(cv2.EVENT_LBUTTONDOWN, 100, 100, 0, None)
    application.model.frames = iter(WAYS[1:])
    assert film(application, 1)[0].pixels_distance == pytest.approx(math.dist((28, 50), (172, 150)))
    application.mouse_event_for_distance(cv2.EVENT_RBUTTONDOWN, 0, 0, 0, None)
    assert film(application, 1)[0].pixels_distance == 0


def test_parking(tmp_path):
    path = write_slots(tmp_path / "slots.json", [[(10, 10), (60, 10), (60, 60), (10, 60)], SQUARE])
    assert json.loads(path.read_text())[0] == {"points": [[10, 10], [60, 10], [60, 60], [10, 60]]}
    frames = [[row(30, 30, 1), row(40, 40, 2)], [row(30, 30, 1), row(100, 100, 2)], [row(5, 5, 1)]]
    application, results = run(solutions.ParkingManagement, frames, json_file=str(path))
    assert [(r.filled_slots, r.available_slots) for r in results] == [(1, 1), (2, 0), (0, 2)]
    assert application.pr_info == {"Occupancy": 0, "Available": 2}
    _, results = run(solutions.ParkingManagement, frames, region=[SQUARE])
    assert [r.filled_slots for r in results] == [0, 1, 0]


def test_parking_slots_that_are_none(tmp_path):
    with pytest.raises(ValueError, match="where the slots are"):
        solutions.ParkingManagement(verbose=False)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_slots(tmp_path / "no.json")
    path = tmp_path / "slots.json"
    for text, told in (("{", "not JSON"), ("[]", "no slots"), ("[1]", "entry 0"), ('[{"points": [[1, 2]]}]', "few")):
        path.write_text(text)
        with pytest.raises(ValueError, match=told):
            read_slots(path)


def test_slot_grid(tmp_path):
    slots = slot_grid([(0, 0), (100, 0), (100, 40), (0, 40)], rows=2, columns=4)
    assert len(slots) == 8
    assert slots[0] == [pytest.approx(p) for p in ((0, 0), (25, 0), (25, 20), (0, 20))]
    assert len(read_slots(write_slots(tmp_path / "s.json", slots))) == 8
    with pytest.raises(ValueError, match="four corners"):
        slot_grid([(0, 0)], 1, 1)


def test_the_window_for_slots_says_what_else_there_is(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(RuntimeError, match="write_slots"):
        solutions.ParkingPtsSelection()


# Calls of version 8.1 -------------------------------------------------------------------------------------------------


def tracked(rows, image, **parts) -> list[Results]:
    return [found(rows, image, **parts)]


def test_old_counter(log):
    warn_once.cache_clear()
    counter = solutions.ObjectCounter(verbose=False)
    for _ in range(2):
        counter.set_args(view_img=False, reg_pts=[(0, 100), (200, 100)], classes_names=NAMES, draw_tracks=True)
    for y in (80, 99, 105):
        image = frame()
        drawn = counter.start_counting(image, tracked([row(50, y, 1)], image))
    assert drawn.shape == image.shape and (drawn != 90).any()
    assert counter.in_count == 1
    assert counter.start_counting(frame(), tracked([], frame())).shape == (200, 200, 3)  # none in this frame
    assert log.text.count("set_args") == 1 and log.text.count("start_counting") == 1
    with pytest.raises(ValueError, match="reg_pts"):
        counter.set_args(reg_pt=[(0, 1)])


def test_old_heatmap():
    heatmap = solutions.Heatmap(verbose=False)
    heatmap.set_args(imw=200, imh=200, colormap=cv2.COLORMAP_PARULA, decay_factor=0.5, shape="rect")
    image = frame()
    for _ in range(2):
        heatmap.generate_heatmap(image, tracked([row(50, 50, 1)], image))
    assert heatmap.heatmap[50, 50] == 3  # half of the first frame's 2, and 2
    assert heatmap.heatmap[41, 41] == 3


def test_old_speed():
    speed = solutions.SpeedEstimator(verbose=False)
    speed.set_args(reg_pts=[(0, 100), (200, 100)], names=NAMES)
    for i in range(6):
        speed.estimate_speed(frame(), tracked([row(20 + 4 * i, 50, 1)], frame()))
    assert speed.spd == {1: 21}  # 4 px of 0.05 m, 30 times a second


def test_old_distance():
    distance = solutions.DistanceCalculation(verbose=False)
    distance.set_args(NAMES, 10, line_color=(1, 2, 3))
    assert distance.meter_per_pixel == 0.1
    distance.select(1, 2)
    drawn = distance.start_process(frame(), tracked(WAYS[0], frame()))
    assert (drawn == (1, 2, 3)).all(-1).any()


def test_old_workout():
    gym = solutions.AIGym(verbose=False)
    gym.set_args(line_thickness=2, view_img=False, pose_type="pushup", kpts_to_check=[6, 8, 10])
    for number, angle in enumerate((170, 60, 170, 60), 1):
        results = tracked([row(100, 100, 1)], frame(), keypoints=person(angle))
        gym.start_counting(frame(), results=results, frame_count=number)
    assert gym.states[1].count == 2


# All ------------------------------------------------------------------------------------------------------------------

NEEDS = {
    "ParkingManagement": {"region": [SQUARE]},
    "ObjectCropper": {},
    "DistanceCalculation": {"pair": [1, 2]},
}
KINDS = (
    *("ObjectCounter", "ObjectCropper", "ObjectBlurrer", "AIGym", "Heatmap"),
    *("InstanceSegmentation", "VisionEye", "SpeedEstimator", "QueueManager", "Analytics"),
    *("TrackZone", "RegionCounter", "ParkingManagement", "DistanceCalculation"),
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(24, 32), (720, 1280)])
def test_all_take_frames_of_any_size_and_frames_without_objects(kind, size, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frames = [[row(size[1] / 2, size[0] / 2, 1), row(3, 3, 2)], [], [row(size[1], size[0], 1)]]
    size = {"height": size[0], "width": size[1]}
    _, results = run(getattr(solutions, kind), frames, size=size, **NEEDS.get(kind, {}))
    assert all(result.plot_im.ndim == 3 for result in results)
    assert str(results[0])


@pytest.mark.parametrize("kind", KINDS)
def test_all_take_oriented_boxes(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    application = getattr(solutions, kind)(verbose=False, **NEEDS.get(kind, {}))
    image = frame()
    with application.given(found([], image, obb=torch.tensor([[100.0, 100, 40, 20, 0.5, 7, 0.8, 1]]))):
        assert application(image).plot_im is not None


class Canvas:
    """Remembers what is drawn."""

    def __init__(self):
        self.drawn = []

    def __getattr__(self, name):
        return lambda *args, **kwargs: self.drawn.append(name)

    def delete(self, what):
        self.drawn.clear()


def test_slots_are_drawn_by_clicks(tmp_path, monkeypatch):
    """What the window does, without one."""
    pytest.importorskip("tkinter")
    messages = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tkinter.messagebox.showinfo", lambda *text: messages.append(text))
    monkeypatch.setattr("tkinter.messagebox.showerror", lambda *text: messages.append(text))
    window = object.__new__(solutions.ParkingPtsSelection)
    window.initialize_properties()
    window.canvas, window.scale = Canvas(), 2.0
    corners = [(10, 10), (30, 10), (30, 30), (10, 30)]
    for x, y in (*corners, (50, 50)):
        window.on_canvas_click(type("Click", (), {"x": x, "y": y}))
    assert len(window.rg_data) == 1 and len(window.current_box) == 1
    assert "create_polygon" in window.canvas.drawn
    window.remove_last_bounding_box()  # the corner of a slot that was begun
    assert window.current_box == [] and len(window.rg_data) == 1
    window.save_to_json()
    assert read_slots(tmp_path / "bounding_boxes.json")[0].points == tuple((2 * x, 2 * y) for x, y in corners)
    window.remove_last_bounding_box()
    window.remove_last_bounding_box()
    assert window.rg_data == []
    assert len(messages) == 1
