"""The terminal: one module for each group of commands, and how results look. Only these modules use Typer.

To add a command: write a function with `@app.command(cls=SharedOptionsCommand, …)` in a module here (policy.py is short),
import a new module in `lgbm_sm/cli.py`, and add the command's name to `GROUPS` in app.py.
"""
