"""Options that a command does not have, or that do not fit together: one line with what to write instead."""

import json
import shlex

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.cli._options import PlanOptions
from paramsched.cli._plan_input import title_of_plans
from paramsched.cli._traces import trace_plan_inputs
from support.registered_shapes import shapes_as_before
from support.tables import table

HOOKS = """import paramsched as ps
@ps.shape
def halving_of_a_test(over: int = 3) -> ps.extend.Schedule:
    "Halve."
    return ps.step(over, 0.5)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text("total: 100\nlr: warmup(10) >> cosine()\n")
    (tmp_path / "plan.txt").write_text("lr: cosine()\n")
    (tmp_path / "log.csv").write_text("step,lr\n0,0.1\n1,0.1\n")
    (tmp_path / "hooks_of_a_test.py").write_text(HOOKS)
    (tmp_path / "broken_in_a_test.py").write_text("1/0\n")
    with shapes_as_before():
        yield tmp_path


def run(command):
    return CliRunner().invoke(main, shlex.split(command))


@table(
    ("command", "code", "said"),
    [
        ("show halving_of_a_test(4) --total 9 --import hooks_of_a_test --at 5", 0, "     5  0.5"),
        ("check cosine() --total 0", 2, "--total 0: a run must have at least 1 update"),
        ("show plan.yaml --base lr 0.1 --at 5", 2, "got \"lr\". For example: --base lr=0.1"),
        ("show plan.yaml --base betas[0] --at 5", 2, "--base betas[0]: expected a finite number"),
        ("show plan.yaml --import broken_in_a_test", 2, "broken_in_a_test: ZeroDivisionError: division by zero"),
        ("show plan.yaml --import missing_in_a_test", 2, "ModuleNotFoundError: No module named 'missing_in_a_test'"),
        ("show recipe:llama3", 1, 'did you mean "llama3-405b"? Write recipe:llama3-405b'),
        ("show recipe:zzz", 1, "recipe:zzz: no such recipe. `paramsched recipes` lists all recipes"),
        ("show llama3-405b", 2, "llama3-405b: no such file. Write recipe:llama3-405b"),
        ("show plan.yaml --at 5 -o x.svg", 2, "Leave one of the two out"),
        ("show plan.yaml -o x --to gif", 2, "--to gif: unknown format of pictures. Use one of svg, html, png, pdf"),
        ("show plan.yaml -o x.gif", 2, "must be one of .svg, .html, .png, .pdf. Write --output x.svg"),
        ("show plan.yaml -o .", 2, "must be one of .svg, .html, .png, .pdf. Write --output plan.svg"),
        ("show plan.yaml -o -", 2, "--output -: the format of the picture is missing. Write --to svg"),
        ("convert plan.yaml --base 0.1", 2, "--base: it is for a table of values. Write --to csv"),
        ("audit log.csv --plan plan.yaml --column lr", 2, "FIELD=NAME. For example: --column lr=learning_rate"),
        ("audit log.csv --plan plan.yaml --amount tokens", 2, "the plan's clock counts updates. Leave --amount out"),
        ("audit log.csv --plan linear()", 2, "For example: --total 10_000"),
        ("diff plan.yaml linear() --steps-per-epoch 5", 2, "For example: --total 10_000"),
        ("check plan.txt", 1, "For example: --format yaml"),
        ("resume log.csv --on-change x", 2, "--on-change x: expected one of new, checkpoint, error"),
        ("resume log.csv --on-change new --on-change lr=error", 2, "one of them for each field. Write --on-change new"),
        ("resume log.csv", 2, "log.csv: not a PyTorch checkpoint. Pass a file saved with torch.save"),
        ("show plan.yaml --to svg", 2, "--to svg: it is for the picture in a file. Write --output plan.svg"),
        ("show plan.yaml --title Mine", 2, "--title Mine: it is for the picture in a file. Write --output plan.html"),
        ("resume log.csv --history --plan plan.yaml", 2, "Write paramsched resume log.csv --history"),
        ("resume log.csv --history", 2, "log.csv: not a PyTorch checkpoint. Pass a file saved with torch.save"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(command, code, said, folder):
    done = run(command)

    assert (done.exit_code, said in done.output) == (code, True), done.output


def test_reports_of_a_log_for_programs(folder):
    same, other = (json.loads(run(f"audit log.csv --plan 'constant({c})' --base lr=0.1 --json").stdout) for c in (1, 2))

    assert (same["equal"], same["first"], same["log"], same["values"]) == (True, None, "log.csv", 2)
    first = {"t": 0, "field": "lr", "group": 0, "logged": 0.1, "planned": 0.2}
    assert (other["equal"], other["first"]) == (False, first)
    assert run("audit log.csv --plan 'constant(2)' --base lr=0.1").exit_code == 1
    assert run("audit log.csv --plan 'constant(1)' --base lr=0.1").exit_code == 0
    (folder / "log.csv").write_text("step,lr\n0,0.1\n1,inf\n")
    infinite = run("audit log.csv --plan 'constant(1)' --base lr=0.1 --json")
    assert json.loads(infinite.stdout, parse_constant=pytest.fail)["first"]["logged"] is None


def test_recipes_for_programs():
    (found,) = json.loads(run("recipes llama3-405b --json").stdout)

    recipe = ps.recipes["llama3-405b"]
    assert (found["name"], found["area"], found["source"]) == (recipe.name, recipe.area, recipe.source)
    assert found["facts"] == {
        name: one for name in recipe.facts.__dataclass_fields__ if (one := getattr(recipe.facts, name)) is not None
    }


def test_the_states_of_a_run_for_programs(folder):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="linear()", total=10))
    for _ in range(4):
        optimizer.step()
    torch.save({"o": optimizer.state_dict(), "s": scheduler.state_dict()}, folder / "a.pt")

    report = json.loads(run("resume a.pt --json --updates 2").stdout)
    history = json.loads(run("resume a.pt --history --json").stdout)
    changed = run("resume a.pt --plan 'cosine()' --total 10 --json")

    assert (report["update"], report["clock"], report["optimizer"], report["scheduler"]) == (4, "updates", "o", "s")
    assert [(one["update"], one["stored"]) for one in report["rows"]] == [(4, report["rows"][0]["value"]), (5, None)]
    assert report["rows"][0]["value"] == pytest.approx(0.06)
    assert (report["differs"], report["changes"], report["ignored"]) == (False, [], [])
    assert history == [{"update": 0, "amount": None, "plan": "total: 10\nlr: linear()", "changes": None}]
    assert (changed.exit_code, json.loads(changed.stdout)["differs"]) == (1, True)
    assert [one["what"] for one in json.loads(changed.stdout)["changes"]] == ["lr"]
    assert run("resume a.pt --history").output == "from update 0:\n  total: 10\n  lr: linear()\n"


def test_a_total_is_for_the_plans_without_one(folder):
    options = PlanOptions({"total": "80"})

    both, _ = trace_plan_inputs(["cosine()", "plan.yaml"], options)

    assert [one.total for _, one in both.plans] == [80, 100]
    with pytest.raises(ps.errors.InvalidArgument, match="but total=80"):
        trace_plan_inputs(["plan.yaml", "cosine()"], options)


@table(
    ("given", "title"),
    [(["plan.yaml"], "plan.yaml"), (["cosine()"], "Plan"), (["cosine()", "-"], "Plans"),
     (["plan.yaml", "log.csv", "cosine()"], "plan.yaml, log.csv")],
)  # fmt: skip
def test_the_title_of_a_picture_names_its_files(given, title, folder):
    assert title_of_plans(given) == title


def test_a_terminal_without_braille_gets_ascii(folder):
    done = CliRunner(charset="ascii").invoke(main, ["show", "plan.yaml"])

    assert done.exit_code == 0
    assert "*" in done.output
    assert "\\u" not in done.output


def test_the_advised_base_of_a_log_names_the_group_only_if_there_are_several(folder):
    (folder / "log.csv").write_text("step,lr\n5,0.05\n6,0.06\n")
    (folder / "two.csv").write_text("step,lr[a],lr[b]\n0,0.5,0.25\n1,0.4,0.2\n")
    (folder / "groups.yaml").write_text("total: 9\ngroups:\n  a: {lr: cosine()}\n  b: {lr: linear()}\n")

    one, two = (run(command) for command in ("show plan.yaml --used log.csv", "show groups.yaml --used two.csv"))

    assert one.output.splitlines()[-1].endswith(
        "the base of lr is unknown, so it is not compared. For example: --base lr=0.1"
    )
    assert two.output.splitlines()[-1].endswith("For example: --base lr@a=0.5,lr@b=0.25")
    assert run("show plan.yaml --used log.csv --base lr=0.1").exit_code == 0
