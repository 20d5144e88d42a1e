"""The photographs of the recipes, their labels and their soft labels.

A shard is a folder with `images/NAME.webp` and `masks/NAME.png`, as the archives have them.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

LONGEST = 512
PEOPLE_AND_COCO = ("c128", "hum")
"""Scenes with VOC's classes; those called `adei` have four of ADE20K's."""

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Photograph:
    """A file, and what is known of it."""

    path: Path

    @property
    def name(self) -> str:
        """Without its ending: what its soft labels are called, too."""
        return self.path.stem

    @property
    def kind(self) -> str:
        """Where a scene comes from: the beginning of its name."""
        return self.name.split("-")[0]

    @property
    def shard(self) -> str:
        """Name of the folder it came in."""
        return self.path.parents[1].name

    def read(self) -> Array:
        """RGB uint8 (H, W, 3), no side longer than `LONGEST`."""
        image = cv2.cvtColor(cv2.imread(str(self.path)), cv2.COLOR_BGR2RGB)
        factor = LONGEST / max(image.shape[:2])
        if factor >= 1:
            return image
        return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)

    def labels(self, dataset: str) -> Array | None:
        """Ids, uint8 (H, W), 255 where nothing is known; None for no labels of this data set."""
        voc = self.shard.startswith("voc-train") or self.kind in PEOPLE_AND_COCO
        if not (voc if dataset == "voc" else self.kind == "adei"):
            return None
        path = self.path.parents[1] / "masks" / f"{self.name}.png"
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        # ADE20K's files count from 1, and 0, which becomes 255, is "other".
        return mask if dataset == "voc" else mask - np.uint8(1)


def side(length: float) -> int:
    """Gives the nearest side whose corners are on those of every layer: 16k + 1."""
    return max(17, 16 * round((length - 1) / 16) + 1)


def photographs(folder: Path, dataset: str, *, unlabelled: int | None = None) -> list[Photograph]:
    """Lists what a model learns from, in an order that is always the same.

    Args:
        folder: That of the shards.
        dataset: `"voc"` or `"ade20k"`.
        unlabelled: The most photographs of no data set that VOC's model sees; None for all.
    """
    shards: dict[str, list[Photograph]] = {}
    shuffle = random.Random(1).shuffle
    for kind in ("scenes", "extra", "voc-train"):
        shards[kind] = [Photograph(file) for file in sorted(folder.glob(f"{kind}-*/images/*.webp"))]
        shuffle(shards[kind])
    scenes, extra, voc = shards.values()
    if dataset == "ade20k":
        return [*scenes, *extra, *voc[:1600]]
    own = [one for one in scenes if one.kind in PEOPLE_AND_COCO]
    others = [one for one in scenes if one.kind not in PEOPLE_AND_COCO]
    return [*own, *voc, *[*extra, *others[:700]][:unlabelled]]


def known(wanted: Sequence[Photograph], soft_labels: Path) -> list[Photograph]:
    """Keeps the photographs that have soft labels."""
    return [one for one in wanted if (soft_labels / f"{one.name}.npz").exists()]
