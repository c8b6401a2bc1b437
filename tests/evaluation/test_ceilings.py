"""The agreement of the annotators of gold beside the F1 of a system."""

import json
import random

import pytest
from helpers.cli import run_evalkit

from evalkit import Corpus, Document, Entity, InputError, Scores, Zone, agreement, evaluate, score

TEXT = "Ada Lovelace wrote to Charles Babbage of the Royal Society of London in 1843."
GOLD = [(0, 12, "PER"), (22, 37, "PER"), (45, 68, "ORG"), (72, 76, "DATE")]
A = [(0, 12, "PER"), (22, 37, "PER"), (45, 68, "ORG")]
B = [(0, 12, "PER"), (22, 37, "ORG"), (45, 58, "ORG"), (72, 76, "DATE")]
MODEL = [(0, 12, "PER"), (62, 68, "LOC")]
METRICS = ["entities/strict", "entities/exact", "entities/partial", "entities/type"]


def corpus_of(*documents, name="corpus", zones=()):
    made = []
    for n, spans in enumerate(documents):
        if spans is not None:
            marks = [Entity(label, start, end) for start, end, label in spans]
            made.append(Document(f"d{n}", TEXT, marks, zones=zones))
    return Corpus(made, name)


def test_the_agreement_and_each_annotator_against_gold_worked_by_hand():
    gold, model = corpus_of(GOLD), corpus_of(MODEL)

    scores = score(gold, model, "ner", ceiling={"a": corpus_of(A), "b": corpus_of(B)})

    ceiling = scores["ner"].ceiling
    # One of 3 and 4 items is equal; of gold's 4 items a has 3, and b 2 (of 4).
    assert ceiling.f1 == pytest.approx(2 / 7)
    assert [(each.name, each.f1, each.documents) for each in ceiling.annotators] == [
        ("a", pytest.approx(6 / 7), 1),
        ("b", 0.5, 1),
    ]
    assert ceiling.labels == pytest.approx({"PER": 2 / 3, "ORG": 0, "DATE": 0})
    text = scores.render()
    assert "annotators among themselves: F1 of one against another" in text
    assert "because gold was made from these annotations; neither is an upper bound" in text


def random_spans(rng, like):
    spans = [span for span in like if rng.random() < 0.8]
    start = rng.randrange(70)
    return list(dict.fromkeys([*spans, (start, start + 5, rng.choice(["PER", "ORG"]))]))


@pytest.mark.parametrize("seed", range(20))
def test_the_numbers_are_those_of_agreement_and_score(seed):
    rng = random.Random(seed)
    base = [random_spans(rng, GOLD) for _ in range(5)]
    annotated = {}
    for name in "abc"[: rng.randint(2, 3)]:
        documents = [random_spans(rng, spans) for spans in base]
        if name == "b":
            documents[rng.randrange(5)] = None
        annotated[name] = corpus_of(*documents)
    gold = corpus_of(*base)
    model = corpus_of(*[random_spans(rng, spans) for spans in base])

    scores = score(gold, model, METRICS, ceiling=annotated)

    among = agreement(**annotated, metrics=METRICS, measures="f1")
    for metric in METRICS:
        ceiling, expected = scores[metric].ceiling, among[metric]
        for name in ("f1", "low", "high", "min", "max", "pairs", "documents"):
            assert getattr(ceiling, name) == getattr(expected, name)
        for each in ceiling.annotators:
            corpus = annotated[each.name]
            ids = set(corpus.ids)
            alone = score(gold.filter(lambda d, ids=ids: d.id in ids), corpus, metric)
            assert each.f1 == alone[metric].micro.f1
            assert each.documents == len(corpus)


def test_the_scores_are_the_same_without_it():
    gold, model = corpus_of(GOLD, A), corpus_of(MODEL, B)

    plain = score(gold, model)
    with_ceiling = score(gold, model, ceiling=[corpus_of(A, A, name="a"), corpus_of(B, name="b")])

    assert with_ceiling.rows() == plain.rows()
    assert with_ceiling.signature_fields == plain.signature_fields
    assert plain["ner"].ceiling is None
    assert "annotators" not in plain.render()


def test_zones_and_labels_are_those_of_the_score():
    zones = [Zone("title", 0, 40), Zone("body", 40, len(TEXT))]
    gold, model = corpus_of(GOLD, zones=zones), corpus_of(MODEL)
    options = {"zones": ["title"], "labels": ["PER"], "label_map": {"ORG": "PER"}}

    scores = score(
        gold, model, "ner", **options, ceiling={"a": corpus_of(A), "b": corpus_of(B, zones=zones)}
    )

    # In the title both have two items that are PER after the map.
    assert scores["ner"].ceiling.f1 == 1
    assert scores["ner"].ceiling.labels == {"PER": 1}
    only_annotators = corpus_of(B, zones=zones)
    without = score(
        corpus_of(GOLD), model, "ner", ceiling={"a": corpus_of(A), "b": only_annotators}
    )
    assert without["ner"].ceiling.f1 == pytest.approx(2 / 7)


def test_annotators_have_the_labels_of_gold():
    renamed = [(start, end, f"{label}-x") for start, end, label in MODEL]

    scores = score(
        corpus_of(GOLD),
        corpus_of(renamed),
        "ner",
        label_map=({"ORG": "PER"}, {"PER-x": "PER"}),
        ceiling={"a": corpus_of(A), "b": corpus_of(B)},
    )

    assert scores["ner"].ceiling.f1 == pytest.approx(4 / 7)


def test_a_result_file_keeps_it_and_every_format_shows_it(tmp_path):
    ceiling = {"ann": corpus_of(A), "ben": corpus_of(B)}
    scores = score(corpus_of(GOLD), corpus_of(MODEL), ceiling=ceiling)

    scores.save(tmp_path / "r.json")
    again = Scores.load(tmp_path / "r.json")

    assert again.metadata.ceiling == scores.metadata.ceiling
    data = json.loads((tmp_path / "r.json").read_text())
    assert data["ceiling"]["entities/strict"]["annotators"][1]["name"] == "ben"
    for format in ("table", "markdown", "latex", "html"):
        assert again.render(format) == scores.render(format)
        assert "annotators among themselves" in scores.render(format)
    page = scores.to_html()
    assert "F1 0.333 (annotators among themselves 0.286); against gold: ann 0.857" in page
    assert "annotators among themselves 0.286" in scores.to_html(errors=True)


def test_a_model_that_is_run_has_it_too():
    def model(_text):
        return MODEL

    scores = evaluate(model, corpus_of(GOLD), "ner", ceiling=[corpus_of(A), corpus_of(B)])

    assert scores["ner"].ceiling.f1 == pytest.approx(2 / 7)
    assert [each.name for each in scores["ner"].ceiling.annotators] == ["corpus", "corpus-2"]


@pytest.mark.parametrize(
    ("ceiling", "message"),
    [
        ({"a": corpus_of(A)}, "expected two or more annotators"),
        ({"a": corpus_of(A), "b": corpus_of(None, B)}, "b: no document of corpus"),
        (["a"], "no such file"),
        (3, "expected the annotators as a mapping of names to corpora"),
        ([1, 2], "expected the annotators as a mapping of names to corpora"),
    ],
)
def test_wrong_annotators_are_refused(ceiling, message):
    with pytest.raises(InputError, match=message):
        score(corpus_of(GOLD), corpus_of(MODEL), ceiling=ceiling)


@pytest.fixture
def folder(tmp_path):
    for name, spans in (("gold", GOLD), ("model", MODEL), ("a", A), ("b", B)):
        entities = [{"start": start, "end": end, "label": label} for start, end, label in spans]
        line = {"id": "d0", "text": TEXT, "entities": entities}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(line) + "\n")
    return tmp_path


def test_the_command_line_names_annotators(folder):
    done = run_evalkit(
        "score", "gold.jsonl", "model.jsonl", "--ceiling", "a.jsonl,Ben=b.jsonl", cwd=folder
    )

    assert done.returncode == 0, done.stderr
    assert "a against gold  Ben against gold" in done.stdout
    row = next(
        line.split()
        for line in done.stdout.partition("Annotators among")[2].splitlines()
        if line.startswith("entities/strict")
    )
    assert row == ["entities/strict", "0.333", "0.286", "0.857", "0.500"]


def test_run_refuses_annotators_before_the_model_runs(folder):
    done = run_evalkit("run", "gold.jsonl", "-m", "rules", "--ceiling", "a.jsonl,x", cwd=folder)
    assert done.returncode == 2
    assert "x: no such file" in done.stderr

    done = run_evalkit(
        "run", "gold.jsonl", "-m", "rules", "--ceiling", "a.jsonl,b.jsonl", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert "annotators among" in done.stdout


def test_shards_have_no_annotators(folder):
    for side in ("gold", "model"):
        (folder / f"{side}-shards").mkdir()
        (folder / f"{side}-shards" / "1.jsonl").write_text((folder / f"{side}.jsonl").read_text())

    done = run_evalkit(
        "score", "gold-shards", "model-shards", "--ceiling", "a.jsonl,b.jsonl", cwd=folder
    )

    assert done.returncode == 2
    assert "is in shards: expected gold in one file or folder" in done.stderr
