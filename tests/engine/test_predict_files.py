"""What a prediction writes while it goes on: pictures and films in the background."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ultralytics.data.loaders import LoadImagesAndVideos, SourceTypes
from ultralytics.engine import predict_output
from ultralytics.engine.plots.files import write_image
from ultralytics.engine.predict_output import RunOutput
from ultralytics.models.yolo.detect.predict import DetectionPredictor
from ultralytics.utils import opencv


class Runtime:
    """Stands for `AutoBackend`: a box in the middle of everything."""

    format, stride, names, fp16, dynamic, channels, end2end, imgsz = "pt", 32, {0: "cat"}, False, False, 3, False, None
    device, model = torch.device("cpu"), None

    def __init__(self, **kwargs):
        pass

    def eval(self):
        return self

    def warmup(self, imgsz):
        pass

    def __call__(self, im, augment=False, embed=None):
        height, width = im.shape[2:]
        row = torch.tensor([width / 2, height / 2, width / 2, height / 2, 0.9])
        return row[None, :, None].repeat(len(im), 1, 1), {}


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.setattr("ultralytics.engine.runtime.AutoBackend", Runtime)
    monkeypatch.setattr("ultralytics.engine.runtime.tune_allocator", lambda: None)

    def build(cls=DetectionPredictor, **overrides) -> DetectionPredictor:
        args = {"project": str(tmp_path), "name": "run", "imgsz": 64, "verbose": False, "device": "cpu", "save": True}
        return cls(overrides={**args, "batch": 1, "conf": 0.25, "rect": True, **overrides, "mode": "predict"})

    return build


@pytest.fixture
def folder(tmp_path) -> Path:
    place = tmp_path / "pictures"
    place.mkdir()
    for i in range(8):
        write_image(place / f"{i}.png", np.random.default_rng(i).integers(0, 255, (48, 64, 3), np.uint8))
    return place


@pytest.fixture
def film(tmp_path) -> Path:
    """Seven frames, each brighter than the one before, 12.5 of them a second."""
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 12.5, (64, 48))
    for i in range(7):
        writer.write(np.full((48, 64, 3), 20 + 30 * i, np.uint8))
    writer.release()
    return path


def frames(path: Path) -> list[int]:
    """Return which frames of the film are in a file."""
    capture, out = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        out.append(round((float(read[1][:4].mean()) - 20) / 30))
    return out


def test_pictures_are_what_results_plot(make, folder, tmp_path):
    for result in make()(folder):
        write_image(tmp_path / "one.jpg", result.plot())
        written = tmp_path / "run" / f"{Path(result.path).stem}.jpg"
        assert written.read_bytes() == (tmp_path / "one.jpg").read_bytes()


def test_files_are_there_when_a_generator_gives_the_result(make, folder, tmp_path):
    for result in make(batch=3)(folder, stream=True):
        assert (tmp_path / "run" / f"{Path(result.path).stem}.jpg").is_file()


def test_callbacks_find_the_files_of_their_batch(make, folder, tmp_path):
    predictor, seen = make(), []
    predictor.add_callback(
        "on_predict_batch_end", lambda p: seen.append((tmp_path / "run" / f"{Path(p.batch[0][0]).stem}.jpg").is_file())
    )
    predictor(folder)
    predictor.predict_cli(folder)
    assert seen == [True] * 16


def test_a_canvas_may_be_used_again(make, folder, tmp_path):
    class Canvas(DetectionPredictor):
        canvas = np.zeros((48, 64, 3), np.uint8)

        def save_predicted_images(self, save_path, frame=0):
            self.canvas[:] = self.plotted_img
            self.plotted_img = self.canvas
            super().save_predicted_images(save_path, frame)
            self.canvas[:] = 0

    make(Canvas)(folder)
    own = {path.name: path.read_bytes() for path in (tmp_path / "run").glob("*.jpg")}
    make(name="plain")(folder)
    assert own == {path.name: path.read_bytes() for path in (tmp_path / "plain").glob("*.jpg")} and len(own) == 8


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_lost_when_a_run_ends_early(make, folder, film, tmp_path, error):
    class Ending(DetectionPredictor):
        def postprocess(self, preds, img, orig_imgs):
            if self.seen == 5:
                raise error
            return super().postprocess(preds, img, orig_imgs)

    for source in (folder, film):
        with pytest.raises(error):
            make(Ending, exist_ok=True)(source)
    assert {path.name for path in (tmp_path / "run").glob("*.jpg")} == {f"{i}.jpg" for i in range(5)}
    assert frames(tmp_path / "run" / "film.mp4") == list(range(5))


def test_what_cannot_be_written_is_named(make, folder, tmp_path):
    (tmp_path / "run" / "3.jpg").mkdir(parents=True)
    with pytest.raises(IsADirectoryError, match=r"run/3\.jpg"):
        make(exist_ok=True)(folder)
    with pytest.raises(IsADirectoryError, match=r"run/3\.jpg"):
        list(make(exist_ok=True)(folder, stream=True))


@pytest.mark.parametrize(("batch", "stride"), [(1, 1), (4, 1), (3, 2)])
def test_films(make, film, tmp_path, batch, stride):
    results = make(batch=batch, vid_stride=stride)(film)
    wanted = list(range(stride - 1, 7, stride))
    assert len(results) == len(wanted) and frames(tmp_path / "run" / "film.mp4") == wanted
    capture = cv2.VideoCapture(str(tmp_path / "run" / "film.mp4"))
    assert capture.get(cv2.CAP_PROP_FPS) == 12.5 / stride


def test_the_best_codec_that_there_is(tmp_path, monkeypatch, capfd):
    tried, real = [], cv2.VideoWriter

    class Writer:
        fourcc = real.fourcc

        def __new__(cls, path, codec, fps, size):
            tried.append(codec.to_bytes(4, "little").decode())
            return real(path, codec, fps, size)

    monkeypatch.setattr(cv2, "VideoWriter", Writer)
    opencv._has_encoder.cache_clear()
    output = RunOutput(tmp_path)
    path = output.video(tmp_path / "a.mov", np.zeros((48, 64, 3), np.uint8), 25)
    output.close()
    assert path == tmp_path / "a.mp4" and cv2.VideoCapture(str(path)).isOpened() and tried[0] == "avc1"
    monkeypatch.setattr(predict_output, "VIDEO_CODECS", ("none",))
    with pytest.raises(OSError, match=r"b\.mp4' \(codec none; 64x48\)"):
        RunOutput(tmp_path).video(tmp_path / "b.mp4", np.zeros((48, 64, 3), np.uint8))
    opencv._has_encoder.cache_clear()
    assert "ERROR" not in capfd.readouterr().err


def test_the_disk_is_looked_at_after_the_tables_of_a_film(tmp_path, monkeypatch):
    whole = []
    monkeypatch.setattr(
        predict_output, "check_disk_space", lambda path: whole.append(cv2.VideoCapture(str(path)).isOpened())
    )
    output = RunOutput(tmp_path)
    for _ in range(2):
        output.video(tmp_path / "a", np.zeros((48, 64, 3), np.uint8))
    output.settle()
    assert whole == [False, False]
    output.close()
    assert whole == [False, False, True]


def test_a_camera_that_comes_back_with_another_size_goes_on_in_its_film(tmp_path):
    output = RunOutput(tmp_path)
    for i, size in enumerate(((48, 64), (48, 64), (96, 64), (48, 64))):
        output.video(tmp_path / "a", np.full((*size, 3), 20 + 30 * i, np.uint8))
    output.close()
    assert frames(tmp_path / "a.mp4") == [0, 1, 2, 3]


def test_an_own_loader_in_setup_source(make, folder, tmp_path):
    class Inverted(LoadImagesAndVideos):
        def __next__(self):
            paths, images, infos = super().__next__()
            return paths, [255 - image for image in images], infos

    class Own(DetectionPredictor):
        def setup_source(self, source, stride=None):
            self.imgsz = [64, 64]
            self.dataset = Inverted(source, batch=3)

    results = make(Own)(folder)
    for result in results:
        assert np.array_equal(result.orig_img, 255 - cv2.imread(result.path))
    assert len(results) == len(list((tmp_path / "run").glob("*.jpg"))) == 8


def test_passwords_of_cameras_are_not_told(make, tmp_path):
    with pytest.raises(ConnectionError) as caught:
        make()("rtsp://me:secret@127.0.0.1:9/live")
    assert "rtsp://me:***@127.0.0.1:9/live" in str(caught.value) and "secret" not in str(caught.value)
    assert "secret" not in RunOutput(tmp_path, live=True).stem("rtsp://me:secret@127.0.0.1")


class Live:
    """Two live sources of different rates; the second one sends more often."""

    mode, bs, fps, source_type = "stream", 2, [5.0, 10.0], SourceTypes(stream=True)

    def __len__(self):
        return 2

    def __iter__(self):
        for self.order in ([0, 1], [1], [1], [0, 1]):
            names = [f"rtsp://x/{'ab'[i]}" for i in self.order]
            yield names, [np.zeros((48, 64, 3), np.uint8) for _ in names], [""] * len(names)


def test_live_sources_of_different_rates(make, tmp_path, caplog, monkeypatch):
    caplog.set_level("INFO", "ultralytics")
    monkeypatch.setattr("ultralytics.engine.predictor.load_inference_source", lambda **kwargs: Live())
    paths = [result.path for result in make(verbose=True)("rtsp://x/a", stream=True)]
    assert [path[-1] for path in paths] == list("abbbab")
    for name, count, fps in (("a", 2, 5), ("b", 4, 10)):
        capture = cv2.VideoCapture(str(tmp_path / "run" / f"{name}.mp4"))
        assert capture.get(cv2.CAP_PROP_FPS) == fps and capture.get(cv2.CAP_PROP_FRAME_COUNT) == count
    lines = [line for message in caplog.messages for line in message.splitlines() if "cat" in line]
    assert [line[:2] for line in lines] == ["0:", "1:", "1:", "1:", "0:", "1:"]
