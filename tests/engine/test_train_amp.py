"""Whether a card computes in half precision what it computes in float32."""

from __future__ import annotations

import pytest
import torch

from ultralytics.engine.train.amp import agree
from ultralytics.nn.models import DetectionModel
from ultralytics.utils.checks import check_amp

EXACT = torch.linspace(-1, 1, 101)


@pytest.mark.parametrize(
    ("short", "fine"),
    [
        (EXACT.half().float(), True),
        (EXACT + 0.05, True),
        (EXACT + 0.3, False),
        (EXACT.clone().index_fill_(0, torch.tensor([3]), float("nan")), False),
        (torch.zeros(101), False),
    ],
)
def test_outputs_agree(short, fine):
    assert agree(EXACT, short) == fine


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_networks(device):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    model = DetectionModel("yolov8n.yaml", nc=2, verbose=False).to(device).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert check_amp(model) == (device == "cuda") and model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
