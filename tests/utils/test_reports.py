"""What scripts that report runs themselves use: lines of the console, the machine's load, GPUs, uploads, no events."""

from __future__ import annotations

import http.server
import logging
import sys
import threading
import types

import pytest

from ultralytics.utils import autodevice, events, uploads
from ultralytics.utils.cpu import CPUInfo, get_cpu_info
from ultralytics.utils.errors import HUBModelError
from ultralytics.utils.log import LOGGER
from ultralytics.utils.logger import ConsoleLogger, SystemLogger
from ultralytics.utils.net.fetch import DownloadError

# Console --------------------------------------------------------------------------------------------------------------


def without_time(text: str) -> list[str]:
    return [line.partition("] ")[2] for line in text.splitlines()]


def test_lines_of_the_console_go_into_a_file(tmp_path, capsys):
    console = ConsoleLogger(tmp_path / "new" / "console.log")
    console.start_capture()
    console.start_capture()
    print("first\nsecond")
    print("\033[31msecond\033[0m")
    LOGGER.info("from the logger")
    print("to errors", file=sys.stderr)
    print("1/3\r2/3\r3/3")
    print("no end of line", end="")
    console.stop_capture()
    console.stop_capture()
    print("afterwards")
    lines = without_time((tmp_path / "new" / "console.log").read_text(encoding="utf-8"))
    assert lines == ["first", "second", "from the logger", "to errors", "3/3", "no end of line"]
    shown = capsys.readouterr()
    assert "afterwards" in shown.out and "first" in shown.out and "to errors" in shown.err
    assert not any(type(h).__module__ == "ultralytics.utils.logger" for h in LOGGER.handlers + logging.root.handlers)


def test_batches_are_handed_on():
    batches = []
    console = ConsoleLogger(batch_size=3, flush_interval=1e9, on_flush=lambda *batch: batches.append(batch))
    console.start_capture()
    print("a\nb\nc\nd")
    console.stop_capture()
    assert [(without_time(text), count) for text, count, _ in batches] == [(["a", "b", "c"], 3), (["d"], 1)]
    assert batches[0][2] <= batches[1][2]


def test_lines_are_not_sent_anywhere():
    with pytest.raises(ValueError, match="web address"):
        ConsoleLogger("https://example.com/log")


# Machine --------------------------------------------------------------------------------------------------------------


def test_state_of_the_machine():
    system = SystemLogger()
    state, rates = system.get_metrics(), system.get_metrics(rates=True)
    assert list(state) == ["cpu", "ram", "disk", "disk_io", "gpus", "network"] == list(rates)
    assert 0 <= state["ram"] <= 100 and 0 < state["disk"][0]["used_gb"] <= state["disk"][0]["total_gb"]
    assert set(state["network"]) == {"recv_mb", "sent_mb"} and set(rates["disk_io"]) == {"read_mbs", "write_mbs"}
    assert len(SystemLogger(all_drives=True).get_metrics()["disk"]) >= 1


def test_the_processor_has_a_name():
    assert CPUInfo.name() == str(CPUInfo()) == get_cpu_info() != ""


class FakeNvml(types.ModuleType):
    """Two cards, of which the second one is busy and does not know its power."""

    NVML_TEMPERATURE_GPU = 0
    MEMORY = ((1 << 33, 1 << 30), (1 << 33, 6 << 30))

    class NVMLError(Exception):
        pass

    def __init__(self):
        super().__init__("pynvml")
        self.open = 0

    def nvmlInit(self):
        self.open += 1

    def nvmlShutdown(self):
        self.open -= 1

    def nvmlDeviceGetCount(self):
        return 2

    def nvmlDeviceGetHandleByIndex(self, index):
        return index

    def nvmlDeviceGetMemoryInfo(self, index):
        total, used = self.MEMORY[index]
        return types.SimpleNamespace(total=total, used=used, free=total - used)

    def nvmlDeviceGetName(self, index):
        return b"card" if index else "card"

    def nvmlDeviceGetUtilizationRates(self, index):
        return types.SimpleNamespace(gpu=90 * index)

    def nvmlDeviceGetPowerUsage(self, index):
        if index:
            raise self.NVMLError
        return 50_000

    def nvmlDeviceGetEnforcedPowerLimit(self, index):
        return 300_000

    def nvmlDeviceGetTemperature(self, index, kind):
        return 40 + index


def test_idle_gpus(monkeypatch, caplog):
    nvml = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    gpus = autodevice.GPUInfo()
    assert gpus.nvml_available and [row["name"] for row in gpus.gpu_stats] == ["card", "card"]
    assert gpus.gpu_stats[0] | gpus.gpu_stats[1] == {
        **{"index": 1, "name": "card", "utilization": 90, "temperature": 41, "power_draw": None, "power_limit": 300},
        **{"memory_used": 6144, "memory_total": 8192, "memory_free": 2048},
    }
    assert gpus.select_idle_gpu(count=5) == [0, 1] and gpus.select_idle_gpu() == [0]
    assert gpus.select_idle_gpu(indices=[1]) == [1] and gpus.select_idle_gpu(5, min_util_fraction=0.5) == [0]
    assert gpus.select_idle_gpu(5, min_memory_fraction=0.9) == []
    with pytest.raises(ValueError, match="min_memory_fraction=2"):
        gpus.select_idle_gpu(min_memory_fraction=2)
    gpus.print_status()
    gpus.shutdown()
    gpus.shutdown()
    assert nvml.open == 0 and gpus.select_idle_gpu() == []


def test_without_gpus(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    gpus = autodevice.GPUInfo()
    gpus.print_status()
    assert not gpus.nvml_available and gpus.select_idle_gpu() == []


# Network --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def store():
    """A server that takes files after as many failures as its list holds, and keeps what it got."""

    class Handler(http.server.BaseHTTPRequestHandler):
        answers: list[int] = []
        taken: list[tuple[bytes, str]] = []

        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = self.answers.pop(0) if self.answers else 200
            if status == 200:
                self.taken.append((body, self.headers["Content-Type"]))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Handler.url = f"http://127.0.0.1:{server.server_port}/file?key=1"
    yield Handler
    server.shutdown()
    server.server_close()


def test_files_are_sent_and_sent_again(store, tmp_path, monkeypatch):
    monkeypatch.setattr(uploads.time, "sleep", lambda seconds: None)
    file = tmp_path / "x.bin"
    file.write_bytes(bytes(200_000))
    store.answers[:] = [503]
    assert uploads.safe_upload(file, store.url, headers={"Content-Type": "text/plain"}, progress=True)
    assert store.taken == [(bytes(200_000), "text/plain")]
    store.answers[:] = [500, 500, 500]
    assert not uploads.safe_upload(file, store.url) and store.answers == []
    store.answers[:] = [403, 403]
    assert not uploads.safe_upload(file, store.url) and store.answers == [403]  # a refusal is not repeated
    with pytest.raises(FileNotFoundError):
        uploads.safe_upload(tmp_path / "none", store.url)


def test_offline_nothing_is_sent(tmp_path, monkeypatch):
    monkeypatch.setenv("YOLO_OFFLINE", "1")
    (tmp_path / "x").touch()
    with pytest.raises(DownloadError, match="YOLO_OFFLINE"):
        uploads.safe_upload(tmp_path / "x", "https://example.com/x")


def test_events_are_dropped():
    assert events.events({"task": "detect"}, device="cpu") is None and not events.events.enabled
    assert (events.set_sentry(), events.vscode_msg(), events.callbacks, events.Events.url) == (None, "", {}, "")
    for name in ("on_train_end", "on_val_start", "on_predict_end", "on_export_start"):
        assert getattr(events, name)(object()) is None


def test_an_error_that_scripts_catch():
    with pytest.raises(HUBModelError, match="no cloud service"):
        raise HUBModelError
