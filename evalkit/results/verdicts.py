"""What a comparison allows to say about the order of systems. Verdicts follow the corrected p."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalkit.results.differences import SIGNIFICANCE_LEVEL, Difference
from evalkit.results.report_builder import name_sample_limit
from evalkit.results.wording import join_some, pluralize
from evalkit.stats.intervals import Resampling
from evalkit.stats.randomization import differing_units_needed

SMALLEST_P = 0.001  # smaller p-values are printed as <.001


@dataclass(frozen=True)
class Verdicts:
    """The sentences about the differences of some systems.

    documents: the number of annotated documents of each metric. assumption: what intervals and p
    assume, if anything.
    """

    systems: Sequence[str]
    differences: Sequence[Difference]
    resampling: Resampling
    permutations: int
    documents: Mapping[str, int]
    assumption: str

    @property
    def tests(self) -> int:
        """The number of p-values that Holm's correction is for."""
        return sum(each.p is not None for each in self.differences)

    def iter_sentences(self) -> Iterator[str]:
        """A sentence for each significant difference, and one for the metrics without any."""
        unranked = []
        for metric in dict.fromkeys(each.metric for each in self.differences):
            differences = [each for each in self.differences if each.metric == metric]
            if all(each.difference is None for each in differences):
                yield f"{metric}: {differences[0].average} F1 is undefined"
                continue
            significant = [each for each in differences if each.is_significant]
            if not significant:
                unranked.append(metric)
                continue
            yield from map(self._describe, significant)
            others = [each for each in differences if not each.is_significant]
            if others:
                yield f"{metric}: no significant difference between {_name_pairs(others)}"
        if unranked:
            yield (
                f"these {len(self.systems)} systems cannot be ranked on this corpus (by"
                f" {', '.join(unranked)}{self._qualification})"
            )
        yield from self._too_few_sentences()

    def _describe(self, difference: Difference) -> str:
        better, worse = difference.a, difference.b
        if (difference.difference or 0) < 0:
            better, worse = worse, better
        p = format_p(difference.p_holm)
        relation = f"p < {p[1:]}" if p.startswith("<") else f"p = {p}"
        population = ""
        if not self.resampling.describes_sample_only:
            population = f" on documents like these {self.documents[difference.metric]:,}"
        return (
            f"{difference.metric}: {better} is better than {worse}{population} ({relation} after"
            f" Holm{self._qualification})"
        )

    @property
    def _qualification(self) -> str:
        """What a verdict is limited to, or assumes."""
        if self.resampling.describes_sample_only:
            return f"; {name_sample_limit(self.resampling)}"
        return f"; {self.assumption}" if self.assumption else ""

    def _too_few_sentences(self) -> Iterator[str]:
        """The pairs for which no verdict is possible, whatever their F1."""
        unit = self.resampling.unit
        # Holm compares the smallest p that is left with .05 / number of tests that are left.
        left = sum(each.p is not None and not each.is_significant for each in self.differences)
        needed = differing_units_needed(max(left, 1), SIGNIFICANCE_LEVEL)
        for metric in dict.fromkeys(each.metric for each in self.differences):
            pairs_of_count: dict[int, list[Difference]] = {}
            for each in self.differences:
                # Random permutations are drawn where many units differ; a t-test needs none.
                is_tested = each.metric == metric and each.exact is not None
                if is_tested and not each.is_significant and 0 < each.differing_units < needed:
                    pairs_of_count.setdefault(each.differing_units, []).append(each)
            for count, pairs in sorted(pairs_of_count.items()):
                verb = "differs" if count == 1 else "differ"
                yield (
                    f"{metric}: no verdict is possible on {_name_pairs(pairs)}:"
                    f" {pluralize(count, unit)} {verb}; at least {needed} are needed"
                )
        is_drawn = any(each.exact is False for each in self.differences)
        if is_drawn and left / (1 + self.permutations) > SIGNIFICANCE_LEVEL:
            yield (
                f"no verdict is possible with {self.permutations:,} permutations for"
                f" {pluralize(left, 'test')}: draw more (--permutations"
                f" {math.ceil(10 * left / SIGNIFICANCE_LEVEL)})"
            )

    def iter_disagreements(self) -> Iterator[str]:
        """The pairs whose p and interval say different things, if p could have been below .05."""
        for each in self.differences:
            if self._can_be_significant(each) and each.contradicts_interval(self.resampling.level):
                p = format_p(each.p)
                yield (
                    f"{each.metric}, {each.a} and {each.b}: p = {p} (before Holm) and the interval"
                    " disagree, as two methods may near the limit; the verdict follows p"
                )

    def _can_be_significant(self, difference: Difference) -> bool:
        """Whether p could have been below .05 with so few differing units and permutations."""
        if difference.exact is None:
            return True
        if not difference.exact:
            return 1 / (1 + self.permutations) < SIGNIFICANCE_LEVEL
        return difference.differing_units >= differing_units_needed(1, SIGNIFICANCE_LEVEL)


def _name_pairs(differences: Sequence[Difference]) -> str:
    return join_some([f"{each.a} and {each.b}" for each in differences])


def format_p(value: float | None) -> str:
    """A p-value such as .013; – for none."""
    if value is None:
        return "–"
    if value < SMALLEST_P:
        return "<.001"
    return f"{value:.3f}".lstrip("0") if value < 0.9995 else "1"
