"""The predictor's loop, with a runtime that always finds the same boxes; networks come in at the end."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ultralytics.cfg.merge import get_cfg
from ultralytics.data.loaders import LoadImagesAndVideos
from ultralytics.engine.predict_output import RunOutput, SourceNames
from ultralytics.engine.results import Results
from ultralytics.models.yolo.detect.predict import DetectionPredictor
from ultralytics.models.yolo.detect.stages import from_rows, to_rows

NAMES = {0: "cat", 1: "dog"}
# centre x, centre y, width, height in shares of the input, then a score per class
FOUND = ((0.5, 0.5, 0.5, 0.25, 0.9, 0.05), (0.25, 0.25, 0.25, 0.25, 0.1, 0.6), (0.5, 0.5, 0.5, 0.25, 0.05, 0.3))


class Runtime:
    """Stands for `AutoBackend`: two cats and a dog wherever it looks."""

    format, stride, names, fp16, dynamic, channels, end2end, imgsz = "pt", 32, NAMES, False, False, 3, False, None
    device = torch.device("cpu")
    model = None

    def __init__(self, **kwargs):
        self.kwargs, self.calls, self.warm = kwargs, [], []

    def eval(self):
        return self

    def warmup(self, imgsz):
        self.warm.append(tuple(imgsz))

    def __call__(self, im, augment=False, embed=None, **kwargs):
        self.calls.append((tuple(im.shape), float(im.min()), float(im.max()), augment))
        if embed:
            return tuple(torch.full((4,), float(i)) for i in range(len(im)))
        height, width = im.shape[2:]
        table = torch.tensor(FOUND).T[None].repeat(len(im), 1, 1)
        table[:, :4] *= torch.tensor([width, height, width, height])[None, :, None]
        return table, {}


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.setattr("ultralytics.engine.runtime.AutoBackend", Runtime)
    monkeypatch.setattr("ultralytics.engine.runtime.tune_allocator", lambda: None)

    def build(cls=DetectionPredictor, **overrides) -> DetectionPredictor:
        args = {
            "project": str(tmp_path),
            "name": "run",
            "imgsz": 64,
            "verbose": False,
            "rect": True,
            "device": "cpu",
            "batch": 1,
        }
        return cls(overrides={**args, **overrides, "mode": "predict"})

    return build


@pytest.fixture
def folder(tmp_path) -> Path:
    place = tmp_path / "pictures"
    place.mkdir()
    for name, size in (("a", (48, 64)), ("b", (48, 64)), ("c", (64, 32))):
        cv2.imwrite(str(place / f"{name}.png"), np.full((*size, 3), 100, np.uint8))
    return place


def video(path: Path, frames: int = 5) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for i in range(frames):
        writer.write(np.full((48, 64, 3), 40 * i % 256, np.uint8))
    writer.release()
    return path


def test_results_come_in_original_pixels(make):
    picture = np.zeros((120, 160, 3), np.uint8)
    (result,) = make()(picture)
    assert isinstance(result, Results) and result.names == NAMES
    np.testing.assert_allclose(result.boxes.xyxy[0], [40, 40, 120, 80], atol=1e-4)
    assert result.boxes.cls.tolist() == [0, 1, 1] and result.boxes.conf[0] == 0.9
    assert set(result.speed) == {"preprocess", "inference", "postprocess"} and all(v > 0 for v in result.speed.values())


def test_input_is_rgb_of_0_to_1_and_letterboxed(make):
    predictor = make()
    predictor.setup_model(None)
    predictor.imgsz = [64, 64]
    picture = np.zeros((120, 160, 3), np.uint8)
    picture[..., 2] = 255  # red
    im = predictor.preprocess([picture])
    assert im.shape == (1, 3, 64, 64) and im.dtype == torch.float32
    assert im[0, :, 32, 32].tolist() == [1, 0, 0] and im[0, 0, 0, 0] == np.float32(114 / 255)
    assert predictor.preprocess([np.zeros((120, 320, 3), np.uint8)]).shape == (1, 3, 32, 64)
    tensor = torch.rand(2, 3, 64, 32)
    assert torch.equal(predictor.preprocess(tensor), tensor)


def test_rectangles_only_where_they_fit(make):
    pictures = [np.zeros((48, 96, 3), np.uint8)] * 2
    predictor = make()
    predictor(pictures)
    assert predictor.model.calls[-1][0] == (2, 3, 32, 64)
    predictor([pictures[0], np.zeros((96, 48, 3), np.uint8)])
    assert predictor.model.calls[-1][0] == (2, 3, 64, 64), "different shapes share a square"
    predictor.args.rect = False
    predictor(pictures)
    assert predictor.model.calls[-1][0] == (2, 3, 64, 64)
    predictor.args.rect, predictor.model.format, predictor.model.imgsz = True, "onnx", [64, 64]
    predictor(pictures)
    assert predictor.model.calls[-1][0] == (2, 3, 64, 64), "an export of fixed size"
    predictor.model.dynamic = True
    predictor(pictures)
    assert predictor.model.calls[-1][0] == (2, 3, 32, 64)


def test_fixed_export_brings_its_own_size(make):
    predictor = make(imgsz=640)
    predictor.setup_model(None)
    predictor.model.format, predictor.model.imgsz = "onnx", [96, 96]
    predictor(np.zeros((20, 20, 3), np.uint8))
    assert predictor.model.calls[-1][0] == (1, 3, 96, 96) and predictor.args.imgsz == 640


def test_odd_sizes_are_rounded_up_with_a_warning(make, caplog):
    predictor = make(imgsz=630)
    predictor(np.zeros((20, 20, 3), np.uint8))
    assert predictor.model.calls[-1][0] == (1, 3, 640, 640) and "640" in caplog.text


def test_options_reach_the_selection(make):
    picture = np.zeros((64, 64, 3), np.uint8)
    assert len(make(conf=0.95)(picture)[0]) == 0
    assert make(classes=1)(picture)[0].boxes.cls.unique().tolist() == [1]
    assert make(classes=[0])(picture)[0].boxes.cls.tolist() == [0]
    assert len(make(max_det=1)(picture)[0]) == 1
    assert len(make(conf=0.5)(picture)[0]) == 2
    predictor = make(augment=True)
    predictor(picture)
    assert predictor.model.calls[-1][-1] is True


def test_agnostic_suppression(make):
    picture = np.zeros((64, 64, 3), np.uint8)
    assert make()(picture)[0].boxes.cls.tolist() == [0, 1, 1]
    assert make(agnostic_nms=True)(picture)[0].boxes.cls.tolist() == [0, 1]


def test_list_and_generator(make, folder):
    predictor = make()
    assert len(predictor(folder)) == 3
    stream = predictor(folder, stream=True)
    assert next(stream).path.endswith("a.png") and len(list(stream)) == 2
    assert predictor.predict_cli(folder) is None and predictor.seen == 3


def test_batches(make, folder):
    predictor = make(batch=2)
    results = predictor(folder)
    assert [call[0][0] for call in predictor.model.calls] == [2, 1]
    assert [Path(r.path).name for r in results] == ["a.png", "b.png", "c.png"]


def test_runs_may_interleave(make, folder):
    predictor = make(save=True)
    first = predictor(folder, stream=True)
    assert next(first).path.endswith("a.png")
    other = predictor([np.zeros((32, 32, 3), np.uint8)])
    assert [r.path for r in other] == ["image0.jpg"]
    assert [Path(r.path).name for r in first] == ["b.png", "c.png"]


def test_a_generator_keeps_its_arguments(make, folder):
    predictor = make()
    stream = predictor(folder, stream=True)
    predictor.reconfigure(get_cfg(overrides={**vars(predictor.args), "conf": 0.95}))
    assert len(predictor(folder)[0]) == 0
    assert len(next(stream)) == 3


def test_arguments_do_not_stick(make, folder, tmp_path):
    base = {"project": str(tmp_path), "name": "run", "imgsz": 64, "verbose": False, "mode": "predict"}
    predictor = make(conf=0.5, classes=[1])
    before = predictor.save_dir
    predictor.reconfigure(get_cfg(overrides=base))
    assert predictor.args.conf == 0.25 and predictor.args.classes is None and predictor.save_dir == before
    predictor.reconfigure(get_cfg(overrides={**base, "name": "other"}))
    assert predictor.save_dir.name == "other"


def test_tensors_and_arrays(make):
    predictor = make()
    results = predictor(torch.rand(2, 3, 64, 96))
    assert [r.orig_img.shape for r in results] == [(64, 96, 3)] * 2 and results[0].orig_img.dtype == np.uint8
    red = torch.zeros(1, 3, 64, 64)
    red[:, 0] = 1
    assert predictor(red)[0].orig_img[0, 0].tolist() == [0, 0, 255], "kept as BGR"


def test_embed_yields_one_vector_per_picture(make, folder):
    vectors = make(embed=[3], batch=3)(folder)
    assert [v.shape for v in vectors] == [(4,)] * 3 and vectors[2][0] == 2


def test_files(make, folder, tmp_path):
    predictor = make(save=True, save_txt=True, save_conf=True, save_crop=True, exist_ok=True)
    for _ in range(2):
        predictor(folder)
        out = tmp_path / "run"
        assert {p.name for p in out.glob("*.jpg")} == {"a.jpg", "b.jpg", "c.jpg"}
        assert {p.name for p in (out / "labels").iterdir()} == {"a.txt", "b.txt", "c.txt"}
        rows = (out / "labels" / "a.txt").read_text().splitlines()
        assert len(rows) == 3 and len(rows[0].split()) == 6, "the second run replaces the first one's rows"
    assert {p.name for p in (out / "crops" / "cat").iterdir()} >= {"a.jpg", "b.jpg", "c.jpg"}


def test_equal_stems_do_not_overwrite(make, folder, tmp_path):
    cv2.imwrite(str(folder / "a.bmp"), np.zeros((32, 32, 3), np.uint8))
    make(save=True, save_txt=True)(folder)
    assert {p.name for p in (tmp_path / "run").glob("a*.jpg")} == {"a.jpg", "a-2.jpg"}
    assert {p.name for p in (tmp_path / "run" / "labels").glob("a*")} == {"a.txt", "a-2.txt"}


def test_video(make, tmp_path):
    clip = video(tmp_path / "clip.avi")
    make(save=True, save_txt=True, save_frames=True)(clip)
    out = tmp_path / "run"
    (made,) = list(out.glob("clip.*"))
    capture = cv2.VideoCapture(str(made))
    assert int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == 5 and capture.get(cv2.CAP_PROP_FPS) == 10
    assert {p.name for p in (out / "clip_frames").iterdir()} == {f"clip_{i}.jpg" for i in range(1, 6)}
    assert {p.name for p in (out / "labels").iterdir()} == {f"clip_{i}.txt" for i in range(1, 6)}


def test_video_stride_slows_the_clock(make, tmp_path):
    make(save=True, vid_stride=2)(video(tmp_path / "clip.avi", 6))
    capture = cv2.VideoCapture(str(next((tmp_path / "run").glob("clip.*"))))
    assert int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == 3 and capture.get(cv2.CAP_PROP_FPS) == 5


def test_stopping_early_finishes_the_video(make, tmp_path):
    predictor = make(save=True)
    stream = predictor(video(tmp_path / "clip.avi"), stream=True)
    next(stream), next(stream)
    stream.close()
    assert not predictor.vid_writer
    capture = cv2.VideoCapture(str(next((tmp_path / "run").glob("clip.*"))))
    assert int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == 2


@pytest.fixture(params=["film", "folder", "live"])
def lasting(request, tmp_path, folder) -> str:
    """A source of several batches: a film, a folder, a list of live sources of which one is a film."""
    if request.param == "folder":
        return str(folder)
    clip = video(tmp_path / "clip.avi", 400)  # 40 seconds as a live source
    if request.param == "live":
        (tmp_path / "all.streams").write_text(str(clip))
        return str(tmp_path / "all.streams")
    return str(clip)


def left_over(before: set[threading.Thread]) -> list[str]:
    """Return the names of threads that do not end."""
    others = set(threading.enumerate()) - before
    for thread in others:
        thread.join(timeout=10)
    return [thread.name for thread in others if thread.is_alive()]


@pytest.mark.parametrize("by", ["breaking off", "the collector", "an error"])
def test_what_is_given_up_leaves_no_thread(make, lasting, by):
    """Readers end with the generator, although the predictor lives on; nothing waits for them."""
    predictor, before = make(save=by == "breaking off"), set(threading.enumerate())
    if by == "an error":
        predictor.add_callback("on_predict_start", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            predictor(lasting)
    else:
        stream = predictor(lasting, stream=True)
        next(stream)
        if by == "the collector":
            circle = [stream]
            circle.append(circle)
            del stream, circle
            gc.collect()
        else:
            stream.close()
    assert left_over(before) == []
    predictor.callbacks["on_predict_start"].clear()
    assert len(predictor([np.zeros((32, 32, 3), np.uint8)])) == 1


def test_a_loader_of_the_caller_is_not_closed(make, folder):
    loader = LoadImagesAndVideos(folder)
    stream = make()(loader, stream=True)
    assert next(stream).path.endswith("a.png")
    stream.close()
    assert [Path(paths[0]).name for paths in (next(loader)[0], next(loader)[0])] == ["b.png", "c.png"]


def test_console_lines(make, folder, caplog, tmp_path):
    caplog.set_level("INFO", "ultralytics")
    make(verbose=True, save=True, save_txt=True)(folder)
    lines = caplog.messages
    start = next(line for line in lines if "a.png" in line)
    assert start.startswith(f"image 1/3 {folder / 'a.png'}: 64x64 1 cat, 2 dogs, ") and start.endswith("ms")
    assert any(line.endswith("per image at shape (1, 3, 64, 32)") for line in lines)
    assert any("Results saved to" in line for line in lines)
    assert any(line == f"3 labels saved to {tmp_path / 'run' / 'labels'}" for line in lines)
    caplog.clear()
    make(verbose=True, conf=0.99)(np.zeros((32, 32, 3), np.uint8))
    assert any(line.startswith("0: 64x64 (no detections), ") for line in caplog.messages)


def test_names_of_pictures_are_shown_on_one_line(make, tmp_path, caplog):
    caplog.set_level("INFO", "ultralytics")
    odd = tmp_path / "odd"
    odd.mkdir()
    for name in ("a\nimage 9 is fine\x1b[2J.png", "犬" * 80 + ".png"):
        (odd / name).write_bytes(cv2.imencode(".png", np.zeros((32, 32, 3), np.uint8))[1].tobytes())
    (odd / "broken\n.png").write_bytes(b"no picture")
    make(verbose=True, save=True, save_txt=True, save_crop=True)(odd)
    assert not any("\x1b[2J" in line or "\nimage 9" in line or "broken\n" in line for line in caplog.messages)
    assert any("a\\nimage 9 is fine" in line for line in caplog.messages)
    assert len(list((tmp_path / "run").glob("*.jpg"))) == 2 == len(list((tmp_path / "run" / "labels").glob("*.txt")))


def test_list_of_a_long_source_is_warned_about(make, tmp_path, caplog):
    clip = video(tmp_path / "clip.avi", 2)
    list(make()(clip, stream=True))
    assert "stream=True" not in caplog.text
    make()(clip)
    assert "stream=True" in caplog.text


def test_callbacks_in_order(make, folder):
    seen = []
    predictor = make()
    for event in ("on_predict_start", "on_predict_batch_start", "on_predict_postprocess_end", "on_predict_batch_end",
                  "on_predict_end"):  # fmt: skip
        predictor.add_callback(event, lambda p, event=event: seen.append(event))
    predictor(folder / "a.png")
    assert seen == ["on_predict_start", "on_predict_batch_start", "on_predict_postprocess_end", "on_predict_batch_end",
                    "on_predict_end"]  # fmt: skip


def test_callbacks_may_replace_results(make, folder):
    predictor = make()
    predictor.add_callback("on_predict_postprocess_end", lambda p: setattr(p, "results", [r[:1] for r in p.results]))
    assert [len(r) for r in predictor(folder)] == [1, 1, 1]


def test_overridden_steps_win(make, folder):
    class Mine(DetectionPredictor):
        def construct_result(self, pred, img, orig_img, img_path):
            assert pred.shape[1] == 6 and img.ndim == 4
            return super().construct_result(pred[:1], img, orig_img, f"mine {img_path}")

        def pre_transform(self, im):
            return [cv2.resize(x, (96, 96)) for x in im]

    predictor = make(Mine)
    result = predictor(folder / "a.png")[0]
    assert len(result) == 1 and result.path.startswith("mine") and predictor.model.calls[-1][0] == (1, 3, 96, 96)

    class Old(DetectionPredictor):
        def postprocess(self, preds, img, orig_imgs):
            return [Results(o, path=p, names=self.model.names) for o, p in zip(orig_imgs, self.batch[0], strict=True)]

    assert make(Old)(folder / "a.png")[0].boxes is None


def test_showing_without_a_display_warns_once(make, folder, caplog, monkeypatch):
    monkeypatch.setattr("ultralytics.engine.predictor.window_trouble", lambda: "no screen")
    predictor = make(show=True)
    assert len(predictor(folder)) == len(predictor(folder)) == 3
    assert caplog.text.count("needs a display") == 1 and "no screen" in caplog.text


@pytest.mark.parametrize("error", [cv2.error("not implemented"), AttributeError("no attribute 'namedWindow'")])
def test_an_opencv_without_windows_warns_once(make, folder, caplog, monkeypatch, error):
    def refuse(*args):
        raise error

    monkeypatch.setattr("ultralytics.engine.predictor.window_trouble", lambda: "")
    monkeypatch.setattr(cv2, "namedWindow", refuse)
    assert len(make(show=True)(folder)) == 3
    assert caplog.text.count("needs a display") == 1


def test_q_ends_the_run(make, folder, monkeypatch):
    monkeypatch.setattr("ultralytics.engine.predictor.window_trouble", lambda: "")
    for name in ("namedWindow", "resizeWindow", "imshow", "destroyWindow"):
        monkeypatch.setattr(cv2, name, lambda *args: None)
    monkeypatch.setattr(cv2, "waitKey", lambda delay: ord("q"))
    assert len(make(show=True)(folder)) == 1


def test_setup_passes_the_arguments_on(make):
    predictor = make(quantize=16, dnn=True, nms=False)
    predictor.setup_model("x.pt", verbose=False)
    given = predictor.model.kwargs
    assert given["model"] == "x.pt" and given["fp16"] and given["dnn"] and given["end2end"] is True
    predictor(np.zeros((32, 32, 3), np.uint8))
    predictor(np.zeros((32, 32, 3), np.uint8))
    assert len(predictor.model.warm) == 1


def test_feature_vectors_of_detections():
    maps = [torch.arange(2 * 4 * 4.0).view(1, 2, 4, 4), torch.arange(4 * 2 * 2.0).view(1, 4, 2, 2)]
    (features,) = DetectionPredictor.get_obj_feats(maps, [torch.tensor([0, 5, 16])])
    assert features.shape == (3, 2)
    assert features[1].tolist() == [5, 21] and features[2].tolist() == [2, 10], "mean over groups of channels"


def test_rows_there_and_back():
    rows = torch.rand(5, 8)
    found = from_rows(rows, [3, 1, 4, 1, 5])
    assert torch.equal(to_rows(found), rows) and found.index.tolist() == [3, 1, 4, 1, 5] and found.extra.shape == (5, 2)


# Pictures of every kind -----------------------------------------------------------------------------------------------


def test_mixed_types_reach_the_network_as_bytes_scaled_alike(make):
    """Lists of mixed types used to be copied into memory that nobody had written."""
    levels = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
    deep, shares = levels.astype(np.uint16) * 257, np.dstack([levels] * 3) / 255
    predictor = make(rect=False)
    seen = []
    predictor.add_callback("on_predict_batch_start", lambda p: seen.append(p.preprocess(p.batch[1])))
    results = predictor([levels, deep, shares, shares.astype(np.float32), np.dstack([levels] * 4).astype(np.int64)])
    assert all(r.orig_img.dtype == np.uint8 and np.array_equal(r.orig_img, results[0].orig_img) for r in results)
    (batch,) = seen
    assert batch.shape == (5, 3, 64, 64) and all(torch.equal(batch[0], other) for other in batch[1:])
    assert batch[0, :, 32].min() == 0 and batch[0, 0, 32].max() == np.float32(252 / 255)
    assert torch.equal(predictor.preprocess([shares])[0], batch[0])


def test_a_batch_of_several_shapes_is_refused(make):
    class Odd(DetectionPredictor):
        def pre_transform(self, im):
            return im

    with pytest.raises(ValueError, match=r"shapes \[\(48, 64, 3\), \(64, 64, 3\)\]"):
        make(Odd)([np.zeros((48, 64, 3), np.uint8), np.zeros((64, 64, 3), np.uint8)])


@pytest.mark.parametrize("shape", [(1, 810), (3000, 2), (1, 1), (100_000, 1), (2, 40_000)])
def test_pictures_thinner_than_a_pixel(make, shape):
    (result,) = make()(np.zeros((*shape, 3), np.uint8))
    assert result.orig_shape == shape and torch.isfinite(torch.as_tensor(result.boxes.data)).all()


def test_a_list_of_paths_respects_batch(make, folder):
    predictor = make(batch=2)
    sizes = []
    predictor.add_callback("on_predict_batch_start", lambda p: sizes.append(len(p.batch[0])))
    assert len(predictor(sorted(folder.glob("*.png")))) == 3 and sizes == [2, 1]
    assert len(list(predictor((np.zeros((8, 8, 3), np.uint8) for _ in range(5)), stream=True))) == 5
    assert sizes == [2, 1, 2, 2, 1]


# Names of what is written ---------------------------------------------------------------------------------------------


def test_a_loop_of_calls_keeps_every_picture(make, folder):
    predictor = make(save=True, save_txt=True, save_crop=True)
    array = np.zeros((48, 64, 3), np.uint8)
    for _ in range(3):
        predictor([array, array])
    predictor(torch.zeros(2, 3, 64, 64))
    other = folder.parent / "other"
    other.mkdir()
    cv2.imwrite(str(other / "a.png"), array)
    for source in (folder / "a.png", other / "a.png", folder / "a.png"):
        predictor(source)
    stems = [f"image{i}{n}" for i in (0, 1) for n in ("", "-2", "-3", "-4")] + ["a", "a-2"]
    saved = sorted(f.stem for f in Path(predictor.save_dir).glob("*.jpg"))
    assert saved == sorted(stems), "a file predicted again replaces its own picture, whatever else is one more"
    assert sorted(f.stem for f in Path(predictor.save_dir, "labels").glob("*.txt")) == sorted(stems)


def test_names_of_many_sources_are_given_quickly(tmp_path):
    names = SourceNames(tmp_path)
    assert [names.fresh("x/a.jpg") for _ in range(3)] == ["a", "a-2", "a-3"]
    assert names.fresh("a-2.jpg") == "a-2-2" and names.known("b.jpg") == names.known("b.jpg") == "b"
    assert len({names.fresh("a.jpg") for _ in range(20_000)}) == 20_000  # in no time: nothing is searched


def test_a_live_source_is_never_the_same(tmp_path):
    names = SourceNames(tmp_path)
    stems = [RunOutput(tmp_path, names, live=True).stem("http://camera/stream.jpg") for _ in range(2)]
    assert stems == ["stream", "stream-2"]
    still = [RunOutput(tmp_path, names).stem(Path("http://server/still.jpg")) for _ in range(2)]
    assert still == ["still", "still"]
