"""skorch with the plain Scheduler: its page, partial_fit, fit with a callback, and saved nets."""

import pickle
from pathlib import Path
from typing import Any

import pytest

import paramsched as ps
from paramsched.errors import StateError
from support.engine_runs.harness import BY_TOKENS, PLAN, Case, Numbers, in_one, planned
from support.pages import run_section

pytest.importorskip("skorch")
runs = pytest.importorskip("support.engine_runs.skorch")

X = Numbers().x.numpy()
Y = Numbers().y.numpy()


def net(**keywords: Any) -> Any:
    return runs.net_of(Case("skorch"), **keywords).initialize()


def test_partial_fit_continues_the_plan() -> None:
    trained = net(max_epochs=1)
    ps.Scheduler(trained.optimizer_, PLAN, total=54)

    trained.partial_fit(X, Y).partial_fit(X, Y).partial_fit(X, Y)

    assert trained.used_ == planned(54)


def test_each_fit_with_a_callback_starts_the_plan_from_the_beginning() -> None:
    trained = runs.net_of(Case("skorch"), runs.Planned(PLAN, 54)).fit(X, Y)
    first = trained.used_

    trained.fit(X, Y)

    assert [first, trained.used_] == [planned(54), planned(54)]


def test_a_saved_net_resumes_in_tokens(tmp_path: Path, check_resumed: Any) -> None:
    first = net(max_epochs=1)
    attach(first)
    first.partial_fit(X, Y)
    files = {f"f_{name}": str(tmp_path / name) for name in ("params", "optimizer", "history")}
    first.save_params(**files)
    again = net(max_epochs=2)
    attach(again)
    again.load_params(**files)

    again.partial_fit(X, Y)

    check_resumed("skorch", first.used_ + again.used_, in_one(first.used_, again.used_), 54)


def test_a_pickled_net_lacks_the_tokens_that_only_reports_know() -> None:
    first = net(max_epochs=1)
    attach(first)
    first.partial_fit(X, Y)
    again = pickle.loads(pickle.dumps(first))

    with pytest.raises(StateError, match="the number of tokens cannot be derived"):
        attach(again)


def attach(trained: Any) -> None:
    """Attach a plan in tokens, and count them."""
    trained.callbacks_.append(("counting", runs.Counting(ps.Scheduler(trained.optimizer_, BY_TOKENS))))


def test_scikit_learn_can_clone_a_net_with_the_callback_of_the_page(tmp_path: Path) -> None:
    model_selection = pytest.importorskip("sklearn.model_selection")
    names, _ = run_section("engines/ignite_skorch.md", "With fit", tmp_path, level=3)

    actual = model_selection.cross_validate(names["net"], names["x"], names["y"], cv=2, return_estimator=True)

    # 40 samples of a fold: 32 train, in 8 batches of 4
    rate = ps.trace(names["plan"], {"lr": 0.01}, batches_per_epoch=16)["lr"][24]
    assert [net.optimizer_.param_groups[0]["lr"] for net in actual["estimator"]] == [rate, rate]
