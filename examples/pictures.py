"""Draws the pictures of the README from the sample photographs."""

from pathlib import Path

import numpy as np

import easyseg
from easyseg.media import image as media

HERE = Path(__file__).parent


def side_by_side(name: str, dataset: str) -> np.ndarray:
    """The photograph and its overlay, RGB, next to each other."""
    result = easyseg.segment(HERE / "images" / name, dataset=dataset, model="builtin")
    gap = np.full((result.image.shape[0], 8, 3), 255, np.uint8)
    return np.hstack([result.image, gap, result.overlay()])


def main() -> None:
    folder = HERE / "pictures"
    folder.mkdir(exist_ok=True)
    for name, photograph, dataset in (
        ("china", "china.jpg", "ade20k"),
        ("cat", "chelsea.jpg", "voc"),
    ):
        print(media.write(folder / f"{name}.jpg", side_by_side(photograph, dataset), quality=92))


if __name__ == "__main__":
    main()
