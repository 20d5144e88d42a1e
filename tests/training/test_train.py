import csv
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from easyseg import registry
from easyseg.checkpoints import trained_file
from easyseg.datasets import open_dataset
from easyseg.engine import Segmenter
from easyseg.errors import InputError, MediaError, ModelError
from easyseg.pictures.image import read
from easyseg.training import Settings, losses, train
from easyseg.training.batches import BatchMaker
from easyseg.training.initial import make_initial
from easyseg.training.loop import Trainer


@pytest.fixture(scope="module")
def shapes(toy: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty pictures to learn from, and others to measure on."""
    folder = tmp_path_factory.mktemp("shapes")
    toy.write_folder(folder / "train", range(20))
    toy.write_folder(folder / "val", range(100, 105))
    return folder


@pytest.fixture(scope="module")
def small(toy: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six tiny pictures, for trainings that need not learn much."""
    return toy.write_folder(tmp_path_factory.mktemp("small") / "data", range(6), side=32)


def tensors(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)["state_dict"]


def assert_same(one: Path, other: Path) -> None:
    first, second = tensors(one), tensors(other)
    assert first.keys() == second.keys()
    for key, tensor in first.items():
        torch.testing.assert_close(tensor, second[key], rtol=0, atol=0, msg=key)


@pytest.mark.usefixtures("toy_model")
class TestToySet:
    def test_it_is_learnt_and_the_file_knows_its_classes(
        self, shapes: Path, toy: ModuleType, tmp_path: Path
    ):
        result = train(
            shapes, init="random", architecture="toy", output=tmp_path / "out", device="cpu",
            steps=200, crop=48, batch_size=4, learning_rate=2e-2, color=0.2, balance=0.0, ema=0.9,
            scale=(0.8, 1.5), encoder_rate=1.0, validate_every=40, workers=1,
        )  # fmt: skip
        assert result.mean_iou is not None
        assert result.mean_iou > 0.95
        assert result.steps == 200
        assert 0 < result.waiting < 1
        segmenter = Segmenter(result.path, device="cpu")
        assert segmenter.label_set.names == toy.CLASSES
        assert segmenter.label_set.background == 0
        assert segmenter.name == "toy.train"
        image, labels = toy.draw(200)
        answer = segmenter(image)
        assert np.mean(answer.labels == labels) > 0.97
        assert set(answer.ratios) == set(toy.CLASSES)

    def test_what_lies_in_the_folder(self, small: Path, toy: ModuleType, tmp_path: Path):
        result = train(small, output=tmp_path, **toy.SHORT)
        names = {"model.pt", "state.pt", "curves.csv", "curves.png", "settings.json"}
        assert names <= {path.name for path in tmp_path.iterdir()}
        with (tmp_path / "curves.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [int(row["step"]) for row in rows] == list(range(1, 13))
        scored = [row for row in rows if row["mean_iou"]]
        assert [int(row["step"]) for row in scored] == [4, 8, 12]
        best = max(float(row["mean_iou"]) for row in scored)
        assert best == pytest.approx(result.mean_iou, rel=1e-5)
        picture = read(tmp_path / "curves.png")
        assert picture.shape == (320, 960, 3)
        assert (picture[:, :480] != 255).any()

    def test_a_tenth_is_held_out(self, small: Path, toy: ModuleType, tmp_path: Path):
        train(small, output=tmp_path, **toy.SHORT)
        settings = (tmp_path / "settings.json").read_text()
        assert '"photographs": "5 photographs' in settings
        assert '"validation": "1 photographs' in settings


@pytest.mark.usefixtures("toy_model", "one_thread")
class TestResume:
    def test_a_killed_training_ends_with_the_same_weights(
        self, small: Path, toy: ModuleType, tmp_path: Path
    ):
        """The process is killed with no chance to do anything, in the middle of its work."""
        unbroken = train(small, output=tmp_path / "unbroken", **toy.SHORT)
        output = tmp_path / "killed"
        script = Path(toy.__file__)
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, script, small, output, "0"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 300
        while not (output / "state.pt").is_file() and time.monotonic() < deadline:
            time.sleep(0.001)
        process.kill()
        process.wait()
        step = torch.load(output / "state.pt", weights_only=True)["state"]["step"]
        assert 1 <= step < 12
        resumed = train(small, output=output, **toy.SHORT)
        assert resumed.steps == 12
        assert_same(unbroken.path, resumed.path)
        without_time = [
            [{k: v for k, v in row.items() if k not in ("seconds", "waiting")} for row in rows]
            for rows in (unbroken.history, resumed.history)
        ]
        assert without_time[0] == without_time[1]

    @pytest.mark.parametrize(
        "changes",
        [
            {"optimizer": "sgd", "learning_rate": 1e-2, "schedule": "cosine"},
            {"precision": "bf16", "ohem": 0.3, "dice": 0.5},
            {"freeze_norm": True, "ema": 0.0, "loss_at": "logits", "clip": 0.0},
        ],
    )
    def test_after_ctrl_c(self, small: Path, toy: ModuleType, tmp_path: Path, changes, monkeypatch):
        """The signal comes in the middle of a step, which is ended; then the state is saved."""
        changes = {**toy.SHORT, **changes, "steps": 6}
        unbroken = train(small, output=tmp_path / "unbroken", **changes)
        original = Trainer._loss
        calls = []

        def interrupted(self, batch):
            calls.append(None)
            if len(calls) == 6:  # the second of the two batches of step 3
                signal.raise_signal(signal.SIGINT)
            return original(self, batch)

        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "_loss", interrupted)
            with pytest.raises(KeyboardInterrupt):
                train(small, output=tmp_path / "broken", **changes)
        saved = torch.load(tmp_path / "broken" / "state.pt", weights_only=True)
        assert saved["state"]["step"] == 3
        resumed = train(small, output=tmp_path / "broken", **{**changes, "workers": 0})
        assert_same(unbroken.path, resumed.path)

    def test_threads_do_not_matter(self, small: Path, toy: ModuleType, tmp_path: Path):
        results = [
            train(small, output=tmp_path / str(workers), workers=workers, **toy.SHORT)
            for workers in (0, 3)
        ]
        assert_same(results[0].path, results[1].path)

    def test_the_seed_does(self, small: Path, toy: ModuleType, tmp_path: Path):
        one, other = (
            train(small, output=tmp_path / str(seed), **{**toy.SHORT, "seed": seed})
            for seed in (3, 4)
        )
        with pytest.raises(AssertionError):
            assert_same(one.path, other.path)

    def test_the_callers_random_numbers_are_left_alone(
        self, small: Path, toy: ModuleType, tmp_path: Path
    ):
        torch.manual_seed(5)
        expected = torch.rand(3)
        torch.manual_seed(5)
        train(small, output=tmp_path, **{**toy.SHORT, "steps": 2})
        torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)

    def test_a_finished_training_is_not_done_again(
        self, small: Path, toy: ModuleType, tmp_path: Path, monkeypatch
    ):
        first = train(small, output=tmp_path, **toy.SHORT)
        before = tensors(first.path)
        first.path.unlink()
        monkeypatch.setattr(Trainer, "_loop", lambda *_: pytest.fail("it trains"))
        second = train(small, output=tmp_path, **toy.SHORT)
        assert second.history == first.history
        for key, tensor in tensors(second.path).items():
            torch.testing.assert_close(tensor, before[key], rtol=0, atol=0)

    def test_another_training_in_the_folder(self, small: Path, toy: ModuleType, tmp_path: Path):
        train(small, output=tmp_path, **toy.SHORT)
        with pytest.raises(InputError, match=r"another training: learning_rate was .* is 0\.5"):
            train(small, output=tmp_path, **{**toy.SHORT, "learning_rate": 0.5})
        train(small, output=tmp_path, **toy.SHORT, checkpoint_seconds=1.0)

    def test_a_damaged_state(self, small: Path, toy: ModuleType, tmp_path: Path):
        train(small, output=tmp_path, **toy.SHORT)
        state = tmp_path / "state.pt"
        state.write_bytes(state.read_bytes()[:-1000])
        with pytest.raises(ModelError, match=r"state\.pt' is damaged"):
            train(small, output=tmp_path, **toy.SHORT)

    def test_two_at_once(self, small: Path, toy: ModuleType, tmp_path: Path, monkeypatch):
        running, may_go_on = threading.Event(), threading.Event()
        original = Trainer._loop

        def slow(self, *rest):
            running.set()
            may_go_on.wait(60)
            return original(self, *rest)

        monkeypatch.setattr(Trainer, "_loop", slow)
        keywords = {**toy.SHORT, "steps": 1}
        first = threading.Thread(
            target=train, args=(small,), kwargs={"output": tmp_path, **keywords}
        )
        first.start()
        assert running.wait(60)
        with pytest.raises(InputError, match="another training works"):
            train(small, output=tmp_path, **keywords)
        may_go_on.set()
        first.join()
        assert (tmp_path / "model.pt").is_file()


@pytest.mark.usefixtures("toy_model")
class TestTeacher:
    @pytest.fixture
    def teacher(self, small: Path, toy: ModuleType, tmp_path: Path) -> Path:
        keywords = {**toy.SHORT, "steps": 40, "accumulate": 1, "learning_rate": 1e-2}
        return train(small, output=tmp_path / "teacher", **keywords).path

    def test_soft_labels_of_labelled_and_unlabelled_photographs(
        self, small: Path, shapes: Path, toy: ModuleType, teacher: Path, tmp_path: Path, monkeypatch
    ):
        batches = []
        original = BatchMaker.__call__
        monkeypatch.setattr(
            BatchMaker, "__call__", lambda self, n: batches.append(original(self, n)) or batches[-1]
        )
        keywords = {**toy.SHORT, "batch_size": 4, "workers": 0}
        photographs = shapes / "val" / "images"
        result = train(
            small, teacher=teacher, unlabelled=photographs, output=tmp_path / "student", **keywords
        )
        assert all(row["distillation"] > 0 for row in result.history)
        assert {len(batch.x) for batch in batches} == {4}
        # Half of each batch has no labels, and is learnt all the same.
        for batch in batches:
            assert (batch.labels[2:] == 255).all()
            assert (batch.labels[:2] != 255).any()
            assert batch.inside[2:].any()
            assert batch.teacher_x.shape == batch.x.shape

    def test_a_student_comes_to_agree(
        self, small: Path, toy: ModuleType, teacher: Path, tmp_path: Path
    ):
        keywords = {**toy.SHORT, "steps": 40, "accumulate": 1, "learning_rate": 1e-2}
        keywords |= {"seed": 8, "distill": 10.0}
        result = train(small, teacher=teacher, output=tmp_path / "student", **keywords)
        losses = [row["distillation"] for row in result.history]
        assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:5])

    def test_other_classes(self, small: Path, toy: ModuleType, tmp_path: Path):
        voc = "deeplabv3plus_mobilenet_v2_tensorflow.voc"
        with pytest.raises(InputError, match=r"21 classes of PASCAL VOC.*must be the same"):
            train(small, teacher=voc, output=tmp_path, **toy.SHORT)

    def test_unlabelled_without_a_teacher(self, small: Path, toy: ModuleType, tmp_path: Path):
        with pytest.raises(InputError, match="need a teacher"):
            train(small, unlabelled=small / "images", output=tmp_path, **toy.SHORT)


@pytest.mark.usefixtures("toy_model")
class TestValidation:
    def test_early_stop_keeps_the_best(self, small: Path, toy: ModuleType, tmp_path: Path):
        """A learning rate of almost nothing: no validation is better than the first."""
        keywords = {**toy.SHORT, "steps": 40, "validate_every": 2, "patience": 3, "ema": 0.0}
        result = train(small, output=tmp_path, **{**keywords, "learning_rate": 1e-12})
        scores = [row["mean_iou"] for row in result.history if "mean_iou" in row]
        best = int(np.argmax(scores))
        assert len(scores) == best + 4
        assert result.steps == 2 * len(scores) < 40
        assert result.mean_iou == scores[best]

    def test_none(self, small: Path, toy: ModuleType, tmp_path: Path):
        result = train(small, validation=0, output=tmp_path, **toy.SHORT)
        assert result.mean_iou is None
        assert not any("mean_iou" in row for row in result.history)
        assert trained_file.read(result.path).metrics == {}

    def test_photographs_of_their_own(
        self, small: Path, shapes: Path, toy: ModuleType, tmp_path: Path
    ):
        result = train(small, validation=shapes / "val", output=tmp_path, **toy.SHORT)
        own = open_dataset(shapes / "val")
        from easyseg.evaluation import evaluate

        measured = evaluate(own, model=result.path, device="cpu")
        assert measured.mean_iou == pytest.approx(result.mean_iou, abs=1e-3)
        assert trained_file.read(result.path).metrics["mIoU"] == pytest.approx(
            100 * result.mean_iou
        )


@pytest.mark.usefixtures("toy_model")
class TestErrors:
    @pytest.mark.parametrize(
        ("keywords", "message"),
        [
            ({"epoch": 3}, "no setting 'epoch'; there are epochs"),
            ({"classes": ["a", "b"]}, r"ids \[2\].*classes 0 to 1"),
            ({"classes": "nothing.txt"}, "neither a file nor a data set"),
            ({"validation": 1.5}, "from 0 to less than 1"),
            ({"architecture": "nonesuch"}, "no architecture is named 'nonesuch'.*toy"),
            ({"init": "toy.voc"}, "goes with init='imagenet'"),
            ({"device": "cuda:99"}, "not available"),
        ],
    )
    def test_wrong_arguments(self, small: Path, toy: ModuleType, tmp_path: Path, keywords, message):
        with pytest.raises(InputError, match=message):
            train(small, output=tmp_path, **{**toy.SHORT, **keywords})

    def test_no_classes(self, toy: ModuleType, tmp_path: Path):
        data = toy.write_folder(tmp_path / "data", range(3), side=32)
        (data / "classes.txt").unlink()
        with pytest.raises(InputError, match="names of the classes are not known"):
            train(data, output=tmp_path / "out", **toy.SHORT)
        train(data, classes=toy.CLASSES, output=tmp_path / "out", **toy.SHORT)

    @pytest.mark.parametrize("workers", [0, 2])
    def test_a_broken_photograph_is_named(self, toy: ModuleType, tmp_path: Path, workers: int):
        data = toy.write_folder(tmp_path / "data", range(4), side=32)
        (data / "images" / "002.png").write_bytes(b"no picture")
        keywords = {**toy.SHORT, "workers": workers, "validation": 0}
        with pytest.raises(MediaError, match=r"002\.png"):
            train(data, output=tmp_path / "out", **keywords)
        assert not [one for one in threading.enumerate() if one.name.startswith("easyseg")]

    def test_a_loss_that_explodes(self, small: Path, toy: ModuleType, tmp_path: Path, monkeypatch):
        original = losses.cross_entropy
        calls = []

        def exploding(*arguments):
            calls.append(None)
            return original(*arguments) * (float("inf") if len(calls) > 10 else 1)

        monkeypatch.setattr(losses, "cross_entropy", exploding)
        with pytest.raises(ModelError, match=r"before step 6: give a lower learning rate"):
            train(small, output=tmp_path, checkpoint_seconds=0, **toy.SHORT)
        saved = torch.load(tmp_path / "state.pt", weights_only=True)
        assert saved["state"]["step"] == 5
        assert all(tensor.isfinite().all() for tensor in saved["average"].values())

    def test_a_crop_that_the_model_cannot_take(
        self, small: Path, toy: ModuleType, tmp_path: Path, monkeypatch
    ):
        record = toy.record()
        odd = replace(record, preprocess=replace(record.preprocess, divisor=16))
        monkeypatch.setitem(registry._RECORDS, toy.NAME, odd)
        with pytest.raises(InputError, match="multiples of 16"):
            train(small, output=tmp_path, **toy.SHORT)


def test_settings_object_and_single_ones(small: Path, toy: ModuleType, toy_model: str, tmp_path):
    keywords = {k: v for k, v in toy.SHORT.items() if k in ("init", "architecture", "device")}
    settings = Settings(steps=5, crop=24, batch_size=2)
    result = train(small, output=tmp_path, settings=settings, steps=3, half=True, **keywords)
    assert result.steps == 3
    assert {t.dtype for t in tensors(result.path).values() if t.is_floating_point()} == {
        torch.float16
    }
    assert Segmenter(result.path, device="cpu")(np.zeros((9, 5, 3), np.uint8)).shape == (9, 5)


@pytest.mark.slow
def test_the_built_in_model_learns_the_toy_set(shapes: Path, toy: ModuleType, tmp_path: Path):
    result = train(
        shapes, init="deeplabv3plus_mobilenet_v2_tensorflow.voc", output=tmp_path, device="cpu",
        steps=150, size=128, crop=96, batch_size=8, learning_rate=2e-3, encoder_rate=1.0, ema=0.9,
        scale=(0.8, 1.5), balance=0.0, validate_every=50,
    )  # fmt: skip
    assert result.mean_iou is not None
    assert result.mean_iou > 0.95
    image, labels = toy.draw(200)
    assert np.mean(Segmenter(result.path, device="cpu")(image).labels == labels) > 0.97


def train_one_step(data: Path, output: Path, architecture: str) -> dict[str, torch.Tensor]:
    """Trains a whole network of the zoo for one step; gives what has changed."""
    result = train(
        data, init="random", architecture=architecture, output=output, device="cpu", steps=1,
        crop=64, batch_size=2, balance=0.0, validation=0, workers=0, warmup=0.0, ema=0.0,
    )  # fmt: skip
    begun = make_initial("random", result.label_set, architecture=architecture)
    ended = tensors(result.path)
    return {
        key: ended[key] - value
        for key, value in begun.module.named_parameters()
        if not torch.equal(ended[key], value)
    }


LIGHT = (
    "deeplabv3plus_mobilenet_v2",
    "efficientvit_seg_b1",
    "lraspp_mobilenet_v3_large",
    "segformer_b0",
)


@pytest.mark.parametrize("architecture", LIGHT)
def test_other_architectures_learn(small: Path, tmp_path: Path, architecture: str):
    changed = train_one_step(small, tmp_path, architecture)
    assert len(changed) > 20
    assert all(change.isfinite().all() for change in changed.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "architecture", sorted({name.split(".")[0] for name in registry.names()} - set(LIGHT))
)
def test_all_architectures_learn(small: Path, tmp_path: Path, architecture: str):
    changed = train_one_step(small, tmp_path, architecture)
    assert len(changed) > 20
