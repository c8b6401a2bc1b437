"""A transformers model: nothing after its length is lost, words stay whole, tags of every scheme
are read, and scores are its own.
"""

import json
import math
import re
import sys
import warnings
from collections import Counter

import pytest
from helpers import tiny_models
from helpers.cli import run_evalkit
from helpers.marked import marked

from evalkit import Corpus, Document, InputError, evaluate, load_corpus, load_model, predict
from evalkit.errors import MissingDependencyError, UnknownNameError
from evalkit.models import hf

pytestmark = pytest.mark.extra("hf")

TEXT = "Mayor Jane Doe said Acme Corp, would close. " * 3 + "“We fought,” Doe said."
BIO = ["O", "B-ORG", "I-ORG"]
CAPITALISED = ["Mayor", "Jane", "Doe", "Acme", "Corp"] * 3 + ["We", "Doe"]
PIECES = [
    "May",
    "##or",
    "Jane",
    "D",
    "##o",
    "##e",
    "said",
    "Ac",
    "##me",
    "Corp",
    ",",
    "would",
    "close",
    ".",
    "“",
    "We",
    "fought",
    "”",
]
METASPACE = [
    "▁",
    "▁May",
    "or",
    "▁Jane",
    "▁D",
    "oe",
    "▁said",
    "▁Ac",
    "me",
    "▁Corp",
    ",",
    "▁would",
    "▁close",
    ".",
    "▁“",
    "We",
    "▁fought",
    "”",
]
TOKENIZERS = {
    "wordpiece": lambda length: tiny_models.wordpiece(PIECES, length),
    "byte-level BPE": lambda length: tiny_models.bytewise(TEXT, length),
    "unigram": lambda length: tiny_models.unigram(METASPACE, length),
}


def answer(model, text, **arguments):
    return predict(model, Corpus([Document("d", text)]), **arguments)[0]


def found(model, text, **arguments):
    return [
        (text[entity.start : entity.end], entity.label)
        for entity in answer(model, text, **arguments).entities
    ]


def saying(folder, tags, **tag_of):
    """A model that knows words and says their tags; of others it says O."""
    return "hf:" + tiny_models.tagger(
        folder, tiny_models.wordpiece(tag_of), tags, lambda piece: tag_of.get(piece, "O")
    )


def pipeline(network, tokenizer, **arguments):
    import transformers

    return transformers.pipeline(
        "token-classification", model=network, tokenizer=tokenizer, device="cpu", **arguments
    )


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_nothing_after_the_models_length_is_lost_and_words_stay_whole(kind, tmp_path):
    tokenizer = TOKENIZERS[kind](16)
    folder = tiny_models.tagger(tmp_path, tokenizer, BIO, tiny_models.capitalised, positions=16)

    entities = found(f"hf:{folder}", TEXT)

    assert len(tokenizer(TEXT, verbose=False)["input_ids"]) > 2 * 16
    assert entities == [(word, "ORG") for word in CAPITALISED]


@pytest.mark.parametrize("window", range(3, 25))
def test_the_answer_does_not_depend_on_where_windows_begin(window, tmp_path):
    folder = tiny_models.tagger(
        tmp_path, tiny_models.wordpiece(PIECES, 24), BIO, tiny_models.capitalised
    )

    for stride in {0, (window - 2) // 4, (window - 2) // 2}:
        assert found(f"hf:{folder}", TEXT, window=window, stride=stride) == [
            (word, "ORG") for word in CAPITALISED
        ]


def test_the_pipeline_reads_no_further_than_the_models_length():
    theirs = pipeline(
        tiny_models.network(
            tokenizer := tiny_models.wordpiece(PIECES, 24), BIO, tiny_models.capitalised
        ),
        tokenizer,
        aggregation_strategy="first",
    )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert theirs(TEXT)[-1]["end"] < len(TEXT) / 2
    assert answer(theirs, TEXT).entities[-1].end > len(TEXT) - 10


def test_a_token_counts_from_the_window_in_which_it_has_more_around_it(tmp_path):
    length, stride, text = 22, 8, "word " * 100
    tokenizer = tiny_models.wordpiece(["word"], length)
    edges = {
        *range(1, 5),
        *range(length - 5, length - 1),
    }  # four at each end, between the two special tokens
    folder = tiny_models.tagger(
        tmp_path,
        tokenizer,
        ["O", "B-EDGE"],
        lambda piece: "O",
        at=lambda position: "B-EDGE" if position in edges else None,
    )

    entities = answer(f"hf:{folder}", text, stride=stride).entities

    assert [entity.start // 5 for entity in entities] == [0, 1, 2, 3]


def test_the_length_is_the_tokenizers_or_the_models_where_that_knows_none(tmp_path):
    unbounded = tiny_models.wordpiece(PIECES, None)

    folder = tiny_models.tagger(tmp_path, unbounded, BIO, tiny_models.capitalised, positions=30)

    assert unbounded.model_max_length > 10**20
    assert load_model(f"hf:{folder}").settings["window"] == 30
    assert found(f"hf:{folder}", TEXT) == [(word, "ORG") for word in CAPITALISED]


def test_positions_that_are_numbered_from_that_of_padding_are_not_all_there():
    from transformers import RobertaConfig, RobertaForTokenClassification, pipelines

    tokenizer = tiny_models.wordpiece(PIECES, None)
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=24,
        pad_token_id=1,
        id2label=dict(enumerate(BIO)),
        label2id={name: n for n, name in enumerate(BIO)},
    )
    model = load_model(
        pipelines.TokenClassificationPipeline(
            model=RobertaForTokenClassification(config), tokenizer=tokenizer
        )
    )

    assert model.settings["window"] == 22
    assert answer(model, TEXT).failure is None


def test_a_model_with_relative_positions_alone_reads_512_tokens_at_a_time():
    from transformers import XLNetConfig, XLNetForTokenClassification, pipelines

    tokenizer = tiny_models.wordpiece(PIECES, None)
    config = XLNetConfig(
        vocab_size=len(tokenizer),
        d_model=8,
        n_layer=1,
        n_head=2,
        d_inner=8,
        id2label=dict(enumerate(BIO)),
        label2id={name: n for n, name in enumerate(BIO)},
    )
    model = load_model(
        pipelines.TokenClassificationPipeline(
            model=XLNetForTokenClassification(config), tokenizer=tokenizer
        )
    )

    assert model.settings["window"] == 512
    assert answer(model, TEXT * 10).failure is None


def test_spaces_at_the_edges_of_a_token_are_no_part_of_an_entity():
    tokenizer = tiny_models.bytewise(TEXT)
    offsets = tokenizer(TEXT, return_offsets_mapping=True)["offset_mapping"]

    ours = load_model(
        pipeline(tiny_models.network(tokenizer, BIO, tiny_models.capitalised), tokenizer)
    )

    assert TEXT[slice(*offsets[2])] == " Jane"
    assert found(ours, TEXT)[1] == ("Jane", "ORG")


def test_what_the_first_token_of_a_word_says_holds_for_all_of_it(tmp_path):
    folder = tiny_models.tagger(
        tmp_path,
        tiny_models.wordpiece(["Ac", "##me", "##s", "it"]),
        [*BIO, "B-PER"],
        lambda piece: {"Ac": "B-ORG", "##me": "B-PER"}.get(piece, "O"),
    )

    assert found(f"hf:{folder}", "it Acmes it") == [("Acmes", "ORG")]
    assert found(f"hf:{folder}", "it it it Acmes it", window=6, stride=0) == [("Acmes", "ORG")]


@pytest.mark.parametrize(
    ("tags", "tag_of"),
    [
        ("O B-PER I-PER B-ORG", {"Ada": "B-PER", "King": "I-PER", "Acme": "B-ORG"}),
        ("O I-PER I-ORG", {"Ada": "I-PER", "King": "I-PER", "Acme": "I-ORG"}),
        ("O PER ORG", {"Ada": "PER", "King": "PER", "Acme": "ORG"}),
        (
            "O B-PER I-PER L-PER U-PER B-ORG U-ORG",
            {"Ada": "B-PER", "King": "L-PER", "Acme": "U-ORG"},
        ),
        (
            "O B-PER I-PER E-PER S-PER B-ORG S-ORG",
            {"Ada": "B-PER", "King": "E-PER", "Acme": "S-ORG"},
        ),
    ],
)
def test_tags_of_every_scheme_are_read(tags, tag_of, tmp_path):
    gold = marked("[Ada King|PER] met [Acme|ORG]")

    assert found(saying(tmp_path, tags.split(), met="O", **tag_of), gold.text) == [
        ("Ada King", "PER"),
        ("Acme", "ORG"),
    ]


def test_neighbours_are_parted_where_the_tags_part_them(tmp_path):
    model = saying(tmp_path, "O B-PER U-PER".split(), Ada="U-PER", Bo="U-PER")

    assert found(model, "Ada Bo") == [("Ada", "PER"), ("Bo", "PER")]


def sure(tags):
    """How sure a model of tiny_models.py is of a tag: it gives one tag 1 and the others 0, in units
    of their standard deviation, times 3.
    """
    others, spread = tags - 1, math.sqrt(tags - 1)
    return math.exp(3 * spread) / (math.exp(3 * spread) + others * math.exp(-3 / spread))


def test_scores_are_the_mean_probability_of_an_entitys_words(tmp_path):
    tag_of = {"Ada": "B-PER", "King": {"I-PER": 1, "O": 0.9}}
    model = "hf:" + tiny_models.tagger(
        tmp_path,
        tiny_models.wordpiece(tag_of),
        ["O", "B-PER", "I-PER"],
        lambda piece: tag_of.get(piece, "O"),
    )

    one, both = answer(model, "Ada").entities[0].score, answer(model, "Ada King").entities[0].score

    assert type(one) is float
    assert one == pytest.approx(sure(3), abs=1e-4)
    assert both < one


@pytest.mark.parametrize("aggregation", ["first", "average", "max"])
def test_words_and_scores_are_those_of_the_pipeline_where_it_is_right(aggregation):
    tag_of = {
        "Ac": {"B-ORG": 1, "O": 0.8},
        "##me": {"O": 1, "I-ORG": 0.5},
        "Corp": "I-ORG",
        "Jane": "B-ORG",
        "D": "I-ORG",
    }
    tag_of |= {"##o": {"O": 1, "B-ORG": 0.5}, "##e": {"O": 1, "B-ORG": 0.5}}
    tokenizer = tiny_models.wordpiece(PIECES)
    theirs = pipeline(
        tiny_models.network(tokenizer, BIO, lambda piece: tag_of.get(piece, "O")),
        tokenizer,
        aggregation_strategy=aggregation,
    )

    expected = [
        (
            one["start"],
            one["end"],
            one["entity_group"],
            pytest.approx(float(one["score"]), abs=1e-6),
        )
        for one in theirs(TEXT)
    ]

    assert [
        (e.start, e.end, e.label, e.score)
        for e in answer(theirs, TEXT, aggregation_strategy=aggregation).entities
    ] == expected
    assert len(expected) >= 6


def mixed_pipeline():
    """A model with attention, so that its tags depend on the whole text, and random weights."""
    import torch
    from transformers import BertConfig, BertForTokenClassification

    torch.manual_seed(1)
    tokenizer = tiny_models.wordpiece(PIECES, 40)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=40,
        id2label=dict(enumerate(BIO)),
        label2id={name: n for n, name in enumerate(BIO)},
    )
    network = BertForTokenClassification(config)
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(4)
    return pipeline(network, tokenizer)


def texts_of_all_lengths():
    """60 texts of 1 to 150 words; some are longer than the model."""
    words = TEXT.split()
    return [
        Document(f"d{n}", " ".join(words[(n * k) % len(words)] for k in range(1 + n * n // 24)))
        for n in range(60)
    ]


def spans(document):
    return [(entity.start, entity.end, entity.label) for entity in document.entities]


@pytest.mark.parametrize("batch_size", [1, 3, 8, 100])
def test_a_documents_answer_depends_on_no_other_and_on_no_batch_size(batch_size):
    theirs, documents = mixed_pipeline(), texts_of_all_lengths()
    alone = load_model(theirs)
    expected = [next(iter(alone.predict([document]))) for document in documents]
    sizes = []
    forward = theirs.model.forward
    theirs.model.forward = lambda **inputs: (
        sizes.append(len(inputs["input_ids"])) or forward(**inputs)
    )

    together = predict(theirs, Corpus(documents[::-1]), batch_size=batch_size)

    for document, answered in zip(expected, together[::-1], strict=True):
        assert spans(answered) == spans(document)
        assert [e.score for e in answered.entities] == pytest.approx(
            [e.score for e in document.entities], abs=1e-6
        )
    assert sum(len(document.entities) for document in expected) > 100
    assert max(sizes) == min(batch_size, max(sizes))
    if batch_size > 1:
        assert len(sizes) < sum(sizes)


def test_windows_of_one_batch_have_one_length_so_that_none_is_padded_to_another():
    theirs = mixed_pipeline()
    padding = []
    forward = theirs.model.forward

    def remember(**inputs):
        lengths = inputs["attention_mask"].sum(dim=1)
        padding.append((inputs["input_ids"].shape[1], lengths.min().item()))
        return forward(**inputs)

    theirs.model.forward = remember
    predict(theirs, Corpus(texts_of_all_lengths()))

    assert all(padded <= 16 or padded - shortest < 4 for padded, shortest in padding)


def test_of_a_batch_that_fails_only_the_document_that_causes_it_has_a_failure():
    theirs, documents = mixed_pipeline(), texts_of_all_lengths()
    expected = predict(theirs, Corpus(documents))
    unknown = theirs.tokenizer.convert_tokens_to_ids("fought")
    bad = {document.id for document in documents if "fought" in document.text}
    forward = theirs.model.forward

    def refuse(**inputs):
        if (inputs["input_ids"] == unknown).any():
            raise RuntimeError("out of\nmemory")
        return forward(**inputs)

    theirs.model.forward = refuse
    answers = predict(theirs, Corpus(documents))

    assert 0 < len(bad) < len(documents)
    for before, answered in zip(expected, answers, strict=True):
        if answered.id in bad:
            assert answered.failure == "RuntimeError: out of memory"
        else:
            assert spans(answered) == spans(before)


def test_a_text_that_cannot_be_tokenized_fails_alone(monkeypatch):
    theirs = mixed_pipeline()
    call = type(theirs.tokenizer).__call__

    def refuse(tokenizer, texts, **options):
        if "bad" in texts:
            raise ValueError("cannot be tokenized")
        return call(tokenizer, texts, **options)

    monkeypatch.setattr(type(theirs.tokenizer), "__call__", refuse)
    good, bad = predict(theirs, Corpus([Document("d0", "Jane Doe"), Document("d1", "bad")]))

    assert good.failure is None
    assert bad.failure == "ValueError: cannot be tokenized"


def test_a_model_that_cannot_ignore_padding_is_given_none():
    theirs = mixed_pipeline()
    theirs.tokenizer.model_input_names = ["input_ids", "token_type_ids"]
    lengths = []
    forward = theirs.model.forward
    theirs.model.forward = lambda **inputs: (
        lengths.append(inputs["input_ids"].shape[1]) or forward(**inputs)
    )

    predict(theirs, Corpus([Document("d0", "Jane said"), Document("d1", "Jane")]))

    assert lengths == [4, 3]


def test_a_run_that_was_stopped_resumes_with_the_documents_that_are_left(tmp_path):
    theirs, documents = mixed_pipeline(), texts_of_all_lengths()
    expected = predict(theirs, Corpus(documents))
    read = []
    forward = theirs.model.forward

    def stop(**inputs):
        if len(read) == 60:  # in the second group of documents
            raise KeyboardInterrupt
        read.append(len(inputs["input_ids"]))
        return forward(**inputs)

    theirs.model.forward = stop
    with pytest.raises(KeyboardInterrupt):
        predict(theirs, Corpus(documents), run_dir=tmp_path / "run", batch_size=1)
    theirs.model.forward = lambda **inputs: (
        read.append(len(inputs["input_ids"])) or forward(**inputs)
    )
    stored = load_corpus(tmp_path / "run" / "predictions.jsonl", predictions=True)
    resumed = predict(theirs, Corpus(documents), run_dir=tmp_path / "run", batch_size=8)

    assert list(map(spans, resumed)) == list(map(spans, expected))
    assert 0 < len(stored) < len(documents)


@pytest.mark.parametrize("text", ["", " \n ", "\u3000"])
def test_a_text_without_words_has_no_entities(text, tmp_path):
    assert answer(saying(tmp_path, BIO, Ada="B-ORG"), text).entities == ()


def test_a_model_whose_tags_have_no_names_needs_them(tmp_path):
    tag_of = {"Ada": "LABEL_1", "King": "LABEL_2"}
    model = "hf:" + tiny_models.tagger(
        tmp_path,
        tiny_models.wordpiece([*tag_of, "met"]),
        ["LABEL_0", "LABEL_1", "LABEL_2"],
        lambda piece: tag_of.get(piece, "LABEL_0"),
    )

    with pytest.raises(
        InputError,
        match=(
            r"its tags \(LABEL_0, LABEL_1, LABEL_2\) have no O: name it, as in"
            r' label_map=\{"LABEL_0": "O"\}'
        ),
    ):
        load_model(model)
    assert found(
        model, "Ada King met", label_map={"LABEL_0": "O", "LABEL_1": "B-PER", "LABEL_2": "I-PER"}
    ) == [("Ada King", "PER")]
    assert found(model, "Ada King met", label_map=["O", "PER", "PER"]) == [("Ada King", "PER")]
    with pytest.raises(
        UnknownNameError,
        match="unknown tag 'LABEL_9' in 'hf:.*'; expected one of: LABEL_0, LABEL_1, LABEL_2",
    ):
        load_model(model, label_map={"LABEL_9": "O"})
    with pytest.raises(
        InputError, match=r"label_map=\[.O.\]: expected a mapping of its tags, or a list of 3"
    ):
        load_model(model, label_map=["O"])


def test_a_model_that_was_never_trained_to_tag_words_is_refused(tmp_path):
    from transformers import BertModel

    tokenizer = tiny_models.wordpiece(PIECES)
    tokenizer.save_pretrained(tmp_path)
    BertModel(tiny_models.network(tokenizer, BIO, tiny_models.capitalised).config).save_pretrained(
        tmp_path
    )

    with pytest.raises(
        InputError,
        match=(
            r"hf:.*: not trained for token classification: it has no weights for classifier.bias,"
            r" classifier.weight$"
        ),
    ):
        load_model(f"hf:{tmp_path}")


def test_a_slow_tokenizer_is_refused():
    from transformers import CanineTokenizer

    network = tiny_models.network(tiny_models.wordpiece(PIECES), BIO, tiny_models.capitalised)

    with pytest.raises(
        InputError,
        match=("its tokenizer does not report the offsets of tokens: expected a fast tokenizer"),
    ):
        load_model(pipeline(network, CanineTokenizer()))


def test_a_pipeline_that_was_loaded_is_known_by_its_models_name(tmp_path):
    folder = tiny_models.tagger(
        tmp_path, tiny_models.wordpiece(PIECES), BIO, tiny_models.capitalised
    )

    model = load_model(pipeline(folder, folder))

    assert (model.name, model.settings) == (f"hf:{folder}", load_model(f"hf:{folder}").settings)
    assert found(model, TEXT) == [(word, "ORG") for word in CAPITALISED]
    with pytest.raises(InputError, match='device="cpu": a pipeline has a device already'):
        load_model(pipeline(folder, folder), device="cpu")


def test_a_pipeline_that_was_made_here_is_known_by_its_class():
    tokenizer = tiny_models.wordpiece(PIECES)

    model = load_model(
        pipeline(tiny_models.network(tokenizer, BIO, tiny_models.capitalised), tokenizer)
    )

    assert (model.name, model.settings) == (
        "hf:BertForTokenClassification",
        {"aggregation_strategy": "first", "window": 512, "stride": 127, "label_map": None},
    )


def test_a_pipeline_for_something_else_is_refused():
    from transformers import BertForSequenceClassification, TextClassificationPipeline

    tokenizer = tiny_models.wordpiece(PIECES)
    network = BertForSequenceClassification(
        tiny_models.network(tokenizer, BIO, tiny_models.capitalised).config
    )

    with pytest.raises(
        InputError,
        match=(
            "hf: expected a pipeline for token-classification, got a TextClassificationPipeline"
        ),
    ):
        load_model(TextClassificationPipeline(model=network, tokenizer=tokenizer))


def test_a_document_on_which_the_model_fails_is_that_document_alone(tmp_path):
    tag_of = {"bad": {"O": math.nan}, "Ada": "B-ORG"}
    folder = tiny_models.tagger(
        tmp_path, tiny_models.wordpiece(tag_of), BIO, lambda piece: tag_of.get(piece, "O")
    )

    bad, good = predict(f"hf:{folder}", Corpus([Document("d0", "bad Ada"), Document("d1", "Ada")]))

    assert (bad.entities, bad.failure) == (
        None,
        "ValueError: the model returned values that are not finite numbers",
    )
    assert [entity.label for entity in good.entities] == ["ORG"]


def test_a_model_that_raises_fails_the_document():
    tokenizer = tiny_models.wordpiece(PIECES)
    network = tiny_models.network(tokenizer, BIO, tiny_models.capitalised)
    model = load_model(pipeline(network, tokenizer))
    network.forward = lambda **inputs: 1 / 0

    assert answer(model, "Jane").failure == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"aggregation_strategy": "simple"},
            "unknown aggregation_strategy 'simple'; expected one of: first, average, max",
        ),
        ({"window": 2}, "window=2: expected an integer from 3 to 512"),
        ({"window": 513}, "window=513: expected an integer from 3 to 512"),
        ({"stride": 256}, "stride=256: expected an integer from 0 to 255, half of the window"),
        ({"batch_size": 0}, "batch_size=0: expected an integer >= 1"),
        ({"device": "quantum"}, "hf:.*: Expected one of cpu.* device string: quantum$"),
        ({"strid": 3}, "unknown argument 'strid' in 'hf models'"),
    ],
)
def test_arguments_that_cannot_be_are_refused(arguments, message, tmp_path):
    model = saying(tmp_path, BIO, Ada="B-ORG")

    with pytest.raises(InputError, match=message):
        load_model(model, **arguments)


def test_what_is_no_model_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (tmp_path / "empty").mkdir()

    for name, message in {
        "": "hf: name a model after the colon, as in hf:dslim/bert-base-NER",
        f"{tmp_path}/nowhere": (
            f"hf:{tmp_path}/nowhere: no such folder; a name on the Hub looks like"
            " dslim/bert-base-NER"
        ),
        f"{tmp_path}/empty": f"hf:{tmp_path}/empty: .+",
        "no-one/no-such-model": "hf:no-one/no-such-model: .+",
    }.items():
        with pytest.raises(InputError, match=rf"^{message}$"):
            load_model(f"hf:{name}")


def test_pickled_weights_are_loaded_only_with_allow_pickle(tmp_path):
    import torch

    tokenizer = tiny_models.wordpiece(PIECES)
    folder = tiny_models.tagger(tmp_path, tokenizer, BIO, tiny_models.capitalised)
    torch.save(
        tiny_models.network(tokenizer, BIO, tiny_models.capitalised).state_dict(),
        tmp_path / "pytorch_model.bin",
    )
    (tmp_path / "model.safetensors").unlink()

    with pytest.raises(InputError, match=r"no file named model\.safetensors"):
        load_model(f"hf:{folder}")
    assert found(f"hf:{folder}", "Jane", allow_pickle=True) == [("Jane", "ORG")]


def test_code_that_comes_with_a_model_is_not_run(tmp_path):
    folder = tiny_models.tagger(
        tmp_path / "model", tiny_models.wordpiece(PIECES), BIO, tiny_models.capitalised
    )
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    config |= {
        "model_type": "unheard-of",
        "auto_map": {"AutoConfig": "evil.Config", "AutoModelForTokenClassification": "evil.Model"},
    }
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    (tmp_path / "model" / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")

    with pytest.raises(InputError, match="trust_remote_code|custom code"):
        load_model(f"hf:{folder}")
    assert not (tmp_path / "ran").exists()


def test_another_model_in_the_same_folder_has_other_settings(tmp_path):
    first = load_model(saying(tmp_path, BIO, Ada="B-ORG")).settings
    again = load_model(saying(tmp_path, BIO, Ada="B-ORG")).settings
    other = load_model(saying(tmp_path, BIO, Ada="O")).settings

    assert first == again
    assert {name for name in first if first[name] != other[name]} == {"sha256"}


def test_without_torch_the_extra_is_named(tmp_path, monkeypatch):
    model = saying(tmp_path, BIO, Ada="B-ORG")
    monkeypatch.setitem(sys.modules, "torch", None)

    with pytest.raises(
        MissingDependencyError,
        match=(
            r"hf models need transformers and torch: .*torch.*: pip install '\.\[hf\]' in a"
            r" checkout of evalkit"
        ),
    ):
        hf.load(model.removeprefix("hf:"))


def evalkit(*arguments):
    return run_evalkit(*arguments)


def expected_entities(text, tags):
    """What a model says whose tags follow words, by a plain loop: label, and the places of its
    first and last word.
    """
    entities = []
    for word in re.finditer(r"\w+|[^\w\s]", text):
        letter, _, label = tags.get(word[0], "O").partition("-")
        if letter == "I" and entities and entities[-1][0] == label and entities[-1][3]:
            entities[-1] = (label, entities[-1][1], word.end(), True)
        elif letter != "O":
            entities.append((label, *word.span(), True))
        elif entities:
            entities[-1] = (*entities[-1][:3], False)
    return [entity[:3] for entity in entities]


def test_a_model_on_the_bundled_corpus_says_what_its_weights_say(tmp_path):
    gold = load_corpus()
    article = gold[0]
    tags = {}
    for entity in article.entities:
        for n, word in enumerate(
            tiny_models.PIECES.findall(article.text[entity.start : entity.end])
        ):
            tags.setdefault(word, f"{'I' if n else 'B'}-{entity.label}")
    names = ["O", *(f"{letter}-{label}" for label in gold.schema.labels for letter in "BI")]
    tokenizer = tiny_models.wordpiece(tiny_models.pieces_of(article.text), 64)
    folder = tiny_models.tagger(tmp_path, tokenizer, names, lambda piece: tags.get(piece, "O"))
    expected = expected_entities(article.text, tags)
    hits = Counter(expected) & Counter((e.label, e.start, e.end) for e in article.entities)

    ran = evalkit(
        "run",
        "-m",
        f"hf:{folder}",
        "--metrics",
        "entities/strict",
        "--boot",
        "0",
        "--zones",
        "all",
        "--format",
        "json",
    )
    predicted = evalkit("predict", "-m", f"hf:{folder}")

    assert (ran.returncode, predicted.returncode) == (0, 0), ran.stderr
    assert [
        (e["label"], e["start"], e["end"]) for e in json.loads(predicted.stdout)["entities"]
    ] == expected
    micro = next(row for row in json.loads(ran.stdout)["rows"] if row["average"] == "micro")
    assert (micro["tp"], micro["predicted"]) == (hits.total(), len(expected))
    assert hits.total() > 30


def test_gold_scores_1_through_a_model_that_knows_which_tag_stands_where(tmp_path):
    gold = load_corpus()
    article = gold[0]
    tokenizer = tiny_models.wordpiece(tiny_models.pieces_of(article.text), 1000)
    at = {}
    for n, word in enumerate(
        tiny_models.PIECES.finditer(article.text), start=1
    ):  # position 0 is that of [CLS]
        for entity in article.entities:
            if entity.start <= word.start() < entity.end:
                at[n] = f"{'B' if word.start() == entity.start else 'I'}-{entity.label}"
    names = ["O", *(f"{letter}-{label}" for label in gold.schema.labels for letter in "BI")]
    folder = tiny_models.tagger(
        tmp_path, tokenizer, names, lambda piece: "O", at=at.get, positions=1000
    )

    scores = evaluate(f"hf:{folder}", gold, boot=0)
    ran = evalkit("run", "-m", f"hf:{folder}", "--boot", "0", "--format", "json")

    assert {name: scores[name].micro.f1 for name in scores} == dict.fromkeys(
        ["entities/strict", "entities/exact", "entities/partial", "entities/type"], 1.0
    )
    assert ran.returncode == 0, ran.stderr
    assert {row["f1"] for row in json.loads(ran.stdout)["rows"] if row["average"] == "micro"} == {
        1.0
    }
