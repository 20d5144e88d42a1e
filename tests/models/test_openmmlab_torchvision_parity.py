"""Against the reference implementations: logits for weights that follow from the keys' names."""

import importlib.util
import json
from types import ModuleType

import pytest
import torch
from torch.nn import functional as F

from easyseg import registry
from easyseg.engine import loader

pytestmark = pytest.mark.shared
slow = pytest.mark.slow

PAIRS = [
    ("deeplabv3plus_resnet50.voc", "mmseg_deeplabv3plus_r50-d8_voc12aug"),
    ("deeplabv3plus_mobilenet_v2.ade20k", "mmseg_deeplabv3plus_m-v2-d8_ade20k"),
    pytest.param("pspnet_resnet50.ade20k", "mmseg_pspnet_r50-d8_ade20k", marks=slow),
    pytest.param("upernet_resnet50.ade20k", "mmseg_upernet_r50_ade20k", marks=slow),
    pytest.param("deeplabv3_resnet50.coco_voc", "torchvision_deeplabv3_resnet50", marks=slow),
    ("deeplabv3_mobilenet_v3_large.coco_voc", "torchvision_deeplabv3_mobilenet_v3_large"),
    pytest.param("fcn_resnet50.coco_voc", "torchvision_fcn_resnet50", marks=slow),
    ("lraspp_mobilenet_v3_large.coco_voc", "torchvision_lraspp_mobilenet_v3_large"),
    pytest.param("deeplabv3plus_resnet50.ade20k", "mmseg_deeplabv3plus_r50-d8_ade20k", marks=slow),
    pytest.param("deeplabv3plus_resnet101.voc", "mmseg_deeplabv3plus_r101-d8_voc12aug", marks=slow),
    pytest.param("deeplabv3_resnet101.coco_voc", "torchvision_deeplabv3_resnet101", marks=slow),
    pytest.param("fcn_resnet101.coco_voc", "torchvision_fcn_resnet101", marks=slow),
]

# Layouts that are known from their keys alone, with the records whose files have them.
KEYS = {
    "mmseg_deeplabv3_r101-d8_voc12aug": ("deeplabv3_resnet101.voc", "deeplabv3_resnet101.voc_20k"),
    "mmseg_deeplabv3plus_r101-d8_ade20k": (
        "deeplabv3plus_resnet101.ade20k",
        "deeplabv3plus_resnet101.ade20k_80k",
    ),
    "mmseg_pspnet_r101-d8_voc12aug": ("pspnet_resnet101.voc", "pspnet_resnet101.voc_20k"),
    "mmseg_pspnet_r50-d8_voc12aug": ("pspnet_resnet50.voc", "pspnet_resnet50.voc_20k"),
}


@pytest.fixture(scope="module")
def reference(shared):
    return shared / "reference"


@pytest.fixture(scope="module")
def detfill(reference) -> ModuleType:
    spec = importlib.util.spec_from_file_location("detfill", reference / "detfill.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def published(reference, pair: str, device: str = "cpu") -> dict[str, torch.Tensor]:
    """The published state dict of a pair: names and shapes."""
    keys = json.loads((reference / "keys" / f"{pair}.json").read_text("utf-8"))["keys"]
    return {
        key: torch.empty(
            shape, device=device, dtype=torch.int64 if key.endswith("tracked") else torch.float32
        )
        for key, shape in keys.items()
    }


@pytest.mark.parametrize(("name", "pair"), PAIRS)
def test_logits_are_those_of_the_reference(name, pair, reference, detfill, tmp_path):
    state_dict = {k: detfill.det_tensor(k, v) for k, v in published(reference, pair).items()}
    path = tmp_path / "published.pth"
    if pair.startswith("mmseg"):
        torch.save({"meta": {"epoch": 1}, "state_dict": state_dict}, path)
    else:
        torch.save(state_dict, path)
    recorded = torch.load(reference / "pairs" / f"{pair}.pt", weights_only=True)
    network = loader.load(registry.get(name), path)
    path.unlink()
    with torch.inference_mode():
        logits = network(recorded["input"])
    if step := recorded.get("logits_step"):
        size = recorded["input"].shape[2:]
        logits = F.interpolate(logits, size, mode="bilinear", align_corners=False)
        logits = logits[..., ::step, ::step]
    assert recorded["logits"].std() > 0.1
    torch.testing.assert_close(logits, recorded["logits"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("pair", "name"), [(p, name) for p, names in KEYS.items() for name in names]
)
def test_the_published_keys_fit(pair, name, reference):
    weights = registry.get(name)
    given = weights.rename(published(reference, pair, device="meta"))
    with torch.device("meta"):
        wanted = weights.build(weights.num_classes, output_stride=weights.output_stride)
    shapes = {key: tensor.shape for key, tensor in wanted.state_dict().items()}
    assert {key: tensor.shape for key, tensor in given.items()} == shapes


def test_the_records_say_what_is_published(reference):
    checkpoints = json.loads((reference / "checkpoints.json").read_text("utf-8"))["checkpoints"]
    ours = {
        registry.get(name).urls[0]: registry.get(name)
        for name in registry.names()
        if registry.get(name).urls
    }
    families = ("mmseg_deeplabv3", "mmseg_pspnet", "mmseg_upernet_r", "torchvision_")
    checked = 0
    for checkpoint in checkpoints:
        if not checkpoint["name"].startswith(families):
            continue
        weights = ours[checkpoint["url"]]
        assert weights.sha256 == checkpoint.get("sha256", checkpoint["sha256_prefix"])
        assert weights.size == checkpoint.get("size_bytes", 0)
        assert weights.metrics["mIoU"] == checkpoint["miou"]
        assert weights.metrics.get("pixel accuracy") == checkpoint.get("pixel_acc")
        assert weights.num_classes == checkpoint["num_classes"]
        assert weights.parameters == _parameters(checkpoint, weights.parameters)
        assert weights.licence == checkpoint["license"].split(" ")[0]
        preprocess = weights.preprocess
        assert list(preprocess.mean) == checkpoint["mean"]
        assert list(preprocess.std) == checkpoint["std"]
        assert preprocess.scale == {"0..255": 1.0, "0..1": 1 / 255}[checkpoint["value_range"]]
        assert preprocess.channel_order == checkpoint["channel_order"].lower()
        assert preprocess.align_corners == checkpoint["align_corners"]
        assert f"{preprocess.size}" in checkpoint["resize_rule"]
        checked += 1
    assert checked == 39


def _parameters(checkpoint: dict, default: int) -> int:
    """The published count; torchvision's counts the auxiliary head, which is told apart by name."""
    if checkpoint["name"].startswith("torchvision") and "lraspp" not in checkpoint["name"]:
        return default
    return checkpoint.get("n_params_inference", default)
