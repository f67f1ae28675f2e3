"""Slips of the grammar: the line that is promised, and characters that look like others."""

import pytest

from paramsched.core.advice.lookalikes import first_lookalike, straighten_text
from paramsched.core.schedules import meant_line
from support.tables import table


@table(
    ("text", "expected"),
    [
        ("“cosine()”", "cosine()"),
        ("cosine(to=0.1", "cosine(to=0.1)"),
        ("cosine(to=0.1)) >> linear()", "cosine(to=0.1) >> linear()"),
        ("cosine[to=0.1) >> linear()", "cosine(to=0.1) >> linear()"),
        ("(warmup(10) >> cosine(", "warmup(10) >> cosine()"),
        ('warmup("5%) >> cosine()', 'warmup("5%") >> cosine()'),
        ("warmup('5%, 0.1) >> cosine()", 'warmup("5%", 0.1) >> cosine()'),
        ("warmup(\"5%'", 'warmup("5%")'),
        ("warm-up(10) >> cosine()", "warmup(10) >> cosine()"),
        ("other-name(10)", None),
        ("warmup: 20 >> cosine()", "warmup(20) >> cosine()"),
        ("warmup = 20", "warmup(20)"),
        ("lr: cosine()", "cosine()"),
        ("betas[0]: cosine()", None),
        ("lr = cosine()", "cosine()"),
        ("lr == cosine()", None),
        ("warmup 20 >> cosine()", "warmup(20) >> cosine()"),
        ("warmup 5% >> cosine(", 'warmup("5%") >> cosine()'),
        ("cosine to=0.1", "cosine(to=0.1)"),
        ("1cycle('10%')", 'one_cycle("10%")'),
        ("multistep([10,000])", "multistep([10000])"),
        ("0.5f * cosine()", "0.5 * cosine()"),
        ("cosine().", "cosine()"),
        ("cosine(to: 0.1)", "cosine(to=0.1)"),
        ("cosine(to => 0.1)", "cosine(to=0.1)"),
        ("cosine(to := 0.1)", "cosine(to=0.1)"),
        ("cosine(over 40)", "cosine(over=40)"),
        ("warmup(10).then(cosine())", "warmup(10) >> cosine()"),
        ("warmup(10).cosine()", "warmup(10) >> cosine()"),
        ("multistep[20, 70]", "multistep([20, 70])"),
        ("cosine{to=0.1}", "cosine(to=0.1)"),
        ("multistep({20, 70})", "multistep([20, 70])"),
        ("warmup(10; 0.1)", "warmup(10, 0.1)"),
        ("warmup(10) -> cosine()", "warmup(10) >> cosine()"),
        ("warmup(10) | cosine()", "warmup(10) >> cosine()"),
        ("warmup(10) && cosine()", "warmup(10) >> cosine()"),
        ("warmup(10) > cosine()", "warmup(10) >> cosine()"),
        ("warmup(10) then cosine()", "warmup(10) >> cosine()"),
        ("warmup(10) and cosine()", "warmup(10) >> cosine()"),
        ("warmup(10) >= cosine()", "warmup(10) >> cosine()"),
        ("cosine() ^ 2", "cosine() ** 2"),
        ("cosine() // 2", "cosine() / 2"),
        ("0.5 @ cosine()", "0.5 * cosine()"),
        ("0.5 x cosine()", "0.5 * cosine()"),
        ("warmup(10) >> >> cosine()", "warmup(10) >> cosine()"),
        ("cosine(0.1,, 0.2)", "cosine(0.1, 0.2)"),
        (">> cosine()", "cosine()"),
        ("cosine() >>", "cosine()"),
        ("* cosine()", "cosine()"),
        ("cosine() -", "cosine()"),
        ("cosine(,0.1)", "cosine(0.1)"),
        ("cosine();", "cosine()"),
        ("cosine(to=, over=5)", None),
        ("warmup(5 epochs)", 'warmup("5 epochs")'),
        ("warmup(5%) >> cosine()", 'warmup("5%") >> cosine()'),
        ("0.5 cosine()", "0.5 * cosine()"),
        ("cosine(to=0.2 over=50)", "cosine(to=0.2, over=50)"),
        ("multistep([5 9], 0.1)", "multistep([5, 9], 0.1)"),
        ("warmup(10) cosine()", "warmup(10) >> cosine()"),
        ("warmup(10), cosine()", "warmup(10) >> cosine()"),
        ("max(cosine() linear())", "maximum(cosine() >> linear())"),
        ("nothing at all", None),
        ("", None),
    ],
)
def test_a_slip_of_the_grammar_is_corrected_without_another_number(text, expected):
    assert meant_line(text) == expected


@table(
    ("text", "place", "meant", "straight"),
    [
        ("сosine()", 0, "c", "cosine()"),  # a Cyrillic letter
        ("α(1)", 0, "a", "a(1)"),
        ("warmup(“5%”)", 7, '"', 'warmup("5%")'),
        ("a–b", 1, "-", "a-b"),
        ("a ≫ b", 2, ">>", "a >> b"),
        ("2×b", 1, "*", "2*b"),
        ("a(１)", 2, "1", "a(1)"),  # a digit of full width
        ("a\u00a0b", 1, " ", "a b"),
    ],
)
def test_a_character_that_looks_like_another_is_found_and_replaced(text, place, meant, straight):
    assert first_lookalike(text)[::2] == (place, meant)
    assert straighten_text(text) == straight


@pytest.mark.parametrize("text", ["cosine()", "", "漢字", "ß", "λ"])
def test_other_characters_are_kept(text):
    assert first_lookalike(text) is None
    assert straighten_text(text) == text
