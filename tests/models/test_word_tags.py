"""What a word is, which entities its tags say, and how long texts are cut: without a model, so that
it is tested everywhere.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from evalkit import Document
from evalkit.models import text_windows
from evalkit.models.text_windows import (
    find_window_cores,
    group_documents,
    pad_length,
    split_batches,
    split_windows,
)
from evalkit.models.word_tags import (
    TaggedWord,
    aggregate,
    find_entities,
    group_tokens,
    parse_tag,
)


def places(text, *pieces):
    """Where the pieces stand, one after the other; white space before a piece is no part of it
    unless it is given.
    """
    found, at = [], 0
    for piece in pieces:
        start = text.index(piece, at)
        found.append((start, start + len(piece)))
        at = start + len(piece)
    return found


def entity_surfaces(text, *pieces):
    return [text[word.start : word.end] for word in group_tokens(text, places(text, *pieces))]


@pytest.mark.parametrize(
    ("text", "pieces", "expected"),
    [
        ("Kenyatta met", ["Ken", "yat", "ta", "met"], ["Kenyatta", "met"]),
        ("in Kenya, he", ["in", " Ken", "ya,", " he"], ["in", "Kenya,", "he"]),
        ("in Kenya, he", ["in", " Ken", "ya", ",", " he"], ["in", "Kenya", ",", "he"]),
        ("U.S.-led", ["U", ".", "S", ".", "-", "led"], ["U", ".", "S", ".", "-", "led"]),
        ("B52", ["B", "52"], ["B52"]),
        ("cafe\u0301s", ["cafe", "\u0301s"], ["cafe\u0301s"]),
        ("हिन्दी", ["हि", "न्", "दी"], ["हिन्दी"]),
        ("我爱北京", ["我", "爱", "北京"], ["我", "爱", "北京"]),
        ("กรุงเทพ", ["กรุง", "เทพ"], ["กรุง", "เทพ"]),
        ("서울에", ["서울", "에"], ["서울에"]),
        (" \n ", [" ", "\n "], []),
        ("", [], []),
    ],
)
def test_a_word_is_a_run_of_letters_and_digits_unless_the_script_has_no_spaces(
    text, pieces, expected
):
    assert entity_surfaces(text, *pieces) == expected


def test_pieces_of_one_character_are_one_word():
    found = list(group_tokens("a 字!", [(0, 1), (2, 3), (2, 3), (2, 3), (3, 4)]))

    assert [(word.start, word.end, word.first, word.last) for word in found] == [
        (0, 1, 0, 1),
        (2, 3, 1, 4),
        (3, 4, 4, 5),
    ]


def test_a_bare_space_right_before_a_word_is_its_first_token_and_another_is_not():
    bare = list(group_tokens("a Bo", [(0, 1), (1, 2), (2, 4)]))
    doubled = list(group_tokens("a  Bo", [(0, 1), (1, 2), (2, 5)]))
    line = list(group_tokens("a\nBo", [(0, 1), (1, 2), (2, 4)]))

    assert [(word.first, word.last) for word in bare] == [(0, 1), (1, 3)]
    assert [(word.first, word.last) for word in doubled] == [(0, 1), (2, 3)]
    assert [(word.first, word.last) for word in line] == [(0, 1), (2, 3)]


def entities(line):
    """The entities of tags in a line, as "LABEL words"."""
    names = line.split()
    every = {*names, "O", "B-PER", "B-ORG", "I-PER", "I-ORG"}
    return [
        f"{label} {first}-{last}"
        for label, first, last in find_entities(parse_tag(name, every) for name in names)
    ]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-PER I-PER O B-ORG", ["PER 0-2", "ORG 3-4"]),
        ("B-PER B-PER I-PER", ["PER 0-1", "PER 1-3"]),
        ("I-PER I-PER O I-ORG", ["PER 0-2", "ORG 3-4"]),
        ("B-PER I-ORG I-PER", ["PER 0-1", "ORG 1-2", "PER 2-3"]),
        ("B-PER I-PER E-PER S-PER O S-ORG", ["PER 0-3", "PER 3-4", "ORG 5-6"]),
        ("B-PER I-PER L-PER U-PER O U-ORG", ["PER 0-3", "PER 3-4", "ORG 5-6"]),
        ("B-PER M-PER E-PER", ["PER 0-3"]),
        ("S-PER S-PER E-PER I-PER", ["PER 0-1", "PER 1-2", "PER 2-3", "PER 3-4"]),
        ("B-PER E-ORG", ["PER 0-1", "ORG 1-2"]),
        ("CITY CITY O MISC CITY", ["CITY 0-2", "MISC 3-4", "CITY 4-5"]),
        ("E-MAIL E-MAIL O X", ["E-MAIL 0-2", "X 3-4"]),
        ("O O", []),
        ("", []),
    ],
)
def test_tags_of_every_scheme_say_entities(tags, expected):
    assert entities(tags) == expected


def test_a_words_probabilities_are_those_of_its_first_token_the_mean_or_the_surest():
    rows = np.array([[0.6, 0.4], [0.1, 0.9], [0.3, 0.7], [0.8, 0.2]])
    words = [TaggedWord(0, 9, 0, 3), TaggedWord(10, 12, 3, 4)]

    assert aggregate(rows, words, "first").tolist() == [[0.6, 0.4], [0.8, 0.2]]
    average = aggregate(rows, words, "average").tolist()
    assert average == [pytest.approx([1 / 3, 2 / 3]), [0.8, 0.2]]
    assert aggregate(rows, words, "max").tolist() == [[0.1, 0.9], [0.8, 0.2]]


@pytest.mark.parametrize("units", [0, 1, 5, 6, 29, 30, 31])
@pytest.mark.parametrize(("most", "overlap"), [(1, 0), (5, 0), (5, 1), (5, 2), (6, 3)])
def test_every_unit_counts_once_from_the_window_with_more_around_it(units, most, overlap):
    found = split_windows([1] * units, most, most, overlap)
    parts = find_window_cores(found)

    assert [n for first, last in parts for n in range(first, last)] == list(range(units))
    for (start, end), (first, last) in zip(found, parts, strict=True):
        assert start <= first < last <= end
        assert end - start <= most
        assert first - start >= overlap // 2 or start == 0
        assert end - last >= overlap // 2 or end == units


def test_windows_keep_to_what_units_cost_and_a_unit_that_costs_too_much_is_alone():
    assert split_windows([2, 2, 2, 9, 1, 1], max_units=4, max_cost=6, overlap=0) == [
        (0, 3),
        (3, 4),
        (4, 6),
    ]
    assert split_windows([2, 2, 2, 9, 1, 1], max_units=2, max_cost=6, overlap=1) == [
        (0, 2),
        (1, 3),
        (2, 3),
        (3, 4),
        (4, 6),
    ]


def test_batches_hold_windows_of_one_length_the_longest_first():
    lengths = [16, 20, 16, 16, 512, 20, 16]

    assert split_batches(lengths, 3) == [[4], [1, 5], [0, 2, 3], [6]]
    assert split_batches([], 3) == []


def test_a_window_is_padded_to_a_length_that_depends_on_it_alone_and_by_little():
    padded = [pad_length(length, 500) for length in range(1, 501)]

    assert padded == sorted(padded)
    assert max(padded) == 500
    for length in range(1, 501):
        assert length <= padded[length - 1] <= max(16, length + 3, length * 1.125)
    assert len(set(padded)) < 40


def group_ids(documents, smallest, largest, clock=None, seconds=None):
    """The ids of each group, where processing them takes so many seconds."""
    groups = []
    for group in group_documents(documents, smallest, largest):
        groups.append([document.id for document in group])
        if clock is not None:
            clock.now += next(seconds)
    return groups


def test_a_group_is_twice_as_large_as_the_last_and_half_as_large_after_one_that_took_long(
    monkeypatch,
):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(text_windows, "time", SimpleNamespace(monotonic=lambda: clock.now))
    documents = [Document(f"d{n}", "x") for n in range(40)]

    groups = group_ids(documents, 2, 8, clock, iter([0.1, 0.1, 0.1, 3.0, 9.0, 9.0, 9.0, 9.0, 0.1]))

    assert [len(group) for group in groups] == [2, 4, 8, 8, 8, 4, 2, 2, 2]
    assert [id for group in groups for id in group] == [document.id for document in documents]


def test_long_documents_are_not_grouped_with_others(monkeypatch):
    monkeypatch.setattr(text_windows, "MAX_GROUP_CHARACTERS", 6)
    documents = [Document(f"d{n}", "x" * length) for n, length in enumerate([2, 3, 9, 1, 5, 1])]

    assert group_ids(documents, 4, 4) == [["d0", "d1"], ["d2"], ["d3", "d4"], ["d5"]]
