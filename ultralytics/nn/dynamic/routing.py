"""How a dynamic model routes: mean routing weights per layer, for every image or every class, as a table and a picture.

A layer that gives all images the same weights has experts to no purpose; one whose rows differ uses them. The report
is taken from the router itself while images run through the model, so it holds for any model with dynamic
convolutions.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import nn

from ultralytics.cfg.commands import ROUTING
from ultralytics.cfg.errors import ConfigValueError, named
from ultralytics.cfg.merge import get_save_dir
from ultralytics.nn.block.parameternet import DynamicConv2d
from ultralytics.nn.builder.names import guess_model_task
from ultralytics.nn.weights.load import model_from
from ultralytics.utils.files import atomic_write, increment_path
from ultralytics.utils.log import LOGGER
from ultralytics.utils.text import label_text, plot_text

__all__ = ["RoutingReport", "main", "plot_routing", "routing_report"]

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
PAD = 114  # grey of the border that letterboxing adds


@dataclass(frozen=True)
class RoutingReport:
    """Mean routing weights.

    Attributes:
        groups: what the rows are means over: images or classes.
        layers: names of the dynamic convolutions.
        weights: (groups, layers, E) float32 in 0..1; NaN where a layer has fewer experts than another.
        counts: (groups,) images behind every group.
    """

    groups: tuple[str, ...]
    layers: tuple[str, ...]
    weights: np.ndarray
    counts: np.ndarray

    @property
    def spread(self) -> np.ndarray:
        """(layers,) largest difference between groups of any expert's weight; 0 where routing ignores the input."""
        if not len(self.groups):
            return np.zeros(len(self.layers), np.float32)
        return np.nan_to_num(self.weights.max(0) - self.weights.min(0)).max(-1)

    def rows(self) -> list[dict[str, Any]]:
        """Return one record per group and layer: group, images, layer, expert0, expert1 ..."""
        return [
            {"group": group, "images": int(self.counts[g]), "layer": layer}
            | {f"expert{e}": float(w) for e, w in enumerate(self.weights[g, i]) if not np.isnan(w)}
            for g, group in enumerate(self.groups)
            for i, layer in enumerate(self.layers)
        ]

    def save_csv(self, file: str | Path) -> Path:
        """Write `rows()` as a comma-separated table."""
        names = ["group", "images", "layer", *(f"expert{e}" for e in range(self.weights.shape[-1]))]
        lines = [",".join(names)]
        for row in self.rows():
            name = row["group"].replace('"', '""')
            cells = [f'"{name}"', str(row["images"]), row["layer"]]
            lines.append(",".join(cells + [f"{row[n]:.6f}" if n in row else "" for n in names[3:]]))
        with atomic_write(file, "w") as out:
            out.write("\n".join(lines) + "\n")
        return Path(file)

    def __str__(self) -> str:
        width = max([5, *(len(label_text(group)) for group in self.groups)])
        head = f"{'group':<{width}} {'images':>6} {'layer':<24} weights"
        body = [
            f"{label_text(row['group']):<{width}} {row['images']:>6} {row['layer']:<24} "
            + " ".join(f"{v:.3f}" for k, v in row.items() if k.startswith("expert"))
            for row in self.rows()
        ]
        return "\n".join([head, *body])


def routing_report(
    model: nn.Module,
    images: torch.Tensor | Iterable[torch.Tensor | Mapping[str, Any]],
    names: Sequence[str] | None = None,
) -> RoutingReport:
    """Run images through a model and report how it routes them.

    Args:
        model: any module with dynamic convolutions; its mode is put back afterwards.
        images: a tensor (B, C, H, W) or an iterable of such tensors, float in 0..1 or uint8, for a row per image; or a
            loader of batches with `img`, `cls` (n, 1) and `batch_idx` (n,), for a row per class: an image counts once
            for every class that it shows.
        names: names of the images, in order; numbers where None. Classes take the names of the model.

    Raises:
        ValueError: if the model has no dynamic convolution, or no image came.
    """
    layers = {name: m for name, m in model.named_modules() if isinstance(m, DynamicConv2d)}
    if not layers:
        raise ValueError(f"{type(model).__name__} has no dynamic convolution, so there is no routing to report.")
    experts = max(layer.num_experts for layer in layers.values())
    sums: dict[str, np.ndarray] = {}
    counts: dict[str, int] = {}
    seen = 0
    for batch in [images] if isinstance(images, torch.Tensor) else images:
        pixels = batch["img"] if isinstance(batch, Mapping) else batch
        weights = _weights(model, layers, pixels if pixels.ndim == 4 else pixels[None], experts)
        if isinstance(batch, Mapping):
            members = _classes_of(model, batch)
        else:
            members = [(_name(names, seen + i), i) for i in range(len(weights))]
        seen += len(weights)
        for group, index in members:
            sums[group] = sums.get(group, 0) + weights[index]
            counts[group] = counts.get(group, 0) + 1
    if not sums:
        raise ValueError("no image came, or no image had a label: nothing to report.")
    means = np.stack([sums[group] / counts[group] for group in sums]).astype(np.float32)
    return RoutingReport(tuple(sums), tuple(layers), means, np.array([counts[group] for group in sums]))


def _name(names: Sequence[str] | None, index: int) -> str:
    return names[index] if names is not None and index < len(names) else f"image {index}"


def _classes_of(model: nn.Module, batch: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return (class name, image index) once for every class in every image, classes in order of their number."""
    pairs = torch.stack((batch["cls"].view(-1).long().cpu(), batch["batch_idx"].view(-1).long().cpu()), 1)
    known = getattr(model, "names", None) or {}
    known = dict(enumerate(known)) if isinstance(known, (list, tuple)) else known
    return [(str(known.get(c, c)), i) for c, i in torch.unique(pairs, dim=0).tolist()]


def _weights(model: nn.Module, layers: Mapping[str, DynamicConv2d], pixels: torch.Tensor, experts: int) -> np.ndarray:
    """Return routing weights (B, layers, experts) of a batch."""
    parameter = next(model.parameters())
    pixels = pixels / 255 if pixels.dtype == torch.uint8 else pixels
    found: dict[str, torch.Tensor] = {}

    def note(name: str):
        def hook(layer: DynamicConv2d, args: tuple[torch.Tensor, ...]) -> None:
            found[name] = layer.route(args[0]).float().cpu()

        return hook

    handles = [layer.register_forward_pre_hook(note(name)) for name, layer in layers.items()]
    training = model.training
    try:
        with torch.no_grad():
            model.eval()(pixels.to(parameter.device, parameter.dtype))
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    table = np.full((len(pixels), len(layers), experts), np.nan, np.float32)
    for i, name in enumerate(layers):
        if name in found:  # a layer may sit in a branch that was not taken
            table[:, i, : found[name].shape[1]] = found[name].numpy()
    return table


def plot_routing(report: RoutingReport, file: str | Path, max_groups: int = 12) -> Path:
    """Draw the report as heat maps of experts by layers, one per group, and the mean over all; returns the file.

    Args:
        report: result of `routing_report`.
        file: picture to write.
        max_groups: draw the mean and at most this many groups.
    """
    total = np.average(report.weights, 0, weights=report.counts)
    panels = [("mean", total), *zip(report.groups, report.weights, strict=True)][: max_groups + 1]
    if len(report.groups) == 1:
        panels = panels[1:]
    columns = min(4, len(panels))
    lines = -(-len(panels) // columns)
    height = max(1.6, 0.32 * len(report.layers) + 0.9)
    figure = Figure(figsize=(2.6 * columns + 2.2, height * lines), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for axis, (title, table) in zip(axes, panels, strict=False):
        picture = axis.imshow(table, vmin=0, vmax=1, cmap="viridis", aspect="auto")
        axis.set_title(plot_text(title if len(title) <= 28 else f"...{title[-25:]}"), fontsize=8)
        axis.set_xticks(range(table.shape[1]), [f"e{e}" for e in range(table.shape[1])], fontsize=7)
        axis.set_yticks(range(len(report.layers)), report.layers if axis in axes[::columns] else [], fontsize=7)
        for (i, e), value in np.ndenumerate(table):
            if not np.isnan(value):
                shade = "black" if value > 0.6 else "white"
                axis.text(e, i, f"{value:.2f}", ha="center", va="center", fontsize=6, color=shade)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    figure.colorbar(picture, ax=list(axes), label="mean routing weight", shrink=0.8)
    with atomic_write(file) as out:
        figure.savefig(out, format=Path(file).suffix.lstrip(".") or "png", dpi=150)
    return Path(file)


def _read_image(path: Path, size: int, stride: int = 32) -> torch.Tensor:
    """Return an image file as (3, H, W) float RGB in 0..1, its longer side `size`, borders added up to the stride."""
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} is not an image that can be read.")
    ratio = size / max(image.shape[:2])
    height, width = (max(1, round(side * ratio)) for side in image.shape[:2])
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    below, right = -height % stride, -width % stride
    image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(PAD,) * 3)
    return torch.from_numpy(np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1))).float() / 255


def _find_images(source: str | Path) -> list[Path]:
    path = Path(source)
    found = [path] if path.is_file() else sorted(path.iterdir()) if path.is_dir() else sorted(glob.glob(str(source)))
    files = [Path(f) for f in found if Path(f).suffix.lower() in SUFFIXES]
    if not files:
        raise FileNotFoundError(
            f"no image at '{source}'; give a file, a folder or a pattern ({', '.join(sorted(SUFFIXES))})."
        )
    return files


def _label_classes(image: Path) -> list[int]:
    """Return the class numbers in the label file of an image: `.../images/a.jpg` has `.../labels/a.txt`."""
    parts = list(image.with_suffix(".txt").parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    file = Path(*parts)
    if not file.is_file():
        return []
    try:
        return sorted({int(float(line.split()[0])) for line in file.read_text("utf-8").splitlines() if line.strip()})
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{file}: every line starts with the number of a class ({error}).") from error


def _labelled(files: Sequence[Path], size: int) -> Iterable[dict[str, torch.Tensor]]:
    """Yield batches of one image with the classes of its label file."""
    for file in files:
        classes = torch.tensor(_label_classes(file), dtype=torch.float32).view(-1, 1)
        yield {"img": _read_image(file, size)[None], "cls": classes, "batch_idx": torch.zeros(len(classes))}


def _folder(args: Mapping[str, Any], model: nn.Module) -> Path:
    """Make and return the folder of the results."""
    keys = ("save_dir", "project", "name", "exist_ok")
    task = getattr(model, "task", None) or guess_model_task(model)
    place = SimpleNamespace(task=task, mode="routing", **{key: args.get(key) for key in keys})
    reuse = bool(place.save_dir or place.exist_ok)
    # The name may have been taken since: increment_path chooses and makes a folder in one go.
    return increment_path(get_save_dir(place), exist_ok=reuse, mkdir=True)


def main(args: Mapping[str, Any]) -> RoutingReport:
    """Run `yolo routing model=... source=... [by=image|class] [imgsz=640] [trust=true]` and write table and picture.

    They go into `save_dir`, or a new folder `<runs_dir>/<task>/<project>/<name>` as those of the modes do.

    Args:
        args: the command's key=value pairs, see `cfg.commands.ROUTING`; `source` is an image, a folder or a pattern.
            `by=class` reads the classes of every image from the label file beside it. `trust=true` opens a checkpoint
            with classes of your own.

    Raises:
        ConfigValueError: for a missing value or an unknown key or value.
    """
    given = ROUTING.complete({key: value for key, value in args.items() if key not in {"task", "mode"}})
    for key in ("model", "source"):
        if not given[key]:
            raise ConfigValueError(f"'yolo routing' needs {key}=..., e.g. yolo routing model=best.pt source=images/")
    by, size = given["by"], given["imgsz"]
    files = _find_images(given["source"])
    with named("model", given["model"]):
        model = model_from(given["model"], trust=given["trust"])
    if by == "class":
        report = routing_report(model, _labelled(files, size))
    else:
        report = routing_report(model, (_read_image(f, size) for f in files), [f.name for f in files])
    folder = _folder(given, model)
    table, picture = report.save_csv(folder / "routing.csv"), plot_routing(report, folder / "routing.png")
    groups = "classes" if by == "class" else "images"
    LOGGER.info(f"{report}\n\nspread over {groups} by layer (0: the input does not matter):")
    for layer, value in zip(report.layers, report.spread, strict=True):
        LOGGER.info(f"  {layer:<24} {value:.3f}")
    LOGGER.info(f"Results saved to {table} and {picture}")
    return report
