"""The photographs that train.py learns from, what is known of each, and random crops of them.

Photographs are named as their collection names them: `2008_000123` for PASCAL VOC, `adei-...` and
the like for the scenes. A mask holds VOC ids where the collection has VOC's classes, and ADE20K's
numbers (0 = not labelled) otherwise.
"""

import math
import random
import zlib
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from easyseg.pictures.masks import read_labels

STRIDE = 4
"""The crops' labels have a cell for so many pixels."""
COARSE = 16
"""The other teacher's probabilities have a cell for so many."""
ADE20K_CLASSES = 150
VOID = 255
LONG_SIDE = 512
SCENES = {"adei", "lmf", "stb", "cam", "c128", "cst", "hum"}
WITH_VOC_LABELS = {"voc", "c128", "hum"}
SURE = 0.6
"""A teacher's class is looked for in a photograph where it is at least as likely as this."""


def kind_of(name: str) -> str:
    """Which collection a photograph is of, by its name; "voc" for PASCAL VOC's."""
    kind = name.split("-")[0]
    return kind if kind in SCENES else "voc"


def held_out(name: str) -> bool:
    """A tenth of the scene photographs, chosen by name, is kept for measuring."""
    return kind_of(name) in SCENES and zlib.crc32(name.encode()) % 10 == 0


SoftLabels = tuple[np.ndarray, np.ndarray]
"""A teacher's likeliest classes and their log-probabilities, see teacher_labels.py."""


class Example(NamedTuple):
    """A photograph, and what is known of it."""

    image: np.ndarray  # (H, W, 3) uint8, RGB
    labels: np.ndarray | None  # (H, W) uint8 ids, VOID where unknown
    soft: SoftLabels | None
    other_soft: SoftLabels | None  # those of ADE20K's teacher, when training for VOC


class Crop(NamedTuple):
    """A crop, with what is known of it at stride 4."""

    image: np.ndarray  # (size, size, 3) float32, 0..255
    labels: np.ndarray  # uint8 ids, VOID where unknown
    probability: np.ndarray  # (num_classes, h, w) of the teacher; 0 where it was not asked
    things: np.ndarray | None  # (size, size) bool: labelled, and not as background
    other: np.ndarray | None  # the other teacher's probabilities, at stride 16


class Photographs:
    """The photographs of one data set; all that was read stays in memory.

    Args:
        photos: Folder of `NAME.webp`.
        masks: Folder of `NAME.png`.
        soft_labels: Folder of `NAME.npz`, see teacher_labels.py.
        never: Names that are kept for measuring.
        dataset: "voc" or "ade20k".
        random_share: Share of crops that are drawn from anywhere: of all labelled photographs
            (VOC), of VOC's photographs (ADE20K).
        paste_share: Share of crops that get the things of another crop pasted onto them (VOC).
        other_soft_labels: The same of ADE20K's teacher, for a second task beside VOC's.
    """

    def __init__(
        self,
        photos: Path,
        masks: Path,
        soft_labels: Path,
        never: set[str],
        dataset: str,
        random_share: float,
        paste_share: float = 0.0,
        other_soft_labels: Path | None = None,
    ) -> None:
        self.masks, self.soft_labels = masks, soft_labels
        self.other_soft_labels = other_soft_labels
        self.for_voc, self.random_share = dataset == "voc", random_share
        self.paste_share = paste_share if self.for_voc else 0.0
        self.num_classes = 21 if self.for_voc else 150
        self.held: dict[str, Example] = {}
        paths = [
            path
            for path in sorted(photos.glob("*.webp"))
            if path.stem not in never and not held_out(path.stem)
        ]
        known = WITH_VOC_LABELS if self.for_voc else {"voc"}
        self.first = [p for p in paths if kind_of(p.stem) in known]
        """VOC: the labelled ones. ADE20K: VOC's photographs."""
        self.others = [p for p in paths if kind_of(p.stem) not in known and self.asked(p)]
        self.by_class: dict[int, list[Path]] = {}
        self.by_teacher: dict[int, list[Path]] = {}
        if self.for_voc:
            self.index()
        else:
            self.first = [p for p in self.first if self.asked(p)]

    def asked(self, path: Path) -> bool:
        """Whether the teacher was asked about this photograph."""
        return (self.soft_labels / f"{path.stem}.npz").exists()

    def index(self) -> None:
        """Notes which photographs show which class, by their labels or by the teacher."""
        for path in self.first:
            labels = read_labels(self.masks / f"{path.stem}.png")
            counts = np.bincount(labels.ravel(), minlength=256)[: self.num_classes]
            note(self.by_class, counts > labels.size // 400, path)
        for path in self.others:
            with np.load(self.soft_labels / f"{path.stem}.npz") as soft:
                likeliest = np.where(soft["v"][0] > math.log(SURE), soft["k"][0], 0)
            counts = np.bincount(likeliest.ravel(), minlength=self.num_classes)
            note(self.by_teacher, counts > likeliest.size // 100, path)

    def load(self, path: Path) -> Example:
        """Reads a photograph and all that is known of it, once."""
        if path.stem not in self.held:
            self.held[path.stem] = self.read(path)
        return self.held[path.stem]

    def read(self, path: Path) -> Example:
        """Reads a photograph and all that is known of it."""
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        kind, mask = kind_of(path.stem), self.masks / f"{path.stem}.png"
        labels = None
        if self.for_voc and kind in WITH_VOC_LABELS:
            labels = np.ascontiguousarray(read_labels(mask))
        elif not self.for_voc and kind == "adei":
            numbers = read_labels(mask)
            labels = np.where(numbers > 0, numbers - 1, VOID).astype(np.uint8)
        other = stored_at(self.other_soft_labels, path) if self.other_soft_labels else None
        return Example(image, labels, stored_at(self.soft_labels, path), other)

    def draw(self, rng: random.Random, size: int, scales: tuple[float, float]) -> Crop:
        """One random crop, at times with the things of another one pasted onto it.

        Pasting shows the few photographs of a rare class before ever new backgrounds (Ghiasi et
        al., "Simple Copy-Paste is a Strong Data Augmentation Method for Instance Segmentation",
        2021, https://arxiv.org/abs/2012.07177); classes are drawn alike for it.
        """
        if rng.random() >= self.paste_share:
            return self.draw_one(rng, size, scales)
        if self.others and rng.random() < 0.5:
            place = self.load(rng.choice(self.others))
            drawn = crop(place, rng, size, scales, self.num_classes, None)
        else:
            drawn = self.draw_one(rng, size, scales)
        wanted = rng.choice(sorted(self.by_class))
        example = self.load(rng.choice(self.by_class[wanted]))
        return paste(drawn, crop(example, rng, size, scales, self.num_classes, wanted))

    def draw_one(self, rng: random.Random, size: int, scales: tuple[float, float]) -> Crop:
        """One random crop of one photograph.

        For ADE20K any photograph is as likely as another; for VOC a class is drawn first, a
        photograph that shows it then, and a place in it. Classes with few photographs are drawn
        more often than these are, but not as often as the others, lest they be learnt by heart.
        """
        chance = rng.random()
        wanted = None
        if chance < self.random_share:
            pool = self.first or self.others
        elif not self.for_voc or (chance < self.random_share + 0.05 and self.others):
            pool = self.others
        else:
            classes = sorted(self.by_class)
            seldom = [len(self.by_class[index]) ** 0.4 for index in classes]
            wanted = rng.choices(classes, seldom)[0]
            pool, more = self.by_class[wanted], self.by_teacher.get(wanted, [])
            if more and rng.random() < min(0.4, len(more) / (len(more) + len(pool))):
                pool = more
        example = self.load(rng.choice(pool))
        return crop(example, rng, size, scales, self.num_classes, wanted)


def stored_at(soft_labels: Path, path: Path) -> SoftLabels | None:
    """What a teacher said of a photograph, if it was asked."""
    file = soft_labels / f"{path.stem}.npz"
    if not file.exists():
        return None
    with np.load(file) as stored:
        return stored["k"], stored["v"]


def note(by_class: dict[int, list[Path]], shown: np.ndarray, path: Path) -> None:
    """Adds a photograph to the lists of the classes it shows, 0 (the background) left out."""
    for index in np.flatnonzero(shown):
        if index:
            by_class.setdefault(int(index), []).append(path)


def crop(
    example: Example,
    rng: random.Random,
    size: int,
    scales: tuple[float, float],
    num_classes: int,
    wanted: int | None,
) -> Crop:
    """Scales, crops, flips and colours one photograph; what is known of it follows."""
    height, width = example.image.shape[:2]
    scale = math.exp(rng.uniform(*map(math.log, scales))) * LONG_SIDE / max(height, width)
    left, top = corner(example, rng, size / scale, wanted)
    flip = rng.random() < 0.5
    matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]], np.float64)
    if flip:
        matrix[0] = [-scale, 0, size - 1 + left * scale]
    image = example.image
    if scale < 0.75:  # warpAffine does not smooth before it shrinks
        image = cv2.GaussianBlur(image, (0, 0), 0.35 / scale)
    image = cv2.warpAffine(
        image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=(127, 127, 127)
    )
    grid = np.arange(size // STRIDE) * STRIDE + (STRIDE - 1) / 2
    columns = (size - 1 - grid if flip else grid) / scale + left
    rows = grid / scale + top
    inside = np.outer((rows >= 0) & (rows <= height - 1), (columns >= 0) & (columns <= width - 1))
    labels, things = np.full(inside.shape, VOID, np.uint8), None
    if example.labels is not None:
        shown = ((example.labels > 0) & (example.labels != VOID)).astype(np.uint8)
        things = cv2.warpAffine(shown, matrix, (size, size), flags=cv2.INTER_NEAREST) > 0
        cells = np.ix_(
            np.rint(rows).astype(int).clip(0, height - 1),
            np.rint(columns).astype(int).clip(0, width - 1),
        )
        labels = np.where(inside, example.labels[cells], VOID)
    probability = np.zeros((num_classes, *inside.shape), np.float32)
    if example.soft is not None:
        probability = on_grid(example.soft, rows / (height - 1), columns / (width - 1), num_classes)
        probability *= inside
    other = None
    if example.other_soft is not None:
        step = COARSE // STRIDE
        centres = [side.reshape(-1, step).mean(1) for side in (rows, columns)]
        shares = centres[0] / (height - 1), centres[1] / (width - 1)
        other = on_grid(example.other_soft, *shares, ADE20K_CLASSES)
        other *= inside[step // 2 :: step, step // 2 :: step]
    return Crop(jitter(image, rng), labels, probability, things, other)


def paste(below: Crop, above: Crop) -> Crop:
    """Lays the labelled things of one crop over another, labels and probabilities too."""
    if above.things is None or not above.things.any():
        return below
    # A soft edge, or the network learns to look for the cut.
    alpha = cv2.GaussianBlur(above.things.astype(np.float32), (0, 0), 0.8)[..., None]
    cells = above.things[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
    return Crop(
        below.image + (above.image - below.image) * alpha,
        np.where(cells, above.labels, below.labels),
        np.where(cells, above.probability, below.probability),
        None,
        mixed(cells, below.other, above.other),
    )


def mixed(
    cells: np.ndarray, below: np.ndarray | None, above: np.ndarray | None
) -> np.ndarray | None:
    """The other teacher's probabilities after pasting; 0 where it was not asked."""
    known = above if below is None else below
    if known is None:
        return None
    rows, columns = known.shape[1:]
    covered = cells.reshape(rows, cells.shape[0] // rows, columns, -1).mean((1, 3)) > 0.5
    empty = np.zeros_like(known)
    out: np.ndarray = np.where(
        covered, empty if above is None else above, empty if below is None else below
    )
    return out


def corner(
    example: Example, rng: random.Random, extent: float, wanted: int | None
) -> tuple[float, float]:
    """Left and top of a square of that extent, about a pixel of the wanted class if there is one.

    It lies within the photograph where it fits, and holds the whole of it where it does not.
    """
    height, width = example.image.shape[:2]
    left = rng.uniform(min(0, width - extent), max(0, width - extent))
    top = rng.uniform(min(0, height - extent), max(0, height - extent))
    if wanted is None:
        return left, top
    if example.labels is not None:
        rows, columns = np.nonzero(example.labels == wanted)
    elif example.soft is not None:
        likeliest = example.soft[0][0]
        rows, columns = np.nonzero(likeliest == wanted)
        rows = rows * (height - 1) // (likeliest.shape[0] - 1)
        columns = columns * (width - 1) // (likeliest.shape[1] - 1)
    if rows.size:
        pick = rng.randrange(rows.size)
        left = columns[pick] - extent * rng.uniform(0.15, 0.85)
        top = rows[pick] - extent * rng.uniform(0.15, 0.85)
        left = min(max(left, min(0, width - extent)), max(0, width - extent))
        top = min(max(top, min(0, height - extent)), max(0, height - extent))
    return left, top


def on_grid(
    soft: tuple[np.ndarray, np.ndarray], rows: np.ndarray, columns: np.ndarray, num_classes: int
) -> np.ndarray:
    """A teacher's probabilities between its cells, bilinear.

    Args:
        soft: Its classes and log-probabilities; the grid's corners are the photograph's.
        rows: Where the wanted rows lie, 0 at the first and 1 at the last of the photograph.
        columns: Likewise.
        num_classes: Number of classes.

    Returns:
        (num_classes, rows, columns).
    """
    classes, log_probability = soft
    spans, weights = [], []
    for at, count in zip((rows, columns), classes.shape[1:], strict=True):
        at = at * (count - 1)
        first = max(0, math.floor(at.min()))
        last = min(count, math.ceil(at.max()) + 2)
        spans.append(slice(first, last))
        weights.append(between(at - first, last - first))
    classes = classes[:, spans[0], spans[1]]
    dense = np.zeros((num_classes, *classes.shape[1:]), np.float32)
    probability = np.exp(log_probability[:, spans[0], spans[1]].astype(np.float32))
    np.put_along_axis(dense, classes.astype(np.int64), probability, 0)
    dense /= np.maximum(dense.sum(0), 1e-6)
    out: np.ndarray = weights[0] @ dense @ weights[1].T
    return out


def between(at: np.ndarray, count: int) -> np.ndarray:
    """The matrix that interpolates `count` values at these places."""
    at = at.clip(0, count - 1)
    low = np.floor(at).astype(int).clip(0, max(count - 2, 0))
    share = (at - low).astype(np.float32)
    matrix = np.zeros((len(at), count), np.float32)
    every = np.arange(len(at))
    matrix[every, low] = 1 - share
    matrix[every, np.minimum(low + 1, count - 1)] += share
    return matrix


def jitter(image: np.ndarray, rng: random.Random) -> np.ndarray:
    """Changes brightness, contrast, saturation and colour balance a little."""
    out = image.astype(np.float32)
    if rng.random() < 0.7:
        if rng.random() < 0.6:
            grey = (out @ np.array([0.3, 0.59, 0.11], np.float32))[..., None]
            out = grey + (out - grey) * np.float32(rng.uniform(0.5, 1.5))
        gain = np.array([rng.uniform(0.93, 1.07) for _ in range(3)], np.float32)
        gain *= np.float32(rng.uniform(0.75, 1.25))
        out = (out - 127) * gain + np.float32(127 + rng.uniform(-25, 25))
    clipped: np.ndarray = np.clip(out, 0, 255)
    return clipped
