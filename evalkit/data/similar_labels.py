"""Labels that are probably meant to be one: they differ by case or by one letter."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations

MIN_LENGTH = 4  # shorter labels often differ by one letter on purpose
MAX_LABELS = 500  # labels of a layer: a layer with more probably has values as labels


def find_similar_labels(
    counts: Mapping[str, int], declared: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """Pairs of labels that differ by case or by one letter, the rarer label first.

    counts: the frequency of each label. declared: labels of the schema, which are not compared with
    each other.

    >>> list(find_similar_labels({"PERSON": 9, "PERSN": 1, "Person": 2, "LOC": 3, "ORG": 3}))
    [('PERSN', 'PERSON'), ('Person', 'PERSON')]
    """
    if len(counts) > MAX_LABELS:
        return
    for one, other in combinations(sorted(counts), 2):
        if one in declared and other in declared:
            continue
        if one.casefold() == other.casefold() or differ_by_one_letter(one, other):
            rarer, more_frequent = sorted((one, other), key=lambda label: counts[label])
            yield rarer, more_frequent


def differ_by_one_letter(one: str, other: str) -> bool:
    """Whether a label becomes the other if one letter is inserted, deleted or replaced.

    >>> differ_by_one_letter("PERSON", "PERSN"), differ_by_one_letter("type1", "type2")
    (True, False)
    """
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < MIN_LENGTH or len(longer) - len(shorter) > 1:
        return False
    start = 0
    while start < len(shorter) and shorter[start] == longer[start]:
        start += 1
    rest = longer[start + 1 :]
    same_length = len(shorter) == len(longer)
    changed = longer[start : start + 1]
    if same_length:
        changed += shorter[start : start + 1]
        shorter_rest = shorter[start + 1 :]
    else:
        shorter_rest = shorter[start:]
    if shorter_rest != rest:
        return False
    return bool(changed) and changed.isalpha()
