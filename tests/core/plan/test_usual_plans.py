"""The plans of most runs, for which a start asks nothing: no question finds anything in them."""

from hypothesis import given, reject
from hypothesis import strategies as st

import paramsched as ps
from paramsched.checks.driver import probable_mistakes
from paramsched.core.plan.usual_plans import has_nothing_to_ask
from paramsched.errors import ParamschedError

LENGTHS = ["1%", "5%", "50%", 1, 21, 500, "1 epoch", "0.5 epochs"]
LEVELS = [0, 0.001, 0.1, 0.4, 0.5, 0.99]
BASES = [0.0, 1e-8, 2e-5, 1e-3, 0.05, 0.1, 1.0, 2.0]


@st.composite
def plans(draw):
    """Return a plan of one or two decays, its run facts and the bases of each field."""
    lines = {}
    bases = {}
    for field in draw(st.sampled_from([["lr"], ["weight_decay"], ["lr", "weight_decay"]])):
        warmup = st.sampled_from(["", *(f"warmup({length!r}) >> " for length in LENGTHS)])
        decay = st.sampled_from(["cosine(to={})", "linear(to={})", "constant() >> linear(to={}, over='10%')"])
        lines[field] = draw(warmup) + draw(decay).format(draw(st.sampled_from(LEVELS)))
        bases[field] = draw(st.lists(st.sampled_from(BASES), min_size=1, max_size=3))
    facts = {"total": draw(st.sampled_from([100, 400, 1000, 10_000, "3 epochs", "90 epochs"]))}
    facts["steps_per_epoch"] = draw(st.sampled_from([7, 100, 1251]))
    return ps.Plan(**lines), facts, bases


@given(plans())
def test_no_question_finds_anything_in_a_plan_of_which_a_start_asks_nothing(case):
    plan, facts, bases = case
    facts = ps.RunFacts(**facts)
    try:
        counted = plan.resolve(facts=facts)
    except ParamschedError:  # a warmup as long as the run
        reject()

    def groups_of(line):
        return [*enumerate(bases[line.name])]

    if has_nothing_to_ask(plan, counted, facts, groups_of):
        assert [problem.code for _, problem in probable_mistakes(plan, facts, groups_of, counted=counted)] == []
