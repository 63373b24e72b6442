"""What `lgbm_sm.scaffold.new_project` is made of: what a table proposes, the questions, and the files of a project."""
