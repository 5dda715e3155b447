"""Public names of this path; the code lives in the modules named below."""

from ultralytics.data.augment.masks import polygon2mask, polygons2masks, polygons2masks_overlap
from ultralytics.data.describe.boxes import DATASET_KEY_TYPES, check_det_dataset, find_dataset_yaml
from ultralytics.data.describe.classes import check_cls_dataset
from ultralytics.data.describe.locate import get_split_fraction, img2label_paths
from ultralytics.data.images.formats import FORMATS_HELP_MSG, HELP_URL, IMG_FORMATS, VID_FORMATS
from ultralytics.data.labels.cache import get_hash
from ultralytics.data.labels.verify import check_image, verify_image, verify_image_label
from ultralytics.data.split import autosplit
from ultralytics.data.tools.compress import compress_one_image
from ultralytics.data.tools.stats import HUBDatasetStats
from ultralytics.data.tools.visualize import visualize_image_annotations
from ultralytics.utils.lazy import offer

__all__ = [
    "DATASET_KEY_TYPES",
    "FORMATS_HELP_MSG",
    "HELP_URL",
    "IMG_FORMATS",
    "VID_FORMATS",
    "HUBDatasetStats",
    "autosplit",
    "check_cls_dataset",
    "check_det_dataset",
    "check_image",
    "compress_one_image",
    "find_dataset_yaml",
    "get_hash",
    "get_split_fraction",
    "img2label_paths",
    "polygon2mask",
    "polygons2masks",
    "polygons2masks_overlap",
    "verify_image",
    "verify_image_label",
    "visualize_image_annotations",
]

__getattr__, __dir__ = offer(
    __name__,
    {
        "DEPTH_PNG_SCALE": "ultralytics.data.images.maps:DEPTH_PNG_SCALE",
        "add_polygon_background": "ultralytics.data.describe.maps:add_polygon_background",
        "check_file_speeds": "ultralytics.data.tools.speed:check_file_speeds",
        "convert_ndjson_to_yolo_if_needed": "ultralytics.data.converter:convert_ndjson_to_yolo_if_needed",
        "exif_size": "ultralytics.data.images.io:exif_size",
        "load_depth": "ultralytics.data.images.maps:load_depth",
        "load_dataset_cache_file": "ultralytics.data.labels.dict_cache:load_dataset_cache_file",
        "read_mask": "ultralytics.data.images.maps:read_mask",
        "save_depth_png": "ultralytics.data.images.maps:save_depth_png",
        "verify_image_depth": "ultralytics.data.labels.maps:verify_image_depth",
        "verify_image_mask": "ultralytics.data.labels.maps:verify_image_mask",
        "save_dataset_cache_file": "ultralytics.data.labels.dict_cache:save_dataset_cache_file",
        "PIN_MEMORY": "ultralytics.utils.env:pin_memory()",  # of 8.1
    },
)
