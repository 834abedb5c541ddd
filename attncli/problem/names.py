"""The names of queries, keys and columns: their labels, or else their numbers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import field

from attncli.errors import UsageError, nearest, printable
from attncli.patterns import pattern
from attncli.problem.problem import Problem
from attncli.records import record

NUMBERED = pattern(r"(?:q|query)[ _#]?(?=\d+$)", re.IGNORECASE)  # names of a query in tables and pages


@record
class Names:
    """Names for one problem. A label that occurs several times is followed by its number."""

    problem: Problem
    _repeated: dict[str, frozenset[str]] = field(default_factory=dict)

    def query(self, i: int) -> str:
        return self._name("queries", i, f"query {i}")

    def key(self, j: int) -> str:
        return self._name("keys", j, f"key {j}")

    def feature(self, c: int) -> str:
        return self._name("features", c, f"feature {c}")

    def column(self, c: int) -> str:
        """Return the name of a column of the values, and of the output before it is projected."""
        return self._name("values", c, f"column {c}")

    def part(self, number: int) -> str:
        """Return the name of a head, or of an entry of the leading axes, or "" if there is only one."""
        lead = self.problem.lead
        if not lead:
            return ""
        index = self.problem.index(number)
        if len(lead) == 1:
            return f"head {index[0]}" if self.problem.packed else f"entry {index[0]}"
        place = ", ".join(map(str, index[:-1]))
        return f"entry {place}, head {index[-1]}" if self.problem.packed else f"entry {place}, {index[-1]}"

    def has_labels(self, axis: str) -> bool:
        """Return whether this axis has as many labels as entries."""
        labels = getattr(self.problem.words.labels, axis)
        return labels is not None and len(labels) == self._sizes()[axis]

    def _sizes(self) -> dict[str, int | None]:
        problem = self.problem
        return {"queries": problem.n, "keys": problem.m, "features": problem.d_k, "values": problem.d_v}

    def _name(self, axis: str, number: int, plain: str) -> str:
        if not self.has_labels(axis):
            return plain
        labels = getattr(self.problem.words.labels, axis)
        if axis not in self._repeated:
            counts = Counter(labels)
            self._repeated[axis] = frozenset(label for label, count in counts.items() if count > 1)
        label = labels[number]
        shown = printable(label).strip() or plain
        return f"{shown} ({plain})" if label in self._repeated[axis] and shown != plain else shown


def quote_name(name: str) -> str:
    """Return a name in quotes, for a sentence."""
    return f"“{name}”"


def join_names(names: list[str], count: int | None = None) -> str:
    """Return "a, b and c". If there are `count` names in total, return the first few and how many more there are."""
    if count is not None and count > len(names):
        return f"{', '.join(names[:-1])} and {count - len(names) + 1:,} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def find_query(word: str, problem: Problem) -> int:
    """Return the query that `--query WORD` names: by label, or by number from 0, as 0, q0 or `query 0`."""
    labels = problem.words.labels.queries or ()
    word = word if word in labels else word.strip()
    if word not in labels:
        word = NUMBERED.sub("", word)
    found = [i for i, label in enumerate(labels) if label == word]
    if len(found) > 1:
        numbers = " and ".join(map(str, found)) if len(found) < 4 else f"{found[0]}, {found[1]}, …"
        raise UsageError("--query", f"{printable(word)!r} is the label of several queries", f"by number: {numbers}")
    if found:
        return found[0]
    if word.isascii() and word.isdigit() and int(word[:19]) < problem.n:
        return int(word)
    last = problem.n - 1
    if word.lstrip("+-").isdigit():
        raise UsageError("--query", f"there is no query {word}: they are numbered 0 to {last}")
    near = nearest(word, labels) if labels else None
    hint = f"did you mean {near!r}?" if near else f"a number from 0 to {last}" + (", or a label" if labels else "")
    raise UsageError("--query", f"no query is called {printable(word)!r}", hint)
