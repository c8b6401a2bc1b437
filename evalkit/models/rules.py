"""The rule-based baseline: word lists and patterns, without weights; a floor for real models.

Entities come from word shape and the lists in rules_lexicon.py, triggers from its event words,
arguments from the nearest words that fit the role, attributions from "according to X" and from
verbs of reporting. It reads one sentence at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from evalkit.data.document import Argument, Attribution, Document, Entity, Event, Span
from evalkit.data.text import sentences, tokens
from evalkit.errors import InputError
from evalkit.models import rules_lexicon as words
from evalkit.models.registry import Model
from evalkit.version import evalkit_version

Range = tuple[int, int]

_MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec"
)
_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_NUMBER = (
    rf"(?:\d[\d,.]*\d|\d|{'|'.join(words.NUMBERS)})(?:"
    r" (?:hundred|thousand|million|billion|trillion))?"
)
_VALUES = {
    label: re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE)
    for label, pattern in {
        "MONEY": (
            rf"[$£€]\d[\d,.]*(?: (?:thousand|million|billion|trillion))?|{_NUMBER}"
            r" (?:dollars|euros|pounds|yen)"
        ),
        "PERCENT": rf"{_NUMBER} ?(?:%|percent|per cent)",
        "QUANTITY": (
            rf"{_NUMBER} (?:kilometers|kilometres|km|miles|meters|metres"
            r"|tons|tonnes|kilograms|kg|acres|hectares)"
        ),
        "TIME": (
            r"\d{1,2}(?::\d\d)? ?(?:a\.m\.|p\.m\.|am|pm)|this"
            r" (?:morning|afternoon|evening)|tonight|last night"
        ),
        "DATE": (
            rf"(?:{_DAYS}|yesterday|tomorrow|today)|(?:the )?(?:(?:start|beginning|middle|end) of"
            r" )?(?:last|this|next|the past) "
            rf"(?:week|weekend|month|year|decade|summer|winter|{_DAYS}|{_MONTHS})|(?:\d{{1,2}}"
            rf" )?(?:{_MONTHS})\.? \d{{1,2}}(?:, \d{{4}})?|"
            rf"(?:\d{{1,2}} )?(?:{_MONTHS}) \d{{4}}|(?:19|20)\d\d|{_NUMBER}"
            r" (?:days|weeks|months|years)(?: ago)?"
        ),
        "ORDINAL": rf"{'|'.join(words.ORDINALS)}|\d+(?:st|nd|rd|th)",
        "CARDINAL": _NUMBER,
    }.items()
}
_NAME_WORD = r"(?:[A-Z][\w’'&-]*\w|[A-Z](?:\.[A-Z])*\.?|[A-Z]|[a-z]{2}-[A-Z]\w+)"
_NAME = re.compile(
    rf"(?<![\w-]){_NAME_WORD}(?: (?:(?:of|de|van|von|bin|ibn|du|da) )?{_NAME_WORD})*"
)
_ACCORDING = re.compile(r"\b(According to|according to) ([^,;.]+)")
_FUNCTION_WORDS = frozenset(
    "A After All Also An And As At Before But By During For From He Her His How However I If In It"
    " Its Last Meanwhile More Most New No Not Of On One Or Our Over She Since So Some That The"
    " Their Then There These They This Those To We Well What When Where Which While Who Why"
    " With You".split()
)


class Word(NamedTuple):
    """A token of a sentence."""

    start: int
    end: int
    text: str


def load(what: str = "") -> Model:
    """The baseline; it has no variants, so `what` is empty."""
    if what:
        raise InputError(f"rules:{what}: the baseline has no variants; write rules")
    return Model(
        "rules",
        lambda documents: map(annotated, documents),
        settings={"evalkit": evalkit_version()},
        streams=True,
    )


def annotated(document: Document) -> Document:
    """The document with all three layers filled in."""
    text = document.text
    entities: list[Entity] = []
    events: list[Event] = []
    attributions: list[Attribution] = []
    for start, end in sentences(text):
        here = sorted(_entities(text, start, end), key=lambda entity: entity.start)
        line = [Word(a, b, text[a:b]) for a, b in tokens(text, start, end)]
        entities += here
        events += _events(line, here)
        attributions += _attributions(text, (start, end), line)
    return Document(document.id, text, tuple(entities), tuple(events), tuple(attributions))


def _entities(text: str, start: int, end: int) -> Iterator[Entity]:
    taken: list[Range] = []

    def free(a: int, b: int) -> bool:
        return all(b <= first or last <= a for first, last in taken)

    for label in ("MONEY", "PERCENT", "QUANTITY", "TIME", "DATE", "ORDINAL", "CARDINAL"):
        for found in _VALUES[label].finditer(text, start, end):
            if free(*found.span()):
                taken.append(found.span())
                yield Entity(label, *found.span())
    title_case = _is_title_case(text, start, end)
    for found in _NAME.finditer(text, start, end):
        for a, b in _pieces(text, found.start(), found.end(), first=start):
            named = _name_label(text, a, b, alone=a == start or title_case)
            if named and free(a, b):
                taken.append((a, b))
                yield Entity(named, a, b)


def _is_title_case(text: str, start: int, end: int) -> bool:
    """Whether capitals prove nothing here: most of the longer words have one."""
    long = [text[a:b] for a, b in tokens(text, start, end) if b - a > 3]
    return len(long) > 3 and sum(word[0].isupper() for word in long) > 0.7 * len(long)


def _pieces(text: str, start: int, end: int, *, first: int) -> Iterator[Range]:
    """A run of capitalised words, cut where a nationality, a country, a title or a function word
    ends or begins a name.
    """
    run: list[Range] = []
    for found in re.finditer(r"\S+", text[start:end]):
        a, b = start + found.start(), start + found.end()
        if text.endswith(("'s", "’s"), a, b):
            b -= 2
        word = text[a:b]
        two = text[a:end].split(" ")[:2]
        if (
            word in words.NATIONALITIES
            or word.rstrip("s") in words.NATIONALITIES
            or word in words.TITLES
            or _is_filler(word, opens=a == first)
        ):
            yield from _as_range(run)
            run = []
            if word not in words.TITLES and not _is_filler(word, opens=a == first):
                yield a, b
        elif (
            word in words.COUNTRIES
            and " ".join(two) not in words.COUNTRIES
            and not (run and text[run[0][0] : b] in words.COUNTRIES)
        ):
            yield from _as_range(run)
            run = []
            yield a, b
        else:
            run.append((a, b))
    yield from _as_range(run)


def _is_filler(word: str, *, opens: bool) -> bool:
    return word in _FUNCTION_WORDS or (opens and word.lower() in words.AGENT_NOUNS)


def _as_range(run: list[Range]) -> Iterator[Range]:
    if run:
        yield run[0][0], run[-1][1]


# One rule, one return
def _name_label(text: str, start: int, end: int, *, alone: bool) -> str | None:  # noqa: PLR0911
    """What a capitalised name is; None where nothing tells that it is one.

    `alone`: its capital proves nothing.
    """
    name = text[start:end]
    parts = name.split()
    before, after = text[max(0, start - 24) : start].split(), text[end : end + 24].split()
    if name in words.COUNTRIES:
        return "GPE"
    if name in words.NATIONALITIES or (len(parts) == 1 and name.rstrip("s") in words.NATIONALITIES):
        return "NORP"
    if any(part in words.ORGANISATION_WORDS for part in parts[-1:] + parts[:1]) and len(parts) > 1:
        return "ORG"
    if name.isupper() and 2 <= len(name) <= 6 and name.isalpha():
        return "ORG"
    if alone:
        return None
    if after and after[0].strip(",.;:") in words.PLACE_NOUNS:
        return words.PLACE_NOUNS[after[0].strip(",.;:")]
    if len(before) > 1 and before[-1] == "of" and before[-2].rstrip("s") in words.PLACE_NOUNS:
        return words.PLACE_NOUNS[before[-2].rstrip("s")]
    if before and before[-1].strip(".") in words.TITLES:
        return "PERSON"
    if before and before[-1] in ("in", "near", "from", "at", "of"):
        return "GPE"
    return "PERSON" if 2 <= len(parts) <= 4 else None


_TYPES = {
    word: (kind, agent, patient)
    for kind, (forms, agent, patient) in words.EVENTS.items()
    for word in forms.split()
}


def _events(line: Sequence[Word], entities: Sequence[Entity]) -> Iterator[Event]:
    for n, word in enumerate(line):
        found = _TYPES.get(word.text.lower())
        if found is None:
            continue
        kind, agent, patient = found
        hedged = any(other.text.lower() in words.MODALS for other in line[max(0, n - 3) : n])
        arguments = [
            *_actor(agent, reversed(line[:n]), entities),
            *_actor(patient, iter(line[n + 1 :]), entities),
            *_circumstances(word, entities),
        ]
        realis = "OTHER" if hedged else "ACTUAL"
        yield Event(kind, Span(word.start, word.end), tuple(arguments), realis=realis)


def _actor(role: str, line: Iterator[Word], entities: Sequence[Entity]) -> Iterator[Argument]:
    """The nearest word that could act or be acted on, within eight tokens: a named party, or a noun
    for people.
    """
    for word, _ in zip(line, range(8), strict=False):
        if word.text.lower() in words.AGENT_NOUNS:
            yield Argument(role, word.start, word.end)
            return
        for entity in entities:
            if entity.start <= word.start < entity.end and entity.label in ("ORG", "PERSON"):
                yield Argument(role, entity.start, entity.end)
                return


def _circumstances(trigger: Word, entities: Sequence[Entity]) -> Iterator[Argument]:
    """The first place after the trigger, and the first date of the sentence."""
    places = [
        entity
        for entity in entities
        if entity.label in ("GPE", "LOC") and entity.start > trigger.end
    ]
    dates = [entity for entity in entities if entity.label == "DATE"]
    yield from (Argument("Place", place.start, place.end) for place in places[:1])
    yield from (Argument("Time", date.start, date.end) for date in dates[:1])


def _attributions(text: str, sentence: Range, line: Sequence[Word]) -> Iterator[Attribution]:
    start, end = sentence
    while end > start and text[end - 1] in ".!?":
        end -= 1
    found = _ACCORDING.search(text, start, end)
    if found:
        yield from _according_to(text, start, end, found)
        return
    for n, word in enumerate(line):
        if word.text in words.CUES and n:
            yield from _reported(text, start, end, word)
            return


def _according_to(text: str, start: int, end: int, found: re.Match[str]) -> Iterator[Attribution]:
    """According to X, content; or: content, according to X."""
    content = (found.end(), end) if found.start() == start else (start, found.start())
    a, b = _trimmed(text, *content)
    if a < b:
        source = Span(*_trimmed(text, *found.span(2)))
        yield Attribution(Span(*found.span(1)), Span(a, b), source, label="assertion")


def _reported(text: str, start: int, end: int, cue: Word) -> Iterator[Attribution]:
    """X said that content; or “content,” X said; or “content,” said X."""
    quote = re.compile('[“"][^“”"]+[”"]').search(text, start, end)
    before, after = _trimmed(text, start, cue.start), _trimmed(text, cue.end, end)
    if quote and quote.end() <= cue.start:
        source = _trimmed(text, quote.end(), cue.start)
        source = source if source[0] < source[1] else after
        content = quote.span()
    else:
        source, content = before, after
    if source[0] < source[1] and content[0] < content[1]:
        yield Attribution(
            Span(cue.start, cue.end), Span(*content), Span(*source), label=words.CUES[cue.text]
        )


def _trimmed(text: str, start: int, end: int) -> Range:
    while start < end and text[start] in " ,;:\t\u00a0":
        start += 1
    while start < end and text[end - 1] in " ,;:\t\u00a0":
        end -= 1
    return start, end
