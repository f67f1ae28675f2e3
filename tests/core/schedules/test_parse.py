"""The one-line text: valid lines, and the errors for mistakes."""

import pytest

from paramsched import curves
from paramsched.core.schedules import (
    absolute,
    anneal,
    calls_function,
    constant,
    cosine,
    from_function,
    linear,
    parse,
    schedule_or_faults,
    warmup,
)
from paramsched.errors import InvalidArgument, InvalidCall, ParseError
from support.tables import table


@table(
    ("text", "schedule"),
    [
        ('warmup("5%") >> cosine(to=0.1)', warmup("5%") >> cosine(to=0.1)),
        (' warmup( over = "5 %" )>>cosine( 1, .1 ) ', warmup("5%") >> cosine(to=0.1)),
        ("0", constant(0.0)),
        ("warmup(5) >> -1e-3", warmup(5) >> constant(-1e-3)),
        ("linear(+1, -2)", linear(1, -2)),
        ("linear(absolute(0.85), absolute(-0.95))", linear(absolute(0.85), absolute(-0.95))),
        ("anneal(curve=curves.power(2))", anneal(curve=curves.power(2))),
        ('anneal(curve="rex")', anneal(curve=curves.rex)),
        ("2 * cosine()", 2 * cosine()),
        ("(cosine())", cosine()),
        ("linear(\n  over=10,\n)", linear(over=10)),
    ],
)
def test_text_is_parsed_as_a_schedule(text, schedule):
    assert parse(text) == schedule


@table(
    ("text", "found"),
    [
        ("", "invalid syntax"),
        ("cosine(", "invalid syntax"),
        ("cosine() cosine()", "invalid syntax"),
        ("x = cosine()", "invalid syntax"),
        ("cosin()", 'unknown schedule "cosin"; did you mean "cosine"?'),
        ("cosine", "cosine is a function and needs brackets. Write cosine()"),
        ("cosine(too=0.1)", 'unknown argument "too"; did you mean "to"?'),
        ("cosine(1, 2, 3, 4, 5)", "too many positional arguments"),
        ("cosine(to=0.1, to=0.2)", 'the argument "to" is repeated'),
        ("warmup()", "For example: warmup("),
        ("cosine(**{})", "** is not part"),
        ("cosine(*[1])", "not part of a schedule's text"),
        ("cosine(to='a')", "expected a number"),
        ("cosine(to=True)", "expected a number, got bool"),
        ("cosine(to=1e999)", "must be finite"),
        ("cosine(over=0.5)", '"50%"'),
        ("cosine() + 'a'", "neither a number nor a schedule"),
        ("cosine() / cosine()", "unsupported"),
        ("cosine() // 2", "not an operator of schedules"),
        ("cosine() @ cosine()", "not an operator of schedules"),
        ("not cosine()", "not part"),
        ("~cosine()", "not part"),
        ("cosine() if True else linear()", "not part"),
        ("[cosine()]", "neither a schedule nor a number"),
        ("'cosine()'", "neither a schedule nor a number"),
        ("None", "neither a schedule nor a number"),
        ("True", "neither a schedule nor a number"),
        ("1j", "not part"),
        ("lambda: 1", "not part"),
        ("__import__('os')", "unknown schedule"),
        ("cosine.__class__", "not part"),
        ("cosine().length", "not part"),
        ("curves.linear", "neither a schedule nor a number"),
        ("anneal(curve=curves.cosin)", '"cosine"'),
        ("anneal(curve=curves.powr(2))", '"power"'),
        ("anneal(curve=curves.__class__)", "unknown curve"),
        ("anneal(curve=curves.power)", "needs arguments"),
        ("anneal(curve=linear())", "expected a curve"),
        ("anneal(curve=warmup(1))", "expected a curve"),
        ("rules.step(5)", "neither a schedule nor a number"),
        ("recurrence(rules.linea(0.1))", '"linear"'),
        ("recurrence(linear(over=5))", "rules.linear"),
        ("absolute(absolute(0.1))", "expected a number or a schedule"),
        ("absolute(like('lr'))", "follows another line"),
        ("-[1]", "neither a number nor a schedule"),
        ("f'{1}'", "not part"),
        ("cosine\x00()", "invalid syntax"),
        ("cosine()" + " >> cosine()" * 1000, "at most 10000 characters, got"),
        ("(" * 10_001, "at most 10000 characters, got"),
        ("(" * 60 + "cosine()" + ")" * 60 + " >> " + "-" * 60 + "cosine()", "50 deep"),
        ("maximum(" * 55 + "1" + ")" * 55, "50 deep"),
        ("-" * 9000 + "1", ""),
        ("(" * 4999 + ")" * 4999, "invalid syntax"),
    ],
)  # fmt: skip
def test_an_invalid_line_is_rejected(text, found):
    with pytest.raises(InvalidArgument) as refusal:
        parse(text)

    assert found in str(refusal.value)
    assert len(str(refusal.value)) < 500


@table("operator", [">", "->", "-->", "=>", ">>>", "|", "|>", "then"])
def test_the_error_for_a_wrong_stage_operator_suggests_the_right_one(operator):
    with pytest.raises(ParseError) as refusal:
        parse(f"warmup(100) {operator} cosine(to=0.1)")

    assert refusal.value.instead == "Write warmup(100) >> cosine(to=0.1)"
    assert parse(refusal.value.instead.removeprefix("Write "))


@table("value", [None, 3, b"cosine()", cosine()])
def test_only_text_is_parsed(value):
    with pytest.raises(ParseError, match="expected text"):
        parse(value)


def test_a_shape_passed_as_an_argument_is_known_only_in_that_text():
    def halving(over: int) -> object:
        return linear(1.0, 0.5, over)

    assert parse("halving(10)", shapes=[halving]) == linear(1.0, 0.5, 10)
    with pytest.raises(ParseError, match='unknown schedule "halving"'):
        parse("halving(10)")
    with pytest.raises(ParseError, match=r"nor a number\. For example: warmup"):
        parse("dict()", shapes=[dict])


def test_a_long_sequence_does_not_exceed_the_depth_limit():
    text = " >> ".join(["step(1)"] * 800)

    assert len(parse(text).stages) == 800
    assert parse("cosine()".rjust(10_000)) == cosine()


def test_a_function_without_a_name_prints_and_does_not_read_back():
    schedule = from_function(max)

    assert "from_function(" in str(schedule)
    assert not schedule.serializable
    with pytest.raises(ParseError):
        parse(str(schedule))


def test_every_misspelt_argument_is_reported_at_its_place_and_corrected_with_its_value_as_written():
    text = "warmup(ovr=0x5) >> (cosine(strat = 0.10) * constant(valeu=1_0.0))"

    found = schedule_or_faults(text)

    assert [(text[slice(*one.span)], one.found.partition(";")[0]) for one in found] == [
        ("ovr=0x5", 'unknown argument "ovr"'),
        ("strat = 0.10", 'unknown argument "strat"'),
        ("valeu=1_0.0", 'unknown argument "valeu"'),
    ]
    assert {one.write for one in found} == {"warmup(over=0x5) >> cosine(start=0.10) * constant(value=1_0.0)"}


def test_missing_quotes_replace_the_errors_of_their_own_argument_only():
    text = "cosin() >> warmup(cosine(too=1), epochs) >> linear(1, 0, epochs)"

    found = schedule_or_faults(text)

    assert [text[slice(*one.span)] for one in found] == ["cosin", "too=1", "epochs", "epochs"]


def test_brackets_and_calls_may_be_nested_up_to_their_limits():
    assert parse("(" * 200 + "chain(" * 49 + "1" + ")" * 249) == parse("chain(" * 49 + "1" + ")" * 49)


@table(
    ("text", "write"),
    [
        ("cosine(to=0.1, too=0.2)", "cosine(to=0.1, over=100)"),  # the name is taken
        ("cosine(0.5, 0.1, too=0.2)", "cosine(to=0.1, over=100)"),
        ("cosine(warmup_steps=5)", "warmup(5) >> cosine()"),  # a name of other libraries, not a misspelling
        ("cosine(zzz=5)", "cosine(to=0.1, over=100)"),
    ],
)
def test_an_unknown_argument_that_is_no_misspelling_is_reported_once_with_its_call(text, write):
    (found,) = schedule_or_faults(text)

    assert isinstance(found, InvalidCall)
    assert found.write == write


@pytest.mark.parametrize(
    ("text", "calls"), [("cosnie(", True), ("cosine(to=)", False), ("COSINE()", False), ("5", False)]
)
def test_a_text_that_calls_a_function_of_this_library_is_known(text, calls):
    assert calls_function(text) is calls
