"""The reading options of all formats: trim and on_error."""

import json
import random

import pytest
from helpers.cli import run_evalkit

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Span,
    load_corpus,
    score,
)
from evalkit.formats.registry import FORMATS, WRITTEN_FORMATS

FOLDERS = ("directory", "brat", "cas", "hf")
SKIPPED = "documents with errors"
TRIMMED = "spans trimmed of white space or punctuation at their edges"
# Formats whose files cannot hold two equal entities, so that writing leaves one out
WITHOUT_DUPLICATES = ("conll", "conll2012", "conllu", "tokens", "docbin", "brat")
# Tags and tokens have no white space at their edges
OF_TOKENS = (
    "webanno",
    "conll",
    "conll2012",
    "conllu",
    "tokens",
    "docbin",
    "dygie",
    "textee",
    "spert",
    "gliner-json",
)
# Formats of strings, which are searched in the texts
OF_STRINGS = ("universal-ner",)


def saved(corpus, tmp_path, name):
    """Where a corpus is saved in a format, with the name of the format."""
    path = tmp_path / ("c" if name in FOLDERS else f"c{(FORMATS[name].suffixes or ('.x',))[0]}")
    corpus.save(f"{name}:{path}")
    return f"{name}:{path}?ground=true" if name in OF_STRINGS else f"{name}:{path}"


@pytest.mark.parametrize(
    "name", [name for name in WRITTEN_FORMATS if name not in WITHOUT_DUPLICATES]
)
def test_a_document_with_an_error_is_skipped_and_counted(tmp_path, name):
    ada = Entity("PER", 0, 3)
    texts = ["Ada ran.", "Ada sat.", "Ada fled."]
    documents = [Document(f"d{n}", text, [ada], []) for n, text in enumerate(texts)]
    documents[1] = Document("d1", texts[1], [ada, ada], [])
    location = saved(Corpus(documents), tmp_path, name)
    with pytest.raises(LoadError, match="duplicate"):
        load_corpus(location)

    corpus = load_corpus(location, on_error="skip")

    assert [document.text for document in corpus] == [texts[0], texts[2]]
    assert corpus.conversion.skipped[SKIPPED] == 1
    assert "duplicate of entities[0]" in corpus.conversion.skipped.examples[SKIPPED][0]
    assert len(load_corpus(location, on_error="skip", predictions=True)) == 3


# How the end of the entity "Brunhilde" is made wrong in a file; characters 0 to 9, the only token
WRONG_ENDS = {
    "directory": ('"end":9', '"end":999'),
    "prodigy": ('"end":9', '"end":999'),
    "jsonl": ('"end":9', '"end":999'),
    "gliner2-json": ('"end":9', '"end":999'),
    "labelstudio": ('"end":9', '"end":999'),
    "hf": ('"end":9', '"end":999'),
    "spacy-json": ("[0,9,", "[0,999,"),
    "doccano": ('"end_offset":9', '"end_offset":999'),
    "langextract": ('"end_pos":9', '"end_pos":999'),
    "bigbio": ("[[0,9]]", "[[0,999]]"),
    "pubtator": ("\t0\t9\t", "\t0\t999\t"),
    "bioc": ('length="9"', 'length="999"'),
    "spans": (",0,9,", ",0,999,"),
    "brat": ("PER 0 9", "PER 0 999"),
    "cas": ('end="9"', 'end="999"'),
    "webanno": ("0-9", "0-999"),
    "conll": ("Brunhilde\tB-PER", "Brunhilde\tX-PER"),
    "conllu": ("B-PER", "X-PER"),
    "tokens": ("Brunhilde,B-PER", "Brunhilde,X-PER"),
    "conll2012": ("(PER)", "((PER)"),
}


@pytest.mark.parametrize("name", WRONG_ENDS)
def test_a_document_that_cannot_be_read_is_skipped_and_all_others_are_complete(tmp_path, name):
    texts = ["Ada ran.", "Brunhilde sat.", "Cy fled."]
    lengths = [3, 9, 2]
    documents = [
        Document(f"d{n}", text, [Entity("PER", 0, length)])
        for n, (text, length) in enumerate(zip(texts, lengths))
    ]
    location = saved(Corpus(documents), tmp_path, name)
    wrong, right = WRONG_ENDS[name][::-1]
    for file in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        content = file.read_text()
        if "PER" in content and right in content:
            first = content.find("Brunhilde") if name in ("conllu", "conll2012") else 0
            changed = content[first:].replace(right, wrong, 1)
            file.write_text(content[:first] + changed)
    with pytest.raises(LoadError):
        load_corpus(location)

    corpus = load_corpus(location, on_error="skip")

    assert [document.text.split()[0] for document in corpus] == ["Ada", "Cy"]
    assert [(e.start, e.end) for d in corpus for e in d.entities] == [(0, 3), (0, 2)]
    assert corpus.conversion.skipped[SKIPPED] == 1


def test_a_line_of_a_directory_without_a_known_document_is_never_skipped(tmp_path):
    Corpus([Document("d1", "Ada", [Entity("PER", 0, 3)]), Document("d2", "Bo", [])]).save(
        tmp_path / "c"
    )
    file = tmp_path / "c" / "annotations" / "entities.jsonl"
    content = file.read_text()
    for line in ('{"doc": "d1", "label"', '{"doc": "d9", "label": "X", "start": 0, "end": 1}'):
        file.write_text(f"{content}{line}\n")

        with pytest.raises(LoadError, match="entities.jsonl:2: "):
            load_corpus(tmp_path / "c", on_error="skip")


def test_a_line_of_a_directory_without_a_valid_id_is_named_and_skipped_with_its_annotations(
    tmp_path,
):
    documents = [Document(f"d{n}", "Ada", [Entity("PER", 0, 3)]) for n in (1, 2)]
    Corpus(documents).save(tmp_path / "c")
    file = tmp_path / "c" / "corpus" / "corpus.jsonl"
    file.write_text(file.read_text().replace('"d2"', "2"))

    with pytest.raises(LoadError) as caught:
        load_corpus(tmp_path / "c")
    corpus = load_corpus(tmp_path / "c", on_error="skip")

    assert [error.split(": ")[0].rpartition("/")[2] for error in caught.value.errors[:2]] == [
        "corpus.jsonl:2",
        "entities.jsonl:2",
    ]
    assert list(corpus.ids) == ["d1"]
    assert corpus.conversion.skipped == {SKIPPED: 2}


def test_the_error_with_which_a_reader_ends_does_not_hide_those_before_it(tmp_path):
    documents = [Document(f"d{n}", "Ada", [Entity("PER", 0, 3)]) for n in (1, 2)]
    Corpus(documents).save(tmp_path / "c")
    (tmp_path / "c" / "corpus" / "d2.txt").write_text("Eve")
    file = tmp_path / "c" / "annotations" / "entities.jsonl"
    file.write_text(file.read_text() + "{\n")

    with pytest.raises(LoadError) as caught:
        load_corpus(tmp_path / "c")

    assert [error.split(": ")[0].rpartition("/")[2] for error in caught.value.errors[:2]] == [
        "d2.txt",
        "entities.jsonl:3",
    ]


def test_annotations_of_a_text_that_cannot_be_read_are_skipped_with_it(tmp_path):
    Corpus([Document("d1", "Ada", [Entity("PER", 0, 3)]), Document("d2", "Bo", [])]).save(
        tmp_path / "c"
    )
    (tmp_path / "c" / "corpus" / "d1.txt").write_text("Eve")

    corpus = load_corpus(tmp_path / "c", on_error="skip")

    assert list(corpus.ids) == ["d2"]
    assert corpus.conversion.skipped == {SKIPPED: 1}


@pytest.mark.parametrize("name", [n for n in WRITTEN_FORMATS if n not in (*OF_TOKENS, *OF_STRINGS)])
def test_spans_are_trimmed_and_counted(tmp_path, name):
    text = "He saw Ada, there."
    corpus = Corpus([Document("d", text, [Entity("PER", 6, 12)], [])])
    location = saved(corpus, tmp_path, name)
    as_it_is = load_corpus(location)
    assert [text[e.start : e.end] for e in as_it_is.documents[0].entities] == [" Ada, "]

    trimmed = load_corpus(location, trim=True)

    assert [text[e.start : e.end] for e in trimmed.documents[0].entities] == ["Ada"]
    assert trimmed.conversion.repaired == {TRIMMED: 1}


def test_a_brat_document_and_a_conll_document_with_an_error_are_skipped(tmp_path):
    for name, offsets in (("a", "0 3"), ("b", "0 9"), ("c", "0 3")):
        (tmp_path / f"{name}.txt").write_text("Ada ran.")
        (tmp_path / f"{name}.ann").write_text(f"T1\tPER {offsets}\tAda\n")
    tags = tmp_path / "f.conll"
    tags.write_text("Ada B-PER\n\nBo I-PER\n\nCy B-PER\n")

    for location, ids in ((f"brat:{tmp_path}", "ac"), (tags, ("sentence-1", "sentence-3"))):
        with pytest.raises(LoadError):
            load_corpus(location)
        corpus = load_corpus(location, on_error="skip")
        assert list(corpus.ids) == list(ids)
        assert corpus.conversion.skipped == {SKIPPED: 1}


def test_alternatives_are_trimmed_and_left_out_where_they_are_equal_then(tmp_path):
    text = "He saw Ada, Bo"
    entities = [Entity("P", 6, 11, alternatives=(Span(7, 10), Span(7, 12), Span(6, 14)))]
    Corpus([Document("a", text, entities)]).save(tmp_path / "a.jsonl")
    entities = [Entity("P", 6, 14, alternatives=(Span(6, 11),)), Entity("P", 7, 10)]
    Corpus([Document("b", text, entities), Document("c", text, [])]).save(tmp_path / "b.jsonl")

    corpus = load_corpus(tmp_path / "a.jsonl", trim=True)

    assert corpus.documents[0].entities == (Entity("P", 7, 10, alternatives=(Span(7, 14),)),)
    with pytest.raises(LoadError, match=r"b.jsonl:1: .*alternatives"):
        load_corpus(tmp_path / "b.jsonl", trim=True)
    assert list(load_corpus(tmp_path / "b.jsonl", trim=True, on_error="skip").ids) == ["c"]


def test_a_file_of_errors_only_is_refused(tmp_path):
    (tmp_path / "f.jsonl").write_text('{"id": "a"}\n{"id": "b"}\n')

    with pytest.raises(LoadError, match="text"):
        load_corpus(tmp_path / "f.jsonl", on_error="skip")


def test_a_second_document_with_an_id_is_skipped(tmp_path):
    (tmp_path / "f.jsonl").write_text(
        '{"id": "a", "text": "x", "entities": []}\n{"id": "a", "text": "y", "entities": []}\nno\n'
    )

    corpus = load_corpus(tmp_path / "f.jsonl", on_error="skip")

    assert [document.text for document in corpus] == ["x"]
    assert corpus.conversion.skipped == {SKIPPED: 2}


def test_predictions_of_documents_that_gold_skipped_are_left_out_and_counted(tmp_path):
    gold, predicted = tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl"
    good = '{"id": "%s", "text": "Ada", "entities": [{"label": "P", "start": 0, "end": 3}]}\n'
    gold.write_text(good % "a" + good.replace('"end": 3', '"end": 4') % "b" + good % "c")
    predicted.write_text("".join(good % id for id in "abc"))
    lenient = f"{gold}?on_error=skip"

    for side in (predicted, load_corpus(predicted)):
        scores = score(lenient, side, "ner", boot=0)
        assert scores["ner"].micro.tp == scores["ner"].micro.gold == 2
        conversion = scores.metadata.conversion
        assert conversion["gold"]["skipped"] == {SKIPPED: 1}
        assert conversion["predicted"]["skipped"] == {"documents that were skipped in gold": 1}
        assert "read:gold=on_error:skip" in scores["ner"].signature
        assert "documents that were skipped in gold" in scores.render()
    with pytest.raises(InputError, match="lacks document 'b'"):
        score(predicted, lenient, "ner")
    predicted.write_text("".join(good % id for id in "abcd"))
    with pytest.raises(InputError, match="2 documents not in gold"):
        score(lenient, predicted, "ner")


def is_edge(character):
    return character.isspace() or character in ",;:!?•–—、。，；：！？"


def trim_ranges(text, ranges):
    """The ranges without the characters before the first other one and behind the last, character
    by character.
    """
    characters = [position for start, end in ranges for position in range(start, end)]
    inner = [position for position in characters if not is_edge(text[position])]
    if not inner:
        return list(ranges)
    kept = [position for position in characters if inner[0] <= position <= inner[-1]]
    trimmed = []
    for start, end in ranges:
        left = [position for position in kept if start <= position < end]
        if left:
            trimmed.append((left[0], left[-1] + 1))
    return trimmed


def ranges_of(span):
    return list(span.fragments or ((span.start, span.end),))


def random_span(draw, length):
    """One or two ranges."""
    borders = sorted(draw.sample(range(length + 1), draw.choice((2, 4))))
    ranges = list(zip(borders[::2], borders[1::2]))
    if len(ranges) == 2 and ranges[0][1] == ranges[1][0]:
        ranges = [(ranges[0][0], ranges[1][1])]
    return ranges


@pytest.mark.parametrize("documents", [300, pytest.param(10_000, marks=pytest.mark.slow)], ids=str)
def test_all_spans_of_random_documents_are_trimmed_as_in_plain_loops(tmp_path, documents):
    draw = random.Random(documents)
    made, expected, changed = [], [], 0
    for number in range(documents):
        text = "".join(draw.choice("ab .,;\u00a0“—") for _ in range(10))
        drawn = [random_span(draw, 10) for _ in range(6)]
        wanted = [trim_ranges(text, ranges) for ranges in drawn]
        changed += sum(one != other for one, other in zip(drawn, wanted))
        expected.append(wanted)
        fields = [
            {
                "start": ranges[0][0],
                "end": ranges[-1][1],
                "fragments": tuple(ranges) if len(ranges) > 1 else (),
            }
            for ranges in drawn
        ]
        made.append(
            Document(
                f"d{number}",
                text,
                [Entity("A", **fields[0])],
                [Event("E", Span(**fields[1]), [Argument("R", **fields[2])])],
                [Attribution(*(Span(**each) for each in fields[3:6]))],
            )
        )
    Corpus(made).save(tmp_path / "f.jsonl")

    corpus = load_corpus(tmp_path / "f.jsonl", trim=True)

    for document, wanted in zip(corpus, expected):
        event, attribution = document.events[0], document.attributions[0]
        spans = [document.entities[0], event.trigger, event.arguments[0]]
        spans += [attribution.cue, attribution.content, attribution.source]
        assert [ranges_of(span) for span in spans] == wanted, document
    assert corpus.conversion.repaired[TRIMMED] == changed
    again = load_corpus(tmp_path / "f.jsonl", trim="true")
    assert again == corpus


@pytest.mark.parametrize(
    ("options", "message"),
    [({"trim": "yes"}, "unknown value 'yes' in 'trim='"), ({"on_error": "no"}, "in 'on_error='")],
)
def test_invalid_values_are_refused(tmp_path, options, message):
    Corpus([Document("d", "Ada", [])]).save(tmp_path / "f.jsonl")
    with pytest.raises(InputError, match=message):
        load_corpus(tmp_path / "f.jsonl", **options)


def test_the_command_line_names_what_was_skipped_and_the_option_that_trims(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_text(
        '{"id": "a", "text": "Ada, x", "entities": [{"label": "P", "start": 0, "end": 4}]}\n'
        '{"id": "b", "text": "Ada", "entities": [{"label": "P", "start": 0, "end": 4}]}\n'
    )

    skipped = run_evalkit("validate", f"{path}?on_error=skip")

    assert skipped.returncode == 0
    assert f"skipped: 1 {SKIPPED} ({path}:2:" in skipped.stderr
    assert "the reading option trim removes them" in skipped.stderr
    assert "option trim" not in run_evalkit("validate", f"{path}?on_error=skip&trim=true").stderr


# Documents of several lines

WINDOW = (
    '{{"doc_id": "{0}", "wnd_id": "{0}-{1}", "tokens": ["Ada"], "text": {2},'
    ' "entity_mentions": []}}'
)


def write_windows(tmp_path, faulty, line):
    """Three documents of three windows each; one line, from 0, is another one."""
    lines = [WINDOW.format(f"d{n // 3}", n % 3, '"Ada"') for n in range(9)]
    lines[faulty] = line
    path = tmp_path / "f.jsonl"
    path.write_text("\n".join(lines))
    return f"textee:{path}"


@pytest.mark.parametrize(
    ("faulty", "kept"),
    [
        (0, "d1 d2"),
        (1, "d1 d2"),  # between two windows of d0
        (2, "d2"),  # perhaps of d0, perhaps of d1
        (3, "d2"),
        (4, "d0 d2"),
        (5, "d0"),
        (6, "d0"),
        (7, "d0 d1"),
        (8, "d0 d1"),
    ],
)
def test_a_document_that_may_lack_a_window_is_skipped(tmp_path, faulty, kept):
    location = write_windows(tmp_path, faulty, '{"doc_id": ')

    with pytest.raises(LoadError, match=rf"f.jsonl:{faulty + 1}: not JSON") as error:
        load_corpus(location)
    corpus = load_corpus(location, on_error="skip")

    assert len(error.value.errors) == 1
    assert list(corpus.ids) == kept.split()
    assert all(document.text == "Ada\nAda\nAda" for document in corpus)


@pytest.mark.parametrize("faulty", range(9))
def test_a_window_with_an_error_leaves_out_its_own_document_alone(tmp_path, faulty):
    id = f"d{faulty // 3}"
    location = write_windows(tmp_path, faulty, WINDOW.format(id, faulty % 3, '"Bo"'))

    with pytest.raises(LoadError, match=rf"f.jsonl:{faulty + 1}: expected token 0, 'Ada'") as error:
        load_corpus(location)
    corpus = load_corpus(location, on_error="skip")

    assert len(error.value.errors) == 1
    assert [d for d in ("d0", "d1", "d2") if d != id] == list(corpus.ids)
    assert len(load_corpus(location, windows="apart", on_error="skip")) == 8


def test_a_conversation_beside_an_unreadable_one_is_skipped_if_it_may_be_of_the_same_text(tmp_path):
    def conversation(text, *labels):
        turns = [("human", f"Text: {text}"), ("gpt", "I've read this text.")]
        for label in labels:
            turns += [("human", f"What describes {label} in the text?"), ("gpt", '["Ada"]')]
        return json.dumps({"conversations": [{"from": who, "value": what} for who, what in turns]})

    path = tmp_path / "f.jsonl"
    lines = [
        conversation("Eve", "a", "b"),  # asks for all labels at once
        "{",
        conversation("Ada.", "person"),
        conversation("Ada.", "place"),
        conversation("Bo.", "person"),
        conversation("Cy.", "person"),
        '{"conversations": ',
    ]
    path.write_text("\n".join(lines))

    corpus = load_corpus(f"universal-ner:{path}", on_error="skip")

    assert [document.text for document in corpus] == ["Eve", "Bo."]


def test_predicted_relations_with_errors_are_never_skipped(tmp_path):
    mention = {"name": "Ada", "sent_id": 0, "pos": [0, 1], "type": "PER"}
    gold = [{"title": "A", "sents": [["Ada", "ran"]], "vertexSet": [[mention], [mention]]}]
    (tmp_path / "gold.json").write_text(json.dumps(gold))
    path = tmp_path / "predicted.json"
    right = {"title": "A", "h_idx": 0, "t_idx": 1, "r": "P1"}
    path.write_text(json.dumps([{**right, "t_idx": "x"}, right]))

    with pytest.raises(LoadError, match="predicted.json:1: t_idx: Expected 'int'"):
        load_corpus(f"docred:{path}", texts=tmp_path / "gold.json", on_error="skip")
