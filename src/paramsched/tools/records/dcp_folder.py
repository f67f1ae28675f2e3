"""Reader of the folders of `torch.distributed.checkpoint`: their entries that are not tensors, as plain data."""

import pickle
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, final

from paramsched.core.base.files import open_to_read
from paramsched.errors import UnreadableLog
from paramsched.tools.records.log_values import path_text, shortened
from paramsched.tools.records.torch_files import first_line, import_torch, load_stream

METADATA: Final = ".metadata"
"""The file that identifies such a folder: a pickle with the place of each entry."""

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
"""The names that `.metadata` may refer to, by module, in addition to the dtypes of torch."""


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
            name = shortened(f"{module_name}.{global_name}")
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
    tree: dict[str | int, Any] = {}
    nodes: dict[str, tuple[dict[str | int, Any], str | int]] = {}  # where the value of an entry belongs
    places: list[tuple[str, int, int, str]] = []
    try:
        found = vars(_MetadataUnpickler(BytesIO(data)).load())
        stored = {vars(index)["fqn"]: vars(place) for index, place in found["storage_data"].items()}
        paths = found["planner_data"] or {}
        for name, about in found["state_dict_metadata"].items():
            *parents, last = path = paths.get(name, (name,))
            if type(path) is not tuple or len(path) > _MOST_PARTS or not {*map(type, path)} <= {str, int}:
                raise ValueError("the path of an entry is invalid")
            node = tree
            for part in parents:
                node = node.setdefault(part, {})
            node[last] = float("nan")
            if "chunks" not in vars(about):  # it is not a tensor
                place = stored[name]
                relative, offset, length = place["relative_path"], place["offset"], place["length"]
                if [type(relative), type(offset), type(length)] != [str, int, int] or min(offset, length) < 0:
                    raise ValueError("the place of an entry is invalid")
                if place.get("transform_descriptors"):
                    raise ValueError("its entries are compressed or encrypted")
                places.append((relative, offset, length, name))
                nodes[name] = node, last
    except Exception as error:  # noqa: BLE001  # a damaged pickle raises many kinds of errors
        reason = f"it cannot be read ({shortened(first_line(error))})"
        raise UnreadableLog(path_text(file), reason, "The checkpoint may be damaged") from None
    for name, value in _read_entries(folder, places):
        node, last = nodes[name]
        node[last] = value
    nested: dict[str, Any] = _nested(tree)
    return nested


def _read_entries(folder: Path, places: Iterable[tuple[str, int, int, str]]) -> Iterator[tuple[str, Any]]:
    """Yield the name and the value of each entry; every file is opened once.

    Args:
        folder: the checkpoint.
        places: the file, the offset, the length and the name of each entry.
    """
    inside, metadata = folder.resolve(), path_text(folder / METADATA)
    for relative, entries in groupby(sorted(places), key=itemgetter(0)):
        shown = shortened(relative)
        try:
            file = (inside / relative).resolve()  # also follows symbolic links
        except (OSError, ValueError, RuntimeError) as error:
            raise UnreadableLog(metadata, f"it refers to {shown} ({shortened(first_line(error))})") from None
        if not file.is_relative_to(inside):
            raise UnreadableLog(metadata, f"it refers to {shown}, a file outside of the folder")
        with open_to_read(file) as stream:
            size = file.stat().st_size
            for _, offset, length, name in entries:
                where = f"{shortened(name)} in {path_text(file)}"
                if offset + length > size:
                    raise UnreadableLog(where, "the file is shorter than that", "The checkpoint may be damaged")
                stream.seek(offset)
                yield name, load_stream(BytesIO(stream.read(length)), length, where)


_FLAT = "param_groups."


def _nested(node: Any) -> Any:
    """Replace dicts from index to value by lists, and add the param groups of a flattened optimizer.

    Each parameter of a flattened optimizer has the entries of its group. Successive parameters with equal entries are
    in one group.
    """
    if not isinstance(node, dict):
        return node
    found = {part: _nested(value) for part, value in node.items()}
    if found and all(type(part) is int for part in found):
        return [found[index] for index in sorted(found)]
    by_parameter: dict[str, dict[str, Any]] = {}
    for key, value in found.items():
        if isinstance(key, str) and key.startswith(_FLAT):
            parameter, _, entry = key.removeprefix(_FLAT).rpartition(".")
            by_parameter.setdefault(parameter, {})[entry] = value
    return found | ({"param_groups": [group for group, _ in groupby(by_parameter.values())]} if by_parameter else {})
