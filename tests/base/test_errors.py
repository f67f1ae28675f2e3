"""Errors, problems, warnings and signatures: what a user sees, and where a warning points."""

import inspect
import json
import linecache
import pickle
import traceback
import warnings
from functools import partial
from types import FunctionType, SimpleNamespace
from typing import get_type_hints

import pytest
import torch

import paramsched as ps
from paramsched import errors
from paramsched.base.problem import PlanWarning, Problem, warn_user
from paramsched.base.words import json_text
from paramsched.core.calls import lazy_imports
from paramsched.core.calls.checked_calls import with_short_errors
from paramsched.errors import InvalidArgument, ParamschedError
from support.tables import table

EVERY = [
    error_class
    for _, error_class in inspect.getmembers(errors, inspect.isclass)
    if error_class.__module__ == errors.__name__
]


@table("error_class", EVERY)
def test_every_error_is_a_paramsched_error_and_a_builtin_error(error_class):
    assert issubclass(error_class, ParamschedError)
    assert error_class is ParamschedError or issubclass(error_class, (ValueError, KeyError, ImportError, RuntimeError))
    assert error_class.__name__ in (errors.__doc__ or "")


@table("error_class", [error_class for error_class in EVERY if issubclass(error_class, InvalidArgument)])
def test_an_error_can_be_pickled(error_class):
    error = pickle.loads(pickle.dumps(error_class("a", "b", "c")))

    assert type(error) is error_class
    assert str(error) == "a: b. c"


@table(
    ("data", "text"),
    [
        (float("nan"), "null"),
        ({"a": [1.5, float("inf")], "b": (-float("inf"), "x", None)}, '{"a": [1.5, null], "b": [null, "x", null]}'),
        ([float("nan"), True, 0], "[null, true, 0]"),
        ({"ä": "\x9b"}, '{"ä": "\\u009b"}'),
    ],
)
def test_numbers_that_are_not_finite_are_null_in_json_unless_they_are_refused(data, text):
    assert json_text(data) == text
    assert json.loads(json_text(data, indent=2)) == json.loads(text)
    if "null" in text:
        with pytest.raises(ValueError, match="not JSON compliant"):
            json_text(data, allow_nan=False)
    else:
        assert json_text(data, allow_nan=False) == text


MIND = Problem(found="mind this")


def called_by(module: str, call):
    """Return a function that makes the call in a module with this name."""

    def caller():
        call()

    return FunctionType(caller.__code__, {"__name__": module}, closure=caller.__closure__)


CALL_LINE = called_by.__code__.co_firstlineno + 4


def line_of_the_warning(call) -> int:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert caught[0].filename == __file__
    return caught[0].lineno


@pytest.mark.parametrize("module", ["paramsched", "paramsched.core.run", "torch.optim.optimizer"])
def test_a_warning_skips_the_stack_frames_of_paramsched_and_torch(module):
    deep_inside = called_by(module, called_by("paramsched.core.plan", partial(warn_user, MIND)))

    assert line_of_the_warning(deep_inside) != CALL_LINE


@pytest.mark.parametrize("module", ["torchvision.ops", "paramsched_extras", "lightning"])
def test_a_package_with_a_similar_name_counts_as_user_code(module):
    user_call = called_by(module, called_by("paramsched.core.plan", partial(warn_user, MIND)))

    assert line_of_the_warning(user_call) == CALL_LINE


def test_a_warning_has_the_specified_category():
    with pytest.warns(DeprecationWarning, match="mind this"):
        warn_user(MIND, DeprecationWarning)


def test_the_text_of_a_warning_is_the_printed_problem_with_its_code():
    problem = Problem(code="PS207", found="a level of 3\x1b[31m", site="lr", advice="Write lr=0.1")

    with pytest.warns(UserWarning, match="lr: ") as caught:
        warn_user(problem)

    assert str(caught[0].message) == "lr: a level of 3\\x1b[31m. Write lr=0.1 [PS207]"


def test_a_warning_has_its_problem():
    diagnostic = Problem("$.lr", "too high", "Write 0.1", code="PS207")

    with pytest.warns(PlanWarning) as caught:
        warn_user(diagnostic)

    assert (caught[0].message.problem, str(caught[0].message)) == (diagnostic, "$.lr: too high. Write 0.1")


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(lazy_imports, "_ENTRIES", {})
    lazy_imports.register_entries({"one": "json.gone"})
    lazy_imports.register_entries({"known": "json.decoder"})


def test_an_entry_is_a_module(registered):
    assert lazy_imports.load_entry("known") is json.decoder
    with pytest.raises(ModuleNotFoundError):
        lazy_imports.load_entry("one")


def test_a_notebook_shows_what_the_module_for_drawing_returns(monkeypatch):
    drawing = SimpleNamespace(mime_bundle=lambda value: {"text/plain": f"drawn {value}"})
    monkeypatch.setattr(lazy_imports, "load_entry", lambda name: {"drawing": drawing}[name])

    assert lazy_imports.notebook_display(3, include=["text/plain"]) == {"text/plain": "drawn 3"}


def test_the_annotations_stay_types():
    assert get_type_hints(ps.trace)["return"] is ps.extend.Trace


def test_a_notebook_shows_the_message_and_the_lines_of_the_user():
    lines = ["def build():", "    return ps.parse('warmup(5) >> cosin()')", "build()"]
    linecache.cache["<cell>"] = (0, None, [f"{line}\n" for line in lines], "<cell>")

    with pytest.raises(errors.ParseError) as raised:
        exec(compile("\n".join(lines), "<cell>", "exec"), {"ps": ps, "__name__": "__main__"})

    shown = raised.value._render_traceback_()  # as IPython calls it
    cell = shown.index('  File "<cell>", line 3, in <module>')
    assert shown[cell + 1].strip() == "build()"
    assert shown[cell + 3].strip() == lines[1].strip()
    assert shown[cell + 4] == f"paramsched.errors.ParseError: {raised.value}"
    assert len(shown) == cell + 5


MISTAKES = [
    'ps.parse("cosin()")', 'ps.cosine(over="5 epoks")', 'ps.Plan(lr="cosin()")', 'ps.loads("lr: [a")', "ps.table([])",
    'ps.Plan(lr="cosine()", total=10).change(5, lr="cosin()")', 'ps.Plan(lr="linear()", total=9).cooldown(5, over=-1)',
    'ps.Scheduler(optimizer, "cosin()", total=10)', 'ps.Scheduler(optimizer, "cosine(start=-1)", total=10)',
    'ps.Scheduler(optimizer, {"lr": "cosine()", "groups": {"head": {"lr": 1}}}, total=10)', 'ps.Target("x", "y")',
    'ps.Values("cosin()", bases={"lr": 1.0})', 'ps.trace("cosin()", {"lr": 1.0})', 'ps.diff("cosine()", "cosin()")',
    'ps.to_lambda("cosin()")', 'ps.Duration.of("5 epoks")', 'ps.RunFacts(total=0)',
    """ps.warmup(5) >> 'cosin()'""", """'warmup(' >> ps.cosine()""", "ps.cosine() >> None",
]  # fmt: skip


@table("line", MISTAKES)
def test_a_mistake_in_one_line_shows_the_line_and_few_frames_of_the_library(line):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)

    def frames():
        with pytest.raises(ParamschedError) as refusal:
            eval(compile(line, "the user's line", "eval"), {"ps": ps, "optimizer": optimizer})
        entries = [frame.frame.f_globals.get("__name__", "") for frame in refusal.traceback]
        assert refusal.value.__context__ is None or refusal.value.__suppress_context__
        return [name for name in entries if name.partition(".")[0] == "paramsched"]

    short = len(frames())
    assert 1 <= short <= 4
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMSCHED_TRACEBACK", "full")
        assert len(frames()) >= short


def test_a_function_of_the_user_stays_in_the_traceback_of_a_mistake_inside_it():
    def of_the_user():
        return ps.parse("cosin()")

    with pytest.raises(ParamschedError) as refusal:
        with_short_errors(of_the_user)()

    assert [entry.name for entry in refusal.traceback][1:] == ["called", "of_the_user"]


@pytest.mark.parametrize("module", [__name__, None])  # a function that `exec` defines has none
def test_the_error_of_a_builder_of_the_user_is_the_cause(module):
    def broken(n: int = 1) -> ps.extend.Schedule:
        raise KeyError("a")

    broken.__module__ = module

    with pytest.raises(ParamschedError) as refusal:
        ps.parse("broken()", shapes=[broken])

    cause = refusal.value.__cause__
    assert isinstance(cause, KeyError)
    assert [frame.name for frame in traceback.extract_tb(cause.__traceback__)] == ["broken"]
