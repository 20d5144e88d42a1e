"""Runs networks on pictures: device, precision, loading."""

from easyseg.engine.cache import cached_segmenter, clear_cache
from easyseg.engine.prediction import Prediction
from easyseg.engine.segmenter import Segmenter

__all__ = ["Prediction", "Segmenter", "cached_segmenter", "clear_cache"]
