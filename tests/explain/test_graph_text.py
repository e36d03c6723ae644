"""Graphs for people and for other programs: text, DOT, JSON and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import wengert as wg
from wengert.core.aval import aval
from wengert.core.encode import decode, encode
from wengert.core.evaluate import evaluate
from wengert.core.graph import Equation, Graph, schedule
from wengert.core.primitive import PRIMITIVES
from wengert.core.verify import verify
from wengert.errors import CyclicGraphError, InvalidGraphError

from ..random_programs import Program, programs


def f(x: Any, p: Any) -> Any:
    y = 2 * x @ p["w"]
    return np.sum(np.maximum(y, 0) ** 2)


ARGS = (np.ones((2, 3)), {"w": np.arange(3.0)})


def test_text_says_names_literals_and_each_line_once() -> None:
    text = str(wg.trace(f)(*ARGS))
    assert text.splitlines()[0] == "graph(x: float64[2,3], p['w']: float64[3]):"
    assert "broadcast(2.0, " in text and " ** 2" in text and "@ p['w']" in text
    assert text.count("y = 2 * x @ p") == 1
    assert text.count("return np.sum(") == 1


def test_constants_are_shown_and_do_not_follow_the_callers_array() -> None:
    weights = np.array([1.0, 2.0])
    graph = wg.trace(lambda x: x * weights)(np.ones(2))
    weights[:] = 7
    assert "= constant [1., 2.]" in str(graph)


def test_numbers_are_written_where_they_are_used() -> None:
    text = str(wg.trace(lambda x: np.mean(x) * 3)(np.ones(8)))
    assert "/ 8.0" in text and "* 3.0" in text and "full" not in text
    report = wg.explain(lambda x: np.mean(x) * 3, symbolic=False)(np.ones(8))
    assert "full" not in report.section("forward") + report.section("reverse") + report.section("graph")


def test_an_input_that_is_called_like_a_value_does_not_clash() -> None:
    def clash(v2: Any, x: Any) -> Any:
        return v2 * np.sin(x)

    text = str(wg.trace(clash)(1.0, 2.0))
    assert "w2: float64[] = sin(x)" in text and "w3: float64[] = v2 * w2" in text


def test_loops_of_many_arguments_have_names() -> None:
    graph = wg.trace(lambda *xs: xs[0] * xs[1])(1.0, 2.0)
    assert graph.names == ("xs[0]", "xs[1]")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_json_gives_the_same_graph_back(program: Program) -> None:
    graph = wg.trace(program.function())(*program.args)
    text = graph.to_json()
    again = Graph.from_json(text)
    assert again.to_json() == text
    assert str(again) == str(graph)
    inputs = [*program.args, *[value for _, value in graph.constants]]
    for i in graph.outputs:
        np.testing.assert_array_equal(evaluate(again, inputs)[i], evaluate(graph, inputs)[i])


@pytest.mark.parametrize(
    "value",
    [1, 2.5, True, None, "a", float("inf"), 3 + 4j, (1, (2.0, None)), np.dtype("float32"), np.float32(0.1)],
)
def test_encoding_is_reversed_by_decoding(value: Any) -> None:
    again = decode(json.loads(json.dumps(encode(value), allow_nan=False)))
    assert again == value and type(again) is type(value)


def test_arrays_are_encoded_exactly() -> None:
    array = np.array([[0.1, np.nan], [-np.inf, 1e-300]])
    again = decode(json.loads(json.dumps(encode(array), allow_nan=False)))
    np.testing.assert_array_equal(again, array)
    assert again.dtype == array.dtype


def test_what_cannot_be_encoded_is_refused() -> None:
    with pytest.raises(InvalidGraphError, match="numbers, strings, dtypes"):
        encode(object())


def changed(**fields: Any) -> str:
    data = json.loads(wg.trace(lambda x: np.sin(x) * x)(2.0).to_json())
    data.update(fields)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "has the schema wengert.graph, version 1"),
        (changed(version=2), "version 2|, 2\\)"),
        (changed(outputs=[9]), "Every output is made somewhere"),
        (changed(equations=[{"primitive": "nope", "inputs": [], "outputs": [1]}]), "unknown primitive"),
    ],
)
def test_graphs_from_outside_are_checked(text: str, words: str) -> None:
    with pytest.raises(InvalidGraphError, match=words):
        Graph.from_json(text)


def test_a_cycle_from_outside_is_refused() -> None:
    data = json.loads(changed())
    data["equations"].reverse()
    with pytest.raises(CyclicGraphError, match="reads only values made before it"):
        Graph.from_json(json.dumps(data))


def test_scheduling_orders_equations_and_refuses_a_cycle() -> None:
    of = aval((), np.float64)
    sin, add = PRIMITIVES["sin"], PRIMITIVES["add"]
    shuffled = [Equation(add, (1, 2), (3,)), Equation(sin, (1,), (2,)), Equation(sin, (0,), (1,))]
    ordered = schedule(shuffled, [0])
    assert [e.outputs for e in ordered] == [(1,), (2,), (3,)]
    verify(Graph((of,) * 4, (0,), tuple(ordered), (3,)))
    with pytest.raises(CyclicGraphError, match="wait for each other"):
        schedule([Equation(add, (0, 2), (1,)), Equation(sin, (1,), (2,))], [0])


def hostile(value: Any) -> Any:
    return value['"];\n<b>\\'] * 2.0


def test_dot_and_html_escape_names() -> None:
    graph = wg.trace(hostile)({'"];\n<b>\\': 1.0})
    assert "<b>" not in graph._repr_html_() and "&lt;b&gt;" in graph._repr_html_()
    for line in graph.to_dot().splitlines()[1:-1]:
        quotes = line.replace("\\\\", "").replace('\\"', "").count('"')
        assert quotes % 2 == 0, line
        assert line.endswith(";")


def test_lines_of_functions_that_make_arrays() -> None:
    """Such functions run as copies that see wrappers in NumPy's place; the line is the user's all the same."""

    def f(x: Any) -> Any:
        e = np.exp(x)
        s = np.sum(e, axis=0)
        return s * np.array([1.0, 2.0])

    places = {e.primitive.name: str(e.source) for e in wg.trace(f)(np.ones((3, 2))).equations}
    assert places["exp"].endswith("e = np.exp(x)")
    assert places["reduce_sum"].endswith("s = np.sum(e, axis=0)")
