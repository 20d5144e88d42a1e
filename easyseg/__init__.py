"""Semantic segmentation in one line, in the style of PixelLib.

Importing this package loads neither PyTorch nor OpenCV nor NumPy: each name does, at its first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

from easyseg.errors import (
    DownloadError,
    EasysegError,
    EasysegWarning,
    InputError,
    MediaError,
    ModelError,
)

if TYPE_CHECKING:
    from easyseg import labels, semantic
    from easyseg.api import segment, segment_video, stream
    from easyseg.background import (
        change_background,
        change_background_camera,
        change_background_video,
    )
    from easyseg.camera import segment_camera
    from easyseg.engine import Segmenter
    from easyseg.engine.quantizing import quantize
    from easyseg.evaluation import evaluate
    from easyseg.labels import LabelSet
    from easyseg.large import segment_large
    from easyseg.result import Segmentation
    from easyseg.semantic import semantic_segmentation
    from easyseg.training import train
    from easyseg.tune_bg import alter_bg

__version__ = "0.1.0"

__all__ = [
    "DownloadError",
    "EasysegError",
    "EasysegWarning",
    "InputError",
    "LabelSet",
    "MediaError",
    "ModelError",
    "Segmentation",
    "Segmenter",
    "__version__",
    "alter_bg",
    "change_background",
    "change_background_camera",
    "change_background_video",
    "evaluate",
    "labels",
    "quantize",
    "segment",
    "segment_camera",
    "segment_large",
    "segment_video",
    "semantic",
    "semantic_segmentation",
    "stream",
    "train",
]

_HOMES = {
    "LabelSet": "easyseg.labels",
    "Segmentation": "easyseg.result",
    "Segmenter": "easyseg.engine",
    "alter_bg": "easyseg.tune_bg",
    "change_background": "easyseg.background",
    "change_background_camera": "easyseg.background",
    "change_background_video": "easyseg.background",
    "evaluate": "easyseg.evaluation",
    "labels": "easyseg",
    "quantize": "easyseg.engine.quantizing",
    "segment": "easyseg.api",
    "segment_camera": "easyseg.camera",
    "segment_large": "easyseg.large",
    "segment_video": "easyseg.api",
    "stream": "easyseg.api",
    "train": "easyseg.training",
    "semantic": "easyseg",
    "semantic_segmentation": "easyseg.semantic",
}


if not TYPE_CHECKING:  # type checkers know each name, and so what is none

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = _HOMES[name]
        if home == __name__:  # a module of this package
            return importlib.import_module(f"{home}.{name}")
        value = getattr(importlib.import_module(home), name)
        globals()[name] = value  # from now on without this function
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
