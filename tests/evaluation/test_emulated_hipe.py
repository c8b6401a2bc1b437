"""HIPE-scorer, which cannot be installed, beside its rules in plain loops and worked examples."""

from collections import Counter
from statistics import fmean, pstdev

import pytest
from helpers.emulated_tags import count_as_hipe
from helpers.emulation import check_chain, random_entity_corpora, random_tag_corpus
from helpers.quick import choose_quick

from evalkit import emulate


def rows_by_name(emulated):
    return {(row["Evaluation"], row["Label"]): row for row in emulated.rows}


def ratios(counts):
    precision = counts["correct"] / counts["actual"] if counts["actual"] else 0
    recall = counts["correct"] / counts["possible"] if counts["possible"] else 0
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0


def test_the_worked_example():
    """ORG of three words is found with two of them; DATE does not occur in gold."""
    gold = [["B-ORG", "I-ORG", "I-ORG", "O", "B-LOC", "O"], ["B-PER", "O"]]
    predicted = [["B-ORG", "I-ORG", "O", "O", "B-ORG", "O"], ["B-PER", "B-DATE"]]

    rows = rows_by_name(emulate("hipe", gold, predicted))

    assert [rows["micro-strict", "ALL"][name] for name in ("TP", "FP", "FN")] == [1, 2, 2]
    assert [rows["micro-fuzzy", "ALL"][name] for name in ("TP", "FP", "FN")] == [2, 1, 1]
    # A wrong type counts for the type of gold
    assert [rows["micro-strict", "LOC"][name] for name in ("TP", "FP", "FN")] == [0, 1, 1]
    assert rows["macro_doc-strict", "ALL"]["F1"] == pytest.approx((0 + 1) / 2)
    assert rows["macro_doc-strict", "ALL"]["F1_std"] == pytest.approx(0.5)
    assert ("micro-strict", "DATE") not in rows


def test_types_of_the_tagset_count():
    tags = [["B-PER", "O"]], [["B-PER", "B-date"]]

    strict = ("micro-strict", "ALL")
    assert rows_by_name(emulate("hipe", *tags))[strict]["FP"] == 0
    for tagset in ("date+loc", ["DATE"]):
        assert rows_by_name(emulate("hipe", *tags, tagset=tagset))[strict]["FP"] == 1


def test_types_with_a_dash_are_ignored():
    tags = [["B-pers-x", "B-loc"]]

    assert rows_by_name(emulate("hipe", tags, tags))["micro-strict", "ALL"]["TP"] == 1


def test_entities_go_on_over_the_end_of_a_sentence(tmp_path):
    content = "-DOCSTART- O\n\nAda B-PER\n\nLee I-PER\n"
    paths = [tmp_path / f"{side}.conll" for side in ("gold", "predicted")]
    for path in paths:
        path.write_text(content)

    assert rows_by_name(emulate("hipe", *paths))["micro-strict", "ALL"]["TP"] == 1


@pytest.mark.parametrize("seed", choose_quick(range(1000), 20))
@pytest.mark.parametrize("tagset", [(), ("ORG", "LOC")])
def test_the_rows_are_those_of_plain_loops(tagset, seed):
    gold, predicted = random_tag_corpus(seed)
    if seed % 3 == 0:  # a type of predictions only
        predicted = [[tag.replace("LOC", "Place") for tag in row] for row in predicted]
    documents, labels = count_as_hipe(gold, predicted, tagset)

    rows = rows_by_name(emulate("hipe", gold, predicted, tagset=tagset))

    expected_names = [
        (f"{average}-{regime}", label)
        for average in ("micro", "macro_doc")
        for regime in ("fuzzy", "strict")
        for label in labels
    ]
    assert list(rows) == expected_names
    for regime in ("fuzzy", "strict"):
        for label in labels:
            own = [document[regime][label] for document in documents]
            total = sum(own, Counter())
            row = rows[f"micro-{regime}", label]
            assert [row[name] for name in ("P", "R", "F1")] == pytest.approx(ratios(total))
            assert (row["TP"], row["FP"], row["FN"]) == (
                total["correct"],
                total["actual"] - total["correct"],
                total["possible"] - total["correct"],
            )
            needs = {"P": ("actual",), "R": ("possible",), "F1": ("actual", "possible")}
            row = rows[f"macro_doc-{regime}", label]
            for column, (name, needed) in enumerate(needs.items()):
                kept = [each for each in own if all(each[need] for need in needed)]
                values = [ratios(each)[column] for each in kept]
                assert row[name] == (pytest.approx(fmean(values)) if values else None)
                assert row[f"{name}_std"] == (
                    pytest.approx(pstdev(values), abs=1e-12) if values else None
                )


@pytest.mark.parametrize("label", ["GPE-LOC", "O", "_", "o"])
@pytest.mark.parametrize("tagset", [(), ("GPE-LOC", "O", "_")])
def test_labels_that_its_reader_does_not_take_for_types_are_ignored(label, tagset):
    tags = [["B-PER", f"B-{label}"]]

    rows = rows_by_name(emulate("hipe", tags, tags, tagset=tagset))

    assert rows["micro-strict", "ALL"]["TP"] == 1
    assert rows.keys() == {
        (f"{average}-{regime}", name)
        for average in ("micro", "macro_doc")
        for regime in ("fuzzy", "strict")
        for name in ("ALL", "PER")
    }


@pytest.mark.parametrize("seed", choose_quick(range(200), 8))
def test_the_steps_account_for_the_difference(seed):
    check_chain(emulate("hipe", *random_tag_corpus(seed)))
    check_chain(emulate("hipe", *random_entity_corpora(seed)))
