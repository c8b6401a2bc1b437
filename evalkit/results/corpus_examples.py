"""Examples of each label: its most frequent surface forms, and a context for each of them.

Equally frequent surface forms are in the order of their texts. The context is that of the first
annotation by document id and position, so that examples do not depend on the order of documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from evalkit.data.document import Document
from evalkit.errors import InputError, quoted_repr, shorten, spell_option
from evalkit.results.corpus_counts import CorpusCounts
from evalkit.results.layer_stats import ANNOTATED_LAYERS
from evalkit.results.surface_stats import display_form, form_key, join_fragments

CONTEXT = 40  # characters on either side
LONGEST_SHOWN = 200  # characters of a surface form in its context
DEFAULT_EXAMPLES = 3


@dataclass(frozen=True)
class ExampleOptions:
    """Which surface forms are shown: how many for each label, whether in context, or none."""

    number: int = DEFAULT_EXAMPLES
    context: bool = False
    no_text: bool = False

    def __post_init__(self) -> None:
        """Raises InputError for a number of examples that is not a whole number from 0 on."""
        if type(self.number) is not int or self.number < 0:
            raise InputError(
                f"{spell_option('examples')}: expected a whole number from 0 on, got"
                f" {quoted_repr(self.number)}"
            )
        if self.context and self.no_text:
            raise InputError(
                f"{spell_option('context')}: shows text, which"
                f" {spell_option('no_text', True)} leaves out; give one of them"
            )

    @property
    def count(self) -> int:
        """The number of surface forms that are shown for each label."""
        return 0 if self.no_text else self.number


class FormContext(NamedTuple):
    """An annotation in its text: the text before it, its characters, the text after it."""

    document: str
    start: int
    end: int
    before: str
    surface: str
    after: str


@dataclass(frozen=True)
class LabelExample:
    """A surface form of a label with the number of its annotations; context: None without one."""

    layer: str
    label: str
    surface: str
    annotations: int
    context: FormContext | None = None

    def as_dict(self) -> dict[str, Any]:
        """All fields by name."""
        fields: dict[str, Any] = {
            "layer": self.layer,
            "label": self.label,
            "surface": self.surface,
            "annotations": self.annotations,
        }
        if self.context is not None:
            fields |= self.context._asdict()
        return fields


def find_examples(corpus: CorpusCounts, options: ExampleOptions) -> list[LabelExample]:
    """The most frequent surface forms of each label of each layer.

    With contexts, the documents are read once more.
    """
    keys: dict[tuple[str, str], dict[str, int]] = {}
    for layer in corpus.layers.values():
        for each in layer.labels:
            label = each.label or ""
            forms = layer.surfaces.most_frequent(label, options.count)
            keys[layer.layer, label] = dict(forms)
    contexts = _find_contexts(corpus.corpus, keys) if options.context else {}
    examples = []
    for (layer_name, label), counts in keys.items():
        for key, count in counts.items():
            context = contexts.get((layer_name, label, key))
            examples.append(LabelExample(layer_name, label, display_form(key), count, context))
    return examples


def _find_contexts(
    documents: Iterable[Document], keys: Mapping[tuple[str, str], Mapping[str, int]]
) -> dict[tuple[str, str, str], FormContext]:
    """The context of the first annotation with each label and surface form."""
    places: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    contexts: dict[tuple[str, str, str], FormContext] = {}
    for document in documents:
        for layer, kind in ANNOTATED_LAYERS.items():
            for items in kind.items(document):
                for label, span in items:
                    wanted = keys.get((layer, label), {})
                    key = form_key(join_fragments(document.text, span))
                    if key not in wanted:
                        continue
                    place = document.id, span.start, span.end
                    where = layer, label, key
                    if where not in places or place < places[where]:
                        places[where] = place
                        contexts[where] = _build_context(document, span)
    return contexts


def _build_context(document: Document, span: Any) -> FormContext:
    text = document.text
    before = text[max(span.start - CONTEXT, 0) : span.start]
    after = text[span.end : span.end + CONTEXT]
    if span.start > CONTEXT:
        before = "…" + before.partition(" ")[2] if " " in before else "…" + before
    if span.end + CONTEXT < len(text):
        after = after.rpartition(" ")[0] + "…" if " " in after else after + "…"
    surface = shorten(text[span.start : span.end], LONGEST_SHOWN)
    return FormContext(document.id, span.start, span.end, before, surface, after)
