"""Running models: what evalkit adds to a document, and batches of a transformers model."""

from __future__ import annotations

import random
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure, Goal, Line, compare_calls, measure_cpu
from benchmarks.sizes import Sizes, Workspace

from evalkit import Corpus, Document, load_model, predict

PROGRAM = """import json, sys
for line in sys.stdin:
    document = json.loads(line)
    print(json.dumps({"id": document["id"], "entities": []}), flush=True)
"""
BATCH_SIZES = (8, 32)


def find_nothing(_: str) -> list[tuple[int, int, str]]:
    """A model that finds no entities."""
    return []


def measure_predict(sizes: Sizes, _: Workspace) -> Iterator[Line]:
    """`predict` with a model that does nothing, in CPU microseconds a document; of a program, those
    of evalkit's own process.
    """
    count = sizes.predict_documents
    corpus = Corpus([Document(f"d{n}", f"Ada {n} met Bo in Rome.") for n in range(count)])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = folder / "program.py"
        program.write_text(PROGRAM)
        model = f"exec:{sys.executable} {program}"
        runs = iter(range(1000))
        settings: dict[str, tuple[Callable[[], object], float]] = {
            "callable": (lambda: predict(find_nothing, corpus), 10),
            "callable, run folder": (
                lambda: predict(find_nothing, corpus, run_dir=folder / f"run{next(runs)}"),
                25,
            ),
            "program (exec:)": (lambda: predict(model, corpus), 40),
        }
        predict(find_nothing, corpus)
        seconds: dict[str, list[float]] = {setting: [] for setting in settings}
        for _ in range(sizes.rounds):
            for setting, (run, _bound) in settings.items():
                seconds[setting].append(measure_cpu(run))
    for setting, (_run, bound) in settings.items():
        values = [1e6 * cpu / count for cpu in seconds[setting]]
        yield Line(
            f"predict, {setting}, {count:,} documents, CPU a document",
            figure=Figure.least(values, "µs"),
            goal=Goal("<=", bound, of="value"),
        )


def measure_batches(sizes: Sizes, _: Workspace) -> Iterator[Line]:
    """`hf:` against transformers' pipeline with the same batch size, on texts of mixed lengths."""
    if find_spec("torch") is None or find_spec("transformers") is None:
        yield Line("hf: batches", problem="torch or transformers is not installed")
        return
    warnings.simplefilter("ignore")
    pipeline, texts = build_pipeline(sizes.model_documents)
    corpus = Corpus([Document(f"d{number}", text) for number, text in enumerate(texts)])
    for batch_size in BATCH_SIZES:

        def theirs(batch_size: int = batch_size) -> None:
            pipeline(texts, batch_size=batch_size)

        def ours(batch_size: int = batch_size) -> None:
            predict(load_model(pipeline, batch_size=batch_size), corpus)

        pipeline_figure, figure, ratio = compare_calls(theirs, ours, sizes.slow_rounds)
        yield Line(
            f"hf: batches of {batch_size}, {len(texts):,} documents, BERT with 4 layers of 256",
            f"transformers {version('transformers')}, pipeline",
            pipeline_figure,
            figure,
            ratio,
            Goal(">=", 1),
        )


def build_pipeline(count: int) -> tuple[Any, list[str]]:
    """A pipeline with random weights, and texts of 5 to 300 words."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefghij", k=draw.randint(2, 9))) for _ in range(2000)]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys([*special, *words]))}
    tokenizer = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=512,
    )
    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=1024,
        id2label={0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC", 4: "I-LOC"},
    )
    network = transformers.BertForTokenClassification(config).eval()
    pipeline = transformers.pipeline(
        "token-classification",
        model=network,
        tokenizer=fast,
        device="cpu",
        aggregation_strategy="first",
    )
    texts = []
    for _ in range(count):
        length = min(300, max(5, int(draw.lognormvariate(3.2, 0.7))))
        texts.append(" ".join(draw.choices(words, k=length)))
    return pipeline, texts
