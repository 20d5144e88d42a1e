from pathlib import Path

import numpy as np
import pytest

from easyseg.engine import Segmenter, conversion, quantizing
from easyseg.engine.quantizing import quantize
from easyseg.errors import InputError, MediaError, ModelError


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretends that the packages are there."""
    monkeypatch.setattr(conversion, "need", lambda kind: None)


def test_a_missing_package_is_named(monkeypatch, photographs: Path):
    monkeypatch.setattr(conversion, "_missing", lambda kind: ["nncf"])
    with pytest.raises(ModelError, match=r"nncf must be installed.*pip install openvino nncf"):
        quantize("builtin", photographs)


def test_photographs_are_needed(complete, tmp_path: Path):
    for nothing in (tmp_path, []):
        with pytest.raises(InputError, match="no photograph"):
            quantize("builtin", nothing)
    with pytest.raises(InputError, match="must be a folder or a list"):
        quantize("builtin", tmp_path / "photo.jpg")


def test_a_folder_is_searched_and_the_number_limited(photographs: Path, monkeypatch):
    found = quantizing._sources(photographs)
    assert found == sorted(found)
    assert {Path(path).suffix for path in found} <= {".jpg", ".png"}
    monkeypatch.setattr(quantizing, "MOST_PHOTOGRAPHS", 2)
    assert quantizing._sources(str(photographs)) == found[:2]


def test_without_calibration_there_are_no_8_bits(tmp_path: Path, monkeypatch):
    if not conversion.is_installed("openvino"):
        pytest.skip("OpenVINO is not installed")
    monkeypatch.setenv("EASYSEG_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="easyseg quantize --model deeplabv3plus"):
        Segmenter("builtin", precision="int8")


@pytest.mark.slow
@pytest.mark.skipif(not conversion.is_installed("int8"), reason="NNCF is not installed")
@pytest.mark.filterwarnings("ignore")  # NNCF and what it brings warn of each other
def test_most_of_the_answer_stays(photographs: Path, tmp_path: Path, monkeypatch, capfd):
    monkeypatch.setenv("EASYSEG_HOME", str(tmp_path))
    sources = sorted(photographs.glob("*.jpg"))
    assert len(sources) == 4
    result = quantize("builtin", sources, dataset="voc", size=256)
    assert capfd.readouterr().out == ""
    assert (result.photographs, result.held_out) == (3, 1)
    assert 0.8 < result.worst <= result.agreement < 1
    rounded = Segmenter("builtin", dataset="voc", precision="int8", size=256)
    assert (rounded.backend, rounded.precision) == ("openvino", "int8")
    exact = Segmenter("builtin", dataset="voc", size=256, device="cpu", precision="fp32")
    held_out = sources[1]  # of so few
    share = np.mean(rounded(held_out).labels == exact(held_out).labels)
    assert share == pytest.approx(result.worst)
    before = result.path.read_bytes()
    with pytest.raises(MediaError):
        quantize("builtin", [tmp_path / "none.jpg"], dataset="voc")
    assert result.path.read_bytes() == before
