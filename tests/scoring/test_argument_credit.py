"""Credit for arguments by head and by coreference."""

import json
import random

import pytest
from helpers.argument_credit import METRICS, count_items, items_of, make_document, random_corpora
from helpers.document_events import SCHEMA

from evalkit import (
    Argument,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Scores,
    Span,
    evaluate,
    load_corpus,
    score,
)
from evalkit.errors import DocumentError
from evalkit.scoring import argument_edges

TEXT = "the old man left. He sat."
MAN, OLD_MAN, WITH_LEFT, HE = (8, 11), (0, 11), (0, 16), (18, 20)


def make_corpus(*arguments, entities=None, text=TEXT, label="Go"):
    """A document with an event; an argument is (start, end) or an Argument."""
    made = []
    for each in arguments:
        made.append(each if isinstance(each, Argument) else Argument("Agent", *each))
    return Corpus([Document("d", text, entities, [Event(label, Span(12, 16), made)])])


def with_head(start, end, head=MAN, role="Agent"):
    return Argument(role, start, end, head=Span(*head))


def counts_of(row):
    return row.tp, row.predicted, row.gold


def count(gold, predicted, metric="arguments/head", **options):
    return counts_of(score(gold, predicted, metric, boot=0, **options)[metric].micro)


@pytest.mark.parametrize("layer", ["arguments", "attached-arguments"])
@pytest.mark.parametrize(
    ("predicted", "matches"),
    [
        (MAN, True),  # the head alone
        (OLD_MAN, True),
        ((4, 16), True),  # contains the head, not in gold, in its sentence
        ((0, 25), False),  # leaves the sentence
        ((0, 7), False),  # without the head
        ((8, 10), False),  # a part of it
        (with_head(8, 16), True),
        (with_head(*OLD_MAN, head=(0, 3)), True),  # equal spans match
        (with_head(4, 16, head=(12, 16)), False),  # contains gold's head, and has another
    ],
)
def test_an_argument_matches_by_its_head(layer, predicted, matches):
    gold = make_corpus(with_head(*OLD_MAN))

    assert count(gold, make_corpus(predicted), f"{layer}/head") == (int(matches), 1, 1)


def test_a_gold_argument_without_a_head_is_matched_by_an_equal_span():
    gold = make_corpus(OLD_MAN)

    assert count(gold, make_corpus(OLD_MAN)) == (1, 1, 1)
    assert count(gold, make_corpus(WITH_LEFT)) == (0, 1, 1)
    assert count(gold, make_corpus(with_head(4, 11))) == (0, 1, 1)


def test_a_head_needs_the_role_and_the_group():
    gold = make_corpus(with_head(*OLD_MAN))

    assert count(gold, make_corpus(with_head(*MAN, role="Place"))) == (0, 1, 1)
    assert count(gold, make_corpus(MAN, label="Sit")) == (0, 1, 1)


def test_pairs_by_head_are_one_to_one():
    gold = make_corpus(with_head(*OLD_MAN))

    assert count(gold, make_corpus(MAN, (4, 11))) == (1, 2, 1)


def test_the_most_pairs_are_made():
    # The longer prediction may match both gold arguments, the shorter one only the first.
    gold = make_corpus(with_head(*OLD_MAN), with_head(4, 16, head=(12, 16)))

    assert count(gold, make_corpus(WITH_LEFT, MAN)) == (2, 2, 2)


def test_a_head_may_be_discontinuous():
    head = Span(4, 11, ((4, 7), (8, 11)))
    gold = make_corpus(Argument("Agent", 0, 11, head=head))

    assert count(gold, make_corpus((4, 11))) == (1, 1, 1)
    assert count(gold, make_corpus(MAN)) == (0, 1, 1)
    broken = Argument("Agent", 4, 16, ((4, 7), (12, 16)))
    assert count(gold, make_corpus(broken)) == (0, 1, 1)


def entity(id, start, end, cluster=None):
    attributes = None if cluster is None else {"entity": cluster}
    return Entity("PER", start, end, id=id, attributes=attributes)


@pytest.mark.parametrize("layer", ["arguments", "attached-arguments"])
@pytest.mark.parametrize(
    ("argument", "matches"),
    [
        (Argument("Agent", *OLD_MAN), True),  # the entity with its span
        (Argument("Agent", *MAN, ref="T1"), True),
        (Argument("Agent", *MAN, ref="T2"), True),
        (Argument("Agent", *MAN), False),  # refers to no entity
        (Argument("Agent", *OLD_MAN, ref="T3"), False),  # refers to another
    ],
)
def test_an_argument_matches_by_a_mention_of_its_referent(layer, argument, matches):
    entities = [entity("T1", *OLD_MAN, 7), entity("T2", *HE, 7.0), entity("T3", 4, 7, "7")]
    gold = make_corpus(argument, entities=entities)

    assert count(gold, make_corpus(HE), f"{layer}/coref") == (int(matches), 1, 1)


def test_an_entity_without_a_coreference_id_is_its_only_mention():
    gold = make_corpus(
        Argument("Agent", *MAN, ref="T1"), entities=[entity("T1", *OLD_MAN), entity("T2", *HE)]
    )

    assert count(gold, make_corpus(OLD_MAN), "arguments/coref") == (1, 1, 1)
    assert count(gold, make_corpus(MAN), "arguments/coref") == (1, 1, 1)
    assert count(gold, make_corpus(HE), "arguments/coref") == (0, 1, 1)


def test_only_one_mention_of_a_referent_is_credited():
    gold = make_corpus(OLD_MAN, entities=[entity("T1", *OLD_MAN, "e"), entity("T2", *HE, "e")])

    assert count(gold, make_corpus(OLD_MAN, HE), "arguments/coref") == (1, 2, 1)


def test_the_entities_of_a_prediction_do_not_count():
    entities = [entity("T1", *OLD_MAN, "e"), entity("T2", *HE, "e")]

    assert count(make_corpus(OLD_MAN), make_corpus(HE, entities=entities), "arguments/coref") == (
        0,
        1,
        1,
    )


@pytest.mark.parametrize("documents", [300, pytest.param(10_000, marks=pytest.mark.slow)], ids=str)
def test_random_documents_score_as_in_plain_loops(documents):
    gold, predicted = random_corpora(documents, documents)
    gold = Corpus(list(gold), schema=SCHEMA)
    matched = 0

    scores = score(gold, predicted, METRICS, boot=0)

    for metric in METRICS:
        layer, _, scheme = metric.partition("/")
        by_document = dict(scores[metric].by_document())
        for mine, theirs in zip(gold, predicted):
            expected = count_items(mine, theirs, layer, scheme)
            row = by_document.get(mine.id)
            assert expected == ((0, 0, 0) if row is None else counts_of(row)), (metric, mine.id)
            matched += expected[0]
        strict = score(gold, predicted, f"{layer}/strict", boot=0)[f"{layer}/strict"].micro
        assert scores[metric].micro.tp > strict.tp
    assert matched > documents


@pytest.mark.slow
def test_files_shards_orders_and_jobs_give_the_same_numbers(tmp_path):
    gold, predicted = random_corpora(5, 150)
    gold.save(tmp_path / "gold.jsonl")
    predicted.save(tmp_path / "predicted.jsonl")
    whole = score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", METRICS)
    for side, corpus in (("gold", gold), ("predicted", predicted)):
        (tmp_path / side).mkdir()
        for n in range(3):
            Corpus(list(corpus)[n::3]).save(tmp_path / side / f"{n}.jsonl")
    draw = random.Random(1)
    shuffled = Corpus([shuffle(draw, each) for each in predicted], name="predicted")
    shuffled_gold = Corpus([shuffle(draw, each) for each in gold], name="gold")

    assert score(gold, predicted, METRICS).rows() == whole.rows()
    assert score(shuffled_gold, shuffled, METRICS).rows() == whole.rows()
    assert score(tmp_path / "gold", tmp_path / "predicted", METRICS).rows() == whole.rows()
    two = score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", METRICS, jobs=2)
    assert two.to_json() == whole.to_json()
    in_order = Corpus([shuffle(draw, each, rename=False) for each in gold], name="gold")
    digests = score(in_order, shuffled, METRICS)
    merged = Scores.merge([score(*each, METRICS) for each in zip(halve(gold), halve(predicted))])
    for metric in METRICS:
        assert digests[metric].signature == score(gold, predicted, METRICS)[metric].signature
        assert counts_of(merged[metric].micro) == counts_of(whole[metric].micro)
        assert merged[metric].signature == digests[metric].signature
        assert merged[metric].counts.set_aside == digests[metric].counts.set_aside


def halve(corpus):
    documents = list(corpus)
    return [Corpus(documents[n::2], name=corpus.name) for n in (0, 1)]


def shuffle(draw, document, *, rename=True):
    """The document with its annotations in another order, and with other ids of entities."""
    prefix = "x" if rename else ""
    new_ids = {each.id: prefix + each.id for each in document.entities or ()}
    entities = document.entities and tuple(
        Entity(
            each.label,
            each.start,
            each.end,
            new_ids[each.id],
            each.fragments,
            None,
            each.attributes,
        )
        for each in draw.sample(document.entities, len(document.entities))
    )
    events = []
    for event in draw.sample(document.events, len(document.events)):
        arguments = [
            Argument(
                each.role,
                each.start,
                each.end,
                each.fragments,
                new_ids.get(each.ref),
                None,
                each.head,
            )
            for each in draw.sample(event.arguments, len(event.arguments))
        ]
        events.append(Event(event.label, event.trigger, arguments, realis=event.realis))
    return Document(document.id, document.text, entities, events, zones=document.zones)


def test_sides_can_be_exchanged_where_both_have_heads_or_neither():
    draw = random.Random(3)
    for heads in ("both", "neither"):
        corpora = []
        for _ in range(2):
            documents = []
            for number in range(150):
                made = make_document(draw, f"d{number}", (), is_gold=True)
                events = []
                for event in made.events:
                    arguments = [change_head(each, heads) for each in event.arguments]
                    events.append(Event(event.label, event.trigger, arguments))
                events = {(e.label, e.trigger, frozenset(map(str, e.arguments))): e for e in events}
                documents.append(Document(made.id, made.text, events=tuple(events.values())))
            corpora.append(Corpus(documents))
        forward, back = score(*corpora, METRICS[::2]), score(*corpora[::-1], METRICS[::2])
        for metric in METRICS[::2]:
            row, other = forward[metric].micro, back[metric].micro
            assert (row.precision, row.recall) == (other.recall, other.precision)
            pairs = {(pair.gold, pair.predicted) for pair in forward.pairs(metric)}
            assert pairs == {(pair.predicted, pair.gold) for pair in back.pairs(metric)}
        assert forward["arguments/head"].micro.tp > 0


def change_head(argument, heads):
    start, end = argument.fragments[0] if argument.fragments else (argument.start, argument.end)
    head = Span(start, min(start + 3, end)) if heads == "both" else None
    return Argument(argument.role, argument.start, argument.end, argument.fragments, head=head)


def test_zones_of_gold_set_arguments_aside():
    gold, predicted = random_corpora(7, 60)
    zoned = Corpus(list(gold), schema=SCHEMA)

    scores = score(zoned, predicted, "arguments/coref", boot=0)

    expected = sum(len(items_of(each, "arguments", each.zones)) for each in gold)
    assert scores["arguments/coref"].micro.gold == expected


def test_label_maps_rename_roles_and_types():
    gold = make_corpus(with_head(*OLD_MAN))
    predicted = make_corpus(Argument("who", *MAN), label="go")
    maps = {"arguments": {"who": "Agent"}, "triggers": {"go": "Go"}}

    assert count(gold, predicted, label_map=({}, maps)) == (1, 1, 1)
    assert count(gold, predicted, label_map=(maps, {"arguments": {"who": None}})) == (0, 0, 1)


def test_equal_arguments_of_several_events_have_the_heads_and_mentions_of_all():
    entities = [entity("T1", *OLD_MAN, 1), entity("T2", *HE, 1), entity("T3", 4, 7, 2)]
    events = [
        Event("Go", Span(12, 16), [Argument("Agent", *OLD_MAN, ref="T3", head=Span(4, 7))]),
        Event("Go", Span(21, 24), [Argument("Agent", *OLD_MAN, ref="T2", head=Span(*MAN))]),
    ]
    for order in (1, -1):
        gold = Corpus([Document("d", TEXT, entities, events[::order])])
        for span in ((4, 7), MAN):
            assert count(gold, make_corpus(span)) == (1, 1, 1)
        for span in ((4, 7), HE, OLD_MAN):
            assert count(gold, make_corpus(span), "arguments/coref") == (1, 1, 1)


def test_the_report_says_which_arguments_are_matched_by_their_span_alone(tmp_path):
    gold = make_corpus(with_head(*OLD_MAN), (12, 16), HE, entities=[entity("T1", *HE, 1)])

    scores = score(gold, gold, "arguments/head,arguments/coref,arguments/strict", boot=0)

    assert scores["arguments/head"].counts.set_aside["gold_without_head"] == 2
    assert scores["arguments/coref"].counts.set_aside["gold_without_mentions"] == 2
    assert "gold_without_head" not in scores["arguments/strict"].counts.set_aside
    report = scores.render()
    assert (
        "Matched by an equal span only, gold arguments without a head: 2 (arguments/head)" in report
    )
    assert "gold arguments that refer to no entity: 2 (arguments/coref)" in report
    assert "head: equal span, or the head of gold's argument\n" in report
    assert "coref: equal span, or another mention of what gold's argument refers to\n" in report
    scores.save(tmp_path / "result.json")
    assert Scores.load(tmp_path / "result.json").render() == report


def digest_of(gold, metric):
    fields = score(gold, make_corpus(OLD_MAN), metric, boot=0)[metric].signature_fields
    return fields["corpus"].rpartition("@")[2]


def test_the_digest_depends_on_what_a_metric_compares():
    plain = make_corpus(OLD_MAN)
    headed = make_corpus(with_head(*OLD_MAN))
    pair = [entity("T1", *OLD_MAN, "a"), entity("T2", *HE, "a")]
    clustered = make_corpus(OLD_MAN, entities=pair)
    renamed = make_corpus(OLD_MAN, entities=[entity("T8", *OLD_MAN, "b"), entity("T9", *HE, "b")])
    apart = make_corpus(OLD_MAN, entities=[entity("T1", *OLD_MAN, "a"), entity("T2", *HE, "b")])

    assert digest_of(plain, "arguments/head") == digest_of(plain, "arguments/strict")
    assert digest_of(plain, "arguments/coref") == digest_of(plain, "arguments/strict")
    assert digest_of(plain, "arguments/head") != digest_of(headed, "arguments/head")
    assert digest_of(plain, "arguments/coref") != digest_of(clustered, "arguments/coref")
    assert digest_of(renamed, "arguments/coref") == digest_of(clustered, "arguments/coref")
    assert digest_of(apart, "arguments/coref") == digest_of(plain, "arguments/coref")
    assert digest_of(plain, "arguments/strict") == digest_of(clustered, "arguments/strict")


def test_a_head_lies_within_its_argument():
    with pytest.raises(DocumentError, match=r"head: 8 to 11 is not within 0 to 7: expected a part"):
        Argument("Agent", 0, 7, head=Span(8, 11))
    with pytest.raises(DocumentError, match="head: expected Span, got"):
        Argument("Agent", 0, 7, head=(0, 3))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ({"start": 8, "end": 11}, r"events\[0\].arguments\[0\].head: 8 to 11 is not within 0 to 7"),
        (
            {"start": 4, "end": 7, "text": "new"},
            r"events\[0\].arguments\[0\].head.text: 'new' is not the text at 4 to 7: 'old'",
        ),
        ({"start": 4}, "required field 'end'"),
    ],
)
def test_heads_in_files_are_checked(tmp_path, head, message):
    argument = {"role": "Agent", "start": 0, "end": 7, "head": head}
    line = {"id": "d", "text": TEXT, "events": [{"label": "Go", "arguments": [argument]}]}
    (tmp_path / "x.jsonl").write_text(json.dumps(line) + "\n")

    with pytest.raises(LoadError, match=message):
        load_corpus(tmp_path / "x.jsonl")


HELD = ("jsonl", "directory", "parquet", "docbin")
DROPPED = ("brat", "cas", "dygie", "textee", "bigbio")


@pytest.mark.parametrize("name", [*HELD, *DROPPED])
def test_formats_hold_heads_or_count_them(tmp_path, name):
    event = Event("Go", Span(12, 16), [with_head(*OLD_MAN)])
    corpus = Corpus([Document("d", TEXT, [Entity("PER", 0, 3)], [event])])
    path = f"{name}:{tmp_path / ('x.jsonl' if name == 'jsonl' else 'x')}"

    report = corpus.save(path)

    assert ("heads of arguments" in report.dropped) == (name in DROPPED)
    argument = load_corpus(path)[0].events[0].arguments[0]
    assert argument.head == (Span(*MAN) if name in HELD else None)


def test_a_data_set_of_the_hub_holds_heads(tmp_path):
    pytest.importorskip("datasets")
    corpus = make_corpus(with_head(*OLD_MAN), HE)

    corpus.save(f"hf:{tmp_path / 'data'}")

    assert list(load_corpus(f"hf:{tmp_path / 'data'}")) == list(corpus)


def test_heads_are_read_in_other_units(tmp_path):
    argument = {"role": "Agent", "start": 3, "end": 14, "head": {"start": 11, "end": 14}}
    line = {"id": "d", "text": f"𝒜 {TEXT}", "events": [{"label": "Go", "arguments": [argument]}]}
    (tmp_path / "x.jsonl").write_text(json.dumps(line) + "\n")

    corpus = load_corpus(tmp_path / "x.jsonl", offset_unit="utf-16")

    assert corpus[0].events[0].arguments == (Argument("Agent", 2, 13, head=Span(10, 13)),)


def test_a_duplicate_gives_its_head_to_the_kept_argument(tmp_path):
    make_corpus(OLD_MAN, with_head(*OLD_MAN)).save(tmp_path / "x.jsonl")

    corpus = load_corpus(tmp_path / "x.jsonl", duplicates="drop")

    assert corpus[0].events[0].arguments == (with_head(*OLD_MAN),)


def test_more_pairs_than_can_be_matched_are_an_error(monkeypatch):
    monkeypatch.setattr(argument_edges, "MAX_EDGES", 1)
    gold = make_corpus(with_head(*OLD_MAN))

    with pytest.raises(InputError, match="document 'd': more than 1 pairs of arguments may match"):
        score(gold, make_corpus(MAN, (4, 11)), "arguments/head")


def test_a_coreference_id_that_json_cannot_hold_is_an_error():
    gold = make_corpus(OLD_MAN, entities=[entity("T1", *OLD_MAN, {1, 2})])

    with pytest.raises(InputError, match=r"entities\[0\].attributes: .* 'entity' is a set"):
        score(gold, gold, "arguments/coref")


def test_only_layers_of_arguments_have_these_schemes():
    gold = make_corpus(OLD_MAN)

    with pytest.raises(InputError, match="triggers/head: triggers offers no head"):
        score(gold, gold, "triggers/head")


def test_a_model_may_return_heads():
    predicted = make_corpus(with_head(4, 16))[0]

    scores = evaluate(
        lambda text: Document("x", text, events=predicted.events),
        make_corpus(with_head(*OLD_MAN)),
        "arguments/head",
    )

    assert counts_of(scores["arguments/head"].micro) == (1, 1, 1)


def test_heads_are_trimmed_with_their_arguments(tmp_path):
    text = "the man, old; sat"
    comma = Argument("Agent", 0, 8, head=Span(7, 8))
    trimmed = Argument("Place", 3, 8, head=Span(4, 8))
    broken = Argument("Time", 4, 13, ((4, 8), (9, 13)), head=Span(7, 13, ((7, 8), (9, 13))))
    event = Event("Go", None, [comma, trimmed, broken])
    Corpus([Document("d", text, events=[event])]).save(tmp_path / "x.jsonl")

    corpus = load_corpus(tmp_path / "x.jsonl", trim=True)

    assert corpus[0].events[0].arguments == (
        comma,
        Argument("Place", 4, 7, head=Span(4, 7)),
        Argument("Time", 4, 12, ((4, 8), (9, 12)), head=Span(9, 12)),
    )
