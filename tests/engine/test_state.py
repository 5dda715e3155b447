"""What happens to a model between calls reaches the next one; used models can be copied, sent away and watched."""

from __future__ import annotations

import copy
import io
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import torch
from shape_helpers import NETWORK, SIDE, run_settings, stirred, write_labels
from torch import nn
from torch.nn.utils import prune

from ultralytics import YOLO
from ultralytics.nn.backends import pytorch
from ultralytics.nn.backends.watch import NetworkWatch
from ultralytics.utils.callbacks.integration import Guarded, Integration

LOOK = {"imgsz": SIDE, "conf": 0.05, "max_det": 20, "device": "cpu", "verbose": False}


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> YOLO:
    path = tmp_path_factory.mktemp("net") / "tiny.yaml"
    path.write_text(NETWORK % ("", "Detect, [nc]"), encoding="utf-8")
    model = YOLO(path)
    stirred(model.model)
    return model


@pytest.fixture
def model(source) -> YOLO:
    """A network of its own that has predicted."""
    made = copy.deepcopy(source)
    predict(made)
    return made


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)


def predict(model: YOLO, **options):
    picture = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    return model.predict(picture, **{**LOOK, **options})[0]


def conv(model: YOLO) -> nn.Conv2d:
    return model.model.model[2].conv


@torch.no_grad()
def fill(tensor: torch.Tensor, value: float) -> None:
    tensor.fill_(value)


def change_state(m):
    m.model.load_state_dict({k: v * 0.5 if v.is_floating_point() else v for k, v in m.model.state_dict().items()})


def step_optimizer(m):
    for parameter in m.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    torch.optim.SGD(m.model.parameters(), lr=0.05).step()


def exchange_layer(m):
    fresh = copy.deepcopy(m.model.model[1])
    fresh.i, fresh.f, fresh.type = m.model.model[1].i, m.model.model[1].f, m.model.model[1].type
    fill(fresh.conv.weight, 0.01)
    m.model.model[1] = fresh


def halved(module, inputs, output):
    return output * 0.5


EDITS = {
    "load_state_dict": change_state,
    "reset_weights": lambda m: m.reset_weights(),
    "an optimizer's step": step_optimizer,
    "a parameter in place": lambda m: fill(conv(m).weight, 0),
    "one filter in place": lambda m: fill(conv(m).weight[5], 0),
    "all through data": lambda m: conv(m).weight.data.mul_(0.2),
    "one filter through data": lambda m: conv(m).weight.data[5].zero_(),
    "a bias through data": lambda m: m.model.model[-1].cv3[0][-1].bias.data.add_(3),
    "other data": lambda m: setattr(conv(m).weight, "data", torch.zeros_like(conv(m).weight)),
    "another parameter": lambda m: setattr(conv(m), "weight", nn.Parameter(torch.zeros_like(conv(m).weight))),
    "through numpy": lambda m: conv(m).weight.detach().numpy().fill(0),
    "statistics of a norm": lambda m: m.model.model[2].bn.running_mean.add_(1),
    "epsilon of a norm": lambda m: setattr(m.model.model[2].bn, "eps", 10.0),
    "another layer": exchange_layer,
    "another activation": lambda m: setattr(m.model.model[2], "act", nn.ReLU()),
    "another head": lambda m: m.model.model.__setitem__(-1, changed(m).model[-1]),
    "another network": lambda m: setattr(m, "model", changed(m)),
    "weights of a file": lambda m: m.load(changed(m)),
    "pruned filters": lambda m: prune.random_unstructured(conv(m), "weight", 0.8),
    "a hook that changes values": lambda m: m.model.model[2].register_forward_hook(halved),
    "borders of a layer": lambda m: setattr(conv(m), "padding_mode", "reflect"),
    "precision": lambda m: m.model.bfloat16(),
}


def changed(model: YOLO) -> nn.Module:
    """A network of the same shape with other weights."""
    other = copy.deepcopy(model.model)
    for parameter in other.parameters():
        parameter.data.mul_(0.7)
    return other


@pytest.mark.parametrize("edit", EDITS)
def test_changes_reach_the_next_prediction(model, edit):
    before = predict(model).boxes.data
    EDITS[edit](model)
    after = predict(model).boxes.data
    fresh = YOLO(model.model_name)
    fresh.model = model.model
    assert torch.equal(after, predict(fresh).boxes.data), "as a model that has never predicted"
    assert not torch.equal(after, before)
    vectors = [m.embed(np.full((SIDE, SIDE, 3), 99, np.uint8), **LOOK)[0] for m in (model, fresh)]
    assert torch.equal(*vectors)


def test_names_reach_the_next_prediction(model):
    for edit, name in (
        (lambda: model.names.__setitem__(0, "one"), "one"),
        (lambda: model.model.names.__setitem__(0, "two"), "two"),
        (lambda: setattr(model.model, "names", {**model.names, 0: "three"}), "three"),
    ):
        edit()
        assert predict(model).names[0] == name == model.names[0]


def test_attributes_of_the_network_reach_the_next_prediction(model):
    assert model.predictor.model.stride == 32 and model.predictor.model.task == "detect"
    model.model.stride = torch.tensor([64.0])
    predict(model)
    assert model.predictor.model.stride == 64


def test_moving_the_network(model):
    before = predict(model).boxes.data
    model.model.double()
    assert predict(model).boxes.shape == before.shape and model.predictor.model.runtime.dtype == torch.float64
    model.model.float()
    assert torch.equal(predict(model).boxes.data, before)


def test_hooks_come_and_go(model):
    before = predict(model).boxes.data
    handle = model.model.model[2].register_forward_hook(halved)
    assert not torch.equal(predict(model).boxes.data, before)
    handle.remove()
    assert torch.equal(predict(model).boxes.data, before)
    model.model.model[2]._forward_hooks = type(model.model._forward_hooks)({0: halved})
    assert not torch.equal(predict(model).boxes.data, before), "a table of hooks that was replaced"


def test_callbacks_reach_the_next_prediction(model):
    seen = []
    model.add_callback("on_predict_start", lambda predictor: seen.append("old"))
    predict(model)
    model.reset_callbacks()
    model.add_callback("on_predict_start", lambda predictor: seen.append("new"))
    predict(model)
    assert seen == ["old", "new"]


@pytest.fixture
def foldings(monkeypatch) -> list[int]:
    """Grows with every network that is prepared for inference."""
    made = []
    original = pytorch.NativeRuntime.__init__

    def counted(self, *args, **kwargs):
        made.append(1)
        original(self, *args, **kwargs)

    monkeypatch.setattr(pytorch.NativeRuntime, "__init__", counted)
    return made


def test_nothing_is_folded_again_without_a_reason(model, foldings, tmp_path):
    head = model.model.model[-1]
    model.model(torch.zeros(1, 3, 96, 96)), model.model.train(), model.model.eval()
    predict(model)
    assert len(foldings) <= 1, "a first call leaves notes in a layer"
    foldings.clear()
    for step in (
        lambda: predict(model, conf=0.5),
        lambda: model.model(torch.zeros(1, 3, 64, 64)),
        lambda: model.model.train(),
        lambda: model.model.eval(),
        lambda: model.model.zero_grad(),
        lambda: model.info(verbose=False),
        lambda: model.save(tmp_path / "a.pt"),
        lambda: copy.deepcopy(model),
        lambda: head.cv2[0][0].conv.weight.sum().backward(),
    ):
        step()
        predict(model)
    assert not foldings


def test_a_standing_predictor_looks_at_its_network(model):
    predictor = model.predictor
    before = predictor(np.zeros((SIDE, SIDE, 3), np.uint8))[0].boxes.data
    model.model.model[-1].cv3[0][-1].bias.data.add_(2)
    assert not torch.equal(predictor(np.zeros((SIDE, SIDE, 3), np.uint8))[0].boxes.data, before)


@pytest.mark.parametrize("kind", ["nan", "bfloat16", "empty", "integer", "inference"])
def test_watch_of_odd_tensors(kind):
    network = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    if kind == "nan":
        network[0].weight.data.fill_(float("nan"))
    elif kind == "bfloat16":
        network.bfloat16()
    elif kind == "empty":
        network[0].register_buffer("none", torch.zeros(0, 3))
    elif kind == "integer":
        network[0].register_buffer("whole", torch.arange(5))
    elif kind == "inference":
        with torch.inference_mode():
            network = nn.Sequential(nn.Linear(4, 3))
    watch = NetworkWatch(network)
    assert watch.holds(network) and not watch.holds(copy.deepcopy(network)) and not watch.holds("a.onnx")
    with torch.inference_mode():
        assert watch.holds(network)
        network[0].weight.data[1].zero_()
        assert not watch.holds(network)


# Hooks ----------------------------------------------------------------------------------------------------------------


class Cam:
    """A tool that looks at activations, keeps the model, and has methods of its own as hooks: they cannot be copied."""

    def __init__(self, model: YOLO, layer: nn.Module) -> None:
        self.model, self.layer, self.seen, self.gradients = model, layer, [], []
        self.busy = io.BytesIO().getbuffer()  # neither deepcopy nor pickle take it
        self.handles = [layer.register_forward_hook(self.look)]

    def look(self, module, inputs, output):
        assert module is self.layer and not module.training
        self.seen.append(output)

    def look_back(self, module, grad_input, grad_output):
        self.gradients.append(grad_output[0])

    def __call__(self, picture) -> np.ndarray:
        """The first principal component of the activations, as EigenCAM has it."""
        self.seen.clear()
        self.model(picture, **LOOK)
        flat = self.seen[-1][0].flatten(1).T.numpy()
        return ((flat - flat.mean(0)) @ np.linalg.svd(flat - flat.mean(0))[2][0]).reshape(self.seen[-1].shape[2:])


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("place", ["model.2", "model.2.conv", "model.2.bn", "model.5"])
def test_tools_that_keep_the_model_see_what_prediction_computes(source, picture, when, place):
    model = copy.deepcopy(source)
    plain = predict(copy.deepcopy(source)).boxes.data
    if when == "after":
        predict(model)
    model.model.train()
    cam = Cam(model, model.model.get_submodule(place))
    if place != "model.5":
        assert cam(picture).ndim == 2
    assert torch.allclose(predict(model).boxes.data, plain, atol=1e-3), "unfolded, the same but for rounding"
    assert len(cam.seen) >= 1 and model.model.training, "its mode is what it was"
    model.embed(picture, **LOOK), next(iter(model(picture, stream=True, **LOOK)))
    count = len(cam.seen)
    cam.handles[0].remove()
    predict(model)
    assert len(cam.seen) == count


def test_a_watched_network_can_learn_afterwards(source):
    """What prediction leaves in the user's own network may take part in gradients."""
    model = copy.deepcopy(source)
    cam = Cam(model, model.model.model[3])
    predict(model)
    assert not cam.seen[0].is_inference() and not cam.seen[0].requires_grad
    (model.model.eval()(torch.rand(1, 3, SIDE, SIDE))[0].sum() * 1).backward()
    assert model.model.model[0].conv.weight.grad is not None


def test_backward_hooks_get_gradients(source):
    model = copy.deepcopy(source)
    cam = Cam(model, model.model.model[3])
    outputs = []
    cam.layer.register_full_backward_hook(cam.look_back)
    model.model.model[-1].register_forward_hook(lambda module, inputs, output: outputs.append(output[0]))
    result = predict(model)
    assert not result.boxes.data.requires_grad and len(result.boxes.data.numpy())
    outputs[0][:, 4:].sum().backward()
    assert cam.gradients[0].shape == cam.seen[0].shape and cam.gradients[0].abs().sum() > 0


def test_hooks_see_other_runs(source, tmp_path):
    """Validation, half precision and export; each copy of the network has the hooks, not copies of them."""
    data = write_labels(tmp_path, "0 0.5 0.5 0.4 0.4\n", names={i: str(i) for i in range(6)})
    for run in (
        lambda m: m.val(data=data, **run_settings(tmp_path)),
        lambda m: predict(m, quantize=16),
        lambda m: predict(m, nms=False),
        lambda m: m.export(format="torchscript", imgsz=SIDE, device="cpu"),
    ):
        model = copy.deepcopy(source)
        model.model.pt_path = str(tmp_path / "tiny.pt")
        seen = []
        model.model.model[2].bn.register_forward_hook(Noter(seen))
        model.model.model[3].register_forward_hook(Noter(seen))
        run(model)
        assert len(seen) >= 2


class Noter:
    """A hook that is an object: a copy of it would note into a copy of the list."""

    def __init__(self, seen: list) -> None:
        self.seen = seen

    def __call__(self, module, inputs, output) -> None:
        self.seen.append(output.shape)


def test_watched_models_are_saved_and_copied(source, tmp_path):
    model = copy.deepcopy(source)
    cam = Cam(model, model.model.model[2])
    prune.random_unstructured(conv(model), "weight", 0.5)
    model.save(tmp_path / "a.pt")
    assert predict(model).boxes is not None and cam.seen
    found = torch.load(tmp_path / "a.pt", weights_only=False)["model"].model[2]
    assert not found._forward_hooks and found.conv._forward_pre_hooks, "pruning stays, tools do not"


# Copies ---------------------------------------------------------------------------------------------------------------


def use(model: YOLO, folder) -> YOLO:
    """Leave the traces of every mode in a model."""
    data = write_labels(folder, "0 0.5 0.5 0.4 0.4\n", names={i: str(i) for i in range(6)})
    model.val(data=data, **run_settings(folder))
    model.export(format="torchscript", imgsz=SIDE, device="cpu")
    predict(model, save=True, save_txt=True, project=str(folder), name="p")
    return model


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda m: pickle.loads(pickle.dumps(m)),
    "torch": lambda m: loaded(m),
}


def loaded(model: YOLO) -> YOLO:
    stream = io.BytesIO()
    torch.save(model, stream)
    stream.seek(0)
    return torch.load(stream, weights_only=False)


@pytest.mark.parametrize("how", COPIES)
def test_used_models_can_be_copied(source, how, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = use(copy.deepcopy(source), tmp_path)
    running = model(np.zeros((2, SIDE, SIDE, 3), np.uint8)[0], stream=True, **LOOK)
    next(running)
    before = predict(model).boxes.data
    other = COPIES[how](model)
    assert torch.equal(predict(other).boxes.data, before) and other.names == model.names and other.task == model.task
    other.model = stirred(copy.deepcopy(other.model))
    other.overrides["conf"] = 0.9
    other.add_callback("on_predict_start", print)
    assert model.model is not other.model and "conf" not in model.overrides and not model.callbacks["on_predict_start"]
    assert torch.equal(predict(model).boxes.data, before), "the original is as it was"


def test_trained_models_can_be_copied(source, tmp_path):
    data = write_labels(tmp_path, "0 0.5 0.5 0.4 0.4\n", names={i: str(i) for i in range(6)})
    model = YOLO(source.cfg)
    model.train(data=data, **run_settings(tmp_path))
    logger = Integration()
    logger.on_train_start, logger.file = (lambda trainer: None), io.BytesIO().getbuffer()
    type(logger).on_train_start = None
    model.callbacks["on_train_start"].append(Guarded(logger, "on_train_start"))
    del type(logger).on_train_start
    for how in COPIES.values():
        other = how(model)
        assert torch.equal(predict(other).boxes.data, predict(model).boxes.data)
        assert other.trainer is None and not other.callbacks["on_train_start"], "loggers belong to a run"
        assert other.metrics.results_dict == model.metrics.results_dict


def test_exported_models_can_be_copied(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exported = YOLO(copy.deepcopy(source).export(format="torchscript", imgsz=SIDE, device="cpu"))
    before = predict(exported).boxes.data
    for how in COPIES.values():
        other = how(exported)
        assert other.names == exported.names and torch.equal(predict(other).boxes.data, before)


def test_predictors_can_be_copied(model):
    for how in COPIES.values():
        other = how(model.predictor)
        assert other.model is None and other.args == model.predictor.args and other._lock is not model.predictor._lock
        found = other(np.zeros((SIDE, SIDE, 3), np.uint8), model=model.model)
        assert len(found) == 1


def boxes_of(model: YOLO, picture: np.ndarray) -> np.ndarray:
    """Predict in a process of its own."""
    return model.predict(picture, **LOOK)[0].boxes.data.numpy()


def test_used_models_can_be_sent_to_other_processes(model, picture):
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        found = pool.submit(boxes_of, model, picture).result(timeout=120)
    assert np.array_equal(found, boxes_of(model, picture))
