"""croissant.json is read by mlcroissant, and the records that it finds are the corpus."""

import json
from datetime import date

import pytest

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    Relation,
    Schema,
    Span,
    load_corpus,
)
from evalkit.data.document import Zone
from evalkit.formats.hf_tables import CONFIGS, table_rows
from evalkit.formats.hf_withheld import digest
from evalkit.hub.card_builder import build_card, card_for_path, card_source_path
from evalkit.hub.card_source import load_card_source
from evalkit.hub.croissant import PublishedFile, build_croissant
from evalkit.hub.dataset_files import build_dataset_folder

pytestmark = pytest.mark.filterwarnings(
    "ignore:ConjunctiveGraph is deprecated:DeprecationWarning"
)  # of rdflib, in rdflib
RAI = {
    "dataCollection",
    "dataAnnotationProtocol",
    "dataAnnotationAnalysis",
    "annotatorDemographics",
    "machineAnnotationTools",
    "personalSensitiveInformation",
    "dataBiases",
    "dataLimitations",
    "dataUseCases",
    "dataSocialImpact",
    "dataReleaseMaintenancePlan",
}

# The bundled corpus has no relations, and a config without rows is no config.
CONFIGS_WITH_ROWS = [config for config in CONFIGS if config != "relations"]


def folder_of(corpus, folder, **options):
    card = build_card(corpus, load_card_source(card_source_path()), **options)
    return build_dataset_folder(
        corpus,
        folder,
        repo="me/news",
        card=card,
        license="free",
        published=date(2026, 1, 1),
        **options,
    ).folder


def records(folder, config):
    """The records of a record set as mlcroissant gives them, under the names of the columns."""
    import mlcroissant

    data = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    assert data.metadata.ctx.issues.report() == ""
    return [plain(record) for record in data.records(config)]


def plain(value):
    """Text as text, and names without the ways down to them."""
    if isinstance(value, dict):
        return {name.rpartition("/")[2]: plain(of) for name, of in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


def expected(corpus, config, **options):
    """The rows as croissant.json tells them: nested values one level deep."""
    return [
        {name: one_level(of) for name, of in row.items()}
        for row in table_rows(corpus, digest=digest, **options)[config]
    ]


def one_level(value):
    if isinstance(value, list):
        return [dict(leaves(item)) if isinstance(item, dict) else item for item in value]
    if isinstance(value, dict):
        pieces = value["fragments"]
        return {
            **dict(leaves(value)),
            "fragments_start": [piece["start"] for piece in pieces],
            "fragments_end": [piece["end"] for piece in pieces],
        }
    return value


def leaves(value, way=""):
    for name, of in value.items():
        if isinstance(of, dict):
            yield from leaves(of, f"{way}{name}_")
        elif not isinstance(of, list):
            yield f"{way}{name}", of


@pytest.mark.slow
@pytest.mark.parametrize("with_text", [False, True])
@pytest.mark.parametrize("config", CONFIGS_WITH_ROWS)
def test_the_records_of_every_record_set_equal_the_corpus(tmp_path, config, with_text):
    corpus = load_corpus()
    folder = folder_of(corpus, tmp_path / "new", with_text=with_text)

    found = records(folder, config)

    wanted = expected(corpus, config, with_text=with_text)
    assert [sorted(record) for record in found] == [sorted(row) for row in wanted]
    assert [without_nulls(record) for record in found] == [without_nulls(row) for row in wanted]


def without_nulls(value):
    """A value without what is null: a part that is not there is null in a row, and a record of
    nulls here.
    """
    if isinstance(value, dict):
        kept = {name: without_nulls(of) for name, of in value.items()}
        return {name: of for name, of in kept.items() if of not in (None, {})}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS)
def test_fragments_missing_parts_scores_and_unannotated_layers_come_through(tmp_path, config):
    text = "𝒜da\r\nmet “Bo” e\u0301t Öst 007"
    first = Document(
        "d1",
        text,
        (
            Entity("PER", 0, 3, score=0.5, attributes={"kind": "a|b"}),
            Entity("PER", 0, 12, id="T2", fragments=((0, 3), (10, 12))),
        ),
        (
            Event(
                "Meet",
                Span(5, 8),
                (Argument("Agent", 0, 12, ((0, 3), (10, 12)), ref="T2"), Argument("Place", 18, 21)),
            ),
            Event("Sit", Span(0, 3)),
        ),
        (
            Attribution(None, Span(9, 13)),
            Attribution(Span(5, 8), Span(9, 21, ((9, 10), (15, 21))), Span(0, 3), label="said"),
        ),
        relations=(Relation("self", "T2", "T2", score=0.25, attributes={"x": 1}),),
        zones=(Zone("body", 0, 21),),
        meta={"published": "2026-01-05"},
    )
    corpus = Corpus(
        [
            first,
            Document("2", "Ada", ()),
            Document("d3", "Bo met", None, (Event("Meet", Span(3, 6)),)),
        ],
        schema=Schema(version="1.0.0"),
    )
    folder = folder_of(corpus, tmp_path / "new", with_text=True)

    assert [without_nulls(record) for record in records(folder, config)] == [
        without_nulls(row) for row in expected(corpus, config)
    ]


def test_a_file_that_was_changed_is_found_by_its_sha256(tmp_path):
    folder = folder_of(load_corpus(), tmp_path / "new")
    file = folder / "data" / "entities.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"label":"GPE"', b'"label":"LOC"'))

    with pytest.raises(Exception, match=r"Download\(data/entities.jsonl\)"):
        records(folder, "entities")


def test_it_tells_what_a_responsible_reader_asks(tmp_path):
    import mlcroissant

    folder = folder_of(load_corpus(), tmp_path / "new")
    croissant = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    read = mlcroissant.Dataset(jsonld=str(folder / "croissant.json")).metadata

    assert {name.removeprefix("rai:") for name in croissant if name.startswith("rai:")} == RAI
    assert croissant["conformsTo"] == [
        "http://mlcommons.org/croissant/1.1",
        "http://mlcommons.org/croissant/RAI/1.0",
    ]
    assert "No human annotated, adjudicated or validated." in read.annotator_demographics[0]
    assert read.data_release_maintenance_plan.startswith("A published version keeps its tag")
    assert (read.name, read.version, read.in_language) == ("evalkit-news", "1.1.0", ["en"])


def test_metadata_are_those_of_the_card():
    corpus = load_corpus()

    croissant = build_croissant(
        card_for_path(corpus=corpus),
        [PublishedFile("LICENSE", 4, "0" * 64)],
        url="https://huggingface.co/datasets/me/news",
        version="1.0.0",
        published=date(2026, 1, 1),
        with_text=False,
    )

    assert croissant["license"] == "https://huggingface.co/datasets/me/news/blob/main/LICENSE"
    assert croissant["creator"]["name"] == "evalkit contributors"
    assert croissant["citeAs"].startswith("@misc{evalkit-news,")
    assert croissant["description"].startswith("One English news article")
    assert croissant["keywords"][:2] == ["token-classification", "named-entity-recognition"]
    assert croissant["recordSet"] == []
    assert croissant["distribution"] == [
        {
            "@type": "cr:FileObject",
            "@id": "LICENSE",
            "name": "LICENSE",
            "contentUrl": "LICENSE",
            "contentSize": "4 B",
            "encodingFormat": "text/plain",
            "sha256": "0" * 64,
        },
    ]


def test_a_field_whose_section_the_card_lacks_is_left_out():
    card = card_for_path(corpus=load_corpus()).replace(
        "#### Personal and Sensitive Information", "#### People"
    )

    described = build_croissant(
        card,
        [],
        url="https://example.org/me/news",
        version="1.0.0",
        published=date(2026, 1, 1),
        with_text=False,
    )

    assert "rai:personalSensitiveInformation" not in described
    assert "rai:dataBiases" in described


def test_it_is_written_without_the_package_that_reads_it(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "mlcroissant", None)

    assert (folder_of(load_corpus(), tmp_path / "new") / "croissant.json").exists()


def test_social_impact_is_what_the_card_says_of_it(tmp_path):
    card = card_for_path(repo="me/news")
    build_dataset_folder(load_corpus(), tmp_path / "x", repo="me/news", card=card, license="ours")

    croissant = json.loads((tmp_path / "x/croissant.json").read_text(encoding="utf-8"))

    assert croissant["rai:dataSocialImpact"].startswith(
        "A scorer that people can repeat helps research;"
    )
    assert "One view of a conflict" not in croissant["rai:dataSocialImpact"]
