"""What a verdict means, and what one does next: for people who see it for the first time."""

from __future__ import annotations

from dataclasses import dataclass

from caviar.contract.recheck import CheckView, RecheckView


@dataclass(frozen=True, slots=True)
class Meaning:
    word: str
    """holds, moved, inconclusive; or none yet, and no verdict."""
    means: str
    next: str


def meaning_of(
    found: RecheckView, last: CheckView | None, proposed: bool, retuning: bool, crowned: bool
) -> Meaning:
    """``last`` is the newest check that has ended; ``retuning``: the study that it called for goes on.

    ``proposed``: a champion waits for somebody's decision. ``crowned``: there is a champion.
    """
    if not crowned:
        return Meaning(
            "none yet",
            "The study has no champion yet.",
            "It has one when the search ends with a result."
            if not proposed
            else "One is proposed: promote it, or reject it.",
        )
    if last is None:
        return Meaning(
            "not checked",
            "The champion was the best when it was found. Whether it still is, nobody has looked.",
            "Check it now, or let it be checked by itself: when the data changes, say.",
        )
    if last.verdict is None:
        return Meaning(
            "no verdict",
            "The last check ended without a verdict: it was stopped, or its trainings failed.",
            "Look at its trials, then check again.",
        )
    word = last.verdict.word
    if word == "holds":
        return Meaning(
            word,
            "The champion was trained again beside its rivals. None is better by more than the tolerance.",
            "Nothing to do."
            if not proposed
            else "One is still proposed from an earlier check: promote it, or reject it.",
        )
    if word == "moved":
        means = (
            "Another point is better now by more than the tolerance: the optimum lies elsewhere."
        )
        return Meaning(word, means, _after_moved(found, last, proposed, retuning))
    return Meaning(
        word,
        "The trainings do not tell: there were too few for the noise, or the data changed in the middle.",
        "Keep the champion. Check again with more trainings, or raise the tolerance to what matters to you.",
    )


def _after_moved(found: RecheckView, last: CheckView, proposed: bool, retuning: bool) -> str:
    if any(each.check == last.number and each.state == "champion" for each in found.champions):
        return "Nothing to do: what was found then is the champion now."
    if retuning:
        return "Wait: a study tunes again from where the last one ended, and what it finds is shown here."
    if proposed:
        return "Decide: what tuning again has found is proposed. Promote it, or reject it."
    if last.retuned is not None:
        return "Nothing better than the champion came of tuning again: it stays. Check again when something changes."
    return (
        "Tune again: submit the study anew with warm_start, or say below that what moved is tuned again by itself "
        "and check once more."
    )
