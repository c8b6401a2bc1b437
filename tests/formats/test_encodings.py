"""Text files in other encodings than UTF-8."""

import gzip
from pathlib import Path

import pytest
from helpers.cli import run_evalkit

from evalkit import Corpus, Document, Entity, InputError, LoadError, Scores, load_corpus, score
from evalkit.formats.loading import WITH_OWN_ENCODING
from evalkit.formats.registry import FORMATS, WRITTEN_FORMATS

FOLDERS = ("directory", "brat")
OF_STRINGS = ("universal-ner",)  # which are searched in the texts
OF_JSON = ("jsonl", "doccano", "spert", "bigbio", "instruct-uie")
TEXT_FORMATS = [name for name in WRITTEN_FORMATS if name not in WITH_OWN_ENCODING]
CORPUS = Corpus([Document(f"d{n}", f"Zoé {n} ran", [Entity("É", 0, 3)], []) for n in range(3)])


def saved(tmp_path, name, encoding):
    """Where the corpus is saved in a format, with all its files in an encoding."""
    suffix = (FORMATS[name].suffixes or (".x",))[0]
    path = tmp_path / ("c" if name in FOLDERS else f"c{suffix}")
    CORPUS.save(f"{name}:{path}")
    files = [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]
    for file in files:
        if file.name != "schema.json":  # of evalkit, which is UTF-8
            file.write_bytes(file.read_bytes().decode().encode(encoding))
    return f"{name}:{path}?ground=true" if name in OF_STRINGS else f"{name}:{path}"


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "gb18030"])
@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_text_formats_are_read_in_any_encoding(tmp_path, name, encoding):
    location = saved(tmp_path, name, encoding)

    corpus = load_corpus(location, encoding=encoding)

    assert [document.text for document in corpus] == [document.text for document in CORPUS]
    assert [document.entities[0].label for document in corpus] == ["É"] * 3


@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_without_the_option_bytes_of_another_encoding_are_refused(tmp_path, name):
    location = saved(tmp_path, name, "latin-1")

    with pytest.raises((LoadError, InputError), match="UTF-8"):
        load_corpus(location)


def test_the_encoding_is_in_the_signature_and_the_result(tmp_path):
    location = saved(tmp_path, "jsonl", "latin-1")

    scores = score(f"{location}?encoding=latin1", CORPUS, "ner", boot=0)
    scores.save(tmp_path / "r.json")

    assert scores["ner"].micro.f1 == 1
    assert "read:gold=encoding:iso8859-1" in scores["ner"].signature
    assert "encoding:iso8859-1" in Scores.load(tmp_path / "r.json")["ner"].signature
    plain = score(CORPUS, CORPUS, "ner", boot=0)
    assert "encoding" not in plain["ner"].signature
    assert load_corpus(saved(tmp_path, "jsonl", "utf-8"), encoding="UTF8").read_options == {}


def test_compressed_files_have_an_encoding_too(tmp_path):
    path = Path(saved(tmp_path, "jsonl", "latin-1").partition(":")[2])
    (tmp_path / "f.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))

    assert len(load_corpus(tmp_path / "f.jsonl.gz", encoding="latin-1")) == 3


def test_a_file_that_is_not_of_the_encoding_is_refused(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_bytes(b'{"id": "a", "text": "\xff"}\n')

    with pytest.raises(InputError, match="f.jsonl: not ascii: ordinal not in .* at byte 21"):
        load_corpus(path, encoding="ascii")
    for name in ("latin-x", "base64", "", 1):
        with pytest.raises(InputError, match=f"unknown encoding {name!r}"):
            load_corpus(path, encoding=name)


@pytest.mark.parametrize("name", ["docbin", "parquet"])
def test_formats_with_an_encoding_of_their_own_refuse_the_option(tmp_path, name):
    suffix = FORMATS[name].suffixes[0]
    CORPUS.save(tmp_path / f"c{suffix}")

    with pytest.raises(InputError, match=f"is for text files; those of {name}"):
        load_corpus(tmp_path / f"c{suffix}", encoding="latin-1")


def test_the_next_file_is_read_as_utf8_again(tmp_path):
    location = saved(tmp_path, "conll", "latin-1")
    (tmp_path / "other.jsonl").write_text('{"id": "a", "text": "é"}\n', encoding="utf-8")
    with pytest.raises(LoadError):
        load_corpus(f"{location}?encoding=utf-8")
    load_corpus(location, encoding="latin-1")

    assert load_corpus(tmp_path / "other.jsonl")[0].text == "é"


def test_the_command_line_takes_the_option(tmp_path):
    location = saved(tmp_path, "doccano", "cp1252")

    done = run_evalkit("validate", f"{location}?encoding=cp1252")
    refused = run_evalkit("validate", f"{location}?encoding=cp12520")

    assert done.returncode == 0
    assert "3 documents, 3 entities" in done.stdout
    assert (refused.returncode, "unknown encoding" in refused.stderr) == (2, True)


UTF16 = ["utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("encoding", UTF16)
@pytest.mark.parametrize("name", [*OF_JSON, "spans", "conll", "tokens", "pubtator", "conllu"])
def test_files_in_utf_16_are_refused_with_the_option_that_reads_them(tmp_path, name, encoding):
    location = saved(tmp_path, name, encoding)

    with pytest.raises(InputError) as error:
        load_corpus(location)

    assert f'name its encoding, as in encoding="{encoding}"' in str(error.value)
    assert "\x00" not in str(error.value)
    assert len(load_corpus(location, encoding=encoding)) == 3


@pytest.mark.parametrize("encoding", UTF16)
def test_a_file_in_utf_16_whose_format_is_not_named_is_answered_with_its_encoding(
    tmp_path, encoding
):
    path = tmp_path / "tasks.json"
    CORPUS.save(f"doccano:{path}")
    path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))

    with pytest.raises(InputError, match=f'not UTF-8: .* encoding="{encoding}"'):
        load_corpus(path)
    corpus = load_corpus(path, encoding=encoding)
    assert (len(corpus), corpus.conversion.detected) == (3, {"format doccano": 1})


def test_xml_in_utf_16_is_not_advised_to_name_an_encoding(tmp_path):
    (tmp_path / "a.xml").write_bytes("<collection>".encode("utf-16"))

    for location in (tmp_path / "a.xml", f"bioc:{tmp_path}/a.xml"):
        with pytest.raises(InputError, match="not UTF-8: save the file as UTF-8(;|$)"):
            load_corpus(location)
