"""The command `class link`: a link to a page as it is to be opened, with controls locked or hidden."""

from argparse import Namespace
from dataclasses import replace
from typing import Any

from core.classroom.classroom import Classroom
from core.classroom.links import SHORT, Link, address_of, link_to
from core.classroom.qr import as_signs
from core.classwork.places import page_titles
from core.cli.options import add_json_option
from core.cli.output import emit, say
from core.errors import UserError, quote
from core.recorded import find_run
from core.visitor import OWNER


def add_parser(what: Any) -> None:
    """Add it to the commands of `class`."""
    parser = what.add_parser("link", help="a link to a page, with controls locked or hidden")
    parser.add_argument(
        "page", help='its address with the settings, such as "forgetting?forgetting_steps=40"'
    )
    parser.add_argument(
        "--run", dest="recorded", default="", metavar="ID", help="a recorded run to show there"
    )
    parser.add_argument(
        "--lock",
        action="append",
        default=[],
        metavar="NAME",
        help="a control to be seen and not changed",
    )
    parser.add_argument(
        "--hide", action="append", default=[], metavar="NAME", help="a control not to be shown"
    )
    parser.add_argument("--short", action="store_true", help="four characters instead, kept here")
    parser.add_argument("--qr", action="store_true", help="draw the QR code")
    parser.add_argument(
        "--server",
        default="",
        metavar="URL",
        help="what the room types before it; the open class's otherwise",
    )
    add_json_option(parser)
    parser.set_defaults(run=make_link)


def make_link(arguments: Namespace) -> int:
    link = wanted(arguments)
    address = address_of(link)
    if arguments.short:
        address = f"/?{SHORT}={Classroom().short_links.shorten(OWNER, link)}"
    whole = (arguments.server or server()).rstrip("/") + address
    if arguments.json:
        emit(
            {
                "type": "link",
                "link": whole,
                "is_signed": link.is_signed,
                "is_short": arguments.short,
            }
        )
        return 0
    print(whole)
    if arguments.qr:
        print(as_signs(whole))
    if link.is_signed or arguments.short:
        say("This link works with this installation only: its key or its database knows it.")
    else:
        say("This link works on any computer with the app.")
    return 0


def wanted(arguments: Namespace) -> Link:
    """Raises `UserError` for a page, a run or a setting that is not there."""
    link = link_to(arguments.page, run=arguments.recorded)
    if link.page not in page_titles():
        known = ", ".join(filter(None, page_titles()))
        raise UserError(f"{quote(link.page)} is not a page of this app; its pages are: {known}.")
    if arguments.recorded:
        find_run(arguments.recorded)
    return replace(link, locked=tuple(arguments.lock), hidden=tuple(arguments.hide))


def server() -> str:
    """The address of the open class; this computer's where none is open."""
    room = Classroom()
    opened = (one.address for one in room.classes.all() if not one.is_over)
    return next(filter(None, opened), "http://localhost:8501")
