"""What OpenMMLab's convolutional networks share: preprocessing, key layout, facts of the files.

The networks themselves are in `deeplabv3_openmmlab`, `deeplabv3plus_openmmlab`, `pspnet` and
`upernet`. Reference: https://github.com/open-mmlab/mmsegmentation, version 1.2.2.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import nn

from easyseg.checkpoints import StateDict, with_counters
from easyseg.registry import Weights
from easyseg.transforms import Preprocess

PREPROCESS = Preprocess(
    mean=(123.675, 116.28, 103.53),
    std=(58.395, 57.12, 57.375),
    scale=1.0,
    resize="short_side",
    size=512,
    max_size=2048,
    interpolation="bilinear",
)

BASE_URL = "https://download.openmmlab.com/mmsegmentation/v0.5"
SOURCE = "https://github.com/open-mmlab/mmsegmentation/tree/v1.2.2/configs"
CLASSIFIER = "decode_head.conv_seg.weight"


class _Dataset(NamedTuple):
    num_classes: int
    measured_on: str


_DATASETS = {
    "ade20k": _Dataset(150, "ADE20K val, 2000 images, single scale, no flip, by OpenMMLab"),
    "voc": _Dataset(
        21,
        "PASCAL VOC 2012 val, 1449 images, single scale, no flip, trained on VOC 2012 train and "
        "SBD, by OpenMMLab",
    ),
}

_PATTERNS = (
    (r"^backbone\.conv1\.", "encoder.stem."),
    (r"^backbone\.(layer\d\.\d)\.conv\.", r"encoder.\1.layers."),
    (r"^backbone\.", "encoder."),
    (r"^decode_head\.conv_seg\.", "classifier."),
    (r"^decode_head\.image_pool\.1\.", "context.pool."),
    (r"^decode_head\.aspp_modules\.", "context.branches."),
    (r"^decode_head\.psp_modules\.(\d)\.1\.", r"context.levels.\1."),
    (r"^decode_head\.bottleneck\.", "context.project."),
    (r"^decode_head\.c1_bottleneck\.", "low_level."),
    (r"^decode_head\.sep_bottleneck\.", "decoder."),
    (r"^decode_head\.lateral_convs\.", "laterals."),
    (r"^decode_head\.fpn_convs\.", "smooth."),
    (r"^decode_head\.fpn_bottleneck\.", "fuse."),
    (r"\.(depthwise|pointwise)_conv\.", r".\1."),
    (r"\.bn\.", ".norm."),
)


def rename_keys(state_dict: StateDict) -> StateDict:
    """Renames OpenMMLab's keys to those of our networks; the auxiliary head is left out.

    Args:
        state_dict: The published state dict.

    Returns:
        A state dict for the network of the same architecture.
    """
    renamed: StateDict = {}
    for key, tensor in state_dict.items():
        if key.startswith("auxiliary_head."):
            continue
        for pattern, replacement in _PATTERNS:
            key = re.sub(pattern, replacement, key)
        renamed[key] = tensor
    return with_counters(renamed)


def record(
    name: str,
    config: str,
    stamp: str,
    miou: float,
    *,
    title: str,
    build: Callable[..., nn.Module],
    parameters: Mapping[str, int],
    output_stride: int = 8,
    output_strides: tuple[int, ...] = (8, 16),
    sha256: str | None = None,
    size: int = 0,
    tiers: tuple[str, ...] = (),
) -> Weights:
    """Makes the record of one of OpenMMLab's checkpoints.

    Args:
        name: Of the record: the architecture, a dot, and the data set; a schedule may follow.
        config: Folder and name of the training configuration.
        stamp: Date, time and leading digits of the hash, as in the file's name.
        miou: Published, in percent.
        title: See `Weights`.
        build: See `Weights`.
        parameters: Number of parameters of the network for each data set.
        output_stride: See `Weights`.
        output_strides: See `Weights`.
        sha256: All digits of the hash, where they are known.
        size: Of the file, in bytes, where it is known.
        tiers: See `Weights`.

    Returns:
        The record.
    """
    label_set = name.partition(".")[2].partition("_")[0]
    family, _, stem = config.partition("/")
    return Weights(
        name=name,
        title=title,
        build=build,
        num_classes=_DATASETS[label_set].num_classes,
        label_set=label_set,
        preprocess=PREPROCESS,
        classifier=CLASSIFIER,
        sha256=sha256 or stamp.rpartition("-")[2],
        size=size,
        parameters=parameters[label_set],
        licence="Apache-2.0",
        source=f"{SOURCE}/{family}",
        metrics={"mIoU": miou},
        measured_on=_DATASETS[label_set].measured_on,
        urls=(f"{BASE_URL}/{config}/{stem}_{stamp}.pth",),
        rename=rename_keys,
        output_stride=output_stride,
        output_strides=output_strides,
        tiers=tiers,
    )
