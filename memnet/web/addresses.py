"""Addresses of machines, as servers and clients write them; and the key that goes with one."""

from __future__ import annotations

import ipaddress
import re

from memnet.errors import MemnetError
from memnet.util.text import printable


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_address(name: str) -> bool:
    """Whether a host is given in numbers."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def check_key(key: str) -> str:
    """Return a server's key, "" for none; raises ``MemnetError`` where no header can bring it.

    Examples
    --------
    >>> check_key("a-long-word")
    'a-long-word'
    """
    if len(key.split()) > 1 or not key.isascii() or not key.isprintable():
        raise MemnetError("A server's key is one word of ASCII letters, digits and signs.")
    return key


def check_name(name: str) -> str:
    """Return a host's name; raises ``MemnetError`` where it is none, an address of a page, say.

    Examples
    --------
    >>> check_name("memory.example.org")
    'memory.example.org'
    """
    if not re.fullmatch(r"\w([\w.-]*\w)?", name, re.ASCII) and not is_address(name):
        raise MemnetError(
            f"--allow-host {printable(name)}: give the name alone, such as memory.example.org, "
            "without http:// and port."
        )
    return name
