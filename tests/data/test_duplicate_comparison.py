"""Events are duplicates only if their arguments name the same events."""

import random

import pytest
from helpers.quick import choose_quick
from msgspec.structs import replace

from evalkit import (
    Argument,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Span,
    load_corpus,
    score,
)
from evalkit.data.duplicate_comparison import duplicate_keys
from evalkit.data.duplicates import drop_duplicates, find_duplicates
from evalkit.formats.registry import FORMATS

TEXT = "A induced phosphorylation of B and C."
A, INDUCED, PHOSPHORYLATION, B, C = (0, 1), (2, 9), (10, 25), (29, 30), (35, 36)
PROTEINS = [Entity("Protein", *span, id=id) for id, span in (("T1", A), ("T2", B), ("T3", C))]


def regulation(id, theme):
    arguments = [Argument("Theme", *PHOSPHORYLATION, ref=theme), Argument("Cause", *A, ref="T1")]
    return Event("Regulation", Span(*INDUCED), arguments, id=id)


def phosphorylation(id, span, ref):
    return Event("Phosphorylation", Span(*PHOSPHORYLATION), [Argument("Theme", *span, ref=ref)], id)


# A induces two events, of which BioNLP's shared tasks annotate each
EVENTS = [
    phosphorylation("E1", B, "T2"),
    phosphorylation("E2", C, "T3"),
    regulation("E3", "E1"),
    regulation("E4", "E2"),
]
DOCUMENT = Document("d1", TEXT, PROTEINS, EVENTS)
SET_METRICS = "tri-i,tri-c,arg-i,arg-c,arg-i+,arg-c+"


def random_document(draw):
    """A document with few triggers and labels, so that many events are equal but for the events
    that their arguments name. Now and then, events name themselves through others.
    """
    events = []
    size = draw.randint(1, 6)
    for number in range(size):
        arguments = []
        for _ in range(draw.choice([0, 1, 1, 2])):
            others = size if draw.random() < 0.2 else number
            names = ["T1", None, *[f"E{n}" for n in range(others)]]
            span = draw.choice([A, PHOSPHORYLATION])
            arguments.append(Argument(draw.choice("XY"), *span, ref=draw.choice(names)))
        trigger = draw.choice([Span(*INDUCED), Span(*PHOSPHORYLATION)])
        events.append(Event(draw.choice("PQ"), trigger, arguments, id=f"E{number}"))
    return Document("d", TEXT, PROTEINS, events)


def is_equal(events, one, other):
    """Whether two events have equal labels, triggers, realis and arguments, the events that these
    name included; by recursion, for events that do not name themselves.
    """
    first, second = events[one], events[other]
    if (first.label, first.trigger, first.realis) != (second.label, second.trigger, second.realis):
        return False
    return has_all_arguments(events, first, second) and has_all_arguments(events, second, first)


def has_all_arguments(events, first, second):
    for argument in first.arguments:
        found = False
        for candidate in second.arguments:
            same_span = (argument.role, argument.start, argument.end) == (
                candidate.role,
                candidate.start,
                candidate.end,
            )
            if not same_span:
                continue
            names = [ref if ref in events else None for ref in (argument.ref, candidate.ref)]
            if None in names:
                found = found or names == [None, None]
            else:
                found = found or is_equal(events, *names)
        if not found:
            return False
    return True


def is_cyclic(events, id, path=()):
    if id in path:
        return True
    arguments = events[id].arguments
    return any(is_cyclic(events, each.ref, (*path, id)) for each in arguments if each.ref in events)


@pytest.mark.parametrize("seed", choose_quick(range(300), 60))
def test_equal_keys_are_those_of_events_with_equal_arguments_all_the_way_down(seed):
    document = random_document(random.Random(seed))
    events = {event.id: event for event in document.events}
    keys = dict(zip(events, duplicate_keys(document, "events")))

    acyclic = [id for id in events if not is_cyclic(events, id)]
    for one in acyclic:
        for other in acyclic:
            assert (keys[one] == keys[other]) == is_equal(events, one, other), (one, other)


@pytest.mark.parametrize("seed", choose_quick(range(300), 60))
def test_keys_do_not_depend_on_order_and_ids(seed):
    draw = random.Random(seed)
    document = random_document(draw)
    order = draw.sample(range(len(document.events)), len(document.events))
    ids = {f"E{n}": f"e{draw.random()}" for n in range(len(document.events))}
    renamed = []
    for event in document.events:
        arguments = [replace(each, ref=ids.get(each.ref, each.ref)) for each in event.arguments]
        renamed.append(
            replace(event, id=ids[event.id], arguments=draw.sample(arguments, len(arguments)))
        )
    changed = replace(document, events=tuple(renamed[number] for number in order))

    keys, changed_keys = (duplicate_keys(each, "events") for each in (document, changed))

    for m, one in enumerate(order):
        for n, other in enumerate(order):
            assert (keys[one] == keys[other]) == (changed_keys[m] == changed_keys[n])


@pytest.mark.parametrize("seed", choose_quick(range(300), 60))
def test_scores_of_sets_are_the_same_whatever_arguments_name(seed):
    draw = random.Random(seed)
    gold, predicted = drop_duplicates(random_document(draw)), random_document(draw)
    without_refs = []
    for document in (gold, predicted):
        events = []
        for event in document.events:
            arguments = [replace(argument, ref=None) for argument in event.arguments]
            events.append(replace(event, arguments=tuple(arguments)))
        without_refs.append(replace(document, events=tuple(events)))

    scores = score([gold], [predicted], SET_METRICS, boot=0)
    expected = score([drop_duplicates(without_refs[0])], [without_refs[1]], SET_METRICS, boot=0)

    for name in scores:
        counts = scores[name].micro, expected[name].micro
        assert counts[0].tp == counts[1].tp
        assert counts[0].fp == counts[1].fp
        assert counts[0].fn == counts[1].fn


@pytest.mark.parametrize("seed", choose_quick(range(100), 30))
def test_gold_without_duplicates_scores_1_against_itself(seed):
    document = drop_duplicates(random_document(random.Random(seed)))
    events = tuple(replace(event, realis="ACTUAL") for event in document.events)
    gold = [replace(document, events=events)]

    assert not list(find_duplicates(gold[0]))
    scores = score(gold, gold, f"{SET_METRICS},realis/strict", boot=0)
    for name in scores:
        assert (scores[name].micro.fp, scores[name].micro.fn) == (0, 0)


def test_events_that_differ_in_the_event_that_an_argument_names_are_no_duplicates():
    assert list(find_duplicates(DOCUMENT)) == []
    assert drop_duplicates(DOCUMENT) is DOCUMENT


def test_events_that_name_duplicates_are_duplicates():
    events = [*EVENTS[:1], phosphorylation("E2", B, "T2"), *EVENTS[2:]]
    document = Document("d1", TEXT, PROTEINS, events)

    assert [error.index for error in find_duplicates(document)] == [1, 3]
    assert drop_duplicates(document).events == (EVENTS[0], EVENTS[2])
    with pytest.raises(InputError, match=r"events\[1\]: duplicate of events\[0\]"):
        score([document], [document], "tri-c", boot=0)


def test_arguments_that_differ_in_the_event_that_they_name_are_no_duplicates():
    themes = [Argument("Theme", *PHOSPHORYLATION, ref=ref) for ref in ("E1", "E2", "E1")]
    events = [*EVENTS[:2], Event("Regulation", Span(*INDUCED), themes)]
    document = Document("d1", TEXT, PROTEINS, events)

    (error,) = find_duplicates(document)

    assert (error.index, error.field) == (2, "arguments[2]")
    assert drop_duplicates(document).events[2].arguments == tuple(themes[:2])


def test_a_long_chain_of_events_is_compared():
    size = 20_000
    events = [Event("P", Span(*INDUCED), id="E0")]
    for number in range(1, size):
        argument = Argument("X", *INDUCED, ref=f"E{number - 1}")
        events.append(Event("P", Span(*INDUCED), [argument], id=f"E{number}"))

    assert len(set(duplicate_keys(Document("d", TEXT, [], events), "events"))) == size


@pytest.mark.parametrize("name", ["jsonl", "directory", "brat", "bigbio", "parquet"])
def test_formats_with_references_keep_the_events(tmp_path, name):
    suffix = "" if name == "brat" else (FORMATS[name].suffixes or (".x",))[0].rstrip("/")
    location = f"{name}:{tmp_path}/c{suffix}"

    report = Corpus([DOCUMENT]).save(location)

    assert not report
    assert load_corpus(location)[0].events == DOCUMENT.events


@pytest.mark.parametrize("name", ["dygie", "textee"])
def test_formats_without_references_to_events_write_one_of_them(tmp_path, name):
    report = Corpus([DOCUMENT]).save(f"{name}:{tmp_path}/f")

    what = "events that equal another in what this format holds of them"
    assert report.counts[what] == 1
    assert len(load_corpus(f"{name}:{tmp_path}/f")[0].events) == 3


def test_references_that_bigbio_does_not_hold_do_not_distinguish_events(tmp_path):
    # BigBIO gives an argument the span of the trigger that it names
    elsewhere = [
        Event("Regulation", Span(*INDUCED), [Argument("Theme", *B, ref=ref)])
        for ref in ("E1", "E2")
    ]
    generated = [replace(event, id=f"~{event.id}") for event in EVENTS[:2]]
    named = [regulation("E3", "~E1"), regulation("E4", "~E2")]
    documents = [
        Document("d1", TEXT, PROTEINS, [*EVENTS[:2], *elsewhere]),
        Document("d2", TEXT, PROTEINS, [*generated, *named]),
    ]

    report = Corpus(documents).save(f"bigbio:{tmp_path}/f")

    assert report.counts["events that equal another in what this format holds of them"] == 2
    assert [len(each.events) for each in load_corpus(f"bigbio:{tmp_path}/f")] == [3, 3]


def test_a_gold_file_with_a_repeated_event_is_refused(tmp_path):
    (tmp_path / "d1.txt").write_text(TEXT)
    lines = ["T1\tRegulation 2 9\tinduced", "E1\tRegulation:T1", "E2\tRegulation:T1"]
    (tmp_path / "d1.ann").write_text("\n".join(lines) + "\n")

    with pytest.raises(LoadError, match=r"events\[1\]: duplicate of events\[0\]"):
        load_corpus(f"brat:{tmp_path}")
