"""Pictures of any size, from file to file: only a part of one is ever in memory."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import Unpack

from easyseg import render
from easyseg._types import ClassSelection, Image, LabelMap, PathLike
from easyseg.drawing import draw
from easyseg.engine import Segmenter, cached_segmenter
from easyseg.engine.tiles import Block, check_tile, in_tiles_that_fit, label_blocks
from easyseg.errors import InputError
from easyseg.files import PendingFile, check_target
from easyseg.labels import LabelSet
from easyseg.options import LargeOptions, NetworkOptions, OverlayOptions, documented, pick
from easyseg.pictures import tiled_tiff
from easyseg.pictures.parts import PartReader, open_parts, open_tiff
from easyseg.pictures.tiled_tiff import TILE
from easyseg.render.overlay import outline_thickness
from easyseg.result import ClassArea, class_areas, facts_of

Tick = Callable[[int], object]
"""Is told how many pixels more are done."""

TILE_SIDE = 1024
"""Side of the tiles, in pixels, that the network sees where none is asked for."""

_DRAWN_COLUMNS = 16 * TILE
"""Of a picture that are drawn at a time."""


@dataclass(frozen=True, eq=False)
class LargeSegmentation:
    """What is known of a picture that was segmented from file to file.

    Attributes:
        shape: Height and width of the picture in pixels.
        label_set: What the ids mean.
        classes: The classes that occur, largest first, equal ones by id; void is left out.
        model: Name of the weights that made the labels.
        tile: Side of the tiles that memory was enough for.
        timing: Seconds, by the name of the stage.
        source: Path of the picture.
        overlay: The file with the overlay, or None.
        colors: The file with the colours alone, or None.
        labels: The file with the class ids, or None.
    """

    shape: tuple[int, int]
    label_set: LabelSet
    classes: tuple[ClassArea, ...]
    model: str
    tile: int
    timing: Mapping[str, float]
    source: str
    overlay: Path | None = None
    colors: Path | None = None
    labels: Path | None = None

    @property
    def ratios(self) -> dict[str, float]:
        """Share of all pixels, 0 to 1, of each class that occurs, by its name, largest first."""
        return {area.name: area.ratio for area in self.classes}

    def to_dict(self) -> dict[str, Any]:
        """Sum it up in plain Python types, ready for JSON."""
        return facts_of(
            self.shape, self.label_set, self.classes,
            model=self.model, source=self.source, timing=self.timing,
        )  # fmt: skip


@dataclass
class _Found:
    """What one run over the picture leaves behind."""

    tile: int
    counts: npt.NDArray[np.int64]
    file: PendingFile | None


@documented(tile=TILE_SIDE)
def segment_large(
    source: PathLike, overlay: PathLike | None = None, **options: Unpack[LargeOptions]
) -> LargeSegmentation:
    """Segments a picture that is too large for memory, tile by tile, from file to file.

    The labels are those of `segment(source, tile=tile)`. Memory is needed for some tiles, and for
    some rows of labels: it grows a little with the picture's width, and not with its height. Each
    file appears at once and whole, or, after an error or Ctrl-C, not at all.

    Args:
        source: A picture file. TIFFs, tiled or in strips, and BigTIFFs, may be of any size; they
            need tifffile and imagecodecs (the extra `large`). Others must fit into memory.
        overlay: A `.tif` for the classes over the picture, without a legend. This, `colors` and
            `labels` are written in tiles, deflated, as BigTIFF where needed; where a GeoTIFF's
            pixels are on earth is noted in them, too. None writes none.

    Returns:
        The classes and their shares, and what was written.

    Raises:
        InputError: If an option makes no sense.
        MediaError: If the picture cannot be read, or not by parts, or a file cannot be written.
        ModelError: If the model cannot be loaded.
    """
    tile = TILE_SIDE if options["tile"] is None else options["tile"]
    tile = check_tile(tile)
    path = Path(source)
    targets = {"overlay": overlay, "colors": options["colors"], "labels": options["labels"]}
    files = {kind: Path(file) for kind, file in targets.items() if file is not None}
    drawing = pick(OverlayOptions, options)
    _check(path, files, drawing["alpha"])
    began = time.perf_counter()
    with contextlib.ExitStack() as stack:
        picture = stack.enter_context(open_parts(path))
        segmenter = cached_segmenter(options["model"], **pick(NetworkOptions, options))
        tta = segmenter.takes_views(options["tta"], tile)
        table = _kept_table(segmenter.label_set, options["classes"])
        bar = stack.enter_context(
            _bar(picture, len(files.keys() - {"labels"}), options["progress"])
        )
        place = files.get("labels", next(iter(files.values()), None))

        def work(side: int) -> _Found:
            predict = partial(_blocks, segmenter, picture, side, tile, tta)
            return _label(predict(), picture, table, place, bar, side)

        found = in_tiles_that_fit(work, tile)
        labelled = time.perf_counter()
        if found.file is not None:
            _write_all(found.file, picture, segmenter.label_set, files, drawing, bar)
    end = time.perf_counter()
    return LargeSegmentation(
        shape=picture.size,
        label_set=segmenter.label_set,
        classes=class_areas(found.counts, segmenter.label_set),
        model=segmenter.name,
        tile=found.tile,
        timing={"tiles": labelled - began, "draw": end - labelled, "total": end - began},
        source=os.fspath(source),
        **files,
    )


def _check(source: Path, files: Mapping[str, Path], alpha: float) -> None:
    if not isinstance(alpha, (int, float)) or not 0 <= alpha <= 1:
        raise InputError(f"alpha must be from 0 (photograph) to 1 (plain colour), got {alpha!r}")
    taken = {os.path.realpath(source): "the picture itself"}
    for kind, file in files.items():
        if file.suffix.lower() not in tiled_tiff.EXTENSIONS:
            raise InputError(
                f"{kind} is written as TIFF, which can be of any size: name it .tif, not {file}"
            )
        check_target(file)
        other = taken.setdefault(os.path.realpath(file), kind)
        if other != kind:
            raise InputError(f"{file} is {other}, too: choose another name for {kind}")


def _kept_table(
    label_set: LabelSet, classes: ClassSelection | None
) -> npt.NDArray[np.uint8] | None:
    """The new value of each label, where only some classes are kept."""
    if classes is None:
        return None
    table = np.full(256, label_set.void, np.uint8)
    kept = list(label_set.select(classes))
    table[kept] = kept
    return table


def _blocks(
    segmenter: Segmenter, picture: PartReader, side: int, tile: int, tta: bool
) -> Iterator[Block]:
    height, width = picture.size
    if max(height, width) <= tile:
        yield Block(0, 0, segmenter(picture.read(0, 0, height, width), tta=tta).labels)
        return
    predict = segmenter.tile_predictor(side, instead_of=tile, tta=tta)
    yield from label_blocks(picture.size, picture.read, side, predict)


def _label(
    blocks: Iterator[Block],
    picture: PartReader,
    table: npt.NDArray[np.uint8] | None,
    place: Path | None,
    tick: Tick,
    side: int,
) -> _Found:
    """Makes the labels, counts them, and writes them into a file that is not complete yet."""
    counts = np.zeros(256, np.int64)

    def tiles() -> Iterator[LabelMap]:
        for rows in _rows(blocks, picture.size[1]):
            labels = rows if table is None else draw.relabel(rows, table)
            np.add(counts, draw.count(labels), out=counts)
            tick(labels.size)
            yield from tiled_tiff.cut(labels)

    if place is None:
        for _ in tiles():
            pass
        return _Found(side, counts, None)
    file = PendingFile(place)
    try:
        tiled_tiff.write_tiles(file, picture.size, tiles(), channels=1, tags=picture.georeference)
    except BaseException:
        file.discard()
        raise
    return _Found(side, counts, file)


def _rows(blocks: Iterator[Block], width: int) -> Iterator[LabelMap]:
    """Lays blocks side by side and below one another; gives `TILE` rows at a time."""
    waiting = np.empty((0, width), np.uint8)
    band = waiting
    for block in blocks:
        rows, columns = block.labels.shape
        if block.left == 0:
            band = np.empty((rows, width), np.uint8)
        band[:, block.left : block.left + columns] = block.labels
        if block.left + columns < width:
            continue
        waiting = np.concatenate([waiting, band])
        whole = len(waiting) - len(waiting) % TILE
        for top in range(0, whole, TILE):
            yield waiting[top : top + TILE]
        waiting = waiting[whole:].copy()
    if len(waiting):
        yield waiting


def _write_all(
    labels: PendingFile,
    picture: PartReader,
    label_set: LabelSet,
    files: Mapping[str, Path],
    drawing: OverlayOptions,
    tick: Tick,
) -> None:
    """Draws what is to be drawn of the labels, and completes all files when all are written."""
    thickness = outline_thickness(*picture.size)
    paint = partial(
        render.overlay,
        label_set=label_set, legend=False, thickness=thickness, **drawing,
    )  # fmt: skip
    pending = [labels]
    try:
        for kind, file in files.items():
            if kind == "labels":
                continue
            pending.append(PendingFile(file))
            tiles = (
                _drawn(labels.part, picture, paint, thickness, tick)
                if kind == "overlay"
                else _drawn(labels.part, None, partial(_colorized, label_set), 0, tick)
            )
            tiled_tiff.write_tiles(
                pending[-1], picture.size, tiles, channels=3, tags=picture.georeference
            )
        for each in pending[0 if "labels" in files else 1 :]:
            each.complete()
    finally:
        for each in pending:
            each.discard()


def _colorized(label_set: LabelSet, image: Image, labels: LabelMap) -> Image:
    return render.colorize(labels, label_set)


def _drawn(
    labels: Path,
    picture: PartReader | None,
    paint: Callable[[Image, LabelMap], Image],
    halo: int,
    tick: Tick,
) -> Iterator[Image]:
    """Paints part after part; borders are seen `halo` pixels beyond each."""
    nothing = np.empty((0, 0, 3), np.uint8)
    with open_tiff(labels) as reader:
        height, width = reader.size
        for top in range(0, height, TILE):
            first, last = max(0, top - halo), min(height, top + TILE + halo)
            for left in range(0, width, _DRAWN_COLUMNS):
                begin, end = max(0, left - halo), min(width, left + _DRAWN_COLUMNS + halo)
                place = (first, begin, last - first, end - begin)
                ids = np.ascontiguousarray(reader.segments.read(*place)[..., 0])
                painted = paint(nothing if picture is None else picture.read(*place), ids)
                down, across = top - first, left - begin
                part = painted[down : down + TILE, across : across + _DRAWN_COLUMNS]
                tick(part.shape[0] * part.shape[1])
                yield from tiled_tiff.cut(part)


@contextlib.contextmanager
def _bar(picture: PartReader, pictures: int, wanted: bool | None) -> Iterator[Tick]:
    from tqdm import tqdm

    total = picture.size[0] * picture.size[1] * (1 + pictures)
    with tqdm(
        total=total, unit="pixel", unit_scale=True, leave=False,
        disable=None if wanted is None else not wanted,
    ) as bar:  # fmt: skip
        yield bar.update
