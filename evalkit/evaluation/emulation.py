"""`emulate`: the numbers that another scorer prints, and why they differ from evalkit's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evalkit.analysis.scorer_options import parse_names
from evalkit.analysis.scorer_practices import (
    ITEM_PRACTICES,
    list_practice_rules,
    parse_practices,
)
from evalkit.analysis.scorer_registry import Scorer, find_scorer
from evalkit.analysis.scorer_rules import (
    SIDES,
    ScorerItem,
    ScorerMeasure,
    ScorerState,
    apply_rules,
    count_one_to_one,
    ratios_of_evalkit,
)
from evalkit.analysis.scorer_sets import COUNTS
from evalkit.analysis.scorer_strings import list_surfaces
from evalkit.corpus import CorpusSource
from evalkit.errors import InputError, spell_option
from evalkit.evaluation.document_join import gc_disabled
from evalkit.evaluation.emulated_heads import HeadsOfSide, count_headless, open_heads
from evalkit.evaluation.emulated_inputs import EmulatedInputs, open_emulated_inputs
from evalkit.evaluation.emulated_layers import EMULATED_LAYERS
from evalkit.evaluation.emulated_matching import EntityMatcher, match_entities
from evalkit.evaluation.score_options import parse_missing
from evalkit.results.emulated_scores import EmulatedScores, ScoreDifference
from evalkit.results.wording import pluralize
from evalkit.scoring.parsed_heads import parse_heads

HEAD_WORDS = "head-words"
# Fields of evalkit's signature that belong to intervals
WITHOUT_MEANING = ("units", "interval", "level", "boot", "seed", "zones")


def emulate(
    scorer: str,
    gold: CorpusSource | list[list[str]],
    predicted: CorpusSource | list[list[str]],
    *,
    explain: bool = False,
    missing: str = "error",
    **options: Any,
) -> EmulatedScores:
    """Return the numbers that another scorer prints for the same predictions.

    - `scorer`: its name, such as "seqeval"; `evalkit emulate --list` lists them.
    - `gold`, `predicted`: corpora or paths, as for `score`. For scorers of tagged words also lists
      of lists of tags, and CoNLL files, whose tags are taken as they are, valid or not; of other
      corpora the entities are tagged on the words of the text.
    - `explain`: whether the report shows the steps from evalkit's number to the scorer's, which are
      in `.differences` in any case.
    - `missing`: gold documents without a prediction are an "error", or have no predictions
      ("empty"). Some scorers leave them out then, which is one of the steps.
    - `options`: of the scorer. All scorers have `practices`, which change the input of the scorer
      ("drop-empty", "drop-unaligned", "gold-triggers", "head-words", or several as a list),
      `heads`, "spacy:NAME", for head-words where arguments have no head, and `tagging`, that of the
      tags.

    `.rows` has the scorer's own names. Alternatives, optional items and zones of gold are not used,
    since other scorers have none. Raises UnknownNameError for an unknown scorer or option, and the
    errors of `score`.

    >>> emulate("seqeval", [["B-PER", "O"]], [["I-PER", "O"]]).rows[-3]["f1-score"]
    1.0
    """
    entry = find_scorer(scorer)
    missing = parse_missing(missing)
    own = dict(options)
    tagging = own.pop("tagging", None)
    heads_source = _pop_heads(own, entry, scorer)
    names = own.pop("practices", ())
    rules = entry.build_rules(own)
    layers = [_layer_of(measure.metric) for measure in rules.measures]
    practices = parse_practices(names, layers)
    _check_practices(practices, entry, scorer)
    options.pop("practices", None)
    if practices:
        options["practices"] = practices
    inputs = open_emulated_inputs(
        gold,
        predicted,
        needs_tokens=entry.needs_tokens,
        reads_tags=entry.reads_tags,
        tagging=tagging,
        default_tagging=rules.tagging,
        missing=missing,
    )
    heads = open_heads(inputs, heads_source)
    measures = _choose_measures(rules.measures, inputs, scorer)
    with gc_disabled():  # millions of items, without reference cycles
        states, differences = _apply_measures(measures, inputs, heads, practices)
        rows = rules.rows(states)
    notes = list(inputs.notes)
    if HEAD_WORDS in (scorer, *practices):
        headless = pluralize(count_headless(inputs, heads), "argument")
        notes.append(f"without a head, compared as a whole: {headless}")
    metric = differences[0].metric
    return EmulatedScores(
        scorer,
        entry.version,
        _describe_inputs(inputs, entry, scorer),
        rows,
        tuple(differences),
        _signature_fields(inputs.describe_metric(metric), scorer, entry.version, options),
        notes=tuple(notes),
        is_explained=explain,
        percent_digits=rules.percent_digits,
        texts={document.id: document.text for document in inputs.documents},
    )


def _apply_measures(
    measures: Iterable[ScorerMeasure],
    inputs: EmulatedInputs,
    heads: HeadsOfSide,
    practices: Sequence[str],
) -> tuple[dict[str, ScorerState], list[ScoreDifference]]:
    """The last state of each measure, by its name, and the chains that lead there. Measures of one
    metric begin with one state.
    """
    first_states: dict[str, ScorerState] = {}
    states: dict[str, ScorerState] = {}
    differences = []
    for measure in measures:
        metric = _choose_metric(measure, inputs)
        if metric not in first_states:
            first_states[metric] = build_first_state(inputs, metric, heads)
        first = first_states[metric]
        steps_before = list_practice_rules(practices, _layer_of(metric))
        last, steps = apply_rules(first, [*steps_before, *measure.rules])
        states[measure.name] = last
        differences.append(
            ScoreDifference(measure.name, metric, first.numbers(), last.numbers(), steps)
        )
    return states, differences


def _check_practices(practices: Sequence[str], entry: Scorer, scorer: str) -> None:
    """Raises InputError for practices that change items, of a scorer that reads events itself."""
    for name in practices:
        if entry.reads_events and name in ITEM_PRACTICES:
            raise InputError(
                f"{spell_option('practices', name, of='scorer')}: {scorer} reads events itself:"
                " expected textee, oneie or dygie"
            )


def _pop_heads(options: dict[str, Any], entry: Scorer, scorer: str) -> str | None:
    """The source of heads for head-words, which is taken out of the options unless it is the
    scorer's own. Raises InputError for one that is invalid or not needed.
    """
    if "heads" not in options or "heads" in entry.options:
        return None
    source = parse_heads(options.pop("heads"), of="scorer")
    practices = parse_names("practices", options.get("practices"), "practices")
    if scorer != HEAD_WORDS and HEAD_WORDS not in practices:
        raise InputError(
            f"{spell_option('heads', source, of='scorer')}: applies to the practice {HEAD_WORDS}"
            f" only; add {spell_option('practices', HEAD_WORDS, of='scorer')}"
        )
    return source


def _layer_of(metric: str) -> str:
    return metric.partition("/")[0]


def _choose_measures(
    measures: Sequence[ScorerMeasure], inputs: EmulatedInputs, scorer: str
) -> list[ScorerMeasure]:
    """The measures of layers that gold has. Raises InputError if there is none."""
    chosen = [
        measure
        for measure in measures
        if inputs.has_tags or inputs.list_annotated(_layer_of(measure.metric))
    ]
    if not chosen:
        layers = dict.fromkeys(
            EMULATED_LAYERS[_layer_of(each.metric)].document_layer for each in measures
        )
        raise InputError(f"{scorer}: gold has no {' and no '.join(layers)}: nothing to score")
    return chosen


def _choose_metric(measure: ScorerMeasure, inputs: EmulatedInputs) -> str:
    """The metric of evalkit from which a measure begins."""
    if measure.string_metric is not None and inputs.has_gold_strings:
        return measure.string_metric
    return measure.metric


def build_first_state(
    inputs: EmulatedInputs, metric: str, heads: HeadsOfSide = lambda _: {}
) -> ScorerState:
    """Evalkit's own items and count of a metric."""
    layer, _, scheme = metric.partition("/")
    sides: dict[str, Sequence[ScorerItem]] = {side: inputs.items(side, layer) for side in SIDES}
    if layer == "surfaces":
        sides = {side: list_surfaces(items, scheme) for side, items in sides.items()}
    is_one_to_one = scheme == "strict" or layer == "surfaces"
    count = COUNTS.get(metric, count_one_to_one if is_one_to_one else EntityMatcher(scheme))
    return ScorerState(
        inputs.documents,
        sides["gold"],
        sides["predicted"],
        count,
        ratios_of_evalkit,
        match_entities,
        {
            "inputs": inputs,
            "metric": metric,
            "tagging": inputs.tagging,
            "heads": heads,
            "symmetric": inputs.symmetric,
        },
    )


def _describe_inputs(inputs: EmulatedInputs, scorer: Scorer, name: str) -> str:
    noun = "sequence" if inputs.has_tags else "document"
    size = pluralize(len(inputs.documents), noun)
    version = f" {scorer.version}" if scorer.version else ""
    return f"What {name}{version} prints ({size}{' of tags' if inputs.has_tags else ''})"


def _signature_fields(
    fields: Mapping[str, str], scorer: str, version: str, options: Mapping[str, Any]
) -> dict[str, str]:
    """The signature of evalkit's number with the field `scorer`."""
    named = f"{scorer}@{version}" if version else scorer
    if options:
        values = ",".join(f"{name}={_spell(value)}" for name, value in sorted(options.items()))
        named = f"{named}[{values}]"
    signature: dict[str, str] = {}
    for name, value in fields.items():
        if name not in WITHOUT_MEANING:
            signature[name] = value
        if name == "metric":
            signature["scorer"] = named
    return signature


def _spell(value: object) -> str:
    if isinstance(value, Iterable) and not isinstance(value, str):
        return "+".join(map(str, value))
    return str(value)


conventions = emulate  # the other name of the function
