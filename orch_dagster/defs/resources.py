"""The control store as a Dagster resource, for landing jobs and for users' own assets."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import dagster as dg
from pydantic import Field, PrivateAttr
from typing_extensions import override

from orch_dagster.control.connect import opened_store
from orch_dagster.control.kudu.address import (
    DEFAULT_TIMEOUT_S,
    KuduAddress,
    make_address,
    parse_address,
)
from orch_dagster.control.kudu.store import KuduStore
from orch_dagster.control.store import ControlStore
from orch_dagster.settings import Settings, load_settings


class KuduResource(dg.ConfigurableResource[Any]):
    """A Kudu cluster, open for the length of a run.

    ``store`` reads and writes the control tables, and any other table that is declared as a Table.

    Raises:
        SettingsError: If a value is invalid or no driver is installed; at the start of a run.
    """

    masters: list[str] = Field(description="host:port of each master")
    driver: str | None = Field(
        default=None, description="native or jvm; by default native where it is installed, else jvm"
    )
    timeout_s: float = Field(
        default=DEFAULT_TIMEOUT_S, description="How long one call may take, in seconds"
    )
    require_authentication: bool = Field(
        default=False, description="Refuse a cluster that does not authenticate"
    )
    encryption_policy: str = Field(
        default="optional", description="optional, required_remote or required"
    )
    sasl_protocol_name: str = Field(
        default="kudu", description="Service name of the masters' Kerberos principal"
    )
    trusted_certificates: str | None = Field(
        default=None, description="A PEM file of certificates to trust"
    )
    replicas: int | None = Field(
        default=None,
        description="Replicas of created tables; by default as many as the cluster can hold",
    )

    _store: KuduStore | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, address: KuduAddress) -> KuduResource:
        """Build the resource of an address."""
        trusted = address.trusted_certificates
        return cls(
            masters=[*address.masters],
            driver=address.driver,
            timeout_s=address.timeout_s,
            require_authentication=address.require_authentication,
            encryption_policy=address.encryption_policy,
            sasl_protocol_name=address.sasl_protocol_name,
            trusted_certificates=str(trusted) if trusted else None,
            replicas=address.replicas,
        )

    @property
    def address(self) -> KuduAddress:
        """The cluster's address, with all configured options."""
        given = self.model_dump(exclude={"masters"}, exclude_none=True)
        options = {name: str(value) for name, value in given.items()}
        return make_address(self.masters, options, "KuduResource")

    @property
    def store(self) -> KuduStore:
        """The open store, closed at the end of the run."""
        if self._store is None:
            raise dg.DagsterInvariantViolationError(
                "a KuduResource is open only within a run: declare it as a parameter of the asset"
            )
        return self._store

    @override
    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        self._store = KuduStore(self.address, load_settings().home)

    @override
    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        self.store.close()
        self._store = None


def control_store_resource(settings: Settings) -> dg.ResourceDefinition:
    """Build the resource by which ops and assets get the store open, for the length of their run.

    On Kudu it is a KuduResource. The URL of SQLite or Postgres is not part of its config: Dagster
    shows config, and the URL may hold a password.
    """
    if settings.is_on_kudu:
        return KuduResource.of(parse_address(settings.control_url)).get_resource_definition()

    @dg.resource(description="The control tables in SQLite or Postgres, by ORCH_CONTROL_URL.")
    @contextmanager
    def control_store(_context: dg.InitResourceContext) -> Generator[ControlStore]:
        with opened_store(settings) as store:
            yield store

    return control_store


def store_of(resource: object) -> ControlStore:
    """Return the open store of a control-store resource of either kind."""
    return resource.store if isinstance(resource, KuduResource) else cast(ControlStore, resource)
