"""What `Results.plot` draws: every option with every kind of result; texts, colours and order as in version 8.4.190."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ultralytics.engine.plots.annotate import Annotator
from ultralytics.engine.plots.mosaics import plot_images
from ultralytics.engine.plots.palette import colors
from ultralytics.engine.results import Results

HEIGHT, WIDTH = 60, 80
NAMES = {0: "cat", 1: "dog", 2: "bus"}
BOXES = [[1.0, 20, 30, 40, 0.9, 0], [40, 20, 70, 50, 0.5, 2], [5, 30, 71, 55, 0.4, 2]]
ROTATED = [[20.0, 20, 10, 6, 0.3, 0.9, 1], [40, 30, 20, 10, 1.2, 0.8, 2]]


def tracked(rows):
    return [[*row[:-2], 5 + i, *row[-2:]] for i, row in enumerate(rows)]


def squares() -> torch.Tensor:
    """A mask for each of BOXES: its box."""
    masks = torch.zeros(3, HEIGHT, WIDTH)
    for mask, (x1, y1, x2, y2, *_) in zip(masks, BOXES, strict=True):
        mask[int(y1) : int(y2), int(x1) : int(x2)] = 1
    return masks


def points(count: int, width: int) -> torch.Tensor:
    table = torch.rand(3, count, width, generator=torch.Generator().manual_seed(0)) * 50 + 2
    if width == 3:
        table[..., 2] /= 52
    return table


KINDS = {
    "box": {"boxes": BOXES},
    "track": {"boxes": tracked(BOXES)},
    "mask": {"boxes": BOXES, "masks": squares()},
    "mask of the input's size": {"boxes": BOXES, "masks": squares()[:, ::2, ::2]},
    "mask alone": {"masks": squares()},
    "human": {"boxes": BOXES, "keypoints": points(17, 3)},
    "points": {"boxes": tracked(BOXES), "keypoints": points(4, 2)},
    "points alone": {"keypoints": points(4, 3)},
    "rotated": {"obb": ROTATED},
    "rotated track": {"obb": tracked(ROTATED)},
    "class": {"probs": [0.2, 0.7, 0.1]},
    "class map": {"semantic_mask": torch.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 3},
    "depth": {"depth": torch.rand(HEIGHT, WIDTH)},
    "nothing": {},
    "no boxes": {"boxes": torch.zeros(0, 6)},
    "no masks": {"boxes": torch.zeros(0, 6), "masks": torch.zeros(0, HEIGHT, WIDTH)},
    "no points": {"boxes": torch.zeros(0, 6), "keypoints": torch.zeros(0, 17, 3)},
    "no rotated boxes": {"obb": torch.zeros(0, 7)},
}
OPTIONS = (
    *({name: False} for name in ("conf", "kpt_line", "labels", "boxes", "masks", "probs")),
    *({"line_width": width} for width in (1, 2.5, 9)),
    *({"font_size": size} for size in (6, 20.5)),
    *({"pil": True, "font": font} for font in ("Arial.ttf", "no such font.ttf")),
    *({"kpt_radius": radius} for radius in (0, 1, 12)),
    {"color_mode": "instance"},
    {"txt_color": (1, 2, 3)},
    {"img": np.full((HEIGHT, WIDTH, 3), 9, np.uint8)},
    {"im_gpu": torch.zeros(3, 64, 64)},
    {"save": True, "filename": "out.png"},
    {"show": True},
)


def make(channels: int = 3, names=NAMES, **parts) -> Results:
    parts = {k: torch.tensor(v) if isinstance(v, list) else v for k, v in parts.items()}
    return Results(np.zeros((HEIGHT, WIDTH, channels), np.uint8), "a/b.jpg", names, **parts)


def tint(i: int) -> list[int]:
    """Colour `i` as a mask shows it on black."""
    return [value // 2 for value in colors(i, True)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3, 10])
@pytest.mark.parametrize("names", [NAMES, {0: "кот", 1: "собака", 2: "автобус"}], ids=["ascii", "other"])
def test_every_option_draws_every_result(kind, channels, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ultralytics.engine.plots.annotate.show_picture", lambda picture, title: None)
    result = make(channels, names, **KINDS[kind])
    for part in (result, result.numpy()):
        for options in ({}, *OPTIONS):
            picture = part.plot(**options)
            if options.get("pil"):
                assert picture.size == (WIDTH, HEIGHT) and picture.mode == "RGB"
            else:
                assert picture.shape == (HEIGHT, WIDTH, 3) and picture.dtype == np.uint8
    assert not result.orig_img.any(), "the original stays as it is"
    assert (tmp_path / "out.png").is_file()


@pytest.fixture
def captions(monkeypatch) -> list[str]:
    seen = []
    monkeypatch.setattr(Annotator, "caption", lambda self, box, label, *args: seen.append(label))
    return seen


@pytest.mark.parametrize("rows", [{"boxes": tracked(BOXES[:1])}, {"obb": tracked(ROTATED[:1])}])
@pytest.mark.parametrize(
    ("options", "tail"),
    [({}, "id:5 {} 0.90"), ({"labels": False}, "0.90"), ({"conf": False}, "id:5 {}"),
     ({"labels": False, "conf": False}, None)],
)  # fmt: skip
def test_names_and_scores_are_switched_apart(captions, rows, options, tail):
    make(**rows).plot(**options)
    assert captions == ([] if tail is None else [tail.format("dog" if "obb" in rows else "cat")])


@pytest.mark.parametrize(("labels", "conf", "text"), [(1, 1, "cat 0.9"), (0, 1, "0.9"), (1, 0, "cat"), (0, 0, None)])
def test_names_and_scores_of_a_grid(captions, labels, conf, text):
    table = {"cls": [0], "bboxes": [[30.0, 30, 20, 20]], "conf": [0.9], "batch_idx": [0]}
    picture = np.zeros((1, 3, HEIGHT, WIDTH), np.uint8)
    plot_images(table, picture, names=NAMES, save=False, show_labels=bool(labels), show_conf=bool(conf))
    assert captions == ([] if text is None else [text])


@pytest.mark.parametrize(
    ("parts", "mode", "expected"),
    [
        ({"boxes": BOXES}, "class", [0, 2, 2]),
        ({"boxes": tracked(BOXES)}, "class", [0, 2, 2]),
        ({"boxes": BOXES}, "instance", [2, 1, 0]),
        ({"boxes": tracked(BOXES)}, "instance", [5, 6, 7]),
        ({}, "class", [2, 1, 0]),
        ({}, "instance", [2, 1, 0]),
    ],
)
def test_colours_by_class_or_by_object(parts, mode, expected):
    apart = torch.zeros(3, HEIGHT, WIDTH)
    for i in range(3):
        apart[i, 10:20, 10 + 20 * i : 20 + 20 * i] = 1
    picture = make(masks=apart, **parts).plot(boxes=False, color_mode=mode)
    assert [picture[15, 15 + 20 * i].tolist() for i in range(3)] == [tint(i) for i in expected]
    dots = torch.tensor([[[15.0 + 20 * i, 15, 0.9]] for i in range(3)])
    picture = make(keypoints=dots, **parts).plot(boxes=False, color_mode=mode)
    wanted = [colors(i, True) for i in expected] if mode == "instance" else [colors(0)] * 3
    assert [tuple(picture[15, 15 + 20 * i].tolist()) for i in range(3)] == wanted


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_strongest_object_lies_on_top(order):
    masks = torch.zeros(2, HEIGHT, WIDTH)
    masks[0, 20:40, 20:40] = 1
    masks[1, 10:50, 10:50] = 1
    boxes = torch.tensor([[20.0, 20, 40, 40, 0.9, 0], [10, 10, 50, 50, 0.3, 1]])
    result = make(boxes=boxes[order], masks=masks[order])
    picture = result.plot(boxes=False)
    assert picture[30, 30].tolist() == tint(0) and picture[12, 12].tolist() == tint(1)
    dots = torch.tensor([[[30.0, 30, 0.9]], [[32.0, 30, 0.9]]])
    single = make(boxes=boxes[order], keypoints=dots[order]).plot(boxes=False, color_mode="instance")
    top = 1 - order.index(0)
    assert single[30, 31].tolist() == list(colors(top, True))


@pytest.mark.parametrize("x, y", [(0, 30), (WIDTH, 30), (40, 0), (40, HEIGHT), (WIDTH, HEIGHT), (0, 0)])
def test_keypoints_on_the_border_are_drawn(x, y):
    seen = [make(keypoints=torch.tensor([[[float(x), y, score]]])).plot().any() for score in (0.9, 0.25, 0.24, 0.0)]
    assert seen == [True, True, False, False], "the score tells, not the place"
    assert make(keypoints=torch.tensor([[[float(x), y]]])).plot().any() == bool(x or y), "without a score (0, 0) does"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e12])
def test_keypoints_nowhere_are_left_out(value):
    table = torch.full((1, 17, 3), 30.0)
    table[0, 5, :2] = value
    assert make(keypoints=table).plot().any()


def test_save_makes_its_folder(tmp_path):
    target = tmp_path / "new" / "folder" / "a.jpg"
    assert make(boxes=BOXES).save(target) == str(target) and target.is_file()
    make(boxes=BOXES).plot(save=True, filename=tmp_path / "more" / "b.png")
    assert (tmp_path / "more" / "b.png").is_file()
