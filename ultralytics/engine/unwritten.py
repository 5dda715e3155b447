"""Methods of the exporter for what this package does not write: they refuse, and a subclass may define them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from ultralytics.nn.backends.table import FORMATS, refusal

__all__ = ["UnwrittenFormats", "is_unwritten"]


def _unwritten(name: str) -> Callable[..., NoReturn]:
    """Return the method of a format that is not built."""

    def export(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse; a subclass that defines this method writes the format."""
        raise NotImplementedError(refusal(FORMATS[name]))

    export.__name__, export.unwritten = f"export_{name}", True
    return export


def is_unwritten(method: Callable[..., Any] | None) -> bool:
    """Whether a method of the exporter only refuses."""
    return method is None or getattr(method, "unwritten", False)


class UnwrittenFormats:
    """The exporter's methods for formats that are not built."""

    export_coreai = _unwritten("coreai")
    export_saved_model = _unwritten("saved_model")
    export_pb = _unwritten("pb")
    export_edgetpu = _unwritten("edgetpu")
    export_paddle = _unwritten("paddle")
    export_imx = _unwritten("imx")
    export_rknn = _unwritten("rknn")
    export_axelera = _unwritten("axelera")
    export_deepx = _unwritten("deepx")
    export_qnn = _unwritten("qnn")
    export_hailo = _unwritten("hailo")
    export_ascend = _unwritten("ascend")
    export_xilinx = _unwritten("xilinx")
