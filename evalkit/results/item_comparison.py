"""Items that only one of two systems has right: how many there are, whether that could be chance,
and the items themselves.

`analysis/item_changes.py` has the definitions. The test of won against lost swaps both in random
documents, as the test of a difference of F1 does (`stats/randomization.py`): items of a document
are not independent, so that a test over items, such as McNemar's, finds too many differences.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from evalkit.analysis.error_items import ErrorItem
from evalkit.analysis.error_kinds import PREDICTED_ONLY, kinds_of_layer
from evalkit.analysis.item_changes import (
    CORRECT,
    GOLD_STATUSES,
    PREDICTION_STATUSES,
    ItemChange,
    compare_errors,
    sort_documents,
)
from evalkit.results.error_analysis import ErrorAnalysis
from evalkit.stats.intervals import Resampling
from evalkit.stats.randomization import permutation_p, permute_systems, unit_keys

EXAMPLES = 50  # of items that only one system has right, that are kept for a page


@dataclass(frozen=True)
class ItemComparison:
    """What two systems make of the same items.

    kinds: (kind in a, kind in b) to the number of gold items. statuses: how many items are won,
    lost, in both and so on, see `analysis.item_changes`. p: of won against lost, over documents;
    exact: whether all permutations were computed. examples: some won and lost items.
    """

    layer: str
    a: str
    b: str
    kinds: Mapping[tuple[str, str], int]
    statuses: Mapping[str, int]
    p: float
    exact: bool
    unit: str
    differing_units: int
    examples: tuple[ItemChange, ...] = field(default=(), repr=False)

    @property
    def gold_kinds(self) -> list[str]:
        """The kinds that gold items of the layer can have."""
        return [kind for kind in kinds_of_layer(self.layer) if kind not in PREDICTED_ONLY]

    def as_dict(self) -> dict[str, Any]:
        """The comparison as JSON values."""
        return {
            "layer": self.layer,
            "a": self.a,
            "b": self.b,
            **{status.replace(" ", "_"): n for status, n in self.statuses.items()},
            "p": self.p,
            "exact": self.exact,
            "differing_units": self.differing_units,
            "kinds": [
                {"kind_a": a, "kind_b": b, "n": n} for (a, b), n in sorted(self.kinds.items())
            ],
        }


def iter_changes(analysis_a: ErrorAnalysis, analysis_b: ErrorAnalysis) -> Iterator[ItemChange]:
    """The items that at least one system has wrong, in the order of the documents and the text.

    Goes through all documents of both systems. Raises InputError if they are not available.
    """
    places = _document_places(analysis_a)
    errors_b: Iterable[ErrorItem] = analysis_b.iter_items()
    if list(_document_places(analysis_b)) != list(places):
        errors_b = sort_documents(errors_b, places)
    return compare_errors(analysis_a.iter_items(), errors_b, places)


def _document_places(analysis: ErrorAnalysis) -> dict[str, int]:
    """The place of each document."""
    places: dict[str, int] = {}
    for unit in analysis.error_counts.units:
        places.setdefault(unit.document, len(places))
    return places


def compare_items(
    names: tuple[str, str],
    analyses: tuple[ErrorAnalysis, ErrorAnalysis],
    resampling: Resampling,
    permutations: int,
) -> ItemComparison:
    """What two systems make of the same items. Raises InputError if documents are not available."""
    counter = _ChangeCounter(by_sentence=resampling.unit == "sentence")
    for document, changes in groupby(iter_changes(*analyses), key=lambda each: each.document):
        counter.add_document(document, list(changes))
    gold = analyses[0].error_counts.gold
    kinds = dict(counter.kinds)
    n_both = gold - sum(kinds.values())
    if n_both:
        kinds[CORRECT, CORRECT] = n_both
    statuses = {"both": n_both}
    for status in (*GOLD_STATUSES, *PREDICTION_STATUSES):
        statuses.setdefault(status, counter.statuses[status])
    p, exact, differing = counter.test(permutations, resampling.seed)
    return ItemComparison(
        layer=analyses[0].layer,
        a=names[0],
        b=names[1],
        kinds=kinds,
        statuses={name: statuses[name] for name in (*GOLD_STATUSES, *PREDICTION_STATUSES)},
        p=p,
        exact=exact,
        unit=resampling.unit,
        differing_units=differing,
        examples=tuple(counter.examples()),
    )


class _ChangeCounter:
    """Counts the changes of each document, and keeps some won and lost items."""

    def __init__(self, *, by_sentence: bool) -> None:
        """by_sentence: whether sentences are the units of the test."""
        self.kinds: Counter[tuple[str, str]] = Counter()
        self.statuses: Counter[str] = Counter()
        self._by_sentence = by_sentence
        self._won_and_lost: dict[tuple[str, int | None], list[int]] = {}
        self._examples: dict[str, list[_RankedChange]] = {"won": [], "lost": []}

    def add_document(self, document: str, changes: Sequence[ItemChange]) -> None:
        """Add the changes of a document."""
        for change in changes:
            self.statuses[change.status] += 1
            if change.gold is not None:
                self.kinds[change.a.kind or "", change.b.kind or ""] += 1
            if change.status in self._examples:
                unit = (document, change.sentence if self._by_sentence else None)
                numbers = self._won_and_lost.setdefault(unit, [0, 0])
                numbers[0 if change.status == "won" else 1] += 1
        for status, known in self._examples.items():
            ranked = sorted(
                (_hash_change(change), n)
                for n, change in enumerate(changes)
                if change.status == status
            )
            for turn, (hash_, n) in enumerate(ranked[:EXAMPLES]):
                known.append((turn, hash_, changes[n]))
            if len(known) > 2 * EXAMPLES:
                _keep_first(known)

    def test(self, permutations: int, seed: int) -> tuple[float, bool, int]:
        """The p-value of won against lost, whether all permutations were computed, and the number
        of units that have more of one.
        """
        if not self._won_and_lost:
            return 1.0, True, 0
        # Won items are the first system's, and lost ones the second's: 1 label, 1 count.
        numbers = np.array(list(self._won_and_lost.values()), np.int64).reshape(-1, 2)
        won, lost = numbers[:, 0].reshape(-1, 1, 1), numbers[:, 1].reshape(-1, 1, 1)
        keys = unit_keys(
            [document for document, _ in self._won_and_lost],
            [sentence for _, sentence in self._won_and_lost],
        )
        order = np.argsort(keys)  # sums of random permutations do not depend on the order
        swapped_won, swapped_lost, exact = permute_systems(
            won[order], lost[order], keys[order], permutations, seed
        )
        observed = float(won.sum() - lost.sum())
        differences = (swapped_won - swapped_lost).reshape(-1)
        return (
            permutation_p(differences, observed, exact=exact),
            exact,
            int((won != lost).sum()),
        )

    def examples(self) -> list[ItemChange]:
        """Won and lost items, spread over documents: half of each, if there are so many."""
        for known in self._examples.values():
            _keep_first(known)
        won, lost = self._examples["won"], self._examples["lost"]
        n_won = max(EXAMPLES // 2, EXAMPLES - len(lost))
        n_lost = max(EXAMPLES // 2, EXAMPLES - len(won))
        return [change for _, _, change in (*won[:n_won], *lost[:n_lost])]


# The number of an item among those of its document by hash, its hash, and the item.
_RankedChange = tuple[int, bytes, ItemChange]


def _keep_first(ranked: list[_RankedChange]) -> None:
    ranked.sort(key=lambda each: each[:2])
    del ranked[EXAMPLES:]


def _hash_change(change: ItemChange) -> bytes:
    """A hash of an item's document, label and offsets, that selects examples."""
    item = change.item
    text = "\0".join(map(str, (change.document, item.label, item.start, item.end, item.fragments)))
    return hashlib.sha256(text.encode()).digest()[:8]
