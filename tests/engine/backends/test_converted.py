import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import easyseg
from easyseg import checkpoints, labels, registry
from easyseg.checkpoints import trained_file
from easyseg.checkpoints.trained_file import TrainedFile
from easyseg.engine import Segmenter, loader
from easyseg.engine.backends import converted
from easyseg.engine.backends.network import Checkpoint
from easyseg.errors import DownloadError
from easyseg.labels import LabelSet

PARTS = {"model.xml": b"<net/>", "model.bin": bytes(range(256)) * 40}


@pytest.fixture
def checkpoint() -> Checkpoint:
    weights = registry.resolve("builtin", "voc")
    return Checkpoint(weights, loader.built_in_file(weights))


def test_what_was_written_is_read(tmp_path: Path):
    path = tmp_path / "new" / "folder" / "net.zip"
    assert converted.read(path) is None
    converted.write(path, PARTS)
    assert converted.read(path) == PARTS
    assert [file.name for file in path.parent.iterdir()] == ["net.zip"]


def test_a_damaged_file_is_not_used(tmp_path: Path):
    path = tmp_path / "net.zip"
    converted.write(path, PARTS)
    whole = path.read_bytes()
    for position in (0, 40, 500, len(whole) // 2, len(whole) - 30):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        assert converted.read(path) in (None, PARTS)
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert converted.read(path) is None
    path.write_bytes(whole[:300] + bytes(64) + whole[364:])
    assert converted.read(path) is None
    path.unlink()
    path.mkdir()
    assert converted.read(path) is None


def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path):
    (tmp_path / "file").write_text("")
    converted.write(tmp_path / "file" / "net.zip", PARTS)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_a_failure_while_writing_leaves_nothing_half(tmp_path: Path, monkeypatch):
    path = tmp_path / "net.zip"
    converted.write(path, PARTS)

    def full(self: zipfile.ZipFile, name: str, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    converted.write(path, {"other": b""})
    assert [file.name for file in tmp_path.iterdir()] == ["net.zip"]
    monkeypatch.undo()
    assert converted.read(path) == PARTS


def test_the_oldest_go_first(tmp_path: Path):
    for number in range(converted.MOST_FILES + 2):
        path = tmp_path / f"{number}.zip"
        converted.write(path, PARTS)
        os.utime(path, (number, number))
    converted.write(tmp_path / "last.zip", PARTS)
    names = {path.stem for path in tmp_path.iterdir()}
    assert len(names) == converted.MOST_FILES
    assert "last" in names
    assert "0" not in names


def test_the_name_tells_one_network_from_another(checkpoint: Checkpoint, tmp_path, monkeypatch):
    path = converted.path_for(checkpoint, "openvino", "1")
    assert path == converted.path_for(checkpoint, "openvino", "1")
    assert path.parent.name == "openvino"
    assert path.name.startswith(checkpoint.weights.name)
    copy = tmp_path / "copy.pt"
    copy.write_bytes(checkpoint.path.read_bytes())
    assert converted.path_for(replace(checkpoint, path=copy), "openvino", "1") == path
    copy.write_bytes(b"other")
    others = [
        converted.path_for(replace(checkpoint, path=copy), "openvino", "1"),
        converted.path_for(replace(checkpoint, output_stride=8), "openvino", "1"),
        converted.path_for(checkpoint, "openvino", "2"),
        converted.path_for(checkpoint, "onnx", "1"),
    ]
    monkeypatch.setattr(easyseg, "__version__", "999")
    others.append(converted.path_for(checkpoint, "openvino", "1"))
    assert len({path, *others}) == 6


def test_nobody_is_at_home(checkpoint: Checkpoint, monkeypatch):
    monkeypatch.delenv("EASYSEG_HOME")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    monkeypatch.setattr("easyseg.download.environment.sys.platform", "linux")
    with pytest.raises(DownloadError, match="EASYSEG_HOME"):
        converted.path_for(checkpoint, "openvino", "1")


def test_the_name_of_a_label_set_leads_out_of_no_folder(tmp_path: Path, monkeypatch):
    """A model file names its own label set; the cache once wrote and deleted where that led."""
    monkeypatch.setenv("EASYSEG_HOME", str(tmp_path / "home"))
    pytest.importorskip("openvino")
    voc = labels.get("voc")
    label_set = LabelSet.from_names("x/../../../precious/y", voc.names)
    record = registry.resolve("builtin", "voc")
    trained = TrainedFile(record.name, label_set, record.preprocess.with_size(64))
    tensors = checkpoints.read(loader.built_in_file(record))
    tensors = tensors if record.rename is None else record.rename(tensors)
    file = trained_file.write(tmp_path / "evil.pt", trained, tensors, half=True)
    precious = tmp_path / "precious"
    precious.mkdir()
    for number in range(converted.MOST_FILES + 4):
        (precious / f"{number}.zip").write_text("mine")
    before = set(tmp_path.rglob("*"))
    segmenter = Segmenter(file, backend="openvino", device="cpu")
    assert segmenter(np.zeros((64, 64, 3), np.uint8)).label_set == label_set
    after = set(tmp_path.rglob("*"))
    assert before <= after
    assert all(path.is_relative_to(tmp_path / "home") for path in after - before)
    assert [path.suffix for path in (tmp_path / "home" / "openvino").iterdir()] == [".zip"]
