"""How answers are judged: n-gram overlap, labels, whole answers, and how sure we can be."""
