"""The check of a plan: problems, their location, codes, targets, and the first update."""

import re
import warnings
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched import files as config
from paramsched.base.codes import rules_by_code
from paramsched.checks import check, codes_given, note_of_first_update
from paramsched.checks.plan_check import rule_of_code
from paramsched.cli import main
from paramsched.core.plan import Binding, Plan, Target
from paramsched.core.schedules import cosine, parse
from paramsched.core.time import RunFacts
from paramsched.errors import InvalidArgument, ParamschedError
from support.registered_shapes import shapes_as_before
from support.strategies import GROUPS, World, plans
from support.tables import table


@table(
    "text",
    [
        "lr: warmup('5%') >> cosine(to=0.01)\ntotal: 20 epochs",
        "lr: warmup(500) >> cosine()",
        "lr: warmup('1e9 tokens') >> cosine()\ntotal: 250B tokens\nweight_decay: linear(1, 0, over='3 epochs')",
        "lr: linear(1, 0, over='100%')\ntotal: 7 steps",
        "lr: linear(1, 0, over='15 epochs') >> linear(0, 0.3, over='25%')\ntotal: 20 epochs",
        "lr: step('30 epochs')",
        "lr: cosine()\ntotal: 1e6 samples + 2 epochs",
        "momentum: step(9)\ngroups: {head: {'betas[0]': step(9)}}",
        "lr: warmup('5%') >> cosine(over='until 80%') >> constant(0.1, over='until 100%')\ntotal: 10 epochs",
        "lr: warmup('5%') >> skip(cosine(), '5%')\nweight_decay: like('lr')\ntotal: 10 epochs",
        "lr: linear(over='95%')\nweight_decay: like('lr') >> constant(0)\ntotal: 10 epochs",
        "lr: take(cosine(), '60%', of='300%') >> linear(start=0.5)\ntotal: 10 epochs",
        "lr: warmup('5%') >> cosine(to=0.01)",
        "lr: warmup('5 epochs') * multistep(['30 epochs'])",
        "lr: 0.1 * (warmup(5) >> cosine())",
        "lr: linear(absolute(0.001), absolute(0.00001))",
        "lr: constant(0.1)",
        "lr: warmup(5, start=0.001) >> constant()",
        "lr: restarts(warmup('2%') >> cosine(), '20%')",
        "lr: piecewise([[0, 1.0], ['30%', 0.1], ['60%', 0.01]])",
        "lr: wsd('5%', '20%')",
        "lr: noam(512, 4000)",
        "lr: warmup(5) >> step('30 epochs')",
    ],
)
def test_a_valid_plan_has_no_problems(text):
    assert check(config.loads(text)) == ()


def test_problems_of_targets_and_indices_have_the_path_in_the_file():
    plan = Plan(Binding(Target("t", 1), "cosine() >> cosine()"), Binding("lr", "cosine() >> cosine()", groups=2))

    assert [problem.path for problem in check(plan)] == ["$.groups[2].lr", "$.targets.t.schedule"]


def test_a_warning_is_labeled_as_a_warning():
    (actual,) = check(Plan(lr=cosine(over=30), total=20))

    assert str(actual) == "$.lr: warning: cosine(over=30) takes 150% of the total, so the run ends first"


def test_plans_without_text_can_be_checked():
    assert check(Plan(Binding("lr", cosine(), groups=lambda group: True))) == ()


WORLD = World(total=200, epoch=20, batch=32, accumulation=1)


@given(plans(WORLD, follow=True), st.sampled_from([None, WORLD.facts]))
def test_any_plan_can_be_checked(plan, facts):
    for actual in check(plan, facts=facts, groups=GROUPS):
        assert actual.severity in ("error", "warning", "info")
        assert actual.path.startswith("$")


@given(plans(WORLD, follow=True))
def test_problems_do_not_depend_on_the_order_of_lines(plan):
    turned = Plan(*reversed(plan.bindings), total=plan.total)

    assert sorted(map(str, check(turned))) == sorted(map(str, check(plan)))


FOLLOWING = """
clock: tokens
total: 30B tokens
lr: {}
targets:
  batch_size: {{initial: 1, schedule: '{}'}}
"""


GROWING = 'rounded(linear(16, 1600, over="12B tokens"), 16)'


@pytest.mark.parametrize("facts", [None, RunFacts(sequence_length=2048)])
@pytest.mark.parametrize(
    ("lr", "size", "codes"),
    [
        ('(warmup("375M tokens") >> cosine(to=0.1)) * (like("batch_size") / 256) ** 0.5', GROWING, []),
        ('(warmup("375M tokens") >> cosine(to=0.1)) * like("batch_size")', GROWING, []),
        ('(warmup("375M tokens") >> cosine()) * like("batchsize")', GROWING, ["PS206"]),
    ],
)
def test_lines_that_follow_a_target_are_checked(lr, size, codes, facts):
    assert [problem.code for problem in check(config.loads(FOLLOWING.format(lr, size)), facts=facts)] == codes


def test_a_target_that_is_not_followed_on_the_clock_of_the_run_is_an_error():
    plan = config.loads(FOLLOWING.format('warmup("375M tokens") >> cosine() * like("batch_size")', GROWING))

    (actual,) = check(plan)

    assert (actual.code, actual.advice) == (
        "PS206",
        'Write (warmup("375M tokens") >> cosine()) * like("batch_size")',
    )


@table(
    ("line", "code", "when"),
    [
        ("lr: exponential(1.5, 1)", "PS310", "at a time that depends on steps_per_epoch"),
        ("lr: warmup(500) >> linear(1, -1, 1000)", "PS311", "at a time that depends on steps_per_epoch"),
        ("lr: clamp(step(150, 2), low=0.1)", "PS318", "more than 10 × base at a time that"),
        ("lr: clamp(step(107, 2), low=0.1)", "PS318", "more than 10 × base at a time that"),
        ("lr: cosine_restarts(110)", None, ""),
        ("lr: warmup(95_000) >> cosine() - 0.5", None, ""),
        ("lr: multistep([95_000], 0.1)\nweight_decay: like('lr')", None, ""),
    ],
)  # fmt: skip
def test_what_depends_on_the_unknown_length_of_an_epoch_is_not_stated(line, code, when):
    plan = config.loads(f"{line}\ntotal: 90 epochs")
    actual = {problem.code: str(problem) for problem in check(plan)}

    assert [*actual] == ([] if code is None else [code])
    assert code is None or when in actual[code]
    for epoch in (800, 1000, 1200):
        of_epoch = {problem.code: str(problem) for problem in check(plan, steps_per_epoch=epoch)}
        assert code is None or {code, "PS310" if code == "PS318" else code} & {*of_epoch}  # it may grow to infinity
        if "at update" in when:
            assert of_epoch[code] == actual[code]


BEGIN_AT_ZERO = [
    "lr: warmup(10) >> cosine()",
    "lr: warmup(5)",
    "lr: absolute(warmup(10, to=3e-4) >> cosine(start=3e-4, to=0))",
    "lr: 0.5 * warmup(4) >> 0.5 * cosine()",
    'lr: warmup(3) * cosine() * plateau("loss")',
    "lr: linear(0, 0.5, 10) >> cosine(start=0.5)",
    "lr: linear(absolute(0), 1, 10, index='t/n') >> cosine()",
    "lr: (warmup(3) >> constant()) * constant(0.5)",
    "groups: {head: {lr: warmup(10)}}",
    "lr: warmup(5)\ngroups: {head: {lr: warmup(10)}}",
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


@table("text", BEGIN_AT_ZERO)
def test_a_short_warmup_from_zero_has_a_note(text):
    assert 'write index="(t+1)/n"' in note_of_first_update(ps.loads(text))


@table("text", BEGIN_ABOVE)
def test_other_plans_have_no_note(text):
    assert note_of_first_update(ps.loads(text)) == ""


@pytest.mark.package("show")
@pytest.mark.parametrize("command", [["check"], ["show", "--total", "100"]])
def test_check_and_show_print_the_note_on_standard_error_and_succeed(command, tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text("lr: warmup(10) >> cosine()\n")

    pytest.importorskip("paramsched.tools")  # of the command
    done = CliRunner().invoke(main, [command[0], str(plan), *command[1:]])

    assert done.exit_code == 0
    assert 'write index="(t+1)/n"' in done.stderr
    assert "first update" not in done.stdout


def test_a_start_of_one_nth_is_refused_in_python_and_in_a_file_too():
    with pytest.raises(ps.errors.InvalidArgument):
        ps.warmup(10, start="1/n")
    with pytest.raises(ps.errors.ConfigError):
        ps.loads("lr: warmup(10, '1/n')")


@table("rule", list(rules_by_code().values()))
def test_a_rule_is_found_by_its_code_and_its_name_and_suggested_for_its_number(rule):
    assert rule_of_code(rule.code.lower()) is rule_of_code(rule.name.upper()) is rules_by_code()[rule.code]
    assert codes_given(f"{rule.name} {rule.code}") == {rule.code}
    with pytest.raises(InvalidArgument) as refused:
        codes_given(rule.code.removeprefix("PS"))
    assert rule.code in str(refused.value.problem.advice)


def test_a_prefix_selects_its_rules_next_to_others():
    assert codes_given("PS40, ps205") == {f"PS40{n}" for n in range(2, 8)} | {"PS205"}


@pytest.mark.parametrize(
    ("code", "text"),
    [("PS999", "PS101"), ("PS9999", "PS"), ("beyond-totl", "beyond-total"), ("horiz", "PS101")],
)
def test_an_unknown_code_is_rejected_with_the_nearest_name_or_examples_of_codes(code, text):
    with pytest.raises(InvalidArgument) as refused:
        codes_given(code)

    assert text in refused.value.problem.summary


def codes(name, initial, line, **options):
    """Return the codes of a plan with a target, by the check and by a start; they are the same."""
    plan = ps.Plan(ps.Binding(ps.Target(name, initial, **options), line), total=100)
    checked = [problem.code for problem in ps.check(plan)]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ps.Scheduler(optimizer, plan)
    assert [str(warning.message).rpartition("[")[2].rstrip("]") for warning in caught] == checked
    return checked


@table(
    ("name", "initial", "line", "code"),
    [
        ("lr", 0.1, "linear(0, 1)", "PS407"),
        ("weight_decay", 0.1, "cosine()", "PS407"),
        ("betas", 0.9, "constant(1.0, 10) >> constant()", "PS407"),
        ("kl", 0.1, "linear(0, 0.1)", "PS301"),
        ("entropy", 0.01, "linear(0.01, 0)", "PS301"),
        ("temperature", 5.0, "cosine(start=5, to=1)", "PS301"),
        ("ema_decay", 0.996, "linear(0.996, 1.0)", "PS301"),
        ("temperature", 0.04, "linear(0.04, 0.07)", "PS301"),
        ("temperature", 0.04, "linear(0.07, 0.04)", "PS301"),
        ("length", 128, 'linear(128, 1024, "100%")', "PS301"),
        ("length", 16, "stairs(16, 128, 3)", "PS301"),
        ("ema_decay", 0.996, 'linear(0.996, 1, over="50%") >> constant(1)', "PS301"),
        ("temperature", 0.04, 'linear(0.04, 0.07, over="50%") >> constant(0.07)', "PS301"),
        ("kl", 0.5, 'linear(0, 0.5, over="50%") >> linear(0.5, 1)', "PS301"),
        ("temperature", 5.0, 'linear(5, 1, over="50%") >> linear(1, 0.5)', "PS301"),
        ("length", 16, "table([16, 32, 64], every=30)", "PS301"),
    ],
)
def test_a_target_that_was_meant_otherwise_is_reported(name, initial, line, code):
    assert codes(name, initial, line) == [code]


@table(
    ("name", "initial", "line"),
    [
        ("kl", 0.1, "linear(0, 1)"),
        ("kl", 1.0, "linear(0, 1)"),
        ("kl", 0.1, "cosine(start=1, to=0.1)"),
        ("kl", 0.1, "0.1 * cosine()"),
        ("kl", 0.1, 'warmup("10%", 0.1) >> cosine()'),
        ("kl", 0.1, 'warmup("10%", 0.1) >> constant()'),
        ("kl", 0.1, "chain(warmup(50, 0.1), exponential(0.999))"),
        ("kl", 0.1, 'linear(0, 1, over="50%") >> linear(1, 0.1)'),
        ("kl", 0.1, "linear(absolute(0), absolute(0.1))"),
        ("momentum", 0.996, "constant(1.0, 10) >> constant()"),
        ("ema_decay", 0.99, "linear(1, 1.01)"),
        ("temperature", 5.0, "linear(1, 0.2)"),
        ("beta_kl", 4.0, "linear(0, 1, 50) >> constant()"),
        ("noise", 0.5, "linear(1, 2)"),
        ("dropout", 0.5, "linear(1, 0.5)"),
        ("length", 2, "stairs(1, 2, 2)"),
        ("ema_decay", 0.996, "absolute(linear(0.996, 1.0))"),
    ],
)
def test_a_right_target_is_silent(name, initial, line):
    assert codes(name, initial, line) == []


def test_a_target_that_is_written_may_have_the_name_of_a_field():
    assert codes("lr", 0.1, "cosine()", write=lambda _: None) == []


def problems_of(line, field="lr"):
    return [problem.message for problem in check(Plan(**{field: parse(line)})) if problem.severity == "warning"]


@table(
    ("other_name", "own_name"),
    [("learning_rate", "lr"), ("wd", "weight_decay"), ("beta1", "betas[0]"), ("epsilon", "eps")],
)
def test_another_name_of_a_field_is_reported_with_the_name_in_paramsched(other_name, own_name):
    assert any(own_name in message for message in problems_of("cosine()", other_name))


def documented():
    """Yield every plan of the README, docs and examples, except pages that show problems."""
    root = Path(__file__).parents[2]
    docs = root / "docs"
    written = [page for page in sorted(docs.rglob("*.md")) if docs / "_generated" not in page.parents]
    pages = [root / "README.md", *(page for page in written if page != docs / "reference" / "checking.md")]
    texts = [text for page in pages for text in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)]
    texts += [file.read_text() for file in sorted((root / "examples").rglob("*.yaml"))]
    for text in texts:
        try:
            yield config.loads(text)
        except ParamschedError:  # a config of the Runner or a part of a plan
            continue


def test_no_plan_in_the_documentation_has_problems():
    plans = list(documented())

    assert len(plans) >= 3
    assert [problem for plan in plans for problem in check(plan)] == []


GROUP = {"lr": 1e-3, "weight_decay": 0.01, "eps": 1e-8, "betas": (0.9, 0.999), "momentum": 0.9, "dampening": 0.5}


OUTSIDE = [  # field, line, total, the first update
    ("betas[0]", "absolute(linear(0.9, 1.1))", 100, 50),
    ("betas[0]", "linear(1.0, 1.2)", 100, 56),
    ("betas[1]", "absolute(warmup(10, 0.9))", 100, 10),
    ("momentum", "absolute(linear(0.9, 1.1))", 100, 50),
    ("dampening", "linear(1.0, 3.0)", 100, 50),
    ("lr", "linear(1.0, -1.0)", 100, 51),
    ("lr", "cosine() - 0.5", 100, 51),
    ("lr", "linear(1.0, -1.0)", 100_000, 50_001),
    ("lr", "warmup(10, to=1) >> constant(-0.1, 5) >> constant(1)", 1_000_000, 10),
    ("weight_decay", "absolute(linear(0.1, -0.1))", 100, 51),
    ("eps", "absolute(table([1e-8, -1e-8], every=20))", 100, 20),
]


INSIDE = [
    ("betas[0]", "absolute(linear(0.85, 0.95))"),
    ("betas[0]", "absolute(linear(0.9, 1.0))"),  # 1 only at the end
    ("lr", "linear(1, 0)"),
    ("lr", "clamp(linear(1, -1), low=0)"),
    ("lr", "linear(1, -1, over=200)"),  # negative only after the end
    ("lr", "0.5 + 0.5 * cosine(start=1, to=-1)"),
    ("weight_decay", "absolute(cosine(start=0.4, to=0))"),
]


def reported(field, line, total):
    plan = ps.Plan(ps.Binding(field, line), total=total)
    return [problem for problem in check(plan, groups=[GROUP]) if problem.code in ("PS311", "PS312")]


@pytest.mark.parametrize(("field", "line", "total", "update"), OUTSIDE)
def test_the_first_update_outside_is_reported_as_an_error(field, line, total, update):
    (actual,) = reported(field, line, total)

    schedule = ps.resolve(ps.parse(line), total=total)
    base = GROUP["betas"][int(field[6])] if field.startswith("betas") else GROUP[field]
    below = 1.0 if field.startswith(("betas", "momentum", "dampening")) else float("inf")
    first = next(t for t in range(total) if not -1e-9 * base <= schedule(t, base=base) < below)
    assert (actual.severity, first) == ("error", update)
    assert f"at update {update}." in str(actual)


@pytest.mark.parametrize(("field", "line"), INSIDE)
def test_values_inside_and_values_after_the_end_are_silent(field, line):
    assert reported(field, line, 100) == []


def test_the_base_of_each_group_counts():
    plan = ps.loads("betas[0]: linear(1, 1.2)\ntotal: 100")

    def outside(*betas):
        problems = ps.check(plan, groups=[{"betas": (beta, 0.999)} for beta in betas])
        return [str(problem) for problem in problems if problem.code == "PS312"]

    assert outside(0.5) == outside(0.5, 0.6) == []
    assert [["at update 56" in text for text in outside(*betas)] for betas in [(0.5, 0.9), (0.9, 0.5)]] == [[True]] * 2


@pytest.mark.parametrize("place", [20, 199_980])
def test_the_first_and_the_last_updates_of_a_long_run_are_looked_at_one_by_one(place):
    total = 200_000
    with shapes_as_before():

        @ps.shape
        def dip(t):
            return -1.0 if t == place else 1.0 - t / total

        (actual,) = check(ps.Plan(lr=dip(), total=total))

    assert f"-1 × base at update {place}" in actual.message


def test_a_base_of_1_in_one_group_does_not_hide_the_other_groups():
    groups = [{"weight_decay": 1.0}, {"weight_decay": 0.1}]
    plan = ps.Plan(weight_decay="linear(0.1, 0.05)")

    assert [problem.code for problem in ps.check(plan, groups=groups, total=100)] == ["PS301"]
    assert ps.check(plan, groups=groups[:1], total=100) == ()


def test_one_kind_of_report_is_silenced_in_check_in_the_command_and_in_a_run():
    line = "cosine(over=30)"

    assert [problem.code for problem in ps.check(line, total=20)] == ["PS201"]
    for ignore in ("PS201", "beyond-total", "PS2", ["PS201", "PS305"]):
        assert ps.check(line, total=20, ignore=ignore) == ()
    for wrong in ("PS999", 201, [201]):
        with pytest.raises(InvalidArgument):
            ps.check(line, total=20, ignore=wrong)
    pytest.importorskip("paramsched.tools")  # of the command
    assert CliRunner().invoke(main, ["check", line, "--total", "20", "--strict", "--ignore", "PS201"]).exit_code == 0
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", r".*\[PS201\]", ps.PlanWarning)
        ps.Scheduler(optimizer, line, total=20)


@pytest.mark.parametrize(
    ("clock", "total", "facts", "is_found"),
    [
        ("tokens", 1_000_000_000, {}, True),
        ("samples", 5_000_000, {}, True),
        ("tokens", 1_000_000, {}, False),
        ("tokens", "1B tokens", {}, False),
        ("tokens", 1_000_000_000, {"tokens_per_step": 4096}, False),
        ("samples", 1_000_000_000, {"batch_size": 8}, False),
        ("updates", 1_000_000_000, {}, False),
    ],
)
def test_a_bare_number_as_total_is_found_where_it_probably_is_an_amount(clock, total, facts, is_found):
    plan = ps.Plan(lr=f'warmup("10k {clock}") >> constant()', clock=clock, total=total)
    if clock == "updates":
        plan = ps.Plan(lr="cosine()", total=total)

    assert [problem.code for problem in ps.check(plan, **facts)] == ["PS219"] * is_found


@pytest.mark.parametrize(
    ("line", "is_found"),
    [
        ('restarts(linear(0, 1, over="50%") >> constant(1), times=4)', True),
        ("restarts(warmup(300) >> cosine(over=100), 250)", True),
        ('restarts(warmup("10%") >> cosine(), "10%")', True),
        ("skip(restarts(warmup(300) >> cosine(over=100), 250), 100)", True),
        ('restarts(warmup("2%") >> cosine(), "10%")', False),
        ("restarts(warmup(20) >> cosine(), 250, mult=2)", False),
        ("restarts(linear(over=250), 250)", False),
        ("restarts(warmup(100) >> constant(), 250)", False),
    ],
)
def test_stages_that_are_longer_than_their_cycle_are_found_as_those_longer_than_the_run(line, is_found):
    codes = [problem.code for problem in ps.check(line, total=1000)]

    assert codes == [problem.code for problem in ps.check("warmup(300) >> cosine(over=100)", total=250)] * is_found
