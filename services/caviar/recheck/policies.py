"""A policy that came over the API, held to what a study file may say."""

from __future__ import annotations

from caviar.contract.recheck import Policy
from caviar.errors import InputError, Problem
from caviar.studies.fields import Fields
from caviar.studies.nursing import Mode
from caviar.studies.rechecking import read_recheck
from caviar.studies.source import Source


def as_in_a_file(policy: Policy, mode: Mode) -> Policy:
    """The policy as the section ``recheck`` of a study of that mode would have said it.

    Raises InputError with all that no file may say.
    """
    section = policy.model_dump(mode="json", exclude_defaults=True)
    if "every_s" in section:
        section["every"] = section.pop("every_s")
    if policy.data is not None and section["data"].keys() == {"version"}:
        section["data"] = policy.data.version
    problems: list[Problem] = []
    source = Source({"recheck": section}, {})
    found = read_recheck(Fields(source, source.data, (), problems), mode, problems)
    if found is None or problems:
        raise InputError([Problem(p.path[1:], p.reason, p.way_out) for p in problems])
    return found
