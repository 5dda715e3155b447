"""The user's settings: a small JSON file read on first use, checked key by key, replaced atomically on every change.

The file lives in the folder of `paths.get_user_config_dir`. Keys of the published package are all accepted; those of
services that this package does not have (usage statistics, cloud login) have no effect.
"""

from __future__ import annotations

import difflib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from ultralytics.utils.files import atomic_write
from ultralytics.utils.literals import parse_json
from ultralytics.utils.log import LOGGER
from ultralytics.utils.paths import default_dirs, get_user_config_dir

__all__ = [
    "SETTINGS",
    "JSONDict",
    "SettingsManager",
    "datasets_dir",
    "default_settings",
    "loaded_settings",
    "runs_dir",
    "settings_file",
    "weights_dir",
]

SETTINGS_VERSION = "0.0.8"
_MISSING = object()


def settings_file() -> Path:
    """Return the path of the settings file."""
    return get_user_config_dir() / "settings.json"


def default_settings() -> dict[str, Any]:
    """Return every key with its default value; the type of the default is the type that the key takes."""
    return {
        "settings_version": SETTINGS_VERSION,
        **{name: str(folder) for name, folder in default_dirs().items()},
        "uuid": secrets.token_hex(32),
        "sync": False,
        "api_key": "",
        "openai_api_key": "",
        "clearml": True,
        "comet": True,
        "dvc": True,
        "mlflow": True,
        "raytune": True,
        "tensorboard": False,
        "wandb": False,
        "vscode_msg": True,
        "openvino_msg": True,
    }


class JSONDict(MutableMapping, dict):
    """Dictionary kept in a JSON file: read on first use, written as a whole on every change.

    A change reads the file again under a lock before it writes, so two processes that change different keys both win.

    Args:
        file_path: path of the file, or a function that returns it on first use.
    """

    def __init__(self, file_path: str | Path | Callable[[], Path] = "data.json"):
        super().__init__()
        self._source = file_path
        self._file: Path | None = None

    @property
    def file_path(self) -> Path:
        """Path of the file."""
        return Path(self._source() if callable(self._source) else self._source)

    def _load(self) -> None:
        """Read the file once; a missing or damaged file counts as empty."""
        if self._file is None:
            self._file = self.file_path
            dict.update(self, self._read())

    def _read(self) -> dict[str, Any]:
        file = self._file or self.file_path
        try:
            data = parse_json(file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            LOGGER.warning(f"'{file}' cannot be read ({error}); using defaults.")
            return {}
        if not isinstance(data, dict):
            LOGGER.warning(f"'{file}' holds no JSON object; using defaults.")
            return {}
        return data

    def _fresh(self) -> dict[str, Any]:
        """Return what other processes may have written meanwhile."""
        return self._read()

    def _change(self, edit: Callable[[], None]) -> None:
        """Apply `edit` to what the file holds now and write the result."""
        self._load()
        file = self._file
        try:
            with FileLock(f"{file}.lock", timeout=10):
                dict.update(self, self._fresh())
                edit()
                with atomic_write(file, "w") as stream:
                    json.dump(dict(self), stream, indent=2, default=str)
        except (OSError, TimeoutError) as error:
            edit()
            LOGGER.warning(f"settings are changed for this run only, the file is not written: {error}")

    def __getitem__(self, key: str) -> Any:
        self._load()
        return dict.__getitem__(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._change(lambda: dict.__setitem__(self, key, value))

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._change(lambda: dict.pop(self, key, None))

    def __iter__(self) -> Iterator[str]:
        self._load()
        return dict.__iter__(self)

    def __len__(self) -> int:
        self._load()
        return dict.__len__(self)

    def __contains__(self, key: object) -> bool:
        self._load()
        return dict.__contains__(self, key)

    def __str__(self) -> str:
        return f'JSONDict("{self.file_path}"):\n{json.dumps(dict(self), indent=2, default=str)}'

    def __repr__(self) -> str:
        self._load()
        return f"{type(self).__name__}({dict(self)!r})"

    def __reduce__(self) -> tuple:
        return dict, (dict(self),)  # a copy of the values: the file stays with the process that opened it

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Change several keys in one write."""
        changes = dict(*args, **kwargs)
        self._change(lambda: dict.update(self, changes))

    def clear(self) -> None:
        """Remove all keys."""
        self._change(lambda: dict.clear(self))


class SettingsManager(JSONDict):
    """Settings with known keys and types.

    Args:
        file: path of the JSON file; by default the one in the user's configuration folder.
        version: layout version; a file of another version is brought up to date, its valid values survive.
    """

    def __init__(self, file: str | Path | Callable[[], Path] = settings_file, version: str = SETTINGS_VERSION):
        super().__init__(file)
        self.version = version

    def _load(self) -> None:
        if self._file is not None:
            return
        self._file = self.file_path
        existed = self._file.exists()
        found, defaults = self._read(), {**default_settings(), "settings_version": self.version}
        valid = _valid(found)
        dict.update(self, {**defaults, **valid, "settings_version": self.version})
        if dict(self) == found:
            return
        if existed and found:
            lost = sorted(set(found) - set(valid))
            LOGGER.warning(
                f"settings in '{self._file}' were brought up to version {self.version}"
                + (f"; not valid and dropped: {', '.join(lost)}." if lost else ".")
            )
        self._save_first(existed)

    def _fresh(self) -> dict[str, Any]:
        return _valid(self._read())

    def _save_first(self, existed: bool) -> None:
        """Write the completed settings, so that folders chosen on first use stay the same for later runs."""
        try:
            with atomic_write(self._file, "w") as stream:
                json.dump(dict(self), stream, indent=2)
        except OSError as error:
            LOGGER.warning(f"settings cannot be kept, the file is not written: {error}")
            return
        if not existed:
            LOGGER.info(
                f"Created settings file '{self._file}'. See 'yolo settings', change with 'yolo settings key=value'."
            )

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        raise KeyError(f"setting '{key}' cannot be removed; `settings.reset()` restores the defaults.")

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Change settings: `settings.update({"runs_dir": "/data/runs"})` or `settings.update(runs_dir="/data/runs")`.

        Raises:
            KeyError: unknown key; nothing is changed.
            TypeError: value of the wrong type; nothing is changed.
        """
        changes = {
            key: str(value) if isinstance(value, Path) else value for key, value in dict(*args, **kwargs).items()
        }
        defaults = default_settings()
        for key, value in changes.items():
            if fault := _fault(key, value, defaults):
                raise fault
        super().update(changes)
        if self["datasets_dir"] == self["runs_dir"]:
            LOGGER.warning(
                f"settings datasets_dir and runs_dir are both '{self['runs_dir']}'; runs may then be taken for data. "
                "Change one with 'yolo settings runs_dir=path'."
            )

    def clear(self) -> None:
        """Same as `reset`: settings are never empty."""
        self.reset()

    def reset(self) -> None:
        """Restore all defaults and write them."""
        defaults = {**default_settings(), "settings_version": self.version}

        def edit() -> None:
            dict.clear(self)
            dict.update(self, defaults)

        self._change(edit)


def _valid(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries with a known key and the right type."""
    defaults = default_settings()
    return {key: value for key, value in found.items() if _fault(key, value, defaults) is None}


def _fault(key: str, value: Any, defaults: Mapping[str, Any]) -> Exception | None:
    """Return the error that setting `key` to `value` should raise, or None."""
    default = defaults.get(key, _MISSING)
    if default is _MISSING:
        close = difflib.get_close_matches(str(key), defaults, n=3)
        hint = (
            f"did you mean {' or '.join(repr(name) for name in close)}?" if close else f"known: {', '.join(defaults)}."
        )
        return KeyError(f"no setting is named '{key}'; {hint}")
    wanted = type(default)
    if type(value) is not wanted:
        return TypeError(f"setting '{key}' takes {wanted.__name__} values, {value!r} is {type(value).__name__}.")
    if key.endswith("_dir") and not value.strip():
        return TypeError(f"setting '{key}' takes a folder, the given text is empty.")
    return None


SETTINGS = SettingsManager()


def loaded_settings() -> SettingsManager:
    """Return `SETTINGS` with its file read, as public attribute access hands it out."""
    SETTINGS._load()
    return SETTINGS


def datasets_dir() -> Path:
    """Folder of data sets, by the settings."""
    return Path(SETTINGS["datasets_dir"])


def weights_dir() -> Path:
    """Folder of downloaded weights, by the settings."""
    return Path(SETTINGS["weights_dir"])


def runs_dir() -> Path:
    """Folder of runs, by the settings."""
    return Path(SETTINGS["runs_dir"])
