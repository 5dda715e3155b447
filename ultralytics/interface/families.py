"""Families of the public interface that are not built: what is missing and what to do instead, one sentence each."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FAMILIES", "Family"]


@dataclass(frozen=True)
class Family:
    """What belongs together and is missing together.

    Attributes:
        reason: what is missing, and what to do instead.
        files: pattern that names of its weights and model YAMLs match, in small letters and without suffix.
    """

    reason: str
    files: str = r"(?!)"


FAMILIES = {
    "cloud": Family("there is no cloud service here; models, data and runs stay on this machine."),
    "distill": Family(
        "distillation is not built; train without a teacher, from good start weights: pretrained='weights.pt'."
    ),
    "drive": Family("files on Google Drive are not fetched, since it wants a browser; fetch the file there first."),
    "explorer": Family("the data set explorer is not built; label files and `results.to_df()` open in any table tool."),
    "export": Family("of the export formats, docs/export.md lists those that are built; use one of them."),
    "fastsam": Family(
        "FastSAM is not built; use a segmentation model, YOLO('yolo26n-seg.yaml'), or its authors' package 'fastsam'.",
        files=r"fastsam(-[sx])?$",
    ),
    "int8": Family(
        "NVIDIA's ModelOpt is not used here; ONNX Runtime's tools write 8 bits: "
        "model.export(format='onnx', quantize=8)."
    ),
    "llm": Family("clients of language models are not built; use the package 'openai'."),
    "nas": Family(
        "YOLO-NAS is not built; use a YOLO detector, YOLO('yolo26n.yaml'), or its authors' package 'super-gradients'.",
        files=r"yolo_nas_[sml]$",
    ),
    "ndjson": Family(
        "NDJSON and cloud data sets are not built; export the data set as YOLO files, or as COCO for convert_coco."
    ),
    "neptune": Family("logging to Neptune is not built; the other loggers of `yolo settings` are."),
    "providers": Family("of ONNX Runtime's providers, those for CUDA and for the processor are used; others are not."),
    "qat": Family(
        "quantisation-aware training is not built; train normally and calibrate afterwards: "
        "model.export(format='onnx', quantize=8, data=...)."
    ),
    "sam": Family(
        "Segment Anything (SAM) is not built; use a segmentation model, YOLO('yolo26n-seg.yaml'), or its authors' "
        "package 'segment-anything'.",
        files=r"(sam_[blh]|sam2(\.1)?_[tsbl]|sam3|mobile_sam)$",
    ),
    "world": Family(
        "open-vocabulary models (YOLO-World, YOLOE) are not built; train a detector for your classes instead: "
        "YOLO('yolo26n.yaml').",
        files=r"yoloe|yolo.*-world",
    ),
}
