"""Commands with inputs that are rare: plans without a text, facts of a module, dead links."""

import json

import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.cli._output import echo_yaml, file_problem


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words):
    return CliRunner().invoke(main, words, prog_name="paramsched")


def test_a_history_without_the_text_of_a_plan_says_so(folder):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    plan = ps.Plan(ps.Binding("lr", "cosine()", groups=lambda group: True), total=10)
    state = ps.Scheduler(optimizer, plan).state_dict()
    torch.save({"scheduler": state}, folder / "last.pt")

    printed, data = run("resume", "last.pt", "--history").stdout, run("resume", "last.pt", "--history", "--json").stdout

    assert printed == "from update 0:\n  (a plan without a text)\n"
    assert json.loads(data) == [{"update": 0, "amount": None, "plan": None, "changes": None}]


def test_a_link_to_a_missing_file_is_not_compared_with_itself(folder):
    (folder / "plan.txt").symlink_to("gone.txt")

    assert file_problem(OSError(2, "no such file", "plan.txt")) == "plan.txt: no such file"


def test_styles_reach_a_terminal(folder, monkeypatch):
    monkeypatch.setattr("paramsched.cli._output.is_terminal", lambda *, err=False: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, rate in (("a.yaml", 0.1), ("b.yaml", 0.2)):
        (folder / name).write_text(f"lr: cosine(to={rate})\ntotal: 10\n")

    assert "\x1b[" in run("diff", "a.yaml", "b.yaml").output


def test_a_picture_in_a_terminal_has_colors(folder, monkeypatch):
    monkeypatch.setattr("paramsched.cli._output.is_terminal", lambda *, err=False: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    assert "\x1b[" in run("show", "cosine()", "--total", "10").output
    assert "\x1b[" not in run("show", "cosine()", "--total", "10", "--no-color").output


def test_metrics_with_the_same_word_share_a_panel(folder):
    rows = ["step,lr,train_loss,val_loss,throughput", *(f"{t},{1 - t / 10},{9 - t},{10 - t},{t}" for t in range(10))]
    (folder / "log.csv").write_text("\n".join(rows))

    options = ("--metric", "train_loss", "--metric", "val_loss", "--metric", "throughput")
    printed = run("show", "linear()", "--total", "10", "--used", "log.csv", *options).stdout

    assert [line for line in printed.splitlines() if line in ("loss", "throughput", "train_loss", "val_loss")] == [
        "loss",
        "throughput",
    ]


def test_a_long_word_of_a_comment_is_not_broken(monkeypatch, capsys):
    monkeypatch.setattr("paramsched.cli._output.terminal_width", lambda: 20)

    echo_yaml("lr: cosine()\n", ["see https://example.org/a/long-address and more"])

    assert capsys.readouterr().out.splitlines() == [
        "# see",
        "#   https://example.org/a/long-address",
        "#   and more",
        "lr: cosine()",
    ]


def test_a_name_after_two_dashes_is_no_command():
    refused = run("--", "--schow")

    assert refused.exit_code == 2
    assert refused.output.splitlines()[-1].startswith("Error: No such option")


def test_a_command_without_a_plan_of_its_own_does_not_advise_one(folder):
    for name in ("a.yaml", "b.yaml", "c.yaml"):
        (folder / name).write_text("lr: cosine()\ntotal: 10\n")

    refused = run("diff", "a.yaml", "b.yaml", "c.yaml")

    assert refused.exit_code == 2
    assert "--plan" not in refused.output


@pytest.mark.parametrize(("option", "value"), [("--steps-per-epoch", "7"), ("--batches-per-epoch", "7")])
def test_a_length_of_an_epoch_that_is_given_is_not_assumed(option, value):
    refused = run("show", "warmup('20 epochs') >> cosine()", "--total", "9 epochs", option, value)

    assert refused.exit_code == 1
    assert "need 140 updates" in refused.output
    assert "note:" not in refused.output


@pytest.mark.parametrize(("line", "base"), [("linear()", "0.4"), ("maximum(linear(), absolute(0.01))", "0.1")])
def test_the_base_of_a_log_is_fitted_only_if_all_values_are_multiples_of_it(folder, line, base):
    (folder / "log.csv").write_text("step,lr\n" + "".join(f"{t},{0.4 * (1 - t / 10)!r}\n" for t in range(10)))

    refused = run("show", line, "--total", "10", "--used", "log.csv")

    assert refused.exit_code == 2
    assert f"For example: --base lr={base}" in refused.output


def test_a_log_beyond_the_given_length_is_reported(folder):
    (folder / "plan.yaml").write_text("lr: cosine()\n")
    (folder / "log.csv").write_text("step,lr\n" + "".join(f"{t},{1 - t / 20}\n" for t in range(20)))

    assert "but the plan ends at 5" in run("check", "plan.yaml", "--log", "log.csv", "--total", "5").output
    assert "but the plan ends at" not in run("check", "plan.yaml", "--log", "log.csv", "--total", "20").output


def test_a_line_with_a_quotient_is_named_in_full():
    printed = run("show", "cosine() / 2", "linear()", "--total", "10").stdout

    assert "cosine() / 2" in printed
