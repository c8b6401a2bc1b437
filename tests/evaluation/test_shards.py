"""A corpus in shards has the scores of the corpus in one file, byte by byte."""

import gzip
import random

import fsspec
import pyarrow as pa
import pytest
from helpers.perturbed import perturbed
from msgspec.structs import replace

from evalkit import (
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Span,
    Zone,
    score,
)
from evalkit.evaluation.shards import count_shard, plan_shards

N = 30


def rich_sides(seed):
    """Gold and predictions with events, attributions, zones, failures, and layers that only some
    documents have.
    """
    gold, predicted = perturbed(N, seed)
    draw = random.Random(seed)
    sides = []
    for number, (document, found) in enumerate(zip(gold, predicted, strict=True)):
        events = [Event("X", Span(0, 2))] if number % 4 == 0 else []
        attributions = [Attribution(Span(0, 1), Span(2, 4))] if number % 5 == 0 else None
        zones = [Zone(draw.choice("ab"), 0, 5)] if number % 3 else []
        gold_document = replace(
            document,
            entities=None if number % 11 == 10 else document.entities,
            events=events,
            attributions=attributions,
            zones=zones,
        )
        answer = replace(found, events=[], attributions=attributions)
        if number % 9 == 4:
            answer = Document(document.id, document.text, failure="no answer")
        sides.append((gold_document, answer))
    return [side[0] for side in sides], [side[1] for side in sides]


def plain_sides(seed):
    gold, predicted = perturbed(N, seed)
    return list(gold), list(predicted)


SIDES = {"plain": plain_sides, "rich": rich_sides}
COMPRESS = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


def write_shards(folder, gold, predicted, *, shards, draw=None, suffixes=("",)):
    """Write both sides as single files, and the same documents in shards, each in an order of its
    own if `draw` is given.
    """
    folder.mkdir(exist_ok=True)
    Corpus(gold).save(folder / "gold.jsonl")
    Corpus(predicted).save(folder / "predicted.jsonl")
    numbers = list(range(len(gold)))
    if draw:
        draw.shuffle(numbers)
    for name, documents in (("gold", gold), ("predicted", predicted)):
        (folder / name).mkdir()
        for shard in range(shards):
            part = [documents[number] for number in numbers[shard::shards]]
            if draw:
                draw.shuffle(part)
            path = folder / name / f"part-{shard}.jsonl"
            Corpus(part).save(path)
            suffix = suffixes[shard % len(suffixes)]
            if suffix and (name, shard) != ("gold", 0):
                data = path.read_bytes()
                path.unlink()
                path.with_name(path.name + suffix).write_bytes(COMPRESS[suffix](data))


@pytest.fixture(scope="module", params=SIDES)
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    write_shards(folder, *SIDES[request.param](3), shards=4, suffixes=("", ".gz", ".zst"))
    return folder


@pytest.fixture(scope="module")
def expected(folder):
    return score(folder / "gold.jsonl", folder / "predicted.jsonl", boot=20).to_json()


@pytest.mark.parametrize(("jobs", "backend"), [(1, None), (2, None), (3, "threading"), (2, "loky")])
def test_shards_score_as_one_file(folder, expected, jobs, backend):
    patterns = folder / "gold" / "*.jsonl*", folder / "predicted" / "*.jsonl*"

    assert score(*patterns, jobs=jobs, backend=backend, boot=20).to_json() == expected


def test_folders_of_files_are_shards(folder, expected):
    assert score(folder / "gold", folder / "predicted", boot=20).to_json() == expected


@pytest.mark.parametrize("kind", SIDES)
@pytest.mark.parametrize("seed", range(3))
def test_any_division_and_order_gives_the_same_bytes(tmp_path, kind, seed):
    draw = random.Random(seed)
    gold, predicted = SIDES[kind](seed)
    shards = draw.choice([1, 2, 7, N])
    write_shards(tmp_path / "data", gold, predicted, shards=shards, draw=draw)
    options = draw.choice([{}, {"zones": "all"}, {"units": "sentences"}, {"missing": "empty"}])
    paths = tmp_path / "data" / "gold", tmp_path / "data" / "predicted"

    whole = score(*(path.with_suffix(".jsonl") for path in paths), boot=20, **options)
    sharded = score(*paths, jobs=2, backend="threading", boot=20, **options)

    assert sharded.to_json() == whole.to_json()


def test_what_needs_the_documents_goes_through_all_shards(tmp_path):
    write_shards(tmp_path / "data", *rich_sides(5), shards=3)
    whole = score(tmp_path / "data/gold.jsonl", tmp_path / "data/predicted.jsonl")

    sharded = score(tmp_path / "data/gold", tmp_path / "data/predicted")

    def sort(pairs):
        return sorted(pairs, key=repr)

    assert sort(sharded.pairs("entities/strict")) == sort(whole.pairs("entities/strict"))
    assert sharded["entities/strict"].muc == whole["entities/strict"].muc
    assert sharded.errors().rows() == whole.errors().rows()
    assert sharded["tri-c"].signature == whole["tri-c"].signature


def test_a_single_document_has_sentences_as_units_in_shards_too(tmp_path):
    text = "Ada met. Bo left."
    gold = [Document("d", text, [Entity("A", 0, 3), Entity("B", 9, 11)])]
    write_shards(tmp_path / "data", gold, gold, shards=1)

    whole = score(tmp_path / "data/gold.jsonl", tmp_path / "data/predicted.jsonl")

    assert whole.resampling.units == "sentences"
    assert score(tmp_path / "data/gold", tmp_path / "data/predicted").to_json() == whole.to_json()


def test_shards_of_another_format_are_loaded_by_the_workers(tmp_path):
    for side in ("gold", "predicted"):
        (tmp_path / side).mkdir()
        for number in range(3):
            lines = f"Ada{number} B-PER\nmet O\n\nBo{number} B-{'PER' if number else 'ORG'}\n\n"
            (tmp_path / side / f"part-{number}.txt").write_text(f"-DOCSTART- O\n\n{lines}")
    gold = f"conll:{tmp_path}/gold/part-?.txt?documents=sentence"
    predicted = f"conll:{tmp_path}/predicted/part-?.txt?documents=sentence"

    with pytest.raises(InputError, match="is in two shards, part-0.txt and part-1.txt"):
        score(gold, predicted)
    scores = score(gold.replace("part-?", "part-[0]"), predicted.replace("part-?", "part-[0]"))
    assert scores.metadata.corpus.documents == 2


def test_shards_behind_urls_are_scored(folder, expected):
    memory = fsspec.filesystem("memory")
    for path in folder.glob("*/part-*"):
        memory.pipe(f"/{folder.name}/{path.parent.name}/{path.name}", path.read_bytes())
    base = f"memory://{folder.name}"

    patterns = f"{base}/gold/*.jsonl*", f"{base}/predicted/*.jsonl*"
    scores = score(*patterns, jobs=2, backend="threading", boot=20)

    assert scores.to_json() == expected
    assert score(f"{base}/gold", f"{base}/predicted", boot=20).to_json() == expected


def test_other_systems_count_the_tasks_and_merge_in_any_order(folder, expected):
    plan = plan_shards(folder / "gold", folder / "predicted", boot=20)

    counted = [count_shard(task) for task in plan.tasks]

    assert plan.merge(reversed(counted)).to_json() == expected
    with pytest.raises(InputError, match=r"1 of 4 shards were not counted, such as 'part-0.jsonl'"):
        plan.merge(counted[1:])
    with pytest.raises(InputError, match="not the counts of a shard"):
        plan.merge([b"other"])


@pytest.fixture
def pair(tmp_path):
    write_shards(tmp_path, *plain_sides(1), shards=3)
    return tmp_path / "gold", tmp_path / "predicted"


def assert_refused(pair, message, error=InputError, **options):
    for jobs in (1, 2):
        with pytest.raises(error, match=message):
            score(*pair, jobs=jobs, backend="threading", **options)


def test_a_shard_without_partner_is_named(pair):
    (pair[1] / "part-1.jsonl").unlink()

    assert_refused(pair, r"predicted: lacks the shards 'part-1.jsonl': expected files of the same")


def test_a_document_in_two_shards_is_named_with_both(pair):
    for side in pair:
        line = (side / "part-0.jsonl").read_bytes().splitlines(keepends=True)[0]
        with (side / "part-2.jsonl").open("ab") as file:
            file.write(line)

    assert_refused(pair, r"document '.*' is in two shards, part-0.jsonl and part-2.jsonl")


def test_a_document_that_lacks_a_prediction_is_named_with_its_shard(pair):
    lines = (pair[1] / "part-1.jsonl").read_bytes().splitlines(keepends=True)
    (pair[1] / "part-1.jsonl").write_bytes(b"".join(lines[1:]))

    assert_refused(pair, r"shard part-1.jsonl: predicted: lacks document '.*' of gold")
    scores = score(*pair, missing="empty")
    assert scores.metadata.missing_documents == 1


def test_an_invalid_line_is_named_with_its_file(pair):
    with (pair[1] / "part-1.jsonl").open("ab") as file:
        file.write(b'{"id": 3}\n')

    assert_refused(pair, r"predicted/part-1.jsonl:11: ", LoadError)


def test_a_zone_that_no_shard_has_is_refused_once_all_are_counted(pair):
    assert_refused(pair, "unknown zone 'x'", zones="x")


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        ("gold/none-*.jsonl", "gold/none-.*: no file matches: expected shards, such as"),
        ("gold.jsonl", "gold.jsonl: one file, while the other side is a pattern or a folder"),
    ],
)
def test_a_side_without_shards_is_refused(pair, gold, message):
    with pytest.raises(InputError, match=message):
        score(pair[0].parent / gold, pair[1] / "*.jsonl")


def test_two_files_for_one_shard_are_refused(pair):
    data = (pair[0] / "part-1.jsonl").read_bytes()
    (pair[0] / "part-1.jsonl.gz").write_bytes(gzip.compress(data))

    assert_refused(pair, r"part-1.jsonl and .*part-1.jsonl.gz are one shard")


def test_subfolders_are_part_of_the_names_of_shards(tmp_path):
    gold, predicted = plain_sides(2)
    write_shards(tmp_path, gold, predicted, shards=2)
    for side in ("gold", "predicted"):
        for number, language in enumerate(("de", "en")):
            (tmp_path / side / language).mkdir()
            (tmp_path / side / f"part-{number}.jsonl").rename(
                tmp_path / side / language / "part.jsonl"
            )

    whole = score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl").to_json()

    assert score(tmp_path / "gold", tmp_path / "predicted").to_json() == whole
    patterns = tmp_path / "gold/**/*.jsonl", tmp_path / "predicted/*/*.jsonl"
    assert score(*patterns).to_json() == whole


def test_the_schema_of_the_folder_holds_for_all_shards(tmp_path):
    write_shards(tmp_path, *plain_sides(2), shards=2)
    schema = '{"labels": {"NEVER": "a label without annotation"}}'
    (tmp_path / "schema.json").write_text(schema)
    (tmp_path / "gold" / "schema.json").write_text(schema)

    whole = score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl")

    assert "NEVER" in whole["ner"].counts.labels
    assert score(tmp_path / "gold/*", tmp_path / "predicted/*").to_json() == whole.to_json()


def test_ambiguous_quotes_are_measured_in_each_shard(tmp_path):
    text = "Ada Ada"
    choices = {"grounding": {"choices": [["entities", 0, "", [[0, 3], [4, 7]]]]}}
    gold = [Document(f"d{n}", text, [Entity("P", 0, 3)]) for n in range(6)]
    predicted = [Document(f"d{n}", text, [Entity("P", 4, 7)], meta=choices) for n in range(6)]
    write_shards(tmp_path, gold, predicted, shards=3)

    whole = score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl")

    assert whole.metadata.ambiguity["entities/strict"].annotations == 6
    assert score(tmp_path / "gold", tmp_path / "predicted").to_json() == whole.to_json()
