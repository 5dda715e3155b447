"""Data sets, augmentation and loaders. Public names of this package are listed here and live in the modules named."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "BaseDataset": "ultralytics.data.base:BaseDataset",
        "ClassificationDataset": "ultralytics.data.classify:ClassificationDataset",
        "PolygonSemanticDataset": "ultralytics.data.dense.semantic:PolygonSemanticDataset",
        "SemanticDataset": "ultralytics.data.dense.semantic:SemanticDataset",
        "YOLOConcatDataset": "ultralytics.data.dataset:YOLOConcatDataset",
        "YOLODataset": "ultralytics.data.dataset:YOLODataset",
        "build_dataloader": "ultralytics.data.build:build_dataloader",
        "build_yolo_dataset": "ultralytics.data.build:build_yolo_dataset",
        "load_inference_source": "ultralytics.data.sources:load_inference_source",
    },
)
