"""Progress: a bar in a terminal if the package rich is there, and one line for each epoch."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol


class Progress(Protocol):
    """What a training loop reports to."""

    def __enter__(self) -> Progress: ...
    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def batch(self, epoch: int, batch: int, loss: float) -> None:
        """Say that a batch is done."""

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Say that an epoch is done."""


def progress(wanted: bool, epochs: int, batches: int) -> Progress:
    """Return what to report to: nothing, lines, or a bar where the output is a terminal."""
    if not wanted:
        return Silent()
    if sys.stdout.isatty():
        try:
            import rich.progress
        except ImportError:
            return Lines(epochs)
        return Bar(epochs, batches, rich.progress)
    return Lines(epochs)


class Silent:
    """Reports nothing."""

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def batch(self, epoch: int, batch: int, loss: float) -> None:
        pass

    def epoch(self, row: Mapping[str, Any]) -> None:
        pass


class Lines(Silent):
    """Prints one line for each epoch."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def epoch(self, row: Mapping[str, Any]) -> None:
        print(line(row, self.epochs), flush=True)


class Bar(Lines):
    """Shows a bar that fills over all batches of all epochs, and prints a line above it for each epoch."""

    def __init__(self, epochs: int, batches: int, rich_progress: Any) -> None:
        super().__init__(epochs)
        self.batches = batches
        columns = ("{task.description}", "bar", "{task.percentage:>3.0f} %", "{task.fields[loss]}")
        self.display = rich_progress.Progress(
            *[rich_progress.BarColumn() if c == "bar" else c for c in columns],
            rich_progress.TimeRemainingColumn(),
            transient=True,
        )
        self.task = self.display.add_task("training", total=epochs * batches, loss="")

    def __enter__(self) -> Bar:
        self.display.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.display.stop()

    def batch(self, epoch: int, batch: int, loss: float) -> None:
        self.display.update(self.task, completed=epoch * self.batches + batch, loss=f"loss {loss:.4f}")

    def epoch(self, row: Mapping[str, Any]) -> None:
        self.display.console.print(line(row, self.epochs), highlight=False)


def line(row: Mapping[str, Any], epochs: int) -> str:
    """Return a row of the history as text.

    Examples
    --------
    >>> line({"epoch": 3, "loss": 0.25, "seconds": 1.5}, 20)
    'epoch  3/20  loss 0.2500  1.50 s'
    """
    parts = [f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}"]
    parts += [f"{name} {value:.4f}" for name, value in row.items() if name not in ("epoch", "seconds")]
    return "  ".join([*parts, f"{row['seconds']:.2f} s"])
