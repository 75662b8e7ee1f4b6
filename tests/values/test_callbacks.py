"""Addresses that the gateway calls: good for one job, and nobody else can make them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedvr_cli.values.callbacks import callback_address, called_claim, key_of, new_claim

KEY = "0123456789abcdef" * 2


def test_an_address_names_its_claim():
    """The claim comes back from the address, whatever the public URL's path, and its key from the claim."""
    claim = new_claim(KEY)
    for public in ("https://a.example", "https://a.example/", "https://a.example/hook/x"):
        address = callback_address(public, claim, "secret")
        target = address.removeprefix("https://a.example")
        assert called_claim(target, ["secret"]) == claim
        assert called_claim(f"{target}?query=1", ["other", "secret"]) == claim
    assert key_of(claim) == KEY
    assert new_claim(KEY) != claim


@pytest.mark.parametrize("secrets", [[], ["other"], [""]])
def test_another_secret_signs_nothing(secrets):
    """An address that no known secret has signed names no claim."""
    target = callback_address("", new_claim(KEY), "secret")
    assert called_claim(target, secrets) is None


@given(position=st.integers(0, 200), letter=st.characters(codec="latin-1"))
def test_any_other_letter_breaks_it(position, letter):
    """An address with one letter changed is no address, or the same one."""
    claim = new_claim(KEY)
    target = callback_address("", claim, "secret")
    position %= len(target)
    changed = target[:position] + letter + target[position + 1 :]
    assert changed == target or called_claim(changed, ["secret"]) is None


@given(st.text(alphabet=st.characters(codec="latin-1")))
def test_no_other_text_is_an_address(target):
    """Whatever else is asked for is nobody's."""
    assert called_claim(target, ["secret"]) is None
