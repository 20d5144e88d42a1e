"""Every option, stated once, by what it is about: videos and cameras; see `pictures`."""

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from typing_extensions import Doc, TypedDict

from easyseg.options.field import Option
from easyseg.options.pictures import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import easyseg
    from easyseg._types import PathLike
    from easyseg.videos.sinks import LiveSink

Smoothing: TypeAlias = Literal["off", "light", "strong"]
DisplayName: TypeAlias = Literal["auto", "window", "browser", "none"]

RATE = 15.0
"""Frames a second that a live picture shall have."""

RECONNECT = 15.0
"""Seconds for which it is tried to get a lost camera back."""

# Those of several sets that have nothing else in common.
MaxFrames: TypeAlias = Annotated[
    int | None,
    Doc("At most so many frames of a video or camera are taken; None goes on to the end."),
    Option("stop after N frames", unit="N"),
]
Timeout: TypeAlias = Annotated[
    float | None,
    Doc("Seconds after which a camera ends; None goes on."),
    Option("end a camera after so long", unit="SECONDS"),
]


class RateOptions(TypedDict, total=False):
    """How finely it is looked."""

    rate: Annotated[
        float | None,
        Doc("""Frames a second to reach, by working at a smaller size; None keeps the model's
            own."""),
        Option("frames a second that is to be reached, at a smaller size where needed",
               RATE, "FPS", decides=False),
    ]  # fmt: skip


class RangeOptions(TypedDict, total=False):
    """Which frames of a video (mp4, mov, mkv, webm, avi, gif)."""

    start: Annotated[
        float | None,
        Doc("First moment wanted of a video, in seconds."),
        Option("moment of a video to begin at", unit="SECONDS"),
    ]
    end: Annotated[
        float | None,
        Doc("Moment of a video to stop at, in seconds."),
        Option("moment of a video to stop at", unit="SECONDS"),
    ]
    stride: Annotated[
        int,
        Doc("Every how many-th frame of a video is taken."),
        Option("take every N-th frame only", 1, "N"),
    ]
    max_frames: MaxFrames


class FrameOptions(TypedDict, total=False):
    """How frames are segmented, one after another."""

    every_n: Annotated[
        int,
        Doc("""Every how many-th frame is shown to the network; the frames between keep the labels
            of the last one. (The edges before another background still follow the picture.)"""),
        Option("show every N-th frame to the network and keep its labels for the frames between",
               1, "N"),
    ]  # fmt: skip
    smoothing: Annotated[
        Smoothing,
        Doc("""`"off"`, `"light"` or `"strong"`: calms the labels, and with them the edges, over
            time."""),
        Option("calm the flicker of the labels over time", "off"),
    ]


class EncodingOptions(TypedDict, total=False):
    """How a video is coded."""

    encoder: Annotated[
        str | None,
        Doc("FFmpeg's name of a video encoder; None takes the best there is."),
        Option("FFmpeg's name of a video encoder; the best there is by default", unit="NAME"),
    ]
    crf: Annotated[
        int | None,
        Doc("""Constant rate factor: smaller is better and larger a file; None is 20 for H.264 and
            31 for VP9."""),
        Option("constant rate factor: smaller is better and larger a file (20 for H.264)",
               unit="N", low=0, high=63),
    ]  # fmt: skip
    preset: Annotated[
        str | None,
        Doc("""H.264's speed preset; None is `"veryfast"`."""),
        Option("H.264's speed preset; veryfast by default", unit="NAME"),
    ]


class NotingOptions(TypedDict, total=False):
    """What is noted of the frames."""

    statistics: Annotated[
        "PathLike | None",
        Doc("A `.csv` (frame, time, class, ratio) or `.jsonl` file to write, too."),
        Option("write the share of each class in each frame to a .csv or .jsonl file, too",
               unit="FILE", flag="stats"),
    ]  # fmt: skip
    on_frame: Annotated[
        # The public name: the class lives in a room above.
        "Callable[[int, float, easyseg.Segmentation], None] | None",
        Doc("Called with (number, time in seconds, Segmentation) for each frame."),
        Option(decides=False),
    ]


class JobOptions(NotingOptions, total=False):
    """What else becomes of a video."""

    sound: Annotated[
        bool,
        Doc("Whether sound and subtitles are kept."),
        Option("sound and subtitles", default=True, off="leave sound and subtitles out"),
    ]
    frames_per_second: Annotated[
        float | None,
        Doc("""Rate at which the target plays; None is the source's. Another speed than the source's
            goes without sound."""),
        Option("rate at which the video plays, without sound where that is another speed",
               unit="FPS"),
    ]  # fmt: skip
    resume: Annotated[
        bool,
        Doc("""Whether to go on where an earlier call with `resume` and the same arguments was
            killed or interrupted. What is finished waits in a hidden folder beside the target,
            which goes when the target is complete; nothing is coded twice. Transparent videos can
            only be resumed as folders of PNGs."""),
        Option("go on where the same command was killed or interrupted; give it from the beginning",
               default=False, decides=False),
    ]  # fmt: skip
    progress: Progress


class CaptureOptions(TypedDict, total=False):
    """How a camera is read."""

    timeout: Timeout
    max_frames: MaxFrames
    reconnect: Annotated[
        float,
        Doc("Seconds for which it is tried to get a lost source back."),
        Option("seconds for which it is tried to get a lost source back", RECONNECT, "SECONDS"),
    ]


class DisplayOptions(TypedDict, total=False):
    """Where a live picture goes."""

    display: Annotated[
        DisplayName,
        Doc("""`"window"`, `"browser"` (a page on 127.0.0.1), `"none"`, or `"auto"`: the cell in a
            notebook, else a window, else, where there is no screen, a page."""),
        Option("where to show it; auto is a window, or a page on 127.0.0.1 where there is no "
               "screen", "auto"),
    ]  # fmt: skip


class ShowingOptions(DisplayOptions, total=False):
    """Where a live picture goes."""

    title: Annotated[str, Doc("Of the window or page."), Option(default="easyseg")]
    announce: Annotated[
        "Callable[[str], None] | None",
        Doc("Is told the address of the page; None logs it as a warning."),
        Option(),
    ]
    record: Annotated[
        "PathLike | None",
        Doc("""A `.mp4`, `.mov`, `.mkv`, `.webm` or `.gif` to record to from the start; it plays at
            the speed of life, however many frames there were."""),
        Option("a .mp4, .mov, .mkv, .webm or .gif to record to", unit="OUT"),
    ]
    sinks: Annotated[
        "Sequence[LiveSink]",
        Doc("""What else gets every picture, see `easyseg.videos.sinks.LiveSink`; closed at the
            end."""),
        Option(default=()),
    ]
