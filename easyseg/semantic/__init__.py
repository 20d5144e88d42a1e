"""PixelLib's class for semantic segmentation: its names, its orders, its returns.

The one place where ADE20K's ids count from 1, where shares are percent, and where pictures are BGR,
OpenCV's order, on both ways.
"""

from easyseg.semantic.colormaps import (
    create_ade20k_label_colormap,
    create_ade20k_label_namemap,
    create_pascal_label_colormap,
    labelAde20k_to_color_image,
    labelP_to_color_image,
    obtain_segmentation,
)
from easyseg.semantic.segmentation import semantic_segmentation
from easyseg.semantic.values import SegmentedObject, SegValues, SemanticOutput

__all__ = [
    "SegValues",
    "SegmentedObject",
    "SemanticOutput",
    "create_ade20k_label_colormap",
    "create_ade20k_label_namemap",
    "create_pascal_label_colormap",
    "labelAde20k_to_color_image",
    "labelP_to_color_image",
    "obtain_segmentation",
    "semantic_segmentation",
]
