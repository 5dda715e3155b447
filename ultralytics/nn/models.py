"""The networks: layers built from a YAML, run in order, with loss, folding, weight transfer and information.

A class names its criterion by import path and resolves it on first use, so a network that only predicts needs no loss.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.cfg.merge import DEFAULT_CFG_DICT
from ultralytics.nn.block.parameternet import DynamicConv2d
from ultralytics.nn.builder.build import Plan, construct, plan, probe, with_modules
from ultralytics.nn.builder.names import yaml_model_load
from ultralytics.nn.builder.registry import ModelYamlError
from ultralytics.nn.cost.flops import model_info
from ultralytics.nn.fold import fold_model
from ultralytics.nn.head.classify import Classify
from ultralytics.nn.head.denoising import group_targets
from ultralytics.nn.head.detect import Detect
from ultralytics.nn.protocols import BringsCriterion
from ultralytics.nn.public import public
from ultralytics.nn.tta import VIEWS, clipped, descaled, scale_img
from ultralytics.nn.weights.transfer import adapt_classes, transfer_weights
from ultralytics.utils.log import LOGGER
from ultralytics.utils.overrides import in_use
from ultralytics.utils.timing import Profile

__all__ = [
    "BaseModel",
    "ClassificationModel",
    "DepthModel",
    "DetectionModel",
    "Ensemble",
    "OBBModel",
    "PoseModel",
    "RTDETRDetectionModel",
    "SegmentationModel",
    "SemanticSegmentationModel",
    "initialize_weights",
]

# Public modules on which losses may have been replaced.
CRITERIA = ("ultralytics.nn.tasks", "ultralytics.utils.loss", "ultralytics.models.utils.loss")
PROFILED_RUNS = 10
PROBE_SIZES = (128, 256)  # pixels, multiples of every stride in use; the second for blocks that want large maps


def initialize_weights(model: nn.Module) -> None:
    """Set the norms' constants and let activations work in place; convolutions keep torch's initialisation.

    In place are those whose gradient needs only their result. SiLU and Hardswish need their input: autograd would first
    copy it, which makes them take twice as long in training.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps, module.momentum = 1e-3, 0.03
        elif isinstance(module, (nn.LeakyReLU, nn.ReLU, nn.ReLU6)):
            module.inplace = True


def maps_of_levels(raw: Any) -> list[torch.Tensor]:
    """Return the maps (B, C, H, W) of a head's levels from what it gives in training; empty where it has none.

    Heads give a dictionary with the maps as `feats`, or, written for older code, the maps themselves; those with two
    branches a dictionary of both; further outputs may follow in a tuple.
    """
    if isinstance(raw, Mapping):
        return maps_of_levels(raw["one2many"] if "one2many" in raw else raw.get("feats"))
    if not isinstance(raw, (list, tuple)) or not raw:
        return []
    if all(isinstance(level, torch.Tensor) and level.ndim == 4 for level in raw):
        return list(raw)
    return maps_of_levels(raw[0])


@contextlib.contextmanager
def heights_of_maps(layers: nn.Sequential) -> Iterator[list[int]]:
    """Collect the heights of the maps (B, C, H, W) that layers give while the block runs."""
    heights: list[int] = []

    def note(layer: nn.Module, given: Any, y: Any) -> None:
        heights.extend(part.shape[-2] for part in ([y] if isinstance(y, torch.Tensor) else y) if part.ndim == 4)

    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        yield heights
    finally:
        for hook in hooks:
            hook.remove()


def resolve_criterion(path: str) -> Callable[[nn.Module], Any]:
    """Import the criterion class at `package.module:Name`, or take what a user has put in its place.

    Raises:
        NotImplementedError: this version of the package has no such loss.
    """
    home, _, name = path.partition(":")
    try:
        return in_use(getattr(importlib.import_module(home), name), *CRITERIA)
    except (ModuleNotFoundError, AttributeError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name != home:
            raise
        raise NotImplementedError(
            f"this version has no loss '{name}', so such a model can predict but not be trained or validated with "
            "loss; give it one of your own by overriding init_criterion()."
        ) from None


@public("ultralytics.nn.tasks")
class BaseModel(nn.Module):
    """Layers run in order, each reading from where its row says.

    Attributes: `model` layers, `save` indices of outputs that later layers read, `yaml` content of the YAML, `names`
    class names by index, `stride` pixels per cell of every level.
    """

    criterion_path = ""
    criterion: Any = None  # made when a loss is first asked for

    def forward(self, x: torch.Tensor | Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Return the loss of a batch (a dictionary with `img`), or the predictions for images (B, C, H, W)."""
        return self.loss(x, *args, **kwargs) if isinstance(x, dict) else self.predict(x, *args, **kwargs)

    def predict(
        self,
        x: torch.Tensor,
        profile: bool = False,
        augment: bool = False,
        embed: Sequence[int] | None = None,
    ) -> Any:
        """Run the network.

        Args:
            x: (B, C, H, W) in 0..1.
            profile: log the time of every layer.
            augment: run several sizes and a mirrored view (detection).
            embed: instead return one vector per image, made of the averages of these layers' outputs.

        Raises:
            ValueError: wrong number of channels.
        """
        self._check_channels(x)
        if augment:
            return self._predict_augment(x)
        return self._predict_once(x, profile, embed)

    def _check_channels(self, x: torch.Tensor) -> None:
        """Refuse images of another channel count than the network was built for."""
        if torch.jit.is_tracing() or torch.compiler.is_compiling():
            return
        wanted = self.yaml.get("channels") or self.yaml.get("ch")
        if wanted and x.ndim == 4 and x.shape[1] != wanted:
            raise ValueError(
                f"this model takes images of {wanted} channels, got a batch of shape {tuple(x.shape)} with "
                f"{x.shape[1]}; convert the images, or build the model with ch={x.shape[1]}."
            )

    def _predict_once(self, x: torch.Tensor, profile: bool = False, embed: Sequence[int] | None = None) -> Any:
        """Run all layers once, or up to the last of `embed`; see `predict`."""
        return self._run_layers(x, profile, embed)

    def _run_layers(
        self, x: torch.Tensor, profile: bool = False, embed: Sequence[int] | None = None, targets: Any = None
    ) -> Any:
        """Do that; `targets` go to the last layer as a second argument."""
        kept: list[Any] = []
        times: list[float] = []
        vectors, wanted = [], self._numbered(embed or ())
        for layer in self.model:
            source = layer.f
            if isinstance(source, int):
                given = x if source == -1 else kept[source]
            else:
                given = [x if s == -1 else kept[s] for s in source]
            if profile:
                self._profile_one_layer(layer, given, times)
            x = layer(given) if targets is None or layer is not self.model[-1] else layer(given, targets)
            kept.append(x if layer.i in self.save else None)
            if layer.i in wanted:
                if not isinstance(x, torch.Tensor) or x.ndim != 4:
                    raise ValueError(f"embed={layer.i} is not valid: layer {layer.type} gives no map of features.")
                vectors.append(F.adaptive_avg_pool2d(x, 1).flatten(1))
                if layer.i == max(wanted):
                    return torch.cat(vectors, 1).unbind(0)
        return x

    def _numbered(self, layers: Sequence[int]) -> frozenset[int]:
        """Return layers by their number from the start; negative ones count from the end."""
        count = len(self.model)
        if not all(-count <= layer < count for layer in layers):
            raise ValueError(f"embed={sorted(layers)} is not valid: this network has layers 0 to {count - 1}.")
        return frozenset(layer % count for layer in layers)

    def _profile_one_layer(self, m: nn.Module, x: Any, dt: list[float]) -> None:
        """Log the time of one layer for its input, a mean of ten runs, and append it to `dt`, in milliseconds."""
        timer = Profile()
        for _ in range(PROFILED_RUNS):
            with timer:
                m(x)
        dt.append(1e3 * timer.t / PROFILED_RUNS)
        LOGGER.info(f"{m.i:>3} {dt[-1]:10.2f} ms {m.np:10.0f} parameters  {m.type}")
        if m is self.model[-1]:
            LOGGER.info(f"{sum(dt):14.2f} ms in all")

    def _predict_augment(self, x: torch.Tensor) -> Any:
        """Fall back to one view."""
        LOGGER.warning(f"{type(self).__name__} does not support 'augment=True'; predicting with one view.")
        return self._predict_once(x)

    def fuse(self, verbose: bool = True, imgsz: int = 640) -> BaseModel:
        """Fold the norms into the convolutions for faster inference, in place.

        Args:
            verbose: log the model's summary afterwards.
            imgsz: image size in pixels that its cost is counted at.
        """
        if not self.is_fused():
            fold_model(self)
            if verbose:
                self.info(verbose=verbose, imgsz=imgsz)
        return self

    def is_fused(self, thresh: int | None = None) -> bool:
        """Return whether no convolution with a norm of its own is left. `thresh` of 8.1 is accepted and not needed."""
        return not any(
            isinstance(m._modules.get("bn"), nn.BatchNorm2d) and not {"conv", "conv_transpose"}.isdisjoint(m._modules)
            for m in self.modules()
        )

    def info(
        self, detailed: bool = False, verbose: bool = True, imgsz: int | Sequence[int] = 640
    ) -> tuple[int, int, int, float]:
        """Return layers, parameters, trained parameters and GFLOPs at `imgsz`, and log them."""
        return model_info(self, detailed=detailed, verbose=verbose, imgsz=imgsz)

    def load(self, weights: Any, verbose: bool = True) -> None:
        """Take over weights from a network or a loaded checkpoint as far as names and shapes fit."""
        transfer_weights(self, weights, verbose)

    def _remap_cls_by_names(self, csd: dict[str, torch.Tensor], src_model: nn.Module, verbose: bool = True) -> int:
        """Move classifier rows of weights to the places that their classes have here, by name.

        Args:
            csd: weights by key; changed.
            src_model: the network that they come from.
            verbose: log for how many classes that was done.

        Returns:
            Number of tensors in which rows were moved.
        """
        names = getattr(src_model, "names", None), getattr(self, "names", None)
        return adapt_classes(csd, self.state_dict(), *names, verbose)

    def loss(self, batch: Mapping[str, Any], preds: Any = None) -> Any:
        """Return the criterion's result for a batch.

        Args:
            batch: targets, and the images under `img`.
            preds: output of the network, where the caller has it already.
        """
        return self._ready_criterion()(self.predict(batch["img"]) if preds is None else preds, batch)

    def _ready_criterion(self) -> Any:
        """Return the criterion, made on first use."""
        if getattr(self, "criterion", None) is None:
            if not hasattr(self, "args"):
                self.args = dict(DEFAULT_CFG_DICT)  # a network used on its own: the default gains
            self.criterion = self.init_criterion()
        return self.criterion

    def init_criterion(self) -> Any:
        """Return a new criterion for this model: the one that its head brings, else that of the class."""
        head = next(reversed(getattr(self, "model", ())), None)
        if isinstance(head, BringsCriterion):
            return head.criterion_for(self)
        if not self.criterion_path:
            raise NotImplementedError(f"{type(self).__name__} names no loss; override init_criterion().")
        return resolve_criterion(self.criterion_path)(self)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], *args: Any, **kwargs: Any) -> BaseModel:
        """Let the strides, which are no buffers, follow the weights to their device and type."""
        super()._apply(fn, *args, **kwargs)
        head = self.model[-1]
        for owner, names in ((self, ("stride",)), (head, ("stride", "anchors", "strides"))):
            for name in names:
                if isinstance(owner.__dict__.get(name), torch.Tensor):
                    setattr(owner, name, fn(getattr(owner, name)))
        if isinstance(head, Detect):
            head.shape = None  # kept anchors are made anew
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep the criterion beside the layers, also where it is a module itself."""
        if name == "criterion":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the criterion out of copies and files: it is made on demand."""
        return {**self.__dict__, "criterion": None} if "criterion" in self.__dict__ else dict(self.__dict__)

    def _read_yaml(self, cfg: str | Path | Mapping[str, Any], ch: int, nc: int | None) -> int:
        """Set `yaml` from a file or dictionary and return the image channels."""
        content = copy.deepcopy(dict(cfg)) if isinstance(cfg, Mapping) else yaml_model_load(cfg)
        # 8.1 wrote the channels as `ch`; a file that says so means it, unless the caller knows better than the default.
        if ch == 3 and "channels" not in content and content.get("ch"):
            ch = content["ch"]
        if content.get("channels") not in (None, ch):
            LOGGER.info(f"Overriding model.yaml channels={content['channels']} with channels={ch}")
        content["channels"] = ch
        if nc and nc != content.get("nc"):
            if "nc" in content:
                LOGGER.info(f"Overriding model.yaml nc={content['nc']} with nc={nc}")
            content["nc"] = nc
        self.yaml = content
        return ch

    def _build(self, ch: int, verbose: bool) -> Plan:
        """Make `model` and `save` from `yaml`."""
        made = plan(self.yaml, ch)
        self.model, self.save = construct(made, verbose), made.save
        self.yaml = with_modules(self.yaml, made.modules)
        self.yaml.setdefault("nc", getattr(self.model[-1], "nc", 1))
        self.names = {i: f"{i}" for i in range(self.yaml["nc"])}
        self.inplace = self.yaml.get("inplace", True)
        return made

    def _probe(self, made: Plan, ch: int) -> tuple[Any, int]:
        """Check the layers by an image of zeros; return what the last one gives, and the side of the image."""
        small, large = PROBE_SIZES
        with contextlib.suppress(ModelYamlError):  # the error that counts is that of the large image
            return probe(self.model, made, ch, small), small
        return probe(self.model, made, ch, large), large


@public("ultralytics.nn.tasks")
class DetectionModel(BaseModel):
    """A network with a detection head.

    Args:
        cfg: model YAML by path or name, or its content.
        ch: channels of the images.
        nc: number of classes, that of the YAML by default.
        verbose: log layers and summary.
    """

    criterion_path = "ultralytics.nn.loss.detect:v8DetectionLoss"
    criteria_by_head = {}  # class name of the head -> criterion, where it is another one
    end2end_criterion_path = "ultralytics.nn.loss.end2end:E2ELoss"

    def __init__(
        self,
        cfg: str | Path | Mapping[str, Any] = "yolo26n.yaml",
        ch: int = 3,
        nc: int | None = None,
        verbose: bool = True,
    ):
        super().__init__()
        ch = self._read_yaml(cfg, ch, nc)
        made = self._build(ch, verbose)
        initialize_weights(self)
        raw, size = self._probe(made, ch)
        self._find_strides(raw, size)
        if verbose:
            self.info()
            LOGGER.info("")

    def _find_strides(self, raw: Any, size: int) -> None:
        """Set `stride` on the model, and on a head that has it, from what the head gives in training.

        Args:
            raw: output of the head for a square image.
            size: side of that image in pixels.
        """
        head, levels = self.model[-1], maps_of_levels(raw)
        self.stride = torch.tensor([32.0], device="cpu")
        if isinstance(head, Detect):
            head.inplace = self.inplace
        if levels and hasattr(head, "stride"):
            self.stride = head.stride = torch.tensor([size / level.shape[-2] for level in levels], device="cpu")
            if callable(getattr(head, "bias_init", None)):
                head.bias_init()

    @property
    def end2end(self) -> bool:
        """Whether the head's one-to-one branch makes the predictions, so that they need no suppression."""
        return bool(getattr(self.model[-1], "end2end", False))

    @end2end.setter
    def end2end(self, value: bool) -> None:
        self.set_head_attr(end2end=value)

    def set_head_attr(self, **kwargs: Any) -> None:
        """Set attributes of the head, such as `max_det`; unknown ones are skipped with a warning."""
        head = self.model[-1]
        for name, value in kwargs.items():
            if hasattr(head, name):
                setattr(head, name, value)
            else:
                LOGGER.warning(f"head {type(head).__name__} has no attribute '{name}'; not set.")

    def init_criterion(self) -> Any:
        """Return a new criterion for this model: the one that its head brings, else that of its task.

        It weighs both branches where the head has two.
        """
        head = self.model[-1]
        if isinstance(head, BringsCriterion):
            return head.criterion_for(self)
        kinds = (kind.__name__ for kind in type(head).__mro__)
        path = next((self.criteria_by_head[kind] for kind in kinds if kind in self.criteria_by_head), None)
        criterion = resolve_criterion(path or self.criterion_path)
        if not getattr(head, "has_two_branches", False):
            return criterion(self)
        return resolve_criterion(self.end2end_criterion_path)(self, criterion)

    def _predict_augment(self, x: torch.Tensor) -> Any:
        """Merge the predictions of several views."""
        head = self.model[-1]
        if self.end2end or type(head) is not Detect:
            return super()._predict_augment(x)

        parts = []
        for ratio, axis in VIEWS:
            view = x if axis is None else x.flip(axis)
            y = self.predict(scale_img(view, ratio, gs=int(self.stride.max())))
            y = y if isinstance(y, torch.Tensor) else y[0]
            parts.append(self._descale_pred(y, axis, ratio, x.shape[-2:]))
        return torch.cat(self._clip_augmented(parts), 2), None

    @staticmethod
    def _descale_pred(
        p: torch.Tensor, flips: int | None, scale: float, img_size: Sequence[int], dim: int = 1
    ) -> torch.Tensor:
        """Bring predictions of a view into the pixels of the original images; see `tta.descaled`."""
        return descaled(p, scale, flips, img_size, dim)

    def _clip_augmented(self, y: list[torch.Tensor]) -> list[torch.Tensor]:
        """Leave out what the largest and the smallest view are not trusted with; see `tta.clipped`."""
        return clipped(y, self.model[-1].nl)


@public("ultralytics.nn.tasks")
class SegmentationModel(DetectionModel):
    """A network with an instance segmentation head."""

    criterion_path = "ultralytics.nn.loss.segment:v8SegmentationLoss"
    criteria_by_head = {"Segment26": "ultralytics.nn.loss.segment26:SegmentLoss26"}

    def __init__(
        self,
        cfg: str | Path | Mapping[str, Any] = "yolo26n-seg.yaml",
        ch: int = 3,
        nc: int | None = None,
        verbose: bool = True,
    ):
        super().__init__(cfg=cfg, ch=ch, nc=nc, verbose=verbose)


@public("ultralytics.nn.tasks")
class OBBModel(DetectionModel):
    """A network with a head for oriented boxes."""

    criterion_path = "ultralytics.nn.loss.obb:v8OBBLoss"

    def __init__(
        self,
        cfg: str | Path | Mapping[str, Any] = "yolo26n-obb.yaml",
        ch: int = 3,
        nc: int | None = None,
        verbose: bool = True,
    ):
        super().__init__(cfg=cfg, ch=ch, nc=nc, verbose=verbose)


@public("ultralytics.nn.tasks")
class PoseModel(DetectionModel):
    """A network with a pose head.

    Args:
        cfg: model YAML by path or name, or its content.
        ch: channels of the images.
        nc: number of classes, that of the YAML by default.
        data_kpt_shape: keypoints of the data set, [K, 2 or 3]; wins over the YAML.
        verbose: log layers and summary.
    """

    criterion_path = "ultralytics.nn.loss.pose:v8PoseLoss"
    criteria_by_head = {"Pose26": "ultralytics.nn.loss.pose26:PoseLoss26"}

    def __init__(
        self,
        cfg: str | Path | Mapping[str, Any] = "yolo26n-pose.yaml",
        ch: int = 3,
        nc: int | None = None,
        data_kpt_shape: Sequence[int | None] = (None, None),
        verbose: bool = True,
    ):
        content = copy.deepcopy(dict(cfg)) if isinstance(cfg, Mapping) else yaml_model_load(cfg)
        if any(data_kpt_shape) and list(data_kpt_shape) != list(content.get("kpt_shape") or ()):
            LOGGER.info(f"Overriding model.yaml kpt_shape={content.get('kpt_shape')} with kpt_shape={data_kpt_shape}")
            content["kpt_shape"] = list(data_kpt_shape)
        super().__init__(cfg=content, ch=ch, nc=nc, verbose=verbose)
        self.kpt_shape = self.yaml["kpt_shape"]


@public("ultralytics.nn.tasks")
class DepthModel(DetectionModel):
    """A network that gives a distance for every fourth pixel.

    Args:
        cfg: model YAML by path or name, or its content.
        ch: channels of the images.
        nc: number of classes, which nothing here uses.
        verbose: log layers and summary.
    """

    criterion_path = "ultralytics.nn.loss.depth:DepthLoss26"

    def __init__(
        self,
        cfg: str | Path | Mapping[str, Any] = "yolo26n-depth.yaml",
        ch: int = 3,
        nc: int | None = None,
        verbose: bool = True,
    ):
        super().__init__(cfg=cfg, ch=ch, nc=nc, verbose=verbose)


@public("ultralytics.nn.tasks")
class RTDETRDetectionModel(DetectionModel):
    """A network whose head is a transformer decoder; in training it sees the targets, with noise.

    Args:
        cfg: model YAML by path or name, or its content.
        ch: channels of the images.
        nc: number of classes, that of the YAML by default.
        verbose: log layers and summary.
    """

    criterion_path = "ultralytics.nn.loss.detr:RTDETRDetectionLoss"
    varifocal = {"gamma": 2.0, "alpha": 0.75}  # as published with the method

    def __init__(
        self,
        cfg: str | Path | Mapping[str, Any] = "rtdetr-l.yaml",
        ch: int = 3,
        nc: int | None = None,
        verbose: bool = True,
    ):
        super().__init__(cfg=cfg, ch=ch, nc=nc, verbose=verbose)

    def _probe(self, made: Plan, ch: int) -> tuple[Any, int]:
        """Check the layers with one query: with all of them the decoder takes longer than the rest of the network."""
        head = self.model[-1]
        if not hasattr(head, "num_queries"):
            return super()._probe(made, ch)
        queries, head.num_queries = head.num_queries, 1
        try:
            return super()._probe(made, ch)
        finally:
            head.num_queries = queries

    def init_criterion(self) -> Any:
        """Return a new criterion for this model."""
        return resolve_criterion(self.criterion_path)(nc=self.model[-1].nc, use_vfl=True, **self.varifocal)

    def predict(
        self,
        x: torch.Tensor,
        profile: bool = False,
        batch: Mapping[str, Any] | None = None,
        augment: bool = False,
        embed: Sequence[int] | None = None,
    ) -> Any:
        """Run the network; see `BaseModel.predict`.

        Args:
            x: (B, C, H, W) in 0..1.
            profile: log the time of every layer.
            batch: targets for the head, as `group_targets` gives them.
            augment: not supported; one view is used.
            embed: layers to return averages of.
        """
        self._check_channels(x)
        if augment:
            return self._predict_augment(x)
        return self._predict_once(x, profile, embed) if batch is None else self._run_layers(x, profile, embed, batch)

    def loss(self, batch: Mapping[str, Any], preds: Any = None) -> Any:
        """Return the loss, a number, and its items by name; see `BaseModel.loss`."""
        targets = group_targets(batch)
        preds = self.predict(batch["img"], batch=targets) if preds is None else preds
        return self._ready_criterion().of_network(preds, targets)


@public("ultralytics.nn.tasks")
class ClassificationModel(BaseModel):
    """A network that gives one class per image.

    Args:
        cfg: model YAML by path or name, or its content.
        ch: channels of the images.
        nc: number of classes, that of the YAML by default.
        verbose: log layers and summary.
    """

    criterion_path = "ultralytics.nn.loss.classify:v8ClassificationLoss"

    def __init__(
        self,
        cfg: str | Path | Mapping[str, Any] = "yolo26n-cls.yaml",
        ch: int = 3,
        nc: int | None = None,
        verbose: bool = True,
    ):
        super().__init__()
        content = dict(cfg) if isinstance(cfg, Mapping) else yaml_model_load(cfg)
        ch = self._read_yaml(content, content.get("channels") or ch, nc)  # here the file wins over the argument
        if "nc" not in self.yaml:
            raise ValueError("the number of classes is in neither the model YAML ('nc: 10') nor the argument nc.")
        made = self._build(ch, verbose)
        self._probe(made, ch)
        self.stride = torch.tensor([1.0], device="cpu")  # no level restricts the image size
        if verbose:
            self.info()

    @staticmethod
    def reshape_outputs(model: nn.Module, nc: int) -> None:
        """Give a classifier `nc` outputs, in place; a last layer of another width is replaced by a fresh one.

        Args:
            model: this package's classifier, or a torchvision model.
            nc: number of classes.
        """
        layers = getattr(model, "model", model)
        if isinstance(layers, nn.Sequential) and isinstance(layers[-1], Classify):
            owner, name = layers[-1], "linear"
        else:
            candidates = [n for n, m in model.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
            if not candidates:
                raise ValueError(f"{type(model).__name__} has no linear or convolution layer to give {nc} outputs.")
            parent, _, name = candidates[-1].rpartition(".")
            owner = model.get_submodule(parent)
        last = getattr(owner, name)
        if isinstance(last, nn.Linear) and last.out_features != nc:
            setattr(owner, name, nn.Linear(last.in_features, nc, bias=last.bias is not None))
        elif isinstance(last, nn.Conv2d) and last.out_channels != nc:
            fresh = nn.Conv2d(last.in_channels, nc, last.kernel_size, last.stride, bias=last.bias is not None)
            setattr(owner, name, fresh)
        elif isinstance(last, DynamicConv2d) and last.out_channels != nc:
            fresh = DynamicConv2d(
                last.in_channels,
                nc,
                last.kernel_size,
                last.stride,
                num_experts=last.num_experts,
                bias=last.bias is not None,
            )
            setattr(owner, name, fresh)


@public("ultralytics.nn.tasks")
class SemanticSegmentationModel(BaseModel):
    """A network that gives every pixel a class.

    Args:
        cfg: model YAML by path or name, or its content.
        ch: channels of the images.
        nc: number of classes, that of the YAML by default.
        verbose: log layers and summary.
    """

    criterion_path = "ultralytics.nn.loss.semantic:SemanticSegmentationLoss"

    def __init__(
        self,
        cfg: str | Path | Mapping[str, Any] = "yolo26n-sem.yaml",
        ch: int = 3,
        nc: int | None = None,
        verbose: bool = True,
    ):
        super().__init__()
        ch = self._read_yaml(cfg, ch, nc)
        made = self._build(ch, verbose)
        initialize_weights(self)
        with heights_of_maps(self.model) as heights:
            _, size = self._probe(made, ch)
        # The smallest map limits the picture's size, also where the head does not read it.
        self.stride = self.model[-1].stride = torch.tensor([size / min(heights)], device="cpu")
        if verbose:
            self.info()


@public("ultralytics.nn.tasks")
class Ensemble(nn.ModuleList):
    """Detectors whose predictions are put side by side, to be merged by suppression."""

    def __init__(self):
        super().__init__()

    def forward(self, x: torch.Tensor, augment: bool = False, profile: bool = False) -> tuple[torch.Tensor, None]:
        """Return decoded predictions of all members, (B, 4 + nc, sum of A), and None for the raw ones."""
        outputs = [member(x, profile=profile, augment=augment) for member in self]
        return torch.cat([y if isinstance(y, torch.Tensor) else y[0] for y in outputs], 2), None
