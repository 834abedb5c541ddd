"""From a raw score to a weight, a step at a time, as expressions: the page computes with them and writes them out."""

from __future__ import annotations

from attncli.expressions import Expression, Symbol, function, minus, over, plus, times

RAW, SCALE, SCORE = Symbol("raw"), Symbol("scale"), Symbol("score")
CAP, BIAS, LARGEST = Symbol("cap"), Symbol("bias"), Symbol("largest")
EXPONENTIAL, SUM = Symbol("e"), Symbol("sum")
WEIGHT, VALUE = Symbol("weight"), Symbol("value")

STAGES: dict[str, Expression] = {
    "scaled": times(RAW, SCALE),
    "capped": times(CAP, function("tanh", over(SCORE, CAP))),
    "biased": plus(SCORE, BIAS),
    "exponential": function("exp", minus(SCORE, LARGEST)),
    "weighted": over(EXPONENTIAL, SUM),
    "lse": plus(LARGEST, function("log", SUM)),
    "share": times(WEIGHT, VALUE),
}
