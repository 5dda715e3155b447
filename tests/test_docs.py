"""The documentation: its code runs, its commands parse, its links lead somewhere, its list of gaps is complete."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import inspect
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest
import yaml

import ultralytics
from ultralytics import YOLO
from ultralytics.cfg.cli import complete
from ultralytics.cfg.cli_parse import parse_command, parse_key_value_pair
from ultralytics.cfg.commands import SPECIALS
from ultralytics.cfg.merge import DEFAULT_CFG_DICT, get_cfg
from ultralytics.cfg.solutions import CLI_ARGS, SOLUTIONS
from ultralytics.cfg.tasks import MODES, TASKS
from ultralytics.engine.idle import IDLE
from ultralytics.engine.task import resolve
from ultralytics.interface.families import FAMILIES
from ultralytics.models.yolo.model import BUNDLES
from ultralytics.nn.backends import FORMATS
from ultralytics.nn.builder import registry
from ultralytics.nn.cost.flops import count_flops, get_num_params
from ultralytics.nn.cost.info import model_from
from ultralytics.solutions import quickstart
from ultralytics.trackers import TRACKTRACK, BYTETracker
from ultralytics.trackers.byte_tracker import STrack
from ultralytics.trackers.track import TRACKER_MAP
from ultralytics.utils.env import ASSETS
from ultralytics.utils.settings import default_settings
from ultralytics.utils.yaml_io import YAML

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "ultralytics"
PAGES = [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
SHAPES = """
path: docs_shapes
train: images/train
val: images/val
test: images/test
generator: shapes
size: 64
counts: {train: 8, val: 4, test: 2}
names: [circle, triangle, square, star, cross, ring]
"""
# What makes the pages' runs small enough for a test; readers see sensible values.
SMALLER = (
    (r"epochs=\d+", "epochs=1"),
    (r"imgsz=\d+", "imgsz=64"),
    (r"\.train\(", ".train(workers=0, plots=False, nbs=8, "),
    (r"iterations=\d+", "iterations=1"),
    (r"\.tune\(", ".tune(workers=0, plots=False, nbs=8, "),
    (r"\.val\(", ".val(workers=0, plots=False, "),
)


@dataclass(frozen=True)
class Block:
    """One fenced block: language, further words of its info line, content."""

    language: str
    words: tuple[str, ...]
    text: str

    @property
    def file(self) -> str | None:
        return self.word("file")

    def word(self, key: str) -> str | None:
        return next((word.removeprefix(f"{key}=") for word in self.words if word.startswith(f"{key}=")), None)

    @property
    def runs(self) -> bool:
        """Whether the block is code to run: not marked `notest`, nor `needs=PACKAGE` where that is not installed."""
        needs = self.word("needs")
        return "notest" not in self.words and (needs is None or importlib.util.find_spec(needs) is not None)


def blocks(page: Path) -> list[Block]:
    found = []
    for match in BLOCK.finditer(page.read_text(encoding="utf-8")):
        language, *words = match["info"].split() or [""]
        found.append(Block(language, tuple(words), match["text"]))
    return found


def ids(page: Path) -> str:
    return page.name


# Code -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the pages take for granted: a data set, a trained model, plain weights, a picture, a film."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "shapes.yaml").write_text(SHAPES, encoding="utf-8")
    model = YOLO("yolov8n-DynamicConv.yaml")
    model.train(
        data=str(folder / "shapes.yaml"), epochs=1, imgsz=64, workers=0, plots=False, nbs=8, verbose=False,
        project=str(folder), name="run",
    )  # fmt: skip
    shutil.copy(model.trainer.best, folder / "best.pt")
    YOLO("yolov8n.yaml").save(folder / "yolov8n.pt")
    shutil.copy(ASSETS / "shapes1.jpg", folder / "image.jpg")
    picture = cv2.resize(cv2.imread(str(ASSETS / "shapes1.jpg")), (160, 128))
    film = cv2.VideoWriter(str(folder / "video.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 30, (160, 128))
    for _ in range(4):
        film.write(picture)
    film.release()
    return folder


def smaller(code: str) -> str:
    for pattern, replacement in SMALLER:
        code = re.sub(pattern, replacement, code)
    return code


@pytest.mark.parametrize("page", [p for p in PAGES if any(b.language == "python" for b in blocks(p))], ids=ids)
def test_python_blocks_run(page, prepared, tmp_path, monkeypatch):
    """All blocks of a page run in order, in one namespace; those that do not run only have to be Python."""
    for name in ("shapes.yaml", "best.pt", "yolov8n.pt", "image.jpg", "video.mp4"):
        shutil.copy(prepared / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), str(ROOT))))  # for processes that pages start
    for name in ("_BLOCKS", "_PICKLED_AS", "_ADMITTED", "_HELD"):
        monkeypatch.setattr(registry, name, type(getattr(registry, name))())
    known, trackers = set(sys.modules), dict(TRACKER_MAP)
    namespace: dict = {"__name__": "docs_page"}
    try:
        for number, block in enumerate(blocks(page), 1):
            if block.file:
                text = smaller(block.text) if block.language == "python" else block.text
                Path(block.file).write_text(text, encoding="utf-8")
                importlib.invalidate_caches()
            elif block.language == "python":
                code = compile(smaller(block.text), f"{page.name}, block {number}", "exec")
                if block.runs:
                    exec(code, namespace)
    finally:
        TRACKER_MAP.clear()
        TRACKER_MAP.update(trackers)
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", "") or "").startswith(str(tmp_path)):
                del sys.modules[name]


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_yaml_blocks_are_yaml(page):
    for block in blocks(page):
        if block.language == "yaml":
            assert yaml.safe_load(block.text)


def test_files_of_blocks_are_the_pages_own():
    """A name that two pages give to different files would mislead whoever reads both."""
    seen: dict[str, str] = {}
    for page in PAGES:
        for block in blocks(page):
            if block.file and "README" not in page.name:
                assert seen.setdefault(block.file, block.text) == block.text, (page.name, block.file)


# Figures --------------------------------------------------------------------------------------------------------------

MODEL_ROW = re.compile(
    r"^\| (yolov8\w(?:-Dynamic\w+)?) \|(?: (\d+) \|)? ([\d,]+) \| ([\d.]+) \| ([\d.]+) \|$", re.MULTILINE
)


@functools.cache
def cost(name: str, nc: int) -> tuple[int, set[str]]:
    """Return a model's parameters and its two GFLOPs as the pages print them."""
    model = model_from(f"{name}.yaml", nc)
    report = count_flops(model, 640)
    return get_num_params(model), {f"{report.true_gflops:.1f}", f"{report.hook_gflops:.1f}"}


@pytest.mark.parametrize(("page", "nc"), [("README.md", 80), ("README.zh-CN.md", 3), ("docs/flops.md", 3)])
def test_figures_of_models_are_true(page, nc):
    rows = MODEL_ROW.findall((ROOT / page).read_text(encoding="utf-8"))
    assert len(rows) >= 4
    for name, classes, params, *gflops in rows:
        counted, expected = cost(name, int(classes or nc))
        assert (int(params.replace(",", "")), set(gflops)) == (counted, expected), name


def test_quickstart_page_says_what_quickstart_does():
    text = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
    assert "for {epochs} epochs at {imgsz} pixels, batch {batch}".format(**quickstart.DEFAULTS) in text
    counts = YAML.load(PACKAGE / "cfg" / "datasets" / "shapes.yaml")["counts"]
    assert "draw {train} training, {val} validation and {test} test pictures".format(**counts) in text


# Commands -------------------------------------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield (page, words behind `yolo`) for every command of every page."""
    for page in PAGES:
        for block in blocks(page):
            if block.language != "bash":
                continue
            for line in block.text.replace("\\\n", " ").splitlines():
                for part in line.split("&&"):
                    words = shlex.split(part, comments=True)
                    for start in ("yolo", "ultralytics"):
                        if start in words:
                            yield page.name, words[words.index(start) + 1 :]
                            break


COMMANDS = list(commands())
SPECIAL_KEYS = {name: set(row.rows) for name, row in SPECIALS.items()} | {
    "quickstart": {*DEFAULT_CFG_DICT},
    "tune": {*DEFAULT_CFG_DICT, *SPECIALS["tune"].rows},
    "settings": {*default_settings()},
}


def test_pages_have_commands():
    assert len(COMMANDS) > 40
    assert {"train", "val", "predict", "export"} <= {word for _, words in COMMANDS for word in words}


@pytest.mark.parametrize("words", [words for _, words in COMMANDS], ids=[f"{p}: {' '.join(w)}" for p, w in COMMANDS])
def test_commands_parse(words, tmp_path, monkeypatch):
    last = tmp_path / "runs" / "weights" / "last.pt"  # what resume=true looks for
    last.parent.mkdir(parents=True)
    last.touch()
    monkeypatch.chdir(tmp_path)
    command = parse_command(words)
    if command.special == "solutions":
        name = command.words[0]
        given = dict(parse_key_value_pair(word, CLI_ARGS) for word in command.words if "=" in word)
        assert set(given) <= set(SOLUTIONS[name].rows)
        assert all(CLI_ARGS[key].check(value) is not None for key, value in given.items())
        return
    if command.special:
        pairs = [parse_key_value_pair(word) for word in command.words if "=" in word]
        assert {key for key, _ in pairs} <= SPECIAL_KEYS.get(command.special, set())
        return
    args = complete(command.overrides)
    assert args["mode"] in MODES
    numbers = {"verbose"} if args["mode"] == "benchmark" else set()  # least value of the metric
    get_cfg(overrides={key: value for key, value in args.items() if key not in {"mode", *numbers}})


# Links ----------------------------------------------------------------------------------------------------------------


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", BLOCK.sub("", text))


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, by the rule of the usual Markdown viewers."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower())
        found.add(plain.replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert file.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(file), target


def test_every_page_is_reachable():
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    linked = {ROOT / "docs" / name for name in re.findall(r"\]\(([\w-]+\.md)\)", text)}
    assert {page for page in PAGES if page.parent.name == "docs"} - linked == {ROOT / "docs" / "index.md"}


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_pages_name_no_machine(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"/work\b|/tmp\b|/home/|/root/|localhost:", text)


# What can be overridden -----------------------------------------------------------------------------------------------

OVERRIDES = {
    "training.md": ("ultralytics.models.yolo.detect:DetectionTrainer",),
    "validate.md": (
        "ultralytics.models.yolo.detect:DetectionValidator",
        "ultralytics.models.yolo.segment:SegmentationValidator",
    ),
    "predict.md": ("ultralytics.models.yolo.detect:DetectionPredictor",),
}


@pytest.mark.parametrize("page", OVERRIDES)
def test_methods_that_can_be_overridden_are_there(page):
    """Every listed method has the listed parameters, in that order."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8").partition("## What you can override\n")[2]
    lines = re.split(r"^## ", text, maxsplit=1, flags=re.MULTILINE)[0].splitlines()
    rows = [line.split("|")[1] for line in lines if line.startswith("| `")]
    calls = [call.rstrip(")").partition("(") for row in rows for call in code(row)]
    assert len(calls) >= 10
    for path in OVERRIDES[page]:
        cls = resolve(path)
        for name, _, parameters in calls:
            found = [p for p in inspect.signature(getattr(cls, name)).parameters if p != "self"]
            wanted = [p.strip() for p in parameters.split(",") if p.strip()]
            assert found[: len(wanted)] == wanted, (name, found)


def test_methods_without_effect_are_the_known_ones():
    listed = {(cls, name) for row in table("Methods without effect") for cls in code(row[0]) for name in code(row[1])}
    engine = {(cls, name) for cls, methods in IDLE.items() for name in methods}
    trackers = {(cls.__name__, name) for cls in (BYTETracker, STrack, TRACKTRACK) for name in cls.without_effect}
    inherited = {("TRACKTRACK", name) for name in BYTETracker.without_effect}
    assert listed | inherited == engine | trackers


# What is not built ----------------------------------------------------------------------------------------------------


def raised() -> set[str]:
    """Qualified names of functions that raise NotImplementedError or refuse, but for methods that subclasses define."""
    found: set[str] = set()

    def walk(node: ast.AST, owners: tuple[str, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            named = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            if isinstance(child, ast.Raise) and isinstance(child.exc, ast.Call):
                kind, text = child.exc.func, ast.unparse(child.exc)
                if isinstance(kind, ast.Name) and kind.id == "NotImplementedError" and " must " not in text:
                    found.add(".".join(owners))
            if isinstance(child, ast.Call) and ast.unparse(child.func) == "refuse":
                found.add(".".join(owners))
            walk(child, (*owners, child.name) if named else owners)

    for path in set(PACKAGE.rglob("*.py")) - {PACKAGE / "utils" / "unbuilt.py"}:  # stand-ins are listed by family
        walk(ast.parse(path.read_text(encoding="utf-8")), ())
    return found


def section(title: str) -> str:
    text = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
    return re.split(r"^##+ ", text.partition(f"## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def table(title: str) -> list[list[str]]:
    rows = [line.strip().strip("|").split("|") for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_list_of_what_is_not_built_is_complete():
    listed = {name for row in table("Not built") for name in code(row[1])} - {"solutions/quickstart.py"}
    assert listed == raised()


def test_models_tasks_and_formats_are_listed():
    text = section("Not built")
    names = {name for name in ultralytics.__all__ if getattr(getattr(ultralytics, name), "family", None)}
    assert names
    assert {name for name in names if f"`{name}`" not in text} == set()
    assert {task for task in TASKS if task not in BUNDLES and task not in text} == set()
    assert set(code(section("Export formats"))) == {name for name, facts in FORMATS.items() if facts.home is None}


def test_arguments_without_effect_exist():
    names = {name.partition("=")[0] for row in table("Arguments without effect") for name in code(row[0])}
    assert names - {"val", "predict", "train", "export"} <= set(DEFAULT_CFG_DICT)


def test_families_are_listed():
    listed = [name for row in table("Names of what is not built") for name in code(row[0])]
    assert sorted(listed) == sorted(FAMILIES)


# Pictures that ship ---------------------------------------------------------------------------------------------------


def test_sample_pictures():
    files = sorted(ASSETS.iterdir())
    assert [file.name for file in files] == ["shapes1.jpg", "shapes2.jpg"]
    assert all(file.stat().st_size < 80_000 for file in files)
