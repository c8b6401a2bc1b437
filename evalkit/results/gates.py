"""Gates: rules that a score or a comparison must meet, such as `ner>=0.80`.

    METRIC[LABEL].RATIO >= NUMBER    about scores; also `>`. Without a label micro; RATIO is
                                     precision, recall, f1 (the default), or low: the lower end of
                                     the interval of F1
    METRIC: no worse by NUMBER       about a comparison of two systems, the first of which is the
                                     base: the lower end of the interval of the difference (second
                                     minus first) lies above -NUMBER
    METRIC: better                   the lower end lies above 0, and the corrected p is below .05

A gate is not passed if its value is undefined or has no interval, unless both systems have the same
counts, and so are no worse than each other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evalkit.errors import InputError, UnknownNameError, quoted_repr
from evalkit.results.differences import Difference
from evalkit.results.metadata import GateResult
from evalkit.results.metric_scores import MetricScores
from evalkit.scoring.metrics import Metric
from evalkit.stats.paired_differences import SAME_COUNTS

GATE_RATIOS = ("precision", "recall", "f1", "low")
OPERATORS = {">=": "<", ">": "<="}  # and what a value is to the bound that it misses
EXAMPLES = "'ner>=0.80' or 'entities/strict[PER].recall>=0.9'"
COMPARISON_EXAMPLES = "'ner: better' or 'ner: no worse by 0.01'"
MOST_DIGITS = 15
_SCORE_RULE = re.compile(
    r"(?P<metric>[^\[\]<>=≥]+?)\s*(?:\[(?P<label>.*)\])?\s*"
    r"(?:\.(?P<ratio>[A-Za-z_]\w*))?\s*(?P<operator>>=|>)\s*(?P<number>\S+)"
)
_COMPARISON_RULE = re.compile(
    r"(?P<metric>.+?)\s*:\s*(?:(?P<better>better)|no worse by\s+(?P<margin>\S+))"
)


class ScoresByMetric(Protocol):
    """Scores, as a gate needs them."""

    def __getitem__(self, metric: str) -> MetricScores:
        """The scores of a metric. Raises UnknownNameError for one that was not scored."""


@dataclass(frozen=True)
class ScoreGate:
    """A bound of a ratio. number: as it was written."""

    rule: str
    metric: Metric
    label: str | None
    ratio: str
    operator: str
    number: str

    def check(self, scores: ScoresByMetric) -> tuple[GateResult, str]:
        """Whether the gate is passed, and a sentence that says why not.

        Raises UnknownNameError for a metric that was not scored and for an unknown label.
        """
        scored = scores[str(self.metric)]
        row = scored.micro if self.label is None else scored[self.label]
        name = str(self.metric) if self.label is None else f"{self.metric}[{self.label}]"
        if self.ratio == "low":
            interval = row.interval("f1")
            level = f"{100 * scored.resampling.level:g} %"
            what = f"{name} F1, lower end of the {level} interval,"
            value, missing = interval.low, f"{name} F1 has no interval ({interval.reason})"
        else:
            ratio = "F1" if self.ratio == "f1" else self.ratio
            what = f"{name} {ratio}"
            value, missing = getattr(row, self.ratio), f"{name} {ratio} is undefined"
        if value is None:
            return GateResult(self.rule, None, passed=False), missing
        bound = float(self.number)
        passed = value >= bound if self.operator == ">=" else value > bound
        shown = _format_below(value, bound)
        sentence = f"{what} {shown} {OPERATORS[self.operator]} {self.number}"
        return GateResult(self.rule, value, passed=passed), "" if passed else sentence


def _format_below(value: float, bound: float) -> str:
    """A value with three digits, or as many as show that it is below a bound."""
    digits = 3
    while value < bound <= float(f"{value:.{digits}f}") and digits < MOST_DIGITS:
        digits += 1
    return f"{value:.{digits}f}"


@dataclass(frozen=True)
class ComparisonGate:
    """A rule about the second of two systems. margin: as it was written; None for "better"."""

    rule: str
    metric: Metric
    margin: str | None

    def check(self, differences: Sequence[Difference], level: float) -> tuple[GateResult, str]:
        """Whether the gate is passed, and a sentence that says why not. The value is the lower end
        of the interval of the difference.

        Raises UnknownNameError for a metric that is not compared, InputError for more than two
        systems.
        """
        of_metric = [each for each in differences if each.metric == str(self.metric)]
        if not of_metric:
            compared = dict.fromkeys(each.metric for each in differences)
            raise UnknownNameError("metric", str(self.metric), compared, within="this comparison")
        if len(of_metric) > 1:
            raise InputError(
                f"gate {quoted_repr(self.rule)}: expected two systems, of which the first is the"
                f" base; got {len({each.a for each in of_metric}) + 1}"
            )
        (difference,) = of_metric
        if difference.reason == SAME_COUNTS:
            return self._check_same_counts(difference)
        if difference.high is None or difference.low is None:
            reason = difference.reason
            sentence = f"{self.metric}: no interval of the difference ({reason})"
            return GateResult(self.rule, None, passed=False), sentence
        low, high = -difference.high, -difference.low  # of the second minus the first
        interval = f"{100 * level:g} % interval {low:+.3f} to {high:+.3f}"
        base, new = difference.a, difference.b
        if self.margin is None:
            passed = low > 0 and difference.is_significant
            p = "undefined" if difference.p_holm is None else f"{difference.p_holm:.3f}"
            sentence = f"{self.metric}: {new} is not better than {base} ({interval}, p {p})"
        else:
            passed = low > -float(self.margin)
            sentence = (
                f"{self.metric}: {new} may be worse than {base} by {-low:.3f}, more than"
                f" {self.margin} ({interval}; one-sided at {50 * (1 - level):g} %)"
            )
        return GateResult(self.rule, low, passed=passed), "" if passed else sentence

    def _check_same_counts(self, difference: Difference) -> tuple[GateResult, str]:
        """Systems with the same counts are no worse than each other, and not better."""
        if self.margin is not None:
            return GateResult(self.rule, 0.0, passed=True), ""
        sentence = f"{self.metric}: {difference.b} and {difference.a} have the same counts"
        return GateResult(self.rule, 0.0, passed=False), sentence


Gate = ScoreGate | ComparisonGate


def parse_gate(rule: str) -> Gate:
    """The gate of a rule; see the head of the module.

    Raises InputError for a rule that cannot be read, UnknownNameError for an unknown metric or
    ratio.
    """
    text = rule.strip()
    match = _COMPARISON_RULE.fullmatch(text)
    if match:
        margin = match["margin"]
        if margin is not None:
            _check_number(rule, margin)
        return ComparisonGate(rule, Metric.parse(match["metric"]), margin)
    match = _SCORE_RULE.fullmatch(text)
    if not match:
        raise InputError(
            f"invalid gate {quoted_repr(rule)}: expected a rule such as {EXAMPLES}, or in compare"
            f" {COMPARISON_EXAMPLES}{_suggest(text)}"
        )
    ratio = match["ratio"] or "f1"
    if ratio not in GATE_RATIOS:
        raise UnknownNameError("ratio", ratio, GATE_RATIOS, within=f"gate {rule}")
    _check_number(rule, match["number"])
    return ScoreGate(
        rule,
        Metric.parse(match["metric"]),
        match["label"],
        ratio,
        match["operator"],
        match["number"],
    )


def _suggest(text: str) -> str:
    """What a rule with another operator may mean."""
    corrected = re.sub(r">\s+=|=>|==|≥|(?<![<>])=", ">=", text)
    if corrected != text and _SCORE_RULE.fullmatch(corrected):
        return f"; did you mean {quoted_repr(corrected)}?"
    return ""


def _check_number(rule: str, text: str) -> None:
    """Raise InputError for what is no number from 0 to 1."""
    is_number = re.fullmatch(r"\d*\.?\d+(?:[eE][-+]?\d+)?|\d+\.", text) is not None
    if is_number and float(text) <= 1:
        return
    hint = ""
    percent = text.removesuffix("%")
    if re.fullmatch(r"\d+(?:\.\d+)?", percent) and 1 < float(percent) <= 100:
        hint = f"; for {percent} % write {float(percent) / 100:g}"
    raise InputError(
        f"gate {quoted_repr(rule)}: invalid number {quoted_repr(text)}: expected a number from 0 to"
        f" 1{hint}"
    )


def require_score_gate(gate: Gate) -> ScoreGate:
    """The gate. Raises InputError for one about a comparison."""
    if isinstance(gate, ScoreGate):
        return gate
    raise InputError(
        f"gate {quoted_repr(gate.rule)}: needs two systems: give it to `compare`; scores have gates"
        f" such as {EXAMPLES}"
    )


def require_comparison_gate(gate: Gate) -> ComparisonGate:
    """The gate. Raises InputError for one about scores."""
    if isinstance(gate, ComparisonGate):
        return gate
    raise InputError(
        f"gate {quoted_repr(gate.rule)}: is about the scores of one system; `compare` has gates"
        f" such as {COMPARISON_EXAMPLES}"
    )
