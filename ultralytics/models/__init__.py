"""Model classes of the public interface."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "RTDETR": "ultralytics.models.rtdetr.model:RTDETR",
        "LLM": "ultralytics.models.unbuilt:LLM",
        "NAS": "ultralytics.models.unbuilt:NAS",
        "SAM": "ultralytics.models.unbuilt:SAM",
        "FastSAM": "ultralytics.models.unbuilt:FastSAM",
        "YOLO": "ultralytics.models.yolo.model:YOLO",
        "YOLOE": "ultralytics.models.yolo.model:YOLOE",
        "YOLOWorld": "ultralytics.models.yolo.model:YOLOWorld",
    },
)
