"""Real clips for the tests of this folder."""

from clips import clips, streams

__all__ = ["clips", "streams"]
