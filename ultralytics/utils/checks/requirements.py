"""Whether packages are installed. Nothing in this project installs one: that is the user's decision."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from types import ModuleType, SimpleNamespace

from ultralytics.utils.checks.version import check_version
from ultralytics.utils.env import ROOT, package_version
from ultralytics.utils.log import LOGGER

__all__ = ["check_requirements", "installed_version", "parse_requirements", "require"]

DISTRIBUTION = "ultralytics"

# Distributions that bring the same importable package.
SAME_AS = {
    "opencv-python": ("opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
    "onnxruntime": ("onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml"),
    "tensorflow": ("tensorflow-cpu", "tensorflow-macos", "tensorflow-intel"),
}


def installed_version(name: str) -> str | None:
    """Version of an installed distribution, or of another one that brings the same package; None without any."""
    versions = (package_version(known) for known in (name, *SAME_AS.get(name, ())))
    return next(filter(None, versions), None)


def require(package: str, extra: str = "", why: str = "") -> ModuleType:
    """Import an optional package and return the module.

    Args:
        package: import name, such as `onnxruntime`.
        extra: extra of this distribution that brings it, such as `export`.
        why: what needs it, the start of the error text.

    Raises:
        ImportError: it is not installed; says what to install.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] != package.partition(".")[0]:
            raise  # the package is there and lacks one of its own
        install = f"pip install '{DISTRIBUTION}[{extra}]'" if extra else f"pip install {package}"
        raise ImportError(
            f"{why or 'this'} needs the package '{package}', which is not installed; run: {install}"
        ) from error


def parse_requirements(
    file_path: str | Path = ROOT.parent / "requirements.txt", package: str = ""
) -> list[SimpleNamespace]:
    """Return requirements as objects with `name` and `specifier`.

    Args:
        file_path: requirements file. Where the default one does not exist, this package's own are returned.
        package: read the requirements of this installed package instead (those of its extras left out).
    """
    if package:
        lines = requires(package) or []
    elif Path(file_path).is_file():
        lines = Path(file_path).read_text(encoding="utf-8").splitlines()
    else:
        lines = _own_requirements()
    bare = (line.partition("#")[0].strip() for line in lines if "extra ==" not in line)
    matches = (re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*(.*)", line) for line in bare if line)
    return [SimpleNamespace(name=found[1], specifier=found[2].strip()) for found in matches if found]


def _own_requirements() -> list[str]:
    """Read this package's requirements from its metadata, in a checkout that is not installed from pyproject.toml."""
    try:
        return requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        pass
    project = ROOT.parent / "pyproject.toml"
    if sys.version_info < (3, 11) or not project.is_file():
        return []
    import tomllib

    return tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]


def check_requirements(
    requirements: str | Path | Sequence[str] = ROOT.parent / "requirements.txt",
    exclude: Sequence[str] = (),
    install: bool = False,
    cmds: str = "",
    constrain: Sequence[str] = (),
) -> bool:
    """Whether packages are installed in the required versions; a warning lists what is missing and how to get it.

    Args:
        requirements: one requirement (`"onnx>=1.16"`), several, or a requirements file. A tuple inside the list names
            alternatives of which one is enough.
        exclude: package names to leave out.
        install, constrain: accepted for older scripts; nothing is ever installed.
        cmds: options to show in the suggested pip command.
    """
    if isinstance(requirements, Path) or str(requirements).endswith(".txt"):
        wanted: list[str | Sequence[str]] = [f"{r.name}{r.specifier}" for r in parse_requirements(requirements)]
    else:
        wanted = [requirements] if isinstance(requirements, str) else list(requirements)
    missing = []
    for item in wanted:
        choices = [item] if isinstance(item, str) else list(item)
        if not any(_name(choice) in exclude or _is_met(choice) for choice in choices):
            missing.append(choices[0])
    if missing:
        listed = " ".join(f"'{item}'" for item in missing)
        LOGGER.warning(
            f"not installed or too old: {', '.join(missing)}. To get it run: pip install {listed} {cmds}".rstrip()
        )
    return not missing


def _name(requirement: str) -> str:
    return re.split(r"[\s\[<>=!~;]", requirement.strip(), maxsplit=1)[0]


def _is_met(requirement: str) -> bool:
    """Whether one requirement is met; environment markers after `;` are taken as applying."""
    text = requirement.partition(";")[0].strip()
    name = _name(text)
    installed = installed_version(name)
    specifier = re.sub(r"^\[[^\]]*\]", "", text[len(name) :].strip())
    return installed is not None and check_version(installed, specifier, name=name)
