from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ultralytics.utils.yaml_io import YAML, YamlError, yaml_load, yaml_save

letters = st.text("aé犬\u200d😀:'\"#-1e. \n\t\x00\x85", max_size=6)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | letters,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(letters, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(letters, plain, max_size=4))
def test_round_trip(data):
    assert YAML.parse(YAML.dump(data)) == data


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 1e-3), ("1E5", 1e5), ("-2e+2", -200.0), (".5e1", 5.0), ("1.5", 1.5), ("'1e-3'", "1e-3"), ("1e", "1e")],
)
def test_exponents_are_numbers(text, value):
    assert YAML.parse(f"lr0: {text}") == {"lr0": value}
    assert YAML.parse(YAML.dump({"lr0": value})) == {"lr0": value}


def test_saving_other_types(tmp_path):
    data = {
        "path": Path("a/b"),
        "pair": (1, 2),
        "names": {0: "café", 1: "犬"},
        "array": np.arange(3),
        "number": np.float32(0.5),
        "space": SimpleNamespace(a=1),
        "set": {2, 1},
        "flag": np.bool_(True),
    }
    file = tmp_path / "deep" / "x.yaml"
    yaml_save(file, data, header="# head\n")
    assert file.read_text(encoding="utf-8").startswith("# head\npath: a/b\n")
    assert "café" in file.read_text(encoding="utf-8")
    assert yaml_load(file) == {
        "path": "a/b",
        "pair": [1, 2],
        "names": {0: "café", 1: "犬"},
        "array": [0, 1, 2],
        "number": 0.5,
        "space": {"a": 1},
        "set": [1, 2],
        "flag": True,
    }
    assert data["pair"] == (1, 2)  # what was passed in is left alone


def test_load_variants(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")  # with a byte order mark
    assert YAML.load(file) == {"a": 1}
    assert YAML.load(str(file), append_filename=True) == {"a": 1, "yaml_file": str(file)}
    with open(file, encoding="utf-8-sig") as stream:
        assert YAML.load(stream) == {"a": 1}
    file.write_text("")
    assert YAML.load(file) == {}


def test_errors_say_where(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("a: 1\nb: [1, 2\nc: 3\n")
    with pytest.raises(YamlError, match=r"bad\.yaml, line 3") as caught:
        YAML.load(file)
    assert isinstance(caught.value, (yaml.YAMLError, ValueError))
    file.write_text("- 1\n- 2\n")
    with pytest.raises(ValueError, match="top level"):
        YAML.load(file)
    file.write_bytes(b"\x80\x02\xff")
    with pytest.raises(ValueError, match="UTF-8"):
        YAML.load(file)
    with pytest.raises(FileNotFoundError):
        YAML.load(tmp_path / "none.yaml")


def test_objects_are_refused(tmp_path):
    with pytest.raises(YamlError):
        YAML.parse("a: !!python/object/apply:os.getcwd []")


def test_print(capsys, tmp_path):
    YAML.save(tmp_path / "a.yaml", {"lr0": 0.01})
    YAML.print(tmp_path / "a.yaml")
    YAML.print({"epochs": 3})
    assert "lr0: 0.01" in (out := capsys.readouterr().out)
    assert "epochs: 3" in out
