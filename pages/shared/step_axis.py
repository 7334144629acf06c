"""The axis of the optimizer steps of a run."""

import altair as alt


def step_axis(n_steps: int, *, field: str = "step", margin: float = 0.0) -> alt.X:
    """The whole run from the start, so that the curves grow into a fixed frame.

    `margin`, in steps, is room for marks beside the first and the last step; it bears no label.
    """
    return alt.X(
        f"{field}:Q",
        title="optimizer step",
        scale=alt.Scale(domain=[-margin, n_steps + margin], nice=False),
        axis=alt.Axis(
            tickMinStep=1,
            format="d",
            labelExpr=f"datum.value < 0 || datum.value > {n_steps} ? '' : datum.label",
        ),
    )
