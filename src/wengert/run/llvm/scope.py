"""What a graph inside of another one shares with what is around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...core.bounds import Affine
from ...core.limits import Limits
from .loops import Buffer

if TYPE_CHECKING:
    from .fuse import Fused


@dataclass(slots=True)
class Scope:
    """What the body of a loop or a branch shares with what is around it.

    Attributes
    ----------
    root : Fused
        The outermost graph.
    inputs : list of View or Const
        Where the inputs lie.
    protected : set of Buffer
        What is read again later, and must not be overwritten.
    bounds : dict
        What is known of those inputs that are integers.
    depth : int
        How many loops there are around it.
    limits : dict
        What is known of the entries of those inputs that are integers.
    """

    root: Fused
    inputs: list[Any]
    protected: set[Buffer]
    bounds: dict[int, Affine]
    depth: int
    limits: dict[int, Limits] = field(default_factory=dict)
