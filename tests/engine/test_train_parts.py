"""The small parts of training, each alone."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from ultralytics.cfg.merge import get_cfg
from ultralytics.engine.train import amp, autobatch, extras, modules, recovery, selfcheck
from ultralytics.engine.train.csvlog import CsvLog
from ultralytics.engine.train.mode import Precision
from ultralytics.engine.train.process import cpu_threads, reseed_epoch, training_process
from ultralytics.engine.train.runfolder import RunFolderLock, remove_leftovers
from ultralytics.engine.train.setup import claim_folder
from ultralytics.nn.backends.table import FORMATS

CPU = torch.device("cpu")


# results.csv ----------------------------------------------------------------------------------------------------------


def test_csv_format(tmp_path):
    log = CsvLog(tmp_path / "results.csv")
    log.append(0, 1.23456789, {"train/box_loss": 1.5, "lr/pg0": 0.000123456789})
    log.append(1, 20, {"train/box_loss": 2, "lr/pg0": 0})
    text = (tmp_path / "results.csv").read_text()
    assert text == "epoch,time,train/box_loss,lr/pg0\n1,1.23457,1.5,0.000123457\n2,20,2,0\n"
    assert CsvLog.read(tmp_path / "results.csv")["epoch"] == [1, 2]


def test_csv_gains_columns(tmp_path):
    log = CsvLog(tmp_path / "results.csv")
    log.append(0, 1, {"a": 1})
    log.append(1, 2, {"a": 1, "b": 5})
    assert (tmp_path / "results.csv").read_text() == "epoch,time,a,b\n1,1,1,\n2,2,1,5\n"
    assert log.as_columns()["b"] == [None, 5]


def test_csv_is_repaired_from_the_checkpoint(tmp_path):
    path = tmp_path / "results.csv"
    log = CsvLog(path)
    for epoch in range(3):
        log.append(epoch, epoch, {"a": epoch / 4})
    table = log.as_columns()
    with open(path, "a") as file:
        file.write("4,3,0.")  # torn by a kill
    again = CsvLog(path)
    again.load_columns(table, until_epoch=1)
    assert path.read_text() == "epoch,time,a\n1,0,0\n2,1,0.25\n"
    again.append(2, 2, {"a": 0.5})
    assert path.read_text().endswith("3,2,0.5\n")


def test_csv_of_8_1_is_read(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(
        "                  epoch,         train/box_loss\n                      0,                 1.25\n 1"
    )
    assert CsvLog.read(path) == {"epoch": [0], "train/box_loss": [1.25]}
    assert CsvLog.read(tmp_path / "none.csv") == {}
    for content, words in ((b"a,b\n1,2\n3,x\n", "line 3"), (b"a\n\xff\n", "no table"), (b"a\n1e999\n", None)):
        path.write_bytes(content)
        if words is None:
            assert CsvLog.read(path) == {"a": [float("inf")]}
        else:
            with pytest.raises(ValueError, match=rf"{path.name}.*{words}"):
                CsvLog.read(path)


def test_csv_without_file_keeps_rows():
    log = CsvLog(None)
    log.append(0, 1, {"a": 2})
    log.rewrite()
    assert log.as_columns() == {"epoch": [1], "time": [1], "a": [2]}


# Run folder -----------------------------------------------------------------------------------------------------------


def test_a_second_live_run_is_refused(tmp_path):
    first = RunFolderLock(tmp_path)
    first.acquire()
    code = (
        "import sys; from pathlib import Path\n"
        "from ultralytics.engine.train.runfolder import RunFolderLock\n"
        "try: RunFolderLock(Path(sys.argv[1])).acquire()\n"
        "except RuntimeError as error: print(error); sys.exit(7)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    env = {"PYTHONPATH": ":".join(sys.path)}
    refused = subprocess.run(command, capture_output=True, text=True, env=env)
    assert refused.returncode == 7 and "Another training run" in refused.stdout, refused.stderr
    first.release()
    assert subprocess.run(command, capture_output=True, env=env).returncode == 0


def claim(project) -> SimpleNamespace:
    """Let a stand-in for a trainer choose its folder."""
    args = get_cfg(overrides={"mode": "train", "project": str(project), "name": "run"})
    trainer = SimpleNamespace(args=args, resumption=None, is_main=True)
    claim_folder(trainer)
    return trainer


def test_runs_that_start_together_get_folders_of_their_own(tmp_path):
    finished = claim(tmp_path)
    finished.csv.write_text("epoch,time\n1,1\n")
    finished.folder_lock.release()
    together = Barrier(8)

    def start(_):
        together.wait()
        return claim(tmp_path)

    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(start, range(8)))
    assert {run.save_dir.name for run in runs} == {f"run-{n}" for n in range(2, 10)}
    assert finished.csv.read_text().endswith("1,1\n")
    for run in runs:
        assert f"save_dir: {run.save_dir}" in (run.save_dir / "args.yaml").read_text()
        run.folder_lock.release()


def test_processes_that_start_together_get_folders_of_their_own(tmp_path):
    code = (
        "import sys\n"
        "from ultralytics.cfg.merge import get_cfg\n"
        "from ultralytics.engine.train.runfolder import claim_new\n"
        "args = get_cfg(overrides={'mode': 'train', 'project': sys.argv[1], 'name': 'run'})\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "print(*(claim_new(args).name for _ in range(20)))\n"
    )
    command, env = [sys.executable, "-c", code, str(tmp_path)], {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    pipe = subprocess.PIPE
    both = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=env) for _ in range(2)]
    assert [process.stdout.readline() for process in both] == ["ready\n"] * 2
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    names = [name for process in both for name in process.communicate(timeout=60)[0].split()]
    assert len(names) == 40 and set(names) == {p.name for p in tmp_path.iterdir()}


def test_leftovers_of_a_killed_run_are_removed(tmp_path):
    (tmp_path / ".last.pt.123-ab.tmp").write_bytes(b"x")
    (tmp_path / "last.pt").write_bytes(b"y")
    remove_leftovers(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["last.pt"]


# Freezing -------------------------------------------------------------------------------------------------------------


def layers():
    net = nn.Module()
    net.model = nn.Sequential(*(nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)) for _ in range(12)))
    return net


@pytest.mark.parametrize(
    ("freeze", "frozen"),
    [(None, set()), (2, {0, 1}), ([1, 10], {1, 10}), (["3.0"], {3}), ("5.", {5}), ([0, "7.1"], {0, 7})],
)
def test_freeze_takes_numbers_lists_and_names(freeze, frozen):
    net = layers()
    modules.apply_freeze(net, freeze, verbose=False)
    assert {int(n.split(".")[1]) for n, p in net.named_parameters() if not p.requires_grad} == frozen


def test_frozen_norms_stay_in_evaluation():
    net = layers()
    pieces = modules.apply_freeze(net, [1], verbose=False)
    net.train()
    modules.freeze_norm_statistics(net, pieces)
    assert [m.training for m in net.modules() if isinstance(m, nn.BatchNorm2d)] == [i != 1 for i in range(12)]


def test_freezing_everything_or_nothing_known_is_an_error():
    with pytest.raises(RuntimeError, match="leaves no parameter"):
        modules.apply_freeze(layers(), 12, verbose=False)
    with pytest.raises(ValueError, match=r"\['model.12.'\] match no parameter"):
        modules.apply_freeze(layers(), [12], verbose=False)


def test_other_frozen_parameters_are_switched_on():
    net = layers()
    net.model[3][0].weight.requires_grad = False
    modules.apply_freeze(net, 1, verbose=False)
    assert net.model[3][0].weight.requires_grad


def test_unwrap_and_repair():
    net = nn.Linear(2, 2)
    assert modules.unwrap_model(nn.DataParallel(net)) is net and modules.is_parallel(nn.DataParallel(net))
    good, bad = nn.Linear(2, 2), nn.Linear(2, 2)
    with torch.no_grad():
        bad.weight[0, 1] = math.nan
        bad.bias[0] = math.inf
    kept = bad.weight[1].clone()
    assert modules.repair_non_finite(bad, good) == 2
    assert bad.weight[0, 1] == good.weight[0, 1] and bad.bias[0] == good.bias[0] and torch.equal(bad.weight[1], kept)


# Recovery -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"), True),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (MemoryError(), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_recognised(error, expected):
    assert recovery.is_out_of_memory(error) is expected


def test_batch_is_halved_in_the_first_epoch_only():
    error = MemoryError()
    assert recovery.smaller_batch(error, 0, 16, 0).batch == 8
    assert recovery.smaller_batch(error, 1, 16, 0) is None
    assert recovery.smaller_batch(error, 0, 16, 3) is None
    assert recovery.smaller_batch(error, 0, 1, 0) is None
    assert recovery.smaller_batch(ValueError(), 0, 16, 0) is None


def test_not_a_number_goes_back_three_times():
    recovery.check_finite(1.0, 0.5, 3, 0)
    recovery.check_finite(1.0, None, 3, 0)
    with pytest.raises(recovery.RestartEpoch, match="loss is not a number in epoch 4"):
        recovery.check_finite(math.nan, None, 3, 2)
    with pytest.raises(recovery.RestartEpoch, match="fitness"):
        recovery.check_finite(1.0, math.inf, 3, 0)
    with pytest.raises(RuntimeError, match="after 3 returns"):
        recovery.check_finite(math.nan, None, 3, 3)


# Batch size -----------------------------------------------------------------------------------------------------------


def line(size):
    return 1e9 + size * 5e8


@pytest.mark.parametrize(
    ("peaks", "options", "expected"),
    [
        ([line(s) for s in (1, 2, 4, 8, 16)], {"budget": 11.1e9}, 20),
        ([line(s) for s in (1, 2, 4, 8, 16)], {"budget": 11e9, "limit": 12}, 12),
        ([line(1), line(2), line(4), None, None], {"budget": 11e9}, 4),
        ([line(1), line(2), line(4), line(8), None], {"budget": 5.1e9}, 8),
        ([None] * 5, {"budget": 11e9}, 16),
        ([line(1), None, None, None, None], {"budget": 11e9}, 1),
        ([line(s) for s in (1, 2, 4, 8, 16)], {"budget": 1e8}, 1),
        ([line(s) for s in (1, 2, 4, 8, 16)], {"budget": 1e13}, 1024),
    ],
)
def test_batch_from_measured_memory(peaks, options, expected):
    assert autobatch.choose_size((1, 2, 4, 8, 16), peaks, fallback=16, **options) == expected


def test_trial_sizes():
    assert autobatch.trial_sizes(8 * 2**30, 0) == [1, 2, 4, 8, 16]
    assert autobatch.trial_sizes(80 * 2**30, 40) == [1, 2, 4, 8, 16, 32]
    assert autobatch.trial_sizes(80 * 2**30, 3) == [1, 2]


def test_autobatch_on_a_processor_is_the_default():
    assert autobatch.check_train_batch_size(nn.Conv2d(3, 4, 1), imgsz=64, batch=-1) == 16


# Precision ------------------------------------------------------------------------------------------------------------


class Toy(nn.Module):
    """A model whose loss is `scale` times too large under autocast, and that has a BatchNorm and dropout."""

    def __init__(self, wrong=1.0):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
        self.wrong = wrong

    def forward(self, batch):
        loss = self.net(batch["img"]).float().square().mean()
        return loss * (self.wrong if torch.is_autocast_enabled("cpu") else 1.0), {"loss": loss}


MODES = [Precision(), Precision("bfloat16")]
PIXELS = {"img": torch.rand(2, 3, 16, 16)}


def work_of(steps, step=100.0, model=None):
    def stream():
        while True:
            yield PIXELS

    return amp.Workload(
        model, step_gflop=step, steps=steps, images=len(PIXELS["img"]), batch=lambda: PIXELS, stream=stream
    )


def choose(model, amp_value=True, layout=False, gflop=1e9, memory=None, threads=1, step=100.0, pinned=False):
    work = work_of(gflop / step, step, model)
    return amp.choose_precision(amp_value, layout, CPU, work, threads=threads, pinned=pinned, memory=memory)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(amp, "cpu_has_bf16", lambda: True)
    monkeypatch.setattr(selfcheck, "TRIAL_SECONDS", 0.01)
    threads = torch.get_num_threads()
    yield monkeypatch
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, "auto"), ("fp16", "float16"), ("BF16", "bfloat16"), (False, "float32"), ("fp32", "float32")],
)
def test_requested_types(value, expected):
    assert amp.requested_dtype(value) == expected


def test_unknown_type_names_the_allowed_ones():
    with pytest.raises(ValueError, match=r"amp='fp8'.*'bf16'"):
        amp.requested_dtype("fp8")


def test_self_check_leaves_model_and_generators_alone(tmp_path, quick):
    model = Toy().train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    choose(model, memory=tmp_path / "precision.json", threads=2)
    assert torch.equal(torch.rand(4), expected)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def note_times(monkeypatch, seconds):
    """Replace the clock of trials by a table from (type, threads) to seconds."""

    def timed(trial, batch):
        trial.times.append(seconds[trial.mode.dtype, trial.mode.threads])

    monkeypatch.setattr(selfcheck.Trial, "timed_step", timed)


def test_another_arithmetic_needs_speed_and_agreement(quick):
    times = {("float32", 0): 1.0, ("bfloat16", 0): 0.5}
    note_times(quick, times)
    assert selfcheck.fastest_mode(Toy(), MODES, PIXELS).dtype == "bfloat16"
    assert selfcheck.fastest_mode(Toy(wrong=1.2), MODES, PIXELS).dtype == "float32"
    assert selfcheck.fastest_mode(Toy(wrong=math.nan), MODES, PIXELS).dtype == "float32"
    times["bfloat16", 0] = 0.97
    assert selfcheck.fastest_mode(Toy(), MODES, PIXELS).dtype == "float32"


@pytest.mark.parametrize(("seconds", "taken"), [(0.97, True), (1.0, False)])
def test_another_layout_needs_only_be_faster(quick, seconds, taken):
    quick.setattr(
        selfcheck.Trial,
        "timed_step",
        lambda trial, batch: trial.times.append(seconds if trial.mode.channels_last else 1.0),
    )
    model = Toy()
    model.net[2].p = 0.0  # the order of values in memory decides which ones are dropped, and so the loss
    modes = (Precision(), Precision(channels_last=True))
    assert selfcheck.fastest_mode(model, modes, PIXELS).channels_last is taken


TIMES = {"float32": 1.0, "bfloat16": 0.6}


@pytest.mark.parametrize(("both", "expected"), [(0.6, 2), (0.95, 1), (4.0, 1)])
def test_all_cores_are_used_only_where_that_helps(quick, tmp_path, both, expected):
    note_times(quick, {(dtype, n): t * both ** (n - 1) for dtype, t in TIMES.items() for n in (1, 2)})
    chosen = choose(Toy(), threads=2, memory=tmp_path / "p.json")
    assert (chosen.dtype, chosen.threads) == ("bfloat16", expected)
    assert chosen.spare_s == pytest.approx(0.6 if expected == 2 else 0.0)  # one thread, in the chosen arithmetic


def test_arithmetic_is_measured_at_the_threads_of_the_run(quick, tmp_path):
    note_times(quick, {("float32", 1): 1.0, ("bfloat16", 1): 1.0, ("float32", 2): 0.6, ("bfloat16", 2): 0.4})
    chosen = choose(Toy(), threads=2, memory=tmp_path / "p.json")
    assert (chosen.dtype, chosen.threads) == ("bfloat16", 2)


def test_thread_counts():
    assert amp.thread_counts(8, 100.0) == [7, 8] and amp.thread_counts(2, 100.0) == [1, 2]
    assert amp.thread_counts(1, 100.0) == [1] and amp.thread_counts(8, 0.1) == [1]


def test_verdict_is_remembered(tmp_path, quick):
    verdict = Precision("bfloat16", True, 1, "0.50 of the float32 time")
    quick.setattr(selfcheck, "fastest_mode", lambda *args: verdict)
    memory = tmp_path / "precision.json"
    assert choose(Toy(), layout=None, memory=memory) == verdict
    assert len(json.loads(memory.read_text())) == 1
    quick.setattr(selfcheck, "fastest_mode", lambda *args: pytest.fail("measured again"))
    again = choose(Toy(), layout=None, memory=memory)
    assert (again.dtype, again.channels_last) == ("bfloat16", True) and "measured earlier" in again.note
    memory.write_text("not json")
    quick.setattr(selfcheck, "fastest_mode", lambda *args: Precision())
    assert choose(Toy(), layout=None, memory=memory).dtype == "float32"


def test_no_check_where_nothing_is_open(monkeypatch):
    monkeypatch.setattr(selfcheck, "remembered", lambda *args: pytest.fail("measured"))
    monkeypatch.setattr(amp, "cpu_has_bf16", lambda: True)
    assert choose(Toy(), amp_value=False).dtype == "float32"
    assert choose(Toy(), amp_value="bf16").dtype == "bfloat16"
    monkeypatch.setattr(amp, "cpu_has_bf16", lambda: False)
    assert choose(Toy(), step=0.1, threads=4) == Precision(threads=1)
    assert choose(Toy(), threads=4, pinned=True) == Precision(threads=4)


@pytest.fixture
def unmeasured(quick):
    quick.setattr(selfcheck, "fastest_mode", lambda *args: pytest.fail("measured"))
    quick.setattr(selfcheck, "fastest_threads", lambda *args: pytest.fail("measured"))
    return quick


def test_short_runs_take_all_cores_and_what_is_usually_fastest(unmeasured, tmp_path):
    memory = tmp_path / "p.json"
    short = choose(Toy(), layout=None, gflop=39 * 100.0, threads=4, memory=memory)
    assert (short.dtype, short.channels_last, short.threads) == ("bfloat16", True, 4)
    assert "short run" in short.note and short.spare_s > 0 and not memory.exists()
    kept = choose(Toy(), False, layout=None, gflop=39 * 100.0, threads=4, memory=memory)
    assert (kept.dtype, kept.channels_last, kept.threads) == ("float32", True, 4)
    fixed = choose(Toy(), layout=False, gflop=39 * 100.0, threads=4, memory=memory)
    assert (fixed.dtype, fixed.channels_last) == ("bfloat16", False)
    tiny = choose(Toy(), layout=None, step=0.1, gflop=3.9, threads=4, memory=memory)
    assert tiny == Precision(threads=1, note=selfcheck.SHORT)
    unmeasured.setattr(amp, "cpu_has_bf16", lambda: False)
    old = choose(Toy(), layout=None, gflop=39 * 100.0, threads=4, memory=memory)
    assert (old.dtype, old.channels_last, old.threads) == ("float32", False, 4)


def test_short_runs_compute_in_bfloat16_only_where_the_loss_agrees(unmeasured, tmp_path):
    for wrong in (1.2, math.nan):
        chosen = choose(Toy(wrong=wrong), gflop=39 * 100.0, memory=tmp_path / "p.json")
        assert chosen.dtype == "float32" and "another loss" in chosen.note
    unmeasured.setattr(selfcheck, "Trial", lambda *args: pytest.fail("too short even for a look at the loss"))
    assert choose(Toy(), gflop=19 * 100.0, memory=tmp_path / "p.json").dtype == "float32"


def test_short_runs_take_the_verdict_of_long_ones(quick, tmp_path):
    verdict = Precision("float32", True, 1, "0.50 of the time")
    quick.setattr(selfcheck, "fastest_mode", lambda *args: verdict)
    memory = tmp_path / "p.json"
    assert choose(Toy(), layout=None, memory=memory) == verdict
    quick.setattr(selfcheck, "fastest_mode", lambda *args: pytest.fail("measured again"))
    short = choose(Toy(), layout=None, gflop=500.0, memory=memory)
    assert (short.dtype, short.channels_last) == ("float32", True) and "measured earlier" in short.note


def test_a_check_takes_no_more_than_a_twentieth_of_the_steps(quick, tmp_path):
    steps = []
    note_times(quick, {(dtype, n): 1.0 for dtype in TIMES for n in (1, 2)})
    quick.setattr(selfcheck.Trial, "step", lambda trial, batch: steps.append("untimed") or 1.0)
    timed = selfcheck.Trial.timed_step
    quick.setattr(selfcheck.Trial, "timed_step", lambda trial, batch: steps.append("timed") or timed(trial, batch))
    quick.setattr(selfcheck, "TRIAL_SECONDS", 0.0)
    run = 760
    assert not selfcheck.pays(work_of(run - 1), [Precision()] * 4, [1, 2])
    choose(Toy(), layout=None, gflop=run * 100.0, threads=2, memory=tmp_path / "p.json")
    assert 0 < len(steps) <= selfcheck.SHARE * run


def test_precision_round_trip():
    mode = Precision("bfloat16", True, 2, "why")
    assert Precision.from_state(json.loads(json.dumps(mode.state()))) == mode
    assert mode.mixed and not mode.scaled and Precision("float16").scaled
    assert mode.without_mixed("x") == Precision("float32", True, 2, "x")
    assert str(mode) == "bfloat16, NHWC layout, 2 threads (why)"


# The process ----------------------------------------------------------------------------------------------------------


def test_process_settings_are_put_back():
    threads, fill = torch.get_num_threads(), torch.utils.deterministic.fill_uninitialized_memory
    with training_process(CPU):
        assert torch.get_num_threads() == cpu_threads()
        assert not torch.utils.deterministic.fill_uninitialized_memory
    assert torch.get_num_threads() == threads
    assert torch.utils.deterministic.fill_uninitialized_memory == fill


def test_threads_are_shared_by_the_processes_of_a_machine(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    alone = cpu_threads()
    assert cpu_threads(2) == max(1, alone // 2) and cpu_threads(10**6) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert cpu_threads() == 3


def test_epoch_seeds_depend_on_place_only():
    reseed_epoch(0, 4, 0)
    first = torch.rand(3)
    torch.rand(100)
    reseed_epoch(0, 4, 0)
    assert torch.equal(torch.rand(3), first)
    for place in ((0, 5, 0), (1, 4, 0), (0, 4, 1)):
        reseed_epoch(*place)
        assert not torch.equal(torch.rand(3), first)


# Public helpers -------------------------------------------------------------------------------------------------------


PUBLIC_NAMES = (
    "ModelEMA EarlyStopping select_device init_seeds model_info get_flops fuse_conv_and_bn fuse_deconv_and_bn "
    "strip_optimizer intersect_dicts copy_attr unwrap_model de_parallel is_parallel time_sync smart_inference_mode "
    "autocast scale_img one_cycle initialize_weights torch_distributed_zero_first attempt_compile profile_ops "
    "get_num_params get_num_gradients cuda_memory_usage parse_device get_cpu_info get_gpu_info TORCH_1_9 TORCH_2_4 "
    "TORCH_2_13 TORCHVISION_0_18 convert_optimizer_state_dict_to_fp16 model_info_for_loggers unset_deterministic"
)


def test_public_paths_offer_the_helpers():
    from ultralytics.utils import autobatch as public_autobatch
    from ultralytics.utils import torch_utils

    assert [name for name in PUBLIC_NAMES.split() if not hasattr(torch_utils, name)] == []
    assert torch_utils.TORCH_1_9 and torch_utils.TORCH_2_4
    assert public_autobatch.check_train_batch_size is autobatch.check_train_batch_size


def test_optimizer_state_is_halved_where_its_range_allows():
    p = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.AdamW([p])
    p.grad = torch.ones(2)
    optimizer.step()
    sgd = torch.optim.SGD([p], momentum=0.9)
    sgd.step()
    kept = extras.convert_optimizer_state_dict_to_fp16(optimizer.state_dict())["state"][0]
    halved = extras.convert_optimizer_state_dict_to_fp16(sgd.state_dict())["state"][0]
    assert kept["exp_avg"].dtype == torch.float32 and halved["momentum_buffer"].dtype == torch.float16
    assert sgd.state[p]["momentum_buffer"].dtype == torch.float32


def test_smart_inference_mode():
    @extras.smart_inference_mode()
    def f():
        return torch.is_inference_mode_enabled()

    assert f() and extras.smart_inference_mode(False)(torch.is_inference_mode_enabled)() is False


def test_profile_ops_reports_modules_and_survives_failures():
    good, bad = extras.profile_ops(torch.rand(1, 3, 16, 16), [nn.Conv2d(3, 4, 3), nn.Conv2d(5, 4, 3)], n=1)
    assert good[0] == 112 and good[6] == (1, 4, 14, 14) and bad is None


def test_compile_mode_is_checked():
    net = nn.Linear(1, 1)
    assert extras.attempt_compile(net, CPU, mode=False) is net
    with pytest.raises(ValueError, match="compile='fast'"):
        extras.attempt_compile(net, CPU, mode="fast")


def test_quantisation_aware_training_is_not_built():
    net = nn.Linear(1, 1)
    assert not extras.is_qat(net) and extras.qat_state(net) is None and extras.restore_qat(net, None) is net
    with pytest.raises(NotImplementedError, match="quantize=8"):
        extras.prepare_qat(net, None, lambda batch: batch)
    assert 8 in FORMATS["onnx"].precisions  # as the advice says
