"""Arguments without effect say so, once and only where they were given."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ultralytics.cfg.idle import IDLE, warn_without_effect
from ultralytics.cfg.merge import DEFAULT_CFG_DICT, get_cfg

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"


@pytest.mark.parametrize("mode", IDLE)
def test_one_warning_for_each_argument_that_was_changed(mode, caplog):
    warn_without_effect(mode, get_cfg(overrides={"mode": mode}))
    warn_without_effect(mode, {name: DEFAULT_CFG_DICT[name] for name in IDLE[mode]})
    assert not caplog.records
    other = {"profile": True, "dis": 3.0, "compile": True, "data": "coco8.yaml", "fraction": 0.5}
    warn_without_effect(mode, get_cfg(overrides={"mode": mode, **other}))
    found = [record.getMessage() for record in caplog.records]
    assert [text.partition("=")[0] for text in found] == list(IDLE[mode])
    assert all(f"has no effect in {mode}" in text for text in found)


def test_the_page_lists_the_same():
    section = PAGE.read_text(encoding="utf-8").partition("## Arguments without effect\n")[2].partition("\n## ")[0]
    first = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    listed = {name for cell in first for name in re.findall(r"`(\w+)`", cell.partition(" in ")[0])}
    assert {name for names in IDLE.values() for name in names} == listed
