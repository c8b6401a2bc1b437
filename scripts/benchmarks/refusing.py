"""Refusing a wrong file, against reading a right one with as many lines, in each format."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.measure import Figure, Goal, Line, measure_cpu
from benchmarks.refused_inputs import NO_TEXT, write_right
from benchmarks.sizes import Sizes, Workspace

from evalkit import load_corpus
from evalkit.errors import InputError
from evalkit.formats.registry import FORMATS

MAX_RATIO = 2


def list_formats() -> list[str]:
    """The formats whose packages are installed."""
    return [name for name in FORMATS if not FORMATS[name].missing]


def is_refused(location: str) -> bool:
    """Whether a corpus is refused. Files of which nothing is wrong for a format are not."""
    try:
        load_corpus(location)
    except InputError:
        return True
    return False


def compare_times(
    name: str, folder: Path, lines: int, rounds: int
) -> Iterator[tuple[str, list[float], list[float]]]:
    """Yields each kind of wrong file that is refused, with the CPU seconds of refusing it, and
    those of reading a right file.
    """
    right = write_right(name, folder, lines)
    read = partial(load_corpus, right.location)
    reading = [measure_cpu(read) for _ in range(rounds)]
    for kind, content in right.iter_wrong_files(name):
        right.file.write_bytes(content)
        refuse = partial(is_refused, right.location)
        if refuse():
            yield kind, [measure_cpu(refuse) for _ in range(rounds)], reading


def measure_refusals(sizes: Sizes, workspace: Workspace) -> Iterator[Line]:
    """The slowest wrong file of each format, as a multiple of reading a right one."""
    for name in list_formats():
        folder = workspace.folder / f"refusing-{name}"
        folder.mkdir(exist_ok=True)
        compared = list(compare_times(name, folder, sizes.refused_lines, sizes.slow_rounds))
        kind, refusing, reading = max(compared, key=lambda each: min(each[1]))
        unit = "documents" if name in NO_TEXT else "lines"
        yield Line(
            f"refusing a wrong file, {name}, {sizes.refused_lines:,} {unit}, CPU ({kind})",
            "reading a right file",
            Figure.least(reading, "s"),
            Figure.least(refusing, "s"),
            Figure.ratio(refusing, reading),
            Goal("<=", MAX_RATIO),
        )
