"""Relations score as in SpERT and DyGIE++: the rules of both in plain loops, read in
lavis-nlp/spert at 30a0132 (spert/evaluator.py) and dwadden/dygiepp at 2e51a0d
(dygie/training/relation_metrics.py).
"""

import random

import pytest
from helpers.relations import SYMMETRIC, random_corpora
from msgspec.structs import replace
from sklearn.metrics import precision_recall_fscore_support

from evalkit import Corpus, score

METRICS = "relations/strict,relations/boundaries"


def arguments_of(document):
    """The (start, end, label) of each entity by its id."""
    return {entity.id: (entity.start, entity.end, entity.label) for entity in document.entities}


def keep_relations(corpus, is_kept):
    """The corpus with the relations of which is_kept(label, head, tail) is true."""
    documents = []
    for document in corpus.documents:
        arguments = arguments_of(document)
        kept = [
            relation
            for relation in document.relations
            if is_kept(relation.label, arguments[relation.head], arguments[relation.tail])
        ]
        documents.append(replace(document, relations=tuple(kept)))
    return Corpus(documents, schema=corpus.schema, name=corpus.name)


def order_symmetric(corpus):
    """The corpus with the earlier argument of symmetric relations as head."""
    documents = []
    for document in corpus.documents:
        arguments = arguments_of(document)
        ordered = {}
        for relation in document.relations:
            head, tail = relation.head, relation.tail
            if relation.label in SYMMETRIC and arguments[tail] < arguments[head]:
                head, tail = tail, head
            key = relation.label, arguments[head], arguments[tail]
            ordered[key] = replace(relation, head=head, tail=tail)
        documents.append(replace(document, relations=tuple(ordered.values())))
    return Corpus(documents, schema=corpus.schema, name=corpus.name)


def score_as_spert(gold, predicted, *, with_labels):
    """P, R and F1: relations are sets for each document; of the prediction alone, symmetric ones
    have the argument that starts earlier as head; scikit-learn computes micro over the labels that
    occur.
    """
    gold_codes, predicted_codes, codes = [], [], {}
    for one, other in zip(gold.documents, predicted.documents, strict=True):
        sides = []
        for document, is_predicted in ((one, False), (other, True)):
            arguments = arguments_of(document)
            items = set()
            for relation in document.relations:
                head, tail = arguments[relation.head], arguments[relation.tail]
                if is_predicted and relation.label in SYMMETRIC and tail[0] < head[0]:
                    head, tail = tail, head
                size = 3 if with_labels else 2
                items.add((head[:size], tail[:size], relation.label))
            sides.append(items)
        for item in sides[0] | sides[1]:
            code = codes.setdefault(item[2], len(codes) + 1)
            gold_codes.append(code if item in sides[0] else 0)
            predicted_codes.append(code if item in sides[1] else 0)
    if not codes:
        return None
    values = precision_recall_fscore_support(
        gold_codes, predicted_codes, labels=list(codes.values()), average="micro", zero_division=0
    )
    return values[:3]


def score_as_dygie(gold, predicted):
    """(matched, predicted, gold): a document has one label for each pair of spans."""
    matched = predicted_count = gold_count = 0
    for one, other in zip(gold.documents, predicted.documents, strict=True):
        labels = []
        for document in (one, other):
            arguments = arguments_of(document)
            of_document = {}
            for relation in document.relations:
                spans = arguments[relation.head][:2], arguments[relation.tail][:2]
                of_document[spans] = relation.label
            labels.append(of_document)
        gold_count += len(labels[0])
        predicted_count += len(labels[1])
        for spans, label in labels[1].items():
            matched += labels[0].get(spans) == label
    return matched, predicted_count, gold_count


CORPORA = [range(50), pytest.param(range(50, 1000), marks=pytest.mark.slow)]


@pytest.mark.parametrize("seeds", CORPORA)
def test_strict_and_boundaries_are_the_numbers_of_spert(seeds):
    compared = 0
    for seed in seeds:
        # SpERT does not order symmetric arguments that start at one character.
        corpora = [
            keep_relations(
                corpus, lambda label, head, tail: label not in SYMMETRIC or head[0] != tail[0]
            )
            for corpus in random_corpora(seed, random.Random(seed).randint(1, 4))
        ]
        gold, predicted = order_symmetric(corpora[0]), corpora[1]
        scores = score(gold, predicted, METRICS, boot=0)
        for metric, with_labels in (("relations/strict", True), ("relations/boundaries", False)):
            expected = score_as_spert(gold, predicted, with_labels=with_labels)
            micro = scores[metric].micro
            if expected is None:
                assert micro.gold == micro.predicted == 0
                continue
            ours = (micro.precision or 0, micro.recall or 0, micro.f1 or 0)
            assert ours == pytest.approx(expected, abs=1e-12)
            compared += 1
    assert compared > len(seeds)


@pytest.mark.parametrize("seeds", CORPORA)
def test_boundaries_are_the_numbers_of_dygie(seeds):
    total = 0
    for seed in seeds:
        corpora = []
        for corpus in random_corpora(seed, random.Random(seed).randint(1, 4)):
            documents = []
            for document in corpus.documents:
                arguments = arguments_of(document)
                by_spans = {}  # DyGIE++ has one label for a pair of spans, and no symmetric labels
                for relation in document.relations:
                    by_spans[arguments[relation.head][:2], arguments[relation.tail][:2]] = relation
                documents.append(replace(document, relations=tuple(by_spans.values())))
            corpora.append(Corpus(documents, name=corpus.name))
        gold, predicted = corpora
        micro = score(gold, predicted, METRICS, boot=0)["relations/boundaries"].micro
        assert (micro.tp, micro.predicted, micro.gold) == score_as_dygie(gold, predicted)
        total += micro.tp
    assert total > len(seeds)
