"""Errors: three parts, one root class, and the expected built-in base class."""

import inspect
import pickle

import pytest

import paramsched as ps
from paramsched import curves, errors
from paramsched.errors import InvalidArgument, ParamschedError, did_you_mean
from paramsched.schedules import rules
from support.tables import table

EVERY = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]


@table("kind", EVERY)
def test_every_error_is_a_paramsched_error_and_a_builtin_error(kind):
    assert issubclass(kind, ParamschedError)
    assert kind is ParamschedError or issubclass(kind, (ValueError, KeyError, ImportError, RuntimeError))
    assert kind.__name__ in (errors.__doc__ or "")


def test_an_error_contains_the_call_the_problem_and_the_fix():
    error = InvalidArgument("warmup(0.05)", "a length is a whole number", 'Write "5%"')

    assert str(error) == 'warmup(0.05): a length is a whole number. Write "5%"'
    assert (error.site, error.found, error.instead) == error.args


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: ps.cosine(to="x"), "to"),
        (lambda: ps.cyclic(5, mode="square"), "mode"),
        (lambda: ps.anneal(curve=ps.cosine()), "curve"),
        (lambda: ps.step(0), "every"),
        (lambda: ps.plateau(factor=2), "factor"),
        (lambda: rules.table([1.0, "x"]), "scale"),
        (lambda: curves.power(-1), "exponent"),
        (lambda: ps.Calendar(batch_size=0), "batch_size"),
        (lambda: ps.cosine()(-1), None),
    ],
    ids=[
        "level",
        "choice",
        "curve",
        "period",
        "metric rule",
        "entry of a list",
        "parameter of a curve",
        "fact",
        "time",
    ],
)
def test_an_error_names_the_invalid_argument(call, argument):
    with pytest.raises(InvalidArgument) as refusal:
        call()

    assert refusal.value.argument == argument
    assert pickle.loads(pickle.dumps(refusal.value)).argument == argument


@table("kind", [kind for kind in EVERY if issubclass(kind, InvalidArgument)])
def test_an_error_can_be_pickled(kind):
    error = pickle.loads(pickle.dumps(kind("a", "b", "c")))

    assert type(error) is kind
    assert str(error) == "a: b. c"


def test_each_error_of_a_config_has_its_own_line():
    error = errors.ConfigError("plan.yaml", ["$.lr: one", "$.eps: two"])

    assert str(error) == "plan.yaml: $.lr: one\nplan.yaml: $.eps: two"
    assert error.problems == ("$.lr: one", "$.eps: two")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_diagnostic_with_the_code_of_another_package_is_an_error():
    found = errors.Diagnostic("$.lr", "expected a rate", "Write 0.1", code="ACME1")

    assert str(found) == "$.lr: expected a rate. Write 0.1"
    assert found.severity == "error"
    assert found.as_data()["rule"] == "acme1"


def test_no_full_stop_follows_a_question():
    error = InvalidArgument("cosine(over='5 epoks')", 'unknown unit "epoks"; did you mean "epochs"?', "Write 5")

    assert str(error).endswith('did you mean "epochs"? Write 5')


def test_the_error_for_a_missing_library_names_the_extra_to_install():
    assert 'pip install "paramsched[plot]"' in str(errors.MissingDependency("show.axes", "matplotlib", "plot"))


@pytest.mark.parametrize(
    ("name", "clause"),
    [
        ("cosin", 'did you mean "cosine"?'),
        ("Cosine", 'did you mean "cosine"?'),
        ("zzz", "expected one of cosine, step"),
    ],
)
def test_a_similar_name_is_suggested_and_otherwise_all_known_names(name, clause):
    assert did_you_mean(name, ["step", "cosine"]) == clause
