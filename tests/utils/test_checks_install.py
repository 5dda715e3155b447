"""How packages are installed, and what kind of machine this is: nothing is installed, nobody is asked."""

from __future__ import annotations

import types

import pytest

from ultralytics.utils import checks, env
from ultralytics.utils.checks import install, system
from ultralytics.utils.helpers import to_2tuple, to_4tuple


def test_distribution_names():
    assert checks.get_distribution_name("yaml").lower() == "pyyaml"
    assert checks.get_distribution_name("no_such_package") == "no_such_package"


def test_nobody_is_asked_for_versions():
    assert checks.check_latest_pypi_version() is None and checks.check_pip_update_available() is False


def test_several_installations(monkeypatch, caplog):
    found = [types.SimpleNamespace(locate_file=lambda _, place=place: place) for place in ("a", "b", "a")]
    monkeypatch.setattr(install, "distributions", lambda name: found)
    messages = []
    monkeypatch.setattr(install.LOGGER, "warning", messages.append)
    checks.check_multiple_install()
    monkeypatch.setattr(install, "distributions", lambda name: found[:1])
    checks.check_multiple_install()
    assert len(messages) == 1 and "2 times: a, b" in messages[0]


@pytest.mark.parametrize(("torch", "warns"), [("2.9.1+cpu", False), ("2.9.1", False), ("2.8.0", True)])
def test_torch_and_torchvision_fit_together(monkeypatch, torch, warns):
    monkeypatch.setattr(install, "version", lambda name: {"torch": torch, "torchvision": "0.24.1"}[name])
    wanted = [
        types.SimpleNamespace(name="numpy", specifier=""),
        types.SimpleNamespace(name="torch", specifier="==2.9.1"),
    ]
    monkeypatch.setattr(install, "parse_requirements", lambda package: wanted)
    messages = []
    monkeypatch.setattr(install.LOGGER, "warning", messages.append)
    checks.check_torchvision()
    assert bool(messages) == warns and all("==2.9.1" in m for m in messages)


def test_debian_packages(monkeypatch, tmp_path):
    status = tmp_path / "status"
    entries = "Package: cmake\nStatus: install ok installed\n\nPackage: gone\nStatus: deinstall ok config-files\n"
    status.write_text(entries, encoding="utf-8")
    monkeypatch.setattr(install, "DPKG_STATUS", status)
    messages = []
    monkeypatch.setattr(install.LOGGER, "warning", messages.append)
    assert checks.check_apt_requirements(["cmake"]) and messages == []
    assert not checks.check_apt_requirements(["cmake", "gone"]) and "sudo apt install gone" in messages[0]
    monkeypatch.setattr(install, "DPKG_STATUS", tmp_path / "none")
    assert not checks.check_apt_requirements(["cmake"])


def test_installers_on_the_path(monkeypatch):
    for present in (True, False):
        monkeypatch.setattr(install.shutil, "which", lambda name, present=present: "/bin/x" if present else None)
        assert (checks.check_uv(), checks.is_sudo_available()) == (present, present)
    monkeypatch.setattr(env, "WINDOWS", True)
    monkeypatch.setattr(install.shutil, "which", lambda name: "sudo.exe")
    assert not checks.is_sudo_available()


def test_makers_of_hardware(monkeypatch):
    monkeypatch.setattr(system, "get_cpu_info", lambda: "Intel Xeon")
    assert checks.is_intel() and not checks.is_rockchip() and not checks.rocm_is_available()
    monkeypatch.setattr(system, "get_cpu_info", lambda: "AMD EPYC")
    assert checks.is_intel() == bool(getattr(system.torch, "xpu", None) and system.torch.xpu.is_available())


@pytest.mark.parametrize("data", ["coco8.yaml", "ul://me/datasets/x", "https://example.com/data.zip"])
def test_data_sets_that_are_found_anywhere(data):
    assert checks.check_data_portable(data)


@pytest.mark.parametrize("data", [{"train": "x"}, None, "", "/none/data.yaml", r"C:\none\data.yaml", "none/data.yaml"])
def test_data_sets_of_other_machines(data):
    assert not checks.check_data_portable(data)


def test_data_sets_of_this_machine(tmp_path):
    (tmp_path / "data.yaml").touch()
    assert checks.check_data_portable(tmp_path / "data.yaml") and checks.check_data_portable(str(tmp_path))


def test_addresses_stay_as_they_are():
    assert checks.normalize_platform_uri("https://example.com/me/x") == "https://example.com/me/x"


def test_commits(tmp_path):
    assert checks.git_describe(tmp_path) == ""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("0123456789abcdef\n", encoding="utf-8")
    assert checks.git_describe(tmp_path) == "0123456"


def test_systems(monkeypatch):
    files = {"/etc/os-release": 'ID=debian\nVERSION_CODENAME="trixie"\n', "/etc/dgx-release": 'DGX_NAME="DGX Spark"'}
    monkeypatch.setattr(env, "_read", lambda path: files.get(path, ""))
    assert (env.is_bookworm(), env.is_trixie(), env.is_dgx()) == (False, True, True)
    files.clear()
    assert not env.is_trixie() and not env.is_dgx() and not env.is_jetson(6)
    files |= {
        "/proc/device-tree/model": "NVIDIA Jetson Orin\0",
        "/etc/nv_tegra_release": "# R36 (release), REVISION: 4",
    }
    assert env.is_jetson() and env.is_jetson(6) and not env.is_jetson(5) and not env.is_jetson(99)
    for version, fits in (("14.5", False), ("15.1", True)):
        monkeypatch.setattr(env, "MACOS", True)
        monkeypatch.setattr(env.platform, "mac_ver", lambda version=version: (version, (), ""))
        assert (env.macos_version(), env.not_macos14()) == (version, fits)
    monkeypatch.setattr(env, "MACOS", False)
    assert env.macos_version() is None and env.not_macos14()


def test_tuples():
    assert (to_2tuple(3), to_2tuple((1, 2, 3)), to_4tuple(0.5), to_4tuple([1])) == ((3, 3), (1, 2, 3), (0.5,) * 4, [1])
