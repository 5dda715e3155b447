"""`RegionCounter`: how many objects are in each of several zones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ultralytics.engine.plots.palette import colors, contrasting
from ultralytics.solutions.counting import share_of
from ultralytics.solutions.geometry import named_zones
from ultralytics.solutions.solutions import DEFAULT_REGION, BaseSolution, SolutionResults
from ultralytics.utils.lazy import offer

__all__ = ["RegionCounter"]


class RegionCounter(BaseSolution):
    """Counts the objects whose middle is inside a zone, for each zone.

    Args:
        **kwargs: arguments of `SolutionConfig`, of which `region` is about this: zones by name, a list of zones, or the
            points of one.

    Attributes:
        counting_regions: for each zone a dictionary with `name`, `polygon`, `counts`, `region_color`, `text_color`.
        region_counts: zone name to count.

    Raises:
        ValueError: a region that is no zone.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.region_counts: dict[str, int] = {}
        self.counting_regions: list[dict[str, Any]] = []
        self.initialize_regions()

    def initialize_regions(self) -> None:
        """Make the zones of `region`, anew."""
        zones = named_zones(DEFAULT_REGION if self.region is None else self.region)
        self.region = {name: list(zone.points) for name, zone in zones.items()}
        self.counting_regions.clear()
        for i, (name, points) in enumerate(self.region.items()):
            color = colors(i, True)
            self.add_region(name, points, color, contrasting(color))

    def add_region(
        self,
        name: str,
        polygon_points: Sequence[Sequence[float]],
        region_color: tuple[int, int, int],
        text_color: tuple[int, int, int],
    ) -> dict[str, Any]:
        """Add a zone.

        Args:
            name: of the zone.
            polygon_points: three points or more.
            region_color: BGR.
            text_color: BGR.

        Returns:
            The zone's dictionary.
        """
        zone = named_zones({name: polygon_points})[name]
        entry = {
            "name": name,
            "polygon": zone,
            "prepared_polygon": zone,
            "counts": 0,
            "region_color": region_color,
            "text_color": text_color,
        }
        self.counting_regions.append(entry)
        self.region_counts[name] = 0
        return entry

    def process(self, im0: np.ndarray) -> SolutionResults:
        """Count the objects of a frame (H, W, 3) BGR, which is drawn on.

        Returns:
            `region_counts` and `total_tracks`.
        """
        self.check_region(im0, [point for entry in self.counting_regions for point in entry["polygon"].points])
        self.extract_tracks(im0)
        annotator = self.draw_on(im0)
        middles = []
        for box, track, cls, conf in zip(self.boxes, self.track_ids, self.clss, self.confs, strict=True):
            if self.show_boxes:
                annotator.box_label(box, self.adjust_box_label(cls, conf, track) or "", colors(track, True))
            x1, y1, x2, y2 = (float(v) for v in self.get_enclosing_box(box))
            middles.append(((x1 + x2) / 2, (y1 + y2) / 2))
        self.region_counts = share_of({entry["name"]: entry["polygon"] for entry in self.counting_regions}, middles)
        for entry in self.counting_regions:
            entry["counts"] = self.region_counts[entry["name"]]
            points = entry["polygon"].points
            annotator.draw_region(points, entry["region_color"], 2 * annotator.lw)
            annotator.queue_counts_display(str(entry["counts"]), points, entry["region_color"], entry["text_color"])
        plot_im = annotator.result()
        self.display_output(plot_im)
        return SolutionResults(
            plot_im=plot_im, total_tracks=len(self.track_ids), region_counts=dict(self.region_counts)
        )


__getattr__, __dir__ = offer(__name__)
