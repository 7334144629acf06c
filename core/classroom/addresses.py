"""Under which addresses the room reaches this computer, and which ports are free."""

import ipaddress
import re
import socket

import psutil

from core.errors import UserError, quote

URL = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?(/[A-Za-z0-9/._-]{0,100})?")
LOOPBACK = ("localhost", "127.0.0.1")


def of_this_machine() -> list[str]:
    """Its IPv4 addresses in the networks it is in; that of the way out stands first. No packet is sent."""
    found = [
        one.address
        for addresses in psutil.net_if_addrs().values()
        for one in addresses
        if one.family == socket.AF_INET and not ipaddress.ip_address(one.address).is_loopback
    ]
    first = _way_out()
    usual = sorted(set(found), key=lambda one: (one != first, _is_link_local(one), one))
    return usual or [LOOPBACK[1]]


def names(more: str = "") -> list[str]:
    """All names that a browser in the room may give this computer; `more` is one that a person named."""
    host = socket.gethostname().lower()
    known = [*LOOPBACK, *of_this_machine(), host, f"{host.split('.')[0]}.local", more]
    return list(dict.fromkeys(filter(None, known)))


def url_of(given: str, port: int) -> str:
    """What the room opens: "http://192.168.1.20:8501". Raises `UserError` for what is no address or port.

    Nothing, a host, or a whole URL may be given; without one it is this computer's own address.
    """
    if not 1 <= port <= 65535:
        raise UserError(f"A port is a whole number from 1 to 65535; got {port}.")
    url = given if "://" in given else f"http://{given or of_this_machine()[0]}:{port}"
    if not URL.fullmatch(url):
        raise UserError(
            f"An address is a name or a URL, such as https://school.example; got {quote(given)}."
        )
    return url.rstrip("/")


def check_free(port: int) -> None:
    """Raises `UserError` for a port that no server can take now."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("", port))
        except OSError as error:
            raise UserError(
                f"Port {port} cannot be used: {error.strerror or error}. Name another with --port."
            ) from error


def _way_out() -> str:
    """The address that packets to elsewhere would carry; "" in a room without a way out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
        try:
            tried.connect(("192.0.2.1", 9))  # kept for documentation (RFC 5737): nobody is there
        except OSError:
            return ""
        return str(tried.getsockname()[0])


def _is_link_local(address: str) -> bool:
    return ipaddress.ip_address(address).is_link_local
