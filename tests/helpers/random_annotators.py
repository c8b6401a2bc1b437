"""Random documents as several annotators have them: much in common, with nested, discontinuous and
stacked annotations of all layers, references between them, and ids of each annotator's own.
"""

import random

from evalkit import Argument, Attribution, Document, Entity, Event, Relation, Span

TEXT = "Ada’s (big) plan, U.S. x-y. “Bo” ran to Rome’s gate"
SPANS = [
    ((0, 3),),
    ((0, 5),),
    ((0, 10),),
    ((7, 10),),
    ((12, 16),),
    ((12, 22),),
    ((29, 31),),
    ((40, 44),),
    ((0, 3), (7, 10)),
    ((12, 16), (18, 22)),
]
TRIGGERS = [((12, 16),), ((33, 36),), ((12, 22),)]
CUES = [((33, 36),), ((13, 17),), ((16, 22),)]


def make_span(fragments):
    return Span(fragments[0][0], fragments[-1][1], fragments if len(fragments) > 1 else ())


def make_attributes(draw, referents=()):
    chosen = draw.choice([None, None, {"unsure": True}, {"n": "1", "text": "x"}])
    if referents and draw.random() < 0.5:
        return {**(chosen or {}), "entity": draw.choice(referents)}
    return chosen


def make_plan(draw, simple):
    """What a document may have, as plain values: annotators keep, change or leave out each."""
    entities = [
        {
            "label": draw.choice("AB"),
            "span": draw.choice(SPANS),
            "attributes": make_attributes(draw, () if simple else ("x", "y")),
        }
        for _ in range(draw.choice([0, 1, 2, 3, 4]))
    ]
    events = [
        {
            "label": draw.choice("CD"),
            "trigger": draw.choice([*TRIGGERS, *TRIGGERS, None]),
            "realis": draw.choice(["ACTUAL", None]),
            "attributes": make_attributes(draw),
            "arguments": [
                (draw.choice("RS"), draw.choice(SPANS), draw.random() < 0.7)
                for _ in range(draw.choice([0, 1, 2]))
            ],
        }
        for _ in range(draw.choice([0, 1, 2]))
    ]
    attributions = [
        {
            "label": draw.choice(["E", None]),
            "cue": draw.choice([*CUES, None]),
            "content": draw.choice(SPANS),
            "source": draw.choice([*SPANS, None]),
            "parent": draw.random() < 0.4,
        }
        for _ in range(draw.choice([0, 1, 2]))
    ]
    relations = [] if simple else [draw.random() for _ in range(draw.choice([0, 1, 2]))]
    return {
        "entities": entities,
        "events": events,
        "attributions": attributions,
        "relations": relations,
    }


def alter(draw, layer, planned):
    changed = dict(planned)
    if layer == "entities":
        name, values = draw.choice([("label", "AB"), ("span", SPANS)])
    elif layer == "events":
        name, values = draw.choice([("label", "CD"), ("trigger", TRIGGERS), ("realis", ["OTHER"])])
    else:
        name, values = draw.choice([("label", "EF"), ("cue", CUES), ("content", SPANS)])
    changed[name] = draw.choice(values)
    return changed


def make_annotation(draw, plan, id, sloppiness):
    """An annotator's document of a plan."""
    own = {}
    for layer, planned in plan.items():
        own[layer] = []
        for each in planned:
            chance = draw.random()
            if chance < sloppiness / 3:
                continue
            if chance < 2 * sloppiness / 3 and layer != "relations":
                own[layer].append(alter(draw, layer, each))
            else:
                own[layer].append(each)
                if chance > 0.95 and layer != "relations":
                    own[layer].append(each)  # a duplicate
        draw.shuffle(own[layer])
    prefix = draw.choice(["T", "x", "e"])
    entities = [
        Entity(
            e["label"],
            e["span"][0][0],
            e["span"][-1][1],
            id=f"{prefix}{n}",
            fragments=e["span"] if len(e["span"]) > 1 else (),
            attributes=e["attributes"],
        )
        for n, e in enumerate(own["entities"])
    ]
    events = []
    for n, e in enumerate(own["events"]):
        arguments = []
        for role, span, has_ref in e["arguments"]:
            there = [x.id for x, p in zip(entities, own["entities"]) if p["span"] == span]
            ref = min(there) if has_ref and there else None
            where = make_span(span)
            arguments.append(Argument(role, where.start, where.end, where.fragments, ref))
        draw.shuffle(arguments)
        trigger = None if e["trigger"] is None else make_span(e["trigger"])
        events.append(
            Event(
                e["label"], trigger, tuple(arguments), f"ev{n}", e["realis"], None, e["attributes"]
            )
        )
    attributions = []
    for n, a in enumerate(own["attributions"]):
        attributions.append(
            Attribution(
                None if a["cue"] is None else make_span(a["cue"]),
                make_span(a["content"]),
                None if a["source"] is None else make_span(a["source"]),
                a["label"],
                f"at{n}",
                "at0" if a["parent"] and n > 0 else None,
            )
        )
    arguments = [*entities, *(e for e in events if e.trigger is not None)]
    relations = []
    for chance in own["relations"]:
        if arguments:
            in_order = sorted(arguments, key=lambda a: (repr(getattr(a, "trigger", a)), a.label))
            head = in_order[int(chance * len(in_order))]
            tail = in_order[int(chance * 7919) % len(in_order)]
            relations.append(Relation("L", head.id, tail.id, f"r{len(relations)}"))
    return Document(
        id, TEXT, tuple(entities), tuple(events), tuple(attributions), relations=tuple(relations)
    )


def make_annotators(seed, names=("a", "b", "c"), documents=1, *, simple=False, sloppiness=0.5):
    """The documents of each annotator: {name: [Document]}. simple: without coreference and
    relations.
    """
    draw = random.Random(seed)
    result = {name: [] for name in names}
    for n in range(documents):
        plan = make_plan(draw, simple)
        for name in names:
            result[name].append(make_annotation(draw, plan, f"d{n}", sloppiness))
    return result
