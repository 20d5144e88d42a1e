"""A live picture in a window of OpenCV's."""

import contextlib
import os
import subprocess
import sys

import cv2

from easyseg._types import Image

LARGEST = (720, 1280)
"""Height and width that a window opens with at most; it can be made larger."""

_ESCAPE = 27
_ALIASES = {"=": "+", "_": "-", "\x1b": "q"}
"""Keys of the same place, or of the same meaning."""

_PROBE = "import cv2, os; cv2.namedWindow('easyseg'); os._exit(0)"
_PROBE_SECONDS = 20.0


def window_problem() -> str | None:
    """Tells why there can be no window, or None when there can be one."""
    on_linux = sys.platform.startswith("linux")
    if on_linux:
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            return "there is no screen, for DISPLAY is not set"
        # Without a usable screen, Qt does not fail but ends the whole process: let it be another.
        return _probed()
    try:
        cv2.namedWindow("easyseg")
        cv2.destroyWindow("easyseg")
    except cv2.error:
        return _HEADLESS
    return None


_HEADLESS = "this OpenCV is built without windows (opencv-python-headless?); opencv-python has them"


def _probed() -> str | None:
    if not sys.executable:
        return None
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE],
            capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return f"the screen does not answer ({error})"
    if done.returncode == 0:
        return None
    if "not implemented" in done.stderr:
        return _HEADLESS
    words = done.stderr.strip().splitlines()
    return f"the screen cannot be used ({words[0] if words else 'no reason is given'})"


class WindowDisplay:
    """A window; it opens with the first picture. To be used by the main thread only.

    Args:
        title: What stands above it.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._open = False

    @property
    def closed(self) -> bool:
        """Whether the user has closed it."""
        if not self._open:
            return False
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1
        except cv2.error:  # what OpenCV says of a window that is not there
            return True

    def show(self, image: Image) -> None:
        """Shows a picture, RGB uint8 (H, W, 3)."""
        if not self._open:
            self._begin(image)
        cv2.imshow(self._title, image[..., ::-1])

    def pressed(self) -> list[str]:
        """Gives the keys pressed since the last call, and lets the window be drawn."""
        keys = []
        while (code := cv2.waitKey(1)) >= 0:
            key = chr(code & 0xFF).lower()
            keys.append(_ALIASES.get(key, key))
        return keys

    def close(self) -> None:
        """Closes the window."""
        if self._open:
            self._open = False
            with contextlib.suppress(cv2.error):
                cv2.destroyWindow(self._title)
                cv2.waitKey(1)

    def _begin(self, image: Image) -> None:
        cv2.namedWindow(
            self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
        )
        height, width = image.shape[:2]
        scale = min(1.0, LARGEST[0] / height, LARGEST[1] / width)
        cv2.resizeWindow(self._title, max(1, round(width * scale)), max(1, round(height * scale)))
        self._open = True
