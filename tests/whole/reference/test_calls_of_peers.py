"""Calls of schedulers of other libraries: the line that an error advises has the values of the call."""

import inspect
import json
import math
import os
import warnings

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.schedules.text.peer_lines import calls_named
from paramsched.errors import ConfigError, InvalidArgument
from support import timm_peer
from support.examples import at_most
from support.spread import every

os.environ.setdefault("KERAS_BACKEND", "torch")

pytestmark = pytest.mark.heavy

RATE, RUN = 0.3, 100

level = st.sampled_from([0.0, 1e-5, 0.004, 0.05, 0.1])
rate = st.sampled_from([0.01, 0.1, 0.25, 1.0])
share = st.sampled_from([0.0, 0.1, 0.5, 1.0])
part = st.sampled_from([0.05, 1 / 3, 0.5, 1.0])
gamma = st.sampled_from([0.1, 0.5, 0.9, 0.99])
power = st.sampled_from([0.5, 1.0, 2.0])
steps = st.integers(1, 130)
warm = st.integers(0, 40)
milestones = st.lists(st.integers(2, 110), min_size=1, max_size=3, unique=True).map(sorted)
flag = st.booleans()

TORCH = {
    "ConstantLR": ({}, {"factor": part, "total_iters": steps}),
    "LinearLR": ({}, {"start_factor": part, "end_factor": share, "total_iters": steps}),
    "ExponentialLR": ({"gamma": gamma}, {}),
    "PolynomialLR": ({}, {"total_iters": steps, "power": power}),
    "StepLR": ({"step_size": steps}, {"gamma": gamma}),
    "MultiStepLR": ({"milestones": milestones}, {"gamma": gamma}),
    "CosineAnnealingLR": ({"T_max": st.integers(2, 130)}, {"eta_min": level}),
    "CosineAnnealingWarmRestarts": ({"T_0": steps}, {"T_mult": st.integers(1, 3), "eta_min": level}),
    "CyclicLR": (
        {"base_lr": level, "max_lr": rate},
        {
            "step_size_up": steps, "step_size_down": steps, "gamma": gamma, "cycle_momentum": st.just(False),
            "mode": st.sampled_from(["triangular", "triangular2", "exp_range"]),
        },
    ),
    "OneCycleLR": (
        {"max_lr": rate, "total_steps": st.integers(100, 200)},
        {
            "pct_start": st.sampled_from([0.1, 0.25, 0.4]), "anneal_strategy": st.sampled_from(["cos", "linear"]),
            "div_factor": st.sampled_from([2.0, 25.0]), "final_div_factor": st.sampled_from([10.0, 1e4]),
            "three_phase": flag, "cycle_momentum": st.just(False),
        },
    ),
    "SWALR": ({"swa_lr": rate}, {"anneal_epochs": steps, "anneal_strategy": st.sampled_from(["cos", "linear"])}),
}  # fmt: skip

TRANSFORMERS = {
    "get_constant_schedule": ({}, {}),
    "get_constant_schedule_with_warmup": ({"num_warmup_steps": warm}, {}),
    "get_linear_schedule_with_warmup": ({"num_warmup_steps": warm, "num_training_steps": steps}, {}),
    "get_cosine_schedule_with_warmup": (
        {"num_warmup_steps": warm, "num_training_steps": steps},
        {"num_cycles": st.sampled_from([0.5, 1.0, 1.5, 0.25])},
    ),
    "get_cosine_with_hard_restarts_schedule_with_warmup": (
        {"num_warmup_steps": warm, "num_training_steps": steps}, {"num_cycles": st.integers(1, 5)},
    ),
    "get_polynomial_decay_schedule_with_warmup": (
        {"num_warmup_steps": warm, "num_training_steps": steps}, {"lr_end": level, "power": power},
    ),
    "get_inverse_sqrt_schedule": ({"num_warmup_steps": warm}, {"timescale": st.integers(1, 200)}),
    "get_cosine_with_min_lr_schedule_with_warmup": (
        {"num_warmup_steps": warm, "num_training_steps": steps},
        {"num_cycles": st.sampled_from([0.5, 1.0]), "min_lr": level, "min_lr_rate": share},
    ),
    "get_wsd_schedule": (
        {"num_warmup_steps": warm, "num_decay_steps": steps, "num_training_steps": st.integers(60, 150)},
        {
            "num_stable_steps": warm, "warmup_type": st.sampled_from(["linear", "cosine", "1-sqrt"]),
            "decay_type": st.sampled_from(["linear", "cosine", "1-sqrt"]), "min_lr_ratio": share,
        },
    ),
}  # fmt: skip

_TIMM = {"warmup_t": warm, "warmup_lr_init": level, "warmup_prefix": flag, "t_in_epochs": flag}
TIMM = {
    "CosineLRScheduler": (
        {"t_initial": steps},
        {"lr_min": level, **_TIMM, "cycle_limit": st.integers(1, 2), "k_decay": power},
    ),
    "PolyLRScheduler": ({"t_initial": steps}, {"power": power, "lr_min": level, **_TIMM}),
    "StepLRScheduler": ({"decay_t": steps}, {"decay_rate": gamma, **_TIMM}),
    "MultiStepLRScheduler": ({"decay_t": milestones}, {"decay_rate": gamma, **_TIMM}),
}

_EXPONENTIAL = {"initial_learning_rate": rate, "decay_steps": steps, "decay_rate": gamma}
_DECAY = {"transition_begin": warm, "staircase": flag, "end_value": level}
OPTAX = {
    "constant_schedule": ({"value": rate}, {}),
    "linear_schedule": (
        {"init_value": level, "end_value": level, "transition_steps": steps}, {"transition_begin": warm},
    ),
    "polynomial_schedule": (
        {"init_value": level, "end_value": level, "power": power, "transition_steps": steps},
        {"transition_begin": warm},
    ),
    "cosine_decay_schedule": (
        {"init_value": rate, "decay_steps": steps}, {"alpha": share, "exponent": st.sampled_from([1.0, 2.0])},
    ),
    "exponential_decay": ({"init_value": rate, "transition_steps": steps, "decay_rate": gamma}, _DECAY),
    "warmup_constant_schedule": ({"init_value": level, "peak_value": rate, "warmup_steps": steps}, {}),
    "warmup_cosine_decay_schedule": (
        {"init_value": level, "peak_value": rate, "warmup_steps": st.integers(1, 40),
         "decay_steps": st.integers(50, 130)},
        {"end_value": level, "exponent": st.sampled_from([1.0, 2.0])},
    ),
    "warmup_exponential_decay_schedule": (
        {"init_value": level, "peak_value": rate, "warmup_steps": steps, "transition_steps": steps,
         "decay_rate": gamma},
        _DECAY,
    ),
    "linear_onecycle_schedule": (
        {"transition_steps": st.integers(20, 130), "peak_value": rate},
        {"pct_start": st.sampled_from([0.2, 0.4]), "pct_final": st.sampled_from([0.6, 0.9]),
         "div_factor": st.sampled_from([2.0, 25.0]), "final_div_factor": st.sampled_from([10.0, 1e4])},
    ),
    "cosine_onecycle_schedule": (
        {"transition_steps": st.integers(20, 130), "peak_value": rate},
        {"pct_start": st.sampled_from([0.2, 0.4]), "div_factor": st.sampled_from([2.0, 25.0]),
         "final_div_factor": st.sampled_from([10.0, 1e4])},
    ),
}  # fmt: skip

KERAS = {
    "CosineDecay": (
        {"initial_learning_rate": rate, "decay_steps": steps},
        {"alpha": share, "warmup_target": rate, "warmup_steps": warm},
    ),
    "CosineDecayRestarts": (
        {"initial_learning_rate": rate, "first_decay_steps": steps},
        {"t_mul": st.sampled_from([1.0, 2.0, 3.0]), "m_mul": gamma, "alpha": share},
    ),
    "ExponentialDecay": (_EXPONENTIAL, {"staircase": flag}),
    "InverseTimeDecay": (_EXPONENTIAL, {"staircase": flag}),
    "PolynomialDecay": (
        {"initial_learning_rate": rate, "decay_steps": steps},
        {"end_learning_rate": level, "power": power, "cycle": flag},
    ),
    "PiecewiseConstantDecay": (
        {"boundaries": st.just([20, 50]), "values": st.lists(level, min_size=3, max_size=3)}, {},
    ),
}  # fmt: skip

FASTAI = {
    "SchedNo": ({"start": level, "end": level}, {}),
    "SchedLin": ({"start": level, "end": level}, {}),
    "SchedCos": ({"start": level, "end": level}, {}),
    "SchedExp": ({"start": rate, "end": rate}, {}),
    "SchedPoly": ({"start": level, "end": level, "power": power}, {}),
    "combined_cos": ({"pct": gamma, "start": level, "middle": rate, "end": level}, {}),
    "fit_one_cycle": (
        {"n_epoch": st.just(5), "lr_max": rate},
        {"div": st.sampled_from([5.0, 25.0]), "div_final": st.sampled_from([10.0, 1e5]), "pct_start": gamma},
    ),
    "fit_flat_cos": (
        {"n_epoch": st.just(5), "lr": rate}, {"div_final": st.sampled_from([10.0, 1e5]), "pct_start": gamma},
    ),
}  # fmt: skip

_WINDOW = {"begin": st.integers(0, 20), "end": st.integers(30, 130), "by_epoch": flag}
MMENGINE = {
    "ConstantLR": ({}, {"factor": part, **_WINDOW}),
    "LinearLR": ({}, {"start_factor": part, "end_factor": share, **_WINDOW}),
    "ExponentialLR": ({"gamma": gamma}, _WINDOW),
    "StepLR": ({"step_size": steps}, {"gamma": gamma, **_WINDOW}),
    "MultiStepLR": ({"milestones": milestones}, {"gamma": gamma, **_WINDOW}),
    "PolyLR": ({"end": st.integers(30, 130)}, {"eta_min": level, "power": power, **_WINDOW}),
    "CosineAnnealingLR": (
        {"end": st.integers(30, 130)},
        {"T_max": st.integers(2, 130), "eta_min": level, "eta_min_ratio": share, **_WINDOW},
    ),
}  # fmt: skip

LIBRARIES = {
    "torch": TORCH, "transformers": TRANSFORMERS, "timm": TIMM, "optax": OPTAX, "keras": KERAS, "fastai": FASTAI,
    "mmengine": MMENGINE,
}  # fmt: skip


def optimizer_of(rate=RATE):
    return torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate}], lr=rate)


def stepped(make, step=lambda scheduler, t: scheduler.step()):
    """Return the rates of a run with a scheduler that is stepped after each update."""
    optimizer = optimizer_of()
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = make(optimizer)
        for t in range(RUN):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            step(scheduler, t + 1)
    return found


def fastai_value(name, arguments):
    """Return the value of a schedule of fastai at a fraction of the run, by the formulas of fastai."""
    cosine = lambda a, b, u: a + (1 + math.cos(math.pi * (1 - u))) * (b - a) / 2  # noqa: E731
    curves = {
        "SchedNo": lambda start, end: lambda u: start,
        "SchedLin": lambda start, end: lambda u: start + u * (end - start),
        "SchedCos": lambda start, end: lambda u: cosine(start, end, u),
        "SchedExp": lambda start, end: lambda u: start * (end / start) ** u,
        "SchedPoly": lambda start, end, power: lambda u: start + (end - start) * u**power,
    }
    if name in curves:
        return curves[name](**arguments)
    if name == "fit_one_cycle":
        peak, split = arguments["lr_max"], arguments.get("pct_start", 0.25)
        first, last = peak / arguments.get("div", 25.0), peak / arguments.get("div_final", 1e5)
    elif name == "fit_flat_cos":
        peak, split = arguments["lr"], arguments.get("pct_start", 0.75)
        first, last = peak, peak / arguments.get("div_final", 1e5)
    else:
        first, peak, last, split = (arguments[one] for one in ("start", "middle", "end", "pct"))
    return lambda u: cosine(first, peak, u / split) if u < split else cosine(peak, last, (u - split) / (1 - split))


def values_of_peer(library, name, arguments):
    """Return the rates of a run of 100 updates, of one epoch each, with the scheduler of another library."""
    if library == "torch":
        from torch.optim import lr_scheduler, swa_utils

        return stepped(
            lambda optimizer: getattr(swa_utils if name == "SWALR" else lr_scheduler, name)(optimizer, **arguments)
        )
    if library == "transformers":
        transformers = pytest.importorskip("transformers.optimization")
        return stepped(lambda optimizer: getattr(transformers, name)(optimizer, **arguments))
    if library == "mmengine":
        scheduler = pytest.importorskip("mmengine.optim.scheduler")
        return stepped(lambda optimizer: getattr(scheduler, name)(optimizer, **arguments))
    if library == "timm":
        timm = timm_peer.timm_schedulers()
        step = "step" if arguments.get("t_in_epochs", True) else "step_update"
        return stepped(
            lambda optimizer: getattr(timm, name)(optimizer, **arguments),
            lambda scheduler, t: getattr(scheduler, step)(t),
        )
    if library == "optax":
        made = getattr(pytest.importorskip("optax"), name)(**arguments)
        return np.asarray([made(t) for t in range(RUN)])
    if library == "keras":  # it is slow, so only some updates are compared
        made = getattr(pytest.importorskip("keras").optimizers.schedules, name)(**arguments)
        return np.array([float(made(t)) if t % 17 in (0, 4) else math.nan for t in range(RUN)])
    value = fastai_value(name, arguments)
    return [value(t / RUN) for t in range(RUN)]


def values_of_line(line):
    plan = ps.Plan(lr=line, horizon=RUN)
    return ps.trace(plan, {"lr": RATE}, ps.Calendar(steps_per_epoch=1, total=RUN))["lr"]


def advice_for(text):
    with pytest.raises(InvalidArgument) as refusal:
        ps.parse(text)
    return refusal.value.instead


def assert_same(library, line, theirs):
    # optax and Keras compute in float32.
    tolerance = {"rtol": 2e-5, "atol": 2e-7} if library in ("optax", "keras") else {"rtol": 1e-9, "atol": 1e-14}
    ours = np.where(np.isnan(theirs), math.nan, values_of_line(line))
    np.testing.assert_allclose(ours, theirs, **tolerance, err_msg=line)


@st.composite
def calls(draw, library, name):
    """Return the arguments of a call: the required ones and some of the others."""
    needed, others = LIBRARIES[library][name]
    chosen = draw(st.sets(st.sampled_from([*others]))) if others else set()
    return {key: draw(one) for key, one in {**needed, **{key: others[key] for key in others if key in chosen}}.items()}


NAMES = [(library, name) for library, names in LIBRARIES.items() for name in names]


@pytest.mark.parametrize(("library", "name"), every(2, NAMES))
@at_most(3, share=1 / 3)
@given(data=st.data())
def test_the_line_to_write_has_the_values_of_the_call(library, name, data):
    arguments = data.draw(calls(library, name))
    text = f"{library}.{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
    try:
        theirs = values_of_peer(library, name, arguments)
    except (ValueError, ZeroDivisionError, AssertionError, TypeError):
        theirs = None  # the library refuses the call
    assume(theirs is not None)

    advice = advice_for(text)

    if advice.startswith("Write "):
        assert_same(library, advice.removeprefix("Write "), theirs)
    else:
        assert advice.startswith("For example: ")


OWN = {"linear": "LinearLR", "constant": "ConstantLR", "polynomial": "PolynomialLR"}


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("form", ["text", "mapping"])
@at_most(3, share=1 / 3)
@given(data=st.data())
def test_a_function_here_with_the_arguments_of_torch_gets_the_values_of_torch(form, name, data):
    arguments = data.draw(calls("torch", OWN[name]))
    assume(arguments.keys() - {"power"})
    theirs = values_of_peer("torch", OWN[name], arguments)

    if form == "text":
        line = advice_for(f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})")
    else:
        with pytest.raises(ConfigError) as refusal:
            ps.loads(json.dumps({"lr": {name: arguments}, "horizon": RUN}))
        line = json.loads(refusal.value.diagnostics[0].entry[1])

    assert_same("torch", line.removeprefix("Write "), theirs)


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (
            "SequentialLR",
            "[LinearLR(optimizer, 0.1, total_iters=10), CosineAnnealingLR(optimizer, 30)], milestones=[10]",
        ),
        ("SequentialLR", "[LinearLR(optimizer, 0.1), StepLR(optimizer, 20), ConstantLR(optimizer)], [10, 50]"),
        ("SequentialLR", "[LinearLR(optimizer, 0.1), MultiStepLR(optimizer, [3, 99])], [10]"),
        ("SequentialLR", "[LinearLR(optimizer, 0.1, 1.0, 30), ExponentialLR(optimizer, 0.9)], milestones=[20]"),
    ],
)
def test_a_sequence_of_torch_gets_stages_with_its_milestones(call, arguments):
    from torch.optim import lr_scheduler

    def made(optimizer):
        return eval(f"{call}(optimizer, {arguments})", {**vars(lr_scheduler), "optimizer": optimizer})

    advice = advice_for(f"{call}(optimizer, {arguments})")

    assert_same("torch", advice.removeprefix("Write "), stepped(made))


def test_a_chain_of_torch_gets_a_product():
    from torch.optim import lr_scheduler

    text = "ChainedScheduler([ConstantLR(optimizer, 0.1, 20), ExponentialLR(optimizer, 0.95)])"

    advice = advice_for(text)

    theirs = stepped(lambda optimizer: eval(text, {**vars(lr_scheduler), "optimizer": optimizer}))
    assert_same("torch", advice.removeprefix("Write "), theirs)


def test_schedules_of_optax_are_joined_at_their_boundaries():
    optax = pytest.importorskip("optax")
    text = "optax.join_schedules([optax.linear_schedule(0.0, 0.1, 30), optax.cosine_decay_schedule(0.1, 50)], [20])"
    made = eval(text, {"optax": optax})

    advice = advice_for(text)

    assert_same("optax", advice.removeprefix("Write "), np.asarray([made(t) for t in range(RUN)]))


def parameters_of_peer(library, name):
    if library == "torch":
        from torch.optim import lr_scheduler, swa_utils

        return inspect.signature(getattr(swa_utils if name == "SWALR" else lr_scheduler, name)).parameters
    modules = {"transformers": "transformers.optimization", "optax": "optax"}
    if library == "timm":
        module = timm_peer.timm_schedulers()
    elif library == "keras":
        module = pytest.importorskip("keras").optimizers.schedules
    else:
        module = pytest.importorskip(modules[library])
    return inspect.signature(getattr(module, name)).parameters


@pytest.mark.parametrize(("library", "name"), [one for one in NAMES if one[0] not in ("fastai", "mmengine")])
def test_each_call_has_the_arguments_of_the_peer_in_order(library, name):
    (call,) = calls_named(f"{library}.{name}")

    theirs = {key: one for key, one in parameters_of_peer(library, name).items() if key != "optimizer"}
    assert [*call.arguments] == [*theirs][: len(call.arguments)]
    assert {*[*theirs][len(call.arguments) :]} <= {"last_epoch"}
    for key, one in inspect.signature(call.schedule).parameters.items():
        assert one.kind is one.VAR_KEYWORD or one.default == theirs[key].default, key  # a table has its own tests
