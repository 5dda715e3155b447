"""Names that modules of `ultralytics.utils` offer beyond their own; see `ultralytics/interface/__init__.py`."""

from __future__ import annotations

__all__ = ["CARRIED", "UNBUILT"]

# module -> public home -> names
CARRIED: dict[str, dict[str, str]] = {
    "utils": {
        "utils.git": "GitRepo",
        "utils.patches": "imread imread_unicode imshow imwrite torch_save",
        "utils.tqdm": "TQDM",
    },
    "utils.autobatch": {
        "utils": "colorstr DEFAULT_CFG LOGGER",
        "utils.torch_utils": "autocast get_torch_device_backend profile_ops",
    },
    "utils.autodevice": {
        "utils": "LOGGER",
    },
    "utils.benchmarks": {
        "cfg": "TASK2DATA TASK2METRIC",
        "data.utils": "check_det_dataset convert_ndjson_to_yolo_if_needed",
        "engine.exporter": "export_formats",
        "models.rtdetr.model": "RTDETR",
        "models.yolo.model": "YOLO YOLOE YOLOWorld",
        "utils": "ARM64 ASSETS IS_DOCKER is_github_action_running IS_JETSON LINUX LOGGER MACOS WEIGHTS_DIR",
        "utils.checks": "check_imgsz check_yolo IS_PYTHON_MINIMUM_3_13 is_rockchip",
        "utils.files": "file_size",
        "utils.torch_utils": "get_cpu_info select_device",
        "utils.tqdm": "TQDM",
    },
    "utils.callbacks": {
        "utils.callbacks.base": "add_integration_callbacks default_callbacks get_default_callbacks",
    },
    "utils.callbacks.clearml": {
        "utils": "LOGGER TESTS_RUNNING",
    },
    "utils.callbacks.comet": {
        "utils": "env_bool LOGGER RANK TESTS_RUNNING",
        "utils.metrics": "ClassifyMetrics DetMetrics OBBMetrics PoseMetrics SegmentMetrics",
    },
    "utils.callbacks.dvc": {
        "utils": "LOGGER TESTS_RUNNING",
    },
    "utils.callbacks.mlflow": {
        "utils": "colorstr env_bool LOGGER TESTS_RUNNING",
    },
    "utils.callbacks.platform": {
        "utils": "colorstr ENVIRONMENT GIT LOGGER PLATFORM_URL PYTHON_VERSION SETTINGS TESTS_RUNNING",
    },
    "utils.callbacks.tensorboard": {
        "utils": "colorstr LOGGER TESTS_RUNNING",
        "utils.torch_utils": "smart_inference_mode",
    },
    "utils.callbacks.wb": {
        "utils": "TESTS_RUNNING",
        "utils.torch_utils": "model_info_for_loggers",
    },
    "utils.checks": {
        "utils": (
            "ARM64 ASSETS ASSETS_URL AUTOINSTALL clean_url colorstr env_bool GIT IS_COLAB IS_DOCKER "
            "is_github_action_running IS_JETSON IS_KAGGLE IS_PIP_PACKAGE LINUX LOGGER MACOS ONLINE PLATFORM_URL "
            "PYTHON_VERSION Retry RKNN_CHIPS ROOT ThreadingLocked TORCH_VERSION TORCHVISION_VERSION TryExcept "
            "url2file USER_CONFIG_DIR WINDOWS"
        ),
    },
    "utils.dist": {
        "utils": "USER_CONFIG_DIR",
        "utils.patches": "torch_save",
        "utils.torch_utils": "TORCH_1_9",
    },
    "utils.downloads": {
        "utils": "ASSETS_URL clean_url emojis is_online LOGGER url2file",
        "utils.tqdm": "TQDM",
    },
    "utils.events": {
        "cfg": "MODES TASKS",
        "utils": "ARGV ENVIRONMENT GIT IS_PIP_PACKAGE ONLINE PYTHON_VERSION RANK SETTINGS TESTS_RUNNING TORCH_VERSION",
        "utils.torch_utils": "get_cpu_info get_gpu_info unwrap_model",
    },
    "utils.export": {
        "utils.export.ascend": "onnx2ascend",
        "utils.export.axelera": "torch2axelera",
        "utils.export.coreai": "torch2coreai",
        "utils.export.coreml": "torch2coreml",
        "utils.export.deepx": "onnx2deepx",
        "utils.export.engine": "onnx2engine torch2onnx",
        "utils.export.executorch": "torch2executorch",
        "utils.export.imx": "torch2imx",
        "utils.export.litert": "torch2litert",
        "utils.export.mnn": "onnx2mnn",
        "utils.export.ncnn": "torch2ncnn",
        "utils.export.openvino": "torch2openvino",
        "utils.export.paddle": "torch2paddle",
        "utils.export.qnn": "onnx2qnn",
        "utils.export.rknn": "onnx2rknn",
        "utils.export.tensorflow": "keras2pb onnx2saved_model tflite2edgetpu",
        "utils.export.torchscript": "torch2torchscript",
        "utils.export.xilinx": "onnx2xilinx",
    },
    "utils.export.ascend": {
        "utils": "LOGGER YAML",
    },
    "utils.export.axelera": {
        "utils": "LOGGER YAML",
        "utils.checks": "check_requirements",
    },
    "utils.export.coreai": {
        "utils": "LOGGER",
        "utils.checks": "check_requirements",
    },
    "utils.export.coreml": {
        "nn.modules.head": "Detect",
        "utils": "LOGGER",
        "utils.checks": "check_requirements",
    },
    "utils.export.deepx": {
        "utils": "LOGGER YAML",
        "utils.checks": "check_requirements parse_requirements",
    },
    "utils.export.engine": {
        "utils": "ASSETS is_dgx IS_JETSON is_jetson LOGGER ThreadingLocked TORCH_VERSION",
        "utils.checks": "check_requirements check_tensorrt check_version",
        "utils.patches": "imread",
        "utils.torch_utils": "TORCH_2_4",
    },
    "utils.export.executorch": {
        "nn.modules.head": "Pose Pose26",
        "utils": "LOGGER YAML",
        "utils.checks": "check_executorch_requirements",
    },
    "utils.export.imx": {
        "nn.modules.head": "Detect Pose Segment",
        "utils": "IS_DEBIAN_BOOKWORM IS_DEBIAN_TRIXIE IS_RASPBERRYPI IS_UBUNTU LOGGER WINDOWS",
        "utils.checks": "check_apt_requirements check_requirements",
        "utils.patches": "onnx_export_patch",
        "utils.tal": "make_anchors",
        "utils.torch_utils": "copy_attr",
    },
    "utils.export.litert": {
        "nn.modules.head": "Detect",
        "utils": "LOGGER",
    },
    "utils.export.mnn": {
        "utils": "LOGGER",
        "utils.files": "import_execstack",
    },
    "utils.export.ncnn": {
        "utils": "LOGGER YAML",
    },
    "utils.export.onnx": {
        "utils": "LOGGER",
    },
    "utils.export.openvino": {
        "utils": "LOGGER",
    },
    "utils.export.paddle": {
        "utils": "ARM64 IS_JETSON LOGGER YAML",
    },
    "utils.export.qnn": {
        "utils": "LOGGER QNN_HTP_TARGETS WINDOWS",
        "utils.checks": "check_requirements",
    },
    "utils.export.rknn": {
        "utils": "IS_COLAB LOGGER YAML",
    },
    "utils.export.tensorflow": {
        "nn.modules.head": "Detect Pose Pose26",
        "utils": "ARM64 AUTOINSTALL LINUX LOGGER MACOS USER_CONFIG_DIR",
        "utils.checks": "check_requirements check_version IS_PYTHON_MINIMUM_3_13",
        "utils.downloads": "attempt_download_asset safe_download",
        "utils.tal": "make_anchors",
    },
    "utils.export.torchscript": {
        "utils": "LOGGER TORCH_VERSION",
    },
    "utils.export.xilinx": {
        "utils": "LOGGER",
        "utils.checks": "check_requirements",
    },
    "utils.instance": {
        "utils.ops": "ltwh2xywh ltwh2xyxy resample_segments xywh2ltwh xywh2xyxy xyxy2ltwh xyxy2xywh",
    },
    "utils.logger": {
        "utils": "LINUX LOGGER MACOS RANK WINDOWS",
    },
    "utils.loss": {
        "utils.metrics": "bbox_iou CITYSCAPES_WEIGHT OKS_SIGMA probiou RLE_WEIGHT",
        "utils.ops": "crop_mask xywh2xyxy xyxy2xywh",
        "utils.tal": (
            "bbox2dist dist2bbox dist2rbox make_anchors PoseTaskAlignedAssigner rbox2dist "
            "RotatedTaskAlignedAssigner SegTaskAlignedAssigner TaskAlignedAssigner"
        ),
        "utils.torch_utils": "autocast",
    },
    "utils.metrics": {
        "utils": "DataExportMixin LOGGER plt_settings SimpleClass TryExcept",
        "utils.plotting": "colors",
    },
    "utils.nms": {
        "utils": "LOGGER",
        "utils.metrics": "batch_probiou box_iou",
        "utils.ops": "xywh2xyxy",
    },
    "utils.ops": {
        "utils": "NOT_MACOS14 TORCH_VERSION",
        "utils.checks": "check_version",
        "utils.torch_utils": "get_torch_device_backend",
    },
    "utils.plotting": {
        "utils": "IS_COLAB IS_KAGGLE LOGGER plt_settings threaded TryExcept",
        "utils.checks": "check_font check_version is_ascii",
        "utils.files": "increment_path",
        "utils.torch_utils": "TORCH_1_10",
    },
    "utils.tal": {
        "utils": "LOGGER",
        "utils.metrics": "bbox_iou probiou",
        "utils.ops": "crop_mask xywh2xyxy xywhr2xyxyxyxy xyxy2xywh",
        "utils.torch_utils": "autocast TORCH_1_10 TORCH_1_11",
    },
    "utils.torch_utils": {
        "utils": (
            "ARM64 colorstr DEFAULT_CFG_DICT DEFAULT_CFG_KEYS LOCAL_RANK LOGGER MACOS NUM_THREADS PYTHON_VERSION "
            "TORCH_VERSION TORCHVISION_VERSION WINDOWS"
        ),
        "utils.checks": "check_requirements check_version",
        "utils.cpu": "CPUInfo",
        "utils.patches": "torch_load",
    },
    "utils.tuner": {
        "cfg": "get_cfg get_save_dir TASK2DATA TASK2METRIC",
        "utils": "colorstr DEFAULT_CFG DEFAULT_CFG_DICT LOGGER NUM_THREADS",
    },
    "utils.uploads": {
        "utils": "LOGGER",
        "utils.tqdm": "TQDM",
    },
}

# module -> family -> names
UNBUILT: dict[str, dict[str, str]] = {
    "utils": {
        "export": "QNN_HTP_TARGETS RKNN_CHIPS XILINX_TARGETS",
    },
    "utils.callbacks.hub": {
        "cloud": (
            "on_export_start on_fit_epoch_end on_model_save on_predict_start on_pretrain_routine_end on_train_end "
            "on_train_start on_val_start"
        ),
    },
    "utils.callbacks.neptune": {
        "neptune": "on_fit_epoch_end on_pretrain_routine_start on_train_end on_train_epoch_end on_val_end",
    },
    "utils.callbacks.platform": {
        "cloud": (
            "on_fit_epoch_end on_model_save on_pretrain_routine_end on_pretrain_routine_start on_train_end slugify"
        ),
    },
    "utils.checks": {
        "cloud": "resolve_platform_uri",
        "export": "check_executorch_requirements check_tensorrt",
    },
    "utils.downloads": {
        "drive": "get_google_drive_file_info",
    },
    "utils.export.ascend": {
        "export": "onnx2ascend",
    },
    "utils.export.axelera": {
        "export": "AXELERA_SDK torch2axelera",
    },
    "utils.export.coreai": {
        "export": "torch2coreai",
    },
    "utils.export.coreml": {
        "export": "IOSDetectModel pipeline_coreml torch2coreml",
    },
    "utils.export.deepx": {
        "export": "onnx2deepx",
    },
    "utils.export.engine": {
        "export": "get_tensorrt_logger onnx2engine",
        "int8": "modelopt_quantize_onnx",
    },
    "utils.export.executorch": {
        "export": "executorch_wrapper torch2executorch",
    },
    "utils.export.imx": {
        "export": "FXModel MCT_CONFIG NMSWrapper pose_forward segment_forward torch2imx",
    },
    "utils.export.litert": {
        "export": "torch2litert",
    },
    "utils.export.mnn": {
        "export": "onnx2mnn",
    },
    "utils.export.ncnn": {
        "export": "torch2ncnn",
    },
    "utils.export.openvino": {
        "export": "torch2openvino",
    },
    "utils.export.paddle": {
        "export": "torch2paddle",
    },
    "utils.export.qnn": {
        "export": "onnx2qnn qnn_library_paths",
    },
    "utils.export.rknn": {
        "export": "onnx2rknn",
    },
    "utils.export.tensorflow": {
        "export": "gd_outputs keras2pb onnx2saved_model tf_wrapper tflite2edgetpu",
    },
    "utils.export.xilinx": {
        "export": "onnx2xilinx",
    },
    "utils.files": {
        "export": "import_execstack",
    },
    "utils.loss": {
        "world": "TVPDetectLoss TVPSegmentLoss",
    },
    "utils.patches": {
        "export": "arange_patch onnx_export_patch",
    },
}
