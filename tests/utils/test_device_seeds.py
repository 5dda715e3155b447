from __future__ import annotations

import os
import random
import socket
import time

import numpy as np
import pytest
import torch

from ultralytics.utils import device, dist
from ultralytics.utils.device import parse_device, select_device
from ultralytics.utils.seeds import init_seeds, rng_state, set_rng_state
from ultralytics.utils.timing import Profile


@pytest.mark.parametrize(
    ("request_", "parsed"),
    [
        ("", ""),
        (None, ""),
        ("None", ""),
        ("cpu", "cpu"),
        ("CPU", "cpu"),
        ("mps", "mps"),
        (0, "0"),
        ("cuda", "0"),
        ("cuda:1", "1"),
        ("cuda:0,cuda:1", "0,1"),
        ("0, 1", "0,1"),
        ([0, 1], "0,1"),
        ((0, 1), "0,1"),
        (["0", "1"], "0,1"),
        ("[0, 1]", "0,1"),
        ("(0,1)", "0,1"),
        ("1,,2", "1,2"),
        ([], ""),
        (torch.device("cuda", 1), "1"),
        ("npu:0,1", "npu:0,1"),
    ],
)
def test_parse(request_, parsed):
    assert parse_device(request_) == parsed


@pytest.fixture
def gpus(monkeypatch):
    """Pretend that there are three CUDA devices."""
    chosen = []
    free = {0: 5, 1: 9, 2: 7}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda i: (free[i], 10))
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(device, "get_gpu_info", lambda i: "GPU, 10MiB")
    return chosen


def test_cuda(gpus, capsys):
    assert select_device("") == torch.device("cuda", 0)
    assert select_device("1") == torch.device("cuda", 1)
    assert gpus == [torch.device("cuda", 0), torch.device("cuda", 1)]
    assert select_device("2,0") == torch.device("cuda", 2)
    assert "CUDA:2 (GPU, 10MiB), CUDA:0 (GPU, 10MiB)" in capsys.readouterr().out
    assert len(gpus) == 2  # each process of a multi-GPU run chooses its own
    assert select_device("cpu") == torch.device("cpu")
    with pytest.raises(ValueError, match=r"this machine has 0, 1, 2\."):
        select_device("3")
    with pytest.raises(ValueError, match=r"different|device=0"):
        select_device("1,1")
    with pytest.raises(ValueError, match=r"batch=7.*use batch=6 or batch=8"):
        select_device("0,1", batch=7)
    assert select_device("0,1", batch=8).index == 0


def test_idle_gpus(gpus, capsys):
    assert parse_device(-1) == "1"
    assert parse_device([-1, -1]) == "1,2"
    assert parse_device("1,-1") == "1,2"
    assert parse_device([-1] * 4) == "1,2,0"
    assert "only 3" in capsys.readouterr().out


def test_without_accelerators(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    before = dict(os.environ)
    assert select_device("") == torch.device("cpu")
    out = capsys.readouterr().out
    assert out.startswith("Ultralytics ") and "CPU (" in out and "torch-" in out
    assert select_device("mps", verbose=False) == torch.device("cpu")
    assert "not available" in capsys.readouterr().out
    for bad in ("0", "hello"):
        with pytest.raises(ValueError, match=f"Invalid 'device={bad}'.*no CUDA device"):
            select_device(bad)
    with pytest.raises(ValueError, match="torch_npu"):
        select_device("npu:0")
    assert select_device("tpu:0") == "tpu:0"
    assert select_device("intel:gpu") == "intel:gpu"
    assert select_device(torch.device("cpu")) == torch.device("cpu")
    assert dict(os.environ) == before


def test_processor_facts(monkeypatch):
    assert device.get_cpu_info() and "(R)" not in device.get_cpu_info()
    assert isinstance(device.cpu_has_bf16(), bool)
    free, total = device.device_memory("cpu")
    assert 0 < free <= total
    assert device.time_sync() <= device.time_sync()
    with device.autocast(False, "cpu"):
        pass
    first = device.tune_allocator()
    assert first is None or "M_MMAP_THRESHOLD=1024MiB" in first
    assert device.tune_allocator() == first
    assert isinstance(device.trim_allocator(), bool)
    device.cpu_has_bf16.cache_clear()
    monkeypatch.setattr(device, "cpuinfo_field", lambda name: "fpu avx512_bf16 sse")
    assert device.cpu_has_bf16()
    device.cpu_has_bf16.cache_clear()


def draw() -> tuple:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_seeds():
    init_seeds(7)
    first = draw()
    init_seeds(7, deterministic=True)
    assert torch.are_deterministic_algorithms_enabled()
    assert draw() == first
    init_seeds(8)
    assert not torch.are_deterministic_algorithms_enabled()
    assert draw() != first


def test_random_state_round_trip(tmp_path):
    random.gauss(0, 1)
    np.random.randn()  # leaves a second value behind, which belongs to the state
    state = rng_state()
    expected = [draw(), random.gauss(0, 1), float(np.random.randn())]
    torch.save(state, tmp_path / "state.pt")
    init_seeds(99)
    set_rng_state(torch.load(tmp_path / "state.pt", weights_only=True))
    assert [draw(), random.gauss(0, 1), float(np.random.randn())] == expected


def test_profile():
    timer = Profile()
    for _ in range(2):
        with timer:
            time.sleep(0.01)
    assert 0.005 < timer.dt < timer.t
    assert "Elapsed" in str(timer)

    @Profile(device=torch.device("cpu"))
    def job():
        return 1

    assert job() == 1


def test_undistributed():
    port = dist.find_free_network_port()
    with socket.socket() as s:
        s.bind(("127.0.0.1", port))
    assert dist.is_main()
    assert dist.all_gather_object(3) == [3]
    assert dist.broadcast_object("x") == "x"
    dist.barrier()
    with dist.torch_distributed_zero_first(-1):
        pass


def _rank(rank: int, port: int, folder: str) -> None:
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", LOCAL_RANK=str(rank))
    address = f"tcp://127.0.0.1:{port}"
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    got = dist.all_gather_object({"rank": rank})
    chosen = dist.broadcast_object(f"from {rank}")
    with dist.torch_distributed_zero_first(rank):
        seen = os.path.exists(f"{folder}/made")
        open(f"{folder}/made", "a").close()
    dist.barrier()
    torch.distributed.destroy_process_group()
    assert got == [{"rank": 0}, {"rank": 1}] and chosen == "from 0"
    assert seen == (rank == 1) and dist.is_main() == (rank == 0)


def test_two_processes(tmp_path):
    torch.multiprocessing.spawn(_rank, args=(dist.find_free_network_port(), str(tmp_path)), nprocs=2)
