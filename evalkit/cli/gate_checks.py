"""Gates of a command: read before anything runs, checked and written after the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from evalkit.errors import InputError, escape_controls, print_notice
from evalkit.files import write_atomically
from evalkit.results.metadata import GateResult
from evalkit.results.scores import Scores

if TYPE_CHECKING:
    from evalkit.results.comparison import Comparison
    from evalkit.results.gates import ComparisonGate, Gate, ScoreGate

GATE_FAILED = 5
OneGate = TypeVar("OneGate", "ScoreGate", "ComparisonGate")


@dataclass(frozen=True)
class GateOutcome:
    """A gate that was checked. sentence: why it failed; empty if it is passed."""

    result: GateResult
    sentence: str


def read_score_gates(
    rules: Sequence[str] | None, file: Path | None, junit: Path | None
) -> list[ScoreGate]:
    """The gates of --gate and --gate-file. Raises InputError for one that cannot be read."""
    if not rules and file is None and junit is None:
        return []
    from evalkit.results.gates import require_score_gate

    return _read_gates(rules, file, junit, require_score_gate)


def read_comparison_gates(
    rules: Sequence[str] | None, file: Path | None, junit: Path | None
) -> list[ComparisonGate]:
    """The gates of --gate and --gate-file. Raises InputError for one that cannot be read."""
    from evalkit.results.gates import require_comparison_gate

    return _read_gates(rules, file, junit, require_comparison_gate)


def _read_gates(
    rules: Sequence[str] | None,
    file: Path | None,
    junit: Path | None,
    require: Callable[[Gate], OneGate],
) -> list[OneGate]:
    from evalkit.results.gates import parse_gate

    gates = [require(parse_gate(rule)) for rule in rules or ()]
    if file is not None:
        for number, line in _lines_of(file):
            try:
                gates.append(require(parse_gate(line)))
            except InputError as error:
                raise InputError(f"{file}:{number}: {error}") from None
    if junit is not None and not gates:
        raise InputError(f"--junit {junit}: there is no gate: give --gate or --gate-file")
    return gates


def _lines_of(file: Path) -> list[tuple[int, str]]:
    """The rules of a file with the numbers of their lines."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"--gate-file {file}: not UTF-8 text; expected a rule a line") from None
    except OSError as error:
        raise InputError(f"--gate-file {file}: {error.strerror}") from None
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        rule = line.strip()
        if rule and not rule.startswith("#"):
            lines.append((number, rule))
    return lines


def check_score_gates(gates: Sequence[ScoreGate], scores: Scores) -> list[GateOutcome]:
    """Check the gates, and keep their results with the scores."""
    outcomes = [GateOutcome(*gate.check(scores)) for gate in gates]
    if outcomes:
        scores.metadata.gates = [outcome.result for outcome in outcomes]
    return outcomes


def check_comparison_gates(
    gates: Sequence[ComparisonGate], comparison: Comparison
) -> list[GateOutcome]:
    """Check the gates; a margin that such a corpus cannot show is pointed out on stderr."""
    outcomes = []
    for gate in gates:
        outcomes.append(
            GateOutcome(*gate.check(comparison.differences, comparison.resampling.level))
        )
        _warn_of_margin(gate, comparison)
    return outcomes


def _warn_of_margin(gate: ComparisonGate, comparison: Comparison) -> None:
    for each in comparison.differences:
        detectable = each.minimum_detectable_difference
        is_too_small = (
            each.metric == str(gate.metric)
            and gate.margin is not None
            and detectable is not None
            and float(gate.margin) < detectable
        )
        if is_too_small:
            print_notice(
                f"warning: gate {gate.rule!r}: the margin is smaller than the minimum detectable"
                f" difference ({detectable:.3f}): the gate may fail for equal systems"
            )


def finish_gates(outcomes: Sequence[GateOutcome], junit: Path | None) -> None:
    """Write the JUnit file, and print a line for each gate that failed. Exit code 5 if any did."""
    if junit is not None:
        write_atomically(junit, render_junit(outcomes))
    failed = [outcome.sentence for outcome in outcomes if not outcome.result.passed]
    for sentence in failed:
        print_notice(f"gate failed: {sentence}")
    if failed:
        raise typer.Exit(GATE_FAILED)


def render_junit(outcomes: Sequence[GateOutcome]) -> str:
    """The gates as a test suite of JUnit XML."""
    failures = sum(not outcome.result.passed for outcome in outcomes)
    from xml.etree import ElementTree as ET  # imported late: few commands write XML

    suite = ET.Element(
        "testsuite", name="evalkit gates", tests=str(len(outcomes)), failures=str(failures)
    )
    for outcome in outcomes:
        case = ET.SubElement(
            suite, "testcase", classname="evalkit", name=escape_controls(outcome.result.rule)
        )
        value = outcome.result.value
        ET.SubElement(case, "system-out").text = "undefined" if value is None else f"{value:.6f}"
        if not outcome.result.passed:
            message = escape_controls(outcome.sentence)
            ET.SubElement(case, "failure", message=message)
    ET.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, "unicode") + "\n"
