"""``caviar priority`` and ``caviar queue move``: whose turn it is, changed by people."""

from __future__ import annotations

from caviar.cli.reading import console, print_json
from caviar.cli.views.parts import clean
from caviar.client.connection import Client, find_service
from caviar.contract.queue import Place, StudyEdit


def set_priority(given: str, priority: int, as_json: bool) -> int:
    """Inside its team."""
    return _edit(given, StudyEdit(priority=priority), f"has priority {priority}", as_json)


def move(given: str, place: Place, as_json: bool) -> int:
    """Before all others, after all others, or back to where shares and priorities have it."""
    said = {
        "first": "goes before all other studies",
        "normal": "goes where its team's share and its priority have it",
        "last": "goes after all other studies",
    }
    return _edit(given, StudyEdit(place=place), said[place], as_json)


def _edit(given: str, edit: StudyEdit, said: str, as_json: bool) -> int:
    with Client(find_service()) as client:
        study = client.edit_study(client.resolve(given), edit)
    if as_json:
        print_json(study)
    else:
        console().print(f"{clean(study.name)} ({study.id}) {said}.", markup=False)
    return 0
