from __future__ import annotations

import gzip
import io
import os
import sys
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.utils.net import archives
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


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a", "a/b"], "both a file and a folder"),
        (["a/b", "a"], "both a file and a folder"),
        (["a/b/c/d", "a/b"], "'a/b' is both a file and a folder"),
        (["a", "a/"], "a file and a folder are both named"),
        (["x" * 4000], "too long"),
        (["é" * 200], "too long"),
        (["a/" * 600 + "b"], "too long"),
        (["/".join(["abcdefgh"] * 200)], "too long"),
        (["a\0b"], "outside"),
        (["a", "//server/share/x"], "outside"),
        (["a", "\\\\server\\share\\x"], "outside"),
        (["a\x1b[2J\n/../.."], r"a\\x1b\[2J\\n"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[0][:12]),
)
def test_names_that_no_folder_can_hold(tmp_path, kind, names, words):
    file = tmp_path / f"d.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                info = zipfile.ZipInfo("placeholder")
                info.filename = info.orig_filename = name  # as a writer would that does not care
                archive.writestr(info, b"")
    else:
        with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as archive:
            for name in names:
                info = tarfile.TarInfo(name.rstrip("/"))
                info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
                archive.addfile(info)
    if kind == "tar" and "\0" in names[0]:
        pytest.skip("tar readers cut names at a zero")
    with pytest.raises(ArchiveError, match=words) as caught:
        extract_archive(file, tmp_path / "out", progress=False)
    assert str(file) in str(caught.value) and len(str(caught.value)) < 600
    assert sorted(os.listdir(tmp_path)) == [file.name]


@pytest.mark.parametrize("name", ["con", "a/NUL.txt", "lpt1/x", "a?.jpg", "a ", "b.", "a/b:c"])
def test_names_of_windows(tmp_path, name):
    with pytest.raises(ArchiveError, match=r"d\.zip': member '.*' has a name that no file may have"):
        archives._checked_path(tmp_path / "d.zip", name, windows=True)
    assert str(archives._checked_path(tmp_path / "d.zip", name, windows=False)) == name
    assert archives._checked_path(tmp_path / "d.zip", "a/.hidden.jpg", windows=True)


def test_names_that_differ_in_case_only(tmp_path, monkeypatch):
    file = make_zip(tmp_path / "d.zip", {"d/A.jpg": b"1", "d/a.jpg": b"2"})
    if sys.platform == "linux":
        assert len(tree(extract_archive(file, tmp_path / "out", progress=False))) == 2
    monkeypatch.setattr(archives.sys, "platform", "darwin")
    with pytest.raises(ArchiveError, match="two members"):
        extract_archive(file, tmp_path / "out2", progress=False)


def test_locked_members_are_told(tmp_path):
    file = make_zip(tmp_path / "d.zip", {"d/a": b"secret"})
    raw = bytearray(file.read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(signature) + place] |= 1  # says that the member is encrypted
    file.write_bytes(raw)
    with pytest.raises(ArchiveError, match=r"d\.zip' is damaged: member 'd/a' cannot be unpacked \(.*password"):
        extract_archive(file, tmp_path / "out", progress=False)
    assert os.listdir(tmp_path) == ["d.zip"], "the folder that was made for it is gone, too"


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    file = make_zip(tmp_path / "d.zip", {"d/a": b"1", "d/b": b"2"})
    (tmp_path / "out").mkdir()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives, "_blocks", full)
    with pytest.raises(ArchiveError, match=r"d\.zip': member 'd/a' cannot be written \(No space left"):
        extract_archive(file, tmp_path / "out", progress=False)
    assert os.listdir(tmp_path / "out") == []


def test_absurd_ratios_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "SPARE_BYTES", 1000)
    file = make_zip(tmp_path / "d.zip", {"d/a": bytes(10_000_000)})
    with pytest.raises(ArchiveError, match=r"9\.5 MB, more than the size that an archive like this may have"):
        extract_archive(file, tmp_path / "out", progress=False)
    assert extract_archive(file, tmp_path / "out", progress=False, max_bytes=20_000_000).is_dir()


def test_a_large_tar_is_not_unpacked_to_be_listed(tmp_path):
    """The second header of this file lies behind a gigabyte of zeros."""
    with tarfile.open(tmp_path / "d.tar", "w") as archive:
        info = tarfile.TarInfo("d/huge")
        info.size = 1 << 40
        archive.addfile(info)
    with pytest.raises(ArchiveError, match=r"at least 1048576\.0 MB"):
        extract_archive(tmp_path / "d.tar", tmp_path / "out", progress=False, max_bytes=10**9)


def test_headers_are_not_read_at_any_size(tmp_path):
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 200_000_000
    (tmp_path / "d.tar.gz").write_bytes(gzip.compress(header.tobuf() + bytes(header.size)))
    with pytest.raises(ArchiveError, match=r"d\.tar\.gz' has a header of 200,000,000 bytes"):
        extract_archive(tmp_path / "d.tar.gz", tmp_path / "out", progress=False)


def test_too_many_members(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 3)
    with pytest.raises(ArchiveError, match="more than 3 members"):
        extract_archive(make_zip(tmp_path / "d.zip", dict.fromkeys("abcd", b"1")), tmp_path / "out", progress=False)


def test_files_and_folders_that_are_there_stay(tmp_path):
    (tmp_path / "d" / "a").mkdir(parents=True)
    (tmp_path / "d" / "b").write_text("own")
    for members in ({"d/a": b"1"}, {"d/x": b"0", "d/b/c": b"1"}):
        with pytest.raises(ArchiveError, match="does not fit what is in"):
            extract_archive(make_zip(tmp_path / "d.zip", members), exist_ok=True, progress=False)
        assert sorted(os.listdir(tmp_path / "d")) == ["a", "b"] and (tmp_path / "d" / "b").read_text() == "own"


def written(kind: str) -> bytes:
    stream = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("d/a", b"text " * 50)
            archive.writestr("d/é", b"1")
    else:
        with tarfile.open(fileobj=stream, mode=f"w:{kind}") as archive:
            for name, content in (("d/a", b"text " * 50), ("d/é" * 40, b"1")):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


WHOLE = {kind: written(kind) for kind in ("zip", "", "gz", "bz2", "xz")}


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(list(WHOLE)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4),
    st.floats(0.2, 1.8),
)
def test_damaged_archives_are_unpacked_or_told(tmp_path_factory, kind, changes, share):
    base = tmp_path_factory.mktemp("damage")
    raw = bytearray(WHOLE[kind])
    for place, change in changes:
        start = int(place * len(raw))
        raw[start : start + len(change)] = change
    (base / "in").mkdir()
    file = base / "in" / "d.zip"
    file.write_bytes(raw[: int(share * len(raw))])
    try:
        extract_archive(file, base / "out", progress=False, max_bytes=1_000_000)
    except ArchiveError as error:
        assert str(file) in str(error)
        assert os.listdir(base) == ["in"], "something was left behind"
    assert os.listdir(base / "in") == ["d.zip"]


@settings(deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0"]),
)
def test_any_bytes_are_unpacked_or_told(tmp_path_factory, content, start):
    base = tmp_path_factory.mktemp("bytes")
    (base / "d.tar").write_bytes(start + content)
    with suppress(ArchiveError):
        extract_archive(base / "d.tar", base / "out", progress=False)


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
    with suppress(ArchiveError):
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
