"""DeepLabV3 with MobileNetV2, as Google released it: image pooling for context and no decoder.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018,
https://arxiv.org/abs/1801.04381, section 6.3. The published file has Hugging Face's layout:
https://github.com/huggingface/transformers
"""

import re

import torch
from torch import nn

from easyseg.checkpoints import StateDict
from easyseg.models.backbones.mobilenet_v2_deeplab import OUTPUT_STRIDES, MobileNetV2
from easyseg.models.layers import ConvNorm
from easyseg.registry import Weights
from easyseg.transforms import Preprocess

CHANNELS = 256


class DeepLabV3MobileNetV2(nn.Module):
    """DeepLabV3 with MobileNetV2, padded as TensorFlow does.

    Args:
        num_classes: Number of classes.
        output_stride: 8, 16 or 32; the same weights serve all three, smaller is slower and finer.

    Raises:
        InputError: If the output stride is not one of these.
    """

    def __init__(self, num_classes: int, *, output_stride: int = 8) -> None:
        super().__init__()
        self.encoder = MobileNetV2(output_stride, tensorflow=True)
        self.pool = ConvNorm(self.encoder.channels, CHANNELS)
        self.pointwise = ConvNorm(self.encoder.channels, CHANNELS)
        self.project = ConvNorm(2 * CHANNELS, CHANNELS)
        self.dropout = nn.Dropout2d(0.2)
        self.classifier = nn.Conv2d(CHANNELS, num_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Computes the logits.

        Args:
            x: Normalised pictures, (N, 3, h, w), RGB in -1..1.

        Returns:
            Logits at the output stride, (N, num_classes, h / output_stride, w / output_stride),
            sides rounded up.
        """
        _, features = self.encoder(x)
        pooled = self.pool(features.mean((2, 3), keepdim=True)).expand(-1, -1, *features.shape[2:])
        mixed = self.project(torch.cat([pooled, self.pointwise(features)], 1))
        logits: torch.Tensor = self.classifier(self.dropout(mixed))
        return logits


def rename(state_dict: StateDict) -> StateDict:
    """Renames the published keys to this module's; the last convolution, for ImageNet, is left out.

    Args:
        state_dict: The published state dict.

    Returns:
        A state dict for `DeepLabV3MobileNetV2`.
    """
    renamed: StateDict = {}
    for key, tensor in state_dict.items():
        if key.startswith("mobilenet_v2.conv_1x1."):
            continue
        new = re.sub(
            r"^mobilenet_v2\.layer\.(\d+)\.",
            lambda match: f"encoder.blocks.{int(match[1]) + 1}.",
            key,
        )
        for old, replacement in _PARTS:
            new = new.replace(old, replacement)
        renamed[new] = tensor
    return renamed


_PARTS = (
    ("mobilenet_v2.conv_stem.first_conv.", "encoder.stem."),
    ("mobilenet_v2.conv_stem.", "encoder.blocks.0."),
    (".expand_1x1.", ".expand."),
    (".conv_3x3.", ".depthwise."),
    (".reduce_1x1.", ".project."),
    ("segmentation_head.classifier.convolution.", "classifier."),
    ("segmentation_head.conv_pool.", "pool."),
    ("segmentation_head.conv_aspp.", "pointwise."),
    ("segmentation_head.conv_projection.", "project."),
    (".convolution.", ".conv."),
    (".normalization.", ".norm."),
)

VOC = Weights(
    name="deeplabv3_mobilenet_v2.voc",
    title="DeepLabV3 MobileNetV2 (Google)",
    build=DeepLabV3MobileNetV2,
    num_classes=21,
    label_set="voc",
    preprocess=Preprocess(
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        resize="long_side",
        size=513,
        square=True,
        interpolation="bilinear",
        align_corners=True,
    ),
    classifier="segmentation_head.classifier.convolution.weight",
    urls=(
        "https://huggingface.co/google/deeplabv3_mobilenet_v2_1.0_513/resolve/main/"
        "pytorch_model.bin",
    ),
    rename=rename,
    sha256="",
    size=0,
    parameters=2_113_557,
    licence="Apache-2.0",
    source="https://huggingface.co/google/deeplabv3_mobilenet_v2_1.0_513",
    metrics={"mIoU": 75.32},
    measured_on=(
        "PASCAL VOC 2012 val, single scale, no flip, output stride 16; published by the TensorFlow "
        "DeepLab model zoo (mobilenetv2_coco_voc_trainaug)"
    ),
    output_stride=8,
    output_strides=OUTPUT_STRIDES,
)

WEIGHTS = (VOC,)
