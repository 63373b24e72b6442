"""What is known of a failure."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Trouble:
    """A failure that others have met before.

    `patterns` are regular expressions, of which one in an error's text or a log's lines is enough; they look at no
    case, and `^` and `$` are the ends of a line. `cause` is a sentence, `remedy` what to do next, `source` a public
    thread or a page of the documentation.
    """

    id: str
    patterns: tuple[str, ...]
    cause: str
    remedy: str
    source: str

    def is_in(self, text: str) -> bool:
        return any(re.search(pattern, text, re.IGNORECASE | re.MULTILINE) for pattern in self.patterns)


GUIDE = "Amazon SageMaker developer guide"
TRAINING_PAGE = f"{GUIDE}, Containers with custom training algorithms"
HOSTING_PAGE = f"{GUIDE}, Custom Inference Code with Hosting Services"
HOSTING_FAQ = f"{GUIDE}, Model Hosting FAQs"
