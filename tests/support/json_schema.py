"""The part of JSON Schema that `paramsched convert --to schema` uses, to compare the schema with the reader."""

import re


def accepts(schema, value, root=None):
    """Return whether `value` matches `schema`. An unknown keyword raises KeyError."""
    if schema is True or schema is False:
        return schema
    root = root or schema
    return all(_CHECKS[key](expected, value, schema, root) for key, expected in schema.items())


def _is(kind, value):
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    if kind in kinds:
        return isinstance(value, kinds[kind])
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and (kind == "number" or value == int(value))


def _reference(expected, value, schema, root):
    found = root
    for part in expected.removeprefix("#/").split("/"):
        found = found[part]
    return accepts(found, value, root)


def _properties(expected, value, schema, root):
    return not isinstance(value, dict) or all(
        accepts(expected[key], item, root) for key, item in value.items() if key in expected
    )


def _patterns(expected, value, schema, root):
    if not isinstance(value, dict):
        return True
    pairs = [(one, item) for key, item in value.items() for pattern, one in expected.items() if re.search(pattern, key)]
    return all(accepts(one, item, root) for one, item in pairs)


def _additional(expected, value, schema, root):
    if not isinstance(value, dict):
        return True
    patterns = schema.get("patternProperties", {})
    rest = [
        item
        for key, item in value.items()
        if key not in schema.get("properties", {}) and not any(re.search(pattern, key) for pattern in patterns)
    ]
    return all(accepts(expected, item, root) for item in rest)


def _items(expected, value, schema, root):
    if not isinstance(value, list):
        return True
    return all(accepts(expected, item, root) for item in value[len(schema.get("prefixItems", ())) :])


def _prefix(expected, value, schema, root):
    return not isinstance(value, list) or all(
        accepts(one, item, root) for one, item in zip(expected, value, strict=False)
    )


_CHECKS = {
    **dict.fromkeys(("$schema", "$id", "$defs", "title", "description", "default"), lambda *_: True),
    "$ref": _reference,
    "type": lambda expected, value, *_: _is(expected, value),
    "enum": lambda expected, value, *_: value in expected,
    "anyOf": lambda expected, value, schema, root: any(accepts(one, value, root) for one in expected),
    "properties": _properties,
    "patternProperties": _patterns,
    "additionalProperties": _additional,
    "propertyNames": lambda expected, value, s, root: (
        not isinstance(value, dict) or all(accepts(expected, key, root) for key in value)
    ),
    "required": lambda expected, value, *_: not isinstance(value, dict) or all(key in value for key in expected),
    "prefixItems": _prefix,
    "items": _items,
    "maxLength": lambda expected, value, *_: not isinstance(value, str) or len(value) <= expected,
    "minItems": lambda expected, value, *_: not isinstance(value, list) or len(value) >= expected,
    "minProperties": lambda expected, value, *_: not isinstance(value, dict) or len(value) >= expected,
    "maxProperties": lambda expected, value, *_: not isinstance(value, dict) or len(value) <= expected,
    "minimum": lambda expected, value, *_: not isinstance(value, (int, float)) or value >= expected,
    "pattern": lambda expected, value, *_: not isinstance(value, str) or re.search(expected, value) is not None,
}
