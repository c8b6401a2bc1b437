"""What a reader was told and what it did is known wherever the numbers are: duplicates, the
conversion report, the signature's `read`.
"""

import json
from pathlib import Path

import msgspec
import pytest
from helpers.any_text import documents as any_documents
from helpers.cli import run_evalkit
from hypothesis import given

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Relation,
    Scores,
    Span,
    compare,
    load_corpus,
    score,
)
from evalkit.data.document import LAYERS
from evalkit.data.duplicates import drop_duplicates, find_duplicates
from evalkit.formats.reading_options import (
    GOLD_OPTIONS,
    SHARED_OPTIONS,
    WITHOUT_EFFECT,
    changed_options,
    own_options,
)
from evalkit.formats.registry import FORMATS, parse_location

TEXT = "Ada met Bob."
ADA, BOB = Entity("PER", 0, 3, id="T1"), Entity("PER", 8, 11, id="T2")
MET = Event(
    "Meet", Span(4, 7), [Argument("Who", 0, 3, ref="T1"), Argument("Who", 8, 11, ref="T2")], id="E1"
)
SAID = Attribution(Span(4, 7), Span(8, 11), Span(0, 3), id="A1")
REPEATED = Document(
    "d1",
    TEXT,
    [ADA, BOB, Entity("PER", 0, 3, id="T3", score=0.5, attributes={"kind": "name"})],
    [
        MET,
        Event(
            "Meet",
            Span(4, 7),
            [
                Argument("Who", 8, 11, ref="T2"),
                Argument("Who", 0, 3, ref="T3"),
                Argument("Who", 0, 3),
            ],
            id="E2",
        ),
        Event("See", Span(4, 7), [Argument("What", 4, 7, ref="E2")]),
    ],
    [
        SAID,
        Attribution(Span(4, 7), Span(8, 11), Span(0, 3), id="A2", label="claim"),
        Attribution(None, Span(0, 3), parent="A2"),
    ],
    relations=[
        Relation("knows", "T3", "T2", id="R1"),
        Relation("knows", "T1", "T2", id="R2", score=0.5, attributes={"sure": True}),
        Relation("knows", "T2", "T1"),
    ],
)
ONCE = Document(
    "d1",
    TEXT,
    [ADA, BOB],
    [MET, Event("See", Span(4, 7), [Argument("What", 4, 7, ref="E1")])],
    [SAID, Attribution(None, Span(0, 3), parent="A1")],
    relations=[Relation("knows", "T1", "T2", id="R1"), Relation("knows", "T2", "T1")],
)


def evalkit(*arguments):
    return run_evalkit(*arguments)


def test_duplicates_are_dropped_and_what_referred_to_them_refers_to_what_stays():
    assert drop_duplicates(REPEATED) == ONCE
    assert drop_duplicates(ONCE) is ONCE


def test_an_attribution_does_not_become_its_own_ancestor():
    pair = (
        Attribution(Span(4, 7), Span(8, 11), id="A1", parent="A2"),
        Attribution(Span(4, 7), Span(8, 11), id="A2"),
    )
    between = (
        Attribution(Span(4, 7), Span(8, 11), id="A1", parent="A3"),
        Attribution(Span(4, 7), Span(8, 11), id="A2"),
        Attribution(None, Span(0, 3), id="A3", parent="A2"),
    )

    assert [
        a.parent for a in drop_duplicates(Document("d", TEXT, attributions=pair)).attributions
    ] == [None]
    assert [
        a.parent for a in drop_duplicates(Document("d", TEXT, attributions=between)).attributions
    ] in ([None, "A1"], ["A3", None])


@given(any_documents(layers=("entities", "events", "relations")))
def test_what_is_left_has_no_duplicates_and_lacks_nothing_else(document):
    found = drop_duplicates(document)

    assert not list(find_duplicates(found))
    assert drop_duplicates(found) is found
    for layer in LAYERS:
        kept, all_of_them = getattr(found, layer) or (), getattr(document, layer) or ()
        assert len(kept) == len(all_of_them) - sum(
            error.layer == layer and not error.field for error in find_duplicates(document)
        )


def test_gold_with_duplicates_is_refused_with_the_option_that_drops_them(tmp_path):
    path = tmp_path / "gold.jsonl"
    Corpus([REPEATED]).save(path)

    for call in (
        lambda: load_corpus(path),
        lambda: score(path, path, "entities/strict"),
        lambda: load_corpus(path, duplicates="error"),
        lambda: load_corpus(path, predictions=True, duplicates="error"),
    ):
        with pytest.raises(LoadError, match=r"entities\[2\]: duplicate of entities\[0\]") as error:
            call()
        assert (
            str(error.value).count('to count each of them once, load with duplicates="drop"') == 1
        )
    refused = evalkit("validate", path)
    assert (refused.returncode, refused.stderr.count("load with FILE?duplicates=drop")) == (2, 1)


@pytest.mark.parametrize("layer", LAYERS)
def test_gold_in_memory_with_duplicates_in_any_layer_is_refused_whatever_is_scored(layer):
    gold = (
        Corpus([msgspec.structs.replace(ONCE, **{layer: getattr(REPEATED, layer)})])
        if layer not in ("events", "relations")
        else Corpus([msgspec.structs.replace(REPEATED, attributions=None)])
    )

    for metric in ("entities/strict", "triggers/strict"):
        with pytest.raises(
            LoadError, match=r'(?s)duplicate of .*load with duplicates="drop"'
        ) as error:
            score(gold, Corpus([ONCE]), metric)
        assert layer in str(error.value)


@pytest.mark.parametrize("option", ["duplicates", "repeats"])
def test_dropped_duplicates_count_once_and_are_reported_everywhere(tmp_path, option):
    path, result = tmp_path / "gold.jsonl", tmp_path / "result.json"
    Corpus([REPEATED]).save(path)
    gold = load_corpus(f"{path}?{option}=drop")

    assert list(gold) == [ONCE]
    assert gold.conversion.dropped == {"duplicates": 5}
    assert gold.read_options == {"duplicates": "drop"}
    for corpus in (gold, f"{path}?{option}=drop"):
        scores = score(corpus, Corpus([ONCE]), "entities/strict")
        assert scores["entities/strict"].micro.gold == 2
        assert scores.metadata.conversion["gold"] == {
            "dropped": {"duplicates": 5},
            "repaired": {},
            "skipped": {},
        }
        assert "Read: gold: dropped 5 duplicates" in scores.warnings
        assert "read:gold=duplicates:drop" in scores["entities/strict"].signature
        scores.save(result)
        assert Scores.load(result).metadata.conversion == scores.metadata.conversion
        assert json.loads(result.read_text())["conversion"]["gold"]["dropped"] == {"duplicates": 5}
    printed = evalkit("validate", f"{path}?{option}=drop")
    assert (printed.returncode, "not read: 5 duplicates" in printed.stderr) == (0, True)


def test_predicted_duplicates_stay_unless_they_are_dropped_on_demand(tmp_path):
    path = tmp_path / "predicted.jsonl"
    repeated = Document(
        "d1",
        TEXT,
        [ADA, BOB, Entity("PER", 0, 3, score=0.5)],
        ONCE.events,
        ONCE.attributions,
        relations=ONCE.relations,
    )
    Corpus([repeated]).save(path)

    assert list(load_corpus(path, predictions=True)) == [repeated]
    assert list(load_corpus(path, predictions=True, duplicates="drop")) == [ONCE]
    kept, dropped = (
        score(Corpus([ONCE]), where, "entities/strict")
        for where in (path, f"{path}?duplicates=drop")
    )
    assert (kept["entities/strict"].micro.fp, dropped["entities/strict"].micro.fp) == (1, 0)
    assert "read:" not in kept["entities/strict"].signature
    assert "read:predicted=duplicates:drop" in dropped["entities/strict"].signature


def test_one_option_under_two_names_and_unknown_values_are_refused(tmp_path):
    Corpus([ONCE]).save(tmp_path / "a.jsonl")

    with pytest.raises(InputError, match="the option duplicates is given twice"):
        load_corpus(tmp_path / "a.jsonl", duplicates="drop", repeats="drop")
    with pytest.raises(InputError, match="error, drop"):
        load_corpus(tmp_path / "a.jsonl", duplicates="keep")
    with pytest.raises(InputError, match="duplicates"):
        load_corpus(tmp_path / "a.jsonl", duplicate="drop")


IMPROPER = "Ada I-PER\nmet O\n\nBob I-PER\nCo B-PER\n"


def test_what_a_reader_did_reaches_python_result_report_and_stderr(tmp_path):
    path, result = tmp_path / "gold.conll", tmp_path / "r.json"
    path.write_text(IMPROPER)
    gold = load_corpus(path, repair="begin")

    assert gold.conversion.repaired == {"invalid tags, repaired as begin": 2}
    assert gold.conversion.repaired.examples == {
        "invalid tags, repaired as begin": (f"{path}:1", f"{path}:4")
    }
    for corpus in (
        gold,
        gold[:1],
        gold.filter(lambda document: True),
        gold.map_labels({"PER": "person"}),
    ):
        assert corpus.conversion == gold.conversion
        assert corpus.read_options == {"documents": "sentence", "repair": "begin"}
    scores = score(f"{path}?repair=begin", f"{path}?repair=begin")
    assert "Read: gold: repaired 2 invalid tags, repaired as begin" in scores.warnings
    assert "Read: predicted: repaired 2 invalid tags, repaired as begin" in scores.warnings
    signature = scores["entities/strict"].signature
    assert "read:gold=documents:sentence+repair:begin,predicted=repair:begin" in signature
    printed = evalkit("score", f"{path}?repair=begin", f"{path}?repair=begin", "--save", result)
    assert "repaired: 2 invalid tags" in printed.stderr
    assert json.loads(result.read_text())["conversion"]["predicted"]["repaired"] == {
        "invalid tags, repaired as begin": 2
    }


def test_writing_reports_dropped_annotations_and_skipped_documents(tmp_path):
    report = Corpus([ONCE, Document("d2", "x", failure="time out")]).save(
        f"doccano:{tmp_path}/a.jsonl"
    )

    assert report.skipped == {"documents that failed": 1}
    assert report.dropped == {"events": 2, "attributions": 2, "relations": 2}


def test_reports_of_shards_add_up(tmp_path):
    parts = []
    for number in range(2):
        path = tmp_path / f"{number}.conll"
        path.write_text(f"-DOCSTART- ({number}) O\n\n{IMPROPER}")
        corpus = load_corpus(path, repair="begin")
        corpus.name = "gold"
        parts.append(score(corpus, corpus, "entities/strict", boot=0))

    assert Scores.merge(parts).metadata.conversion["gold"]["repaired"] == {
        "invalid tags, repaired as begin": 4
    }


OTHER_VALUES = {
    "offset_unit": "utf-16",
    "end_offset": "inclusive",
    "newlines": "lf",
    "first_offset": "1",
    "ground": "true",
    "unicode_form": "NFC",
    "tagging": "IOB1",
    "repair": "conlleval",
    "token_column": "1",
    "tag_column": "2",
    "label_column": "kind",
    "speaker_column": "who",
    "quotes": "false",
    "separator": "tab",
    "comments": "true",
    "attribution": "Quote",
    "argument": "Filler",
    "roles": "exact",
    "layers": "events",
    "type": "Name",
    "feature": "kind",
    "triggers": "sc",
    "typesystem": "types.xml",
    "view": "other",
    "entities": "sc",
    "config": "a",
    "split": "test",
    "revision": "main",
    "text": "tokens",
    "ids": "number",
    "relations": "drop",
    "link": "MESH",
    "check_text": "false",
    "annotator": "3",
    "annotation_source": "predictions",
    "text_field": "body",
    "control": "label",
    "windows": "apart",
    "names": "O",
    "misc_key": "NER",
    "duplicates": "drop",
    "trim": "true",
    "on_error": "skip",
    "encoding": "cp1252",
    "coref": "coref.jsonl",
}
# Where the value above is the default of a format
OTHER_VALUES_OF = {("maven", "text"): "given"}
READING = [
    (name, option)
    for name in FORMATS
    for option in (*own_options(parse_location(f"{name}:x").module.read), *SHARED_OPTIONS)
    if option not in (*WITHOUT_EFFECT, *GOLD_OPTIONS)
]


@pytest.mark.parametrize(("format", "option"), READING)
def test_each_reading_option_gives_another_signature(format, option):

    read = parse_location(f"{format}:x").module.read
    value = OTHER_VALUES_OF.get((format, option), OTHER_VALUES[option])
    options = changed_options(read, {option: value})
    assert options == {option: value}
    plain, other = Corpus([ONCE], "gold"), Corpus([ONCE], "gold", read_options=options)
    signatures = {
        score(gold, predicted, "entities/strict", boot=0)["entities/strict"].signature
        for gold in (plain, other)
        for predicted in (plain, other)
    }

    assert len(signatures) == 4
    assert [
        f"read:gold={option}:{value},predicted={option}:" in signature for signature in signatures
    ].count(True) == 1
    with pytest.raises(InputError, match="read"):
        compare(
            score(plain, plain, "entities/strict", boot=0),
            score(plain, other, "entities/strict", boot=0),
        )
    assert compare(
        score(other, plain, "entities/strict", boot=0),
        score(other, Corpus([ONCE], "b"), "entities/strict", boot=0),
    ).differences


@pytest.mark.parametrize(("format", "option"), [("cas", "typesystem"), ("wikievents", "coref")])
def test_files_are_in_the_signature_without_their_folder(format, option):
    read = parse_location(f"{format}:x").module.read

    for value in ("/home/a/file.xml", Path("b/file.xml"), "file.xml"):
        assert changed_options(read, {option: value}) == {option: "file.xml"}


@pytest.mark.parametrize("format", FORMATS)
def test_options_at_their_defaults_are_not_in_the_signature(format):

    read = parse_location(f"{format}:x").module.read
    defaults = {name: value for name, value in own_options(read).items() if value is not None}
    assert changed_options(read, {**defaults, "texts": "folder"}) == {}
    assert (
        changed_options(
            read,
            {
                name: (
                    str(value).lower()
                    if isinstance(value, bool)
                    else value
                    if isinstance(value, tuple)
                    else str(value)
                )
                for name, value in defaults.items()
            },
        )
        == {}
    )


def test_values_of_options_cannot_be_taken_for_other_fields():
    written = changed_options(
        parse_location("labelstudio:x").module.read, {"control": "a+b=c,predicted=|model:x"}
    )
    assert written == {"control": "a%2Bb%3Dc%2Cpredicted%3D%7Cmodel%3Ax"}
