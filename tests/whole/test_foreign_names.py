"""Arguments of other libraries: each is answered with a line that is accepted when pasted, and has the values meant."""

import re
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch.optim import lr_scheduler

import paramsched as ps
from paramsched.base.foreign_names import FOREIGN
from paramsched.cli import main
from paramsched.core.feedback import MetricRule
from paramsched.core.schedules import SHAPES
from support.tables import table
from whole.reference import timm_original

BASE, TOTAL = 0.1, 100
FACTS = ps.RunFacts(total=TOTAL, steps_per_epoch=10)
NAMES = {**SHAPES, "absolute": ps.absolute, "curves": ps.curves}
ADVICE = re.compile(r"Write (?P<line>.*?)(?:, and pass (?P<run>.*?) to the Scheduler)?(?:: [a-z][^()]*)?$")

# A call with arguments of other libraries, and the line that was meant.
CALLS = Path(__file__).with_name("foreign_names.txt").read_text(encoding="utf-8")
ROWS = [tuple(line.split(" -> ")) for line in CALLS.splitlines()]


def advised(read, *arguments):
    with pytest.raises(ps.errors.InvalidCall, match="unknown argument") as caught:
        read(*arguments)
    match = ADVICE.match(caught.value.problem.advice)
    assert match is not None, caught.value.problem.advice
    return match["line"]


def values(line):
    schedule = ps.parse(line) if isinstance(line, str) else line
    schedule = 1.0 * schedule if isinstance(schedule, MetricRule) else schedule
    return ps.resolve(schedule, facts=FACTS)(np.arange(TOTAL), BASE)


def test_the_table_of_calls_has_enough_arguments():
    assert sum(len(re.findall(r"\w+=", call)) for call, _ in ROWS) >= 200


@table(("call", "meant"), ROWS)
def test_a_call_is_answered_with_the_line_that_was_meant(call, meant):
    line = advised(eval, call, {}, NAMES)

    assert line == advised(ps.parse, call)
    assert "plateau" not in line or str(ps.parse(line)) == str(ps.parse(meant))
    np.testing.assert_allclose(values(line), values(meant), rtol=1e-12, atol=1e-18)
    np.testing.assert_allclose(values(eval(line, {}, NAMES)), values(meant), rtol=1e-12, atol=1e-18)


COMMON = ("cosine", "linear", "warmup", "step", "exponential", "one_cycle", "plateau", "wsd", "restarts")
SAMPLES = (20, 1e-3, 0.25, 2.0, "linear", "abs", [30, 60], False, True)
FIRST = {
    "clamp": "cosine(), ", "constant": "", "cooldown": "20, ", "cosine_restarts": "20, ", "cyclic": "20, ",
    "exponential": "0.9, ", "inverse_sqrt": "20, ", "restarts": "cosine(), 20, ", "step": "30, ", "warmup": "20, ",
    "wsd": "10, 20, ",
}  # fmt: skip


@table("row", sorted(FOREIGN))
def test_each_row_of_the_table_has_an_answer_that_is_accepted(row):
    name, _, argument = row.rpartition(".")
    of_functions = any(way.argument in ("t", "plan") for way in FOREIGN[row].ways)
    if (
        (name and name not in SHAPES)
        or row.startswith("cosine_restarts.")
        or of_functions
        or not (FOREIGN[row].ways or FOREIGN[row].homes)
    ):
        return  # the table of functions has those
    shapes = [name] if name else [*FOREIGN[row].homes, *COMMON]
    calls = (
        f"{shape}({first}{argument}={value!r}{more})"
        for value in SAMPLES
        for shape in shapes
        for first in {FIRST.get(shape, ""), ""}
        for more in ("", ", warmup_steps=10", ", over=20")
    )
    assert any(map(is_answered, calls))


def is_answered(call):
    actual = None
    try:
        ps.parse(call)
    except ps.errors.InvalidArgument as error:
        actual = ADVICE.match(error.problem.advice)
    with suppress(ps.errors.InvalidArgument):  # some samples are out of range
        return actual is not None and bool(ps.parse(actual["line"]))
    return False


# ---- beside the other libraries


def sgd():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE)


def rates_of(make, updates=TOTAL):
    optimizer = sgd()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler, rates = make(optimizer), []
        for _ in range(updates):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    return rates


@table(
    ("call", "make", "updates"),
    [
        ("cosine(T_max=80, eta_min=0.01)", lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=80, eta_min=0.01), 80),
        (
            "linear(start_factor=0.5, end_factor=0.1, total_iters=50)",
            lambda o: lr_scheduler.LinearLR(o, 0.5, 0.1, 50),
            99,
        ),
        ("constant(factor=0.5, total_iters=20)", lambda o: lr_scheduler.ConstantLR(o, 0.5, 20), 99),
        ("cosine(step_size=30, gamma=0.5)", lambda o: lr_scheduler.StepLR(o, 30, 0.5), 99),
        ("linear(milestones=[30, 60], gamma=0.5)", lambda o: lr_scheduler.MultiStepLR(o, [30, 60], 0.5), 99),
        ("cosine(gamma=0.95)", lambda o: lr_scheduler.ExponentialLR(o, 0.95), 99),
        ("polynomial(2.0, total_iters=50)", lambda o: lr_scheduler.PolynomialLR(o, 50, 2.0), 99),
        (
            "cosine(T_0=20, T_mult=2, eta_min=0.01)",
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 20, 2, 0.01),
            99,
        ),
        (
            "cyclic(base_lr=0.01, max_lr=0.1, step_size_up=20, step_size_down=10)",
            lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, 20, 10, cycle_momentum=False),
            99,
        ),
        (
            'one_cycle(index="t/(n-1)", total_steps=100, pct_start=0.4, div_factor=10.0, final_div_factor=50.0)',
            lambda o: lr_scheduler.OneCycleLR(
                o, 0.1, 100, pct_start=0.4, div_factor=10.0, final_div_factor=50.0, cycle_momentum=False
            ),
            100,
        ),
        (
            'one_cycle(index="t/(n-1)", pct_start=0.3, three_phase=True, anneal_strategy="linear")',
            lambda o: lr_scheduler.OneCycleLR(
                o, 0.1, 100, three_phase=True, anneal_strategy="linear", cycle_momentum=False
            ),
            100,
        ),
    ],
)
def test_the_answer_has_the_values_of_torch(call, make, updates):
    np.testing.assert_allclose(values(advised(ps.parse, call))[:updates], rates_of(make, updates), rtol=1e-9)


@table(
    ("call", "function", "arguments"),
    [
        ("linear(num_warmup_steps=10, num_training_steps=100)", "get_linear_schedule_with_warmup", {}),
        ("cosine(num_warmup_steps=10, num_training_steps=100)", "get_cosine_schedule_with_warmup", {}),
        (
            "cosine(num_warmup_steps=10, num_training_steps=100, min_lr=0.01)",
            "get_cosine_with_min_lr_schedule_with_warmup",
            {"min_lr": 0.01},
        ),
        ("constant(num_warmup_steps=10)", "get_constant_schedule_with_warmup", {"num_training_steps": None}),
        ("inverse_sqrt(num_warmup_steps=10)", "get_inverse_sqrt_schedule", {"num_training_steps": None}),
        (
            "wsd(num_warmup_steps=10, num_decay_steps=20, num_training_steps=100)",
            "get_wsd_schedule",
            {"num_decay_steps": 20, "decay_type": "linear"},
        ),
    ],
)
def test_the_answer_has_the_values_of_transformers(call, function, arguments):
    transformers = pytest.importorskip("transformers")
    given = {"num_warmup_steps": 10, "num_training_steps": 100, **arguments}
    given = {name: value for name, value in given.items() if value is not None}

    rates = rates_of(lambda optimizer: getattr(transformers, function)(optimizer, **given))

    np.testing.assert_allclose(values(advised(ps.parse, call)), rates, rtol=1e-9, atol=1e-12)


def test_the_answer_has_the_values_of_timm():
    timm, optimizer, actual = timm_original.timm_schedulers(), sgd(), []
    scheduler = timm.CosineLRScheduler(optimizer, t_initial=80, warmup_t=10, warmup_lr_init=1e-3, lr_min=1e-2)
    for update in range(TOTAL):
        actual.append(optimizer.param_groups[0]["lr"])
        scheduler.step(update + 1)

    line = advised(ps.parse, "cosine(t_initial=80, warmup_t=10, warmup_lr_init=1e-3, lr_min=1e-2)")

    np.testing.assert_allclose(values(line), actual, rtol=1e-9)


# ---- functions, files and commands

FUNCTIONS = [
    ("ps.Scheduler(optimizer, 'cosine()', max_steps=10)", 'ps.Scheduler(optimizer, "cosine()", total=10)'),
    ("ps.Scheduler(optimizer, 'cosine()', steps=10)", 'ps.Scheduler(optimizer, "cosine()", total=10)'),
    ("ps.Scheduler(optimizer, 'cosine()', num_training_steps=10)", 'ps.Scheduler(optimizer, "cosine()", total=10)'),
    (
        "ps.Scheduler(optimizer, 'cosine()', num_train_epochs=3, iters_per_epoch=5)",
        'ps.Scheduler(optimizer, "cosine()", total="3 epochs", steps_per_epoch=5)',
    ),
    (
        "ps.Scheduler(optimizer, 'linear()', total=50, num_warmup_steps=5)",
        "ps.Scheduler(optimizer, 'warmup(5) >> linear()', total=50)",
    ),
    (
        "ps.Scheduler(optimizer, 'cosine()', total=50, eta_min=1e-6)",
        "ps.Scheduler(optimizer, 'cosine(to=absolute(1e-06))', total=50)",
    ),
    (
        "ps.Scheduler(optimizer, plan, total_steps=50, gradient_accumulation_steps=4, per_device_train_batch_size=8)",
        "ps.Scheduler(optimizer, plan, total=50, accumulation=4, batch_size=8)",
    ),
    ("ps.Scheduler(optimizer, 'cosine()', total=50, last_epoch=-1)", 'ps.Scheduler(optimizer, "cosine()", total=50)'),
    (
        "ps.Scheduler(optimizer, 'cosine()', total=50, last_epoch=4)",
        'ps.Scheduler(optimizer, "cosine()", total=50, t=5)',
    ),
    ("ps.Scheduler(optimizer, schedule='cosine()', total=50)", 'ps.Scheduler(optimizer, total=50, plan="cosine()")'),
    ("ps.Scheduler(optimizer, lr='cosine()', total=10)", 'ps.Scheduler(optimizer, "cosine()", total=10)'),
    (
        "ps.Scheduler(optimizer, 'cosine()', total=10, monitor='loss')",
        "ps.Scheduler(optimizer, 'cosine() * plateau(metric=\"loss\")', total=10)",
    ),
    ("ps.trace('cosine()', total=10, lr=0.1)", 'ps.trace("cosine()", total=10, bases={"lr": 0.1})'),
    ("ps.Values({'kl': 'cosine()'}, total_steps=10)", None),
    ("ps.Values('1.0 * cosine()', bases={'lr': 1.0}, max_steps=10)", None),
    ("ps.RunFacts(num_training_steps=10, seq_len=8)", "ps.RunFacts(total=10, sequence_length=8)"),
    ("ps.Plan(lr='cosine()', num_epochs=3)", None),
    ("ps.Plan(lr='cosine()', warmup_steps=5)", "ps.Plan(lr='warmup(5) >> cosine()')"),
    ("ps.Plan(lr='cosine()', total=9, warmup_steps=5)", "ps.Plan(lr='warmup(5) >> cosine()', total=9)"),
    ("ps.Plan(milestones=[30, 80], gamma=0.5)", "ps.Plan(lr='multistep([30, 80], gamma=0.5)')"),
    ("ps.trace('cosine()', optimizer, max_steps=10)", None),
    ("ps.resolve('cosine()', num_training_steps=10)", None),
    ("ps.check('cosine()', total_steps=10)", None),
    ("ps.diff('cosine()', 'linear()', total_steps=10)", None),
    ("ps.to_lambda('cosine()', num_training_steps=10)", None),
    ("ps.Binding('lr', 'cosine()', param_group='head')", 'ps.Binding("lr", "cosine()", groups="head")'),
    ("ps.Target('kl', init_value=1.0)", 'ps.Target("kl", initial=1.0)'),
]


@pytest.mark.filterwarnings("ignore:the plan starts at update 5 with the present values")
@table(("call", "meant"), FUNCTIONS)
def test_a_function_that_is_not_a_shape_is_answered_with_its_call(call, meant):
    names = {"ps": ps, "plan": ps.Plan(lr="cosine()"), "optimizer": sgd()}

    line = advised(eval, call, names)

    assert meant is None or line == meant
    eval(line, {**names, "optimizer": sgd()})


def test_an_engine_is_answered_with_its_call():
    lightning = pytest.importorskip("paramsched.engines.lightning")
    names = {"ps": ps, "plan": ps.Plan(lr="cosine()"), "PlanCallback": lightning.PlanCallback}

    eval(advised(eval, "PlanCallback(plan, max_steps=100)", names), names)
    with pytest.raises(ps.errors.InvalidCall, match=r"the Trainer has the optimizer. Write PlanCallback\(plan\)$"):
        lightning.PlanCallback(sgd(), "cosine()")


@table(
    ("entry", "value", "line"),
    [
        ("max_steps", 100, "total: 100"),
        ("num_train_epochs", 90, 'total: "90 epochs"'),
        ("num_warmup_steps", 500, "lr: warmup(500) >> cosine()"),
        ("warmup_ratio", 0.1, 'lr: warmup("10%") >> cosine()'),
        ("eta_min", 1e-6, "lr: cosine(to=absolute(1e-06))"),
        ("milestones", [30, 80], "lr: multistep([30, 80])"),
        ("step_size", 30, "lr: step(30)"),
        ("pct_start", 0.3, 'lr: one_cycle(up="30%")'),
    ],
)
def test_an_entry_of_a_plan_file_is_answered_with_an_entry(entry, value, line):
    texts = {
        "yaml": f"lr: cosine()\n{entry}: {value}\n",
        "toml": f'lr = "cosine()"\n{entry} = {value}\n',
        "json": f'{{"lr": "cosine()", "{entry}": {value}}}',
    }
    for kind, text in texts.items():
        with pytest.raises(ps.errors.ConfigError) as caught:
            ps.loads(text, kind)
        (problem,) = caught.value.problems
        assert problem.advice == f"Write {line}"
        ps.loads(line if line.startswith("lr") else f"{line}\nlr: cosine()")


def test_a_plan_with_a_schedule_for_a_field_of_that_name_is_accepted():
    assert ps.Plan(max_lr="cosine()", momentum=0.9 * ps.constant(), gamma=1).bindings
    assert ps.loads("lr: cosine()\nmax_lr: cosine()").bindings


@table(
    ("arguments", "advice"),
    [
        (("--max-steps", "100"), "Write --total 100"),
        (("--num-train-epochs=3", "--steps-per-epoch", "5"), 'Write --total "3 epochs"'),
        (("--gradient-accumulation-steps", "4"), "Write --accumulation 4"),
        (("--steps", "100"), "Write --total 100"),
        (("--lr", "0.1"), "Write --base lr=0.1"),
        (("--num-warmup-steps", "500"), "Write the plan 'warmup(500) >> cosine()'"),
        (("--total", "0"), "For example: --total 1"),
        (("--total", "5 ep"), 'Write --total "5 epochs"'),
        (("--batches-per-epoch", "7", "--steps-per-epoch", "10"), "Pass only one of --steps-per-epoch and --batches-"),
    ],
)
def test_a_command_is_answered_with_its_options(arguments, advice):
    result = CliRunner().invoke(main, ["show", "cosine() >> constant(over='2 epochs')", *arguments])

    assert result.exit_code == 2
    assert advice in " ".join(result.output.split())


def test_a_line_on_the_command_line_is_answered_as_in_python():
    result = CliRunner().invoke(main, ["check", "cosine(num_warmup_steps=10)"])

    assert "Write warmup(10) >> cosine()" in result.output


@table(
    ("text", "meant"),
    [
        ("5 ep", "5 epochs"), ("5ep", "5 epochs"), ("2b tokens", "2B tokens"), ("10 percent", "10%"), ("0.5dur", "50%"),
        ("3e4tok", "3e4 tokens"), ("1.5 million samples", "1.5M samples"), ("2 hrs", "2 h"), ("10 epoks", "10 epochs"),
        ("100% - 2 ep", "100% - 2 epochs"), ("100ba", "100 batches"),
    ],
)  # fmt: skip
def test_a_unit_that_is_not_known_is_answered_with_the_length(text, meant):
    with pytest.raises(ps.errors.InvalidArgument, match="unknown unit") as caught:
        ps.warmup(text)

    assert caught.value.problem.advice == f'Write "{meant}"'
    assert ps.warmup(meant)


def test_a_ratio_of_zero_is_answered_with_a_level_of_zero():
    for call in ("multistep([20], 0)", "step(20, 0)"):
        with pytest.raises(ps.errors.InvalidArgument) as caught:
            ps.parse(call)
        line = caught.value.problem.advice.removeprefix("Write ")
        assert values(line).tolist() == [BASE] * 20 + [0.0] * 80


def test_a_missing_run_fact_is_answered_with_its_option():
    result = CliRunner().invoke(main, ["check", "cosine(over='2 epochs')", "--total", "100"])

    assert "For example: --steps-per-epoch 100" in " ".join(result.output.split())


def test_an_argument_of_a_curve_is_not_answered_with_a_schedule():
    with pytest.raises(ps.errors.InvalidCall) as caught:
        ps.parse("anneal(curve=curves.polynomial(eta_min=1))")

    assert "maximum" not in str(caught.value)


# ---- calls of another form

FORMS = [
    ("ps.Scheduler(optimizer, plan, 50)", "ps.Scheduler(optimizer, plan, total=50)"),
    ("ps.Scheduler(optimizer, 'cosine()', facts, strict=True)", None),
    ("ps.Scheduler(optimizer)", None),
    ("ps.trace(plan, optimizer, 50)", "ps.trace(plan, optimizer, total=50)"),
    ("ps.check(plan, {'lr': 1e-3})", "ps.check(plan, bases={'lr': 0.001})"),
    ("ps.check(plan, [{'lr': 1e-3}])", None),
    ("ps.Values('cosine()', {'lr': 0.1}, total=50)", "ps.Values(\"cosine()\", total=50, bases={'lr': 0.1})"),
    ("ps.diff(plan, 'linear(over=9)', {'lr': 0.1})", "ps.diff(a, \"linear(over=9)\", bases={'lr': 0.1})"),
    ("ps.to_lambda('cosine()', 50)", 'ps.to_lambda("cosine()", total=50)'),
    ("ps.Binding('lr')", 'ps.Binding("lr", "cosine(over=1000)")'),
    ("fixed.resolve(50)", "plan.resolve(total=50)"),
    ("fixed.cooldown(40)", 'plan.cooldown(40, "10%")'),
    ("plan.cooldown(40)", "plan.cooldown(40, 1000)"),
    ("plan.scale()", "plan.scale(0, lr=0.5)"),
    ("fixed.scale(lr=0.5)", "plan.scale(0, lr=0.5)"),
    ("fixed.change(lr='linear()')", 'plan.change(0, lr="linear()")'),
    ("fixed.change(40, horizon=60)", "plan.change(40, total=60)"),
    ("fixed.change(40, lr='linear()', max_steps=60)", "plan.change(40, lr='linear()', total=60)"),
    ("fixed.change('50%', num_training_steps=60)", 'plan.change("50%", total=60)'),
    ("fixed.change(40, total_steps=60)", "plan.change(40, total=60)"),
    ("watching.observe(0.3)", "scheduler.observe(val_loss=0.3)"),
    ("watching.observe({'val_loss': 0.3})", "scheduler.observe(**{'val_loss': 0.3})"),
    ("counting.consumed(512)", "scheduler.consumed(tokens=512)"),
    ("reporting.report(0.5)", "scheduler.report(progress=0.5)"),
    ("values.observe(0.3)", "values.observe(val_loss=0.3)"),
    ("ps.find_lr(model, optimizer, [1], model)", "ps.find_lr(optimizer, step)"),
]


def trained(optimizer):
    (parameter,) = optimizer.param_groups[0]["params"]

    def step():
        optimizer.zero_grad()
        loss = (parameter - 1).square().sum()
        loss.backward()
        optimizer.step()
        return loss

    return step


@table(("call", "meant"), FORMS)
def test_a_call_of_another_form_is_answered_with_a_line_that_is_accepted(call, meant):
    watched, fixed = ps.Plan(lr="plateau('val_loss')"), ps.Plan(lr="cosine()", total=50)
    names = {
        "ps": ps, "plan": ps.Plan(lr="cosine(over=50)"), "a": ps.Plan(lr="cosine(over=50)"),
        "optimizer": sgd(), "fixed": fixed,
        "facts": ps.RunFacts(total=50), "groups": [{"lr": 1e-3}], "model": torch.nn.Linear(1, 1),
        "step": trained(optimizer := sgd()),
        "watching": ps.Scheduler(sgd(), watched), "values": ps.Values(watched, bases={"lr": 0.1}),
        "counting": ps.Scheduler(sgd(), ps.Plan(lr="cosine(over='9000 tokens')", clock="tokens")),
        "reporting": ps.Scheduler(sgd(), ps.Plan(lr="cosine()", clock="progress")),
    }  # fmt: skip
    with pytest.raises(TypeError) as refused:
        eval(call, names)

    advice = refused.value.problem.advice
    line = re.sub("^(Write|For example:) ", "", advice).partition(": step()")[0]

    owner = call.partition(".")[0]
    pasted = {**names, "optimizer": optimizer, "plan": names.get("fixed" if owner == "fixed" else "plan")}
    pasted["scheduler"] = names.get(owner)
    eval(line, pasted)
    assert meant is None or line == meant


def test_a_method_of_a_scheduler_that_values_do_not_have_is_answered_with_their_own():
    values = ps.Values({"kl": "linear(0, 1)"}, total=10)
    with pytest.raises(AttributeError, match=r"values\.advance\(\)"):
        values.step()
    with pytest.raises(AttributeError, match=r"values\['kl'\]"):
        _ = values.kl
    assert not hasattr(values, "step")
