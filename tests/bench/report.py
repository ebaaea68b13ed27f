"""The machine that was measured, and the table of what was found."""

import os
import pathlib
import platform
import statistics
import subprocess

UNITS = {"ops_s": "/s", "mb_s": " MB/s", "p50_us": " us", "p50_ms": " ms",
         "mib": " MiB"}
LESS_IS_BETTER = ("p50_us", "p50_ms", "mib")
HEAD = ("work", "ours", "limit", "ratio", "each round", "bar", "aim", "met")


def _first_line(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT)
    except OSError:
        return "absent"
    return (done.stdout.splitlines() or [""])[0].strip()


def _cpu():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _package(name):
    return _first_line("dpkg-query", "-W", "-f=${Version}", name)


def environment(folder, program):
    """Lines about the machine; no names of it, no paths."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    kind = _first_line("findmnt", "-n", "-o", "FSTYPE", "-T", folder)
    load = " ".join(f"{v:.1f}" for v in os.getloadavg())
    return "\n".join([
        f"CPU      {os.cpu_count()} x {_cpu()}, {memory / 2**30:.0f} GiB",
        f"kernel   {platform.release()}, data on {kind}, load {load}",
        f"ours     {_first_line(program, '--version')}",
        f"limits   nginx {_package('nginx')}, libmicrohttpd "
        f"{_package('libmicrohttpd12')}, LMDB {_package('liblmdb0')}, "
        f"OpenSSL {_package('libssl3')}"])


def amount(metric, value):
    return (f"{value:,.0f}" if value >= 100 else f"{value:.3g}") + \
        UNITS[metric]


def beside(row, names, ours, name, theirs):
    """A line without a bar: medians, their ratio, and that of each round."""
    line = (row.text.format(**names),
            amount(row.metric, statistics.median(ours)))
    if theirs is None:
        return line + ("", "", " ".join(f"{v:.3g}" for v in ours), "", "", "")
    return line + (
        f"{name} {amount(row.metric, statistics.median(theirs))}",
        f"{statistics.median(ours) / statistics.median(theirs):.2f}",
        " ".join(f"{a / b:.2f}" for a, b in zip(ours, theirs)), "", "", "")


def compared(row, names, ours, limit, theirs):
    """A line with a bar, for the ratio or, without theirs, for the figure."""
    line = beside(row, names, ours, limit.name.format(**names), theirs)
    if limit.bar is None:
        return line
    less = row.metric in LESS_IS_BETTER
    measured = statistics.median(ours)
    if theirs is not None:
        measured /= statistics.median(theirs)

    def bound(value):
        if value is None:
            return ""
        return ("<= " if less else ">= ") + (
            amount(row.metric, value) if theirs is None else f"{value:g}")

    met = measured <= limit.bar if less else measured >= limit.bar
    return line[:5] + (bound(limit.bar), bound(limit.aim),
                       "yes" if met else "NO")


def table(lines):
    rows = [HEAD, *lines]
    widths = [max(len(r[i]) for r in rows) for i in range(len(HEAD))]
    rows.insert(1, tuple("-" * w for w in widths))
    return "\n".join(
        "| " + " | ".join(f"{cell:<{w}}" for cell, w in zip(r, widths)) + " |"
        for r in rows)
