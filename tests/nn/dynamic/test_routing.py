from __future__ import annotations

import csv
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from ultralytics.cfg import merge
from ultralytics.nn.block.parameternet import DynamicBnAct, DynamicConv
from ultralytics.nn.dynamic import routing
from ultralytics.nn.dynamic.routing import main, plot_routing, routing_report


def net() -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(DynamicConv(3, 8, 3), DynamicBnAct(8, 8, 3, num_experts=2))
    nn.init.normal_(model[0].conv.routing.weight, std=3.0)
    model.names = {0: "dark", 1: "bright"}
    return model


def test_rows_are_what_the_router_says():
    model = net().train()
    images = torch.rand(3, 3, 16, 16) * torch.tensor([0.1, 0.5, 1.0]).view(-1, 1, 1, 1)
    report = routing_report(model, images, ["a", "b", "c"])
    assert report.groups == ("a", "b", "c") and report.layers == ("0.conv", "1.conv.conv")
    assert report.weights.shape == (3, 2, 4)
    wanted = model[0].conv.route(images).detach().numpy()
    np.testing.assert_allclose(report.weights[:, 0], wanted, rtol=1e-5)
    assert np.isnan(report.weights[:, 1, 2:]).all() and not np.isnan(report.weights[:, 1, :2]).any()
    assert model.training and report.spread[0] > 0.1
    assert not any(m._forward_pre_hooks for m in model.modules())
    one_by_one = routing_report(model, [image[None] for image in images])
    np.testing.assert_allclose(one_by_one.weights, report.weights, rtol=1e-5)


def test_classes_are_means_over_the_images_that_show_them():
    model = net()
    pixels = (torch.rand(4, 3, 16, 16) * 255).byte()
    batch = {
        "img": pixels,
        "cls": torch.tensor([[0.0], [0.0], [1.0], [0.0], [1.0]]),
        "batch_idx": torch.tensor([0, 0, 0, 1, 2]),
    }
    report = routing_report(model, [batch])
    weights = model[0].conv.route(pixels / 255).detach().numpy()
    assert report.groups == ("dark", "bright") and report.counts.tolist() == [2, 2]
    np.testing.assert_allclose(report.weights[0, 0], weights[[0, 1]].mean(0), rtol=1e-5)
    np.testing.assert_allclose(report.weights[1, 0], weights[[0, 2]].mean(0), rtol=1e-5)
    assert report.rows()[0] == {"group": "dark", "images": 2, "layer": "0.conv"} | {
        f"expert{e}": float(w) for e, w in enumerate(report.weights[0, 0])
    }


def test_table_and_picture(tmp_path):
    report = routing_report(net(), torch.rand(2, 3, 16, 16))
    table = report.save_csv(tmp_path / "r.csv").read_text().splitlines()
    assert table[0] == "group,images,layer,expert0,expert1,expert2,expert3" and len(table) == 5
    assert table[2].endswith(",,")
    picture = cv2.imread(str(plot_routing(report, tmp_path / "r.png")))
    assert picture is not None and picture.std() > 10
    assert "1.conv.conv" in str(report)
    odd = replace(report, groups=('say "hi", twice', "$\\frac{\n\x1b[2J"))
    plot_routing(odd, tmp_path / "odd.png")
    rows = list(csv.reader(odd.save_csv(tmp_path / "odd.csv").open(newline="")))
    assert {len(row) for row in rows} == {7} and {row[0] for row in rows[1:]} == set(odd.groups)
    assert "\x1b" not in str(odd) and len(str(odd).splitlines()) == 5


def test_command_by_image_and_by_class(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(routing, "model_from", lambda source, trust: net())
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for i, level in enumerate((10, 200)):
        cv2.imwrite(str(tmp_path / f"images/{i}.png"), np.full((40, 60, 3), level, np.uint8))
        (tmp_path / f"labels/{i}.txt").write_text(f"{i} 0.5 0.5 0.2 0.2\n")
    args = {"model": "x.pt", "source": str(tmp_path / "images"), "imgsz": 64, "save_dir": str(tmp_path / "out")}
    assert main(args).groups == ("0.png", "1.png")
    assert main({**args, "by": "class"}).groups == ("dark", "bright")
    assert (tmp_path / "out/routing.csv").is_file() and (tmp_path / "out/routing.png").is_file()
    assert "spread" in capsys.readouterr().out
    for wrong, word in (({"by": "day"}, "by='day'"), ({"source": ""}, "source=")):
        with pytest.raises(ValueError, match=word):
            main({**args, **wrong})
    with pytest.raises(FileNotFoundError, match="no image"):
        main({**args, "source": str(tmp_path / "out/*.jpg")})


def test_command_takes_known_keys_and_writes_where_other_modes_do(tmp_path, monkeypatch):
    trusted = []
    monkeypatch.setattr(routing, "model_from", lambda source, trust: trusted.append(trust) or net())
    monkeypatch.setitem(merge.SETTINGS, "runs_dir", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    cv2.imwrite(str(tmp_path / "a.png"), np.full((32, 32, 3), 9, np.uint8))
    args = {"model": "x.pt", "source": "a.png", "imgsz": 32}
    main({**args, "trust": True})
    main({**args, "task": "detect"})
    main({**args, "name": "mine", "exist_ok": True})
    assert trusted == [True, False, False]
    assert {p.parent.name for p in (tmp_path / "runs/detect").rglob("routing.csv")} == {"routing", "routing-2", "mine"}
    with pytest.raises(ValueError, match=r"does not know sorce;.*Did you mean source="):
        main({"model": "x.pt", "sorce": "a.png"})


def test_plain_model_has_no_routing():
    with pytest.raises(ValueError, match="no dynamic convolution"):
        routing_report(nn.Sequential(nn.Conv2d(3, 3, 1)), torch.rand(1, 3, 8, 8))
