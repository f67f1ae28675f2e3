"""Reading and writing a file keeps the order of its fields; equality of plans ignores the order."""

import pickle

import pytest

import paramsched as ps

FIRST = "weight_decay: constant(0.5)\nlr: cosine()\nbetas[0]: linear()\n"
OTHER = "lr: cosine()\nbetas[0]: linear()\nweight_decay: constant(0.5)\n"


@pytest.mark.parametrize("text", [FIRST, OTHER], ids=["weight decay first", "lr first"])
def test_reading_and_writing_yaml_keeps_the_order_of_fields(text):
    written = ps.dump(ps.loads(text))

    assert written is not None
    assert [line.split(":")[0] for line in written.splitlines()] == [line.split(":")[0] for line in text.splitlines()]


def test_a_conversion_keeps_the_order_of_fields_of_groups_and_of_targets():
    text = (
        "groups:\n  tail:\n    weight_decay: constant(0.1)\n    lr: linear()\n  head:\n    lr: cosine()\n"
        "targets:\n  zeta: {initial: 1, schedule: linear()}\n  alpha: {initial: 2, schedule: cosine()}\nhorizon: 10\n"
    )

    written = ps.dump(ps.loads(text), format="json")

    assert written is not None
    places = [written.index(word) for word in ("tail", "weight_decay", "head", "zeta", "alpha")]
    assert places == sorted(places)


def test_plans_that_differ_only_in_order_are_equal():
    one, other = ps.loads(FIRST), ps.loads(OTHER)

    assert (one, hash(one), str(one), one.fingerprint, one.text) == (
        other,
        hash(other),
        str(other),
        other.fingerprint,
        other.text,
    )
    assert not ps.diff(one, other).changes


def test_a_copy_and_a_resolved_plan_keep_the_order():
    plan = ps.loads(FIRST)

    kept = [pickle.loads(pickle.dumps(plan)), plan.resolve(ps.Calendar(total=10))]

    assert [[binding.name for binding in one.as_written()] for one in kept] == [["weight_decay", "lr", "betas[0]"]] * 2
