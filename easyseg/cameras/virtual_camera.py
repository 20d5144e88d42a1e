"""A camera that other programs see, fed with pictures, through pyvirtualcam."""

import importlib
import sys
from fractions import Fraction
from typing import Any

import numpy as np

from easyseg._types import Image
from easyseg.errors import MediaError

_NEEDED = {
    "linux": "load v4l2loopback first: sudo modprobe v4l2loopback exclusive_caps=1",
    "darwin": "install OBS Studio and start its virtual camera once",
    "win32": "install OBS Studio, or Unity Capture",
}
_ELSEWHERE = "there is none for this system"


class VirtualCamera:
    """A sink for live pictures that shows them to other programs as a camera.

    It needs pyvirtualcam (the extra `virtualcam`); on Linux the kernel module v4l2loopback, on
    macOS and Windows OBS Studio. The camera appears with the first picture, in its size.

    Args:
        rate: Frames per second that the camera claims to have.

    Raises:
        MediaError: If pyvirtualcam is not installed.
    """

    def __init__(self, rate: float = 30.0) -> None:
        self._rate = rate
        self._camera: Any = None
        try:
            self._module = importlib.import_module("pyvirtualcam")
        except ImportError as error:
            raise MediaError(
                "a virtual camera needs pyvirtualcam: pip install pyvirtualcam"
            ) from error

    def write(self, image: Image, time: Fraction) -> None:
        """Shows a picture.

        Args:
            image: RGB uint8 (H, W, 3), of the same size every time.
            time: Makes no difference: it is shown at once.

        Raises:
            MediaError: If this system has no virtual camera.
        """
        height, width = image.shape[:2]
        if self._camera is None:
            try:
                self._camera = self._module.Camera(width=width, height=height, fps=self._rate)
            except (RuntimeError, ValueError, OSError) as error:
                raise MediaError(
                    f"no virtual camera can be opened; {_NEEDED.get(sys.platform, _ELSEWHERE)} "
                    f"({' '.join(str(error).split())})"
                ) from error
        if (self._camera.height, self._camera.width) == (height, width):
            self._camera.send(np.ascontiguousarray(image))

    def close(self) -> None:
        """Takes the camera away; further calls do nothing."""
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()
