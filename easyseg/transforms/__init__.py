"""From a photograph to a network's input, and from its logits back to the photograph's pixels."""

from easyseg.transforms.geometry import Geometry
from easyseg.transforms.preprocess import Preprocess
from easyseg.transforms.restore import probabilities, restore, winner_confidence

__all__ = ["Geometry", "Preprocess", "probabilities", "restore", "winner_confidence"]
