"""The examples on the page on configs: Hydra builds the plan, jsonargparse reads it."""

import pytest

import paramsched as ps
from support.pages import run_section

PAGE = "how-to/configs.md"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_hydra_builds_a_scheduler_from_a_plan_in_its_config(folder):
    pytest.importorskip("hydra")

    names, _ = run_section(PAGE, "Hydra", folder)

    assert names["scheduler"].plan == ps.Plan(lr=ps.cosine(to=0.1), horizon="20 epochs")


def test_omegaconf_references_become_plain_data():
    omegaconf = pytest.importorskip("omegaconf")
    text = 'lr: warmup("5%") >> cosine(to=${floor})\nhorizon: 20 epochs\n'
    config = omegaconf.OmegaConf.create({"plan": omegaconf.OmegaConf.create(text), "floor": 0.1})

    assert ps.loads(config.plan) == ps.Plan(lr=ps.warmup("5%") >> ps.cosine(to=0.1), horizon="20 epochs")


def test_jsonargparse_accepts_a_file_a_text_and_single_fields(folder):
    pytest.importorskip("jsonargparse")

    _, printed = run_section(PAGE, "jsonargparse", folder)

    assert [ps.loads(text) for text in printed] == [
        ps.Plan(lr=ps.warmup("5%") >> ps.cosine(to=0.1), horizon="20 epochs"),
        ps.Plan(lr=ps.cosine(to=0.1)),
        ps.Plan(lr=ps.linear(), horizon="20 epochs"),
    ]
