"""Lesson: cures against forgetting, measured on one plane of learning and keeping."""

from collections.abc import Sequence

import streamlit as st

from core.config import METHODS, RunConfig
from core.course import content
from core.experiments import record
from core.experiments.claims import LEARNED_ENOUGH, claims
from core.experiments.mitigations import MITIGATIONS, mitigation_config
from core.experiments.plane import Point, settings
from pages.lessons.cures.pictures import CAPTIONS, WIDTH, picture
from pages.lessons.cures.plane import (
    KEPT_TITLES,
    headline,
    own_points,
    plane_figure,
    recorded_points,
    setting_table,
)
from pages.shared.answers import answer, other_settings
from pages.shared.ask import ask_while_waiting
from pages.shared.engine import store
from pages.shared.forgetting import draw, forgetting_view
from pages.shared.lab_report import lab_report
from pages.shared.layout import experiment, more_settings
from pages.shared.one_of import one_of
from pages.shared.predict import predict, show_outcome_of
from pages.shared.recordings import recorded_run
from pages.shared.run_button import run_button
from pages.shared.settings import SEEDS, decimals
from pages.shared.thread import begin, end

COURSE = content.lesson("cures")

BESIDE_TEXT = 84
"""Width of a cure's picture in its card, in pixels: the text stands beside it."""
FORMULAS = {
    "l2sp": r"L(w) = L_\text{reviews}(w) + \frac{\lambda}{2} \sum_i (w_i - w_i^0)^2",
    "ewc": r"L(w) = L_\text{reviews}(w) + \frac{\lambda}{2} \sum_i F_i\,(w_i - w_i^0)^2",
    "kl": r"L(w) = L_\text{reviews}(w) + \lambda\, \mathrm{KL}\big(p_{w^0} \,\|\, p_w\big)",
    "lora": METHODS["lora"].formula,
}


def experiment_with_a_cure() -> str:
    """Choose a cure and its knob, run it, watch it; returns the run shown, or ""."""
    left, right = experiment()
    with left:
        chosen, config, run_id = choose_and_run()

    with right:
        if run_id and not store().get(run_id).status.is_over:
            forgetting_view(run_id)
            two_points(run_id, chosen)
        elif run_id:
            show_outcome_of(COURSE, run_id)
            two_points(run_id, chosen)
            forgetting_view(run_id)
        else:
            shown = answer(
                config,
                draw,
                key="cures",
                name="run",
                collections=("mitigations",),
                turned=("seed",),
                set_controls=set_controls,
                course=COURSE,
            )
            if shown or not recorded_run(config):  # it would tell what is to be guessed
                two_points("", chosen)
    return run_id


def set_controls(config: RunConfig) -> None:
    """Put the cure, its knob and the seed of a config into the controls."""
    for mitigation in MITIGATIONS.values():
        for value in mitigation.values:
            if mitigation_config(mitigation.id, value, seed=config.seed) == config:
                st.session_state["cures_cure"] = mitigation.id
                st.session_state[f"cures_{mitigation.id}"] = value
                st.session_state["cures_seed"] = config.seed
                return


def spells(config: RunConfig) -> bool:
    """Whether a config is a cure at a stop of its knob."""
    return config.seed in SEEDS and any(
        mitigation_config(mitigation.id, value, seed=config.seed) == config
        for mitigation in MITIGATIONS.values()
        for value in mitigation.values
    )


def choose_and_run() -> tuple[str, RunConfig, str]:
    """The cure's card, a guess, Run and its knob; returns cure, settings and the run in the address, or ""."""
    chosen = st.selectbox(
        "Cure",
        list(MITIGATIONS),
        index=list(MITIGATIONS).index("rehearse"),
        format_func=lambda mitigation: MITIGATIONS[mitigation].title,
        key="cures_cure",
        bind="query-params",
    )
    mitigation = MITIGATIONS[chosen]
    with st.container(border=True):
        left, right = st.columns([1, 3], vertical_alignment="center")
        left.image(picture(chosen), alt=CAPTIONS[chosen], width=BESIDE_TEXT)
        right.markdown(f"{mitigation.how} *{CAPTIONS[chosen]}*")
    predict(COURSE, name="run")
    button = st.container()
    value = st.select_slider(
        mitigation.knob.capitalize(),
        mitigation.values,
        value=mitigation.usual,
        format_func=decimals,
        key=f"cures_{chosen}",
        bind="query-params",
    )
    with more_settings("Formula and seed"):
        if chosen in FORMULAS:
            st.latex(FORMULAS[chosen])
        seed = st.number_input("Seed", 0, 9999, 0, key="cures_seed", bind="query-params")
    with button:
        config = mitigation_config(chosen, value, seed=seed)
        run_id = run_button(config, "Run this cure", key="cures", name="run")
    if run_id:
        other_settings(config, run_id, key="cures", name="run")
        ask_while_waiting(COURSE, run_id)
    return chosen, config, run_id


def two_points(run_id: str, chosen: str) -> None:
    """The plane with no cure and rehearsal, on general questions; with the reader's run the chosen cure, too."""
    own = [p for p in own_points() if p.run_id == run_id]
    shown = {"full", "rehearse"} | ({chosen} if run_id else set[str]())  # not before the guess
    recorded = [p for p in recorded_points() if p.mitigation in shown and is_usual(p)]
    if not recorded and not own:
        st.caption("Every cure is measured alike. Press Run, and the first point lands here.")
        return
    st.markdown(f"**{beside_no_cure(recorded, own)}**")
    shipped = record.recorded("cures")
    base = shipped.base_score("general") if shipped else None
    figure = plane_figure(
        recorded, own, score="general", base=base, last_run=run_id, with_front=False
    )
    figure.update_layout(
        height=340, margin={"t": 10, "b": 10}, legend={"y": 1.02, "yanchor": "bottom"}
    )
    st.plotly_chart(figure, width="stretch", key="cures_two_points")
    if shipped:
        st.caption(
            f"Recorded on {shipped.date} on {shipped.machine}, three seeds each, the lowest and the highest in "
            "parentheses. No cure was told to keep general questions."
        )


def is_usual(p: Point) -> bool:
    """Whether a recorded run has its cure's strongest recorded value: the textbook's rate without a cure."""
    return p.value == MITIGATIONS[p.mitigation].recorded[-1]


def beside_no_cure(recorded: Sequence[Point], own: Sequence[Point]) -> str:
    """General questions kept without a cure, with rehearsal and by the reader's run, in one line."""
    parts = [
        f"{MITIGATIONS[s.mitigation].title.lower() if s.mitigation != 'lora' else 'LoRA'} "
        f"{s.general:.2f} ({s.spread('general')[0]:.2f} to {s.spread('general')[1]:.2f})"
        for s in settings(recorded)
        if s.general is not None
    ]
    parts += [f"your run {p.end.general:.2f}" for p in own if p.end.general is not None]
    return f"General questions after 20 steps on reviews: {', '.join(parts)}"


def all_cures() -> None:
    """A card for each cure, with its picture."""
    st.header("Eight cures")
    places = [*st.columns(4), *st.columns(4)]
    for place, (name, mitigation) in zip(places, MITIGATIONS.items(), strict=True):
        with place.container(border=True, height="stretch"):
            st.markdown(f"**{mitigation.title}**")
            st.image(picture(name), alt=CAPTIONS[name], width=WIDTH)
            st.caption(mitigation.how)


def plane(run_id: str) -> None:
    """All runs on one chart: right is learned, up is kept."""
    st.header("Learning against keeping")
    recorded, own = recorded_points(), own_points()
    if not recorded and not own:
        st.caption("No run yet. Press Run above, and the first point lands here.")
        return
    left, right = st.columns(2, vertical_alignment="bottom")
    score = one_of(
        left.segmented_control,
        "Kept is measured on",
        list(KEPT_TITLES),
        format_func=KEPT_TITLES.__getitem__,
        default="general",
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
            else "**Hollow** marks: names were in training, so they say what was trained, not what was kept."
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


begin(COURSE)
run = experiment_with_a_cure()
all_cures()
plane(run)
if recorded_points():
    what_held()
end(COURSE, name="run")
lab_report(COURSE, name="run", set_controls=set_controls, spells=spells)
