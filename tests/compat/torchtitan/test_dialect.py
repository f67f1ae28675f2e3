"""The dialect of torchtitan against its formula, update by update."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.compat import torchtitan as dialect
from paramsched.core.base.user_warnings import DiagnosticWarning
from support.tables import table

LR = 8e-4


def titan_factor(
    t, *, steps, warmup_steps=200, total_steps=None, decay_ratio=None, decay_type="linear", min_lr_factor=0.0
):
    """torchtitan 0.3.0, components/optimizer/lr_scheduler.py, written anew: the factor of update t."""
    total = steps if total_steps is None else total_steps
    warm = min(int(warmup_steps), total)
    decay = total - warm if decay_ratio is None else min(round(total * decay_ratio), total - warm)
    if t < warm:
        return (t + 1) / warm
    begin = total + 1 - decay  # a virtual last step keeps the rate from 0
    if t < begin:
        return 1.0
    u = (t + 1 - begin) / decay
    fall = {"linear": 1 - u, "sqrt": 1 - math.sqrt(u), "cosine": 0.5 * (1 + math.cos(math.pi * u))}[decay_type]
    return min_lr_factor + (1 - min_lr_factor) * fall


@st.composite
def jobs(draw):
    steps = draw(st.integers(1, 80))
    table = {
        "warmup_steps": st.integers(0, 100),
        "decay_ratio": st.sampled_from([0.0, 0.1, 0.25, 0.55, 1.0]),
        "decay_type": st.sampled_from(["linear", "sqrt", "cosine"]),
        "min_lr_factor": st.sampled_from([0.0, 0.1, 1.0]),
        "total_steps": st.integers(max(steps - 1, 1), 200),
    }
    return {"training": {"steps": steps}, "lr_scheduler": draw(st.fixed_dictionaries({}, optional=table))}


@given(job=jobs())
@example(job={"training": {"steps": 50}, "lr_scheduler": {"warmup_steps": 10, "decay_ratio": 0.25}})  # 12.5 updates
@example(job={"training": {"steps": 20}, "lr_scheduler": {"warmup_steps": 30}})
@example(job={"training": {"steps": 21}, "lr_scheduler": {"warmup_steps": 20, "total_steps": 20}})
@example(job={"training": {"steps": 20}, "lr_scheduler": {"warmup_steps": 0, "total_steps": 40, "decay_ratio": 0.75}})
def test_a_plan_has_torchtitans_rate_at_every_update(job):
    plan = dialect.to_plan(job)

    steps = job["training"]["steps"]
    expected = [LR * titan_factor(t, steps=steps, **job["lr_scheduler"]) for t in range(steps)]
    np.testing.assert_allclose(ps.trace(plan, {"lr": LR})["lr", 0], expected, rtol=0, atol=1e-12 * LR)


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"lr_scheduler": {"warmup": 3}}, '$.lr_scheduler.warmup: unknown argument; did you mean "warmup_steps"?'),
        (
            {"lr_scheduler": {"decay_type": "cos"}},
            '$.lr_scheduler.decay_type: unknown value "cos"; did you mean',
        ),
        ({"lr_scheduler": {"decay_ratio": 1.5}}, "$.lr_scheduler.decay_ratio: expected a number from 0 to 1, got 1.5"),
        ({"lr_scheduler": {"decay_ratio": 0.2}}, "$.lr_scheduler.decay_ratio: it is a fraction of total_steps"),
        ({"lr_scheduler": {"lr_min": 0.1}}, "$.lr_scheduler.lr_min: it is an entry of an older torchtitan"),
        (
            {"lr_scheduler": {"min_lr_factor": True}},
            "$.lr_scheduler.min_lr_factor: expected a number of at least 0",
        ),
        (
            {"lr_scheduler": {"warmup_steps": -1}},
            "$.lr_scheduler.warmup_steps: expected a number of at least 0",
        ),
        ({"lr_scheduler": 3}, "$.lr_scheduler: expected a table, got a number"),
        (
            {"lr_scheduler": {}, "training": {"steps": 0}},
            "$.training.steps: expected an integer of at least 1",
        ),
        (
            {"lr_scheduler": {"total_steps": 50}, "training": {"steps": 100}},
            "$.lr_scheduler.total_steps: the run has 100 updates, and",
        ),
        ([], "$: expected a job, got a list"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_errors_have_the_location_of_the_entry(job, said):
    with pytest.raises(ps.errors.ConfigError) as refusal:
        dialect.to_plan(job)

    assert any(problem.startswith(said) for problem in refusal.value.problems)


def test_a_file_gives_the_plan_and_the_bases(tmp_path):
    text = (
        "[training]\nsteps = 1000\n\n[optimizer]\nlr = 3e-4\nbeta1 = 0.9\nbeta2 = 0.95\n\n"
        '[lr_scheduler]\nwarmup_steps = 20\ndecay_ratio = 0.2\ndecay_type = "sqrt"\n'
    )
    (tmp_path / "job.toml").write_text(text)

    found = ps.open_plan(tmp_path / "job.toml", "torchtitan").loaded()

    line = 'warmup(20, index="(t+1)/n") >> constant() >> anneal(over=200, curve=curves.one_minus_sqrt)'
    assert found.plan == ps.Plan(lr=line, horizon=1000)
    assert dict(found.bases.groups[0]) == {"lr": 3e-4, "betas": (0.9, 0.95)}
    with pytest.raises(ps.errors.ConfigError, match=r'looks like a config of torchtitan. Give format="torchtitan"'):
        ps.load(tmp_path / "job.toml")


def test_a_job_is_converted_to_a_native_plan():
    text = '[lr_scheduler]\nwarmup_steps = 20\ndecay_type = "cosine"\nmin_lr_factor = 0.1\n\n[training]\nsteps = 1000\n'

    native = ps.convert(text, "torchtitan", "yaml")

    assert native == 'horizon: 1000\nlr: warmup(20, index="(t+1)/n") >> cosine(to=0.1)\n'


def test_the_horizon_of_a_table_is_its_own_or_that_of_the_calendar():
    assert dialect.to_plan({"warmup_steps": 3, "total_steps": 10}).horizon == ps.Duration.of(10)
    assert dialect.to_plan({"warmup_steps": 3}).horizon is None
    cut = dialect.to_plan({"warmup_steps": 0, "decay_ratio": 0.5}, calendar=ps.Calendar(total=9))
    assert str(cut) == "lr: constant() >> linear(over=4)"


@table(
    ("job", "facts", "plan"),
    [
        ({"lr_scheduler": {"warmup_steps": 2}, "training": {}}, None, 'horizon: 10000\nlr: {} >> linear()'),
        ({"lr_scheduler": {"warmup_steps": 2}, "training": {}}, 9, "lr: {} >> linear()"),
        ({"lr_scheduler": {"warmup_steps": 2}, "training": {"steps": 7}}, 9, "horizon: 7\nlr: {} >> linear()"),
        ({"lr_scheduler": {"warmup_steps": 2}, "training": 3}, None, "lr: {} >> linear()"),
        ({"lr_scheduler": {"warmup_steps": 2, "total_steps": 9}}, None, "horizon: 9\nlr: {} >> linear()"),
        ({"lr_scheduler": {"warmup_steps": 2, "total_steps": 9}, "optimizer": {}}, 7, "lr: {} >> linear(over=7)"),
        ({"warmup_steps": 2, "total_steps": 9}, 7, "horizon: 9\nlr: {} >> linear()"),
        ({"warmup_steps": 2, "total_steps": 2}, None, "horizon: 2\nlr: {}"),
        ({"lr_scheduler": {"warmup_steps": 2, "total_steps": 2}, "training": {"steps": 1}}, None,
         "horizon: 1\nlr: {} >> constant()"),
        ({"warmup_steps": 2, "total_steps": 5, "decay_ratio": 0.0}, None, "horizon: 5\nlr: {} >> constant()"),
        ({"warmup_steps": 2, "total_steps": 5, "decay_ratio": 0.2}, None,
         "horizon: 5\nlr: {} >> constant() >> linear(over=1)"),
    ],
)  # fmt: skip
def test_the_run_is_that_of_the_job_or_of_the_calendar(job, facts, plan):
    calendar = None if facts is None else ps.Calendar(total=facts)

    assert str(dialect.to_plan(job, calendar=calendar)) == plan.format('warmup(2, index="(t+1)/n")')


@table(
    ("job", "defaults"),
    [
        ({}, "warmup_steps 200, decay_type linear"),
        ({"lr_scheduler": {}}, "warmup_steps 200, decay_type linear"),
        ({"lr_scheduler": {}, "training": {}}, "warmup_steps 200, decay_type linear, steps 10000"),
        ({"warmup_steps": 3, "decay_type": None}, "decay_type linear"),
        ({"warmup_steps": None, "decay_type": "sqrt"}, "warmup_steps 200"),
        ({"lr_scheduler": {"warmup_steps": 0, "decay_type": "sqrt"}, "training": {"steps": None}}, "steps 10000"),
        ({"lr_scheduler": {"warmup_steps": 0, "decay_type": "sqrt"}, "training": {"steps": 5}}, None),
        ({"lr_scheduler": {"warmup_steps": 0, "decay_type": "sqrt"}, "training": 5}, None),
    ],
)
def test_a_note_names_the_defaults_that_are_taken(job, defaults):
    found = [f"defaults of torchtitan b5bcd76c are taken for {defaults}"] if defaults else []

    assert [one.found for one in dialect.notes_of(job)] == found


@table(
    ("data", "path"),
    [({"dataset": "c4"}, "$"), ({"training": {"seq_len": 5}}, "$"), ({"model": {"decay_ratio": 0.2}}, "$.model")],
)
def test_a_config_without_an_entry_of_torchtitan_is_refused(data, path):
    with pytest.raises(ps.errors.ConfigError) as refusal:
        dialect.to_plan(data)

    assert [(one.path, one.code) for one in refusal.value.diagnostics] == [(path, "PS108")]


def test_settings_beside_the_schedule_are_reported_once():
    job = {
        "lr_scheduler": {"warmup_steps": 2},
        "training": {"steps": 9, "warmup": 3},
        "optimizer": {"lr": 1, "decay": 2},
    }

    with pytest.warns(DiagnosticWarning, match="torchtitan has no warmup, decay") as warned:
        dialect.to_plan(job)

    assert len(warned) == 1


@table(
    ("data", "recognized"),
    [
        ({"lr_scheduler": {"warmup_steps": 2}}, True),
        ({"lr_scheduler": {"step_size": 2}}, False),
        ({"lr_scheduler": "StepLR"}, False),
        ({"decay_ratio": 0.1}, True),
        ({"min_lr_factor": 0.1}, True),
        (["decay_ratio"], False),
        (None, False),
        ({"warmup_steps": 2}, False),  # also a name of transformers
    ],
)
def test_a_job_is_recognized_by_its_names(data, recognized):
    assert dialect.recognizes(data) is recognized


@table(
    ("optimizer", "bases"),
    [
        ({"lr": 0.1, "weight_decay": 0.2, "beta1": 0.9}, [{"lr": 0.1, "weight_decay": 0.2}]),
        ({"lr": "0.1", "beta1": 0.9, "beta2": 0.99}, [{"betas": (0.9, 0.99)}]),
    ],
)
def test_bases_are_the_numbers_of_the_optimizer(optimizer, bases):
    assert [dict(one) for one in dialect.bases_of({"optimizer": optimizer}).groups] == bases


def test_a_job_is_read_from_toml_or_yaml_and_not_from_python():
    for text in ("training:\n  steps: 5\n", "[training]\nsteps = 5\n"):
        assert dialect.read(text, "job") == {"training": {"steps": 5}}
    with pytest.raises(ps.errors.ConfigError, match="Python configs of torchtitan are not read"):
        dialect.read("training = {}", "job.py")
