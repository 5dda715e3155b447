"""The anchor-free detection head: raw branches per level, and the decoding of their output.

Shapes: B images, A anchors over all levels (finest first, row by row), R = reg_max bins per box side, nc classes.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ultralytics.nn.block.activation import activation_scope
from ultralytics.nn.block.conv import Conv, DWConv
from ultralytics.nn.block.misc import DFL
from ultralytics.nn.precision import at_least_float32, full_precision
from ultralytics.nn.public import public
from ultralytics.ops.anchors import dist2bbox, make_anchors
from ultralytics.utils.overrides import ignores, warn_of_ignored

__all__ = ["Detect", "arguments_of_81", "v10Detect"]

Raw = dict[str, Any]


def arguments_of_81(reg_max: Any, end2end: bool, ch: Sequence[int]) -> tuple[int, bool, Sequence[int], bool]:
    """Understand calls written for 8.1, where the channels came in the place of `reg_max`.

    Returns:
        reg_max, end2end, ch, and whether the call had the old form.
    """
    if isinstance(reg_max, (list, tuple)) and not ch:
        return 16, False, reg_max, True
    return reg_max, end2end, ch, False


@ignores(_grouped_topk="the best are chosen in one step: override get_topk_index()")
@public("ultralytics.nn.modules.head")
class Detect(nn.Module):
    """Boxes and classes on several levels.

    In training the output is a dictionary: `boxes` (B, 4 R, A) logits of the distances to left, top, right and bottom
    side, `scores` (B, nc, A) logits, `feats` the input maps. In evaluation it is `(y, that dictionary)`, and `y` alone
    where `export` is set; `y` is (B, 4 + nc, A): centre x, centre y, width, height in input pixels and class
    probabilities. A head with a one-to-one branch has raw outputs `{"one2many": ..., "one2one": ...}`; where `end2end`
    is set, it makes `y` from the latter, (B, k, 6): corners, score and class of its k <= max_det best predictions,
    without need of suppression.

    Args:
        nc: number of classes.
        reg_max: bins per box side; 1 for direct distances.
        end2end: add a one-to-one branch.
        ch: channels of the input levels.
        legacy: classifier branch of plain convolutions (models up to YOLOv8) instead of depthwise ones; the class
            attribute `legacy` where None.
    """

    # How inference is done; a caller sets what it needs on its own object.
    export = agnostic_nms = xyxy = legacy = False
    dynamic = False  # recompute the anchors inside the graph on every call
    format, max_det = None, 300
    batch_first = True  # every tensor of the output has an entry for every picture
    keep_branches = False  # let `fuse()` keep the branch that inference does not use: a loss wants both
    # Anchor points (2, A) in grid cells and strides (1, A) in pixels, kept for maps of these sizes.
    shape, anchors, strides = None, torch.empty(0), torch.empty(0)

    # Argument name of forward_head -> (attribute that holds the layers, key of the raw output).
    branches = {"box_head": ("cv2", "boxes"), "cls_head": ("cv3", "scores")}

    def __init__(
        self,
        nc: int = 80,
        reg_max: int = 16,
        end2end: bool | None = False,
        ch: Sequence[int] = (),
        *,
        legacy: bool | None = None,
    ):
        super().__init__()
        reg_max, end2end, ch, old_form = arguments_of_81(reg_max, end2end, ch)
        legacy = (old_form or type(self).legacy) if legacy is None else legacy
        self.nc, self.nl, self.reg_max = nc, len(ch), reg_max
        self.no = nc + 4 * reg_max
        self.stride = torch.zeros(self.nl)
        box_width, cls_width = max(16, ch[0] // 4, 4 * reg_max), max(ch[0], min(nc, 100))
        self.cv2 = nn.ModuleList(plain_branch(c, box_width, 4 * reg_max) for c in ch)
        make = plain_branch if legacy else depthwise_branch
        self.cv3 = nn.ModuleList(make(c, cls_width, nc) for c in ch)
        self.dfl = DFL(reg_max) if reg_max > 1 else nn.Identity()
        if end2end:
            self.add_one_to_one()
        warn_of_ignored(self)

    def add_one_to_one(self) -> None:
        """Copy every branch for one-to-one assignment that has no copy yet."""
        for attribute, _ in self.branches.values():
            if hasattr(self, attribute) and not hasattr(self, f"one2one_{attribute}"):
                setattr(self, f"one2one_{attribute}", copy.deepcopy(getattr(self, attribute)))

    def match_branches(self) -> None:
        """Give the one-to-one branch, where there is one, what a subclass has just added to the other."""
        if self.has_two_branches:
            self.add_one_to_one()

    @property
    def one2many(self) -> dict[str, nn.ModuleList | None]:
        """Layers of the one-to-many branches, by argument name of `forward_head`."""
        return {name: self._modules.get(attribute) for name, (attribute, _) in self.branches.items()}

    @property
    def one2one(self) -> dict[str, nn.ModuleList | None]:
        """Layers of the one-to-one branches, by argument name of `forward_head`."""
        return {name: self._modules.get(f"one2one_{attribute}") for name, (attribute, _) in self.branches.items()}

    @property
    def has_two_branches(self) -> bool:
        """Whether there is a one-to-one branch."""
        return self._modules.get("one2one_cv2") is not None

    @property
    def end2end(self) -> bool:
        """Whether inference uses the one-to-one branch; off unless asked for, as the other one is more accurate."""
        return self.has_two_branches and self.__dict__.get("_end2end", False)

    @end2end.setter
    def end2end(self, value: bool) -> None:
        self._end2end = bool(value)

    @property
    def classifier_form(self) -> tuple[bool, list[int], int]:
        """Form of the class branches: made of plain convolutions, channels in per level, channels inside."""
        branches = self.cv3 or self._modules["one2one_cv3"]
        plain = isinstance(branches[0][0], Conv)
        return plain, [first_channels(branch) for branch in branches], branches[0][-1].in_channels

    def set_classifier_width(self, width: int) -> None:
        """Make the class branches anew, with fresh weights, for another number of channels inside, in place."""
        for name in ("cv3", "one2one_cv3"):
            old = self._modules.get(name)
            if old is None:
                continue
            norm = next(m for m in old.modules() if isinstance(m, nn.BatchNorm2d))
            act = next(m for m in old.modules() if isinstance(m, Conv)).act
            make = plain_branch if isinstance(old[0][0], Conv) else depthwise_branch
            with activation_scope(Conv.default_act, act):
                made = nn.ModuleList(make(first_channels(branch), width, self.nc) for branch in old)
            for module in made.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eps, module.momentum = norm.eps, norm.momentum
            setattr(self, name, made.to(norm.weight.device, norm.weight.dtype).train(old.training))
        if float(self.stride.max()):
            self.bias_init()

    def forward_head(
        self, x: list[torch.Tensor], box_head: nn.ModuleList | None = None, cls_head: nn.ModuleList | None = None
    ) -> Raw:
        """Run branches on all levels and join the levels along the anchors.

        Args:
            x: one map (B, C, H, W) per level.
            box_head, cls_head: layers per level, as in `one2many`, which has the ones to use by default. A subclass
                takes those that it adds too.
        """
        return self.run_branches(x, box_head=box_head, cls_head=cls_head)

    def run_branches(self, x: list[torch.Tensor], **heads: nn.ModuleList | None) -> Raw:
        """Do the same for branches by name; those of `one2many` where all are None."""
        if not any(layers is not None for layers in heads.values()):
            heads = self.one2many
        raw = {self.branches[name][1]: along_anchors(layers, x) for name, layers in heads.items() if layers is not None}
        return {**raw, "feats": x} if raw else {}

    def forward(self, x: list[torch.Tensor]) -> Any:
        """Return raw outputs in training, `(decoded, raw)` in evaluation, `decoded` for export.

        With a one-to-one branch the raw outputs are those of both, the second one from detached maps.
        """
        raw = self.forward_head(x, **self.one2many)
        if self.has_two_branches:
            raw = {"one2many": raw, "one2one": self.forward_head([level.detach() for level in x], **self.one2one)}
        if self.training:
            return raw
        y = self.infer(raw)
        return y if self.export else (y, raw)

    def infer(self, raw: Raw) -> torch.Tensor:
        """Decode raw outputs; see the class for the result."""
        if "one2one" in raw:
            raw = raw["one2one" if self.end2end else "one2many"]
        with full_precision(raw["boxes"].device.type):
            y = self._inference({k: at_least_float32(v) if isinstance(v, torch.Tensor) else v for k, v in raw.items()})
            return self.postprocess(y.transpose(1, 2)) if self.end2end else y

    def _inference(self, x: Raw) -> torch.Tensor:
        """Decode the raw outputs of one branch, float32 or finer, to (B, 4 + nc, A); a subclass appends its own.

        Subclasses written for older code give one map (B, 4 R + nc, H, W) per level instead.
        """
        if isinstance(x, (list, tuple)):
            joined = torch.cat([level.flatten(2) for level in x], 2)
            boxes, scores = joined.split((4 * self.reg_max, self.nc), 1)
            x = {"boxes": boxes, "scores": scores, "feats": list(x)}
        return torch.cat((self._get_decode_boxes(x), x["scores"].sigmoid()), 1)

    def _get_decode_boxes(self, x: Raw) -> torch.Tensor:
        """Return the boxes (B, 4, A) of the raw outputs of one branch, in pixels."""
        anchors, strides = self.grid(x["feats"])
        angle = (x["angle"],) if "angle" in x else ()
        return self.decode_bboxes(self.dfl(x["boxes"]), anchors.unsqueeze(0), *angle) * strides

    def grid(self, feats: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return anchor points (2, A) and strides (1, A) for maps of these sizes; the last ones are kept.

        With `dynamic` they are made anew: the sizes are then values of the recorded graph. So they are in compiled
        code, which turns them into constants.
        """
        shape = None
        if not self.dynamic and not torch.compiler.is_compiling():
            # All levels' sizes count: images that differ by some rows may share the first level's size. Tensors made in
            # inference mode cannot take part in a later backward pass.
            place = (feats[0].device, feats[0].dtype, torch.is_inference_mode_enabled())
            shape = (*(tuple(level.shape[2:]) for level in feats), *place)
            if shape == self.shape:
                return self.anchors, self.strides
        like = [at_least_float32(level[:1, :1]) for level in feats]
        points, steps = make_anchors(like, self.stride.to(like[0]), 0.5)
        anchors, strides = points.transpose(0, 1), steps.transpose(0, 1)
        if not torch.compiler.is_compiling():
            self.anchors, self.strides, self.shape = anchors, strides, shape
        return anchors, strides

    def decode_bboxes(
        self, bboxes: torch.Tensor, anchors: torch.Tensor, angle: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Turn distances (B, 4, A) in grid cells into boxes (B, 4, A); `anchors` are (1, 2, A).

        They are corners for end-to-end heads and where `xyxy` is set, else centre and size.
        """
        return dist2bbox(bboxes, anchors, xywh=not (self.end2end or self.xyxy), dim=1)

    def postprocess(self, preds: torch.Tensor) -> torch.Tensor:
        """Keep the best predictions of every image.

        Args:
            preds: (B, A, 4 + nc + extra) decoded predictions.

        Returns:
            (B, min(max_det, A), 6 + extra): box, score, class, extras, in falling order of score.
        """
        score, label, index = self.get_topk_index(preds[..., 4 : 4 + self.nc], self.max_det)
        rows = self._gather(preds, index)  # whole: OpenVINO cannot compile gathering from a slice's first columns
        return torch.cat((rows[..., :4], score, label, rows[..., 4 + self.nc :]), -1)

    def _gather(self, x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Return the rows (B, k, C) of `x` (B, A, C) that `index` (B, k, 1) names."""
        return x.gather(1, index.expand(-1, -1, x.shape[-1]))

    def get_topk_index(self, scores: torch.Tensor, max_det: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Choose the best (anchor, class) pairs: first the best anchors, then the best pairs among them.

        Args:
            scores: (B, A, nc).
            max_det: number of pairs.

        Returns:
            Score, class (as float) and anchor index, each (B, k, 1).
        """
        k = max_det if self.dynamic else min(max_det, scores.shape[1])
        best, label = scores.max(-1)
        if self.agnostic_nms:
            score, index = best.topk(k, -1)
            return score.unsqueeze(-1), label.gather(1, index).unsqueeze(-1).float(), index.unsqueeze(-1)
        anchor = best.topk(k, -1).indices.unsqueeze(-1)
        pairs = self._gather(scores, anchor).flatten(1)
        score, flat = pairs.topk(k, -1)
        row = torch.div(flat, self.nc, rounding_mode="floor").unsqueeze(-1)
        return score.unsqueeze(-1), (flat % self.nc).unsqueeze(-1).float(), anchor.gather(1, row)

    def bias_init(self) -> None:
        """Start from wide boxes and from class probabilities of about five objects in a 640 pixel image."""
        for heads in (self.one2many, self.one2one):
            if heads["box_head"] is None:
                continue
            for box, cls, stride in zip(heads["box_head"], heads["cls_head"], self.stride.tolist(), strict=True):
                nn.init.constant_(box[-1].bias, 2.0)
                nn.init.constant_(cls[-1].bias[: self.nc], math.log(5 / self.nc / (640 / stride) ** 2))

    def fuse(self) -> None:
        """Drop the branch that inference does not use, where there are two."""
        if not self.has_two_branches or self.keep_branches:
            return
        prefix = "" if self.end2end else "one2one_"
        for attribute, _ in self.branches.values():
            if self._modules.get(prefix + attribute) is not None:
                setattr(self, prefix + attribute, None)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the kept anchors out of copies and files: they depend on the last image only.

        Heads that derive from this class carry, for readers of 8.1 and older, the function they call there.
        """
        state = {k: v for k, v in self.__dict__.items() if k not in TRANSIENT}
        return state if type(self) is Detect else {**state, "detect": Detect.forward}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({k: v for k, v in state.items() if k not in TRANSIENT})


@public("ultralytics.nn.modules.head")
class v10Detect(Detect):
    """The head of YOLOv10: always with a one-to-one branch and depthwise classifier branches.

    Args:
        nc: number of classes.
        ch: channels of the input levels.
    """

    def __init__(self, nc: int = 80, ch: Sequence[int] = ()):
        super().__init__(nc, 16, True, ch, legacy=False)


TRANSIENT = frozenset({"anchors", "strides", "shape", "detect"})


def first_channels(branch: nn.Module) -> int:
    """Return the input channels of a chain of layers."""
    return next(m.in_channels for m in branch.modules() if isinstance(m, nn.Conv2d))


def along_anchors(layers: nn.ModuleList, x: Sequence[torch.Tensor]) -> torch.Tensor:
    """Run one layer per level and join their maps (B, C, H, W) to (B, C, A)."""
    return torch.cat([layer(level).flatten(2) for layer, level in zip(layers, x, strict=True)], 2)


def plain_branch(c_in: int, width: int, c_out: int) -> nn.Sequential:
    """Two 3x3 convolutions and a linear layer."""
    return nn.Sequential(Conv(c_in, width, 3), Conv(width, width, 3), nn.Conv2d(width, c_out, 1))


def depthwise_branch(c_in: int, width: int, c_out: int) -> nn.Sequential:
    """The same with the 3x3 convolutions split into depth-wise and point-wise ones."""
    return nn.Sequential(
        nn.Sequential(DWConv(c_in, c_in, 3), Conv(c_in, width, 1)),
        nn.Sequential(DWConv(width, width, 3), Conv(width, width, 1)),
        nn.Conv2d(width, c_out, 1),
    )
