"""Carries the sound and the subtitles of one file over into another."""

import io
import itertools
import logging
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from easyseg.videos.sound_recoder import IN_STEP, SoundRecoder
from easyseg.videos.source import open_container, video_stream

logger = logging.getLogger(__name__)

CARRIED = {"audio", "subtitle"}

OF_THE_CONTAINER = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}
"""Tags that tell of the file itself; the others, such as title and date, are carried over."""

SOUND_ENCODERS = {
    "webm": ("libopus", "opus", "libvorbis", "vorbis"),
    "avi": ("ac3", "libmp3lame", "mp2"),
}
"""Encoders for sound that a container cannot hold as it is, the best first, by its extension."""

PCM_AVOIDED = {"mp4", "mov"}
"""Where FFmpeg would put uncompressed sound, but few players or not all its kinds work."""

COMMON_SOUND = ("aac", "libmp3lame")

WITHOUT_TIMES = {"avi": ("pcm_", "ac3")}
"""Where sound has no times of its own, nor a priming that is skipped: what may be copied if it
begins with the picture."""

PRIMING = Fraction(1, 10)
"""Seconds before the beginning of the picture that are kept: what encoders put in front."""

SLACK = 10.0
"""Seconds beyond a file's duration at which a packet may begin."""

TRIED = 16
"""Packets of sound that a container is tried with."""


class TrackCopier:
    """Copies sound and subtitles packet by packet, in step with the picture.

    Sound in a codec that the target cannot hold is coded anew; subtitles of that kind are left
    out, with a warning in the log.

    Args:
        path: File that they come from.
        output: Container they go to; its streams are added here.
        start: Moment of the source, in seconds, that is the target's beginning.
        end: Moment of the source, in seconds, where they end; None takes all.

    Raises:
        MediaError: If the file cannot be opened.
    """

    def __init__(
        self, path: Path, output: OutputContainer, start: Fraction, end: Fraction | None
    ) -> None:
        self._input: InputContainer = open_container(path)
        self._output, self._start, self._end = output, start, end
        tags = {k: v for k, v in self._input.metadata.items() if k.lower() not in OF_THE_CONTAINER}
        output.metadata.update(tags)
        self._targets: dict[int, Stream] = {}
        self._recoders: dict[int, SoundRecoder] = {}
        # Times in the copy count from the beginning of the picture, as VideoSource's do.
        video = video_stream(self._input, str(path))
        self._origin = (video.start_time or 0) * Fraction(video.time_base or 1)
        for stream in self._input.streams:
            if stream.type in CARRIED:
                self._add(path, stream)
        self._packets = self._wanted()
        self._waiting: Packet[Any] | None = None
        self._damaged = 0

    def copy_until(self, time: Fraction | None) -> None:
        """Copies all that begins up to a moment of the target, in seconds; None is all there is."""
        while self._targets or self._recoders:
            packet = self._waiting or next(self._packets, None)
            self._waiting = None
            if packet is None:
                return
            if time is not None and (packet.pts or 0) * Fraction(packet.time_base or 1) > time:
                self._waiting = packet
                return
            recoder = self._recoders.get(packet.stream.index)
            if recoder is not None:
                self._mux(recoder.code(packet))
                continue
            packet.stream = self._targets[packet.stream.index]
            self._mux([packet])

    def finish(self) -> None:
        """Writes what the encoders still hold."""
        for recoder in self._recoders.values():
            self._mux(recoder.code(None))
        if self._damaged:
            logger.warning("%d damaged packets of sound or subtitles are left out", self._damaged)

    def close(self) -> None:
        """Closes the source."""
        self._input.close()

    def _mux(self, packets: Iterable["Packet[Any]"]) -> None:
        """Writes packets; one that no decoder could read is not worth the whole video."""
        try:
            for packet in packets:
                self._output.mux(packet)
        except (av.error.InvalidDataError, av.error.ArgumentError):
            self._damaged += 1

    def _add(self, path: Path, stream: Stream) -> None:
        name = _codec(stream)
        if self._copies(path, stream):
            target = self._output.add_stream_from_template(stream)
            target.metadata.update(stream.metadata)
            self._targets[stream.index] = target
            return
        if stream.type == "audio":
            sound = cast(AudioStream, stream)
            for encoder in _sound_encoders(self._output):
                if _takes(encoder, sound, self._output):
                    self._recoders[stream.index] = SoundRecoder(sound, self._output, encoder)
                    logger.info("the sound (%s) is coded anew by %s", name, encoder)
                    return
        logger.warning(
            "the %s track (%s) is left out: %s files cannot hold it", stream.type, name,
            self._output.format.name,
        )  # fmt: skip

    def _copies(self, path: Path, stream: Stream) -> bool:
        exact = WITHOUT_TIMES.get(self._output.format.name)
        if exact is not None and stream.type == "audio":
            first = (stream.start_time or 0) * Fraction(stream.time_base or 1)
            begins_there = self._start == 0 and abs(first - self._origin) <= IN_STEP
            if not begins_there or not _codec(stream).startswith(exact):
                return False
        return _fits(path, stream, self._output)

    def _wanted(self) -> Iterator["Packet[Any]"]:
        wanted = {*self._targets, *self._recoders}
        # A whole copy keeps the encoder's priming too, which lies before the beginning.
        earliest = Fraction(0) if self._start > 0 else -PRIMING
        duration = self._input.duration
        longest = math.inf if duration is None else duration / av.time_base + SLACK
        latest: dict[int, int] = {}
        if self._start > 0:
            self._input.seek(int((self._start + self._origin) * av.time_base))
        for packet in self._demuxed([s for s in self._input.streams if s.index in wanted]):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            base = Fraction(packet.time_base)
            shift = round((self._start + self._origin) / base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            begins = packet.pts * base
            if self._end is not None and begins >= self._end - self._start:
                continue
            if begins + (packet.duration or 0) * base <= earliest:
                continue
            # Damaged times go back, or hours ahead.
            back = packet.dts <= latest.get(packet.stream.index, packet.dts - 1)
            if packet.is_corrupt or back or begins > longest:
                self._damaged += 1
                continue
            latest[packet.stream.index] = packet.dts
            yield packet

    def _demuxed(self, streams: list[Stream]) -> Iterator["Packet[Any]"]:
        try:
            yield from self._input.demux(streams)
        except av.error.FFmpegError as error:  # a file that breaks off
            logger.warning("the sound ends early, the source is damaged: %s", error)


def _fits(path: Path, stream: Stream, output: OutputContainer) -> bool:
    """Tells whether a container takes a track as it is: some of it is written and read back."""
    name = _codec(stream)
    if name.startswith("pcm_") and output.format.name in PCM_AVOIDED:
        return False
    supported = output.supported_codecs
    # Decoders may have names of their own, such as libopus or mp3float.
    if name not in supported and _plain(name) not in supported:
        return False
    file = io.BytesIO()
    try:
        with open_container(path) as source, av.open(file, "w", output.format.name) as trial:
            original = source.streams[stream.index]
            target = trial.add_stream_from_template(original)
            trial.start_encoding()
            if stream.type != "audio":  # its first packet may be hours away
                return True
            packets = (one for one in source.demux(original) if one.dts is not None)
            for packet in itertools.islice(packets, TRIED):
                packet.stream = target
                trial.mux(packet)
        file.seek(0)
        with av.open(file) as written:
            same = _plain(_codec(written.streams[0])) == _plain(name)
            decoded = cast(InputContainer, written).decode(audio=0)
            return same and next(decoded, None) is not None
    except (av.error.FFmpegError, ValueError, IndexError, NotImplementedError):
        return False


def _takes(encoder: str, sound: AudioStream, output: OutputContainer) -> bool:
    """Tells whether an encoder codes this sound for a container.

    Tried in one of its own, for a stream that does not work cannot be taken out again.
    """
    try:
        with av.open(io.BytesIO(), "w", output.format.name) as trial:
            SoundRecoder(sound, trial, encoder)
            trial.start_encoding()
    except (av.error.FFmpegError, ValueError) as error:
        logger.info("%s does not take the sound: %s", encoder, error)
        return False
    return True


def _codec(stream: Stream) -> str:
    return stream.codec_context.name if stream.codec_context is not None else "unknown"


def _plain(codec: str) -> str:
    try:
        return str(av.codec.Codec(codec, "r").canonical_name)
    except (ValueError, AttributeError, av.error.FFmpegError):
        return codec


def _sound_encoders(output: OutputContainer) -> list[str]:
    names = SOUND_ENCODERS.get(output.format.name, COMMON_SOUND)
    return [name for name in names if name in av.codecs_available]
