"""The fix that an error suggests is valid."""

import inspect
import math
import re
import warnings
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
import torch

import paramsched as ps
from paramsched import curves
from paramsched.core import files as config
from paramsched.core.schedules import rules, value_in
from paramsched.core.schedules.leaves import FUNCTIONS
from paramsched.core.schedules.registry import RULES, SHAPES
from paramsched.core.schedules.text.writing import written_value
from paramsched.errors import (
    ConfigError,
    InvalidArgument,
    InvalidCall,
    MissingDependency,
    ParamschedError,
    UnreadableTable,
)
from support.spread import every
from support.tables import table

RUN = ps.Calendar(total=100)
NAMES = {
    **{name: getattr(home, name) for home in (ps, ps.shapes) for name in home.__all__},
    "curves": curves,
    "rules": rules,
    "ps": ps,
    "f": abs,
}
BUILDERS = {
    **SHAPES,
    **{f"rules.{name}": builder for name, builder in RULES.items()},
    **{f"curves.{name}": builder for name, builder in curves.FAMILIES.items()},
    "Calendar": ps.Calendar,
}
BAD = [None, "x", "", "5 apples", math.nan, math.inf, -1, 0, 2.5, 10**400, True, [], [[1]], {}, object(), ps.cosine(),
       lambda u: 2, ps.absolute(0.1), ("a", "b"), (1.0, 2.0, 3.0)]  # fmt: skip
SENTENCES = (
    "A share of the run is text",
    'For example: "5%" for a share of the run',
    "Write an amount and a unit",
    "Scale the function so that it goes from 0",
    "Register it first: ",
    "For example: ",
    "Write Calendar(...",
    "Omit ",
    "Use ",
    "Leave sha256 out",
)
"""Advice that is not a line of code."""


@table(
    ("call", "line"),
    [
        (lambda: ps.cosine(T_max=100), "cosine(over=100)"),
        (lambda: ps.cosine(T_max=100, eta_min=0.1), "cosine(over=100, to=absolute(0.1))"),
        (lambda: ps.linear(start_factor=0.1, end_factor=1.0, total_iters=5), "warmup(5, 0.1)"),
        (lambda: ps.step(step_size=30), "step(every=30)"),
        (lambda: ps.wsd(num_warmup_steps=10, num_decay_steps=20), "wsd(warmup=10, decay=20)"),
        (lambda: ps.cosine_restarts(T_0=10, T_mult=2), "cosine_restarts(first=10, mult=2)"),
        (lambda: ps.exponential(decay_rate=0.9), "exponential(gamma=0.9)"),
    ],
)
def test_a_peer_keyword_in_a_call_gets_the_argument_in_paramsched(call, line):
    with pytest.raises(InvalidCall) as refusal:
        call()

    assert isinstance(refusal.value, TypeError)
    assert refusal.value.instead == f"Write {line}"
    assert ps.parse(line)


@table("text", ["cosine(T_max=100)", "wsd(num_warmup_steps=5, decay=9)", "warmup()", "cosine(last_epoch=3)"])
def test_a_peer_keyword_in_text_gets_advice_that_works_there(text):
    with pytest.raises(InvalidArgument) as refusal:
        ps.parse(text)

    assert ps.parse(refusal.value.write)


@table(
    ("whole", "last"),
    [
        (ps.cosine_restarts(10) >> ps.cosine(), ps.cosine()),
        (ps.cosine(to=0.1) >> ps.constant(), ps.constant()),
        (ps.step(5) >> ps.linear(), ps.linear()),
        (ps.warmup(2) * ps.cosine() >> ps.exponential(0.9) >> ps.constant(0.1), ps.constant(0.1)),
    ],
)
def test_the_error_for_several_stages_without_a_length_adds_a_length_to_all_but_the_last(whole, last):
    with pytest.raises(InvalidArgument) as refusal:
        ps.resolve(whole, RUN)
    line = ps.parse(refusal.value.instead.removeprefix("Write ").removeprefix("For example: "))

    assert [stage.has_length for stage in line.stages] == [True] * (len(whole.stages) - 1) + [False]
    assert line.stages[-1] == last
    assert ps.resolve(line, RUN).is_resolved


@table("name", curves.FAMILIES)
def test_the_error_for_a_curve_without_its_argument_suggests_a_valid_one(name):
    with pytest.raises(InvalidArgument) as refusal:
        curves.curve_of(name)
    assert ps.parse(f"anneal(curve={refusal.value.write}, over=5)")
    with pytest.raises(InvalidArgument) as refusal:
        ps.parse(f"anneal(curve={name})")
    assert ps.parse(refusal.value.write)


@table("slip", ["cosin", "exponentia", "powr", "curves.tahn", "lineer"])
def test_a_misspelled_curve_gets_a_valid_suggestion(slip):
    for form in ("anneal(curve={}, over=5)", "anneal(1, 0, 5, {})"):
        with pytest.raises(InvalidArgument) as refusal:
            ps.parse(form.format(slip))
        assert ps.parse(refusal.value.write)
    yaml = "lr: {{anneal: {{curve: '{}', over: 5}}}}\nhorizon: 5\n"
    with pytest.raises(ConfigError) as error:
        config.loads(yaml.format(slip), format="yaml")
    advice = error.value.diagnostics[0].instead
    line = (
        advice.removeprefix("Write ").removeprefix("For example: ")
        if advice.startswith("Write ")
        else f"lr: {advice.removeprefix('For example: ')}"
    )
    assert config.loads(f"{line}\nhorizon: 5\n", format="yaml")


@table(
    ("text", "line"),
    [
        ("lr * 0.1", 'like("lr") * 0.1'),
        ("warmup(10) >> cosine", "warmup(10) >> cosine()"),
        ("warmup(10) >> rex", "warmup(10) >> anneal(curve=curves.rex)"),
        ("cosine() + like(lr)", 'cosine() + like("lr")'),
        ("warmup(5 epochs) >> cosine()", 'warmup("5 epochs") >> cosine()'),
    ],
)
def test_the_advice_for_a_part_of_a_line_is_the_entire_line(text, line):
    with pytest.raises(InvalidArgument) as refusal:
        ps.parse(text)

    assert (refusal.value.write, refusal.value.instead) == (line, f"Write {line}")


def test_an_error_of_a_shape_names_its_own_arguments():
    with pytest.raises(InvalidArgument, match=r"^inverse_sqrt\(timescale"):
        ps.inverse_sqrt(0)


def test_weights_of_restart_periods_are_optional():
    assert rules.cosine_restarts([10, 20, 10]) == rules.cosine_restarts([10, 20, 10], [1.0, 1.0, 1.0])
    assert str(rules.cosine_restarts([10])) == "rules.cosine_restarts([10])"


def test_integral_floats_are_lengths():
    assert ps.warmup(5.0) == ps.warmup(5) == ps.parse("warmup(5.0)")
    assert ps.power_law(0.7, 8.0) == ps.power_law(0.7, 8)


@pytest.fixture
def lr_csv(tmp_path, monkeypatch):
    """Write the file of the `table_file` example to the working directory."""
    (tmp_path / "lr.csv").write_text("update,lr\n0,0.1\n1,0.5\n")
    monkeypatch.chdir(tmp_path)


@cache
def example_of(name):
    """Return the parts of the call in the documentation of a builder."""
    documented = inspect.getdoc(BUILDERS[name])
    call = documented[documented.index(f"{name}(", documented.index(">>>")) :]
    taken = {
        **NAMES,
        "taken": lambda *positional, **named: inspect.signature(BUILDERS[name]).bind(*positional, **named),
    }
    depth = ends = 0
    for ends, one in enumerate(call):  # noqa: B007
        depth += (one in "([") - (one in ")]")
        if one == ")" and depth == 0:
            break
    arguments = call[len(name) + 1 : ends + 1]
    for variable, value in re.findall(r"^>>> (\w+) = (.+)$", documented.removesuffix(call), re.MULTILINE):
        if re.search(rf"\b{variable}\b", arguments):
            taken[variable] = eval(value, taken)
    return eval(f"taken({arguments}", taken)


def bad_calls(name):
    """Yield the call with each argument replaced by each bad value, and with unknown or extra arguments."""
    for parameter in inspect.signature(BUILDERS[name]).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            continue
        for bad in BAD:
            given = example_of(name)
            given = inspect.BoundArguments(given.signature, dict(given.arguments))
            given.arguments[parameter.name] = (bad,) if parameter.kind is parameter.VAR_POSITIONAL else bad
            yield given.args, given.kwargs
    for word in ("T_max", "last_epoch", "qwerty"):
        yield example_of(name).args, {**example_of(name).kwargs, word: 5}
    yield (1,) * 20, {}


@pytest.mark.parametrize("name", every(6, BUILDERS, 1))
@pytest.mark.usefixtures("lr_csv")
def test_the_fix_suggested_by_a_builder_is_valid(name):
    suggested = set()
    for positional, named in bad_calls(name):
        try:
            BUILDERS[name](*positional, **named)
        except UnreadableTable:
            continue  # it says what to do with the file
        except InvalidArgument as refusal:
            suggested.add(refusal.instead)
    lines = [
        line for line in suggested if line.startswith("For example: ") or (line and not line.startswith(SENTENCES))
    ]

    for line in (re.sub("^(Write|For example:) ", "", line) for line in lines):
        eval(f"{name}({line})" if re.match(r"\w+=", line) else line, dict(NAMES))


def written_calls(name):
    """Yield the documented call as text, with each argument replaced by each bad value that has a text."""
    known = [bad for bad in BAD if isinstance(bad, (int, float, str, list, ps.Schedule)) and bad not in (math.inf,)]
    for parameter in inspect.signature(BUILDERS[name]).parameters.values():
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            for bad in known:
                arguments = {**example_of(name).arguments, parameter.name: bad}
                yield f"{name}({', '.join(f'{key}={written_value(value)}' for key, value in arguments.items())})"


@pytest.mark.parametrize("name", every(5, [name for name in BUILDERS if name != "Calendar"]))
@pytest.mark.usefixtures("lr_csv")
def test_the_fix_suggested_for_a_line_of_text_is_valid_in_code_and_text(name):
    suggested = set()
    for line in written_calls(name):
        try:
            value_in(line)
        except UnreadableTable:
            continue  # it says what to do with the file
        except InvalidArgument as refusal:
            suggested.add(refusal.instead)
    suggested = {line for line in suggested if line.startswith("Write ") and not line.startswith(SENTENCES)}

    for line in (line.removeprefix("Write ").removeprefix("For example: ") for line in suggested):
        eval(line, dict(NAMES))
        assert "lambda" in line or value_in(line) is not None  # a line can name functions but not define them


@table(
    ("call", "site", "line"),
    [
        (lambda: ps.cosine(to="x", over=5), "cosine(to='x')", "cosine(to=0.0, over=5)"),
        (lambda: ps.linear(math.nan), "linear(start=nan)", "linear(start=1.0)"),
        (lambda: ps.warmup(5, "0"), "warmup(start='0')", "warmup(5, 0)"),
        (lambda: ps.cooldown(5, None), "cooldown(to=None)", "cooldown(over=5, to=0.0)"),
        (lambda: ps.polynomial(2.0, to=[]), "polynomial(to=[])", "polynomial(power=2.0, to=0.0)"),
        (lambda: ps.wsd(5, 6, start="x"), "wsd(start='x')", "wsd(warmup=5, decay=6, start=0.0)"),
        (lambda: ps.warmup(5, curve=ps.cosine()), "warmup(curve=cosine())", "warmup(5, curve=curves.cosine)"),
        (lambda: ps.cosine(index="u"), "cosine(index='u')", "cosine(index='t/n')"),
        (lambda: ps.warmup(-1, 0.1), "warmup(over=-1)", "warmup(over=1, start=0.1)"),
        (lambda: ps.one_cycle(up=-1), "one_cycle(up=-1)", "one_cycle(up=1)"),
        (lambda: ps.step("1e30 steps"), "step(every='1e30 steps')", "step(every=1000)"),
        (lambda: ps.cosine(over=10**400), "cosine(over=an integer of 401 digits)", "cosine(over=1000)"),
        (lambda: curves.power(-1), "curves.power(exponent=-1)", "curves.power(exponent=1.0)"),
        (lambda: ps.Calendar(batch_size=0), "Calendar(batch_size=0)", "Calendar(batch_size=100)"),
    ],
)
def test_an_error_names_the_called_function_and_shows_its_call(call, site, line):
    with pytest.raises(InvalidArgument) as refusal:
        call()

    assert refusal.value.site == site
    assert refusal.value.instead == f"Write {line}" or refusal.value.is_example


@table(
    ("call", "line"),
    [
        (lambda: ps.Calendar(max_steps=100), "Calendar(total=100)"),
        (lambda: ps.Calendar(total=9, gradient_accumulation_steps=2), "Calendar(total=9, accumulation=2)"),
        (lambda: ps.Calendar(iters_per_epoch=7), "Calendar(steps_per_epoch=7)"),
        (lambda: curves.power(p=3), "curves.power(exponent=3)"),
        (lambda: ps.warmup(num_warmup_steps=5), "warmup(over=5)"),
        (lambda: ps.cooldown(cooldown_steps=5), "cooldown(over=5)"),
    ],
)
def test_a_peer_name_of_a_fact_curve_or_stage_gets_the_name_in_paramsched(call, line):
    with pytest.raises(InvalidCall) as refusal:
        call()

    assert refusal.value.instead == f"Write {line}"


@pytest.mark.parametrize(
    ("factors", "line"),
    [
        (
            lambda: ps.warmup(5, ps.absolute(0.001)) * ps.cosine(to=ps.absolute(0.004)),
            "minimum(linear(absolute(0.001), 1.0, 5), cosine(to=absolute(0.004)))",
        ),
        (
            lambda: 0.5 * ps.constant(ps.absolute(0.1)) * ps.linear(to=ps.absolute(0.2)),
            "constant(0.5) * minimum(constant(absolute(0.1)), linear(to=absolute(0.2)))",
        ),
    ],
)
def test_the_error_for_a_product_of_absolute_levels_suggests_minimum(factors, line):
    with pytest.raises(InvalidArgument) as refusal:
        factors()

    assert refusal.value.instead == f"Write {line}"
    assert ps.parse(line)


@table(
    ("line", "expected_message"),
    [
        ("{cosine: {T_max: 5}}", 'unknown argument "T_max" of cosine; use "over"'),
        (
            "{cosine: {eta_min: 0.1}}",
            'unknown argument "eta_min" of cosine; use "to". Write lr: cosine(to=absolute(0.1))',
        ),
        ("{warmup: {num_warmup_steps: 5}}", 'unknown argument "num_warmup_steps" of warmup; use "over"'),
        ("{cosine: {over: 10ep}}", 'Write lr: cosine(over="10epochs")'),
        ("{cosine: {over: 0.06dur}}", 'Write lr: cosine(over="6%")'),
        ("{anneal: {curve: exponential}}", "For example: anneal(curve=curves.exponential(0.1))"),
        (
            "{anneal: {curve: {cosine: {}}}}",
            "curves.cosine takes no arguments and no brackets. Write lr: anneal(curve=curves.cosine)",
        ),
        ("{cosine: {last_epoch: 3}}", "a schedule has no state"),
    ],
)
def test_peer_keywords_in_a_file_get_the_arguments_in_paramsched(line, expected_message):
    with pytest.raises(ConfigError) as refusal:
        config.loads(f"lr: {line}\nhorizon: 100\n", format="yaml")

    (fault,) = refusal.value.diagnostics
    assert expected_message in fault.message


def test_integral_floats_are_lengths_in_files():
    assert config.loads("lr: {warmup: {over: 5.0}}", format="yaml") == config.loads("lr: warmup(5)", format="yaml")


def public_callables():
    """Yield each public function, class and method once, with its `self` if it needs one."""
    paths = Path(__file__).parent / "architecture" / "public_paths.txt"
    seen = set()
    for path in paths.read_text(encoding="utf-8").split():
        module, _, name = path.rpartition(".")
        with warnings.catch_warnings(), suppress(ModuleNotFoundError, MissingDependency):
            warnings.simplefilter("ignore", DeprecationWarning)
            one = getattr(import_module(module), name, None) if module else None
            if inspect.isclass(one) and issubclass(one, BaseException):
                continue
            found = [(path, one, ())] if callable(one) else []
            if inspect.isclass(one):
                for method, function in inspect.getmembers(one, inspect.isfunction):
                    needs_self = next(iter(inspect.signature(function).parameters), "") == "self"
                    found.append((f"{path}.{method}", function, (object(),) * needs_self))
            for path, call, selves in found:
                if id(call) not in seen and str(call.__module__).startswith("paramsched"):
                    seen.add(id(call))
                    yield path, call, selves


def context_of(path):
    """Return the names with which a reader pastes an example of a method: a plan, a Scheduler, an optimizer."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    plans = {
        "consumed": ps.Plan(lr="linear(over='100 tokens')", clock="tokens"),
        "report": ps.Plan(lr="linear()", clock="progress"),
        "observe": ps.Plan(lr="plateau('val_loss')"),
        "set_facts": ps.Plan(lr="linear()", horizon="2 epochs"),
    }
    method = path.rpartition(".")[2]
    plan = plans.get({"measured": "consumed"}.get(method, method), ps.Plan(lr="linear()", horizon=10_000))
    calendar = "later" if method == "set_facts" else None
    scheduler = ps.Scheduler(optimizer, plan, calendar=calendar) if ".Scheduler." in path else None
    plan = ps.Plan(lr="linear()", horizon=100 if method == "resolve" else 10_000)
    if method == "replay":
        plan = ps.Plan(lr="plateau('loss')")
    if "BatchSampler" in path:
        plan = ps.Plan(ps.Binding(ps.Target("batch_size", 8), "linear()"), horizon=100)

    def step():
        optimizer.param_groups[0]["params"][0].grad = torch.ones(1)
        optimizer.step()
        return optimizer.param_groups[0]["params"][0].item()

    return {"ps": ps, "plan": plan, "scheduler": scheduler, "optimizer": optimizer, "step": step}


@pytest.mark.heavy
def test_advice_for_a_wrong_call_never_has_self_and_works_when_pasted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(FUNCTIONS, "a_half_of_t", raising=False)
    registered = set(FUNCTIONS)
    (tmp_path / "plan.yaml").write_text("lr: constant(0.5)", encoding="utf-8")
    pasted = set()  # once each, because a name is registered once
    for path, call, selves in public_callables():
        signature = inspect.signature(call)
        for positional, named in [((), {}), ((), {"qwerty": 1}), ((1,) * 30, {})]:
            try:
                signature.bind(*selves, *positional, **named)
            except TypeError:
                pass
            else:
                continue  # the call may do anything
            with pytest.raises(TypeError) as refusal:
                call(*selves, *positional, **named)
            instead = getattr(refusal.value, "instead", "")
            assert "self" not in re.findall(r"\w+", instead), path
            fields = any(one.kind is one.VAR_KEYWORD for one in signature.parameters.values()) and named
            line = re.sub("^(Write|For example:) ", "", instead)
            if re.match(r"(ps|plan|scheduler)\.", line) and line != instead and not fields and line not in pasted:
                eval(line, context_of(path))
                pasted.add(line)
    for name in FUNCTIONS.keys() - registered:  # by an example
        del FUNCTIONS[name]
    assert len(pasted) > 30


@table(
    ("call", "line"),
    [
        (lambda plan: plan.cooldown("20%"), "plan.cooldown('20%', over=\"10%\")"),
        (lambda plan: plan.change(lr="cosine()"), "plan.change(lr='cosine()', at=\"50%\")"),
        (lambda plan: plan.scale(lr=0.5), 'plan.scale(lr=0.5, at="50%")'),
        (lambda plan: plan.resolve(total=10_000), "plan.resolve(calendar=ps.Calendar(total=10000))"),
        (lambda _: ps.Scheduler("o", T_max=9), "ps.Scheduler('o', total=9, plan=ps.Plan(lr=\"cosine()\"))"),
    ],
)
def test_advice_for_a_method_has_the_arguments_of_the_call(call, line):
    with pytest.raises(InvalidCall) as refusal:
        call(ps.Plan(lr="linear()", horizon=10_000))

    assert re.sub("^(Write|For example:) ", "", refusal.value.instead) == line
    assert eval(line.replace("'o'", "optimizer"), context_of("") | {"plan": ps.Plan(lr="linear()", horizon=10_000)})


@pytest.mark.parametrize("clock", ["updates", "tokens", "samples"])
def test_a_plan_without_a_horizon_is_told_where_to_write_one(clock):
    plan = ps.Plan(lr="linear()", clock=clock)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)

    for call in (lambda: plan.resolve(ps.Calendar()), lambda: ps.Scheduler(optimizer, plan)):
        with pytest.raises(InvalidArgument) as refusal:
            call()
        horizon = re.search(r"(?:horizon|total)=([^)]*)", refusal.value.instead)[1]
        assert ps.Scheduler(optimizer, ps.Plan(lr="linear()", clock=clock, horizon=eval(horizon))).plan.horizon


def test_a_loader_as_a_number_of_steps_gets_its_length():
    loader = torch.utils.data.DataLoader([1, 2, 3])
    for fact in ("steps_per_epoch", "batches_per_epoch"):
        with pytest.raises(InvalidArgument) as refusal:
            ps.Calendar(**{fact: loader})
        assert refusal.value.instead == f"For example: {fact}=len(loader)"


@pytest.mark.parametrize("text", ["horizon: 10\nlr: cosine()", "lr: cosine()", f"lr: {'1.0 * ' * 100}cosine()"])
def test_the_text_of_a_plan_in_place_of_a_path_names_loads(text):
    with pytest.raises(FileNotFoundError, match=r"write ps\.loads\(text\)"):
        ps.load(text)


@pytest.mark.parametrize("path", ["plan.yaml", "configs/plan.toml"])
def test_a_path_in_place_of_the_text_of_a_plan_names_load(path):
    with pytest.raises(InvalidArgument) as refusal:
        ps.loads(path)
    assert refusal.value.instead == f"Write ps.load({path!r})"


@table(
    "call",
    [
        {"cosine": {"warmup_steps": 100}},
        {"cosine": {"warmup_ratio": 0.1, "to": 0.1}},
        {"linear": {"num_warmup_steps": 10}},
        {"linear": {"warmup_epochs": 2, "over": "30%"}},
        {"cosine": {"warmup": 5, "over": 50}},
        {"cosine": {"until": 50}},
    ],
)
def test_a_mapping_gets_the_line_of_the_same_call_as_text(call):
    ((name, given),) = call.items()
    with pytest.raises(InvalidArgument) as of_text:
        ps.parse(f"{name}({', '.join(f'{key}={value!r}' for key, value in given.items())})")
    with pytest.raises(ConfigError) as of_file:
        ps.loads({"lr": call})

    assert of_file.value.diagnostics[0].instead == f"Write lr: {of_text.value.write}"


@table(
    ("text", "path", "instead"),
    [
        (
            "lr: cosine()\nsteps_per_epoch: 500",
            "$.steps_per_epoch",
            "Remove it, and pass steps_per_epoch=500 to the Scheduler",
        ),
        ("optimizers: {muon: {lr: cosine()}}", "$.optimizers", "Write groups: {muon: {lr: cosine()}}"),
        (
            "betas: ['linear(0.8, 0.9)', 0.99]",
            "$.betas",
            'Split it: "betas[0]": absolute(linear(0.8, 0.9)) and "betas[1]": absolute(0.99)',
        ),
        (
            "betas: [linear(0.8, 0.9), 0.99]",
            "",
            'Split it: "betas[0]": absolute(linear(0.8, 0.9)) and "betas[1]": absolute(0.99)',
        ),
        ("lr: {cosine: {until: 5}}", "$.lr.until", 'Write lr: cosine(over="until 5 steps")'),
    ],
)
def test_an_entry_of_a_file_that_belongs_elsewhere_gets_its_place(text, path, instead):
    with pytest.raises(ConfigError) as refusal:
        ps.loads(text)

    (fault,) = refusal.value.diagnostics
    assert (fault.path, fault.instead) == (path, instead)
    assert len(fault.message) < 200  # no list of all schedules


def test_a_list_for_a_pair_gets_a_binding_for_each_element():
    with pytest.raises(InvalidArgument) as refusal:
        ps.Plan(lr="cosine()", betas=["linear(0.85, 0.95)", 0.99])

    bindings = eval(refusal.value.instead.removeprefix("For example: "), {"Binding": ps.Binding})
    assert [str(one) for one in bindings] == ["betas[0]: linear(0.85, 0.95)", "betas[1]: constant(absolute(0.99))"]


@pytest.mark.parametrize("value", [-1, 0, -1.0])
def test_a_length_that_means_no_limit_elsewhere_is_not_a_run_of_one_update(value):
    for call in (lambda: ps.Calendar(total=value), lambda: ps.Plan(lr="constant(0.1)", horizon=value)):
        with pytest.raises(InvalidArgument) as refusal:
            call()
        assert not re.search(r"=1\b", refusal.value.instead)


LONG = "q" * 9_000


@table(
    "text",
    [
        *(
            LONG,
            f"{LONG}(3)",
            f"cosine({LONG}=3)",
            f"curves.{LONG}(2)",
            f"rules.{LONG}(2)",
            f"ps.{LONG}.x(2)",
            f"cosine({LONG})",
        ),
        *(
            f"anneal(curve={LONG})",
            f"cosine(over='{LONG}')",
            f"cosine() {LONG}",
            f"like('{LONG}') + {LONG}",
            f"'{LONG}'",
        ),
        *(f"1{LONG}", f"{LONG}-{LONG}", "1" * 9_000, f"warmup({'1' * 9_000})", f"cosine(to={'1' * 9_000}j)"),
    ],
)
def test_a_message_about_a_long_name_is_short(text):
    with pytest.raises(ParamschedError) as refusal:
        ps.Plan(lr=text, horizon=9).resolve(ps.Calendar())
    with pytest.raises(ParamschedError) as of_file:
        ps.loads(f"horizon: 9\nlr: {text}").resolve(ps.Calendar())

    assert len(str(refusal.value)) < 1000
    assert all(len(one.message) < 1000 for one in getattr(of_file.value, "diagnostics", []))
