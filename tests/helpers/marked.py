"""Documents written as they read: `marked("[Ada|PER] wrote")` is a text of 9 characters with a PER
at 0 to 3.
"""

import re

from evalkit import Corpus, Document, Entity


def marked(text, id="d0"):
    plain, entities, at = "", [], 0
    for found in re.finditer(r"\[([^|\]]+)\|(\w+)\]", text):
        plain += text[at : found.start()]
        entities.append(Entity(found[2], len(plain), len(plain) + len(found[1])))
        plain, at = plain + found[1], found.end()
    return Document(id, plain + text[at:], tuple(entities))


def corpus(*texts, name="corpus"):
    return Corpus([marked(text, id=f"d{n}") for n, text in enumerate(texts)], name=name)
