"""Nested containers (tuples, lists, dicts, registered classes), flattened by the optree package."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import optree

NAMESPACE: Final = "wengert"
Tree = optree.PyTreeSpec


def flatten(tree: Any) -> tuple[list[Any], Tree]:
    """Return the leaves of a container and the structure that puts them back.

    ``None`` is a container without leaves, as in JAX.
    """
    return optree.tree_flatten(tree, namespace=NAMESPACE)


def unflatten(structure: Tree, leaves: Any) -> Any:
    """Put leaves back into a container of this structure."""
    return optree.tree_unflatten(structure, leaves)


def tree_map(function: Any, tree: Any, *rest: Any) -> Any:
    """Apply a function to each leaf of a container (and the leaves at the same places of further ones)."""
    return optree.tree_map(function, tree, *rest, namespace=NAMESPACE)


def shown(structure: Tree) -> str:
    """Return a container's structure as short text, with * for each value: ``{'a': *, 'b': (*, *)}``."""
    text = str(structure).removeprefix("PyTreeSpec(")
    return text.partition(", namespace=")[0] if ", namespace=" in text else text.removesuffix(")")


def paths(tree: Any) -> list[str]:
    """Return a readable name for each leaf, e.g. ``['layers'][0].weight``."""
    return [accessor.codify("") for accessor in optree.tree_accessors(tree, namespace=NAMESPACE)]


def register_dataclass(cls: type) -> type:
    """Make a dataclass a container whose fields may hold traced values.  Usable as a decorator.

    Parameters
    ----------
    cls : type
        The dataclass.

    Returns
    -------
    type
        The same class.

    Raises
    ------
    TypeError
        If the class is not a dataclass.
    ValueError
        If it is registered already.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import wengert as wg
    >>> @wg.register_dataclass
    ... @dataclass
    ... class Line:
    ...     slope: float
    ...     offset: float
    >>> g = wg.grad(lambda line: line.slope * 3.0 + line.offset)(Line(2.0, 1.0))
    >>> float(g.slope), float(g.offset)
    (3.0, 1.0)
    """
    names = [field.name for field in dataclasses.fields(cls)]

    def to_children(obj: Any) -> tuple[tuple[Any, ...], None, tuple[str, ...]]:
        return tuple(getattr(obj, n) for n in names), None, tuple(names)

    def from_children(_: Any, children: Any) -> Any:
        obj: Any = object.__new__(cls)
        for n, child in zip(names, children, strict=True):
            object.__setattr__(obj, n, child)
        return obj

    optree.register_pytree_node(
        cls, to_children, from_children, path_entry_type=optree.GetAttrEntry, namespace=NAMESPACE
    )
    return cls
