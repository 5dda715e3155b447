"""The search: its files, going on with one, trials that fail, several data sets, a budget, processes of their own."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import tune_callbacks
from train_helpers import make_data, settings
from tune_callbacks import SPACE

from ultralytics import YOLO
from ultralytics.cfg.cli import main
from ultralytics.cfg.errors import ConfigError
from ultralytics.cfg.merge import get_cfg
from ultralytics.engine.train import ddp
from ultralytics.engine.tune.budget import Clock, Pace, choose_epochs, clock_text
from ultralytics.engine.tune.records import Record, Records
from ultralytics.engine.tune.trial import Outcome, TrialStoppedError, outcome_of, run_trial
from ultralytics.engine.tuner import Tuner
from ultralytics.utils.plotting import plot_tune_results
from ultralytics.utils.yaml_io import YAML

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("data") / "data", 8, 4)


class Trainings:
    """Stands for the trainings: their fitness follows from the hyper-parameters."""

    def __init__(self) -> None:
        self.calls: list[tuple[Path, dict]] = []
        self.fail: dict[tuple[str, str], str] = {}  # (number, data set) -> reason
        self.stop_at = 0  # the search is killed in this call
        self.seconds = 2.0

    def __call__(self, spec, run, args, stopped=lambda: False, echo=True) -> Outcome:
        assert ddp.read_spec(spec).trainer.__name__.endswith("Trainer")
        self.calls.append((run, dict(args)))
        if len(self.calls) == self.stop_at:
            raise SystemError("killed")
        if stopped():
            raise TrialStoppedError
        if reason := self.fail.get((run.parent.name, run.name)):
            return Outcome(seconds=1.0, reason=reason)
        (run / "weights").mkdir(parents=True, exist_ok=True)
        (run / "weights" / "best.pt").write_text(f"weights of {run.parent.name}/{run.name}", encoding="utf-8")
        fitness = args.get("box", 5) / 40 + args.get("lr0", 0)
        return Outcome(fitness, {"metrics/mAP50(B)": fitness, "fitness": fitness}, self.seconds, 2, 0.5)


@pytest.fixture
def trainings(monkeypatch) -> Trainings:
    found = Trainings()
    monkeypatch.setattr("ultralytics.engine.tuner.run_trial", found)
    return found


def arguments(yaml: Path, folder: Path, **changes):
    return {**settings(yaml, folder, name=None, space=SPACE, optimizer="AdamW"), **changes}


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "tune_results.ndjson").read_text(encoding="utf-8").splitlines()]


# Files ----------------------------------------------------------------------------------------------------------------


def test_the_files_of_a_search(data, tmp_path, trainings):
    tuner = Tuner(arguments(data, tmp_path, plots=True, box=7.5, lr0=0.005))
    best = tuner(iterations=6)
    folder = tmp_path / "tune"
    assert tuner.tune_dir == folder and tuner.tune_csv == folder / "tune_results.csv"
    rows = lines(folder)
    assert [row["iteration"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[0]["hyperparameters"] == {"lr0": 0.005, "box": 7.5}  # the arguments as they are
    assert rows[0]["datasets"] == {"data": {"metrics/mAP50(B)": 0.1925, "fitness": 0.1925}}
    assert rows[0]["save_dirs"] == {"data": str(folder / "trials" / "1" / "data")} and "failed_datasets" not in rows[0]
    with open(folder / "tune_results.csv", encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == ["fitness", "lr0", "box"] and len(table) == 6
    top = max(rows, key=lambda row: row["fitness"])
    assert best == top["hyperparameters"] == YAML.load(folder / "best_hyperparameters.yaml")
    assert (folder / "weights" / "best.pt").read_text() == f"weights of {top['iteration']}/data"
    assert not list(folder.glob("trials/*/*/weights"))
    assert (folder / "tune_fitness.png").stat().st_size > 1000
    assert (folder / "tune_scatter_plots.png").stat().st_size > 1000
    assert get_cfg(folder / "best_hyperparameters.yaml").box == best["box"]
    assert not [path for path in folder.iterdir() if path.name.endswith(".tmp")]
    Tuner(arguments(data, tmp_path))(iterations=1)
    assert (tmp_path / "tune-2" / "tune_results.csv").exists()  # a new search takes a new folder


def test_weights_of_all_trials_may_be_kept(data, tmp_path, trainings):
    Tuner(arguments(data, tmp_path))(iterations=2, cleanup=False)
    assert len(list((tmp_path / "tune").glob("trials/*/data/weights/best.pt"))) == 2


def test_the_current_value_is_put_into_the_range(data, tmp_path, trainings):
    space = {"lr0": (1e-4, 1e-3), "optimizer": ["SGD", "MuSGD"], "epochs": (10, 20)}
    Tuner(arguments(data, tmp_path, space=space, lr0=0.01))(iterations=1)
    assert lines(tmp_path / "tune")[0]["hyperparameters"] == {"lr0": 1e-3, "optimizer": "SGD", "epochs": 10}


def test_a_space_that_is_used_up_ends_the_search(data, tmp_path, trainings):
    Tuner(arguments(data, tmp_path, space={"optimizer": ["SGD", "AdamW", "Adam"]}))(iterations=50)
    assert len(trainings.calls) == 3


def test_plots_of_older_tables_and_names(tmp_path):
    file = tmp_path / "tune_results.csv"
    file.write_text("fitness,lr0,optimizer\n0.1,0.01,SGD\n0.2,0.02,AdamW\n0,0.3,SGD\n", encoding="utf-8")
    plot_tune_results(file)
    assert {path.name for path in tmp_path.glob("*.png")} == {"tune_scatter_plots.png", "tune_fitness.png"}
    (tmp_path / "no.ndjson").write_text("{}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="holds no results of a search"):
        plot_tune_results(tmp_path / "no.ndjson")


# Going on -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("search", ["evolution", "random"])
def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(data, tmp_path, trainings, search):
    Tuner(arguments(data, tmp_path, name="whole", search=search))(iterations=8)
    trainings.stop_at = len(trainings.calls) + 5
    with pytest.raises(SystemError):
        Tuner(arguments(data, tmp_path, name="cut", search=search))(iterations=8)
    assert len(lines(tmp_path / "cut")) == 4
    Tuner(arguments(data, tmp_path, name="cut", search=None, resume=True))(iterations=8)
    text = (tmp_path / "whole" / "tune_results.ndjson").read_text(encoding="utf-8")
    assert (tmp_path / "cut" / "tune_results.ndjson").read_text(encoding="utf-8") == text.replace("/whole/", "/cut/")
    assert (tmp_path / "cut" / "weights" / "best.pt").read_text() == (
        tmp_path / "whole" / "weights" / "best.pt"
    ).read_text()


def test_a_search_goes_on_with_its_settings(data, tmp_path, trainings, caplog):
    Tuner(arguments(data, tmp_path, imgsz=64))(iterations=2)
    folder = tmp_path / "tune"
    tuner = Tuner({"resume": str(folder), "imgsz": 96, "space": "lr0", "device": "cpu", "workers": 1})
    tuner(iterations=3)
    assert "goes on keeps its settings; ignored: imgsz, space" in caplog.text
    assert tuner.args.imgsz == 64 and list(tuner.space) == ["lr0", "box"] and tuner.args.workers == 1
    assert len(lines(folder)) == 3
    with pytest.raises(FileNotFoundError, match="no folder of a search"):
        Tuner({"resume": str(tmp_path)})
    with pytest.raises(FileNotFoundError, match="there is no search in"):
        Tuner(arguments(data, tmp_path / "none", resume=True))


def test_auto_starts_or_goes_on(data, tmp_path, trainings):
    for count in (1, 3, 3):
        Tuner(arguments(data, tmp_path, resume="auto"))(iterations=count)
        assert len(lines(tmp_path / "tune")) == len(trainings.calls) == count
    assert not (tmp_path / "tune-2").exists()


def test_a_kill_between_a_result_and_its_weights_is_made_good(data, tmp_path, trainings):
    Tuner(arguments(data, tmp_path, space={"box": (1, 20)}, box=1))(iterations=2, cleanup=False)
    folder = tmp_path / "tune"
    assert (folder / "weights" / "best.pt").read_text() == "weights of 2/data"
    (folder / "weights" / "best.pt").write_text("old", encoding="utf-8")
    Tuner({"resume": str(folder)})(iterations=2)
    assert (folder / "weights" / "best.pt").read_text() == "weights of 2/data"


def test_the_description_of_a_search_decides_nothing_dangerous(data, tmp_path, trainings):
    Tuner(arguments(data, tmp_path, trust=True))(iterations=1)
    folder = tmp_path / "tune"
    assert not Tuner({"resume": str(folder)}).args.get("trust")
    (folder / "tune_args.yaml").write_text("args: 3\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"tune_args.yaml does not say what the search is about"):
        Tuner({"resume": str(folder)})


def test_a_folder_may_be_given(data, tmp_path, trainings):
    Tuner(arguments(data, tmp_path, save_dir=str(tmp_path / "here")))(iterations=1)
    assert len(lines(tmp_path / "here")) == 1 and trainings.calls[0][0] == tmp_path / "here" / "trials" / "1" / "data"


def test_results_that_are_none(tmp_path):
    records = Records(tmp_path, ["lr0"])
    records.file.write_text('{"iteration": 1, "fitness": NaN, "hyperparameters": {"lr0": 1}}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"tune_results.ndjson, line 1: fitness=nan is no number"):
        records.load()
    records.file.write_text('{"iteration": 1, "fitness": 1, "hyperparameters": {"box": 1}}\n', encoding="utf-8")
    with pytest.raises(ValueError, match="the trial has no 'lr0'"):
        records.load()
    records.file.unlink()
    records.csv.write_text("             fitness,  lr0\n 0.5, 0.01\n 0.25, 0.02\n", encoding="utf-8")  # of 8.1
    records.load()
    assert records.all == [Record(1, 0.5, {"lr0": 0.01}), Record(2, 0.25, {"lr0": 0.02})]


# Failures and several data sets ---------------------------------------------------------------------------------------


def test_a_failed_trial_counts_as_nothing_and_is_named(data, tmp_path, trainings, caplog):
    trainings.fail["2", "data"] = "RuntimeError: no memory"
    Tuner(arguments(data, tmp_path))(iterations=3)
    row = lines(tmp_path / "tune")[1]
    assert row["fitness"] == 0 and row["failed_datasets"] == ["data"]
    assert row["reasons"] == {"data": "RuntimeError: no memory"}
    log = tmp_path / "tune" / "trials" / "2" / "data" / "train.log"
    assert f"trial 2 failed on 'data' and counts as fitness 0: RuntimeError: no memory (log: {log})" in caplog.text


def test_a_first_trial_that_fails_is_not_the_best(data, tmp_path, trainings):
    trainings.fail["1", "data"] = "no"
    Tuner(arguments(data, tmp_path, space={"lr0": (1e-9, 1e-8)}, box=0.0))(iterations=2)
    assert (tmp_path / "tune" / "weights" / "best.pt").read_text() == "weights of 2/data"


def test_when_nothing_works_the_search_gives_up(data, tmp_path, trainings):
    trainings.fail = {(str(number), "data"): "ValueError: wrong" for number in range(20)}
    with pytest.raises(RuntimeError, match="the first 3 trials have all failed, the last one: ValueError: wrong"):
        Tuner(arguments(data, tmp_path))(iterations=20)


def test_several_data_sets_are_averaged(data, tmp_path, trainings):
    other = make_data(tmp_path / "other", 4, 2)
    named = other.rename(other.with_name("more.yaml"))
    trainings.fail["2", "more"] = "no"
    Tuner(arguments(data, tmp_path, data=[str(data), str(named), str(data)]))(iterations=2)
    first, second = lines(tmp_path / "tune")
    assert list(first["datasets"]) == list(first["save_dirs"]) == ["data", "more", "data-2"]
    assert [args["data"] for _, args in trainings.calls[:3]] == [str(data), str(named), str(data)]
    values = [second["datasets"][name]["fitness"] for name in ("data", "more", "data-2")]
    assert values[1] == 0 and second["fitness"] == pytest.approx(sum(values) / 3, abs=1e-5)
    assert second["failed_datasets"] == ["more"]


# Arguments ------------------------------------------------------------------------------------------------------------


def test_the_optimizer_is_one_that_heeds_the_learning_rate(data, tmp_path, trainings, caplog):
    given = arguments(data, tmp_path)
    del given["optimizer"]
    assert Tuner(given).overrides["optimizer"] == "AdamW"
    assert "optimizer" not in Tuner({**given, "space": {"optimizer": ["SGD", "Adam"]}}).overrides
    Tuner({**given, "optimizer": "auto"})
    assert "optimizer=auto chooses lr0 and momentum by itself" in caplog.text


def test_arguments_may_be_a_namespace(data, tmp_path):
    tuner = Tuner(args=get_cfg(overrides={"model": "yolov8n.yaml", "data": str(data), "project": str(tmp_path)}))
    assert len(tuner.space) == 26 and tuner.overrides["optimizer"] == "AdamW"


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"space": {"lro": (0, 1)}}, ConfigError, "Did you mean"),
        ({"lro": 1}, ConfigError, "lro"),
        ({"search": "evo"}, ConfigError, "search='evo' is not valid"),
        ({"budget": "2 weeks"}, ConfigError, "budget='2 weeks' is not valid; it takes hours"),
        ({"budget": 0}, ConfigError, "budget=0"),
        ({"mongodb_uri": "mongodb://x"}, NotImplementedError, "MongoDB"),
    ],
)
def test_wrong_arguments(data, tmp_path, changes, error, text):
    with pytest.raises(error, match=text):
        Tuner(arguments(data, tmp_path, **changes))
    assert not (tmp_path / "tune").exists()


def test_wrong_calls(data, tmp_path, monkeypatch):
    tuner = Tuner(arguments(data, tmp_path))
    with pytest.raises(ConfigError, match="iterations=0"):
        tuner(iterations=0)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RuntimeError, match="without torchrun"):
        tuner()
    monkeypatch.setenv(ddp.WORKER_FLAG, "1")
    with pytest.raises(RuntimeError, match="__main__"):
        tuner()
    with pytest.raises(TypeError, match="by name"):
        YOLO(data.with_name("net.yaml")).tune(False, 3, {"lr0": (0, 1)})


def test_two_searches_do_not_share_a_folder(data, tmp_path, trainings):
    first, second = (Tuner(arguments(data, tmp_path, exist_ok=True)) for _ in range(2))
    trainings.stop_at = -1
    seen = []

    def meanwhile(*args, **kwargs):
        with pytest.raises(RuntimeError, match="is writing into"):
            second(iterations=1)
        seen.append(1)
        return Outcome(0.5)

    first._train = lambda *args: {"data": meanwhile()}
    first(iterations=1)
    assert seen


def test_the_model_carries_weights_callbacks_and_trainer(data, tmp_path, trainings, monkeypatch):
    from ultralytics.models.yolo.detect import DetectionTrainer

    found = {}

    def look(spec, *args, **kwargs):
        found["job"] = ddp.read_spec(spec)
        return Outcome(0.5)

    monkeypatch.setattr("ultralytics.engine.tuner.run_trial", look)
    model = YOLO(data.with_name("net.yaml"))
    model.save(tmp_path / "net.pt")
    model = YOLO(tmp_path / "net.pt")
    model.add_callback("on_train_end", tune_callbacks.note_process)
    given = arguments(data, tmp_path)
    del given["model"]
    assert model.tune(iterations=1, trainer=DetectionTrainer, **given) == {"lr0": 0.01, "box": 7.5}
    job = found["job"]
    assert job.trainer is DetectionTrainer and tune_callbacks.note_process in job.callbacks["on_train_end"]
    weights = job.attributes["initial_weights"].state_dict()
    assert all((weights[key] == value).all() for key, value in model.model.state_dict().items())
    model.tune(
        iterations=1, **{**given, "space": {"model": [str(tmp_path / "net.pt"), str(data.with_name("net.yaml"))]}}
    )
    assert found["job"].attributes == {}  # each trial starts from the model that it names
    model.add_callback("on_train_end", lambda trainer: None)
    with pytest.raises(TypeError, match="cannot be passed to training processes"):
        model.tune(iterations=1, **given)


def test_the_command(data, tmp_path, trainings, capsys):
    words = ["detect", "tune", f"model={data.with_name('net.yaml')}", f"data={data}", f"project={tmp_path}"]
    assert main([*words, "iterations=2", "space=lr0,box", "epochs=1", "plots=False"]) == 0
    assert len(lines(tmp_path / "tune")) == 2
    assert main(["tune", f"resume={tmp_path / 'tune'}", "iterations=3"]) == 0
    assert len(lines(tmp_path / "tune")) == 3
    with pytest.raises(ConfigError, match="iterations"):
        main([*words, "iteratoins=2"])
    with pytest.raises(ConfigError, match="grace_period=3 needs use_ray=True"):
        main([*words, "grace_period=3"])
    main(["tune", "help"])
    text = capsys.readouterr().out
    assert "budget" in text and "use_ray" in text and "resume" in text


# Budget ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "hours"), [("2h", 2), ("90m", 1.5), ("1h30m", 1.5), ("36s", 0.01), (3, 3), ("1d", 24)]
)
def test_budgets_are_read(data, tmp_path, given, hours):
    assert Tuner(arguments(data, tmp_path, budget=given)).hours == pytest.approx(hours)


def test_epochs_follow_from_the_budget():
    pace = Pace(epoch_seconds=10, other_seconds=20)
    assert choose_epochs(pace, 7200, 30) == 30
    epochs = choose_epochs(pace, 7200, None)
    assert 20 * pace.trial_seconds(epochs) <= 7200 < 25 * pace.trial_seconds(epochs)
    assert choose_epochs(pace, 1e7, None) == 100 and choose_epochs(pace, 30, None) == 1
    with pytest.raises(
        ConfigError, match=r"one trial of 100 epochs takes about 19 min, and 10 min are left.*epochs=52"
    ):
        choose_epochs(pace, 600, 100)
    assert [clock_text(s) for s in (1.23456, 600, 7200)] == ["1.23 s", "10 min", "2.0 h"]


def test_a_trial_is_started_only_if_it_would_end_in_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("ultralytics.engine.tune.budget.time.monotonic", lambda: now[0])
    clock = Clock(0.1)
    assert clock.left == 360 and clock.fits_another()
    clock.learn([Record(1, 0.5, {}, seconds=100.0), Record(2, 0, {}, failed_datasets=["a"], seconds=1.0)])
    now[0] = 240
    assert clock.fits_another()
    now[0] = 260
    assert not clock.fits_another() and not clock.is_over()
    now[0] = 361
    assert clock.is_over() and Clock().left == float("inf")


def test_a_search_with_a_budget(data, tmp_path, trainings, monkeypatch, caplog):
    now = [0.0]
    monkeypatch.setattr("ultralytics.engine.tune.budget.time.monotonic", lambda: now[0])
    plain = trainings.__call__

    def timed(*args, **kwargs):
        now[0] += 60
        trainings.seconds = 60.0
        return plain(*args, **kwargs)

    monkeypatch.setattr("ultralytics.engine.tuner.run_trial", timed)
    given = arguments(data, tmp_path, budget="10m")
    del given["epochs"]
    tuner = Tuner(given)
    tuner(iterations=300)
    runs = [run.parent.name for run, _ in trainings.calls]
    assert runs == ["probe", *map(str, range(1, 9))]  # 9 minutes; a tenth trial would need 1.1 more
    assert trainings.calls[0][1]["epochs"] == 2 and tuner.overrides["epochs"] == 1  # 20 trials cannot be
    assert "an epoch takes 0.5 s, all else in a trial 59 s" in caplog.text


def test_a_trial_that_takes_too_long_is_ended_and_not_counted(data, tmp_path, trainings, monkeypatch, caplog):
    now = [0.0]
    monkeypatch.setattr("ultralytics.engine.tune.budget.time.monotonic", lambda: now[0])
    plain = trainings.__call__

    def slow(spec, run, args, stopped, echo):
        now[0] += 1e6 if run.parent.name == "2" else 1
        return plain(spec, run, args, stopped, echo)

    monkeypatch.setattr("ultralytics.engine.tuner.run_trial", slow)
    Tuner(arguments(data, tmp_path, budget="1h"))(iterations=10)
    assert len(lines(tmp_path / "tune")) == 1 and "trial 2 is not complete and does not count" in caplog.text


# Processes ------------------------------------------------------------------------------------------------------------


def test_the_fitness_of_a_run(tmp_path):
    trainer = SimpleNamespace(
        best_fitness=0.5,
        validator=None,
        metrics={"metrics/mAP50(B)": 0.4},
        read_results_csv=lambda: {"time": [3, 5, 7.0]},
    )
    found = outcome_of(trainer, 10.0)
    assert found.fitness == 0.5 and found.epochs == 3 and found.epoch_seconds == 2
    assert found.metrics == {"metrics/mAP50(B)": 0.4, "fitness": 0.5}
    for value in (None, float("nan")):
        trainer.best_fitness = value
        with pytest.raises(ValueError, match="a search needs a validation split"):
            outcome_of(trainer, 10.0)


def test_trials_run_in_processes_of_their_own(data, tmp_path):
    model = YOLO(data.with_name("net.yaml"))
    model.add_callback("on_train_end", tune_callbacks.note_process)
    model.tune(iterations=1, **arguments(data, tmp_path, epochs=1, verbose=False, save_dir=str(tmp_path / "tune")))
    rows = lines(tmp_path / "tune")
    folder = Path(rows[0]["save_dirs"]["data"])
    process, parent = map(int, (folder / "process.txt").read_text().split())
    assert process != os.getpid() == parent
    assert (folder / "results.csv").exists() and "Logging results" in (folder / "train.log").read_text(encoding="utf-8")
    assert (tmp_path / "tune" / "weights" / "best.pt").exists() and rows[0]["epochs"] == 1


def test_a_process_that_dies_is_named(data, tmp_path):
    spec = tmp_path / "spec.pkl"
    from ultralytics.models.yolo.detect import DetectionTrainer

    listeners = {"on_fit_epoch_end": [tune_callbacks.die_at_first]}
    job = ddp.WorkerSpec(DetectionTrainer, settings(data, tmp_path, verbose=False), listeners)
    spec.write_bytes(ddp.pack(job))
    run = tmp_path / "1" / "data"
    first = run_trial(spec, run, {"data": str(data), "epochs": 2}, echo=False)
    assert first.reason == "the process ended with exit code 9" and first.fitness == 0
    assert run_trial(spec, run, {}, echo=False) == first  # a search that goes on takes what there is
    second = run_trial(spec, tmp_path / "2" / "data", {"data": "none.yaml"}, echo=False)
    assert "none.yaml" in second.reason and "none.yaml" in (tmp_path / "2" / "data" / "train.log").read_text()
    with pytest.raises(TrialStoppedError):
        run_trial(spec, tmp_path / "3" / "data", {"data": str(data)}, stopped=lambda: True, echo=False)


def test_parts_of_a_script_reach_several_processes_of_a_trial(data, tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (HERE.parent, HERE.parent.parent)))}
    words = [sys.executable, str(HERE / "tune_script.py"), str(data), str(tmp_path)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300)
    folder = tmp_path / "search" / "trials" / "1" / "data"
    assert {file.name for file in folder.glob("Mine-*.txt")} == {"Mine-0.txt", "Mine-1.txt"}, done.stdout[-2000:]
    assert done.returncode == 0 and "failed" not in done.stdout


def start(folder: Path, slow: bool, resume: bool) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (HERE, HERE.parent, HERE.parent.parent)))}
    words = [sys.executable, str(HERE / "tune_callbacks.py"), str(folder), *("slow" if slow else "fast",)]
    return subprocess.Popen([*words, "resume" if resume else "new"], env=environment, stdout=subprocess.DEVNULL)


@pytest.mark.slow
def test_killed_twice_and_gone_on_with(tmp_path):
    """Killed within the second trial and within the third: the same results and weights as without."""
    folders = [tmp_path / name for name in ("whole", "cut")]
    for folder in folders:
        make_data(folder / "data", 8, 4)
    assert start(folders[0], False, False).wait(300) == 0
    search = folders[1] / "runs" / "search"
    for number, rows in ((2, 1), (3, 2)):
        process = start(folders[1], True, number == 3)
        table = search / "trials" / str(number) / "data" / "results.csv"
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline and (not table.exists() or len(table.read_text().splitlines()) <= rows):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert start(folders[1], False, True).wait(300) == 0
    found = [lines(folder / "runs" / "search") for folder in folders]
    for whole, cut in zip(*found, strict=True):
        for key in ("iteration", "fitness", "hyperparameters", "datasets"):
            assert whole[key] == cut[key], key
    weights = [YOLO(folder / "runs" / "search" / "weights" / "last.pt").model.state_dict() for folder in folders]
    assert all((weights[1][key] == value).all() for key, value in weights[0].items())
    log = (search / "trials" / "3" / "data" / "train.log").read_text(encoding="utf-8")
    assert "Resuming" in log or "resum" in log.lower()
