"""The format conll2012: entities and coreference in columns of brackets."""

import gzip
import random
import re

import pytest
from helpers import any_text
from helpers.cli import run_evalkit
from helpers.profiles import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import Corpus, Document, Entity, Event, InputError, LoadError, Span, load_corpus, score

FEW = settings(max_examples=examples(60), deadline=None)
# In the form of OntoNotes as CoNLL-2012 has it: two parts, a column for each predicate
ONTONOTES = """#begin document (bc/cnn/00/cnn_0003); part 000
bc/cnn/00/cnn_0003  0  0  Ada  NNP  (TOP(S(NP*  -  -  -  Host#1  (PERSON*  (ARG0*  (4|(0
bc/cnn/00/cnn_0003  0  1  Byron  NNP  *)  -  -  -  Host#1  *)  *)  0)
bc/cnn/00/cnn_0003  0  2  saw  VBD  (VP*  see  01  1  Host#1  *  (V*)  -
bc/cnn/00/cnn_0003  0  3  Oslo  NNP  (NP*)))  -  -  -  Host#1  (GPE)  (ARG1*)  (3)|4)

bc/cnn/00/cnn_0003  0  0  She  PRP  (TOP(S(NP*)  -  -  -  Host#1  *  (0)
bc/cnn/00/cnn_0003  0  1  -LRB-  -LRB-  *  -  -  -  Host#1  *  -
bc/cnn/00/cnn_0003  0  2  /.  .  *))  -  -  -  Host#1  *  -

#end document
#begin document (bc/cnn/00/cnn_0003); part 001
bc/cnn/00/cnn_0003  1  0  Rain  NN  (TOP(NP*))  -  -  -  Guest  *  -

#end document
"""
# In the form of a system's output, with tabs, and nested entities
NESTED = (
    "#begin document (d1)\n"
    "d1\t0\t0\tUniversity\t-\t*\t-\t-\t-\t-\t(ORG*\t(1\n"
    "d1\t0\t1\tof\t-\t*\t-\t-\t-\t-\t*\t-\n"
    "d1\t0\t2\tRome\t-\t*\t-\t-\t-\t-\t(GPE*))\t1)\n"
    "#end document\n"
)
MENTIONS = "mentions of coreference that are not named entities"


def load(tmp_path, content, **options):
    path = tmp_path / "f.gold_conll"
    path.write_text(content, encoding="utf-8")
    return load_corpus(path, **options)


def row(index, word, named="*", chain="-"):
    return f"d 0 {index} {word} - * - - - - {named} {chain}\n"


def test_documents_entities_and_chains_are_read(tmp_path):
    corpus = load(tmp_path, ONTONOTES)

    assert list(corpus) == [
        Document(
            "bc/cnn/00/cnn_0003; part 000",
            "Ada Byron saw Oslo\nShe -LRB- /.",
            [
                Entity("PERSON", 0, 9, attributes={"entity": "0"}),
                Entity("GPE", 14, 18, attributes={"entity": "3"}),
            ],
        ),
        Document("bc/cnn/00/cnn_0003; part 001", "Rain", []),
    ]
    assert corpus.conversion.dropped == {
        "columns other than those of words, entities and coreference": 7,
        MENTIONS: 2,  # of chain 4, and "She"
    }


def test_nested_entities_are_read(tmp_path):
    assert list(load(tmp_path, NESTED)) == [
        Document(
            "d1",
            "University of Rome",
            [
                Entity("ORG", 0, 18, attributes={"entity": "1"}),
                Entity("GPE", 14, 18),
            ],
        )
    ]


@pytest.mark.parametrize(
    "suffix", [".gold_conll", ".v4_gold_conll", ".auto_conll", ".v4_auto_conll", ".gold_conll.gz"]
)
def test_files_are_known_by_their_suffix(tmp_path, suffix):
    path = tmp_path / f"f{suffix}"
    data = NESTED.replace("\n", "\r\n").encode()
    path.write_bytes(gzip.compress(data) if suffix.endswith(".gz") else data)

    assert load_corpus(path).ids == ["d1"]


def test_a_document_without_any_value_in_the_column_was_not_annotated(tmp_path):
    content = "#begin document (a)\n" + row(0, "Ada", "-") + "#begin document (b)\n" + row(0, "Bo")

    assert list(load(tmp_path, content)) == [Document("a", "Ada"), Document("b", "Bo", [])]


def test_other_columns_are_named_by_options(tmp_path):
    content = "Ada (PER) x\nran * x\n"

    corpus = load(tmp_path, content, token_column=0, tag_column=1)

    assert list(corpus) == [Document("sentence-1", "Ada ran", [Entity("PER", 0, 3)])]


@pytest.mark.parametrize(
    ("documents", "ids"),
    [
        ("sentence", ["part 000/1", "part 000/2", "part 001/1"]),
        (2, ["part 000/1", "part 001/1"]),
        ("file", ["doc-1"]),
    ],
)
def test_documents_may_be_other_than_those_of_the_file(tmp_path, documents, ids):
    corpus = load(tmp_path, ONTONOTES, documents=documents)

    assert [id.removeprefix("bc/cnn/00/cnn_0003; ") for id in corpus.ids] == ids
    assert sum(len(document.entities) for document in corpus) == 2


ERRORS = {
    "tags": (row(0, "Ada", "B-PER"), "f.gold_conll:1: invalid entity 'B-PER': .*format conll"),
    "an empty label": (row(0, "Ada", "(*)"), "f.gold_conll:1: invalid entity"),
    "no entity": (row(0, "Ada", "*)"), r"f.gold_conll:1: '\*\)' closes an entity, but none"),
    "not closed": (row(0, "Ada", "(A*") + "\n" + row(0, "B", "*)"), r":1: \(A\* is not closed"),
    "columns": ("Ada B-PER\n", "f.gold_conll:1: 2 columns: 'Ada B-PER'; expected 11 or more"),
    "other columns": (row(0, "A") + row(1, "B x"), "f.gold_conll:2: 13 columns, but 12 on line 1"),
    "a skeleton": (row(0, "[WORD]") + row(1, "[WORD]"), "the words are missing: each is .WORD."),
    "bytes": (row(0, "\udcff"), "f.gold_conll:1: not UTF-8"),
    "a text": ('# doc_text = "Bo"\n' + row(0, "Ada"), "the words differ from the text"),
}


@pytest.mark.parametrize(("content", "message"), ERRORS.values(), ids=ERRORS)
def test_an_invalid_file_is_refused_with_the_line(tmp_path, content, message):
    (tmp_path / "f.gold_conll").write_bytes(content.encode("utf-8", "surrogateescape"))

    with pytest.raises(LoadError, match=message):
        load_corpus(tmp_path / "f.gold_conll")


def test_invalid_options_are_refused(tmp_path):
    for options in ({"token_column": "-1"}, {"tag_column": "x"}, {"documents": "x"}):
        with pytest.raises(InputError, match="invalid"):
            load(tmp_path, ONTONOTES, **options)


def test_documents_with_errors_can_be_skipped(tmp_path):
    content = "#begin document (a)\n" + row(0, "Ada", "*)") + "#begin document (b)\n" + row(0, "Bo")

    assert load(tmp_path, content, on_error="skip").ids == ["b"]


def test_brackets_of_coreference_without_a_counterpart_are_counted(tmp_path):
    corpus = load(
        tmp_path, row(0, "A", chain="(1") + row(1, "B", chain="2)") + row(2, "C", "*", "x")
    )

    assert corpus.conversion.dropped == {"brackets of coreference without a counterpart": 3}


def read_by_loops(content):
    """The entities and mentions of each document: (words, {(first, last, label)}, {…})."""
    documents = []
    for block in re.split("#begin document.*\n", content)[1:]:
        words, entities, mentions, begun, chains = [], set(), set(), [], []
        for line in block.splitlines():
            if not line or line.startswith("#"):
                continue
            cells = line.split()
            named, chain = cells[10], cells[-1]
            here = len(words)
            words.append(cells[3])
            label = ""
            for character in named:
                if character == "(":
                    label = ""
                    begun.append([here, ""])
                elif character == ")":
                    start, name = begun.pop()
                    entities.add((start, here, name))
                elif character != "*":
                    label += character
                    begun[-1][1] = label
            for item in [] if chain == "-" else chain.split("|"):
                number = item.strip("()")
                if item[0] == "(":
                    chains.append((here, number))
                if item[-1] == ")":
                    last = max(n for n, (_, other) in enumerate(chains) if other == number)
                    mentions.add((*chains.pop(last)[:1], here, number))
        documents.append((words, entities, mentions))
    return documents


def random_file(draw):
    """A few documents with nested entities and mentions of chains, at most one for each span."""
    lines = []
    for document in range(draw.randint(1, 3)):
        lines.append(f"#begin document (d{document}); part 00{document}")
        for _ in range(draw.randint(1, 4)):
            size = draw.randint(1, 7)
            arguments = draw.randint(0, 3)
            named, chains = [["", ""] for _ in range(size)], [[] for _ in range(size)]
            spans = set()
            for _ in range(draw.randint(0, 3)):
                start = draw.randrange(size)
                end = draw.randrange(start, size)
                crosses = any(a < start <= b < end or start < a <= end < b for a, b in spans)
                if not crosses and (start, end) not in spans:
                    spans.add((start, end))
            for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
                named[start][0] += f"({draw.choice(['PER', 'WORK_OF_ART'])}"
                named[end][1] += ")"
            mentions = set(draw.sample(sorted(spans), draw.randint(0, len(spans))))
            start = draw.randrange(size)
            mentions.add((start, draw.randrange(start, size)))
            for number, (start, end) in enumerate(sorted(mentions)):
                if start == end:
                    chains[start].append(f"({number})")
                else:
                    chains[start].append(f"({number}")
                    chains[end].append(f"{number})")
            for n in range(size):
                star = "" if named[n][0] and named[n][1] and draw.random() < 0.5 else "*"
                extra = ["*"] * arguments
                cells = [f"d{document}", "0", str(n), f"w{n}", "NN", "*", "-", "-", "-", "-"]
                cells += [star.join(named[n]) or "*", *extra, "|".join(chains[n]) or "-"]
                lines.append(draw.choice(["\t", "   "]).join(cells))
            lines.append("")
        lines.append("#end document")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", range(examples(100)))
def test_random_files_are_read_as_by_plain_loops(tmp_path, seed):
    content = random_file(random.Random(seed))

    corpus = load(tmp_path, content)

    dropped = 0
    for document, (words, entities, mentions) in zip(corpus, read_by_loops(content), strict=True):
        assert document.text.split() == words
        starts, position = [], 0
        for word in words:
            starts.append(position)
            position += len(word) + 1
        chains = {(first, last): chain for first, last, chain in mentions}
        expected = {
            (label, starts[first], starts[last] + len(words[last]), chains.get((first, last)))
            for first, last, label in entities
        }
        read = {
            (e.label, e.start, e.end, (e.attributes or {}).get("entity")) for e in document.entities
        }
        assert read == expected
        dropped += len(chains.keys() - {(first, last) for first, last, _ in entities})
    assert corpus.conversion.dropped.get(MENTIONS, 0) == dropped


@FEW
@given(any_text.corpora(flat=True), st.sampled_from(["words", "whitespace"]))
def test_every_corpus_comes_back_but_for_white_space_at_edges_of_entities(
    tmp_path_factory, documents, tokenizer
):
    path = tmp_path_factory.mktemp("conll2012") / "f.gold_conll"
    losses = Corpus(documents).save(path, embed_text=True, tokenizer=tokenizer)

    again = load_corpus(path)

    held = [(e, d.text[e.start : e.end].strip(), d.text) for d in documents for e in d.entities]
    assert [(d.id, d.text) for d in again] == [(d.id, d.text) for d in documents]
    assert [(e.label, d.text[e.start : e.end]) for d in again for e in d.entities] == [
        (e.label, surface) for e, surface, _ in held if surface
    ]
    assert sum(losses.counts.values()) == sum(
        surface != text[e.start : e.end] for e, surface, text in held
    )
    assert not again.conversion
    assert list(again) == documents or losses


@FEW
@given(any_text.corpora(broken=True), st.booleans(), st.booleans())
def test_all_entities_come_back_or_are_counted(
    tmp_path_factory, documents, split_tokens, embed_text
):
    path = tmp_path_factory.mktemp("conll2012") / "f.gold_conll"
    losses = Corpus(documents).save(path, split_tokens=split_tokens, embed_text=embed_text)

    again = load_corpus(path)

    kept = ("without it", "texts of which the tokens alone")
    left_out = sum(
        count for name, count in losses.counts.items() if not any(part in name for part in kept)
    )
    assert sum(len(d.entities) for d in again) + left_out == sum(len(d.entities) for d in documents)
    assert losses or list(again) == documents


def test_chains_are_written_as_coreference(tmp_path):
    corpus = load(tmp_path, ONTONOTES)

    losses = corpus.save(tmp_path / "o.gold_conll", tokenizer="whitespace")

    assert not losses
    again = load_corpus(tmp_path / "o.gold_conll")
    assert list(again) == list(corpus)
    assert not again.conversion


def test_what_is_written_is_in_twelve_columns(tmp_path):
    Corpus([Document("d/1; part 003", "Ada Byron ran", [Entity("PER", 0, 9)])]).save(
        tmp_path / "o.gold_conll"
    )

    assert (tmp_path / "o.gold_conll").read_text() == (
        "#begin document (d/1); part 003\n"
        "d/1\t3\t0\tAda\t-\t*\t-\t-\t-\t-\t(PER*\t-\n"
        "d/1\t3\t1\tByron\t-\t*\t-\t-\t-\t-\t*)\t-\n"
        "d/1\t3\t2\tran\t-\t*\t-\t-\t-\t-\t*\t-\n"
        "\n"
        "#end document\n"
        "\n"
    )


@pytest.mark.parametrize(
    "id",
    ["a b", " a", '"a"', "a\nb", "#begin document", "-DOCSTART-", "(a)", "a); part 1", "a; part x"],
)
def test_any_id_comes_back(tmp_path, id):
    documents = [Document(id, "Ada ran.", [Entity("PER", 0, 3)]), Document(f"{id}2", "", [])]

    Corpus(documents).save(tmp_path / "f.gold_conll", embed_text=True)

    assert list(load_corpus(tmp_path / "f.gold_conll")) == documents


def test_what_brackets_cannot_hold_is_counted(tmp_path):
    entities = [
        Entity("A(B", 0, 3, id="T1", score=0.5),
        Entity("C", 4, 7, attributes={"entity": "Ada"}),
        Entity("D", 8, 11, attributes={"entity": "7"}),
        Entity("D", 12, 15, attributes={"entity": "7", "sure": True}),
    ]
    document = Document("d", "Ada ran off now", entities, [Event("E", Span(4, 7))])

    losses = Corpus([document]).save(tmp_path / "f.gold_conll")

    assert losses.dropped == {
        "entities whose label holds one of ( ) *": 1,
        "events": 1,
        "ids of entities": 1,
        "scores of entities": 1,
        "attributes of entities": 2,
    }
    kept = [Entity("C", 4, 7), entities[2], Entity("D", 12, 15)]
    assert load_corpus(tmp_path / "f.gold_conll")[0] == Document("d", "Ada ran off now", kept)
    with pytest.raises(InputError, match="entities were not annotated"):
        Corpus([Document("d", "Ada")]).save(tmp_path / "f.gold_conll")


def test_files_are_scored_and_converted(tmp_path):
    (tmp_path / "g.gold_conll").write_text(ONTONOTES)
    (tmp_path / "p.auto_conll").write_text(ONTONOTES.replace("(GPE)", "*"))

    scores = score(tmp_path / "g.gold_conll", tmp_path / "p.auto_conll", "ner", boot=0)
    done = run_evalkit("convert", tmp_path / "g.gold_conll", tmp_path / "o.conll")

    assert (scores["ner"].micro.tp, scores["ner"].micro.fn) == (1, 1)
    assert done.returncode == 0
    converted = load_corpus(tmp_path / "o.conll")
    assert [len(document.entities) for document in converted] == [2, 0]
