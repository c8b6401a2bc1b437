"""The format pubtator: mentions with concept ids, and relations of concepts."""

import gzip

import bioc.pubtator
import pytest
from helpers.any_text import PLAIN_GAPS, documents
from helpers.cli import run_evalkit
from helpers.profiles import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from evalkit import Corpus, Document, Entity, InputError, LoadError, Relation, load_corpus, score

FEW = settings(max_examples=examples(150), deadline=None)
# The dialect of the chemical–disease relations of BioCreative V
CDR = """\
11|t|Naloxone reverses clonidine.
11|a|Hepatic and renal failure were not seen with naloxone.
11\t0\t8\tNaloxone\tChemical\tD009270
11\t18\t27\tclonidine\tChemical\t-1
11\t29\t54\tHepatic and renal failure\tDisease\tD01|D02\thepatic failure|renal failure
11\t74\t82\tnaloxone\tChemical\tD009270
11\tCID\tD009270\tD01
11\tCID\tD009270\tD999

12|t|No chemical.
"""
# The dialect of BioRED and MedMentions: other relations, several types, no empty line
BIORED = """\
PMC1|t|BRCA1 and TP53
PMC1|a|
PMC1\t0\t5\tBRCA1\tGene\t672
PMC1\t10\t14\tTP53\tT116,T123\tUMLS:C0079419\t
PMC1\tAssociation\t672\tUMLS:C0079419\tNovel
PMC2|t|A β-blocker.
PMC2\t2\t11\tβ-blocker\tChemical\t
"""


@pytest.fixture
def read(tmp_path):
    def read(content, **options):
        path = tmp_path / "f.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_corpus(f"pubtator:{path}", **options)

    return read


def test_mentions_have_their_concepts_as_links(read):
    corpus = read(CDR)

    assert corpus[0].text == (
        "Naloxone reverses clonidine.\nHepatic and renal failure were not seen with naloxone."
    )
    assert corpus[0].entities == (
        Entity("Chemical", 0, 8, id="T1", attributes={"link": "D009270"}),
        Entity("Chemical", 18, 27, attributes={"link": None}),
        Entity(
            "Disease",
            29,
            54,
            id="T3",
            attributes={
                "link": "D01|D02",
                "individual_mentions": "hepatic failure|renal failure",
            },
        ),
        Entity("Chemical", 74, 82, attributes={"link": "D009270"}),
    )
    assert corpus[1] == Document("12", "No chemical.", [], relations=[])


def test_relations_of_concepts_are_between_their_first_mentions(read):
    corpus = read(CDR)

    assert corpus[0].relations == (Relation("CID", "T1", "T3", attributes={"tail_link": "D01"}),)
    assert corpus.conversion.dropped == {"relations with a concept that is not mentioned": 1}
    assert (
        "f.txt:8"
        in corpus.conversion.dropped.examples["relations with a concept that is not mentioned"][0]
    )


def test_relations_of_other_types_several_types_and_other_ids_are_read(read):
    first, second = read(BIORED)

    assert first.text == "BRCA1 and TP53\n"
    assert first.entities == (
        Entity("Gene", 0, 5, id="T1", attributes={"link": "672"}),
        Entity("T116,T123", 10, 14, id="T2", attributes={"link": "UMLS:C0079419"}),
    )
    assert first.relations == (
        Relation("Association", "T1", "T2", attributes={"novelty": "Novel"}),
    )
    assert second == Document("PMC2", "A β-blocker.", [Entity("Chemical", 2, 11)], relations=[])


@pytest.mark.parametrize("content", [CDR, BIORED.replace("PMC2|t|", "\nPMC2|t|")])
def test_mentions_are_those_that_bioc_reads(read, content):
    expected = []
    for document in bioc.pubtator.loads(content):
        for mention in document.annotations:
            each = (document.pmid, mention.start, mention.end, mention.text, mention.type)
            expected.append(each)

    found = []
    for document in read(content):
        for entity in document.entities:
            surface = document.text[entity.start : entity.end]
            found.append((document.id, entity.start, entity.end, surface, entity.label))

    # bioc strips lines, so that a mention without a concept id is a relation to it
    without_id = [each for each in found if each[0] == "PMC2"]
    assert expected + without_id == found


def test_relations_are_dropped_and_counted_on_request(read):
    corpus = read(CDR, relations="drop")

    assert [document.relations for document in corpus] == [None, None]
    assert [entity.id for entity in corpus[0].entities] == [None] * 4
    assert corpus.conversion.dropped == {"relations of concepts": 2}
    with pytest.raises(InputError, match="unknown relations 'x'"):
        read(CDR, relations="x")


def test_relations_with_the_same_first_mentions_are_one_and_counted(read):
    corpus = read(CDR.replace("D999", "D02"))

    assert len(corpus[0].relations) == 1
    assert corpus.conversion.dropped == {"relations that equal another between first mentions": 1}


def test_a_mention_of_one_concept_is_preferred_to_a_composite_mention(read):
    (document,) = read(
        "1|t|a and b, b\n1\t0\t7\ta and b\tX\tA|B\n1\t9\t10\tb\tX\tB\n1\tCID\tB\tA\n"
    )

    assert document.relations == (Relation("CID", "T2", "T1", attributes={"tail_link": "A"}),)


def test_windows_line_ends_a_byte_order_mark_and_compressed_files_are_read(read, tmp_path):
    plain = list(read(CDR))
    (tmp_path / "g.pubtator.gz").write_bytes(gzip.compress(CDR.encode()))

    assert list(read(b"\xef\xbb\xbf" + CDR.replace("\n", "\r\n").encode())) == plain
    assert list(load_corpus(tmp_path / "g.pubtator.gz")) == plain


def test_offsets_in_other_units_are_converted_and_proposed(read):
    content = BIORED.replace("2\t11", "2\t12")
    with pytest.raises(LoadError, match="offset_unit"):
        read(content)

    assert read(content, offset_unit="utf-8")[1].entities == (Entity("Chemical", 2, 11),)


def test_shared_options_hold(read):
    repeated = CDR.replace("11\tCID", "11\t0\t8\tNaloxone\tChemical\tD009270\n11\tCID", 1)
    with pytest.raises(LoadError, match=r"duplicate of entities\[0\]"):
        read(repeated)

    assert len(read(repeated, duplicates="drop")[0].entities) == 4
    assert len(read(repeated, on_error="skip")) == 1
    blank = read("1|t|a b\n1\t1\t3\t b\tX\n", trim=True)
    assert blank[0].entities == (Entity("X", 2, 3),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1|t|Ada\n1\t0\t9\tAda\tX\n", "f.txt:2: document '1', entities[0].end: 9 is past the end"),
        ("1|t|Ada\n1\t0\t2\tAda\tX\n", "f.txt:2: document '1', entities[0].text: 'Ada' is not"),
        ("1|t|Ada\n1\t0\t3\tAda\n", "f.txt:2: document '1', entities[0].label: invalid label ''"),
        ("1|t|Ada\n1\t0\tx\tAda\tX\n", "f.txt:2: end: 'x' is not a number; write an offset"),
        ("1|t|Ada\n2\t0\t3\tAda\tX\n", "f.txt:2: the id '2' is not that of the document, '1'"),
        ("1|t|Ada\n2|a|Ada\n", "f.txt:2: the id '2' is not that of the document, '1'"),
        ("1|t|Ada\n1|a|b\n1|a|c\n", "f.txt:3: document '1' has a second abstract; delete one"),
        ("1|t|Ada\n1|t|b\n", "f.txt:2: document '1' has a second title; delete one"),
        ("Ada\n", "f.txt:1: 'Ada' is neither text nor an annotation; a PubTator document begins"),
        ("1\t0\t3\tAda\tX\n", "f.txt:1: '1\\t0\\t3\\tAda\\tX' is neither text nor"),
        ("1|t|a\n\n1|t|b\n", "f.txt:3: id: "),
        (b"1|t|\xff\n", "f.txt:1: not UTF-8: invalid start byte at byte 4 of the line"),
    ],
)
def test_errors_name_line_field_and_remedy(read, content, message):
    with pytest.raises(LoadError) as error:
        read(content)

    assert message in str(error.value)


def test_all_errors_are_reported_together(read):
    with pytest.raises(LoadError) as error:
        read("1|t|Ada\n1\t0\t9\tAda\tX\n1\t7\t8\tAda\tX\n\n2|t|b\n2\t5\t6\tb\tX\n")

    lines = [f"f.txt:{number}" for number in (2, 3, 6)]
    assert [line in str(error.value) for line in lines] == [True] * 3


def test_a_file_in_another_format_is_not_read_to_its_end(read):
    with pytest.raises(LoadError) as error:
        read("Ada B-PER\n" * 5000)

    assert len(error.value.errors) + error.value.omitted == 1001
    with pytest.raises(LoadError) as error:
        read(CDR + "Ada B-PER\n" * 5000)
    assert len(error.value.errors) + error.value.omitted == 1001


def test_a_pubtator_file_is_recognized(tmp_path):
    (tmp_path / "a.txt").write_text(CDR)

    detected = run_evalkit("validate", "a.txt", cwd=tmp_path)
    converted = run_evalkit("convert", "pubtator:a.txt", "b.jsonl", cwd=tmp_path)

    assert detected.returncode == 0
    assert detected.stderr.startswith("a.txt: detected: format pubtator\n")
    assert converted.returncode == 0
    assert "1 relations with a concept that is not mentioned" in converted.stderr


def test_links_and_relations_are_scored(read, tmp_path):
    gold = read(CDR)
    wrong = CDR.replace(
        "29\t54\tHepatic and renal failure\tDisease\tD01",
        "29\t54\tHepatic and renal failure\tDisease\tD07",
    ).replace("CID\tD009270\tD01", "CID\tD02\tD07")
    scores = score(gold, read(wrong), "links/strict,relations/strict", boot=0)

    # 3 of 4 links are equal; a relation of other mentions is wrong
    assert scores["links/strict"].micro.tp == 3
    assert (scores["relations/strict"].micro.tp, scores["relations/strict"].micro.fp) == (0, 1)
    assert score(gold, gold, "relations/strict", boot=0)["relations/strict"].micro.f1 == 1


# Writing


@st.composite
def linked_documents(draw, **options):
    """A document whose entities may have links, and relations between those that have one."""
    document = draw(documents(layers=("entities",), **options))
    links = st.sampled_from(["D1", "D2", "D1|D2", None, "absent"])
    entities = []
    for number, entity in enumerate(document.entities):
        link = draw(links)
        attributes = None if link == "absent" else {"link": link}
        entities.append(replace(entity, attributes=attributes, id=f"e{number}"))
    pairs = st.tuples(st.sampled_from(["CID", "Bind"]), *[st.sampled_from(entities)] * 2)
    chosen = draw(st.lists(pairs, max_size=3)) if entities else []
    relations = {(label, head.id, tail.id) for label, head, tail in chosen}
    return replace(
        document,
        entities=tuple(entities),
        relations=tuple(Relation(*relation) for relation in sorted(relations)),
    )


def concept_relations(document):
    """The relations of a document as a set of label, concept and concept; by plain loops."""
    links = {entity.id: (entity.attributes or {}).get("link") for entity in document.entities}
    found = set()
    for relation in document.relations or ():
        attributes = relation.attributes or {}
        head = attributes.get("head_link") or links[relation.head]
        tail = attributes.get("tail_link") or links[relation.tail]
        if head and tail:
            found.add((relation.label, head, tail))
    return found


def plain(document):
    return [(e.label, e.start, e.end, e.attributes) for e in document.entities]


@FEW
@given(document=linked_documents(broken=True))
def test_what_is_written_is_read_back_apart_from_what_is_counted(tmp_path_factory, document):
    path = f"pubtator:{tmp_path_factory.mktemp('back')}/f.txt"

    counts = Corpus([document]).save(path).counts
    (back,) = load_corpus(path)

    entities = tuple(entity for entity in document.entities if not entity.fragments)
    ids = {entity.id for entity in entities}
    kept = [r for r in document.relations if r.head in ids and r.tail in ids]
    contiguous = replace(document, entities=entities, relations=tuple(kept))
    first, line_end, rest = document.text.partition("\n")
    changed = first.count("\r") + rest.count("\r") + rest.count("\n")
    expected_text = "".join(
        [first.replace("\r", " "), line_end, rest.replace("\r", " ").replace("\n", " ")]
    )
    assert back.text == expected_text
    assert plain(back) == plain(contiguous)
    assert counts.get("line ends within title or abstract, written as spaces", 0) == changed
    broken = len(document.entities) - len(contiguous.entities)
    assert counts.get("discontinuous entities", 0) == broken
    lost = len(document.relations) - len(kept)
    assert counts.get("relations with an argument that is not written", 0) == lost
    wanted = concept_relations(contiguous)
    without_link = counts.get("relations with an argument without a link", 0)
    equal = counts.get("relations that equal another between first mentions", 0)
    assert len(back.relations or ()) + without_link + equal == len(kept)
    assert concept_relations(back) <= wanted
    assert len(wanted) - len(concept_relations(back)) <= equal


@FEW
@given(document=linked_documents())
def test_what_was_read_is_written_without_loss(tmp_path_factory, document):
    folder = tmp_path_factory.mktemp("twice")
    Corpus([document]).save(f"pubtator:{folder}/a")
    once = load_corpus(f"pubtator:{folder}/a")

    counts = once.save(f"pubtator:{folder}/b").counts

    assert counts == {}
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()
    assert list(load_corpus(f"pubtator:{folder}/b")) == list(once)


@FEW
@given(document=documents(gaps=PLAIN_GAPS))
def test_bioc_reads_what_is_written(tmp_path_factory, document):
    # bioc strips each line
    text = " ".join(document.text.split()) or "a"
    ada = [Entity("PER", 0, 1, attributes={"link": "D1"})]
    path = tmp_path_factory.mktemp("bioc") / "f.txt"

    Corpus([Document("7", text, ada), Document("8", text, ada)]).save(f"pubtator:{path}")

    articles = bioc.pubtator.loads(path.read_text(encoding="utf-8"))
    assert [(article.pmid, article.text) for article in articles] == [("7", text), ("8", text)]
    for article in articles:
        (mention,) = article.annotations
        assert (mention.start, mention.end, mention.type, mention.id) == (0, 1, "PER", "D1")


def test_what_the_format_does_not_hold_is_counted(tmp_path):
    first = Document(
        "1",
        "Ada met Bo",
        [
            Entity("P", 0, 3, id="x", score=0.5, attributes={"link": "-1", "age": 3}),
            Entity("P", 8, 10, id="y", attributes={"link": "D2"}),
        ],
        [],
        relations=[Relation("knows", "x", "y", id="r", attributes={"sure": True})],
        meta={"k": 1},
    )
    second = Document("2", "Ada", [Entity("P", 0, 3, id="T1")])

    counts = Corpus([first, second]).save(f"pubtator:{tmp_path}/f").counts

    assert counts == {
        "fields of meta": 1,
        "scores of entities": 1,
        "ids of relations": 1,
        "layers that were annotated and are empty": 1,
        "relations with an argument without a link": 1,
        "attributes of entities": 1,
        "ids of entities": 3,
        "empty layers of relations": 1,
    }


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (Document("a|b", "Ada", []), "id: 'a|b' cannot be written, since '|' separates columns"),
        (Document("a", "Ada", [Entity("P\tQ", 0, 3)]), r"entities\[0\].label: 'P\\tQ' cannot be"),
        (Document("a", "Ada"), "entities were not annotated"),
        (
            Document(
                "a",
                "Ada",
                [Entity("P", 0, 3, id="T1", attributes={"link": "D1"})],
                relations=[Relation("12", "T1", "T1")],
            ),
            r"relations\[0\].label: '12' would be read as an offset; rename it",
        ),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, document, message):
    message = message.replace("|", r"\|")

    with pytest.raises(InputError, match=message):
        Corpus([document]).save(f"pubtator:{tmp_path}/f")
    assert not (tmp_path / "f").exists()


def test_other_line_ends_are_refused(read):
    with pytest.raises(LoadError, match=r"f\.txt:1: carriage return inside a line; expected lines"):
        read(CDR.replace("\n", "\r"))
    assert read(CDR.replace("\n", "\r\n")).documents == read(CDR).documents
