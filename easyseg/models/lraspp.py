"""Lite R-ASPP over MobileNetV3-Large, torchvision's.

Howard et al., "Searching for MobileNetV3", 2019, https://arxiv.org/abs/1905.02244.
"""

import torch
from torch import nn
from torch.nn import functional as F

from easyseg.checkpoints import StateDict
from easyseg.models import torchvision_family
from easyseg.models.backbones.mobilenet_v3 import MobileNetV3Large
from easyseg.models.layers import ConvNorm
from easyseg.models.torchvision_family import record

CHANNELS = 128


class LRASPP(nn.Module):
    """Lite R-ASPP with a MobileNetV3-Large encoder.

    Args:
        num_classes: Number of classes.
        output_stride: 8 or 16; the same weights serve both, 16 is faster and what they were trained
            at.

    Raises:
        InputError: If the output stride does not exist.
    """

    def __init__(self, num_classes: int, *, output_stride: int = 16) -> None:
        super().__init__()
        self.encoder = MobileNetV3Large(output_stride=output_stride)
        low_channels, high_channels = self.encoder.channels
        self.project = ConvNorm(high_channels, CHANNELS)
        self.gate = nn.Conv2d(high_channels, CHANNELS, 1, bias=False)
        self.low_classifier = nn.Conv2d(low_channels, num_classes, 1)
        self.high_classifier = nn.Conv2d(CHANNELS, num_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Computes the logits.

        Args:
            x: Normalised pictures, (N, 3, h, w).

        Returns:
            Logits at stride 8, (N, num_classes, h / 8, w / 8), sides rounded up.
        """
        low, high = self.encoder(x)
        gated = self.project(high) * torch.sigmoid(self.gate(high.mean((2, 3), keepdim=True)))
        low_logits: torch.Tensor = self.low_classifier(low)
        # A 1x1 convolution commutes with bilinear enlarging: the classes are fewer channels.
        high_logits = F.interpolate(
            self.high_classifier(gated), low.shape[2:], mode="bilinear", align_corners=False
        )
        return low_logits + high_logits


def rename_keys(state_dict: StateDict) -> StateDict:
    """Renames torchvision's keys to ours.

    Args:
        state_dict: The published state dict.

    Returns:
        A state dict for `LRASPP`.
    """
    return torchvision_family.rename_keys(state_dict, _HEAD_PATTERNS)


_HEAD_PATTERNS = (
    (r"^classifier\.cbr\.0\.", "project.conv."),
    (r"^classifier\.cbr\.1\.", "project.norm."),
    (r"^classifier\.scale\.1\.", "gate."),
    (r"^classifier\.(low|high)_classifier\.", r"\1_classifier."),
)

WEIGHTS = (
    record(
        "lraspp_mobilenet_v3_large.coco_voc",
        "lraspp_mobilenet_v3_large-d234d4ea.pth",
        57.9,
        91.2,
        title="LR-ASPP MobileNetV3-Large (torchvision)",
        build=LRASPP,
        parameters=3_221_538,
        classifier="classifier.low_classifier.weight",
        rename=rename_keys,
        output_stride=16,
    ),
)
