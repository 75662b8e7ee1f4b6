"""The tree of errors: codes for scripts, exit codes for shells, hints for people."""

import inspect
import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedvr_cli.values import errors
from seedvr_cli.values.errors import (
    KEYS_PAGE,
    WALLET_PAGE,
    BalanceError,
    Busy,
    JobFailed,
    KeyMissing,
    KeyRefused,
    NotSent,
    NotSubmitted,
    OutcomeUnknown,
    SeedvrError,
    StillRunning,
    UsageError,
    worst_exit_code,
)

# The contract: what decides where several hold, and the meaning of each code.
ORDER = (130, 143, 7, 3, 4, 5, 6, 1)
EXIT_CODES = {
    "usage": 2,
    "no_key": 3,
    "key_refused": 3,
    "balance": 4,
    "max_cost": 4,
    "gateway": 5,
    "network": 5,
    "still_running": 6,
    "unknown_outcome": 7,
    "bad_line": 1,
    "refused": 1,
    "job_failed": 1,
    "source": 1,
    "upload": 1,
    "delivery": 1,
    "ledger": 1,
    "unforeseen": 1,
    "stdout": 1,
    "interrupted": 130,
}


def kinds() -> list[type[SeedvrError]]:
    """The direct children of the tree's root, as the module has them; not NotSubmitted, which has another's code."""
    found = (kind for _, kind in inspect.getmembers(errors, inspect.isclass))
    return [kind for kind in found if kind.__bases__ == (SeedvrError,) and kind is not NotSubmitted]


def test_every_error_has_the_exit_code_of_the_contract():
    """Each class of the tree ends the command with the code that scripts rely on."""
    assert {kind.code: kind.exit_code for kind in kinds()} == EXIT_CODES


def test_the_drawn_tree_is_the_tree():
    """The drawing in the module's docstring names each class with its exit code, and no other."""
    drawn = dict(re.findall(r"[├└]── (\w+) +(\d*) ", errors.__doc__))
    found = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SeedvrError)]
    tree = {kind.__name__: str(kind.exit_code) for kind in found if kind is not SeedvrError}
    assert drawn == tree | {"NotSubmitted": "", "TakenOver": ""}


def test_codes_for_scripts_are_words_of_their_own():
    """No two classes of the tree share a `code`."""
    codes = [kind.code for kind in kinds()]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(ORDER, 2)))
def test_where_two_hold_the_weightier_decides(first, second):
    """The order of the contract decides between any two exit codes, whichever came first."""
    assert worst_exit_code([first, second]) == first
    assert worst_exit_code([second, 0, first]) == first


@settings(deadline=None)
@given(st.lists(st.sampled_from((0, *ORDER))))
def test_the_exit_code_depends_on_neither_order_nor_number(codes):
    """Only which codes occurred counts, and 0 only where no other did."""
    expected = next((code for code in ORDER if code in codes), 0)
    assert worst_exit_code(codes) == expected


def test_success_is_zero():
    """A command whose parts all succeeded, or that had none, ends with 0."""
    assert worst_exit_code([]) == worst_exit_code([0, 0]) == 0


def test_an_unlisted_code_is_a_failure():
    """A code outside the contract's list never turns into success."""
    assert worst_exit_code([0, 99]) == 1


def test_an_error_may_say_more_than_its_class():
    """A hint or code given to one error replaces that of its class, and leaves the class alone."""
    own = JobFailed("the gateway says ERROR", code="job_error", hint="run it again")
    assert (str(own), own.message, own.code, own.hint) == (
        "the gateway says ERROR",
        "the gateway says ERROR",
        "job_error",
        "run it again",
    )
    assert JobFailed("other").code == "job_failed"
    assert JobFailed("other").hint is None


def test_what_was_not_submitted_has_the_code_of_the_reason():
    """A job that is not sent because of another's end has that one's code, exit code and hint."""
    for cause in (BalanceError("the wallet is empty"), KeyRefused("no"), errors.CostCapReached("enough", hint="more")):
        error = NotSubmitted(cause)
        assert (error.code, error.exit_code, error.hint) == (cause.code, cause.exit_code, cause.hint)
        assert error.message == f"not submitted: {cause.message}"


def test_the_hints_say_where_to_go():
    """A missing or refused key names the page of keys, and an empty wallet the page where money is added."""
    for kind in (KeyMissing, KeyRefused):
        assert KEYS_PAGE in kind("x").hint
        assert "--sandbox needs none" in kind("x").hint
    assert WALLET_PAGE in BalanceError("x").hint
    assert KEYS_PAGE == "https://api-console.pixazo.ai/api_keys"
    assert WALLET_PAGE == "https://api-console.pixazo.ai/dashboard"


def test_the_hints_about_money_promise_what_the_ledger_does():
    """A job that goes on is picked up by the same command, and an unknown outcome needs --new."""
    assert "same command again" in StillRunning("x").hint
    assert "--new" in OutcomeUnknown("x").hint


def test_errors_of_the_gateway_keep_the_exit_code_of_their_parents():
    """What was never sent counts as the network's failure, and a busy gateway as the gateway's."""
    assert (NotSent("x").exit_code, NotSent("x").code) == (5, "network")
    assert (Busy("x", 1.5).exit_code, Busy("x", 1.5).wait) == (5, 1.5)
    assert not issubclass(NotSent, OutcomeUnknown)
    assert not issubclass(OutcomeUnknown, errors.NetworkError | errors.GatewayError)
    assert not issubclass(UsageError, ValueError)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("SOURCE: 'ftp://a.example/b?X-Amz-Signature=s' is not", "SOURCE: 'ftp://a.example/b?...' is not"),
        ("https://a.example/b.mp4?t=s: it is", "https://a.example/b.mp4?... it is"),
        ("'https://me:s@a.example' is not an https URL", "'https://***@a.example' is not an https URL"),
        ("postgresql://a/b?user=me&password=s: no", "postgresql://a/b?user=me&password=*** no"),
        ("--tag: 'what?' is none", "--tag: 'what?' is none"),
    ],
)
def test_what_a_user_wrote_is_quoted_without_what_lets_somebody_in(said, shown):
    """A usage error has no query of a web address, and no password."""
    assert UsageError(said).message == shown
