"""What a word is, which entities its tags say, and how long texts are cut: without a model, so that
it is tested everywhere.
"""

import numpy as np
import pytest

from evalkit.models.text_windows import find_window_cores, split_windows
from evalkit.models.word_tags import aggregate, find_entities, group_tokens, parse_tag


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
    rows = np.array([[0.6, 0.4], [0.1, 0.9], [0.3, 0.7]])

    assert aggregate(rows, "first").tolist() == [0.6, 0.4]
    assert aggregate(rows, "average").tolist() == pytest.approx([1 / 3, 2 / 3])
    assert aggregate(rows, "max").tolist() == [0.1, 0.9]


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
