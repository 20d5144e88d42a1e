"""Packets of a video stream in a plain file, as the encoder gave them, to be put together later."""

import os
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

from av.packet import Packet
from av.video.stream import VideoStream

from easyseg.errors import MediaError

_HEAD = struct.Struct("<qqII")
"""Presentation time and duration in ticks, whether it is a key frame, and the number of bytes."""


class PacketJournal:
    """A file that packets are added to, and that can be cut back to an earlier length.

    Containers cannot be added to after their process was killed, and round times; this can.

    Args:
        path: The file.
        length: How many bytes of it count; what comes after them is cut off. With 0 it is made.

    Raises:
        MediaError: If it is shorter than that.
        OSError: If it cannot be opened.
    """

    def __init__(self, path: Path, length: int = 0) -> None:
        if length and (not path.is_file() or path.stat().st_size < length):
            raise MediaError(f"{str(path)!r} is shorter than it was: delete {str(path.parent)!r}")
        self._path = path
        self._file = path.open("r+b" if length else "wb")
        self._file.truncate(length)
        self._file.seek(length)

    def add(self, packets: "Iterable[Packet[VideoStream]]") -> None:
        """Adds packets; raises OSError where the disk refuses."""
        for packet in packets:
            head = (packet.pts or 0, packet.duration or 0, int(packet.is_keyframe), packet.size)
            self._file.write(_HEAD.pack(*head))
            self._file.write(memoryview(packet))

    def sync(self) -> int:
        """Waits until all is on the disk; gives the length in bytes."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def packets(self, time_base: Fraction) -> "Iterator[Packet[VideoStream]]":
        """Gives all packets, each with the time at which it has to be decoded.

        These times are those at which pictures are shown, in order, and as many pictures earlier
        as the encoder reordered them.
        """
        self._file.flush()
        times = array("q", (time for time, _, _, _ in self._records(skip=True)))
        shown = array("q", sorted(times))
        early = max((at - bisect_left(shown, time) for at, time in enumerate(times)), default=0)
        for at, (time, duration, key, data) in enumerate(self._records()):
            packet = cast("Packet[VideoStream]", Packet(data))
            packet.pts, packet.duration, packet.time_base = time, duration, time_base
            packet.dts = shown[at - early] if at >= early else shown[at] - shown[early] + shown[0]
            packet.is_keyframe = bool(key)
            yield packet

    def close(self) -> None:
        """Closes the file; further calls do nothing."""
        self._file.close()

    def _records(self, *, skip: bool = False) -> Iterator[tuple[int, int, int, bytes]]:
        """Reads time, duration, whether it is a key frame, and the data, or skips these."""
        with self._path.open("rb") as file:
            while len(head := file.read(_HEAD.size)) == _HEAD.size:
                time, duration, key, size = _HEAD.unpack(head)
                data = b"" if skip else file.read(size)
                file.seek(size if skip else 0, os.SEEK_CUR)
                yield time, duration, key, data
