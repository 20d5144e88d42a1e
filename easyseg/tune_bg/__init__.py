"""PixelLib's class for backgrounds: its names, its orders, its returns; pictures are BGR."""

from easyseg.tune_bg.alter import alter_bg

__all__ = ["alter_bg"]
