"""Damaged and unusual checkpoints and logs, and reports of a checkpoint."""

import io
import math
import os
import zipfile

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.core.plan import RunAmounts
from paramsched.tools.audit import (
    UnreadableLog,
    compare_with_plan,
    read_log,
    read_plan_history,
)
from paramsched.tools.audit.match import AmountTimes
from paramsched.tools.records.checkpoint_files import load_checkpoint
from paramsched.tools.records.checkpoint_log import read_groups
from paramsched.tools.records.saved_run import read_saved_run
from support.several import probes
from support.tables import table
from support.updates import probe, run

FIELDS = ["lr", "momentum", "weight_decay"]


def refused(read, *arguments, **options):
    with pytest.raises(UnreadableLog) as refusal:
        read(*arguments, **options)
    return refusal.value


@table(
    ("content", "name", "options", "found", "option"),
    [
        (f'step,lr\n0,"{"1" * 140_000}"\n', "log.csv", {}, "invalid CSV", None),
        (b'{"log_history": "\xff"}', "trainer_state.json", {}, "invalid JSON", None),
        (f'{{"step": 0, "lr": 1{"0" * 400}}}\n', "log.jsonl", {}, "got an integer too large for a float", "--column"),
    ],
)
def test_a_damaged_log_is_refused(tmp_path, content, name, options, found, option):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())

    error = refused(read_log, file, FIELDS, **options)

    assert found in str(error)
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
    seconds = AmountTimes("seconds", np.array([0, 10]), np.array([0.0, 5.0]))
    alone = AmountTimes("tokens", np.array([5]), np.array([70.0]))

    assert tokens(np.array([5, 15, 20, 21, 40])).tolist() == [50, 200, 300, 320, 700]
    assert seconds(np.array([1, 20])).tolist() == [500_000_000, 10_000_000_000]
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


def saved(folder, state, name="checkpoint.pt"):
    torch = pytest.importorskip("torch")
    torch.save(state, folder / name)
    return folder / name


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_files_that_torch_has_not_written_are_refused(tmp_path):
    file = tmp_path / "checkpoint.pt"
    pickled = b"\x80\x02c__builtin__\nbytearray\nK\x05\x85R."
    packed, overlapping = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", np.random.default_rng(0).bytes(1000))  # larger in the archive
    with zipfile.ZipFile(overlapping, "w") as archive:
        archive.writestr("a/data.pkl", b"0" * 1000)
        archive.filelist *= 2
    archived = io.BytesIO()
    with zipfile.ZipFile(archived, "w") as archive:
        archive.writestr("a/data.pkl", b"x" * (2**20 - 6) + pickled)  # across two chunks
    for content, actual in (
        (b"no pickle", "not a PyTorch checkpoint"),
        (b"\x80\x06", "not a PyTorch checkpoint"),
        (pickled, "its pickle creates a bytearray"),
        (packed.getvalue(), "compressed or overlap"),
        (overlapping.getvalue(), "compressed or overlap"),
        (b"\x7f", "not a PyTorch checkpoint"),
        (b"\x80", "torch cannot read it"),
        (b"\x80\x05.", "torch cannot read it"),
        (archived.getvalue(), "its pickle creates a bytearray"),
        (b"\x80\x02", "torch cannot read it"),
    ):
        file.write_bytes(content)
        assert actual in refused(read_log, file, FIELDS).problem.found


@table(
    ("state", "found"),
    [
        ({"model": 3}, "it contains no state of an optimizer"),
        ({"param_groups": [], "state": {}}, "it contains no state of an optimizer"),
        ({"param_groups": [{"lr": 0.1}], "state": {}}, "does not contain the number of completed updates"),
        ({"param_groups": [{"lr": 0.1}], "state": {0: {"step": -1}}}, "does not contain the number of completed"),
        ({"param_groups": [{"lr": 0.1}], "state": {0: {"step": 2.5}}}, "does not contain the number of completed"),
        ({"param_groups": [{"lr": 0.1}] * 100_001, "state": {0: {"step": 1}}}, "more than 100000 groups"),
        ({name: {"param_groups": [{"lr": 0.1}], "state": {}} for name in "ab"}, "it has several states: a, b"),
    ],
)
def test_checkpoints_without_the_values_of_one_optimizer_are_refused(tmp_path, state, found):
    assert found in str(refused(read_log, saved(tmp_path, state), FIELDS))


def test_the_values_of_a_checkpoint_are_those_of_the_next_update(tmp_path):
    state = {
        "param_groups": [{"lr": 0.25, "name": "body", "betas": (0.9, 0.99)}],
        "state": {0: {"step": 3}, 1: {"step": 5}},
    }

    logged = read_log(saved(tmp_path, {"optimizer": state}), ["lr"])

    actual = {column.field: (column.t.tolist(), column.values.tolist()) for column in logged.columns}
    assert actual == {"lr": ([5], [0.25]), "betas[0]": ([5], [0.9]), "betas[1]": ([5], [0.99])}
    assert logged.names == ("body",)
    assert logged.notes == ("the checkpoint was saved after 5 updates; its values are those of the next update",)
    state["param_groups"][0]["paramsched_t"] = 4
    assert read_log(saved(tmp_path, state), ["lr"], at=1).notes == (
        "the checkpoint was saved after 1 update; its values are those of the next update",
        "its scheduler has counted 4 updates",
    )
    assert len(read_log(saved(tmp_path, state), ["lr"], at=4).notes) == 1


# ------------- a log without a plan


@table(
    ("state", "position"),
    [
        ({"last_batch_iteration": 499}, 500),
        ({"last_batch_iteration": -1}, 0),
        ({"last_batch_iteration": -2}, None),
        ({"last_batch_iteration": "x"}, None),
        ({"last_batch_iteration": 2.5}, None),
        ({"last_epoch": 7, "base_lrs": [0.1], "_step_count": 8}, 7),
        ({"lr": 0.1}, None),
    ],
)
def test_the_position_of_a_scheduler_of_another_library(tmp_path, state, position):
    optimizer = {"param_groups": [{"lr": 0.1}], "state": {0: {"step": 3}}}

    run = read_saved_run(load_checkpoint(saved(tmp_path, {"optimizer": optimizer, "other": state})))

    assert [one.update for one in run.ignored] == ([] if position is None else [position])


def printed(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_the_name_of_an_optimizer_that_ends_with_another_name_is_found_first(tmp_path):
    optimizers = probes(["first", "a", "x.a"])
    plan = ps.Plan(lr="linear(over=100)")
    scheduler = ps.Scheduler(optimizers, plan)
    for _ in range(30):
        for optimizer in optimizers.values():
            optimizer.step()
    states = {"m": {"x": {"a": optimizers["x.a"].state_dict()}, "a": optimizers["a"].state_dict()}}
    states["other"] = optimizers["first"].state_dict()
    torch.save({**states, "scheduler": scheduler.state_dict()}, tmp_path / "last.pt")

    text = printed("resume", tmp_path / "last.pt")

    for name, path in (("first", "other"), ("a", "m.a"), ("x.a", "m.x.a")):
        assert f'optimizer {name} "{path}"' in text


def test_the_plans_of_a_run_are_in_the_state_of_the_optimizer_alone(tmp_path):
    relative = ps.Plan(lr="warmup('10%') >> cosine()")
    optimizer = probe(lr=0.1)
    ps.Scheduler(optimizer, relative, total=100)
    run(optimizer, 30)
    longer = probe(lr=0.1)
    ps.Scheduler(longer, relative, total=120)
    longer.load_state_dict(optimizer.state_dict())
    run(longer, 20)
    torch.save(longer.state_dict(), tmp_path / "last.pt")

    plans = read_plan_history(tmp_path / "last.pt")
    text = printed("resume", tmp_path / "last.pt", "--history").splitlines()
    row = next(line.split() for line in printed("resume", tmp_path / "last.pt").splitlines() if line.split()[0] == "50")

    assert [(plan.update, plan.plan) for plan in plans] == [(0, relative), (30, relative)]
    assert text[text.index("from update 30:") :][:2] == ["from update 30:", "  total: 100 -> 120"]
    assert float(row[3]) == float(row[4]) == pytest.approx(longer.param_groups[0]["lr"], rel=1e-5)  # of 6 digits
    assert read_log(tmp_path / "last.pt", ["lr"]).columns[0].values.tolist() == [longer.param_groups[0]["lr"]]


@pytest.mark.parametrize("scheduled", [True, False])
def test_the_groups_of_a_checkpoint_have_the_bases_that_are_known(scheduled, tmp_path):
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.AdamW([{"params": [weight], "name": "head"}], lr=0.1, weight_decay=0.02)
    if scheduled:
        ps.Scheduler(optimizer, ps.Plan(lr="linear(over=9)", **{"betas[0]": "linear(1, 0.5, over=9)"}))
    for _ in range(3):
        weight.grad = torch.ones(1)
        optimizer.step()
    torch.save({"optimizer": optimizer.state_dict()}, tmp_path / "last.pt")

    record = read_groups(tmp_path / "last.pt")

    (group,) = record.groups
    assert record.updates == 3
    assert group["name"] == "head"
    assert not any(key.startswith("paramsched") or key == "params" for key in group)
    assert group["lr"] == 0.1 if scheduled else math.isnan(group["lr"])
    assert [math.isnan(one) for one in group["betas"]] == [not scheduled, True]
    assert math.isnan(group["weight_decay"])


def test_a_checkpoint_without_a_number_of_updates_has_groups_all_the_same(tmp_path):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    torch.save({"optimizer": optimizer.state_dict()}, tmp_path / "last.pt")

    assert read_groups(tmp_path / "last.pt").updates is None
