"""Drawing: sizes, places and colours of what ends up in the picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from ultralytics.engine.plots.annotate import Annotator
from ultralytics.engine.plots.crops import save_one_box
from ultralytics.engine.plots.dense import colorize_depth
from ultralytics.engine.plots.features import feature_visualization
from ultralytics.engine.plots.histogram import plot_depth_histogram
from ultralytics.engine.plots.labels import plot_labels
from ultralytics.engine.plots.mosaics import output_to_rotated_target, output_to_target, plot_images
from ultralytics.engine.plots.palette import POSE_PALETTE, SKELETON, Colors, colors, contrasting
from ultralytics.engine.plots.panels import plot_depth_panels
from ultralytics.engine.plots.text import StrokeWriter, TrueTypeWriter, find_font, is_ascii
from ultralytics.ops.rotated import xywhr2xyxyxyxy

SIZES = [(48, 64), (480, 640), (3000, 4000)]


def blank(height=100, width=120):
    return np.zeros((height, width, 3), np.uint8)


def touched(picture):
    """Rows and columns of the changed area."""
    rows, columns = np.nonzero(picture.any(-1))
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_palette():
    assert colors(0) == (4, 42, 255) and colors(0, True) == (255, 42, 4)
    assert colors(20) == colors(0) and Colors.hex2rgb("#FF7700") == (255, 119, 0)
    assert Colors().n == 20 and POSE_PALETTE.shape == (20, 3) and len(SKELETON) == 19 and SKELETON[0] == (16, 14)


def test_text_colour_reads_on_its_background():
    assert contrasting((255, 255, 255)) != (255, 255, 255) and contrasting((0, 0, 0)) == (255, 255, 255)
    assert Annotator.get_txt_color((255, 255, 255), (1, 2, 3)) == (1, 2, 3)


@pytest.mark.parametrize("size_hw", SIZES)
@pytest.mark.parametrize("name", ["person", "дорожный знак"])
@pytest.mark.parametrize("corner", ["top left", "top right", "bottom left", "bottom right"])
def test_labels_stay_inside(size_hw, name, corner):
    height, width = size_hw
    y = 0 if "top" in corner else height * 0.9
    x = 0 if "left" in corner else width * 0.9
    annotator = Annotator(blank(*size_hw), example=name)
    annotator.caption((x, y, x + width * 0.1, y + height * 0.1), f"{name} 0.87", (0, 0, 255))
    filled = (annotator.im == (0, 0, 255)).all(-1) | (annotator.im != 0).any(-1)
    rows, columns = np.nonzero(filled)
    area = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    text = annotator.im[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    bright = (text.min(-1) > 120).any(0).nonzero()[0]
    assert filled.sum() == area, "the label's box is whole"
    assert bright.min() >= 1 and bright.max() <= text.shape[1] - 2, "the text ends inside its box"


@pytest.mark.parametrize(("size_hw", "line"), [((48, 64), 2), ((480, 640), 2), ((3000, 4000), 11)])
def test_line_width_follows_size(size_hw, line):
    annotator = Annotator(blank(*size_hw))
    assert abs(annotator.lw - line) <= 1 and annotator.tf == max(annotator.lw - 1, 1)
    assert Annotator(blank(*size_hw), line_width=5).lw == 5


def test_arrays_are_drawn_on_in_place_and_other_input_is_converted():
    picture = blank()
    annotator = Annotator(picture)
    annotator.box_label((10, 10, 50, 50), "x", (0, 0, 255))
    assert annotator.result() is picture and picture[30, 10].tolist() == [0, 0, 255]
    assert annotator.result(True).getpixel((10, 30)) == (255, 0, 0)
    frozen = blank()
    frozen.flags.writeable = False
    Annotator(frozen).box_label((10, 10, 50, 50))
    assert not frozen.any()
    assert Annotator(Image.new("RGB", (30, 20))).im.shape == (20, 30, 3)
    assert Annotator(np.zeros((20, 30), np.uint8)).im.shape == (20, 30, 3)


def test_boxes_of_every_form():
    for box in ([10, 20, 60, 70], torch.tensor([10.0, 20, 60, 70]), [[10, 20], [60, 20], [60, 70], [10, 70]],
                torch.tensor([10.0, 20, 60, 20, 60, 70, 10, 70])):  # fmt: skip
        annotator = Annotator(blank(), line_width=1)
        annotator.box_label(box, color=(0, 255, 0))
        top, bottom, left, right = touched(annotator.im)
        assert abs(top - 20) <= 1 and abs(bottom - 70) <= 1 and abs(left - 10) <= 1 and abs(right - 60) <= 1


def test_masks_tint_with_the_last_on_top():
    masks = torch.zeros(2, 100, 120)
    masks[0, :, :60] = 1
    masks[1, 50:] = 1
    annotator = Annotator(np.full((100, 120, 3), 100, np.uint8))
    annotator.masks(masks, [(200, 0, 0), (0, 200, 0)], 0.5)
    assert annotator.im[10, 10].tolist() == [150, 50, 50] and annotator.im[90, 10].tolist() == [50, 150, 50]
    assert annotator.im[10, 100].tolist() == [100, 100, 100]
    small = Annotator(np.full((100, 120, 3), 100, np.uint8))
    small.masks(masks[:, ::2, ::2].numpy(), [(200, 0, 0), (0, 200, 0)], im_gpu=None)
    assert (small.im == annotator.im).mean() > 0.95


def test_keypoints_and_limbs():
    people = np.zeros((17, 3), np.float32)
    people[:, :2], people[:, 2] = np.arange(17)[:, None] * (6, 5) + (5, 6), 0.9
    people[0] = (50, 6, 0.1)
    annotator = Annotator(blank())
    annotator.kpts(people, shape=(100, 120), kpt_line=False, radius=2)
    dots = annotator.im.any(-1).sum()
    assert not annotator.im[0:10, 45:55].any(), "points with a low score are left out"
    annotator.kpts(torch.from_numpy(people), shape=(100, 120))
    assert annotator.im.any(-1).sum() > dots
    free = Annotator(blank())
    free.kpts(people[1:4, :2], shape=(100, 120), kpt_color=(9, 8, 7))
    assert (free.im.reshape(-1, 3).max(0) == (9, 8, 7)).all()


def test_text_and_rectangle():
    annotator = Annotator(blank())
    annotator.text((5, 90), "a\nb", anchor="bottom", box_color=(64, 0, 0))
    assert touched(annotator.im)[1] <= 90
    annotator.rectangle((60, 60, 80, 80), fill=(0, 0, 9), outline=(0, 9, 0))
    assert annotator.im[70, 70].tolist() == [0, 0, 9] and annotator.im[60, 60].tolist() == [0, 9, 0]
    assert Annotator.get_bbox_dimension((1, 2, 5, 9)) == (4, 7, 28)


def test_writers_measure_what_they_draw():
    for writer in (StrokeWriter(0.7, 1), TrueTypeWriter(find_font(), 20)):
        picture = blank(60, 200)
        writer.draw(picture, "Agj", (20, 10), (255, 255, 255))
        width, height = writer.size("Agj")
        top, bottom, left, right = touched(picture > 60)
        assert left >= 18 and right <= 20 + width + 1 and top >= 9 and bottom <= 10 + height
        assert writer.fitted("a long text indeed", 60).size("a long text indeed")[0] < 110
        writer.draw(picture, "out", (190, 55), (255, 255, 255))


def test_ascii_and_fonts(tmp_path):
    assert is_ascii({0: "cat"}) and not is_ascii(["cat", "Ä"]) and is_ascii("x")
    assert Path(find_font("no such font.ttf")).is_file()
    font = Path(find_font())
    copy = tmp_path / "mine.ttf"
    copy.write_bytes(font.read_bytes())
    assert find_font(str(copy)) == str(copy)


def test_save_one_box(tmp_path):
    picture = np.arange(100 * 120 * 3, dtype=np.uint32).reshape(100, 120, 3).astype(np.uint8)
    crop = save_one_box(torch.tensor([[10.0, 10, 50, 50]]), picture, file=tmp_path / "a" / "im.png")
    assert crop.shape[:2] in {(50, 50), (51, 51)} and (tmp_path / "a" / "im.jpg").is_file()
    save_one_box([10, 10, 50, 50], picture, file=tmp_path / "a" / "im.jpg", BGR=True)
    assert (tmp_path / "a" / "im-2.jpg").is_file()
    exact = save_one_box([10, 20, 50, 90], picture, gain=1, pad=0, BGR=True, save=False)
    assert (exact == picture[20:90, 10:50]).all()
    assert (save_one_box([10, 20, 50, 90], picture, gain=1, pad=0, save=False) == exact[..., ::-1]).all()
    square = save_one_box([50, 20, 60, 60], picture, gain=1, pad=0, square=True, save=False)
    assert square.shape[:2] == (40, 40)
    assert save_one_box([119.9, 99.9, 200, 200], picture, gain=1, pad=0, save=False).size


@pytest.mark.parametrize("angle", [-2.0, -0.5, 0.0, 1.0, 2.5, 4.0])
def test_rotated_crops_are_turned_upright(angle):
    """Without a margin, the width from left to right, as in version 8.4.190 of the published package."""
    rows, columns = np.mgrid[:100, :100].astype(np.uint8)
    picture = np.stack([columns, rows, rows], -1)
    corners = xywhr2xyxyxyxy(torch.tensor([[50.0, 52.0, 40.4, 20.6, angle]]))[0]
    crop = save_one_box(corners, picture, BGR=True, save=False)
    assert crop.shape == (21, 40, 3)
    assert np.abs(crop[0, 0, :2] - corners[2].numpy()).max() < 1, "the third corner is the upper left one"
    assert np.abs(crop[0, -1, :2] - corners[1].numpy()).max() < 2
    assert np.abs(crop[-1, 0, :2] - corners[3].numpy()).max() < 2


@pytest.mark.parametrize("channels", [1, 3, 10])
def test_crops_of_any_channel_count(channels, tmp_path):
    picture = np.full((60, 80, channels), 7, np.uint8)
    corners = xywhr2xyxyxyxy(np.float32([[40, 30, 20, 10, 0.5]]))[0]
    for box in (corners, [5, 5, 25, 15], np.full((4, 2), 30.0)):
        assert save_one_box(box, picture, tmp_path / "a.jpg", BGR=True).shape[2] == channels
    assert cv2.imread(str(tmp_path / "a.jpg")).shape == (10, 20, 3)


@pytest.mark.parametrize("images", [torch.rand(3, 3, 64, 96), np.full((3, 3, 64, 96), 200, np.uint8)])
def test_plot_images(images, tmp_path):
    seen = []
    labels = {
        "cls": torch.tensor([[0.0], [1], [1]]),
        "bboxes": torch.tensor([[0.5, 0.5, 0.4, 0.4], [0.2, 0.2, 0.2, 0.2], [0.5, 0.5, 0.9, 0.9]]),
        "batch_idx": torch.tensor([0.0, 0, 2]),
    }
    grid = plot_images(labels, images, ["a.jpg", "b.jpg", "c.jpg"], tmp_path / "x.jpg", {0: "a", 1: "b"}, seen.append)
    assert grid.shape == (128, 192, 3) and seen == [tmp_path / "x.jpg"] and seen[0].is_file()
    assert (grid[64:, 96:] == 255).all(), "three tiles of four"
    tile = grid[64:, :96]
    assert tile[32, 5].tolist() == list(colors(1, True)), "the third picture's box"


def test_plot_images_limits_size_and_confidence(tmp_path):
    images = np.zeros((20, 3, 160, 160), np.uint8)
    pred = {
        "cls": np.zeros(2), "conf": np.array([0.9, 0.1]), "batch_idx": np.array([0, 1]),
        "bboxes": np.array([[80.0, 80, 100, 100], [80, 80, 100, 100]]),
    }  # fmt: skip
    grid = plot_images(pred, images, max_size=200, save=False)
    assert max(grid.shape) <= 200 and grid.shape[0] == grid.shape[1]
    blue = (grid == colors(0, True)).all(-1)
    assert blue[:50, :50].any() and not blue[:50, 50:100].any()


def test_plot_images_with_masks_keypoints_and_rotated_boxes():
    images = np.zeros((1, 3, 64, 64), np.uint8)
    overlap = np.zeros((1, 16, 16), np.uint8)
    overlap[0, 4:8, 4:8] = 2
    labels = {
        "cls": np.array([0, 1]), "batch_idx": np.zeros(2), "masks": overlap,
        "bboxes": np.array([[0.5, 0.5, 0.2, 0.2, 0.4], [0.3, 0.3, 0.2, 0.2, 0.0]]),
        "keypoints": np.array([[[0.9, 0.9, 1.0]], [[0.1, 0.9, 1.0]]]),
    }  # fmt: skip
    grid = plot_images(labels, images, save=False)
    assert grid[24, 24].any(), "inside of the second object's mask"
    assert grid[57, 57].any() and grid[57, 6].any(), "keypoints"


def test_plot_labels(tmp_path):
    seen = []
    boxes = np.random.default_rng(0).uniform(0.1, 0.4, (50, 4))
    plot_labels(boxes, np.arange(50) % 3, {0: "a", 1: "b", 2: "c"}, tmp_path, seen.append)
    assert seen == [tmp_path / "labels.jpg"] and cv2.imread(str(seen[0])).shape == (1600, 1600, 3)
    plot_labels(np.zeros((0, 4)), np.zeros(0), {}, tmp_path)


def test_color_bar_runs_from_near_to_far():
    picture = np.full((200, 300, 3), 90, np.uint8)
    depth = np.linspace(1, 9, 60000, dtype=np.float32).reshape(200, 300)
    annotator = Annotator(picture.copy())
    annotator.color_bar(depth)
    changed = np.flatnonzero((annotator.im != picture).any((0, 2)))
    assert changed.max() == 299 and changed.min() > 150  # at the right side
    left = changed.min()
    bar = annotator.im[:, left + 4 : left + 7].astype(int)
    rows = np.flatnonzero(np.ptp(bar, axis=2).max(1) > 60)  # where there is colour
    assert bar[rows[2]].mean(0).argmax() == 2 and bar[rows[-3]].mean(0).argmax() == 0  # red is near, blue is far
    small = Annotator(np.full((16, 16, 3), 90, np.uint8))
    small.color_bar(depth)
    assert (small.im == 90).all()
    flat = Annotator(picture.copy())
    flat.color_bar(np.ones((200, 300), np.float32))
    assert (flat.im == picture).all()


def test_depth_panels(tmp_path):
    images, truth = torch.rand(6, 3, 32, 48), torch.rand(6, 1, 32, 48) * 4
    picture = plot_depth_panels(images, [truth * 2, truth[:, 0]], tmp_path / "a.jpg", gt=truth, titles=["far", "right"])
    assert (tmp_path / "a.jpg").is_file()
    assert picture.shape == (24 + 4 * 160, 4 * 240, 3)
    truth_panel, right = picture[24:184, 240:480], picture[24:184, 720:960]
    np.testing.assert_array_equal(truth_panel, right)
    assert plot_depth_panels(images[:0], [], tmp_path / "b.jpg").shape == (0, 0, 3)
    alone = plot_depth_panels(images.numpy() * 255, (), tmp_path / "c.jpg", max_images=2)
    assert alone.shape == (24 + 2 * 160, 240, 3)


def test_depth_histogram(tmp_path):
    for depths in (np.random.default_rng(0).random(1000) * 5, np.zeros(0)):
        drawn = []
        plot_depth_histogram(depths, tmp_path / "labels.jpg", on_plot=drawn.append)
        assert drawn == [tmp_path / "labels.jpg"] and drawn[0].stat().st_size > 5000


def test_colorize_depth():
    depth = np.array([[0.0, 1, 2, 4]], np.float32)
    picture = colorize_depth(depth)
    assert picture.shape == (1, 4, 3) and not picture[0, 0].any() and picture[0, 1].tolist() != picture[0, 3].tolist()
    assert (colorize_depth(depth, mode="metric") != picture).any()
    with pytest.raises(ValueError, match="colour map"):
        colorize_depth(depth, cmap="nope")
    with pytest.raises(ValueError, match="mode"):
        colorize_depth(depth, mode="nope")


def test_feature_visualization(tmp_path):
    feature_visualization(torch.rand(1, 12, 8, 8), "ultralytics.nn.modules.conv.Conv", 3, n=8, save_dir=tmp_path)
    assert (tmp_path / "stage3_Conv_features.png").is_file()
    assert np.load(tmp_path / "stage3_Conv_features.npy").shape == (12, 8, 8)
    feature_visualization(torch.rand(1, 12), "x", 0, save_dir=tmp_path)


def test_outputs_as_labels():
    rows = torch.tensor([[0.0, 0, 10, 20, 0.9, 2], [1, 1, 2, 2, 0.8, 1]])
    index, cls, boxes, conf = output_to_target([rows, rows[:0], rows], max_det=1)
    assert index.tolist() == [0, 2] and cls.tolist() == [2, 2] and boxes[0].tolist() == [5, 10, 10, 20]
    assert conf.tolist() == [np.float32(0.9)] * 2
    index, cls, boxes, conf = output_to_rotated_target([torch.tensor([[5.0, 5, 4, 2, 0.7, 1, 0.3]])])
    assert boxes.shape == (1, 5) and boxes[0, 4] == np.float32(0.3) and cls.tolist() == [1]


# Scatter and bars -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 50])
def test_color_scatter_colors_by_density(count):
    from matplotlib import pyplot as plt

    from ultralytics.utils.plotting import plt_color_scatter

    figure, axes = plt.subplots()
    rng = np.random.default_rng(0)
    v, f = np.r_[np.zeros(count // 2), rng.random(count - count // 2) + 5], np.zeros(count)
    plt_color_scatter(v, f, bins=10)
    (points,) = axes.collections
    assert len(points.get_array()) == count and all(points.get_array() >= 1)
    assert count < 50 or points.get_array().max() == 25
    plt.close(figure)


def test_bars_of_several_runs(tmp_path):
    from ultralytics.utils.plotting import plot_multitrain_results

    file = plot_multitrain_results({"a": 0.5, "b": 0.7}, key="mAP", save_dir=tmp_path / "new")
    assert file == tmp_path / "new" / "multitrain_results.png" and file.stat().st_size > 1000
    with pytest.raises(ValueError, match="no scores"):
        plot_multitrain_results({}, save_dir=tmp_path)
