"""Files of 8 bits: what is computed in whole numbers, whether scores stay those of the network, what is refused."""

from __future__ import annotations

import copy
import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from export_helpers import decoded, settled
from shape_helpers import stirred, write_network
from torch import nn

from ultralytics import YOLO
from ultralytics.engine.exporter import Exporter
from ultralytics.nn.autobackend import AutoBackend
from ultralytics.nn.backends import onnx as onnx_format
from ultralytics.nn.backends.base import ExportPlan, as_list
from ultralytics.nn.backends.functions import torch2onnx
from ultralytics.nn.backends.onnx import onnx_content
from ultralytics.nn.backends.quality import BrokenExportError, Quality, compare_scores, scores_of
from ultralytics.nn.backends.quantize import onnx_calibration_reader, onnx_int8_quantize
from ultralytics.nn.backends.scope import module_of, nodes_for_8_bits

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
needs_openvino = pytest.mark.skipif(not importlib.util.find_spec("openvino"), reason="openvino is not installed")
SIDE = 64
TASKS = ("detect", "segment", "pose", "obb", "segment26", "pose26", "obb26")


def pictures(count: int = 8, batch: int = 1) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.random((batch, 3, SIDE, SIDE), np.float32) for _ in range(count)]


class WithNoise(Exporter):
    """Calibrates on noise."""

    def get_int8_calibration_dataloader(self, prefix=""):
        return pictures(batch=self.plan.batch)

    def _transform_fn(self, data_item):
        return data_item


def export(model: nn.Module, folder: Path, **options) -> str:
    """Export a network as if it came from a checkpoint in a folder."""
    model = copy.deepcopy(model)
    model.pt_path = str(folder / "m.pt")
    return WithNoise(overrides={"format": "onnx", "imgsz": SIDE, "batch": 1, "quantize": 8, **options})(model)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A function that returns a small network of a task which finds many things, made once."""
    made, folder = {}, tmp_path_factory.mktemp("networks")

    def network(head: str) -> nn.Module:
        if head not in made:
            made[head] = stirred(YOLO(write_network(folder, head.removesuffix("26"), head)).model)
        return made[head]

    return network


def correlation(path: str, model: nn.Module, batch: int = 2) -> float:
    """How far the scores of a file go together with those of a network, on pictures that were not calibrated on."""
    backend = AutoBackend(path, verbose=False)
    rows = bool(backend.metadata["end2end"])
    plan = ExportPlan(final_rows=rows, metadata={"names": backend.names})
    x = torch.from_numpy(np.random.default_rng(7).random((batch, 3, SIDE, SIDE), np.float32))
    got, want = (scores_of(as_list(y)[0].numpy(), plan) for y in (backend(x), decoded(model, x)))
    return compare_scores(got, want).correlation


# Scope ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "dynamic"])
def recorded(request, tmp_path_factory):
    """A prepared network of size n and its graph."""
    kept = {}

    class Keep(WithNoise):
        def export_onnx(self, prefix=""):
            kept["model"], kept["plan"] = self.model, self.plan
            target = tmp_path_factory.mktemp("graph") / "m.onnx"
            target.write_bytes(onnx_content(self.model, replace(self.plan, pictures=None)))
            return target

    model = settled("yolov8n-DynamicConv.yaml" if request.param else "yolov8n.yaml")
    file = Keep(overrides={"format": "onnx", "imgsz": SIDE, "batch": 1, "quantize": 8})(model)
    return onnx.load(file).graph, kept["model"], request.param


def test_what_is_computed_in_8_bits(recorded):
    graph, model, dynamic = recorded
    chosen = set(nodes_for_8_bits(graph, model))
    kinds = {node.name: node.op_type for node in graph.node}
    convolutions = {name for name, kind in kinds.items() if kind == "Conv"}
    floats = convolutions - chosen
    last = {f"/model.22/cv{branch}.{level}/cv{branch}.{level}.2/Conv" for branch in (2, 3) for level in range(3)}
    mixed = {f"/model.{i}/conv/Conv" for i in (3, 5, 7, 16, 19)} if dynamic else set()
    assert floats == {"/model.0/conv/Conv"} | last | mixed | {"/model.22/dfl/conv/Conv"}
    head = {name for name in chosen if name.startswith("/model.22/")}
    assert {kinds[name] for name in head} == {"Conv", "Sigmoid", "Mul"}
    assert all("/act/" in name for name in head if kinds[name] != "Conv")  # and not the activation of scores
    body = {kinds[name] for name in chosen - head}
    assert body == {"Conv", "Sigmoid", "Mul", "Add", "Concat", "MaxPool", "Resize", "Split"}
    assert set(nodes_for_8_bits(graph, model, ("Conv",))) == convolutions & chosen
    routing = [name for name in kinds if "/routing/" in name]
    assert bool(routing) is dynamic and not chosen.intersection(routing)


def test_a_block_of_ones_own_may_stay_in_float(recorded, monkeypatch):
    graph, model, dynamic = recorded
    block = model.model[8] if not dynamic else model.model[15]
    before = set(nodes_for_8_bits(graph, model))
    monkeypatch.setattr(block, "stays_float", True, raising=False)
    gone = before - set(nodes_for_8_bits(graph, model))
    path = f"/model.{15 if dynamic else 8}/"
    assert gone and gone == {name for name in before if name.startswith(path)}


def test_without_a_network_the_graph_alone_tells(recorded):
    graph, _, dynamic = recorded
    kinds = {node.name: node.op_type for node in graph.node}
    chosen = set(nodes_for_8_bits(graph))
    assert {kinds[name] for name in chosen} == {"Conv", "Sigmoid", "Mul"}
    assert "/model.0/conv/Conv" not in chosen and "/model.22/dfl/conv/Conv" not in chosen
    assert ("/model.3/conv/Conv" in chosen) is not dynamic  # a computed kernel is no constant one


def test_names_of_nodes_lead_to_modules():
    modules = {"model", "model.22", "model.22.cv2", "model.22.cv2.0", "model.22.cv2.0.1", "model.22.cv2.0.1.conv"}
    for name, wanted in (
        ("/model/model.22/cv2.0/cv2.0.1/conv/Conv", "model.22.cv2.0.1.conv"),
        ("/model.22/Concat_3", "model.22"),
        ("/model.22/elsewhere/cv2.0/Add", "model.22.cv2.0"),
        ("/Reshape", ""),
        ("", ""),
        ("Conv_17", ""),
    ):
        assert module_of(name, modules) == wanted


# Files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", TASKS)
def test_scores_are_those_of_the_network(tiny, tmp_path, head):
    path = export(tiny(head), tmp_path)
    assert path == str(tmp_path / "m_int8.onnx") and [file.name for file in tmp_path.iterdir()] == ["m_int8.onnx"]
    assert correlation(path, tiny(head)) > 0.99
    graph = onnx.load(path).graph
    last = [node for node in graph.node if "output0" in node.output]
    assert last[0].op_type not in {"DequantizeLinear", "QuantizeLinear"}
    weights = {tensor.name: tensor.data_type for tensor in graph.initializer}
    narrow = [kind for kind in weights.values() if kind == onnx.TensorProto.INT8]
    assert len(narrow) >= 4


def test_classes_are_those_of_the_network(tmp_path):
    model = settled("yolov8n-cls.yaml", nc=5)
    x = torch.from_numpy(np.concatenate(pictures(2)))
    backend = AutoBackend(export(model, tmp_path, simplify=False), verbose=False)
    assert (backend(x) - decoded(model, x)).abs().max() < 0.02


@pytest.mark.parametrize("options", [{"dynamic": True}, {"batch": 2}, {"nms": True, "conf": 0.05}, {"simplify": False}])
def test_with_other_arguments(tiny, tmp_path, options):
    path = export(tiny("detect"), tmp_path, **options)
    backend = AutoBackend(path, verbose=False)
    count = 3 if options.get("dynamic") else backend.batch
    x = torch.from_numpy(np.concatenate(pictures(count)))
    assert len(backend(x)) == count
    if "nms" not in options:
        assert correlation(path, tiny("detect"), count) > 0.99


def test_the_file_says_what_it_is(tiny, tmp_path):
    path = export(tiny("detect"), tmp_path, data="some.yaml")
    stored = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert not [key for key in stored if key.startswith("onnx")]
    backend = AutoBackend(path, verbose=False)
    assert backend.task == "detect" and backend.stride == 32 and backend.names == tiny("detect").names
    assert backend.metadata["args"]["quantize"] == 8 and backend.metadata["args"]["data"] == "some.yaml"


def test_a_network_of_dynamic_convolutions(tmp_path):
    model = settled("yolov8n-DynamicConv.yaml")
    for options in ({}, {"dynamic": True}):
        graph = onnx.load(export(model, tmp_path, **options)).graph
        floats = {tensor.name for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT}
        assert any("experts" in name or "weight" in name for name in floats)
        assert any(tensor.data_type == onnx.TensorProto.INT8 for tensor in graph.initializer)


@needs_openvino
@pytest.mark.parametrize("head", TASKS)
def test_openvino_folders(tiny, tmp_path, head):
    path = export(tiny(head), tmp_path, format="openvino", dynamic="batch" if head == "detect" else False)
    assert path == str(tmp_path / "m_int8_openvino_model") and [f.name for f in tmp_path.iterdir()] == [Path(path).name]
    assert correlation(path, tiny(head)) > 0.99
    text = next(Path(path).glob("*.xml")).read_text(encoding="utf-8")
    assert "FakeQuantize" in text or 'element_type="i8"' in text


# What cannot be -------------------------------------------------------------------------------------------------------


def test_a_broken_file_is_refused_and_not_kept(tiny, tmp_path, monkeypatch):
    right = onnx_format.quantized

    def zeroed(graph, batches, model, types):
        """The old fault: one scale for boxes and scores, which makes every score 0."""
        made = right(graph, batches, model, types)
        for node in made.graph.node:
            node.output[:] = ["whole" if name == "output0" else name for name in node.output]
        keep = np.concatenate([np.ones(4), np.zeros(6)]).astype(np.float32).reshape(1, 10, 1)
        made.graph.initializer.append(onnx.numpy_helper.from_array(keep, "keep"))
        made.graph.node.append(onnx.helper.make_node("Mul", ["whole", "keep"], ["output0"]))
        return made

    monkeypatch.setattr(onnx_format, "quantized", zeroed)
    with pytest.raises(BrokenExportError, match="same score everywhere for: circle, triangle"):
        model = tiny("detect")
        model.names = dict(enumerate(["circle", "triangle", "square", "star", "cross", "ring"]))
        export(model, tmp_path)
    assert not list(tmp_path.iterdir())


def test_quality_of_scores():
    scores = np.random.default_rng(0).random((2, 3, 40))
    assert compare_scores(scores, scores) == Quality(pytest.approx(1.0))
    still = scores.copy()
    still[:, 1] = 0.5
    assert compare_scores(still, scores).constant == (1,)
    assert compare_scores(np.zeros_like(scores), scores) == Quality(0.0, (0, 1, 2))
    assert compare_scores(scores * np.nan, scores).correlation == 0
    assert compare_scores(scores, scores * 0.05).correlation is None  # the network itself finds nothing


def test_where_scores_are():
    detections = np.arange(2 * 9 * 5, dtype=np.float32).reshape(2, 9, 5)
    plan = ExportPlan(metadata={"names": {0: "a", 1: "b", 2: "c"}})
    np.testing.assert_array_equal(scores_of(detections, plan), detections[:, 4:7])
    rows = np.random.default_rng(0).random((2, 8, 6), np.float32)
    got = scores_of(rows, replace(plan, final_rows=True))
    assert got.shape == (2, 1, 8) and (np.diff(got) <= 0).all()
    assert scores_of(rows, replace(plan, nms=True, conf=0.9)).max() <= 0.1 + 1e-6
    assert scores_of(rows[..., 0], plan).shape == (2, 8, 1)
    assert scores_of(rows[None], plan).shape == (1, 1, 96)
    maps = np.random.default_rng(0).integers(0, 3, (2, 4, 4))
    one_hot = scores_of(maps, replace(plan, class_maps=True))
    assert one_hot.shape == (2, 1, 48) and one_hot.sum() == maps.size


class Weightless(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


def test_what_has_nothing_to_quantise_is_told(tmp_path):
    file = tmp_path / "m.onnx"
    torch2onnx(Weightless(), torch.zeros(1, 3, 8, 8), file)
    with pytest.raises(ValueError, match="no convolutions that 8 bits suit"):
        onnx_int8_quantize(file, tmp_path / "q.onnx", pictures(1), lambda x: x)


# Functions of the public interface ------------------------------------------------------------------------------------


def test_a_file_is_quantised_and_keeps_its_metadata(tiny, tmp_path):
    source = export(tiny("detect"), tmp_path, quantize=32)
    with pytest.raises(ValueError, match="no calibration picture"):
        onnx_int8_quantize(source, tmp_path / "q.onnx", [], lambda x: x)
    made = onnx_int8_quantize(source, tmp_path / "q.onnx", pictures(), lambda x: x)
    assert made == str(tmp_path / "q.onnx") and AutoBackend(made, verbose=False).names == tiny("detect").names
    assert correlation(made, tiny("detect")) > 0.99


def test_reader_gives_one_batch_at_a_time():
    reader = onnx_calibration_reader([1, 2], lambda x: np.full(1, x), "x")
    assert [reader.get_next()["x"][0] for _ in range(2)] == [1, 2] and reader.get_next() is None
