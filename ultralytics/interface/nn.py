"""Names that modules of `ultralytics.nn` offer beyond their own; see `ultralytics/interface/__init__.py`."""

from __future__ import annotations

__all__ = ["CARRIED", "UNBUILT"]

# module -> public home -> names
CARRIED: dict[str, dict[str, str]] = {
    "nn": {
        "nn.tasks": (
            "BaseModel ClassificationModel DetectionModel guess_model_scale guess_model_task load_checkpoint "
            "parse_model SegmentationModel torch_safe_load yaml_model_load"
        ),
    },
    "nn.autobackend": {
        "nn.backends.ascend": "AscendBackend",
        "nn.backends.axelera": "AxeleraBackend",
        "nn.backends.coreai": "CoreAIBackend",
        "nn.backends.coreml": "CoreMLBackend",
        "nn.backends.deepx": "DeepXBackend",
        "nn.backends.executorch": "ExecuTorchBackend",
        "nn.backends.hailo": "HailoBackend",
        "nn.backends.litert": "LiteRTBackend",
        "nn.backends.mnn": "MNNBackend",
        "nn.backends.ncnn": "NCNNBackend",
        "nn.backends.onnx": "ONNXBackend ONNXIMXBackend",
        "nn.backends.openvino": "OpenVINOBackend",
        "nn.backends.paddle": "PaddleBackend",
        "nn.backends.pytorch": "PyTorchBackend TorchScriptBackend",
        "nn.backends.qnn": "QNNBackend",
        "nn.backends.rknn": "RKNNBackend",
        "nn.backends.tensorflow": "TensorFlowBackend",
        "nn.backends.tensorrt": "TensorRTBackend",
        "nn.backends.triton": "TritonBackend",
        "utils": "LINUX LOGGER WINDOWS",
        "utils.checks": "check_suffix",
        "utils.downloads": "is_url",
        "utils.torch_utils": "smart_inference_mode TORCH_1_10 TORCH_1_13",
    },
    "nn.backends": {
        "nn.backends.ascend": "AscendBackend",
        "nn.backends.axelera": "AxeleraBackend",
        "nn.backends.base": "BaseBackend",
        "nn.backends.coreai": "CoreAIBackend",
        "nn.backends.coreml": "CoreMLBackend",
        "nn.backends.deepx": "DeepXBackend",
        "nn.backends.executorch": "ExecuTorchBackend",
        "nn.backends.hailo": "HailoBackend",
        "nn.backends.litert": "LiteRTBackend",
        "nn.backends.mnn": "MNNBackend",
        "nn.backends.ncnn": "NCNNBackend",
        "nn.backends.onnx": "ONNXBackend ONNXIMXBackend",
        "nn.backends.openvino": "OpenVINOBackend",
        "nn.backends.paddle": "PaddleBackend",
        "nn.backends.pytorch": "PyTorchBackend TorchScriptBackend",
        "nn.backends.qnn": "QNNBackend",
        "nn.backends.rknn": "RKNNBackend",
        "nn.backends.tensorflow": "TensorFlowBackend",
        "nn.backends.tensorrt": "TensorRTBackend",
        "nn.backends.triton": "TritonBackend",
    },
    "nn.backends.ascend": {
        "nn.backends.base": "BaseBackend",
        "utils": "LOGGER",
    },
    "nn.backends.axelera": {
        "nn.backends.base": "BaseBackend",
        "utils.checks": "check_requirements",
    },
    "nn.backends.base": {
        "utils": "YAML",
    },
    "nn.backends.coreai": {
        "nn.backends.base": "BaseBackend",
        "utils": "LOGGER",
        "utils.checks": "check_requirements",
    },
    "nn.backends.coreml": {
        "nn.backends.base": "BaseBackend",
        "utils": "LOGGER",
        "utils.checks": "check_requirements",
    },
    "nn.backends.deepx": {
        "nn.backends.base": "BaseBackend",
        "utils": "LOGGER",
    },
    "nn.backends.executorch": {
        "nn.backends.base": "BaseBackend",
        "utils": "LOGGER",
        "utils.checks": "check_executorch_requirements",
    },
    "nn.backends.hailo": {
        "nn.backends.base": "BaseBackend",
        "utils": "LOGGER",
    },
    "nn.backends.litert": {
        "nn.backends.base": "BaseBackend",
        "utils": "LOGGER NUM_THREADS",
        "utils.checks": "check_requirements",
    },
    "nn.backends.mnn": {
        "nn.backends.base": "BaseBackend",
        "utils": "LOGGER",
        "utils.checks": "check_requirements",
    },
    "nn.backends.ncnn": {
        "nn.backends.base": "BaseBackend",
        "utils": "LOGGER",
        "utils.checks": "check_requirements",
    },
    "nn.backends.onnx": {
        "nn.backends.base": "BaseBackend",
        "utils": "ARM64 LOGGER ThreadingLocked USER_CONFIG_DIR WINDOWS",
        "utils.checks": "check_requirements IS_PYTHON_MINIMUM_3_11 rocm_is_available",
    },
    "nn.backends.openvino": {
        "nn.backends.base": "BaseBackend",
        "utils": "ARM64 LINUX LOGGER WINDOWS",
        "utils.checks": "check_requirements",
    },
    "nn.backends.paddle": {
        "nn.backends.base": "BaseBackend",
        "utils": "ARM64 LOGGER",
        "utils.checks": "check_requirements",
    },
    "nn.backends.pytorch": {
        "nn.backends.base": "BaseBackend",
        "utils": "IS_JETSON is_jetson LOGGER",
        "utils.torch_utils": "TORCH_1_10 TORCH_2_1 unwrap_model",
    },
    "nn.backends.qnn": {
        "nn.backends.base": "BaseBackend",
        "utils": "LOGGER",
        "utils.checks": "check_requirements",
    },
    "nn.backends.rknn": {
        "nn.backends.base": "BaseBackend",
        "utils": "LOGGER",
        "utils.checks": "check_requirements is_rockchip",
    },
    "nn.backends.tensorflow": {
        "nn.backends.base": "BaseBackend",
        "utils": "LOGGER",
    },
    "nn.backends.tensorrt": {
        "nn.backends.base": "BaseBackend",
        "utils": "IS_JETSON LOGGER PYTHON_VERSION",
        "utils.checks": "check_requirements check_tensorrt check_version",
        "utils.torch_utils": "TORCH_1_10",
    },
    "nn.backends.triton": {
        "nn.backends.base": "BaseBackend",
        "utils.checks": "check_requirements",
    },
    "nn.distill_model": {
        "nn.modules.head": "Detect",
        "nn.tasks": "load_checkpoint",
        "utils.torch_utils": "copy_attr",
    },
    "nn.modules": {
        "nn.modules.block": (
            "A2C2f AConv ADown Attention BNContrastiveHead Bottleneck BottleneckCSP C1 C2 C2f C2fAttn C2fCIB C2fPSA "
            "C2PSA C3 C3Ghost C3k2 C3TR C3x CBFuse CBLinear CIB ContrastiveHead DFL ELAN1 GhostBottleneck HGBlock "
            "HGStem ImagePoolingAttn MaxSigmoidAttnBlock Proto PSA RepC3 RepNCSPELAN4 RepVGGDW ResNetLayer SCDown "
            "SPP SPPELAN SPPF TorchVision"
        ),
        "nn.modules.conv": (
            "CBAM ChannelAttention Concat Conv Conv2 ConvTranspose DWConv DWConvTranspose2d Focus GhostConv Index "
            "LightConv RepConv SpatialAttention"
        ),
        "nn.modules.head": (
            "Classify Depth Detect LRPCHead OBB OBB26 Pose Pose26 RTDETRDecoder Segment Segment26 SemanticSegment "
            "v10Detect WorldDetect YOLOEDetect YOLOESegment YOLOESegment26"
        ),
        "nn.modules.transformer": (
            "AIFI DeformableTransformerDecoder DeformableTransformerDecoderLayer LayerNorm2d MLP MLPBlock "
            "MSDeformAttn TransformerBlock TransformerEncoderLayer TransformerLayer"
        ),
    },
    "nn.modules.block": {
        "nn.modules.conv": "autopad Conv DWConv GhostConv LightConv RepConv",
        "nn.modules.transformer": "TransformerBlock",
        "utils.torch_utils": "fuse_conv_and_bn",
    },
    "nn.modules.head": {
        "nn.modules.block": "BNContrastiveHead ContrastiveHead DFL Proto Proto26 RealNVP Residual SAVPE SwiGLUFFN",
        "nn.modules.conv": "Conv DWConv",
        "nn.modules.transformer": "DeformableTransformerDecoder DeformableTransformerDecoderLayer MLP",
        "nn.modules.utils": "bias_init_with_prob",
        "utils": "LOGGER",
        "utils.tal": "dist2bbox dist2rbox make_anchors",
        "utils.torch_utils": "fuse_conv_and_bn smart_inference_mode TORCH_1_11",
    },
    "nn.modules.transformer": {
        "nn.modules.conv": "Conv",
        "nn.modules.utils": "inverse_sigmoid multi_scale_deformable_attn_pytorch",
        "utils.torch_utils": "TORCH_1_11",
    },
    "nn.tasks": {
        "nn.autobackend": "check_class_names",
        "nn.modules.block": (
            "A2C2f AConv ADown Bottleneck BottleneckCSP C1 C2 C2f C2fAttn C2fCIB C2fPSA C2PSA C3 C3Ghost C3k2 C3TR "
            "C3x CBFuse CBLinear ELAN1 GhostBottleneck HGBlock HGStem ImagePoolingAttn PSA RepC3 RepNCSPELAN4 "
            "RepVGGDW ResNetLayer SCDown SPP SPPELAN SPPF TorchVision"
        ),
        "nn.modules.conv": "Concat Conv Conv2 ConvTranspose DWConv DWConvTranspose2d Focus GhostConv Index RepConv",
        "nn.modules.head": (
            "Classify Depth Detect LRPCHead OBB OBB26 Pose Pose26 RTDETRDecoder Segment Segment26 SemanticSegment "
            "v10Detect WorldDetect YOLOEDetect YOLOESegment YOLOESegment26"
        ),
        "nn.modules.transformer": "AIFI",
        "utils": "colorstr DEFAULT_CFG_DICT emojis IterableSimpleNamespace LOGGER SAFE_LOAD SETTINGS WINDOWS YAML",
        "utils.checks": "check_file check_requirements check_suffix check_yaml REMOTE_FILE_PREFIXES",
        "utils.loss": (
            "DepthLoss26 E2ELoss PoseLoss26 SegmentLoss26 SemanticSegmentationLoss v8ClassificationLoss "
            "v8DetectionLoss v8OBBLoss v8PoseLoss v8SegmentationLoss"
        ),
        "utils.ops": "make_divisible",
        "utils.patches": "torch_load",
        "utils.torch_utils": (
            "fuse_conv_and_bn fuse_deconv_and_bn initialize_weights intersect_dicts is_qat model_info restore_qat "
            "scale_img smart_inference_mode time_sync"
        ),
    },
}

# module -> family -> names
UNBUILT: dict[str, dict[str, str]] = {
    "nn.backends.ascend": {
        "export": "AscendBackend",
    },
    "nn.backends.axelera": {
        "export": "AxeleraBackend",
    },
    "nn.backends.coreai": {
        "export": "CoreAIBackend",
    },
    "nn.backends.deepx": {
        "export": "DeepXBackend",
    },
    "nn.backends.hailo": {
        "export": "HailoBackend",
    },
    "nn.backends.onnx": {
        "export": "ONNXIMXBackend",
        "providers": "MIGRAPHX_CACHE_MODELS ROCM_EP_PACKAGES ROCM_EXTRA_INDEX WINML_SUPPORTED",
    },
    "nn.backends.paddle": {
        "export": "PaddleBackend",
    },
    "nn.backends.qnn": {
        "export": "QNNBackend",
    },
    "nn.backends.rknn": {
        "export": "RKNNBackend",
    },
    "nn.backends.tensorflow": {
        "export": "TensorFlowBackend",
    },
    "nn.distill_model": {
        "distill": "DistillationModel FeatureHook",
    },
    "nn.modules.block": {
        "world": (
            "BNContrastiveHead C2fAttn ContrastiveHead ImagePoolingAttn MaxSigmoidAttnBlock Residual SAVPE SwiGLUFFN"
        ),
    },
    "nn.modules.head": {
        "world": "LRPCHead WorldDetect YOLOEDetect YOLOESegment YOLOESegment26",
    },
    "nn.tasks": {
        "world": "WorldModel YOLOEModel YOLOESegModel",
    },
    "nn.text_model": {
        "world": "build_text_model CLIP MobileCLIP MobileCLIPTS TextModel",
    },
}
