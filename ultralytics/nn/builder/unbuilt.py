"""Blocks and files of families that are not built.

Naming one of their blocks in a model YAML, or one of their files, gives a sentence instead of a guess at a slip.
"""

from __future__ import annotations

import re
from pathlib import Path

from ultralytics.interface.families import FAMILIES
from ultralytics.interface.nn import UNBUILT

__all__ = ["reason_for_block", "refuse_file"]

NETWORKS = ("nn.modules.block", "nn.modules.head", "nn.tasks")  # public modules whose classes files and YAMLs name


def reason_for_block(name: str) -> str | None:
    """Return why a block or network of this name is missing, None where it is none of these families'."""
    families = (family for module in NETWORKS for family, names in UNBUILT[module].items() if name in names.split())
    return next((FAMILIES[family].reason for family in families), None)


def refuse_file(name: str | Path) -> None:
    """Check the name of a file that does not exist.

    Raises:
        NotImplementedError: it is a name of a family that is not built.
    """
    stem = Path(name).stem.lower()
    for family in FAMILIES.values():
        if re.match(family.files, stem):
            raise NotImplementedError(f"'{name}': {family.reason}")
