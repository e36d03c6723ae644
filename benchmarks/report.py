"""Tables: plain text for the terminal, Markdown between markers in RESULTS.md."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers import PEERS
from benchmarks.session import Record

Table = tuple[list[str], list[list[str]]]
LOST = {"left out": "-", "wrong": "WRONG", "failed": "FAILED"}


def duration(seconds: float) -> str:
    """Three digits and a unit: 21.3 µs."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)):
        if seconds >= scale or unit == "ns":
            value = seconds / scale
            return f"{value:.{max(0, 2 - int(math.log10(max(value, 1))))}f} {unit}"
    raise AssertionError("unreachable")


def geometric_mean(values: Iterable[float]) -> float:
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))


def by_case(records: Sequence[Record]) -> dict[str, dict[str, Record]]:
    table: dict[str, dict[str, Record]] = {}
    for record in records:
        table.setdefault(record.case, {})[record.peer] = record
    return table


def peers_of(records: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(record.peer for record in records))


def subject_of(peers: Sequence[str]) -> str | None:
    """Whose time is the numerator of the ratios."""
    return next((name for name in ("wengert-jit", "wengert") if name in peers), None)


def timings(records: Sequence[Record]) -> Table:
    """Median time per call; behind another library's time, in brackets, the subject's time over it."""
    peers = peers_of(records)
    subject = subject_of(peers)
    ratios: dict[str, list[float]] = {peer: [] for peer in peers}
    rows = []
    for case, row in by_case(records).items():
        own = row.get(subject) if subject else None
        cells = [case]
        for peer in peers:
            record = row.get(peer)
            if record is None or record.timing is None:
                cells.append(LOST[record.status] if record else "-")
                continue
            text = duration(record.timing.median)
            if peer != subject and own is not None and own.timing is not None:
                ratio = own.timing.median / record.timing.median
                ratios[peer].append(ratio)
                text += f" ({ratio:.2f})"
            cells.append(text)
        rows.append(cells)
    if any(ratios.values()) and len(rows) > 1:
        mean = [f"({geometric_mean(ratios[peer]):.2f})" if ratios[peer] else "" for peer in peers]
        rows.append(["geometric mean of the ratios", *mean])
    return ["case", *peers], rows


def gradient_over_function(records: Sequence[Record]) -> Table | None:
    """How many times the function's own time its value and gradient take, in the same library."""
    with_function = [r for r in records if r.timing is not None and r.function is not None]
    if not with_function:
        return None
    peers = peers_of(with_function)
    rows = []
    for case, row in by_case(with_function).items():
        cells = [case]
        for peer in peers:
            record = row.get(peer)
            cells.append(
                f"{record.timing.median / record.function.median:.2f}"
                if record and record.timing and record.function
                else "-"
            )
        rows.append(cells)
    return ["case", *peers], rows


def first_calls(probes: Sequence[dict[str, Any]]) -> Table:
    """First call (cold and with a warm disk cache), a later call in the same process, and peak memory above rest."""

    def cell(probe: dict[str, Any], run: str, key: str) -> str:
        value = probe.get(run, {}).get(key)
        if value is None:
            return "-"
        return f"{value / 1e6:.1f} MB" if key.endswith("peak") else duration(value)

    columns = [
        ("first call, cold", "cold", "first"),
        ("first call, warm disk cache", "warm", "first"),
        ("later calls", "cold", "later"),
        ("import and first call, cold", "cold", "ready"),
        ("peak memory above rest, later calls", "cold", "later_peak"),
        ("of the whole process", "cold", "process_peak"),
    ]
    rows = []
    for probe in probes:
        if "error" in probe:
            rows.append([probe["case"], probe["peer"], f"FAILED: {probe['error']}", *[""] * (len(columns) - 1)])
        else:
            rows.append([probe["case"], probe["peer"], *(cell(probe, run, key) for _, run, key in columns)])
    return ["case", "library", *(title for title, _, _ in columns)], rows


def footprints(rows: Sequence[dict[str, Any]]) -> Table:
    return (
        ["library", "import", "on disk with what it requires", "packages", "largest (MB)"],
        [
            [
                row["library"],
                duration(row["import_seconds"]),
                "-" if row["megabytes"] is None else f"{row['megabytes']:.0f} MB",
                str(row["packages"]),
                row["largest"],
            ]
            for row in rows
        ],
    )


def text(table: Table) -> str:
    header, rows = table
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [header, *rows]]
    return "\n".join([lines[0].rstrip(), "-" * len(lines[0]), *(line.rstrip() for line in lines[1:])])


def markdown(table: Table) -> str:
    header, rows = table

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(header), line(["---"] * len(header)), *map(line, rows)])


def legend(peers: Sequence[str]) -> list[str]:
    subject = subject_of(peers)
    lines = [f"{peer}: {PEERS[peer].note}." for peer in peers]
    if subject is not None and len(peers) > 1:
        lines.append(f"In brackets: {subject}'s median time over that library's; below 1, {subject} is faster.")
    return lines


def problems(records: Sequence[Record]) -> list[str]:
    """Why cells are empty; one line per distinct reason."""
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for record in records:
        if record.status != "ok":
            reasons.setdefault((record.peer, record.status, record.message), []).append(record.case)
    return [
        f"{peer}, {status}: {message} [{cases[0]}{f' and {len(cases) - 1} more' if len(cases) > 1 else ''}]"
        for (peer, status, message), cases in reasons.items()
    ]


def machine(description: dict[str, Any]) -> list[str]:
    libraries = ", ".join(f"{name} {version}" for name, version in description["libraries"].items())
    threads = description["threads"]
    if isinstance(threads, dict):
        threads = ", ".join(f"{name}={value}" for name, value in threads.items())
    software = (
        f"Software: Python {description['python']}, NumPy {description['numpy']}, SciPy {description['scipy']}"
        f"{'; ' + libraries if libraries else ''}."
    )
    return [
        f"Machine: {description['processor']}, {description['cores used']} cores used, {description['system']}.",
        software,
        f"BLAS: {'; '.join(description['blas'])}. Threads: {threads}.",
    ]


def insert(path: Path, section: str, body: str) -> None:
    """Replace what stands between the markers of `section`, or add the section at the end of the file."""
    begin, end = f"<!-- begin {section} -->", f"<!-- end {section} -->"
    content = path.read_text(encoding="utf-8") if path.exists() else "# Results\n"
    block = f"{begin}\n{body.strip()}\n{end}"
    if begin in content and end in content:
        before, rest = content.split(begin, 1)
        content = before + block + rest.split(end, 1)[1]
    else:
        content = f"{content.rstrip()}\n\n## {section}\n\n{block}\n"
    path.write_text(content, encoding="utf-8")
