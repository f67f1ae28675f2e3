"""A plan in a run that ends at a deadline, with one or several optimizers, and its resume."""

import itertools
import json

import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import paramsched as ps
from paramsched.cli import main
from support.fake_time import FakeTime
from support.updates import probe, used

LINES = [
    "lr: constant() >> linear(previous, 0, over='30 s')",
    "lr: linear(1, 0)\nweight_decay: like('lr')",
    "lr: warmup('10 s') >> cosine(to=0.1)",
]


BASES = {"optimizer": 0.1, "muon": 0.5, "adamw": 0.1}


def plan_text(line):
    return f"clock: seconds\n{line}\n"


def optimizers_of(kind):
    if kind == "one":
        return {"optimizer": probe(weight_decay=0.1)}
    return {"muon": probe(lr=0.5, weight_decay=0.1), "adamw": probe(weight_decay=0.1)}


def attached(kind, optimizers, plan, **keywords):
    return ps.Scheduler(optimizers["optimizer"] if kind == "one" else optimizers, plan, **keywords)


def replay(scheduler, recorded, base):
    """Return the lr of each update from the plans in the history and the recorded amounts."""
    bounds = [entry[0] for entry in scheduler.history] + [scheduler.t]
    return [
        value
        for (begin, end), (_, _, text, *_) in zip(itertools.pairwise(bounds), scheduler.history, strict=True)
        if end > begin
        for value in ps.trace(ps.Plan.of_text(text), base, amounts=recorded[begin:end])["lr", 0].tolist()
    ]


@settings(deadline=None)
@given(
    kind=st.sampled_from(["one", "several"]),
    durations=st.lists(st.integers(1, 12).map(lambda n: n / 4), min_size=4, max_size=30),
    line=st.sampled_from(LINES),
    untimed=st.integers(0, 3),
)
def test_a_plan_keeps_the_measured_time_and_the_deadline(kind, durations, line, untimed):
    optimizers = optimizers_of(kind)
    with pytest.MonkeyPatch.context() as patch:
        clock = FakeTime(patch)
        scheduler = attached(kind, optimizers, ps.loads(plan_text(line)), deadline="in 60 s", untimed_updates=untimed)
        amounts = []
        for duration in durations:
            if scheduler.should_stop:
                break
            amounts.append(scheduler.amount)
            clock.pass_(duration)
            for optimizer in optimizers.values():
                optimizer.step()

    assert amounts == pytest.approx([sum(durations[untimed:t]) for t in range(len(amounts))])
    horizons = [ps.Plan.of_text(text).horizon for _, _, text, *_ in scheduler.history]
    assert len(set(map(str, horizons))) <= 2  # of the start, and of the start of the clock
    for name, optimizer in optimizers.items():
        assert used(optimizer) == replay(scheduler, amounts, {"lr": BASES[name], "weight_decay": 0.1})


def test_the_resume_of_several_optimizers_is_predicted(tmp_path, monkeypatch):
    clock, optimizers = FakeTime(monkeypatch), optimizers_of("several")
    scheduler = attached("several", optimizers, ps.loads(plan_text(LINES[1])), deadline="in 60 s")
    for _ in range(20):
        clock.pass_(2.0)
        for optimizer in optimizers.values():
            optimizer.step()
    states = {name: one.state_dict() for name, one in optimizers.items()}
    torch.save({"optimizers": states, "scheduler": scheduler.state_dict()}, tmp_path / "last.pt")

    def resume(*arguments):
        result = CliRunner().invoke(main, ["resume", str(tmp_path / "last.pt"), "--json", *arguments])
        report = json.loads(result.stdout)
        assert (report["update"], report["amount"], report["clock"]) == (20, 38.0, "seconds"), result.output
        messages = [one["message"] for one in report["diagnostics"]]
        return {(row["field"], row["group"]): row["value"] for row in report["rows"]}, report["differs"], messages

    values, differs, messages = resume()
    assert (values, differs) == (scheduler.values(), False)
    assert messages[0].startswith("the deadline of the resumed run is unknown; the values are those of a horizon of 58")

    later, differs, _ = resume("--deadline", "in 60 s")
    loaded = attached("several", optimizers, ps.loads(plan_text(LINES[1])), deadline="in 60 s")
    assert differs
    assert later == loaded.values() != values
