"""Files are scored chunk by chunk, whatever their order, and in as many processes as are asked for:
the numbers stay the same.
"""

import random
import re

import msgspec
import pytest
from helpers.marked import corpus

from evalkit import (
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Scores,
    Span,
    Zone,
    score,
)
from evalkit.formats.jsonl import to_json_dict
from evalkit.formats.jsonl_stream import JsonlBatchReader

TEXT = "x" * 200


def some(n, seed, *, rich=False):
    """Documents with entities; every seventh has more, where rich."""
    draw = random.Random(seed)
    for number in range(n):
        starts = draw.sample(range(0, 190, 4), 8)
        entities = [
            Entity(
                draw.choice("ABC"),
                at,
                at + draw.choice([1, 2, 5]),
                id=f"T{at}" if number % 5 == 0 else None,
            )
            for at in sorted(starts)
        ]
        more = {}
        if rich:
            more = {
                "events": [Event("X", Span(0, 3))] if number % 7 == 0 else [],
                "attributions": [Attribution(Span(0, 3), Span(4, 9))] if number % 7 == 1 else [],
            }
            if number % 7 == 2:
                more["zones"] = [Zone("body", 0, 100)]
        yield Document(f"d{number}", TEXT, entities, **more)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    Corpus(some(3000, 1, rich=True)).save(folder / "gold.jsonl")
    Corpus(some(3000, 2, rich=True)).save(folder / "said.jsonl")
    documents = list(some(3000, 2, rich=True))
    random.Random(3).shuffle(documents)
    Corpus(documents).save(folder / "shuffled.jsonl")
    return folder


@pytest.fixture(scope="module")
def held():
    return score(
        Corpus(some(3000, 1, rich=True), name="gold"),
        Corpus(some(3000, 2, rich=True), name="said"),
        boot=50,
    )


def alike(one, other):
    return one.rows() == other.rows() and [one[m].signature for m in one] == [
        other[m].signature.replace("shuffled", "said") for m in other
    ]


@pytest.mark.slow
def test_files_score_as_the_corpora_in_memory_do(files, held):
    scores = score(files / "gold.jsonl", files / "said.jsonl", boot=50)

    assert alike(held, scores)
    assert scores.to_json() == held.to_json()
    assert scores.pairs("entities/type") == held.pairs("entities/type")


def test_the_order_of_the_predictions_does_not_matter(files, held):
    assert alike(held, score(files / "gold.jsonl", files / "shuffled.jsonl", boot=50))


@pytest.mark.parametrize("jobs", [2, 3])
@pytest.mark.slow
def test_processes_add_up(files, held, jobs):
    scores = score(files / "gold.jsonl", files / "said.jsonl", jobs=jobs, boot=50)

    assert alike(held, scores)
    assert scores.to_json() == held.to_json()


@pytest.mark.slow
def test_processes_find_that_the_orders_differ(files, held):
    assert alike(held, score(files / "gold.jsonl", files / "shuffled.jsonl", jobs=2, boot=50))


def test_small_files_and_corpora_in_memory_take_one_process(tmp_path):
    gold = corpus("[Ada|PER] met [Bo|PER]")
    gold.save(tmp_path / "gold.jsonl")

    assert score(tmp_path / "gold.jsonl", tmp_path / "gold.jsonl", jobs=2)["ner"].micro.f1 == 1.0
    assert score(gold, gold, jobs=2)["ner"].micro.f1 == 1.0


@pytest.mark.slow
def test_a_fault_far_down_is_told_with_its_line_in_any_number_of_processes(files, tmp_path):
    lines = (files / "said.jsonl").read_bytes().splitlines(keepends=True)
    lines[2500] = lines[2500].replace(b'"end":', b'"end":9', 1)
    (tmp_path / "said.jsonl").write_bytes(b"".join(lines))

    for jobs in (1, 2):
        with pytest.raises(LoadError, match=r"said.jsonl:2501: document 'd2500', entities\[0\]"):
            score(files / "gold.jsonl", tmp_path / "said.jsonl", jobs=jobs, boot=50)


@pytest.mark.parametrize("spoil", ["id", "surface", "label", "twice"])
def test_what_a_document_may_not_hold_is_refused_in_files_too(tmp_path, spoil):
    line = {
        "id": (
            '{"id":"d","text":"Ada","entities":[{"id":"T1","label":"A","start":0,"end":1},{"id":"T1","label":"B","start":0,"end":1}]}'
        ),
        "surface": (
            '{"id":"d","text":"Ada","entities":[{"label":"A","start":0,"end":1,"text":"B"}]}'
        ),
        "label": '{"id":"d","text":"Ada","entities":[{"label":"","start":0,"end":1}]}',
        "twice": (
            '{"id":"d","text":"Ada","entities":[{"label":"A","start":0,"end":1},{"label":"A","start":0,"end":1,"score":0.5}]}'
        ),
    }[spoil]
    (tmp_path / "gold.jsonl").write_text(line + "\n")

    with pytest.raises(LoadError, match="document 'd', entities"):
        score(tmp_path / "gold.jsonl", tmp_path / "gold.jsonl")


def test_documents_with_one_id_are_refused_on_either_side(tmp_path):
    one = '{"id":"d","text":"Ada","entities":[]}\n'
    (tmp_path / "once.jsonl").write_text(one)
    (tmp_path / "twice.jsonl").write_text(one * 2)

    for sides in (("once", "twice"), ("twice", "once")):
        with pytest.raises(LoadError, match=r"twice.jsonl:2: id: duplicate .* by .*twice.jsonl:1"):
            score(*(tmp_path / f"{side}.jsonl" for side in sides))


def test_missing_and_unknown_documents_are_refused_in_files_too(tmp_path):
    corpus("[Ada|PER]", "[Bo|PER]").save(tmp_path / "two.jsonl")
    corpus("[Ada|PER]").save(tmp_path / "one.jsonl")

    with pytest.raises(InputError, match="one: lacks document 'd1' of two"):
        score(tmp_path / "two.jsonl", tmp_path / "one.jsonl")
    with pytest.raises(InputError, match="two: 1 document not in one, such as 'd1'"):
        score(tmp_path / "one.jsonl", tmp_path / "two.jsonl")
    scores = score(tmp_path / "two.jsonl", tmp_path / "one.jsonl", missing="empty")
    assert (
        scores["ner"].micro.recall,
        "1 document without prediction, scored as empty" in scores.warnings,
    ) == (0.5, True)


def test_a_mark_of_byte_order_and_crlf_are_no_part_of_a_document(tmp_path):
    line = '{"id":"d","text":"Ada","entities":[{"label":"A","start":0,"end":3,"text":"Ada"}]}'
    (tmp_path / "odd.jsonl").write_bytes(b"\xef\xbb\xbf" + line.encode() + b"\r\n\r\n")
    (tmp_path / "plain.jsonl").write_text(line)

    assert score(tmp_path / "odd.jsonl", tmp_path / "plain.jsonl")["ner"].micro.f1 == 1.0
    assert score(tmp_path / "plain.jsonl", tmp_path / "odd.jsonl")["ner"].micro.f1 == 1.0


def test_the_digest_tells_apart_what_scores_depend_on(tmp_path):
    base = Document("d", "Ada met", [Entity("A", 0, 3)], zones=[Zone("body", 0, 7)])
    others = [
        Document("e", "Ada met", [Entity("A", 0, 3)], zones=[Zone("body", 0, 7)]),
        Document("d", "Ada mat", [Entity("A", 0, 3)], zones=[Zone("body", 0, 7)]),
        Document("d", "Ada met", [Entity("B", 0, 3)], zones=[Zone("body", 0, 7)]),
        Document("d", "Ada met", [Entity("A", 0, 4)], zones=[Zone("body", 0, 7)]),
        Document("d", "Ada met", [Entity("A", 1, 3)], zones=[Zone("body", 0, 7)]),
        Document(
            "d",
            "Ada met",
            [Entity("A", 0, 3, fragments=((0, 1), (2, 3)))],
            zones=[Zone("body", 0, 7)],
        ),
        Document("d", "Ada met", [Entity("A", 0, 3)], zones=[Zone("body", 0, 6)]),
        Document("d", "Ada met", [], zones=[Zone("body", 0, 7)]),
    ]

    def digest(document):
        corpus = Corpus([document], name="c")
        return score(corpus, corpus, "ner")["ner"].signature.split("|")[1]

    assert len({digest(document) for document in (base, *others)}) == 9
    assert digest(base) == digest(
        Document(
            "d", "Ada met", [Entity("A", 0, 3, id="T7", score=0.5)], zones=[Zone("body", 0, 7)]
        )
    )


def test_scores_of_files_come_back_from_json(files):
    scores = score(
        files / "gold.jsonl", files / "said.jsonl", ["entities/strict", "entities/partial"]
    )

    again = Scores.from_json(scores.to_json())

    assert again.rows() == scores.rows()
    assert again["entities/partial"].muc == scores["entities/partial"].muc
    with pytest.raises(
        InputError, match="pairs need the documents, and these scores hold only counts"
    ):
        again.pairs("ner")


def plain(n, seed, text="Ada 🙂 é wrote to Zoë Müller of Köln. ", copies=False):
    """Documents with nothing but entities without ids: the kind that is read fastest."""
    draw = random.Random(seed)
    for number in range(n):
        starts = sorted(draw.sample(range(0, 150, 3), 6))
        entities = [
            Entity(draw.choice(["A", "Ä", "C"]), at, at + draw.choice([1, 2, 5])) for at in starts
        ]
        yield Document(
            f"d{number}", text * 5, entities + entities[:2] * (copies and number % 3 == 0)
        )


@pytest.mark.parametrize(
    "text", ["Ada wrote to Zoe Muller of Koeln in May. ", "Ada 🙂 é wrote to Zoë Müller of Köln. "]
)
@pytest.mark.slow
def test_plain_files_score_as_the_corpora_in_memory_do(tmp_path, text):
    gold = Corpus(plain(1500, 1, text), name="gold")
    said = Corpus(plain(1500, 2, text, copies=True), name="said")
    gold.save(tmp_path / "gold.jsonl")
    said.save(tmp_path / "said.jsonl")

    scores = score(tmp_path / "gold.jsonl", tmp_path / "said.jsonl")

    assert scores.to_json() == score(gold, said).to_json()
    assert dict(scores["ner"].counts.set_aside)["duplicate"] == 1000
    assert scores.pairs("ner") == score(gold, said).pairs("ner")
    assert (
        score(tmp_path / "gold.jsonl", tmp_path / "said.jsonl", jobs=2).to_json()
        == scores.to_json()
    )


WRONG = [
    ('"start": 0, "end": 3, "text": "Adb"', "'Adb' is not the text at 0 to 3: 'Ada'"),
    ('"start": 0, "end": 99', "99 is past the end of the text (length 9)"),
    ('"start": 3, "end": 3', "3 is not after the start, 3"),
    ('"start": -1, "end": 3', "-1 is before the text"),
    ('"start": 0, "end": 99999999999999999999', "is past the end of the text"),
    ('"start": 0, "end": 3, "text": "Ad"', "'Ad' is not the text at 0 to 3: 'Ada'"),
    ('"start": 0, "end": 3, "txt": "Ada"', "unknown field 'txt'"),
]


@pytest.mark.parametrize(("entity", "told"), WRONG)
def test_what_is_wrong_in_a_plain_file_is_told_with_its_line(tmp_path, entity, told):
    good = (
        '{"id": "d%d", "text": "Ada wrote", "entities": [{"label": "PER", "start": 0, "end": 3,'
        ' "text": "Ada"}]}'
    )
    lines = [good % n for n in range(900)]
    (tmp_path / "gold.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines[700] = (good % 700).replace('"start": 0, "end": 3, "text": "Ada"', entity)
    (tmp_path / "said.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    with pytest.raises(LoadError, match=re.escape(told)) as raised:
        score(tmp_path / "gold.jsonl", tmp_path / "said.jsonl")

    assert "said.jsonl:701: " in str(raised.value)


def test_a_copy_in_a_plain_gold_file_is_refused_with_its_line(tmp_path):
    gold = Corpus(
        [*plain(300, 1), Document("twice", "Ada", [Entity("A", 0, 3), Entity("A", 0, 3)])]
    )
    gold.save(tmp_path / "gold.jsonl")

    with pytest.raises(
        LoadError,
        match=r"gold.jsonl:301: document 'twice', entities\[1\]: duplicate of entities\[0\]",
    ):
        score(tmp_path / "gold.jsonl", tmp_path / "gold.jsonl")


def test_files_whose_orders_part_and_meet_again_are_joined(tmp_path):
    documents = list(plain(400, 1))
    Corpus(documents).save(tmp_path / "gold.jsonl")
    Corpus([*documents[:50], *reversed(documents[50:120]), *documents[120:]]).save(
        tmp_path / "said.jsonl"
    )

    assert score(tmp_path / "gold.jsonl", tmp_path / "said.jsonl")["ner"].micro.f1 == 1.0


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_id_that_stands_twice_is_found_however_far_apart(tmp_path, jobs):
    documents = list(plain(400, 1))
    documents[-1] = Document("d0", documents[-1].text, documents[-1].entities)
    (tmp_path / "gold.jsonl").write_bytes(
        b"".join(msgspec.json.encode(to_json_dict(document)) + b"\n" for document in documents)
    )

    with pytest.raises(LoadError, match=r"gold.jsonl:400: id: duplicate .* by .*gold.jsonl:1"):
        score(tmp_path / "gold.jsonl", tmp_path / "gold.jsonl", jobs=jobs, boot=50)


def test_a_file_is_read_as_plain_again_after_a_few_lines_that_are_not(tmp_path):
    rich = [Document(f"d{n}", TEXT, [], [Event("X", Span(0, 3))]) for n in range(200)]
    Corpus([document if n % 20 else rich[n] for n, document in enumerate(plain(200, 1))]).save(
        tmp_path / "mixed.jsonl"
    )
    reader = JsonlBatchReader(tmp_path / "mixed.jsonl")

    found = [reader.read(lines=10).contiguous_only for _ in range(20)]
    reader.close()

    assert found == [False, True] * 10
