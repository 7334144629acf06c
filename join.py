"""The way into a class: two forms, the cookie that they give, and the gate that asks for it.

A learner enters the class code and a nickname, the teacher the secret. The cookie goes with every request; where it is
missing or no good, the gate serves nothing of the app, neither pages nor what travels behind them. The forms are plain
HTML without a script: thirty browsers that wait for a class cost no session.
"""

from functools import cache
from urllib.parse import parse_qs, urlencode

from jinja2 import Environment, FileSystemLoader, Template
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from core.classroom.classroom import is_classroom
from core.classroom.codes import WrongCodeError
from core.classroom.nicknames import LONGEST
from core.classroom.tickets import COOKIE_S
from core.classroom.tries import Tries
from core.errors import UserError
from core.paths import ASSETS
from core.visitor import Visitor
from pages.shared.visitor import COOKIE, classroom

LARGEST_FORM = 10_000
"""Bytes."""
OPEN_PATHS = ("/join", "/teach", "/_stcore/health")
OPEN_FOLDERS = ("/static/",)
"""The program of the pages, the same for everybody; what they show is not in it."""
TEACHERS_PAGE = "/classroom"
SECURITY = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
tries = Tries()


def members_only(app: ASGIApp) -> ASGIApp:
    """Serve those who have a good cookie of a class, and nobody else, where the server belongs to a class."""

    async def refuse_or_pass(scope: Scope, receive: Receive, send: Send) -> None:
        is_request = scope["type"] in ("http", "websocket")
        if not is_request or not is_classroom() or is_open(scope["path"]):
            await app(scope, receive, send)
            return
        try:
            await run_in_threadpool(visitor_of, HTTPConnection(scope))
        except UserError as error:
            await refusal(scope, error)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return refuse_or_pass


def is_open(path: str) -> bool:
    return path in OPEN_PATHS or (path.startswith(OPEN_FOLDERS) and ".." not in path)


def visitor_of(connection: HTTPConnection) -> Visitor:
    """Who asks. Raises `UserError` for who is in no class, or in one that is over."""
    return classroom().tickets.visitor(connection.cookies.get(COOKIE, ""))


def refusal(scope: Scope, error: UserError) -> ASGIApp:
    """A browser that opens a page is led to the form; all else gets the sentence."""
    connection = HTTPConnection(scope)
    opens_page = scope["type"] == "http" and "text/html" in connection.headers.get("accept", "")
    if not opens_page:
        return PlainTextResponse(str(error), status_code=403)
    if not isinstance(error, WrongCodeError):  # the class is over, or the disk is full
        return form(connection, wrong=str(error))
    wanted = scope["path"] + (
        f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
    )
    return RedirectResponse(f"/join?{urlencode({'next': wanted})}", status_code=303)


async def join(request: Request) -> Response:
    """The learner's form, and what it hands in."""
    if not is_classroom():
        return RedirectResponse("/", status_code=303)
    if request.method != "POST":
        already = await run_in_threadpool(_name_of, request)
        return form(request, code=request.query_params.get("code", ""), already=already)
    given = await _form_of(request)
    code, nickname = given.get("code", ""), given.get("nickname", "")
    try:
        cookie = await run_in_threadpool(_enter, request, code, nickname)
    except UserError as error:
        return form(
            request, wrong=str(error), code=code, nickname=nickname, next=given.get("next", "")
        )
    return _let_in(request, cookie, given.get("next", ""))


async def teach(request: Request) -> Response:
    """The teacher's form, what it hands in, and the one-time link that the command printed."""
    if not is_classroom():
        return RedirectResponse(TEACHERS_PAGE, status_code=303)
    link = request.query_params.get("link", "")
    if request.method != "POST" and not link:
        return form(request, is_teacher=True)
    given = await _form_of(request)
    try:
        cookie = await run_in_threadpool(_teach, request, given.get("secret", ""), link)
    except UserError as error:
        return form(request, is_teacher=True, wrong=str(error))
    return _let_in(request, cookie, TEACHERS_PAGE)


ROUTES = [
    Route("/join", join, methods=["GET", "POST"]),
    Route("/teach", teach, methods=["GET", "POST"]),
]


def form(
    connection: HTTPConnection,
    *,
    wrong: str = "",
    code: str = "",
    nickname: str = "",
    next: str = "",
    already: str = "",
    is_teacher: bool = False,
) -> HTMLResponse:
    """A form, with the sentence that says what was wrong."""
    text = _template().render(
        title="Open your class" if is_teacher else "Join the class",
        wrong=wrong,
        code=code[:40],
        nickname=nickname[:40],
        next=local(next or connection.query_params.get("next", "")),
        already=already,
        is_teacher=is_teacher,
        longest=LONGEST,
    )
    return HTMLResponse(text, status_code=403 if wrong else 200, headers=SECURITY)


def local(address: str) -> str:
    """An address of this app, whatever a link says.

    >>> local("/lora?run=1"), local("//evil.example"), local("https://evil.example")
    ('/lora?run=1', '/', '/')
    """
    is_local = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if is_local and address.isprintable() and len(address) < 2_000 else "/"


@cache
def _template() -> Template:
    folder = FileSystemLoader(ASSETS / "classroom")
    return Environment(loader=folder, autoescape=True).get_template("join.html")


def _enter(request: Request, code: str, nickname: str) -> str:
    who = _address_of(request)
    tries.check(who)
    try:
        return classroom().enter(code, nickname)
    except WrongCodeError:
        tries.wrong(who)
        raise


def _teach(request: Request, secret: str, link: str) -> str:
    who = _address_of(request)
    tries.check(who)
    try:
        return classroom().tickets.use_link(link) if link else classroom().teach(secret)
    except WrongCodeError:
        tries.wrong(who)
        raise


def _name_of(request: Request) -> str:
    """Who this browser is already; "" for nobody."""
    try:
        who = visitor_of(request)
    except UserError:
        return ""
    return who.name or "the teacher"


def _address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def _let_in(request: Request, cookie: str, next: str) -> Response:
    """To the page that was wanted, with the cookie: no script reads it, no other site sends it with a form."""
    response = RedirectResponse(local(next), status_code=303, headers=SECURITY)
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=int(COOKIE_S),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


async def _form_of(request: Request) -> dict[str, str]:
    """What a form hands in; nothing of one that is too large to be ours."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_FORM:
            return {}
    try:
        given = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    except ValueError:  # more fields than ours
        return {}
    return {name: values[0] for name, values in given.items()}
