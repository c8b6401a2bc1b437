"""The format webanno: WebAnno TSV 3, as INCEpTION exports it."""

import gzip
import re

import pytest
from helpers.any_text import documents
from helpers.cli import run_evalkit
from helpers.profiles import examples
from hypothesis import given, settings
from msgspec.structs import replace

from evalkit import (
    Argument,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Relation,
    Span,
    load_corpus,
)
from evalkit.formats.webanno_lines import escape_value, unescape_value

FEW = settings(max_examples=examples(100), deadline=None)
NAMED = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"
POS = "de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS"
PREDICATE = "de.tudarmstadt.ukp.dkpro.core.api.semantics.type.SemPred"
COREFERENCE = "de.tudarmstadt.ukp.dkpro.core.api.coref.type.CoreferenceLink"
DEPENDENCY = "de.tudarmstadt.ukp.dkpro.core.api.syntax.type.dependency.Dependency"


def tsv(*lines, version="3.3"):
    """A file: header lines, and the lines of the body, whose columns are separated by spaces."""
    header = [line for line in lines if line.startswith("#T_")]
    body = []
    for line in lines:
        if line.startswith("#T_"):
            continue
        is_token = re.match(r"\d", line)
        body.append("\t".join([*line.split(" "), ""]) if is_token else line)
    return "\n".join([f"#FORMAT=WebAnno TSV {version}", *header, "", *body, ""])


@pytest.fixture
def read(tmp_path):
    def read(content, **options):
        path = tmp_path / "d.tsv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_corpus(f"webanno:{path}", **options)

    return read


STACKED = tsv(
    f"#T_SP={POS}|PosValue",
    f"#T_SP={NAMED}|identifier|value",
    "",
    "#Text=Ms. Haag plays.",
    "1-1 0-3 Ms. NNP *[1]|Q1[2] PER[1]|TITLE[2]",
    "1-2 4-8 Haag NNP *[1] PER[1]",
    "1-3 9-14 plays VBD _ _",
    "1-3.1 9-13 play _ * PART",
    "1-3.2 13-14 s _ * *",
    "1-4 14-15 . . _ _",
)


def test_stacked_annotations_of_tokens_and_parts_of_tokens_are_read(read):
    corpus = read(STACKED)

    assert list(corpus) == [
        Document(
            "d",
            "Ms. Haag plays.",
            [
                Entity("PER", 0, 8),
                Entity("TITLE", 0, 3, attributes={"identifier": "Q1"}),
                Entity("PART", 9, 13),
            ],
        )
    ]
    assert corpus.conversion.dropped == {
        "annotations of the type POS": 4,
        "annotations without a label (the feature 'value' is not set)": 1,
    }


def test_sentences_are_joined_as_inception_joins_them(read):
    corpus = read(
        tsv(
            f"#T_SP={NAMED}|value",
            "",
            "#Sentence.id=s1",
            "#Text=I like it 😊 .",
            "1-1 0-1 I _",
            "1-2 10-12 😊 X",
            "1-3 13-14 . _",
            "",
            "#Text=So \\\\ do",
            "#Text=I\\t.",
            "2-1 15-17 So _",
            "2-2 23-24 I Y",
            "2-3 25-26 . _",
            "",
            "#Text=End",
            "3-1 29-32 End Z",
        )
    )

    assert corpus[0].text == "I like it 😊 .\nSo \\ do\nI\t.\n  End"
    assert corpus[0].entities == (Entity("X", 10, 11), Entity("Y", 22, 23), Entity("Z", 28, 31))


def test_sentences_without_space_between_them_are_joined_without_it(read):
    corpus = read(
        tsv("", "#Text=Ja.", "1-1 0-3 Ja.", "", "#Text=Nein.", "2-1 3-8 Nein.", version="3.2")
    )

    assert corpus[0] == Document("d", "Ja.Nein.", [])


def test_the_escapes_of_java_are_read_in_files_of_early_versions(read):
    content = tsv("", '#Text=\\u00D6l \\uD83D\\uDE0A \\"x', "1-1 0-2 Öl", version="3.1")

    assert read(content)[0].text == 'Öl 😊 "x'
    assert read(content.replace("3.1", "3.3").replace("0-2\tÖl", "0-2\t\\u"))[0].text == (
        '\\u00D6l \\uD83D\\uDE0A \\"x'
    )


SLOTS = tsv(
    f"#T_SP={NAMED}|value",
    "#T_SP=webanno.custom.Lu|luvalue",
    f"#T_SP={PREDICATE}|ROLE_{PREDICATE}:Roles_{PREDICATE}Link|webanno.custom.Lu|category",
    "#T_SP=webanno.custom.Any|ROLE_webanno.custom.Any:x_y_webanno.L|uima.tcas.Annotation",
    "",
    "#Text=Bob auctioned the clock to John",
    "1-1 0-3 Bob PER bob _ _ _ _ _",
    "1-2 4-13 auctioned _ _ seller;goods;*;gone 1-1;1-3[4];1-6;1-5 trade p1;*[9] 1-1[7];1-6[8]",
    "1-3 14-17 the _ clock[4] _ _ _ _ _",
    "1-4 18-23 clock _ clock[4] _ _ sale _ *",
    "1-5 24-26 to _ _ _ * give _ _",
    "1-6 27-31 John PER john _ _ _ _ _",
)


def test_slots_are_arguments(read):
    corpus = read(SLOTS)

    assert corpus[0].events == (
        Event(
            "trade",
            Span(4, 13),
            [
                Argument("seller", 0, 3),
                Argument("goods", 14, 23),
                Argument("Roles", 27, 31),
            ],
        ),
        Event("sale", Span(18, 23)),
        Event("give", Span(24, 26)),
    )
    assert corpus.conversion.dropped == {
        "arguments that point at no annotation": 1,
        "annotations of the type Any": 2,
    }


def test_other_layers_are_read_on_request(read):
    corpus = read(SLOTS, type="Lu", triggers="webanno.custom.Any")

    assert [each.label for each in corpus[0].entities] == ["bob", "clock", "john"]
    assert [each.label for each in corpus[0].events] == ["Any", "Any"]
    assert [each.role for each in corpus[0].events[0].arguments] == []
    with pytest.raises(LoadError, match="unknown type 'Luu'"):
        read(SLOTS, type="Luu")
    with pytest.raises(LoadError, match="unknown feature 'kind'"):
        read(SLOTS, feature="kind")


RELATIONS = tsv(
    f"#T_SP={NAMED}|value",
    f"#T_RL={DEPENDENCY}|DependencyType|BT_{POS}",
    f"#T_RL=webanno.custom.Relation|sure|value|BT_{NAMED}",
    f"#T_RL=webanno.custom.Plain|BT_{NAMED}",
    "",
    "#Text=Ada met Bo Li .",
    "1-1 0-3 Ada PER[1]|HERO[2] SUBJ 1-2 true knows 1-3[3_1] _",
    "1-2 4-7 met _ ROOT 1-2 _ _ _ _",
    "1-3 8-10 Bo PER[3] _ _ *|no knows|* 1-1[2_3]|1-1[1_3] 1-5[0_3]",
    "1-4 11-13 Li PER[3] _ _ _ _ _ _",
    "1-5 14-15 . DOT _ _ _ a_b 1-2 _",
)


def test_relations_are_between_the_annotations_with_their_ids(read):
    corpus = read(RELATIONS.replace("a_b", "a\\_b"))

    assert [(each.label, each.id) for each in corpus[0].entities] == [
        ("PER", "T1"),
        ("HERO", "T2"),
        ("PER", "T3"),
        ("DOT", "T4"),
    ]
    assert corpus[0].relations == (
        Relation("knows", "T3", "T1", attributes={"sure": "true"}),
        Relation("knows", "T2", "T3"),
        Relation("Plain", "T4", "T3"),
    )
    assert corpus.conversion.dropped == {
        "annotations of the type Dependency": 2,
        "relations without a label": 1,
        "relations with an argument that is not read": 1,
    }


def test_chains_and_annotations_of_no_characters_are_counted(read):
    corpus = read(
        tsv(
            f"#T_SP={NAMED}|value",
            f"#T_CH={COREFERENCE}|referenceType|referenceRelation",
            "",
            "#Text=He shot himself",
            "1-1 0-2 He _ pr[1] coref->1-1",
            "1-1.1 0-0  EMPTY _ _",
            "1-2 3-7 shot _ pr[2]|x[1] *->2-1|*->1-2",
            "1-3 8-15 himself _ pr[1] *->1-2",
        )
    )

    assert corpus[0].entities == ()
    assert corpus.conversion.dropped == {
        "annotations of no characters": 1,
        "annotations of the type CoreferenceLink": 3,
    }


def test_a_layer_of_a_project_is_named(read):
    content = STACKED.replace(NAMED, "webanno.custom.Name")

    with pytest.raises(LoadError, match=r"no NamedEntity, but annotations of webanno.custom.Name;"):
        read(content)

    assert len(read(content, type="Name")[0].entities) == 3
    assert read(content, type="NamedEntity")[0].entities == ()
    by_identifier = read(content, type="Name", feature="identifier")[0].entities
    assert by_identifier == (Entity("Q1", 0, 3, attributes={"value": "TITLE"}),)
    several = STACKED.replace(f"{NAMED}|identifier|value", "webanno.custom.Name|kind|sort")
    with pytest.raises(LoadError, match="several features: kind, sort; name the one with the"):
        read(several, type="Name")


def test_a_layer_without_features_is_labeled_by_its_name(read):
    corpus = read(
        tsv("#T_SP=webanno.custom.Span|", "", "#Text=A b", "1-1 0-1 A *", "1-2 2-3 b *[1]|*[2]"),
        type="Span",
        duplicates="drop",
    )

    assert corpus[0].entities == (Entity("Span", 0, 1), Entity("Span", 2, 3))


def test_reserved_characters_are_read_and_written(read):
    value = "a\\b[c]|d_e->f;g\th\ni*-j_"

    assert escape_value(value) == "a\\\\b\\[c\\]\\|d\\_e\\->f\\;g\\th\\ni\\*-j\\_"
    assert unescape_value(escape_value(value)) == value
    content = tsv(
        f"#T_SP={NAMED}|value",
        "",
        "#Text=A b c",
        f"1-1 0-1 A {escape_value(value)}[1]|{escape_value(value)}x\\\\[2]",
        "1-2 2-3 b \\_",
        "1-3 4-5 c \\*",
    )
    assert [each.label for each in read(content)[0].entities] == [value, f"{value}x\\", "_", "*"]


def test_windows_line_ends_and_compressed_files_are_read(read, tmp_path):
    expected = list(read(STACKED))

    assert list(read(b"\xef\xbb\xbf" + STACKED.replace("\n", "\r\n").encode())) == expected
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "d.tsv.gz").write_bytes(gzip.compress(STACKED.encode()))
    assert list(load_corpus(f"webanno:{tmp_path}/z/d.tsv.gz")) == expected


def test_a_project_is_read_by_annotator(tmp_path):
    for document in ("a.txt", "b.txt"):
        for annotator in ("ada", "bo"):
            folder = tmp_path / "annotation" / document
            folder.mkdir(parents=True, exist_ok=True)
            label = "PER" if annotator == "ada" else "ORG"
            (folder / f"{annotator}.tsv").write_text(STACKED.replace("PER", label))

    with pytest.raises(InputError, match="several files are named ada.tsv; .*annotator="):
        load_corpus(f"webanno:{tmp_path}")
    corpus = load_corpus(f"webanno:{tmp_path}", annotator="bo")

    assert corpus.ids == ["a.txt", "b.txt"]
    assert [each.entities[0].label for each in corpus] == ["ORG", "ORG"]
    with pytest.raises(InputError, match="no cy.tsv file; unpack the archives"):
        load_corpus(f"webanno:{tmp_path}", annotator="cy")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a b", "d.tsv:1: 'a b': expected #FORMAT=WebAnno TSV 3.3, as INCEpTION exports it"),
        ("#FORMAT=WebAnno TSV 2.0", "d.tsv:1: '#FORMAT=WebAnno TSV 2.0': expected"),
        (
            STACKED.replace("NNP\t*[1]\t", "*[1]\t"),
            "d.tsv:8: 2 columns after the token: expected 3",
        ),
        (STACKED.replace("0-3\tMs.", "0-x\tMs."), "d.tsv:7: '1-1\\t0-x\\tMs."),
        (STACKED.replace("9-14", "9-99"), "d.tsv:9: end: 99 is past the end of the text"),
        (STACKED.replace("4-8\tHaag", "4-8\tHagg"), "d.tsv:8: 'Hagg' is not the text at 4"),
        (STACKED.replace("0-3", "-3-3"), "d.tsv:7: "),
        (
            STACKED + "\n#Text=So\n2-1\t3-5\tSo\t_\t_\t_\n",
            "d.tsv:15: the sentence starts at 3, and the previous one ends at 15",
        ),
        (b"#FORMAT=WebAnno TSV 3.3\n\xff", "d.tsv: not UTF-8: invalid start byte at byte 24"),
    ],
)
def test_errors_name_line_and_remedy(read, content, message):
    with pytest.raises(LoadError) as error:
        read(content)

    assert message in str(error.value)


def test_all_errors_of_a_file_are_reported(read):
    with pytest.raises(LoadError) as error:
        read(STACKED.replace("4-8\tHaag", "4-8\tHagg").replace("14-15\t.", "14-15\t?"))

    assert [f"d.tsv:{number}" in str(error.value) for number in (7, 8, 12)] == [False, True, True]


def test_shared_options_hold(read, tmp_path):
    one_token = STACKED.replace("PER[1]\t\n", "_\t\n").replace("*[1]\t_", "_\t_")
    repeated = one_token.replace("TITLE", "PER")
    with pytest.raises(LoadError, match=r"duplicate of entities\[0\]"):
        read(repeated)
    assert len(read(repeated, duplicates="drop")[0].entities) == 2

    (tmp_path / "e.tsv").write_text(STACKED)
    assert load_corpus(f"webanno:{tmp_path}", on_error="skip").ids == ["e"]
    latin = STACKED.replace("Haag", "Häag").replace("4-8", "4-8")
    assert read(latin.encode("latin-1"), encoding="latin-1")[0].text == "Ms. Häag plays."


def test_a_file_is_recognized(tmp_path):
    (tmp_path / "d.tsv").write_text(STACKED)

    done = run_evalkit("validate", "d.tsv", cwd=tmp_path)

    assert "3 entities" in done.stdout
    assert "format webanno" in done.stdout + done.stderr


# Writing


def expect_spans(document, spans):
    """The spans without white space at their edges, by plain loops; those of white space alone
    are left out.
    """
    kept = []
    for start, end in spans:
        words = [n for n in range(start, end) if not document.text[n].isspace()]
        if words:
            kept.append((words[0], words[-1] + 1))
    return kept


def read_plainly(content):
    """The label and span of each NamedEntity in a written file, in UTF-16 code units: plain loops
    over lines and columns, for labels without reserved characters.
    """
    found, by_number = [], {}
    for line in content.split("\n"):
        if not re.match(r"\d+-\d+(\.\d+)?\t", line):
            continue
        columns = line.split("\t")
        start, end = map(int, columns[1].split("-"))
        for value in columns[4].split("|") if columns[4] != "_" else []:
            label, _, number = value.rstrip("]").partition("[")
            if number and number in by_number:
                entity = by_number[number]
                entity[2] = end
                continue
            entity = [label, start, end]
            found.append(entity)
            if number:
                by_number[number] = entity
    return sorted(map(tuple, found))


def expected_text(text):
    """The text that is read back: without the white space before the first word, which is as many
    spaces.
    """
    start = len(text) - len(text.lstrip())
    return " " * start + text[start:] if start < len(text) else ""


def units(text, offset):
    return len(text[:offset].encode("utf-16-le")) // 2


@FEW
@given(document=documents(labels=["PER", "ORG"], flat=False, broken=True))
def test_entities_are_those_that_plain_loops_read(tmp_path_factory, document):
    path = tmp_path_factory.mktemp("plain") / "d0.tsv"

    Corpus([document]).save(f"webanno:{path}")

    expected = set()
    for entity in document.entities:
        if not entity.fragments:
            for start, end in expect_spans(document, [(entity.start, entity.end)]):
                expected.add((entity.label, units(document.text, start), units(document.text, end)))
    assert read_plainly(path.read_bytes().decode()) == sorted(expected)


@FEW
@given(document=documents(layers=("entities", "events", "relations"), broken=True))
def test_what_is_written_is_read_back_apart_from_what_is_counted(tmp_path_factory, document):
    events = [replace(event, realis=None) for event in document.events]
    document = replace(document, events=tuple(events))
    path = f"webanno:{tmp_path_factory.mktemp('back')}/d0.tsv"

    counts = Corpus([document]).save(path).counts
    (back,) = load_corpus(path)

    assert back.text == expected_text(document.text)
    leading = "white space before the first word, written as spaces"
    assert counts.get(leading, 0) == (back.text != document.text)
    plain = [each for each in document.entities if not each.fragments]
    assert counts.get("discontinuous entities", 0) == len(document.entities) - len(plain)
    spans = set()
    for each in plain:
        for span in expect_spans(document, [(each.start, each.end)]):
            spans.add((each.label, *span))
    assert {(each.label, each.start, each.end) for each in back.entities} == spans
    lost = len(plain) - len(back.entities)
    blank = counts.get("annotations of white space only", 0)
    equal = counts.get("entities that equal another in what this format holds of them", 0)
    assert lost <= blank + equal
    triggers = {
        (each.label, *s)
        for each in events
        for s in expect_spans(document, [(each.trigger.start, each.trigger.end)])
    }
    assert {(e.label, e.trigger.start, e.trigger.end) for e in back.events or ()} == triggers
    arguments = set()
    for event in events:
        for trigger in expect_spans(document, [(event.trigger.start, event.trigger.end)]):
            for each in event.arguments:
                for span in expect_spans(document, [(each.start, each.end)]):
                    arguments.add((event.label, trigger, each.role, span))
    found = {
        (e.label, (e.trigger.start, e.trigger.end), a.role, (a.start, a.end))
        for e in back.events or ()
        for a in e.arguments
    }
    assert found <= arguments
    if equal == 0 and "events that equal another in what this format holds of them" not in counts:
        assert found == arguments
    written = len(back.relations or ())
    dropped = counts.get("relations with an argument that is not written", 0)
    assert written + dropped == len(document.relations)


@FEW
@given(document=documents(layers=("entities", "events", "relations")))
def test_what_was_read_is_written_without_loss(tmp_path_factory, document):
    folder = tmp_path_factory.mktemp("twice")
    Corpus([document]).save(f"webanno:{folder}/a/d0.tsv")
    once = load_corpus(f"webanno:{folder}/a/d0.tsv")

    counts = once.save(f"webanno:{folder}/b/d0.tsv").counts

    counts = {name: count for name, count in counts.items() if not name.startswith("ids of")}
    assert counts == {}
    assert (folder / "a/d0.tsv").read_bytes() == (folder / "b/d0.tsv").read_bytes()


@FEW
@given(document=documents(layers=("entities", "events", "relations"), gaps=[" "], broken=True))
def test_cas_and_webanno_read_back_the_same(tmp_path_factory, document):
    pytest.importorskip("cassis")
    folder = tmp_path_factory.mktemp("cas")
    text = expected_text(document.text)
    document = replace(document, text=text)
    trimmed = all(
        expect_spans(document, [(each.start, each.end)]) == [(each.start, each.end)]
        for each in [*document.entities, *(e.trigger for e in document.events)]
    )
    if not trimmed:
        return
    Corpus([document]).save(f"cas:{folder}/d0.json")
    Corpus([document]).save(f"webanno:{folder}/d0.tsv")

    (from_cas,), (from_tsv,) = (
        load_corpus(f"cas:{folder}/d0.json"),
        load_corpus(f"webanno:{folder}/d0.tsv"),
    )

    def described(each):
        entities = {e.id: (e.label, e.start, e.end) for e in each.entities}
        spans = {**entities, **{e.id: (e.label, e.trigger) for e in each.events or ()}}
        return (
            sorted((e.label, e.start, e.end, repr(e.attributes)) for e in each.entities),
            sorted((e.label, repr(e.trigger)) for e in each.events or ()),
            sorted(repr((r.label, spans[r.head], spans[r.tail])) for r in each.relations or ()),
        )

    assert described(from_tsv) == described(from_cas)


def test_what_the_format_does_not_hold_is_counted(tmp_path):
    rich = Document(
        "a/b",
        "\nAda met Bo ",
        [
            Entity("P", 1, 5, id="x", score=0.5, attributes={"identifier": "Q", "k": 1}),
            Entity("P", 0, 1),
        ],
        [Event("Meet", Span(5, 8), [Argument("Who", 4, 5)], realis="ACTUAL"), Event("Doc")],
        relations=[Relation("knows", "x", "x", attributes={"sure": True})],
        meta={"language": "en", "k": 1},
    )
    second = Document("c", "Ada", [Entity("P", 0, 3)], relations=None)
    third = Document("e", " \n ", [])

    report = Corpus([rich, second, third, Document("u", "Ada")]).save(f"webanno:{tmp_path}/f")

    assert report.skipped == {"documents whose entities were not annotated": 1}
    assert report.dropped == {
        "fields of meta": 2,
        "ids of entities": 1,
        "scores of entities": 1,
        "attributes of entities": 1,
        "realis of events": 1,
        "events without a trigger": 1,
        "attributes of relations": 1,
        "white space before the first word, written as spaces": 2,
        "annotations that begin or end in white space, which is cut": 1,
        "annotations of white space only": 2,
        "layers of relations that were not annotated": 2,
        "ids of documents that are not the name of the file": 1,
    }
    back = load_corpus(f"webanno:{tmp_path}/f")
    assert [each.text for each in back] == ["Ada", " Ada met Bo ", ""]
    assert back.ids == ["c", "document-000001", "e"]


def test_a_folder_with_other_documents_is_refused(tmp_path):
    ada = Document("a", "Ada", [Entity("P", 0, 3)])
    Corpus([ada]).save(f"webanno:{tmp_path}/f")
    Corpus([ada]).save(f"webanno:{tmp_path}/f")

    with pytest.raises(InputError, match="has other documents, such as a.tsv"):
        Corpus([replace(ada, id="b")]).save(f"webanno:{tmp_path}/f")
    with pytest.raises(InputError, match="has one document, and there are 2; name a folder"):
        Corpus([ada, replace(ada, id="b")]).save(f"webanno:{tmp_path}/x.tsv")
    with pytest.raises(InputError, match="cannot be written, since a carriage return ends a line"):
        Corpus([Document("a", "Ada", [Entity("P\r", 0, 3)])]).save(f"webanno:{tmp_path}/x.tsv")
