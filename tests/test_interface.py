"""Every name of the public interface can be imported from every module that has it, and unbuilt ones refuse in use."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import inspect
import json
import pickle
import re
import subprocess
import sys
import types
from collections import Counter
from pathlib import Path
from typing import Optional

import pytest

import ultralytics
from ultralytics.interface.families import FAMILIES
from ultralytics.utils.lazy import interface_tables, offered
from ultralytics.utils.unbuilt import offer_modules, reason, refuse, stand_in

ROOT = Path(__file__).resolve().parents[1]
LIST = json.loads((ROOT / "tests" / "golden" / "module_names.json").read_text(encoding="utf-8"))
PARTS = [f.stem for f in (ROOT / "ultralytics" / "interface").glob("*.py") if f.stem not in {"__init__", "families"}]


def dotted(module: str) -> str:
    return f"ultralytics.{module}".rstrip(".")


def load(module: str) -> types.ModuleType:
    return importlib.import_module(dotted(module))


def rows(kind: str) -> list[tuple[str, str, str]]:
    """Module, key and name of every row of one kind of table."""
    tables = [(m, k, n) for p in PARTS for m, t in getattr(interface_tables(p), kind).items() for k, n in t.items()]
    return [(module, key, name) for module, key, names in tables for name in names.split()]


def family_of(value: object) -> str | None:
    """Family of a stand-in, None for anything else."""
    if isinstance(value, types.FunctionType):
        return inspect.getclosurevars(value).nonlocals.get("family") if value.__code__.co_name == "refusing" else None
    kind = type(value).__name__
    return value.family if kind == "_Refusing" else value._family if kind == "_Value" else None


def is_a(value: object, kind: str) -> bool:
    """Whether a value has the type that the list gives, which was made on Linux."""
    return kind == "NoneType" or {"PosixPath": "Path"}.get(kind, kind) in {c.__name__ for c in type(value).__mro__}


# The list of the published package ------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", LIST)
def test_every_name_is_here_and_is_that_of_its_home(module):
    here = load(module)
    wrong = []
    for home, names in LIST[module].items():
        for name in names.split():
            value = getattr(here, name)
            if not home.startswith("value "):
                wrong += [name] if value is not getattr(load(home), name) else []
            elif family_of(value) is None:
                wrong += [] if is_a(value, home.split()[1]) else [name]
    assert wrong == []


def test_the_list_is_that_of_the_specification():
    file = ROOT.parent / "shared" / "spec" / "module-names.json"
    if not file.is_file():
        pytest.skip("the specification is not here")
    full = json.loads(file.read_text(encoding="utf-8"))
    ours = {dotted(m): {name for names in homes.values() for name in names.split()} for m, homes in LIST.items()}
    assert ours == {module: set(names) for module, names in full.items()}


def test_names_of_8_1_are_here_too():
    file = ROOT.parent / "shared" / "spec" / "public-api.json"
    if not file.is_file():
        pytest.skip("the specification is not here")
    modules = json.loads(file.read_text(encoding="utf-8"))["8.1.0"]
    wanted = [
        (module.partition(".")[2], name)
        for module, content in modules.items()
        for name in (*content["functions"], *content["classes"], *content["constants"])
    ]
    lacking = {name for module, name in wanted if not hasattr(load(module), name)}
    comet = {"COMET_SUPPORTED_TASKS", "EVALUATION_PLOT_NAMES", "LABEL_PLOT_NAMES"}  # which pictures its logger sent
    assert lacking <= {"linear_init_", *comet}


# The tables -----------------------------------------------------------------------------------------------------------


def test_carried_names_are_found_in_their_homes():
    lacking = [row for row in rows("CARRIED") if not hasattr(load(row[1]), row[2])]
    assert lacking == []


def test_unbuilt_names_refuse_with_their_family():
    wrong = [row for row in rows("UNBUILT") if family_of(getattr(load(row[0]), row[2])) != row[1]]
    assert wrong == []  # a name that has been built leaves the table


def test_no_name_is_offered_twice():
    offers = Counter((module, name) for kind in ("CARRIED", "UNBUILT") for module, _, name in rows(kind))
    assert [offer for offer, count in offers.items() if count > 1] == []


def test_families_are_all_used_and_all_known():
    sources = (path.read_text(encoding="utf-8") for path in Path(ultralytics.__file__).parent.rglob("*.py"))
    refused = {family for source in sources for family in re.findall(r"refuse\(\"(\w+)\"", source)}
    assert refused <= set(FAMILIES)
    assert {family for _, family, _ in rows("UNBUILT")} | refused == set(FAMILIES)


def test_reasons_are_one_sentence():
    assert [name for name in FAMILIES if "\n" in reason(name) or not reason(name).endswith(".")] == []


def test_modules_without_names_of_their_own_are_described():
    for module in {module for kind in ("CARRIED", "UNBUILT") for module, _, _ in rows(kind)}:
        assert load(module).__doc__


# Stand-ins ------------------------------------------------------------------------------------------------------------


def test_classes_can_be_named_subclassed_and_asked_about():
    from ultralytics.models.sam.predict import Predictor

    class Mine(Predictor):
        def __init__(self, size: int = 1):
            self.size = size

    def run(predictor: Predictor | None, other: Optional[Predictor] = None) -> None: ...  # noqa: UP045

    assert issubclass(Mine, Predictor) and not isinstance(object(), (Predictor, Mine))
    for kind in (Predictor, Mine):
        with pytest.raises(NotImplementedError, match=r"^Predictor: Segment Anything"):
            kind(size=2)
    assert not hasattr(Predictor, "remove_small_regions")
    with pytest.raises(AttributeError, match=r"^Predictor\.remove_small_regions: Segment Anything"):
        getattr(Predictor, "remove_small_regions")  # noqa: B009
    assert (Predictor.__module__, Predictor.__qualname__) == ("ultralytics.models.sam.predict", "Predictor")


def test_functions_and_constants():
    from ultralytics.models.sam.build import build_sam

    from ultralytics.engine.exporter import EXPORT_ENVS

    with pytest.raises(NotImplementedError, match=r"^build_sam: Segment Anything"):
        build_sam("sam_b.pt", trust=True)
    for use in (lambda v: v["onnx"], list, len, bool, int, lambda v: "x" in v, lambda v: v()):
        with pytest.raises(NotImplementedError, match=r"^EXPORT_ENVS: of the export formats"):
            use(EXPORT_ENVS)
    with pytest.raises(AttributeError, match=r"^EXPORT_ENVS\.items: of the export formats"):
        EXPORT_ENVS.items()
    assert repr(EXPORT_ENVS) == "<EXPORT_ENVS, not built>" and not hasattr(EXPORT_ENVS, "_hidden")
    assert type(copy.copy(EXPORT_ENVS)) is type(EXPORT_ENVS)


@pytest.mark.parametrize("name", ["Predictor", "build_sam"])
def test_stand_ins_are_pickled_by_name(name):
    module = "ultralytics.models.sam.predict" if name == "Predictor" else "ultralytics.models.sam.build"
    value = getattr(importlib.import_module(module), name)
    assert pickle.loads(pickle.dumps(value)) is value is copy.deepcopy(value)
    code = f"import pickle; print(pickle.loads({pickle.dumps(value)!r}).__name__)"
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert out.stdout.strip() == name, out.stderr


def test_kinds_follow_from_the_spelling():
    assert isinstance(stand_in("m", "Auth", "cloud"), type) and isinstance(stand_in("m", "E2E", "cloud"), type)
    assert isinstance(stand_in("m", "smart_request", "cloud"), types.FunctionType)
    assert not isinstance(stand_in("m", "API_KEY_URL", "cloud"), (type, types.FunctionType))
    assert stand_in("m", "Auth", "cloud") is stand_in("m", "Auth", "cloud") is not stand_in("n", "Auth", "cloud")


def test_refuse_says_what_was_asked_for():
    with pytest.raises(NotImplementedError, match=r"^YOLO-NAS is not built; "):
        refuse("nas")
    with pytest.raises(NotImplementedError, match=r"^Model\.train: YOLO-NAS is not built; "):
        refuse("nas", "Model.train")


# Modules --------------------------------------------------------------------------------------------------------------


def test_modules_without_a_file_are_modules():
    module = importlib.import_module("ultralytics.models.sam.modules.blocks")
    assert sys.modules["ultralytics.models.sam.modules"].blocks is module
    assert importlib.util.find_spec("ultralytics.models.sam.sam3.vitdet").name == "ultralytics.models.sam.sam3.vitdet"
    assert importlib.reload(module) is module and "MultiScaleBlock" in dir(module)
    with pytest.raises(ModuleNotFoundError, match=r"ultralytics\.models\.sam\.nothing"):
        importlib.import_module("ultralytics.models.sam.nothing")


def test_a_file_wins(tmp_path, monkeypatch):
    (tmp_path / "auth.py").write_text("class Auth: ...\n", encoding="utf-8")
    package = importlib.import_module("ultralytics.hub")
    monkeypatch.setattr(package, "__path__", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "ultralytics.hub.auth", raising=False)
    monkeypatch.delattr(package, "auth", raising=False)
    try:
        assert package.Auth() is not None  # carried from the module that has a file now
    finally:
        sys.modules.pop("ultralytics.hub.auth", None)
        vars(package).pop("auth", None)


def test_finders_are_added_once():
    before = list(sys.meta_path)
    offer_modules("ultralytics.hub")
    assert sys.meta_path == before
    with pytest.raises(ValueError, match="not a package of"):
        offer_modules("somebody.hub")


# Modules of both kinds ------------------------------------------------------------------------------------------------


def test_typing_errors_get_a_hint():
    with pytest.raises(AttributeError, match=r"'v8DetectionLos'; did you mean v8DetectionLoss"):
        getattr(load("nn.tasks"), "v8DetectionLos")  # noqa: B009
    with pytest.raises(AttributeError, match=r"did you mean BaseTrainer"):
        getattr(load("engine.trainer"), "BaseTrainr")  # noqa: B009
    with pytest.raises(ImportError, match="cannot import name 'nothing_like_it'"):
        from ultralytics.utils.checks import nothing_like_it  # noqa: F401
    assert not hasattr(load("nn.tasks"), "_private") and not hasattr(load("nn.tasks"), "__wrapped__")


def test_directories_list_what_is_offered():
    for module in ("nn.modules.block", "engine.trainer", "models.sam", "utils"):
        assert set(offered(dotted(module))) <= set(dir(load(module)))
    members = dict(inspect.getmembers(load("nn.modules.head")))
    assert members["WorldDetect"] is load("nn.modules").WorldDetect and members["Conv"] is load("nn.modules.conv").Conv


def test_star_imports():
    space: dict[str, object] = {}
    exec("from ultralytics.engine.trainer import *\nfrom ultralytics.models import *", space)
    assert "BaseTrainer" in space and "autocast" not in space  # what is only carried stays out, as `__all__` says
    assert family_of(space["SAM"]) == "sam"
    assert {"SAM", "YOLO"} <= set(load("models").__all__)


def test_a_name_replaced_at_home_is_replaced_where_it_is_carried(monkeypatch):
    losses = load("utils.loss")
    assert load("nn.tasks").v8DetectionLoss is losses.v8DetectionLoss
    monkeypatch.setattr(losses, "v8DetectionLoss", int)
    assert load("nn.tasks").v8DetectionLoss is int
    monkeypatch.setattr(load("nn.tasks"), "v8DetectionLoss", str)  # and may be replaced in one place alone
    assert (load("nn.tasks").v8DetectionLoss, losses.v8DetectionLoss) == (str, int)


def test_values_that_change_are_read_anew(monkeypatch):
    trainer = load("engine.trainer")
    assert trainer.RANK == -1
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert trainer.RANK == 1


def test_top_level_names():
    assert (ultralytics.SAM, ultralytics.NAS) == (load("models.sam.model").SAM, load("models.nas.model").NAS)
    for name in ("Platform", "Explorer"):
        with pytest.raises(NotImplementedError, match=f"^{name}: "):
            getattr(ultralytics, name)()


TABLES = "print(sorted(m for m in sys.modules if m.startswith('ultralytics.interface.')))"


@pytest.mark.parametrize(
    ("code", "tables"),
    [
        ("import ultralytics", []),
        ("import ultralytics.utils.checks, ultralytics.utils.files, ultralytics.data, ultralytics.engine", []),
        ("import ultralytics.cfg.cli", ["families"]),
        ("from ultralytics import YOLO", ["families", "nn"]),
        ("from ultralytics.utils.checks import check_font, check_version", []),
    ],
)
def test_tables_are_loaded_when_needed(code, tables):
    command = [sys.executable, "-c", f"import sys\n{code}\n{TABLES}"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    out = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert out.stdout.strip().splitlines()[-1] == str([f"ultralytics.interface.{t}" for t in tables]), out.stderr


# Files of families ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("sam_b.pt", "sam"),
        ("sam2.1_t.pt", "sam"),
        ("mobile_sam.pt", "sam"),
        ("FastSAM-s.pt", "fastsam"),
        ("yolo_nas_s.pt", "nas"),
        ("yolov8s-world.pt", "world"),
        ("yoloe-11s-seg.yaml", "world"),
    ],
)
def test_files_of_families_are_refused_by_name(name, family):
    with pytest.raises(NotImplementedError) as caught:
        ultralytics.YOLO(name)
    assert str(caught.value) == f"'{name}': {reason(family)}"


@pytest.mark.parametrize("name", ["sam_mine.pt", "sample.pt", "my-world.pt"])
def test_files_of_others_are_not(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("YOLO_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match=name):
        ultralytics.YOLO(name)
