"""Runs in which nothing is found, or nothing is there to find: every task validates, predicts and writes its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from shape_helpers import NETWORK, SIDE, run_settings, stirred, write_labels, write_network

from ultralytics import YOLO

ROWS = {
    "detect": "0 0.5 0.5 0.4 0.4\n",
    "segment": "0 0.2 0.2 0.8 0.2 0.8 0.6\n",
    "pose": "0 0.5 0.5 0.4 0.4 " + "0.5 0.5 2 " * 5 + "\n",
    "obb": "0 0.2 0.2 0.8 0.2 0.8 0.6 0.2 0.6\n",
}


@pytest.fixture(scope="module", params=ROWS)
def model(request, tmp_path_factory) -> YOLO:
    folder = tmp_path_factory.mktemp("net")
    if request.param == "detect":
        (folder / "tiny.yaml").write_text(NETWORK % ("", "Detect, [nc]"), encoding="utf-8")
        made = YOLO(folder / "tiny.yaml")
    else:
        made = YOLO(write_network(folder, request.param))
    stirred(made.model)
    return made


@pytest.mark.parametrize("labelled", [True, False], ids=["objects", "backgrounds"])
@pytest.mark.parametrize("conf", [1.0, 0.3], ids=["nothing found", "some found"])
def test_validation(model, labelled, conf, tmp_path):
    names = {i: f"class {i}" for i in range(6)}
    data = write_labels(tmp_path, ROWS[model.task] if labelled else "", names=names, kpt_shape=[5, 3])
    if not labelled and conf < 1:
        pytest.skip("nothing to compare and much to draw")
    files = {"save_txt": True, "save_json": True, "save_conf": True, "plots": conf == 1 and labelled}
    metrics = model.val(data=data, conf=conf, name="v", **run_settings(tmp_path, **files))
    assert np.isfinite(list(metrics.results_dict.values())).all()
    written = {path.name for path in (tmp_path / "v").rglob("*.*")} & {"predictions.json", "one.txt"}
    assert written == ({"predictions.json", "one.txt"} if conf < 1 else set())


def test_prediction(model, tmp_path):
    pictures = [np.zeros((SIDE, SIDE, 3), np.uint8)] * 2
    files = {"save": True, "save_txt": True, "save_crop": True, "save_conf": True}
    for retina in (False, True):
        results = model(pictures, imgsz=SIDE, conf=1.0, retina_masks=retina, verbose=False, device="cpu",
                        project=str(tmp_path), name="p", exist_ok=True, **files)  # fmt: skip
        assert [len(r) for r in results] == [0, 0] and {p.suffix for p in Path(tmp_path / "p").rglob("*.*")} == {".jpg"}
