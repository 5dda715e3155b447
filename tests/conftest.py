"""Fixtures of all tests: golden figures, private folders, and the switch for slow tests."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

HERE = Path(__file__).resolve().parent
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # tests import ONNX Runtime by themselves, too
sys.path[:0] = [str(HERE), str(HERE.parent)]  # helpers of the tests by plain name; the package of this tree first

from golden_io import Golden  # noqa: E402

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", default=False, help="also run tests marked slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="slow; run with --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def private_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep settings, data sets, weights and runs of the session and its child processes in one temporary folder."""
    home = tmp_path_factory.mktemp("home")
    before = {key: os.environ.get(key) for key in ("YOLO_CONFIG_DIR", "MPLCONFIGDIR")}
    os.environ["YOLO_CONFIG_DIR"] = str(home / "config")
    os.environ["MPLCONFIGDIR"] = str(home / "matplotlib")
    folders = {f"{name}_dir": str(home / name) for name in ("datasets", "weights", "runs")}

    from ultralytics.utils.settings import default_settings, settings_file

    file = settings_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(default_settings() | folders), encoding="utf-8")
    yield home
    for key, value in before.items():
        if value is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = value


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Any]:
    """Return a loader of golden figures: `golden("nms")` is a `Golden`, `golden("structure.json")` a dictionary.

    Files that this tree does not carry are looked for in `../shared/golden`; the test is skipped where there are none.
    """
    opened: dict[str, Any] = {}

    def load(name: str) -> Any:
        file = name if Path(name).suffix in (".json", ".npz") else f"{name}.npz"
        if file not in opened:
            found = [p for p in (HERE / "golden" / file, HERE.parent.parent / "shared" / "golden" / file) if p.exists()]
            if not found:
                pytest.skip(f"golden figures {file} are not here")
            path = found[0]
            opened[file] = Golden(path) if path.suffix == ".npz" else json.loads(path.read_text(encoding="utf-8"))
        return opened[file]

    return load
