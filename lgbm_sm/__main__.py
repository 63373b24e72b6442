"""`python -m lgbm_sm`."""

from lgbm_sm.cli import main

main()
