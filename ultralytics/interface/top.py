"""Names that `ultralytics` itself offers beyond their own; see `ultralytics/interface/__init__.py`."""

from __future__ import annotations

__all__ = ["CARRIED", "UNBUILT"]

# module -> public home -> names
CARRIED: dict[str, dict[str, str]] = {
    "": {
        "data.explorer.explorer": "Explorer",
    },
}

# module -> family -> names
UNBUILT: dict[str, dict[str, str]] = {
    "": {
        "cloud": "APIConnectionError APIError AsyncPlatform Platform",
    },
}
