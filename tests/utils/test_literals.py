from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultralytics.utils.literals import parse_json, parse_literal, read_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_round_trips(value):
    assert parse_literal(repr(value)) == value
    assert parse_json(json.dumps(value)) == value


@given(st.text(max_size=30) | st.text(st.sampled_from("[]{}(),:'\"-+1ajfr.\\\n x"), max_size=30))
def test_any_text_is_read_or_told(text):
    for parse in (parse_literal, parse_json):
        try:
            parse(text)
        except ValueError as error:
            assert str(error).startswith("it ")


@given(st.binary(max_size=30))
def test_any_json_bytes_are_read_or_told(content):
    try:
        parse_json(content)
    except ValueError as error:
        assert str(error).startswith("it ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("__import__('os')", "no plain value"),
        ("{[]: 1}", "no plain value"),
        ("(" * 200_000, "parts"),
        ("-" * 100_000 + "1", "no plain value"),
        ("'" + "x" * 2_000_000 + "'", "2,000,002 characters"),
    ],
)
def test_literals_that_are_refused(text, words):
    with pytest.raises(ValueError, match=words):
        parse_literal(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[\n1,\n]", "line 3, column 1"),
        ("[" * 200_000, "nested too deeply"),
        ("1" * 10_000, "digits"),
        (b"\xff", "UTF-8"),
        ("'a'", "line 1"),
    ],
)
def test_json_that_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        parse_json(text)


def test_json_files(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{"a": [1]}')
    assert read_json(file) == {"a": [1]}
    file.write_text('{"a": \n[1}')
    with pytest.raises(ValueError, match=r"a\.json' cannot be read: it is no JSON: line 2"):
        read_json(file)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none.json")
