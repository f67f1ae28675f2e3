"""`paramsched recipes`, and recipe:NAME in place of a plan."""

import json

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main

pytestmark = pytest.mark.package("show")


def output_of(*arguments):
    result = CliRunner().invoke(main, [*arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_all_recipes_are_listed_and_search_words_narrow_the_list():
    assert [line.split()[0] for line in output_of("recipes").splitlines()] == list(ps.recipes)
    assert "gpt3-175b" not in output_of("recipes", "vision")


def test_one_recipe_is_printed_completely_and_reads_back_as_its_plan():
    text = output_of("recipes", "gpt3-175b")

    assert "# Inferred: the batch grows over 12 billion tokens" in text
    assert "# Base values: lr=6e-05, weight_decay=0.1" in text
    assert ps.loads(text) == ps.recipes["gpt3-175b"].plan


def test_recipes_can_be_printed_as_json():
    rows = json.loads(output_of("recipes", "--json"))

    assert [row["name"] for row in rows] == list(ps.recipes)
    assert rows[0].keys() >= {"title", "area", "source", "certain", "inferred", "bases", "facts"}


def test_a_search_without_matches_is_rejected():
    result = CliRunner().invoke(main, ["recipes", "no", "such"])

    assert result.exit_code == 2
    assert "no recipe matches all of: no such" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "recipe:dinov2-vitl"),
        ("show", "--table", "recipe:dinov2-vitl"),
        ("check", "recipe:dinov2-vitl"),
        ("convert", "recipe:dinov2-vitl", "--to", "json"),
        ("diff", "recipe:yolov5s", "recipe:yolov5s"),
        ("show", "recipe:bert-base", "recipe:resnet50-goyal"),
    ],
    ids=" ".join,
)
def test_every_command_that_takes_a_plan_takes_a_recipe(arguments):
    output_of(*arguments)


def test_a_recipe_is_drawn_with_its_bases_and_the_facts_of_its_run():
    values = json.loads(output_of("show", "recipe:resnet50-goyal", "--at", "5 epochs", "--json"))

    assert values == {"total": 90 * 157, "at": [785], "values": {"lr": [3.2]}}


def test_command_line_options_take_precedence_over_the_facts_of_a_recipe():
    values = json.loads(
        output_of(
            "show", "recipe:resnet50-goyal", "--steps-per-epoch", "10", "--base", "lr=1", "--at", "5 epochs", "--json"
        )
    )

    assert values == {"total": 900, "at": [50], "values": {"lr": [1.0]}}


def test_an_unknown_recipe_gets_the_nearest_suggestion():
    result = CliRunner().invoke(main, ["show", "recipe:gpt3"])

    assert result.exit_code != 0
    assert 'did you mean "gpt3-175b"?' in result.output
