"""`paramsched change`: the new file, in the format of the old one."""

import json

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main

YAML = """\
horizon: 10000
lr: warmup("5%") >> cosine(to=0.1)
weight_decay: linear(to=0.5)
"""
HALF = ps.constant(0.5)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text(YAML)
    ps.dump(ps.loads(YAML), tmp_path / "plan.json")
    (tmp_path / "groups.yaml").write_text(
        "horizon: 100\nlr: cosine()\ngroups:\n  head: {lr: step(5)}\n  1: {lr: step(2)}\n"
    )
    return tmp_path


def call(*arguments, input=None):
    result = CliRunner().invoke(main, ["change", *map(str, arguments)], input=input, prog_name="paramsched")
    assert "Traceback" not in result.stderr
    return result


def printed(*arguments, input=None):
    result = call(*arguments, input=input)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def test_the_changed_plan_is_printed_as_a_file():
    message = printed(
        "-", "--at", "8000 steps", "--horizon", "9000 steps", 'lr=linear(previous, 0, over="1000 steps")', input=YAML
    )

    assert message.splitlines() == [
        "horizon: 9000",
        'lr: take(warmup("5%") >> cosine(to=0.1), 8000, 10000) >> linear(previous, over=1000)',
        "weight_decay: take(linear(to=0.5), 10000, 10000)",
    ]


@pytest.mark.parametrize(
    ("arguments", "method"),
    [
        (("8000", "lr=constant(0.5)"), lambda plan: plan.change(8000, lr=HALF)),
        (
            ("80%", "lr=constant(0.5)", "weight_decay=cosine()"),
            lambda plan: plan.change("80%", lr=HALF, weight_decay="cosine()"),
        ),
        (("10000", "--horizon", "12000"), lambda plan: plan.change(10_000, horizon=12_000)),
        (("8000", "--cooldown", "10%"), lambda plan: plan.cooldown(8000, "10%")),
        (
            ("8000", "--scale", "lr=0.5", "--scale", "weight_decay=2"),
            lambda plan: plan.scale(8000, lr=0.5, weight_decay=2),
        ),
    ],
    ids=["a field", "two fields", "a horizon", "a cooldown", "factors"],
)
@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_the_command_equals_the_method_and_keeps_the_format_of_the_file(folder, suffix, arguments, method):
    message = printed(f"plan.{suffix}", "--at", *arguments)

    assert ps.loads(message, suffix) == method(ps.loads(YAML))


@pytest.mark.parametrize(
    ("change", "binding"),
    [
        ("lr@head=constant(previous)", ps.Binding("lr", "constant(previous)", groups="head")),
        ("lr@1=linear(previous, 0, over=10)", ps.Binding("lr", "linear(previous, 0, over=10)", groups=1)),
        ("lr@last=true=constant(0.1)", ps.Binding("lr", "constant(0.1)", groups="last=true")),
    ],
    ids=["by name", "by index", "by an entry"],
)
def test_one_group_can_be_changed(folder, change, binding):
    before = ps.load("groups.yaml")

    assert ps.loads(printed("groups.yaml", "--at", 50, change)) == before.change(50, binding)


def test_the_result_is_written_to_a_file_in_the_format_of_its_suffix(folder):
    assert printed("plan.yaml", "--at", 8000, "lr=constant(0.5)", "-o", "new.json") == ""
    assert json.loads((folder / "new.json").read_text())["horizon"] == 10_000

    assert printed("plan.yaml", "--at", 8000, "lr=constant(0.5)", "-o", "plan.yaml") == ""  # overwrites the old file
    assert ps.load("plan.yaml") == ps.loads(YAML).change(8000, lr="constant(0.5)")
    assert printed("plan.json", "--at", 8000, "lr=constant(0.5)", "--to", "yaml").startswith("horizon: 10000")


def test_a_line_of_text_becomes_a_file():
    assert printed("cosine()", "--at", 80, "lr=constant(0.5)") == "lr: take(cosine(), 80) >> constant(0.5)\n"


def test_comments_are_dropped_with_a_note(folder):
    (folder / "plan.yaml").write_text("# mine\n" + YAML)

    assert (
        call("plan.yaml", "--at", 8000, "lr=constant(0.5)").stderr == "note: the comments of plan.yaml are not kept\n"
    )


def test_a_cooldown_may_begin_at_the_end(folder):
    assert printed("plan.yaml", "--at", "100%", "--cooldown", "100").startswith("horizon: 10100")


@pytest.mark.parametrize(
    ("arguments", "notes"),
    [
        (
            ("5000", "--horizon", "20000"),
            [
                "note: lr keeps its last value from 10000 to 20000; no schedule was passed for it. For example: "
                "'lr=linear(previous, 0)'",
                "note: weight_decay keeps its last value from 10000 to 20000; no schedule was passed for it. "
                "For example: 'weight_decay=linear(previous, 0)'",
            ],
        ),
        (
            ("10001", "--horizon", "20000", "lr=linear(previous, 0)", "weight_decay=constant(previous)"),
            [
                f"note: {name} keeps its last value from 10000 to 10001, where its new schedule begins"
                for name in ("lr", "weight_decay")
            ],
        ),
        (("10000", "--horizon", "20000", "lr=constant(previous)", "weight_decay=constant(previous)"), []),
        (("10000", "--horizon", "20000"), []),
        (("100%", "--horizon", "20000"), []),
        (("5000", "--horizon", "9000"), []),
        (("5000", "--horizon", "10000", "lr=linear(previous, 0)"), []),
    ],
    ids=["longer", "changed later", "changed at the end", "extended", "extended at 100%", "shorter", "as long"],
)
def test_values_that_stay_in_a_longer_run_are_noted(folder, arguments, notes):
    assert call("plan.yaml", "--at", *arguments).stderr.splitlines() == notes


def test_a_schedule_that_does_not_depend_on_the_length_has_no_note(folder):
    (folder / "plan.yaml").write_text("horizon: 100\nlr: warmup(10) >> constant()\n")
    assert call("plan.yaml", "--at", "50", "--horizon", "200").stderr == ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("8000",), 2, "Pass exactly one of: FIELD=SCHEDULE (and --horizon), --cooldown, --scale"),
        (("8000", "lr=constant(0.5)", "--cooldown", "100"), 2, "Pass exactly one of"),
        (("soon", "lr=constant(0.5)"), 2, "--at: "),
        (("8000", "lr"), 2, "lr: expected FIELD=SCHEDULE"),
        (("8000", "--scale", "lr"), 2, "For example: --scale lr=0.5"),
        (("8000", "horizon=9000"), 2, "horizon is an option, not a field. Write --horizon 9000"),
        (("8000", "--scale", "at=2"), 2, "at is an option, not a field"),
        (("8000", "lr=constant(0.5)", "--to", "yml"), 2, 'did you mean "yaml"?'),
        (("8000", "lr=cosin()"), 1, 'unknown schedule "cosin"; did you mean "cosine"?'),
        (("8000", "weight_decy=0.5"), 1, 'did you mean "weight_decay"?'),
        (("8000", "--scale", "weight_decy=0.5"), 1, 'did you mean "weight_decay"?'),
        (("12000", "lr=constant(0.5)"), 1, 'the run ends at "10000". Use an earlier time'),
        (("12000", "--scale", "lr=0.5"), 1, 'the run ends at "10000". Use an earlier time, or make the run longer'),
        (("12000", "--cooldown", "100"), 1, 'the run ends at "10000". Use an earlier time. For a longer run: '),
    ],
    ids=[
        "no change", "two things", "no time", "no schedule", "no factor", "an option", "an option scaled", "no format",
        "a slip in a shape",
        "a misspelled field", "a misspelled scaled field", "after the end", "scaled after it", "cooled down after it",
    ],
)  # fmt: skip
def test_invalid_arguments_are_rejected(folder, arguments, code, message):
    result = call("plan.yaml", "--at", *arguments)

    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr


def test_a_change_of_another_program_in_the_meantime_is_kept(folder, monkeypatch):
    changed_by_others = YAML + "momentum: linear()\n"
    cooldown = ps.Plan.cooldown

    def slow(plan, *arguments):
        (folder / "plan.yaml").write_text(changed_by_others)
        return cooldown(plan, *arguments)

    monkeypatch.setattr(ps.Plan, "cooldown", slow)
    ended = CliRunner().invoke(main, ["change", "plan.yaml", "--at", "8000", "--cooldown", "100", "-o", "plan.yaml"])

    assert ended.exit_code == 1
    assert "another program has changed the file" in ended.stderr
    assert (folder / "plan.yaml").read_text() == changed_by_others
