"""Words and sentences by our own rule, as offsets into the untouched text."""

import pytest

from evalkit.data.text import sentence_index_at, sentences, tokens

SENTENCES = [
    ("One. Two.", ["One.", "Two."]),
    ("Dr. Roe left. He ran.", ["Dr. Roe left.", "He ran."]),
    ("The U.S. envoy met J. R. Roe. Then", ["The U.S. envoy met J. R. Roe.", "Then"]),
    ("It cost 3.5 euros. 4 left.", ["It cost 3.5 euros.", "4 left."]),
    ("“Why?” she asked. “No.” He left", ["“Why?” she asked.", "“No.”", "He left"]),
    ("approx. three people", ["approx. three people"]),
    ("HEAD LINE\nBody here.\r\n\r\n  • bullet  ", ["HEAD LINE", "Body here.", "• bullet"]),
    ("Wait... what? Yes!", ["Wait... what?", "Yes!"]),
    ("", []),
    (" \n\t\n", []),
]
TOKENS = [
    ("Shi’ite al-Qusour’s city, (cash).", ["Shi’ite", "al-Qusour", "’s", "city", "cash"]),
    ("KENYA'S U.S. $5 50% — ...", ["KENYA", "'S", "U.S", "$5", "50"]),
    ("a\u00a0b\u3000c", ["a", "b", "c"]),
    ("'s", ["s"]),
]


@pytest.mark.parametrize(("text", "expected"), SENTENCES)
def test_a_sentence_ends_where_the_rule_says(text, expected):
    assert [text[start:end] for start, end in sentences(text)] == expected


@pytest.mark.parametrize(("text", "expected"), TOKENS)
def test_a_token_is_a_run_without_edge_punctuation(text, expected):
    assert [text[start:end] for start, end in tokens(text)] == expected


def test_a_position_belongs_to_the_last_sentence_that_starts_before_it():
    starts = [3, 10, 20]

    assert [sentence_index_at(starts, position) for position in (0, 3, 9, 10, 19, 20, 99)] == [
        0,
        0,
        0,
        1,
        1,
        2,
        2,
    ]
