"""What `lgbm_sm.data` is made of: from a table of the user to the columns, splits and files of the channels."""
