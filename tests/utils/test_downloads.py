from __future__ import annotations

import hashlib
import http.server
import io
import json
import multiprocessing
import os
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from ultralytics.utils import downloads
from ultralytics.utils.downloads import (
    DownloadError,
    attempt_download_asset,
    check_disk_space,
    clean_url,
    download,
    file_lock,
    get_github_assets,
    is_url,
    refuse_offline,
    safe_download,
    url2file,
)
from ultralytics.utils.net import fetch
from ultralytics.utils.settings import SETTINGS


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.files`, understands ranges, and misbehaves as `server.faults` says."""

    def do_GET(self) -> None:
        state = self.server.state
        name = self.path.partition("?")[0]
        state.requests.append((name, self.headers.get("Range")))
        fault = state.faults.pop(0) if state.faults else None
        if isinstance(fault, str) and "://" in fault:
            self.send_response(302)
            self.send_header("Location", fault)
            self.end_headers()
            return
        if isinstance(fault, int):
            self.send_error(fault)
            return
        body = state.files.get(name)
        if body is None:
            self.send_error(404)
            return
        start, tag = 0, state.tags.get(name, f'"{hashlib.md5(body).hexdigest()}"')
        wanted = self.headers.get("Range")
        if wanted and self.headers.get("If-Range") == tag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        part = body[start:]
        self.wfile.write(part[: len(part) // 2] if fault == "cut" else part)

    def do_HEAD(self) -> None:
        self.send_response(200 if self.path in self.server.state.files else 404)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Stay quiet."""


@pytest.fixture
def server() -> Iterator[SimpleNamespace]:
    state = SimpleNamespace(files={}, faults=[], requests=[], tags={})
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.state = state
    threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    yield state
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(fetch.time, "sleep", lambda _: None)
    monkeypatch.delenv("YOLO_OFFLINE", raising=False)


BODY = os.urandom(600_000)


def test_plain(server, tmp_path):
    server.files["/a.bin"] = BODY
    assert safe_download(f"{server.url}/a.bin?token=1", dir=tmp_path / "new") == tmp_path / "new" / "a.bin"
    assert (tmp_path / "new" / "a.bin").read_bytes() == BODY
    assert os.listdir(tmp_path / "new") == ["a.bin"]
    safe_download(f"{server.url}/a.bin", tmp_path / "new" / "a.bin")
    assert len(server.requests) == 1  # it was there


def test_resume_after_a_broken_connection(server, tmp_path, capsys):
    server.files["/a.bin"] = BODY
    server.faults = ["cut", "cut", None]
    safe_download(f"{server.url}/a.bin", dir=tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == BODY
    first = 300_000 // fetch.CHUNK * fetch.CHUNK  # whole blocks are kept
    second = first + (600_000 - first) // 2 // fetch.CHUNK * fetch.CHUNK
    assert [wanted for _, wanted in server.requests] == [None, f"bytes={first}-", f"bytes={second}-"]
    assert "Trying again" in capsys.readouterr().out


def test_resume_in_a_later_run(server, tmp_path):
    server.files["/a.bin"] = BODY
    server.faults = ["cut"]
    with pytest.raises(DownloadError, match="Gave up after 1 attempts"):
        safe_download(f"{server.url}/a.bin", dir=tmp_path, retry=0)
    assert not (tmp_path / "a.bin").exists()
    safe_download(f"{server.url}/a.bin", dir=tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert server.requests[-1][1] == f"bytes={300_000 // fetch.CHUNK * fetch.CHUNK}-"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_no_resume_when_the_file_has_changed(server, tmp_path):
    server.files["/a.bin"] = BODY
    server.faults = ["cut"]
    with pytest.raises(DownloadError):
        safe_download(f"{server.url}/a.bin", dir=tmp_path, retry=0)
    server.files["/a.bin"] = changed = BODY[::-1]
    safe_download(f"{server.url}/a.bin", dir=tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == changed


def test_no_resume_without_a_strong_identity(server, tmp_path):
    server.files["/a.bin"] = BODY
    server.tags["/a.bin"] = 'W/"weak"'
    server.faults = ["cut", None]
    safe_download(f"{server.url}/a.bin", dir=tmp_path)
    assert [wanted for _, wanted in server.requests] == [None, None]
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_status_codes(server, tmp_path):
    server.files["/a.bin"] = BODY
    server.faults = [503, 500, None]
    safe_download(f"{server.url}/a.bin", dir=tmp_path)
    with pytest.raises(DownloadError, match=r"not found \(status 404\)"):
        safe_download(f"{server.url}/none.bin", dir=tmp_path)
    assert len(server.requests) == 4  # a missing file is asked for once


def test_checksum(server, tmp_path):
    server.files["/a.bin"] = BODY
    right = hashlib.sha256(BODY).hexdigest()
    file = safe_download(f"{server.url}/a.bin", dir=tmp_path, sha256=right.upper())
    with pytest.raises(DownloadError, match="SHA-256"):
        safe_download(f"{server.url}/a.bin", dir=tmp_path / "b", sha256="0" * 64, retry=1)
    assert os.listdir(tmp_path / "b") == []
    file.write_bytes(b"damaged")
    safe_download(f"{server.url}/a.bin", file, sha256=right)  # an existing file is checked too
    assert file.read_bytes() == BODY


def test_wrong_content(server, tmp_path):
    server.files |= {
        "/a.pt": b"\n<!DOCTYPE html><html>login</html>",
        "/small.bin": b"1",
        "/page.html": b"<html></html>",
    }
    with pytest.raises(DownloadError, match="web page"):
        safe_download(f"{server.url}/a.pt", dir=tmp_path, retry=0)
    with pytest.raises(DownloadError, match="at least 100"):
        safe_download(f"{server.url}/small.bin", dir=tmp_path, retry=0, min_bytes=100)
    assert os.listdir(tmp_path) == []
    assert safe_download(f"{server.url}/page.html", dir=tmp_path).exists()


def make_zip(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_archives(server, tmp_path):
    server.files["/set.zip"] = make_zip({"set/images/a.jpg": b"1", "set/labels/a.txt": b"0"})
    assert safe_download(f"{server.url}/set.zip", dir=tmp_path, delete=True) == tmp_path / "set"
    assert sorted(os.listdir(tmp_path)) == ["set"]
    assert safe_download(f"{server.url}/set.zip", dir=tmp_path / "b", unzip=False).name == "set.zip"
    local = tmp_path / "b" / "set.zip"
    assert safe_download(local, dir=tmp_path / "c") == tmp_path / "c" / "set"
    server.files["/evil.zip"] = make_zip({"../evil": b"1"})
    with pytest.raises(downloads.ArchiveError):
        safe_download(f"{server.url}/evil.zip", dir=tmp_path / "d")
    assert not (tmp_path / "evil").exists()


def test_several_urls(server, tmp_path):
    server.files |= {f"/{i}.bin": bytes([i]) * 10 for i in range(5)}
    download([f"{server.url}/{i}.bin" for i in range(5)], dir=tmp_path / "t", threads=3)
    assert [(tmp_path / "t" / f"{i}.bin").read_bytes()[0] for i in range(5)] == list(range(5))
    download(f"{server.url}/0.bin", dir=tmp_path / "u")
    assert (tmp_path / "u" / "0.bin").exists()


def test_offline(monkeypatch, tmp_path):
    monkeypatch.setenv("YOLO_OFFLINE", "1")
    with pytest.raises(DownloadError, match=r"YOLO_OFFLINE.*save it as '.*x\.zip'"):
        safe_download("https://example.com/x.zip", dir=tmp_path)
    assert os.listdir(tmp_path) == []
    assert is_url("https://example.com/x.zip") and not is_url("https://example.com/x.zip", check=True)
    with pytest.raises(ConnectionError, match=r"x\.zip' is on the network and YOLO_OFFLINE is set"):
        refuse_offline("https://example.com/x.zip?key=secret")
    refuse_offline("http://127.0.0.1:8000/x.zip")
    monkeypatch.setenv("YOLO_OFFLINE", "0")
    refuse_offline("https://example.com/x.zip")


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data://text/plain,x"])
def test_redirects_to_other_kinds_of_addresses(server, tmp_path, place):
    server.faults = [place]
    with pytest.raises(DownloadError, match="could not be fetched"):
        safe_download(f"{server.url}/a.bin", dir=tmp_path, retry=0)
    assert not (tmp_path / "a.bin").exists()


def test_unreachable(tmp_path):
    with pytest.raises(DownloadError, match=r"refused.*save it as"):
        safe_download("http://127.0.0.1:9/x.bin", dir=tmp_path, retry=1)


@pytest.mark.parametrize("url", ["ftp://a.b/c", "none.zip", "https://drive.google.com/file/d/1/view"])
def test_addresses_that_cannot_be_fetched(url, tmp_path):
    with pytest.raises(DownloadError, match=url[:4]):
        safe_download(url, dir=tmp_path)


# Weights by name ------------------------------------------------------------------------------------------------------


@pytest.fixture
def release(server, monkeypatch, tmp_path) -> SimpleNamespace:
    monkeypatch.setenv("YOLO_ASSETS_URL", server.url)
    monkeypatch.chdir(tmp_path)
    before = SETTINGS["weights_dir"]
    SETTINGS["weights_dir"] = str(tmp_path / "weights")
    server.files["/ultralytics/assets/releases/download/v8.4.0/yolov8n.pt"] = BODY
    yield server
    SETTINGS["weights_dir"] = before


def test_asset_by_name(release, tmp_path):
    assert Path(attempt_download_asset("yolov8n.pt")) == tmp_path / "weights" / "yolov8n.pt"
    assert Path(attempt_download_asset("yolov8n.pt")).read_bytes() == BODY
    assert len(release.requests) == 1
    here = tmp_path / "yolov8n.pt"
    here.write_bytes(b"mine")
    assert attempt_download_asset("yolov8n.pt") == "yolov8n.pt"  # the current folder comes first


def test_asset_into_a_folder(release, tmp_path):
    assert attempt_download_asset("models/yolov8n.pt") == str(Path("models/yolov8n.pt"))
    assert (tmp_path / "models" / "yolov8n.pt").read_bytes() == BODY


def test_asset_from_a_mirror(release, server):
    server.files["/m/ultralytics/assets/releases/download/v1/yolov8s.pt"] = BODY
    found = attempt_download_asset("yolov8s.pt", release="v1", base_url=f"{server.url}/m/")
    assert Path(found).read_bytes() == BODY


def test_other_names_are_returned(release):
    assert attempt_download_asset("own.pt") == "own.pt"
    assert release.requests == []


def test_missing_asset_says_where_to_put_it(release, monkeypatch):
    release.files.clear()
    with pytest.raises(FileNotFoundError, match=r"neither here nor in weights_dir.*404"):
        attempt_download_asset("yolov8n.pt")
    monkeypatch.setenv("YOLO_OFFLINE", "1")
    monkeypatch.delenv("YOLO_ASSETS_URL")
    with pytest.raises(FileNotFoundError, match=r"YOLO_OFFLINE.*releases/download/v8\.4\.0/yolov8n\.pt.*save it as"):
        attempt_download_asset("yolov8n.pt")


def test_published_checksums(server, monkeypatch):
    monkeypatch.setenv("YOLO_ASSETS_API_URL", server.url)
    digest = hashlib.sha256(BODY).hexdigest()
    facts = {"tag_name": "v8.4.0", "assets": [{"name": "yolov8n.pt", "digest": f"sha256:{digest}"}, {"name": "b.pt"}]}
    for tag in ("latest", "tags/v8.4.0"):
        server.files[f"/repos/ultralytics/assets/releases/{tag}"] = json.dumps(facts).encode()
    assert get_github_assets() == ("v8.4.0", ["yolov8n.pt", "b.pt"])
    assert downloads._published_digest("ultralytics/assets", "v8.4.0", "yolov8n.pt") == digest
    assert downloads._published_digest("ultralytics/assets", "v8.4.0", "b.pt") is None
    assert get_github_assets(version="v0", retry=True) == ("", [])


def _fetch(url: str, folder: str) -> None:
    safe_download(f"{url}/a.bin", dir=folder)


def test_two_processes_fetch_once(server, tmp_path):
    server.files["/a.bin"] = BODY
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_fetch, args=(server.url, str(tmp_path))) for _ in range(2)]
    [w.start() for w in workers]
    [w.join(60) for w in workers]
    assert [w.exitcode for w in workers] == [0, 0]
    assert len(server.requests) == 1
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_lock_waits(tmp_path, capsys):
    order = []

    def other() -> None:
        with file_lock(tmp_path / "x"):
            order.append("second")

    with file_lock(tmp_path / "x"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(1.5)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert "Waiting for another process" in capsys.readouterr().out
    assert os.listdir(tmp_path) == []


def _count(folder: str, rounds: int) -> None:
    """Add to a number in a file, in steps that two processes must not do at a time."""
    number, inside = Path(folder, "number"), Path(folder, "inside")
    for _ in range(rounds):
        with file_lock(number):
            os.close(os.open(inside, os.O_CREAT | os.O_EXCL))  # fails while another process is in here
            value = int(number.read_text())
            number.write_text(str(value + 1))
            inside.unlink()


def test_lock_files_are_removed_and_exclude_each_other(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # of the processes that are started
    work = tmp_path / "work"
    work.mkdir()
    (work / "number").write_text("0")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_count, args=(str(work), 60)) for _ in range(3)]
    [w.start() for w in workers]
    [w.join(120) for w in workers]
    assert [w.exitcode for w in workers] == [0, 0, 0]
    assert (work / "number").read_text() == "180"
    (own,) = tmp_path.glob("Ultralytics-*")
    assert os.listdir(own) == ["guard.lock"]


def test_a_lock_file_that_a_killed_process_left_is_taken_over(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "user_temp_dir", lambda name: tmp_path)
    with file_lock("x"):
        (name,) = set(os.listdir(tmp_path)) - {"guard.lock"}
    (tmp_path / name).touch()
    with file_lock("x"):
        assert (tmp_path / name).exists()
    assert os.listdir(tmp_path) == ["guard.lock"]
    with pytest.raises(RuntimeError, match="inside"), file_lock("x"):
        raise RuntimeError("inside")
    assert os.listdir(tmp_path) == ["guard.lock"]


# Names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "clean", "name"),
    [
        ("https://a.com/b/c.pt?x=1", "https://a.com/b/c.pt", "c.pt"),
        ("https://a.com/x%20y.zip?auth=1", "https://a.com/x y.zip", "x y.zip"),
        ("https:/a.com/b.zip", "https://a.com/b.zip", "b.zip"),
        ("rtsp://a.b/c", "rtsp://a.b/c", "c"),
        ("path/to/x.pt", "path/to/x.pt", "x.pt"),
    ],
)
def test_url_names(url, clean, name):
    assert clean_url(url) == clean
    assert clean_url(Path(url)) == clean
    assert url2file(url) == name


def test_is_url(server):
    server.files["/a"] = b"1"
    assert is_url("https://a.b/c") and not is_url("a/b.jpg") and not is_url("C:/a.jpg")
    assert is_url(f"{server.url}/a", check=True)
    assert not is_url(f"{server.url}/b", check=True)
    assert not is_url("http://127.0.0.1:9/", check=True)


def test_disk_space(tmp_path, capsys):
    assert check_disk_space(1, tmp_path)
    assert not check_disk_space(1 << 60, tmp_path, hard=False)
    with pytest.raises(OSError, match="make room"):
        check_disk_space(1 << 60, tmp_path)
