"""Starting the page of `Inference`: `streamlit run` in a process of its own, reporting to nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ultralytics.utils.checks import require
from ultralytics.utils.log import LOGGER

__all__ = ["launch", "launch_command"]

PAGE = Path(__file__).parent / "web" / "inference_page.py"
MAX_UPLOAD_MB = 500  # of a film; pictures have a lower limit of their own
SETTINGS = {
    "browser.gatherUsageStats": "false",  # telemetry
    "client.showErrorDetails": "none",  # a trace names paths of this machine to whoever looks at the page
    "client.toolbarMode": "minimal",
    "server.fileWatcherType": "none",
    "server.headless": "true",  # or else the first start asks for a mail address
    "server.maxUploadSize": str(MAX_UPLOAD_MB),
}


def launch_command(host: str = "127.0.0.1", port: int = 8501, **page: Any) -> list[str]:
    """Return the words that start the page.

    Args:
        host: address to listen at; the default one is reached from this machine only.
        port: port to listen at.
        **page: arguments of `Inference`.
    """
    settings = {"server.address": host, "server.port": str(port), **SETTINGS}
    flags = [f"--{name}={value}" for name, value in settings.items()]
    given = {name: str(value) if isinstance(value, Path) else value for name, value in page.items()}
    return [sys.executable, "-m", "streamlit", "run", str(PAGE), *flags, "--", json.dumps(given)]


def launch(host: str = "127.0.0.1", port: int = 8501, **page: Any) -> int:
    """Serve the page until it is stopped; arguments as those of `launch_command`.

    Returns:
        Status of the server's process, 0 where it was stopped by the keyboard.

    Raises:
        ImportError: Streamlit is not installed.
    """
    require("streamlit", extra="solutions", why="yolo solutions inference")
    LOGGER.info(f"Page at http://{host}:{port} (stop with Ctrl+C).")
    try:
        return subprocess.run(launch_command(host, port, **page), check=False).returncode
    except KeyboardInterrupt:
        return 0
