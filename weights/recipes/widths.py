"""Accuracy against milliseconds of students of several widths, after the same short training.

    python weights/recipes/widths.py PHOTOS --masks DIR --names VAL.txt \
        --width 0,128,128,32=DIR/model.pt --width 0,128,64,24=DIR/model.pt

A width is `encoder_size,aspp_channels,decoder_channels,low_level_channels`, and after it the file
that train.py left. Each network takes its turn in every round; given are medians.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from train import WIDTHS

from easyseg.engine import conversion
from easyseg.engine.fuse import fold_batch_norm
from easyseg.evaluation.metrics import Accumulator
from easyseg.models.deeplabv3plus import PREPROCESS, DeepLabV3Plus
from easyseg.pictures.image import read
from easyseg.pictures.masks import read_labels
from easyseg.transforms import restore

SIDE = 512
CLASSES = 21


def ready(text: str, output_stride: int) -> torch.nn.Module:
    """The network that a `--width` names, with its weights, as the engine runs it."""
    width, _, file = text.partition("=")
    widths = dict(zip(WIDTHS, map(int, width.split(",")), strict=True))
    module = DeepLabV3Plus(CLASSES, output_stride=output_stride, **widths).eval()
    module.load_state_dict({k: v.float() for k, v in torch.load(file, weights_only=True).items()})
    return fold_batch_norm(module).requires_grad_(False).to(memory_format=torch.channels_last)


def by_openvino(module: torch.nn.Module) -> Callable[[torch.Tensor], object]:
    """The same by OpenVINO."""
    core = conversion.import_quietly("openvino").Core()
    compiled = core.compile_model(
        conversion.to_openvino(module, (SIDE, SIDE)), "CPU", {"PERFORMANCE_HINT": "LATENCY"}
    )
    return lambda x: compiled([x.numpy()])


def milliseconds(works: list[Callable[[torch.Tensor], object]], rounds: int) -> list[float]:
    """Medians of a picture of 512x512, taken in turn."""
    x = torch.randn(1, 3, SIDE, SIDE)
    taken: list[list[float]] = [[] for _ in works]
    for number in range(rounds + 2):
        for work, seconds in zip(works, taken, strict=True):
            start = time.perf_counter()
            work(x)
            if number >= 2:
                seconds.append(time.perf_counter() - start)
    return [1000 * statistics.median(seconds) for seconds in taken]


def mean_iou(module: torch.nn.Module, photos: Path, masks: Path, names: list[str]) -> float:
    """In per cent, single scale, at the photographs' own size."""
    table = Accumulator(CLASSES)
    for name in names:
        x, geometry = PREPROCESS(read(photos / f"{name}.webp"))
        table.add(read_labels(masks / f"{name}.png"), restore(module(x), geometry))
    return 100 * table.scores.mean_iou


def main() -> None:
    """Reads the command line and prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", type=Path)
    parser.add_argument("--masks", required=True, type=Path)
    parser.add_argument("--names", required=True, type=Path, help="photographs to measure on")
    parser.add_argument("--width", required=True, action="append", metavar="WIDTHS=FILE")
    parser.add_argument("--output-stride", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=21)
    args = parser.parse_args()
    names = args.names.read_text("utf-8").split()
    with torch.inference_mode():
        modules = [ready(text, args.output_stride) for text in args.width]
        by_torch = milliseconds(list(modules), args.rounds)
        by_other = milliseconds([by_openvino(module) for module in modules], args.rounds)
        print("| widths | million parameters | ms, PyTorch | ms, OpenVINO | mIoU |")
        print("| --- | --- | --- | --- | --- |")
        for text, module, own, other in zip(args.width, modules, by_torch, by_other, strict=True):
            accuracy = mean_iou(module, args.photos, args.masks, names)
            millions = sum(p.numel() for p in module.parameters()) / 1e6
            width = text.partition("=")[0].replace(",", " / ")
            print(f"| {width} | {millions:.2f} | {own:.0f} | {other:.0f} | {accuracy:.1f} |")


if __name__ == "__main__":
    main()
