"""Metrics as Prometheus reads them: the text exposition format, version 0.0.4."""

from collections.abc import Iterable

from faregate.gateway.metric_families import Counts, Family, Histogram, Labels, Measure
from faregate.money import format_usd

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_MILLION = 10**6


def render(families: Iterable[Family]) -> bytes:
    """All families with their HELP and TYPE lines; one with no number yet has only those."""
    out: list[str] = []
    for family in families:
        out.append(f"# HELP {family.name} {_help(family.help)}")
        out.append(f"# TYPE {family.name} {family.kind}")
        if isinstance(family, Counts):
            _counts(out, family)
        elif isinstance(family, Histogram):
            _histogram(out, family)
    out.append("")
    return "\n".join(out).encode("utf-8", "replace")


def _counts(out: list[str], family: Counts) -> None:
    for labels, value in sorted(family.at.items()):
        out.append(f"{family.name}{_braces(family, labels)} {_number(value, family.measure)}")


def _histogram(out: list[str], family: Histogram) -> None:
    for labels, cell in sorted(family.at.items()):
        seen = 0
        for bound, count in zip(family.bounds, cell, strict=False):
            seen += count
            braces = _braces(family, labels, f'le="{bound / _MILLION!r}"')
            out.append(f"{family.name}_bucket{braces} {seen}")
        seen += cell[-2]
        everything = _braces(family, labels, 'le="+Inf"')
        out.append(f"{family.name}_bucket{everything} {seen}")
        plain = _braces(family, labels)
        out.append(f"{family.name}_sum{plain} {_number(cell[-1], 'seconds')}")
        out.append(f"{family.name}_count{plain} {seen}")


def _braces(family: Family, labels: Labels, extra: str = "") -> str:
    pairs = [
        f'{name}="{value.translate(_ESCAPES)}"'
        for name, value in zip(family.labels, labels, strict=True)
        if value
    ]
    if extra:
        pairs.append(extra)
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _number(value: int, measure: Measure) -> str:
    if measure == "usd":
        return format_usd(value)
    if measure == "seconds":
        return f"{value // _MILLION}.{value % _MILLION:06d}"
    return str(value)


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
