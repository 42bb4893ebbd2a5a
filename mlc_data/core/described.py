"""Base class of records and recipe sections whose docstrings of attributes describe them in JSON Schemas."""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema


class Described:
    """Part of a pydantic model whose JSON Schema describes each attribute by the docstring that follows it.

    pydantic's ``use_attribute_docstrings`` does the same when the class is made, and so reads every source file at
    each start of the command line.
    """

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler(core_schema)
        fields: dict[str, Any] = getattr(cls, "model_fields", {})
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for base in cls.__mro__:
            if issubclass(base, Described) and base is not Described:
                for name, text in _attribute_docstrings(base).items():  # type: ignore[arg-type]  # mypy: a class is hashable
                    key = fields[name].alias or name if name in fields else name
                    if key in properties:
                        properties[key].setdefault("description", text)
        return schema


@cache
def _attribute_docstrings(cls: type) -> dict[str, str]:
    """Return the docstrings that follow annotated attributes in a class's source, by attribute."""
    try:
        source = inspect.getsource(cls)
    except (OSError, TypeError):  # made by a program
        return {}
    (definition,) = ast.parse(textwrap.dedent(source)).body
    if not isinstance(definition, ast.ClassDef):
        return {}
    return {
        before.target.id: inspect.cleandoc(after.value.value)
        for before, after in pairwise(definition.body)
        if isinstance(before, ast.AnnAssign)
        and isinstance(before.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(after.value.value, str)
    }
