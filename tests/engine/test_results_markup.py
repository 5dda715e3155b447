"""Results and metrics as XML, HTML and rows of a database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from ultralytics.engine.results import Results
from ultralytics.engine.results.markup import html_text, store_rows, xml_text
from ultralytics.utils.metrics import DetMetrics

NAMES = {0: "cat <&>", 1: "dog"}
PICTURE = np.zeros((20, 30, 3), np.uint8)


@pytest.fixture
def result():
    boxes = torch.tensor([[1.0, 2, 9, 12, 0.75, 0], [3, 4, 13, 14, 0.5, 1]])
    return Results(PICTURE, "a.jpg", NAMES, boxes=boxes)


def rows_of(file, table="results"):
    with closing(sqlite3.connect(file)) as base:
        return base.execute(f"SELECT name, class, confidence, box FROM '{table}'").fetchall()


def test_xml(result):
    root = ElementTree.fromstring(result.to_xml(decimals=2))
    assert [row.find("name").text for row in root.findall("row")] == list(NAMES.values())
    assert (root.find("row/box/x2").text, root.find("row/confidence").text) == ("9.0", "0.75")


def test_names_that_xml_does_not_allow_and_lists():
    root = ElementTree.fromstring(xml_text([{"metrics/mAP50(B)": 0.5, "segments": {"x": [1, 2.5]}, "none": None}]))
    assert root.find("row/value").attrib == {"name": "metrics/mAP50(B)"} and root.find("row/value").text == "0.5"
    assert [item.text for item in root.findall("row/segments/x/item")] == ["1", "2.5"]
    assert root.find("row/none").text is None


def test_html(result):
    text = result.to_html()
    assert text.count("<tr>") == 3 and "<th>name</th>" in text and "cat &lt;&amp;&gt;" in text
    assert "<td>0</td><td>cat" in result.to_html(index=True) and "<td>0</td><td>cat" not in text
    assert "<td></td>" in html_text([{"a": 1}, {"b": 2}])


def test_sql(result, tmp_path):
    file = tmp_path / "new" / "results.db"
    result.to_sql(db_path=file)
    result.to_sql(db_path=file)
    result.to_sql('odd "name', db_path=file, normalize=True)
    assert rows_of(file) == 2 * [
        ("cat <&>", 0, 0.75, '{"x1": 1.0, "y1": 2.0, "x2": 9.0, "y2": 12.0}'),
        ("dog", 1, 0.5, '{"x1": 3.0, "y1": 4.0, "x2": 13.0, "y2": 14.0}'),
    ]
    with closing(sqlite3.connect(file)) as base:
        kinds = {row[1]: row[2] for row in base.execute("PRAGMA table_info(results)")}
    assert kinds == {"name": "TEXT", "class": "INTEGER", "confidence": "REAL", "box": "TEXT"}


def test_rows_that_do_not_fit_leave_the_table_as_it_was(result, tmp_path):
    file = tmp_path / "results.db"
    result.to_sql(db_path=file)
    with pytest.raises(ValueError, match="table 'results'"):
        store_rows([{"name": "x"}, {"other": 1}], "results", file)
    assert len(rows_of(file)) == 2
    (tmp_path / "x.txt").write_text("no database " * 100, encoding="utf-8")
    with pytest.raises(ValueError, match=r"x\.txt"):
        result.to_sql(db_path=tmp_path / "x.txt")


def test_nothing_found(tmp_path):
    empty = Results(PICTURE, "a.jpg", NAMES, boxes=torch.zeros(0, 6))
    assert len(ElementTree.fromstring(empty.to_xml())) == 0 and "<td>" not in empty.to_html()
    empty.to_sql(db_path=tmp_path / "results.db")
    assert not (tmp_path / "results.db").exists()


def test_metrics_have_them_too():
    metrics = DetMetrics(names={0: "a"})
    assert ElementTree.fromstring(metrics.to_xml()).tag == "data" and metrics.to_html().startswith("<table")


def test_slips_get_a_hint(result):
    with pytest.raises(AttributeError, match=r"^'Results' object has no attribute 'boxs'; did you mean boxes"):
        getattr(result, "boxs")  # noqa: B009
    with pytest.raises(AttributeError, match=r"^'Results' object has no attribute '_hidden'$"):
        getattr(result, "_hidden")  # noqa: B009
