import pytest

from easyseg.errors import InputError
from easyseg.training import Settings


def test_steps_follow_from_the_epochs():
    settings = Settings(epochs=3)
    assert settings.total_steps(2.5) == 8
    assert settings.validation_interval(2.5) == 3
    assert Settings(steps=7).total_steps(1000) == 7


def test_validation_is_no_more_often_than_twenty_times():
    assert Settings(epochs=1000).validation_interval(1) == 50
    assert Settings(validate_every=3, steps=1000).validation_interval(1) == 3


def test_what_does_not_decide_the_result_is_left_out():
    assert Settings(workers=9, checkpoint_seconds=1).deciding() == Settings().deciding()
    assert Settings(seed=9).deciding() != Settings().deciding()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("steps", 2.0),
        ("epochs", 0),
        ("epochs", True),
        ("batch_size", 0),
        ("batch_size", None),
        ("crop", 7),
        ("size", 0),
        ("color", 1.1),
        ("balance", -0.1),
        ("optimizer", "adam"),
        ("schedule", "step"),
        ("precision", "fp16"),
        ("loss_at", "pixels"),
        ("learning_rate", 0),
        ("learning_rate", float("nan")),
        ("learning_rate", "high"),
        ("learning_rate", None),
        ("norm_momentum", 0),
        ("ohem", 0),
        ("ema", 1.0),
        ("unlabelled_share", 1.0),
        ("flip", 1),
        ("seed", -1),
        ("workers", -1),
    ],
)
def test_out_of_range(name: str, value: object):
    with pytest.raises(InputError, match=name):
        Settings(**{name: value})


@pytest.mark.parametrize("scale", [(2.0, 0.5), (0.0, 1.0), (1.0,), 1.0, ("a", "b"), (1, 99)])
def test_scale(scale: object):
    with pytest.raises(InputError, match="scale must be two numbers"):
        Settings(scale=scale)
    assert Settings(scale=[1, 2]).scale == (1.0, 2.0)
