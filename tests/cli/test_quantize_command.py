from pathlib import Path

import pytest

from easyseg.cli import main
from easyseg.engine import conversion, quantizing


def test_the_options_reach_the_library(monkeypatch, photographs: Path, tmp_path: Path, capsys):
    asked: list[tuple] = []

    def quantize(model: str, photos: list, **options: object) -> quantizing.Quantized:
        asked.append((model, len(photos), options))
        return quantizing.Quantized("some.ade20k", tmp_path / "int8.zip", 3, 2, 0.9876, 0.9)

    monkeypatch.setattr(quantizing, "quantize", quantize)
    some = [str(path) for path in sorted(photographs.glob("*.jpg"))[:2]]
    assert main(["quantize", *some, "--model", "builtin", "--dataset", "voc", "--size", "256"]) == 0
    options = {"dataset": "voc", "size": 256, "output_stride": None}
    assert asked == [("builtin", 2, options)]
    said = capsys.readouterr().out
    assert str(tmp_path / "int8.zip") in said
    assert "on 2 others, 98.8 % of the pixels" in said
    assert "worst photograph: 90.0 %" in said


def test_a_missing_package_is_named(monkeypatch, photographs: Path, capsys):
    monkeypatch.setattr(conversion, "_missing", lambda kind: ["nncf"])
    assert main(["quantize", str(photographs / "astronaut.jpg"), "--model", "builtin"]) != 0
    assert "pip install openvino nncf" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not conversion.is_installed("int8"), reason="NNCF is not installed")
@pytest.mark.filterwarnings("ignore")  # NNCF and what it brings warn of each other
def test_a_model_runs_in_8_bits_afterwards(photographs: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("EASYSEG_HOME", str(tmp_path / "home"))
    some = [str(path) for path in sorted(photographs.glob("*.jpg"))[:3]]
    chosen = ["--model", "builtin", "--size", "128"]
    assert main(["quantize", *some, *chosen]) == 0
    target = tmp_path / "out.jpg"
    assert main([some[0], *chosen, "--precision", "int8", "-o", str(target)]) == 0
    assert target.stat().st_size > 0
