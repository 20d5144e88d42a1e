"""What comes out of a segmentation: the label map of one picture, and all that it can tell."""

from easyseg.result.segmentation import ClassArea, Segmentation, class_areas, facts_of

__all__ = ["ClassArea", "Segmentation", "class_areas", "facts_of"]
