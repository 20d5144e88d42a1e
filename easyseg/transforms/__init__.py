"""From a photograph to a network's input, and from its logits back to the photograph's pixels."""

from easyseg.transforms.canvas import lay_out
from easyseg.transforms.geometry import Geometry
from easyseg.transforms.preprocess import Preprocess
from easyseg.transforms.probability import class_probability, probabilities, winner_confidence
from easyseg.transforms.restore import restore
from easyseg.transforms.scores import ClassScores

__all__ = [
    "ClassScores",
    "Geometry",
    "Preprocess",
    "class_probability",
    "lay_out",
    "probabilities",
    "restore",
    "winner_confidence",
]
