"""Searching pictures in Python and by the page: texts, pictures, what is served and what is not."""

from __future__ import annotations

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from embedders_for_tests import MeanColour, NamedColour, write_colours
from PIL import Image

from ultralytics import YOLO
from ultralytics.solutions import SearchApp, VisualAISearch, received
from ultralytics.solutions.embedders import CLIP_CONFIG, CLIP_WEIGHTS, TextQueryError, open_embedder
from ultralytics.utils.env import ASSETS

ALL = ["deep/blue.png", "green.png", "red.png"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_colours(tmp_path / "images")


def png(colour=(0, 0, 250), size=20) -> bytes:
    return cv2.imencode(".png", np.full((size, size, 3), colour, np.uint8))[1].tobytes()


# In Python ------------------------------------------------------------------------------------------------------------


def test_texts_and_pictures_find_what_is_like_them(folder):
    search = VisualAISearch(model=NamedColour())
    assert search("red") == search.search("red") == ["red.png"]
    assert search.search("anything") == ["deep/blue.png", "green.png", "red.png"]
    assert search.search("anything", k=1) == ["deep/blue.png"]
    assert search.search("anything", similarity_thresh=0.9) == []
    reddish = np.full((9, 9, 3), (60, 0, 200), np.uint8)
    for query in (reddish, Image.fromarray(reddish[..., ::-1]), folder / "red.png"):
        assert search.search(query)[0] == "red.png"
    assert [match.name for match in search.matches(reddish)] == ["red.png", "deep/blue.png"]


def test_features_have_length_1(folder):
    search = VisualAISearch(model=NamedColour())
    assert search.extract_text_feature("green").tolist() == [[0, 1, 0]]
    assert search.extract_image_feature(folder / "green.png").tolist() == [[0, 1, 0]]


def test_texts_need_a_model_that_reads(folder):
    search = VisualAISearch(model=MeanColour())
    assert not search.reads_texts
    with pytest.raises(TextQueryError, match=r"knows pictures only.*CLIP"):
        search("red")


@pytest.mark.parametrize(
    ("query", "error"), [(" ", ValueError), (3, TypeError), (np.zeros((4, 4)), TypeError), (Path("x.png"), OSError)]
)
def test_wrong_queries(folder, query, error):
    with pytest.raises(error):
        VisualAISearch(model=NamedColour())(query)


def test_index_is_kept_and_follows_the_folder(folder, capsys):
    VisualAISearch(model=NamedColour())
    embedder = NamedColour()
    search = VisualAISearch(model=embedder)
    assert embedder.seen == 0
    (folder / "crimson.png").write_bytes(png((20, 20, 250)))
    search.load_or_build_index()
    assert embedder.seen == 1
    assert search("red") == ["red.png", "crimson.png"]
    (Path("search-index") / "embeddings.npy").write_bytes(b"rubbish")
    assert VisualAISearch(model=embedder)("red") == ["red.png", "crimson.png"]
    assert embedder.seen == 5
    assert "built anew" in capsys.readouterr().out


def test_wrong_folders_and_models_are_named(folder):
    with pytest.raises(FileNotFoundError, match="data='nowhere'"):
        VisualAISearch("nowhere", model=MeanColour())
    with pytest.raises(TypeError, match="encode_image"):
        VisualAISearch(model=object())
    with pytest.raises(FileNotFoundError, match=f"no model to search with.*{CLIP_CONFIG}"):
        VisualAISearch()
    Path("empty").mkdir()
    with pytest.raises(FileNotFoundError, match=CLIP_CONFIG):
        VisualAISearch(model="empty")


@pytest.mark.parametrize("name", ["yolov8n-cls", "yolov8n"])
def test_any_checkpoint_finds_a_picture_again(folder, name):
    for file in ASSETS.glob("*.jpg"):
        (folder / file.name).write_bytes(file.read_bytes())
    YOLO(f"{name}.yaml").save(f"{name}.pt")
    search = VisualAISearch(model=f"{name}.pt")
    assert search.search(folder / "shapes1.jpg", k=1) == ["shapes1.jpg"]
    assert search.matches(folder / "shapes1.jpg", k=1)[0].score == pytest.approx(1, abs=1e-4)
    assert search.index.embeddings.shape[0] == 5


def test_local_checkpoint_is_found(folder):
    YOLO("yolov8n-cls.yaml").save("mine-cls.pt")
    assert open_embedder(None).name.startswith("mine-cls.pt ")


def test_clip_folder(folder, tmp_path):
    library = pytest.importorskip("open_clip", reason="open_clip, which runs CLIP models, is not installed")
    from safetensors.torch import save_file

    clip = tmp_path / "clip"
    clip.mkdir()
    vision = {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16}
    words = {"context_length": 16, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1}
    numbers = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    config = {"model_cfg": {"embed_dim": 8, "vision_cfg": vision, "text_cfg": words}, "preprocess_cfg": numbers}
    (clip / CLIP_CONFIG).write_text(json.dumps(config))
    with pytest.raises(FileNotFoundError, match=CLIP_WEIGHTS):
        VisualAISearch(model=clip)
    weights = library.create_model(f"local-dir:{clip}", load_weights=False).state_dict()
    save_file({name: value.contiguous() for name, value in weights.items()}, clip / CLIP_WEIGHTS)
    search = VisualAISearch()  # the folder is found
    assert search.reads_texts
    assert sorted(search.search("a red square", similarity_thresh=-1)) == ALL
    assert search.search(folder / "red.png", k=1) == ["red.png"]


# The page -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(folder):
    pytest.importorskip("flask", reason="Flask, which serves the page, is not installed")
    return SearchApp(model=NamedColour()).app.test_client()


def upload(client, data: bytes, name: str = "query.png"):
    return client.post("/", data={"picture": (io.BytesIO(data), name)}, content_type="multipart/form-data")


def test_page_searches_by_text(client):
    start = client.get("/")
    assert start.status_code == 200
    assert "3 pictures" in start.text
    assert "previews/" not in start.text
    page = client.post("/", data={"query": "red"})
    assert 'src="/previews/red.png"' in page.text
    assert "green.png" not in page.text
    assert "1 found for red" in page.text


def test_page_searches_by_picture(client):
    page = upload(client, png((0, 240, 10)))
    assert page.status_code == 200
    assert 'href="/pictures/green.png"' in page.text


def test_pictures_are_served(client, folder):
    for name in ALL:
        preview = client.get(f"/previews/{name}")
        assert preview.mimetype == "image/jpeg"
        assert cv2.imdecode(np.frombuffer(preview.data, np.uint8), 1).shape == (24, 24, 3)
        assert client.get(f"/pictures/{name}").data == (folder / name).read_bytes()
    style = client.get("/static/similarity-search.css")
    assert style.mimetype == "text/css"


def test_previews_are_small_and_other_formats_become_jpeg(client, folder):
    cv2.imwrite(str(folder / "wide.tif"), np.full((400, 900, 3), 255, np.uint8))
    assert client.post("/refresh").status_code == 303
    size = {"previews": (142, 320), "pictures": (400, 900)}
    for kind, wanted in size.items():
        answer = client.get(f"/{kind}/wide.tif")
        assert answer.mimetype == "image/jpeg"
        found = cv2.imdecode(np.frombuffer(answer.data, np.uint8), 1).shape[:2]
        assert abs(found[0] - wanted[0]) <= 1
        assert found[1] == wanted[1]


@pytest.mark.parametrize("kind", ["previews", "pictures"])
@pytest.mark.parametrize(
    "name",
    [
        "../secret.png", "%2e%2e/secret.png", "..%2fsecret.png", "deep/../red.png", "/etc/hostname", "%2fetc/hostname",
        "secret.txt", "deep", "", "red.png%00", ".hidden.png", "..\\secret.png",
    ],
)  # fmt: skip
def test_nothing_else_is_served(client, folder, kind, name):
    for path in (folder.parent / "secret.png", folder / ".hidden.png"):
        path.write_bytes(png())
    (folder / "secret.txt").write_text("secret")
    answer = client.get(f"/{kind}/{name}")
    assert answer.status_code in {308, 404}
    if answer.status_code == 308:  # "//etc" and the like are first brought into order
        assert client.get(answer.location).status_code == 404


def test_names_and_queries_are_escaped(client, folder):
    (folder / "<img src=x onerror=alert(1)>.png").write_bytes(png())
    client.post("/refresh")
    page = client.post("/", data={"query": "red"})
    assert "<img src=x" not in page.text
    assert "&lt;img src=x" in page.text
    page = client.post("/", data={"query": '"><script>alert(1)</script>'})
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text


def test_answers_forbid_what_the_page_does_not_need(client):
    for path in ("/", "/previews/red.png", "/nothing"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_what_is_sent_is_limited(client, monkeypatch):
    for data, text in ((b"not a picture", "not a picture"), (png()[:60], "damaged|not a picture")):
        answer = upload(client, data, "a<b>.png")
        assert answer.status_code == 400
        assert any(part in answer.text for part in text.split("|"))
        assert "a<b>" not in answer.text
    monkeypatch.setattr(received, "MAX_PICTURE_PIXELS", 300)
    assert upload(client, png(size=20)).status_code == 400
    client.application.config["MAX_CONTENT_LENGTH"] = 1000
    answer = upload(client, b"x" * 2000)
    assert answer.status_code == 413
    assert "at most 32 MiB" in answer.text
    assert client.post("/", data={"query": "x" * 501}).status_code == 400


def test_page_says_what_texts_need(folder):
    pytest.importorskip("flask", reason="Flask, which serves the page, is not installed")
    client = SearchApp(model=MeanColour()).app.test_client()
    assert "disabled" in client.get("/").text
    answer = client.post("/", data={"query": "red"})
    assert answer.status_code == 400
    assert "knows pictures only" in answer.text
    assert "/previews/red.png" in upload(client, png()).text


def test_pictures_that_went_are_not_found(client, folder):
    (folder / "red.png").unlink()
    assert client.get("/previews/red.png").status_code == 404
    assert client.get("/pictures/red.png").status_code == 404
    for name in ("green.png", "deep/blue.png"):
        (folder / name).unlink()
    answer = client.post("/refresh")
    assert answer.status_code == 409
    assert "no picture" in answer.text
