"""The outcome of each item of the layers `attached-arguments` and `attached-attributions`."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

from evalkit.analysis.attribution_errors import classify_attributions
from evalkit.analysis.error_items import ItemOutcome
from evalkit.data.document import ATTRIBUTION_PARTS, Attribution, Document
from evalkit.data.duplicates import repeated_annotations
from evalkit.errors import InputError, quoted_repr
from evalkit.evaluation.document_counter import ScoringTask
from evalkit.evaluation.event_errors import ArgumentPlace, EventSide, compare_events
from evalkit.scoring.block_side import BlockSide
from evalkit.scoring.counting import Block, BlockBuilder

ATTACHED_LAYERS = ("attached-arguments", "attached-attributions")
WITH_ATTRIBUTION = "with its attribution"


def find_attached_outcomes(
    task: ScoringTask, builder: BlockBuilder, block: Block, failed: Container[str]
) -> list[ItemOutcome]:
    """The outcomes of all placed items of a block of one of ATTACHED_LAYERS.

    builder: the one that made the block; it keeps its documents. failed: ids of documents on which
    the model failed.
    """
    if builder.name == "attached-arguments":
        return list(_iter_arguments(task, builder, block, failed))
    return list(_iter_parts(builder, block))


def _positions(side: BlockSide) -> dict[int, int]:
    """The row of a block's items that each scored item stands for, of all that were read."""
    positions = {row: position for position, row in enumerate(side.rows.tolist())}
    positions.update({row: position for position, row in side.merged.tolist()})
    return positions


def _iter_arguments(
    task: ScoringTask, builder: BlockBuilder, block: Block, failed: Container[str]
) -> Iterator[ItemOutcome]:
    sides = [_positions(side) for side in (block.gold, block.predicted)]
    n_read = [0, 0]  # arguments of the documents before
    for errors in compare_events(task, builder, block, failed):
        rows = []
        for number, side in enumerate((errors.gold, errors.predicted)):
            numbers = _number_arguments(errors.documents[number], n_read[number])
            n_read[number] += len(numbers)
            rows.append(_rows_of_arguments(side, numbers, sides[number]))
        for outcome in errors.outcomes:
            kind, detail = outcome.cell
            yield ItemOutcome(
                None if outcome.gold is None else rows[0][outcome.gold],
                None if outcome.predicted is None else rows[1][outcome.predicted],
                kind,
                detail,
                outcome.is_approximate,
            )


def _number_arguments(document: Document, first: int) -> dict[ArgumentPlace, int]:
    """The number of each argument of a document, counted from `first` on."""
    numbers: dict[ArgumentPlace, int] = {}
    for index, event in enumerate(document.events or ()):
        for n in range(len(event.arguments)):
            numbers[index, n] = first + len(numbers)
    return numbers


def _rows_of_arguments(
    side: EventSide, numbers: Mapping[ArgumentPlace, int], positions: Mapping[int, int]
) -> dict[tuple[int, int], int]:
    """The row of each argument item, by the indices of the event item and of the argument."""
    rows = {}
    for item, arguments in enumerate(side.arguments):
        for n, places in enumerate(arguments):
            rows[item, n] = positions[numbers[places[0]]]
    return rows


def _iter_parts(builder: BlockBuilder, block: Block) -> Iterator[ItemOutcome]:
    sides = [_positions(side) for side in (block.gold, block.predicted)]
    n_read = [0, 0]  # parts of the documents before
    for gold, predicted in zip(*builder.documents):
        rows = []
        for number, document in enumerate((gold, predicted)):
            numbers = _number_parts(document.attributions or (), n_read[number])
            n_read[number] += len(numbers)
            scored = {}
            for place, part_number in numbers.items():
                if part_number in sides[number]:
                    scored[place] = sides[number][part_number]
            rows.append(scored)
        yield from _compare_attributions(gold, predicted, rows[0], rows[1])


# The index of an attribution, and the name of a part
PartPlace = tuple[int, str]


def _number_parts(attributions: Sequence[Attribution], first: int) -> dict[PartPlace, int]:
    """The number of each part, counted from `first` on."""
    numbers: dict[PartPlace, int] = {}
    for index, attribution in enumerate(attributions):
        for part in ATTRIBUTION_PARTS:
            if getattr(attribution, part) is not None:
                numbers[index, part] = first + len(numbers)
    return numbers


def _compare_attributions(
    gold: Document,
    predicted: Document,
    gold_rows: Mapping[PartPlace, int],
    predicted_rows: Mapping[PartPlace, int],
) -> Iterator[ItemOutcome]:
    """The outcomes of the scored parts of a document. A part whose counterpart is not scored is
    missed or spurious.
    """
    attributions = predicted.attributions or ()
    repeats = repeated_annotations(attributions)
    distinct = [index for index, is_repeat in enumerate(repeats) if not is_repeat]
    try:
        outcomes = classify_attributions(
            gold.attributions or (), [attributions[index] for index in distinct]
        )
    except InputError as error:
        raise InputError(f"document {quoted_repr(gold.id)}: {error}") from None
    for outcome in outcomes:
        for part in outcome.parts:
            g = p = None
            if outcome.gold is not None:
                g = gold_rows.get((outcome.gold, part.part))
            if outcome.predicted is not None:
                p = predicted_rows.get((distinct[outcome.predicted], part.part))
            alone = "" if outcome.kind == "paired" else WITH_ATTRIBUTION
            if g is not None and p is not None:
                kind, detail = part.kind
                yield ItemOutcome(g, p, kind, detail or "")
            elif g is not None:
                yield ItemOutcome(g, None, "missed", alone)
            elif p is not None and part.attached_elsewhere is not None:
                yield ItemOutcome(None, p, "spurious", "attached elsewhere")
            elif p is not None:
                yield ItemOutcome(None, p, "spurious", alone)
