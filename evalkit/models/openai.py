"""A language model behind any OpenAI-compatible endpoint: OpenAI, vLLM, Ollama, llama.cpp, LM
Studio, OpenRouter and others.

    -m openai:NAME -a base_url=http://127.0.0.1:8000/v1

The model is prompted for quotes, and evalkit finds them in the text. Depending on what the endpoint
answers, the answer is used, the request is repeated after growing waits, the document fails, or the
run stops. The run also stops after twenty documents in a row that failed for the same reason.

The key is read from the environment only (OPENAI_API_KEY, or the variable that `api_key_env` names)
and is never written: where an endpoint echoes it, "[key]" is shown. Proxies are those of the
environment, except for an endpoint on this machine.

- `base_url`: the address of the endpoint. Default: the environment's, else OpenAI's.
- `labels`: entity labels, or labels with their definitions, instead of the schema's.
- `layers`: the layers of the schema to prompt for. Default: those that the metrics of the
  evaluation need, else all.
- `timeout`: seconds for one request.
- `max_retries`, `backoff`: the number of retries, and seconds before the first, doubled each time,
  up to 60 s.
- `temperature`, `seed`, `max_tokens`: sent where they are not None.
- `input_price`, `output_price`: prices of a million tokens, for the cost of the run.
- `response_format`: how JSON is requested: schema (by a JSON Schema), object (as any object) or
  text (by the prompt alone); auto takes the first that the endpoint supports.
- `prompt`: a file with a prompt template: a text that holds {{task}} and {{text}} once each.
- `few_shot`: a corpus in any format whose documents are examples, in their order: each a prompt and
  its answer, before the document's own prompt. Their texts must not be in the evaluated corpus.
- `any_base_url`: whether a run is resumed although base_url has another path or protocol, because
  the model behind it is the same.
- `api_key_env`: the environment variable that holds the key.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalkit.corpus import CorpusSource, to_corpus
from evalkit.data.document import Document
from evalkit.data.schema import Schema
from evalkit.errors import InputError, UnknownNameError, spell_option
from evalkit.models.llm_answers import PARSE_SETTINGS
from evalkit.models.llm_client import EndpointSettings, OpenAIModel
from evalkit.models.llm_examples import build_examples
from evalkit.models.llm_http import resolve_endpoint
from evalkit.models.llm_prompt import (
    TEMPLATE,
    build_answer_schema,
    build_prompt,
    build_task,
    load_template,
)
from evalkit.models.registry import Model

RESPONSE_FORMATS = {
    "auto": ("schema", "object", "text"),
    "schema": ("schema",),
    "object": ("object",),
    "text": ("text",),
}
_INTEGERS = ("max_retries", "max_tokens", "seed")
_REQUIRED = ("timeout", "max_retries", "backoff")
UNUSED_ENDPOINT = "http://localhost/v1"  # of a model that only parses stored answers


def load(
    name: str,
    *,
    base_url: str | None = None,
    labels: str | Sequence[str] | Mapping[str, str] | None = None,
    layers: str | Sequence[str] | None = None,
    timeout: float = 120,
    max_retries: int = 5,
    backoff: float = 1.0,
    temperature: float | None = 0,
    seed: int | None = None,
    max_tokens: int | None = None,
    input_price: float | None = None,
    output_price: float | None = None,
    response_format: str = "auto",
    prompt: str | None = None,
    few_shot: CorpusSource | None = None,
    any_base_url: bool = False,
    api_key_env: str = "OPENAI_API_KEY",
) -> Model:
    """A model behind an endpoint; the module's docstring describes the options. Nothing is sent.

    Raises InputError for invalid options, MissingDependencyError where openai or tenacity is not
    installed.
    """
    if not name:
        raise InputError("openai: name a model after the colon, as in openai:gpt-4.1-mini")
    _validate_numbers(
        timeout=(timeout, 0.001),
        max_retries=(max_retries, 0),
        backoff=(backoff, 0),
        temperature=(temperature, 0),
        max_tokens=(max_tokens, 1),
        input_price=(input_price, 0),
        output_price=(output_price, 0),
        seed=(seed, -math.inf),
    )
    if response_format not in RESPONSE_FORMATS:
        raise UnknownNameError("response_format", response_format, RESPONSE_FORMATS)
    if not isinstance(any_base_url, bool):
        option = spell_option("any_base_url", any_base_url, of="model")
        raise InputError(f"openai: {option}: expected true or false")
    address = resolve_endpoint(base_url, api_key_env)
    sampling = {"temperature": temperature, "seed": seed, "max_tokens": max_tokens}
    endpoint_settings = EndpointSettings(
        model=name,
        address=address.shown,
        endpoint=address.endpoint(timeout),
        redactor=address.redactor,
        sampling={option: value for option, value in sampling.items() if value is not None},
        response_formats=RESPONSE_FORMATS[response_format],
        max_retries=max_retries,
        backoff=backoff,
        input_price=input_price,
        output_price=output_price,
    )
    definitions = _label_definitions(labels)
    requested_layers = layers.split(",") if isinstance(layers, str) else layers
    template = TEMPLATE if prompt is None else load_template(prompt)
    if few_shot == "":
        raise InputError(
            f"invalid {spell_option('few_shot', '', of='model')}: expected the path of a corpus"
        )
    example_corpus = None if few_shot is None else to_corpus(few_shot, "examples")
    build_model = functools.partial(
        Model,
        f"openai:{name}",
        batch_size=1,
        is_io_bound=True,
        packages=("openai",),
        streams=True,
        accepts_any_address=any_base_url,
    )

    def with_schema(schema: Schema | None, needed: Collection[str] | None = None) -> Model:
        task = build_task(schema, definitions, requested_layers, needed)
        filled_in = build_prompt(task, template, prompt or "prompt")
        if example_corpus is not None:
            filled_in = replace(filled_in, examples=build_examples(example_corpus, task))
        model = OpenAIModel(endpoint_settings, filled_in, build_answer_schema(task), task.layers)
        settings = {
            "model": name,
            "base_url": address.shown,
            "prompt_sha256": model.prompt.sha256(model.schema),
            "labels": list(task.labels),
            "layers": list(task.layers),
            **sampling,
            "response_format": response_format,
        }
        if example_corpus is not None:
            settings["few_shot_sha256"] = filled_in.examples_sha256()
        return build_model(
            model.predict,
            settings=settings,
            with_schema=functools.partial(with_schema, needed=needed),
            with_layers=with_layers,
            messages=model.messages,
            parse_stored=model.parser.parse_stored,
            parse_settings=PARSE_SETTINGS,
            example_texts=tuple(text for text, _ in filled_in.examples),
        )

    def with_layers(needed: Collection[str] | None) -> Model:
        if definitions:
            return with_schema(None, needed)
        return build_model(
            _refuse_without_schema,
            settings={"model": name, "base_url": address.shown},
            with_schema=functools.partial(with_schema, needed=needed),
            with_layers=with_layers,
        )

    return with_layers(None)


@functools.wraps(load, assigned=())  # it has the options of `load`
def load_parser(name: str, **options: Any) -> Model:
    """The same model, to parse stored answers and to show prompts: it needs no key, and must not
    send requests.

    Raises InputError for invalid options.
    """
    return load(name, **{**options, "base_url": UNUSED_ENDPOINT})


def _refuse_without_schema(_documents: Sequence[Document]) -> Iterator[Document]:
    build_task(None)  # raises InputError that names what is missing
    return iter(())


def _validate_numbers(**numbers: tuple[Any, float]) -> None:
    """Raise InputError for an option that is not a number, or below its minimum."""
    for name, (value, minimum) in numbers.items():
        if value is None and name not in _REQUIRED:
            continue
        number_type = int if name in _INTEGERS else (int, float)
        is_number = isinstance(value, number_type) and not isinstance(value, bool)
        if is_number and minimum <= value < math.inf:
            continue
        expected = "an integer" if name in _INTEGERS else "a number"
        bound = "" if math.isinf(minimum) else f" >= {minimum}"
        option = spell_option(name, value, of="model")
        raise InputError(f"openai: {option}: expected {expected}{bound}")


def _label_definitions(labels: Any) -> dict[str, str] | None:
    """The definition of each label, which may be empty; None without labels."""
    if labels is None:
        return None
    if isinstance(labels, Mapping):
        definitions = dict(labels)
    elif isinstance(labels, str):
        definitions = dict.fromkeys((name.strip() for name in labels.split(",")), "")
    else:
        definitions = dict.fromkeys(labels, "")
    texts = [*definitions, *definitions.values()]
    if not definitions or "" in definitions or not all(isinstance(text, str) for text in texts):
        raise InputError(
            f"openai: {spell_option('labels', labels, of='model')}: expected names separated by"
            " commas, a list of names, or a mapping of names to definitions"
        )
    return definitions
