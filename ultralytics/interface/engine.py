"""Names that modules of `ultralytics.engine` offer beyond their own; see `ultralytics/interface/__init__.py`."""

from __future__ import annotations

__all__ = ["CARRIED", "UNBUILT"]

# module -> public home -> names
CARRIED: dict[str, dict[str, str]] = {
    "engine.exporter": {
        "cfg": "get_cfg QUANTIZE_DOCS_URL TASK2CALIBRATIONDATA TASK2DATA",
        "data.build": "build_dataloader build_yolo_dataset",
        "data.dataset": "ClassificationDataset",
        "data.utils": "check_cls_dataset check_det_dataset get_split_fraction",
        "nn.autobackend": "AutoBackend check_class_names default_class_names",
        "nn.modules.block": "Attention C2f",
        "nn.modules.head": (
            "Classify Depth Detect OBB OBB26 Pose Pose26 RTDETRDecoder Segment Segment26 SemanticSegment"
        ),
        "nn.tasks": "ClassificationModel DepthModel DetectionModel SegmentationModel WorldModel",
        "utils": (
            "ARM64 colorstr DEFAULT_CFG get_default_args IS_DOCKER is_jetson LINUX LOGGER MACOS MACOS_VERSION "
            "QNN_HTP_TARGETS RKNN_CHIPS SETTINGS TORCH_VERSION WINDOWS XILINX_TARGETS YAML"
        ),
        "utils.checks": (
            "check_data_portable check_imgsz check_python check_requirements check_version is_intel "
            "IS_PYTHON_MINIMUM_3_10 IS_PYTHON_MINIMUM_3_13 rocm_is_available"
        ),
        "utils.export.axelera": "AXELERA_SDK",
        "utils.export.coreml": "IOSDetectModel",
        "utils.export.tensorflow": "gd_outputs",
        "utils.files": "file_size",
        "utils.metrics": "batch_probiou",
        "utils.nms": "TorchNMS",
        "utils.ops": "Profile",
        "utils.patches": "arange_patch",
        "utils.torch_utils": "is_qat select_device TORCH_1_11 TORCH_1_13 TORCH_2_1 TORCH_2_3 TORCH_2_8 TORCH_2_9",
    },
    "engine.model": {
        "cfg": "get_cfg get_save_dir QUANTIZE_ALIASES TASK2DATA",
        "engine.results": "Results",
        "nn.tasks": "BaseModel guess_model_task load_checkpoint yaml_model_load",
        "utils": "ARGV ASSETS DEFAULT_CFG_DICT LOGGER PLATFORM_URL RANK SETTINGS YAML",
        "utils.torch_utils": "unwrap_model",
    },
    "engine.predictor": {
        "cfg": "get_cfg get_save_dir",
        "data.augment": "LetterBox",
        "data.build": "load_inference_source",
        "data.loaders": "LoadImagesAndVideos",
        "nn.autobackend": "AutoBackend",
        "utils": "colorstr DEFAULT_CFG LOGGER MACOS WINDOWS",
        "utils.checks": "check_imgsz check_imshow",
        "utils.plotting": "class_activation_map",
        "utils.torch_utils": "attempt_compile select_device smart_inference_mode",
    },
    "engine.results": {
        "utils": "DataExportMixin LOGGER SimpleClass",
        "utils.plotting": "Annotator colors save_one_box",
    },
    "engine.trainer": {
        "cfg": "get_cfg get_save_dir",
        "data.utils": "check_cls_dataset check_det_dataset convert_ndjson_to_yolo_if_needed",
        "nn.distill_model": "DistillationModel",
        "nn.tasks": "load_checkpoint",
        "optim.muon": "MuSGD",
        "utils": "clean_url colorstr DEFAULT_CFG emojis GIT LOCAL_RANK LOGGER RANK WINDOWS YAML",
        "utils.autobatch": "check_train_batch_size",
        "utils.checks": "check_amp check_file check_imgsz check_model_file_from_stem print_args",
        "utils.dist": "ddp_cleanup generate_ddp_command",
        "utils.files": "get_latest_run",
        "utils.patches": "override_configs",
        "utils.plotting": "plot_results",
        "utils.torch_utils": (
            "attempt_compile autocast convert_optimizer_state_dict_to_fp16 EarlyStopping get_torch_device_backend "
            "init_seeds ModelEMA one_cycle parse_device prepare_qat qat_state restore_qat select_device "
            "strip_optimizer strip_qat TORCH_1_11 TORCH_2_0 TORCH_2_13 TORCH_2_4 torch_distributed_zero_first "
            "unset_deterministic unwrap_model"
        ),
        "utils.tqdm": "TQDM",
    },
    "engine.tuner": {
        "cfg": "CFG_INT_KEYS get_cfg get_save_dir TASK2METRIC",
        "utils": "colorstr LOGGER remove_colorstr YAML",
        "utils.checks": "check_requirements",
        "utils.plotting": "plot_tune_results",
    },
    "engine.validator": {
        "cfg": "get_cfg get_save_dir",
        "data.utils": "check_cls_dataset check_det_dataset convert_ndjson_to_yolo_if_needed",
        "nn.autobackend": "AutoBackend",
        "utils": "colorstr emojis LOCAL_RANK LOGGER RANK",
        "utils.checks": "check_imgsz",
        "utils.ops": "linear_sum_assignment Profile",
        "utils.torch_utils": (
            "attempt_compile autocast get_torch_device_backend select_device smart_inference_mode "
            "torch_distributed_zero_first unwrap_model"
        ),
        "utils.tqdm": "TQDM",
    },
}

# module -> family -> names
UNBUILT: dict[str, dict[str, str]] = {
    "engine.exporter": {
        "export": "EXPORT_ENVS ExportWrapper QNNModel",
    },
}
