"""Labelled photographs, in whatever layout they come."""

from easyseg.datasets.base import Dataset, Item, Sample
from easyseg.datasets.classes import read_classes
from easyseg.datasets.layouts import open_dataset, open_images

__all__ = ["Dataset", "Item", "Sample", "open_dataset", "open_images", "read_classes"]
