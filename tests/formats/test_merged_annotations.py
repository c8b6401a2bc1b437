"""Marks that a format cannot tell apart are written once, so that gold can be read again; what is
left out is counted.
"""

import tempfile
from pathlib import Path

import pytest
from helpers.any_text import corpora
from helpers.profiles import examples
from hypothesis import HealthCheck, given, settings

from evalkit import Argument, Corpus, Document, Entity, Event, Relation, Span, load_corpus

TWICE = Document(
    "d0",
    "Ada met Bo. ",
    (Entity("PER", 0, 3, id="T1", attributes={"sure": "no"}), Entity("PER", 0, 3, id="T2")),
    (
        Event(
            "Meet",
            Span(4, 7),
            (Argument("Who", 0, 3, ref="T1"), Argument("Who", 0, 3, ref="T2")),
            realis="ACTUAL",
        ),
        Event("Meet", Span(4, 7), (Argument("Who", 0, 3, ref="T2"),), realis="OTHER"),
    ),
)


@pytest.mark.parametrize(
    ("format", "events"),
    [
        ("doccano", 0),
        ("labelstudio", 0),
        ("cas", 1),
        ("dygie", 1),
        ("textee", 1),
        ("bigbio", 1),
        ("bioc", 1),
        ("webanno", 1),
    ],
)
def test_what_cannot_be_told_apart_is_written_once_and_counted(tmp_path, format, events):
    losses = Corpus([TWICE]).save(
        f"{format}:{tmp_path}/news.{'xmi' if format == 'cas' else 'json'}"
    )

    back = load_corpus(f"{format}:{tmp_path}/news.{'xmi' if format == 'cas' else 'json'}")[0]

    assert (len(back.entities), len(back.events or ())) == (1, events)
    assert losses.counts["entities that equal another in what this format holds of them"] == 1
    assert losses.counts["events that equal another in what this format holds of them"] == 1


@pytest.mark.parametrize(
    "format",
    [
        "doccano",
        "labelstudio",
        "cas",
        "dygie",
        "textee",
        "bigbio",
        "bioc",
        "webanno",
        "spert",
        "gliner-json",
        "langextract",
        "gliner2-json",
        "instruct-uie",
    ],
)
@pytest.mark.parametrize("first_id", ["T1", None])
def test_relations_of_annotations_that_are_written_once_are_no_error(tmp_path, format, first_id):
    document = Document(
        "d0",
        "Ada met Bo. ",
        [
            Entity("PER", 0, 3, id=first_id, attributes={"sure": "no"}),
            Entity("PER", 0, 3, id="T2"),
            Entity("PER", 8, 10, id="T3"),
        ],
        relations=[Relation("knows", "T2", "T3")],
    )
    location = f"{format}:{tmp_path}/news.{'xmi' if format == 'cas' else 'json'}"

    losses = Corpus([document]).save(location)

    back = load_corpus(location)[0]
    assert len(back.entities) == 2
    assert losses.counts["entities that equal another in what this format holds of them"] == 1
    assert losses.counts.get("relations", 0) + len(back.relations or ()) == 1


@pytest.mark.parametrize(
    "format",
    [
        "doccano",
        "labelstudio",
        "dygie",
        "textee",
        "bigbio",
        "spert",
        "gliner-json",
        "langextract",
        "gliner2-json",
        "instruct-uie",
        "brat",
        "conll",
        "conll2012",
        "conllu",
        "tokens",
        "prodigy",
        "docbin",
        "pubtator",
        "bioc",
        "webanno",
    ],
)
@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    documents=corpora(
        layers=("entities", "events", "attributions", "relations"), broken=True, most=1
    )
)
def test_whatever_is_written_can_be_read_again(format, documents):
    with tempfile.TemporaryDirectory() as folder:
        where = f"{format}:{Path(folder)}/news"
        losses = Corpus(documents).save(where)

        back = load_corpus(where)

    assert back.ids == [document.id for document in documents]
    assert losses or list(back) == documents
