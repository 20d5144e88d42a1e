"""UPerNet over ResNet, OpenMMLab's.

Xiao et al., "Unified Perceptual Parsing for Scene Understanding", 2018,
https://arxiv.org/abs/1807.10221.
"""

import functools

import torch
from torch import nn
from torch.nn import functional as F

from easyseg.models.backbones.resnet import ResNet
from easyseg.models.enlarged import mix_levels
from easyseg.models.layers import ConvNorm
from easyseg.models.openmmlab_family import record
from easyseg.models.pspnet import CHANNELS, PyramidPooling


class UPerNet(nn.Module):
    """UPerNet with a ResNetV1c encoder: a feature pyramid with pyramid pooling on top.

    Args:
        num_classes: Number of classes.
        depth: Of the encoder: 50 or 101.
        output_stride: Of the encoder, which is not dilated in training: 32.

    Raises:
        InputError: If the depth or the output stride does not exist.
    """

    def __init__(self, num_classes: int, *, depth: int = 50, output_stride: int = 32) -> None:
        super().__init__()
        self.encoder = ResNet(depth, output_stride=output_stride, deep_stem=True)
        *finer, coarsest = self.encoder.channels
        self.context = PyramidPooling(coarsest)
        self.laterals = nn.ModuleList(ConvNorm(channels, CHANNELS) for channels in finer)
        self.smooth = nn.ModuleList(ConvNorm(CHANNELS, CHANNELS, 3) for _ in finer)
        self.fuse = ConvNorm(len(self.encoder.channels) * CHANNELS, CHANNELS, 3)
        self.dropout = nn.Dropout2d(0.1)
        self.classifier = nn.Conv2d(CHANNELS, num_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Computes the logits.

        Args:
            x: Normalised pictures, (N, 3, h, w).

        Returns:
            Logits at stride 4, (N, num_classes, h / 4, w / 4), sides rounded up.
        """
        *finer, coarsest = self.encoder(x)
        merged = self.context(coarsest)
        pyramid = [merged]
        for level in reversed(range(len(finer))):
            lateral = self.laterals[level](finer[level])
            merged = lateral + _enlarge(merged, lateral)
            pyramid.insert(0, self.smooth[level](merged))
        finest, *coarser = pyramid
        fused = mix_levels(self.fuse, finest, coarser)
        logits: torch.Tensor = self.classifier(self.dropout(fused))
        return logits


def _enlarge(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Brings `x` to the size of `like`."""
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


_RESNET50 = functools.partial(
    record,
    title="UPerNet ResNet-50 (OpenMMLab)",
    build=functools.partial(UPerNet, depth=50),
    parameters={"ade20k": 64_117_750, "voc": 64_051_573},
    output_stride=32,
    output_strides=(32,),
)
_RESNET101 = functools.partial(
    record,
    title="UPerNet ResNet-101 (OpenMMLab)",
    build=functools.partial(UPerNet, depth=101),
    parameters={"ade20k": 83_109_878, "voc": 83_043_701},
    output_stride=32,
    output_strides=(32,),
)

WEIGHTS = (
    _RESNET50(
        "upernet_resnet50.ade20k",
        "upernet/upernet_r50_512x512_160k_ade20k",
        "20200615_184328-8534de8d",
        42.05,
    ),
    _RESNET50(
        "upernet_resnet50.ade20k_80k",
        "upernet/upernet_r50_512x512_80k_ade20k",
        "20200614_144127-ecc8377b",
        40.7,
    ),
    _RESNET50(
        "upernet_resnet50.voc",
        "upernet/upernet_r50_512x512_40k_voc12aug",
        "20200613_162257-ca9bcc6b",
        75.92,
    ),
    _RESNET50(
        "upernet_resnet50.voc_20k",
        "upernet/upernet_r50_512x512_20k_voc12aug",
        "20200617_165330-5b5890a7",
        74.82,
    ),
    _RESNET101(
        "upernet_resnet101.ade20k",
        "upernet/upernet_r101_512x512_160k_ade20k",
        "20200615_161951-91b32684",
        43.82,
    ),
    _RESNET101(
        "upernet_resnet101.ade20k_80k",
        "upernet/upernet_r101_512x512_80k_ade20k",
        "20200614_185117-32e4db94",
        42.91,
    ),
    _RESNET101(
        "upernet_resnet101.voc",
        "upernet/upernet_r101_512x512_40k_voc12aug",
        "20200613_163549-e26476ac",
        77.43,
    ),
    _RESNET101(
        "upernet_resnet101.voc_20k",
        "upernet/upernet_r101_512x512_20k_voc12aug",
        "20200617_165629-f14e7f27",
        77.1,
    ),
)
