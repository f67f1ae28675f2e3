"""The dialect of timm against the installed timm, update by update."""

import warnings

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import paramsched as ps
from paramsched import config
from paramsched.config.dialects import timm as dialect
from support import timm_peer

LR, LENGTH = 0.4, 4
FACTS = ps.Calendar(steps_per_epoch=LENGTH)


@pytest.fixture(scope="module")
def timm():
    return timm_peer.timm_schedulers()


@st.composite
def arguments(draw):
    """Arguments of each scheduler that can be said."""
    epochs = draw(st.integers(1, 40))
    given = {"sched": draw(st.sampled_from(["cosine", "poly", "step", "multistep", "constant"])), "num_epochs": epochs}
    optional = {
        "warmup_epochs": st.integers(0, 12),
        "warmup_prefix": st.booleans(),
        "warmup_lr": st.sampled_from([0.0, 1e-6, 1e-2, 0.7]),
        "min_lr": st.sampled_from([0.0, 1e-5, 0.01]),
        "cooldown_epochs": st.integers(0, 5),
        "decay_rate": st.sampled_from([0.1, 0.5, 0.97, 1.0, 2.0]),
        "decay_epochs": st.sampled_from([1, 3, 30, 2.4, 0.7, None]),
        "decay_milestones": st.lists(st.sampled_from([0, 1, 2, 5, 5.5, 9, 20, 39, 60]), max_size=4).map(sorted),
        "cycle_limit": st.integers(1, 3),
        "cycle_decay": st.sampled_from([0.1, 0.5, 1.0]),
        "cycle_mul": st.sampled_from([1.0, 2.0, 4.0, 3.0]),
        "k_decay": st.sampled_from([1.0, 0.5, 2.0]),
        "step_on_epochs": st.booleans(),
    }
    return given | draw(st.fixed_dictionaries({}, optional=optional))


@given(given=arguments())
@example(given={"sched": "cosine", "num_epochs": 20, "warmup_epochs": 5})
@example(given={"sched": "step", "num_epochs": 40, "decay_epochs": 2.4, "decay_rate": 0.97, "warmup_epochs": 3})
@example(given={"sched": "multistep", "num_epochs": 8, "decay_milestones": [1, 5]})
@example(given={"sched": "cosine", "num_epochs": 3, "warmup_epochs": 5})
@example(given={"sched": "multistep", "num_epochs": 1, "warmup_epochs": 1, "warmup_prefix": True})
def test_a_plan_has_timms_rate_at_every_update(timm, given):
    try:
        plan = dialect.to_plan(given, calendar=FACTS)
    except ps.errors.ConfigError as refusal:
        assert "rounds the begin" in str(refusal)  # noqa: PT017  # the one reason that generated arguments can have
        return

    expected, epochs = timm_peer.rates(timm, given, lr=LR, updates_per_epoch=LENGTH)

    assert plan.horizon == ps.Duration.of(f"{epochs} epochs")
    found = ps.trace(plan, {"lr": LR}, FACTS)["lr", 0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * expected.max())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sched": "cosin"}, '$.sched: "cosin": no such scheduler; did you mean "cosine"?'),
        ({"sched": "tanh"}, "$.sched: tanh: its curve only comes near its levels"),
        ({"sched": "plateau"}, "$.sched: plateau: it reacts to a metric whose name timm does not say"),
        ({"noise": [0.4, 0.9]}, "$.noise: no shape of a plan has noise yet"),
        ({"warmup_epoch": 5}, '$.warmup_epoch: no such argument; did you mean "warmup_epochs"?'),
        ({"num_epochs": 0}, "$.num_epochs: 0 is no number from 1 on"),
        ({"warmup_epochs": 2.5}, "$.warmup_epochs: 2.5 is no whole number"),
        ({"decay_milestones": [60, 30]}, "$.decay_milestones: they are not in order"),
        ({"warmup_prefix": "yes"}, '$.warmup_prefix: "yes" is not true or false'),
        ({"step_on_epochs": False}, "$.updates_per_epoch: it is missing where step_on_epochs is false"),
        ({"num_epochs": 5, "cycle_mul": 1.5, "cycle_limit": 2}, "a cycle of 7.5 counts is no whole number"),
        ({"sched": "step", "decay_rate": -1}, "$.decay_rate: -1 is no number from 0 on"),
        ([], "a list, no arguments"),
    ],
)
def test_what_a_plan_cannot_say_is_refused_at_its_place(given, said):
    with pytest.raises(ps.errors.ConfigError) as refusal:
        dialect.to_plan(given)

    assert any(said in problem for problem in refusal.value.problems)


def test_every_fault_is_said_at_once():
    with pytest.raises(ps.errors.ConfigError) as refusal:
        dialect.to_plan({"sched": "tanh", "num_epochs": -1, "noise": 0.5, "epoch": 3})

    assert len(refusal.value.problems) == 4


@pytest.mark.parametrize("name", ["wsd", "rsqrt", "plateau", "none"])
def test_the_native_plan_an_error_advises_is_one(name):
    with pytest.raises(ps.errors.ConfigError) as refusal:
        dialect.to_plan({"sched": name})

    line = "lr: " + str(refusal.value).split("lr: ")[1].removesuffix(" for a plan that holds lr")
    assert ps.loads(line).bindings[0].name == "lr"


def test_a_file_of_arguments_is_read_by_its_format(tmp_path):
    (tmp_path / "run.yaml").write_text("sched: step\nnum_epochs: 90\ndecay_epochs: 30\n")

    plan = ps.load(tmp_path / "run.yaml", format="timm")

    assert plan == ps.Plan(lr='step("30 epochs")', horizon="90 epochs")
    with pytest.raises(ps.errors.ConfigError, match=r'looks like a config of timm. Give format="timm"'):
        ps.load(tmp_path / "run.yaml")


def test_the_plan_is_data(timm):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plan = dialect.to_plan({"sched": "poly", "num_epochs": 9, "warmup_epochs": 3, "min_lr": 1e-3}, calendar=FACTS)

    assert config.loads(config.dump(plan)) == plan
