"""Deliveries are signed as Standard Webhooks has it, so that receivers check them with a library they know."""

from __future__ import annotations

from caviar.webhooks import new_secret, signature


def test_the_signature_is_that_of_the_specification() -> None:
    """The example in the specification's own libraries."""
    signed = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",  # pragma: allowlist secret
        "msg_p5jXN8AQM9LWM0D4loKWxJek",  # pragma: allowlist secret
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_is_changed_on_the_way_has_another_signature() -> None:
    secret = new_secret()
    right = signature(secret, "msg_1", 1000, b"{}")
    assert right != signature(secret, "msg_1", 1000, b"{ }")
    assert right != signature(secret, "msg_1", 1001, b"{}")
    assert right != signature(secret, "msg_2", 1000, b"{}")
    assert right != signature(new_secret(), "msg_1", 1000, b"{}")
