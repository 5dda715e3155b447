"""Networks: blocks, heads, losses, building from YAML, loading and saving. Public names are imported when asked for."""

from ultralytics.utils.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "BaseModel": "ultralytics.nn.models:BaseModel",
        "ClassificationModel": "ultralytics.nn.models:ClassificationModel",
        "DetectionModel": "ultralytics.nn.models:DetectionModel",
        "SegmentationModel": "ultralytics.nn.models:SegmentationModel",
        "attempt_load_one_weight": "ultralytics.nn.weights.checkpoint:attempt_load_one_weight",
        "attempt_load_weights": "ultralytics.nn.weights.checkpoint:attempt_load_weights",
        "guess_model_scale": "ultralytics.nn.builder.names:guess_model_scale",
        "guess_model_task": "ultralytics.nn.builder.names:guess_model_task",
        "load_checkpoint": "ultralytics.nn.weights.checkpoint:load_checkpoint",
        "parse_model": "ultralytics.nn.builder.build:parse_model",
        "register": "ultralytics.nn.builder.registry:register",
        "torch_safe_load": "ultralytics.nn.weights.checkpoint:torch_safe_load",
        "yaml_model_load": "ultralytics.nn.builder.names:yaml_model_load",
    },
)
