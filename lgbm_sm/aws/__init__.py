"""Everything that calls AWS: the account, its services, IAM policies, error hints, waiting and the dry run."""
