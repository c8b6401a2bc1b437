"""The documents of a corpus: their lengths, zones, languages and failures, and digests of their ids
and texts, by which two corpora are compared.

Characters are Unicode code points; tokens and sentences are those of `data/text.py`. Of each
document, 16 bytes are kept: a digest of the id and one of the text.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from evalkit.data.document import Document, Zone
from evalkit.data.text import sentences
from evalkit.results.length_stats import LengthStats, summarize_lengths
from evalkit.results.surface_stats import count_tokens

Digests = NDArray[np.uint64]
UNITS = ("characters", "tokens", "sentences")
_BLANK = 0  # the digest of a text without any word


@dataclass(frozen=True)
class ZoneStats:
    """The zones of a label; None for the text outside of all zones.

    share: of the characters of the corpus; None if it has none. Where zones of different labels
    overlap, a character counts for each of them.
    """

    label: str | None
    zones: int
    documents: int
    characters: int
    share: float | None


@dataclass(frozen=True)
class DocumentStats:
    """The documents of a corpus.

    lengths: characters, tokens and sentences per document. failed: documents that a model could not
    process. languages: the number of documents of each language, where meta["language"] has it.
    zones: by label, the longest first; empty without zones. ids, texts: digests, in the order of
    the documents; 0 for a text without any word.
    """

    number: int
    lengths: dict[str, LengthStats]
    failed: int
    languages: dict[str, int]
    zones: tuple[ZoneStats, ...]
    ids: Digests = field(repr=False, compare=False)
    texts: Digests = field(repr=False, compare=False)

    @property
    def repeated_texts(self) -> int:
        """The number of documents whose text another document has; blank texts do not count."""
        texts = self.texts[self.texts != _BLANK]
        _, counts = np.unique(texts, return_counts=True)
        return int(counts[counts > 1].sum())

    @property
    def has_duplicate_ids(self) -> bool:
        """Whether two documents have the same id."""
        return len(np.unique(self.ids)) < len(self.ids)

    def count_texts_in(self, other: DocumentStats) -> int:
        """The number of documents whose text is in another corpus; blank texts do not count."""
        texts = self.texts[self.texts != _BLANK]
        return int(np.isin(texts, other.texts).sum())

    def count_ids_in(self, other: DocumentStats) -> int:
        """The number of documents whose id is in another corpus."""
        return int(np.isin(self.ids, other.ids).sum())

    def equals(self, other: DocumentStats) -> bool:
        """Whether another corpus has the same ids with the same texts."""
        if len(self.ids) != len(other.ids):
            return False
        own, others = np.argsort(self.ids), np.argsort(other.ids)
        have_same_ids = np.array_equal(self.ids[own], other.ids[others])
        return have_same_ids and np.array_equal(self.texts[own], other.texts[others])


class TextCounter:
    """Counts documents, one by one."""

    def __init__(self) -> None:
        self._lengths: dict[str, Counter[int]] = {unit: Counter() for unit in UNITS}
        self._failed = 0
        self._languages: Counter[str] = Counter()
        self._zones: Counter[str] = Counter()
        self._zone_documents: Counter[str] = Counter()
        self._zone_characters: Counter[str] = Counter()
        self._outside = self._outside_documents = 0
        self._ids, self._texts = array("Q"), array("Q")

    def add(self, document: Document) -> None:
        """Count a document."""
        text = document.text
        self._lengths["characters"][len(text)] += 1
        self._lengths["tokens"][count_tokens(text)] += 1
        self._lengths["sentences"][len(sentences(text))] += 1
        self._failed += document.failure is not None
        for language in _languages_of(document):
            self._languages[language] += 1
        self._ids.append(_digest(document.id))
        self._texts.append(_digest(text) if text.strip() else _BLANK)
        outside = len(text)
        if document.zones:
            outside -= _count_covered(document.zones)
            self._add_zones(document)
        self._outside += outside
        self._outside_documents += outside > 0

    def _add_zones(self, document: Document) -> None:
        by_label: dict[str, list[Zone]] = {}
        for zone in document.zones:
            by_label.setdefault(zone.label, []).append(zone)
        for label, zones in by_label.items():
            self._zones[label] += len(zones)
            self._zone_documents[label] += 1
            self._zone_characters[label] += _count_covered(zones)

    def finish(self) -> DocumentStats:
        """The statistics of the documents."""
        lengths = {unit: summarize_lengths(counts) for unit, counts in self._lengths.items()}
        languages = sorted(self._languages.items(), key=lambda item: (-item[1], item[0]))
        return DocumentStats(
            len(self._ids),
            lengths,
            self._failed,
            dict(languages),
            self._finish_zones(lengths["characters"].total),
            np.array(self._ids, np.uint64),
            np.array(self._texts, np.uint64),
        )

    def _finish_zones(self, characters: int) -> tuple[ZoneStats, ...]:
        zones = []
        for label, number in self._zones.items():
            covered = self._zone_characters[label]
            share = covered / characters if characters else None
            zones.append(ZoneStats(label, number, self._zone_documents[label], covered, share))
        if not zones:
            return ()
        zones.sort(key=lambda each: (-each.characters, each.label or ""))
        share = self._outside / characters if characters else None
        outside = ZoneStats(None, 0, self._outside_documents, self._outside, share)
        return (*zones, outside) if self._outside else tuple(zones)


def _digest(text: str) -> int:
    """64 bits that are equal for equal texts; never 0."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1


def _languages_of(document: Document) -> list[str]:
    """The languages that the metadata of a document name."""
    language = (document.meta or {}).get("language")
    languages = language if isinstance(language, list) else [language]
    return list(dict.fromkeys(each for each in languages if isinstance(each, str) and each))


def _count_covered(zones: list[Zone] | tuple[Zone, ...]) -> int:
    """The number of characters in at least one of some zones."""
    covered = last_end = 0
    for start, end in sorted((zone.start, zone.end) for zone in zones):
        covered += max(end - max(start, last_end), 0)
        last_end = max(last_end, end)
    return covered
