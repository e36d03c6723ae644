"""The tracer: an array that writes down what is done to it.

It follows NumPy's protocols (operators, ``__array_ufunc__``, ``__array_function__``), so that plain NumPy code runs
on it unchanged.
It is also mutable as an array is: writing gives it a new version in the graph, and a view and its base see each other's
writes.  The graph itself never changes; only the tracer's idea of which value it stands for does.
"""

from __future__ import annotations

from collections.abc import Iterator
from sys import _getframe
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.aval import aval, aval_of
from ..core.builder import leaked
from ..core.source import INTERNAL_FILES, is_internal, user_line
from ..core.symbol import Sym
from ..errors import UntraceableError, explain
from . import force, promote
from .computed import is_entry
from .context import current
from .dispatch import FUNCTIONS, OPERATIONS, PURE, UFUNCS
from .indexing import SIMPLE, Pick, basic_key, parse
from .memory import IndexView, MemoryView, contiguous
from .outside import check_write, root_of
from .refusal import STAY_ARRAY, STAY_FLOAT, untraceable

if TYPE_CHECKING:
    from ..core.builder import Builder
    from .recorder import Recorder


class Tracer(Sym):
    """An array under trace.

    Attributes
    ----------
    array : numpy.ndarray or None
        A fresh array (``np.zeros(3)`` in traced code) that no traced value was written to yet: computed by NumPy as
        usual.
    base, window
        For a view: what it is a view of, and how its part is read and written.
    version : int
        Counts the writes; ``seen`` is the base's version that this view shows.
    home : Builder or None
        For an array that was fresh: the trace that it was made in.
    is_array : bool
        False for what NumPy would return as a scalar: immutable.
    """

    __slots__ = ("array", "home", "is_array", "seen", "shared", "version", "window")

    array: Any
    home: Any
    builder: Recorder
    is_array: bool
    seen: int
    shared: bool
    version: int
    window: Any

    __array_priority__ = 1000.0

    if TYPE_CHECKING:
        # The operators, methods and attributes of arrays that are set further down and in functions/methods.py.
        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, builder: Builder, id: int, of: Any) -> None:
        self.builder = builder  # type: ignore[assignment]  # tracers are made by recorders only
        self.id = id
        self.aval = of
        self.base = None
        self.version = 0

    # -- views and writes -----------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the base again if it was written to since."""
        base = self.base
        if base is None:
            return
        base.refresh()
        if self.seen != base.version:
            self.seen = base.version
            self.version += 1
            self._become(self.window.read(base) if base.builder is not None else self.window.again(base.array))

    def _become(self, value: Any) -> None:
        if isinstance(value, Sym):
            self.builder, self.id, self.array = value.builder, value.id, None  # type: ignore[assignment]
        else:
            self.builder, self.id, self.array = None, -1, value  # type: ignore[assignment]

    def assign(self, value: Sym) -> None:
        """Stand for another value from now on (of the same shape and dtype); tell the base."""
        self.refresh()
        if self.builder is not None and self.builder.finished:
            raise leaked(self)
        check_write(self)
        if value.builder is not self.builder and self.builder is not None and value.builder.level > self.builder.level:
            self._check_inner_write(value)
        if self.base is not None:  # first, because a read-only view anywhere below refuses
            self.base.assign(self.window.write(self.base, value))
            self.seen = self.base.version
        self._become(value)
        self.version += 1

    def _check_inner_write(self, value: Sym) -> None:
        raise UntraceableError(
            explain(
                "A function that is being differentiated cannot write a traced value into an array of the outer "
                "function.",
                found=f"{value!r} written into {self!r}",
                line=user_line(),
                fix="return the value from the inner function and write it outside, or has_aux=True",
            )
        )

    def share(self) -> Any:
        """Return the concrete array for a recording; a later write to this tracer will then copy it first."""
        self.refresh()
        root: Any = self
        while root.base is not None:
            root = root.base
        root.shared = True
        array = self.array
        frozen = array.view()
        frozen.flags.writeable = False
        return frozen

    def writable(self) -> Any:
        """Return the concrete array for writing into, a copy if a recording holds it."""
        check_write(self)
        root: Any = self
        while root.base is not None:
            root = root.base
        if root.shared:
            root.array = root.array.copy(order="K")
            root.shared = False
            root.version += 1
        self.refresh()
        return self.array

    # -- indexing -------------------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        if self.base is not None:
            self.refresh()
        builder = self.builder
        if builder is None:
            return fresh_view(self, index)
        if type(index) is slice:
            start, stop, by = index.start, index.stop, index.step
            key: Any = (start, stop, by)
            if type(start) not in SIMPLE or type(stop) not in SIMPLE or type(by) not in SIMPLE:
                key = None
        else:
            key = basic_key(index)
        if key is not None:
            step = builder.node.get((self.id, key))
            if step is not None:  # a shortcut, see recorder.py
                builder.node, number, of, window = step
                out = Tracer(builder, number, of)
                if window is not None:
                    out.base, out.window, out.seen = self, window, self.version
                return out
        note(builder, _getframe(1))
        before = builder.node
        where = parse(index, self.aval.shape)
        if type(where) is Pick and where.plain:
            return builder.operate(Pick, where.entries, (self, *where.indices))
        out = where.read(self)
        view = not isinstance(where, Pick) and (where.shape or index is Ellipsis)
        if view:
            out = as_view(out, self, where)
        if key is not None and out is not self:
            builder.shortcut(before, (self.id, key), out, where if view else None)
        return out

    def __setitem__(self, index: Any, value: Any) -> None:
        self.refresh()
        if self.builder is not None:
            note(self.builder, _getframe(1))
        if self.builder is None:
            if not is_traced(value) and not is_traced(index):
                self.writable()[plain(index)] = plain(value)
                return
            lift_fresh(self, [value, index])
        elif not self.aval.shape and not getattr(self, "is_array", False) and self.base is None:
            raise TypeError(f"a scalar does not support item assignment\n  at:    {user_line()}")
        if type(index) is Tracer and index.aval.dtype == np.bool_ and self._write_masked(index, value):
            return
        where = parse(index, self.aval.shape)
        if type(value) is Tracer and value.base is self and value.window == where and value.seen == self.version:
            return  # x[i] += v: Python stores the view, which has been written through, into its own place
        shape: tuple[int, ...] = where.read(self).shape if isinstance(where, Pick) else where.shape
        self.assign(where.write(self, fitted(value, shape, self)))

    def _write_masked(self, mask: Tracer, value: Any) -> bool:
        """Do ``x[mask] = value`` as a choice between value and x, if value is the same wherever the mask is true.

        Then nobody needs to know the mask: the recording holds for other masks, too.
        """
        shape, n = self.aval.shape, mask.aval.ndim
        mask.refresh()
        if mask.builder is None or shape[:n] != mask.aval.shape or np.ndim(value) > len(shape) - n:
            return False
        chosen = np.reshape(mask, mask.aval.shape + (1,) * (len(shape) - n))
        written: Any = np.where(chosen, fitted(value, shape[n:], self), self)
        self.assign(written)
        return True

    def __iter__(self) -> Iterator[Any]:
        if not self.aval.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.aval.shape[0]))

    def __len__(self) -> int:
        if not self.aval.shape:
            raise TypeError("len() of unsized object")
        return self.aval.shape[0]

    # -- NumPy's protocols ----------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        builder = self.builder
        if builder is not None:
            if method == "__call__" and not kwargs:  # a shortcut, see recorder.py
                if len(inputs) == 1:
                    if self.base is not None:
                        self.refresh()
                    step = builder.node.get((ufunc, self.id))
                    if step is not None:
                        builder.node, number, of, _ = step
                        return Tracer(builder, number, of)
                else:
                    look_up = builder.operands(ufunc, inputs)
                    out = None if look_up is None else builder.recall(*look_up)
                    if out is not None:
                        return out
            note(builder, _getframe(1))
        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        builder = self.builder
        if builder is not None:
            note(builder, _getframe(1))
            implementation = FUNCTIONS.get(function)
            if implementation is not None:
                if function in PURE and args and args[0] is self:
                    return builder.pure(function, implementation, args, kwargs)
                if function in OPERATIONS and not kwargs:
                    return builder.operate(function, implementation, args)
                return implementation(*args, **kwargs)
        return call_function(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self.refresh()
        if self.builder is None:
            return np.array(self.array, dtype, copy=copy)
        raise untraceable("turned into a plain NumPy array", self, STAY_ARRAY)

    # -- Python asks for a value ----------------------------------------------------------------------------------

    def __bool__(self) -> bool:
        self.refresh()
        if self.aval.size != 1:
            raise ValueError(
                "The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()\n"
                f"  at:    {user_line()}"
            )
        if self.builder is None:
            return bool(self.array)
        return bool(force.observe(self, "bool", lambda value: bool(np.asarray(value).reshape(())[()])))

    def __int__(self) -> int:
        self.refresh()
        if self.builder is None:
            return int(self.array)
        if self.aval.size != 1 or self.aval.dtype.kind == "c":
            raise TypeError("only real length-1 arrays can be converted to Python integers")
        return int(force.observe(self, "int", lambda value: int(np.asarray(value).reshape(())[()])))

    def __index__(self) -> int:
        if self.aval.dtype.kind not in "iu" or self.aval.shape:
            raise TypeError(f"only integer scalar arrays can be converted to a scalar index\n  at:    {user_line()}")
        return int(self)

    def __round__(self, digits: int | None = None) -> Any:
        return int(np.rint(self)) if digits is None else np.round(self, digits)

    def __trunc__(self) -> int:
        return int(self)

    def __floor__(self) -> int:
        return int(np.floor(self))

    def __ceil__(self) -> int:
        return int(np.ceil(self))

    def __float__(self) -> float:
        self.refresh()
        if self.builder is None:
            return float(self.array)
        raise untraceable("turned into a Python float", self, STAY_FLOAT)

    def __complex__(self) -> complex:
        self.refresh()
        if self.builder is None:
            return complex(self.array)
        raise untraceable("turned into a Python complex", self, STAY_FLOAT)

    def item(self, *args: Any) -> Any:
        """Return an entry as a scalar (a traced one)."""
        self.refresh()
        if self.builder is None:
            return self.array.item(*args)
        if args:
            return self.reshape(-1)[args[0]] if len(args) == 1 and isinstance(args[0], int) else self[args]
        if self.aval.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self.reshape(())

    def concrete_mask(self) -> Any:
        """Return the values of a boolean array that an index is made of."""
        if self.builder.guarded:
            force.observe(self, "mask", lambda value: np.asarray(value).tobytes())
        return force.value(self)

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        if self.builder is None:
            return repr(self.array)
        state = ", of a trace that has ended" if self.builder.finished else ""
        return f"Tracer<{self.aval!r}{state}>"

    def __format__(self, spec: str) -> str:
        return format(self.array, spec) if self.builder is None else repr(self)

    def __deepcopy__(self, memo: Any) -> Any:
        return np.copy(self)

    def __copy__(self) -> Any:
        return np.copy(self)

    def __reduce__(self) -> Any:
        raise untraceable("pickled", self, "pickle what the function returns, after it has returned")


# -- making tracers ---------------------------------------------------------------------------------------------------


def fresh(array: Any) -> Tracer:
    """Wrap a concrete array that traced code has just made, so that traced values can be written into it."""
    self = Tracer(None, -1, aval(array.shape, array.dtype))  # type: ignore[arg-type]
    self.array = array
    self.home = current()
    self.shared = False
    self.is_array = True
    return self


def wrap_result(value: Any) -> Any:
    """Wrap the arrays among the results of a NumPy call on fresh arrays."""
    if type(value) is np.ndarray:
        return fresh(value)
    if type(value) in (tuple, list):
        return type(value)(wrap_result(v) for v in value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(wrap_result, value))
    return value


def fresh_view(base: Tracer, index: Any) -> Any:
    """Index a fresh array; a basic index gives a view that shares its memory."""
    if is_traced(index):
        return parse_traced(base, index)
    index = plain(index)
    array = base.array[index]
    if not isinstance(array, np.ndarray):
        return array
    out = fresh(array)
    if array.base is not None and np.may_share_memory(array, base.array):
        strides = tuple(s // array.itemsize for s in array.strides)
        out.base, out.window, out.seen = base, IndexView(index, base.aval.shape, strides), base.version
    return out


def fresh_result(result: Any, args: Any) -> Any:
    """Wrap what NumPy returned for fresh arrays; what is a view of one of them stays one."""
    if type(result) is np.ndarray:
        out = fresh(result)
        if result.base is not None:
            for x in args:
                if isinstance(x, Tracer) and np.may_share_memory(result, x.array):
                    _link(out, x)
                    break
        return out
    if isinstance(result, (tuple, list)):
        parts = [fresh_result(r, args) for r in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return result


def _link(out: Tracer, x: Tracer) -> None:
    root: Any = x
    while root.base is not None:
        root = root.base
    if out.aval.dtype == root.aval.dtype and contiguous(root.array):
        out.base, out.window, out.seen = root, MemoryView(out.array, root.array), root.version


def as_view(out: Any, base: Tracer, view: Any) -> Any:
    """Note that ``out`` is a view of ``base``."""
    if isinstance(out, Tracer):
        if out is base:  # reading the whole makes no equation, but is a new array object all the same
            out = Tracer(base.builder, base.id, base.aval)
        out.base, out.window, out.seen = base, view, base.version
    return out


def lift_fresh(self: Tracer, value: Any) -> None:
    """Turn a fresh array into a traced one, because a traced value is about to be written into it."""
    check_write(self)
    builder = builder_of(value)
    root: Any = self
    while root.base is not None:
        root = root.base
    if root.builder is None:
        home = root.home
        if home is not None and home.level > builder.level and not home.finished:
            builder = home  # made by an inner function, whose own values may be written into it later
        number = builder.constant(root.array.copy())
        root.builder, root.id = builder, number
        root.version += 1
        root.array = None
    self.refresh()


def parse_traced(base: Tracer, index: Any) -> Any:
    """Index a fresh array by a traced index.

    What is not a single entry may be a view, which is written through; the array then is a value of the trace that
    made it, so that view and array stay one.
    """
    builder = builder_of(index)
    if is_entry(index, base.ndim):
        number = builder.constant(base.share())
        return Tracer(builder, number, base.aval)[index]
    root = root_of(base)
    if root.builder is None:
        home = builder if root.home is None or root.home.finished else root.home
        root.builder, root.id = home, home.constant(root.array.copy())
        root.version += 1
        root.array = None
    base.refresh()
    return base[index]


# -- helpers ----------------------------------------------------------------------------------------------------------


def is_traced(value: Any) -> bool:
    """Say whether there is a traced value (not just a fresh array) in a value or a nested list of them."""
    if isinstance(value, Tracer):
        value.refresh()
        return value.builder is not None
    if type(value) in (list, tuple):
        return any(map(is_traced, value))
    if type(value) is slice:
        return is_traced((value.start, value.stop, value.step))
    return False


def builder_of(value: Any) -> Any:
    """Return the innermost builder among the traced values in a nested list."""
    if isinstance(value, Tracer):
        return value.builder
    found = None
    if type(value) in (list, tuple):
        for v in value:
            b = builder_of(v)
            if b is not None and (found is None or b.level > found.level):
                found = b
    elif type(value) is slice:
        return builder_of((value.start, value.stop, value.step))
    return found


def plain(value: Any) -> Any:
    """Take fresh arrays out of their wrappers."""
    if isinstance(value, Tracer):
        value.refresh()
        return value.array
    if type(value) in (list, tuple):
        return type(value)(plain(v) for v in value)
    if type(value) is slice:
        return slice(plain(value.start), plain(value.stop), plain(value.step))
    if type(value) is dict:
        return {k: plain(v) for k, v in value.items()}
    return value


def fitted(value: Any, shape: tuple[int, ...], into: Tracer) -> Any:
    """Broadcast and convert a value to what is written into an array (NumPy's rule: cast to the array's dtype)."""
    if type(value) in (list, tuple):
        value = np_array(value) if is_traced(value) else np.asarray(plain(value))
    if not isinstance(value, Sym):
        of = aval_of(value)
        if of.dtype.kind not in "biufc":
            raise untraceable(f"given {value!r} of dtype {of.dtype} to store", into)
        value = np.asarray(value).astype(into.aval.dtype, copy=False)
        value = Tracer(into.builder, into.builder.constant(value), aval(value.shape, value.dtype))
    elif value.builder is None:
        value = Tracer(into.builder, into.builder.constant(value.share()), value.aval)
    lead = value.ndim - len(shape)
    if lead > 0 and all(n == 1 for n in value.shape[:lead]):
        value = np.reshape(value, value.shape[lead:])
    if promote.broadcast_shape("assignment", (value.aval, aval(shape, value.aval.dtype))) != shape:
        raise ValueError(
            f"could not broadcast input array from shape {value.shape} into shape {shape}\n  at:    {user_line()}"
        )
    return promote.stretch(promote.as_dtype(value, into.aval.dtype), shape)


def np_array(value: Any) -> Any:
    """``np.array`` of a nested list that holds traced values."""
    return FUNCTIONS[np.array](value)


PASSED_THROUGH: set[Any] = set()
"""Code of wrappers that the user's code calls in NumPy's place: the line is that of their caller."""


def note(builder: Any, frame: Any) -> None:
    """Attribute the equations that follow to the line that a frame is at, if it is a frame of the user's."""
    code = frame.f_code
    if code is not builder.place:
        name = code.co_filename
        internal = INTERNAL_FILES.get(name)
        if internal or (internal is None and is_internal(name)):
            if code in PASSED_THROUGH and frame.f_back is not None:
                note(builder, frame.f_back)
            return
        builder.place = code
    builder.lasti = frame.f_lasti


# -- ufuncs and functions ---------------------------------------------------------------------------------------------


def _from_list(value: Any) -> Any:
    """Turn a list among operands into an array."""
    if type(value) is not list:
        return value
    return np_array(value) if is_traced(value) else np.asarray(plain(value))


def call_ufunc(ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
    """Do for traced operands what ``ufunc.method(*inputs, **kwargs)`` does for arrays."""
    if method == "__call__" and not kwargs:
        handler = UFUNCS.get(ufunc)
        if handler is not None:
            for x in inputs:
                if isinstance(x, Tracer):
                    if x.base is not None:
                        x.refresh()
                    if x.builder is not None:
                        return handler(*inputs) if list not in map(type, inputs) else handler(*map(_from_list, inputs))
                elif type(x) is list and is_traced(x):
                    return handler(*map(_from_list, inputs))
    return FUNCTIONS["ufunc"](ufunc, method, inputs, kwargs)


def call_function(function: Any, args: Any, kwargs: Any) -> Any:
    """Do for traced arguments what a NumPy function does for arrays."""
    if not any(map(is_traced, args)) and not (kwargs and any(map(is_traced, kwargs.values()))):
        with_out = kwargs.get("out")
        result = function(*plain(list(args)), **plain(kwargs))
        return with_out if isinstance(with_out, Tracer) else fresh_result(result, args)
    implementation = FUNCTIONS.get(function)
    if implementation is None:
        name = f"{getattr(function, '__module__', 'numpy')}.{getattr(function, '__name__', function)}"
        raise UntraceableError(
            explain(
                f"{name} has no meaning for traced values yet.",
                found=", ".join(repr(a) for a in args if isinstance(a, Tracer)),
                line=user_line(),
                fix="write it with other NumPy functions, or give it a derivative with wg.custom_jvp or wg.custom_vjp",
            )
        )
    result = implementation(*args, **kwargs)
    # What came out untraced (np.take of a constant) can still be written into by traced code.
    return fresh(result) if type(result) is np.ndarray else result
