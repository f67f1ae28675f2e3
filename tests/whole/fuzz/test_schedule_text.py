"""Generated and damaged schedule texts are read as in Python or rejected with an error of the library."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from paramsched import curves
from paramsched.core.plan import Plan, resolve
from paramsched.core.schedules import SHAPES, Schedule, absolute, parse, parse_own
from paramsched.errors import InvalidArgument, ParamschedError
from support import strategies

NAMES = {**SHAPES, "absolute": absolute, "curves": curves}
PIECES = (
    *"()[],=.+-*/>'\"#% \t\n\\_~{}:@",
    *(">>", "<<", "**", "//", "==", "0", "1", "-1", "0.5", "1e999", "1e-999", "10**9", "1j"),
    *(
        "0x" + "f" * 400,
        "0x" + "f" * 4000,
        "'1/0'",
        "'1e999999999'",
        "'" + "9" * 400 + "%'",
        "9" * 400,
        "None",
        "True",
        "nan",
        "inf",
        "'nan'",
        "'5%'",
        '"10ep"',
        "5%",
        "“5%”",
    ),
    *("сosine()", "lambda: 1", "if", "not", "for x in y", "*[1]", "**{}", "over=", "to=", "T_max=", "phase=10**400"),
    *("cosine()", "linear(1, 0, over=5)", "warmup(10)", "step(3)", "plateau()", "absolute(0.1)", "curves.rex"),
    *("linear()", "0.5 + absolute(0.1)"),
    *("curves.power(2)", "every(", "window("),
    *("\x00", "\ud800", "\u2028", "\xa0", "ﬁ", "𝟏", "é", "…"),
)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """Draw the text of a schedule or an empty text, with pieces inserted, removed or doubled."""
    text = draw(strategies.schedules(depth=2).map(str) | st.just(""))
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, len(text)))
        end = min(len(text), begin + draw(st.sampled_from([0, 0, 1, 2, 8])))
        put = draw(st.sampled_from(PIECES) | st.text(max_size=3) | st.just(text[begin:end] * 2))
        text = text[:begin] + put + text[end:]
    return text


@given(strategies.schedules(depth=3))
def test_a_schedule_text_equals_the_schedule_that_python_builds(schedule):
    assert eval(str(schedule), dict(NAMES)) == schedule
    assert parse_own(str(schedule)) == schedule


def read(text: str) -> Schedule | InvalidArgument:
    try:
        return parse(text)
    except InvalidArgument as refusal:
        return refusal


def python_reads(text: str) -> Schedule | None:
    """Return the value of a line in Python, or None if it is not a schedule."""
    try:
        value = eval(text.strip(), {"__builtins__": {}, **NAMES})
    except Exception:  # noqa: BLE001  # of whatever kind
        return None
    return value if isinstance(value, Schedule) else None


@given(damaged())
@example("8 >> -1")
@example("8 >> 1")
@example("cosine(over=10**400)")
@example("cosine(over=0x" + "f" * 5000 + ")")
@example("cosine(to=" + "9" * 5000 + ")")
@example("every(cosine(over=5), 2, phase=9999999999999999999999)")
@example("cosine(start=0x" + "f" * 4000 + ", nope=1)")
@example("exponential('1/0', 10)")
@example("exponential('1e999999999', 10)")
@example("exponential('" + "9" * 400 + "%', 10)")
@example("cosine(over=1_000)")
@example("cosine(over='5%') # a comment")
def test_a_damaged_line_is_read_as_in_python_or_rejected(text):
    schedule = read(text)
    if isinstance(schedule, InvalidArgument):
        begin, end = schedule.problem.span
        assert 0 <= begin <= end <= len(text)
        assert str(schedule)
        return
    meant = python_reads(text)
    if meant is not None:  # in Python a number or a rule alone is not a schedule
        assert schedule == meant
    assert parse_own(str(schedule)) == schedule


@given(damaged(), st.sampled_from([1, 3, 97, 10**6, 10**18]), st.sampled_from([1, 7, 10**9]), strategies.bases())
def test_a_parsed_schedule_can_be_resolved_and_evaluated_or_is_rejected(text, total, epoch, base):
    try:
        schedule = parse(text)
        resolved = resolve(schedule, total=total, steps_per_epoch=epoch)
        assert parse_own(str(resolved)) == resolved
        resolved(np.array([0, 1, total // 2, total, 10**18]), base)
        Plan.of_text(Plan(lr=schedule, total=total).text)
    except ParamschedError:
        return


@given(st.text(max_size=40) | st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_is_a_schedule_or_rejected(text):
    assert isinstance(read(text), (Schedule, InvalidArgument))
