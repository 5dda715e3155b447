from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.block.conv import Conv
from ultralytics.nn.block.parameternet import DynamicConv
from ultralytics.nn.cost.flops import count_flops, get_flops, get_num_gradients, get_num_params, model_info
from ultralytics.nn.cost.info import layer_table, main, model_from

# Golden figures of yolov8: name, classes, parameters, GFLOPs at 640 (all operations), GFLOPs seen by module hooks.
PLAIN = [
    ("yolov8n.yaml", 80, 3_157_200, 8.855091),
    ("yolov8s.yaml", 80, 11_166_560, 28.81193),
    ("yolov8n.yaml", 5, 3_011_823, 8.195994),
    ("yolov8n-seg.yaml", 80, None, 12.141107),
    ("yolov8n-pose.yaml", 1, None, 9.293538),
    ("yolov8n-obb.yaml", 15, None, 8.45431),
    ("yolov8n-cls.yaml", 1000, None, 3.361487),
    ("yolov8n-p2.yaml", 80, None, 17.428838),
    ("yolov8n-ghost.yaml", 80, None, 5.803059),
]
DYNAMIC = [
    ("yolov8n-DynamicConv.yaml", 4_727_293, 8.193843, 7.250128),
    ("yolov8n-DynamicBnAct.yaml", 4_728_573, 8.193843, 7.257091),
    ("yolov8s-DynamicConv.yaml", 17_996_813, 28.646349, 24.871482),
    ("yolov8s-DynamicBnAct.yaml", 17_999_373, 28.646349, 24.885408),
]


@pytest.mark.parametrize(("name", "nc", "params", "gflops"), PLAIN)
def test_plain_models_have_the_published_cost(name, nc, params, gflops):
    model = model_from(name, nc)
    report = count_flops(model, 640)
    assert report.true_gflops == pytest.approx(gflops, abs=5e-5)
    assert report.hook_gflops == pytest.approx(gflops, abs=5e-5)
    assert params is None or get_num_params(model) == params
    assert sum(row.gflops for row in report.layers) == pytest.approx(report.true_gflops)


@pytest.mark.parametrize(("name", "params", "plain", "hooks"), DYNAMIC)
def test_dynamic_models_cost_a_plain_one_and_a_little(name, params, plain, hooks):
    model = model_from(name, 3)
    report = count_flops(model)
    assert get_num_params(model) == params
    assert report.hook_gflops == pytest.approx(hooks, abs=1e-5)
    assert plain < report.true_gflops < plain * 1.003
    assert [row.name for row in report.layers if row.gflops - row.hook_gflops > 0.01] == [name.split("-")[1][:-5]] * 5


def test_counting_changes_nothing_and_scales_with_the_area():
    model = model_from("yolov8n.yaml", 2).train()
    state = copy.deepcopy(model.state_dict())
    calls = []
    model.model[0].register_forward_hook(lambda *_: calls.append(1))
    small, large = get_flops(model, 320), get_flops(model, (640, 320))
    assert large == pytest.approx(2 * small)
    assert model.training and not calls
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())


def test_folded_and_half_models_are_counted():
    model = model_from("yolov8n.yaml", 2)
    whole = get_flops(model, 64)
    model.fuse(verbose=False)
    assert 0 < get_flops(model, 64) < whole
    assert get_flops(nn.Sequential(nn.Conv2d(3, 4, 1)).half(), 32) == pytest.approx(2e-9 * 3 * 4 * 32 * 32)


class Calls(nn.Module):
    """Convolution and products as function calls."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(4, 3, 3, 3))
        self.square = nn.Parameter(torch.randn(4, 4))

    def forward(self, x):
        y = F.conv2d(x, self.kernel, padding=1).flatten(2)
        a = self.square @ y
        b = torch.einsum("ij,bjk->bik", self.square, y)
        return F.scaled_dot_product_attention(a, b, b)


def test_function_calls_are_counted_and_hooks_miss_them():
    model = nn.Sequential(Calls(), nn.Identity())
    report = count_flops(model, 8, ch=3)
    pixels = 64
    macs = 4 * pixels * 27 + 2 * (16 * pixels) + 2 * (4 * 4 * pixels)
    assert report.true_gflops == pytest.approx(2e-9 * macs)
    assert report.hook_gflops == 0


def test_a_block_that_needs_values_is_run_for_real():
    class Picky(nn.Module):
        def forward(self, x):
            return x if float(x.sum()) == 0.0 else x.relu()

    assert get_flops(nn.Sequential(nn.Conv2d(3, 8, 1), Picky(), nn.Conv2d(8, 8, 1)), 16) > 0


def test_transposed_convolution_and_norm_without_weights():
    model = nn.Sequential(nn.ConvTranspose2d(4, 6, 2, 2, groups=2), nn.BatchNorm2d(6, affine=False))
    macs = 4 * 64 * 3 * 4 + 2 * 6 * 256
    assert get_flops(model, 8) == pytest.approx(2e-9 * macs)


def test_model_info_line(caplog):
    model = nn.Sequential(Conv(3, 8, 3), DynamicConv(8, 8, 3))
    layers, params, gradients, cost = model_info(model, imgsz=32, verbose=False)
    assert (params, gradients) == (get_num_params(model), get_num_gradients(model))
    assert cost == get_flops(model, 32) and layers > 4
    with pytest.raises(ValueError, match="imgsz"):
        get_flops(model, (1, 2, 3))


def test_info_command(capsys):
    report = main({"model": "yolov8n-DynamicConv.yaml", "nc": 3, "per_layer": True})
    text = capsys.readouterr().out
    assert "4,727,293 parameters" in text and "GFLOPs at 640x640: 8.2" in text
    assert "GFLOPs seen by hook-based profilers: 7.3" in text
    assert layer_table(report) in text and "DynamicConv" in text
    with pytest.raises(ValueError, match="per_layr"):
        main({"model": "yolov8n.yaml", "per_layr": True})
    with pytest.raises(ValueError, match="model="):
        main({})
