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

A document is processed alone, its windows `batch_size` at a time, so that its answer depends on no
other document: an interrupted and resumed run gives the same scores to the last bit. Code that
comes with a model is never run.

- `aggregation`: first, average or max; see "tag".
- `window`, `stride`: numbers of tokens. Default: the model's length, and a quarter of it.
- `labels`: renames the model's tags, as in {"LABEL_0": "O"}, or lists them all.
- `device`, `revision`: where the model runs; which version of it is loaded from the Hub.
- `pickled`: true also reads weights that are pickled, which runs code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from evalkit.data.document import Document
from evalkit.errors import (
    InputError,
    MissingDependencyError,
    UnknownNameError,
    advise_extra,
    spell_option,
)
from evalkit.models.pretrained import model_version, one_line, quiet, validate_model_name
from evalkit.models.python_function import document_with_entities
from evalkit.models.registry import Model
from evalkit.models.text_windows import window_cores, windows
from evalkit.models.word_tags import (
    AGGREGATION_STRATEGIES,
    Floats,
    Tag,
    aggregate,
    group_tokens,
    spans,
    tag,
)

UNBOUNDED = 10**6  # tokens; a tokenizer that knows no length says 10**30
# Tokens, where neither the tokenizer nor the model names a length, as for relative positions
WINDOW = 512


@dataclass(frozen=True)
class Tagger:
    """A model that was loaded, and how it is asked; `room` counts the tokens of text in a window,
    without special ones.
    """

    tokenizer: Any
    network: Any
    tags: Sequence[Tag]
    aggregation: str
    max_tokens: int
    stride: int
    batch_size: int


def load(
    source: Any,
    *,
    aggregation: str = "first",
    window: int | None = None,
    stride: int | None = None,
    batch_size: int = 8,
    device: str | None = None,
    labels: Mapping[str, str] | Sequence[str] | None = None,
    revision: str | None = None,
    pickled: bool = False,
) -> Model:
    """A model from a pipeline or its name.

    `window` and `stride` count tokens (the default: the model's length, and a quarter of it);
    `labels` renames the model's tags, as in {"LABEL_0": "O"}, or lists them all. Raises InputError
    where there is no such model, or it is none that tags words.
    """
    _check(aggregation, batch_size)
    tokenizer, network = (
        _loaded(source, revision, device, pickled=pickled)
        if isinstance(source, str)
        else _of_pipeline(source, device)
    )
    name = source if isinstance(source, str) else network.name_or_path or type(network).__name__
    if not tokenizer.is_fast:
        raise InputError(
            f"{name}: its tokenizer is a slow one, which does not say where in the text a token"
            " stands; a fast one would do"
        )
    tags = _tags(name, _names(name, network.config.id2label, labels))
    special = tokenizer.num_special_tokens_to_add()
    window, stride = _lengths(name, _longest(tokenizer, network), special, window, stride)
    tagger = Tagger(tokenizer, network, tags, aggregation, window - special, stride, batch_size)
    settings = {"aggregation": aggregation, "window": window, "stride": stride, "labels": labels}
    settings |= model_version(
        network.name_or_path, revision, getattr(network.config, "_commit_hash", None)
    )
    return Model(
        name,
        lambda documents: (_answered(tagger, one) for one in documents),
        settings=settings,
        packages=("transformers", "torch"),
        streams=True,
    )


def _check(aggregation: str, batch_size: int) -> None:
    if aggregation not in AGGREGATION_STRATEGIES:
        raise UnknownNameError("aggregation", aggregation, AGGREGATION_STRATEGIES)
    if not isinstance(batch_size, int) or batch_size < 1:
        raise InputError(
            f"hf: {spell_option('batch_size', batch_size, of='model')}: a whole number from 1 on"
            " would do"
        )


def _loaded(
    name: str, revision: str | None, device: str | None, *, pickled: bool
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
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(
                name, revision=revision, trust_remote_code=False
            )
            network, how = AutoModelForTokenClassification.from_pretrained(
                name,
                revision=revision,
                use_safetensors=not pickled or None,
                output_loading_info=True,
                trust_remote_code=False,
            )
            network = network.to(device or "cpu").eval()
    except Exception as error:  # reading a model may raise anything
        raise InputError(f"hf:{name}: {one_line(error)}") from None
    if missing := sorted(how["missing_keys"]):
        raise InputError(
            f"hf:{name}: it is not trained to tag words: it has no weights for"
            f" {', '.join(missing[:3])}"
        )
    return tokenizer, network


def _of_pipeline(pipeline: Any, device: str | None) -> tuple[Any, Any]:
    """The tokenizer and the network of a pipeline, on the device where it is."""
    kinds = [kind.__name__ for kind in type(pipeline).__mro__]
    if "TokenClassificationPipeline" not in kinds:
        raise InputError(
            f"hf: a {kinds[0]} marks no entities; one for token-classification would do"
        )
    if device is not None:
        raise InputError(
            f"hf: {spell_option('device', device, of='model')}: a pipeline is on a device already"
        )
    return pipeline.tokenizer, pipeline.model.eval()


def _names(
    name: str, id2label: Mapping[Any, str], labels: Mapping[str, str] | Sequence[str] | None
) -> list[str]:
    """The name of each tag by its number, as the model or the user says."""
    names = [str(id2label[n]) for n in sorted(id2label, key=int)]
    if labels is None:
        return names
    if isinstance(labels, Mapping):
        for label in labels:
            if label not in names:
                raise UnknownNameError("tag", label, names, within=name)
        return [str(labels.get(one, one)) for one in names]
    if isinstance(labels, str) or len(labels) != len(names):
        raise InputError(
            f"{name}: {spell_option('labels', labels, of='model')}: a mapping of its tags, or a"
            f" list of {len(names)}, would do"
        )
    return [str(label) for label in labels]


def _tags(model: str, names: Sequence[str]) -> list[Tag]:
    """What each tag means.

    Raises InputError where none means that a word is outside of all entities.
    """
    if "O" not in names:
        raise InputError(
            f"{model}: its tags ({', '.join(names[:8])}{', …' if len(names) > 8 else ''}) have no"
            f" O: {spell_option('labels', {names[0]: 'O'}, of='model')} would say which it is"
        )
    return [tag(name, names) for name in names]


def _longest(tokenizer: Any, network: Any) -> int:
    """How many tokens the model can read at once, special ones included."""
    positions = getattr(network.config, "max_position_embeddings", None)
    table = next(
        (
            part
            for name, part in network.named_modules()
            if name.endswith("position_embeddings") and hasattr(part, "num_embeddings")
        ),
        None,
    )
    if (
        table is not None
    ):  # models like RoBERTa number the positions from the one after that of padding
        positions = table.num_embeddings - (
            0 if table.padding_idx is None else table.padding_idx + 1
        )
    named = [
        int(length)
        for length in (tokenizer.model_max_length, positions)
        if length and 0 < length < UNBOUNDED
    ]
    return min(named, default=WINDOW)


def _lengths(
    name: str, longest: int, special: int, window: int | None, stride: int | None
) -> tuple[int, int]:
    """Window and stride, as asked or by default."""
    window = longest if window is None else window
    if not isinstance(window, int) or not special < window <= longest:
        raise InputError(
            f"{name}: {spell_option('window', window, of='model')}: a whole number from"
            f" {special + 1} to {longest} would do"
        )
    room = window - special
    stride = room // 4 if stride is None else stride
    if not isinstance(stride, int) or not 0 <= stride <= room // 2:
        raise InputError(
            f"{name}: {spell_option('stride', stride, of='model')}: a whole number from 0 to"
            f" {room // 2}, half of the window, would do"
        )
    return window, stride


def _answered(tagger: Tagger, document: Document) -> Document:
    try:
        return document_with_entities(document, _entities(tagger, document.text))
    except Exception as error:  # a model may raise anything, and none of it may end a run
        return msgspec.structs.replace(
            document, failure=f"{type(error).__name__}: {one_line(error)}"
        )


def _entities(tagger: Tagger, text: str) -> Iterator[dict[str, Any]]:
    encoded = tagger.tokenizer(text, return_offsets_mapping=True, truncation=False, verbose=False)
    inside = [n for n, sequence in enumerate(encoded.sequence_ids(0)) if sequence is not None]
    offsets = [encoded["offset_mapping"][n] for n in inside]
    found = list(group_tokens(text, offsets))
    if not found:
        return
    by_token = _probabilities(tagger, encoded, inside)
    by_word = np.array(
        [aggregate(by_token[word.first : word.last], tagger.aggregation) for word in found]
    )
    scores = by_word.max(axis=1)
    for label, first, last in spans(tagger.tags[n] for n in by_word.argmax(axis=1)):
        yield {
            "start": found[first].start,
            "end": found[last - 1].end,
            "label": label,
            "score": float(scores[first:last].mean()),
        }


def _probabilities(tagger: Tagger, encoded: Any, inside: Sequence[int]) -> Floats:
    """The probability of each tag for each token of the text: tokens × tags."""
    before, after = range(inside[0]), range(inside[-1] + 1, len(encoded["input_ids"]))
    ranges = windows(
        [1] * len(inside),
        max_units=tagger.max_tokens,
        max_cost=tagger.max_tokens,
        overlap=tagger.stride,
    )
    asked = [[*before, *inside[start:end], *after] for start, end in ranges]
    answers = [
        answer
        for n in range(0, len(asked), tagger.batch_size)
        for answer in _asked(tagger, encoded, asked[n : n + tagger.batch_size])
    ]
    parts = [
        answer[len(before) + first - start : len(before) + last - start]
        for answer, (start, _), (first, last) in zip(
            answers, ranges, window_cores(ranges), strict=True
        )
    ]
    found = np.concatenate(parts)
    if not np.isfinite(found).all():
        raise ValueError("the model's answer is not a number")
    return found


def _asked(tagger: Tagger, encoded: Any, batch: Sequence[Sequence[int]]) -> list[Floats]:
    """What the model says of some windows, each given by the numbers of its tokens."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    padding = {"input_ids": tagger.tokenizer.pad_token_id or 0}
    inputs = {
        key: pad_sequence(
            [torch.tensor([encoded[key][n] for n in window]) for window in batch],
            batch_first=True,
            padding_value=padding.get(key, 0),
        )
        for key in ("input_ids", "token_type_ids", "attention_mask")
        if key in encoded
    }
    with torch.inference_mode():
        logits = tagger.network(
            **{key: value.to(tagger.network.device) for key, value in inputs.items()}
        ).logits
    return list(logits.double().softmax(-1).cpu().numpy())
