"""The clock of a plan: in its text and files, in resolved lengths, and in a trace."""

import ast
import pickle

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.plan.resolve import amounts_of_run
from paramsched.core.plan.run_amounts import PLANNED_SIZES
from paramsched.core.time import Duration
from paramsched.core.time.calendar import CLOCKS
from paramsched.errors import ConfigError, InvalidArgument, MissingFact, PlanError, Unresolved
from support.tables import table

GPT = 'warmup("375M tokens") >> cosine(to=0.1, over="100B tokens") >> constant(0.1)'


def test_without_a_clock_text_and_fingerprint_equal_those_of_the_clock_of_updates():
    plain, explicit = ps.Plan(lr="cosine()", horizon=10), ps.Plan(lr="cosine()", horizon=10, clock="updates")
    assert plain == explicit
    assert plain.fingerprint == explicit.fingerprint
    assert plain.text == '{"horizon":10,"bindings":[["lr",null,"cosine()"]]}'
    assert "clock" not in str(explicit)
    assert "clock" not in ps.dump(explicit)
    assert plain.clock == "updates"


def test_the_clock_is_part_of_text_equality_fingerprint_and_diff():
    updates, tokens = ps.Plan(lr="cosine()"), ps.Plan(lr="cosine()", clock="tokens")
    assert updates != tokens
    assert updates.fingerprint != tokens.fingerprint
    assert ps.Plan.of_text(tokens.text) == tokens
    assert pickle.loads(pickle.dumps(tokens)) == tokens
    assert str(tokens) == "clock: tokens\nlr: cosine()"
    assert str(ps.diff(updates, tokens)) == "clock: updates -> tokens"


@table(("word", "clock"), [("images", "samples"), ("examples", "samples"), *zip(CLOCKS, CLOCKS, strict=True)])
def test_a_clock_has_one_canonical_name(word, clock):
    assert ps.Plan(lr="cosine()", clock=word).clock == clock


@table(
    ("clock", "found"),
    [
        ("token", 'did you mean "tokens"'),
        ("epochs", 'For example: clock="tokens"'),
        (3, "expected the name of a clock, got int"),
        ({"lt": "tokens"}, "expected lr"),
    ],
)
def test_an_invalid_clock_is_rejected(clock, found):
    with pytest.raises(InvalidArgument, match=found):
        ps.Plan(lr="cosine()", clock=clock)


@table("clock", [one for one in CLOCKS if one not in ("updates", "progress", "batches")])
def test_the_example_of_a_missing_amount_is_one_that_the_run_accepts(clock):
    plan = ps.Plan(lr="linear()", clock=clock, horizon=100)
    with pytest.raises(MissingFact) as refusal:
        ps.trace(plan, {"lr": 0.1})

    facts = ps.Calendar(**{refusal.value.fact: ast.literal_eval(refusal.value.example)})
    assert len(ps.trace(plan, {"lr": 0.1}, facts)) == 100


@table("name", sorted(PLANNED_SIZES))
def test_a_field_of_the_optimizer_with_the_name_of_a_size_plans_none(name):
    group, facts = {"lr": 0.1, name: 4.0}, ps.Calendar(batch_size=4, sequence_length=8)
    alone = ps.trace(ps.Plan(lr="linear()", clock="tokens", horizon="3000 tokens"), group, facts)

    shown = ps.trace(
        ps.Plan(
            ps.Binding(name, 'stairs(1, 4, 2, over="40 tokens")'), lr="linear()", clock="tokens", horizon="3000 tokens"
        ),
        group,
        facts,
    )

    assert shown.amounts.tolist() == alone.amounts.tolist()
    assert shown["lr"].tolist() == alone["lr"].tolist()


def test_a_run_counts_only_one_amount():
    with pytest.raises(PlanError, match="samples and tokens: a run can count only one amount"):
        ps.Plan(lr="cosine()", weight_decay="constant(0.1)", clock={"lr": "tokens", "weight_decay": "samples"})


def test_single_fields_can_have_their_own_clock():
    plan = ps.Plan(lr="cosine()", weight_decay="constant(0.1)", clock={"lr": "tokens", "weight_decay": "updates"})
    assert plan.clock == {"lr": "tokens"}
    assert str(plan).startswith("clock: {lr: tokens}\n")
    assert ps.Plan.of_text(plan.text) == plan
    assert ps.loads(ps.dump(plan)) == plan
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert ps.Plan(lr="cosine()", clock={"lr": "updates"}) == ps.Plan(lr="cosine()")


def test_a_file_can_specify_the_clock():
    text = f"clock: tokens\nhorizon: 300B tokens\nlr: {GPT}\n"
    plan = ps.loads(text)
    assert plan == ps.Plan(lr=GPT, horizon="300B tokens", clock="tokens")
    assert ps.loads(ps.dump(plan)) == plan


@table(
    ("line", "fault"),
    [
        ("clock: token", r'1:8: \$.clock: unknown clock "token"; did you mean "tokens"?'),
        ("clock: 3", r"1:8: \$.clock: expected the name of a clock, got 3"),
        ("clock: {lr: eons}", r'1:13: \$.clock.lr: unknown clock "eons"'),
        ("clock: {lt: tokens}", r"\$.clock: .*unknown field or target"),
    ],
)
def test_an_error_in_the_clock_has_its_location(line, fault):
    with pytest.raises(ConfigError, match=fault):
        ps.loads(f"{line}\nlr: cosine()\n")


def test_a_resolved_length_has_a_unit():
    plan = ps.Plan(lr=GPT, horizon="300B tokens", clock="tokens").resolve(ps.Calendar())
    assert str(plan.bindings[0].schedule) == (
        'warmup("375M tokens") >> cosine(to=0.1, over="100B tokens") >> constant(0.1)'
    )
    assert plan.is_resolved
    assert plan.resolve(ps.Calendar()) == plan
    assert ps.Plan.of_text(plan.text) == plan
    with pytest.raises(Unresolved):
        plan.bindings[0].schedule(0)


def test_a_bare_number_means_updates_on_every_clock():
    bare, explicit = (
        ps.Plan(lr=f"warmup({over}) >> cosine()", horizon="1M tokens", clock="tokens")
        for over in ("2000", '"2000 steps"')
    )
    assert bare == explicit
    assert not bare.is_resolved
    resolved = bare.resolve(ps.Calendar(tokens_per_step=4))
    assert str(resolved.bindings[0].schedule) == 'warmup("8000 tokens") >> cosine(over="992000 tokens")'


def test_lengths_of_a_clock_are_not_rounded_to_updates():
    plan = ps.Plan(lr='warmup("1M samples") >> constant()', clock="samples", horizon="2M samples")
    found = ps.trace(plan, {"lr": 1.0}, ps.Calendar(batch_size=1024))["lr"]
    assert found[:977].tolist() == [t * 1024 / 1e6 for t in range(977)]
    assert (found[977:] == 1.0).all()


@table(
    ("clock", "facts", "rate"),
    [
        ("samples", {"batch_size": 8, "accumulation": 4}, 32),
        ("samples", {"batch_size": 8}, 8),
        ("tokens", {"batch_size": 8, "sequence_length": 10}, 80),
        ("tokens", {"batch_size": 8, "accumulation": 2, "sequence_length": 10, "tokens_per_step": 7}, 160),
        ("tokens", {"batch_size": 8, "tokens_per_step": 7}, 7),
        ("frames", {"frames_per_step": 512}, 512),
        ("batches", {"accumulation": 4}, 4),
        ("batches", {}, 1),
        ("seconds", {"seconds_per_step": 0.25}, 0.25),
    ],
)
def test_the_calendar_provides_a_constant_consumption_per_update(clock, facts, rate):
    plan = ps.Plan(lr="linear(1, 0)", clock=clock, horizon="10 steps")
    found = ps.trace(plan, {"lr": 1.0}, ps.Calendar(**facts))
    assert found.amounts.tolist() == [t * rate for t in range(10)]
    assert found.clock == clock
    whole = 10 * rate
    assert found.breakpoints("lr", 0) == (0, whole)
    np.testing.assert_allclose(found["lr"], [1 - t * rate / whole for t in range(10)], atol=1e-15)


def test_a_fractional_consumption_keeps_the_updates_of_the_horizon():
    plan = ps.Plan(lr="linear(1, 0)", clock="tokens", horizon="10 steps")
    found = ps.trace(plan, {"lr": 1.0}, ps.Calendar(tokens_per_step=1.5))
    assert found.amounts.tolist() == [0, 2, 3, 5, 6, 8, 9, 11, 12, 14]


@table("horizon", ["1000 tokens", "1001 tokens", "1023 tokens", "1024 tokens", "1025 tokens"])
def test_the_horizon_ends_with_the_first_update_that_starts_at_or_after_it(horizon):
    plan = ps.Plan(lr="linear(1, 0)", clock="tokens", horizon=horizon)
    found = ps.trace(plan, {"lr": 1.0}, ps.Calendar(tokens_per_step=128))
    end = int(horizon.split()[0])
    assert found.amounts[-1] < end <= found.amounts[-1] + 128


def test_a_length_without_a_conversion_is_rejected_with_a_fix():
    plan = ps.Plan(lr="warmup(100) >> cosine()", clock="tokens", horizon="1M tokens")
    with pytest.raises(MissingFact) as refused:
        plan.resolve(ps.Calendar())
    assert str(refused.value) == (
        'length "100 steps": the plan\'s clock counts tokens, but the number of tokens of an update is unknown. '
        "Give the length in tokens, or plan batch_size, or pass the constant to Calendar(…)"
    )


def test_a_trace_requires_the_consumption_per_update():
    plan = ps.Plan(lr="cosine()", clock="tokens", horizon="1M tokens")
    assert plan.resolve(ps.Calendar()).is_resolved
    with pytest.raises(MissingFact, match="the number of tokens of an update is unknown"):
        ps.trace(plan, {"lr": 1.0})


def test_percentages_refer_to_the_horizon_on_the_clock_of_the_field():
    plan = ps.Plan(
        lr='warmup("10%") >> cosine()', weight_decay='warmup("10%") >> cosine()',
        clock={"weight_decay": "tokens"}, horizon="1000 tokens",
    )  # fmt: skip
    resolved = plan.resolve(ps.Calendar(tokens_per_step=30))
    assert [str(binding.schedule) for binding in resolved.bindings] == [
        "warmup(4) >> cosine(over=30)",
        'warmup("100 tokens") >> cosine(over="900 tokens")',
    ]
    assert resolved.resolve(ps.Calendar(tokens_per_step=30)) == resolved
    found = ps.trace(plan, {"lr": 1.0, "weight_decay": 1.0}, ps.Calendar(tokens_per_step=30))
    assert found.total == 34
    assert found["lr"][2] == 2 / 4
    assert found["weight_decay"][2] == 60 / 100
    assert found.breakpoints("lr", 0) == (0, 4, 34)
    assert found.breakpoints("weight_decay", 0) == (0, 100, 1000)


def test_amounts_convert_by_the_sequence_length_without_a_batch_size():
    plan = ps.Plan(lr='linear(1, 0, over="10 samples")', clock="tokens")
    assert 'over="20480 tokens"' in str(plan.resolve(ps.Calendar(sequence_length=2048)))
    plan = ps.Plan(lr='linear(1, 0, over="20480 tokens")', clock="samples")
    assert 'over="10 samples"' in str(plan.resolve(ps.Calendar(sequence_length=2048)))


def test_the_total_of_a_calendar_may_be_an_amount_on_the_clock_of_the_plan():
    calendar = ps.Calendar(total="1M tokens")
    assert str(ps.Plan(lr="cosine()", clock="tokens").resolve(calendar)) == (
        'clock: tokens\nhorizon: 1M tokens\nlr: cosine(over="1M tokens")'
    )
    with pytest.raises(MissingFact, match="the number of tokens per update is unknown"):
        ps.Plan(lr="cosine()").resolve(calendar)


def test_the_horizon_of_the_plan_must_match_the_total_of_the_calendar():
    plan = ps.Plan(lr="cosine()", clock="tokens", horizon="1000 tokens")
    plan.resolve(ps.Calendar(total=8, tokens_per_step=128))
    plan.resolve(ps.Calendar(total=8))  # the consumption of eight updates is unknown
    with pytest.raises(PlanError, match="Omit one of them"):
        plan.resolve(ps.Calendar(total=9, tokens_per_step=128))


def test_a_csv_has_the_amounts_after_the_updates(tmp_path):
    plan = ps.Plan(lr="linear(1, 0)", clock="samples", horizon="20 samples")
    ps.trace(plan, {"lr": 1.0}, ps.Calendar(batch_size=8)).to_csv(tmp_path / "plan.csv")
    assert (tmp_path / "plan.csv").read_text() == "t,samples,lr[0]\n0,0,1.0\n1,8,0.6\n2,16,0.2\n"


def test_a_difference_on_a_clock_of_amounts_includes_its_time():
    before, after = (ps.Plan(lr=f"linear(1, {end})", clock="samples", horizon="80 samples") for end in (0, 0.5))
    assert "[from update 1, by up to 0.45 x base]" in str(ps.diff(before, after, ps.Calendar(batch_size=8)))
    assert "[from 1 samples, by up to 0.49375 x base]" in str(ps.diff(before, after, ps.Calendar()))


def test_amounts_continue_from_the_actual_consumption():
    run = amounts_of_run(ps.Plan(lr="constant(0.1)", clock="samples"), ps.Calendar(batch_size=32))
    assert run is not None
    assert run.amounts_from(3, 100, 3).tolist() == [100, 132, 164]
    assert run.amounts_from(2**60, run.amount_at(2**60), 2).tolist() == [2**65, 2**65 + 32]
    assert [run.updates_until(amount) for amount in (0, 1, 32, 33)] == [0, 1, 1, 2]


@table("unit", ["frames", "batches", "samples", "tokens"])
def test_one_of_a_unit_is_written_in_the_singular(unit):
    one = {"batches": "batch"}.get(unit, unit[:-1])
    assert str(Duration.of(f"1 {unit}")) == f"1 {one}"
    assert Duration.of(one) == Duration.of(f"1 {unit}")


def test_images_and_examples_are_aliases_of_samples():
    assert str(Duration.of("3 images + 2 examples")) == "5 samples"


@table(
    ("clock", "first", "second", "horizon", "found"),
    [
        ("updates", "8 updates", "5 updates", "9 updates", "need 13 updates, but only 9 updates are left"),
        ("seconds", "8 s", "5 s", "9 s", "need 13 seconds, but only 9 seconds are left"),
        ("tokens", "800 tokens", "600 tokens", "900 tokens", "need 1400 tokens, but only 900 tokens are left"),
        ("progress", "80%", "60%", None, "need 140%, but only 100% are left"),
    ],
)
def test_stages_longer_than_the_run_are_reported_in_the_unit_of_the_clock(clock, first, second, horizon, found):
    line = f'linear(over="{first}") >> cosine(over="{second}") >> linear(0.1)'
    plan = ps.Plan(lr=line, clock=clock, horizon=horizon)

    with pytest.raises(InvalidArgument, match=found):
        plan.resolve(ps.Calendar())


@pytest.mark.parametrize(
    ("clock", "horizon", "expected"),
    [
        ("tokens", "10 steps", "320 tokens"),
        ("tokens", "2 epochs", "640 tokens"),
        ("tokens", "20 samples", "320 tokens"),
        ("seconds", "10 steps", "2.5 s"),
        ({"lr": "tokens"}, "10 steps", "10"),
        ({"lr": "tokens"}, "2 epochs", "20"),
        ({"lr": "tokens"}, "20 samples", "320 tokens"),
        ({"weight_decay": "updates"}, "20 samples", "10"),
    ],
)
def test_the_resolved_horizon_is_on_the_clock_of_the_plan_or_on_that_of_the_written_one(clock, horizon, expected):
    plan = ps.Plan(lr="linear()", weight_decay="linear()", clock=clock, horizon=horizon)
    facts = ps.Calendar(tokens_per_step=32, sequence_length=16, steps_per_epoch=10, batch_size=2, seconds_per_step=0.25)

    resolved = plan.resolve(facts)

    assert str(resolved.horizon) == expected
    assert resolved.resolve(facts) == resolved
