"""The plans of the page "Known training scripts" have the values of the scripts, which are formulas here."""

import re
from math import ceil, cos, pi

import numpy as np
import pytest
import torch

import paramsched as ps
from support.pages import page_code, sections
from support.updates import probe, run, used

SECTIONS = sections("engines/scripts.md")


def plan_of(script, *replacements):
    """Return the plan in the section of a script, after replacements in its text."""
    (text,) = [block.text for block in page_code.blocks(SECTIONS[script]) if "lr:" in block.text]
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return ps.loads(text)


def planned(plan, groups, field="lr", index=0, **facts):
    return ps.trace(plan, groups, facts=ps.RunFacts(**facts))[field, index]


def assert_equal(values, formula):
    """Compare each update; near an end at 0, the formulas with a cosine round to 1e-16 of the largest value."""
    expected = np.array(formula)
    assert values.shape == expected.shape
    assert np.abs(values - expected).max() <= 1e-15 * np.abs(expected).max()


def warmup_and_cosine(t, base, warmup, total, end, shift=0):
    """Return the lr of nanoGPT (`shift=1`) and LitGPT."""
    if t < warmup:
        return base * (t + shift) / (warmup + shift)
    return end if t > total else end + 0.5 * (1 + cos(pi * (t - warmup) / (total - warmup))) * (base - end)


def test_nanogpt():
    expected = [warmup_and_cosine(t, 6e-4, 2000, 600_000, 6e-5, shift=1) for t in range(600_001)]

    assert_equal(planned(plan_of("nanoGPT"), {"lr": 6e-4}), expected)


def test_modded_nanogpt():
    def factor(step):
        stage = next(rate for end, rate in ((423, 1.0), (847, 1.52), (1270, 1.73), (1285, 1.0)) if step < end)
        start = int(1270 * (1 - 0.6))
        done = min(1.0, (step - start) / (1270 - start))
        return stage if step < start else stage * (1 - done) + 0.15 * done

    def momentum(step):
        change = 0.95 - 0.85
        if step < 300:
            return 0.85 + step / 300 * change
        return 0.95 - (step - 1235) / 50 * change if step > 1235 else 0.95

    plan = plan_of("modded-nanogpt")
    bases = {"lr": 1.0, "momentum": 0.95}

    assert_equal(planned(plan, bases), [factor(step) for step in range(1285)])
    assert_equal(planned(plan, bases, "momentum"), [momentum(step) for step in range(1285)])


class TestNanochat:
    GROUPS = (
        {"kind": "adamw", "lr": 0.3, "initial_lr": 0.3, "weight_decay": 0.001},
        {"kind": "muon", "lr": 0.02, "initial_lr": 0.02, "weight_decay": 0.28, "momentum": 0.95},
    )

    def factor(self, t, total):
        start = total - round(0.65 * total)
        if t < 40:
            return (t + 1) / 40
        left = (total - t) / (total - start)
        return 1.0 if t <= start else left + (1 - left) * 0.05

    def momentum(self, t, total):
        start = total - round(0.65 * total)
        if t < 400:
            return (1 - t / 400) * 0.85 + t / 400 * 0.97
        done = (t - start) / (total - start)
        return 0.97 * (1 - done) + 0.9 * done if t >= start else 0.97

    def weight_decay(self, t, total):
        return 0.28 * 0.5 * (1 + cos(pi * t / total))

    def check(self, plan, total):
        def values(field, index):
            return planned(plan, self.GROUPS, field, index, total=total)

        for index, base in enumerate((0.3, 0.02)):
            assert_equal(values("lr", index), [base * self.factor(t, total) for t in range(total)])
        assert_equal(values("momentum", 1), [self.momentum(t, total) for t in range(total)])
        assert_equal(values("weight_decay", 1), [self.weight_decay(t, total) for t in range(total)])

    @pytest.mark.parametrize("total", [1680, 2205, 21400])
    def test_the_plan_has_the_values_of_the_script(self, total):
        self.check(plan_of("nanochat"), total)

    def test_a_length_that_the_script_rounds_up_is_written_as_a_number(self):
        with pytest.raises(AssertionError):
            self.check(plan_of("nanochat"), 2207)
        self.check(plan_of("nanochat", ('"65%"', "1435")), 2207)

    def test_a_checkpoint_of_the_script_continues_after_its_weight_decay_is_set(self):
        optimizer = probe(*self.GROUPS)
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * self.factor(999, 2205)
        optimizer.param_groups[1] |= {"momentum": self.momentum(999, 2205), "weight_decay": 0.28}
        scheduler = ps.Scheduler(optimizer, plan_of("nanochat"), total=2205, t=1000)
        run(optimizer, 1205)

        assert_equal(np.array(used(optimizer, index=1)), [0.02 * self.factor(t, 2205) for t in range(1000, 2205)])
        decay = used(optimizer, "weight_decay", 1)
        assert_equal(np.array(decay), [self.weight_decay(t, 2205) for t in range(1000, 2205)])
        assert set(used(optimizer, "weight_decay", 0)) == {0.001}
        base = optimizer.param_groups[0]["initial_lr"]
        assert scheduler.value("lr", 0) / base == pytest.approx(0.05)


class TestImageNet:
    def step_lr(self):
        """Return torch's scheduler after each epoch."""
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=30, gamma=0.1)
        for _ in range(90):
            yield optimizer, scheduler
            optimizer.step()
            scheduler.step()

    def test_the_plan_has_the_values_of_step_lr(self):
        expected = [rate for optimizer, _ in self.step_lr() for rate in [optimizer.param_groups[0]["lr"]] * 50]

        assert_equal(planned(plan_of("torch's ImageNet example"), {"lr": 0.1}, steps_per_epoch=50), expected)

    def test_a_checkpoint_of_the_script_needs_the_number_of_updates_and_not_the_state_of_step_lr(self):
        state = next((o.state_dict(), s.state_dict()) for o, s in self.step_lr() if s.last_epoch == 40)
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
        optimizer.load_state_dict(state[0])
        scheduler = ps.Scheduler(optimizer, plan_of("torch's ImageNet example"), steps_per_epoch=50, t=40 * 50)

        assert scheduler.value("lr") == pytest.approx(0.01)
        scheduler.load_state_dict(state[1])
        assert scheduler.t == 40


class TestTimm:
    def rate(self, time, epochs, warmup, base=0.1, scale=1.0):
        """Return the rate of `CosineLRScheduler` without `warmup_prefix`; `time` is in epochs or updates."""
        if time < warmup:
            return (1e-5 + time * ((base - 1e-5) / warmup)) * scale
        return 0.5 * base * (1 + cos(pi * time / epochs)) * scale

    def test_the_rate_changes_between_epochs(self):
        expected = [self.rate(t // 20, 300, 5) for t in range(6000)]

        assert_equal(planned(plan_of("timm"), {"lr": 0.1}, steps_per_epoch=20), expected)

    def test_the_rate_changes_at_each_update(self):
        plan = plan_of("timm", ("every(", "("), (', "1 epoch")', ")"))

        assert_equal(planned(plan, {"lr": 0.1}, steps_per_epoch=20), [self.rate(t, 6000, 100) for t in range(6000)])

    def test_a_group_with_its_own_scale(self):
        plan = plan_of("timm", ("absolute(1e-5)", "1e-4"))

        expected = [self.rate(t // 20, 300, 5, scale=0.3) for t in range(6000)]
        assert_equal(planned(plan, {"lr": 0.1 * 0.3}, steps_per_epoch=20), expected)


class TestTransformers:
    def rate(self, t, warmup, total, processes):
        """Return the rate of `get_linear_schedule_with_warmup` after `t` updates, each a step of all processes."""
        steps = t * processes
        warmup = warmup * processes
        return 5e-5 * (steps / max(1, warmup) if steps < warmup else max(0.0, (total - steps) / max(1, total - warmup)))

    @pytest.mark.parametrize("processes", [1, 2, 8])
    def test_the_plan_counts_updates_for_any_number_of_processes(self, processes):
        expected = [self.rate(t, 100, 2000 * processes, processes) for t in range(2000)]

        values = planned(plan_of("transformers"), {"lr": 5e-5}, total=2000)
        assert_equal(values, expected)

    def test_a_length_from_the_loader_of_one_process_ends_before_the_run(self):
        planned_steps = 3 * ceil(1000 / 4)
        updates = 3 * ceil(ceil(1000 / 3) / 4)

        assert (planned_steps // 3, updates // 3) == (250, 84)
        assert updates * 3 == 3 * 252
        assert [t for t in range(1, updates) if self.rate(t, 10, planned_steps, 3) == 0] == [250, 251]


def test_litgpt():
    expected = [warmup_and_cosine(4 * t + 3, 1e-3, 4 * 2000, 64_000, 4e-5) for t in range(16_000)]

    assert_equal(planned(plan_of("LitGPT"), {"lr": 1e-3}, accumulation=4), expected)


class TestMiniMind:
    def rate(self, batch, total):
        return 5e-4 * (0.1 + 0.45 * (1 + cos(pi * batch / total)))

    def test_each_update_uses_the_value_of_its_last_batch(self):
        expected = [self.rate(batch, 8000) for batch in range(8, 8001, 8)]

        assert_equal(planned(plan_of("MiniMind"), {"lr": 5e-4}, accumulation=8), expected)

    def test_an_epoch_may_end_with_a_shorter_update(self):
        (report,) = re.findall(r"`scheduler\.(consumed\(.*\))`", SECTIONS["MiniMind"])
        epochs = 3
        iters = 20
        plan = plan_of("MiniMind", ("8000", str(epochs * iters)))
        optimizer = probe(lr=5e-4)
        expected = []
        scheduler = ps.Scheduler(optimizer, plan, accumulation=8)
        for epoch in range(epochs):
            for step in range(1, iters + 1):
                if step % 8 == 0 or step == iters:
                    eval(f"scheduler.{report}", {"scheduler": scheduler, "iters": iters, "step": step})
                    optimizer.step()
                    expected.append(self.rate(epoch * iters + step, epochs * iters))

        assert_equal(np.array(used(optimizer)), expected)


class TestLingua:
    WARMUP = 2000
    TOTAL = 10_000

    def cosine(self, step):
        done = (step - self.WARMUP) / (self.TOTAL - self.WARMUP)
        sign = 1 - 2 * (step // self.TOTAL % 2)
        return step / self.WARMUP if step < self.WARMUP else 0.1 + 0.5 * 0.9 * (sign * cos(pi * done) + 1)

    def linear(self, step):
        done = (step - self.WARMUP) / (self.TOTAL - self.WARMUP)
        return step / self.WARMUP if step < self.WARMUP else done * 0.1 + (1 - done)

    def inv_sqrt(self, step):
        return step / self.WARMUP if step < self.WARMUP else max(self.WARMUP**0.5 / step**0.5, 0.1)

    def plans(self):
        text = SECTIONS["Lingua"]
        rows = re.findall(r"^\| `(\w+)` \| `(.*)` \|$", text, re.MULTILINE)
        return {name: ps.Plan(lr=schedule) for name, schedule in rows} | {"cosine": plan_of("Lingua")}

    def test_each_scheduler_of_the_page(self):
        plans = self.plans()

        assert sorted(plans) == ["cosine", "inv_sqrt", "linear"]
        for name, plan in plans.items():
            expected = [3e-4 * getattr(self, name)(step) for step in range(self.TOTAL)]
            assert_equal(planned(plan, {"lr": 3e-4}, total=self.TOTAL), expected)

    def test_after_the_last_update_the_script_writes_the_base_and_the_plan_its_end(self):
        optimizer = probe(lr=3e-4)
        ps.Scheduler(optimizer, plan_of("Lingua"), total=self.TOTAL).seek(self.TOTAL - 1)
        run(optimizer, 1)

        assert self.cosine(self.TOTAL) == 1.0
        assert optimizer.param_groups[0]["lr"] == 3e-4 * 0.1
