"""Checks and times the networks on a GPU.

    python -m benchmarks.gpu [--json FILE] [--only NAME]

For each family, in each precision: the share of the pixels that get the same label as on the CPU in
float32, then pictures a second in batches of 1, 8 and 32; then restoring on the device, and a video
of 1920x1080 from file to file. The networks of the zoo have random weights: their speed and their
rounding do not need trained ones. It ends with 1 where labels differ, and with 2 where there is no
GPU.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks import subjects
from easyseg import registry
from easyseg.engine import Segmenter
from easyseg.engine.backends import Checkpoint
from easyseg.engine.backends.torch_backend import TorchNetwork
from easyseg.engine.fuse import fold_batch_norm
from easyseg.engine.heads import merge_heads
from easyseg.pipeline import Job, process_file
from easyseg.result import Segmentation
from easyseg.transforms import Geometry, restore

NAMES = (
    "deeplabv3plus_efficientnet_lite0.ade20k",
    "efficientvit_seg_b1.ade20k",
    "segformer_b0.ade20k",
    "deeplabv3plus_resnet50.ade20k",
    "deeplabv3_resnet50.ade20k",
    "pspnet_resnet50.ade20k",
    "upernet_resnet50.ade20k",
    "deeplabv3plus_xception65.ade20k",
    "lraspp_mobilenet_v3_large.coco_voc",
)
BATCHES = (1, 8, 32)
SIZE = 512
LEAST_AGREEMENT = 0.999
ROUNDS = 5


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


def agreement(name: str, network: TorchNetwork) -> float:
    """Share of the pixels with the label that the CPU gives in float32."""
    checkpoint = RandomNetwork(registry.get(name), Path())
    exact = TorchNetwork(checkpoint, torch.device("cpu"), "fp32")
    x = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    geometry = Geometry((SIZE, SIZE), (SIZE, SIZE), (SIZE, SIZE))
    shares = []
    for picture in x.split(1):
        for _ in range(6):  # enough to be recorded as a graph
            given = network(picture)
        same = restore(given, geometry) == restore(exact(picture), geometry)
        shares.append(same.mean())
    return float(np.mean(shares))


def wait_for(device: torch.device) -> None:
    """Waits until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Median time of a call, with all that it started on the device."""
    taken = []
    for round_number in range(ROUNDS + 6):
        wait_for(device)
        start = time.perf_counter()
        work()
        wait_for(device)
        if round_number >= 6:  # chosen, compiled and recorded by then
            taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def measure_network(name: str, precision: str, device: torch.device) -> dict[str, object]:
    """One line of the table."""
    network = TorchNetwork(RandomNetwork(registry.get(name), Path()), device, precision)
    line: dict[str, object] = {"network": name, "precision": precision}
    line["agreement"] = agreement(name, network)
    for batch in BATCHES:
        x = torch.randn(batch, 3, SIZE, SIZE)  # on the CPU: the way across the bus counts
        line[f"batch {batch}"] = batch / seconds(lambda x=x: network(x), device)
    return line


def measure_restore(device: torch.device) -> dict[str, float]:
    """Milliseconds to restore 150 classes, labels on the CPU at the end."""
    logits = torch.randn(1, 150, 16, 16, device=device)
    logits = nn.functional.interpolate(logits, (128, 128), mode="bilinear")
    answers = {}
    for height, width in ((480, 640), (1080, 1920), (2160, 3840)):
        geometry = Geometry((height, width), (SIZE, SIZE), (SIZE, SIZE))
        taken = seconds(lambda geometry=geometry: restore(logits, geometry), device)
        answers[f"{width}x{height}"] = 1000 * taken
    return answers


def measure_video(device: torch.device, frames: int = 120) -> float:
    """Frames a second, 1920x1080 from file to file with the built-in model."""
    segmenter = Segmenter("builtin", device=device)
    with tempfile.TemporaryDirectory() as folder:
        clip = subjects.clip(Path(folder), frames, (1080, 1920))
        target = Path(folder) / "out.mp4"
        job = Job(progress=False)
        process_file(clip, target, segmenter, Segmentation.overlay, job)  # warm up
        return frames / process_file(clip, target, segmenter, Segmentation.overlay, job).seconds


def main() -> int:
    """Runs it.

    Returns:
        0; 1 where labels differ; 2 without a GPU.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures there, too")
    parser.add_argument("--only", metavar="NAME", choices=NAMES, help="this network only")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print(
            "there is no GPU here that this PyTorch can use: nothing was measured", file=sys.stderr
        )
        return 2
    device = torch.device("cuda")
    print(f"{torch.cuda.get_device_name(device)}, PyTorch {torch.__version__}, {SIZE}x{SIZE}")
    print(
        f"{'network':42} {'prec.':6} {'same labels':>11} "
        + " ".join(f"{f'x{b}, 1/s':>10}" for b in BATCHES)
    )
    lines, wrong = [], 0
    for name in (options.only,) if options.only else NAMES:
        for precision in ("fp32", "bf16", "fp16"):
            line = measure_network(name, precision, device)
            is_wrong = precision == "fp32" and float(str(line["agreement"])) < LEAST_AGREEMENT
            wrong += is_wrong
            speeds = " ".join(f"{line[f'batch {b}']:10.1f}" for b in BATCHES)
            same = f"{100 * float(str(line['agreement'])):9.3f} %"
            mark = "  DIFFERS" if is_wrong else ""
            print(f"{name:42} {precision:6} {same} {speeds}{mark}", flush=True)
            lines.append(line)
    restoring = measure_restore(device)
    video = measure_video(device)
    print("restore, 150 classes: " + ", ".join(f"{k} {v:.2f} ms" for k, v in restoring.items()))
    print(f"video 1920x1080, file to file: {video:.1f} frames a second")
    if options.json is not None:
        facts = {
            "device": torch.cuda.get_device_name(device), "torch": torch.__version__,
            "networks": lines, "restore_milliseconds": restoring, "video_frames_per_second": video,
        }  # fmt: skip
        options.json.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
