"""The index of pictures: kept in files that are checked, brought up to date, searched."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from embedders_for_tests import MeanColour, write_colours
from hypothesis import example, given
from hypothesis import strategies as st

from ultralytics.solutions import embedding_index
from ultralytics.solutions.embedding_index import (
    EMBEDDINGS,
    PATHS,
    PictureIndex,
    find_pictures,
    read_index,
    unit_rows,
    updated_index,
    write_index,
)


@pytest.fixture
def folder(tmp_path):
    return write_colours(tmp_path / "pictures")


def build(folder, old=None, embedder=None):
    embedder = embedder or MeanColour()
    return updated_index(folder, embedder.name, embedder.encode_image, old)


def names(index):
    return [picture.name for picture in index.pictures]


def test_pictures_are_found_at_any_depth(folder):
    (folder / "notes.txt").write_text("x")
    (folder / ".hidden.png").write_bytes(b"x")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "a.png").write_bytes(b"x")
    (folder / "folder.png").mkdir()
    assert [picture.name for picture in find_pictures(folder)] == ["deep/blue.png", "green.png", "red.png"]
    with pytest.raises(FileNotFoundError, match="nowhere"):
        find_pictures(folder / "nowhere")


def test_rows_are_those_of_the_pictures(folder):
    index = build(folder)
    assert names(index) == ["deep/blue.png", "green.png", "red.png"]
    assert index.embeddings.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    found = index.nearest(np.array([0.2, 0.5, 1]), 2, 0.0)
    assert [match.name for match in found] == ["red.png", "green.png"]
    assert found[0].score == pytest.approx(1 / np.sqrt(1.29))
    assert index.nearest(np.array([0.2, 0.5, 1]), 9, 0.5) == found[:1]


def test_files_give_the_index_back(folder, tmp_path):
    index = build(folder)
    write_index(index, tmp_path / "kept")
    assert sorted(os.listdir(tmp_path / "kept")) == [EMBEDDINGS, PATHS]
    back = read_index(tmp_path / "kept")
    assert (back.model, back.pictures) == (index.model, index.pictures)
    assert np.array_equal(back.embeddings, index.embeddings)
    assert build(folder, back) is back


def test_only_what_changed_is_embedded_again(folder):
    old, embedder = build(folder), MeanColour()
    (folder / "red.png").unlink()
    (folder / "green.png").rename(folder / "moved.png")
    new = build(folder, old, embedder)
    assert (names(new), embedder.seen) == (["deep/blue.png", "moved.png"], 1)
    assert new.embeddings.tolist() == [[1, 0, 0], [0, 1, 0]]
    (folder / "moved.png").write_bytes((folder / "deep" / "blue.png").read_bytes())
    assert build(folder, new, embedder).embeddings.tolist() == [[1, 0, 0], [1, 0, 0]]
    assert embedder.seen == 2


def test_another_model_embeds_everything(folder):
    old, embedder = build(folder), MeanColour()
    embedder.name = "other"
    assert build(folder, old, embedder).model == "other"
    assert embedder.seen == 3


def test_unreadable_pictures_are_left_out_and_named(folder, capsys):
    (folder / "broken.png").write_bytes(b"not a picture")
    assert "broken.png" not in names(build(folder))
    assert "broken.png" in capsys.readouterr().out
    for name in ("red.png", "green.png", "deep/blue.png"):
        (folder / name).unlink()
    with pytest.raises(ValueError, match="no picture that can be read"):
        build(folder)


def test_many_pictures_go_in_batches(folder, monkeypatch):
    monkeypatch.setattr(embedding_index, "BATCH", 2)
    sizes = []
    embedder = MeanColour()
    index = updated_index(
        folder, embedder.name, lambda images: sizes.append(len(images)) or embedder.encode_image(images), None
    )
    assert sizes == [2, 1]
    assert index.embeddings.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def head(text, **changed):
    first, *rest = text.splitlines()
    return "\n".join([json.dumps({**json.loads(first), **changed}), *rest, ""])


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda paths: "", "not enough values"),
        (lambda paths: "not JSON", "no JSON"),
        (lambda paths: "[" * 9000, "recursion|JSON"),
        (lambda paths: head(paths, format=0), "does not begin"),
        (lambda paths: head(paths, model=3), "does not begin"),
        (lambda paths: head(paths, pictures=2), "has 3 pictures"),
        (lambda paths: head(paths, sha256="0"), "not the one"),
        (lambda paths: paths.replace('"size"', '"sise"', 1), "line 2"),
        (lambda paths: paths.replace('"red.png"', "7"), "line 4"),
        (lambda paths: head(paths, model="x" * 20_000), "characters"),
    ],
)
def test_damaged_paths_are_told(folder, tmp_path, capsys, damage, text):
    write_index(build(folder), tmp_path)
    paths = (tmp_path / PATHS).read_text()
    (tmp_path / PATHS).write_text(damage(paths))
    assert read_index(tmp_path) is None
    said = capsys.readouterr().out
    assert "will be built anew" in said
    import re

    assert re.search(text, said), said


@pytest.mark.parametrize(
    "content",
    [
        np.array([{"a": 1}], dtype=object),
        np.zeros((3, 3)),
        np.zeros((2, 3), np.float32),
        np.full((3, 3), np.nan, np.float32),
    ],
    ids=["objects", "float64", "short", "nan"],
)
def test_embeddings_of_another_kind_are_told(folder, tmp_path, capsys, content):
    write_index(build(folder), tmp_path)
    np.save(tmp_path / EMBEDDINGS, content)
    checksum = embedding_index.file_checksum(tmp_path / EMBEDDINGS)
    (tmp_path / PATHS).write_text(head((tmp_path / PATHS).read_text(), sha256=checksum))
    assert read_index(tmp_path) is None
    assert "will be built anew" in capsys.readouterr().out


def test_files_of_two_runs_do_not_pass_for_one(folder, tmp_path):
    write_index(build(folder), tmp_path)
    paths = (tmp_path / PATHS).read_bytes()
    (folder / "red.png").write_bytes((folder / "green.png").read_bytes())
    write_index(build(folder), tmp_path)
    (tmp_path / PATHS).write_bytes(paths)
    assert read_index(tmp_path) is None


def test_names_in_files_lead_nowhere_else(folder, tmp_path):
    """An index that names a file outside of the folder is brought up to date before it is used."""
    (tmp_path / "secret.png").write_bytes((folder / "red.png").read_bytes())
    write_index(build(folder), tmp_path)
    text = (tmp_path / PATHS).read_text()
    (tmp_path / PATHS).write_text(text.replace('"red.png"', '"../secret.png"'))
    index = build(folder, read_index(tmp_path))
    assert index.names == {"deep/blue.png", "green.png", "red.png"}


@example([[1e-22, 2e-23, 0.0]])
@example([[3e38, 3e38, -3e38]])
@given(st.lists(st.lists(st.floats(width=32), min_size=3, max_size=3), min_size=1, max_size=5))
def test_unit_rows_are_units_or_zeros(rows):
    with np.errstate(all="ignore"):
        result = unit_rows(np.array(rows))
    lengths = np.linalg.norm(result.astype(np.float64), axis=1)
    assert np.isfinite(result).all()
    assert all(length == 0 or abs(length - 1) < 1e-5 for length in lengths)


def test_wrong_queries_are_named(folder):
    index = build(folder)
    with pytest.raises(ValueError, match="k=0"):
        index.nearest(np.ones(3), 0, 0.1)
    with pytest.raises(ValueError, match="4 numbers"):
        index.nearest(np.ones(4), 5, 0.1)


def test_model_that_gives_too_few_rows_is_named(folder):
    with pytest.raises(ValueError, match="1 embeddings of 3"):
        updated_index(folder, "bad", lambda images: np.ones((1, 3)), None)


def test_nothing_there(tmp_path):
    assert read_index(tmp_path) is None
    assert isinstance(PictureIndex("m", (), np.zeros((0, 3), np.float32)).nearest(np.ones(3), 1, 0), list)
