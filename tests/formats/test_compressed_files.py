"""A compressed file whose name does not say so is refused with the name that it needs."""

import bz2
import gzip
import io
import lzma
import zipfile

import pyarrow as pa
import pytest
from helpers.cli import run_evalkit

from evalkit import Corpus, Document, Entity, InputError, load_corpus
from evalkit.formats.registry import FORMATS

DOCUMENT = Document("d1", "Ada met Bob.", [Entity("PER", 0, 3)])
LINE = b'{"id":"d1","text":"Ada met Bob.","entities":[{"label":"PER","start":0,"end":3}]}\n'


def compress_zstd(data):
    return pa.compress(data, codec="zstd", asbytes=True)


def compress_zip(data):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("gold.jsonl", data)
    return file.getvalue()


READ = {".gz": ("gzip", gzip.compress), ".zst": ("zstd", compress_zstd)}
NOT_READ = {"bzip2": bz2.compress, "xz": lzma.compress, "zip": compress_zip}


@pytest.mark.parametrize("suffix", READ)
@pytest.mark.parametrize("name", ["gold.jsonl", "gold.json", "gold.txt", "gold", "gold.parquet"])
def test_a_compressed_file_without_the_suffix_is_named_with_it(tmp_path, suffix, name):
    compression, compress = READ[suffix]
    (tmp_path / name).write_bytes(compress(LINE))

    with pytest.raises(InputError) as error:
        load_corpus(tmp_path / name)

    assert str(error.value) == (
        f"{tmp_path / name}: compressed with {compression}: decompress it, or name it"
        f" {name}{suffix}"
    )


def test_the_remedy_of_the_message_works(tmp_path):
    (tmp_path / "gold.jsonl").write_bytes(gzip.compress(LINE))
    (tmp_path / "gold.jsonl").rename(tmp_path / "gold.jsonl.gz")

    assert load_corpus(tmp_path / "gold.jsonl.gz")[0] == DOCUMENT


@pytest.mark.parametrize("compression", NOT_READ)
def test_a_compression_that_is_not_read_is_named(tmp_path, compression):
    path = tmp_path / "gold.jsonl"
    path.write_bytes(NOT_READ[compression](LINE))

    with pytest.raises(InputError) as error:
        load_corpus(path)

    remedy = "decompress it, or compress it as .gz or .zst instead"
    if compression == "zip":
        remedy = "unpack it, and read the file or folder in it"
    assert str(error.value) == f"{path}: compressed with {compression}: {remedy}"


# The others are read from a folder with files of fixed names
OF_FILES = [name for name in FORMATS if name not in ("hf", "directory", "brat", "litbank", "pdnc")]


@pytest.mark.parametrize("name", OF_FILES)
@pytest.mark.parametrize("encoding", [None, "latin-1"])
def test_every_format_of_files_says_so(tmp_path, name, encoding):
    if FORMATS[name].missing:
        pytest.skip(f"{name} needs {FORMATS[name].package}")
    path = tmp_path / "gold.tsv"  # webanno reads files with this suffix
    path.write_bytes(gzip.compress(LINE))
    options = {} if encoding is None else {"encoding": encoding}
    if name in ("quotes", "spans"):
        Corpus([DOCUMENT]).save(tmp_path / "texts.jsonl")
        options["texts"] = tmp_path / "texts.jsonl"

    with pytest.raises(InputError, match=r"gold\.tsv: (compressed with gzip|.*option encoding)"):
        load_corpus(f"{name}:{path}", **options)


def test_brat_reads_no_compressed_files(tmp_path):
    Corpus([DOCUMENT]).save(f"brat:{tmp_path}/gold")
    annotations = tmp_path / "gold" / "d1.ann"
    annotations.write_bytes(gzip.compress(annotations.read_bytes()))

    with pytest.raises(InputError) as error:
        load_corpus(f"brat:{tmp_path}/gold")

    assert str(error.value) == f"{annotations}: compressed with gzip: decompress it"
    Corpus([Document("d2", "Bo ran.", [])]).save(f"brat:{tmp_path}/other")
    for file in (tmp_path / "other").glob("d2.*"):
        file.rename(tmp_path / "gold" / file.name)
    assert [d.id for d in load_corpus(f"brat:{tmp_path}/gold", on_error="skip")] == ["d2"]


def test_the_command_line_answers_in_one_line(tmp_path):
    (tmp_path / "gold.jsonl").write_bytes(gzip.compress(LINE))

    done = run_evalkit("score", "gold.jsonl", "gold.jsonl", cwd=tmp_path)

    message = "evalkit: gold.jsonl: compressed with gzip: decompress it, or name it gold.jsonl.gz\n"
    assert (done.returncode, done.stderr) == (2, message)


@pytest.mark.parametrize("text", ["BZh", "PK is the abbreviation", "7zXZ"])
def test_texts_that_begin_in_a_similar_way_are_read(tmp_path, text):
    (tmp_path / "gold.conll").write_text(f"{text.split()[0]} B-PER\n")

    assert load_corpus(tmp_path / "gold.conll")[0].entities[0].label == "PER"
