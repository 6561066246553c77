"""Who may do what: a token says who calls, its role what that person may do, and its team whose things those are."""

from caviar.teams import LOCAL, Caller, digest_of, experiment_of, identifier_of, new_token, owner_of

ADA = Caller("ada", role="admin", team="vision", token="3f9a0c41d2be")
BOB = Caller("bob", role="submitter", team="vision", token="77aa01bb23cc")
EVE = Caller("eve", role="admin", team="speech", token="0102030405aa")
HOST = Caller("host-7", role="worker", team=None, token="9988776655ff")


def test_each_role_may_do_what_those_before_it_may():
    """A submitter looks and submits, an admin keeps tokens as well; only an operator does all of it everywhere."""
    assert [BOB.may(role) for role in ("viewer", "submitter", "admin", "operator")] == [
        True,
        True,
        False,
        False,
    ]
    assert ADA.may("admin")
    assert not ADA.may("operator")
    assert LOCAL.may("operator")


def test_a_machines_token_is_no_persons():
    """It claims trials and reports on them: it may not even look."""
    assert not HOST.may("viewer")


def test_a_team_has_its_own_things():
    """However much a role may do, it does so in its own team. An operator's are all teams."""
    assert ADA.belongs_to("vision")
    assert not EVE.belongs_to("vision")
    assert LOCAL.belongs_to("vision")


def test_a_token_is_its_owners_alone():
    """The service keeps what proves it, and an id by which it is listed and revoked. Neither gives it back."""
    fresh = new_token()
    assert fresh.text.startswith("cav_")
    assert identifier_of(fresh.text) == fresh.id
    assert digest_of(fresh.text) == fresh.digest
    assert fresh.text not in repr(fresh)
    assert new_token().text != fresh.text


def test_a_token_is_right_to_the_last_character():
    """What is cut or written otherwise is no token at all."""
    text = new_token().text
    assert identifier_of(text[:-1]) is None
    assert identifier_of(text.upper()) is None
    assert identifier_of(f"{text} ") is None


def test_teams_do_not_meet_in_mlflow():
    """Each has its experiment of a project. The default team's has no prefix: a service without teams looks as ever."""
    assert experiment_of("default", "digits") == "digits"
    assert experiment_of("vision", "digits") == "vision/digits"
    assert owner_of("vision/digits", {"vision", "speech"}) == "vision"
    assert owner_of("somebody's/notebook", {"vision", "speech"}) is None
