"""Checks and times the networks on a GPU.

    python -m benchmarks.gpu [--device cuda|mps|cpu] [--only NAME] [--json FILE]

For each family, in each precision: the share of the pixels that get the same label as on the CPU in
float32, then pictures a second in batches of 1, 8 and 32. Then come the way of pictures to the
device (float32 made by the CPU, against uint8), a list of photographs against one after the other,
restoring on the device, and a video of 1920x1080 from file to file. The networks of the zoo have
random weights: their speed and their rounding do not need trained ones.

bf16 and fp16 are what the engine does: weights and pictures are cast as a whole. The lines
"autocast" beside them keep the weights in float32, and `torch.autocast` casts for each operation.
The engine does not do so by default, since the batch normalisations, which want float32, are
folded away, and each cast is one more kernel in the CUDA graph; whether that holds on a GPU is for
these lines to show.

It ends with 1 where labels differ, and with 2 where there is no such device. Where there is no GPU,
`--device cpu --side 64 --rounds 1 --batches 1 2 --frames 4` shows that it works; it was never run
on one so far.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import nn

from benchmarks import subjects
from benchmarks.measure import processor
from easyseg import registry
from easyseg.engine import Segmenter
from easyseg.engine.backends import Checkpoint
from easyseg.engine.backends.torch_backend import DTYPES, TorchNetwork
from easyseg.engine.fuse import fold_batch_norm
from easyseg.engine.heads import merge_heads
from easyseg.pictures import image as media
from easyseg.pipeline import Job, process_file
from easyseg.result import Segmentation
from easyseg.transforms import Geometry, Preprocess, lay_out, restore

NAMES = (
    "deeplabv3plus_mobilenet_v2_tensorflow.ade20k",
    "efficientvit_seg_b1.ade20k",
    "segformer_b0.ade20k",
    "deeplabv3plus_resnet50.ade20k",
    "deeplabv3_resnet50.ade20k",
    "pspnet_resnet50.ade20k",
    "upernet_resnet50.ade20k",
    "deeplabv3plus_xception65.ade20k",
    "lraspp_mobilenet_v3_large.coco_voc",
)
PRECISIONS = ("fp32", "bf16", "autocast bf16", "fp16", "autocast fp16")
FRAME = (1080, 1920)
LEAST_AGREEMENT = 0.999


Line: TypeAlias = dict[str, object]


@dataclass(frozen=True)
class RandomNetwork(Checkpoint):
    """A network with random weights, the same ones each time, in place of a file's."""

    def load(self) -> nn.Module:
        """Builds it; normalisations get statistics that keep the values near 1."""
        torch.manual_seed(0)
        module = self.weights.build(self.weights.num_classes).train()
        with torch.no_grad():
            for part in module.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.momentum = None  # the plain mean of what comes
            module(torch.randn(2, 3, 128, 128))
        module = module.eval().requires_grad_(False)
        return merge_heads(fold_batch_norm(module)).eval()


@dataclass(frozen=True)
class AutocastNetwork(RandomNetwork):
    """The same, cast for each operation.

    Attributes:
        cast_to: A key of `DTYPES`.
    """

    cast_to: str = "bf16"

    def load(self) -> nn.Module:
        """Builds it, and wraps it."""
        return Autocast(super().load(), DTYPES[self.cast_to])


class Autocast(nn.Module):
    """A network with weights in float32 that computes in another type where autocast says so."""

    def __init__(self, module: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.module = module
        self.dtype = dtype

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Runs it; each weight is used once, so that there is nothing to cache."""
        with torch.autocast(x.device.type, self.dtype, cache_enabled=False):
            return self.module(x)


@dataclass(frozen=True)
class Bench:
    """Where and how it is measured.

    Attributes:
        device: The device.
        side: Of the networks' input, in pixels.
        rounds: How often each work is timed.
        batches: How many pictures the networks are given at once.
    """

    device: torch.device
    side: int
    rounds: int
    batches: tuple[int, ...]

    @property
    def warm_up(self) -> int:
        """Calls after which algorithms are chosen, compiled and recorded as a graph."""
        return 6 if self.device.type == "cuda" else 1

    @property
    def precisions(self) -> tuple[str, ...]:
        """Those that the device has; on a CPU no fp16."""
        on_cpu = self.device.type == "cpu"
        return tuple(one for one in PRECISIONS if not (on_cpu and one.endswith("fp16")))

    def wait(self) -> None:
        """Waits until the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def seconds(self, work: Callable[[], object]) -> float:
        """Median time of a call, with all that it started on the device."""
        taken = []
        for round_number in range(self.warm_up + self.rounds):
            self.wait()
            start = time.perf_counter()
            work()
            self.wait()
            if round_number >= self.warm_up:
                taken.append(time.perf_counter() - start)
        return statistics.median(taken)


def agreement(network: TorchNetwork, exact: TorchNetwork, bench: Bench) -> float:
    """Share of the pixels with the label that the CPU gives in float32."""
    side = bench.side
    x = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    geometry = Geometry((side, side), (side, side), (side, side))
    shares = []
    for picture in x.split(1):
        for _ in range(bench.warm_up):  # enough to be recorded as a graph
            given = network(picture)
        same = restore(given, geometry) == restore(exact(picture), geometry)
        shares.append(same.mean())
    return float(np.mean(shares))


def measure_network(name: str, precision: str, exact: TorchNetwork, bench: Bench) -> Line:
    """One line of the table."""
    weights = registry.get(name)
    cast = precision.removeprefix("autocast ")
    if cast == precision:
        network = TorchNetwork(RandomNetwork(weights, Path()), bench.device, precision)
    else:
        checkpoint = AutocastNetwork(weights, Path(), cast_to=cast)
        network = TorchNetwork(checkpoint, bench.device, "fp32")
    line: Line = {"network": name, "precision": precision}
    line["agreement"] = agreement(network, exact, bench)
    for batch in bench.batches:
        x = torch.randn(
            batch, 3, bench.side, bench.side
        )  # on the CPU: the way across the bus counts
        line[f"batch {batch}"] = batch / bench.seconds(lambda x=x: network(x))
    return line


def measure_networks(names: Sequence[str], bench: Bench) -> tuple[list[Line], bool]:
    """The table, printed as it comes, and whether the labels are those of the CPU."""
    print(
        f"{'network':42} {'precision':13} {'same labels':>11} "
        + " ".join(f"{f'x{batch}, 1/s':>10}" for batch in bench.batches)
    )
    lines, is_right = [], True
    for name in names:
        exact = TorchNetwork(RandomNetwork(registry.get(name), Path()), torch.device("cpu"), "fp32")
        for precision in bench.precisions:
            line = measure_network(name, precision, exact, bench)
            same = float(str(line["agreement"]))
            is_wrong = precision == "fp32" and same < LEAST_AGREEMENT
            speeds = " ".join(f"{line[f'batch {batch}']:10.1f}" for batch in bench.batches)
            mark = "  DIFFERS" if is_wrong else ""
            print(f"{name:42} {precision:13} {100 * same:9.3f} % {speeds}{mark}", flush=True)
            lines.append(line)
            is_right &= not is_wrong
    return lines, is_right


def measure_inputs(bench: Bench) -> dict[str, float]:
    """Milliseconds to make the input of 8 pictures, from uint8 on the CPU."""
    preprocess = Preprocess((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), resize="native")
    shape = (bench.side, bench.side, 3)
    fitted = [preprocess.fit(np.full(shape, value, np.uint8)) for value in range(8)]

    def on_cpu() -> torch.Tensor:
        x = torch.cat([preprocess(image)[0] for image, _ in fitted])
        x = x.pin_memory() if bench.device.type == "cuda" else x
        return x.to(bench.device)

    return {
        "float32 from the CPU": 1000 * bench.seconds(on_cpu),
        "uint8": 1000 * bench.seconds(lambda: lay_out(fitted, preprocess, bench.device)),
    }


def measure_list(bench: Bench) -> dict[str, float]:
    """Photographs a second of a list and of one after the other, with the labels they agree on."""
    segmenter = Segmenter("builtin", device=bench.device, backend="torch", size=bench.side)
    photographs = [media.read(path) for path in sorted(subjects.EXAMPLES.glob("*.jpg"))]
    sources = [one for one in photographs for _ in range(max(bench.batches))]
    alone, together = [segmenter(one) for one in sources], segmenter(sources)
    same = [np.mean(one.labels == other.labels) for one, other in zip(alone, together, strict=True)]
    return {
        "alone": len(sources) / bench.seconds(lambda: [segmenter(one) for one in sources]),
        "list": len(sources) / bench.seconds(lambda: segmenter(sources)),
        "agreement": float(np.mean(same)),
    }


def measure_restore(bench: Bench) -> dict[str, float]:
    """Milliseconds to restore 150 classes, labels on the CPU at the end."""
    side = bench.side
    logits = torch.randn(1, 150, max(1, side // 32), max(1, side // 32), device=bench.device)
    logits = nn.functional.interpolate(logits, (side // 4, side // 4), mode="bilinear")
    answers = {}
    for height, width in ((480, 640), FRAME, (2160, 3840)):
        geometry = Geometry((height, width), (side, side), (side, side))
        taken = bench.seconds(lambda geometry=geometry: restore(logits, geometry))
        answers[f"{width}x{height}"] = 1000 * taken
    return answers


def measure_video(bench: Bench, frames: int) -> float:
    """Frames a second, 1920x1080 from file to file with the built-in model."""
    segmenter = Segmenter("builtin", device=bench.device, backend="torch", size=bench.side)
    with tempfile.TemporaryDirectory() as folder:
        clip = subjects.clip(Path(folder), frames, FRAME)
        target = Path(folder) / "out.mp4"
        job = Job(progress=False)
        process_file(clip, target, segmenter, Segmentation.overlay, job)  # warm up
        return frames / process_file(clip, target, segmenter, Segmentation.overlay, job).seconds


def is_here(device: str) -> bool:
    """Whether this PyTorch can use a device."""
    if device == "cuda":
        return torch.cuda.is_available()
    return device == "cpu" or torch.backends.mps.is_available()


def title_of(device: torch.device) -> str:
    """Its name, and what is to know of it where labels differ."""
    if device.type == "cuda":
        # PyTorch's default: float32 is rounded to 11 bits on its way into a convolution.
        rounded = ", TF32 in convolutions" if torch.backends.cudnn.allow_tf32 else ""
        return torch.cuda.get_device_name(device) + rounded
    return processor()


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "mps", "cpu"), default="cuda")
    parser.add_argument("--only", metavar="NAME", choices=NAMES, help="this network only")
    parser.add_argument("--side", metavar="PIXELS", type=int, default=512, help="of the input")
    parser.add_argument("--rounds", metavar="N", type=int, default=5, help="of each work")
    parser.add_argument(
        "--batches", metavar="N", type=int, nargs="+", default=(1, 8, 32), help="of the networks"
    )
    parser.add_argument("--frames", metavar="N", type=int, default=120, help="of the video")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures there, too")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs it.

    Args:
        arguments: In the place of the command line's.

    Returns:
        0; 1 where labels differ; 2 without the device.
    """
    options = options_of(arguments)
    if not is_here(options.device):
        print(
            f"there is no {options.device.upper()} here that this PyTorch can use: nothing was "
            "measured",
            file=sys.stderr,
        )
        return 2
    device, batches = torch.device(options.device), tuple(options.batches)
    bench = Bench(device, options.side, options.rounds, batches)
    title = title_of(bench.device)
    print(f"{title}, PyTorch {torch.__version__}, {bench.side}x{bench.side}")
    lines, is_right = measure_networks((options.only,) if options.only else NAMES, bench)
    inputs, together, restoring = measure_inputs(bench), measure_list(bench), measure_restore(bench)
    is_right &= together["agreement"] >= LEAST_AGREEMENT
    video = measure_video(bench, options.frames)
    print("input of 8 pictures: " + ", ".join(f"{k} {v:.2f} ms" for k, v in inputs.items()))
    print(
        f"photographs a second: {together['alone']:.1f} alone, {together['list']:.1f} in a list, "
        f"{100 * together['agreement']:.3f} % same labels"
    )
    print("restore, 150 classes: " + ", ".join(f"{k} {v:.2f} ms" for k, v in restoring.items()))
    print(f"video 1920x1080, file to file: {video:.1f} frames a second")
    if options.json is not None:
        figures = {
            "device": title, "torch": torch.__version__, "side": bench.side,
            "rounds": bench.rounds, "networks": lines, "input_milliseconds": inputs,
            "photographs_per_second": together, "restore_milliseconds": restoring,
            "video_frames_per_second": video,
        }  # fmt: skip
        options.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
