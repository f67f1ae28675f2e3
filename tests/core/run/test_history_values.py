"""The history as a value: what a new plan, a rewind and changed bases leave of the earlier entries."""

import json

import pytest

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
