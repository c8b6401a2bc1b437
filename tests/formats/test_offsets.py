"""Offsets that were counted otherwise are refused, what would make them right is named, and read so
they are right.
"""

import contextlib
import json
import unicodedata

import pytest
from helpers.any_text import GAPS, PIECES, spans, texts
from helpers.cli import run_evalkit
from helpers.profiles import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evalkit import (
    Argument,
    Attribution,
    Document,
    Entity,
    Event,
    LoadError,
    Span,
    Zone,
    load_corpus,
)
from evalkit.errors import DocumentError, UnknownNameError
from evalkit.formats.offsets import CHOICES, OffsetConvention, diagnose_offsets

FEW = settings(max_examples=examples(80), deadline=None)
WORDS = [*PIECES, "𝒜da", "각", "가각", "কো", "q\u0323\u0307", "ợ", "\u0344", "\u0f73"]


def source(text, newlines="as-is", form="as-is"):
    """The text as it was when offsets were counted."""
    text = text if newlines == "as-is" else text.replace("\r\n", "\n")
    text = text.replace("\n", "\r\n") if newlines == "crlf" else text
    return text if form == "as-is" else unicodedata.normalize(form, text)


def counted(
    text,
    offset_unit="code-points",
    end_offset="exclusive",
    newlines="as-is",
    first_offset=0,
    unicode_form="as-is",
):
    """How long the text before a place is, counted otherwise: the specification of a reading, one
    place at a time.
    """
    said = source(text, newlines, unicode_form)
    return (
        first_offset
        + {
            "code-points": len(said),
            "utf-16": len(said.encode("utf-16-le")) // 2,
            "utf-8": len(said.encode()),
        }[offset_unit]
    )


def recounted(text, start, end, reading):
    """Start and end as another would count them."""
    options = {name: getattr(reading, name) for name in CHOICES}
    return counted(text[:start], **options), counted(text[:end], **options) - (
        reading.end_offset == "inclusive"
    )


readings = st.builds(
    OffsetConvention, **{name: st.sampled_from(list(known)) for name, known in CHOICES.items()}
)


def whole(text, at):
    """Whether no line end and no character with its marks is cut at a place."""
    joined = all(
        unicodedata.normalize(form, text[:at]) + unicodedata.normalize(form, text[at:])
        == unicodedata.normalize(form, text)
        for form in ("NFC", "NFD")
    )
    return (
        joined
        and text[at - 1 : at + 1] != "\r\n"
        and not unicodedata.category(text[at : at + 1] or " ").startswith("M")
    )


@st.composite
def placed(draw):
    """A text, and places in it at which nothing is cut."""
    text = "".join(
        word + gap
        for word, gap in draw(
            st.lists(
                st.tuples(st.sampled_from(WORDS), st.sampled_from(GAPS)), min_size=1, max_size=12
            )
        )
    )
    found = [
        (mark["start"], mark["end"]) for mark in draw(st.lists(spans(text), min_size=1, max_size=5))
    ]
    return text, [(a, b) for a, b in found if whole(text, a) and whole(text, b)]


@FEW
@given(placed(), readings)
@example(
    ("e\u0301 met\r\nBo 💩", [(0, 2), (3, 6), (8, 10), (11, 12)]),
    OffsetConvention("utf-8", "inclusive", "lf", 3, "NFC"),
)
def test_a_place_that_was_counted_otherwise_is_found_again(found, reading):
    text, places = found
    offsets = reading.converter_for(text)

    assert [offsets.span(*recounted(text, start, end, reading)) for start, end in places] == places


@FEW
@given(texts(), readings.filter(lambda reading: not reading.is_default), st.integers(-3, 80))
def test_an_offset_is_a_place_in_the_text_or_an_error(text, reading, offset):
    with contextlib.suppress(DocumentError):
        start, end = reading.converter_for(text).span(offset, offset + 1)

        assert 0 <= start <= end <= len(text)


@pytest.mark.parametrize(
    ("text", "options", "start", "end", "message"),
    [
        (
            "💩 Ada",
            {"offset_unit": "utf-16"},
            1,
            6,
            "start: 1 falls inside '💩', which was counted as 2 UTF-16 code units",
        ),
        (
            "né Ada",
            {"offset_unit": "utf-8"},
            0,
            2,
            "end: 2 falls inside 'é', which was counted as 2 bytes of UTF-8",
        ),
        (
            "a\nb",
            {"newlines": "crlf"},
            2,
            4,
            "start: 2 falls inside '\\n', which was counted as 2 characters",
        ),
        (
            "né",
            {"unicode_form": "NFD"},
            0,
            2,
            "end: 2 falls inside 'é', which was counted as 2 characters",
        ),
        (
            "💩 Ada",
            {"offset_unit": "utf-16"},
            3,
            7,
            "end: 7 is past the end of the text (length 6 UTF-16 code units)",
        ),
        ("Ada", {"first_offset": 1}, 0, 3, "start: 0 is before the text: offsets count from 1"),
        (
            "Ada",
            {"end_offset": "inclusive"},
            0,
            3,
            "end: 3 is past the end of the text (length 3 characters)",
        ),
        ("Ada", {"offset_unit": "utf-16"}, 0, 10**30, "is past the end"),
    ],
)
def test_what_is_no_place_says_why(text, options, start, end, message):
    with pytest.raises(DocumentError) as error:
        OffsetConvention(**options).converter_for(text).span(start, end)

    assert message in str(error.value)


def test_a_value_that_an_option_does_not_have_is_refused_with_those_it_has():
    with pytest.raises(
        UnknownNameError,
        match=(
            "unknown value 'utf16' in 'offset_unit'; expected one of: code-points, utf-16, utf-8;"
            " did you mean 'utf-16'"
        ),
    ):
        OffsetConvention(offset_unit="utf16")
    with pytest.raises(UnknownNameError, match="unknown value '2' in 'first_offset'"):
        OffsetConvention(first_offset="2")


SAID = "Ada 💩 met\nBo in Öst,\nnot Cy"
PLACES = [(0, 3), (10, 12), (16, 19), (25, 27)]


@pytest.mark.parametrize(
    ("reading", "told"),
    [
        (OffsetConvention(offset_unit="utf-16"), "offsets are UTF-16 code units"),
        (OffsetConvention(offset_unit="utf-8"), "offsets are bytes of UTF-8"),
        (OffsetConvention(end_offset="inclusive"), "ends are inclusive"),
        (OffsetConvention(newlines="crlf"), "line ends were CRLF"),
        (OffsetConvention(first_offset=1), "offsets count from 1 or a byte order mark was counted"),
        (OffsetConvention(unicode_form="NFD"), "the text was in NFD"),
        (
            OffsetConvention(offset_unit="utf-8", first_offset=3),
            "offsets are bytes of UTF-8 and the bytes of a byte order mark were counted",
        ),
        (
            OffsetConvention(offset_unit="utf-16", end_offset="inclusive"),
            "offsets are UTF-16 code units and ends are inclusive",
        ),
        (
            OffsetConvention(offset_unit="utf-8", newlines="crlf"),
            "offsets are bytes of UTF-8 and line ends were CRLF",
        ),
    ],
)
def test_the_reading_under_which_all_is_right_is_named(reading, told):
    cases = [
        (SAID, *recounted(SAID, start, end, reading), SAID[start:end]) for start, end in PLACES
    ]

    found = diagnose_offsets(cases)

    assert [cause.reading for cause in found] == [reading]
    assert told in str(found[0])


def test_line_ends_that_were_line_feeds_and_a_composed_form_are_named_too():
    crlf, apart = "Ada\r\nmet\r\nBo", "O\u0308st met e\u0301 Bo"

    assert [
        cause.reading
        for cause in diagnose_offsets(
            [(crlf, 0, 3, "Ada"), (crlf, 8, 10, "Bo"), (crlf, 4, 10, "met\nBo")]
        )
    ] == [OffsetConvention(newlines="lf")]
    assert [
        cause.reading for cause in diagnose_offsets([(apart, 0, 3, "Öst"), (apart, 10, 12, "Bo")])
    ] == [OffsetConvention(unicode_form="NFC")]


def test_the_message_counts_what_was_wrong_and_says_how_to_read_it():
    cases = [(f"{'😀' * n} Ada", 2 * n + 1, 2 * n + 4, "Ada") for n in range(32)]

    assert (
        str(diagnose_offsets(cases)[0])
        == "all 31 mismatches vanish if offsets are UTF-16 code units; append"
        " '?offset_unit=utf-16' to the path"
    )
    assert str(diagnose_offsets([cases[3], ("Ada", 0, 3, "Ada")])[0]).startswith(
        "the mismatch vanishes if"
    )


def test_what_is_right_as_it_is_must_stay_so():
    ada = ("😀 Ada", 3, 6, "Ada")

    assert [cause.reading.options() for cause in diagnose_offsets([ada])] == [
        {"offset_unit": "utf-16"},
        {"first_offset": "1"},
    ]
    assert [cause.reading.options() for cause in diagnose_offsets([ada, ("Bo", 0, 2, "Bo")])] == [
        {"offset_unit": "utf-16"}
    ]
    assert [cause.reading.options() for cause in diagnose_offsets([("Bo", 0, 2, "Bo"), ada])] == [
        {"offset_unit": "utf-16"}
    ]


def test_nothing_is_offered_where_nothing_is_wrong_or_nothing_explains_it():
    assert diagnose_offsets([]) == []
    assert diagnose_offsets([(SAID, 0, 3, "Ada")]) == []
    assert diagnose_offsets([(SAID, 0, 3, "Eve"), (SAID, 11, 13, "Bo")]) == []


RICH = Document(
    "d1",
    "💩 Ada attacked\nBo, said 😀 Cy",
    entities=(Entity("PER", 2, 5), Entity("PER", 2, 17, fragments=((2, 5), (15, 17)))),
    events=(Event("Attack", Span(6, 14), (Argument("Agent", 2, 5),)),),
    attributions=(Attribution(Span(19, 23), Span(2, 17), Span(26, 28)),),
    zones=(Zone("lead", 0, 1),),
)


def foreign(document, reading):
    """The line of a document whose offsets were counted otherwise."""
    from evalkit.formats.jsonl import to_json_dict

    def walk(value):
        if isinstance(value, (list, tuple)):
            return [walk(one) for one in value]
        if not isinstance(value, dict):
            return value
        found = {key: walk(one) for key, one in value.items()}
        if "start" in found:
            found["start"], found["end"] = recounted(
                document.text, found["start"], found["end"], reading
            )
            found |= (
                {
                    "fragments": [
                        recounted(document.text, *one, reading) for one in found["fragments"]
                    ]
                }
                if "fragments" in found
                else {}
            )
        return found

    return json.dumps(walk(to_json_dict(document)))


@FEW
@given(readings)
def test_every_layer_of_a_jsonl_file_is_read_as_it_was_counted(tmp_path_factory, reading):
    path = tmp_path_factory.mktemp("units") / "f.jsonl"
    path.write_text(foreign(RICH, reading), encoding="utf-8")

    assert list(load_corpus(path, **reading.options())) == [RICH]


def test_surfaces_are_checked_under_the_reading_too(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_text(
        json.dumps(
            {
                "id": "d1",
                "text": "💩 Ada",
                "entities": [{"label": "PER", "start": 3, "end": 6, "text": "Eve"}],
            }
        ),
        encoding="utf-8",
    )

    with pytest.raises(
        LoadError,
        match=(
            r"f.jsonl:1: document 'd1', entities\[0\].text: 'Eve' is not the text at 2 to 5:"
            r" 'Ada'"
        ),
    ):
        load_corpus(f"{path}?offset_unit=utf-16")


def test_an_offset_inside_a_character_is_named_with_its_place(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_text(foreign(RICH, OffsetConvention(offset_unit="utf-16")), encoding="utf-8")

    with pytest.raises(
        LoadError, match=r"f.jsonl:1: document 'd1', entities\[0\].start: 3 falls inside '💩'"
    ):
        load_corpus(path, offset_unit="utf-8")


def evalkit(*arguments):
    return run_evalkit(*arguments)


def test_validate_names_the_cause_and_reads_the_file_as_it_says(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_text(
        foreign(RICH, OffsetConvention(offset_unit="utf-16", end_offset="inclusive")),
        encoding="utf-8",
    )

    refused, read = (
        evalkit("validate", path),
        evalkit("validate", f"{path}?offset_unit=utf-16&end_offset=inclusive"),
    )

    assert refused.returncode == 2
    assert (
        f"{path}: all 7 mismatches vanish if offsets are UTF-16 code units and ends are inclusive;"
        " append '?offset_unit=utf-16&end_offset=inclusive' to the path" in refused.stderr
    )
    assert "Traceback" not in refused.stderr
    assert (
        read.returncode,
        "repaired: 8 spans whose offsets were converted" in read.stderr,
        len(read.stderr.splitlines()),
    ) == (0, True, 1)
