"""What a colour means, on every page: one mapping, told apart also without red or green vision.

The base model is grey. Each task has a colour of its own: sentiment, which the lessons tune, is
blue, and names, which they see forgotten, is orange. Charts of methods, measures and the like use the
same palette, with a legend of their own.
"""

from core import catalog

GREY, BLUE, ORANGE, GREEN, AMBER = "#8a8f98", "#0072B2", "#D55E00", "#009E73", "#E69F00"

TASK_COLOURS = {
    "sentiment": BLUE,
    "names": ORANGE,
    "topic": "#44aaee",
    "emotion": "#ee2244",
    "qa": "#6c662a",
    "summary": "#fc246c",
    "paraphrase": "#6666ee",
    "formality": GREEN,
    "general": "#7e2afc",
    catalog.CUSTOM_TASK: "#a24284",
}
"""Of every task; `tests/pages/test_colours.py` measures how far apart they are."""
