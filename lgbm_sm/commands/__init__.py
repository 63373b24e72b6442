"""The commands, and the format of their results. Only this package uses Typer.

To add a command, write a function with `@app.command(cls=SharedOptionsCommand, …)` in a module here. policy.py is an
example. Add the name of the command to `GROUPS` in app.py. Import a new module in `lgbm_sm/cli.py`.
"""
