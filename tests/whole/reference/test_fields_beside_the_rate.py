"""Published schedules of weight decay, averages, temperatures, momentum and loss weights."""

from whole.reference.field_curves import (
    BASE,
    TO_THE_END,
    FieldCurve,
    assert_line_is_the_formula,
    between,
    clip,
    each_of,
    rise,
)

EPOCHS = {"steps_per_epoch": 10}


FIELDS = [
    FieldCurve(
        "DINO weight decay",
        "cosine(start=absolute(0.04), to=absolute(0.4))",
        lambda t: between(0.04, 0.4, rise(clip(t / 100))),
    ),
    FieldCurve(
        "Megatron weight decay", "linear(absolute(0.01), absolute(0.1))", lambda t: between(0.01, 0.1, clip(t / 100))
    ),
    FieldCurve("nanochat weight decay", "cosine()", lambda t: BASE * (1 - rise(clip(t / 100)))),
    FieldCurve(
        "BYOL momentum",
        "cosine(start=absolute(0.996), to=absolute(1))",
        lambda t: between(0.996, 1, rise(t / 100)),
        TO_THE_END,
    ),
    FieldCurve(
        "I-JEPA momentum",
        'linear(absolute(0.996), absolute(1), over="125%")',
        lambda t: 0.996 + t * 0.004 / 125,
        TO_THE_END,
    ),
    FieldCurve(
        "I-JEPA momentum between two updates",
        'with_lengths(linear(absolute(0.996), absolute(1), over="125%"))',
        lambda t: 0.996 + t * 0.004 / (77 * 1.25),
        range(78),
        77,
    ),
    FieldCurve(
        "data2vec momentum",
        "linear(absolute(0.999), absolute(0.9999), over=30)",
        lambda t: between(0.999, 0.9999, clip(t / 30)),
    ),
    FieldCurve(
        "DINO teacher temperature",
        'every(linear(absolute(0.04), absolute(0.07), "3 epochs - 1 epoch"), "1 epoch")',
        lambda t: between(0.04, 0.07, min(t // 10, 2) / 2),
        facts=EPOCHS,
    ),
    FieldCurve(
        "DINO last layer", 'constant(0, "1 epoch") >> constant()', lambda t: 0 if t < 10 else BASE, facts=EPOCHS
    ),
    FieldCurve(
        "Muon momentum",
        "linear(absolute(0.85), absolute(0.95), 30) >> constant(absolute(0.95)) "
        ">> linear(absolute(0.95), absolute(0.85), 5)",
        lambda t: between(0.85, 0.95, min(t / 30, 1)) - 0.1 * clip((t - 95) / 5),
    ),
    FieldCurve(
        "Adafactor and PaLM beta2", "constant(absolute(1)) * (1 - power_law(0.8, 1))", lambda t: 1 - (t + 1) ** -0.8
    ),
    FieldCurve("AdEMAMix alpha", "linear(absolute(0), absolute(5))", lambda t: 5 * clip(t / 100)),
    FieldCurve(
        "early dropout",
        'linear(absolute(0.1), absolute(0), over="5 epochs")',
        lambda t: 0.1 * (1 - clip(t / 50)),
        facts=EPOCHS,
    ),
    FieldCurve(
        "late dropout",
        'constant(absolute(0), "5 epochs") >> constant(absolute(0.1))',
        lambda t: 0 if t < 50 else 0.1,
        facts=EPOCHS,
    ),
    FieldCurve(
        "wav2vec 2.0 temperature",
        "clamp(constant(absolute(2)) * exponential(0.99), low=absolute(0.5))",
        lambda t: max(0.5, 2 * 0.99**t),
    ),
    FieldCurve(
        "scheduled sampling, linear", "linear(absolute(1), absolute(0.25))", lambda t: max(0.25, 1 - 0.75 * t / 100)
    ),
    FieldCurve("scheduled sampling, exponential", "exponential(0.99)", lambda t: BASE * 0.99**t),
    FieldCurve(
        "DQN epsilon", 'linear(absolute(1), absolute(0.1), over="30%")', lambda t: between(1, 0.1, clip(t / 30))
    ),
    FieldCurve(
        "prioritized replay beta", "linear(absolute(0.4), absolute(1))", lambda t: between(0.4, 1, clip(t / 100))
    ),
    FieldCurve(
        "multi-token weights",
        'piecewise([(0, absolute(0.25)), ("30%", absolute(0))], curve=curves.linear)',
        lambda t: 0.25 * (1 - clip(t / 30)),
    ),
    FieldCurve(
        "modded-nanogpt batch sizes",
        'piecewise([(0, absolute(8)), ("33%", absolute(16)), ("66%", absolute(24))])',
        lambda t: 8 if t < 33 else 16 if t < 66 else 24,
    ),
    FieldCurve(
        "Megatron rampup-batch-size",
        "stairs(absolute(16), absolute(48), 4, over=80)",
        lambda t: 16 + 8 * min(t // 20, 4),
    ),
]


@each_of(FIELDS)
def test_a_schedule_has_the_published_values_at_every_update(curve):
    assert_line_is_the_formula(curve)
