"""A page as a browser keeps it, in Streamlit's own messages: what the server sent, and what is sent to it.

The only module that knows these messages; no network here, so that a test can feed it some.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

VALUES = {
    "button": "trigger_value",
    "radio": "string_value",
    "selectbox": "string_value",
    "text_input": "string_value",
    "text_area": "string_value",
    "button_group": "string_array_value",
    "slider": "double_array_value",
    "select_slider": "string_array_value",
    "number_input": "double_value",
    "checkbox": "bool_value",
    "multiselect": "string_array_value",
}
"""How the value of each kind of widget travels."""
TEXTS = {
    "markdown": "body",
    "heading": "body",
    "html": "body",
    "alert": "body",
    "code": "code_text",
    "text": "body",
}
"""Elements that are words, and which part of them."""


@dataclass
class Placed:
    """An element of the page and the run of the page's script that drew it."""

    delta: Delta
    run: int


@dataclass
class Page:
    """What the server has sent, as a browser keeps it: no network here, so that a test can feed it messages."""

    elements: dict[tuple[int, ...], Placed] = field(default_factory=dict[tuple[int, ...], Placed])
    kept: dict[str, ForwardMsg] = field(default_factory=dict[str, ForwardMsg])
    """Large messages by their hash: the server does not send them again."""
    pages: dict[str, str] = field(default_factory=dict[str, str])
    """The hash of each page, by the last part of its address."""
    script: str = ""
    """The hash of the page that is open."""
    query: str = ""
    reruns: dict[str, float] = field(default_factory=dict[str, float])
    """Fragments that run again by themselves, with their interval in seconds."""
    run: int = 0
    fragments: tuple[str, ...] = ()
    """Of the run that is under way; none where all of the page runs."""

    def take(self, payload: bytes) -> str:
        """Take a message in; returns what kind it is: "same" for an element that was there already as it is now,
        "interrupted" for the end of a run that another follows at once.

        Raises `DecodeError` for what is no message, and `KeyError` for one that says what came before, and did not.
        """
        message = ForwardMsg.FromString(payload)
        kind = message.WhichOneof("type") or ""
        if kind == "ref_hash":
            place = message.metadata
            message = ForwardMsg.FromString(self.kept[message.ref_hash].SerializeToString())
            message.metadata.CopyFrom(place)
            kind = message.WhichOneof("type") or ""
        elif message.hash and message.metadata.cacheable:
            self.kept[message.hash] = message
        if kind == "new_session":
            self._begin(message)
        elif kind == "delta":
            place = tuple(message.metadata.delta_path)
            before = self.elements.get(place)
            self.elements[place] = Placed(message.delta, self.run)
            if before and before.delta == message.delta:
                return "same"
        elif kind == "navigation":
            self.script = message.navigation.page_script_hash
            self.pages = {
                page.url_pathname: page.page_script_hash for page in message.navigation.app_pages
            }
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "auto_rerun":
            self.reruns[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self.reruns.pop(fragment, None)
        elif kind == "script_finished":
            self._finish(message.script_finished)
            if message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return "interrupted"
        return kind

    def _begin(self, message: ForwardMsg) -> None:
        self.run += 1
        self.fragments = tuple(message.metadata.run.fragment_ids)
        if not self.fragments:
            self.reruns.clear()

    def _finish(self, how: int) -> None:
        """What the run did not draw again is gone."""
        if how == ForwardMsg.FINISHED_SUCCESSFULLY:
            self.elements = {p: e for p, e in self.elements.items() if e.run == self.run}
        elif how == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
            self.elements = {
                place: e
                for place, e in self.elements.items()
                if e.run == self.run or e.delta.fragment_id not in self.fragments
            }

    def widget(self, key: str) -> tuple[str, Any, str]:
        """(kind, widget, fragment) of a widget by its key. Raises `LookupError` where it is not on the page."""
        for kind, element, fragment in self._elements():
            if getattr(element, "id", "").endswith(f"-{key}"):
                return kind, element, fragment
        raise LookupError(key)

    def has(self, key: str) -> bool:
        with suppress(LookupError):
            return not getattr(self.widget(key)[1], "disabled", False)
        return False

    def widget_keys(self) -> list[str]:
        """Those of all widgets."""
        ids = (getattr(element, "id", "") for _, element, _ in self._elements())
        return [id.split("-", 2)[2] for id in ids if id.startswith("$$ID-") and id.count("-") > 1]

    def texts(self, *kinds: str) -> list[str]:
        """The words on the page; of some kinds of element only, where they are named."""
        wanted = kinds or tuple(TEXTS)
        return [
            str(getattr(element, TEXTS[kind]))
            for kind, element, _ in self._elements()
            if kind in wanted
        ]

    def warnings(self) -> list[str]:
        """The words of what warns of something or refuses it."""
        return [
            str(element.body)
            for kind, element, _ in self._elements()
            if kind == "alert" and element.format in (Alert.WARNING, Alert.ERROR)
        ]

    def rerun(
        self,
        states: Iterable[WidgetState],
        *,
        fragment: str = "",
        script: str = "",
        page_name: str = "",
        is_auto: bool = False,
    ) -> bytes:
        """The message that has the page, or a fragment of it, run again with these values of its widgets.

        `script` is another page's hash, `page_name` its name in an address.
        """
        message = BackMsg()
        state = message.rerun_script
        state.query_string = self.query
        state.page_script_hash = script or ("" if page_name else self.script)
        state.page_name, state.fragment_id, state.is_auto_rerun = page_name, fragment, is_auto
        state.widget_states.widgets.extend(states)
        state.cached_message_hashes.extend(self.kept)
        state.context_info.timezone, state.context_info.locale = "Europe/Vienna", "en-GB"
        return message.SerializeToString()

    def _elements(self) -> Iterator[tuple[str, Any, str]]:
        for placed in list(self.elements.values()):
            element = placed.delta.new_element
            if kind := element.WhichOneof("type"):
                widget = getattr(element, kind)
                is_select = kind == "slider" and len(widget.options) > 0
                yield "select_slider" if is_select else kind, widget, placed.delta.fragment_id


def widget_state(kind: str, id: str, value: object) -> WidgetState:
    """What a browser tells of a widget that has this value."""
    state, name = WidgetState(id=id), VALUES[kind]
    if name == "string_array_value":
        values = value if isinstance(value, (list, tuple)) else [value]
        state.string_array_value.data.extend(map(str, values))
    elif name == "double_array_value":
        state.double_array_value.data.append(float(str(value)))
    else:
        setattr(state, name, value)
    return state
