"""How fast is our training beside the usual ways? Measured in fresh processes, by turns.

workloads         what is trained, and how
subprocess_entry  one measurement in a process of its own: `python -m core.bench.subprocess_entry ours lora8`
compare           many of them, by turns
speedups          medians, ratios, equality and utilisation out of what was measured
report            the same as Markdown, and as a record that the page shows
"""
