"""Lines of a report about how gold and predictions were read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evalkit.results.metadata import ConversionCounts


def read_lines(conversion: ConversionCounts) -> Iterator[str]:
    """What the readers of gold and prediction dropped, repaired and skipped, and what they
    detected: a line for each side of which something was changed.
    """
    for side, sections in conversion.items():
        parts = []
        for section, counts in sections.items():
            if counts and section != "detected":
                items = ", ".join(f"{count:,} {name}" for name, count in counts.items())
                parts.append(f"{section} {items}")
        if parts:
            yield f"Read: {side}: {'; '.join([*_detections(sections), *parts])}"


def detection_lines(conversion: ConversionCounts) -> Iterator[str]:
    """What the readers detected: a line for each side of which nothing was changed."""
    for side, sections in conversion.items():
        is_changed = any(counts for section, counts in sections.items() if section != "detected")
        if not is_changed:
            for detected in _detections(sections):
                yield f"Read: {side}: {detected}"


def _detections(sections: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What was detected on a side, as one text; none if nothing was."""
    detected = sections.get("detected", {})
    return [f"detected {', '.join(detected)}"] if detected else []
