"""DeepLabV3+ as in bubbliiiing's PyTorch repository, with MobileNetV2 or Xception-65.

Chen et al., "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation",
2018, https://arxiv.org/abs/1802.02611. Full convolutions where the paper has separable ones.
Reference: https://github.com/bubbliiiing/deeplabv3-plus-pytorch
"""

import functools
import re
from collections.abc import Callable

import torch
from torch import nn

from easyseg.checkpoints import StateDict
from easyseg.errors import InputError
from easyseg.models.backbones.mobilenet_v2_deeplab import MobileNetV2
from easyseg.models.backbones.xception65 import Xception65
from easyseg.models.enlarged import mix_levels
from easyseg.models.layers import ConvNorm
from easyseg.registry import Weights
from easyseg.transforms import Preprocess

ENCODERS: dict[str, type[MobileNetV2] | type[Xception65]] = {
    "mobilenet_v2": MobileNetV2,
    "xception65": Xception65,
}
OUTPUT_STRIDES = (8, 16)
CHANNELS = 256
LOW_LEVEL_CHANNELS = 48
ATROUS_RATES = (6, 12, 18)
"""Rates at output stride 16."""


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling with full convolutions.

    Args:
        in_channels: Channels of the features.
        rates: Dilation of each atrous branch.
    """

    def __init__(self, in_channels: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        block = functools.partial(ConvNorm, bias=True)
        self.branches = nn.ModuleList([block(in_channels, CHANNELS)])
        self.branches.extend(block(in_channels, CHANNELS, 3, dilation=rate) for rate in rates)
        self.pool = block(in_channels, CHANNELS)
        self.project = block((len(self.branches) + 1) * CHANNELS, CHANNELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, in_channels, h, w) to (N, 256, h, w)."""
        pooled = self.pool(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        out: torch.Tensor = self.project(
            torch.cat([*(branch(x) for branch in self.branches), pooled], 1)
        )
        return out


class DeepLabV3Plus(nn.Module):
    """bubbliiiing's DeepLabV3+.

    Args:
        num_classes: Number of classes.
        encoder: `"mobilenet_v2"` or `"xception65"`.
        output_stride: 8 or 16; the same weights serve both, 8 is slower and finer.

    Raises:
        InputError: If the encoder or the output stride does not exist.
    """

    def __init__(
        self, num_classes: int, *, encoder: str = "mobilenet_v2", output_stride: int = 16
    ) -> None:
        super().__init__()
        if encoder not in ENCODERS:
            raise InputError(f"the encoders are {sorted(ENCODERS)}, not {encoder!r}")
        if output_stride not in OUTPUT_STRIDES:
            raise InputError(
                f"output_stride must be one of {OUTPUT_STRIDES}, not {output_stride!r}"
            )
        self.encoder = ENCODERS[encoder](output_stride, tensorflow=False)
        rates = tuple(rate * 16 // output_stride for rate in ATROUS_RATES)
        self.aspp = ASPP(self.encoder.channels, rates)
        block = functools.partial(ConvNorm, bias=True)
        self.low_level = block(self.encoder.low_level_channels, LOW_LEVEL_CHANNELS)
        self.decoder = nn.ModuleList(
            [block(CHANNELS + LOW_LEVEL_CHANNELS, CHANNELS, 3), block(CHANNELS, CHANNELS, 3)]
        )
        self.dropouts = nn.ModuleList([nn.Dropout(0.5), nn.Dropout(0.1)])
        self.classifier = nn.Conv2d(CHANNELS, num_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Computes the logits.

        Args:
            x: Pictures, (N, 3, h, w), RGB in 0..1.

        Returns:
            Logits at stride 4, (N, num_classes, h / 4, w / 4), sides rounded up. The reference
            enlarges them to the picture itself, bilinearly with `align_corners=True`.
        """
        low_level, features = self.encoder(x)
        low_level = self.low_level(low_level)
        first, second = self.decoder
        dropout, last_dropout = self.dropouts
        x = mix_levels(
            first,  # type: ignore[arg-type] # a ModuleList does not tell what it holds
            low_level,
            [self.aspp(features)],
            coarse_first=True,
            align_corners=True,
        )
        logits: torch.Tensor = self.classifier(last_dropout(second(dropout(x))))
        return logits


def rename(state_dict: StateDict) -> StateDict:
    """Renames the published keys to this module's.

    Args:
        state_dict: The published state dict, with either encoder.

    Returns:
        A state dict for `DeepLabV3Plus` with the same encoder.
    """
    renamed: StateDict = {}
    for key, tensor in state_dict.items():
        for pattern, replacement in _PARTS:
            key = re.sub(pattern, replacement, key)
        renamed[key] = tensor
    return renamed


def _shifted(template: str, offset: int) -> Callable[[re.Match[str]], str]:
    """Makes a replacement with a number that is smaller by an offset than the one matched."""
    return lambda match: template.format(int(match[1]) - offset)


def _mobilenet_layer(match: re.Match[str]) -> str:
    """Names a layer of an inverted residual by its place in the published sequence."""
    block, place = int(match[1]) - 1, int(match[2])
    parts = ("expand", "depthwise", "project")[block == 0 :]  # the first does not expand
    return f"encoder.blocks.{block}.{parts[place // 3]}.{('conv', 'norm')[place % 3]}."


_PARTS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"^backbone\.features\.0\.0\.", "encoder.stem.conv."),
    (r"^backbone\.features\.0\.1\.", "encoder.stem.norm."),
    (r"^backbone\.features\.(1)\.conv\.([0134])\.", _mobilenet_layer),
    (r"^backbone\.features\.(?!1\.)(\d+)\.conv\.([013467])\.", _mobilenet_layer),
    (r"^backbone\.conv([12])\.", _shifted("encoder.stem.{}.conv.", 1)),
    (r"^backbone\.bn([12])\.", _shifted("encoder.stem.{}.norm.", 1)),
    (r"^backbone\.conv([345])\.", _shifted("encoder.exit.{}.", 3)),
    (r"^backbone\.block(\d+)\.", _shifted("encoder.blocks.{}.", 1)),
    (r"\.sepconv([123])\.", _shifted(".convs.{}.", 1)),
    (r"\.skip\.", ".shortcut.conv."),
    (r"\.skipbn\.", ".shortcut.norm."),
    (r"\.depthwise\.weight$", ".depthwise.conv.weight"),
    (r"\.pointwise\.weight$", ".pointwise.conv.weight"),
    (r"\.bn1\.", ".depthwise.norm."),
    (r"\.bn2\.", ".pointwise.norm."),
    (r"^aspp\.branch5_conv\.", "aspp.pool.conv."),
    (r"^aspp\.branch5_bn\.", "aspp.pool.norm."),
    (r"^aspp\.branch([1-4])\.", _shifted("aspp.branches.{}.", 1)),
    (r"^aspp\.conv_cat\.", "aspp.project."),
    (r"^shortcut_conv\.", "low_level."),
    (r"^cat_conv\.([01])\.", r"decoder.0.\1."),
    (r"^cat_conv\.([45])\.", _shifted("decoder.1.{}.", 4)),
    (r"^(aspp\.branches\.\d|aspp\.project|low_level|decoder\.\d)\.0\.", r"\1.conv."),
    (r"^(aspp\.branches\.\d|aspp\.project|low_level|decoder\.\d)\.1\.", r"\1.norm."),
    (r"^cls_conv\.", "classifier."),
)

PREPROCESS = Preprocess(
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    resize="long_side",
    size=512,
    square=True,
    padding="center",
    pad_value=(128.0, 128.0, 128.0),
    interpolation="bicubic",
    align_corners=True,
)
"""The reference puts the picture into the middle of a grey square."""


def _voc(encoder: str, title: str, file: str, *, miou: float, parameters: int) -> Weights:
    repository = "https://github.com/bubbliiiing/deeplabv3-plus-pytorch"
    return Weights(
        name=f"deeplabv3plus_{encoder}.voc_bubbliiiing",
        title=f"DeepLabV3+ {title} (bubbliiiing)",
        build=functools.partial(DeepLabV3Plus, encoder=encoder),
        num_classes=21,
        label_set="voc",
        preprocess=PREPROCESS,
        classifier="cls_conv.weight",
        urls=(f"{repository}/releases/download/v1.0/{file}",),
        rename=rename,
        sha256="",
        size=0,
        parameters=parameters,
        licence="MIT",
        source=repository,
        metrics={"mIoU": miou},
        measured_on="PASCAL VOC 2012 val, 512x512 letterbox, single scale, no flip; published",
        output_stride=16,
        output_strides=OUTPUT_STRIDES,
    )


MOBILENET_V2 = _voc(
    "mobilenet_v2", "MobileNetV2", "deeplab_mobilenetv2.pth", miou=72.59, parameters=5_818_149
)
XCEPTION65 = _voc(
    "xception65", "Xception-65", "deeplab_xception.pth", miou=76.95, parameters=54_713_557
)

WEIGHTS = (MOBILENET_V2, XCEPTION65)
