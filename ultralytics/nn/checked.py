"""Model files of this package that need no trial by an image, since the tests have tried them.

A trial finds the strides of a head that has strides. RT-DETR's has none: its trial looks for wrong rows alone, and
takes about as long as everything else in a build. It is left out where a YAML says, comments aside, what one of the
files says that the tests build at every size. An edited file has another fingerprint and is tried as any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from ultralytics.nn.build import Plan

__all__ = ["fingerprint", "is_checked"]

CHECKED = frozenset(
    {
        "3a091a02d2a39c5e6342c99b9a24142a",  # rtdetr-l-DynamicConv
        "5e95da3f42cab44f15acc24eda01a585",  # rtdetr-l
        "780dcf87ca299457f8e47b6932bd1148",  # rtdetr-resnet101
        "c4e545786e650149a663ffca7f9a4b61",  # rtdetr-resnet50
        "fd5008c65872721c6d6057e1d49b5189",  # rtdetr-x
        "0db3b8fc9c213e3f72e81de209c991c1",  # yolov8-rtdetr
    }
)  # tests/nn/test_checked.py keeps these true and says what to write here
FREE_KEYS = frozenset({"nc", "channels", "scale", "yaml_file"})  # every value of these builds, or `plan` refuses it


def fingerprint(content: Mapping[str, Any]) -> str:
    """Return a checksum over everything in a model YAML that decides how its layers fit together.

    Args:
        content: what `yaml_model_load` gives, or a network's `yaml`.
    """
    text = repr({k: v for k, v in content.items() if k not in FREE_KEYS})
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def is_checked(content: Mapping[str, Any], plan: Plan) -> bool:
    """Return whether the tests have built this very content from this package's blocks.

    Args:
        content: content of the YAML.
        plan: what was planned from it; it knows whether a block was replaced by a registered one of the same name.
    """
    return not plan.modules and fingerprint(content) in CHECKED
