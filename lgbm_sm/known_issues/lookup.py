"""The known failures: from the text of an error or the last lines of a log to its cause and what mends it."""

from lgbm_sm.known_issues.account import ACCOUNT_TROUBLES
from lgbm_sm.known_issues.issue import Trouble
from lgbm_sm.known_issues.machine import MACHINE_TROUBLES
from lgbm_sm.known_issues.programs import PROGRAM_TROUBLES
from lgbm_sm.known_issues.stores import STORE_TROUBLES
from lgbm_sm.known_issues.symptoms import SYMPTOM_TROUBLES
from lgbm_sm.known_issues.tables import TABLE_TROUBLES

# what tells most comes first; within each table too
TROUBLES: tuple[Trouble, ...] = (
    *PROGRAM_TROUBLES,
    *TABLE_TROUBLES,
    *MACHINE_TROUBLES,
    *STORE_TROUBLES,
    *ACCOUNT_TROUBLES,
    *SYMPTOM_TROUBLES,
)


def find_troubles(text: str) -> tuple[Trouble, ...]:
    """The troubles that `text` shows, the most specific first; empty where none is known.

    `text` is an error's message, a FailureReason, the last lines of a log, or several of these put together: a cause
    that the log tells then stands before the symptom that AWS reports.
    """
    return tuple(trouble for trouble in TROUBLES if trouble.is_in(text))
