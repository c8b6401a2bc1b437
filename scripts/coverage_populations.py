"""The populations that `scripts/interval_coverage` draws corpora from, and their true values.

Counts are those of simulated corpora: systems × corpora × units × labels × (gold, predicted, tp).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.scoring.columns import Ints
from evalkit.stats.intervals import RATIOS

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int], Ints]

LABELS = ("PER", "ORG", "LOC", "GPE", "DATE", "EVENT", "FAC", "NORP")
ZIPF_SHARES = 1 / np.arange(1, 9) / (1 / np.arange(1, 9)).sum()
MEAN_ITEMS = 10  # gold items of a document
EMPTY_OPPORTUNITIES = 0.5  # for spurious items, in a document without gold items
POOL_DOCUMENTS = 400
SAMPLED_DOCUMENTS = 100_000  # for the mean over documents, which has no formula

SIZES = (5, 10, 20, 50, 100, 200)
LARGER_SIZES = SIZES[1:]
QUALITIES = (0.05, 0.5, 0.78, 0.95, 0.99)
LABEL_QUALITIES = (0.9, 0.5, 0.8, 0.7, 0.95, 0.6, 0.85, 0.75)
# Of the items that each system would find, the share that it loses.
ONE, EQUAL, DIFFERENT = (0.0,), (0.0, 0.0), (0.0, 0.1)


class Statistic(NamedTuple):
    """A number with an interval. kind: "label" or the name of an average.

    has_unit_degrees: with K - 1 degrees of freedom instead of evalkit's, for comparison.
    """

    kind: str
    ratio: str = "f1"
    label: str = ""
    is_difference: bool = False
    has_unit_degrees: bool = False

    def __str__(self) -> str:
        """As the table names it."""
        ratio = {"precision": "P", "recall": "R", "f1": "F1"}[self.ratio]
        if self.is_difference:
            return f"difference of {self.kind} {ratio}"
        degrees = " with K - 1" if self.has_unit_degrees else ""
        return f"{self.label or self.kind} {ratio}{degrees}"


MICRO = tuple(Statistic("micro", ratio) for ratio in RATIOS)
MICRO_F1_WITH_UNIT_DEGREES = Statistic("micro", has_unit_degrees=True)
MACRO = tuple(Statistic("macro", ratio) for ratio in RATIOS)
AVERAGES = (*MACRO, Statistic("weighted"), Statistic("per-document"))
ONE_LABEL = tuple(Statistic("label", ratio, LABELS[0]) for ratio in RATIOS)
SOME_LABELS = tuple(
    Statistic("label", ratio, label) for label in ("PER", "GPE", "NORP") for ratio in RATIOS
)
MICRO_DIFFERENCE = Statistic("micro", is_difference=True)
MACRO_DIFFERENCE = Statistic("macro", is_difference=True)


@dataclass(frozen=True)
class Population:
    """What corpora are drawn from.

    group: the heading of the table that it is in. setting: its rows in that table. units: the sizes
    of the corpora. expected: the mean counts of a unit, systems × labels × (gold, predicted, tp),
    from which the true values are computed. pool: all documents, where corpora are drawn from them.
    """

    group: str
    setting: str
    units: tuple[int, ...]
    draw: Draw
    expected: Floats
    statistics: tuple[Statistic, ...]
    unit: str = "document"
    quality: float = 0.0
    sigma: float = 0.0
    icc: float = 0.0
    pool: Ints | None = None

    def __str__(self) -> str:
        """As --only sees it."""
        return f"{self.group}: {self.setting}"


def draw_quality(
    rng: np.random.Generator, mean: float | Floats, icc: float, shape: tuple[int, ...]
) -> Floats:
    """The probability that an item of a unit is right, from a beta distribution: two items of one
    unit are right or wrong together with the correlation icc.
    """
    total = 1 / icc - 1
    return rng.beta(np.multiply(mean, total), np.subtract(1, mean) * total, shape)


def draw_predictions(
    rng: np.random.Generator, gold: Ints, opportunities: Ints, quality: Floats, loss: float = 0
) -> Ints:
    """The counts … × (gold, predicted, tp).

    A gold item is found with the probability quality · (1 - loss). At each opportunity, a spurious
    item is predicted with the probability 1 - quality.
    """
    tp = rng.binomial(rng.binomial(gold, quality), 1 - loss)
    spurious = rng.binomial(opportunities, 1 - quality)
    return np.stack([gold, tp + spurious, tp], axis=-1)


def expect_counts(
    gold: Floats, opportunities: Floats, quality: Floats, losses: tuple[float, ...]
) -> Floats:
    """The means of what `draw_predictions` draws: systems × labels × (gold, predicted, tp)."""
    systems = []
    for loss in losses:
        tp = gold * quality * (1 - loss)
        spurious = opportunities * (1 - quality)
        systems.append(np.stack([gold, tp + spurious, tp], axis=-1))
    return np.stack(systems)


class Documents(NamedTuple):
    """Documents of lognormal size, with a quality that varies from one to the other.

    qualities, shares: the mean quality and the share of items of each label. losses: one for each
    system. empty: the share of documents without gold items. is_shared: whether all labels of a
    document have the same quality.
    """

    sigma: float
    icc: float
    qualities: tuple[float, ...]
    shares: tuple[float, ...] = (1.0,)
    losses: tuple[float, ...] = ONE
    empty: float = 0.0
    is_shared: bool = False

    def draw(self, rng: np.random.Generator, corpora: int, units: int) -> Ints:
        """Simulated corpora. In half of the documents both systems have the same quality, in the
        others independent ones.
        """
        shape = (corpora, units, 1)
        sizes = MEAN_ITEMS * rng.lognormal(-self.sigma * self.sigma / 2, self.sigma, shape)
        sizes = sizes * np.array(self.shares)
        is_empty = rng.random(shape) < self.empty
        is_same = rng.random(shape) < 0.5
        gold = rng.poisson(np.where(is_empty, 0.0, sizes))
        first = self._draw_quality(rng, gold.shape)
        systems = []
        for number, loss in enumerate(self.losses):
            quality = first
            if number:
                quality = np.where(is_same, first, self._draw_quality(rng, gold.shape))
            opportunities = rng.poisson(np.where(is_empty, EMPTY_OPPORTUNITIES, sizes))
            systems.append(draw_predictions(rng, gold, opportunities, quality, loss))
        return np.stack(systems)

    def _draw_quality(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        if not self.is_shared:
            return draw_quality(rng, np.array(self.qualities), self.icc, shape)
        quality = draw_quality(rng, self.qualities[0], self.icc, (*shape[:-1], 1))
        return np.broadcast_to(quality, shape)

    def expected(self) -> Floats:
        """The mean counts of a document."""
        gold = (1 - self.empty) * MEAN_ITEMS * np.array(self.shares)
        opportunities = gold + self.empty * EMPTY_OPPORTUNITIES
        return expect_counts(gold, opportunities, np.array(self.qualities), self.losses)


class RareLabel(NamedTuple):
    """A label with so many expected gold items in the corpus, in one of 12 documents or fewer."""

    items: int
    quality: float
    icc: float

    def draw(self, rng: np.random.Generator, corpora: int, units: int) -> Ints:
        """Simulated corpora. Half of the opportunities for spurious items are in the documents that
        have gold items.
        """
        share = min(1 / 12, self.items / units)
        items_where_present = self.items / units / share
        is_present = rng.random((corpora, units, 1)) < share
        gold = np.where(is_present, 1 + rng.poisson(items_where_present - 1, is_present.shape), 0)
        opportunities = rng.poisson(gold / 2) + rng.poisson(self.items / units / 2, gold.shape)
        quality = draw_quality(rng, self.quality, self.icc, gold.shape)
        return draw_predictions(rng, gold, opportunities, quality)[None]

    def expected(self) -> Floats:
        """The mean counts, of the whole corpus."""
        items = np.array([float(self.items)])
        return expect_counts(items, items, np.array([self.quality]), ONE)


class Sentences(NamedTuple):
    """Sentences of one document, with Poisson(mean) gold items each."""

    mean: int
    quality: float
    icc: float
    losses: tuple[float, ...]

    def draw(self, rng: np.random.Generator, corpora: int, units: int) -> Ints:
        """Simulated documents."""
        gold = rng.poisson(self.mean, (corpora, units, 1))
        systems = []
        for loss in self.losses:
            quality = draw_quality(rng, self.quality, self.icc, gold.shape)
            opportunities = rng.poisson(self.mean, gold.shape)
            systems.append(draw_predictions(rng, gold, opportunities, quality, loss))
        return np.stack(systems)

    def expected(self) -> Floats:
        """The mean counts of a sentence."""
        items = np.array([float(self.mean)])
        return expect_counts(items, items, np.array([self.quality]), self.losses)


@cache
def make_pool(seed: int) -> Ints:
    """Documents made to look like news: 2 systems × documents × labels × (gold, predicted, tp).

    About ten sentences with two items each; sizes are lognormal (σ 0.6); eight labels with Zipf's
    frequencies, concentrated by topic (Dirichlet with the weight 3). The quality of a label varies
    between documents, on the logit scale: with the document (σ 0.7) and on its own (σ 0.7). The
    second system is worse by 0.3 on that scale.
    """
    rng = np.random.default_rng(seed)
    sizes = 20 * rng.lognormal(-0.18, 0.6, (POOL_DOCUMENTS, 1))
    topics = rng.dirichlet(3 * ZIPF_SHARES, POOL_DOCUMENTS)
    gold = rng.poisson(sizes * topics)
    label_logits = np.array([2.2, 1.2, 1.6, 0.6, 2.6, 0.2, 1.4, 1.0])
    document_logits = 0.7 * rng.standard_normal((POOL_DOCUMENTS, 1))
    systems = []
    for shift in (0.0, 0.3):
        own_logits = 0.7 * rng.standard_normal(gold.shape)
        quality = 1 / (1 + np.exp(shift - label_logits - document_logits - own_logits))
        opportunities = rng.poisson(sizes * (topics + ZIPF_SHARES) / 2)
        systems.append(draw_predictions(rng, gold, opportunities, quality))
    return np.stack(systems)


def draw_from_pool(pool: Ints, rng: np.random.Generator, corpora: int, units: int) -> Ints:
    """Simulated corpora: documents of the pool, with replacement."""
    return pool[:, rng.integers(pool.shape[1], size=(corpora, units))]


def make_populations() -> Iterator[Population]:
    """All populations, in the order of the tables."""
    for sigma in (0.5, 1.2):
        for icc in (0.05, 0.3):
            for quality in QUALITIES:
                documents = Documents(sigma, icc, (quality,))
                statistics = MICRO
                if icc == 0.3:
                    statistics = (*MICRO, MICRO_F1_WITH_UNIT_DEGREES)
                yield Population(
                    f"Documents, σ {sigma:g}, correlation {icc:g}",
                    f"F1 {quality:g}",
                    SIZES,
                    documents.draw,
                    documents.expected(),
                    statistics,
                    quality=quality,
                    sigma=sigma,
                    icc=icc,
                )
    for seed in (1, 2, 3):
        yield make_pool_population(
            "Documents of a pool like news",
            f"pool {seed}",
            make_pool(seed)[:1],
            (*MICRO, *SOME_LABELS, *(AVERAGES if seed == 1 else ())),
        )
    for quality in (0.5, 0.78, 0.95):
        documents = Documents(0.5, 0.05, (quality,), empty=0.6)
        yield Population(
            "60 % of the documents without gold items, σ 0.5, correlation 0.05",
            f"quality {quality:g}",
            SIZES,
            documents.draw,
            documents.expected(),
            MICRO,
        )
    for items in (3, 10, 30):
        rare = RareLabel(items, 0.78, 0.1)
        yield Population(
            "A label in one of 12 documents or fewer, F1 0.78, correlation 0.1",
            f"{items} gold items",
            (20, 50, 100, 200),
            rare.draw,
            rare.expected(),
            ONE_LABEL,
        )
    for icc in (0.05, 0.3):
        for is_shared in (False, True):
            documents = make_documents_of_labels(icc, ONE, is_shared=is_shared)
            yield Population(
                f"Averages over eight labels, σ 0.5, correlation {icc:g}",
                name_sharing(is_shared=is_shared),
                LARGER_SIZES,
                documents.draw,
                documents.expected(),
                AVERAGES,
            )
    yield from make_difference_populations("Two systems of equal F1", EQUAL)
    yield from make_difference_populations("Two systems of different F1", DIFFERENT)
    for mean in (2, 5):
        sentences = Sentences(mean, 0.78, 0.1, DIFFERENT)
        yield Population(
            "Sentences of one document, F1 0.78, correlation 0.1",
            f"{mean} gold items each",
            (15, 40),
            sentences.draw,
            sentences.expected(),
            (*MICRO, MICRO_DIFFERENCE),
            unit="sentence",
        )


def make_difference_populations(group: str, losses: tuple[float, ...]) -> Iterator[Population]:
    """The populations of two systems."""
    for sigma, icc in ((0.5, 0.05), (1.2, 0.3)):
        for quality in (0.5, 0.78, 0.95):
            documents = Documents(sigma, icc, (quality,), losses=losses)
            yield Population(
                group,
                f"σ {sigma:g}, correlation {icc:g}, F1 {quality:g}",
                SIZES,
                documents.draw,
                documents.expected(),
                (MICRO_DIFFERENCE,),
            )
    pool = make_pool(1)
    if losses == EQUAL:
        # Each document a second time, with the predictions of both systems exchanged.
        pool = np.concatenate([pool, pool[::-1]], axis=1)
    yield make_pool_population(group, "pool 1", pool, (MICRO_DIFFERENCE, MACRO_DIFFERENCE))
    documents = Documents(0.5, 0.05, (0.78,), losses=losses, empty=0.6)
    yield Population(
        group, "60 % empty", SIZES, documents.draw, documents.expected(), (MICRO_DIFFERENCE,)
    )
    for is_shared in (False, True):
        documents = make_documents_of_labels(0.1, losses, is_shared=is_shared)
        yield Population(
            group,
            f"eight labels, {name_sharing(is_shared=is_shared)}",
            SIZES,
            documents.draw,
            documents.expected(),
            (MACRO_DIFFERENCE,),
        )


def make_pool_population(
    group: str, setting: str, pool: Ints, statistics: tuple[Statistic, ...]
) -> Population:
    """Corpora of documents of a pool."""

    def draw(rng: np.random.Generator, corpora: int, units: int) -> Ints:
        return draw_from_pool(pool, rng, corpora, units)

    return Population(group, setting, LARGER_SIZES, draw, pool.mean(axis=1), statistics, pool=pool)


def make_documents_of_labels(
    icc: float, losses: tuple[float, ...], *, is_shared: bool
) -> Documents:
    """Documents with eight labels: each of its own quality, or all of the same."""
    qualities: tuple[float, ...] = LABEL_QUALITIES
    if is_shared:
        qualities = (0.78,) * len(LABELS)
    return Documents(0.5, icc, qualities, tuple(ZIPF_SHARES.tolist()), losses, is_shared=is_shared)


def name_sharing(*, is_shared: bool) -> str:
    """What a table calls documents whose labels have one quality, or one each."""
    return "one quality" if is_shared else "a quality each"


def compute_ratios(counts: Floats | Ints) -> Mapping[str, Floats]:
    """Precision, recall and F1 of (gold, predicted, tp) in the last axis; 0 where undefined."""
    gold, predicted, tp = np.moveaxis(np.asarray(counts, np.float64), -1, 0)
    wholes = {"precision": predicted, "recall": gold, "f1": (gold + predicted) / 2}
    return {
        name: np.divide(tp, whole, out=np.zeros(np.shape(tp)), where=whole > 0)
        for name, whole in wholes.items()
    }


def true_values(population: Population, statistic: Statistic, corpora: Ints) -> Floats:
    """The true value of each corpus.

    That of macro is the mean over the labels that have an item in the corpus, so that it may differ
    from one corpus to the other.
    """
    values = []
    for counts, expected in zip(corpora, population.expected):
        ratios = compute_ratios(expected)[statistic.ratio]
        if statistic.kind == "macro":
            occurs = counts[..., :2].any(axis=(1, 3))
            values.append((occurs * ratios).sum(axis=1) / np.maximum(occurs.sum(axis=1), 1))
            continue
        if statistic.kind == "label":
            value = ratios[LABELS.index(statistic.label)]
        elif statistic.kind == "weighted":
            value = np.average(ratios, weights=expected[:, 0])
        elif statistic.kind == "micro":
            value = compute_ratios(expected.sum(axis=0))[statistic.ratio]
        else:
            value = average_documents(population, statistic.ratio)
        values.append(np.full(len(counts), float(value)))
    return values[0] - values[1] if statistic.is_difference else values[0]


def average_documents(population: Population, ratio: str) -> float:
    """The mean of a ratio over the documents with items: of the pool, or of a large sample."""
    if population.pool is None:
        rng = np.random.default_rng(0)
        documents = population.draw(rng, 1, SAMPLED_DOCUMENTS)[0, 0].sum(axis=1)
    else:
        documents = population.pool[0].sum(axis=1)
    has_items = documents[:, :2].any(axis=1)
    return float(compute_ratios(documents[has_items])[ratio].mean())


def expect_outcomes(population: Population, statistic: Statistic, units: int) -> float:
    """The expected number of right or of wrong items of a corpus, the lesser."""
    counts = population.expected[0]
    if statistic.label:
        counts = counts[[LABELS.index(statistic.label)]]
    gold, predicted, tp = counts.sum(axis=0).tolist()
    wrong = {"precision": predicted - tp, "recall": gold - tp, "f1": gold + predicted - 2 * tp}
    return round(units * min(tp, wrong[statistic.ratio]), 6)
