"""From two files to the printed report, against decoding them."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.measure import (
    Figure,
    Goal,
    Line,
    ProcessRun,
    RowError,
    child_command,
    evalkit_command,
    run_process,
)
from benchmarks.sizes import Sizes, Workspace, megabytes
from benchmarks.workload import SIDES, SPANS

BARE = "decoding the lines"
PURE = {"EVALKIT_PURE": "1"}


def score_command(folder: Path, *options: object, suffix: str = "jsonl") -> list[str]:
    """The command that scores the files of a folder."""
    gold, predicted = (folder / f"{side}.{suffix}" for side in SIDES)
    return evalkit_command("score", gold, predicted, "--boot", 0, *options)


def decode_files(folder: Path) -> ProcessRun:
    """Decoding the files of a folder, without the start of Python."""
    run = run_process(child_command("bare_decoding", folder))
    seconds = json.loads(run.output)
    return run._replace(cpu=seconds["cpu"], wall=seconds["wall"])


def compare_runs(
    name: str,
    measure: str,
    bare: Sequence[ProcessRun],
    runs: Sequence[ProcessRun],
    goal: Goal | None,
) -> Line:
    """A line about wall or CPU seconds: how many times as long as decoding the runs take."""
    reference = [getattr(run, measure) for run in bare]
    values = [getattr(run, measure) for run in runs]
    return Line(
        f"{name}, {measure}" if measure == "wall" else f"{name}, CPU",
        BARE,
        Figure.least(reference, "s"),
        Figure.least(values, "s"),
        Figure.ratio(values, reference),
        goal,
    )


def peak_line(name: str, runs: Sequence[ProcessRun], goal: Goal | None) -> Line:
    """A line about the peak memory of all processes of each run."""
    return Line(
        f"{name}, peak memory", figure=Figure.of([run.peak for run in runs], "MB"), goal=goal
    )


def measure_files(sizes: Sizes, workspace: Workspace) -> Iterator[Line]:
    """Two JSONL files to the report, with one worker, with two, and without the compiled core."""
    folder = workspace.corpora(sizes.file_documents)
    size = megabytes(*(folder / f"{side}.jsonl" for side in SIDES))
    name = f"files to report, {sizes.file_documents:,} documents, {size:,.0f} MB"
    runs: dict[str, list[ProcessRun]] = defaultdict(list)
    for _ in range(sizes.rounds):
        runs["bare"].append(decode_files(folder))
        runs["1 worker"].append(run_process(score_command(folder)))
        runs["2 workers"].append(run_process(score_command(folder, "--jobs", 2)))
        runs["pure Python, 1 worker"].append(run_process(score_command(folder), PURE))
    bare = runs.pop("bare")
    wall_goals = {"1 worker": 1.5, "2 workers": 0.9, "pure Python, 1 worker": 2.3}
    for setting, measured in runs.items():
        goal = Goal("<=", wall_goals[setting])
        yield compare_runs(f"{name}; {setting}", "wall", bare, measured, goal)
        yield compare_runs(f"{name}; {setting}", "cpu", bare, measured, None)
        peak_goal = None if setting.startswith("pure") else Goal("<=", 300, of="value")
        yield peak_line(f"{name}; {setting}", measured, peak_goal)


def measure_tiny_documents(sizes: Sizes, workspace: Workspace) -> Iterator[Line]:
    """Many documents of one sentence, with one worker."""
    folder = workspace.tiny_corpora(sizes.tiny_documents)
    name = f"{sizes.tiny_documents:,} documents of one sentence, 1 worker"
    bare, runs = [], []
    for _ in range(sizes.slow_rounds):
        bare.append(decode_files(folder))
        runs.append(run_process(score_command(folder)))
    yield compare_runs(name, "cpu", bare, runs, Goal("<=", 2.5))
    yield compare_runs(name, "wall", bare, runs, None)
    yield peak_line(name, runs, None)


def measure_spans(sizes: Sizes, workspace: Workspace) -> Iterator[Line]:
    """Millions of spans, from JSONL and Parquet, with one worker, two, and a dask cluster."""
    if not sizes.spans:
        yield Line("millions of spans", problem="give --spans 10000000")
        return
    documents = max(1, sizes.spans // SPANS)
    folder = workspace.corpora(documents)
    name = f"{documents * SPANS:,} gold spans in {documents:,} documents"
    results: dict[str, bytes] = {}
    for suffix in ("jsonl", "parquet"):
        problem = convert_missing(folder, suffix)
        if problem:
            yield Line(f"{name}, {suffix}", problem=problem)
            continue
        for setting, options in {
            "1 worker": (),
            "2 workers": ("--jobs", 2),
            "dask, 2 workers": ("dask",),
        }.items():
            label = f"{name}, {suffix}; {setting}"
            try:
                run, result = score_to_file(folder, suffix, options)
            except RowError as error:
                yield Line(label, problem=str(error))
                continue
            results[setting + suffix] = result
            bare = [decode_files(folder)]
            yield compare_runs(label, "wall", bare, [run], None)
            yield compare_runs(label, "cpu", bare, [run], None)
            yield peak_line(label, [run], Goal("<=", 700, of="value"))
    are_equal = len(set(results.values())) == 1
    yield Line(
        f"{name}: results of {len(results)} settings with equal bytes",
        figure=Figure.of([float(are_equal)], ""),
        goal=Goal(">=", 1, of="value"),
    )


def convert_missing(folder: Path, suffix: str) -> str:
    """Convert the JSONL files of a folder, unless that was done; the problem, if there is one."""
    for side in SIDES:
        if not (folder / f"{side}.{suffix}").exists():
            paths = (folder / f"{side}.jsonl", folder / f"{side}.{suffix}")
            options = ("--predictions",) if side == "predicted" else ()
            try:
                run_process(evalkit_command("convert", *paths, *options))
            except RowError as error:
                return f"convert to {suffix}: {error}"
    return ""


def score_to_file(folder: Path, suffix: str, options: Sequence[object]) -> tuple[ProcessRun, bytes]:
    """A run that saves its result, and the result."""
    saved = folder / "result.json"
    if options == ("dask",):
        paths = [folder / f"{side}.{suffix}" for side in SIDES]
        run = run_process(child_command("dask_scoring", *paths, saved))
        return run, saved.read_bytes()
    run = run_process(score_command(folder, "--save", saved, *options, suffix=suffix))
    return run, saved.read_bytes()


if sys.platform != "linux":
    print("peak memory is measured on Linux only", file=sys.stderr)
