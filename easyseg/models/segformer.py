"""SegFormer: Mix Transformer with a head of 1x1 convolutions, in its two published forms.

Xie et al., "SegFormer: Simple and Efficient Design for Semantic Segmentation with Transformers",
2021, https://arxiv.org/abs/2105.15203. The paper's form is the one of NVIDIA and Hugging Face;
OpenMMLab's differs in the head and in the `eps` of the normalisations.
"""

import functools
import re
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from easyseg.checkpoints import StateDict
from easyseg.errors import InputError
from easyseg.models.backbones.mix_transformer import MixTransformer
from easyseg.models.layers import ConvNorm
from easyseg.registry import Weights
from easyseg.transforms import Preprocess

OUTPUT_STRIDES = (32,)
OPENMMLAB_WIDTH = 256
PAPER_WIDTHS = {"b0": 256, "b1": 256, "b2": 768, "b3": 768, "b4": 768, "b5": 768}
LEVELS = 4


class Head(nn.Module):
    """Brings the features of all resolutions to one width and to stride 4, mixes and classifies.

    Args:
        in_channels: Channels of the features at strides 4, 8, 16 and 32.
        width: The one width.
        num_classes: Number of classes.
        normalised: Whether each level is normalised and rectified, as in OpenMMLab's form.
    """

    def __init__(
        self, in_channels: Sequence[int], width: int, num_classes: int, *, normalised: bool
    ) -> None:
        super().__init__()
        eps, activation = (1e-5, nn.ReLU) if normalised else (None, None)
        self.levels = nn.ModuleList(
            ConvNorm(channels, width, bias=not normalised, eps=eps, activation=activation)
            for channels in in_channels
        )
        self.fuse = nn.Conv2d(LEVELS * width, width, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout2d(0.1)
        self.classifier = nn.Conv2d(width, num_classes, 1)

    def forward(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
        """Maps the encoder's features to (N, num_classes, h / 4, w / 4)."""
        # The reference enlarges the levels, concatenates and mixes them. A 1x1 convolution and
        # bilinear interpolation commute, so each level is mixed at its own resolution and the
        # results are added: the same numbers at a third of the cost.
        weights = self.fuse.weight.chunk(LEVELS, 1)
        biases = (self.fuse.bias, None, None, None)
        parts = [
            F.conv2d(level(feature), weight, bias)
            for level, feature, weight, bias in zip(
                self.levels, features, weights, biases, strict=True
            )
        ]
        return self.classify(parts)

    def classify(self, parts: Sequence[torch.Tensor]) -> torch.Tensor:
        """Adds up the mixed levels, each at its own resolution, and classifies them."""
        size = parts[0].shape[2:]
        mixed = parts[0]
        for part in parts[1:]:
            mixed = mixed + F.interpolate(part, size, mode="bilinear", align_corners=False)
        logits: torch.Tensor = self.classifier(self.dropout(F.relu(self.norm(mixed))))
        return logits


class SegFormer(nn.Module):
    """SegFormer.

    Args:
        num_classes: Number of classes.
        size: `"b0"` to `"b5"`.
        openmmlab: Whether to build OpenMMLab's form instead of the paper's.
        output_stride: 32: how many times smaller than the picture the coarsest features are.

    Raises:
        InputError: If the size or the output stride does not exist.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        size: str = "b0",
        openmmlab: bool = False,
        output_stride: int = 32,
    ) -> None:
        super().__init__()
        if output_stride not in OUTPUT_STRIDES:
            raise InputError(
                f"output_stride must be one of {OUTPUT_STRIDES}, not {output_stride!r}"
            )
        self.encoder = MixTransformer(size, eps=1e-6 if openmmlab else 1e-5)
        width = OPENMMLAB_WIDTH if openmmlab else PAPER_WIDTHS[size]
        self.head = Head(self.encoder.channels, width, num_classes, normalised=openmmlab)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Computes the logits.

        Args:
            x: Normalised pictures, (N, 3, h, w).

        Returns:
            Logits at stride 4, (N, num_classes, h / 4, w / 4), sides rounded up.
        """
        logits: torch.Tensor = self.head(self.encoder(x))
        return logits


def rename_huggingface(state_dict: StateDict) -> StateDict:
    """Renames the keys of NVIDIA's checkpoints on Hugging Face to this module's.

    Keys and values become one layer, linear layers of the head 1x1 convolutions, and the head's
    levels, which that layout counts backwards where it mixes them, are put in order.

    Args:
        state_dict: The published state dict, of any size.

    Returns:
        A state dict for `SegFormer` of the same size.
    """
    renamed: StateDict = {}
    for key, tensor in state_dict.items():
        new = _substituted(key, _HUGGINGFACE)
        if ".attention.value." in new and key.replace(".value.", ".key.") in state_dict:
            continue  # goes with its key
        if ".attention.key." in new:
            value = state_dict.get(key.replace(".key.", ".value."))
            new = new.replace(".attention.key.", ".attention.key_value.")
            tensor = tensor if value is None else torch.cat([tensor, value])
        if new.startswith("head.levels.") and new.endswith(".weight") and tensor.ndim == 2:
            tensor = tensor[:, :, None, None]
        if new == "head.fuse.weight":
            tensor = torch.cat(tensor.chunk(LEVELS, 1)[::-1], 1)
        renamed[new] = tensor
    return renamed


def rename_openmmlab(state_dict: StateDict) -> StateDict:
    """Renames the keys of OpenMMLab's checkpoints to this module's.

    The packed projections of the attention are split into queries, and keys with values; 1x1
    convolutions of the feed-forward become linear layers.

    Args:
        state_dict: The published state dict, of any size.

    Returns:
        A state dict for `SegFormer` of the same size, in OpenMMLab's form.
    """
    renamed: StateDict = {}
    for key, tensor in state_dict.items():
        new = _substituted(key, _OPENMMLAB)
        if ".attention.packed." in new:
            channels = len(tensor) // 3
            renamed[new.replace(".packed.", ".query.")] = tensor[:channels]
            renamed[new.replace(".packed.", ".key_value.")] = tensor[channels:]
            continue
        is_linear = ".feed_forward." in new and ".depthwise." not in new
        renamed[new] = tensor.flatten(1) if is_linear and tensor.ndim == 4 else tensor
    return renamed


def _substituted(key: str, patterns: Sequence[tuple[str, str]]) -> str:
    for pattern, replacement in patterns:
        key = re.sub(pattern, replacement, key)
    return key


_HUGGINGFACE = (
    (
        r"^segformer\.encoder\.patch_embeddings\.(\d)\.proj\.",
        r"encoder.stages.\1.embed.projection.",
    ),
    (
        r"^segformer\.encoder\.patch_embeddings\.(\d)\.layer_norm\.",
        r"encoder.stages.\1.embed.norm.",
    ),
    (r"^segformer\.encoder\.layer_norm\.(\d)\.", r"encoder.stages.\1.norm."),
    (r"^segformer\.encoder\.block\.(\d)\.(\d+)\.", r"encoder.stages.\1.blocks.\2."),
    (r"\.layer_norm_1\.", ".attention_norm."),
    (r"\.layer_norm_2\.", ".feed_forward_norm."),
    (r"\.attention\.self\.sr\.", ".attention.reduction."),
    (r"\.attention\.self\.layer_norm\.", ".attention.reduction_norm."),
    (r"\.attention\.self\.", ".attention."),
    (r"\.attention\.output\.dense\.", ".attention.project."),
    (r"\.mlp\.dense1\.", ".feed_forward.expand."),
    (r"\.mlp\.dwconv\.dwconv\.", ".feed_forward.depthwise."),
    (r"\.mlp\.dense2\.", ".feed_forward.project."),
    (r"^decode_head\.linear_c\.(\d)\.proj\.", r"head.levels.\1.conv."),
    (r"^decode_head\.linear_fuse\.", "head.fuse."),
    (r"^decode_head\.batch_norm\.", "head.norm."),
    (r"^decode_head\.classifier\.", "head.classifier."),
)
_OPENMMLAB = (
    (r"^backbone\.layers\.(\d)\.0\.", r"encoder.stages.\1.embed."),
    (r"^backbone\.layers\.(\d)\.1\.(\d+)\.", r"encoder.stages.\1.blocks.\2."),
    (r"^backbone\.layers\.(\d)\.2\.", r"encoder.stages.\1.norm."),
    (r"\.norm1\.", ".attention_norm."),
    (r"\.norm2\.", ".feed_forward_norm."),
    (r"\.attn\.attn\.in_proj_", ".attention.packed."),
    (r"\.attn\.attn\.out_proj\.", ".attention.project."),
    (r"\.attn\.sr\.", ".attention.reduction."),
    (r"\.attn\.norm\.", ".attention.reduction_norm."),
    (r"\.ffn\.layers\.0\.", ".feed_forward.expand."),
    (r"\.ffn\.layers\.1\.", ".feed_forward.depthwise."),
    (r"\.ffn\.layers\.4\.", ".feed_forward.project."),
    (r"^decode_head\.convs\.(\d)\.conv\.", r"head.levels.\1.conv."),
    (r"^decode_head\.convs\.(\d)\.bn\.", r"head.levels.\1.norm."),
    (r"^decode_head\.fusion_conv\.conv\.", "head.fuse."),
    (r"^decode_head\.fusion_conv\.bn\.", "head.norm."),
    (r"^decode_head\.conv_seg\.", "head.classifier."),
)


MEASURED_ON = "ADE20K val (2000 images), single scale, no flip"
NOTICE = (
    "The SegFormer weights may be used for research and evaluation only, not commercially: "
    "NVIDIA Source Code License for SegFormer, section 3.3, "
    "https://github.com/NVlabs/SegFormer/blob/master/LICENSE"
)


def _paper(size: str, *, miou: float, parameters: int, file: str, resolution: int = 512) -> Weights:
    repository = (
        f"https://huggingface.co/nvidia/segformer-{size}-finetuned-ade-{resolution}-{resolution}"
    )
    urls = (f"{repository}/resolve/{file}", f"{repository}/resolve/main/pytorch_model.bin")
    return Weights(
        name=f"segformer_{size}.ade20k",
        title=f"SegFormer-{size.upper()}",
        build=functools.partial(SegFormer, size=size),
        num_classes=150,
        label_set="ade20k",
        preprocess=Preprocess(
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
            resize="short_side",
            size=resolution,
            max_size=2048,
            divisor=32,
            interpolation="bilinear",
        ),
        classifier="decode_head.classifier.weight",
        urls=tuple(dict.fromkeys(urls)),
        rename=rename_huggingface,
        sha256="",
        size=0,
        parameters=parameters,
        licence="NVIDIA Source Code License for SegFormer (non-commercial)",
        source=repository,
        metrics={"mIoU": miou},
        measured_on=f"{MEASURED_ON}, short side {resolution}, sides multiples of 32; the paper's",
        output_stride=32,
        output_strides=OUTPUT_STRIDES,
        notice=NOTICE,
    )


def _openmmlab(
    size: str, *, miou: float, parameters: int, stamp: str, resolution: int = 512
) -> Weights:
    run = f"segformer_mit-{size}_{resolution}x{resolution}_160k_ade20k"
    folder = "https://download.openmmlab.com/mmsegmentation/v0.5/segformer"
    suffix = "" if resolution == 512 else f"_{resolution}"
    return Weights(
        name=f"segformer_{size}{suffix}.ade20k_openmmlab",
        title=f"SegFormer-{size.upper()} (OpenMMLab)",
        build=functools.partial(SegFormer, size=size, openmmlab=True),
        num_classes=150,
        label_set="ade20k",
        preprocess=Preprocess(
            mean=(123.675, 116.28, 103.53),
            std=(58.395, 57.12, 57.375),
            scale=1.0,
            resize="short_side",
            size=resolution,
            max_size=2048,
            interpolation="bilinear",
        ),
        classifier="decode_head.conv_seg.weight",
        urls=(f"{folder}/{run}/{run}_{stamp}.pth",),
        rename=rename_openmmlab,
        # OpenMMLab puts the first eight digits of the published file's hash into its name.
        sha256=stamp.rpartition("-")[2],
        size=0,
        parameters=parameters,
        licence="Apache-2.0, trained from NVIDIA's non-commercial ImageNet weights",
        source="https://github.com/open-mmlab/mmsegmentation/tree/main/configs/segformer",
        metrics={"mIoU": miou},
        measured_on=f"{MEASURED_ON}, short side {resolution}; published",
        output_stride=32,
        output_strides=OUTPUT_STRIDES,
        notice=NOTICE,
    )


PAPER = (
    _paper("b0", miou=37.4, parameters=3_752_694, file="main/model.safetensors"),
    _paper(
        "b1",
        miou=42.2,
        parameters=13_715_798,
        file="8b74291cb371abe2a2860015ded13f5b2fa6dff5/model.safetensors",
    ),
    _paper(
        "b2",
        miou=46.5,
        parameters=27_461_974,
        file="4585665b1bf59b90b831d5145d3e25d6e0743d03/model.safetensors",
    ),
    _paper(
        "b3",
        miou=49.4,
        parameters=47_337_814,
        file="d49ce4e74ab8bbcd9e7886e52d716add0c8f5136/model.safetensors",
    ),
    _paper("b4", miou=50.3, parameters=64_108_374, file="main/pytorch_model.bin"),
    _paper(
        "b5",
        miou=51.0,
        parameters=84_708_694,
        file="refs%2Fpr%2F3/model.safetensors",
        resolution=640,
    ),
)
OPENMMLAB = (
    _openmmlab("b0", miou=37.41, parameters=3_753_718, stamp="20210726_101530-8ffa8fda"),
    _openmmlab("b1", miou=40.97, parameters=13_716_822, stamp="20210726_112106-d70e859d"),
    _openmmlab("b2", miou=45.58, parameters=24_761_686, stamp="20210726_112103-cbd414ac"),
    _openmmlab("b3", miou=47.82, parameters=44_637_526, stamp="20210726_081410-962b98d2"),
    _openmmlab("b4", miou=48.46, parameters=61_408_086, stamp="20210728_183055-7f509d7d"),
    _openmmlab("b5", miou=49.13, parameters=82_008_406, stamp="20210726_145235-94cedf59"),
    _openmmlab(
        "b5",
        miou=49.62,
        parameters=82_008_406,
        stamp="20210801_121243-41d2845b",
        resolution=640,
    ),
)

WEIGHTS = (*PAPER, *OPENMMLAB)
