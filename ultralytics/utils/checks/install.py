"""How this and other packages are installed. Nothing is installed, and nothing is asked of the network."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distributions, packages_distributions, version
from pathlib import Path

from ultralytics.utils.checks.requirements import DISTRIBUTION, parse_requirements
from ultralytics.utils.checks.version import check_version
from ultralytics.utils.log import LOGGER

__all__ = [
    "check_apt_requirements",
    "check_latest_pypi_version",
    "check_multiple_install",
    "check_pip_update_available",
    "check_torchvision",
    "check_uv",
    "get_distribution_name",
]

DPKG_STATUS = Path("/var/lib/dpkg/status")


def get_distribution_name(import_name: str) -> str:
    """Return the name by which pip knows an importable package, `cv2` to `opencv-python`; unknown ones as they are."""
    return packages_distributions().get(import_name, [import_name])[0]


def check_latest_pypi_version(package_name: str = DISTRIBUTION) -> None:
    """Return None: nobody is asked for the latest version of a package."""


def check_pip_update_available() -> bool:
    """Whether an update is known of: never, since nobody is asked."""
    return False


def check_uv() -> bool:
    """Whether the installer `uv` is on the path."""
    return shutil.which("uv") is not None


def check_multiple_install() -> None:
    """Warn where more than one distribution of this name is on the path, of which the first one is imported."""
    places = dict.fromkeys(str(found.locate_file("")) for found in distributions(name=DISTRIBUTION))
    if len(places) > 1:
        LOGGER.warning(f"{DISTRIBUTION} is installed {len(places)} times: {', '.join(places)}; uninstall all but one.")


def check_torchvision() -> None:
    """Warn where the installed torch is not one that the installed torchvision was built for, as its metadata says."""
    try:
        torch, vision = version("torch"), version("torchvision")
    except PackageNotFoundError:
        return
    for requirement in parse_requirements(package="torchvision"):
        clauses = requirement.specifier.partition(";")[0].strip(" ()")
        if requirement.name == "torch" and not check_version(torch, clauses):
            LOGGER.warning(
                f"torchvision {vision} needs torch {clauses}, {torch} is installed; install a pair that fits together."
            )


def check_apt_requirements(requirements: Sequence[str]) -> bool:
    """Whether Debian packages are installed; a warning lists what is missing and how to get it.

    Args:
        requirements: names of packages.
    """
    missing = [name for name in requirements if name not in _installed_by_apt()]
    if missing:
        LOGGER.warning(f"not installed: {', '.join(missing)}. To get it run: sudo apt install {' '.join(missing)}")
    return not missing


def _installed_by_apt() -> set[str]:
    """Return the Debian packages that are installed, by the system's own list; none on other systems."""
    try:
        entries = DPKG_STATUS.read_text(encoding="utf-8", errors="replace").split("\n\n")
    except OSError:
        return set()
    heads = (dict(line.partition(": ")[::2] for line in entry.splitlines()[:2]) for entry in entries)
    return {head["Package"] for head in heads if head.get("Status", "").endswith(" installed") and "Package" in head}
