from pathlib import Path

import pytest

from easyseg.cli import main
from easyseg.engine import exporting
from easyseg.engine.exporting import Exported
from easyseg.errors import ModelError


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    record: dict[str, object] = {}

    def export(model, path, **keywords):
        if model == "nonesuch":
            raise ModelError("there is no model 'nonesuch'")
        record.update(keywords, model=model, path=path)
        return Exported(Path(path), (512, 512), bool(keywords["dynamic"]), 1.5e-6)

    monkeypatch.setattr(exporting, "export", export)
    return record


def test_defaults(asked: dict[str, object], capsys):
    assert main(["export", "fast", "out.onnx"]) == 0
    assert capsys.readouterr().out == "out.onnx  512x512, differs from PyTorch by at most 1.5e-06\n"
    assert asked == {
        "model": "fast", "path": "out.onnx", "dataset": None, "size": None, "output_stride": None,
        "dynamic": False,
    }  # fmt: skip


@pytest.mark.parametrize(("text", "size"), [("512", (512, 512)), ("256x320", (256, 320))])
def test_sizes(asked: dict[str, object], text: str, size: tuple[int, int]):
    assert main(["export", "fast", "out.onnx", "--size", text, "--dynamic"]) == 0
    assert (asked["size"], asked["dynamic"]) == (size, True)


@pytest.mark.parametrize("text", ["large", "1x2x3", "x", "-3"])
def test_no_size(text: str):
    with pytest.raises(SystemExit):
        main(["export", "fast", "out.onnx", f"--size={text}"])


def test_an_error(asked: dict[str, object], capsys):
    assert main(["export", "nonesuch", "out.onnx"]) == 2
    assert "no model 'nonesuch'" in capsys.readouterr().err
