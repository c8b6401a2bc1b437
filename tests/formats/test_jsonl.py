"""A JSONL file that is scored block by block and one that is loaded are read by one decoder: what
one refuses, the other does too.
"""

import gzip
import json
import random

import msgspec
import pytest
from helpers.profiles import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import Corpus, Document, Entity, InputError, Schema, load_corpus, score
from evalkit.data.json_keys import check_duplicate_keys
from evalkit.data.schema import load_schema
from evalkit.formats.jsonl import to_json_dict

D1 = (
    b'{"id":"d1","text":"Ada met'
    b' Bob.","entities":[{"start":0,"end":3,"label":"PER"},{"start":8,"end":11,"label":"PER"}]}'
)
D2 = b'{"id":"d2","text":"Bob slept.","entities":[{"start":0,"end":3,"label":"PER"}]}'
BOM = b"\xef\xbb\xbf"
TRICKY = {
    "plain": D1 + b"\n" + D2 + b"\n",
    "no line feed at the end": D1 + b"\n" + D2,
    "carriage returns before line feeds": D1 + b"\r\n" + D2 + b"\r\n",
    "carriage returns alone": D1 + b"\r" + D2,
    "blank lines": b"\n \t\n" + D1 + b"\n\n\n" + D2 + b"\n \n",
    "form feeds on a line": D1 + b"\n\x0c\x0b\n" + D2,
    "spaces around a document": b"  " + D1 + b"  \n\t" + D2,
    "two documents on a line": D1 + D2 + b"\n",
    "two documents on a line, a space between": D1 + b" " + D2 + b"\n",
    "a document over two lines": D1.replace(b',"entities"', b',\n"entities"') + b"\n" + D2,
    "a line break between entities": D1.replace(b"},{", b"},\n{") + b"\n" + D2,
    "two documents on a line, the next over two lines": D1 + D2 + b'\n{"id":"d3",\n"text":""}\n',
    "a byte order mark": BOM + D1 + b"\n" + D2,
    "a byte order mark on line 2": D1 + b"\n" + BOM + D2,
    "a byte order mark alone": BOM,
    "a byte order mark within a line": D1[:30] + BOM + D1[30:],
    "UTF-16": (D1 + b"\n" + D2).decode().encode("utf-16-be"),
    "gzip": gzip.compress(D1 + b"\n", mtime=0),
    "not UTF-8 in a text": D1.replace(b"Ada", b"\xff\xfe\xfd"),
    "a lone surrogate": D1.replace(b'"PER"', b'"P\\ud83d"'),
    "a NUL in a text": D1.replace(b"Ada", b"\x00da"),
    "an escaped NUL in a text": D1.replace(b"Ada", b"\\u0000da"),
    "a key twice in the document": b'{"id":"d1","text":"Ada","text":"Bob","entities":[]}',
    "the entities twice": D1[:-1] + b',"entities":[]}',
    "a key twice in an entity": D1.replace(b'"label"', b'"label":"X","label"', 1),
    "offsets twice in an entity": D1.replace(b'"start":0', b'"start":0,"start":0'),
    "a key twice in meta": D1[:-1] + b',"meta":{"a":{"b":1,"b":2}}}',
    "a key twice, once with an escape": D1.replace(b'"label"', b'"l\\u0061bel":"X","label"', 1),
    "a key twice, escaped quotes in a string": (
        D1[:-1] + b',"meta":{"a":"\\u0022\\u0022","b":1,"b":1}}'
    ),
    "a key once, escaped quotes in a string": (
        D1[:-1] + b',"meta":{"a":"\\u0022 \\" \\\\\\" \\\\","b":1}}'
    ),
    "a key twice among events": (
        D1[:-1] + b',"events":[{"label":"X","label":"Y","trigger":{"start":0,"end":3}}]}'
    ),
    "explicit nulls": D1[:-1] + b',"events":null,"attributions":null,"meta":null,"failure":null}',
    "an empty layer": b'{"id":"d1","text":"a","entities":[]}',
    "an unknown key": D1[:-1] + b',"unknown":1}',
    "an array": b"[" + D1 + b"]",
    "null": b"null\n" + D1,
    "a number": D1 + b"\n1\n",
    "a comma behind a document": D1 + b",\n" + D2,
    "a number beyond 64 bits": D1.replace(b'"end":3', b'"end":99999999999999999999'),
    "a number of 5,000 digits": D1[:-1] + b',"meta":{"n":' + b"9" * 5000 + b"}}",
    "a decimal": D1.replace(b'"end":3', b'"end":3.0'),
    "NaN": D1[:-1] + b',"meta":{"n":NaN}}',
    "nested too deeply": D1[:-1] + b',"meta":{"n":' + b"[" * 3000 + b"]" * 3000 + b"}}",
    "a document cut off": D1 + b"\n" + D2[:40],
    "one document over many lines": json.dumps(json.loads(D1), indent=1).encode(),
    "an array over many lines": json.dumps([json.loads(D1)], indent=1).encode(),
    "an id twice": D1 + b"\n" + D1,
    "an entity twice": D1[:-1].replace(b'"start":8,"end":11', b'"start":0,"end":3') + b"}",
    "an event twice": (
        D1[:-1]
        + b',"events":['
        + b",".join([b'{"label":"X","trigger":{"start":0,"end":3}}'] * 2)
        + b"]}"
    ),
    "past the end of the text": D1.replace(b'"end":11', b'"end":13'),
    "another surface": D1.replace(b'"label"', b'"text":"Bob","label"', 1),
    "an id of an entity twice": D1.replace(b'"label"', b'"id":"T1","label"'),
    "nothing": b"",
}


def verdict(call):
    """What a call says is wrong, or that nothing is."""
    try:
        call()
    except InputError as error:
        return str(error)
    return "valid"


def assert_one_verdict(folder, data, jobs=1):
    """Loading and scoring say the same of a file as gold and as predictions."""
    path, other = folder / "file.jsonl", folder / "other.jsonl"
    path.write_bytes(data)
    for predictions in (False, True):
        # Called at once
        loaded = verdict(lambda: load_corpus(path, predictions=predictions))  # noqa: B023
        partner = Corpus(
            load_corpus(path, predictions=predictions)
            if loaded == "valid"
            else [Document("d1", "Ada met Bob.", [Entity("PER", 0, 3)])]
        )
        if loaded == "valid" and not predictions:
            partner.save(other)
        sides = (
            (other if jobs > 1 else partner, path)
            if predictions
            else (path, other if jobs > 1 else partner)
        )
        # Called at once
        scored = verdict(lambda: score(*sides, "entities/strict", boot=0, jobs=jobs))  # noqa: B023

        if loaded == "valid":
            assert (
                scored == "valid"
                or "entities" in scored
                or "no document" in scored
                or "duplicate" in scored
            )
        else:
            assert scored == loaded


@pytest.mark.parametrize("name", TRICKY)
def test_a_file_is_accepted_by_all_readers_or_by_none(tmp_path, name):
    assert_one_verdict(tmp_path, TRICKY[name])


@pytest.mark.slow
@pytest.mark.parametrize(
    "refused",
    [
        "a key twice in an entity",
        "the entities twice",
        "two documents on a line",
        "a document over two lines",
        "a key twice in meta",
    ],
)
def test_what_is_refused_is_refused_in_any_chunk_and_any_number_of_processes(tmp_path, refused):
    draw = random.Random(1)
    texts = [b"%s" % (b"Ada met Bob. " * 20) for _ in range(1100)]
    lines = [
        b'{"id":"x%d","text":"%s","entities":[{"start":0,"end":3,"label":"PER","text":"Ada"}]}'
        % (n, text)
        for n, text in enumerate(texts)
    ]
    for jobs in (1, 2):
        path, good = tmp_path / "bad.jsonl", tmp_path / "good.jsonl"
        good.write_bytes(b"\n".join(lines) + b"\n")
        bad = list(lines)
        bad.insert(draw.randrange(600, 1100), TRICKY[refused].rstrip(b"\n"))
        path.write_bytes(b"\n".join(bad) + b"\n")

        expected = verdict(lambda: load_corpus(path))  # noqa: B023 - called at once
        assert expected != "valid"
        # Called at once
        assert verdict(lambda: score(path, good, "entities/strict", boot=0, jobs=jobs)) == expected  # noqa: B023
        # Called at once
        assert verdict(lambda: score(good, path, "entities/strict", boot=0, jobs=jobs)) == expected  # noqa: B023


MUTATIONS = (
    b'"',
    b"{",
    b"}",
    b",",
    b":",
    b"\n",
    b"\r",
    b"\\",
    b" ",
    BOM,
    b'"label":"A",',
    b'"start":1,',
    b"\\u0022",
    b"null",
    D2,
    b"\x00",
    b"\xff",
    b"[",
    b"]",
    b"1",
)


@st.composite
def mutated_lines(draw):
    """A few valid lines with some bytes deleted, replaced or inserted."""
    rich = to_json_dict(
        Document("r", 'Ad"a met', [Entity("P", 0, 3, id="T1")], meta={"k": ['"', {"l": "\\"}]})
    )
    data = bytearray(
        b"\n".join(
            draw(
                st.lists(
                    st.sampled_from([D1, D2, msgspec.json.encode(rich)]), min_size=1, max_size=3
                )
            )
        )
    )
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.sampled_from([0, 0, 1, 5]))] = draw(
            st.sampled_from([b"", *MUTATIONS])
        )
    return bytes(data)


@settings(max_examples=examples(200))
@given(mutated_lines())
def test_mutated_lines_are_accepted_by_all_readers_or_by_none(tmp_path_factory, data):
    assert_one_verdict(tmp_path_factory.getbasetemp(), data)


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda item: (
        st.lists(item, max_size=3) | st.dictionaries(st.text(max_size=3), item, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=examples(200))
@given(values, st.booleans())
def test_any_value_with_each_key_once_passes_and_a_key_twice_does_not(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    check_duplicate_keys(text)
    with pytest.raises(InputError, match="duplicate key 'k' in one object"):
        check_duplicate_keys(b'[%s,{"k":%s,"a":0,"k":1}]' % (text, text))


def test_a_schema_with_a_key_twice_is_refused(tmp_path):
    plain = msgspec.json.encode(Schema(labels={"PER": "a person"}))
    (tmp_path / "schema.json").write_bytes(plain.replace(b'"PER":', b'"PER":"x","PER":', 1))

    with pytest.raises(InputError, match="schema.json: duplicate key 'PER' in one object"):
        load_schema(tmp_path / "schema.json")
