"""Lesson: cures against forgetting, measured on one plane of learning and keeping."""

import streamlit as st

from core.config import METHODS
from core.course.lessons import name_of
from core.experiments import record
from core.experiments.claims import LEARNED_ENOUGH, claims
from core.experiments.mitigations import MITIGATIONS, mitigation_config
from core.experiments.plane import settings
from pages.lessons.cures.plane import (
    KEPT_TITLES,
    headline,
    own_points,
    plane_figure,
    recorded_points,
    setting_table,
)
from pages.shared.engine import require_model
from pages.shared.forgetting import forgetting_view
from pages.shared.run_button import run_button

FORMULAS = {
    "l2sp": r"L(w) = L_\text{reviews}(w) + \frac{\lambda}{2} \sum_i (w_i - w_i^0)^2",
    "ewc": r"L(w) = L_\text{reviews}(w) + \frac{\lambda}{2} \sum_i F_i\,(w_i - w_i^0)^2",
    "kl": r"L(w) = L_\text{reviews}(w) + \lambda\, \mathrm{KL}\big(p_{w^0} \,\|\, p_w\big)",
    "lora": METHODS["lora"].formula,
}


def try_a_cure() -> str:
    """Choose a cure and its knob, run it, watch it; returns the run shown, or ""."""
    st.header("Try a cure")
    chosen = st.pills(
        "Cure",
        list(MITIGATIONS),
        format_func=lambda mitigation: MITIGATIONS[mitigation].title,
        default="rehearse",
        required=True,
        key="cures_cure",
        bind="query-params",
        wrap=True,
    )
    mitigation = MITIGATIONS[chosen]
    st.markdown(mitigation.how)
    if chosen in FORMULAS:
        st.latex(FORMULAS[chosen])
    left, right = st.columns([3, 1])
    value = left.select_slider(
        mitigation.knob.capitalize(),
        mitigation.values,
        value=mitigation.usual,
        format_func="{:g}".format,
        key=f"cures_{chosen}",
        bind="query-params",
    )
    seed = right.number_input("Seed", 0, 9999, 0, key="cures_seed", bind="query-params")
    run_id = run_button(
        mitigation_config(chosen, value, seed=seed), "Run this cure", key="cures", name="run"
    )
    if run_id:
        forgetting_view(run_id)
    else:
        st.caption(
            "Every cure is measured alike: 20 steps on reviews, then names and general questions. "
            "Press Run: the run lands on the plane below."
        )
    return run_id


def plane(run_id: str) -> None:
    """All runs on one chart: right is learned, up is kept."""
    st.header("Learning against keeping")
    recorded, own = recorded_points(), own_points()
    if not recorded and not own:
        st.caption("No run yet. Press Run above, and the first point lands here.")
        return
    left, right = st.columns(2, vertical_alignment="bottom")
    score = left.segmented_control(
        "Kept is measured on",
        list(KEPT_TITLES),
        format_func=KEPT_TITLES.__getitem__,
        default="general",
        required=True,
        key="cures_score",
        bind="query-params",
    )
    with_checks = right.toggle(
        "Show the recorded runs’ checks while training", key="cures_checks", bind="query-params"
    )
    shipped = record.recorded("cures")
    base = shipped.base_score(score) if shipped else None
    st.markdown(
        "Right is better learned, up is better kept. The best corner is at the top right. "
        "The dashed front joins the settings whose means no other setting beats in both. Where bars "
        "overlap, other seeds could put another setting there. "
        + (
            "No run saw general questions while it trained, and no cure was told to keep them."
            if score == "general"
            else "Hollow marks: names were in training, so they say what was trained, not what was kept."
        )
    )
    st.markdown(f"**{headline(settings([*recorded, *own]), score)}**")
    figure = plane_figure(
        recorded, own, score=score, base=base, last_run=run_id, with_checks=with_checks
    )
    st.plotly_chart(figure, width="stretch", key=f"cures_plane_{score}")
    if shipped:
        st.caption(
            f"{shipped.where} Each small mark is one setting: the mean of its seeds, with bars from the "
            "lowest seed to the highest. Large marks are your runs, small ones of their colour their checks while training, from one seed and few examples. Made with "
            f"`{shipped.command}`."
        )
    with st.expander("The same in numbers"):
        table = setting_table(settings([*recorded, *own]))
        st.dataframe(table, hide_index=True, width="stretch")


def what_held() -> None:
    """Three papers, and what these runs say of their claims."""
    st.header("What the papers say, and what happened here")
    st.markdown(
        "A cure that learns less also forgets less: that alone is no merit. So the runs are compared "
        f"at equal learning, too: only those that reached {LEARNED_ENOUGH} on sentiment."
    )
    found = settings(recorded_points())
    for claim in claims(found):
        st.markdown(f"**{claim.source}.** {claim.claim}")
        lines = [f"- {c.words}" for c in claim.comparisons]
        st.markdown("\n".join(lines))
    st.caption(
        "“Every run above” is a strong demand; few seeds allow no finer one. All of it is one small "
        "model, one new task and 20 steps: larger models and longer training may differ."
    )


st.title("Cures")
st.markdown(
    f"{name_of('forgetting')} lost the names while the model learned reviews. What keeps them? Each "
    "cure below is the same experiment with one change, and one knob."
)
require_model()
plane(try_a_cure())
if recorded_points():
    what_held()
