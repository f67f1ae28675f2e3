"""The dialect of transformers against its own `get_scheduler`, update by update."""

import json
import math
import warnings
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.compat import transformers as dialect
from paramsched.core.base.problem import PlanWarning
from paramsched.core.plan import resolve
from support.tables import table

transformers = pytest.importorskip("transformers")
optimization = pytest.importorskip("transformers.optimization")

LR = 3e-4
SHARES = st.sampled_from([0.0, 0.1, 0.25])
KEYWORDS = {
    "linear": {},
    "cosine": {"num_cycles": st.sampled_from([0.5, 1.5, 0.4, 1, 0.77, 2.25])},
    "cosine_with_restarts": {"num_cycles": st.integers(1, 7)},
    "polynomial": {"lr_end": st.sampled_from([0.0, 1e-7, 1e-5]), "power": st.sampled_from([0.5, 1.0, 2.0])},
    "constant": {"num_cycles": st.just(3)},
    "constant_with_warmup": {},
    "inverse_sqrt": {"timescale": st.integers(1, 50)},
    "cosine_with_min_lr": {"num_cycles": st.sampled_from([0.5, 0.3, 1.5, 1.2])},
    "cosine_warmup_with_min_lr": {"num_cycles": st.sampled_from([0.5, 0.3, 1.5, 1.2]), "warmup_lr_rate": SHARES},
    "warmup_stable_decay": {
        "num_stable_steps": st.integers(0, 40),
        "warmup_type": st.sampled_from(["linear", "cosine", "1-sqrt"]),
        "decay_type": st.sampled_from(["linear", "cosine", "1-sqrt"]),
        "min_lr_ratio": SHARES,
        "num_cycles": st.sampled_from([0.5, 0.3, 1.5, 1.2]),
    },
}


@st.composite
def runs(draw):
    """Arguments of `get_scheduler`, for each name that is a curve."""
    name = draw(st.sampled_from(sorted(KEYWORDS)))
    keywords = draw(st.fixed_dictionaries({}, optional=KEYWORDS[name]))
    if "min_lr" in name:
        keywords |= {draw(st.sampled_from(["min_lr", "min_lr_rate"])): draw(st.sampled_from([0.0, 3e-5, 0.1]))}
    if name == "warmup_stable_decay":
        keywords["num_decay_steps"] = draw(st.integers(0, 30))
    total = draw(st.integers(1, 90))
    warmup = draw(st.integers(0, 30))
    if name == "polynomial":  # transformers divides by the updates after its warmup
        assume(warmup < total)
    return {
        "name": name,
        "num_warmup_steps": warmup,
        "num_training_steps": total,
        "scheduler_specific_kwargs": keywords,
    }


def rates(arguments, updates):
    """Return the rate of transformers at each update."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = optimization.get_scheduler(optimizer=optimizer, **arguments)
        for _ in range(updates):
            found.append(optimizer.param_groups[0]["lr"])
            scheduler.step()
    return np.array(found)


@given(arguments=runs())
@example(arguments={"name": "warmup_stable_decay", "num_warmup_steps": 9, "num_training_steps": 20,
                    "scheduler_specific_kwargs": {"num_decay_steps": 15}})  # fmt: skip
@example(arguments={"name": "cosine_warmup_with_min_lr", "num_warmup_steps": 1, "num_training_steps": 20,
                    "scheduler_specific_kwargs": {"min_lr_rate": 0.1, "warmup_lr_rate": 0.2}})  # fmt: skip
@example(arguments={"name": "linear", "num_warmup_steps": 30, "num_training_steps": 20})
@example(arguments={"name": "cosine_with_restarts", "num_warmup_steps": 0, "num_training_steps": 49,
                    "scheduler_specific_kwargs": {"num_cycles": 49}})  # fmt: skip
def test_a_plan_has_the_rate_of_get_scheduler_at_every_update(arguments):
    try:
        plan = dialect.to_plan(arguments, base=LR)
    except ps.errors.ConfigError as refusal:
        assert "rounds the start" in str(refusal) or "cycles in" in str(refusal)  # noqa: PT017  # the only reasons
        return

    total = arguments["num_training_steps"]
    found = ps.trace(plan, {"lr": LR}, ps.Calendar(total=total))["lr", 0]
    np.testing.assert_allclose(found, rates(arguments, total), rtol=0, atol=1e-12 * LR)


STABLE = {"num_decay_steps": 10}
EACH = [
    ("linear", {}),
    ("constant", {}),
    ("constant_with_warmup", {}),
    *(("cosine", {"num_cycles": one}) for one in (0.5, 1.5, 0.4, 2)),
    *(("cosine_with_restarts", {"num_cycles": one}) for one in (1, 3)),
    *(("polynomial", one) for one in ({}, {"power": 2.0}, {"lr_end": 1e-5}, {"lr_end": 0.0, "power": 0.5})),
    *(("inverse_sqrt", one) for one in ({}, {"timescale": 12})),
    *(
        ("cosine_with_min_lr", one)
        for one in ({"min_lr": 3e-5}, {"min_lr_rate": 0.1}, {"min_lr": 0.0, "num_cycles": 1.2})
    ),
    *(
        ("cosine_warmup_with_min_lr", {"min_lr_rate": 0.1, **one})
        for one in ({}, {"warmup_lr_rate": 0.25}, {"warmup_lr_rate": 0.0}, {"num_cycles": 1.5})
    ),
    ("cosine_warmup_with_min_lr", {"min_lr": 3e-5, "warmup_lr_rate": 0.1}),
    *(
        ("warmup_stable_decay", STABLE | one)
        for one in (
            {},
            {"num_stable_steps": 20},
            {"num_stable_steps": 5},
            {"num_stable_steps": 0},
            {"min_lr_ratio": 0.1},
            {"num_cycles": 1.5, "min_lr_ratio": 0.1},
            {"num_cycles": 1.2, "num_stable_steps": 9},
            {"num_decay_steps": 0, "min_lr_ratio": 0.1},
            {"num_decay_steps": 0, "num_stable_steps": 20, "min_lr_ratio": 0.1},
            {"num_decay_steps": 45},
            *(
                {name: one, "min_lr_ratio": 0.1}
                for name in ("warmup_type", "decay_type")
                for one in ("linear", "cosine", "1-sqrt")
            ),
        )
    ),
]


@table(("name", "keywords"), EACH)
@pytest.mark.parametrize(("warmup", "total"), [(0, 40), (6, 40), (1, 40), (6, 9)])
def test_each_argument_alone_has_the_rate_of_get_scheduler(warmup, total, name, keywords):
    arguments = {
        "name": name, "num_warmup_steps": warmup, "num_training_steps": total, "scheduler_specific_kwargs": keywords,
    }  # fmt: skip

    plan = dialect.to_plan(arguments, base=LR)

    found = ps.trace(plan, {"lr": LR}, ps.Calendar(total=total))["lr", 0]
    np.testing.assert_allclose(found, rates(arguments, total), rtol=0, atol=1e-12 * LR)


@pytest.mark.parametrize("total", [3, 5])
def test_the_number_of_cycles_in_the_advice_is_accepted(total):
    def arguments(cycles):
        own = {"scheduler_specific_kwargs": {"num_cycles": cycles}}
        return {"name": "cosine_with_restarts", "num_warmup_steps": 2, "num_training_steps": total, **own}

    with pytest.raises(ps.errors.ConfigError) as refusal:
        dialect.to_plan(arguments(9))

    dialect.to_plan(arguments(int(str(refusal.value).rpartition("Write num_cycles: ")[2])))


@pytest.mark.parametrize(
    ("name", "past"),
    [("linear", 0.0), ("cosine_with_restarts", 0.0), ("polynomial", 1e-7), ("constant_with_warmup", LR)],
)
def test_a_plan_keeps_its_last_value_after_the_end_as_in_transformers(name, past):
    arguments = {"name": name, "num_warmup_steps": 3, "num_training_steps": 20}

    schedule = resolve(dialect.to_plan(arguments), ps.Calendar()).bindings[0].schedule

    assert rates(arguments, 31)[20:] == pytest.approx([past] * 11, abs=1e-18)
    assert [schedule(t, base=LR) for t in range(20, 31)] == pytest.approx([past] * 11, abs=1e-18)


def test_a_plan_keeps_its_last_value_although_the_transformers_cosine_rises_again():
    arguments = {"name": "cosine", "num_warmup_steps": 3, "num_training_steps": 20}

    schedule = resolve(dialect.to_plan(arguments), ps.Calendar()).bindings[0].schedule

    assert rates(arguments, 31)[30] > 0.5 * LR
    assert schedule(30, base=LR) == 0


@given(
    share=st.sampled_from([0.03, 0.07, 0.1, 1 / 3, 0.5]),
    epochs=st.sampled_from([1, 1.1, 2.5, 3.0]),
    batches=st.integers(1, 40),
    accumulation=st.integers(1, 4),
)
def test_shares_and_epochs_are_rounded_as_in_the_trainer(share, epochs, batches, accumulation):
    written = {"warmup_steps": share, "num_train_epochs": epochs, "gradient_accumulation_steps": accumulation}

    facts = ps.Calendar(batches_per_epoch=batches)
    plan = dialect.to_plan({"lr_scheduler_type": "linear", **written}, calendar=facts)

    total = math.ceil(epochs * -(-batches // accumulation))  # Trainer.set_initial_training_values
    expected = rates(
        {"name": "linear", "num_warmup_steps": math.ceil(total * share), "num_training_steps": total}, total
    )
    run = ps.Calendar(batches_per_epoch=batches, accumulation=accumulation)
    np.testing.assert_allclose(ps.trace(plan, {"lr": LR}, run)["lr", 0], expected, rtol=0, atol=1e-12 * LR)


def test_every_scheduler_name_of_transformers_is_known():
    from transformers.trainer_utils import SchedulerType

    for name in SchedulerType:
        try:
            dialect.to_plan({"lr_scheduler_type": name, "max_steps": 100})
        except ps.errors.ConfigError as refusal:
            assert "unknown scheduler" not in str(refusal)  # noqa: PT017  # those that miss an argument


def test_no_entry_of_training_arguments_is_reported_as_misspelled():
    from transformers import TrainingArguments

    whole = {field.name: None for field in fields(TrainingArguments)}

    assert dialect.to_plan(whole) == ps.Plan(lr=ps.linear(), horizon="3 epochs")


LOSSES = st.lists(st.sampled_from([0.5, 0.9, 1.0, 1.1]) | st.floats(0.1, 3.0), max_size=40)
OF_BOTH = {
    "mode": st.sampled_from(["min", "max"]),
    "factor": st.sampled_from([0.5, 0.9]),
    "patience": st.integers(0, 2),
    "threshold": st.sampled_from([0.0, 1e-4, 0.1]),
    "threshold_mode": st.sampled_from(["abs", "rel"]),
    "cooldown": st.integers(0, 2),
    "min_lr": st.sampled_from([0.0, 5e-5, 2e-3]),
    "eps": st.sampled_from([0.0, 1e-8, 2e-5]),
}
OF_GREEDY = {
    "warmup": st.integers(0, 2),
    "max_lr": st.sampled_from([1e-4, 1e-3, 1.0]),
    "smooth": st.booleans(),
    "window_size": st.integers(1, 4),
    "reset_start": st.integers(0, 3),
    "verbose": st.just(False),
}


def after_each_loss(arguments, losses, base):
    """Return the rates of transformers and of the plan after each loss."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    keywords = arguments["lr_scheduler_kwargs"]
    peer = optimization.get_scheduler(
        arguments["lr_scheduler_type"], optimizer, scheduler_specific_kwargs={"eps": 0.0} | keywords
    )
    keywords = {"eps": 0.0} | keywords
    (rule,) = (
        dialect.to_plan({**arguments, "lr_scheduler_kwargs": keywords}, base=base).bindings[0].schedule.metric_rules
    )
    state = rule.init()
    for loss in losses:
        peer.step(loss)
        state = rule.observe(state, loss)
        yield optimizer.param_groups[0]["lr"], rule.apply(state, LR, LR)


@given(
    name=st.sampled_from(["greedy", "reduce_lr_on_plateau"]),
    both=st.fixed_dictionaries({}, optional=OF_BOTH),
    own=st.fixed_dictionaries({}, optional=OF_GREEDY),
    losses=LOSSES,
)
@example(name="greedy", both={"patience": 0, "min_lr": 5e-5}, own={"reset_start": 1, "smooth": True}, losses=[1.0] * 40)
@example(name="reduce_lr_on_plateau", both={"patience": 1, "factor": 0.5, "min_lr": 5e-5}, own={}, losses=[1.0] * 20)
def test_a_metric_rule_has_the_rate_of_transformers_after_every_loss(name, both, own, losses):
    keywords = both | (own if name == "greedy" else {})

    for theirs, ours in after_each_loss({"lr_scheduler_type": name, "lr_scheduler_kwargs": keywords}, losses, LR):
        assert ours == pytest.approx(theirs, rel=1e-12)


def test_a_file_gives_the_plan_and_the_bases(tmp_path):
    optimizer = {"learning_rate": 2e-5, "weight_decay": 0.1, "adam_beta2": 0.95, "per_device_train_batch_size": 8}
    entries = {**optimizer, "lr_scheduler_type": "cosine", "max_steps": 500, "warmup_ratio": 0.1, "output_dir": "out"}
    (tmp_path / "arguments.json").write_text(json.dumps(entries))

    found = ps.extend.open_plan(tmp_path / "arguments.json", "transformers").loaded()

    assert found.plan == ps.Plan(lr="warmup(50) >> cosine()", horizon=500)
    assert dict(found.bases.groups[0]) == {"lr": 2e-5, "weight_decay": 0.1, "betas": (0.9, 0.95)}
    with pytest.raises(ps.errors.ConfigError, match=r"looks like a config of transformers"):
        ps.load(tmp_path / "arguments.json")


@given(
    epochs=st.sampled_from([1, 2, 3, 0.5, 1.3, 2.7]),
    accumulation=st.integers(1, 9),
    batches=st.integers(1, 200),
    share=st.sampled_from([0.0, 0.03, 0.1, 0.33]),
)
def test_a_run_by_epochs_that_accumulates_has_the_updates_of_the_trainer(epochs, accumulation, batches, share):
    from transformers import Trainer, TrainingArguments

    arguments = {"num_train_epochs": epochs, "gradient_accumulation_steps": accumulation, "learning_rate": LR}
    told = TrainingArguments(output_dir="unused", use_cpu=True, report_to=[], **arguments)
    trainer = SimpleNamespace(
        get_total_train_batch_size=lambda _: 1, get_sp_size=lambda: 1, num_examples=lambda _: batches, args=told
    )
    values = Trainer.set_initial_training_values(trainer, told, [None] * batches)

    plan = dialect.to_plan(arguments | {"warmup_ratio": share}, calendar=ps.Calendar(batches_per_epoch=batches))

    total = values[-1]
    assert math.ceil(epochs * -(-batches // accumulation)) == total
    assert len(ps.trace(plan, {"lr": LR}, ps.Calendar(batches_per_epoch=batches))) == total
    own = optimization.get_scheduler(
        "linear", torch.optim.SGD([torch.zeros(1)], lr=LR), math.ceil(total * share), num_training_steps=total
    )
    found = ps.trace(plan, {"lr": LR}, ps.Calendar(batches_per_epoch=batches))["lr", 0]
    np.testing.assert_allclose(found, [LR * own.lr_lambdas[0](t) for t in range(total)], rtol=0, atol=1e-12 * LR)


def test_the_accumulation_of_the_caller_takes_precedence_and_is_reported():
    arguments = {"num_train_epochs": 3, "gradient_accumulation_steps": 8, "learning_rate": LR}

    assert dialect.to_plan(arguments, calendar=ps.Calendar(batches_per_epoch=100)).horizon == ps.Duration.of(39)
    with pytest.warns(PlanWarning, match=r"it is 8, but the specified accumulation of 4 takes precedence"):
        plan = dialect.to_plan(arguments, calendar=ps.Calendar(batches_per_epoch=100, accumulation=4))
    assert len(ps.trace(plan, {"lr": LR}, ps.Calendar(batches_per_epoch=100, accumulation=4))) == 75


def test_no_argument_of_a_trainer_is_reported_as_unused(recwarn):
    values = {one.name: 1 for one in fields(transformers.TrainingArguments)}

    dialect.to_plan(values | {"lr_scheduler_type": "cosine", "lr_scheduler_kwargs": None, "metric_for_best_model": "x"})

    assert not [one for one in recwarn if isinstance(one.message, PlanWarning)]


def test_the_defaults_of_transformers_are_noted():
    (note,) = dialect.notes_of({"lr_scheduler_type": "cosine"})

    taken = "num_train_epochs 3, learning_rate 5e-05, warmup_steps 0"
    assert note.found == f"defaults of transformers 5.23 are taken for {taken}"
    values = transformers.TrainingArguments(output_dir="unused", use_cpu=True, report_to=[])
    assert (values.num_train_epochs, values.learning_rate, values.warmup_steps) == (3, 5e-5, 0)
