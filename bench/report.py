# SPDX-License-Identifier: Apache-2.0
"""The benchmark's results as Markdown and as a plot."""
from xml.sax.saxutils import escape

COLOURS = ["#7f8c9b", "#1f77b4", "#d95f02", "#1b9e77", "#7570b3", "#e7298a"]
FIGURES = [("calls_per_second", "calls/s", "{:,.0f}"), ("cpu_us_per_call", "CPU µs/call", "{:.2f}"),
           ("p50_us", "p50 µs", "{:.1f}"), ("p99_us", "p99 µs", "{:.1f}")]
NAMES = {key: title for key, title, _ in FIGURES}


def number(value, form="{:.2f}"):
    return "–" if value is None else form.format(value)


def shown(spread, form="{:.2f}"):
    if spread is None:
        return "–"
    return (f"{form.format(spread['median'])} "
            f"({form.format(spread['low'])}–{form.format(spread['high'])})")


def verdicts(row):
    for target in row.get("targets", []):
        if target["figure"] == "calls_per_core":
            yield (f"one core answers {target['rate']:,}/s (at least {target['least']:,}/s): "
                   f"{'yes' if target['met'] else 'NO'}")
            continue
        value = target["ratio"] and target["ratio"]["median"]
        yield (f"{NAMES[target['figure']]} {number(value)} × (at most "
               f"{target['most']:g} ×): {'yes' if target['met'] else 'NO'}")


def markdown(result):
    lines = [f"Measured {result['date']} on {result['machine']}, {result['kernel']}, "
             f"{result['rounds']} alternating rounds of {result['seconds']:g} s: medians, with "
             "the quartiles in brackets; a ratio is the median of the rounds' ratios. The "
             f"hypervisor gave {100 * result['stolen']:.0f} % of the processors' time to other "
             "machines meanwhile.", "",
             "| what | runner | " + " | ".join(title for _, title, _ in FIGURES) +
             " | CPU ratio | instructions/call | target met |",
             "|---|---|" + "---|" * (len(FIGURES) + 3)]
    for row in result["rows"]:
        for i, entry in enumerate(row["runners"]):
            ours = entry["name"] == "c-runner"
            cells = [row["title"] if i == 0 else "", entry["name"]]
            cells += [shown(entry[key], form) for key, _, form in FIGURES]
            cells += [shown(entry["ratios"]["cpu_us_per_call"]) if i else "1",
                      number(row.get("instructions") if ours else None, "{:,.0f}"),
                      "; ".join(verdicts(row)) if ours else ""]
            if entry.get("errors"):
                cells[-1] += f" {entry['errors']} ERRORS"
            lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "| what | measured | target | met |", "|---|---|---|---|"]
    for fact in result["facts"]:
        met = {True: "yes", False: "NO", None: ""}[fact.get("met")]
        lines.append(f"| {fact['title']} | {fact['measured']} | {fact.get('target', '')} "
                     f"| {met} |")
    return "\n".join(lines) + "\n"


def cpu_ratio(entry):
    spread = entry["ratios"]["cpu_us_per_call"]
    return spread and spread["median"]


def svg(result):
    """CPU per call of every runner as a multiple of the floor's, with the targets."""
    rows = [row for row in result["rows"] if any(cpu_ratio(e) for e in row["runners"])]
    names = []
    for row in rows:
        names += [e["name"] for e in row["runners"] if e["name"] not in names]
    left, width, bar, gap = 380, 460, 11, 12
    most = 6.0
    out, y = [], 58
    for row in rows:
        entries = [e for e in row["runners"] if cpu_ratio(e)]
        top = y
        line = max((left + target["most"] / most * width for target in row.get("targets", [])
                    if target["figure"] == "cpu_us_per_call"), default=0)
        for entry in entries:
            ratio = cpu_ratio(entry)
            length = min(ratio, most) / most * width
            out.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar}" '
                       f'fill="{COLOURS[names.index(entry["name"]) % len(COLOURS)]}"/>')
            out.append(f'<text x="{max(left + length, line) + 4:.1f}" y="{y + bar - 2}" '
                       f'font-size="10">{ratio:.2f}{" →" if ratio > most else ""}</text>')
            y += bar + 2
        if line:
            out.append(f'<line x1="{line:.1f}" x2="{line:.1f}" y1="{top - 2}" y2="{y}" '
                       'stroke="#c00" stroke-width="1.5"/>')
        out.append(f'<text x="{left - 8}" y="{(top + y) / 2 + 3:.1f}" text-anchor="end">'
                   f'{escape(row["title"])}</text>')
        y += gap
    legend = "".join(
        f'<rect x="{left + 110 * i}" y="30" width="10" height="10" '
        f'fill="{COLOURS[i % len(COLOURS)]}"/><text x="{left + 14 + 110 * i}" y="39">'
        f'{escape(name)}</text>' for i, name in enumerate(names))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 70}" height="{y}" '
            'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" '
            f'fill="#fff"/><text x="{left}" y="18" font-weight="bold">CPU per call, as a '
            f'multiple of the floor (red: target)</text>{legend}' + "".join(out) + "</svg>\n")
