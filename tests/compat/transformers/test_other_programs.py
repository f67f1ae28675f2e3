"""Files of programs that are not transformers: a curve of transformers is never stated as theirs."""

import pytest

from paramsched.core.base.problem import PlanWarning
from paramsched.core.files import loads
from paramsched.errors import ConfigError
from support.tables import table

NATIVE = 'Use a native plan, such as lr: warmup("5%") >> cosine()'


def problems(text):
    with pytest.raises(ConfigError) as refusal:
        loads(text, "transformers")
    return [(one.path, one.advice) for one in refusal.value.diagnostics]


@table("text", ["max_steps: 300\noptim: {lr: 6.e-5, pct_start: 0.05}\n", "learning_rate: 1e-4\noptimizer: {name: x}\n"])
def test_an_optimizer_with_settings_is_no_training_argument(text):
    ((path, advice),) = problems(text)

    assert path in ("$.optim", "$.optimizer")
    assert advice == NATIVE


@table("text", ["max_steps: 300\n", "learning_rate: 1.0e-4\n", "max_steps: 300\nmodel: {layers: 3}\nseed: 1\n"])
def test_a_single_setting_of_many_programs_is_a_warning(text):
    with pytest.warns(PlanWarning, match="is the only setting of transformers here"):
        assert str(loads(text, "transformers")).endswith("lr: linear()")


@table(
    "part",
    [
        "{learning_rate: 1.0e-3, weight_decay: 0.1, warmup: 0.01}",
        "{learning_rate: 1.0e-3, total_train_steps: 200, gradient_accumulation_steps: 2}",
        "{max_steps: 1000}",
        "{warmup_steps: 5000, max_epoch: 5, init_lr: 1.0e-5}",
    ],
)
def test_a_part_of_another_program_is_not_to_be_saved_as_a_file_of_its_own(part):
    ((path, advice),) = problems(f"run: {part}\n")

    assert (path, advice) == ("$.run", NATIVE)


def test_a_part_with_settings_of_the_trainer_is_to_be_saved_as_a_file_of_its_own():
    ((_, advice),) = problems("training: {learning_rate: 1.0e-4, lr_scheduler_type: cosine, num_train_epochs: 3}\n")

    assert advice == "Save this part of the config as a file of its own"


def test_two_learning_rates_are_refused_with_both_unless_they_are_equal():
    ((path, advice),) = problems("lr: 0.1\nlearning_rate: 0.2\nlr_scheduler_type: cosine\nmax_steps: 5\n")

    assert (path, advice) == ("$.learning_rate", "Remove lr")
    assert loads("lr: 0.1\nlearning_rate: 0.1\nlr_scheduler_type: cosine\nmax_steps: 5\n", "transformers")
