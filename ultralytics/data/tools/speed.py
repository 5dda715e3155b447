"""How fast the files of a data set are read, for slow network drives to be told."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence

from ultralytics.utils.log import LOGGER

__all__ = ["check_file_speeds"]

MB = 1 << 20


def check_file_speeds(
    files: Sequence[str | os.PathLike],
    threshold_ms: float = 10,
    threshold_mb: float = 50,
    max_files: int = 5,
    prefix: str = "",
) -> None:
    """Read a few files and log how fast that was; warn where it would hold training up.

    Args:
        files: paths; some are drawn by a fixed rule.
        threshold_ms: asking for a file's facts may take this many milliseconds.
        threshold_mb: megabytes a second that should be read.
        max_files: how many to read.
        prefix: start of the line.
    """
    waits, rates, sizes = [], [], []
    for file in random.Random(0).sample(list(files), min(max_files, len(files))):
        try:
            start = time.perf_counter()
            size = os.stat(file).st_size
            asked = time.perf_counter()
            with open(file, "rb") as content:
                content.read()
        except OSError:  # what is missing is for the scan of labels to tell
            continue
        waits.append((asked - start) * 1e3)
        rates.append(size / MB / max(time.perf_counter() - asked, 1e-9))
        sizes.append(size / 1024)
    if not waits:
        LOGGER.warning(f"{prefix}none of {len(files)} files could be read.")
        return
    wait, rate, size = (sum(values) / len(values) for values in (waits, rates, sizes))
    facts = f"(answer {wait:.1f} ms, read {rate:.1f} MB/s, size {size:.1f} KB)"
    if wait < threshold_ms and (rate > threshold_mb or size < threshold_mb):  # small files never reach a high rate
        LOGGER.info(f"{prefix}Fast image access ✅ {facts}")
    else:
        LOGGER.warning(f"{prefix}slow image access {facts}: keep the pictures on a local disk, or use cache=True.")
