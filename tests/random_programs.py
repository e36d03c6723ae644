"""A strategy for NumPy programs, as source text: what fails can be read, and copied into a test of its own."""

from __future__ import annotations

import linecache
import warnings
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

LARGEST = 48
"""Entries of the largest array that a program makes."""

UNARY = (
    "np.sin({a})",
    "np.cos({a})",
    "np.tanh({a})",
    "np.arctan({a})",
    "np.sqrt(1.5 + {a} * {a})",
    "np.log1p({a} * {a})",
    "np.exp(np.sin({a}))",
    "np.expm1(-{a} * {a})",
    "1 / (1.5 + np.cos({a}))",
    "{a} ** 2",
    "{a} ** 3",
    "2 ** np.sin({a})",
    "np.abs({a})",
    "-{a}",
    "{a} * 0.5",
    "3 - {a}",
    "{a} / 4",
    "np.maximum({a}, 0.1)",
    "np.clip({a}, -0.7, 0.9)",
    "np.logaddexp({a}, 0.5)",
    "np.where({a} > 0.2, {a}, 0.3 * {a})",
    "np.square({a})",
    "np.arcsinh({a})",
    "{a}.copy()",
)
BINARY = (
    "{a} + {b}",
    "{a} - {b}",
    "{a} * {b}",
    "{a} / (2.0 + {b} * {b})",
    "np.maximum({a}, {b})",
    "np.minimum({a}, 0.5 * {b})",
    "np.hypot({a}, 1.5 + {b} * {b})",
    "np.arctan2({a}, 1.0 + {b} * {b})",
    "np.where({a} > {b}, {a} * {b}, {b})",
    "np.where({b} > 0, np.sqrt(np.abs({b}) + 0.5), {a})",
    "(1.1 + {b} * {b}) ** np.sin({a})",
    "np.logaddexp({a}, {b})",
)
PRODUCTS = (
    "{a} @ {b}",
    "np.dot({a}, {b})",
    "np.matmul({a}, {b})",
    "np.outer({a}, {b})",
    "np.einsum('i,i->', {a}, {b})",
)
REDUCTIONS = (
    "np.sum({a}, axis={axis}, keepdims={keep})",
    "np.mean({a}, axis={axis}, keepdims={keep})",
    "np.prod(np.sin({a}), axis={axis}, keepdims={keep})",
    "np.max({a}, axis={axis}, keepdims={keep})",
    "np.min({a}, axis={axis}, keepdims={keep})",
    "np.var({a}, axis={axis}, keepdims={keep})",
    "{a}.sum(axis={axis})",
    "{a}.mean({axis})",
)
SHAPES = (
    "{a}.reshape(-1)",
    "{a}.T",
    "{a}[None]",
    "{a}[..., None]",
    "{a}[::-1]",
    "{a}[1:]",
    "{a}[:-1]",
    "{a}[::2]",
    "{a}[0]",
    "{a}[-1]",
    "{a}[..., 0]",
    "{a}[:, 1:]",
    "{a}[np.array([0, -1, 0])]",
    "{a}[..., np.array([0, 0])]",
    "np.expand_dims({a}, 0)",
    "np.broadcast_to({a}, (2,) + {a}.shape)",
    "np.concatenate([{a}, {a} * 2.0])",
    "np.stack([{a}, -{a}], axis=-1)",
    "np.cumsum({a}, axis=0)",
    "np.cumsum({a})",
    "np.ravel({a})",
)
JOINS = (
    "np.concatenate([{a}, {b}])",
    "np.stack([{a}, {b}])",
    "np.concatenate([{a}, {b}], axis=-1)",
    "np.array([{a}, {b}])",
)
SIZES = [(3,), (), (2, 3), (1,), (3, 1), (1, 3), (0,), (2, 0), (3, 3)]
WRITES = (
    "{c} = {a}.copy()\n{c}[0] = {b}",
    "{c} = {a}.copy()\n{c}[1:] += {b}",
    "{c} = {a} * 1.0\n{c}[...] = {b}",
    "{c} = {a} * 1.0\n{c} *= {b}",
    "{c} = np.zeros({a}.shape)\n{c}[:] = {a}\n{c}[-1] -= {b}",
    "{c} = np.zeros_like({a})\n{c}[::2] = {a}[::2] * {b}",
    "{c} = {a} + 0.0\nview = {c}[1:]\nview[...] = {b}\n{c}[0] = {c}[0] * 2.0",
    "{c} = {a} * 1.0\n{c}[:-1] = {c}[1:] * {b}",
    "{c} = np.empty((2,) + {a}.shape)\n{c}[0] = {a}\n{c}[1] = {b}",
)
LOOPS = (
    "{c} = {a}\nfor k in range(3):\n    {c} = np.sin({c}) + k * {b}",
    "{c} = 0.0\nfor row in {a}:\n    {c} = {c} * 0.5 + row * {b}",
    "{c} = [{a}, {b}]\n{c} = sum(np.sum(v) for v in {c})",
)
BRANCHES = (
    "if np.sum({a}) > 0:\n    {c} = {a} * {b}\nelse:\n    {c} = {b} - {a}",
    "{c} = {a} if {b}.ndim > 1 else {b} * 2.0",
    "{c} = {a} * 1.0\nwhile np.sum({c} * {c}) > 4.0:\n    {c} = {c} * 0.7",
)


@dataclass(repr=False)
class Program:
    """The source of a function, and arguments for it."""

    source: str
    args: list[Any]
    branches: bool

    def function(self) -> Any:
        """Compile the source, so that error messages can show its lines."""
        file = f"<random program {zlib.crc32(self.source.encode())}>"
        linecache.cache[file] = (len(self.source), None, self.source.splitlines(True), file)
        scope: dict[str, Any] = {"np": np, "__name__": "random_program"}
        exec(compile(self.source, file, "exec"), scope)
        return scope["f"]

    def __repr__(self) -> str:
        args = ", ".join(f"np.array({a.tolist()}, np.{a.dtype}).reshape({a.shape})" for a in self.args)
        return f"\n{self.source}\nargs = [{args}]\n"


class Writer:
    """Writes a program line by line, running each line at once to know which shapes there are."""

    def __init__(self, draw: Any, args: dict[str, Any]) -> None:
        self.draw = draw
        self.scope: dict[str, Any] = {"np": np, **args}
        self.live = list(args)
        self.lines: list[str] = []
        self.branches = False

    def variable(self) -> str:
        # The latest values are the most interesting ones: they make deep programs rather than wide ones.
        return self.live[-1 - self.draw(st.integers(0, min(4, len(self.live) - 1)))]

    def step(self) -> None:
        kinds = (UNARY, BINARY, BINARY, REDUCTIONS, SHAPES, SHAPES, PRODUCTS, JOINS, WRITES, WRITES, LOOPS, BRANCHES)
        family = self.draw(st.sampled_from(kinds))
        template = self.draw(st.sampled_from(family))
        name = f"v{len(self.lines)}"
        a, b = self.variable(), self.variable()
        ndim = np.ndim(self.scope[a])
        axis = self.draw(st.sampled_from([None, *range(-ndim, ndim)]))
        text = template.format(a=a, b=b, c=name, axis=axis, keep=self.draw(st.booleans()))
        if "{c}" not in template:
            text = f"{name} = {text}"
        self.try_line(name, text, family is BRANCHES)

    def try_line(self, name: str, text: str, branches: bool) -> None:
        """Keep a line that NumPy runs without complaint and that makes a small array of moderate numbers."""
        trial = dict(self.scope)
        try:
            with np.errstate(all="raise"), warnings.catch_warnings(action="error"):
                exec(text, trial)
        except (ValueError, IndexError, TypeError, FloatingPointError, AttributeError, RuntimeWarning):
            return
        value = trial[name]
        if not isinstance(value, (np.ndarray, np.floating)) or value.dtype.kind != "f":
            return
        if np.size(value) <= LARGEST and np.ndim(value) <= 4 and np.all(np.abs(value) < 30):
            self.scope = trial
            self.live.append(name)
            self.lines.append(text)
            self.branches |= branches


@st.composite
def programs(draw: Any, dtypes: tuple[str, ...] = ("float64", "float64", "float32"), longest: int = 10) -> Program:
    """Draw a program of one to three arguments with a scalar result that depends on the values it has made."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(dtypes))
    shapes = draw(st.lists(st.sampled_from(SIZES), min_size=1, max_size=3))
    kinds = [dtype] * len(shapes) if draw(st.booleans()) else [draw(st.sampled_from(dtypes)) for _ in shapes]
    made = [rng.uniform(-1.5, 1.5, shape).astype(kind) for shape, kind in zip(shapes, kinds, strict=True)]
    args = {f"x{k}": x for k, x in enumerate(made)}
    writer = Writer(draw, args)
    for _ in range(draw(st.integers(1, longest))):
        writer.step()
    results = writer.live[-3:]
    returned = " + ".join(f"np.sum(np.sin({name}) * {name})" for name in results)
    body = "\n".join([*writer.lines, f"return {returned}"]).replace("\n", "\n    ")
    return Program(f"def f({', '.join(args)}):\n    {body}\n", list(args.values()), writer.branches)
