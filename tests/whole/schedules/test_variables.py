"""A line with variables of a program: one error that names them, and an example that keeps the known numbers."""

import pytest

import paramsched as ps
from paramsched.core.schedules import schedule_or_faults
from paramsched.errors import ParseError
from support.tables import table

_NO_LENGTH = "; a schedule without a length ends with the run, so {} is not needed"


def quoted(names: list[str]) -> str:
    return ", ".join(f'"{one}"' for one in names)


@table(
    ("line", "variables", "total", "example"),
    [
        ("CosineAnnealingLR(optimizer, T_max=len(loader)*epochs)", ["len(loader)", "epochs"], "T_max", "cosine()"),
        ("CosineAnnealingLR(optimizer, T_max=epochs)", ["epochs"], "T_max", "cosine()"),
        ("CosineAnnealingLR(epochs)", ["epochs"], "T_max", "cosine()"),
        ("CosineAnnealingLR(optimizer, cfg['epochs'])", ["cfg['epochs']"], "T_max", "cosine()"),
        ("CosineAnnealingLR(adam, args.n // 2, eta_min=1e-5)", ["args.n"], "T_max", "cosine(to=absolute(1e-05))"),
        ("CosineAnnealingLR(optimizer, 90, eta_min=low)", ["low"], "", "restarts(cosine_wave(), 180)"),
        ("StepLR(optimizer, step_size=args.step)", ["args.step"], "", "step(30, gamma=0.1)"),
        ("StepLR(optimizer, step_size=args.step, gamma=0.5)", ["args.step"], "", "step(100, 0.5)"),
        ("StepLR(optimizer, step_size=10, gamma=args.gamma)", ["args.gamma"], "", "step(10)"),
        ("MultiStepLR(optimizer, cfg.milestones, gamma=0.5)", ["cfg.milestones"], "", "multistep([30, 80], 0.5)"),
        ("MultiStepLR(optimizer, [int(0.5 * n), 80])", ["int(0.5 * n)"], "", "multistep([30, 80], gamma=0.1)"),
        (
            "OneCycleLR(optimizer, max_lr=0.1, total_steps=len(loader)*10, pct_start=0.2)",
            ["len(loader)"],
            "total_steps",
            'one_cycle("20%", index="t/(n-1)")',
        ),
        (
            "OneCycleLR(optimizer, lr, epochs=10, steps_per_epoch=len(loader))",
            ["lr", "len(loader)"],
            "steps_per_epoch",
            'one_cycle(index="t/(n-1)")',
        ),
        ("OneCycleLR(optimizer, 0.1, n, final_div_factor=10)", ["n"], "", 'one_cycle("30%", index="t/(n-1)")'),
        ("PolynomialLR(optimizer, total, 2)", ["total"], "total_iters", "anneal(curve=curves.polynomial(2.0))"),
        ("LinearLR(optimizer, 0.1, total_iters=n)", ["n"], "", "warmup(100, 0.1)"),
        (
            "get_cosine_schedule_with_warmup(optimizer, 100, num_training_steps=total_steps)",
            ["total_steps"],
            "num_training_steps",
            "warmup(100) >> cosine()",
        ),
        (
            "get_linear_schedule_with_warmup(opt, round(0.1 * t_total), t_total)",
            ["round(0.1 * t_total)", "t_total"],
            "num_training_steps",
            'warmup("10%") >> linear()',
        ),
        (
            "get_linear_schedule_with_warmup(opt, n_warmup, n)",
            ["n_warmup", "n"],
            "num_training_steps",
            'warmup("5%") >> linear()',
        ),
        ("get_linear_schedule_with_warmup(opt, n, 1000)", ["n"], "", "warmup(100) >> linear(over=900)"),
        (
            "get_scheduler('linear', opt, 50, num_training_steps=n)",
            ["n"],
            "num_training_steps",
            "warmup(50) >> linear()",
        ),
        ("get_scheduler(args.kind, opt, 50, n)", ["args.kind", "n"], "", 'warmup("5%") >> cosine()'),
        ("LambdaLR(optimizer, lr_lambda)", ["lr_lambda"], "", 'from_function("my_function")'),
        (
            "SequentialLR(optimizer, [LinearLR(optimizer, 0.1, total_iters=5), CosineAnnealingLR(opt, n)], [5])",
            ["n"],
            "T_max",
            "warmup(5, 0.1) >> cosine()",
        ),
        ("SequentialLR(optimizer, [warmup(5), StepLR(o, k)], [5])", ["k"], "", "warmup(5) >> cosine(over=95)"),
        ("SequentialLR(optimizer, [warm, main], [5])", ["warm", "main"], "", "warmup(5) >> cosine(over=95)"),
        ("optax.cosine_decay_schedule(0.1, decay_steps=n)", ["n"], "decay_steps", "cosine(absolute(0.1))"),
        ("warmup(100) >> CosineAnnealingLR(optimizer, n - 100)", ["n"], "T_max", "cosine()"),
        ("CosineAnnealingLR(opt, n, last_epoch=last)", ["n"], "T_max", "cosine()"),
    ],
)
def test_a_call_of_a_peer_with_variables_has_one_error_with_an_example(line, variables, total, example):
    (fault,) = schedule_or_faults(line)

    assert f"A plan cannot contain variables: {quoted(variables)}" in str(fault)
    assert (_NO_LENGTH.format(total) in str(fault)) if total else ("without a length" not in str(fault))
    assert (fault.write, fault.is_example) == (example, True)
    ps.Plan(lr=example.replace('from_function("my_function")', "cosine()"), horizon=1000)


@table(
    ("line", "variables"),
    [
        ("warmup(n_warmup) >> cosine()", ["n_warmup"]),
        ("cosine(over=total_steps)", ["total_steps"]),
        ("cosine(over=len(loader) * epochs)", ["len(loader)", "epochs"]),
        ("step(args.step)", ["args.step"]),
        ("step(len(loader))", ["len(loader)"]),
        ("step(30, gamma=gamma)", ["gamma"]),
        ("cosine(to=min_lr)", ["min_lr"]),
        ("cosine(over=n // 2)", ["n"]),
        ("cosine(over=cfg[steps])", ["cfg[steps]"]),
        ("multistep([a, 80])", ["a"]),
        ("multistep(milestones)", ["milestones"]),
        ("cosine(over=a + b + c + d + e)", ["a", "b", "c", "d"]),
    ],
)
def test_a_number_or_a_length_is_not_a_variable(line, variables):
    (fault,) = schedule_or_faults(line)

    assert f"a plan cannot contain variables: {quoted(variables)}" in str(fault)


@pytest.mark.parametrize(
    "line", ["cosine(optimzer)", "linear(previus, 0)", "linear(lr, 0)", "anneal(rex)", "step(epoch)"]
)
def test_another_name_keeps_its_error(line: str) -> None:
    with pytest.raises(ParseError) as refusal:
        ps.parse(line)

    assert ("variables" in str(refusal.value)) is (line == "cosine(optimzer)")


def test_the_highest_rate_of_the_one_cycle_policy_is_the_base() -> None:
    with pytest.raises(ParseError, match="so total_steps is not needed; max_lr is the base, the lr of the optimizer"):
        ps.parse("OneCycleLR(optimizer, max_lr=0.1, total_steps=n)")


def test_an_argument_without_effect_on_the_values_may_be_a_variable() -> None:
    with pytest.raises(ParseError) as refusal:
        ps.parse("StepLR(optimizer, 30, last_epoch=last, verbose=args.verbose)")

    assert (refusal.value.write, refusal.value.is_example) == ("step(30)", False)


@table(
    ("call", "found", "write"),
    [
        ("get_scheduler('linear', opt, 100, 1000)", 'returns the schedule "linear"', "warmup(100) >> linear(over=900)"),
        ("get_scheduler(SchedulerType.LINEAR, opt, 0, 900)", 'schedule "linear"', "linear(over=900)"),
        ("get_scheduler(name='constant', optimizer=opt, num_warmup_steps=5)", "", "constant()"),
        (
            "get_scheduler('cosine', opt, num_warmup_steps=100, num_training_steps=1000)",
            "if the run ends at update 1000: warmup(100) >> cosine(over=900)",
            "warmup(100) >> restarts(cosine_wave(), 1800)",
        ),
    ],
)
def test_get_scheduler_is_the_schedule_that_it_names(call, found, write):
    with pytest.raises(ParseError) as refusal:
        ps.parse(call)

    assert '"get_scheduler" is a name of transformers' in str(refusal.value)
    assert found in str(refusal.value)
    assert (refusal.value.write, refusal.value.is_example) == (write, False)


@pytest.mark.parametrize("call", ["get_scheduler()", "get_scheduler('x', opt, 0, 9)", "get_scheduler('cosine', opt)"])
def test_get_scheduler_without_a_known_schedule_has_an_example(call: str) -> None:
    with pytest.raises(ParseError) as refusal:
        ps.parse(call)

    assert (refusal.value.write, refusal.value.is_example) == ('warmup("5%") >> cosine()', True)


def test_code_in_a_line_has_a_registered_function_as_its_example() -> None:
    with pytest.raises(ParseError, match="the name of a registered function, not its code") as refusal:
        ps.parse("LambdaLR(optimizer, lr_lambda=lambda epoch: 0.95 ** epoch)")

    assert (refusal.value.write, refusal.value.is_example) == ('from_function("my_function")', True)


def test_get_scheduler_of_the_package_is_a_name_of_transformers() -> None:
    with pytest.raises(AttributeError, match='"get_scheduler" is a name of transformers'):
        _ = ps.get_scheduler  # type: ignore[attr-defined]  # the error is tested
