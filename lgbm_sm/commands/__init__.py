"""The terminal: one module for each group of commands, and the format of results. Only these modules use Typer.

To add a command: write a function with `@app.command(cls=SharedOptionsCommand, …)` in a module here, as policy.py does,
import a new module in `lgbm_sm/cli.py`, and add the name of the command to `GROUPS` in app.py.
"""
