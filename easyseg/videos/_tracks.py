"""Carries the sound and the subtitles of one file over into another."""

import logging
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import av.error
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from easyseg.videos.source import open_container

logger = logging.getLogger(__name__)

CARRIED = {"audio", "subtitle"}

OF_THE_CONTAINER = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}
"""Tags that tell of the file itself; the others, such as title and date, are carried over."""

SOUND_ENCODERS = {
    "webm": ("libopus", "opus", "libvorbis", "vorbis"),
    "avi": ("libmp3lame", "mp2"),
}
"""Encoders for sound that a container cannot hold as it is, the best first, by its extension."""

PCM_AVOIDED = {"mp4", "mov"}
"""Where FFmpeg would put uncompressed sound, but few players or not all its kinds work."""

COMMON_SOUND = ("aac",)
OPUS_RATE = 48_000
MOST_CHANNELS = {"libmp3lame": 2, "mp2": 2}
USUAL_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


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
        self._recoders: dict[int, _Recoder] = {}
        # Times in the copy count from the beginning of the picture, as VideoSource's do.
        video = self._input.streams.video[0] if self._input.streams.video else None
        self._origin = Fraction(0)
        if video is not None and video.start_time is not None and video.time_base:
            self._origin = video.start_time * Fraction(video.time_base)
        for stream in self._input.streams:
            if stream.type in CARRIED:
                self._add(stream)
        self._packets = self._wanted()
        self._waiting: Packet[Any] | None = None

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
            self._output.mux(packet)

    def finish(self) -> None:
        """Writes what the encoders still hold."""
        for recoder in self._recoders.values():
            self._mux(recoder.code(None))

    def close(self) -> None:
        """Closes the source."""
        self._input.close()

    def _mux(self, packets: Iterable["Packet[AudioStream]"]) -> None:
        for packet in packets:
            self._output.mux(packet)

    def _add(self, stream: Stream) -> None:
        name = stream.codec_context.name if stream.codec_context is not None else "unknown"
        if _can_hold(self._output, stream):
            target = self._output.add_stream_from_template(stream)
            target.metadata.update(stream.metadata)
            self._targets[stream.index] = target
            return
        encoder = _sound_encoder(self._output) if stream.type == "audio" else None
        if encoder is None:
            logger.warning(
                "the %s track (%s) is left out: %s files cannot hold it", stream.type, name,
                self._output.format.name,
            )  # fmt: skip
            return
        self._recoders[stream.index] = _Recoder(cast(AudioStream, stream), self._output, encoder)
        logger.info("the sound (%s) is coded anew by %s", name, encoder)

    def _wanted(self) -> Iterator["Packet[Any]"]:
        wanted = {*self._targets, *self._recoders}
        if self._start > 0:
            self._input.seek(int((self._start + self._origin) * av.time_base))
        for packet in self._demuxed([s for s in self._input.streams if s.index in wanted]):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            base = Fraction(packet.time_base)
            shift = round((self._start + self._origin) / base)
            begins = (packet.pts - shift) * base
            # A whole copy keeps the encoder's priming too, which lies before the beginning.
            if self._start > 0 and begins + (packet.duration or 0) * base <= 0:
                continue
            if self._end is not None and begins >= self._end - self._start:
                continue
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            yield packet

    def _demuxed(self, streams: list[Stream]) -> Iterator["Packet[Any]"]:
        try:
            yield from self._input.demux(streams)
        except av.error.FFmpegError as error:  # a file that breaks off
            logger.warning("the sound ends early, the source is damaged: %s", error)


class _Recoder:
    """Decodes a track of sound and codes it anew."""

    def __init__(self, source: AudioStream, output: OutputContainer, encoder: str) -> None:
        self._source = source
        context = source.codec_context
        rate = OPUS_RATE if "opus" in encoder else context.sample_rate
        layout = _layout_of(source)
        if context.layout.nb_channels > MOST_CHANNELS.get(encoder, 8):
            layout = "stereo"
        self._target = cast(AudioStream, output.add_stream(encoder, rate=rate))
        coder = self._target.codec_context
        coder.layout = layout
        formats = coder.codec.audio_formats
        coder.format = formats[0] if formats else context.format
        coder.time_base = Fraction(1, rate)
        coder.open()
        self._resampler = AudioResampler(
            format=coder.format, layout=layout, rate=rate, frame_size=coder.frame_size or None
        )
        self._target.metadata.update(source.metadata)
        self._samples: int | None = None
        self._rate = rate

    def code(self, packet: "Packet[Any] | None") -> Iterator["Packet[AudioStream]"]:
        """Codes a packet; None codes what is still held."""
        for frame in self._decoded(packet):
            for part in self._resampler.resample(frame):
                yield from self._coded(part)
        if packet is None:
            for part in self._resampler.resample(None):
                yield from self._coded(part)
            yield from self._target.encode(None)

    def _decoded(self, packet: "Packet[Any] | None") -> list[AudioFrame]:
        try:
            frames = self._source.decode(packet)
        except av.error.FFmpegError:  # a damaged packet: a moment of silence
            return []
        for frame in frames:
            if self._samples is None and frame.pts is not None:
                begins = frame.pts * Fraction(frame.time_base or Fraction(1, self._rate))
                self._samples = max(0, round(begins * self._rate))
            frame.pts = None
        return frames

    def _coded(self, frame: AudioFrame) -> Iterator["Packet[AudioStream]"]:
        frame.pts, frame.time_base = self._samples or 0, Fraction(1, self._rate)
        self._samples = frame.pts + frame.samples
        yield from self._target.encode(frame)


def _can_hold(output: OutputContainer, stream: Stream) -> bool:
    codec = stream.codec_context.name if stream.codec_context is not None else "unknown"
    if codec.startswith("pcm_") and output.format.name in PCM_AVOIDED:
        return False
    supported = output.supported_codecs
    # Decoders may have names of their own, such as libopus or mp3float.
    return codec in supported or _plain(codec) in supported


def _layout_of(stream: AudioStream) -> str:
    """Which channels there are; some files tell only how many."""
    layout = stream.codec_context.layout
    return USUAL_LAYOUTS.get(layout.nb_channels, layout.name)


def _plain(codec: str) -> str:
    try:
        return str(av.codec.Codec(codec, "r").canonical_name)
    except (ValueError, AttributeError, av.error.FFmpegError):
        return codec


def _sound_encoder(output: OutputContainer) -> str | None:
    names = SOUND_ENCODERS.get(output.format.name, COMMON_SOUND)
    return next((name for name in names if name in av.codecs_available), None)
