"""Draws the pictures of the README, the documentation and the model cards from the samples."""

from pathlib import Path

import cv2
import numpy as np

import easyseg
from easyseg.pictures import image as media
from easyseg.render.effects import Backdrop, Blur

HERE = Path(__file__).parent


def beside(*pictures: np.ndarray, gap: int = 255) -> np.ndarray:
    """Pictures of one height in a row, with grey between them; RGB."""
    between = np.full((len(pictures[0]), 8, 3), gap, np.uint8)
    return np.hstack([part for one in pictures for part in (between, one)][1:])


def side_by_side(name: str, dataset: str) -> np.ndarray:
    """The photograph and its overlay, RGB, next to each other."""
    result = easyseg.segment(HERE / "images" / name, dataset=dataset, model="builtin")
    return beside(result.image, result.overlay())


def backgrounds(name: str, other: str) -> np.ndarray:
    """A photograph, all but the person in it blurred, and before another one; RGB."""
    result = easyseg.segment(HERE / "images" / name, dataset="voc", model="builtin")
    blurred = result.change_background(Blur("extreme"), "person")
    before = result.change_background(Backdrop(media.read(HERE / "images" / other)), "person")
    return beside(result.image, blurred, before)


def write_on(picture: np.ndarray, text: str, place: tuple[int, int]) -> None:
    """White letters with a dark rim."""
    for color, width in (((0, 0, 0), 6), ((255, 255, 255), 2)):
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.8, color, width)


def marked(name: str, classes: list[str], shown: str) -> np.ndarray:
    """The photograph, and some classes in it alone, with their share; RGB."""
    result = easyseg.segment(HERE / "images" / name, dataset="ade20k", model="builtin")
    picture = result.overlay(classes=classes, alpha=0.75, legend=False)
    write_on(picture, f"{shown}: {result.mask(classes).mean():.1%}", (14, 36))
    return beside(result.image, picture)


def masked(name: str, what: str) -> np.ndarray:
    """The photograph, the grown mask for inpainting, and what it leaves; RGB."""
    result = easyseg.segment(HERE / "images" / name, dataset="voc", model="builtin")
    mask = result.mask(what).astype(np.uint8) * 255
    grown = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15)))
    left = np.where(grown[..., None] > 0, np.uint8(255), result.image)
    return beside(result.image, np.dstack([grown] * 3), left, gap=128)


def numbered(name: str, what: str) -> np.ndarray:
    """The overlay of a class with a number in each of its connected areas; RGB."""
    result = easyseg.segment(HERE / "images" / name, dataset="ade20k", model="builtin")
    picture = result.overlay(classes=what, legend=False)
    for number, area in enumerate(result.polygons(what, min_area=500), start=1):
        inside = np.zeros(result.shape, np.uint8)
        cv2.fillPoly(inside, [area.exterior], 1)
        depth = cv2.distanceTransform(np.pad(inside, 1), cv2.DIST_L2, 5)
        row, column = np.unravel_index(depth.argmax(), depth.shape)
        write_on(picture, str(number), (int(column) - 8, int(row) + 10))
    return picture


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
    plants = ["tree", "grass", "plant", "palm", "flower"]
    for name, picture in (
        ("green", marked("china.jpg", plants, "green")),
        ("sky", marked("china.jpg", ["sky"], "sky")),
        ("inpainting", masked("astronaut.jpg", "person")),
        ("areas", numbered("china.jpg", "tree")),
    ):
        print(media.write(folder / f"{name}.jpg", picture, quality=85))
    path = folder / "astronaut_background.jpg"
    print(media.write(path, backgrounds("astronaut.jpg", "china.jpg"), quality=92))


if __name__ == "__main__":
    main()
