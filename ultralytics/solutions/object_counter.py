"""`ObjectCounter`: how many objects cross a line or enter a zone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ultralytics.engine.plots.palette import colors
from ultralytics.solutions.counting import IN, OUT, Tally, passage
from ultralytics.solutions.geometry import region_of
from ultralytics.solutions.old_calls import old_arguments, old_call
from ultralytics.solutions.solutions import BaseSolution, SolutionAnnotator, SolutionResults
from ultralytics.utils.lazy import offer

__all__ = ["ObjectCounter"]


class ObjectCounter(BaseSolution):
    """Counts objects at a line or in a zone; how is said in `solutions.counting`.

    Args:
        **kwargs: arguments of `SolutionConfig`, of which `region`, `show_in` and `show_out` are about counting.

    Attributes:
        tally: the counts; `in_count`, `out_count`, `counted_ids` and `classwise_count` are parts of it.

    Raises:
        ValueError: a region that is neither line nor zone.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tally = Tally()
        if self.region is not None:
            region_of(self.region)  # what is wrong with it is said before a film is opened
        self.region_initialized = False
        self.show_in, self.show_out = self.CFG["show_in"], self.CFG["show_out"]
        self.margin: int | None = None  # of the plate with counts; by line width
        self.track_color: tuple[int, int, int] | None = None
        self.draw_tracks = True

    @property
    def in_count(self) -> int:
        """Objects that came in."""
        return self.tally.in_count

    @property
    def out_count(self) -> int:
        """Objects that went out."""
        return self.tally.out_count

    @property
    def counted_ids(self) -> set[int]:
        """Tracks that have been counted."""
        return self.tally.counted_ids

    @property
    def classwise_count(self) -> dict[str, dict[str, int]]:
        """Class name to counts in and out."""
        return self.tally.classwise_count

    def count_objects(
        self,
        current_centroid: Sequence[float],
        track_id: int,
        prev_position: Sequence[float] | None,
        cls: int,
    ) -> None:
        """Count a track where its last step comes in or goes out.

        Args:
            current_centroid: where it is.
            track_id: its number.
            prev_position: where it was when it was last seen, None when it is new.
            cls: its class.
        """
        if prev_position is not None and track_id not in self.counted_ids:
            self.tally.add(track_id, self.name_of(cls), passage(self.r_s, prev_position, current_centroid))

    def forget_tracks(self, track_ids: Iterable[int]) -> None:
        """Drop what is kept of tracks that will not come back; they stay in the counts."""
        gone = list(track_ids)
        super().forget_tracks(gone)
        self.counted_ids.difference_update(gone)

    def display_counts(self, plot_im: np.ndarray) -> None:
        """Write the counts of every class into a corner of a frame."""
        shown = [word for word, wanted in ((IN, self.show_in), (OUT, self.show_out)) if wanted]
        texts = {
            name.capitalize(): " ".join(f"{word} {counts[word]}" for word in shown)
            for name, counts in self.classwise_count.items()
            if shown and any(counts[word] for word in shown)
        }
        if texts:
            self.annotator.display_analytics(plot_im, texts, (104, 31, 17), (255, 255, 255), self.margin)

    def count_frame(self, annotator: SolutionAnnotator) -> None:
        """Draw the region and the tracks of a frame, and count them."""
        annotator.draw_region(self.region, (104, 0, 123), 2 * annotator.lw)
        for box, track, cls, conf in zip(self.boxes, self.track_ids, self.clss, self.confs, strict=True):
            color = self.track_color or colors(cls, True)
            if self.show_boxes:
                annotator.box_label(box, self.adjust_box_label(cls, conf, track) or "", color)
            self.store_tracking_history(track, box)
            trail = self.track_history[track]
            if self.draw_tracks:
                annotator.trail(trail, color)
            self.count_objects(trail[-1], track, trail[-2] if len(trail) > 1 else None, cls)

    def prepare_region(self, im0: np.ndarray) -> None:
        """Make line or zone of the region, once."""
        if not self.region_initialized:
            self.initialize_region()
            self.check_region(im0, self.r_s.points)
            self.region_initialized = True

    def process(self, im0: np.ndarray) -> SolutionResults:
        """Count the objects of a frame (H, W, 3) BGR, which is drawn on.

        Returns:
            `in_count`, `out_count`, `classwise_count` and `total_tracks`.
        """
        self.prepare_region(im0)
        self.extract_tracks(im0)
        annotator = self.draw_on(im0)
        self.count_frame(annotator)
        plot_im = annotator.result()
        self.display_counts(plot_im)
        self.display_output(plot_im)
        return self.counted(plot_im)

    def counted(self, plot_im: np.ndarray) -> SolutionResults:
        """Return the counts so far, with the frame that they were drawn on."""
        return SolutionResults(
            plot_im=plot_im,
            in_count=self.in_count,
            out_count=self.out_count,
            classwise_count={name: dict(counts) for name, counts in self.classwise_count.items()},
            total_tracks=len(self.track_ids),
        )

    set_args = old_arguments(
        "classes_names reg_pts count_reg_color line_thickness track_thickness view_img view_in_counts view_out_counts "
        "draw_tracks count_txt_thickness count_txt_color count_color track_color region_thickness line_dist_thresh",
        draw_tracks="draw_tracks",
        track_color="track_color",
    )
    start_counting = old_call("start_counting")


__getattr__, __dir__ = offer(__name__)
