"""Addresses of models on a server."""

from __future__ import annotations

import pytest

from ultralytics import YOLO
from ultralytics.nn.backends.table import FORMATS, TRITON, format_of
from ultralytics.utils.triton_address import is_triton_url, read_address


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("http://localhost:8000/yolo", True),
        ("grpc://localhost:8001/yolo/2", True),
        ("https://host/yolo", True),
        ("https://host/best.pt", False),
        ("http://host", False),
        ("rtsp://host/yolo", False),
        ("best.onnx", False),
        ("http://[/a", False),
        ("", False),
    ],
)
def test_which_texts_are_addresses(text, is_one):
    assert is_triton_url(text) is is_one
    assert YOLO.is_triton_model(text) is is_one
    assert (format_of(text) is TRITON) is is_one and TRITON.name not in FORMATS


def test_parts():
    address = read_address("grpc://host:8001/yolo/2")
    assert (address.scheme, address.host, address.model, address.version) == ("grpc", "host:8001", "yolo", "2")
    assert read_address("host:8000", "yolo", "http") == read_address("http://host:8000/yolo")
    assert str(read_address("http://user:secret@host/yolo")) == "http://user:***@host/yolo"
    for wrong in ("http://host", "ftp://host/yolo", "http://host/yolo/newest", "yolo"):
        with pytest.raises(ValueError, match="no address"):
            read_address(wrong)


def test_without_the_client_an_error_names_the_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tritonclient", None)
    monkeypatch.setitem(sys.modules, "tritonclient.http", None)
    with pytest.raises(ImportError, match=r"ultralytics\[triton\]"):
        YOLO("http://127.0.0.1:9/model")
