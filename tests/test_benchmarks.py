"""What the suite makes of figures; the figures themselves are nothing to test."""

import dataclasses
import json
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module", autouse=True)
def checkout_on_the_path():
    sys.path.insert(0, str(ROOT))
    yield
    sys.path.remove(str(ROOT))


@pytest.fixture
def row():
    from benchmarks.measure import Row

    return Row("restore", "labels", "easyseg", 10.0, "ms", 9.0, 11.0, 9, "naive", 80.0)


def test_ways_take_turns_and_are_warm():
    from benchmarks.measure import Turns, take_turns

    order = []
    taken = take_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, Turns(4))
    assert order == ["a", "b"] * 5
    assert {name: len(seconds) for name, seconds in taken.items()} == {"a": 4, "b": 4}


def test_the_clock_of_the_processor_does_not_count_waiting():
    from benchmarks.measure import Turns

    assert Turns(clock="cpu").seconds(lambda: time.sleep(0.05)) < 0.05
    assert Turns(clock="wall").seconds(lambda: time.sleep(0.05)) >= 0.05
    # What another process has worked counts, too.
    assert Turns(clock="cpu").seconds(lambda: 7.0) >= 7


def test_ratios_say_how_many_times_as_good():
    from benchmarks.measure import rows_of

    slow, fast = rows_of("p", "w", {"slow": [10.0, 30.0, 20.0], "fast": [5.0]}, "ms", "slow")
    assert (slow.value, slow.against, slow.ratio) == (20.0, "", 1.0)
    assert (slow.low, slow.high) == (15.0, 25.0)
    assert (fast.against, fast.ratio) == ("slow", 4.0)
    _, more = rows_of("p", "w", {"slow": [10.0], "fast": [25.0]}, "frames/s", "slow")
    assert more.ratio == 2.5


def test_results_survive_their_file(row):
    from benchmarks.measure import Skipped, as_json, facts, from_json

    results = [row, Skipped("video", "PixelLib", "not here")]
    content = json.loads(json.dumps(as_json(results, facts())))
    assert from_json(content) == results
    assert content["machine"]["processor"]
    assert "torch" in content["machine"]["versions"]


@pytest.mark.parametrize(
    ("ratio", "worse"), [(80.0, False), (200.0, False), (56.1, False), (55.9, True)]
)
def test_the_guard_compares_ratios(row, ratio, worse):
    from benchmarks.check import regressions

    # Ten times as slow a machine is no regression.
    now = dataclasses.replace(row, value=100.0, ratio=ratio)
    found, compared = regressions([now], [row])
    assert compared == 1
    assert [one.recorded for one in found] == ([80.0] if worse else [])


def test_the_guard_leaves_out_what_only_one_run_has(row):
    from benchmarks.check import regressions

    base = dataclasses.replace(row, way="naive", against="", ratio=1.0)
    other = dataclasses.replace(row, against="something else", ratio=1.0)
    assert regressions([row], []) == ([], 0)
    assert regressions([other, base], [row, base]) == ([], 0)


def test_the_guard_sets_the_exit_status(row, tmp_path, monkeypatch, capsys):
    from benchmarks import __main__ as program
    from benchmarks.measure import as_json, facts

    file = tmp_path / "before.json"
    file.write_text(json.dumps(as_json([row], facts())))

    def run(ratio):
        now = dataclasses.replace(row, ratio=ratio)
        monkeypatch.setitem(program.PARTS, "restore", lambda settings: [now])
        return program.main(["restore", "--check", str(file)])

    assert run(79.0) == 0
    assert run(10.0) == 1
    assert "10.00 times naive, and it was 80.00 times" in capsys.readouterr().out
    monkeypatch.setitem(program.PARTS, "restore", lambda settings: [])
    assert program.main(["restore", "--check", str(file)]) == 1


def test_the_table_shows_losses_and_what_was_skipped(row):
    from benchmarks.measure import Skipped, facts
    from benchmarks.report import table

    loss = dataclasses.replace(row, way="slower", ratio=0.5)
    text = table([row, loss, Skipped("video", "PixelLib", "no Python that has it")], facts())
    assert "| labels | easyseg | 10 ms | 9-11, n=9 | naive | 80.00x |" in text
    assert "| naive | 0.50x |" in text
    assert "Not measured, video, PixelLib: no Python that has it" in text


def test_a_peer_that_does_not_start_says_why(tmp_path, monkeypatch):
    from benchmarks import peers

    (tmp_path / "broken.py").write_text("import a_library_that_is_not_here")
    (tmp_path / "works.py").write_text(
        "import sys\nprint('ready{\"it\": 1}', flush=True)\n"
        "for line in sys.stdin: print('noise\\nready0.5', flush=True)\n"
    )
    monkeypatch.setattr(peers, "HERE", tmp_path)
    python = Path(sys.executable)
    with (
        pytest.raises(peers.PeerError, match="a_library_that_is_not_here"),
        peers.peer(python, "broken.py"),
    ):
        pass
    with pytest.raises(peers.PeerError, match="no Python"), peers.peer(None, "works.py"):
        pass
    with peers.peer(python, "works.py") as one:
        assert one.versions == {"it": 1}
        assert one() == 0.5
        assert one() == 0.5


LIGHT = "lraspp_mobilenet_v3_large.coco_voc"


def test_the_script_for_gpus_works_on_a_cpu(tmp_path, capsys):
    from benchmarks import gpu

    file = tmp_path / "figures.json"
    sizes = ["--side", "64", "--rounds", "1", "--batches", "1", "2", "--frames", "2"]
    arguments = ["--device", "cpu", "--only", LIGHT, *sizes, "--json", str(file)]
    assert gpu.main(arguments) == 0
    figures = json.loads(file.read_text())
    lines = figures["networks"]
    assert [line["precision"] for line in lines] == ["fp32", "bf16", "autocast bf16"]
    assert lines[0]["agreement"] == 1
    for line in lines[1:]:
        assert 0.9 < line["agreement"] < 1  # casting is seen
    assert all(line[batch] > 0 for line in lines for batch in ("batch 1", "batch 2"))
    assert figures["photographs_per_second"]["agreement"] == 1
    assert min(figures["input_milliseconds"].values()) > 0
    assert set(figures["restore_milliseconds"]) == {"640x480", "1920x1080", "3840x2160"}
    assert figures["video_frames_per_second"] > 0
    assert "autocast bf16" in capsys.readouterr().out


def test_labels_that_differ_on_a_gpu_set_the_exit_status(monkeypatch, capsys):
    from benchmarks import gpu

    line = {"network": LIGHT, "precision": "fp32", "agreement": 0.9989, "batch 1": 1.0}
    monkeypatch.setattr(gpu, "TorchNetwork", lambda *given: None)
    monkeypatch.setattr(gpu, "measure_network", lambda *given: line)
    monkeypatch.setattr(gpu, "measure_inputs", lambda bench: {})
    monkeypatch.setattr(gpu, "measure_restore", lambda bench: {})
    monkeypatch.setattr(gpu, "measure_video", lambda bench, frames: 1.0)
    monkeypatch.setattr(
        gpu, "measure_list", lambda bench: {"alone": 1.0, "list": 1.0, "agreement": agreement}
    )
    arguments = ["--device", "cpu", "--only", LIGHT, "--batches", "1"]
    agreement = 1.0
    assert gpu.main(arguments) == 1
    assert capsys.readouterr().out.count("DIFFERS") == 1  # in fp32 only
    line["agreement"] = 1.0
    assert gpu.main(arguments) == 0
    agreement = 0.99
    assert gpu.main(arguments) == 1


def test_without_a_gpu_nothing_is_measured(monkeypatch, capsys):
    from benchmarks import gpu

    monkeypatch.setattr(gpu.torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) == 2
    assert "no CUDA here" in capsys.readouterr().err
