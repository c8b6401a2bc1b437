"""Publishes a corpus as a data set on the Hugging Face Hub.

The files are sent in one commit, and tagged as a version: v1.0.0 for version
1.0.0 of the schema. A tag never moves: other files under the same version are refused. If all files
are on the Hub already, no commit is made. An error message lists the steps that were done before.

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
from evalkit.errors import (
    EvalkitError,
    InputError,
    LoadError,
    WriteError,
    quoted_repr,
    shorten,
    spell_option,
)
from evalkit.files import is_temporary, write_folder
from evalkit.hub.card_check import card_errors
from evalkit.hub.croissant import PublishedFile
from evalkit.hub.dataset_files import DatasetFolder, build_dataset_folder
from evalkit.redaction import redact
from evalkit.results.wording import pluralize

T = TypeVar("T")
MAX_MESSAGE = 300  # characters of the Hub's answer in a message
MANAGED_PATHS = ("data/", "texts/", "schema.json")  # deleted if a new version has no such file
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
_VERSION = re.compile(r"\d+\.\d+\.\d+(?:[-+][\w.+-]+)?")


class HubError(EvalkitError):
    """The Hub refused a request, failed, or cannot be reached."""

    exit_code = 3


def version_tag(corpus: Corpus, tag: str | None = None) -> str:
    """The tag of a version: `tag`, or v and the version of the schema.

    Raises InputError where there is none.
    """
    if tag is not None:
        if not _TAG.fullmatch(tag) or ".." in tag or tag.endswith((".", ".lock", "/")):
            raise InputError(
                f"invalid tag {spell_option('tag', tag)}: expected letters and digits, with . _ -"
                " between them"
            )
        return tag
    if corpus.schema is None:
        raise InputError(
            f"the corpus has no schema.json with a version; give {spell_option('tag', 'NAME')}"
        )
    version = corpus.schema.version
    if not _VERSION.fullmatch(version):
        raise InputError(
            f"schema.json: version: {quoted_repr(version)} cannot be a tag; write a version such as"
            f" 1.0.0, or give {spell_option('tag', 'NAME')}"
        )
    return f"v{version}"


def validate_repo_id(repo: str) -> None:
    """Raise InputError for a name that the Hub does not accept for a data set."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # public, not in __all__
        validate_repo_id as validate_on_hub,
    )

    try:
        validate_on_hub(repo)
        valid = "/" in repo
    except HFValidationError:
        valid = False
    if not valid:
        raise InputError(
            f"invalid name {quoted_repr(repo)}: expected OWNER/NAME, in letters and digits, with"
            " single . _ - between them"
        )


def publish(
    corpus: Corpus,
    repo: str,
    *,
    card: str,
    license: str,
    with_text: bool = False,
    dry_run: bool = False,
    output: Path | None = None,
    revision: str | None = None,
    private: bool = False,
    create_pr: bool = False,
    tag: str | None = None,
) -> Iterator[str]:
    """Publish a corpus; yields a line for each file, then one for each step that was done.

    card, license: the texts of README.md and LICENSE. with_text: send the texts, too. dry_run: send
    nothing, and make no request to the Hub. output: a folder for the files, which stays. revision:
    a branch, instead of main. create_pr: propose the files as a pull request, which gets no tag.
    tag: instead of that of the version. Raises InputError where the corpus or its card cannot be
    published, HubError where the Hub refuses.
    """
    validate_repo_id(repo)
    if create_pr and (tag is not None or revision is not None):
        raise InputError(
            f"{spell_option('create_pr', True)}: a pull request goes to main and gets no tag;"
            " publish without it to tag a version or change a branch"
        )
    errors = list(card_errors(card, corpus, with_text=with_text))
    if errors:
        raise LoadError(errors)
    version = None if create_pr else version_tag(corpus, tag)
    hub = None if dry_run else DatasetRepo(repo, revision or "main")
    published = None
    if hub and hub.repo_info():
        published = hub.first_published(corpus.schema.version if corpus.schema else "")
    with tempfile.TemporaryDirectory() as folder:
        try:
            dataset = build_dataset_folder(
                corpus,
                Path(folder),
                repo=repo,
                card=card,
                license=license,
                with_text=with_text,
                published=published,
            )
        except WriteError as error:
            raise WriteError(f"{output or repo}: writing its files failed: {error}") from None
        if output is not None:
            write_folder(output, _folder_contents(dataset, output))
        yield from dataset.lines()
        if hub is not None:
            yield from hub.publish(dataset, private=private, create_pr=create_pr, tag=version)
            return
        tag_note = f"; the tag would be {version}" if version else ""
        folder_note = f"; the files are in {output}" if output else ""
        yield f"{repo}: nothing was sent (--dry-run){tag_note}{folder_note}"


def _folder_contents(dataset: DatasetFolder, output: Path) -> dict[str, bytes | None]:
    """The files of a data set by their path; None for those of an earlier version in the folder.

    Raises InputError where the folder has other files.
    """
    contents: dict[str, bytes | None] = {
        file.path: (dataset.folder / file.path).read_bytes() for file in dataset.files
    }
    for path in output.rglob("*") if output.is_dir() else ():
        name = path.relative_to(output).as_posix()
        if path.is_dir() or is_temporary(path) or name in contents:
            continue
        if not name.startswith(MANAGED_PATHS):
            raise InputError(f"{output}: the folder has other files ({name}); name a new folder")
        contents[name] = None
    return contents


class DatasetRepo:
    """A data set on the Hub, and the requests to it.

    Every HubError lists the steps that were done before.
    """

    def __init__(self, repo: str, revision: str) -> None:
        """Make no request yet. Raises HubError where there is no token."""
        from huggingface_hub import HfApi, get_token

        if not get_token():
            raise HubError(
                f"{repo}: no token for the Hub: set HF_TOKEN, or log in with `hf auth login`"
            )
        self.api = HfApi(library_name="evalkit")
        self.repo, self.revision = repo, revision
        self.steps: list[str] = []
        self.commit = ""

    def call(self, step: str, method: Callable[..., T], **options: Any) -> T:
        """The answer of the Hub to a method of HfApi.

        step: its name in messages. Raises HubError, on one line.
        """
        with self.hub_errors(step):
            return method(repo_id=self.repo, repo_type="dataset", **options)

    @contextmanager
    def hub_errors(self, step: str) -> Iterator[None]:
        """Turn any exception of a step into a HubError, on one line."""
        try:
            yield
        except EvalkitError:
            raise
        except Exception as error:
            before = f"{' and '.join(self.steps)} before that" if self.steps else "nothing was sent"
            message = f"{self.repo}: {step}: {error_message(error)}; {before}"
            raise HubError(redact(message)) from None

    def first_published(self, version: str) -> date | None:
        """The date of publication in the croissant.json on the Hub, if it is of this version.

        With it, files that did not change stay the same to the byte.
        """
        from huggingface_hub.errors import (
            EntryNotFoundError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )

        with (
            self.hub_errors("reading the published version"),
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
            return _published_date(Path(path).read_bytes(), version)

    def publish(
        self, dataset: DatasetFolder, *, private: bool, create_pr: bool, tag: str | None
    ) -> Iterator[str]:
        """Create the data set if needed, send the files, and tag them; yields a line for each."""
        info = self.repo_info()
        if info is None:
            yield self.create(private=private)
        elif private and not info.private:
            raise InputError(
                f"{self.repo}: the data set exists and is public; make it private in its settings,"
                f" or publish without {spell_option('private', True)}"
            )
        tagged = self.check_tag(dataset, tag) if info is not None and tag else None
        if tagged and not self.changed_files(dataset, self.revision):
            yield (
                f"{self.repo}: {self.revision} has these files already, as {tag} ({tagged[:8]});"
                " nothing was sent"
            )
            return
        if self.revision != "main":
            self.call(
                f"creating the branch {self.revision}",
                self.api.create_branch,
                branch=self.revision,
                exist_ok=True,
            )
            self.steps.append(f"created the branch {self.revision}")
        yield from self.warnings(dataset)
        yield self.commit_files(dataset, create_pr=create_pr, tag=tag)
        if tagged:
            yield f"{self.repo}: {tag} stays at {tagged[:8]}, with the same files"
        elif tag:
            self.call(f"creating the tag {tag}", self.api.create_tag, tag=tag, revision=self.commit)
            yield f"{self.repo}: tagged {tag}"

    def record(self, step: str, address: str = "") -> str:
        """The line for a step that was done, which is kept for the message of a later error."""
        self.steps.append(step)
        return f"{self.repo}: {step}: {address}" if address else f"{self.repo}: {step}"

    def repo_info(self) -> Any:
        """The Hub's information about the data set; None where it does not exist."""
        from huggingface_hub.errors import RepositoryNotFoundError

        with self.hub_errors("looking for the data set"):
            try:
                return self.api.repo_info(self.repo, repo_type="dataset")
            except RepositoryNotFoundError:
                return None

    def create(self, *, private: bool) -> str:
        """Create the data set; returns the line for it."""
        url = self.call("creating it", self.api.create_repo, private=private, exist_ok=False)
        return self.record("created, private" if private else "created", str(url))

    def check_tag(self, dataset: DatasetFolder, tag: str) -> str | None:
        """The commit that has this tag, if it has the same files.

        Raises InputError where it has others: a version never changes.
        """
        refs = self.call("listing its tags", self.api.list_repo_refs)
        commits = {ref.name: str(ref.target_commit) for ref in refs.tags}
        if tag not in commits:
            return None
        differing = self.changed_files(dataset, tag)
        if differing:
            raise InputError(
                f"{self.repo}: the tag {tag} exists ({commits[tag][:8]}) with other files"
                f" ({', '.join(differing[:3])}); raise the version in schema.json, or give"
                f" {spell_option('tag', 'NAME')}"
            )
        return commits[tag]

    def changed_files(self, dataset: DatasetFolder, revision: str) -> list[str]:
        """The files that are missing or different in a branch or tag; all of them where it does not
        exist.
        """
        from huggingface_hub.errors import RevisionNotFoundError

        with self.hub_errors(f"listing the files of {revision}"):
            try:
                tree = self.api.list_repo_tree(
                    self.repo, repo_type="dataset", revision=revision, recursive=True
                )
                on_hub = {file.path: file for file in tree}
            except RevisionNotFoundError:
                on_hub = {}
        changed = []
        for file in dataset.files:
            published = on_hub.get(file.path)
            if published is None or not _is_same(dataset.folder / file.path, file, published):
                changed.append(file.path)
        return changed

    def list_files(self) -> list[str]:
        """The paths of the files on the branch."""
        files = self.call("listing its files", self.api.list_repo_files, revision=self.revision)
        return list(files)

    def warnings(self, dataset: DatasetFolder) -> Iterator[str]:
        """A line if texts that were published before remain in the history."""
        if not dataset.with_text and any(path.startswith("texts/") for path in self.list_files()):
            yield (
                f"{self.repo}: an earlier version has the texts: they are deleted from"
                f" {self.revision}, but remain in its history and tags until the data set is"
                " deleted"
            )

    def changes(self, dataset: DatasetFolder) -> list[Any]:
        """The operations of a commit: add every file, delete those of an earlier version."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        paths = {file.path for file in dataset.files}
        operations: list[Any] = [
            CommitOperationAdd(path_in_repo=path, path_or_fileobj=dataset.folder / path)
            for path in sorted(paths)
        ]
        operations += [
            CommitOperationDelete(path_in_repo=path)
            for path in self.list_files()
            if path.startswith(MANAGED_PATHS) and path not in paths
        ]
        return operations

    def commit_files(self, dataset: DatasetFolder, *, create_pr: bool, tag: str | None) -> str:
        """Send the files in one commit; returns the line for it."""
        head = self.call("reading its head", self.api.repo_info, revision=self.revision).sha
        texts = "with the texts" if dataset.with_text else "without the texts"
        # create_commit, since upload_folder may make several commits, of which the last may fail
        with silence_hub_output():
            commit = self.call(
                "sending the files",
                self.api.create_commit,
                operations=self.changes(dataset),
                commit_message=f"{tag or dataset.version or 'data'}, {texts}",
                revision=self.revision,
                create_pr=create_pr,
            )
        self.commit = commit.oid
        if commit.oid == head:
            return self.record(f"nothing changed, no commit was made ({commit.oid[:8]})")
        files = pluralize(len(dataset.files), "file")
        if create_pr:
            return self.record(f"{files} proposed", str(commit.pr_url))
        return self.record(f"{files} sent ({commit.oid[:8]})", commit.commit_url)


def _published_date(croissant: bytes, version: str) -> date | None:
    """The date of publication in a croissant.json; None for another version."""
    try:
        metadata = json.loads(croissant)
        if metadata["version"] == version:
            return date.fromisoformat(metadata["datePublished"])
    except (ValueError, KeyError, TypeError):
        pass
    return None


def _is_same(path: Path, file: PublishedFile, on_hub: Any) -> bool:
    """Whether a file is equal to the one on the Hub, which gives the SHA-256 of large files and
    git's digest of the others.
    """
    if getattr(on_hub, "lfs", None):
        return bool(on_hub.lfs.sha256 == file.sha256)
    data = path.read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False)
    return bool(blob.hexdigest() == getattr(on_hub, "blob_id", None))


def error_message(error: Exception) -> str:
    """The message of an error of the Hub, on one line."""
    response = getattr(error, "response", None)
    if response is None:
        message = shorten(" ".join(str(error).split()), MAX_MESSAGE)
        return f"{message or type(error).__name__} (of {endpoint()})"
    answer = str(getattr(error, "server_message", None) or error)
    hints = {
        401: "; check the token: HF_TOKEN, or `hf auth login`",
        403: "; check that the token may write there",
    }
    reason = getattr(response, "reason_phrase", None) or getattr(response, "reason", "")
    return (
        f"{response.status_code} {reason}: {shorten(' '.join(answer.split()), MAX_MESSAGE)}"
        f"{hints.get(response.status_code, '')}"
    )


def endpoint() -> str:
    """The address of the Hub."""
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


@contextmanager
def silence_hub_output() -> Iterator[None]:
    """Hide progress bars and log lines of huggingface_hub: evalkit prints its own lines."""
    from huggingface_hub.utils.logging import get_verbosity, set_verbosity
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    had_bars, level = not are_progress_bars_disabled(), get_verbosity()
    disable_progress_bars()
    set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        set_verbosity(level)
        if had_bars:
            enable_progress_bars()
