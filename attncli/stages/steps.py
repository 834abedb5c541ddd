"""From a raw score to a weight, step by step, as expressions with which the page both computes and writes."""

from __future__ import annotations

from attncli.expressions import Expression, Symbol, absolute, add, constant, divide, function, multiply, subtract

RAW, SCALE, SCORE = Symbol("raw"), Symbol("scale"), Symbol("score")
CAP, BIAS, LARGEST = Symbol("cap"), Symbol("bias"), Symbol("largest")
EXPONENTIAL, SUM = Symbol("e"), Symbol("sum")
WEIGHT, VALUE = Symbol("weight"), Symbol("value")
SLOPE, POSITION, PLACE = Symbol("slope"), Symbol("position"), Symbol("place")  # of the query, and of the key
KEPT, DROPOUT = Symbol("kept"), Symbol("dropout")  # 1 or 0, and the probability

STAGES: dict[str, Expression] = {
    "scaled": multiply(RAW, SCALE),
    "capped": multiply(CAP, function("tanh", divide(SCORE, CAP))),
    "distanced": subtract(SCORE, multiply(SLOPE, absolute(subtract(POSITION, PLACE)))),
    "biased": add(SCORE, BIAS),
    "exponential": function("exp", subtract(SCORE, LARGEST)),
    "weighted": divide(EXPONENTIAL, SUM),
    "dropped": divide(multiply(WEIGHT, KEPT), subtract(constant(1), DROPOUT)),
    "lse": add(LARGEST, function("log", SUM)),
    "share": multiply(WEIGHT, VALUE),
}
