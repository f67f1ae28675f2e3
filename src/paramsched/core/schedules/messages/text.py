"""The errors of a schedule's text and of calls of shapes: one function for each mistake, which returns the error."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from paramsched.base.codes import UNKNOWN_NAME, WRONG_TYPE
from paramsched.base.words import shortened_text
from paramsched.core.calls.messages.numbers import NumberKind, number_to_write
from paramsched.errors import CallSite, InvalidArgument, InvalidCall, ParseError, shown

EXAMPLE_LINE: Final = 'warmup("5%") >> cosine(to=0.1)'
"""A line for the advice of errors."""
_GRAMMAR = "a schedule's text consists of calls, numbers, strings, lists, >>, *, /, **, + and -"
_OPERATORS = "stages are joined by >>, and the other operators are *, /, **, + and -"


@final
@dataclass(frozen=True, slots=True)
class ErrorRange:
    """The part of a schedule's text that an error is about.

    Args:
        text: the entire text.
        begin, end: the range of the part, as indices of a slice.
    """

    text: str
    begin: int
    end: int


# ---------------------------------------------------------------- the entire text


def not_text(value: object) -> ParseError:
    """Return the error for another value in place of a text."""
    message = f"expected text, got {type(value).__name__}"
    return ParseError(f"parse({shown(value)})", message, example=repr(EXAMPLE_LINE))


def shapes_are_not_a_list(shapes: object) -> InvalidArgument:
    """Return the error for a value in place of the functions that build schedules."""
    message = f"expected a list of functions, got {type(shapes).__name__}"
    return InvalidArgument(f"shapes={shown(shapes)}", message, "For example: shapes=[my_shape]")


def shape_without_a_name(builder: object) -> InvalidArgument:
    """Return the error for a shape that is not a function with a name."""
    site = f"shapes=[{builder!r}]"
    return InvalidArgument(site, "expected a function with a name", "For example: def my_shape(…): …")


def not_a_schedule(text: str, value: object) -> ParseError:
    """Return the error for a text with another value than a schedule."""
    return ParseError(f'"{shortened_text(text)}"', f"expected a schedule, got {shown(value)}", example=EXAMPLE_LINE)


def too_many_bytes(text: str, most: int) -> ParseError:
    """Return the error for a text that is larger than a plan."""
    return ParseError(shortened_text(text), f"a line has at most {most:,} bytes; a plan is a short text")


def too_many_words(text: str, most_words: int, most_commas: int) -> ParseError:
    """Return the error for a text that would take seconds to read."""
    message = f"a line has at most {most_words:,} names and operators, and {most_commas:,} commas"
    return ParseError(shortened_text(text), f"{message}; a plan is a short text")


def text_is_empty(text_part: ErrorRange) -> ParseError:
    """Return the error for a text of spaces."""
    return _refused(text_part, "the text is empty")


def too_much_for_the_parser(text_part: ErrorRange) -> ParseError:
    """Return the error for a text that Python's parser cannot read."""
    return _refused(text_part, "it is nested too deep, has a number that is too long, or a character that no text has")


# ---------------------------------------------------------------- signs


def single_backslash(text_part: ErrorRange) -> ParseError:
    """Return the error for a backslash that escapes nothing."""
    return _refused(text_part, r"a backslash in a text is written \\")


def quote_is_not_closed(text_part: ErrorRange) -> ParseError:
    """Return the error for a quote without a second one."""
    return _refused(text_part, "the quote is not closed")


def bracket_is_not_closed(text_part: ErrorRange) -> ParseError:
    """Return the error for a bracket without a second one."""
    return _refused(text_part, "the bracket is not closed")


def closes_no_bracket(text_part: ErrorRange, bracket: str) -> ParseError:
    """Return the error for a closing bracket without an opening one."""
    return _refused(text_part, f"{bracket} closes no bracket")


def length_without_quotes(text_part: ErrorRange, length: str, *, is_entire: bool) -> ParseError:
    """Return the error for a length outside of quotes; one that is the entire text is no line."""
    return _refused(text_part, "a length with a unit is text in quotes", EXAMPLE_LINE if is_entire else f'"{length}"')


def begins_with_zero(text_part: ErrorRange) -> ParseError:
    """Return the error for a number such as 007, or the second part of 10,000."""
    return _refused(text_part, "a number begins with a zero, or has a comma")


def foreign_character(text_part: ErrorRange, character: str) -> ParseError:
    """Return the error for a character that no text has."""
    return _refused(text_part, f"{character!r} is not a character of a schedule's text")


def joined_by_another_sign(text_part: ErrorRange, sign: str, before: str, after: str) -> ParseError:
    """Return the error for `->`, `=>`, `|>` or a comma between two stages."""
    return _refused(text_part, f"stages are joined by >>, not by {sign}", f"{before} >> {after}")


def incomplete(text_part: ErrorRange) -> ParseError:
    """Return the error for a text that Python's parser refuses for another reason."""
    return _refused(text_part, f"something is missing or is too much here; {_GRAMMAR}")


def no_operator_between_texts(text_part: ErrorRange) -> ParseError:
    """Return the error for two texts that Python would join."""
    return _refused(text_part, "there is no comma or operator between two texts")


# ---------------------------------------------------------------- expressions


def not_in_the_grammar(text_part: ErrorRange) -> ParseError:
    """Return the error for an expression of Python that a schedule's text does not contain."""
    return _refused(text_part, _GRAMMAR)


def unknown_operator(text_part: ErrorRange) -> ParseError:
    """Return the error for an operator of Python that schedules do not have."""
    return _refused(text_part, f"unknown operator; {_OPERATORS}")


def nested_too_deep(text_part: ErrorRange, most: int) -> ParseError:
    """Return the error for an expression inside too many others."""
    return _refused(text_part, f"it is nested deeper than {most} levels")


def chain_too_long(text_part: ErrorRange, most: int) -> ParseError:
    """Return the error for a division among too many operators."""
    return _refused(text_part, f"a chain with / has at most {most} operators")


def not_an_operand(text_part: ErrorRange, value: object) -> ParseError:
    """Return the error for an operand that is a text, a list, None or a bool."""
    return _refused(text_part, f"{shown(value)} is neither a number nor a schedule")


def number_as_stage(text_part: ErrorRange, number: object) -> ParseError:
    """Return the error for a number as a stage that is not the last one."""
    return _refused(text_part, f"{shown(number)} is a number; every stage but the last needs a length")


def needs_arguments(text_part: ErrorRange, name: str) -> ParseError:
    """Return the error for the name of a family of curves without a call."""
    return _refused(text_part, f"{name} needs arguments in brackets")


def needs_brackets(text_part: ErrorRange, name: str, example: str) -> ParseError:
    """Return the error for the name of a function without a call."""
    return _refused(text_part, f"{name} is a function and needs brackets", example, code=UNKNOWN_NAME)


def module_in_front(text_part: ErrorRange, name: str) -> ParseError:
    """Return the error for a shape with a module in front of its name."""
    return _refused(text_part, f"names of schedules have no module in front: {name}(…)")


def argument_twice(text_part: ErrorRange, name: object) -> ParseError:
    """Return the error for an argument that a call has twice."""
    return _refused(text_part, f'the argument "{name}" is repeated')


def name_of_another_library(text_part: ErrorRange, answer: str) -> ParseError:
    """Return the error for the name of another library, with what it is here."""
    return _refused(text_part, answer, code=UNKNOWN_NAME)


def misspelled_name(text_part: ErrorRange, noun: str, name: str, near: str) -> ParseError:
    """Return the error for an unknown name of which the nearest one is known."""
    return _refused(text_part, f'unknown {noun} "{shortened_text(name)}"; did you mean "{near}"?', code=UNKNOWN_NAME)


def unknown_name(text_part: ErrorRange, noun: str, name: str) -> ParseError:
    """Return the error for a name that resembles none."""
    return _refused(text_part, f'unknown {noun} "{shortened_text(name)}"', code=UNKNOWN_NAME)


def unknown_schedule(text_part: ErrorRange, name: str) -> ParseError:
    """Return the error for a name of a call that resembles none, and may be a shape of the user's own."""
    advice = (
        f"For example: {EXAMPLE_LINE}. Import the module of a shape of your own first (on the command line: "
        "--import the.module)"
    )
    return _refused(text_part, f'unknown schedule "{shortened_text(name)}"', advice=advice, code=UNKNOWN_NAME)


def _refused(
    text_part: ErrorRange, message: str, example: str = EXAMPLE_LINE, *, advice: str = "", code: str | None = None
) -> ParseError:
    site = f'"{shortened_text(text_part.text[text_part.begin : text_part.end])}" at character {text_part.begin + 1}'
    span = (text_part.begin, text_part.end)
    return ParseError(site, message, advice, example=example, text=text_part.text, span=span, code=code)


# ---------------------------------------------------------------- operands


def no_result(operands: Sequence[object]) -> InvalidArgument:
    """Return the error for two operands that an operator does not take."""
    return _invalid_operands(operands, "the operator has no result for these operands")


def division_by_zero(operands: Sequence[object]) -> InvalidArgument:
    """Return the error for a division of two numbers."""
    return _invalid_operands(operands, "division by zero")


def result_too_large(operands: Sequence[object]) -> InvalidArgument:
    """Return the error for an operation of two numbers that overflows."""
    return _invalid_operands(operands, "the result is too large")


def _invalid_operands(operands: Sequence[object], message: str) -> InvalidArgument:
    return InvalidArgument(" and ".join(map(shown, operands[-2:])), message)


# ---------------------------------------------------------------- calls


def wrong_type(
    call: str, argument: str, value: object, expected: str, number_kind: NumberKind | None, example: str
) -> InvalidArgument:
    """Return the error for an argument of another type; `number_kind` is that of a number."""
    advice = "" if number_kind is None else number_to_write(value, argument, number_kind)
    message = f"expected {expected}, got {shown(value)}"
    return InvalidArgument(CallSite(call, argument), message, advice, code=WRONG_TYPE, refused=value, example=example)


def function_raised(call: str, error: Exception, example: str) -> InvalidArgument:
    """Return the error for a registered function that raised an exception of Python."""
    return InvalidArgument(f"{call}(…)", f"{type(error).__name__}: {error}", example=example)


def levels_in_a_list(site: str, call: str, type_name: str, written: Sequence[str]) -> InvalidArgument:
    """Return the error for levels in a list; `written` are the two levels that are meant, if they are numbers."""
    advice = f"Write {', '.join(written)}" if written else ""
    return InvalidArgument(site, f"expected a level, got {type_name}", advice, example=f"{call}(1.0, 0.5)")


def level_not_named(site: str, written: str) -> InvalidCall:
    """Return the error for an argument by position, with its name."""
    return InvalidCall(site, "expected its name", f"Write {written}")


def several_readings(site: str, readings: Sequence[str]) -> InvalidCall:
    """Return the error for arguments by position that could have several names."""
    return InvalidCall(site, f"it could mean {len(readings)} things", f"Write {' or '.join(readings)}")
