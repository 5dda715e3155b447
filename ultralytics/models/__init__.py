"""Model classes of the public interface."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "RTDETR": "ultralytics.models.rtdetr.model:RTDETR",
        "LLM": "ultralytics.models.llm:LLM",
        "NAS": "ultralytics.models.nas.model:NAS",
        "SAM": "ultralytics.models.sam.model:SAM",
        "FastSAM": "ultralytics.models.fastsam.model:FastSAM",
        "YOLO": "ultralytics.models.yolo.model:YOLO",
        "YOLOE": "ultralytics.models.yolo.model:YOLOE",
        "YOLOWorld": "ultralytics.models.yolo.model:YOLOWorld",
    },
)
