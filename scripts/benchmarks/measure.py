"""Measuring: CPU and wall seconds and peak memory, of calls in this process and of other processes.

What is compared takes turns, round by round, so that a ratio holds on a machine that is busy at
times. Of times the least of all rounds is reported, since other programs can only add to it, and
of two times the ratio of the least; of all else the median.
"""

from __future__ import annotations

import gc
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
MAX_MESSAGE = 150  # characters of a message in the table
POLL_SECONDS = 0.05  # between two looks at the memory of processes


@dataclass(frozen=True)
class Figure:
    """The value that stands for all rounds, and the lowest and highest of them, in a unit."""

    value: float
    low: float
    high: float
    unit: str

    @classmethod
    def of(cls, values: Sequence[float], unit: str) -> Figure:
        """The median of all rounds."""
        return cls(statistics.median(values), min(values), max(values), unit)

    @classmethod
    def least(cls, values: Sequence[float], unit: str) -> Figure:
        """The least of all rounds, for times."""
        return cls(min(values), min(values), max(values), unit)

    @classmethod
    def ratio(cls, times: Sequence[float], bounds: Sequence[float]) -> Figure:
        """The ratio of the least times, with the lowest and highest ratio of a round."""
        ratios = [time / bound for time, bound in zip(times, bounds, strict=True)]
        return cls(min(times) / min(bounds), min(ratios), max(ratios), "×")


@dataclass(frozen=True)
class Goal:
    """A bound for the ratio of a line, or for its figure if `of` is "value"."""

    relation: str  # "<=" or ">="
    bound: float
    of: str = "ratio"


@dataclass(frozen=True)
class Line:
    """A line of the table: what is measured, against what, and the goal.

    - `reference`: the other scorer, or the bound.
    - `ratio`: how many times faster evalkit is than another scorer, or how many times as long as a
      bound it takes; without a reference None.
    - `problem`: why there are no figures.
    """

    name: str
    reference: str = ""
    reference_figure: Figure | None = None
    figure: Figure | None = None
    ratio: Figure | None = None
    goal: Goal | None = None
    note: str = ""
    problem: str = ""

    @property
    def is_reached(self) -> bool | None:
        """Whether the goal is reached; None without a goal or a figure."""
        compared = self.figure if self.goal and self.goal.of == "value" else self.ratio
        if self.goal is None or compared is None:
            return None
        if self.goal.relation == "<=":
            return compared.value <= self.goal.bound
        return compared.value >= self.goal.bound


class ProcessRun(NamedTuple):
    """What a process took, its children included. `peak` in MB is that of the process (VmHWM), or
    the largest sum of all its processes (PSS, which counts shared memory once), if that is more.
    """

    wall: float
    cpu: float
    peak: float
    output: str


class RowError(Exception):
    """A row cannot be measured here."""


def measure_cpu(function: Callable[[], object]) -> float:
    """The CPU seconds of a call in this process."""
    gc.collect()
    started = time.process_time()
    function()
    return time.process_time() - started


def compare_calls(
    reference: Callable[[], object], function: Callable[[], object], rounds: int
) -> tuple[Figure, Figure, Figure]:
    """The CPU seconds of both, and how many times faster `function` is.

    A first turn of both is not counted, unless there is one round only.
    """
    if rounds > 1:
        reference()
        function()
    pairs = [(measure_cpu(reference), measure_cpu(function)) for _ in range(rounds)]
    theirs, ours = ([pair[side] for pair in pairs] for side in (0, 1))
    return Figure.least(theirs, "s"), Figure.least(ours, "s"), Figure.ratio(theirs, ours)


def run_process(command: Sequence[str], environment: Mapping[str, str] | None = None) -> ProcessRun:
    """Run a command to its end. Raises RowError if it fails."""
    peaks: list[float] = [0.0]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.monotonic()
        process = subprocess.Popen(
            command, stdout=output, stderr=errors, env={**os.environ, **(environment or {})}
        )
        watcher = threading.Thread(target=watch_memory, args=(process.pid, peaks))
        watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        watcher.join()
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            message = errors.read().decode(errors="replace").strip().splitlines() or ["no message"]
            without_folders = re.sub(r"/[^\s:]*/", "", message[-1])
            raise RowError(f"exit code {process.returncode}: {without_folders[:MAX_MESSAGE]}")
        text = output.read().decode()
    return ProcessRun(wall, usage.ru_utime + usage.ru_stime, max(peaks), text)


def watch_memory(pid: int, peaks: list[float]) -> None:
    """Append the memory of a process and of all that it has started in MB, until it ends.

    Not ru_maxrss, which starts from that of the process that started this one.
    """
    while True:
        own_peak = read_memory(pid, "status", "VmHWM")
        if own_peak is None:
            return
        processes = list_descendants(pid)
        if len(processes) == 1:
            peaks[:] = [max(own_peak, *peaks)]
        else:
            shares = [read_memory(one, "smaps_rollup", "Pss") or 0.0 for one in processes]
            peaks[:] = [max(own_peak, sum(shares), *peaks)]
        time.sleep(POLL_SECONDS)


def read_memory(pid: int, file: str, field: str) -> float | None:
    """A field of a process's status in MB; None if the process has ended, or has no such file."""
    try:
        status = Path(f"/proc/{pid}/{file}").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    return None


def list_descendants(pid: int) -> list[int]:
    """A process, and those that it and its children have started."""
    processes = [pid]
    for process in processes:  # grows
        processes += list_children(process)
    return processes


def list_children(pid: int) -> list[int]:
    """The processes that a process has started."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += map(int, task.read_text().split())
        except OSError:
            continue
    return children


def evalkit_command(*arguments: object) -> list[str]:
    """The command that runs evalkit with these arguments."""
    return [sys.executable, "-m", "evalkit.cli", *map(str, arguments)]


def child_command(module: str, *arguments: object) -> list[str]:
    """The command that runs a module of this folder."""
    return [sys.executable, str(Path(__file__).with_name(f"{module}.py")), *map(str, arguments)]
