"""The service that Multi Model Server's workers run.

Multi Model Server accepts this module only if it contains exactly one class.
"""

from __future__ import annotations

from sagemaker_inference.default_handler_service import (  # type: ignore[import-not-found]
    DefaultHandlerService,
)

from lgbm_toolkit.transformer import LightgbmTransformer


class HandlerService(DefaultHandlerService):  # type: ignore[misc] # the toolkit has no types
    """The toolkit's service, with LightgbmTransformer in place of the toolkit's transformer.

    The methods `initialize` and `handle` come from the toolkit.
    """

    def __init__(self) -> None:
        super().__init__(transformer=LightgbmTransformer())
