"""What `lgbm_sm.config.loading` is made of: the sections, how they are read, and how a problem is put into words."""
