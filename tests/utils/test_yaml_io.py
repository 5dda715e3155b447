from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from hypothesis import example, given, settings
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


def lines_of_aliases(width: int, depth: int, form: str) -> str:
    """Text in which every line repeats the line before it `width` times."""
    lines = ["k0: &k0 {x: 1}"]
    for i in range(1, depth):
        repeated = ", ".join([f"*k{i - 1}"] * width)
        lines.append(f"k{i}: &k{i} " + form.format(repeated))
    return "\n".join(lines)


@pytest.mark.parametrize("form", ["[{}]", "{{<<: [{}]}}"])
def test_aliases_are_counted_as_if_written_out(form, tmp_path):
    file = tmp_path / "bomb.yaml"
    file.write_text(lines_of_aliases(9, 9, form))
    assert file.stat().st_size < 500
    with pytest.raises(YamlError, match=r"bomb\.yaml, line 6: .* more than 100,000 values"):
        YAML.load(file)
    assert "k3" in YAML.parse(lines_of_aliases(9, 4, form))


def test_aliases_keep_working():
    assert YAML.parse("a: &a [1, 2]\nb: *a\nc: {<<: &m {x: 1}, y: 2}\nd: *m") == {
        "a": [1, 2],
        "b": [1, 2],
        "c": {"x": 1, "y": 2},
        "d": {"x": 1},
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: &b [1, *b]", "line 2: '\\*b' stands inside"),
        ("a:\n  " + "[" * 150 + "]" * 150, "line 2: more than 100 lists"),
        ("a: [" + "1, " * 100_001 + "]", "line 1: .*more than 100,000 values"),
        ("a: 1\nb: 2001-99-99", "line 2, column 4: '2001-99-99' is no timestamp"),
        ("a: !!bool maybe", "line 1, column 4: 'maybe' is no bool"),
        ("a: !!timestamp never", "'never' is no timestamp"),
        ("a: " + "1" * 5000, "a number of 5,000 characters"),
        ("a: 0x" + "f" * 5000, "a number of 5,002 characters"),
        ("a: " + "x" * 10_000_001, "at most 10,000,000"),
    ],
    ids=["endless", "deep", "long", "date", "bool", "timestamp", "digits", "hex", "large"],
)
def test_what_cannot_be_read_is_told_with_its_line(text, words):
    with pytest.raises(YamlError, match=f"data.yaml.*{words}"):
        YAML.parse(text, "data.yaml")


def test_large_files_are_not_read(tmp_path):
    with open(tmp_path / "huge.yaml", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(YamlError, match="1,099,512 MB"):
        YAML.load(tmp_path / "huge.yaml")


PIECES = (
    """a|b|: |- |  |[|]|{|}|, |&a |*a|!!int |!!set |!!omap |!x |? |<<: |'|"|>|1|1.5|0x|:|2001-01-01|1e9|%|#|---|=|~|é"""
)
pieces = st.sampled_from([*PIECES.split("|"), "\n", "\\", "\0", "\t"])


@settings(max_examples=300)
@given(st.lists(pieces, max_size=25).map("".join) | st.text(max_size=40))
@example("=: 1")
@example("a: !!int ")
def test_any_text_is_read_or_told(text):
    try:
        assert isinstance(YAML.parse(text, "data.yaml"), dict)
    except YamlError as error:
        assert str(error).startswith("data.yaml")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_told(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("bytes") / "data.yaml"
    file.write_bytes(content)
    try:
        assert isinstance(YAML.load(file), dict)
    except YamlError as error:
        assert str(file) in str(error)
