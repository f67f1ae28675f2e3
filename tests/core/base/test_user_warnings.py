"""A warning points at the line of user code."""

import warnings
from functools import partial
from types import FunctionType

import pytest

from paramsched.core.base.diagnostic import Diagnostic, DiagnosticWarning, warn_user
from paramsched.core.base.problem import Problem

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
    problem = Problem("PS207", "a level of 3\x1b[31m", site="lr", advice="Write lr=0.1")

    with pytest.warns(UserWarning, match="lr: ") as caught:
        warn_user(problem)

    assert str(caught[0].message) == "lr: a level of 3\\x1b[31m. Write lr=0.1 [PS207]"


def test_a_warning_about_an_entry_has_its_diagnostic():
    diagnostic = Diagnostic("$.lr", "too high", "Write 0.1", code="PS207")

    with pytest.warns(DiagnosticWarning) as caught:
        warn_user(diagnostic)

    assert (caught[0].message.diagnostic, str(caught[0].message)) == (diagnostic, "$.lr: too high. Write 0.1")
