"""Names of peers: each row of the table is correct, and errors suggest the name in paramsched."""

import inspect
import re

import pytest
from torch.optim import lr_scheduler

import paramsched as ps
from paramsched import curves
from paramsched.core.advice.peer_words import (
    letters_of,
    line_in_code,
    meant_by,
    other_names,
    with_other_names,
)
from paramsched.core.schedules.registry import RULES, SHAPES
from paramsched.errors import ConfigError, InvalidArgument, InvalidCall, ParseError
from support.tables import table

pytestmark = pytest.mark.peer("torch")  # its words are in the readers of other libraries

OWN_NAMES = {
    **SHAPES,
    **{f"rules.{name}": builder for name, builder in RULES.items()},
    **{f"curves.{name}": builder for name, builder in curves.FAMILIES.items()},
    **{f"curves.{name}": type(value) for name, value in curves.CONSTANTS.items()},
}
ROWS = {f"{library}-{row[0]}": (library, *row) for library, row in other_names()}
PARSED = {name: row for name, row in ROWS.items() if "my_function" not in row[3]}  # must be registered first
PEER_NAMES = [name for name, row in ROWS.items() if row[1] not in SHAPES]


@table("row", PARSED)
def test_the_suggested_line_for_a_peer_name_works_in_text_and_in_code(row):
    _, _, own_name, line, _ = PARSED[row]

    parsed, made = ps.parse(line), eval(line_in_code(line), {"ps": ps})

    assert str(ps.Plan(lr=parsed)) == str(ps.Plan(lr=made))
    assert own_name in line or own_name in (">>", "*") or own_name in str(parsed)


def test_suggested_names_exist():
    assert {row[2] for row in ROWS.values()} <= {*OWN_NAMES, ">>", "*"}


def test_every_scheduler_of_torch_has_a_row():
    torch_names = {name for name in lr_scheduler.__all__ if name not in ("LRScheduler", "_LRScheduler")}

    assert torch_names <= {name for library, name, *_ in ROWS.values() if library == "torch"}


@table("library", ["torch", "transformers", "timm", "optax", "keras", "composer", "ignite", "fvcore"])
def test_each_library_is_named_in_the_docstring_of_cosine_or_cosine_restarts(library):
    documented = f"{inspect.getdoc(ps.cosine)}\n{inspect.getdoc(ps.cosine_restarts)}"

    assert re.search(rf"\b{library}\s`", documented)


def test_docstrings_explain_the_arguments_first_and_end_with_peer_names():
    documented = inspect.getdoc(ps.cosine)

    assert documented.index("Args:") < documented.index("Source:") < documented.index("In other libraries: torch `")
    assert len(documented.partition("In other libraries: ")[2].splitlines()) < 10
    assert (
        inspect.getdoc(type(curves.rex)).splitlines()[-1]
        == "In other libraries: pytorch_optimizer `REXScheduler`, papers `REX`"
    )
    assert "In other libraries" not in ps.skip.__doc__
    assert with_other_names(None, "cosine") is None


@table("row", PEER_NAMES)
def test_a_peer_name_used_as_an_attribute_gets_the_name_in_paramsched(row):
    with pytest.raises(AttributeError, match=r"use .*(\. For example: .*|Write )ps\."):
        getattr(ps, ROWS[row][1])


WORDS = [
    name
    for name in PEER_NAMES
    if ROWS[name][1].isidentifier() and ROWS[name][1] not in curves.FAMILIES and "my_function" not in ROWS[name][3]
]


@pytest.mark.heavy
@table("row", WORDS)
def test_a_peer_name_in_text_or_files_gets_the_name_in_paramsched(row):
    name = ROWS[row][1]
    line = meant_by(name)[1][2]
    with pytest.raises(ParseError) as in_text:
        ps.parse(name)
    with pytest.raises(ConfigError) as in_files:
        ps.loads(
            f"lr: {{{name}: {{T_max: 100}}}}\n"
            f"momentum: warmup(5) >> {name}(100)\n"
            f"weight_decay: {{type: {name}, T_max: 100}}\n"
        )

    mapping, staged, typed = in_files.value.problems[:3]
    assert line in str(in_text.value) or letters_of(name) == letters_of(meant_by(name)[1][1])
    # An argument with a known meaning is kept in the fix; otherwise the fix is an example.
    for problem in (mapping, staged, typed):
        kept = re.search(r"100|200", problem.rpartition("Write ")[2])  # a cosine of 100 updates falls and rises in 200
        assert f"For example: {line}" in problem or kept or "Write" not in problem


FIELD = {
    "torch": "LinearLR ConstantLR CosineAnnealingLR CosineAnnealingWarmRestarts CyclicLR ExponentialLR "
    "PolynomialLR StepLR MultiStepLR OneCycleLR ReduceLROnPlateau SWALR SequentialLR "
    "ChainedScheduler LambdaLR MultiplicativeLR",
    "mmengine": "ConstantLR CosineAnnealingLR ExponentialLR LinearLR MultiStepLR OneCycleLR PolyLR StepLR "
    "CosineRestartLR ReduceOnPlateauLR ConstantMomentum CosineAnnealingMomentum "
    "OneCycleParamScheduler LinearParamScheduler",
    "transformers": "constant_with_warmup cosine_with_restarts cosine_with_min_lr cosine_warmup_with_min_lr "
    "warmup_stable_decay reduce_lr_on_plateau GreedyLR get_greedy_schedule get_constant_schedule "
    "get_constant_schedule_with_warmup get_linear_schedule_with_warmup "
    "get_cosine_schedule_with_warmup get_cosine_with_hard_restarts_schedule_with_warmup "
    "get_polynomial_decay_schedule_with_warmup get_inverse_sqrt_schedule get_wsd_schedule "
    "get_reduce_on_plateau_schedule",
    "timm": "CosineLRScheduler PolyLRScheduler TanhLRScheduler StepLRScheduler MultiStepLRScheduler "
    "PlateauLRScheduler WSDLRScheduler warmup_prefix k_decay",
    "optax": "constant_schedule linear_schedule polynomial_schedule cosine_decay_schedule "
    "exponential_decay piecewise_constant_schedule piecewise_interpolate_schedule "
    "warmup_constant_schedule warmup_cosine_decay_schedule warmup_exponential_decay_schedule "
    "linear_onecycle_schedule cosine_onecycle_schedule sgdr_schedule join_schedules "
    "reduce_on_plateau transition_begin",
    "keras": "ExponentialDecay InverseTimeDecay PolynomialDecay PiecewiseConstantDecay CosineDecay CosineDecayRestarts",
    "composer": "StepScheduler MultiStepScheduler ConstantScheduler LinearScheduler ExponentialScheduler "
    "CosineAnnealingScheduler CosineAnnealingWarmRestartsScheduler PolynomialScheduler "
    "ConstantWithWarmupScheduler LinearWithWarmupScheduler CosineAnnealingWithWarmupScheduler "
    "MultiStepWithWarmupScheduler PolynomialWithWarmupScheduler",
    "ignite": "LinearCyclicalScheduler CosineAnnealingScheduler ConcatScheduler "
    "create_lr_scheduler_with_warmup PiecewiseLinear PiecewiseLinearStateScheduler "
    "ReduceLROnPlateauScheduler LambdaStateScheduler ExpStateScheduler StepStateScheduler "
    "MultiStepStateScheduler FastaiLRFinder warmup_duration",
    "megatron": "OptimizerParamScheduler lr-decay-style lr-wsd-decay-style inverse-square-root minus_sqrt "
    "weight-decay-incr-style rampup-batch-size",
    "torchtitan": "linear_warmup_stable_decay decay_ratio",
    "fvcore": "ConstantParamScheduler CosineParamScheduler ExponentialParamScheduler LinearParamScheduler "
    "CompositeParamScheduler MultiStepParamScheduler StepParamScheduler "
    "StepWithFixedGammaParamScheduler PolynomialDecayParamScheduler WarmupParamScheduler "
    "WarmupMultiStepLR WarmupCosineLR",
    "fastai": "fit_one_cycle fit_flat_cos fit_sgdr lr_find combine_scheds combined_cos SchedLin SchedCos "
    "SchedNo SchedExp SchedPoly",
    "paddle": "NoamDecay PiecewiseDecay LinearWarmup CosineAnnealingDecay "
    "ReduceOnPlateau MultiStepDecay LambdaDecay MultiplicativeDecay",
    "fairseq": "polynomial_decay fixed",
    "flair": "LinearSchedulerWithWarmup AnnealOnPlateau",
    "olmo-core": "ConstantWithWarmup LinearWithWarmup CosWithWarmup HalfCosWithWarmup InvSqrtWithWarmup WSDS "
    "PowerLR CosWithWarmupAndLinearDecay SequentialScheduler ComposableScheduler",
    "pytorch_optimizer": "CosineAnnealingWarmupRestarts REXScheduler ProportionScheduler",
    "axolotl": "JaggedLRRestartScheduler cosine_min_lr_ratio cosine_constant_lr_ratio",
    "tensorflow": "cosine_decay_restarts",
    "speechbrain": "NoamScheduler",
    "deepspeed": "WarmupLR WarmupDecayLR WarmupCosineLR LRRangeTest",
    "nemo": "WarmupAnnealing CosineAnnealing NoamAnnealing NoamHoldAnnealing SquareAnnealing SquareRootAnnealing "
    "InverseSquareRootAnnealing PolynomialDecayAnnealing PolynomialHoldDecayAnnealing",
    "espnet": "WarmupLR WarmupStepLR WarmupReduceLROnPlateau ExponentialDecayWarmup PiecewiseLinearWarmupLR",
    "chainer": "ExponentialShift InverseShift LinearShift PolynomialShift StepShift MultistepShift WarmupShift",
    "mxnet": "FactorScheduler MultiFactorScheduler PolyScheduler CosineScheduler",
    "lightning": "LearningRateFinder StochasticWeightAveraging LinearWarmupCosineAnnealingLR",
}
"""The documented names of the schedules of each library."""


@table("library", FIELD)
def test_peer_names_are_recognized_after_the_name_of_the_library(library):
    found = {name: meant_by(f"{library}.{name}") for name in FIELD[library].split()}

    assert {name: row and row[0] for name, row in found.items()} == dict.fromkeys(found, library)


@table(
    ("name", "own_name"),
    [
        ("torch.optim.lr_scheduler.StepLR", "step"),
        ("mmengine.optim.StepParamScheduler", "rules.step"),
        ("fvcore.common.param_scheduler.StepParamScheduler", "step"),
        ("CosineAnnealingMomentum", "rules.cosine"),
        ("polylr", "rules.polynomial"),
        ("1-Cycle", "one_cycle"),
    ],
)
def test_peer_names_are_recognized_with_a_module_path_and_in_any_case(name, own_name):
    assert meant_by(name)[1][1] == own_name


def test_the_peak_of_one_cycle_is_base_instead_of_an_argument():
    for key in ("max_lr", "peak_value"):
        with pytest.raises(InvalidCall, match="the group's own lr is the peak"):
            ps.parse(f"one_cycle({key}=0.1)")


def test_unknown_names_get_the_nearest_suggestion_or_none():
    assert meant_by("frobnicate") is None
    with pytest.raises(AttributeError, match='did you mean "cosine"'):
        _ = ps.cosin
    with pytest.raises(AttributeError, match=r"'frobnicate'$"):
        _ = ps.frobnicate
    assert not hasattr(ps, "__path_of_nothing__")


@table("key", ["num_warmup_steps", "last_epoch", "warmup_epochs", "num_cycles"])
def test_a_keyword_of_a_peer_is_not_a_field_of_a_plan(key):
    with pytest.raises(ConfigError) as refusal:
        ps.loads(f"lr: cosine()\n{key}: 5\n")

    assert "is a name of other libraries" in str(refusal.value)


def test_the_value_of_a_peer_keyword_is_not_reported_as_an_unknown_schedule():
    with pytest.raises(
        ConfigError, match=r"lr_scheduler_type: \"lr_scheduler_type\" is a name of other libraries, not a field"
    ):
        ps.loads("lr: cosine()\nlr_scheduler_type: cosine\n")


DASHED = [
    name for name, row in ROWS.items() if row[0] in ("megatron", "fairseq") and "-" in row[1] and " " not in row[1]
]


@table("row", DASHED)
def test_a_peer_name_with_dashes_gets_the_name_in_paramsched_in_text_and_files(row):
    _, name, _, line, _ = ROWS[row]
    for text in (name, f"--{name} 5", f"cosine({name}=5)", f"warmup(5) >> {name}(5)"):
        with pytest.raises(ParseError) as in_text:
            ps.parse(text)
        assert line in str(in_text.value)
        assert text[slice(*in_text.value.span)].lstrip("-") == name
    with pytest.raises(ConfigError) as in_files:
        ps.loads(f"weight_decay: cosine()\nlr: {{{name}: 5}}\n--{name}: 5\n")
    assert [line in problem for problem in in_files.value.problems if problem[0] == "$"] == [True] * 2


@pytest.mark.parametrize(
    ("shape", "keyword", "own_name"), [("cosine", "min-lr", "to"), ("wsd", "--lr-warmup-iters", "warmup")]
)
def test_a_peer_keyword_with_dashes_equals_the_one_with_underscores(shape, keyword, own_name):
    with pytest.raises(ConfigError, match=rf'unknown argument "{keyword}" of \w+; use "{own_name}"'):
        ps.loads(f"lr: {{{shape}: {{{keyword}: 0.1}}}}")


@table("name", ["T_max", "eta_min", "step_size_up", "gradient_accumulation_steps", "train_samples"])
def test_a_peer_keyword_used_as_a_name_gets_the_argument_in_paramsched(name):
    with pytest.raises(AttributeError) as in_code:
        getattr(ps, name)
    with pytest.raises(ParseError) as in_text:
        ps.parse(f"warmup(5) >> {name}")

    for refusal in (in_code, in_text):
        assert f'"{name}" is an argument of other libraries; ' in str(refusal.value)


def test_a_difference_of_schedules_is_not_read_as_a_name_with_dashes():
    assert ps.parse("warmup(5)-linear(over=5)") == ps.parse("warmup(5) - linear(over=5)")
    with pytest.raises(ParseError, match='unknown schedule "frob"'):
        ps.parse("frob-linear(over=5)")


def test_a_name_of_several_libraries_is_that_of_its_arguments():
    with pytest.raises(InvalidArgument, match="is a name of deepspeed") as refusal:
        ps.parse("WarmupCosineLR(warmup_num_steps=10, total_num_steps=100)")
    with pytest.raises(InvalidArgument, match="is a name of fvcore"):
        ps.parse("WarmupCosineLR(max_iters=100)")

    assert "warmup(9, curve=curves.logarithm" in refusal.value.write
