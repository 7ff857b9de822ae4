"""What the keys in Redis are called."""

from collections.abc import Sequence

import msgspec

__all__ = ["RedisKeys", "alias_key", "keys_of"]


class RedisKeys(msgspec.Struct, frozen=True):
    """The key names of one lifecycle.

    A sibling key carries its neighbour's whole name as hash tag, so that both live in one slot of a Redis
    Cluster and one script may touch both.

    Args:
        base: What every name begins with, including the colon.

    Examples:
        >>> keys = RedisKeys("lifecycle:")
        >>> keys.customer("c1"), keys.ledger(3)
        ('lifecycle:customer:{c1}', '{lifecycle:stage-counts}:partition:3')
    """

    base: str

    @property
    def risks(self) -> str:
        """Sorted set of customer ids by churn risk."""
        return f"{self.base}churn-risk"

    @property
    def counts(self) -> str:
        """Hash of customers per stage."""
        return f"{self.base}stage-counts"

    @property
    def changes(self) -> str:
        """Stream, and channel, of stage changes."""
        return f"{self.base}stage-changes"

    @property
    def alerts(self) -> str:
        """Sorted set of the customers about whom an alert stands, by the instant of raising."""
        return f"{self.base}churn-alerts"

    @property
    def alert_details(self) -> str:
        """Hash of the last alert about each customer, as JSON."""
        return f"{{{self.alerts}}}:details"

    @property
    def alert_acknowledgements(self) -> str:
        """Hash of who takes care of which customer's alert, as JSON."""
        return f"{{{self.alerts}}}:acknowledged"

    @property
    def alert_keys(self) -> tuple[str, str, str, str]:
        """The keys of ``alerts.lua``."""
        return self.alerts, self.alert_details, self.alert_acknowledgements, f"{{{self.alerts}}}:resolved"

    def customer(self, customer: str) -> str:
        """Hash of one customer."""
        return f"{self.base}customer:{{{customer}}}"

    def ledger(self, partition: int) -> str:
        """Hash that says what a partition has added to the stage counts, and up to which offset."""
        return f"{{{self.counts}}}:partition:{partition}"

    def risk_fence(self, partition: int) -> str:
        """Offset up to which a partition has been applied to the risks."""
        return f"{{{self.risks}}}:partition:{partition}"

    def change_fence(self, partition: int) -> str:
        """Offset up to which a partition has been applied to the stream."""
        return f"{{{self.changes}}}:partition:{partition}"


def keys_of(prefix: str, lifecycles: Sequence[str]) -> dict[str, RedisKeys]:
    """The keys of each configured lifecycle: all but the first put their name in.

    Args:
        prefix: Configured prefix, ``lifecycle:`` unless tenants share a Redis. A missing colon is added.
        lifecycles: Names in configured order.

    Examples:
        >>> {name: keys.counts for name, keys in keys_of("lifecycle:", ["retail", "saas"]).items()}
        {'retail': 'lifecycle:stage-counts', 'saas': 'lifecycle:saas:stage-counts'}
    """
    base = prefix if prefix.endswith(":") else f"{prefix}:"
    return {name: RedisKeys(base if i == 0 else f"{base}{name}:") for i, name in enumerate(lifecycles)}


def alias_key(prefix: str, anonymous: str) -> str:
    """String that holds the customer id to which an anonymous id belongs; the same for all lifecycles.

    Its hash tag is that of the anonymous id's own hash: one round trip reads both, in a Cluster too. It names the
    customer at the end of the way, never another alias.

    Examples:
        >>> alias_key("lifecycle:", "anon-1")
        'lifecycle:alias:{anon-1}'
    """
    base = prefix if prefix.endswith(":") else f"{prefix}:"
    return f"{base}alias:{{{anonymous}}}"
