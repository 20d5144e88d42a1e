"""Which groups of options each public function takes."""

from typing import TYPE_CHECKING, Annotated, Literal

from typing_extensions import Doc

from easyseg.options.field import Option
from easyseg.options.pictures import (
    ChannelOrder,
    Confidence,
    DatasetOptions,
    DrawingOptions,
    EffectOptions,
    EngineOptions,
    FrontOptions,
    LookingOptions,
    ManyOptions,
    MeasuringOptions,
    ModelOptions,
    MovingOptions,
    OverlayOptions,
    Progress,
    QualityOptions,
    ReadingOptions,
    ResolutionOptions,
    StrideOptions,
    TransparentOptions,
)
from easyseg.options.videos import (
    CaptureOptions,
    EncodingOptions,
    FrameOptions,
    JobOptions,
    NotingOptions,
    RangeOptions,
    RateOptions,
    ShowingOptions,
    Timeout,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import easyseg
    from easyseg._types import Image, PathLike


class RunningOptions(EngineOptions, ResolutionOptions, StrideOptions, total=False):
    """Where a network runs, and how finely it looks."""


class QuantizeOptions(DatasetOptions, ResolutionOptions, StrideOptions, total=False):
    """Which form of a network is quantised."""


class NetworkOptions(DatasetOptions, RunningOptions, total=False):
    """How a network is loaded."""


class EvaluateOptions(MeasuringOptions, RunningOptions, total=False):
    """What `easyseg.evaluate` takes."""


class CallOptions(ReadingOptions, QualityOptions, ManyOptions, total=False):
    """How a loaded network looks at a picture."""


class PictureOptions(
    LookingOptions, ReadingOptions, RunningOptions,
    QualityOptions, ManyOptions, total=False,
):  # fmt: skip
    """What `easyseg.segment` takes."""


class StreamOptions(
    LookingOptions, RunningOptions, FrameOptions, RangeOptions,
    ManyOptions, total=False,
):  # fmt: skip
    """What `easyseg.stream` takes."""

    confidence: Confidence
    timeout: Timeout


class VideoOptions(
    LookingOptions, RunningOptions, FrameOptions, RangeOptions,
    DrawingOptions, EncodingOptions, JobOptions, total=False,
):  # fmt: skip
    """What `easyseg.segment_video` takes."""


class LargeOptions(
    LookingOptions, RunningOptions, QualityOptions,
    OverlayOptions, total=False,
):  # fmt: skip
    """Which files are written of a large picture."""

    colors: Annotated[
        "PathLike | None", Doc("A `.tif` for the classes alone, in their colours."), Option()
    ]
    labels: Annotated[
        "PathLike | None", Doc("A `.tif` for the class ids, grey; 255 is void."), Option()
    ]
    progress: Progress


class LiveOptions(
    FrameOptions, RateOptions, ShowingOptions, EncodingOptions, NotingOptions, CaptureOptions,
    total=False,
):  # fmt: skip
    """What every live picture takes."""


class CameraOptions(
    LookingOptions, EngineOptions, StrideOptions, DrawingOptions, LiveOptions, total=False
):
    """How finely it is looked."""

    size: Annotated[
        int | Literal["auto"] | None,
        Doc("""Side, in pixels, that the model works at; None is the model's own, and `"auto"` the
            largest from 256 to the model's own at which `rate` holds."""),
        Option("side the model works at; larger is finer; auto is the largest at which the rate "
               "holds", "auto", "PIXELS"),
    ]  # fmt: skip
    color: Annotated[
        ChannelOrder,
        Doc("""Order of the channels of an object's pictures, `"bgr"` or `"rgb"`."""),
        Option(default="bgr"),
    ]
    draw: Annotated[
        "Callable[[easyseg.Segmentation], Image] | None",
        Doc("""Makes the picture of a Segmentation, RGB uint8 (H, W, 3), instead of the overlay;
            called in a thread."""),
        Option(),
    ]


class BackgroundOptions(
    EffectOptions, TransparentOptions, FrontOptions, ModelOptions, EngineOptions,
    ResolutionOptions, StrideOptions, total=False,
):  # fmt: skip
    """How arrays are read."""

    order: Annotated[
        ChannelOrder,
        Doc("""Order of the channels of an array or tensor: `"bgr"` for OpenCV's."""),
        Option(default="rgb"),
    ]


class BackgroundVideoOptions(
    EffectOptions, MovingOptions, TransparentOptions, FrontOptions, ModelOptions, RunningOptions,
    FrameOptions, RangeOptions, EncodingOptions, JobOptions, total=False,
):  # fmt: skip
    """What `easyseg.change_background_video` takes."""


class BackgroundCameraOptions(
    EffectOptions, MovingOptions, FrontOptions, ModelOptions, EngineOptions, StrideOptions,
    LiveOptions, total=False,
):  # fmt: skip
    """Where a live picture goes."""

    virtual_camera: Annotated[
        bool,
        Doc("""Whether other programs, such as those for calls, see the picture as a camera's, too;
            see `easyseg.cameras.virtual_camera.VirtualCamera` for what that needs."""),
        Option("show a camera's picture to other programs as a camera's, too", default=False),
    ]
