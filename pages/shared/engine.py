"""The one engine and run store of this server process, and what every page asks of them.

Both are those of who looks at the page (pages/shared/visitor.py): this is the only module of the pages that can
reach the whole of them (tests/pages/test_rights.py).
"""

from dataclasses import replace

import streamlit as st

from core import catalog
from core.data.tokenizer import ChatTokenizer
from core.events import Event
from core.export import kept
from core.models.acquire import is_ready, model_dir
from core.runs.engines.engine import Engine, ServerEngine, is_ray_wanted
from core.runs.engines.local import LocalEngine
from core.runs.engines.ray_engine import RayEngine
from core.runs.engines.visitors import VisitorEngine
from core.runs.event_cache import EventCache
from core.runs.forecast import Forecast
from core.runs.messages import M, Request
from core.runs.rights import check_request, store_for
from core.runs.store import RunStore
from core.shape import PUBLISHED, ModelShape
from pages.shared.visitor import visitor


@st.cache_resource(show_spinner=False)
def _every_run() -> RunStore:
    return RunStore()


@st.cache_resource(show_spinner=False, on_release=lambda engine: engine.close())
def server_engine() -> ServerEngine:
    """For the server alone, which starts and ends it; pages use `engine`."""
    kind = RayEngine if is_ray_wanted() else LocalEngine
    return kind(_every_run())


def store() -> RunStore:
    """The runs of who looks at this page, and what they may do with them."""
    return store_for(visitor(), _every_run())


def engine() -> Engine:
    """What starts, stops and asks in the name of who looks at this page."""
    who = visitor()
    return server_engine() if who.role == "owner" else VisitorEngine(server_engine(), who)


def current_model() -> catalog.ModelEntry:
    """The model that the pages work on: the one that a run has unless it names another."""
    return catalog.MODELS[catalog.DEFAULT_MODEL]


def model_shape() -> ModelShape:
    """Its sizes, known before it is here."""
    entry = current_model()
    return replace(PUBLISHED[entry.shape], title=entry.title)


@st.cache_resource(show_spinner=False)
def tokenizer() -> ChatTokenizer:
    """Its tokenizer, once it is prepared."""
    return ChatTokenizer.load(model_dir(current_model()))


@st.cache_resource(show_spinner=False)
def _event_cache() -> EventCache:
    return EventCache(_every_run())


def events_of(run_id: str) -> list[Event]:
    """All events of a run, in order; only those that are new are read. Do not write into the list.

    `UserError` for a run that is not theirs.
    """
    if visitor().role != "owner":
        store().get(run_id)
    return _event_cache().events(run_id)


@st.cache_resource(show_spinner=False)
def forecast() -> Forecast:
    """How long runs still take and wait, whoever they belong to."""
    return Forecast(_every_run(), _event_cache())


def delete_run(run_id: str, of: RunStore | None = None) -> None:
    """Remove a run, what was exported of it, and what this server remembers of it; where others hold it, let go
    of it. `of` is the store of who wants it, where that is not who looks at this page now."""
    if (of or store()).delete(run_id):
        kept.remove(run_id)
        _event_cache().forget(run_id)


def ask_once(request: Request[M]) -> M:
    """What the answering worker finds in a finished run. Its weights do not change: it is asked once."""
    check_request(request, store())
    return _asked_once(request)


@st.cache_data(show_spinner=False, max_entries=200)
def _asked_once(request: Request[M]) -> M:
    (found,) = engine().ask(request)
    return found


def model_ready(entry: catalog.ModelEntry | None = None) -> bool:
    """Whether a model can be loaded: the one that the pages work on, unless another is named."""
    return is_ready(entry or current_model())
