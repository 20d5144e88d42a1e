"""A sink that can be gone on with after its process was killed, and loses no quality by it."""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from easyseg._types import Image, PathLike
from easyseg.errors import InputError, MediaError
from easyseg.files import uninterrupted
from easyseg.videos._journal import PacketJournal
from easyseg.videos.encoder import Encoding, VideoEncoder, clock_for
from easyseg.videos.sinks import as_media_errors, check_size
from easyseg.videos.source import VideoInfo
from easyseg.videos.video_sink import VideoSink

JOURNAL, JOINED = "packets", "joined"
"""Names of files in the folder of a job."""


@dataclass(frozen=True)
class Section:
    """Where a finished section ends: all that the next one has to know, in JSON's types.

    Attributes:
        frames: How many frames were written.
        size: Height and width of the frames.
        first: When the first frame is shown, in seconds of the source, as a fraction.
        last: When the last one is.
        tick: The same in ticks of the target.
        length: Bytes of packets.
        encoder: Name of the encoder.
        extradata: Its extradata, in hexadecimal digits.
    """

    frames: int
    size: tuple[int, int]
    first: str
    last: str
    tick: int
    length: int
    encoder: str
    extradata: str


class ResumableSink:
    """A video file that is made in sections; what is finished is never coded again.

    Each section begins with a key frame and an encoder of its own, and its packets go to a plain
    file in a folder beside the target. In the end all packets are put into the target as they are,
    together with the sound and the subtitles. So with the same sections the target is the same
    whether the work was interrupted or not.

    Args:
        path: The target.
        info: As for `VideoSink`.
        folder: Folder for what is finished; it is there, and belongs to this target alone.
        copy_from: As for `VideoSink`.
        end: As for `VideoSink`.
        encoding: As for `VideoSink`.
        after: What `end_section` gave, to go on from there; None begins anew.

    Attributes:
        path: The target.
        encoder: Name of the encoder in use, None before the first frame.
        frames: How many frames were written so far, those of earlier processes included.

    Raises:
        InputError: If the extension is not known, the encoder does not exist, or the video would
            be transparent.
        MediaError: If the target cannot be created, or what was finished is damaged.
    """

    def __init__(
        self,
        path: PathLike,
        info: VideoInfo,
        folder: Path,
        *,
        copy_from: PathLike | None = None,
        end: float | None = None,
        encoding: Encoding | None = None,
        after: Section | None = None,
    ) -> None:
        encoding = encoding or Encoding()
        if encoding.alpha:
            # Some containers keep transparency beside the packets.
            raise InputError("a transparent video cannot be resumed; a folder of pictures can")
        if after is not None:
            encoding = replace(encoding, encoder=after.encoder)
        self._target = VideoSink(path, info, copy_from=copy_from, end=end, encoding=encoding)
        self.path, self._part = self._target.path, folder / f"{JOINED}{Path(path).suffix}"
        self._info, self._encoding = info, encoding
        self._clock = clock_for(self.path, info)
        self._coder: VideoEncoder | None = None
        self._closed = False
        self.frames, self.encoder = 0, encoding.encoder
        self._size, self._extradata = (0, 0), b""
        self._first = self._last = Fraction(0)
        if after is not None:
            self.frames = after.frames
            self._size, self._extradata = after.size, bytes.fromhex(after.extradata)
            self._first, self._last = Fraction(after.first), Fraction(after.last)
            self._clock.last = after.tick
        with as_media_errors(self.path):
            self._journal = PacketJournal(folder / JOURNAL, 0 if after is None else after.length)

    def write(self, image: Image, time: Fraction) -> None:
        """Adds a frame.

        Args:
            image: RGB uint8 (H, W, 3), of the same size every time.
            time: When it is shown, in seconds of the source; later than the frame before.

        Raises:
            InputError: If the size changes.
            MediaError: If it cannot be written.
        """
        if self._closed:
            raise MediaError(f"{str(self.path)!r} is complete, it takes no more frames")
        if not self.frames:
            self._first, self._size = time, (image.shape[0], image.shape[1])
        check_size(image, self._size)
        with uninterrupted(), as_media_errors(self.path):
            if self._coder is None:
                self._coder = self._begin_section()
            self._last = time
            self._journal.add(self._coder.encode(image, time - self._first))
            self.frames += 1

    def end_section(self) -> Section:
        """Ends a section; on return it is on the disk, whatever happens afterwards.

        Raises:
            MediaError: If it cannot be written.
        """
        with uninterrupted(), as_media_errors(self.path):
            if self._coder is not None:
                self._journal.add(self._coder.flush())
                self._coder = None
            length = self._journal.sync()
        return Section(
            self.frames, self._size, str(self._first), str(self._last), self._clock.last, length,
            self.encoder or "", self._extradata.hex(),
        )  # fmt: skip

    def close(self, *, cut: bool = False) -> None:
        """Puts the target together and gives it its name; further calls do nothing.

        What was finished stays in the folder, for a later process to go on with.

        Args:
            cut: Whether sound and subtitles end with the last frame, rather than with the source.

        Raises:
            MediaError: If no frame was written, or the file cannot be completed.
        """
        if self._closed:
            return
        try:
            if not self.frames:
                raise MediaError(f"nothing was written to {str(self.path)!r}: there was no frame")
            self.end_section()
            packets = self._journal.packets(self._clock.time_base)
            self._target.take(packets, self._size, (self._first, self._last), self._extradata)
            self._target.close(cut=cut)
        finally:
            self.discard()

    def discard(self) -> None:
        """Throws the target away as far as it is put together; what was finished stays."""
        self._closed = True
        self._target.discard()
        self._journal.close()

    def _begin_section(self) -> VideoEncoder:
        coder = VideoEncoder(self.path, self._info, self._encoding, self._clock)
        coder.open(self._part, self._size)  # for its flags only; nothing is written to it
        if not self._extradata:
            self._extradata = coder.extradata
        elif coder.extradata != self._extradata:
            raise MediaError(f"{coder.name} has changed: what it made before does not fit")
        self.encoder = coder.name
        return coder
