"""Importing packages that would report to somebody, without their doing so.

Importing OpenVINO starts a telemetry that leaves an identifier in the home folder and sends events to a server of
Google's; it does without where the package for it cannot be imported. ONNX Runtime 1.32 keeps events in the home
folder, for a server of Microsoft's, unless an environment variable says otherwise while it is imported.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType

from ultralytics.utils.checks.requirements import require

__all__ = ["SWITCHES", "require_quietly", "silence"]

REPORTERS = ("openvino_telemetry",)  # packages that only report
# Environment variables that packages ask while they are imported or started.
SWITCHES = {"ORT_DISABLE_TELEMETRY": "1", "NNCF_CI": "1"}


def require_quietly(package: str, extra: str = "", why: str = "") -> ModuleType:
    """Import an optional package that would report what it does, and return the module.

    A package that the program imported before stays as it is.

    Args:
        package: import name, such as `onnxruntime`.
        extra: extra of this distribution that brings it.
        why: what needs it, the start of the error text.

    Raises:
        ImportError: it is not installed; says what to install.
    """
    with contextlib.nullcontext() if package in sys.modules else silence():
        return require(package, extra, why)


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Import within the block without telemetry; afterwards modules and environment are what they were."""
    missing = object()
    before = {name: sys.modules.get(name, missing) for name in REPORTERS}
    environment = {name: os.environ.get(name) for name in SWITCHES}
    sys.modules.update(dict.fromkeys(REPORTERS))  # type: ignore[arg-type] - None is how Python itself marks it
    os.environ.update(SWITCHES)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is missing:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module
        for name, value in environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
