"""The service that Multi Model Server's workers run.

The server requires exactly one class in this module.
"""

from __future__ import annotations

from sagemaker_inference.default_handler_service import (  # type: ignore[import-not-found]
    DefaultHandlerService,
)

from lgbm_toolkit.transformer import LightgbmTransformer


class HandlerService(DefaultHandlerService):  # type: ignore[misc] # the toolkit has no types
    """The toolkit's service with this package's transformer.

    It inherits `initialize` and `handle` from the toolkit.
    """

    def __init__(self) -> None:
        super().__init__(transformer=LightgbmTransformer())
