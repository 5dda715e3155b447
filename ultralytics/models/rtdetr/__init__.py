"""RT-DETR: detection by a transformer, on stretched square pictures and without suppression."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "RTDETR": "ultralytics.models.rtdetr.model:RTDETR",
        "RTDETRPredictor": "ultralytics.models.rtdetr.predict:RTDETRPredictor",
        "RTDETRValidator": "ultralytics.models.rtdetr.val:RTDETRValidator",
    },
)
