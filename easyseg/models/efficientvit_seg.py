"""EfficientViT-Seg: EfficientViT with a head that adds up three resolutions.

Cai et al., "EfficientViT: Multi-Scale Linear Attention for High-Resolution Dense Prediction", 2023,
https://arxiv.org/abs/2205.14756. Reference: https://github.com/mit-han-lab/efficientvit
"""

import functools
import re

import torch
from torch import nn
from torch.nn import functional as F

from easyseg.checkpoints import StateDict
from easyseg.errors import InputError
from easyseg.models.backbones.efficientvit import EfficientViT, fused, inverted
from easyseg.models.layers import ConvNorm
from easyseg.registry import Weights
from easyseg.transforms import Preprocess

OUTPUT_STRIDES = (32,)
HEAD_DEPTH = 3
HEAD_EXPANSION = 4
HEAD_WIDTHS = {"b1": 64, "b2": 96, "b3": 128, "l1": 128, "l2": 128}
LARGE_FINAL_EXPANSION = 8
"""How many times wider than the head the L sizes get before their classifier."""


class Head(nn.Module):
    """Brings the features at strides 32, 16 and 8 to stride 8, adds and classifies them.

    Args:
        size: Size of the encoder.
        encoder: Gives the channels that come in, the activation and the normalisation.
        num_classes: Number of classes.
    """

    def __init__(self, size: str, encoder: EfficientViT, num_classes: int) -> None:
        super().__init__()
        variant, width = encoder.variant, HEAD_WIDTHS[size]
        self.inputs = nn.ModuleList(
            ConvNorm(stage.channels, width, eps=variant.eps, activation=None)
            for stage in variant.stages[:1:-1]
        )
        block = fused if size.startswith("l") else inverted
        self.middle = nn.Sequential(
            *(block(width, width, HEAD_EXPANSION, variant) for _ in range(HEAD_DEPTH))
        )
        self.expand: nn.Module = nn.Identity()
        if size.startswith("l"):
            wide = width * LARGE_FINAL_EXPANSION
            self.expand = ConvNorm(width, wide, eps=variant.eps, activation=variant.activation)
            width = wide
        self.classifier = nn.Conv2d(width, num_classes, 1)

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Maps the encoder's features to (N, num_classes, h / 8, w / 8)."""
        size = features[2].shape[2:]
        parts = [
            _enlarge(project(feature), size)
            for project, feature in zip(self.inputs, features[:1:-1], strict=True)
        ]
        out: torch.Tensor = self.classifier(
            self.expand(self.middle(parts[0] + parts[1] + parts[2]))
        )
        return out


def _enlarge(x: torch.Tensor, size: torch.Size) -> torch.Tensor:
    if x.shape[2:] == size:
        return x
    # Bicubic in fp32, as the reference does it whatever the network's precision.
    return F.interpolate(x.float(), size, mode="bicubic", align_corners=False).to(x.dtype)


class EfficientViTSeg(nn.Module):
    """EfficientViT-Seg.

    The reference takes sides that are multiples of 32; with others the coarser features are
    stretched a little to fit the finest.

    Args:
        num_classes: Number of classes.
        size: `"b1"`, `"b2"`, `"b3"`, `"l1"` or `"l2"`.
        output_stride: 32: how many times smaller than the picture the coarsest features are.

    Raises:
        InputError: If the size or the output stride does not exist.
    """

    def __init__(self, num_classes: int, *, size: str = "b1", output_stride: int = 32) -> None:
        super().__init__()
        if output_stride not in OUTPUT_STRIDES:
            raise InputError(
                f"output_stride must be one of {OUTPUT_STRIDES}, not {output_stride!r}"
            )
        self.encoder = EfficientViT(size)
        self.head = Head(size, self.encoder, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Computes the logits.

        Args:
            x: Normalised pictures, (N, 3, h, w).

        Returns:
            Logits at stride 8, (N, num_classes, h / 8, w / 8), sides rounded up. The reference
            enlarges them to the picture with bicubic interpolation.
        """
        logits: torch.Tensor = self.head(self.encoder(x))
        return logits


LARGE_CLASSIFIER = "head.output_ops.0.op_list.1.conv."
_PARTS = (
    (r"^backbone\.input_stem\.op_list\.", "encoder.stages.0."),
    (r"^(encoder\.stages\.\d+\.|backbone\.stages\.\d+\.|head\.middle\.)op_list\.", r"\1"),
    (r"^backbone\.", "encoder."),
    (r"\.context_module\.main\.", ".attention."),
    (r"\.local_module\.main\.", ".local."),
    (r"\.main\.", "."),
    (r"\.qkv\.conv\.", ".qkv."),
    (r"\.aggreg\.0\.", ".aggregate."),
    (r"\.proj\.", ".project."),
    (r"\.inverted_conv\.", ".expand."),
    (r"\.depth_conv\.", ".depthwise."),
    (r"\.spatial_conv\.", ".spatial."),
    (r"\.point_conv\.", ".project."),
    (r"^head\.input_ops\.(\d+)\.(op_list\.0\.)?", r"head.inputs.\1."),
)


def rename(state_dict: StateDict) -> StateDict:
    """Renames the published keys to this module's.

    Args:
        state_dict: The published state dict, of any size.

    Returns:
        A state dict for `EfficientViTSeg` of the same size.
    """
    # The B sizes name their first stage apart and count from the second; the L sizes do not.
    shift = any(key.startswith("backbone.input_stem.") for key in state_dict)
    is_large = LARGE_CLASSIFIER + "weight" in state_dict
    outputs = ("expand", "classifier") if is_large else ("classifier",)
    renamed: StateDict = {}
    for key, tensor in state_dict.items():
        new = re.sub(
            r"^backbone\.stages\.(\d+)\.",
            lambda match: f"encoder.stages.{int(match[1]) + shift}.",
            key,
        )
        for pattern, replacement in _PARTS:
            new = re.sub(pattern, replacement, new)
        for index, name in enumerate(outputs):
            new = new.replace(f"head.output_ops.0.op_list.{index}.", f"head.{name}.")
        renamed[new.replace("head.classifier.conv.", "head.classifier.")] = tensor
    return renamed


PREPROCESS = Preprocess(
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    resize="short_side",
    size=512,
    max_size=2048,
    divisor=32,
    interpolation="bicubic",
)
"""The reference stretches the longer side to a multiple of 32, here it is padded to one; and the
reference has no limit on it."""

COMMIT = "4cc87bb5e21a17712fbb69ba42bbf9a594084c8a"


def _ade20k(
    size: str,
    *,
    miou: float,
    parameters: int,
    sha256: str = "",
    file_size: int = 0,
    tiers: tuple[str, ...] = (),
) -> Weights:
    file = f"efficientvit_seg_{size}_ade20k.pt"
    repository = "https://huggingface.co/han-cai/efficientvit-seg"
    last = 1 if size.startswith("l") else 0
    return Weights(
        name=f"efficientvit_seg_{size}.ade20k",
        title=f"EfficientViT-Seg {size.upper()}",
        build=functools.partial(EfficientViTSeg, size=size),
        num_classes=150,
        label_set="ade20k",
        preprocess=PREPROCESS,
        classifier=f"head.output_ops.0.op_list.{last}.conv.weight",
        urls=(f"{repository}/resolve/{COMMIT}/{file}", f"{repository}/resolve/main/{file}"),
        rename=rename,
        sha256=sha256,
        size=file_size,
        parameters=parameters,
        licence="Apache-2.0",
        source="https://github.com/mit-han-lab/efficientvit",
        metrics={"mIoU": miou},
        measured_on="ADE20K val (2000 images), single scale, no flip; published",
        output_stride=32,
        output_strides=OUTPUT_STRIDES,
        tiers=tiers,
    )


B1 = _ade20k(
    "b1",
    miou=42.84,
    parameters=4_791_414,
    sha256="59cca6a7ff4d1a6494b7f12072c6a68fee40ef401e971f26af01a2e0f3c8f5e7",
    file_size=19_339_726,
    tiers=("fast",),
)
B2 = _ade20k(
    "b2",
    miou=45.941,
    parameters=15_293_382,
    sha256="fabfa7163e35d14888690969cd852069f399137be39697bfe5165f03ea76b510",
    file_size=61_436_227,
    tiers=("balanced",),
)
B3 = _ade20k("b3", miou=49.013, parameters=39_546_198)
L1 = _ade20k(
    "l1",
    miou=49.191,
    parameters=40_409_526,
    sha256="ec317c8b59682755642f0ceba3d0557047aa4b2d8377d607f0bfe1eb657ac330",
)
L2 = _ade20k("l2", miou=50.702, parameters=51_462_454, tiers=("best",))

WEIGHTS = (B1, B2, B3, L1, L2)
