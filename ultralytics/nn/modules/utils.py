"""Public path of the helpers of transformer blocks."""

from ultralytics.nn.block.deformable import inverse_sigmoid
from ultralytics.nn.block.deformable import sample_levels as multi_scale_deformable_attn_pytorch
from ultralytics.nn.head.rtdetr import bias_for_probability as bias_init_with_prob

__all__ = ["bias_init_with_prob", "inverse_sigmoid", "multi_scale_deformable_attn_pytorch"]
