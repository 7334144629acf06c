"""The Workbench: own pairs looked through, any model, method and setting, the run, what it did and broke, and the
result to take home."""

from functools import partial

import streamlit as st

from core import catalog
from core.config import DataConfig, RunConfig
from core.data.examples import load_splits
from core.data.tokenizer import ChatTokenizer
from core.datacheck.expected import expect, looking_back
from core.errors import UserError
from core.runs.states import RunStatus
from core.runs.store import Run
from pages.lab.workbench.beginning import choose_beginning
from pages.lab.workbench.data_in import choose_pairs
from pages.lab.workbench.findings import batch_tokens, show_findings
from pages.lab.workbench.model import choose_model, tokenizer_of
from pages.lab.workbench.rates import rate_finder
from pages.lab.workbench.settings_form import choose_settings, put_rate
from pages.shared.broke import broke_panel
from pages.shared.doctor import doctor_panel
from pages.shared.engine import model_ready, store
from pages.shared.live import run_view
from pages.shared.plain import plain
from pages.shared.run_button import run_button, run_in_url
from pages.shared.take_home import take_home


def workbench() -> None:
    """From pairs to a run; below it what came of the run in the address."""
    st.header("1 · Your pairs")
    address = choose_pairs()
    if not address:
        show_run(run_in_url("run"))
        return
    data = DataConfig(task=catalog.CUSTOM_TASK, dataset=address)
    check = st.container()
    st.header("3 · Model")
    entry = choose_model()
    if entry is None:
        show_run(run_in_url("run"))
        return
    st.header("4 · Method and settings")
    try:
        config = choose_beginning(choose_settings(entry.id, data, n_train=n_train(data)))
    except UserError as error:
        st.error(plain(str(error)))
        show_run(run_in_url("run"))
        return
    tokenizer = tokenizer_of(entry) if model_ready(entry) else None
    finder = st.container()
    with check:
        st.header("2 · Data check")
        can_start = show_findings(config, tokenizer)
    if can_start and tokenizer:
        with finder:
            rate_finder(config, use=partial(put_rate, config.method.name))
    st.header("5 · Run")
    show_run(start(config, tokenizer) if can_start else held_back())


def n_train(data: DataConfig) -> int:
    """Pairs that are trained on; 0 where they cannot be divided, which the data check says."""
    try:
        return len(load_splits(data, seed=0).train)
    except UserError:
        return 0


def held_back() -> str:
    st.caption("First mend what the data check says in red.")
    return run_in_url("run")


def start(config: RunConfig, tokenizer: ChatTokenizer | None) -> str:
    """What the run is expected to take, and its button; the run in the address."""
    if tokenizer:
        st.caption(expect(config, store(), batch_tokens=batch_tokens(config, tokenizer)).in_words)
    return run_button(config, "Run", key="workbench_run", name="run")


def show_run(run_id: str) -> None:
    """The run as it happens; once it is over, what it took beside what was expected, why it went so, what it broke,
    and the ways out."""
    if not run_id:
        return
    run_view(run_id)
    run = store().get(run_id)
    if run.status is RunStatus.FINISHED and (said := beside_expected(run)):
        st.caption(said)
    doctor_panel(run_id, key="workbench_doctor")
    broke_panel(run_id, key="workbench_broke")
    take_home(run)


def beside_expected(run: Run) -> str:
    """How far off the expectation was; "" where its pairs or its model are gone."""
    try:
        entry = catalog.find_model(run.config.model)
        if run.config.data.task != catalog.CUSTOM_TASK or not model_ready(entry):
            return ""
        tokens = batch_tokens(run.config, tokenizer_of(entry))
        expected = expect(run.config, store(), batch_tokens=tokens, before=run.created_at)
    except UserError:
        return ""
    return looking_back(expected, run, store())


st.title("Workbench")
st.markdown(
    "Tune a model on your own data, with any method and setting: see what is wrong with the data before it costs "
    "time, and take the result home."
)
workbench()
