"""A plateau of another library is answered with a plateau of its numbers, which names a metric."""

import pytest

import paramsched as ps
from paramsched.core.schedules import schedule_or_faults
from paramsched.errors import InvalidArgument
from support.tables import table

pytestmark = pytest.mark.peer("torch")  # its words are in the readers of other libraries


@table(
    ("line", "example"),
    [
        ('ReduceLROnPlateau(opt, "max", patience=3)', 'plateau("val_accuracy", mode="max", patience=3)'),
        ('ReduceLROnPlateau(opt, "max")', 'plateau("val_accuracy", mode="max")'),
        ('ReduceLROnPlateau(opt, "min", 0.5, 5)', 'plateau("val_loss", mode="min", factor=0.5, patience=5)'),
        (
            'ReduceLROnPlateau(opt, mode="max", factor=0.5, min_lr=1e-6, eps=1e-9, verbose=True)',
            'plateau("val_accuracy", mode="max", factor=0.5, min=absolute(1e-6))',
        ),
        ("ReduceLROnPlateau(opt, patience=3, min_lr=0)", 'plateau("val_loss", patience=3, min=0)'),
        ("ReduceLROnPlateau(opt, patience=p, factor=0.5)", 'plateau("val_loss", factor=0.5)'),
        ("ReduceLROnPlateau(opt, factor=2.0)", 'plateau("val_loss", patience=10)'),
        ("ReduceLROnPlateau(opt)", 'plateau("val_loss", patience=10)'),
        ('ReduceLROnPlateau(opt, monitor="loss", patience=3)', 'plateau("loss", patience=3)'),
        ("get_reduce_on_plateau_schedule(opt, factor=0.5)", 'plateau("eval_loss", factor=0.5)'),
        ("PlateauLRScheduler(opt, decay_rate=0.5, patience_t=3)", 'plateau("eval_loss", factor=0.5, patience=3)'),
        ('ReduceOnPlateauLR(monitor="loss", patience=3)', 'plateau("loss", patience=3)'),
    ],
)
def test_the_example_for_a_plateau_of_a_peer_keeps_its_numbers(line, example):
    (fault,) = schedule_or_faults(line)

    assert (fault.write, fault.is_example) == (example, True)
    ps.parse(f"constant() * {example}")


@table(
    ("line", "write"),
    [
        (
            'ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=5, min_lr=0.001)',
            'constant() * plateau("val_loss", factor=0.2, patience=4, threshold_mode="abs", min=absolute(0.001))',
        ),
        (
            'ReduceLROnPlateau("val_acc", 0.2, cooldown=3)',
            'constant() * plateau("val_acc", "max", 0.2, 9, threshold_mode="abs", cooldown=2)',
        ),
        ("keras.callbacks.ReduceLROnPlateau(patience=0)", 'constant() * plateau(patience=0, threshold_mode="abs")'),
    ],
)
def test_a_callback_of_keras_names_the_metric(line, write):
    (fault,) = schedule_or_faults(line)

    assert '" is a name of keras; use plateau' in str(fault)
    assert not fault.is_example
    assert ps.parse(fault.write) == ps.parse(write.replace("plateau(patience", 'plateau("val_loss", patience'))


@table(
    ("line", "write", "is_example"),
    [
        ('plateau("val_loss", 0.5, 5)', 'plateau("val_loss", factor=0.5, patience=5)', True),
        ('plateau("val_loss", 5)', 'plateau("val_loss", patience=5)', True),
        ('plateau("val_loss", mode="minimum")', 'plateau("val_loss", mode="min")', False),
        ('plateau("val_acc", "maximise", patience=3)', 'plateau("val_acc", "max", patience=3)', False),
        ('plateau("val_acc", mode="best", patience=3)', 'plateau("val_acc", mode="min", patience=3)', True),
        ("plateau('val_acc', 'min', mode='best')", "plateau(patience=1, factor=0.5)", True),
    ],
)
def test_a_wrong_argument_of_a_plateau_leaves_the_others(line, write, is_example):
    with pytest.raises(InvalidArgument) as refusal:
        ps.parse(line)

    assert (refusal.value.write, refusal.value.is_example) == (write, is_example)


@pytest.mark.parametrize(("name", "library"), [("ExponentialDecay", "keras"), ("exponential_decay", "optax")])
def test_a_name_in_the_spelling_of_one_library_is_a_name_of_that_library(name: str, library: str) -> None:
    with pytest.raises(InvalidArgument, match=f'"{name}" is a name of {library}; use exponential'):
        ps.parse(f"{name}(0.1, 1000, 0.9)")
