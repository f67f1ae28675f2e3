"""The examples on the page on configs: argparse and jsonargparse read a plan, Hydra builds it."""

import re
from argparse import ArgumentParser

import pytest

import paramsched as ps
from paramsched.errors import ParamschedError
from support.pages import run_section

PAGE = "how-to/configs.md"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_hydra_builds_a_scheduler_from_a_plan_in_its_config(folder):
    pytest.importorskip("hydra")

    names, printed = run_section(PAGE, "Hydra", folder)

    assert names["scheduler"].plan == ps.Plan(lr=ps.cosine(to=0.1), total="20 epochs")
    *overridden, sweep = printed
    assert [line_of(text) for text in overridden] == ["cosine(to=0.2)", 'warmup("10%") >> cosine(to=0.2)']
    assert re.findall("^lr: (.+)$", sweep, re.MULTILINE) == ["linear()", 'warmup("10%") >> linear()']


def line_of(text):
    return str(ps.loads(text).bindings[0].schedule)


def test_argparse_reads_a_plan_and_shows_the_message_of_an_error(folder, capsys):
    _, printed = run_section(PAGE, "argparse", folder)
    parser = ArgumentParser()
    parser.add_argument("--plan", type=ps.loads)

    assert [ps.loads(text) for text in printed] == [
        ps.Plan(lr=ps.warmup("5%") >> ps.cosine(to=0.1)),
        ps.recipes["bert-base"].plan,
    ]
    for wrong in ("cosin()", "lr: cosin()", "recipe:bert-bas", "plan.yaml", "0.1", ""):
        with pytest.raises(ParamschedError) as refused:
            ps.loads(wrong)
        with pytest.raises(SystemExit):
            parser.parse_args(["--plan", wrong])
        assert f"error: argument --plan: {refused.value}" in capsys.readouterr().err


def test_omegaconf_references_become_plain_data():
    omegaconf = pytest.importorskip("omegaconf")
    text = 'lr: warmup("5%") >> cosine(to=${floor})\ntotal: 20 epochs\n'
    config = omegaconf.OmegaConf.create({"plan": omegaconf.OmegaConf.create(text), "floor": 0.1})

    assert ps.loads(config.plan) == ps.Plan(lr=ps.warmup("5%") >> ps.cosine(to=0.1), total="20 epochs")


def test_jsonargparse_accepts_a_file_a_text_and_single_fields(folder):
    pytest.importorskip("jsonargparse")

    _, printed = run_section(PAGE, "jsonargparse", folder)

    assert [ps.loads(text) for text in printed] == [
        ps.Plan(lr=ps.warmup("5%") >> ps.cosine(to=0.1), total="20 epochs"),
        ps.Plan(lr=ps.cosine(to=0.1)),
        ps.Plan(lr=ps.linear(), total="20 epochs"),
    ]
