"""evalkit: how well does a model find what people marked in a text, and how sure can you be of the
number?

Read the modules in this order; each uses only those above it (tests/test_architecture.py sees to
that).

    version     which evalkit is this?
    errors      what can go wrong, and how is it said?
    input_files    how are files opened that others have written?
    json_keys   does an object have one key twice?
    discreet    what must not be written down?
    files       how is a file written so that a failure loses nothing?
    frontmatter  which YAML stands at the top of a Markdown file?
    text        what is a word, what is a sentence?
    document    what can be marked in a text?
    duplicates  which annotations repeat another in full?
    chunk       what lies where in a few documents?
    span_edges  how many entities begin or end with white space or punctuation?
    schema      which labels, types and roles are there, and how do label sets map?
    label_maps  which labels are compared, and under which names?
    tags        what spans does a sequence of BIO tags say?
    formats     how are documents written down?
    corpus      where do documents come from, and go?
    grounding   where in the text is what the model quoted?
    models      what can be evaluated?
    runs        what is kept of a run, so that it goes on where it stopped?
    processes   how do several processes share the work?
    predict     how is a model run?
    thresholds  which of a model's answers count?
    layers      what is compared?
    metrics     when is it right?
    columns     items as numbers
    zones       where does an item count?
    match       which predicted item answers which gold item?
    attribution_pairing  which predicted attribution is compared with which of gold?
    counting    how many agree?
    pairs       who answers whom?
    digest      which corpus was it?
    counts      what is kept of a comparison?
    label_advice  do gold and prediction use the same labels?
    stats       how sure can we be?
    intervals   how sure is a score?
    results     what is written down of a result?
    render      how does a table look?
    summary     what does a report say first?
    scores      what is the number?
    compare     which of several is better?
    bare        what if there are no documents?
    joining     which prediction belongs to which gold document?
    seen        what do gold and the prediction hold?
    tally       what was counted of one layer?
    choices     what if an ambiguous quote stands elsewhere?
    gathering   what do all documents together say?
    evaluate    the whole library on one page
    training    how is a model watched while it trains?
    modelcard   what does a model's own page say of its scores?
    verify      is a result what it says?
    curves      where should the threshold be?
    card        what is said of a data set on its own page?
    beginning   how does a corpus begin?
    quoting     what of the texts would go out with a data set that is published without them?
    croissant   how is a data set described for programs?
    assembling  what is published of a corpus?
    publish     how does a data set get to the Hub?
    options     what can be asked on the command line?
    corpora     what is done with corpora on the command line?
    running     how does a run look from a terminal?
    cli         the same, typed
"""

from evalkit.bare import score_spans, score_tags
from evalkit.corpus import Corpus, load_corpus
from evalkit.document import Argument, Attribution, Document, Entity, Event, Span, Unplaced, Zone
from evalkit.errors import EvalkitError, InputError, LoadError
from evalkit.evaluate import compare, evaluate, score
from evalkit.models import load_model
from evalkit.predict import predict
from evalkit.schema import Schema
from evalkit.scores import Scores
from evalkit.version import evalkit_version

__all__ = [
    "Argument",
    "Attribution",
    "Corpus",
    "Document",
    "Entity",
    "EvalkitError",
    "Event",
    "InputError",
    "LoadError",
    "Schema",
    "Scores",
    "Span",
    "Unplaced",
    "Zone",
    "compare",
    "evaluate",
    "load_corpus",
    "load_model",
    "predict",
    "score",
    "score_spans",
    "score_tags",
]


def __getattr__(name: str) -> str:
    # Reading the installed version takes longer than the rest of the import, so it waits until it
    # is asked for.
    if name == "__version__":
        return evalkit_version()
    raise AttributeError(f"module 'evalkit' has no attribute {name!r}")
