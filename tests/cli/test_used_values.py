"""`paramsched show -o FILE --used`: the values that a run used, drawn over its plan."""

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main

PLAN = ps.Plan(ps.Binding("lr", "linear()", groups="head"), lr="cosine()", total=40)
BASES = [{"name": "default", "lr": 0.1}, {"name": "head", "lr": 1.0}]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ps.dump(PLAN, "plan.yaml")
    return tmp_path


def plot(*options):
    return CliRunner().invoke(main, ["show", "plan.yaml", "-o", "run.html", *options])


def write_log(folder, written, changed=()):
    trace = ps.trace(PLAN, BASES)
    rows = [
        [t, *(written(trace["lr", group][t] * (1.5 if t in changed else 1)) for group in ("default", "head"))]
        for t in range(30)
    ]
    text = "\n".join(",".join(map(str, row)) for row in [["t", "lr/default", "lr/head"], *rows])
    (folder / "used.csv").write_text(text)


GIVEN = ("--used", "used.csv", "--base", "lr@default=0.1,lr@head=1")


@pytest.mark.parametrize("written", [repr, "{:.5g}".format])
def test_a_run_that_followed_the_plan_agrees_within_the_digits_of_its_log(folder, written):
    write_log(folder, lambda value: written(float(value)))

    assert plot(*GIVEN).exit_code == 0
    assert "planned = used at 30 of 30 updates" in (folder / "run.html").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--used", "used.csv"),
            "lr@head is unknown, so it is not compared. For example: --base lr@default=0.1,lr@head=1.0",
        ),
        (("--used", "empty.csv", *GIVEN[2:]), "is empty"),
        (("--used", "others.csv", *GIVEN[2:]), "none of its columns belongs to a curve of the plan"),
        ((*GIVEN, "plan.yaml"), "plan.yaml was passed twice"),
    ],
)
def test_a_log_that_cannot_be_plotted_over_the_plan_is_rejected(folder, options, message):
    write_log(folder, lambda value: repr(float(value)))
    (folder / "empty.csv").write_text("")
    (folder / "others.csv").write_text("t,lr/tail\n0,1\n")

    result = plot(*options)

    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_a_log_can_be_plotted_over_one_plan_only(folder):
    write_log(folder, lambda value: repr(float(value)))
    ps.dump(PLAN, "other.yaml")

    assert "--used needs a single plan, but 2 were passed" in plot(*GIVEN, "other.yaml").output


def shown_picture(*options):
    return CliRunner().invoke(main, ["show", "plan.yaml", "--ascii", *options])


def test_runs_are_named_by_the_shortest_distinct_part_of_their_paths(folder):
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "log.csv").write_text("t,loss\n0,2.0\n39,1.0\n")

    result = shown_picture("--used", "a/log.csv", "--used", "b/log.csv", "--used", "best=a/log.csv")

    assert result.exit_code == 0
    assert all(f"{name}   2 -> 1" in result.output for name in ("a/log.csv", "b/log.csv", "best"))
    assert "only metrics are drawn" in result.output


def test_values_and_metrics_of_one_log_are_plotted_and_a_missing_base_is_noted(folder):
    write_log(folder, lambda value: repr(float(value)), changed=(7,))
    text = (folder / "used.csv").read_text().splitlines()
    measured = [f"{row},{index},{index}" for index, row in enumerate(text[1:])]
    (folder / "used.csv").write_text("\n".join([f"{text[0]},loss,f", *measured]))

    result = shown_picture(*GIVEN[:3], "lr@head=1", "--metric", "loss")

    assert "used differs from planned at 1 of 30 updates: 7" in result.output
    assert (
        "the base of lr@default is unknown, so it is not compared. For example: --base lr@default=0.1\n"
        in result.output
    )
    assert "loss   0 -> 29" in result.output
    assert "\nf\n" not in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--metric", "loss"), "it needs a log. Write --used run.csv"),
        (("--used", "used.csv", "--metric", "los"), "column 'los' of used.csv"),
        (
            ("--used", "used.csv", "--used", "used.csv"),
            "--used used.csv was passed twice. Pass each log once, or give it a name: --used first=used.csv",
        ),
    ],
)
def test_runs_that_cannot_be_plotted_are_rejected(folder, options, message):
    (folder / "used.csv").write_text("t,loss\n0,1.0\n")

    result = shown_picture(*options)

    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
