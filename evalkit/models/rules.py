"""The rule-based baseline: word lists and patterns, without weights; a lower bound for real models.

Entities come from word shape and word lists, triggers from lists of event words,
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


class LexiconWord(NamedTuple):
    """A token of a sentence."""

    start: int
    end: int
    text: str


def load(variant: str = "") -> Model:
    """The baseline; it has no variants, so `variant` must be empty."""
    if variant:
        raise InputError(f"rules:{variant}: the baseline has no variants: write rules")
    return Model(
        "rules",
        lambda documents: map(annotate, documents),
        settings={"evalkit": evalkit_version()},
        streams=True,
    )


def annotate(document: Document) -> Document:
    """The document with entities, events and attributions."""
    text = document.text
    entities: list[Entity] = []
    events: list[Event] = []
    attributions: list[Attribution] = []
    for start, end in sentences(text):
        sentence_entities = sorted(_entities(text, start, end), key=lambda entity: entity.start)
        words_of_sentence = [LexiconWord(a, b, text[a:b]) for a, b in tokens(text, start, end)]
        entities += sentence_entities
        events += _events(words_of_sentence, sentence_entities)
        attributions += _attributions(text, (start, end), words_of_sentence)
    return Document(document.id, text, tuple(entities), tuple(events), tuple(attributions))


def _entities(text: str, start: int, end: int) -> Iterator[Entity]:
    """The entities of a sentence: values first, then names that do not overlap them."""
    taken: list[Range] = []

    def is_free(start: int, end: int) -> bool:
        return all(end <= first or last <= start for first, last in taken)

    for label in ("MONEY", "PERCENT", "QUANTITY", "TIME", "DATE", "ORDINAL", "CARDINAL"):
        for match in _VALUES[label].finditer(text, start, end):
            if is_free(*match.span()):
                taken.append(match.span())
                yield Entity(label, *match.span())
    title_case = _is_title_case(text, start, end)
    for match in _NAME.finditer(text, start, end):
        for first, last in _split_name(text, match.start(), match.end(), sentence_start=start):
            is_uncertain = first == start or title_case
            name_label = _name_label(text, first, last, is_capital_uncertain=is_uncertain)
            if name_label and is_free(first, last):
                taken.append((first, last))
                yield Entity(name_label, first, last)


def _is_title_case(text: str, start: int, end: int) -> bool:
    """Whether most of the longer words are capitalized, so that a capital is no sign of a name."""
    long_words = [text[a:b] for a, b in tokens(text, start, end) if b - a > 3]
    capitalized = sum(word[0].isupper() for word in long_words)
    return len(long_words) > 3 and capitalized > 0.7 * len(long_words)


def _split_name(text: str, start: int, end: int, *, sentence_start: int) -> Iterator[Range]:
    """The names in a run of capitalized words: it is split where a nationality, a country, a title
    or a function word ends or begins a name.
    """
    run: list[Range] = []
    for match in re.finditer(r"\S+", text[start:end]):
        word_start, word_end = start + match.start(), start + match.end()
        if text.endswith(("'s", "’s"), word_start, word_end):
            word_end -= 2
        word = text[word_start:word_end]
        is_nationality = word in words.NATIONALITIES or word.rstrip("s") in words.NATIONALITIES
        is_title = word in words.TITLES
        is_filler = _is_filler(word, opens_sentence=word_start == sentence_start)
        two_words = " ".join(text[word_start:end].split(" ")[:2])
        is_country = (
            word in words.COUNTRIES
            and two_words not in words.COUNTRIES
            and not (run and text[run[0][0] : word_end] in words.COUNTRIES)
        )
        if is_nationality or is_title or is_filler or is_country:
            yield from _join_run(run)
            run = []
            if not is_title and not is_filler:
                yield word_start, word_end
        else:
            run.append((word_start, word_end))
    yield from _join_run(run)


def _is_filler(word: str, *, opens_sentence: bool) -> bool:
    """Whether a capitalized word is no part of a name."""
    return word in _FUNCTION_WORDS or (opens_sentence and word.lower() in words.AGENT_NOUNS)


def _join_run(run: list[Range]) -> Iterator[Range]:
    """The range from the first to the last word of a run; none for an empty run."""
    if run:
        yield run[0][0], run[-1][1]


# One rule, one return
def _name_label(  # noqa: PLR0911
    text: str, start: int, end: int, *, is_capital_uncertain: bool
) -> str | None:
    """The label of a capitalized name; None if there is no sign that it is one.

    is_capital_uncertain: its capital may come from its position in the sentence or from title case.
    """
    name = text[start:end]
    parts = name.split()
    before, after = text[max(0, start - 24) : start].split(), text[end : end + 24].split()
    if name in words.COUNTRIES:
        return "GPE"
    if name in words.NATIONALITIES or (len(parts) == 1 and name.rstrip("s") in words.NATIONALITIES):
        return "NORP"
    if len(parts) > 1 and words.ORGANIZATION_WORDS & {parts[0], parts[-1]}:
        return "ORG"
    if name.isupper() and 2 <= len(name) <= 6 and name.isalpha():
        return "ORG"
    if is_capital_uncertain:
        return None
    next_word = after[0].strip(",.;:") if after else ""
    if next_word in words.PLACE_NOUNS:
        return words.PLACE_NOUNS[next_word]
    place_noun = before[-2].rstrip("s") if len(before) > 1 and before[-1] == "of" else ""
    if place_noun in words.PLACE_NOUNS:
        return words.PLACE_NOUNS[place_noun]
    if before and before[-1].strip(".") in words.TITLES:
        return "PERSON"
    if before and before[-1] in ("in", "near", "from", "at", "of"):
        return "GPE"
    return "PERSON" if 2 <= len(parts) <= 4 else None


# Label, agent's role and patient's role of each event word
_TYPES: dict[str, tuple[str, str, str]] = {}
for _label, _event in words.EVENTS.items():
    _TYPES.update(dict.fromkeys(_event.words, (_label, _event.agent, _event.patient)))


def _events(sentence: Sequence[LexiconWord], entities: Sequence[Entity]) -> Iterator[Event]:
    """An event for each event word of a sentence."""
    for index, word in enumerate(sentence):
        if word.text.lower() not in _TYPES:
            continue
        label, agent, patient = _TYPES[word.text.lower()]
        preceding = sentence[max(0, index - 3) : index]
        is_hedged = any(other.text.lower() in words.MODALS for other in preceding)
        arguments = [
            *_participant(agent, reversed(sentence[:index]), entities),
            *_participant(patient, iter(sentence[index + 1 :]), entities),
            *_circumstances(word, entities),
        ]
        realis = "OTHER" if is_hedged else "ACTUAL"
        yield Event(label, Span(word.start, word.end), tuple(arguments), realis=realis)


def _participant(
    role: str, nearby_words: Iterator[LexiconWord], entities: Sequence[Entity]
) -> Iterator[Argument]:
    """The first participant among the next eight words: an organization, a person, or a noun for
    people.
    """
    for word, _ in zip(nearby_words, range(8), strict=False):
        if word.text.lower() in words.AGENT_NOUNS:
            yield Argument(role, word.start, word.end)
            return
        for entity in entities:
            if entity.start <= word.start < entity.end and entity.label in ("ORG", "PERSON"):
                yield Argument(role, entity.start, entity.end)
                return


def _circumstances(trigger: LexiconWord, entities: Sequence[Entity]) -> Iterator[Argument]:
    """The first place after the trigger, and the first date of the sentence."""
    places = [
        entity
        for entity in entities
        if entity.label in ("GPE", "LOC") and entity.start > trigger.end
    ]
    dates = [entity for entity in entities if entity.label == "DATE"]
    if places:
        yield Argument("Place", places[0].start, places[0].end)
    if dates:
        yield Argument("Time", dates[0].start, dates[0].end)


def _attributions(
    text: str, sentence_range: Range, sentence: Sequence[LexiconWord]
) -> Iterator[Attribution]:
    """The attribution of a sentence, if it has a cue."""
    start, end = sentence_range
    while end > start and text[end - 1] in ".!?":
        end -= 1
    match = _ACCORDING.search(text, start, end)
    if match:
        yield from _according_to(text, start, end, match)
        return
    for index, word in enumerate(sentence):
        if word.text in words.CUES and index:
            yield from _reported_speech(text, start, end, word)
            return


def _according_to(text: str, start: int, end: int, match: re.Match[str]) -> Iterator[Attribution]:
    """The attribution in "according to X, content" or "content, according to X"."""
    opens_sentence = match.start() == start
    content = (match.end(), end) if opens_sentence else (start, match.start())
    content_start, content_end = _strip(text, *content)
    if content_start < content_end:
        yield Attribution(
            Span(*match.span(1)),
            Span(content_start, content_end),
            Span(*_strip(text, *match.span(2))),
            label="assertion",
        )


def _reported_speech(text: str, start: int, end: int, cue: LexiconWord) -> Iterator[Attribution]:
    """The attribution in "X says that content", "“content,” X says" or "“content,” says X"."""
    quote = re.compile('[“"][^“”"]+[”"]').search(text, start, end)
    before, after = _strip(text, start, cue.start), _strip(text, cue.end, end)
    if quote and quote.end() <= cue.start:
        source = _strip(text, quote.end(), cue.start)
        if source[0] >= source[1]:
            source = after
        content = quote.span()
    else:
        source, content = before, after
    if source[0] < source[1] and content[0] < content[1]:
        yield Attribution(
            Span(cue.start, cue.end), Span(*content), Span(*source), label=words.CUES[cue.text]
        )


def _strip(text: str, start: int, end: int) -> Range:
    """A range without white space and punctuation at its ends."""
    while start < end and text[start] in " ,;:\t\u00a0":
        start += 1
    while start < end and text[end - 1] in " ,;:\t\u00a0":
        end -= 1
    return start, end
