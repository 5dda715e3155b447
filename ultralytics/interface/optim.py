"""Names that modules of `ultralytics.optim` offer beyond their own; see `ultralytics/interface/__init__.py`."""

from __future__ import annotations

__all__ = ["CARRIED", "UNBUILT"]

# module -> public home -> names
CARRIED: dict[str, dict[str, str]] = {
    "optim": {
        "optim.muon": "MuSGD",
    },
}

# module -> family -> names
UNBUILT: dict[str, dict[str, str]] = {}
