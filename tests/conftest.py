"""What holds for the whole suite: the same tests with the same results on every machine."""

import os

from hypothesis import settings

# what a developer's shell or a CI service sets would change what the commands and the program do
for _name in list(os.environ):
    if _name.startswith(("LGBM_SM_", "SAGEMAKER_")) or _name in ("CI", "FORCE_COLOR", "NO_COLOR", "PYTHONPATH"):
        del os.environ[_name]

# hypothesis has a profile of its own for CI; deadlines measure the machine, not the code
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")
