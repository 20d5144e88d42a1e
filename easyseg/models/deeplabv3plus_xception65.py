"""DeepLabV3+ with Xception-65: Google's network, in the Keras files that PixelLib uses.

Chen et al., "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation",
2018, https://arxiv.org/abs/1802.02611. The files were converted by
https://github.com/bonlime/keras-deeplab-v3-plus from TensorFlow's model zoo.
"""

import functools
import re
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from easyseg.checkpoints import StateDict
from easyseg.models.backbones.xception65 import OUTPUT_STRIDES, Xception65
from easyseg.models.layers import ConvNorm, SeparableConv
from easyseg.registry import Weights
from easyseg.transforms import Preprocess

CHANNELS = 256
LOW_LEVEL_CHANNELS = 48
ATROUS_RATES = (6, 12, 18)
"""Rates at output stride 16."""


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling with separable convolutions, image pooling first.

    Args:
        in_channels: Channels of the features.
        rates: Dilation of each atrous branch.
    """

    def __init__(self, in_channels: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.pool = ConvNorm(in_channels, CHANNELS)
        self.branches = nn.ModuleList([ConvNorm(in_channels, CHANNELS)])
        self.branches.extend(SeparableConv(in_channels, CHANNELS, dilation=rate) for rate in rates)
        self.project = ConvNorm((len(rates) + 2) * CHANNELS, CHANNELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, in_channels, h, w) to (N, 256, h, w)."""
        pooled = self.pool(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        out: torch.Tensor = self.project(
            torch.cat([pooled, *(branch(x) for branch in self.branches)], 1)
        )
        return out


class DeepLabV3PlusXception65(nn.Module):
    """DeepLabV3+ with Xception-65.

    Args:
        num_classes: Number of outputs.
        output_stride: 8 or 16; the same weights serve both, 8 is slower and finer.

    Raises:
        InputError: If the output stride is not one of these.
    """

    def __init__(self, num_classes: int, *, output_stride: int = 8) -> None:
        super().__init__()
        self.encoder = Xception65(output_stride, tensorflow=True)
        rates = tuple(rate * 16 // output_stride for rate in ATROUS_RATES)
        self.aspp = ASPP(self.encoder.channels, rates)
        self.dropout = nn.Dropout(0.1)
        self.low_level = ConvNorm(self.encoder.low_level_channels, LOW_LEVEL_CHANNELS)
        self.decoder = nn.Sequential(
            SeparableConv(CHANNELS + LOW_LEVEL_CHANNELS, CHANNELS),
            SeparableConv(CHANNELS, CHANNELS),
        )
        self.classifier = nn.Conv2d(CHANNELS, num_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Computes the logits.

        Args:
            x: Normalised pictures, (N, 3, h, w), RGB in -1..1.

        Returns:
            Logits at stride 4, (N, num_classes, h / 4, w / 4), sides rounded up. PixelLib enlarges
            them to the picture, bilinearly with `align_corners=True`.
        """
        low_level, features = self.encoder(x)
        features = self.dropout(self.aspp(features))
        low_level = self.low_level(low_level)
        features = F.interpolate(features, low_level.shape[2:], mode="bilinear", align_corners=True)
        logits: torch.Tensor = self.classifier(self.decoder(torch.cat([features, low_level], 1)))
        return logits


def rename(state_dict: StateDict) -> StateDict:
    """Renames the layers of the Keras files, and turns their kernels to PyTorch's order.

    Args:
        state_dict: What `easyseg.checkpoints.read` gives for a Keras file: `layer/weight:0`.

    Returns:
        A state dict for `DeepLabV3PlusXception65`.
    """
    renamed: StateDict = {}
    for key, tensor in state_dict.items():
        layer, _, weight = key.removesuffix(":0").rpartition("/")
        module = layer.removesuffix("_BN")
        for pattern, replacement in _LAYERS:
            module = re.sub(pattern, replacement, module)
        if layer.endswith("_BN"):
            module += ".norm"
            renamed[f"{module}.num_batches_tracked"] = torch.zeros(
                (), dtype=torch.int64, device="cpu"
            )
        elif module != "classifier":
            module += ".conv"
        renamed[f"{module}.{_WEIGHTS.get(weight, weight)}"] = _turned(weight, tensor)
    return renamed


def _turned(weight: str, tensor: torch.Tensor) -> torch.Tensor:
    """Turns (height, width, in, out) to (out, in, height, width)."""
    if weight == "kernel" and tensor.ndim == 4:
        return tensor.permute(3, 2, 0, 1).contiguous()
    if weight == "depthwise_kernel" and tensor.ndim == 4:
        # (height, width, channels, multiplier) to (channels * multiplier, 1, height, width)
        return tensor.permute(2, 3, 0, 1).flatten(0, 1).unsqueeze(1).contiguous()
    return tensor


def _numbered(template: str, offset: int) -> Callable[[re.Match[str]], str]:
    """Makes a replacement with the number matched, plus an offset."""
    return lambda match: template.format(int(match[1]) + offset)


_LAYERS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"^entry_flow_conv1_([12])$", _numbered("encoder.stem.{}", -1)),
    (r"^entry_flow_block(\d)_", _numbered("encoder.blocks.{}.", -1)),
    (r"^middle_flow_unit_(\d+)_", _numbered("encoder.blocks.{}.", 2)),
    (r"^exit_flow_block1_", "encoder.blocks.19."),
    (r"^exit_flow_block2_separable_conv(\d)_", _numbered("encoder.exit.{}.", -1)),
    (r"separable_conv(\d)_", _numbered("convs.{}.", -1)),
    (r"^aspp(\d)_", r"aspp.branches.\1."),
    (r"^aspp0$", "aspp.branches.0"),
    (r"^image_pooling$", "aspp.pool"),
    (r"^concat_projection$", "aspp.project"),
    (r"^feature_projection0$", "low_level"),
    (r"^decoder_conv(\d)_", r"decoder.\1."),
    # Named either way in the files about, after how the Keras network was built.
    (r"^(custom_)?logits_semantic$", "classifier"),
)
_WEIGHTS = {
    "kernel": "weight",
    "depthwise_kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}

PREPROCESS = Preprocess(
    mean=(127.5, 127.5, 127.5),
    std=(127.5, 127.5, 127.5),
    scale=1.0,
    resize="long_side",
    size=512,
    square=True,
    interpolation="bicubic",
    align_corners=True,
)
"""PixelLib's: Pillow's default interpolation, and padding with the grey that becomes 0."""

PUBLISHED = "published by the TensorFlow DeepLab model zoo for the checkpoint it was converted from"

_pixellib = functools.partial(
    Weights,
    title="DeepLabV3+ Xception-65 (PixelLib)",
    build=DeepLabV3PlusXception65,
    preprocess=PREPROCESS,
    # The kernel's first dimension is its height in Keras; the bias' is the number of outputs.
    classifier=("logits_semantic/bias:0", "custom_logits_semantic/bias:0"),
    rename=rename,
    sha256="",
    size=0,
    licence="MIT",
    source="https://github.com/ayoolaolafenwa/PixelLib",
    output_stride=8,
    output_strides=OUTPUT_STRIDES,
)
RELEASES = "https://github.com/ayoolaolafenwa/PixelLib/releases/download"

ADE20K = _pixellib(
    name="deeplabv3plus_xception65.ade20k",
    num_classes=151,
    first_class=1,
    label_set="ade20k",
    urls=(f"{RELEASES}/1.3/deeplabv3_xception65_ade20k.h5",),
    parameters=41_088_823,
    metrics={"mIoU": 45.65, "pixel accuracy": 82.52},
    measured_on=f"ADE20K val, scales 0.5 to 1.75 and flips, output stride 8; {PUBLISHED}",
)
VOC = _pixellib(
    name="deeplabv3plus_xception65.voc",
    num_classes=21,
    label_set="voc",
    urls=(
        f"{RELEASES}/1.1/deeplabv3_xception_tf_dim_ordering_tf_kernels.h5",
        "https://github.com/bonlime/keras-deeplab-v3-plus/releases/download/1.1/"
        "deeplabv3_xception_tf_dim_ordering_tf_kernels.h5",
    ),
    parameters=41_055_413,
    metrics={"mIoU": 87.80},
    measured_on=f"PASCAL VOC 2012 test, scales 0.5 to 1.75 and flips, output stride 8; {PUBLISHED}",
)

WEIGHTS = (ADE20K, VOC)
