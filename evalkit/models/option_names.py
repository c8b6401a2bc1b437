"""Options of models under former names, and options that are refused with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.data.option_aliases import resolve_option_aliases
from evalkit.errors import InputError, spell_option

# For each kind of model, the present name of each former one.
MODEL_OPTION_ALIASES: dict[str, dict[str, str]] = {
    "hf": {
        "aggregation": "aggregation_strategy",
        "labels": "label_map",
        "pickled": "allow_pickle",
    },
    "gliner": {"flat": "flat_ner"},
    "openai": {
        "retries": "max_retries",
        "price_in": "input_price",
        "price_out": "output_price",
        "structure": "response_format",
        "examples": "few_shot",
    },
}


def resolve_model_options(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a kind of model under their present names.

    Raises InputError for an option under two names, and for an API key, which is read from the
    environment alone.
    """
    if kind == "openai" and "api_key" in options:
        raise InputError(
            "openai: api_key is not accepted, so that the key is stored nowhere: set the"
            " environment variable OPENAI_API_KEY, or name another one with"
            f" {spell_option('api_key_env', 'NAME', of='model')}"
        )
    return resolve_option_aliases(options, MODEL_OPTION_ALIASES.get(kind, {}), of="model")
