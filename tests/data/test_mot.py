"""Files of tracks: written whole or not at all, read with faults named by file and row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultralytics.data.mot import read_rows, write_rows

ROWS = np.array([[2, 1, 10.5, 20.25, 30, 40, 0.9, 1, -1], [1, 7, 0, 0, 5, 5, 1, 3, 0.5], [1, 2, 1, 1, 1, 1, 1, 1, 1]])


def test_rows_are_written_by_frame_and_id(tmp_path):
    file = write_rows(tmp_path / "deep" / "out.csv", ROWS)
    assert file.read_text().splitlines()[0] == "1,2,1.000,1.000,1.000,1.000,1.0000,1,1.0000"
    np.testing.assert_allclose(read_rows(file), ROWS[[2, 1, 0]])
    assert read_rows(write_rows(file, np.zeros((0, 9)))).shape == (0, 9)


@pytest.mark.parametrize("row", [[1, 1, 0, 0, 1], [1, 1, np.nan, 0, 1, 1, 1, 1, 1]])
def test_bad_rows_leave_the_file(tmp_path, row):
    file = write_rows(tmp_path / "out.csv", ROWS)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=r"columns|row 0 of the tracks has nan as left"):
        write_rows(file, np.array([row], float))
    assert file.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("line", ["1, 1, 0, 0, 2, 3", "1 1 0 0 2 3", "1,1,0,0,2,3,1,-1,-1,-1", "1,1,0,0,2,3,1\r"])
def test_usual_spellings(tmp_path, line):
    (tmp_path / "gt.txt").write_text(f"{line}\n\n")
    np.testing.assert_array_equal(read_rows(tmp_path / "gt.txt"), [[1, 1, 0, 0, 2, 3, 1, -1, -1]])


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("1,1,0,0,2", "row 2: it has 5 of 6 to 10 numbers"),
        ("frame,id,left,top,width,height", "row 2: frame is 'frame'"),
        ("1,2,x,0,2,3", "row 2: left is 'x'"),
        ("1,2,0,nan,2,3", "row 2: top is nan"),
        ("0,2,0,0,2,3", "row 2: frame is 0; expected is a whole number from 1"),
        ("1,2.5,0,0,2,3", "row 2: id is 2.5"),
        ("1,-1,0,0,2,3", "row 2: id is -1"),
        ("1,2,0,0,-2,3", "row 2: width and height are -2 and 3"),
        ("1,1,5,5,2,3", "row 2: track 1 is in frame 1 already, by row 1"),
        ("\x1b[2J\0", "row 2: it has 1 of 6"),
    ],
)
def test_faults_name_file_and_row(tmp_path, line, text):
    file = tmp_path / "gt.txt"
    file.write_text(f"1,1,0,0,2,3\n{line}\n")
    with pytest.raises(ValueError, match=text) as caught:
        read_rows(file)
    assert str(file) in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gt\.txt"):
        read_rows(tmp_path / "gt.txt")


@given(st.lists(st.tuples(st.integers(1, 999), st.integers(0, 99)), unique=True, max_size=20))
def test_what_is_written_is_read(tmp_path_factory, keys):
    rng = np.random.default_rng(len(keys))
    rows = np.array([(*key, *rng.uniform(0, 999, 4).round(3), rng.random().__round__(4), 1, -1) for key in keys])
    file = write_rows(tmp_path_factory.mktemp("mot") / "a.txt", rows.reshape(-1, 9))
    np.testing.assert_allclose(read_rows(file), np.array(sorted(rows.tolist())).reshape(-1, 9))
