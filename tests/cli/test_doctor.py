import os
import subprocess
import sys
from pathlib import Path

import pytest

from easyseg.cli import doctor, main
from easyseg.engine import backends, conversion
from easyseg.pictures import probe


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "not" / "there"
    monkeypatch.setenv("EASYSEG_HOME", str(folder))
    monkeypatch.delenv("EASYSEG_OFFLINE", raising=False)
    return folder


def test_all_is_well_here(capsys, tmp_path: Path):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    for name in doctor.EXAMINATIONS:
        assert f" {name} " in out
    assert "broken" not in out
    assert "checksum right" in out
    assert "JPEG, PNG" in out
    assert out.endswith("easyseg works here\n")
    assert list(tmp_path.iterdir()) == []  # the cache folder was not made


def examined(name: str) -> list[tuple[str, str]]:
    return [(f.status, f"{f.text} {f.advice}") for f in doctor._findings(doctor.EXAMINATIONS[name])]


def test_something_broken(capsys, monkeypatch: pytest.MonkeyPatch):
    def broken():
        raise ImportError("libtorch.so: cannot open shared object file")

    monkeypatch.setattr(doctor, "EXAMINATIONS", {"torch": broken, "python": doctor._python})
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "libtorch.so" in out
    assert "pip install" in out
    assert "ok      python" in out  # the others are examined all the same
    assert out.endswith("easyseg does not work here yet\n")


def test_opencv_without_libgl(monkeypatch: pytest.MonkeyPatch):
    def failing(name: str):
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(doctor.importlib, "import_module", failing)
    ((status, text),) = examined("opencv")
    assert status == "broken"
    assert "opencv-python-headless" in text


class TestCache:
    def test_a_folder_that_is_there(self, home: Path):
        home.mkdir(parents=True)
        assert examined("cache") == [("ok", f"{home} ")]

    def test_a_folder_that_can_be_made(self, home: Path):
        ((status, text),) = examined("cache")
        assert status == "ok"
        assert "made when something is downloaded" in text
        assert not home.exists()

    def test_a_file_in_the_way(self, home: Path):
        home.parent.parent.mkdir(exist_ok=True)
        home.parent.write_text("a file")
        ((status, text),) = examined("cache")
        assert status == "note"
        assert "EASYSEG_HOME" in text

    def test_a_folder_that_may_not_be_written(self, home: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(os, "access", lambda *_: False)
        assert examined("cache")[0][0] == "note"

    def test_offline(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("EASYSEG_OFFLINE", "1")
        assert examined("cache")[1][0] == "note"


class TestWeights:
    def test_damaged(self, tmp_path: Path):
        file = tmp_path / "x.pt"
        file.write_bytes(b"abc")
        right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        assert doctor._checked("x", file, right).status == "ok"
        file.write_bytes(b"abd")
        assert doctor._checked("x", file, right).status == "broken"

    def test_missing(self, monkeypatch: pytest.MonkeyPatch):
        from easyseg.engine import loader
        from easyseg.errors import ModelError

        def missing(_):
            raise ModelError("install easyseg again")

        monkeypatch.setattr(loader, "built_in_file", missing)
        assert {status for status, _ in examined("weights")} == {"broken"}


class TestDevice:
    def test_a_driver_but_no_cuda(self, monkeypatch: pytest.MonkeyPatch):
        import torch

        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        assert examined("device") == [("ok", "cpu ")]
        monkeypatch.setattr(doctor.shutil, "which", lambda _: "/usr/bin/nvidia-smi")
        ((status, text),) = examined("device")
        assert status == "note"
        assert "pytorch.org" in text


class TestWindow:
    def test_no_screen(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(probe, "window_backend", lambda: "QT5")
        monkeypatch.setattr(probe, "has_display", lambda: False)
        assert examined("window")[0][0] == "note"
        monkeypatch.setattr(probe, "has_display", lambda: True)
        assert examined("window") == [("ok", "QT5 ")]

    def test_headless_opencv(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(probe, "window_backend", lambda: None)
        ((status, text),) = examined("window")
        assert status == "note"
        assert "opencv-python" in text


class TestFormats:
    def test_essential_and_others(self, monkeypatch: pytest.MonkeyPatch):
        found = [
            probe.Format("JPEG", reads=False, writes=False),
            probe.Format("PNG", reads=True, writes=True),
            probe.Format("WebP", reads=False, writes=False),
            probe.Format("AVIF", reads=True, writes=False),
        ]
        monkeypatch.setattr(probe, "formats", lambda: found)
        statuses = [status for status, _ in examined("formats")]
        assert statuses == ["ok", "broken", "note", "ok"]


def test_without_torch_and_opencv_it_still_tells():
    """As in an environment that is only half installed."""
    code = (
        "import sys; sys.modules.update(torch=None, cv2=None)\n"
        "from easyseg.cli import main; sys.exit(main(['doctor']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "broken  torch" in done.stdout
    assert "broken  opencv" in done.stdout
    assert done.stderr == ""


def test_a_backend_that_is_missing_or_fails(monkeypatch):
    monkeypatch.setattr(conversion, "is_installed", lambda kind: kind == "openvino")
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1.2")

    def fail(backend: str) -> None:
        raise OSError("no libtbb.so")

    monkeypatch.setattr(backends, "try_out", fail)
    first, second = doctor._backends()
    assert (first.status, first.text) == ("note", "openvino 1.2 fails: OSError: no libtbb.so")
    assert (second.status, second.text) == ("note", "onnxruntime is not installed")
    assert "pip install onnx" in second.advice
    monkeypatch.setattr(backends, "try_out", lambda backend: None)
    assert next(iter(doctor._backends())).status == "ok"
