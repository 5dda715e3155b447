"""Metadata of exported files, also of files that nobody should have made."""

from __future__ import annotations

import json
import pickle
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from ultralytics import YOLO
from ultralytics.nn.autobackend import AutoBackend
from ultralytics.nn.backends.metadata import FIELDS, TEXTS, MetadataError, parse_metadata, parse_metadata_json
from ultralytics.utils.yaml_io import YAML

TYPED = {
    "stride": 32,
    "batch": 4,
    "channels": 3,
    "names": {0: "a", 1: "b"},
    "imgsz": [64, 96],
    "args": {"dynamic": True, "nms": None, "imgsz": [64, 96]},
    "kpt_shape": [17, 3],
    "kpt_names": {0: ["nose", "eye"]},
    "end2end": False,
    "task": "pose",
    "head": "Pose",
}


def test_all_containers_give_the_same():
    texts = {key: str(value) for key, value in TYPED.items()}  # as in ONNX
    assert parse_metadata(texts) == TYPED
    assert parse_metadata_json(json.dumps(TYPED), "m.torchscript") == TYPED
    assert parse_metadata(YAML.parse(YAML.dump(TYPED))) == TYPED
    assert parse_metadata(TYPED) == TYPED


@pytest.mark.parametrize(
    ("key", "given_", "read"),
    [
        ("stride", "32.0", 32),
        ("imgsz", "640", [640, 640]),
        ("imgsz", (64, 32), [64, 32]),
        ("imgsz", "(64,)", [64, 64]),
        ("names", ["a", 7], {0: "a", 1: "7"}),
        ("names", {"1": "b", "0": "a"}, {0: "a", 1: "b"}),
        ("kpt_names", ["nose"], ["nose"]),
        ("end2end", "True", True),
        ("args", '{"dynamic": true, "nms": null}', {"dynamic": True, "nms": None}),
        ("author", "[1]", "[1]"),
        ("simplify", True, "True"),
        ("dla", 0, "0"),
    ],
)
def test_forms_of_one_value(key, given_, read):
    assert parse_metadata({key: given_}) == {key: read}


def test_what_is_left_out():
    assert parse_metadata({"kpt_shape": None, "kpt_names": "None", "date": None, "blob": "x" * 200_000}) == {}


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("stride", "__import__('os').getcwd()", "a whole number from 1"),
        ("stride", "0", "a whole number from 1"),
        ("stride", 1.5, "a whole number from 1"),
        ("stride", float("nan"), "a whole number from 1"),
        ("batch", True, "a whole number from 1"),
        ("batch", 10**12, "a whole number from 1"),
        ("batch", "dynamic", "a whole number from 1"),
        ("imgsz", "[640, 640, 3]", "height and width"),
        ("imgsz", [100_000, 100_000], "at most 16,384"),
        ("imgsz", "[[[", "height and width"),
        ("names", "{0: 'a', 2: 'b'}", "without gaps"),
        ("names", {"x": "a"}, "without gaps"),
        ("names", {0: "a", "0": "b"}, "without gaps"),
        ("names", {0: {}}, "class names"),
        ("names", 5, "class names"),
        ("names", "{[]: 1}", "class names"),
        ("kpt_shape", "[17, 4]", "number of keypoints"),
        ("kpt_shape", "17", "number of keypoints"),
        ("kpt_names", {0: [1]}, "names of keypoints"),
        ("args", "[1]", "arguments of the export"),
        ("args", {"a": {"b": 1}}, "arguments of the export"),
        ("end2end", "maybe", "True or False"),
        ("task", ["detect"], "a text"),
        ("task", "x" * 200_000, "a text"),
    ],
)
def test_wrong_values_name_file_and_key(key, value, expected):
    with pytest.raises(MetadataError, match=rf"a\.onnx: metadata '{key}' is .*{expected}") as caught:
        parse_metadata({key: value}, "a.onnx")
    assert len(str(caught.value)) < 400
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value) and again.key == key


@pytest.mark.parametrize(
    "text",
    ["[" * 1_600_000, "[" + "1," * 400_000 + "]", "'" + "a" * 1_600_000 + "'", "[" + "[]," * 190_000],
    ids=["nested", "long", "text", "lists"],
)
@pytest.mark.parametrize("key", ["names", "stride"])
def test_large_values_are_not_parsed(key, text, monkeypatch):
    def parse(*args):
        raise AssertionError("a value that costs seconds was parsed")

    monkeypatch.setattr("ultralytics.utils.literals.ast.literal_eval", parse)
    monkeypatch.setattr("ultralytics.utils.literals.json.loads", parse)
    with pytest.raises(MetadataError, match=rf"'{key}' is .*(characters|parts)"):
        parse_metadata({key: text})
    with pytest.raises(MetadataError, match="at most 1,500,000"):
        parse_metadata_json(json.dumps({key: text + " " * 1_000_000}), "a")


def test_names_of_the_largest_data_sets_are_read():
    names = {i: f"class number {i}, with synonyms" for i in range(21_841)}
    assert parse_metadata({"names": str(names)})["names"] == names
    assert parse_metadata_json(json.dumps({"names": names}), "a")["names"] == names


@pytest.mark.parametrize("text", [b"[1]", b"{", b"\xff", b"[" * 100_000, b"1" * 10_000, b'{"a": ' * 5000, b"null"])
def test_wrong_json_names_the_file(text):
    with pytest.raises(MetadataError, match=r"a\.torchscript: metadata 'config\.txt'"):
        parse_metadata_json(text, "a.torchscript")


def test_too_many_keys():
    with pytest.raises(MetadataError, match="2,000 keys"):
        parse_metadata({str(i): "1" for i in range(2000)})


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(0, 3), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from([*FIELDS, *TEXTS, "date"]), plain | plain.map(str) | st.text(), max_size=3))
@example({"names": "{0: '\\ud800'}"})
@example({"stride": "1e400"})
@example({"imgsz": "{1, 2}"})
@example({"names": "{0: 0x" + "f" * 10_000 + "}"})
def test_anything_is_read_or_told(raw):
    try:
        parsed = parse_metadata(raw, "a.onnx")
    except MetadataError as error:
        assert str(error).startswith("a.onnx: metadata '")
        return
    assert set(parsed) <= set(raw)
    assert all(isinstance(parsed[k], int) and parsed[k] > 0 for k in ("stride", "batch", "channels") if k in parsed)


@given(st.binary(max_size=40) | plain.map(lambda value: json.dumps(value, default=str).encode()))
def test_any_json_is_read_or_told(content):
    try:
        assert isinstance(parse_metadata_json(content, "a"), dict)
    except MetadataError as error:
        assert error.source == "a"


# Files ----------------------------------------------------------------------------------------------------------------


def torchscript(path, text: bytes | None, compress=zipfile.ZIP_STORED):
    """Write a graph with this text as its metadata."""
    with torch.no_grad():
        torch.jit.trace(nn.Conv2d(3, 5, 1).eval(), torch.zeros(1, 3, 8, 8)).save(str(path))
    if text is not None:
        with zipfile.ZipFile(path, "a", compress) as archive:
            archive.writestr(f"{archive.namelist()[0].partition('/')[0]}/extra/config.txt", text)
    return path


def onnx_file(path, metadata):
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    shape = [1, 3, 8, 8]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("images", "output0")]
    graph = helper.make_graph([helper.make_node("Identity", ["images"], ["output0"])], "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, str(path))
    return path


@pytest.mark.filterwarnings("ignore")
def test_metadata_of_torchscript_files(tmp_path):
    file = torchscript(tmp_path / "m.torchscript", json.dumps({"stride": 16, "names": {"0": "a"}}).encode())
    assert AutoBackend(file).stride == 16 and YOLO(file).facts["names"] == {0: "a"}
    for text in (b'{"stride": "x"}', b"{", b"[1]"):
        torchscript(file, text)
        for open_ in (AutoBackend, YOLO):
            with pytest.raises(MetadataError, match=r"m\.torchscript: metadata"):
                open_(file)
    torchscript(file, b" " * 300_000_000, zipfile.ZIP_DEFLATED)
    assert file.stat().st_size < 400_000
    for open_ in (AutoBackend, YOLO):
        with pytest.raises(MetadataError, match="300,000,000 bytes"):
            open_(file)


def test_metadata_of_onnx_files(tmp_path):
    pytest.importorskip("onnxruntime")
    file = onnx_file(tmp_path / "m.onnx", {"stride": "16", "names": "['a']"})
    assert AutoBackend(file).stride == 16 and YOLO(file).facts["names"] == {0: "a"}
    onnx_file(file, {"names": "[" * 1_600_000})
    for open_ in (AutoBackend, YOLO):
        with pytest.raises(MetadataError, match=r"m\.onnx: metadata 'names' is .*1,600,000 characters"):
            open_(file)
    file.write_bytes(file.read_bytes()[:100])
    YOLO(file)  # what is wrong with it shows when it runs
    with pytest.raises(ValueError, match=r"m\.onnx"):
        AutoBackend(file)


def test_texts_of_onnx_files_that_are_no_text(tmp_path):
    pytest.importorskip("onnxruntime")
    file = onnx_file(tmp_path / "m.onnx", {"names": "@@@@"})
    file.write_bytes(file.read_bytes().replace(b"@@@@", b"\xff\xfe\xff\xfe"))
    with pytest.raises(ValueError, match=r"m\.onnx"):
        AutoBackend(file)


def test_graphs_with_other_inputs_are_told(tmp_path):
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3]) for n in ("a", "b", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["y"])], "g", ends[:2], ends[2:])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(tmp_path / "m.onnx")
    )
    with pytest.raises(ValueError, match=r"m\.onnx: the graph takes a \[1, 3\], b \[1, 3\]"):
        AutoBackend(tmp_path / "m.onnx")


def test_fewer_names_than_classes_are_told(tmp_path):
    pytest.importorskip("onnxruntime")
    file = onnx_file(tmp_path / "m.onnx", {"names": "['a']", "task": "detect", "imgsz": "8", "stride": "1"})
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(file))
    from onnx import TensorProto, helper, numpy_helper

    table = np.zeros((1, 4 + 3, 2), np.float32)
    table[:, :4], table[:, 6] = 2, 0.9  # of the third class
    del model.graph.node[:], model.graph.output[:]
    model.graph.node.append(helper.make_node("Constant", [], ["output0"], value=numpy_helper.from_array(table)))
    model.graph.output.append(helper.make_tensor_value_info("output0", TensorProto.FLOAT, table.shape))
    onnx.save(model, str(file))
    with pytest.raises(ValueError, match="class 2, but it names 1"):
        YOLO(file)(np.zeros((8, 8, 3), np.uint8), verbose=False)
