"""What signatures say about the documents of gold."""

import pytest

from evalkit import score_spans, score_tags
from evalkit.results.metadata import find_independence_assumption

ASSUMPTION = "sentences as documents: intervals and p assume that they are independent"


@pytest.mark.parametrize(
    ("read", "assumption"),
    [
        ("gold=documents:sentence", ASSUMPTION),
        ("gold=documents:sentence,predicted=repair:begin", ASSUMPTION),
        ("gold=comments:true+documents:sentence+tagging:IOB1,predicted=tagging:IOB1", ASSUMPTION),
        ("predicted=documents:sentence", ""),
        ("gold=tagging:IOB1,predicted=documents:sentence", ""),
        ("gold=documents:file", ""),
        ("gold=documents:10", ""),
        ("gold=feature:documents%3Asentence", ""),
        ("", ""),
    ],
)
def test_the_assumption_is_named_if_the_documents_of_gold_are_sentences(read, assumption):
    assert find_independence_assumption({"metric": "entities/strict", "read": read}) == assumption


def test_a_signature_without_reading_options_has_no_assumption():
    assert find_independence_assumption({"metric": "entities/strict"}) == ""


def test_sequences_of_tags_are_sentences_and_lists_of_spans_are_documents():
    tags = score_tags([["B-A"], ["O"]], [["B-A"], ["O"]])["entities/strict"]
    spans = score_spans([[(0, 1, "A")], []], [[], []])["entities/strict"]

    assert tags.signature_fields["read"] == "gold=documents:sentence"
    assert find_independence_assumption(tags.signature_fields) == ASSUMPTION
    assert find_independence_assumption(spans.signature_fields) == ""
