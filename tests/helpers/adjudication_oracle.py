"""Agreement and clusters of disagreement by plain loops, which share no code with the library."""


def ranges(span):
    return tuple(span.fragments) or ((span.start, span.end),)


def place_of(layer, annotation):
    if layer == "entities":
        return ranges(annotation)
    if layer == "events":
        return () if annotation.trigger is None else ranges(annotation.trigger)
    return ranges(annotation.cue or annotation.content)


def attributes_of(annotation):
    own = annotation.attributes or {}
    return tuple(sorted((k, repr(v)) for k, v in own.items() if k != "entity"))


def content_of(layer, annotation):
    """All but ids and references."""
    if layer == "entities":
        return annotation.label, place_of(layer, annotation), attributes_of(annotation)
    if layer == "events":
        arguments = sorted((a.role, ranges(a)) for a in annotation.arguments)
        return (
            annotation.label,
            place_of(layer, annotation),
            annotation.realis,
            attributes_of(annotation),
            tuple(arguments),
        )
    return (
        annotation.label,
        *(
            None if span is None else ranges(span)
            for span in (annotation.cue, annotation.content, annotation.source)
        ),
        attributes_of(annotation),
    )


def describe(layer, annotation, documents):
    """How a reference names an annotation: as much of it as any annotator needs there."""
    place = place_of(layer, annotation)
    at_place, at_label = 0, 0
    for document in documents.values():
        there = [x for x in getattr(document, layer) or () if place_of(layer, x) == place]
        at_place = max(at_place, len(there))
        at_label = max(at_label, sum(x.label == annotation.label for x in there))
    name = (layer, place)
    if at_place > 1 or not place:
        name += (annotation.label,)
    if at_label > 1:
        name += (content_of(layer, annotation),)
    return name


def describe_all(documents):
    """{annotator: {id: name}} and {annotator: {id of an entity: name of the first mention}}"""
    names, firsts = {}, {}
    for who, document in documents.items():
        names[who] = {}
        for layer in ("entities", "events", "attributions"):
            for annotation in getattr(document, layer) or ():
                names[who][annotation.id] = describe(layer, annotation, documents)
    shared = None
    for who, document in documents.items():
        if document.entities is not None:
            own = {names[who][e.id] for e in document.entities}
            shared = own if shared is None else shared & own
    for who, document in documents.items():
        firsts[who] = {}
        for entity in document.entities or ():
            referent = (entity.attributes or {}).get("entity")
            if referent is None:
                continue
            mentions = [
                names[who][other.id]
                for other in document.entities
                if (other.attributes or {}).get("entity") == referent
            ]
            in_all = [name for name in mentions if name in shared]
            first = min(name[1:3] for name in in_all or mentions)
            same = {name for name in in_all or mentions if name[1:3] == first}
            firsts[who][entity.id] = sorted(same, key=repr)
    return names, firsts


def keys_of(layer, document, names, firsts):
    """The comparable form of each annotation of a layer, with its ranges."""
    keys = []
    for annotation in getattr(document, layer) or ():
        if layer == "relations":
            sides = (names[annotation.head], names[annotation.tail])
            keys.append(((annotation.label, *sides), (sides[0][1], sides[1][1])))
            continue
        key = content_of(layer, annotation)
        if layer == "entities":
            key += (repr(firsts.get(annotation.id)),)
        if layer == "events":
            refs = sorted((a.role, ranges(a), repr(names.get(a.ref))) for a in annotation.arguments)
            key += (tuple(refs),)
        if layer == "attributions":
            key += (repr(names.get(annotation.parent)),)
        where = place_of(layer, annotation)
        if layer == "events" and not where:
            where = tuple(sorted({piece for a in annotation.arguments for piece in ranges(a)}))
        keys.append((key, where))
    return keys


def overlap(one, other):
    if not one and not other:
        return True
    return any(s < f and t < e for s, e in one for t, f in other)


def split(documents, layer):
    """The agreed keys and the clusters, each {annotator: sorted keys}."""
    names, firsts = describe_all(documents)
    left = {
        who: keys_of(layer, document, names[who], firsts[who])
        for who, document in documents.items()
    }
    agreed = []
    first = next(iter(left))
    for key in list(left[first]):
        if all(key in keys for keys in left.values()):
            agreed.append(key[0])
            for keys in left.values():
                keys.remove(key)
    items = [(who, key, where) for who, keys in left.items() for key, where in keys]
    if layer == "relations":
        clusters = cluster_relations(items)
    else:
        clusters = close(items, lambda one, other: overlap(one[2], other[2]))
    result = []
    for cluster in clusters:
        result.append(
            {who: sorted(repr(k) for w, k, _ in cluster if w == who) for who in documents}
        )
    return sorted(map(repr, agreed)), sorted(result, key=repr)


def close(items, are_linked):
    """The connected components of items."""
    waiting, components = list(items), []
    while waiting:
        component = [waiting.pop(0)]
        for member in component:
            for other in list(waiting):
                if are_linked(member, other):
                    waiting.remove(other)
                    component.append(other)
        components.append(component)
    return components


def cluster_relations(items):
    """Relations whose arguments lie in the same two groups of overlapping arguments."""
    arguments = [(n, side) for n, (_, _, sides) in enumerate(items) for side in sides]
    groups = close(arguments, lambda one, other: overlap(one[1], other[1]))
    by_pair = {}
    for item in items:
        pair = []
        for side in item[2]:
            pair += [g for g, group in enumerate(groups) if any(side == s for _, s in group)][:1]
        by_pair.setdefault(tuple(sorted(pair)), []).append(item)
    return list(by_pair.values())


def count_gold(report, layer):
    """The items of gold by the report: what is agreed, what was decided, without what overrides
    take out.
    """
    count = report.item_counts[layer]["agreed"]
    for decided in report.decisions:
        if decided.line.layer == layer:
            count += len(decided.gold)
            if decided.line.is_override:
                count -= len(next(iter(decided.line.options.values())))
    return count
