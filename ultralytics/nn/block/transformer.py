"""Transformer layers over the cells of a map, and the small networks beside them.

Tokens are (B, N, C): B images, N cells row by row, C channels. Sources: Vaswani et al., "Attention Is All You Need"
(2017); AIFI is the encoder of RT-DETR (Zhao et al. 2023, arXiv:2304.08069).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ultralytics.nn.public import public

__all__ = ["AIFI", "MLP", "LayerNorm2d", "MLPBlock", "TransformerEncoderLayer", "attend", "with_position"]

HOME = "ultralytics.nn.modules.transformer"


def attend(
    attention: nn.MultiheadAttention, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, **masks: Any
) -> torch.Tensor:
    """Return the result of attention over tokens (B, N, C), in whichever order of axes the module takes them.

    Args:
        attention: the module.
        query: tokens that look.
        key: tokens that are compared with.
        value: what is looked up.
        **masks: `attn_mask` and `key_padding_mask` of the module; True blocks.
    """
    # The plain products are the faster way on processors, and take the memory of the weights.
    plain = query.device.type == "cpu" and not torch.is_grad_enabled()
    if attention.batch_first:
        return attention(query, key, value, need_weights=plain, **masks)[0]
    order = (tokens.transpose(0, 1) for tokens in (query, key, value))
    return attention(*order, need_weights=plain, **masks)[0].transpose(0, 1)


def with_position(tokens: torch.Tensor, position: torch.Tensor | None) -> torch.Tensor:
    """Return tokens with their position added, where there is one."""
    return tokens if position is None else tokens + position


@public(HOME)
class TransformerEncoderLayer(nn.Module):
    """Self-attention and two linear layers, each with its input added and a norm.

    Args:
        c1: channels.
        cm: channels between the linear layers.
        num_heads: attention heads.
        dropout: share of values dropped in training.
        act: activation, GELU where None.
        normalize_before: norms come before attention and linear layers instead of after.
    """

    def __init__(
        self,
        c1: int,
        cm: int = 2048,
        num_heads: int = 8,
        dropout: float = 0.0,
        act: nn.Module | None = None,
        normalize_before: bool = False,
    ):
        super().__init__()
        self.ma = nn.MultiheadAttention(c1, num_heads, dropout=dropout, batch_first=True)
        self.fc1, self.fc2 = nn.Linear(c1, cm), nn.Linear(cm, c1)
        self.norm1, self.norm2 = nn.LayerNorm(c1), nn.LayerNorm(c1)
        self.dropout, self.dropout1, self.dropout2 = (nn.Dropout(dropout) for _ in range(3))
        self.act = nn.GELU() if act is None else act
        self.normalize_before = normalize_before

    with_pos_embed = staticmethod(with_position)

    def forward(
        self,
        src: torch.Tensor,
        src_mask: torch.Tensor | None = None,
        src_key_padding_mask: torch.Tensor | None = None,
        pos: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Map tokens (B, N, c1) to the same shape.

        Args:
            src: tokens.
            src_mask: (N, N) pairs that may not look at each other.
            src_key_padding_mask: (B, N) tokens that nobody may look at.
            pos: position of the tokens, added where they are compared.
        """
        run = self.forward_pre if self.normalize_before else self.forward_post
        return run(src, src_mask, src_key_padding_mask, pos)

    def forward_post(
        self,
        src: torch.Tensor,
        src_mask: torch.Tensor | None = None,
        src_key_padding_mask: torch.Tensor | None = None,
        pos: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Do so with norms after the sums."""
        x = self.norm1(src + self._attention(src, src_mask, src_key_padding_mask, pos))
        return self.norm2(x + self._linears(x))

    def forward_pre(
        self,
        src: torch.Tensor,
        src_mask: torch.Tensor | None = None,
        src_key_padding_mask: torch.Tensor | None = None,
        pos: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Do so with norms at the start of either branch."""
        x = src + self._attention(self.norm1(src), src_mask, src_key_padding_mask, pos)
        return x + self._linears(self.norm2(x))

    def _attention(
        self,
        x: torch.Tensor,
        mask: torch.Tensor | None,
        padding: torch.Tensor | None,
        position: torch.Tensor | None,
    ) -> torch.Tensor:
        placed = with_position(x, position)
        return self.dropout1(attend(self.ma, placed, placed, x, attn_mask=mask, key_padding_mask=padding))

    def _linears(self, x: torch.Tensor) -> torch.Tensor:
        return self.dropout2(self.fc2(self.dropout(self.act(self.fc1(x)))))


@public(HOME)
class AIFI(TransformerEncoderLayer):
    """The encoder layer on a map, its cells as tokens with a fixed position: attention inside one scale."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, c1, H, W) to the same shape."""
        height, width = x.shape[2:]
        table = self.build_2d_sincos_position_embedding(width, height, x.shape[1], like=x)
        return super().forward(x.flatten(2).transpose(1, 2), pos=table).transpose(1, 2).reshape(x.shape)

    @staticmethod
    def build_2d_sincos_position_embedding(
        w: int, h: int, embed_dim: int = 256, temperature: float = 10000.0, like: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the position of every cell as waves of falling frequency.

        Args:
            w: width of the map.
            h: height of the map.
            embed_dim: channels, a multiple of 4: sine and cosine of the row, then of the column.
            temperature: ratio of the highest frequency to the lowest one.
            like: tensor whose device and type the result gets.

        Returns:
            (1, h * w, embed_dim), cells row by row.

        Raises:
            ValueError: `embed_dim` is no multiple of 4.
        """
        if embed_dim % 4:
            raise ValueError(f"positions take a multiple of 4 channels, got {embed_dim}.")
        device = None if like is None else like.device
        count = embed_dim // 4
        frequency = 1 / temperature ** (torch.arange(count, dtype=torch.float32, device=device) / count)
        rows, columns = (torch.arange(side, dtype=torch.float32, device=device)[:, None] * frequency for side in (h, w))
        rows = torch.cat((rows.sin(), rows.cos()), 1)[:, None].expand(-1, w, -1)
        columns = torch.cat((columns.sin(), columns.cos()), 1)[None].expand(h, -1, -1)
        table = torch.cat((rows, columns), 2).flatten(0, 1)[None]
        return table if like is None else table.to(like.dtype)


@public(HOME)
class MLPBlock(nn.Module):
    """Two linear layers with an activation between them."""

    def __init__(self, embedding_dim: int, mlp_dim: int, act: type[nn.Module] = nn.GELU):
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(embedding_dim, mlp_dim), nn.Linear(mlp_dim, embedding_dim)
        self.act = act()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (..., embedding_dim) to the same shape."""
        return self.lin2(self.act(self.lin1(x)))


@public(HOME)
class MLP(nn.Module):
    """A chain of linear layers with an activation between them.

    Args:
        input_dim: channels in.
        hidden_dim: channels inside.
        output_dim: channels out.
        num_layers: length of the chain.
        act: class of the activation.
        sigmoid: end with a sigmoid.
        residual: add the input at the end.
        out_norm: norm after that.

    Raises:
        ValueError: `residual` with different channels in and out.
    """

    def __init__(
        self,
        input_dim: int,
        hidden_dim: int,
        output_dim: int,
        num_layers: int,
        act: type[nn.Module] = nn.ReLU,
        sigmoid: bool = False,
        residual: bool = False,
        out_norm: nn.Module | None = None,
    ):
        super().__init__()
        if residual and input_dim != output_dim:
            raise ValueError(f"residual=True needs equal channels in and out, got {input_dim} and {output_dim}.")
        widths = [input_dim, *[hidden_dim] * (num_layers - 1), output_dim]
        self.num_layers, self.sigmoid, self.residual = num_layers, sigmoid, residual
        self.layers = nn.ModuleList(nn.Linear(widths[i], widths[i + 1]) for i in range(num_layers))
        self.act = act()
        self.out_norm = nn.Identity() if out_norm is None else out_norm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (..., input_dim) to (..., output_dim)."""
        y = self.layers[0](x)
        for layer in self.layers[1:]:
            y = layer(self.act(y))
        y = self.out_norm(x + y if self.residual else y)
        return y.sigmoid() if self.sigmoid else y


@public(HOME)
class LayerNorm2d(nn.Module):
    """Layer norm over the channels of every cell of a map."""

    def __init__(self, num_channels: int, eps: float = 1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_channels))
        self.bias = nn.Parameter(torch.zeros(num_channels))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to the same shape."""
        variance, mean = torch.var_mean(x, 1, correction=0, keepdim=True)
        normal = (x - mean) * torch.rsqrt(variance + self.eps)
        return normal * self.weight[:, None, None] + self.bias[:, None, None]
