"""A loopback Hub: enough of the HTTP API of huggingface.co to create a data set, send files to it,
tag it and load it back.

It keeps commits, branches, tags and pull requests in memory, answers `preupload` with git's digests
as the real one does, checks the YAML of a card, and knows one token. `refuse["commit"] = (403,
"read only")` lets the requests whose path holds that word fail.
"""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlparse

TOKEN = "hf_loopback_token"  # noqa: S105  of this Hub alone


class Repo:
    """A data set: its commits as whole trees, and the names that point at them."""

    def __init__(self, id, private):
        self.id, self.private = id, private
        self.trees, self.messages = [], []
        self.branches, self.tags, self.pulls = {}, {}, []
        self.commit({".gitattributes": b"*.parquet filter=lfs\n"}, "initial commit", "main")

    def commit(self, tree, message, branch):
        self.trees.append(tree)
        self.messages.append(message)
        self.branches[branch] = sha = self.sha(len(self.trees) - 1)
        return sha

    def sha(self, number):
        return hashlib.sha1(f"{self.id} {number}".encode()).hexdigest()  # noqa: S324  as git names things

    def at(self, revision):
        """The sha and the tree that a branch, a tag or a sha names; None where there is none."""
        sha = self.branches.get(revision) or self.tags.get(revision) or revision
        known = {self.sha(number): tree for number, tree in enumerate(self.trees)}
        return (sha, known[sha]) if sha in known else None


class Hub:
    """Serves while it is entered."""

    def __init__(self):
        self.repos, self.requests, self.refuse, self.tokens = {}, [], {}, set()
        self.lock = threading.Lock()

    def __enter__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def files(self, id, revision="main"):
        """The files of a data set, but for the one that the Hub makes itself."""
        _, tree = self.repos[id].at(revision)
        return {path: data for path, data in tree.items() if path != ".gitattributes"}

    def asked(self, word):
        return sum(word in request for request in self.requests)

    def answer(self, method, path, query, body, token):
        """Status, plain value or bytes, and headers."""
        self.requests.append(f"{method} {path}")
        self.tokens.add(token)
        for word, (status, message) in self.refuse.items():
            if word in path:
                return status, {"error": message}, {"X-Error-Message": message}
        if token not in (None, f"Bearer {TOKEN}"):
            return (
                401,
                {"error": "Invalid credentials in Authorization header"},
                {"X-Error-Message": "Invalid credentials in Authorization header"},
            )
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if path == "/api/validate-yaml":
            return validated(json.loads(body)["content"])
        if found := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)(?:/(.*))?", path):
            return self.of_repo(
                found[1], *(found[2] or "info").split("/", 1), query=query, body=body, token=token
            )
        if found := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.*)", path):
            return self.resolve(*found.groups(), token)
        return 404, {"error": f"no such address: {path}"}, {}

    def create(self, asked):
        id = f"{asked.get('organization') or 'me'}/{asked['name']}"
        if id in self.repos:
            return (
                409,
                {
                    "error": "You already created this dataset repo",
                    "url": f"{self.url}/datasets/{id}",
                },
                {},
            )
        self.repos[id] = Repo(
            id, private=bool(asked.get("private") or asked.get("visibility") == "private")
        )
        return 200, {"url": f"{self.url}/datasets/{id}", "name": id, "id": id}, {}

    def seen(self, id, token):
        repo = self.repos.get(id)
        return None if repo is None or (repo.private and token is None) else repo

    def of_repo(self, id, what, rest="", *, query, body, token):
        repo = self.seen(id, token)
        if repo is None:
            return (
                404,
                {"error": "Repository not found"},
                {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"},
            )
        if what == "refs":
            return (
                200,
                {
                    kind: [
                        {"name": n, "ref": f"refs/{n}", "targetCommit": sha}
                        for n, sha in of.items()
                    ]
                    for kind, of in (("branches", repo.branches), ("tags", repo.tags))
                }
                | {"converts": []},
                {},
            )
        name, _, below = (
            unquote(rest).partition("/") if what == "tree" else (unquote(rest) or "main", "", "")
        )
        at = repo.at(name)
        if what == "branch":
            repo.branches.setdefault(name, repo.branches["main"])
            return 200, {}, {}
        if at is None:
            return (
                404,
                {"error": "Invalid rev id"},
                {"X-Error-Code": "RevisionNotFound", "X-Error-Message": f"Invalid rev id: {name}"},
            )
        if what in ("info", "revision"):
            return 200, self.info(repo, *at), {}
        if what == "tree":
            return listed(at[1], below, recursive=query.get("recursive", [""])[0].lower() == "true")
        if what == "preupload":
            known = [
                {
                    "path": f["path"],
                    "uploadMode": "regular",
                    "shouldIgnore": False,
                    "oid": git_digest(at[1].get(f["path"])),
                }
                for f in json.loads(body)["files"]
            ]
            return 200, {"files": known}, {}
        if what == "paths-info":
            asked = (
                json.loads(body)["paths"] if body[:1] == b"{" else parse_qs(body.decode())["paths"]
            )
            return 200, [entry(path, at[1][path]) for path in asked if path in at[1]], {}
        if what == "commit":
            return self.commit(
                repo,
                name,
                at[1],
                [json.loads(line) for line in body.splitlines() if line.strip()],
                pull="create_pr" in query,
            )
        if what == "tag":
            return self.tag(repo, json.loads(body)["tag"], at[0])
        return 404, {"error": f"no such address: {what}"}, {}

    def info(self, repo, sha, tree):
        day = "2026-01-01T00:00:00.000Z"
        return {
            "_id": "x",
            "id": repo.id,
            "author": repo.id.partition("/")[0],
            "sha": sha,
            "private": repo.private,
            "lastModified": day,
            "createdAt": day,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "cardData": {},
            "siblings": [{"rfilename": path} for path in tree],
        }

    def commit(self, repo, branch, tree, lines, *, pull):
        changed, message = dict(tree), ""
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                message = value["summary"]
            elif line["key"] == "file":
                changed[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                del changed[value["path"]]
        if pull:
            repo.pulls.append(message)
            branch = f"refs/pr/{len(repo.pulls)}"
        sha = repo.commit(changed, message, branch)
        said = {
            "success": True,
            "commitOid": sha,
            "commitUrl": f"{self.url}/datasets/{repo.id}/commit/{sha}",
            "hookOutput": "",
        }
        return (
            200,
            said
            | (
                {"pullRequestUrl": f"{self.url}/datasets/{repo.id}/discussions/{len(repo.pulls)}"}
                if pull
                else {}
            ),
            {},
        )

    def tag(self, repo, name, sha):
        if name in repo.tags:
            return 409, {"error": f"Tag {name} is there"}, {}
        repo.tags[name] = sha
        return 200, {}, {}

    def resolve(self, id, revision, path, token):
        repo = self.seen(id, token)
        at = repo and repo.at(unquote(revision))
        if not at or path not in at[1]:
            return (
                404,
                {"error": "not found"},
                {
                    "X-Error-Code": "EntryNotFound" if at else "RepoNotFound",
                    "X-Repo-Commit": at[0] if at else "",
                },
            )
        return 200, at[1][path], {"X-Repo-Commit": at[0], "ETag": f'"{git_digest(at[1][path])}"'}

    def _handler(self):
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                address = urlparse(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with hub.lock:
                    status, value, headers = hub.answer(
                        self.command,
                        unquote(address.path),
                        parse_qs(address.query),
                        body,
                        self.headers.get("Authorization"),
                    )
                data = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                kind = (
                    "application/octet-stream" if isinstance(value, bytes) else "application/json"
                )
                for name, said in {
                    "Content-Type": kind,
                    "Content-Length": str(len(data)),
                    **headers,
                }.items():
                    self.send_header(name, said)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  names that http.server looks for

        return Handler


def git_digest(data):
    """How git names a file's content."""
    return None if data is None else hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()  # noqa: S324  as git does


def entry(path, data):
    return {"type": "file", "oid": git_digest(data), "size": len(data), "path": path}


def listed(tree, below, *, recursive):
    inside = {
        path: data for path, data in tree.items() if not below or path.startswith(f"{below}/")
    }
    if below and not inside:
        return 404, {"error": "not found"}, {"X-Error-Code": "EntryNotFound"}
    depth = len(below.split("/")) if below else 0
    folders = {
        "/".join(path.split("/")[: depth + 1])
        for path in inside
        if len(path.split("/")) > depth + 1
    }
    shown = [
        entry(path, data)
        for path, data in inside.items()
        if recursive or len(path.split("/")) == depth + 1
    ]
    return (
        200,
        shown
        + [
            {"type": "directory", "oid": "0" * 40, "size": 0, "path": path}
            for path in sorted(folders)
        ],
        {},
    )


def validated(content):
    """What the Hub says of a card: that its YAML is there."""
    found = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
    errors = (
        [] if found and "license:" in found[1] else [{"message": "the metadata has no license"}]
    )
    return (400 if errors else 200), {"errors": errors, "warnings": []}, {}
