"""Names of the public weight files, so that `yolov8n.pt` or just `yolov8n` is known to be downloadable."""

from __future__ import annotations

from itertools import product
from pathlib import PurePath

__all__ = [
    "ASSETS_URL",
    "GITHUB_ASSETS_NAMES",
    "GITHUB_ASSETS_REPO",
    "GITHUB_ASSETS_STEMS",
    "LATEST_RELEASE",
    "PUBLIC_SETS",
]

GITHUB_ASSETS_REPO = "ultralytics/assets"
LATEST_RELEASE = "v8.4.0"
ASSETS_URL = f"https://github.com/{GITHUB_ASSETS_REPO}/releases/download/v0.0.0"  # sample images and fonts
PUBLIC_SETS = (  # data sets for classification whose archives the release has under their names
    "imagenet10", "imagenet100", "imagenette", "imagenette160", "imagenette320", "imagewoof", "imagewoof160",
    "imagewoof320", "cifar10", "cifar100", "mnist", "mnist160", "fashion-mnist", "caltech101", "caltech256",
)  # fmt: skip

# One line per family: the parts of a name, multiplied out. Single letters are model sizes.
_FAMILIES: tuple[tuple[tuple[str, ...] | str, ...], ...] = (
    ("yolov8", tuple("nsmlx"), ("", "-cls", "-seg", "-pose", "-obb", "-oiv7"), ".pt"),
    ("yolo11", tuple("nsmlx"), ("", "-cls", "-seg", "-pose", "-obb"), ".pt"),
    ("yolo12", tuple("nsmlx"), ".pt"),
    ("yolo26", tuple("nsmlx"), ("", "-cls", "-seg", "-sem", "-pose", "-obb", "-depth"), ".pt"),
    ("yolo26", tuple("nsmlx"), ("-objv1-150", "-objv1-seg", "-distill", "-sem-ade20k"), ".pt"),
    ("yolo26", tuple("nsmlx"), "-reid.onnx"),
    ("yolov5", tuple("nsmlx"), ("", "6"), "u.pt"),
    ("yolov3", ("", "-spp", "-tiny"), "u.pt"),
    ("yolov8", tuple("smlx"), ("-world", "-worldv2"), ".pt"),
    ("yoloe-", ("v8", "11"), tuple("sml"), ("-seg", "-seg-pf"), ".pt"),
    ("yoloe-26", tuple("nsmlx"), ("-seg", "-seg-pf"), ".pt"),
    ("yolov9", tuple("tsmce"), ".pt"),
    ("yolov9", tuple("ce"), "-seg.pt"),
    ("yolov10", tuple("nsmblx"), ".pt"),
    ("yolo_nas_", tuple("sml"), ".pt"),
    ("sam_", tuple("bl"), ".pt"),
    (("sam2_", "sam2.1_"), tuple("tsbl"), ".pt"),
    ("FastSAM-", tuple("sx"), ".pt"),
    ("rtdetr-", tuple("lx"), ".pt"),
    (("yolov8x-pose-p6", "yolo11n-grayscale", "mobile_sam"), ".pt"),
    (("mobileclip_blt", "mobileclip2_b"), ".ts"),
    ("calibration_image_sample_data_20x128x128x3_float32.npy.zip",),
)


def _expand(parts: tuple[tuple[str, ...] | str, ...]) -> list[str]:
    choices = [(part,) if isinstance(part, str) else part for part in parts]
    return ["".join(combination) for combination in product(*choices)]


GITHUB_ASSETS_NAMES = frozenset(name for family in _FAMILIES for name in _expand(family))
GITHUB_ASSETS_STEMS = frozenset(PurePath(name).stem for name in GITHUB_ASSETS_NAMES)
