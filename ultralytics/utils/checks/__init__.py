"""Checks of what a user gives and of what is installed. Nothing here installs packages."""

from ultralytics.utils.checks.files import (
    check_file,
    check_is_path_safe,
    check_model_file_from_stem,
    check_suffix,
    check_yaml,
    check_yolov5u_filename,
    is_ascii,
)
from ultralytics.utils.checks.imgsz import check_imgsz
from ultralytics.utils.checks.requirements import check_requirements, parse_requirements, require
from ultralytics.utils.checks.version import check_python, check_version, parse_version
from ultralytics.utils.lazy import attach

__getattr__, __dir__, _on_demand = attach(  # these need torch
    __name__,
    {
        "check_imshow": "ultralytics.utils.checks.system:check_imshow",
        "check_yolo": "ultralytics.utils.checks.system:check_yolo",
        "collect_system_info": "ultralytics.utils.checks.system:collect_system_info",
        "cuda_device_count": "ultralytics.utils.checks.system:cuda_device_count",
        "cuda_is_available": "ultralytics.utils.checks.system:cuda_is_available",
        "print_args": "ultralytics.utils.checks.system:print_args",
    },
)

__all__ = [
    "check_file",
    "check_imgsz",
    "check_is_path_safe",
    "check_model_file_from_stem",
    "check_python",
    "check_requirements",
    "check_suffix",
    "check_version",
    "check_yaml",
    "check_yolov5u_filename",
    "is_ascii",
    "parse_requirements",
    "parse_version",
    "require",
    *_on_demand,
]
