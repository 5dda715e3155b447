"""Windows and viewers, where there are any.

OpenCV's toolkits end the process where they find no display, so whether a window can be opened is decided before they
are asked: by the environment, and where that promises a display, by a trial in a process of its own.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from ultralytics.utils import env
from ultralytics.utils.log import LOGGER

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["screen_trouble", "show_picture", "window_trouble"]

TRIAL = "import cv2; cv2.namedWindow('trial'); cv2.destroyAllWindows()"
TRIAL_SECONDS = 30  # starting Python and OpenCV from a slow disk; a dead display server answers at once or never


def screen_trouble() -> str:
    """Return why nothing can be shown on a screen, by what the environment says; empty where it may be."""
    if env.is_colab() or env.is_kaggle():
        return "a hosted notebook has no desktop"
    own_screen = env.MACOS or env.WINDOWS or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return "" if own_screen else "neither DISPLAY nor WAYLAND_DISPLAY is set"


def window_trouble() -> str:
    """Return why OpenCV cannot open a window here; empty where it can. Tried once per process."""
    return screen_trouble() or _trial(os.environ.get("DISPLAY", ""), os.environ.get("WAYLAND_DISPLAY", ""))


@functools.cache
def _trial(*display: str) -> str:
    """Let another process open a window; return what went wrong there."""
    if not sys.executable or getattr(sys, "frozen", False):
        return ""  # the executable of a packaged program is the program itself
    try:
        done = subprocess.run([sys.executable, "-c", TRIAL], capture_output=True, timeout=TRIAL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"a trial window was not opened: {error}"
    if done.returncode == 0:
        return ""
    lines = [line.strip(" .") for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    # Toolkits say what is wrong first, Python at the end.
    told = lines[-1 if lines[0].startswith("Traceback") else 0] if lines else f"exit status {done.returncode}"
    return f"a trial window was not opened: {told}"


def show_picture(picture: Image.Image, title: str | None = None) -> None:
    """Show a picture below the cell of a notebook, else in the desktop's viewer; without both, say so once."""
    if env.is_jupyter():
        from IPython.display import display

        display(picture)
    elif trouble := screen_trouble():
        _warn_once(trouble)
    else:
        picture.show(title=title)


@functools.cache
def _warn_once(trouble: str) -> None:
    LOGGER.warning(f"a picture cannot be shown here: {trouble}. Save it instead: result.save('drawn.jpg').")
