"""What is read from each form of an entry of a plan, or the errors with their places, advice and corrections."""

import json
import re

from paramsched.core import files as config
from paramsched.errors import ConfigError
from support.tables import table


def outcome(document: str) -> str:
    """Return the entries of a plan, or each error: its place, path, cause, advice, code and correction."""
    try:
        content = json.loads(config.loads(document, "yaml").text)
    except ConfigError as refusal:
        return " ;; ".join(
            f"{one.line}:{one.column} {one.path} {re.sub('expected one of .*', 'expected …', one.found)} | "
            f"{one.instead} | {one.code}"
            + (f" {document[one.edit.begin : one.edit.end]}>{one.edit.text}" if one.edit else "")
            for one in refusal.diagnostics
        )
    bindings = [
        f"{name}{'' if group is None else f' of {group}'}: {text}" for name, group, text in content.pop("bindings")
    ]
    return " ;; ".join(["=", *bindings, *(f"{key}={value}" for key, value in content.items() if value is not None)])


DOCUMENTS = [
    ('lr: 0.5',
     '1:5 $.lr 0.5: a number alone has two readings | Write absolute(0.5) for the value 0.5, or constant(0.5) '
     'for 0.5 × base | PS106'),
    ('lr: true', '1:5 $.lr expected a schedule, got true | For example: cosine(to=0.1) | PS105'),
    ('lr: null', '1:5 $.lr expected a schedule, got null | For example: cosine(to=0.1) | PS105'),
    ('lr: []', '1:5 $.lr expected a list of schedules, got [] | For example: [warmup(100), cosine()] | PS106'),
    ('lr: {}', '1:5 $.lr a schedule is a mapping of one name; found nothing | For example: cosine(to=0.1) | PS106'),
    ('lr: [cosine()]', '= ;; lr: cosine()'),
    ('lr: [warmup(5), cosine()]', '= ;; lr: warmup(5) >> cosine()'),
    ('lr: [[warmup(5), constant()], cosine()]', '= ;; lr: warmup(5) >> constant() >> cosine()'),
    ('lr: [warmup(5), true]', '1:17 $.lr[1] expected a schedule, got true | For example: cosine(to=0.1) | PS105'),
    ('lr: 1e400', '1:5 $.lr the number must be finite, got inf | For example: 1 | PS106'),
    ('lr: .inf', '1:5 $.lr the number must be finite, got inf | For example: 1 | PS106'),
    ('lr: .nan', '1:5 $.lr the number must be finite, got nan | For example: 1 | PS106'),
    ('lr: {cosine: }', '= ;; lr: cosine()'),
    ('lr: {cosine: 0.1}', '= ;; lr: cosine(0.1)'),
    ('lr: {cosine: [0.1, 5]}', '= ;; lr: cosine(0.1, 5.0)'),
    ('lr: {cosine: {to: 0.1}}', '= ;; lr: cosine(to=0.1)'),
    ('lr: {cosine: {to: x}}',
     '1:19 $.lr.to expected a level, got "x" | For example: cosine(to=0.1, over=100) | PS105'),
    ('lr: {cosine: {to: 0.1, x: 1}}',
     '1:24 $.lr.x unknown argument "x" of cosine; expected … | For example: cosine(to=0.1, over=100) | PS104'),
    ('lr: {cosine: [1, 2, 3, 4, 5]}',
     '1:5 $.lr cosine takes at most 4 values, start, to, over, index; found 5 | For example: cosine(to=0.1, '
     'over=100) | PS104 ;; 1:24 $.lr.index expected … | For example: cosine(to=0.1, over=100) | PS106'),
    ('lr: {cosin: 0.1}',
     '1:5 $.lr unknown schedule "cosin"; did you mean "cosine"? | Write lr: cosine(0.1) | PS102 cosin>cosine'),
    ('lr: {cosine: 0.1, linear: 2}',
     '1:5 $.lr a schedule is a mapping of one name; found cosine, linear | Write lr: cosine(0.1) >> linear(2) | '
     'PS106'),
    ('lr: {warmup: 10, cosine: {to: 0.2}}',
     '1:5 $.lr a schedule is a mapping of one name; found warmup, cosine | Write lr: warmup(10) >> '
     'cosine(to=0.2) | PS106'),
    ('lr: {type: StepLR, step_size: 30, gamma: 0.5}',
     '1:5 $.lr "StepLR" is a name of torch; use step | Write lr: step(30, 0.5) | PS102'),
    ('lr: {name: cosine, to: 0.1}',
     '1:5 $.lr a schedule is a mapping of one name; found name, to | Write lr: cosine(to=0.1) | PS106'),
    ('lr: {_target_: torch.optim.lr_scheduler.StepLR, step_size: 3}',
     '1:5 $.lr "torch.optim.lr_scheduler.StepLR" is a name of torch; use step | Write lr: step(3) | PS102'),
    ("lr: {kind: 'cosine(0.1)'}",
     '1:5 $.lr a schedule is a mapping of one name; found kind | Write lr: cosine(0.1) | PS106'),
    ('lr: {seq: [warmup(5), cosine()]}',
     '1:5 $.lr unknown schedule "seq"; did you mean "sequence"? | Write lr: warmup(5) >> cosine() | PS102 '
     'seq>sequence'),
    ('lr: {mul: [1, 2]}',
     '1:5 $.lr unknown schedule "mul"; did you mean "product"? | Write lr: constant(1) * constant(2) | PS102 '
     'mul>product'),
    ('lr: {absolute: 0.1}', '= ;; lr: constant(absolute(0.1))'),
    ('lr: {absolute: x}',
     '1:16 $.lr.absolute "x" at character 1: unknown schedule "x" | For example: warmup("5%") >> '
     'cosine(to=0.1) | PS102'),
    ('lr: {StepLR: {step_size: 3}}',
     '1:5 $.lr "StepLR" is a name of torch; use step | Write lr: step(3) | PS102'),
    ('lr: {step-lr: 3}',
     '1:5 $.lr "step-lr" is a name of torch; use step | For example: step(30, gamma=0.1) | PS102'),
    ('lr: {a: 1, b: 2}',
     '1:1 $.lr schedules for single groups are written under groups | Move it into groups: a: {lr: 1}, b: {lr: '
     '2} | PS103'),
    ('lr: {1: 2}',
     '1:1 $.lr schedules for single groups are written under groups | Move it into groups: "1": {lr: 2} | PS103'),
    ('lr: {product: [cosine(), plateau()]}', '= ;; lr: cosine() * plateau()'),
    ('lr: {product: [cosine(), 0.5]}', '= ;; lr: cosine() * constant(0.5)'),
    ('lr: {product: []}',
     '1:5 $.lr expected a list of schedules, got [] | For example: [warmup(100), cosine()] | PS106'),
    ('lr: {product: cosine()}',
     '1:5 $.lr expected a list of schedules, got "cosine()" | For example: [warmup(100), cosine()] | PS106'),
    ('lr: {product: [cosine(), plateu()]}',
     '1:26 $.lr[1] "plateu()" at character 1: unknown schedule "plateu"; did you mean "plateau"? | Write lr: '
     'cosine() * plateau() | PS102 plateu>plateau'),
    ("lr: {product: [plateau(), plateau('acc')]}", '= ;; lr: constant() * plateau() * plateau("acc")'),
    ('lr: {sum: [cosine(), 0.5]}', '= ;; lr: cosine() + constant(0.5)'),
    ('lr: {sum: [cosine(), plateau()]}',
     '1:22 $.lr[1] plateau() reacts to a metric; only the entire schedule of a field can do that | For example: '
     '{product: [cosine(), plateau()]} | PS106'),
    ('lr: {sequence: [warmup(5), cosine()]}', '= ;; lr: warmup(5) >> cosine()'),
    ('lr: {sequence: 5}',
     '1:5 $.lr expected a list of schedules, got 5 | For example: [warmup(100), cosine()] | PS106'),
    ('lr: {sequence: []}',
     '1:5 $.lr expected a list of schedules, got [] | For example: [warmup(100), cosine()] | PS106'),
    ('lr: [cosine(), plateau()]',
     '1:16 $.lr[1] plateau() reacts to a metric; only the entire schedule of a field can do that | For example: '
     '{product: [cosine(), plateau()]} | PS106'),
    ('lr: {product: [cosine()]}', '= ;; lr: cosine()'),
    ('lr: plateau()', '= ;; lr: constant() * plateau()'),
    ('lr: {power: [cosine(), 2]}', '= ;; lr: cosine() ** 2.0'),
    ('lr: {power: [cosine()]}',
     '1:5 $.lr expected a list of a schedule and a number, got ["cosine()"] | For example: {power: ["cosine()", '
     '2]} | PS106'),
    ('lr: {power: [cosine(), x]}',
     '1:24 $.lr[1] expected a number, got "x" | For example: {power: ["cosine()", 2]} | PS105'),
    ('lr: {power: cosine()}',
     '1:5 $.lr expected a list of a schedule and a number, got "cosine()" | For example: {power: ["cosine()", '
     '2]} | PS106'),
    ('lr: {quotient: [cosine(), 4]}', '= ;; lr: cosine() * constant(0.25)'),
    ('lr: {quotient: [cosine(), 0]}',
     '1:5 $.lr (cosine()) / 0: its reciprocal is not finite | Divide by a number other than 0 | PS106'),
    ('lr: {quotient: [cosin(), 4]}',
     '1:17 $.lr[0] "cosin()" at character 1: unknown schedule "cosin"; did you mean "cosine"? | Write lr: '
     'cosine() / 4 | PS102 cosin>cosine'),
    ('lr: {power: [cosine(), true]}',
     '1:24 $.lr[1] expected a number, got true | For example: {power: ["cosine()", 2]} | PS105'),
    ('lr: {power: [0.5, 2, 3]}',
     '1:5 $.lr expected a list of a schedule and a number, got [0.5, 2, 3] | For example: {power: ["cosine()", '
     '2]} | PS106'),
    ('lr: {cosine: {to: {absolute: 0.1}}}', '= ;; lr: cosine(to=absolute(0.1))'),
    ('lr: {cosine: {to: absolute(0.1)}}', '= ;; lr: cosine(to=absolute(0.1))'),
    ('lr: {cosine: {to: 0.5 + absolute(0.1)}}', '= ;; lr: cosine(to=0.5 + absolute(0.1))'),
    ('lr: {cosine: {to: {absolut: 0.1}}}',
     '1:19 $.lr.to unknown schedule "absolut"; did you mean "absolute"? | Write lr: cosine(to=absolute(0.1)) | '
     'PS102 absolut>absolute'),
    ('lr: {cosine: {to: {absolute: x}}}',
     '1:19 $.lr.to expected a schedule, got "x" | For example: absolute(linear(0.85, 0.95, over=10)) | PS105'),
    ('lr: {cosine: {to: true}}',
     '1:19 $.lr.to expected a level, got true | For example: cosine(to=0.1, over=100) | PS105'),
    ('lr: {cosine: {to: null}}',
     '1:19 $.lr.to expected a level, got null | For example: cosine(to=0.1, over=100) | PS105'),
    ('lr: {cosine: {to: 10%}}', '1:19 $.lr.to expected a level, got "10%" | Write lr: cosine(to=0.1) | PS105'),
    ('lr: {cosine: {to: [1]}}', '1:19 $.lr.to expected a level, got [1] | Write lr: cosine(to=1) | PS105'),
    ('lr: {cosine: {to: .inf}}', '1:19 $.lr.to the number must be finite, got inf | For example: 1 | PS106'),
    ('lr: [constant(0.5), {cosine: {to: next}}]',
     '1:35 $.lr[1].to expected a level, got "next" | Write lr: constant(0.5) >> cosine(to=following) | PS105 '
     'next>following'),
    ('lr: [constant(0.5), {linear: {start: prev, end: 0.1}}]',
     '1:44 $.lr[1].end unknown argument "end" of linear; a last level is "to", a length is "over"'
     ' | For example: linear(1.0, 0.5, over=10) | '
     'PS104 ;; 1:38 $.lr[1].start expected a level, got "prev" | For example: linear(1.0, 0.5, over=10) | PS105'),
    ('lr: [constant(0.5, over=3), {linear: {start: previous, end: 0.1}}]',
     '1:6  inside {} and [] a comma ends a text, and this call has one | Write "constant(0.5, over=3)" | PS101 '
     'constant(0.5, over=3)>"constant(0.5, over=3)"'),
    ('lr: {cosine: {to: last}}',
     '1:19 $.lr.to expected a level, got "last" | Write lr: cosine(to=previous) | PS105 last>previous'),
    ('lr: {cosine: {to: folowing}}',
     '1:19 $.lr.to expected a level, got "folowing" | Write lr: cosine(to=following) | PS105 folowing>following'),
    ('lr: {cosine: {to: {absolute: true}}}',
     '1:19 $.lr.to expected a schedule, got true | For example: absolute(linear(0.85, 0.95, over=10)) | PS105'),
    ('lr: {cosine: {to: cosine()}}',
     '1:19 $.lr.to expected a level, got "cosine()" | For example: cosine(to=0.1, over=100) | PS105'),
    ('lr: {cosine: {to: -1}}', '= ;; lr: cosine(to=-1.0)'),
    ('lr: {warmup: 5}', '= ;; lr: warmup(5)'),
    ('lr: {warmup: 5%}', '= ;; lr: warmup("5%")'),
    ('lr: {warmup: 5 epochs}', '= ;; lr: warmup("5 epochs")'),
    ('lr: {warmup: 5 parsecs}',
     '1:14 $.lr.over length "5 parsecs": unknown unit "parsecs"; expected … | For example: warmup(4) | PS102'),
    ('lr: {warmup: true}', '1:14 $.lr.over expected a length, got true | For example: warmup(4) | PS105'),
    ('lr: {warmup: null}', '1:5 $.lr warmup needs the argument "over" | For example: warmup(4) | PS104'),
    ('lr: {warmup: [5]}', '= ;; lr: warmup(5)'),
    ('lr: {warmup: [[5]]}', '1:15 $.lr.over expected a length, got [5] | Write lr: warmup(5) | PS105'),
    ('lr: {warmup: -5}', '1:14 $.lr.over length -5: a length must not be negative | For example: warmup(4) | PS106'),
    ('lr: {warmup: {over: 5, start: 0.1}}', '= ;; lr: warmup(5, 0.1)'),
    ('lr: {warmup: 2.5}',
     '1:14 $.lr.over length 2.5: expected an integer number of updates or text with a unit | Write lr: '
     'warmup("2.5 steps") | PS106'),
    ('lr: {warmup: .nan}', '1:14 $.lr.over the number must be finite, got nan | For example: 1 | PS106'),
    ('horizon: 5 parsecs',
     '1:10 $.horizon length "5 parsecs": unknown unit "parsecs"; expected … | For example: 5 steps | PS102'),
    ('horizon: true\nlr: 1', '1:10 $.horizon expected a length, got true |  | PS105'),
    ('horizon: [5]\nlr: 1', '1:10 $.horizon expected a length, got [5] | Write 5 | PS105'),
    ('horizon: 1e3\nlr: cosine()', '= ;; lr: cosine() ;; horizon=1000'),
    ('lr: {anneal: {curve: cosine}}', '= ;; lr: cosine()'),
    ('lr: {anneal: {curve: curves.cosine}}', '= ;; lr: cosine()'),
    ('lr: {anneal: {curve: cosin}}',
     '1:22 $.lr.curve unknown curve "cosin"; did you mean "cosine"? | Write lr: anneal(curve=curves.cosine) | '
     'PS102 cosin>cosine'),
    ('lr: {anneal: {curve: power}}',
     "1:22 $.lr.curve the curve 'power' needs arguments | For example: anneal(curve=curves.power(2)) | PS102"),
    ('lr: {anneal: {curve: power(2)}}', '= ;; lr: anneal(curve=curves.power(2.0))'),
    ('lr: {anneal: {curve: {power: 2}}}', '= ;; lr: anneal(curve=curves.power(2.0))'),
    ('lr: {anneal: {curve: {cosine: 2}}}',
     '1:22 $.lr.curve curves.cosine takes no arguments and no brackets | For example: '
     'anneal(curve=curves.cosine) | PS102'),
    ('lr: {anneal: {curve: {powr: 2}}}',
     '1:22 $.lr.curve unknown curve "powr"; did you mean "power"? | Write lr: anneal(curve=curves.power(2)) | '
     'PS102 powr>power'),
    ('lr: {anneal: {curve: {curves.power: {exponent: 2}}}}', '= ;; lr: anneal(curve=curves.power(2.0))'),
    ('lr: {anneal: {curve: {power: x}}}',
     '1:30 $.lr.curve.exponent expected a number, got "x" | For example: curves.power(2) | PS105'),
    ('lr: {anneal: {curve: 5}}',
     '1:22 $.lr.curve expected a curve, got 5 | For example: anneal(1.0, 0.1, over=100, curve=curves.cosine) | PS105'),
    ('lr: {anneal: {curve: null}}',
     '1:22 $.lr.curve expected a curve, got null | For example: anneal(1.0, 0.1, over=100, curve=curves.cosine) '
     '| PS105'),
    ('lr: {anneal: {curve: [cosine]}}',
     '1:22 $.lr.curve expected a curve, got ["cosine"] | Write lr: anneal(curve="cosine") | PS105'),
    ('lr: {anneal: {curve: .inf}}', '1:22 $.lr.curve the number must be finite, got inf | For example: 1 | PS106'),
    ('lr: {anneal: {curve: powr(2)}}',
     '1:22 $.lr.curve "powr(2)" at character 1: unknown curve "powr"; did you mean "power"? | Write lr: '
     'anneal(curve=curves.power(2)) | PS102 powr>power'),
    ('lr: {anneal: {curve: step(3)}}',
     '1:22 $.lr.curve "step(3)" at character 1: unknown curve "step"; expected … | For example: '
     'anneal(curve=curves.cosine) | PS102'),
    ('lr: {recurrence: [{rules.linear: {start: 0.1, end: 5}}]}', '= ;; lr: recurrence(rules.linear(0.1, end=5))'),
    ('lr: {recurrence: [{linear: {start: 0.1, end: 5}}]}', '= ;; lr: recurrence(rules.linear(0.1, end=5))'),
    ('lr: {recurrence: [{rules.liner: 5}]}',
     '1:19 $.lr.rules[0] unknown rule "liner"; did you mean "linear"? | Write lr: recurrence(rules.linear(5)) | '
     'PS102 liner>linear'),
    ("lr: {recurrence: ['rules.linear(0.1, end=5)']}", '= ;; lr: recurrence(rules.linear(0.1, end=5))'),
    ('lr: {recurrence: [5]}',
     '1:19 $.lr.rules[0] expected a rule, got 5 | For example: recurrence(rules.linear(0.5, end=5), '
     'rules.cosine(0.5, over=5)) | PS105'),
    ("lr: {recurrence: ['cosine()']}",
     '1:19 $.lr.rules[0] expected a rule, got cosine() | For example: recurrence(rules.linear(0.5, end=5), '
     'rules.cosine(0.5, over=5)) | PS105'),
    ('lr: {recurrence: {rules.step: 5}}',
     '1:19 $.lr.rules.step unknown argument "rules.step" of recurrence; expected … | For example: '
     'recurrence(rules.linear(0.5, end=5), rules.cosine(0.5, over=5)) | PS104'),
    ('lr: {step: {every: 5, gamma: 0.5}}', '= ;; lr: step(5, 0.5)'),
    ('lr: {step: {step_size: 5, gamma: 0.5}}',
     '1:13 $.lr.step_size unknown argument "step_size" of step; use "every" | Write lr: step(every=5, '
     'gamma=0.5) | PS104 step_size>every'),
    ('lr: {step: {every: 5, gama: 0.5}}',
     '1:23 $.lr.gama unknown argument "gama" of step; did you mean "gamma"? | Write lr: step(every=5, '
     'gamma=0.5) | PS104 gama>gamma'),
    ('lr: {step: {every: 5}}', '= ;; lr: step(5)'),
    ('lr: {step: 5}', '= ;; lr: step(5)'),
    ('lr: {step: [5, 0.5, 1, 2]}',
     '1:5 $.lr step takes at most 2 values, every, gamma; found 4 | For example: step(30, 0.5) | PS104'),
    ('lr: {step: }', '1:5 $.lr step needs the argument "every" | For example: step(30, 0.5) | PS104'),
    ('lr: {multistep: [[5, 10], 0.1]}', '= ;; lr: multistep([5, 10])'),
    ('lr: {multistep: [5, 10]}', '1:5 $.lr multistep takes a list of values | Write lr: multistep([5, 10]) | PS105'),
    ('lr: {multistep: {milestones: 5, factor: 0.1}}',
     '1:33 $.lr.factor unknown argument "factor" of multistep; use "gamma" | Write lr: '
     'multistep(milestones=[5], gamma=0.1) | PS104 factor>gamma ;; 1:30 $.lr.milestones expected a list, got 5 '
     '| Write lr: multistep(milestones=[5], gamma=0.1) | PS105'),
    ('lr: {multistep: {milestones: [5, x], factor: 0.1}}',
     '1:38 $.lr.factor unknown argument "factor" of multistep; use "gamma" | For example: multistep([30, 80], '
     '0.5) | PS104 ;; 1:34 $.lr.milestones[1] length "x": expected a number with a unit | For example: '
     'multistep([30, 80], 0.5) | PS106'),
    ("lr: {multistep: {at: '5, 10', factor: 0.1}}",
     '1:18 $.lr.at unknown argument "at" of multistep; use "milestones" | Write lr: multistep(milestones=[5, '
     '10], gamma=0.1) | PS104 at>milestones ;; 1:31 $.lr.factor unknown argument "factor" of multistep; use '
     '"gamma" | Write lr: multistep(milestones=[5, 10], gamma=0.1) | PS104 factor>gamma ;; 1:22 $.lr.at '
     'expected a list, got "5, 10" | Write lr: multistep(milestones=[5, 10], gamma=0.1) | PS105'),
    ('lr: {table: [1, 2]}', '1:5 $.lr table takes a list of values | Write lr: table([1, 2]) | PS105'),
    ('lr: {table: [[1, 0.5]]}', '= ;; lr: table([1.0, 0.5])'),
    ('lr: {table: {values: [1, x]}}',
     '1:26 $.lr.values[1] expected a level, got "x" | For example: table([0.1, 0.5, 1.0], every=2) | PS105'),
    ('lr: {table: {values: 5}}', '1:22 $.lr.values expected a list, got 5 | Write lr: table(values=[5]) | PS105'),
    ('lr: {piecewise: [[0, 1], [5, 0.1]]}',
     '1:19 $.lr.points[0] expected a list, got 0 | For example: piecewise([(0, 1.0), (10, 0.5), (20, 0.1)]) | '
     'PS105 ;; 1:26 $.lr.curve expected a curve, got [5, 0.1] | For example: piecewise([(0, 1.0), (10, 0.5), '
     '(20, 0.1)]) | PS105'),
    ('lr: {piecewise: [[0, 1], [5]]}',
     '1:19 $.lr.points[0] expected a list, got 0 | For example: piecewise([(0, 1.0), (10, 0.5), (20, 0.1)]) | '
     'PS105 ;; 1:26 $.lr.curve expected a curve, got [5] | For example: piecewise([(0, 1.0), (10, 0.5), (20, '
     '0.1)]) | PS105'),
    ('lr: {interpolate: {points: [[0, 1], [10, 0.5]]}}',
     '1:5 $.lr unknown schedule "interpolate" | For example: warmup("5%") >> cosine(to=0.1) | PS102'),
    ('lr: {interpolate: [[0, 1], [10, 0.5]]}',
     '1:5 $.lr unknown schedule "interpolate" | For example: warmup("5%") >> cosine(to=0.1) | PS102'),
    ('lr: {cyclic: {up: 5, down: 5, low: 0.1, high: 1, mode: triangular}}',
     '1:31 $.lr.low unknown argument "low" of cyclic; use "to" | For example: cyclic(2, start=0.2) | PS104 ;; '
     '1:41 $.lr.high unknown argument "high" of cyclic; expected … | For example: cyclic(2, start=0.2) | PS104'),
    ('lr: {cyclic: {up: 5, mode: trianglar}}',
     '1:28 $.lr.mode expected … | Write lr: cyclic(up=5, mode="triangular") | PS106 trianglar>triangular'),
    ('lr: {cyclic: {up: x, mode: 5}}',
     '1:19 $.lr.up length "x": expected a number with a unit | For example: cyclic(2, start=0.2) | PS106 ;; '
     '1:28 $.lr.mode expected … | For example: cyclic(2, start=0.2) | PS106'),
    ('lr: {restarts: {schedule: cosine(), every: 5}}', '= ;; lr: restarts(cosine(), 5)'),
    ('lr: {restarts: {schedule: 5, every: 5, times: 2.5}}',
     '1:47 $.lr.times expected an integer, got 2.5 | For example: restarts(linear(1, 0, over=4), 4, times=2) | PS105'),
    ('lr: {restarts: [cosine(over=5), 5, 2]}', '= ;; lr: restarts(cosine(over=5), 5, 2)'),
    ('lr: {plateau: {metric: loss, factor: 0.5, patience: x}}',
     '1:53 $.lr.patience expected an integer, got "x" | For example: plateau(patience=1, factor=0.5) | PS105'),
    ('lr: {plateau: {patience: 2.0}}', '= ;; lr: constant() * plateau(patience=2)'),
    ('lr: {plateau: {mode: mim}}', '1:22 $.lr.mode expected … | Write lr: plateau(mode="min") | PS106 mim>min'),
    ('lr: {plateau: {min_lr: 0.1}}',
     '1:16 $.lr.min_lr unknown argument "min_lr" of plateau; use "min" | Write lr: plateau(min=absolute(0.1)) | '
     'PS104'),
    ('lr: {cosine: {to: 0.1, warmup: 5}}',
     '1:24 $.lr.warmup unknown argument "warmup" of cosine; expected … | Write lr: warmup(5) >> cosine(to=0.1) '
     '| PS104'),
    ('lr: {cosine: {T_max: 5, eta_min: 0.1}}',
     '1:15 $.lr.T_max unknown argument "T_max" of cosine; use "over" | Write lr: cosine(over=5, '
     'to=absolute(0.1)) | PS104 T_max>over ;; 1:25 $.lr.eta_min unknown argument "eta_min" of cosine; use "to" '
     '| Write lr: cosine(over=5, to=absolute(0.1)) | PS104'),
    ('lr: {cosine: {until: 5 epochs}}',
     '1:15 $.lr.until unknown argument "until" of cosine; use "over" | Write lr: cosine(over="until 5 epochs") '
     '| PS104'),
    ('lr: {cosine: {args: [0.1]}}', '1:5 $.lr unknown argument "args" of cosine | Write lr: cosine(0.1) | PS104'),
    ("lr: {polynomial: {power: '2'}}",
     '1:26 $.lr.power expected a number, got "2" | Write lr: polynomial(power=2) | PS105'),
    ('lr: {exponential: {gamma: 0.9, step: 1}}',
     '1:32 $.lr.step unknown argument "step" of exponential; expected … | For example: exponential(0.5, '
     'per="100 updates") | PS104'),
    ('groups: {head: {lr: constant(0.5)}}\nlr: 1', '= ;; lr: constant() ;; lr of head: constant(0.5)'),
    ('groups: {head: 5}',
     '1:10 $.groups.head expected fields and their schedules, got 5 | For example: head: {lr: cosine()} | '
     'PS105'),
    ('groups: [1]', '1:9 $.groups [1] is a list, not groups by name | For example: groups: {head: {lr: cosine()}} | '
     'PS105'),
    ("groups: {'[0]': {lr: 0.5}}\nlr: cosine()\nhorizon: 9",
     '1:22 $.groups["[0]"].lr 0.5: a number alone has two readings | Write absolute(0.5) for the value 0.5, or '
     'constant(0.5) for 0.5 × base | PS106'),
    ('groups: {head: {lrr: constant(5)}}',
     '1:17 $.groups.head.lrr "lrr" is not an optimizer field; did you mean "lr"? | Write lr: constant(5) | '
     'PS103 lrr>lr'),
    ('targets: {t: {initial: 1, schedule: cosine()}}\nhorizon: 9', "= ;; ['t', 1.0]: cosine() ;; horizon=9"),
    ('targets: {t: {initial: 1}}',
     '1:14 $.targets.t "schedule" is missing | For example: t: {initial: 1, schedule: cosine()} | PS104'),
    ('targets: {t: {initial: x, schedule: cosine(), z: 1}}',
     '1:47 $.targets.t.z a target has no "z"; expected … |  | PS103 ;; 1:24 $.targets.t.initial expected a '
     'number, got "x" | For example: 1.0 | PS105'),
    ('targets: {t: 5}',
     '1:14 $.targets.t 5 is a number, not a target | For example: t: {initial: 5, schedule: cosine()} | '
     'PS105'),
    ('targets: 5',
     '1:10 $.targets 5 is a number, not targets by name | For example: targets: {temperature: {initial: 1.0, '
     'schedule: cosine()}} | PS105'),
    ('clock: updates\nlr: 1', '= ;; lr: constant()'),
    ('clock: steps\nlr: 1', '1:8 $.clock unknown clock "steps"; expected … | Write updates | PS106 steps>updates'),
    ('clock: samples\nlr: 1', '= ;; lr: constant() ;; clock=samples'),
    ('clock: 5\nlr: 1', '1:8 $.clock expected the name of a clock, got 5 | For example: tokens | PS105'),
    ('clock: {lr: samples}\nlr: 1', "= ;; lr: constant() ;; clock={'lr': 'samples'}"),
    ('note: 5\nlr: 1',
     '1:7 $.note 5 is a number, not a mapping | For example: note: {who: ann, why: loss is flat} | PS105'),
    ('note: x\nlr: 1',
     '1:7 $.note "x" is text, not a mapping | For example: note: {who: ann, why: loss is flat} | PS105'),
    ('note: [a]\nlr: 1',
     '1:7 $.note ["a"] is a list, not a mapping | For example: note: {who: ann, why: loss is flat} | '
     'PS105'),
    ('weight_decy: 1',
     '1:1 $.weight_decy "weight_decy" is not an optimizer field; did you mean "weight_decay"? | Write '
     'weight_decay: 1 | PS103 weight_decy>weight_decay'),
    ('5: 1', '1:1 $[5] field \'5\': expected the name of a field | For example: "lr" | PS106'),
    ('lr: 1\nlr: 2', '2:1 $.lr the key occurs twice | Keep one | PS107'),
    ('betas: [0.9, 0.99]',
     '1:1 $.betas a list is a sequence of stages; each element of this field is a field of its own | Split it: '
     '"betas[0]": absolute(0.9) and "betas[1]": absolute(0.99) | PS105'),
    ('betas: constant(0.9)', '= ;; betas: constant(0.9)'),
    ('betas[0]: constant(0.9)', '= ;; betas[0]: constant(0.9)'),
    ('betas[x]: 0.9',
     '1:1 $["betas[x]"] schedules for single groups are written under groups | Move it into groups: x: {betas: '
     '0.9} | PS103'),
    ('betas: [cosine(), 0.99]',
     '1:1 $.betas a list is a sequence of stages; each element of this field is a field of its own | Split it: '
     '"betas[0]": cosine() and "betas[1]": absolute(0.99) | PS105'),
    ('momentum: cosine()', '= ;; momentum: cosine()'),
    ('lr: ~', '1:5 $.lr expected a schedule, got null | For example: cosine(to=0.1) | PS105'),
    ('', '1:1 $ the file is empty; a plan needs at least lr | For example: lr: cosine(to=0.1) | PS106'),
    ('[]', '1:1 $ expected a plan, got [] | For example: lr: cosine(to=0.1) | PS106'),
    ('5', '1:1 $ expected a plan, got 5 | For example: lr: cosine(to=0.1) | PS106'),
    ('x', '1:1 $ expected a plan, got "x" | For example: lr: cosine(to=0.1) | PS106'),
    ('$schema: x\nlr: 1', '= ;; lr: constant()'),
    ('horizn: 5\nlr: 1',
     '1:1 $.horizn unknown field "horizn"; did you mean "horizon"? | Write horizon: 5 | PS103 horizn>horizon'),
    ('lr: {group: 5}',
     '1:1 $.lr schedules for single groups are written under groups | Move it into groups: group: {lr: 5} | PS103'),
    ('groups: {}\nlr: 1', '1:9 $.groups it is empty | For example: groups: {head: {lr: cosine()}} | PS108'),
    ('targets: {}\nlr: 1',
     '1:10 $.targets it is empty | For example: targets: {temperature: {initial: 1.0, schedule: cosine()}} | PS108'),
    ('lr.head: 5',
     '1:1 $.lr.head schedules for single groups are written under groups | Move it into groups: head: {lr: 5} | '
     'PS103'),
    ('groups.head.lr: 0.5\nlr: 1',
     '1:1 $.groups.head.lr schedules for single groups are written under groups | Move it into groups: '
     'groups.head: {lr: 0.5} | PS103'),
    ('lr: {multistep: {milestones: [5], gamma: 0.5, x: 1}}',
     '1:47 $.lr.x unknown argument "x" of multistep; expected … | For example: multistep([30, 80], 0.5) | PS104'),
    ('lr: {restarts: {schedule: cosine(), every: 5, times: 0.2}}',
     '1:54 $.lr.times expected an integer, got 0.2 | For example: restarts(linear(1, 0, over=4), 4, times=2) | PS105'),
    ('lr: {restarts: {schedule: cosine(), every: 5, times: x}}',
     '1:54 $.lr.times expected an integer, got "x" | For example: restarts(linear(1, 0, over=4), 4, times=2) | PS105'),
    ('lr: {anneal: {curve: powr}}',
     '1:22 $.lr.curve unknown curve "powr"; did you mean "power"? | For example: anneal(curve=curves.power(2)) '
     '| PS102'),
    ('lr: {step: {every: 5, gamma: {a: 1}}}',
     '1:30 $.lr.gamma expected a number, got {"a": 1} | For example: step(30, 0.5) | PS105'),
    ('lr: {step: {every: 5, gamma: null}}',
     '1:30 $.lr.gamma expected a number, got null | For example: step(30, 0.5) | PS105'),
    ("lr: {multistep: {milestones: '5, 10'}}",
     '1:30 $.lr.milestones expected a list, got "5, 10" | Write lr: multistep(milestones=[5, 10]) | PS105'),
    ('lr: {multistep: {milestones: ab}}',
     '1:30 $.lr.milestones expected a list, got "ab" | For example: multistep([30, 80], 0.5) | PS105'),
    ('lr: {chain: [cosine(), warmup(5)]}', '= ;; lr: chain(cosine(), warmup(5))'),
    ('lr: {clamp: {schedule: cosine(), low: 0.1}}', '= ;; lr: clamp(cosine(), 0.1)'),
    ('lr: {every: [cosine(), 5]}', '= ;; lr: every(cosine(), 5)'),
    ("lr: {table: {values: '1, 2'}}",
     '1:22 $.lr.values expected a list, got "1, 2" | Write lr: table(values=[1, 2]) | PS105'),
    ('lr: {cosine: {over: 5, start: {absolute: .inf}}}',
     '1:31 $.lr.start the number must be finite, got inf | For example: 1 | PS106'),
    ('lr: {step: {every: .inf}}', '1:20 $.lr.every the number must be finite, got inf | For example: 1 | PS106'),
    ('lr: {table: {values: [.inf]}}',
     '1:23 $.lr.values[0] the number must be finite, got inf | For example: 1 | PS106'),
    ('lr: {plateau: {metric: 5}}',
     '1:24 $.lr.metric expected text, got 5 | For example: plateau(patience=1, factor=0.5) | PS105'),
    ('lr: {plateau: {metric: true, patience: true}}',
     '1:24 $.lr.metric expected text, got true | For example: plateau(patience=1, factor=0.5) | PS105 ;; 1:40 '
     '$.lr.patience expected an integer, got true | For example: plateau(patience=1, factor=0.5) | PS105'),
    ('warmup: constant(5)\nlr: 1', '= ;; lr: constant() ;; warmup: constant(5.0)'),
    ('warmup_steps: 5\nlr: cosine()',
     '1:1 $.warmup_steps "warmup_steps" is a name of other libraries, not a field; a warmup is a separate stage '
     '| Write lr: warmup(5) >> cosine() | PS103'),
    ('lr: cosine()\nlr_warmup: constant(5)', '= ;; lr: cosine() ;; lr_warmup: constant(5.0)'),
    ('epochs: 9\nlr: 1',
     '1:1 $.epochs "epochs" is not a field; the length of the run is "horizon" | Write horizon: 9 epochs | PS103'),
    ('total_steps: 9\nlr: 1',
     '1:1 $.total_steps "total_steps" is not a field; the length of the run is "horizon" | Write horizon: 9 | PS103'),
    ('max_lr: 1',
     '1:1 $.max_lr "max_lr" is a name of other libraries, not a field; the group\'s own lr is the peak |  | PS103'),
    ('learning_rate: 1', '= ;; learning_rate: constant()'),
    ('weight_decay: 1\nwd: constant(2)',
     '2:1 $.wd "wd" is not an optimizer field; did you mean "weight_decay"? | Keep one of the two lines | PS103'),
    ('lr: 1\nmomentum: {a: 1}',
     '2:1 $.momentum schedules for single groups are written under groups | Write groups: {a: {momentum: 1}} | PS103'),
    ('optimizer: adam\nlr: 1',
     '1:1 $.optimizer "optimizer" is a name of other libraries, not a field; a plan does not contain the '
     'optimizer; a Scheduler connects the two |  | PS103'),
    ('group: {head: {lr: 1}}',
     '1:1 $.group unknown field "group"; did you mean "groups"? | Write groups: {head: {lr: 1}} | PS103 '
     'group>groups'),
    ('target: {t: {initial: 1, schedule: 1}}',
     '1:1 $.target unknown field "target"; did you mean "targets"? | Write targets: {t: {initial: 1, '
     'schedule: 1}} | PS103 target>targets'),
    ('horizon: 0\nlr: 1', '1:10 $.horizon the horizon must be greater than 0, got 0 | For example: 1000 | PS215'),
    ('horizon: -5\nlr: 1', '1:10 $.horizon the horizon must be greater than 0, got -5 | For example: 5 | PS215'),
    ('horizon: 2.5\nlr: 1',
     '1:10 $.horizon length 2.5: expected an integer number of updates or text with a unit | Write 2.5 steps | PS106'),
    ('horizon: 10%\nlr: 1',
     '1:10 $.horizon "10%" is a percentage, which would refer to the horizon itself |  | PS106'),
    ('horizon: ~\nlr: 1', '1:10 $.horizon expected a length, got null |  | PS105'),
    ('clock: token\nlr: 1',
     '1:8 $.clock unknown clock "token"; did you mean "tokens"? | Write tokens | PS106 token>tokens'),
    ('clock: {lr: x}\nlr: 1', '1:13 $.clock.lr unknown clock "x"; expected … | For example: updates | PS106'),
    ('clock: {momentum: samples}\nlr: 1',
     "1:8 $.clock Plan(clock={'momentum': …}): unknown field or target 'momentum'; expected lr |  | PS106"),
    ('clock: [samples]\nlr: 1',
     '1:8 $.clock expected the name of a clock, got ["samples"] | For example: tokens | PS105'),
    ('note: {who: 5}\nlr: 1', '1:13 $.note.who expected a text, got 5 | Write "5" | PS105'),
    ('note: {a: [1]}\nlr: 1', '1:8 $.note.a unknown key "a" of a note; expected … |  | PS104'),
    ('note: {}\nlr: 1', '1:7 $.note it is empty | For example: note: {who: ann, why: loss is flat} | PS108'),
    ('lr: {cosine: {to: 0.1}, warmup: 5, x: 1}',
     '1:5 $.lr a schedule is a mapping of one name; found cosine, warmup, x | For example: cosine(to=0.1) | PS106'),
    ('groups: {head: {lr: 1, groups: {}}}',
     '1:24 $.groups.head.groups groups applies to the entire plan, so it must not be repeated | Move groups to '
     'the top level | PS104'),
    ('groups: {head: }',
     '1:16 $.groups.head null is nothing, not fields and their schedules | For example: head: {lr: '
     'cosine()} | PS105'),
    ('groups: {head: {}}', '1:16 $.groups.head it is empty | For example: head: {lr: cosine()} | PS108'),
    ('groups: {5: {lr: 1}}', '= ;; lr of 5: constant()'),
    ("groups: {'[x]': {lr: 1}}", '= ;; lr of [x]: constant()'),
    ('groups: {head: {horizon: 5}}',
     '1:17 $.groups.head.horizon horizon applies to the entire plan, so it must not be repeated | Move horizon '
     'to the top level | PS104'),
    ('targets: {t: {initial: 1, schedul: 1}}',
     '1:27 $.targets.t.schedul a target has no "schedul"; did you mean "schedule"? | Write schedule: 1 | '
     'PS103 schedul>schedule'),
    ('targets: {t: {initial: .inf, schedule: 1}}',
     '1:24 $.targets.t.initial the number must be finite, got inf | For example: 1 | PS106'),
    ('targets: {t: {initial: 1, schedule: plateau()}}', "= ;; ['t', 1.0]: constant() * plateau()"),
    ('lr: cosine()\nlr: plateau()\nb: 1', '2:1 $.lr the key occurs twice | Keep one | PS107'),
    ('steps_per_epoch: 100\nlr: cosine()',
     '1:1 $.steps_per_epoch "steps_per_epoch" is a run fact, not a field | Remove it, and pass '
     'steps_per_epoch=100 to the Scheduler | PS103'),
    ('steps_per_epoch: cosine()\nlr: 1', '= ;; lr: constant() ;; steps_per_epoch: cosine()'),
    ('batch_size: [5]\nlr: 1',
     '1:1 $.batch_size "batch_size" is a run fact, not a field | Remove it, and pass batch_size=… to the '
     'Scheduler | PS103'),
    ('plan: {lr: 1}',
     '1:1 $.plan "plan" is not a field; the entries of a plan are written at the top level | Write lr: 1 | PS103'),
    ('plan: {lr: 1, horizon: 5}',
     '1:1 $.plan "plan" is not a field; the entries of a plan are written at the top level | Move its entries '
     'to the top level | PS103'),
    ('schedule: {lr: cosine()}',
     '1:1 $.schedule "schedule" is not a field; the entries of a plan are written at the top level | Write lr: '
     'cosine() | PS103'),
    ('optimizers: {a: {lr: 1}}',
     '1:1 $.optimizers schedules for single groups are written under groups | Write groups: {a: {lr: 1}} | PS103'),
    ('optimizers: {a: 5}',
     '1:13 $.optimizers unknown schedule "a" | For example: warmup("5%") >> cosine(to=0.1) | PS102'),
    ('lr @ head: 1',
     '1:1 $["lr @ head"] schedules for single groups are written under groups | Write groups: {head: {lr: 1}} | '
     'PS103'),
    ('head.lr: 1\ngroups: {a: {lr: 1}}',
     '1:1 $.head.lr schedules for single groups are written under groups | Move it into groups: head: {lr: 1} | '
     'PS103'),
    ('lr: {head: linear(), default: cosine()}',
     '1:1 $.lr schedules for single groups are written under groups | Keep lr: cosine() and move the other '
     'entries to groups: {head: {lr: linear()}} | PS103'),
    ('lr: {head: linear(), tail: 0.5}',
     '1:5 $.lr a schedule is a mapping of one name; found head, tail | For example: cosine(to=0.1) | PS106'),
    ('lr: {head: linear(), default: cosine()}\ngroups: {a: {lr: 1}}',
     '1:1 $.lr schedules for single groups are written under groups | Keep lr: cosine() and move the other '
     'entries to groups: {head: {lr: linear()}} | PS103'),
    ('param_groups: {head: {lr: 1}}',
     '1:1 $.param_groups unknown field "param_groups"; did you mean "groups"? | Write groups: {head: {lr: 1}} '
     '| PS103 param_groups>groups'),
    ('lr rate: 1', '1:1 $["lr rate"] field \'lr rate\': expected the name of a field | For example: "lr" | PS106'),
    ('Lr: 1', '1:1 $.Lr "Lr" is not an optimizer field; did you mean "lr"? | Write lr: 1 | PS103 Lr>lr'),
    ('LR: 1', '1:1 $.LR "LR" is not an optimizer field; did you mean "lr"? | Write lr: 1 | PS103 LR>lr'),
    ('l r: 1', '1:1 $["l r"] field \'l r\': expected the name of a field | For example: "lr" | PS106'),
    ("' lr': 1", '1:1 $[" lr"] " lr" is not the name of a field; did you mean "lr"? | Write lr: 1 | PS103  lr>lr'),
    ('warmup_ratio: 0.1\nlr: cosine()',
     '1:1 $.warmup_ratio "warmup_ratio" is a name of other libraries, not a field; a warmup is a separate stage '
     '| Write lr: warmup("10%") >> cosine() | PS103'),
    ('warmup_epochs: 5\nlr: cosine()',
     '1:1 $.warmup_epochs "warmup_epochs" is a name of other libraries, not a field; a warmup is a separate '
     'stage | Write lr: warmup("5 epochs") >> cosine() | PS103'),
    ('num_warmup_steps: 5.0\nlr: cosine()',
     '1:1 $.num_warmup_steps "num_warmup_steps" is a name of other libraries, not a field; a warmup is a '
     'separate stage | Write lr: warmup(5) >> cosine() | PS103'),
    ('warmup_steps: 0.5\nlr: cosine()',
     '1:1 $.warmup_steps "warmup_steps" is a name of other libraries, not a field; a warmup is a separate stage '
     '| Write lr: warmup("50%") >> cosine() | PS103'),
    ('warmup-steps: 5\nlr: cosine()',
     '1:1 $.warmup-steps "warmup-steps" is a name of other libraries, not a field; a warmup is a separate stage '
     '| Write lr: warmup(5) >> cosine() | PS103'),
    ('warmup_steps: true\nlr: cosine()',
     '1:1 $.warmup_steps "warmup_steps" is a name of other libraries, not a field; a warmup is a separate '
     'stage: warmup(500) >> cosine() |  | PS103'),
    ('warmup_steps: x\nlr: cosine()',
     '1:1 $.warmup_steps "warmup_steps" is a name of other libraries, not a field; a warmup is a separate '
     'stage: warmup(500) >> cosine() |  | PS103'),
    ('warmup_steps: 5\nlr: 1',
     '1:1 $.warmup_steps "warmup_steps" is a name of other libraries, not a field; a warmup is a separate '
     'stage: warmup(500) >> cosine() |  | PS103'),
    ('warmup_steps: 5\ngroups: {a: {lr: cosine()}}',
     '1:1 $.warmup_steps "warmup_steps" is a name of other libraries, not a field; a warmup is a separate '
     'stage: warmup(500) >> cosine() |  | PS103'),
    ('groups: {a: {lr: cosine(), warmup_steps: 5}}',
     '1:28 $.groups.a.warmup_steps "warmup_steps" is a name of other libraries, not a field; a warmup is a '
     'separate stage: warmup(500) >> cosine() |  | PS103'),
    ('max_steps: 100\nlr: 1',
     'None:None  it looks like a config of transformers | Give format="transformers" | PS100'),
    ('max_epochs: 3\nlr: 1',
     '1:1 $.max_epochs "max_epochs" is not a field; the length of the run is "horizon" | Write horizon: 3 '
     'epochs | PS103'),
    ('num_train_epochs: 3\nlr: 1',
     'None:None  it looks like a config of transformers | Give format="transformers" | PS100'),
    ('max_steps: 0\nlr: 1', 'None:None  it looks like a config of transformers | Give format="transformers" | PS100'),
    ('max_steps: true\nlr: 1',
     'None:None  it looks like a config of transformers | Give format="transformers" | PS100'),
    ('groups: {a: {lr: 1, max_steps: 5}}',
     '1:21 $.groups.a.max_steps "max_steps" is not a field; the length of the run is "horizon" | Move it to the '
     'top level: horizon: 5 | PS103'),
    ('groups: [{name: head, lr: 1}]',
     '1:1 $.groups expected a mapping from the names of groups, got [{"name": "head", "lr": 1}] | Write groups: '
     '{head: {lr: 1}} | PS105'),
    ('groups: [{lr: 1}]',
     '1:9 $.groups [{"lr": 1}] is a list, not groups by name | For example: groups: {head: {lr: '
     'cosine()}} | PS105'),
    ('groups: [{lr: 1}, {lr: 2}]',
     '1:9 $.groups [{"lr": 1}, {"lr": 2}] is a list, not groups by name | For example: groups: {head: '
     '{lr: cosine()}} | PS105'),
    ('groups: []',
     '1:9 $.groups [] is a list, not groups by name | For example: groups: {head: {lr: cosine()}} | PS105'),
    ('groups: [{name: 5, lr: 1}]',
     '1:9 $.groups [{"name": 5, "lr": 1}] is a list, not groups by name | For example: groups: {head: '
     '{lr: cosine()}} | PS105'),
    ('targets: [{name: t, initial: 1, schedule: 1}]',
     '1:10 $.targets [{"name": "t", "initial": 1, "schedule": 1}] is a list, not targets by name | For example: '
     'targets: {temperature: {initial: 1.0, schedule: cosine()}} | PS105'),
    ('lг: 1', '1:1 $.lг unknown field "lг": "г" is CYRILLIC SMALL LETTER GHE | Write lr | PS103'),
    ('nois: 1', '= ;; nois: constant()'),
    ('noise: 1', '= ;; noise: constant()'),
    ('nodes: 1', '= ;; nodes: constant()'),
    ('horizon-: 5\nlr: 1',
     '1:1 $.horizon- unknown field "horizon-"; did you mean "horizon"? | Write horizon: 5 | PS103 '
     'horizon->horizon'),
    ('gamma: constant(0.5)\nlr: 1', '= ;; lr: constant() ;; gamma: constant(0.5)'),
    ('gamma: cosine()\nlr: 1', '= ;; lr: constant() ;; gamma: cosine()'),
    ('betas: [0.9]\nlr: 1',
     '1:1 $.betas a list is a sequence of stages; each element of this field is a field of its own | Split it: '
     '"betas[0]": absolute(0.9) | PS105'),
    ('groups: {a: {betas: [0.9, 0.99]}}',
     '1:14 $.groups.a.betas a list is a sequence of stages; each element of this field is a field of its own | '
     'Split it: "betas[0]": absolute(0.9) and "betas[1]": absolute(0.99) | PS105'),
    ('lr: 1\nhorizn: 5',
     '2:1 $.horizn unknown field "horizn"; did you mean "horizon"? | Write horizon: 5 | PS103 horizn>horizon'),
    ('Horizon: 5\nlr: 1',
     '1:1 $.Horizon unknown field "Horizon"; did you mean "horizon"? | Write horizon: 5 | PS103 Horizon>horizon'),
    ('Groups: {a: {lr: 1}}',
     '1:1 $.Groups unknown field "Groups"; did you mean "groups"? | Write groups: {a: {lr: 1}} | PS103 '
     'Groups>groups'),
    ('lr: {default: 5}',
     '1:5 $.lr unknown schedule "default" | For example: warmup("5%") >> cosine(to=0.1) | PS102'),
    ('lr: {cosine: {to: 0.1}, default: 5}',
     '1:5 $.lr a schedule is a mapping of one name; found cosine, default | For example: cosine(to=0.1) | PS106'),
    ('lr: {head: true}',
     '1:5 $.lr unknown schedule "head" | For example: warmup("5%") >> cosine(to=0.1) | PS102'),
    ('lr: {head: x}',
     '1:5 $.lr unknown schedule "head" | For example: warmup("5%") >> cosine(to=0.1) | PS102'),
    ('lr: {head: {cosine: 0.1}}',
     '1:1 $.lr schedules for single groups are written under groups | Write groups: {head: {lr: {cosine: 0.1}}} '
     '| PS103'),
    ('lr: {head: {cosin: 0.1}}',
     '1:5 $.lr unknown schedule "head" | For example: warmup("5%") >> cosine(to=0.1) | PS102'),
    ('lr: {type: x}',
     '1:5 $.lr unknown schedule "x" | For example: warmup("5%") >> cosine(to=0.1) | PS102'),
    ('momentum: {head: 0.9}',
     '1:1 $.momentum schedules for single groups are written under groups | Move it into groups: head: '
     '{momentum: 0.9} | PS103'),
    ('x: {head: 0.9}',
     '1:4 $.x unknown schedule "head" | For example: warmup("5%") >> cosine(to=0.1) | PS102'),
    ('x: {lr: 0.9}',
     '1:1 $.x schedules for single groups are written under groups | Move it into groups: x: {lr: 0.9} | PS103'),
    ('x: {lr: 0.9}\nlr: 1\ngroups: {a: {lr: 1}}',
     '1:1 $.x schedules for single groups are written under groups | Move it into groups: x: {lr: 0.9} | PS103'),
    ('lr: 1\ngroups:\n  head: {max_steps: 100}',
     '3:10 $.groups.head.max_steps "max_steps" is not a field; the length of the run is "horizon" | Move it to '
     'the top level: horizon: 100 | PS103'),
    ('lr: 1\ngroups:\n  head: {hparams: {lr: 1}}',
     '3:19 $.groups.head.hparams unknown schedule "lr" | For example: warmup("5%") >> '
     'cosine(to=0.1) | PS102'),
    ('lr: 1\ngroups:\n  head: {lr: cosine(), warmup_steps: 5}',
     '3:24 $.groups.head.warmup_steps "warmup_steps" is a name of other libraries, not a field; a warmup is a '
     'separate stage: warmup(500) >> cosine() |  | PS103'),
    ('lr: cosine()\ngroups:\n  head: {warmup_steps: 5}',
     '3:10 $.groups.head.warmup_steps "warmup_steps" is a name of other libraries, not a field; a warmup is a '
     'separate stage: warmup(500) >> cosine() |  | PS103'),
    ("lr: 1\ngroups:\n  head: {'lr @ x': 1}",
     '3:10 $.groups.head["lr @ x"] field \'lr @ x\': expected the name of a field | For example: "lr" | PS106'),
    ('lr: 1\ngroups:\n  head: {x: {lr: 1}}',
     '3:13 $.groups.head.x unknown schedule "lr" | For example: warmup("5%") >> cosine(to=0.1) | PS102'),
    ('lr: 1\ngroups:\n  head: {betas: [0.9, 0.99]}',
     '3:10 $.groups.head.betas a list is a sequence of stages; each element of this field is a field of its own '
     '| Split it: "betas[0]": absolute(0.9) and "betas[1]": absolute(0.99) | PS105'),
    ('lr: 1\ngroups:\n  head: {steps_per_epoch: 5}',
     '3:10 $.groups.head.steps_per_epoch "steps_per_epoch" is a run fact, not a field | Remove it, and pass '
     'steps_per_epoch=5 to the Scheduler | PS103'),
    ('lr: 1\ngroups:\n  head: {lr: {a: 1, b: 2}}',
     '3:14 $.groups.head.lr a schedule is a mapping of one name; found a, b | For example: cosine(to=0.1) | PS106'),
    ('lr: 1\ngroups:\n  head: {weight_decy: 1}',
     '3:10 $.groups.head.weight_decy "weight_decy" is not an optimizer field; did you mean "weight_decay"? | '
     'Write weight_decay: 1 | PS103 weight_decy>weight_decay'),
    ('lr: 1\ngroups:\n  head: {num_cycles: 1}',
     '3:10 $.groups.head.num_cycles "num_cycles" is a name of other libraries, not a field; cosine_wave(2.0) '
     'has two waves; cosine_restarts(1000) restarts |  | PS103'),
    ("lr: 1\ngroups:\n  head: {lr: 1}\n  '': {lr: constant(2)}",
     '4:3 $.groups[""] an empty name of a group | Use its name, or its index | PS104'),
    ('lr: 1\ngroups:\n  head: {lr: 1, learning_rate: constant(2)}',
     '= ;; lr: constant() ;; lr of head: constant() ;; learning_rate of head: constant(2.0)'),
    ('lr: 1\nlearning_rate: constant(2)', '= ;; lr: constant() ;; learning_rate: constant(2.0)'),
    ("groups:\n  0: {lr: 1}\n  '[0]': {lr: constant(2)}",
     '3:11 $.groups["[0]"].lr lr of the same groups is scheduled at $.groups[0].lr too | Keep one | PS107'),
    ('groups:\n  head: true',
     '2:9 $.groups.head true is a boolean, not fields and their schedules | For example: head: {lr: '
     'cosine()} | PS105'),
    ('groups:\n  head: 5',
     '2:3 $.groups.head expected fields and their schedules, got 5 | For example: head: {lr: cosine()} | '
     'PS105'),
    ('groups:\n  head: .inf',
     '2:9 $.groups.head the number must be finite, got inf | For example: head: {lr: cosine()} | PS106'),
    ('groups:\n  head: hello',
     '2:3 $.groups.head expected fields and their schedules, got "hello" | For example: head: {lr: '
     'cosine()} | PS105'),
    ('groups:\n  head: []',
     '2:9 $.groups.head [] is a list, not fields and their schedules | For example: head: {lr: cosine()} '
     '| PS105'),
    ('groups:\n  head: {}', '2:9 $.groups.head it is empty | For example: head: {lr: cosine()} | PS108'),
    ('groups: {}', '1:9 $.groups it is empty | For example: groups: {head: {lr: cosine()}} | PS108'),
    ('groups: 5', '1:9 $.groups 5 is a number, not groups by name | For example: groups: {head: {lr: cosine()}} | '
     'PS105'),
    ('groups: .nan',
     '1:9 $.groups the number must be finite, got nan | For example: groups: {head: {lr: cosine()}} | '
     'PS106'),
    ('groups: [{head: {lr: 1}}]',
     '1:1 $.groups expected a mapping from the names of groups, got [{"head": {"lr": 1}}] | Write groups: '
     '{head: {lr: 1}} | PS105'),
    ('groups: [{head: {lr: 1}}, {tail: {lr: 2}}]',
     '1:1 $.groups expected a mapping from the names of groups, got [{"head": {"lr": 1}}, {"tail": {"lr": 2}}] '
     '| Write groups: {head: {lr: 1}, tail: {lr: 2}} | PS105'),
    ('groups: [{name: head, lr: 1, params: x}]',
     '1:1 $.groups expected a mapping from the names of groups, got [{"name": "head", "lr": 1, "params": "x"}] '
     '| Write groups: {head: {lr: 1}} | PS105'),
    ('groups: [head]',
     '1:9 $.groups ["head"] is a list, not groups by name | For example: groups: {head: {lr: cosine()}} | '
     'PS105'),
    ('groups: [{head: 5}]',
     '1:9 $.groups [{"head": 5}] is a list, not groups by name | For example: groups: {head: {lr: '
     'cosine()}} | PS105'),
    ('lr: 1\nnote: .inf',
     '2:7 $.note the number must be finite, got inf | For example: note: {who: ann, why: loss is flat} | '
     'PS106'),
    ('lr: 1\nnote: {who: .inf}', '2:13 $.note.who the number must be finite, got inf | Put it in quotes | PS106'),
    ('lr: 1\nnote: {5: x}', '2:8 $.note[5] unknown key "5" of a note; expected … |  | PS104'),
    ('lr: 1\nnote: {who: null}', '2:13 $.note.who expected a text, got null | Write "null" | PS105'),
    ('lr: 1\nnote: {who: [a]}', '2:13 $.note.who expected a text, got ["a"] | Write "[\\"a\\"]" | PS105'),
    ('lr: 1\nnote: {who: "q\\"q"}', '= ;; lr: constant()'),
    ('lr: 1\nnote: {who: true}', '2:13 $.note.who expected a text, got true | Write "true" | PS105'),
    ('betas: []',
     '1:1 $.betas a list is a sequence of stages; each element of this field is a field of its own | For '
     'example: "betas[0]": absolute(0.9) | PS105'),
    ('betas: [0.9]',
     '1:1 $.betas a list is a sequence of stages; each element of this field is a field of its own | Split it: '
     '"betas[0]": absolute(0.9) | PS105'),
    ('betas: .nan', '1:8 $.betas the number must be finite, got nan | For example: 1 | PS106'),
    ('betas: [.nan, 1]',
     '1:1 $.betas a list is a sequence of stages; each element of this field is a field of its own | For '
     'example: "betas[0]": absolute(0.9) | PS105'),
    ('betas: constant(5)', '= ;; betas: constant(5.0)'),
    ('betas: {a: 1}',
     '1:1 $.betas schedules for single groups are written under groups | Write groups: {a: {betas: 1}} | PS103'),
    ('lr: 1\nbatches_per_epoch: true',
     '2:1 $.batches_per_epoch "batches_per_epoch" is a run fact, not a field | Remove it, and pass '
     'batches_per_epoch=… to the Scheduler | PS103'),
    ('lr: 1\nbatches_per_epoch: [5]',
     '2:1 $.batches_per_epoch "batches_per_epoch" is a run fact, not a field | Remove it, and pass '
     'batches_per_epoch=… to the Scheduler | PS103'),
    ('lr: 1\nmax_steps: true',
     'None:None  it looks like a config of transformers | Give format="transformers" | PS100'),
    ('lr: 1\nmax_steps: 5.5',
     'None:None  it looks like a config of transformers | Give format="transformers" | PS100'),
    ('lr: 1\nmax_steps: 5.0',
     'None:None  it looks like a config of transformers | Give format="transformers" | PS100'),
    ('lr: 1\nmax_steps: cosine(1)', '= ;; lr: constant() ;; max_steps: cosine()'),
    ('lr: 1\nmax_steps: many',
     'None:None  it looks like a config of transformers | Give format="transformers" | PS100'),
    ('lr: 1\nmax-steps: 5', 'None:None  it looks like a config of transformers | Give format="transformers" | PS100'),
    ('lr: 1\nMAX_STEPS: 5',
     '2:1 $.MAX_STEPS "MAX_STEPS" is not a field; the length of the run is "horizon" | Write horizon: 5 | PS103'),
    ('lr: 1\nepochs: 0',
     '2:1 $.epochs "epochs" is not a field; the length of the run is "horizon" | For example: horizon: 1000 '
     'epochs | PS103'),
    ('lr: 1\nepochs: 5%',
     '2:1 $.epochs "epochs" is not a field; the length of the run is "horizon" | For example: horizon: 1000 '
     'epochs | PS103'),
    ("lr: 1\nepochs: '5'",
     '2:1 $.epochs "epochs" is not a field; the length of the run is "horizon" | Write horizon: 5 epochs | PS103'),
    ('lr: 1\nepochs: 1.5k',
     '2:1 $.epochs "epochs" is not a field; the length of the run is "horizon" | Write horizon: 1.5k epochs | PS103'),
    ('lr: 1\nepochs: 2.5',
     '2:1 $.epochs "epochs" is not a field; the length of the run is "horizon" | Write horizon: 2.5 epochs | PS103'),
    ('lr: 1\nepochs: [5]',
     '2:1 $.epochs "epochs" is not a field; the length of the run is "horizon" | For example: horizon: 1000 '
     'epochs | PS103'),
    ('lr: 1\nduration: 5 ep',
     '2:1 $.duration "duration" is not a field; the length of the run is "horizon" | Write horizon: 5 epochs | PS103'),
    ('lr: 1\nduration: 5',
     '2:1 $.duration "duration" is not a field; the length of the run is "horizon" | Write horizon: 5 | PS103'),
    ('lr: 1\nmax_duration: 10ba',
     '2:1 $.max_duration "max_duration" is not a field; the length of the run is "horizon" | Write horizon: 10 '
     'steps | PS103'),
    ('plan: {}',
     '1:7 $.plan a schedule is a mapping of one name; found nothing | For example: cosine(to=0.1) | PS106'),
    ('plan: {x: 1}',
     '1:7 $.plan unknown schedule "x" | For example: warmup("5%") >> cosine(to=0.1) | PS102'),
    ('plan: {lr: 1, x: 2}',
     '1:1 $.plan "plan" is not a field; the entries of a plan are written at the top level | Move its entries '
     'to the top level | PS103'),
    ("plan: {'betas[0]': 1}",
     '1:7 $.plan unknown schedule "betas[0]" | For example: warmup("5%") >> cosine(to=0.1) | PS102'),
    ('lr: cosine()\nwarmup: 5',
     '2:1 $.warmup "warmup" is a name of other libraries, not a field; a warmup is a separate stage | Write lr: '
     'warmup(5) >> cosine() | PS103'),
    ('lr: cosine()\nwarmup: true',
     '2:9 $.warmup expected a schedule, got true | For example: cosine(to=0.1) | PS105'),
    ("lr: cosine()\nwarmup: '5%'",
     '2:1 $.warmup "warmup" is a name of other libraries, not a field; a warmup is a separate stage | Write lr: '
     'warmup("5%") >> cosine() | PS103'),
    ('lr: cosine()\nwarmup_ratio: 0.1',
     '2:1 $.warmup_ratio "warmup_ratio" is a name of other libraries, not a field; a warmup is a separate stage '
     '| Write lr: warmup("10%") >> cosine() | PS103'),
    ('lr: cosine()\nwarmup_fraction: 1',
     '2:1 $.warmup_fraction "warmup_fraction" is a name of other libraries, not a field; a warmup is a separate '
     'stage | Write lr: warmup("100%") >> cosine() | PS103'),
    ('lr: cosine()\nwarmup_proportion: 0.05',
     '2:1 $.warmup_proportion "warmup_proportion" is a name of other libraries, not a field; a warmup is a '
     'separate stage | Write lr: warmup("5%") >> cosine() | PS103'),
    ('lr: cosine()\nwarmup_steps: 0.1',
     '2:1 $.warmup_steps "warmup_steps" is a name of other libraries, not a field; a warmup is a separate stage '
     '| Write lr: warmup("10%") >> cosine() | PS103'),
    ('lr: cosine()\nwarmup_epochs: 0.5',
     '2:1 $.warmup_epochs "warmup_epochs" is a name of other libraries, not a field; a warmup is a separate '
     'stage | Write lr: warmup("0.5 epochs") >> cosine() | PS103'),
    ('lr: cosine()\nwarmup_epochs: 3',
     '2:1 $.warmup_epochs "warmup_epochs" is a name of other libraries, not a field; a warmup is a separate '
     'stage | Write lr: warmup("3 epochs") >> cosine() | PS103'),
    ('lr: cosine()\nwarmup-epochs: 2.5',
     '2:1 $.warmup-epochs "warmup-epochs" is a name of other libraries, not a field; a warmup is a separate '
     'stage | Write lr: warmup("2.5 epochs") >> cosine() | PS103'),
    ('lr: cosine()\nwarmup_steps: 1',
     '2:1 $.warmup_steps "warmup_steps" is a name of other libraries, not a field; a warmup is a separate stage '
     '| Write lr: warmup(1) >> cosine() | PS103'),
    ('lr: cosine()\nwarmup_steps: 1.0',
     '2:1 $.warmup_steps "warmup_steps" is a name of other libraries, not a field; a warmup is a separate stage '
     '| Write lr: warmup(1) >> cosine() | PS103'),
    ('lr: cosine()\nwarmup_steps: 1234567',
     '2:1 $.warmup_steps "warmup_steps" is a name of other libraries, not a field; a warmup is a separate stage '
     '| Write lr: warmup(1234567) >> cosine() | PS103'),
    ('lr: cosine()\nwarmup_lr: 1',
     '2:1 $.warmup_lr "warmup_lr" is a name of other libraries, not a field; it is the start of a warmup: '
     'warmup(500, start=0.01) >> cosine() |  | PS103'),
    ('lr: 1\nwarmup_steps: 5',
     '2:1 $.warmup_steps "warmup_steps" is a name of other libraries, not a field; a warmup is a separate '
     'stage: warmup(500) >> cosine() |  | PS103'),
    ('warmup_steps: 5',
     '1:1 $.warmup_steps "warmup_steps" is a name of other libraries, not a field; a warmup is a separate '
     'stage: warmup(500) >> cosine() |  | PS103'),
    ('lr: cosin(\nwarmup_steps: 5',
     '1:10 $.lr "cosin(": invalid syntax: the bracket ( is never closed | Write cosine() | PS101 '
     'cosin(>cosine() ;; 1:5 $.lr "cosin(" at character 1: unknown schedule "cosin"; did you mean "cosine"? | '
     'Write cosine() | PS102 cosin(>cosine() ;; 2:1 $.warmup_steps "warmup_steps" is a name of other libraries, '
     'not a field; a warmup is a separate stage | Write lr: warmup(5) >> cosine() | PS103'),
    ('optimizers: {a: {lr: 1}, b: 5}',
     '1:13 $.optimizers a schedule is a mapping of one name; found a, b | For example: cosine(to=0.1) | PS106'),
    ('optimizers: {}',
     '1:13 $.optimizers a schedule is a mapping of one name; found nothing | For example: cosine(to=0.1) | PS106'),
    ('optimizers: {a: {lr: 1}}\ngroups: {b: {lr: 1}}',
     '1:1 $.optimizers schedules for single groups are written under groups | Move it into groups: a: {lr: 1} | '
     'PS103'),
    ('lr: {a: 1}',
     '1:1 $.lr schedules for single groups are written under groups | Write groups: {a: {lr: 1}} | PS103'),
    ('lr: {a: 1, rest: 2}',
     '1:5 $.lr a schedule is a mapping of one name; found a, rest | For example: cosine(to=0.1) | PS106'),
    ('lr: {default: 2}',
     '1:5 $.lr unknown schedule "default" | For example: warmup("5%") >> cosine(to=0.1) | PS102'),
    ('lr: {a: 1, all: cosine()}',
     '1:1 $.lr schedules for single groups are written under groups | Keep lr: cosine() and move the other '
     'entries to groups: {a: {lr: 1}} | PS103'),
    ('lr: {a: {cosine: 1}}',
     '1:1 $.lr schedules for single groups are written under groups | Write groups: {a: {lr: {cosine: 1}}} | PS103'),
    ('lr: {a: {cosine: 1, b: 2}}',
     '1:5 $.lr unknown schedule "a" | For example: warmup("5%") >> cosine(to=0.1) | PS102'),
    ('lr: {a: true}',
     '1:5 $.lr unknown schedule "a" | For example: warmup("5%") >> cosine(to=0.1) | PS102'),
    ('lr: {a: x}', '1:5 $.lr unknown schedule "a" | For example: warmup("5%") >> cosine(to=0.1) | PS102'),
    ('lr: {a: cosine(), b: 1}\ngroups: {c: {lr: 1}}',
     '1:1 $.lr schedules for single groups are written under groups | Move it into groups: a: {lr: cosine()}, '
     'b: {lr: 1} | PS103'),
    ('x: {lr: 1}\ngroups: {c: {lr: 1}}',
     '1:1 $.x schedules for single groups are written under groups | Move it into groups: x: {lr: 1} | PS103'),
    ('x: {}', '1:4 $.x a schedule is a mapping of one name; found nothing | For example: cosine(to=0.1) | PS106'),
    ('x: {lr: 1, y: 2}',
     '1:4 $.x a schedule is a mapping of one name; found lr, y | For example: cosine(to=0.1) | PS106'),
    ('x: constant(5)', '= ;; x: constant(5.0)'),
    ('lr @ kind=muon: 1',
     '1:1 $["lr @ kind=muon"] schedules for single groups are written under groups | Write groups: {kind=muon: '
     '{lr: 1}} | PS103'),
    ('lr[head]: 1',
     '1:1 $["lr[head]"] schedules for single groups are written under groups | Write groups: {head: {lr: 1}} | PS103'),
    ('lr[0]: 1', '= ;; lr[0]: constant()'),
    ('lr(head): 1',
     '1:1 $["lr(head)"] schedules for single groups are written under groups | Write groups: {head: {lr: 1}} | PS103'),
    ('lr/head: 1',
     '1:1 $["lr/head"] schedules for single groups are written under groups | Write groups: {head: {lr: 1}} | PS103'),
    ('lr.head: 1',
     '1:1 $.lr.head schedules for single groups are written under groups | Write groups: {head: {lr: 1}} | PS103'),
    ("'lr:head': 1",
     '1:1 $["lr:head"] schedules for single groups are written under groups | Write groups: {head: {lr: 1}} | PS103'),
    ('lr.0: 1', '1:1 $.lr.0 field \'lr.0\': expected the name of a field | For example: "lr" | PS106'),
    ('head.lr: 1',
     '1:1 $.head.lr schedules for single groups are written under groups | Write groups: {head: {lr: 1}} | PS103'),
    ('head/lr: 1',
     '1:1 $["head/lr"] schedules for single groups are written under groups | Write groups: {head: {lr: 1}} | PS103'),
    ('head @ lr: 1',
     '1:1 $["head @ lr"] schedules for single groups are written under groups | Write groups: {head: {lr: 1}} | '
     'PS103'),
    ('\'lr @ "a b"\': 1',
     '1:1 $["lr @ \\"a b\\""] schedules for single groups are written under groups | Write groups: {a b: {lr: '
     '1}} | PS103'),
    ('lr @ 3: 1',
     '1:1 $["lr @ 3"] schedules for single groups are written under groups | Write groups: {"[3]": {lr: 1}} | PS103'),
    ('betas[0] @ head: 1',
     '1:1 $["betas[0] @ head"] schedules for single groups are written under groups | Write groups: {head: '
     '{"betas[0]": 1}} | PS103'),
    ('param_groups: {a: {lr: 1}}',
     '1:1 $.param_groups unknown field "param_groups"; did you mean "groups"? | Write groups: {a: {lr: 1}} | '
     'PS103 param_groups>groups'),
    ('horizons: 5\nlr: 1',
     '1:1 $.horizons unknown field "horizons"; did you mean "horizon"? | Write horizon: 5 | PS103 '
     'horizons>horizon'),
    ('group: {a: {lr: 1}}',
     '1:1 $.group unknown field "group"; did you mean "groups"? | Write groups: {a: {lr: 1}} | PS103 '
     'group>groups'),
    ('lr: 1\nnot: constant(5)', '= ;; lr: constant() ;; not: constant(5.0)'),
    ('lr: 1\nNOTE: {who: a}',
     '2:1 $.NOTE unknown field "NOTE"; did you mean "note"? | Write note: {who: a} | PS103 NOTE>note'),
    ('lr: 1\nstep-size: 5',
     '2:1 $.step-size "step-size" is a name of caffe; use step | For example: lr: step(100_000, gamma=0.1) | PS103'),
    ('lr: 1\nstep-lr: 5',
     '2:1 $.step-lr "step-lr" is a name of torch; use step | For example: lr: step(30, gamma=0.1) | PS103'),
    ('lr: 1\nstep-lr: {a: 1}',
     '2:1 $.step-lr "step-lr" is a name of torch; use step | For example: lr: step(30, gamma=0.1) | PS103'),
    ('lr: 1\nstep-lr: [a]',
     '2:1 $.step-lr "step-lr" is a name of torch; use step | For example: lr: step(30, gamma=0.1) | PS103'),
    ('lr: 1\nexponential-lr: 5',
     '2:1 $.exponential-lr "exponential-lr" is a name of torch; use exponential | For example: lr: '
     'exponential(0.95) | PS103'),
    ('lr: 1\nscheduler: cosine',
     '2:1 $.scheduler "scheduler" is not an optimizer field; did you mean "lr"? | Remove it, because lr has a '
     'schedule | PS103'),
    ('lr: 1\nscheduler: true',
     '2:12 $.scheduler expected a schedule, got true | For example: cosine(to=0.1) | PS105'),
    ('lr: 1\nscheduler: cosine()', '= ;; lr: constant() ;; scheduler: cosine()'),
    ('lr: 1\nlr_scheduler_type: cosine',
     'None:None  it looks like a config of transformers | Give format="transformers" | PS100'),
    ('lr: 1\nnum_cycles: 1',
     '2:1 $.num_cycles "num_cycles" is a name of other libraries, not a field; cosine_wave(2.0) has two waves; '
     'cosine_restarts(1000) restarts |  | PS103'),
    ('lr: 1\nnum_cycles: a b',
     '2:15 $.num_cycles "a b": invalid syntax at character 3: expected an operator or the end of the text | For '
     'example: warmup("5%") >> cosine(to=0.1) | PS101'),
    ('lr: 1\n5: 1', '2:1 $[5] field \'5\': expected the name of a field | For example: "lr" | PS106'),
    ("lr: 1\n'weight decay': 1",
     '2:1 $["weight decay"] "weight decay" is not the name of a field; did you mean "weight_decay"? | Write '
     'weight_decay: 1 | PS103 weight decay>weight_decay'),
    ("lr: 1\n' lr ': 1",
     '2:1 $[" lr "] " lr " is not the name of a field; did you mean "lr"? | Keep one of the two lines | PS103'),
    ("lr: 1\n' momentum': constant(2)",
     '2:1 $[" momentum"] " momentum" is not the name of a field; did you mean "momentum"? | Write momentum: '
     'constant(2) | PS103  momentum>momentum'),
    ("lr: 1\n'learning rate': 1",
     '2:1 $["learning rate"] "learning rate" is not the name of a field; did you mean "lr"? | Keep one of the '
     'two lines | PS103'),
    ("lr: 1\n'a b': 1", '2:1 $["a b"] field \'a b\': expected the name of a field | For example: "lr" | PS106'),
    ("lr: 1\n'': 1", '2:1 $[""] field \'\': expected the name of a field | For example: "lr" | PS106'),
    ("lr: 1\n'ℓr': 1", '2:1 $.ℓr unknown field "ℓr": "ℓ" is SCRIPT SMALL L | Write lr | PS103'),
    ("lr: 1\n'mоmentum': 1",
     '2:1 $.mоmentum unknown field "mоmentum": "о" is CYRILLIC SMALL LETTER O | Write momentum | PS103'),
    ("lr: 1\n'“momentum”': 1",
     '2:1 $["“momentum”"] unknown field "“momentum”": “ is a curly quote | Write momentum | PS103'),
    ('lr: 1\nweight_decy: 1',
     '2:1 $.weight_decy "weight_decy" is not an optimizer field; did you mean "weight_decay"? | Write '
     'weight_decay: 1 | PS103 weight_decy>weight_decay'),
    ('lr: 1\nweight_decy: cosin()',
     '2:1 $.weight_decy "weight_decy" is not an optimizer field; did you mean "weight_decay"? |  | PS103 '
     'weight_decy>weight_decay ;; 2:14 $.weight_decy "cosin()" at character 1: unknown schedule "cosin"; did '
     'you mean "cosine"? | Write cosine() | PS102 cosin>cosine'),
    ('lr: 1\nclock: []', '2:8 $.clock expected the name of a clock, got [] | For example: tokens | PS105'),
    ('lr: 1\nclock: .inf', '2:8 $.clock the number must be finite, got inf | For example: tokens | PS106'),
    ('lr: 1\nclock: {}', '= ;; lr: constant()'),
    ('lr: 1\nclock: {lr: 5}', '2:13 $.clock.lr expected the name of a clock, got 5 | For example: tokens | PS105'),
    ('lr: 1\nclock: {lr: .nan}', '2:13 $.clock.lr the number must be finite, got nan | For example: tokens | PS106'),
    ('lr: 1\nclock: {momentum: tokens}',
     "2:8 $.clock Plan(clock={'momentum': …}): unknown field or target 'momentum'; expected lr |  | PS106"),
    ('lr: 1\nclock: token',
     '2:8 $.clock unknown clock "token"; did you mean "tokens"? | Write tokens | PS106 token>tokens'),
    ('lr: 1\nclock: {lr: token}',
     '2:13 $.clock.lr unknown clock "token"; did you mean "tokens"? | Write tokens | PS106 token>tokens'),
    ('lr: 1\nclock: null', '2:8 $.clock expected the name of a clock, got null | For example: tokens | PS105'),
    ('lr: 1\nclock: progress', '= ;; lr: constant() ;; clock=progress'),
    ('lr: 1\nclock: progress\nhorizon: 5',
     '3:10 $.horizon Plan(horizon="5", clock="progress"): progress 1 is the end of the run, so the plan has no '
     'horizon | Omit horizon | PS106'),
    ('lr: 1\nclock: {lr: progress}\nhorizon: 5', "= ;; lr: constant() ;; horizon=5 ;; clock={'lr': 'progress'}"),
    ('lr: 1\nhorizon: -5', '2:10 $.horizon the horizon must be greater than 0, got -5 | For example: 5 | PS215'),
    ('lr: 1\nhorizon: -1', '2:10 $.horizon the horizon must be greater than 0, got -1 | For example: 1000 | PS215'),
    ('lr: 1\nhorizon: 0', '2:10 $.horizon the horizon must be greater than 0, got 0 | For example: 1000 | PS215'),
    ('lr: 1\nhorizon: 0 epochs',
     '2:10 $.horizon the horizon must be greater than 0, got "0 epochs" | For example: 1000 | PS215'),
    ('lr: 1\nhorizon: -20 epochs',
     '2:10 $.horizon the horizon must be greater than 0, got "-20 epochs" | For example: 20 epochs | PS215'),
    ("lr: 1\nhorizon: ' -20 epochs'",
     '2:10 $.horizon the horizon must be greater than 0, got " -20 epochs" | For example: 20 epochs | PS215'),
    ('lr: 1\nhorizon: 5%', '2:10 $.horizon "5%" is a percentage, which would refer to the horizon itself |  | PS106'),
    ('lr: 1\nhorizon: -5%',
     '2:10 $.horizon the horizon must be greater than 0, got "-5%" | For example: 1000 | PS215'),
    ('lr: 1\nhorizon: 5 epochs + 10%',
     '2:10 $.horizon "5 epochs + 10%" is a percentage, which would refer to the horizon itself |  | PS106'),
    ('lr: 1\nhorizon: null', '2:10 $.horizon expected a length, got null |  | PS105'),
    ('lr: 1\nhorizon: {epochs: 5}', '2:10 $.horizon expected a length, got {"epochs": 5} | Write 5 epochs | PS105'),
    ('lr: 1\nhorizon: {value: 5, unit: epochs}',
     '2:10 $.horizon expected a length, got {"value": 5, "unit": "epochs"} | Write 5 epochs | PS105'),
    ('lr: 1\nhorizon: {unit: epochs, amount: 5}',
     '2:10 $.horizon expected a length, got {"unit": "epochs", "amount": 5} | Write 5 epochs | PS105'),
    ('lr: 1\nhorizon: {unit: epoch}',
     '2:10 $.horizon expected a length, got {"unit": "epoch"} | For example: 1 epoch | PS105'),
    ('lr: 1\nhorizon: {epochs: 5, steps: 3}',
     '2:10 $.horizon expected a length, got {"epochs": 5, "steps": 3} |  | PS105'),
    ('lr: 1\nhorizon: .inf', '2:10 $.horizon the number must be finite, got inf |  | PS106'),
    ('lr: 1\nhorizon: 2.5',
     '2:10 $.horizon length 2.5: expected an integer number of updates or text with a unit | Write 2.5 steps | PS106'),
    ('lr: 1\nhorizon: five', '2:10 $.horizon length "five": expected a number with a unit |  | PS106'),
    ('lr: 1\nhorizon: false', '2:10 $.horizon expected a length, got false |  | PS105'),
    ('lr: 1\nhorizon: 1e400', '2:10 $.horizon the number must be finite, got inf |  | PS106'),
    ('lr: 1\n$schema: x', '= ;; lr: constant()'),
    ('lr: 1\n$schema: [x]',
     '2:10 $["$schema"] expected the name of a schema, got ["x"] | For example: "$schema": "plan.schema.json" | '
     'PS105'),
    ('lr: 1\n$schema: .inf', '2:10 $["$schema"] the number must be finite, got inf | Leave it out | PS106'),
    ('$schema: x', '1:1 $ a plan without a field | For example: lr: cosine(to=0.1) | PS108'),
    ('horizon: 5', '1:1 $ a plan without a field | For example: lr: cosine(to=0.1) | PS108'),
    ('{}', '1:1 $ a plan without a field | For example: lr: cosine(to=0.1) | PS108'),
    ('[lr]', '1:1 $ expected a plan, got ["lr"] | For example: lr: cosine(to=0.1) | PS106'),
    ('[{lr: 1}]', '1:1 $ expected a plan, got [{"lr": 1}] | Write lr: 1 | PS106'),
    ('[{lr: 1, x: 2}]', '1:1 $ expected a plan, got [{"lr": 1, "x": 2}] | For example: lr: cosine(to=0.1) | PS106'),
    ('[{lr: .inf}]', '1:1 $ expected a plan, got a list | For example: lr: cosine(to=0.1) | PS106'),
    ('[{lr: 1}, {x: 2}]',
     '1:1 $ expected a plan, got [{"lr": 1}, {"x": 2}] | For example: lr: cosine(to=0.1) | PS106'),
    ('lr:cosine(to=0.1)', '1:1 $ a space is missing after the colon | Write lr: cosine(to=0.1) | PS106'),
    ('lr:1 momentum:2', '1:1 $ a space is missing after the colon | Write lr: 1 | PS106'),
    ('lr=1', '1:1 $ YAML needs a colon, not an equals sign | Write lr: 1 | PS106'),
    ('lr = 1', '1:1 $ YAML needs a colon, not an equals sign | Write lr: 1 | PS106'),
    ('betas[0]:1', '1:1 $ a space is missing after the colon | Write betas[0]: 1 | PS106'),
    ('lr cosine()', '1:1 $ a colon is missing after the name of the field | Write lr: cosine() | PS106'),
    ('lr cosine', '1:1 $ expected a plan, got "lr cosine" | For example: lr: cosine(to=0.1) | PS106'),
    ('cosine', '1:1 $ expected a plan, got "cosine" | For example: lr: cosine(to=0.1) | PS106'),
    ('cosine()', '1:1 $ expected a plan, got "cosine()" | Write lr: cosine() | PS106'),
    ('cosin()', '1:1 $ expected a plan, got "cosin()" | Write lr: cosine() | PS106'),
    ('5 cosine()', '1:1 $ expected a plan, got "5 cosine()" | Write lr: 5 * cosine() | PS106'),
    ('targets: {t: {schedule: 1}}',
     '1:14 $.targets.t "initial" is missing | For example: t: {initial: 1.0, schedule: 1} | PS104'),
    ('targets: {t: {}}', '1:14 $.targets.t it is empty | For example: t: {initial: 1.0, schedule: cosine()} | PS108'),
    ('targets: {t: []}',
     '1:14 $.targets.t [] is a list, not a target | For example: t: {initial: 1.0, schedule: cosine()} | '
     'PS105'),
    ('targets: {t: true}',
     '1:14 $.targets.t true is a boolean, not a target | For example: t: {initial: 1.0, schedule: '
     'cosine()} | PS105'),
    ('targets: {t: cosine()}',
     '1:14 $.targets.t "cosine()" is text, not a target | For example: t: {initial: 1.0, schedule: '
     'cosine()} | PS105'),
    ('targets: {t: x}',
     '1:14 $.targets.t "x" is text, not a target | For example: t: {initial: 1.0, schedule: cosine()} | '
     'PS105'),
    ('targets: {t: .inf}',
     '1:14 $.targets.t the number must be finite, got inf | For example: t: {initial: 1.0, schedule: '
     'cosine()} | PS106'),
    ('targets: {t: 1e299}',
     '1:14 $.targets.t 1e+299 is a number, not a target | For example: t: {initial: 1e+299, schedule: '
     'cosine()} | PS105'),
    ('targets: {t: 1e300}',
     '1:14 $.targets.t 1e+300 is a number, not a target | For example: t: {initial: 1e+300, schedule: '
     'cosine()} | PS105'),
    ('targets: {5: 5}',
     '1:11 $.targets[5] expected an identifier, got 5 | For example: target_5 | PS104 ;; 1:14 '
     '$.targets[5] 5 is a number, not a target | For example: target_5: {initial: 5, schedule: cosine()} '
     '| PS105'),
    ('targets: {5: {initial: 1, schedule: 1}}',
     '1:11 $.targets[5] expected an identifier, got 5 | For example: target_5 | PS104'),
    ("targets: {'a b': {initial: 1, schedule: 1}}",
     '1:11 $.targets["a b"] expected an identifier, got "a b" | Write a_b | PS104 a b>a_b'),
    ("targets: {'!': {initial: 1, schedule: 1}}",
     '1:11 $.targets["!"] expected an identifier, got "!" | For example: temperature | PS104'),
    ('targets: {t: {initial: true, schedule: 1}}',
     '1:24 $.targets.t.initial expected a number, got true | For example: 1.0 | PS105'),
    ('targets: {t: {initial: x, schedule: 1}}',
     '1:24 $.targets.t.initial expected a number, got "x" | For example: 1.0 | PS105'),
    ('targets: {t: {initial: null, schedule: 1}}',
     '1:24 $.targets.t.initial expected a number, got null | For example: 1.0 | PS105'),
    ('targets: {t: {initial: 1, schedule: .inf}}',
     '1:37 $.targets.t.schedule the number must be finite, got inf | For example: 1 | PS106'),
    ('targets: {t: {initial: 1, schedule: cosin()}}',
     '1:37 $.targets.t.schedule "cosin()" at character 1: unknown schedule "cosin"; did you mean "cosine"? | '
     'Write cosine() | PS102 cosin>cosine'),
    ('targets: {t: {initial: 1, schedule: 1, x: 2}}',
     '1:40 $.targets.t.x a target has no "x"; expected … |  | PS103'),
    ('targets: {t: {start: 1, schedule: 1}}',
     '1:15 $.targets.t.start a target has no "start"; did you mean "initial"? | Write initial: 1 | PS103 '
     'start>initial'),
    ('targets: {t: {init: 1, sched: 1}}',
     '1:15 $.targets.t.init a target has no "init"; did you mean "initial"? | Write initial: 1 | PS103 '
     'init>initial ;; 1:24 $.targets.t.sched a target has no "sched"; did you mean "schedule"? |  | PS103'),
    ('targets: {t: {value: 1, schedule: 1}}',
     '1:15 $.targets.t.value a target has no "value"; did you mean "initial"? | Write initial: 1 | PS103 '
     'value>initial'),
    ('targets: {t: {x: 1}}',
     '1:15 $.targets.t.x a target has no "x"; expected … |  | PS103 ;; 1:14 $.targets.t "initial" is '
     'missing | For example: t: {initial: 1.0, schedule: cosine()} | PS104 ;; 1:14 $.targets.t "schedule" '
     'is missing | For example: t: {initial: 1.0, schedule: cosine()} | PS104'),
    ('targets: {t: {initial: .inf}}',
     '1:14 $.targets.t "schedule" is missing | For example: t: {initial: 1.0, schedule: cosine()} | PS104 '
     ';; 1:24 $.targets.t.initial the number must be finite, got inf | For example: 1 | PS106'),
    ('targets: {t: {schedule: [.inf]}}',
     '1:14 $.targets.t "initial" is missing | For example: t: {initial: 1.0, schedule: cosine()} | PS104 '
     ';; 1:26 $.targets.t.schedule[0] the number must be finite, got inf | For example: 1 | PS106'),
    ('[{lr: [.inf]}]', '1:1 $ expected a plan, got a list | For example: lr: cosine(to=0.1) | PS106'),
    ('lr: 1\nnote: {who: -.inf}', '2:13 $.note.who the number must be finite, got -inf | Put it in quotes | PS106'),
    ('targets: {t: {initial: 1, schedule: 1}, u: {initial: 2, schedule: cosine()}}',
     "= ;; ['t', 1.0]: constant() ;; ['u', 2.0]: cosine()"),
    ('targets: []',
     '1:10 $.targets [] is a list, not targets by name | For example: targets: {temperature: {initial: 1.0, '
     'schedule: cosine()}} | PS105'),
    ('targets: {}',
     '1:10 $.targets it is empty | For example: targets: {temperature: {initial: 1.0, schedule: cosine()}} | PS108'),
    ('targets: .inf',
     '1:10 $.targets the number must be finite, got inf | For example: targets: {temperature: {initial: 1.0, '
     'schedule: cosine()}} | PS106'),
    ('targets: {t: {initial: 1, schedule: 1}}\nlr: 1\ngroups: {t: {lr: 1}}',
     "= ;; lr: constant() ;; lr of t: constant() ;; ['t', 1.0]: constant()"),
    ('lr: {warmup: {start: 0.1}}', '1:5 $.lr warmup needs the argument "over" | For example: warmup(4) | PS104'),
    ('lr: {warmup: {warmup_steps: 5}}',
     '1:15 $.lr.warmup_steps unknown argument "warmup_steps" of warmup; use "over" | Write lr: warmup(over=5) | '
     'PS104 warmup_steps>over'),
    ('lr: {warmup: {warmup_ratio: 0.1}}',
     '1:15 $.lr.warmup_ratio unknown argument "warmup_ratio" of warmup; use "over" | Write lr: '
     'warmup(over="10%") | PS104'),
    ('lr: {warmup: {warmup_fraction: 0.1}}',
     '1:15 $.lr.warmup_fraction unknown argument "warmup_fraction" of warmup; use "over" | Write lr: '
     'warmup(over="10%") | PS104'),
    ('lr: {cosine: {warmup_steps: 5}}',
     '1:15 $.lr.warmup_steps unknown argument "warmup_steps" of cosine; a warmup is a separate stage: '
     'warmup(500) >> cosine() | Write lr: warmup(5) >> cosine() | PS104'),
    ('lr: {cosine: {warmup_ratio: 0.1}}',
     '1:15 $.lr.warmup_ratio unknown argument "warmup_ratio" of cosine; a warmup is a separate '
     'stage: warmup("10%") >> cosine() | Write lr: warmup("10%") >> cosine() | PS104'),
    ('lr: {cosine: {warmup_steps: 5, T_max: 10}}',
     '1:15 $.lr.warmup_steps unknown argument "warmup_steps" of cosine; a warmup is a separate stage: '
     'warmup(500) >> cosine() | Write lr: warmup(5) >> cosine(over=10) | PS104 ;; 1:32 '
     '$.lr.T_max unknown argument "T_max" of cosine; use "over" | Write lr: warmup(5) >> cosine(over=10) | '
     'PS104 T_max>over'),
    ('lr: {linear: {warmup_ratio: 0.1}}',
     '1:15 $.lr.warmup_ratio unknown argument "warmup_ratio" of linear; a warmup is a separate '
     'stage: warmup("10%") >> cosine() | Write lr: warmup("10%") >> linear() | PS104'),
    ('lr: {linear: {start_factor: 0.1, end_factor: 1}}',
     '1:15 $.lr.start_factor linear(…): unknown argument "start_factor"; use "start"; unknown argument '
     '"end_factor"; use "to" | Write lr: warmup(5, 0.1) | PS104'),
    ('lr: {linear: {start_factor: 0.1, end_factor: 1, total_iters: 5}}',
     '1:15 $.lr.start_factor linear(…): unknown argument "start_factor"; use "start"; unknown argument '
     '"end_factor"; use "to"; unknown argument "total_iters"; use "over" | Write lr: warmup(5, 0.1) | PS104'),
    ('lr: {cosine: {T_max: 10}}',
     '1:15 $.lr.T_max unknown argument "T_max" of cosine; use "over" | Write lr: cosine(over=10) | PS104 T_max>over'),
    ('lr: {cosine: {T_max: 10, eta_min: 0}}',
     '1:15 $.lr.T_max unknown argument "T_max" of cosine; use "over" | Write lr: cosine(over=10, to=0) | PS104 '
     'T_max>over ;; 1:26 $.lr.eta_min unknown argument "eta_min" of cosine; use "to" | Write lr: '
     'cosine(over=10, to=0) | PS104'),
    ('lr: {cosine: {T_max: 10, eta_min: 0.1}}',
     '1:15 $.lr.T_max unknown argument "T_max" of cosine; use "over" | Write lr: cosine(over=10, '
     'to=absolute(0.1)) | PS104 T_max>over ;; 1:26 $.lr.eta_min unknown argument "eta_min" of cosine; use "to" '
     '| Write lr: cosine(over=10, to=absolute(0.1)) | PS104'),
    ('lr: {cosine: {eta_min: 0.1}}',
     '1:15 $.lr.eta_min unknown argument "eta_min" of cosine; use "to" | Write lr: cosine(to=absolute(0.1)) | PS104'),
    ('lr: {cosine: {eta_min: true}}',
     '1:15 $.lr.eta_min unknown argument "eta_min" of cosine; use "to" | For example: cosine(to=0.1, over=100) '
     '| PS104 ;; 1:24 $.lr.eta_min expected a level, got true | For example: cosine(to=0.1, over=100) | PS105'),
    ('lr: {cosine: {T_max: 10, last_epoch: -1}}',
     '1:15 $.lr.T_max unknown argument "T_max" of cosine; use "over" | For example: cosine(to=0.1, over=100) | '
     'PS104 ;; 1:26 $.lr.last_epoch unknown argument "last_epoch" of cosine; a schedule has no state; '
     'Scheduler.seek(t) sets the position | For example: cosine(to=0.1, over=100) | PS104'),
    ('lr: {cosine: {last_epoch: -1}}',
     '1:15 $.lr.last_epoch unknown argument "last_epoch" of cosine; a schedule has no state; Scheduler.seek(t) '
     'sets the position | For example: cosine(to=0.1, over=100) | PS104'),
    ('lr: {cosine: {to: 0.1, verbose: true}}',
     '1:24 $.lr.verbose unknown argument "verbose" of cosine; a schedule prints nothing; Scheduler.values() '
     'returns the current values | For example: cosine(to=0.1, over=100) | PS104'),
    ('lr: {cosine: {verbose: true, by_epoch: true}}',
     '1:15 $.lr.verbose unknown argument "verbose" of cosine; a schedule prints nothing; Scheduler.values() '
     'returns the current values | For example: cosine(to=0.1, over=100) | PS104 ;; 1:30 $.lr.by_epoch unknown '
     'argument "by_epoch" of cosine; a length has a unit: over="10 epochs"; every(…, "epoch") changes between '
     'epochs only | For example: cosine(to=0.1, over=100) | PS104'),
    ('lr: {cosine: {T_max: 10, over: 5}}',
     '1:15 $.lr.T_max unknown argument "T_max" of cosine; "over" is passed too | For example: cosine(to=0.1, '
     'over=100) | PS104'),
    ('lr: {cosine: {T_max: 10, max_iter: 5}}',
     '1:15 $.lr.T_max unknown argument "T_max" of cosine; use "over" | For example: cosine(to=0.1, over=100) | '
     'PS104 ;; 1:26 $.lr.max_iter unknown argument "max_iter" of cosine; "over" is passed too | For example: '
     'cosine(to=0.1, over=100) | PS104'),
    ('lr: {cosine: {T_max: 10, x: 5}}',
     '1:15 $.lr.T_max unknown argument "T_max" of cosine; use "over" | For example: cosine(to=0.1, over=100) | '
     'PS104 ;; 1:26 $.lr.x unknown argument "x" of cosine; expected … | For example: cosine(to=0.1, over=100) | '
     'PS104'),
    ('lr: {cosine: {T_max: .inf, eta_min: 0.1}}',
     '1:22 $.lr.T_max the number must be finite, got inf | For example: 1 | PS106 ;; 1:15 $.lr.T_max unknown '
     'argument "T_max" of cosine; use "over" | For example: cosine(to=0.1, over=100) | PS104 ;; 1:28 '
     '$.lr.eta_min unknown argument "eta_min" of cosine; use "to" | For example: cosine(to=0.1, over=100) | '
     'PS104'),
    ('lr: {cosine: {eta_min: .inf}}',
     '1:24 $.lr.eta_min the number must be finite, got inf | For example: 1 | PS106 ;; 1:15 $.lr.eta_min '
     'unknown argument "eta_min" of cosine; use "to" | For example: cosine(to=0.1, over=100) | PS104'),
    ('lr: {cosine: {until: 5}}',
     '1:15 $.lr.until unknown argument "until" of cosine; use "over" | Write lr: cosine(over="until 5 steps") | '
     'PS104'),
    ('lr: {step: {until: 5, every: 3}}',
     '1:13 $.lr.until unknown argument "until" of step; expected … | For example: step(30, 0.5) | PS104'),
    ('lr: {cosine: {num_cycles: 5}}',
     '1:15 $.lr.num_cycles unknown argument "num_cycles" of cosine; cosine_wave(2.0) has two waves; '
     'cosine_restarts(1000) restarts | For example: cosine(to=0.1, over=100) | PS104'),
    ('lr: {cosine: {num_cycles: 5, T_max: 3}}',
     '1:15 $.lr.num_cycles unknown argument "num_cycles" of cosine; cosine_wave(2.0) has two waves; '
     'cosine_restarts(1000) restarts | For example: cosine(to=0.1, over=100) | PS104 ;; 1:30 $.lr.T_max unknown '
     'argument "T_max" of cosine; use "over" | For example: cosine(to=0.1, over=100) | PS104'),
    ('lr: {cosine: {too: 1, ovr: 2}}',
     '1:15 $.lr.too unknown argument "too" of cosine; did you mean "to"? | Write lr: cosine(to=1, over=2) | PS104 '
     'too>to ;; 1:23 $.lr.ovr unknown argument "ovr" of cosine; did you mean "over"? | Write lr: cosine(to=1, over=2) '
     '| PS104 ovr>over'),
    ('lr: {cosine: {zzz: 1, yyy: 2}}',
     '1:15 $.lr.zzz unknown argument "zzz" of cosine; expected … | For example: cosine(to=0.1, over=100) | '
     'PS104 ;; 1:23 $.lr.yyy unknown argument "yyy" of cosine; expected … | For example: cosine(to=0.1, '
     'over=100) | PS104'),
    ('lr: {step: {step_size: 5, gama: 0.5}}',
     '1:13 $.lr.step_size unknown argument "step_size" of step; use "every" | Write lr: step(every=5, '
     'gamma=0.5) | PS104 step_size>every ;; 1:27 $.lr.gama unknown argument "gama" of step; did you mean '
     '"gamma"? | Write lr: step(every=5, gamma=0.5) | PS104 gama>gamma'),
    ('lr: {step: {step_size: 5, last_epoch: 3}}',
     '1:13 $.lr.step_size unknown argument "step_size" of step; use "every" | For example: step(30, 0.5) | '
     'PS104 ;; 1:27 $.lr.last_epoch unknown argument "last_epoch" of step; a schedule has no state; '
     'Scheduler.seek(t) sets the position | For example: step(30, 0.5) | PS104'),
    ('lr: {step: {last_epoch: 3}}',
     '1:13 $.lr.last_epoch unknown argument "last_epoch" of step; a schedule has no state; Scheduler.seek(t) '
     'sets the position | For example: step(30, 0.5) | PS104'),
    ('lr: [warmup(5), {step: {step_size: 5, last_epoch: 3}}]',
     '1:25 $.lr[1].step_size unknown argument "step_size" of step; use "every" | For example: step(30, 0.5) | '
     'PS104 ;; 1:39 $.lr[1].last_epoch unknown argument "last_epoch" of step; a schedule has no state; '
     'Scheduler.seek(t) sets the position | For example: step(30, 0.5) | PS104'),
    ('lr: [warmup(5), {cosine: {T_max: 10, eta_min: 0.1}}]',
     '1:27 $.lr[1].T_max unknown argument "T_max" of cosine; use "over" | Write lr: warmup(5) >> '
     'cosine(over=10, to=absolute(0.1)) | PS104 T_max>over ;; 1:38 $.lr[1].eta_min unknown argument "eta_min" '
     'of cosine; use "to" | Write lr: warmup(5) >> cosine(over=10, to=absolute(0.1)) | PS104'),
    ('lr: {minimum: [0.5, 0.6]}', '= ;; lr: minimum(constant(0.5), constant(0.6))'),
    ('lr: {minimum: 0.5}', '= ;; lr: minimum(constant(0.5))'),
    ('lr: {minimum: {a: 1}}',
     '1:16 $.lr.a unknown argument "a" of minimum; expected operands | For example: minimum(constant(0.5), '
     'linear(1, 0, over=10)) | PS104'),
    ('lr: {chain: 5}', '= ;; lr: chain(constant(5.0))'),
    ('lr: {multistep: 5}', '1:17 $.lr.milestones expected a list, got 5 | Write lr: multistep([5]) | PS105'),
    ('lr: {multistep: []}',
     '1:5 $.lr multistep needs the argument "milestones" | For example: multistep([30, 80], 0.5) | PS104'),
    ('lr: {multistep: [[]]}', '= ;; lr: multistep([])'),
    ('lr: {multistep: [30%, 60%]}',
     '1:5 $.lr multistep takes a list of values | Write lr: multistep(["30%", "60%"]) | PS105'),
    ('lr: [1, {multistep: [3, 6]}]',
     '1:9 $.lr[1] multistep takes a list of values | Write lr: constant(1) >> multistep([3, 6]) | PS105'),
    ('lr: {multistep: {gamma: 0.1}}',
     '1:5 $.lr multistep needs the argument "milestones" | For example: multistep([30, 80], 0.5) | PS104'),
    ('lr: {piecewise: {}}',
     '1:5 $.lr piecewise needs the argument "points" | For example: piecewise([(0, 1.0), (10, 0.5), (20, 0.1)]) '
     '| PS104'),
    ('lr: {piecewise: [[0, 1]]}',
     '1:19 $.lr.points[0] expected a list, got 0 | For example: piecewise([(0, 1.0), (10, 0.5), (20, 0.1)]) | PS105'),
    ('lr: {anneal: {}}', '= ;; lr: linear()'),
    ('lr: {restarts: {}}',
     '1:5 $.lr restarts needs the argument "schedule" | For example: restarts(linear(1, 0, over=4), 4, times=2) '
     '| PS104'),
    ('lr: {restarts: {schedule: cosine()}}',
     '1:5 $.lr restarts(times=None): expected every, times, or both | For example: restarts(cosine(), times=4) '
     '| PS106'),
    ('lr: {restarts: {every: 5}}',
     '1:5 $.lr restarts needs the argument "schedule" | For example: restarts(linear(1, 0, over=4), 4, times=2) '
     '| PS104'),
    ('lr: {noam: {}}',
     '1:5 $.lr noam needs the arguments "width" and "warmup" | For example: noam(512, 4000) | PS104'),
    ('lr: {noam: [1]}', '1:5 $.lr noam needs the argument "warmup" | For example: noam(512, 4000) | PS104'),
    ('lr: {noam: [1, 2, 3, 4, 5]}',
     '1:5 $.lr noam takes at most 3 values, width, warmup, factor; found 5 | For example: noam(512, 4000) | PS104'),
    ('lr: {wsd: {}}',
     '1:5 $.lr wsd needs the arguments "warmup" and "decay" | For example: wsd("2%", "20%") | PS104'),
    ('lr: {warmup: {}}', '1:5 $.lr warmup needs the argument "over" | For example: warmup(4) | PS104'),
    ('lr: {warmup: [5, 0.1, cosine, t/n, 3]}',
     '1:31 $.lr.curve unknown curve "t/n"; expected … | For example: anneal(curve=curves.cosine) | PS102 ;; '
     '1:23 $.lr.to expected a level, got "cosine" | For example: warmup(4) | PS105 ;; 1:36 $.lr.index expected '
     '… | For example: warmup(4) | PS106'),
    ('lr: {plateau: [a, b, c]}',
     '1:19 $.lr.mode expected … | For example: plateau(patience=1, factor=0.5) | PS106 ;; 1:22 $.lr.factor '
     'expected a number, got "c" | For example: plateau(patience=1, factor=0.5) | PS105'),
    ('lr: {plateau: {monitor: x}}',
     '1:16 $.lr.monitor unknown argument "monitor" of plateau; use "metric" | Write lr: plateau(metric="x") | '
     'PS104 monitor>metric'),
    ('lr: {plateau: {patience: 2.5}}',
     '1:26 $.lr.patience expected an integer, got 2.5 | For example: plateau(patience=1, factor=0.5) | PS105'),
    ('lr: {plateau: {patience: true}}',
     '1:26 $.lr.patience expected an integer, got true | For example: plateau(patience=1, factor=0.5) | PS105'),
    ('lr: {plateau: {mode: mx}}', '1:22 $.lr.mode expected … | For example: plateau(patience=1, factor=0.5) | PS106'),
    ('lr: {plateau: {mode: 5}}', '1:22 $.lr.mode expected … | For example: plateau(patience=1, factor=0.5) | PS106'),
    ('lr: {plateau: {threshold_mode: rel, cooldown: 3}}', '= ;; lr: constant() * plateau(cooldown=3)'),
    ('lr: {exponential: {}}',
     '1:5 $.lr exponential needs the argument "gamma" | For example: exponential(0.5, per="100 updates") | PS104'),
    ('lr: {exponential: {gamma: x}}',
     '1:27 $.lr.gamma expected a number, got "x" | For example: exponential(0.5, per="100 updates") | PS105'),
    ('lr: {every: [cosine()]}',
     '1:5 $.lr every needs the argument "period" | For example: every(linear(1, 0, over=10), 5) | PS104'),
    ('lr: {every: [cosine(), epochs]}',
     '1:24 $.lr.period length "epochs": expected a number with a unit | Write lr: every(cosine(), "epoch") | '
     'PS106 epochs>epoch'),
    ('lr: {window: {}}',
     '1:5 $.lr window needs the argument "schedule" | For example: window(constant(0.5), 10, 20) | PS104'),
    ('lr: {one_cycle: {max_lr: 0.1}}',
     '1:18 $.lr.max_lr unknown argument "max_lr" of one_cycle; the group\'s own lr is the peak | For example: '
     'one_cycle() | PS104'),
    ('lr: {one_cycle: {pct_start: 0.3, total_steps: 100}}',
     '1:18 $.lr.pct_start unknown argument "pct_start" of one_cycle; use "up" | For example: one_cycle() | '
     'PS104 ;; 1:34 $.lr.total_steps unknown argument "total_steps" of one_cycle; the horizon of the plan is '
     'the length of the run | For example: one_cycle() | PS104'),
    ('lr: {cosine_restarts: {T_0: 5, T_mult: 2}}',
     '1:24 $.lr.T_0 unknown argument "T_0" of cosine_restarts; use "first" | Write lr: cosine_restarts(first=5, '
     'mult=2) | PS104 T_0>first ;; 1:32 $.lr.T_mult unknown argument "T_mult" of cosine_restarts; use "mult" | '
     'Write lr: cosine_restarts(first=5, mult=2) | PS104 T_mult>mult'),
    ('lr: {cosine_restarts: {T_0: 5}}',
     '1:24 $.lr.T_0 unknown argument "T_0" of cosine_restarts; use "first" | Write lr: cosine_restarts(first=5) '
     '| PS104 T_0>first'),
    ('lr: {constant: {}}', '= ;; lr: constant()'),
    ('lr: {constant: {factor: 0.1}}',
     '1:17 $.lr.factor constant(…): unknown argument "factor"; use "value" | Write lr: constant(0.1, 5) >> '
     'constant() | PS104'),
    ('lr: {constant: {lr: 0.1}}',
     '1:17 $.lr.lr unknown argument "lr" of constant; use "value" | Write lr: constant(value=absolute(0.1)) | PS104'),
    ('lr: {constant: [0.1, 5, 6]}',
     '1:5 $.lr constant takes at most 2 values, value, over; found 3 | For example: constant(0.1) | PS104'),
    ('lr: {cosine: {to: 100000000000000000000000000000000}}', '= ;; lr: cosine(to=1e+32)'),
    ('lr: {recurrence: []}',
     '1:5 $.lr recurrence(…): expected rules | For example: recurrence(rules.linear(0.5, end=5), '
     'rules.cosine(0.5, over=5)) | PS106'),
    ('lr: {recurrence: {rules: []}}',
     '1:5 $.lr recurrence(…): expected rules | For example: recurrence(rules.linear(0.5, end=5), '
     'rules.cosine(0.5, over=5)) | PS106'),
    ('lr: {recurrence: [{rules.linear: {}}]}',
     '1:19 $.lr.rules[0] rules.linear needs the argument "start" | For example: rules.linear(0.1, end=5) | PS104'),
    ('lr: {recurrence: [{rules.linear: [0.1, 5, 6, 7, 8, 9]}]}',
     '= ;; lr: recurrence(rules.linear(0.1, 5.0, 6, 7, 8, 9))'),
    ('lr: {recurrence: [{rules.linear: {start: 0.1, ende: 5}}]}',
     '1:47 $.lr.rules[0].ende unknown argument "ende" of rules.linear; did you mean "end"? | Write lr: '
     'recurrence(rules.linear(start=0.1, end=5)) | PS104 ende>end'),
    ('lr: {recurrence: [{rules.linear: {start_factor: 0.1, total_iters: 5}}]}',
     '1:35 $.lr.rules[0].start_factor unknown argument "start_factor" of rules.linear; use "start" | Write lr: '
     'recurrence(rules.linear(start=0.1, over=5)) | PS104 start_factor>start ;; 1:54 $.lr.rules[0].total_iters '
     'unknown argument "total_iters" of rules.linear; use "over" | Write lr: recurrence(rules.linear(start=0.1, '
     'over=5)) | PS104 total_iters>over'),
    ('lr: {table: {}}',
     '1:5 $.lr table needs the argument "values" | For example: table([0.1, 0.5, 1.0], every=2) | PS104'),
    ('lr: {clamp: {schedule: cosine(), low: 1, high: 0}}',
     '1:39 $.lr.low clamp(low=1.0, high=0.0): low is above high | For example: clamp(exponential(0.5), low=0.1) '
     '| PS106'),
    ('lr: {clamp: {schedule: cosine(), min: 1}}',
     '1:34 $.lr.min unknown argument "min" of clamp; use "low" | Write lr: clamp(schedule=cosine(), low=1) | '
     'PS104 min>low'),
    ('lr: {cosine: {1: 2}}',
     '1:15 $.lr[1] unknown argument "1" of cosine; expected … | For example: cosine(to=0.1, over=100) | PS104'),
    ("lr: {cosine: {'': 2}}",
     '1:19 $.lr[""] positional argument after a keyword argument | Write lr: cosine(2) | PS101'),
    ('lr: {cosine: [[1, 2]]}',
     '1:15 $.lr.start expected a level, got [1, 2] | For example: cosine(to=0.1, over=100) | PS105'),
    ('lr: {warmup: {over: 5, start: 0.1, too: 3}}',
     '1:36 $.lr.too unknown argument "too" of warmup; did you mean "to"? | Write lr: warmup(over=5, '
     'start=0.1, to=3) | PS104 too>to'),
    ('lr: {warmup: {num_warmup_steps: 5, start_factor: 0.1}}',
     '1:15 $.lr.num_warmup_steps unknown argument "num_warmup_steps" of warmup; use "over" | Write lr: '
     'warmup(over=5, start=0.1) | PS104 num_warmup_steps>over ;; 1:36 $.lr.start_factor unknown argument '
     '"start_factor" of warmup; use "start" | Write lr: warmup(over=5, start=0.1) | PS104 start_factor>start'),
    ('lr: {warmup: {warmup_steps: 5, warmup_init_lr: 0.001}}',
     '1:15 $.lr.warmup_steps unknown argument "warmup_steps" of warmup; use "over" | Write lr: warmup(over=5, '
     'start=absolute(0.001)) | PS104 warmup_steps>over ;; 1:32 $.lr.warmup_init_lr unknown argument '
     '"warmup_init_lr" of warmup; use "start" | Write lr: warmup(over=5, start=absolute(0.001)) | PS104'),
    ('lr: {cooldown: {cooldown_steps: 5}}',
     '1:17 $.lr.cooldown_steps unknown argument "cooldown_steps" of cooldown; use "over" | Write lr: '
     'cooldown(over=5) | PS104 cooldown_steps>over'),
    ('lr: {cooldown: {}}',
     '1:5 $.lr cooldown needs the argument "over" | For example: cooldown(4, curve=curves.one_minus_sqrt) | PS104'),
]  # fmt: skip


@table(("document", "expected"), DOCUMENTS)
def test_an_entry_of_a_plan_is_read_or_refused_with_its_advice(document, expected):
    assert outcome(document) == expected
