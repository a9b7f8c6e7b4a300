"""`backfleet aws prices`: the price of Fargate in a region, for `max_cost`."""

from __future__ import annotations

from dataclasses import asdict

import click

from backfleet_executors.aws.stack.options import clients_for, settings_file

__all__ = ["prices_command"]


@click.command("prices")
@click.option(
    "--region", help="AWS region. Default: that of backfleet.toml, or of the environment."
)
@click.option("--arm64", is_flag=True, help="Look up the price on ARM64.")
def prices_command(region: str | None, arm64: bool) -> None:
    """Look up the price of Fargate and write it into backfleet.toml.

    Otherwise backfleet uses built-in prices, which cover some regions and may be out of date.
    """
    # Deferred: `backfleet aws --help` imports the modules of all commands.
    from backfleet_executors.aws.batch.price_list import look_up_price
    from backfleet_executors.aws.image_records import ARCHITECTURE, ARM64
    from backfleet_executors.aws.stack.settings_file import write_settings

    price = look_up_price(clients_for(region), ARM64 if arm64 else ARCHITECTURE)
    write_settings(settings_file(), {"price": asdict(price)})
    click.echo(
        f"{price.region}: {price.vcpu_hour:g} {price.currency} per vCPU-hour and {price.gb_hour:g} "
        f"per GB-hour on demand, of {price.date} ({price.source})"
    )
    click.echo(f"{settings_file().resolve()}: [executors.aws-batch.price] has this price")
