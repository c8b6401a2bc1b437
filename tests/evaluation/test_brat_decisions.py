"""Mixed decisions in brat: gold is what is left in the edited files, and that of the same decisions
in lines.
"""

import random
from collections import Counter, defaultdict

import msgspec
import pytest
from helpers.adjudication_oracle import count_gold, ranges
from helpers.brat_editing import AnnotationFile
from helpers.quick import choose_quick
from helpers.random_annotators import SPANS, TEXT, make_annotators

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    Relation,
    Span,
    adjudicate,
)
from evalkit.data.document import LAYERS
from evalkit.evaluation.adjudication_tools import TOOLS
from evalkit.evaluation.inferred_decisions import infer_report
from evalkit.formats.registry import parse_location

NAMES = ("a", "b", "c")
PREFIXES = ("a.", "b.", "c.")
RELATIONS_LOST = "relations of annotations that the gold does not have"
replace = msgspec.structs.replace


def write_todo(annotators, folder):
    """Write disagreements for brat; returns the adjudication and the location."""
    adjudication = adjudicate(**annotators)
    target = f"brat:{folder / 'todo'}"
    TOOLS["brat"].save(adjudication, parse_location(target))
    return adjudication, target


def open_files(folder):
    return [AnnotationFile(path, TEXT) for path in sorted((folder / "todo").glob("*.ann"))]


def plain_attributes(annotation):
    own = annotation.attributes or {}
    listed = [(k,) if v is True else (k, v) for k, v in own.items() if k != "entity"]
    return tuple(sorted(listed))


def content_of(document):
    """What a document says, in the form of `AnnotationFile.content`."""
    places = {}
    for letter, annotations in (("T", document.entities), ("E", document.events)):
        for each in annotations or ():
            places[each.id] = (letter, each.label, ranges(getattr(each, "trigger", each)))
    found = {layer: Counter() for layer in LAYERS}
    for entity in document.entities or ():
        found["entities"][entity.label, ranges(entity), plain_attributes(entity)] += 1
    for event in document.events or ():
        arguments = []
        for argument in event.arguments:
            ref = None
            if argument.ref is not None:
                letter, label, _ = places[argument.ref]
                ref = letter + repr(label)
            arguments.append((argument.role, ranges(argument), ref))
        realis = (event.realis,) if event.realis else ()
        key = (event.label, ranges(event.trigger), realis, tuple(sorted(arguments, key=repr)))
        found["events"][(*key, plain_attributes(event))] += 1
    cues = {each.id: ranges(each.cue) for each in document.attributions or ()}
    for each in document.attributions or ():
        parts = (ranges(each.cue), ranges(each.content), each.source and ranges(each.source))
        found["attributions"][(each.label, *parts, each.parent and cues[each.parent])] += 1
    for relation in document.relations or ():
        found["relations"][relation.label, places[relation.head], places[relation.tail]] += 1
    return found


def referents_of(document):
    groups = defaultdict(list)
    for entity in document.entities or ():
        referent = (entity.attributes or {}).get("entity")
        if referent is not None:
            groups[referent].append((*ranges(entity), entity.label))
    return Counter(tuple(sorted(group, key=repr)) for group in groups.values())


def has_prefix(file, id):
    return (file.label_of(id) or "").startswith(PREFIXES)


def layer_of(file, id):
    if id in file.relations:
        return "relations"
    if id in file.events:
        return "attributions" if file.events[id][0] == "Attribution" else "events"
    return "entities"


def all_ids(file):
    return [*file.relations, *file.events, *file.entities()]


def delete_all(file, unwanted, draw=None):
    """Delete lines as brat lets people do it: relations first, then events and spans, of which what
    needs them is drawn to another annotation of the same span, if one stays.
    """
    for id in [id for id in unwanted if id in file.relations]:
        file.delete(id)
    unwanted = [id for id in unwanted if id[0] != "R"]
    for id in unwanted:
        layer, span = layer_of(file, id), file.span_of(id)
        same = []
        for other in [*file.events, *file.entities()]:
            is_alike = layer_of(file, other) == layer and file.span_of(other) == span
            if other not in unwanted and is_alike:
                same.append(other)
        for user in list(dict.fromkeys(file.users(id))):
            chosen = draw.choice(same) if same and draw else next(iter(same), None)
            if user in file.events:
                draw_arcs(file, user, id, chosen)
            elif chosen is None:
                file.delete(user)
            else:
                label, *sides = file.relations[user]
                file.relations[user] = [label, *(chosen if s == id else s for s in sides)]
    for id in sorted(unwanted):  # events before the spans that they need
        file.delete(id)


def draw_arcs(file, event, target, chosen):
    """Draw the roles of an event from one target to another; without one, to a new span."""
    roles = []
    for role, id in file.events[event][2]:
        if id != target:
            roles.append([role, id])
        elif role != "Parent" and chosen is not None:
            roles.append([role, chosen])
        elif role != "Parent":
            new = file.new_id("T")
            file.spans[new] = ["Argument", file.span_of(target)]
            roles.append([role, new])
    file.events[event][2] = roles


def remove_prefixes(file):
    for id in all_ids(file):
        if has_prefix(file, id):
            file.relabel(id, file.label_of(id)[2:])


def edit_freely(draw, file):
    """Keep, delete, change and add lines at random."""
    unwanted = []
    for id in all_ids(file):
        if draw.random() < (0.5 if has_prefix(file, id) else 0.07):
            unwanted.append(id)
    delete_all(file, unwanted, draw)
    remove_prefixes(file)
    for _ in range(draw.choice([0, 0, 1, 2])):
        file.spans[file.new_id("T")] = [draw.choice("ABN"), list(draw.choice(SPANS))]
    entities = file.entities()
    for id in entities:
        if draw.random() < 0.1:
            file.relabel(id, draw.choice("ABN"))
        if draw.random() < 0.1 and not file.users(id):
            file.spans[id][1] = [(24, 27)]
    if entities and draw.random() < 0.5:
        file.relations[file.new_id("R")] = ["N", draw.choice(entities), draw.choice(entities)]
    if draw.random() < 0.3:
        trigger = file.new_id("T")
        file.spans[trigger] = ["C", [(33, 36)]]
        file.events[file.new_id("E")] = ["C", trigger, [["R", id] for id in entities[:2]]]


@pytest.mark.parametrize("seed", choose_quick(range(300), 15))
def test_gold_is_what_is_left_in_brat(seed, tmp_path):
    draw = random.Random(seed)
    annotators = make_annotators(seed, documents=4)
    _, target = write_todo(annotators, tmp_path)
    left = {}
    for file in open_files(tmp_path):
        edit_freely(draw, file)
        file.save()
        left[file.path.stem] = file.content(), file.referents()

    gold = TOOLS["brat"].load(target).apply().corpus

    assert set(left) == {document.id for document in gold}
    for document in gold:
        content, referents = left[document.id]
        found = content_of(document)
        if max(Counter(key[:4] for key in content["attributions"]).values(), default=0) > 1:
            # Which of several equal attributions is the parent cannot be told.
            for each in (found, content):
                each["attributions"] = drop_references("attributions", each["attributions"])
        assert found == content, document.id
        if max(Counter(key[:2] for key in content["entities"].elements()).values(), default=0) < 2:
            assert referents_of(document) == referents, document.id
    corpora = {name: Corpus(documents) for name, documents in annotators.items()}
    report = infer_report(corpora, gold, "brat")
    for layer, count in report.gold_counts.items():
        assert count_gold(report, layer) == count


def drop_references(layer, counts):
    """The same annotations by place alone."""
    plain = Counter()
    for key, count in counts.items():
        kept = key
        if layer == "events":
            kept = (*key[:3], tuple(sorted(argument[:2] for argument in key[3])), key[4])
        elif layer == "attributions":
            kept = key[:4]
        elif layer == "relations":
            kept = (key[0], key[1][2], key[2][2])
        plain[kept] += count
    return plain


def ranges_of(span):
    pairs = span.get("fragments") or [(span["start"], span["end"])]
    return tuple(map(tuple, pairs))


def key_of_item(layer, item):
    """An item of a line, in the form of `key_of_line`."""
    own = item.get("attributes") or {}
    attributes = tuple(sorted((k,) if v is True else (k, v) for k, v in own.items()))
    attributes = tuple(each for each in attributes if each[0] != "entity")
    if layer == "entities":
        return item["label"], ranges_of(item), attributes
    if layer == "events":
        arguments = sorted((a["role"], ranges_of(a)) for a in item.get("arguments", ()))
        place = ranges_of(item["trigger"])
        return item["label"], place, item.get("realis"), tuple(arguments), attributes
    if layer == "attributions":
        source = item.get("source") and ranges_of(item["source"])
        return item.get("label"), ranges_of(item["cue"]), ranges_of(item["content"]), source
    return item["label"], ranges_of(item["head"]), ranges_of(item["tail"])


def key_of_line(file, id, layer):
    """A line of an .ann file without its prefix, by places."""
    label = file.label_of(id)[2:]
    values = [v for v in file.attributes.values() if v[1] == id]
    attributes = [(v[0], *v[2:]) for v in values if v[0] not in ("Label", "Realis", "entity")]
    attributes = tuple(sorted(attributes))
    if layer == "entities":
        return label, tuple(file.span_of(id)), attributes
    if layer == "events":
        realis = next((v[2] for v in values if v[0] == "Realis"), None)
        roles = [(r.rstrip("0123456789"), tuple(file.span_of(t))) for r, t in file.events[id][2]]
        return label, tuple(file.span_of(id)), realis, tuple(sorted(roles)), attributes
    if layer == "attributions":
        parts = {role: tuple(file.span_of(target)) for role, target in file.events[id][2]}
        return label or None, tuple(file.span_of(id)), parts["Content"], parts.get("Source")
    return label, *(tuple(file.span_of(side)) for side in file.relations[id][1:])


def decide_in_brat(file, lines, decisions):
    """Make the decisions of lines in a file: delete what was not chosen, remove prefixes."""
    clusters = defaultdict(list)
    for line in lines:
        for name, items in line.options.items():
            for item in items or ():
                clusters[line.layer, name, key_of_item(line.layer, item)].append(line.id)
    seen = Counter()
    unwanted = []
    for id in all_ids(file):
        if not has_prefix(file, id):
            continue
        layer, name = layer_of(file, id), file.label_of(id)[0]
        key = (layer, name, key_of_line(file, id, layer))
        is_chosen = name == "b"  # one version of what all have, if it refers to disputed items
        if key in clusters:
            line_id = clusters[key][seen[key] % len(clusters[key])]
            seen[key] += 1
            is_chosen = decisions[line_id] == name
        if not is_chosen:
            unwanted.append(id)
    delete_all(file, unwanted)
    remove_prefixes(file)


@pytest.mark.parametrize("seed", choose_quick(range(300), 15))
def test_decisions_in_brat_and_in_lines_make_the_same_gold(seed, tmp_path):
    draw = random.Random(seed)
    annotators = without_repeats(make_annotators(seed, documents=4))
    adjudication, target = write_todo(annotators, tmp_path)
    decisions = {line.id: draw.choice([*NAMES, "none"]) for line in adjudication.lines}
    by_lines = adjudication.apply(
        replace(line, decision=decisions[line.id]) for line in adjudication.lines
    )
    for file in open_files(tmp_path):
        lines = [line for line in adjudication.lines if line.document == file.path.stem]
        decide_in_brat(file, lines, decisions)
        file.save()

    gold = TOOLS["brat"].load(target).apply().corpus

    has_lost = any(RELATIONS_LOST in line for line in by_lines.report.problems)
    for document in gold:
        found, expected = content_of(document), content_of(by_lines.corpus[document.id])
        for layer in LAYERS:
            one, other = (drop_references(layer, each[layer]) for each in (found, expected))
            if layer == "relations" and has_lost:
                # In brat, the relation was drawn to another entity of the same span.
                assert set(other) <= set(one), document.id
            elif layer == "relations":
                assert set(other) == set(one), document.id
            else:
                assert one == other, (document.id, layer)


def without_repeats(annotators):
    """The documents without attributions that lack a cue, events that lack a trigger, and repeated
    annotations, which brat cannot tell apart.
    """
    result = {}
    for name, documents in annotators.items():
        result[name] = []
        for document in documents:
            events = [replace(e, arguments=()) for e in document.events if e.trigger is not None]
            attributions = [replace(a, parent=None) for a in document.attributions if a.cue]
            layers = {
                "entities": first_of_each(document.entities),
                "events": first_of_each(events),
                "attributions": first_of_each(attributions),
            }
            ids = {each.id for kept in layers.values() for each in kept}
            layers["events"] = tuple(
                replace(kept, arguments=known_arguments(document.events, kept, ids))
                for kept in layers["events"]
            )
            layers["relations"] = tuple(
                r for r in first_of_each(document.relations) if {r.head, r.tail} <= ids
            )
            result[name].append(replace(document, **layers))
    return result


def first_of_each(annotations):
    kept = {}
    for annotation in annotations:
        plain = replace(annotation, id=None)
        if isinstance(annotation, Entity):  # whatever its referent, which a line does not show
            plain = annotation.label, ranges(annotation), plain_attributes(annotation)
        kept.setdefault(repr(plain), annotation)
    return tuple(kept.values())


def known_arguments(events, event, ids):
    original = next(each for each in events if each.id == event.id)
    kept = {}
    for each in original.arguments:
        argument = replace(each, ref=each.ref if each.ref in ids else None)
        kept.setdefault((argument.role, ranges(argument)), argument)
    return tuple(kept.values())


def make_reports():
    """Two annotators with an event and an attribution each, of other labels."""
    pair = []
    for label in ("C", "D"):
        event = Event(label, Span(33, 36), (Argument("R", 12, 16),), "e")
        said = Attribution(Span(33, 36), Span(0, 5), Span(29, 31), label, "q")
        pair.append(
            Document("d", TEXT, (Entity("A", 12, 16, "x"),), (event,), (said,), relations=())
        )
    return pair


def test_spans_that_brat_leaves_behind_are_no_entities(tmp_path):
    a, b = make_reports()
    _, target = write_todo({"a": [a], "b": [b]}, tmp_path)
    (file,) = open_files(tmp_path)
    delete_all(file, [id for id in file.events if file.label_of(id)[0] == "b"])
    remove_prefixes(file)
    file.save()
    assert [label for label, _ in file.spans.values()].count("Argument") == 2  # one is left behind

    adjudication = TOOLS["brat"].load(target)

    (gold,) = adjudication.apply().corpus
    assert [(e.label, e.start, e.end) for e in gold.entities] == [("A", 12, 16)]
    assert ([e.label for e in gold.events], [x.label for x in gold.attributions]) == (["C"], ["C"])
    dropped = adjudication.corpora["a"].conversion.dropped
    assert dropped["arguments of events, or parts of attributions, that were deleted"] == 3


def test_an_entity_may_have_the_label_of_a_part(tmp_path):
    a, b = (Document("d", TEXT, (Entity("Source", 0, 3), Entity(label, 12, 16))) for label in "AB")
    _, target = write_todo({"a": [a], "b": [b]}, tmp_path)
    (file,) = open_files(tmp_path)
    delete_all(file, [id for id in file.spans if file.label_of(id) == "b.B"])
    remove_prefixes(file)
    file.save()

    (gold,) = TOOLS["brat"].load(target).apply().corpus

    assert [(e.label, e.start, e.end) for e in gold.entities] == [("Source", 0, 3), ("A", 12, 16)]


def test_a_layer_in_which_everything_was_deleted_is_annotated(tmp_path):
    entities = (Entity("A", 0, 3, "x"), Entity("A", 12, 16, "y"))
    a = Document("d", TEXT, entities, relations=(Relation("L", "x", "y"),))
    b = Document("d", TEXT, entities, relations=())
    _, target = write_todo({"a": [a], "b": [b]}, tmp_path)
    (file,) = open_files(tmp_path)
    delete_all(file, list(file.relations))
    file.save()

    (gold,) = TOOLS["brat"].load(target).apply().corpus

    assert (gold.relations, gold.events) == ((), None)
