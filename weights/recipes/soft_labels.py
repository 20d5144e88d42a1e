"""Asks the teachers once about each photograph, and keeps their answers.

    python weights/recipes/soft_labels.py SHARDS --dataset voc --google google.voc.pt --out soft-voc

The teachers are Google's network and ours before the training, both at output stride 8, over
several views; for ADE20K also MOSAIC R4 (MLCommons mobile_open, Apache-2.0, LiteRT, cut before its
last resize), which knows the first 31 classes better and re-divides their share. OpenVINO computes
the views, in bfloat16 where the processor has it; photographs come grouped by shape.
"""

import argparse
import collections
import functools
import gc
from pathlib import Path
from typing import Any

import cv2
import data
import google
import numpy as np
import openvino
import torch
from torch.nn import functional as F

from easyseg import registry
from easyseg.engine import loader

VIEWS = {
    "voc": (("ours", 513, True), ("ours", 385, False), ("google", 513, False)),
    "ade20k": (("google", 449, True), ("ours", 385, False)),
}
"""Teacher, long side, mirrored or not."""

RARE_SHAPE = 10
"""Photographs of a shape that fewer have are left out: compiling takes longer than they do."""

KEPT = 24
"""How many of the 150 classes are kept for each place: all but a few thousandths of the share."""

MOSAIC_CLASSES, MOSAIC_SHARE, MOSAIC_SIDE = 31, 0.45, 512
GRID = 65
"""Longer side of the grid of ADE20K's soft labels."""


class Teachers:
    """The networks, compiled for one shape after the other."""

    def __init__(self, dataset: str, google_file: Path) -> None:
        refine, classes = dataset == "voc", 21 if dataset == "voc" else 150
        record = registry.get(f"deeplabv3plus_mobilenet_v2_tensorflow.{dataset}")
        self.networks = {
            "ours": loader.load(record, loader.built_in_file(record), output_stride=8),
            "google": google.network(google_file, classes, refine=refine),
        }
        self._core = openvino.Core()
        self._compiled: dict[tuple[str, int, int], Any] = {}

    def forget(self) -> None:
        """Drops what was compiled: a hundred megabytes for each shape."""
        self._compiled.clear()
        gc.collect()

    def __call__(
        self, image: data.Array, view: tuple[str, int, bool], grid: tuple[int, int]
    ) -> torch.Tensor:
        """Probabilities of one view on a grid whose corners are the picture's, (C, h, w)."""
        name, long_side, mirrored = view
        factor = long_side / max(image.shape[:2])
        height, width = (data.side(length * factor) for length in image.shape[:2])
        way = cv2.INTER_AREA if factor < 0.5 else cv2.INTER_LINEAR
        seen = cv2.resize(image, (width, height), interpolation=way).astype(np.float32)
        seen = seen[:, ::-1] if mirrored else seen
        x = np.ascontiguousarray((seen / 127.5 - 1).transpose(2, 0, 1)[None])
        logits = torch.from_numpy(np.array(self._network(name, height, width)(x)[0]))
        logits = logits.flip(-1) if mirrored else logits
        return F.interpolate(logits, grid, mode="bilinear", align_corners=True)[0].softmax(0)

    def _network(self, name: str, height: int, width: int) -> Any:
        key = (name, height, width)
        if key not in self._compiled:
            shape = (1, 3, height, width)
            model = openvino.convert_model(
                self.networks[name], example_input=torch.zeros(shape), input=[shape]
            )
            settings = {"INFERENCE_NUM_THREADS": 1, "ENABLE_CPU_PINNING": False}
            self._compiled[key] = self._core.compile_model(model, "CPU", settings)
        return self._compiled[key]


class Mosaic:
    """MOSAIC R4: logits 128x128x32, whose index i is input pixel 4i, channel 0 unused."""

    def __init__(self, file: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(file), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]

    def __call__(self, image: data.Array, grid: tuple[int, int]) -> torch.Tensor:
        """Probabilities of the first 31 classes on a grid whose corners are the picture's."""
        seen = cv2.resize(image, (MOSAIC_SIDE, MOSAIC_SIDE))[None]
        self._interpreter.set_tensor(self._input, seen)
        self._interpreter.invoke()
        scale, zero = self._output["quantization"]
        raw = self._interpreter.get_tensor(self._output["index"])[0].astype(np.float32)
        logits = torch.from_numpy((raw - zero) * scale).permute(2, 0, 1)[None, 1:]
        places = [
            ((np.linspace(0, length - 1, cells) + 0.5) * MOSAIC_SIDE / length - 0.5) / 4 / 127 * 2
            - 1
            for length, cells in zip(image.shape[1::-1], grid[::-1], strict=True)
        ]
        across, down = np.meshgrid(*places)
        at = torch.from_numpy(np.stack([across, down], -1).astype(np.float32))[None]
        sampled = F.grid_sample(logits, at, align_corners=True, padding_mode="border")
        return sampled[0].softmax(0)


def voc_labels(image: data.Array, teachers: Teachers) -> dict[str, data.Array]:
    """Logarithms of the mean probabilities, (21, h, w), at a quarter of 513."""
    factor = 513 / max(image.shape[:2])
    height, width = (data.side(length * factor) // 4 + 1 for length in image.shape[:2])
    views = VIEWS["voc"]
    mean = sum(teachers(image, view, (height, width)) for view in views) / len(views)
    return {"z": torch.as_tensor(mean).clamp_min(1e-6).log().numpy().astype(np.float16)}


def ade20k_labels(image: data.Array, teachers: Teachers, mosaic: Mosaic) -> dict[str, data.Array]:
    """Ids and shares of the likeliest classes, (KEPT, h, w)."""
    factor = (GRID - 1) / (max(image.shape[:2]) - 1)
    height, width = (round((length - 1) * factor) + 1 for length in image.shape[:2])
    views = VIEWS["ade20k"]
    mean = torch.as_tensor(
        sum(teachers(image, view, (height, width)) for view in views) / len(views)
    )
    first = mean[:MOSAIC_CLASSES]
    divided = first.sum(0, keepdim=True) * mosaic(image, (height, width))
    mean[:MOSAIC_CLASSES] = (1 - MOSAIC_SHARE) * first + MOSAIC_SHARE * divided
    share, ids = mean.topk(KEPT, 0)
    return {"ids": ids.numpy().astype(np.uint8), "p": share.numpy().astype(np.float16)}


def main() -> None:
    """Asks about all photographs that have no answer yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--dataset", choices=tuple(VIEWS), required=True)
    parser.add_argument("--google", type=Path, required=True)
    parser.add_argument("--mosaic", type=Path, help="for ade20k")
    parser.add_argument("--unlabelled", type=int)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    arguments.out.mkdir(parents=True, exist_ok=True)
    teachers = Teachers(arguments.dataset, arguments.google)
    ask = functools.partial(voc_labels, teachers=teachers)
    if arguments.dataset == "ade20k":
        ask = functools.partial(ade20k_labels, teachers=teachers, mosaic=Mosaic(arguments.mosaic))
    shapes: dict[tuple[int, ...], list[data.Photograph]] = collections.defaultdict(list)
    for one in data.photographs(
        arguments.shards, arguments.dataset, unlabelled=arguments.unlabelled
    ):
        shapes[cv2.imread(str(one.path)).shape].append(one)
    for group in sorted(shapes.values(), key=len, reverse=True):
        teachers.forget()
        for one in group if len(group) >= RARE_SHAPE else ():
            path = arguments.out / f"{one.name}.npz"
            if not path.exists():
                part = arguments.out / ".part.npz"
                np.savez(part, **ask(one.read()))
                part.replace(path)


if __name__ == "__main__":
    main()
