"""Names that modules of `ultralytics.models` offer beyond their own; see `ultralytics/interface/__init__.py`."""

from __future__ import annotations

__all__ = ["CARRIED", "UNBUILT"]

# module -> public home -> names
CARRIED: dict[str, dict[str, str]] = {
    "models": {
        "models.fastsam.model": "FastSAM",
        "models.llm": "LLM",
        "models.nas.model": "NAS",
        "models.rtdetr.model": "RTDETR",
        "models.yolo.model": "YOLO YOLOE YOLOWorld",
    },
    "models.fastsam": {
        "models.fastsam.model": "FastSAM",
        "models.fastsam.predict": "FastSAMPredictor",
        "models.fastsam.prompt": "FastSAMPrompt",
        "models.fastsam.val": "FastSAMValidator",
    },
    "models.fastsam.model": {
        "engine.model": "Model",
        "models.fastsam.predict": "FastSAMPredictor",
        "models.fastsam.val": "FastSAMValidator",
    },
    "models.fastsam.predict": {
        "models.fastsam.utils": "adjust_bboxes_to_image_border",
        "models.yolo.segment.predict": "SegmentationPredictor",
        "utils": "DEFAULT_CFG NUM_THREADS",
        "utils.metrics": "box_iou",
        "utils.ops": "clip_boxes clip_coords scale_masks",
        "utils.torch_utils": "TORCH_1_10",
    },
    "models.fastsam.utils": {
        "utils.metrics": "bbox_iou",
    },
    "models.fastsam.val": {
        "models.yolo.segment.val": "SegmentationValidator",
    },
    "models.llm": {
        "data.loaders": "LoadPilAndNumpy",
        "utils.checks": "check_requirements",
    },
    "models.nas": {
        "models.nas.model": "NAS",
        "models.nas.predict": "NASPredictor",
        "models.nas.val": "NASValidator",
    },
    "models.nas.model": {
        "engine.model": "Model",
        "models.nas.predict": "NASPredictor",
        "models.nas.val": "NASValidator",
        "utils": "DEFAULT_CFG_DICT",
        "utils.checks": "check_model_file_from_stem",
        "utils.downloads": "attempt_download_asset",
        "utils.patches": "torch_load",
        "utils.torch_utils": "model_info",
    },
    "models.nas.predict": {
        "models.yolo.detect.predict": "DetectionPredictor",
    },
    "models.nas.val": {
        "models.yolo.detect.val": "DetectionValidator",
    },
    "models.rtdetr": {
        "models.rtdetr.model": "RTDETR",
        "models.rtdetr.predict": "RTDETRPredictor",
        "models.rtdetr.val": "RTDETRValidator",
    },
    "models.rtdetr.model": {
        "engine.model": "Model",
        "models.rtdetr.predict": "RTDETRPredictor",
        "models.rtdetr.train": "RTDETRTrainer",
        "models.rtdetr.val": "RTDETRValidator",
        "nn.tasks": "RTDETRDetectionModel",
        "utils.torch_utils": "TORCH_1_11",
    },
    "models.rtdetr.predict": {
        "engine.predictor": "BasePredictor",
        "engine.results": "Results",
    },
    "models.rtdetr.train": {
        "data.utils": "get_split_fraction",
        "models.rtdetr.val": "RTDETRDataset RTDETRValidator",
        "models.yolo.detect.train": "DetectionTrainer",
        "nn.tasks": "RTDETRDetectionModel",
        "utils": "colorstr RANK",
    },
    "models.rtdetr.val": {
        "data.dataset": "YOLODataset",
        "data.utils": "get_split_fraction",
        "models.yolo.detect.val": "DetectionValidator",
        "utils": "colorstr",
        "utils.checks": "check_imgsz",
    },
    "models.sam": {
        "models.sam.model": "SAM",
        "models.sam.predict": (
            "Predictor SAM2DynamicInteractivePredictor SAM2Predictor SAM2VideoPredictor SAM3Predictor "
            "SAM3SemanticPredictor SAM3VideoPredictor SAM3VideoSemanticPredictor"
        ),
    },
    "models.sam.build": {
        "models.sam.modules.decoders": "MaskDecoder",
        "models.sam.modules.encoders": "FpnNeck Hiera ImageEncoder ImageEncoderViT MemoryEncoder PromptEncoder",
        "models.sam.modules.memory_attention": "MemoryAttention MemoryAttentionLayer",
        "models.sam.modules.sam": "SAM2Model SAMModel",
        "models.sam.modules.tiny_encoder": "TinyViT",
        "models.sam.modules.transformer": "TwoWayTransformer",
        "utils.downloads": "attempt_download_asset",
        "utils.patches": "torch_load",
    },
    "models.sam.build_sam3": {
        "models.sam.modules.blocks": "PositionEmbeddingSine RoPEAttention",
        "models.sam.modules.encoders": "MemoryEncoder",
        "models.sam.modules.memory_attention": "MemoryAttention MemoryAttentionLayer",
        "models.sam.modules.sam": "SAM3Model",
        "models.sam.sam3.decoder": "TransformerDecoder TransformerDecoderLayer",
        "models.sam.sam3.encoder": "TransformerEncoderFusion TransformerEncoderLayer",
        "models.sam.sam3.geometry_encoders": "SequenceGeometryEncoder",
        "models.sam.sam3.maskformer_segmentation": "PixelDecoder UniversalSegmentationHead",
        "models.sam.sam3.model_misc": "DotProductScoring TransformerWrapper",
        "models.sam.sam3.necks": "Sam3DualViTDetNeck",
        "models.sam.sam3.sam3_image": "SAM3SemanticModel",
        "models.sam.sam3.text_encoder_ve": "VETextEncoder",
        "models.sam.sam3.vitdet": "ViT",
        "models.sam.sam3.vl_combiner": "SAM3VLBackbone",
        "nn.modules.transformer": "MLP",
        "utils.patches": "torch_load",
    },
    "models.sam.model": {
        "engine.model": "Model",
        "models.sam.predict": "Predictor SAM2Predictor SAM3Predictor",
        "utils.torch_utils": "model_info",
    },
    "models.sam.modules.blocks": {
        "models.sam.modules.transformer": "Attention TwoWayAttentionBlock TwoWayTransformer",
        "models.sam.modules.utils": (
            "add_decomposed_rel_pos apply_rotary_enc compute_axial_cis window_partition window_unpartition"
        ),
        "nn.modules.transformer": "LayerNorm2d MLP MLPBlock",
    },
    "models.sam.modules.decoders": {
        "nn.modules.transformer": "LayerNorm2d MLP",
    },
    "models.sam.modules.encoders": {
        "models.sam.modules.blocks": (
            "Block CXBlock Fuser MaskDownSampler MultiScaleBlock PatchEmbed PositionEmbeddingRandom "
            "PositionEmbeddingSine"
        ),
        "models.sam.modules.transformer": "Attention",
        "models.sam.modules.utils": "add_decomposed_rel_pos get_rel_pos window_partition window_unpartition",
        "nn.modules.transformer": "LayerNorm2d",
    },
    "models.sam.modules.memory_attention": {
        "models.sam.modules.blocks": "RoPEAttention",
    },
    "models.sam.modules.sam": {
        "models.sam.modules.blocks": "SAM2TwoWayTransformer",
        "models.sam.modules.decoders": "MaskDecoder SAM2MaskDecoder",
        "models.sam.modules.encoders": "ImageEncoderViT PromptEncoder",
        "models.sam.modules.transformer": "TwoWayTransformer",
        "models.sam.modules.utils": "get_1d_sine_pe select_closest_cond_frames",
        "nn.modules.transformer": "MLP",
        "utils": "LOGGER",
    },
    "models.sam.modules.tiny_encoder": {
        "nn.modules.transformer": "LayerNorm2d",
        "utils.instance": "to_2tuple",
        "utils.torch_utils": "TORCH_1_11",
    },
    "models.sam.modules.transformer": {
        "nn.modules.transformer": "MLPBlock",
    },
    "models.sam.predict": {
        "data.augment": "LetterBox",
        "engine.predictor": "BasePredictor",
        "engine.results": "Results",
        "models.sam.amg": (
            "batch_iterator batched_mask_to_box build_all_layer_point_grids calculate_stability_score "
            "generate_crop_boxes is_box_near_crop_edge remove_small_regions uncrop_boxes_xyxy uncrop_masks"
        ),
        "utils": "DEFAULT_CFG LOGGER",
        "utils.checks": "check_imgsz",
        "utils.dist": "TYPE_CHECKING",
        "utils.metrics": "box_iou mask_iou",
        "utils.torch_utils": "select_device smart_inference_mode",
    },
    "models.sam.sam3.decoder": {
        "models.sam.sam3.model_misc": "gen_sineembed_for_position",
        "nn.modules.transformer": "MLP",
        "nn.modules.utils": "inverse_sigmoid",
        "utils.ops": "xywh2xyxy",
    },
    "models.sam.sam3.encoder": {
        "models.sam.sam3.model_misc": "get_valid_ratio",
    },
    "models.sam.sam3.geometry_encoders": {
        "utils.ops": "xywh2xyxy",
    },
    "models.sam.sam3.maskformer_segmentation": {
        "nn.modules.transformer": "MLP",
    },
    "models.sam.sam3.sam3_image": {
        "models.sam.modules.sam": "SAM2Model",
        "models.sam.sam3.geometry_encoders": "Prompt",
        "models.sam.sam3.vl_combiner": "SAM3VLBackbone",
        "nn.modules.utils": "inverse_sigmoid",
        "utils.ops": "xywh2xyxy",
    },
    "models.sam.sam3.text_encoder_ve": {
        "models.sam.sam3.model_misc": "LayerScale",
    },
    "models.sam.sam3.vitdet": {
        "models.sam.modules.blocks": "PatchEmbed",
        "models.sam.modules.utils": (
            "apply_rotary_enc compute_axial_cis concat_rel_pos get_abs_pos window_partition window_unpartition"
        ),
        "models.sam.sam3.model_misc": "LayerScale",
        "utils.checks": "check_requirements",
    },
    "models.sam.sam3.vl_combiner": {
        "models.sam.sam3.necks": "Sam3DualViTDetNeck",
    },
    "models.utils.loss": {
        "models.utils.ops": "HungarianMatcher",
        "utils.loss": "FocalLoss VarifocalLoss",
        "utils.metrics": "bbox_iou",
    },
    "models.utils.ops": {
        "utils.metrics": "bbox_iou",
        "utils.ops": "linear_sum_assignment xywh2xyxy xyxy2xywh",
    },
    "models.yolo": {
        "models.yolo.model": "YOLO YOLOE YOLOWorld",
    },
    "models.yolo.classify": {
        "models.yolo.classify.predict": "ClassificationPredictor",
        "models.yolo.classify.train": "ClassificationTrainer",
        "models.yolo.classify.val": "ClassificationValidator",
    },
    "models.yolo.classify.predict": {
        "data.augment": "classify_transforms",
        "engine.predictor": "BasePredictor",
        "engine.results": "Results",
        "utils": "DEFAULT_CFG",
    },
    "models.yolo.classify.train": {
        "data.build": "build_dataloader",
        "data.dataset": "ClassificationDataset",
        "engine.trainer": "BaseTrainer",
        "nn.tasks": "ClassificationModel",
        "utils": "DEFAULT_CFG RANK",
        "utils.plotting": "plot_images",
        "utils.torch_utils": "is_parallel torch_distributed_zero_first",
    },
    "models.yolo.classify.val": {
        "data.build": "build_dataloader",
        "data.dataset": "ClassificationDataset",
        "engine.validator": "BaseValidator",
        "utils": "LOGGER RANK",
        "utils.metrics": "ClassifyMetrics ConfusionMatrix",
        "utils.plotting": "plot_images",
    },
    "models.yolo.depth": {
        "models.yolo.depth.predict": "DepthPredictor",
        "models.yolo.depth.train": "DepthTrainer",
        "models.yolo.depth.val": "DepthValidator",
    },
    "models.yolo.depth.calibrate": {
        "utils": "LOGGER",
        "utils.torch_utils": "smart_inference_mode",
    },
    "models.yolo.depth.predict": {
        "engine.predictor": "BasePredictor",
        "engine.results": "Results",
        "utils": "DEFAULT_CFG",
    },
    "models.yolo.depth.train": {
        "models.yolo.detect.train": "DetectionTrainer",
        "nn.tasks": "DepthModel",
        "utils": "DEFAULT_CFG LOGGER plt_settings RANK",
    },
    "models.yolo.depth.val": {
        "models.yolo.detect.val": "DetectionValidator",
        "utils": "LOGGER RANK",
        "utils.metrics": "DepthMetrics",
        "utils.plotting": "plot_images",
    },
    "models.yolo.detect": {
        "models.yolo.detect.predict": "DetectionPredictor",
        "models.yolo.detect.train": "DetectionTrainer",
        "models.yolo.detect.val": "DetectionValidator",
    },
    "models.yolo.detect.predict": {
        "engine.predictor": "BasePredictor",
        "engine.results": "Results",
    },
    "models.yolo.detect.train": {
        "data.build": "build_dataloader build_yolo_dataset",
        "engine.trainer": "BaseTrainer",
        "nn.tasks": "DetectionModel",
        "utils": "DEFAULT_CFG LOGGER RANK",
        "utils.patches": "override_configs",
        "utils.plotting": "plot_images plot_labels",
        "utils.torch_utils": "torch_distributed_zero_first unwrap_model",
    },
    "models.yolo.detect.val": {
        "data.build": "build_dataloader build_yolo_dataset",
        "data.utils": "get_split_fraction",
        "engine.validator": "BaseValidator",
        "utils": "DEFAULT_CFG LOCAL_RANK LOGGER RANK",
        "utils.checks": "check_requirements",
        "utils.metrics": "box_iou ConfusionMatrix DetMetrics",
        "utils.plotting": "plot_images",
        "utils.torch_utils": "torch_distributed_zero_first",
    },
    "models.yolo.model": {
        "cfg": "get_cfg",
        "data.build": "load_inference_source",
        "engine.model": "Model PREDICTOR_SETUP_KEYS",
        "nn.autobackend": "check_class_names",
        "nn.backends.base": "BaseBackend",
        "nn.tasks": (
            "ClassificationModel DepthModel DetectionModel OBBModel PoseModel SegmentationModel "
            "SemanticSegmentationModel WorldModel YOLOEModel YOLOESegModel"
        ),
        "utils": "ROOT YAML",
    },
    "models.yolo.obb": {
        "models.yolo.obb.predict": "OBBPredictor",
        "models.yolo.obb.train": "OBBTrainer",
        "models.yolo.obb.val": "OBBValidator",
    },
    "models.yolo.obb.predict": {
        "engine.results": "Results",
        "models.yolo.detect.predict": "DetectionPredictor",
        "utils": "DEFAULT_CFG",
    },
    "models.yolo.obb.train": {
        "nn.tasks": "OBBModel",
        "utils": "DEFAULT_CFG RANK",
    },
    "models.yolo.obb.val": {
        "models.yolo.detect.val": "DetectionValidator",
        "utils": "LOGGER",
        "utils.metrics": "batch_probiou OBBMetrics",
        "utils.nms": "TorchNMS",
        "utils.plotting": "plot_images",
    },
    "models.yolo.pose": {
        "models.yolo.pose.predict": "PosePredictor",
        "models.yolo.pose.train": "PoseTrainer",
        "models.yolo.pose.val": "PoseValidator",
    },
    "models.yolo.pose.predict": {
        "models.yolo.detect.predict": "DetectionPredictor",
        "utils": "DEFAULT_CFG",
    },
    "models.yolo.pose.train": {
        "nn.tasks": "PoseModel",
        "utils": "DEFAULT_CFG RANK",
    },
    "models.yolo.pose.val": {
        "models.yolo.detect.val": "DetectionValidator",
        "utils.metrics": "kpt_iou OKS_SIGMA PoseMetrics",
    },
    "models.yolo.segment": {
        "models.yolo.segment.predict": "SegmentationPredictor",
        "models.yolo.segment.train": "SegmentationTrainer",
        "models.yolo.segment.val": "SegmentationValidator",
    },
    "models.yolo.segment.predict": {
        "engine.results": "Results",
        "models.yolo.detect.predict": "DetectionPredictor",
        "utils": "DEFAULT_CFG",
    },
    "models.yolo.segment.train": {
        "nn.tasks": "SegmentationModel",
        "utils": "DEFAULT_CFG RANK",
    },
    "models.yolo.segment.val": {
        "models.yolo.detect.val": "DetectionValidator",
        "utils": "LOGGER",
        "utils.checks": "check_requirements",
        "utils.metrics": "mask_iou SegmentMetrics",
    },
    "models.yolo.semantic": {
        "models.yolo.semantic.predict": "SemanticSegmentationPredictor",
        "models.yolo.semantic.train": "SemanticSegmentationTrainer",
        "models.yolo.semantic.val": "SemanticSegmentationValidator",
    },
    "models.yolo.semantic.predict": {
        "engine.predictor": "BasePredictor",
        "engine.results": "Results",
        "utils": "DEFAULT_CFG",
    },
    "models.yolo.semantic.train": {
        "data.utils": "add_polygon_background",
        "models.yolo.detect.train": "DetectionTrainer",
        "nn.tasks": "SemanticSegmentationModel",
        "utils": "DEFAULT_CFG LOGGER plt_settings RANK",
        "utils.plotting": "colors",
    },
    "models.yolo.semantic.val": {
        "data.dataset": "SemanticDataset",
        "models.yolo.detect.val": "DetectionValidator",
        "utils": "LOGGER RANK",
        "utils.metrics": "ConfusionMatrix SemanticMetrics",
        "utils.plotting": "plot_images",
    },
    "models.yolo.world": {
        "models.yolo.world.train": "WorldTrainer",
        "models.yolo.world.val": "WorldValidator",
    },
    "models.yolo.world.train": {
        "data.build": "build_yolo_dataset",
        "engine.trainer": "BaseTrainer",
        "models.yolo.detect.train": "DetectionTrainer",
        "nn.tasks": "WorldModel",
        "utils": "DEFAULT_CFG LOGGER RANK",
        "utils.patches": "torch_load",
        "utils.torch_utils": "unwrap_model",
    },
    "models.yolo.world.train_world": {
        "data.build": "build_grounding build_yolo_dataset",
        "data.dataset": "YOLOConcatDataset",
        "data.utils": "check_det_dataset",
        "models.yolo.world.train": "WorldTrainer",
        "utils": "DATASETS_DIR DEFAULT_CFG LOGGER",
        "utils.checks": "check_file",
        "utils.torch_utils": "unwrap_model",
    },
    "models.yolo.world.val": {
        "data.utils": "check_det_dataset convert_ndjson_to_yolo_if_needed",
        "models.yolo.detect.val": "DetectionValidator",
        "utils.torch_utils": "select_device",
    },
    "models.yolo.yoloe": {
        "models.yolo.yoloe.predict": "YOLOEVPDetectPredictor YOLOEVPSegPredictor",
        "models.yolo.yoloe.train": (
            "YOLOEPEFreeTrainer YOLOEPETrainer YOLOETrainer YOLOETrainerFromScratch YOLOEVPTrainer"
        ),
        "models.yolo.yoloe.train_seg": "YOLOEPESegTrainer YOLOESegTrainer YOLOESegTrainerFromScratch YOLOESegVPTrainer",
        "models.yolo.yoloe.val": "YOLOEDetectValidator YOLOESegValidator",
    },
    "models.yolo.yoloe.predict": {
        "data.augment": "LoadVisualPrompt",
        "models.yolo.detect.predict": "DetectionPredictor",
        "models.yolo.segment.predict": "SegmentationPredictor",
    },
    "models.yolo.yoloe.train": {
        "data.augment": "LoadVisualPrompt",
        "data.build": "build_yolo_dataset",
        "data.dataset": "YOLOConcatDataset",
        "engine.trainer": "BaseTrainer",
        "models.yolo.detect.train": "DetectionTrainer",
        "models.yolo.detect.val": "DetectionValidator",
        "models.yolo.segment.val": "SegmentationValidator",
        "models.yolo.world.train_world": "WorldTrainerFromScratch",
        "models.yolo.yoloe.val": "YOLOEDetectValidator YOLOESegValidator",
        "nn.tasks": "YOLOEModel YOLOESegModel",
        "utils": "DEFAULT_CFG LOGGER RANK",
        "utils.patches": "torch_load",
        "utils.torch_utils": "unwrap_model",
    },
    "models.yolo.yoloe.train_seg": {
        "models.yolo.segment.train": "SegmentationTrainer",
        "models.yolo.yoloe.train": "YOLOEPETrainer YOLOETrainer YOLOETrainerFromScratch YOLOEVPTrainer",
    },
    "models.yolo.yoloe.val": {
        "data.augment": "LoadVisualPrompt",
        "data.build": "build_dataloader build_yolo_dataset",
        "data.dataset": "YOLOConcatDataset",
        "data.utils": "check_det_dataset get_split_fraction",
        "models.yolo.detect.val": "DetectionValidator",
        "models.yolo.segment.val": "SegmentationValidator",
        "nn.modules.head": "YOLOEDetect",
        "nn.tasks": "YOLOEModel",
        "utils": "LOGGER",
        "utils.torch_utils": "select_device smart_inference_mode",
        "utils.tqdm": "TQDM",
    },
}

# module -> family -> names
UNBUILT: dict[str, dict[str, str]] = {
    "models.fastsam.model": {
        "fastsam": "FastSAM",
    },
    "models.fastsam.predict": {
        "fastsam": "FastSAMPredictor",
    },
    "models.fastsam.prompt": {
        "fastsam": "FastSAMPrompt",
    },
    "models.fastsam.utils": {
        "fastsam": "adjust_bboxes_to_image_border",
    },
    "models.fastsam.val": {
        "fastsam": "FastSAMValidator",
    },
    "models.llm": {
        "llm": "LLM",
    },
    "models.nas.model": {
        "nas": "NAS",
    },
    "models.nas.predict": {
        "nas": "NASPredictor",
    },
    "models.nas.val": {
        "nas": "NASValidator",
    },
    "models.sam.amg": {
        "sam": (
            "batch_iterator batched_mask_to_box build_all_layer_point_grids build_point_grid "
            "calculate_stability_score generate_crop_boxes is_box_near_crop_edge remove_small_regions "
            "uncrop_boxes_xyxy uncrop_masks uncrop_points"
        ),
    },
    "models.sam.build": {
        "sam": (
            "build_mobile_sam build_sam build_sam2_b build_sam2_l build_sam2_s build_sam2_t build_sam_vit_b "
            "build_sam_vit_h build_sam_vit_l"
        ),
    },
    "models.sam.build_sam3": {
        "sam": "build_interactive_sam3 build_sam3_image_model",
    },
    "models.sam.model": {
        "sam": "SAM",
    },
    "models.sam.modules.blocks": {
        "sam": (
            "Block CXBlock do_pool DropPath Fuser MaskDownSampler MultiScaleAttention MultiScaleBlock PatchEmbed "
            "PositionEmbeddingRandom PositionEmbeddingSine REAttention RoPEAttention SAM2TwoWayAttentionBlock "
            "SAM2TwoWayTransformer"
        ),
    },
    "models.sam.modules.decoders": {
        "sam": "MaskDecoder SAM2MaskDecoder",
    },
    "models.sam.modules.encoders": {
        "sam": "FpnNeck Hiera ImageEncoder ImageEncoderViT MemoryEncoder PromptEncoder",
    },
    "models.sam.modules.memory_attention": {
        "sam": "MemoryAttention MemoryAttentionLayer",
    },
    "models.sam.modules.sam": {
        "sam": "NO_OBJ_SCORE Sam SAM2Model SAM3Model SAMModel",
    },
    "models.sam.modules.tiny_encoder": {
        "sam": (
            "Attention BasicLayer CKPT_KWARGS Conv2d_BN ConvLayer MBConv MLP Mlp PatchEmbed PatchMerging TinyViT "
            "TinyViTBlock"
        ),
    },
    "models.sam.modules.transformer": {
        "sam": "Attention TwoWayAttentionBlock TwoWayTransformer",
    },
    "models.sam.modules.utils": {
        "sam": (
            "add_decomposed_rel_pos apply_rotary_enc compute_axial_cis concat_rel_pos get_1d_sine_pe get_abs_pos "
            "get_rel_pos init_t_xy reshape_for_broadcast select_closest_cond_frames window_partition "
            "window_unpartition"
        ),
    },
    "models.sam.predict": {
        "sam": (
            "Predictor SAM2DynamicInteractivePredictor SAM2Predictor SAM2VideoPredictor SAM3Predictor "
            "SAM3SemanticPredictor SAM3VideoPredictor SAM3VideoSemanticPredictor"
        ),
    },
    "models.sam.sam3.decoder": {
        "sam": "TransformerDecoder TransformerDecoderLayer",
    },
    "models.sam.sam3.encoder": {
        "sam": "pool_text_feat TransformerEncoder TransformerEncoderFusion TransformerEncoderLayer",
    },
    "models.sam.sam3.geometry_encoders": {
        "sam": "concat_padded_sequences is_right_padded Prompt SequenceGeometryEncoder",
    },
    "models.sam.sam3.maskformer_segmentation": {
        "sam": "LinearPresenceHead MaskPredictor PixelDecoder SegmentationHead UniversalSegmentationHead",
    },
    "models.sam.sam3.model_misc": {
        "sam": "DotProductScoring gen_sineembed_for_position get_valid_ratio LayerScale TransformerWrapper",
    },
    "models.sam.sam3.necks": {
        "sam": "Sam3DualViTDetNeck",
    },
    "models.sam.sam3.sam3_image": {
        "sam": "SAM3SemanticModel",
    },
    "models.sam.sam3.text_encoder_ve": {
        "sam": "ResidualAttentionBlock text_global_pool TextTransformer Transformer VETextEncoder",
    },
    "models.sam.sam3.vitdet": {
        "sam": "Attention Block ViT",
    },
    "models.sam.sam3.vl_combiner": {
        "sam": "SAM3VLBackbone",
    },
    "models.yolo.model": {
        "world": "YOLOE YOLOWorld",
    },
    "models.yolo.world.train": {
        "world": "on_pretrain_routine_end WorldTrainer",
    },
    "models.yolo.world.train_world": {
        "world": "WorldTrainerFromScratch",
    },
    "models.yolo.world.val": {
        "world": "WorldValidator",
    },
    "models.yolo.yoloe.predict": {
        "world": "YOLOEVPDetectPredictor YOLOEVPSegPredictor",
    },
    "models.yolo.yoloe.train": {
        "world": "YOLOEPEFreeTrainer YOLOEPETrainer YOLOETrainer YOLOETrainerFromScratch YOLOEVPTrainer",
    },
    "models.yolo.yoloe.train_seg": {
        "world": "YOLOEPESegTrainer YOLOESegTrainer YOLOESegTrainerFromScratch YOLOESegVPTrainer",
    },
    "models.yolo.yoloe.val": {
        "world": "YOLOEDetectValidator YOLOESegValidator",
    },
}
