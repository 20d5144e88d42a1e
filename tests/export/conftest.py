"""Label maps with everything that is hard: holes in holes, corners that touch, void."""

from dataclasses import dataclass

import numpy as np
import pytest

from easyseg.labels import ADE20K, PASCAL_VOC, LabelSet


@dataclass
class Labelled:
    """What the exports need of a Segmentation."""

    labels: np.ndarray
    label_set: LabelSet
    image: np.ndarray
    source: str | None = None
    confidence_map: np.ndarray | None = None
    model: str = "fake"


def blobs(classes: int, size: tuple[int, int] = (40, 56), seed: int = 0) -> np.ndarray:
    """Areas of several classes in each other, with specks."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: size[0], : size[1]]
    waves = np.sin(rows / 5 + seed) + np.sin(columns / 6) + np.sin((rows + columns) / 9)
    labels = np.floor((waves + 3) / 6 * classes).clip(0, classes - 1).astype(np.uint8)
    specks = rng.random(size) < 0.02
    labels[specks] = rng.integers(0, classes, int(specks.sum()))
    return labels


@pytest.fixture(params=["voc", "ade20k"])
def result(request: pytest.FixtureRequest) -> Labelled:
    """Labels of either data set."""
    label_set = PASCAL_VOC if request.param == "voc" else ADE20K
    labels = blobs(6)
    return Labelled(labels, label_set, np.zeros((*labels.shape, 3), np.uint8))
