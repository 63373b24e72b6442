"""AWS: the account and its session, errors by code, waiting, dry run, policies, and each service that is used."""
