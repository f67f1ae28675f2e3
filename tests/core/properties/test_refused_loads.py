"""Properties of what raises in a load or in a takeover: nothing has changed."""

import copy
import itertools
import warnings

import pytest

import paramsched as ps
from paramsched.errors import ParamschedError
from support.spread import every
from support.updates import probe, used

PLAN = ps.Plan(lr="linear() * plateau('loss', factor=0.5, patience=0)", weight_decay="cosine(to=0.5)", total=20)
PLANS = {
    "the same": PLAN,
    "another": ps.Plan(lr="cosine() * plateau('loss', factor=0.5, patience=0)", total=20),
    "another rule": ps.Plan(lr="linear() * plateau('loss', factor=0.25, patience=3)", total=20),
    "a longer one": ps.Plan(lr="linear()", weight_decay="cosine(to=0.5)", total=40),
    "values outside": ps.Plan(ps.Binding("betas[0]", "linear(1, 2)"), total=20),
}
SAVES = {  # what a state has that is loaded: the updates of the run, and what is changed in the groups
    "of an earlier update": (3, {}),
    "after the end": (45, {}),
    "of another base": (3, {"lr": 0.7}),
    "with a damaged count": (3, {"paramsched_t": "three"}),
    "with a damaged record": (3, {"paramsched": "[1]"}),
    "without a count": (3, {"paramsched_t": None, "paramsched": None}),
    "with other names": (3, {"name": "head"}),
}
CHOICES = {
    "default": {},
    "strict": {"strict": True},
    "no other plan": {"on_change": "error"},
    "no other base": {"on_base": "error"},
    "its plan": {"on_change": "checkpoint"},
    "its plan, strict": {"on_change": "checkpoint", "strict": True},
}


def optimizers_of(names, lr=0.1):
    return {name: probe({"name": "body"}, {"name": "other", "lr": lr / 2}, lr=lr) for name in names}


def scheduler_of(optimizers, plan, **choices):
    return ps.Scheduler(optimizers if len(optimizers) > 1 else optimizers["a"], plan, **choices)


def saved_states(names, plan, count, changes):
    """Return the states of a run of this plan, changed as a damaged or an older file would be."""
    optimizers = optimizers_of(names, changes.get("lr", 0.1))
    scheduler = scheduler_of(optimizers, plan)
    for _ in range(count):
        for optimizer in optimizers.values():
            optimizer.step()
    states = {name: optimizer.state_dict() for name, optimizer in optimizers.items()}
    for state in states.values():
        for key, value in changes.items():
            if key != "lr":
                for group in state["param_groups"]:
                    group[key] = value
                    if value is None:
                        del group[key]
    return copy.deepcopy(states), copy.deepcopy(scheduler.state_dict())


def attempts(what, optimizers, scheduler, states, state, choices):
    """Return the calls that may raise."""
    if what == "optimizer":
        return [lambda name=name: optimizers[name].load_state_dict(states[name]) for name in optimizers]
    if what == "scheduler":
        return [lambda: scheduler.load_state_dict(state)]
    return [lambda: scheduler_of(optimizers, PLANS[what], **choices)]


LOADED = ("the same", "another", "another rule", "a longer one")
CASES = [
    *itertools.product(["optimizer", "scheduler"], LOADED, SAVES, CHOICES),
    *itertools.product(["another", "values outside", "a longer one"], ["the same"], ["of an earlier update"], CHOICES),
]


@pytest.mark.parametrize("names", ["a", "ab"])
@pytest.mark.parametrize("are_errors", [False, True])
@pytest.mark.parametrize(("what", "saved", "save", "choice"), every(5, CASES))
def test_what_raises_in_a_load_or_a_takeover_has_changed_nothing(names, are_errors, what, saved, save, choice):
    count, changes = SAVES[save]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        states, state = saved_states(names, PLANS[saved], count, changes)
        optimizers = optimizers_of(names)
        scheduler = scheduler_of(optimizers, PLAN, **CHOICES[choice])
        for _ in range(5):
            for optimizer in optimizers.values():
                optimizer.step()
        optimizers["a"].param_groups.reverse()  # the running Scheduler has not seen it yet
        scheduler.observe(loss=1.0)
    calls = attempts(what, optimizers, scheduler, states, state, CHOICES[choice])

    for call in calls:
        twin = copy.deepcopy((optimizers, scheduler))
        before = entries_of(optimizers), hooks_of(optimizers)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error" if are_errors else "ignore")
                call()
        except (ParamschedError, UserWarning):
            assert (entries_of(optimizers), hooks_of(optimizers)) == before
            assert continued(optimizers, scheduler) == continued(*twin)
            return


def entries_of(optimizers):
    """Return the entries of all groups, in their order."""
    return [
        {key: value for key, value in group.items() if key != "params"}
        for optimizer in optimizers.values()
        for group in optimizer.param_groups
    ]


def hooks_of(optimizers):
    return [
        list(value)
        for optimizer in optimizers.values()
        for key, value in sorted(vars(optimizer).items())
        if "_hooks" in key
    ]


def continued(optimizers, scheduler):
    """Return the position, the states and the values of the run and of its next updates."""
    now = scheduler.t, scheduler._values(), dict(scheduler.states), scheduler.history
    for _ in range(3):
        for optimizer in optimizers.values():
            optimizer.step()
    values = [used(optimizer, index=index)[-3:] for optimizer in optimizers.values() for index in (0, 1)]
    return now, scheduler.t, values
