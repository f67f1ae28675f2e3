"""Reader of the folders of `torch.distributed.checkpoint`: their entries that are not tensors, as plain data."""

import pickle
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, TypeAlias, final

from paramsched.audit.log_values import UnreadableLog, path_text
from paramsched.audit.torch_files import first_line, import_torch, load_stream
from paramsched.base.diagnostic import printable
from paramsched.base.files import open_to_read

METADATA: Final = ".metadata"
"""The file by which such a folder is recognized: a pickle with the place of each entry."""

_Path: TypeAlias = tuple[str | int, ...]
_MOST_PARTS = 64  # of the path of an entry, which is read recursively

_KNOWN: Mapping[str, frozenset[str]] = {
    "torch.distributed.checkpoint.metadata": frozenset({
        "BytesStorageMetadata", "ChunkStorageMetadata", "Metadata", "MetadataIndex", "StorageMeta", "TensorProperties",
        "TensorStorageMetadata", "_MEM_FORMAT_ENCODING",
    }),
    "torch.distributed.checkpoint.filesystem": frozenset({"_StorageInfo"}),
    "torch.serialization": frozenset({"_get_layout"}),
    "torch": frozenset({"Size"}),
    **dict.fromkeys(("pathlib", "pathlib._local"), frozenset({"PosixPath", "WindowsPath", "PurePosixPath"})),
}  # fmt: skip
"""The names that `.metadata` refers to, by module. Dtypes of torch are known, too."""


@final
class _Record:
    """An object in `.metadata`: only its attributes are kept, so that no code of its class runs."""

    def __init__(self, *arguments: object) -> None:
        del arguments

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            vars(self).update(state)


@final
class _MetadataUnpickler(pickle._Unpickler):
    """Reads `.metadata`, in Python, because the unpickler in C allocates memory by numbers in the file."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        torch = import_torch()
        is_dtype = module_name == "torch" and isinstance(vars(torch).get(global_name), torch.dtype)
        if not is_dtype and global_name not in _KNOWN.get(module_name, ()):
            name = printable(f"{module_name}.{global_name}")[:80]
            raise pickle.UnpicklingError(f"it refers to {name}, which torch.distributed.checkpoint never writes")
        return _Record


def read_dcp_folder(folder: Path) -> dict[str, Any]:
    """Return the state that was saved, nested as it was. A tensor is not read and becomes NaN.

    Raises:
        UnreadableLog: the folder is damaged, refers to a file outside of it, or has an entry that torch cannot read.
    """
    import_torch()
    file = folder / METADATA
    with open_to_read(file) as stream:
        data = stream.read()
    try:
        found = vars(_MetadataUnpickler(BytesIO(data)).load())
        entries, paths = found["state_dict_metadata"], found["planner_data"]
        places = {vars(index)["fqn"]: vars(place) for index, place in found["storage_data"].items()}
        tensors = {name for name, about in entries.items() if "chunks" in vars(about)}
        paths = {name: _checked_path(paths[name] if name in (paths or ()) else (name,)) for name in entries}
        saved = {name: _checked_place(places[name]) for name in entries if name not in tensors}
    except Exception as error:  # noqa: BLE001  # a damaged pickle raises many kinds of errors
        found = f"it cannot be read ({printable(first_line(error))[:160]})"
        raise UnreadableLog(path_text(file), found, "The checkpoint may be damaged") from None
    values = dict.fromkeys(tensors, float("nan")) | dict(_read_entries(folder, saved))
    tree: dict[str | int, Any] = {}
    for name, path in paths.items():
        node = tree
        for part in path[:-1]:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise UnreadableLog(path_text(file), f"{printable(name)[:80]} is inside another entry")
        node[path[-1]] = values[name]
    nested: dict[str, Any] = _nested(tree)
    return nested


def _checked_path(path: Any) -> _Path:
    """Return the path of an entry in the saved state: keys of dicts, and indices of lists."""
    if not (
        isinstance(path, tuple) and 0 < len(path) <= _MOST_PARTS and all(type(part) in (str, int) for part in path)
    ):
        raise ValueError("the path of an entry is invalid")
    return path


def _checked_place(place: Mapping[str, Any]) -> tuple[str, int, int]:
    """Return the file, the offset and the length of an entry."""
    found = place["relative_path"], place["offset"], place["length"]
    if [type(one) for one in found] != [str, int, int] or min(found[1:]) < 0:
        raise ValueError("the place of an entry is invalid")
    if place.get("transform_descriptors"):
        raise ValueError("its entries are compressed or encrypted")
    return found


def _read_entries(folder: Path, places: Mapping[str, tuple[str, int, int]]) -> Iterator[tuple[str, Any]]:
    """Yield the name and the value of each entry; every file is opened once."""
    inside = folder.resolve()
    by_file = sorted(((*place, name) for name, place in places.items()), key=itemgetter(0))
    for relative, entries in groupby(by_file, key=itemgetter(0)):
        shown = path_text(folder / METADATA)
        try:
            file = (inside / relative).resolve()  # also follows symbolic links
        except (OSError, ValueError, RuntimeError) as error:
            raise UnreadableLog(shown, f"it refers to {printable(relative)[:80]} ({first_line(error)[:80]})") from None
        if not file.is_relative_to(inside):
            raise UnreadableLog(shown, f"it refers to {printable(relative)[:80]}, a file outside of the folder")
        with open_to_read(file) as stream:
            size = file.stat().st_size
            for _, offset, length, name in entries:
                where = f"{printable(name)[:80]} in {path_text(file)}"
                if offset + length > size:
                    raise UnreadableLog(where, "the file is shorter than that", "The checkpoint may be damaged")
                stream.seek(offset)
                yield name, load_stream(BytesIO(stream.read(length)), length, where)


def _nested(node: Any) -> Any:
    """Replace dicts from index to value by lists, and the groups of a flattened optimizer by its param groups."""
    if not isinstance(node, dict):
        return node
    found = {part: _nested(value) for part, value in node.items()}
    if found and all(type(part) is int for part in found):
        return [found[index] for index in sorted(found)]
    if "param_groups" not in found and any(str(key).startswith(_FLAT) for key in found):
        found["param_groups"] = list(_groups_of_parameters(found.items()))
    return found


_FLAT = "param_groups."


def _groups_of_parameters(entries: Iterable[tuple[Any, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the param groups of a flattened state, in which each parameter has the entries of its group.

    Successive parameters with equal entries are in one group.
    """
    by_parameter: dict[str, dict[str, Any]] = {}
    for key, value in entries:
        if isinstance(key, str) and key.startswith(_FLAT):
            parameter, _, entry = key.removeprefix(_FLAT).rpartition(".")
            by_parameter.setdefault(parameter, {})[entry] = value
    for group, _ in groupby(by_parameter.values()):
        yield group
