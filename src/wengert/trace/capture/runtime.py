"""What rewritten code calls, under the global name ``__wengert__``."""

from __future__ import annotations

from . import builtin, choices, conditions, items, iterables, loops


class Runtime:
    """The functions that rewritten code calls."""

    for_ = staticmethod(loops.for_)
    while_ = staticmethod(loops.while_)
    choice = staticmethod(choices.choice)
    jump = staticmethod(choices.jump)
    after = staticmethod(choices.after)
    chosen = staticmethod(choices.chosen)
    both = staticmethod(conditions.both)
    either = staticmethod(conditions.either)
    negated = staticmethod(conditions.negated)
    holds = staticmethod(conditions.holds)
    getitem = staticmethod(items.getitem)
    store = staticmethod(items.store)
    augment = staticmethod(items.augment)
    slice = staticmethod(items.slice_)
    iterable = staticmethod(iterables.iterable)
    call = staticmethod(builtin.call)


RUNTIME = Runtime()
