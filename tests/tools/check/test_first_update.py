"""The note that the first update has the rate 0, with a line whose first value is above 0."""

import re

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.tools.check.first_update import note_of_first_update
from support.tables import table

BEGIN_AT_ZERO = [  # the plan, the line
    ("lr: warmup(10) >> cosine()", 'warmup(10, index="(t+1)/n") >> cosine()'),
    ("lr: warmup(5)", 'warmup(5, index="(t+1)/n")'),
    ("lr: absolute(warmup(10, to=3e-4) >> cosine(start=3e-4, to=0))", None),
    ("lr: 0.5 * warmup(4) >> 0.5 * cosine()", None),
    ('lr: warmup(3) * cosine() * plateau("loss")', None),
    ("lr: linear(0, 0.5, 10) >> cosine(start=0.5)", None),
    ("lr: linear(absolute(0), 1, 10, index='t/n') >> cosine()", None),
    ("lr: (warmup(3) >> constant()) * constant(0.5)", None),
    ("groups: {head: {lr: warmup(10)}}", 'warmup(10, index="(t+1)/n")'),
    ("lr: warmup(5)\ngroups: {head: {lr: warmup(10)}}", 'warmup(5, index="(t+1)/n")'),
]

BEGIN_ABOVE = [
    "lr: cosine()",
    'lr: warmup(10, index="(t+1)/n") >> cosine()',
    'lr: warmup(10, index="(t+1)/(n+1)") >> cosine()',
    "lr: warmup(10, start=0.1) >> cosine()",
    "lr: warmup(11) >> cosine()",  # whose first update would have less than a tenth of base
    'lr: warmup("5%") >> cosine()',
    "lr: constant()\ngroups: {head: {lr: warmup(10)}}",  # the other groups train
    "weight_decay: warmup(10)",
    "targets: {lr: {initial: 1.0, schedule: warmup(10)}}",
    "lr: 0",
    "lr: linear(0, 1)",  # whose length is not known
    "lr: absolute(cosine(start=0.1, to=0.01))",
    "lr: cosine(start=0.5, to=0) * linear(1, 0)",
]


@table(("text", "line"), BEGIN_AT_ZERO)
def test_a_short_warmup_from_zero_has_a_line_that_begins_above_zero_when_pasted(text, line):
    plan = ps.loads(text)
    found = re.fullmatch(r"the lr of the first update is 0\. To begin .* write (.*)", note_of_first_update(plan))

    assert line is None or found[1] == line
    schedules = plan.bindings[0].schedule, ps.parse(found[1])
    before, pasted = (ps.resolve(one, ps.Calendar(total=100)) for one in schedules)
    assert before(0) == 0 < pasted(0)
    assert pasted(99) == before(99)


@table("text", BEGIN_ABOVE)
def test_other_plans_have_no_note(text):
    assert note_of_first_update(ps.loads(text)) == ""


@pytest.mark.door("show")
@pytest.mark.parametrize("command", [["check"], ["show", "--horizon", "100", "--table"], ["show", "--horizon", "100"]])
def test_check_and_show_print_the_note_on_standard_error_and_succeed(command, tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text("lr: warmup(10) >> cosine()\n")

    done = CliRunner().invoke(main, [command[0], str(plan), *command[1:]])

    assert done.exit_code == 0
    assert 'To begin at 1/10 of base write warmup(10, index="(t+1)/n") >> cosine()' in done.stderr
    assert "first update" not in done.stdout


@pytest.mark.door("show")
@pytest.mark.peer("transformers")
@pytest.mark.parametrize("command", [["check"], ["show", "--table"]])
def test_a_plan_read_from_another_library_has_no_note(command, tmp_path):
    config = tmp_path / "config.json"
    config.write_text('{"learning_rate": 0.1, "lr_scheduler_type": "cosine", "warmup_steps": 10, "max_steps": 100}')

    done = CliRunner().invoke(main, [command[0], str(config), "--format", "transformers", *command[1:]])

    assert done.exit_code == 0
    assert "first update" not in done.stderr


def test_a_start_of_one_nth_is_refused_in_python_and_in_a_file_too():
    with pytest.raises(ps.errors.InvalidArgument):
        ps.warmup(10, start="1/n")
    with pytest.raises(ps.errors.ConfigError):
        ps.loads("lr: warmup(10, '1/n')")
