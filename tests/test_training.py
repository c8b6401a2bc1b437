"""What is watched while a model trains is what is reported: for transformers' Trainer, and for
spaCy.
"""

import random
from collections import namedtuple

import numpy as np
import pytest
import seqeval.metrics
import spacy
from helpers import tiny_models
from helpers.marked import marked
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config_from_str, registry

from evalkit import Corpus, Document, InputError, load_model, predict, score, score_tags
from evalkit.errors import UnknownNameError
from evalkit.training import compute_metrics, spacy_scorer

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
OUT, B_PER, I_PER, B_LOC, I_LOC = range(5)
# What Trainer gives, without transformers
Outcome = namedtuple("Outcome", "predictions label_ids")  # noqa: PYI024
RATIOS = ("precision", "recall", "f1", "accuracy")


def outcome(predicted_tags, truth):
    return Outcome(np.array(predicted_tags), np.array(truth))


def logits(ids):
    return np.eye(len(TAGS))[ids]


def proper_tags(draw):
    """Ids of tags, where I- only goes on with what is open."""
    found = []
    for _ in range(draw.randint(1, 12)):
        inside = {B_PER: [I_PER], I_PER: [I_PER], B_LOC: [I_LOC], I_LOC: [I_LOC]}.get(
            found[-1] if found else OUT, []
        )
        found.append(draw.choice([OUT, B_PER, B_LOC, *inside]))
    return found


def in_subwords(draw, truth, predicted_tags):
    """Ids of gold and of the prediction, 24 of each: some tokens have a second piece, which is not
    labelled, and the rest is padding.
    """
    pieces = [
        piece
        for gold, other in zip(truth, predicted_tags)
        for piece in [(gold, other), (-100, draw.randrange(5))][: draw.randint(1, 2)]
    ]
    return list(zip(*(pieces + [(-100, OUT)] * (24 - len(pieces)))))


def random_outcome(seed):
    """What Trainer hands over, and the tags of gold and of a prediction that is drawn anew at a
    third of the tokens.
    """
    draw = random.Random(seed)
    truth = [proper_tags(draw) for _ in range(20)]
    predicted_tags = [
        [tag if draw.random() < 0.7 else draw.randrange(5) for tag in tags] for tags in truth
    ]
    rows = [in_subwords(draw, *sides) for sides in zip(truth, predicted_tags)]
    return (
        outcome([other for _, other in rows], [gold for gold, _ in rows]),
        named(truth),
        named(predicted_tags),
    )


def named(sequences):
    return [[TAGS[id] for id in ids] for ids in sequences]


@pytest.mark.parametrize("kind", [tuple, list])
def test_a_pair_of_predictions_and_labels_is_scored_as_an_outcome_is(kind):
    whole, _, _ = random_outcome(1)

    assert compute_metrics(TAGS)(kind([whole.predictions, whole.label_ids])) == compute_metrics(
        TAGS
    )(whole)


@pytest.mark.parametrize("wrong", [5, None, (1, 2, 3), {"logits": 1}])
def test_what_is_no_outcome_is_refused(wrong):
    with pytest.raises(
        InputError, match=r"^expected an EvalPrediction or a pair \(predictions, label_ids\), got "
    ):
        compute_metrics(TAGS)(wrong)


@pytest.mark.parametrize("seed", range(30))
def test_the_numbers_are_those_of_seqeval(seed):
    watched, truth, predicted_tags = random_outcome(seed)
    expected = {
        name: getattr(seqeval.metrics, f"{name}_score")(truth, predicted_tags)
        for name in ("precision", "recall", "f1", "accuracy")
    }

    found = compute_metrics(TAGS)(watched)

    assert {name: found[name] for name in RATIOS} == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(30))
def test_the_numbers_of_each_label_are_those_of_seqeval(seed):
    watched, truth, predicted_tags = random_outcome(seed)
    report = seqeval.metrics.classification_report(
        truth, predicted_tags, output_dict=True, zero_division=0
    )
    names = {"precision": "precision", "recall": "recall", "f1": "f1-score", "number": "support"}
    expected = {
        f"{label}_{name}": report[label][key]
        for label in ("PER", "LOC")
        for name, key in names.items()
    }

    found = compute_metrics(TAGS, per_label=True)(watched)

    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_the_numbers_are_those_of_score_tags():
    watched, truth, predicted_tags = random_outcome(0)
    reported = score_tags(truth, predicted_tags, repair="begin", boot=0)["ner"]

    found = compute_metrics(TAGS)(watched)

    assert [found[name] for name in ("precision", "recall", "f1")] == [
        reported.micro.precision,
        reported.micro.recall,
        reported.micro.f1,
    ]
    assert found["predicted_repaired"] == reported.counts.set_aside["predicted_repaired"] > 0


def test_logits_ids_and_a_tuple_that_begins_with_either_say_the_same():
    ids, truth = (
        np.array([[B_PER, I_PER, OUT], [OUT, B_LOC, OUT]]),
        np.array([[B_PER, I_PER, OUT], [OUT, B_PER, -100]]),
    )
    given = [ids, logits(ids), (logits(ids), "hidden states"), (ids, "hidden states")]

    found = [compute_metrics(TAGS)(Outcome(predictions, truth)) for predictions in given]

    assert (
        found
        == [{"precision": 0.5, "recall": 0.5, "f1": 0.5, "accuracy": 0.8, "predicted_repaired": 0}]
        * 4
    )


def test_where_gold_is_not_labelled_both_sides_are_dropped():
    word_by_word = outcome([[B_PER, I_PER, OUT]], [[B_PER, I_PER, OUT]])
    by_subwords = outcome(
        [[I_LOC, B_PER, B_LOC, I_PER, OUT, B_LOC]], [[-100, B_PER, -100, I_PER, OUT, -100]]
    )

    assert compute_metrics(TAGS)(by_subwords) == compute_metrics(TAGS)(word_by_word)


def test_padding_of_ids_is_no_fault_where_gold_is_not_labelled():
    padded = outcome([[B_PER, -100]], [[B_PER, -100]])

    assert compute_metrics(TAGS)(padded)["f1"] == 1.0


def test_labels_are_a_list_or_a_mapping_whose_ids_may_be_texts():
    watched, *_ = random_outcome(1)
    by_number, by_text = (
        dict(enumerate(TAGS)),
        {str(n): tag for n, tag in reversed(list(enumerate(TAGS)))},
    )

    assert (
        compute_metrics(by_number)(watched)
        == compute_metrics(by_text)(watched)
        == compute_metrics(TAGS)(watched)
    )


def test_a_prefix_stands_before_the_ratios_of_all_and_each_label_has_its_own():
    watched = outcome([[B_PER, OUT]], [[B_PER, B_LOC]])

    found = compute_metrics(TAGS, prefix="overall_", per_label=True)(watched)

    assert found == {
        "overall_precision": 1.0,
        "overall_recall": 0.5,
        "overall_f1": 2 / 3,
        "overall_accuracy": 0.5,
        "PER_precision": 1.0,
        "PER_recall": 1.0,
        "PER_f1": 1.0,
        "PER_number": 1,
        "LOC_precision": 0.0,
        "LOC_recall": 0.0,
        "LOC_f1": 0.0,
        "LOC_number": 1,
        "predicted_repaired": 0,
    }


def test_what_is_undefined_is_zero_or_left_out():
    nothing_said = outcome([[OUT, OUT]], [[B_PER, OUT]])

    assert compute_metrics(TAGS)(nothing_said) == {
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
        "accuracy": 0.5,
        "predicted_repaired": 0,
    }
    assert compute_metrics(TAGS, undefined=None)(nothing_said) == {
        "recall": 0.0,
        "f1": 0.0,
        "accuracy": 0.5,
        "predicted_repaired": 0,
    }


def test_nothing_labelled_leaves_every_ratio_undefined():
    nothing = outcome([[OUT, OUT]], [[-100, -100]])

    assert compute_metrics(TAGS)(nothing) == {
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
        "accuracy": 0.0,
        "predicted_repaired": 0,
    }
    assert compute_metrics(TAGS, undefined=None)(nothing) == {"predicted_repaired": 0}


def test_improper_predictions_are_repaired_as_named_and_counted():
    begun_inside = outcome([[I_PER, I_PER, OUT]], [[B_PER, I_PER, OUT]])

    assert [
        compute_metrics(TAGS, repair=repair)(begun_inside)["f1"]
        for repair in ("begin", "conlleval", "discard")
    ] == [1.0, 1.0, 0.0]
    assert compute_metrics(TAGS)(begun_inside)["predicted_repaired"] == 1
    with pytest.raises(
        InputError,
        match=(
            "predicted tags: sequence 0, token 0: 'I-PER' begins the sentence, which is invalid"
            " IOB2"
        ),
    ):
        compute_metrics(TAGS, repair="error")(begun_inside)


def test_improper_gold_is_an_error_whatever_the_repair():
    truth_begun_inside = outcome([[OUT, OUT], [OUT, OUT]], [[OUT, OUT], [-100, I_PER]])

    with pytest.raises(
        InputError,
        match=(
            r"gold tags: sequence 1, token 0: 'I-PER' begins the sentence, which is invalid IOB2:"
            r" B-PER or I-PER is expected before it; only predictions are repaired: correct"
            r" the labels"
        ),
    ):
        compute_metrics(TAGS)(truth_begun_inside)


def test_other_taggings_are_read_as_such():
    tags = ["O", "B-A", "I-A", "E-A", "S-A"]
    watched = outcome([[1, 2, 3, 0, 4]], [[1, 2, 3, 0, 4]])

    assert compute_metrics(tags, tagging="BIOES")(watched)["f1"] == 1.0


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            {0: "LABEL_0", 1: "LABEL_1"},
            "label tags: invalid IOB2 tag 'LABEL_0': expected O, B-LABEL or I-LABEL",
        ),
        ({0: "O", 2: "B-PER"}, "labels: no label has the id 1: expected ids from 0 to 1"),
        ("O B-PER", "invalid labels 'O B-PER': expected id2label, or a list of tags"),
        (None, "invalid labels None: expected id2label, or a list of tags"),
    ],
)
def test_labels_that_are_no_tags_are_refused_before_training(labels, message):
    with pytest.raises(InputError, match=message):
        compute_metrics(labels)


def test_a_tagging_or_repair_that_is_none_is_refused_before_training():
    with pytest.raises(
        UnknownNameError,
        match="unknown repair 'beginn'; expected one of: error, discard, begin, conlleval",
    ):
        compute_metrics(TAGS, repair="beginn")
    with pytest.raises(UnknownNameError, match="unknown tagging 'BIO'"):
        compute_metrics(TAGS, tagging="BIO")


@pytest.mark.parametrize(
    ("predictions", "truth", "message"),
    [
        (
            np.zeros((1, 2, 3)),
            [[0, 0]],
            (
                r"predictions: float64 of the shape \(1, 2, 3\): expected logits \(sequences,"
                r" tokens, 5 labels\) or ids"
            ),
        ),
        (
            np.zeros((1, 2)),
            [[0, 0]],
            r"predictions: float64 of the shape \(1, 2\): expected logits",
        ),
        (
            np.zeros((1, 3), int),
            [[0, 0]],
            (
                r"label_ids have the shape \(1, 2\), predictions \(1, 3\): expected \(sequences,"
                r" tokens\) for both"
            ),
        ),
        (
            np.zeros((1, 2), int),
            [[0, 5]],
            (
                "label_ids: no label has the id 5: expected 0 to 4, or -100 in label_ids for"
                " tokens that are not scored"
            ),
        ),
        (np.full((1, 2), -100), [[0, -100]], "predictions: no label has the id -100"),
        (
            [np.zeros((1, 2), int), np.zeros((1, 3), int)],
            [[0, 0]],
            (
                r"predictions: arrays of several shapes: expected one array of all batches"
                r" \(eval_do_concat_batches\)"
            ),
        ),
        (
            np.zeros((1, 2), int),
            ([[0, 0]], [[0, 0]]),
            r"label_ids have the shape \(2, 1, 2\), predictions \(1, 2\)",
        ),
    ],
)
def test_arrays_that_do_not_go_together_are_refused(predictions, truth, message):
    with pytest.raises(InputError, match=message):
        compute_metrics(TAGS)(Outcome(predictions, truth))


@pytest.mark.extra("hf")
def test_what_transformers_hands_over_is_taken():
    from transformers import EvalPrediction

    watched, *_ = random_outcome(2)

    found = compute_metrics(TAGS)(
        EvalPrediction(
            predictions=(logits(watched.predictions), watched.predictions),
            label_ids=watched.label_ids,
        )
    )

    assert found == compute_metrics(TAGS)(watched)


@pytest.mark.extra("trainer")
@pytest.mark.filterwarnings("ignore")  # of torch and accelerate
def test_a_real_trainer_watches_what_score_tags_reports(tmp_path):
    from transformers import Trainer, TrainingArguments

    tags = ["O", "B-PER", "I-PER", "B-ORG"]
    tokenizer = tiny_models.wordpiece(["Ada", "Bo", "met", "Acme"])
    network = tiny_models.network(
        tokenizer, tags, {"Ada": "B-PER", "Acme": "B-ORG", "Bo": "I-PER"}.get
    )
    words = [["Ada", "met", "Acme"], ["Bo", "met", "Ada"]]
    gold = [["B-PER", "O", "B-ORG"], ["B-PER", "O", "O"]]
    data = [
        {
            "input_ids": tokenizer.convert_tokens_to_ids(w),
            "attention_mask": [1] * 3,
            "labels": [tags.index(tag) for tag in t],
        }
        for w, t in zip(words, gold, strict=True)
    ]
    trainer = Trainer(
        network,
        TrainingArguments(str(tmp_path), report_to=[], use_cpu=True),
        compute_metrics=compute_metrics(network.config.id2label, per_label=True),
    )

    watched = trainer.evaluate(eval_dataset=data)

    predicted_tags = [["B-PER", "O", "B-ORG"], ["I-PER", "O", "B-PER"]]
    micro = score_tags(gold, predicted_tags, repair="begin")["entities/strict"].micro
    assert (
        (watched["eval_precision"], watched["eval_recall"], watched["eval_f1"])
        == (micro.precision, micro.recall, micro.f1)
        == (0.75, 1.0, 6 / 7)
    )
    assert watched["eval_ORG_f1"] == 1.0


NLP = spacy.blank("en")


def doc(document, tokens=None):
    """A spaCy Doc of a document, cut into tokens by spaCy or as given."""
    made = (
        NLP.make_doc(document.text)
        if tokens is None
        else Doc(NLP.vocab, words=tokens, spaces=[False] * len(tokens))
    )
    made.set_ents(
        [made.char_span(e.start, e.end, e.label) for e in document.entities], default="outside"
    )
    return made


def example(predicted, reference, **tokens):
    return Example(doc(marked(predicted), **tokens), doc(marked(reference)))


def group(text, *spans):
    made = NLP.make_doc(text)
    made.spans["sc"] = [Span(made, start, end, label) for start, end, label in spans]
    return made


def test_spacy_finds_the_scorer_by_its_name():
    scorer = registry.scorers.get("evalkit.entities.v1")

    assert scorer is spacy_scorer


def test_the_scores_have_the_names_and_values_that_spacy_gives_to_what_aligns():
    examples = [
        example("[Ada|PER] met [Bo|LOC] in [Rome|LOC]", "[Ada|PER] met [Bo|PER] in [Rome|LOC]"),
        example("Bo left", "[Bo|PER] left"),
    ]
    theirs = registry.scorers.get("spacy.ner_scorer.v1")()(examples)

    found = spacy_scorer()(examples)

    assert found.pop("ents_unannotated") == 0
    assert {name: found[name] for name in ("ents_p", "ents_r", "ents_f")} == pytest.approx(
        {name: theirs[name] for name in ("ents_p", "ents_r", "ents_f")}
    )
    assert sorted(found) == sorted(theirs)
    assert found["ents_per_type"] == {
        label: pytest.approx(theirs["ents_per_type"][label]) for label in ("PER", "LOC")
    }


def test_a_prediction_that_does_not_align_is_wrong_where_spacy_says_one():
    gold = doc(marked("[U.S.-based|GPE] firm"))
    gold_tokens = Doc(NLP.vocab, words=["U.S.-based", "firm"], spaces=[True, False])
    gold_tokens.set_ents([gold_tokens.char_span(0, 10, "GPE")], default="outside")
    part = Doc(NLP.vocab, words=["U.S.", "-based", "firm"], spaces=[False, True, False])
    part.set_ents([part.char_span(0, 4, "GPE")], default="outside")
    unaligned = [Example(part, gold_tokens)]

    theirs, ours = (
        registry.scorers.get("spacy.ner_scorer.v1")()(unaligned),
        spacy_scorer()(unaligned),
    )

    assert gold.text == part.text
    assert (theirs["ents_f"], ours["ents_f"]) == (pytest.approx(1.0), 0.0)


def test_a_prediction_where_gold_is_annotated_in_part_does_not_vanish():
    half = NLP.make_doc("Ada met Bo")
    half.set_ents([half.char_span(0, 3, "PER")], default="missing")
    both = [Example(doc(marked("[Ada|PER] met [Bo|PER]")), half)]

    theirs, ours = registry.scorers.get("spacy.ner_scorer.v1")()(both), spacy_scorer()(both)

    assert (theirs["ents_p"], ours["ents_p"]) == (pytest.approx(1.0), 0.5)


def test_a_reference_without_annotation_is_set_aside_and_counted():
    bare = Example(doc(marked("[Bo|PER] left")), NLP.make_doc("Bo left"))
    annotated = example("[Ada|PER] met [Bo|PER]", "[Ada|PER] met Bo")

    assert spacy_scorer()([bare, annotated]) == {
        **spacy_scorer()([annotated]),
        "ents_unannotated": 1,
    }
    assert spacy_scorer()([bare]) == {
        "ents_p": None,
        "ents_r": None,
        "ents_f": None,
        "ents_per_type": None,
        "ents_unannotated": 1,
    }


def test_nothing_on_either_side_is_none_and_nothing_predicted_is_zero_as_in_spacy():
    nothing, missed = [example("Bo left", "Bo left")], [example("Bo left", "[Bo|PER] left")]

    assert spacy_scorer()(nothing)["ents_f"] is None
    assert spacy_scorer()(missed)["ents_per_type"] == {"PER": {"p": 0.0, "r": 0.0, "f": 0.0}}
    assert [spacy_scorer()(missed)[name] for name in ("ents_p", "ents_r", "ents_f")] == [
        0.0,
        0.0,
        0.0,
    ]


def test_a_span_group_may_be_scored_with_spans_that_overlap():
    text = "Bank of Rome left"
    examples = [
        Example(
            group(text, (0, 3, "ORG"), (0, 3, "ORG"), (1, 2, "LOC")),
            group(text, (0, 3, "ORG"), (2, 3, "LOC")),
        ),
        Example(group(text), NLP.make_doc(text)),
    ]

    found = spacy_scorer(spans_key="sc")(examples)

    assert found == {
        "spans_sc_p": 1 / 3,
        "spans_sc_r": 0.5,
        "spans_sc_f": 0.4,
        "spans_sc_unannotated": 1,
        "spans_sc_per_type": {
            "LOC": {"p": 0.0, "r": 0.0, "f": 0.0},
            "ORG": {"p": 0.5, "r": 1.0, "f": 2 / 3},
        },
    }


def test_two_texts_in_one_example_are_refused():
    two = [
        example("Bo left", "Bo left"),
        Example(NLP.make_doc("Bo  left"), doc(marked("[Bo|PER] left"))),
    ]

    with pytest.raises(
        InputError,
        match=(
            r"example 1: the predicted text 'Bo  left' differs from the reference's 'Bo left':"
            r" offsets need one text"
        ),
    ):
        spacy_scorer()(two)


def test_a_reference_span_without_a_label_is_refused():
    with pytest.raises(InputError, match="example 0: reference: .*invalid label ''"):
        spacy_scorer(spans_key="sc")([Example(group("Bo left"), group("Bo left", (0, 1, "")))])


TEXTS = [
    "[Ada|PER] met [Bo|PER] in [Rome|LOC] .",
    "[Rome|LOC] saw [Ada|PER] .",
    "[Bo|PER] left [Oslo|LOC] .",
    "[Oslo|LOC] liked [Bo|PER] and [Ada|PER] .",
]
UNSEEN = ["[Ada|PER] met [Oslo|PER] in [Rome|LOC] .", "Bo saw [Bo Berg|PER] ."]
CONFIG = """
[nlp]
lang = "en"
pipeline = ["ner"]

[components]

[components.ner]
factory = "ner"

[components.ner.scorer]
@scorers = "evalkit.entities.v1"

[components.ner.model]
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "ner"
extra_state_tokens = false
hidden_width = 16
maxout_pieces = 1
use_upper = true

[components.ner.model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 16
depth = 1
embed_size = 200
window_size = 1
maxout_pieces = 1
subword_features = true

[training]
max_steps = 60
eval_frequency = 20

[training.optimizer]
@optimizers = "Adam.v1"
learn_rate = 0.01
"""


def saved(path, texts):
    DocBin(docs=[doc(marked(text)) for text in texts]).to_disk(path)
    return str(path)


def test_the_score_that_training_keeps_is_the_one_that_is_reported(tmp_path):
    paths = {
        "paths": {
            "train": saved(tmp_path / "train.spacy", TEXTS),
            "dev": saved(tmp_path / "dev.spacy", TEXTS + UNSEEN),
        }
    }
    gold = Corpus([marked(text, id=f"d{n}") for n, text in enumerate(TEXTS + UNSEEN)])

    train(
        init_nlp(spacy.Language.default_config.merge(load_config_from_str(CONFIG)).merge(paths)),
        tmp_path,
    )
    best = spacy.load(tmp_path / "model-best")
    reported = score(gold, predict(load_model(best), gold), "ner")["ner"].micro

    assert 0 < reported.f1 < 1
    assert [
        best.meta["performance"][name] for name in ("ents_p", "ents_r", "ents_f")
    ] == pytest.approx([reported.precision, reported.recall, reported.f1], abs=1e-9)  # spaCy rounds


def test_evaluate_of_a_pipeline_gives_the_score_of_the_same_documents():
    nlp = spacy.blank("en")
    nlp.add_pipe(
        "entity_ruler", config={"scorer": {"@scorers": "evalkit.entities.v1"}}
    ).add_patterns([{"label": "PER", "pattern": "Bo"}, {"label": "LOC", "pattern": "Oslo"}])
    gold = Corpus([marked(text, id=f"d{n}") for n, text in enumerate(TEXTS)])

    watched = nlp.evaluate(
        [Example(nlp.make_doc(document.text), doc(document)) for document in gold]
    )
    reported = score(gold, predict(load_model(nlp), gold), "ner")["ner"].micro

    assert [watched[name] for name in ("ents_p", "ents_r", "ents_f")] == [
        reported.precision,
        reported.recall,
        reported.f1,
    ]


def test_an_empty_span_that_is_predicted_counts_as_wrong():
    text = Document("d", "Bo left").text

    found = spacy_scorer(spans_key="sc")(
        [Example(group(text, (0, 1, "PER"), (1, 1, "PER")), group(text, (0, 1, "PER")))]
    )

    assert found["spans_sc_p"] == 0.5
