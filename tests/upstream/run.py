"""Runs the tests of the public package, of any release from 8.1 on, on this package.

    python tests/upstream/run.py PATH_TO_TESTS [--files test_python.py ...] [--limit 120] [--keep] [-- -k export]

The tests and this package are copied into a throw-away folder with a configuration of its own; stand-in pictures, data
sets and untrained weights lie under the names that the tests ask for; connections to other machines are refused. Each
file of tests runs in a process of its own with a time limit per test. At the end stands what passed, failed, was
skipped and why, and what needs a network or a GPU. None of those tests is part of this repository.

The status is 1 if a test failed for another reason than that a feature is not built (`NotImplementedError`).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KINDS = ("passed", "failed", "not built", "skipped", "network", "gpu")
GRACE = 30.0  # seconds after which a test that ignores its time limit is killed
MAX_CRASHES = 20  # processes that may die in one file of tests
NO_NETWORK = re.compile(r"offline|online|network|connection|internet|download|fetch", re.IGNORECASE)
NO_GPU = re.compile(r"cuda|\bgpu|rocm|nvidia|mps|tensorrt", re.IGNORECASE)
REFUSED_COMMANDS = ("curl", "wget", "pip", "pip3", "git")


@dataclass
class Outcome:
    """What became of one test."""

    test: str
    kind: str
    reason: str = ""


@dataclass
class Workplace:
    """The throw-away folder of a run.

    Attributes:
        root: holds the copies, and is on the path of every process.
        python: interpreter.
        environment: variables of every process.
    """

    root: Path
    python: str
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, root: Path, tests: Path, python: str) -> Workplace:
        """Copy package and tests, and make what the tests expect to find."""
        skipped = shutil.ignore_patterns("__pycache__", "*.cache")
        shutil.copytree(tests, root / "tests", ignore=skipped)
        shutil.copytree(ROOT / "ultralytics", root / "ultralytics", ignore=skipped)
        place = cls(root, python)
        place.environment = place._variables()
        place._write_settings()
        (root / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        made = [python, str(HERE / "standins.py"), str(root / "tests"), str(root / "ultralytics" / "assets")]
        subprocess.run(made, cwd=root, env=place.environment, check=True)
        return place

    def _variables(self) -> dict[str, str]:
        commands = self.root / "bin"
        commands.mkdir()
        for name in REFUSED_COMMANDS:
            script = commands / name
            script.write_text(f'#!/bin/sh\necho "{name}" >> "$UPSTREAM_REFUSED"\nexit 1\n', encoding="utf-8")
            script.chmod(0o755)
        yolo = commands / "yolo"
        yolo.write_text(f'#!/bin/sh\nexec "{self.python}" -m ultralytics "$@"\n', encoding="utf-8")
        yolo.chmod(0o755)
        return {
            **os.environ,
            "PATH": os.pathsep.join([str(commands), str(Path(self.python).parent), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join([str(self.root), str(HERE / "guard")]),
            "YOLO_CONFIG_DIR": str(self.root / "config"),
            "MPLBACKEND": "agg",
            "QT_QPA_PLATFORM": "offscreen",
            "UPSTREAM_REFUSED": str(self.root / "refused.txt"),
        }

    def _write_settings(self) -> None:
        folders = {f"{name}_dir": str(self.root / name) for name in ("datasets", "weights", "runs")}
        for folder in folders.values():
            Path(folder).mkdir()
        code = f"from ultralytics.utils.settings import SETTINGS; SETTINGS.update({folders!r})"
        subprocess.run([self.python, "-c", code], cwd=self.root, env=self.environment, check=True)

    def run_file(self, name: str, limit: float, extra: Iterable[str] = ()) -> list[Outcome]:
        """Run one file of tests; a process that dies or hangs costs the test it was in, the others still run."""
        journal = self.root / f"{Path(name).stem}.jsonl"
        environment = {**self.environment, "UPSTREAM_JOURNAL": str(journal), "UPSTREAM_LIMIT": str(limit)}
        command = [
            self.python,
            "-m",
            "pytest",
            f"tests/{name}",
            "-q",
            "-p",
            "upstream_journal",
            "-p",
            "no:cacheprovider",
        ]
        command += ["--rootdir", str(self.root), "-c", str(self.root / "pytest.ini"), *extra]
        log = self.root / f"{Path(name).stem}.log"
        for _ in range(MAX_CRASHES):
            done = [f"--deselect={row['test']}" for row in read_journal(journal) if row["when"] in {"end", "killed"}]
            with log.open("a", encoding="utf-8") as output:
                process = subprocess.Popen(
                    command + done,
                    cwd=self.root,
                    env=environment,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
                watch(process, journal, limit + GRACE)
            current = unfinished(journal)
            if current is None:
                break
            reason = "time limit" if process.returncode == -signal.SIGKILL else f"process ended: {process.returncode}"
            with journal.open("a", encoding="utf-8") as file:
                file.write(
                    json.dumps({"test": current, "when": "killed", "outcome": "failed", "reason": reason}) + "\n"
                )
        return outcomes(read_journal(journal)) or [Outcome(name, "failed", last_line(log))]


def last_line(file: Path) -> str:
    """Return the last line of a log that says something."""
    return next((line for line in reversed(file.read_text(errors="replace").splitlines()) if line.strip()), "no output")


def read_journal(file: Path) -> list[dict]:
    """Return the rows of a journal."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []


def unfinished(journal: Path) -> str | None:
    """Return the test that a process was in when it ended."""
    rows = [row for row in read_journal(journal) if row["when"] in {"begin", "end", "killed"}]
    return rows[-1]["test"] if rows and rows[-1]["when"] == "begin" else None


def watch(process: subprocess.Popen, journal: Path, limit: float) -> None:
    """Wait for a process; end it and its children when its journal has not grown for the time of a test."""
    changed, size = time.monotonic(), -1
    while process.poll() is None:
        time.sleep(0.1)
        now = journal.stat().st_size if journal.is_file() else 0
        if now != size:
            changed, size = time.monotonic(), now
        elif time.monotonic() - changed > limit:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # children that the tests have left behind


def outcomes(rows: Iterable[Mapping]) -> list[Outcome]:
    """Return one outcome per test of a journal."""
    found: dict[str, Outcome] = {}
    refused: dict[str, int] = {}
    for row in rows:
        test = row["test"]
        if row["when"] == "begin":
            refused[test] = row["refused"]
        elif row["when"] == "end":
            one = found.get(test)
            if one and one.kind == "failed" and row["refused"] > refused[test]:
                found[test] = Outcome(test, "network", one.reason)
        else:
            kind = kind_of(row["outcome"], row["reason"])
            if test not in found or kind != "passed":
                found[test] = Outcome(test, kind, row["reason"])
    return list(found.values())


def kind_of(outcome: str, reason: str) -> str:
    """Sort an outcome of pytest into one of `KINDS`."""
    if outcome == "passed":
        return "passed"
    if outcome == "failed":
        return "not built" if "NotImplementedError" in reason else "failed"
    if NO_GPU.search(reason):
        return "gpu"
    return "network" if NO_NETWORK.search(reason) else "skipped"


def table(found: Mapping[str, list[Outcome]]) -> str:
    """Return the counts per file, and below them every test that did not pass with its reason."""
    lines = [f"{'file':<28}" + "".join(f"{kind:>11}" for kind in KINDS)]
    for name, rows in found.items():
        counts = Counter(row.kind for row in rows)
        lines.append(f"{name:<28}" + "".join(f"{counts[kind]:>11}" for kind in KINDS))
    total = Counter(row.kind for rows in found.values() for row in rows)
    lines.append(f"{'all':<28}" + "".join(f"{total[kind]:>11}" for kind in KINDS))
    for kind in KINDS[1:]:
        for row in (row for rows in found.values() for row in rows if row.kind == kind):
            lines.append(f"{kind.upper()}  {row.test.removeprefix('tests/')}: {' '.join(row.reason.split())[:200]}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tests", type=Path, help="folder of the public tests")
    parser.add_argument("--files", nargs="+", help="files to run; all test_*.py by default")
    parser.add_argument("--limit", type=float, default=120, help="seconds a test may take")
    parser.add_argument("--python", default=sys.executable, help="interpreter with pytest and what the package needs")
    parser.add_argument("--json", type=Path, help="file for the outcomes")
    parser.add_argument("--keep", action="store_true", help="leave the throw-away folder there")
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)  # what follows is for pytest
    args, extra = parser.parse_args(words[:cut]), words[cut + 1 :]
    if not args.tests.is_dir():
        parser.error(f"'{args.tests}' is no folder; give the 'tests' folder of a checkout.")
    names = args.files or sorted(file.name for file in args.tests.glob("test_*.py"))
    if missing := [name for name in names if not (args.tests / name).is_file()]:
        parser.error(f"'{args.tests}' has no {missing}; it has {sorted(f.name for f in args.tests.glob('test_*.py'))}.")
    root = Path(tempfile.mkdtemp(prefix="upstream-"))
    try:
        place = Workplace.make(root, args.tests, args.python)
        found = {}
        for name in names:
            found[name] = place.run_file(name, args.limit, extra)
            print(f"{name}: {dict(Counter(row.kind for row in found[name]))}", flush=True)
        print(table(found))
        if args.json:
            rows = {name: [vars(row) for row in outcomes] for name, outcomes in found.items()}
            args.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
        return int(any(row.kind == "failed" for rows in found.values() for row in rows))
    finally:
        if args.keep:
            print(f"kept: {root}")
        else:
            shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
