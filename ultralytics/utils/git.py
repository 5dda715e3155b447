"""Facts about a git checkout, read from its files: nothing is executed, git need not be installed."""

from __future__ import annotations

import zlib
from functools import cached_property
from pathlib import Path

from ultralytics.utils.env import ROOT
from ultralytics.utils.paths import find_git_root

__all__ = [
    "GitRepo",
    "get_git_branch",
    "get_git_dir",
    "get_git_origin_url",
    "git_describe",
    "is_git_dir",
    "package_repository",
]


class GitRepo:
    """The repository that holds a path; every fact is None where there is none.

    Args:
        path: file or folder inside, by default this package.
    """

    def __init__(self, path: str | Path | None = None):
        self.root = find_git_root(path or ROOT)
        self.gitdir = self._git_dir()

    def _git_dir(self) -> Path | None:
        """Return the folder with the repository's data; in work trees and submodules `.git` is a file that names it."""
        if self.root is None:
            return None
        entry = self.root / ".git"
        if entry.is_dir():
            return entry
        named = _text(entry).removeprefix("gitdir:").strip()
        return (self.root / named).resolve() if named else None

    @property
    def _common(self) -> Path | None:
        """Folder with branches and configuration, which several work trees share."""
        if self.gitdir is None:
            return None
        shared = _text(self.gitdir / "commondir")
        return (self.gitdir / shared).resolve() if shared else self.gitdir

    @property
    def is_repo(self) -> bool:
        """Whether there is a repository."""
        return self.gitdir is not None

    @cached_property
    def head(self) -> str | None:
        """What is checked out: `ref: refs/heads/main`, or a commit."""
        return (_text(self.gitdir / "HEAD") or None) if self.gitdir else None

    @cached_property
    def branch(self) -> str | None:
        """Name of the branch, None when a commit is checked out without one."""
        if not self.head or not self.head.startswith("ref:"):
            return None
        return self.head.partition("refs/heads/")[2] or None

    @cached_property
    def commit(self) -> str | None:
        """Hash of the commit that is checked out."""
        if not self.head or not self.head.startswith("ref:"):
            return self.head
        name = self.head.removeprefix("ref:").strip()
        loose = _text(self.gitdir / name) or _text(self._common / name)
        packed = (line.split() for line in _text(self._common / "packed-refs").splitlines() if not line.startswith("#"))
        return loose or next((parts[0] for parts in packed if parts[-1] == name and len(parts) == 2), None)

    @cached_property
    def message(self) -> str | None:
        """First line of the commit's message, where its object is not inside a pack."""
        if not self.commit:
            return None
        file = self._common / "objects" / self.commit[:2] / self.commit[2:]
        try:
            body = zlib.decompress(file.read_bytes()).decode("utf-8", "replace")
        except (OSError, zlib.error):
            return None
        return body.partition("\n\n")[2].splitlines()[0] if "\n\n" in body else None

    @cached_property
    def origin(self) -> str | None:
        """Address of the remote named origin."""
        if self._common is None:
            return None
        inside = False
        for line in map(str.strip, _text(self._common / "config").splitlines()):
            if line.startswith("["):
                inside = line == '[remote "origin"]'
            elif inside and line.partition("=")[0].strip() == "url":
                return line.partition("=")[2].strip()
        return None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def package_repository() -> GitRepo:
    """Return the repository that this package is used from."""
    return GitRepo()


def is_git_dir() -> bool:
    """Whether this package is used from a git checkout."""
    return GitRepo().is_repo


def get_git_dir() -> Path | None:
    """Root of the checkout that this package is used from."""
    return GitRepo().root


def get_git_origin_url() -> str | None:
    """Address of that checkout's origin."""
    return GitRepo().origin


def get_git_branch() -> str | None:
    """Branch of that checkout."""
    return GitRepo().branch


def git_describe(path: str | Path = ROOT) -> str:
    """Short hash of the commit that a checkout is at, empty where there is none (8.1; tags are not looked for)."""
    return (GitRepo(path).commit or "")[:7]
