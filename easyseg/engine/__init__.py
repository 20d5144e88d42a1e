"""Runs networks on pictures: device, precision, loading."""

from easyseg.engine.cache import cached_segmenter, clear_cache
from easyseg.engine.segmenter import Prediction, Segmenter

__all__ = ["Prediction", "Segmenter", "cached_segmenter", "clear_cache"]
