"""Attention that looks at a few points of every map, and the decoder of RT-DETR that is made of it.

Shapes: B images, Q queries, S cells over all levels (finest first, row by row), C channels, H heads, L levels, P points
per head and level. Boxes are centre x, centre y, width, height as shares of the image.

Sources: Zhu et al., "Deformable DETR" (2021, arXiv:2010.04159); the refinement of boxes from layer to layer, each of
which also corrects the one before ("look forward twice"), is of Zhang et al., "DINO" (2023, arXiv:2203.03605).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.block.transformer import attend, with_position
from ultralytics.nn.precision import at_least_float32, full_precision
from ultralytics.nn.public import public

__all__ = [
    "DeformableTransformerDecoder",
    "DeformableTransformerDecoderLayer",
    "MSDeformAttn",
    "inverse_sigmoid",
    "sample_levels",
]

HOME = "ultralytics.nn.modules.transformer"
Sizes = Sequence[Sequence[int]]  # height and width of every level


def inverse_sigmoid(x: torch.Tensor, eps: float = 1e-5) -> torch.Tensor:
    """Return the logit of probabilities; those nearer to 0 or 1 than `eps` count as `eps` away."""
    x = x.clamp(0, 1)
    return torch.log(x.clamp(min=eps) / (1 - x).clamp(min=eps))


def sample_levels(
    value: torch.Tensor, value_spatial_shapes: Sizes, sampling_locations: torch.Tensor, attention_weights: torch.Tensor
) -> torch.Tensor:
    """Return the weighted sum of what the maps hold at given points, between cells by bilinear interpolation.

    Args:
        value: (B, S, H, C / H) cells of all levels.
        value_spatial_shapes: height and width of every level.
        sampling_locations: (B, Q, H, L, P, 2) or (B, Q, H, L * P, 2) x and y as shares of the image; outside of it
            there is nothing.
        attention_weights: (B, Q, H, L, P) or (B, Q, H, L * P).

    Returns:
        (B, Q, C).
    """
    heads, width = int(value.shape[2]), int(value.shape[3])  # the other sizes may be free in a recorded graph
    # One image per head, with the points of a query as a row of it: grid_sample takes them all in one call per level.
    cells = value.permute(0, 2, 3, 1).flatten(0, 1)
    grids = (2 * sampling_locations.flatten(3, -2) - 1).transpose(1, 2).flatten(0, 1)
    seen, start = [], 0
    for (height, breadth), grid in zip(value_spatial_shapes, grids.chunk(len(value_spatial_shapes), 2), strict=True):
        stop = start + height * breadth
        level = cells[..., start:stop].reshape(-1, width, height, breadth)
        seen.append(F.grid_sample(level, grid, mode="bilinear", padding_mode="zeros", align_corners=False))
        start = stop
    weights = attention_weights.flatten(3).transpose(1, 2).flatten(0, 1)
    total = (torch.cat(seen, -1) * weights[:, None]).sum(-1)
    return total.unflatten(0, (-1, heads)).flatten(1, 2).transpose(1, 2).contiguous()


@public(HOME)
class MSDeformAttn(nn.Module):
    """Deformable attention over several levels.

    Args:
        d_model: channels.
        n_levels: levels.
        n_heads: heads, which must divide the channels.
        n_points: points per head and level.

    Raises:
        ValueError: the heads do not divide the channels.
    """

    def __init__(self, d_model: int = 256, n_levels: int = 4, n_heads: int = 8, n_points: int = 4):
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"{n_heads} heads do not divide {d_model} channels.")
        self.im2col_step = 64  # of a CUDA kernel that is not used; readers of files may expect it
        self.d_model, self.n_levels, self.n_heads, self.n_points = d_model, n_levels, n_heads, n_points
        points = n_heads * n_levels * n_points
        self.sampling_offsets, self.attention_weights = nn.Linear(d_model, 2 * points), nn.Linear(d_model, points)
        self.value_proj, self.output_proj = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Start from equal weights, every head looking into a direction of its own, the i-th point i steps away."""
        for linear in (self.sampling_offsets, self.attention_weights):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)
        for linear in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        angle = torch.arange(self.n_heads, dtype=torch.float32) * (2 * math.pi / self.n_heads)
        direction = torch.stack((angle.cos(), angle.sin()), -1)
        direction = direction / direction.abs().amax(-1, keepdim=True)  # onto the edge of a square
        steps = torch.arange(1, self.n_points + 1, dtype=torch.float32)
        ring = direction[:, None, None] * steps[:, None]
        self.sampling_offsets.bias.copy_(ring.expand(-1, self.n_levels, -1, -1).flatten())

    def forward(
        self,
        query: torch.Tensor,
        refer_bbox: torch.Tensor,
        value: torch.Tensor,
        value_shapes: Sizes,
        value_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Look at the levels around reference points or boxes.

        Args:
            query: (B, Q, C).
            refer_bbox: (B, Q, 1 or L, 2) points or (B, Q, 1 or L, 4) boxes.
            value: (B, S, C).
            value_shapes: height and width of every level.
            value_mask: (B, S), True where a cell counts as empty.

        Returns:
            (B, Q, C).

        Raises:
            ValueError: the references have neither 2 nor 4 numbers.
        """
        points = self.n_heads, self.n_levels, self.n_points
        cells = self.value_proj(value)
        if value_mask is not None:
            cells = cells.masked_fill(value_mask[..., None], 0)
        offsets = self.sampling_offsets(query).unflatten(-1, (*points, 2))
        weights = self.attention_weights(query).unflatten(-1, (self.n_heads, -1))
        with full_precision(query.device.type):
            weights = at_least_float32(weights).softmax(-1).unflatten(-1, points[1:])
            places = self._places(at_least_float32(refer_bbox), at_least_float32(offsets), value_shapes)
            cells = at_least_float32(cells.unflatten(-1, (self.n_heads, -1)))
            seen = sample_levels(cells, value_shapes, places, weights)
        return self.output_proj(seen.to(query.dtype))

    def _places(self, reference: torch.Tensor, offsets: torch.Tensor, shapes: Sizes) -> torch.Tensor:
        """Return where to look, (B, Q, H, L, P, 2) as shares of the image."""
        reference = reference[:, :, None, :, None]
        if reference.shape[-1] == 2:
            cells = torch.tensor([[w, h] for h, w in shapes], dtype=offsets.dtype, device=offsets.device)
            return reference + offsets / cells[:, None]
        if reference.shape[-1] == 4:  # points spread over the box: at its edge after `n_points` steps
            return reference[..., :2] + offsets * (0.5 / self.n_points) * reference[..., 2:]
        raise ValueError(f"reference points have 2 numbers and boxes 4, got {reference.shape[-1]}.")


@public(HOME)
class DeformableTransformerDecoderLayer(nn.Module):
    """Queries look at each other, then at the maps, then pass two linear layers.

    Args:
        d_model: channels.
        n_heads: heads.
        d_ffn: channels between the linear layers.
        dropout: share of values dropped in training.
        act: activation, ReLU where None.
        n_levels: levels.
        n_points: points per head and level.
    """

    def __init__(
        self,
        d_model: int = 256,
        n_heads: int = 8,
        d_ffn: int = 1024,
        dropout: float = 0.0,
        act: nn.Module | None = None,
        n_levels: int = 4,
        n_points: int = 4,
    ):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=dropout)
        self.dropout1, self.norm1 = nn.Dropout(dropout), nn.LayerNorm(d_model)
        self.cross_attn = MSDeformAttn(d_model, n_levels, n_heads, n_points)
        self.dropout2, self.norm2 = nn.Dropout(dropout), nn.LayerNorm(d_model)
        self.linear1, self.act = nn.Linear(d_model, d_ffn), nn.ReLU() if act is None else act
        self.dropout3, self.linear2 = nn.Dropout(dropout), nn.Linear(d_ffn, d_model)
        self.dropout4, self.norm3 = nn.Dropout(dropout), nn.LayerNorm(d_model)

    with_pos_embed = staticmethod(with_position)

    def forward_ffn(self, tgt: torch.Tensor) -> torch.Tensor:
        """Run the linear layers."""
        return self.norm3(tgt + self.dropout4(self.linear2(self.dropout3(self.act(self.linear1(tgt))))))

    def forward(
        self,
        embed: torch.Tensor,
        refer_bbox: torch.Tensor,
        feats: torch.Tensor,
        shapes: Sizes,
        padding_mask: torch.Tensor | None = None,
        attn_mask: torch.Tensor | None = None,
        query_pos: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Map queries (B, Q, C) to the same shape.

        Args:
            embed: queries.
            refer_bbox: (B, Q, 4) boxes to look around.
            feats: (B, S, C) cells.
            shapes: height and width of every level.
            padding_mask: (B, S), True where a cell counts as empty.
            attn_mask: (Q, Q), True where a query may not look at another.
            query_pos: (B, Q, C) position, added where queries look.
        """
        placed = with_position(embed, query_pos)
        x = self.norm1(embed + self.dropout1(attend(self.self_attn, placed, placed, embed, attn_mask=attn_mask)))
        reference = refer_bbox.unsqueeze(2)
        seen = self.cross_attn(with_position(x, query_pos), reference, feats, shapes, padding_mask)
        return self.forward_ffn(self.norm2(x + self.dropout2(seen)))


@public(HOME)
class DeformableTransformerDecoder(nn.Module):
    """A chain of decoder layers, each of which refines the boxes.

    Args:
        hidden_dim: channels.
        decoder_layer: first layer, of which the others are copies.
        num_layers: length of the chain.
        eval_idx: layer whose result counts in evaluation, where the chain ends; -1 for the last.
    """

    def __init__(self, hidden_dim: int, decoder_layer: nn.Module, num_layers: int, eval_idx: int = -1):
        super().__init__()
        self.layers = nn.ModuleList([decoder_layer, *(copy.deepcopy(decoder_layer) for _ in range(num_layers - 1))])
        self.num_layers, self.hidden_dim = num_layers, hidden_dim
        self.eval_idx = eval_idx % num_layers

    def forward(
        self,
        embed: torch.Tensor,
        refer_bbox: torch.Tensor,
        feats: torch.Tensor,
        shapes: Sizes,
        bbox_head: nn.ModuleList,
        score_head: nn.ModuleList,
        pos_mlp: nn.Module,
        attn_mask: torch.Tensor | None = None,
        padding_mask: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Run all layers in training, those up to `eval_idx` in evaluation.

        Args:
            embed: (B, Q, C) queries.
            refer_bbox: (B, Q, 4) logits of the boxes to start from.
            feats: (B, S, C) cells.
            shapes: height and width of every level.
            bbox_head: one module per layer, queries to changes of box logits.
            score_head: one module per layer, queries to class logits.
            pos_mlp: boxes to positions (B, Q, C).
            attn_mask: (Q, Q), True where a query may not look at another.
            padding_mask: (B, S), True where a cell counts as empty.

        Returns:
            Boxes (K, B, Q, 4) and class logits (K, B, Q, nc) of all layers, or of layer `eval_idx` alone.
        """
        boxes, scores = [], []
        around = at_least_float32(refer_bbox).sigmoid()
        before = around
        for i in range(self.num_layers if self.training else self.eval_idx + 1):
            position = pos_mlp(around.to(embed.dtype))
            embed = self.layers[i](embed, around, feats, shapes, padding_mask, attn_mask, position)
            change = bbox_head[i](embed)
            with full_precision(change.device.type):
                change = at_least_float32(change)
                refined = (change + inverse_sigmoid(around)).sigmoid()
                # In training the same box again, through which the layer before gets a gradient too.
                shown = (change + inverse_sigmoid(before)).sigmoid() if i and self.training else refined
            if self.training:
                boxes.append(shown)
                scores.append(score_head[i](embed))
            before, around = refined, refined.detach() if self.training else refined
        if not self.training:
            boxes, scores = [refined], [score_head[self.eval_idx](embed)]
        return torch.stack(boxes), torch.stack(scores)
