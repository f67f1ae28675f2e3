"""The part of JSON Schema that `paramsched schema` uses, to see that it says what the reader does."""

import re


def accepts(schema, value, root=None):
    """Whether `value` is what `schema` describes; an unknown keyword is an error of the test."""
    if schema is True or schema is False:
        return schema
    root = root or schema
    return all(_CHECKS[key](said, value, schema, root) for key, said in schema.items())


def _is(kind, value):
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    if kind in kinds:
        return isinstance(value, kinds[kind])
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and (kind == "number" or value == int(value))


def _reference(said, value, schema, root):
    found = root
    for part in said.removeprefix("#/").split("/"):
        found = found[part]
    return accepts(found, value, root)


def _properties(said, value, schema, root):
    return not isinstance(value, dict) or all(
        accepts(said[key], item, root) for key, item in value.items() if key in said
    )


def _patterns(said, value, schema, root):
    if not isinstance(value, dict):
        return True
    pairs = [(one, item) for key, item in value.items() for pattern, one in said.items() if re.search(pattern, key)]
    return all(accepts(one, item, root) for one, item in pairs)


def _additional(said, value, schema, root):
    if not isinstance(value, dict):
        return True
    patterns = schema.get("patternProperties", {})
    rest = [
        item
        for key, item in value.items()
        if key not in schema.get("properties", {}) and not any(re.search(pattern, key) for pattern in patterns)
    ]
    return all(accepts(said, item, root) for item in rest)


def _items(said, value, schema, root):
    if not isinstance(value, list):
        return True
    return all(accepts(said, item, root) for item in value[len(schema.get("prefixItems", ())) :])


def _prefix(said, value, schema, root):
    return not isinstance(value, list) or all(accepts(one, item, root) for one, item in zip(said, value, strict=False))


_CHECKS = {
    **dict.fromkeys(("$schema", "$id", "$defs", "title", "description", "default"), lambda *_: True),
    "$ref": _reference,
    "type": lambda said, value, *_: _is(said, value),
    "enum": lambda said, value, *_: value in said,
    "anyOf": lambda said, value, schema, root: any(accepts(one, value, root) for one in said),
    "properties": _properties,
    "patternProperties": _patterns,
    "additionalProperties": _additional,
    "propertyNames": lambda said, value, s, root: (
        not isinstance(value, dict) or all(accepts(said, key, root) for key in value)
    ),
    "required": lambda said, value, *_: not isinstance(value, dict) or all(key in value for key in said),
    "prefixItems": _prefix,
    "items": _items,
    "minItems": lambda said, value, *_: not isinstance(value, list) or len(value) >= said,
    "minProperties": lambda said, value, *_: not isinstance(value, dict) or len(value) >= said,
    "maxProperties": lambda said, value, *_: not isinstance(value, dict) or len(value) <= said,
    "minimum": lambda said, value, *_: not isinstance(value, (int, float)) or value >= said,
    "pattern": lambda said, value, *_: not isinstance(value, str) or re.search(said, value) is not None,
}
