"""Scanning a data set: every picture and label file checked once, in threads, with the outcome cached and reported."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ultralytics.data.labels.cache import ScanResult
from ultralytics.data.labels.lists import LabelList
from ultralytics.data.labels.table import LabelPacker
from ultralytics.data.labels.verify import Finding, LabelRules, ScanRow, scan_pair
from ultralytics.utils import env
from ultralytics.utils.log import LOGGER
from ultralytics.utils.tqdm import TQDM

__all__ = ["cache_path", "count_kinds", "report", "scan", "scan_each", "scan_public", "summary"]

CHUNK = 128
MAX_REPORTED = 10
MISSING = {"missing label file", "missing mask", "missing depth"}  # kinds of findings that are counted as such


def cache_path(label_file: str, whole_folder: bool, key: str) -> Path:
    """Where the label cache of images goes: `labels/train.cache` for the folder `labels/train`.

    Args:
        label_file: label file, mask or depth of the first image.
        whole_folder: the images are all those of one folder; selections get a name of their own, so that they do not
            replace each other.
        key: hash of the scan.
    """
    folder = Path(label_file).parent
    return folder.with_suffix(".cache") if whole_folder else folder.with_name(f"{folder.name}-{key[:8]}.cache")


def scan(
    images: Sequence[str],
    labels: Sequence[str],
    rules: LabelRules,
    description: str = "",
    summarize: Callable[[Mapping[str, int]], str] | None = None,
) -> ScanResult:
    """Check every image with its label file.

    Args:
        images, labels: files, in the same order.
        rules: what labels have to look like.
        description: text of the progress bar.
        summarize: what the bar says of the counts.
    """
    return scan_each(images, lambda i: scan_pair(images[i], labels[i], rules), description, summarize)


def scan_public(
    check: Callable[[Any], Any],
    tasks: Iterable[Any],
    convert: Callable[[Any], Sequence[Any]],
    description: str = "",
    summarize: Callable[[Mapping[str, int]], str] | None = None,
) -> ScanResult:
    """Do the same with functions of the public form, of which somebody has replaced one.

    Args:
        check: what is done to every task, in threads.
        tasks: what it is done to.
        convert: turns a result of `check` into labels (None for an image to be left out), the numbers of images
            missing, found, empty and corrupt, and a message.
        description: text of the progress bar.
        summarize: what the bar says of the counts.
    """
    summarize, tasks = summarize or summary, list(tasks)
    labels, findings, counts = [], [], dict.fromkeys(("found", "missing", "empty", "corrupt"), 0)
    with ThreadPoolExecutor(env.num_threads()) as pool:
        bar = TQDM(pool.map(check, tasks), total=len(tasks), desc=description)
        for result in bar:
            label, missing, found, empty, corrupt, message = convert(result)
            for name, number in (("missing", missing), ("found", found), ("empty", empty), ("corrupt", corrupt)):
                counts[name] += number
            labels += [] if label is None else [label]
            findings += [Finding("note", message, 0, "")] if message else []
            bar.set_description(f"{description} {summarize(counts)}")
    return ScanResult(LabelList.of(labels), {**counts, "total": len(tasks)}, findings)


def scan_each(
    images: Sequence[str],
    check: Callable[[int], ScanRow],
    description: str = "",
    summarize: Callable[[Mapping[str, int]], str] | None = None,
) -> ScanResult:
    """Check every image in threads.

    Args:
        images: files.
        check: what one index comes to.
        description: text of the progress bar.
        summarize: what the bar says of the counts.
    """
    summarize = summarize or summary

    def check_chunk(start: int) -> list[ScanRow]:
        return [check(i) for i in range(start, min(start + CHUNK, len(images)))]

    packer, findings = LabelPacker(), []
    counts = Counter(found=0, missing=0, empty=0, corrupt=0, total=len(images))
    starts = range(0, len(images), CHUNK)
    with ThreadPoolExecutor(env.num_threads()) as pool:
        bar = TQDM(total=len(images), desc=description)
        for start, rows in zip(starts, pool.map(check_chunk, starts), strict=True):
            for image, row in zip(images[start : start + CHUNK], rows, strict=True):
                _count(row, counts)
                findings += [finding for finding in row.findings if finding.text]
                if row.rows is not None:
                    packer.add(os.fspath(image), row.size_hw, row.rows)
            bar.update(len(rows))
            bar.set_description(f"{description} {summarize(counts)}")
        bar.close()
    return ScanResult(packer.finish(), dict(counts), findings)


def _count(row: ScanRow, counts: Counter[str]) -> None:
    kinds = {finding.kind for finding in row.findings}
    if kinds & MISSING:
        counts["missing"] += 1
    elif row.rows is None:
        counts["corrupt"] += 1
    else:
        counts["found"] += 1
        counts["empty"] += "empty label file" in kinds


def summary(counts: Mapping[str, int]) -> str:
    """Say what a scan found in a few words."""
    backgrounds = counts["missing"] + counts["empty"]
    return f"{counts['found']} images, {backgrounds} backgrounds, {counts['corrupt']} corrupt"


def report(findings: Sequence[Finding], prefix: str = "") -> None:
    """Log the first problems by name, and how many there are of each kind where there are more."""
    for finding in findings[:MAX_REPORTED]:
        LOGGER.warning(f"{prefix}{finding}")
    if len(findings) > MAX_REPORTED:
        listed = ", ".join(f"{kind}: {number}" for kind, number in count_kinds(findings).items())
        LOGGER.warning(f"{prefix}{len(findings)} problems in all ({listed}); `dataset.findings` lists them.")


def count_kinds(findings: Sequence[Finding]) -> dict[str, int]:
    """Number of findings of every kind, the most frequent first."""
    return dict(Counter(finding.kind for finding in findings).most_common())
