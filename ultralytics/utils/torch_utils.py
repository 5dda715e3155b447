"""Public path of helpers around torch: devices, models, averages, timing."""

from ultralytics.engine.train.ema import ModelEMA
from ultralytics.engine.train.extras import (
    MODELOPT_REQUIREMENTS,
    attempt_compile,
    convert_optimizer_state_dict_to_fp16,
    get_torch_device_backend,
    is_qat,
    model_info_for_loggers,
    prepare_qat,
    profile_ops,
    qat_state,
    restore_qat,
    smart_inference_mode,
    strip_qat,
    torch_at_least,
    torchvision_at_least,
)
from ultralytics.engine.train.modules import copy_attr, is_parallel, unwrap_model
from ultralytics.engine.train.schedule import one_cycle
from ultralytics.engine.train.stopping import EarlyStopping
from ultralytics.nn.cost.flops import get_flops, get_num_gradients, get_num_params, model_info
from ultralytics.nn.fold import fuse_conv_and_bn, fuse_deconv_and_bn
from ultralytics.nn.models import initialize_weights
from ultralytics.nn.tta import scale_img
from ultralytics.nn.weights.checkpoint import strip_optimizer
from ultralytics.nn.weights.transfer import intersect_dicts
from ultralytics.ops.boxes import make_divisible
from ultralytics.utils.device import (
    autocast,
    cuda_memory_usage,
    get_cpu_info,
    get_gpu_info,
    parse_device,
    select_device,
    time_sync,
)
from ultralytics.utils.dist import torch_distributed_zero_first
from ultralytics.utils.lazy import offer
from ultralytics.utils.seeds import init_seeds, unset_deterministic

de_parallel = unwrap_model  # name of 8.1
get_flops_with_torch_profiler = get_flops  # name of 8.1
profile = profile_ops  # name of 8.1

TORCH_1_9 = torch_at_least("1.9.0")
TORCH_1_10 = torch_at_least("1.10.0")
TORCH_1_11 = torch_at_least("1.11.0")
TORCH_1_13 = torch_at_least("1.13.0")
TORCH_2_0 = torch_at_least("2.0.0")
TORCH_2_1 = torch_at_least("2.1.0")
TORCH_2_2 = torch_at_least("2.2.0")
TORCH_2_3 = torch_at_least("2.3.0")
TORCH_2_4 = torch_at_least("2.4.0")
TORCH_2_5 = torch_at_least("2.5.0")
TORCH_2_7 = torch_at_least("2.7.0")
TORCH_2_8 = torch_at_least("2.8.0")
TORCH_2_9 = torch_at_least("2.9.0")
TORCH_2_13 = torch_at_least("2.13.0")
TORCHVISION_0_10 = torchvision_at_least("0.10.0")
TORCHVISION_0_11 = torchvision_at_least("0.11.0")
TORCHVISION_0_13 = torchvision_at_least("0.13.0")
TORCHVISION_0_18 = torchvision_at_least("0.18.0")

__all__ = [
    "MODELOPT_REQUIREMENTS",
    "TORCHVISION_0_10",
    "TORCHVISION_0_11",
    "TORCHVISION_0_13",
    "TORCHVISION_0_18",
    "TORCH_1_9",
    "TORCH_1_10",
    "TORCH_1_11",
    "TORCH_1_13",
    "TORCH_2_0",
    "TORCH_2_1",
    "TORCH_2_2",
    "TORCH_2_3",
    "TORCH_2_4",
    "TORCH_2_5",
    "TORCH_2_7",
    "TORCH_2_8",
    "TORCH_2_9",
    "TORCH_2_13",
    "EarlyStopping",
    "ModelEMA",
    "attempt_compile",
    "autocast",
    "convert_optimizer_state_dict_to_fp16",
    "copy_attr",
    "cuda_memory_usage",
    "de_parallel",
    "fuse_conv_and_bn",
    "fuse_deconv_and_bn",
    "get_cpu_info",
    "get_flops",
    "get_flops_with_torch_profiler",
    "get_gpu_info",
    "get_num_gradients",
    "get_num_params",
    "get_torch_device_backend",
    "init_seeds",
    "initialize_weights",
    "intersect_dicts",
    "is_parallel",
    "is_qat",
    "make_divisible",
    "model_info",
    "model_info_for_loggers",
    "one_cycle",
    "parse_device",
    "prepare_qat",
    "profile",
    "profile_ops",
    "qat_state",
    "restore_qat",
    "scale_img",
    "select_device",
    "smart_inference_mode",
    "strip_optimizer",
    "strip_qat",
    "time_sync",
    "torch_distributed_zero_first",
    "unset_deterministic",
    "unwrap_model",
]

__getattr__, __dir__ = offer(__name__, {"get_latest_opset": "ultralytics.nn.backends.onnx:best_opset"})  # name of 8.1
