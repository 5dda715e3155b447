from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ultralytics.cfg
from ultralytics.cfg import cli, cli_help, cli_parse
from ultralytics.cfg.cli import complete, entrypoint, main, run_guarded
from ultralytics.cfg.cli_help import help_text
from ultralytics.cfg.cli_parse import Command, merge_equals_args, parse_command, parse_key_value_pair, smart_value
from ultralytics.cfg.solutions import SOLUTIONS
from ultralytics.data.loaders.files import list_source_files
from ultralytics.solutions.geometry import region_of
from ultralytics.utils.checks import require
from ultralytics.utils.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[2]


# Words ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("None", None),
        ("TRUE", True),
        ("false", False),
        ("1", 1),
        ("1.5", 1.5),
        ("1e-3", 0.001),
        ("-1", -1),
        ("[1,2]", [1, 2]),
        ("(1,2)", (1, 2)),
        ("0,1", (0, 1)),
        ("'a'", "a"),
        ("{'a': 1}", {"a": 1}),
        ("abc", "abc"),
        ("[0, 1", "[0, 1"),
        ("a.b", "a.b"),
        ("os.sep", "os.sep"),
        ("yes", "yes"),
        ("007", "007"),
        ("__import__('os').getcwd()", "__import__('os').getcwd()"),
        ("cv2.COLORMAP_PARULA", 12),
        ("cv2.NO_SUCH_THING", "cv2.NO_SUCH_THING"),
    ],
)
def test_smart_value(text, value):
    got = smart_value(text)
    assert got == value and type(got) is type(value)


@given(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(st.integers())
)
def test_smart_value_reads_what_python_writes(value):
    assert smart_value(repr(value)) == value


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        (["a", "=", "b"], ["a=b"]),
        (["a=", "b"], ["a=b"]),
        (["a", "=b"], ["a=b"]),
        (["x", "y=", "z", "w"], ["x", "y=z", "w"]),
        (["kpts=[6,", "8]", "x=1"], ["kpts=[6,8]", "x=1"]),
        (["a=", "[1,", "2]"], ["a=[1,2]"]),
        (["train", "a=[", "1", ",", "2", "]", "b=[[1,", "2],", "[3]]"], ["train", "a=[1,2]", "b=[[1,2],[3]]"]),
        (["a", "=", "b", "=", "c"], ["a=b=c"]),
        (["name=", "epochs=3"], ["name=", "epochs=3"]),  # the next argument is not a value
        (["=", "b"], ["=b"]),
        ([], []),
    ],
)
def test_merge_equals_args(words, joined):
    before = list(words)
    assert merge_equals_args(words) == joined
    assert words == before


@pytest.mark.parametrize("words", [["a=[1", "2"], ["a=[1]]"], ["a=[[1]", "b"], ["a=[1,", "b=2]"]])
def test_unbalanced_brackets(words):
    with pytest.raises(SyntaxError, match="partner"):
        merge_equals_args(words)


@given(st.lists(st.sampled_from(["a", "b=1", "=", "c=", "[", "]", "x=[1,", "2]"]), max_size=6))
def test_merging_loses_nothing(words):
    try:
        joined = merge_equals_args(words)
    except SyntaxError:
        return
    assert "".join(joined) == "".join(words)
    assert merge_equals_args(joined) == joined or any(w.startswith("=") or w.endswith("=") for w in joined)


def test_pairs():
    assert parse_key_value_pair("a = b") == ("a", "b")
    assert parse_key_value_pair("a=b=c") == ("a", "b=c")
    assert parse_key_value_pair("name=3") == ("name", "3")
    assert parse_key_value_pair("project=1e3") == ("project", "1e3")
    assert parse_key_value_pair("device=0,1") == ("device", (0, 1))
    for bad in ("a", "a=", "=3"):
        with pytest.raises(SyntaxError, match="expected key=value"):
            parse_key_value_pair(bad)


@pytest.mark.parametrize(
    ("line", "overrides"),
    [
        ("train", {"mode": "train"}),
        ("detect train epochs=3 data=x.yaml", {"task": "detect", "mode": "train", "epochs": 3, "data": "x.yaml"}),
        ("epochs=3 train segment", {"task": "segment", "mode": "train", "epochs": 3}),
        ("predict save_txt half nms", {"mode": "predict", "save_txt": True, "half": True, "nms": True}),
        ("predict --source=a.jpg, conf = 0.4", {"mode": "predict", "source": "a.jpg", "conf": 0.4}),
        ("val cfg=None", {"mode": "val", "cfg": None}),
        ("train epochs=3 epochs=4", {"mode": "train", "epochs": 4}),
        ("train hide_labels=True", {"mode": "train", "hide_labels": True}),
    ],
)
def test_parse(line, overrides):
    assert parse_command(line.split()) == Command(overrides=overrides)


@pytest.mark.parametrize(
    ("line", "special", "words"),
    [
        ("help", "help", ()),
        ("--help", "help", ()),
        ("-h", "help", ()),
        ("h", "help", ()),
        ("v", "version", ()),
        ("--version", "version", ()),
        ("check", "checks", ()),
        ("setting", "settings", ()),
        ("c", "copy-cfg", ()),
        ("cfg", "cfg", ()),
        ("s count source=x", "solutions", ("count", "source=x")),
        ("l", "logout", ()),
        ("settings runs_dir = x", "settings", ("runs_dir=x",)),
        ("info model=a.yaml", "info", ("model=a.yaml",)),
        ("quickstart epochs=1", "quickstart", ("epochs=1",)),
        ("blocks", "blocks", ()),
        ("block", "blocks", ()),
        ("routing", "routing", ()),
        ("detect help", "help", ("detect",)),
        ("train epochs=x --help", "help", ("train", "epochs=x")),
        ("settings -h", "help", ("settings",)),
        ("solutions help", "help", ("solutions",)),
    ],
)
def test_specials(line, special, words):
    assert parse_command(line.split()) == Command(special, words)


def test_arguments_of_a_file(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("epochs: 3\nbatch: 4\ncfg: other.yaml\n")
    assert parse_command(["train", "epochs=5", f"cfg={file}"]).overrides == {"mode": "train", "epochs": 5, "batch": 4}


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("train lrO=0.1", r"'lrO' is not a valid YOLO argument.*'lr0=0\.01'"),
        ("trian", "'trian' is not a valid YOLO argument.*Similar commands are .*'train'"),
        ("train epochs", r"'epochs' needs a value: write epochs=100"),
        ("train model", "'model' needs a value: write model=VALUE"),
        ("train epochs=", "'epochs=' has no value"),
        ("train epoch=", "'epoch' is not a valid YOLO argument"),
        ("train channels_last", "needs a value"),
        ("quikstart", "'quickstart'"),
        ("detect predict a.jpg", r"'a\.jpg' is not a valid"),
        ("=3", "no key"),
    ],
)
def test_words_that_are_nothing(line, part):
    with pytest.raises(SyntaxError, match=part):
        entrypoint(line)


# Completing -----------------------------------------------------------------------------------------------------------


def test_complete(capsys):
    assert complete({"mode": "val", "task": "segment"})["model"] == "yolo26n-seg.pt"
    assert complete({"model": "x.pt"})["mode"] == "train"
    assert complete({"task": "track", "model": "x.pt", "source": 0}) == {
        "task": "detect",
        "mode": "track",
        "model": "x.pt",
        "source": 0,
    }
    assert complete({"mode": "predict", "model": "x.pt"})["source"].endswith("assets")
    assert complete({"mode": "export", "model": "x.pt"})["format"] == "torchscript"
    assert complete({"mode": "train", "resume": "runs/last.pt"})["model"] == "runs/last.pt"
    assert capsys.readouterr().out.count("WARNING") == 5
    with pytest.raises(ValueError, match=r"mode='trian' is not valid.*Did you mean train"):
        complete({"mode": "trian"})
    with pytest.raises(ValueError, match=r"task='segmnt' is not valid.*segment"):
        complete({"task": "segmnt", "mode": "train"})


def test_resume_finds_the_newest_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="resume=path"):
        complete({"mode": "train", "resume": True})
    last = tmp_path / "runs" / "train" / "weights" / "last.pt"
    last.parent.mkdir(parents=True)
    last.write_bytes(b"")
    assert Path(complete({"mode": "train", "resume": True})["model"]).resolve() == last


@pytest.fixture
def models(monkeypatch):
    """Replace the model classes by recorders."""
    calls = []

    def kind(name: str):
        class Recorder:
            task = "detect"

            def __init__(self, *args, **kwargs):
                calls.append((name, args, kwargs))

            def __getattr__(self, mode):
                if mode == "set_classes":
                    raise AttributeError
                return lambda **kwargs: calls.append((mode, kwargs))

        return Recorder

    fake = SimpleNamespace(**{n: kind(n) for n in ("YOLO", "RTDETR", "SAM", "FastSAM", "NAS")})
    monkeypatch.setitem(sys.modules, "ultralytics.models", fake)
    return calls


def test_run_train(models, capsys):
    entrypoint("train model=yolov8n.yaml epochs=1 trust")
    assert models == [
        ("YOLO", ("yolov8n.yaml",), {"task": None, "trust": True}),
        ("train", {"epochs": 1, "trust": True, "data": "coco8.yaml"}),
    ]
    assert "'data' is missing, using data=coco8.yaml" in capsys.readouterr().out


def test_task_of_the_model_wins(models, capsys):
    entrypoint("segment val model=yolov8n.pt")
    assert models[1] == ("val", {})
    assert "does not fit" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("rtdetr-l.pt", "RTDETR"),
        ("FastSAM-s.pt", "FastSAM"),
        ("sam_b.pt", "SAM"),
        ("sam2.1_t.pt", "SAM"),
        ("mobile_sam.pt", "YOLO"),
        ("yolo_nas_s.pt", "NAS"),
        ("samples/best.pt", "YOLO"),
        ("resampled.pt", "YOLO"),
    ],
)
def test_model_class_by_name(models, model, kind):
    entrypoint(f"predict model={model} source=0")
    assert models[0][0] == kind
    assert models[1] == ("predict", {"source": 0, "save": True, "stream": None})


def test_predict_saves_unless_told_otherwise(models):
    entrypoint("predict model=yolov8n.pt source=0 save=false")
    assert models[1] == ("predict", {"source": 0, "save": False, "stream": None})


# Special commands -----------------------------------------------------------------------------------------------------


def test_version_and_cfg(capsys):
    entrypoint("version")
    assert capsys.readouterr().out.strip() == ultralytics.__version__
    entrypoint("cfg")
    assert "lr0: 0.01" in capsys.readouterr().out


def test_copy_cfg(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    entrypoint("copy-cfg")
    entrypoint("copy-cfg")
    copy = tmp_path / "default_copy.yaml"
    assert f"yolo cfg='{copy}'" in capsys.readouterr().out
    copy.write_text(copy.read_text() + "# mine\n")
    with pytest.raises(FileExistsError, match="move it away"):
        entrypoint("copy-cfg")
    assert parse_command(["train", f"cfg={copy}"]).overrides["epochs"] == 100


def test_settings_command(capsys):
    before = dict(SETTINGS)
    try:
        entrypoint("settings")
        assert '"runs_dir"' in capsys.readouterr().out
        assert main(["settings", "wandb=True", "openai_api_key=123"]) == 0
        assert SETTINGS["wandb"] is True and SETTINGS["openai_api_key"] == "123"
        capsys.readouterr()
        assert main(["settings", "wand=True"]) == 1
        out = capsys.readouterr().out
        assert out.count("\n") == 1 and "'wandb'" in out and "unchanged" in out
        assert main(["settings", "wandb=3"]) == 1
        assert main(["settings", "nonsense"]) == 1
        assert SETTINGS["wandb"] is True
        assert main(["settings", "reset"]) == 0
        assert SETTINGS["wandb"] is False
    finally:
        SETTINGS.update(before)


def test_nothing_to_log_in_to():
    for line in ("login x", "logout"):
        with pytest.raises(NotImplementedError, match="no cloud"):
            entrypoint(line)


def test_solutions_help(capsys):
    entrypoint("solutions help")
    entrypoint("solutions")
    assert capsys.readouterr().out.count("heatmap") == 4
    entrypoint("solutions speed help")
    entrypoint("help solutions speed")
    one, two = capsys.readouterr().out.split("yolo solutions speed:")[1:]
    assert one.strip() == two.strip() and "meter_per_pixel" in one
    for name, row in SOLUTIONS.items():
        text = help_text(["solutions", name])
        assert row.about in text and all(argument in text for argument in row.rows)


def test_solutions_are_listed_by_their_public_names():
    assert cli_help.SOLUTION_MAP["count"] == "ObjectCounter"
    assert cli_help.SOLUTION_MAP["help"] is None
    names = "count crop blur workout heatmap isegment visioneye speed queue analytics inference trackzone region"
    assert set(f"{names} security parking help".split()) <= set(cli_help.SOLUTION_MAP)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("solutions heatmp source=x.mp4", "heatmap"),
        ("solutions count sorce=x.mp4", "source"),
        ("solutions count", "source=film.mp4"),
        ("solutions count source=x.mp4 conf=7", r"0\.\.1"),
        ("solutions count source=x.mp4 region=5", "two for a line"),
        ("solutions workout source=x.mp4 kpts=[1]", "three"),
        ("solutions count source=no-such-film.mp4", "does not exist"),
        ("solutions count source=x.mp4 region=[(1,2)", r"'\['"),
    ],
)
def test_what_is_wrong_in_solutions_is_one_line(line, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, TypeError, SyntaxError, OSError), match=text) as caught:
        entrypoint(line)
    assert "\n" not in str(caught.value)


def test_arguments_of_solutions(monkeypatch):
    calls = []
    monkeypatch.setattr(cli, "run_solution", lambda name, args: calls.append((name, args)))
    entrypoint("solutions speed source=0 region=[(1, 2), (3, 4)] show colormap=cv2.COLORMAP_JET")
    assert calls[0] == ("speed", {"source": 0, "region": [(1, 2), (3, 4)], "show": True, "colormap": 2})
    entrypoint("solutions source=x.mp4 half")
    assert calls[1] == ("count", {"source": "x.mp4", "quantize": 16})


def test_forwarded_commands(monkeypatch):
    calls = []
    module = SimpleNamespace(main=lambda args: calls.append(args), describe=lambda args: calls.append(args))
    monkeypatch.setattr(cli.importlib, "import_module", lambda name: module)
    entrypoint("info model=yolov8n.yaml detailed")
    entrypoint("blocks name=Conv")
    assert calls == [{"model": "yolov8n.yaml", "detailed": True}, {"name": "Conv"}]


# Errors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [ValueError, SyntaxError, FileNotFoundError, ImportError, NotImplementedError, OSError]
)
def test_mistakes_end_with_a_line(kind, capsys):
    def fail():
        raise kind("what was wrong")

    assert run_guarded(fail) == 1
    err = capsys.readouterr().err
    assert err.startswith("ERROR ❌ what was wrong") and "Traceback" not in err


def test_error_without_a_text(capsys):
    def fail():
        raise NotImplementedError

    assert run_guarded(fail) == 1
    assert capsys.readouterr().err.startswith("ERROR ❌ NotImplementedError")


def test_causes_count(capsys):
    def fail():
        try:
            raise FileNotFoundError("coco8.yaml")
        except FileNotFoundError as error:
            raise RuntimeError("Dataset 'coco8.yaml' error") from error

    assert run_guarded(fail) == 1
    assert "Dataset 'coco8.yaml' error" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fail", "lines"),
    [
        (lambda: require("no_such_package", extra="track"), 1),
        (lambda: list_source_files("absent.mp4"), 1),
        (lambda: region_of([(10, 10), (10, 10)]), 1),
        (lambda: open("absent"), 2),  # noqa: SIM115
        (lambda: int("from somewhere"), 2),
    ],
)
def test_what_was_written_for_users_is_one_line(fail, lines, capsys):
    """Other messages are followed by how to find out where they come from."""
    assert run_guarded(fail) == 1
    assert len(capsys.readouterr().err.splitlines()) == lines


@pytest.mark.parametrize("kind", [TypeError, RuntimeError, AttributeError, KeyError])
def test_bugs_keep_their_traceback(kind):
    def fail():
        raise kind("bug")

    with pytest.raises(kind):
        run_guarded(fail)


def test_traceback_on_request(monkeypatch, capsys):
    monkeypatch.setenv("YOLO_TRACEBACK", "1")

    def fail():
        raise ValueError("here")

    assert run_guarded(fail) == 1
    assert "Traceback" in capsys.readouterr().err


def test_interrupt(capsys):
    def stop():
        raise KeyboardInterrupt

    assert run_guarded(stop) == 130
    assert capsys.readouterr() == ("", "")


def yolo(*words: str, **kwargs) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "ultralytics", *words]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=environment, timeout=60, **kwargs
    )


def test_as_a_program(tmp_path):
    good = yolo("version", cwd=tmp_path)
    assert (good.returncode, good.stdout.strip(), good.stderr) == (0, ultralytics.__version__, "")
    bad = yolo("train", "lrO=1", cwd=tmp_path)
    assert bad.returncode == 1
    assert bad.stderr.startswith("ERROR ❌ 'lrO' is not a valid YOLO argument.") and "Traceback" not in bad.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="pipes")
def test_reader_that_stops(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    line = f"'{sys.executable}' -m ultralytics cfg | head -n 1"
    out = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment, timeout=60)
    assert out.stderr == "" and out.stdout.startswith("#")


def test_public_path():
    assert ultralytics.cfg.entrypoint is entrypoint
    assert ultralytics.cfg.smart_value is cli_parse.smart_value
