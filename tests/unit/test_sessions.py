"""Sessions and passes: what the service signs, it reads; nothing else."""

from __future__ import annotations

import pytest

from caviar.teams import Pass, Signer

SIGNER = Signer("the service's own token")
OTHER = Signer("the service's next token")
PASS = Pass("team-a", "0a1b2c3d-r1-17", 3)


def test_a_session_names_its_token_until_it_ends() -> None:
    """To the second."""
    text = SIGNER.session("0123456789ab", 1000.0)
    assert SIGNER.session_token(text, 999.9) == "0123456789ab"
    assert SIGNER.session_token(text, 1000.0) is None


def test_a_pass_comes_back_as_it_was() -> None:
    """Team, trial and attempt."""
    assert SIGNER.read_pass(SIGNER.trial_pass(PASS)) == PASS


def test_neither_is_good_for_another_service_or_as_the_other() -> None:
    """Keys are derived for each use."""
    session, given = SIGNER.session("0123456789ab", 1000.0), SIGNER.trial_pass(PASS)
    assert OTHER.session_token(session, 0.0) is None
    assert OTHER.read_pass(given) is None
    assert SIGNER.session_token(given, 0.0) is None
    assert SIGNER.read_pass(session) is None


@pytest.mark.parametrize("text", [SIGNER.session("0123456789ab", 1000.0), SIGNER.trial_pass(PASS)])
def test_any_changed_character_voids_it(text: str) -> None:
    """Also one more, or one less."""
    tampered = [text[:at] + other + text[at + 1 :] for at in range(len(text)) for other in "0zA.-"]
    for changed in {*tampered, text + "A", text[:-1], text + "\n", " " + text} - {text}:
        session, given = SIGNER.session_token(changed, 0.0), SIGNER.read_pass(changed)
        assert (session, given) == (None, None), changed
