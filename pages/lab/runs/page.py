"""Every run with its settings, status and curves: find, open, compare, write on, delete, run again."""

import hashlib

import streamlit as st

from core.config import SETTINGS
from core.config.command import command_of
from core.errors import UserError
from core.runs.listing import Marked, title_of
from core.runs.names import flat, run_name
from core.runs.store import Run
from pages.lab.runs.compare import MOST_COMPARED, compare_runs
from pages.lab.runs.deletions import delete_button, deletions, offer_undo
from pages.lab.runs.filters import wanted_runs
from pages.lab.runs.of_class import of_class
from pages.lab.runs.tables import COLUMNS, run_table
from pages.lab.runs.writing import show_mark, tag_all, write_on
from pages.shared.broke import broke_panel
from pages.shared.doctor import doctor_panel
from pages.shared.engine import engine, store
from pages.shared.live import run_view
from pages.shared.plain import plain
from pages.shared.run_button import computes_anew, go_on_button, run_in_url, start_button
from pages.shared.take_home import take_home


def choose(runs: list[Run], marks: Marked) -> list[Run]:
    """The runs selected in the table, else the one in the address.

    A selection is of rows. So the table is another one once its rows are others, and the run in the address
    is selected in it: what is open stays the run it was.
    """
    wanted = run_in_url("run", offer_runs=False)
    ids = [run.id for run in runs]
    rows = hashlib.sha256(" ".join(ids).encode()).hexdigest()[:12]
    event = st.dataframe(
        run_table(runs, marks),
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [ids.index(wanted)] if wanted in ids else []}},
        column_config=COLUMNS,
        key=f"runs_table_{rows}",
    )
    st.caption("Select one run to open it, several to compare them.")
    chosen = [runs[row] for row in event["selection"]["rows"]]
    if len(chosen) == 1:
        st.query_params["run"] = chosen[0].id
    if not chosen and wanted:
        chosen = [store().get(wanted)]
    return chosen


def show(run: Run, marks: Marked) -> None:
    """One run: what can be done with it, its curves, and how to repeat it."""
    name, by_settings = title_of(run, marks), run_name(run.config_dict)
    st.header(plain(name))
    st.caption(f"Run {run.id}" + (f" · {plain(by_settings)}" if name != by_settings else ""))
    show_mark(run)
    of_class(run)
    again, write, delete = st.columns(3)
    with again:
        run_again(run)
    with write:
        write_on(run)
    if run.status.is_over:
        with delete:
            delete_button([run])
    run_view(run.id)
    doctor_panel(run.id, key="runs_doctor")
    broke_panel(run.id, key="runs_broke")
    take_home(run)
    with st.expander("Settings and the command that repeats it"):
        repeat_command(run)
        rows = [
            {"setting": k, "value": v, "meaning": SETTINGS[k].help if k in SETTINGS else ""}
            for k, v in flat(run.config_dict).items()
        ]
        st.dataframe(rows, hide_index=True, width="stretch")


def several(runs: list[Run], *, is_compared: bool = True) -> None:
    """What can be done with many runs at once, and their comparison."""
    tag, delete = st.columns(2)
    with tag:
        tag_all(runs)
    if over := [run for run in runs if run.status.is_over]:
        with delete:
            delete_button(over)
    if is_compared:
        compare_runs(runs)


def run_again(run: Run) -> None:
    """The button that starts a run with the same settings, where they still work."""
    try:
        config = run.config
    except UserError:  # said in place of the command
        return
    if computes_anew(store().find_finished(config)) and start_button(
        config, "Run again", key="runs_again"
    ):
        st.query_params["run"] = engine().submit(config).id
        st.rerun()
    go_on_button(run.id, key="runs_go_on", name="run")


def repeat_command(run: Run) -> None:
    """The command that repeats a run, or why there is none any more."""
    try:
        st.code(command_of(run.config), language=None, wrap_lines=True)
    except UserError as error:
        st.caption(plain(str(error)))


st.title("Runs")
offer_undo()
runs = [run for run in store().runs() if run.id not in deletions().waiting()]
if not runs:
    st.write("No runs yet. Train a model and it appears here, with everything it measured.")
    st.page_link(
        "pages/lessons/instruction/page.py",
        label="Train your first model",
        icon=":material/arrow_forward:",
    )
    st.stop()
marks = store().marks.all()
shown = wanted_runs(runs, marks)
chosen = choose(shown, marks) if shown else []
if len(chosen) == 1:
    show(chosen[0], marks)
elif 1 < len(chosen) <= MOST_COMPARED:
    st.header(f"{len(chosen)} runs compared")
    several(chosen)
elif chosen:
    st.caption(f"Choose at most {MOST_COMPARED} to compare them.")
    several(chosen, is_compared=False)
