"""Tries, QR codes, the addresses of this machine, and the folders of spaces."""

import socket

import pytest

from core.classroom import addresses, qr, spaces
from core.classroom.codes import hash_of_secret, is_secret
from core.classroom.tries import MOST_TRIES, WINDOW_S, Tries
from core.errors import UserError


def test_after_a_few_wrong_tries_a_device_waits_and_others_do_not() -> None:
    now = 0.0
    tries = Tries(clock=lambda: now)
    for _ in range(MOST_TRIES):
        tries.check("192.168.1.5")
        tries.wrong("192.168.1.5")
    with pytest.raises(UserError, match="Too many wrong tries"):
        tries.check("192.168.1.5")
    tries.check("192.168.1.6")
    now = WINDOW_S
    tries.check("192.168.1.5")


def test_tries_of_many_devices_are_forgotten() -> None:
    now = 0.0
    tries = Tries(clock=lambda: now)
    for number in range(5_000):
        tries.wrong(str(number))
    now = WINDOW_S
    tries.check("x")
    assert tries._wrong == {}


def test_a_secret_is_known_by_its_hash_only() -> None:
    kept = hash_of_secret("HJ4K2PXXXXXX")
    assert kept != hash_of_secret("HJ4K2PXXXXXX")  # salted
    assert is_secret("hj4k-2pxx-xxxx", kept)
    for wrong, damaged in (("HJ4K2PXXXXXY", kept), ("HJ4K2PXXXXXX", "spoiled"), ("", "")):
        assert not is_secret(wrong, damaged)


def test_a_qr_code_is_a_picture_and_signs() -> None:
    address = "http://192.168.1.20:8501/join?code=HJ4K2P"
    assert qr.as_svg(address).startswith("<svg")
    assert "http" not in qr.as_svg(address).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert qr.as_svg(address) != qr.as_svg(address + "X")
    assert len(set(map(len, qr.as_signs(address).splitlines()))) <= 3


def test_this_machine_has_names_and_a_taken_port_is_told() -> None:
    names = addresses.names("school.example")
    assert {"localhost", "127.0.0.1", "school.example"} <= set(names)
    assert set(addresses.of_this_machine()) <= set(names)
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"Port {port} cannot be used"):
            addresses.check_free(port)
    addresses.check_free(port)


@pytest.mark.parametrize(
    ("given", "port", "url"),
    [
        ("", 8501, f"http://{addresses.of_this_machine()[0]}:8501"),
        ("school.local", 80, "http://school.local:80"),
        ("https://school.example/fork/", 8501, "https://school.example/fork"),
    ],
)
def test_the_room_opens_an_address(given: str, port: int, url: str) -> None:
    assert addresses.url_of(given, port) == url


@pytest.mark.parametrize(
    ("given", "port", "said"),
    [
        ("", 70_000, "from 1 to 65535"),
        ("", 0, "from 1 to 65535"),
        ("a b", 8501, "An address is a name"),
        ("<b>", 8501, "An address is a name"),
        ("javascript://x", 8501, "An address is a name"),
        ("https://x@evil.example", 8501, "An address is a name"),
        ("x" * 5_000, 8501, "An address is a name"),
    ],
)
def test_what_is_no_address_is_one_sentence(given: str, port: int, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        addresses.url_of(given, port)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("space", ["..", "../..", "a" * 31, "A" * 32, "/etc", "a" * 32 + "/.."])
def test_a_space_leads_nowhere_else(space: str) -> None:
    for use in (spaces.folder, spaces.remove):
        with pytest.raises(UserError):
            use(space)


def test_the_files_of_the_owner_are_never_removed() -> None:
    with pytest.raises(UserError, match="belong to no class"):
        spaces.remove("")
