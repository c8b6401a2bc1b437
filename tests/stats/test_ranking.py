"""Two systems share a letter if and only if they do not differ significantly."""

import random
from itertools import combinations

import pytest

from evalkit.stats.ranking import group_letters


@pytest.mark.parametrize(
    ("different", "letters"),
    [
        ([], {"x": "a", "y": "a", "z": "a"}),
        ([("z", "x")], {"x": "a", "y": "ab", "z": "b"}),
        ([("x", "y"), ("x", "z")], {"x": "a", "y": "b", "z": "b"}),
        ([("x", "y"), ("x", "z"), ("y", "z")], {"x": "a", "y": "b", "z": "c"}),
        ([("x", "y")], {"x": "a", "y": "b", "z": "ab"}),
    ],
)
def test_letters_of_three_systems(different, letters):
    assert group_letters(["x", "y", "z"], different) == letters


@pytest.mark.parametrize("seed", range(50))
def test_sharing_a_letter_means_not_to_differ(seed):
    draw = random.Random(seed)
    systems = [f"s{n}" for n in range(draw.randint(2, 9))]
    pairs = list(combinations(systems, 2))
    different = {pair for pair in pairs if draw.random() < draw.random()}

    letters = {name: letters_of(text) for name, text in group_letters(systems, different).items()}

    for pair in pairs:
        assert bool(letters[pair[0]] & letters[pair[1]]) == (pair not in different)
    groups = [
        {name for name in systems if letter in letters[name]}
        for letter in set.union(*letters.values())
    ]
    assert not any(group < other for group in groups for other in groups)


def letters_of(text):
    """The letters of "ab" or "aa1"."""
    letters = []
    for character in text:
        if character.isdigit():
            letters[-1] += character
        else:
            letters.append(character)
    return set(letters)
