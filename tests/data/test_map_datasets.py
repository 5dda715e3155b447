"""Data sets with a class or a depth for every pixel: files, checks, counts, caches, samples."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from ultralytics.cfg import get_cfg
from ultralytics.data.augment.masks import polygons2masks_overlap
from ultralytics.data.build import build_dataloader, build_yolo_dataset
from ultralytics.data.dataset import DepthDataset, PolygonSemanticDataset, SemanticDataset
from ultralytics.data.dense.base import resized_map

NC = 4
HEIGHT, WIDTH = 48, 64


def classes_of(i: int, size_hw=(HEIGHT, WIDTH)) -> np.ndarray:
    coarse = np.random.default_rng(i).integers(0, NC, (4, 4)).astype(np.uint8)
    classes = cv2.resize(coarse, size_hw[::-1], interpolation=cv2.INTER_NEAREST)
    classes[:6, :6] = 255
    return classes


def depth_of(i: int, size_hw=(HEIGHT, WIDTH)) -> np.ndarray:
    rows = np.linspace(1000 + 10 * i, 4000, size_hw[0]).astype(np.uint16)
    depth = np.repeat(rows[:, None], size_hw[1], 1)
    depth[:, :5] = 0
    return depth


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures with masks, depth and polygons."""
    for i in range(6):
        size = (HEIGHT, WIDTH) if i % 2 == 0 else (WIDTH, HEIGHT)
        for part in ("images", "masks", "depth", "labels"):
            (tmp_path / part / "train").mkdir(parents=True, exist_ok=True)
        classes = classes_of(i, size)
        Image.fromarray(np.dstack([classes * 40] * 3)).save(tmp_path / f"images/train/{i}.png")
        Image.fromarray(classes).save(tmp_path / f"masks/train/{i}.png")
        cv2.imwrite(str(tmp_path / f"depth/train/{i}.png"), depth_of(i, size))
        rows = "1 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9\n2 0.3 0.3 0.6 0.3 0.6 0.6\n"
        (tmp_path / f"labels/train/{i}.txt").write_text(rows if i else "")
    return tmp_path


def build(folder: Path, task="semantic", mode="val", nc=NC, masks="masks", data=None, **overrides):
    cfg = get_cfg(overrides={"task": task, "imgsz": 32, **overrides})
    described = {"nc": nc, "names": {i: f"c{i}" for i in range(nc)}, "channels": 3, **(data or {})}
    if masks and task == "semantic":
        described["masks_dir"] = masks
    return build_yolo_dataset(cfg, str(folder / "images" / "train"), 2, described, mode=mode)


def findings(dataset) -> list[tuple[str, str]]:
    return [(finding.kind, Path(finding.file).name) for finding in dataset.findings]


# Semantic segmentation


def test_validation_sample(folder):
    dataset = build(folder)
    assert type(dataset) is SemanticDataset and len(dataset) == 6
    sample = dataset[0]
    assert set(sample) == {"img", "semantic_mask", "ori_shape", "ratio_pad", "im_file"}
    assert sample["img"].dtype == torch.uint8 and sample["semantic_mask"].dtype == torch.int32
    mask = sample["semantic_mask"].numpy()
    assert mask.shape == (32, 32)  # 24 x 32, and a border that counts for nothing
    assert (mask[:4] == 255).all() and (mask[-4:] == 255).all()
    np.testing.assert_array_equal(mask[4:-4], resized_map(classes_of(0), (24, 32)))
    assert sample["ratio_pad"] == ((0.5, 0.5), (0, 4))


def test_training_scales_the_short_side(folder):
    dataset = build(folder, mode="train")
    label = dataset.get_image_and_label(0)
    assert label["img"].shape[:2] == label["semantic_mask"].shape == (32, 43)
    batch = dataset.collate_fn([dataset[i] for i in range(3)])
    assert batch["img"].shape == (3, 3, 32, 32) and batch["semantic_mask"].shape == (3, 32, 32)
    assert batch["semantic_mask"].dtype == torch.int32
    assert set(batch["semantic_mask"].unique().tolist()) <= {0, 1, 2, 3, 255}


def test_label_mapping(folder):
    data = {"label_mapping": {0: 2, 1: "ignore_label", 2: None, 3: 0, -1: 255}}
    dataset = build(folder, data=data)
    expected = np.array([2, 255, 255, 0], np.uint8)[np.minimum(classes_of(0), 3)]
    expected[classes_of(0) == 255] = 255
    np.testing.assert_array_equal(dataset.load_mask(0), expected)
    back = dataset.convert_label(np.array([0, 2, 1], np.uint8), inverse=True)
    assert back.tolist() == [3, 0, 1]


def test_classes_ignores_the_pixels_of_others(folder, caplog):
    dataset = build(folder, classes=[0, 2])
    mask = dataset.load_mask(0)
    np.testing.assert_array_equal(mask, np.where(np.isin(classes_of(0), [0, 2]), classes_of(0), 255))
    assert dataset.class_pixels()[[1, 3]].tolist() == [0, 0]


def test_classes_of_a_single_class_is_left_out(folder, caplog):
    for i in range(6):
        path = folder / f"masks/train/{i}.png"
        Image.fromarray((np.asarray(Image.open(path)) == 1).astype(np.uint8)).save(path)
    dataset = build(folder, nc=1, classes=[0])
    assert "left out" in caplog.text and set(np.unique(dataset.load_mask(1))) == {0, 1}
    counted = sum(int(np.asarray(Image.open(folder / f"masks/train/{i}.png")).sum()) for i in range(6))
    assert dataset.class_pixels().tolist() == [counted]


def test_single_cls_is_refused(folder):
    with pytest.raises(NotImplementedError, match="nc: 1"):
        build(folder, single_cls=True)
    with pytest.raises(NotImplementedError, match="nc: 1"):
        build(folder, masks="", single_cls=True)


def test_class_pixels(folder):
    sizes = [(HEIGHT, WIDTH) if i % 2 == 0 else (WIDTH, HEIGHT) for i in range(6)]
    expected = sum(np.bincount(classes_of(i, size).ravel(), minlength=256)[:NC] for i, size in enumerate(sizes))
    dataset = build(folder)
    assert dataset.class_pixels().tolist() == expected.tolist()
    assert dataset.class_pixels(limit=2).sum() < expected.sum()


# What is wrong with files: named, counted, nothing lost

BAD_MASKS = {
    "size of the mask": lambda path: Image.fromarray(classes_of(0)[:20]).save(path),
    "class id": lambda path: Image.fromarray(classes_of(0) + np.uint8(3)).save(path),
    "class id ": lambda path: Image.fromarray(classes_of(0).astype(np.uint16) * 300).save(path),
    "unreadable mask": lambda path: Image.fromarray(np.dstack([classes_of(0), classes_of(1), classes_of(2)])).save(
        path
    ),
    "unreadable mask ": lambda path: path.write_bytes(path.read_bytes()[:90]),
    "unreadable mask  ": lambda path: path.write_bytes(b""),
    "missing mask": Path.unlink,
}
REASONS = ("64x20", "neither a class", "300, 600, 900", "without a palette", "", "empty", "no file")


@pytest.mark.parametrize(("kind", "reason"), [*zip(BAD_MASKS, REASONS, strict=True)])
def test_bad_masks(folder, kind, reason, caplog):
    before = {path: path.read_bytes() for path in folder.rglob("*.png")}
    path = folder / "masks/train/0.png"
    BAD_MASKS[kind](path)
    dataset = build(folder)
    assert len(dataset) == 5
    named = "0.png"
    assert findings(dataset) == [(kind.strip(), named)] and reason in str(dataset.findings[0])
    missing = kind == "missing mask"
    assert dataset.counts["missing"] == missing and dataset.counts["corrupt"] == 1 - missing
    assert f"5 images, {int(missing)} missing masks, {1 - missing} corrupt" in dataset._summarize(dataset.counts)
    assert str(dataset.findings[0]) in caplog.text
    assert all(other.read_bytes() == content for other, content in before.items() if other != path)


def test_masks_missing_for_half_of_the_pictures(folder):
    for i in (0, 2, 4):
        (folder / f"masks/train/{i}.png").unlink()
    dataset = build(folder)
    assert [Path(file).stem for file in dataset.im_files] == ["1", "3", "5"]
    assert dataset.scan_summary(3, 3, 0, 0) == "3 images, 3 missing masks, 0 corrupt"
    assert dataset.counts == {"found": 3, "missing": 3, "empty": 0, "corrupt": 0, "total": 6}


def test_nothing_usable(folder):
    with pytest.raises(ValueError, match=r"none of 6 images .* missing mask"):
        build(folder, masks="elsewhere")
    with pytest.raises(ValueError, match="missing mask"):
        build(folder, masks="images")  # a picture is not its own mask


def test_cache_is_safe_and_follows_files_and_mapping(folder, capsys):
    cache = folder / "masks/train.cache"
    build(folder)
    assert cache.is_file()
    first = cache.read_bytes()
    with np.load(cache, allow_pickle=False) as arrays:
        assert arrays["shapes"].shape == (6, 2)
    build(folder)
    assert cache.read_bytes() == first
    with pytest.raises(ValueError, match="pixels are 0, which is neither"):
        build(folder, data={"label_mapping": {0: 7}})  # class 7 is none of the four
    Image.fromarray(classes_of(0)[:20]).save(folder / "masks/train/0.png")
    assert len(build(folder)) == 5
    Image.fromarray(classes_of(0)).save(folder / "masks/train/0.png")
    assert len(build(folder)) == 6
    cache.write_bytes(pickle.dumps({"labels": []}))
    assert len(build(folder)) == 6


def test_other_suffixes_and_16_bits(folder):
    for i, (suffix, dtype) in enumerate([(".bmp", np.uint8), (".tif", np.uint16), (".TIFF", np.uint8)]):
        path = folder / f"masks/train/{2 * i}.png"
        Image.fromarray(np.asarray(Image.open(path)).astype(dtype)).save(path.with_suffix(suffix))
        path.unlink()
    dataset = build(folder)
    assert len(dataset) == 6 and not dataset.findings
    for i in (0, 2, 4):
        np.testing.assert_array_equal(dataset.load_mask(i), classes_of(i))


def test_more_than_255_classes(folder):
    for i in range(6):
        path = folder / f"masks/train/{i}.png"
        classes = np.asarray(Image.open(path)).astype(np.uint16)
        Image.fromarray(np.where(classes == 255, 255, classes * 90).astype(np.uint16)).save(path)
    dataset = build(folder, nc=300, mode="train")
    assert dataset.map_dtype == np.uint16 and len(dataset) == 6
    assert 270 in np.unique(np.stack([dataset[i]["semantic_mask"] for i in range(6)]))


def test_rectangular_validation(folder):
    dataset = build(folder, rect=True, imgsz=96)
    for i in range(6):
        sample = dataset[i]
        assert sample["img"].shape[1:] == sample["semantic_mask"].shape
    shapes = {tuple(dataset[i]["img"].shape[1:]) for i in range(6)}
    assert len(shapes) > 1
    wide = dataset.im_files.index(next(file for file in dataset.im_files if file.endswith("0.png")))
    np.testing.assert_array_equal(dataset.load_mask(wide), classes_of(0))


def test_replaced_methods_count(folder):
    class Inverted(SemanticDataset):
        def load_mask(self, index, image_shape=None):
            mask = super().load_mask(index, image_shape)
            return np.where(mask == 255, 255, 3 - mask).astype(np.uint8)

        def verify_args(self):
            check, tasks = super().verify_args()
            return check, list(tasks)[:4]

    data = {"nc": NC, "names": {i: f"c{i}" for i in range(NC)}, "masks_dir": "masks"}
    dataset = Inverted(
        img_path=str(folder / "images/train"), imgsz=64, augment=False, data=data, hyp=get_cfg(), batch_size=2
    )
    assert len(dataset) == 4 and dataset.counts["found"] == 4
    expected = np.where(classes_of(0) == 255, 255, 3 - classes_of(0))
    np.testing.assert_array_equal(dataset[0]["semantic_mask"][8:-8].numpy(), expected)


# Polygons


def test_polygons_are_drawn_with_a_background(folder):
    dataset = build(folder, masks="", nc=3)
    assert type(dataset) is PolygonSemanticDataset
    assert dataset.data["nc"] == 4 and dataset.data["names"][3] == "background" and dataset.data["bg_class_idx"] == 3
    assert (dataset.load_mask(0) == 3).all()  # an empty label file
    for size in ((WIDTH, HEIGHT), (31, 47)):
        polygons = [points * size[::-1] for points in dataset.labels[1]["segments"]]
        index_map, order = polygons2masks_overlap(size, polygons)
        expected = np.append(np.array([1, 2])[order], 3)[index_map.astype(int) - 1]
        np.testing.assert_array_equal(dataset.load_mask(1, size), expected)
    assert dataset[1]["semantic_mask"].shape == (32, 32)


def test_polygons_of_a_single_class(folder):
    for i in range(6):
        (folder / f"labels/train/{i}.txt").write_text("0 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9\n")
    dataset = build(folder, masks="", nc=1)
    assert dataset.data["nc"] == 1 and set(np.unique(dataset.load_mask(0))) == {0, 1}


def test_classes_keeps_the_background_of_polygons(folder):
    dataset = build(folder, masks="", nc=3, classes=[2])
    assert set(np.unique(dataset.load_mask(1))) == {2, 3, 255}


def test_boxes_are_no_polygons(folder):
    (folder / "labels/train/1.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    dataset = build(folder, masks="", nc=3)
    assert len(dataset) == 5 and findings(dataset) == [("boxes where polygons are needed", "1.txt")]


# Depth


def test_depth_samples(folder):
    dataset = build(folder, "depth", nc=1)
    assert type(dataset) is DepthDataset
    sample = dataset[0]
    assert set(sample) == {"img", "depth", "im_file"}
    assert sample["img"].shape == (3, 32, 32) and sample["depth"].shape == (1, 32, 32)
    np.testing.assert_array_equal(sample["depth"][0].numpy(), resized_map(depth_of(0), (32, 32)) / np.float32(1000))
    train = build(folder, "depth", mode="train", nc=1, mosaic=1.0, mixup=1.0, cutmix=1.0)
    label = train.get_image_and_label(0)
    assert label["img"].shape[:2] == label["depth"].shape == (24, 32)
    batch = train.collate_fn([train[i] for i in range(4)])
    assert batch["depth"].shape == (4, 1, 32, 32) and batch["depth"].dtype == torch.float32
    known = np.unique(np.concatenate([depth_of(i).ravel() for i in range(6)] + [depth_of(1, (64, 48)).ravel()]))
    assert np.isin((batch["depth"].numpy() * 1000).round(), [*known, *np.unique(depth_of(3, (64, 48)))]).all()
    one = train.transforms[0]
    assert one[0].p == 0 and train.transforms[1].p == 0 and train.transforms[2].p == 0


def test_depth_arrays_and_scale(folder):
    metres = depth_of(0).astype(np.float64) / 1000
    metres[0, 10:14] = [np.nan, np.inf, -np.inf, -2.0]
    (folder / "depth/train/0.png").unlink()
    np.save(folder / "depth/train/0.npy", metres)
    dataset = build(folder, "depth", nc=1, data={"depth_scale": 256})
    expected = np.where(np.isfinite(metres) & (metres > 0), metres, 0).astype(np.float32)
    np.testing.assert_array_equal(dataset.load_map(0), expected)
    np.testing.assert_allclose(dataset.load_map(2), depth_of(2) / 256)
    depths = dataset.known_depths(pixels=50)
    assert depths.min() > 0 and len(depths) <= 300


BAD_DEPTH = {
    "shape of the depth": lambda path: cv2.imwrite(str(path), depth_of(0)[:30]),
    "unreadable depth": lambda path: cv2.imwrite(str(path), depth_of(0).astype(np.uint8)),
    "unreadable depth ": lambda path: cv2.imwrite(str(path), np.dstack([depth_of(0)] * 3)),
    "unreadable depth  ": lambda path: (path.unlink(), np.save(path.with_suffix(".npy"), np.ones((48, 64), int))),
    "unreadable depth   ": lambda path: (path.unlink(), np.save(path.with_suffix(".npy"), np.ones((1, 48, 64)))),
    "missing depth": Path.unlink,
}
DEPTH_REASONS = ("64x30", "8 bits", "coloured", "int64", "(1, 48, 64)", "no file")


@pytest.mark.parametrize(("kind", "reason"), [*zip(BAD_DEPTH, DEPTH_REASONS, strict=True)])
def test_bad_depth(folder, kind, reason):
    BAD_DEPTH[kind](folder / "depth/train/0.png")
    dataset = build(folder, "depth", nc=1)
    assert len(dataset) == 5 and findings(dataset)[0][0] == kind.strip() and reason in str(dataset.findings[0])
    missing = int(kind == "missing depth")
    assert dataset._summarize(dataset.counts) == f"5 images, {missing} missing depth, {1 - missing} corrupt"


def test_depth_without_a_known_pixel_is_told_and_kept(folder):
    cv2.imwrite(str(folder / "depth/train/0.png"), np.zeros((HEIGHT, WIDTH), np.uint16))
    (folder / "depth/train/2.png").unlink()
    np.save(folder / "depth/train/2.npy", np.full((HEIGHT, WIDTH), -1.0))
    dataset = build(folder, "depth", nc=1)
    assert len(dataset) == 6 and findings(dataset) == [("no known depth", "0.png"), ("no known depth", "2.npy")]
    assert (dataset[0]["depth"] == 0).all() and (dataset[2]["depth"] == 0).all()


@pytest.mark.parametrize("scale", [0, -1, float("nan"), "1000", True])
def test_depth_scale(folder, scale):
    with pytest.raises(ValueError, match="depth_scale"):
        build(folder, "depth", nc=1, data={"depth_scale": scale})


def test_depth_of_half_size(folder):
    cv2.imwrite(str(folder / "depth/train/0.png"), depth_of(0)[::2, ::2])
    assert len(build(folder, "depth", nc=1)) == 6


# Caches


@pytest.mark.parametrize("task", ["semantic", "depth", "polygons"])
@pytest.mark.parametrize("kind", ["ram", "disk"])
@pytest.mark.parametrize("mode", ["train", "val"])
def test_caches_give_the_same_samples(folder, task, kind, mode):
    options = {"task": "depth", "nc": 1} if task == "depth" else {"masks": "masks" if task == "semantic" else ""}
    plain, cached = (build(folder, mode=mode, cache=cache, **options) for cache in (False, kind))
    assert cached.cache == kind
    for _ in range(2):
        for i in range(6):
            first, second = (dataset.get_image_and_label(i) for dataset in (plain, cached))
            np.testing.assert_array_equal(first["img"], second["img"])
            np.testing.assert_array_equal(first[plain.target], second[plain.target])
    if kind == "ram":
        assert cached.map_ram is not None and not cached.map_ram[0].flags.writeable
    stored = sorted(path.name for path in folder.rglob("*.map.npy"))
    assert len(stored) == (6 if kind == "disk" and task != "polygons" else 0)
    again = build(folder, mode=mode, **options)  # what a cache has left behind is no data
    assert len(again) == 6 and not again.findings


def test_disk_cache_follows_its_file(folder):
    build(folder, cache="disk")
    changed = (classes_of(0) + 1) % 4
    Image.fromarray(changed).save(folder / "masks/train/0.png")
    np.testing.assert_array_equal(build(folder, cache="disk").load_mask(0), changed)


@pytest.mark.parametrize("task", ["semantic", "depth"])
def test_workers_share_caches_and_make_the_same_batches(folder, task):
    results = []
    for workers, cache in ((0, False), (2, "ram")):
        dataset = build(folder, task, mode="train", nc=NC if task == "semantic" else 1, cache=cache, mosaic=0.0)
        loader = build_dataloader(dataset, 2, workers, shuffle=True, seed=1, device="cpu")
        results.append(list(loader))
        loader.close()
    for first, second in zip(*results, strict=True):
        for key in ("img", dataset.target):
            assert torch.equal(first[key], second[key])
