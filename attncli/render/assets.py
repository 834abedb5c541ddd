"""The files that pages are made of: stylesheets, scripts, templates."""

from __future__ import annotations

from pathlib import Path

from attncli.files import read_bytes
from attncli.render.colours import STOPS

FOLDER = Path(__file__).parent


def read_asset(name: str) -> str:
    """Return the text of a file, by its path below this folder."""
    return read_bytes(FOLDER / name).decode()


def read_style(name: str) -> str:
    """Return a stylesheet after the colours that all pages share. {{gradient}} in it stands for the scale of heat
    maps."""
    gradient = ", ".join(f"rgb({red},{green},{blue})" for red, green, blue in STOPS)
    return read_asset("palette.css") + read_asset(name).replace("{{gradient}}", gradient)
