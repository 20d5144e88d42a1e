"""What PixelLib's parameters mean, stated once, and the options that easyseg adds to them."""

from typing import Annotated, TypeAlias

from typing_extensions import Doc

from easyseg._types import ClassSelection, PathLike
from easyseg.cameras.captures import CameraLike
from easyseg.options import (
    CaptureOptions,
    DisplayOptions,
    DrawingOptions,
    FrameOptions,
    Option,
    documented,
)
from easyseg.pictures.image import ImageSource

Picture: TypeAlias = Annotated[
    ImageSource,
    Doc("""The picture: a path, URL, bytes, file object, PIL image, or an array or tensor, which is
        BGR."""),
]
FramePicture: TypeAlias = Annotated[
    ImageSource, Doc("A picture, BGR uint8 (H, W, 3) as OpenCV gives it.")
]
ProcessFrame: TypeAlias = Annotated[
    bool, Doc("Accepted for PixelLib's sake: an array is recognised without it.")
]
PictureName: TypeAlias = Annotated[
    PathLike | None, Doc("Where to write the returned picture; None writes nothing.")
]
Overlay: TypeAlias = Annotated[
    bool, Doc("Whether the classes are drawn over the picture, rather than alone.")
]
Verbose: TypeAlias = Annotated[object, Doc("Whether to log.")]
Extract: TypeAlias = Annotated[bool, Doc("Whether to return a list of the classes, too.")]
Video: TypeAlias = Annotated[PathLike, Doc("The video.")]
VideoRate: TypeAlias = Annotated[
    float | None,
    Doc("""Rate at which the new video plays; None is the source's. Another speed goes without
        sound."""),
]
VideoName: TypeAlias = Annotated[
    PathLike | None,
    Doc("""The new video: `.mp4`, `.mov`, `.mkv`, `.webm`, `.gif`, and of a file `.avi`, too; None
        writes none."""),
]
Camera: TypeAlias = Annotated[
    CameraLike,
    Doc("""A cv2.VideoCapture, which is released at the end; or an index, a device, the address of a
        stream, a video file, or an object with `read()`."""),
]
CameraRate: TypeAlias = Annotated[
    float | None,
    Doc("""Rate to reach, by working at a smaller size, down to 256 pixels; None is 15. The speed of
        the video does not depend on it (in PixelLib it does)."""),
]
CheckFps: TypeAlias = Annotated[bool, Doc("Whether to print the rate, at the end.")]
ShowFrames: TypeAlias = Annotated[
    bool, Doc("Whether to show the frames; `frame_name` is not needed for it.")
]
FrameName: TypeAlias = Annotated[str | None, Doc("""Title of the window; None is "easyseg".""")]


class ResultOptions(DrawingOptions, total=False):
    """What is returned."""

    classes: Annotated[
        ClassSelection | None,
        Doc("""Only these classes, by name or synonym, or by PixelLib's id: from 0 (background) for
            PASCAL VOC, 1 (wall) to 150 (flag) for ADE20K; None is all."""),
        Option(),
    ]
    long_names: Annotated[
        bool,
        Doc("""Whether `class_names` are full names ("chest of drawers") rather than PixelLib's
            single words ("chest")."""),
        Option(default=False),
    ]


class VideoResultOptions(ResultOptions, FrameOptions, total=False):
    """What is returned of a video."""


class CameraResultOptions(ResultOptions, FrameOptions, DisplayOptions, CaptureOptions, total=False):
    """What is returned of a camera."""


pixellib = documented(alpha=0.7, legend=False, outline=False)
"""Documents a method whose overlay is PixelLib's."""
