"""The import paths of users: documented paths, and the public names of each package. None may disappear."""

from importlib import import_module
from pathlib import Path

from support.tables import table

PATHS = (Path(__file__).parent / "public_paths.txt").read_text(encoding="utf-8").split()


@table("package", sorted({path.rpartition(".")[0] for path in PATHS if "." in path}))
def test_every_public_path_of_a_package_can_be_imported(package):
    names = [path.rpartition(".")[2] for path in PATHS if path.rpartition(".")[0] == package]

    absent = [name for name in names if not is_there(package, name)]
    assert absent == [], f"{package} has no {absent}: add them again, or remove them from public_paths.txt"


def is_there(package: str, name: str) -> bool:
    try:
        holder = import_module(package)
    except ModuleNotFoundError:  # a class or a module of the core: paramsched.Plan.of_text, paramsched.curves.rex
        module, _, kind = package.rpartition(".")
        holder = getattr(import_module(module), kind)
    if hasattr(holder, name):
        return True
    try:
        import_module(f"{package}.{name}")
    except ModuleNotFoundError:
        return False
    return True
