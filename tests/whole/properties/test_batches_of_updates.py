"""An engine's batches are counted once, however the batches of an update are saved, resumed, summed and skipped."""

import copy

import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.engines.engine_facts import PlanOptions
from paramsched.engines.reporting import BatchAmounts
from support.updates import probe

EVENTS = ("continue", "save", "resume", "resume: engine first", "resume: copy")


class EngineRun:
    """The process 0 of several, which counts its batches; `not_summed` has the count of each since the last sum."""

    def __init__(self, processes: int, unit: str) -> None:
        self.processes = processes
        self.unit = unit
        self.plan = ps.Plan(lr=ps.linear(1.0, 0.5, over=f"1000 {unit}"), clock=unit)
        self.not_summed = [0] * processes
        self.start()

    def start(self):
        self.optimizer = probe()
        self.scheduler = ps.Scheduler(self.optimizer, self.plan)
        self.attach()

    def attach(self):
        options = PlanOptions(amount_of=sum if self.unit == "tokens" else None)
        self.amounts = BatchAmounts(self.scheduler, options, self.processes, self.summed, samples=len)

    def summed(self, amount):
        """Add up the processes: each passes what it has counted since the last sum."""
        assert amount == self.not_summed[0]
        total = sum(self.not_summed)
        self.not_summed = [0] * self.processes
        return torch.tensor(total)

    def count(self, batches, *, ends_update):
        """Count a batch in each process."""
        sizes = [sum(batch) if self.unit == "tokens" else len(batch) for batch in batches]
        self.not_summed = [before + size for before, size in zip(self.not_summed, sizes, strict=True)]
        self.amounts.count_batch(batches[0], ends_update=ends_update)
        return 1 if self.unit == "batches" else sum(sizes)

    def happen(self, event):
        if event == "continue":
            return
        engine = copy.deepcopy(self.amounts.saved_state())
        saved = copy.deepcopy((self.optimizer.state_dict(), self.scheduler.state_dict()))
        if event == "save":
            return
        if event == "resume: copy":
            self.optimizer, self.scheduler = copy.deepcopy((self.optimizer, self.scheduler))
            self.attach()
            self.amounts.load_state(engine)
            return
        self.start()
        if event == "resume: engine first":
            self.amounts.load_state(engine)
        self.optimizer.load_state_dict(saved[0])
        self.scheduler.load_state_dict(saved[1])
        if event == "resume":
            self.amounts.load_state(engine)


BATCHES = st.lists(st.integers(1, 50), min_size=1, max_size=4)


@given(st.data())
def test_an_update_counts_all_batches_since_the_last_one_or_what_the_loop_reported_for_them(data):
    run = EngineRun(data.draw(st.integers(1, 3)), data.draw(st.sampled_from(["samples", "tokens", "batches"])))
    accumulation = data.draw(st.integers(1, 4))
    is_announced = data.draw(st.booleans(), label="the engine knows the last batch of an update")
    loop_reports = data.draw(st.booleans(), label="the loop reports some amounts")
    # A checkpoint has one number for both.
    events = st.sampled_from(["continue", "save", "resume: copy"] if loop_reports else EVENTS)
    amount = updates = measured = 0
    reported = None

    for _ in range(data.draw(st.integers(1, 4))):
        for index in range(accumulation):
            last = index == accumulation - 1
            batches = [data.draw(BATCHES) for _ in range(run.processes)]
            measured += run.count(batches, ends_update=last and is_announced)
            run.happen(data.draw(events))
            if loop_reports and data.draw(st.booleans()):
                run.scheduler.consumed(**{run.unit: 7})
                reported = 7 + (reported or 0)
                run.happen(data.draw(events))
        if not is_announced:
            run.amounts.report_counted()
            run.happen(data.draw(events))
        if data.draw(st.booleans(), label="the step is skipped"):
            continue
        run.optimizer.step()
        amount = amount + (measured if reported is None else reported)
        updates = updates + 1
        assert (run.scheduler.t, run.scheduler.amount) == (updates, amount)
        measured = 0
        reported = None
