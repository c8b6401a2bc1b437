"""A transformers model for token classification: a folder, a name on the Hub, or a pipeline object.

The model is called directly, not through transformers' pipeline, by these rules:

    windows    a text longer than the model is read in windows of `window` tokens that share
               `stride` of them; a token counts from the window in which it has more text around it.
               The pipeline reads no further than the model's length unless a stride is given.
    words      a word is a run of letters and digits, and any other character by itself, whatever
               the tokenizer; it has one tag. Where writing has no spaces (Chinese, Japanese, Thai,
               Lao, Khmer, Burmese), each token is a word. The pipeline's default splits words;
               where it keeps them whole it takes "Kenya," for one with tokenizers that do not split
               at punctuation.
    tag        of the word's first token ("first"), of the mean of its tokens' probabilities
               ("average"), of its most probable token ("max").
    entities   B-, I- and, where a label has a B- or I-, also M-, E- and L- (end), S- and U-
               (single); without them, neighbors of one label are one entity. An I- or E- that
               follows nothing begins an entity. The pipeline knows B- and I- alone.
    score      the mean over an entity's words of the probability of each word's tag.

The windows of many documents are read `batch_size` at a time, those of one length together. A
window is padded to a length that depends on it alone, so that a document has the same entities
whatever the batch size and the other documents; scores are equal up to the rounding of the model's
arithmetic. If a batch fails, each of its windows is read alone, so that one error fails one
document. Code that comes with a model is never run.

- `aggregation_strategy`: first, average or max; see "tag".
- `window`, `stride`: numbers of tokens. Default: the model's length, and a quarter of it.
- `label_map`: renames the model's tags, as in {"LABEL_0": "O"}, or lists them all.
- `batch_size`: windows in a batch.
- `device`: where the model runs, as torch names it: cpu, cuda, cuda:1, mps.
- `revision`: the version that is loaded from the Hub.
- `allow_pickle`: also loads pickled weights, which can run code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np

from evalkit.data.document import Document
from evalkit.errors import (
    InputError,
    MissingDependencyError,
    UnknownNameError,
    advise_extra,
    spell_option,
    to_one_line,
)
from evalkit.models.pretrained import find_model_version, silence_transformers, validate_model_name
from evalkit.models.python_function import add_entities
from evalkit.models.registry import Model
from evalkit.models.text_windows import (
    Range,
    find_window_cores,
    group_documents,
    pad_length,
    split_batches,
    split_windows,
)
from evalkit.models.word_tags import (
    AGGREGATION_STRATEGIES,
    Floats,
    Tag,
    TaggedWord,
    aggregate,
    find_entities,
    group_tokens,
    parse_tag,
)

UNBOUNDED = 10**6  # tokens; a tokenizer without a length reports 10**30
# Tokens, where neither the tokenizer nor the model names a length, as for relative positions
WINDOW = 512
# Batches that the documents of the largest groups fill, if each is one window
BATCHES_PER_GROUP = 32
Inputs = Mapping[str, Sequence[int]]  # of the model for one window, by name


@dataclass(frozen=True)
class Tagger:
    """A loaded model and its options; `max_tokens` counts the tokens of text in a window, without
    the `special_tokens`.
    """

    tokenizer: Any
    network: Any
    tags: Sequence[Tag]
    aggregation_strategy: str
    max_tokens: int
    special_tokens: int
    stride: int
    batch_size: int


class TokenizedText(NamedTuple):
    """The words of a text, and its windows: the range of each in the tokens of text, and what the
    model reads, special tokens included.
    """

    words: Sequence[TaggedWord]
    ranges: Sequence[Range]
    windows: Sequence[Inputs]
    prefix: int  # special tokens before the text


def load(
    source: Any,
    *,
    aggregation_strategy: str = "first",
    window: int | None = None,
    stride: int | None = None,
    batch_size: int = 8,
    device: str | None = None,
    label_map: Mapping[str, str] | Sequence[str] | None = None,
    revision: str | None = None,
    allow_pickle: bool = False,
) -> Model:
    """A model from a pipeline or its name; the module's docstring describes the options.

    Raises InputError if there is no such model, or it does not classify tokens.
    """
    if aggregation_strategy not in AGGREGATION_STRATEGIES:
        raise UnknownNameError("aggregation_strategy", aggregation_strategy, AGGREGATION_STRATEGIES)
    if not isinstance(batch_size, int) or batch_size < 1:
        option = spell_option("batch_size", batch_size, of="model")
        raise InputError(f"hf: {option}: expected an integer >= 1")
    if isinstance(source, str):
        tokenizer, network = _load_pretrained(source, revision, device, allow_pickle=allow_pickle)
        name = f"hf:{source}"
    else:
        tokenizer, network = _from_pipeline(source, device)
        name = f"hf:{network.name_or_path or type(network).__name__}"
    if not tokenizer.is_fast:
        raise InputError(
            f"{name}: its tokenizer does not report the offsets of tokens: expected a fast"
            " tokenizer"
        )
    tags = _parse_tags(name, _tag_names(name, network.config.id2label, label_map))
    special_tokens = tokenizer.num_special_tokens_to_add()
    max_length = _max_length(tokenizer, network)
    window, stride = _window_and_stride(name, max_length, special_tokens, window, stride)
    tagger = Tagger(
        tokenizer,
        network,
        tags,
        aggregation_strategy,
        window - special_tokens,
        special_tokens,
        stride,
        batch_size,
    )
    settings = {
        "aggregation_strategy": aggregation_strategy,
        "window": window,
        "stride": stride,
        "label_map": label_map,
    }
    settings |= find_model_version(
        network.name_or_path, revision, getattr(network.config, "_commit_hash", None)
    )

    def predict(documents: Sequence[Document]) -> Iterator[Document]:
        for group in group_documents(documents, batch_size, batch_size * BATCHES_PER_GROUP):
            yield from _annotate(tagger, group)

    return Model(
        name,
        predict,
        batch_size=0,
        settings=settings,
        packages=("transformers", "torch"),
        streams=True,
    )


def _load_pretrained(
    name: str, revision: str | None, device: str | None, *, allow_pickle: bool
) -> tuple[Any, Any]:
    """The tokenizer and the network of a folder or a name on the Hub."""
    validate_model_name("hf", name, "dslim/bert-base-NER")
    try:
        import torch  # noqa: F401 - transformers can be imported without it, and then has no models
        from transformers import AutoModelForTokenClassification, AutoTokenizer
    except ImportError as error:
        raise MissingDependencyError(
            f"hf models need transformers and torch: {error}: {advise_extra('hf')}"
        ) from None
    try:
        with silence_transformers():
            tokenizer = AutoTokenizer.from_pretrained(
                name, revision=revision, trust_remote_code=False
            )
            network, loading_info = AutoModelForTokenClassification.from_pretrained(
                name,
                revision=revision,
                use_safetensors=None if allow_pickle else True,
                output_loading_info=True,
                trust_remote_code=False,
            )
            network = network.to(device or "cpu").eval()
    except Exception as error:  # loading a model may raise anything
        raise InputError(f"hf:{name}: {to_one_line(error)}") from None
    missing = sorted(loading_info["missing_keys"])
    if missing:
        raise InputError(
            f"hf:{name}: not trained for token classification: it has no weights for"
            f" {', '.join(missing[:3])}"
        )
    return tokenizer, network


def _from_pipeline(pipeline: Any, device: str | None) -> tuple[Any, Any]:
    """The tokenizer and the network of a pipeline, on its device."""
    classes = [base.__name__ for base in type(pipeline).__mro__]
    if "TokenClassificationPipeline" not in classes:
        raise InputError(f"hf: expected a pipeline for token-classification, got a {classes[0]}")
    if device is not None:
        raise InputError(
            f"hf: {spell_option('device', device, of='model')}: a pipeline has a device already"
        )
    return pipeline.tokenizer, pipeline.model.eval()


def _tag_names(
    model: str, id2label: Mapping[Any, str], label_map: Mapping[str, str] | Sequence[str] | None
) -> list[str]:
    """The name of each tag in the order of their ids, renamed by `label_map`."""
    names = [str(id2label[id]) for id in sorted(id2label, key=int)]
    if label_map is None:
        return names
    if isinstance(label_map, Mapping):
        for label in label_map:
            if label not in names:
                raise UnknownNameError("tag", label, names, within=model)
        return [str(label_map.get(name, name)) for name in names]
    if isinstance(label_map, str) or len(label_map) != len(names):
        raise InputError(
            f"{model}: {spell_option('label_map', label_map, of='model')}: expected a mapping of"
            f" its tags, or a list of {len(names)}"
        )
    return [str(label) for label in label_map]


def _parse_tags(model: str, names: Sequence[str]) -> list[Tag]:
    """The tags of these names. Raises InputError if there is no O."""
    if "O" not in names:
        shown = ", ".join(names[:8])
        if len(names) > 8:
            shown += ", …"
        option = spell_option("label_map", {names[0]: "O"}, of="model")
        raise InputError(f"{model}: its tags ({shown}) have no O: name it, as in {option}")
    return [parse_tag(name, names) for name in names]


def _max_length(tokenizer: Any, network: Any) -> int:
    """The tokens that the model reads at once, special ones included."""
    positions = getattr(network.config, "max_position_embeddings", None)
    for name, part in network.named_modules():
        if name.endswith("position_embeddings") and hasattr(part, "num_embeddings"):
            # Models such as RoBERTa number positions from the one after that of padding.
            first = 0 if part.padding_idx is None else part.padding_idx + 1
            positions = part.num_embeddings - first
            break
    lengths = [
        int(length)
        for length in (tokenizer.model_max_length, positions)
        if length and 0 < length < UNBOUNDED
    ]
    return min(lengths, default=WINDOW)


def _window_and_stride(
    name: str, max_length: int, special_tokens: int, window: int | None, stride: int | None
) -> tuple[int, int]:
    """The window and the stride, in tokens. Raises InputError for values out of range."""
    if window is None:
        window = max_length
    if not isinstance(window, int) or not special_tokens < window <= max_length:
        raise InputError(
            f"{name}: {spell_option('window', window, of='model')}: expected an integer from"
            f" {special_tokens + 1} to {max_length}"
        )
    max_tokens = window - special_tokens
    if stride is None:
        stride = max_tokens // 4
    if not isinstance(stride, int) or not 0 <= stride <= max_tokens // 2:
        raise InputError(
            f"{name}: {spell_option('stride', stride, of='model')}: expected an integer from 0 to"
            f" {max_tokens // 2}, half of the window"
        )
    return window, stride


def _annotate(tagger: Tagger, documents: Sequence[Document]) -> Iterator[Document]:
    """Each document with the model's entities, or with its failure."""
    texts = _tokenize(tagger, [document.text for document in documents])
    windows = [
        window for text in texts if not isinstance(text, Exception) for window in text.windows
    ]
    answers = iter(_read_windows(tagger, windows))
    for document, text in zip(documents, texts, strict=True):
        if isinstance(text, Exception):
            yield _fail(document, text)
            continue
        by_window = [next(answers) for _ in text.windows]
        try:
            yield add_entities(document, _entities(tagger, text, by_window))
        except Exception as error:  # a model may return anything, and must not end the run
            yield _fail(document, error)


def _fail(document: Document, error: Exception) -> Document:
    """The document with an error as its failure."""
    return msgspec.structs.replace(
        document, failure=f"{type(error).__name__}: {to_one_line(error)}"
    )


def _tokenize(tagger: Tagger, texts: Sequence[str]) -> list[TokenizedText | Exception]:
    """The windows of each text, or the error of its tokenizer. If they cannot be tokenized
    together, each is tokenized alone.
    """
    try:
        encoding = tagger.tokenizer(
            list(texts), return_offsets_mapping=True, truncation=False, verbose=False
        )
        return [_split_text(tagger, text, encoding, index) for index, text in enumerate(texts)]
    except Exception as error:  # a tokenizer may raise anything
        if len(texts) == 1:
            return [error]
        return [tokenized for text in texts for tokenized in _tokenize(tagger, [text])]


def _split_text(tagger: Tagger, text: str, encoding: Any, index: int) -> TokenizedText:
    """The words and windows of a text, the one at an index of an encoding."""
    sequences = encoding.sequence_ids(index)
    text_tokens = [token for token, sequence in enumerate(sequences) if sequence is not None]
    offsets = encoding["offset_mapping"][index]
    words = list(group_tokens(text, [offsets[token] for token in text_tokens]))
    if not words:
        return TokenizedText((), (), (), 0)
    prefix, end = text_tokens[0], text_tokens[-1] + 1
    inputs = {
        key: encoding[key][index]
        for key in ("input_ids", "token_type_ids", "attention_mask")
        if key in encoding
    }
    ranges = split_windows(
        [1] * len(text_tokens),
        max_units=tagger.max_tokens,
        max_cost=tagger.max_tokens,
        overlap=tagger.stride,
    )
    windows = []
    for first, last in ranges:
        windows.append(
            {
                key: [*values[:prefix], *values[prefix + first : prefix + last], *values[end:]]
                for key, values in inputs.items()
            }
        )
    return TokenizedText(words, ranges, windows, prefix)


def _read_windows(tagger: Tagger, windows: Sequence[Inputs]) -> list[Floats | Exception]:
    """The probability of each tag for each token of each window, tokens × tags, or the error of the
    model. If a batch fails, each of its windows is read alone.
    """
    lengths = [_batch_length(tagger, window) for window in windows]
    answers: dict[int, Floats | Exception] = {}
    for batch in split_batches(lengths, tagger.batch_size):
        batch_windows = [windows[index] for index in batch]
        length = lengths[batch[0]]
        try:
            read: Sequence[Floats | Exception] = _read_batch(tagger, batch_windows, length)
        except Exception:  # a model may raise anything
            read = [_read_alone(tagger, window, length) for window in batch_windows]
        answers.update(zip(batch, read, strict=True))
    return [answers[index] for index in range(len(windows))]


def _batch_length(tagger: Tagger, window: Inputs) -> int:
    """The length to which a window is padded; its own where the model cannot ignore padding."""
    length = len(window["input_ids"])
    if "attention_mask" not in window:
        return length
    return pad_length(length, tagger.max_tokens + tagger.special_tokens)


def _read_alone(tagger: Tagger, window: Inputs, length: int) -> Floats | Exception:
    """The probabilities of tags in one window, or the error of the model."""
    try:
        return _read_batch(tagger, [window], length)[0]
    except Exception as error:  # a model may raise anything, and must not end the run
        return error


def _read_batch(tagger: Tagger, windows: Sequence[Inputs], length: int) -> Sequence[Floats]:
    """The probabilities of tags in windows that are padded to one length."""
    import torch

    inputs = {}
    for key in windows[0]:
        padding = (tagger.tokenizer.pad_token_id or 0) if key == "input_ids" else 0
        rows = [[*window[key], *[padding] * (length - len(window[key]))] for window in windows]
        inputs[key] = torch.tensor(rows, device=tagger.network.device)
    with torch.inference_mode():
        logits = tagger.network(**inputs).logits
    probabilities: Sequence[Floats] = logits.cpu().double().softmax(-1).numpy()
    return probabilities


def _entities(
    tagger: Tagger, text: TokenizedText, by_window: Sequence[Floats | Exception]
) -> Iterator[dict[str, Any]]:
    """The entities of a text, as dicts with start, end, label and score, from the probabilities of
    its windows. Raises the first error of a window.
    """
    cores = []
    for probabilities, (start, _), (first, last) in zip(
        by_window, text.ranges, find_window_cores(text.ranges), strict=True
    ):
        if isinstance(probabilities, Exception):
            raise probabilities
        offset = text.prefix - start
        cores.append(probabilities[offset + first : offset + last])
    if not cores:
        return
    by_token = np.concatenate(cores)
    if not np.isfinite(by_token).all():
        raise ValueError("the model returned values that are not finite numbers")
    words = text.words
    by_word = aggregate(by_token, words, tagger.aggregation_strategy)
    scores = by_word.max(axis=1)
    tags = [tagger.tags[id] for id in by_word.argmax(axis=1).tolist()]
    for label, first, last in find_entities(tags):
        yield {
            "start": words[first].start,
            "end": words[last - 1].end,
            "label": label,
            "score": float(scores[first:last].mean()),
        }
