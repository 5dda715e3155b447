"""Checks of what a user gives and of what is installed. Nothing here installs packages."""

from ultralytics.utils.checks.files import (
    REMOTE_FILE_PREFIXES,
    check_data_portable,
    check_file,
    check_is_path_safe,
    check_model_file_from_stem,
    check_suffix,
    check_yaml,
    check_yolov5u_filename,
    is_ascii,
    normalize_platform_uri,
)
from ultralytics.utils.checks.imgsz import check_imgsz
from ultralytics.utils.checks.requirements import check_requirements, parse_requirements, require
from ultralytics.utils.checks.version import (
    IS_PYTHON_3_8,
    IS_PYTHON_3_12,
    IS_PYTHON_MINIMUM_3_10,
    IS_PYTHON_MINIMUM_3_11,
    IS_PYTHON_MINIMUM_3_13,
    check_python,
    check_version,
    parse_version,
)
from ultralytics.utils.lazy import attach

__getattr__, __dir__, _on_demand = attach(  # these need torch or take their time
    __name__,
    {
        "check_amp": "ultralytics.engine.train.amp:check_amp",
        "check_apt_requirements": "ultralytics.utils.checks.install:check_apt_requirements",
        "check_font": "ultralytics.engine.plots.text:find_font",
        "check_imshow": "ultralytics.utils.checks.system:check_imshow",
        "check_latest_pypi_version": "ultralytics.utils.checks.install:check_latest_pypi_version",
        "check_multiple_install": "ultralytics.utils.checks.install:check_multiple_install",
        "check_pip_update_available": "ultralytics.utils.checks.install:check_pip_update_available",
        "check_torchvision": "ultralytics.utils.checks.install:check_torchvision",
        "check_uv": "ultralytics.utils.checks.install:check_uv",
        "check_yolo": "ultralytics.utils.checks.system:check_yolo",
        "collect_system_info": "ultralytics.utils.checks.system:collect_system_info",
        "cuda_device_count": "ultralytics.utils.checks.system:cuda_device_count",
        "cuda_is_available": "ultralytics.utils.checks.system:cuda_is_available",
        "get_distribution_name": "ultralytics.utils.checks.install:get_distribution_name",
        "git_describe": "ultralytics.utils.git:git_describe",
        "is_intel": "ultralytics.utils.checks.system:is_intel",
        "is_rockchip": "ultralytics.utils.checks.system:is_rockchip",
        "is_sudo_available": "ultralytics.utils.checks.system:is_sudo_available",
        "print_args": "ultralytics.utils.checks.system:print_args",
        "rocm_is_available": "ultralytics.utils.checks.system:rocm_is_available",
    },
)

__all__ = [
    "IS_PYTHON_3_8",
    "IS_PYTHON_3_12",
    "IS_PYTHON_MINIMUM_3_10",
    "IS_PYTHON_MINIMUM_3_11",
    "IS_PYTHON_MINIMUM_3_13",
    "REMOTE_FILE_PREFIXES",
    "check_data_portable",
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
    "normalize_platform_uri",
    "parse_requirements",
    "parse_version",
    "require",
    *_on_demand,
]
