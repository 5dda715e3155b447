from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ultralytics.engine.plots.curves import plot_matrix, plot_mc_curve, plot_pr_curve, plot_results

HEADER = "epoch,time,train/box_loss,metrics/mAP50(B),val/box_loss,lr/pg0"


def ink(path) -> float:
    """Share of pixels that are not white."""
    return float((np.asarray(Image.open(path).convert("L")) < 250).mean())


@pytest.mark.parametrize("classes", [0, 1, 3, 30])
def test_curves_for_any_number_of_classes(tmp_path, classes):
    x, y = np.linspace(0, 1, 100), np.linspace(1, 0, 100)[None].repeat(classes, 0)
    names = {i: f"class {i}" for i in range(classes)}
    plot_pr_curve(x, y, np.ones((classes, 10)), tmp_path / "pr.png", names)
    plot_mc_curve(x, y, tmp_path / "mc.png", names, ylabel="F1")
    assert ink(tmp_path / "pr.png") > 0.01 and ink(tmp_path / "mc.png") > 0.01


def test_names_that_look_like_formulas_or_lines(tmp_path):
    x, y = np.linspace(0, 1, 100), np.linspace(1, 0, 100)[None].repeat(4, 0)
    names = dict(enumerate(["$\\frac{", "a\nb\x1b[2J", "_hidden", "x" * 5000]))
    plot_pr_curve(x, y, np.ones((4, 10)), tmp_path / "pr.png", names)
    plot_matrix(np.ones((4, 4)), list(names.values()), tmp_path / "m.png")
    assert ink(tmp_path / "pr.png") > 0.01 and ink(tmp_path / "m.png") > 0.005


@pytest.mark.parametrize("classes", [1, 80])
def test_matrix_of_zeros_and_of_many_classes(tmp_path, classes):
    plot_matrix(np.zeros((classes, classes)), [str(i) for i in range(classes)], tmp_path / "m.png", fractions=True)
    assert ink(tmp_path / "m.png") > 0.005


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}\n1,10,3,0.1,3,0.01\n2,20,2,0.2,2.5,0.01\n",
        f"{HEADER}\n1,10,3,,,0.01\n2,20,2,0.2,2.5\n",  # validation started late, last line torn
        ",".join(f"{name:>23s}" for name in HEADER.split(",")) + "\n1,10,3,0.1,3,0.01\n",  # padded header
    ],
    ids=["plain", "gaps", "padded"],
)
def test_results_are_drawn_by_column_name(tmp_path, text):
    (tmp_path / "results.csv").write_text(text)
    seen: list = []
    plot_results(tmp_path / "results.csv", on_plot=seen.append)
    assert seen == [tmp_path / "results.png"] and ink(seen[0]) > 0.01
    plot_results(dir=tmp_path)


def test_results_without_a_file_or_an_epoch(tmp_path, caplog):
    with pytest.raises(FileNotFoundError, match=r"no results\.csv"):
        plot_results(tmp_path / "results.csv")
    (tmp_path / "results.csv").write_text(HEADER + "\n")
    plot_results(tmp_path / "results.csv")
    assert not (tmp_path / "results.png").exists()
