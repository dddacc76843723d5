#!/usr/bin/env python3
"""Draws the charts of docs/performance.md from a report of the benchmark: `bench/charts.py target/bench/report.json docs/charts`.

An SVG has its colours from the reader's theme, so that it can be read on light and on dark pages.
"""

import json
import pathlib
import sys

WIDTH, LABELS, BAR, GAP = 720, 210, 18, 8
STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .small { font-size: 12px } .ours { fill: #1a7f37 } .peer { fill: #8c959f }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .ours { fill: #3fb950 } .peer { fill: #6e7681 } }
</style>"""


def chart(title, rows):
    """Draws rows of (label, value, text, is ours) as bars."""
    longest = max(value for _, value, _, _ in rows)
    height = 40 + len(rows) * (BAR + GAP)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">', STYLE]
    parts += [f"<title>{title}</title>", f'<text x="0" y="18">{title}</text>']
    for index, (label, value, text, is_ours) in enumerate(rows):
        top = 34 + index * (BAR + GAP)
        length = max(1, (WIDTH - LABELS - 130) * value / longest)
        kind = "ours" if is_ours else "peer"
        parts.append(f'<text class="small" x="0" y="{top + 13}">{label}</text>')
        parts.append(f'<rect class="{kind}" x="{LABELS}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2"/>')
        parts.append(f'<text class="small" x="{LABELS + length + 8:.1f}" y="{top + 13}">{text}</text>')
    return "\n".join([*parts, "</svg>", ""])


def by_median(variants, figure):
    """Lists variants with a figure's median, the least first."""
    figures = [(name, measured[figure]["median"]) for name, measured in variants.items() if name != "before"]
    return sorted(figures, key=lambda row: row[1])


def bars(variants, figure, unit, digits):
    rows = by_median(variants, figure)
    return [(name, value, f"{value:.{digits}f} {unit}", name == "receiver") for name, value in rows]


def main():
    report, folder = json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for case, title in [
        ("ingest-100", "ingest: CPU of a delivery of 100 events"),
        ("verify-100", "verify-and-store: CPU of a delivery of 100 events"),
        ("orders-10", "processor of orders: CPU of a batch of 10 events"),
    ]:
        if case in report["cases"]:
            svg = chart(title, bars(report["cases"][case], "cpu_ms", "ms", 2))
            (folder / f"{case}.svg").write_text(svg)
    if "cold-ingest" in report["cold"]:
        svg = chart(
            "ingest, cold: start of the process to the first answer",
            bars(report["cold"]["cold-ingest"], "first_answer_ms", "ms", 1),
        )
        (folder / "cold-ingest.svg").write_text(svg)


if __name__ == "__main__":
    main()
