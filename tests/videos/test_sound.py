"""Sound stays in step with the picture, whatever it is, whenever it begins, however damaged."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from easyseg.videos.source import VideoSource
from easyseg.videos.video_sink import VideoSink

RATE, SOUND = 25, 48_000
BURSTS = (0.8, 2.0)
TARGETS = (".mp4", ".mov", ".mkv", ".webm", ".avi")

CODECS = {
    "aac": ".mp4", "libopus": ".mkv", "libvorbis": ".mkv", "libmp3lame": ".mkv", "mp2": ".mkv",
    "ac3": ".mkv", "flac": ".mkv", "alac": ".mov", "pcm_s16le": ".mov", "pcm_mulaw": ".mov",
    "adpcm_ima_wav": ".avi", "tta": ".mkv",
}  # fmt: skip


def make(
    path: Path, codec: str, *, seconds: float = 3.0, early: float = 0.0, late: float = 0.0,
    gap: tuple[float, float] | None = None,
) -> Path:  # fmt: skip
    """Writes a clip whose sound has bursts; the picture begins `early` or `late` beside it."""
    strict = {"strict": "experimental"}
    with av.open(str(path), "w", container_options={"strict": "experimental"}) as output:
        video = output.add_stream("libx264", rate=RATE)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = output.add_stream(codec, rate=SOUND, options=strict)
        sound.codec_context.layout = "stereo"
        sound.codec_context.open()
        kind = sound.codec_context.format
        size = sound.codec_context.frame_size or 1024
        time = np.arange(int(seconds * SOUND)) / SOUND
        on = np.any([(time >= at) & (time < at + 0.1) for at in BURSTS], axis=0)
        wave = (np.sin(2 * np.pi * 1000 * time) * on * 0.5).astype(np.float32)
        shift = av.AudioResampler(format=kind, layout="stereo", rate=SOUND, frame_size=size)
        packets = []
        for number in range(int(seconds * RATE)):
            grey = np.full((48, 64, 3), 8 * number % 240, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = number + round(late * RATE), Fraction(1, RATE)
            packets += video.encode(frame)
        packets += video.encode(None)
        for begin in range(0, len(wave) - size + 1, size):
            if gap is not None and gap[0] <= begin / SOUND < gap[1]:
                continue
            part = wave[begin : begin + size]
            frame = av.AudioFrame.from_ndarray(np.stack([part, part]), "fltp", "stereo")
            frame.sample_rate, frame.time_base = SOUND, Fraction(1, SOUND)
            frame.pts = begin + round(early * SOUND)
            if gap is not None:
                packets += sound.encode(_as(frame, kind.name))
            else:
                for whole in shift.resample(frame):
                    packets += sound.encode(whole)
        packets += sound.encode(None)
        packets.sort(key=lambda packet: packet.dts * packet.time_base)
        output.mux(packets)
    return path


def _as(frame: av.AudioFrame, kind: str) -> av.AudioFrame:
    if kind == "fltp":
        return frame
    pts = frame.pts
    (out,) = av.AudioResampler(format=kind, layout="stereo", rate=SOUND).resample(frame)
    out.pts = pts
    return out


def bursts(path: Path) -> list[float]:
    """When the bursts begin, in seconds from the first frame of the picture."""
    with av.open(str(path)) as container:
        first = next(container.decode(video=0))
        begin = float(first.pts * first.time_base)
    with av.open(str(path)) as container:
        wave = np.zeros(int(6 * SOUND), np.float32)
        at = None
        for frame in container.decode(audio=0):
            rate = frame.sample_rate
            (plain,) = av.AudioResampler(format="fltp", layout="mono").resample(frame)
            samples = np.abs(plain.to_ndarray()[0])
            if frame.pts is not None:
                at = float(frame.pts * frame.time_base) - begin
            times = np.round((at + np.arange(len(samples)) / rate) * SOUND).astype(int)
            inside = (times >= 0) & (times < len(wave))
            wave[times[inside]] = samples[inside]
            at += len(samples) / rate
    loud = np.flatnonzero(wave > 0.2) / SOUND
    return [float(part[0]) for part in np.split(loud, np.flatnonzero(np.diff(loud) > 0.3) + 1)]


def tolerance(target: str) -> float:
    """Seconds; AVI has no times of presentation, so that FFmpeg guesses a frame's delay."""
    return 0.01 + (1 / RATE if target == ".avi" else 0)


def convert(source: Path, target: Path, **options) -> None:
    with (
        VideoSource(source, **options) as video,
        VideoSink(target, video.info, copy_from=source) as sink,
    ):
        for frame in video:
            sink.write(frame.image, frame.time)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("codec", [name for name in CODECS if name in av.codecs_available])
def test_every_sound_goes_into_every_container(tmp_path: Path, codec: str, target: str):
    source = make(tmp_path / f"in{CODECS[codec]}", codec)
    if source.suffix == target == ".avi":
        pytest.skip("FFmpeg reads the times of ADPCM in AVI otherwise than it writes them")
    convert(source, tmp_path / f"out{target}")
    found = bursts(tmp_path / f"out{target}")
    assert len(found) == len(BURSTS)
    assert found == pytest.approx(bursts(source), abs=tolerance(target))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("codec", "container"), [("aac", ".mp4"), ("aac", ".ts"), ("libopus", ".mkv"), ("mp2", ".ts")]
)
@pytest.mark.parametrize(
    "options", [{"late": 0.6}, {"early": 0.6}, {"gap": (1.2, 1.8)}], ids=["late", "early", "gap"]
)
def test_offsets_and_gaps(tmp_path: Path, codec: str, container: str, target: str, options):
    source = make(tmp_path / f"in{container}", codec, **options)
    convert(source, tmp_path / f"out{target}")
    wanted = bursts(source)
    assert bursts(tmp_path / f"out{target}") == pytest.approx(wanted, abs=tolerance(target))


@pytest.mark.parametrize("target", TARGETS)
def test_a_range(tmp_path: Path, target: str):
    source = make(tmp_path / "in.mp4", "aac", late=0.6)
    convert(source, tmp_path / f"out{target}", start=0.52)
    wanted = [at - 0.52 for at in bursts(source) if at > 0.52]
    assert bursts(tmp_path / f"out{target}") == pytest.approx(wanted, abs=tolerance(target))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("seed", range(2))
def test_damage_in_the_middle(tmp_path: Path, target: str, seed: int, caplog):
    source = make(tmp_path / "in.ts", "aac", seconds=5)
    wanted = bursts(source)
    data = bytearray(source.read_bytes())
    begin, end = int(len(data) * 0.6), int(len(data) * 0.7)
    data[begin:end] = np.random.default_rng(seed).bytes(end - begin)
    source.write_bytes(data)
    convert(source, tmp_path / f"out{target}")
    found = bursts(tmp_path / f"out{target}")
    assert found[0] == pytest.approx(wanted[0], abs=tolerance(target))
