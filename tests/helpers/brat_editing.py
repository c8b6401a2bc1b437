"""A person who edits .ann files in brat: lines in plain dicts, which share no code with the
library, changed as brat's server changes them (server/src/annotator.py and annotation.py of brat
1.3): deleting an event deletes its trigger, attributes and notes, but not what its roles point at;
a span is not deleted while an event or a relation needs it; new lines stand at the end.
"""

from collections import Counter, defaultdict

PARTS = ("Argument", "Source", "Content", "SourceName")


class AnnotationFile:
    """The lines of an .ann file."""

    def __init__(self, path, text):
        self.path, self.text = path, text
        self.spans, self.events, self.relations = {}, {}, {}
        self.attributes, self.notes = {}, {}
        for line in path.read_text(encoding="utf-8").splitlines():
            id, rest = line.split("\t", 1)
            if id[0] == "T":
                label, offsets = rest.split("\t")[0].split(" ", 1)
                ranges = [tuple(map(int, pair.split())) for pair in offsets.split(";")]
                self.spans[id] = [label, ranges]
            elif id[0] == "E":
                (label, trigger), *roles = [each.split(":") for each in rest.split()]
                self.events[id] = [label, trigger, [list(role) for role in roles]]
            elif id[0] == "R":
                label, *sides = rest.split()
                self.relations[id] = [label, *(side.split(":")[1] for side in sides)]
            elif id[0] == "A":
                name, target, *value = rest.split(" ", 2)
                self.attributes[id] = [name, target, *value]
            else:
                self.notes[id] = rest

    def save(self):
        """Write the lines in the order of their ids' numbers, as brat does not mind any order."""
        lines = []
        for id, (label, ranges) in self.spans.items():
            offsets = ";".join(f"{start} {end}" for start, end in ranges)
            covered = " ".join(self.text[start:end] for start, end in ranges)
            lines.append(f"{id}\t{label} {offsets}\t{covered}")
        for id, (label, trigger, roles) in self.events.items():
            numbers = Counter()
            parts = [f"{label}:{trigger}"]
            for role, target in roles:
                name = role.rstrip("0123456789")
                numbers[name] += 1
                number = "" if numbers[name] == 1 else numbers[name]
                parts.append(f"{name}{number}:{target}")
            lines.append(f"{id}\t{' '.join(parts)}")
        for id, (label, head, tail) in self.relations.items():
            lines.append(f"{id}\t{label} Arg1:{head} Arg2:{tail}")
        lines += [f"{id}\t{' '.join(value)}" for id, value in self.attributes.items()]
        lines += [f"{id}\t{rest}" for id, rest in self.notes.items()]
        self.path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def new_id(self, letter):
        """The next free id."""
        known = [*self.spans, *self.events, *self.relations, *self.attributes]
        return letter + str(1 + max((int(id[1:]) for id in known if id[0] == letter), default=0))

    def users(self, id):
        """The events and relations that need a line."""
        users = [e for e, (_, trigger, roles) in self.events.items() if trigger == id]
        users += [e for e, (_, _, roles) in self.events.items() if any(r[1] == id for r in roles)]
        return users + [r for r, sides in self.relations.items() if id in sides[1:]]

    def delete(self, id):
        """Delete a line that nothing needs, as brat does."""
        assert not self.users(id), f"brat refuses to delete {id}"
        for table in (self.spans, self.relations):
            table.pop(id, None)
        event = self.events.pop(id, None)
        for name in [name for name, value in self.attributes.items() if value[1] == id]:
            del self.attributes[name]
        for name in [name for name, rest in self.notes.items() if rest.split("\t")[0].endswith(id)]:
            del self.notes[name]
        if event is not None and not self.users(event[1]):
            self.delete(event[1])

    def label_of(self, id):
        """The label with its prefix: that of an attribution is an attribute."""
        if id in self.events and self.events[id][0] == "Attribution":
            return next((v[2] for v in self.attributes.values() if v[:2] == ["Label", id]), None)
        return (self.spans.get(id) or self.events.get(id) or self.relations[id])[0]

    def relabel(self, id, label):
        """Give a line another label. An event and its trigger have one type; of several equal
        triggers brat keeps one.
        """
        if id in self.events and self.events[id][0] == "Attribution":
            name = next(a for a, v in self.attributes.items() if v[:2] == ["Label", id])
            if label:
                self.attributes[name][2] = label
            else:
                del self.attributes[name]
            return
        (self.spans.get(id) or self.events.get(id) or self.relations[id])[0] = label
        if id in self.events:
            self._relabel_trigger(id, label)

    def _relabel_trigger(self, event, label):
        own = self.events[event][1]
        span = self.spans[own][1]
        triggers = {trigger for _, trigger, _ in self.events.values()} - {own}
        same = [other for other in triggers if self.spans[other] == [label, span]]
        is_shared = sum(trigger == own for _, trigger, _ in self.events.values()) > 1
        if same:
            self.events[event][1] = min(same)
            if not is_shared:
                self.delete(own)
        elif is_shared:
            self.events[event][1] = self.new_id("T")
            self.spans[self.events[event][1]] = [label, span]
        else:
            self.spans[own][0] = label

    def entities(self):
        """The T lines that are neither triggers nor parts of an event."""
        triggers = {trigger for _, trigger, _ in self.events.values()}
        return [
            id for id, (label, _) in self.spans.items() if id not in triggers and label not in PARTS
        ]

    def span_of(self, id):
        """The ranges of a line."""
        return self.spans[self.events[id][1] if id in self.events else id][1]

    def content(self):
        """What the file says, by layer, as multisets without ids; references are places."""
        attributes = defaultdict(list)
        for value in self.attributes.values():
            if value[0] not in ("Label", "Realis", "entity"):
                attributes[value[1]].append((value[0], *value[2:]))
        found = {layer: Counter() for layer in ("entities", "events", "attributions", "relations")}
        for id in self.entities():
            label, ranges = self.spans[id]
            found["entities"][label, tuple(ranges), tuple(sorted(attributes[id]))] += 1
        for id, (label, trigger, roles) in self.events.items():
            anchor = tuple(self.spans[trigger][1])
            if label == "Attribution":
                parts = {role: tuple(self.span_of(target)) for role, target in roles}
                key = (self.label_of(id), anchor, *(parts.get(r) for r in ("Content", "Source")))
                parent = next((t for r, t in roles if r == "Parent"), None)
                found["attributions"][(*key, parent and tuple(self.span_of(parent)))] += 1
                continue
            realis = [v[2] for v in self.attributes.values() if v[:2] == ["Realis", id]]
            arguments = []
            for role, target in roles:
                is_part = target in self.spans and self.spans[target][0] in PARTS
                ref = None if is_part else target[0] + repr(self.label_of(target))
                arguments.append((role.rstrip("0123456789"), tuple(self.span_of(target)), ref))
            key = (label, anchor, tuple(realis), tuple(sorted(arguments, key=repr)))
            found["events"][(*key, tuple(sorted(attributes[id])))] += 1
        for label, *sides in self.relations.values():
            places = [(s[0], self.label_of(s), tuple(self.span_of(s))) for s in sides]
            found["relations"][(label, *places)] += 1
        return found

    def referents(self):
        """The mentions of each referent, as places."""
        groups = defaultdict(list)
        for name, target, *value in self.attributes.values():
            if name == "entity" and target in self.entities():
                groups[value[0]].append((*self.spans[target][1], self.spans[target][0]))
        return Counter(tuple(sorted(group, key=repr)) for group in groups.values())
