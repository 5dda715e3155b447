from __future__ import annotations

import pickle
import threading
import time

import pytest

from ultralytics.utils import env
from ultralytics.utils.git import GitRepo
from ultralytics.utils.helpers import Retry, ThreadingLocked, TryExcept, get_default_args, plt_settings, threaded
from ultralytics.utils.lazy import attach
from ultralytics.utils.namespace import IterableSimpleNamespace, SimpleClass


@pytest.mark.parametrize("word", ["1", "true", "TRUE", "Yes", "on", "y", "t", " true "])
def test_true_words(monkeypatch, word):
    monkeypatch.setenv("SWITCH", word)
    assert env.env_bool("SWITCH") is True


@pytest.mark.parametrize(("word", "default"), [("0", True), ("false", True), ("off", True), ("", False)])
def test_other_words(monkeypatch, word, default):
    monkeypatch.setenv("SWITCH", word)
    assert env.env_bool("SWITCH", default) is False


def test_ranks(monkeypatch):
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert (env.rank(), env.local_rank(), env.world_size()) == (-1, -1, 1)
    monkeypatch.setenv("RANK", "3")
    assert env.rank() == -1  # a lone RANK means nothing
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert (env.rank(), env.local_rank(), env.world_size()) == (3, 1, 4)
    monkeypatch.setenv("WORLD_SIZE", "many")
    assert env.world_size() == 1


def test_surroundings(monkeypatch):
    monkeypatch.setenv("YOLO_OFFLINE", "1")
    assert env.is_online() is False
    assert 1 <= env.num_threads() <= 8
    assert env.is_pytest_running()
    assert env.environment_name()
    monkeypatch.setenv("COLAB_RELEASE_TAG", "x")
    assert env.is_colab() and env.is_jupyter() and env.environment_name() == "Colab"
    assert env.package_version("numpy") and env.package_version("no-such-package") is None
    assert env.is_pip_package("numpy") and not env.is_pip_package("no_such_package")
    assert not env.autoinstall() and env.safe_load()


def test_os_release(monkeypatch):
    monkeypatch.setattr(env, "_read", lambda path: 'ID=ubuntu\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n')
    assert env.is_ubuntu() and env.get_ubuntu_version() == "24.04" and not env.is_debian()
    monkeypatch.setattr(env, "_read", lambda path: "ID=debian\nVERSION_CODENAME=bookworm\n")
    assert env.is_debian() and env.is_debian("bookworm") and not env.is_debian(["trixie"])
    assert env.get_ubuntu_version() is None
    monkeypatch.setattr(env, "_read", lambda path: "NVIDIA Jetson Nano\0")
    assert env.is_jetson() and not env.is_raspberrypi()


def test_namespace():
    space = IterableSimpleNamespace(a=1, b="x")
    assert dict(space) == {"a": 1, "b": "x"} == space.as_dict()
    assert str(space) == "a=1\nb=x"
    assert space.get("a") == 1 and space.get("c", 5) == 5
    with pytest.raises(AttributeError, match=r"'c'.*default\.yaml"):
        space.c  # noqa: B018
    assert not hasattr(space, "c")
    assert b"ultralytics.utils" in pickle.dumps(space)
    assert pickle.loads(pickle.dumps(space)) == space


def test_simple_class():
    class Thing(SimpleClass):
        """Doc of the thing."""

        def __init__(self):
            self.size = 3
            self.inner = SimpleClass()
            self._hidden = 1

    text = str(Thing())
    assert "size: 3" in text and "inner: ultralytics.utils.SimpleClass object" in text and "_hidden" not in text
    with pytest.raises(AttributeError, match=r"^'Thing' object has no attribute 'none'; did you mean inner"):
        Thing().none  # noqa: B018


def test_try_except(capsys):
    @TryExcept("loading")
    def fail():
        raise ValueError("bad")

    assert fail() is None
    assert "loading: bad" in capsys.readouterr().out
    with TryExcept(verbose=False):
        raise ValueError
    assert capsys.readouterr().out == ""
    with pytest.raises(KeyboardInterrupt), TryExcept():
        raise KeyboardInterrupt


def test_retry(monkeypatch):
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    calls = []

    @Retry(times=3, delay=1)
    def flaky(limit):
        calls.append(1)
        if len(calls) < limit:
            raise OSError("not yet")
        return "done"

    assert flaky(3) == "done"
    assert pauses == [1, 2]
    calls.clear()
    with pytest.raises(OSError, match="not yet"):
        flaky(9)
    assert len(calls) == 3


def test_threads():
    @threaded
    def job(x):
        return x + 1

    assert job(1, threaded=False) == 2
    thread = job(1)
    assert isinstance(thread, threading.Thread) and thread.daemon
    inside, most = [], []

    @ThreadingLocked()
    def alone():
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.002)
        inside.pop()

    workers = [threading.Thread(target=alone) for _ in range(8)]
    [w.start() for w in workers]
    [w.join() for w in workers]
    assert max(most) == 1 and len(most) == 8


def test_default_args():
    def f(a, b=2, *args, c=3, **kwargs):
        """Take arguments."""

    assert get_default_args(f) == {"b": 2, "c": 3}


def test_plot_settings():
    from matplotlib import pyplot as plt

    @plt_settings({"font.size": 17})
    def draw():
        return plt.rcParams["font.size"], plt.get_backend().lower()

    before = plt.rcParams["font.size"]
    assert draw() == (17, "agg")
    assert plt.rcParams["font.size"] == before


def test_git(tmp_path):
    repo = tmp_path / "repo"
    git = repo / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs" / "heads" / "main").write_text("a" * 40 + "\n")
    (git / "config").write_text('[core]\n\tbare = false\n[remote "origin"]\n\turl = https://a.b/c.git\n')
    (repo / "src").mkdir()
    found = GitRepo(repo / "src")
    assert (found.root, found.is_repo, found.branch, found.commit) == (repo, True, "main", "a" * 40)
    assert found.origin == "https://a.b/c.git"
    assert found.message is None
    (git / "refs" / "heads" / "main").unlink()
    (git / "packed-refs").write_text(f"# pack-refs\n{'b' * 40} refs/heads/main\n")
    assert GitRepo(repo).commit == "b" * 40
    (git / "HEAD").write_text("c" * 40)
    assert (GitRepo(repo).branch, GitRepo(repo).commit) == (None, "c" * 40)
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {git}")
    assert GitRepo(tree).commit == "c" * 40


def test_no_git(tmp_path):
    nothing = GitRepo(tmp_path)
    if nothing.root is None:
        assert (nothing.is_repo, nothing.branch, nothing.commit, nothing.origin, nothing.message) == (
            False,
            *[None] * 4,
        )


def test_lazy_table():
    get, names, public = attach(
        __name__, {"dumps": "json:dumps", "now": "time:monotonic()", "sub": "json.decoder", "no": "json.no"}
    )
    assert public == ["dumps", "now"]
    assert get("dumps")(1) == "1"
    assert get("now") <= get("now")
    assert get("sub").__name__ == "json.decoder"
    assert {"dumps", "sub", "test_lazy_table"} <= set(names())
    with pytest.raises(AttributeError, match="did you mean dumps"):
        get("dump")
    with pytest.raises(AttributeError, match="no attribute 'no'"):
        get("no")
    globals().pop("dumps")
