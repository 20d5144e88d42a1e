"""PixelLib's Xception-65 by its Keras layer names, held to recorded answers.

The recorded logits come from the weights that `keras_fill` makes; the parity test shows that this
network gives TensorFlow's answers for them. To record anew:

    python tests/models/test_deeplabv3plus_xception65.py
"""

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from easyseg.models.deeplabv3plus_xception65 import ADE20K, VOC, DeepLabV3PlusXception65, rename

GOLDEN = Path(__file__).resolve().parent.parent / "data" / "xception65_golden.npz"
NUM_CLASSES = 5
Weight = tuple[str, tuple[int, ...]]


def norm(layer: str, channels: int) -> Iterator[Weight]:
    for kind in ("gamma", "beta", "moving_mean", "moving_variance"):
        yield f"{layer}_BN/{kind}:0", (channels,)


def convolution(layer: str, before: int, after: int, size: int = 1) -> Iterator[Weight]:
    yield f"{layer}/kernel:0", (size, size, before, after)
    yield from norm(layer, after)


def separable(layer: str, before: int, after: int) -> Iterator[Weight]:
    yield f"{layer}_depthwise/depthwise_kernel:0", (3, 3, before, 1)
    yield from norm(f"{layer}_depthwise", before)
    yield from convolution(f"{layer}_pointwise", before, after)


def block(layer: str, *channels: int) -> Iterator[Weight]:
    for index in range(3):
        name = f"{layer}_separable_conv{index + 1}"
        yield from separable(name, channels[index], channels[index + 1])


def keras_layout(classifier: str = "logits_semantic") -> Iterator[Weight]:
    """Yields the names and shapes in the Keras file, as the network's description has them."""
    yield from convolution("entry_flow_conv1_1", 3, 32, 3)
    yield from convolution("entry_flow_conv1_2", 32, 64, 3)
    for index, (before, after) in enumerate(((64, 128), (128, 256), (256, 728)), 1):
        yield from block(f"entry_flow_block{index}", before, after, after, after)
        yield from convolution(f"entry_flow_block{index}_shortcut", before, after)
    for index in range(1, 17):
        yield from block(f"middle_flow_unit_{index}", 728, 728, 728, 728)
    yield from block("exit_flow_block1", 728, 728, 1024, 1024)
    yield from convolution("exit_flow_block1_shortcut", 728, 1024)
    yield from block("exit_flow_block2", 1024, 1536, 1536, 2048)
    yield from convolution("image_pooling", 2048, 256)
    yield from convolution("aspp0", 2048, 256)
    for index in (1, 2, 3):
        yield from separable(f"aspp{index}", 2048, 256)
    yield from convolution("concat_projection", 1280, 256)
    yield from convolution("feature_projection0", 256, 48)
    yield from separable("decoder_conv0", 304, 256)
    yield from separable("decoder_conv1", 256, 256)
    yield f"{classifier}/kernel:0", (1, 1, 256, NUM_CLASSES)
    yield f"{classifier}/bias:0", (NUM_CLASSES,)


def keras_fill(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Makes weights from their name alone, whatever the version of numpy and torch."""
    normal = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(int(np.prod(shape)))
    values = normal.astype(np.float32).reshape(shape)
    if len(shape) > 1:
        fan = np.prod(shape[:2] if "depthwise" in name else shape[:-1])
        values = values * np.float32(np.sqrt(1 / fan))
    elif name.endswith("moving_variance:0"):
        values = 0.5 + np.abs(values)
    else:
        values = np.float32(0.1) * values + float(name.endswith("gamma:0"))
    return torch.from_numpy(values)


def golden_logits() -> dict[str, np.ndarray]:
    """Computes what is recorded: the logits of a small picture at both output strides."""
    state_dict = rename({name: keras_fill(name, shape) for name, shape in keras_layout()})
    picture = np.random.RandomState(0).uniform(-1, 1, (1, 3, 49, 65)).astype(np.float32)
    logits = {}
    for stride in (8, 16):
        with torch.device("meta"):
            network = DeepLabV3PlusXception65(NUM_CLASSES, output_stride=stride)
        network.load_state_dict(state_dict, assign=True)
        with torch.inference_mode():
            logits[f"stride_{stride}"] = network.eval()(torch.from_numpy(picture)).numpy()
    return logits


def test_logits_are_the_recorded_ones():
    assert GOLDEN.stat().st_size < 50_000
    recorded = np.load(GOLDEN)
    computed = golden_logits()
    assert set(computed) == set(recorded.files)
    for name, logits in computed.items():
        assert recorded[name].std() > 0.05
        np.testing.assert_allclose(logits, recorded[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("classifier", ["logits_semantic", "custom_logits_semantic"])
def test_every_keras_layer_finds_its_place(classifier):
    layout = dict(keras_layout(classifier))
    empty = {name: torch.empty(shape, device="meta") for name, shape in layout.items()}
    with torch.device("meta"):
        wanted = DeepLabV3PlusXception65(NUM_CLASSES).state_dict()
    shapes = {key: tuple(tensor.shape) for key, tensor in rename(empty).items()}
    assert shapes == {key: tuple(tensor.shape) for key, tensor in wanted.items()}


def test_kernels_are_turned():
    kernel = torch.arange(3 * 3 * 2 * 4).reshape(3, 3, 2, 4)
    depthwise = torch.arange(3 * 3 * 2 * 2).reshape(3, 3, 2, 2)
    renamed = rename(
        {
            "aspp0/kernel:0": kernel,
            "aspp1_depthwise/depthwise_kernel:0": depthwise,
            "logits_semantic/kernel:0": kernel,
        }
    )
    assert list(renamed) == [
        "aspp.branches.0.conv.weight",
        "aspp.branches.1.depthwise.conv.weight",
        "classifier.weight",
    ]
    turned, deep, _ = renamed.values()
    assert turned.shape == (4, 2, 3, 3)
    assert turned[3, 1, 2, 0] == kernel[2, 0, 1, 3]
    assert deep.shape == (4, 1, 3, 3)
    # TensorFlow's output channel is channel * multiplier + index.
    assert deep[1 * 2 + 1, 0, 0, 2] == depthwise[0, 2, 1, 1]


def test_output_zero_means_no_class_in_ade20k_only():
    assert [(record.num_classes, record.first_class) for record in (ADE20K, VOC)] == [
        (151, 1),
        (21, 0),
    ]


if __name__ == "__main__":
    np.savez_compressed(GOLDEN, **golden_logits())
