"""Corpora, options and files of runs against the loopback endpoint of `helpers.endpoint`."""

import json

from evalkit import Corpus, Document

# An answer with an entity and an event
BOTH_LAYERS = json.dumps(
    {
        "entities": [{"label": "PER", "quote": "Ada", "context": ""}],
        "events": [
            {"type": "Meet", "trigger": {"quote": "met", "context": ""}, "arguments": []},
        ],
    }
)


def corpus(*markers):
    return Corpus(
        [Document(marker, f"Ada met Acme. DOC-{marker}", entities=()) for marker in markers],
        name="gold",
    )


def options(endpoint, **more):
    return {
        "base_url": endpoint.url,
        "labels": "PER,ORG",
        "backoff": 0,
        "max_retries": 1,
        "timeout": 60,
        **more,
    }


def lines(folder, name="samples.jsonl"):
    return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]


def record(folder):
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


def save_with_events(folder, gold):
    """Save a corpus with a schema of entities and events."""
    gold.save(folder / "gold.jsonl")
    schema = {"labels": {"PER": "", "ORG": ""}, "events": {"Meet": {}}}
    (folder / "schema.json").write_text(json.dumps(schema))


def everything(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
