"""Trains models on labelled photographs."""

from easyseg.training.api import Training, train
from easyseg.training.settings import Settings

__all__ = ["Settings", "Training", "train"]
