"""jit: record once, run machine code from then on."""

from __future__ import annotations

import dis
import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import CodeType
from typing import Any, Final

import numpy as np

from ..core.builder import GUARD, Builder, inline
from ..core.graph import Graph
from ..core.primitive import PRIMITIVES
from ..core.source import user_line
from ..core.symbol import Sym
from ..core.tree import flatten, unflatten
from ..errors import ArgumentError, explain
from ..ops.control import Literal
from ..ops.loop_operands import TapeFull
from ..run import llvm
from ..run.cache import Cache, collector_paused
from ..run.tiers import Tiered
from ..trace.capture import AliasError, Notes, saved_versions
from ..trace.context import captured_into, capturing, current
from ..trace.rebind import rebound
from ..trace.record import LEAF, Recording
from ..trace.tracer import wrap_result
from ..transforms.demand import only_read
from ..transforms.simplify import simplify
from .call import Call, array_like, as_tuple, check_apart
from .lowered import Lowered
from .room import retried

MAX_VARIANTS: Final = 16
"""Programs per signature, for code that branches on values, before jit falls back to recording at each call."""


def jit(
    fun: Callable[..., Any] | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    donate_argnums: int | Sequence[int] = (),
) -> Callable[..., Any]:
    """Return a version of a function that is recorded once per signature and then runs as machine code.

    Parameters
    ----------
    fun : callable
        May itself be made by a transform: ``wg.jit(wg.grad(f))``.
    static_argnums, static_argnames
        Arguments that are not traced; they must be hashable, and each value gets a program of its own.
    donate_argnums
        Positions of arguments that the caller does not use afterwards, as in JAX.  Results of the same size and dtype
        are written into their memory: a training step then updates its parameters in place.

    Returns
    -------
    callable
        Same arguments and results.  Python's side effects (prints, changes of globals, random numbers) happen only
        while recording.  Branches on values (``if x > 0``) are guarded: a call that branches otherwise is recorded
        anew.

    Raises
    ------
    ArgumentError
        If a static argument is not hashable.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> f = wg.jit(lambda x: np.sum(x ** 2))
    >>> float(f(np.arange(3.0)))
    5.0
    """
    if fun is None:
        return functools.partial(
            jit, static_argnums=static_argnums, static_argnames=static_argnames, donate_argnums=donate_argnums
        )
    return Jitted(fun, as_tuple(static_argnums), _names(static_argnames), as_tuple(donate_argnums))


def _names(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


class Variant:
    """One recording of a function: a program, and what Python saw while it was recorded."""

    __slots__ = ("captured", "finish", "guards", "lowered", "n_out", "native", "recorded", "written")

    def __init__(
        self,
        recording: Recording,
        graph: Graph,
        guards: list[tuple[str, Any]],
        captured: list[str],
        donated: Sequence[int] = (),
    ) -> None:
        self.guards = guards
        self.captured = captured
        self.recorded = graph
        self.lowered = only_read(simplify(graph))
        # Where guards may fail, another variant needs the arguments as they were.
        donated = () if guards or recording.written else donated
        self.native = Tiered(self.lowered, eager=True, donated=donated).compiled()
        self.n_out = len(recording.outputs)
        self.written = recording.written
        self.finish = _rebuilder(recording.structure, self.n_out)


def _rebuilder(structure: Any, n: int) -> Callable[[list[Any]], Any]:
    """Return a function that puts results into their container; quick where that is a value or a flat tuple."""
    if structure == LEAF:
        return lambda outs: outs[0]
    children = structure.children()
    if structure.type is tuple and all(child == LEAF for child in children):
        return lambda outs: tuple(outs[:n])
    return lambda outs: unflatten(structure, outs[:n])


class Jitted:
    """A function made by :func:`jit`."""

    def __init__(
        self, fun: Callable[..., Any], static: tuple[int, ...], names: tuple[str, ...], donated: tuple[int, ...]
    ) -> None:
        functools.update_wrapper(self, fun)
        llvm.NativeProgram  # noqa: B018  is loaded now and not in the first call
        self._fun = fun
        self._static = static
        self._names = names
        self._donated = donated
        self._cache = Cache(256)
        self._fast: dict[Any, Variant] = {}
        self._plain = not static and not names
        self._warned: set[Any] = set()
        self._refused: dict[Any, str] = {}

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # The quick way: arrays and numbers, alone or in lists and tuples, and one variant without guards.
        signature, leaves, variant = None, args, None
        if not kwargs:
            if self._plain:
                signature = tuple([(a.shape, a.dtype) if type(a) is np.ndarray else type(a) for a in args])
                variant = self._fast.get(signature)
            if variant is None:
                signature, leaves = self._look(args)
                try:
                    variant = self._fast.get(signature)
                except TypeError:  # a static argument that is not hashable; the other way says so
                    signature = None
            if variant is not None and current() is None:
                try:
                    return variant.finish(variant.native(leaves))
                except TapeFull as full:
                    return retried(full, lambda: self._afresh(args, kwargs))
        try:
            return self._call(args, kwargs, signature)
        except TapeFull as full:
            return retried(full, lambda: self._afresh(args, kwargs))

    def _look(self, args: Any) -> tuple[Any, Any]:
        """Return what the quick way knows arguments by, and their leaves."""
        leaves: list[Any] = []
        if self._plain:
            return tuple([_look(a, leaves) for a in args]), leaves
        static = self._positions(args)
        return tuple([("static", type(a), a) if k in static else _look(a, leaves) for k, a in enumerate(args)]), leaves

    def _afresh(self, args: Any, kwargs: Any) -> Any:
        """Call with everything recorded anew: a loop needs more room for residuals."""
        self._cache.clear()
        self._fast.clear()
        return self._call(args, kwargs, None)

    def _call(self, args: Any, kwargs: Any, signature: Any) -> Any:
        leaves, tree, static = self._split(args, kwargs)
        if current() is not None:
            if any(isinstance(leaf, Sym) and leaf.builder is not None for leaf in leaves):
                return self._inside(args, kwargs, leaves)
            leaves = [array_like(leaf, "jit")[0] if isinstance(leaf, Sym) else leaf for leaf in leaves]
            if self._donated:  # an enclosing transform may use them again
                leaves = [leaf.copy() if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]
        key = (tree, static, *[_signature(leaf) for leaf in leaves])
        try:
            variants: list[Variant] = self._cache.get(key, list)
        except TypeError as error:
            raise self._unhashable(static) from error
        failed = []
        for variant in list(variants):
            n = len(variant.guards)
            try:
                outs = variant.native(leaves)
            except TapeFull:
                raise
            except Exception:
                if not n:
                    raise
                failed.append(variant.guards)  # perhaps only since it is for other values than these
                continue
            if not n or all(map(_agrees, variant.guards, outs[-n:])):
                return self._finish(variant, leaves, outs)
        if len(variants) >= MAX_VARIANTS:
            return self._fall_back(args, kwargs)
        variant = self.variant(args, kwargs)
        if variant.guards not in failed:
            variants.append(variant)
        if signature is not None and not variant.guards and not variant.written and all(map(_is_quick, signature)):
            if len(self._fast) > 256:
                self._fast.clear()
            self._fast[signature] = variant
        return self._finish(variant, leaves, variant.native(leaves))

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """Return what is made of the function for these arguments, to look at.

        Examples
        --------
        >>> import numpy as np, wengert as wg
        >>> lowered = wg.jit(lambda x: np.sum(np.sin(x) * x)).lower(np.ones(4))
        >>> lowered.steps[-1].startswith("loop 4: 1 loads; sin mul")
        True
        """
        variant = self.variant(args, kwargs)
        return Lowered(variant.recorded, variant.lowered, variant.captured)

    def recorded(self, args: Any, kwargs: Any) -> tuple[list[Any], Graph]:
        """Return what is traced of the arguments, and the graph recorded for them."""
        return self._split(args, kwargs)[0], self.variant(args, kwargs).recorded

    # -- arguments ----------------------------------------------------------------------------------------------------

    def _split(self, args: Any, kwargs: Any) -> tuple[list[Any], Any, Any]:
        """Return the leaves to trace, their containers, and the static arguments."""
        positions = self._positions(args)
        static = (
            tuple((k, type(arg), arg) for k, arg in enumerate(args) if k in positions),
            tuple((name, type(kwargs[name]), kwargs[name]) for name in sorted(kwargs) if name in self._names),
        )
        dynamic = [arg for k, arg in enumerate(args) if k not in positions]
        rest = {name: value for name, value in kwargs.items() if name not in self._names}
        leaves, tree = flatten((dynamic, rest))
        return leaves, tree, static

    def _positions(self, args: Any) -> set[int]:
        count = len(args)
        return {k % count for k in self._static if -count <= k < count}

    def _unhashable(self, static: Any) -> ArgumentError:
        return ArgumentError(
            explain(
                "Static arguments of jit are hashable, as keys of a dict are.",
                found=repr(static),
                line=user_line(),
                fix="pass a tuple instead of a list, or do not make the argument static",
            )
        )

    # -- recording ----------------------------------------------------------------------------------------------------

    @collector_paused()
    def variant(self, args: Any, kwargs: Any) -> Variant:
        """Run the function on tracers and make its program."""
        positions = self._positions(args)
        dynamic = [k for k in range(len(args)) if k not in positions]
        names = self._names
        traced_kwargs = {name: value for name, value in kwargs.items() if name not in names}
        fixed_kwargs = {name: value for name, value in kwargs.items() if name in names}
        notes = Notes(self._warned, self._refused)
        with captured_into(notes):
            runnable = rebound(self._fun)[0]

        def with_traced(dynamic_args: Any, dynamic_kwargs: Any) -> Any:
            full = list(args)
            for k, arg in zip(dynamic, dynamic_args, strict=True):
                full[k] = arg
            return runnable(*full, **fixed_kwargs, **dynamic_kwargs)

        with self._watching_effects(), captured_into(notes):
            call = Call(with_traced, ([args[k] for k in dynamic], traced_kwargs), {}, (0, 1), "jit", promote=False)
            recording = self._record(call, notes)
            guards = [(entry[1], entry[3], entry[2]) for entry in recording.builder.code if entry[0] is GUARD]
            graph = recording.graph(extra=[number for _, _, number in guards])
            bound = bind_constants(graph, len(call.leaves), recording.constants())
            seen_guards = [(kind, seen) for kind, seen, _ in guards]
            return Variant(recording, bound, seen_guards, notes.lines, self._given_up(args, dynamic))

    def _given_up(self, args: Any, dynamic: list[int]) -> list[int]:
        """Return the numbers of the donated arguments' leaves."""
        donated = {k % len(args) for k in self._donated if -len(args) <= k < len(args)}
        found: list[int] = []
        number = 0
        for k in dynamic:
            count = len(flatten(args[k])[0])
            if k in donated:
                found += range(number, number + count)
            number += count
        return found

    def _record(self, call: Call, notes: Notes) -> Recording:
        """Record; again without capturing a statement that turns out later to hide which arrays are the same."""
        while True:
            try:
                return call.record(guarded=True)
            except AliasError as error:
                notes.refuse(error)

    def _inside(self, args: Any, kwargs: Any, leaves: list[Any]) -> Any:
        """Call inside another recording: the equations are just recorded there."""
        if capturing() is not None:
            return rebound(self._fun)[0](*args, **kwargs)
        notes = Notes(self._warned, self._refused)
        while True:
            versions = saved_versions(leaves)
            try:
                with captured_into(notes):
                    return rebound(self._fun)[0](*args, **kwargs)
            except AliasError as error:
                notes.refuse(error)
                versions()

    @contextmanager
    def _watching_effects(self) -> Iterator[None]:
        """Warn, once, of effects that happen while recording only."""
        before = np.random.get_state(legacy=False)
        yield
        after = np.random.get_state(legacy=False)
        if before["state"]["pos"] != after["state"]["pos"] or not np.array_equal(
            before["state"]["key"], after["state"]["key"]
        ):
            self._warn_once(
                "random",
                "drew from NumPy's global random state while it was recorded; every later call gets the same numbers. "
                "Draw them outside and pass them in as an argument.",
            )
        code = getattr(self._fun, "__code__", None)
        if code is not None:
            for effect in frozen_effects(code):
                self._warn_once(
                    effect,
                    f"{effect} while it was recorded; later calls run the recorded graph and do not. Do it outside, "
                    "on the result.",
                )

    def _warn_once(self, key: str, what: str) -> None:
        if key not in self._warned:
            self._warned.add(key)
            name = getattr(self._fun, "__name__", "a function")
            warnings.warn(f"{name} under wg.jit {what}", RuntimeWarning, stacklevel=6)

    # -- results ------------------------------------------------------------------------------------------------------

    def _finish(self, variant: Variant, leaves: list[Any], outs: list[Any]) -> Any:
        check_apart(leaves, variant.written)
        for k, value in zip(variant.written, outs[variant.n_out :], strict=False):
            if isinstance(leaves[k], np.ndarray):
                leaves[k][...] = value
        if current() is not None:
            outs = [wrap_result(out) for out in outs]
        return variant.finish(outs)

    def _fall_back(self, args: Any, kwargs: Any) -> Any:
        self._warn_once(
            "variants",
            f"took {MAX_VARIANTS} different paths through its Python branches; further ones run without jit. Use "
            "np.where (or wg.cond) for choices that depend on values, or leave jit out.",
        )
        return self._fun(*args, **kwargs)


def bind_constants(graph: Graph, n_args: int, constants: list[Any]) -> Graph:
    """Make the values of captured constants part of a graph: numbers and arrays that jit freezes."""
    builder = Builder(reuse=True)
    inputs = [builder.input(of) for of in graph.in_avals[:n_args]]
    for of, value in zip(graph.in_avals[n_args:], constants, strict=True):
        if of.shape:
            inputs.append(builder.apply(PRIMITIVES["literal"], (), (("value", Literal(np.array(value, of.dtype))),)))
        else:
            inputs.append(builder.full(np.asarray(value, of.dtype).item(), (), of.dtype))
    return builder.build(inline(graph, builder, inputs), graph.names)


def frozen_effects(code: CodeType) -> list[str]:
    """Name the effects of a function's code that jit freezes."""
    found = []
    if "print" in code.co_names:
        found.append("printed")
    if any(instruction.opname == "STORE_GLOBAL" for instruction in dis.get_instructions(code)):
        found.append("wrote to a global variable")
    return found


def _look(arg: Any, leaves: list[Any]) -> Any:
    """Return what the quick way knows an argument by; collect its leaves."""
    kind = type(arg)
    if kind is list or kind is tuple:
        return (kind, *[_look(a, leaves) for a in arg])
    leaves.append(arg)
    return (arg.shape, arg.dtype) if kind is np.ndarray else kind


def _is_quick(signature: Any) -> bool:
    if isinstance(signature, tuple):
        return signature[0] not in (list, tuple) or all(map(_is_quick, signature[1:]))
    return signature in (float, np.float64, np.float32, int)


def _signature(leaf: Any) -> Any:
    """What a program depends on of an argument."""
    kind = type(leaf)
    if kind is np.ndarray:
        return (leaf.shape, leaf.dtype)
    if kind in (float, int, complex, bool):
        return kind
    if isinstance(leaf, np.generic):
        return (leaf.dtype,)
    raise ArgumentError(
        explain(
            "jit takes arrays and numbers, in any nested containers.",
            found=f"{leaf!r} of type {kind.__name__}",
            line=user_line(),
            fix="make it static (static_argnums, static_argnames)",
        )
    )


def _agrees(guard: tuple[str, Any], value: Any) -> bool:
    kind, seen = guard
    if kind == "mask":
        return bool(np.asarray(value).tobytes() == seen)
    return bool((bool if kind == "bool" else int)(np.asarray(value).reshape(())[()]) == seen)
