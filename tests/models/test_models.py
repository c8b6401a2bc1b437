"""Whatever you have can be a model; what it says wrongly stays in the score."""

from pathlib import Path

import numpy as np
import pytest
import spacy
from helpers.marked import corpus, marked

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    evaluate,
    load_corpus,
    load_model,
    predict,
    score,
)
from evalkit.errors import UnknownNameError
from evalkit.models.rules import annotate

ADA = corpus("[Ada|PER] met [Acme|ORG]")


def answer(model, gold=ADA, **arguments):
    return predict(model, gold, **arguments)[0]


def test_a_function_may_return_triples_dicts_or_a_document():
    entities = ADA[0].entities

    for returned in (
        [(0, 3, "PER"), (8, 12, "ORG")],
        [
            {"start": 0, "end": 3, "entity_group": "PER"},
            {"start": np.int64(8), "end": 12, "label": "ORG"},
        ],
        Document("other", ADA[0].text, entities),
        ((e.start, e.end, e.label) for e in entities),
    ):
        assert answer(lambda text, returned=returned: returned).entities == entities


def test_a_model_never_sees_the_gold():
    seen = []

    class Model:
        def predict(self, documents):
            seen.extend(documents)
            return [[] for _ in documents]

    answer(Model())

    assert seen == [Document("d0", "Ada met Acme")]


def test_a_spacy_pipeline_object_is_recognized():
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Ada"}])

    assert answer(nlp).entities == (Entity("PER", 0, 3),)


def test_what_has_no_place_is_kept_and_counts_as_wrong():
    predicted = predict(lambda text: [(0, 3, "PER"), (5, 99, "ORG"), (7, 7, "ORG")], ADA)

    assert [u.reason for u in predicted[0].unplaced] == [
        "end: 99 is past the end of the text (length 12)",
        "end: 7 is not after the start, 7: a span is half-open and holds at least one character",
    ]
    micro = score(ADA, predicted)["entities/strict"].micro
    assert (micro.tp, micro.predicted, micro.fp) == (1, 3, 2)


@pytest.mark.parametrize("returned", [None, "PER", {"start": 0}, 7])
def test_an_answer_that_is_none_fails_its_document_and_no_other(returned):
    predicted = predict(
        lambda text: returned if text.startswith("Ada") else [(0, 2, "PER")],
        corpus("[Ada|PER]", "[Bo|PER]"),
    )

    assert [document.failure is not None for document in predicted] == [True, False]


@pytest.mark.parametrize(
    "item",
    [
        (1,),
        None,
        "PER",
        {"start": 0, "label": "PER"},
        ("PER", 0, 3),
        {"start": 0, "end": 3, "label": "PER", "fragments": 5},
    ],
)
def test_an_item_that_is_none_spoils_no_other(item):
    predicted = answer(lambda text: [(0, 3, "PER"), item])

    assert (predicted.entities, len(predicted.unplaced), predicted.failure) == (
        (Entity("PER", 0, 3),),
        1,
        None,
    )


def test_a_score_that_is_no_number_makes_no_span_wrong():
    assert answer(
        lambda text: [{"start": 0, "end": 3, "label": "PER", "score": float("nan")}]
    ).entities == (Entity("PER", 0, 3),)


@pytest.mark.parametrize("exit", [SystemExit, RuntimeError])
def test_a_model_that_wants_to_leave_fails_its_document(exit):
    def model(text):
        raise exit(0)

    assert answer(model).failure == f"{exit.__name__}: 0"


def test_the_reasons_of_unplaced_predictions_are_reported():
    assert "  2 × end: 99 is past the end of the text (length 12)" in str(
        evaluate(lambda text: [(0, 99, "PER"), (1, 99, "PER")], ADA)
    )


def test_a_model_that_raises_fails_one_document_whose_gold_counts_as_missed():
    def model(text):
        if text == "Bo":
            raise ConnectionError("time out")
        return [(0, 3, "PER")]

    scores = evaluate(model, corpus("[Ada|PER]", "[Bo|PER]"))

    assert scores.metadata.failures == {"d1": "ConnectionError: time out"}
    assert (scores["entities/strict"].micro.recall, scores["entities/strict"].micro.precision) == (
        0.5,
        1.0,
    )
    assert "FAILED on 1 of 2 documents" in str(scores)


def test_a_batch_that_raises_is_repeated_document_by_document():
    class Model:
        def predict(self, documents):
            if any(document.text == "Bo" for document in documents):
                raise ValueError("no Bo")
            return [[(0, 3, "PER")] for _ in documents]

    predicted = predict(Model(), corpus("Ada", "Bo"))

    assert predicted[0].entities == (Entity("PER", 0, 3),)
    assert predicted[1].failure == "ValueError: no Bo"


def test_another_text_is_a_failure():
    assert (
        answer(lambda text: Document("d0", text.upper(), [])).failure
        == "the model returned another text"
    )


@pytest.mark.parametrize("value", [3, None, "PER", True])
def test_an_answer_that_is_no_list_is_a_failure_that_says_what_is_expected(value):
    assert answer(lambda text: value).failure == (
        f"the model returned {value!r}: expected a list of (start, end, label), a list of dicts, or"
        " a Document"
    )


def test_a_model_from_a_file(tmp_path):
    (tmp_path / "mine.py").write_text("def find(text, label='PER'):\n    return [(0, 3, label)]\n")

    assert answer(f"{tmp_path}/mine.py:find").entities == (Entity("PER", 0, 3),)
    assert answer(f"{tmp_path}/mine.py:find", label="X").entities == (Entity("X", 0, 3),)
    with pytest.raises(
        InputError, match="unknown function 'lost' in '.*mine.py'; expected one of: find"
    ):
        load_model(f"{tmp_path}/mine.py:lost")
    with pytest.raises(InputError, match="mine.py: name the function: .*mine.py:find$"):
        load_model(f"{tmp_path}/mine.py")
    (tmp_path / "held.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\nimport"
        " mine\n@dataclass\nclass Held:\n    label: str = 'PER'\n    def predict(self,"
        " documents):\n        return [mine.find(d.text, self.label) for d in documents]\n"
    )
    assert answer(f"{tmp_path}/held.py:Held", label="X").entities == (Entity("X", 0, 3),)
    with pytest.raises(
        InputError, match="mine.py:find: got an unexpected keyword argument 'lable'"
    ):
        load_model(f"{tmp_path}/mine.py:find", lable="X")
    with pytest.raises(InputError, match="no file .*nowhere.py"):
        load_model(f"{tmp_path}/nowhere.py:find")


def test_the_functions_of_a_file_are_listed_without_what_it_imports(tmp_path):
    (tmp_path / "several.py").write_text(
        "import re\nfrom json import loads\nLIMIT = 3\ndef tag(text): return []\n"
        "class Tagger:\n    def predict(self, documents): return []\ntagger = Tagger()\n"
    )
    file = f"{tmp_path}/several.py"

    with pytest.raises(InputError) as stopped:
        load_model(file)

    assert str(stopped.value) == (
        f"{file}: name the function; expected one of: {file}:tag, {file}:Tagger, {file}:tagger"
    )


def test_a_file_without_functions_is_an_error(tmp_path):
    (tmp_path / "empty.py").write_text("import re\nLIMIT = 3\n")

    with pytest.raises(InputError, match="empty.py: no functions, or objects with .predict"):
        load_model(f"{tmp_path}/empty.py")


def test_saved_predictions(tmp_path):
    predicted = predict(lambda text: [(0, 3, "PER")], ADA)
    predicted.save(tmp_path / "out.jsonl")

    assert answer(f"predictions:{tmp_path}/out.jsonl") == predicted[0]
    with pytest.raises(InputError, match="out.jsonl: no prediction for document 'd9'"):
        answer(f"predictions:{tmp_path}/out.jsonl", Corpus([*ADA, marked("Ada", id="d9")]))
    with pytest.raises(InputError, match="out.jsonl: 1 document is not in corpus, such as 'd0'"):
        answer(f"predictions:{tmp_path}/out.jsonl", Corpus([marked("Ada", id="d9")]))
    with pytest.raises(InputError, match="document 'd0' has another text than in the corpus"):
        answer(f"predictions:{tmp_path}/out.jsonl", corpus("Bo"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "rulz",
            "unknown kind of model 'rulz'; expected one of: rules, .*; did you mean 'rules'",
        ),
        ("rules:fast", "rules:fast: the baseline has no variants"),
        (
            7,
            "invalid model 7: expected a name such as 'spacy:en_core_web_sm', a function, an",
        ),
        ("spacy:no_such_pipeline", "spacy:no_such_pipeline: .*Can't find model 'no_such_pipeline'"),
        ("spacy:", "spacy: name a pipeline after the colon"),
        ("predictions:", "predictions: name a file after the colon"),
    ],
)
def test_an_invalid_model_is_an_error_that_lists_what_is_expected(source, message):
    with pytest.raises((InputError, UnknownNameError), match=message):
        load_model(source)


def test_an_argument_that_a_kind_does_not_know_is_refused():
    with pytest.raises(
        InputError, match="unknown argument 'speed' in 'rules models'; expected one of: none"
    ):
        load_model("rules", speed=3)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """A small real pipeline on disk: an entity ruler, and a span ruler whose spans are event
    triggers.
    """
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns(
        [{"label": "GPE", "pattern": name} for name in ("Syria", "Turkey", "Iraq", "Mosul")]
        + [
            {"label": "ORG", "pattern": "Islamic State"},
            {"label": "PERSON", "pattern": "Moshe Megged"},
            {"label": "NORP", "pattern": "fighters"},
        ]
    )
    ruler = nlp.add_pipe("span_ruler", config={"spans_key": "events"})
    ruler.add_patterns(
        [{"label": "Personnel.Desertion", "pattern": [{"LOWER": {"REGEX": "^desert"}}]}]
    )
    nlp.to_disk(path := tmp_path_factory.mktemp("pipeline"))
    return path


def test_a_saved_spacy_pipeline_scores_as_spacys_own_scorer_says(pipeline):
    from spacy.scorer import Scorer
    from spacy.training import Example

    gold, nlp = load_corpus(), spacy.load(pipeline)
    reference = nlp.make_doc(gold[0].text)
    spans = [reference.char_span(e.start, e.end, label=e.label) for e in gold[0].entities]
    reference.ents = [span for span in spans if span is not None]
    aligned = Corpus(
        [
            Document(
                gold[0].id,
                gold[0].text,
                [Entity(s.label_, s.start_char, s.end_char) for s in reference.ents],
            )
        ]
    )
    theirs = Scorer.score_spans([Example(nlp(gold[0].text), reference)], "ents")

    ours = evaluate(f"spacy:{pipeline}", aligned)["entities/strict"]

    assert len(reference.ents) > 50
    assert ours.micro.tp > 10
    assert (ours.micro.precision, ours.micro.recall, ours.micro.f1) == pytest.approx(
        (theirs["ents_p"], theirs["ents_r"], theirs["ents_f"])
    )
    for label, values in theirs["ents_per_type"].items():
        assert (ours[label].precision or 0, ours[label].recall or 0) == pytest.approx(
            (values["p"], values["r"])
        )


def test_a_span_group_gives_triggers_or_entities(pipeline):
    triggers = evaluate(f"spacy:{pipeline}", load_corpus()).metadata
    scores = score(
        load_corpus(), predict(f"spacy:{pipeline}", load_corpus(), triggers="events"), ["tri-c"]
    )

    assert triggers.model == f"spacy:{pipeline}"
    assert scores["tri-c"]["Personnel.Desertion"].tp == 6
    assert {
        e.label for e in predict(f"spacy:{pipeline}", load_corpus(), entities="events")[0].entities
    } == {"Personnel.Desertion"}
    with pytest.raises(InputError, match="no span group 'event'; expected one of: ents, events"):
        predict(f"spacy:{pipeline}", load_corpus(), triggers="event")


NEWS = [
    (
        (
            "LIMA — Peruvian police said Tuesday that three people were arrested after rebels"
            " attacked a bank in Bolivia. “We will not stop,” said General Rosa Quispe of the"
            " National Police."
        ),
        {
            ("Peruvian", "NORP"),
            ("Tuesday", "DATE"),
            ("three", "CARDINAL"),
            ("Bolivia", "GPE"),
            ("Rosa Quispe", "PERSON"),
            ("National Police", "ORG"),
        },
        {("attacked", "Conflict.Attack")},
        {("said", "“We will not stop,”")},
    ),
    (
        (
            "According to a study by Oxfam, soldiers besieged the town of Bamari last month. The UN"
            " urged the army to lift the blockade."
        ),
        {("last month", "DATE"), ("Bamari", "GPE"), ("UN", "ORG")},
        {
            ("besieged", "Conflict.Siege"),
            ("urged", "Contact.Request"),
            ("blockade", "Conflict.Siege"),
        },
        {("According to", "soldiers besieged the town of Bamari last month")},
    ),
    (
        (
            "The World Health Organization announced on 3 May 2019 that 15 percent of the patients"
            " in Kenya paid $40 million, President Amina Diallo added."
        ),
        {
            ("World Health Organization", "ORG"),
            ("3 May 2019", "DATE"),
            ("15 percent", "PERCENT"),
            ("Kenya", "GPE"),
            ("$40 million", "MONEY"),
            ("Amina Diallo", "PERSON"),
        },
        set(),
        {
            (
                "announced",
                (
                    "on 3 May 2019 that 15 percent of the patients in Kenya paid $40 million, President"  # noqa: E501
                    " Amina Diallo added"
                ),
            )
        },
    ),
]


@pytest.mark.parametrize(("text", "entities", "triggers", "attributions"), NEWS)
def test_the_baseline_does_something_sensible_on_other_news(text, entities, triggers, attributions):
    found = annotate(Document("d", text))

    assert entities <= {(text[e.start : e.end], e.label) for e in found.entities}
    assert triggers == {(text[e.trigger.start : e.trigger.end], e.label) for e in found.events}
    assert attributions <= {
        (text[a.cue.start : a.cue.end], text[a.content.start : a.content.end])
        for a in found.attributions
    }


def test_the_baseline_holds_no_name_from_the_article():
    from evalkit.models import rules
    from evalkit.models import rules_lexicon as lexicon

    article = load_corpus()[0]
    names = {
        article.text[e.start : e.end]
        for e in article.entities
        if e.label in ("PERSON", "ORG", "GPE", "LOC")
    }
    lists = Path(lexicon.__file__).with_suffix(".json").read_text(encoding="utf-8")
    source = lists + Path(rules.__file__).read_text(encoding="utf-8")
    words = set(source.replace(",", " ").replace('"', " ").split())

    assert {name for name in names if name in words} - lexicon.COUNTRIES == set()


@pytest.mark.parametrize("country", ["Chad", "Costa Rica", "El Salvador"])
def test_the_baseline_knows_countries_of_one_and_two_words(country):
    found = annotate(Document("d", f"Rebels fled to {country} today."))

    assert [(e.label, found.text[e.start : e.end]) for e in found.entities if e.label == "GPE"] == [
        ("GPE", country)
    ]


def test_a_label_that_is_none_counts_as_wrong_and_a_number_is_one():
    found = answer(
        lambda text: [
            (0, 3, 0),
            (0, 3, b"PER"),
            (0, 3, "a\ud83d"),
            {"start": 0, "end": 3, "label": "PER", "score": 10**400},
        ]
    )

    assert [entity.label for entity in found.entities] == ["0", "PER"]
    assert [unplaced.reason for unplaced in found.unplaced] == [
        "label: invalid label b'PER': expected printable characters",
        "label: invalid label 'a\\ud83d': expected printable characters",
    ]
