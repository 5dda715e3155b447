"""The rules of the tree: imports go down only, no cycles, facades hold no code and are not imported by inside code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "ultralytics"

# Low to high: a module imports its own layer and lower ones. The longest matching prefix decides.
LAYERS = (
    ("interface", "ops"),
    ("utils",),
    ("cfg",),
    ("nn", "optim"),
    ("data",),
    ("nn.backends", "nn.autobackend"),
    ("engine",),
    ("models", "trackers", "solutions", "serve"),
    ("", "__main__", "cfg.cli"),
)
THIN = {
    f"utils.{n}"
    for n in ("ops", "nms", "tal", "loss", "metrics", "plotting", "torch_utils", "instance", "benchmarks", "autobatch")
} | {"nn.registry", "utils.tuner"}
TABLES = {"", "utils", "cfg", "data", "models", "models.rtdetr", "models.yolo"} | {
    f"models.yolo.{task}" for task in ("classify", "detect", "obb", "pose", "segment")
}
MAX_FUNCTION_LINES = 60
START_LATE = {"", "__main__", "cfg.cli"}  # the command line loads a mode when it is asked for


@dataclass(frozen=True)
class Import:
    """One import of this package: who, what, where."""

    source: str
    target: str
    line: int
    late: bool  # inside a function
    hint: bool  # for type checkers only

    def __str__(self) -> str:
        return f"{self.source or 'ultralytics'}:{self.line} imports {self.target}"


def layer(module: str) -> int:
    hits = [
        (len(prefix), level)
        for level, group in enumerate(LAYERS)
        for prefix in group
        if module == prefix or (prefix and module.startswith(f"{prefix}."))
    ]
    return max(hits)[1] if hits else len(LAYERS) - 1


def is_facade(module: str) -> bool:
    return module in THIN | TABLES or module == "nn.modules" or module.startswith("nn.modules.")


@cache
def trees() -> dict[str, ast.Module]:
    """Every module of the package by its dotted path inside it; the empty name is the package itself."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return found


def nodes_under(tree: ast.AST, kinds: tuple[type, ...]) -> set[int]:
    return {id(inner) for outer in ast.walk(tree) if isinstance(outer, kinds) for inner in ast.walk(outer)}


def type_hints_only(tree: ast.AST) -> set[int]:
    guards = [n for n in ast.walk(tree) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)]
    return {id(inner) for guard in guards for part in guard.body for inner in ast.walk(part)}


def targets(node: ast.AST, source: str) -> Iterator[str]:
    """Yield the modules of this package that an import statement names, relative to the package."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
        yield from (name.partition(".")[2] for name in names if name.split(".")[0] == PACKAGE.name)
        return
    stem = node.module or ""
    if node.level:
        is_package = (PACKAGE / source.replace(".", "/") / "__init__.py").exists()
        parts = source.split(".") if source else []
        stem = ".".join([*parts[: len(parts) - node.level + is_package], *filter(None, [node.module])])
    elif stem.split(".")[0] == PACKAGE.name:
        stem = stem.partition(".")[2]
    else:
        return
    for alias in node.names:
        inner = f"{stem}.{alias.name}".strip(".")
        yield inner if inner in trees() else stem


@cache
def imports() -> tuple[Import, ...]:
    found = []
    for source, tree in trees().items():
        late = nodes_under(tree, (ast.FunctionDef, ast.AsyncFunctionDef))
        hints = type_hints_only(tree)
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                kind = id(node) in late, id(node) in hints
                found += [Import(source, target, node.lineno, *kind) for target in targets(node, source)]
    return tuple(one for one in found if one.target in trees() and one.target != one.source)


def test_the_checks_see_the_package():
    assert {"", "utils.log", "cfg.merge", "cfg.cli"} <= set(trees())
    assert any(one.source == "cfg.merge" and one.target == "cfg.schema" for one in imports())
    assert (
        layer("nn.backends.onnx") > layer("nn.block.conv") > layer("cfg.merge") > layer("utils.log") > layer("ops.iou")
    )
    assert layer("cfg.cli") > layer("engine.model")


def test_imports_go_down():
    """Also those inside functions, apart from the command line's and the facades'."""
    assert [str(i) for i in imports() if not is_facade(i.source) and layer(i.target) > layer(i.source)] == []


def test_inside_code_uses_real_homes():
    wrong = [i for i in imports() if is_facade(i.target) and not is_facade(i.source)]
    wrong = [i for i in wrong if i.source not in {"__main__", "cfg.cli"}]
    assert [str(i) for i in wrong] == []


def test_own_modules_are_imported_at_the_top():
    """A late import inside the package hides a cycle or a wrong layer; only the start of a command may be late."""
    assert [str(i) for i in imports() if i.late and i.source not in START_LATE] == []


def test_no_cycles():
    """Also of imports for type checkers: files that need each other's types are one subject or lack a protocol."""
    graph: dict[str, set[str]] = {}
    for one in imports():
        if not one.late:
            graph.setdefault(one.source, set()).add(one.target)
    assert [" -> ".join(loop) for loop in cycles(graph)] == []


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return one path for every back edge that a depth-first search meets."""
    done: set[str] = set()
    found: list[list[str]] = []

    def visit(node: str, path: list[str]) -> None:
        if node in path:
            found.append([*path[path.index(node) :], node])
        elif node not in done:
            for following in sorted(graph.get(node, ())):
                visit(following, [*path, node])
            done.add(node)

    for node in sorted(graph):
        visit(node, [])
    return found


def test_cycle_search_finds_cycles():
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == [["a", "b", "c", "a"]]
    assert cycles({"a": {"b", "c"}, "b": {"c"}}) == []


def test_facades_hold_no_code():
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr)
    wrong = []
    for name, tree in trees().items():
        if is_facade(name):
            hints = [n for n in tree.body if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)]
            wrong += [f"{name}:{n.lineno}" for n in tree.body if not isinstance(n, allowed) and n not in hints]
            wrong += [f"{name}:{n.lineno}" for n in ast.walk(tree) if isinstance(n, ast.Lambda)]
    assert wrong == []


def test_every_module_and_public_definition_is_documented():
    missing = [name or "ultralytics" for name, tree in trees().items() if tree.body and not ast.get_docstring(tree)]
    for name, tree in trees().items():
        defined = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
        missing += [f"{name}.{n.name}" for n in defined if n.name[0] != "_" and not ast.get_docstring(n)]
    assert missing == []


def test_functions_fit_on_a_screen():
    long = [
        f"{name}:{node.lineno} {node.name}"
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno - node.lineno + 1 - _docstring_lines(node) > MAX_FUNCTION_LINES
    ]
    assert long == []


def _docstring_lines(node: ast.AST) -> int:
    first = node.body[0]
    is_text = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return first.end_lineno - first.lineno + 1 if is_text else 0


FORBIDDEN = {"eval", "exec", "globals", "compile"}


def test_nothing_is_evaluated():
    calls = [
        f"{name}:{node.lineno} {node.func.id}"
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN
    ]
    assert calls == []


def test_input_is_not_checked_with_assert():
    found = [f"{n}:{x.lineno}" for n, t in trees().items() for x in ast.walk(t) if isinstance(x, ast.Assert)]
    assert found == []


@pytest.mark.parametrize("pattern", ["/work/", "/tmp/work", "pip install -q", "os.system("])
def test_no_machine_paths(pattern):
    hits = [str(p.relative_to(PACKAGE)) for p in PACKAGE.rglob("*.py") if pattern in p.read_text(encoding="utf-8")]
    assert hits == []
