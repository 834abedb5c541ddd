"""Matrices that stand in the place of others in the products of the way back are named: gradients in plain NumPy."""

import numpy as np
import pytest

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(57)
HEADS, N, D, CAP = 2, 6, 6, 1.5  # rows of K, and columns of V, are as many, so that dO V has a shape
Q, K, V, D_OUTPUT = (RANDOM.normal(size=(HEADS, N, D)) for _ in range(4))
SCALE = 1 / np.sqrt(D)
RAW = SCALE * Q @ K.mT


def softmax(scores):
    powers = np.exp(scores)
    return powers / powers.sum(axis=-1, keepdims=True)


P = softmax(RAW)
OUTPUT = P @ V
DP = D_OUTPUT @ V.mT
DUE = ": dO Vᵀ is expected"


def of_products(products, sums=None):
    return P * (products - ((P * products).sum(axis=-1, keepdims=True) if sums is None else sums))


DS = of_products(DP)


def back(d_scores):
    return {"d_queries": SCALE * d_scores @ K, "d_keys": SCALE * d_scores.mT @ Q}


RIGHT = {"d_values": P.mT @ D_OUTPUT, **back(DS)}
SUMS = (OUTPUT * D_OUTPUT).sum(axis=-1, keepdims=True)
WRONG = {  # the gradients that differ, and the sentence
    "V for K": ({"d_queries": SCALE * DS @ V}, "dQ is scale · dS V: dS K is expected"),
    "dO for Q": ({"d_keys": SCALE * DS.mT @ D_OUTPUT}, "dK is scale · dSᵀ dO: dSᵀ Q is expected"),
    "P for dS in dQ": ({"d_queries": SCALE * P @ K}, "dQ is scale · P K: dS K is expected"),
    "P for dS in dK": ({"d_keys": SCALE * P.mT @ Q}, "dK is scale · Pᵀ Q: dSᵀ Q is expected"),
    "P for dS": (back(P), "dQ and dK are of P in the place of dS"),
    "O for dO": ({"d_values": P.mT @ OUTPUT}, "dV is Pᵀ O: Pᵀ dO is expected"),
    "V for dO": ({"d_values": P.mT @ V}, "dV is Pᵀ V: Pᵀ dO is expected"),
    "dS for P": ({"d_values": DS.mT @ D_OUTPUT}, "dV is dSᵀ dO: Pᵀ dO is expected"),
    "V by columns": (back(of_products(D_OUTPUT @ V)), f"dP is dO V{DUE}"),
    "V by columns, with the sums of O and dO": (back(of_products(D_OUTPUT @ V, SUMS)), f"dP is dO V{DUE}"),
    "K for V": (back(of_products(D_OUTPUT @ K.mT)), f"dP is dO Kᵀ{DUE}"),
    "O for dO in dP": (back(of_products(OUTPUT @ V.mT, SUMS)), f"dP is O Vᵀ{DUE}"),
}
CAPPED = softmax(CAP * np.tanh(RAW / CAP))
TANH = np.tanh(RAW / CAP)
OF_CAP = {
    "1 − tanh": 1 - TANH,
    "1 + tanh²": 1 + TANH**2,
    "1 − (softcap · tanh)²": 1 - (CAP * TANH) ** 2,
    "1 − (score/softcap)², without tanh": 1 - (RAW / CAP) ** 2,
}


def diagnosis(expected, **asked):
    given = {"queries": Q, "keys": K, "values": V, "d_output": D_OUTPUT}
    request = Request(**{name: Matrix(array, name) for name, array in given.items()}, **asked)
    expected = {name: Matrix(array, name) for name, array in expected.items()}
    return check(Worksheet(request=request, name="c", where="c", expected=expected)).diagnosis


@pytest.mark.parametrize("name", WRONG)
def test_another_matrix_in_a_product_is_named(name, search_for):
    gradients, sentence = WRONG[name]
    search_for("grad-other-factor")
    first = diagnosis({"output": OUTPUT, **RIGHT, **gradients})[0]
    assert (first.slip, first.sentence) == ("grad-other-factor", sentence)
    assert {*first.explains} == {*gradients}


@pytest.mark.parametrize("words", OF_CAP)
def test_another_derivative_of_the_softcap_is_named(words, search_for):
    products = CAPPED * (DP - (CAPPED * DP).sum(axis=-1, keepdims=True))
    assert diagnosis({"output": CAPPED @ V, **back(products * (1 - TANH**2))}, softcap=CAP) == ()
    search_for("grad-softcap-other")
    first = diagnosis({"output": CAPPED @ V, **back(products * OF_CAP[words])}, softcap=CAP)[0]
    said = f"the derivative of the softcap was taken as {words}: 1 − tanh² is expected"
    assert (first.slip, first.sentence) == ("grad-softcap-other", said)
