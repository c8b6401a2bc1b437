"""The rows of the table of goals, and the machine on which they are measured."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.files import measure_files, measure_spans, measure_tiny_documents
from benchmarks.measure import ROOT, Line, evalkit_command
from benchmarks.reading import (
    measure_conversion,
    measure_intervals,
    measure_loading,
    measure_many_labels,
    measure_to_json,
)
from benchmarks.refusing import measure_refusals
from benchmarks.running import measure_batches, measure_predict
from benchmarks.scorers import (
    measure_nervaluate,
    measure_seqeval,
    measure_seqscore,
    measure_sets,
    measure_spacy,
)
from benchmarks.sizes import Sizes, Workspace
from benchmarks.startup import measure_commands, measure_imports

Measure = Callable[[Sizes, Workspace], Iterator[Line]]
ROWS: Mapping[str, Measure] = {
    "files": measure_files,
    "tiny": measure_tiny_documents,
    "spans": measure_spans,
    "seqeval": measure_seqeval,
    "seqscore": measure_seqscore,
    "nervaluate": measure_nervaluate,
    "sets": measure_sets,
    "spacy": measure_spacy,
    "loading": measure_loading,
    "conversion": measure_conversion,
    "refusing": measure_refusals,
    "to_json": measure_to_json,
    "labels": measure_many_labels,
    "intervals": measure_intervals,
    "imports": measure_imports,
    "commands": measure_commands,
    "predict": measure_predict,
    "batches": measure_batches,
}
NOT_INSTALLED = "not installed"
PACKAGES = (
    "numpy",
    "msgspec",
    "pyarrow",
    "joblib",
    "dask",
    "seqeval",
    "seqscore",
    "nervaluate",
    "spacy",
    "scikit-learn",
    "torch",
    "transformers",
)


def list_rows(names: str | None) -> Sequence[str]:
    """The rows of a comma-separated list; all without one. Raises ValueError for an unknown row."""
    if names is None:
        return list(ROWS)
    listed = [name.strip() for name in names.split(",")]
    for name in listed:
        if name not in ROWS:
            raise ValueError(f"unknown row {name!r}; expected one of: {', '.join(ROWS)}")
    return listed


@dataclass(frozen=True)
class MeasuredRow:
    """The lines of a row, the command and the day, and how many seconds it took."""

    name: str
    lines: list[Line]
    command: str
    date: str
    seconds: float


def measure_row(name: str, sizes: Sizes, workspace: Workspace, command: str) -> MeasuredRow:
    """The lines of a row; an error becomes a line, so that the others are measured."""
    date = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    clock = time.monotonic()
    lines: list[Line] = []
    try:
        for line in ROWS[name](sizes, workspace):
            lines.append(line)
            print_line(line)
    except Exception as error:  # of another scorer, or of a part that is not installed
        line = Line(name, problem=f"{type(error).__name__}: {' '.join(str(error).split())}")
        lines.append(line)
        print_line(line)
    return MeasuredRow(name, lines, command, date, round(time.monotonic() - clock, 1))


def print_line(line: Line) -> None:
    """Show a line as soon as it is measured."""
    print("  " + format_line(line), flush=True)


def format_line(line: Line) -> str:
    """A line for a terminal."""
    if line.problem:
        return f"{line.name}: {line.problem}"
    parts = []
    if line.reference_figure:
        figure = line.reference_figure
        parts.append(f"{line.reference} {figure.value:.4g} {figure.unit}")
    if line.figure:
        parts.append(f"evalkit {line.figure.value:.4g} {line.figure.unit}".rstrip())
    if line.ratio:
        ratio = line.ratio
        parts.append(f"ratio {ratio.value:.3g} ({ratio.low:.3g} to {ratio.high:.3g})")
    if line.goal:
        parts.append(f"goal {line.goal.relation} {line.goal.bound:g}")
        parts.append("reached" if line.is_reached else "MISSED")
    return f"{line.name}: {', '.join(parts)}"


def describe_environment(*, quick: bool) -> dict[str, str]:
    """The sizes, the machine, the versions, and which core counts."""
    environment = {
        "sizes": "quick" if quick else "full",
        "processor": processor_name(),
        "cores": str(os.cpu_count()),
        "memory": memory_size(),
        "system": platform.platform(),
        "Python": platform.python_version(),
        "evalkit": evalkit_version(),
        "commit": checked_out_commit(),
    }
    for package in PACKAGES:
        try:
            environment[package] = version(package)
        except PackageNotFoundError:
            environment[package] = NOT_INSTALLED
    return environment


def processor_name() -> str:
    """The model of the processor."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def memory_size() -> str:
    """The memory of the machine."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return "unknown"
    return f"{size / 2**30:.0f} GiB"


def evalkit_version() -> str:
    """What `evalkit --version` prints, with the core that counts, on one line."""
    run = subprocess.run(evalkit_command("--version"), capture_output=True, text=True, check=False)
    return " ".join(run.stdout.split()) or "unknown"


def checked_out_commit() -> str:
    """The commit that is checked out, and whether the code is changed."""
    head = run_git("rev-parse", "--short=7", "HEAD")
    if not head:
        return "unknown"
    is_changed = run_git("status", "--porcelain", "--", "evalkit", "scripts")
    return f"{head}, with changes" if is_changed else head


def run_git(*arguments: str) -> str:
    """The output of git; empty where there is no repository."""
    try:
        run = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return run.stdout.strip()
