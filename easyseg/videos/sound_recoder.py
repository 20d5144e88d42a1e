"""Decodes a track of sound and codes it anew, without gaps and in step with the picture."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, cast

import av.error
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec import Codec
from av.container import OutputContainer
from av.filter import Graph
from av.packet import Packet

MOST_CHANNELS = {"libmp3lame": 2, "mp2": 2, "ac3": 6}
USUAL_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}

IN_STEP = Fraction(1, 200)
"""Seconds that sound may be off before silence is put in, or something is cut out."""


class SoundRecoder:
    """A track of sound on its way through a decoder, a filter and an encoder.

    Args:
        source: The track that is decoded.
        output: Container it goes to; its stream is added here.
        encoder: FFmpeg's name of the encoder.

    Raises:
        FFmpegError: If the encoder does not take this sound, like ValueError.
    """

    def __init__(self, source: AudioStream, output: OutputContainer, encoder: str) -> None:
        self._source = source
        context = source.codec_context
        self._rate = _rate_for(encoder, context.sample_rate)
        # Some files tell only how many channels there are.
        channels = context.layout.nb_channels
        self._layout = USUAL_LAYOUTS.get(channels, context.layout.name)
        if channels > MOST_CHANNELS.get(encoder, 8):
            self._layout = "stereo"
        self._target = cast(AudioStream, output.add_stream(encoder, rate=self._rate))
        coder = self._target.codec_context
        coder.layout = self._layout
        formats = coder.codec.audio_formats
        coder.format = formats[0] if formats else context.format
        coder.time_base = Fraction(1, self._rate)
        coder.open()
        self._format, self._frame_size = coder.format.name, coder.frame_size
        self._target.metadata.update(source.metadata)
        self._graph: Graph | None = None
        self._kind: tuple[str, str, int] | None = None
        self._due = Fraction(0)
        self._coded = 0

    def code(self, packet: "Packet[Any] | None") -> Iterator["Packet[AudioStream]"]:
        """Codes a packet, its times from the picture's beginning on; None codes what is held."""
        for frame in self._decoded(packet):
            yield from self._filtered(frame)
        if packet is None:
            yield from self._filtered(None)
            yield from self._target.encode(None)

    def _decoded(self, packet: "Packet[Any] | None") -> list[AudioFrame]:
        try:
            return self._source.decode(packet)
        except av.error.FFmpegError:  # a damaged packet: a moment of silence
            return []

    def _filtered(self, frame: AudioFrame | None) -> Iterator["Packet[AudioStream]"]:
        if frame is not None:
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            if kind != self._kind:  # the first, or a broadcast has changed it on the way
                yield from self._filtered(None)
                self._graph, self._kind = self._new_graph(frame), kind
            begins = self._due
            if frame.pts is not None and frame.time_base is not None:
                begins = frame.pts * Fraction(frame.time_base)
            self._due = begins + Fraction(frame.samples, frame.sample_rate)
            frame.pts, frame.time_base = round(begins * kind[2]), Fraction(1, kind[2])
        if self._graph is None:
            return
        self._graph.push(frame)
        while True:
            try:
                part = cast(AudioFrame, self._graph.pull())
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            self._coded = (part.pts or 0) + part.samples
            yield from self._target.encode(part)

    def _new_graph(self, frame: AudioFrame) -> Graph:
        """Fills gaps, and the time before the first sample, and cuts what overlaps."""
        graph = Graph()
        source = graph.add_abuffer(
            sample_rate=frame.sample_rate, format=frame.format.name, layout=frame.layout.name,
            time_base=Fraction(1, frame.sample_rate),
        )  # fmt: skip
        resample = graph.add(
            "aresample",
            f"{self._rate}:async=1:min_hard_comp={float(IN_STEP)}:first_pts={self._coded}",
        )
        form = graph.add(
            "aformat",
            f"sample_fmts={self._format}:sample_rates={self._rate}:channel_layouts={self._layout}",
        )
        graph.link_nodes(source, resample, form, graph.add("abuffersink"))
        graph.configure()
        if self._frame_size:
            graph.set_audio_frame_size(self._frame_size)
        return graph


def _rate_for(encoder: str, rate: int) -> int:
    """The rate nearest to the sound's that the encoder takes, rather a higher one."""
    if "opus" in encoder:
        return 48_000
    known = Codec(encoder, "w").audio_rates or [rate]
    return min(known, key=lambda one: (one < rate, abs(one - rate)))
