"""The known failures: from the text of an error or the last lines of a log to its cause and what mends it."""

from lgbm_sm.known_troubles.account import ACCOUNT_TROUBLES
from lgbm_sm.known_troubles.machine import MACHINE_TROUBLES
from lgbm_sm.known_troubles.programs import PROGRAM_TROUBLES
from lgbm_sm.known_troubles.stores import STORE_TROUBLES
from lgbm_sm.known_troubles.symptoms import SYMPTOM_TROUBLES
from lgbm_sm.known_troubles.tables import TABLE_TROUBLES
from lgbm_sm.known_troubles.trouble import Trouble

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
