"""Comparing version numbers with requirements such as `>=1.2,<2`."""

from __future__ import annotations

import operator
import re
import sys
from collections.abc import Callable

from ultralytics.utils.env import PYTHON_VERSION, package_version
from ultralytics.utils.log import LOGGER

__all__ = [
    "IS_PYTHON_3_8",
    "IS_PYTHON_3_12",
    "IS_PYTHON_MINIMUM_3_10",
    "IS_PYTHON_MINIMUM_3_11",
    "IS_PYTHON_MINIMUM_3_13",
    "check_python",
    "check_version",
    "parse_version",
]

IS_PYTHON_3_8 = sys.version_info[:2] == (3, 8)
IS_PYTHON_3_12 = sys.version_info[:2] == (3, 12)
IS_PYTHON_MINIMUM_3_10 = sys.version_info >= (3, 10)
IS_PYTHON_MINIMUM_3_11 = sys.version_info >= (3, 11)
IS_PYTHON_MINIMUM_3_13 = sys.version_info >= (3, 13)

Version = tuple[int, int, int]

_COMPARE: dict[str, Callable[[Version, Version], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def parse_version(version: str = "0.0.0") -> Version:
    """Return the first three numbers of a version: `2.1.0+cpu` to (2, 1, 0), `1.10rc1` to (1, 10, 0).

    Text without a number gives (0, 0, 0) and a warning.
    """
    release = re.match(r"\s*v?(\d+)(?:\.(\d+))?(?:\.(\d+))?", str(version))
    if release is None:
        LOGGER.warning(f"'{version}' is not a version number, it counts as 0.0.0.")
        return 0, 0, 0
    major, minor, patch = (int(part or 0) for part in release.groups())
    return major, minor, patch


def _satisfies(current: str, clause: str) -> bool:
    """Whether a version fulfils one clause: an operator and a number, or a bare number that means `>=`."""
    sign, wanted = re.match(r"\s*(===?|!=|>=|<=|~=|>|<)?\s*(.*?)\s*$", clause).groups()
    sign = {"===": "==", None: ">="}.get(sign, sign)
    have = parse_version(current)
    if wanted.endswith(".*"):  # 2.0.* means any 2.0
        length = wanted.count(".")
        equal = have[:length] == parse_version(wanted[:-2])[:length]
        return equal if sign == "==" else not equal
    if sign == "~=":  # ~=1.4 means at least 1.4 within 1; ~=1.4.2 at least 1.4.2 within 1.4
        length = max(1, wanted.count("."))
        return have >= parse_version(wanted) and have[:length] == parse_version(wanted)[:length]
    return _COMPARE[sign](have, parse_version(wanted))


def check_version(
    current: str = "0.0.0",
    required: str = "0.0.0",
    name: str = "version",
    hard: bool = False,
    verbose: bool = False,
    msg: str = "",
) -> bool:
    """Whether a version meets a requirement.

    Args:
        current: version number, or the name of an installed package.
        required: clauses joined by commas, `>=1.2,<2`; a bare number means at least that. Empty is always met.
        name: what to call it in messages.
        hard: raise where it is not met.
        verbose: warn where it is not met.
        msg: further text for the message.

    Raises:
        ModuleNotFoundError: `hard` and not met, or no such package.
    """
    if not current:
        LOGGER.warning(f"the version of {name.strip()} is unknown, {required or 'any'} is taken as met.")
        return True
    if not current.lstrip("v")[:1].isdigit():
        name, installed = current, package_version(current)
        if installed is None:
            if hard:
                raise ModuleNotFoundError(f"{current} {required} is required and not installed. {msg}".strip())
            return False
        current = installed
    if not required or all(_satisfies(current, clause) for clause in required.split(",") if clause.strip()):
        return True
    text = f"{name.strip()} {required} is required, {current} is installed. {msg}".strip()
    if hard:
        raise ModuleNotFoundError(text)
    if verbose:
        LOGGER.warning(text)
    return False


def check_python(minimum: str = "3.10.0", hard: bool = True, verbose: bool = False) -> bool:
    """Whether this Python is new enough; see `check_version` for the arguments."""
    return check_version(PYTHON_VERSION, minimum, name="Python", hard=hard, verbose=verbose, msg=f"({sys.executable})")
