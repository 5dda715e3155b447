"""`resume=auto`: go on with the run of this name where there is one; restarts by torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from train_helpers import make_data, settings, weights_of

from ultralytics import YOLO
from ultralytics.cfg.cli import complete
from ultralytics.cfg.values import starts_anew
from ultralytics.engine.train import ddp, meeting, resume
from ultralytics.models.yolo.detect.train import DetectionTrainer
from ultralytics.utils.dist import find_free_network_port

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("data"), 8, 4)


class Interrupted(Exception):
    """Stands for whatever ends a run."""


def stop_after(epoch: int):
    def stop(trainer):
        if trainer.epoch == epoch:
            raise Interrupted

    return stop


def test_a_run_starts_goes_on_and_is_finished(data, tmp_path, caplog):
    args = settings(data, tmp_path, epochs=3, resume="auto")
    first = DetectionTrainer(overrides=args)
    assert first.resumption is None and first.save_dir == tmp_path / "run" and first.args.resume is False
    first.add_callback("on_fit_epoch_end", stop_after(0))
    with pytest.raises(Interrupted):
        first.train()
    second = DetectionTrainer(overrides=args)
    assert second.resume and second.save_dir == first.save_dir and "going on with the run in" in caplog.text
    second.train()
    assert second.start_epoch == 1 and not (tmp_path / "run-2").exists()
    before = (tmp_path / "run" / "weights" / "last.pt").stat().st_mtime_ns
    caplog.clear()
    model = YOLO(data.with_name("net.yaml"))
    assert model.train(**{k: v for k, v in args.items() if k != "model"}) is None
    assert "is finished; nothing is left to do" in caplog.text
    assert (tmp_path / "run" / "weights" / "last.pt").stat().st_mtime_ns == before
    assert model.ckpt_path == str(tmp_path / "run" / "weights" / "best.pt")
    several = DetectionTrainer(overrides={**args, "device": "cpu,cpu"})
    several.train()  # neither do several processes begin
    assert several.best == tmp_path / "run" / "weights" / "best.pt"


def test_the_result_is_that_of_one_run(data, tmp_path):
    whole = DetectionTrainer(overrides=settings(data, tmp_path, epochs=3, name="whole"))
    whole.train()
    args = settings(data, tmp_path, epochs=3, name="cut", resume="auto")
    cut = DetectionTrainer(overrides=args)
    cut.add_callback("on_fit_epoch_end", stop_after(1))
    with pytest.raises(Interrupted):
        cut.train()
    DetectionTrainer(overrides=args).train()
    a, b = (weights_of(YOLO(tmp_path / name / "weights" / "last.pt").model) for name in ("whole", "cut"))
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_a_new_run_starts_from_the_weights_of_the_model(data, tmp_path):
    model = YOLO(data.with_name("net.yaml"))
    model.save(tmp_path / "start.pt")
    model = YOLO(tmp_path / "start.pt")
    seen = []
    model.add_callback("on_pretrain_routine_end", lambda trainer: seen.append(weights_of(trainer.model)))
    args = {k: v for k, v in settings(data, tmp_path, epochs=1, resume="auto").items() if k != "model"}
    given = weights_of(model.model)
    model.train(**args)
    assert all(torch.equal(seen[0][key].float(), given[key].float()) for key in given if "model.0" in key)


def test_the_command_line_knows_the_word():
    assert starts_anew("auto") and starts_anew(None) and starts_anew(False)
    assert not starts_anew("last.pt") and not starts_anew(True)
    assert complete({"mode": "train", "resume": "auto"})["model"].endswith(".pt")
    assert complete({"mode": "train", "resume": "runs/a/last.pt"})["model"] == "runs/a/last.pt"


def test_a_checkpoint_of_another_version_is_told(data, tmp_path):
    YOLO(data.with_name("net.yaml")).save(tmp_path / "run" / "weights" / "last.pt")
    with pytest.raises(resume.NothingToResumeError, match="does not say how its run was started"):
        DetectionTrainer(overrides=settings(data, tmp_path, resume="auto"))


def test_processes_that_see_different_disks_do_not_begin(monkeypatch):
    found = SimpleNamespace(checkpoint={"epoch": 3})
    monkeypatch.setattr(resume, "all_gather_object", lambda own: [own, None])
    with pytest.raises(FileNotFoundError, match=r"rank 0: epoch 3, rank 1: none.*a disk that all machines share"):
        resume.require_same(found)
    resume.require_same(None)


def test_a_lost_process_is_explained(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    told = r"rank 1: another of the 2 training processes has ended"
    with pytest.raises(ddp.ProcessLostError, match=told), ddp.lost_process_explained(2):
        raise RuntimeError("[pair.cc:553] Connection closed by peer [127.0.0.1]:4455")
    for count, text in ((2, "wrong shape"), (1, "Connection closed by peer")):
        with pytest.raises(RuntimeError, match=text), ddp.lost_process_explained(count):
            raise RuntimeError(text)


def meet(store, count: int) -> list[str]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda rank: meeting.agree(store, rank, count, 30), range(count)))


def test_processes_of_one_attempt_agree():
    store = torch.distributed.HashStore()
    for rank in (1, 2):  # what an attempt has left that was killed while meeting
        store.set(f"asks/{rank}", "old")
    words = [meet(store, 3) for _ in range(3)]
    assert all(len(set(attempt)) == 1 for attempt in words) and len({attempt[0] for attempt in words}) == 3
    with pytest.raises(TimeoutError, match="rank 1 of this training did not come"):
        meeting.agree(store, 0, 2, 0.1)


# torchrun -------------------------------------------------------------------------------------------------------------


def agents(data: Path, project: Path, name: str, port: int) -> list[subprocess.Popen]:
    """Start two agents of one process each, as on two machines."""
    places = os.pathsep.join(map(str, (HERE, HERE.parent, HERE.parent.parent)))
    environment = {**os.environ, "PYTHONPATH": places, "OMP_NUM_THREADS": "1"}
    rendezvous = ["--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}", "--rdzv-id=test"]
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1", "--max-restarts=2"]
    words = [str(HERE / "elastic_run.py"), str(data), str(project), name]
    found = []
    for number in range(2):
        with open(project / f"{name}-{number}.log", "wb") as log:
            extra = ["--local-addr=127.0.0.1"]
            found.append(
                subprocess.Popen([*command, *rendezvous, *extra, *words], env=environment, stdout=log, stderr=log)
            )
    return found


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed")
def test_a_rank_that_dies_is_restarted_by_torchrun(data, tmp_path):
    """Two agents on this machine; the process of the second is killed. The weights are those of an undisturbed run."""
    for name in ("calm", "killed"):
        running = agents(data, tmp_path, name, find_free_network_port())
        try:
            if name == "killed":
                table = tmp_path / name / "results.csv"
                wait_for(lambda: table.exists() and len(table.read_text().splitlines()) > 3, running)  # noqa: B023
                (victim,) = psutil.Process(running[1].pid).children()
                (other,) = psutil.Process(running[0].pid).children()
                victim.kill()
                other.wait(60)  # the other one does not wait for ever
            assert [agent.wait(400) for agent in running] == [0, 0], logs(tmp_path, name)
        finally:
            for agent in running:
                if agent.poll() is None:
                    agent.kill()
    text = logs(tmp_path, "killed")
    assert "another of the 2 training processes has ended" in text or "restarting worker group" in text.lower()
    assert "resume=auto: going on with the run in" in text
    rows = [(tmp_path / name / "results.csv").read_text().splitlines() for name in ("calm", "killed")]
    assert [len(part) for part in rows] == [9, 9]
    a, b = (weights_of(YOLO(tmp_path / name / "weights" / "last.pt").model) for name in ("calm", "killed"))
    assert all(torch.equal(a[key], b[key]) for key in a)


def wait_for(condition, running) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline and all(agent.poll() is None for agent in running)
        time.sleep(0.05)


def logs(folder: Path, name: str) -> str:
    return "\n".join(
        file.read_text(encoding="utf-8", errors="replace") for file in sorted(folder.glob(f"{name}-*.log"))
    )
