"""A GLiNER model: a folder, a name on the Hub, or any object with GLiNER's `predict_entities`.

The model is prompted with the labels of the corpus's schema, or with `labels`. GLiNER reads labels
as words, so each becomes a prompt: PERSON "person", WORK_OF_ART "work of art", GPE "country, city
or state" (PROMPTS). Predicted entities get the label of their prompt; an entity under any other
prompt keeps it as its label, and counts as wrong.

A text longer than the model is read in overlapping windows of words. Where two windows have
entities at the same characters, those of the window with more context around them count, once.
Windows of many documents are read `batch_size` at a time, those of about one length together, which
changes scores by no more than the rounding of the model's arithmetic. If a batch fails, each of its
windows is read alone, so that one error fails one document. An object without GLiNER's `inference`
reads one window at a time.

- `labels`: a list of labels, or prompts with their labels, as in {"city": "GPE", "country": "GPE"}.
  Default: the schema's.
- `threshold`: minimum score of an entity.
- `flat_ner`: no entity lies in another.
- `multi_label`: a span may have several labels.
- `window`, `overlap`: numbers of words. Default: the model's length, and a quarter of it.
- `batch_size`: windows in a batch.
- `device`: where the model runs, as torch names it: cpu, cuda, cuda:1, mps.
- `revision`: the version that is loaded from the Hub.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from evalkit.data.document import Document, Entity, Unplaced
from evalkit.data.schema import Schema
from evalkit.errors import (
    InputError,
    MissingDependencyError,
    advise_extra,
    spell_option,
    to_one_line,
)
from evalkit.models.malformed_answers import MALFORMED
from evalkit.models.pretrained import find_model_version, silence_transformers, validate_model_name
from evalkit.models.python_function import add_entities
from evalkit.models.registry import Model
from evalkit.models.text_windows import (
    Range,
    group_documents,
    pad_length,
    split_batches,
    split_windows,
)

WINDOW = 384  # words, where the model does not name a length
UNBOUNDED = 10**6  # tokens; a tokenizer without a length reports 10**30
# Batches that the documents of the largest groups fill, if each is one window
BATCHES_PER_GROUP = 32
MIN_TEXT_TOKENS = 8  # tokens that the labels must leave for the text
PROMPTS = {  # labels that are not words
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
_CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SEPARATORS = re.compile(r"[\s_.:/-]+")


class WindowEntity(NamedTuple):
    """An entity of the whole text, its window, and the characters of the window on its shorter
    side.
    """

    entity: Entity
    window: int
    context: float


@dataclass(frozen=True)
class GlinerModel:
    """A loaded model and its options: `labels` maps prompts to labels; `window` and `overlap` count
    words, `max_tokens` tokens.
    """

    network: Any
    labels: Mapping[str, str]
    threshold: float
    flat_ner: bool
    multi_label: bool
    window: int
    overlap: int
    batch_size: int
    max_tokens: int | None


def load(
    source: Any,
    *,
    labels: Mapping[str, str] | Sequence[str] | None = None,
    threshold: float = 0.5,
    flat_ner: bool = True,
    multi_label: bool = False,
    window: int | None = None,
    overlap: int | None = None,
    batch_size: int = 8,
    device: str = "cpu",
    revision: str | None = None,
) -> Model:
    """A model from its name or from an object with predict_entities; the module's docstring
    describes the options.

    Raises InputError if there is no such model, or there are no labels to prompt for.
    """
    if isinstance(source, str):
        network = _load_pretrained(source, revision, device)
        name = f"gliner:{source}"
    else:
        network = source
        name = f"gliner:{type(source).__name__}"
    if not callable(getattr(network, "predict_entities", None)):
        raise InputError(
            f"{name}: expected a method predict_entities(text, labels, threshold=, flat_ner=,"
            " multi_label=)"
        )
    if not isinstance(threshold, (int, float)) or not 0 <= threshold <= 1:
        option = spell_option("threshold", threshold, of="model")
        raise InputError(f"{name}: {option}: expected a number from 0 to 1")
    if not isinstance(batch_size, int) or batch_size < 1:
        option = spell_option("batch_size", batch_size, of="model")
        raise InputError(f"{name}: {option}: expected an integer >= 1")
    window, overlap = _window_and_overlap(name, network, window, overlap)
    settings = {
        "threshold": threshold,
        "flat_ner": flat_ner,
        "multi_label": multi_label,
        "window": window,
        "overlap": overlap,
    }
    if isinstance(source, str):
        settings |= find_model_version(source, revision)
    build_model = functools.partial(
        Model,
        name,
        batch_size=0,
        packages=("gliner", "transformers", "torch"),
        streams=True,
    )

    def with_schema(schema: Schema | None) -> Model:
        schema_labels = list(schema.labels) if schema else []
        prompts = _label_prompts(name, schema_labels if labels is None else labels)
        model = GlinerModel(
            network,
            prompts,
            threshold,
            flat_ner,
            multi_label,
            window,
            overlap,
            batch_size,
            _max_text_tokens(name, network, prompts),
        )
        return build_model(
            functools.partial(_annotate, model),
            settings={**settings, "labels": prompts},
            with_schema=with_schema,
        )

    if labels is not None:
        return with_schema(None)
    return build_model(
        lambda documents: with_schema(None).predict(documents),
        settings=settings,
        with_schema=with_schema,
    )


def _load_pretrained(name: str, revision: str | None, device: str | None) -> Any:
    validate_model_name("gliner", name, "urchade/gliner_medium-v2.1")
    try:
        from gliner import GLiNER
    except ImportError as error:
        raise MissingDependencyError(
            f"gliner models need gliner: {error}: {advise_extra('gliner')}"
        ) from None
    try:
        with silence_transformers():
            return GLiNER.from_pretrained(name, revision=revision, map_location=device)
    except Exception as error:  # loading a model may raise anything
        raise InputError(f"gliner:{name}: {to_one_line(error)}") from None


def _label_prompts(model: str, labels: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    """The label of each prompt.

    Raises InputError if there is none, or two labels make one prompt.
    """
    names = [*labels, *labels.values()] if isinstance(labels, Mapping) else list(labels)
    is_valid = all(isinstance(name, str) and name for name in names)
    if isinstance(labels, str) or not is_valid:
        option = spell_option("labels", labels, of="model")
        raise InputError(
            f'{model}: {option}: expected a list such as ["PERSON"], or a mapping of prompts to'
            " labels"
        )
    if not labels:
        option = spell_option("labels", ["PERSON"], of="model")
        raise InputError(
            f"{model}: there are no labels to prompt for: use {option}, or a corpus with a schema"
        )
    if isinstance(labels, Mapping):
        return dict(labels)
    prompts: dict[str, str] = {}
    for label in labels:
        prompt = build_label_prompt(label)
        other = prompts.setdefault(prompt, label)
        if other != label:
            raise InputError(
                f'{model}: {other} and {label} both become "{prompt}": use a mapping of prompts to'
                " labels"
            )
    return prompts


def build_label_prompt(label: str) -> str:
    """The prompt for a label: its words in lower case.

    >>> [build_label_prompt(label) for label in ("WORK_OF_ART", "MedicalCondition", "PER")]
    ['work of art', 'medical condition', 'person']
    """
    if label in PROMPTS:
        return PROMPTS[label]
    words = _SEPARATORS.sub(" ", _CAMEL_CASE.sub(" ", label)).strip().lower()
    return words or label


def _window_and_overlap(
    name: str, network: Any, window: int | None, overlap: int | None
) -> tuple[int, int]:
    """The window and the overlap, in words. Raises InputError for values out of range."""
    max_length = getattr(getattr(network, "config", None), "max_len", None) or WINDOW
    if window is None:
        window = max_length
    if not isinstance(window, int) or not 1 <= window <= max_length:
        option = spell_option("window", window, of="model")
        raise InputError(f"{name}: {option}: expected an integer from 1 to {max_length}")
    if overlap is None:
        overlap = window // 4
    if not isinstance(overlap, int) or not 0 <= overlap <= window // 2:
        option = spell_option("overlap", overlap, of="model")
        raise InputError(
            f"{name}: {option}: expected an integer from 0 to {window // 2}, half of the window"
        )
    return window, overlap


def _annotate(model: GlinerModel, documents: Sequence[Document]) -> Iterator[Document]:
    """Each document with the model's entities, or with its failure."""
    largest = model.batch_size * BATCHES_PER_GROUP
    for group in group_documents(documents, model.batch_size, largest):
        windows_of = [_find_windows(model, document) for document in group]
        texts = []
        for document, windows in zip(group, windows_of, strict=True):
            if not isinstance(windows, Exception):
                texts += [document.text[start:end] for start, end in windows]
        answers = iter(_predict_windows(model, texts))
        for document, windows in zip(group, windows_of, strict=True):
            if isinstance(windows, Exception):
                yield _fail(document, windows)
                continue
            by_window = [next(answers) for _ in windows]
            try:
                yield _join_windows(model, document, windows, by_window)
            except Exception as error:  # a model may return anything, and must not end the run
                yield _fail(document, error)


def _fail(document: Document, error: Exception) -> Document:
    """The document with an error as its failure."""
    return msgspec.structs.replace(
        document, failure=f"{type(error).__name__}: {to_one_line(error)}"
    )


def _find_windows(model: GlinerModel, document: Document) -> list[Range] | Exception:
    """The windows of a document, or the error of the model's tokenizer."""
    try:
        return list(_text_windows(model, document.text))
    except Exception as error:  # a tokenizer may raise anything
        return error


def _join_windows(
    model: GlinerModel,
    document: Document,
    windows: Sequence[Range],
    answers: Sequence[Any],
) -> Document:
    """The document with the entities of all its windows. Raises the first error of a window."""
    entities: list[WindowEntity] = []
    unplaced: list[Unplaced] = []
    malformed_notes: list[str | None] = []  # of each window with answers
    for index, (start, end) in enumerate(windows):
        if isinstance(answers[index], Exception):
            raise answers[index]
        answer = _parse_answer(model, document.text[start:end], answers[index])
        unplaced += answer.unplaced
        if answer.entities or answer.unplaced:
            malformed_notes.append((answer.meta or {}).get(MALFORMED))
        for entity in answer.entities or ():
            placed = msgspec.structs.replace(
                entity,
                label=model.labels.get(entity.label, entity.label),
                start=start + entity.start,
                end=start + entity.end,
            )
            # The text ends before the first window and after the last: nothing is missing there.
            before = float("inf") if index == 0 else entity.start
            after = float("inf") if index == len(windows) - 1 else end - placed.end
            entities.append(WindowEntity(placed, index, min(before, after)))
    is_malformed = bool(malformed_notes) and None not in malformed_notes
    return Document(
        document.id,
        document.text,
        entities=tuple(_merge_windows(entities, len(document.text))),
        unplaced=tuple(unplaced),
        meta={MALFORMED: malformed_notes[0]} if is_malformed else None,
    )


def _parse_answer(model: GlinerModel, text: str, entities: Iterable[Any]) -> Document:
    """The answer for one window as a document; invalid entities are unplaced."""
    answer = add_entities(Document("window", text), entities)
    unplaced = tuple(
        msgspec.structs.replace(item, label=model.labels.get(item.label, item.label))
        for item in answer.unplaced
    )
    return msgspec.structs.replace(answer, unplaced=unplaced)


def _predict_windows(model: GlinerModel, texts: Sequence[str]) -> list[Any]:
    """What the model returns for each text, a list of dicts, or its error. If a batch fails, each
    of its texts is read alone.
    """
    lengths = [pad_length(len(text), UNBOUNDED) for text in texts]
    batch_size = model.batch_size if _reads_batches(model.network) else 1
    answers: dict[int, Any] = {}
    for batch in split_batches(lengths, batch_size):
        batch_texts = [texts[index] for index in batch]
        answers.update(zip(batch, _predict_batch(model, batch_texts), strict=True))
    return [answers[index] for index in range(len(texts))]


def _reads_batches(network: Any) -> bool:
    """Whether a model reads several texts in one call, as GLiNER's `inference` does."""
    inference = getattr(network, "inference", None)
    return callable(inference) and "batch_size" in inspect.signature(inference).parameters


def _predict_batch(model: GlinerModel, texts: Sequence[str]) -> list[Any]:
    """What the model returns for each text of a batch, or its error."""
    if len(texts) > 1:
        try:
            answers = model.network.inference(
                texts, list(model.labels), batch_size=len(texts), **_thresholds(model)
            )
        except Exception:  # a model may raise anything
            answers = []
        if len(answers) == len(texts):
            return list(answers)
    return [_predict_alone(model, text) for text in texts]


def _predict_alone(model: GlinerModel, text: str) -> Any:
    """What the model returns for one text, or its error."""
    try:
        return model.network.predict_entities(text, list(model.labels), **_thresholds(model))
    except Exception as error:  # a model may raise anything, and must not end the run
        return error


def _thresholds(model: GlinerModel) -> dict[str, Any]:
    """The options of the model that say which of its entities are returned."""
    return {
        "threshold": model.threshold,
        "flat_ner": model.flat_ner,
        "multi_label": model.multi_label,
    }


def _merge_windows(entities: Iterable[WindowEntity], text_length: int) -> list[Entity]:
    """The entities in the order of the text. An entity is dropped where another window has one with
    more context at the same characters.
    """
    no_window = -1
    window_of = [no_window] * text_length  # the window whose entities cover each character
    kept: dict[tuple[int, int, str], Entity] = {}
    for entity, window, _ in sorted(entities, key=lambda item: -item.context):
        covered = slice(entity.start, entity.end)
        if not set(window_of[covered]) <= {no_window, window}:
            continue
        window_of[covered] = [window] * (entity.end - entity.start)
        key = entity.start, entity.end, entity.label
        if key not in kept or _score(entity) > _score(kept[key]):
            kept[key] = entity
    return [kept[key] for key in sorted(kept)]


def _score(entity: Entity) -> float:
    """The score of an entity; -1 without one."""
    return -1.0 if entity.score is None else entity.score


def _text_windows(model: GlinerModel, text: str) -> Iterator[Range]:
    """The windows of a text, in characters; none for a text without words."""
    words = _split_words(model.network, text)
    if model.max_tokens is None or not words:
        costs, max_cost = [1] * len(words), model.window
    else:
        costs = _count_tokens(model.network, [text[start:end] for start, end in words])
        max_cost = model.max_tokens
    for first, last in split_windows(costs, model.window, max_cost, model.overlap):
        yield words[first][0], words[last - 1][1]


def _split_words(network: Any, text: str) -> list[Range]:
    """The words as the model splits them; without a splitter, runs of letters and digits, and other
    characters by themselves.
    """
    splitter = getattr(getattr(network, "data_processor", None), "words_splitter", None)
    if splitter is None:
        return [match.span() for match in _WORD.finditer(text)]
    return [(start, end) for _, start, end in splitter(text)]


def _max_text_tokens(name: str, network: Any, prompts: Iterable[str]) -> int | None:
    """The tokens of the model's encoder that the prompts leave for the text; None for a model
    without a length.
    """
    processor: Any = getattr(network, "data_processor", None)
    tokenizer = getattr(processor, "transformer_tokenizer", None)
    max_length = getattr(tokenizer, "model_max_length", None)
    if tokenizer is None or not max_length or max_length > UNBOUNDED:
        return None
    prefix = []
    for prompt in prompts:
        prefix += [processor.ent_token, prompt]
    prefix.append(processor.sep_token)
    prefix_ids = tokenizer(prefix, is_split_into_words=True, verbose=False)["input_ids"]
    max_tokens: int = max_length - len(prefix_ids)
    if max_tokens < MIN_TEXT_TOKENS:
        raise InputError(
            f"{name}: its labels leave {max(max_tokens, 0)} of the model's {max_length} tokens for"
            " the text: use fewer labels"
        )
    return max_tokens


def _count_tokens(network: Any, words: Sequence[str]) -> list[int]:
    """The number of tokens of each word in the model's encoder."""
    tokenizer = network.data_processor.transformer_tokenizer
    encoding = tokenizer(
        [[word] for word in words],
        is_split_into_words=True,
        add_special_tokens=False,
        verbose=False,
    )
    return [len(ids) for ids in encoding["input_ids"]]
