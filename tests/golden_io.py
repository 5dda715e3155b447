"""Reader of the golden figures in `tests/golden`: numbers that an independent implementation gave for fixed inputs.

A tensor of at most 8192 elements is stored whole under its name. A larger one is stored as `NAME@shape`, `NAME@idx`
(sorted flat positions), `NAME@val` (the values there) and `NAME@stat` (mean, deviation, least and largest value).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


class Golden:
    """One npz file. `g[name]` gives a whole array, `compare` also handles sampled ones, `meta` the settings."""

    def __init__(self, path: str | Path):
        path = Path(path)
        self.z = np.load(path)
        self.meta: dict[str, Any] = {}
        self.about: dict[str, str] = {}
        index = path.with_name("index.json")
        if index.exists():
            for entry in json.loads(index.read_text(encoding="utf-8"))["files"]:
                if entry["file"] == path.name:
                    self.meta = entry["meta"]
                    self.about = {name: array.get("about", "") for name, array in entry["arrays"].items()}

    def __getitem__(self, name: str) -> np.ndarray:
        return self.z[name]

    def names(self) -> list[str]:
        """Tensor names; a sampled tensor is listed once."""
        return sorted({key.split("@")[0] for key in self.z.files})

    def text(self, name: str) -> str:
        return bytes(self.z[name]).decode("utf-8")

    def shape(self, name: str) -> tuple[int, ...]:
        whole = name in self.z.files
        return tuple(self.z[name].shape) if whole else tuple(int(n) for n in self.z[name + "@shape"])

    def compare(
        self, name: str, got: Any, rtol: float = 1e-4, atol: float = 1e-5, share: float = 1.0
    ) -> tuple[bool, float, str]:
        """Return whether `got` agrees in that share of its entries, the largest difference, and a line that says so."""
        got = np.asarray(got.detach().cpu().numpy() if hasattr(got, "detach") else got)
        if tuple(got.shape) != self.shape(name):
            return False, float("inf"), f"{name}: shape {tuple(got.shape)}, expected {self.shape(name)}"
        if name in self.z.files:
            want, have = self.z[name].astype(np.float64), got.astype(np.float64)
        else:
            want = self.z[name + "@val"].astype(np.float64)
            have = got.reshape(-1)[self.z[name + "@idx"]].astype(np.float64)
        if not want.size:
            return True, 0.0, f"{name}: empty"
        off = ~np.isclose(have, want, rtol=rtol, atol=atol, equal_nan=True)
        worst = float(np.nanmax(np.abs(have - want))) if np.isfinite(want).any() else 0.0
        agrees = bool(off.sum() <= (1 - share) * want.size)
        return agrees, worst, f"{name}: {int(off.sum())} of {want.size} off, largest difference {worst:.3g}"

    def check(self, name: str, got: Any, rtol: float = 1e-4, atol: float = 1e-5, share: float = 1.0) -> None:
        """Fail with the line of `compare` where `got` does not agree."""
        agrees, _, line = self.compare(name, got, rtol, atol, share)
        assert agrees, line

    def load_bn(self, model: Any) -> None:
        """Load the stored BatchNorm running statistics (one float16 vector) over the rule's values."""
        import torch

        state, vector, at = model.state_dict(), self.z["bn_stats"], 0
        for key in self.text("bn_keys").split("\n") if len(self.z["bn_keys"]) else []:
            size = state[key].numel()
            values = torch.from_numpy(vector[at : at + size].astype(np.float32))
            with torch.no_grad():
                state[key].copy_(values.reshape(state[key].shape))
            at += size
        assert at == len(vector), "the model's BatchNorm layers do not use up the stored statistics"
