"""The compiled core and the Python code that it stands for give equal results."""

import sys
from hashlib import sha256
from pathlib import Path
from random import Random

import numpy as np
import pytest
from helpers.compiled import without_core
from helpers.dense_corpora import LABELS, random_sides, random_text

import evalkit
from evalkit import Corpus, Document, Entity, Scores, score, score_spans, score_tags
from evalkit.data import compiled
from evalkit.errors import EvalkitError
from evalkit.evaluation import document_join
from evalkit.formats import jsonl_stream

SCHEMES = ["entities/strict", "entities/exact", "entities/partial", "entities/type"]
needs_core = pytest.mark.skipif(compiled.core is None, reason="the core is not built")
pytestmark = needs_core


def test_the_core_is_built_from_the_source_beside_it():
    source = Path(compiled.__file__).with_name("_core.pyx").read_bytes()

    assert sha256(source).hexdigest() == compiled.core.SOURCE, "run scripts/build_core.py"


def with_and_without(function):
    """The results of a function, or its errors, with the core and without it."""
    results = []
    for run in ("with", "without"):
        try:
            if run == "with":
                results.append(function())
            else:
                with without_core():
                    results.append(function())
        except EvalkitError as error:
            results.append(f"{type(error).__name__}: {error}")
    return results


def assert_equal_results(function):
    compiled_result, python_result = with_and_without(function)
    assert compiled_result == python_result
    return compiled_result


def test_without_core_turns_it_off_everywhere():
    users = [
        module
        for name, module in sys.modules.items()
        if name.startswith("evalkit.") and getattr(module, "core", None) is compiled.core
    ]

    assert len(users) >= 8
    with without_core():
        assert all(module.core is None for module in users)


@pytest.mark.parametrize("seed", range(12))
def test_scores_in_memory_are_equal(seed):
    gold, predicted = random_sides(seed, 60, most=seed, features=0.3 * (seed % 3))

    result = assert_equal_results(lambda: score(gold, predicted, boot=0).to_json())

    assert '"entities/partial"' in result


OPTIONS = [
    {},
    {"labels": ["PER", "a"]},
    {"label_map": {"PER": "ORG", "LOC": None}},
    {"label_map": ({"*": "PER"}, {"a": "PER", "*": None})},
    {"zones": ["a"]},
    {"units": "sentences"},
    {"metrics": ["entities/strict"]},
    {"metrics": ["entities/type", "entities/characters", "tokens/strict"]},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_scores_with_options_are_equal(options):
    gold, predicted = random_sides(3, 60, features=0.6, n_labels=6)

    assert_equal_results(lambda: score(gold, predicted, boot=0, **options).to_json())


@pytest.mark.parametrize("size", [1, 2, 7, 64, 2000])
def test_scores_do_not_depend_on_the_size_of_batches(size, monkeypatch, tmp_path):
    gold, predicted = random_sides(5, 80, features=0.5)
    expected = score(gold, predicted, boot=0).to_json()
    gold.save(tmp_path / "gold.jsonl")
    predicted.save(tmp_path / "predicted.jsonl")
    monkeypatch.setattr(document_join, "BATCH_DOCUMENTS", size)
    monkeypatch.setattr(jsonl_stream, "CHUNK", 50 * size)

    assert assert_equal_results(lambda: score(gold, predicted, boot=0).to_json()) == expected
    from_files = assert_equal_results(
        lambda: score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", boot=0).to_json()
    )
    assert from_files == expected


@pytest.mark.parametrize("features", [0.0, 0.4])
def test_scores_of_files_are_equal(features, tmp_path):
    gold, predicted = random_sides(6, 200, features=features)
    gold.save(tmp_path / "gold.jsonl")
    predicted.save(tmp_path / "predicted.jsonl")

    assert_equal_results(
        lambda: score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", boot=0).to_json()
    )


BROKEN_LINES = [
    b'{"id": "x", "text": "abc", "entities": [{"label": "A", "start": 0, "end": 9}]}',
    b'{"id": "x", "text": "abc", "entities": [{"label": "A", "start": -1, "end": 1}]}',
    b'{"id": "x", "text": "abc", "entities": [{"label": "A", "start": 2, "end": 2}]}',
    b'{"id": "x", "text": "abc", "entities": [{"label": "", "start": 0, "end": 1}]}',
    b'{"id": "x", "text": "abc", "entities": [{"label": "A", "start": 0, "end": 1, "text": "b"}]}',
    b'{"id": "x", "text": "abc", "entities": [{"label": "A", "start": 0, "end": 1, "text": "ab"}]}',
    b'{"id": "x", "text": "abc", "entities": [{"label": "A", "start": 0, "end": 1, "text": ""}]}',
    b'{"id": "x", "text": "abc", "entities": [{"label": "A", "start": 0.5, "end": 1}]}',
    b'{"id":"x","text":"abc","entities":[{"label":"A","start":0,"end":9999999999999999999}]}',
    b'{"id": "x", "text": "abc", "entities": [{"label": "A", "start": 0, "end": 1, "label": "B"}]}',
    b'{"id": "d0", "text": "abc"}',
    b'{"id": "x", "text": "abc"} {"id": "y", "text": "abc"}',
    b'{"id": "x", "text":',
    b'["x"]',
    b"",
    b" ",
]


@pytest.mark.parametrize("line", BROKEN_LINES, ids=lambda line: line.decode())
@pytest.mark.parametrize("side", ["gold", "predicted"])
def test_errors_of_files_are_equal(line, side, tmp_path):
    for corpus, name in zip(random_sides(7, 6), ("gold", "predicted"), strict=True):
        corpus.save(tmp_path / f"{name}.jsonl")
    path = tmp_path / f"{side}.jsonl"
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:3], line, *lines[3:]]))

    assert_equal_results(
        lambda: score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", boot=0).to_json()
    )


def test_a_surface_form_is_compared_whatever_its_width(tmp_path):
    lines = []
    for number, text in enumerate(["abc", "éabc", "日abc", "😀abc"]):
        start = text.index("a")
        lines.append(
            f'{{"id": "{number}", "text": "{text}", "entities":'
            f' [{{"label": "A", "start": {start}, "end": {start + 2}, "text": "ab"}}]}}'
        )
    path = tmp_path / "gold.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")

    assert assert_equal_results(lambda: score(path, path, boot=0)["ner"].micro.tp) == 4


def test_duplicates_in_gold_are_refused_alike():
    gold, predicted = random_sides(8, 10)
    doubled = evalkit.Corpus(
        [evalkit.Document(d.id, d.text, [*d.entities, *d.entities[:1]]) for d in gold]
    )

    message = assert_equal_results(lambda: score(doubled, predicted, boot=0).to_json())

    assert message.startswith("LoadError")


def random_spans(draw, most, labels=LABELS):
    spans = set()
    for _ in range(draw.randint(0, most)):
        start = draw.randrange(30)
        spans.add((start, start + draw.choice([1, 1, 2, 4, 30]), draw.choice(labels)))
    return draw.sample(sorted(spans), len(spans))


@pytest.mark.parametrize("seed", range(6))
def test_scores_of_spans_are_equal(seed):
    draw = Random(seed)
    gold = [random_spans(draw, 12) for _ in range(150)]
    predicted = [[*random_spans(draw, 8), *spans[:3], *spans[:1]] for spans in gold]
    options = {"label_map": {"PER": "ORG", "a": None}} if seed % 2 else {}

    assert_equal_results(lambda: score_spans(gold, predicted, SCHEMES, **options).to_json())


SPANS = [
    [(0, 2, "A"), (0, 2, "A")],
    [(0, 0, "A")],
    [(-1, 2, "A")],
    [(0, 2**62, "A")],
    [(0, 2**70, "A")],
    [(0, 2, 5)],
    [(0, 2)],
    [(0, 2, "\ud800")],
    [(False, True, "A")],
    [(np.int64(0), np.int64(2), "A")],
    [[0, 2, "A"]],
    [{"start": 0, "end": 2, "label": "A"}],
    ["abc"],
    5,
]


@pytest.mark.parametrize("spans", SPANS, ids=ascii)
@pytest.mark.parametrize("side", ["gold", "predicted"])
def test_unusual_spans_are_read_or_refused_alike(spans, side):
    sides = {"gold": [[(0, 2, "A")], []], "predicted": [[(0, 2, "A")], []]}
    sides[side][1] = spans

    def result():
        try:
            return score_spans(sides["gold"], sides["predicted"], SCHEMES).to_json()
        except TypeError as error:  # of len(), for what is no list
            return str(error)

    assert_equal_results(result)


TAGS = ["O", "O", "O", "B-PER", "I-PER", "B-ORG", "I-ORG", "I-LOC"]


@pytest.mark.parametrize("repair", ["discard", "begin", "conlleval", "error"])
@pytest.mark.parametrize("kind", [list, tuple])
def test_scores_of_tags_are_equal(repair, kind):
    draw = Random(repair)
    gold = [kind(draw.choices(TAGS, k=draw.randint(0, 20))) for _ in range(200)]
    predicted = [kind(draw.choices(TAGS, k=len(tags))) for tags in gold]
    # Equal tags that are other objects
    predicted[0] = kind("".join(list(tag)) for tag in predicted[0])

    assert_equal_results(
        lambda: score_tags(gold, predicted, repair=repair, metrics=SCHEMES).to_json()
    )


@pytest.mark.parametrize(
    "tags",
    [["X-PER"], ["B-"], [5], [["O"]], [None], "OO", ["B-\ud800"], [np.str_("B-PER")]],
    ids=ascii,
)
def test_unusual_tags_are_read_or_refused_alike(tags):
    sides = [["O", "B-PER"][: len(tags)]], [tags]

    assert_equal_results(lambda: score_tags(*sides, repair="begin").to_json())


def test_digests_are_equal_where_some_entities_are_discontinuous(tmp_path):
    gold, predicted = random_sides(9, 3000, most=2, features=0.2)
    gold.save(tmp_path / "gold.jsonl")

    def digest():
        of_file = score(tmp_path / "gold.jsonl", predicted, boot=0)
        of_memory = score(gold, predicted, boot=0)
        return of_file["ner"].signature, of_memory["ner"].signature

    of_file, of_memory = assert_equal_results(digest)
    assert of_file == of_memory


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_100_000_random_documents_have_equal_scores(seed, monkeypatch, tmp_path):
    draw = Random(seed)
    gold, predicted = random_sides(
        100 + seed,
        5000,
        most=draw.choice([1, 4, 12, 30]),
        features=draw.choice([0.0, 0.0, 0.1, 0.5]),
        n_labels=draw.randint(1, 6),
    )
    size = [1, 3, 64, 500, 2000][seed % 5]
    gold.save(tmp_path / "gold.jsonl")
    predicted.save(tmp_path / "predicted.jsonl")
    monkeypatch.setattr(document_join, "BATCH_DOCUMENTS", size)
    monkeypatch.setattr(jsonl_stream, "CHUNK", 60 * size)

    in_memory = assert_equal_results(lambda: score(gold, predicted, boot=0).to_json())
    of_files = assert_equal_results(
        lambda: score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", boot=0).to_json()
    )
    assert of_files == in_memory


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["nested", "disjoint", "one over all", "crossing", "equal"])
def test_documents_with_many_items_have_equal_scores(shape):
    draw = Random(shape)
    n = 3000
    spans = {
        "nested": [(i, 2 * n - i) for i in range(n)],
        "disjoint": [(4 * i, 4 * i + 3) for i in range(n)],
        "one over all": [(0, 4 * n), *((4 * i, 4 * i + 3) for i in range(n))],
        "crossing": [(3 * i, 3 * i + 8) for i in range(n)],
        "equal": [(5, 9)] * n,
    }[shape]
    gold = list(dict.fromkeys((a, b, draw.choice("AB") + str(a % 7)) for a, b in spans))
    predicted = list(
        dict.fromkeys((a, b + draw.randint(0, 2), draw.choice("AB") + str(a % 7)) for a, b in spans)
    )
    draw.shuffle(gold)

    assert_equal_results(lambda: score_spans([gold], [predicted], SCHEMES).to_json())


def test_text_of_any_width_has_equal_span_edges():
    draw = Random(1)
    gold, predicted = random_sides(11, 40)
    assert random_text(draw, 50).strip()

    edges = assert_equal_results(
        lambda: [edge.to_json() for edge in score(gold, predicted).metadata.span_edges.values()]
    )

    assert all(edge["with_edges"] > 0 for edge in edges)


@pytest.mark.parametrize("entities", [8191, 8192, 33_000])
def test_documents_with_very_many_entities_are_counted(tmp_path, entities):
    text = "ab " * entities
    spans = [(3 * n, 3 * n + 2) for n in range(entities)]
    many = [Entity("A", *span) for span in spans]
    shorter = [Entity("A", start, end - 1) for start, end in spans]
    few = [Entity("B", 0, 2)]
    gold = Corpus(
        [Document("d0", text, few), Document("d1", text, many), Document("d2", text, few)]
    )
    predicted = Corpus([Document(f"d{n}", text, side) for n, side in enumerate((few, shorter, []))])
    gold.save(tmp_path / "gold.jsonl")
    predicted.save(tmp_path / "predicted.jsonl")
    files = tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl"

    scores = score(gold, predicted, SCHEMES, boot=0)

    for scheme, tp in (("strict", 1), ("exact", 1), ("partial", 1 + entities / 2)):
        micro = scores[f"entities/{scheme}"].micro
        assert (micro.tp, micro.predicted, micro.gold) == (tp, entities + 1, entities + 2)
    assert scores["entities/type"].micro.tp == entities + 1
    assert scores["entities/strict"].muc.incorrect == entities
    saved = score(*files, SCHEMES, boot=0, jobs=2).to_json()
    assert saved == score(*files, SCHEMES, boot=0).to_json()
    assert Scores.from_json(saved).rows() == scores.rows()
