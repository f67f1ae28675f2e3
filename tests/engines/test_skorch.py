"""skorch: the callback's facts, metrics and history; fit, partial_fit and resuming."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

import paramsched as ps
from paramsched.errors import MissingFact
from support.engine_runs.harness import BY_TOKENS, PLAN, Case, Numbers, Used, in_one, planned, tokens_of_batch

pytest.importorskip("skorch")
ValidSplit = pytest.importorskip("skorch.dataset").ValidSplit
runs = pytest.importorskip("support.engine_runs.skorch")
PlanCallback = pytest.importorskip("paramsched.engines.skorch").PlanCallback

CASE = Case("skorch")
X, Y = Numbers().x.numpy(), Numbers().y.numpy()


def net(plan: ps.Plan = PLAN, **keywords: Any) -> Any:
    return runs.net_of(CASE, PlanCallback(plan), **keywords)


def test_each_fit_starts_the_plan_from_the_beginning() -> None:
    trained = net().fit(X, Y)
    first = trained.used_

    trained.fit(X, Y)

    assert [first, trained.used_] == [planned(54), planned(54)]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_partial_fit_continues_the_plan() -> None:
    plan = ps.Plan(*PLAN.bindings, horizon=54)
    trained = net(plan, max_epochs=1)

    trained.partial_fit(X, Y).partial_fit(X, Y).partial_fit(X, Y)

    assert trained.used_ == planned(54)


@pytest.mark.parametrize("way", ["files", "pickle"])
def test_a_saved_net_resumes(way: str, tmp_path: Path) -> None:
    done, used = saved_and_resumed(PlanCallback(ps.Plan(*PLAN.bindings, horizon=54)), way, tmp_path)

    assert done + used == planned(54)


@pytest.mark.parametrize("way", ["files", "pickle"])
def test_a_saved_net_resumes_in_tokens(way: str, tmp_path: Path, check_resumed: Any) -> None:
    done, used = saved_and_resumed(PlanCallback(BY_TOKENS, amount_of=tokens_of_batch), way, tmp_path)

    check_resumed("skorch", done + used, in_one(done, used), 54)


def saved_and_resumed(callback: Any, way: str, tmp_path: Path) -> tuple[Used, Used]:
    """Return the values of one epoch and of two more epochs of a net that was saved after it."""
    first = runs.net_of(CASE, callback, max_epochs=1).fit(X, Y)
    names = ("params", "optimizer", "history")
    files = {f"f_{name}": str(tmp_path / name) for name in names}
    if way == "files":
        first.save_params(**files)
        again = runs.net_of(CASE, callback, max_epochs=2).initialize()
        again.load_params(**files)
    else:
        again = pickle.loads(pickle.dumps(first))
        again.set_params(max_epochs=2)
        again.used_ = runs.recorded(again.optimizer_)

    again.partial_fit(X, Y)

    return first.used_, again.used_


def test_the_horizon_of_a_resumed_net_includes_all_its_epochs(tmp_path: Path) -> None:
    files = {f"f_{name}": str(tmp_path / name) for name in ("params", "optimizer", "history")}
    first = net(ps.Plan(lr=ps.cosine(), horizon="3 epochs"), max_epochs=1).fit(X, Y)
    first.save_params(**files)
    again = net(ps.Plan(lr=ps.cosine()), max_epochs=2).initialize()
    again.load_params(**files)

    again.partial_fit(X, Y)

    whole = ps.trace(ps.Plan(lr=ps.cosine(), horizon=54), {"lr": 0.1})["lr"].tolist()
    assert [row[0] for row in first.used_ + again.used_] == whole


def test_metrics_in_the_history_reach_the_plan() -> None:
    plan = ps.Plan(lr=ps.constant() * ps.plateau("epoch", patience=0, factor=0.5))  # it only ever rises
    trained = net(plan).fit(X, Y)

    assert [row[0] for row in trained.used_[::18]] == [0.1, 0.1, 0.05]


def test_a_metric_that_is_never_reported_causes_a_warning() -> None:
    with pytest.warns(UserWarning, match="missing_loss"):
        net(ps.Plan(lr=ps.constant() * ps.plateau("missing_loss"))).fit(X, Y)


def test_a_fit_of_no_epochs_attaches_no_plan() -> None:
    assert net(max_epochs=0).fit(X, Y).used_ == []


def test_the_history_has_the_values_of_every_update() -> None:
    trained = net().fit(X, Y)

    logged = [value for epoch in trained.history[:, "batches", :, "lr/weight"] for value in epoch]
    assert logged == [row[0] for row in planned(54)]


@pytest.mark.parametrize("record", [True, False])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_validation_batches_are_neither_counted_nor_recorded(accumulation: int, record: bool) -> None:
    plan = ps.Plan(lr=ps.linear(1.0, 0.0, over="96 samples"), clock="samples")
    callback = PlanCallback(plan, accumulation=accumulation, record=record)

    trained = runs.net_of(Case("skorch", accumulation), callback, train_split=ValidSplit(2)).fit(X[:64], Y[:64])

    sizes = 4 * accumulation  # 32 samples of each epoch train
    assert [row[0] for row in trained.used_] == pytest.approx([0.1 * (1 - t / 96) for t in range(0, 96, sizes)])
    assert ["lr/weight" in batch for batch in trained.history[-1, "batches"]] == [record] * 8 + [False] * 8
    assert callback_of(trained).scheduler_.amount == 96


def callback_of(trained: Any) -> Any:
    return next(one for _, one in trained.callbacks_ if isinstance(one, PlanCallback))


class Stream(torch.utils.data.IterableDataset[Any]):
    def __iter__(self) -> Any:
        data = Numbers()
        return (data[index] for index in range(len(data)))


@pytest.mark.parametrize("lr", [ps.cosine(), ps.step("1 epochs")])
def test_a_stream_needs_the_length_of_the_run(lr: ps.Schedule) -> None:
    with pytest.raises(MissingFact, match="the training set has no length"):
        net(ps.Plan(lr=lr)).fit(Stream(), None)


def test_accumulation_that_does_not_fill_an_epoch_is_reported_with_the_argument() -> None:
    uneven = runs.net_of(Case("skorch", 4), PlanCallback(PLAN, accumulation=4))

    with pytest.raises(ps.InvalidArgument) as refusal:
        uneven.fit(X, Y)

    assert "an epoch of 18 batches is not a multiple of accumulation=4" in str(refusal.value)
    assert "PlanCallback(..., calendar=ps.Calendar(total=10_000))" in str(refusal.value)


def test_scikit_learn_can_clone_a_net_with_a_plan() -> None:
    from sklearn.base import clone

    copied = clone(net())

    assert copied.fit(X, Y).used_ == planned(54)


def test_a_missing_token_count_suggests_the_callback() -> None:
    with pytest.raises(MissingFact, match=r"For example: PlanCallback\(…, tokens_per_sample=1024\)$"):
        net(BY_TOKENS).fit(X, Y)
