"""A watched plan file in several processes: rank 0 reads, and every rank changes at the same update."""

import copy
import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.runs import rank_messages
from paramsched.core.runs.processes import note_end_of_store
from paramsched.errors import ConfigError, InvalidArgument, PlanError, StateError
from support.ports import free_port
from support.programs import Program
from support.ranks import RanksInTurn
from support.updates import probe, used
from support.watch_jobs import FIRST, SECOND, UPDATES

TESTS = Path(__file__).parents[2]


class Ranks:
    """The Schedulers of several ranks, one after another in this process, with a store that they share."""

    def __init__(self, patch):
        patch.setattr(rank_messages, "PATIENCE", timedelta(milliseconds=50))
        self.run_as = RanksInTurn(patch).run_as

    def scheduler(self, rank, optimizer, path, **arguments):
        self.run_as(rank)
        return ps.Scheduler(optimizer, path, **arguments)


@pytest.fixture
def ranks(monkeypatch):
    return Ranks(monkeypatch)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(FIRST)
    return path


@given(
    st.dictionaries(
        st.integers(0, 30), st.sampled_from([FIRST, SECOND, "lr: [", "lr: constant(0.5)\nclock: tokens\n", None])
    ),
    st.sampled_from([1, 2, 3, 7, "1 s", True]),
    st.lists(st.permutations([0, 1, 2]), min_size=30, max_size=30),
    st.none() | st.tuples(st.integers(0, 29), st.integers(0, 40)),
)
def test_every_rank_changes_at_the_same_update(tmp_path_factory, edits, watch, orders, jump):
    folder = tmp_path_factory.mktemp("ranks")
    path = folder / "plan.yaml"
    path.write_text(FIRST)
    with pytest.MonkeyPatch.context() as patch:
        ranks = Ranks(patch)
        optimizers = [probe(lr=1.0) for _ in range(3)]
        schedulers = [
            ranks.scheduler(rank, one, path if rank == 0 else folder / str(rank) / "plan.yaml", watch=watch)
            for rank, one in enumerate(optimizers)
        ]
        for t, order in enumerate(orders):
            if t in edits:
                path.unlink(missing_ok=True)
                if edits[t] is not None:
                    path.write_text(edits[t])
            # After a jump the other ranks may have to wait for rank 0.
            for rank in order if jump is None or t != jump[0] + 1 else sorted(order):
                optimizers[rank].step()
            if jump is not None and t == jump[0]:
                for one in schedulers:
                    one.seek(jump[1])

    assert used(optimizers[0]) == used(optimizers[1]) == used(optimizers[2])
    assert schedulers[0].history == schedulers[1].history == schedulers[2].history


def test_a_change_takes_effect_at_most_two_updates_after_the_second_look(ranks, file):
    optimizers = [probe(lr=1.0), probe(lr=1.0)]
    schedulers = [ranks.scheduler(rank, one, file, watch=10) for rank, one in enumerate(optimizers)]
    file.write_text(SECOND)
    for _ in range(20):
        for one in optimizers:
            one.step()

    assert [one.history[1][0] for one in schedulers] == [20, 20]


@pytest.mark.parametrize("text", [None, "lr: linera()\n", b"\xff"])
def test_a_first_plan_that_rank_0_cannot_read_is_an_error_on_every_rank(ranks, file, text):
    file.unlink()
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises((ConfigError, FileNotFoundError)):
        ranks.scheduler(0, probe(), file, watch=True)
    file.write_text(FIRST)

    with pytest.raises(ConfigError, match="linera" if text == "lr: linera()\n" else "rank 0 cannot read it: "):
        ranks.scheduler(1, probe(), file, watch=True)


def test_a_plan_that_only_rank_0_can_attach_is_an_error_on_the_other_rank(ranks, file):
    optimizers = [probe({"name": "head"}), probe({"name": "body"})]
    for rank, one in enumerate(optimizers):
        ranks.scheduler(rank, one, file, watch=2)
    file.write_text("lr: constant(0.5)\ngroups: {head: {lr: constant(0.1)}}\n")
    for _ in range(5):
        for one in optimizers:
            one.step()
    optimizers[0].step()

    with pytest.raises(PlanError, match="head"):
        optimizers[1].step()
    assert optimizers[0].param_groups[0]["lr"] == 0.1 * 0.1


def test_a_rank_without_the_messages_of_rank_0_raises(ranks, file):
    ranks.scheduler(0, probe(), file, watch=1)
    optimizer = probe()
    ranks.scheduler(1, optimizer, file, watch=1)
    optimizer.step()

    with pytest.raises(StateError, match="waits for message 2 of rank 0 about the plan file"):
        optimizer.step()


def test_a_process_group_that_appears_later_is_an_error(file, monkeypatch):
    optimizer = probe()
    ps.Scheduler(optimizer, file, watch=1)
    RanksInTurn(monkeypatch)

    with pytest.raises(InvalidArgument, match=r"Call torch\.distributed\.init_process_group"):
        optimizer.step()


@pytest.mark.heavy
@pytest.mark.long
def test_two_processes_change_at_the_same_update(tmp_path):
    address = f"tcp://127.0.0.1:{free_port()}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
    started = [
        Program(["-m", "support.watch_jobs", address, str(rank), str(tmp_path)], env=environment) for rank in (0, 1)
    ]
    said = [one.communicate(timeout=300)[1] for one in started]
    assert [one.returncode for one in started] == [0, 0], said

    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))

    assert first == second
    assert len(first["history"]) == 2
    assert len(first["used"]) == UPDATES


def test_copies_on_every_rank_change_at_the_same_update(ranks, file):
    copies = []
    for rank in range(2):
        optimizer = probe(lr=1.0)
        scheduler = ranks.scheduler(rank, optimizer, file, watch=2)
        copies.append(copy.deepcopy((optimizer, scheduler)))
    file.write_text(SECOND)

    for _ in range(12):
        for rank, (optimizer, _) in enumerate(copies):
            ranks.run_as(rank)
            optimizer.step()

    assert used(copies[0][0]) == used(copies[1][0])
    assert [scheduler.plan for _, scheduler in copies] == [ps.load(file)] * 2


def test_another_plan_that_rank_0_watches_after_a_dry_run_is_an_error(ranks, file):
    ranks.scheduler(0, probe(), file, watch=10)
    optimizer = probe()
    ranks.scheduler(1, optimizer, file, watch=10)
    optimizer.step()
    file.write_text(SECOND)
    ranks.scheduler(0, probe(), file, watch=10)
    ranks.run_as(1)

    with pytest.raises(StateError, match="before update 2, rank 0 has another Scheduler"):
        optimizer.step()


def test_a_run_goes_on_with_its_plan_if_the_store_has_ended_and_logs_it_once(ranks, file, caplog):
    optimizers = [probe(lr=1.0) for _ in range(2)]
    for rank, one in enumerate(optimizers):
        scheduler = ranks.scheduler(rank, one, file, watch=1)
        one.step()
    note_end_of_store.cache_clear()

    def refuse(*_):
        raise dist.DistNetworkError("broken pipe")

    store = SimpleNamespace(**dict.fromkeys(("check", "get", "set", "add", "wait", "compare_set"), refuse))
    watched = scheduler._source.messages
    watched.ranks = replace(watched.ranks, store=store)
    file.write_text(SECOND)
    for _ in range(5):
        optimizers[1].step()

    assert scheduler.t == 6
    assert used(optimizers[1]) == ps.trace(ps.loads(FIRST), {"lr": 1.0})["lr", 0][:6].tolist()
    assert [one.getMessage()[:37] for one in caplog.records] == ["the process of torch's store has ende"]
