"""Families of the public package that this one does not build, and what to use instead.

Naming one of their blocks in a model YAML, or one of their files, gives a sentence instead of a guess at a slip.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["reason_for_block", "refuse_file"]


@dataclass(frozen=True)
class Family:
    """What belongs to one family.

    Attributes:
        files: pattern of its files' names, in small letters and without suffix.
        blocks: names of its blocks and heads in model YAMLs.
        reason: what is missing, and what to do instead.
    """

    files: re.Pattern[str]
    blocks: frozenset[str]
    reason: str


FAMILIES = (
    Family(
        re.compile(r"yolo.*-sem\b"),
        frozenset({"SemanticSegment"}),
        "semantic segmentation is not built; instance segmentation is: YOLO('yolo26n-seg.yaml').",
    ),
    Family(
        re.compile(r"yolo.*-depth\b"),
        frozenset({"Depth"}),
        "depth estimation is not built; of the tasks that are, none gives distances.",
    ),
    Family(
        re.compile(r"yoloe|yolo.*-world"),
        frozenset(
            {
                *("WorldDetect", "C2fAttn", "ImagePoolingAttn", "YOLOEDetect", "YOLOESegment", "YOLOESegment26"),
                *("BNContrastiveHead", "ContrastiveHead", "LRPCHead", "MaxSigmoidAttnBlock", "SAVPE"),
            }
        ),
        "open-vocabulary models (YOLO-World, YOLOE) are not built; train a detector for your classes instead: "
        "YOLO('yolo26n.yaml').",
    ),
)


def reason_for_block(name: str) -> str | None:
    """Return why a block of this name is missing, None where it is none of these families'."""
    return next((family.reason for family in FAMILIES if name in family.blocks), None)


def refuse_file(name: str | Path) -> None:
    """Check the name of a file that does not exist.

    Raises:
        NotImplementedError: it is a name of a family that is not built.
    """
    stem = Path(name).stem.lower()
    for family in FAMILIES:
        if family.files.match(stem):
            raise NotImplementedError(f"'{name}': {family.reason}")
