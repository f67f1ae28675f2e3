"""A watched plan file: when a change counts, what is ignored, and what is kept."""

import copy
import itertools
import logging
import pickle
from pathlib import Path

import pytest
import torch

import paramsched as ps
from paramsched.core.base.files import report_opened_files
from paramsched.core.runs import watch
from paramsched.errors import ConfigError, InvalidArgument, PlanError
from support.several import lines, probes
from support.updates import group, planned, probe, run, used

FIRST = "horizon: 100\nlr: linear()\n"
SECOND = "horizon: 50\nlr: linear()\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(FIRST)
    return path


def warnings_in(caplog):
    return [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]


def change_to(file, text, optimizer, scheduler):
    """Write the file, and run until the second look."""
    file.write_text(text)
    run(optimizer, 2)


def test_a_change_takes_effect_at_the_second_look_after_it_was_written(file, caplog):
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, str(file), watch=10)
    run(optimizer, 14)
    file.write_text(SECOND)

    run(optimizer, 26)

    plans = ps.loads(FIRST), ps.loads(SECOND)
    first, second = (planned(plan, optimizer) for plan in plans)
    assert used(optimizer) == [*first[:30], *second[30:40]]
    assert scheduler.history == [[0, None, ps.loads(FIRST).text], [30, None, ps.loads(SECOND).text]]
    assert scheduler.plan == ps.loads(SECOND)
    (said,) = warnings_in(caplog)[-1:]
    assert f"{file} has changed: its plan applies from update 30 on\nhorizon: 100 -> 50" in said


def test_a_file_that_is_still_being_written_is_not_followed(file):
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, file, watch=1)
    for end in range(len(SECOND) + 1):  # "horizon: 5\nlr: linear()" is a valid plan, too
        file.write_text(SECOND[:end])
        optimizer.step()
    assert len(scheduler.history) == 1

    optimizer.step()

    assert scheduler.plan == ps.loads(SECOND)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("horizon: 100\nlr: linera()\n", '{file}:2:5: $.lr: "linera()" at character 1: unknown schedule "linera"'),
        ("lr: [\n", "{file}:"),
        ("lr: constant(0.5)\ngroups: {absent: {lr: constant(0.1)}}\n", "Name the groups of the optimizer"),
        ("lr: constant(0.5)\nrho: 0.1\n", "rho"),
        ("lr: constant(0.5)\nhorizon: 3 epochs\n", "steps_per_epoch"),
        (
            "lr: constant(0.5)\nclock: tokens\nhorizon: 30 tokens\n",
            "the clock of the run counts updates, and the plan's tokens",
        ),
        ("horizon: 5\nlr: warmup(9) >> cosine()\n", "no updates remain"),
        (b"lr: 0.5 # \xff\n", "{file}:1:11"),
        ("lr: constant(0.5)\n" + "#" * 1_000_001, "{file}: more than 1,000,000 bytes"),
        ("lr: constant(0.5)\nnote: {whose: ann}\n", '{file}:2:8: $.note.whose: unknown key "whose" of a note'),
    ],
)
def test_what_cannot_be_followed_is_logged_once_and_nothing_changes(file, caplog, text, said):
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, file, watch=1)
    caplog.clear()
    contents = (FIRST.encode(), text if isinstance(text, bytes) else text.encode())

    for content in (contents[1], contents[0], contents[1], SECOND.encode()):
        file.write_bytes(content)
        before = copy.deepcopy(optimizer.param_groups)
        run(optimizer, 3)

    assert used(optimizer)[:11] == planned(ps.loads(FIRST), optimizer)[:11]
    (problem, followed) = warnings_in(caplog)
    assert problem.startswith(f"the run cannot follow {file}, so it keeps its plan:\n")
    assert said.format(file=file) in problem
    assert "applies from update 11 on" in followed
    assert "from update 0" not in followed
    assert "by up to" not in followed
    assert before[0]["paramsched_plan"] != optimizer.param_groups[0]["paramsched_plan"]
    assert len(scheduler.history) == 2


def test_a_file_that_is_gone_is_logged_once_and_its_return_is_followed(file, caplog):
    optimizer = probe(lr=1.0)
    ps.Scheduler(optimizer, file, watch=1)
    caplog.clear()

    file.unlink()
    run(optimizer, 4)
    (gone,) = warnings_in(caplog)
    file.write_text(SECOND)
    run(optimizer, 2)

    assert gone.startswith("the watched plan file cannot be read, so the run keeps its plan: [Errno 2]")
    assert str(file) in gone
    assert optimizer.param_groups[0]["lr"] == 1 - 6 / 50


def test_a_relative_path_is_that_of_the_folder_at_the_start(file, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(file.parent)
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, "plan.yaml", watch=1)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))

    change_to(file, SECOND, optimizer, scheduler)

    assert scheduler.plan == ps.loads(SECOND)


def test_a_file_that_is_gone_between_two_equal_looks_has_not_been_found_by_two_in_a_row(file):
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, file, watch=1)
    for text in (SECOND, None, SECOND):
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_text(text)
        optimizer.step()

    assert len(scheduler.history) == 1


@pytest.mark.parametrize(
    "text", [FIRST + "# a comment\n", FIRST + "note: {who: bob}\n", 'lr: "linear()"\nhorizon: 100']
)
def test_a_file_with_the_same_plan_changes_nothing(file, caplog, text):
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, file, watch=1)
    caplog.clear()
    block = scheduler._run.lead.block

    change_to(file, text, optimizer, scheduler)

    assert scheduler._run.lead.block is block
    assert scheduler.history == [[0, None, ps.loads(FIRST).text]]
    assert not caplog.records


def test_only_changes_of_the_file_count_after_a_checkpoint_with_another_plan(file):
    other = ps.Plan(lr="cosine()", horizon=100)
    saved = ps.Scheduler(run(probe(lr=1.0), 0), other).state_dict()
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, file, watch=1, on_change="checkpoint")
    scheduler.load_state_dict(saved)

    run(optimizer, 5)
    assert scheduler.plan == other
    change_to(file, FIRST + "# a comment", optimizer, scheduler)
    assert scheduler.plan == other
    change_to(file, SECOND, optimizer, scheduler)
    assert scheduler.plan == ps.loads(SECOND)


def test_a_checkpoint_of_a_watched_run_resumes_exactly(file):
    def trained(updates, states=None):
        optimizer = probe(lr=1.0)
        scheduler = ps.Scheduler(optimizer, file, watch=2)
        if states is not None:
            optimizer.load_state_dict(states[0])
            scheduler.load_state_dict(states[1])
        run(optimizer, updates)
        return optimizer, scheduler

    optimizer, scheduler = trained(4)
    file.write_text(SECOND + "note: {who: ann, when: 2026-11-21 14:00, why: loss is flat}\n")
    run(optimizer, 8)
    states = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    run(optimizer, 8)
    resumed, again = trained(8, states)

    assert used(resumed) == used(optimizer)[12:]
    assert again.state_dict() == scheduler.state_dict()
    assert again.history[1] == [
        8, None, ps.loads(SECOND).text, {"who": "ann", "when": "2026-11-21 14:00", "why": "loss is flat"}
    ]  # fmt: skip


def test_looks_continue_after_a_jump_to_an_earlier_update(file):
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, file, watch=10)
    run(optimizer, 25)
    scheduler.seek(3)

    change_to(file, SECOND, optimizer, scheduler)
    run(optimizer, 9)

    assert scheduler.plan == ps.loads(SECOND)


def test_bases_and_states_of_metric_rules_in_both_plans_are_kept(file):
    rule = 'plateau("loss", factor=0.5, patience=0)'
    file.write_text(f"lr: constant() * {rule}\n")
    optimizer = probe(lr=1.0, weight_decay=0.2)
    scheduler = ps.Scheduler(optimizer, file, watch=1)
    optimizer.step()
    scheduler.observe(loss=1.0)
    scheduler.observe(loss=2.0)
    assert optimizer.param_groups[0]["lr"] == 0.5

    change_to(file, f"lr: 0.8 * {rule}\nweight_decay: constant(0.5)\n", optimizer, scheduler)
    assert [optimizer.param_groups[0][name] for name in ("lr", "weight_decay")] == [0.4, 0.1]
    change_to(file, "lr: constant(0.8)\n", optimizer, scheduler)
    change_to(file, "lr: constant(0.8)\nweight_decay: 1\n", optimizer, scheduler)

    assert [optimizer.param_groups[0][name] for name in ("lr", "weight_decay")] == [0.8, 0.2]
    assert scheduler.states == {}


def test_a_shorter_horizon_ends_the_run_at_once(file):
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, file, watch=1)
    run(optimizer, 60)
    assert not scheduler.should_stop

    with pytest.warns(UserWarning, match="the plan ends after 50"):
        change_to(file, SECOND, optimizer, scheduler)

    assert scheduler.should_stop


def test_the_next_updates_consume_what_the_changed_plan_schedules(file):
    text = "clock: samples\nhorizon: 1000 samples\nlr: linear()\n"
    text += "targets:\n  batch_size: {initial: %d, schedule: constant()}\n"
    file.write_text(text % 10)
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, file, watch=1)
    run(optimizer, 3)

    change_to(file, text % 20, optimizer, scheduler)
    before = scheduler.amount
    run(optimizer, 2)

    assert (before, scheduler.amount) == (50, 90)
    assert optimizer.param_groups[0]["lr"] == 1 - 90 / 1000


def test_scalars_of_the_last_update_are_the_values_that_it_used(file):
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, file, watch=1)
    rows = []
    for t in range(6):
        if t == 2:
            file.write_text("horizon: 50\nlr: linear()\nweight_decay: constant(0.5)\n")
        optimizer.step()
        rows.append(scheduler.scalars()["lr"])

    assert rows == used(optimizer)
    assert scheduler.scalars()["weight_decay"] == 0.5 * 0.01


def test_manual_updates_are_watched(file):
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, file, watch=2, drive="manual")
    file.write_text(SECOND)
    for _ in range(5):
        scheduler.step()

    assert scheduler.history[1][0] == 4
    assert optimizer.param_groups[0]["lr"] == 1 - 5 / 50


@pytest.mark.parametrize("drive", ["optimizer", "b", "manual"])
def test_all_optimizers_of_a_run_change_at_the_same_update(file, drive):
    optimizers = probes(["a", "b", "frozen"])
    scheduler = ps.Scheduler(optimizers, file, watch=3, drive=drive)
    file.write_text(
        "horizon: 50\nlr: linear()\ngroups: {a: {lr: constant(0.5)}}\ntargets: {x: {initial: 1.0, schedule: cosine()}}"
    )
    for _ in range(9):
        optimizers["a"].step()
        optimizers["b"].step()
        if drive == "manual":
            scheduler.step()

    assert scheduler.history[1][0] == 6
    first, second = (lines(ps.loads(text), optimizers) for text in (FIRST, SECOND))
    assert used(optimizers["a"]) == [*first["a"][:6], *[0.1 * 0.5] * 3]
    assert used(optimizers["b"]) == [*first["b"][:6], *second["b"][6:9]]
    at = 8 if drive == "optimizer" else 9  # on the shared clock the frozen one is moved when the next update starts
    assert optimizers["frozen"].param_groups[0]["lr"] == pytest.approx(0.3 * (1 - at / 50))
    assert scheduler.value("x") < 1


def test_a_metric_between_the_steps_of_the_update_at_which_the_plan_changes(file):
    rule = 'plateau("loss", factor=0.5, patience=0)'
    file.write_text(f"lr: constant() * {rule}\n")
    optimizers = probes(["a", "b"])
    scheduler = ps.Scheduler(optimizers, file, watch=1)
    file.write_text('lr: constant() * plateau("error", factor=0.5, patience=0)\n')
    run(optimizers["a"], 1)
    run(optimizers["b"], 1)
    run(optimizers["a"], 1)
    scheduler.observe(error=1.0)
    scheduler.observe(error=2.0)
    run(optimizers["b"], 2)

    assert used(optimizers["b"]) == [0.2, 0.2, 0.1]


def test_a_detached_or_replaced_scheduler_looks_no_more(file):
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, file, watch=1)
    ps.Scheduler(optimizer, ps.loads(FIRST))
    opened = []
    with report_opened_files(opened.append):
        run(optimizer, 3)

    assert not opened
    assert scheduler.plan == ps.loads(FIRST)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_watches_the_file_too(file, several, copied):
    optimizer = probes(["a", "b"]) if several else probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, file, watch=1)
    file.write_text(SECOND)
    for _ in range(3):
        for one in scheduler.optimizers.values():
            one.step()
    scheduler = copied(scheduler)

    file.write_text(FIRST)
    for _ in range(2):
        for one in scheduler.optimizers.values():
            one.step()

    assert [entry[0] for entry in scheduler.history] == [0, 2, 5]


def test_an_interval_in_seconds_follows_the_measured_rate(file, monkeypatch):
    now, took = 0.0, 0.5
    monkeypatch.setattr(watch.time, "monotonic", lambda: now)
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, file, watch="30 s")
    looks = []
    with report_opened_files(lambda path: looks.append(scheduler.t)):
        for t in range(5000):
            now += took if t < 200 else 0.001
            optimizer.step()

    assert looks[:8] == [1, 3, 7, 15, 31, 63, 123, 183]  # twice as many, until 30 s are 60 updates
    between = [after - before for before, after in itertools.pairwise(looks)]
    assert max(after / before for before, after in itertools.pairwise(between)) <= 2
    assert between[-1] == 1024


def test_the_rate_is_measured_over_any_part_of_a_second(file, monkeypatch):
    now = 0.0
    monkeypatch.setattr(watch.time, "monotonic", lambda: now)
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, file, watch="1 s")
    looks = []
    with report_opened_files(lambda path: looks.append(scheduler.t)):
        for _ in range(1500):
            now += 0.005
            optimizer.step()

    assert looks == [1, 3, 7, 15, 31, 63, 127, 255, 455, 655, 855, 1055, 1255, 1455]


@pytest.mark.parametrize("spoiled", ["a", "b"])
def test_the_plan_stays_until_an_entry_that_could_not_be_written_is_a_number_again(file, spoiled):
    optimizers = probes(["a", "b"])
    scheduler = ps.Scheduler(optimizers, file, watch=1)
    group = optimizers[spoiled].param_groups[0]
    handle = optimizers[spoiled].register_step_pre_hook(lambda *_: group.__delitem__("lr"))
    with pytest.raises(PlanError, match="lr"):
        optimizers[spoiled].step()
    handle.remove()
    file.write_text(SECOND)
    other = optimizers["ab".replace(spoiled, "")]

    run(other, 3)
    before = scheduler.plan
    group["lr"] = 1.0
    for _ in range(3):
        run(optimizers[spoiled], 1)
        run(other, 1)

    assert (before, scheduler.plan) == (ps.loads(FIRST), ps.loads(SECOND))


def test_after_a_jump_back_the_rate_is_measured_anew(file, monkeypatch):
    now = 0.0
    monkeypatch.setattr(watch.time, "monotonic", lambda: now)
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, file, watch="4 s")
    looks = []
    with report_opened_files(lambda path: looks.append(scheduler.t)):
        for t in range(30):
            now += 0.5
            if t == 20:
                scheduler.seek(3)
            optimizer.step()

    assert looks == [1, 3, 7, 15, 4, 5, 7, 11]


@pytest.mark.parametrize(
    "watch", [0, -1, 1.5, "soon", "5 epochs", "10%", "0 s", "until 9 s", "1 min + 3 steps", None, [3]]
)
def test_an_interval_must_be_updates_or_seconds(file, watch):
    with pytest.raises(InvalidArgument, match=r'expected True, a number .*For example: watch="30 s"'):
        ps.Scheduler(probe(), file, watch=watch)


@pytest.mark.parametrize("plan", [ps.loads(FIRST), {"lr": "constant(0.5)"}, "lr: constant(0.5)", Path("config.py")])
def test_only_the_path_of_a_plan_file_can_be_watched(plan):
    with pytest.raises(InvalidArgument, match="only the path of a plan file can be watched"):
        ps.Scheduler(probe(), plan, watch=True)


def test_facts_that_are_passed_later_resolve_changed_files_too(file):
    file.write_text("horizon: 2 epochs\nlr: linear()\n")
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, file, calendar="later", watch=1)
    scheduler.set_facts(steps_per_epoch=10)

    change_to(file, "horizon: 4 epochs\nlr: linear()\n", optimizer, scheduler)

    assert optimizer.param_groups[0]["lr"] == 1 - 2 / 40


def test_an_error_in_the_first_plan_is_raised(file):
    file.write_text("lr: linera()\n")

    with pytest.raises(ConfigError, match="linera"):
        ps.Scheduler(probe(), file, watch=True)


def test_tensors_keep_their_addresses_which_a_cuda_graph_reads(file):
    optimizer = torch.optim.Adam([group(lr=torch.tensor(0.1)), group(lr=torch.tensor(0.2))], lr=torch.tensor(1.0))
    scheduler = ps.Scheduler(optimizer, file, watch=1)
    before = [one["lr"].data_ptr() for one in optimizer.param_groups]

    change_to(file, SECOND, optimizer, scheduler)

    assert [one["lr"].data_ptr() for one in optimizer.param_groups] == before
    assert [one["lr"].item() for one in optimizer.param_groups] == pytest.approx([0.096, 0.192])


def test_an_optimizer_that_is_behind_a_changed_plan_takes_its_coming_step_with_the_earlier_one(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text("lr: constant()\nhorizon: 100\n")
    optimizers = {"a": probe(lr=1.0), "b": probe(lr=1.0)}
    scheduler = ps.Scheduler(optimizers, file, watch=1)
    file.write_text("lr: constant(0.5)\nhorizon: 100\n")
    for _ in range(4):
        for one in optimizers.values():
            one.step()

    (_, first), (changed, second) = ((update, ps.Plan.of_text(text)) for update, _, text in scheduler.history)
    assert (str(first.bindings[0].schedule), str(second.bindings[0].schedule)) == ("constant()", "constant(0.5)")
    expected = [1.0] * changed + [0.5] * (4 - changed)
    assert {name: used(one) for name, one in optimizers.items()} == {"a": expected, "b": expected}
    assert 0 < changed < 4
