"""Files: how they are opened, named and replaced, whatever is in them."""

from easyseg.files.names import plain_name

__all__ = ["plain_name"]
