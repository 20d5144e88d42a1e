"""What is measured on: a photograph, a clip, networks with random weights, logits."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from benchmarks.measure import Skipped, Turns
from easyseg import labels, registry
from easyseg.checkpoints import trained_file
from easyseg.engine import Segmenter
from easyseg.engine.backends import BACKENDS
from easyseg.errors import EasysegError
from easyseg.pictures import image as media
from easyseg.videos.source import VideoInfo
from easyseg.videos.video_sink import VideoSink

EXAMPLES = Path(__file__).resolve().parent.parent / "examples" / "images"
PHOTOGRAPH = (853, 1280)
FRAME = (720, 1280)


@dataclass(frozen=True)
class Settings:
    """What the parts of the suite are given.

    Attributes:
        folder: For temporary files.
        turns: How the ways take turns.
        pixellib_python: A Python that has PixelLib; None measures without it.
        torchvision_python: A Python that has torchvision; None looks for it here.
        networks: Whether to measure the large network too, which takes minutes.
    """

    folder: Path
    turns: Turns = field(default_factory=Turns)
    pixellib_python: Path | None = None
    torchvision_python: Path | None = None
    networks: bool = True


def photograph(folder: Path) -> Path:
    """A JPEG of 1280x853."""
    path = folder / "photograph.jpg"
    if not path.exists():
        media.write(path, media.resize(media.read(EXAMPLES / "china.jpg"), PHOTOGRAPH, "bicubic"))
    return path


def clip(folder: Path, frames: int, size: tuple[int, int] = FRAME) -> Path:
    """A slow move over a photograph at 25 frames a second, with the noise of a camera."""
    height, width = size
    path = folder / f"clip{frames}_{width}x{height}.mp4"
    if path.exists():
        return path
    large = media.resize(media.read(EXAMPLES / "chelsea.jpg"), (height + 40, width + frames))
    info = VideoInfo(width, height, Fraction(25), Fraction(1, 25), frames, None, "", (), (), 0)
    noise = np.random.default_rng(0)
    with VideoSink(path, info) as sink:
        for number in range(frames):
            window = large[20 : 20 + height, number : number + width].astype(np.int16)
            window += noise.integers(-3, 4, (height, width, 1), np.int16)
            sink.write(window.clip(0, 255).astype(np.uint8), Fraction(number, 25))
    return path


def real_logits() -> torch.Tensor:
    """What the built-in ADE20K network says of a square photograph: (1, 150, 128, 128)."""
    segmenter = Segmenter("builtin", dataset="ade20k")
    return segmenter.predict(media.read(EXAMPLES / "astronaut.jpg")).logits


def random_checkpoint(name: str, folder: Path) -> Path:
    """A file with random weights for a registered model, batch normalisations settled.

    The figures are those of the published file, which need not be fetched; the labels are not.
    """
    path = folder / f"{name}.pt"
    if path.exists():
        return path
    weights = registry.get(name)
    torch.manual_seed(0)
    module = weights.build(weights.num_classes, output_stride=weights.output_stride)
    with torch.no_grad():
        module.train()
        module(torch.randn(2, 3, 256, 256))
    about = trained_file.TrainedFile(name, labels.get(weights.label_set), weights.preprocess)
    return trained_file.write(path, about, module.state_dict(), half=False)


def segmenters(
    part: str, model: str | Path, precisions: tuple[str, ...] = ("fp32",), **options: object
) -> tuple[dict[str, Segmenter], list[Skipped]]:
    """A Segmenter for each backend and precision that there is here.

    Returns:
        The Segmenters, by "backend precision", and those that there are none of.
    """
    made: dict[str, Segmenter] = {}
    skipped = []
    for backend in BACKENDS:
        for precision in precisions:
            way = f"easyseg, {backend} {precision}"
            try:
                made[way] = Segmenter(model, backend=backend, precision=precision, **options)  # type: ignore[arg-type]
            except EasysegError as error:
                skipped.append(Skipped(part, way, str(error)))
    return made, skipped
