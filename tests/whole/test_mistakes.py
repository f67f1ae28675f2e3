"""Common mistakes: pasting the fix that the error suggests corrects each of them.

Each fix is taken from the data of the error and pasted where a reader would paste it: in place of the rejected piece,
of a call around it, or of the whole line.
"""

import itertools
import re
import shlex

import pytest
import torch
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.core import files as config
from paramsched.core.files.plan_files import PlanText
from paramsched.core.schedules.registry import SHAPES
from paramsched.errors import ConfigError, InvalidArgument
from paramsched.tools.check.plan_check import check
from support.tables import table

LINES = [
    ("polynomial(pow=3)", "polynomial(power=3)"),
    ("cosine_warm_restarts(40, mult=2)", "cosine_restarts(40, mult=2)"),
    ("linear_decay(to=0.2)", "linear(to=0.2)"),
    ("lin(1.0, 0.2)", "linear(1.0, 0.2)"),
    ("cos(to=0.1)", "cosine(to=0.1)"),
    ("cosin(to=0.1)", "cosine(to=0.1)"),
    ("cosnie(to=0.1)", "cosine(to=0.1)"),
    ("Cosine(to=0.1)", "cosine(to=0.1)"),
    ("COSINE(to=0.1)", "cosine(to=0.1)"),
    ("warmpu(10) >> cosine()", "warmup(10) >> cosine()"),
    ("warm_up(10) >> cosine()", "warmup(10) >> cosine()"),
    ("warm-up(10) >> cosine()", "warmup(10) >> cosine()"),
    ("Warmup(10) >> cosine()", "warmup(10) >> cosine()"),
    ("lineer(1.0, 0.1)", "linear(1.0, 0.1)"),
    ("Linear(1.0, 0.1)", "linear(1.0, 0.1)"),
    ("polynomal(2.0)", "polynomial(2.0)"),
    ("poly(2.0)", "polynomial(2.0)"),
    ("ploynomial(2.0)", "polynomial(2.0)"),
    ("exponental(0.9)", "exponential(0.9)"),
    ("Constant(0.5)", "constant(0.5)"),
    ("const(0.5)", "constant(0.5)"),
    ("multi_step([30, 60])", "multistep([30, 60])"),
    ("multisteps([30, 60])", "multistep([30, 60])"),
    ("onecycle('30%')", 'one_cycle("30%")'),
    ("oneCycle('30%')", 'one_cycle("30%")'),
    ("cosine_restart(10)", "cosine_restarts(10)"),
    ("cosine_annealing(to=0.1)", "cosine(to=0.1)"),
    ("cosineannealing(to=0.1)", "cosine(to=0.1)"),
    ("steps(30, gamma=0.5)", "step(30, gamma=0.5)"),
    ("plateu('val_loss')", "plateau('val_loss')"),
    ("cool_down(10)", "cooldown(10)"),
    ("invsqrt(100)", "inverse_sqrt(100)"),
    ("wds(10, 20)", "wsd(10, 20)"),
    ("WSD(10, 20)", "wsd(10, 20)"),
    ("StepLR(step_size=30, gamma=0.5)", "step(30, gamma=0.5)"),
    ("StepLR(30, 0.5)", "step(30, gamma=0.5)"),
    ("CosineAnnealingLR(T_max=50)", "restarts(cosine_wave(), 100)"),
    ("CosineAnnealingLR(50)", "restarts(cosine_wave(), 100)"),
    ("LinearLR(start_factor=0.2, end_factor=1.0, total_iters=7)", "linear(0.2, 1.0, over=7)"),
    ("LinearLR(0.2, 1.0, 7)", "linear(0.2, 1.0, over=7)"),
    ("ExponentialLR(gamma=0.97)", "exponential(0.97)"),
    ("ExponentialLR(0.97)", "exponential(0.97)"),
    ("MultiStepLR(milestones=[20, 70], gamma=0.3)", "multistep([20, 70], gamma=0.3)"),
    ("MultiStepLR([20, 70], 0.3)", "multistep([20, 70], gamma=0.3)"),
    ("PolynomialLR(total_iters=60, power=0.9)", "polynomial(0.9, over=60)"),
    ("CosineAnnealingWarmRestarts(T_0=7, T_mult=3)", "cosine_restarts(7, mult=3)"),
    ("torch.optim.lr_scheduler.StepLR(step_size=30, gamma=0.5)", "step(30, gamma=0.5)"),
    ("lr_scheduler.StepLR(step_size=30, gamma=0.5)", "step(30, gamma=0.5)"),
    ("warmup(10) >> CosineAnnealingLR(T_max=50)", "warmup(10) >> restarts(cosine_wave(), 100)"),
    ("warmup(10) >> StepLR(step_size=30, gamma=0.5)", "warmup(10) >> step(30, gamma=0.5)"),
    ("cosine(strat=0.2)", "cosine(start=0.2)"),
    ("cosine(until=50)", 'cosine(over="until 50 steps")'),
    ("warmup(10) >> cosine(to=0.1, until='2 epochs')", 'warmup(10) >> cosine(to=0.1, over="until 2 epochs")'),
    ("linear(1, 0.5, curve=curves.rex)", "anneal(start=1, to=0.5, curve=curves.rex)"),
    ("warmup(5) >> cosine(curve=rex, to=0.1)", "warmup(5) >> anneal(to=0.1, curve=curves.rex)"),
    ("lr * 0.1", 'like("lr") * 0.1'),
    ("cosine() * (batch_size / 256) ** 0.5", 'cosine() * (like("batch_size") / 256) ** 0.5'),
    ("cosine(ovr=50, to=0.2)", "cosine(over=50, to=0.2)"),
    ("cosine(T_max=50)", "cosine(over=50)"),
    ("cosine(T_max=50, eta_min=0.2)", "cosine(over=50, to=absolute(0.2))"),
    ("cosine(eta_min=0.2)", "cosine(to=absolute(0.2))"),
    ("cosine(min_lr=0.2)", "cosine(to=absolute(0.2))"),
    ("cosine(min=0.2)", "cosine(to=0.2)"),
    ("cosine(final=0.2)", "cosine(to=0.2)"),
    ("cosine(length=50)", "cosine(over=50)"),
    ("cosine(steps=50)", "cosine(over=50)"),
    ("cosine(duration=50)", "cosine(over=50)"),
    ("cosine(TO=0.2)", "cosine(to=0.2)"),
    ("cosine(warmup=10, to=0.2)", "warmup(10) >> cosine(to=0.2)"),
    ("cosine(num_warmup_steps=10, to=0.2)", "warmup(10) >> cosine(to=0.2)"),
    ("cosine(warmup_steps=10)", "warmup(10) >> cosine()"),
    ("linear(warmup_steps=10)", "warmup(10) >> linear()"),
    ("linear(start_factor=0.3)", "linear(0.3, 1.0, 5)"),
    ("linear(end_factor=0.3)", "linear(0.3333333333333333, 0.3, 5)"),
    ("warmup(num_warmup_steps=20)", "warmup(over=20)"),
    ("warmup(warmup_steps=20)", "warmup(over=20)"),
    ("warmup(steps=20)", "warmup(over=20)"),
    ("warmup(start_factor=0.2, over=20)", "warmup(over=20, start=0.2)"),
    ("warmup(length=20) >> cosine(to=0.2)", "warmup(over=20) >> cosine(to=0.2)"),
    ("step(step_size=30)", "step(every=30)"),
    ("step(step_size=30, gamma=0.5)", "step(every=30, gamma=0.5)"),
    ("step(30, factor=0.5)", "step(30, gamma=0.5)"),
    ("step(30, gama=0.5)", "step(30, gamma=0.5)"),
    ("step(30, decay=0.5)", "step(30, gamma=0.5)"),
    ("step(30, decay_rate=0.5)", "step(30, gamma=0.5)"),
    ("multistep(milestone=[20, 70])", "multistep(milestones=[20, 70])"),
    ("multistep([20, 70], factor=0.3)", "multistep([20, 70], gamma=0.3)"),
    ("multistep(20, 70)", "multistep([20, 70])"),
    ("multistep(20, 70, gamma=0.3)", "multistep([20, 70], gamma=0.3)"),
    ("multistep(steps=[20, 70])", "multistep(milestones=[20, 70])"),
    ("exponential(decay_rate=0.9)", "exponential(gamma=0.9)"),
    ("exponential(gama=0.9)", "exponential(gamma=0.9)"),
    ("polynomial(exponent=3)", "polynomial(power=3)"),
    ("cosine_restarts(T_0=7)", "cosine_restarts(first=7)"),
    ("cosine_restarts(T_0=7, T_mult=3, eta_min=0.2)", "cosine_restarts(first=7, mult=3, to=absolute(0.2))"),
    ("cosine_restarts(7, multiplier=3)", "cosine_restarts(7, mult=3)"),
    ("wsd(num_warmup_steps=7, num_decay_steps=20)", "wsd(warmup=7, decay=20)"),
    ("wsd(warmup_steps=7, decay_steps=20)", "wsd(warmup=7, decay=20)"),
    ("plateau(monitor='val_loss', factor=0.3)", "plateau(metric='val_loss', factor=0.3)"),
    ("plateau('val_loss', min_value=0.01)", "plateau('val_loss', min=0.01)"),
    ("plateau('val_loss', min_lr=0.01)", 'plateau("val_loss", min=absolute(0.01))'),
    ("clamp(cosine(), min=0.2)", "clamp(cosine(), low=0.2)"),
    ("clamp(cosine(), max=0.7)", "clamp(cosine(), high=0.7)"),
    ("clamp(cosine(), lower=0.2, upper=0.7)", "clamp(cosine(), low=0.2, high=0.7)"),
    ("constant(lr=0.3)", "constant(value=absolute(0.3))"),
    ("constant(val=0.3)", "constant(value=0.3)"),
    ("restarts(cosine(), period=20)", "restarts(cosine(), every=20)"),
    ("anneal(curve=cosine)", "anneal(curve=curves.cosine)"),
    ("anneal(shape=curves.cosine)", "anneal(curve=curves.cosine)"),
    ("anneal(curve=cosine())", "anneal(curve=curves.cosine)"),
    ("anneal(curve=power(3))", "anneal(curve=curves.power(3))"),
    ("anneal(curve=curves.cosine())", "anneal(curve=curves.cosine)"),
    ("anneal(curve='power(3)')", "anneal(curve=curves.power(3))"),
    ("anneal(curve='inverse_proportional(0.1)', over=50)", "anneal(curve=curves.inverse_proportional(0.1), over=50)"),
    ("curves.cosine", "anneal(curve=curves.cosine)"),
    ("rex()", "anneal(curve=curves.rex)"),
    ("one_minus_sqrt(over=50)", "anneal(over=50, curve=curves.one_minus_sqrt)"),
    ("warmup(10) >> rex(to=0.2)", "warmup(10) >> anneal(to=0.2, curve=curves.rex)"),
    ("cosine", "cosine()"),
    ("linear", "linear()"),
    ("warmup(10) >> cosine", "warmup(10) >> cosine()"),
    ("0.5 * cosine", "0.5 * cosine()"),
    ("constant", "constant()"),
    ("ps.cosine()", "cosine()"),
    ("ps.cosine(to=0.2)", "cosine(to=0.2)"),
    ("paramsched.cosine(to=0.2)", "cosine(to=0.2)"),
    ("ps.warmup(10) >> ps.cosine(to=0.2)", "warmup(10) >> cosine(to=0.2)"),
    ("schedules.cosine(to=0.2)", "cosine(to=0.2)"),
    ("ps.anneal(curve=ps.curves.rex)", "anneal(curve=curves.rex)"),
    ("anneal(curve=ps.curves.rex)", "anneal(curve=curves.rex)"),
    ("cosine(to=ps.absolute(0.2))", "cosine(to=absolute(0.2))"),
    ("self.cosine()", "cosine()"),
    ("ps.cosin(to=0.2)", "cosine(to=0.2)"),
    ("warmup(10) > cosine()", "warmup(10) >> cosine()"),
    ("warmup(10) -> cosine()", "warmup(10) >> cosine()"),
    ("warmup(10) => cosine()", "warmup(10) >> cosine()"),
    ("warmup(10) >>> cosine()", "warmup(10) >> cosine()"),
    ("warmup(10) | cosine()", "warmup(10) >> cosine()"),
    ("warmup(10), cosine()", "warmup(10) >> cosine()"),
    ("warmup(10) then cosine()", "warmup(10) >> cosine()"),
    ("warmup(10) cosine()", "warmup(10) >> cosine()"),
    ("warmup(10); cosine()", "warmup(10) >> cosine()"),
    ("warmup(10) >= cosine()", "warmup(10) >> cosine()"),
    ("warmup(10) → cosine()", "warmup(10) >> cosine()"),
    ("warmup(10) » cosine()", "warmup(10) >> cosine()"),
    ("cosine() x 0.5", "cosine() * 0.5"),
    ("cosine() × 0.5", "cosine() * 0.5"),
    ("0.5 cosine()", "0.5 * cosine()"),
    ("cosine() ^ 2", "cosine() ** 2"),
    ("min(cosine(), linear())", "minimum(cosine(), linear())"),
    ("max(cosine(), 0.2)", "maximum(cosine(), constant(0.2))"),
    ("warmup(10) >>", "warmup(10)"),
    (">> cosine()", "cosine()"),
    ("warmup(10) >> >> cosine()", "warmup(10) >> cosine()"),
    ("cosine() *", "cosine()"),
    ("* cosine()", "cosine()"),
    ("max(0.1, cosine())", "maximum(constant(0.1), cosine())"),
    ("warmup(10) >> cosine() >>", "warmup(10) >> cosine()"),
    ("[warmup(10), cosine()]", "warmup(10) >> cosine()"),
    ("(warmup(10), cosine())", "warmup(10) >> cosine()"),
    ("sequence(warmup(10), cosine())", "warmup(10) >> cosine()"),
    ("cosine(to=0.2", "cosine(to=0.2)"),
    ("cosine(to=1e-5", "cosine(to=1e-5)"),
    ("cosine(over=3e3", "cosine(over=3e3)"),
    ("cosine to=0.2)", "cosine(to=0.2)"),
    ("cosine to=0.2", "cosine(to=0.2)"),
    ("cosine(to=0.2))", "cosine(to=0.2)"),
    ("cosine[to=0.2]", "cosine(to=0.2)"),
    ("cosine{to=0.2}", "cosine(to=0.2)"),
    ("cosine(to=0.2]", "cosine(to=0.2)"),
    ("cosine(to: 0.2)", "cosine(to=0.2)"),
    ("cosine(to:0.2, over:50)", "cosine(to=0.2, over=50)"),
    ("cosine(to=>0.2)", "cosine(to=0.2)"),
    ("cosine(to==0.2)", "cosine(to=0.2)"),
    ("cosine(to=0.2,, over=50)", "cosine(to=0.2, over=50)"),
    ("cosine(to=0.2 over=50)", "cosine(to=0.2, over=50)"),
    ("cosine(to=0.2; over=50)", "cosine(to=0.2, over=50)"),
    ("cosine(to=0.2, 50)", "cosine(to=0.2, over=50)"),
    ("warmup((10)) >> cosine(", "warmup(10) >> cosine()"),
    ("warmup(10 >> cosine()", "warmup(10) >> cosine()"),
    ("warmup(10)) >> cosine()", "warmup(10) >> cosine()"),
    ("multistep[20, 70]", "multistep([20, 70])"),
    ("multistep([20, 70)", "multistep([20, 70])"),
    ("multistep([20 70])", "multistep([20, 70])"),
    ("multistep({20, 70})", "multistep([20, 70])"),
    ("multistep('20, 70')", "multistep([20, 70])"),
    ("warmup(5%) >> cosine()", 'warmup("5%") >> cosine()'),
    ("warmup(5 %) >> cosine()", 'warmup("5%") >> cosine()'),
    ("warmup(5 percent) >> cosine()", 'warmup("5%") >> cosine()'),
    ("warmup(2 epochs) >> cosine()", 'warmup("2 epochs") >> cosine()'),
    ("warmup(10ep)", 'warmup("10 epochs")'),
    ("warmup(100k tokens)", 'warmup("100k tokens")'),
    ("warmup(10 steps) >> cosine()", 'warmup("10 steps") >> cosine()'),
    ("warmup(100K tokens)", 'warmup("100k tokens")'),
    ("warmup(10M samples)", 'warmup("10M samples")'),
    ('warmup("5%) >> cosine()', 'warmup("5%") >> cosine()'),
    ("warmup('5%\") >> cosine()", 'warmup("5%") >> cosine()'),
    ("warmup(“5%”) >> cosine()", 'warmup("5%") >> cosine()'),
    ("warmup(‘5%’) >> cosine()", 'warmup("5%") >> cosine()'),
    ('"warmup(10) >> cosine()"', "warmup(10) >> cosine()"),
    ("cosine(index=t/n)", 'cosine(index="t/n")'),
    ("cosine(index=(t+1)/n)", 'cosine(index="(t+1)/n")'),
    ("plateau(val_loss)", 'plateau("val_loss")'),
    ("plateau(metric=val_loss)", 'plateau(metric="val_loss")'),
    ("plateau(val/loss)", 'plateau("val/loss")'),
    ("every(cosine(), epoch)", 'every(cosine(), "epoch")'),
    ("warmup(epoch)", 'warmup("epoch")'),
    ("cosine(over=until 90 steps)", 'cosine(over="until 90 steps")'),
    ('cosine(to="0.2")', "cosine(to=0.2)"),
    ('warmup("10")', "warmup(10)"),
    ('warmup("10") >> cosine(to=0.2)', "warmup(10) >> cosine(to=0.2)"),
    ('constant("0.5")', "constant(0.5)"),
    ('step(30, gamma="0.5")', "step(30, gamma=0.5)"),
    ('warmup("5 epoks")', 'warmup("5 epochs")'),
    ('warmup("5 epcohs")', 'warmup("5 epochs")'),
    ('warmup("5 Epochs")', 'warmup("5 epochs")'),
    ('warmup("5 EPOCHS")', 'warmup("5 epochs")'),
    ('warmup("5 ep")', 'warmup("5 epochs")'),
    ('warmup("5ep")', 'warmup("5 epochs")'),
    ('warmup("5 its")', 'warmup("5 steps")'),
    ('warmup("5ba")', 'warmup("5 steps")'),
    ('warmup("5 pct")', 'warmup("5%")'),
    ('warmup("5 percent")', 'warmup("5%")'),
    ('warmup("5 per cent")', 'warmup("5%")'),
    ('warmup("5 hrs")', 'warmup("5 h")'),
    ('warmup("epochs 5")', 'warmup("5 epochs")'),
    ('warmup("5,000 steps")', 'warmup("5000 steps")'),
    ('warmup("1G tokens")', 'warmup("1B tokens")'),
    ('warmup("100m tokens")', 'warmup("100M tokens")'),
    ('warmup("1b tokens")', 'warmup("1B tokens")'),
    ('warmup("100 K tokens")', 'warmup("100k tokens")'),
    ('warmup("100_000")', "warmup(100000)"),
    ('warmup("1e3")', "warmup(1000)"),
    ('warmup("5")', "warmup(5)"),
    ('warmup("0.05")', 'warmup("5%")'),
    ('warmup("-5 epochs")', 'warmup("5 epochs")'),
    ("warmup(0.05)", 'warmup("5%")'),
    ("warmup(0.05) >> cosine(to=0.2)", 'warmup("5%") >> cosine(to=0.2)'),
    ("cosine(over=0.5)", 'cosine(over="50%")'),
    ("warmup([10])", "warmup(10)"),
    ("multistep([0.3, 0.6])", 'multistep(["30%", "60%"])'),
    ("wsd(0.1, 0.2)", 'wsd("10%", "20%")'),
    ("cosine(to=10%)", "cosine(to=0.1)"),
    ('cosine(to="10%")', "cosine(to=0.1)"),
    ("cosine(to=Absolute(0.1))", "cosine(to=absolute(0.1))"),
    ("cosine(to=absolut(0.1))", "cosine(to=absolute(0.1))"),
    ("cosine(to=absolute 0.1)", "cosine(to=absolute(0.1))"),
    ("cosine(to=1e−5)", "cosine(to=1e-5)"),
    ("plateau('val_loss', gamma=0.3, patience=4)", "plateau('val_loss', factor=0.3, patience=4)"),
    ("сosine()", "cosine()"),
    ("cosine_decay(to=0.05)", "cosine(to=0.05)"),
    ("coisne(over=40)", "cosine(over=40)"),
    ("CosineAnnealing(to=0.2)", "cosine(to=0.2)"),
    ("waarmup(20) >> cosine(to=0.3)", "warmup(20) >> cosine(to=0.3)"),
    ("warmup(20) >> consant(0.5)", "warmup(20) >> constant(0.5)"),
    ("warmup(20) >> exponetial(0.98)", "warmup(20) >> exponential(0.98)"),
    ("exp(0.9)", "exponential(0.9)"),
    ("exp(gamma=0.9)", "exponential(gamma=0.9)"),
    ("linear_warmup(25) >> cosine(to=0.2)", "warmup(25) >> cosine(to=0.2)"),
    ("warmup_linear(25)", "warmup(25)"),
    ("inverse_square_root(100)", "inverse_sqrt(100)"),
    ("inv_sqrt(100)", "inverse_sqrt(100)"),
    ("inverse_sqrt(warmup_steps=100)", "warmup(100) >> inverse_sqrt(100)"),
    ("step_decay(30, gamma=0.4)", "step(30, gamma=0.4)"),
    ("multi_step_decay([30, 60], gamma=0.3)", "multistep([30, 60], gamma=0.3)"),
    ("poly_decay(power=0.9)", "polynomial(power=0.9)"),
    ("polynomial_decay(power=0.9)", "polynomial(power=0.9)"),
    ("cosine_with_restarts(40, mult=2)", "cosine_restarts(40, mult=2)"),
    ("sgdr(40)", "cosine_restarts(40)"),
    ("SGDR(T_0=40)", "cosine_restarts(first=40)"),
    ("reduce_on_plateau('val_loss', factor=0.4)", "plateau('val_loss', factor=0.4)"),
    ("1cycle('25%')", "one_cycle('25%')"),
    ("OneCycle('25%')", "one_cycle('25%')"),
    ("flat(0.3)", "constant(0.3)"),
    ("noam(256, warmup=400", "noam(256, warmup=400)"),
    ("StepLR(optimizer, step_size=25, gamma=0.3)", "step(25, gamma=0.3)"),
    ("StepLR(optimizer, 25, 0.3)", "step(25, gamma=0.3)"),
    ("CosineAnnealingLR(optimizer, T_max=80)", "restarts(cosine_wave(), 160)"),
    ("CosineAnnealingLR(optimizer, T_max=80, eta_min=1e-5)", "restarts(cosine_wave(to=absolute(1e-5)), 160)"),
    ("ExponentialLR(optimizer, gamma=0.93)", "exponential(0.93)"),
    ("MultiStepLR(optimizer, milestones=[35, 65], gamma=0.2)", "multistep([35, 65], gamma=0.2)"),
    ("LinearLR(optimizer, start_factor=0.25, end_factor=1.0, total_iters=9)", "linear(0.25, 1.0, over=9)"),
    (
        "LinearLR(start_factor=0.25, total_iters=9) >> CosineAnnealingLR(T_max=80)",
        "linear(0.25, 1.0, 9) >> restarts(cosine_wave(), 160)",
    ),
    ("ConstantLR(factor=0.3, total_iters=8)", "constant(0.3, 8) >> constant()"),
    ("PolynomialLR(optimizer, total_iters=55, power=1.5)", "polynomial(1.5, over=55)"),
    ("CosineAnnealingWarmRestarts(optimizer, T_0=12, T_mult=2)", "cosine_restarts(12, mult=2)"),
    ("SequentialLR([warmup(20), cosine()])", "warmup(20) >> cosine()"),
    ("ChainedScheduler([warmup(20), cosine()])", "warmup(20) * cosine()"),
    ("get_cosine_schedule_with_warmup(25, 400)", "warmup(25) >> restarts(cosine_wave(), 750)"),
    ("get_linear_schedule_with_warmup(optimizer, 25, 400)", "warmup(25) >> linear(over=375)"),
    ("get_constant_schedule_with_warmup(25)", "warmup(25) >> constant()"),
    ("cosine(t_max=80, to=0.2)", "cosine(over=80, to=0.2)"),
    ("cosine(to=0.2, n_steps=80)", "cosine(to=0.2, over=80)"),
    ("cosine(num_steps=80)", "cosine(over=80)"),
    ("cosine(total=80, to=0.2)", "cosine(over=80, to=0.2)"),
    ("cosine(final_lr=0.2)", "cosine(to=absolute(0.2))"),
    ("cosine(lr_min=0.2)", "cosine(to=absolute(0.2))"),
    ("cosine(end_value=0.2)", "cosine(to=absolute(0.2))"),
    ("cosine(from=1.0, to=0.2)", "cosine(start=1.0, to=0.2)"),
    ("linear(from_=1.0, to=0.2)", "linear(start=1.0, to=0.2)"),
    ("linear(initial=1.0, final=0.2)", "linear(start=1.0, to=0.2)"),
    ("warmup(epochs=5) >> cosine(to=0.2)", 'warmup(over="5 epochs") >> cosine(to=0.2)'),
    ("warmup(warmup_epochs=5) >> cosine(to=0.2)", 'warmup(over="5 epochs") >> cosine(to=0.2)'),
    ("warmup(ratio=0.1) >> cosine()", 'warmup(over="10%") >> cosine()'),
    ("warmup(warmup_ratio=0.1) >> cosine()", 'warmup(over="10%") >> cosine()'),
    ("warmup(fraction=0.1) >> cosine()", 'warmup(over="10%") >> cosine()'),
    ("warmup(20, from=0.1)", "warmup(20, start=0.1)"),
    ("step(30, gamm=0.4)", "step(30, gamma=0.4)"),
    ("step(size=30, gamma=0.4)", "step(every=30, gamma=0.4)"),
    ("step(epochs=30, gamma=0.4)", 'step(every="30 epochs", gamma=0.4)'),
    ("step(every=30, by=0.4)", "step(every=30, gamma=0.4)"),
    ("multistep(at=[30, 60], gamma=0.2)", "multistep(milestones=[30, 60], gamma=0.2)"),
    ("exponential(rate=0.9)", "exponential(gamma=0.9)"),
    ("exponential(decay=0.9)", "exponential(gamma=0.9)"),
    ("polynomial(p=2)", "polynomial(power=2)"),
    ("cosine_restarts(every=40)", "cosine_restarts(first=40)"),
    ("cosine_restarts(period=40, mult=2)", "cosine_restarts(first=40, mult=2)"),
    ("cosine_restarts(cycle_length=40)", "cosine_restarts(first=40)"),
    ("wsd(warmup=20, cooldown=20)", "wsd(warmup=20, decay=20)"),
    ("plateau('val_loss', patient=6)", "plateau('val_loss', patience=6)"),
    ("plateau(monitor='val_acc', mode='max', patience=3)", "plateau(metric='val_acc', mode='max', patience=3)"),
    ("cosine(to=0.2, warmup='5%')", 'warmup("5%") >> cosine(to=0.2)'),
    ("cosine(to=0.2, warmup_epochs=3)", 'warmup("3 epochs") >> cosine(to=0.2)'),
    ("cosine(to=0.2, warmup_ratio=0.05)", 'warmup("5%") >> cosine(to=0.2)'),
    ("clamp(cosine(), minimum=0.2)", "clamp(cosine(), low=0.2)"),
    ("warmup(20) >> cosine(to=0.2", "warmup(20) >> cosine(to=0.2)"),
    ("warmup(20 >> cosine(to=0.2)", "warmup(20) >> cosine(to=0.2)"),
    ("warmup 20 >> cosine()", "warmup(20) >> cosine()"),
    ("warmup: 20 >> cosine()", "warmup(20) >> cosine()"),
    ("warmup=20 >> cosine()", "warmup(20) >> cosine()"),
    ("warmup(20) >cosine(to=0.2)", "warmup(20) >> cosine(to=0.2)"),
    ("warmup(20) --> cosine(to=0.2)", "warmup(20) >> cosine(to=0.2)"),
    ("warmup(20).cosine(to=0.2)", "warmup(20) >> cosine(to=0.2)"),
    ("warmup(20).then(cosine(to=0.2))", "warmup(20) >> cosine(to=0.2)"),
    ("warmup(20) and then cosine(to=0.2)", "warmup(20) >> cosine(to=0.2)"),
    ("warmup(20)\ncosine(to=0.2)", "warmup(20) >> cosine(to=0.2)"),
    ("warmup(20) || cosine(to=0.2)", "warmup(20) >> cosine(to=0.2)"),
    ("multistep([30, 60)", "multistep([30, 60])"),
    ("multistep([30, 60], gamma=0.2", "multistep([30, 60], gamma=0.2)"),
    ("multistep(30 60)", "multistep([30, 60])"),
    ("multistep([30; 60])", "multistep([30, 60])"),
    ("multistep(['30', '60'])", "multistep([30, 60])"),
    ("multistep([30 epochs, 60 epochs])", 'multistep(["30 epochs", "60 epochs"])'),
    ("multistep([30%, 60%])", 'multistep(["30%", "60%"])'),
    ("multistep([30, 60] gamma=0.2)", "multistep([30, 60], gamma=0.2)"),
    ("multistep(30)", "multistep([30])"),
    ("multistep(milestones=30)", "multistep([30])"),
    ("cosine(over 40)", "cosine(over=40)"),
    ("cosine(to 0.2)", "cosine(to=0.2)"),
    ("cosine(to=0.2f)", "cosine(to=0.2)"),
    ("cosine(to='0.2)", "cosine(to=0.2)"),
    ('cosine(over="40 epochs)', 'cosine(over="40 epochs")'),
    ("cosine(over=40 epochs)", 'cosine(over="40 epochs")'),
    ("cosine(over=40epochs)", 'cosine(over="40 epochs")'),
    ("cosine(over='40 epoch', to=10%)", 'cosine(over="40 epochs", to=0.1)'),
    ("warmup(500 updates) >> cosine()", 'warmup("500 updates") >> cosine()'),
    ("warmup(500 iters) >> cosine()", 'warmup("500 steps") >> cosine()'),
    ("warmup('10 percents')", 'warmup("10%")'),
    ("warmup('2 billion tokens')", 'warmup("2B tokens")'),
    ("warmup(10,000) >> cosine()", "warmup(10000) >> cosine()"),
    ("warmup(1.5k) >> cosine()", "warmup(1500) >> cosine()"),
    ("warmup(2k) >> cosine()", "warmup(2000) >> cosine()"),
    ("warmup(0.1) >> cosine(to=0.2)", 'warmup("10%") >> cosine(to=0.2)'),
    ("0.5*cosine", "0.5*cosine()"),
    ("cosine*0.5", "cosine()*0.5"),
    ("cosine(to=0.2)**", "cosine(to=0.2)"),
    ("cosine()+", "cosine()"),
    ("2cosine()", "2*cosine()"),
    ("(cosine(to=0.2)", "cosine(to=0.2)"),
    ("cosine(to=0.2);", "cosine(to=0.2)"),
    ("cosine(to=0.2).", "cosine(to=0.2)"),
    ("lr=cosine(to=0.2)", "cosine(to=0.2)"),
    ("`cosine(to=0.2)`", "cosine(to=0.2)"),
    ("'warmup(20) >> cosine(to=0.2)'", "warmup(20) >> cosine(to=0.2)"),
    ("paramsched.warmup(20) >> paramsched.cosine(to=0.2)", "warmup(20) >> cosine(to=0.2)"),
    ("sched.warmup(20) >> sched.cosine(to=0.2)", "warmup(20) >> cosine(to=0.2)"),
    ("anneal(curve=rexx)", "anneal(curve=curves.rex)"),
    ("anneal(curves.rex, over=40)", "anneal(curve=curves.rex, over=40)"),
    ("anneal(over=40, type='rex')", "anneal(over=40, curve=curves.rex)"),
    ("cosine(to=absolute(1e-5)", "cosine(to=absolute(1e-5))"),
    ("cosine(to=Absolute(1e-5), over=40)", "cosine(to=absolute(1e-5), over=40)"),
    ("every(cosine(to=0.2), '1 epochs'", "every(cosine(to=0.2), '1 epochs')"),
]
"""Lines with a mistake, and the intended lines."""

UNCERTAIN_LINES = [
    ("sine()", "cosine"),
    ("invsqr(100)", "inverse_sqrt"),
    ("cosine(stop=0.2)", "to"),
    ("cosine(top=0.9)", "to"),
    ("cosine(t=50)", "to"),
    ("cosine(lower=0.1)", "over"),
    ("cosine(power=2)", "over"),
    ("cosine(end=0.2)", None),
    ("linear(begin=1.0, end=0.2)", None),
    ("linear(start=1.0, end=0.2, steps=70)", None),
]
"""Lines whose wrong name is no certain slip, and the name to ask for, if one is near."""

OPEN_LINES = [
    "hold(0.3)",
    "cosine(last_epoch=3)",
    "cosine(to=0.2, last_epoch=3)",
    "cosine(to=0.2, verbose=True)",
    'warmup("0.05dur")',
    'warmup("5 days")',
    'warmup("five epochs")',
    'warmup("-5%")',
    "warmup(-3)",
    "warmup(-3) >> cosine(to=0.2)",
    'warmup("5% of the run")',
    "cosine(over=-50)",
    "step(-30)",
    "cosine_restarts(-7)",
    "wsd(-7, 20)",
    "plateau('val_loss', mode='minimum')",
    "warmup(-20) >> cosine(to=0.2)",
    "CosineAnnealingLR(T_max=50, eta_min=0.01)",
    "ConstantLR(factor=0.5, total_iters=4)",
    "OneCycleLR(max_lr=0.3, total_steps=100)",
    "OneCycleLR(pct_start=0.2)",
    "ReduceLROnPlateau(factor=0.3, patience=7)",
    "SequentialLR()",
    "get_cosine_schedule_with_warmup(num_warmup_steps=50, num_training_steps=100)",
    "get_linear_schedule_with_warmup(50, 100)",
    "cosine_decay_schedule(init_value=1.0, decay_steps=70, alpha=0.2)",
    "linear_schedule(1.0, 0.2, 70)",
    "exponential_decay(decay_rate=0.7, transition_steps=13)",
    "CosineDecay(decay_steps=70, alpha=0.2)",
    "PolyLR(power=0.9)",
    "CosineLRScheduler(t_initial=70)",
    "optax.cosine_decay_schedule(1.0, 70)",
    "cosine(epochs=5)",
    "cosine(low=0.2)",
    "cosine(floor=0.2)",
    "cosine(num_cycles=2)",
    "cosine(num_training_steps=50)",
    "linear(begin=0.3)",
    "polynomial(degree=3)",
    "one_cycle(pct_start=0.2)",
    "one_cycle(max_lr=0.2)",
    "plateau('val_loss', patience_epochs=3)",
    "noam(d_model=256, warmup=40)",
    "every(cosine(), step=10)",
    "anneal(curves.cosin)",
    "anneal(curve=curves.power)",
    "sigmoid()",
    "sigmoid(over=50)",
    "power(3)",
    "warmup(10) >> sigmoid()",
    "step",
    "warmup",
    "wsd",
    "plateau",
    "multistep",
    "warmup() >> cosine()",
    "warmup()",
    "step()",
    "multistep()",
    "cosine_restarts()",
    "rules.linear",
    "np.cosine()",
    "math.cos()",
    "warmup(10) & cosine()",
    "warmup(10) –> cosine()",
    "cosine() // 2",
    "cosine() @ 0.5",
    "warmup(10) and cosine()",
    "1e-3 >> cosine()",
    "0.5 >> cosine()",
    "cosine() + 'x'",
    "chain([warmup(10), cosine()])",
    "join(warmup(10), cosine())",
    "cosine(to=0,2)",
    "cosine(=0.2)",
    "cosine(to=)",
    "warmup(`5%`) >> cosine()",
    "warmup(1/10)",
    "cosine(over=1/3 epoch)",
    "warmup(5% + 10)",
    "warmup(1_epoch)",
    "'cosine'",
    'warmup("5e")',
    'warmup("5 e")',
    'warmup("5 %%")',
    'warmup("5 ms")',
    'warmup("5epochs.")',
    'warmup("5, epochs")',
    'warmup("5 - epochs")',
    'warmup("5.000,0 steps")',
    'warmup("100KB tokens")',
    "warmup(2.5)",
    "warmup(True)",
    "warmup(nan)",
    "warmup(inf)",
    "warmup(1e400)",
    'warmup("")',
    'warmup("5 apples")',
    "step(0)",
    "multistep([30, -60])",
    "cosine_restarts(0)",
    'cosine(over="until")',
    "cosine(to=nan)",
    "cosine(to=inf)",
    "cosine(to=None)",
    "cosine(to=True)",
    "cosine(to='x', over=50)",
    "cosine(to=[0.1])",
    "cosine(to=1e400)",
    "cosine(to=abs(0.1))",
    "exponential(gamma=-0.9)",
    "exponential(0)",
    "step(30, gamma=nan)",
    "polynomial(power=-1)",
    "cosine(to=.1.2)",
    "cosine(to=1e-)",
    "cosine(to=1e--5)",
    "cosine(to=0,1)",
    "cosine(index='t')",
    "cosine(index='t/(n+1)')",
    "linear(0.1, 0.2, 0.3, 0.4, 0.5, 0.6)",
    "cosine(1, 2, 3, 4, 5)",
    "plateau('val_loss', patience=-1)",
    "piecewise([0, 1, 2])",
    "",
    "   ",
    "none",
    "None",
    "0.1 0.2",
    "cosine() >> cosine()",
    "constant() >> cosine()",
    "cosine() >> constant()",
    "multistep(30, 60], gamma=0.2)",
]
"""Ambiguous lines, whose suggested fix must be accepted."""

FILES = [
    ("max_steps: 100\nlr: cosine(to=0.2)\n", "horizon: 100\nlr: cosine(to=0.2)\n"),
    ("epochs: 20\nlr: cosine(to=0.2)\n", "horizon: 20 epochs\nlr: cosine(to=0.2)\n"),
    ("num_epochs: 20\nlr: cosine(to=0.2)\n", "horizon: 20 epochs\nlr: cosine(to=0.2)\n"),
    ("max_epochs: 20\nlr: cosine(to=0.2)\n", "horizon: 20 epochs\nlr: cosine(to=0.2)\n"),
    ("num_train_epochs: 20\nlr: cosine(to=0.2)\n", "horizon: 20 epochs\nlr: cosine(to=0.2)\n"),
    ("total_steps: 100\nlr: cosine(to=0.2)\n", "horizon: 100\nlr: cosine(to=0.2)\n"),
    ("steps: 100\nlr: cosine(to=0.2)\n", "horizon: 100\nlr: cosine(to=0.2)\n"),
    ("total: 100\nlr: cosine(to=0.2)\n", "horizon: 100\nlr: cosine(to=0.2)\n"),
    ("max_iters: 100\nlr: cosine(to=0.2)\n", "horizon: 100\nlr: cosine(to=0.2)\n"),
    ("iters: 100\nlr: cosine(to=0.2)\n", "horizon: 100\nlr: cosine(to=0.2)\n"),
    ("train_iters: 100\nlr: cosine(to=0.2)\n", "horizon: 100\nlr: cosine(to=0.2)\n"),
    ("length: 100\nlr: cosine(to=0.2)\n", "horizon: 100\nlr: cosine(to=0.2)\n"),
    ("duration: 20 epochs\nlr: cosine(to=0.2)\n", "horizon: 20 epochs\nlr: cosine(to=0.2)\n"),
    ("training_steps: 100\nlr: cosine(to=0.2)\n", "horizon: 100\nlr: cosine(to=0.2)\n"),
    ("num_training_steps: 100\nlr: cosine(to=0.2)\n", "horizon: 100\nlr: cosine(to=0.2)\n"),
    ("horizn: 100\nlr: cosine(to=0.2)\n", "horizon: 100\nlr: cosine(to=0.2)\n"),
    ("Horizon: 100\nlr: cosine(to=0.2)\n", "horizon: 100\nlr: cosine(to=0.2)\n"),
    ("horizons: 100\nlr: cosine(to=0.2)\n", "horizon: 100\nlr: cosine(to=0.2)\n"),
    ("horizon: 20 epocs\nlr: cosine(to=0.2)\n", "horizon: 20 epochs\nlr: cosine(to=0.2)\n"),
    ("horizon: '100'\nlr: cosine(to=0.2)\n", "horizon: 100\nlr: cosine(to=0.2)\n"),
    ("horizon: {epochs: 20}\nlr: cosine(to=0.2)\n", "horizon: 20 epochs\nlr: cosine(to=0.2)\n"),
    ("horizon: 20 ep\nlr: cosine(to=0.2)\n", "horizon: 20 epochs\nlr: cosine(to=0.2)\n"),
    ("LR: cosine(to=0.2)\nhorizon: 100\n", "lr: cosine(to=0.2)\nhorizon: 100\n"),
    ("Lr: cosine(to=0.2)\nhorizon: 100\n", "lr: cosine(to=0.2)\nhorizon: 100\n"),
    ("learning_rate: cosine(to=0.2)\nhorizon: 100\n", "lr: cosine(to=0.2)\nhorizon: 100\n"),
    ("learning-rate: cosine(to=0.2)\nhorizon: 100\n", "lr: cosine(to=0.2)\nhorizon: 100\n"),
    ("learningRate: cosine(to=0.2)\nhorizon: 100\n", "lr: cosine(to=0.2)\nhorizon: 100\n"),
    ("schedule: cosine(to=0.2)\nhorizon: 100\n", "lr: cosine(to=0.2)\nhorizon: 100\n"),
    ("scheduler: cosine(to=0.2)\nhorizon: 100\n", "lr: cosine(to=0.2)\nhorizon: 100\n"),
    ("lr_schedule: cosine(to=0.2)\nhorizon: 100\n", "lr: cosine(to=0.2)\nhorizon: 100\n"),
    ("lr_scheduler: cosine(to=0.2)\nhorizon: 100\n", "lr: cosine(to=0.2)\nhorizon: 100\n"),
    ("wd: cosine(to=0.2)\nhorizon: 100\n", "weight_decay: cosine(to=0.2)\nhorizon: 100\n"),
    ("weight-decay: cosine(to=0.2)\nhorizon: 100\n", "weight_decay: cosine(to=0.2)\nhorizon: 100\n"),
    ("weightdecay: cosine(to=0.2)\nhorizon: 100\n", "weight_decay: cosine(to=0.2)\nhorizon: 100\n"),
    ("weight_decy: cosine(to=0.2)\nhorizon: 100\n", "weight_decay: cosine(to=0.2)\nhorizon: 100\n"),
    ("beta1: cosine(to=0.2)\nhorizon: 100\n", "betas[0]: cosine(to=0.2)\nhorizon: 100\n"),
    ("beta2: cosine(to=0.2)\nhorizon: 100\n", "betas[1]: cosine(to=0.2)\nhorizon: 100\n"),
    ("beta_1: cosine(to=0.2)\nhorizon: 100\n", "betas[0]: cosine(to=0.2)\nhorizon: 100\n"),
    ("adam_beta1: cosine(to=0.2)\nhorizon: 100\n", "betas[0]: cosine(to=0.2)\nhorizon: 100\n"),
    ("mom: cosine(to=0.2)\nhorizon: 100\n", "momentum: cosine(to=0.2)\nhorizon: 100\n"),
    ("momentun: cosine(to=0.2)\nhorizon: 100\n", "momentum: cosine(to=0.2)\nhorizon: 100\n"),
    ("Momentum: cosine(to=0.2)\nhorizon: 100\n", "momentum: cosine(to=0.2)\nhorizon: 100\n"),
    ("epsilon: cosine(to=0.2)\nhorizon: 100\n", "eps: cosine(to=0.2)\nhorizon: 100\n"),
    (
        "group: {head: {lr: constant(0.1)}}\nlr: cosine(to=0.2)\nhorizon: 100\n",
        "groups: {head: {lr: constant(0.1)}}\nlr: cosine(to=0.2)\nhorizon: 100\n",
    ),
    (
        "param_groups: {head: {lr: constant(0.1)}}\nlr: cosine(to=0.2)\nhorizon: 100\n",
        "groups: {head: {lr: constant(0.1)}}\nlr: cosine(to=0.2)\nhorizon: 100\n",
    ),
    ("target: {t: {initial: 1.0, schedule: cosine()}}\n", "targets: {t: {initial: 1.0, schedule: cosine()}}\n"),
    ("clok: tokens\nlr: cosine(to=0.2)\nhorizon: 100\n", "clock: tokens\nlr: cosine(to=0.2)\nhorizon: 100\n"),
    ("clock: token\nlr: cosine(to=0.2)\nhorizon: 100\n", "clock: tokens\nlr: cosine(to=0.2)\nhorizon: 100\n"),
    ("clock: steps\nlr: cosine(to=0.2)\nhorizon: 100\n", "clock: updates\nlr: cosine(to=0.2)\nhorizon: 100\n"),
    ("lr @ kind=muon: linear()\nhorizon: 100\n", "groups:\n  kind=muon:\n    lr: linear()\nhorizon: 100\n"),
    (
        "lr: cosine(to=0.2)\nlr @ head: linear(to=0.3)\nhorizon: 100\n",
        "lr: cosine(to=0.2)\ngroups:\n  head:\n    lr: linear(to=0.3)\nhorizon: 100\n",
    ),
    ("lr@head: linear(to=0.3)\nhorizon: 100\n", "groups: {head: {lr: linear(to=0.3)}}\nhorizon: 100\n"),
    ('"kind=muon": {lr: linear()}\nhorizon: 100\n', 'groups: {"kind=muon": {lr: linear()}}\nhorizon: 100\n'),
    ("head: {lr: linear()}\nhorizon: 100\n", "groups: {head: {lr: linear()}}\nhorizon: 100\n"),
    ('lr: {"kind=muon": linear()}\nhorizon: 100\n', 'groups: {"kind=muon": {lr: linear()}}\nhorizon: 100\n'),
    ("groups: [{name: head, lr: linear()}]\nhorizon: 100\n", "groups: {head: {lr: linear()}}\nhorizon: 100\n"),
    ("groups: {head: linear()}\nhorizon: 100\n", "groups: {head: {lr: linear()}}\nhorizon: 100\n"),
    ("groups: {head: cosine()}\nhorizon: 100\n", "groups: {head: {lr: cosine()}}\nhorizon: 100\n"),
    ("groups: {head: {LR: linear()}}\nhorizon: 100\n", "groups: {head: {lr: linear()}}\nhorizon: 100\n"),
    ("lr[head]: linear()\nhorizon: 100\n", "groups: {head: {lr: linear()}}\nhorizon: 100\n"),
    ("lr/head: linear()\nhorizon: 100\n", "groups: {head: {lr: linear()}}\nhorizon: 100\n"),
    ("head.lr: linear()\nhorizon: 100\n", "groups: {head: {lr: linear()}}\nhorizon: 100\n"),
    ("lr.head: linear()\nhorizon: 100\n", "groups: {head: {lr: linear()}}\nhorizon: 100\n"),
    ("lr(head): linear()\nhorizon: 100\n", "groups: {head: {lr: linear()}}\nhorizon: 100\n"),
    ("lr:cosine(to=0.2)\n", "lr: cosine(to=0.2)\n"),
    ("lr = cosine(to=0.2)\n", "lr: cosine(to=0.2)\n"),
    ("lr cosine(to=0.2)\n", "lr: cosine(to=0.2)\n"),
    ("cosine(to=0.2)\n", "lr: cosine(to=0.2)\n"),
    ("lr: cosine\nhorizon: 100\n", "lr: cosine()\nhorizon: 100\n"),
    ("lr: cosin(to=0.2)\nhorizon: 100\n", "lr: cosine(to=0.2)\nhorizon: 100\n"),
    ("lr: ps.cosine(to=0.2)\nhorizon: 100\n", "lr: cosine(to=0.2)\nhorizon: 100\n"),
    ("lr: {cosin: {to: 0.2}}\nhorizon: 100\n", "lr: {cosine: {to: 0.2}}\nhorizon: 100\n"),
    ("lr: {cosine: {strat: 0.2}}\nhorizon: 100\n", "lr: {cosine: {start: 0.2}}\nhorizon: 100\n"),
    ("lr: {cosine: {T_max: 50}}\nhorizon: 100\n", "lr: {cosine: {over: 50}}\nhorizon: 100\n"),
    (
        "lr: {cosine: {T_max: 50, eta_min: 0.2}}\nhorizon: 100\n",
        "lr: {cosine: {over: 50, to: {absolute: 0.2}}}\nhorizon: 100\n",
    ),
    ("lr: {type: cosine, to: 0.2}\nhorizon: 100\n", "lr: {cosine: {to: 0.2}}\nhorizon: 100\n"),
    ("lr: {name: cosine, to: 0.2}\nhorizon: 100\n", "lr: {cosine: {to: 0.2}}\nhorizon: 100\n"),
    ("lr: {type: StepLR, step_size: 30, gamma: 0.5}\nhorizon: 100\n", "lr: step(30, gamma=0.5)\nhorizon: 100\n"),
    ("lr: {StepLR: {step_size: 30, gamma: 0.5}}\nhorizon: 100\n", "lr: step(30, gamma=0.5)\nhorizon: 100\n"),
    ("lr: {warmup: 10, cosine: {to: 0.2}}\nhorizon: 100\n", "lr: [{warmup: 10}, {cosine: {to: 0.2}}]\nhorizon: 100\n"),
    ("lr: {cosine: {to: '0.2'}}\nhorizon: 100\n", "lr: {cosine: {to: 0.2}}\nhorizon: 100\n"),
    ("lr: {cosine: {over: 10ep}}\nhorizon: 100 epochs\n", "lr: {cosine: {over: 10 epochs}}\nhorizon: 100 epochs\n"),
    ("lr: {cosine: {over: 0.5}}\nhorizon: 100\n", "lr: {cosine: {over: 50%}}\nhorizon: 100\n"),
    ("lr: {multistep: {milestones: 30}}\nhorizon: 100\n", "lr: {multistep: {milestones: [30]}}\nhorizon: 100\n"),
    ("lr: {anneal: {curve: cosin}}\nhorizon: 100\n", "lr: {anneal: {curve: cosine}}\nhorizon: 100\n"),
    ("lr: {anneal: {curve: {powr: 3}}}\nhorizon: 100\n", "lr: {anneal: {curve: {power: 3}}}\nhorizon: 100\n"),
    (
        "lr: {seq: ['warmup(10)', 'cosine()']}\nhorizon: 100\n",
        "lr: {sequence: ['warmup(10)', 'cosine()']}\nhorizon: 100\n",
    ),
    ("lr: [warmup(10), cosine]\nhorizon: 100\n", "lr: [warmup(10), cosine()]\nhorizon: 100\n"),
    (
        "targets: {t: {intial: 1.0, schedule: cosine()}}\nhorizon: 100\n",
        "targets: {t: {initial: 1.0, schedule: cosine()}}\nhorizon: 100\n",
    ),
]
"""YAML files with a mistake, and the intended files."""

PYTHON = [
    ('ps.Plan(lr="cosine()", total=100)', 'ps.Plan(lr="cosine()", horizon=100)'),
    ('ps.Plan(lr="cosine()", max_steps=100)', 'ps.Plan(lr="cosine()", horizon=100)'),
    ('ps.Plan(lr="cosine()", epochs=20)', 'ps.Plan(lr="cosine()", horizon="20 epochs")'),
    ('ps.Plan(lr="cosine()", num_epochs=20)', 'ps.Plan(lr="cosine()", horizon="20 epochs")'),
    ('ps.Plan(lr="cosine()", horizn=100)', 'ps.Plan(lr="cosine()", horizon=100)'),
    ('ps.Plan(LR="cosine()", horizon=100)', 'ps.Plan(lr="cosine()", horizon=100)'),
    ('ps.Plan(lr="cosine()", warmup_steps=10, horizon=100)', 'ps.Plan(lr="warmup(10) >> cosine()", horizon=100)'),
    ('ps.Plan("cosine()", horizon=100)', 'ps.Plan(lr="cosine()", horizon=100)'),
    ('ps.Plan({"lr": "cosine()"}, horizon=100)', 'ps.Plan(lr="cosine()", horizon=100)'),
    (
        'ps.Plan(groups={"head": {"lr": "linear()"}}, horizon=100)',
        'ps.Plan(ps.Binding("lr", "linear()", groups="head"), horizon=100)',
    ),
    ('ps.Binding("lr", "cosine()", group="head")', 'ps.Binding("lr", "cosine()", groups="head")'),
    ('ps.Binding(name="lr", schedule="cosine()")', 'ps.Binding("lr", "cosine()")'),
    ('ps.Target("temperature", value=2.0)', 'ps.Target("temperature", 2.0)'),
    ("ps.Calendar(max_steps=100)", "ps.Calendar(total=100)"),
    ("ps.Calendar(epochs=10)", 'ps.Calendar(total="10 epochs", steps_per_epoch=100)'),
    ("ps.Calendar(max_epochs=10, steps_per_epoch=7)", 'ps.Calendar(total="10 epochs", steps_per_epoch=7)'),
    ("ps.Calendar(100)", "ps.Calendar(total=100)"),
    ("ps.Calendar(steps_per_epoch='10')", "ps.Calendar(steps_per_epoch=10)"),
    ("ps.Calendar(bs=32)", "ps.Calendar(batch_size=32)"),
    ("ps.resolve(ps.cosine(), total=100)", "ps.resolve(ps.cosine(), ps.Calendar(total=100))"),
    ("ps.resolve(ps.cosine(), max_steps=100)", "ps.resolve(ps.cosine(), ps.Calendar(total=100))"),
    ("ps.cosine(T_max=50, eta_min=0.2)", "ps.cosine(over=50, to=ps.absolute(0.2))"),
    ("ps.cosine(warmup_steps=10, to=0.2)", "ps.warmup(10) >> ps.cosine(to=0.2)"),
    ("ps.cosine(epochs=5)", 'ps.cosine(over="5 epochs")'),
    ("ps.step(step_size=30, gamma=0.5)", "ps.step(30, 0.5)"),
    ("ps.warmup(0.05)", 'ps.warmup("5%")'),
    ('ps.warmup("5 epoks")', 'ps.warmup("5 epochs")'),
    ("ps.multistep(20, 70)", "ps.multistep([20, 70])"),
    ("ps.multistep([0.3, 0.6])", 'ps.multistep(["30%", "60%"])'),
    ("ps.clamp(ps.cosine(), min=0.1)", "ps.clamp(ps.cosine(), low=0.1)"),
    ('ps.anneal(curve="power(3)", over=10)', "ps.anneal(curve=ps.curves.power(3), over=10)"),
    ('ps.Plan(lr="cosine()", total_steps=300)', 'ps.Plan(lr="cosine()", horizon=300)'),
    ("ps.Plan(lr=ps.cosine(to=0.1), num_train_epochs=3)", 'ps.Plan(lr="cosine(to=0.1)", horizon="3 epochs")'),
    ('ps.Plan(lr="cosine()", max_iters=300)', 'ps.Plan(lr="cosine()", horizon=300)'),
    ('ps.Plan(lr="cosine()", length=300)', 'ps.Plan(lr="cosine()", horizon=300)'),
    ('ps.Plan(lr="cosine()", duration="3 epochs")', 'ps.Plan(lr="cosine()", horizon="3 epochs")'),
    ('ps.Plan(lr="cosine()", steps=300)', 'ps.Plan(lr="cosine()", horizon=300)'),
    ('ps.Plan(lr="cosine()", T_max=300)', 'ps.Plan(lr="cosine()", horizon=300)'),
    ('ps.Plan(lr="cosine()", Horizon=300)', 'ps.Plan(lr="cosine()", horizon=300)'),
    ('ps.Plan(lr="cosine()", tokens=3e9)', 'ps.Plan(lr="cosine()", horizon="3e9 tokens")'),
    ('ps.Plan(lr="cosine()", warmup=15, horizon=300)', 'ps.Plan(lr="warmup(15) >> cosine()", horizon=300)'),
    ('ps.Plan(lr="cosine()", warmup_steps=15, max_steps=300)', 'ps.Plan(lr="warmup(15) >> cosine()", horizon=300)'),
    ("ps.Plan(LR=ps.cosine(), weight_decay=1)", "ps.Plan(lr=ps.cosine(), weight_decay=1)"),
    ("ps.Plan(ps.cosine(to=0.3), horizon=300)", 'ps.Plan(lr="cosine(to=0.3)", horizon=300)'),
    ('ps.Plan("lr", "cosine()", horizon=300)', 'ps.Plan(lr="cosine()", horizon=300)'),
    (
        'ps.Plan([ps.Binding("lr","cosine(to=0.3)")], horizon=300)',
        'ps.Plan(ps.Binding("lr","cosine(to=0.3)"), horizon=300)',
    ),
    ('ps.Plan(("lr","cosine(to=0.3)"), horizon=300)', 'ps.Plan(lr="cosine(to=0.3)", horizon=300)'),
    (
        'ps.Plan({"lr": "cosine(to=0.3)", "weight_decay": 1}, horizon=300)',
        'ps.Plan(lr="cosine(to=0.3)", weight_decay=1, horizon=300)',
    ),
    ('ps.Plan(lr="cosin(to=0.3)", horizon=300)', 'ps.Plan(lr="cosine(to=0.3)", horizon=300)'),
    ('ps.Plan(lr="cosine", horizon=300)', 'ps.Plan(lr="cosine()", horizon=300)'),
    ('ps.Plan(lr="cosine()", horizon="3 epochz")', 'ps.Plan(lr="cosine()", horizon="3 epochs")'),
    ('ps.Plan(lr="cosine()", horizon=-300)', 'ps.Plan(lr="cosine()", horizon=300)'),
    ('ps.Plan(lr="cosine()", horizon="300")', 'ps.Plan(lr="cosine()", horizon=300)'),
    ('ps.Plan(lr="cosine()", clock="token")', 'ps.Plan(lr="cosine()", clock="tokens")'),
    (
        'ps.Plan(lr="cosine()", groups={"head": {"lr": "linear(1, 0.3)"}}, horizon=300)',
        'ps.Plan(ps.Binding("lr","linear(1, 0.3)",groups="head"), lr="cosine()", horizon=300)',
    ),
    ('ps.Binding("lr", "cosine()", group="neck")', 'ps.Binding("lr","cosine()",groups="neck")'),
    ('ps.Binding("lr", schedule="cosine()", param_group="neck")', 'ps.Binding("lr","cosine()",groups="neck")'),
    ('ps.Binding("lr", "cosine()", selector="neck")', 'ps.Binding("lr","cosine()",groups="neck")'),
    ('ps.Binding(lr="cosine()")', 'ps.Binding("lr","cosine()")'),
    ('ps.Binding(lr="cosine()", groups="neck")', 'ps.Binding("lr","cosine()",groups="neck")'),
    ('ps.Binding("lr", "cosin()")', 'ps.Binding("lr","cosine()")'),
    ('ps.Binding(field="lr", line="cosine(to=0.3)")', 'ps.Binding("lr","cosine(to=0.3)")'),
    ('ps.Target("ema", init=0.9)', 'ps.Target("ema", 0.9)'),
    ('ps.Target("ema", start=0.9)', 'ps.Target("ema", 0.9)'),
    ('ps.Target("ema", "0.9")', 'ps.Target("ema", 0.9)'),
    ("ps.Calendar(total_steps=300)", "ps.Calendar(total=300)"),
    ("ps.Calendar(horizon=300)", "ps.Calendar(total=300)"),
    ("ps.Calendar(total=300, bs=16)", "ps.Calendar(total=300, batch_size=16)"),
    ("ps.Calendar(total=300, batchsize=16)", "ps.Calendar(total=300, batch_size=16)"),
    ("ps.Calendar(epochs=4, steps_per_epoch=25)", 'ps.Calendar(total="4 epochs", steps_per_epoch=25)'),
    ("ps.Calendar(num_epochs=4, batches_per_epoch=25)", 'ps.Calendar(total="4 epochs", batches_per_epoch=25)'),
    ("ps.Calendar(iters_per_epoch=25)", "ps.Calendar(steps_per_epoch=25)"),
    ("ps.Calendar(steps_per_epochs=25)", "ps.Calendar(steps_per_epoch=25)"),
    ('ps.Calendar(steps_per_epoch="25")', "ps.Calendar(steps_per_epoch=25)"),
    ("ps.Calendar(grad_accum=4, batches_per_epoch=100)", "ps.Calendar(accumulation=4, batches_per_epoch=100)"),
    (
        "ps.Calendar(gradient_accumulation=4, batches_per_epoch=100)",
        "ps.Calendar(accumulation=4, batches_per_epoch=100)",
    ),
    ("ps.Calendar(seq_len=512, batch_size=4)", "ps.Calendar(sequence_length=512, batch_size=4)"),
    ("ps.Calendar(300)", "ps.Calendar(total=300)"),
    ('ps.resolve("cosine()", total=300)', 'ps.resolve(ps.parse("cosine()"), ps.Calendar(total=300))'),
    ("ps.resolve(ps.cosine(to=0.3), 300)", "ps.resolve(ps.cosine(to=0.3), ps.Calendar(total=300))"),
    (
        'ps.resolve(ps.warmup("5%") >> ps.cosine(), horizon=300)',
        'ps.resolve(ps.warmup("5%") >> ps.cosine(), ps.Calendar(total=300))',
    ),
    (
        'ps.resolve(ps.cosine(over="2 epochs"), steps_per_epoch=25)',
        'ps.resolve(ps.cosine(over="2 epochs"), ps.Calendar(steps_per_epoch=25))',
    ),
    ("ps.cosine(max_steps=80)", "ps.cosine(over=80)"),
    ("ps.cosine(T_max=80, eta_min=0.3)", "ps.cosine(over=80,to=ps.absolute(0.3))"),
    ("ps.cosine(end_factor=0.3)", "ps.cosine(to=0.3)"),
    ("ps.cosine(to=0.3, num_warmup_steps=15)", "ps.warmup(15) >> ps.cosine(to=0.3)"),
    ("ps.cosine(to=0.3, epochs=15)", 'ps.cosine(to=0.3, over="15 epochs")'),
    ("ps.cosine(to=0.3, total=15)", "ps.cosine(to=0.3, over=15)"),
    ('ps.cosine(to="10%")', "ps.cosine(to=0.1)"),
    ('ps.cosine(to="0.3")', "ps.cosine(to=0.3)"),
    ('ps.cosine(over="15 epoks")', 'ps.cosine(over="15 epochs")'),
    ('ps.cosine(over="15")', "ps.cosine(over=15)"),
    ("ps.cosine(over=0.3)", 'ps.cosine(over="30%")'),
    ("ps.linear(start_factor=0.3, end_factor=1.0, total_iters=15)", "ps.linear(0.3, 1.0, over=15)"),
    ("ps.linear(start=0.3, end_factor=0.9)", "ps.linear(0.3, 0.9, 5)"),
    ("ps.linear(init=0.3)", "ps.linear(start=0.3)"),
    ("ps.warmup(steps=15)", "ps.warmup(15)"),
    ("ps.warmup(epochs=15)", 'ps.warmup("15 epochs")'),
    ("ps.warmup(ratio=0.05)", 'ps.warmup("5%")'),
    ("ps.warmup(warmup_ratio=0.05)", 'ps.warmup("5%")'),
    ("ps.warmup(num_warmup_steps=15)", "ps.warmup(15)"),
    ('ps.warmup("15")', "ps.warmup(15)"),
    ('ps.warmup("5 %%")', 'ps.warmup("5%")'),
    ("ps.step(step_size=25, gamma=0.3)", "ps.step(25, 0.3)"),
    ("ps.step(size=25, gamma=0.3)", "ps.step(25, 0.3)"),
    ("ps.step(25, factor=0.3)", "ps.step(25, 0.3)"),
    ('ps.step(25, gamma="0.3")', "ps.step(25, 0.3)"),
    ("ps.multistep(25, 45, gamma=0.3)", "ps.multistep([25, 45], 0.3)"),
    ("ps.multistep(25)", "ps.multistep([25])"),
    ('ps.multistep("25, 45")', "ps.multistep([25, 45])"),
    ("ps.exponential(decay_rate=0.7)", "ps.exponential(0.7)"),
    ("ps.exponential(gama=0.7)", "ps.exponential(0.7)"),
    ("ps.exponential(rate=0.7)", "ps.exponential(0.7)"),
    ("ps.polynomial(degree=3)", "ps.polynomial(3)"),
    ("ps.cosine_restarts(T_0=15, T_mult=2)", "ps.cosine_restarts(15, mult=2)"),
    ("ps.cosine_restarts(period=15)", "ps.cosine_restarts(15)"),
    ("ps.wsd(warmup_steps=15, decay_steps=20)", "ps.wsd(15, 20)"),
    ("ps.wsd(0.05, 0.2)", 'ps.wsd("5%", "20%")'),
    ("ps.one_cycle(pct_start=0.25)", 'ps.one_cycle("25%")'),
    ('ps.plateau(monitor="val_loss")', 'ps.plateau("val_loss")'),
    ("ps.clamp(ps.cosine(), lower=0.3)", "ps.clamp(ps.cosine(), low=0.3)"),
    ("ps.every(ps.cosine(), epochs=1)", 'ps.every(ps.cosine(), "1 epoch")'),
    ('ps.anneal(curve="rexx")', "ps.anneal(curve=ps.curves.rex)"),
    ("ps.anneal(curve=ps.cosine())", "ps.anneal(curve=ps.curves.cosine)"),
    ("ps.anneal(ps.curves.rex)", "ps.anneal(curve=ps.curves.rex)"),
    ("ps.warmup(15) | ps.cosine(to=0.3)", "ps.warmup(15) >> ps.cosine(to=0.3)"),
    ("ps.warmup(15) & ps.cosine(to=0.3)", "ps.warmup(15) >> ps.cosine(to=0.3)"),
    ('ps.loads("lr: cosine()", formt="yaml")', 'ps.loads("lr: cosine()", format="yaml")'),
    ('ps.loads("lr: cosine()", format="yml")', 'ps.loads("lr: cosine()", format="yaml")'),
    ("ps.constant(factor=0.3)", "ps.constant(0.3, 5) >> ps.constant()"),
    ("ps.inverse_sqrt(warmup_steps=100)", "ps.warmup(100) >> ps.inverse_sqrt(100)"),
    ('ps.absolute("1e-5")', "ps.absolute(1e-5)"),
]
"""Calls with a mistake, and the intended calls."""

COMMANDS = [
    ("show plan.yaml --unit epoch", "--unit epochs"),
    ("show plan.yaml --unit iterations", "--unit updates"),
    ("show plan.yaml --unit=sec", "--unit seconds"),
    ("show plan.yaml --base-lr 0.3", "--base lr=0.3"),
    ("show plan.yaml --tol 1e-3", "--tolerance 1e-3"),
    ("check plan.yaml --ckpt x.pt", "--checkpoint x.pt"),
    ("change plan.yaml --at 50 --factor lr=0.5", "--scale lr=0.5"),
    ("show open.yaml --max-steps 100", "--horizon 100"),
    ("show open.yaml --epochs 10", '--horizon "10 epochs"'),
    ("show epochs.yaml --steps_per_epoch 10", "--steps-per-epoch 10"),
    ("show epochs.yaml --gradient-accumulation-steps 4", "--accumulation 4"),
    ("show open.yaml --horizon 100K", '--horizon "100K steps"'),
    ("show open.yaml --horizon 50%", "--horizon 10000"),
    ("show plan.yaml --lr 0.1", "--base lr=0.1"),
    ("show plan.txt", "--format yaml"),
    ("show recipe:llama", "recipe:llama1-65b"),
    ("show llama1-7b", "recipe:llama1-7b"),
    ("show plan.yaml -o out", "--output out.svg"),
    ("show plan.yaml --out out.svg", "--output out.svg"),
    ("convert plan.yaml --format toml", "--to toml"),
    ("convert plan.yaml --to torch", "--to yaml"),
    ('change plan.yaml --at 50 "horizon=200"', "--horizon 200"),
]
"""Commands with a mistake, and the suggested fix."""


def calls_in(text):
    """Yield the start and end of each call in a line; an unclosed call ends with the line."""
    for found in re.finditer(r"[\w.-]+\(", text):
        depth = 0
        for place in range(found.end() - 1, len(text)):
            depth += (text[place] in "([{") - (text[place] in ")]}")
            if depth == 0:
                break
        yield found.start(), place + 1


def pasted_lines(text, refusal):
    """Yield the line with the fix pasted at each plausible position."""
    begin, end = refusal.span or (0, len(text))
    if found := re.match(r"Write (.*)", refusal.instead, re.DOTALL):
        advice = found[1]
        yield advice
        yield text[:begin] + advice + text[end:]
        for first, last in calls_in(text):
            if first <= begin and end <= last:
                yield text[:first] + advice + text[last:]
    if refusal.replace:
        wrong, right = refusal.replace
        yield text[:begin] + text[begin:end].replace(wrong, right, 1) + text[end:]


def accepted(lines, read):
    """Yield the results of `read` for the lines that it accepts."""
    for line in lines:
        try:
            yield read(line)
        except (InvalidArgument, ConfigError):
            continue


@pytest.mark.heavy
@table(("wrong", "meant"), LINES)
def test_pasting_the_fix_gives_the_intended_line(wrong, meant):
    with pytest.raises(InvalidArgument) as refusal:
        ps.parse(wrong)

    assert "…" not in refusal.value.instead
    assert ps.parse(meant) in list(accepted(pasted_lines(wrong, refusal.value), ps.parse))


@table("wrong", OPEN_LINES)
def test_the_fix_suggested_for_a_line_is_accepted(wrong):
    run = ps.Calendar(total=10_000, batch_size=4, sequence_length=64, steps_per_epoch=20, seconds_per_step=1.0)
    with pytest.raises(InvalidArgument) as refusal:
        ps.resolve(ps.parse(wrong), run)

    assert "…" not in refusal.value.instead
    if refusal.value.instead.startswith("Write "):
        assert list(accepted(pasted_lines(wrong, refusal.value), ps.parse))


@table("compare", [lambda a, b: a > b, lambda a, b: a >= b, lambda a, b: max(b, a)])
def test_two_schedules_that_are_compared_get_both_readings(compare):
    with pytest.raises(InvalidArgument) as refusal:
        compare(ps.warmup(15), ps.cosine(to=0.3))

    assert "ps.warmup(15) >> ps.cosine(to=0.3)" in refusal.value.instead
    assert "ps.maximum(ps.cosine(to=0.3), ps.warmup(15))" in refusal.value.instead


@table(("wrong", "near"), UNCERTAIN_LINES)
def test_a_line_with_an_uncertain_name_gets_a_question_or_an_example(wrong, near):
    with pytest.raises(InvalidArgument) as refusal:
        ps.parse(wrong)

    assert "Write" not in str(refusal.value)
    assert refusal.value.replace is None
    if near is not None:
        assert f'did you mean "{near}"?' in str(refusal.value)
    if refusal.value.instead:
        ps.parse(refusal.value.instead.removeprefix("For example: "))


SLIPS = {
    "a letter twice": lambda name, rest: name[:2] + name[1] + name[2:] + rest,
    "a letter left out": lambda name, rest: name[:2] + name[3:] + rest,
    "capitals": lambda name, rest: name.upper() + rest,
    "the module": lambda name, rest: f"ps.{name}{rest}",
    "another module": lambda name, rest: f"paramsched.core.schedules.{name}{rest}",
    "the bracket": lambda name, rest: name + rest[:-1],
    "a bracket too many": lambda name, rest: f"{name}{rest})",
    "the arrow": lambda name, rest: f"warmup(7) -> {name}{rest}",
    "a comma": lambda name, rest: f"warmup(7), {name}{rest}",
    "no separator": lambda name, rest: f"warmup(7) {name}{rest}",
    "an arrow twice": lambda name, rest: f"warmup(7) >> >> {name}{rest}",
}
EXAMPLES = {"cosine": "(to=0.3, over=60)", "step": "(30, gamma=0.4)", "polynomial": "(2.5, over=60)",
            "exponential": "(0.7, per=13)", "cosine_restarts": "(17, mult=3)", "multistep": "([21, 71], gamma=0.3)",
            "inverse_sqrt": "(37)", "wsd": "(7, 23)", "geometric": "(0.9, 0.2, over=60)"}  # fmt: skip


SHORT = ("wsd", "a letter left out")  # two letters are no slip of a name


@table(("name", "slip"), [one for one in itertools.product(EXAMPLES, SLIPS) if one != SHORT])
def test_pasting_the_fix_corrects_a_generated_mistake(name, slip):
    assert name in SHAPES
    wrong = SLIPS[slip](name, EXAMPLES[name])
    meant = ("warmup(7) >> " if wrong.startswith("warmup") else "") + name + EXAMPLES[name]
    with pytest.raises(InvalidArgument) as refusal:
        ps.parse(wrong)

    assert ps.parse(meant) in list(accepted(pasted_lines(wrong, refusal.value), ps.parse))


def problems_of(text):
    """Return the errors and warnings of a file with their locations."""
    try:
        plan = ps.loads(text)
    except ConfigError as error:
        return error.diagnostics
    return PlanText("", text, "yaml").placed(one for one in check(plan) if one.severity != "info")


def pasted_files(text, fault):
    """Yield the file with the fix pasted at each plausible position."""
    lines = text.splitlines()
    number, column = (fault.line or 1) - 1, (fault.column or 1) - 1
    row = lines[number] if number < len(lines) else ""

    def with_row(new):
        return "\n".join([*lines[:number], new, *lines[number + 1 :]]) + "\n"

    if fault.instead.startswith("Write "):
        advice = fault.instead.removeprefix("Write ")
        yield with_row(row[: len(row) - len(row.lstrip())] + advice)
        if key := re.match(r'\s*("[^"]*"|[^:]+):', row):
            yield with_row(f"{row[: key.end()]} {advice}")
        word = re.match(r'"[^"]*"|[^,:{}\[\]]+', row[column:])
        yield with_row(row[:column] + advice + row[column + (word.end() if word else 0) :])
        depth = 0
        for place in range(column, len(row) + 1):
            one = row[place : place + 1]
            depth += (one in "{[(") - (one in "}])") if one else 0
            if depth < 0 or (depth == 0 and one in ("", ",")):
                break
        yield with_row(row[:column] + advice + row[place:])
        if fault.span is not None:
            yield with_row(row[:column] + advice + row[column + fault.span[1] - fault.span[0] :])
        yield advice
    if fault.replace is not None and (place := row.find(fault.replace[0])) >= 0:
        yield with_row(row[:place] + fault.replace[1] + row[place + len(fault.replace[0]) :])


@table(("wrong", "meant"), FILES)
def test_pasting_the_fix_gives_the_intended_file(wrong, meant):
    found = problems_of(wrong)
    plans = [plan for fault in found for plan in accepted(pasted_files(wrong, fault), ps.loads)]

    assert found
    assert not any("…" in fault.instead for fault in found)
    assert ps.loads(meant) in plans


@table(
    ("syntax", "text", "line"),
    [
        ("yaml", "epochs: 20\nlr: cosine()\n", "horizon: 20 epochs"),
        ("json", '{"epochs": 20, "lr": "cosine()"}', '"horizon": "20 epochs"'),
        ("toml", 'epochs = 20\nlr = "cosine()"\n', 'horizon = "20 epochs"'),
        ("json", '{"lr": {"name": "cosine", "to": 0.2}}', '"lr": "cosine(to=0.2)"'),
        ("json", '{"groups": {"head": "linear()"}}', '"head": {"lr": "linear()"}'),
        ("yaml", "lr:\n  warmup: 15\n  cosine: {to: 0.2}\n", "lr: warmup(15) >> cosine(to=0.2)"),
        ("toml", '"lr @ head" = "linear()"\n', 'groups = {"head" = {"lr" = "linear()"}}'),
    ],
)
def test_the_fix_for_an_entry_has_the_syntax_of_the_file(syntax, text, line):
    with pytest.raises(ConfigError) as refusal:
        config.loads(text, format=syntax)

    assert refusal.value.diagnostics[0].instead == f"Write {line}"


@table("name", ["LR", "schedule", "max_momentum_decay_rate", "seed"])
def test_check_warns_about_a_field_that_no_optimizer_has(name):
    found = problems_of(f"{name}: cosine(to=0.1)\nhorizon: 100\n")

    assert any(name in fault.found for fault in found)


def evaluated(code):
    """Evaluate a call with the names of a typical script."""
    names = {name: getattr(ps, name) for name in ps.__all__ if name != "Scheduler"}
    return eval(code, {**names, "ps": ps})


@table(("wrong", "meant"), PYTHON)
def test_pasting_the_fix_gives_the_intended_call(wrong, meant):
    with pytest.raises(InvalidArgument) as refusal:
        evaluated(wrong)
    advice = refusal.value.instead.removeprefix("Write ").removeprefix("For example: ")
    pasted = [advice, *(wrong[:first] + advice + wrong[last:] for first, last in calls_in(wrong))]
    pasted += [wrong.replace(one, advice, 1) for one in re.findall(r'\w+=(?:"[^"]*"|[\w.-]+)|"[^"]*"|(?<= )\d+', wrong)]
    pasted += [wrong.replace(one, f'"{advice}"', 1) for one in re.findall(r'"[^"]*"', wrong)]
    if refusal.value.replace is not None:
        pasted += [wrong.replace(*refusal.value.replace, 1)]
    pasted += [re.sub(r"curve=[^,()]*(\([^()]*\)\")?", f"curve={advice}", wrong)]
    values = []
    for code in pasted:
        try:
            values.append(evaluated(code))
        except (SyntaxError, TypeError, ValueError, NameError):
            continue

    assert "…" not in refusal.value.instead
    assert evaluated(meant) in values


@table("wrong", ["max_steps=100", "total_steps=100", "epochs=10, steps_per_epoch=10", "horizon=100"])
def test_a_wrong_scheduler_keyword_is_rejected_with_the_right_call(wrong):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    plan = ps.Plan(lr="cosine()")
    with pytest.raises(InvalidArgument) as refusal:
        eval(f"ps.Scheduler(optimizer, plan, {wrong})", {"ps": ps, "optimizer": optimizer, "plan": plan})

    eval(refusal.value.instead.removeprefix("Write "), {"ps": ps, "optimizer": optimizer, "plan": plan})
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_the_nearest_group_is_suggested_for_an_unknown_group():
    parameters = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    optimizer = torch.optim.SGD(
        [{"params": [one], "kind": kind} for one, kind in zip(parameters, ("muon", "adam"), strict=True)], lr=0.1
    )

    with pytest.raises(ps.errors.UnknownGroup, match='Write "kind=muon"'):
        ps.Scheduler(optimizer, ps.Plan(ps.Binding("lr", "cosine()", groups="kind=moun"), horizon=10))


def test_an_unknown_group_in_a_file_is_reported_with_its_line(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text("horizon: 10\ngroups:\n  haed:\n    lr: linear()\n")
    optimizer = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))], "name": "head"}], lr=0.1)

    with pytest.raises(ps.errors.UnknownGroup) as refusal:
        ps.Scheduler(optimizer, file)

    assert f"{file}:3:3" in str(refusal.value)
    assert refusal.value.instead == 'Write "head"'


def test_a_horizon_shorter_than_an_epoch_is_a_warning():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)

    with pytest.warns(UserWarning, match='write horizon="20 epochs"'):
        ps.Scheduler(optimizer, ps.Plan(lr="cosine()", horizon=20), steps_per_epoch=100)


def test_a_figure_accepts_a_plan_and_rejects_values_without_curves():
    assert "<svg" in ps.show.figure(ps.Plan(lr="cosine()", horizon=10))._repr_svg_()
    with pytest.raises(InvalidArgument, match="expected a plan, got int"):
        ps.show.figure(3)


@pytest.fixture
def plans(tmp_path, monkeypatch):
    """Write plans to the current folder."""
    (tmp_path / "plan.yaml").write_text("horizon: 100\nlr: warmup(10) >> cosine(to=0.2)\n")
    (tmp_path / "plan.txt").write_text("horizon: 100\nlr: cosine()\n")
    (tmp_path / "epochs.yaml").write_text("horizon: 20 epochs\nlr: warmup('5%') >> cosine(to=0.2)\n")
    (tmp_path / "open.yaml").write_text("lr: warmup(10) >> cosine(to=0.2)\n")
    monkeypatch.chdir(tmp_path)


@table(("line", "advice"), COMMANDS)
@pytest.mark.usefixtures("plans")
def test_the_advice_of_a_command_uses_its_own_options(line, advice):
    result = CliRunner().invoke(main, shlex.split(line))

    assert result.exit_code in (1, 2)
    assert f"Write {advice}" in result.output or f"For example: {advice}" in result.output


@pytest.mark.parametrize("option", ["--select x", "--verbose", "--search x"])
@pytest.mark.usefixtures("plans")
def test_advice_uses_only_options_of_the_command(option):
    result = CliRunner().invoke(main, ["show", "plan.yaml", *option.split()])

    assert "No such option" in result.output
    assert "Write" not in result.output


def test_the_command_without_arguments_prints_its_help():
    result = CliRunner().invoke(main, [])

    assert result.exit_code == 0
    assert result.output.startswith("Usage:")
    assert "Error" not in result.output
