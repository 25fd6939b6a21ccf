"""Stores: where records, the revocation feed and the audit trail live, behind the same few verbs."""
