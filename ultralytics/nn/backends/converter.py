"""Converters as processes of their own, in a temporary folder, without programs on the PATH.

A converter that dies takes nothing with it, what it leaves lying around goes with its folder, what it prints is shown
where it fails, and one that would install packages finds no installer.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ultralytics.utils.log import LOGGER
from ultralytics.utils.silence import SWITCHES
from ultralytics.utils.text import printable

__all__ = ["ConversionError", "run_converter"]

SECONDS = 3600


class ConversionError(RuntimeError):
    """A converter that did not do its work; the text has its last words."""


def run_converter(title: str, command: Sequence[str | os.PathLike], folder: Path, made: Sequence[str]) -> None:
    """Run a converter in a folder.

    Args:
        title: what error messages call it.
        command: program and arguments.
        folder: where it runs.
        made: files that it has to write there; the exit status of some converters says nothing.

    Raises:
        ConversionError: it failed, or did not write what it should.
    """
    environment = {**os.environ, **SWITCHES, "PATH": "", "PIP_NO_INDEX": "1"}
    words = [os.fspath(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise ConversionError(f"{title} was stopped after {SECONDS} s without a result.") from error
    except OSError as error:
        raise ConversionError(f"{title} cannot be started: {error}") from error
    LOGGER.debug(f"{title}: {done.stdout}")
    missing = [name for name in made if not (folder / name).is_file() or not (folder / name).stat().st_size]
    if done.returncode or missing:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        words_left = printable(" | ".join(lines[-4:]), 800) or "it printed nothing"
        lacks = f", wrote no '{missing[0]}'" if missing else ""
        raise ConversionError(f"{title} failed (exit status {done.returncode}{lacks}): {words_left}")
