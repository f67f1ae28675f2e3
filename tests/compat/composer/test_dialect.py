"""The dialect of Composer against its formulas, update by update."""

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.compat import composer as dialect
from support.composer_formulas import FORMULAS, NotAllowed, multipliers
from support.tables import table

LENGTH, BATCH, SEQUENCE = 7, 3, 5
FACTS = ps.Calendar(steps_per_epoch=LENGTH, batch_size=BATCH, sequence_length=SEQUENCE)
RUN = {"epoch_length": LENGTH, "batch_size": BATCH, "sequence_length": SEQUENCE}
PER_BATCH = {"ba": 1, "sp": BATCH, "tok": BATCH * SEQUENCE}


def times(unit, least=0, most=60):
    """Return times of a run in this unit: amounts, not always integer updates, and fractions of the run."""
    if unit == "ep":
        own = st.integers(least, 8).map("{}ep".format) | st.integers(least, most).map("{}ba".format)
    else:
        own = st.integers(least * PER_BATCH[unit], most * PER_BATCH[unit]).map(lambda n: f"{n}{unit}")
    return own | st.sampled_from(["0.1dur", "0.25dur", "0.37dur", "0.06dur", "1dur"])


def ends(unit):
    return st.sampled_from(["1dur", "1.25dur", "0.5dur"]) | times(unit, least=1, most=90)


FLOORS = st.sampled_from([0.0, 0.1, 0.5, 2.0])
GAMMAS = st.sampled_from([0.1, 0.5, 0.97, 1.5])
POWERS = st.sampled_from([0.5, 1.0, 2.0])


def arguments_of(name, unit):
    """Required and optional arguments of a scheduler."""
    warm = {"t_warmup": times(unit)} if "Warmup" in name else {}
    scale = {"scale_warmup": st.booleans()} if warm else {}
    end, floor = {"t_max": ends(unit)}, {"alpha_f": FLOORS}
    required, optional = {
        "StepScheduler": ({"step_size": times(unit, 1)}, {"gamma": GAMMAS}),
        "MultiStepScheduler": ({"milestones": st.lists(times(unit), max_size=4)}, {"gamma": GAMMAS}),
        "ConstantScheduler": ({}, {"alpha": FLOORS, **end}),
        "LinearScheduler": ({}, {"alpha_i": FLOORS, **floor, **end}),
        "ExponentialScheduler": ({"gamma": GAMMAS}, {"decay_period": times(unit, 1)}),
        "CosineAnnealingScheduler": ({}, floor | end),
        "CosineAnnealingWarmRestartsScheduler": (
            {"t_0": times(unit, 1)}, {"t_mult": st.sampled_from([1.0, 1.1, 1.5, 2.0]), **floor}
        ),
        "PolynomialScheduler": ({"power": POWERS}, floor | end),
        "MultiStepWithWarmupScheduler": ({"milestones": st.lists(times(unit), max_size=4)}, {"gamma": GAMMAS}),
        "ConstantWithWarmupScheduler": ({}, {"alpha": FLOORS, **end}),
        "LinearWithWarmupScheduler": ({}, {"alpha_i": FLOORS, **floor, **end}),
        "CosineAnnealingWithWarmupScheduler": ({}, floor | end),
        "PolynomialWithWarmupScheduler": ({}, {"power": POWERS, **floor, **end}),
    }[name]  # fmt: skip
    return st.fixed_dictionaries({**warm, **required}, optional=optional | scale)


PLAIN = sorted(set(FORMULAS) - {"InverseSquareRootWithWarmupScheduler"})


@st.composite
def runs(draw, unit=None):
    """A config with one or two schedulers, and a run in one unit."""
    unit = unit or draw(st.sampled_from(["ba", "ep", "sp", "tok"]))
    longest = draw(st.integers(1, 6)) if unit == "ep" else draw(st.integers(1, 45)) * PER_BATCH[unit]
    names = draw(st.lists(st.sampled_from(PLAIN), min_size=1, max_size=2))
    schedulers = [{"name": name, **draw(arguments_of(name, unit))} for name in names]
    data = {"schedulers": schedulers, "max_duration": f"{longest}{unit}"}
    optional = {
        "scale_schedule_ratio": st.sampled_from([0.5, 0.3, 1.0, 2.0, 1.7]),
    }
    return data | draw(st.fixed_dictionaries({}, optional=optional))


def expected_of(data):
    """Return the multipliers of a config; None if Composer raises."""
    listed = [(one["name"], {k: v for k, v in one.items() if k != "name"}) for one in data["schedulers"]]
    try:
        return multipliers(
            listed,
            data["max_duration"],
            data.get("scale_schedule_ratio", 1.0),
            **RUN,
        )
    except (NotAllowed, ZeroDivisionError):
        return None


@given(data=runs())
def test_a_plan_has_composers_multiplier_at_every_update(data):
    expected = expected_of(data)
    assume(expected != [])  # scaled to a run without updates
    if expected is None:
        with pytest.raises(ps.errors.ConfigError):
            dialect.to_plan(data, calendar=FACTS)
        return

    plan = dialect.to_plan(data, calendar=FACTS)

    found = ps.trace(plan, {"lr": 1.0}, FACTS)["lr", 0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * max(1.0, max(expected)))


WARM = {"t_warmup": "10ba"}
# The required arguments of a class, and changes of them.
CHANGES = {
    "StepScheduler": ({"step_size": "9ba"}, [{"gamma": 0.5}, {"step_size": "0.25dur"}, {"step_size": "2ep"}]),
    "MultiStepScheduler": ({"milestones": ["9ba", "0.5dur", "4ep"]}, [{"gamma": 0.5}, {"milestones": []}]),
    "ConstantScheduler": ({}, [{"alpha": 0.5}, {"alpha": 0.5, "t_max": "12ba"}, {"alpha": 0.5, "t_max": "2dur"}]),
    "LinearScheduler": (
        {},
        [{"alpha_i": 0.2}, {"alpha_f": 0.1}, {"t_max": "12ba", "alpha_f": 0.1}, {"t_max": "0.5dur"}],
    ),
    "ExponentialScheduler": ({"gamma": 0.5}, [{"decay_period": "3ba"}, {"decay_period": "0.25dur"}]),
    "CosineAnnealingScheduler": ({}, [{"alpha_f": 0.1}, {"t_max": "12ba"}, {"t_max": "3ep", "alpha_f": 2.0}]),
    "CosineAnnealingWarmRestartsScheduler": ({"t_0": "9ba"}, [{"t_mult": 1.5}, {"alpha_f": 0.1}, {"t_0": "1ep"}]),
    "PolynomialScheduler": ({"power": 2.0}, [{"power": 0.5}, {"alpha_f": 0.1}, {"t_max": "12ba"}]),
    "MultiStepWithWarmupScheduler": (WARM | {"milestones": ["15ba", "4ep"]}, [{"gamma": 0.5}, {"t_warmup": "0ba"}]),
    "ConstantWithWarmupScheduler": (WARM, [{"alpha": 0.5}]),
    "LinearWithWarmupScheduler": (WARM, [{"alpha_i": 0.5, "alpha_f": 0.1}]),
    "CosineAnnealingWithWarmupScheduler": (WARM, [{"alpha_f": 0.1}]),
    "PolynomialWithWarmupScheduler": (WARM, [{"power": 3.0, "alpha_f": 0.1}]),
}
OF_WARMUP = [
    {"t_warmup": "0.25dur"},
    {"t_warmup": "0ba"},
    {"t_warmup": "1ep"},
    {"t_max": "30ba"},
    {"scale_warmup": True},
]
EACH = [
    (name, required | change)
    for name, (required, own) in CHANGES.items()
    for change in ({}, *own, *(OF_WARMUP if required == WARM else []))
]
RUNS = [
    {"max_duration": "42ba"},
    {"max_duration": "6ep"},
    {"max_duration": "42ba", "scale_schedule_ratio": 0.5},
]


@table(("name", "arguments"), EACH)
@pytest.mark.parametrize("run", RUNS, ids=str)
def test_each_argument_alone_has_composers_multiplier(run, name, arguments):
    data = {"schedulers": [{"name": name, **arguments}], **run}
    expected = expected_of(data)
    try:
        plan = dialect.to_plan(data, calendar=FACTS)
    except ps.errors.ConfigError as refusal:
        assert expected is None, refusal  # noqa: PT017  # the only reason
        return

    assert expected is not None
    found = ps.trace(plan, {"lr": 1.0}, FACTS)["lr", 0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * max(1.0, max(expected)))


@table(
    ("value", "found"),
    [
        (False, "a plan changes lr at each update"),
        (1, "expected true or false, got 1"),
    ],
)
def test_schedulers_are_stepped_at_every_batch(value, found):
    data = {"StepScheduler": {"step_size": "9ba"}, "step_schedulers_every_batch": value}

    with pytest.raises(ps.errors.ConfigError, match=found) as refusal:
        dialect.to_plan(data)

    assert refusal.value.diagnostics[0].path == "$.step_schedulers_every_batch"
    assert dialect.to_plan({**data, "step_schedulers_every_batch": None}) == dialect.to_plan(
        data | {"step_schedulers_every_batch": True}
    )


@st.composite
def falling_roots(draw):
    """llm-foundry's scheduler, whose times have the unit of the run."""
    unit = draw(st.sampled_from(["ba", "ep", "sp", "tok"]))
    size = 1 if unit == "ep" else PER_BATCH[unit]
    warm, scale, cool, longest = (draw(st.integers(least, 12)) * size for least in (0, 1, 0, 1))
    decay = draw(st.sampled_from([0.0, 0.1, 0.3]))
    arguments = {"t_warmup": f"{warm}{unit}", "t_scale": f"{scale}{unit}", "t_cooldown": f"{cool}{unit}"}
    arguments |= {"alpha_f_decay": decay, "alpha_f_cooldown": decay / draw(st.sampled_from([1, 2]))}
    if draw(st.booleans()):
        arguments["t_max"] = f"{draw(st.integers(max(warm + cool, 1), 40 * size))}{unit}"
    name = draw(st.sampled_from(["inv_sqrt_with_warmup", "InverseSquareRootWithWarmupScheduler"]))
    ratio = draw(st.sampled_from([1.0, 1.0, 2.0, 1.3]))
    run = {"max_duration": f"{longest}{unit}", "scale_schedule_ratio": ratio}
    return {"scheduler": {"name": name, **arguments}, **run}


@given(data=falling_roots())
@example(data={"max_duration": "20ba", "scheduler": {"name": "inv_sqrt_with_warmup", "t_warmup": "5ba",
               "t_scale": "3ba", "t_cooldown": "18ba", "alpha_f_decay": 0.1}})  # fmt: skip
def test_a_plan_has_llm_foundrys_inverse_root_at_every_update(data):
    arguments = {name: value for name, value in data["scheduler"].items() if name != "name"}
    ratio = data.get("scale_schedule_ratio", 1.0)
    expected = multipliers([("InverseSquareRootWithWarmupScheduler", arguments)], data["max_duration"], ratio, **RUN)

    plan = dialect.to_plan(data, calendar=FACTS)

    np.testing.assert_allclose(ps.trace(plan, {"lr": 1.0}, FACTS)["lr", 0], expected, rtol=0, atol=1e-12)


@table(
    ("scheduler", "ratio", "batches", "values"),
    [
        ({"StepScheduler": {"step_size": "0.002dur", "gamma": 0.8}}, 1.0, [1000, 3000, 7000], [1.0, 0.8, 0.512]),
        ({"StepScheduler": {"step_size": "10ba", "gamma": 0.5}}, 0.5, [3, 8, 18], [1.0, 0.5, 0.125]),
        ({"MultiStepScheduler": {"milestones": ["100ba", "1ep", "0.01dur"], "gamma": 0.5}}, 4.0,
         [200, 2000, 20000, 200000], [1.0, 0.5, 0.25, 0.125]),
        ({"LinearScheduler": {"alpha_i": 0.0, "alpha_f": 1.0, "t_max": "0.25dur"}}, 2.0,
         [100000, 200000, 400000], [0.2, 0.4, 0.8]),
        ({"ExponentialScheduler": {"gamma": 0.5}}, 2.0, [2000, 4000, 8000], [0.5, 0.25, 0.0625]),
        ({"CosineAnnealingScheduler": {"t_max": "30ba", "alpha_f": 0.5}}, 0.2,
         [0, 2, 3, 4, 6, 10], [1.0, 0.875, 0.75, 0.625, 0.5, 0.5]),
        ({"CosineAnnealingWarmRestartsScheduler": {"t_0": "0.003dur", "t_mult": 1.5}}, 1.0,
         [0, 1000, 3000, 4500, 7500, 14250], [1.0, 0.75, 1.0, 0.75, 1.0, 1.0]),
        ({"PolynomialScheduler": {"power": 2.0, "t_max": "100ba", "alpha_f": 0.5}}, 0.5,
         [0, 10, 20, 50], [1.0, 0.82, 0.68, 0.5]),
        ({"MultiStepWithWarmupScheduler": {"t_warmup": "10ba", "milestones": ["2ep", "4ep"], "gamma": 0.5,
                                           "scale_warmup": True}}, 0.5, [0, 5, 15, 1500, 2500], [0, 1, 1, 0.5, 0.25]),
        ({"ConstantWithWarmupScheduler": {"t_warmup": "500ep", "alpha": 3.0}}, 1.0,
         [0, 250000, 500000, 502000], [0.0, 1.5, 3.0, 3.0]),
        ({"LinearWithWarmupScheduler": {"t_warmup": "500ba", "scale_warmup": True}}, 0.5,
         [0, 125, 250], [0.0, 0.5, 1.0]),
        ({"CosineAnnealingWithWarmupScheduler": {"t_warmup": "0.9dur"}}, 1.0,
         [0, 450000, 900000, 950000], [0.0, 0.5, 1.0, 0.5]),
        ({"PolynomialWithWarmupScheduler": {"t_warmup": "0.9dur", "alpha_f": 0.5}}, 0.01,
         [0, 4500, 9000], [0.0, 0.5, 1.0]),
    ],
)  # fmt: skip
def test_the_values_of_composers_own_tests_are_reproduced(scheduler, ratio, batches, values):
    data = {**scheduler, "max_duration": "1000ep", "scale_schedule_ratio": ratio}
    facts = ps.Calendar(steps_per_epoch=1000)

    schedule = ps.resolve(dialect.to_plan(data, calendar=facts), facts).bindings[0].schedule

    assert [schedule(batch) for batch in batches] == pytest.approx(values, abs=1e-3)  # as precise as in Composer


# ---- forms and errors

FOUNDRY = """
model: {name: mpt_causal_lm, d_model: 768}
scheduler:
  name: cosine_with_warmup
  t_warmup: 100ba
  alpha_f: 0.1
optimizer:
  name: decoupled_adamw
  lr: 6.0e-4
  betas: [0.9, 0.95]
  weight_decay: 0.0
max_duration: 4800ba
"""


def test_an_llm_foundry_file_is_read_with_its_optimizer(tmp_path):
    (tmp_path / "mpt-125m.yaml").write_text(FOUNDRY)

    plan = ps.load(tmp_path / "mpt-125m.yaml", format="composer")

    assert plan == ps.Plan(lr="warmup(100) >> cosine(to=0.1)", horizon=4800)
    groups = dialect.bases_of({"optimizer": {"decoupled_adamw": {"lr": 6e-4, "betas": [0.9, 0.95]}}}, None).groups
    assert groups == ({"lr": 6e-4, "betas": (0.9, 0.95)},)
    with pytest.raises(ps.errors.ConfigError, match=r'looks like a config of composer. Give format="composer"'):
        ps.load(tmp_path / "mpt-125m.yaml")


@pytest.mark.parametrize(
    "data",
    [
        {"scheduler": {"name": "linear_decay_with_warmup", "t_warmup": "50ba"}},
        {"scheduler": {"linear_decay_with_warmup": {"t_warmup": "50ba"}}},
        {"schedulers": [{"LinearWithWarmup": {"t_warmup": "50ba"}}, "ConstantScheduler"]},
        {"LinearWithWarmupScheduler": {"t_warmup": "50ba", "t_max": "1DUR"}},
        {"name": "linear_decay_with_warmup", "t_warmup": "50ba"},
    ],
)
def test_a_scheduler_may_be_written_in_several_forms(data):
    plan = dialect.to_plan({**data, "max_duration": 8})

    factor = " * constant()" if "schedulers" in data else ""
    line = "(warmup(50) >> linear()) * constant()" if factor else "warmup(50) >> linear()"
    assert plan == ps.Plan(lr=line, horizon="8 epochs")
    assert dialect.recognizes(data)


@table(
    ("data", "said"),
    [
        ({}, "$: the config has no scheduler"),
        ([], "$: expected a config, got a list"),
        ({"scheduler": "cosine_with_warmpu"}, '$.scheduler: unknown scheduler "cosine_with_warmpu"; did'),
        ({"StepScheduler": {"step_size": "10its"}}, '$.StepScheduler.step_size: expected a time in'),
        ({"StepScheduler": {"step_size": 10}}, "expected a time, got 10. Write step_size: 10ba"),
        ({"StepScheduler": {"step_size": 5e12}}, "got 5000000000000.0. Write step_size: 5000000000000tok"),
        ({"StepScheduler": {"step_size": "1h30m"}}, "Composer's schedulers do not accept wall-clock times"),
        ({"StepScheduler": {"step_size": "90sec"}}, "Composer's schedulers do not accept wall-clock times"),
        ({"StepScheduler": {"step_size": "5iter"}}, '"5iter": a plan has no unit for iterations'),
        ({"StepScheduler": {"step_size": "1.5ep"}}, 'number of ep, got "1.5ep". For example: step_size: 2ep'),
        ({"StepScheduler": {"step_size": "0ba"}}, "$.StepScheduler.step_size: step_size must be greater than 0"),
        ({"StepScheduler": {}}, "$.StepScheduler: step_size is missing"),
        ({"StepScheduler": {"step_size": "1ba", "gama": 1}}, '$.StepScheduler.gama: unknown argument'),
        ({"StepScheduler": {"step_size": "1ba", "gamma": 0}}, "gamma: expected a number greater than 0"),
        ({"StepScheduler": {"step_size": "0.1dur"}}, "0.1dur is a fraction of the run, whose length is unknown"),
        ({"StepScheduler": {"step_size": "0.1dur"}, "max_duration": "5ep"}, "batches per epoch is unknown"),
        ({"StepScheduler": {"step_size": "1ep"}, "scale_schedule_ratio": 0.3}, "1ep times 0.3 is rounded to batches"),
        ({"CosineAnnealingWarmRestartsScheduler": {"t_0": "9ba", "t_mult": 0.5}}, "t_mult: the cycles would shrink"),
        ({"ConstantWithWarmup": {"t_warmup": "9ba"}, "max_duration": "99tok"}, "it counts ba, and t_max counts tok"),
        ({"CosineAnnealingWithWarmup": {"t_warmup": "9ba", "t_max": "50ba"}, "max_duration": "99ba"},
         "t_max: 50ba is shorter than the run, 99ba"),
        ({"schedulers": [{"StepScheduler": {"step_size": "9tok"}}, {"StepScheduler": {"step_size": "9sp"}}]},
         "the times are in sp and in tok, but a plan has one clock"),
        ({"LinearScheduler": {}, "max_duration": "1dur"}, "max_duration: 1.0dur is not a valid length"),
        ({"LinearScheduler": {}, "max_duration": "2ba", "scale_schedule_ratio": 0.1}, "2ba is not a valid length"),
        ({"scheduler": {"name": "inv_sqrt_with_warmup", "t_warmup": "9ba", "t_scale": "9ba", "t_cooldown": "0.1dur"},
          "max_duration": "99ba"}, "t_cooldown: 0.1dur: llm-foundry requires the unit of max_duration"),
    ],
)  # fmt: skip
def test_arguments_a_plan_cannot_express_are_rejected_with_their_location(data, said):
    with pytest.raises(ps.errors.ConfigError) as refusal:
        dialect.to_plan(data)

    assert any(said in problem for problem in refusal.value.problems), refusal.value.problems


def test_every_error_is_reported_at_once():
    data = {"scheduler": {"name": "cosine_with_warmup", "t_warmup": "x", "alpha_f": "y", "z": 1}, "max_duration": "w"}
    with pytest.raises(ps.errors.ConfigError) as refusal:
        dialect.to_plan(data)

    assert len(refusal.value.problems) == 4


def with_variables(data):
    """Return the same run with every value replaced by a variable."""
    names = {f"v{index}": value for index, value in enumerate(data.values())}
    references = {key: f"${{variables.v{index}}}" for index, key in enumerate(data)}
    return {"variables": names, **references}


@given(data=runs())
def test_a_platform_run_and_a_run_with_variables_give_the_same_plan(data):
    try:
        plan = dialect.to_plan(data, calendar=FACTS)
    except ps.errors.ConfigError:
        assume(False)

    assert dialect.to_plan({"name": "x", "parameters": data}, calendar=FACTS) == plan
    assert dialect.to_plan(with_variables(data), calendar=FACTS) == plan
    assert dialect.to_plan({"parameters": with_variables(data)}, calendar=FACTS) == plan


def test_a_part_of_a_time_may_be_a_variable():
    data = {
        "variables": {"batches": 100, "warm": {"share": 0.05}, "lr": 0.1},
        "max_duration": "${variables.batches}ba",
        "scheduler": {"name": "cosine_with_warmup", "t_warmup": "${variables.warm.share}dur"},
        "optimizer": {"name": "adam", "lr": "${variables.lr}"},
    }

    assert str(dialect.to_plan(data)) == "horizon: 100\nlr: warmup(5) >> cosine()"
    assert dialect.bases_of(data, None).groups == ({"lr": 0.1},)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            {"max_duration": "${oc.env:DURATION}", "scheduler": {"name": "ConstantScheduler"}},
            '$.max_duration: expected a time in ep, ba, sp, tok or dur, got "${oc.env:DURATION}"',
        ),
        (
            {"parameters": {"max_duration": "1ep", "scheduler": {"t_warmup": "8ep"}}},
            "$.parameters.scheduler: the name of the scheduler is missing. Use name: cosine_with_warmup",
        ),
        (
            {"max_duration": "9ba", "scheduler": {"name": "ConstantScheduler"}, "scale_schedule_ratio": 1e308},
            "$.scale_schedule_ratio: expected a number greater than 0 and at most 1e+18, got 1e+308",
        ),
    ],
)
def test_errors_have_the_location_of_the_entry(data, said):
    with pytest.raises(ps.errors.ConfigError) as refusal:
        dialect.to_plan(data)

    assert said in str(refusal.value)


@pytest.mark.parametrize("target", ["composer.optim.StepScheduler", "composer.optim.scheduler.StepScheduler"])
@pytest.mark.parametrize("place", ["scheduler", "schedulers", None])
def test_a_target_of_hydra_names_the_class(target, place):
    entry = {"_target_": target, "_convert_": "all", "step_size": "2ep"}
    config = entry if place is None else {place: [entry] if place == "schedulers" else entry}

    assert dialect.recognizes({**config, "max_duration": "10ep"})
    plan = dialect.to_plan({**config, "max_duration": "10ep"})
    assert plan == dialect.to_plan({"StepScheduler": {"step_size": "2ep"}, "max_duration": "10ep"})
