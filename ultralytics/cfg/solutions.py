"""The video applications (`yolo solutions NAME`): one record each, and their arguments as records.

The command line's list and help, the checks of arguments and the defaults of `SolutionConfig` are derived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ultralytics.cfg import values
from ultralytics.cfg.arg import Arg
from ultralytics.cfg.errors import ConfigValueError, close_names
from ultralytics.cfg.schema import ARGS

__all__ = ["CLI_ARGS", "SOLUTIONS", "SOLUTION_ARGS", "Solution", "unknown_argument"]

DEEPGREEN = 21  # cv2.COLORMAP_DEEPGREEN; the command line's help does without OpenCV
COLORMAPS = 22  # in OpenCV


def _pairs(value: Any, size: int = 2) -> bool:
    """Whether a value is a sequence of rows of `size` numbers."""
    rows = value.tolist() if hasattr(value, "tolist") else value
    return isinstance(rows, (list, tuple)) and all(
        isinstance(row, (list, tuple)) and len(row) == size and all(values.is_number(values.plain(x)) for x in row)
        for row in rows
    )


@values.allows("points such as [(20, 400), (1080, 400)]: two for a line, more for a zone; or zones by name")
def _read_region(value: Any) -> Any:
    """A line, a zone, or several zones: a mapping of name to points, or a list of lists of points."""
    if isinstance(value, Mapping):
        good = bool(value) and all(_pairs(points) for points in value.values())
    else:
        rows = value.tolist() if hasattr(value, "tolist") else value
        good = _pairs(rows) or (isinstance(rows, (list, tuple)) and all(_pairs(points) for points in rows))
    if not good or (not isinstance(value, Mapping) and len(value) == 0):
        raise TypeError(_read_region.allowed)
    return value


@values.allows("keypoint numbers, three of them: [6, 8, 10] are shoulder, elbow and wrist")
def _read_keypoints(value: Any) -> Any:
    if not isinstance(value, (list, tuple)) or len(value) < 3:
        raise TypeError(_read_keypoints.allowed)
    if not all(isinstance(i, int) and not isinstance(i, bool) and i >= 0 for i in value):
        raise ValueError(_read_keypoints.allowed)
    return value


@values.allows("a colour map of OpenCV, such as cv2.COLORMAP_JET or its number")
def _read_colormap(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(_read_colormap.allowed)
    if not 0 <= value < COLORMAPS:
        raise ValueError(_read_colormap.allowed)
    return value


def _numbers(count: int, least: float, allowed: str) -> Any:
    """Return a reader of `count` numbers of `least` or more."""

    @values.allows(allowed)
    def read(value: Any) -> Any:
        if not isinstance(value, (list, tuple)) or len(value) != count or not all(map(values.is_number, value)):
            raise TypeError(allowed)
        if any(not least <= x <= values.LARGEST for x in value):
            raise ValueError(allowed)
        return value

    return read


@values.allows("four rows of x, y in pixels and X, Y in metres: [[120, 300, 0, 0], [520, 300, 7, 0], ...]")
def _read_calibration(value: Any) -> Any:
    rows = value.tolist() if hasattr(value, "tolist") else value
    if not _pairs(rows, 4):
        raise TypeError(_read_calibration.allowed)
    if len(rows) < 4:
        raise ValueError(_read_calibration.allowed)
    return rows


@values.allows("the numbers of two tracks, such as [3, 7]")
def _read_pair(value: Any) -> Any:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise TypeError(_read_pair.allowed)
    if not all(isinstance(i, int) and not isinstance(i, bool) for i in value) or value[0] == value[1]:
        raise ValueError(_read_pair.allowed)
    return value


_PLOTS = ("line", "bar", "pie", "area")
_WIDTH_HELP = "line width in pixels; where none is given the picture's size decides"
_FPS_HELP = "frames per second of the source; the command line takes the film's own"

# The order is the public one; the last two are additions.
_ROWS = (
    replace(ARGS["source"], help="film, folder, address or camera"),
    replace(ARGS["model"], help="weights or model description; without it one that fits the solution"),
    replace(ARGS["classes"], tasks=()),
    ARGS["show_conf"],
    ARGS["show_labels"],
    ARGS["show_boxes"],
    Arg("region", object, None, "", "a line or a zone in pixels", read=_read_region),
    Arg("colormap", int, DEEPGREEN, "", "colours of a heat map", read=_read_colormap, none=True),
    Arg("show_in", bool, True, "", "draw the count of what comes in"),
    Arg("show_out", bool, True, "", "draw the count of what goes out"),
    Arg("up_angle", float, 145.0, "", "angle in degrees above which a joint is stretched", ge=0, le=180),
    Arg("down_angle", float, 90.0, "", "angle in degrees below which a joint is bent", ge=0, le=180),
    Arg("kpts", list, [6, 8, 10], "", "keypoints of the joint that is watched", read=_read_keypoints),
    Arg("analytics_type", str, "line", "", "kind of chart", read=values.read_choice(*_PLOTS)),
    Arg("figsize", tuple, (12.8, 7.2), "", "chart's width and height", read=_numbers(2, 0.1, "two positive numbers")),
    Arg("blur_ratio", float, 0.5, "", "strength of blur", ge=0, le=1),
    Arg("vision_point", tuple, (20, 20), "", "where lines start", read=_numbers(2, -values.LARGEST, "x and y")),
    Arg("crop_dir", str, "cropped-detections", "", "folder for crops", read=values.read_path, written="path"),
    Arg("json_file", object, None, "", "JSON file with parking slots", read=values.read_path, written="path"),
    Arg("line_width", int, 2, "", _WIDTH_HELP, ge=1, le=32767, none=True),
    Arg("records", int, 5, "", "how many detections make an alarm", ge=1),
    Arg("fps", float, 30.0, "", _FPS_HELP, ge=1e-3, le=1e5),
    Arg("max_hist", int, 5, "", "positions of a track that its speed is measured over", ge=2),
    Arg("meter_per_pixel", float, 0.05, "", "metres that a pixel is wide", ge=1e-9, le=1e9),
    Arg("max_speed", float, 120, "", "highest speed that is reported, in km/h", ge=0),
    ARGS["show"],
    replace(ARGS["iou"], tasks=()),
    replace(ARGS["conf"], default=0.25, help="lowest confidence of an object", tasks=()),
    ARGS["device"],
    replace(ARGS["max_det"], tasks=()),
    ARGS["quantize"],
    replace(ARGS["imgsz"], help="image size in pixels"),
    ARGS["tracker"],
    ARGS["verbose"],
    Arg("data", str, "images", "", "folder of pictures to search", read=values.read_path, written="path"),
    Arg("calibration", object, None, "", "points on the ground, in pixels and metres", read=_read_calibration),
    Arg("pair", object, None, "", "the two tracks whose distance is measured", read=_read_pair),
)
SOLUTION_ARGS: dict[str, Arg] = {row.name: row for row in _ROWS}
CLI_ARGS: dict[str, Arg] = {
    **SOLUTION_ARGS,
    **{name: ARGS[name] for name in ("vid_stride", "project", "exist_ok", "trust")},
    "name": replace(ARGS["name"], default="exp", help="name of the run"),
}

_DETECTOR = "source model classes conf iou max_det imgsz device quantize verbose"
_TRACKS = f"{_DETECTOR} tracker show line_width show_conf show_labels"
_FILES = "vid_stride project name exist_ok trust"


@dataclass(frozen=True)
class Solution:
    """One application.

    Attributes:
        name: word on the command line.
        about: what it does, in a line.
        home: `package.module:Class`.
        text: more about it.
        uses: arguments that it uses besides those of detector and tracker.
        example: rest of a command that runs it.
        basis: arguments that it shares with others.
        model: weights that it takes without a `model`.
        launch: `package.module:function` called with the arguments, for those that are no loop over a film.
    """

    name: str
    about: str
    home: str
    text: str = ""
    uses: str = ""
    example: str = ""
    basis: str = f"{_TRACKS} {_FILES}"
    model: str = "yolo26n.pt"
    launch: str = ""

    @property
    def kind(self) -> str:
        """Name of the class."""
        return self.home.partition(":")[2]

    @property
    def rows(self) -> dict[str, Arg]:
        """The arguments that have an effect here, by name."""
        return {name: CLI_ARGS[name] for name in f"{self.uses} {self.basis}".split()}


def _solution(name: str, home: str, about: str, **more: Any) -> Solution:
    return Solution(name, about, f"ultralytics.solutions.{home}", **more)


_LINE = "region='[(20,400),(1080,400)]'"
_ZONE = "region='[(20,150),(600,150),(600,400),(20,400)]'"
_ALL: Sequence[Solution] = (
    _solution(
        "count",
        "object_counter:ObjectCounter",
        "count what crosses a line or enters a zone",
        text="Each object counts once. IN is to the right or down across a line, and to the right (zones that are "
        "higher than wide) or down (others) into a zone.",
        uses="region show_in show_out",
        example=_LINE,
    ),
    _solution(
        "crop",
        "object_cropper:ObjectCropper",
        "write every object as a picture of its own",
        uses="crop_dir",
        example="crop_dir=crops classes=[0]",
        basis=f"{_DETECTOR} vid_stride trust",
    ),
    _solution(
        "blur",
        "object_blurrer:ObjectBlurrer",
        "blur objects",
        uses="blur_ratio",
        example="blur_ratio=0.5 classes=[0]",
    ),
    _solution(
        "workout",
        "ai_gym:AIGym",
        "count repetitions of an exercise",
        text="The angle at the second of three keypoints tells up from down.",
        uses="kpts up_angle down_angle",
        example="kpts=[5,11,13]",
        model="yolo26n-pose.pt",
    ),
    _solution(
        "heatmap",
        "heatmap:Heatmap",
        "show where objects have been",
        uses="colormap region show_in show_out",
        example="colormap=cv2.COLORMAP_JET",
    ),
    _solution(
        "isegment",
        "instance_segmentation:InstanceSegmentation",
        "draw the outline of every tracked object",
        uses="show_boxes",
        model="yolo26n-seg.pt",
    ),
    _solution(
        "visioneye",
        "vision_eye:VisionEye",
        "draw lines from a point to all objects",
        uses="vision_point",
        example="vision_point=(20,20)",
    ),
    _solution(
        "speed",
        "speed_estimation:SpeedEstimator",
        "estimate speeds in km/h",
        text="Needs to know how large things are: meter_per_pixel for a camera that looks straight down, else four "
        "points of the ground in calibration.",
        uses="meter_per_pixel calibration max_hist max_speed fps region",
        example="meter_per_pixel=0.04",
    ),
    _solution("queue", "queue_management:QueueManager", "count who waits in a zone", uses="region", example=_ZONE),
    _solution(
        "analytics",
        "analytics:Analytics",
        "draw charts of the numbers of objects",
        uses="analytics_type figsize",
        example="analytics_type=area",
    ),
    _solution(
        "inference",
        "streamlit_inference:Inference",
        "a web page to try models on",
        text="Needs the extra 'solutions'.",
        basis="model imgsz conf iou",
        launch="ultralytics.solutions.streamlit_inference:main",
    ),
    _solution("trackzone", "trackzone:TrackZone", "track inside a zone only", uses="region", example=_ZONE),
    _solution(
        "region",
        "region_counter:RegionCounter",
        "count what is in zones",
        uses="region",
        example="region=\"{'left': [(0,0),(320,0),(320,640)], 'right': [(320,0),(640,0),(640,640)]}\"",
    ),
    _solution(
        "security",
        "security_alarm:SecurityAlarm",
        "send a mail when enough objects are seen",
        uses="records",
        example="records=2 classes=[0]",
    ),
    _solution(
        "parking",
        "parking_management:ParkingManagement",
        "tell free parking slots from taken ones",
        text="Slots are a list of {'points': [[x, y], ...]} in a JSON file, or zones in region.",
        uses="json_file region",
        example="json_file=slots.json",
    ),
    _solution(
        "distance",
        "distance_calculation:DistanceCalculation",
        "measure the distance of two objects",
        text="Which two is said by pair, or by clicks into the window of show=True.",
        uses="pair calibration meter_per_pixel",
        example="pair=[1,2]",
    ),
    _solution(
        "similarity",
        "similarity_search:SearchApp",
        "a web page to find pictures by what they show",
        text="Needs the extra 'solutions'.",
        uses="data",
        basis="device model",
        launch="ultralytics.solutions.similarity_search:main",
    ),
)
SOLUTIONS: dict[str, Solution] = {row.name: row for row in _ALL}


def unknown_argument(name: str, known: Mapping[str, Arg]) -> ConfigValueError:
    """Return the error for an argument that no solution takes, with the nearest ones that there are."""
    close = close_names(name, known)
    hint = f" Did you mean {' or '.join(close)}?" if close else f" Arguments are {', '.join(known)}."
    return ConfigValueError(f"'{name}' is not a valid solution argument.{hint}")
