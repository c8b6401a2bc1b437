"""The compiled scanner of JSONL lines reads what the reader in Python reads, and nothing else."""

import json
from random import Random

import msgspec
import pytest
from helpers.compiled import without_core
from helpers.dense_corpora import random_sides

from evalkit import score
from evalkit.data import compiled
from evalkit.data.batch import LABEL_IDS, label_id
from evalkit.errors import EvalkitError
from evalkit.formats import jsonl_stream
from evalkit.formats.jsonl_stream import JsonlBatchReader

pytestmark = pytest.mark.skipif(compiled.core is None, reason="the core is not built")

TEXTS = [
    "",
    "Ada Lovelace wrote.",
    "Zoë\u0301 in 東京 😀 x",
    'a "b" \\ /c\t\n\r\b\f\x7f',
    "é",
    "\x00",
]
LABELS = ["PER", "größe", "😀", 'a"b', "a\\/b", "L" * 40]


def random_lines(draw, count=4, style=None):
    """Lines with documents in random spellings."""
    return [random_line(draw, f"d{n}", style) for n in range(count)]


def random_line(draw, id, style=None):
    style = style or draw.choice(["compact", "spaces", "ascii", "tabs"])
    text = "".join(draw.choices(TEXTS, k=draw.randint(0, 3)))
    entities = []
    for _ in range(draw.choice([0, 1, 2, 5]) if text else 0):
        start = draw.randrange(len(text))
        end = draw.randint(start + 1, len(text))
        entity = {"label": draw.choice(LABELS), "start": start, "end": end}
        if draw.random() < 0.7:
            entity["text"] = draw.choice([None, text[start:end], text[start:end]])
        entities.append(shuffle(draw, entity))
    document = {"id": draw.choice([id, f"{id}é", f'{id}"', f"{id}😀"]), "text": text}
    if draw.random() < 0.9:
        document["entities"] = None if draw.random() < 0.2 else entities
    options = {
        "compact": {"separators": (",", ":"), "ensure_ascii": False},
        "spaces": {"ensure_ascii": False},
        "ascii": {},
        "tabs": {"separators": ("\t, ", " :\t"), "ensure_ascii": False},
    }
    line = json.dumps(shuffle(draw, document), **options[style]).encode()
    return line.replace(b"/", b"\\/") if draw.random() < 0.1 else line


def shuffle(draw, record):
    return dict(draw.sample(sorted(record.items()), len(record)))


def read(path):
    """All that the reader returns for the documents of a file, or its error."""
    documents = []
    arrays = [[], b"", b"", b"", []]
    flags = set()
    reader = JsonlBatchReader(path)
    try:
        while (batch := reader.read()) is not None:
            assert batch.ids == [document.id for document in batch]
            for document in batch:
                entities = msgspec.to_builtins(document.entities)
                rest = document.meta, document.failure, document.events, document.zones
                documents.append((document.id, document.text, entities, rest))
            arrays = [before + added for before, added in zip(arrays, batch.entities, strict=True)]
            flags.update([("unannotated", batch.has_unannotated), ("failures", batch.has_failures)])
    except EvalkitError as error:
        return f"{type(error).__name__}: {error}"
    finally:
        reader.close()
    return documents, arrays, {name for name, value in flags if value}


def read_alike(path):
    with_core = read(path)
    with without_core():
        assert read(path) == with_core
    return with_core


def is_scanned(data):
    return compiled.core.scan_lines(data, 0, len(data), LABEL_IDS, label_id) is not None


@pytest.mark.parametrize("style", ["compact", "spaces", "ascii", "tabs"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("last_end", [True, False])
def test_plain_lines_are_scanned_in_every_spelling(style, line_end, last_end, tmp_path):
    draw = Random(style)
    data = line_end.join(random_lines(draw, 60, style)) + (line_end if last_end else b"")
    path = tmp_path / "documents.jsonl"
    path.write_bytes(data)

    documents, _, _ = read_alike(path)

    assert is_scanned(data)
    assert len(documents) == 60


@pytest.mark.parametrize("chunk", [1, 50, 300, 5000])
def test_chunks_of_any_size_are_read_alike(chunk, tmp_path, monkeypatch):
    path = tmp_path / "documents.jsonl"
    path.write_bytes(b"\n".join(random_lines(Random(chunk), 200)))
    monkeypatch.setattr(jsonl_stream, "CHUNK", chunk)

    documents, _, _ = read_alike(path)

    assert len(documents) == 200


START = b'{"id":"d","text":"abc \xc3\xa9","entities":[{"label":"A","start":0,"end":1'
LINES = [
    (b'{"id":"d","text":"abc"}', True),
    (b'{"id":"d","text":"abc","entities":[]}', True),
    (b'{"id":"d","text":"abc","entities":null}', True),
    (b'{ "entities" : [ ] , "text" : "abc" , "id" : "d" }', True),
    (START + b"}]}", True),
    (START + b',"text":null}]}', True),
    (START + b',"text":"\\u0061"}]}', True),
    (START + b',"text":"a"}]}\r', True),
    (START.replace(b'"start":0,"end":1', b'"start":4,"end":5,"text":"\xc3\xa9"') + b"}]}", True),
    (START.replace(b'"start":0,"end":1', b'"start":4,"end":5,"text":"\\u00e9"') + b"}]}", True),
    (START.replace(b'"A"', b'"\\ud83d\\ude00"') + b"}]}", True),
    (START.replace(b'"A"', b'"\\u0000"') + b"}]}", True),
    (b"", False),
    (b" ", False),
    (b"{}", False),
    (b'{"id":"d"}', False),
    (b'{"id":"","text":"abc"}', False),
    (b'{"id":1,"text":"abc"}', False),
    (b'{"id":"d","text":null}', False),
    (b'{"id":"d","text":"abc",}', False),
    (b'{,"id":"d","text":"abc"}', False),
    (b'{"id":"d","text":"abc"} ', False),
    (b' {"id":"d","text":"abc"}', False),
    (b'\xef\xbb\xbf{"id":"d","text":"abc"}', False),
    (b'{"id":"d","text":"abc"}x', False),
    (b'{"id":"d","text":"abc"}{"id":"e","text":"abc"}', False),
    (b'{"id":"d","text":"abc","id":"d"}', False),
    (b'{"id":"d","text":"abc","meta":{"a":1}}', False),
    (b'{"id":"d","text":"abc","failure":"timeout"}', False),
    (b'{"id":"d","text":"abc","events":[]}', False),
    (b'{"id":"d","text":"abc","zones":[]}', False),
    (b'{"\\u0069d":"d","text":"abc"}', False),
    (b'{"id":"d","text":"a\tc"}', False),
    (b'{"id":"d","text":"a\x00c"}', False),
    (b'{"id":"d","text":"a\xffc"}', False),
    (b'{"id":"d","text":"a\xc0\xa0c"}', False),
    (b'{"id":"d","text":"a\xed\xa0\x80c"}', False),
    (b'{"id":"d","text":"a\\xc"}', False),
    (b'{"id":"d","text":"a\\u12"}', False),
    (b'{"id":"d","text":"a\\u12g4"}', False),
    (b'{"id":"d","text":"a\\ud83d"}', False),
    (b'{"id":"d","text":"a\\ud83d\\u0041"}', False),
    (b'{"id":"d","text":"a\\ude00"}', False),
    (b'{"id":"d","text":"abc\\', False),
    (b'{"id":"d","text":"abc\\"', False),
    (b'{"id":"d","text":"abc","entities":{}}', False),
    (b'{"id":"d","text":"abc","entities":[null]}', False),
    (b'{"id":"d","text":"abc","entities":[,]}', False),
    (b'{"id":"d","text":"abc","entities":[{}]}', False),
    (b'{"id":"d","text":"abc","entities":nul}', False),
    (START + b"},]}", False),
    (START + b",}]}", False),
    (START + b"0}]}", False),
    (START + b".0}]}", False),
    (START + b"e0}]}", False),
    (START + b',"score":0.5}]}', False),
    (START + b',"id":"T1"}]}', False),
    (START + b',"fragments":[]}]}', False),
    (START + b',"end":1}]}', False),
    (START + b',"text":"b"}]}', False),
    (START + b',"text":"ab"}]}', False),
    (START + b',"text":""}]}', False),
    (START + b',"text":"\\x"}]}', False),
    (START.replace(b"0", b"00") + b"}]}", False),
    (START.replace(b"0", b"-0") + b"}]}", False),
    (START.replace(b"0", b"-1") + b"}]}", False),
    (START.replace(b"0", b"1") + b"}]}", False),
    (START.replace(b":0", b":true") + b"}]}", False),
    (START.replace(b":0", b':"0"') + b"}]}", False),
    (START.replace(b":0", b":") + b"}]}", False),
    (START.replace(b'"end":1', b'"end":6') + b"}]}", False),
    (START.replace(b'"end":1', b'"end":999999999999999999') + b"}]}", False),
    (START.replace(b'"end":1', b'"end":1000000000000000000') + b"}]}", False),
    (START.replace(b'"end":1', b'"end":18446744073709551617') + b"}]}", False),
    (START.replace(b'"A"', b'""') + b"}]}", False),
    (START.replace(b'"A"', b"null") + b"}]}", False),
    (START.replace(b'"A"', b'"\xff"') + b"}]}", False),
    (START.replace(b'"A"', b'"\\ud83d"') + b"}]}", False),
    (START.replace(b'"label":"A",', b"") + b"}]}", False),
]


@pytest.mark.parametrize(("line", "is_plain"), LINES, ids=ascii)
def test_lines_are_scanned_or_left_to_the_reader_in_python(line, is_plain, tmp_path):
    path = tmp_path / "documents.jsonl"
    others = [b'{"id":"first","text":"abc"}', b'{"id":"last","text":"abc"}']

    for lines in ([line], [others[0], line], [*others, line], [others[0], line, others[1]]):
        path.write_bytes(b"\n".join(lines))
        read_alike(path)

    assert is_scanned(b"\n".join([others[0], line, others[1]])) == is_plain


def mutate(draw, data):
    """Data with a few bytes changed, removed, inserted or copied from elsewhere."""
    for _ in range(draw.choice([1, 1, 1, 2, 4])):
        at = draw.randrange(len(data) + 1)
        kind = draw.randrange(5)
        if kind == 0:
            data = data[:at] + data[at + draw.choice([1, 1, 2, 8]) :]
        elif kind == 1:
            data = data[:at] + draw.choice(PIECES) + data[at:]
        elif kind == 2:
            data = data[:at] + draw.choice(PIECES) + data[at + 1 :]
        elif kind == 3:
            data = data[:at] + draw.randbytes(1) + data[at + 1 :]
        else:
            other = draw.randrange(len(data) + 1)
            data = data[:at] + data[other : other + draw.choice([1, 5, 20])] + data[at:]
    return data


PIECES = [
    *(bytes([byte]) for byte in b'{}[],:"\\ \t\r\n0123456789-.eutn/\x00\x1f\x7f\x80\xc3\xff'),
    *(b"null", b"true", b"NaN", b"\\u00", b"\\ud83d", b"\\ude00", b'\\"', b"\xc3\xa9", b"\xf0"),
    *(b'"id"', b'"text"', b'"entities"', b'"label"', b'"start"', b'"end"', b'"meta":null,', b"[]"),
]


def assert_mutations_are_read_alike(seed, count, path):
    draw = Random(seed)
    files = [mutate(draw, b"\n".join(random_lines(draw, draw.randint(1, 4)))) for _ in range(count)]

    def results():
        for data in files:
            path.write_bytes(data)
            yield read(path)

    with_core = list(results())
    with without_core():
        for data, result, expected in zip(files, with_core, results(), strict=True):
            assert result == expected, data
    refused = sum(isinstance(result, str) for result in with_core)
    assert count / 10 < refused < count


@pytest.mark.parametrize("seed", range(4))
def test_changed_bytes_are_accepted_and_refused_alike(seed, tmp_path):
    assert_mutations_are_read_alike(seed, 150, tmp_path / "documents.jsonl")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 110))
def test_100_000_changed_files_are_accepted_and_refused_alike(seed, tmp_path):
    assert_mutations_are_read_alike(seed, 10_000, tmp_path / "documents.jsonl")


@pytest.mark.parametrize("chunk", [100, 100_000])
def test_files_that_are_plain_in_part_have_equal_scores(chunk, tmp_path, monkeypatch):
    """Some chunks are scanned, others decoded."""
    monkeypatch.setattr(jsonl_stream, "CHUNK", chunk)
    lines = [
        json.dumps(
            {
                "id": f"d{n}",
                "text": "ab cd",
                "entities": [
                    {"label": "A", "start": 0, "end": 2},
                    {"label": "B", "start": 3, "end": 5 - n % 2},
                ],
            }
        )
        for n in range(60)
    ]
    lines[20] = lines[20].replace('"text"', '"meta": {"a": 1}, "text"')
    (tmp_path / "gold.jsonl").write_text("\n".join(lines))
    lines[40] = '{"id": "d40", "text": "ab cd", "failure": "timeout"}'
    (tmp_path / "predicted.jsonl").write_text("\n".join([*lines[30:], *lines[:30]]))

    def result():
        return score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", boot=0).to_json()

    with_core = result()
    with without_core():
        assert result() == with_core


def test_entities_of_scanned_lines_are_there_for_other_layers_and_errors(tmp_path):
    gold, predicted = random_sides(5, 60)
    gold.save(tmp_path / "gold.jsonl")
    predicted.save(tmp_path / "predicted.jsonl")
    sides = tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl"

    def results():
        scores = score(*sides, ["entities/strict", "tokens/strict"], boot=0)
        pairs = [list(map(str, pair)) for pair in scores.pairs("entities/strict")]
        return scores.to_json(), scores.errors("entities").render(), pairs

    assert is_scanned((tmp_path / "gold.jsonl").read_bytes())
    with_core = results()
    with without_core():
        assert results() == with_core
