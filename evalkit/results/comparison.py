"""Which of several is better?

Scores in, differences out: with intervals, p-values, and what this corpus could have shown.

For each two systems and each metric, of F1 (micro, or macro over the labels that gold or the system
has):

    difference   the F1 of the first less that of the second, with the percentile interval of the
                 paired bootstrap
    p            paired approximate randomisation (Noreen 1989), exact where there are at most
                 20,000 trades
    p_bootstrap  the paired bootstrap's
    p_holm       p, corrected (Holm 1979) for all systems and metrics that were compared
    wins, ties, losses   in how many units the first has the larger micro F1, the same, the smaller;
                         where nothing is to be found,
                 to say nothing is as good as can be
    detectable   the smallest difference that this corpus could have shown (power .8, level .05)

See stats.py for the definitions. Scores are compared only if their signatures differ in nothing but
the model and the corpus's name. Swapping the systems flips the signs and keeps the p-values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from evalkit.errors import (
    InputError,
    UnknownNameError,
    escape_controls,
    escape_controls_in_json,
    quoted_repr,
    spell_option,
)
from evalkit.results.confusion import import_pandas
from evalkit.results.scores import Scores
from evalkit.results.summary import pluralize, signatures
from evalkit.results.tables import (
    DEFAULT_FORMAT,
    RENDERERS,
    NumberFormat,
    Report,
    Table,
    to_html_fragment,
)
from evalkit.scoring.columns import Ints
from evalkit.scoring.counting import GOLD
from evalkit.scoring.counts import Counts
from evalkit.scoring.metrics import SCHEMES, Metric
from evalkit.stats.intervals import MOST_REPLICATES, Resampling, ratios_of
from evalkit.stats.resampling import (
    MAX_EXACT_PERMUTATIONS,
    MAX_UNDEFINED_SHARE,
    UNDEFINED,
    Floats,
    UInt64s,
    bootstrap_p,
    bootstrap_totals,
    holm,
    minimum_detectable_difference,
    percentile,
    permute_systems,
    randomisation_p,
    resampling_keys,
)

COMPARED = ("micro", "macro")
MAY_DIFFER = (
    "model",
    "corpus",
)  # fields of a signature that may differ; of the corpus only its name
SIGNIFICANT = 0.05
SMALLEST_P = 0.001  # smaller ones are not told apart in print
HEADLINES = (
    "entities/strict",
    "triggers/strict",
    "arguments/strict",
    "attribution-relations/strict",
)  # one for each question a corpus asks


class Difference(NamedTuple):
    """Two systems under one metric; see the head of the module."""

    metric: str
    average: str
    a: str
    b: str
    f1_a: float | None
    f1_b: float | None
    difference: float | None
    low: float | None
    high: float | None
    reason: str
    p: float | None
    p_bootstrap: float | None
    p_holm: float | None
    exact: bool | None
    wins: int
    ties: int
    losses: int
    detectable: float | None


@dataclass(frozen=True, repr=False)
class Comparison:
    """What `compare` returns: print it, or ask for its rows."""

    systems: Mapping[str, Scores]
    differences: tuple[Difference, ...]
    resampling: Resampling
    permutations: int

    @property
    def metrics(self) -> list[str]:
        """What was compared."""
        return list(dict.fromkeys(difference.metric for difference in self.differences))

    def rows(self) -> list[dict[str, Any]]:
        """A dict for each two systems and metric."""
        return [difference._asdict() for difference in self.differences]

    def verdicts(self) -> list[str]:
        """What can be said of the order of the systems, and what cannot."""
        return list(_verdicts(self))

    def render(
        self,
        form: str = "table",
        *,
        width: int | None = None,
        digits: int | None = None,
        percent: bool = False,
    ) -> str:
        """The comparison as table, markdown, latex, csv, html or json.

        width: columns of the terminal, for the table. digits: decimals of F1 and differences
        (default 3, in percent 1). percent: percent instead of fractions. csv and json always hold
        the unrounded fractions.
        """
        numbers = NumberFormat(digits, percent)
        if form == "json":
            data = {
                "systems": {name: scores.signature_fields for name, scores in self.systems.items()},
                "differences": self.rows(),
                "verdicts": self.verdicts(),
            }
            return escape_controls_in_json(
                json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False)
            )
        if form not in RENDERERS:
            raise UnknownNameError("format", form, ("json", *RENDERERS))
        tables = _system_tables(self, numbers) if form == "latex" else ()
        return RENDERERS[form](_report(self, tables, numbers), width)

    def to_markdown(self, *, digits: int | None = None, percent: bool = False) -> str:
        """The comparison as markdown tables; see `render`."""
        return self.render("markdown", digits=digits, percent=percent)

    def to_latex(self, *, digits: int | None = None, percent: bool = False) -> str:
        """The comparison in LaTeX, for the package booktabs.

        First a table for each metric with precision, recall and F1 of each system, the best in
        bold; then the tables of `render`. Each has a label, such as tab:systems-entities-strict.
        """
        return self.render("latex", digits=digits, percent=percent)

    def to_pandas(self) -> Any:
        """The differences as a pandas DataFrame with the index (metric, a, b)."""
        frame = import_pandas().DataFrame(self.rows())
        return frame.set_index(["metric", "a", "b"])

    def to_html(self) -> str:
        """A page for readers: verdicts, the scores of each system, and differences with intervals
        as bars. `render("html")` has the tables alone.
        """
        # The folder of pages is above this one; see LAZY_IMPORTS in tests/test_architecture.py.
        from evalkit.report.comparison_page import build_comparison_page

        return build_comparison_page(self, _report(self))

    def __repr__(self) -> str:
        return escape_controls(
            f"<Comparison of {', '.join(self.systems)}: {len(self.metrics)}"
            f" metric{'' if len(self.metrics) == 1 else 's'}; {'; '.join(self.verdicts())}>"
        )

    def __str__(self) -> str:
        return self.render()

    def _repr_html_(self) -> str:
        return to_html_fragment(_report(self))


def compare_scores(
    systems: Mapping[str, Scores],
    metrics: Sequence[Metric] | None = None,
    *,
    average: str = "micro",
    permutations: int = 10_000,
) -> Comparison:
    """Compare scores two by two; without metrics, by the HEADLINES that all have, or else by all
    that all have.

    Raises InputError for fewer than two, and for scores of other data, or made in another way.
    """
    if len(systems) < 2:
        raise InputError(f"{len(systems)} system to compare: two or more would do")
    if average not in COMPARED:
        raise UnknownNameError("average", average, COMPARED)
    if (
        isinstance(permutations, bool)
        or not isinstance(permutations, int)
        or not 1 <= permutations <= MOST_REPLICATES
    ):
        raise InputError(
            f"{spell_option('permutations', permutations)}: a whole number from 1 to"
            f" {MOST_REPLICATES:,} would do"
        )
    chosen = _chosen(systems, metrics)
    _refuse_unlike(systems, chosen)
    how = next(iter(systems.values())).resampling
    found = [
        _difference(
            a, b, systems[a][metric].counts, systems[b][metric].counts, how, average, permutations
        )
        for metric in chosen
        for a, b in combinations(systems, 2)
    ]
    tested = [n for n, difference in enumerate(found) if difference.p is not None]
    for n, corrected in zip(tested, holm([found[n].p or 0.0 for n in tested])):
        found[n] = found[n]._replace(p_holm=corrected)
    return Comparison(systems, tuple(found), how, permutations)


def _chosen(systems: Mapping[str, Scores], asked: Sequence[Metric] | None) -> list[str]:
    if asked is not None:
        for scores in systems.values():
            for metric in asked:
                scores[str(metric)]  # refuses what is not there
        return list(map(str, asked))
    first, *others = systems.values()
    metrics = [metric for metric in first if all(metric in scores for scores in others)]
    if not metrics:
        raise InputError(f"{', '.join(systems)} have no metric in common")
    return [metric for metric in HEADLINES if metric in metrics] or metrics


def _refuse_unlike(systems: Mapping[str, Scores], metrics: Sequence[str]) -> None:
    (first, scores), *others = systems.items()
    for name, other in others:
        for metric in metrics:
            one, two = (
                _must_match_fields(scores[metric].signature_fields),
                _must_match_fields(other[metric].signature_fields),
            )
            for field in dict.fromkeys([*one, *two]):
                if one.get(field) != two.get(field):
                    raise InputError(
                        f"{metric}: {field} is {quoted_repr(one.get(field))} for {first} and"
                        f" {quoted_repr(two.get(field))} for {name}: only scores made alike can be"
                        " compared"
                    )
            if "corpus" not in scores[metric].signature_fields and not _same_gold(
                scores[metric].counts, other[metric].counts
            ):
                raise InputError(
                    f"{metric}: gold of {first} and of {name} is not the same: only scores made"
                    " alike can be compared"
                )
        if scores.resampling.level != other.resampling.level:
            raise InputError(
                f"level is {scores.resampling.level} for {first}"
                f" and {other.resampling.level} for {name}: only scores made alike can be compared"
            )


def _same_gold(one: Counts, other: Counts) -> bool:
    """Whether both have as many gold items of each label in each unit: of scores that were made
    without documents, all that is known of gold.
    """
    found = [
        {
            (c.units[unit], c.labels[label]): n
            for unit, label, n in zip(c.unit, c.label, c.values[GOLD].tolist())
            if n
        }
        for c in (one, other)
    ]
    return found[0] == found[1] and len(one.units) == len(other.units)


def _must_match_fields(signed: Mapping[str, str]) -> dict[str, str]:
    """The fields of a signature that must be equal: all but the model and the corpus's name."""
    fields = {name: value for name, value in signed.items() if name not in MAY_DIFFER}
    return fields | (
        {"digest of the corpus": signed["corpus"].rpartition("@")[2]} if "corpus" in signed else {}
    )


def _difference(
    a: str, b: str, of_a: Counts, of_b: Counts, how: Resampling, average: str, permutations: int
) -> Difference:
    one, two, keys, labels = _aligned(of_a, of_b)
    wins = _win_tie_loss(one, two)
    if average == "micro":
        one, two, labels = _sum_labels(one), _sum_labels(two), ["all"]
    f1 = F1Statistic(
        average,
        len(labels),
        comparable=average == "micro" or SCHEMES[Metric.parse(of_a.metric).scheme].same_label,
    )
    f1_a, f1_b = (float(f1.of(side.sum(axis=0))) for side in (one, two))
    found: dict[str, Any] = dict.fromkeys(Difference._fields)
    found |= {
        "metric": of_a.metric,
        "average": average,
        "a": a,
        "b": b,
        **wins,
        "reason": "the value is undefined",
    }
    found |= {
        name: None if np.isnan(value) else value for name, value in (("f1_a", f1_a), ("f1_b", f1_b))
    }
    observed = f1_a - f1_b
    if not np.isnan(observed):
        traded_a, traded_b, exact = permute_systems(one, two, keys, permutations, how.seed)
        p = randomisation_p(f1.of(traded_a) - f1.of(traded_b), observed, exact=exact)
        found |= {
            "difference": observed,
            "p": p,
            "exact": exact,
            **_bootstrapped(f1, one, two, keys, observed, how),
        }
    return Difference(**found)


def _bootstrapped(
    f1: F1Statistic, one: Ints, two: Ints, keys: UInt64s, observed: float, how: Resampling
) -> dict[str, Any]:
    """What the paired bootstrap says of a difference."""
    if not how.boot:
        return {"reason": "not asked for"}
    if len(keys) < 2:
        return {"reason": "one unit"}
    drawn = [bootstrap_totals(side, keys, how.boot, how.seed) for side in (one, two)]
    if any(
        f1.undefined(of, side.sum(axis=0)) > MAX_UNDEFINED_SHARE
        for of, side in zip(drawn, (one, two))
    ):
        return {"reason": UNDEFINED}
    replicates = f1.of(drawn[0]) - f1.of(drawn[1])
    low, high, reason = percentile(replicates, how.level)
    smallest = None if low is None else minimum_detectable_difference(replicates)
    return {
        "low": low,
        "high": high,
        "reason": reason,
        "p_bootstrap": bootstrap_p(replicates, observed),
        "detectable": smallest,
    }


def _aligned(a: Counts, b: Counts) -> tuple[Ints, Ints, UInt64s, list[str]]:
    """The CREDITS of both (units × columns, four a label), the units' keys, and the labels."""
    labels = sorted({*a.labels, *b.labels})
    place: dict[tuple[str, int | None], int] = {}
    sides = []
    for counts in (a, b):
        rows = counts.resampled
        at = [place.setdefault(unit, len(place)) for unit in zip(rows.documents, rows.sentences)]
        sides.append((counts, at, [labels.index(label) for label in counts.labels]))
    tables = []
    for counts, at, columns in sides:
        table = np.zeros((len(place), len(labels), 4), np.int64)
        if columns:
            table[np.ix_(at, columns)] = counts.credit_table(0, len(counts.labels))
        tables.append(table.reshape(len(place), -1))
    keys = resampling_keys([document for document, _ in place], [sentence for _, sentence in place])
    return tables[0], tables[1], keys, labels


@dataclass(frozen=True)
class F1Statistic:
    """F1 of totals whose last axis has four CREDITS for each label; NaN where undefined."""

    average: str
    n_labels: int
    comparable: bool

    def of(self, totals: Floats | Ints) -> Floats:
        """One value for each row of totals.

        The macro average is that of the labels that have an item there.
        """
        if not self.comparable:
            return np.full(totals.shape[:-1], np.nan)
        by_label = self._by_label(totals)
        if self.average == "micro":
            return ratios_of(by_label.sum(axis=-2))["f1"]
        f1 = ratios_of(by_label)["f1"]
        known = ~np.isnan(f1)  # a label with an item on either side has an F1
        many = known.sum(axis=-1)
        mean: Floats = np.divide(
            np.where(known, f1, 0).sum(axis=-1),
            many,
            out=np.full(many.shape, np.nan),
            where=many > 0,
        )
        return mean

    def undefined(self, totals: Floats, observed: Ints) -> float:
        """In which share of the totals a label of the data has no item, so that macro averages over
        fewer labels.
        """
        if self.average == "micro":
            return 0.0
        drawn, data = (ratios_of(self._by_label(of))["f1"] for of in (totals, observed))
        return float((np.isnan(drawn) & ~np.isnan(data)).any(axis=-1).mean())

    def _by_label(self, totals: Floats | Ints) -> Floats | Ints:
        return totals.reshape(*totals.shape[:-1], self.n_labels, 4)


def _sum_labels(side: Ints) -> Ints:
    """The CREDITS of each unit, whatever the label."""
    total: Ints = side.reshape(len(side), -1, 4).sum(axis=1)
    return total


def _win_tie_loss(a: Ints, b: Ints) -> dict[str, int]:
    """In how many units a is better than b, as good, worse, by the F1 of each unit; one in which
    neither has anything is none.
    """
    values = [np.nan_to_num(ratios_of(_sum_labels(side))["f1"], nan=1.0) for side in (a, b)]
    there = (a + b).any(axis=1)
    gap = np.round(values[0] - values[1], 12)[there]
    return {
        "wins": int((gap > 0).sum()),
        "ties": int((gap == 0).sum()),
        "losses": int((gap < 0).sum()),
    }


def _verdicts(comparison: Comparison) -> Iterator[str]:
    systems = list(comparison.systems)
    unranked = []
    for metric in comparison.metrics:
        mine = [difference for difference in comparison.differences if difference.metric == metric]
        apart = [d for d in mine if d.p_holm is not None and d.p_holm < SIGNIFICANT]
        if not apart:
            unranked.append(metric)
            continue
        for d in apart:
            better, worse = (d.a, d.b) if (d.difference or 0) > 0 else (d.b, d.a)
            p = _p(d.p_holm) if (d.p_holm or 0) < SMALLEST_P else f"= {_p(d.p_holm)}"
            relation = (
                "does better on this article"
                if comparison.resampling.is_single_document
                else "is better"
            )
            yield f"{metric}: {better} {relation} than {worse} (p {p} after Holm)"
        if len(apart) < len(mine):
            yield (
                f"{metric}: not told apart:"
                f" {', '.join(f'{d.a} and {d.b}' for d in mine if d not in apart)}"
            )
    if unranked:
        yield (
            f"these {len(systems)} systems cannot be ranked on this corpus (by"
            f" {', '.join(unranked)})"
        )


def _report(
    comparison: Comparison,
    first_tables: Sequence[Table] = (),
    numbers: NumberFormat = DEFAULT_FORMAT,
) -> Report:
    """The report of a comparison; `first_tables` stand before those that it always has."""
    how, first = comparison.resampling, next(iter(comparison.systems.values()))
    foot = comparison.verdicts()
    for name, scores in comparison.systems.items():
        if failures := scores.metadata["failures"]:
            foot.append(
                f"Warning: {name} failed on {len(failures)} of"
                f" {pluralize(how.documents, 'document')}; their gold items count as missed"
            )
    if how.is_single_document:
        foot.append(
            "descriptive: one document; intervals and p-values are over"
            f" {'its sentences' if how.units == 'sentences' else 'it alone'}, and say nothing about"
            " other texts"
        )
    elif how.units == "sentences":
        foot.append(
            f"conditional on these {pluralize(how.documents, 'document')}: sentences were drawn"
            " within them, and other documents may tell another story"
        )
    if comparison.differences[0].average == "macro":
        foot.append("win/tie/loss: by the micro F1 of each unit")
    ways = (
        "all trades"
        if all(d.exact for d in comparison.differences)
        else (
            f"{comparison.permutations:,} random trades, or all where these are at most"
            f" {MAX_EXACT_PERMUTATIONS:,}"
        )
    )
    foot.append(
        f"p: paired approximate randomisation over {how.units} ({ways}); Holm over"
        f" {pluralize(len(comparison.differences), 'test')}; seed {how.seed}"
    )
    if how.boot:
        foot.append(
            "interval, p (boot) and detectable: paired bootstrap,"
            f" {pluralize(how.boot, 'replicate')}; detectable: the smallest difference that is"
            " found with power .8 at level .05"
        )
    foot += signatures(
        {
            metric: _must_match_fields(first[metric].signature_fields)
            for metric in comparison.metrics
        }
    )
    separator = " and " if len(comparison.systems) == 2 else ", "
    head = (
        f"{separator.join(comparison.systems)}"
        f" on {first.metadata['corpus']['name']} ({pluralize(how.documents, 'document')})"
    )
    warnings = (
        f"Warning: {name}: {warning}"
        for name, scores in comparison.systems.items()
        for warning in scores.label_warnings(command_line=True)
    )
    return Report(
        (head, *warnings),
        (*first_tables, _scores(comparison, numbers), _table(comparison, numbers)),
        tuple(foot),
        tuple(comparison.rows()),
    )


def _system_tables(comparison: Comparison, numbers: NumberFormat) -> list[Table]:
    """For each metric a table of systems with precision, recall and F1; the best of a column stands
    out.
    """
    average = comparison.differences[0].average
    tables = []
    for metric in comparison.metrics:
        values: list[list[float | None]] = []
        for scores in comparison.systems.values():
            row = scores[metric].micro if average == "micro" else scores[metric].macro
            values.append([row.precision, row.recall, row.f1])
        rows = []
        best = set()
        for index, (name, ratios) in enumerate(zip(comparison.systems, values)):
            cells = [numbers.format(value) for value in ratios]
            rows.append((name, *cells))
            for column, value in enumerate(ratios):
                known = [each[column] or 0.0 for each in values]
                if value is not None and value == max(known) > min(known):
                    best.add((index, column + 1))
        title = f"Systems, {metric}"
        notes = (f"{average} average; the best of a column stands out",)
        columns = ("system", "P", "R", "F1")
        tables.append(Table(title, columns, tuple(rows), notes, (), frozenset(best)))
    return tables


def _scores(comparison: Comparison, numbers: NumberFormat) -> Table:
    """F1 of each system under each metric; the best stands out, with a letter for each system that
    it is better than.
    """
    average = comparison.differences[0].average
    letters = (
        {name: chr(ord("a") + n) for n, name in enumerate(comparison.systems)}
        if len(comparison.systems) <= 26
        else {}
    )
    rows, best = [], set()
    for at, metric in enumerate(comparison.metrics):
        values = {
            name: getattr(scores[metric], average).f1 for name, scores in comparison.systems.items()
        }
        cells = [metric]
        for n, (name, value) in enumerate(values.items()):
            marks = "".join(
                letters.get(other, "")
                for other in values
                if _is_significantly_better(comparison, metric, name, other)
            )
            cells.append(f"{numbers.format(value)} {marks}".strip())
            known = [other for other in values.values() if other is not None]
            if value is not None and value == max(known) > min(known):
                best.add((at, n + 1))
        rows.append(tuple(cells))
    notes = (
        (
            (
                "the best of a line stands out; a letter behind it: better than that system (p <"
                " .05 after Holm)"
            ),
        )
        if letters
        else ()
    )
    columns = (
        "metric",
        *(f"{name} ({letters[name]})" if letters else name for name in comparison.systems),
    )
    return Table(f"F1, {average}", columns, tuple(rows), notes, (), frozenset(best))


def _is_significantly_better(comparison: Comparison, metric: str, one: str, other: str) -> bool:
    for d in comparison.differences:
        if (
            d.metric == metric
            and {d.a, d.b} == {one, other}
            and d.p_holm is not None
            and d.p_holm < SIGNIFICANT
            and d.difference
        ):
            return (d.difference > 0) == (d.a == one)
    return False


def _table(comparison: Comparison, numbers: NumberFormat) -> Table:
    columns = (
        "metric",
        "systems",
        "difference",
        f"{100 * comparison.resampling.level:g} % interval",
        "p",
        "p (Holm)",
        "p (boot)",
        "win/tie/loss",
        "detectable",
    )
    rows = tuple(
        (
            d.metric,
            f"{d.a} – {d.b}",
            _signed(d.difference, numbers),
            "–" if d.low is None else f"{_signed(d.low, numbers)} to {_signed(d.high, numbers)}",
            _p(d.p),
            _p(d.p_holm),
            _p(d.p_bootstrap),
            f"{d.wins}/{d.ties}/{d.losses}",
            numbers.format(d.detectable),
        )
        for d in comparison.differences
    )
    reasons = dict.fromkeys(d.reason for d in comparison.differences if d.reason)
    notes = (f"no interval (–): {'; '.join(reasons)}",) if reasons else ()
    return Table(
        "Differences of F1", columns, rows, notes, ("p (boot)", "win/tie/loss", "p", "detectable")
    )


def _signed(difference: float | None, numbers: NumberFormat) -> str:
    """A difference with its sign; – where it is undefined."""
    if difference is None:
        return "–"
    sign = "-" if difference < 0 else "+"
    return sign + numbers.format(abs(difference))


def _p(value: float | None) -> str:
    return (
        "–"
        if value is None
        else (
            "<.001" if value < SMALLEST_P else f"{value:.3f}".lstrip("0") if value < 0.9995 else "1"
        )
    )
