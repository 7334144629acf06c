"""Published findings, tested on the recorded runs: which hold for a model of 135 million parameters?

    for result in judged():                     # every finding, judged by the runs that are there
        print(result.finding.name, result.verdict)

A finding is data: what was published, and the parts in which the runs can show it (core/findings/finding.py).
What the runs of an arm come to is in evidence.py, the rule that makes a verdict of it in verdict.py, and the
findings are in forgetting.py, low_rank.py, small_methods.py, many_tasks.py and few_examples.py. No verdict is
typed anywhere. Imports no torch.
"""

from core.findings.all import FINDINGS, find_finding, judged
from core.findings.finding import Finding, Result, judge
from core.findings.verdict import Verdict

__all__ = ["FINDINGS", "Finding", "Result", "Verdict", "find_finding", "judge", "judged"]
