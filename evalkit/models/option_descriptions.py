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
        "aggregation": "Tag of a word: first, average or max of its tokens.",
        "window": "Tokens per window; default: the length of the model.",
        "stride": "Tokens that neighboring windows share; default: a quarter of the window.",
        "labels": 'Names of the tags: a list, or a mapping such as {"LABEL_0": "O"}.',
        "pickled": "Whether to load pickled weights, which can run code.",
    },
    "gliner": {
        "labels": "Labels to ask for, or a mapping of prompts to labels; default: the schema's.",
        "threshold": "Least score of a prediction.",
        "flat": "Whether entities must not be nested.",
        "multi_label": "Whether a span may have several labels.",
        "window": "Words per window; default: the length of the model.",
        "overlap": "Words that neighboring windows share; default: a quarter of the window.",
    },
    "openai": {
        "base_url": "Address of the endpoint, such as http://127.0.0.1:8000/v1.",
        "labels": "Entity labels to ask for, with or without definitions; default: the schema's.",
        "layers": "Layers to ask for; default: those of the schema.",
        "timeout": "Seconds per request.",
        "retries": "Retries of a request.",
        "backoff": "Seconds before the first retry, doubled for each further one.",
        "temperature": "Sampling temperature.",
        "seed": "Seed, sent with each request.",
        "max_tokens": "Most tokens of an answer.",
        "price_in": "Price per million input tokens.",
        "price_out": "Price per million output tokens.",
        "structure": "JSON output by schema, object or text (prompt alone); auto: the first known.",
        "prompt": "File with a prompt template.",
        "api_key_env": "Environment variable that holds the API key.",
        "api_key": "Not accepted: the key is read from the environment.",
    },
    "exec": {"timeout": "Seconds without output after which the program is ended."},
}


def describe_option(kind: str, option: str) -> str:
    """The sentence on an option of a kind of models; "" where there is none."""
    return OPTION_DESCRIPTIONS.get(kind, {}).get(option) or SHARED.get(option, "")
