# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""Optimizer wrappers and hooks in every form give the same run; the attributes of a Runner."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import mmengine.optim as original
import pytest
import torch
from mmengine.hooks import Hook as PeersHook
from mmengine.runner import Priority
from torch import nn
from torch.nn.functional import cross_entropy

from paramsched.errors import ConfigError, InvalidArgument
from paramsched.files import ProblemCollector
from paramsched.mmengine import schedulers as drop_ins
from paramsched.mmengine.runner import AmpOptimWrapper, CheckpointHook, Hook, Runner
from paramsched_runner.runner._parts import build_wrappers
from support.runner_jobs import QUIET, accuracy, loader, network
from support.tables import table


def run(model=None, **settings):
    defaults = dict(
        train_dataloader=loader(5),
        train_cfg=dict(max_epochs=1),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
        default_hooks=QUIET,
        loss=cross_entropy,
    )
    runner = Runner(model or network(), "runs", **{**defaults, **settings})
    runner.train()
    return runner


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# ---------------------------------------------------------------------- wrappers

LIMIT = dict(max_norm=0.5)


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


WRAPPERS = {
    "drop_ins": lambda model: drop_ins.OptimWrapper(sgd(model), 2, LIMIT),
    "MMEngine's": lambda model: original.OptimWrapper(sgd(model), 2, dict(LIMIT)),
    "a dict of MMEngine's class": lambda model: dict(
        type=original.OptimWrapper, optimizer=sgd(model), accumulative_counts=2, clip_grad=LIMIT
    ),
    "a dict of our class": lambda model: dict(
        type=drop_ins.OptimWrapper, optimizer=sgd(model), accumulative_counts=2, clip_grad=LIMIT
    ),
    "a function that builds the optimizer": lambda model: dict(
        optimizer=dict(type=lambda parameters, lr: torch.optim.SGD(parameters, lr=lr), lr=0.1),
        accumulative_counts=2,
        clip_grad=LIMIT,
    ),
    "the class of the optimizer": lambda model: dict(
        optimizer=dict(type=torch.optim.SGD, lr=0.1), accumulative_counts=2, clip_grad=LIMIT
    ),
    "MMEngine's dict of wrappers": lambda model: original.OptimWrapperDict(
        a=original.OptimWrapper(sgd(model), 2, dict(LIMIT)),
        b=original.OptimWrapper(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1), 2),
    ),
    "a dict with MMEngine's": lambda model: dict(
        a=original.OptimWrapper(sgd(model), 2, dict(LIMIT)),
        b=drop_ins.OptimWrapper(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1), 2),
    ),
    "a dict with dicts of MMEngine's class": lambda model: dict(
        a=dict(type=original.OptimWrapper, optimizer=sgd(model), accumulative_counts=2, clip_grad=LIMIT),
        b=dict(
            type=drop_ins.OptimWrapper,
            optimizer=torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1),
            accumulative_counts=2,
        ),
    ),
}


@table("form", WRAPPERS)
def test_every_form_of_a_wrapper_trains_the_same(form):
    model = network()
    plain = network()
    optimizer = sgd(plain)
    batches = list(loader(5))
    for start in range(0, 5, 2):
        window = batches[start : start + 2]
        for inputs, target in window:
            (cross_entropy(plain(inputs), target) / len(window)).backward()
        nn.utils.clip_grad_norm_(plain.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad()

    run(model, optim_wrapper=WRAPPERS[form](model))

    for parameter, expected in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(
            parameter, expected, rtol=1e-6, atol=1e-8
        )  # the last update may be divided before or after


def test_clipping_by_value_of_mmengines_wrapper_is_kept():
    model = network()
    plain = network()

    wrapper = original.OptimWrapper(sgd(model), clip_grad=dict(type="value", clip_value=1e-3))
    run(model, train_dataloader=loader(1), optim_wrapper=wrapper)

    inputs, target = next(iter(loader(1)))
    cross_entropy(plain(inputs), target).backward()
    nn.utils.clip_grad_value_(plain.parameters(), 1e-3)
    sgd(plain).step()
    assert all(
        torch.equal(parameter, expected)
        for parameter, expected in zip(model.parameters(), plain.parameters(), strict=True)
    )


def test_only_mmengines_own_classes_are_replaced():
    class Own(original.OptimWrapper):
        pass

    kinds = {original.OptimWrapper: drop_ins.OptimWrapper, original.AmpOptimWrapper: AmpOptimWrapper, Own: None}
    for wrapper_class, expected in kinds.items():
        config = dict(type=wrapper_class, optimizer=sgd(network()))
        problems = ProblemCollector()
        built = build_wrappers(config, network(), "$", problems)[""]
        assert type(built) is (type(None) if expected is None else expected)
        assert [problem.path for problem in problems.problems()] == ([] if expected else ["$.type"])


def test_a_wrapper_of_mmengine_that_steps_itself_is_refused():
    class Own(original.OptimWrapper):
        pass

    model = network()

    with pytest.raises(ConfigError, match=r"\$\.optim_wrapper: Own scales the loss or steps itself"):
        run(model, optim_wrapper=Own(sgd(model)))


@table(
    ("arguments", "dtype", "precision", "scaling"),
    [
        (dict(dtype="float16"), "float16", "fp16", {}),
        (dict(dtype=torch.float64), "float64", "no", {}),
        (dict(dtype="bfloat16", loss_scale="dynamic"), "bfloat16", "bf16", {}),
        (dict(dtype="float16", loss_scale=512), "float16", "fp16", {"init_scale": 512.0, "growth_interval": 2**31 - 1}),
        (dict(dtype="float16", loss_scale=dict(init_scale=4.0)), "float16", "fp16", {"init_scale": 4.0}),
        (dict(), None, "fp16" if torch.accelerator.is_available() else "bf16", {}),
    ],
)
def test_the_precision_and_the_scale_of_a_wrapper(arguments, dtype, precision, scaling):
    wrapper = AmpOptimWrapper(sgd(network()), **arguments)

    assert (wrapper.dtype, wrapper.precision, wrapper.scaling) == (dtype, precision, scaling)


@table(
    ("arguments", "said"),
    [
        (dict(dtype="int8"), "expected one of float16, bfloat16, float32, float64"),
        *(
            (dict(loss_scale=scale), "expected a number|must be greater than 0")
            for scale in ("static", 0, -1.0, True, None)
        ),
    ],
)
def test_a_wrong_precision_or_scale_is_refused(arguments, said):
    with pytest.raises(InvalidArgument, match=said):
        AmpOptimWrapper(sgd(network()), **arguments)


def test_the_wrapper_of_a_run_shows_the_users_wrapper():
    model = network()
    inner = drop_ins.OptimWrapper(sgd(model))
    runner = run(model, optim_wrapper=inner)

    wrapper = runner.optim_wrapper

    assert repr(wrapper) == f"<{inner!r} on Accelerate>"
    assert (wrapper.inner_count, wrapper.param_groups, wrapper.get_lr()) == (5, inner.param_groups, {"lr": [0.1]})
    with pytest.raises(AttributeError):
        print(wrapper.missing)
    assert not hasattr(copy.copy(object.__new__(type(wrapper))), "inner")
    assert wrapper.optimizer is inner.optimizer


class Body(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Linear(64, 16)
        self.head = nn.Linear(16, 10)

    def forward(self, inputs):
        return self.head(self.body(inputs).relu())


TWO = {name: dict(optimizer=dict(type="SGD", lr=lr)) for name, lr in (("body", 0.1), ("head", 0.2))}


def test_several_optimizers_appear_by_name():
    runner = run(Body(), optim_wrapper=copy.deepcopy(TWO), param_scheduler=dict(type="StepLR", step_size=1))

    actual = runner.optim_wrapper.param_groups

    assert {name: groups[0]["lr"] for name, groups in actual.items()} == {"body": 0.1, "head": 0.2}
    assert {name: [type(element).__name__ for element in many] for name, many in runner.param_schedulers.items()} == {
        "body": ["StepLR"], "head": ["StepLR"],
    }  # fmt: skip
    assert runner.fields("head") == [("lr", 0)]
    assert runner.values() == {("body.lr", 0): 0.1, ("head.lr", 0): 0.2}


def test_optimizers_that_accumulate_differently_need_a_train_step():
    two = copy.deepcopy(TWO)
    two["body"]["accumulative_counts"] = 3

    with pytest.raises(InvalidArgument, match="the optimizers have different accumulative_counts"):
        run(Body(), optim_wrapper=two)


@pytest.mark.parametrize("counts", [1, 3])
def test_one_loss_for_several_optimizers_accumulates_as_for_one(counts):
    model = Body()
    same = Body()
    two = {name: dict(optimizer=dict(type="SGD", lr=0.1), accumulative_counts=counts) for name in TWO}

    run(model, optim_wrapper=two)
    run(same, optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1), accumulative_counts=counts))

    assert all(
        torch.equal(parameter, expected)
        for parameter, expected in zip(model.parameters(), same.parameters(), strict=True)
    )


# ---------------------------------------------------------------------- hooks


def test_a_hook_receives_every_call_with_its_mode():
    seen = []

    class Any(Hook):
        def _before_epoch(self, runner, mode="train"):
            seen.append(f"before {mode} epoch")

        def _after_epoch(self, runner, mode="train"):
            seen.append(f"after {mode} epoch")

        def _before_iter(self, runner, batch_idx, data_batch=None, mode="train"):
            seen.append(f"before {mode} {batch_idx} {len(data_batch)}")

        def _after_iter(self, runner, batch_idx, data_batch=None, outputs=None, mode="train"):
            seen.append(f"after {mode} {batch_idx} {len(data_batch)} {outputs is not None}")

    runner = run(
        train_dataloader=loader(1), val_dataloader=loader(1), val_cfg={}, test_dataloader=loader(2),
        test_cfg={}, test_evaluator=accuracy, custom_hooks=[Any()],
    )  # fmt: skip
    runner.test()

    assert seen == [
        line
        for mode, batches in (("train", 1), ("val", 1), ("test", 2))
        for line in (
            f"before {mode} epoch",
            *(text for i in range(batches) for text in (f"before {mode} {i} 2", f"after {mode} {i} 2 True")),
            f"after {mode} epoch",
        )
    ]


@table(("n", "start", "done"), [(n, start, done) for n in (-1, 0, 1, 3) for start in (0, 2) for done in range(7)])
def test_the_conditions_of_a_hook_are_those_of_mmengine(n, start, done):
    runner = SimpleNamespace(epoch=done, iter=done, max_epochs=4, max_iters=5)
    conditions = [
        lambda hook: hook.every_n_epochs(runner, n, start),
        lambda hook: hook.every_n_train_iters(runner, n, start),
        lambda hook: hook.every_n_inner_iters(done, n),
        lambda hook: hook.end_of_epoch(range(4), done),
        lambda hook: hook.is_last_train_epoch(runner),
        lambda hook: hook.is_last_train_iter(runner),
    ]
    runner.epoch = done
    runner._train_loop = SimpleNamespace(stop_training=False)

    assert [bool(condition(Hook())) for condition in conditions] == [
        bool(condition(PeersHook())) for condition in conditions
    ]


class Noting(Hook):
    def __init__(self, name="", **settings):
        self.name = name
        self.seen = settings["seen"]

    def before_train(self, runner):
        self.seen.append(self.name)


def test_hooks_are_called_in_the_order_of_their_priority_however_they_are_added():
    seen = []

    class Late(Noting):
        priority = "LOWEST"

    runner = Runner(
        network(), "runs", loader(1), train_cfg=dict(max_epochs=1), loss=cross_entropy, default_hooks=QUIET,
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
        custom_hooks=[
            Late("lowest", seen=seen),
            Noting("normal", seen=seen),
            dict(type=Noting, name="number", seen=seen, priority=20),
            dict(type=Noting, name="MMEngine's level", seen=seen, priority=Priority.VERY_HIGH),
        ],
    )  # fmt: skip
    runner.register_hook(Noting("second normal", seen=seen))
    runner.register_hook(Noting("first", seen=seen), "HIGHEST")
    runner.register_hook(dict(type=Noting, name="low", seen=seen), priority="low")
    runner.train()

    expected = ["first", "MMEngine's level", "number", "normal", "second normal", "low", "lowest"]
    assert seen == expected
    assert [hook.name for hook in runner.hooks if isinstance(hook, Noting)] == expected


SCORES = [0.5, 0.7, 0.6, 0.9, 0.2]
HIGHER = [0, 1, 3]
LOWER = [0, 4]  # the epochs with a new best score


@table(
    ("name", "rule"),
    [
        *((name, "greater") for name in ("accuracy", "acc", "mine/mAP", "top1", "coco/AR@100", "auc", "mIoU")),
        *((name, "less") for name in ("loss", "val_loss", "loss_cls")),
    ],
)
def test_the_name_of_a_metric_shows_which_scores_are_better(name, rule):
    assert CheckpointHook(save_best=name).rule == rule
    assert CheckpointHook(save_best=name, rule="less").rule == "less"
    assert CheckpointHook(save_best=name, rule="greater").rule == "greater"


@pytest.mark.parametrize(
    ("name", "rule", "expected"), [("mine/acc", None, HIGHER), ("loss", None, LOWER), ("loss", "greater", HIGHER)]
)
@pytest.mark.parametrize("is_automatic", [False, True])
def test_the_best_checkpoint_is_that_of_the_best_score(name, rule, expected, is_automatic, tmp_path):
    scores = iter(SCORES)
    saved = []

    class Scripted:
        def process(self, data_batch, data_samples):
            pass

        def evaluate(self, size):
            return {name: next(scores), "another": 1.0}

    class Looking(Hook):
        def before_save_checkpoint(self, runner, checkpoint):
            saved.append(runner.epoch - 1)

    best = "auto" if is_automatic else name
    checkpoint = dict(type="CheckpointHook", save_best=best, rule=rule, save_last=False)
    runner = run(
        train_dataloader=loader(1), train_cfg=dict(max_epochs=5), val_dataloader=loader(1), val_cfg={},
        val_evaluator=Scripted(), default_hooks=QUIET | dict(checkpoint=checkpoint), custom_hooks=[Looking()],
    )  # fmt: skip

    assert saved == expected
    assert (runner.work_dir / f"best_{name.replace('/', '_')}").is_dir()


@pytest.mark.parametrize("best", [{}, dict(save_best="accuracy")])
def test_a_validation_without_a_training_saves_no_checkpoint_and_warns_of_none(best, tmp_path, caplog):
    hooks = QUIET | dict(checkpoint=dict(type="CheckpointHook", **best))
    runner = Runner(
        network(), tmp_path, val_dataloader=loader(1), val_cfg={}, val_evaluator=[accuracy], default_hooks=hooks,
        loss=cross_entropy,
    )  # fmt: skip

    runner.val()

    assert [*tmp_path.rglob("best_*")] == []
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


@table(
    ("arguments", "said"),
    [
        (dict(save_best="mine"), "the name does not show which value is better"),
        (dict(save_best=3), "expected the name of a metric"),
        (dict(save_best="loss", rule="min"), 'For example: rule="less"'),
        (dict(interval=0), "interval"),
        (dict(max_keep_ckpts=-2), "max_keep_ckpts"),
        (dict(save_begin=-1), "save_begin"),
    ],
)
def test_a_wrong_argument_of_the_checkpoint_hook_is_refused(arguments, said):
    with pytest.raises(InvalidArgument, match=said):
        CheckpointHook(**arguments)


def test_a_missing_score_is_logged_and_only_the_newest_checkpoints_are_kept(caplog):
    hook = CheckpointHook(interval=1, max_keep_ckpts=2, save_best="accuracy")
    runner = run(
        train_dataloader=loader(1), train_cfg=dict(max_epochs=5), val_dataloader=loader(1), val_cfg={},
        default_hooks=QUIET | dict(checkpoint=hook),
    )  # fmt: skip

    assert "save_best='accuracy': the validation computed only loss" in caplog.text
    assert sorted(path.name for path in runner.work_dir.iterdir() if path.is_dir()) == ["epoch_4", "epoch_5"]
    assert hook.state_dict() == {"best_score": None, "kept": ["epoch_4", "epoch_5"]}


# ---------------------------------------------------------------------- attributes


@table(
    ("settings", "by_epoch"),
    [
        (dict(max_epochs=3), True),
        (dict(max_iters=3), False),
        (dict(by_epoch=True, max_epochs=3), True),
        (dict(by_epoch=False, max_iters=3), False),
        (dict(type="EpochBasedTrainLoop", max_epochs=3), True),
        (dict(type="IterBasedTrainLoop", max_iters=3), False),
    ],
)
def test_the_unit_of_a_run_follows_from_its_settings(settings, by_epoch):
    runner = run(train_cfg=settings)

    assert (runner.epoch, runner.iter) == ((3, 15) if by_epoch else (0, 3))


def test_a_seed_repeats_a_run_and_another_does_not():
    def first(seed):
        model = run(train_dataloader=loader(5, shuffle=True), randomness=dict(seed=seed)).model
        return model[0].weight.tolist()

    assert first(3) == first(3)
    assert first(3) != first(4)
