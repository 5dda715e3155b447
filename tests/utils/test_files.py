from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from ultralytics.utils import files
from ultralytics.utils.files import (
    WorkingDirectory,
    atomic_write,
    file_age,
    file_date,
    file_size,
    get_latest_run,
    increment_path,
    spaces_in_path,
    writing,
)


def test_atomic_write_replaces_whole_files(tmp_path):
    file = tmp_path / "new" / "a.bin"
    with atomic_write(file) as f:
        f.write(b"one")
        assert not file.exists()
    assert file.read_bytes() == b"one"
    with atomic_write(file, "w") as f:
        f.write("zwei ü\n")
    assert file.read_text(encoding="utf-8") == "zwei ü\n"
    assert os.listdir(file.parent) == ["a.bin"]


def full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_names_the_file_and_leaves_no_part(tmp_path):
    new, old = tmp_path / "new.txt", tmp_path / "old.txt"
    old.write_text("kept\n")
    with pytest.raises(OSError, match=r"disk full, file not written: '.*new\.txt'") as caught, writing(new):
        new.write_text("half")
        full()
    assert caught.value.errno == errno.ENOSPC and not new.exists()
    with pytest.raises(OSError, match=r"disk full, file left as it was: '.*old\.txt'"), writing(old, append=True):
        with old.open("a") as stream:
            stream.write("half")
        full()
    assert old.read_text() == "kept\n"


def test_other_errors_of_writing_pass(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("kept")
    with pytest.raises(PermissionError, match="no"), writing(file):
        raise PermissionError(errno.EACCES, "no")
    assert file.read_text() == "kept"


def test_disk_space(tmp_path, monkeypatch):
    files.check_disk_space(tmp_path / "a.avi")
    monkeypatch.setattr(files.os, "statvfs", lambda folder: os.statvfs_result((0,) * 11), raising=False)
    with pytest.raises(OSError, match=r"disk full, file not complete: '.*a\.avi'"):
        files.check_disk_space(tmp_path / "a.avi")


def test_long_names_in_any_alphabet(tmp_path):
    for name in ("犬" * 84, "x" * 250):
        with atomic_write(tmp_path / name, "w") as file:
            file.write("1")
        with files.atomic_folder(tmp_path / f"{name}f") as folder:
            (folder / "a").touch()
    assert len(list(tmp_path.iterdir())) == 4


def test_atomic_write_keeps_the_old_file_after_an_error(tmp_path):
    file = tmp_path / "a.bin"
    file.write_bytes(b"old")
    with pytest.raises(RuntimeError), atomic_write(file) as f:
        f.write(b"half")
        raise RuntimeError
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_atomic_write_reports_a_full_disk(tmp_path, monkeypatch):
    file = tmp_path / "a.bin"

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match=r"disk full.*a\.bin"), atomic_write(file) as f:
        f.write(b"x")
    assert os.listdir(tmp_path) == []


def test_atomic_write_names_the_users_path(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(OSError, match="file"), atomic_write(blocker / "a.bin"):
        pass
    with pytest.raises(ValueError, match="'r'"), atomic_write(tmp_path / "b", "r"):
        pass


@pytest.mark.skipif(os.name == "nt", reason="symbolic links and modes")
def test_atomic_write_keeps_links_and_modes(tmp_path):
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    with atomic_write(link, "w") as f:
        f.write("new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o640


def test_increment_path(tmp_path):
    run = tmp_path / "train"
    assert increment_path(run) == run
    assert increment_path(run, mkdir=True) == run and run.is_dir()
    assert increment_path(run, mkdir=True) == tmp_path / "train-2"
    assert increment_path(run) == tmp_path / "train-3"
    assert increment_path(run, exist_ok=True) == run
    assert increment_path(run, sep="") == tmp_path / "train2"
    picture = tmp_path / "a.b.jpg"
    picture.write_text("")
    assert increment_path(picture) == tmp_path / "a.b-2.jpg"
    dotted = tmp_path / "v1.0"
    dotted.mkdir()
    assert increment_path(dotted) == tmp_path / "v1.0-2"


def test_increment_path_for_many_at_once(tmp_path):
    got: list[Path] = []
    threads = [
        threading.Thread(target=lambda: got.append(increment_path(tmp_path / "r", mkdir=True))) for _ in range(12)
    ]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(set(got)) == 12


def test_increment_path_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_NUMBER", 3)
    for _ in range(3):
        increment_path(tmp_path / "r", mkdir=True)
    with pytest.raises(FileExistsError, match="up to 3"):
        increment_path(tmp_path / "r")


def test_sizes_and_dates(tmp_path):
    file = tmp_path / "a" / "x.bin"
    file.parent.mkdir()
    file.write_bytes(bytes(2**20))
    assert file_size(file) == 1.0
    assert file_size(tmp_path) == 1.0
    assert file_size(tmp_path / "none") == 0.0
    os.utime(file, (1_000_000_000, 1_000_000_000))
    assert file_date(file).startswith("2001-9-")
    assert file_age(file) > 8000


def test_latest_run(tmp_path):
    assert get_latest_run(tmp_path) == ""
    for i, name in enumerate(("b", "a", "c")):
        weights = tmp_path / name / "weights" / "last.pt"
        weights.parent.mkdir(parents=True)
        weights.write_bytes(b"")
        os.utime(weights, (1e9 - i, 1e9 - i))
    assert get_latest_run(tmp_path) == str(tmp_path / "b" / "weights" / "last.pt")


def test_working_directory(tmp_path):
    before = Path.cwd()
    with WorkingDirectory(tmp_path):
        assert Path.cwd() == tmp_path.resolve()
    assert Path.cwd() == before
    with pytest.raises(RuntimeError), WorkingDirectory(tmp_path):
        raise RuntimeError
    assert Path.cwd() == before


def test_spaces_in_path(tmp_path):
    folder = tmp_path / "with space"
    folder.mkdir()
    (folder / "a.txt").write_text("1")
    with spaces_in_path(folder) as lent:
        assert " " not in str(lent)
        assert (lent / "a.txt").read_text() == "1"
        (lent / "b.txt").write_text("2")
    assert (folder / "b.txt").read_text() == "2"
    with spaces_in_path(str(tmp_path)) as same:
        assert same == str(tmp_path)


def test_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "deep" / "set"
    with files.atomic_folder(target) as staging:
        (staging / "a").write_text("1")
        assert not target.exists()
    with pytest.raises(KeyError), files.atomic_folder(target) as staging:
        (staging / "b").write_text("2")
        raise KeyError
    assert [p.name for p in target.iterdir()] == ["a"]
    with files.atomic_folder(target) as staging:
        (staging / "b").write_text("2")
    assert [p.name for p in target.iterdir()] == ["b"] and [p.name for p in target.parent.iterdir()] == ["set"]


def test_path_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "deep" / "m.bin"
    with files.atomic_path(target) as made:
        made.write_text("1")
        made.with_name("left over").touch()
        assert made.name == target.name and not target.exists()
    with pytest.raises(FileNotFoundError), files.atomic_path(target):
        pass
    with pytest.raises(KeyError), files.atomic_path(target) as made:
        made.write_text("2")
        raise KeyError
    assert target.read_text() == "1" and [p.name for p in target.parent.iterdir()] == ["m.bin"]
    with files.atomic_path(target) as made:  # a folder may take a file's place, and the other way round
        made.mkdir()
    assert target.is_dir()
    with files.atomic_path(target) as made:
        made.write_text("3")
    assert target.read_text() == "3" and [p.name for p in target.parent.iterdir()] == ["m.bin"]


def test_path_keeps_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with files.atomic_path(tmp_path / "link") as made:
        made.mkdir()
        (made / "a").touch()
    assert (tmp_path / "link").is_symlink() and [p.name for p in (tmp_path / "real").iterdir()] == ["a"]
