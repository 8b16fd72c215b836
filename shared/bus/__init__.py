"""The bus: nothing lost, nothing doubled.

A command writes its facts to the outbox of its own transaction (`outbox`); the relay moves them to the carrier
(`relay`); a consumer applies each batch in one transaction that also holds its progress (`consumer`, `inbox`,
`sequence`); what cannot be applied is parked beside the flow (`parked`). Carriers: `kafka` and `embedded`, behind
`carrier`.
"""
