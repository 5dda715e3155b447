from __future__ import annotations

import io
import os
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.utils.net.archives import ArchiveError, delete_dsstore, extract_archive, unzip_file, zip_directory


def make_zip(path: Path, members: dict[str, bytes | None]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content or b"")
    return path


def make_tar(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("members", "result"),
    [
        ({"top/a.jpg": b"1", "top/sub/b.jpg": b"2"}, "top"),
        ({"a.jpg": b"1", "b.jpg": b"2"}, "data"),
        ({"x/a.jpg": b"1", "y/b.jpg": b"2"}, "data"),
        ({"a.jpg": b"1"}, "a.jpg"),
        ({"top/a.jpg": b"1", "__MACOSX/top/._a": b"2", "top/.DS_Store": b"3"}, "top"),
    ],
)
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_where_the_content_goes(tmp_path, members, result, kind):
    (tmp_path / "in").mkdir()
    file = (make_zip if kind == "zip" else make_tar)(tmp_path / "in" / f"data.{kind}", members)
    out = extract_archive(file, tmp_path / "out", progress=False)
    assert out == tmp_path / "out" / result
    assert b"1" in ([out.read_bytes()] if out.is_file() else tree(out).values())
    assert os.listdir(tmp_path / "out") == [result]  # nothing temporary is left
    assert not any("MACOSX" in n or "DS_Store" in n for n in tree(tmp_path / "out"))


def test_beside_the_archive_by_default(tmp_path):
    assert unzip_file(make_zip(tmp_path / "d.zip", {"d/a": b"1"}), progress=False) == tmp_path / "d"


def test_existing_results_are_kept_or_merged(tmp_path, capsys):
    file = make_zip(tmp_path / "d.zip", {"d/a": b"new", "d/sub/b": b"2"})
    (tmp_path / "d" / "sub").mkdir(parents=True)
    (tmp_path / "d" / "a").write_bytes(b"old")
    (tmp_path / "d" / "sub" / "own").write_bytes(b"own")
    assert extract_archive(file, progress=False) == tmp_path / "d"
    assert (tmp_path / "d" / "a").read_bytes() == b"old"
    assert "already exists" in capsys.readouterr().out
    extract_archive(file, exist_ok=True, progress=False)
    assert tree(tmp_path / "d") == {"a": b"new", "sub/b": b"2", "sub/own": b"own"}


BAD_NAMES = ["../evil", "a/../../evil", "/etc/evil", "C:/evil", "C:\\evil", "..\\evil", "a/..\\..\\evil"]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_leave_the_folder(tmp_path, name, kind):
    members = {"ok": b"1", name: b"2"}
    file = make_zip(tmp_path / "d.zip", members) if kind == "zip" else make_tar(tmp_path / "d.tar", members, "w")
    with pytest.raises(ArchiveError, match="outside"):
        extract_archive(file, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_tar(tmp_path, kind):
    with tarfile.open(tmp_path / "d.tar", "w") as archive:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(ArchiveError, match="link or a device"):
        extract_archive(tmp_path / "d.tar", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_links_in_zip(tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(ArchiveError, match="link"):
        extract_archive(tmp_path / "d.zip")


def test_size_limit_is_checked_first(tmp_path):
    file = make_zip(tmp_path / "bomb.zip", {"a": bytes(5_000_000), "b": bytes(5_000_000)})
    with pytest.raises(ArchiveError, match=r"9\.5 MB, more than the limit"):
        extract_archive(file, tmp_path / "out", max_bytes=6_000_000)
    assert not (tmp_path / "out").exists()


def test_damaged_files(tmp_path):
    file = make_zip(tmp_path / "d.zip", {"d/a": os.urandom(2000)})
    raw = bytearray(file.read_bytes())
    raw[100] ^= 0xFF
    file.write_bytes(raw)
    with pytest.raises(ArchiveError, match="damaged"):
        extract_archive(file, tmp_path / "out", progress=False)
    assert tree(tmp_path / "out") == {}
    (tmp_path / "x.zip").write_text("<html>")
    with pytest.raises(ArchiveError, match="neither a zip nor a tar"):
        extract_archive(tmp_path / "x.zip")
    with pytest.raises(zipfile.BadZipFile):
        unzip_file(tmp_path / "x.zip")
    with pytest.raises(FileNotFoundError):
        extract_archive(tmp_path / "none.zip")
    with pytest.raises(ArchiveError, match="no files"):
        extract_archive(make_zip(tmp_path / "e.zip", {"__MACOSX/a": b"1"}))


def test_cut_tar(tmp_path):
    file = make_tar(tmp_path / "d.tar", {"d/a": os.urandom(50_000)}, "w")
    file.write_bytes(file.read_bytes()[:20_000])
    with pytest.raises(ArchiveError, match=r"damaged|larger|neither"):
        extract_archive(file, tmp_path / "out", progress=False)
    assert tree(tmp_path / "out") == {}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_with_one_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("a", "1")
        archive.writestr("./a", "2")
    with pytest.raises(ArchiveError, match="two members"):
        extract_archive(tmp_path / "d.zip")


names = (
    st.lists(st.sampled_from(["a", "b", "..", ".", "", "c d", "é"]), min_size=1, max_size=4).map("/".join).filter(bool)
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(names, st.binary(max_size=20), min_size=1, max_size=4))
def test_nothing_ever_leaves_the_folder(tmp_path_factory, members):
    base = tmp_path_factory.mktemp("law")
    (base / "in").mkdir()
    with zipfile.ZipFile(base / "in" / "d.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with suppress(ArchiveError, OSError):
        extract_archive(base / "in" / "d.zip", base / "out", progress=False)
    assert set(os.listdir(base)) <= {"in", "out"}
    assert os.listdir(base / "in") == ["d.zip"]


def test_pack_and_unpack(tmp_path):
    folder = tmp_path / "set"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("1")
    (folder / "sub" / "b.txt").write_text("2")
    (folder / ".DS_Store").write_text("junk")
    for compress in (True, False):
        file = zip_directory(folder, compress=compress, progress=False)
        assert file == tmp_path / "set.zip"
        assert tree(extract_archive(file, tmp_path / f"out{compress}", progress=False)) == {
            "a.txt": b"1",
            "sub/b.txt": b"2",
        }
    delete_dsstore(folder)
    assert sorted(tree(folder)) == ["a.txt", "sub/b.txt"]
    with pytest.raises(FileNotFoundError):
        zip_directory(tmp_path / "none")
