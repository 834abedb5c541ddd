"""What must be refused, and in which words: (sentence, format, bytes, where, what, hint)."""

from __future__ import annotations

from bad_binaries import BAD_BINARIES
from bad_tables import BAD_TABLES
from bad_texts import BAD_TEXTS

BAD_INPUTS = [*BAD_TABLES, *BAD_TEXTS, *BAD_BINARIES]
