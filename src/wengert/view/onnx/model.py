"""From a graph to an ONNX model: a walk over the equations, each written by its primitive's form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from ...api.inspect import trace
from ...core.aval import Aval
from ...core.graph import Graph
from ...core.show import subgraphs
from ...core.source import user_line
from ...errors import DtypeError, MissingExtraError, MissingRuleError, explain

OPSET: Final = 18
"""The version of ONNX's operators that is written."""

Form = Callable[..., Any]
FORMS: Final[dict[str, Form]] = {}
"""Name of a primitive -> ``form(writer, inputs, outs, **params)``, which writes nodes and returns names of values.

``inputs`` are :class:`Value` s, ``outs`` the avals of the outputs; a primitive with one output may return one name.
"""


def form(*names: str) -> Callable[[Form], Form]:
    """Enter a form for some primitives."""

    def enter(function: Form) -> Form:
        for name in names:
            FORMS[name] = function
        return function

    return enter


class Value(str):
    """The name of a value in the model, with its aval."""

    aval: Aval

    def __new__(cls, name: str, of: Aval) -> Value:
        made = super().__new__(cls, name)
        made.aval = of
        return made


class Writer:
    """Writes the nodes of one graph, or of a graph inside of it, which sees the values outside.

    Attributes
    ----------
    onnx : module
    nodes : list of NodeProto
    constants : list of TensorProto
        Of the whole model.
    float64 : dtype
        What float64 is written as.
    """

    def __init__(self, onnx: Any, float64: Any, outer: Writer | None = None) -> None:
        self.onnx = onnx
        self.float64 = float64
        self.nodes: list[Any] = []
        self.constants: list[Any] = outer.constants if outer else []
        self._used: set[str] = outer._used if outer else set()
        self._known: dict[Any, str] = outer._known if outer else {}

    def inner(self) -> Writer:
        """Return the writer of a graph inside."""
        return Writer(self.onnx, self.float64, self)

    def unique(self, name: str) -> str:
        """Return a name that no other value has; half of a surrogate pair is no text for ONNX."""
        name = name.encode("utf-8", "replace").decode() or "value"
        found, k = name, 0
        while found in self._used:
            k += 1
            found = f"{name}_{k}"
        self._used.add(found)
        return found

    def dtype(self, dtype: Any) -> Any:
        """Return the dtype that is written for one."""
        return self.float64 if dtype == np.float64 else np.dtype(dtype)

    def type(self, dtype: Any) -> int:
        """Return ONNX's number of a dtype."""
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(self.dtype(dtype)))

    def info(self, name: str, of: Aval) -> Any:
        """Return the declaration of an input or output."""
        return self.onnx.helper.make_tensor_value_info(name, self.type(of.dtype), of.shape)

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Write a node and return the name of its output, or of its outputs if there are several."""
        names = [self.unique(f"{kind}_{len(self._used)}") for _ in range(outputs)]
        self.nodes.append(self.onnx.helper.make_node(kind, [str(name) for name in inputs], names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Return the name of a constant, kept with the model once."""
        array = np.asarray(value, dtype)
        array = np.ascontiguousarray(array, self.dtype(array.dtype)).reshape(array.shape)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = name = self.unique(f"constant_{len(self._used)}")
            self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return self._known[key]

    def ints(self, *values: int) -> str:
        """Return the name of a vector of whole numbers, such as axes or a shape."""
        return self.constant(values, np.int64)

    def cast(self, name: str, dtype: Any) -> str:
        made: str = self.add("Cast", name, to=self.type(dtype))
        return made

    def run(self, graph: Graph, inputs: Sequence[str]) -> list[str]:
        """Write a graph's equations and return the names of its outputs."""
        env: dict[int, str] = dict(zip(graph.inputs, inputs, strict=True))
        for equation in graph.equations:
            given = [Value(env[i], graph.avals[i]) for i in equation.inputs]
            outs = [graph.avals[i] for i in equation.outputs]
            made = FORMS[equation.primitive.name](self, given, outs, **dict(equation.params))
            env.update(zip(equation.outputs, [made] if isinstance(made, str) else made, strict=True))
        return [env[i] for i in graph.outputs]

    def graph(self, name: str, inputs: Sequence[Any], outputs: Sequence[tuple[str, Aval]]) -> Any:
        """Return what has been written as a graph; outputs get names of their own, for they may be inputs too."""
        infos = []
        for output, of in outputs:
            infos.append(self.info(self.add("Identity", output), of))
        return self.onnx.helper.make_graph(self.nodes, name, list(inputs), infos)


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError(
            explain(
                "ONNX models are written by the package onnx.",
                found="onnx is not installed",
                fix="pip install 'wengert[onnx]'",
            )
        ) from error
    return onnx


def _check(graph: Graph) -> None:
    """Raise if a graph, or one inside of it, has what ONNX cannot say."""
    missing: dict[str, str] = {}

    def visit(part: Graph) -> None:
        for of in part.avals:
            if of.dtype.kind not in "fiub" or of.dtype.itemsize > 8:
                raise DtypeError(explain("ONNX models compute with real numbers, integers and bools.", found=repr(of)))
        for equation in part.equations:
            if equation.primitive.name not in FORMS:
                missing.setdefault(equation.primitive.name, str(equation.source or user_line()))
            elif equation.primitive.name not in ("custom_call", "linear_call"):
                for _, held in subgraphs(equation):
                    visit(held)
            else:
                visit(next(held for key, held in subgraphs(equation) if key in ("graph", "forward")))

    visit(graph)
    if missing:
        raise MissingRuleError(
            explain(
                "A graph is written as ONNX if each of its primitives has a form there.",
                found=f"no form for {', '.join(missing)}",
                line=next(iter(missing.values())),
                fix="leave these operations out of the exported function, or compute them with others",
            )
        )


def graph_to_onnx(graph: Graph, name: str = "graph", dtype: Any = None) -> Any:
    """Return a graph as an ONNX model; see :func:`to_onnx`."""
    onnx = _onnx()
    _check(graph)
    writer = Writer(onnx, np.dtype(dtype or np.float64))
    constants = dict(graph.constants)
    names = dict(zip(graph.inputs, graph.names, strict=False))
    inputs, values = [], []
    for k, i in enumerate(graph.inputs):
        of = graph.avals[i]
        if i in constants:
            values.append(writer.constant(constants[i], of.dtype))
        else:
            values.append(writer.unique(names.get(i) or f"input_{k}"))
            inputs.append(writer.info(values[-1], of))
    outs = writer.run(graph, values)
    outputs = []
    for k, (out, of) in enumerate(zip(outs, graph.out_avals, strict=True)):
        said = writer.unique("output" if len(outs) == 1 else f"output_{k}")
        writer.nodes.append(onnx.helper.make_node("Identity", [str(out)], [said]))
        outputs.append(writer.info(said, of))
    title = name.encode("utf-8", "replace").decode()
    made = onnx.helper.make_graph(writer.nodes, title, inputs, outputs, writer.constants)
    model = onnx.helper.make_model(
        made, producer_name="wengert", opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=9
    )
    onnx.checker.check_model(model)
    return model


def to_onnx(fun: Any, *args: Any, dtype: Any = None) -> Any:
    """Return a function, at the shapes of some arguments, as an ONNX model.

    Parameters
    ----------
    fun : callable or Graph
        The forward program is written; for a derivative give the derivative: ``to_onnx(wg.grad(f), x)``.
    *args
        Arguments of the function; only their shapes and dtypes matter, unless it branches on values.
    dtype : dtype, optional
        What float64 is written as, for example ``np.float32``: runtimes have more kernels for it.

    Returns
    -------
    onnx.ModelProto
        Its inputs have the names of the arguments.  ``onnx.save(model, path)`` writes it.

    Raises
    ------
    MissingRuleError
        If a primitive has no form in ONNX; the message names it.
    MissingExtraError
        If the package onnx is not installed.

    Examples
    --------
    >>> import numpy as np, pytest
    >>> onnx = pytest.importorskip("onnx")
    >>> model = to_onnx(lambda x: np.sin(x) * 2, np.ones(3))
    >>> [node.op_type for node in model.graph.node]
    ['Sin', ..., 'Mul', 'Identity']
    """
    graph = fun if isinstance(fun, Graph) else trace(fun)(*args)
    return graph_to_onnx(graph, getattr(fun, "__name__", "graph"), dtype)
