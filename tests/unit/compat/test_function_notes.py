"""Notes about users' functions: what is compared, what is saved, and what is restored."""

import functools
import math
import pickle
import warnings
from argparse import Namespace
from types import SimpleNamespace

import pytest

from paramsched.compat.torch.function_notes import NOTES, FunctionNotes, require_named_functions
from support.tables import table

WARMUP = 5
options = Namespace(gamma=0.9, name="run", unused=1)


def half(t):
    return 0.5**t


def uses_a_constant(t):
    return min(t / WARMUP, 1)


def uses_an_option(t):
    return options.gamma**t


def uses_a_function(t):
    return 2 * half(t)


def changes_an_option(t):
    options.unused += t
    return options.unused


def recursive(t):
    return 1 if t <= 0 else recursive(t - 1)


def with_defaults(t, gamma=0.9, *, low=0.1, kind="x", table=(1, 2), seen=None, listed=[]):  # noqa: B006
    return max(gamma**t, low), kind, table, seen, listed


class Power:
    def __init__(self, gamma):
        self.gamma = gamma

    def __call__(self, t):
        return self.gamma**t

    def method(self, t):
        return self.gamma**t


def closing_over(gamma, far=None):
    return lambda t: (gamma**t, far)


def unset():
    def function(t):
        return later**t

    if not WARMUP:
        later = 1
    return function


def note_of(function):
    (note,) = FunctionNotes.of([function]).notes
    return note


@table(
    ("function", "given"),
    [
        (half, {}),
        (uses_a_constant, {"WARMUP": "5"}),
        (uses_an_option, {"options.gamma": "0.9"}),
        (changes_an_option, {}),
        (recursive, None),
        (with_defaults, {"gamma": "0.9", "low": "0.1", "kind": "'x'", "table": "(1, 2)", "seen": "None"}),
        (closing_over(0.3), {"gamma": "0.3", "far": "None"}),
        (closing_over("x" * 90), {"gamma": None, "far": "None"}),
        (unset(), {}),
        (functools.partial(pow, 2), {"argument 0": "2"}),
        (functools.partial(with_defaults, gamma=0.5), None),
        (math.cos, {}),
        (closing_over(frozenset({"b", "a"})), {"gamma": "['a', 'b']", "far": "None"}),
        (closing_over([1]), {"far": "None"}),
    ],
)
def test_a_note_has_the_numbers_and_texts_that_a_function_uses(function, given):
    found = note_of(function)["given"]

    if given is not None:
        assert found.keys() == given.keys()
        assert all(found[name] == value for name, value in given.items() if value is not None)
    assert all(len(text) <= 80 for text in found.values())


def test_a_note_follows_the_functions_that_a_function_calls():
    found = note_of(uses_a_function)["given"]

    assert found == {"half": note_of(half)["code"]}
    assert note_of(functools.partial(with_defaults, gamma=0.5))["given"]["gamma"] == "0.9"
    assert note_of(closing_over(half))["given"]["gamma"] == note_of(half)["code"]


def test_a_callable_object_has_no_note_and_its_attributes_are_saved():
    power = Power(0.5)
    notes = FunctionNotes.of([power, half, None, half])

    assert [note is None for note in notes.notes] == [True, False, True, False]
    assert notes.saved_objects() == [{"gamma": 0.5}, None, None, None]
    assert notes.notes[1] is notes.notes[3]
    restored = Power(0.1)
    FunctionNotes.of([restored, half]).load("LambdaLR", [{"gamma": 0.5}, {"x": 1}], {})
    assert restored.gamma == 0.5
    assert not hasattr(half, "x")
    assert note_of(power.method)["name"].endswith("Power.method")
    assert note_of(functools.lru_cache(half))["code"] == note_of(half)["code"]


def test_notes_are_kept_while_the_functions_are_the_same():
    first = FunctionNotes.of([half, math.cos])

    assert FunctionNotes.of([half, math.cos], first) is first
    assert FunctionNotes.of([math.cos, half], first) is not first
    assert FunctionNotes.of([half], first) is not first


SAVED = {"name": "a.f", "code": "cpython-1:abc", "given": {"x": "1", "y": "2"}}


@table(
    ("changes", "said"),
    [
        ({}, None),
        ({"name": "b.g"}, None),
        ({"code": "cpython-1:def"}, "the code of a.f has changed"),
        ({"code": "cpython-2:def"}, None),
        ({"code": None}, None),
        ({"code": None, "name": "b.g"}, "it is now b.g"),
        ({"given": {"x": "1", "y": "3", "z": "4"}}, "y was 2 and is now 3"),
        ({"given": {"z": "4"}}, None),
        ({"given": {"x": "5", "y": "3"}}, "x was 1 and is now 5, y was 2 and is now 3"),
    ],
)
def test_a_difference_is_reported_once(changes, said):
    now = FunctionNotes([half, half], [{**SAVED, **changes}, {**SAVED, **changes}])
    state = {NOTES: [SAVED, SAVED], "other": 1}

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        now.load("LambdaLR", [], state)

    assert state == {"other": 1}
    assert len(caught) == (said is not None)
    if said is not None:
        assert f"LambdaLR.load_state_dict(…): function 0 was a.f when this state was saved: {said}. A" in str(
            caught[0].message
        )


@table("notes", [None, [], [SAVED], [None, None], "text"])
def test_notes_of_another_kind_or_number_are_ignored(notes, recwarn):
    recwarn.clear()

    FunctionNotes([half, half], [{**SAVED, "code": "cpython-1:def"}, None]).load("LambdaLR", [], {NOTES: notes})

    assert not recwarn.list


def test_only_functions_that_pickle_finds_by_name_are_allowed():
    require_named_functions(SimpleNamespace(one=half, many=[half, math.cos, Power(1)], number=3))
    for holder in (SimpleNamespace(one=closing_over(1)), SimpleNamespace(many=[half, lambda t: t])):
        with pytest.raises(pickle.PicklingError, match="which pickle cannot find by its name"):
            require_named_functions(holder)
