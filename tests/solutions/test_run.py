"""The command line's applications over real films: frames in, a film out."""

import functools
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from solutions_helpers import NAMES, found

from ultralytics.cfg import cli
from ultralytics.cfg.cli import entrypoint
from ultralytics.cfg.errors import ConfigValueError
from ultralytics.cfg.solutions import SOLUTIONS
from ultralytics.data.generators.film import Film
from ultralytics.solutions.run import run_film
from ultralytics.utils.log import LOGGER
from ultralytics.utils.settings import SETTINGS

FRAMES, SIZE = 200, (90, 160)
HALF = [(0, 45), (159, 45)]
ARGUMENTS = {
    "count": {"region": HALF},
    "heatmap": {"region": HALF, "colormap": cv2.COLORMAP_JET},
    "queue": {"region": [(20, 10), (140, 10), (140, 80), (20, 80)]},
    "trackzone": {"region": [(20, 10), (140, 10), (140, 80), (20, 80)]},
    "region": {"region": {"left": [(0, 0), (80, 0), (80, 90), (0, 90)], "right": [(80, 0), (160, 0), (160, 90)]}},
    "parking": {"region": [[(0, 0), (80, 0), (80, 90), (0, 90)], [(80, 0), (160, 0), (160, 90), (80, 90)]]},
    "distance": {"pair": [1, 2]},
    "speed": {"meter_per_pixel": 0.1},
    "analytics": {"figsize": (3.2, 1.8)},
    "security": {"records": 1000},
}
OVER_FILMS = [name for name, row in SOLUTIONS.items() if not row.launch]


@functools.cache
def drawn() -> Film:
    return Film(seed=4, size_hw=SIZE, seconds=FRAMES / 30, movers=8)


@pytest.fixture(scope="module")
def film_file(tmp_path_factory):
    return drawn().write(tmp_path_factory.mktemp("film") / "film.mp4")


def with_joints(boxes, number, source):
    """Results of boxes whose elbow bends and stretches every 20 frames."""
    keypoints = torch.zeros(len(boxes), 17, 3)
    turn = math.pi if number % 20 < 10 else math.pi / 4
    for points, (x1, y1, x2, y2, *_) in zip(keypoints, boxes, strict=True):
        x, y, arm = (x1 + x2) / 2, (y1 + y2) / 2, (y2 - y1) / 2
        points[6] = torch.tensor([x, y - arm, 0.9])
        points[8] = torch.tensor([x, y, 0.9])
        points[10] = torch.tensor([x + arm * math.sin(turn), y - arm * math.cos(turn), 0.9])
    return [found(np.float32(boxes).tolist(), source, **({"keypoints": keypoints} if len(boxes) else {}))]


class TrueModel:
    """Finds what is true of the film, frame by frame."""

    predictor = None
    names = NAMES

    def __init__(self, film=None):
        self.film, self.number = film or drawn(), 0

    def track(self, source, **kwargs):
        truth = self.film.truth(self.number).seen()
        self.number += 1
        boxes = [[*b, i, 0.9, c] for b, i, c in zip(truth.boxes_xyxy, truth.ids, truth.cls, strict=True)]
        return with_joints(boxes, self.number, source)

    predict = track


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(SETTINGS, "runs_dir", str(tmp_path / "runs"))
    return tmp_path


def frames_of(path):
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (answer := capture.read())[0]:
        frames.append(answer[1])
    return frames, capture.get(cv2.CAP_PROP_FPS)


@pytest.mark.parametrize("name", OVER_FILMS)
def test_every_application_takes_a_film(name, film_file, here, monkeypatch):
    made = []
    kept = SOLUTIONS[name]
    args = {"source": str(film_file), "verbose": False, "crop_dir": str(here / "crops"), **ARGUMENTS.get(name, {})}
    results = []

    def opened():
        made.append(TrueModel())
        return made[-1]

    monkeypatch.setattr(
        "ultralytics.solutions.run._finish",
        lambda sessions, written, old=run_film.__globals__["_finish"]: (
            results.extend(session.last for session in sessions.values()),
            old(sessions, written),
        ),
    )
    files = run_film(kept, args, opened)
    assert made[0].number == FRAMES
    result = results[-1]
    if name == "crop":
        assert files == [] and len(list((here / "crops").iterdir())) == result.total_crop_objects > FRAMES
        return
    assert files == [here / "runs" / "solutions" / "exp" / f"{name}.avi"]
    frames, fps = frames_of(files[0])
    assert (len(frames), fps) == (FRAMES, 30)
    assert frames[0].shape == ((180, 320, 3) if name == "analytics" else (*SIZE, 3))
    original = drawn().image(FRAMES // 2)
    assert name == "analytics" or np.abs(frames[FRAMES // 2].astype(int) - original).max() > 60  # something is drawn
    seen = drawn().truth(FRAMES - 1).seen()
    assert result.total_tracks == len(seen)
    check_values(name, result, seen)


def check_values(name, result, seen):
    """What is true of the last frame."""
    middles = (seen.boxes_xyxy[:, :2] + seen.boxes_xyxy[:, 2:]) / 2
    left = int((middles[:, 0] < 80).sum())
    if name == "region":
        assert result.region_counts["left"] == left
    elif name == "parking":
        assert result.filled_slots + result.available_slots == 2
        assert result.filled_slots == bool(left) + bool(left < len(seen))
    elif name == "analytics":
        assert sum(result.classwise_count.values()) == len(seen)
    elif name in {"count", "heatmap"}:
        assert result.in_count + result.out_count > 0
    elif name == "speed":
        assert result.speed_dict and set(result.speed_dict) <= set(seen.ids.tolist())
    elif name == "workout":
        assert max(result.workout_count) > 3
    elif name == "queue":
        assert result.queue_count <= len(seen)


def test_films_of_a_folder_are_counted_apart(film_file, here):
    for name in ("a.mp4", "b.mp4"):
        (here / name).write_bytes(film_file.read_bytes())
    made = []

    def opened():
        made.append(TrueModel())
        return made[-1]

    args = {"source": str(here), "verbose": False, "region": HALF, "vid_stride": 2, "name": "mine"}
    files = run_film(SOLUTIONS["count"], args, opened)
    folder = here / "runs" / "solutions" / "mine"
    assert files == [folder / "count.avi", folder / "count-2.avi"]
    assert [model.number for model in made] == [FRAMES // 2] * 2
    assert frames_of(files[1])[1] == 15


def test_pictures_are_frames_of_one_film(here):
    for i in range(3):
        cv2.imwrite(str(here / f"{i}.png"), drawn().image(i))
    files = run_film(SOLUTIONS["visioneye"], {"source": str(here), "verbose": False}, TrueModel)
    assert len(frames_of(files[0])[0]) == 3


def test_frames_that_change_their_size(here):
    cv2.imwrite(str(here / "a.png"), np.zeros((40, 60, 3), np.uint8))
    cv2.imwrite(str(here / "b.png"), np.zeros((60, 40, 3), np.uint8))
    files = run_film(SOLUTIONS["count"], {"source": str(here), "verbose": False, "region": HALF}, TrueModel)
    assert [path.name for path in files] == ["count.avi", "count-2.avi"]


def test_no_source():
    with pytest.raises(ConfigValueError, match=r"source=film\.mp4"):
        run_film(SOLUTIONS["count"], {}, TrueModel)


def test_a_film_that_is_none(here, caplog):
    (here / "text.mp4").write_text("no film")
    LOGGER.addHandler(caplog.handler)
    assert run_film(SOLUTIONS["count"], {"source": str(here / "text.mp4")}, TrueModel) == []
    LOGGER.removeHandler(caplog.handler)
    assert "nothing was written" in caplog.text
    assert not (here / "runs").exists()


def test_a_wrong_region_leaves_no_folder(film_file, here):
    with pytest.raises(ValueError, match="two equal points"):
        run_film(SOLUTIONS["count"], {"source": str(film_file), "region": [(5, 5), (5, 5)]}, TrueModel)
    assert not (here / "runs").exists()


def test_q_ends_the_run(film_file, here, monkeypatch):
    monkeypatch.setattr("ultralytics.solutions.solutions.check_imshow", lambda warn=False: True)
    monkeypatch.setattr(cv2, "imshow", lambda *args: None)
    monkeypatch.setattr(cv2, "waitKey", lambda wait: ord("q"))
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: None)
    files = run_film(SOLUTIONS["visioneye"], {"source": str(film_file), "verbose": False, "show": True}, TrueModel)
    assert len(frames_of(files[0])[0]) == 1


def test_pages_get_their_arguments(monkeypatch):
    calls = []
    for module in ("streamlit_inference", "similarity_search"):
        monkeypatch.setattr(f"ultralytics.solutions.{module}.main", calls.append)
    entrypoint("solutions inference model=best.pt conf=0.4 kpts=[1,2,3]")
    entrypoint("solutions similarity data=pictures")
    assert calls == [{"model": "best.pt", "conf": 0.4}, {"data": "pictures"}]


@pytest.mark.slow
@pytest.mark.parametrize("name", OVER_FILMS)
def test_a_network_and_a_tracker_run_over_a_film(name, film_file, here):
    """The whole way, with a network that has learnt nothing and sees a few objects all the same."""
    model = {"workout": "yolov8n-pose.yaml", "isegment": "yolov8n-seg.yaml"}.get(name, "yolov8n.yaml")
    words = [f"{key}={value}".replace(" ", "") for key, value in ARGUMENTS.get(name, {}).items()]
    line = f"solutions {name} source={film_file} model={model} imgsz=32 conf=0.0001 max_det=3 tracker=bytetrack.yaml"
    cli.main([*line.split(), *words, "verbose=False"])
    if name != "crop":
        assert len(frames_of(here / "runs" / "solutions" / "exp" / f"{name}.avi")[0]) == FRAMES


# A clip of photographs ------------------------------------------------------------------------------------------------

PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "data" / "coco8"


def pan_and_zoom(stem: str, frames: int, size: tuple[int, int]):
    """Frames of a window that moves over a photograph and becomes smaller, with its true boxes."""
    photo = cv2.imread(str(PHOTOS / "images" / "train" / f"{stem}.jpg"))
    labels = np.loadtxt(PHOTOS / "labels" / "train" / f"{stem}.txt", ndmin=2)
    scale = np.array([size[1] / photo.shape[1], size[0] / photo.shape[0]])
    corners = (labels[:, 1:3, None] + labels[:, 3:5, None] * [-0.5, 0.5]) * np.array(photo.shape[1::-1])[:, None]
    for k in range(frames):
        zoom = scale * (1 + 0.004 * k)
        view = np.column_stack((np.diag(zoom), [-0.5 * k, -0.3 * k]))
        seen = np.clip(corners * zoom[:, None] + view[:, 2:], 0, np.array(size[::-1])[:, None])
        boxes = [[*box.T.reshape(-1), i, 0.9, 0] for i, box in enumerate(seen, 1) if np.ptp(box, axis=1).min() > 4]
        yield cv2.warpAffine(photo, view, size[::-1]), boxes


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="photographs are not beside this tree")
@pytest.mark.parametrize("name", OVER_FILMS)
def test_every_application_takes_a_clip_of_photographs(name, here):
    size = (180, 240)
    clip = [frame for stem in ("000000000030", "000000000034") for frame in pan_and_zoom(stem, 30, size)]
    writer = cv2.VideoWriter(str(here / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, size[::-1])
    for picture, _ in clip:
        writer.write(picture)
    writer.release()

    class Labelled(TrueModel):
        def track(self, source, **kwargs):
            self.number += 1
            return with_joints(clip[self.number - 1][1], self.number, source)

        predict = track

    files = run_film(
        SOLUTIONS[name],
        {"source": str(here / "clip.mp4"), "verbose": False, "crop_dir": "crops", **ARGUMENTS.get(name, {})},
        Labelled,
    )
    if name == "crop":
        assert len(list((here / "crops").iterdir())) == sum(len(boxes) for _, boxes in clip) > 60
        return
    frames, fps = frames_of(files[0])
    assert (len(frames), fps) == (60, 25)
    written = np.abs(frames[15].astype(int) - (0 if name == "analytics" else clip[15][0])).max()
    assert written > 60
