"""A GLiNER model: a folder, a name on the Hub, or any object with GLiNER's `predict_entities`.

It is asked for the labels of the corpus's schema, or for `labels`. GLiNER reads labels as words, so
each becomes a prompt: PERSON "person", WORK_OF_ART "work of art", GPE "country, city or state"
(PROMPTS). Answers get the label that the prompt was made from; an answer under a prompt that was
not asked for keeps it as its label, and counts as wrong.

A text longer than the model is read in windows of words, which overlap. Where two windows answer
about the same characters, the answer with more text around it counts, once. A document is processed
alone, so that its answer depends on no other document.

- `labels`: a list of labels, or prompts with their labels, as in {"city": "GPE", "country": "GPE"}.
  Default: the schema's.
- `threshold`: the least score.
- `flat`: whether no entity lies in another; `multi_label`: whether a span may have several labels.
- `window`, `overlap`: numbers of words. Default: what the model reads, and a quarter of it.
- `device`, `revision`: where the model runs; which version of it is loaded from the Hub.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from evalkit.data.document import Document, Entity, Unplaced
from evalkit.data.schema import Schema
from evalkit.errors import InputError, MissingDependencyError, advise_extra, spell_option
from evalkit.models.malformed_answers import MALFORMED
from evalkit.models.pretrained import model_version, one_line, quiet, validate_model_name
from evalkit.models.python_function import document_with_entities
from evalkit.models.registry import Model
from evalkit.models.text_windows import Range, windows

WINDOW = 384  # words, where a model does not say how many it reads
UNBOUNDED = 10**6  # tokens; a tokenizer that knows no length says 10**30
MIN_ROOM = 8  # tokens; labels that leave less of the model's length are too many
PROMPTS = {  # what labels mean that are no words
    "PER": "person",
    "ORG": "organization",
    "LOC": "location",
    "GPE": "country, city or state",
    "FAC": "building or facility",
    "NORP": "nationality, religious or political group",
    "MISC": "miscellaneous name",
    "VEH": "vehicle",
    "WEA": "weapon",
}
_WORD = re.compile(r"\w+|[^\w\s]")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PARTED = re.compile(r"[\s_.:/-]+")


class WindowEntity(NamedTuple):
    """An entity of the whole text, the window that it comes from, and how many characters of that
    lie around it.
    """

    entity: Entity
    window: int
    around: float


@dataclass(frozen=True)
class GlinerModel:
    """A model that was loaded, and how it is asked: `labels` maps prompts to labels; `window` and
    `overlap` count words, `room` tokens.
    """

    network: Any
    labels: Mapping[str, str]
    threshold: float
    flat: bool
    multi_label: bool
    window: int
    overlap: int
    room: int | None


def load(
    source: Any,
    *,
    labels: Mapping[str, str] | Sequence[str] | None = None,
    threshold: float = 0.5,
    flat: bool = True,
    multi_label: bool = False,
    window: int | None = None,
    overlap: int | None = None,
    device: str = "cpu",
    revision: str | None = None,
) -> Model:
    """A model from its name or from an object with predict_entities.

    `labels` lists labels, or maps prompts to them, as in {"city": "GPE", "country": "GPE"}; the
    default is the schema's. `flat`: no entity lies in another; `multi_label`: one span may have
    several. `window` and `overlap` count words (the default: what the model reads, and a quarter of
    it). Raises InputError where there is no such model, or nothing to ask it for.
    """
    network = _loaded(source, revision, device) if isinstance(source, str) else source
    name = f"gliner:{source if isinstance(source, str) else type(source).__name__}"
    if not callable(getattr(network, "predict_entities", None)):
        raise InputError(
            f"{name}: it has no predict_entities(text, labels, threshold=, flat_ner=, multi_label=)"
        )
    if not isinstance(threshold, (int, float)) or not 0 <= threshold <= 1:
        raise InputError(
            f"{name}: {spell_option('threshold', threshold, of='model')}: a number from 0 to 1"
            " would do"
        )
    window, overlap = _lengths(name, network, window, overlap)
    settings = {
        "threshold": threshold,
        "flat": flat,
        "multi_label": multi_label,
        "window": window,
        "overlap": overlap,
    }
    settings |= model_version(source, revision) if isinstance(source, str) else {}

    def suited(schema: Schema | None) -> Model:
        prompts = _prompts(
            name, labels if labels is not None else list(schema.labels if schema else ())
        )
        asker = GlinerModel(
            network,
            prompts,
            threshold,
            flat,
            multi_label,
            window,
            overlap,
            _room(name, network, prompts),
        )
        return made(lambda documents: (_answered(asker, one) for one in documents), labels=prompts)

    def made(answer: Any, **more: Any) -> Model:
        return Model(
            name,
            answer,
            settings=settings | more,
            with_schema=suited,
            packages=("gliner", "transformers", "torch"),
            streams=True,
        )

    return (
        made(lambda documents: suited(None).predict(documents)) if labels is None else suited(None)
    )


def _loaded(name: str, revision: str | None, device: str) -> Any:
    validate_model_name("gliner", name, "urchade/gliner_medium-v2.1")
    try:
        from gliner import GLiNER
    except ImportError as error:
        raise MissingDependencyError(
            f"gliner models need gliner: {error}: {advise_extra('gliner')}"
        ) from None
    try:
        with quiet():
            return GLiNER.from_pretrained(name, revision=revision, map_location=device)
    except Exception as error:  # reading a model may raise anything
        raise InputError(f"gliner:{name}: {one_line(error)}") from None


def _prompts(model: str, labels: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    """The label of each prompt.

    Raises InputError where there is none, or two labels make one prompt.
    """
    names = [*labels, *labels.values()] if isinstance(labels, Mapping) else list(labels)
    if isinstance(labels, str) or not all(isinstance(one, str) and one for one in names):
        raise InputError(
            f'{model}: {spell_option("labels", labels, of="model")}: a list such as ["PERSON"], or'
            " a mapping of prompts to labels, would do"
        )
    if not labels:
        raise InputError(
            f"{model}: nothing to ask for: the corpus has no schema with labels;"
            f" {spell_option('labels', ['PERSON'], of='model')} would do"
        )
    if isinstance(labels, Mapping):
        return dict(labels)
    prompts: dict[str, str] = {}
    for label in labels:
        other = prompts.setdefault(prompt(label), label)
        if other != label:
            raise InputError(
                f'{model}: {other} and {label} both become "{prompt(label)}": a mapping of prompts'
                " to labels would do"
            )
    return prompts


def prompt(label: str) -> str:
    """A label as words.

    >>> [prompt(label) for label in ("WORK_OF_ART", "MedicalCondition", "PER", "person")]
    ['work of art', 'medical condition', 'person', 'person']
    """
    return PROMPTS.get(label) or _PARTED.sub(" ", _CAMEL.sub(" ", label)).strip().lower() or label


def _lengths(name: str, network: Any, window: int | None, overlap: int | None) -> tuple[int, int]:
    """Window and overlap, as asked or by default."""
    longest = getattr(getattr(network, "config", None), "max_len", None) or WINDOW
    window = longest if window is None else window
    if not isinstance(window, int) or not 1 <= window <= longest:
        raise InputError(
            f"{name}: {spell_option('window', window, of='model')}: a whole number from 1 to"
            f" {longest} would do"
        )
    overlap = window // 4 if overlap is None else overlap
    if not isinstance(overlap, int) or not 0 <= overlap <= window // 2:
        raise InputError(
            f"{name}: {spell_option('overlap', overlap, of='model')}: a whole number from 0 to"
            f" {window // 2}, half of the window, would do"
        )
    return window, overlap


def _answered(asker: GlinerModel, document: Document) -> Document:
    try:
        return _marked(asker, document)
    except Exception as error:  # a model may raise anything, and none of it may end a run
        return msgspec.structs.replace(
            document, failure=f"{type(error).__name__}: {one_line(error)}"
        )


def _marked(asker: GlinerModel, document: Document) -> Document:
    found: list[WindowEntity] = []
    unplaced: list[Unplaced] = []
    notes: list[str | None] = []
    ranges = list(_ranges(asker, document.text))
    for n, (start, end) in enumerate(ranges):
        answer = _predict_window(asker, document.text[start:end])
        unplaced += answer.unplaced
        notes += [(answer.meta or {}).get(MALFORMED)] if answer.entities or answer.unplaced else []
        for entity in answer.entities or ():
            shifted = msgspec.structs.replace(
                entity,
                label=asker.labels.get(entity.label, entity.label),
                start=entity.start + start,
                end=entity.end + start,
            )
            before = entity.start if n else float("inf")
            after = end - shifted.end if n + 1 < len(ranges) else float("inf")
            found.append(WindowEntity(shifted, n, min(before, after)))
    meta = {MALFORMED: notes[0]} if notes and None not in notes else None
    return Document(
        document.id,
        document.text,
        entities=tuple(_merge_windows(found, len(document.text))),
        unplaced=tuple(unplaced),
        meta=meta,
    )


def _predict_window(asker: GlinerModel, text: str) -> Document:
    """What the model says of one window; what it says that cannot be is unplaced."""
    answer = asker.network.predict_entities(
        text,
        list(asker.labels),
        threshold=asker.threshold,
        flat_ner=asker.flat,
        multi_label=asker.multi_label,
    )
    labelled = document_with_entities(Document("window", text), answer)
    return msgspec.structs.replace(
        labelled,
        unplaced=tuple(
            msgspec.structs.replace(one, label=asker.labels.get(one.label, one.label))
            for one in labelled.unplaced
        ),
    )


def _merge_windows(found: Iterable[WindowEntity], length: int) -> Iterator[Entity]:
    """The entities in the order of the text; those of a window with less text around them give way
    to what another says there.
    """
    taken = [-1] * length  # the window that has spoken about each character
    kept: dict[tuple[int, int, str], Entity] = {}
    for entity, window, _ in sorted(found, key=lambda placed: -placed.around):
        if set(taken[entity.start : entity.end]) <= {-1, window}:
            taken[entity.start : entity.end] = [window] * (entity.end - entity.start)
            key = entity.start, entity.end, entity.label
            kept[key] = max(
                kept.get(key, entity),
                entity,
                key=lambda one: -1.0 if one.score is None else one.score,
            )
    yield from (kept[key] for key in sorted(kept))


def _ranges(asker: GlinerModel, text: str) -> Iterator[Range]:
    """The windows of a text, in characters; none where it has no words."""
    words = _words(asker.network, text)
    unbounded = asker.room is None or not words
    costs = (
        [1] * len(words)
        if unbounded
        else _costs(asker.network, [text[start:end] for start, end in words])
    )
    for first, last in windows(
        costs, asker.window, asker.window if asker.room is None else asker.room, asker.overlap
    ):
        yield words[first][0], words[last - 1][1]


def _words(network: Any, text: str) -> list[Range]:
    """The words as the model counts them; those of an object that does not say are runs of letters
    and digits, and single marks.
    """
    splitter = getattr(getattr(network, "data_processor", None), "words_splitter", None)
    if splitter is None:
        return [found.span() for found in _WORD.finditer(text)]
    return [(start, end) for _, start, end in splitter(text)]


def _room(name: str, network: Any, prompts: Iterable[str]) -> int | None:
    """How many tokens of the model's encoder are left for words beside the prompts; None where it
    has no length, and nothing is cut.
    """
    processor: Any = getattr(network, "data_processor", None)
    tokenizer = getattr(processor, "transformer_tokenizer", None)
    longest = getattr(tokenizer, "model_max_length", None)
    if tokenizer is None or not longest or longest > UNBOUNDED:
        return None
    before = [part for prompt in prompts for part in (processor.ent_token, prompt)] + [
        processor.sep_token
    ]
    room: int = longest - len(
        tokenizer(before, is_split_into_words=True, verbose=False)["input_ids"]
    )
    if room < MIN_ROOM:
        raise InputError(
            f"{name}: its labels leave {max(room, 0)} of the {longest} tokens that it reads for the"
            " text: fewer labels would do"
        )
    return room


def _costs(network: Any, words: Sequence[str]) -> list[int]:
    """How many tokens of the model's encoder each word takes."""
    tokenizer = network.data_processor.transformer_tokenizer
    split = tokenizer(
        [[word] for word in words],
        is_split_into_words=True,
        add_special_tokens=False,
        verbose=False,
    )
    return [len(ids) for ids in split["input_ids"]]
