"""Names that modules of `ultralytics.data` offer beyond their own; see `ultralytics/interface/__init__.py`."""

from __future__ import annotations

__all__ = ["CARRIED", "UNBUILT"]

# module -> public home -> names
CARRIED: dict[str, dict[str, str]] = {
    "data": {
        "data.base": "BaseDataset",
        "data.build": "build_dataloader build_grounding build_yolo_dataset load_inference_source",
        "data.dataset": (
            "ClassificationDataset GroundingDataset PolygonSemanticDataset SemanticDataset YOLOConcatDataset "
            "YOLODataset YOLOMultiModalDataset"
        ),
    },
    "data.annotator": {
        "models.sam.model": "SAM",
        "models.yolo.model": "YOLO",
    },
    "data.augment": {
        "data.utils": "polygons2masks polygons2masks_overlap",
        "utils": "colorstr deprecation_warn IterableSimpleNamespace LOGGER",
        "utils.checks": "check_version",
        "utils.instance": "Instances",
        "utils.metrics": "bbox_ioa",
        "utils.ops": "segment2box xywh2xyxy xyxyxyxy2xywhr",
        "utils.torch_utils": "TORCHVISION_0_10 TORCHVISION_0_11 TORCHVISION_0_13",
    },
    "data.base": {
        "data.utils": "check_file_speeds FORMATS_HELP_MSG get_split_fraction HELP_URL IMG_FORMATS",
        "utils": "DEFAULT_CFG IterableSimpleNamespace LOCAL_RANK LOGGER NUM_THREADS",
        "utils.patches": "imread",
        "utils.tqdm": "TQDM",
    },
    "data.build": {
        "data.dataset": (
            "DepthDataset GroundingDataset PolygonSemanticDataset SemanticDataset YOLODataset YOLOMultiModalDataset"
        ),
        "data.loaders": (
            "autocast_list LOADERS LoadImagesAndVideos LoadPilAndNumpy LoadScreenshots LoadStreams LoadTensor "
            "SourceTypes"
        ),
        "data.utils": "add_polygon_background get_split_fraction IMG_FORMATS VID_FORMATS",
        "utils": "colorstr IterableSimpleNamespace RANK",
        "utils.checks": "check_file",
        "utils.torch_utils": "get_torch_device_backend TORCH_1_13 TORCH_2_0 TORCH_2_7",
    },
    "data.converter": {
        "data.utils": "get_split_fraction read_mask",
        "utils": "ASSETS_URL clean_url DATASETS_DIR LOGGER NUM_THREADS PLATFORM_URL WINDOWS YAML",
        "utils.checks": "check_file check_requirements",
        "utils.downloads": "download zip_directory",
        "utils.files": "increment_path",
        "utils.tqdm": "TQDM",
    },
    "data.dataset": {
        "data.augment": (
            "classify_augmentations classify_transforms Compose DepthFormat Format LetterBox RandomLoadText "
            "SemanticFormat v8_transforms"
        ),
        "data.base": "BaseDataset",
        "data.converter": "merge_multi_segment",
        "data.utils": (
            "check_file_speeds get_hash get_split_fraction HELP_URL img2label_paths IMG_FORMATS "
            "load_dataset_cache_file load_depth polygons2masks_overlap read_mask save_dataset_cache_file "
            "verify_image verify_image_depth verify_image_label verify_image_mask"
        ),
        "nn.autobackend": "check_class_names",
        "utils": "colorstr IterableSimpleNamespace LOCAL_RANK LOGGER NUM_THREADS",
        "utils.instance": "Instances",
        "utils.ops": "resample_segments segments2boxes",
        "utils.patches": "imread imread_unicode PIL_FALLBACK_SUFFIXES",
        "utils.torch_utils": "TORCHVISION_0_18",
        "utils.tqdm": "TQDM",
    },
    "data.explorer": {
        "data.explorer.explorer": "Explorer",
    },
    "data.loaders": {
        "data.utils": "FORMATS_HELP_MSG IMG_FORMATS VID_FORMATS",
        "utils": "IS_COLAB IS_KAGGLE LOGGER NUM_THREADS",
        "utils.checks": "check_requirements",
        "utils.patches": "imread PIL_FALLBACK_SUFFIXES",
    },
    "data.split": {
        "data.utils": "img2label_paths IMG_FORMATS",
        "utils": "DATASETS_DIR LOGGER",
        "utils.tqdm": "TQDM",
    },
    "data.split_dota": {
        "data.utils": "exif_size img2label_paths",
        "utils.checks": "check_requirements",
        "utils.patches": "imread_unicode",
        "utils.tqdm": "TQDM",
    },
    "data.utils": {
        "nn.autobackend": "check_class_names",
        "utils": "ASSETS_URL clean_url colorstr DATASETS_DIR emojis is_dir_writeable LOGGER ROOT SETTINGS_FILE YAML",
        "utils.checks": "check_file check_font is_ascii normalize_platform_uri",
        "utils.downloads": "download safe_download",
        "utils.ops": "segments2boxes",
        "utils.patches": "imread",
    },
}

# module -> family -> names
UNBUILT: dict[str, dict[str, str]] = {
    "data.augment": {
        "world": "LoadVisualPrompt RandomLoadText",
    },
    "data.build": {
        "world": "build_grounding",
    },
    "data.dataset": {
        "world": "GroundingDataset YOLOMultiModalDataset",
    },
    "data.explorer.explorer": {
        "explorer": "Explorer ExplorerDataset",
    },
    "data.explorer.gui.dash": {
        "explorer": (
            "ai_query_form find_similar_imgs init_explorer_form layout query_form reset_explorer run_ai_query "
            "run_sql_query similarity_form utralytics_explorer_docs_callback"
        ),
    },
    "data.explorer.utils": {
        "explorer": "get_sim_index_schema get_table_schema plot_query_result prompt_sql_query sanitize_batch",
    },
}
