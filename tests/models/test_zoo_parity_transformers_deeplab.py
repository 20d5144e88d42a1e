"""Our networks against the answers that the reference implementations gave for the same weights.

The weights follow from the names of the published keys, so that no file has to be fetched: each
test writes them as the publisher does, and loads them as a user's file is loaded. What is large is
marked slow.
"""

import dataclasses
import functools
import hashlib
import importlib.util
import json
import threading
import zlib
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from easyseg import registry
from easyseg.engine import Segmenter, loader
from easyseg.engine.fuse import fold_batch_norm
from easyseg.models import (
    deeplabv3_mobilenet_v2,
    deeplabv3plus_bubbliiiing,
    deeplabv3plus_xception65,
    efficientvit_seg,
    segformer,
)
from easyseg.pictures import image as media

pytestmark = pytest.mark.shared


def load_by_path(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def published(shared: Path, name: str, device: str = "cpu") -> dict[str, torch.Tensor]:
    """The state dict under the published keys; without values on the meta device."""
    layout = json.loads((shared / f"reference/keys/{name}.json").read_text("utf-8"))
    filler = load_by_path(shared / "reference/detfill.py")
    state_dict = {}
    for key, shape in dict(layout["keys"]).items():
        dtype = getattr(torch, layout["dtypes"].get(key, "float32"))
        empty = torch.empty(shape, dtype=dtype, device=device)
        state_dict[key] = empty if device == "meta" else filler.det_tensor(key, empty)
    return state_dict


def save_flat(state_dict: dict[str, torch.Tensor], folder: Path) -> Path:
    torch.save(state_dict, folder / "pytorch_model.bin")
    return folder / "pytorch_model.bin"


def save_legacy(state_dict: dict[str, torch.Tensor], folder: Path) -> Path:
    torch.save(state_dict, folder / "deeplab.pth", _use_new_zipfile_serialization=False)
    return folder / "deeplab.pth"


def save_with_meta(state_dict: dict[str, torch.Tensor], folder: Path) -> Path:
    meta = {"epoch": 1, "CLASSES": ["wall"], "PALETTE": [[120, 120, 120]]}
    torch.save({"meta": meta, "state_dict": state_dict}, folder / "weights.pth")
    return folder / "weights.pth"


def save_safetensors(state_dict: dict[str, torch.Tensor], folder: Path) -> Path:
    header, data = {"__metadata__": {"format": "pt"}}, []
    end = 0
    for name, tensor in sorted(state_dict.items()):
        raw = tensor.numpy().tobytes()
        dtype = {torch.float32: "F32", torch.int64: "I64"}[tensor.dtype]
        offsets = [end, end := end + len(raw)]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": offsets}
        data.append(raw)
    text = json.dumps(header).encode()
    path = folder / "model.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(data))
    return path


def case(record, name, save, *, slow=False):
    marks = [pytest.mark.slow] if slow else []
    return pytest.param(record, name, save, id=record.name, marks=marks)


PAIRS = [
    case(efficientvit_seg.B1, "efficientvit_seg_b1_ade20k", save_with_meta),
    case(efficientvit_seg.B2, "efficientvit_seg_b2_ade20k", save_flat, slow=True),
    case(efficientvit_seg.B3, "efficientvit_seg_b3_ade20k", save_flat, slow=True),
    case(efficientvit_seg.L1, "efficientvit_seg_l1_ade20k", save_flat, slow=True),
    case(efficientvit_seg.L2, "efficientvit_seg_l2_ade20k", save_with_meta, slow=True),
    case(segformer.PAPER[0], "hf_segformer_b0_ade", save_safetensors),
    case(segformer.PAPER[1], "hf_segformer_b1_ade", save_flat, slow=True),
    case(segformer.PAPER[2], "hf_segformer_b2_ade", save_safetensors, slow=True),
    case(segformer.OPENMMLAB[0], "mmseg_segformer_mit-b0_ade20k", save_with_meta),
    case(
        deeplabv3plus_bubbliiiing.MOBILENET_V2,
        "bubbliiiing_deeplabv3plus_mobilenet_voc",
        save_legacy,
    ),
    case(
        deeplabv3plus_bubbliiiing.XCEPTION65,
        "bubbliiiing_deeplabv3plus_xception_voc",
        save_legacy,
        slow=True,
    ),
    case(deeplabv3_mobilenet_v2.VOC, "hf_deeplabv3_mobilenet_v2_1.0_513_voc", save_flat),
]


@pytest.mark.parametrize(("record", "name", "save"), PAIRS)
def test_logits_are_the_reference_s(record, name, save, shared, tmp_path):
    pair = torch.load(shared / f"reference/pairs/{name}.pt", weights_only=True)
    path = save(published(shared, name), tmp_path)
    network = loader.load(record, path)
    with torch.inference_mode():
        logits = network(pair["input"])
        folded = fold_batch_norm(network)(pair["input"])
    assert_reference(logits, pair, tolerance=1e-4)
    # Folding rounds the weights anew.
    assert_reference(folded, pair, tolerance=1e-3)


def assert_reference(logits: torch.Tensor, pair: dict, tolerance: float) -> None:
    if step := pair.get("logits_step"):  # the reference enlarges inside; every n-th is recorded
        size = pair["input"].shape[2:]
        logits = F.interpolate(logits, size, mode="bilinear", align_corners=True)
        logits = logits[..., ::step, ::step]
    assert pair["logits"].std() > 0.1
    torch.testing.assert_close(logits, pair["logits"], rtol=tolerance, atol=tolerance)


def marks_of(record) -> list[pytest.MarkDecorator]:
    """The larger sizes only repeat the layout of the smaller."""
    return [pytest.mark.slow] if record.parameters > 20_000_000 else []


LAYOUTS = [
    *(
        (record, f"efficientvit_seg_{record.name[17:19]}_ade20k")
        for record in efficientvit_seg.WEIGHTS
    ),
    *((record, f"hf_segformer_{record.name[10:12]}_ade") for record in segformer.PAPER),
    *(
        (record, f"mmseg_segformer_mit-{record.name[10:12]}_ade20k")
        for record in segformer.OPENMMLAB
    ),
    (deeplabv3plus_bubbliiiing.MOBILENET_V2, "bubbliiiing_deeplabv3plus_mobilenet_voc"),
    (deeplabv3plus_bubbliiiing.XCEPTION65, "bubbliiiing_deeplabv3plus_xception_voc"),
    (deeplabv3_mobilenet_v2.VOC, "hf_deeplabv3_mobilenet_v2_1.0_513_voc"),
]


@pytest.mark.parametrize(
    ("record", "name"),
    [pytest.param(*layout, id=layout[0].name, marks=marks_of(layout[0])) for layout in LAYOUTS],
)
def test_every_published_key_finds_its_place(record, name, shared):
    state_dict = published(shared, name, device="meta")
    assert state_dict[record.classifier].shape[0] == record.num_classes
    with torch.device("meta"):
        wanted = record.build(record.num_classes).state_dict()
    given = record.rename(state_dict)
    shapes = {key: tuple(tensor.shape) for key, tensor in given.items()}
    assert shapes == {key: tuple(tensor.shape) for key, tensor in wanted.items()}


def keras_fill(name: str, shape: list[int]) -> np.ndarray:
    """The rule in the reference's README."""
    normal = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(int(np.prod(shape)))
    values = normal.astype(np.float32).reshape(shape)
    if name.endswith("moving_variance:0"):
        return 0.5 + np.abs(values)
    if name.endswith("gamma:0"):
        return 1 + np.float32(0.1) * values
    if len(shape) < 2:
        return np.float32(0.1) * values
    fan = np.prod(shape[:2] if "depthwise" in name else shape[:-1])
    return values * np.float32(np.sqrt(1 / fan))


def save_keras(layout: dict, path: Path) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file.attrs.update(layout["attrs"])
        file.attrs["layer_names"] = [layer.encode() for layer, _ in layout["layers"]]
        for layer, weights in layout["layers"]:
            group = file.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name, _ in weights]
            for name, shape in weights:
                group.create_dataset(name, data=keras_fill(name, shape))
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("record", "name"),
    [
        (deeplabv3plus_xception65.ADE20K, "pixellib_xception65_ade20k"),
        (deeplabv3plus_xception65.VOC, "pixellib_xception_voc"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_logits_are_pixellib_s(record, name, shared, tmp_path):
    folder = shared / "reference/pixellib"
    layout = json.loads((folder / f"{name}.keys.json").read_text("utf-8"))
    network = loader.load(record, save_keras(layout, tmp_path / "weights.h5"))
    picture = np.random.RandomState(0).uniform(-1, 1, (1, 512, 512, 3)).astype(np.float32)
    with torch.inference_mode():
        logits = network(torch.from_numpy(picture).permute(0, 3, 1, 2))
    wanted = np.load(folder / f"{name}.npz")["logits_every_4th"]
    every_4th = logits[..., ::4, ::4].permute(0, 2, 3, 1)
    torch.testing.assert_close(every_4th, torch.from_numpy(wanted), rtol=1e-4, atol=1e-5)


def unfolded(folded: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Puts Google's weights, whose normalisations are folded, into the layout of Hugging Face."""
    names = {"stem": "mobilenet_v2.conv_stem.first_conv"}
    parts = {"expand": "expand_1x1", "dw": "conv_3x3", "project": "reduce_1x1"}
    for block in range(17):
        place = f"layer.{block - 1}" if block else "conv_stem"
        for ours, theirs in parts.items():
            names[f"blocks.{block}.{ours}"] = f"mobilenet_v2.{place}.{theirs}"
    for ours, theirs in (("image_pool", "pool"), ("aspp0", "aspp"), ("concat_proj", "projection")):
        names[ours] = f"segmentation_head.conv_{theirs}"
    head = "segmentation_head.classifier.convolution"
    published = {f"{head}.{kind}": folded[f"logits.conv.{kind}"] for kind in ("weight", "bias")}
    for ours, theirs in names.items():
        if f"{ours}.conv.weight" not in folded:
            continue
        bias = folded[f"{ours}.conv.bias"]
        eps = 1e-5 if "head" in theirs else 1e-3
        published |= {
            f"{theirs}.convolution.weight": folded[f"{ours}.conv.weight"],
            f"{theirs}.normalization.weight": torch.ones_like(bias),
            f"{theirs}.normalization.bias": bias,
            f"{theirs}.normalization.running_mean": torch.zeros_like(bias),
            f"{theirs}.normalization.running_var": torch.ones_like(bias) - eps,
            f"{theirs}.normalization.num_batches_tracked": torch.tensor(0),
        }
    return published


def test_google_s_real_weights_find_the_astronaut(shared, astronaut, tmp_path):
    record = deeplabv3_mobilenet_v2.VOC
    folder = shared / "weights"
    folded = torch.load(folder / "google_deeplabv3_mobilenetv2.voc.pt", weights_only=True)
    reference = load_by_path(folder / "mobilenetv2_deeplab.py").DeepLabMNV2(21, os=8).eval()
    reference.load_state_dict(folded)
    network = loader.load(record, save_flat(unfolded(folded), tmp_path))

    picture = media.resize(astronaut, (257, 257), "area")
    x = torch.from_numpy(picture / np.float32(127.5) - 1).permute(2, 0, 1)[None]
    with torch.inference_mode():
        logits, wanted = network(x), reference(x, upsample=False)
    torch.testing.assert_close(logits, wanted, rtol=1e-4, atol=1e-3)
    classes, counts = logits.argmax(1).unique(return_counts=True)
    person = 15
    assert counts[classes == person] > 0.3 * counts.sum()


class Publisher(SimpleHTTPRequestHandler):
    """A server that stands for the real one."""

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def test_the_whole_way_of_real_weights(shared, photographs, tmp_path, monkeypatch):
    """Empty cache, the publisher's server, a verified file, a segmented photograph."""
    folded = torch.load(shared / "weights/google_deeplabv3_mobilenetv2.voc.pt", weights_only=True)
    (tmp_path / "published").mkdir()
    file = save_flat(unfolded(folded), tmp_path / "published")
    handler = functools.partial(Publisher, directory=str(file.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        record = dataclasses.replace(
            deeplabv3_mobilenet_v2.VOC,
            urls=(f"http://127.0.0.1:{server.server_port}/{file.name}",),
            sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
            size=file.stat().st_size,
        )
        for name in ("EASYSEG_OFFLINE", "EASYSEG_MIRROR"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("EASYSEG_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setitem(registry._RECORDS, record.name, record)
        try:
            result = Segmenter(record.name, device="cpu")(photographs / "astronaut.jpg")
        finally:
            server.shutdown()
            thread.join()
    assert loader.is_here(record)
    assert result.model == record.name
    assert 0.3 < result.ratios["person"] < 0.7
    # From now on neither the server nor a network is needed.
    monkeypatch.setenv("EASYSEG_OFFLINE", "1")
    assert Segmenter(record.name, device="cpu").name == record.name
