"""Everything that calls AWS: account, services, IAM policies, error hints and dry run."""
