"""The formats of requests and answers.

To add a format, write a module with its ContentType and add it to CONTENT_TYPES. Also add its file suffix to
lgbm_sm/invocation/invoke.py, so that `lgbm-sm predict` recognises its files.
"""

from __future__ import annotations

from lgbm_runtime.core import csv_content, json_content, json_lines_content, tsv_content
from lgbm_runtime.core.content_codec import ContentType

# If a client accepts two types equally, the answer has the type that comes first here.
CONTENT_TYPES: tuple[ContentType, ...] = (
    csv_content.CONTENT_TYPE,
    json_content.CONTENT_TYPE,
    json_lines_content.CONTENT_TYPE,
    tsv_content.CONTENT_TYPE,
)
BY_NAME = {name: content_type for content_type in CONTENT_TYPES for name in content_type.names}
SUPPORTED = ", ".join(BY_NAME)
