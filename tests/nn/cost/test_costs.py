"""The table of what all models cost: complete, true, and written where it belongs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ultralytics.nn.builder.names import guess_model_scale, yaml_model_load
from ultralytics.nn.cost import table as costs
from ultralytics.nn.cost.info import main
from ultralytics.nn.cost.table import ModelCost, cost_of, costs_text, shipped_models, write_costs

PAGE = Path(__file__).resolve().parents[3] / "docs" / "models.md"
ROW = re.compile(r"^\| ([\w.-]+) \| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \| (\d+) \|$", re.MULTILINE)
SAMPLE = (
    "yolov3-tiny",
    "yolov5n-DynamicConv",
    "yolov8n",
    "yolov8x-DynamicBnAct",
    "yolov8n-cls",
    "yolov10b",
    "yolo11n-seg",
)
SAMPLE += ("yolo26n-DynamicConv", "parameternet-600m", "rtdetr-l")


def rows() -> dict[str, tuple[str, ...]]:
    return {row[0]: row for row in ROW.findall(PAGE.read_text(encoding="utf-8"))}


def test_table_lists_what_ships():
    assert list(rows()) == [name for names in shipped_models().values() for name in names]
    assert PAGE.read_text(encoding="utf-8").count("\n### ") == len(shipped_models())


def test_names_lead_to_their_files():
    for folder, names in shipped_models().items():
        for name in names:
            content = yaml_model_load(f"{name}.yaml")
            sizes = content.get("scales")
            if sizes and not name.startswith("rtdetr-") and folder != "v10":
                assert guess_model_scale(name) in sizes, name


@pytest.mark.parametrize("name", SAMPLE)
def test_sample_of_the_table_is_true(name):
    assert rows()[name] == cost_of(name).cells


@pytest.mark.slow
@pytest.mark.parametrize("folder", list(shipped_models()))
def test_whole_table_is_true(folder):
    known = rows()
    assert [known[name] for name in shipped_models()[folder]] == [cost_of(n).cells for n in shipped_models()[folder]]


def test_dynamic_models_cost_what_plain_ones_do():
    known = rows()
    pairs = [(known[n.replace("-DynamicConv", "")], row) for n, row in known.items() if n.endswith("-DynamicConv")]
    assert len(pairs) > 30
    for plain, dynamic in pairs:
        assert float(plain[2]) <= float(dynamic[2]) <= 1.01 * float(plain[2]) + 0.1, dynamic
        assert float(dynamic[3]) < float(plain[2])  # the artefact
        assert int(dynamic[1].replace(",", "")) > int(plain[1].replace(",", ""))


def test_command_prints_and_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "ultralytics.nn.cost.info.shipped_models", lambda: {"v8": ["yolov8n"], "parameternet": ["ghostnet"]}
    )
    page = tmp_path / "models.md"
    result = main({"model": "all", "out": str(page)})
    assert result["v8"][0].params == 3_157_200 and result["parameternet"][0].imgsz == 224
    assert "yolov8n" in capsys.readouterr().out
    assert "### v8\n\n| model | parameters |" in page.read_text()
    with pytest.raises(ValueError, match=r"takes out=\.\.\. and nothing else, got nc"):
        main({"model": "all", "nc": 3})
    with pytest.raises(ValueError, match="goes with model=all"):
        main({"model": "yolov8n.yaml", "out": "x.md"})


def test_table_goes_where_the_page_has_it(tmp_path):
    lines = {"a": [ModelCost("m", 1234, 1.26, 1.0, 640)]}
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{costs.START}\nold\n{costs.END}\nafter\n")
    for _ in range(2):  # writing again changes nothing
        write_costs(page, lines)
        text = page.read_text()
        assert text.startswith(f"# Title\n\n{costs.START}\n\n### a\n") and text.endswith(f"{costs.END}\nafter\n")
        assert "old" not in text and "| m | 1,234 | 1.3 | 1.0 | 640 |" in text
    assert costs_text(lines).splitlines()[0] == "a"
    page.write_text("something else")
    with pytest.raises(FileExistsError, match="where the table goes"):
        write_costs(page, lines)
    page.write_text(f"{costs.START}\n")
    with pytest.raises(ValueError, match="only one of the lines"):
        write_costs(page, lines)
    assert page.read_text() == f"{costs.START}\n"
