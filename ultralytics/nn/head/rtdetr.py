"""The head of RT-DETR: the best cells of all levels become queries, which a decoder turns into boxes.

Shapes: B images, S cells over all levels (finest first, row by row), C channels, Q queries, nc classes. Boxes are
centre x, centre y, width, height as shares of the image.

Source: Zhao et al., "DETRs Beat YOLOs on Real-time Object Detection" (2023, arXiv:2304.08069).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.utils import skip_init

from ultralytics.nn.block.deformable import (
    DeformableTransformerDecoder,
    DeformableTransformerDecoderLayer,
    inverse_sigmoid,
)
from ultralytics.nn.block.transformer import MLP
from ultralytics.nn.head.denoising import get_cdn_group
from ultralytics.nn.precision import at_least_float32, full_precision
from ultralytics.nn.public import public

__all__ = ["RTDETRDecoder", "bias_for_probability"]

ANCHOR_SIDE = 0.05  # of the finest level's boxes before learning, as a share of the image; twice that per level
MARGIN = 0.01  # boxes whose numbers are nearer to 0 or 1 are no starting points: their logits would be extreme
OUTSIDE = 1e4  # logit of such a box: 1 after the sigmoid, and finite, which infinity is not in every runtime
TRANSIENT = frozenset({"anchors", "valid_mask", "shapes"})


def bias_for_probability(prior_prob: float = 0.01) -> float:
    """Return the logit of a probability: with it as its bias, a layer starts from that score."""
    return -math.log((1 - prior_prob) / prior_prob)


@public("ultralytics.nn.modules.head")
class RTDETRDecoder(nn.Module):
    """Boxes and classes by a transformer decoder, without need of suppression.

    In training the output is `(boxes (ndl, B, N + Q, 4), logits (ndl, B, N + Q, nc), boxes (B, Q, 4) and logits
    (B, Q, nc) of the chosen cells, record of the N denoising queries or None)`. In evaluation it is `(y, that tuple)`
    with one layer and N = 0, and `y` alone where `export` is set; `y` (B, k, 6) are box, score and class of the
    k <= max_det best pairs of query and class.

    Args:
        nc: number of classes.
        ch: channels of the input levels.
        hd: channels of queries and cells.
        nq: number of queries.
        ndp: points that a head looks at on every level.
        nh: attention heads.
        ndl: decoder layers.
        d_ffn: channels between the linear layers of the decoder.
        dropout: share of values dropped in training.
        act: activation of the decoder, ReLU where None.
        eval_idx: decoder layer whose result counts in evaluation.
        nd: number of denoising queries.
        label_noise_ratio: see `get_cdn_group`.
        box_noise_scale: see `get_cdn_group`.
        learnt_init_query: queries start from learnt vectors instead of their cells.
    """

    # How inference is done; a caller sets what it needs on its own object.
    export, format = False, None
    max_det = 300
    dynamic = False  # recompute the anchors inside the graph on every call
    final_rows = True  # `y` holds final detections
    min_opset = 16  # of ONNX: the first one that samples maps at points
    # Logits (1, S, 4) of the cells' starting boxes and which of them are usable (1, S, 1), for maps of these sizes.
    shapes, anchors, valid_mask = (), torch.empty(0), torch.empty(0)

    def __init__(
        self,
        nc: int = 80,
        ch: Sequence[int] = (512, 1024, 2048),
        hd: int = 256,
        nq: int = 300,
        ndp: int = 4,
        nh: int = 8,
        ndl: int = 6,
        d_ffn: int = 1024,
        dropout: float = 0.0,
        act: nn.Module | None = None,
        eval_idx: int = -1,
        nd: int = 100,
        label_noise_ratio: float = 0.5,
        box_noise_scale: float = 1.0,
        learnt_init_query: bool = False,
    ):
        super().__init__()
        self.nc, self.nl, self.hidden_dim, self.nhead = nc, len(ch), hd, nh
        self.num_queries, self.num_decoder_layers, self.num_denoising = nq, ndl, nd
        self.label_noise_ratio, self.box_noise_scale = label_noise_ratio, box_noise_scale
        self.learnt_init_query = learnt_init_query
        # These convolutions hold a million weights, which `reset_heads` draws.
        device = torch.empty(0).device
        projections = (skip_init(nn.Conv2d, c, hd, 1, bias=False, device=device) for c in ch)
        self.input_proj = nn.ModuleList(nn.Sequential(conv, nn.BatchNorm2d(hd)) for conv in projections)
        layer = DeformableTransformerDecoderLayer(hd, nh, d_ffn, dropout, act, self.nl, ndp)
        self.decoder = DeformableTransformerDecoder(hd, layer, ndl, eval_idx)
        self.denoising_class_embed = nn.Embedding(nc, hd)
        if learnt_init_query:
            self.tgt_embed = nn.Embedding(nq, hd)
        self.query_pos_head = MLP(4, 2 * hd, hd, num_layers=2)
        self.enc_output = nn.Sequential(nn.Linear(hd, hd), nn.LayerNorm(hd))
        self.enc_score_head = nn.Linear(hd, nc)
        self.enc_bbox_head = MLP(hd, hd, 4, num_layers=3)
        self.dec_score_head = nn.ModuleList(nn.Linear(hd, nc) for _ in range(ndl))
        self.dec_bbox_head = nn.ModuleList(MLP(hd, hd, 4, num_layers=3) for _ in range(ndl))
        self.reset_heads()

    @torch.no_grad()
    def reset_heads(self) -> None:
        """Start from low scores and from boxes that nobody changes."""
        for linear in (self.enc_score_head, *self.dec_score_head):
            nn.init.constant_(linear.bias, bias_for_probability(0.01))
        for chain in (self.enc_bbox_head, *self.dec_bbox_head):
            nn.init.zeros_(chain.layers[-1].weight)
            nn.init.zeros_(chain.layers[-1].bias)
        linears = [self.enc_output[0], *self.query_pos_head.layers, *(level[0] for level in self.input_proj)]
        for linear in linears:
            nn.init.xavier_uniform_(linear.weight)
        if self.learnt_init_query:
            nn.init.xavier_uniform_(self.tgt_embed.weight)

    def forward(self, x: list[torch.Tensor], batch: Mapping[str, Any] | None = None) -> Any:
        """Return raw outputs in training, `(rows, raw)` in evaluation, rows for export; see the class.

        Args:
            x: one map (B, C', H, W) per level.
            batch: in training, targets to make denoising queries from; see `get_cdn_group`.
        """
        cells, shapes = self.flatten_levels(x)
        queries, boxes, enc_boxes, enc_scores = self.choose_queries(cells, shapes)
        noisy, noisy_boxes, mask, record = self.denoising(batch, queries.shape[1])
        if noisy is not None:
            queries = torch.cat((noisy.to(queries.dtype), queries), 1)
            boxes = torch.cat((noisy_boxes.to(boxes.dtype), boxes), 1)
        elif self.training:  # an unused parameter would stop training by several processes; an empty sum uses it
            queries = queries + self.denoising_class_embed.weight[:0].sum()
        heads = self.dec_bbox_head, self.dec_score_head, self.query_pos_head
        dec_boxes, dec_scores = self.decoder(queries, boxes, cells, shapes, *heads, attn_mask=mask)
        raw = dec_boxes, dec_scores, enc_boxes, enc_scores, record
        if self.training:
            return raw
        with full_precision(dec_scores.device.type):
            y = self.postprocess(dec_boxes[0], at_least_float32(dec_scores[0]).sigmoid())
        return y if self.export else (y, raw)

    def flatten_levels(self, x: Sequence[torch.Tensor]) -> tuple[torch.Tensor, list[tuple[int, int]]]:
        """Return the cells of all levels (B, S, C), and height and width of every level."""
        levels = [project(level) for project, level in zip(self.input_proj, x, strict=True)]
        cells = torch.cat([level.flatten(2).transpose(1, 2) for level in levels], 1)
        return cells, [(level.shape[2], level.shape[3]) for level in levels]

    def choose_queries(
        self, cells: torch.Tensor, shapes: Sequence[tuple[int, int]]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Make queries from the cells that score best.

        Returns:
            Queries (B, Q, C) and logits of their boxes (B, Q, 4), which in training carry no gradient; boxes (B, Q, 4)
            and class logits (B, Q, nc) of the chosen cells, which do.
        """
        anchors, usable = self.grid(shapes, cells)
        content = self.enc_output(cells * usable)
        scores = self.enc_score_head(content)
        best = scores.max(-1).values.topk(self._at_most(self.num_queries, scores), 1).indices.unsqueeze(-1)

        def chosen(table: torch.Tensor) -> torch.Tensor:
            return table.gather(1, best.expand(-1, -1, table.shape[-1]))

        queries = chosen(content)
        change = self.enc_bbox_head(queries)
        with full_precision(change.device.type):
            logits = at_least_float32(change) + chosen(anchors.expand(cells.shape[0], -1, -1))
            boxes = logits.sigmoid()
        if self.learnt_init_query:
            learnt = self.tgt_embed.weight[: queries.shape[1]]
            queries = learnt.expand(queries.shape[0], -1, -1)
        elif self.training:
            queries = queries.detach()
        return queries, logits.detach() if self.training else logits, boxes, chosen(scores)

    def _at_most(self, count: int, scores: torch.Tensor) -> Any:
        """Return `count`, or the number of rows where there are fewer, also as a value of a recorded graph."""
        if self.dynamic and torch.jit.is_tracing():
            return torch.as_tensor(scores.shape[1]).clamp(max=count)
        return min(count, int(scores.shape[1]))

    def denoising(self, batch: Mapping[str, Any] | None, num_queries: int) -> tuple[Any, Any, Any, Any]:
        """Return what `get_cdn_group` makes of the targets."""
        return get_cdn_group(
            batch,
            self.nc,
            num_queries,
            self.denoising_class_embed.weight,
            self.num_denoising,
            self.label_noise_ratio,
            self.box_noise_scale,
            self.training,
        )

    def grid(self, shapes: Sequence[tuple[int, int]], like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (1, S, 4) of the cells' boxes and which cells are usable (1, S, 1); the last ones are kept.

        With `dynamic` nothing is kept: the sizes are then values of the recorded graph. Compiled code keeps nothing
        either, it turns them into constants.
        """
        place = None
        if not self.dynamic and not torch.compiler.is_compiling():
            place = (*shapes, like.device, like.dtype, torch.is_inference_mode_enabled())
        if place is not None and place == self.shapes:
            return self.anchors, self.valid_mask
        anchors, usable = starting_boxes(shapes, like.device)
        usable = usable.to(like.dtype)
        if place is not None:
            self.anchors, self.valid_mask, self.shapes = anchors, usable, place
        return anchors, usable

    def postprocess(self, boxes: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the best pairs of query and class.

        Args:
            boxes: (B, Q, 4).
            scores: (B, Q, nc) in 0..1.

        Returns:
            (B, min(max_det, Q * nc), 6): box, score, class, in falling order of score.
        """
        pairs = scores.flatten(1)
        score, place = pairs.topk(self._at_most(self.max_det, pairs), 1)
        query = torch.div(place, self.nc, rounding_mode="floor").unsqueeze(-1)
        label = (place % self.nc).unsqueeze(-1).to(boxes.dtype)
        return torch.cat((boxes.gather(1, query.expand(-1, -1, 4)), score.unsqueeze(-1), label), -1)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the kept anchors out of copies and files: they depend on the last image only."""
        return {k: v for k, v in self.__dict__.items() if k not in TRANSIENT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({k: v for k, v in state.items() if k not in TRANSIENT})


def starting_boxes(shapes: Sequence[tuple[int, int]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits (1, S, 4) of a square box around every cell, and whether it is usable (1, S, 1)."""
    levels = []
    for index, (height, width) in enumerate(shapes):
        y = (torch.arange(height, dtype=torch.float32, device=device) + 0.5) / height
        x = (torch.arange(width, dtype=torch.float32, device=device) + 0.5) / width
        centre = torch.stack((x[None].expand(height, -1), y[:, None].expand(-1, width)), -1)
        levels.append(torch.cat((centre, torch.full_like(centre, ANCHOR_SIDE * 2**index)), -1).flatten(0, 1))
    boxes = torch.cat(levels)[None]
    usable = ((boxes > MARGIN) & (boxes < 1 - MARGIN)).all(-1, keepdim=True)
    return inverse_sigmoid(boxes).masked_fill(~usable, OUTSIDE), usable
