"""The measuring browser: what it makes of the server's messages, and what it tells of widgets."""

import asyncio
from collections.abc import Callable

import pytest
from google.protobuf.message import DecodeError
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from core.bench.browser import Browser, Reaction, Waiting
from core.bench.browser_page import Page, widget_state


def new_session(*fragments: str) -> ForwardMsg:
    message = ForwardMsg()
    message.metadata.run.fragment_ids.extend(fragments)
    message.new_session.name = "run"
    return message


def finished(how: int = ForwardMsg.FINISHED_SUCCESSFULLY) -> ForwardMsg:
    return ForwardMsg(script_finished=how)  # pyright: ignore[reportArgumentType]


def placed(*path: int, fragment: str = "") -> ForwardMsg:
    message = ForwardMsg()
    message.metadata.delta_path.extend(path)
    message.delta.fragment_id = fragment
    return message


def text(words: str, *path: int, fragment: str = "") -> ForwardMsg:
    message = placed(*path, fragment=fragment)
    message.delta.new_element.markdown.body = words
    return message


def button(key: str, *path: int, fragment: str = "", disabled: bool = False) -> ForwardMsg:
    message = placed(*path, fragment=fragment)
    message.delta.new_element.button.id = f"$$ID-0123456789abcdef-{key}"
    message.delta.new_element.button.disabled = disabled
    return message


def take(page: Page, *messages: ForwardMsg) -> list[str]:
    return [page.take(message.SerializeToString()) for message in messages]


def test_what_a_run_does_not_draw_again_is_gone() -> None:
    page = Page()
    said = take(page, new_session(), text("one", 0, 0), button("go", 0, 1), finished())
    assert said == ["new_session", "delta", "delta", "script_finished"]
    assert page.texts() == ["one"]
    assert page.has("go")
    assert page.widget_keys() == ["go"]
    take(page, new_session(), text("two", 0, 0))
    assert page.has("go")  # still shown while the page runs
    take(page, finished())
    assert page.texts() == ["two"]
    assert not page.has("go")
    with pytest.raises(LookupError):
        page.widget("go")


def test_what_stays_as_it_was_is_no_change() -> None:
    page = Page()
    take(page, new_session(), text("one", 0), text("two", 1), finished())
    assert take(page, new_session(), text("one", 0), text("three", 1))[1:] == ["same", "delta"]


def test_a_fragment_replaces_its_own_elements_only() -> None:
    page = Page()
    take(page, new_session(), text("page", 0), text("old", 1, 0, fragment="f"), text("more", 1, 1, fragment="f"), finished())  # fmt: skip
    take(page, new_session("f"), text("new", 1, 0, fragment="f"), finished(ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY))  # fmt: skip
    assert sorted(page.texts()) == ["new", "page"]


def test_an_interrupted_run_takes_nothing_away() -> None:
    page = Page()
    take(page, new_session(), text("one", 0), text("two", 1), finished())
    said = take(
        page, new_session(), text("three", 0), finished(ForwardMsg.FINISHED_EARLY_FOR_RERUN)
    )
    assert said[-1] == "interrupted"
    assert sorted(page.texts()) == ["three", "two"]


def test_a_large_message_is_sent_once() -> None:
    page = Page()
    large = text("large", 0)
    large.hash, large.metadata.cacheable = "abc", True
    again = placed(3)
    again.ref_hash = "abc"
    take(page, new_session(), large)
    assert take(page, again) == ["delta"]
    assert page.texts() == ["large", "large"]
    assert set(page.elements) == {(0,), (3,)}
    assert list(page.kept) == ["abc"]
    again.ref_hash = "not sent"
    with pytest.raises(KeyError):
        page.take(again.SerializeToString())
    with pytest.raises(DecodeError):
        page.take(b"no message")


def test_the_page_knows_its_address_its_menu_and_what_runs_again() -> None:
    page = Page()
    menu = ForwardMsg()
    menu.navigation.page_script_hash = "h2"
    for name, hash in (("", "h1"), ("lora", "h2")):
        menu.navigation.app_pages.add(url_pathname=name, page_script_hash=hash)
    address = ForwardMsg()
    address.page_info_changed.query_string = "run=1"
    timer = ForwardMsg()
    timer.auto_rerun.fragment_id, timer.auto_rerun.interval = "f", 2.0
    take(page, new_session(), menu, address, timer)
    assert (page.script, page.pages, page.query) == ("h2", {"": "h1", "lora": "h2"}, "run=1")
    assert page.reruns == {"f": 2.0}
    take(page, new_session("f"))
    assert page.reruns == {"f": 2.0}  # its own run does not end it
    stop = ForwardMsg()
    stop.stop_auto_rerun.fragment_ids.append("f")
    take(page, stop)
    assert page.reruns == {}
    take(page, timer, new_session())
    assert page.reruns == {}


def test_a_slider_over_words_tells_words() -> None:
    page, slider = Page(), placed(0)
    slider.delta.new_element.slider.id = "$$ID-00-rate"
    slider.delta.new_element.slider.options.extend(["0.1", "0.2"])
    take(page, new_session(), slider)
    kind, widget, _ = page.widget("rate")
    assert list(widget_state(kind, widget.id, "0.2").string_array_value.data) == ["0.2"]


def test_a_disabled_button_cannot_be_pressed() -> None:
    page = Page()
    take(page, new_session(), button("go", 0, disabled=True))
    assert page.widget("go")[0] == "button"
    assert not page.has("go")


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        ("button", True, lambda s: s.trigger_value),
        ("radio", "a", lambda s: s.string_value == "a"),
        ("number_input", 3, lambda s: s.double_value == 3.0),
        ("slider", 3, lambda s: list(s.double_array_value.data) == [3.0]),
        ("button_group", "a", lambda s: list(s.string_array_value.data) == ["a"]),
        ("multiselect", ["a", "b"], lambda s: list(s.string_array_value.data) == ["a", "b"]),
        ("checkbox", True, lambda s: s.bool_value),
    ],
)
def test_a_widget_tells_its_value(kind: str, value: object, read: Callable[[object], bool]) -> None:
    state = widget_state(kind, "id", value)
    assert state.id == "id"
    assert read(state)


@pytest.mark.parametrize(
    ("of_action", "of_run", "more_runs", "is_answer"),
    [("", (), 1, True), ("", (), 0, False), ("", ("f",), 1, False), ("f", ("f",), 1, True), ("f", ("g",), 1, False), ("f", (), 1, False)],
)  # fmt: skip
def test_only_its_own_run_answers_a_click(
    of_action: str, of_run: tuple[str, ...], more_runs: int, is_answer: bool
) -> None:
    """A fragment that runs by itself between click and answer is not the answer."""
    page = Page(run=3 + more_runs, fragments=of_run)
    assert Waiting(Reaction("click", 0.0), of_action, 3).is_answered_by(page) is is_answer


class Server:
    """A server's end of a connection that answers each message as it is told."""

    def __init__(self, answers: list[list[ForwardMsg]]) -> None:
        self.got: list[BackMsg] = []
        self._answers, self._queue = answers, asyncio.Queue[bytes]()
        self.close_code: int | None = None

    async def send(self, payload: bytes) -> None:
        self.got.append(BackMsg.FromString(payload))
        for message in self._answers.pop(0):
            self._queue.put_nowait(message.SerializeToString())

    def __aiter__(self) -> "Server":
        return self

    async def __anext__(self) -> bytes:
        return await self._queue.get()

    async def close(self) -> None:
        self.close_code = 1000


def test_a_click_is_sent_once_and_timed_to_its_first_change() -> None:
    async def go() -> tuple[Reaction, Reaction, Server]:
        server = Server(
            [
                [new_session(), text("new", 0), button("go", 1), finished()],
                [
                    new_session("f"),
                    text("by itself", 2),
                    finished(ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY),
                    new_session(),
                    text("answer", 0),
                    button("go", 1),
                    finished(),
                ],
            ]
        )
        browser = Browser("http://nowhere")
        take(browser.page, new_session(), button("go", 1), placed(3), finished())
        browser.page.elements[3,] = browser.page.elements[1,]
        radio = placed(5)
        radio.delta.new_element.radio.id = "$$ID-00-guess"
        take(browser.page, radio)
        browser._socket = server  # pyright: ignore
        browser._start(browser._receive(server))  # pyright: ignore
        chosen = await browser.choose("guess", "a")
        clicked = await browser.click("go")
        await browser.close()
        assert browser.page.texts() == ["answer"]
        return chosen, clicked, server

    chosen, clicked, server = asyncio.run(go())
    assert chosen.first_s is not None
    assert clicked.first_s is not None
    assert clicked.done_s is not None
    assert 0 <= clicked.first_s <= clicked.done_s
    first, second = ([w.id for w in m.rerun_script.widget_states.widgets] for m in server.got)
    assert first == ["$$ID-00-guess"]
    assert second == ["$$ID-00-guess", "$$ID-0123456789abcdef-go"]  # what was chosen is told again
