"""Callbacks for test_train_ddp.py; in a module of their own, so that training processes can import them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn


def freeze_norms(trainer: Any) -> None:
    """Keep BatchNorm statistics fixed, so that losses do not depend on how a batch is split."""
    for module in trainer.model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def note_images(trainer: Any) -> None:
    """Write down which images this process has seen, beside the run folder."""
    file = Path(trainer.args.project) / f"seen-{trainer.args.name}-{max(trainer.rank, 0)}.txt"
    with open(file, "a", encoding="utf-8") as stream:
        stream.writelines(f"{trainer.epoch} {Path(path).name}\n" for path in trainer.batch["im_file"])


def fail_on_rank_one(trainer: Any) -> None:
    """Raise in the second process only."""
    if trainer.rank == 1:
        raise RuntimeError("rank one has had enough")
