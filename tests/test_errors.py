"""The tree of errors and the one table from an error to what the peer reads: neither may miss anything."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import pytest

from acqp_gateway import errors
from acqp_gateway.errors import GatewayError, Refused, StoreError
from acqp_gateway.protocol import results
from acqp_gateway.protocol.gate import RESULT_OF_ERROR, result_of

CLASSES = {name: value for name, value in vars(errors).items() if inspect.isclass(value)}


def leaves(parent: type[GatewayError]) -> Iterator[type[GatewayError]]:
    """The classes of errors.py below a class that have none below them."""
    below = [child for child in parent.__subclasses__() if child in CLASSES.values()]
    if not below:
        yield parent
    for child in below:
        yield from leaves(child)


def drawn_tree() -> dict[str, str | None]:
    """Each class of the docstring's drawing with the class that it is drawn below."""
    parents: dict[str, str | None] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        tree = re.fullmatch(r"    ((?:[│ ]   )*)((?:[├└]── )?)([A-Z]\w+(?:  ?[A-Z]\w+)*)(?:  .*)?", line)
        if tree is None:
            continue
        depth = (len(tree[1]) + len(tree[2])) // 4
        path = [(at, name) for at, name in path if at < depth]
        for name in tree[3].split():
            assert name not in parents, name
            parents[name] = path[-1][1] if path else None
        path.append((depth, name))
    return parents


def test_every_refusal_has_a_row_of_its_own() -> None:
    assert [leaf.__name__ for leaf in leaves(Refused) if leaf not in RESULT_OF_ERROR] == []
    assert StoreError in RESULT_OF_ERROR


def test_every_result_but_success_is_made_by_some_error() -> None:
    served = {
        *results.PUSH_PAYMENT,
        *results.INQUIRY_PAYMENT,
        *results.INQUIRY_CUSTOMER_ID,
        *results.INQUIRY_USER_INFO,
    }
    assert set(RESULT_OF_ERROR.values()) == served - {results.SUCCESS}


def test_every_row_is_of_a_refusal_or_a_failure_of_the_store() -> None:
    assert all(issubclass(error, (Refused, StoreError)) for error in RESULT_OF_ERROR)


def test_a_refusal_by_the_decoder_is_final_and_a_failure_is_not() -> None:
    for error, result in RESULT_OF_ERROR.items():
        unknown = issubclass(error, (StoreError, errors.TrafficLimitExceeded, errors.PaymentInProcess))
        assert result.status is (results.ResultStatus.U if unknown else results.ResultStatus.F), error


def test_the_drawing_names_every_class_below_its_parent() -> None:
    actual = {name: None if value is GatewayError else value.__mro__[1].__name__ for name, value in CLASSES.items()}
    assert drawn_tree() == actual


@pytest.mark.parametrize("error", CLASSES.values(), ids=CLASSES)
def test_every_error_is_ours_and_says_what_it_means(error: type[GatewayError]) -> None:
    assert issubclass(error, GatewayError)
    assert inspect.getdoc(error)
    assert error.__doc__ != error.__mro__[1].__doc__


def test_every_refusal_has_a_label_of_its_own() -> None:
    labels = [getattr(leaf, "reason", "") for parent in (Refused, errors.CallFailed) for leaf in leaves(parent)]
    assert len(set(labels)) == len(labels)
    assert all(re.fullmatch("[a-z][a-z0-9_]{2,63}", label) for label in labels)


def test_a_refusal_keeps_label_and_detail_apart() -> None:
    usual = errors.SignatureInvalid()
    assert (usual.reason, usual.detail, str(usual)) == ("bad_signature", "", "bad_signature")
    special = errors.SignatureInvalid("signature_wrong", "key 3")
    assert (special.reason, special.detail, str(special)) == ("signature_wrong", "key 3", "signature_wrong: key 3")
    assert errors.SignatureInvalid.reason == "bad_signature"


@pytest.mark.parametrize("error", [error for error in CLASSES.values() if not list(error.__subclasses__())])
def test_what_is_no_refusal_is_unknown_to_the_peer(error: type[GatewayError]) -> None:
    if not issubclass(error, Refused):
        assert result_of(error()) is results.UNKNOWN_EXCEPTION
