"""The process that runs a fresh export once: `python -m ultralytics.nn.backends.trial module:function packages...`

It imports the runtime, waits for a line with the path of the file, and runs it on `images.npy` of the current folder.
Outputs go to `outputs.npz` there, or the reason why there are none to `error.txt`. A runtime that takes the process
down with it takes this one.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ultralytics.utils.silence import require_quietly

__all__ = ["ERROR", "IMAGES", "MISSING", "OUTPUTS", "main"]

IMAGES, OUTPUTS, ERROR = "images.npy", "outputs.npz", "error.txt"
MISSING = 3  # exit status where the runtime is not installed


def main(words: Sequence[str]) -> int:
    """Run the process and return its exit status.

    Args:
        words: the function that opens a file, and packages to import while the file is being written.
    """
    place, *packages = words
    for package in packages:
        with contextlib.suppress(Exception):  # whatever is wrong shows when the file is opened
            require_quietly(package)
    path = sys.stdin.readline().rstrip("\n")
    if not path:  # there is no file: the export failed
        return 0
    try:
        module, _, name = place.partition(":")
        run = getattr(importlib.import_module(module), name)(path)
        outputs = run(np.load(IMAGES))
        np.savez(OUTPUTS, *(np.asarray(y) for y in outputs))
    except ImportError as error:
        Path(ERROR).write_text(str(error), encoding="utf-8")
        return MISSING
    except Exception as error:
        Path(ERROR).write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
