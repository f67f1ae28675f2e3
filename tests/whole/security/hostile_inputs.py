"""Hostile files: names that break out of text, and formats that can carry code. Nothing in them may run."""

import io
import json
import os
import pickle
import random
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

MARK = "pwned_mark"
"""A word that occurs in each input; code that contains it is code of an input."""

MODULE = "evil_module"
"""A module in the folder of the inputs."""

CODE = f'__import__("os").system("touch {MARK}")'
SHADOWED = (MODULE, "accelerate", "tensorboard", "mmengine", "sitecustomize", "yaml", "scipy", "matplotlib", "optax")
"""Names of modules in the folder of the inputs, which libraries may import when they first need them."""

NAMES = (
    *(f'a": {CODE} or lr, "b', f'"] = {CODE}  # ', f"'] = {CODE}  # ", f"{{{CODE}}}", f"{MARK}\\", f'{MARK}\\"'),
    *(f'"""\n{CODE}\n"""', f"'''\n{CODE}\n'''", f"{MARK}\n{CODE}", f"{MARK}\r{CODE}", f"{MARK}\u2028{CODE}"),
    *(f"{MARK}\x85{CODE}", f"{MARK}\x0c{CODE}", f"{MARK}\x00", f"{MARK}\x1b]0;x\x07\x1b[2J", f"{MARK}\x9b31m\x7f"),
    *(f"{MARK}\u202e\u2066", f"{MARK}\ud800", f"\udcff{MARK}", f"{MARK}\U000e0041\ufeff\u200b", f"{MARK}\\N{{DASH}}"),
    *(f"{MARK}{{0}}%s%n", f"${{{MARK}}}$({CODE})`{CODE}`", f"</script><script>{MARK}</script>", f"]]>{MARK}-->"),
    *(f"{MARK}/head", f" {MARK} ", f"{MARK} #", f"{MARK}: ", f"{MARK}  " * 30, f"{MARK}" * 40, f"../{MARK}", ""),
    *(
        "__debug__",
        "__builtins__",
        "__import__",
        "None",
        "lambda",
        "s",
        "t",
        "base",
        "math",
        "x1",
        "round",
        "SCHEDULES",
    ),
    *(
        "SCHEDULES",
        "\ufb01",
        "\xb2",
        "\u0663",
        "_",
        "__",
        "def",
        "lr",
        "lr_2",
        "LR",
        "LR_VALUES",
        "*",
        "a*",
        "[",
        "0",
        "!!x",
    ),
)
"""Names of groups, targets, metrics and columns."""


class _Runs:
    """An object whose pickle runs a command."""

    def __reduce__(self):
        return os.system, (f"touch {MARK}",)


class _Imports:
    """An object whose pickle imports a module."""

    def __reduce__(self):
        return __import__, (MODULE,)


def plans_of(name: str) -> Iterator[tuple[str, object]]:
    """Yield plans as JSON data, with a name in each place that has one."""
    yield "groups", {"total": 20, "lr": "cosine()", "groups": {name: {"lr": "linear()"}}}
    yield "targets", {"total": 20, "lr": "cosine()", "targets": {name: {"initial": 2.0, "schedule": "linear()"}}}
    yield "field", {"total": 20, name: "cosine()", "weight_decay": f"like({json.dumps(name)})"}
    yield "metric", {"total": 20, "lr": f"cosine() * plateau({json.dumps(name, ensure_ascii=False)})"}
    yield "line", {"total": 20, "lr": name, "clock": name}
    yield "line in a group", {"total": 20, "lr": "cosine()", "groups": {name: {"lr": name}}}


def logs_of(name: str) -> Iterator[tuple[str, str]]:
    """Yield logs with a name in each place that has one."""
    yield "log.csv", f"step,{_cell('lr@' + name)},{_cell(name)}\n" + "".join(f"{t},{1 - t / 40},0\n" for t in range(40))
    rows = [{"t": t, "groups": [{"lr": 1 - t / 40, "name": name, name: 0.5}], "targets": {name: 1}} for t in range(40)]
    yield "log.jsonl", "".join(json.dumps(row) + "\n" for row in rows)
    history = [{"step": t, "learning_rate": 1 - t / 40, name: 0.1} for t in range(1, 40)]
    yield "trainer_state.json", json.dumps({"log_history": history, "best_model_checkpoint": name})


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


EXPORTED = f'''\
"""Schedule of lr, exported by paramsched 1.0. It needs only Python.

total: 10
lr: linear()

fingerprint: x
facts: none
checked: 10 updates, largest difference 0.0
"""

import math


def lr(t, base=1.0):
    """{MARK}"""
    if t < 10:
        return base * ((10 - t) / 10)
    return base * 0.0


SCHEDULES = {{"lr": lr}}
'''

HIDDEN_CODE = (
    lambda text, code: text + code + "\n",
    lambda text, code: text.replace("import math", f"import {MODULE}"),
    lambda text, code: text.replace("import math", f"from {MODULE} import *"),
    lambda text, code: text.replace("base=1.0", f"base={code}"),
    lambda text, code: text.replace("def lr", f"@{code}\ndef lr"),
    lambda text, code: text.replace("t, base", f"t: {code}, base"),
    lambda text, code: text.replace("base=1.0)", f"base=1.0) -> {code}"),
    lambda text, code: text.replace("return base *", f"return {code} or base *"),
    lambda text, code: text.replace('"lr": lr', f'"lr": {code} or lr'),
    lambda text, code: text.replace('"lr": lr', f'"lr": lr, {code}: lr'),
    lambda text, code: text.replace("SCHEDULES =", f"SCHEDULES = x[{code}] ="),
    lambda text, code: text + f"class X({code}): pass\n",
    lambda text, code: text + f"x: {code} = 1\n",
    lambda text, code: text + f"assert {code}\n",
    lambda text, code: text + f"with {code}: pass\n",
    lambda text, code: text + f'SCHEDULES["lr"] = lambda t, base=1.0: {code}\n',
    lambda text, code: text + f"try:\n    1 / 0\nexcept {code}:\n    pass\n",
    lambda text, code: text + f'x = f"{{{code}}}"\n',
    lambda text, code: text + f"x = [{code} for _ in range(1)]\n",
    lambda text, code: text + f"del x[{code}]\n",
    lambda text, code: text.replace("math\n", f"math\nmath.sin = lambda x: {code}\n"),
    lambda text, code: text.replace("base * ((10", "base.__class__.__base__.__subclasses__ * ((10"),
    lambda text, code: text.replace("return base * 0.0", f"return (lambda: {code})()"),
    lambda text, code: text.replace("if t < 10:", f"if (t := {code}):"),
    lambda text, code: text.replace("import math", f"import math, {MODULE}"),
    lambda text, code: text.replace("10 - t", f"eval({code!r})"),
    lambda text, code: text.replace("return base * 0.0", "return 9 ** 9 ** 9 ** 9"),
    lambda text, code: text.replace("return base * 0.0", "return lr(t, base)"),
    lambda text, code: text.replace("return base * 0.0", "while True: pass"),
    lambda text, code: text.replace("10 - t", "sum(1 for x in range(10 ** 18))"),
    lambda text, code: text.replace("10 - t", "'x' * 10 ** 18"),
    lambda text, code: text.replace("checked:", f"checked: {MARK}\x1b[2J\u202e"),
    lambda text, code: text.replace("lr: linear()", f'lr: !!python/object/apply:os.system ["touch {MARK}"]'),
    lambda text, code: text.replace("facts: none", f"facts: total={code}"),
)
"""Each returns the text of an exported module with code in a place of its own."""


def pickles() -> Iterator[tuple[str, bytes]]:
    """Yield checkpoints, tables and notebooks that contain pickles."""
    for kind, one in (("runs", _Runs()), ("imports", _Imports())):
        data = pickle.dumps({"optimizer": {"param_groups": [{"lr": one}]}, MARK: one}, protocol=2)
        yield f"{kind}.pt", data
        yield f"{kind}.pkl", data
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as archive:
            archive.writestr("archive/data.pkl", data)
            archive.writestr("archive/version", "3\n")
            archive.writestr("archive/byteorder", "little")
        yield f"{kind}-zip.pt", whole.getvalue()
        header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
        header += b" " * (-(len(header) + 11) % 64) + b"\n"
        table = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + pickle.dumps([one])
        yield f"{kind}.npy", table
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as archive:
            archive.writestr("lr.npy", table)
        yield f"{kind}.npz", whole.getvalue()
        whole = io.BytesIO()
        with tarfile.open(fileobj=whole, mode="w") as archive:
            entry = tarfile.TarInfo("pickle")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        yield f"{kind}-tar.pt", whole.getvalue()
        yield f"{kind}-hf/optimizer.pt", data
        yield f"{kind}-hf/trainer_state.json", json.dumps({"log_history": [], "global_step": 3}).encode()


def configs() -> Iterator[tuple[str, str]]:
    """Yield configs with tags, code, includes and modules."""
    call = f'!!python/object/apply:os.system ["touch {MARK}"]'
    yield "tag.yaml", f"total: 10\nlr: {call}\n"
    yield "tag-key.yaml", f"total: 10\n? {call}\n: cosine()\n"
    yield "tag-name.yaml", f"total: 10\nlr: !!python/name:{MODULE}.x\nmomentum: !!python/module:{MODULE}\n"
    yield "tag-new.yaml", f'lr: !!python/object/new:type {{args: [x, [], {{"{MARK}": !!python/name:exec}}]}}\n'
    yield "include.yaml", f"_base_: [base.yaml, base.py, {MARK}.py, ../outside.py]\nlr: !include base.py\n"
    yield "base.yaml", f"_base_: include.yaml\ntotal: ${{oc.env:HOME}} ${{oc.eval:{CODE}}}\n"
    yield "reference.yaml", f"total: 10\nlr: ${{{MARK}}}\nx: {{{{fileDirname}}}} $(touch {MARK})\n"
    yield "base.py", f"import {MODULE}\n{CODE}\nlr = 0.1\n{MARK} = {CODE}\n"
    schedule = "param_scheduler = dict(type='StepLR', step_size=3)\n"
    rest = "optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))\ntrain_cfg = dict(max_epochs=12)\n"
    yield "config.py", f"_base_ = ['base.py', '{MARK}.py']\n{CODE}\n{schedule}{rest}"
    yield (
        "read_base.py",
        f"from mmengine.config import read_base\nwith read_base():\n    from .base import *\n{schedule}",
    )
    yield "lazy.py", f"from {MODULE} import x\nparam_scheduler = [dict(type=x, step_size={CODE})]\n{rest}"
    yield "custom.py", f"custom_imports = dict(imports=['{MODULE}'])\n{schedule}{rest}"
    yield "custom.yaml", f"custom_imports: {{imports: [{MODULE}]}}\n"
    yield "custom-1.yaml", f"custom_imports: {{imports: {MODULE}}}\nmodel: {{type: A}}\ntrain_cfg: {{max_epoch: 3}}\n"
    yield "custom-2.yaml", f"custom_imports: {{imports: [{MODULE}, {MODULE}.x]}}\nmodel: {{type: A}}\nresume: maybe\n"
    yield (
        "custom-3.yaml",
        (f"custom_imports: {{imports: [{MODULE}]}}\nmodel: {{type: {MODULE}.A}}\nparam_scheduler: {{type: StepLR}}\n"),
    )
    yield (
        "custom-4.yaml",
        (
            f"custom_imports: {{imports: [{MODULE}]}}\nmodel: {{type: A}}\n"
            "train_cfg: {by_epoch: true, max_epochs: 3}\n"
            "train_dataloader: {dataset: {type: D}, batch_size: 2}\noptim_wrapper: {optimizer: {type: SGD, lr: fast}}\n"
        ),
    )
    yield (
        "custom-5.yaml",
        (
            f"custom_imports: {{imports: [{MODULE}]}}\nmodel: {{type: A}}\n"
            "train_cfg: {by_epoch: true, max_epochs: 3}\n"
            "train_dataloader: {dataset: {type: D}, batch_size: 2}\noptim_wrapper: {optimizer: {type: SGD, lr: 0.1}}\n"
            "param_scheduler: {type: StepLR, step_size: often}\ncustom_hooks: 5\n"
        ),
    )
    yield (
        "type.yaml",
        f"model: {{type: {MODULE}.Model}}\ntrain_cfg: {{type: os.system, max_epochs: 1}}\nhooks: [x]\n",
    )
    yield "type.json", json.dumps({"model": {"type": "os.system", "args": MARK}, "optimizer": {"type": MODULE}})
    yield "torch.yaml", f"{{{MODULE}.StepLR: {{step_size: 3}}}}\n"
    yield "lambda.yaml", f"LambdaLR: {{lr_lambda: '{CODE}'}}\n"
    yield "args.json", json.dumps({"lr_scheduler_type": CODE, "max_steps": 10, "output_dir": f"/tmp/{MARK}"})
    cell = {"cell_type": "code", "source": [CODE], "outputs": [], "metadata": {}, "execution_count": None}
    yield "book.ipynb", json.dumps({"cells": [cell], "nbformat": 4, "nbformat_minor": 5, "metadata": {}})
    yield "deep.py", f"x = {'-' * 100_000}1  # {MARK}\n"
    yield "deep-list.py", f"x = {'[' * 5000}{']' * 5000}  # {MARK}\n"
    yield "deep-sum.py", f"x = {'1 + ' * 20_000}1  # {MARK}\n"
    yield "deep.yaml", f"lr: {'[' * 5000}{MARK}{']' * 5000}\n"
    yield "deep.json", '{"lr": ' * 5000 + f'"{MARK}"' + "}" * 5000
    yield "digits.yaml", f"total: {'9' * 5000}\nlr: cosine(over={'9' * 5000})\nnote: {{by: {MARK}}}\n"
    yield "octal.yaml", f"total: 0o{'7' * 5000}\nlr: cosine(over=0o{'7' * 5000})\nnote: {{by: {MARK}}}\n"
    yield "product.yaml", f"total: {'9' * 4000}\nlr: cosine(over={'9' * 4000} * {'9' * 4000})\n"
    yield "digits.py", f"a = {'9' * 4000}\nparam_scheduler = dict(type='StepLR', step_size=a * a)\n{rest}"
    yield "digits.json", f'{{"total": {"9" * 5000}, "lr": "cosine(over={"9" * 5000})"}}'
    for number, hide in enumerate(HIDDEN_CODE):
        yield f"exported-{number}.py", hide(EXPORTED, CODE)
    yield "exported-deep.py", EXPORTED.replace("10 - t", "-" * 100_000 + "t")


def write_inputs(folder: Path, generated: int = 0, seed: int = 0) -> list[Path]:
    """Write the inputs into a folder, and return the paths to read.

    Args:
        folder: the folder.
        generated: the number of inputs with generated names; 0 for one or two inputs of each name in `NAMES`.
        seed: the seed of the draws.
    """
    folder.mkdir()
    for module in SHADOWED:
        (folder / f"{module}.py").write_text(f"{MARK} = 1\n{CODE}\n")
    actual: list[Path] = []

    def write(name: str, data: str | bytes) -> None:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
        actual.append(path)

    if generated:
        draw = random.Random(seed)
        for number in range(generated):
            name = generated_name(draw)
            kind, data = draw.choice([*plans_of(name), *logs_of(name), *_exported_of(name)])
            suffix = kind if isinstance(data, str) else f"{kind}.json"
            write(f"{number}-{suffix}", data if isinstance(data, str) else json.dumps(data))
        return actual
    for number, name in enumerate(NAMES):
        kinds = list(plans_of(name))
        for kind, data in [*kinds[:2], kinds[2 + number % (len(kinds) - 2)]]:
            write(f"{number}-{kind}.json", json.dumps(data))
        kind, text = list(logs_of(name))[number % 3]
        write(f"{number}-{kind}", text)
    for name, text in configs():
        write(name, text)
    for name, data in pickles():
        write(name, data)
    (folder / "link.yaml").symlink_to(folder / "tag.yaml")
    (folder / "link.py").symlink_to(folder / "exported-0.py")
    (folder / "loop.yaml").symlink_to(folder / "loop.yaml")
    (folder / f"{MARK}\x1b[2J\u202e.yaml").write_text("lr: cosin()\n")
    (folder / f"{MARK}\x1b[31m.py").write_text(EXPORTED + CODE)
    return [
        *actual,
        *(folder / name for name in ("link.yaml", "link.py", "loop.yaml", f"{MARK}\x1b[2J\u202e.yaml")),
        folder / f"{MARK}\x1b[31m.py",
    ]


_PIECES = (
    *('"', "'", '"""', "'''", "\\", "\n", "\r", "\t", "\x00", "\x1b[31m", "\x85", "\x0c", "\u2028", "\u2029", "\u202e"),
    *(
        "\ud800",
        "\udfff",
        "\ufeff",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ",",
        ":",
        ";",
        "#",
        "=",
        "/",
        "@",
        "*",
        "%s",
        "$",
        "`",
    ),
    *(
        MARK,
        CODE,
        f" or {CODE}",
        f"\n{CODE}\n",
        "lr",
        "a",
        " ",
        "  ",
        "_",
        "\ufb01",
        "\xb2",
        "\u0663",
        "\xdf",
        "\u1e9e",
    ),
    *(
        "__debug__",
        "None",
        "def",
        "math",
        "base",
        "t",
        "0",
        "1",
        "<",
        ">",
        "&",
        "-->",
        "!!python/",
        "\\x1b",
        "\\N{DASH}",
    ),
)


def generated_name(draw: random.Random) -> str:
    """Draw a name of pieces that have a meaning in some syntax."""
    return "".join(draw.choice(_PIECES) for _ in range(draw.randint(1, 6)))


def _exported_of(name: str) -> Iterator[tuple[str, str]]:
    """Yield an exported module with text at a random place, by its own seed."""
    draw = random.Random(repr(name))
    for _ in range(3):
        place = draw.randrange(len(EXPORTED))
        yield "exported.py", EXPORTED[:place] + name + EXPORTED[place:]
    yield "exported.py", draw.choice(HIDDEN_CODE)(EXPORTED, f"({CODE}, {name!r})")
