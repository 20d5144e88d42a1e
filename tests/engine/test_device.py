import pytest
import torch

from easyseg.engine.device import pick_device
from easyseg.errors import InputError

CPU = torch.device("cpu")


def test_the_best_device_is_taken():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    if torch.backends.mps.is_available():
        expected = "mps"
    assert pick_device().type == expected
    assert pick_device("cpu") == CPU
    assert pick_device(CPU) == CPU


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "", 7.5, "meta", "xpu"])
def test_a_device_that_is_not_there_is_said(device):
    with pytest.raises(InputError, match="device"):
        pick_device(device)
