"""Scorers of tagged words, beside the scorers themselves where they are installed."""

import math
import warnings
from collections import Counter

import pytest
from helpers.emulation import (
    check_chain,
    random_entity_corpora,
    random_letters_corpus,
    random_tag_corpus,
)
from helpers.quick import choose_quick

from evalkit import Corpus, Document, Entity, InputError, Unplaced, emulate
from evalkit.analysis.scorer_tags import tags_from_items
from evalkit.errors import UnknownNameError
from evalkit.evaluation.emulated_inputs import open_emulated_inputs

# One pair of tag files and the numbers that the scorers printed for it
GOLD = ["B-PER I-PER O O B-ORG I-ORG I-ORG O B-LOC O", "O B-LOC I-LOC O B-PER O O"]
GOLD += ["B-ORG O B-MISC I-MISC O"]
PREDICTED = ["B-PER I-PER O O B-ORG I-ORG O O B-ORG O", "O I-LOC I-LOC O B-PER I-ORG O"]
PREDICTED += ["B-ORG O O O B-DATE"]
TAGS = [row.split() for row in GOLD], [row.split() for row in PREDICTED]
KINDS = ("read", "drop", "equal", "count", "ratio")  # the order of the rules
# The prefixes of each scheme of seqeval
SCHEMES = {"IOB2": "IB", "IOB1": "IB", "IOE1": "IE", "IOE2": "IE", "IOBES": "BIES", "BILOU": "BILU"}


def row_of(emulated, name, key="name"):
    return next(row for row in emulated.rows if row[key] == name)


def ratios_of(emulated, name):
    """Precision, recall and F1 of a row."""
    row = row_of(emulated, name)
    return [row["precision"], row["recall"], row["f1-score"]]


def check_report(emulated, printed):
    """The rows are those of a `classification_report` as a dict."""
    assert {row["name"] for row in emulated.rows} == set(printed)
    for name, numbers in printed.items():
        row = row_of(emulated, name)
        for column, value in numbers.items():
            expected = None if math.isnan(value) else pytest.approx(value, abs=1e-12)
            assert row[column] == expected, (name, column)


def seqeval_report(gold, predicted, **options):
    from seqeval.metrics import classification_report

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return classification_report(gold, predicted, output_dict=True, zero_division=0, **options)


def test_the_worked_example_of_seqeval():
    emulated = emulate("seqeval", *TAGS)

    assert ratios_of(emulated, "micro avg") == pytest.approx([0.5, 0.571429, 0.533333], abs=1e-6)
    assert ratios_of(emulated, "macro avg")[2] == pytest.approx(0.4)
    assert "|scorer:seqeval@1.2.2|" in emulated.signature


def test_the_worked_example_of_seqeval_strict():
    emulated = emulate("seqeval-strict", *TAGS)

    assert ratios_of(emulated, "micro avg") == pytest.approx([0.5, 0.428571, 0.461538], abs=1e-6)
    [step] = emulated.differences[0].steps
    assert step.kind == "read"
    changes = [(change.side, change.item.label, change.after) for change in step.changes]
    assert ("predicted", "LOC", None) in changes  # an invalid prediction costs nothing


@pytest.mark.parametrize(
    ("repair", "expected"),
    [("conlleval", [0.5, 0.571429, 0.533333]), ("discard", [0.5, 0.428571, 0.461538])],
)
def test_the_worked_example_of_seqscore(repair, expected):
    row = row_of(emulate("seqscore", *TAGS, repair=repair), "ALL", "Type")

    assert [row["Precision"], row["Recall"], row["F1"]] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("compare", "expected"),
    [("tag", [0.636364, 0.583333, 0.608696]), ("type", [0.727273, 0.666667, 0.695652])],
)
def test_the_worked_example_of_scikit_learn(compare, expected):
    emulated = emulate("sklearn-tokens", *TAGS, compare=compare)

    assert ratios_of(emulated, "micro avg") == pytest.approx(expected, abs=1e-6)


def test_the_accuracy_of_the_worked_example():
    for outside in ("exclude", "include"):
        row = row_of(emulate("sklearn-tokens", *TAGS, outside=outside), "accuracy")
        assert row["f1-score"] == pytest.approx(0.681818, abs=1e-6)


def test_the_worked_example_of_conlleval():
    emulated = emulate("conlleval", *TAGS)

    assert emulated.rows[0] == {
        "type": "overall",
        "accuracy": 68.18,
        "precision": 50.0,
        "recall": 57.14,
        "FB1": 53.33,
        "found": 8,
        "tokens": 22,
        "phrases": 7,
        "correct": 4,
    }
    # The table has two decimals, in percent, as the script prints
    [line] = [line for line in str(emulated).splitlines() if line.startswith("overall")]
    assert line.split()[:5] == ["overall", "68.18", "50.00", "57.14", "53.33"]
    json = emulated.to_json()["rows"][0]
    assert json["precision"] == 50.0


def test_the_worked_example_of_hipe():
    rows = {(row["Evaluation"], row["Label"]): row for row in emulate("hipe", *TAGS).rows}

    assert rows["micro-strict", "ALL"]["F1"] == pytest.approx(4 / 7)
    assert rows["micro-fuzzy", "ALL"]["F1"] == pytest.approx(5 / 7)


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
def test_seqeval_prints_the_same(seed):
    gold, predicted = random_tag_corpus(seed)

    check_report(emulate("seqeval", gold, predicted), seqeval_report(gold, predicted))


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
@pytest.mark.parametrize("scheme", SCHEMES)
def test_seqeval_prints_the_same_in_strict_mode(scheme, seed):
    import seqeval.scheme

    gold, predicted = random_letters_corpus(seed, SCHEMES[scheme])
    if scheme == "IOB2" and seed % 2:
        gold, predicted = random_tag_corpus(seed)
    printed = seqeval_report(gold, predicted, mode="strict", scheme=getattr(seqeval.scheme, scheme))

    check_report(emulate("seqeval-strict", gold, predicted, scheme=scheme), printed)


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
@pytest.mark.parametrize("repair", ["none", "conlleval", "discard"])
def test_seqscore_prints_the_same(repair, seed):
    from seqscore.encoding import EncodingError
    from seqscore.scoring import score_label_sequences

    gold, predicted = random_tag_corpus(seed, improper=repair != "none" or seed % 4 == 0)
    try:
        printed, _ = score_label_sequences(
            predicted, gold, "BIO", repair=None if repair == "none" else repair
        )
    except EncodingError:
        with pytest.raises(InputError, match="SeqScore refuses the tag 'I-"):
            emulate("seqscore", gold, predicted, repair=repair)
        return
    emulated = emulate("seqscore", gold, predicted, repair=repair)

    assert [row["Type"] for row in emulated.rows] == ["ALL", *sorted(printed.type_scores)]
    for row in emulated.rows:
        scores = printed if row["Type"] == "ALL" else printed.type_scores[row["Type"]]
        assert row == {
            "Type": row["Type"],
            "Precision": pytest.approx(scores.precision),
            "Recall": pytest.approx(scores.recall),
            "F1": pytest.approx(scores.f1),
            "Reference": scores.total_ref,
            "Predicted": scores.total_pos,
            "Correct": scores.true_pos,
        }


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
@pytest.mark.parametrize("compare", ["tag", "type"])
@pytest.mark.parametrize("outside", ["exclude", "include"])
def test_scikit_learn_prints_the_same(outside, compare, seed):
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    gold, predicted = random_tag_corpus(seed)
    emulated = emulate("sklearn-tokens", gold, predicted, compare=compare, outside=outside)
    flat = []
    for side in (gold, predicted):
        tags = [tag for row in side for tag in row]
        flat.append([tag.split("-")[-1] for tag in tags] if compare == "type" else tags)
    if not flat[0]:
        return
    labels = sorted({*flat[0], *flat[1]} - ({"O"} if outside == "exclude" else set()))

    accuracy = row_of(emulated, "accuracy")
    assert accuracy["f1-score"] == pytest.approx(accuracy_score(*flat))
    assert accuracy["support"] == len(flat[0])
    averages = ["micro", "macro", "weighted"] if outside == "exclude" else ["macro", "weighted"]
    names = [*labels, *(f"{average} avg" for average in averages), "accuracy"]
    assert [row["name"] for row in emulated.rows] == names
    if not labels:
        return
    for average in averages:
        printed = precision_recall_fscore_support(
            *flat, labels=labels, average=average, zero_division=0
        )
        assert ratios_of(emulated, f"{average} avg") == pytest.approx(list(printed[:3]))
    columns = precision_recall_fscore_support(*flat, labels=labels, zero_division=0)
    for label, *numbers, support in zip(labels, *columns):
        assert ratios_of(emulated, label) == pytest.approx(numbers)
        assert row_of(emulated, label)["support"] == support


def sweep_of_conlleval(gold, predicted):
    """What conlleval counts: one sweep over the tokens of both sides at once, in which a chunk is
    correct as long as both sides have the same borders and types. A line of tags O is between two
    sequences.
    """
    counts = {name: Counter() for name in ("gold", "predicted", "correct")}
    equal_tags = tokens = 0
    lines = []
    for gold_row, predicted_row in zip(gold, predicted):
        lines += [*zip(gold_row, predicted_row), None]
    before = [("O", ""), ("O", "")]
    is_correct = False
    for line in lines:
        now = [(tag.split("-")[0], tag[2:]) for tag in line or ("O", "O")]
        starts = [_starts(old, new) for old, new in zip(before, now)]
        ends = [_ends(old, new) for old, new in zip(before, now)]
        if is_correct and all(ends) and before[0][1] == before[1][1]:
            counts["correct"][before[0][1]] += 1
            is_correct = False
        elif is_correct and (ends[0] != ends[1] or now[0][1] != now[1][1]):
            is_correct = False
        if all(starts) and now[0][1] == now[1][1]:
            is_correct = True
        for side, starts_here, (_, label) in zip(("gold", "predicted"), starts, now):
            counts[side][label] += starts_here
        if line is not None:
            tokens += 1
            equal_tags += now[0] == now[1]
        before = now
    return counts, equal_tags, tokens


def _starts(before, now):
    pairs = ("BB", "IB", "OB", "OI", "EE", "EI", "OE")
    return before[0] + now[0] in pairs or (now[0] not in "O." and before[1] != now[1])


def _ends(before, now):
    pairs = ("BB", "BO", "IB", "IO", "EE", "EI", "EO")
    return before[0] + now[0] in pairs or (before[0] not in "O." and before[1] != now[1])


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
@pytest.mark.parametrize("letters", ["IOB2", "IOE2", "BIOES", "BILOU"])
def test_conlleval_counts_the_same(letters, seed):
    gold, predicted = random_letters_corpus(seed, letters.replace("O", "").replace("2", ""))
    if letters == "BILOU":
        gold, predicted = random_letters_corpus(seed, "BILU")
    counts, equal_tags, tokens = sweep_of_conlleval(gold, predicted)

    emulated = emulate("conlleval", gold, predicted, tagging=letters)

    overall = emulated.rows[0]
    assert (overall["tokens"], overall["phrases"]) == (tokens, counts["gold"].total())
    assert overall["correct"] == counts["correct"].total()
    assert overall["accuracy"] == (round(100 * equal_tags / tokens, 2) if tokens else 0)
    labels = sorted({label for side in ("gold", "predicted") for label in +counts[side]})
    assert [row["type"] for row in emulated.rows[1:]] == labels
    for row in emulated.rows[1:]:
        correct, found, phrases = (
            counts[name][row["type"]] for name in ("correct", "predicted", "gold")
        )
        precision = 100 * correct / found if found else 0
        recall = 100 * correct / phrases if phrases else 0
        total = precision + recall
        f1 = 2 * precision * recall / total if total else 0
        printed = dict(zip(("precision", "recall", "FB1"), (precision, recall, f1)))
        printed = {name: float(f"{number:.2f}") for name, number in printed.items()}
        assert row == {"type": row["type"], **printed, "found": found}


@pytest.mark.parametrize(
    ("correct", "found", "printed"),
    [(1, 63, [1.59, 100.0, 3.13]), (3, 189, [1.59, 100.0, 3.13]), (1, 31, [3.23, 100.0, 6.25])],
)
def test_conlleval_computes_fb1_from_percentages(correct, found, printed):
    # 2 · 100/63 · 100 / (100/63 + 100) is printed as 3.13, but 200 · 1/63 / (1/63 + 1) as 3.12
    gold = ["B-PER"] * correct + ["O"] * (found - correct)

    row = emulate("conlleval", [gold], [["B-PER"] * found]).rows[0]

    assert [row["precision"], row["recall"], row["FB1"]] == printed


def test_conlleval_does_not_begin_a_chunk_at_b_after_e():
    gold = ["B-MISC E-MISC B-MISC E-MISC".split()]
    predicted = ["B-MISC I-MISC I-MISC E-MISC".split()]

    assert emulate("conlleval", gold, predicted, tagging="BIOES").rows[0]["FB1"] == 100
    assert ratios_of(emulate("seqeval", gold, predicted, tagging="BIOES"), "micro avg")[2] == 0


def test_seqeval_merges_units_whose_prefix_it_does_not_know():
    tags = ["U-PER U-PER O".split()], ["B-PER L-PER O".split()]

    assert ratios_of(emulate("seqeval", *tags, tagging="BILOU"), "micro avg")[2] == 1
    strict = emulate("seqeval-strict", *tags, scheme="BILOU")
    assert ratios_of(strict, "micro avg")[2] == 0


def test_seqeval_drops_valid_chunks_under_ioe1():
    tags = [["I-PER", "E-PER", "O"]]

    assert emulate("seqeval-strict", tags, tags, scheme="IOE1").rows[0]["name"] == "micro avg"
    tags = [["I-PER", "E-PER", "I-PER"]]
    assert row_of(emulate("seqeval-strict", tags, tags, scheme="IOE1"), "PER")["support"] == 2


def test_tags_of_another_scheme_stop_seqeval():
    with pytest.raises(InputError, match="invalid IOB2 tag 'S-PER'"):
        emulate("seqeval-strict", [["S-PER"]], [["O"]])
    with pytest.raises(
        InputError,
        match="document '0', sequence 0, token 1: seqeval stops at the tag 'S-PER'.*IOBES",
    ):
        emulate("seqeval-strict", [["O", "S-PER"]], [["O", "O"]], tagging="BIOES")


@pytest.mark.parametrize("tagging", ["IOB2", "IOB1", "IOE1", "IOE2", "BIOES", "BILOU"])
def test_entities_are_tagged_under_the_tagging_of_the_scorer(tagging):
    """Neighbors of one label stay apart when the tags are read."""
    text = "Ada Bob Cy left"
    entities = (Entity("PER", 0, 3), Entity("PER", 4, 7), Entity("PER", 8, 15))
    corpus = Corpus([Document("d", text, entities)])
    inputs = open_emulated_inputs(
        corpus, corpus, needs_tokens=True, tagging=None, default_tagging=tagging
    )
    items = inputs.items("gold", "entities")

    tags = tags_from_items(inputs.documents[0], items, tagging)
    scores = emulate("conlleval", [tags], [tags], tagging=tagging)

    expected = {
        "IOB2": "B-PER B-PER B-PER I-PER",
        "IOB1": "I-PER B-PER B-PER I-PER",
        "IOE1": "E-PER E-PER I-PER I-PER",
        "IOE2": "E-PER E-PER I-PER E-PER",
        "BIOES": "S-PER S-PER B-PER E-PER",
        "BILOU": "U-PER U-PER B-PER L-PER",
    }
    assert tags == expected[tagging].split()
    assert scores.differences[0].evalkit.gold == 3


CHAINS = [
    ("seqeval", {}),
    ("seqeval-strict", {}),
    ("conlleval", {}),
    ("seqscore", {"repair": "discard"}),
    ("seqscore", {"repair": "conlleval"}),
    ("sklearn-tokens", {}),
    ("sklearn-tokens", {"compare": "type", "outside": "include"}),
    ("seqeval", {"practices": "drop-empty+drop-unaligned"}),
    ("sklearn-tokens", {"practices": ["drop-empty"]}),
    ("hipe", {"practices": "drop-empty"}),
    ("drop-empty", {}),
    ("drop-unaligned", {}),
]


@pytest.mark.parametrize("seed", choose_quick(range(200), 8))
@pytest.mark.parametrize(("scorer", "options"), CHAINS)
def test_the_steps_account_for_the_difference(scorer, options, seed):
    check_chain(emulate(scorer, *random_tag_corpus(seed), **options))
    check_chain(emulate(scorer, *random_entity_corpora(seed), **options))


@pytest.mark.parametrize("seed", choose_quick(range(200), 8))
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_steps_account_for_the_difference_under_each_scheme(scheme, seed):
    tags = random_letters_corpus(seed, SCHEMES[scheme])

    check_chain(emulate("seqeval-strict", *tags, scheme=scheme))
    check_chain(emulate("seqeval-strict", *random_entity_corpora(seed), scheme=scheme))


@pytest.mark.parametrize("seed", choose_quick(range(60), 8))
def test_the_order_of_predictions_changes_nothing(seed):
    gold, predicted = random_entity_corpora(seed)
    reversed_predictions = predicted.with_documents(
        [
            Document(each.id, each.text, each.entities[::-1], unplaced=each.unplaced)
            for each in predicted
        ]
    )

    for scorer, options in CHAINS:
        first = emulate(scorer, gold, predicted, **options)
        assert emulate(scorer, gold, reversed_predictions, **options).rows == first.rows


@pytest.mark.parametrize(
    ("scorer", "options", "message"),
    [
        ("seqeval-strict", {"scheme": "BIO"}, "'BIO'.*scheme=.*IOB2"),
        ("seqscore", {"repair": "begin"}, "'begin'.*repair=.*conlleval"),
        ("sklearn-tokens", {"compare": "word"}, "'word'.*compare="),
        ("sklearn-tokens", {"outside": "yes"}, "'yes'.*outside="),
        ("seqeval", {"scheme": "IOB2"}, "option 'scheme'.*practices, tagging"),
        ("seqeval", {"practices": "drop-all"}, "practice 'drop-all'"),
        ("seqeval", {"tagging": "BIO"}, "tagging 'BIO'.*IOB2"),
    ],
)
def test_unknown_options_and_values_are_named(scorer, options, message):
    with pytest.raises(UnknownNameError, match=message):
        emulate(scorer, *TAGS, **options)


TAG_SCORERS = ["seqeval", "seqeval-strict", "conlleval", "seqscore", "sklearn-tokens", "hipe"]


@pytest.mark.parametrize("scorer", TAG_SCORERS)
def test_each_step_of_making_tags_has_its_own_items(scorer):
    text = "Ann Lee left Acme-owned shops in Paris"
    gold = [Entity("PER", 0, 7), Entity("ORG", 13, 17), Entity("LOC", 33, 38)]
    predicted = [Entity("PER", 0, 7), Entity("PER", 4, 7), Entity("ORG", 13, 23), gold[2], gold[2]]
    quotes = (Unplaced("entities", "LOC", "not in the text", "Berlin"),)
    corpora = (
        Corpus([Document("d", text, tuple(gold))]),
        Corpus([Document("d", text, tuple(predicted), unplaced=quotes)]),
    )

    differences = emulate(scorer, *corpora).differences
    steps = next(each.steps for each in differences if each.metric == "entities/strict")

    kinds = [step.kind for step in steps]
    assert kinds == sorted(kinds, key=KINDS.index)
    texts = [step.text.partition(":")[0] for step in steps]
    items = [sorted(change.item.text for change in step.changes) for step in steps]
    assert texts[:2] == [
        "has no predictions that are not in the text",
        "has one tag for each word",
    ]
    assert items[:2] == [["Berlin"], ["Lee", "Paris"]]
    if scorer != "sklearn-tokens":  # which compares the tags of words instead
        assert texts[2] == "compares words"
        assert items[2] == ["Acme", "Acme-owned"]


@pytest.mark.parametrize("seed", choose_quick(range(200), 15))
@pytest.mark.parametrize("scorer", [*TAG_SCORERS, "faireval"])
def test_the_steps_of_making_tags_are_true_of_their_items(scorer, seed):
    corpora = random_entity_corpora(seed)

    for difference in emulate(scorer, *corpora).differences:
        for step in difference.steps:
            if step.text.startswith("has no predictions that are not in the text"):
                assert all(change.item.start is None for change in step.changes)
            else:
                assert all(
                    change.item.start is not None or change.before is None
                    for change in step.changes
                )
            if step.text.startswith("has no items without a word"):
                words = [change.item.text for change in step.changes if change.after is None]
                assert words
                assert not any(any(map(str.isalnum, word)) for word in words)
            if step.text.startswith("has one tag for each word"):
                assert any(change.after is None for change in step.changes)
            if step.text.startswith("compares words"):
                assert not any(change.after is None for change in step.changes)
