"""Finding 1,000 quotes in texts of three lengths, and how its time grows."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise
from unicodedata import normalize

from benchmarks.measure import measure_cpu

from evalkit.data.grounding import Quote, count_outcomes, ground_quotes

MAX_GROWTH = 2.3  # time(2n)/time(n)
LENGTHS = (250_000, 500_000, 1_000_000)

MakeText = Callable[[int, random.Random], str]
MakeQuotes = Callable[[str, random.Random], Iterable[tuple[str, str]]]


def random_words(length: int, draw: random.Random) -> str:
    """A text of words from a vocabulary."""
    vocabulary = []
    for _ in range(20_000):
        vocabulary.append("".join(draw.choices("abcdefghij", k=draw.randint(2, 9))))
    return " ".join(draw.choices(vocabulary, k=length // 5))[:length]


def repeat_pattern(length: int, _: random.Random) -> str:
    """One pattern."""
    return "ab" * (length // 2)


def typographic_words(length: int, draw: random.Random) -> str:
    """Words in curly quotes, with decomposed accents and no-break spaces."""
    return random_words(length, draw).replace(" ", "e\u0301”\u00a0“")[:length]


def draw_pieces(text: str, draw: random.Random) -> Iterator[tuple[str, str]]:
    """1,000 pieces of 5 to 60 characters; every second one with 100 characters around it."""
    for number in range(1000):
        start = draw.randrange(100, len(text) - 100)
        context = text[start - 20 : start + 80] if number % 2 else ""
        yield text[start : start + draw.randint(5, 60)], context


def type_pieces(text: str, draw: random.Random) -> Iterator[tuple[str, str]]:
    """1,000 pieces of typographic words with the characters of a keyboard."""
    for _ in range(1000):
        start = text.index("“", draw.randrange(len(text) - 200))
        end = text.index("”", start + draw.randint(5, 60)) + 1
        yield normalize("NFKC", text[start:end]).replace("“", '"').replace("”", '"'), ""


def absent_pieces(text: str, draw: random.Random) -> Iterator[tuple[str, str]]:
    """1,000 quotes that are not in the text."""
    for quote, _ in draw_pieces(text, draw):
        yield quote + "x", ""


CASES: dict[str, tuple[MakeText, MakeQuotes]] = {
    "words, half with a context": (random_words, draw_pieces),
    "one pattern, of all lengths": (
        repeat_pattern,
        lambda *_: (("ab" * k, "") for k in range(1, 1001)),
    ),
    "one quote, in 1,000 contexts": (
        repeat_pattern,
        lambda *_: (("abab", "ab" * k) for k in range(3, 1003)),
    ),
    "near misses, a…ab": (
        lambda length, _: "a" * length,
        lambda *_: (("a" * k + "b", "") for k in range(1, 1001)),
    ),
    "near misses, among a…ab": (
        lambda length, _: ("a" * 499 + "b") * (length // 500),
        lambda *_: (("a" * k + "b" + "a" * 500 + "b", "") for k in range(1000)),
    ),
    "all to be normalized": (typographic_words, type_pieces),
    "all absent": (random_words, absent_pieces),
}


def print_grounding(rounds: int) -> None:
    """Print the least time of some rounds for each length, and how it grows."""
    print(f"1,000 quotes in {LENGTHS[0]:,} to {LENGTHS[-1]:,} characters")
    print(f"growth is time(2n)/time(n); goal: at most {MAX_GROWTH}")
    for name, (make_text, make_quotes) in CASES.items():
        seconds = []
        for length in LENGTHS:
            draw = random.Random(3)
            text = make_text(length, draw)
            quotes = [Quote(*quote) for quote in make_quotes(text, draw)]
            ground = partial(ground_quotes, text, quotes)
            seconds.append(min(measure_cpu(ground) for _ in range(rounds)))
        growth = [twice / once for once, twice in pairwise(seconds)]
        outcomes = count_outcomes(ground_quotes(text, quotes))
        counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items() if count)
        verdict = "reached" if max(growth) <= MAX_GROWTH else "MISSED"
        times = " ".join(f"{one:6.2f} s" for one in seconds)
        ratios = " ".join(f"{one:.2f}" for one in growth)
        print(f"  {name:30} {times}   growth {ratios}  {verdict}   ({counts})", flush=True)
