"""Pictures of label maps: plain colours, overlays, a legend; other backgrounds, cut-outs.

Plain arrays and a `LabelSet` in, a new array out; nothing here knows a `Segmentation`.
"""

from easyseg.render.colorize import colorize
from easyseg.render.legend import legend
from easyseg.render.overlay import overlay

__all__ = ["colorize", "legend", "overlay"]
