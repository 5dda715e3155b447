"""Names that modules of `ultralytics.cfg` offer beyond their own; see `ultralytics/interface/__init__.py`."""

from __future__ import annotations

__all__ = ["CARRIED", "UNBUILT"]

# module -> public home -> names
CARRIED: dict[str, dict[str, str]] = {
    "cfg": {
        "utils": (
            "ARGV ASSETS DEFAULT_CFG DEFAULT_CFG_DICT DEFAULT_CFG_PATH deprecation_warn FLOAT_OR_INT IS_VSCODE "
            "IterableSimpleNamespace LOGGER PLATFORM_URL RANK ROOT SETTINGS SETTINGS_FILE STR_OR_PATH TESTS_RUNNING "
            "vscode_msg YAML"
        ),
    },
}

# module -> family -> names
UNBUILT: dict[str, dict[str, str]] = {
    "cfg": {
        "cloud": "handle_yolo_hub",
        "explorer": "handle_explorer",
    },
}
