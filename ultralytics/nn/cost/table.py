"""What every model that ships costs: parameters and multiply-adds by family, size and variant, as one table.

Networks are built without memory for their weights (torch's meta device), so the largest one costs no more to count
than the smallest.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ultralytics.nn.builder.names import guess_model_task
from ultralytics.nn.cost.flops import count_flops, get_num_params
from ultralytics.nn.weights.load import model_from
from ultralytics.utils.env import ROOT
from ultralytics.utils.files import atomic_write
from ultralytics.utils.tqdm import TQDM
from ultralytics.utils.yaml_io import YAML

__all__ = ["ModelCost", "costs_text", "count_costs", "shipped_models", "write_costs"]

MODELS = ROOT / "cfg" / "models"
UNSIZED = re.compile(r"(yolov?\d+)(|-.*)")  # a version number with no size letter behind it
CLASSIFY_SIZE, OTHER_SIZE = 224, 640  # pixels, as the figures of these tasks are usually given
START, END = "<!-- table of models, written by: yolo info model=all out=docs/models.md -->", "<!-- end of table -->"


@dataclass(frozen=True)
class ModelCost:
    """One line of the table.

    Attributes:
        name: the model's name without suffix, such as `yolov8n-seg`.
        params: number of parameters.
        gflops: operations for one image, in 1e9, two per multiply-add.
        hook_gflops: what profilers that hook modules see of them.
        imgsz: side of the image in pixels.
    """

    name: str
    params: int
    gflops: float
    hook_gflops: float
    imgsz: int

    @property
    def cells(self) -> tuple[str, ...]:
        """The line as text."""
        return self.name, f"{self.params:,}", f"{self.gflops:.1f}", f"{self.hook_gflops:.1f}", str(self.imgsz)


COLUMNS = ("model", "parameters", "GFLOPs", "seen by hooks", "pixels")


def shipped_models() -> dict[str, list[str]]:
    """Return the names of all models whose YAML ships with the package, every size, by folder."""
    found: dict[str, list[str]] = {}
    for file in sorted(MODELS.rglob("*.yaml"), key=lambda file: (_version(file.parent.name), file.stem)):
        content = YAML.load(file)
        sizes = content.get("scales") or {"": ()}
        names = dict.fromkeys(_sized(file.stem, str(size)) for size in sizes)
        found.setdefault(file.parent.name, []).extend(names)
    return found


def _version(folder: str) -> tuple[int, str]:
    """Return what folders are sorted by: the number in their name; those without one come last."""
    digits = "".join(filter(str.isdigit, folder))
    return int(digits) if digits else sys.maxsize, folder


def _sized(stem: str, size: str) -> str:
    """Return a model's name with its size letter, behind the version number; names that tell their size have it."""
    match = UNSIZED.fullmatch(stem)
    return f"{match[1]}{size}{match[2]}" if match else stem


def cost_of(name: str) -> ModelCost:
    """Count one model by name."""
    with torch.device("meta"):
        model = model_from(f"{name}.yaml")
    size = CLASSIFY_SIZE if guess_model_task(model) == "classify" else OTHER_SIZE
    report = count_flops(model, size)
    return ModelCost(name, get_num_params(model), report.true_gflops, report.hook_gflops, size)


def count_costs(names: Iterable[str]) -> list[ModelCost]:
    """Count several models, with a bar."""
    wanted = list(names)
    return [cost_of(name) for name in TQDM(wanted, total=len(wanted), desc="counting models")]


def costs_text(costs: Mapping[str, Sequence[ModelCost]], markdown: bool = False) -> str:
    """Return the table by folder, in columns for a terminal or as Markdown."""
    parts = []
    for folder, lines in costs.items():
        rows = [line.cells for line in lines]
        if markdown:
            head = [COLUMNS, ("---", "---:", "---:", "---:", "---:")]
            body = "\n".join("| " + " | ".join(row) + " |" for row in [*head, *rows])
            parts.append(f"### {folder}\n\n{body}")
        else:
            width = max(len(row[0]) for row in [*rows, COLUMNS])
            body = (f"{row[0]:<{width}} {row[1]:>13} {row[2]:>9} {row[3]:>14} {row[4]:>7}" for row in [COLUMNS, *rows])
            parts.append(f"{folder}\n" + "\n".join(body))
    return "\n\n".join(parts)


def write_costs(file: str | Path, costs: Mapping[str, Sequence[ModelCost]]) -> Path:
    """Write the table as Markdown: in the place of the one that the file has, else as the whole file.

    Args:
        file: page to write.
        costs: lines by folder.

    Raises:
        ValueError: the file has a beginning of a table and no end, or the other way round.
    """
    target = Path(file)
    table = f"{START}\n\n{costs_text(costs, markdown=True)}\n\n{END}\n"
    text = target.read_text(encoding="utf-8") if target.exists() else ""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if text and bool(start) != bool(end or END in before):
        raise ValueError(f"'{target}' has only one of the lines '{START}' and '{END}'; the table goes between both.")
    if text and not start:
        raise FileExistsError(f"'{target}' exists and has no line '{START}' that says where the table goes.")
    with atomic_write(target, "w") as stream:
        stream.write(f"{before}{table}{after.removeprefix(chr(10))}")
    return target
