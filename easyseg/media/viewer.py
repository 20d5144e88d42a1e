"""Shows pictures where somebody sees them: in a notebook, or in the system's own viewer."""

import os
import sys
import webbrowser
from pathlib import Path

from easyseg.errors import MediaError


def in_notebook() -> bool:
    """Tell whether this runs in Jupyter's kernel; IPython in a terminal shows no pictures."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def open_in_viewer(path: Path) -> None:
    """Opens a picture file with the system's program for it.

    Raises:
        MediaError: There is none, as on a server.
    """
    if sys.platform == "win32":
        os.startfile(path)
    elif not webbrowser.open(path.resolve().as_uri()):
        raise MediaError(
            f"no program to show pictures was found; the overlay is in {path}. "
            "Use save(path) to choose the file"
        )
