import pytest
import torch

from easyseg.models.deeplabv3plus import DeepLabV3Plus


def test_rates_follow_the_resolution():
    def rates(stride):
        network = DeepLabV3Plus(3, output_stride=stride)
        return [b.depthwise.conv.dilation[0] for b in network.aspp.branches]

    assert [rates(8), rates(16), rates(32)] == [[8, 16, 24], [4, 8, 12], [2, 4, 6]]


@pytest.mark.parametrize("encoder_size", [1, 2])
def test_it_learns(encoder_size):
    """Every parameter gets a gradient."""
    network = DeepLabV3Plus(3, encoder_size=encoder_size).train()
    network(torch.randn(2, 3, 64, 64)).square().mean().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []
