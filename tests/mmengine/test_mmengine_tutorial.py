"""MMEngine's tutorial on parameter schedulers, snippet by snippet: its values, from the classes and simulated.

The values are those of the specification, to the digits it gives. `...` in a snippet stands for a scheduler that is
filled in here.
"""

# ruff: noqa: C408  # the configs are written as the tutorial writes them

import warnings

import pytest
import torch

import paramsched as ps
from paramsched.mmengine import schedulers as drop_ins
from paramsched.mmengine import simulate
from support import mmengine_original as original


def optimizer_of(lr=0.1, momentum=0.9, weight_decay=5e-4, optimizer_name="SGD"):
    weight = torch.nn.Parameter(torch.ones(1))
    if optimizer_name == "Adam":
        return torch.optim.Adam([weight], lr=lr, betas=(momentum, 0.999))
    return torch.optim.SGD([weight], lr=lr, momentum=momentum, weight_decay=weight_decay)


def by_classes(config, *, epochs, length, **optimizer):
    """Return lr, momentum and weight decay of a run with the schedulers of a config."""
    target = optimizer_of(**optimizer)
    schedulers = drop_ins.build_param_scheduler(config, target, epoch_length=length, max_epochs=epochs)
    return dict(zip(original.FIELDS, original.run(schedulers, target, epochs, length).T, strict=True))


def by_simulation(config, *, epochs, length, optimizer_name="SGD", **values):
    """Return the scheduled columns as `simulate` gives them."""
    wrapper = {"optimizer": {"type": optimizer_name, "momentum": 0.9, "weight_decay": 5e-4, "lr": 0.1, **values}}
    if optimizer_name == "Adam":
        wrapper["optimizer"]["betas"] = (wrapper["optimizer"].pop("momentum"), 0.999)
    run = {"param_scheduler": config, "optim_wrapper": wrapper, "train_cfg": {"max_epochs": epochs}}
    curves = simulate(run, steps_per_epoch=length)
    return {field: curves[field, group] for field, group in curves.keys()}


WAYS = pytest.mark.parametrize("values", [by_classes, by_simulation])
TWELVE = dict(epochs=12, length=20)


def close(values, expected):
    """Check equality to the digits of the specification."""
    return values == pytest.approx(expected, rel=2e-8)


def test_the_torch_snippet_and_the_same_by_epoch_in_mmengine():
    expected = [0.1, 0.09, 0.081, 0.0729, 0.06561, 0.059049, 0.0531441, 0.04782969, 0.043046721, 0.0387420489]
    actual = {}
    for name, cls in (("torch", torch.optim.lr_scheduler.ExponentialLR), ("drop_ins", drop_ins.ExponentialLR)):
        model = torch.nn.Linear(1, 1)
        dataset = [torch.randn((1, 1, 1)) for _ in range(20)]
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        scheduler = cls(optimizer, gamma=0.9)
        actual[name] = []
        for _ in range(10):
            for data in dataset:
                optimizer.zero_grad()
                output = model(data)
                loss = 1 - output
                loss.backward()
                optimizer.step()
            actual[name].append(optimizer.param_groups[0]["lr"])
            scheduler.step()
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.034867844, rel=1e-8)

    assert actual["drop_ins"] == pytest.approx(expected, rel=1e-12)
    assert actual["torch"] == pytest.approx(expected, rel=1e-12)


def test_a_manually_built_scheduler_continues_without_an_end():
    optimizer = optimizer_of(lr=0.01)
    param_scheduler = drop_ins.MultiStepLR(optimizer, milestones=[8, 11], gamma=0.1)

    actual = original.run([param_scheduler], optimizer, 12, 1)[:, 0]

    assert actual == pytest.approx([0.01] * 8 + [0.001] * 3 + [0.0001])


@WAYS
def test_milestones_by_epoch(values):
    config = dict(type="MultiStepLR", by_epoch=True, milestones=[8, 11], gamma=0.1)

    lr = values(config, **TWELVE)["lr"]

    assert close(lr, [0.1] * 160 + [0.01] * 60 + [0.001] * 20)


@WAYS
def test_milestones_by_iteration(values):
    config = dict(type="MultiStepLR", by_epoch=False, milestones=[600, 800], gamma=0.1)

    lr = values(config, epochs=12, length=100)["lr"]

    assert close(lr, [0.1] * 600 + [0.01] * 200 + [0.001] * 400)


def test_epochs_are_converted_manually():
    optimizer = optimizer_of()
    epoch_length = 7

    param_scheduler = drop_ins.MultiStepLR.build_iter_from_epoch(
        optimizer, milestones=[8, 11], gamma=0.1, epoch_length=epoch_length
    )

    assert (dict(param_scheduler.milestones), param_scheduler.by_epoch) == ({56: 1, 77: 1}, False)
    lr = original.run([param_scheduler], optimizer, 12, epoch_length)[:, 0]
    assert close(lr, [0.1] * 56 + [0.01] * 21 + [0.001] * 7)


@WAYS
def test_epochs_are_converted_by_config(values):
    config = dict(type="MultiStepLR", by_epoch=True, milestones=[8, 11], gamma=0.1, convert_to_iter_based=True)

    lr = values(config, epochs=12, length=7)["lr"]

    assert close(lr, [0.1] * 56 + [0.01] * 21 + [0.001] * 7)


@WAYS
def test_a_cosine_by_epoch(values):
    config = dict(type="CosineAnnealingLR", by_epoch=True, T_max=12)

    lr = values(config, **TWELVE)["lr"]

    expected = [
        0.1, 0.0982962913, 0.0933012702, 0.0853553391, 0.075, 0.0629409523,
        0.05, 0.0370590477, 0.025, 0.0146446609, 0.0066987298, 0.0017037087,
    ]  # fmt: skip
    assert close(lr[::20], expected)
    assert (lr.reshape(12, 20) == lr[::20, None]).all()


@WAYS
def test_a_cosine_converted_to_iterations(values):
    config = dict(type="CosineAnnealingLR", by_epoch=True, T_max=12, convert_to_iter_based=True)

    lr = values(config, **TWELVE)["lr"]

    iterations = [0, 1, 19, 20, 60, 120, 180, 220]
    expected = [0.1, 0.0999957164, 0.0984615455, 0.0982962913, 0.0853553391, 0.05, 0.0146446609, 0.0017037087]
    assert close(lr[iterations], expected)
    assert lr[239] == pytest.approx(4.2836e-6, rel=1e-5)


WARMUP = dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=50)
MAIN = dict(type="MultiStepLR", by_epoch=True, milestones=[8, 11], gamma=0.1)


@WAYS
def test_a_warmup_by_iteration_before_milestones_by_epoch(values):
    lr = values([WARMUP, MAIN], **TWELVE)["lr"]

    assert close(lr[[0, 1, 25, 48]], [0.0001, 0.0021387755, 0.0510693878, 0.0979612245])
    assert close(lr[49:], [0.1] * 111 + [0.01] * 60 + [0.001] * 20)


@WAYS
def test_a_warmup_and_then_a_cosine(values):
    param_scheduler = [
        dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=100),
        dict(type="CosineAnnealingLR", T_max=800, by_epoch=False, begin=100, end=900),
    ]

    lr = values(param_scheduler, epochs=10, length=100)["lr"]

    iterations = [0, 1, 50, 98, 99, 100, 101, 300, 500, 700, 898, 899, 900, 999]
    expected = [
        0.0001, 0.0011090909, 0.0505545455, 0.0989909091, 0.1, 0.1, 0.0999996145, 0.0853553391, 0.05, 0.0146446609,
        1.54211776e-6, 3.85530926e-7, 3.85530926e-7, 3.85530926e-7,
    ]  # fmt: skip
    assert close(lr[iterations], expected)


@WAYS
@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (1, [0.05, 0.06130636, 0.0670537, 0.06490124, 0.05668121]),
        (-1, [0.05, 0.0625, 0.0708541, 0.07117615, 0.06383194]),
    ],
)
def test_windows_that_overlap_act_in_the_order_of_the_list(values, order, expected):
    config = [dict(type="LinearLR", start_factor=0.5, end=5), dict(type="CosineAnnealingLR", T_max=5, eta_min=0.05)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lr = values(config[::order], epochs=5, length=1)["lr"]

    assert lr == pytest.approx(expected, abs=1e-8)


@WAYS
def test_between_windows_the_value_is_kept(values):
    config = [
        dict(type="ExponentialLR", gamma=0.5, begin=0, end=3),
        dict(type="StepLR", step_size=1, gamma=0.1, begin=6, end=8),
    ]

    lr = values(config, epochs=10, length=1)["lr"]

    assert close(lr, [0.1, 0.05, 0.025, 0.025, 0.025, 0.025, 0.025, 0.0025, 0.0025, 0.0025])


MOMENTUM = dict(type="LinearMomentum", start_factor=0.001, by_epoch=False, begin=0, end=1000)


@WAYS
@pytest.mark.parametrize("optimizer_name", ["SGD", "Adam"])
def test_momentum_and_the_learning_rate_are_scheduled_together(values, optimizer_name):
    param_scheduler = [dict(type="LinearLR", start_factor=0.5, end=3), MOMENTUM]

    momentum = values(param_scheduler, epochs=11, length=100, optimizer_name=optimizer_name)["momentum"]

    assert close(momentum[[0, 1, 10, 250, 500, 998]], [0.0009, 0.0018, 0.0099, 0.2259, 0.4509, 0.8991])
    assert close(momentum[999:], [0.9] * 101)


def test_the_second_beta_is_unchanged():
    optimizer = optimizer_of(optimizer_name="Adam")

    drop_ins.build_param_scheduler(MOMENTUM, optimizer, epoch_length=100, max_epochs=11)

    assert optimizer.param_groups[0]["betas"] == pytest.approx((0.0009, 0.999))


GENERIC = dict(type="LinearParamScheduler", start_factor=0.001, by_epoch=False, begin=0, end=1000)


@WAYS
def test_the_generic_scheduler_of_the_learning_rate(values):
    generic = values([dict(GENERIC, param_name="lr")], epochs=11, length=100)["lr"]
    of_lr = values(
        [dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=1000)], epochs=11, length=100
    )

    assert close(generic[[0, 1, 100, 500, 998, 999]], [0.0001, 0.0002, 0.0101, 0.0501, 0.0999, 0.1])
    assert (generic == of_lr["lr"]).all()


@WAYS
def test_the_generic_scheduler_of_weight_decay(values):
    actual = values([dict(GENERIC, param_name="weight_decay")], epochs=11, length=100)

    decay = actual["weight_decay"]
    assert close(decay[[0, 1, 100, 500, 998, 999]], [5e-7, 1e-6, 5.05e-5, 2.505e-4, 4.995e-4, 5e-4])
    assert "lr" not in actual or (actual["lr"] == 0.1).all()


CONFIG = """
# 在配置文件中设置学习率调度器字段
param_scheduler = [
    # 线性学习率预热调度器
    dict(type='LinearLR',
         start_factor=0.001,
         by_epoch=False,  # 按迭代更新学习率
         begin=0,
         end=50),  # 预热前 50 次迭代
    # 主学习率调度器
    dict(type='MultiStepLR',
         by_epoch=True,  # 按轮次更新学习率
         milestones=[8, 11],
         gamma=0.1)
]
train_cfg = dict(by_epoch=True, max_epochs=12)
"""


def test_a_config_file_of_the_tutorial_is_read_unchanged(tmp_path):
    file = tmp_path / "config.py"
    file.write_text(CONFIG, encoding="utf-8")
    schedulers = [
        dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=50),
        dict(type="MultiStepLR", by_epoch=True, milestones=[8, 11], gamma=0.1),
    ]

    curves = simulate(file, steps_per_epoch=20, bases={"lr": 0.1}, run_config=True)

    assert curves["lr", 0] == pytest.approx(by_classes(schedulers, **TWELVE)["lr"], rel=1e-12)


def test_errors_suggest_the_right_name_for_wrong_names_in_the_tutorial():
    with pytest.raises(ps.errors.ConfigError, match='did you mean "LinearLR"'):
        simulate({"param_scheduler": dict(type="LinearLRs", end=5)}, total=9)
