"""Marks beside their texts, as brat keeps them: what it can hold comes back, the rest is counted,
and a bad line is told with a way out.
"""

import json
import os
import time

import pytest
from helpers import any_text
from helpers.cli import run_evalkit
from helpers.profiles import examples
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Relation,
    Span,
    Unplaced,
    Zone,
    load_corpus,
)
from evalkit.data.document import span_fragments
from evalkit.formats import brat
from evalkit.formats.conversion import ConversionReport

FEW = settings(max_examples=examples(60), deadline=None)
ALL = ("entities", "events", "attributions", "relations")
TEXT = "Ada met Bo.\nThey left."
ADA, MET, BO, THEY, LEFT = (
    "T1\tPER 0 3\tAda\n",
    "T2\tMeet 4 7\tmet\n",
    "T3\tPER 8 10\tBo\n",
    "T4\tPER 12 16\tThey\n",
    "T5\tLeave 17 21\tleft\n",
)

UTF8 = 'save the file as UTF-8, or name its encoding, as in encoding="latin-1"'
UTF16 = UTF8.replace("latin-1", "utf-16")
EVERYTHING = Document(
    "d1",
    "Ada said she would put 🎉 the light out.\r\nBye.",
    entities=[
        Entity("PER", 0, 3, id="T1", attributes={"unsure": True, "kind": "a b"}),
        Entity("X", 9, 22, id="my id", fragments=((9, 12), (19, 22))),
        Entity("Y", 34, 45),
    ],
    events=[
        Event(
            "Switch.Off",
            Span(19, 38, ((19, 22), (35, 38))),
            [
                Argument("Agent", 0, 3, ref="T1"),
                Argument("Agent", 9, 12),
                Argument("Cause", 4, 8, ref="E7"),
            ],
            id="E1",
            realis="OTHER",
        ),
        Event("Say", Span(4, 8), id="E7", attributes={"Negated": True}),
        Event("Say", Span(4, 8), [Argument("Topic", 9, 12)]),
    ],
    attributions=[
        Attribution(
            Span(4, 8),
            Span(9, 38),
            Span(0, 3),
            label="assertion",
            id="A1",
            source_name=Span(0, 3),
            attributes={"note": "x"},
        ),
        Attribution(Span(9, 12), Span(13, 18), parent="A1"),
    ],
    relations=[
        Relation("Near", "T1", "my id", id="R7", attributes={"sure": True, "Arg2": "Place"}),
        Relation("Near", "my id", "E1"),
        Relation("After:now", "E7", "E1", id="my relation"),
        Relation("Near", "E7", "E7"),
    ],
)


@pytest.fixture
def folder(tmp_path):
    def folder(annotations, text=TEXT, name="d"):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{name}.txt").write_bytes(
            text if isinstance(text, bytes) else text.encode()
        )
        (tmp_path / "in" / f"{name}.ann").write_bytes(
            annotations if isinstance(annotations, bytes) else annotations.encode()
        )
        return tmp_path / "in"

    return folder


@pytest.fixture
def read(folder):
    def read(annotations, text=TEXT, **options):
        return load_corpus(f"brat:{folder(annotations, text)}", **options)

    return read


@pytest.fixture
def written(tmp_path):
    def written(*documents, **options):
        losses = Corpus(documents).save(f"brat:{tmp_path / 'out'}", **options)
        return tmp_path / "out", losses

    return written


@pytest.fixture
def told(folder):
    def told(annotations, text=TEXT):
        place = folder(annotations, text)
        ((_, error),) = brat.read(place, ConversionReport())
        return str(error).replace(f"{place}/", "").split("\n")

    return told


def back(documents, folder, **options):
    losses = Corpus(documents).save(f"brat:{folder}", **options)
    layers = [layer for layer in ALL if any(getattr(d, layer) is not None for d in documents)]
    return losses, list(load_corpus(f"brat:{folder}", predictions=True, layers=layers, **options))


# What is read


def test_a_line_is_an_entity_with_its_id(read):
    assert read(ADA + BO)[0] == Document(
        "d", TEXT, [Entity("PER", 0, 3, id="T1"), Entity("PER", 8, 10, id="T3")]
    )


def test_an_event_points_at_entities_and_at_events_and_its_trigger_is_no_entity(read):
    documents = read(
        ADA + MET + BO + LEFT + "E1\tMeet:T2 Who:T1 Who2:T3\nE2\tLeave:T5 After:E1 Who:T3 \n"
    )

    assert documents[0].entities == (Entity("PER", 0, 3, id="T1"), Entity("PER", 8, 10, id="T3"))
    assert documents[0].events == (
        Event(
            "Meet",
            Span(4, 7),
            [Argument("Who", 0, 3, ref="T1"), Argument("Who", 8, 10, ref="T3")],
            id="E1",
        ),
        Event(
            "Leave",
            Span(17, 21),
            [Argument("After", 4, 7, ref="E1"), Argument("Who", 8, 10, ref="T3")],
            id="E2",
        ),
    )
    assert not documents.conversion


def test_events_may_go_in_a_circle(read):
    events = read(MET + LEFT + "E1\tMeet:T2 Cause:E2\nE2\tLeave:T5 Cause:E1\n")[0].events

    assert [event.arguments[0].ref for event in events] == ["E2", "E1"]


def test_attributes_are_those_of_entities_and_events_and_one_is_the_realis(read):
    document = read(
        ADA + MET + "E1\tMeet:T2\nA1\tNegated E1\nM2\tRealis E1 GENERIC\nA3\tKind T1 a  b\n"
    )[0]

    assert document.entities[0].attributes == {"Kind": "a  b"}
    assert (document.events[0].realis, document.events[0].attributes) == (
        "GENERIC",
        {"Negated": True},
    )


def test_an_attribution_is_an_event_with_a_cue_for_a_trigger(read):
    document = read(
        ADA + "T2\tAttribution 4 7\tmet\nT3\tContent 8 10\tBo\nE1\tAttribution:T2 Source:T1"
        " Content:T3\nA1\tLabel E1 fact\nT4\tAttribution 17 21\tleft\nE2\tAttribution:T4"
        " Content:E1 Parent:E1\n"
    )[0]

    assert document.entities == (Entity("PER", 0, 3, id="T1"),)
    assert document.attributions == (
        Attribution(Span(4, 7), Span(8, 10), Span(0, 3), label="fact", id="E1"),
        Attribution(Span(17, 21), Span(4, 7), id="E2", parent="E1"),
    )
    assert document.events is None


def test_an_attribution_may_be_called_otherwise(read):
    document = read(ADA + MET + "E1\tMeet:T2 Content:T1\n", attribution="Meet")[0]

    assert document.attributions == (Attribution(Span(4, 7), Span(0, 3), id="E1"),)


def test_a_mark_in_several_ranges_is_discontinuous(read):
    assert read("T1\tX 0 3;8 10\tAda Bo\n")[0].entities == (
        Entity("X", 0, 10, id="T1", fragments=((0, 3), (8, 10))),
    )


def test_ranges_are_put_in_order_and_their_order_is_counted(read):
    documents = read("T1\tX 8 10;0 3\tBo Ada\n")

    assert span_fragments(documents[0].entities[0]) == ((0, 3), (8, 10))
    assert documents.conversion.counts == {"orders of ranges": 1}


@pytest.mark.parametrize(
    ("line", "start", "end"),
    [
        ("T1\tX 8 11;12 16\tBo. They", 8, 16),
        ("T1\tX 8 16\tBo. They", 8, 16),
        ("T1\tX 8 10;10 11\tBo .", 8, 11),
    ],
)
def test_ranges_that_a_line_end_parts_are_one(read, line, start, end):
    assert read(line)[0].entities == (Entity("X", start, end, id="T1"),)


def test_ranges_that_a_line_end_and_an_indent_part_are_one(read):
    assert read("T1\tSpan 0 3;6 9\tFoo Bar", "Foo\n  Bar")[0].entities == (
        Entity("Span", 0, 9, id="T1"),
    )


@pytest.mark.parametrize("surface", ["a  b", "a b"])
def test_a_line_end_of_two_characters_is_quoted_as_one_space_or_two(read, surface):
    assert read(f"T1\tX 0 4\t{surface}\r\n", "a\r\nb")[0].entities == (Entity("X", 0, 4, id="T1"),)


def test_the_text_is_what_its_bytes_say(read):
    text = "\ufeffA\r\nb\u2028\u0085c\x00 🎉\r"

    assert read("T1\tX 10 11\t🎉\r\n\r\n", text)[0] == Document(
        "d", text, [Entity("X", 10, 11, id="T1")]
    )


def test_what_a_document_cannot_hold_is_counted_with_its_line(read):
    documents = read(
        "\ufeff"
        + ADA
        + BO
        + "R1\tMeets Arg1:T1 Arg2:T3\twhy\nR2\tMeets Arg1:T1 Arg2:T9\n"
        + "R3\tMeets A:T1 B:T3 C:T3\nR4\tSees X:T1 Y:T3\nA9\tArg2 R4 Z\nR5\tMeets A:R1 B:T3\n"
        + "*\tEquiv T1 T3\n*\tEquiv T3 T1\nN1\tReference T1"
        " Wikipedia:534366\tAda\n#1\tAnnotatorNotes T1\tsure?\n#2\tevalkit T1\tid: 7\n#3"
        ' what\n#4\tevalkit T1\tid: "\\ud800"\nA1\tSure N1\twhy\n'
        + "T9\tX 4 7\tmet\nE1\tMeet:T9 Site2:T1\tshort\n"
    )

    assert len(documents[0].entities) == 2
    assert documents.conversion.counts == {
        "byte order marks": 1,
        "relations of annotations that are not entities or events": 2,
        "relations of more than two annotations": 1,
        "roles of relations": 1,
        "equivalences": 2,
        "normalizations": 1,
        "notes": 4,
        "attributes of annotations that are not entities, events, attributions or relations": 1,
        "comments": 3,
        "types of triggers that differ from those of their events": 1,
        "numbers of roles (?roles=exact keeps them)": 1,
    }
    assert "in/d.ann:3" in str(documents.conversion)


def test_a_relation_points_at_entities_and_at_events(read):
    documents = read(
        ADA + MET + BO + "E1\tMeet:T2\nR1\tKnows Arg1:T1 Arg2:T3\t\nR2\tIn  Arg1:E1 Arg2:T1 \n"
        "A1\tSure R1\nA2\tKind R1 a b\n"
    )

    assert documents[0].relations == (
        Relation("Knows", "T1", "T3", id="R1", attributes={"Sure": True, "Kind": "a b"}),
        Relation("In", "E1", "T1", id="R2"),
    )
    assert not documents.conversion


@pytest.mark.parametrize(
    ("roles", "head", "tail", "attributes"),
    [
        ("Arg1:T1 Arg2:T3", "T1", "T3", None),
        ("Arg2:T3 Arg1:T1", "T1", "T3", None),
        ("Anaphor:T3 Antecedent:T1", "T3", "T1", {"Arg1": "Anaphor", "Arg2": "Antecedent"}),
        ("Arg1:T1 Site:T3", "T1", "T3", {"Arg2": "Site"}),
        ("Arg2:T1 Site:T3", "T1", "T3", {"Arg1": "Arg2", "Arg2": "Site"}),
        ("Arg1:T1 Arg1:T3", "T1", "T3", {"Arg2": "Arg1"}),
    ],
)
def test_the_first_argument_is_the_head_unless_the_roles_are_reversed(
    read, tmp_path, roles, head, tail, attributes
):
    documents = read(ADA + BO + f"R1\tMeets {roles}\n")

    assert documents[0].relations == (
        Relation("Meets", head, tail, id="R1", attributes=attributes),
    )
    assert back(documents, tmp_path / "out")[1] == list(documents)


def test_further_parts_of_attributions_and_references_to_what_is_no_item_are_counted(read):
    cue = "T2\tAttribution 4 7\tmet\n"
    documents = read(
        ADA
        + cue
        + BO
        + LEFT
        + "E1\tAttribution:T2 Content:T1 Content2:T3 Parent:E2\nE2\tLeave:T5 A:E1 B:T2\n"
    )

    assert documents[0].events[0].arguments == (Argument("A", 4, 7), Argument("B", 4, 7))
    assert documents.conversion.counts == {
        "further roles of attributions": 2,
        "references to triggers and attributions": 2,
    }


def test_roles_are_taken_as_they_are_if_asked(read):
    events = ADA + BO + MET + "E1\tMeet:T2 ARG1:T1 ARG2:T3\n"

    assert [a.role for a in read(events)[0].events[0].arguments] == ["ARG1", "ARG"]
    assert [a.role for a in read(events, roles="exact")[0].events[0].arguments] == ["ARG1", "ARG2"]


def test_the_folder_says_which_layers_were_annotated(folder):
    folder(ADA, name="a")
    folder(MET + "E1\tMeet:T2\nR1\tStarts Arg1:E1 Arg2:E1\n", name="b")
    (folder("", name="c") / "d.txt").write_text("not yet", encoding="utf-8")

    documents = load_corpus(f"brat:{folder('', name='c')}")

    assert [(d.id, *(getattr(d, layer) is None for layer in ALL)) for d in documents] == [
        ("a", False, False, True, False),
        ("b", False, False, True, False),
        ("c", False, False, True, False),
        ("d", True, True, True, True),
    ]
    assert documents["c"].entities == documents["c"].events == documents["c"].relations == ()


def test_equivalences_are_no_relations(read):
    document = read(ADA + BO + "*\tEquiv T1 T3\n")[0]

    assert document.relations is None


def test_a_layer_in_which_nothing_was_found_may_be_named(read):
    assert read(ADA, layers="attributions")[0].attributions == ()


@pytest.mark.parametrize("suffix", [".ann", ".txt"])
def test_one_file_is_enough(folder, suffix):
    place = folder(ADA)
    folder("nonsense", name="other")

    assert list(load_corpus(f"brat:{place / 'd'}{suffix}")) == [
        Document("d", TEXT, [Entity("PER", 0, 3, id="T1")])
    ]


def test_a_file_is_known_by_its_suffix(folder):
    assert load_corpus(folder(ADA) / "d.ann").ids == ["d"]


def test_folders_in_the_folder_are_read_too(folder, tmp_path):
    folder(ADA)

    assert load_corpus(f"brat:{tmp_path}").ids == ["in/d"]


@pytest.mark.parametrize(
    ("text", "line", "option"),
    [
        ("Oh\r\nAda.", "T1\tX 3 6\tAda", {"newlines": "lf"}),
        ("🎉 Ada.", "T1\tX 3 6\tAda", {"offset_unit": "utf-16"}),
        ("Oh Ada.", "T1\tX 3 5\tAda", {"end_offset": "inclusive"}),
    ],
)
def test_offsets_that_were_counted_otherwise_are_explained_and_read(read, text, line, option):
    with pytest.raises(LoadError, match="the mismatch vanishes if .*" + "".join(option)):
        read(line, text)

    (entity,) = read(line, text, **option)[0].entities
    assert text[entity.start : entity.end] == "Ada"


# What is refused


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "T1\tPER 0 3\tBo\n",
            "d.ann:1: T1: 'Bo' is not the text at 0 to 3: 'Ada'; these words are at 8 to 10",
        ),
        (
            "T1\tPER 0 3\tada\r\n",
            (
                "d.ann:1: T1: 'ada' is not the text at 0 to 3: 'Ada'; these words are not in the"
                " text"
            ),
        ),
        (
            "T1\tPER 0 3;8 10\tAda  Bo",
            "d.ann:1: T1: 'Ada  Bo' is not the text at 0 3;8 10: 'Ada Bo'",
        ),
        ("T1\tPER 17 99\tleft", "d.ann:1: T1: 99 is past the end of the text (length 22)"),
        (
            "T1\tPER 3 3\t",
            (
                "d.ann:1: T1: 3 is not after the start, 3: a span is half-open and holds at least"
                " one character"
            ),
        ),
        (
            "T1\tPER 0 3;2 7\tAda a met",
            "d.ann:1: T1: ranges overlap: '0 3;2 7': expected ranges that share no character",
        ),
        (
            "T1\tPER -1 3\tAda",
            "d.ann:1: T1: invalid offsets '-1 3': expected START END, with ; between several"
            " ranges",
        ),
        (
            f"T1\tPER 0 {'9' * 5000}\tAda",
            (
                f"d.ann:1: T1: invalid offsets '0 {'9' * 76}…: expected START END, with ; between"
                " several ranges"
            ),
        ),
        (
            "T1\tPER 0 3",
            (
                "d.ann:1: T1: 'PER 0 3' is incomplete, or has no tab: expected ID, tab, TYPE START"
                " END, tab, the text of the span"
            ),
        ),
        (
            "T1\t 0 3\tAda",
            (
                "d.ann:1: T1: ' 0 3\\tAda' is incomplete, or has no tab: expected ID, tab, TYPE"
                " START END, tab, the text of the span"
            ),
        ),
        (
            "T1 PER 0 3 Ada",
            (
                "d.ann:1: 'T1 PER 0 3 Ada' has no tab after its id: expected ID, tab, TYPE START"
                " END, tab, the text of the span"
            ),
        ),
        (
            "\n\nX1\tPER 0 3\tAda",
            (
                "d.ann:3: invalid line 'X1\\tPER 0 3\\tAda': expected one that begins with T, E, A,"
                " R, N, *, #, M"
            ),
        ),
        ("Tom\tPER 0 3\tAda", "d.ann:1: invalid id 'Tom': expected T and a number"),
        (ADA + ADA, "d.ann:2: T1: duplicate id 'T1': already used by line 1; expected unique ids"),
        (
            MET + "E1\tMeet:T2 Who:T9",
            (
                "d.ann:2: E1: Who: unknown id 'T9': expected the id of another line; correct"
                " it, or delete the line"
            ),
        ),
        (
            "E1\tMeet:T2",
            (
                "d.ann:1: E1: Meet: unknown id 'T2': expected the id of another line; correct"
                " it, or delete the line"
            ),
        ),
        (
            MET + "E1\tMeet",
            (
                "d.ann:2: E1: invalid event 'Meet': expected ID, tab, TYPE:TRIGGER, and ROLE:ID"
                " after spaces"
            ),
        ),
        (
            MET + "E1\tMeet:T2\nE2\tMeet:E1",
            "d.ann:3: E2: invalid trigger 'E1': expected the id of a T line",
        ),
        (
            MET + "E1\tMeet:T2\nA1\tX E1\nE2\tMeet:T2 Who:A1",
            ("d.ann:4: E2: Who: invalid target 'A1': expected the id of a T or E line"),
        ),
        (
            ADA + "R1\tMeets Arg1:T1 Arg2:T9",
            (
                "d.ann:2: R1: Meets: unknown id 'T9': expected the id of another line; correct"
                " it, or delete the line"
            ),
        ),
        (
            ADA + "R1\tMeets Arg1:T1",
            "d.ann:2: R1: invalid relation 'Meets Arg1:T1': expected ID, tab, TYPE ROLE:ID ROLE:ID",
        ),
        (
            ADA + BO + "R1\tMeets T1 T3",
            "d.ann:3: R1: invalid relation 'Meets T1 T3': expected ID, tab, TYPE ROLE:ID ROLE:ID",
        ),
        (
            ADA + BO + "R1\tMeets Arg1:T1 Arg2:T3\nA1\tX R1 a\nA2\tX R1 b",
            "d.ann:5: A2: duplicate X of R1; delete one",
        ),
        (
            ADA + BO + 'R1\tMeets Arg1:T1 Arg2:T3\n#1\tevalkit R1\tid: "T1"',
            "d.ann:3: document 'd', relations[0].id: duplicate id 'T1': already used by"
            " entities[0]; expected unique ids",
        ),
        (
            ADA + "N1\tReference T1",
            (
                "d.ann:2: N1: invalid normalization 'Reference T1': expected ID, tab, TYPE ID"
                " RESOURCE:ENTRY"
            ),
        ),
        (
            ADA + "A1\tNegated",
            (
                "d.ann:2: A1: invalid attribute 'Negated': expected ID, tab, NAME ID, and a value"
                " after a space"
            ),
        ),
        (
            ADA + "A1\tNegated T2",
            (
                "d.ann:2: A1: Negated: unknown id 'T2': expected the id of another line; correct"
                " it, or delete the line"
            ),
        ),
        (ADA + "A1\tX T1 a\nA2\tX T1 b", "d.ann:3: A2: duplicate X of T1; delete one"),
        (
            "T1\tAttribution 4 7\tmet\nE1\tAttribution:T1",
            "d.ann:2: E1: no Content: expected a role Content:ID after 'Attribution:T1'",
        ),
        (
            (
                "T1\tAttribution 4 7\tmet\nT2\tContent 8 10\tBo\nE1\tAttribution:T1 Content:T2"
                " Parent:E1"
            ),
            "d.ann:3: document 'd', attributions[0].parent: is nested in itself",
        ),
        (
            ADA + BO + '#1\tevalkit T3\tid: "T1"',
            "d.ann:2: document 'd', entities[1].id: duplicate id 'T1': already used by entities[0];"
            " expected unique ids",
        ),
        (
            b"T1\tPER 0 3\tAda\nT2\tPER 0 \xff",
            f"d.ann:2: not UTF-8: invalid start byte at byte 9 of the line; {UTF8}",
        ),
        (
            b"\xff\xfeT\x001\x00",
            f"d.ann:1: not UTF-8: invalid start byte at byte 0 of the line; {UTF16}",
        ),
    ],
)
def test_a_bad_line_is_told_with_its_place_and_a_way_out(told, lines, message):
    assert told(lines) == [message]


def test_an_offset_inside_a_character_is_told(folder):
    ((_, error),) = brat.read(
        folder("T1\tX 1 2\t?", "🎉"), ConversionReport(), offset_unit="utf-16"
    )

    assert str(error).endswith(
        "in/d.ann:1: T1: 1 falls inside '🎉', which was counted as 2 UTF-16 code units"
    )


def test_errors_of_one_kind_are_counted(told):
    messages = told("".join(f"T{n}\tX 0 3\tBo\n" for n in range(50)))

    assert (len(messages), messages[-1]) == (2, "and 30 more")
    assert "(19 more of this kind" in messages[0]


def test_a_text_that_is_not_utf_8_is_told_and_others_are_explained(folder):
    folder(ADA, b"Ada\n met \xe9", name="a")
    place = folder("T1\tX 0 2\tOh\nT2\tX 6 9\tAda\n", "Oh 🎉 Ada.", name="b")

    with pytest.raises(LoadError) as error:
        load_corpus(f"brat:{place}")

    assert [line.rpartition("/")[2] for line in str(error.value).split("\n")] == [
        (
            "in: the mismatch vanishes if offsets are UTF-16 code units; append"
            " '?offset_unit=utf-16' to the path"
        ),
        f"a.txt:2: not UTF-8: unexpected end of data at byte 5 of the line; {UTF8}",
        "b.ann:2: T2: 'Ada' is not the text at 6 to 9: 'da.'; these words are at 5 to 8",
    ]


def test_annotations_without_a_text_are_told(folder):
    place = folder(ADA)
    (place / "d.txt").unlink()

    with pytest.raises(
        LoadError,
        match=(
            r"in/d\.ann: no d\.txt in .*/in: expected the text that the offsets refer to; if the"
            r" texts are in another folder, name it with texts=\"DIR\"$"
        ),
    ):
        load_corpus(f"brat:{place}")


def test_a_pipe_is_not_waited_for(folder):
    place = folder(ADA)
    (place / "d.ann").unlink()
    os.mkfifo(place / "d.ann")

    with pytest.raises(LoadError, match="not a regular file"):
        load_corpus(f"brat:{place}")


def test_a_link_to_itself_is_told(folder):
    place = folder(ADA)
    (place / "d.ann").unlink()
    (place / "d.ann").symlink_to(place / "d.ann")

    with pytest.raises(
        LoadError, match=r"in/d\.ann: a symbolic link that leads to itself; replace it by the file$"
    ):
        load_corpus(f"brat:{place}")


def test_a_folder_without_texts_is_none(tmp_path):
    with pytest.raises(InputError, match=r"no \.txt and no \.ann file in this folder$"):
        load_corpus(f"brat:{tmp_path}")


def test_another_file_is_none(tmp_path):
    (tmp_path / "a.doc").write_bytes(b"")

    with pytest.raises(
        InputError,
        match=r"a\.doc: not a brat file: expected a \.txt, \.ann, \.a1 or \.a2 file, or a folder"
        r" of them$",
    ):
        load_corpus(f"brat:{tmp_path / 'a.doc'}")


def test_names_that_are_not_utf_8_are_told(folder):
    place = folder(ADA)
    (place / "d.txt").rename(os.fsdecode(os.fsencode(place) + b"/\xff.txt"))
    (place / "d.ann").unlink()

    with pytest.raises(LoadError, match=r"file name is not UTF-8; rename the file$"):
        load_corpus(f"brat:{place}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"roles": "none"}, "unknown value 'none' in 'roles'"),
        ({"layers": "entity"}, "unknown layer 'entity' in 'layers'"),
        ({"offset_unit": "words"}, "unknown value 'words' in 'offset_unit'"),
        ({"attributes": "x"}, "unknown option 'attributes'"),
        (
            {"attribution": "a b"},
            "invalid attribution 'a b': expected a type without spaces, commas and colons",
        ),
        (
            {"argument": "Attribution"},
            "invalid argument 'Attribution': expected a type other than that of attributions",
        ),
    ],
)
def test_an_option_that_is_none_is_told(read, options, message):
    with pytest.raises(InputError, match=message):
        read(ADA, **options)


# What is written


def test_lines_are_as_brat_writes_them(written):
    place, losses = written(
        Document(
            "d",
            TEXT,
            [Entity("PER", 0, 3), Entity("PER", 8, 16)],
            [
                Event(
                    "Meet",
                    Span(4, 7),
                    [Argument("Who", 8, 10), Argument("Who", 12, 16)],
                    realis="ACTUAL",
                )
            ],
        )
    )

    assert (place / "d.txt").read_bytes() == TEXT.encode()
    assert (
        (place / "d.ann").read_text(encoding="utf-8")
        == "T1\tPER 0 3\tAda\nT2\tPER 8 11;12 16\tBo. They\nT3\tMeet 4 7\tmet\nT4\tArgument 8 10\tBo\nT5\tArgument 12 16\tThey\nE1\tMeet:T3 Who:T4 Who2:T5\nA1\tRealis E1 ACTUAL\n#1\tevalkit T1\tno id: T1-T2 E1-E1\n"  # noqa: E501
    )
    assert not losses


def test_relations_are_written_as_brat_writes_them(written):
    entities = [Entity("PER", 0, 3, id="T4"), Entity("PER", 8, 10, id="Bo")]
    relations = [
        Relation("Meets", "T4", "Bo"),
        Relation("Meets", "Bo", "T4", id="R1", attributes={"Arg1": "Guest", "sure": True}),
        Relation("Knows", "Bo", "T4", id="first"),
    ]
    place, losses = written(Document("d", TEXT, entities, relations=relations))

    assert (place / "d.ann").read_text(encoding="utf-8").split("\n") == [
        "T4\tPER 0 3\tAda",
        "T5\tPER 8 10\tBo",
        "R2\tMeets Arg1:T4 Arg2:T5",
        "R1\tMeets Guest:T5 Arg2:T4",
        "A1\tsure R1",
        "R3\tKnows Arg1:T5 Arg2:T4",
        '#1\tevalkit T5\tid: "Bo"',
        '#2\tevalkit R3\tid: "first"',
        "#3\tevalkit T4\tno id: R2-R2",
        "",
    ]
    assert not losses


def test_all_that_brat_holds_comes_back(tmp_path):
    losses, documents = back([EVERYTHING], tmp_path / "out")

    assert documents == [EVERYTHING]
    assert not losses


def test_the_bundled_corpus_comes_back_but_for_zones_and_meta(tmp_path):
    documents = load_corpus()

    losses, returned = back(documents, tmp_path / "out")

    assert [getattr(d, layer) for d in returned for layer in ("id", "text", *ALL)] == [
        getattr(d, layer) for d in documents for layer in ("id", "text", *ALL)
    ]
    assert set(losses.counts) == {"zones", "meta"}


@FEW
@given(
    any_text.corpora(layers=ALL, broken=True, gaps=[" ", "\t", "\u00a0", "\u2028", "\u3000", ""])
)
def test_where_no_line_ends_everything_comes_back(tmp_path_factory, documents):
    losses, returned = back(documents, tmp_path_factory.mktemp("b") / "out")

    assert returned == documents
    assert {name.partition(" (")[0] for name in losses.counts} <= {
        "empty layers of events",
        "empty layers of attributions",
        "empty layers of relations",
    }


@FEW
@given(any_text.corpora(most=1, layers=ALL, broken=True))
def test_what_is_not_counted_comes_back(tmp_path_factory, documents):
    losses, returned = back(documents, tmp_path_factory.mktemp("b") / "out")

    assume(
        {
            "annotations of nothing but line ends",
            "line ends at which an annotation begins, ends or is interrupted",
            "annotations that equal another without the line ends at their edges",
        }.isdisjoint(losses.counts)
    )
    assert returned == documents


@FEW
@given(
    st.binary(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                b"T1",
                b"E1",
                b"A1",
                b"#1",
                b"R1",
                b"*",
                b"\t",
                b" ",
                b"\n",
                b":",
                b";",
                b"0",
                b"3",
                b"Ada",
                b"T2",
                b"PER",
            ]
        ),
        max_size=30,
    ).map(b"".join)
)
def test_no_bytes_are_a_traceback(tmp_path_factory, data):
    place = tmp_path_factory.mktemp("b")
    (place / "d.txt").write_bytes(TEXT.encode())
    (place / "d.ann").write_bytes(data)

    ((_, found),) = brat.read(place, ConversionReport())

    assert isinstance(found, (Document, LoadError))


def test_what_brat_cannot_hold_is_counted(written):
    _, losses = written(
        Document(
            "d",
            TEXT,
            [
                Entity("A", 11, 12),
                Entity("A", 11, 16, score=0.5),
                Entity(
                    "A",
                    8,
                    16,
                    fragments=((8, 11), (12, 16)),
                    attributes={"n": 5, "x y": "z", "t": "a\tb", "e": "", "s": "\ud800"},
                ),
                Entity("A", 0, 3, id="a", attributes={}),
            ],
            [
                Event(
                    "E",
                    Span(4, 7),
                    [
                        Argument("R", 0, 2, ref="a", score=1),
                        Argument("R", 11, 12),
                        Argument("R", 17, 21, ref="lost"),
                    ],
                    realis="a\nb",
                    attributes={"Realis": "x"},
                ),
                Event("E", Span(11, 12), id="lost"),
            ],
            [
                Attribution(None, Span(0, 3), id="x"),
                Attribution(Span(0, 3), Span(4, 7), Span(11, 12), parent="x"),
            ],
            relations=[
                Relation("X", "a", "lost"),
                Relation("X", "a", "a", score=0.5, attributes={"Arg1": "a b", "x": "a\tb"}),
                Relation("Y", "a", "a", attributes={}),
            ],
            zones=[Zone("body", 0, 3)],
            meta={"a": 1},
            unplaced=[Unplaced("entities", "A", "nowhere")],
        ),
        Document("f", "x", failure="time out"),
    )

    assert losses.counts == {
        "annotations of nothing but line ends": 4,
        "attributions without a cue": 1,
        "line ends at which an annotation begins, ends or is interrupted": 2,
        "scores": 3,
        "attributes that are not text, written as text": 1,
        "attributes that brat cannot hold": 7,
        "empty attributes": 2,
        "relations of dropped annotations": 1,
        "zones": 1,
        "meta": 1,
        "references to other spans or to dropped annotations": 3,
        "unplaced items": 1,
        "documents that failed": 1,
    }


def test_layers_that_the_files_cannot_tell_are_counted(written):
    event = Event("Meet", Span(0, 3))

    place, losses = written(
        Document("a", TEXT, [], [event], []),
        Document("b", TEXT, events=()),
        Document("c", TEXT, []),
        Document("d", TEXT),
    )

    assert losses.counts == {
        "empty layers of attributions (?layers=attributions in reading keeps them)": 1,
        "layers of entities that were not annotated": 1,
        "layers of events that were not annotated": 1,
    }
    assert sorted(file.name for file in place.iterdir()) == [
        "a.ann",
        "a.txt",
        "b.ann",
        "b.txt",
        "c.ann",
        "c.txt",
        "d.txt",
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            Document("d", TEXT, [Entity("Work of Art", 0, 3)]),
            (
                r"^document 'd', entities\[0\]\.label: 'Work of Art': expected a name without white"
                r" space in brat; map it to another with `map_labels`$"
            ),
        ),
        (
            Document("d", TEXT, events=[Event("a:b", Span(0, 3))]),
            r"events\[0\]\.label: 'a:b': expected a name without white space or a colon in brat",
        ),
        (
            Document("d", TEXT, events=[Event("a", Span(0, 3), [Argument("b c", 0, 3)])]),
            r"events\[0\]\.arguments\[0\]\.role: 'b c': expected a name without white space or a",
        ),
        (
            Document("d", TEXT, events=[Event("Attribution", Span(0, 3))]),
            r"""choose another type for them with attribution="NAME"$""",
        ),
        (
            Document("d", TEXT, events=[Event("a", Span(0, 3), [Argument("ARG2", 0, 3)])]),
            "'ARG2' would be read as 'ARG', since brat numbers roles; use roles=.exact.$",
        ),
        (
            Document(
                "d",
                TEXT,
                [Entity("Argument", 0, 3, id="T1")],
                [Event("a", Span(4, 7), [Argument("b", 0, 3, ref="T1")])],
            ),
            (
                r"arguments\[0\]\.ref: 'Argument' is the type of arguments that are not entities;"
                r" choose another type for them with argument=.NAME.$"
            ),
        ),
    ],
)
def test_what_would_be_read_as_something_else_is_refused_before_anything_is_written(
    tmp_path, document, message
):
    with pytest.raises(InputError, match=message):
        Corpus([Document("c", TEXT, []), document]).save(f"brat:{tmp_path / 'out'}")

    assert not (tmp_path / "out").exists()


def test_options_make_room_for_names_that_are_taken(tmp_path):
    document = Document(
        "d",
        TEXT,
        [Entity("Argument", 0, 3, id="T1"), Entity("Source", 8, 10, id="T2")],
        [
            Event(
                "Attribution",
                Span(4, 7),
                [
                    Argument("ARG1", 0, 3, ref="T1"),
                    Argument("ARG1", 8, 10, ref="T2"),
                    Argument("ARG2", 4, 6),
                ],
            )
        ],
        [Attribution(Span(4, 7), Span(8, 10), Span(0, 3))],
    )

    losses, documents = back(
        [document], tmp_path / "out", roles="exact", attribution="Quote", argument="Span"
    )

    assert documents == [document]
    assert not losses


@pytest.mark.parametrize(
    "id",
    [
        "../x",
        "/etc/passwd",
        "a/b",
        "x" * 300,
        "a\0b",
        "CON",
        "nul.txt",
        "d1.",
        ".hidden",
        "a:b",
        "Ä",
        " ",
        "evalkit\n",
        "D",
    ],
)
def test_an_id_that_is_no_safe_name_of_a_file_comes_back_and_stays_in_the_folder(tmp_path, id):
    documents = [
        Document("d", "Bo", []),
        Document(id, "Ada", [Entity("PER", 0, 3)]),
        Document("document-000001", "x", []),
    ]

    _, returned = back(documents, tmp_path / "out")

    assert sorted((d.id, d.text) for d in returned) == sorted((d.id, d.text) for d in documents)
    assert sorted(p.name for p in tmp_path.rglob("*")) == sorted(
        [
            "out",
            "evalkit-ids.json",
            *(
                f"{name}{suffix}"
                for name in ("d", "document-000001", "document-000002")
                for suffix in (".ann", ".txt")
            ),
        ]
    )


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}', "\ud800"])
def test_a_file_of_ids_that_is_none_is_told(folder, content):
    place = folder(ADA)
    (place / "evalkit-ids.json").write_bytes(content.encode("utf-8", "surrogatepass"))

    with pytest.raises(
        LoadError,
        match=r'evalkit-ids\.json: .*; expected \{"NAME": "ID"\} with the id of the document',
    ):
        load_corpus(f"brat:{place}")


def test_a_folder_with_other_texts_is_not_written_into(folder):
    place = folder(ADA)

    with pytest.raises(
        InputError,
        match=(
            r"in/d\.ann: this file would be read as part of the corpus; write to a new folder, or"
            r" delete the file$"
        ),
    ):
        Corpus([Document("e", "x", [])]).save(f"brat:{place}")


def test_the_same_corpus_may_be_written_again(tmp_path):
    back([Document("a b", TEXT, []), Document("d", TEXT, [])], tmp_path / "out")

    _, documents = back([Document("document-000001", TEXT), Document("d", TEXT)], tmp_path / "out")

    assert documents == [Document("d", TEXT), Document("document-000001", TEXT)]


def test_a_link_in_the_folder_is_not_written_through(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "out" / "d.txt").symlink_to(tmp_path / "mine")

    Corpus([Document("d", TEXT)]).save(f"brat:{tmp_path / 'out'}")

    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_one_document_may_be_one_file(tmp_path):
    document = Document("d", TEXT, [Entity("PER", 0, 3, id="T1")])

    Corpus([document]).save(tmp_path / "d.ann")

    assert load_corpus(tmp_path / "d.ann")[0] == document


def test_several_documents_are_not_one_file(tmp_path):
    with pytest.raises(
        InputError,
        match=(
            r"d\.ann: expected one document with the id 'd', got 2: 'd', 'e'; write them to a"
            r" folder$"
        ),
    ):
        Corpus([Document("d", "x"), Document("e", "x")]).save(tmp_path / "d.ann")


def test_ids_of_marks_are_kept_where_they_are_brats_and_noted_where_not(written):
    document = Document(
        "d",
        TEXT,
        [
            Entity("A", 0, 3, id="T7"),
            Entity("A", 4, 7, id="E1"),
            Entity("A", 8, 10, id="T01"),
            Entity("A", 17, 21),
        ],
    )

    place, _ = written(document)

    assert (place / "d.ann").read_text(encoding="utf-8").split("\n")[3:] == [
        "T10\tA 17 21\tleft",
        '#1\tevalkit T8\tid: "E1"',
        '#2\tevalkit T9\tid: "T01"',
        "#3\tevalkit T7\tno id: T10-T10",
        "",
    ]
    assert load_corpus(f"brat:{place}")[0] == document


def test_a_mark_without_an_id_has_one_once_an_event_that_was_added_points_at_it(written):
    place, _ = written(Document("d", TEXT, [Entity("A", 0, 3), Entity("A", 8, 10)]))
    (place / "d.ann").write_text(
        (place / "d.ann").read_text(encoding="utf-8") + "T9\tB 4 7\tmet\nE9\tB:T9 Who:T1\n",
        encoding="utf-8",
    )

    document = load_corpus(f"brat:{place}")[0]

    assert [entity.id for entity in document.entities] == ["T1", None]
    assert document.events[0].arguments[0].ref == "T1"


# Other readers, the command line, and large files


def test_brats_own_reader_finds_the_same_marks_and_nothing_wrong(written):
    from bratsubset.annotation import (
        TextAnnotations,
    )  # brat's annotation.py, as bratiaa 0.1.4 brings it

    document = load_corpus()[0]
    place, _ = written(document)

    theirs = TextAnnotations(str(place / document.id), read_only=True)
    events = list(theirs.get_events())[: len(document.events)]
    triggers = {event.trigger for event in theirs.get_events()}
    referred = {argument.ref for event in document.events for argument in event.arguments}
    parts = {target for event in theirs.get_events() for _, target in event.args} - referred

    assert theirs.failed_lines == []
    assert [
        (t.id, t.type, tuple(t.spans), t.text)
        for t in theirs.get_textbounds()
        if t.id not in triggers | parts
    ] == [
        (e.id, e.label, span_fragments(e), document.text[e.start : e.end])
        for e in document.entities
    ]
    assert [
        (
            e.type,
            theirs.get_ann_by_id(e.trigger).spans,
            [(role.rstrip("23"), theirs.get_ann_by_id(target).spans) for role, target in e.args],
        )
        for e in events
    ] == [
        (
            e.label,
            list(span_fragments(e.trigger)),
            [(a.role, list(span_fragments(a))) for a in e.arguments],
        )
        for e in document.events
    ]


def test_brats_own_reader_finds_what_spans_lines_and_gaps(written):
    from bratsubset.annotation import TextAnnotations

    place, _ = written(
        Document(
            "d",
            "Ada 🎉\n\nmet\tBo.\n",
            [
                Entity("A", 0, 10),
                Entity("B", 0, 12, fragments=((0, 3), (10, 12))),
                Entity("C", 4, 5),
            ],
        )
    )

    theirs = TextAnnotations(str(place / "d"), read_only=True)

    assert theirs.failed_lines == []
    assert [(t.type, t.spans) for t in theirs.get_textbounds()] == [
        ("A", [(0, 5), (7, 10)]),
        ("B", [(0, 3), (10, 12)]),
        ("C", [(4, 5)]),
    ]


def test_the_command_line_converts_and_says_what_is_lost(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        json.dumps(
            {
                "id": "d",
                "text": "Ada",
                "entities": [{"label": "PER", "start": 0, "end": 3, "score": 0.5}],
            }
        ),
        encoding="utf-8",
    )

    done = run_evalkit("convert", "a.jsonl", "brat:out", cwd=tmp_path)
    wrong = run_evalkit("validate", "brat:out?roles=none", cwd=tmp_path)

    assert "1 scores (document 'd', entities[0])" in done.stderr + done.stdout
    assert (tmp_path / "out" / "d.ann").read_text(
        encoding="utf-8"
    ) == "T1\tPER 0 3\tAda\n#1\tevalkit T1\tno id: T1-T1\n"
    assert (wrong.returncode, "unknown value 'none' in 'roles'" in wrong.stderr + wrong.stdout) == (
        2,
        True,
    )


def test_a_large_file_is_read_in_seconds(read):
    lines = "".join(f"T{n}\tPER {4 * n} {4 * n + 3}\tAda\n" for n in range(30_000))
    began = time.process_time()

    assert len(read(lines, "Ada " * 30_000)[0].entities) == 30_000
    assert time.process_time() - began < 20


def test_marks_that_are_the_same_without_their_line_ends_are_written_once_and_counted(tmp_path):
    document = Document(
        "d0",
        "in\n",
        (Entity("ORG", 1, 2), Entity("ORG", 1, 3)),
        (Event("Go", Span(0, 1), (Argument("Who", 1, 2), Argument("Who", 1, 3))),),
    )

    losses = Corpus([document]).save(f"brat:{tmp_path}/b")

    assert losses.counts["annotations that equal another without the line ends at their edges"] == 2
    assert [
        len(one.entities) + len(one.events[0].arguments)
        for one in load_corpus(f"brat:{tmp_path}/b")
    ] == [2]


def test_zones_and_meta_of_documents_without_annotations_are_counted_too(tmp_path):
    losses = Corpus(
        [Document("d0", "Ada met", zones=(Zone("headline", 0, 3),), meta={"from": "x"})]
    ).save(f"brat:{tmp_path}/b")

    assert losses.counts == {"zones": 1, "meta": 1}
