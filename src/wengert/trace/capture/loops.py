"""The for and while statements: recorded once, with the variables that an iteration hands to the next as carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ...errors import UntraceableError
from ..context import current
from ..outside import OuterWriteError
from ..tracer import is_traced
from .appends import growing, lists_of
from .carry import Unstable, record_loop
from .iterables import Lazy, Steps, TracedRange, steps
from .notes import NotCapturedError, attempt, note_unrolled, reason_of, refusal
from .places import cells_of, content, holds_traced
from .signals import settled
from .site import BREAK, NEXT, RETURN, SITES, Site

SHORT: Final = 4
"""Loops of so few iterations are unrolled."""
_PEELED: Final = 2
"""First iterations that may run by themselves because they are unlike the others."""

Block = Callable[..., Any]


def for_(source: Any, body: Block, number: int) -> Any:
    """Run a for statement; return its signal."""
    site = SITES[number]
    worth = refusal(site) or _too_short(source, body, site)
    if not worth:
        found = _captured_for(source, body, site)
        if found is not None:
            return found[0]
    count = 0
    for item in source:
        count += 1
        signal = settled(body(item))
        if signal in (BREAK, RETURN):
            break
    else:
        signal = NEXT
    if worth and count > SHORT:
        note_unrolled(site, worth, None if worth == _NOTHING else count)
    elif not worth:
        note_unrolled(site, _last_reason(site), count)
    return RETURN if signal == RETURN else None


_NOTHING: Final = "it computes with nothing that is traced"
_REASONS: dict[Site, str] = {}


def _last_reason(site: Site) -> str:
    return _REASONS.get(site, "it cannot be captured")


def _too_short(source: Any, body: Block, site: Site) -> str:
    """Say why a loop is not worth being captured; empty if it is."""
    if isinstance(source, (range, list, tuple)) and len(source) <= SHORT and not site.jumps:
        return f"it has {len(source)} iterations"
    if is_traced(source) or isinstance(source, TracedRange):
        return ""
    found = list(source.args) if isinstance(source, Lazy) else [source]
    return "" if holds_traced([*found, *map(content, cells_of([body]).values())]) else _NOTHING


def _captured_for(source: Any, body: Block, site: Site) -> tuple[Any] | None:
    try:
        found = steps(source)
    except UntraceableError as error:
        _refuse(site, error)
        return None
    if found is None:
        kind = source.function.__name__ if isinstance(source, Lazy) else type(source).__name__
        _refuse(site, NotCapturedError(f"a {kind} is iterated over"))
        return None
    if isinstance(found.count, int) and found.count <= SHORT and not site.jumps:
        _REASONS[site] = f"it has {found.count} iterations"
        return None
    peeled = 0
    made: list[Any] = []  # arrays that are known to belong to the loop alone
    try:
        lists = lists_of(site, body, found.count)
    except NotCapturedError as error:
        _refuse(site, error)
        return None
    if lists:  # the first iteration shows what is appended
        body(found.item(0))
        peeled = 1
    while True:
        try:
            with attempt(), growing(site, body, lists, _behind(found, peeled)) as iterations:
                signal = record_loop(site, body, None, iterations, made)
            return (signal,)
        except Unstable as error:
            known = isinstance(found.count, int) and found.count > peeled + 1
            if not known or peeled >= _PEELED:
                return _rest(source, found, body, site, peeled, error)
            signal = settled(body(found.item(peeled)))
            made = [] if lists else error.made(body)
            peeled += 1
            if signal in (BREAK, RETURN):
                return (RETURN if signal == RETURN else None,)
        except OuterWriteError:
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is, Python itself meets it again if it is the user's)
            return _rest(source, found, body, site, peeled, error)


def _rest(source: Any, found: Steps, body: Block, site: Site, peeled: int, error: Exception) -> tuple[Any] | None:
    """Run the iterations that are left as Python does."""
    _refuse(site, error)
    if not peeled:
        return None
    for k in range(peeled, found.count):
        signal = settled(body(found.item(k)))
        if signal in (BREAK, RETURN):
            return (RETURN if signal == RETURN else None,)
    note_unrolled(site, _last_reason(site), found.count)
    return (None,)


def _behind(found: Steps, peeled: int) -> Steps:
    """Return the iterations behind the first few."""
    if not peeled:
        return found
    bound = None if found.bound is None else found.bound - peeled
    return Steps(found.count - peeled, bound, lambda k: found.item(k + peeled))


def _refuse(site: Site, error: Exception) -> None:
    reason = reason_of(error)
    _REASONS[site] = reason
    if current().context.part is not None and not isinstance(error, Unstable):  # type: ignore[union-attr]
        note_unrolled(site, reason)


def while_(test: Block, body: Block, number: int) -> Any:
    """Run a while statement; return its signal."""
    site = SITES[number]
    count = 0
    reason = refusal(site)
    tried = bool(reason)
    while True:
        value = test()
        traced = is_traced(value)
        if not traced and not value:
            signal = NEXT
            break
        if not tried and (traced or _worth(value, test, body, site)):
            tried = True
            try:
                with attempt():
                    return record_loop(site, body, test, None, [])
            except OuterWriteError:
                raise
            except Exception as error:  # noqa: BLE001  (as above)
                reason = reason_of(error)
        if traced and not bool(value):
            signal = NEXT
            break
        count += 1
        signal = settled(body())
        if signal in (BREAK, RETURN):
            break
    if count > SHORT and (tried or not reason):
        note_unrolled(site, reason or _NOTHING, count if reason else None)
    return RETURN if signal == RETURN else None


def _worth(value: Any, test: Block, body: Block, site: Site) -> bool:
    """Say whether a loop whose condition is known now may be one whose condition is not known later."""
    cells = cells_of([test, body])
    return holds_traced(map(content, cells.values()))
