"""What torchvision's networks share: preprocessing, key layout, facts of the files.

The networks themselves are in `deeplabv3_torchvision`, `fcn_torchvision` and `lraspp`. Reference:
https://github.com/pytorch/vision/tree/main/torchvision/models/segmentation.
"""

import re
from collections.abc import Callable

from torch import nn

from easyseg.checkpoints import StateDict, with_counters
from easyseg.registry import Weights
from easyseg.transforms import Preprocess

PREPROCESS = Preprocess(
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    resize="short_side",
    size=520,
)

BASE_URL = "https://download.pytorch.org/models"
SOURCE = "https://docs.pytorch.org/vision/stable/models.html#semantic-segmentation"

Patterns = tuple[tuple[str, str], ...]
"""Regular expressions of keys, and what they are replaced by, in this order."""

_ENCODER_PATTERNS: Patterns = (
    (r"^backbone\.conv1\.", "encoder.stem.0."),
    (r"^backbone\.bn1\.", "encoder.stem.1."),
    (r"^backbone\.(\d+)\.block\.(\d)\.fc1\.", r"encoder.blocks.\1.layers.\2.reduce."),
    (r"^backbone\.(\d+)\.block\.(\d)\.fc2\.", r"encoder.blocks.\1.layers.\2.restore."),
    (r"^backbone\.(\d+)\.block\.(\d)\.0\.", r"encoder.blocks.\1.layers.\2.conv."),
    (r"^backbone\.(\d+)\.block\.(\d)\.1\.", r"encoder.blocks.\1.layers.\2.norm."),
    (r"^backbone\.(\d+)\.0\.", r"encoder.blocks.\1.conv."),
    (r"^backbone\.(\d+)\.1\.", r"encoder.blocks.\1.norm."),
    (r"^backbone\.", "encoder."),
)


def rename_keys(state_dict: StateDict, head: Patterns) -> StateDict:
    """Renames torchvision's keys to those of our networks; the auxiliary head is left out.

    Args:
        state_dict: The published state dict.
        head: The patterns of the network's head.

    Returns:
        A state dict for the network of the same architecture.
    """
    renamed: StateDict = {}
    for key, tensor in state_dict.items():
        if key.startswith("aux_classifier."):
            continue
        for pattern, replacement in (*_ENCODER_PATTERNS, *head):
            # The first pattern that fits is the only one: a new name may look like an old one.
            key, found = re.subn(pattern, replacement, key)
            if found:
                break
        renamed[key] = tensor
    return with_counters(renamed)


def record(
    name: str,
    file: str,
    miou: float,
    pixel_accuracy: float,
    *,
    title: str,
    build: Callable[..., nn.Module],
    parameters: int,
    classifier: str,
    rename: Callable[[StateDict], StateDict],
    output_stride: int = 8,
) -> Weights:
    """Makes the record of one of torchvision's checkpoints.

    Args:
        name: Of the record.
        file: Its name ends with the leading digits of its hash.
        miou: Published, in percent.
        pixel_accuracy: Published, in percent.
        title: See `Weights`.
        build: See `Weights`.
        parameters: See `Weights`.
        classifier: See `Weights`.
        rename: See `Weights`.
        output_stride: See `Weights`.

    Returns:
        The record.
    """
    return Weights(
        name=name,
        title=title,
        build=build,
        num_classes=21,
        label_set="voc",
        preprocess=PREPROCESS,
        classifier=classifier,
        sha256=file.removesuffix(".pth").rpartition("-")[2],
        size=0,
        parameters=parameters,
        licence="BSD-3-Clause",
        source=SOURCE,
        metrics={"mIoU": miou, "pixel accuracy": pixel_accuracy},
        measured_on="COCO val2017 with the 20 categories of VOC (not VOC val), by torchvision",
        urls=(f"{BASE_URL}/{file}",),
        rename=rename,
        output_stride=output_stride,
        output_strides=(8, 16),
    )
