"""Names that modules of `ultralytics.trackers` offer beyond their own; see `ultralytics/interface/__init__.py`."""

from __future__ import annotations

__all__ = ["CARRIED", "UNBUILT"]

# module -> public home -> names
CARRIED: dict[str, dict[str, str]] = {
    "trackers": {
        "trackers.bot_sort": "BOTSORT",
        "trackers.byte_tracker": "BYTETracker",
        "trackers.deep_oc_sort": "DeepOCSORT",
        "trackers.fast_tracker": "FASTTracker",
        "trackers.oc_sort": "OCSORT",
        "trackers.track": "register_tracker",
        "trackers.track_tracker": "TRACKTRACK",
    },
    "trackers.bot_sort": {
        "trackers.basetrack": "TrackState",
        "trackers.byte_tracker": "BYTETracker STrack",
        "trackers.utils.gmc": "GMC",
        "trackers.utils.kalman_filter": "KalmanFilterXYWH",
        "trackers.utils.reid": "build_encoder smooth_feature",
        "trackers.utils.stracks": "parse_bboxes",
    },
    "trackers.byte_tracker": {
        "trackers.basetrack": "BaseTrack TrackState",
        "trackers.utils.kalman_filter": "KalmanFilterXYAH",
        "trackers.utils.stracks": "joint_stracks merge_track_pools multi_gmc parse_bboxes",
        "utils": "LOGGER",
        "utils.ops": "xywh2ltwh",
    },
    "trackers.deep_oc_sort": {
        "trackers.byte_tracker": "STrack",
        "trackers.oc_sort": "OCSORT OCSortTrack",
        "trackers.utils.gmc": "GMC",
        "trackers.utils.reid": "build_encoder smooth_feature",
        "trackers.utils.stracks": "parse_bboxes",
    },
    "trackers.fast_tracker": {
        "trackers.basetrack": "TrackState",
        "trackers.byte_tracker": "BYTETracker STrack",
        "trackers.utils.stracks": "parse_bboxes",
        "utils.metrics": "bbox_ioa",
    },
    "trackers.oc_sort": {
        "trackers.basetrack": "TrackState",
        "trackers.byte_tracker": "BYTETracker STrack",
        "trackers.utils.stracks": "parse_bboxes",
        "utils.ops": "xyxy2ltwh",
    },
    "trackers.track": {
        "cfg": "TASKS",
        "trackers.bot_sort": "BOTSORT",
        "trackers.byte_tracker": "BYTETracker",
        "trackers.deep_oc_sort": "DeepOCSORT",
        "trackers.fast_tracker": "FASTTracker",
        "trackers.oc_sort": "OCSORT",
        "trackers.track_tracker": "TRACKTRACK",
        "utils": "IterableSimpleNamespace YAML",
        "utils.checks": "check_yaml",
    },
    "trackers.track_tracker": {
        "trackers.basetrack": "TrackState",
        "trackers.bot_sort": "BOTrack",
        "trackers.utils.gmc": "GMC",
        "trackers.utils.kalman_filter": "KalmanFilterXYWH",
        "trackers.utils.reid": "smooth_feature",
        "trackers.utils.stracks": "joint_stracks merge_track_pools multi_gmc parse_bboxes",
        "utils": "LOGGER",
        "utils.metrics": "bbox_ioa",
    },
    "trackers.utils.gmc": {
        "utils": "LOGGER",
    },
    "trackers.utils.matching": {
        "utils.metrics": "batch_probiou bbox_ioa",
    },
    "trackers.utils.reid": {
        "nn.autobackend": "AutoBackend",
        "utils.ops": "xywh2xyxy",
        "utils.plotting": "save_one_box",
        "utils.torch_utils": "smart_inference_mode",
    },
    "trackers.utils.stracks": {
        "trackers.basetrack": "TrackState",
    },
}

# module -> family -> names
UNBUILT: dict[str, dict[str, str]] = {}
