# ruff: noqa: E501  # inputs are tables, one entry a line
"""Files that carry code, or names that break out of text. Nothing in them may run."""

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
    *("__debug__", "__builtins__", "__import__", "None", "lambda", "t", "base", "math", "def", "lr", "LR", "*", "a*"),
    *("\ufb01", "\xb2", "\u0663", "_", "[", "0", "!!x"),
)
"""Names of groups, targets, metrics and columns."""

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


class _Calls:
    """An object whose pickle calls a function."""

    def __init__(self, function, argument):
        self.call = function, (argument,)

    def __reduce__(self):
        return self.call


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
    cells = ['"' + text.replace('"', '""') + '"' for text in ("lr@" + name, name)]
    yield "log.csv", f"step,{','.join(cells)}\n" + "".join(f"{t},{1 - t / 40},0\n" for t in range(40))
    rows = [{"t": t, "groups": [{"lr": 1 - t / 40, "name": name, name: 0.5}], "targets": {name: 1}} for t in range(40)]
    yield "log.jsonl", "".join(json.dumps(row) + "\n" for row in rows)
    history = [{"step": t, "learning_rate": 1 - t / 40, name: 0.1} for t in range(1, 40)]
    yield "trainer_state.json", json.dumps({"log_history": history, "best_model_checkpoint": name})


def pickles() -> Iterator[tuple[str, bytes]]:
    """Yield checkpoints, tables and archives that contain pickles."""

    def archive(**files: bytes) -> bytes:
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as opened:
            for name, data in files.items():
                opened.writestr(name, data)
        return whole.getvalue()

    for prefix, call in (("runs", _Calls(os.system, f"touch {MARK}")), ("imports", _Calls(__import__, MODULE))):
        data = pickle.dumps({"optimizer": {"param_groups": [{"lr": call}]}, MARK: call}, protocol=2)
        yield f"{prefix}.pt", data
        yield f"{prefix}.pkl", data
        yield (
            f"{prefix}-zip.pt",
            archive(**{"archive/data.pkl": data, "archive/version": b"3\n", "archive/byteorder": b"little"}),
        )
        header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
        header += b" " * (-(len(header) + 11) % 64) + b"\n"
        table = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + pickle.dumps([call])
        yield f"{prefix}.npy", table
        yield f"{prefix}.npz", archive(**{"lr.npy": table})
        whole = io.BytesIO()
        with tarfile.open(fileobj=whole, mode="w") as tar:
            entry = tarfile.TarInfo("pickle")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        yield f"{prefix}-tar.pt", whole.getvalue()
        yield f"{prefix}-hf/optimizer.pt", data
        yield f"{prefix}-hf/trainer_state.json", json.dumps({"log_history": [], "global_step": 3}).encode()


_CALL = f'!!python/object/apply:os.system ["touch {MARK}"]'
_SCHEDULE = "param_scheduler = dict(type='StepLR', step_size=3)\n"
_REST = "optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))\ntrain_cfg = dict(max_epochs=12)\n"
_IMPORTS = f"custom_imports: {{imports: [{MODULE}]}}\nmodel: {{type: A}}\n"
_TRAINS = "train_cfg: {by_epoch: true, max_epochs: 3}\ntrain_dataloader: {dataset: {type: D}, batch_size: 2}\n"
_CELL = {"cell_type": "code", "source": [CODE], "outputs": [], "metadata": {}, "execution_count": None}
CONFIGS = {
    "tag.yaml": f"total: 10\nlr: {_CALL}\n",
    "tag-key.yaml": f"total: 10\n? {_CALL}\n: cosine()\n",
    "tag-name.yaml": f"total: 10\nlr: !!python/name:{MODULE}.x\nmomentum: !!python/module:{MODULE}\n",
    "tag-new.yaml": f'lr: !!python/object/new:type {{args: [x, [], {{"{MARK}": !!python/name:exec}}]}}\n',
    "include.yaml": f"_base_: [base.yaml, base.py, {MARK}.py, ../outside.py]\nlr: !include base.py\n",
    "base.yaml": f"_base_: include.yaml\ntotal: ${{oc.env:HOME}} ${{oc.eval:{CODE}}}\n",
    "reference.yaml": f"total: 10\nlr: ${{{MARK}}}\nx: {{{{fileDirname}}}} $(touch {MARK})\n",
    "base.py": f"import {MODULE}\n{CODE}\nlr = 0.1\n{MARK} = {CODE}\n",
    "config.py": f"_base_ = ['base.py', '{MARK}.py']\n{CODE}\n{_SCHEDULE}{_REST}",
    "read_base.py": f"from mmengine.config import read_base\nwith read_base():\n    from .base import *\n{_SCHEDULE}",
    "lazy.py": f"from {MODULE} import x\nparam_scheduler = [dict(type=x, step_size={CODE})]\n{_REST}",
    "decorated.py": f"@{CODE}\ndef f(x={CODE}) -> {CODE}: pass\nclass X({CODE}): pass\n{_SCHEDULE}{_REST}",
    "formatted.py": f'x = f"{{{CODE}}}"\ny = [{CODE} for _ in range(1)]\nassert {CODE}\n{_SCHEDULE}{_REST}',
    "endless.py": f"{_SCHEDULE}x = 9 ** 9 ** 9 ** 9\nwhile True: {MARK} = 'x' * 10 ** 18\n",
    "custom.py": f"custom_imports = dict(imports=['{MODULE}'])\n{_SCHEDULE}{_REST}",
    "custom.yaml": f"custom_imports: {{imports: [{MODULE}]}}\n",
    "custom-1.yaml": f"custom_imports: {{imports: {MODULE}}}\nmodel: {{type: A}}\ntrain_cfg: {{max_epoch: 3}}\n",
    "custom-2.yaml": f"{_IMPORTS}resume: maybe\n",
    "custom-3.yaml": f"custom_imports: {{imports: [{MODULE}]}}\nmodel: {{type: {MODULE}.A}}\nparam_scheduler: {{type: StepLR}}\n",
    "custom-4.yaml": f"{_IMPORTS}{_TRAINS}optim_wrapper: {{optimizer: {{type: SGD, lr: fast}}}}\n",
    "custom-5.yaml": f"{_IMPORTS}{_TRAINS}optim_wrapper: {{optimizer: {{type: SGD, lr: 0.1}}}}\nparam_scheduler: {{type: StepLR, step_size: often}}\ncustom_hooks: 5\n",
    "type.yaml": f"model: {{type: {MODULE}.Model}}\ntrain_cfg: {{type: os.system, max_epochs: 1}}\nhooks: [x]\n",
    "type.json": json.dumps({"model": {"type": "os.system", "args": MARK}, "optimizer": {"type": MODULE}}),
    "torch.yaml": f"{{{MODULE}.StepLR: {{step_size: 3}}}}\n",
    "lambda.yaml": f"LambdaLR: {{lr_lambda: '{CODE}'}}\n",
    "args.json": json.dumps({"lr_scheduler_type": CODE, "max_steps": 10, "output_dir": f"/tmp/{MARK}"}),
    "book.ipynb": json.dumps({"cells": [_CELL], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}),
    "deep.py": f"x = {'-' * 100_000}1  # {MARK}\n",
    "deep-list.py": f"x = {'[' * 5000}{']' * 5000}  # {MARK}\n",
    "deep-sum.py": f"x = {'1 + ' * 20_000}1  # {MARK}\n",
    "deep.yaml": f"lr: {'[' * 5000}{MARK}{']' * 5000}\n",
    "deep.json": '{"lr": ' * 5000 + f'"{MARK}"' + "}" * 5000,
    "digits.yaml": f"total: {'9' * 5000}\nlr: cosine(over={'9' * 5000})\nnote: {{by: {MARK}}}\n",
    "octal.yaml": f"total: 0o{'7' * 5000}\nlr: cosine(over=0o{'7' * 5000})\nnote: {{by: {MARK}}}\n",
    "product.yaml": f"total: {'9' * 4000}\nlr: cosine(over={'9' * 4000} * {'9' * 4000})\n",
    "digits.py": f"a = {'9' * 4000}\nparam_scheduler = dict(type='StepLR', step_size=a * a)\n{_REST}",
    "digits.json": f'{{"total": {"9" * 5000}, "lr": "cosine(over={"9" * 5000})"}}',
}
"""Configs with tags, code, includes and modules."""


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
    written: list[Path] = []

    def write(name: str, data: object) -> None:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        text = data if isinstance(data, (str, bytes)) else json.dumps(data)
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        written.append(path)

    if generated:
        draw = random.Random(seed)
        for number in range(generated):
            name = generated_name(draw)
            suffix, data = draw.choice([*plans_of(name), *logs_of(name)])
            write(f"{number}-{suffix}" + ("" if isinstance(data, str) else ".json"), data)
        return written
    for number, name in enumerate(NAMES):
        kinds = list(plans_of(name))
        for suffix, plan in [*kinds[:2], kinds[2 + number % (len(kinds) - 2)]]:
            write(f"{number}-{suffix}.json", plan)
        suffix, text = list(logs_of(name))[number % 3]
        write(f"{number}-{suffix}", text)
    for name, data in [
        *CONFIGS.items(),
        *pickles(),
        (f"{MARK}\x1b[2J\u202e.yaml", "lr: cosin()\n"),
        (f"{MARK}\x1b[31m.py", CODE),
    ]:
        write(name, data)
    (folder / "link.yaml").symlink_to(folder / "tag.yaml")
    (folder / "link.py").symlink_to(folder / "decorated.py")
    (folder / "loop.yaml").symlink_to(folder / "loop.yaml")
    return [*written, *(folder / name for name in ("link.yaml", "link.py", "loop.yaml"))]
