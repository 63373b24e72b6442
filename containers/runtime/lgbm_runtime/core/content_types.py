"""The formats of requests and answers.

To add one, write a module with its ContentType and name the module here. For `lgbm-sm predict` to recognise files of
that type, add their suffix to lgbm_sm/invocation/invoke.py.
"""

from __future__ import annotations

from lgbm_runtime.core import csv_content, json_content, json_lines_content
from lgbm_runtime.core.content_codec import ContentType

# Of two types that a client likes equally, it gets the one that is first here.
CONTENT_TYPES: tuple[ContentType, ...] = (
    csv_content.CONTENT_TYPE,
    json_content.CONTENT_TYPE,
    json_lines_content.CONTENT_TYPE,
)
BY_NAME = {name: content_type for content_type in CONTENT_TYPES for name in content_type.names}
SUPPORTED = ", ".join(BY_NAME)
