"""How does a corpus become a data set on the Hugging Face Hub?

Its folder (see assembling.py) is sent, and tagged as a version.

A version is a tag, v1.0.0 for version 1.0.0 of the schema, and never moves: other files under the
same version are refused. What is there already makes no commit. What was done before something
failed is said.

The token comes from HF_TOKEN or from `hf auth login`, the address of the Hub from HF_ENDPOINT.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from evalkit.corpus import Corpus
from evalkit.errors import EvalkitError, InputError, LoadError, quoted_repr, spell_option
from evalkit.hub.card_check import card_errors
from evalkit.hub.croissant import PublishedFile
from evalkit.hub.dataset_files import DatasetFolder, build_dataset_folder
from evalkit.redaction import redact
from evalkit.results.summary import pluralize

T = TypeVar("T")
MANAGED_PATHS = (
    "data/",
    "texts/",
    "schema.json",
)  # what an earlier version may have left on the Hub
_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
_VERSION = re.compile(r"\d+\.\d+\.\d+(?:[-+][\w.+-]+)?")


class HubError(EvalkitError):
    """The Hub that refuses, fails or cannot be reached."""

    exit_code = 3


def version_tag(corpus: Corpus, tag: str | None = None) -> str:
    """The tag of a version: as asked, or v and the version of the schema.

    Raises InputError where there is none.
    """
    if tag is not None:
        if not _TAG.fullmatch(tag) or ".." in tag or tag.endswith((".", ".lock", "/")):
            raise InputError(
                f"{spell_option('tag', tag)}: letters, digits, and . _ - between them would do"
            )
        return tag
    version = corpus.schema.version if corpus.schema else ""
    if not _VERSION.fullmatch(version):
        raise InputError(
            f"schema.json: version: {quoted_repr(version)} makes no tag: a version such as 1.0.0"
            f" would do, or {spell_option('tag', 'NAME')}"
        )
    return f"v{version}"


def publish(
    corpus: Corpus,
    repo: str,
    *,
    card: str,
    licence: str,
    with_text: bool = False,
    dry_run: bool = False,
    revision: str | None = None,
    private: bool = False,
    create_pr: bool = False,
    tag: str | None = None,
) -> Iterator[str]:
    """Publish a corpus: a line for each thing that would be sent, then one for each thing that was
    done.

    revision: a branch, instead of main. create_pr: propose the files as a pull request, which gets
    no tag. tag: instead of that of the version. dry_run: send nothing, and ask the Hub nothing.
    Raises InputError where the corpus or its card is not fit to be published, HubError where the
    Hub does not do as asked.
    """
    if (
        not _REPO.fullmatch(repo)
        or any(sign in repo for sign in ("--", ".."))
        or repo.endswith((".git", "-", "."))
        or "-/" in repo
        or "./" in repo
    ):
        raise InputError(
            f"{quoted_repr(repo)}: name the data set as OWNER/NAME, in letters, digits, and single"
            " . _ - between them"
        )
    if create_pr and (tag is not None or revision is not None):
        raise InputError(
            f"{spell_option('create_pr', True)}: a pull request goes to main and gets no tag;"
            " publish without it to tag a version or change a branch"
        )
    wrong = list(card_errors(card, corpus, with_text=with_text))
    if wrong:
        raise LoadError(wrong)
    version = None if create_pr else version_tag(corpus, tag)
    hub = None if dry_run else DatasetRepo(repo, revision or "main")
    published = (
        hub.first_published(corpus.schema.version if corpus.schema else "")
        if hub and hub.repo_info()
        else None
    )
    with tempfile.TemporaryDirectory() as folder:
        made = build_dataset_folder(
            corpus,
            Path(folder),
            repo=repo,
            card=card,
            licence=licence,
            with_text=with_text,
            published=published,
        )
        yield from made.lines()
        if hub is None:
            yield f"{repo}: nothing was sent (--dry-run)" + (
                f"; the tag would be {version}" if version else ""
            )
        else:
            yield from hub.publish(made, private=private, create_pr=create_pr, tag=version)


class DatasetRepo:
    """A data set on the Hub, and what is done to it.

    What was done so far is told with whatever fails.
    """

    def __init__(self, repo: str, revision: str) -> None:
        """Ask nothing yet. Raises HubError where there is no token."""
        from huggingface_hub import HfApi, get_token

        if not get_token():
            raise HubError(
                f"{repo}: no token for the Hub: set HF_TOKEN, or log in with `hf auth login`"
            )
        self.api = HfApi(library_name="evalkit")
        self.repo, self.revision = repo, revision
        self.done: list[str] = []
        self.commit = ""

    def call(self, doing: str, call: Callable[..., T], **options: Any) -> T:
        """What the Hub answers.

        Raises HubError, on one line, with what was being done and what was done before.
        """
        with self.hub_errors(doing):
            return call(repo_id=self.repo, repo_type="dataset", **options)

    @contextmanager
    def hub_errors(self, doing: str) -> Iterator[None]:
        """Turn whatever goes wrong into one line."""
        try:
            yield
        except EvalkitError:
            raise
        except Exception as error:
            done = f"; {' and '.join(self.done)} before that" if self.done else "; nothing was sent"
            raise HubError(redact(f"{self.repo}: {doing}: {error_message(error)}{done}")) from None

    def first_published(self, version: str) -> date | None:
        """The day that the croissant.json on the Hub tells for this version, so that what did not
        change stays the same to the byte.
        """
        from huggingface_hub.errors import (
            EntryNotFoundError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )

        with (
            self.hub_errors("asking what is there"),
            silence_hub_output(),
            tempfile.TemporaryDirectory() as folder,
        ):
            try:
                path = self.api.hf_hub_download(
                    self.repo,
                    "croissant.json",
                    repo_type="dataset",
                    revision=self.revision,
                    local_dir=folder,
                )
            except (EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError):
                return None
            try:
                there = json.loads(Path(path).read_bytes())
                return (
                    date.fromisoformat(there["datePublished"])
                    if there["version"] == version
                    else None
                )
            except (ValueError, KeyError, TypeError):
                return None

    def publish(
        self, made: DatasetFolder, *, private: bool, create_pr: bool, tag: str | None
    ) -> Iterator[str]:
        """Create what is not there, send the files, and tag them; a line for each."""
        there = self.repo_info()
        if there is None:
            yield self.created(private=private)
        elif private and not there.private:
            raise InputError(
                f"{self.repo}: is there already, and public; make it private in its settings, or"
                f" publish without {spell_option('private', True)}"
            )
        at = self.check_tag(made, tag) if there is not None and tag else None
        if at and not self.changed_files(made, self.revision):
            yield (
                f"{self.repo}: {self.revision} holds these files already, as {tag} ({at[:8]});"
                " nothing was sent"
            )
            return
        if self.revision != "main":
            self.call(
                f"making the branch {self.revision}",
                self.api.create_branch,
                branch=self.revision,
                exist_ok=True,
            )
            self.done.append(f"made the branch {self.revision}")
        yield from self.warnings(made)
        yield self.commit_files(made, create_pr=create_pr, tag=tag)
        if at:
            yield f"{self.repo}: {tag} stays where it is ({at[:8]}), with the same files"
        elif tag:
            self.call(f"making the tag {tag}", self.api.create_tag, tag=tag, revision=self.commit)
            yield f"{self.repo}: tagged {tag}"

    def record(self, what: str, more: str = "") -> str:
        """The line that says what was done, which is kept for what may fail later."""
        self.done.append(what)
        return f"{self.repo}: {what}{more and f': {more}'}"

    def repo_info(self) -> Any:
        """What the Hub says of the data set; None where there is none."""
        from huggingface_hub.errors import RepositoryNotFoundError

        with self.hub_errors("asking what is there"):
            try:
                return self.api.repo_info(self.repo, repo_type="dataset")
            except RepositoryNotFoundError:
                return None

    def created(self, *, private: bool) -> str:
        """Create the data set; the line that says so."""
        url = self.call("creating it", self.api.create_repo, private=private, exist_ok=False)
        return self.record(f"created{', private' * private}", str(url))

    def check_tag(self, made: DatasetFolder, tag: str) -> str | None:
        """The commit that has this tag, if it holds just these files.

        Raises InputError where it holds others: a version never changes.
        """
        refs = self.call("asking for its tags", self.api.list_repo_refs)
        at = next((of.target_commit for of in refs.tags if of.name == tag), None)
        if at is None:
            return None
        differing = self.changed_files(made, tag)
        if differing:
            raise InputError(
                f"{self.repo}: {tag} is there ({at[:8]}) with other files"
                f" ({', '.join(differing[:3])}); raise the version in schema.json, or name one with"
                f" {spell_option('tag', 'NAME')}"
            )
        return str(at)

    def changed_files(self, made: DatasetFolder, revision: str) -> list[str]:
        """The files that a branch or tag lacks, or holds otherwise; all of them where there is no
        such branch.
        """
        from huggingface_hub.errors import RevisionNotFoundError

        with self.hub_errors(f"asking for the files of {revision}"):
            try:
                held = {
                    of.path: of
                    for of in self.api.list_repo_tree(
                        self.repo, repo_type="dataset", revision=revision, recursive=True
                    )
                }
            except RevisionNotFoundError:
                held = {}
        return [
            file.path
            for file in made.files
            if file.path not in held or not _same(made.folder / file.path, file, held[file.path])
        ]

    def list_files(self) -> list[str]:
        """The paths of the files on the branch."""
        return list(
            self.call("asking for its files", self.api.list_repo_files, revision=self.revision)
        )

    def warnings(self, made: DatasetFolder) -> Iterator[str]:
        """What remains of texts that were published before."""
        if not made.with_text and any(path.startswith("texts/") for path in self.list_files()):
            yield (
                f"{self.repo}: an earlier version holds the texts: they are deleted from"
                f" {self.revision}, but stay in its history and tags until the data set is deleted"
            )

    def changes(self, made: DatasetFolder) -> list[Any]:
        """Every file, and what an earlier version left that is none of them."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        paths = {file.path for file in made.files}
        left = [
            path
            for path in self.list_files()
            if path.startswith(MANAGED_PATHS) and path not in paths
        ]
        added = [
            CommitOperationAdd(path_in_repo=path, path_or_fileobj=made.folder / path)
            for path in sorted(paths)
        ]
        return [*added, *(CommitOperationDelete(path_in_repo=path) for path in left)]

    def commit_files(self, made: DatasetFolder, *, create_pr: bool, tag: str | None) -> str:
        """Send the files in one commit; the line that says what came of it."""
        before = self.call("asking for its head", self.api.repo_info, revision=self.revision).sha
        message = (
            f"{tag or made.version or 'data'}, {'with' if made.with_text else 'without'} the texts"
        )
        with (
            silence_hub_output()
        ):  # upload_folder may make several commits, of which the last may fail
            commit = self.call(
                "sending the files",
                self.api.create_commit,
                operations=self.changes(made),
                commit_message=message,
                revision=self.revision,
                create_pr=create_pr,
            )
        self.commit = commit.oid
        if commit.oid == before:
            return self.record(f"nothing changed, no commit was made ({commit.oid[:8]})")
        if create_pr:
            return self.record(f"{pluralize(len(made.files), 'file')} proposed", str(commit.pr_url))
        return self.record(
            f"{pluralize(len(made.files), 'file')} sent ({commit.oid[:8]})", commit.commit_url
        )


def _same(path: Path, file: PublishedFile, held: Any) -> bool:
    """Whether a file is the one on the Hub, which tells the sha256 of large files and git's digest
    of the others.
    """
    if getattr(held, "lfs", None):
        return bool(held.lfs.sha256 == file.sha256)
    data = path.read_bytes()
    return bool(
        hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        == getattr(held, "blob_id", None)
    )


def error_message(error: Exception) -> str:
    """What went wrong with the Hub, on one line."""
    response = getattr(error, "response", None)
    if response is None:
        return f"{' '.join(str(error).split())[:300] or type(error).__name__} (of {endpoint()})"
    said = " ".join(str(getattr(error, "server_message", None) or error).split())[:300]
    hints = {
        401: "; is the token right? HF_TOKEN, or `hf auth login`",
        403: "; may the token write there?",
    }
    return (
        f"{response.status_code}"
        f" {response.reason_phrase if hasattr(response, 'reason_phrase') else response.reason}:"
        f" {said}{hints.get(response.status_code, '')}"
    )


def endpoint() -> str:
    """The address of the Hub that is asked."""
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


@contextmanager
def silence_hub_output() -> Iterator[None]:
    """No progress bars and no log lines of huggingface_hub: what happened is said in our words."""
    from huggingface_hub.utils.logging import get_verbosity, set_verbosity
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    shows, level = not are_progress_bars_disabled(), get_verbosity()
    disable_progress_bars()
    set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        set_verbosity(level)
        if shows:
            enable_progress_bars()
