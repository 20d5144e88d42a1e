"""Draws the pictures of the README and of the model cards from the sample photographs."""

from pathlib import Path

import numpy as np

import easyseg
from easyseg.pictures import image as media
from easyseg.render.effects import Backdrop, Blur

HERE = Path(__file__).parent


def side_by_side(name: str, dataset: str) -> np.ndarray:
    """The photograph and its overlay, RGB, next to each other."""
    result = easyseg.segment(HERE / "images" / name, dataset=dataset, model="builtin")
    gap = np.full((result.image.shape[0], 8, 3), 255, np.uint8)
    return np.hstack([result.image, gap, result.overlay()])


def backgrounds(name: str, other: str) -> np.ndarray:
    """A photograph, with its background blurred, and before another one, RGB, side by side."""
    result = easyseg.segment(HERE / "images" / name, dataset="voc", model="builtin")
    gap = np.full((result.image.shape[0], 8, 3), 255, np.uint8)
    blurred = result.change_background(Blur("extreme"))
    before = result.change_background(Backdrop(media.read(HERE / "images" / other)))
    return np.hstack([result.image, gap, blurred, gap, before])


def main() -> None:
    folder = HERE / "pictures"
    folder.mkdir(exist_ok=True)
    for name, photograph, dataset in (
        ("china", "china.jpg", "ade20k"),
        ("cat", "chelsea.jpg", "voc"),
        # Where the built-in models fail, for their cards.
        ("failure_voc", "astronaut.jpg", "voc"),
        ("failure_ade20k", "chelsea.jpg", "ade20k"),
    ):
        print(media.write(folder / f"{name}.jpg", side_by_side(photograph, dataset), quality=92))
    path = folder / "astronaut_background.jpg"
    print(media.write(path, backgrounds("astronaut.jpg", "china.jpg"), quality=92))


if __name__ == "__main__":
    main()
