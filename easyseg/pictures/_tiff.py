"""The strips and tiles of a TIFF, each decoded when it is needed and kept for a while."""

import math
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from easyseg._types import AnyArray
from easyseg.errors import MediaError

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

KEPT = 64 << 20
"""Bytes of decoded segments that are kept, and more where one part of the picture needs more."""

LARGEST = 512 << 20
"""Bytes of one decoded segment from which on reading by parts would not save memory."""

_ROWS_BYTES = 1 << 20
"""About so much is read at a time where the rows of a picture simply follow one another."""

REWRITE = (
    "rewrite it in tiles, as with: gdal_translate -co TILED=YES -co COMPRESS=DEFLATE "
    "-co BIGTIFF=IF_SAFER IN.tif OUT.tif, or: vips tiffsave IN OUT.tif --tile --compression "
    "deflate --bigtiff"
)


class Segments:
    """The segments (strips or tiles) of the first picture in a TIFF.

    Args:
        file: The open file.
        name: What it is called in errors.
        largest: Limit on the bytes of one decoded segment; None for none.

    Attributes:
        size: Height and width of the picture as it is stored.
        samples: Numbers for each pixel.
        dtype: Of the numbers.

    Raises:
        MediaError: It is cut short, or of a kind that cannot be read by parts.
    """

    def __init__(self, file: "TiffFile", name: str, *, largest: int | None = LARGEST) -> None:
        self._file, self._name = file, name
        page: TiffPage = file.pages.first
        self._page = page
        _check(page, name, file.filehandle.size)
        planes, _, height, width, samples = page.shaped
        self.size = (height, width)
        self.samples = planes * samples
        self.dtype: np.dtype[np.generic] = np.dtype(page.dtype)
        self._planes, self._inner = planes, samples
        self._row_bytes = width * samples * self.dtype.itemsize
        self._plain = page.is_contiguous and not page.is_tiled and page.bitspersample % 8 == 0
        if page.is_tiled:
            self._length, self._width = page.tilelength, page.tilewidth
        elif self._plain:
            self._length, self._width = max(1, _ROWS_BYTES // self._row_bytes), width
        else:
            self._length, self._width = min(page.rowsperstrip, height), width
        self._bytes = self._length * self._width * samples * self.dtype.itemsize
        if largest is not None and self._bytes > largest:
            raise MediaError(
                f"cannot read {name} by parts: its pieces are of {self._width}x{self._length} "
                f"pixels; {REWRITE}"
            )
        self._kept: OrderedDict[int, AnyArray] = OrderedDict()

    @property
    def in_strips(self) -> bool:
        """Whether a segment is as wide as the picture."""
        return self._width >= self.size[1]

    def read(self, top: int, left: int, height: int, width: int) -> AnyArray:
        """Reads a part of the picture, as it is stored.

        Returns:
            (height, width, samples), a new array.

        Raises:
            MediaError: The file is damaged there, or cannot be read any more.
        """
        rows = range(top // self._length, math.ceil((top + height) / self._length))
        columns = range(left // self._width, math.ceil((left + width) / self._width))
        touched = len(rows) * len(columns) * self._planes
        part = np.empty((height, width, self.samples), self.dtype)
        for row in rows:
            for column in columns:
                for plane in range(self._planes):
                    segment = self._segment(plane, row, column, touched)
                    first = plane * self._inner
                    _copy(
                        segment, part[..., first : first + self._inner],
                        row * self._length - top, column * self._width - left,
                    )  # fmt: skip
        return part

    def _segment(self, plane: int, row: int, column: int, touched: int) -> AnyArray:
        across = math.ceil(self.size[1] / self._width)
        down = math.ceil(self.size[0] / self._length)
        index = (plane * down + row) * across + column
        segment = self._kept.get(index)
        if segment is None:
            try:
                segment = self._rows(plane, row) if self._plain else self._decoded(index)
            except OSError as error:
                raise MediaError(f"cannot read {self._name}: {error.strerror or error}") from error
            except MemoryError:
                raise
            except Exception as error:
                raise MediaError(
                    f"cannot read {self._name}: it is damaged at row {row * self._length}, column "
                    f"{column * self._width} ({type(error).__name__}: {error})"
                ) from error
            self._kept[index] = segment
            while len(self._kept) > max(touched, KEPT // self._bytes):
                self._kept.popitem(last=False)
        self._kept.move_to_end(index)
        return segment

    def _decoded(self, index: int) -> AnyArray:
        page, handle = self._page, self._file.filehandle
        count = page.databytecounts[index]
        data = None
        if count:  # else it is empty: GDAL leaves out tiles without data
            handle.seek(page.dataoffsets[index])
            data = handle.read(count)
        segment, _, shape = page.decode(data, index, jpegtables=page.jpegtables)
        if segment is None:
            return np.full(shape[1:], page.nodata, self.dtype)
        return np.asarray(segment[0], self.dtype)

    def _rows(self, plane: int, number: int) -> AnyArray:
        height, width = self.size
        first = number * self._length
        count = min(self._length, height - first)
        handle = self._file.filehandle
        handle.seek(self._page.dataoffsets[0] + (plane * height + first) * self._row_bytes)
        stored = self.dtype.newbyteorder(self._file.byteorder)
        rows = np.frombuffer(handle.read(count * self._row_bytes), stored)
        return rows.reshape(count, width, self._inner).astype(self.dtype, copy=False)


def _copy(segment: AnyArray, part: AnyArray, top: int, left: int) -> None:
    """Copies a segment to its place in a part of the picture; what is outside of it is left out."""
    height, width = segment.shape[:2]
    down = slice(max(top, 0), min(top + height, part.shape[0]))
    across = slice(max(left, 0), min(left + width, part.shape[1]))
    part[down, across] = segment[
        down.start - top : down.stop - top, across.start - left : across.stop - left
    ]


def _check(page: "TiffPage", name: str, size: int) -> None:
    """Raises MediaError unless the picture is flat, of numbers, and all of it is in the file."""
    if page.dtype is None or len(page.shaped) != 5 or page.shaped[1] != 1 or 0 in page.shaped:
        raise MediaError(f"cannot read {name} by parts: it is no flat picture of known numbers")
    sides = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip,)
    if min(sides) < 1:
        raise MediaError(f"cannot read {name}: it is damaged, its tiles or strips have no size")
    ends = [
        offset + count
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
        if count
    ]
    if max(ends, default=0) > size:
        raise MediaError(
            f"cannot read {name}: the file is cut short, it has {size:,} bytes of {max(ends):,}"
        )
