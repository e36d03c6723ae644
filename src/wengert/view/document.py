"""The document: everything that the page shows of a function at a point, as JSON.

Schema ``wengert.view``, version 2.  An object with

- ``schema``, ``version``, ``generator`` (the library's version), ``title``;
- ``function``: ``name``, ``file``, ``line``;
- ``sources``: the user's functions, ``{function, file, first, lines}``;
- ``graph``: ``values`` (``[name, shape, dtype]`` by number), ``inputs`` (``{value, role, active}``), ``equations`` in
  the order of the schedule (``{primitive, inputs, outputs, text, at, pattern?, graphs?}``, where ``at`` is a source's
  number and a line), ``outputs`` (``{value, name, role}``), ``groups`` (``{label, kind, first, last, parent}``:
  stretches of the schedule);
- ``primitives``: name -> ``{doc, label, explanation}``;
- ``sweeps``: the values, tangents and adjoints, see :func:`~wengert.view.sweeps.sweeps`;
- ``reports``: data of the sections of :func:`wengert.explain` under their names;
- ``inside``: for equations that hold graphs, by place in the schedule, and inside of these again, see
  :meth:`Inside.of <wengert.view.inside.Inside.of>`; ``bodies``: the inner graphs, ``{title, graph}``;
- ``exports``: the program in other formats, by name: ``{text}``, ``{base64}``, or ``{why}`` where there is none;
- ``jacobian``, ``training``, ``program``, ``compiled``: see the modules that make them; null where there is none;
- ``omitted``: ``[what, why]`` of what was left out because it would have taken too long.

Numbers that JSON lacks are the strings ``"nan"``, ``"inf"`` and ``"-inf"``; complex ones are ``{re, im}``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import numpy as np

from ..api.explain.costs import Sweeps, costs, operations
from ..api.explain.duality import duality
from ..api.explain.formulas import Formulas
from ..api.explain.linear import Derivative, differentiate
from ..api.explain.network import network
from ..api.explain.report import described_function
from ..api.explain.roads import roads
from ..api.explain.shapes import block, shapes
from ..api.explain.structure import structure
from ..api.explain.subject import Subject, study
from ..api.explain.values import number
from ..api.inspect import parameter_names
from ..api.room import with_room
from .compiled import compiled
from .drawing import drawing, primitives, shown
from .exports import embedded
from .inside import Inside
from .program import program
from .sources import Sources
from .sweeps import sweeps
from .training import training

SCHEMA: Final = "wengert.view"
VERSION: Final = 2
MOST_EXPLAINED: Final = 1500
"""With more equations, tables that compare programs line by line or repeat the function often are left out."""
_MOST_JACOBIAN: Final = 4096


def document(
    fun: Callable[..., Any],
    args: tuple[Any, ...],
    *,
    argnums: Sequence[int] | None = None,
    parameters: Sequence[int] = (),
    direction: Any = None,
    cotangent: Any = None,
    manual: Callable[..., Any] | None = None,
    symbolic: bool = True,
    learning_rate: float = 0.1,
    jitted: Any = None,
    title: str = "",
) -> dict[str, Any]:
    """Return the document of a function at a point; the options are those of :func:`wengert.explain`."""
    subject = study(fun, args, {}, argnums, parameters, direction, cotangent)
    return described(subject, manual=manual, symbolic=symbolic, learning_rate=learning_rate, jitted=jitted, title=title)


@with_room
def described(
    subject: Subject,
    *,
    manual: Callable[..., Any] | None = None,
    symbolic: bool = True,
    learning_rate: float = 0.1,
    jitted: Any = None,
    title: str = "",
) -> dict[str, Any]:
    """Return the document of a function at a point that has been studied."""
    d = differentiate(subject)
    formulas, sources, measured = Formulas(d), Sources(), Sweeps(subject)
    code = getattr(inspect.unwrap(subject.function), "__code__", None)
    if code is not None:
        sources.add(code)
    order = shown(subject.graph)
    net = network(d, learning_rate)
    layers = net.data["layers"] if net else []
    spans = [(layer["name"], layer["first"], layer["last"]) for layer in layers]
    for equation in subject.graph.equations:
        sources.place(equation.source)
    within = Inside(lambda one: {"title": one.subject.title, "graph": drawing(one.subject, sources, ())})
    reports: dict[str, Any] = {"shapes": shapes(d).data, "costs": costs(measured).data}
    omitted: list[list[str]] = []
    if len(order) <= MOST_EXPLAINED:
        described = structure(subject).data
        reports["graph"] = {key: described[key] for key in ("undirected_cycles", "depth")}
        reports["duality"] = duality(d, formulas).data
        reports["roads"] = roads(d, measured, manual, symbolic).data
    else:
        why = f"the graph has {len(order):,} equations; this is made for up to {MOST_EXPLAINED:,}"
        omitted += [["roads", why], ["duality", why]]
    if net:
        reports["network"] = net.data
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "generator": _version(),
        "title": _title(subject, title),
        "function": described_function(subject),
        "sources": sources.blocks,
        "graph": drawing(subject, sources, spans),
        "primitives": primitives(subject.graph),
        "sweeps": sweeps(d, formulas, order),
        "reports": reports,
        "inside": within.of(d),
        "bodies": within.bodies,
        "exports": embedded(subject, d),
        "jacobian": _jacobian(d, omitted),
        "training": training(measured, learning_rate, operations(measured.reverse)),
        "program": program(d, order),
        "compiled": compiled(subject, order) if jitted is not None else None,
        "omitted": omitted,
    }


def _version() -> str:
    try:
        return version("wengert")
    except PackageNotFoundError:  # run from a folder, without being installed
        return ""


def _title(subject: Subject, name: str) -> str:
    """Return the function with its arguments, each by its own name however many arrays are in it."""
    call = subject.call
    names = parameter_names(call.function, len(call.args), range(len(call.args)))
    return f"{name or subject.title}({', '.join(names)})"


def _jacobian(d: Derivative, omitted: list[list[str]]) -> dict[str, Any] | None:
    """Return the whole Jacobian, flattened, with the names and sizes of the blocks of its rows and columns."""
    subject: Subject = d.subject
    named = enumerate(zip(subject.output_names, subject.graph.outputs, strict=True))
    outputs = [(k, name, i) for k, (name, i) in named if subject.graph.avals[i].is_inexact]
    if subject.n_in * subject.n_out > _MOST_JACOBIAN or not subject.n_in * subject.n_out:
        if subject.n_in * subject.n_out:
            size = f"{subject.n_out:,} x {subject.n_in:,}"
            omitted.append(["jacobian", f"it has {size} entries; it is drawn up to {_MOST_JACOBIAN:,}"])
        return None
    avals = subject.graph.avals
    matrix = np.vstack([np.hstack([block(d, k, j) for j in range(len(subject.active_inputs))]) for k, _, _ in outputs])
    return {
        "rows": [[name, avals[i].size] for _, name, i in outputs],
        "columns": [[subject.names[i], avals[i].size] for i in subject.active_inputs],
        "v": [[number(x) for x in row] for row in matrix.tolist()],
    }
