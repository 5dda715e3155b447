"""Settings of trackers: one row per key, from which YAMLs are checked and completed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ultralytics.cfg import values
from ultralytics.cfg.arg import Arg
from ultralytics.cfg.errors import ConfigError, ConfigTypeError, ConfigValueError, close_names, shown
from ultralytics.utils.checks import check_yaml
from ultralytics.utils.namespace import IterableSimpleNamespace
from ultralytics.utils.yaml_io import YAML

__all__ = ["DEFAULTS", "SETTINGS", "complete", "read_settings"]

GMC_METHODS = ("orb", "sift", "ecc", "sparseOptFlow", "none")


def _share(name: str, help: str, default: float = 0.5, most: float = 1) -> Arg:
    return Arg(name, float, default, "track", help, ge=0, le=most)


def _count(name: str, default: int, help: str) -> Arg:
    return Arg(name, int, default, "track", help, ge=0)


def _switch(name: str, default: bool, help: str) -> Arg:
    return Arg(name, bool, default, "track", help)


@values.allows("one of " + ", ".join(GMC_METHODS))
def _read_gmc(value: Any) -> str:
    """Take the name of a method; None, which YAML makes of an empty value, is none."""
    if value is None or value is False:
        return "none"
    if value in GMC_METHODS:
        return value
    raise ValueError("one of " + ", ".join(GMC_METHODS) + values.suggestion(value, GMC_METHODS))


_ROWS = (
    _share("track_high_thresh", "score from which a detection is strong and is linked first"),
    _share("track_low_thresh", "score above which a detection is linked at all"),
    _share("new_track_thresh", "score from which a detection may start a track"),
    _count("track_buffer", 30, "frames that a lost track is kept, at 30 frames a second"),
    _share("match_thresh", "largest cost of a link, 0 to 1"),
    _switch("fuse_score", True, "weigh overlaps with scores"),
    Arg("gmc_method", object, "none", "track", "how the motion of the camera is found", read=_read_gmc),
    _share("proximity_thresh", "overlap below which appearance says nothing"),
    _share("appearance_thresh", "least similarity of appearance"),
    _switch("with_reid", False, "compare appearance"),
    Arg("model", str, "auto", "track", "auto for the detector's own features, or a model for appearance"),
    _count("delta_t", 3, "frames over which a direction of motion is taken"),
    _share("inertia", "weight of directions"),
    _switch("use_byte", False, "link weak detections too"),
    _share("alpha_fixed_emb", "least share of the old in a track's appearance"),
    _count("reset_velocity_offset_occ", 5, "frames back from which a hidden track takes its velocity"),
    _count("reset_pos_offset_occ", 3, "frames back from which it takes its place"),
    Arg("enlarge_bbox_occ", float, 1.1, "track", "growth of the box of a hidden track", ge=0, le=10),
    _share("dampen_motion_occ", "share of its velocity that a hidden track keeps"),
    _count("active_occ_to_lost_thresh", 10, "frames after which a hidden track is lost"),
    _share("occ_cover_thresh", "share of a box that another one covers where it is hidden"),
    _count("occ_reappear_window", 40, "frames that a hidden track is kept"),
    _share("init_iou_suppress", "overlap with a track from which nothing new starts"),
    _share("lost_match_thr", "accepted, without effect"),
    _share("iou_weight", "weight of overlap in the cost"),
    _share("reid_weight", "weight of appearance in the cost"),
    _share("conf_weight", "weight of the difference of scores in the cost"),
    _share("angle_weight", "weight of directions in the cost"),
    _share("penalty_p", "added to the cost of weak detections"),
    _share("penalty_q", "added to the cost of detections that suppression had dropped"),
    _share("reduce_step", "by how much the limit falls from round to round"),
    _share("tai_thr", "overlap from which a detection does not start a track beside another"),
    _count("min_track_len", 3, "frames in which an object must have been seen to be given out"),
)
SETTINGS = {row.name: row for row in _ROWS}

_BYTE = {
    "track_high_thresh": 0.25,
    "track_low_thresh": 0.1,
    "new_track_thresh": 0.25,
    "track_buffer": 30,
    "match_thresh": 0.8,
    "fuse_score": True,
}
_LOOKS = {"with_reid": False, "model": "auto"}
_BOT = {"gmc_method": "sparseOptFlow", "proximity_thresh": 0.5, "appearance_thresh": 0.8, **_LOOKS}
_OBSERVED = {"delta_t": 3, "inertia": 0.2, "use_byte": False}

# Type of tracker -> its keys with their defaults, in the order of its YAML.
DEFAULTS: dict[str, dict[str, Any]] = {
    "bytetrack": _BYTE,
    "botsort": {**_BYTE, **_BOT},
    "ocsort": {**_BYTE, **_OBSERVED},
    "deepocsort": {
        **_BYTE,
        "track_high_thresh": 0.3,
        "new_track_thresh": 0.3,
        **_OBSERVED,
        **_BOT,
        "gmc_method": "none",
        "appearance_thresh": 0.9,
        "alpha_fixed_emb": 0.95,
    },
    "fasttrack": {
        **_BYTE,
        "reset_velocity_offset_occ": 5,
        "reset_pos_offset_occ": 3,
        "enlarge_bbox_occ": 1.1,
        "dampen_motion_occ": 0.5,
        "active_occ_to_lost_thresh": 10,
        "occ_cover_thresh": 0.7,
        "occ_reappear_window": 40,
        "init_iou_suppress": 0.7,
    },
    "tracktrack": {
        "track_high_thresh": 0.6,
        "track_low_thresh": 0.25,
        "new_track_thresh": 0.7,
        "track_buffer": 30,
        "match_thresh": 0.7,
        "gmc_method": "sparseOptFlow",
        **_LOOKS,
        "lost_match_thr": 0.0,
        "iou_weight": 0.5,
        "reid_weight": 0.5,
        "conf_weight": 0.1,
        "angle_weight": 0.05,
        "penalty_p": 0.2,
        "penalty_q": 0.4,
        "reduce_step": 0.05,
        "tai_thr": 0.55,
        "min_track_len": 3,
    },
}


def read_settings(file: str | Path) -> dict[str, Any]:
    """Return what a tracker's YAML says.

    Args:
        file: path, or name of one of `cfg/trackers/`.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigTypeError: it holds no keys, or names no tracker.
    """
    path = check_yaml(str(file))
    given = YAML.load(path)
    if not isinstance(given, Mapping) or not isinstance(given.get("tracker_type"), str):
        raise ConfigTypeError(f"tracker '{path}' has no 'tracker_type:'; types are {', '.join(DEFAULTS)}.")
    return dict(given)


def complete(args: Any, tracker_type: str, place: str = "") -> SimpleNamespace:
    """Return all settings of a tracker: those given, checked, and the defaults of the others.

    Args:
        args: mapping or namespace; None for defaults alone.
        tracker_type: key of `DEFAULTS`.
        place: where they come from, for messages.

    Raises:
        ConfigValueError: an unknown key, with the nearest known one, or a value out of range.
        ConfigTypeError: a value of the wrong type.
    """
    given = {} if args is None else dict(args if isinstance(args, Mapping) else vars(args))
    given.pop("tracker_type", None)
    own, start = DEFAULTS[tracker_type], f"{place}: " if place else ""
    for key, value in given.items():
        if key not in SETTINGS:
            close = close_names(str(key), own) or close_names(str(key), SETTINGS)
            hint = f"did you mean {' or '.join(close)}?" if close else f"its keys are {', '.join(own)}."
            raise ConfigValueError(f"{start}{tracker_type} has no setting {shown(key)}; {hint}")
        try:
            given[key] = SETTINGS[key].check(value)
        except ConfigError as error:
            raise type(error)(start + str(error)) from None
    return IterableSimpleNamespace(**{**own, **given, "tracker_type": tracker_type})
