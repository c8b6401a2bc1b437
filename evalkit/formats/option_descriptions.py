"""Describes each option of the formats, for `evalkit formats NAME` and the documentation.

Names and defaults come from the signatures of the readers and writers; a test compares both.
"""

from __future__ import annotations

SHARED = {
    "duplicates": "Duplicate annotations: error, or drop (keep the first); holds for all formats.",
    "trim": "Whether to remove white space and punctuation at the edges of spans; in all formats.",
    "on_error": "Errors in a document: raise, or skip (leave the document out); in all formats.",
    "encoding": "Encoding of text files, by its name in Python, such as latin-1; in all formats.",
    "offset_unit": "Unit of the offsets: code-points, utf-16 or utf-8.",
    "end_offset": "End offsets: exclusive or inclusive.",
    "newlines": "Line ends as counted by the offsets: as-is, lf or crlf.",
    "first_offset": "Offset of the first character: 0, 1 or 3.",
    "unicode_form": "Unicode normal form that the offsets were counted on: as-is, NFC or NFD.",
    "tagging": "Tagging: IOB2 IOB1 IOE2 IOE1 IO BIOES BILOU BMES bare suffix",
    "repair": "Invalid tag sequences: error, discard, begin (start an entity) or conlleval.",
    "texts": "Folder or file with the texts, for data published without them.",
    "triggers": "Span group or type to read as event triggers.",
    "ground": "Whether to search the texts of entities without offsets in the document.",
    "align_with": "Corpus of the same documents; tokens are split at its annotations, too.",
}
OPTION_DESCRIPTIONS: dict[str, dict[str, str]] = {
    "conll": {
        "token_column": "Column of the token, from 0; negative from the end.",
        "tag_column": "Column of the tag, from 0; negative from the end; several: 2+3.",
        "documents": "What a document is: docstart, sentence, file or a number of sentences.",
        "separator": "Column separator: any (spaces and tabs), tab or space.",
        "comments": "Whether lines that begin with # are comments; default: if no row looks so.",
        "embed_text": "Whether to write the text in a comment line.",
        "tokenizer": "Tokens to write: words, or whitespace (split at white space).",
        "split_tokens": "Whether to split tokens where an entity begins or ends inside them.",
    },
    "conll2012": {
        "token_column": "Column of the word, from 0; default: 3.",
        "tag_column": "Column of the entities, from 0; default: 10.",
        "documents": "What a document is: docstart, sentence, file or a number of sentences.",
        "embed_text": "Whether to write the text in a comment line.",
        "tokenizer": "Tokens to write: words, or whitespace (split at white space).",
        "split_tokens": "Whether to split tokens where an entity begins or ends inside them.",
    },
    "conllu": {
        "misc_key": "Key of the tags in MISC; default: name, NE, NER or ner, whichever there is.",
        "documents": "What a document is: docstart, sentence, file or a number of sentences.",
        "ids": "Ids of sentences: sent_id, or number (their number in the file).",
        "text": "given: the text in the comments; tokens: the words joined by spaces.",
        "tokenizer": "Tokens to write: words, or whitespace (split at white space).",
        "split_tokens": "Whether to split tokens where an entity begins or ends inside them.",
    },
    "brat": {
        "attribution": "Event type to read and write as attributions; several in reading: A,B.",
        "argument": "Type of text-bound annotations that serve as arguments only.",
        "roles": "numbered: Theme2 is Theme; exact: keep the numbers.",
        "layers": "Layers that were annotated although the folder has none: events,relations.",
    },
    "docbin": {
        "entities": "Read entities from ents or from this span group.",
        "lang": "Language code of the tokenizer; default: that of the document, or xx.",
        "alignment_mode": "Annotations inside a token: split (it), strict, expand or contract.",
    },
    "labelstudio": {
        "text_field": "Key of the data that holds the text.",
        "annotator": "Annotator to read: a number or an address; default: the first annotation.",
        "annotation_source": "annotations, or predictions.",
        "control": "from_name of the labels to read, where there are several.",
    },
    "cas": {
        "type": "Type of the entities; default: NamedEntity.",
        "feature": "Feature that holds the label.",
        "typesystem": "File of the type system.",
        "view": "View to read.",
        "annotator": "Annotator whose files to read, where documents are in several.",
        "file_format": "File format to write: xmi or json.",
    },
    "dygie": {
        "annotation_source": "gold, or predicted: read predicted_ner and predicted_events.",
        "dataset": "Name of the data set to write.",
    },
    "prodigy": {
        "annotator": "Annotator or session to read, such as ann.",
    },
    "spacy-json": {
        "entities": "Read the list entities, or this span group of spans.",
    },
    "textee": {
        "windows": "joined: windows of one doc_id form a document; apart: each is a document.",
        "text": "given: the text of the window; tokens: the tokens joined by spaces.",
    },
    "spert": {
        "text": "given: the text in the file, if it has one; tokens: the tokens joined by spaces.",
        "ids": "Ids of documents: orig_id, or number (their number in the file).",
    },
    "gliner-json": {
        "text": "given: the text in the file, if it has one; tokens: the tokens joined by spaces.",
    },
    "pubtator": {
        "relations": "Relations of concepts: first-mentions (between these), or drop.",
    },
    "webanno": {
        "type": "Layer of the entities; default: NamedEntity.",
        "feature": "Feature that holds the label.",
        "annotator": "Name of the files to read from the folders of a project.",
    },
    "bioc": {
        "feature": "Infon with the label of annotations and relations.",
        "link": "Infon with the concept id of annotations.",
        "check_text": "Whether texts of annotations must be those at their offsets.",
        "file_format": "File format to write: xml or json; default: by the suffix.",
    },
    "langextract": {
        "texts": "Corpus with the texts and ids, for records that lack them.",
    },
    "gliner2-json": {
        "texts": "Corpus with the texts and ids, for records that lack them.",
    },
    "universal-ner": {
        "texts": "Corpus with the documents and their ids.",
    },
    "instruct-uie": {
        "annotation_source": "gold, or predicted: read Prediction.",
        "texts": "Corpus with the documents and their ids.",
    },
    "spans": {
        "document_column": "Name of the column of documents, if it is not recognized.",
        "start_column": "Name of the column of starts.",
        "end_column": "Name of the column of ends.",
        "label_column": "Name of the column of labels.",
        "text_column": "Name of the column of surface forms.",
        "document_text_column": "Name of the column with the texts of documents.",
        "texts": "Corpus, folder, text table or text file with the texts of the documents.",
        "separator": "Column separator: comma, tab or semicolon; default: as in the header.",
        "quotes": "Whether cells may be quoted; false: quotes are ordinary characters.",
        "embed_text": "Whether to write the texts, in a column document_text.",
    },
    "tokens": {
        "token_column": "Name of the column of tokens, if it is not recognized.",
        "tag_column": "Name of the column of tags; several: coarse+fine.",
        "sentence_column": "Name of the column of sentences.",
        "document_column": "Name of the column of documents.",
        "documents": "What a document is: docstart (a value of the document column), sentence, file"
        " or a number of sentences.",
        "separator": "Column separator: comma, tab or semicolon; default: as in the header.",
        "quotes": "Whether cells may be quoted; false: quotes are ordinary characters.",
        "tokenizer": "Tokens to write: words, or whitespace (split at white space).",
        "split_tokens": "Whether to split tokens where an entity begins or ends inside them.",
    },
    "maven": {
        "text": "tokens: the tokens joined by spaces; given: the texts of the sentences.",
    },
    "rams": {
        "texts": "File of RAMS with the sentences and triggers of predictions.",
    },
    "wikievents": {
        "coref": "File with the coreference of the entities.",
        "text": "given: the text of the document; tokens: the tokens joined by spaces.",
    },
    "casie": {
        "texts": "Folder with the source files, whose texts are read in place of content.",
    },
    "docred": {
        "texts": "File of DocRED with the entities of predicted relations.",
    },
    "quotes": {
        "texts": "Corpus, folder or .txt file with the texts.",
        "document_column": "Column of the document, where it is not found by its name.",
        "text_column": "Column of the quotation, where it is not found by its name.",
        "speaker_column": "Column of the speaker, where it is not found by its name.",
        "start_column": "Column of the start, where it is not found by its name.",
        "end_column": "Column of the end, where it is not found by its name.",
        "separator": "Column separator: comma, tab or semicolon; default: that of the header.",
    },
    "parquet": {
        "texts": "Corpus or folder with the texts of a table of spans.",
        "layout": "documents (a document in each row), or spans (an entity in each row).",
    },
    "hf": {
        "config": "Config to load.",
        "split": "Split to load.",
        "revision": "Branch, tag or commit.",
        "token_column": "Column of the tokens.",
        "tag_column": "Column of the tags.",
        "names": "Tags that numbers stand for, from 0 on, such as O,B-PER,I-PER.",
    },
}


def describe_option(format_name: str, option: str) -> str:
    """Returns the description of an option of a format; "" if there is none."""
    return OPTION_DESCRIPTIONS.get(format_name, {}).get(option) or SHARED.get(option, "")
