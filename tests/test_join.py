"""The way into a class over HTTP: the gate, the forms, the cookie; and what gets nowhere."""

from pathlib import Path

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

import join
from core.classroom.classroom import SERVER, Classroom
from core.classroom.tries import MOST_TRIES, Tries
from core.visitor import OWNER
from pages.shared.visitor import COOKIE

PAGE = {"accept": "text/html"}


async def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse("a page of the app")


async def stream(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("what travels behind it")
    await websocket.close()


APP = Starlette(
    routes=[
        *join.ROUTES,
        WebSocketRoute("/_stcore/stream", stream),
        Route("/{path:path}", page, methods=["GET", "POST", "PUT"]),
    ],
    middleware=[Middleware(join.members_only)],
)


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.setenv(SERVER, "1")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(join, "tries", Tries())
    st.cache_resource.clear()


@pytest.fixture
def room() -> Classroom:
    return Classroom()


def browser(**options: str) -> TestClient:
    return TestClient(APP, follow_redirects=False, **options)


def joined(room: Classroom, name: str) -> TestClient:
    found = browser()
    code = room.classes.all()[0].code
    assert found.post("/join", data={"code": code, "nickname": name}).status_code == 303
    return found


def said(text: str) -> str:
    """The sentence on a form that says what was wrong."""
    return text.split('role="alert">')[1].split("</p>")[0]


def test_alone_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SERVER)
    assert browser().get("/lora", headers=PAGE).text == "a page of the app"
    assert browser().get("/join").headers["location"] == "/"


def test_who_is_in_no_class_sees_the_form_and_nothing_else(room: Classroom) -> None:
    room.classes.begin()
    visit = browser()
    led = visit.get("/lora?lora_rank=8", headers=PAGE)
    assert (led.status_code, led.headers["location"]) == (
        303,
        "/join?next=%2Flora%3Flora_rank%3D8",
    )
    assert 'value="/lora?lora_rank=8"' in visit.get(led.headers["location"]).text
    for method, path in (
        ("GET", "/media/secret.png"),
        ("GET", "/_stcore/host-config"),
        ("PUT", "/_stcore/upload_file/x/y"),
        ("GET", "/static/../media/x"),
        ("GET", "//static/x"),
    ):
        refused = visit.request(method, path)
        assert (refused.status_code, refused.text[:19]) == (403, "You are in no class"), path
    with pytest.raises(WebSocketDisconnect), visit.websocket_connect("/_stcore/stream"):
        pass
    for path in ("/_stcore/health", "/static/index.js"):
        assert visit.get(path).status_code == 200


def test_a_learner_joins_and_is_there_with_every_request(room: Classroom) -> None:
    school_class, _ = room.classes.begin()
    visit = browser()
    assert f'value="{school_class.code}"' in visit.get(f"/join?code={school_class.code}").text
    given = {"code": school_class.code.lower(), "nickname": "Mia", "next": "/lora?run=1"}
    entered = visit.post("/join", data=given)
    assert (entered.status_code, entered.headers["location"]) == (303, "/lora?run=1")
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie  # plain HTTP in a room without certificates
    assert visit.get("/lora", headers=PAGE).text == "a page of the app"
    with visit.websocket_connect("/_stcore/stream") as socket:
        assert socket.receive_text() == "what travels behind it"
    assert "you are Mia" in visit.get("/join").text
    assert [one.name for one in room.learners.of(school_class.id)] == ["Mia"]


def test_behind_tls_the_cookie_is_secure(room: Classroom) -> None:
    code = room.classes.begin()[0].code
    entered = browser(base_url="https://school.example").post("/join", data={"code": code})
    assert "; secure" in entered.headers["set-cookie"].lower()


def test_without_a_nickname_one_is_an_animal(room: Classroom) -> None:
    school_class, _ = room.classes.begin()
    joined(room, "")
    joined(room, "  ")
    assert len({one.name for one in room.learners.of(school_class.id)}) == 2


def test_the_teacher_opens_the_page_with_the_secret_or_the_link_once(room: Classroom) -> None:
    school_class, secret = room.classes.begin()
    visit = browser()
    assert "Teacher’s secret" in visit.get("/teach").text
    assert visit.post("/teach", data={"secret": secret}).headers["location"] == "/classroom"
    assert room.tickets.visitor(visit.cookies[COOKIE]).role == "teacher"
    link = f"/teach?link={room.tickets.link(school_class.id)}"
    assert browser().get(link).headers["location"] == "/classroom"
    again = browser().get(link)
    assert again.status_code == 403
    assert "used already" in said(again.text)
    assert 'action="/teach"' in again.text


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"code": "AAAAAA", "nickname": "Mia"}, "No class is open with this code"),
        ({"code": "", "nickname": "Mia"}, "No class is open with this code"),
        ({"code": "CODE", "nickname": "<img src=x onerror=alert(1)>"}, "at most 20 characters"),
        ({"code": "CODE", "nickname": "<b>M</b>"}, "A nickname has only letters"),
        ({"code": "CODE", "nickname": "x" * 5_000}, "at most 20 characters"),
        ({"code": "CODE", "nickname": "Omar"}, "in this class already"),
        ({"code": "CODE", "nickname": "x" * 20_000}, "No class is open with this code"),
        ({str(n): "x" for n in range(50)}, "No class is open with this code"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    room: Classroom, given: dict[str, str], sentence: str
) -> None:
    school_class, _ = room.classes.begin()
    room.enter(school_class.code, "Omar")
    known = {name: school_class.code if v == "CODE" else v for name, v in given.items()}
    answer = browser().post("/join", data=known)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert sentence in said(answer.text)
    assert "<img" not in answer.text
    assert "<b>" not in answer.text
    assert len(said(answer.text)) < 200


def test_after_a_few_wrong_codes_a_device_waits(room: Classroom) -> None:
    school_class, secret = room.classes.begin()
    visit = browser()
    for _ in range(MOST_TRIES):
        visit.post("/join", data={"code": "AAAAAA"})
    for path, data in (("/join", {"code": school_class.code}), ("/teach", {"secret": secret})):
        assert "Too many wrong tries" in said(visit.post(path, data=data).text)
    other = TestClient(APP, client=("192.168.1.6", 5), follow_redirects=False)
    assert other.post("/join", data={"code": school_class.code}).status_code == 303


def test_a_forged_cookie_opens_nothing(room: Classroom) -> None:
    school_class, _ = room.classes.begin()
    learner = room.learners.join(school_class.id, "Mia")
    for forged in (learner.space, school_class.id, school_class.code, "x" * 4_000, "; drop table"):
        visit = browser(cookies={COOKIE: forged})
        assert visit.get("/lora", headers=PAGE).headers["location"].startswith("/join")
        assert visit.get("/media/x").status_code == 403


def test_a_class_that_is_over_says_so(room: Classroom) -> None:
    school_class, secret = room.classes.begin()
    mia, teacher = joined(room, "Mia"), browser()
    teacher.post("/teach", data={"secret": secret})
    room.end(OWNER, school_class.id)
    shut = mia.get("/lora", headers=PAGE)
    assert shut.status_code == 403
    assert said(shut.text).startswith("This class is over.")
    assert 'action="/join"' in shut.text  # from every address, for the next class
    assert mia.get("/media/x").text.startswith("This class is over.")
    late = browser().post("/join", data={"code": school_class.code, "nickname": "Omar"})
    assert said(late.text).startswith("This class is over.")
    assert teacher.get("/classroom", headers=PAGE).status_code == 200


def test_a_word_of_the_teacher_brings_a_learner_back(room: Classroom) -> None:
    room.classes.begin()
    mia = joined(room, "Mia")
    who = room.tickets.visitor(mia.cookies[COOKIE])
    back = browser()
    word = room.let_in_again(OWNER, who.space)
    assert back.post("/join", data={"code": word}).status_code == 303
    assert room.tickets.visitor(back.cookies[COOKIE]) == who
    assert mia.get("/media/x").status_code == 403  # the device that was lost


@pytest.mark.parametrize(
    "next", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/a\nb"]
)
def test_the_form_leads_to_no_other_site(room: Classroom, next: str) -> None:
    code = room.classes.begin()[0].code
    entered = browser().post("/join", data={"code": code, "next": next})
    assert entered.headers["location"] == "/"
