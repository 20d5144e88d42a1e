"""The networks; importing this package registers the weights of all of them."""

from easyseg.models import (
    deeplabv3_mobilenet_v2,
    deeplabv3_openmmlab,
    deeplabv3_torchvision,
    deeplabv3plus,
    deeplabv3plus_bubbliiiing,
    deeplabv3plus_openmmlab,
    deeplabv3plus_xception65,
    efficientvit_seg,
    fcn_torchvision,
    lraspp,
    pspnet,
    segformer,
    upernet,
)

__all__ = [
    "deeplabv3_mobilenet_v2",
    "deeplabv3_openmmlab",
    "deeplabv3_torchvision",
    "deeplabv3plus",
    "deeplabv3plus_bubbliiiing",
    "deeplabv3plus_openmmlab",
    "deeplabv3plus_xception65",
    "efficientvit_seg",
    "fcn_torchvision",
    "lraspp",
    "pspnet",
    "segformer",
    "upernet",
]
