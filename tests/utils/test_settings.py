from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from ultralytics.utils import paths
from ultralytics.utils import settings as settings_module
from ultralytics.utils.settings import JSONDict, SettingsManager, default_settings


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "settings.json"


def test_nothing_is_read_or_written_before_use(file):
    settings = SettingsManager(file)
    assert not file.exists()
    assert settings["tensorboard"] is False
    assert json.loads(file.read_text())["settings_version"] == "0.0.8"


def test_defaults_are_kept_for_later_runs(file):
    first = SettingsManager(file)["uuid"]
    assert SettingsManager(file)["uuid"] == first


def test_update_and_reset(file):
    settings = SettingsManager(file)
    settings.update({"runs_dir": Path("/data/runs")}, tensorboard=True)
    settings["wandb"] = True
    again = SettingsManager(file)
    assert (again["runs_dir"], again["tensorboard"], again["wandb"]) == (str(Path("/data/runs")), True, True)
    settings.reset()
    assert SettingsManager(file)["tensorboard"] is False


def test_faults_change_nothing(file):
    settings = SettingsManager(file)
    with pytest.raises(KeyError, match="runs_dir"):
        settings["run_dir"] = "x"
    with pytest.raises(TypeError, match="takes bool"):
        settings.update(tensorboard=1)
    with pytest.raises(TypeError):
        settings.update(wandb=True, runs_dir="")
    assert settings["wandb"] is False
    with pytest.raises(KeyError, match="reset"):
        del settings["wandb"]


def test_old_files_are_upgraded(file, capsys):
    file.write_text(json.dumps({"settings_version": "0.0.4", "runs_dir": "/old", "hub": True, "wandb": "yes"}))
    settings = SettingsManager(file)
    assert settings["runs_dir"] == "/old"
    assert settings["wandb"] is False
    assert set(settings) == set(default_settings())
    assert "hub, wandb" in capsys.readouterr().out
    assert "hub" not in json.loads(file.read_text())


@pytest.mark.parametrize("text", ["{broken", "[1, 2]", ""])
def test_damaged_files_fall_back_to_defaults(file, text, capsys):
    file.write_text(text)
    assert set(SettingsManager(file)) == set(default_settings())
    assert "WARNING" in capsys.readouterr().out


def test_same_folder_for_runs_and_data_warns(file, capsys):
    SettingsManager(file).update(runs_dir="/same", datasets_dir="/same")
    assert "runs_dir" in capsys.readouterr().out


def test_folder_that_cannot_be_written(file, monkeypatch, capsys):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(settings_module, "atomic_write", refuse)
    settings = SettingsManager(file)
    settings["wandb"] = True
    assert settings["wandb"] is True
    assert capsys.readouterr().out.count("not written") == 2  # kept nowhere, changed for this run only
    monkeypatch.setattr(settings_module, "FileLock", refuse)
    settings.reset()
    assert settings["wandb"] is False


def test_behaves_like_a_dictionary(file):
    data = JSONDict(file)
    data["a"] = 1
    data.update(b=2)
    assert isinstance(data, dict)
    assert dict(data) == {"a": 1, "b": 2} == json.loads(json.dumps(data))
    assert data == {"a": 1, "b": 2}
    assert data.get("c", 3) == 3 and "a" in data and len(data) == 2
    assert data.pop("a") == 1
    assert json.loads(file.read_text()) == {"b": 2}
    data.clear()
    assert json.loads(file.read_text()) == {}
    with pytest.raises(KeyError):
        del data["b"]
    assert str(data).startswith(f'JSONDict("{file}"):')


def _set(file: Path, key: str) -> None:
    data = JSONDict(file)
    for i in range(10):
        data[f"{key}{i}"] = i


def test_two_writers_lose_nothing(file):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_set, args=(file, key)) for key in "ab"]
    [w.start() for w in workers]
    [w.join(60) for w in workers]
    assert [w.exitcode for w in workers] == [0, 0]
    assert len(json.loads(file.read_text())) == 20


def test_config_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path / "c"))
    assert paths.get_user_config_dir() == tmp_path / "c" / "Ultralytics"
    assert paths.get_user_config_dir("Other").is_dir()
    monkeypatch.delenv("YOLO_CONFIG_DIR")
    if paths.platformdirs.user_config_dir("x") and os.name != "nt" and os.uname().sysname == "Linux":
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
        assert paths.get_user_config_dir() == tmp_path / "xdg" / "Ultralytics"


def test_config_dir_that_cannot_be_made(tmp_path, monkeypatch, capsys):
    blocker = tmp_path / "file"
    blocker.write_text("")
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(blocker))
    monkeypatch.setattr(paths.tempfile, "gettempdir", lambda: str(tmp_path))
    spare = paths.get_user_config_dir()
    assert spare.parent == tmp_path
    assert "not writeable" in capsys.readouterr().out
    if os.name != "nt":
        assert spare.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.name == "nt", reason="modes")
def test_temporary_folder_of_someone_else_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(paths.tempfile, "gettempdir", lambda: str(tmp_path))
    own = paths.user_temp_dir("X")
    assert paths.user_temp_dir("X") == own
    own.chmod(0o777)
    assert paths.user_temp_dir("X") != own


def test_default_dirs_without_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "find_git_root", lambda: None)
    monkeypatch.chdir(tmp_path)
    dirs = paths.default_dirs()
    assert dirs["datasets_dir"] == tmp_path / "datasets"
    assert dirs["runs_dir"] == Path("runs")
    monkeypatch.setattr(paths, "find_git_root", lambda: tmp_path / "repo")
    assert paths.default_dirs()["datasets_dir"] == tmp_path / "datasets"
    assert paths.default_dirs()["weights_dir"] == tmp_path / "repo" / "weights"
