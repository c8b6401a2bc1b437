"""Random files of MAVEN, RAMS, WikiEvents, CASIE and DocRED, compared with plain loops over their
JSON that share no code with the readers.
"""

import json
import random
from collections import Counter

import pytest

from evalkit import load_corpus, score

DOCUMENTS = [300, pytest.param(10_000, marks=pytest.mark.slow)]
WORDS = ["Ada", "é", "🎉🎉", "``", "fell", "U", ".", "in"]


def random_sentences(draw):
    return [
        [draw.choice(WORDS) for _ in range(draw.randint(1, 5))] for _ in range(draw.randint(1, 3))
    ]


def random_tokens(draw, sentences):
    """The number of a sentence, the first and end index of some of its tokens, and their text."""
    number = draw.randrange(len(sentences))
    first, end = sorted(draw.sample(range(len(sentences[number]) + 1), 2))
    return number, first, end, " ".join(sentences[number][first:end])


def write_lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def unique(draw, make, key):
    """Up to four random items that differ in a key."""
    items = {}
    for _ in range(draw.randint(0, 4)):
        item = make()
        items.setdefault(key(item), item)
    return list(items.values())


def text_at(document, span):
    return document.text[span.start : span.end]


def start_in_text(sentences, number, first):
    """The offset of a token where tokens are joined by spaces and sentences by line feeds."""
    start = sum(len(" ".join(sentence)) + 1 for sentence in sentences[:number])
    return start + sum(len(token) + 1 for token in sentences[number][:first])


def random_maven(draw, n):
    sentences = random_sentences(draw)
    mentions = unique(draw, lambda: random_tokens(draw, sentences), lambda item: item[:3])
    events = [{"id": f"E{k}", "type": f"T{k}", "mention": []} for k in range(2)]
    for k, (number, first, end, surface) in enumerate(mentions):
        mention = {
            "id": f"m{k}",
            "trigger_word": surface,
            "sent_id": number,
            "offset": [first, end],
        }
        draw.choice(events)["mention"].append(mention)
    events = [event for event in events if event["mention"]]
    pairs = [["E0", "E1"]] if len(events) == 2 else []
    if n % 2:
        content = [{"sentence": "", "tokens": tokens} for tokens in sentences]
        return {"id": f"d{n}", "content": content, "events": events}
    return {
        "id": f"d{n}",
        "tokens": sentences,
        "sentences": [""] * len(sentences),
        "events": events,
        "TIMEX": [],
        "temporal_relations": {"BEFORE": pairs},
    }


@pytest.mark.parametrize("documents", DOCUMENTS, ids=str)
def test_random_events_of_maven_have_the_texts_and_places_of_plain_loops(tmp_path, documents):
    draw = random.Random(documents)
    records = [random_maven(draw, n) for n in range(documents)]

    corpus = load_corpus(f"maven:{write_lines(tmp_path / 'a', records)}")

    relations = 0
    for record, document in zip(records, corpus, strict=True):
        sentences = record.get("tokens") or [each["tokens"] for each in record["content"]]
        assert document.text == "\n".join(" ".join(sentence) for sentence in sentences)
        expected = []
        first_mentions = {}
        for event in record["events"]:
            places = []
            for mention in event["mention"]:
                start = start_in_text(sentences, mention["sent_id"], mention["offset"][0])
                expected.append((mention["id"], event["id"], start, mention["trigger_word"]))
                places.append((start, start + len(mention["trigger_word"]), mention["id"]))
            first_mentions[event["id"]] = min(places)[2]
        found = []
        for event in document.events:
            surface = text_at(document, event.trigger)
            found.append((event.id, event.attributes["event"], event.trigger.start, surface))
        assert found == expected
        pairs = record.get("temporal_relations", {}).get("BEFORE", [])
        relations += len(pairs)
        assert [(each.head, each.tail) for each in document.relations or ()] == [
            (first_mentions[head], first_mentions[tail]) for head, tail in pairs
        ]
    assert relations > documents / 10


def random_maven_arg(draw, n):
    """A document of MAVEN-Arg, with offsets of characters."""
    words = [draw.choice(WORDS) for _ in range(12)]
    text = " ".join(words)
    starts = [len(" ".join(words[:k])) + (k > 0) for k in range(12)]
    numbers = draw.sample(range(12), 8)

    def place(k):
        return [starts[k], starts[k] + len(words[k])]

    entities = []
    for k in range(2):
        mentions = []
        for number in numbers[2 * k : 2 * k + draw.randint(1, 2)]:
            mentions.append({"id": f"e{number}", "mention": words[number], "offset": place(number)})
        entities.append({"id": f"ENTITY_{k}", "type": f"T{k}", "mention": mentions})
    spans = [{"content": words[k], "offset": place(k)} for k in numbers[4:6]]
    arguments = {
        "Agent": [{"entity_id": f"ENTITY_{k}"} for k in range(draw.randint(0, 2))],
        "Place": spans[: draw.randint(0, 2)],
    }
    mentions = [{"id": f"m{k}", "trigger_word": words[k], "offset": place(k)} for k in numbers[6:8]]
    event = {"id": "EVENT_0", "type": "Move", "mention": mentions, "argument": arguments}
    return {"id": f"d{n}", "document": text, "events": [event], "entities": entities}


@pytest.mark.parametrize("documents", DOCUMENTS, ids=str)
def test_random_arguments_of_maven_arg_are_those_of_plain_loops(tmp_path, documents):
    draw = random.Random(documents)
    records = [random_maven_arg(draw, n) for n in range(documents)]

    corpus = load_corpus(f"maven:{write_lines(tmp_path / 'a', records)}")

    for record, document in zip(records, corpus, strict=True):
        entities = []
        first_mentions = {}
        for entity in record["entities"]:
            for mention in entity["mention"]:
                entities.append((entity["type"], *mention["offset"], mention["id"], entity["id"]))
            first_mentions[entity["id"]] = min(each["offset"] for each in entity["mention"])
        assert [
            (each.label, each.start, each.end, each.id, each.attributes["entity"])
            for each in document.entities
        ] == entities
        (event,) = record["events"]
        arguments = []
        for role, fillers in event["argument"].items():
            for filler in fillers:
                offset = filler.get("offset") or first_mentions[filler["entity_id"]]
                arguments.append((role, *offset))
        assert len(document.events) == len(event["mention"])
        for found, mention in zip(document.events, event["mention"]):
            assert [found.trigger.start, found.trigger.end] == mention["offset"]
            assert [(each.role, each.start, each.end) for each in found.arguments] == arguments


def random_rams(draw, n):
    sentences = random_sentences(draw)
    tokens = sum(map(len, sentences))
    trigger = [draw.randrange(tokens)] * 2

    def link():
        first = draw.randrange(tokens)
        last = min(tokens - 1, first + draw.randint(0, 1))
        return [trigger, [first, last], f"evt{draw.randint(1, 139):03}arg0{draw.randint(1, 2)}role"]

    links = unique(draw, link, lambda item: str(item[1:]))
    by_span = {}
    for each in links:
        by_span.setdefault(tuple(each[1]), each)
    return {
        "doc_key": f"d{n}",
        "sentences": sentences,
        "evt_triggers": [[*trigger, [["type", 1.0]]]],
        "gold_evt_links": list(by_span.values()),
        "ent_spans": [[*each[1], [[each[2], 1.0]]] for each in by_span.values()],
    }


@pytest.mark.parametrize("documents", DOCUMENTS, ids=str)
def test_random_predictions_of_rams_score_as_the_counters_of_its_scorer(tmp_path, documents):
    draw = random.Random(documents)
    records = [random_rams(draw, n) for n in range(documents)]
    predictions = []
    for record in records:
        trigger = record["evt_triggers"][0][:2]
        arguments = {}
        for _, (first, last), _ in record["gold_evt_links"]:
            label = "role" if draw.random() < 0.8 else "other"
            if draw.random() < 0.8:
                arguments[label, first, last] = [first, last, label, 0.5]
        first = draw.randrange(sum(map(len, record["sentences"])))
        arguments.setdefault(("role", first, first), [first, first, "role", 0.1])
        predictions.append(
            {"doc_key": record["doc_key"], "predictions": [[trigger, *arguments.values()]]}
        )
    gold = write_lines(tmp_path / "gold", records)
    predicted = write_lines(tmp_path / "predicted", predictions)

    corpus = load_corpus(f"rams:{gold}")
    scores = score(corpus, f"rams:{predicted}?texts={gold}", ["arg-c+"], boot=0)

    counts = Counter()
    for record, prediction, document in zip(records, predictions, corpus, strict=True):
        tokens = [token for sentence in record["sentences"] for token in sentence]
        surfaces = []
        gold_links, predicted_links = Counter(), Counter()
        for trigger, (first, last), role in record["gold_evt_links"]:
            surfaces.append(tokens[first : last + 1])
            gold_links[tuple(trigger), first, last, role.partition("arg")[2][2:]] += 1
        (trigger, *arguments) = prediction["predictions"][0]
        for first, last, role, _ in arguments:
            predicted_links[tuple(trigger), first, last, role] += 1
        (event,) = document.events
        assert [text_at(document, each).split() for each in event.arguments] == surfaces
        counts["tp"] += sum((gold_links & predicted_links).values())
        counts["gold"] += sum(gold_links.values())
        counts["predicted"] += sum(predicted_links.values())
    row = scores["arg-c+"].micro
    assert {"tp": row.tp, "gold": row.gold, "predicted": row.predicted} == dict(counts)
    assert counts["tp"] > documents / 2


def random_docred(draw, n):
    sentences = random_sentences(draw)
    mentions = unique(draw, lambda: random_tokens(draw, sentences), lambda item: item[:3])
    clusters = []
    for number, first, end, surface in mentions:
        mention = {"name": surface, "sent_id": number, "pos": [first, end], "type": "T"}
        if clusters and draw.random() < 0.4:
            draw.choice(clusters).append(mention)
        else:
            clusters.append([mention])
    return {"title": f"d{n}", "sents": sentences, "vertexSet": clusters}


def random_relations(draw, record):
    count = len(record["vertexSet"])
    if not count:
        return []

    def relation():
        return draw.randrange(count), draw.randrange(count), draw.choice(["P1", "P2"])

    return unique(draw, relation, lambda item: item)


@pytest.mark.parametrize("documents", DOCUMENTS, ids=str)
def test_random_relations_of_docred_score_as_the_sets_of_its_evaluation(tmp_path, documents):
    draw = random.Random(documents)
    records, gold_facts, predicted_facts, lines = [], set(), set(), []
    for n in range(documents):
        record = random_docred(draw, n)
        relations = random_relations(draw, record)
        record["labels"] = [{"h": h, "t": t, "r": r, "evidence": []} for h, t, r in relations]
        records.append(record)
        gold_facts |= {(n, *relation) for relation in relations}
        kept = [relation for relation in relations if draw.random() < 0.6]
        for h, t, r in dict.fromkeys([*kept, *random_relations(draw, record)]):
            predicted_facts.add((n, h, t, r))
            lines.append({"title": f"d{n}", "h_idx": h, "t_idx": t, "r": r, "evidence": []})
    draw.shuffle(lines)
    gold, predicted = tmp_path / "gold.json", tmp_path / "result.json"
    gold.write_text(json.dumps(records))
    predicted.write_text(json.dumps(lines, indent=1))

    corpus = load_corpus(f"docred:{gold}")
    scores = score(corpus, f"docred:{predicted}?texts={gold}", ["relations/strict"], boot=0)

    for record, document in zip(records, corpus, strict=True):
        expected = []
        for number, cluster in enumerate(record["vertexSet"]):
            for mention in cluster:
                start = start_in_text(record["sents"], mention["sent_id"], mention["pos"][0])
                expected.append((str(number), start, mention["name"]))
        assert [
            (each.attributes["entity"], each.start, text_at(document, each))
            for each in document.entities
        ] == expected
    row = scores["relations/strict"].micro
    correct = len(gold_facts & predicted_facts)
    assert (row.tp, row.predicted, row.gold) == (correct, len(predicted_facts), len(gold_facts))
    assert row.f1 == pytest.approx(2 * correct / (len(predicted_facts) + len(gold_facts)))
    assert correct > documents / 4


def random_wikievents(draw, n):
    """A document of WikiEvents and its clusters. Sentences follow each other without a space."""
    sentences = random_sentences(draw)
    tokens = [token for sentence in sentences for token in sentence]

    def token_range():
        return tuple(sorted(draw.sample(range(len(tokens) + 1), 2)))

    mentions = []
    for k, (first, end) in enumerate(unique(draw, token_range, lambda item: item)):
        mentions.append(
            {
                "id": f"d{n}-T{k}",
                "start": first,
                "end": end,
                "entity_type": draw.choice("AB"),
                "text": " ".join(tokens[first:end]),
            }
        )
    ids = [mention["id"] for mention in mentions]
    first = draw.randrange(len(tokens))
    trigger = {"start": first, "end": first + 1, "text": tokens[first]}
    arguments = [{"entity_id": id, "role": f"r{k}"} for k, id in enumerate(ids[:2])]
    event = {"id": f"d{n}-E", "event_type": "T", "trigger": trigger, "arguments": arguments}
    record = {
        "doc_id": f"d{n}",
        "tokens": tokens,
        "text": "".join(" ".join(sentence) for sentence in sentences),
        "sentences": [[[], ""]],
        "entity_mentions": mentions,
        "event_mentions": [event],
    }
    return record, {"doc_key": f"d{n}", "clusters": [ids[:2]] if len(ids) > 1 else []}


@pytest.mark.parametrize("documents", DOCUMENTS, ids=str)
def test_random_documents_of_wikievents_have_the_texts_of_plain_loops(tmp_path, documents):
    draw = random.Random(documents)
    records, clusters = zip(*[random_wikievents(draw, n) for n in range(documents)])
    coref = write_lines(tmp_path / "coref", clusters)

    corpus = load_corpus(f"wikievents:{write_lines(tmp_path / 'a', records)}?coref={coref}")

    clustered = 0
    for record, cluster, document in zip(records, clusters, corpus, strict=True):
        tokens = record["tokens"]
        offsets, position = [], 0
        for token in tokens:  # the next occurrence, after at most one space
            position += record["text"][position] == " "
            assert record["text"].startswith(token, position)
            offsets.append((position, position + len(token)))
            position += len(token)
        expected = []
        for mention in record["entity_mentions"]:
            ids = [ids for ids in cluster["clusters"] if mention["id"] in ids]
            clustered += len(ids)
            referent = ids[0][0] if ids else None
            start, end = offsets[mention["start"]][0], offsets[mention["end"] - 1][1]
            expected.append((mention["id"], mention["entity_type"], start, end, referent))
        assert document.text == record["text"]
        assert [
            (each.id, each.label, each.start, each.end, (each.attributes or {}).get("entity"))
            for each in document.entities
        ] == expected
        (event,), (raw,) = document.events, record["event_mentions"]
        assert (event.trigger.start, event.trigger.end) == offsets[raw["trigger"]["start"]]
        spans = {id: (start, end) for id, _, start, end, _ in expected}
        assert [(each.role, each.start, each.end) for each in event.arguments] == [
            (each["role"], *spans[each["entity_id"]]) for each in raw["arguments"]
        ]
    assert clustered > documents


def random_casie(draw, n):
    """An article whose spans are at their offsets, or off by one at an end."""
    words = [f"{draw.choice('abcdefghijk')}{k}{draw.choice(['é', '🎉', 'x'])}" for k in range(12)]
    text = " ".join(words)
    starts = [len(" ".join(words[:k])) + (k > 0) for k in range(12)]

    def span(k):
        before, after = draw.choice([(0, 0), (0, 0), (0, 0), (1, 0), (0, -1), (1, 1)])
        end = starts[k] + len(words[k])
        return {"startOffset": starts[k] + before, "endOffset": end + after, "text": words[k]}

    hoppers = []
    for index in range(draw.randint(0, 2)):
        events = []
        for k in range(draw.randint(1, 2)):
            number = 6 * index + 3 * k
            arguments = []
            for m in range(draw.randint(0, 2)):
                arguments.append(
                    {
                        **span(number + m + 1),
                        "index": f"T{number + m}",
                        "type": "Person",
                        "role": {"type": f"R{m}"},
                    }
                )
            event = {"index": f"E{number}", "type": "A", "subtype": "B", "nugget": span(number)}
            events.append({**event, "realis": "Actual", "argument": arguments})
        hoppers.append({"index": index, "events": events})
    return {"sourcefile": f"{n}.txt", "content": text, "cyberevent": {"hopper": hoppers}}


@pytest.mark.parametrize("documents", DOCUMENTS, ids=str)
def test_random_articles_of_casie_have_the_texts_of_plain_loops(tmp_path, documents):
    draw = random.Random(documents)
    records = [random_casie(draw, n) for n in range(documents)]
    (tmp_path / "a.json").write_text(json.dumps(records))

    corpus = load_corpus(f"casie:{tmp_path}/a.json")

    moved = 0
    for record, document in zip(records, corpus, strict=True):
        expected, entities = [], []
        for hopper in record["cyberevent"]["hopper"]:
            for event in hopper["events"]:
                arguments = [(each["role"]["type"], each["text"]) for each in event["argument"]]
                expected.append((event["nugget"]["text"], hopper["index"], arguments))
                entities += [each["text"] for each in event["argument"]]
                for each in (event["nugget"], *event["argument"]):
                    start, end = each["startOffset"], each["endOffset"]
                    moved += record["content"][start:end] != each["text"]
        found = []
        for event in document.events:
            arguments = [(each.role, text_at(document, each)) for each in event.arguments]
            found.append((text_at(document, event.trigger), event.attributes["event"], arguments))
        assert found == expected
        assert [text_at(document, each) for each in document.entities] == entities
    assert corpus.conversion.repaired == {"spans moved by one character to their text": moved}
    assert moved > documents / 10
