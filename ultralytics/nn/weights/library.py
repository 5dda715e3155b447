"""Layers of torch, torchvision and timm that checkpoints may hold, by exact name.

Left out are layers that run something when they are first called (lazy ones), that hold functions (those for metric
learning) and what is no layer. A block of another library, or of a model zoo, is admitted by registering it.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ENUMS", "FUNCTIONS", "LAYERS"]

_TORCH = {
    "activation": "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid LogSoftmax Mish "
    "MultiheadAttention PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus Softshrink "
    "Softsign Tanh Tanhshrink Threshold",
    "batchnorm": "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm",
    "channelshuffle": "ChannelShuffle",
    "container": "ModuleDict ModuleList ParameterDict ParameterList Sequential",
    "conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "distance": "CosineSimilarity PairwiseDistance",
    "dropout": "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout",
    "flatten": "Flatten Unflatten",
    "fold": "Fold Unfold",
    "instancenorm": "InstanceNorm1d InstanceNorm2d InstanceNorm3d",
    "linear": "Bilinear Identity Linear NonDynamicallyQuantizableLinear",
    "loss": "BCELoss BCEWithLogitsLoss CrossEntropyLoss HuberLoss KLDivLoss L1Loss MSELoss NLLLoss SmoothL1Loss",
    "normalization": "CrossMapLRN2d GroupNorm LayerNorm LocalResponseNorm RMSNorm",
    "padding": "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d "
    "ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d",
    "pixelshuffle": "PixelShuffle PixelUnshuffle",
    "pooling": "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d "
    "AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d FractionalMaxPool2d FractionalMaxPool3d LPPool1d LPPool2d "
    "LPPool3d MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d",
    "rnn": "GRU GRUCell LSTM LSTMCell RNN RNNCell",
    "sparse": "Embedding EmbeddingBag",
    "transformer": "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer",
    "upsampling": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
}

_TORCHVISION = {
    "models._utils": "IntermediateLayerGetter",
    "models.alexnet": "AlexNet",
    "models.convnext": "CNBlock ConvNeXt LayerNorm2d",
    "models.densenet": "DenseNet _DenseBlock _DenseLayer _Transition",
    "models.efficientnet": "EfficientNet FusedMBConv MBConv",
    "models.googlenet": "BasicConv2d GoogLeNet Inception InceptionAux",
    "models.inception": "BasicConv2d Inception3 InceptionA InceptionAux InceptionB InceptionC InceptionD InceptionE",
    "models.maxvit": "MBConv MaxVit MaxVitBlock MaxVitLayer PartitionAttentionLayer "
    "RelativePositionalMultiHeadAttention SwapAxes WindowDepartition WindowPartition",
    "models.mnasnet": "MNASNet _InvertedResidual",
    "models.mobilenetv2": "InvertedResidual MobileNetV2",
    "models.mobilenetv3": "InvertedResidual MobileNetV3",
    "models.regnet": "AnyStage BottleneckTransform RegNet ResBottleneckBlock SimpleStemIN",
    "models.resnet": "BasicBlock Bottleneck ResNet",
    "models.shufflenetv2": "InvertedResidual ShuffleNetV2",
    "models.squeezenet": "Fire SqueezeNet",
    "models.swin_transformer": "PatchMerging PatchMergingV2 ShiftedWindowAttention ShiftedWindowAttentionV2 "
    "SwinTransformer SwinTransformerBlock SwinTransformerBlockV2",
    "models.vgg": "VGG",
    "models.vision_transformer": "Encoder EncoderBlock MLPBlock VisionTransformer",
    "ops.deform_conv": "DeformConv2d",
    "ops.drop_block": "DropBlock2d DropBlock3d",
    "ops.feature_pyramid_network": "FeaturePyramidNetwork LastLevelMaxPool LastLevelP6P7",
    "ops.misc": "Conv2dNormActivation Conv3dNormActivation ConvNormActivation FrozenBatchNorm2d MLP Permute "
    "SqueezeExcitation",
    "ops.stochastic_depth": "StochasticDepth",
    "transforms.transforms": "CenterCrop ConvertImageDtype Grayscale Normalize Pad Resize",
    "transforms.v2._color": "Grayscale",
    "transforms.v2._container": "Compose",
    "transforms.v2._geometry": "CenterCrop Pad Resize",
    "transforms.v2._misc": "Normalize ToDtype",
    "transforms.v2._type_conversion": "PILToTensor ToImage",
}

_TIMM = {
    "activations": "GELU GELUTanh HardMish HardSigmoid HardSwish Mish PReLU QuickGELU Sigmoid Swish Tanh",
    "adaptive_avgmax_pool": "AdaptiveAvgMaxPool2d AdaptiveCatAvgMaxPool2d FastAdaptiveAvgMaxPool FastAdaptiveAvgPool "
    "FastAdaptiveCatAvgMaxPool FastAdaptiveMaxPool SelectAdaptivePool2d",
    "attention": "Attention",
    "attention_pool2d": "AttentionPool2d RotAttentionPool2d",
    "blur_pool": "BlurPool2d",
    "bottleneck_attn": "BottleneckAttn PosEmbedRel",
    "cbam": "CbamModule ChannelAttn LightCbamModule LightChannelAttn LightSpatialAttn SpatialAttn",
    "classifier": "ClassifierHead NormMlpClassifierHead",
    "cond_conv2d": "CondConv2d",
    "conv2d_same": "Conv2dSame",
    "conv_bn_act": "ConvNormAct ConvNormActAa",
    "drop": "DropBlock2d DropPath",
    "eca": "CecaModule EcaModule",
    "evo_norm": "EvoNorm2dB0 EvoNorm2dB1 EvoNorm2dB2 EvoNorm2dS0 EvoNorm2dS0a EvoNorm2dS1 EvoNorm2dS1a EvoNorm2dS2 "
    "EvoNorm2dS2a",
    "filter_response_norm": "FilterResponseNormAct2d FilterResponseNormTlu2d",
    "gather_excite": "GatherExcite",
    "global_context": "GlobalContext",
    "grn": "GlobalResponseNorm",
    "halo_attn": "HaloAttn PosEmbedRel",
    "lambda_layer": "LambdaLayer",
    "layer_scale": "LayerScale LayerScale2d",
    "linear": "Linear",
    "mixed_conv2d": "MixedConv2d",
    "mlp": "ConvMlp GatedMlp GlobalResponseNormMlp GluMlp Mlp SwiGLU",
    "non_local_attn": "BatNonLocalAttn BilinearAttnTransform NonLocalAttn",
    "norm": "GroupNorm GroupNorm1 LayerNorm LayerNorm2d LayerNormExp2d RmsNorm RmsNorm2d SimpleNorm SimpleNorm2d",
    "norm_act": "BatchNormAct2d FrozenBatchNormAct2d GroupNorm1Act GroupNormAct LayerNormAct LayerNormAct2d "
    "SyncBatchNormAct",
    "patch_dropout": "PatchDropout",
    "patch_embed": "PatchEmbed PatchEmbedWithSize",
    "pool2d_same": "AvgPool2dSame MaxPool2dSame",
    "pos_embed_rel": "RelPosBias",
    "selective_kernel": "SelectiveKernel SelectiveKernelAttn",
    "separable_conv": "SeparableConv2d SeparableConvNormAct",
    "space_to_depth": "DepthToSpace SpaceToDepth",
    "split_attn": "RadixSoftmax SplitAttn",
    "split_batchnorm": "SplitBatchNorm2d",
    "squeeze_excite": "EffectiveSEModule SEModule SqueezeExciteCl",
    "std_conv": "ScaledStdConv2d ScaledStdConv2dSame StdConv2d StdConv2dSame",
}

LAYERS: Mapping[str, frozenset[str]] = {
    f"{home}.{module}": frozenset(names.split())
    for home, table in (("torch.nn.modules", _TORCH), ("torchvision", _TORCHVISION), ("timm.layers", _TIMM))
    for module, names in table.items()
}

ENUMS: Mapping[str, frozenset[str]] = {
    "torchvision.transforms.functional": frozenset({"InterpolationMode"}),
    "timm.layers.format": frozenset({"Format"}),
}

# Functions of tensors that layers hold: activations, and what blocks may choose between. Nothing here calls them.
_FUNCTIONS = """
    celu elu gelu glu hardsigmoid hardswish hardtanh leaky_relu log_softmax logsigmoid mish relu relu6 selu sigmoid silu
    softmax softplus softsign tanh
    adaptive_avg_pool2d adaptive_max_pool2d avg_pool2d dropout interpolate max_pool2d normalize pad pixel_shuffle
"""
FUNCTIONS: Mapping[str, frozenset[str]] = {"torch.nn.functional": frozenset(_FUNCTIONS.split())}
