"""A sentence on each option of the models, for `evalkit models KIND` and the documentation.

Names and defaults come from the signature of each kind's `load`; a test compares both.
"""

from __future__ import annotations

SHARED = {
    "batch_size": "Windows or documents per batch.",
    "device": "Device, such as cpu or cuda:0.",
    "revision": "Branch, tag or commit on the Hub.",
}
OPTION_DESCRIPTIONS: dict[str, dict[str, str]] = {
    "spacy": {
        "entities": "Read entities from ents or from this span group.",
        "triggers": "Span group whose spans are event triggers.",
        "n_process": "Processes of nlp.pipe.",
    },
    "hf": {
        "aggregation_strategy": "Tag of a word: first, average or max of its tokens.",
        "window": "Tokens per window; default: the length of the model.",
        "stride": "Tokens that neighboring windows share; default: a quarter of the window.",
        "label_map": 'Names of the tags: a mapping such as {"LABEL_0": "O"}, or a list.',
        "allow_pickle": "Whether to load pickled weights, which can run code.",
    },
    "gliner": {
        "labels": "Labels to prompt for, or a mapping of prompts to labels; default: the schema's.",
        "threshold": "Minimum score of an entity.",
        "flat_ner": "Whether entities must not be nested.",
        "multi_label": "Whether a span may have several labels.",
        "window": "Words per window; default: the length of the model.",
        "overlap": "Words that neighboring windows share; default: a quarter of the window.",
    },
    "openai": {
        "base_url": "Address of the endpoint, such as http://127.0.0.1:8000/v1.",
        "labels": "Entity labels, with or without definitions; default: the schema's.",
        "layers": "Layers to prompt for; default: those of the schema that the metrics need.",
        "timeout": "Seconds per request.",
        "max_retries": "Retries of a request.",
        "backoff": "Seconds before the first retry, doubled for each further one.",
        "temperature": "Sampling temperature.",
        "seed": "Seed, sent with each request.",
        "max_tokens": "Maximum number of tokens of an answer.",
        "input_price": "Price per million input tokens.",
        "output_price": "Price per million output tokens.",
        "response_format": (
            "JSON output by schema, object or text (prompt alone); auto: the first that is"
            " supported."
        ),
        "prompt": "File with a prompt template.",
        "few_shot": "Corpus of examples, which are put before each prompt with their answers.",
        "any_base_url": "Whether to resume a run with another base_url; the model is the same.",
        "api_key_env": "Environment variable that holds the API key.",
    },
    "exec": {
        "timeout": "Seconds without output after which the program is ended.",
        "ground": "Whether to search the texts of entities without offsets in the document.",
    },
}


def describe_option(kind: str, option: str) -> str:
    """The sentence on an option of a kind of models; "" if there is none."""
    return OPTION_DESCRIPTIONS.get(kind, {}).get(option) or SHARED.get(option, "")
