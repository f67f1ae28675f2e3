"""The call that an error advises for wrong arguments: it runs, and has the values that the user wrote."""

import inspect
import random

import pytest
import torch

import paramsched as ps
from paramsched.core.schedules import SHAPES
from paramsched.errors import InvalidArgument, InvalidCall
from support.tables import table

NAMES = {**{name: getattr(ps, name) for name in ps.__all__}, "ps": ps, "torch": torch, "plan": ps.Plan(lr="cosine()")}


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)


def advice_of(call):
    with pytest.raises(InvalidArgument) as caught:
        eval(call, NAMES | {"optimizer": optimizer()})
    return caught.value.instead


@table(
    ("call", "line"),
    [
        ('ps.Plan(lr="cosine()", warmup=10)', "Plan(lr='warmup(10) >> cosine()')"),
        ('ps.Plan(warmup_steps=10, total_steps=100)', "Plan(lr='warmup(10) >> cosine()', horizon=100)"),
        ('ps.Plan("momentum", "cosine()")', "Plan(momentum='cosine()')"),
        ('ps.Plan("cosine()")', "Plan(lr='cosine()')"),
        ("ps.Plan(ps.cosine(to=0.3), 93)", "Plan(lr=cosine(to=0.3), horizon=93)"),
        ("ps.Plan(lr='cosine()', groups={'head': 'linear()'})",
         "Plan(Binding('lr', 'linear()', groups='head'), lr='cosine()')"),
        ("ps.multistep(torch.tensor([23, 61]))", "multistep([23, 61])"),
        ("ps.piecewise((0, 1.0), (29, 0.35))", "piecewise([[0, 1.0], [29, 0.35]])"),
        ("ps.piecewise([0, 29, 31], [1.0, 0.35, 0.1])", "piecewise([[0, 1.0], [29, 0.35], [31, 0.1]])"),
        ('ps.Plan(lr="cosine()", name="mine")', "Plan(lr='cosine()')"),
        ('ps.Plan(ps.linear(over=5))', "Plan(lr=linear(over=5))"),
        ('ps.Plan({"lr": "cosine()", "betas[0]": "linear()"})', "Plan(Binding('betas[0]', 'linear()'), lr='cosine()')"),
        ('ps.Plan(lr="cosine()", max_epochs=10)', "Plan(lr='cosine()', horizon='10 epochs')"),
        ('ps.Plan(lr="cosine()", epochs="9 epochs")', "Plan(lr='cosine()', horizon='9 epochs')"),
        ('ps.Plan(lr="cosine()", horizn=100, clock="tokens")', "Plan(lr='cosine()', horizon=100, clock='tokens')"),
        ('ps.Plan(LR="cosine()", Horizon=7)', "Plan(lr='cosine()', horizon=7)"),
        ('ps.Plan(total=100)', "Plan(lr='cosine()', horizon=100)"),
        ('ps.Plan(lr="cosine()", groups={"head": {"lr": "linear()"}})',
         "Plan(Binding('lr', 'linear()', groups='head'), lr='cosine()')"),
        ('ps.Plan({"head": {"lr": "linear()"}})', "Plan(Binding('lr', 'linear()', groups='head'))"),
        ('ps.Plan([ps.Binding("lr", "cosine()", groups="head")], weight_decay="linear()")',
         "Plan(Binding('lr', cosine(), groups='head'), weight_decay='linear()')"),
        ("ps.cosine(T_max=100, eta_min=0.01)", "cosine(over=100, to=absolute(0.01))"),
        ("ps.cosine(eta_min=0)", "cosine(to=0)"),
        ("ps.cosine(strat=0.1)", "cosine(start=0.1)"),
        ('ps.cosine(0.5, curve=ps.curves.linear, over=9)', 'anneal(0.5, curve=curves.linear, over=9)'),
        ('ps.cosine(over=0.5)', 'cosine(over="50%")'),
        ("ps.cosine(until=50)", 'cosine(over="until 50 steps")'),
        ("ps.cosine(until='3 epochs')", 'cosine(over="until 3 epochs")'),
        ('ps.cosine(ratio=0.1)', 'cosine(over="10%")'),
        ("ps.cosine(max_epochs=10)", 'cosine(over="10 epochs")'),
        ("ps.cosine(warmup_steps=10, num_training_steps=99)", 'warmup(10) >> cosine(over="until 99 steps")'),
        ("ps.linear(warmup_ratio=0.1)", 'warmup("10%") >> linear()'),
        ("ps.step(10, gama=0.5)", "step(10, gamma=0.5)"),
        ("ps.multistep(10, 20, gamma=0.5)", "multistep([10, 20], gamma=0.5)"),
        ("ps.exponential(rate=0.9)", "exponential(gamma=0.9)"),
        ('ps.Binding(ps.cosine(to=0.3), "lr")', "Binding('lr', cosine(to=0.3))"),
        ('ps.Binding(lr="cosine()")', "Binding(field='lr', schedule='cosine()')"),
        ("ps.Calendar(epochs=10, batches_per_epoch=7)", "Calendar(total='10 epochs', batches_per_epoch=7)"),
        ("ps.Calendar(steps=10)", "Calendar(total=10)"),
        ("ps.Scheduler(optimizer, plan, 5)", "ps.Scheduler(optimizer, plan, total=5)"),
        ("ps.Scheduler(optimizer, plan, total='5')", "ps.Scheduler(optimizer, plan, total=5)"),
        ("ps.Scheduler(optimizer, plan, total=5, optimizer=optimizer)", "ps.Scheduler(optimizer, plan, total=5)"),
        ("ps.Scheduler(optimizer, lr='cosine()', total=5)",
         "ps.Scheduler(optimizer, plan=ps.Plan(lr='cosine()'), total=5)"),
        ("ps.Calendar(total=torch.tensor(93), batch_size='8')", "Calendar(total=93, batch_size=8)"),
        ("ps.Scheduler(optimizer, plan, ps.Calendar(total=5, batch_size=3))",
         "ps.Scheduler(optimizer, plan, calendar=ps.Calendar(total=5, batch_size=3))"),
        ('ps.cosine(strat=0.1, over=ps.Duration.of("5%"))', 'cosine(start=0.1, over="5%")'),
        ('ps.trace(ps.Plan(lr="cosine()", horizon=5), lr=0.1)', "ps.trace(plan, optimizer={'lr': 0.1})"),
        ('ps.resolve("cosine()", steps=99)', "ps.resolve(ps.parse('cosine()'), calendar=ps.Calendar(total=99))"),
    ],
)  # fmt: skip
def test_the_advised_call_runs_and_keeps_what_was_written(call, line):
    instead = advice_of(call)

    assert instead == f"Write {line}"
    plan = ps.Plan(lr="cosine()") if "total=" in line else ps.Plan(lr="cosine()", horizon=5)
    eval(line, NAMES | {"optimizer": optimizer(), "plan": plan})


@table(
    ("call", "example"),
    [
        ('ps.Plan(lr="cosine()", optimizer=3)', "Plan(lr='cosine()')"),
        ('ps.Plan(lr="cosine()", steps_per_epoch=9)', "Plan(lr='cosine()')"),
        ('ps.Plan(lr="cosine()", total=0)', "Plan(lr='cosine()', horizon=1000)"),
        ('ps.Plan(targets={"a": {"initial": 2.0, "schedule": "linear()"}, "b": 0.5, "c": "linear()"})',
         "Plan(Binding(Target('a', 2.0), 'linear()'), Binding(Target('b', 0.5), 'cosine()'), "
         "Binding(Target('c', 1.0), 'linear()'))"),
        ("ps.Calendar(epochs=10)", "Calendar(total='10 epochs', steps_per_epoch=100)"),
        ('ps.Scheduler(optimizer, plan, max_epochs=5)',
         "ps.Scheduler(optimizer, plan, total='5 epochs', steps_per_epoch=100)"),
        ("ps.Scheduler(optimizer, T_max=10)", 'ps.Scheduler(optimizer, total=10, plan=ps.Plan(lr="cosine()"))'),
        ('ps.resolve("cosine()")', "ps.resolve(ps.parse('cosine()'), calendar=ps.Calendar(total=100))"),
        ("ps.Binding('cosine()')", 'Binding("lr", "cosine(to=0.1)", groups="head")'),
        ("ps.piecewise([0, 2], [1.0, 0.3])", "piecewise([(0, 1.0), (10, 0.5), (20, 0.1)])"),  # two pairs, or two lists
        ('ps.plateau("val_loss", 5)', 'plateau("val_loss", patience=5)'),
        ("ps.Scheduler(optimizer, plan, total=9, last_epoch=5)", "ps.Scheduler(optimizer, plan, total=9, t=6)"),
        ('ps.Plan(lr="cosine()", seed=7)', "Plan(lr='cosine()')"),
        ("ps.Scheduler(optimizer, plan, total=9, base_lr=0.3)", "ps.Scheduler(optimizer, plan, total=9)"),
        ("ps.exponential()", 'exponential(0.5, per="100 updates")'),
        ("ps.one_cycle(total=100)", "one_cycle()"),
    ],
)  # fmt: skip
def test_a_call_whose_values_are_unclear_gets_an_example_that_runs(call, example):
    assert advice_of(call) == f"For example: {example}"
    eval(example, NAMES | {"optimizer": optimizer()})


@table(
    ("keywords", "kept"),
    [
        ({"lr": "cosine()", "eps": 1.0}, True),
        ({"warmup": "linear()"}, True),  # a field of a custom optimizer
        ({"total": ps.cosine()}, True),
        ({"total": "cosine()"}, True),
        ({"my_field": 1}, True),
        ({"total": "5 epochs"}, False),
        ({"warmup": 3}, False),
    ],
)
def test_only_keywords_that_cannot_be_fields_are_refused(keywords, kept):
    if kept:
        assert [one.name for one in ps.Plan(**keywords).bindings] == list(keywords)
    else:
        with pytest.raises(InvalidArgument, match="unknown field"):
            ps.Plan(**keywords)


def test_a_builder_must_be_a_function_with_a_new_name_and_a_return_annotation():
    def cosine() -> ps.Schedule:
        """Return nothing."""

    def mine():
        """Return nothing."""

    for made, said in ((3, "expected a function, got int"), (cosine, "taken"), (mine, "return annotation is missing")):
        with pytest.raises(InvalidArgument, match=said):
            ps.shape(made)
    with pytest.raises(InvalidArgument, match=r"For example: def mine\(…\) -> Curve:"):
        ps.curves.curve(mine)


@pytest.mark.parametrize("line", ["cosine(ovr=5)", "cosin()", "x y", "cosine(over=-1)"])
def test_an_example_has_no_line_of_the_user_that_is_wrong(line):
    plan = ps.Plan(lr="cosine()", horizon=100)

    with pytest.raises(InvalidCall, match="'at'") as caught:
        plan.change(lr=line)

    assert line not in str(caught.value)


def test_an_example_keeps_the_lines_of_the_user():
    with pytest.raises(InvalidCall, match=r"For example: plan.change\(lr='cosine\(over=5\)', at=\"50%\"\)"):
        ps.Plan(lr="cosine()", horizon=100).change(lr="cosine(over=5)")


MAKERS = {
    name: one for name, one in NAMES.items() if name in SHAPES or name in ("Plan", "Binding", "Target", "Calendar")
}
VALUES = (
    0.1, 5, -1, 0, 2.5, 1e-5, 10**30, True, None, float("inf"), "5 epochs", "5%", "cosine()", "cosin()", "0.1", "",
    "tokens", [1, 2], (1, 2), {"lr": "cosine()"}, ps.cosine(), ps.absolute(0.1),
)  # fmt: skip
KEYWORDS = (
    "over", "to", "start", "index", "horizon", "total", "steps_per_epoch", "gamma", "lr", "groups", "initial", "n",
    "max_lr", "T_max", "eta_min", "period", "step_size", "milestones", "warmup_steps", "by", "epochs", "clock",
    "targets", "name",
)  # fmt: skip


@pytest.mark.parametrize("name", MAKERS)
def test_a_call_that_an_error_promises_makes_a_value(name):
    draw, names = random.Random(name), NAMES | {"inf": float("inf")}
    own = [one for one in inspect.signature(MAKERS[name]).parameters if one not in ("args", "fields", "bindings")]
    for _ in range(60):
        given = [draw.choice(VALUES) for _ in range(draw.choice([0, 1, 1, 2, 3]))]
        keywords = {draw.choice([*KEYWORDS, *own * 2]): draw.choice(VALUES) for _ in range(draw.choice([0, 1, 1, 2]))}
        try:
            MAKERS[name](*given, **keywords)
        except InvalidArgument as refusal:
            if (line := refusal.write) and not refusal.is_example and line.startswith(f"{name}("):
                eval(line, dict(names))


@pytest.mark.parametrize("kind", ["shape", "curve", "rule"])
def test_the_decorator_that_an_error_names_is_the_one_that_was_called(kind):
    with pytest.raises(InvalidArgument, match=rf"^{kind} 5: .* Write @(?P<name>\S+) above a def$") as refusal:
        getattr(ps.extend, kind)(5)

    assert eval(refusal.value.instead.split()[1].removeprefix("@")) is getattr(ps.extend, kind)
