"""A file that is refused is refused in time that grows as the file does, whatever it is read as."""

import json
import time

import pytest

from evalkit import InputError, LoadError, load_corpus

READ_BY_LINES = [
    "jsonl",
    "doccano",
    "prodigy",
    "textee",
    "dygie",
    "bigbio",
    "langextract",
    "maven",
    "rams",
    "wikievents",
]


def seconds(location):
    """The least of two times that refusing takes."""
    times = []
    for _ in range(2):
        began = time.process_time()
        with pytest.raises(InputError):
            load_corpus(location)
        times.append(time.process_time() - began)
    return min(times)


def pretty_printed(documents):
    return json.dumps(
        [
            {"id": f"d{n}", "text": "Ada met Bob.", "label": [[0, 3, "PER"]]}
            for n in range(documents)
        ],
        indent=1,
    )


@pytest.mark.parametrize("format", READ_BY_LINES)
def test_one_document_over_many_lines_is_said_in_one_line_with_the_remedy(tmp_path, format):
    path = tmp_path / "a.jsonl"
    path.write_text(pretty_printed(50))

    with pytest.raises(LoadError) as error:
        load_corpus(f"{format}:{path}")
    assert (
        str(error.value)
        == f"{path}: one JSON document over many lines; a JSONL file has one JSON object on each"
        " line: jq -c '.[]' FILE writes the items of an array so, jq -c . FILE an object"
    )


@pytest.mark.slow
@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("format", READ_BY_LINES)
def test_refusing_a_file_takes_time_linear_in_its_size(tmp_path, format, broken):
    small, large = tmp_path / "small.jsonl", tmp_path / "large.jsonl"
    for path, documents in ((small, 500), (large, 4000)):
        text = pretty_printed(documents)
        path.write_text(text[:-5] if broken else text)

    assert (
        seconds(f"{format}:{large}") < 24 * seconds(f"{format}:{small}") + 0.05
    )  # 8 where linear, 64 where quadratic


@pytest.mark.slow
def test_errors_behind_a_valid_line_are_all_counted_in_linear_time(tmp_path):
    small, large = tmp_path / "small.jsonl", tmp_path / "large.jsonl"
    for path, lines in ((small, 1000), (large, 8000)):
        path.write_text('{"id":"d1","text":"Ada"}\n' + '{"id":3}\n{\n' * (lines // 2))

    with pytest.raises(LoadError) as error:
        load_corpus(large)
    assert len(error.value.errors) + error.value.omitted == 8000
    assert seconds(large) < 24 * seconds(small) + 0.05
