import importlib.util
import subprocess
import sys

import pytest
import torch

from easyseg.engine import conversion
from easyseg.errors import ModelError


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not conversion.is_installed("openvino")
    with pytest.raises(ModelError, match=r"openvino must be .*pip install openvino"):
        conversion.need("openvino")
    with pytest.raises(ModelError, match=r"onnx, onnxruntime must .*pip install onnx onnxruntime"):
        conversion.need("onnxruntime")
    with pytest.raises(ModelError, match=r"pip install openvino nncf"):
        conversion.need("int8")


def test_what_is_there_is_not_imported():
    code = (
        "import sys; from easyseg.engine import conversion; conversion.is_installed('int8'); "
        "import easyseg.engine.backends; "
        "print({'openvino', 'nncf', 'onnxruntime', 'onnx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_imports_find_no_reporter(monkeypatch, tmp_path):
    (tmp_path / "reports.py").write_text(
        "try:\n    import openvino_telemetry\nexcept ImportError:\n    silent = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    reporter = type(sys)("openvino_telemetry")
    monkeypatch.setitem(sys.modules, "openvino_telemetry", reporter)
    assert conversion.import_quietly("reports").silent
    assert sys.modules["openvino_telemetry"] is reporter  # others find it as it was
    monkeypatch.delitem(sys.modules, "reports")
    monkeypatch.delitem(sys.modules, "openvino_telemetry")
    assert conversion.import_quietly("reports").silent
    assert "openvino_telemetry" not in sys.modules
    with pytest.raises(ImportError):
        conversion.import_quietly("nothing_of_this_name")


def test_openvino_reports_nothing():
    """Its own modules hold the stand-in that they have for the missing package."""
    pytest.importorskip("openvino")
    code = (
        "import sys; from easyseg.engine.conversion import import_quietly; "
        "import_quietly('openvino'); "
        "print(sorted(name for name in sys.modules if name.startswith('openvino_telemetry')), "
        "sys.modules['openvino.tools.ovc.telemetry_utils'].tm.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] openvino.tools.ovc.telemetry_stub\n"


class Halve(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(x, 2)


def test_sizes_are_free_or_not():
    pytest.importorskip("openvino")
    model = conversion.to_openvino(Halve().eval())
    assert str(model.inputs[0].partial_shape) == "[1,3,?,?]"
    assert model.inputs[0].get_any_name() == conversion.INPUT
    assert model.outputs[0].get_any_name() == conversion.OUTPUT
    model = conversion.to_openvino(Halve().eval(), (64, 96))
    assert list(model.outputs[0].shape) == [1, 3, 32, 48]
