"""The detector's own features, and appearance from a model of one's own."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from track_helpers import frame_of

from ultralytics import YOLO
from ultralytics.models.yolo.detect import DetectionPredictor
from ultralytics.ops.iou import bbox_ioa
from ultralytics.trackers import BOTSORT
from ultralytics.trackers.features import _positions, has_own_features, own_features
from ultralytics.trackers.observations import read_detections
from ultralytics.trackers.track_tracker import compute_dets_del
from ultralytics.trackers.utils.reid import REID_ASSETS, ReID, build_encoder, smooth_feature


def eager(name: str) -> YOLO:
    """A network without training that finds something everywhere."""
    torch.manual_seed(0)
    model = YOLO(name)
    norms = [layer for layer in model.model.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # one pass sets the statistics, so that signals do not fade
    with torch.no_grad():
        model.model.train()(torch.rand(2, 3, 96, 96))
    model.model.eval()
    head = model.model.model[-1]
    for branches in (head.cv3, getattr(head, "one2one_cv3", None) or ()):
        for branch in branches:
            torch.nn.init.normal_(branch[-1].weight, std=0.002)
            torch.nn.init.constant_(branch[-1].bias, 0.5)
    return model


@pytest.mark.parametrize("name", ["yolov8n", "yolov8n-seg", "yolov8n-pose", "yolov8n-obb", "yolo26n"])
@pytest.mark.parametrize("end2end", [False, True])
def test_features_are_what_the_maps_hold_at_the_anchor(name, end2end, tmp_path):
    model = eager(f"{name}.yaml")
    head = model.model.model[-1]
    if end2end and not head.has_two_branches:
        pytest.skip("this head needs suppression")
    caught = []

    def look(predictor):
        features = own_features(predictor)
        caught.append((features, predictor.outputs, [r.cpu() for r in predictor.results], has_own_features(predictor)))

    model.add_callback("on_predict_postprocess_end", look)
    frames = list(np.random.default_rng(0).integers(0, 255, (2, 96, 96, 3), dtype=np.uint8))
    model.predict(frames, imgsz=96, conf=0.001, verbose=False, nms=not end2end, max_det=20)
    ((features, (preds, _), results, known),) = caught
    assert known and len(features) == 2
    raw = preds[1] if isinstance(preds[1], dict) else preds[-1]
    raw = raw.get("one2one" if end2end else "one2many", raw)
    scores = raw["scores"].sigmoid()
    for i, (vectors, result) in enumerate(zip(features, results, strict=True)):
        rows = result.boxes if result.obb is None else result.obb
        assert vectors.shape == (len(rows), min(level.shape[1] for level in raw["feats"])) and len(rows)
        table = DetectionPredictor.get_obj_feats(raw["feats"], [torch.arange(scores.shape[2])] * 2)[i].numpy()
        for vector, score, label in zip(vectors, rows.conf.tolist(), rows.cls.int().tolist(), strict=True):
            alike = table[((scores[i, label] - score).abs() < 1e-6).numpy()]  # scores tell the anchors apart, nearly
            assert 0 < len(alike) < 12 and np.isclose(alike, vector, rtol=1e-4, atol=1e-5).all(1).any()


def test_rows_that_are_left_out():
    assert _positions([0.9, 0.8, 0.8, 0.1], [0.9, 0.8]) == [0, 1]
    assert _positions([0.9, 0.8, 0.8, 0.1], [0.8, 0.8, 0.1]) == [1, 2, 3]
    assert _positions([0.9], [0.5]) is None


@pytest.mark.parametrize("name", ["yolov8n.yaml", "yolo26n.yaml"])
def test_auto_is_used_by_a_tracker(name, tmp_path):
    file = tmp_path / "looks.yaml"
    file.write_text("tracker_type: botsort\nwith_reid: True\nmodel: auto\nnew_track_thresh: 0.1\n", encoding="utf-8")
    model = eager(name)
    for _ in range(3):
        model.track(frame_of([(10, 20, 60, 70)]), persist=True, tracker=str(file), imgsz=96, verbose=False, conf=0.05)
    tracks = model.predictor.trackers[0].tracked_stracks
    assert tracks and all(np.linalg.norm(track.smooth_feat) == pytest.approx(1, abs=1e-5) for track in tracks)


def test_a_detector_without_features_takes_a_model(monkeypatch, tmp_path, caplog):
    predictor = SimpleNamespace(model=SimpleNamespace(model=None))
    assert not has_own_features(predictor)
    monkeypatch.setenv("YOLO_OFFLINE", "1")
    from ultralytics.trackers.track import _maker

    file = tmp_path / "looks.yaml"
    file.write_text("tracker_type: botsort\nwith_reid: True\n", encoding="utf-8")
    make, settings = _maker(file, predictor)
    assert settings["model"] == "yolo26n-cls.pt" and "shows no features" in caplog.text
    with pytest.raises((FileNotFoundError, ConnectionError), match=r"yolo26n-cls\.pt"):
        make()


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("reid") / "looks.pt"
    YOLO("yolov8n-cls.yaml").save(path)
    return path


def test_crops_go_through_a_model_in_one_pass(classifier, monkeypatch):
    encoder = build_encoder(True, str(classifier))
    passes = []
    forward = encoder.backend.forward
    monkeypatch.setattr(
        encoder.backend, "forward", lambda im, **kwargs: passes.append(len(im)) or forward(im, **kwargs)
    )
    frame = np.random.default_rng(0).integers(0, 255, (128, 160, 3), dtype=np.uint8)
    corners = ([10, 20, 50, 60], [10, 20, 50, 60], [90, 20, 140, 60], [-50, -50, -9, -9])
    found = read_detections([[*box, 0.9, 0] for box in corners])
    vectors = encoder(frame, found)
    assert passes == [3] and vectors[3] is None and len(vectors) == 4
    np.testing.assert_allclose(vectors[0], vectors[1], rtol=1e-5)
    assert vectors[0].ndim == 1 and not np.allclose(vectors[0], vectors[2], rtol=1e-3)
    rows = np.column_stack((found.boxes, np.arange(4)))
    np.testing.assert_allclose(encoder(frame, rows)[2], vectors[2], rtol=1e-5)
    turned = read_detections([[30, 40, 40, 30, 0.0, 0.9, 0]])
    assert encoder(frame, turned)[0].shape == vectors[0].shape


def test_a_tracker_alone_with_a_model(classifier):
    tracker = BOTSORT({"with_reid": True, "model": str(classifier), "gmc_method": "none"})
    frame = np.random.default_rng(0).integers(0, 255, (128, 160, 3), dtype=np.uint8)
    for _ in range(2):
        rows = tracker.update([[10, 20, 50, 60, 0.9, 0], [90, 20, 140, 60, 0.9, 0]], frame)
    assert rows[:, 4].tolist() == [1, 2] and tracker.tracked_stracks[0].smooth_feat is not None


def test_appearance_keeps_apart_what_crosses():
    looks = {"a": np.array([1.0, 0, 0]), "b": np.array([0, 1.0, 0])}
    tracker = BOTSORT({"with_reid": True, "gmc_method": "none", "proximity_thresh": 0.0, "appearance_thresh": 0.5})
    a, b = [20, 20, 60, 60, 0.9, 0], [50, 20, 90, 60, 0.9, 0]
    for _ in range(3):
        rows = tracker.update([a, b], None, feats=[looks["a"], looks["b"]])
    assert rows[:, 4].tolist() == [1, 2]
    rows = tracker.update([a, b], None, feats=[looks["b"], looks["a"]])  # they have changed places
    assert rows[np.argsort(rows[:, -1]), 4].tolist() == [2, 1]


def test_missing_features_are_told_once(caplog):
    tracker = BOTSORT({"with_reid": True, "gmc_method": "none"})
    for _ in range(3):
        tracker.update([[10, 20, 50, 60, 0.9, 0]])
    assert caplog.text.count("feats=") == 1


def test_running_average():
    first, average = smooth_feature([3.0, 4.0], None, 0.9)
    assert first.tolist() == average.tolist() == pytest.approx([0.6, 0.8])
    _, mixed = smooth_feature([3.0, 4.0], np.array([1.0, 0.0]), 0.9)
    assert mixed.tolist() == pytest.approx([0.99655, 0.083045], abs=1e-5)
    assert build_encoder(False, "auto") is None and build_encoder(True, "auto") is None
    assert "yolo26n-reid.onnx" in REID_ASSETS and len(REID_ASSETS) == 5


def test_other_checkpoints_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        ReID(tmp_path / "none.onnx")


@pytest.mark.parametrize("name", ["yolov8n", "yolov8n-seg", "yolov8n-pose", "yolov8n-obb", "yolo26n"])
def test_the_default_tracker_for_every_task(name, tmp_path):
    file = tmp_path / "all.yaml"
    eager_limits = "track_high_thresh: 0.3\ntrack_low_thresh: 0.1\nnew_track_thresh: 0.3\nmin_track_len: 1\n"
    file.write_text(f"tracker_type: tracktrack\nwith_reid: True\n{eager_limits}", encoding="utf-8")
    model = eager(f"{name}.yaml")
    frame = np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    for _ in range(3):
        (result,) = model.track(frame, persist=True, tracker=str(file), imgsz=96, verbose=False, iou=0.3, max_det=30)
    rows = result.boxes if result.obb is None else result.obb
    assert rows.is_track and len(rows) and len(set(rows.id.tolist())) == len(rows)
    for part in (result.masks, result.keypoints):
        assert part is None or len(part) == len(rows)
    assert all(track.smooth_feat is not None for track in model.predictor.trackers[0].tracked_stracks)


def test_what_suppression_dropped():
    model, caught = eager("yolov8n.yaml"), []
    model.add_callback("on_predict_postprocess_end", lambda p: caught.append((compute_dets_del(p), p.results[0])))
    frame = np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    model.predict(frame, imgsz=96, verbose=False, conf=0.1, iou=0.3, max_det=30)
    (((found,), result),) = caught
    assert len(found.rows) and len(found.anchors) == len(found.rows)
    overlap = bbox_ioa(result.boxes.xyxy.cpu().numpy(), found.rows.xyxy.cpu().numpy(), iou=True)
    assert overlap.max() < 0.97
    for other in ("yolov8n-seg.yaml", "yolo26n.yaml"):  # with masks; and nothing is suppressed
        model, caught = eager(other), []
        model.add_callback("on_predict_postprocess_end", lambda p, c=caught: c.append((compute_dets_del(p), None)))
        model.predict(frame, imgsz=96, verbose=False, nms=False if other == "yolo26n.yaml" else None)
        assert caught[0][0] == [None]
