"""Imports and small commands: CPU seconds of whole processes."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.measure import Figure, Goal, Line, evalkit_command, run_process
from benchmarks.sizes import Sizes, Workspace

IMPORTS = {"import evalkit": 0.05, "from evalkit import load_corpus": 0.12}
ROUNDS_PER_ROUND = 3  # a process takes a tenth of a second


def measure_imports(sizes: Sizes, _: Workspace) -> Iterator[Line]:
    """Imports, above a Python that imports nothing."""
    statements = ("pass", *IMPORTS)
    seconds: dict[str, list[float]] = {statement: [] for statement in statements}
    for _ in range(ROUNDS_PER_ROUND * sizes.rounds):
        for statement in statements:
            seconds[statement].append(run_process([sys.executable, "-c", statement]).cpu)
    bare = seconds.pop("pass")
    for statement, measured in seconds.items():
        above = [cpu - min(bare) for cpu in measured]
        yield Line(
            f"`{statement}`, CPU above Python alone",
            "Python alone",
            Figure.least(bare, "s"),
            Figure.least(above, "s"),
            goal=Goal("<=", IMPORTS[statement], of="value"),
        )


def measure_commands(sizes: Sizes, workspace: Workspace) -> Iterator[Line]:
    """`evalkit --help` and `evalkit score` of five documents."""
    folder = workspace.corpora(5)
    files = (folder / "gold.jsonl", folder / "predicted.jsonl")
    commands = {
        "`evalkit --help`": (["--help"], 0.15),
        "`evalkit score` of 5 documents": (["score", *files], 0.35),
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS_PER_ROUND * sizes.rounds):
        for name, (arguments, _bound) in commands.items():
            seconds[name].append(run_process(evalkit_command(*arguments)).cpu)
    for name, (_arguments, bound) in commands.items():
        goal = Goal("<=", bound, of="value")
        yield Line(f"{name}, CPU", figure=Figure.least(seconds[name], "s"), goal=goal)
