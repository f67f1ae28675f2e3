"""Properties of several optimizers: a run is at the largest count, whatever was loaded, copied or pickled before."""

import copy
import itertools
import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from support.several import SharedClock, probes
from support.spread import every
from support.updates import used

NAMES = ("critic", "generator", "head")
PLANS = {
    "updates": ps.Plan(lr="linear(1, 0.2)", weight_decay="cosine(to=0.5)", total=300),
    "tokens": ps.Plan(lr="linear(1, 0.2, over='1200 tokens')", clock="tokens"),
    "mostly known tokens": ps.Plan(lr="linear(1, 0.2, over='1200 tokens')", clock="tokens"),
}


def consumed(unit, update):
    """Return the consumption of an update, and whether the loop reports it."""
    if unit == "tokens":
        return 1 + update % 7, True
    return (6, True) if update % 5 == 2 else (4, False)


AMOUNTS = {unit: [sum(consumed(unit, update)[0] for update in range(count)) for count in range(400)] for unit in PLANS}
"""The tokens before each update."""


class History:
    """A run of one to three optimizers with saves, loads and copies, beside the counts that it should have."""

    def __init__(self, unit, seed):
        self.random = random.Random(seed)
        self.unit = unit
        self.names = NAMES[: self.random.choice([1, 2, 2, 3])]
        self.start()
        self.model = SharedClock(self.names)
        self.saved = []

    def start(self, loaded=None):
        """Construct new optimizers, which load states before they have a Scheduler."""
        self.optimizers = probes(self.names)
        for name, state in (loaded or {}).items():
            self.optimizers[name].load_state_dict(copy.deepcopy(state))
        optimizers = self.optimizers if len(self.names) > 1 else self.optimizers[self.names[0]]
        facts = {"tokens_per_step": 4} if self.unit == "mostly known tokens" else {}
        self.scheduler = ps.Scheduler(optimizers, PLANS[self.unit], **facts)

    def step(self):
        name = self.next_step()
        self.optimizers[name].step()
        update = self.model.step(name)
        assert used(self.optimizers[name])[-1] == self.value(name, update)

    def next_step(self):
        """Choose an optimizer that steps next, and report the consumption of the update that its step starts."""
        name = self.random.choice(self.names)
        number = self.model.number[name]
        tokens, is_reported = consumed(self.unit, number)
        if self.unit != "updates" and is_reported and number == self.model.t:
            self.scheduler.consumed(tokens=tokens)
        return name

    def fail(self):
        """Take a step that is an update and raises, because its next value cannot be written; repair the group."""
        name = self.next_step()
        group = self.optimizers[name].param_groups[0]
        with pytest.raises(ps.errors.PlanError, match="lr"):
            self.optimizers[name].step(lambda: group.pop("lr"))
        self.optimizers[name].used.pop()  # it has no lr
        self.model.step(name)
        assert self.scheduler.t == self.model.t
        group["lr"] = 7.0
        self.scheduler.value("lr")  # writes the values of the repaired group

    def save(self):
        states = {name: copy.deepcopy(optimizer.state_dict()) for name, optimizer in self.optimizers.items()}
        self.saved.append((states, copy.deepcopy(self.scheduler.state_dict()), self.model.number))

    def load(self):
        """Load the states of some optimizers, or of all, some of them twice, and perhaps that of the Scheduler."""
        states, state, numbers = self.random.choice(self.saved)
        parts = self.random.choices([*self.names, "scheduler"], k=self.random.randint(1, 5))
        for name in parts:
            if name == "scheduler":
                self.scheduler.load_state_dict(copy.deepcopy(state))
                self.model.counts = dict(numbers)
            else:
                self.optimizers[name].load_state_dict(copy.deepcopy(states[name]))
                self.model.counts[name] = numbers[name]

    def resume(self):
        """Load the states of all optimizers in a new process, some of them before the Scheduler is constructed."""
        states, _, numbers = self.random.choice(self.saved)
        early = self.random.sample(self.names, self.random.randint(0, len(self.names)))
        self.start({name: states[name] for name in early})
        for name in self.random.sample(self.names, len(self.names)):
            if name not in early:
                self.optimizers[name].load_state_dict(copy.deepcopy(states[name]))
        self.model.counts = dict(numbers)

    def copied(self, copying):
        self.optimizers, self.scheduler = copying((self.optimizers, self.scheduler))

    def value(self, name, update):
        base = 0.1 * (self.names.index(name) + 1)
        share = update / 300 if self.unit == "updates" else AMOUNTS[self.unit][update] / 1200
        return pytest.approx(base * (1 - 0.8 * min(share, 1)), rel=1e-12)

    def check(self):
        assert self.scheduler.t == self.model.t
        if self.unit != "updates":
            assert self.scheduler.amount == AMOUNTS[self.unit][self.model.t]
        for name, number in self.model.number.items():
            group = self.optimizers[name].param_groups[0]
            assert (group["paramsched_t"], group["lr"]) == (number, self.value(name, number))


def by_pickle(value):
    return pickle.loads(pickle.dumps(value))


@pytest.mark.filterwarnings("ignore:the checkpoint of", "ignore:the run is at update .* from the checkpoint of")
@pytest.mark.parametrize("unit", PLANS)
@pytest.mark.parametrize("seed", every(40, range(1000)))
def test_the_run_is_at_the_largest_count_after_loads_of_a_part_of_all_or_twice_and_after_copies(unit, seed):
    history = History(unit, seed)
    events = {
        history.step: 12, history.fail: 1, history.save: 2, history.load: 3, history.resume: 1,
        lambda: history.copied(copy.deepcopy): 1, lambda: history.copied(by_pickle): 1,
    }  # fmt: skip
    history.save()
    for event in history.random.choices([*events], [*events.values()], k=60):
        event()
        history.check()


PLATEAU = "constant() * plateau('loss', factor=0.5, patience=0)"


@pytest.mark.parametrize("is_new", [False, True])
@pytest.mark.parametrize("on_change", ["new", "checkpoint"])
@given(st.integers(0, 5), st.permutations([*NAMES[:2], "scheduler"]), st.integers(0, 4))
def test_loads_in_any_order_restore_the_states_of_metric_rules_and_the_plan(is_new, on_change, count, order, more):
    plan = ps.Plan(lr=PLATEAU, total=30)
    names = NAMES[:2]
    optimizers = probes(names)
    scheduler = ps.Scheduler(optimizers, plan)
    stepped = itertools.cycle(names)
    for name in itertools.islice(stepped, count):
        optimizers[name].step()
    scheduler.observe(loss=1.0)
    if count:
        scheduler.observe(loss=2.0)
    saved = {name: copy.deepcopy(optimizer.state_dict()) for name, optimizer in optimizers.items()}
    saved["scheduler"] = copy.deepcopy(scheduler.state_dict())
    expected = scheduler.t, scheduler._values(), scheduler.states
    for name in itertools.islice(stepped, more):
        optimizers[name].step()
        scheduler.observe(loss=3.0)
    if is_new:  # another rule in the code
        optimizers = probes(names)
        new = plan if on_change == "new" else ps.Plan(lr=PLATEAU.replace("patience=0", "patience=5"), total=30)
        scheduler = ps.Scheduler(optimizers, new, on_change=on_change)

    for loaded in order:
        (optimizers | {"scheduler": scheduler})[loaded].load_state_dict(copy.deepcopy(saved[loaded]))

    assert (scheduler.t, scheduler._values(), scheduler.states) == expected


@pytest.mark.parametrize("copying", [copy.deepcopy, by_pickle])
def test_a_copy_between_two_loads_ends_in_the_same_state(copying):
    first = probes(NAMES[:2])
    scheduler = ps.Scheduler(first, PLANS["tokens"])
    scheduler.consumed(tokens=1)
    for optimizer in first.values():
        optimizer.step()
    saved = {name: copy.deepcopy(optimizer.state_dict()) for name, optimizer in first.items()}
    for update in range(1, 4):
        scheduler.consumed(tokens=1 + update)
        for optimizer in first.values():
            optimizer.step()

    first["critic"].load_state_dict(saved["critic"])
    optimizers, twin = copying((first, scheduler))
    optimizers["generator"].load_state_dict(saved["generator"])

    assert (twin.t, twin.amount) == (1, 1)


@pytest.mark.parametrize("copying", [copy.deepcopy, by_pickle])
def test_a_load_without_a_record_is_copied(copying):
    first = probes(NAMES[:2])
    scheduler = ps.Scheduler(first, PLANS["updates"])
    for optimizer in first.values():
        optimizer.step()
    expected = scheduler.t, scheduler._values()
    saved = {name: copy.deepcopy(optimizer.state_dict()) for name, optimizer in first.items()}
    del saved["critic"]["param_groups"][0]["paramsched"]
    for optimizer in first.values():
        optimizer.step()

    first["critic"].load_state_dict(saved["critic"])
    optimizers, twin = copying((first, scheduler))
    optimizers["generator"].load_state_dict(saved["generator"])

    assert (twin.t, twin._values()) == expected


FIELDS = ps.Plan(lr="linear()", weight_decay="linear(1, 0.5)", total=20)
WITHOUT = ps.Plan(lr="linear()", total=20)


@pytest.mark.parametrize("first", ["optimizer", "scheduler", "both"])
@pytest.mark.parametrize("second", ["optimizer", "scheduler", "both"])
@pytest.mark.parametrize("names", [NAMES[:1], NAMES[:2]])
def test_a_field_that_a_plan_leaves_out_returns_with_its_base(names, first, second):
    optimizers = probes(names)
    scheduler = ps.Scheduler(optimizers, FIELDS)
    for optimizer in optimizers.values():
        optimizer.step()

    for loaded, plan in ((first, WITHOUT), (second, FIELDS)):
        saved = {name: optimizer.state_dict() for name, optimizer in optimizers.items()}
        state = scheduler.state_dict()
        optimizers = probes(names)
        for optimizer in optimizers.values():
            optimizer.param_groups[0]["weight_decay"] = 7.0  # the code has another value
        scheduler = ps.Scheduler(optimizers, plan)
        if loaded != "scheduler":
            for name, optimizer in optimizers.items():
                optimizer.load_state_dict(copy.deepcopy(saved[name]))
        if loaded != "optimizer":
            scheduler.load_state_dict(copy.deepcopy(state))

    assert [optimizer.param_groups[0]["weight_decay"] for optimizer in optimizers.values()] == [
        pytest.approx(0.01 * (1 - 0.5 / 20))
    ] * len(names)


def test_a_load_that_raises_in_one_of_several_optimizers_is_a_load_of_none():
    optimizers = probes(NAMES[:2])
    scheduler = ps.Scheduler(optimizers, PLANS["updates"])
    for optimizer in optimizers.values():
        optimizer.step()
    before = scheduler.t, scheduler._values()
    damaged = copy.deepcopy(optimizers["critic"].state_dict())
    damaged["param_groups"][0]["paramsched_t"] = "three"

    with pytest.raises(ps.errors.StateError):
        optimizers["critic"].load_state_dict(damaged)

    assert (scheduler.t, scheduler._values()) == before
