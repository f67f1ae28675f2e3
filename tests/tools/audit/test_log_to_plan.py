"""The log of a run as a plan that reproduces the logged values bit for bit."""

import json

import numpy as np
import pytest
import torch

import paramsched as ps
from paramsched.core.schedules import Schedule
from paramsched.errors import InvalidArgument
from paramsched.tools.audit import UnreadableLog

RATES = [0.1 * 0.97**t for t in range(40)]


@pytest.fixture
def write(tmp_path):
    """Write a log; return its path."""

    def write_log(content, name="values.jsonl"):
        file = tmp_path / name
        file.write_text(content if isinstance(content, str) else "\n".join(map(json.dumps, content)))
        return file

    return write_log


def ours(rates, **more):
    return [{"t": t, "groups": [{"lr": rate, **more}]} for t, rate in enumerate(rates)]


def the_line(plan) -> Schedule:
    (binding,) = plan.bindings
    return binding.schedule


def values_used(plan, updates, *rates):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    ps.Scheduler(optimizer, plan)
    used = []
    for _ in range(updates):
        used.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
    return used


def test_a_logged_run_is_reproduced_for_any_base(write):
    rows = [{"t": t, "groups": [{"lr": rate}, {"lr": rate / 3}]} for t, rate in enumerate(RATES)]
    plan = ps.plan_from_log(write(rows))

    assert values_used(plan, 40, 7.0, 0.5) == [[rate, rate / 3] for rate in RATES]
    assert plan.horizon == ps.Duration.of(40)
    assert ps.loads(ps.dump(plan)) == plan


def test_every_field_is_read_and_equal_groups_are_merged(write):
    rows = [{"t": t, "groups": [{"lr": rate, "weight_decay": 0.01}] * 3} for t, rate in enumerate(RATES)]
    plan = ps.plan_from_log(write(rows))

    assert [(binding.name, binding.groups) for binding in plan.bindings] == [("lr", None), ("weight_decay", None)]
    assert str(plan.bindings[1].schedule) == "constant(absolute(0.01))"


def test_fields_can_be_selected(write):
    file = write(ours(RATES, weight_decay=0.01))

    assert [binding.name for binding in ps.plan_from_log(file, ["lr"]).bindings] == ["lr"]
    with pytest.raises(UnreadableLog, match="the log has lr, weight_decay, not momentum"):
        ps.plan_from_log(file, ["momentum"])


def test_values_that_change_per_epoch_need_one_number_per_epoch(write):
    rates = [0.1 * 0.5 ** (t // 7) for t in range(40)]
    schedule = the_line(ps.plan_from_log(write(ours(rates))))

    assert str(schedule) == "table([0.1, 0.05, 0.025, 0.0125, 0.00625, 0.003125], 7, absolute=True)"
    assert schedule(np.arange(40)).tolist() == rates


def test_rows_after_a_resume_replace_earlier_rows(write):
    rows = ours([0.1, 0.2, 0.3, 0.4]) + [{"t": t, "groups": [{"lr": 9.0 + t}]} for t in (2, 3, 4)]

    assert the_line(ps.plan_from_log(write(rows)))(np.arange(6)).tolist() == [0.1, 0.2, 11.0, 12.0, 13.0, 13.0]


@pytest.mark.parametrize("steps", [[5, 15, 25, 35], [5, 6, 25, 35]], ids=["even", "uneven"])
def test_a_value_between_logged_updates_is_kept_or_interpolated(write, steps):
    rows = "".join(f"{step},{RATES[step]!r}\n" for step in steps)
    file = write("step,lr\n" + rows, "log.csv")

    held, joined = (the_line(ps.plan_from_log(file, curve=curve)) for curve in (None, ps.curves.linear))

    for schedule in (held, joined):
        assert schedule(np.array(steps)).tolist() == [RATES[step] for step in steps]
        assert schedule(0) == RATES[5]
        assert schedule(1000) == RATES[35]
    assert held(34) == RATES[25]
    assert joined(30) == pytest.approx((RATES[25] + RATES[35]) / 2)


def test_columns_and_groups_can_have_names(write):
    file = write("it,rate,rate_head\n0,0.1,0.01\n1,0.2,0.02\n", "log.csv")
    plan = ps.plan_from_log(file, columns={"lr@body": "rate", "lr@head": "rate_head"}, time="it")

    assert {binding.groups for binding in plan.bindings} == {"body", "head"}
    with pytest.raises(UnreadableLog, match="two columns belong to the same group"):
        ps.plan_from_log(file, columns={"lr": "rate", "lr@head": "rate_head"}, time="it")


def test_the_trace_of_a_plan_is_reproduced(tmp_path):
    trace = ps.trace(
        ps.Plan(lr="warmup(9) >> cosine()", weight_decay="cosine_wave(7.5) * table([0.1, 0.9, 0.4], 3)", horizon=50),
        {"lr": 0.3, "weight_decay": 0.1},
    )
    trace.to_csv(tmp_path / "trace.csv")
    again = ps.trace(ps.plan_from_log(tmp_path / "trace.csv"), {"lr": 5.0, "weight_decay": 0.0})

    for field in ("lr", "weight_decay"):
        assert again[field].tolist() == trace[field].tolist()


def test_the_values_of_a_long_log_are_written_to_a_file(write, tmp_path):
    file = write("t,lr\n" + "".join(f"{t},{0.1 / (1 + t)!r}\n" for t in range(12_000)), "log.csv")

    with pytest.raises(InvalidArgument, match=r'got 12,000.*For example: tables="replay"'):
        ps.plan_from_log(file)
    plan = ps.plan_from_log(file, tables=tmp_path / "replay")

    assert (tmp_path / "replay" / "log.lr.csv").read_text().startswith("lr\n0.1\n0.05\n")
    assert the_line(plan)(np.arange(12_000)).tolist() == [0.1 / (1 + t) for t in range(12_000)]
    ps.dump(plan, tmp_path / "replay" / "plan.yaml")
    assert ps.load(tmp_path / "replay" / "plan.yaml") == plan


def test_a_long_run_with_few_changes_is_a_short_text(write):
    schedule = the_line(ps.plan_from_log(write("t,lr\n0,1\n100001,0.5\n200003,0.25\n", "log.csv")))

    assert len(str(schedule)) < 100
    assert schedule(np.array([100_000, 100_001, 200_002, 200_003])).tolist() == [1.0, 0.5, 0.5, 0.25]


def test_the_first_number_of_a_log_may_be_1(write):
    file = write("step,lr\n1,0.5\n2,0.25\n", "log.csv")

    assert the_line(ps.plan_from_log(file, first=1))(np.arange(2)).tolist() == [0.5, 0.25]
    with pytest.raises(UnreadableLog, match=r"at least first=2, got 1"):
        ps.plan_from_log(file, first=2)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("trainer_state.json", "[]", "log_history, a list of objects, is missing"),
        ("trainer_state.json", "{", "invalid JSON"),
        ("trainer_state.json", '{"log_history": [{"step": 1, "loss": 2}]}', "no row has"),
        ("state.json", '{"log_history": [1]}', "log_history, a list of objects, is missing"),
        ("values.jsonl", '{"t": 0, "groups": []}', "the log has no values"),
        ("log.csv", "t,loss\n0,1\n", "no column looks like a learning rate"),
        ("values.jsonl", '{"t": 0, "groups": [{"../lr": 1}]}', "expected the name of a field"),
        ("log.csv", "t,lr\n0,1e999\n", "that of update 0 is inf"),
        ("log.csv", "t,lr\n0,nan\n", "a plan has finite values, and that of update 0 is nan"),
    ],
)
def test_an_unreadable_log_is_reported(write, name, content, found):
    with pytest.raises(InvalidArgument, match=found):
        ps.plan_from_log(write(content, name))


@pytest.mark.door("cli")
def test_the_command_writes_the_plan_and_its_table_file(write, tmp_path, capsys):
    from paramsched.cli import main

    short, long = (
        write(ours([0.5, 0.25])),
        write("t,lr\n" + "".join(f"{t},{1 / (t + 1)!r}\n" for t in range(10_001)), "l.csv"),
    )

    for arguments in ([str(short), "--to", "yaml"], [str(long), "--from", "log", "-o", str(tmp_path / "plan.yaml")]):
        with pytest.raises(SystemExit) as ended:
            main(["convert", *arguments])
        assert not ended.value.code

    assert "lr: table([0.5, 0.25], absolute=True)" in capsys.readouterr().out
    assert ps.load(tmp_path / "plan.yaml").bindings[0].schedule(10_000) == 1 / 10_001


@pytest.mark.heavy
def test_a_run_of_the_trainer_is_reproduced(tmp_path):
    pytest.importorskip("transformers")
    from transformers import Trainer, TrainingArguments

    class Line(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def forward(self, x, y):
            return {"loss": ((self.layer(x) - y) ** 2).mean()}

    def recording_optimizer(model, used):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        optimizer.register_step_pre_hook(lambda own, *_: used.append(own.param_groups[0]["lr"]))
        return optimizer

    model, used = Line(), []
    arguments = TrainingArguments(
        output_dir=str(tmp_path), max_steps=12, per_device_train_batch_size=2, use_cpu=True, report_to=[],
        save_steps=12, logging_steps=1, disable_tqdm=True, warmup_steps=3,
    )  # fmt: skip
    rows = [{"x": torch.ones(1), "y": torch.ones(1)}] * 8
    trainer = Trainer(model, arguments, train_dataset=rows, optimizers=(recording_optimizer(model, used), None))
    trainer.train()

    plan = ps.plan_from_log(tmp_path / "checkpoint-12" / "trainer_state.json")

    assert len(set(used)) > 5
    assert the_line(plan)(np.arange(12)).tolist() == used
