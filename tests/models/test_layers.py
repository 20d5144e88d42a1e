import pytest
import torch
from torch import nn
from torch.nn import functional as F

from easyseg.models.layers import ConvNorm, SeparableConv, pad_same


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "before", "after"),
    [
        (4, 3, 2, 0, 1),  # even: all of it behind
        (5, 3, 2, 1, 1),
        (6, 5, 2, 1, 2),
        (1, 3, 2, 1, 1),
        (8, 1, 2, 0, 0),  # never negative
    ],
)
def test_pad_same_is_tensorflow_s(side, kernel, stride, before, after):
    x = torch.ones(1, 1, side, side)
    padded = pad_same(x, kernel, stride)
    assert padded.shape == (1, 1, before + side + after, before + side + after)
    assert padded[..., before, before] == 1
    assert padded.sum() == side * side


def test_without_normalisation_and_activation_it_is_its_convolution():
    torch.manual_seed(0)
    block = ConvNorm(3, 4, 3, stride=2, bias=True, eps=None, activation=None)
    x = torch.randn(1, 3, 6, 6)
    weight, bias = block.conv.weight, block.conv.bias
    torch.testing.assert_close(block(x), torch.conv2d(x, weight, bias, 2, 1))
    same = ConvNorm(3, 4, 3, stride=2, bias=True, eps=None, activation=None, same_padding=True)
    same.load_state_dict(block.state_dict())
    padded = F.pad(x, (0, 1, 0, 1))
    torch.testing.assert_close(same(x), torch.conv2d(padded, weight, bias, 2))


def test_normalised_then_activated():
    torch.manual_seed(0)
    block = ConvNorm(3, 4, dilation=1, eps=0.5, momentum=0.25, activation=nn.ReLU6)
    x = 10 * torch.randn(2, 3, 5, 5)
    convolved = block.conv(x)
    mean, variance = convolved.mean((0, 2, 3)), convolved.var((0, 2, 3), unbiased=False)
    centred = convolved - mean.view(-1, 1, 1)
    wanted = (centred / (variance + 0.5).sqrt().view(-1, 1, 1)).clamp(0, 6)
    torch.testing.assert_close(block(x), wanted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(block.norm.running_mean, 0.25 * mean)


@pytest.mark.parametrize(("activation", "in_place"), [(nn.Hardswish, True), (nn.GELU, False)])
def test_activations_work_in_place_where_they_can(activation, in_place):
    block = ConvNorm(3, 4, activation=activation)
    assert type(block.activation) is activation
    assert getattr(block.activation, "inplace", False) == in_place


@pytest.mark.parametrize("same_padding", [True, False])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (1, 4), (2, 1), (2, 2)])
def test_sides_are_divided_and_rounded_up(stride, dilation, same_padding):
    block = ConvNorm(
        2, 2, 5, stride=stride, dilation=dilation, groups=2, same_padding=same_padding
    ).eval()
    assert block(torch.zeros(1, 2, 7, 10)).shape == (1, 2, -(-7 // stride), -(-10 // stride))


def test_a_separable_convolution_has_two_parts():
    block = SeparableConv(3, 5, stride=2, dilation=2, eps=0.1, momentum=0.2, activation=None)
    depthwise, pointwise = block.depthwise, block.pointwise
    assert depthwise.conv.weight.shape == (3, 1, 3, 3)
    assert (depthwise.conv.stride, depthwise.conv.dilation) == ((2, 2), (2, 2))
    assert pointwise.conv.weight.shape == (5, 3, 1, 1)
    for part in (depthwise, pointwise):
        assert (part.norm.eps, part.norm.momentum) == (0.1, 0.2)
        assert isinstance(part.activation, nn.Identity)
    assert block(torch.zeros(1, 3, 9, 9)).shape == (1, 5, 5, 5)


@pytest.mark.parametrize("size", [(9, 13), (8, 13), (9, 12), (1, 1), (2, 3)])
@pytest.mark.parametrize(("kernel_size", "dilation"), [(3, 1), (5, 1), (3, 2)])
def test_same_padding_is_tensorflow_s_where_the_convolution_pads(size, kernel_size, dilation):
    block = ConvNorm(
        4, 6, kernel_size, stride=2, dilation=dilation, eps=None, activation=None, same_padding=True
    )
    x = torch.randn(2, 4, *size)
    expected = block.conv(pad_same(x, kernel_size, 2, dilation))
    torch.testing.assert_close(block(x), expected)
    assert block(x).shape[2:] == tuple(-(-side // 2) for side in size)
