"""Steps of a training in a process of its own: what an allocator learns, it keeps.

    python training_peer.py plain|kept

It does one step for each line of input.
"""

import sys
from contextlib import nullcontext

import torch
from serving import serve
from torch.nn import functional as F

from easyseg.models.deeplabv3plus import DeepLabV3Plus
from easyseg.training.memory import keep_freed_memory

BATCH, SIDE, CLASSES = 8, 384, 21
"""Batch and crop are those of `easyseg.train` by default."""


def main() -> None:
    """Makes the network once, then does a step for each line."""
    device = torch.device("cpu")
    network = DeepLabV3Plus(CLASSES, output_stride=32).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters())
    x = torch.randn(BATCH, 3, SIDE, SIDE).to(memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (BATCH, SIDE, SIDE))

    def step() -> None:
        logits = F.interpolate(network(x), labels.shape[1:], mode="bilinear")
        F.cross_entropy(logits, labels).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    with keep_freed_memory(device) if sys.argv[1] == "kept" else nullcontext():
        serve(step, {"torch": torch.__version__})


main()
