"""Plans as Python code: the values, the text, the lines that are refused, and the commands."""

import ast
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

import paramsched as ps
from paramsched.cli import main
from paramsched.core import schedules as shapes
from paramsched.errors import InvalidArgument, PlanError
from paramsched.tools.export import source
from support import hostile_inputs
from support.examples import at_most
from support.laws.drawing import worlds
from support.spread import every
from support.strategies import BUILDERS, GROUPS, cases, every_shape, plans
from support.tables import table

RUFF = shutil.which("ruff", path=str(Path(sys.executable).parent))
EXAMPLE = ps.Plan(lr='warmup("5%") >> cosine(to=0.1)', horizon=20000)
BOUND = 4e-15  # as the exporter allows
REFUSED = {"from_function"}
"""The shapes that no plan with them is exported for."""


def functions_in(text):
    """Run an exported module with nothing but the standard library, and return its functions by name."""
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [alias.name for node in imports for alias in node.names] in ([], ["math"])
    names = {}
    exec(text, names)
    return names["SCHEDULES"]


def largest_difference(values, planned):
    """Return the largest difference as a share of the largest planned value; 0 if all bits are equal."""
    wrong = ~((values == planned) | (np.isnan(values) & np.isnan(planned)))
    return np.abs(values - planned)[wrong].max(initial=0) / max(np.abs(planned).max(initial=0), 5e-324)


def require_clean(folder, *files):
    """Check the files with Ruff, in a configuration of their own."""
    if RUFF is None:
        pytest.skip("Ruff is not installed")
    for name, text in files:
        (folder / name).write_text(text)
    rules = ["--select", "E,F,W,I,B,D,N,SIM,RET,UP,PIE,C4", "--ignore", "D1,D203,D213"]
    for arguments in (["check", *rules], ["format", "--check", "--diff"]):
        ran = subprocess.run(
            [RUFF, *arguments, "--isolated", "--no-cache", "--line-length", "88", str(folder)],
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.heavy
def test_the_file_of_a_warmup_with_a_cosine(tmp_path):
    text = ps.to_python(EXAMPLE)

    assert (
        re.sub("difference .*", "difference 0.0", text)  # it depends on the sine of `math`
        == f'''\
"""Schedule of lr, exported by paramsched {ps.__version__}. It needs only Python.

horizon: 20000
lr: warmup("5%") >> cosine(to=0.1)

fingerprint: {EXAMPLE.fingerprint}
facts: none
checked: 20000 updates, largest difference 0.0
"""

import math


def lr(t, base=1.0):
    """Return lr of update t, from 0: warmup(1000) >> cosine(to=0.1, over=19000)."""
    if t < 1000:
        return base * (t / 1000)
    if t < 20000:
        s = math.sin((20000 - t) / 19000 * (math.pi / 2))
        return base * (s * s * 0.9 + 0.1)
    return base * 0.1


SCHEDULES = {{"lr": lr}}
'''
    )
    require_clean(tmp_path, ("schedule.py", text))


EXACT = (
    "constant(0.3)",
    "constant(absolute(0.02))",
    "linear(0.7, 0.1)",
    "linear(0.5 + absolute(1e-05), absolute(0.02))",
    'warmup("10%", 0.001, index="(t+1)/n") >> constant()',
    "step(30)",
    "multistep([30, 60, 80], 0.1)",
    "stairs(1, 0.1, 7)",
    "warmup(7) >> inverse_sqrt(9)",
    "warmup(7) >> anneal(to=0, curve=curves.one_minus_sqrt)",
    "anneal(to=0, curve=curves.polynomial(2))",
    "cyclic(8)",
    "clamp(linear(), low=absolute(0.01), high=0.5)",
    "minimum(linear(), 0.5)",
    "table([1.0, 0.5, 0.1], 10)",
    "rounded(linear(1, 8), 1)",
    "linear() ** 2",
    "piecewise([(0, 0), (10, 1), (50, 0.3), (90, 0)])",
    "wsd(warmup=10, decay=20)",
)


@pytest.mark.parametrize("base", [1.0, 3e-4])
@pytest.mark.parametrize("line", every(4, EXACT))
def test_values_have_the_same_bits(line, base):
    plan = ps.Plan(lr=line, horizon=100)
    lr = functions_in(ps.to_python(plan, bases={"lr": base}))["lr"]

    values = [lr(t) for t in range(100)]

    assert values == ps.trace(plan, {"lr": base})["lr"].tolist()
    assert {type(value) for value in [*values, lr(5, 1)]} == {float}


SINES = (
    "cosine(to=absolute(1e-06))",
    "cosine_restarts(10, 2)",
    "restarts(warmup(3) >> cosine(), every=10, gamma=0.5)",
    "0.5 * (warmup(5) >> cosine()) + 0.1 * linear()",
    "every(cosine(), 7)",
    "jagged(cosine(), 10, 3)",
    "anneal(to=0.1, curve=curves.half_cosine)",
    "exponential(0.97)",
)


@table("line", SINES)
def test_values_with_functions_of_math_differ_in_the_last_places(line):
    plan = ps.Plan(lr=line, horizon=100)
    lr = functions_in(ps.to_python(plan))["lr"]

    values = np.array([lr(t) for t in range(100)])

    assert largest_difference(values, ps.trace(plan, {"lr": 1.0})["lr"]) <= 4 * 2.0**-52


@table("line", ["step(30)", "exponential(0.99)", "cosine_restarts(10, 2)", "cosine()", "cyclic(8)"])
def test_values_after_the_horizon_follow_the_schedule(line):
    plan = ps.Plan(lr=line, horizon=100)
    lr = functions_in(ps.to_python(plan))["lr"]
    schedule = plan.resolve(ps.Calendar()).bindings[0].schedule
    times = np.arange(100, 3000)

    assert largest_difference(np.array([lr(int(t)) for t in times]), schedule(times)) <= BOUND


@every_shape(most=2)
@given(data=st.data(), base=st.sampled_from([1.0, 0.1, 3e-4]))
def test_every_shape_has_the_values_of_its_trace(name, data, base):
    case = data.draw(cases(name=name))
    plan = ps.Plan(lr=case.written)
    try:
        text = ps.to_python(plan, case.world.calendar, bases={"lr": base})
    except PlanError:
        return  # test_every_shape_is_exported_or_documented

    lr = functions_in(text)["lr"]

    planned = ps.trace(plan, {"lr": base}, case.world.calendar)["lr"]
    values = np.array([lr(t) for t in range(len(planned))])
    assert largest_difference(values, planned) <= BOUND
    assert max(map(len, text.splitlines())) <= 88


@pytest.mark.parametrize("name", every(9, BUILDERS))
def test_every_shape_is_exported_or_documented(name):
    """A new shape whose formula uses another operation needs a symbol for it."""

    def is_exported(case):
        try:
            ps.to_python(ps.Plan(lr=case.written), case.world.calendar)
        except PlanError:
            return False
        return True

    quick = settings(max_examples=20, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None)
    if name in REFUSED:
        with pytest.raises(NoSuchExample):
            find(cases(name=name), is_exported, settings=quick)
    else:
        find(cases(name=name), is_exported, settings=quick)


@at_most(2)
@given(data=st.data())
def test_plans_with_groups_targets_and_followed_lines(data):
    world = data.draw(worlds())
    plan = data.draw(plans(world, rules=0, follow=True, attachable=True))
    try:
        planned = ps.trace(plan, list(GROUPS), world.calendar)
        text = ps.to_python(plan, world.calendar, bases=list(GROUPS))
    except InvalidArgument:
        return

    functions = functions_in(text)

    known = {*functions}
    for target in plan.targets:
        values = np.array([functions[target.name](t) for t in range(planned.total)])
        assert largest_difference(values, planned[target.name]) <= BOUND
        known.discard(target.name)
    assert {key.partition("/")[0] for key in known} <= {one.name for one in plan.bindings}
    for field, group in planned.keys():
        if group == "" or field not in functions or any(key.startswith(f"{field}/") for key in functions):
            continue
        base = planned.base(field, group).value
        values = np.array([functions[field](t, base) for t in range(planned.total)])
        assert largest_difference(values, planned[field, group]) <= BOUND


RECIPES = every(24, ps.recipes)


@pytest.mark.heavy
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_of_the_book_is_exported(name):
    recipe = ps.recipes[name]

    text = ps.to_python(recipe.plan, recipe.calendar, bases=list(recipe.bases))

    assert len(functions_in(text)) >= len(recipe.plan.bindings)


@pytest.mark.heavy
def test_modules_are_clean_under_ruff(tmp_path):
    chosen = [ps.recipes[name] for name in ("sgdr-wrn-28-10", "palm-540b", "muzero-atari", "dino-vits16", "edm2-xs")]
    files = [
        (f"r{place}.py", ps.to_python(one.plan, one.calendar, bases=list(one.bases)))
        for place, one in enumerate(chosen)
    ]
    plan = ps.Plan(ps.Binding("lr", "linear()", "head"), lr="cosine()", horizon=10)
    lines = ["inverse_time(0.5)", 'table([1.0, 2.0, 1e+30], 3, "linear")', "exponential(1e-06)"]
    files += [(f"s{place}.py", ps.to_python(ps.Plan(lr=line, horizon=99))) for place, line in enumerate(lines)]

    require_clean(tmp_path, *files, ("torch_plan.py", ps.to_python(plan, torch=True)))


# ---------------------------------------------------------------- names, bases and clocks


def test_names_of_lines():
    plan = ps.Plan(
        ps.Binding("lr", "cosine()", "head"),
        ps.Binding("lr", "linear()", 2),
        ps.Binding("betas[0]", "constant(0.9)"),
        ps.Binding(ps.Target("lr_head", 2.0), "linear()"),
        ps.Binding(ps.Target("math", 2.0), "cosine()"),
        ps.Binding(ps.Target("lambda_", 2.0), "cosine()"),
        lr="cosine()",
        horizon=10,
    )

    functions = functions_in(ps.to_python(plan))

    assert {key: one.__name__ for key, one in functions.items()} == {
        "lr/head": "lr_head",
        "lr/2": "lr_2",
        "betas[0]": "betas_0",
        "lr_head": "lr_head_2",
        "math": "math_2",
        "lambda_": "lambda_",
        "lr": "lr",
    }
    assert list(functions) == ["lr/head", "lr/2", "betas[0]", "lr_head", "math", "lambda_", "lr"]


def test_defaults_of_base():
    plan = ps.Plan(
        ps.Binding("lr", "linear()", "head"), ps.Binding(ps.Target("size", 16.0), 1.0), lr="linear()", momentum=1.0
    )
    groups = [{"lr": 0.1, "momentum": 0.9}, {"lr": 0.2, "name": "head"}]
    facts = ps.Calendar(total=4)

    named = functions_in(ps.to_python(plan, facts, bases={"lr": 0.1, "lr/head": 0.3}))
    alike = functions_in(ps.to_python(plan, facts, bases=groups))

    assert [one(0) for one in named.values()] == [0.3, 16.0, 0.1, 1.0]
    assert alike["lr/head"](0) == 0.2
    with pytest.raises(PlanError, match="unknown line of the plan"):
        ps.to_python(plan, facts, bases={"weight_decay": 0.1})
    with pytest.raises(InvalidArgument, match="expected a dict"):
        ps.to_python(plan, facts, bases=0.1)


def keys_of(plan):
    return [one.name if one.groups is None else f"{one.name}/{one.groups}" for one in plan.as_written()]


@table("number", range(0, len(hostile_inputs.NAMES), 3))
def test_any_name_of_a_group_or_a_target_is_only_text(number):
    name = hostile_inputs.NAMES[number]
    groups, targets = [], []
    try:
        groups = [ps.Binding("lr", 'table([1.0, 0.5, 0.3, 0.2, 0.1, 0.05, 0.025], 2) * like("size")', name)]
        targets = [ps.Binding(ps.Target(name, 2.0), 'cosine() * like("lr")')]
    except InvalidArgument:
        pass  # not a name of a group or a target
    size = ps.Binding(ps.Target("size", 16.0), "stairs(1, 4, 3)")

    for others in (groups, targets):
        plan = ps.Plan(*others, size, lr="table([1.0, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02], 2)", horizon=20)
        if len({*keys_of(plan)}) < len(plan.bindings):
            with pytest.raises(PlanError, match="two lines have this name"):
                ps.to_python(plan)
            continue

        if any("\ud800" <= one <= "\udfff" for one in name) and len(plan.bindings) == 3:
            with pytest.raises(InvalidArgument, match="invalid Unicode character"):
                ps.to_python(plan)
            continue

        text = ps.to_python(plan)

        functions = functions_in(text)
        assert all(line.isprintable() for line in text.splitlines())
        assert list(functions) == keys_of(plan)
        planned = ps.trace(plan, [{"lr": 0.1, "name": name}] if others is groups else {"lr": 0.1})
        key = f"lr/{name}" if others is groups else "lr"
        assert [functions[key](t, 0.1) for t in range(20)] == planned["lr"].tolist()


def test_groups_with_the_same_followed_line_do_not_call_each_other():
    groups = [ps.Binding("lr", 'like("lr") * 0.1', name) for name in ("a", "b")]
    plan = ps.Plan(*groups, lr="cosine()", horizon=50)

    functions = functions_in(ps.to_python(plan))

    planned = ps.trace(ps.Plan(lr="cosine()", horizon=50), {"lr": 1.0})["lr"] * 0.1
    assert largest_difference(np.array([functions["lr/b"](t) for t in range(50)]), planned) <= BOUND


@pytest.mark.parametrize("line", ['like("lr")', '0.5 * like("lr")', 'constant(1, "40%") >> like("lr")'])
def test_a_line_of_progress_passes_its_progress_on(line):
    plan = ps.Plan(lr="linear()", weight_decay=line, clock="progress")
    functions = functions_in(ps.to_python(plan))
    trace = ps.trace(plan, {"lr": 0.1, "weight_decay": 0.3}, ps.Calendar(total=77))

    values = [functions["weight_decay"](at, 0.3) for at in trace.amounts.tolist()]

    assert values == trace["weight_decay"].tolist()


@pytest.mark.parametrize("line", ["exponential(gamma=2)", "step(3, 4)"])
def test_a_base_of_zero_stays_zero_if_a_power_overflows(line):
    plan = ps.Plan(lr=line, horizon=2000)
    lr = functions_in(ps.to_python(plan))["lr"]

    assert [lr(t, 0.0) for t in range(2000)] == ps.trace(plan, {"lr": 0.0})["lr"].tolist()
    assert lr(1999, 1.0) == np.inf


def test_followed_lines_call_the_other_function():
    plan = ps.Plan(
        ps.Binding("lr", "linear()", "head"),
        ps.Binding(ps.Target("size", 16.0), "stairs(1, 4, 3)"),
        lr='cosine() * like("size")',
        weight_decay='0.5 * like("lr")',
        horizon=100,
    )
    groups = [{"lr": 0.1, "weight_decay": 0.5, "name": "body"}, {"lr": 0.2, "weight_decay": 0.3, "name": "head"}]

    text = ps.to_python(plan)

    assert "size(t, 16.0)" in text
    assert "lr_head(t, 1.0)" in text
    functions, planned = functions_in(text), ps.trace(plan, groups)
    for group in (0, 1):
        decay = functions["weight_decay/head" if group else "weight_decay"]
        base = groups[group]["weight_decay"]
        values = np.array([decay(t, base) for t in range(100)])
        assert largest_difference(values, planned["weight_decay", group]) <= BOUND


@pytest.mark.parametrize(
    ("plan", "facts", "amount"),
    [
        ('warmup("300 tokens") >> cosine()', {"tokens_per_step": 7}, "tokens"),
        ('warmup("3 s") >> step("2 s")', {"seconds_per_step": 0.7}, "seconds"),
        ('warmup("5%") >> cosine()', {"total": 77}, "progress"),
    ],
)
def test_on_another_clock_the_parameter_is_the_amount(plan, facts, amount):
    plan = ps.Plan(lr=plan, horizon=None if amount == "progress" else f"1000 {amount}", clock=amount)
    trace = ps.trace(plan, {"lr": 0.1}, ps.Calendar(**facts))

    for calendar in (ps.Calendar(**facts), None):  # amounts that are reported need no fact
        lr = functions_in(ps.to_python(plan, calendar))["lr"]

        assert list(inspect.signature(lr).parameters) == [amount, "base"]
        values = np.array([lr(at, 0.1) for at in trace.amounts.tolist()])
        assert largest_difference(values, trace["lr"]) <= BOUND


def test_a_long_run_is_checked_at_its_boundaries():
    plan = ps.Plan(lr="warmup(2000) >> cosine()", horizon=3_000_000)

    text = ps.to_python(plan)

    assert re.search(r"checked: 10000\d of 3000000 updates, largest difference [0-9.e-]+\n", text)


# ---------------------------------------------------------------- refusals


def test_all_lines_that_cannot_be_exported_are_named(tmp_path):
    np.save(tmp_path / "long.npy", np.arange(10_001))
    plan = ps.Plan(
        ps.Binding("momentum", "constant(0.9)", lambda group: True),
        ps.Binding("eps", shapes.from_function(lambda t: 1.0)),
        ps.Binding("betas[0]", ps.anneal(0.1, over=5, curve=lambda u: u)),
        lr='cosine() * plateau("loss")',
        dampening=shapes.table_file(tmp_path / "long.npy"),
        horizon=10,
    )

    with pytest.raises(PlanError) as refusal:
        ps.to_python(plan)

    for line in ("momentum/<<lambda>>", "eps", "betas[0]", "lr", "dampening"):
        assert f"{line}: " in str(refusal.value)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (ps.recurrence(ps.rules.exponential(0.9)), "the length of the run must be known"),
        (ps.recurrence(ps.rules.exponential(0.9999), until=20_000), "a table of more than 10,000 values"),
    ],
)
def test_a_recurrence_is_a_table_of_a_known_length(line, why):
    plan = ps.Plan(lr=line)

    with pytest.raises(PlanError, match=why):
        ps.to_python(plan)
    short = ps.Plan(lr=ps.recurrence(ps.rules.multistep([3, 6], by="epoch"), ps.rules.linear(0.1, end=9)), horizon=900)
    lr = functions_in(ps.to_python(short, ps.Calendar(steps_per_epoch=100)))["lr"]
    assert [lr(t) for t in range(900)] == ps.trace(short, {"lr": 1.0}, ps.Calendar(steps_per_epoch=100))["lr"].tolist()


def test_a_shape_of_the_user_with_another_operation_is_refused(monkeypatch):
    from paramsched.core.schedules.leaves import Constant

    monkeypatch.setattr(Constant, "_at", lambda self, t, base, ops: base.scaled(ops.xp.arctan(t)))

    with pytest.raises(PlanError, match=r"lr: constant.* cannot be written as a formula: arctan"):
        ps.to_python(ps.Plan(lr=1.0, horizon=10))


def test_a_deadline_is_refused():
    with pytest.raises(PlanError, match="deadline"):
        ps.to_python(ps.Plan(lr="cosine()", horizon="10 s", clock="seconds"), ps.Calendar(deadline="in 5 min"))


def test_code_that_differs_from_the_plan_is_refused(monkeypatch):
    values_of = source.exported_values
    monkeypatch.setattr(source, "exported_values", lambda *args: values_of(*args) * (1 + 1e-13))

    with pytest.raises(PlanError, match=r"lr: the exported code differs at t=\d+: [01]\..*, planned [01]\."):
        ps.to_python(ps.Plan(lr="exponential(0.987)", horizon=1000))


# ---------------------------------------------------------------- torch


@pytest.mark.heavy
@pytest.mark.parametrize("resumed", [0, 7])
def test_make_scheduler_sets_the_rates_of_the_plan(resumed):
    torch = pytest.importorskip("torch")
    plan = ps.Plan(ps.Binding("lr", "linear(1, absolute(0.05))", "head"), lr="warmup(3) >> cosine()", horizon=20)
    names = {}
    text = ps.to_python(plan, torch=True)
    exec(text, names)
    groups = [
        {"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr, "name": name}
        for lr, name in ((0.1, "body"), (0.2, "head"))
    ]
    planned = ps.trace(plan, groups)
    optimizer = torch.optim.SGD(groups)
    if resumed:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]

    scheduler = names["make_scheduler"](optimizer, last_epoch=resumed - 1)
    found = []
    for _ in range(resumed, 20):
        found.append(scheduler.get_last_lr())
        optimizer.step()
        scheduler.step()

    rates = [[planned["lr", 0][t], planned["lr", 1][t]] for t in range(resumed, 20)]
    assert largest_difference(np.array(found), np.array(rates)) <= BOUND
    function = text[text.index("def make_scheduler") :].rstrip().splitlines()
    assert len(function) <= 15


@table(
    "plan",
    [
        ps.Plan(lr="cosine()", momentum="constant(0.9)", horizon=10),
        ps.Plan(ps.Binding(ps.Target("size", 2.0), "cosine()"), horizon=10),
        ps.Plan(lr="cosine()", horizon="10 tokens", clock="tokens"),
        ps.Plan(ps.Binding("lr", "cosine()", "layer_*"), horizon=10),
    ],
)
def test_torch_sets_only_lr_by_updates(plan):
    with pytest.raises(PlanError, match="torch=True"):
        ps.to_python(plan, ps.Calendar(tokens_per_step=1), torch=True)


# ---------------------------------------------------------------- commands


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("plan.yaml").write_text(
        'horizon: 90 epochs\nlr: warmup("5 epochs") >> cosine(to=0.1)\nmomentum: linear(absolute(0.8), absolute(0.9))\n'
    )
    return tmp_path


def command(*arguments, code=0):
    ran = CliRunner().invoke(main, list(map(str, arguments)))
    assert ran.exit_code == code, ran.output
    return ran.output


def test_convert_to_python_and_audit(folder):
    command("convert", "plan.yaml", "--to", "python", "--steps-per-epoch", 10, "-o", "schedule.py", "--base", "lr=3e-4")

    text = Path("schedule.py").read_text()
    assert "facts: steps_per_epoch=10" in text
    assert functions_in(text)["lr"](50) == 3e-4
    assert "values as planned" in command("audit", "schedule.py")
    assert "values as planned" in command("audit", "schedule.py", "--plan", "plan.yaml")

    Path("schedule.py").write_text(text.replace("base * 0.1", "base * 0.2").replace("if t < 900", "if t < 700"))
    assert "lr at t=700, base=0.0003: " in command("audit", "schedule.py", code=1)

    Path("schedule.py").write_text(text.replace('{"lr": lr, "momentum": momentum}', '{"lr": lr}'))
    assert "momentum: in the plan, but not in the file" in command("audit", "schedule.py", code=1)


def test_audit_of_a_file_with_total_in_its_facts(folder):
    Path("schedule.py").write_text(ps.to_python(ps.Plan(lr="cosine()"), ps.Calendar(total=50)))

    assert "values as planned" in command("audit", "schedule.py")
    assert "lr at t=1, " in command("audit", "schedule.py", "--plan", "linear()", code=1)


@pytest.mark.parametrize("text", ["x = 1\n", "def (\n", '"""A docstring."""\n'])
def test_audit_of_another_python_file_is_a_usage_error(folder, text):
    Path("other.py").write_text(text)

    assert "other.py" in command("audit", "other.py", code=2)


def test_no_command_runs_an_exported_file(folder):
    Path("schedule.py").write_text(ps.to_python(EXAMPLE) + 'open("ran", "w").close()\n')

    CliRunner().invoke(main, ["check", "schedule.py"])
    answer = command("audit", "schedule.py", code=2)

    assert not Path("ran").exists()
    assert "line 25: exported code has no such statement or expression" in answer


def test_an_exported_module_with_other_code_is_refused(folder):
    answers = []
    for hide in hostile_inputs.HIDDEN_CODE:
        Path("schedule.py").write_text(hide(hostile_inputs.EXPORTED, hostile_inputs.CODE))

        answers.append(CliRunner().invoke(main, ["audit", "schedule.py"]))

    taken = [one.output.partition("\n")[0] for one in answers if one.exit_code != 2]
    planned = "schedule.py: 20 values as planned"  # code after the horizon is not compared, a comment is not code
    assert taken[:2] == [planned, planned], [one.output for one in answers]
    assert "A plan has no tags" in taken[2]
    assert len(taken) == 3


def test_field_exports_one_field(folder):
    facts = ("--steps-per-epoch", 10, "--field", "lr")

    text = command("convert", "plan.yaml", "--to", "python", "--torch", *facts)

    assert "momentum" not in text
    assert "make_scheduler" in text
    refused = command("convert", "plan.yaml", "--to", "python", "--torch", "--steps-per-epoch", 10, code=1)
    assert "an LRScheduler sets only lr" in refused


def test_a_refused_plan_writes_nothing(folder):
    output = command("convert", 'cosine() * plateau("loss")', "--horizon", 10, "-o", "schedule.py", code=1)

    assert "reacts to a metric" in output
    assert not Path("schedule.py").exists()


@pytest.mark.heavy
def test_the_test_file_passes_with_pytest_alone_and_fails_for_changed_code(folder):
    facts = ("--steps-per-epoch", 10, "-o", "schedule.py", "--test", "tests/test_schedule.py")
    Path("tests").mkdir()
    command("convert", "plan.yaml", "--to", "python", *facts)
    files = [(name, Path(name).read_text()) for name in ("schedule.py", "tests/test_schedule.py")]
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", "tests"]

    assert "2 passed" in subprocess.run(run, capture_output=True, text=True, env={"PATH": ""}).stdout

    Path("schedule.py").write_text(files[0][1].replace("0.9 + 0.1", "0.8 + 0.1"))
    assert "1 failed, 1 passed" in subprocess.run(run, capture_output=True, text=True, env={"PATH": ""}).stdout
    Path("plan.yaml").unlink()
    require_clean(folder, *files)


def test_usage_errors(folder):
    assert "Write --to python" in command("convert", "plan.yaml", "--torch", code=2)
    assert "Write -o schedule.py" in command("convert", "plan.yaml", "--to", "python", "--test", "t.py", code=2)
