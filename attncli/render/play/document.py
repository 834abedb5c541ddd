"""The interactive page as one file, which loads nothing from elsewhere."""

from __future__ import annotations

import json
import re
from html import escape

from attncli.errors import ProblemError
from attncli.play.page_data import PageData
from attncli.render.assets import read_asset, read_style
from attncli.render.colours import STOPS
from attncli.render.play.javascript import write_formulas
from attncli.stages.steps import STAGES

SCRIPTS = ("numbers", "writing", "scale", "calculation", "state", "arithmetic", "cells", "pictures", "controls", "main")
BYTES_AT_MOST = 300_000
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"


def render_page(page: PageData) -> bytes:
    """Return the whole page.

    Raises ProblemError if it is too large to be sent to somebody.
    """
    script = "\n".join(read_asset(f"play/{name}.js") for name in SCRIPTS)
    constants = f"const DATA = {write_json(page.data)};\nconst HEAT = {json.dumps(STOPS)};\n{write_formulas(STAGES)}"
    parts = {
        "title": escape(page.title),
        "policy": POLICY,
        "style": read_style("play/style.css"),
        "script": f'"use strict";\n(() => {{\n{constants}\n{script}\n}})();',
    }
    # one pass, because a title may contain {{script}}
    text = re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], read_asset("play/page.html")).encode()
    if len(text) > BYTES_AT_MOST:
        what = f"the page would have {len(text) // 1000:,} kB, and at most {BYTES_AT_MOST // 1000} can be played with"
        raise ProblemError("attncli play", what, "fewer heads or entries, as in q.npy of one head")
    return text


def write_json(data: object) -> str:
    """Return JSON in which no text can end the script or a line of it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text
