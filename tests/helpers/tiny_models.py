"""Real transformers models of a few kilobytes, built here: what a model says of each token, or at
each position, is written by hand.
"""

import functools
import re

UNKNOWN = "[UNK]"
SPECIAL = ["[PAD]", UNKNOWN, "[CLS]", "[SEP]"]
PIECES = re.compile(r"\w+|[^\w\s]")


def tagger(folder, tokenizer, tags, says, at=None, positions=600):
    """A token classifier, saved with its tokenizer; the folder's path.

    `says(piece)` is a tag, or a dict with the weight of each tag; `at(position)` is a tag that
    overrules it, or None.
    """
    network(tokenizer, tags, says, at, positions).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def network(tokenizer, tags, says, at=None, positions=600):
    """BERT without a layer: a token's tag is that of its piece, unless its position has one."""
    import torch
    from transformers import BertConfig, BertForTokenClassification

    names = dict(enumerate(tags))
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=len(tags),
        num_hidden_layers=0,
        num_attention_heads=1,
        max_position_embeddings=positions,
        id2label=names,
        label2id={name: n for n, name in names.items()},
    )
    made = BertForTokenClassification(config).eval()
    table = made.bert.embeddings
    with torch.no_grad():
        for weight in (
            table.word_embeddings.weight,
            table.position_embeddings.weight,
            table.token_type_embeddings.weight,
            made.classifier.bias,
        ):
            weight.zero_()
        made.classifier.weight.copy_(3 * torch.eye(len(tags)))
        for n in range(len(tokenizer)):
            put(
                table.word_embeddings.weight[n],
                tags,
                says(tokenizer.convert_ids_to_tokens(n)) or "O",
                1,
            )
        for position in range(positions if at else 0):
            put(table.position_embeddings.weight[position], tags, at(position) or {}, 100)
    return made


def put(row, tags, said, times):
    for tag, weight in said.items() if isinstance(said, dict) else [(said, 1)]:
        row[tags.index(tag)] = times * weight


def wordpiece(pieces, length=512):
    """A tokenizer that knows these pieces, such as "Ac" and "##me"; BERT's cuts at spaces and
    punctuation.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {piece: n for n, piece in enumerate(dict.fromkeys([*SPECIAL, *pieces]))}
    made = Tokenizer(
        models.WordPiece(vocab=vocabulary, unk_token=UNKNOWN, continuing_subword_prefix="##")
    )
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return wrapped(made, length)


def bytewise(text, length=512):
    """Byte-level BPE, trained on a text; a token's place includes the space before it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE(unk_token=UNKNOWN))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, trim_offsets=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        [text] * 20,
        trainers.BpeTrainer(
            vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
        ),
    )
    return wrapped(made, length)


def unigram(pieces, length=512):
    """A tokenizer that knows these pieces, such as "▁Ac", "me" and "▁"; as SentencePiece's it cuts
    at spaces alone.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    vocabulary = [
        (piece, 0.0 if piece in SPECIAL else -1.0) for piece in dict.fromkeys([*SPECIAL, *pieces])
    ]
    made = Tokenizer(models.Unigram(vocabulary, unk_id=1, byte_fallback=False))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    return wrapped(made, length)


def wrapped(made, length):
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    special = [(name, made.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=special
    )
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    lengths = {} if length is None else {"model_max_length": length}
    return PreTrainedTokenizerFast(tokenizer_object=made, **names, **lengths)


def capitalised(piece):
    """What a model says that takes capitalised words for organisations, and what goes on with a
    word for nothing.
    """
    return "B-ORG" if re.match(r"[Ġ▁]?[A-Z]", piece) else "O"


@functools.cache
def pieces_of(text):
    """Whole words and punctuation marks."""
    return tuple(dict.fromkeys(PIECES.findall(text)))


def gliner(folder, pieces, length=64, words=12):
    """A GLiNER model with random weights, saved; it reads `words` words, and `length` tokens of
    labels and words.

    The folder's path.
    """
    import torch
    from gliner import GLiNER, GLiNERConfig
    from transformers import BertConfig

    torch.manual_seed(0)
    tokenizer = wordpiece(pieces, length)
    tokenizer.save_pretrained(folder / "encoder")
    encoder = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=length,
    )
    encoder.save_pretrained(folder / "encoder")
    config = GLiNERConfig(
        model_name=str(folder / "encoder"),
        encoder_config=encoder.to_dict(),
        hidden_size=16,
        max_len=words,
        max_width=3,
        dropout=0.0,
    )
    GLiNER.from_config(config, backbone_from_pretrained=False).save_pretrained(folder / "model")
    return str(folder / "model")
