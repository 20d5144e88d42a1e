"""How PyTorch's networks lie in memory."""

import pytest
import torch
from torch import nn

from easyseg import registry
from easyseg.engine.backends.torch_backend import TorchNetwork
from easyseg.models.layers import ConvNorm

CPU = torch.device("cpu")


class InMemory:
    """A checkpoint that was loaded before."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def load(self) -> nn.Module:
        return self.module.eval()


@pytest.mark.parametrize(
    ("name", "is_dense"),
    [
        ("deeplabv3plus_efficientnet_lite0.voc", False),
        ("segformer_b0.ade20k", False),
        ("lraspp_mobilenet_v3_large.coco_voc", False),
        ("deeplabv3plus_resnet50.ade20k", True),
        ("pspnet_resnet50.ade20k", True),
    ],
)
def test_networks_of_dense_convolutions_keep_the_channels_first(name: str, is_dense: bool):
    seen = []
    module = registry.get(name).build(registry.get(name).num_classes).eval()
    plain = next(part for part in module.modules() if isinstance(part, nn.Conv2d))
    plain.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network = TorchNetwork(InMemory(module), CPU, "fp32")
    network(torch.randn(1, 3, 64, 96))
    (x,) = seen
    assert x.is_contiguous() is is_dense
    assert x.is_contiguous(memory_format=torch.channels_last) is not is_dense


def test_either_way_gives_the_same_answer():
    torch.manual_seed(0)
    dense = nn.Sequential(ConvNorm(3, 16, 3), ConvNorm(16, 8, 3)).eval()
    x = torch.randn(2, 3, 20, 30)
    with torch.inference_mode():
        expected = dense.to(memory_format=torch.channels_last)(x)
    given = TorchNetwork(InMemory(dense), CPU, "fp32")(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-5)
