"""A set of generated shapes and a tiny network; run as a script, trains the one on the other."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from easyseg import registry
from easyseg.pictures.image import write
from easyseg.registry import Weights
from easyseg.transforms import Preprocess

CLASSES = ("background", "disc", "square")
NAME = "toy.voc"

SHORT = {
    "init": "random",
    "architecture": "toy",
    "device": "cpu",
    "steps": 12,
    "batch_size": 2,
    "accumulate": 2,
    "crop": 24,
    "validate_every": 4,
    "seed": 3,
}
"""A training that is over at once and has everything in it."""


class ToyNet(nn.Module):
    """Three convolutions at half the resolution, with dropout."""

    def __init__(self, num_classes: int, *, output_stride: int = 2) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width, following, stride in ((3, 16, output_stride), (16, 16, 1), (16, 16, 1)):
            layers += [
                nn.Conv2d(width, following, 3, stride, 1, bias=False),
                nn.BatchNorm2d(following),
                nn.ReLU(),
            ]
        self.encoder = nn.Sequential(*layers)
        self.dropout = nn.Dropout2d(0.1)
        self.classifier = nn.Conv2d(16, num_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.dropout(self.encoder(x)))


def record() -> Weights:
    """The network's record, for `registry._RECORDS`."""
    return replace(
        registry.get("deeplabv3plus_efficientnet_lite0.voc"),
        name=NAME,
        build=ToyNet,
        preprocess=Preprocess(mean=(0.5,) * 3, std=(0.25,) * 3, size=64),
        file=None,
        output_stride=2,
        output_strides=(2,),
        tiers=(),
    )


def draw(seed: int, side: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """A disc and a square on textured ground.

    Returns:
        A picture, RGB uint8 (side, side, 3), and its labels, uint8 (side, side).
    """
    rng = np.random.default_rng(seed)
    labels = np.zeros((side, side), np.uint8)
    image = rng.normal(90, 12, (side, side, 3)) + rng.uniform(-25, 25, 3)
    rows, columns = np.mgrid[:side, :side]
    for class_id, tint in ((1, (110, -20, -20)), (2, (-20, -20, 110))):
        centre = rng.uniform(0.25, 0.75, 2) * side
        radius = rng.uniform(0.16, 0.24) * side
        down, across = np.abs(rows - centre[0]), np.abs(columns - centre[1])
        inside = np.hypot(down, across) if class_id == 1 else np.maximum(down, across)
        labels[inside < radius] = class_id
        image[inside < radius] += np.array(tint) + rng.uniform(-20, 20, 3)
    return np.clip(image, 0, 255).astype(np.uint8), labels


def write_folder(folder: Path, seeds: range, side: int = 64) -> Path:
    """Writes `images/`, `masks/` and `classes.txt`; returns the folder."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for seed in seeds:
        image, labels = draw(seed, side)
        write(folder / "images" / f"{seed:03}.png", image)
        write(folder / "masks" / f"{seed:03}.png", labels)
    (folder / "classes.txt").write_text("\n".join(CLASSES))
    return folder


def main() -> None:
    """`python toy.py DATA OUTPUT SECONDS`: trains, and saves its state every so many seconds."""
    from easyseg.training import train

    torch.set_num_threads(1)
    registry.names()
    registry._RECORDS[NAME] = record()
    data, output, seconds = sys.argv[1:]
    train(data, output=output, checkpoint_seconds=float(seconds), **SHORT)


if __name__ == "__main__":
    main()
