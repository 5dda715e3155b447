"""The state of the source tree a run was made with, read from `.git` without running git."""

from __future__ import annotations

from pathlib import Path

from ultralytics.utils.paths import find_git_root

__all__ = ["git_info"]


def git_info() -> dict[str, str | None]:
    """Return root, branch, commit, message and origin of the checkout this package runs from; None where unknown."""
    info: dict[str, str | None] = dict.fromkeys(("root", "branch", "commit", "message", "origin"))
    root = find_git_root()
    if root is None:
        return info
    info["root"] = str(root)
    folder = root / ".git"
    if folder.is_file():  # a worktree: the file names the real folder
        folder = (root / _text(folder).removeprefix("gitdir:").strip()).resolve()
    head = _text(folder / "HEAD")
    if not head.startswith("ref: "):
        return {**info, "commit": head or None}
    ref = head.removeprefix("ref: ")
    common = folder / _text(folder / "commondir") if (folder / "commondir").is_file() else folder
    info["branch"] = ref.removeprefix("refs/heads/")
    info["commit"] = _text(folder / ref) or _text(common / ref) or _packed(common, ref)
    return info


def _packed(folder: Path, ref: str) -> str | None:
    """Return the commit of a branch that has been packed."""
    rows = (line.split(" ", 1) for line in _text(folder / "packed-refs").splitlines())
    return next((row[0] for row in rows if row[-1] == ref), None)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
