"""Checks of several optimizers and their schedulers, without a run."""

import inspect

import pytest
import torch
from torch import nn

import paramsched as ps
from paramsched.errors import ConfigError, InvalidArgument
from paramsched.files import ProblemCollector
from paramsched.mmengine.runner import Runner
from paramsched.mmengine.schedulers import OptimWrapper, StepLR
from paramsched_runner.runner._parts import build_parts
from paramsched_runner.runner.runner import config_as_dict, read_config
from support.tables import table

DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(Runner).parameters.items()
    if parameter.default is not parameter.empty
}
SGD = {"optimizer": {"type": "SGD", "lr": 0.1, "momentum": 0.9}}
STEP = {"type": "StepLR", "step_size": 2}


def settings(**changes):
    model = nn.ModuleDict({"g": nn.Linear(1, 1), "d": nn.Linear(1, 1)})
    loader = torch.utils.data.DataLoader([0, 1, 2], batch_size=1)
    training = {"train_dataloader": loader, "train_cfg": {"max_epochs": 4}, "optim_wrapper": {"g": SGD, "d": SGD}}
    return {**DEFAULTS, "model": model, **training, **changes}


def problems(**changes):
    """Return the path of each problem, and all messages as one text."""
    try:
        build_parts(settings(**changes))
    except ConfigError as error:
        return [problem.path for problem in error.problems], str(error)
    return [], ""


def built():
    return StepLR(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1), step_size=2)


@table(
    "schedulers",
    [
        None,
        STEP,
        [STEP, {"type": "LinearLR", "end": 2}],
        {"g": STEP, "d": None},
        {"g": [STEP], "d": [{"type": "LinearMomentum", "start_factor": 0.5, "end": 3}]},
        "lr: cosine()",
        'groups: {g: {lr: cosine()}, d: {lr: "linear()"}}',
        ps.Plan(lr=ps.cosine()),
        {"lr": "cosine()"},
    ],
)
def test_valid_schedulers_of_several_optimizers_have_no_problem(schedulers):
    assert problems(param_scheduler=schedulers) == ([], "")


def test_the_check_of_a_verbose_scheduler_prints_nothing(capsys):
    assert problems(param_scheduler={**STEP, "verbose": True}) == ([], "")
    assert capsys.readouterr().out == ""


@table(
    ("schedulers", "path", "said"),
    [
        ({"g": STEP}, "$.param_scheduler.d", "it is missing. Use d=[] for no scheduler"),
        ({"g": STEP, "d": None, "x": STEP}, "$.param_scheduler.x", "no optimizer has this name"),
        ({"g": {**STEP, "step_size": 0}, "d": None}, "$.param_scheduler.g", "step_size"),
        ({"g": [STEP, {**STEP, "gama": 1}], "d": None}, "$.param_scheduler.g[1]", "gama"),
        ({"g": None, "d": {**STEP, "type": "StepL"}}, "$.param_scheduler.d.type", "StepL"),
        ({**STEP, "step_size": 0}, "$.param_scheduler.step_size", "step_size"),
        ([STEP, {**STEP, "step_size": 0}], "$.param_scheduler[1].step_size", "step_size"),
        ([built()], "$.param_scheduler", "a built scheduler belongs to one optimizer"),
        ([built(), STEP], "$.param_scheduler", "a built scheduler belongs to one optimizer"),
        ({"g": [built(), STEP], "d": None}, "$.param_scheduler.g", "built schedulers and dicts are mixed"),
        ({"g": "lr: cosine()", "d": "lr: linear()"}, "$.param_scheduler", "one plan drives all optimizers"),
        ("groups: {x: {lr: cosine()}}", "$.param_scheduler", "x"),
        ("rho: cosine()", "$.param_scheduler", "rho"),
    ],
)
def test_each_problem_of_several_optimizers_is_reported_at_its_path(schedulers, path, said):
    paths, text = problems(param_scheduler=schedulers)

    assert [actual for actual in paths if actual.startswith(path)] == paths, text
    assert len(paths) == 1, text
    assert said in text


def raising(error):
    class Own:
        def __init__(self, optimizer, **arguments):
            raise error

    return Own


class Stepless:
    def __init__(self, optimizer, **arguments):
        self.state_dict = self.load_state_dict = dict


@table(
    ("scheduler", "said"),
    [
        ({"type": raising(KeyError("gamma"))}, "$.param_scheduler: Own: gamma"),
        ({"type": raising(KeyError())}, "$.param_scheduler: Own: KeyError"),
        ({"type": raising(ValueError("no such step"))}, "$.param_scheduler: Own: no such step"),
        ({"type": raising(ZeroDivisionError())}, "$.param_scheduler: Own: ZeroDivisionError"),
        ({"type": Stepless}, "Stepless has no step(). Derive it from paramsched.mmengine.schedulers._ParamScheduler"),
        (5, "$.param_scheduler: "),
        ([STEP, 5], "$.param_scheduler[1]: "),
    ],
)
def test_a_scheduler_that_cannot_be_built_has_one_problem(scheduler, said):
    paths, text = problems(optim_wrapper=SGD, param_scheduler=scheduler, model=nn.Linear(1, 1))

    assert len(paths) == 1, text
    assert said in text


@table(
    ("wrappers", "path", "said"),
    [
        ({"g": SGD, "x": SGD}, "$.optim_wrapper.x", "no submodule 'x' to optimize"),
        ({"g": SGD, "d": {"optimizer": {"type": "SGD", "lr": -1}}}, "$.optim_wrapper.d.optimizer", "Invalid"),
        ({"g": {**SGD, "type": "Wrapper"}, "d": SGD}, "$.optim_wrapper.g.type", "Use type='OptimWrapper'"),
        ({"g": 3, "d": SGD}, "$.optim_wrapper.g", "expected an optimizer, got 3"),
        ({"g": {**SGD, "clip_grad": {"max_nrm": 1}}, "d": SGD}, "$.optim_wrapper.g.clip_grad", "max_norm"),
        ({"g": {**SGD, "clip_grad": {"max_norm": 1, "kind": 3}}, "d": SGD}, "$.optim_wrapper.g.clip_grad", "kind"),
        ({"optimizer": {"type": int}}, "$.optim_wrapper.optimizer", ""),
    ],
)
def test_each_problem_of_an_optimizer_is_reported_at_its_path(wrappers, path, said):
    paths, text = problems(optim_wrapper=wrappers)

    assert paths, text
    assert all(actual.startswith(path) for actual in paths), text
    assert said in text


@table(
    ("pairs", "expected"),
    [
        ([[2, 1]], ((2, 1),)),
        ([(2, 1), (0, 3)], ((2, 1), (0, 3))),
        (None, ()),
        ([], ()),
        *[(wrong, None) for wrong in (3, [2, 1], [[1]], [[1, 2, 3]], [[1, -1]], [[True, 1]], [[1.5, 2]], [["1", 2]])],
    ],
)
def test_intervals_of_validations_are_pairs_of_counts(pairs, expected):
    config = settings(train_cfg={"max_epochs": 4, "dynamic_intervals": pairs})

    if expected is None:
        with pytest.raises(ConfigError, match=r"\$\.train_cfg\.dynamic_intervals: expected a list of pairs"):
            build_parts(config)
    else:
        assert (build_parts(config).train.dynamic_intervals or ()) == expected


def test_built_optimizers_are_not_changed_by_the_check():
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1)
    wrapper = OptimWrapper(optimizer, accumulative_counts=3)

    built = build_parts(settings(optim_wrapper={"g": optimizer, "d": wrapper}, param_scheduler={"g": STEP, "d": STEP}))

    assert optimizer.param_groups[0]["lr"] == 0.1
    assert "initial_lr" not in optimizer.param_groups[0]
    assert built.wrappers["d"] is wrapper
    assert built.wrappers["g"].optimizer is optimizer


@table(
    "changes",
    [
        {"param_scheduler": {"type": "LinearLR", "end": 1, "verbose": True}},
        {"train_dataloader": {"dataset": [0], "num_workers": 10_000}},  # more than any machine has cores
    ],
)
def test_a_part_that_warns_does_so_only_when_it_is_built(changes, recwarn):
    recwarn.clear()

    assert problems(**changes) == ([], "")

    assert [str(warning.message) for warning in recwarn] == []


class Config:
    """A config with MMEngine's method, which is not a mapping."""

    def __init__(self, entries):
        self.to_dict = lambda: entries


def test_a_config_is_split_into_arguments_and_other_entries(tmp_path):
    config = {"model": nn.Linear(1, 1), "work_dir": tmp_path, "max_epochs": 3, "launcher": "none"}

    arguments, problems = read(config)

    assert arguments == {"model": config["model"], "work_dir": tmp_path, "cfg": config}
    assert problems == ()
    assert read(Config(config)) == (arguments, ())
    for wrong in ([config], {**config, 3: 4}):
        with pytest.raises(InvalidArgument, match="expected a mapping from names to values, got"):
            read(wrong)
    assert read({**config, "resum": True})[1] == ('$.resum: unknown argument of Runner; did you mean "resume"?',)
    with pytest.raises(ConfigError, match=r"\$\.model: expected a torch.nn.Module, got null"):
        Runner.from_cfg({"work_dir": tmp_path})


def read(config):
    collector = ProblemCollector()
    return read_config(config_as_dict(config), inspect.signature(Runner), collector), collector.lines()


@table(
    ("imports", "count", "said"),
    [
        (["no module", "missing_module_of_mine"], 2, "No module named"),
        (["missing_module_of_mine"], 1, "No module named"),
        ("missing_module_of_mine", 1, "No module named"),
        (["json", "json.decoder"], 0, ""),
        ("json", 0, ""),
        ([3], 1, "has no attribute"),
        (None, 1, "expected a dict with a list of modules"),
    ],
)
def test_each_module_that_cannot_be_imported_is_reported_once(imports, count, said):
    _, problems = read({"model": nn.Linear(1, 1), "custom_imports": {"imports": imports}})

    assert len(problems) == count, problems
    assert said in " ".join(problems)
