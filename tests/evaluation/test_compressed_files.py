"""Compressed and remote files are read as the files that they hold; nothing is written to them."""

import gzip

import fsspec
import pyarrow as pa
import pytest
from helpers.cli import run_evalkit
from helpers.perturbed import perturbed

from evalkit import InputError, LoadError, load_corpus, score
from evalkit.errors import MissingDependencyError

COMPRESS = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    gold, predicted = perturbed(40, 7)
    gold.save(folder / "gold.jsonl")
    predicted.save(folder / "predicted.jsonl")
    for name in ("gold.jsonl", "predicted.jsonl"):
        data = (folder / name).read_bytes()
        half = data.index(b"\n", len(data) // 2) + 1
        for suffix, compress in COMPRESS.items():
            if suffix:
                parts = compress(data[:half]) + compress(data[half:])
                (folder / f"{name}{suffix}").write_bytes(parts)
    return folder


@pytest.fixture(scope="module")
def expected(files):
    return score(files / "gold.jsonl", files / "predicted.jsonl").to_json()


@pytest.mark.parametrize("predicted", COMPRESS)
@pytest.mark.parametrize("gold", [".gz", ".zst"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_compressed_files_score_as_what_they_hold(files, expected, gold, predicted, jobs):
    paths = files / f"gold.jsonl{gold}", files / f"predicted.jsonl{predicted}"

    assert score(*paths, jobs=jobs).to_json() == expected


def test_files_behind_urls_are_read(files, expected):
    memory = fsspec.filesystem("memory")
    for name in ("gold.jsonl", "predicted.jsonl.gz"):
        memory.pipe(f"/remote/{name}", (files / name).read_bytes())

    scores = score("memory://remote/gold.jsonl", "memory://remote/predicted.jsonl.gz")

    assert scores.to_json() == expected
    assert score(f"file://{files}/gold.jsonl.gz", files / "predicted.jsonl").to_json() == expected
    assert load_corpus("memory://remote/gold.jsonl") == load_corpus(files / "gold.jsonl")
    assert scores.errors().render() == (
        score(files / "gold.jsonl", files / "predicted.jsonl").errors().render()
    )


def test_the_schema_beside_a_remote_file_is_read(tmp_path):
    schema = '{"labels": {"PER": "a person"}}'
    line = '{"id": "d", "text": "Ada", "entities": [{"label": "PER", "start": 0, "end": 3}]}\n'
    memory = fsspec.filesystem("memory")
    memory.pipe("/with-schema/schema.json", schema.encode())
    memory.pipe("/with-schema/gold.jsonl", line.encode())
    (tmp_path / "schema.json").write_text(schema)
    (tmp_path / "gold.jsonl").write_text(line)

    remote, local = (
        load_corpus("memory://with-schema/gold.jsonl"),
        load_corpus(tmp_path / "gold.jsonl"),
    )

    assert remote == local
    assert remote.schema is not None


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("memory://nowhere/gold.jsonl", InputError, "memory://nowhere/gold.jsonl: no such file"),
        ("foo://x/gold.jsonl", InputError, "foo://x/gold.jsonl: Protocol not known: foo"),
        ("abfs://x/gold.jsonl", MissingDependencyError, "abfs:// needs a package"),
    ],
)
def test_a_url_that_cannot_be_read_is_named(url, error, message):
    with pytest.raises(error, match=message):
        load_corpus(url)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_damaged_file_is_named(files, tmp_path, suffix):
    data = (files / f"gold.jsonl{suffix}").read_bytes()
    (tmp_path / f"cut.jsonl{suffix}").write_bytes(data[:-20])
    (tmp_path / f"other.jsonl{suffix}").write_bytes(b"not compressed\n" * 30)

    for name in ("cut", "other"):
        with pytest.raises(InputError, match=rf"{name}.jsonl{suffix}: the compressed file cannot"):
            score(tmp_path / f"{name}.jsonl{suffix}", files / "predicted.jsonl")
    run = run_evalkit("score", tmp_path / f"cut.jsonl{suffix}", files / "predicted.jsonl")
    assert run.returncode == 2
    assert "Traceback" not in run.stderr


def test_an_error_in_a_compressed_file_has_its_line(files, tmp_path):
    lines = (files / "gold.jsonl").read_bytes().splitlines(keepends=True)
    lines[20] = b'{"id": "d", "text": 3}\n'
    (tmp_path / "gold.jsonl.gz").write_bytes(gzip.compress(b"".join(lines)))

    with pytest.raises(LoadError, match=r"gold.jsonl.gz:21: "):
        score(tmp_path / "gold.jsonl.gz", files / "predicted.jsonl")


@pytest.mark.parametrize("target", ["out.jsonl.gz", "out.conll.zst", "memory://remote/out.jsonl"])
def test_nothing_is_written_to_compressed_and_remote_files(files, tmp_path, target):
    gold = load_corpus(files / "gold.jsonl")
    path = target if "://" in target else tmp_path / target

    with pytest.raises(InputError, match="remote and compressed files are only read"):
        gold.save(path)
    assert list(tmp_path.iterdir()) == []


def test_other_formats_may_be_compressed(tmp_path):
    lines = "Ada B-PER\nmet O\n\n"
    (tmp_path / "gold.conll").write_text(lines)
    (tmp_path / "gold.conll.gz").write_bytes(gzip.compress(lines.encode()))

    assert load_corpus(tmp_path / "gold.conll.gz") == load_corpus(tmp_path / "gold.conll")
    assert load_corpus(f"conll:{tmp_path}/gold.conll.gz") == load_corpus(tmp_path / "gold.conll")


def test_ambiguous_quotes_in_compressed_files_are_measured(tmp_path):
    gold = '{"id": "d", "text": "Ada Ada", "entities": [{"label": "P", "start": 0, "end": 3}]}\n'
    predicted = (
        '{"id": "d", "text": "Ada Ada", "entities": [{"label": "P", "start": 4, "end": 7}], "meta":'
        ' {"grounding": {"choices":[["entities", 0, "", [[0, 3], [4, 7]]]]}}}\n'
    )
    (tmp_path / "gold.jsonl").write_text(gold)
    (tmp_path / "predicted.jsonl").write_text(predicted)
    (tmp_path / "predicted.jsonl.gz").write_bytes(gzip.compress(predicted.encode()))

    compressed = score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl.gz")

    assert compressed.metadata.ambiguity
    assert (
        compressed.to_json()
        == score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl").to_json()
    )
