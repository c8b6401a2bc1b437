"""`agreement`: worked examples, and equality with plain loops over random annotators."""

import gzip
import random
from collections import Counter
from itertools import combinations

import krippendorff
import numpy as np
import pytest
from helpers.quick import choose_quick
from sklearn.metrics import cohen_kappa_score

from evalkit import (
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Schema,
    Span,
    Unplaced,
    Zone,
    agreement,
    score,
)
from evalkit.data.schema import ZoneSchema
from evalkit.errors import UnknownNameError
from evalkit.results.agreement import Agreement

TEXT = "Ada Lovelace wrote to Charles Babbage of the Royal Society of London in 1843."
A = [(0, 12, "PER"), (22, 37, "PER"), (45, 68, "ORG"), (72, 76, "DATE")]
B = [(0, 12, "PER"), (22, 37, "ORG"), (45, 58, "ORG"), (62, 68, "LOC")]
C = [(0, 12, "PER"), (22, 37, "PER"), (45, 68, "ORG")]


def corpus_of(*entities, text=TEXT, name="corpus"):
    documents = []
    for n, spans in enumerate(entities):
        if spans is not None:
            marks = [Entity(label, start, end) for start, end, label in spans]
            documents.append(Document(f"d{n}", text, marks))
    return Corpus(documents, name)


def three_annotators(**options):
    return agreement(a=corpus_of(A), b=corpus_of(B), c=corpus_of(C), **options)


def test_three_annotators_of_one_text():
    result = three_annotators(measures="f1,kappa,alpha,gamma").result

    strict = {(p.a, p.b): p.f1 for p in result.pairs if p.metric == "entities/strict"}
    assert strict == pytest.approx(
        {("a", "b"): 0.25, ("a", "c"): 6 / 7, ("b", "c"): 2 / 7}, abs=1e-9
    )
    exact = {(p.a, p.b): p.f1 for p in result.pairs if p.metric == "entities/exact"}
    assert exact == pytest.approx({("a", "b"): 0.5, ("a", "c"): 6 / 7, ("b", "c"): 4 / 7})
    mean = next(row for row in result.f1 if row.metric == "entities/strict")
    assert (mean.f1, mean.min, mean.max, mean.pairs) == pytest.approx((0.464286, 0.25, 6 / 7, 3))
    assert (mean.low, mean.reason) == (None, "one document holds all items")
    kappa = result.kappa[0]
    assert (kappa.n, kappa.observed, kappa.expected, kappa.kappa) == (2, 0.5, 0.5, 0.0)
    assert [(p.a, p.b, p.n) for p in kappa.labels] == [("PER", "ORG", 1), ("PER", "PER", 1)]
    assert kappa.exact_f1 == 0.5
    (alpha,) = result.alpha
    assert alpha.alpha == pytest.approx(0.638639, abs=1e-6)
    assert (alpha.n, alpha.unlabeled) == (77, pytest.approx(23 / 77))
    assert result.gamma[0].observed == pytest.approx(0.76929, abs=5e-6)


def test_agreement_is_indexed_by_metric_and_holds_the_errors_of_a_pair():
    found = agreement(a=corpus_of(A), b=corpus_of(B))

    assert found["ner"].f1 == 0.25
    assert found.errors("a", "b").counts == score(corpus_of(A), corpus_of(B)).errors().counts
    with pytest.raises(UnknownNameError, match="unknown annotator 'x'"):
        found.errors("a", "x")
    with pytest.raises(UnknownNameError, match="unknown metric"):
        found["triggers/strict"]


def random_spans(rng, like=()):
    """Spans, mostly those of another annotator; sometimes stacked or overlapping."""
    spans = []
    for start, end, label in like:
        fate = rng.random()
        if fate < 0.6:
            spans.append((start, end, label))
        elif fate < 0.75:
            spans.append((start, end, rng.choice("XYZ")))
        elif fate < 0.85:
            spans.append((max(start - 1, 0), end, label))
    for _ in range(rng.randint(0, 2)):
        start = rng.randrange(38)
        spans.append((start, rng.randint(start + 1, 40), rng.choice("XYZ")))
    return list(dict.fromkeys(spans))


def random_annotators(seed, flat=False):
    """An annotator to a document id to spans; documents are sometimes missing."""
    rng = random.Random(seed)
    names = "abcd"[: rng.randint(2, 4)]
    annotations = {name: {} for name in names}
    for n in range(rng.randint(1, 6)):
        base = random_spans(rng, random_spans(rng))
        for name in names:
            spans = random_spans(rng, base)
            if flat:
                kept = []
                for span in sorted(spans):
                    if not kept or kept[-1][1] <= span[0]:
                        kept.append(span)
                spans = kept
            if rng.random() < 0.85:
                annotations[name][f"d{n}"] = spans
    return annotations


def to_corpora(annotations, rng=None):
    corpora = {}
    for name, documents in annotations.items():
        ids = list(documents)
        if rng is not None:
            rng.shuffle(ids)
        corpora[name] = Corpus(
            [
                Document(
                    id,
                    "xy " * 13 + "x",
                    [Entity(label, start, end) for start, end, label in documents[id]],
                )
                for id in ids
            ],
            name,
        )
    return corpora


def pair_f1(a, b, scheme, documents, label=None):
    """Strict and exact F1 of lists of spans: spans are counted as multisets."""
    matched = items = 0
    for id in documents:
        x, y = a[id], b[id]
        if label is not None:
            x, y = ([s for s in spans if s[2] == label] for spans in (x, y))
        if scheme == "exact":
            x, y = ([s[:2] for s in spans] for spans in (x, y))
        matched += sum((Counter(x) & Counter(y)).values())
        items += len(x) + len(y)
    return None if not items else 2 * matched / items


def common_documents(annotations, names):
    ids = sorted({id for documents in annotations.values() for id in documents})
    return [id for id in ids if all(id in annotations[name] for name in names)]


def has_shared_document(annotations):
    return any(common_documents(annotations, pair) for pair in combinations(annotations, 2))


@pytest.mark.parametrize("seed", choose_quick(range(1000), 25))
def test_f1_of_pairs_labels_and_documents_is_that_of_plain_loops(seed):
    annotations = random_annotators(seed)
    if not has_shared_document(annotations):
        return

    result = agreement(
        **to_corpora(annotations), metrics="entities/strict,entities/exact", measures="f1"
    ).result

    for scheme in ("strict", "exact"):
        metric = f"entities/{scheme}"
        pairs = list(combinations(annotations, 2))
        documents = {pair: common_documents(annotations, pair) for pair in pairs}
        values = {}
        for a, b in pairs:
            f1 = pair_f1(annotations[a], annotations[b], scheme, documents[a, b])
            values[a, b] = f1
        found = {(p.a, p.b): p for p in result.pairs if p.metric == metric}
        assert {pair: row.f1 for pair, row in found.items()} == pytest.approx(values)
        assert {pair: row.documents for pair, row in found.items()} == {
            pair: len(ids) for pair, ids in documents.items()
        }
        known = [value for value in values.values() if value is not None]
        overall = next(row for row in result.f1 if row.metric == metric and row.label is None)
        assert overall.pairs == len(known)
        if known:
            assert overall.f1 == pytest.approx(sum(known) / len(known))
            assert (overall.min, overall.max) == pytest.approx((min(known), max(known)))
        for row in result.by_document:
            if row.metric != metric:
                continue
            known = []
            for a, b in pairs:
                if row.document in documents[a, b]:
                    known.append(pair_f1(annotations[a], annotations[b], scheme, [row.document]))
            known = [value for value in known if value is not None]
            assert row.pairs == len(known)
            assert row.f1 == (pytest.approx(sum(known) / len(known)) if known else None)


@pytest.mark.parametrize("seed", choose_quick(range(1000), 25))
def test_f1_of_labels_is_that_of_plain_loops(seed):
    annotations = random_annotators(seed)
    if not has_shared_document(annotations):
        return

    result = agreement(**to_corpora(annotations), metrics="ner", measures="f1").result

    pairs = list(combinations(annotations, 2))
    documents = {pair: common_documents(annotations, pair) for pair in pairs}
    for label in "XYZ":
        known = []
        for a, b in pairs:
            f1 = pair_f1(annotations[a], annotations[b], "strict", documents[a, b], label)
            if f1 is not None:
                known.append(f1)
        rows = [row for row in result.f1 if row.label == label]
        if known:
            assert rows[0].f1 == pytest.approx(sum(known) / len(known))
            assert rows[0].pairs == len(known)
        else:
            assert rows == []


@pytest.mark.parametrize("seed", choose_quick(range(1000), 25))
def test_kappa_is_that_of_the_labels_of_equal_spans(seed):
    annotations = random_annotators(seed)
    if not has_shared_document(annotations):
        return

    result = agreement(**to_corpora(annotations), measures="kappa,fleiss").result

    for row in result.kappa:
        pairs = []
        for id in common_documents(annotations, (row.a, row.b)):
            pairs += pair_labels([annotations[row.a][id], annotations[row.b][id]])
        assert row.n == len(pairs)
        if len({label for pair in pairs for label in pair}) < 2:
            assert row.kappa is None
        else:
            expected = cohen_kappa_score(*zip(*pairs, strict=True))
            assert row.kappa == pytest.approx(expected, abs=1e-12)
    if len(annotations) > 2:
        spans = []
        for id in common_documents(annotations, annotations):
            spans += pair_labels([documents[id] for documents in annotations.values()])
        assert result.fleiss.n == len(spans)


def pair_labels(sides):
    """The labels of spans that all have: equal ones first, then in the order of the labels."""
    pairs = []
    for span in sorted(set.intersection(*({s[:2] for s in side} for side in sides))):
        labels = [sorted(s[2] for s in side if s[:2] == span) for side in sides]
        for label in sorted(set.intersection(*map(set, labels))):
            pairs.append((label,) * len(sides))
            for each in labels:
                each.remove(label)
        pairs += zip(*labels, strict=False)
    return pairs


@pytest.mark.parametrize("seed", choose_quick(range(1000), 25))
def test_alpha_over_characters_is_that_of_krippendorff(seed):
    annotations = random_annotators(seed, flat=seed % 2 == 0)
    documents = common_documents(annotations, annotations)
    if not documents:
        return

    result = agreement(**to_corpora(annotations), measures="alpha").result

    labels = sorted(
        {span[2] for side in annotations.values() for id in documents for span in side[id]}
    )
    overlap = False
    values = np.zeros((len(annotations), 40 * len(documents)), np.int64)
    binary = {label: np.zeros_like(values) for label in labels}
    for n, side in enumerate(annotations.values()):
        for at, id in enumerate(documents):
            for start, end, label in side[id]:
                here = slice(40 * at + start, 40 * at + end)
                overlap |= bool((values[n, here] > 0).any())
                values[n, here] = labels.index(label) + 1
                binary[label][n, here] = 1
    rows = {row.label: row for row in result.alpha}
    assert set(rows) == (set(labels) if overlap else {None})
    for label, row in rows.items():
        matrix = values if label is None else binary[label]
        if len(set(matrix.ravel().tolist())) < 2:
            assert row.alpha is None
        else:
            expected = krippendorff.alpha(matrix, level_of_measurement="nominal")
            assert row.alpha == pytest.approx(expected, abs=1e-9)
        assert row.n == values.shape[1]
        assert row.unlabeled == pytest.approx((values == 0).all(axis=0).mean())


@pytest.mark.parametrize("seed", choose_quick(range(40), 12))
def test_the_order_of_annotators_and_documents_changes_nothing(seed):
    annotations = random_annotators(seed)
    if not has_shared_document(annotations):
        return
    measures = "f1,kappa,fleiss,alpha,alpha-tokens,alpha-u,gamma"

    first = agreement(**to_corpora(annotations), measures=measures)
    rng = random.Random(seed)
    turned = dict(reversed(to_corpora(annotations, rng).items()))
    second = agreement(**turned, measures=measures)

    def comparable(found):
        rows = []
        for row in found.rows():
            key = tuple(sorted(filter(None, (row["a"], row["b"]))))
            values = [row[name] for name in ("value", "low", "high", "min", "max", "n")]
            name = (row["measure"], row["metric"], row["label"] or "", row["document"] or "")
            rows.append(((*name, *key), values))
        return sorted(rows, key=lambda row: row[0])

    for (key, values), (other_key, others) in zip(
        comparable(first), comparable(second), strict=True
    ):
        assert key == other_key
        assert values == pytest.approx(others, abs=1e-12), key


def test_two_annotators_have_the_f1_and_interval_of_score():
    annotations = next(
        a
        for a in map(random_annotators, range(100))
        if len(a) == 2 and len(common_documents(a, a)) > 3
    )
    corpora = to_corpora(annotations)
    common = common_documents(annotations, annotations)
    a, b = (corpus.filter(lambda d: d.id in common) for corpus in corpora.values())

    found = agreement(**corpora, measures="f1")

    for metric in ("entities/strict", "entities/type", "entities/partial"):
        micro = score(a, b, metric)[metric].micro
        assert found[metric].f1 == micro.f1
        interval = micro.interval("f1")
        assert (found[metric].low, found[metric].high) == (interval.low, interval.high)


def test_documents_that_an_annotator_lacks_are_counted():
    a, b, c = corpus_of(A, A, A), corpus_of(B, None, B), corpus_of(None, C, C)

    found = agreement(a=a, b=b, c=c)

    documents = {(p.a, p.b): p.documents for p in found.result.pairs}
    assert documents == {("a", "b"): 2, ("a", "c"): 2, ("b", "c"): 1}
    assert found.result.alpha[0].documents == 1
    assert found.result.notes == [
        "documents without annotations by an annotator, left out of their pairs: b: 1, c: 1"
    ]


def test_a_layer_that_an_annotator_did_not_annotate_in_a_document_is_left_out():
    trigger = [Event("E", Span(4, 9), id="e")]
    a = Corpus([Document("d0", TEXT, events=trigger), Document("d1", TEXT, events=trigger)])
    b = Corpus([Document("d0", TEXT, events=trigger), Document("d1", TEXT, events=None)])

    found = agreement(a=a, b=b)

    assert found["tri-c"].documents == 1
    assert found["tri-c"].f1 == 1
    assert found.result.layer == "triggers"


def test_annotators_without_a_common_document_of_all_have_no_alpha():
    a, b, c = corpus_of(A, A), corpus_of(B), corpus_of(None, C)

    found = agreement(a=a, b=b, c=c)

    assert found.result.alpha == []
    assert "no document was annotated by all annotators: no α, αU and Fleiss' κ" in str(found)
    missing = next(p for p in found.result.pairs if (p.a, p.b) == ("b", "c"))
    assert (missing.f1, missing.reason) == (None, "no common document")
    assert found["ner"].pairs == 2


def test_duplicates_failures_and_items_without_offsets_are_set_aside_and_counted():
    twice = Document("d0", TEXT, [Entity("PER", 0, 12), Entity("PER", 0, 12)])
    failed = Document("d1", TEXT, failure="timeout")
    unplaced = Document(
        "d0", TEXT, [Entity("PER", 0, 12)], unplaced=[Unplaced("entities", "PER", "Bob", "absent")]
    )

    found = agreement(a=Corpus([twice, Document("d1", TEXT, [])]), b=Corpus([unplaced, failed]))

    assert found["ner"].f1 == 1
    assert [
        (each.name, each.duplicates, each.unplaced, each.failures)
        for each in (found.result.annotators)
    ] == [("a", 1, 0, 0), ("b", 0, 1, 1)]
    assert found.result.notes == [
        "documents without annotations by an annotator, left out of their pairs: b: 1",
        "documents on which a model failed: b: 1",
        "duplicate annotations, which count once: a: 1",
        "annotations that have no place in the text, set aside: b: 1",
    ]


def test_overlapping_units_of_one_label_have_no_alpha_u():
    nested = corpus_of([(0, 12, "PER"), (4, 12, "PER"), (45, 68, "ORG")])

    found = agreement(a=nested, b=corpus_of(A))

    rows = {row.label: row for row in found.result.alpha_u}
    assert rows["PER"].alpha is None
    assert rows["PER"].reason == "units of one label overlap within one annotator"
    assert (rows["PER"].n, rows["ORG"].n) == (4, 2)
    assert rows["ORG"].alpha == 1
    assert {row.label for row in found.result.alpha} == {"PER", "ORG", "DATE"}


def test_alpha_over_tokens_counts_a_token_that_shares_a_character():
    text = "Ann Lee met Bob."  # tokens: Ann, Lee, met, Bob
    a = corpus_of([(0, 7, "PER"), (12, 15, "PER")], text=text)
    b = corpus_of([(0, 5, "PER")], text=text)

    (row,) = agreement(a=a, b=b, measures="alpha-tokens").result.alpha

    expected = krippendorff.alpha(
        np.array([[1, 1, 0, 1], [1, 1, 0, 0]]), level_of_measurement="nominal"
    )
    assert (row.unit, row.n, row.unlabeled) == ("tokens", 4, 0.25)
    assert row.alpha == pytest.approx(expected)


def test_zones_are_those_of_the_first_annotator_who_has_any():
    schema = Schema(zones={"title": ZoneSchema(), "body": ZoneSchema()})
    zones = [Zone("title", 0, 40), Zone("body", 40, len(TEXT))]
    spans = [Entity(label, start, end) for start, end, label in A]
    a = Corpus([Document("d0", TEXT, spans, zones=zones)], schema=schema)

    found = agreement(a=corpus_of(B), b=a, zones=["title"], measures="f1,kappa,alpha,alpha-u,gamma")

    # In the title: PER, PER beside PER, ORG.
    assert found["ner"].f1 == 0.5
    assert found.result.kappa[0].n == 2
    assert found.result.alpha[0].n == 40
    assert found.result.signature["entities/strict"]["zones"] == "title"
    other = Corpus([Document("d0", TEXT, spans, zones=[Zone("title", 0, 20)])])
    with pytest.raises(InputError, match="b: document 'd0' has other zones than that of a"):
        agreement(a=a, b=other)
    with pytest.raises(UnknownNameError, match="unknown zone 'foot'"):
        agreement(a=a, b=corpus_of(B), zones=["foot"])


def test_label_maps_apply_to_all_annotators():
    found = three_annotators(label_map={"ORG": "PER"}, labels=["PER"])

    assert found["ner"].f1 == found["entities/strict"].f1
    # a and c: three persons each; b has 0-12 and 22-37 as well, and 45-58.
    assert [p.f1 for p in found.result.pairs if p.metric == "entities/strict"] == pytest.approx(
        [2 / 3, 1, 2 / 3]
    )
    assert {row.label for row in found.result.alpha_u} == {"PER"}
    with pytest.raises(InputError, match="expected one map, for all annotators"):
        three_annotators(label_map=({"ORG": "PER"}, None))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measures": "kapa"}, "unknown measure"),
        ({"measures": ""}, "expected some of f1, kappa"),
        ({"layer": "relations"}, "unknown layer 'relations'"),
        ({"layer": "triggers"}, "no document is annotated in triggers"),
        ({"metrics": "tri-c"}, "triggers/strict: no document is annotated in events by two of"),
        ({"level": 2}, "level"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        three_annotators(**options)


def test_wrong_annotators_are_refused():
    with pytest.raises(InputError, match="expected two or more annotators"):
        agreement(corpus_of(A))
    with pytest.raises(InputError, match="0 annotators: expected two or more"):
        agreement()
    with pytest.raises(InputError, match="has another text than that of a: they differ from"):
        agreement(a=corpus_of(A), b=corpus_of([], text=TEXT.replace("wrote", "spoke")))
    with pytest.raises(InputError, match="expected documents with the same ids"):
        agreement(a=corpus_of(A), b=corpus_of(None, B))


def test_annotators_without_names_have_those_of_their_corpora():
    found = agreement(corpus_of(A, name="ann"), corpus_of(B, name="ann"), c=corpus_of(C))

    assert found.annotators == ["ann", "ann-2", "c"]


def test_files_of_one_name_are_called_after_their_folders(tmp_path):
    paths = []
    for folder in ("ann", "ben", "x/ann"):
        path = tmp_path / folder / "export.jsonl"
        path.parent.mkdir(parents=True)
        corpus_of(A).save(path)
        paths.append(str(path))
    ann, ben, other_ann = paths

    assert agreement(ann, ben).annotators == ["ann", "ben"]
    assert agreement(f"jsonl:{ann}", ben).annotators == ["ann", "ben"]
    assert agreement(ann, other_ann).annotators == ["export", "export-2"]
    assert agreement(ann, other_ann, ben).annotators == ["export", "export-2", "ben"]
    assert agreement(ann, export=ben).annotators == ["ann", "export"]
    assert agreement(ann, corpus_of(B, name="export")).annotators == ["ann", "export"]


def test_models_have_a_consistency():
    def scored(spans):
        marks = [Entity(label, start, end, score=0.5) for start, end, label in spans]
        return Corpus([Document("d0", TEXT, marks)])

    assert str(agreement(a=scored(A), b=scored(B))).startswith("Consistency of a and b on 1 ")
    assert agreement(a=scored(A), b=corpus_of(B)).noun == "agreement"
    assert agreement(a=corpus_of(A), b=corpus_of(B), models=True).noun == "consistency"
    assert agreement(a=scored(A), b=scored(B), models=False).noun == "agreement"


def test_a_saved_agreement_is_read_back(tmp_path):
    found = three_annotators(measures="f1,kappa,fleiss,alpha,alpha-tokens,alpha-u,gamma")

    found.save(tmp_path / "a.json")
    again = Agreement.load(tmp_path / "a.json")

    assert again.result == found.result
    for format in ("table", "json", "markdown", "latex", "csv"):
        assert again.render(format) == found.render(format)
    assert TEXT not in (tmp_path / "a.json").read_text()
    with pytest.raises(InputError, match="expected an agreement that was not read from a file"):
        again.errors("a", "b")
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(InputError, match="not an agreement that evalkit saved"):
        Agreement.load(tmp_path / "a.json")


def test_rows_have_the_same_keys_and_a_value_for_each_measure():
    found = three_annotators(measures="f1,kappa,fleiss,alpha,alpha-tokens,alpha-u,gamma")

    rows = found.rows()
    assert len({tuple(row) for row in rows}) == 1
    assert {row["measure"] for row in rows} == {
        "f1",
        "pair-f1",
        "document-f1",
        "kappa",
        "fleiss",
        "alpha",
        "alpha-tokens",
        "alpha-u",
        "gamma",
    }
    assert len(found.to_pandas()) == len(rows)


@pytest.mark.parametrize("measures", ["f1", "kappa", "alpha", "f1,gamma"])
def test_labels_that_nobody_used_are_named(measures):
    annotators = {"a": corpus_of(A), "b": corpus_of(B)}

    def notes(**options):
        found = agreement(**annotators, measures=measures, **options)
        return [note for note in found.result.notes if "nobody" in note]

    unused = "labels in labels= or label_map= that nobody used: {}"
    assert notes(labels=["PER", "DATE", "FOO"]) == [unused.format("FOO")]
    assert notes(label_map={"PERSON": "PER", "DATE": None}) == [unused.format("PERSON")]
    assert notes(labels=["PER", "LOC"]) == []


def test_a_metric_without_items_has_no_table_of_documents():
    pair = [corpus_of(A, A), corpus_of(B, A)]

    text = agreement(*pair, metrics="links/strict,entities/strict").render()

    assert "Documents with the lowest agreement" not in text


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "parquet"])
def test_files_have_the_agreement_of_corpora_in_memory(tmp_path, suffix):
    annotations = next(a for a in map(random_annotators, range(100)) if len(a) == 3)
    corpora = to_corpora(annotations)
    for name, corpus in corpora.items():
        path = tmp_path / f"{name}.{suffix}"
        if path.suffix == ".gz":
            corpus.save(path.with_suffix(""))
            path.write_bytes(gzip.compress(path.with_suffix("").read_bytes()))
        else:
            corpus.save(path)

    found = agreement(*(tmp_path / f"{name}.{suffix}" for name in corpora), measures="f1,gamma")

    expected = agreement(**corpora, measures="f1,gamma")
    assert found.result == expected.result


def test_greek_letters_are_commands_in_latex():
    text = three_annotators(measures="kappa,alpha,alpha-u,gamma").to_latex()

    tables = text.partition("% Agreement of")[0]
    for command in (r"$\kappa$", r"$\alpha$", r"$\alpha$U", r"$\gamma$", r"$\pm$"):
        assert command in tables
    assert not set("ακγ±") & set(tables)
