"""Names that modules of `ultralytics.solutions` offer beyond their own; see `ultralytics/interface/__init__.py`."""

from __future__ import annotations

__all__ = ["CARRIED", "UNBUILT"]

# module -> public home -> names
CARRIED: dict[str, dict[str, str]] = {
    "solutions": {
        "solutions.ai_gym": "AIGym",
        "solutions.analytics": "Analytics",
        "solutions.distance_calculation": "DistanceCalculation",
        "solutions.heatmap": "Heatmap",
        "solutions.instance_segmentation": "InstanceSegmentation",
        "solutions.object_blurrer": "ObjectBlurrer",
        "solutions.object_counter": "ObjectCounter",
        "solutions.object_cropper": "ObjectCropper",
        "solutions.parking_management": "ParkingManagement ParkingPtsSelection",
        "solutions.queue_management": "QueueManager",
        "solutions.region_counter": "RegionCounter",
        "solutions.security_alarm": "SecurityAlarm",
        "solutions.similarity_search": "SearchApp VisualAISearch",
        "solutions.speed_estimation": "SpeedEstimator",
        "solutions.streamlit_inference": "Inference",
        "solutions.trackzone": "TrackZone",
        "solutions.vision_eye": "VisionEye",
    },
    "solutions.ai_gym": {
        "solutions.solutions": "BaseSolution SolutionAnnotator SolutionResults",
    },
    "solutions.analytics": {
        "solutions.solutions": "BaseSolution SolutionResults",
        "utils": "plt_settings",
    },
    "solutions.distance_calculation": {
        "solutions.solutions": "BaseSolution SolutionAnnotator SolutionResults",
        "utils.plotting": "colors",
    },
    "solutions.heatmap": {
        "solutions.object_counter": "ObjectCounter",
        "solutions.solutions": "SolutionAnnotator SolutionResults",
    },
    "solutions.instance_segmentation": {
        "engine.results": "Results",
        "solutions.solutions": "BaseSolution SolutionResults",
    },
    "solutions.object_blurrer": {
        "solutions.solutions": "BaseSolution SolutionAnnotator SolutionResults",
        "utils": "LOGGER",
        "utils.plotting": "colors",
    },
    "solutions.object_counter": {
        "solutions.solutions": "BaseSolution SolutionAnnotator SolutionResults",
        "utils.plotting": "colors",
    },
    "solutions.object_cropper": {
        "solutions.solutions": "BaseSolution SolutionResults",
        "utils.plotting": "save_one_box",
    },
    "solutions.parking_management": {
        "solutions.solutions": "BaseSolution SolutionAnnotator SolutionResults",
        "utils": "LOGGER",
        "utils.checks": "check_imshow",
    },
    "solutions.queue_management": {
        "solutions.solutions": "BaseSolution SolutionAnnotator SolutionResults",
        "utils.plotting": "colors",
    },
    "solutions.region_counter": {
        "solutions.solutions": "BaseSolution SolutionAnnotator SolutionResults",
        "utils.plotting": "colors",
    },
    "solutions.security_alarm": {
        "solutions.solutions": "BaseSolution SolutionAnnotator SolutionResults",
        "utils": "LOGGER",
        "utils.plotting": "colors",
    },
    "solutions.similarity_search": {
        "data.utils": "IMG_FORMATS",
        "utils": "LOGGER TORCH_VERSION",
        "utils.checks": "check_requirements",
        "utils.torch_utils": "select_device TORCH_2_4",
    },
    "solutions.solutions": {
        "models.yolo.model": "YOLO",
        "solutions.config": "SolutionConfig",
        "utils": "ASSETS_URL LOGGER",
        "utils.checks": "check_imshow check_requirements",
        "utils.plotting": "Annotator",
    },
    "solutions.speed_estimation": {
        "solutions.solutions": "BaseSolution SolutionAnnotator SolutionResults",
        "utils.plotting": "colors",
    },
    "solutions.streamlit_inference": {
        "models.yolo.model": "YOLO",
        "utils": "LOGGER",
        "utils.checks": "check_requirements",
        "utils.downloads": "GITHUB_ASSETS_STEMS",
    },
    "solutions.trackzone": {
        "solutions.solutions": "BaseSolution SolutionAnnotator SolutionResults",
        "utils.plotting": "colors",
    },
    "solutions.vision_eye": {
        "solutions.solutions": "BaseSolution SolutionAnnotator SolutionResults",
        "utils.plotting": "colors",
    },
}

# module -> family -> names
UNBUILT: dict[str, dict[str, str]] = {}
