import json
import os
import pickle
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from easyseg import checkpoints
from easyseg.errors import ModelError

TENSORS = {
    "layer.weight": torch.arange(24, dtype=torch.float32).reshape(2, 3, 4),
    "layer.bias": torch.tensor([1.5, -2.0]),
    "norm.num_batches_tracked": torch.tensor(7),
}


SAFETENSORS = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""Names of the types in safetensors' description."""


def assert_same(given: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert list(given) == list(wanted)
    for name, tensor in wanted.items():
        torch.testing.assert_close(given[name], tensor, rtol=0, atol=0)


def write_safetensors(path: Path, tensors: dict[str, torch.Tensor], metadata=None) -> None:
    """Writes the format by hand, as its description says."""
    names = {dtype: name for name, dtype in SAFETENSORS.items()}
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, tensor in tensors.items():
        raw = bytes(tensor.contiguous().reshape(-1).view(torch.uint8).tolist())
        header[name] = {
            "dtype": names[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    write_header(path, json.dumps(header).encode(), data)


def write_header(path: Path, header: bytes, data: bytes, length: int | None = None) -> None:
    size = len(header) if length is None else length
    path.write_bytes(size.to_bytes(8, "little") + header + data)


def write_keras(path: Path, weights: dict[str, dict[str, np.ndarray]], *, inside="", chunks=0):
    """Writes what Keras 2 writes: names in attributes, arrays in groups of their layers."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        root = file.create_group(inside) if inside else file
        layers = [layer.encode() for layer in weights]
        if chunks:
            for index in range(0, len(layers), chunks):
                root.attrs[f"layer_names{index // chunks}"] = layers[index : index + chunks]
        else:
            root.attrs["layer_names"] = layers
        for layer, arrays in weights.items():
            group = root.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in arrays]
            for name, array in arrays.items():
                group.create_dataset(name, data=array)


KERAS = {
    "input_1": {},
    "conv": {"conv/kernel:0": np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)},
    "conv_BN": {
        "conv_BN/gamma:0": np.ones(4, np.float32),
        "conv_BN/moving_mean:0": np.zeros(4, np.float32),
    },
}


KERAS_READ = {
    "conv/kernel:0": torch.arange(24, dtype=torch.float32).reshape(1, 2, 3, 4),
    "conv_BN/gamma:0": torch.ones(4),
    "conv_BN/moving_mean:0": torch.zeros(4),
}


class TestTorch:
    @pytest.mark.parametrize("zipped", [True, False])
    @pytest.mark.parametrize("wrapper", [None, *checkpoints.WRAPPERS])
    def test_a_state_dict_comes_back(self, tmp_path, zipped, wrapper):
        path = tmp_path / "weights.pth"
        content = TENSORS if wrapper is None else {"meta": {"epoch": 3}, wrapper: TENSORS}
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        assert_same(checkpoints.read(path), TENSORS)

    def test_half_becomes_float_and_parameters_tensors(self, tmp_path):
        path = tmp_path / "weights.bin"
        torch.save({"a": torch.nn.Parameter(torch.ones(2)), "b": torch.ones(2).half()}, path)
        read = checkpoints.read(str(path))
        assert [tensor.dtype for tensor in read.values()] == [torch.float32] * 2
        assert not read["a"].requires_grad

    def test_data_parallel_s_prefix_goes(self, tmp_path):
        path = tmp_path / "weights.pt"
        torch.save({f"module.{name}": tensor for name, tensor in TENSORS.items()}, path)
        assert_same(checkpoints.read(path), TENSORS)
        torch.save({"module.a": torch.ones(1), "b": torch.ones(1)}, path)
        assert list(checkpoints.read(path)) == ["module.a", "b"]

    @pytest.mark.parametrize("zipped", [True, False])
    def test_no_code_is_executed(self, tmp_path, zipped):
        path = tmp_path / "weights.pt"

        class Evil:
            def __reduce__(self):
                return (os.mkdir, (str(tmp_path / "executed"),))

        torch.save({"a": Evil()}, path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(ModelError, match="never does" if zipped else "not a PyTorch"):
            checkpoints.read(path)
        path.write_bytes(pickle.dumps(Evil(), protocol=2))
        with pytest.raises(ModelError, match="not a PyTorch checkpoint"):
            checkpoints.read(path)
        assert not (tmp_path / "executed").exists()

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ([1, 2], "a list"),
            ({}, "a dict"),
            ({"a": 1}, "'a' is no tensor"),
            (torch.ones(1), "Tens"),
        ],
    )
    def test_what_is_no_state_dict_is_said(self, tmp_path, content, message):
        path = tmp_path / "weights.pt"
        torch.save(content, path)
        with pytest.raises(ModelError, match=message):
            checkpoints.read(path)

    def test_a_file_can_be_replaced_while_its_tensors_are_used(self, tmp_path):
        path, other = tmp_path / "weights.pt", tmp_path / "other.pt"
        torch.save(TENSORS, path)
        read = checkpoints.read(path)
        torch.save({name: tensor * 0 for name, tensor in TENSORS.items()}, other)
        other.replace(path)
        assert_same(read, TENSORS)

    @pytest.mark.parametrize("zipped", [True, False])
    @settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_damage_is_an_error_of_ours_or_harmless(self, tmp_path, zipped, data):
        path = tmp_path / "weights.pt"
        torch.save(TENSORS, path, _use_new_zipfile_serialization=zipped)
        damage(path, data)
        assert_refused_or_read(path)


def damage(path: Path, data: st.DataObject) -> None:
    """Cuts a file, or changes some of its bytes."""
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        for _ in range(data.draw(st.integers(1, 8))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)


def assert_refused_or_read(path: Path) -> None:
    """Reads a file that may be damaged: only a ModelError that names it may come of that."""
    message = str(path)
    try:
        read = checkpoints.read(path)
    except ModelError as error:
        message = str(error)
    else:
        assert all(isinstance(tensor, torch.Tensor) for tensor in read.values())
    assert str(path) in message


class TestSafetensors:
    def test_every_type_comes_back(self, tmp_path):
        path = tmp_path / "model.safetensors"
        wanted = {name: torch.tensor([[0, 1, 1]]).to(dtype) for name, dtype in SAFETENSORS.items()}
        wanted |= {"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3)}
        write_safetensors(path, wanted, metadata={"format": "pt"})
        read = checkpoints.read(path)
        floats = {n: t.float() if t.is_floating_point() else t for n, t in wanted.items()}
        assert_same(read, floats)

    def test_a_type_that_cannot_be_computed_with_is_refused(self, tmp_path):
        """Packed fours of bits: older torches do not know them, newer ones cannot convert them."""
        path = tmp_path / "model.safetensors"
        said = {"a": {"dtype": "F4", "shape": [16], "data_offsets": [0, 8]}}
        write_header(path, json.dumps(said).encode(), b"\0" * 8)
        with pytest.raises(ModelError, match=re.escape(str(path))):
            checkpoints.read(path)

    @pytest.mark.parametrize("shift", range(4))
    def test_tensors_may_lie_anywhere(self, tmp_path, shift):
        path = tmp_path / "model.safetensors"
        said = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
        header = json.dumps(said).encode()
        write_header(path, header + b" " * shift, np.array([1, 2], "<f4").tobytes())
        assert_same(checkpoints.read(path), {"a": torch.tensor([1.0, 2.0])})

    def test_the_name_does_not_matter(self, tmp_path):
        write_safetensors(tmp_path / "renamed.pt", TENSORS)
        assert_same(checkpoints.read(tmp_path / "renamed.pt"), TENSORS)
        torch.save(TENSORS, tmp_path / "renamed.safetensors")
        assert_same(checkpoints.read(tmp_path / "renamed.safetensors"), TENSORS)

    def test_writing_to_a_tensor_leaves_the_file_alone(self, tmp_path):
        path = tmp_path / "model.safetensors"
        write_safetensors(path, TENSORS)
        before = path.read_bytes()
        for tensor in checkpoints.read(path).values():
            tensor.zero_()
        assert path.read_bytes() == before
        assert_same(checkpoints.read(path), TENSORS)

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ({"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}, "invalid shape"),
            ({"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}, "integer `-2`"),
            ({"dtype": "F32", "shape": [2.0], "data_offsets": [0, 8]}, "floating point"),
            ({"dtype": "F32", "shape": [True, 2], "data_offsets": [0, 8]}, "boolean"),
            ({"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}, "offset for tensor `a`"),
            ({"dtype": "F32", "shape": [2], "data_offsets": [0, 8, 8]}, "length 3"),
            ({"dtype": "F32", "shape": 2, "data_offsets": [0, 8]}, "expected a sequence"),
            ({"dtype": "C1", "shape": [1], "data_offsets": [0, 8]}, "unknown variant `C1`"),
            ({"dtype": ["F32"], "shape": [2], "data_offsets": [0, 8]}, "expected string"),
            ({"shape": [2]}, "missing field"),
            ("F32", "expected struct"),
            ({"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}, "offset for tensor `a`"),
            ({"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "not fully covered"),
            ({"dtype": "F32", "shape": [1 << 60, 16], "data_offsets": [0, 1 << 66]}, "header"),
        ],
    )
    def test_a_header_that_lies_is_caught(self, tmp_path, entry, message):
        path = tmp_path / "model.safetensors"
        write_header(path, json.dumps({"a": entry}).encode(), b"\0" * 8)
        with pytest.raises(ModelError, match=message):
            checkpoints.read(path)

    def test_tensors_may_not_share_bytes(self, tmp_path):
        path = tmp_path / "model.safetensors"
        entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
        write_header(path, json.dumps({"a": entry, "b": entry}).encode(), b"\0" * 8)
        with pytest.raises(ModelError, match="offset for tensor"):
            checkpoints.read(path)

    @pytest.mark.parametrize(
        ("header", "length", "message"),
        [
            (b"{}", 1 << 40, "too large"),
            (b"{" + b" " * 9, 11, "header length"),
            (b"{not json}", None, "safetensors"),
            (b"[]", None, "JSON"),
            (b"{\xff}", None, "safetensors"),
            (b'{"a":' * 100_000, None, "safetensors"),
        ],
    )
    def test_a_header_that_is_none_is_caught(self, tmp_path, header, length, message):
        path = tmp_path / "model.safetensors"
        write_header(path, header, b"", length)
        with pytest.raises(ModelError, match=message):
            checkpoints.read(path)

    @settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_damage_is_an_error_of_ours_or_harmless(self, tmp_path, data):
        path = tmp_path / "model.safetensors"
        write_safetensors(path, TENSORS)
        damage(path, data)
        assert_refused_or_read(path)


class TestKeras:
    @pytest.mark.parametrize("inside", ["", "model_weights"])
    @pytest.mark.parametrize("chunks", [0, 2])
    def test_weights_come_back(self, tmp_path, inside, chunks):
        write_keras(tmp_path / "weights.h5", KERAS, inside=inside, chunks=chunks)
        assert_same(checkpoints.read(tmp_path / "weights.h5"), KERAS_READ)

    def test_scopes_of_a_session_are_left_out(self, tmp_path):
        write_keras(tmp_path / "weights", {"conv": {"conv_3/scope/bias:0": np.ones(2, ">f8")}})
        assert_same(checkpoints.read(tmp_path / "weights"), {"conv/bias:0": torch.ones(2)})

    def test_h5py_is_asked_for(self, tmp_path, monkeypatch):
        write_keras(tmp_path / "weights.h5", KERAS)
        monkeypatch.setitem(sys.modules, "h5py", None)
        with pytest.raises(ModelError, match=r"pip install h5py"):
            checkpoints.read(tmp_path / "weights.h5")

    def test_other_hdf5_files_are_refused(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        path = tmp_path / "model.weights.h5"
        with h5py.File(path, "w") as file:
            file.create_group("layers/conv/vars").create_dataset("0", data=np.ones(3))
        with pytest.raises(ModelError, match="Keras 3"):
            checkpoints.read(path)

    def test_an_array_cannot_be_larger_than_its_file(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        path = tmp_path / "weights.h5"
        write_keras(path, KERAS)
        with h5py.File(path, "a") as file:
            del file["conv/conv/kernel:0"]
            file.create_dataset("conv/conv/kernel:0", shape=(1 << 40,), dtype="f4")
        with pytest.raises(ModelError, match="too large"):
            checkpoints.read(path)

    def test_names_that_would_collide_are_refused(self, tmp_path):
        nested = {"model": {"a/kernel:0": np.ones(1), "b/kernel:0": np.ones(1)}}
        write_keras(tmp_path / "weights.h5", nested)
        with pytest.raises(ModelError, match="twice there"):
            checkpoints.read(tmp_path / "weights.h5")

    @pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".keras"])
    def test_what_only_bears_the_name_is_refused(self, tmp_path, suffix):
        pytest.importorskip("h5py")
        path = tmp_path / f"weights{suffix}"
        path.write_bytes(b"no HDF5 at all")
        with pytest.raises(ModelError, match="Keras"):
            checkpoints.read(path)

    @settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_damage_is_an_error_of_ours_or_harmless(self, tmp_path, data):
        path = tmp_path / "weights.h5"
        write_keras(path, KERAS)
        damage(path, data)
        assert_refused_or_read(path)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(ModelError, match="not there"):
        checkpoints.read(tmp_path / "weights.pt")
    with pytest.raises(ModelError, match="a folder"):
        checkpoints.read(tmp_path)
    (tmp_path / "empty.pt").touch()
    with pytest.raises(ModelError, match="is empty"):
        checkpoints.read(tmp_path / "empty.pt")


@pytest.mark.parametrize(
    "content", [b"a", b"<html>404</html>", b"PK\x03\x04", b"\x80\x02", b"\0" * 99]
)
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"weights\.pt"):
        checkpoints.read(path)


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="needs a file kept from reading"
)
def test_a_file_that_may_not_be_read_is_said(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save(TENSORS, path)
    path.chmod(0)
    with pytest.raises(ModelError, match="cannot be opened"):
        checkpoints.read(path)


def test_straight_to_the_wanted_dtype(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"a": torch.tensor([1.5, 2.5]).half(), "n": torch.tensor(3)}, path)
    read = checkpoints.read(path, dtype=torch.float16)
    assert read["a"].dtype == torch.float16
    assert read["n"].dtype == torch.int64
    assert checkpoints.read(path)["a"].tolist() == [1.5, 2.5]
    assert checkpoints.read(path)["a"].dtype == torch.float32


class Called:
    """Is pickled as a call."""

    def __init__(self, function, *arguments) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


SCRIPT = """
import resource, sys
from easyseg import checkpoints
from easyseg.errors import ModelError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    checkpoints.read(sys.argv[1])
except ModelError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def bombs() -> dict[str, object]:
    one, million = torch.zeros(1).half(), torch.zeros(1_000_000).half()
    return {
        "a stride of 0": {"a": one.as_strided((1_500_000_000,), (0,))},
        "one tensor many times": {f"a{n}": million[:999_999] for n in range(1000)},
        "a bytearray": {"a": Called(bytearray, 3_000_000_000)},
        "a tensor of a size": {"a": Called(torch.Tensor, 1000, 1_000_000)},
    }


@pytest.mark.skipif(sys.platform == "win32", reason="measures as on Unix")
@pytest.mark.parametrize("name", bombs())
@pytest.mark.parametrize("is_zip", [True, False])
def test_a_small_file_takes_no_gigabytes(tmp_path: Path, name: str, is_zip: bool):
    path = tmp_path / "bomb.pt"
    torch.save(bombs()[name], path, _use_new_zipfile_serialization=is_zip)
    command = [sys.executable, "-c", SCRIPT, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    error, megabytes = done.stdout.splitlines()
    assert re.search("would take|more than tensors|not a PyTorch checkpoint", error)
    assert int(megabytes) < 100


def test_an_archive_that_is_compressed(tmp_path: Path):
    torch.save({"a": torch.zeros(2_000_000)}, tmp_path / "a.pt")
    with (
        zipfile.ZipFile(tmp_path / "a.pt") as stored,
        zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for entry in stored.namelist():
            packed.writestr(entry, stored.read(entry))
    with pytest.raises(ModelError, match="compressed"):
        checkpoints.read(tmp_path / "b.pt")


def test_the_limit_is_an_option(tmp_path: Path, monkeypatch):
    torch.save({"a": torch.zeros(1000).half()}, tmp_path / "a.pt")
    assert checkpoints.read(tmp_path / "a.pt", max_bytes=4000)["a"].shape == (1000,)
    with pytest.raises(ModelError, match=r"would take 4,000 bytes of memory, more than 3,999"):
        checkpoints.read(tmp_path / "a.pt", max_bytes=3999)
    monkeypatch.setenv("EASYSEG_MAX_MODEL_BYTES", "3999")
    with pytest.raises(ModelError, match="more than 3,999"):
        checkpoints.read(tmp_path / "a.pt")
    assert checkpoints.read(tmp_path / "a.pt", dtype=torch.float16)
    monkeypatch.setenv("EASYSEG_MAX_MODEL_BYTES", "much")
    with pytest.raises(ModelError, match="number of bytes"):
        checkpoints.read(tmp_path / "a.pt")


def test_tensors_that_are_none(tmp_path: Path):
    for tensor in (torch.eye(3).to_sparse(), torch.empty(3, device="meta")):
        torch.save({"a": tensor}, tmp_path / "a.pt")
        with pytest.raises(ModelError, match="'a' is no tensor"):
            checkpoints.read(tmp_path / "a.pt")


def test_a_keras_array_under_many_names(tmp_path: Path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["shared"] = np.zeros(100_000, np.float32)
        names = [f"w{n}" for n in range(100)]
        file.attrs["layer_names"] = ["layer"]
        layer = file.create_group("layer")
        layer.attrs["weight_names"] = names
        for name in names:
            layer[name] = file["shared"]
    with pytest.raises(ModelError, match=r"more than 10,000,000 bytes"):
        checkpoints.read(tmp_path / "a.h5", max_bytes=10_000_000)
