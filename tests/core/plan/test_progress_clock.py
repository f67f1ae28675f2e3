"""Plans on the clock of progress: lengths in percent, no total, and boundaries that are met exactly."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import InvalidArgument

NO_FACTS = ps.RunFacts()
TEXT = 'clock: progress\nlr: warmup("5%") >> constant(over="until 57%") >> linear()'
PLAN = ps.loads(TEXT)


def lr_of(plan, **options):
    return ps.trace(plan, {"lr": 1.0, "weight_decay": 1.0}, **options)["lr", 0].tolist()


@given(st.integers(1, 99 * 10**5), st.integers(0, 2))
def test_a_boundary_is_met_exactly(place, spread):
    """Boundaries may have up to five decimal places of a percent; a progress is a float."""
    percent = Fraction(place, 10**5)
    plan = ps.Plan(lr=f'constant(1, over="{float(percent)}%") >> constant(0.5)', clock="progress")
    progress = float(percent) / 100 if spread == 0 else float(f"{place}e-7") if spread == 1 else place / 10**7

    assert lr_of(plan, amounts=[progress - 1e-9, progress]) == [1.0, 0.5]


@given(st.integers(1, 3000))
def test_the_even_run_is_that_of_a_loop_that_reports_t_of_total(total):
    plan = ps.Plan(lr='linear(1, 0, over="30%") >> cosine(start=0.5)', clock="progress")

    even = ps.trace(plan, {"lr": 1.0}, total=total)

    assert even.amounts.tolist() == [round(t / total * 10**9) / 10**9 for t in range(total)]
    assert even["lr"].tolist() == lr_of(plan, amounts=[t / total for t in range(total)])


@pytest.mark.parametrize(
    ("amounts", "message"),
    [
        ([0.0, 37], "amount 1 is 37"),
        ([0.5, 0.4], r"amount 1 is 0\.4, less than"),
        ([-0.1], "a fraction of the run from 0 to 1"),
    ],
)
def test_recorded_progress_is_a_fraction_that_never_goes_back(amounts, message):
    with pytest.raises(InvalidArgument, match=message):
        lr_of(PLAN, amounts=amounts)


@given(st.sampled_from([0.0, 0.3, 0.57, 0.6, 0.600000001, 0.9, 1.0]))
def test_changes_keep_the_past(progress):
    changed = PLAN.change("60%", lr="linear(to=0.5)")
    scaled = PLAN.scale("60%", lr=0.5)
    (before,) = lr_of(PLAN, amounts=[progress])
    level = 1 - 0.03 / 0.43

    if progress < 0.6:
        assert lr_of(changed, amounts=[progress]) == lr_of(scaled, amounts=[progress]) == [before]
    else:
        assert lr_of(changed, amounts=[progress]) == pytest.approx(
            [level + (0.5 - level) * (progress - 0.6) / 0.4], rel=1e-12
        )
        assert lr_of(scaled, amounts=[progress]) == [0.5 * before]


def test_differences_name_the_progress_at_which_they_start():
    for facts in (NO_FACTS, ps.RunFacts(total=10)):
        (change,) = ps.diff(PLAN, PLAN.scale("57%", lr=0.5), facts=facts)

        assert (change.when, change.unit) == (0.57, "progress")
        assert "  [from progress 0.57, by up to 0." in str(change)
    (at_the_end,) = ps.diff(PLAN, ps.loads(TEXT.replace("linear()", "linear(to=0.1)")), facts=NO_FACTS)
    assert at_the_end.by == 0.1
