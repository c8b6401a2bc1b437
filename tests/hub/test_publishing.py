"""A corpus goes to the Hub and comes back: against a Hub on the loopback, with the packages that
people use.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import msgspec
import pytest
from helpers.hub_server import TOKEN, Hub
from helpers.marked import marked

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Schema,
    Span,
    load_corpus,
)
from evalkit.corpus import bundled_path
from evalkit.formats.hf_tables import CONFIGS, table_rows
from evalkit.formats.hf_withheld import digest, digest_errors, text_lookup
from evalkit.hub.card_builder import build_card, card_for_path, card_source_path
from evalkit.hub.card_source import load_card_source
from evalkit.hub.dataset_files import build_dataset_folder
from evalkit.hub.licenses import load_license
from evalkit.hub.publishing import HubError, publish, version_tag
from evalkit.hub.text_leaks import ngrams

TEXTS = bundled_path() / "corpus"

# What a user does, in a process of its own, since huggingface_hub reads HF_ENDPOINT when it is
# imported.
FLOW = """
import json, sys
from pathlib import Path
import warnings
warnings.simplefilter("ignore")
import datasets
from huggingface_hub import DatasetCard, HfApi
from evalkit import Corpus, Document, Entity, Schema, load_corpus
from evalkit.hub.dataset_files import build_dataset_folder
from evalkit.hub.licenses import load_license
from evalkit.hub.card_builder import build_card, card_for_path, card_source_path
from evalkit.hub.card_source import load_card_source
from evalkit.corpus import bundled_path
from evalkit.hub.publishing import publish

datasets.disable_progress_bars()
corpus, license, results = load_corpus(), load_license(bundled_path(), "other", "news", with_text=False), {}
bare, full = (card_for_path(corpus=corpus, with_text=held, repo="me/news") for held in (False, True))
results["first"] = list(publish(corpus, "me/news", card=bare, license=license))
results["again"] = list(publish(corpus, "me/news", card=bare, license=license))
results["by name"] = {name: list(datasets.load_dataset("me/news", name, split="test")) for name in datasets.get_dataset_config_names("me/news")}
results["at the tag"] = len(datasets.load_dataset("me/news", "entities", split="test", revision="v1.1.0"))
results["pretty name"] = DatasetCard.load("me/news").data.pretty_name
folder = Path(sys.argv[1]) / "with text"
build_dataset_folder(corpus, folder, repo="me/news", card=full, license=license, with_text=True)
results["from disk"] = {name: list(datasets.load_dataset(str(folder), name, split="test")) for name in datasets.get_dataset_config_names(str(folder))}
dates = Corpus([Document("2026-01-05", "2026-01-05", (Entity("DATE", 0, 10),), meta={"day": "2026-01-05"})], schema=Schema(version="1.0.0"))
for held in (False, True):
    folder = Path(sys.argv[1]) / f"dates {held}"
    words = build_card(dates, load_card_source(card_source_path()), with_text=held)
    build_dataset_folder(dates, folder, repo="me/dates", card=words, license=license, with_text=held)
    results[f"dates {held}"] = {name: list(datasets.load_dataset(str(folder), name, split="test")) for name in ("documents", "entities")}
print(json.dumps(results))
"""  # noqa: E501
BACK = """
import sys
from evalkit import load_corpus
from evalkit.errors import EvalkitError

def tried(**options):
    try:
        return load_corpus("hf://me/news", **options)
    except EvalkitError as error:
        return str(error)

print(tried(texts=sys.argv[1]) == load_corpus())
print(tried(texts=sys.argv[2]))
print(tried())
"""


def in_a_process(code, hub, home, *arguments):
    """What a program that talks to the loopback Hub prints."""
    known = {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": TOKEN,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, **known},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def hub():
    with Hub() as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def flow(hub, home):
    return json.loads(in_a_process(FLOW, hub, home, home))


def as_rows(**options):
    rows = {}
    for config, of in table_rows(load_corpus(), digest=digest, **options).items():
        rows[config] = list(of)
    assert rows.pop("relations") == []  # a config without rows is not published
    return rows


@pytest.mark.slow
def test_a_corpus_is_created_on_the_hub_and_tagged(flow, hub):
    assert flow["first"][-3:] == [
        f"me/news: created: {hub.url}/datasets/me/news",
        (
            f"me/news: 9 files sent ({hub.repos['me/news'].branches['main'][:8]}):"
            f" {hub.url}/datasets/me/news/commit/{hub.repos['me/news'].branches['main']}"
        ),
        "me/news: tagged v1.1.0",
    ]
    assert hub.repos["me/news"].tags == {"v1.1.0": hub.repos["me/news"].branches["main"]}
    assert hub.asked("validate-yaml") > 0


def test_the_same_again_makes_no_commit(flow, hub):
    assert (
        flow["again"][-1] == "me/news: main has these files already, as v1.1.0"
        f" ({hub.repos['me/news'].branches['main'][:8]}); nothing was sent"
    )
    assert hub.repos["me/news"].messages == ["initial commit", "v1.1.0, without the texts"]


def test_every_config_is_loaded_by_name_and_equals_the_corpus_field_by_field(flow):
    assert flow["by name"] == as_rows(with_text=False)
    assert flow["at the tag"] == len(load_corpus()[0].entities)


def test_the_folder_with_the_texts_loads_from_disk_and_equals_the_corpus_field_by_field(flow):
    assert flow["from disk"] == as_rows()


@pytest.mark.parametrize("with_text", [False, True])
def test_texts_and_ids_that_look_like_dates_come_back_as_they_are(flow, with_text):
    document = Document(
        "2026-01-05", "2026-01-05", (Entity("DATE", 0, 10),), meta={"day": "2026-01-05"}
    )
    quoting = msgspec.structs.replace(document, meta=document.meta if with_text else None)

    written = table_rows([quoting], with_text=with_text, digest=digest)

    assert flow[f"dates {with_text}"] == {
        config: list(written[config]) for config in ("documents", "entities")
    }


def test_the_card_on_the_hub_loads(flow):
    assert flow["pretty name"] == "evalkit-news"


def test_a_withheld_text_is_put_back_under_the_published_annotations(flow, hub, home, tmp_path):
    almost = tmp_path / "000_fd35b6397ccf6caa.txt"
    almost.write_bytes(next(TEXTS.glob("*.txt")).read_bytes().replace(b"\n", b"\r\n"))
    here, needed = (
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (almost, next(TEXTS.glob("*.txt")))
    )

    same, refused, without = in_a_process(BACK, hub, home, TEXTS, tmp_path).splitlines()

    assert same == "True"
    assert refused.endswith(
        f"its sha256 is {here}, that of the text {needed}; it would be the same with line feeds as"
        " line ends"
    )
    assert 'texts="DIR"' in without


# Nothing of the text goes out.


def folder_of(corpus, folder, **options):
    return build_dataset_folder(
        corpus,
        folder / "new",
        repo="me/news",
        card=build_card(corpus, load_card_source(card_source_path()), **options),
        license="free",
        published=date(2026, 1, 1),
        **options,
    )


def test_no_four_words_of_the_article_stand_in_a_row_in_anything_that_is_published(tmp_path):
    corpus = load_corpus()
    quotable = set(ngrams(corpus[0].text, 4))

    made = build_dataset_folder(
        corpus,
        tmp_path / "new",
        repo="me/news",
        card=card_for_path(corpus=corpus, repo="me/news"),
        license=load_license(bundled_path(), "other", "news", with_text=False),
    )

    assert {
        file.path: quotable & set(ngrams((made.folder / file.path).read_text(encoding="utf-8"), 4))
        for file in made.files
    } == {file.path: set() for file in made.files}
    assert [file.path for file in made.files if file.holds_text] == []
    assert made.conversion.counts == {}


def test_the_ids_of_referents_are_published_and_no_table_holds_a_name(tmp_path):
    corpus = load_corpus()
    names = {
        corpus[0].text[e.start : e.end]
        for e in corpus[0].entities
        if e.label in ("PERSON", "ORG", "GPE", "LOC")
    }

    made = build_dataset_folder(
        corpus,
        tmp_path / "new",
        repo="me/news",
        card=card_for_path(corpus=corpus, repo="me/news"),
        license=load_license(bundled_path(), "other", "news", with_text=False),
    )

    tables = {
        path.name: path.read_text(encoding="utf-8")
        for path in (made.folder / "data").glob("*.jsonl")
    }
    entities = [json.loads(line) for line in tables["entities.jsonl"].splitlines()]
    assert [json.loads(row["attributes"] or "{}").get("entity") for row in entities] == [
        (e.attributes or {}).get("entity") for e in corpus[0].entities
    ]
    assert [
        (name, table)
        for name in names
        for table, content in tables.items()
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", content)
    ] == []


def test_attributes_and_meta_that_quote_are_left_out_and_counted(tmp_path):
    entities = (
        Entity(
            "ORG",
            4,
            17,
            attributes={
                "name": "Harbour Board",
                "note": "says it closed the old pier on Monday",
                "sure": True,
            },
        ),
        Entity("DATE", 43, 49, attributes={"weekday": "Monday", "grain": "day"}),
    )
    text = "The Harbour Board has closed the old pier, Monday."
    schema = Schema(version="1.0.0", attributes={"weekday": {"Monday": "the first day"}})
    corpus = Corpus(
        [
            Document(
                "d1", text, entities, meta={"title": "Board closed the old pier", "language": "en"}
            )
        ],
        schema=schema,
    )

    made = folder_of(corpus, tmp_path)

    row = json.loads((made.folder / "data" / "documents.jsonl").read_text())
    assert [entity["attributes"] for entity in row["entities"]] == [
        '{"sure": true}',
        '{"weekday": "Monday", "grain": "day"}',
    ]
    assert row["meta"] == '{"language": "en"}'
    assert list(made.conversion.lines()) == [
        "2 attributes that quote the text (document 'd1', entities[0], …)",
        "1 entries of meta that quote the text (document 'd1': title)",
    ]


def test_an_id_that_quotes_the_text_is_refused_with_its_place(tmp_path):
    corpus = Corpus(
        [Document("board-closes-the-old-pier", "The Board closes the old pier.", ())],
        schema=Schema(version="1.0.0"),
    )

    with pytest.raises(
        LoadError,
        match=(
            "data/documents.jsonl:1: quotes the text: 'board closes the old'; change it, or publish"
            " the texts, too"
        ),
    ):
        folder_of(corpus, tmp_path)


def test_a_license_that_quotes_the_text_is_refused(tmp_path):
    corpus = Corpus(
        [marked("He said that nobody had seen the ship leave the harbour.")],
        schema=Schema(version="1.0.0"),
    )
    card = build_card(corpus, load_card_source(card_source_path()))

    with pytest.raises(
        LoadError, match="LICENSE: quotes the text: 'nobody had seen the ship leave the harbour'"
    ):
        build_dataset_folder(
            corpus,
            tmp_path,
            repo="me/news",
            card=card,
            license="For: nobody had seen the ship leave the harbour",
        )


def test_a_digest_cannot_be_guessed_from_the_words_and_what_is_published():
    document = marked("[Ada|PER] met [Ada|PER]")
    first, second = (digest(document, entity) for entity in document.entities)
    published = hashlib.sha256(document.text.encode()).hexdigest()
    guesses = {
        hashlib.sha256(words.encode()).hexdigest()[:32]
        for words in ("Ada", "0:3:Ada", f"{published}Ada", f"{published}0:3:Ada")
    }

    assert first != second
    assert len(first) == 32
    assert {first, second} & guesses == set()


# A text is put back, or refused.


def test_a_text_is_found_by_its_digest_whatever_it_is_called(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "any.md").write_bytes(b"Ada\r\n")
    (tmp_path / "d1.txt").write_bytes(b"Ada")

    assert text_lookup(tmp_path)(hashlib.sha256(b"Ada\r\n").hexdigest(), "d1") == "Ada\r\n"


@pytest.mark.parametrize(
    ("there", "hint"),
    [
        (b"\xef\xbb\xbfAda\nBo", "it would be the same without its byte order mark"),
        (b"Ada\r\nBo", "it would be the same with line feeds as line ends"),
        (b"Ada\nBo\n", "it would be the same without the line end at its end"),
        (b"Ada\nBO", "every byte counts, also line ends and a byte order mark"),
    ],
)
def test_a_text_that_differs_by_a_byte_is_refused_with_both_digests(tmp_path, there, hint):
    (tmp_path / "d1.txt").write_bytes(there)
    needed, found = hashlib.sha256(b"Ada\nBo").hexdigest(), hashlib.sha256(there).hexdigest()

    with pytest.raises(InputError) as refused:
        text_lookup(tmp_path)(needed, "d1")

    assert (
        str(refused.value)
        == f"{tmp_path}/d1.txt: not the text of document 'd1': its sha256 is {found}, that of the"
        f" text {needed}; {hint}"
    )


def test_a_folder_without_the_text_is_refused(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_bytes(name.encode())

    with pytest.raises(
        InputError,
        match=f"none of its 2 files is the text of document 'd1', whose sha256 is {'0' * 64}",
    ):
        text_lookup(tmp_path)("0" * 64, "d1")
    with pytest.raises(InputError, match="no such folder: expected one with a file for each text"):
        text_lookup(tmp_path / "none")


def test_offsets_that_were_changed_after_the_text_was_withheld_are_found():
    argument = Argument("Agent", 0, 3)
    document = Document(
        "d1",
        "Ada met Bo",
        (Entity("PER", 0, 3),),
        (Event("Meet", Span(4, 7), (argument,)),),
        (Attribution(None, Span(0, 10)),),
    )
    row = next(table_rows([document], with_text=False, digest=digest)["documents"])
    row["entities"][0]["digest"] = row["events"][0]["arguments"][0]["digest"] = "0" * 32

    assert [str(fault).partition(": ")[0] for fault in digest_errors(row, document)] == [
        "document 'd1', entities[0].digest",
        "document 'd1', events[0].arguments[0].digest",
    ]


# What is sent, and what is not.


@pytest.fixture
def other(monkeypatch):
    """A Hub that huggingface_hub in this process asks."""
    from huggingface_hub import constants

    with Hub() as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            f"{running.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
        )
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield running


def small(text="[Ada|PER] met Bo", version="1.0.0"):
    return Corpus([marked(text)], schema=Schema(version=version))


def published(corpus, **options):
    card = build_card(
        corpus,
        load_card_source(card_source_path()),
        with_text=options.get("with_text", False),
        repo="me/news",
    )
    return list(publish(corpus, "me/news", card=card, license="free", **options))


def test_a_dry_run_shows_paths_bytes_digests_and_asks_nothing(other):
    lines = published(small(), dry_run=True)

    assert lines[1].split()[0] == "README.md"
    assert [line for line in lines if line.startswith("LICENSE")] == [
        f"LICENSE                         4 bytes  sha256 {hashlib.sha256(b'free').hexdigest()}  no"
        " text"
    ]
    assert lines[-2].endswith("without the texts")
    assert lines[-1] == "me/news: nothing was sent (--dry-run); the tag would be v1.0.0"
    assert other.requests == []


def test_a_dry_run_leaves_the_files_in_a_folder(tmp_path):
    lines = published(small(), dry_run=True, output=tmp_path / "files")

    assert lines[-1].endswith(f"; the files are in {tmp_path}/files")
    assert (tmp_path / "files" / "LICENSE").read_text() == "free"
    assert (tmp_path / "files" / "data" / "entities.jsonl").exists()


def test_texts_are_sent_on_request_and_listed(other):
    lines = published(small(), with_text=True)

    assert other.files("me/news")["texts/d0.txt"] == b"Ada met Bo"
    assert [line.split()[0] for line in lines if line.endswith("holds text")] == [
        "data/documents.jsonl",
        "data/entities.jsonl",
        "texts/d0.txt",
    ]


def test_configs_without_a_row_have_no_file(other):
    published(small())

    assert sorted(other.files("me/news")) == [
        "LICENSE",
        "README.md",
        "croissant.json",
        "data/documents.jsonl",
        "data/entities.jsonl",
        "schema.json",
    ]
    assert "events" in CONFIGS


def test_a_version_that_is_there_with_other_files_is_refused(other):
    published(small())

    with pytest.raises(
        InputError,
        match=(
            r"me/news: the tag v1.0.0 exists \(\w{8}\) with other files \(README.md,"
            r" croissant.json, data/documents.jsonl\); raise the version in schema.json"
        ),
    ):
        published(small("[Ada|PER] met [Bo|PER]"))

    assert len(other.repos["me/news"].messages) == 2


@pytest.mark.slow
def test_the_next_version_replaces_the_files_and_keeps_the_tag_of_the_last(other):
    published(small())
    published(small("Ada met Bo", version="1.1.0"))

    assert list(other.repos["me/news"].tags) == ["v1.0.0", "v1.1.0"]
    assert "data/entities.jsonl" in other.files("me/news", "v1.0.0")
    assert "data/entities.jsonl" not in other.files("me/news")


def test_texts_of_an_earlier_version_are_deleted_with_a_warning_about_the_history(other):
    published(small(), with_text=True)
    lines = published(small(version="1.1.0"))

    assert (
        "me/news: an earlier version has the texts: they are deleted from main, but remain in its"
        " history and tags until the data set is deleted" in lines
    )
    assert "texts/d0.txt" not in other.files("me/news")


def test_the_day_of_publication_stays_that_of_the_first_time(other):
    published(small())
    there = json.loads(other.files("me/news")["croissant.json"])
    repo = other.repos["me/news"]
    tree = {
        **repo.trees[-1],
        "croissant.json": (
            json.dumps(
                there | {"datePublished": "2001-02-03"}, ensure_ascii=False, indent=1
            ).encode()
            + b"\n"
        ),
    }
    repo.tags["v1.0.0"] = repo.commit(tree, "in the past", "main")

    assert published(small())[-1].endswith("nothing was sent")


@pytest.mark.slow
def test_a_pull_request_changes_no_branch_and_gets_no_tag(other):
    published(small())
    lines = published(small("[Ada|PER] met [Bo|PER]"), create_pr=True)

    assert lines[-1] == f"me/news: 6 files proposed: {other.url}/datasets/me/news/discussions/1"
    assert len(json.loads(other.files("me/news")["data/documents.jsonl"])["entities"]) == 1
    assert list(other.repos["me/news"].tags) == ["v1.0.0"]


def test_a_branch_is_made_where_there_is_none(other):
    published(small(), revision="draft", tag="draft-1")

    assert other.files("me/news", "main") == {}
    assert "data/documents.jsonl" in other.files("me/news", "draft")
    assert other.repos["me/news"].tags == {"draft-1": other.repos["me/news"].branches["draft"]}


def test_a_private_data_set_is_created_so_and_a_public_one_is_not_taken_for_one(other):
    published(small(), private=True)

    assert other.repos["me/news"].private
    other.repos["me/news"].private = False
    with pytest.raises(
        InputError,
        match="me/news: the data set exists and is public; make it private in its settings",
    ):
        published(small(version="1.1.0"), private=True)
    assert len(other.repos["me/news"].messages) == 2


def test_the_token_is_the_only_secret_that_is_sent_and_is_in_no_file(other):
    published(small())

    assert other.tokens == {f"Bearer {TOKEN}"}
    assert [path for path, data in other.files("me/news").items() if TOKEN.encode() in data] == []


# What fails.


def test_a_token_that_is_refused_is_one_line(other, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_another_token")

    with pytest.raises(HubError) as refused:
        published(small())

    assert (
        str(refused.value)
        == "me/news: looking for the data set: 401 Unauthorized: Invalid credentials in"
        " Authorization header; check the token: HF_TOKEN, or `hf auth login`; nothing was sent"
    )
    assert refused.value.exit_code == 3
    assert other.repos == {}


def test_a_missing_token_is_reported_before_any_request(other, monkeypatch):
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)

    with pytest.raises(
        HubError, match="no token for the Hub: set HF_TOKEN, or log in with `hf auth login`"
    ):
        published(small())

    assert other.requests == []


def test_a_hub_that_lets_nobody_write_is_one_line(other):
    other.refuse["/api/repos/create"] = (
        403,
        "You don't have the rights to create a dataset under the namespace 'me'",
    )

    with pytest.raises(
        HubError,
        match=(
            r"^me/news: creating it: 403 Forbidden: You don't have the rights[^\n]*; check that"
            r" the token may write there; nothing was sent$"
        ),
    ):
        published(small())


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [("/preupload/", 400, "400 Bad Request"), ("/commit/", 500, "500 Internal Server Error")],
)
def test_the_steps_before_an_error_of_the_hub_are_listed(other, word, status, reason):
    other.refuse[word] = (status, "out of order")

    with pytest.raises(
        HubError,
        match=rf"^me/news: sending the files: {reason}: out of order; created before that$",
    ):
        published(small())


def test_a_card_that_the_hub_does_not_take_is_one_line_and_no_commit(other):
    other.refuse["/validate-yaml"] = (400, "no license")

    with pytest.raises(
        HubError,
        match=(
            r"^me/news: sending the files: Invalid metadata in README.md[^\n]*; created before"
            r" that$"
        ),
    ):
        published(small())

    assert other.repos["me/news"].messages == ["initial commit"]


def test_a_tag_that_failed_is_made_up_for_by_the_next_run(other):
    other.refuse["/tag/"] = (500, "internal")
    with pytest.raises(
        HubError,
        match=(
            r"^me/news: creating the tag v1.0.0: 500 Internal Server Error: internal; created and 6"
            r" files sent \(\w{8}\) before that$"
        ),
    ):
        published(small())
    other.refuse.clear()

    lines = published(small())

    assert lines[-2].startswith("me/news: nothing changed, no commit was made")
    assert lines[-1] == "me/news: tagged v1.0.0"


def test_a_hub_that_is_down_is_one_line(other, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")

    with pytest.raises(
        HubError,
        match=(
            r"^me/news: looking for the data set: [^\n]*\(of http://127.0.0.1:9\); nothing was"
            r" sent$"
        ),
    ):
        published(small())


def test_a_card_that_is_not_the_corpus_s_is_refused_before_anything_is_asked(other):
    card = build_card(small(), load_card_source(card_source_path()))

    with pytest.raises(LoadError, match="README.md"):
        list(publish(small("[Ada|PER] met [Bo|ORG]"), "me/news", card=card, license="free"))

    assert other.requests == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repo": "news"}, "invalid name 'news': expected OWNER/NAME"),
        ({"create_pr": True, "tag": "v2"}, "a pull request goes to main and gets no tag"),
    ],
)
def test_what_cannot_be_done_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        list(publish(small(), options.pop("repo", "me/news"), card="", license="", **options))


def test_a_corpus_without_a_version_needs_a_tag():
    assert version_tag(small(), "first") == "first"
    with pytest.raises(
        InputError,
        match="version: '' cannot be a tag; write a version such as 1.0.0, or give tag=.NAME.",
    ):
        version_tag(small(version=""))


def test_a_corpus_without_a_schema_needs_a_tag():
    with pytest.raises(InputError, match="no schema.json with a version; give tag=.NAME."):
        version_tag(Corpus([marked("Ada met Bo")]))


def test_answers_of_a_model_are_no_data_set(tmp_path):
    with pytest.raises(
        InputError,
        match="document 'd1': a prediction with a failure or unplaced quotes; expected gold",
    ):
        build_dataset_folder(
            Corpus([Document("d1", "Ada", failure="timeout")]),
            tmp_path,
            repo="me/news",
            card="",
            license="",
        )


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(InputError, match="the folder is not empty; name a new one"):
        build_dataset_folder(small(), tmp_path, repo="me/news", card="", license="")


def test_a_corpus_without_a_license_is_refused(tmp_path):
    with pytest.raises(InputError, match="no LICENSE; write one that says who may use"):
        load_license(tmp_path, "other", "news", with_text=False)


def test_texts_with_ids_that_name_no_file_are_numbered(tmp_path):
    corpus = Corpus(
        [Document("a/b", "Ada", ()), Document("A", "Bo", ()), Document("a", "Cy", ())],
        schema=Schema(version="1.0.0"),
    )

    made = folder_of(corpus, tmp_path, with_text=True)

    assert [path.name for path in sorted((made.folder / "texts").iterdir())] == [
        "A.txt",
        "document-000001.txt",
        "document-000002.txt",
    ]
    assert Path(made.folder / "texts" / "document-000001.txt").read_bytes() == b"Ada"
