"""A GLiNER model: asked for the schema's labels as words, in windows, and what it answers is
neither lost nor counted twice.
"""

import json
import re
import subprocess
import sys
import warnings

import pytest
from helpers import tiny_models

from evalkit import Corpus, Document, Entity, InputError, Schema, load_corpus, load_model, predict
from evalkit.errors import MissingDependencyError
from evalkit.models import gliner

NEWS = Schema(labels={"PERSON": "", "WORK_OF_ART": "", "GPE": ""})
WORDS = "Ada met Bo in Rome and saw Tosca there with Cy on a day in May when Di sang it in Paris for Ed".split()  # noqa: E501
NAMES = {
    "Ada": "person",
    "Bo": "person",
    "Rome": "country, city or state",
    "Tosca": "work of art",
    "Cy": "person",
    "Di": "person",
    "Paris": "country, city or state",
    "Ed": "person",
}


class StandIn:
    """GLiNER's interface: it knows names, reads `most` words and no more, and remembers what it was
    asked.
    """

    def __init__(self, names=None, most=384):
        self.names, self.most, self.asked = names or NAMES, most, []

    def predict_entities(self, text, labels, *, threshold, flat_ner, multi_label):
        self.asked.append((text, labels, threshold, flat_ner, multi_label))
        read = list(re.finditer(r"\w+|[^\w\s]", text))[: self.most]
        return [
            {
                "start": word.start(),
                "end": word.end(),
                "text": word[0],
                "label": self.names[word[0]],
                "score": 0.9,
            }
            for word in read
            if self.names.get(word[0]) in labels
        ]


class Saying(StandIn):
    """It says the same of every text."""

    def __init__(self, *predicted):
        super().__init__()
        self.predicted = predicted

    def predict_entities(self, text, labels, **how):
        return list(self.predicted)


def answer(model, text, schema=NEWS):
    return next(iter(model.with_schema(schema).predict([Document("d", text)])))


def found(model, text, schema=NEWS):
    return [
        (text[entity.start : entity.end], entity.label)
        for entity in answer(model, text, schema).entities
    ]


def test_the_prompts_are_the_labels_of_the_schema_as_words():
    model = StandIn()

    entities = found(gliner.load(model), "Ada saw Tosca in Rome")

    assert entities == [("Ada", "PERSON"), ("Tosca", "WORK_OF_ART"), ("Rome", "GPE")]
    assert model.asked == [
        (
            "Ada saw Tosca in Rome",
            ["person", "work of art", "country, city or state"],
            0.5,
            True,
            False,
        )
    ]


def test_labels_may_be_given_instead_of_a_schema():
    one = gliner.load(StandIn(), labels=["PERSON"])
    spelled = gliner.load(StandIn(), labels=["person"])
    mapped = gliner.load(
        StandIn({"Rome": "city", "Italy": "country"}), labels={"city": "GPE", "country": "GPE"}
    )

    assert found(one, "Ada saw Tosca", schema=None) == [("Ada", "PERSON")]
    assert found(spelled, "Ada saw Tosca", NEWS) == [("Ada", "person")]
    assert found(mapped, "Rome, Italy") == [("Rome", "GPE"), ("Italy", "GPE")]
    assert [document.entities for document in one.predict([Document("d", "Ada")])] == [
        (Entity("PERSON", 0, 3, score=0.9),)
    ]


def test_the_prompts_are_among_the_settings():
    model = gliner.load(StandIn(), threshold=0.3).with_schema(NEWS)

    assert model.name == "gliner:StandIn"
    assert model.settings == {
        "threshold": 0.3,
        "flat_ner": True,
        "multi_label": False,
        "window": 384,
        "overlap": 96,
        "labels": {
            "person": "PERSON",
            "work of art": "WORK_OF_ART",
            "country, city or state": "GPE",
        },
    }


def test_without_labels_there_is_nothing_to_ask_for():
    model = gliner.load(StandIn())

    for schema in (None, Schema()):
        with pytest.raises(
            InputError,
            match=(
                r'gliner:StandIn: there are no labels to prompt for: use labels=\["PERSON"\], or a'
                r" corpus with a schema"
            ),
        ):
            model.with_schema(schema)
    with pytest.raises(InputError, match="there are no labels to prompt for"):
        list(model.predict([Document("d", "Ada")]))


def test_two_labels_that_become_one_prompt_are_refused():
    with pytest.raises(
        InputError,
        match='LOC and LOCATION both become "location": use a mapping of prompts to labels',
    ):
        gliner.load(StandIn(), labels=["LOC", "LOCATION"])


def test_an_entity_under_another_prompt_keeps_its_label():
    model = gliner.load(
        Saying(
            {"start": 0, "end": 3, "label": "person", "score": 0.9},
            {"start": 4, "end": 8, "label": "planet", "score": 0.8},
        )
    )

    assert found(model, "Ada Mars") == [("Ada", "PERSON"), ("Mars", "planet")]


def test_an_invalid_entity_is_unplaced_with_its_reason():
    model = gliner.load(
        Saying(
            {"start": 0, "end": 99, "label": "person", "score": 0.9},
            {"label": "person", "text": "Bo"},
            "Ada",
        )
    )

    predicted = answer(model, "Ada")

    assert predicted.entities == ()
    assert [(one.label, one.reason) for one in predicted.unplaced] == [
        ("PERSON", "end: 99 is past the end of the text (length 3)"),
        ("PERSON", "no 'start'"),
        (
            "unlabeled",
            "expected (start, end, label) with character offsets, or a dict with start, end"
            " and label, got 'Ada'",
        ),
    ]


def test_a_score_that_is_no_number_is_none():
    model = gliner.load(Saying({"start": 0, "end": 3, "label": "person", "score": float("nan")}))

    assert answer(model, "Ada").entities == (Entity("PERSON", 0, 3),)


@pytest.mark.parametrize("window", range(1, 25))
def test_long_texts_are_read_in_windows_and_names_in_two_of_them_count_once(window):
    text = " ".join(WORDS)
    expected = [
        (word, {"person": "PERSON", "work of art": "WORK_OF_ART"}.get(NAMES[word], "GPE"))
        for word in WORDS
        if word in NAMES
    ]

    for overlap in range(window // 2 + 1):
        model = StandIn(most=window)
        assert found(gliner.load(model, window=window, overlap=overlap), text) == expected
        assert len(model.asked) >= len(WORDS) / window


class Cutting(StandIn):
    """It takes every run of capitalised words for a person, also where a window cuts one."""

    def predict_entities(self, text, labels, **how):
        return [
            {
                "start": run.start(),
                "end": run.end(),
                "label": "person",
                "score": 0.5 + len(run[0]) % 2 / 4,
            }
            for run in re.finditer(r"[A-Z]\w*(?: [A-Z]\w*)*", text)
        ]


def test_a_name_that_a_window_cuts_is_taken_from_the_window_that_holds_all_of_it():
    text = "so then Ada Mary King went on to Bo Lee Tan and to Cy Orr"

    for window in range(6, 20):
        assert [
            name
            for name, _ in found(gliner.load(Cutting(), window=window, overlap=window // 2), text)
        ] == ["Ada Mary King", "Bo Lee Tan", "Cy Orr"]


def test_entities_in_one_another_are_kept_and_two_prompts_of_one_label_count_once():
    nested = Saying(
        {"start": 0, "end": 12, "label": "person", "score": 0.4},
        {"start": 8, "end": 12, "label": "country, city or state", "score": 0.6},
    )
    twice = Saying(
        {"start": 0, "end": 4, "label": "city", "score": 0.4},
        {"start": 0, "end": 4, "label": "country", "score": 0.6},
    )

    assert found(gliner.load(nested, flat_ner=False), "Leo van Rome") == [
        ("Leo van Rome", "PERSON"),
        ("Rome", "GPE"),
    ]
    assert answer(
        gliner.load(twice, labels={"city": "GPE", "country": "GPE"}), "Rome"
    ).entities == (Entity("GPE", 0, 4, score=0.6),)


@pytest.mark.parametrize("text", ["", " \n "])
def test_a_text_without_words_has_no_entities_and_is_not_sent_to_the_model(text):
    model = StandIn()

    assert answer(gliner.load(model), text).entities == ()
    assert model.asked == []


def test_a_document_on_which_the_model_fails_is_that_document_alone():
    class Failing(StandIn):
        def predict_entities(self, text, labels, **how):
            if "bad" in text:
                raise RuntimeError("out of\nmemory")
            return super().predict_entities(text, labels, **how)

    bad, good = (
        gliner.load(Failing())
        .with_schema(NEWS)
        .predict([Document("d0", "bad Ada"), Document("d1", "Ada")])
    )

    assert bad == Document("d0", "bad Ada", failure="RuntimeError: out of memory")
    assert [entity.label for entity in good.entities] == ["PERSON"]


class Batching(StandIn):
    """It reads several texts in a call, as GLiNER does, and remembers how many."""

    def __init__(self, *, refused="no text has this"):
        super().__init__()
        self.refused, self.sizes = refused, []

    def inference(self, texts, labels, *, threshold, flat_ner, multi_label, batch_size):
        self.sizes.append(len(texts))
        return [
            self.predict_entities(
                text, labels, threshold=threshold, flat_ner=flat_ner, multi_label=multi_label
            )
            for text in texts
        ]

    def predict_entities(self, text, labels, **how):
        if self.refused in text:
            raise RuntimeError("out of\nmemory")
        return super().predict_entities(text, labels, **how)


def documents_of_all_lengths(count=40):
    return [
        Document(f"d{n}", " ".join(WORDS[(n * k) % len(WORDS)] for k in range(n)))
        for n in range(count)
    ]


@pytest.mark.parametrize("batch_size", [1, 2, 7, 100])
def test_a_documents_answer_depends_on_no_other_and_on_no_batch_size(batch_size):
    documents = documents_of_all_lengths()
    alone = gliner.load(StandIn(), window=9).with_schema(NEWS)
    network = Batching()

    together = gliner.load(network, window=9, batch_size=batch_size).with_schema(NEWS)

    assert list(together.predict(documents)) == [
        next(iter(alone.predict([document]))) for document in documents
    ]
    assert all(size <= batch_size for size in network.sizes)
    assert bool(network.sizes) == (batch_size > 1)


def test_of_a_batch_that_fails_only_the_document_that_causes_it_has_a_failure():
    documents = documents_of_all_lengths()
    expected = list(gliner.load(Batching()).with_schema(NEWS).predict(documents))
    bad = {document.id for document in documents if "Tosca" in document.text}

    answers = gliner.load(Batching(refused="Tosca")).with_schema(NEWS).predict(documents)

    assert 0 < len(bad) < len(documents)
    for document, answered in zip(expected, answers, strict=True):
        if answered.id in bad:
            assert answered.failure == "RuntimeError: out of memory"
        else:
            assert answered == document


def test_a_batch_with_another_number_of_answers_is_read_one_by_one():
    class Losing(Batching):
        def inference(self, texts, labels, **how):
            return super().inference(texts, labels, **how)[1:]

    documents = documents_of_all_lengths()
    expected = list(gliner.load(StandIn()).with_schema(NEWS).predict(documents))

    assert list(gliner.load(Losing()).with_schema(NEWS).predict(documents)) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"labels": "person"},
            (
                r'labels="person": expected a list such as \["PERSON"\], or a mapping of prompts to'
                r" labels"
            ),
        ),
        ({"labels": [""]}, "labels=.*: expected a list such as"),
        ({"labels": {"person": 3}}, "labels=.*: expected a list such as"),
        ({"threshold": 2}, "threshold=2: expected a number from 0 to 1"),
        ({"threshold": "high"}, 'threshold="high": expected a number from 0 to 1'),
        ({"batch_size": 0}, "batch_size=0: expected an integer >= 1"),
        ({"window": 0}, "window=0: expected an integer from 1 to 384"),
        (
            {"window": 10, "overlap": 6},
            "overlap=6: expected an integer from 0 to 5, half of the window",
        ),
    ],
)
def test_arguments_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(InputError, match=f"gliner:StandIn: {message}"):
        gliner.load(StandIn(), **arguments)


def test_an_object_without_gliners_interface_is_refused():
    with pytest.raises(
        InputError,
        match=(
            r"gliner:int: expected a method predict_entities\(text, labels, threshold=, flat_ner=,"
            r" multi_label=\)"
        ),
    ):
        gliner.load(7)


def test_what_names_no_model_is_refused(tmp_path):
    with pytest.raises(
        InputError,
        match="gliner: name a model after the colon, as in gliner:urchade/gliner_medium-v2.1",
    ):
        gliner.load("")
    with pytest.raises(InputError, match="gliner:.*nowhere: no such folder"):
        gliner.load(f"{tmp_path}/nowhere")


def test_without_gliner_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gliner", None)

    with pytest.raises(
        MissingDependencyError,
        match=r"gliner models need gliner: .*: pip install '\.\[gliner\]' in a checkout of evalkit",
    ):
        gliner.load("urchade/gliner_medium-v2.1")


needs_gliner = pytest.mark.extra("gliner")
PIECES = ["person", "city", "Ada", "met", "Bo", "in", "Rome", "A", "##l", "##e", "##x"]
loads = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::UserWarning"
)  # of torch, while GLiNER is imported


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch has some for GLiNER's own code
        return tiny_models.gliner(tmp_path_factory.mktemp("gliner"), PIECES)


def raw(folder, text, labels):
    """What GLiNER itself says of a text."""
    from gliner import GLiNER

    predicted = GLiNER.from_pretrained(folder).predict_entities(text, labels, threshold=0.0)
    return [
        (one["start"], one["end"], one["label"], pytest.approx(one["score"])) for one in predicted
    ]


@needs_gliner
@loads
def test_a_real_model_says_what_it_says_without_us(folder):
    text = "Ada met Bo in Rome"

    predicted = answer(load_model(f"gliner:{folder}", labels=["person", "city"], threshold=0), text)

    assert (predicted.failure, predicted.unplaced) == (None, ())
    assert [(e.start, e.end, e.label, e.score) for e in predicted.entities] == raw(
        folder, text, ["person", "city"]
    )
    assert len(predicted.entities) > 1


@needs_gliner
@loads
def test_a_real_model_reads_a_long_text_to_its_end_and_has_nothing_to_warn_of(folder):
    text = "Ada met Bo in Rome. " * 20
    model = load_model(f"gliner:{folder}", labels=["person", "city"], threshold=0)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predicted = answer(model, text)

    assert predicted.failure is None
    assert model.settings["window"] == 12
    assert max(end for _, end, *_ in raw(folder, text, ["person", "city"])) < 50
    assert predicted.entities[-1].end > len(text) - 8
    assert len({(entity.start, entity.end, entity.label) for entity in predicted.entities}) == len(
        predicted.entities
    )


@needs_gliner
@loads
def test_a_real_model_reads_documents_in_batches_and_answers_as_for_each_alone(folder, monkeypatch):
    words = PIECES[2:8]
    documents = [
        Document(f"d{n}", " ".join(words[(n * k) % 6] for k in range(n))) for n in range(30)
    ]
    model = load_model(f"gliner:{folder}", labels=["person", "city"], threshold=0)
    expected = [next(iter(model.predict([document]))) for document in documents]

    answers = list(model.predict(documents))

    for document, answered in zip(expected, answers, strict=True):
        assert (answered.failure, answered.unplaced) == (None, ())
        assert [(e.start, e.end, e.label, e.score) for e in answered.entities] == [
            (e.start, e.end, e.label, pytest.approx(e.score, abs=1e-6)) for e in document.entities
        ]
    assert sum(len(document.entities) for document in expected) > 50


@needs_gliner
@loads
def test_windows_keep_to_the_tokens_that_the_labels_leave(folder, monkeypatch):
    from gliner import GLiNER

    asked = []
    model = GLiNER.from_pretrained(folder)
    model.data_processor.transformer_tokenizer.model_max_length = (
        24  # four of them for labels, two special, one between
    )
    monkeypatch.setattr(
        model, "predict_entities", lambda text, labels, **how: asked.append(text) or []
    )

    answer(gliner.load(model, labels=["person", "city"]), "Alex " * 30)

    assert [len(text.split()) for text in asked][:-1] == [4] * (len(asked) - 1)
    with pytest.raises(
        InputError,
        match=(
            "gliner:UniEncoderSpanGLiNER: its labels leave 0 of the model's 24 tokens for the"
            " text: use fewer labels"
        ),
    ):
        gliner.load(model, labels=[f"label {n}" for n in range(20)])


@needs_gliner
@loads
def test_what_is_no_gliner_model_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(InputError, match=r"^gliner:.*: No config file found in .*$"):
        load_model(f"gliner:{tmp_path}")
    with pytest.raises(InputError, match=r"^gliner:no-one/no-such-model: .+$"):
        load_model("gliner:no-one/no-such-model")


@needs_gliner
@loads
def test_a_real_model_runs_on_the_bundled_corpus(folder):
    command = [sys.executable, "-m", "evalkit.cli"]

    ran = subprocess.run(
        [
            *command,
            "run",
            "-m",
            f"gliner:{folder}",
            "-a",
            'labels={"person": "PERSON", "city": "GPE"}',
            "-a",
            "threshold=0",
            "--boot",
            "0",
            "--format",
            "json",
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert (
        next(row for row in json.loads(ran.stdout)["rows"] if row["average"] == "micro")[
            "predicted"
        ]
        > 10
    )


@needs_gliner
@loads
def test_labels_come_from_the_schema_of_the_corpus(folder):
    with pytest.raises(InputError, match="there are no labels to prompt for"):
        predict(f"gliner:{folder}", Corpus([Document("d", "Ada")]))
    assert {
        entity.label
        for entity in predict(f"gliner:{folder}", load_corpus(), threshold=0)[0].entities
    } <= set(load_corpus().schema.labels)
    assert (
        predict(
            f"gliner:{folder}",
            Corpus([Document("d", "Ada met Bo")], schema=Schema(labels={"PERSON": ""})),
            threshold=0,
        )[0]
        .entities[0]
        .label
        == "PERSON"
    )
