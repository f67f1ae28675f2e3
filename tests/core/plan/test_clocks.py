"""The clock of a plan: in its text and files, in resolved lengths, and in a trace."""

import paramsched as ps
from paramsched.core.plan.run_amounts import PLANNED_SIZES
from paramsched.core.time.calendar import CLOCKS
from support.tables import table


@table(("word", "clock"), [("images", "samples"), ("examples", "samples"), *zip(CLOCKS, CLOCKS, strict=True)])
def test_a_clock_has_one_canonical_name(word, clock):
    assert ps.Plan(lr="cosine()", clock=word).clock == clock


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


def test_a_bare_number_means_updates_on_every_clock():
    bare, explicit = (
        ps.Plan(lr=f"warmup({over}) >> cosine()", horizon="1M tokens", clock="tokens")
        for over in ("2000", '"2000 steps"')
    )
    assert bare == explicit
    assert not bare.is_resolved
    resolved = bare.resolve(ps.Calendar(tokens_per_step=4))
    assert str(resolved.bindings[0].schedule) == 'warmup("8000 tokens") >> cosine(over="992000 tokens")'


@table("horizon", ["1000 tokens", "1001 tokens", "1023 tokens", "1024 tokens", "1025 tokens"])
def test_the_horizon_ends_with_the_first_update_that_starts_at_or_after_it(horizon):
    plan = ps.Plan(lr="linear(1, 0)", clock="tokens", horizon=horizon)
    found = ps.trace(plan, {"lr": 1.0}, ps.Calendar(tokens_per_step=128))
    end = int(horizon.split()[0])
    assert found.amounts[-1] < end <= found.amounts[-1] + 128


def test_a_csv_has_the_amounts_after_the_updates(tmp_path):
    plan = ps.Plan(lr="linear(1, 0)", clock="samples", horizon="20 samples")
    ps.trace(plan, {"lr": 1.0}, ps.Calendar(batch_size=8)).to_csv(tmp_path / "plan.csv")
    assert (tmp_path / "plan.csv").read_text() == "t,samples,lr[0]\n0,0,1.0\n1,8,0.6\n2,16,0.2\n"


def test_a_difference_on_a_clock_of_amounts_includes_its_time():
    before, after = (ps.Plan(lr=f"linear(1, {end})", clock="samples", horizon="80 samples") for end in (0, 0.5))
    assert "[from update 1, by up to 0.45 x base]" in str(ps.diff(before, after, ps.Calendar(batch_size=8)))
    assert "[from 1 samples, by up to 0.49375 x base]" in str(ps.diff(before, after, ps.Calendar()))
