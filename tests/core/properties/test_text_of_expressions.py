"""Property: the text of every expression is read as the same schedule, with its signs and brackets."""

from hypothesis import assume, given
from hypothesis import strategies as st

from paramsched.core.schedules import Schedule, parse
from paramsched.errors import InvalidArgument
from support.examples import examples

LEAVES = st.sampled_from([
    "cosine()", "cosine(start=1)", "linear(0.1, 1, 20)", "warmup(20)", "warmup(20, to=1)", "constant()", "constant(1)",
    "constant(-2)", "step(5)", "linear(over=4)", "geometric(over=9)", "0.1", "2", "-0.5", "1", "absolute(0.3)",
    "absolute(-0.5)", "0.5 + absolute(0.2)", "absolute(cosine())", "like(\"lr\")", "exponential(0.9)",
    "linear(start=1, to=500)", "cosine(2, absolute(300))",
])  # fmt: skip


def expressions():
    """Return a strategy of texts of expressions, most of which are schedules."""
    return st.recursive(
        LEAVES,
        lambda inner: st.one_of(
            st.builds("({}) {} ({})".format, inner, st.sampled_from(["*", "+", "-", ">>"]), inner),
            st.builds("{} {} {}".format, inner, st.sampled_from(["*", "+", "-", ">>"]), inner),
            st.builds("-({})".format, inner),
            st.builds("({}) / {}".format, inner, st.sampled_from(["4", "-2"])),
            st.builds("({}) ** {}".format, inner, st.sampled_from(["2", "0.5", "-1"])),
            st.builds("({} >> {}) * {}".format, st.just("linear(over=4)"), inner, inner),
            st.builds("clamp({}, 0.1)".format, inner),
        ),
        max_leaves=6,
    )


@examples(300)
@given(expressions())
def test_the_text_of_an_expression_is_read_as_the_same_schedule(text):
    try:
        schedule = parse(text)
    except InvalidArgument:
        assume(False)
    assert isinstance(schedule, Schedule)

    assert parse(str(schedule)) == schedule
    assert str(parse(str(schedule))) == str(schedule)
