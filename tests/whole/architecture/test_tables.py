"""A table of cases in one test reports each case that fails."""

from contextlib import contextmanager

import pytest

from support.tables import table


class Subtests:
    """Records the failures, like the fixture of pytest."""

    def __init__(self):
        self.failed = []

    @contextmanager
    def test(self, **case):
        try:
            yield
        except (AssertionError, pytest.fail.Exception):
            self.failed.append(case)


def test_each_failing_case_is_reported_with_its_values_and_later_cases_run():
    subtests, run = Subtests(), []

    @table(("text", "length"), [("a", 1), ("bc", 3), ("d", None), ("e", 1)])
    def test(text, length, shared):
        shared.append(text)
        if length is None:
            pytest.fail("no length")
        assert len(text) == length

    test(subtests, shared=run)

    assert run == ["a", "bc", "d", "e"]
    assert subtests.failed == [{"text": "bc", "length": 3}, {"text": "d", "length": None}]


def test_a_table_without_cases_fails():
    @table("text", [])
    def test(text):
        pass

    with pytest.raises(AssertionError, match="at least one case"):
        test(Subtests())
