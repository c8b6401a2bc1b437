"""A model as a Python function: two capitalized words in a row are a person."""

import re


def predict(text):
    """The predicted entities as (start, end, label)."""
    entities = []
    for match in re.finditer(r"[A-Z]\w+ [A-Z]\w+", text):
        entities.append((match.start(), match.end(), "PER"))
    return entities
