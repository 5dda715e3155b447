"""Names that modules of `ultralytics.hub` (8.1) offer beyond their own; see `ultralytics/interface/__init__.py`."""

from __future__ import annotations

__all__ = ["CARRIED", "UNBUILT"]

# module -> public home -> names
CARRIED: dict[str, dict[str, str]] = {
    "hub": {
        "hub.auth": "Auth",
        "hub.session": "HUBTrainingSession",
    },
    "hub.utils": {
        "utils": "HELP_MSG PREFIX",
        "utils.events": "Events events",
    },
}

# module -> family -> names
UNBUILT: dict[str, dict[str, str]] = {
    "hub": {
        "cloud": "check_dataset export_fmts_hub export_model get_export login logout reset_model",
    },
    "hub.auth": {
        "cloud": "API_KEY_URL Auth",
    },
    "hub.session": {
        "cloud": "AGENT_NAME HUBTrainingSession",
    },
    "hub.utils": {
        "cloud": "HUB_API_ROOT HUB_WEB_ROOT request_with_credentials requests_with_progress smart_request",
    },
}
