"""Every option, stated once, by what it is about: pictures, and the network that looks at them.

A line holds the name, the type, a paragraph for documentation (`Doc`), and the rest (`Option`): the
default, the line for the command line and for forms, the unit. Types that are heavy to load, or
live in rooms above, are written as texts.
"""

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from typing_extensions import Doc, TypedDict

from easyseg.options.field import Option

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from easyseg._types import ClassSelection, Color, PathLike
    from easyseg.pictures.image import ImageSource

DatasetName: TypeAlias = Literal["ade20k", "voc"]
Precision: TypeAlias = Literal["auto", "fp32", "bf16", "fp16", "int8"]
Backend: TypeAlias = Literal["auto", "torch", "openvino", "onnxruntime"]
ChannelOrder: TypeAlias = Literal["rgb", "bgr"]
Fit: TypeAlias = Literal["fill", "fit", "stretch"]
Strength: TypeAlias = float | Literal["low", "moderate", "extreme"]

MAX_PIXELS = 500_000_000
"""Pixels of a picture that is taken into memory: 1.5 GB of them, and as much again while it is
read. A file of some bytes may claim any number."""

# Those of several sets that have nothing else in common.
Confidence: TypeAlias = Annotated[
    bool, Doc("Whether to compute the confidence of each pixel, too."), Option(default=False)
]
Progress: TypeAlias = Annotated[
    bool | None, Doc("Whether to show a bar; None shows it on a terminal."), Option(decides=False)
]


class DatasetOptions(TypedDict, total=False):
    """What is looked for."""

    dataset: Annotated[
        DatasetName | None,
        Doc("""The classes to look for: `"ade20k"` (150) or `"voc"` (21). None is ADE20K for a tier,
            and whatever the model was trained on for a name or a path; for a background it is VOC,
            or ADE20K when only that has the classes."""),
        Option("the classes to look for: ade20k (default) or voc", unit="NAME", synonyms=True),
    ]


class ModelOptions(DatasetOptions, total=False):
    """What is looked for."""

    model: Annotated[
        "PathLike",
        Doc("""A tier (`"builtin"`, `"live"` for cameras, `"fast"`, `"balanced"`, `"best"`), the
            full name of a model (see `easyseg models`), or the path of a checkpoint file."""),
        Option(
            "a model or tier (see easyseg models), or the path of a checkpoint", "fast", "NAME",
            contents=True,
        ),
    ]  # fmt: skip


class LookingOptions(ModelOptions, total=False):
    """What is looked for."""

    classes: Annotated[
        "ClassSelection | None",
        Doc("""Keep only these classes, by id (from 0) or by name or synonym; the other pixels
            become void. None keeps all."""),
        Option("only these classes, by name, synonym or id", unit="A,B"),
    ]


class ReadingOptions(TypedDict, total=False):
    """How arrays are read, and what is computed besides."""

    color: Annotated[
        ChannelOrder,
        Doc("""Order of the channels of arrays and tensors: `"bgr"` for OpenCV's."""),
        Option(default="rgb"),
    ]
    confidence: Confidence
    max_pixels: Annotated[
        int,
        Doc("""Most pixels, width times height, of a picture that is taken into memory; checked
            before it is decoded, since a file of some bytes may claim any number."""),
        Option(
            "refuse photographs of more pixels, width times height", MAX_PIXELS, "N", decides=False
        ),
    ]  # fmt: skip


class EngineOptions(TypedDict, total=False):
    """Where the model runs, and with what."""

    device: Annotated[
        "str | torch.device | None",
        Doc("A torch device; None takes CUDA, then MPS, then the CPU."),
        Option("cpu, cuda, cuda:1, mps; the best there is by default", unit="DEVICE"),
    ]
    precision: Annotated[
        Precision,
        Doc("""Numbers that the network computes with: `"fp32"`, `"bf16"`, `"fp16"` (GPUs only), or
            `"int8"` (OpenVINO only, after `easyseg.quantize`). `"auto"` is fp32, or bf16 where the
            processor has instructions for it and it was measured not to cost the model
            accuracy."""),
        Option(
            "fp32, bf16, fp16 on GPUs, or int8 after easyseg quantize; by default fp32, or bf16 "
            "where it is faster and was measured not to cost accuracy", "auto", "NAME",
        ),
    ]  # fmt: skip
    backend: Annotated[
        Backend,
        Doc("""What computes the network's answer: `"torch"`, or on a CPU `"openvino"` or
            `"onnxruntime"`, which are extras. `"auto"` is OpenVINO on a CPU where it is installed,
            else torch. Where another than torch fails, torch takes over with a warning."""),
        Option(
            "torch, openvino or onnxruntime; by default OpenVINO on a CPU where it is installed",
            "auto", "NAME",
        ),
    ]  # fmt: skip


class StrideOptions(TypedDict, total=False):
    """How finely it is looked."""

    output_stride: Annotated[
        int | None,
        Doc("""Ratio of the picture's resolution to that of the encoder's last features, such as 8,
            16 or 32; None is the model's own. Smaller is slower and finer."""),
        Option("8, 16 or 32; smaller is finer and slower", unit="N"),
    ]


class ResolutionOptions(TypedDict, total=False):
    """How finely it is looked."""

    size: Annotated[
        int | None,
        Doc("""Side, in pixels, that the model works at; None is the model's own. Larger is slower
            and finer."""),
        Option("side the model works at; larger is finer", unit="PIXELS"),
    ]


class QualityOptions(TypedDict, total=False):
    """How finely it is looked."""

    tta: Annotated[
        bool | Literal["auto"],
        Doc("""Whether to average several views of each picture or tile: three sizes, each also
            mirrored, which is about six times as slow; of the built-in models, which gain nothing
            by other sizes, the mirrored view alone. `"auto"` does that where it costs little: with
            built-in models, but not by PyTorch in fp32 on a CPU, nor with `tile`."""),
        Option(
            "average several views of each photograph, mirrored ones too: up to six times slower; "
            "by default built-in models do where that costs little", "auto",
        ),
    ]  # fmt: skip
    tile: Annotated[
        int | None,
        Doc("""Side, in pixels, of the tiles that larger pictures are cut into, such as 1024, so
            that small things are found in them. They overlap, and are blended smoothly; where
            memory runs out, smaller ones are used. None takes every picture whole."""),
        Option(
            "cut larger photographs into tiles of this side, such as 1024, to find small things; "
            "a TIFF that is too large for memory always is, and goes from file to file",
            unit="PIXELS",
        ),
    ]


class ManyOptions(TypedDict, total=False):
    """What becomes of one of many that is bad."""

    on_error: Annotated[
        Literal["raise", "skip"],
        Doc("""What becomes of one of many things that cannot be read or segmented: `"raise"` raises
            its error, and `"skip"` leaves it out, with a warning that counts. A stream goes on with
            the next one after either."""),
        Option(
            "raise stops at the first file that fails, skip ends with status 0 when some do; where "
            "nothing is said the others are done, and the status is 1", "raise",
        ),
    ]  # fmt: skip


class MeasuringOptions(TypedDict, total=False):
    """How a model is measured."""

    split: Annotated[
        str,
        Doc("Which part of the data, where it has parts."),
        Option("part of the data", "val", "NAME"),
    ]
    flip: Annotated[
        bool | Literal["auto"],
        Doc("""Whether to average with the mirrored photograph; `"auto"` does what a call of the
            model does where nothing is said."""),
        Option("average with the mirrored photograph; by default as the model does", "auto"),
    ]
    scales: Annotated[
        "Sequence[float]",
        Doc("Sizes to average over, relative to the model's own."),
        Option("average over these sizes, relative to the model's own (by default 1)", (1.0,),
               "A,B"),
    ]  # fmt: skip
    reduce_zero_label: Annotated[
        bool,
        Doc("Whether masks in a folder or a tar file count their classes from 1."),
        Option("the masks count their classes from 1, and their 0 is void", default=False),
    ]
    limit: Annotated[
        int | None,
        Doc("Take only so many photographs, the first ones; None takes all."),
        Option("only the first N photographs", unit="N"),
    ]


class OverlayOptions(TypedDict, total=False):
    """How the classes are drawn."""

    alpha: Annotated[
        float,
        Doc("Share of the colour in the overlay, 0 to 1."),
        Option("share of the colour in the overlay, 0 to 1", 0.6, "SHARE", low=0, high=1),
    ]
    outline: Annotated[
        bool,
        Doc("Whether the overlay has a thin line around each area."),
        Option("lines around the areas", default=True, off="no lines around the areas"),
    ]


class DrawingOptions(OverlayOptions, total=False):
    """How the classes are drawn."""

    legend: Annotated[
        bool,
        Doc("Whether the overlay lists the classes with their share of the picture."),
        Option("a list of the classes on the overlay", default=True,
               off="no list of the classes on the overlay"),
    ]  # fmt: skip


class EffectOptions(TypedDict, total=False):
    """What is done to the background, one of these."""

    blur: Annotated[
        Strength | None,
        Doc("""Strength, 0 to 1 relative to the picture's size, or `"low"`, `"moderate"`,
            `"extreme"`. The colours of what is in front do not run into it."""),
        Option("0 to 1, or low, moderate, extreme", unit="STRENGTH", low=0, high=1),
    ]
    color: Annotated[
        "Color | None",
        Doc("Another colour: red, green, blue, each 0 to 255."),
        Option("a colour, as 0,255,0", unit="R,G,B"),
    ]
    gray: Annotated[
        bool, Doc("Whether to take the colours out."), Option("without colours", default=False)
    ]
    pixelate: Annotated[
        Strength | None,
        Doc("Strength of a mosaic, as for `blur`."),
        Option("a mosaic; as for --blur", unit="STRENGTH", low=0, high=1),
    ]
    image: Annotated[
        "ImageSource | None",
        Doc("Another picture, as `easyseg.segment` takes it."),
        Option("another picture", unit="FILE", contents=True),
    ]


class TransparentOptions(TypedDict, total=False):
    """What is done to the background, one of these."""

    transparent: Annotated[
        bool, Doc("Whether to cut the background off."), Option("nothing", default=False)
    ]


class MovingOptions(TypedDict, total=False):
    """What is done to the background, one of these."""

    video: Annotated[
        "PathLike | None",
        Doc("""A video to put behind; it plays in step, or at its own speed behind a camera, and
            again from the start when it ends."""),
        Option("a video, repeated as long as needed", unit="FILE", contents=True),
    ]


class FitOptions(TypedDict, total=False):
    """What is in front, and how it is cut out."""

    fit: Annotated[
        Fit,
        Doc("""How `image` or `video` is brought to size: `"fill"` cuts off what is too much,
            `"fit"` leaves black bars, `"stretch"` distorts."""),
        Option("how the picture or video is brought to size", "fill"),
    ]


class EdgeOptions(TypedDict, total=False):
    """What is in front, and how it is cut out."""

    invert: Annotated[
        bool,
        Doc("""Whether to do it to the classes instead, such as to pixelate persons and cars."""),
        Option("do it to the classes instead of to the background", default=False),
    ]
    hard: Annotated[
        bool,
        Doc("""Whether edges are as the labels are, rather than soft and along the picture's
            own."""),
        Option("hard edges, as the labels are", default=False),
    ]


class FrontOptions(FitOptions, EdgeOptions, total=False):
    """What is in front, and how it is cut out."""

    classes: Annotated[
        "ClassSelection | None",
        Doc("""What is in front, by name, synonym or id, one or several; None is everything but the
            background, where the data set has one."""),
        Option("what is in front, by name, synonym or id", unit="A,B"),
    ]
