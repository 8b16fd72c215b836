"""The audit trail 审计: keys, the chain of a case's timeline, signed checkpoints, and how tampering is found."""
