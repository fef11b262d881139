"""Draws bars: `python drawing.py FILE.png`, with a JSON object of microseconds by name as its input."""

import json
import sys

import matplotlib as mpl

mpl.use("agg")

from matplotlib import pyplot as plt

OURS, OTHERS = "#c2410c", "#94a3b8"

bars = dict(sorted(json.load(sys.stdin).items(), key=lambda bar: -bar[1]))
names = [name.replace("*", "").replace("`", "") for name in bars]
figure, axes = plt.subplots(figsize=(8, 0.34 * len(bars) + 1), dpi=90)
drawn = axes.barh(names, bars.values(), color=[OURS if "runner" in name else OTHERS for name in names])
axes.bar_label(drawn, [f"{value:,.0f}" for value in bars.values()], padding=3, fontsize=9)
axes.set_xscale("log")
axes.set_xlabel("µs of CPU a chat job, on a logarithmic scale", fontsize=9)
axes.set_xlim(right=max(bars.values()) * 2)
axes.tick_params(labelsize=9)
axes.spines[["top", "right"]].set_visible(False)
figure.tight_layout()
figure.savefig(sys.argv[1], metadata={"Software": None})
