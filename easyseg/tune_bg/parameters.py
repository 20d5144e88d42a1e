"""What the parameters of PixelLib's `alter_bg` mean, stated once, and the options added to them."""

from typing import Annotated, TypeAlias

from typing_extensions import Doc

from easyseg._types import ClassSelection, Color
from easyseg.options import (
    CaptureOptions,
    DisplayOptions,
    EdgeOptions,
    FitOptions,
    FrameOptions,
    documented,
)
from easyseg.pictures.image import ImageSource

Detect: TypeAlias = Annotated[
    ClassSelection | None,
    Doc("What stays as it is: a class or several; None is everything but the background."),
]
Backdrop: TypeAlias = Annotated[
    ImageSource,
    Doc("""The new background, an array in BGR: a picture, or, for a video or a camera, also a
        video, which plays in step and over again. For frames, a file is read once and kept."""),
]
NewColor: TypeAlias = Annotated[Color, Doc("Red, green, blue, each 0 to 255.")]
Low: TypeAlias = Annotated[bool, Doc("Whether to blur a little.")]
Moderate: TypeAlias = Annotated[bool, Doc("Whether to blur moderately, which is the default.")]
Extreme: TypeAlias = Annotated[bool, Doc("Whether to blur a lot; of several the strongest counts.")]


class BackdropOptions(FitOptions, EdgeOptions, total=False):
    """What a picture with another picture behind it takes."""


class VideoEdgeOptions(EdgeOptions, FrameOptions, total=False):
    """What a video with another background takes."""


class VideoBackdropOptions(FitOptions, VideoEdgeOptions, total=False):
    """What a video with another picture behind it takes."""


class CameraEdgeOptions(EdgeOptions, FrameOptions, DisplayOptions, CaptureOptions, total=False):
    """What a camera with another background takes."""


class CameraBackdropOptions(FitOptions, CameraEdgeOptions, total=False):
    """What a camera with another picture behind it takes."""


_ENDS = """\
Returns:
    The {} picture, BGR uint8 (H, W, 3) of the source's size.

Raises:
    InputError: If an option or a class is wrong.
    MediaError: If something cannot be opened, read, shown or written.
    ModelError: If the model cannot be loaded."""

pixellib = documented(_ENDS.format("new"), fit="stretch")
"""Documents a method; a new background is brought to size as PixelLib does it."""

calm = documented(_ENDS.format("last"), fit="stretch", smoothing="light")
"""Documents one for videos."""

live = documented(_ENDS.format("last"), fit="stretch")
"""Documents one for cameras."""
