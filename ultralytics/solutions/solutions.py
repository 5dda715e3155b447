"""`BaseSolution`: what every video application does: open a model, follow objects, time, log and show.

An application of one's own is a subclass with a method `process(im0)` that calls `extract_tracks(im0)`, looks at
`boxes`, `track_ids`, `clss` and `confs`, draws, and returns `SolutionResults`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import torch

from ultralytics.engine.results import Results
from ultralytics.models.yolo.model import YOLO
from ultralytics.solutions.annotator import SolutionAnnotator
from ultralytics.solutions.config import SolutionConfig
from ultralytics.solutions.geometry import Line, Zone, region_of
from ultralytics.solutions.results import SolutionResults
from ultralytics.utils.checks.requirements import require
from ultralytics.utils.checks.system import check_imshow
from ultralytics.utils.lazy import offer
from ultralytics.utils.log import LOGGER
from ultralytics.utils.timing import Profile

__all__ = ["BaseSolution", "SolutionAnnotator", "SolutionResults"]

WINDOW = "Ultralytics Solutions"
TRAIL = 30  # positions of a track that are kept
DEFAULT_REGION = [(10, 200), (540, 200), (540, 180), (10, 180)]
FOLLOWING = ("iou", "conf", "device", "max_det", "quantize", "tracker", "imgsz")  # arguments handed to the tracker


class BaseSolution:
    """Base of the video applications. Calling one with a frame returns `SolutionResults`.

    Args:
        is_cli: made by the command line.
        **kwargs: arguments of `SolutionConfig`. Without `model`, one that fits is opened when it is first needed.

    Attributes:
        CFG: all arguments as a dictionary.
        model: the network, a `YOLO`; names: its classes.
        region: points as given; r_s: the same as `Line` or `Zone`, after `initialize_region`.
        tracks: `Results` of the frame; track_data: its `Boxes` or `OBB`; masks: its masks.
        boxes: (N, 4) xyxy, or (N, 4, 2) corners of oriented boxes, in pixels.
        clss, track_ids, confs: class, track and confidence of every box.
        track_history: track to its last 30 positions; track_line: positions of the track that was stored last.
        frame_no: frames so far, counted from 0.

    Raises:
        ValueError: an argument that there is not, or a value out of range; names what is allowed.
        TypeError: a value of a wrong type.
    """

    default_model = "yolo26n.pt"

    def __init__(self, is_cli: bool = False, **kwargs: Any) -> None:
        self.CFG: dict[str, Any] = dict(vars(SolutionConfig().update(**kwargs)))
        self.LOGGER = LOGGER
        self.is_cli = is_cli
        self.annotator: SolutionAnnotator | None = None
        self.tracks: Results | None = None
        self._drop_objects()
        self.track_line: list[tuple[float, float]] | None = None
        self.track_history: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
        self.frame_no = -1
        self.region = self.CFG["region"]
        self.r_s: Line | Zone | None = None
        self.line_width = self.CFG["line_width"]
        self.classes, self.device = self.CFG["classes"], self.CFG["device"]
        self.show_conf, self.show_labels = self.CFG["show_conf"], self.CFG["show_labels"]
        self.show_boxes = self.CFG["show_boxes"]
        self.track_add_args = {name: self.CFG[name] for name in FOLLOWING}
        self.profilers = Profile(), Profile()
        self.closed = False  # someone has closed the window
        self._auto_width = "line_width" not in kwargs
        self._model: Any = None
        self._names: dict[int, str] | None = None
        self._given: Results | None = None
        self._said: set[str] = set()
        self._known: set[int] = set()  # tracks that have been seen and not been forgotten
        if self.CFG["model"] is not None:
            self.model = self.CFG["model"]
            self.CFG["model"] = getattr(self._model, "model_name", self.CFG["model"])
        else:
            self.CFG["model"] = self.default_model
        if self.CFG["verbose"]:
            told = {name: self.CFG[name] for name in ("model", *kwargs) if name in self.CFG}
            LOGGER.info(f"{WINDOW}: " + ", ".join(f"{name}={value}" for name, value in told.items()))

    # Model and region -------------------------------------------------------------------------------------------------

    @property
    def model(self) -> Any:
        """The network, opened when it is first needed."""
        if self._model is None:
            self.model = self.CFG["model"]
        return self._model

    @model.setter
    def model(self, value: Any) -> None:
        self._model = value if hasattr(value, "predict") else YOLO(value)

    @property
    def names(self) -> dict[int, str]:
        """Class number to class name."""
        if self._names is None and self._model is None and self.tracks is not None:
            return self.tracks.names  # tracks were handed in, and no network was needed
        return self.model.names if self._names is None else self._names

    @names.setter
    def names(self, value: Any) -> None:
        self._names = dict(enumerate(value)) if isinstance(value, (list, tuple)) else value

    @property
    def env_check(self) -> bool:
        """Whether windows can be shown here; says why not where they are wanted."""
        return check_imshow(warn=self._once("display") and bool(self.CFG["show"]))

    def __getattr__(self, name: str) -> Any:
        """Hand out shapely's classes to applications that were written with them."""
        if name in {"LineString", "Point", "Polygon"}:
            return getattr(require("shapely.geometry", "solutions", "this application"), name)
        if name == "prep":
            return require("shapely.prepared", "solutions", "this application").prep
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def initialize_region(self) -> None:
        """Make `r_s` of `region`: a `Line` of two points, a `Zone` of more; without any, of a zone that is the default.

        Raises:
            ValueError: a region that is neither.
        """
        if self.region is None:
            self.region = list(DEFAULT_REGION)
        self.r_s = region_of(self.region)

    def check_region(self, im0: np.ndarray, points: Iterable[Sequence[float]]) -> None:
        """Warn, once, of a region that has no point inside the picture: nothing could ever be in it."""
        height, width = im0.shape[:2]
        xy = np.asarray(list(points), np.float64)
        if (xy[:, 0].max() < 0 or xy[:, 1].max() < 0 or xy[:, 0].min() >= width or xy[:, 1].min() >= height) and (
            self._once("region")
        ):
            LOGGER.warning(f"the region {xy.astype(int).tolist()} is outside of the picture, {width}x{height} pixels.")

    def _once(self, subject: str) -> bool:
        """Whether something is to be said that has not been said yet."""
        fresh = subject not in self._said
        self._said.add(subject)
        return fresh

    # Tracks -----------------------------------------------------------------------------------------------------------

    def follow(self, im0: np.ndarray) -> Results:
        """Return the tracked objects of a frame. What tracks by other means replaces this."""
        if self._given is not None:
            return self._given
        return self.model.track(source=im0, persist=True, classes=self.classes, verbose=False, **self.track_add_args)[0]

    def extract_tracks(self, im0: np.ndarray) -> None:
        """Follow the objects of a frame (H, W, 3) BGR, and take what was found."""
        with self.profilers[0]:
            found = self.follow(im0)
        self.take(found)
        self._known.update(self.track_ids)
        gone = self._known.intersection(self._ended())
        if gone:
            self._known -= gone
            self.forget_tracks(sorted(gone))

    def _ended(self) -> Iterable[int]:
        """Return tracks that will not come back, as far as the model's tracker says which."""
        trackers = getattr(getattr(self._model, "predictor", None), "trackers", None) if self._given is None else None
        if not trackers:
            return ()
        ended = getattr(trackers[0], "removed_stracks_frame", None) or getattr(trackers[0], "removed_stracks", ())
        return (track.track_id for track in ended)

    def _drop_objects(self) -> None:
        """Have no objects: before the first frame, and before what a frame shows is taken."""
        self.boxes: Any = []
        self.clss, self.track_ids, self.confs = [], [], []
        self.track_data = self.masks = None

    def take(self, found: Results) -> None:
        """Take boxes, classes, tracks and confidences out of results; all empty where nothing is tracked."""
        self._drop_objects()
        self.tracks, self.masks = found, getattr(found, "masks", None)
        self.track_data = found.obb if getattr(found, "obb", None) is not None else found.boxes
        if self.track_data is None or getattr(self.track_data, "id", None) is None:
            if self._once("tracks"):
                LOGGER.warning("no tracks in this frame; frames without any are not mentioned again.")
            return
        data = self.track_data.cpu() if isinstance(self.track_data.data, torch.Tensor) else self.track_data
        whole = np.isfinite(np.asarray(data.data)).all(1)
        if not whole.all():
            if self._once("numbers"):
                LOGGER.warning("tracks with positions that are no numbers are left out.")
            data = data[whole]
        self.boxes = data.xyxyxyxy if hasattr(data, "xyxyxyxy") else data.xyxy
        self.clss = [int(value) for value in data.cls.tolist()]
        self.track_ids = [int(value) for value in data.id.tolist()]
        self.confs = [float(value) for value in data.conf.tolist()]

    def forget_tracks(self, track_ids: Iterable[int]) -> None:
        """Drop what is kept of tracks that will not come back, so that memory stays flat."""
        for track in track_ids:
            self.track_history.pop(track, None)

    def store_tracking_history(self, track_id: int, box: Any) -> None:
        """Add the middle of a box to the trail of its track.

        Args:
            track_id: number of the track.
            box: x1, y1, x2, y2, or (4, 2) corners.
        """
        corners = np.asarray(box.cpu() if isinstance(box, torch.Tensor) else box, np.float64).reshape(-1, 2)
        x, y = corners.mean(0).tolist()
        self.track_line = self.track_history[track_id]
        self.track_line.append((x, y))
        del self.track_line[:-TRAIL]

    @staticmethod
    def get_enclosing_box(box: Any) -> Any:
        """Return x1, y1, x2, y2 of the upright box around (4, 2) corners; an upright box as it is."""
        if isinstance(box, torch.Tensor) and box.ndim == 2:
            return torch.cat((box.amin(0), box.amax(0)))
        corners = np.asarray(box)
        return np.concatenate((corners.min(0), corners.max(0))) if corners.ndim == 2 else box

    @contextmanager
    def given(self, tracks: Any) -> Any:
        """Use tracks that were found elsewhere instead of following objects.

        Args:
            tracks: what `model.track(frame)` returned, a list of one `Results`, or the `Results`.
        """
        self._given = tracks[0] if isinstance(tracks, (list, tuple)) else tracks
        try:
            yield self
        finally:
            self._given = None

    # Drawing and output -----------------------------------------------------------------------------------------------

    def drawn_width(self) -> int | None:
        """Return the width of lines in pixels, None where nobody has said one: then the picture's size decides."""
        return None if self._auto_width and self.line_width == SolutionConfig().line_width else self.line_width

    def draw_on(self, im0: np.ndarray) -> SolutionAnnotator:
        """Return an annotator that draws onto a frame, kept as `annotator`."""
        self.annotator = SolutionAnnotator(im0, line_width=self.drawn_width(), example=list(self.names.values()))
        return self.annotator

    def name_of(self, cls: int) -> str:
        """Return the name of a class, its number where it has none."""
        return str(self.names.get(int(cls), int(cls)))

    def adjust_box_label(self, cls: int, conf: float, track_id: int | None = None) -> str | None:
        """Return the label of a box: track, class and confidence as far as they are to be shown; None for no label."""
        if not self.show_labels:
            return None
        parts = ["" if track_id is None else str(track_id), self.name_of(cls), f"{conf:.2f}" if self.show_conf else ""]
        return " ".join(part for part in parts if part)

    def display_output(self, plot_im: np.ndarray) -> None:
        """Show a frame in a window where that is wanted and possible; `q` closes it."""
        if not self.CFG["show"] or self.closed or not self.env_check:
            return
        cv2.imshow(WINDOW, plot_im)
        self.on_window(WINDOW)
        if cv2.waitKey(1) & 0xFF == ord("q"):
            self.closed = True
            cv2.destroyAllWindows()

    def on_window(self, name: str) -> None:
        """Called when a frame is in the window; applications with a mouse set its callback here."""

    def process(self, *args: Any, **kwargs: Any) -> Any:
        """Work on one frame and return `SolutionResults`; for subclasses."""
        raise TypeError(f"{type(self).__name__} defines no process(im0), which an application needs.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Work on one frame (H, W, 3) BGR, time it, and log a line where `verbose` is set."""
        frame = args[0] if args else kwargs.get("im0")
        if not isinstance(frame, np.ndarray) or frame.ndim != 3 or frame.size == 0:
            kind = f"an array of shape {frame.shape}" if isinstance(frame, np.ndarray) else f"{type(frame).__name__}"
            raise TypeError(f"{type(self).__name__} takes a frame as an array (H, W, 3) BGR, not {kind}.")
        self.frame_no += 1
        self.profilers[0].dt = 0.0
        with self.profilers[1]:
            result = self.process(*args, **kwargs)
        if isinstance(result, SolutionResults):
            found = self.profilers[0].dt * 1e3
            own = max(self.profilers[1].dt * 1e3 - found, 0.0)
            result.speed = {self._kind_of_finding: found, "solution": own}
            if self.CFG["verbose"]:
                self._log(frame, result)
        return result

    _kind_of_finding = "track"  # what the first time is called

    def _log(self, frame: np.ndarray, result: SolutionResults) -> None:
        height, width = frame.shape[:2]
        counts = Counter(self.clss)
        found = ", ".join(f"{n} {self.name_of(c)}{'s' * (n > 1)}" for c, n in sorted(counts.items()))
        total, (kind, first), (_, own) = sum(result.speed.values()), *result.speed.items()
        LOGGER.info(f"{self.frame_no}: {height}x{width} {total:.1f}ms, {found or '(no objects)'}")
        shape = 1, frame.shape[2], height, width
        LOGGER.info(f"Speed: {first:.1f}ms {kind}, {own:.1f}ms solution per image at shape {shape}\n")


__getattr__, __dir__ = offer(__name__)
