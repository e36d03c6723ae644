"""Graphs as JSON, and back.

Schema ``wengert.graph``, version 1, an object with

* ``schema``, ``version``: ``"wengert.graph"`` and ``1``;
* ``avals``: for each value ``{"shape": [...], "dtype": "float64", "weak": false}``; a value's number is its place here;
* ``inputs``, ``outputs``: numbers of values; ``names``: names of the first inputs;
* ``constants``: ``[number, value]`` pairs of inputs that the function captured, as far as their values are known;
* ``equations``: in topological order, each ``{"primitive", "inputs", "outputs", "params", "source"}``; ``source`` is
null or
  ``{"file", "line", "function", "text"}``.

Values are written as :mod:`wengert.core.encode` says; a parameter that is a graph is ``{"graph": {...}}``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ..errors import InvalidGraphError, explain
from .aval import aval
from .encode import decode, encode
from .primitive import PRIMITIVES
from .source import Source

if TYPE_CHECKING:
    from .graph import Equation, Graph

SCHEMA: Final = "wengert.graph"
VERSION: Final = 1
INNER: Final[list[Callable[[Any], Any]]] = []
"""How a graph becomes a parameter of an equation, which has to be hashable; ``ops`` enters it."""


def to_dict(graph: Graph) -> dict[str, Any]:
    """Return a graph as an object of the schema ``wengert.graph``."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "avals": [{"shape": list(of.shape), "dtype": of.dtype.name, "weak": of.weak} for of in graph.avals],
        "inputs": list(graph.inputs),
        "names": list(graph.names),
        "constants": [[i, encode(value)] for i, value in graph.constants],
        "equations": [_equation(equation) for equation in graph.equations],
        "outputs": list(graph.outputs),
    }


def _equation(equation: Equation) -> dict[str, Any]:
    return {
        "primitive": equation.primitive.name,
        "inputs": list(equation.inputs),
        "outputs": list(equation.outputs),
        "params": {key: _param(value) for key, value in equation.params},
        "source": source_dict(equation.source),
    }


def source_dict(source: Source | None) -> dict[str, Any] | None:
    """Return a place in the user's program as an object."""
    if source is None:
        return None
    return {"file": source.filename, "line": source.lineno, "function": source.function, "text": source.text}


def _param(value: Any) -> Any:
    if hasattr(value, "equations"):
        return {"graph": to_dict(value)}
    if isinstance(value, tuple):
        return {"tuple": [_param(item) for item in value]}
    return encode(value)


def from_dict(data: Any, graph: Callable[..., Graph], equation: Callable[..., Equation]) -> Graph:
    """Return the graph that an object describes; ``graph`` and ``equation`` make the two records.

    Raises
    ------
    InvalidGraphError
        If the object is not of this schema and version, or names a primitive that does not exist.
    """
    found = (data.get("schema"), data.get("version")) if isinstance(data, dict) else type(data).__name__
    if found != (SCHEMA, VERSION):
        raise InvalidGraphError(
            explain(
                f"A graph in JSON has the schema {SCHEMA}, version {VERSION}.",
                found=str(found),
                fix="write it with graph.to_json()",
            )
        )

    def param(value: Any) -> Any:
        if isinstance(value, dict) and "graph" in value:
            return INNER[0](from_dict(value["graph"], graph, equation))
        if isinstance(value, dict) and "tuple" in value:
            return tuple(param(item) for item in value["tuple"])
        return decode(value)

    equations = []
    for entry in data["equations"]:
        record = PRIMITIVES.get(entry["primitive"])
        if record is None:
            raise InvalidGraphError(
                explain("An equation applies a primitive.", found=f"unknown primitive {entry['primitive']!r}")
            )
        params = tuple((key, param(value)) for key, value in entry["params"].items())
        equations.append(
            equation(record, tuple(entry["inputs"]), tuple(entry["outputs"]), params, _source(entry["source"]))
        )
    return graph(
        tuple(aval(tuple(of["shape"]), of["dtype"], of["weak"]) for of in data["avals"]),
        tuple(data["inputs"]),
        tuple(equations),
        tuple(data["outputs"]),
        tuple(data["names"]),
        tuple((i, decode(value)) for i, value in data["constants"]),
    )


def _source(data: dict[str, Any] | None) -> Source | None:
    """Return a place with this file, line and function: an empty code object stands for the one that was compiled."""
    if data is None:
        return None
    code = compile("", data["file"], "exec")
    return Source(code.replace(co_firstlineno=data["line"], co_qualname=data["function"]), _START)


_START: Final = -2  # no instruction: Source.lineno is then the code object's first line
