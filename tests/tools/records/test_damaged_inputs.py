"""Damaged and unusual checkpoints and logs, and reports of a checkpoint."""

import os

import numpy as np
import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.core.plan import RunAmounts
from paramsched.tools.audit import (
    UnreadableLog,
    compare_with_plan,
    read_log,
)
from paramsched.tools.audit.match import AmountTimes
from support.tables import table

FIELDS = ["lr", "momentum", "weight_decay"]


def refused(read, *arguments, **options):
    with pytest.raises(UnreadableLog) as refusal:
        read(*arguments, **options)
    return refusal.value


@table(
    ("content", "name", "options", "message", "option"),
    [
        (f'step,lr\n0,"{"1" * 140_000}"\n', "log.csv", {}, "invalid CSV", None),
        (f'{{"step": 0, "lr": 1{"0" * 400}}}\n', "log.jsonl", {}, "got an integer too large for a float", "--column"),
    ],
)
def test_a_damaged_log_is_refused(tmp_path, content, name, options, message, option):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())

    error = refused(read_log, file, FIELDS, **options)

    assert message in str(error)
    assert error.option == option


def test_a_pipe_is_not_a_log(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    assert "expected a regular file" in refused(read_log, tmp_path / "pipe", FIELDS).problem.found


@table(
    ("name", "content", "columns", "instead", "option"),
    [
        ("log.csv", "step,a b\n0,1\n", {"lr": "a b"}, "For example: --column 'momentum=a b'", "--column"),
        ("log.jsonl", '{"t": 0, "groups": [{"lr": 1}]}', {}, "Pass a log of momentum", None),  # its fields are fixed
    ],
)
def test_a_plan_without_a_field_of_the_log_is_refused(tmp_path, name, content, columns, instead, option):
    file = tmp_path / name
    file.write_text(content)
    log = read_log(file, ["lr"], columns=columns)

    error = refused(compare_with_plan, log, ps.Plan(momentum="cosine()", total=5))

    assert error.problem.found == "the log has lr, and the plan schedules momentum"
    assert (error.problem.advice, error.option) == (instead, option)


@table("rows", [[0, 1, 5, 6], [3], [0, 2**23]])
def test_planned_amounts_of_a_log(rows):
    plan = ps.Plan(lr="linear(over='100 tokens')", clock="tokens", total="9000000000 tokens")
    facts = ps.RunFacts(tokens_per_step=7)
    from paramsched.core.plan import amounts_of_run

    times = AmountTimes.planned(amounts_of_run(plan.resolve(facts=facts), facts), np.array(rows))

    assert times(np.array(rows)).tolist() == [7 * t for t in rows]
    assert times(np.array([max(rows) + 1])).tolist() == [7 * (max(rows) + 1)]


class GrowingBatches(RunAmounts):
    """A run whose update t consumes 2 t + 1 tokens."""

    clock = "tokens"

    def amount_at(self, t):
        return t * t

    def amounts_from(self, t, amount, count):
        return amount + np.arange(t, t + count) ** 2

    def updates_until(self, amount):
        raise NotImplementedError


@table(("last", "is_exact"), [(2**22 - 2, True), (2**22 - 1, False)])
def test_the_amounts_of_updates_that_are_not_in_the_log_are_interpolated_in_a_long_one(last, is_exact):
    rows = np.array([0, 10, last])

    times = AmountTimes.planned(GrowingBatches(), rows)

    near = np.array([0, 1, 9, 10, 11, last - 1, last, last + 1])  # the next update and the previous one are causes
    assert times(near).tolist() == (near**2).tolist()
    assert (times(np.array([5])).item() == 25) == is_exact


def test_amounts_between_and_after_the_logged_updates():
    tokens = AmountTimes("tokens", np.array([0, 10, 20]), np.array([0.0, 100.0, 300.0]))
    progress = AmountTimes("progress", np.array([0, 10]), np.array([0.0, 0.5]))
    alone = AmountTimes("tokens", np.array([5]), np.array([70.0]))

    assert tokens(np.array([5, 15, 20, 21, 40])).tolist() == [50, 200, 300, 320, 700]
    assert progress(np.array([1, 20])).tolist() == [50_000_000, 1_000_000_000]
    assert alone(np.array([0, 9])).tolist() == [70, 70]
    assert AmountTimes("tokens", np.array([0, 3]), np.array([0.0, 100.0]))(np.array([1, 2])).tolist() == [33, 67]
    assert tokens(np.array([2**61])).tolist() == [2**62]


def test_a_run_by_progress_needs_the_logged_progress(tmp_path):
    file = tmp_path / "log.csv"
    file.write_text("step,lr\n0,1\n")

    error = refused(compare_with_plan, read_log(file, ["lr"]), ps.Plan(lr="cosine()", clock="progress"))

    assert "the log has no column progress" in error.problem.found


# ---------------------------------------------------------------------- plans from logs


# ---------------------------------------------------------------------- checkpoints


# ------------- a log without a plan


def printed(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output
