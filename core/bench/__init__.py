"""How fast is our training beside the usual ways? Measured in fresh processes, by turns.

workloads         what is trained, and how
subprocess_entry  one measurement in a process of its own: `python -m core.bench.subprocess_entry ours lora8`
compare           many of them, by turns
process_results   what it prints, and who reads it
baselines         the other sides, with their best settings; trainers and generate_baseline carry them out
summaries         a side on a workload: medians over its processes
speedups          ratios, equality and utilisation out of these
growth            how the cost of a step grows, in a sentence
report            the same as Markdown, and as a record that the page shows
"""
