"""Which values does the Hugging Face Hub know? The lists that a card's metadata is checked against.

Creators, languages, multilinguality and sizes are the files that the package `datasets` carries;
they are read from there. The Hub has no file of the rest in any package; these lists were read in
November 2026 from the public repositories of Hugging Face:

    LICENSES                     hub-docs, docs/hub/repositories-licenses.md at commit 008d54d
    TASK_CATEGORIES, TASK_IDS    huggingface.js, packages/tasks/src/pipelines.ts at commit 0057f40

A licence that is newer than the list goes as `other`, with license_name and license_link.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evalkit.errors import MissingDependencyError

LICENSES = frozenset(
    """
    afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bigcode-openrail-m bigscience-bloom-rail-1.0
    bigscience-openrail-m bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 c-uda cc
    cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0
    cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0
    cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0
    creativeml-openrail-m deepfloyd-if-license ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 gemma
    gfdl gpl gpl-2.0 gpl-3.0 isc lgpl lgpl-2.1 lgpl-3.0 lgpl-lr llama2 lppl-1.3c mit mpl-2.0 ms-pl
    ncsa odbl odc-by ofl-1.1 openrail openrail++ osl-3.0 other pddl postgresql unknown unlicense
    wtfpl zlib """.split()
)
TASK_CATEGORIES = frozenset(
    """
    any-to-any audio-classification audio-text-to-text audio-to-audio automatic-speech-recognition
    biology depth-estimation document-question-answering feature-extraction fill-mask graph-ml
    image-classification image-feature-extraction image-segmentation image-text-to-text image-to-3d
    image-to-image image-to-text image-to-video keypoint-detection mask-generation multiple-choice
    object-detection other question-answering reinforcement-learning robotics sentence-similarity
    summarization table-question-answering table-to-text tabular-classification tabular-regression
    tabular-to-text text-classification text-generation text-ranking text-retrieval text-to-3d
    text-to-audio text-to-image text-to-speech text-to-video text2text-generation
    time-series-forecasting token-classification translation unconditional-image-generation
    video-classification video-text-to-text visual-document-retrieval visual-question-answering
    voice-activity-detection zero-shot-classification zero-shot-image-classification
    zero-shot-object-detection """.split()
)
TASK_IDS = frozenset(
    """
    abstractive-qa acceptability-classification audio-emotion-recognition
    audio-intent-classification audio-language-identification closed-book-qa closed-domain-qa
    conversational coreference-resolution dialogue-generation dialogue-modeling
    document-question-answering document-retrieval entity-linking-classification
    entity-linking-retrieval explanation-generation extractive-qa face-detection fact-checking
    fact-checking-retrieval grasping hate-speech-detection image-captioning image-colorization
    image-inpainting instance-segmentation intent-classification keyword-spotting
    language-identification language-modeling lemmatization masked-language-modeling
    multi-class-classification multi-class-image-classification multi-input-text-classification
    multi-label-classification multi-label-image-classification
    multiple-choice-coreference-resolution multiple-choice-qa multivariate-time-series-forecasting
    named-entity-recognition natural-language-inference news-articles-headline-generation
    news-articles-summarization open-book-qa open-domain-abstractive-qa open-domain-qa
    panoptic-segmentation parsing part-of-speech pose-estimation rdf-to-text semantic-segmentation
    semantic-similarity-classification semantic-similarity-scoring sentiment-analysis
    sentiment-classification sentiment-scoring slot-filling speaker-identification super-resolution
    tabular-multi-class-classification tabular-multi-label-classification
    tabular-single-column-regression task-planning text-scoring text-simplification
    topic-classification univariate-time-series-forecasting utterance-retrieval vehicle-detection
    visual-question-answering word-sense-disambiguation """.split()
)


@lru_cache
def load_allowed_values() -> dict[str, frozenset[str]]:
    """The values that each field of the metadata may have.

    Raises MissingPackage where `datasets` is not installed.
    """
    creators = _resource("creators")
    return {
        "language": frozenset(_resource("languages")) | {"multilingual"},
        "license": LICENSES,
        "annotations_creators": frozenset(creators["annotations"]),
        "language_creators": frozenset(creators["language"]),
        "multilinguality": frozenset(_resource("multilingualities")),
        "size_categories": frozenset(_resource("size_categories")),
        "task_categories": TASK_CATEGORIES,
        "task_ids": TASK_IDS,
    }


def size_category(documents: int) -> str:
    """The Hub's name for a number of documents.

    >>> size_category(1), size_category(1000), size_category(2_000_000)
    ('n<1K', '1K<n<10K', '1M<n<10M')
    """
    bounds = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
    if documents < 1000:
        return "n<1K"
    at = len(str(documents)) - 4
    return f"{bounds[at]}<n<{bounds[at + 1]}" if at + 1 < len(bounds) else "n>1T"


def _resource(name: str) -> Any:
    # Read as a file, since importing the package takes seconds.
    found = find_spec("datasets")
    if found is None or not found.submodule_search_locations:
        raise MissingDependencyError(
            "a card is checked against lists of datasets, which is not installed: pip install"
            " 'datasets>=4'"
        )
    path = Path(found.submodule_search_locations[0]) / "utils" / "resources" / f"{name}.json"
    if not path.is_file():
        raise MissingDependencyError(
            f"a card is checked against utils/resources/{name}.json of datasets, which the"
            " installed one lacks: pip install 'datasets>=4,<6'"
        )
    return json.loads(path.read_text(encoding="utf-8"))
