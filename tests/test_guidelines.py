"""The guidelines quote nothing from the article, every rule has one number, and the label maps
follow the crosswalk.
"""

import re

import pytest

from evalkit import Document, Entity, Event, Span, load_corpus
from evalkit.corpus import bundled_path
from evalkit.data.document import Argument
from evalkit.data.schema import VALUE_LABELS, Schema, schema_errors

GUIDELINES = (bundled_path() / "annotations/GUIDELINES.md").read_text(encoding="utf-8")
SCHEMA = load_corpus().schema
WORD = re.compile(r"[^\W_]+(?:[-’'][^\W_]+)*")
FUNCTION_WORDS = frozenset(
    "a about after along also an and any are as at be because been before beside both but by can"
    " could did do does for from had has have he her his how if in into is it its may might more"
    " most must no nor not of off on once only or other out over own she should so some such than"
    " that the their them then there these they this those through to under until up upon was we"
    " well were what when where which while who whom whose why will with without would".split()
)


def runs_of_words(text, length):
    """Every so many words in a row of a line of the text, case-folded; those of function words
    alone are left out.
    """
    for line in text.casefold().splitlines():
        words = WORD.findall(line)
        for start in range(len(words) - length + 1):
            run = tuple(words[start : start + length])
            if not FUNCTION_WORDS.issuperset(run):
                yield run


def test_no_four_words_in_a_row_of_the_guidelines_stand_in_the_article():
    article = set(runs_of_words(load_corpus()[0].text, 4))

    assert len(article) > 300
    assert [run for run in runs_of_words(GUIDELINES, 4) if run in article] == []


def test_the_check_finds_a_quotation_whatever_its_case():
    article = load_corpus()[0].text
    quoted = article[507:560].upper()

    assert set(runs_of_words(quoted, 4)) & set(runs_of_words(article, 4))


def test_the_guidelines_name_no_person_place_or_organization_of_the_article():
    """Names of nationalities and values are common words of any guideline; the others would give an
    answer away.
    """
    names = {
        load_corpus()[0].text[e.start : e.end]
        for e in load_corpus()[0].entities
        if e.label in ("PERSON", "GPE", "LOC", "ORG", "FAC")
    }

    assert {
        name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", GUIDELINES)
    } == set()


def test_the_guidelines_say_that_they_were_developed_on_the_article():
    assert "These rules were developed on the article that they are applied to." in GUIDELINES


def test_every_rule_has_a_number_of_its_own_and_every_number_that_is_named_has_a_rule():
    defined = re.findall(r"^(?:- \*\*|\| )([A-Z]\d+)\b", GUIDELINES, re.MULTILINE)
    named = set(re.findall(r"\b([GZNLCTAVR]\d+)\b", GUIDELINES)) | set(
        re.findall(r"\b([GZNLCTAVR]\d+)\b", str(SCHEMA.attributes))
    )
    example_ids = {
        "T1",
        "A1",
    }  # ids of annotations in the section on decisions; rules have these numbers, too

    assert len(defined) == len(set(defined)) > 50
    assert named - example_ids <= set(defined)


def test_guidelines_and_schema_have_one_version():
    assert GUIDELINES.startswith(
        f"# Annotation guidelines, version {SCHEMA.version.removesuffix('.0')}\n"
    )


def mapped(schema, name):
    """The type that a label map must give each event type: the crosswalk's where the relation is
    exact or broad, else None.
    """
    counterparts = {label: event.crosswalk.get(name, {}) for label, event in schema.events.items()}
    kept = {
        label: of
        for label, of in counterparts.items()
        if of and of["relation"].split(";")[0] in ("exact", "broad")
    }
    return {label: kept[label]["type"] if label in kept else None for label in counterparts}, kept


@pytest.mark.parametrize("name", list(SCHEMA.label_maps))
def test_a_label_map_follows_the_crosswalk_for_types_and_roles(name):
    maps = SCHEMA.label_maps[name]
    if "triggers" not in maps:
        assert not any(name in event.crosswalk for event in SCHEMA.events.values())
        return
    types, kept = mapped(SCHEMA, name)
    roles = {
        role: {
            of["roles"][role] for label, of in kept.items() if role in SCHEMA.events[label].roles
        }
        for role in SCHEMA.labels_of("arguments")
    }

    assert maps["triggers"] == types
    assert maps["arguments"].keys() == roles.keys()
    assert {role: of or {None} for role, of in roles.items()} == {
        role: {counterpart} for role, counterpart in maps["arguments"].items()
    }


@pytest.mark.parametrize("name", list(SCHEMA.label_maps))
def test_a_label_map_gives_every_entity_label_a_counterpart_or_none(name):
    entities = SCHEMA.label_maps[name]["entities"]

    assert entities.keys() == SCHEMA.labels.keys()
    assert {label for label in VALUE_LABELS if entities[label] is not None} == set()


@pytest.mark.parametrize(("label", "event"), list(SCHEMA.events.items()))
def test_a_crosswalk_with_roles_has_a_counterpart_for_each_role(label, event):
    for name, counterpart in event.crosswalk.items():
        assert {"type", "relation"} <= counterpart.keys() <= {"type", "relation", "roles"}, name
        assert counterpart.get("roles", event.roles).keys() == event.roles.keys(), name


def test_mapping_the_bundled_corpus_to_ace_leaves_no_label_of_its_own():
    article = load_corpus().map_labels("ace2005")[0]

    assert {e.label for e in article.events} <= {
        "Personnel.End-Position",
        "Personnel.Start-Position",
        "Conflict.Attack",
        "Life.Die",
        "Movement.Transport",
    }
    assert {a.role for e in article.events for a in e.arguments} <= {
        "Person",
        "Entity",
        "Place",
        "Time",
        "Attacker",
        "Target",
        "Instrument",
        "Agent",
        "Victim",
        "Artifact",
        "Origin",
        "Destination",
    }


# The rules `references` and `coreference`

STRICT = Schema(rules={"references": "entity-at-filler", "coreference": "attribute-entity"})
TEXT = "Rovers moved to Cork in May; the Rovers stayed."


def name(label, start, end, id, referent):
    return Entity(
        label, start, end, id, attributes=None if referent is None else {"entity": referent}
    )


ROVERS, CORK, MAY, AGAIN = (
    name("ORG", 0, 6, "T1", "T1"),
    name("GPE", 16, 20, "T2", "T2"),
    name("DATE", 24, 27, "T3", None),
    name("ORG", 33, 39, "T4", "T1"),
)


def move(*arguments):
    return Event("Move", Span(7, 12), arguments)


def problems(entities, *events):
    return [
        f"{fault.layer}[{fault.index}].{fault.field}: {fault.message}"
        for fault in schema_errors(Document("d", TEXT, entities, events), STRICT)
    ]


def test_linked_names_and_arguments_that_name_their_entities_are_valid():
    whole, head, common = (
        Argument("Agent", 0, 6, ref="T1"),
        Argument("Goal", 17, 20, ref="T2"),
        Argument("Place", 7, 12),
    )

    assert (
        problems(
            (ROVERS, CORK, MAY, AGAIN),
            move(whole, head, common, Argument("Time", 24, 27, ref="T3")),
        )
        == []
    )


@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        (Argument("Agent", 0, 6), "None: 'Rovers' lies in the entity 'T1'; name it"),
        (Argument("Agent", 0, 6, ref="T4"), "'T4': 'Rovers' lies in the entity 'T1'; name it"),
        (Argument("Agent", 2, 6, ref="T2"), "'T2': 'vers' lies in the entity 'T1'; name it"),
        (
            Argument("Agent", 7, 12, ref="T1"),
            "'moved' does not lie in the entity 'T1'; delete the ref",
        ),
        (
            Argument("Agent", 0, 12, ref="T1"),
            "'Rovers moved' does not lie in the entity 'T1'; delete the ref",
        ),
    ],
)
def test_an_argument_names_the_entity_that_it_lies_in_and_no_other(argument, problem):
    assert problems((ROVERS, CORK, MAY, AGAIN), move(argument)) == [
        f"events[0].arguments[0].ref: {problem}"
    ]


@pytest.mark.parametrize(
    ("entity", "problem"),
    [
        (
            name("ORG", 33, 39, "T4", None),
            "None: expected a non-empty text, the same for all mentions of one referent",
        ),
        (
            name("ORG", 33, 39, "T4", ""),
            "'': expected a non-empty text, the same for all mentions of one referent",
        ),
        (
            name("ORG", 33, 39, "T4", True),
            "True: expected a non-empty text, the same for all mentions of one referent",
        ),
        (
            name("PERSON", 33, 39, "T4", "T1"),
            "'T1' is shared with entities[0], whose label is ORG; give one of them another",
        ),
        (name("DATE", 33, 39, "T4", "T9"), "'T9': a DATE has no referent; delete the attribute"),
    ],
)
def test_every_name_has_a_referent_with_one_label_and_values_have_none(entity, problem):
    assert problems((ROVERS, CORK, MAY, entity)) == [f"entities[3].attributes.entity: {problem}"]
