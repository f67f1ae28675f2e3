"""The history as a value: what a new plan, a rewind and changed bases leave of the earlier entries."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.run import state
from paramsched.core.run.state import Entry, History, read_history
from support.tables import table

A, B, C = Entry(0, None, "a"), Entry(5, None, "b"), Entry(9, None, "c")
ABC = History((A, B, C))
AT = ("lr", "0")
FACTS = Entry(12, None, "c", facts=(("total", 200), ("steps_per_epoch", 10)))


@table(
    ("history", "new", "expected"),
    [
        (ABC, Entry(12, None, "d"), [[0, "a"], [5, "b"], [9, "c"], [12, "d"]]),
        (ABC, Entry(12, None, "c"), [[0, "a"], [5, "b"], [9, "c"]]),  # the same plan
        (ABC, Entry(9, None, "d"), [[0, "a"], [5, "b"], [9, "d"]]),
        (ABC, Entry(8, None, "b"), [[0, "a"], [5, "b"]]),
        (ABC, Entry(5, None, "a"), [[0, "a"]]),
        (ABC, Entry(0, None, "c"), [[0, "c"]]),
    ],
)
def test_a_new_plan_replaces_the_entries_from_its_update_on(history, new, expected):
    assert [[one[0], one[2]] for one in history.with_plan(new).entries] == expected


@table("update", [4, 5, 8, 9, 10])
def test_a_rewind_keeps_the_current_plan(update):
    found = ABC.resumed_at(update, None)

    assert (found is ABC) == (update >= 9)
    assert [[one.update, one.text] for one in found.entries] == [
        [0, "a"], *[[5, "b"]] * (update > 5), [min(update, 9), "c"],
    ]  # fmt: skip


def test_bases_are_recorded_from_the_update_on_at_which_they_changed():
    changed = ABC.with_bases(C._replace(update=12), {AT: 0.5, ("lr", "1"): 1.0}, {AT: 0.1})

    first, *rest, last = changed.entries
    assert (first, rest) == (A._replace(bases=((AT, 0.1),)), [B, C])
    assert last == Entry(12, None, "c", ((AT, 0.5),))
    assert changed.with_bases(Entry(14, None, "c"), {AT: 0.5}, {}) == changed
    again = changed.with_bases(Entry(14, None, "c"), {AT: 0.7}, {AT: 0.5})
    assert again.entries == (*changed.entries, Entry(14, None, "c", ((AT, 0.7),)))
    rewound = changed.with_bases(Entry(9, None, "c"), {AT: 0.7}, {})
    assert rewound.entries == (first, B, Entry(9, None, "c", ((AT, 0.7),)))
    assert ABC.with_bases(C, {AT: 0.5}, {}) is ABC


def test_a_new_plan_has_the_bases_in_force():
    changed = ABC.with_bases(C._replace(update=12), {AT: 0.5}, {AT: 0.1})

    assert changed.with_plan(Entry(12, None, "d")).entries[-1] == Entry(12, None, "d", ((AT, 0.5),))
    assert changed.with_plan(Entry(20, None, "d")).entries == (*changed.entries, Entry(20, None, "d"))


@pytest.mark.parametrize(
    "history", [ABC, ABC.with_bases(C._replace(update=12), {AT: 0.5}, {AT: 0.1}), ABC.with_plan(FACTS)]
)
def test_a_history_reads_back_from_a_state(history):
    assert read_history(json.loads(json.dumps(history.as_data()))) == history
    assert history.as_data()[0][:3] == [0, None, "a"]


def test_a_plan_with_other_run_facts_is_an_entry_of_its_own():
    changed = ABC.with_plan(FACTS)

    assert changed.entries == (*ABC.entries, FACTS)
    assert changed.with_plan(FACTS._replace(update=20)) == changed


MOST = 100


def changes_of(seed: int, count: int):
    """Return plans after some more updates, each with a new base or none."""
    chance = random.Random(seed)
    return [(chance.randint(1, 9), chance.choice("abc"), chance.choice([None, 0.1, 0.5])) for _ in range(count)]


CHANGES = st.builds(changes_of, st.integers(0, 2**32), st.integers(0, 300))


def resumed(changes, *, rewind=0):
    """The history of a run that is resumed with each of these plans and bases."""
    history, update = History((A,)), 0
    for more, text, base in changes:
        update += more
        history = history.with_plan(Entry(update, None, text))
        if base is not None:
            history = history.with_bases(Entry(update, None, text), {AT: base}, {AT: 0.3})
    return history.with_plan(Entry(update - rewind, None, "d")) if 0 < rewind < update else history


@given(CHANGES)
def test_a_long_history_keeps_its_first_and_last_plans_the_bases_in_force_and_the_number_of_plans(changes):
    bounded = resumed(changes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state, "_LAST", 10**6)
        whole = resumed(changes)

    entries = bounded.entries
    assert len(entries) == min(MOST, len(whole.entries))
    assert sum(1 + one.left_out for one in entries) == len(whole.entries)
    assert entries[:10] == whole.entries[:10]
    assert entries[-89:] == whole.entries[-89:]
    assert state._last_of(entries) == state._last_of(whole.entries)
    assert read_history(json.loads(json.dumps(bounded.as_data()))) == bounded


@given(CHANGES, st.integers(1, 2000))
def test_a_run_that_is_rewound_to_before_the_gap_still_reports_it(changes, rewind):
    history = resumed(changes)
    gap = next((place for place, one in enumerate(history.entries) if one.left_out), None)
    rewound = resumed(changes, rewind=rewind)

    if gap is not None and history.entries[9].update < rewound.entries[-1].update <= history.entries[gap].update:
        assert rewound.entries[-1].left_out == history.entries[gap].left_out
