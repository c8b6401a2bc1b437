"""A quote stands where plain loops over every piece of the text say that it stands: the loops below
are the specification.
"""

import sys
from unicodedata import category, decomposition, normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.data.grounding import (
    MAX_CANDIDATES,
    Grounding,
    Quote,
    count_outcomes,
    ground_quotes,
)

STEPS = ["exact", "normalized", "case-folded"]
HIDDEN = "\u200b\u00ad\ufe0f"
MARKS = "\u0301\u0307\u0323\u0345\u1161"
LETTERS = [
    *"aAsSiIfe. ",
    *HIDDEN,
    *MARKS,
    *"ßİﬁéÉſ“”\"’'–-…中ᄀ가ᾳΑ𝐀😀",
    "\u00a0",
    "\r\n",
    "\n",
    "e\u0301",
    "ss",
    "aa",
    "fi",
    "...",
]


def plain(text):
    for old, new in [("“", '"'), ("”", '"'), ("’", "'"), ("–", "-")]:
        text = text.replace(old, new)
    return normalize("NFKC", text)


def form(text, how):
    if how == "exact":
        return text.strip()
    shown = plain("".join(c for c in text if c not in HIDDEN))
    return " ".join((shown if how == "normalized" else plain(shown.casefold())).split())


def neighbours(text, at):
    """The characters that show, before and after an edge; "" at an end of the text."""
    before = [c for c in text[:at] if c not in HIDDEN]
    after = [c for c in text[at:] if c not in HIDDEN]
    return (before[-1] if before else ""), (after[0] if after else "")


def splits_a_sequence(text, at):
    before, after = neighbours(text, at)
    return before.strip() != "" and after != "" and after in MARKS


def inside_a_word(text, at):
    return all(c.isalnum() or (c and c in MARKS) for c in neighbours(text, at))


def is_place(text, start, end, wanted, how):
    piece = text[start:end]
    if how == "exact":
        return piece == wanted
    edges_show = not any(c in HIDDEN or c.isspace() for c in (piece[0], piece[-1]))
    return (
        edges_show
        and form(piece, how) == wanted
        and not splits_a_sequence(text, start)
        and not splits_a_sequence(text, end)
    )


def standing(text, quote):
    """The step, and all places from left to right, overlapping ones too."""
    for how in STEPS:
        wanted = form(quote.strip(), how)
        spans = [
            (a, b)
            for a in range(len(text))
            for b in range(a + 1, len(text) + 1)
            if wanted and is_place(text, a, b, wanted, how)
        ]
        at_edges = [
            (a, b) for a, b in spans if not inside_a_word(text, a) and not inside_a_word(text, b)
        ]
        if spans:
            return how, at_edges or spans
    return "absent", []


def apart(spans):
    kept = []
    for start, end in spans:
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept


def chosen_from(text, quote):
    spans = apart(standing(text, quote.text)[1])
    around = standing(text, quote.context)[1]
    return [(a, b) for a, b in spans if any(c <= a and b <= d for c, d in around)] or spans


def expected(text, quotes):
    found = [Grounding("absent")] * len(quotes)
    hows = [standing(text, quote.text)[0] for quote in quotes]
    keys = [
        (quote.group, how, form(quote.text.strip(), how))
        for quote, how in zip(quotes, hows, strict=True)
    ]
    for key in {key for key in keys if key[1] != "absent"}:
        numbers = [n for n in range(len(quotes)) if keys[n] == key]
        for n, one in zip(
            numbers, shared(key[1], [chosen_from(text, quotes[n]) for n in numbers]), strict=True
        ):
            found[n] = one
    return found


def shared(how, choices):
    found = [None] * len(choices)
    sure, taken = [], []
    for choice in sorted([c for n, c in enumerate(choices) if c not in choices[:n]], key=len):
        rivals = [n for n, c in enumerate(choices) if c == choice]
        left = [span for span in choice if span not in sure]
        free = [span for span in left if span not in taken]
        for n in rivals:
            if not free:
                found[n] = Grounding(how, *choice[-1], duplicate=True)
                continue
            span = free.pop(0)
            taken.append(span)
            found[n] = Grounding(how, *span, () if len(left) <= len(rivals) else tuple(left))
            sure += [span] if len(left) <= len(rivals) else []
    return found


def written(letters, most):
    return st.lists(st.sampled_from(letters), max_size=most).map("".join)


def quote_variants(piece):
    """A piece of the text as a model may give it back."""
    ways = [
        piece,
        piece.upper(),
        piece.lower(),
        normalize("NFC", piece),
        normalize("NFD", piece),
        plain(piece),
        piece.replace(" ", "\n"),
        " ".join(piece),
        f" {piece}\n",
    ]
    return st.sampled_from(ways)


@st.composite
def texts_and_quotes(draw, letters):
    text = draw(written(letters, 9))
    cut = (
        st.tuples(st.integers(0, len(text)), st.integers(1, 4))
        .map(lambda at: text[at[0] : sum(at)])
        .flatmap(quote_variants)
    )
    wide = (
        st.tuples(st.integers(0, len(text)), st.integers(2, 8))
        .map(lambda at: text[at[0] : sum(at)])
        .flatmap(quote_variants)
    )
    quote = st.builds(
        Quote, cut | written(letters, 3), st.just("") | wide, st.sampled_from([None, 1])
    )
    return text, draw(st.lists(quote, max_size=6))


@given(texts_and_quotes(LETTERS))
def test_what_is_found_is_what_plain_loops_find(drawn):
    assert ground_quotes(*drawn) == expected(*drawn)


@given(texts_and_quotes([*"ab "]))
def test_what_is_found_among_repetitions_is_what_plain_loops_find(drawn):
    assert ground_quotes(*drawn) == expected(*drawn)


@given(texts_and_quotes([*"sSß\u00ad"]))
def test_what_is_found_among_letters_of_two_lengths_is_what_plain_loops_find(drawn):
    assert ground_quotes(*drawn) == expected(*drawn)


@given(texts_and_quotes([*'eE“"', "\u0301", "\u0323", "é", " ", "\u00a0"]))
def test_what_is_found_among_marks_is_what_plain_loops_find(drawn):
    assert ground_quotes(*drawn) == expected(*drawn)


@given(texts_and_quotes(LETTERS))
def test_what_stands_at_a_place_is_the_quote_in_the_form_of_its_step(drawn):
    text, quotes = drawn

    found = ground_quotes(text, quotes)

    assert [
        form(text[f.start : f.end], f.match_type) for f in found if f.match_type != "absent"
    ] == [
        form(q.text.strip(), f.match_type)
        for q, f in zip(quotes, found, strict=True)
        if f.match_type != "absent"
    ]


@pytest.mark.slow
@given(
    st.text(max_size=30),
    st.lists(st.builds(Quote, st.text(max_size=3), st.text(max_size=5)), max_size=3),
)
def test_any_text_and_any_answer_have_places_within_the_text(text, quotes):
    found = ground_quotes(text, quotes)

    assert all(0 <= f.start < f.end <= len(text) or f == Grounding("absent") for f in found)
    assert sum(count_outcomes(found)[how] for how in (*STEPS, "absent")) == len(quotes)


PLACES = [
    # each step, and what it makes equal
    ("Ada met Bo", "Bo", "exact", "Bo"),
    ("“Why?” she asked", '"Why?"', "normalized", "“Why?”"),
    ("the council’s plan", "council's", "normalized", "council’s"),
    ("1939–1945", "1939-1945", "normalized", "1939–1945"),
    ("on Monday\r\n  the plant", "Monday the", "normalized", "Monday\r\n  the"),
    ("10\u00a0000 people", "10 000 people", "normalized", "10\u00a0000 people"),
    ("a co\u00adop\u200beration", "cooperation", "normalized", "co\u00adop\u200beration"),
    ("a cooperation", "co\u00adoperation", "normalized", "cooperation"),
    ("well… yes", "well... yes", "normalized", "well… yes"),
    ("well... yes", "well… yes", "normalized", "well... yes"),
    ("a ﬁne day", "fine", "normalized", "ﬁne"),
    ("𝐀da 😀 met", "Ada 😀", "normalized", "𝐀da 😀"),
    ("😀 Ada", "Ada", "exact", "Ada"),
    ("ＮＡＴＯ met", "NATO", "normalized", "ＮＡＴＯ"),
    ("I ❤️ it", "I ❤ it", "normalized", "I ❤️ it"),
    ("Ada met Bo", "ADA MET", "case-folded", "Ada met"),
    ("“Why?” she", '"WHY?"', "case-folded", "“Why?”"),
    ("the Straße here", "STRASSE", "case-folded", "Straße"),
    ("in İstanbul now", "i\u0307stanbul", "case-folded", "İstanbul"),
    ("in İzmir, Ada", "ADA", "case-folded", "Ada"),
    ("a ﬁne day", "FINE", "case-folded", "ﬁne"),
    ("ΟΔΥΣΣΕΥΣ", "Οδυσσευς", "case-folded", "ΟΔΥΣΣΕΥΣ"),
    # composed and decomposed text meet, and what follows keeps its place
    ("the cafe\u0301 Ada", "café Ada", "normalized", "cafe\u0301 Ada"),
    ("the café Ada", "cafe\u0301 Ada", "normalized", "café Ada"),
    ("a\u0323\u0301 b", "a\u0301\u0323 b", "normalized", "a\u0323\u0301 b"),
    ("각 here", "\u1100\u1161\u11a8", "normalized", "각"),
    ("ΐ", "Ϊ\u0301", "case-folded", "ΐ"),
    # white space at the ends of a quote is not part of it
    ("Ada met Bo", " \n Bo\t", "exact", "Bo"),
    ("x ´ y", "x ´", "exact", "x ´"),
    ("a “¨b” c", '"¨b"', "normalized", "“¨b”"),
    # whole words win
    ("Canada and Ada", "Ada", "exact", "Ada"),
    ("heart of art", "art", "exact", "art"),
    ("heart", "art", "exact", "art"),
    ("aha ha ha", "ha ha", "exact", "ha ha"),
]


@pytest.mark.parametrize(("text", "quote", "how", "piece"), PLACES)
def test_a_quote_is_found_at_the_first_step_at_which_it_stands(text, quote, how, piece):
    (found,) = ground_quotes(text, [Quote(quote)])

    assert (found.match_type, text[found.start : found.end], found.candidates, found.duplicate) == (
        how,
        piece,
        (),
        False,
    )


ABSENT = [
    ("Ada met Bo", "Cy"),
    ("Ada met Bo", ""),
    ("Ada met Bo", " \n"),
    ("", "Ada"),
    ("", ""),
    ("\u200b\u00ad", "Ada"),
    ("Ada", "\u200b"),
    ("Ada", "Ada met Bo"),
    ("ß", "s"),
    ("ﬁ", "f"),
    ("Straße", "STRAS"),
    ("the cafe\u0301 “x”", 'cafe "x"'),
    ("“e\u0301", '"e'),
    ("J. R. Smith", "JR Smith"),
]


@pytest.mark.parametrize(("text", "quote"), ABSENT)
def test_what_does_not_stand_in_the_text_is_absent(text, quote):
    assert ground_quotes(text, [Quote(quote)]) == [Grounding("absent")]


def test_a_half_of_a_letter_is_passed_over_for_a_place_that_overlaps_it():
    assert ground_quotes("sß", [Quote("SS")]) == [Grounding("case-folded", 1, 2)]


def test_a_place_at_word_boundaries_is_found_where_it_overlaps_one_that_is_not():
    assert ground_quotes("aha ha ha", [Quote("ha ha")]) == [Grounding("exact", 4, 9)]


def test_a_mark_and_what_has_no_width_do_not_end_a_word():
    text = "cafe\u0301 Wo\u00adche, cafe, Wo"

    found = ground_quotes(text, [Quote("cafe"), Quote("Wo")])

    assert [(f.start, f.end) for f in found] == [(14, 18), (20, 22)]


def test_places_that_overlap_are_taken_from_left_to_right():
    found = ground_quotes("aaaaa", [Quote("aa"), Quote("aa")])

    assert found == [Grounding("exact", 0, 2), Grounding("exact", 2, 4)]


def test_a_text_without_spaces_has_its_places_inside_of_what_looks_like_words():
    found = ground_quotes("東京都と京都", [Quote("京都")])

    assert found == [Grounding("exact", 1, 3, ((1, 3), (4, 6)))]


TWICE = "Doe left. Doe ran."
THRICE = "Doe left. Doe ran. Doe fell."
FIRST, SECOND, THIRD = (0, 3), (10, 13), (19, 22)


def exact(span, *candidates, duplicate=False):
    return Grounding("exact", *span, candidates, duplicate)


def test_a_quote_with_two_places_is_ambiguous():
    assert ground_quotes(TWICE, [Quote("Doe")]) == [exact(FIRST, FIRST, SECOND)]


def test_two_equal_quotes_and_two_places_are_certain():
    assert ground_quotes(TWICE, [Quote("Doe"), Quote("Doe")]) == [exact(FIRST), exact(SECOND)]


def test_two_equal_quotes_and_three_places_are_both_ambiguous():
    every = (FIRST, SECOND, THIRD)

    assert ground_quotes(THRICE, [Quote("Doe")] * 2) == [
        exact(FIRST, *every),
        exact(SECOND, *every),
    ]


def test_a_third_equal_quote_for_two_places_is_a_duplicate_at_the_last():
    assert ground_quotes(TWICE, [Quote("Doe")] * 3) == [
        exact(FIRST),
        exact(SECOND),
        exact(SECOND, duplicate=True),
    ]


def test_equal_quotes_of_two_groups_do_not_compete():
    found = ground_quotes(TWICE, [Quote("Doe", group="a"), Quote("Doe", group="b")])

    assert found == [exact(FIRST, FIRST, SECOND)] * 2


def test_quotes_are_equal_when_they_are_in_the_form_that_decided():
    found = ground_quotes("“Yes” and “Yes”", [Quote('"Yes"'), Quote("‟Yes‟")])

    assert found == [Grounding("normalized", 0, 5), Grounding("normalized", 10, 15)]


def test_a_context_says_which():
    assert ground_quotes(TWICE, [Quote("Doe", "Doe ran")]) == [exact(SECOND)]


@pytest.mark.parametrize("context", ["DOE RAN", "Doe\nran", " Doe ran ", "left. doe"])
def test_a_context_is_looked_for_in_the_same_steps(context):
    assert ground_quotes(TWICE, [Quote("Doe", context)]) == [exact(SECOND)]


@pytest.mark.parametrize("context", ["", " ", "Roe ran", "left", "Do", "oe ran"])
def test_a_context_that_is_not_found_or_holds_no_place_is_ignored(context):
    assert ground_quotes(TWICE, [Quote("Doe", context)]) == [exact(FIRST, FIRST, SECOND)]


def test_a_context_that_holds_the_quote_twice_leaves_both_as_candidates():
    assert ground_quotes(THRICE, [Quote("Doe", "Doe ran. Doe fell.")]) == [
        exact(SECOND, SECOND, THIRD)
    ]


def test_a_context_that_stands_twice_leaves_a_place_in_each():
    text = "Doe ran. Doe fell. Doe ran."

    assert ground_quotes(text, [Quote("Doe", "Doe ran")]) == [exact((0, 3), (0, 3), (19, 22))]


def test_contexts_that_overlap_are_all_looked_into():
    assert ground_quotes("a b a b a", [Quote("b", "a b a")]) == [exact((2, 3), (2, 3), (6, 7))]


def test_a_quote_that_its_context_leaves_one_place_chooses_before_the_others():
    assert ground_quotes(TWICE, [Quote("Doe"), Quote("Doe", "Doe left")]) == [
        exact(SECOND),
        exact(FIRST),
    ]


def test_a_place_of_a_quote_that_is_sure_is_no_candidate_of_another():
    assert ground_quotes(THRICE, [Quote("Doe", "Doe ran"), Quote("Doe")]) == [
        exact(SECOND),
        exact(FIRST, FIRST, THIRD),
    ]


def test_a_place_that_an_ambiguous_quote_took_is_a_candidate_but_not_chosen():
    found = ground_quotes(THRICE, [Quote("Doe", "Doe left. Doe ran."), Quote("Doe")])

    assert found == [exact(FIRST, FIRST, SECOND), exact(SECOND, FIRST, SECOND, THIRD)]


def test_two_contexts_that_leave_the_same_places_make_their_quotes_compete():
    found = ground_quotes(
        THRICE, [Quote("Doe", "Doe left. Doe ran."), Quote("Doe", "DOE LEFT. DOE RAN.")]
    )

    assert found == [exact(FIRST), exact(SECOND)]


def test_a_second_quote_with_the_context_of_the_first_is_its_duplicate():
    found = ground_quotes(TWICE, [Quote("Doe", "Doe ran"), Quote("Doe", "Doe ran")])

    assert found == [exact(SECOND), exact(SECOND, duplicate=True)]


def test_the_ledger_counts_what_is_ambiguous_or_duplicate_beside_how_it_was_found():
    text = f"{TWICE} “Why?” Ada"
    quotes = [Quote("Doe"), Quote('"Why?"'), Quote("ADA"), Quote("Ada"), Quote("Ada"), Quote("Roe")]

    counts = count_outcomes(ground_quotes(text, quotes))

    assert counts == {
        "exact": 3,
        "normalized": 1,
        "case-folded": 1,
        "ambiguous": 1,
        "absent": 1,
        "duplicate": 1,
    }


def test_an_empty_ledger_has_all_counts():
    assert count_outcomes([]) == {
        "exact": 0,
        "normalized": 0,
        "case-folded": 0,
        "ambiguous": 0,
        "absent": 0,
        "duplicate": 0,
    }


def test_candidates_are_bounded_and_hold_the_chosen_place():
    found = ground_quotes("ab " * 5000, [Quote("ab")] * 1500)

    assert {len(one.candidates) for one in found} == {MAX_CANDIDATES}
    assert all((one.start, one.end) in one.candidates for one in found)
    assert [one.start for one in found] == [*range(0, 4500, 3)]


def test_equal_quotes_beyond_what_is_kept_are_certain_where_there_are_as_many_places():
    found = ground_quotes("ab " * 5000, [Quote("ab")] * 5001)

    assert count_outcomes(found) == {
        "exact": 5001,
        "normalized": 0,
        "case-folded": 0,
        "ambiguous": 0,
        "absent": 0,
        "duplicate": 1,
    }


def test_repetitions_and_near_misses_of_a_long_text_do_not_take_for_ever():
    text = "ab" * 100_000
    repeated = [Quote("ab" * length) for length in range(500, 600)]
    missed = [Quote("ab" * length + "b", text) for length in range(500, 600)]

    found = ground_quotes(text, [*repeated, *missed, *[Quote("abab", "ab" * 400)] * 1000])

    assert count_outcomes(found) == {
        "exact": 1100,
        "normalized": 0,
        "case-folded": 0,
        "ambiguous": 1100,
        "absent": 100,
        "duplicate": 0,
    }


def test_a_sequence_of_a_hundred_thousand_marks_does_not_take_for_ever():
    text = "e" + "\u0301\u0323" * 100_000 + " Ada"

    assert ground_quotes(text, [Quote("ADA")]) == [Grounding("case-folded", 200_002, 200_005)]


def composing(code):
    """The second of two characters that compose to this one, if there is one."""
    pair = decomposition(chr(code))
    return (
        [chr(int(second, 16)) for _, second in [pair.split()] if second]
        if pair.count(" ") == 1 and "<" not in pair
        else []
    )


def test_what_composes_with_the_character_before_it_is_a_mark_or_a_part_of_a_korean_syllable():
    seconds = {second for code in range(sys.maxunicode + 1) for second in composing(code)}

    assert {c for c in seconds if category(c)[0] != "M"} == set()
